//! Looks at the values of tables before anything moves, and counts what a conversion depends on.
//!
//! Reads a snapshot of its own, through the same readers as the copy. Rows are looked at once, in the
//! order in which they come; a table with a key is read in several chunks at once.

mod json;
mod look;

use crate::convert::joined;
use crate::progress::{Fact, Progress};
use crate::settings::ScanMode;
use limosa_core::batch::{Batch, BatchLimit, Cells};
use limosa_core::chunk::Range;
use limosa_core::engine::{ColumnRead, Engine, Reader, Snapshot, TableRead};
use limosa_core::notation;
use limosa_core::scan::{Hazard, TableScan};
use limosa_core::schema::{Column, Table, TableName};
use limosa_core::value::Value;
use limosa_core::{Error, ErrorKind, Result};
use look::Look;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Rows of a table in [`ScanMode::Sample`].
const SAMPLE_ROWS: u64 = 10_000;

/// Bytes of a chunk: large enough to make its opening cheap, small enough to share a table.
const CHUNK_BYTES: u64 = 64 << 20;

/// A batch stays within the second-level cache.
const LIMIT: BatchLimit = BatchLimit {
    rows: 4096,
    bytes: 512 << 10,
};

/// A column that is looked at, and the hazards for which the target asked.
pub type Wanted<'a> = (&'a Column, Vec<Hazard>);

/// Which columns of a table must be looked at before it can be converted.
///
/// Those about whose type the target's dialect asks; and where the source's columns may hold any value
/// and the target's may not, all but counters.
pub fn wanted<'a>(table: &'a Table, source: &dyn Engine, target: &dyn Engine) -> Vec<Wanted<'a>> {
    let (from, to) = (source.capabilities(), target.capabilities());
    if from.family == to.family {
        // Engines of one family hold the same values.
        return Vec::new();
    }
    table
        .columns
        .iter()
        .filter(|c| c.generated.is_none())
        .filter_map(|c| {
            let mut hazards = target.dialect().wants_scan(c.ty.base());
            if !from.dynamic_types {
                // Declarations are kept there.
                hazards.retain(|h| !matches!(h, Hazard::TooLong | Hazard::OutsideDeclaredType));
            }
            let free = from.dynamic_types && c.identity.is_none();
            (free || !hazards.is_empty()).then_some((c, hazards))
        })
        .collect()
}

/// How one table is scanned: what is read, and where the columns and the key are in it.
struct Task<'a> {
    table: &'a Table,
    read: TableRead,
    looks: Vec<(&'a Column, Vec<Hazard>)>,
    /// Places of the key's cells in a row.
    key: Vec<usize>,
    /// Whether a column may hold any value, so that the shapes of texts matter.
    free: bool,
}

impl<'a> Task<'a> {
    fn new(table: &'a Table, wanted: Vec<Wanted<'a>>, free: bool) -> Self {
        let column = |c: &Column| ColumnRead {
            name: c.name.clone(),
            ty: c.ty.clone(),
            native: c.native.clone(),
            as_text: false,
        };
        let mut columns: Vec<ColumnRead> = wanted.iter().map(|(c, _)| column(c)).collect();
        let mut key = Vec::new();
        let mut cut = Vec::new();
        for name in table.identifying_columns() {
            let Some(c) = table.column(&name) else {
                continue;
            };
            cut.push(column(c));
            key.push(match columns.iter().position(|r| r.name == name) {
                Some(at) => at,
                None => {
                    columns.push(column(c));
                    columns.len() - 1
                }
            });
        }
        Task {
            table,
            read: TableRead {
                table: table.name.clone(),
                columns,
                key: cut,
                physical: true,
            },
            looks: wanted,
            key,
            free,
        }
    }

    fn begin(&self) -> Vec<Look> {
        self.looks
            .iter()
            .map(|(c, hazards)| Look::new(&c.ty, hazards, self.free))
            .collect()
    }

    /// Looks at every row of a batch. `first` is the number of its first row, from 1.
    fn see(&self, looks: &mut [Look], batch: &Batch, first: u64) {
        let columns = self.read.columns.len();
        let others = columns - looks.len();
        let mut cells = batch.cells();
        for row in 0..batch.rows() {
            let start = cells.clone();
            let key = || self.key_of(start.clone(), first + row);
            for look in looks.iter_mut() {
                let Some(cell) = cells.next() else { return };
                look.see(cell, &key);
            }
            for _ in 0..others {
                cells.next();
            }
        }
    }

    /// The key of a row as text, or its number.
    fn key_of(&self, row: Cells<'_>, number: u64) -> String {
        if self.key.is_empty() {
            return format!("row {number}");
        }
        let cells: Vec<_> = row.take(self.read.columns.len()).collect();
        let parts: Vec<String> = self
            .key
            .iter()
            .map(|at| {
                cells
                    .get(*at)
                    .map_or_else(String::new, |c| said(&c.to_value()))
            })
            .collect();
        parts.join(", ")
    }
}

/// A key's value for a person.
fn said(value: &Value) -> String {
    let mut out = Vec::new();
    match value {
        Value::Null => return "NULL".into(),
        Value::Bool(b) => return b.to_string(),
        Value::Int(i) => return i.to_string(),
        Value::UInt(u) => return u.to_string(),
        Value::F32(f) => return f.to_string(),
        Value::F64(f) => return f.to_string(),
        Value::Decimal(s) | Value::Text(s) | Value::Json(s) => {
            return s.chars().take(80).collect();
        }
        Value::Date(d) => notation::write_date(&mut out, *d),
        Value::Time(t) | Value::TimeTz(t, _) => notation::write_time(&mut out, *t, 6),
        Value::Timestamp(t) | Value::TimestampTz(t) => notation::write_timestamp(&mut out, *t, 6),
        Value::Interval(m, d, u) => notation::write_interval(&mut out, *m, *d, *u),
        Value::Uuid(u) => notation::write_uuid(&mut out, u),
        Value::Bits(n, b) => notation::write_bits(&mut out, *n, b),
        Value::Bytes(b) => {
            let hex: String = b.iter().take(32).map(|b| format!("{b:02x}")).collect();
            return format!("0x{hex}");
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Scans one table with one reader.
///
/// In: the columns to be looked at, from [`wanted`]; `free` if a column may hold values of any type
/// whatever its declaration. Out: one entry per wanted column. Where the table has no key, examples are row numbers.
///
/// # Errors
/// Those of the reader.
pub fn scan(
    snapshot: &dyn Snapshot,
    table: &Table,
    wanted: Vec<Wanted<'_>>,
    free: bool,
    mode: ScanMode,
    progress: &Progress,
) -> Result<TableScan> {
    let task = Task::new(table, wanted, free);
    let mut reader = snapshot.reader()?;
    let most = if mode == ScanMode::Sample {
        SAMPLE_ROWS
    } else {
        u64::MAX
    };
    range(&task, reader.as_mut(), &Range::All, most, progress)
}

/// Scans the rows of one range, `most` of them at most.
fn range(
    task: &Task<'_>,
    reader: &mut dyn Reader,
    range: &Range,
    most: u64,
    progress: &Progress,
) -> Result<TableScan> {
    let mut looks = task.begin();
    let mut batch = Batch::default();
    let mut rows = 0;
    let mut more = true;
    reader.open(&task.read, range, None)?;
    while more && rows < most {
        batch.reset(task.read.columns.len());
        let limit = BatchLimit {
            rows: LIMIT.rows.min(most - rows),
            ..LIMIT
        };
        more = reader.fill(&mut batch, limit)?;
        if batch.rows() == 0 {
            continue;
        }
        task.see(&mut looks, &batch, rows + 1);
        rows += batch.rows();
        progress.hear(Fact::TableMoved {
            stage: "scan",
            table: task.table.name.clone(),
            rows: batch.rows(),
            bytes: batch.bytes() as u64,
        });
        if batch.bytes() > 16 * LIMIT.bytes {
            // A huge row's memory is given back before the next one comes.
            batch.shrink(2 * LIMIT.bytes);
        }
    }
    Ok(TableScan {
        rows,
        complete: !more,
        columns: task
            .looks
            .iter()
            .zip(looks)
            .map(|((c, _), look)| (c.name.clone(), look.scan))
            .collect(),
    })
}

fn join(a: TableScan, b: &TableScan) -> TableScan {
    TableScan {
        rows: a.rows + b.rows,
        complete: a.complete && b.complete,
        columns: a
            .columns
            .into_iter()
            .map(|(name, scan)| match b.column(&name) {
                Some(other) => {
                    let scan = joined(&scan, other);
                    (name, scan)
                }
                None => (name, scan),
            })
            .collect(),
    }
}

/// Scans all `tables` of which any column is wanted, with up to `workers` readers of one snapshot.
///
/// # Errors
/// The first error of any table; a table that can not be read stops the plan.
pub fn scan_all(
    source: &dyn Engine,
    target: &dyn Engine,
    tables: &[&Table],
    mode: ScanMode,
    workers: usize,
    progress: &Progress,
) -> Result<HashMap<TableName, TableScan>> {
    let free = source.capabilities().dynamic_types;
    let tasks: Vec<Task<'_>> = match mode {
        ScanMode::None => Vec::new(),
        ScanMode::Full | ScanMode::Sample => tables
            .iter()
            .map(|t| (t, wanted(t, source, target)))
            .filter(|(_, wanted)| !wanted.is_empty())
            .map(|(t, wanted)| Task::new(t, wanted, free))
            .collect(),
    };
    if tasks.is_empty() {
        return Ok(HashMap::new());
    }
    let began = std::time::Instant::now();
    progress.hear(Fact::StageBegan {
        stage: "scan",
        items: tasks.len() as u64,
    });
    let lanes = workers.max(1);
    let (snapshot, lanes) = match source.snapshot(lanes) {
        Ok(s) => (s, lanes),
        Err(e) if e.kind() == ErrorKind::Unsupported && lanes > 1 => (source.snapshot(1)?, 1),
        Err(e) => return Err(e),
    };
    // The largest first, so that no lane begins a large table when the others are done.
    let mut work: Vec<(usize, Range)> = Vec::new();
    let mut order: Vec<usize> = (0..tasks.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(tasks[*i].table.estimated_bytes.unwrap_or(0)));
    for i in order {
        let task = &tasks[i];
        let large = task
            .table
            .estimated_bytes
            .is_some_and(|b| b > 2 * CHUNK_BYTES);
        if mode == ScanMode::Full && large && lanes > 1 && !task.read.key.is_empty() {
            let chunks = snapshot.chunks(&task.read, CHUNK_BYTES)?;
            work.extend(chunks.into_iter().map(|c| (i, c.range)));
        } else {
            work.push((i, Range::All));
        }
    }
    let most = if mode == ScanMode::Sample {
        SAMPLE_ROWS
    } else {
        u64::MAX
    };
    let next = AtomicUsize::new(0);
    let found: Mutex<HashMap<usize, TableScan>> = Mutex::new(HashMap::new());
    let lane = || -> Result<()> {
        let mut reader: Option<Box<dyn Reader>> = None;
        loop {
            let Some((i, bounds)) = work.get(next.fetch_add(1, Ordering::Relaxed)) else {
                return Ok(());
            };
            let task = &tasks[*i];
            let reader = match &mut reader {
                Some(reader) => reader,
                none => none.insert(snapshot.reader()?),
            };
            let part = range(task, reader.as_mut(), bounds, most, progress)
                .map_err(|e| e.on(task.table.name.to_string()));
            let part = match part {
                Ok(part) => part,
                Err(e) => {
                    // The others stop at their next piece of work.
                    next.store(work.len(), Ordering::Relaxed);
                    return Err(e);
                }
            };
            let mut found = found.lock().unwrap_or_else(|e| e.into_inner());
            let whole = match found.remove(i) {
                Some(before) => join(before, &part),
                None => part,
            };
            found.insert(*i, whole);
        }
    };
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes.min(work.len()))
            .map(|_| scope.spawn(lane))
            .collect();
        let mut result = Ok(());
        for handle in lanes {
            let ended = handle.join().unwrap_or_else(|_| {
                Err(Error::new(
                    ErrorKind::Internal,
                    "scanning values",
                    "a lane panicked",
                ))
            });
            result = result.and(ended);
        }
        result
    })?;
    progress.hear(Fact::StageEnded {
        stage: "scan",
        seconds: began.elapsed().as_secs_f64(),
    });
    let found = found.into_inner().unwrap_or_else(|e| e.into_inner());
    Ok(found
        .into_iter()
        .map(|(i, scan)| (tasks[i].table.name.clone(), scan))
        .collect())
}
