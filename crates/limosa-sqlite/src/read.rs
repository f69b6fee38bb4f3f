//! Readers of a snapshot: a thread that owns a connection in its transaction and steps a statement.
//!
//! # Why no row is lost or doubled
//!
//! A range is one SELECT in a transaction that began before the first range was cut and ends with the
//! snapshot; every row of the range is stepped over once, and whether more may come is said only by
//! SQLite's own end of the statement. The cursor lives between two fills on the thread that owns it.
//!
//! SQLite makes a value whole before it can be asked for its size, so the connection is told the length
//! ([`Gate::huge`]) above which it must not. At a row with such a value the statement ends; the row is read by the
//! same statement, begun behind the rows that were read and ended after one, once there is room for it; and
//! the rest by the same again, behind that. It is one text, one plan and one view, so its rows come in one order
//! each time, and the number of rows that were read says where to go on.

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
use limosa_core::room::{Gate, Open, Room};
use limosa_core::value::Value;
use limosa_core::{Error, ErrorKind, Result};
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, Row, Rows, Statement};
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
    Bound(Arc<dyn Gate>),
}

/// Which rows.
enum Which {
    Range(Range),
    Keys(Vec<Vec<Value>>),
}

enum Answer {
    Opened(Result<()>),
    Cells(Batch, Result<bool>, Option<Room>),
    Wire(Vec<u8>, Result<(u64, bool)>, Option<Room>),
    Canonical(CanonicalRows, Result<bool>, Option<Room>),
}

/// One lane's end of the thread.
pub(crate) struct Lane {
    ask: Option<Sender<Ask>>,
    answer: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
    /// The room of the last fill's huge row.
    room: Option<Room>,
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
            room: None,
        })
    }

    fn compare(&mut self, read: &CanonicalRead, which: Which) -> Result<()> {
        match self.ask(Ask::Compare(Box::new(read.clone()), which))? {
            Answer::Opened(result) => result,
            _ => confused(),
        }
    }

    /// Nothing is answered to that.
    fn bound_by(&self, gate: Arc<dyn Gate>) {
        if let Some(ask) = &self.ask {
            // A thread that ended says so when it is asked for rows.
            let _ = ask.send(Ask::Bound(gate));
        }
    }

    fn ask(&mut self, ask: Ask) -> Result<Answer> {
        self.room = None;
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
    fn bound(&mut self, gate: Arc<dyn Gate>) {
        self.bound_by(gate);
    }

    fn room(&mut self) -> Option<Room> {
        self.room.take()
    }

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
            Answer::Cells(back, result, room) => {
                self.room = room;
                *batch = back;
                result
            }
            _ => confused(),
        }
    }

    fn fill_wire(&mut self, out: &mut Vec<u8>, bytes: usize) -> Result<(u64, bool)> {
        match self.ask(Ask::Wire(std::mem::take(out), bytes))? {
            Answer::Wire(back, result, room) => {
                self.room = room;
                *out = back;
                result
            }
            _ => confused(),
        }
    }
}

impl Canonicalizer for Lane {
    fn bound(&mut self, gate: Arc<dyn Gate>) {
        self.bound_by(gate);
    }

    fn room(&mut self) -> Option<Room> {
        self.room.take()
    }

    fn open(&mut self, read: &CanonicalRead, range: &Range) -> Result<()> {
        self.compare(read, Which::Range(range.clone()))
    }

    fn open_keys(&mut self, read: &CanonicalRead, keys: &[Vec<Value>]) -> Result<()> {
        self.compare(read, Which::Keys(keys.to_vec()))
    }

    fn count(&mut self, read: &CanonicalRead) -> Result<u64> {
        // One column is enough to count by.
        let mut narrow = read.clone();
        narrow.columns.truncate(1);
        narrow.key_columns = narrow.key_columns.min(1);
        Canonicalizer::open(self, &narrow, &Range::All)?;
        let mut rows = CanonicalRows::default();
        let mut count = 0;
        loop {
            let more = Canonicalizer::fill(self, &mut rows, 256 << 10)?;
            count += rows.len() as u64;
            rows.reset(1 << 20);
            if !more {
                return Ok(count);
            }
        }
    }

    fn fill(&mut self, rows: &mut CanonicalRows, bytes: usize) -> Result<bool> {
        match self.ask(Ask::Canonical(std::mem::take(rows), bytes))? {
            Answer::Canonical(back, result, room) => {
                self.room = room;
                *rows = back;
                result
            }
            _ => confused(),
        }
    }
}

fn serve(connection: &Connection, asked: &Receiver<Ask>, answered: &Sender<Answer>) {
    let mut gate = Open::shared();
    let mut next = asked.recv().ok();
    while let Some(ask) = next.take() {
        let opened = match ask {
            Ask::Read(read, range) => {
                let plan = Plan::Read(read.columns.iter().map(Decode::of).collect());
                let columns: Vec<String> = read.columns.iter().map(|c| c.name.clone()).collect();
                let key: Vec<String> = read.key.iter().map(|c| c.name.clone()).collect();
                Cursor::open(
                    connection,
                    &read.table.name,
                    &columns,
                    &key,
                    &Which::Range(range),
                    &plan,
                )
                .and_then(|mut cursor| cursor.serve(&mut gate, asked, answered))
            }
            Ask::Compare(read, which) => {
                let columns: Vec<String> = read.columns.iter().map(|c| c.name.clone()).collect();
                let key = columns[..read.key_columns.min(columns.len())].to_vec();
                let table = read.table.name.clone();
                let plan = Plan::Compare(*read);
                Cursor::open(connection, &table, &columns, &key, &which, &plan)
                    .and_then(|mut cursor| cursor.serve(&mut gate, asked, answered))
            }
            Ask::Bound(asked) => {
                gate = asked;
                Ok(None)
            }
            // Filling what is not open: the end.
            Ask::Cells(batch, _) => answered
                .send(Answer::Cells(batch, Ok(false), None))
                .map(|()| None)
                .map_err(|_| None),
            Ask::Wire(out, _) => answered
                .send(Answer::Wire(out, Ok((0, false)), None))
                .map(|()| None)
                .map_err(|_| None),
            Ask::Canonical(rows, _) => answered
                .send(Answer::Canonical(rows, Ok(false), None))
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
    allow(connection, usize::MAX);
}

/// Says how long a value may be that SQLite makes on this connection.
fn allow(connection: &Connection, bytes: usize) {
    // What is above its own greatest length means that. There is no other error for a limit that exists.
    let _ = connection.set_limit(
        Limit::SQLITE_LIMIT_LENGTH,
        i32::try_from(bytes).unwrap_or(i32::MAX),
    );
}

fn too_long(e: &rusqlite::Error) -> bool {
    e.sqlite_error_code() == Some(ErrorCode::TooBig)
}

enum Plan {
    Read(Vec<Decode>),
    Compare(CanonicalRead),
}

/// How far a range was read.
#[derive(Default)]
pub(crate) struct Place {
    /// Rows that were read.
    pub(crate) rows: u64,
    /// SQLite said the end. Stepping on would begin the statement again.
    pub(crate) ended: bool,
}

/// A range under way.
struct Cursor<'c> {
    connection: &'c Connection,
    statement: Statement<'c>,
    /// Asks for the bytes of one row's cells, with the same range.
    sizes: String,
    binds: Vec<Value>,
    table: &'c str,
    plan: &'c Plan,
    place: Place,
}

impl<'c> Cursor<'c> {
    fn open(
        connection: &'c Connection,
        table: &'c str,
        columns: &[String],
        key: &[String],
        which: &Which,
        plan: &'c Plan,
    ) -> Result<Self, Option<Error>> {
        let here = |e: rusqlite::Error| Some(error(e, "reading a table").on(table));
        let numbering = rows::numbering(connection, table).map_err(here)?;
        let select = match which {
            Which::Range(range) => rows::select(table, columns, key, range, &numbering),
            Which::Keys(keys) => rows::select_keys(table, columns, key, keys, &numbering),
        }
        .map_err(Some)?;
        let sql = format!("{} LIMIT ? OFFSET ?", select.sql);
        Ok(Self {
            connection,
            statement: connection.prepare(&sql).map_err(here)?,
            sizes: rows::sizes(&select, columns),
            binds: select.binds,
            table,
            plan,
            place: Place::default(),
        })
    }

    /// Binds the range, `rows` rows of it (-1 for all) behind those that were read.
    fn bind(&mut self, rows: i64) -> rusqlite::Result<()> {
        for (at, value) in self.binds.iter().enumerate() {
            self.statement.raw_bind_parameter(at + 1, bind(value))?;
        }
        let at = self.binds.len();
        self.statement.raw_bind_parameter(at + 1, rows)?;
        self.statement
            .raw_bind_parameter(at + 2, self.place.rows.cast_signed())
    }

    /// Fills until the next range is asked for, which is given back. An error is one of opening; `None` in
    /// its place says that nobody listens any more.
    fn serve(
        &mut self,
        gate: &mut Arc<dyn Gate>,
        asked: &Receiver<Ask>,
        answered: &Sender<Answer>,
    ) -> Result<Option<Ask>, Option<Error>> {
        let table = self.table;
        let here = |e: rusqlite::Error| error(e, "reading a table").on(table);
        allow(self.connection, gate.huge());
        self.bind(-1).map_err(|e| Some(here(e)))?;
        answered.send(Answer::Opened(Ok(()))).map_err(|_| None)?;
        loop {
            // Ordinary rows, up to a huge one.
            let mut rows = self.statement.raw_query();
            loop {
                let mut ask = match asked.recv().map_err(|_| None)? {
                    Ask::Bound(asked) => {
                        *gate = asked;
                        allow(self.connection, gate.huge());
                        continue;
                    }
                    ask if !fits(&ask, self.plan) => return Ok(Some(ask)),
                    ask => ask,
                };
                let before = self.place.rows;
                let filled = fill(&mut rows, &mut self.place, self.plan, &mut ask);
                let count = self.place.rows - before;
                let long = filled.as_ref().is_err_and(too_long);
                let result = match filled {
                    // Those before it go first.
                    Err(_) if long && count > 0 => Ok(()),
                    Err(_) if long => {
                        drop(rows);
                        let (result, room) = self.huge(gate.as_ref(), &mut ask);
                        let count = self.place.rows - before;
                        let answer = answer(ask, result, count, self.place.ended, room);
                        answered.send(answer).map_err(|_| None)?;
                        break;
                    }
                    other => other.map_err(here),
                };
                let answer = answer(ask, result, count, self.place.ended, None);
                answered.send(answer).map_err(|_| None)?;
                if long {
                    drop(rows);
                    break;
                }
            }
            // On the connection's own thread nothing but a lost file can go wrong here, and the next step says it.
            let _ = self.bind(-1);
        }
    }

    /// Adds the row behind those that were read, once there is room for it. SQLite's own copy of it is gone
    /// when this returns.
    fn huge(&mut self, gate: &dyn Gate, ask: &mut Ask) -> (Result<()>, Option<Room>) {
        let table = self.table;
        let here = |e: rusqlite::Error| error(e, "reading a table").on(table);
        let mut read = || {
            let bytes = self.bytes().map_err(here)?;
            let room = gate.take(bytes)?;
            self.bind(1).map_err(here)?;
            allow(self.connection, usize::MAX);
            let mut rows = self.statement.raw_query();
            let added = match rows.next() {
                Ok(Some(row)) => put(row, self.plan, ask),
                Ok(None) => {
                    self.place.ended = true;
                    Ok(())
                }
                Err(e) => Err(e),
            };
            drop(rows);
            allow(self.connection, gate.huge());
            added.map_err(here)?;
            self.place.rows += u64::from(!self.place.ended);
            Ok(room)
        };
        match read() {
            Ok(room) => (Ok(()), Some(room)),
            Err(e) => (Err(e), None),
        }
    }

    /// The bytes of the row behind those that were read; its values are not read for that.
    fn bytes(&self) -> rusqlite::Result<u64> {
        let mut statement = self.connection.prepare(&self.sizes)?;
        for (at, value) in self.binds.iter().enumerate() {
            statement.raw_bind_parameter(at + 1, bind(value))?;
        }
        statement.raw_bind_parameter(self.binds.len() + 1, self.place.rows.cast_signed())?;
        let columns = statement.column_count();
        let mut rows = statement.raw_query();
        let mut bytes = 0;
        if let Some(row) = rows.next()? {
            for at in 0..columns {
                bytes += row.get::<_, Option<i64>>(at)?.unwrap_or(0).unsigned_abs();
            }
        }
        Ok(bytes)
    }
}

/// Whether rows are asked for, in the form that was opened.
fn fits(ask: &Ask, plan: &Plan) -> bool {
    matches!(
        (ask, plan),
        (Ask::Cells(..) | Ask::Wire(..), Plan::Read(_)) | (Ask::Canonical(..), Plan::Compare(_))
    )
}

/// What is answered to `ask`, with the rows that it got.
fn answer(ask: Ask, result: Result<()>, count: u64, ended: bool, room: Option<Room>) -> Answer {
    match ask {
        Ask::Cells(batch, _) => Answer::Cells(batch, result.map(|()| !ended), room),
        Ask::Wire(out, _) => Answer::Wire(out, result.map(|()| (count, !ended)), room),
        Ask::Canonical(rows, _) => Answer::Canonical(rows, result.map(|()| !ended), room),
        Ask::Read(..) | Ask::Compare(..) | Ask::Bound(_) => Answer::Opened(confused()),
    }
}

fn fill(
    rows: &mut Rows<'_>,
    place: &mut Place,
    plan: &Plan,
    ask: &mut Ask,
) -> rusqlite::Result<()> {
    match (ask, plan) {
        (Ask::Cells(batch, limit), Plan::Read(decoders)) => {
            cells(rows, place, decoders, batch, *limit)
        }
        (Ask::Wire(out, bytes), Plan::Read(decoders)) => {
            wire(rows, place, decoders.len(), out, *bytes)
        }
        (Ask::Canonical(out, bytes), Plan::Compare(read)) => {
            digest::fill(rows, place, read, out, *bytes)
        }
        // Nothing else is asked for here.
        _ => Ok(()),
    }
}

/// Adds one row, whatever it takes.
fn put(row: &Row<'_>, plan: &Plan, ask: &mut Ask) -> rusqlite::Result<()> {
    match (ask, plan) {
        (Ask::Cells(batch, _), Plan::Read(decoders)) => {
            for (at, decode) in decoders.iter().enumerate() {
                decode::put(batch, row.get_ref(at)?, *decode);
            }
            batch.end_row();
        }
        (Ask::Wire(out, _), Plan::Read(decoders)) => {
            for at in 0..decoders.len() {
                block::value(out, row.get_ref(at)?);
            }
        }
        (Ask::Canonical(out, _), Plan::Compare(read)) => digest::put(row, read, out)?,
        _ => {}
    }
    Ok(())
}

fn cells(
    rows: &mut Rows<'_>,
    place: &mut Place,
    decoders: &[Decode],
    batch: &mut Batch,
    limit: BatchLimit,
) -> rusqlite::Result<()> {
    while !place.ended && !batch.full(limit) {
        match rows.next()? {
            Some(row) => {
                for (at, decode) in decoders.iter().enumerate() {
                    decode::put(batch, row.get_ref(at)?, *decode);
                }
                batch.end_row();
                place.rows += 1;
            }
            None => place.ended = true,
        }
    }
    Ok(())
}

fn wire(
    rows: &mut Rows<'_>,
    place: &mut Place,
    columns: usize,
    out: &mut Vec<u8>,
    bytes: usize,
) -> rusqlite::Result<()> {
    let from = out.len();
    while !place.ended && out.len() - from < bytes {
        match rows.next()? {
            Some(row) => {
                for at in 0..columns {
                    block::value(out, row.get_ref(at)?);
                }
                place.rows += 1;
            }
            None => place.ended = true,
        }
    }
    Ok(())
}
