//! Data tests: what a person says about the rows, asked of the source, the target or both.
//!
//! # What a verdict means
//!
//! `Pass` means that every row was asked and that as few failed as the person allows. Each test on each
//! database is asked in one read-only transaction, so its numbers are of one moment; different tests are
//! of different moments. A test that can not be asked (a table is missing, the server refuses) is an
//! `Error`, never a `Pass`.
//!
//! | module | holds |
//! |---|---|
//! | `noun` | what a test is |
//! | `outcome` | what came of it |
//! | `find` | tables and columns by the names that a person wrote |
//! | `ask` | one test on one database |
//! | `number` | numbers of two engines, compared |
//! | `judge` | from numbers to a verdict |

mod ask;
mod find;
mod judge;
mod noun;
mod number;
mod outcome;

pub use noun::{
    Check, ColumnSet, Counting, Function, Kind, On, PerEngine, Severity, Span, Threshold,
    Tolerance, Written,
};
pub use outcome::{CheckOutcome, Row, Sided, Status, Verdicts};

use crate::clock::Clock;
use crate::names;
use crate::progress::{Fact, Listener};
use crate::retry::{Around, Backoff, again};
use crate::settings::PlanSettings;
use crate::stop::Stop;
use limosa_core::engine::{Engine, Role};
use limosa_core::schema::Catalog;
use limosa_core::{Error, ErrorKind, Result};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Instant, SystemTime};

/// More connections than this at once help no database.
const MOST_WORKERS: usize = 8;

/// What the tests are asked with.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// The source, if it may be asked.
    pub source: Option<&'a dyn Engine>,
    /// The target, if it may be asked.
    pub target: Option<&'a dyn Engine>,
    /// The names that tables and columns have on either side.
    pub names: &'a PlanSettings,
    /// Tests that are asked at once.
    pub workers: usize,
    /// Tries after a transient failure.
    pub retry_attempts: u32,
    /// Columns whose values are never shown: patterns on `table.column`.
    pub masked: &'a [String],
    /// Who is given every failing row; for keeping them.
    pub keeper: Option<&'a dyn Keeper>,
    /// The present moment, for [`Kind::Freshness`].
    pub now: SystemTime,
    /// Who hears of it.
    pub progress: &'a dyn Listener,
    /// The wish to end.
    pub stop: &'a Stop,
    /// Time and chance.
    pub clock: &'a dyn Clock,
}

/// Keeps failing rows. Called from many threads.
pub trait Keeper: Sync {
    /// Hears that a test is asked of a side, from the beginning: what it had of it before is void.
    ///
    /// # Errors
    /// As [`Keeper::keep`].
    fn begin(&self, check: &str, role: Role) -> Result<()>;

    /// Takes the cells of one failing row with the names of their columns.
    ///
    /// # Errors
    /// As whoever keeps them says; the test ends with it.
    fn keep(&self, check: &str, role: Role, columns: &[String], cells: &Row) -> Result<()>;

    /// Hears that a test has no more of them on a side.
    ///
    /// # Errors
    /// As [`Keeper::keep`].
    fn done(&self, check: &str, role: Role) -> Result<()>;
}

/// One database and its catalog.
struct Side<'a> {
    role: Role,
    engine: &'a dyn Engine,
    catalog: Catalog,
}

/// Asks all tests. Out: what came of each, in the order given.
///
/// # Errors
/// `Configuration` if a database is needed that is not given; `Interrupted`; what reading the catalogs says.
pub fn run(asking: &Asking<'_>, checks: &[Check]) -> Result<Verdicts> {
    let began = Instant::now();
    let side = |role: Role, engine: Option<&'_ dyn Engine>| -> Result<()> {
        let wants = |c: &&Check| c.asked.asks(role);
        match (engine, checks.iter().find(wants)) {
            (None, Some(check)) => {
                let word = role_word(role);
                Err(Error::new(
                    ErrorKind::Configuration,
                    "asking data tests",
                    format!(
                        "the check {:?} asks the {word}, and no {word} is named",
                        check.name
                    ),
                )
                .hint(format!(
                    "Give --{word} URL, or ask the other side alone with --on."
                )))
            }
            _ => Ok(()),
        }
    };
    side(Role::Source, asking.source)?;
    side(Role::Target, asking.target)?;
    let open = |role: Role, engine: Option<&'_ dyn Engine>| match engine {
        Some(engine) if checks.iter().any(|c| c.asked.asks(role)) => {
            let catalog = again(&asking.around(), "reading the catalog", |_| {
                engine.inspect()
            })?;
            if catalog.tables.is_empty() {
                // A database that is not there is a mistake.
                engine.missing_privileges(Role::Source, &catalog)?;
            }
            Ok(Some((role, catalog)))
        }
        _ => Ok::<_, Error>(None),
    };
    let sides: Vec<Side<'_>> = [
        open(Role::Source, asking.source)?.zip(asking.source),
        open(Role::Target, asking.target)?.zip(asking.target),
    ]
    .into_iter()
    .flatten()
    .map(|((role, catalog), engine)| Side {
        role,
        engine,
        catalog,
    })
    .collect();
    asking.progress.hear(Fact::StageBegan {
        stage: "check",
        items: checks.len() as u64,
    });
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<CheckOutcome>>> = Mutex::new(vec![None; checks.len()]);
    let worker = || {
        loop {
            let at = next.fetch_add(1, Ordering::SeqCst);
            let Some(check) = checks.get(at).filter(|_| !asking.stop.requested()) else {
                return;
            };
            let outcome = one(asking, &sides, check);
            asking.progress.hear(Fact::StepDone {
                step: format!("check {}: {}", outcome.name, outcome.status.word()),
                seconds: outcome.seconds,
            });
            done.lock().unwrap_or_else(|e| e.into_inner())[at] = Some(outcome);
        }
    };
    std::thread::scope(|scope| {
        let workers = asking
            .workers
            .clamp(1, MOST_WORKERS)
            .min(checks.len().max(1));
        for _ in 1..workers {
            scope.spawn(worker);
        }
        worker();
    });
    asking.stop.check()?;
    let results: Vec<CheckOutcome> = done
        .into_inner()
        .unwrap_or_else(|e| e.into_inner())
        .into_iter()
        .flatten()
        .collect();
    let seconds = began.elapsed().as_secs_f64();
    asking.progress.hear(Fact::StageEnded {
        stage: "check",
        seconds,
    });
    Ok(Verdicts::new(results, seconds))
}

impl Asking<'_> {
    fn around(&self) -> Around<'_> {
        Around {
            backoff: Backoff::new(self.retry_attempts),
            clock: self.clock,
            stop: self.stop,
            progress: self.progress,
        }
    }
}

/// Asks one test on its sides and judges.
fn one(asking: &Asking<'_>, sides: &[Side<'_>], check: &Check) -> CheckOutcome {
    let began = Instant::now();
    let asked: Vec<Sided> = sides
        .iter()
        .filter(|side| check.asked.asks(side.role))
        .map(|side| {
            let what = format!("asking {}", check.name);
            let answer = again(&asking.around(), &what, |_| ask::ask(asking, side, check));
            answer.unwrap_or_else(|error| Sided::failed(side.role, &error))
        })
        .collect();
    let mut outcome = judge::judge(check, asked);
    outcome.seconds = began.elapsed().as_secs_f64();
    outcome
}

/// The tests that fit a pattern of `select` (or all, if there is none) and none of `exclude`. A pattern is of the
/// name, or with `tag:`, `table:` or `kind:` before it of those.
pub fn choose(checks: &[Check], select: &[String], exclude: &[String]) -> Vec<Check> {
    let fits = |check: &Check, pattern: &String| match pattern.split_once(':') {
        Some(("tag", p)) => check.tags.iter().any(|t| names::fits(p, t)),
        Some(("table", p)) => names::fits(p, &check.table),
        Some(("kind", p)) => names::fits(p, check.kind.word()),
        _ => names::fits(pattern, &check.name),
    };
    checks
        .iter()
        .filter(|c| select.is_empty() || select.iter().any(|p| fits(c, p)))
        .filter(|c| !exclude.iter().any(|p| fits(c, p)))
        .cloned()
        .collect()
}

/// The same tests asked of one side alone, and the names of those that are left out because they do nothing but
/// compare two.
pub fn only(checks: Vec<Check>, on: On) -> (Vec<Check>, Vec<String>) {
    let mut left = Vec::new();
    let mut kept = Vec::new();
    for mut check in checks {
        if check.equal && check.kind.asks_nothing() {
            left.push(check.name);
            continue;
        }
        check.equal = false;
        check.asked = on;
        kept.push(check);
    }
    (kept, left)
}

/// What a side is called.
pub fn role_word(role: Role) -> &'static str {
    match role {
        Role::Source => "source",
        Role::Target => "target",
    }
}
