//! The comparison of source and target.

use crate::clock::Wall;
use crate::copy::Job;
use crate::outcome::Comparison;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::settings::RunSettings;
use crate::stop::Stop;
use limosa_core::engine::Engine;
use limosa_core::{Error, ErrorKind, Result};

/// Compares the two databases of a plan: every table, row and column, and the schema.
///
/// # Errors
/// `Interrupted` if it was stopped; errors that concern no single table.
pub fn compare(
    source: &dyn Engine,
    target: &dyn Engine,
    plan: &Plan,
    settings: &RunSettings,
    progress: &Progress,
    stop: &Stop,
) -> Result<Comparison> {
    let clock = Wall::new();
    compare_with(&Job {
        source,
        target,
        plan,
        settings,
        progress: progress.as_ref(),
        stop,
        clock: &clock,
    })
}

pub(crate) fn compare_with(_job: &Job<'_>) -> Result<Comparison> {
    Err(Error::new(
        ErrorKind::Unsupported,
        "comparing",
        "not there yet",
    ))
}
