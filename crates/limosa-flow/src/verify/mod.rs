//! The comparison of source and target: every table, row and column, and the schema.
//!
//! # Why a difference is found
//!
//! Both sides say every row in one canonical form ([`limosa_core::canonical`]), through readers that share
//! no conversion with the copy. Each row's 128-bit hash is added to a sum, range by range; sums do not
//! depend on order, so no collation enters, and they count, so doubled rows do not cancel out. Two sides
//! with equal sums have equal rows, but for a collision of hashes (about 1 in 2^64 for one planted by
//! chance). In the same pass every row goes into a table of differences (`sketch`), in which equal rows
//! cancel out and from which the others come back with their keys. Nothing is sorted and no row is
//! kept, so memory does not grow with the table; see `differ` for what happens where much differs.
//!
//! # What `Pass` means
//!
//! Every row of every table and every column was compared and is equal, and the schema is as planned.
//! What was not compared is named, and lowers the verdict ([`Verdict`]).

pub mod causes;
mod choose;
mod code;
mod count;
mod cross;
mod cut;
mod detail;
mod differ;
mod ends;
mod excuse;
mod join;
mod judge;
mod pushdown;
mod schema;
mod side;
mod sketch;
mod sum;
mod table;
mod ways;

pub use ways::explain;

pub use detail::{Differing, Witness};
pub(crate) use detail::{key_text, order as key_order, text as say_cell};
pub use differ::Kind;

use crate::clock::Wall;
use crate::copy::{Job, snapshot};
use crate::memory::{Memory, Share};
use crate::outcome::{Comparison, TableVerdict, Verdict};
use crate::plan::{Plan, TablePlan};
use crate::planner;
use crate::progress::{Fact, Progress};
use crate::rejects::Store;
use crate::settings::{PlanSettings, RowExtent, RunSettings};
use crate::stop::Stop;
use crate::throttle::Throttle;
use crate::transform::{Shown, Transforms};
use choose::{Sample, shares};
use limosa_core::Result;
use limosa_core::canonical::CANONICAL_VERSION;
use limosa_core::engine::Engine;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use table::{Lane, Shared, Table};

/// Compares the two databases of a plan.
///
/// Both are read at the same time, each in one snapshot. Out: a verdict for each table in the order of
/// the plan, the differences of the schema, and the worst of all. With `validate_percentage` below 100
/// a share of the rows is compared, chosen by the hash of the key, the same on both sides; all rows
/// are still counted. See `choose`.
///
/// # Errors
/// `Interrupted` if it was stopped; errors that concern no single table. An error of one table is in its
/// verdict.
pub fn compare(
    source: &dyn Engine,
    target: &dyn Engine,
    plan: &Plan,
    settings: &RunSettings,
    progress: &Progress,
    stop: &Stop,
) -> Result<Comparison> {
    let clock = Wall::new();
    let rejects = Store::in_memory();
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
    compare_with(&job, None)
}

/// The same before a witness, who is shown every row that differs. `rejects` has the rows that were left out.
///
/// # Errors
/// Those of [`compare`].
#[allow(
    clippy::too_many_arguments,
    reason = "two databases and what surrounds them"
)]
pub fn compare_before(
    source: &dyn Engine,
    target: &dyn Engine,
    plan: &Plan,
    settings: &RunSettings,
    rejects: &Store,
    progress: &Progress,
    stop: &Stop,
    witness: &dyn Witness,
) -> Result<Comparison> {
    let job = Job {
        source,
        target,
        plan,
        settings,
        progress: progress.as_ref(),
        stop,
        clock: &Wall::new(),
        rejects,
    };
    compare_with(&job, Some(witness))
}

/// Compares two databases as they are, without a plan or a journal: see [`planner::pair`].
///
/// Gives the pairing's plan, for the report, and the comparison.
///
/// # Errors
/// Those of [`planner::pair`] and [`compare`].
#[allow(
    clippy::too_many_arguments,
    reason = "two databases and what surrounds them"
)]
pub fn compare_alone(
    source: &dyn Engine,
    target: &dyn Engine,
    asked: &PlanSettings,
    settings: &RunSettings,
    progress: &Progress,
    stop: &Stop,
    made_by: &str,
) -> Result<(Plan, Comparison)> {
    let pairing = planner::pair(source, target, asked, progress, made_by)?;
    let mut comparison = compare(source, target, &pairing.plan, settings, progress, stop)?;
    if !pairing.lonely.is_empty() {
        comparison.verdict = Verdict::Fail;
        comparison.schema.splice(0..0, pairing.lonely);
    }
    Ok((pairing.plan, comparison))
}

/// Which share of the rows is compared, from 0, and of how many; `None` if all are.
fn share_of(settings: &RunSettings) -> Option<(u32, u32)> {
    let of = shares(settings.validate_percentage);
    (of > 1).then(|| (settings.extent.share.unwrap_or(0) % of, of))
}

/// Bytes for tables of differences that are larger than a lane's own, over all lanes.
const ROOM: u64 = 96 << 20;

/// The tables that are still to be compared, and the ranges of those in work.
struct Line<'p> {
    next: usize,
    cutting: usize,
    ready: VecDeque<(usize, Arc<Table<'p>>, usize)>,
}

/// Bytes of differing rows that a lane holds, at least and at most.
const HELD: (u64, u64) = (1 << 20, 16 << 20);

pub(crate) fn compare_with(job: &Job<'_>, witness: Option<&dyn Witness>) -> Result<Comparison> {
    let settings = job.settings;
    let wanted = settings.workers.max(1);
    let (source, at_source) = snapshot(job.source, wanted, job)?;
    let (target, at_target) = snapshot(job.target, wanted, job)?;
    let transforms = Transforms::new(job.plan, &settings.mask_salt, source.as_ref())?;
    // Transformed tables are compared as they come out.
    let source = Shown::new(source.as_ref(), job.plan, &transforms);
    let throttle = Throttle::new(
        settings.max_rows_per_second,
        settings.max_bytes_per_second,
        job.clock,
    );
    let there = crate::retry::again(&job.around(), "inspecting the target", |_| {
        job.target.inspect()
    })?;
    let room = Memory::new((settings.memory / 8 * 3).min(ROOM));
    // Every lane has two readers.
    let share = Share::of(settings.memory, 2 * at_source.min(at_target));
    let shared = Shared {
        job,
        found: table::by_name(&there),
        room: &room,
        source: &source,
        target: target.as_ref(),
        changes: judge::Changes::of(job.plan),
        sample: Sample::new(
            settings.validate_percentage,
            settings.extent.share.unwrap_or(0),
        ),
        throttle: &throttle,
        share,
        memory: Memory::new(share.large),
        bound: (settings.memory / 32).clamp(HELD.0, HELD.1) as usize,
        witness,
        lanes: at_source.min(at_target),
    };
    let tables: &[TablePlan] = match settings.extent.rows {
        RowExtent::Cells => &job.plan.tables,
        RowExtent::Counts | RowExtent::None => &[],
    };
    let line = Mutex::new(Line {
        next: 0,
        cutting: 0,
        ready: VecDeque::new(),
    });
    let changed = Condvar::new();
    let verdicts: Mutex<Vec<Option<TableVerdict>>> = Mutex::new(vec![None; tables.len()]);
    let worker = || {
        let mut lane = Lane::new(&shared);
        loop {
            let mut state = line.lock().unwrap_or_else(|e| e.into_inner());
            let (index, table, unit) = loop {
                if job.stop.requested() {
                    return;
                }
                if let Some(unit) = state.ready.pop_front() {
                    break unit;
                }
                if state.next < tables.len() {
                    let index = state.next;
                    state.next += 1;
                    state.cutting += 1;
                    drop(state);
                    job.progress.hear(Fact::TableBegan {
                        stage: "verify",
                        table: tables[index].name().clone(),
                        rows: tables[index].rows,
                        bytes: tables[index].bytes,
                    });
                    let table = Arc::new(Table::new(&shared, &tables[index]));
                    state = line.lock().unwrap_or_else(|e| e.into_inner());
                    state.cutting -= 1;
                    let units = 0..table.works;
                    state
                        .ready
                        .extend(units.map(|unit| (index, Arc::clone(&table), unit)));
                    changed.notify_all();
                } else if state.cutting == 0 {
                    return;
                } else {
                    state = changed
                        .wait_timeout(state, std::time::Duration::from_millis(100))
                        .unwrap_or_else(|e| e.into_inner())
                        .0;
                }
            };
            drop(state);
            if table.work(&shared, &mut lane, unit) && !job.stop.requested() {
                let verdict = judge::table(&shared, &table);
                job.progress.hear(Fact::TableEnded {
                    stage: "verify",
                    table: verdict.table.clone(),
                    outcome: match verdict.verdict {
                        Verdict::Fail => "different",
                        _ if verdict.error.is_some() => "failed",
                        _ => "equal",
                    },
                    why: verdict.error.clone(),
                });
                verdicts.lock().unwrap_or_else(|e| e.into_inner())[index] = Some(verdict);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..at_source.min(at_target) {
            scope.spawn(worker);
        }
        worker();
    });
    job.stop.check()?;
    let mut tables: Vec<TableVerdict> = verdicts
        .into_inner()
        .unwrap_or_else(|e| e.into_inner())
        .into_iter()
        .flatten()
        .collect();
    if settings.extent.rows == RowExtent::Counts {
        tables = count::tables(job, &source, target.as_ref())?;
    }
    let schema = match settings.extent.schema {
        true => schema::differences(job, &there)?,
        false => Vec::new(),
    };
    let verdict = judge::whole(&tables, &schema);
    Ok(Comparison {
        verdict,
        tables,
        schema,
        canonical_version: CANONICAL_VERSION,
        percentage: settings.validate_percentage,
        share: share_of(settings),
    })
}
