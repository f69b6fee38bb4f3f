//! The run: one driver for the whole migration.
//!
//! [`machine`] says what follows what; the driver writes the journal first and then does what the
//! machine says. Every effect may be done twice: steps are judged by what is in the target, rows by
//! the target's ledger. So a run may be killed anywhere, and the same call goes on.
//!
//! ```no_run
//! # use limosa_flow::{journal::Journal, plan::Plan, progress::Silent, settings::RunSettings};
//! # use limosa_flow::run::{self, Parts, RunError, Stop};
//! # fn go(source: &dyn limosa_core::engine::Engine, target: &dyn limosa_core::engine::Engine, plan: &Plan)
//! # -> Result<(), RunError> {
//! let path = Journal::path(std::path::Path::new(".limosa"), &plan.settings.name);
//! let mut journal = Journal::create(&path, plan)?;
//! let progress: limosa_flow::progress::Progress = std::sync::Arc::new(Silent);
//! let stop = Stop::new();
//! let outcome = run::execute(
//!     source, target, plan, &RunSettings::default(), &mut journal, Parts::All, &progress, &stop,
//! )?;
//! # let _ = outcome; Ok(()) }
//! ```

pub mod machine;

mod driver;
mod preflight;
mod steps;

pub use crate::stop::Stop;

use crate::clock::Wall;
use crate::copy::Job;
use crate::journal::Journal;
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::rejects;
use crate::settings::RunSettings;
use limosa_core::Error;
use limosa_core::engine::Engine;

/// Which parts of a migration are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// Everything: schema, rows, keys, constraints, counters, and the comparison at the end.
    All,
    /// Everything but the comparison.
    Copy,
    /// Only the comparison, whatever the run's phase.
    Verify,
}

/// Why a run did not come to an outcome.
#[derive(Debug)]
pub enum RunError {
    /// Something that must be so beforehand is not: nothing was touched. Exit code 5.
    Precondition(Error),
    /// Something failed on the way. What was done stays, and the same command goes on.
    Failed(Error),
}

impl RunError {
    /// The error itself.
    pub fn error(&self) -> &Error {
        match self {
            RunError::Precondition(e) | RunError::Failed(e) => e,
        }
    }

    /// Whether nothing was touched.
    pub fn precondition(&self) -> bool {
        matches!(self, RunError::Precondition(_))
    }
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error().fmt(f)
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(self.error())
    }
}

impl From<Error> for RunError {
    fn from(error: Error) -> Self {
        RunError::Failed(error)
    }
}

impl From<RunError> for Error {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Precondition(e) | RunError::Failed(e) => e,
        }
    }
}

/// Runs a plan, or goes on with it, until it ends or is stopped.
///
/// In: the two databases of the plan, and its journal ([`Journal::create`]). A run that is complete
/// answers from the journal. Out: the outcome, which is also written into the journal;
/// [`crate::outcome::Ending`] says how it ended and the comparison, if it was made, what it found.
///
/// At most one process at a time runs a plan; the lease in the target sees to that.
///
/// # Errors
/// [`RunError::Precondition`]: the plan has findings that stop it, is another one than the journal's, was
/// made for other databases, or the target is not empty. [`RunError::Failed`]: `Held` (another process
/// runs it), `Fenced` (another process took it over), or what kept the run as a whole from going on. An
/// error of one table or step is in the outcome instead.
#[allow(
    clippy::too_many_arguments,
    reason = "each is one thing that a run is made of"
)]
pub fn execute(
    source: &dyn Engine,
    target: &dyn Engine,
    plan: &Plan,
    settings: &RunSettings,
    journal: &mut Journal,
    parts: Parts,
    progress: &Progress,
    stop: &Stop,
) -> Result<Outcome, RunError> {
    let clock = Wall::new();
    let rejects = rejects::Store::open(&rejects::path(journal.file()))?;
    let job = Job {
        source,
        target,
        plan,
        settings,
        progress: progress.as_ref(),
        stop,
        clock: &clock,
        rejects: &rejects,
    };
    driver::drive(&job, journal, parts)
}
