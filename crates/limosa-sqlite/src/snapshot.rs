//! One view of a database for several readers.
//!
//! # Why all readers see the same rows
//!
//! SQLite has one writer, and every connection tells with `PRAGMA data_version` whether anybody else
//! has committed since it looked last. A watching connection notes its version; every reader begins a
//! transaction and reads once, which fixes its view; the watcher looks again. The same version means that
//! nobody committed in between, so all views are one. Otherwise everything is undone and tried again; after
//! some tries the watcher takes the writer's lock (`BEGIN IMMEDIATE`) for those milliseconds.
//!
//! In WAL mode writers go on beside the open view (and the log can not be shortened until it ends); in
//! the other modes the readers' shared locks keep writers from committing while the view is open. A reader
//! that is asked for later joins by the same test, as long as nobody has committed.

use crate::connect::{File, error};
use crate::read::{Lane, Pool};
use crate::rows::{self, Numbering, bind, place};
use crate::words::quote;
use limosa_core::chunk::{Chunk, Range};
use limosa_core::engine::{Canonicalizer, Reader, Snapshot, TableRead};
use limosa_core::position::Position;
use limosa_core::schema::TableName;
use limosa_core::value::Value;
use limosa_core::{Error, ErrorKind, Result};
use rusqlite::Connection;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

/// Tries without a lock before the writer's lock is taken.
const TRIES: usize = 5;
/// A file that changed less than this before its mark may change again within the same tick of its clock.
const SETTLED: Duration = Duration::from_secs(2);
/// More chunks than this of one table help nobody.
const MOST_CHUNKS: u64 = 100_000;

struct Watch {
    connection: Connection,
    version: i64,
}

/// A consistent view of the file.
pub(crate) struct SqliteSnapshot {
    file: File,
    pool: Pool,
    /// A reader of the view for cutting tables.
    pilot: Mutex<Connection>,
    watch: Mutex<Watch>,
    mark: String,
}

fn version(c: &Connection) -> rusqlite::Result<i64> {
    c.query_row("SELECT data_version FROM pragma_data_version", [], |r| {
        r.get(0)
    })
}

/// Begins a transaction and fixes its view.
fn begin(c: &Connection) -> rusqlite::Result<()> {
    c.execute_batch("BEGIN")?;
    // Any row of the schema fixes the view.
    c.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
}

fn poisoned<T>(_: T) -> Error {
    Error::new(
        ErrorKind::Internal,
        "reading",
        "another thread panicked while it held the connection",
    )
}

fn lock<T>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>> {
    mutex.lock().map_err(poisoned)
}

/// What `stat` tells of the file and its log: when both are the same later on, nobody wrote.
///
/// The file itself must not be opened here: closing any handle of it would give up the locks that
/// SQLite holds for this process.
fn stamp(path: &Path) -> Option<String> {
    let one = |path: &Path| -> Option<String> {
        match std::fs::metadata(path) {
            Ok(meta) => {
                let changed = meta.modified().ok()?;
                if SystemTime::now().duration_since(changed).ok()? < SETTLED {
                    return None;
                }
                let since = changed.duration_since(SystemTime::UNIX_EPOCH).ok()?;
                Some(format!("{}@{}", meta.len(), since.as_nanos()))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Some("none".into()),
            Err(_) => None,
        }
    };
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let log = Path::new(&log);
    // A log without pages says nothing, whenever it was made.
    let log = match std::fs::metadata(log) {
        Ok(meta) if meta.len() == 0 => "none".to_owned(),
        _ => one(log)?,
    };
    Some(format!("{} {log}", one(path)?))
}

impl SqliteSnapshot {
    pub(crate) fn take(file: &File, lanes: usize) -> Result<Self> {
        let here = |e| file.error(e, "taking a snapshot");
        let watch = file.read()?;
        // The pilot, and one connection for each lane.
        let mut all = Vec::with_capacity(lanes + 1);
        for _ in 0..=lanes.max(1) {
            all.push(file.read()?);
        }
        let mut tries = 0;
        let (seen, mark) = loop {
            tries += 1;
            let locked = tries > TRIES && {
                watch
                    .pragma_update(None, "query_only", false)
                    .map_err(here)?;
                watch.execute_batch("BEGIN IMMEDIATE").map_err(here)?;
                true
            };
            let before = version(&watch).map_err(here)?;
            let begun = all.iter().try_for_each(begin);
            let mark = stamp(&file.absolute()).unwrap_or_default();
            if locked {
                watch.execute_batch("ROLLBACK").map_err(here)?;
                watch
                    .pragma_update(None, "query_only", true)
                    .map_err(here)?;
            }
            let after = version(&watch).map_err(here)?;
            match begun {
                // Whoever wrote after the lock's end wrote after the views were taken.
                Ok(()) if locked || before == after => break (before, mark),
                Err(e) if locked => return Err(here(e)),
                Err(e) => {
                    let e = here(e);
                    if e.kind() != ErrorKind::Contention {
                        return Err(e);
                    }
                }
                Ok(()) => {}
            }
            for c in &all {
                if !c.is_autocommit() {
                    c.execute_batch("ROLLBACK").map_err(here)?;
                }
            }
        };
        let pilot = all.pop().expect("the list has at least two");
        Ok(Self {
            file: file.clone(),
            pool: Arc::new(Mutex::new(all)),
            pilot: Mutex::new(pilot),
            watch: Mutex::new(Watch {
                connection: watch,
                version: seen,
            }),
            mark,
        })
    }

    fn connection(&self) -> Result<Connection> {
        if let Some(c) = lock(&self.pool)?.pop() {
            return Ok(c);
        }
        let here = |e| self.file.error(e, "joining a snapshot");
        let watch = lock(&self.watch)?;
        let c = self.file.read()?;
        begin(&c).map_err(here)?;
        if version(&watch.connection).map_err(here)? != watch.version {
            return Err(Error::new(
                ErrorKind::SnapshotLost,
                "joining a snapshot",
                "the database was written since the snapshot was taken",
            )
            .hint("Take the snapshot for as many lanes as will read from it."));
        }
        Ok(c)
    }

    fn lane(&self) -> Result<Lane> {
        Lane::start(self.connection()?, Arc::clone(&self.pool))
    }
}

impl Snapshot for SqliteSnapshot {
    fn position(&self) -> Option<Position> {
        None
    }

    fn mark(&self, _: &TableName) -> Result<String> {
        Ok(self.mark.clone())
    }

    fn chunks(&self, read: &TableRead, bytes: u64) -> Result<Vec<Chunk>> {
        let pilot = lock(&self.pilot)?;
        let here = |e| error(e, "cutting a table").on(read.table.to_string());
        let ranges = cut(&pilot, read, bytes).map_err(here)?;
        Ok(ranges
            .into_iter()
            .zip(0..)
            .map(|(range, id)| Chunk { id, range })
            .collect())
    }

    fn unchanged_since(&self, _: &TableRead, mark: &str, _: &[(Chunk, u64)]) -> Result<bool> {
        Ok(!mark.is_empty() && mark == self.mark)
    }

    fn reader(&self) -> Result<Box<dyn Reader>> {
        Ok(Box::new(self.lane()?))
    }

    fn canonicalizer(&self) -> Result<Box<dyn Canonicalizer>> {
        Ok(Box::new(self.lane()?))
    }
}

/// Cuts a table. The bounds are keys that are there, `step` rows apart, found by walking the key's own order.
fn cut(c: &Connection, read: &TableRead, bytes: u64) -> rusqlite::Result<Vec<Range>> {
    let table = &read.table.name;
    let numbering = rows::numbering(c, table)?;
    let key: Vec<String> = read.key.iter().map(|k| k.name.clone()).collect();
    let by_alias = key.len() == 1 && numbering.alias.as_ref() == key.first();
    if let Some(rowid) = numbering.rowid
        && (by_alias || read.physical)
        && let Some(bounds) = evenly(c, rowid, read, bytes, &numbering)?
    {
        let mut bounds = bounds.into_iter();
        let mut lower = None;
        let mut ranges = Vec::new();
        loop {
            let upper = bounds.next();
            ranges.push(match by_alias {
                true => Range::Key {
                    lower: lower.map(|i| vec![Value::Int(i)]),
                    upper: upper.map(|i| vec![Value::Int(i)]),
                },
                false => Range::Physical {
                    from: lower.map_or(0, place),
                    to: upper.map(place),
                },
            });
            if upper.is_none() {
                return Ok(ranges);
            }
            lower = upper;
        }
    }
    let by_number = !by_alias && read.physical && numbering.rowid.is_some();
    if by_number {
        let name = numbering.rowid.unwrap_or("rowid").to_owned();
        let bounds = walk(c, table, &[name], false, read, bytes, &numbering)?;
        let places: Vec<u64> = bounds
            .into_iter()
            .filter_map(|b| match b.first() {
                Some(Value::Int(i)) => Some(place(*i)),
                _ => None,
            })
            .collect();
        let mut from = 0;
        let mut ranges = Vec::with_capacity(places.len() + 1);
        for to in places {
            ranges.push(Range::Physical { from, to: Some(to) });
            from = to;
        }
        ranges.push(Range::Physical { from, to: None });
        return Ok(ranges);
    }
    if key.is_empty() {
        return Ok(vec![Range::All]);
    }
    let mut lower = None;
    let mut ranges = Vec::new();
    for upper in walk(c, table, &key, true, read, bytes, &numbering)? {
        ranges.push(Range::Key {
            lower: lower.replace(upper.clone()),
            upper: Some(upper),
        });
    }
    ranges.push(Range::Key { lower, upper: None });
    Ok(ranges)
}

/// Bounds that are the same number of rows apart, where the rows are numbered with hardly a gap: then nobody
/// need walk through the table to find them. `None` elsewhere.
fn evenly(
    c: &Connection,
    rowid: &str,
    read: &TableRead,
    bytes: u64,
    numbering: &Numbering,
) -> rusqlite::Result<Option<Vec<i64>>> {
    let name = quote(&read.table.name);
    let (first, last): (Option<i64>, Option<i64>) = c.query_row(
        &format!("SELECT (SELECT min({rowid}) FROM {name}), (SELECT max({rowid}) FROM {name})"),
        [],
        |r| Ok((r.get(0)?, r.get(1)?)),
    )?;
    let (Some(first), Some(last)) = (first, last) else {
        return Ok(None);
    };
    // Counting is adding up what the pages say of themselves.
    let rows: i64 = c.query_row(&format!("SELECT count(*) FROM {name}"), [], |r| r.get(0))?;
    let numbers = i128::from(last) - i128::from(first) + 1;
    if numbers > i128::from(rows) + i128::from(rows) / 8 {
        return Ok(None);
    }
    let each = row_bytes(c, &read.table.name, read, numbering)?;
    let step = (bytes / each).max(1).max(rows as u64 / MOST_CHUNKS);
    let steps = (1..).map(|i: i128| i128::from(first) + i * i128::from(step));
    let bounds = steps.take_while(|b| *b <= i128::from(last));
    Ok(Some(bounds.filter_map(|b| i64::try_from(b).ok()).collect()))
}

/// The average bytes of a row, from rows at several places.
fn row_bytes(
    c: &Connection,
    table: &str,
    read: &TableRead,
    numbering: &Numbering,
) -> rusqlite::Result<u64> {
    let size = read
        .columns
        .iter()
        .map(|c| format!("ifnull(octet_length({}), 0) + 2", quote(&c.name)))
        .collect::<Vec<_>>()
        // SQLite allows no expression deeper than a thousand, and a table may have more columns.
        .chunks(100)
        .map(|sum| format!("({})", sum.join(" + ")))
        .collect::<Vec<_>>()
        .join(" + ");
    let size = if size.is_empty() { "1".into() } else { size };
    let name = quote(table);
    let average = |sql: &str, binds: &[i64]| -> rusqlite::Result<Option<f64>> {
        c.query_row(sql, rusqlite::params_from_iter(binds), |r| r.get(0))
    };
    let mut found = Vec::new();
    match numbering.rowid {
        Some(rowid) => {
            let ends: (Option<i64>, Option<i64>) = c.query_row(
                &format!(
                    "SELECT (SELECT min({rowid}) FROM {name}), (SELECT max({rowid}) FROM {name})"
                ),
                [],
                |r| Ok((r.get(0)?, r.get(1)?)),
            )?;
            let (Some(first), Some(last)) = ends else {
                return Ok(1);
            };
            let sql = format!(
                "SELECT avg(n) FROM (SELECT {size} AS n FROM {name} WHERE {rowid} >= ? ORDER BY {rowid} LIMIT 16)"
            );
            let span = i128::from(last) - i128::from(first);
            for i in 0..16 {
                let at = i128::from(first) + span * i / 16;
                found.extend(average(&sql, &[i64::try_from(at).unwrap_or(first)])?);
            }
        }
        None => {
            let sql = format!("SELECT avg(n) FROM (SELECT {size} AS n FROM {name} LIMIT 256)");
            found.extend(average(&sql, &[])?);
        }
    }
    let mean = found.iter().sum::<f64>() / found.len().max(1) as f64;
    Ok((mean as u64).max(1))
}

fn walk(
    c: &Connection,
    table: &str,
    key: &[String],
    quoted: bool,
    read: &TableRead,
    bytes: u64,
    numbering: &Numbering,
) -> rusqlite::Result<Vec<Vec<Value>>> {
    let mut step = (bytes / row_bytes(c, table, read, numbering)?).clamp(1, i64::MAX as u64);
    let names = key
        .iter()
        .map(|k| if quoted { quote(k) } else { k.clone() })
        .collect::<Vec<_>>()
        .join(", ");
    let marks = vec!["?"; key.len()].join(", ");
    let from = quote(table);
    let next = |bound: &[Value], step: u64| -> rusqlite::Result<Option<Vec<Value>>> {
        let condition = if bound.is_empty() {
            String::new()
        } else {
            format!(" WHERE ({names}) >= ({marks})")
        };
        let sql = format!(
            "SELECT {names} FROM {from}{condition} ORDER BY {names} LIMIT 64 OFFSET {step}"
        );
        let mut statement = c.prepare_cached(&sql)?;
        for (at, value) in bound.iter().enumerate() {
            statement.raw_bind_parameter(at + 1, bind(value))?;
        }
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            let values: Option<Vec<Value>> = (0..key.len())
                .map(|i| row.get_ref(i).map(rows::bound))
                .collect::<rusqlite::Result<_>>()?;
            // A key that can not be a bound is passed by; so is one equal to the last, in a table
            // whose key is none.
            if let Some(values) = values.filter(|v| v != bound) {
                return Ok(Some(values));
            }
        }
        Ok(None)
    };
    let mut bounds: Vec<Vec<Value>> = Vec::new();
    let mut last = Vec::new();
    while let Some(bound) = next(&last, step)? {
        if bounds.len() as u64 >= MOST_CHUNKS {
            step = step.saturating_mul(2);
        }
        last.clone_from(&bound);
        bounds.push(bound);
    }
    Ok(bounds)
}
