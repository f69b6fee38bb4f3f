//! Cutting tables into chunks, and judging what an earlier run left.

use super::{Job, Lease};
use crate::plan::TablePlan;
use crate::retry::again;
use limosa_core::chunk::{Chunk, Range};
use limosa_core::engine::{ChunkState, LedgerChunk, Loaded, Session, Snapshot};
use limosa_core::operation::Operation;
use limosa_core::schema::TableName;
use limosa_core::{Error, ErrorKind, Result};
use std::collections::HashMap;
use std::sync::Mutex;

/// What is to be copied of a table.
pub(super) struct Cut {
    pub todo: Vec<Chunk>,
    pub all: u64,
    /// Chunks that are there already, and what became of their rows.
    pub before: (u64, Loaded),
}

/// Cuts tables. Shared by all lanes.
pub(super) struct Cutter<'a, 'p> {
    job: &'a Job<'p>,
    lease: &'a Lease<'p>,
    snapshot: &'a dyn Snapshot,
    single: bool,
    /// What the ledger said when the pass began.
    known: Mutex<HashMap<TableName, Vec<LedgerChunk>>>,
    session: Mutex<Option<Box<dyn Session>>>,
}

impl<'a, 'p> Cutter<'a, 'p> {
    pub(super) fn new(
        job: &'a Job<'p>,
        lease: &'a Lease<'p>,
        snapshot: &'a dyn Snapshot,
        single: bool,
        ledger: Vec<LedgerChunk>,
    ) -> Self {
        let mut known: HashMap<TableName, Vec<LedgerChunk>> = HashMap::new();
        for chunk in ledger {
            known.entry(chunk.table.clone()).or_default().push(chunk);
        }
        Self {
            job,
            lease,
            snapshot,
            single,
            known: Mutex::new(known),
            session: Mutex::new(None),
        }
    }

    /// Decides what of a table is to be copied, and writes it down in the ledger.
    pub(super) fn cut(&self, plan: &TablePlan) -> Result<Cut> {
        let known = self
            .known
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .remove(plan.name())
            .unwrap_or_default();
        again(
            &self.job.around(),
            &format!("cutting {}", plan.name()),
            |_| self.judge(plan, &known),
        )
    }

    fn judge(&self, plan: &TablePlan, known: &[LedgerChunk]) -> Result<Cut> {
        if known.is_empty() {
            // Nothing of ours is in it, whoever began the run.
            return self.fresh(plan, Before::Empty);
        }
        let done: Vec<&LedgerChunk> = known
            .iter()
            .filter(|c| c.state == ChunkState::Done)
            .collect();
        if done.is_empty() {
            return self.fresh(plan, Before::Ours);
        }
        let all_done = done.len() == known.len();
        // Key ranges mean the same rows in every snapshot; places of storage only if nothing moved.
        let keyed = known
            .iter()
            .all(|c| matches!(c.chunk.range, Range::Key { .. }));
        let keep = all_done || keyed || {
            let finished: Vec<(Chunk, u64)> = done
                .iter()
                .map(|c| (c.chunk.clone(), c.loaded.rows))
                .collect();
            self.snapshot
                .unchanged_since(&plan.read, &known[0].mark, &finished)?
        };
        if !keep {
            return self.fresh(plan, Before::Done);
        }
        let ids: Vec<u32> = done.iter().map(|c| c.chunk.id).collect();
        self.job.rejects.reconcile(plan.name(), &ids)?;
        let before = (
            done.len() as u64,
            Loaded {
                rows: done.iter().map(|c| c.loaded.rows).sum(),
                bytes: done.iter().map(|c| c.loaded.bytes).sum(),
                filtered: done.iter().map(|c| c.loaded.filtered).sum(),
            },
        );
        Ok(Cut {
            todo: known
                .iter()
                .filter(|c| c.state != ChunkState::Done)
                .map(|c| c.chunk.clone())
                .collect(),
            all: known.len() as u64,
            before,
        })
    }

    fn fresh(&self, plan: &TablePlan, before: Before) -> Result<Cut> {
        let mut chunks = self
            .snapshot
            .chunks(&plan.read, self.job.settings.chunk_bytes.max(1))?;
        if chunks.is_empty() {
            chunks.push(Chunk {
                id: 0,
                range: Range::All,
            });
        }
        let mark = self.snapshot.mark(&plan.read.table)?;
        let mut hold = self.lease.hold();
        // What the ledger said when the pass began holds only for the owner of the run.
        hold.still_ours()?;
        let write = |hold: &mut super::lease::Hold<'_, '_>| {
            hold.with(|l, run| l.plan_table(run, plan.name(), &mark, &chunks))
        };
        // Only the ledger decides which rows are ours, so it forgets chunks before their rows go: a
        // death in between leaves rows that no chunk claims, and the next run takes them out.
        if before == Before::Done {
            write(&mut hold)?;
            fail::fail_point!("copy-between-forget-and-empty");
        }
        // With one writer the hold also keeps our own loader out.
        let (written, mut hold) = if self.single {
            (self.rows(plan.name())?, hold)
        } else {
            drop(hold);
            (self.rows(plan.name())?, self.lease.hold())
        };
        match (before, written) {
            (_, false) => {}
            (Before::Empty, true) => {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "copying",
                    "the target table has rows that this run did not write",
                )
                .on(plan.name().to_string())
                .hint("Empty the table, or drop it, and run again."));
            }
            (Before::Ours | Before::Done, true) => {
                hold.still_ours()?;
                self.empty(plan.name())?;
            }
        }
        if before != Before::Done {
            write(&mut hold)?;
        }
        // No chunk of the table is done, so no reject of it stands for anything.
        self.job.rejects.forget(plan.name())?;
        fail::fail_point!("rejects-after-forget");
        fail::fail_point!("copy-after-cut");
        Ok(Cut {
            all: chunks.len() as u64,
            todo: chunks,
            before: (0, Loaded::default()),
        })
    }

    fn on_session<T>(&self, act: impl FnOnce(&mut dyn Session) -> Result<T>) -> Result<T> {
        let mut slot = self.session.lock().unwrap_or_else(|e| e.into_inner());
        if slot.is_none() {
            *slot = Some(self.job.target.session()?);
        }
        let result = act(slot.as_mut().expect("it was opened above").as_mut());
        if result.is_err() {
            *slot = None;
        }
        result
    }

    fn rows(&self, table: &TableName) -> Result<bool> {
        self.on_session(|s| Ok(s.count(table, Some(1))? > 0))
    }

    fn empty(&self, table: &TableName) -> Result<()> {
        let statements = self
            .job
            .target
            .dialect()
            .render(&Operation::EmptyTable(table.clone()))?;
        self.on_session(|s| statements.iter().try_for_each(|sql| s.execute(sql)))
    }
}

/// What the ledger knows of a table that is to be cut anew.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nothing: its rows, if any, are somebody else's.
    Empty,
    /// It was cut and nothing was done: rows are leftovers of ours.
    Ours,
    /// Chunks are done and can not be kept.
    Done,
}
