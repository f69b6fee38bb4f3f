//! The loading side of a lane: claims a chunk in the ledger, loads its rows and commits them with its mark.

use super::{Block, Pass, Piece, Stream};
use crate::copy::queue::Work;
use crate::copy::sift::Sieve;
use crate::copy::words;
use crate::rejects::{Flight, Refused};
use crate::repair::Repair;
use crossbeam_channel::Receiver;
use limosa_core::engine::{LoadSpec, Loaded, Loader, Ticket};
use limosa_core::{Disposition, Error, ErrorKind, Result};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The loading side of a lane, or of all lanes.
pub(in crate::copy) struct LoadLane<'x, 'a, 'p> {
    pass: &'x Pass<'a, 'p>,
    loader: Option<Box<dyn Loader>>,
}

/// What was moved of a chunk, and what was left out.
#[derive(Default)]
struct Moved {
    rows: u64,
    bytes: u64,
    /// Rows that a filter left out, once all are read.
    filtered: u64,
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

    fn loaded(&self) -> Loaded {
        Loaded {
            rows: self.rows,
            bytes: self.bytes,
            filtered: self.filtered,
        }
    }
}

impl<'x, 'a, 'p> LoadLane<'x, 'a, 'p> {
    pub(in crate::copy) fn new(pass: &'x Pass<'a, 'p>) -> Self {
        Self { pass, loader: None }
    }

    /// Works until all readers have ended.
    pub(in crate::copy) fn run(mut self, begins: &Receiver<Stream<'p>>) {
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
            Ok(loaded) => self.done(work, loaded, &moved, began.elapsed()),
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
    fn done(&self, work: &Work<'p>, loaded: Loaded, moved: &Moved, took: Duration) {
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
        if let Some(mut outcome) = pass.queue.done(work, loaded, took) {
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
    ) -> Result<Loaded> {
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
                .map_or(Loaded::default(), |c| c.loaded);
            moved.rows = done.rows;
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
        // The reader has sent its last piece, so nothing is counted any more.
        moved.filtered = work.filtered.load(Ordering::Relaxed);
        let loaded = moved.loaded();
        let committed = self.loader().commit(loaded);
        fail::fail_point!("copy-after-commit");
        match committed {
            Ok(_) => Ok(loaded),
            Err(error) if error.disposition() == Disposition::Ambiguous => {
                self.loader = None;
                let mut hold = kept.unwrap_or_else(|| pass.lease.hold());
                // Not there yet is not proof: the next claim waits for a commit that is still under way.
                if hold.with(|l, _| l.done(&ticket)).unwrap_or(false) {
                    Ok(loaded)
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
