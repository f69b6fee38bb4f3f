//! The reading side of a lane: claims chunks of the queue, reads them and encodes their rows.

use super::{Block, Pass, Piece, Sheaf, Stream};
use crate::copy::queue::{Next, TableWork, Work};
use crate::copy::sift::Sieve;
use crate::memory::{QUEUE, ReaderGate};
use crate::repair::Repair;
use crossbeam_channel::{Receiver, Sender, bounded};
use limosa_core::batch::{Batch, BatchLimit};
use limosa_core::engine::{Encoder, Reader};
use limosa_core::room::Gate;
use limosa_core::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The reading side of a lane.
pub(in crate::copy) struct ReadLane<'x, 'a, 'p> {
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
    pub(in crate::copy) fn new(pass: &'x Pass<'a, 'p>, begins: Sender<Stream<'p>>) -> Self {
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
    pub(in crate::copy) fn run(mut self) {
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
