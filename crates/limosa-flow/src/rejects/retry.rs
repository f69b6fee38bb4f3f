//! Moving rejects after what was wrong with them is mended.
//!
//! # Why no row is lost or doubled
//!
//! The rows of a batch go into the target in one transaction with a mark in the ledger, as a chunk does, under
//! a run name of its own. Which rows they are is durable in the store before the commit
//! ([`Store::take`]). So after a death the ledger says whether the batch is in: a claim of it answers `None` if it
//! is (and waits for a commit that is still under way), and then its rows are marked as moved; else
//! they are free again, and a commit that comes late finds its epoch gone. A row that is marked as moved is
//! not taken up again. Keyless rows need no more than that.
//!
//! Foreign keys that are there are checked ([`Engine::late_loader`]). Tables are gone through again as long as
//! a round moves anything: a row may wait for its parent.

use super::{Filter, Record, Refused, Store, Tally};
use crate::clock::Wall;
use crate::copy::{Lease, Sieve};
use crate::holder;
use crate::plan::{Plan, TablePlan};
use crate::progress::{Fact, Progress};
use crate::repair::Repair;
use crate::retry::{Around, Backoff};
use crate::settings::{PlanSettings, RunSettings};
use crate::stop::Stop;
use crate::transform::Transforms;
use limosa_core::batch::Batch;
use limosa_core::chunk::{Chunk, Range};
use limosa_core::engine::{Engine, Loaded, Ticket};
use limosa_core::schema::{Catalog, TableName};
use limosa_core::{Disposition, Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::sync::atomic::AtomicU64;

/// Rows of one batch.
const BATCH: usize = 1000;

/// What a retry needs.
#[allow(
    missing_debug_implementations,
    reason = "it holds engines, which have none"
)]
#[derive(Clone, Copy)]
pub struct Retry<'a> {
    /// Where to.
    pub target: &'a dyn Engine,
    /// The plan of the run.
    pub plan: &'a Plan,
    /// What is wished now: its policies stand in place of the plan's.
    pub wished: &'a PlanSettings,
    /// How.
    pub settings: &'a RunSettings,
    /// The rejects.
    pub store: &'a Store,
    /// Which of them.
    pub filter: &'a Filter,
    /// Whether the run's own ledger is gone from the target.
    pub clean: bool,
    /// Who hears of it.
    pub progress: &'a Progress,
    /// The wish to end.
    pub stop: &'a Stop,
}

/// A retry under way.
struct Going<'a> {
    retry: &'a Retry<'a>,
    lease: &'a Lease<'a>,
    around: Around<'a>,
}

/// What came of a retry, for one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retried {
    /// The table, by its target name.
    pub table: TableName,
    /// Rows that are in the target now.
    pub moved: u64,
    /// Rows that were refused again.
    pub refused: u64,
    /// Rows whose values were not kept.
    pub huge: u64,
}

/// Moves the rejects that the filter means. Each is moved at most once, whatever dies.
///
/// # Errors
/// `Conflict` if the ledger of the target has unfinished work of a run; `Held` if another retry is under way.
pub fn retry(retry: &Retry<'_>) -> Result<Vec<Retried>> {
    let name = format!("{} rejects", retry.plan.settings.name);
    let clock = Wall::new();
    let around = Around {
        backoff: Backoff::new(retry.settings.retry_attempts),
        clock: &clock,
        stop: retry.stop,
        progress: retry.progress.as_ref(),
    };
    let lease = Lease::new(retry.target, &name, &holder::name());
    lease.take(&around, "rejects", retry.settings.steal)?;
    let going = Going {
        retry,
        lease: &lease,
        around,
    };
    let done = going.rounds();
    lease.release();
    let done = done?;
    if retry.clean {
        lease.uninstall(&around)?;
    }
    Ok(done)
}

impl Going<'_> {
    fn rounds(&self) -> Result<Vec<Retried>> {
        let retry = self.retry;
        let there = retry.target.inspect()?;
        let mut tables = Vec::new();
        for plan in &retry.plan.tables {
            let plan = mended(plan, retry.wished, &there);
            self.settle(plan.name())?;
            let rows = retry.store.waiting(plan.name(), retry.filter)?;
            if !rows.is_empty() {
                let sum = Retried {
                    table: plan.name().clone(),
                    moved: 0,
                    refused: 0,
                    huge: 0,
                };
                tables.push((plan, rows, sum));
            }
        }
        loop {
            let mut moved = 0;
            for (plan, rows, sum) in &mut tables {
                let (mut refused, mut huge) = (Vec::new(), 0);
                for ids in rows.chunks(BATCH) {
                    retry.stop.check()?;
                    let (went, stay, large) = self.batch(plan, ids)?;
                    moved += went;
                    sum.moved += went;
                    huge += large;
                    refused.extend(stay);
                    retry.progress.hear(Fact::TableMoved {
                        stage: "retry",
                        table: plan.name().clone(),
                        rows: went,
                        bytes: 0,
                    });
                }
                sum.refused = refused.len() as u64;
                sum.huge += huge;
                *rows = refused;
            }
            if moved == 0 || tables.iter().all(|(_, rows, _)| rows.is_empty()) {
                return Ok(tables.into_iter().map(|(_, _, sum)| sum).collect());
            }
        }
    }

    /// Finds out what became of a batch that somebody left under way.
    fn settle(&self, table: &TableName) -> Result<u64> {
        let (retry, lease) = (self.retry, self.lease);
        if !retry.store.taken(table)? {
            return Ok(0);
        }
        let claimed = lease.with(&self.around, "asking for a batch", |l, run| {
            let known = l.chunks(run)?.iter().any(|c| c.table == *table);
            match known {
                // Nothing of it was ever written down there.
                false => Ok(true),
                true => Ok(l.claim(run, table, 0)?.is_some()),
            }
        })?;
        match claimed {
            true => retry.store.free(table).map(|()| 0),
            false => retry.store.moved(table),
        }
    }

    /// Moves one batch. Gives how many went in, the ids of those that did not, and how many are too large.
    fn batch(&self, plan: &TablePlan, ids: &[i64]) -> Result<(u64, Vec<i64>, u64)> {
        let retry = self.retry;
        let mut attempt = 1;
        loop {
            let mut left = Vec::new();
            let mut huge = 0;
            let error = match self.once(plan, ids, &mut left, &mut huge) {
                Ok(went) => return Ok((went, left, huge)),
                Err(error) => error,
            };
            // Whether it happened is asked before anything else is done.
            if error.disposition() != Disposition::Definite {
                let went = self.settle(plan.name())?;
                if went > 0 {
                    return Ok((went, left, huge));
                }
            } else {
                retry.store.free(plan.name())?;
            }
            attempt += 1;
            if error.disposition() == Disposition::Definite
                || !self.around.backoff.allows(attempt)
                || !self.around.wait("moving rejects", &error, attempt)
            {
                return Err(error);
            }
        }
    }

    fn once(
        &self,
        plan: &TablePlan,
        ids: &[i64],
        left: &mut Vec<i64>,
        huge: &mut u64,
    ) -> Result<u64> {
        let (retry, lease, store) = (self.retry, self.lease, self.retry.store);
        let mut rows = Batch::default();
        rows.reset(plan.read.columns.len());
        let mut here = Vec::new();
        for record in store.some(ids)? {
            match fill(&mut rows, plan, &record) {
                Fill::Done => here.push(record.id),
                Fill::Huge => *huge += 1,
                Fill::Other(why) => {
                    store.tried(record.id, None, &why)?;
                    left.push(record.id);
                }
            }
        }
        if here.is_empty() {
            return Ok(0);
        }
        let chunk = Chunk {
            id: 0,
            range: Range::All,
        };
        let ticket: Ticket = lease
            .with(&self.around, "claiming a batch", |l, run| {
                l.plan_table(run, plan.name(), "", std::slice::from_ref(&chunk))?;
                l.claim(run, plan.name(), 0)
            })?
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Internal,
                    "moving rejects",
                    "a new batch is done already",
                )
            })?;
        let mut loader = retry.target.late_loader()?;
        let transforms = Transforms::of(plan, &retry.plan.source, &retry.settings.mask_salt)?;
        let mut encoder = transforms.encoder(retry.target, plan, &plan.load)?;
        // A row that a mended filter leaves out has no place in the target: it is settled.
        let filtered = AtomicU64::new(0);
        loader.begin(&plan.load, &ticket)?;
        let tally = Tally::lenient();
        let repair = Repair::of(&plan.load);
        let sieve = Sieve {
            plan,
            tally: &tally,
            repair: repair.as_ref().filter(|_| plan.transform.is_none()),
            filtered: &filtered,
        };
        let mut trouble: Vec<Refused> = Vec::new();
        let (count, bytes) = sieve.load(
            encoder.as_mut(),
            loader.as_mut(),
            &rows,
            &mut trouble,
            &mut |_| Ok(()),
        )?;
        let refused: Vec<(i64, &Refused)> = trouble
            .iter()
            .filter_map(|t| Some((*here.get(t.row)?, t)))
            .collect();
        let inside: Vec<i64> = here
            .iter()
            .copied()
            .filter(|id| !refused.iter().any(|(r, _)| r == id))
            .collect();
        store.take(plan.name(), &inside)?;
        fail::fail_point!("rejects-before-retry-commit");
        loader.commit(Loaded::new(count, bytes))?;
        fail::fail_point!("rejects-after-retry-commit");
        store.moved(plan.name())?;
        for (id, t) in refused {
            store.tried(id, Some(t.step), &t.reason)?;
            left.push(id);
        }
        Ok(count)
    }
}

/// The plan of a table with the policies of now and the target's columns as they are now.
fn mended(plan: &TablePlan, wished: &PlanSettings, there: &Catalog) -> TablePlan {
    let mut plan = plan.clone();
    let source = &plan.read.table;
    let wish = wished
        .tables
        .iter()
        .find(|w| w.name == source.to_string() || w.name == source.name);
    let policies = wish.and_then(|w| w.types).unwrap_or(wished.policies);
    let table = there.tables.iter().find(|t| t.name == plan.load.table);
    plan.load.wire = None;
    if let Some(transform) = &mut plan.transform {
        transform.mend(source, wished);
    }
    for column in &mut plan.load.columns {
        column.policies = policies;
        let now = table.and_then(|t| t.columns.iter().find(|c| c.name == column.name));
        if let Some(now) = now {
            column.target = now.ty.clone();
            column.native.clone_from(&now.native);
            column.nullable = now.nullable;
        }
    }
    plan
}

enum Fill {
    Done,
    Huge,
    Other(String),
}

/// Puts the values of a reject into a batch, in the order of the plan's columns.
fn fill(rows: &mut Batch, plan: &TablePlan, record: &Record) -> Fill {
    let Some(values) = &record.values else {
        return Fill::Huge;
    };
    let mark = rows.mark();
    for column in &plan.read.columns {
        let at = record.columns.iter().position(|c| *c == column.name);
        match at.and_then(|at| values.get(at)) {
            Some(value) => rows.put_cell(value.as_cell()),
            None => {
                rows.truncate(mark);
                return Fill::Other(format!("its column {} was not kept", column.name));
            }
        }
    }
    rows.end_row();
    Fill::Done
}
