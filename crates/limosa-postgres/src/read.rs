//! Reading the rows of a range: COPY out of one exported snapshot.
//!
//! Why no row is lost or doubled: every lane has imported the same snapshot, so all see one state of
//! the database; the ranges cover each row once (see [`crate::select`]); a range is one COPY, whose rows
//! we count and compare with the server's own count at its end. A COPY that breaks off never looks
//! like one that ended. Row level security is off for the session: a role that may not see all rows gets
//! an error, not fewer rows.

use crate::connect::Settings;
use crate::connection::{Connection, CopyEvent};
use crate::select::{self, Partitioned};
use crate::survey;
use crate::value::{self, Decode};
use crate::wire;
use limosa_core::batch::{Batch, BatchLimit};
use limosa_core::chunk::Range;
use limosa_core::engine::{Question, Reader, Survey, TableRead};
use limosa_core::room::{Gate, Room};
use limosa_core::schema::TableName;
use limosa_core::{Error, ErrorKind, Result};
use std::sync::Arc;

/// A snapshot that other connections may join.
#[derive(Clone, Debug)]
pub(crate) struct Exported {
    /// The server's name of it.
    pub(crate) id: String,
    /// The partitioned tables in it.
    pub(crate) partitioned: Arc<Partitioned>,
}

/// How many tables one transaction of a lane reads. It keeps its locks on them until it ends, and a server
/// has room for about a hundred locks a connection; so the next one begins after so many.
const TABLES_HELD: usize = 16;

/// A lane's connection within the snapshot.
pub(crate) struct Lane {
    settings: Arc<Settings>,
    exported: Exported,
    pub(crate) connection: Connection,
    /// The table that was read last, and how many this transaction has read.
    last: Option<TableName>,
    held: usize,
}

impl Lane {
    /// Opens a connection within the snapshot.
    pub(crate) fn join(settings: &Arc<Settings>, exported: &Exported) -> Result<Self> {
        Ok(Self {
            connection: join(settings, exported)?,
            settings: Arc::clone(settings),
            exported: exported.clone(),
            last: None,
            held: 0,
        })
    }

    pub(crate) fn partitioned(&self) -> &Partitioned {
        &self.exported.partitioned
    }

    /// Makes sure that a COPY of `table` can begin within the snapshot; `busy` says that the last one
    /// was not read to its end.
    pub(crate) fn ready(&mut self, table: &TableName, busy: bool) -> Result<()> {
        if busy {
            // The rest of the last range is not wanted: stop it. That ends the transaction as well.
            self.connection.stop();
        }
        let other = self.last.as_ref() != Some(table);
        if self.connection.broken() {
            let gate = self.connection.gate();
            self.connection = join(&self.settings, &self.exported)?;
            self.connection.bound(gate);
            self.held = 0;
        } else if busy || (other && self.held >= TABLES_HELD) {
            enter(&mut self.connection, &self.exported, "ROLLBACK; ")?;
            self.held = 0;
        }
        if other || self.held == 0 {
            self.held += 1;
            self.last = Some(table.clone());
        }
        Ok(())
    }
}

fn join(settings: &Arc<Settings>, exported: &Exported) -> Result<Connection> {
    let mut c = Connection::open(settings)?;
    enter(&mut c, exported, "")?;
    Ok(c)
}

fn enter(c: &mut Connection, exported: &Exported, first: &str) -> Result<()> {
    c.doing = "joining the snapshot";
    c.query(&format!(
        "{first}BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {}",
        crate::names::literal(&exported.id)
    ))
    .map_err(|e| match e.server_code() {
        // 22023 no such identifier; 42704 no such snapshot (16+); 55000 the exporter is gone.
        Some("22023" | "42704" | "55000" | "58P01" | "42501") => Error::new(
            ErrorKind::SnapshotLost,
            "joining the snapshot",
            e.why().to_string(),
        )
        .code(e.server_code().unwrap_or_default().to_string()),
        _ => e,
    })?;
    Ok(())
}

/// See [`Reader`].
pub(crate) struct PostgresReader {
    lane: Lane,
    open: bool,
    table: String,
    plan: Vec<Decode>,
    header: bool,
    rows: u64,
    binary: bool,
    scratch: Vec<u8>,
}

impl PostgresReader {
    pub(crate) fn new(settings: &Arc<Settings>, exported: &Exported) -> Result<Self> {
        Ok(Self {
            lane: Lane::join(settings, exported)?,
            open: false,
            table: String::new(),
            plan: Vec::new(),
            header: true,
            rows: 0,
            binary: true,
            scratch: Vec::new(),
        })
    }

    fn malformed(&mut self, why: &str) -> Error {
        self.open = false;
        self.lane.connection.abandon();
        Error::new(ErrorKind::Protocol, "reading rows", why).on(self.table.clone())
    }

    fn ended(&mut self, counted: u64) -> Result<()> {
        self.open = false;
        if counted != self.rows {
            let why = format!("the server sent {} rows and counts {counted}", self.rows);
            return Err(self.malformed(&why));
        }
        Ok(())
    }

    /// Decodes one row's payload; with its first row comes the format's header. `false`: the trailer.
    #[inline]
    fn row(
        mut bytes: &[u8],
        header: &mut bool,
        plan: &[Decode],
        batch: &mut Batch,
        scratch: &mut Vec<u8>,
    ) -> Option<bool> {
        if *header {
            bytes = wire::after_header(bytes)?;
            *header = false;
            if bytes.is_empty() {
                return Some(false);
            }
        }
        let (count, mut rest) = bytes.split_first_chunk::<2>()?;
        let count = i16::from_be_bytes(*count);
        if count == -1 {
            return rest.is_empty().then_some(false);
        }
        if usize::try_from(count).ok()? != plan.len() {
            return None;
        }
        for decode in plan {
            let (length, tail) = rest.split_first_chunk::<4>()?;
            let length = i32::from_be_bytes(*length);
            if length == -1 {
                batch.put_null();
                rest = tail;
                continue;
            }
            let length = usize::try_from(length).ok()?;
            if length > tail.len() {
                return None;
            }
            let (cell, tail) = tail.split_at(length);
            value::put(*decode, cell, batch, scratch)?;
            rest = tail;
        }
        rest.is_empty().then_some(true)
    }
}

impl Reader for PostgresReader {
    fn bound(&mut self, gate: Arc<dyn Gate>) {
        self.lane.connection.bound(gate);
    }

    fn room(&mut self) -> Option<Room> {
        self.lane.connection.room()
    }

    fn open(&mut self, read: &TableRead, range: &Range, wire: Option<&str>) -> Result<()> {
        let busy = std::mem::take(&mut self.open);
        self.lane.ready(&read.table, busy)?;
        self.table = read.table.to_string();
        self.plan.clear();
        let mut parts = Vec::with_capacity(read.columns.len());
        self.binary = wire != Some(wire::TEXT);
        for column in &read.columns {
            if wire.is_some() {
                parts.push(crate::names::ident(&column.name));
            } else {
                let (part, decode) = value::plan(column);
                parts.push(part);
                self.plan.push(decode);
            }
        }
        let sql = format!(
            "COPY (SELECT {} {}{}) TO STDOUT (FORMAT {})",
            parts.join(", "),
            select::from(&read.table, self.lane.partitioned()),
            select::condition(range, &select::key(&read.key))?,
            if self.binary { "binary" } else { "text" }
        );
        self.lane.connection.doing = "reading rows";
        self.header = true;
        self.rows = 0;
        if let Err(e) = self.lane.connection.copy_out(&sql) {
            // The transaction is over with its snapshot: the next range joins again.
            self.lane.connection.abandon();
            return Err(e.on(self.table.clone()));
        }
        self.open = true;
        Ok(())
    }

    fn fill(&mut self, batch: &mut Batch, limit: BatchLimit) -> Result<bool> {
        if !self.open {
            return Ok(false);
        }
        drop(self.lane.connection.room());
        let mut huge = false;
        while !batch.full(limit) && !huge {
            let next = self.lane.connection.huge_next().and_then(|length| {
                huge = length.is_some();
                if let Some(length) = length {
                    self.lane.connection.ask(length)?;
                }
                self.lane.connection.copy_next()
            });
            let event = match next {
                Ok(event) => event,
                Err(e) => {
                    self.open = false;
                    self.lane.connection.abandon();
                    return Err(e.on(self.table.clone()));
                }
            };
            match event {
                CopyEvent::Data(frame) => {
                    let row = Self::row(
                        self.lane.connection.body(frame),
                        &mut self.header,
                        &self.plan,
                        batch,
                        &mut self.scratch,
                    );
                    match row {
                        Some(true) => {
                            batch.end_row();
                            self.rows += 1;
                        }
                        Some(false) => {}
                        None => return Err(self.malformed("a row is not what its lengths say")),
                    }
                    if huge {
                        self.lane.connection.taken();
                    }
                }
                CopyEvent::Done(counted) => {
                    self.ended(counted)?;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn survey(
        &mut self,
        read: &TableRead,
        range: &Range,
        questions: &[Question],
    ) -> Result<Option<Survey>> {
        let busy = std::mem::take(&mut self.open);
        self.lane.ready(&read.table, busy)?;
        let plan = survey::Plan::of(questions);
        if plan.too_wide() {
            return Ok(None);
        }
        let from = format!(
            "{}{}",
            select::from(&read.table, self.lane.partitioned()),
            select::condition(range, &select::key(&read.key))?
        );
        let row = match plan.sql(&from) {
            None => Vec::new(),
            Some(sql) => {
                let connection = &mut self.lane.connection;
                connection.doing = "looking at values";
                match connection.query(&sql) {
                    Ok(answer) => answer.rows.into_iter().next().unwrap_or_default(),
                    Err(e) => {
                        connection.abandon();
                        return Err(e.on(read.table.to_string()));
                    }
                }
            }
        };
        match plan.read(questions, &row) {
            Some(survey) => Ok(Some(survey)),
            None => Err(self.malformed("an answer about values has another form")),
        }
    }

    fn fill_wire(&mut self, out: &mut Vec<u8>, bytes: usize) -> Result<(u64, bool)> {
        if !self.open {
            return Ok((0, false));
        }
        let (binary, header) = (self.binary, &mut self.header);
        let mut broken = false;
        let part = self.lane.connection.copy_raw(out, bytes, &mut |head| {
            if !binary {
                return true;
            }
            let body = if std::mem::take(header) {
                match wire::after_header(head) {
                    Some(body) => body,
                    None => {
                        broken = true;
                        return false;
                    }
                }
            } else {
                head
            };
            // Nothing, or the trailer: no row.
            !(body.is_empty() || body.starts_with(&[0xFF, 0xFF]))
        });
        match part {
            _ if broken => Err(self.malformed("the binary format's header is not there")),
            Ok(part) => {
                self.rows += part.frames;
                if let Some(counted) = part.done {
                    self.ended(counted)?;
                }
                Ok((part.frames, part.done.is_none()))
            }
            Err(e) => {
                self.open = false;
                self.lane.connection.abandon();
                Err(e.on(self.table.clone()))
            }
        }
    }
}
