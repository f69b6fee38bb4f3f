//! One view of all tables, shared by several connections.
//!
//! # Why the view is one
//!
//! Each lane is a connection of its own with `START TRANSACTION WITH CONSISTENT SNAPSHOT`; InnoDB has
//! no way to join another's view. So the lanes are opened until it is *shown* that nothing was
//! committed in between:
//!
//! * MariaDB and Percona tell in `Binlog_snapshot_file` and `Binlog_snapshot_position` which place of
//!   the log a view equals exactly. Lanes with equal places have equal views.
//! * MySQL with GTIDs: `gtid_executed` grows after a transaction can be seen. It is read before the
//!   first and, after a pause, behind the last lane; equal sets mean that nothing was committed in between.
//! * Else, where the right to it was given, the lanes are opened under `FLUSH TABLES WITH READ LOCK`,
//!   which is held for milliseconds.
//! * Else one lane only: one view needs no equal.
//!
//! A transaction keeps a lock on the shape of every table that it has read. Each lane has a savepoint before
//! its first read, and goes back to it after some tables: that gives their locks back and keeps the view.
//!
//! A lane whose connection breaks is gone, and its view with it; what was read from it before is
//! still of the one view. Tables of other storage engines than InnoDB are outside of any view.

use crate::bounds;
use crate::connect::Target;
use crate::connection::Connection;
use crate::digest::LaneCanonicalizer;
use crate::read::LaneReader;
use crate::sums;
use crate::wire::malformed;
use crate::words::{literal, quote};
use limosa_core::chunk::{Chunk, Range};
use limosa_core::engine::{CanonicalColumn, Canonicalizer, Reader, Snapshot, TableRead};
use limosa_core::error::{Error, ErrorKind, Result};
use limosa_core::position::Position;
use limosa_core::pushdown::Means;
use limosa_core::room::{Gate, Open, Room};
use limosa_core::schema::{TableName, Type};
use limosa_core::value::Value;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const DOING: &str = "taking a snapshot";
const BEGIN: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT";
/// How often the lanes are opened anew before a lock is tried.
const TRIES: usize = 25;
/// How often one lane is, only to learn its place in the log.
const TRIES_ALONE: usize = 10;
/// How many tables a lane keeps locked at most.
const TABLES_HELD: usize = 16;

/// The lanes that nobody uses, and how many there still are in all.
struct Pool {
    free: Vec<Connection>,
    alive: usize,
}

fn lock(pool: &Mutex<Pool>) -> MutexGuard<'_, Pool> {
    // The pool is whole at every moment at which a thread could panic.
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One lane, lent; it goes back to the pool when it is dropped.
pub(crate) struct Lane {
    connection: Option<Connection>,
    gate: Arc<dyn Gate>,
    pool: Arc<Mutex<Pool>>,
    /// The table that was read last, and how many were since the locks were given back.
    last: Option<TableName>,
    held: usize,
}

impl Lane {
    /// The connection, about to read `table`.
    pub(crate) fn reading(&mut self, table: &TableName) -> Result<&mut Connection> {
        let other = self.last.as_ref() != Some(table);
        if other && self.held >= TABLES_HELD {
            let given_back = self
                .connection()?
                .run(DOING, "ROLLBACK TO SAVEPOINT limosa");
            given_back.map_err(|e| self.lost(e))?;
            self.held = 0;
        }
        if other {
            self.held += 1;
            self.last = Some(table.clone());
        }
        self.connection()
    }

    /// Says who is asked for room before a huge row is taken.
    pub(crate) fn bound(&mut self, gate: Arc<dyn Gate>) {
        self.gate = gate;
    }

    /// Asks the gate from now on: of each range, because ending one forgets it.
    pub(crate) fn ask(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.bound(Arc::clone(&self.gate));
        }
    }

    /// The room of the last row.
    pub(crate) fn room(&mut self) -> Option<Room> {
        self.connection.as_mut()?.room()
    }

    /// The connection.
    pub(crate) fn connection(&mut self) -> Result<&mut Connection> {
        match &mut self.connection {
            Some(connection) if !connection.is_broken() => Ok(connection),
            _ => Err(gone()),
        }
    }

    /// What an error on a lane means: with the connection, the view is gone.
    pub(crate) fn lost(&self, error: Error) -> Error {
        let broken = self.connection.as_ref().is_none_or(Connection::is_broken);
        if broken && error.kind() == ErrorKind::Connection {
            return gone().because(error);
        }
        error
    }
}

fn gone() -> Error {
    Error::new(
        ErrorKind::SnapshotLost,
        "reading a snapshot",
        "its connection broke, and the view went with it",
    )
}

impl Drop for Lane {
    fn drop(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            connection.bound(Open::shared());
            let whole =
                connection.is_idle() || !connection.is_broken() && connection.abandon().is_ok();
            let mut pool = lock(&self.pool);
            if whole {
                pool.free.push(connection);
            } else {
                pool.alive -= 1;
            }
        }
    }
}

/// A view of all tables.
pub(crate) struct MySqlSnapshot {
    pool: Arc<Mutex<Pool>>,
    target: Arc<Target>,
    position: Option<Position>,
    /// Where tables are cut; opened when the first is.
    cutting: Mutex<Option<Connection>>,
}

/// Takes a view that `lanes` connections share.
pub(crate) fn take(target: &Arc<Target>, lanes: usize) -> Result<MySqlSnapshot> {
    let lanes = lanes.max(1);
    let mut connections = Vec::with_capacity(lanes);
    for _ in 0..lanes {
        let mut lane = Connection::open(target)?;
        // A session that could write to the log keeps its locks whatever it goes back to. Who may not say that
        // it will not keeps them too.
        match lane.run(DOING, "SET SESSION sql_log_bin = 0") {
            Err(e) if lane.is_broken() => return Err(e),
            _ => {}
        }
        connections.push(lane);
    }
    let position = agree(target, &mut connections)?;
    for lane in &mut connections {
        lane.run(DOING, "SAVEPOINT limosa")?;
    }
    Ok(MySqlSnapshot {
        pool: Arc::new(Mutex::new(Pool {
            free: connections,
            alive: lanes,
        })),
        target: Arc::clone(target),
        position,
        cutting: Mutex::new(None),
    })
}

/// Opens the view on every lane at once: all are asked before the first answer is read.
fn begin(lanes: &mut [Connection]) -> Result<()> {
    for lane in lanes.iter_mut() {
        lane.send(3, BEGIN.as_bytes())?;
    }
    for lane in lanes.iter_mut() {
        lane.answer(DOING)?;
    }
    Ok(())
}

fn end(lanes: &mut [Connection]) -> Result<()> {
    for lane in lanes {
        lane.run(DOING, "ROLLBACK")?;
    }
    Ok(())
}

/// The place of the log that a lane's view equals, where the server tells.
fn binlog_snapshot(lane: &mut Connection) -> Result<Option<String>> {
    let rows = lane.rows(DOING, "SHOW STATUS LIKE 'binlog_snapshot_%'")?;
    let get = |name: &str| {
        rows.iter().find_map(|row| match row.as_slice() {
            [Some(n), Some(v)] if n.eq_ignore_ascii_case(name) && !v.is_empty() => Some(v.clone()),
            _ => None,
        })
    };
    Ok(get("binlog_snapshot_file")
        .zip(get("binlog_snapshot_position"))
        .map(|(file, position)| format!("{file}:{position}")))
}

fn gtid(connection: &mut Connection) -> Result<Option<String>> {
    if connection.version.maria {
        return Ok(None);
    }
    let mode = connection.value(DOING, "SELECT @@GLOBAL.gtid_mode")?;
    if mode.as_deref() != Some("ON") {
        return Ok(None);
    }
    let set = connection.value(DOING, "SELECT @@GLOBAL.gtid_executed")?;
    Ok(set.map(|s| s.replace([' ', '\n'], "")))
}

fn agree(target: &Arc<Target>, lanes: &mut [Connection]) -> Result<Option<Position>> {
    let mut control = Connection::open(target)?;
    let by_gtid = gtid(&mut control)?.is_some();
    let mut tells = false;
    for attempt in 0..TRIES {
        let before = if by_gtid { gtid(&mut control)? } else { None };
        begin(lanes)?;
        let mut places = Vec::with_capacity(lanes.len());
        // MySQL does not tell (Percona's does); asked once, it need not be asked again.
        if tells || !by_gtid || attempt == 0 {
            for lane in lanes.iter_mut() {
                places.push(binlog_snapshot(lane)?);
            }
        }
        let first = places.first().cloned().flatten();
        tells |= first.is_some();
        if let Some(place) = first
            && places.iter().all(|p| p.as_ref() == Some(&place))
        {
            return Ok(Some(Position(place)));
        }
        if by_gtid {
            // A commit can be seen a moment before its GTID: let that moment pass.
            std::thread::sleep(Duration::from_millis(20));
            if let (Some(before), Some(after)) = (before, gtid(&mut control)?)
                && before == after
            {
                return Ok(Some(Position(after)));
            }
        } else if places.iter().all(Option::is_none) {
            if lanes.len() == 1 {
                return Ok(None);
            }
            break;
        }
        // One lane needs no equal, but a server that rests for a moment can still say where its view is.
        if lanes.len() == 1 && attempt >= TRIES_ALONE {
            return Ok(None);
        }
        end(lanes)?;
        std::thread::sleep(Duration::from_millis(attempt as u64 * 3 % 17));
    }
    let _ = end(lanes);
    under_lock(&mut control, lanes)
}

/// Opens the lanes while nobody can commit.
fn under_lock(control: &mut Connection, lanes: &mut [Connection]) -> Result<Option<Position>> {
    // Waiting long for the lock would make everybody else wait behind us.
    control.run(DOING, "SET SESSION lock_wait_timeout = 1")?;
    let mut locked = control.run(DOING, "FLUSH TABLES WITH READ LOCK");
    for attempt in 1..5 {
        // A long statement of somebody else: let it and those behind us through, then try again.
        match &locked {
            Err(e) if e.kind() == ErrorKind::Contention => {
                std::thread::sleep(Duration::from_millis(500 * attempt));
                locked = control.run(DOING, "FLUSH TABLES WITH READ LOCK");
            }
            _ => break,
        }
    }
    if let Err(e) = locked {
        if e.kind() != ErrorKind::Privilege {
            return Err(e);
        }
        return Err(Error::new(
            ErrorKind::Unsupported,
            DOING,
            format!(
                "the server can not show that {} connections see the same state",
                lanes.len()
            ),
        )
        .hint(
            "use one lane, turn the binary log on, or grant RELOAD for a lock of some milliseconds",
        )
        .because(e));
    }
    let opened = begin(lanes).and_then(|()| match lanes.first_mut() {
        Some(lane) => binlog_snapshot(lane),
        None => Ok(None),
    });
    let by_gtid = gtid(control).ok().flatten();
    control.run(DOING, "UNLOCK TABLES")?;
    Ok(opened?.or(by_gtid).map(Position))
}

impl MySqlSnapshot {
    fn lane(&self) -> Result<Lane> {
        let mut pool = lock(&self.pool);
        match pool.free.pop() {
            Some(connection) => Ok(Lane {
                connection: Some(connection),
                gate: Open::shared(),
                pool: Arc::clone(&self.pool),
                last: None,
                // Whoever had it before may have left it full.
                held: TABLES_HELD,
            }),
            None if pool.alive == 0 => Err(gone()),
            None => Err(Error::new(
                ErrorKind::Busy,
                "reading a snapshot",
                "all its lanes are in use",
            )),
        }
    }
}

impl Snapshot for MySqlSnapshot {
    fn position(&self) -> Option<Position> {
        self.position.clone()
    }

    fn mark(&self, _table: &TableName) -> Result<String> {
        Ok(String::new())
    }

    fn chunks(&self, read: &TableRead, bytes: u64) -> Result<Vec<Chunk>> {
        // Bounds need not be of the view: whatever they are, the ranges between them cover every row once.
        let mut slot = self.cutting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut connection = match slot.take().filter(|c| !c.is_broken()) {
            Some(connection) => connection,
            None => Connection::open(&self.target)?,
        };
        let bounds =
            sample(&mut connection, read, bytes).map_err(|e| e.on(read.table.name.clone()))?;
        // One whose question failed is not asked again.
        *slot = Some(connection);
        Ok(ranges(bounds))
    }

    fn unchanged_since(&self, _: &TableRead, _: &str, _: &[(Chunk, u64)]) -> Result<bool> {
        Ok(false)
    }

    fn reader(&self) -> Result<Box<dyn Reader>> {
        Ok(Box::new(LaneReader::new(self.lane()?)))
    }

    fn canonicalizer(&self) -> Result<Box<dyn Canonicalizer>> {
        Ok(Box::new(LaneCanonicalizer::new(self.lane()?)))
    }

    fn spellings(&self, _: &TableName, column: &CanonicalColumn) -> Means {
        sums::spellings(column)
    }
}

/// The half-open ranges between bounds.
fn ranges(bounds: Vec<Vec<Value>>) -> Vec<Chunk> {
    if bounds.is_empty() {
        return vec![Chunk {
            id: 0,
            range: Range::All,
        }];
    }
    let mut lower = None;
    let mut chunks = Vec::with_capacity(bounds.len() + 1);
    for bound in bounds.into_iter().map(Some).chain([None]) {
        chunks.push(Chunk {
            id: chunks.len() as u32,
            range: Range::Key {
                lower: lower.take(),
                upper: bound.clone(),
            },
        });
        lower = bound;
    }
    chunks
}

/// Walks the key's index and takes every n-th key.
fn sample(connection: &mut Connection, read: &TableRead, bytes: u64) -> Result<Vec<Vec<Value>>> {
    const DOING: &str = "cutting a table into chunks";
    if read.key.is_empty() {
        return Ok(Vec::new());
    }
    let size = connection.rows(
        DOING,
        &format!(
            "SELECT table_rows, data_length FROM information_schema.tables \
             WHERE table_schema = DATABASE() AND table_name = {}",
            literal(&read.table.name)
        ),
    )?;
    let number = |at: usize| -> Option<u64> { size.first()?.get(at)?.as_deref()?.parse().ok() };
    let (rows, data) = (number(0).unwrap_or(0).max(1), number(1).unwrap_or(0));
    // A page is half empty at worst; a row below 16 bytes is mostly the engine's own.
    let each = (data / rows).clamp(16, 1 << 20);
    let step = (bytes / each).max(1);
    let names: Vec<String> = read.key.iter().map(|k| quote(&k.name)).collect();
    let order = names.join(", ");
    let columns: Vec<String> = read
        .key
        .iter()
        .map(|k| bounds::sampled(&k.name, &k.ty))
        .collect();
    let columns = columns.join(", ");
    let key: Vec<(&str, &Type)> = read.key.iter().map(|k| (k.name.as_str(), &k.ty)).collect();
    let mut found: Vec<Vec<Value>> = Vec::new();
    loop {
        let condition = match found.last() {
            Some(last) => bounds::condition(&key, Some(last), None)?
                .map_or(String::new(), |c| format!(" WHERE {c}")),
            None => String::new(),
        };
        let sql = format!(
            "SELECT {columns} FROM {}{condition} ORDER BY {order} LIMIT 1 OFFSET {step}",
            quote(&read.table.name)
        );
        let Some(row) = raw_row(connection, DOING, &sql, read.key.len())? else {
            return Ok(found);
        };
        let bound: Option<Vec<Value>> = row
            .iter()
            .zip(&read.key)
            .map(|(cell, k)| bounds::bound(cell.as_deref()?, &k.ty))
            .collect();
        match bound {
            Some(bound) if found.last() != Some(&bound) => found.push(bound),
            // A key that can not be said as a literal: the table is one chunk.
            _ => return Ok(Vec::new()),
        }
    }
}

/// The first row of a query, as bytes.
fn raw_row(
    connection: &mut Connection,
    doing: &str,
    sql: &str,
    columns: usize,
) -> Result<Option<Vec<Option<Vec<u8>>>>> {
    connection.query(doing, sql)?;
    let mut first = None;
    while let Some(packet) = connection.row(doing)? {
        let mut parts = crate::wire::Parts::new(packet);
        let mut row = Vec::with_capacity(columns);
        for _ in 0..columns {
            let cell = parts.cell().ok_or_else(|| malformed("row"))?;
            row.push(cell.map(<[u8]>::to_vec));
        }
        first.get_or_insert(row);
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_ranges_share_their_bound() {
        let chunks = ranges(vec![vec![Value::Int(1)], vec![Value::Int(5)]]);
        assert_eq!(chunks.len(), 3);
        assert_eq!(
            chunks[1].range,
            Range::Key {
                lower: Some(vec![Value::Int(1)]),
                upper: Some(vec![Value::Int(5)])
            }
        );
        assert_eq!(
            chunks[0].range,
            Range::Key {
                lower: None,
                upper: Some(vec![Value::Int(1)])
            }
        );
        assert_eq!(
            chunks[2].range,
            Range::Key {
                lower: Some(vec![Value::Int(5)]),
                upper: None
            }
        );
        assert_eq!(ranges(Vec::new())[0].range, Range::All);
    }
}
