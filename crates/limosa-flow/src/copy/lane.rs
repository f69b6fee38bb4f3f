//! A lane: one thread that reads and encodes, and one that loads.

use super::queue::{Next, Queue, TableWork, Work};
use super::sift::Sieve;
use super::{Job, Lease, Observer, words};
use crate::memory::{Memory, QUEUE, ReaderGate, Share};
use crate::plan::TablePlan;
use crate::rejects::{Crossing, Flight, Refused, Tally};
use crate::repair::Repair;
use crate::throttle::Throttle;
use crate::transform::Transforms;
use crossbeam_channel::{Receiver, Sender, bounded};
use limosa_core::batch::{Batch, BatchLimit};
use limosa_core::engine::{Encoder, LoadSpec, Loader, Reader, Snapshot, Ticket};
use limosa_core::room::{Gate, Room};
use limosa_core::{Disposition, Error, ErrorKind, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

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
    pub cutter: super::cut::Cutter<'a, 'p>,
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
    fn cut(&self, index: usize, plan: &TablePlan, cut: super::cut::Cut) {
        let mut before = match self.job.rejects.counted(plan.name()) {
            Ok(before) => before,
            Err(error) => return self.halt(error),
        };
        before.handled += cut.before.1;
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

/// The reading side of a lane.
pub(super) struct ReadLane<'x, 'a, 'p> {
    pass: &'x Pass<'a, 'p>,
    reader: Option<Box<dyn Reader>>,
    gate: Arc<ReaderGate>,
    encoder: Option<(usize, Box<dyn Encoder>)>,
    /// What is mended in the table of that number.
    repair: Option<(usize, Option<Repair>)>,
    batch: Batch,
    begins: Sender<Stream<'p>>,
    pieces: (Sender<Piece>, Receiver<Piece>),
    empties: (Sender<Vec<u8>>, Receiver<Vec<u8>>),
}

impl<'x, 'a, 'p> ReadLane<'x, 'a, 'p> {
    pub(super) fn new(pass: &'x Pass<'a, 'p>, begins: Sender<Stream<'p>>) -> Self {
        Self {
            pass,
            reader: None,
            gate: ReaderGate::copying(pass.memory, pass.share, pass.single, &pass.dead),
            encoder: None,
            repair: None,
            batch: Batch::default(),
            begins,
            // See the module `memory` for the bound.
            pieces: bounded(QUEUE),
            empties: bounded(QUEUE + 2),
        }
    }

    /// Works until nothing is left.
    pub(super) fn run(mut self) {
        loop {
            match self.pass.queue.next(&|| self.pass.stopping()) {
                Next::End => return,
                Next::Cut(index, table) => self.cut(index, &table),
                Next::Copy(work) => {
                    let stream = Stream {
                        work: Arc::clone(&work),
                        pieces: self.pieces.1.clone(),
                        empties: self.empties.0.clone(),
                    };
                    if self.begins.send(stream).is_err() {
                        // The loader died; its panic is told by whoever joins it.
                        self.pass.queue.halt();
                        return;
                    }
                    let end = match self.read(&work) {
                        Ok(()) => Piece::End,
                        Err(error) => {
                            self.reader = None;
                            self.encoder = None;
                            Piece::Abort(error)
                        }
                    };
                    if self.send(end).is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn cut(&self, index: usize, table: &TableWork<'p>) {
        let pass = self.pass;
        let cut = pass
            .observer
            .began(table.plan)
            .map_err(|e| (true, e))
            .and_then(|()| pass.cutter.cut(table.plan).map_err(|e| (false, e)));
        match cut {
            Ok(cut) => pass.cut(index, table.plan, cut),
            Err((true, error)) => pass.halt(error),
            Err((_, error)) => match error.kind() {
                ErrorKind::Fenced => {
                    pass.lease.fence();
                    pass.queue.halt();
                }
                ErrorKind::SnapshotLost => {
                    pass.lost.store(true, Ordering::SeqCst);
                    pass.queue.halt();
                }
                _ if pass.ending() => {}
                _ => {
                    let mut line = format!("{}: {error}", table.plan.name());
                    if let Some(remedy) = error.remedy() {
                        line.push_str(". ");
                        line.push_str(remedy);
                    }
                    pass.ended(pass.queue.fail(index, false, line));
                }
            },
        }
    }

    fn read(&mut self, work: &Work<'p>) -> Result<()> {
        let pass = self.pass;
        let plan = work.table.plan;
        if self.reader.is_none() {
            let mut reader = pass.snapshot.reader()?;
            reader.bound(Arc::clone(&self.gate) as Arc<dyn Gate>);
            self.reader = Some(reader);
        }
        self.gate.chunk(&work.turn);
        let wire = plan.load.wire.as_deref().filter(|_| !work.careful);
        if wire.is_none() && self.encoder.as_ref().is_none_or(|(i, _)| *i != work.index) {
            self.encoder = Some((
                work.index,
                pass.transforms.encoder(pass.job.target, plan, &plan.load)?,
            ));
        }
        if self.repair.as_ref().is_none_or(|(i, _)| *i != work.index) {
            // A transform has its own, behind it.
            let repair = Repair::of(&plan.load).filter(|_| plan.transform.is_none());
            self.repair = Some((work.index, repair));
        }
        let reader = self.reader.as_mut().expect("it was opened above");
        reader.open(&plan.read, &work.chunk.range, wire)?;
        let limit = BatchLimit {
            rows: pass.job.settings.batch_size.max(1),
            bytes: pass.share.block,
        };
        loop {
            if work.turn.given_up.load(Ordering::Relaxed) || pass.lease.fenced() {
                return Err(Error::new(
                    ErrorKind::Interrupted,
                    "reading",
                    "the chunk was given up",
                ));
            }
            let mut bytes = self.empties.1.try_recv().unwrap_or_default();
            bytes.clear();
            let mut refused = Vec::new();
            let (rows, more) = match wire {
                Some(_) => reader.fill_wire(&mut bytes, pass.share.block)?,
                None => {
                    self.batch.reset(plan.read.columns.len());
                    let more = reader.fill(&mut self.batch, limit)?;
                    if work.careful {
                        let batch = std::mem::take(&mut self.batch);
                        pass.throttle.take(
                            batch.rows(),
                            batch.bytes() as u64,
                            pass.job.clock,
                            pass.job.stop,
                        );
                        let sheaf = Sheaf {
                            batch,
                            _room: reader.room(),
                        };
                        Self::push(pass, &self.pieces.0, Piece::Sheaf(sheaf))?;
                        if more {
                            continue;
                        }
                        return Ok(());
                    }
                    let (_, encoder) = self.encoder.as_mut().expect("made above for this table");
                    let mut rows = 0;
                    if self.batch.rows() > 0 {
                        let sieve = Sieve {
                            plan,
                            tally: pass.tally,
                            repair: self.repair.as_ref().and_then(|(_, r)| r.as_ref()),
                            filtered: &work.filtered,
                        };
                        rows = sieve.encode(
                            encoder.as_mut(),
                            &self.batch,
                            &mut bytes,
                            &mut refused,
                        )?;
                    }
                    // A huge row is in the block now: its batch goes before it is written.
                    self.batch.shrink(4 * pass.share.block);
                    (rows, more)
                }
            };
            if rows > 0 || !bytes.is_empty() || !refused.is_empty() {
                pass.throttle
                    .take(rows, bytes.len() as u64, pass.job.clock, pass.job.stop);
                let block = Block {
                    bytes,
                    rows,
                    refused,
                    room: reader.room(),
                };
                Self::push(pass, &self.pieces.0, Piece::Block(block))?;
            }
            if !more {
                return Ok(());
            }
        }
    }

    fn send(&self, piece: Piece) -> Result<()> {
        Self::push(self.pass, &self.pieces.0, piece)
    }

    fn push(pass: &Pass<'_, '_>, pieces: &Sender<Piece>, mut piece: Piece) -> Result<()> {
        use crossbeam_channel::SendTimeoutError;
        loop {
            match pieces.send_timeout(piece, Duration::from_secs(1)) {
                Ok(()) => return Ok(()),
                Err(SendTimeoutError::Timeout(back)) if !pass.dead.load(Ordering::SeqCst) => {
                    piece = back;
                }
                Err(_) => {
                    return Err(Error::new(
                        ErrorKind::Interrupted,
                        "reading",
                        "the loader ended",
                    ));
                }
            }
        }
    }
}

/// The loading side of a lane, or of all lanes.
pub(super) struct LoadLane<'x, 'a, 'p> {
    pass: &'x Pass<'a, 'p>,
    loader: Option<Box<dyn Loader>>,
}

/// What was moved of a chunk, and what was left out.
#[derive(Default)]
struct Moved {
    rows: u64,
    bytes: u64,
    /// Rows left out.
    left: Flight,
    /// Whether the store of rejects has this claim.
    begun: bool,
}

impl Moved {
    fn flight(&self) -> Flight {
        Flight {
            handled: self.rows + self.left.rejected,
            ..self.left
        }
    }
}

impl<'x, 'a, 'p> LoadLane<'x, 'a, 'p> {
    pub(super) fn new(pass: &'x Pass<'a, 'p>) -> Self {
        Self { pass, loader: None }
    }

    /// Works until all readers have ended.
    pub(super) fn run(mut self, begins: &Receiver<Stream<'p>>) {
        let _guard = Deathbed(self.pass);
        while let Ok(stream) = begins.recv() {
            self.chunk(&stream);
        }
    }

    fn chunk(&mut self, stream: &Stream<'p>) {
        let work = &stream.work;
        work.turn.current.store(true, Ordering::Relaxed);
        let began = Instant::now();
        let mut at_end = false;
        let mut moved = Moved::default();
        let result = self.load(stream, &mut at_end, &mut moved);
        if result.is_err() {
            work.turn.given_up.store(true, Ordering::Relaxed);
        }
        while !at_end {
            match stream.pieces.recv() {
                Ok(Piece::Block(block)) => recycle(stream, block, self.pass.share.block),
                Ok(Piece::Sheaf(_)) => {}
                Ok(Piece::End | Piece::Abort(_)) | Err(_) => at_end = true,
            }
        }
        match result {
            Ok((rows, bytes)) => self.done(work, rows, bytes, &moved, began.elapsed()),
            Err(error) => {
                if error.disposition() != Disposition::Definite {
                    self.loader = None;
                } else if let Some(loader) = &mut self.loader
                    && loader.rollback().is_err()
                {
                    // Dropped, a loader leaves nothing behind.
                    self.loader = None;
                }
                work.table.lost(moved.rows, moved.bytes);
                self.pass.trouble(work, &error);
            }
        }
    }

    /// A chunk is in the target.
    fn done(&self, work: &Work<'p>, rows: u64, bytes: u64, moved: &Moved, took: Duration) {
        let pass = self.pass;
        let name = work.table.plan.name();
        if moved.begun {
            fail::fail_point!("rejects-before-settle");
            if let Err(error) = pass.job.rejects.settle(name, work.chunk.id) {
                pass.halt(error);
            }
        }
        let crossing = pass.tally.add(name, moved.flight());
        if moved.left.rejected > 0 {
            pass.queue.rejected(work.index, pass.tally.rejected(name));
            pass.job.progress.hear(crate::progress::Fact::Rejected {
                table: name.clone(),
                rows: moved.left.rejected,
            });
        }
        if let Some(crossing) = crossing {
            pass.crossed(work, &crossing);
        }
        if let Some(mut outcome) = pass.queue.done(work, rows, bytes, took) {
            if outcome.errors.is_empty()
                && let Some(crossing) = pass.tally.end(name)
            {
                outcome
                    .errors
                    .push(words::of_table(work, &crossing.error()));
                pass.queue.flaw(work.index, &outcome.errors);
            }
            pass.ended(Some(outcome));
        }
    }

    fn loader(&mut self) -> &mut dyn Loader {
        self.loader
            .as_mut()
            .expect("it was opened when the chunk was begun")
            .as_mut()
    }

    /// Puts rows of a chunk aside.
    fn put_aside(
        &self,
        work: &Work<'p>,
        ticket: &Ticket,
        moved: &mut Moved,
        rows: &[Refused],
    ) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let store = self.pass.job.rejects;
        let (plan, tally) = (work.table.plan, self.pass.tally);
        if !moved.begun {
            store.begin(ticket)?;
            moved.begun = true;
        }
        fail::fail_point!("rejects-before-add");
        store.add(ticket, plan, moved.left.rejected, rows)?;
        fail::fail_point!("rejects-after-add");
        moved.left.rejected += rows.len() as u64;
        moved.left.unforeseen += rows.iter().filter(|r| !r.chosen).count() as u64;
        match tally.look(plan.name(), moved.flight()) {
            Some(crossing) => {
                if crossing.all {
                    self.pass.crossed(work, &crossing);
                }
                Err(crossing.error())
            }
            None => Ok(()),
        }
    }

    /// Loads one chunk. `at_end` tells whether the reader's last piece was taken, `moved` what was told
    /// to have moved.
    fn load(
        &mut self,
        stream: &Stream<'p>,
        at_end: &mut bool,
        moved: &mut Moved,
    ) -> Result<(u64, u64)> {
        let pass = self.pass;
        let work = &stream.work;
        let plan = work.table.plan;
        if pass.queue.failed(work.index) {
            return Err(Error::new(
                ErrorKind::Interrupted,
                "loading",
                "the table has failed",
            ));
        }
        // With one writer the ledger is kept for the whole chunk: the target could not take its
        // writes meanwhile.
        let mut kept = pass.single.then(|| pass.lease.hold_last());
        let claimed = {
            let mut once;
            let hold = match &mut kept {
                Some(hold) => hold,
                None => {
                    once = pass.lease.hold();
                    &mut once
                }
            };
            hold.with(|l, run| l.claim(run, plan.name(), work.chunk.id))?
        };
        let Some(ticket) = claimed else {
            // An earlier commit whose answer was lost did happen, with the rejects that its claim wrote.
            moved.begun = pass.job.rejects.knows(plan.name(), work.chunk.id)?;
            if moved.begun {
                moved.left = pass.job.rejects.of_chunk(plan.name(), work.chunk.id)?;
            }
            let mut hold = kept.unwrap_or_else(|| pass.lease.hold());
            let chunks = hold.with(|l, run| l.chunks(run))?;
            let done = chunks
                .iter()
                .find(|c| c.table == *plan.name() && c.chunk.id == work.chunk.id)
                .map_or((0, 0), |c| (c.rows, c.bytes));
            moved.rows = done.0;
            return Ok(done);
        };
        fail::fail_point!("copy-after-claim");
        if self.loader.is_none() {
            self.loader = Some(pass.job.target.loader()?);
        }
        let unparsed = LoadSpec {
            wire: None,
            ..plan.load.clone()
        };
        let mut encoder = None;
        let repair = Repair::of(&plan.load).filter(|_| work.careful && plan.transform.is_none());
        let spec = match work.careful {
            true => {
                encoder = Some(pass.transforms.encoder(pass.job.target, plan, &unparsed)?);
                &unparsed
            }
            false => &plan.load,
        };
        self.loader().begin(spec, &ticket)?;
        loop {
            match stream.pieces.recv() {
                Ok(Piece::Sheaf(sheaf)) => {
                    let encoder = encoder.as_mut().expect("only a careful chunk has sheaves");
                    let sieve = Sieve {
                        plan,
                        tally: pass.tally,
                        repair: repair.as_ref(),
                        filtered: &work.filtered,
                    };
                    let mut refused = Vec::new();
                    let here = moved.flight();
                    let loaded = sieve.load(
                        encoder.as_mut(),
                        self.loader(),
                        &sheaf.batch,
                        &mut refused,
                        &mut |refused| {
                            // Not worth finding all if there are too many.
                            let mut flight = here;
                            flight.handled += sheaf.batch.rows();
                            flight.unforeseen +=
                                refused.iter().filter(|r| !r.chosen).count() as u64;
                            match pass.tally.look(plan.name(), flight) {
                                Some(crossing) => Err(crossing.error()),
                                None => Ok(()),
                            }
                        },
                    );
                    self.put_aside(work, &ticket, moved, &refused)?;
                    let (rows, bytes) = loaded?;
                    moved.rows += rows;
                    moved.bytes += bytes;
                    work.table.moved(rows, bytes, pass.job.progress);
                    fail::fail_point!("copy-mid-chunk");
                }
                Ok(Piece::Block(mut block)) => {
                    self.put_aside(work, &ticket, moved, &block.refused)?;
                    let loader = self.loader();
                    let bytes = block.bytes.len() as u64;
                    if block.bytes.is_empty() {
                        // Every row of it is left out.
                    } else if block.room.is_some() {
                        loader.write_all(std::mem::take(&mut block.bytes))?;
                    } else {
                        loader.write(&block.bytes)?;
                    }
                    moved.rows += block.rows;
                    moved.bytes += bytes;
                    work.table.moved(block.rows, bytes, pass.job.progress);
                    recycle(stream, block, pass.share.block);
                    fail::fail_point!("copy-mid-chunk");
                }
                Ok(Piece::End) => {
                    *at_end = true;
                    break;
                }
                Ok(Piece::Abort(error)) => {
                    *at_end = true;
                    return Err(error);
                }
                Err(_) => {
                    *at_end = true;
                    return Err(Error::new(
                        ErrorKind::Interrupted,
                        "loading",
                        "the reader ended",
                    ));
                }
            }
        }
        if pass.lease.fenced() {
            return Err(pass.lease.fenced_error());
        }
        if !moved.begun && pass.job.rejects.knows(plan.name(), work.chunk.id)? {
            // An earlier try left rows out; this one does not.
            pass.job.rejects.begin(&ticket)?;
            moved.begun = true;
        }
        fail::fail_point!("copy-before-commit");
        let committed = self.loader().commit(moved.rows, moved.bytes);
        fail::fail_point!("copy-after-commit");
        match committed {
            Ok(_) => Ok((moved.rows, moved.bytes)),
            Err(error) if error.disposition() == Disposition::Ambiguous => {
                self.loader = None;
                let mut hold = kept.unwrap_or_else(|| pass.lease.hold());
                // Not there yet is not proof: the next claim waits for a commit that is still under way.
                if hold.with(|l, _| l.done(&ticket)).unwrap_or(false) {
                    Ok((moved.rows, moved.bytes))
                } else {
                    Err(error)
                }
            }
            Err(error) => Err(error),
        }
    }
}

/// Tells the readers when a loader dies, so that none waits for it.
struct Deathbed<'x, 'a, 'p>(&'x Pass<'a, 'p>);

impl Drop for Deathbed<'_, '_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.dead.store(true, Ordering::SeqCst);
            self.0.queue.halt();
        }
    }
}

/// Gives a buffer back to its reader; one that grew for a huge row gives its memory back.
fn recycle(stream: &Stream<'_>, mut block: Block, size: usize) {
    block.bytes.clear();
    if block.bytes.capacity() > 4 * size {
        return;
    }
    // A full channel means that enough buffers are about.
    let _ = stream.empties.try_send(std::mem::take(&mut block.bytes));
}
