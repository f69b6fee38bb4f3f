//! A lane: one thread that reads and encodes, and one that loads. Here is what they share.

mod load;
mod read;

pub(super) use load::LoadLane;
pub(super) use read::ReadLane;

use super::queue::{Queue, Work};
use super::{Job, Lease, Observer, cut, words};
use crate::memory::{Memory, Share};
use crate::plan::TablePlan;
use crate::rejects::{Crossing, Refused, Tally};
use crate::throttle::Throttle;
use crate::transform::Transforms;
use crossbeam_channel::{Receiver, Sender};
use limosa_core::batch::Batch;
use limosa_core::engine::Snapshot;
use limosa_core::room::Room;
use limosa_core::{Disposition, Error, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Encoded rows on their way from a reader to a loader.
struct Block {
    bytes: Vec<u8>,
    rows: u64,
    /// Rows that are left out.
    refused: Vec<Refused>,
    /// Room that a huge row took; goes back when the block was written.
    room: Option<Room>,
}

/// Rows that are not encoded yet: of a chunk in which the target refused something.
struct Sheaf {
    batch: Batch,
    _room: Option<Room>,
}

/// What a reader sends of a chunk: blocks or sheaves, and then one of the others.
enum Piece {
    Block(Block),
    Sheaf(Sheaf),
    End,
    Abort(Error),
}

/// A chunk on its way: the loader reads `pieces` until its end.
pub(super) struct Stream<'p> {
    work: Arc<Work<'p>>,
    pieces: Receiver<Piece>,
    empties: Sender<Vec<u8>>,
}

/// What all lanes of one pass share.
pub(super) struct Pass<'a, 'p> {
    pub job: &'a Job<'p>,
    pub lease: &'a Lease<'p>,
    pub observer: &'a dyn Observer,
    pub snapshot: &'a dyn Snapshot,
    pub queue: &'a Queue<'p>,
    pub throttle: &'a Throttle,
    pub memory: &'a Arc<Memory>,
    pub tally: &'a Tally,
    pub transforms: &'a Transforms,
    pub share: Share,
    /// Whether one loader serves all readers.
    pub single: bool,
    pub cutter: cut::Cutter<'a, 'p>,
    /// The snapshot is gone.
    pub lost: AtomicBool,
    /// A loader panicked: nobody takes blocks any more.
    pub dead: Arc<AtomicBool>,
    /// An error that ends everything.
    pub fatal: &'a Mutex<Option<Error>>,
}

impl<'p> Pass<'_, 'p> {
    /// Whether something outside of the queue ends the pass. Asked under the queue's lock.
    fn stopping(&self) -> bool {
        self.job.stop.requested() || self.lease.fenced()
    }

    fn ending(&self) -> bool {
        self.stopping() || self.queue.halted()
    }

    pub(super) fn halt(&self, error: Error) {
        self.fatal
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .get_or_insert(error);
        self.queue.halt();
    }

    fn ended(&self, outcome: Option<crate::outcome::TableOutcome>) {
        if let Some(outcome) = outcome
            && let Err(error) = self.observer.ended(&outcome)
        {
            self.halt(error);
        }
    }

    /// Judges an error of a chunk: again, the table's end, or everybody's.
    fn trouble(&self, work: &Work<'p>, error: &Error) {
        match error.kind() {
            // The epoch of the claim is gone. That is the end only if the lease is gone too; a process
            // that has lost it may claim once more before it notices.
            ErrorKind::Fenced if !self.lease.fenced() && self.lease.renewed() => {}
            ErrorKind::Fenced => {
                self.lease.fence();
                self.queue.halt();
                return self.ended(self.queue.dropped(work));
            }
            ErrorKind::SnapshotLost => {
                self.lost.store(true, Ordering::SeqCst);
                self.queue.halt();
                return self.ended(self.queue.dropped(work));
            }
            ErrorKind::Interrupted => return self.ended(self.queue.dropped(work)),
            _ => {}
        }
        if error.refuses_rows() && !work.careful && self.tally.tolerates(work.table.plan.name()) {
            self.job.progress.hear(crate::progress::Fact::Note {
                text: format!("{}: looking for the rows", words::line(work, error)),
            });
            return self.ended(self.queue.carefully(work));
        }
        let around = self.job.around();
        let next = work.attempt + 1;
        // A lost answer is settled by the next claim: the ledger says whether the chunk is there.
        let again =
            error.disposition() != Disposition::Definite || error.kind() == ErrorKind::Fenced;
        if again && around.backoff.allows(next) {
            let pause = around.backoff.pause(next, around.clock);
            self.job.progress.hear(crate::progress::Fact::Retry {
                what: format!("copying {} chunk {}", work.table.plan.name(), work.chunk.id),
                why: error.to_string(),
                attempt: next,
                pause: pause.as_secs_f64(),
            });
            self.ended(self.queue.again(work, pause));
        } else {
            let line = words::line(work, error);
            self.ended(self.queue.fail(work.index, true, line));
        }
    }

    /// A table was cut: what earlier runs did of it counts.
    fn cut(&self, index: usize, plan: &TablePlan, cut: cut::Cut) {
        let mut before = match self.job.rejects.counted(plan.name()) {
            Ok(before) => before,
            Err(error) => return self.halt(error),
        };
        before.handled += cut.before.1.rows;
        self.queue.rejected(index, before.rejected);
        self.tally.begin(plan.name(), before);
        if let Some(mut outcome) = self.queue.cut(index, cut.todo, cut.all, cut.before) {
            if let Some(crossing) = self.tally.end(plan.name()) {
                outcome
                    .errors
                    .push(format!("{}: {}", plan.name(), crossing.error()));
                self.queue.flaw(index, &outcome.errors);
            }
            self.ended(Some(outcome));
        }
    }

    /// Ends what a threshold of rejects ends: a table, or all.
    fn crossed(&self, work: &Work<'p>, crossing: &Crossing) {
        let error = crossing.error();
        let line = words::of_table(work, &error);
        if crossing.all {
            for outcome in self.queue.fail_all(&line) {
                self.ended(Some(outcome));
            }
        } else {
            self.ended(self.queue.fail(work.index, false, line));
        }
    }
}
