//! Readers of a snapshot: a thread that owns a connection in its transaction and steps a statement.
//!
//! # Why no row is lost or doubled
//!
//! A range is one SELECT in a transaction that began before the first range was cut and ends with the
//! snapshot; every row of the range is stepped over once, and whether more may come is said only by
//! SQLite's own end of the statement. The cursor lives between two fills on the thread that owns it, so that
//! a range is never begun a second time in its middle.

use crate::block;
use crate::connect::error;
use crate::decode::{self, Decode};
use crate::digest;
use crate::rows::{self, bind};
use crossbeam_channel::{Receiver, Sender, bounded};
use limosa_core::batch::{Batch, BatchLimit};
use limosa_core::canonical::CanonicalRows;
use limosa_core::chunk::Range;
use limosa_core::engine::{CanonicalRead, Canonicalizer, Reader, TableRead};
use limosa_core::value::Value;
use limosa_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, Rows};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// The connections of a snapshot that nobody uses just now, each in its transaction.
pub(crate) type Pool = Arc<Mutex<Vec<Connection>>>;

enum Ask {
    Read(Box<TableRead>, Range),
    Compare(Box<CanonicalRead>, Which),
    Cells(Batch, BatchLimit),
    Wire(Vec<u8>, usize),
    Canonical(CanonicalRows, usize),
}

/// Which rows.
enum Which {
    Range(Range),
    Keys(Vec<Vec<Value>>),
}

enum Answer {
    Opened(Result<()>),
    Cells(Batch, Result<bool>),
    Wire(Vec<u8>, Result<(u64, bool)>),
    Canonical(CanonicalRows, Result<bool>),
}

/// One lane's end of the thread.
pub(crate) struct Lane {
    ask: Option<Sender<Ask>>,
    answer: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
}

impl Lane {
    /// Starts the thread. It gives its connection back to the pool when the lane is dropped.
    pub(crate) fn start(connection: Connection, pool: Pool) -> Result<Self> {
        let (ask, asked) = bounded(1);
        let (answered, answer) = bounded(1);
        let thread = std::thread::Builder::new()
            .name("sqlite-reader".into())
            .spawn(move || {
                serve(&connection, &asked, &answered);
                if let Ok(mut pool) = pool.lock() {
                    pool.push(connection);
                }
            })
            .map_err(|e| {
                Error::new(ErrorKind::Resource, "starting a reader", e.to_string()).because(e)
            })?;
        Ok(Self {
            ask: Some(ask),
            answer,
            thread: Some(thread),
        })
    }

    fn compare(&self, read: &CanonicalRead, which: Which) -> Result<()> {
        match self.ask(Ask::Compare(Box::new(read.clone()), which))? {
            Answer::Opened(result) => result,
            _ => confused(),
        }
    }

    fn ask(&self, ask: Ask) -> Result<Answer> {
        let gone = || {
            Error::new(
                ErrorKind::SnapshotLost,
                "reading",
                "the reader's thread ended",
            )
        };
        let sender = self.ask.as_ref().ok_or_else(gone)?;
        sender.send(ask).map_err(|_| gone())?;
        self.answer.recv().map_err(|_| gone())
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.ask = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed already; there is nobody to tell here.
            let _ = thread.join();
        }
    }
}

fn confused<T>() -> Result<T> {
    Err(Error::new(
        ErrorKind::Internal,
        "reading",
        "the reader's thread gave another answer than was asked for",
    ))
}

impl Reader for Lane {
    fn open(&mut self, read: &TableRead, range: &Range, wire: Option<&str>) -> Result<()> {
        if let Some(format) = wire.filter(|w| *w != block::WIRE) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "reading a table",
                format!("unknown wire format {format}"),
            ));
        }
        match self.ask(Ask::Read(Box::new(read.clone()), range.clone()))? {
            Answer::Opened(result) => result,
            _ => confused(),
        }
    }

    fn fill(&mut self, batch: &mut Batch, limit: BatchLimit) -> Result<bool> {
        match self.ask(Ask::Cells(std::mem::take(batch), limit))? {
            Answer::Cells(back, result) => {
                *batch = back;
                result
            }
            _ => confused(),
        }
    }

    fn fill_wire(&mut self, out: &mut Vec<u8>, bytes: usize) -> Result<(u64, bool)> {
        match self.ask(Ask::Wire(std::mem::take(out), bytes))? {
            Answer::Wire(back, result) => {
                *out = back;
                result
            }
            _ => confused(),
        }
    }
}

impl Canonicalizer for Lane {
    fn open(&mut self, read: &CanonicalRead, range: &Range) -> Result<()> {
        self.compare(read, Which::Range(range.clone()))
    }

    fn open_keys(&mut self, read: &CanonicalRead, keys: &[Vec<Value>]) -> Result<()> {
        self.compare(read, Which::Keys(keys.to_vec()))
    }

    fn fill(&mut self, rows: &mut CanonicalRows, bytes: usize) -> Result<bool> {
        match self.ask(Ask::Canonical(std::mem::take(rows), bytes))? {
            Answer::Canonical(back, result) => {
                *rows = back;
                result
            }
            _ => confused(),
        }
    }
}

fn serve(connection: &Connection, asked: &Receiver<Ask>, answered: &Sender<Answer>) {
    let mut next = asked.recv().ok();
    while let Some(ask) = next.take() {
        let opened = match ask {
            Ask::Read(read, range) => {
                let plan = Plan::Read(read.columns.iter().map(Decode::of).collect());
                let columns: Vec<String> = read.columns.iter().map(|c| c.name.clone()).collect();
                let key: Vec<String> = read.key.iter().map(|c| c.name.clone()).collect();
                step(
                    connection,
                    &read.table.name,
                    &columns,
                    &key,
                    &Which::Range(range),
                    &plan,
                    asked,
                    answered,
                )
            }
            Ask::Compare(read, which) => {
                let columns: Vec<String> = read.columns.iter().map(|c| c.name.clone()).collect();
                let key = columns[..read.key_columns.min(columns.len())].to_vec();
                let table = read.table.name.clone();
                let plan = Plan::Compare(*read);
                step(
                    connection, &table, &columns, &key, &which, &plan, asked, answered,
                )
            }
            // Filling what is not open: the end.
            Ask::Cells(batch, _) => answered
                .send(Answer::Cells(batch, Ok(false)))
                .map(|()| None)
                .map_err(|_| None),
            Ask::Wire(out, _) => answered
                .send(Answer::Wire(out, Ok((0, false))))
                .map(|()| None)
                .map_err(|_| None),
            Ask::Canonical(rows, _) => answered
                .send(Answer::Canonical(rows, Ok(false)))
                .map(|()| None)
                .map_err(|_| None),
        };
        next = match opened {
            Ok(Some(ask)) => Some(ask),
            Ok(None) => asked.recv().ok(),
            Err(Some(error)) => match answered.send(Answer::Opened(Err(error))) {
                Ok(()) => asked.recv().ok(),
                Err(_) => None,
            },
            Err(None) => None,
        };
    }
}

enum Plan {
    Read(Vec<Decode>),
    Compare(CanonicalRead),
}

/// Opens a range and fills until the next one is asked for, which is given back. An error is one of
/// opening; `None` in its place says that nobody listens any more.
#[allow(clippy::too_many_arguments, reason = "the parts of one request")]
fn step(
    connection: &Connection,
    table: &str,
    columns: &[String],
    key: &[String],
    which: &Which,
    plan: &Plan,
    asked: &Receiver<Ask>,
    answered: &Sender<Answer>,
) -> Result<Option<Ask>, Option<Error>> {
    let here = |e: rusqlite::Error| Some(error(e, "reading a table").on(table));
    let numbering = rows::numbering(connection, table).map_err(here)?;
    let select = match which {
        Which::Range(range) => rows::select(table, columns, key, range, &numbering),
        Which::Keys(keys) => rows::select_keys(table, columns, key, keys, &numbering),
    }
    .map_err(Some)?;
    let mut statement = connection.prepare(&select.sql).map_err(here)?;
    for (at, value) in select.binds.iter().enumerate() {
        statement
            .raw_bind_parameter(at + 1, bind(value))
            .map_err(here)?;
    }
    let mut rows = statement.raw_query();
    answered.send(Answer::Opened(Ok(()))).map_err(|_| None)?;
    let mut ended = false;
    while let Ok(ask) = asked.recv() {
        let answer = match (ask, plan) {
            (Ask::Cells(mut batch, limit), Plan::Read(decoders)) => {
                let result = fill(&mut rows, &mut ended, decoders, &mut batch, limit);
                Answer::Cells(
                    batch,
                    result.map_err(|e| error(e, "reading a table").on(table)),
                )
            }
            (Ask::Wire(mut out, bytes), Plan::Read(decoders)) => {
                let result = wire(&mut rows, &mut ended, decoders.len(), &mut out, bytes);
                Answer::Wire(
                    out,
                    result.map_err(|e| error(e, "reading a table").on(table)),
                )
            }
            (Ask::Canonical(mut out, bytes), Plan::Compare(read)) => {
                let result = digest::fill(&mut rows, &mut ended, read, &mut out, bytes);
                Answer::Canonical(
                    out,
                    result.map_err(|e| error(e, "reading a table").on(table)),
                )
            }
            (other, _) => return Ok(Some(other)),
        };
        answered.send(answer).map_err(|_| None)?;
    }
    Err(None)
}

fn fill(
    rows: &mut Rows<'_>,
    ended: &mut bool,
    decoders: &[Decode],
    batch: &mut Batch,
    limit: BatchLimit,
) -> rusqlite::Result<bool> {
    while !*ended && !batch.full(limit) {
        match rows.next()? {
            Some(row) => {
                for (at, decode) in decoders.iter().enumerate() {
                    decode::put(batch, row.get_ref(at)?, *decode);
                }
                batch.end_row();
            }
            // Stepping on would begin the statement again.
            None => *ended = true,
        }
    }
    Ok(!*ended)
}

fn wire(
    rows: &mut Rows<'_>,
    ended: &mut bool,
    columns: usize,
    out: &mut Vec<u8>,
    bytes: usize,
) -> rusqlite::Result<(u64, bool)> {
    let (from, mut count) = (out.len(), 0);
    while !*ended && out.len() - from < bytes {
        match rows.next()? {
            Some(row) => {
                for at in 0..columns {
                    block::value(out, row.get_ref(at)?);
                }
                count += 1;
            }
            None => *ended = true,
        }
    }
    Ok((count, !*ended))
}
