//! The copy: every row of every table from one snapshot of the source into the target.
//!
//! # Why no row is lost or doubled
//!
//! 1. The chunks of a table cover every row once. They are written into the target's ledger before
//!    the first of them is claimed, so a later run works on the same chunks.
//! 2. A chunk is read by one reader within one snapshot, from its beginning. Its rows reach the target
//!    in one transaction, together with its mark `done`, on condition of the epoch of its claim
//!    ([`limosa_core::engine::Loader::commit`]). So the rows of a chunk are in the target if and only if
//!    its mark is.
//! 3. Whatever happens before the commit, the transaction is taken back, and the chunk is claimed again
//!    with a higher epoch. A worker that slept meanwhile finds its epoch gone and its commit refused.
//! 4. If the answer of a commit is lost, nothing is written again until the ledger was asked. A claim
//!    answers `None` for a chunk that is done, and it has to wait for a commit that is still under way.
//! 5. A later run keeps what is done. Key ranges mean the same rows in every snapshot. Places of storage
//!    do not, so they are kept only if the source proves that nothing moved; otherwise the ledger
//!    forgets the chunks, and then the table is emptied, in this order.
//! 6. A table without finished chunks must be empty before its first chunk is claimed. Rows that the
//!    ledger can not explain are ours if the table was cut before, and are taken out; otherwise they
//!    are somebody else's, and the table is refused.
//!
//! 7. A row that is left out is in the store of rejects, durably, before the chunk without it is committed
//!    ([`crate::rejects`]). A chunk in which the target refuses something is taken back as a whole and done again,
//!    in parts that go in or not each by itself ([`limosa_core::engine::Loader::write_apart`]), and still commits once.
//!
//! # Threads
//!
//! A lane is a reader thread and a loader thread, joined by a channel of [`crate::memory::QUEUE`] blocks.
//! Rows are encoded on the reading side. Where the target takes one writer only, one loader serves all
//! readers, one chunk at a time; the other readers read ahead until their channels are full.
//!
//! Every thread ends when nothing is left, when the run is stopped (at the edge of a chunk), when the
//! lease is lost, or when the snapshot is lost; none outlives [`copy`].

mod cut;
mod lane;
mod lease;
mod queue;
mod sift;
mod words;

pub use lease::Lease;
pub(crate) use sift::Sieve;

use crate::clock::Clock;
use crate::memory::{Memory, Share};
use crate::outcome::TableOutcome;
use crate::plan::{Plan, TablePlan};
use crate::progress::{Fact, Listener};
use crate::rejects::{Store, Tally};
use crate::retry::{Around, Backoff};
use crate::settings::RunSettings;
use crate::stop::Stop;
use crate::throttle::Throttle;
use crate::transform::Transforms;
use crossbeam_channel::bounded;
use lane::{LoadLane, Pass, ReadLane};
use limosa_core::engine::{Engine, Snapshot};
use limosa_core::schema::TableName;
use limosa_core::{Error, ErrorKind, Result};
use queue::Queue;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

/// What a part of a run works with.
#[derive(Clone, Copy)]
pub struct Job<'p> {
    /// Where from.
    pub source: &'p dyn Engine,
    /// Where to.
    pub target: &'p dyn Engine,
    /// What.
    pub plan: &'p Plan,
    /// How.
    pub settings: &'p RunSettings,
    /// Who hears of it.
    pub progress: &'p dyn Listener,
    /// The wish to end.
    pub stop: &'p Stop,
    /// Time and chance.
    pub clock: &'p dyn Clock,
    /// Where rows go that are left out.
    pub rejects: &'p Store,
}

impl Job<'_> {
    /// What surrounds an act that may be tried again.
    pub(crate) fn around(&self) -> Around<'_> {
        Around {
            backoff: Backoff::new(self.settings.retry_attempts),
            clock: self.clock,
            stop: self.stop,
            progress: self.progress,
        }
    }
}

/// Who writes down how far tables are. Called from many threads.
pub trait Observer: Sync {
    /// A table is about to be cut.
    ///
    /// # Errors
    /// Any error ends the copy.
    fn began(&self, table: &TablePlan) -> Result<()>;

    /// A table's copy ended, well or not.
    ///
    /// # Errors
    /// Any error ends the copy.
    fn ended(&self, outcome: &TableOutcome) -> Result<()>;
}

/// Takes a snapshot for as many lanes as the source allows, up to `lanes`. Gives the snapshot and that number.
pub(crate) fn snapshot(
    engine: &dyn Engine,
    lanes: usize,
    job: &Job<'_>,
) -> Result<(Box<dyn Snapshot>, usize)> {
    crate::retry::again(&job.around(), "taking a snapshot", |_| {
        match engine.snapshot(lanes) {
            Err(error) if error.kind() == ErrorKind::Unsupported && lanes > 1 => {
                job.progress.hear(Fact::Note {
                    text: format!("one lane reads {}: {}", engine.address(), error.why()),
                });
                Ok((engine.snapshot(1)?, 1))
            }
            other => Ok((other?, lanes)),
        }
    })
}

/// Copies every table of the plan but those in `skip`. The caller holds the lease.
///
/// Gives what became of each table, in the order of the plan; a stopped copy gives what was done so far.
///
/// # Errors
/// `Fenced` if another process took the run over; errors that concern no single table (no snapshot, no
/// ledger, no journal). An error of one table is in its outcome.
pub fn copy(
    job: &Job<'_>,
    lease: &Lease<'_>,
    skip: &HashSet<TableName>,
    observer: &dyn Observer,
) -> Result<Vec<TableOutcome>> {
    let mut earlier: HashMap<TableName, (f64, u64)> = HashMap::new();
    let mut attempt = 1;
    loop {
        let (mut outcomes, lost) = pass(job, lease, skip, observer)?;
        for outcome in &mut outcomes {
            if let Some((seconds, resumed)) = earlier.get(&outcome.table) {
                outcome.seconds += seconds;
                outcome.resumed = *resumed;
            }
        }
        if lease.fenced() {
            return Err(lease.fenced_error());
        }
        let Some(error) = lost.filter(|_| !job.stop.requested()) else {
            return Ok(outcomes);
        };
        attempt += 1;
        let around = job.around();
        if !around.backoff.allows(attempt) {
            return Err(error);
        }
        around.wait("the copy, from a new snapshot", &error, attempt);
        for outcome in outcomes {
            earlier.insert(outcome.table, (outcome.seconds, outcome.resumed));
        }
    }
}

/// One thread's work.
enum Lane<'x, 'a, 'p> {
    Read(ReadLane<'x, 'a, 'p>),
    Load(
        LoadLane<'x, 'a, 'p>,
        crossbeam_channel::Receiver<lane::Stream<'p>>,
    ),
}

impl Lane<'_, '_, '_> {
    fn run(self) {
        match self {
            Lane::Read(lane) => lane.run(),
            Lane::Load(lane, begun) => lane.run(&begun),
        }
    }
}

fn start<'scope, 'a: 'scope, 'p: 'scope>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    pass: &Pass<'a, 'p>,
    name: String,
    lane: Lane<'scope, 'a, 'p>,
) {
    let started = std::thread::Builder::new()
        .name(name)
        .spawn_scoped(scope, move || lane.run());
    if let Err(error) = started {
        let why = error.to_string();
        pass.halt(Error::new(ErrorKind::Resource, "starting a lane", why));
    }
}

/// One pass over all tables with one snapshot. Says whether it ended because the snapshot was lost.
fn pass<'p>(
    job: &Job<'p>,
    lease: &Lease<'p>,
    skip: &HashSet<TableName>,
    observer: &dyn Observer,
) -> Result<(Vec<TableOutcome>, Option<Error>)> {
    let (snapshot, lanes) = snapshot(job.source, job.settings.workers.max(1), job)?;
    let ledger = lease.with(&job.around(), "reading the ledger", |l, run| l.chunks(run))?;
    let single = !job.target.capabilities().concurrent_writers;
    let share = Share::of(job.settings.memory, lanes);
    let memory = Memory::new(share.large);
    let throttle = Throttle::new(
        job.settings.max_rows_per_second,
        job.settings.max_bytes_per_second,
        job.clock,
    );
    let queue = Queue::new(job.plan.tables.iter().filter(|t| !skip.contains(t.name())));
    let tally = Tally::new(
        job.settings,
        job.plan.tables.iter().map(|t| (&t.read.table, t.name())),
    );
    let fatal = Mutex::new(None);
    let transforms = Transforms::new(job.plan, &job.settings.mask_salt, snapshot.as_ref())?;
    let pass = Pass {
        job,
        transforms: &transforms,
        lease,
        observer,
        snapshot: snapshot.as_ref(),
        queue: &queue,
        throttle: &throttle,
        memory: &memory,
        tally: &tally,
        share,
        single,
        cutter: cut::Cutter::new(job, lease, snapshot.as_ref(), single, ledger),
        lost: AtomicBool::new(false),
        dead: Arc::default(),
        fatal: &fatal,
    };
    let lanes = lanes.max(1);
    std::thread::scope(|scope| {
        let pass = &pass;
        let start = |name, lane| start(scope, pass, name, lane);
        if single {
            // A begun chunk a lane, and one read ahead.
            let (begins, begun) = bounded(2 * lanes);
            start("load".into(), Lane::Load(LoadLane::new(pass), begun));
            for lane in 0..lanes {
                let reader = ReadLane::new(pass, begins.clone());
                start(format!("read-{lane}"), Lane::Read(reader));
            }
        } else {
            for lane in 0..lanes {
                let (begins, begun) = bounded(2);
                start(
                    format!("load-{lane}"),
                    Lane::Load(LoadLane::new(pass), begun),
                );
                start(
                    format!("read-{lane}"),
                    Lane::Read(ReadLane::new(pass, begins)),
                );
            }
        }
    });
    queue.tell(job.progress);
    let lost = pass.lost.load(std::sync::atomic::Ordering::SeqCst);
    if let Some(error) = fatal.lock().unwrap_or_else(|e| e.into_inner()).take() {
        return Err(error);
    }
    let lost = lost.then(|| {
        Error::new(
            ErrorKind::SnapshotLost,
            "copying",
            "the source's snapshot is gone",
        )
        .on(job.source.address())
        .hint("Something ended the session that held it. Run again: finished chunks are kept.")
    });
    Ok((queue.outcomes(), lost))
}
