//! Limosa moves a database, schema and rows, between SQLite, PostgreSQL and MySQL/MariaDB in any
//! direction, and proves that nothing was lost.
//!
//! This is the library's face; the command `limosa` does nothing that can not be done here. A
//! migration is three calls: open, plan, run.
//!
//! ```
//! use limosa::{Limosa, Parts, Stop, outcome::Verdict, settings::Settings};
//!
//! # let folder = tempfile::tempdir()?;
//! # let (old, new) = (folder.path().join("old.db"), folder.path().join("new.db"));
//! # rusqlite::Connection::open(&old)?.execute_batch(
//! #     "CREATE TABLE city(id INTEGER PRIMARY KEY, name TEXT NOT NULL); INSERT INTO city VALUES (1, 'Bodø'), (2, '札幌');")?;
//! let mut settings = Settings::between(
//!     &format!("sqlite:{}", old.display()),
//!     &format!("sqlite:{}", new.display()),
//! )?;
//! settings.state = folder.path().join(".limosa");
//!
//! let limosa = Limosa::open(settings)?;
//! let plan = limosa.plan(&limosa::silent())?;
//! let outcome = limosa.run(&plan, Parts::All, &limosa::silent(), &Stop::new())?;
//!
//! let verdict = outcome.comparison.map(|c| c.verdict);
//! assert_eq!(verdict, Some(Verdict::Pass));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod engines;
pub mod exchange;
pub mod files;
pub mod plan_file;
pub mod report;
pub mod settings;
pub mod text;

pub use limosa_flow::assess::Assessment;
pub use limosa_flow::journal::{Extent, Journal, Status, Summary};
pub use limosa_flow::progress::{Fact, Listener, Progress};
pub use limosa_flow::run::{Parts, RunError, Stop};
pub use limosa_flow::{check, diff, mend, outcome, plan, rejects, transform, verify};

use check::{Asking, Check, Keeper, Verdicts};
use limosa_core::engine::{Engine, Role};
use limosa_core::schema::Catalog;
use limosa_core::{Error, ErrorKind, Result};
use limosa_flow::clock::Wall;
use limosa_flow::{assess, planner, run};
use outcome::{Comparison, Ending, Outcome, Verdict};
use plan::Plan;
use rejects::{Filter, Retried, Retry, State, Store};
use report::Report;
use settings::{Address, Settings};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

/// The version of Limosa.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A listener for callers who want to hear nothing.
pub fn silent() -> Progress {
    Arc::new(limosa_flow::progress::Silent)
}

/// What a repair does with its statements.
pub enum Repairing<'w> {
    /// Writes them as a script for the engine's own client; touches nothing.
    Script(&'w mut dyn std::io::Write),
    /// Runs them.
    Execute {
        /// The new file that keeps what the rows were; `None` takes one beside the journal.
        before: Option<std::path::PathBuf>,
    },
}

/// What came of a repair.
#[derive(Clone, Debug)]
pub struct Repaired {
    /// The tables in which something differed.
    pub tables: Vec<mend::TableMended>,
    /// The comparison from which it came.
    pub found: Comparison,
    /// The comparison behind it, if the statements were run.
    pub after: Option<Comparison>,
    /// What the rows were before.
    pub before: Option<std::path::PathBuf>,
}

/// One migration: two databases, and what was asked.
///
/// Databases are connected when they are first needed. May be shared between threads; one run at a
/// time takes the lease, whoever starts it.
pub struct Limosa {
    settings: Settings,
    source: OnceLock<Box<dyn Engine>>,
    target: OnceLock<Box<dyn Engine>>,
}

/// Rows that were rejected and are not in the target.
fn rejected(journal: &Journal) -> Result<u64> {
    let counts = Store::open(&rejects::path(journal.file()))?.counts()?;
    let left = counts.iter().filter(|c| c.state == State::Rejected);
    Ok(left.map(|c| c.rows).sum())
}

impl Limosa {
    /// Takes the settings. Connects to nothing yet.
    ///
    /// # Errors
    /// `Configuration` (definite) if source and target are the same URL.
    pub fn open(settings: Settings) -> Result<Self> {
        if let (Some(source), Some(target)) = (&settings.source, &settings.target)
            && source.expose() == target.expose()
        {
            return Err(Error::new(
                ErrorKind::Configuration,
                "reading the settings",
                "source and target are the same URL",
            )
            .on(source.shown())
            .hint("Give the target a database of its own."));
        }
        Ok(Self {
            settings,
            source: OnceLock::new(),
            target: OnceLock::new(),
        })
    }

    /// What was asked.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The database that is read.
    ///
    /// # Errors
    /// `Configuration` if none was named; as the engine says when it can not be reached.
    pub fn source(&self) -> Result<&dyn Engine> {
        connect(&self.source, self.settings.source.as_ref(), "source")
    }

    /// The database that is written.
    ///
    /// # Errors
    /// As [`Limosa::source`].
    pub fn target(&self) -> Result<&dyn Engine> {
        connect(&self.target, self.settings.target.as_ref(), "target")
    }

    /// Reads the catalogs of both databases.
    ///
    /// # Errors
    /// As the engines say.
    pub fn inspect(&self) -> Result<(Catalog, Catalog)> {
        let source = self.source()?;
        let catalog = source.inspect()?;
        if catalog.tables.is_empty() {
            // A source that is not there is a mistake; a target may be made yet.
            source.missing_privileges(Role::Source, &catalog)?;
        }
        Ok((catalog, self.target()?.inspect()?))
    }

    /// Looks at both databases and says what a migration would do, need and take. Writes nothing.
    ///
    /// # Errors
    /// As the engines say.
    pub fn assess(&self, progress: &Progress) -> Result<Assessment> {
        assess::assess(
            self.source()?,
            self.target()?,
            &self.settings.plan,
            &self.settings.run,
            progress,
            VERSION,
        )
    }

    /// Applies the transforms of one table of the source to its first `limit` rows, and gives the rows before
    /// and after. Needs no target and writes nothing.
    ///
    /// # Errors
    /// `Missing` if the source has no such table; as the engine says.
    pub fn try_transform(&self, table: &str, limit: u64) -> Result<transform::Trial> {
        transform::attempt(self.source()?, &self.settings.plan, table, limit)
    }

    /// Makes a plan. Writes nothing. The same databases and settings give a plan of the same hash.
    ///
    /// # Errors
    /// As the engines say; what a person has to decide is no error but a finding that stops.
    pub fn plan(&self, progress: &Progress) -> Result<Plan> {
        planner::make(
            self.source()?,
            self.target()?,
            &self.settings.plan,
            &self.settings.run,
            progress,
            VERSION,
        )
    }

    /// The plan of the run that was begun under this name, if one was.
    ///
    /// # Errors
    /// `Conflict` if the settings say something else than that plan; `File` if the journal can not be read.
    pub fn begun(&self) -> Result<Option<Plan>> {
        let path = self.settings.journal();
        if !path.exists() {
            return Ok(None);
        }
        let journal = Journal::read(&path)?;
        if journal.phase()? == "planned" {
            return Ok(None);
        }
        let plan = journal.plan()?;
        let changed = differing_keys(&plan.settings, &self.settings.plan);
        if changed.is_empty() {
            return Ok(Some(plan));
        }
        Err(Error::new(
            ErrorKind::Conflict,
            "going on with the run",
            format!(
                "the settings are not those that it was begun with: {}",
                changed.join(", ")
            ),
        )
        .on(&self.settings.plan.name)
        .hint(format!(
            "Put them back to go on. To begin anew, choose another `name` and an empty target, or remove {} and what the run made in the target.",
            path.display()
        )))
    }

    /// Does what the plan says, or goes on with it. May be killed anywhere and called again.
    ///
    /// # Errors
    /// See [`limosa_flow::run::execute`].
    pub fn run(
        &self,
        plan: &Plan,
        parts: Parts,
        progress: &Progress,
        stop: &Stop,
    ) -> Result<Outcome, RunError> {
        let path = self.settings.journal();
        let mut journal = Journal::create(&path, plan).map_err(|e| match e.kind() {
            ErrorKind::Conflict => RunError::Precondition(e),
            _ => RunError::Failed(e),
        })?;
        let mut outcome = run::execute(
            self.source()?,
            self.target()?,
            plan,
            &self.settings.run,
            &mut journal,
            parts,
            progress,
            stop,
        )?;
        let asked = parts == Parts::All && !self.settings.checks.is_empty();
        if asked && outcome.ending != Ending::Interrupted {
            match self.check(&self.settings.checks, None, progress, stop) {
                Ok(verdicts) => {
                    journal.set_checks(&verdicts)?;
                    outcome.checks = Some(verdicts);
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {
                    outcome.ending = Ending::Interrupted;
                }
                Err(e) => {
                    let hint =
                        "The run itself has ended. `limosa check` asks its data tests again.";
                    return Err(RunError::Failed(e.hint(hint)));
                }
            }
        }
        Ok(outcome)
    }

    /// Asks data tests: those of the settings, or a choice of them ([`check::choose`]). Writes nothing in either
    /// database. `keeper` is given every failing row.
    ///
    /// # Errors
    /// See [`limosa_flow::check::run`]; a test that can not be asked is no error but a status of its own.
    pub fn check(
        &self,
        checks: &[Check],
        keeper: Option<&dyn Keeper>,
        progress: &Progress,
        stop: &Stop,
    ) -> Result<Verdicts> {
        let asks = |role| checks.iter().any(|c| c.asked.asks(role));
        let settings = &self.settings;
        let source = match asks(Role::Source) && settings.source.is_some() {
            true => Some(self.source()?),
            false => None,
        };
        let target = match asks(Role::Target) && settings.target.is_some() {
            true => Some(self.target()?),
            false => None,
        };
        check::run(
            &Asking {
                source,
                target,
                names: &settings.plan,
                workers: settings.run.workers,
                retry_attempts: settings.run.retry_attempts,
                masked: &settings.masked,
                keeper,
                now: SystemTime::now(),
                progress: progress.as_ref(),
                stop,
                clock: &Wall::new(),
            },
            checks,
        )
    }

    /// Compares both databases as the plan of the journal says, whatever the phase of its run.
    ///
    /// # Errors
    /// `Missing` if nothing was begun under this name; see [`Limosa::run`].
    pub fn verify(&self, progress: &Progress, stop: &Stop) -> Result<Outcome, RunError> {
        let plan = self.journal()?.plan()?;
        self.run(&plan, Parts::Verify, progress, stop)
    }

    /// Compares both databases as they are: tables and columns by name, values by what both types mean. No
    /// plan, journal or run is needed, and nothing is written. Gives the pairing, as a plan that is never
    /// run, and the comparison.
    ///
    /// # Errors
    /// See [`limosa_flow::verify::compare_alone`].
    pub fn compare(&self, progress: &Progress, stop: &Stop) -> Result<(Plan, Comparison)> {
        limosa_flow::verify::compare_alone(
            self.source()?,
            self.target()?,
            &self.settings.plan,
            &self.settings.run,
            progress,
            stop,
            VERSION,
        )
    }

    /// Says how each column would be compared, as [`Limosa::verify`] or (`alone`) as [`Limosa::compare`] would.
    /// Reads no row.
    ///
    /// # Errors
    /// Those of pairing the databases, and of opening them.
    pub fn explain(
        &self,
        alone: bool,
        progress: &Progress,
        stop: &Stop,
    ) -> Result<Vec<outcome::TableWays>> {
        let (source, target) = (self.source()?, self.target()?);
        let plan = match alone {
            true => {
                let asked = &self.settings.plan;
                limosa_flow::planner::pair(source, target, asked, progress, VERSION)?.plan
            }
            false => self.journal()?.plan()?,
        };
        limosa_flow::verify::explain(source, target, &plan, &self.settings.run, progress, stop)
    }

    /// Compares both databases before a witness, who is shown every row that differs: as the plan of the journal
    /// says, or, without one or if `alone`, as [`Limosa::compare`] does. Schemas are left out. Writes nothing.
    ///
    /// # Errors
    /// See [`limosa_flow::verify::compare_before`].
    pub fn differences(
        &self,
        alone: bool,
        witness: &dyn verify::Witness,
        progress: &Progress,
        stop: &Stop,
    ) -> Result<(Plan, Comparison)> {
        let (source, target) = (self.source()?, self.target()?);
        let mut asked = self.settings.run.clone();
        asked.extent.schema = false;
        let (plan, lonely, rejects) = match alone || !self.has_journal() {
            true => {
                let pairing =
                    planner::pair(source, target, &self.settings.plan, progress, VERSION)?;
                (pairing.plan, pairing.lonely, Store::in_memory())
            }
            false => {
                let journal = self.journal()?;
                let store = Store::open(&rejects::path(journal.file()))?;
                (journal.plan()?, Vec::new(), store)
            }
        };
        let mut comparison = verify::compare_before(
            source, target, &plan, &asked, &rejects, progress, stop, witness,
        )?;
        if !lonely.is_empty() {
            comparison.verdict = Verdict::Fail;
            comparison.schema = lonely;
        }
        Ok((plan, comparison))
    }

    /// Makes the rows that differ as they are on the other side, or says in a script how. See [`mend`].
    ///
    /// # Errors
    /// Those of [`Limosa::differences`], [`mend::script`] and [`mend::execute`].
    pub fn repair(
        &self,
        alone: bool,
        asked: mend::Asked,
        how: Repairing<'_>,
        progress: &Progress,
        stop: &Stop,
    ) -> Result<Repaired> {
        let gathering = mend::Gathering::new(asked)?;
        let (plan, found) = self.differences(alone, &gathering, progress, stop)?;
        let engine = match asked.to {
            Role::Source => self.source()?,
            Role::Target => self.target()?,
        };
        match how {
            Repairing::Script(out) => Ok(Repaired {
                tables: mend::script(gathering, engine, &plan, out)?,
                found,
                after: None,
                before: None,
            }),
            Repairing::Execute { before } => {
                let path = before.unwrap_or_else(|| self.before());
                let file = path
                    .parent()
                    .map_or(Ok(()), std::fs::create_dir_all)
                    .and_then(|()| files::private(&path))
                    .map_err(|e| {
                        Error::new(ErrorKind::File, "keeping what the rows were", e.to_string())
                            .on(path.display().to_string())
                            .hint(
                                "Choose another place with --before; a file that is there is kept.",
                            )
                    })?;
                let tables = mend::execute(gathering, engine, &plan, file, stop)?;
                let nobody = |_: diff::RowDifference| Ok(());
                let showing = diff::Showing {
                    limit: Some(0),
                    ..diff::Showing::default()
                };
                let silent = diff::Collector::new(showing, &nobody);
                let (_, after) = self.differences(alone, &silent, progress, stop)?;
                Ok(Repaired {
                    tables,
                    found,
                    after: Some(after),
                    before: Some(path),
                })
            }
        }
    }

    /// A new file beside the journal, for what rows were before a repair.
    fn before(&self) -> std::path::PathBuf {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let name = &self.settings.plan.name;
        let moment = now.unwrap_or_default().as_millis();
        self.settings
            .state
            .join(format!("{name}.repair-{moment}.jsonl"))
    }

    /// Whether something was begun under this name.
    pub fn has_journal(&self) -> bool {
        self.settings.journal().exists()
    }

    /// Says in short where the run is, with at most `most` tables one by one. Connects to nothing, and hardly takes
    /// longer for many tables.
    ///
    /// # Errors
    /// `Missing` if nothing was begun under this name.
    pub fn summary(&self, most: u64) -> Result<Summary> {
        let journal = self.journal()?;
        Ok(Summary {
            rejected: rejected(&journal)?,
            ..journal.summary(most)?
        })
    }

    /// Says where the run is, with every step and table. Connects to nothing.
    ///
    /// # Errors
    /// `Missing` if nothing was begun under this name; `File` if the journal or the rejects can not be read.
    pub fn status(&self) -> Result<Status> {
        let journal = self.journal()?;
        Ok(Status {
            rejected: rejected(&journal)?,
            ..journal.status()?
        })
    }

    /// Puts the report together from the journal. Connects to nothing.
    ///
    /// # Errors
    /// `Missing` if nothing was begun under this name.
    pub fn report(&self) -> Result<Report> {
        let journal = self.journal()?;
        let report = Report::new(
            &journal.plan()?,
            journal.outcome()?,
            journal.comparison()?,
            SystemTime::now(),
        );
        Ok(report.with_checks(journal.checks()?))
    }

    /// The rows of the run that were rejected. Connects to nothing.
    ///
    /// # Errors
    /// `Missing` if nothing was begun under this name; `File`.
    pub fn rejects(&self) -> Result<Store> {
        let journal = self.journal()?;
        Store::open(&rejects::path(journal.file()))
    }

    /// Moves rejected rows that `filter` means, with the policies of the settings as they are now, into the target as
    /// it is now. Each goes in once, whatever dies.
    ///
    /// # Errors
    /// [`RunError::Precondition`] if the run is neither complete nor partial, or has chunks that are not done;
    /// `Held` if another retry is under way.
    pub fn retry_rejects(
        &self,
        filter: &Filter,
        progress: &Progress,
        stop: &Stop,
    ) -> Result<Vec<Retried>, RunError> {
        self.journal()?;
        let mut journal = Journal::open(&self.settings.journal())?;
        let phase = journal.phase()?;
        if !matches!(phase.as_str(), "complete" | "partial") {
            return Err(RunError::Precondition(
                Error::new(
                    ErrorKind::Conflict,
                    "moving rejects",
                    format!("the run is in the phase {phase}"),
                )
                .on(&self.settings.plan.name)
                .hint("Let it end first: limosa run"),
            ));
        }
        let plan = journal.plan()?;
        let store = Store::open(&rejects::path(journal.file()))?;
        let moved = rejects::retry(&Retry {
            target: self.target()?,
            plan: &plan,
            wished: &self.settings.plan,
            settings: &self.settings.run,
            store: &store,
            filter,
            clean: phase == "complete",
            progress,
            stop,
        })
        .map_err(|e| match e.kind() {
            ErrorKind::Conflict => RunError::Precondition(
                e.hint("Rejects are moved when every chunk of the run is done: limosa run"),
            ),
            _ => RunError::Failed(e),
        });
        // Also what an earlier retry moved before it died.
        for table in &plan.tables {
            let left = store.missing(table.name())?.len() as u64;
            journal.rejects_left(&table.name().to_string(), left)?;
        }
        moved
    }

    fn journal(&self) -> Result<Journal> {
        let path = self.settings.journal();
        if !path.exists() {
            return Err(Error::new(
                ErrorKind::Missing,
                "opening the journal",
                "no run was begun under this name",
            )
            .on(path.display().to_string())
            .hint("`limosa run` begins one. The journal is found by `name` and `state` of the settings."));
        }
        Journal::read(&path)
    }
}

impl std::fmt::Debug for Limosa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limosa")
            .field("source", &self.settings.source)
            .field("target", &self.settings.target)
            .finish_non_exhaustive()
    }
}

fn connect<'a>(
    slot: &'a OnceLock<Box<dyn Engine>>,
    address: Option<&Address>,
    role: &str,
) -> Result<&'a dyn Engine> {
    if let Some(engine) = slot.get() {
        return Ok(engine.as_ref());
    }
    let address = address.ok_or_else(|| {
        Error::new(
            ErrorKind::Configuration,
            "reading the settings",
            format!("no {role} is named"),
        )
        .hint(format!(
            "Give --{role} URL, or write `url` into [{role}] of limosa.toml."
        ))
    })?;
    let engine = engines::open(address).map_err(|e| e.on(address.shown()))?;
    // Two threads may both have opened one; the first stays.
    Ok(slot.get_or_init(|| engine).as_ref())
}

/// The names of the settings that are not the same in both.
fn differing_keys<T: serde::Serialize>(a: &T, b: &T) -> Vec<String> {
    let (a, b) = (serde_json::to_value(a), serde_json::to_value(b));
    let (Ok(serde_json::Value::Object(a)), Ok(serde_json::Value::Object(b))) = (a, b) else {
        return Vec::new();
    };
    a.iter()
        .filter(|(key, value)| b.get(*key) != Some(*value))
        .map(|(key, _)| key.clone())
        .collect()
}
