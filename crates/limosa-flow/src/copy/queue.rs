//! What is to be copied, and what became of it: the one thing that all lanes share.

use crate::memory::Turn;
use crate::outcome::TableOutcome;
use crate::plan::TablePlan;
use crate::progress::{Fact, Listener};
use limosa_core::chunk::Chunk;
use limosa_core::engine::Loaded;
use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Facts about a moving table are told at most this often.
const TELL: Duration = Duration::from_millis(200);

#[derive(Default)]
struct Meter {
    rows: u64,
    bytes: u64,
    owed: (u64, u64),
    told: Option<Instant>,
}

/// One table's part of the shared state.
pub(super) struct TableWork<'p> {
    pub plan: &'p TablePlan,
    meter: Mutex<Meter>,
}

impl<'p> TableWork<'p> {
    fn new(plan: &'p TablePlan) -> Self {
        Self {
            plan,
            meter: Mutex::default(),
        }
    }

    /// Counts what went through, and tells it if the last time was long enough ago.
    pub(super) fn moved(&self, rows: u64, bytes: u64, progress: &dyn Listener) {
        let mut meter = self.meter.lock().unwrap_or_else(|e| e.into_inner());
        let again = (rows.min(meter.owed.0), bytes.min(meter.owed.1));
        meter.owed.0 -= again.0;
        meter.owed.1 -= again.1;
        meter.rows += rows - again.0;
        meter.bytes += bytes - again.1;
        if meter.told.is_none_or(|t| t.elapsed() >= TELL) {
            self.say(&mut meter, progress);
        }
    }

    /// Rows that were counted were taken back: they will come again and are not counted twice.
    pub(super) fn lost(&self, rows: u64, bytes: u64) {
        let mut meter = self.meter.lock().unwrap_or_else(|e| e.into_inner());
        meter.owed.0 += rows;
        meter.owed.1 += bytes;
    }

    fn tell(&self, progress: &dyn Listener) {
        self.say(
            &mut self.meter.lock().unwrap_or_else(|e| e.into_inner()),
            progress,
        );
    }

    fn say(&self, meter: &mut Meter, progress: &dyn Listener) {
        meter.told = Some(Instant::now());
        let (rows, bytes) = (
            std::mem::take(&mut meter.rows),
            std::mem::take(&mut meter.bytes),
        );
        if rows > 0 || bytes > 0 {
            progress.hear(Fact::TableMoved {
                stage: "copy",
                table: self.plan.name().clone(),
                rows,
                bytes,
            });
        }
    }
}

/// One chunk in one lane's hands.
pub(super) struct Work<'p> {
    pub index: usize,
    pub table: Arc<TableWork<'p>>,
    pub chunk: Chunk,
    /// Which try this is, from 1.
    pub attempt: u32,
    /// Whether the target refused some of its rows: they are to be found.
    pub careful: bool,
    /// Set by the loader when it takes the chunk up (with one loader, others are read ahead), and when
    /// the chunk is lost; the reader then stops reading it.
    pub turn: Turn,
    /// Rows of it that a filter left out.
    pub filtered: AtomicU64,
}

/// What a lane does next.
pub(super) enum Next<'p> {
    /// Cut this table, then call [`Queue::cut`] or [`Queue::fail`].
    Cut(usize, Arc<TableWork<'p>>),
    /// Copy this chunk, then call [`Queue::done`], [`Queue::again`] or [`Queue::fail`].
    Copy(Arc<Work<'p>>),
    /// Nothing is left.
    End,
}

enum Phase {
    Uncut,
    Cutting,
    Cut,
    Ended,
}

struct Waiting {
    chunk: Chunk,
    attempt: u32,
    careful: bool,
    until: Option<Instant>,
}

struct Entry<'p> {
    work: Arc<TableWork<'p>>,
    phase: Phase,
    waiting: VecDeque<Waiting>,
    in_hand: usize,
    outcome: TableOutcome,
}

struct State<'p> {
    tables: Vec<Entry<'p>>,
    /// Tables before this one have nothing to give any more.
    first: usize,
    halted: bool,
}

/// All tables of a copy.
pub(super) struct Queue<'p> {
    state: Mutex<State<'p>>,
    changed: Condvar,
}

impl<'p> Queue<'p> {
    /// Takes the tables in the order of the plan: largest first.
    pub(super) fn new(tables: impl Iterator<Item = &'p TablePlan>) -> Self {
        let tables = tables
            .map(|plan| Entry {
                work: Arc::new(TableWork::new(plan)),
                phase: Phase::Uncut,
                waiting: VecDeque::new(),
                in_hand: 0,
                outcome: TableOutcome {
                    table: plan.name().clone(),
                    rows: 0,
                    bytes: 0,
                    seconds: 0.0,
                    chunks: (0, 0),
                    resumed: 0,
                    rejected: 0,
                    skipped: 0,
                    errors: Vec::new(),
                },
            })
            .collect();
        Self {
            state: Mutex::new(State {
                tables,
                first: 0,
                halted: false,
            }),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State<'p>> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Gives the next work, waiting while another lane cuts a table or a failed chunk pauses. `halt`
    /// is asked about ten times a second.
    pub(super) fn next(&self, halt: &dyn Fn() -> bool) -> Next<'p> {
        let mut state = self.lock();
        loop {
            if state.halted || halt() {
                return Next::End;
            }
            let now = Instant::now();
            let mut later = false;
            while matches!(
                state.tables.get(state.first),
                Some(Entry {
                    phase: Phase::Ended,
                    ..
                })
            ) {
                state.first += 1;
            }
            let first = state.first;
            // A chunk of a table that is cut, largest table first; else the next table to cut.
            let mut cut = None;
            for index in first..state.tables.len() {
                let entry = &mut state.tables[index];
                match entry.phase {
                    Phase::Uncut => {
                        cut = cut.or(Some(index));
                        // Tables are cut in order, so nothing behind this one is cut either,
                        // except what other lanes took up already.
                    }
                    Phase::Cutting => later = true,
                    Phase::Cut => {
                        later |= entry.in_hand > 0 || !entry.waiting.is_empty();
                        let ready = entry
                            .waiting
                            .iter()
                            .position(|w| w.until.is_none_or(|u| u <= now));
                        if let Some(Waiting {
                            chunk,
                            attempt,
                            careful,
                            ..
                        }) = ready.and_then(|at| entry.waiting.remove(at))
                        {
                            entry.in_hand += 1;
                            return Next::Copy(Arc::new(Work {
                                index,
                                table: Arc::clone(&entry.work),
                                chunk,
                                attempt,
                                careful,
                                turn: Turn::default(),
                                filtered: AtomicU64::new(0),
                            }));
                        }
                    }
                    Phase::Ended => {}
                }
                if cut.is_some() {
                    break;
                }
            }
            if let Some(index) = cut {
                state.tables[index].phase = Phase::Cutting;
                return Next::Cut(index, Arc::clone(&state.tables[index].work));
            }
            if !later {
                return Next::End;
            }
            state = self
                .changed
                .wait_timeout(state, Duration::from_millis(100))
                .unwrap_or_else(|e| e.into_inner())
                .0;
        }
    }

    /// A table was cut: these chunks are to be copied, and of `all` these many were done before, with
    /// what became of their rows.
    pub(super) fn cut(
        &self,
        index: usize,
        chunks: Vec<Chunk>,
        all: u64,
        before: (u64, Loaded),
    ) -> Option<TableOutcome> {
        let mut state = self.lock();
        let entry = &mut state.tables[index];
        let (done, loaded) = before;
        entry.outcome.chunks = (done, all);
        entry.outcome.resumed = done;
        entry.outcome.rows = loaded.rows;
        entry.outcome.bytes = loaded.bytes;
        entry.outcome.skipped = loaded.filtered;
        if entry.outcome.errors.is_empty() {
            let fresh = |chunk| Waiting {
                chunk,
                attempt: 1,
                careful: false,
                until: None,
            };
            entry.waiting = chunks.into_iter().map(fresh).collect();
        }
        entry.phase = Phase::Cut;
        self.settle(&mut state, index)
    }

    /// A chunk is in the target. Gives the table's outcome if that was its last.
    pub(super) fn done(
        &self,
        work: &Work<'p>,
        loaded: Loaded,
        took: Duration,
    ) -> Option<TableOutcome> {
        let mut state = self.lock();
        let entry = &mut state.tables[work.index];
        entry.in_hand -= 1;
        entry.outcome.chunks.0 += 1;
        entry.outcome.rows += loaded.rows;
        entry.outcome.bytes += loaded.bytes;
        entry.outcome.skipped += loaded.filtered;
        entry.outcome.seconds += took.as_secs_f64();
        self.settle(&mut state, work.index)
    }

    /// A chunk is to be tried again after a pause.
    pub(super) fn again(&self, work: &Work<'p>, pause: Duration) -> Option<TableOutcome> {
        let mut state = self.lock();
        let entry = &mut state.tables[work.index];
        entry.in_hand -= 1;
        if matches!(entry.phase, Phase::Cut) && entry.outcome.errors.is_empty() {
            let until = Instant::now() + pause;
            entry.waiting.push_back(Waiting {
                chunk: work.chunk.clone(),
                attempt: work.attempt + 1,
                careful: work.careful,
                until: Some(until),
            });
        }
        self.settle(&mut state, work.index)
    }

    /// The target refused rows of a chunk: it is done again at once, looking for them.
    pub(super) fn carefully(&self, work: &Work<'p>) -> Option<TableOutcome> {
        let mut state = self.lock();
        let entry = &mut state.tables[work.index];
        entry.in_hand -= 1;
        if matches!(entry.phase, Phase::Cut) && entry.outcome.errors.is_empty() {
            entry.waiting.push_front(Waiting {
                chunk: work.chunk.clone(),
                attempt: work.attempt,
                careful: true,
                until: None,
            });
        }
        self.settle(&mut state, work.index)
    }

    /// The rejects of a table so far.
    pub(super) fn rejected(&self, index: usize, rows: u64) {
        self.lock().tables[index].outcome.rejected = rows;
    }

    /// A table that has ended turns out to be not good enough.
    pub(super) fn flaw(&self, index: usize, errors: &[String]) {
        self.lock().tables[index].outcome.errors = errors.to_vec();
    }

    /// Begins nothing more of any table. Gives the outcomes of those that have nothing in hand.
    pub(super) fn fail_all(&self, error: &str) -> Vec<TableOutcome> {
        let mut state = self.lock();
        let mut ended = Vec::new();
        for index in 0..state.tables.len() {
            let entry = &mut state.tables[index];
            if matches!(entry.phase, Phase::Ended) {
                continue;
            }
            entry.waiting.clear();
            if entry.outcome.errors.is_empty() {
                entry.outcome.errors.push(error.to_owned());
            }
            if matches!(entry.phase, Phase::Uncut) {
                entry.phase = Phase::Cut;
            }
            ended.extend(self.settle(&mut state, index));
        }
        ended
    }

    /// A chunk was let go because the run ends, or its table has failed; nothing is wrong with it.
    pub(super) fn dropped(&self, work: &Work<'p>) -> Option<TableOutcome> {
        let mut state = self.lock();
        let entry = &mut state.tables[work.index];
        entry.in_hand -= 1;
        if entry.outcome.errors.is_empty() {
            self.changed.notify_all();
            return None;
        }
        // The last lane that had a part of it tells the end.
        self.settle(&mut state, work.index)
    }

    /// A chunk, or with `in_hand` false the table as a whole, can not be copied: nothing more of the
    /// table is begun.
    pub(super) fn fail(&self, index: usize, in_hand: bool, error: String) -> Option<TableOutcome> {
        let mut state = self.lock();
        let entry = &mut state.tables[index];
        if in_hand {
            entry.in_hand -= 1;
        }
        entry.waiting.clear();
        entry.phase = Phase::Cut;
        if !entry.outcome.errors.contains(&error) {
            entry.outcome.errors.push(error);
        }
        self.settle(&mut state, index)
    }

    fn settle(&self, state: &mut State<'p>, index: usize) -> Option<TableOutcome> {
        self.changed.notify_all();
        let entry = &mut state.tables[index];
        let over =
            matches!(entry.phase, Phase::Cut) && entry.waiting.is_empty() && entry.in_hand == 0;
        over.then(|| {
            entry.phase = Phase::Ended;
            entry.outcome.clone()
        })
    }

    /// Whether a table has failed: its chunks in hand need not be finished.
    pub(super) fn failed(&self, index: usize) -> bool {
        !self.lock().tables[index].outcome.errors.is_empty()
    }

    /// Begins nothing more.
    pub(super) fn halt(&self) {
        self.lock().halted = true;
        self.changed.notify_all();
    }

    /// Whether nothing more is begun.
    pub(super) fn halted(&self) -> bool {
        self.lock().halted
    }

    /// Tells what was counted and not yet told.
    pub(super) fn tell(&self, progress: &dyn Listener) {
        for entry in &self.lock().tables {
            entry.work.tell(progress);
        }
    }

    /// What became of all tables.
    pub(super) fn outcomes(&self) -> Vec<TableOutcome> {
        self.lock()
            .tables
            .iter()
            .map(|e| e.outcome.clone())
            .collect()
    }
}
