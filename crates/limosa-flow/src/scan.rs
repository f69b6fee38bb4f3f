//! Looks at the values of tables before anything moves, and counts what a conversion depends on.
//!
//! Works on a snapshot of its own. A source that can answers about a range by itself
//! ([`limosa_core::engine::Reader::survey`]), and only the columns of which it can not say that they are clear
//! are read; otherwise all columns that matter are read, through the same readers as the copy. Rows are looked
//! at once, in the order in which they come. A large table with a key is cut, and its ranges are worked
//! on by as many lanes as there are workers; by as many as there are cores, where there is no server to be spared.

mod json;
mod look;
mod through;

use crate::convert::{indexed, joined, named_by_keys};
use crate::memory::{Memory, ReaderGate, Share};
use crate::plan::Finding;
use crate::progress::{Fact, Progress};
use crate::settings::{RunSettings, ScanMode};
use crate::stop::Stop;
use crate::transform::{Shaped, computed};
use limosa_core::batch::{Batch, BatchLimit, Cell, Cells};
use limosa_core::chunk::Range;
use limosa_core::engine::{Answer, ColumnRead, Engine, Question, Reader, Snapshot, TableRead};
use limosa_core::notation;
use limosa_core::scan::{ColumnScan, Hazard, TableScan};
use limosa_core::schema::{Catalog, Column, Table, TableName};
use limosa_core::value::Value;
use limosa_core::{Error, ErrorKind, Result};
use look::Look;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use through::{Failed, Through};

/// Rows of a table in [`ScanMode::Sample`].
const SAMPLE_ROWS: u64 = 10_000;

/// Bytes of a chunk: large enough to make its opening cheap, small enough to share a table. Where there is no server
/// a chunk is opened for next to nothing.
const CHUNK_BYTES: u64 = 64 << 20;
const EMBEDDED_CHUNK_BYTES: u64 = 8 << 20;

/// A batch stays within the second-level cache.
const LIMIT: BatchLimit = BatchLimit {
    rows: 4096,
    bytes: 512 << 10,
};

/// A column that is looked at, and what the target asked.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The column.
    pub column: &'a Column,
    /// The hazards that it must know of.
    pub hazards: Vec<Hazard>,
    /// Whether it must know the sizes of the values.
    pub sizes: bool,
}

/// Which columns of a table must be looked at before it can be converted.
///
/// Those about whose type the target's dialect asks; and where the source's columns may hold any value
/// and the target's may not, all but counters.
pub fn wanted<'a>(
    table: &'a Table,
    catalog: &Catalog,
    source: &dyn Engine,
    target: &dyn Engine,
) -> Vec<Wanted<'a>> {
    wanted_of(table, &named_by_keys(catalog), source, target)
}

fn wanted_of<'a>(
    table: &'a Table,
    named: &HashMap<&TableName, Vec<&String>>,
    source: &dyn Engine,
    target: &dyn Engine,
) -> Vec<Wanted<'a>> {
    let (from, to) = (source.capabilities(), target.capabilities());
    if from.family == to.family {
        // Engines of one family hold the same values.
        return Vec::new();
    }
    let indexed = indexed(table, named);
    table
        .columns
        .iter()
        .filter(|c| c.generated.is_none())
        .filter_map(|column| {
            let ty = column.ty.base();
            let mut hazards = target.dialect().wants_scan(ty);
            if !from.dynamic_types || computed(column) {
                // Declarations are kept there.
                hazards.retain(|h| !matches!(h, Hazard::TooLong | Hazard::OutsideDeclaredType));
            }
            let free = from.dynamic_types && column.identity.is_none() && !computed(column);
            (free || !hazards.is_empty()).then(|| Wanted {
                column,
                hazards,
                sizes: target
                    .dialect()
                    .wants_sizes(ty, indexed.contains(&column.name)),
            })
        })
        .collect()
}

/// How one table is scanned: what is read, and where the columns and the key are in it.
struct Task<'a> {
    table: &'a Table,
    read: TableRead,
    looks: Vec<Wanted<'a>>,
    questions: Vec<Question>,
    /// Places of the key's cells in a row.
    key: Vec<usize>,
    /// Whether a column may hold any value, so that the shapes of texts matter.
    free: bool,
    /// The transform through which rows are looked at.
    through: Option<Through>,
}

impl<'a> Task<'a> {
    fn new(table: &'a Table, wanted: Vec<Wanted<'a>>, free: bool) -> Self {
        let column = |c: &Column| ColumnRead {
            name: c.name.clone(),
            ty: c.ty.clone(),
            native: c.native.clone(),
            as_text: false,
        };
        let mut columns: Vec<ColumnRead> = wanted.iter().map(|w| column(w.column)).collect();
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
            questions: wanted
                .iter()
                .map(|w| Question {
                    column: column(w.column),
                    nullable: w.column.nullable,
                    hazards: w.hazards.clone(),
                    sizes: w.sizes,
                })
                .collect(),
            read: TableRead {
                table: table.name.clone(),
                columns,
                key: cut,
                physical: true,
            },
            looks: wanted,
            key,
            free,
            through: None,
        }
    }

    /// The same table with some of its columns only.
    fn only(&self, some: impl Fn(usize) -> bool) -> Task<'a> {
        let looks = self.looks.iter().enumerate();
        let some = looks.filter(|(i, _)| some(*i)).map(|(_, w)| w.clone());
        Task::new(self.table, some.collect(), self.free)
    }

    fn begin(&self) -> Vec<Look> {
        self.looks
            .iter()
            .map(|w| Look::new(&w.column.ty, &w.hazards, self.free && !computed(w.column)))
            .collect()
    }

    /// Looks at every row of a batch. `first` is the number of its first row, from 1.
    fn see(&self, looks: &mut [Look], batch: &Batch, first: u64) {
        let columns = batch.columns();
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
        self.named(&self.key, row, number)
    }

    /// The cells at these places of a row as text, or its number if there are none.
    fn named<'c>(
        &self,
        places: &[usize],
        row: impl Iterator<Item = Cell<'c>>,
        number: u64,
    ) -> String {
        let Some(last) = places.iter().max() else {
            return format!("row {number}");
        };
        let cells: Vec<_> = row.take(last + 1).collect();
        let parts: Vec<String> = places
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

/// Scans one table by its rows, with one reader.
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
    range(&task, reader.as_mut(), &Range::All, most, progress).map(|(scan, _)| scan)
}

/// Asks the source about a range, and reads the columns of which it can not say enough.
fn surveyed(
    task: &Task<'_>,
    reader: &mut dyn Reader,
    bounds: &Range,
    progress: &Progress,
) -> Result<(TableScan, Failed)> {
    if task.through.is_some() {
        return range(task, reader, bounds, u64::MAX, progress);
    }
    let Some(survey) = reader.survey(&task.read, bounds, &task.questions)? else {
        return range(task, reader, bounds, u64::MAX, progress);
    };
    let clear = |i: usize| matches!(survey.answers.get(i), Some(Answer::Clear(_)));
    let rest = task.only(|i| !clear(i));
    let mut scan = TableScan {
        rows: survey.rows.unwrap_or(0),
        // Nobody looked at the rows, and nobody had to.
        complete: survey.rows.is_some(),
        columns: Vec::with_capacity(task.looks.len()),
    };
    let mut read = if rest.looks.is_empty() {
        progress.hear(Fact::TableMoved {
            stage: "scan",
            table: task.table.name.clone(),
            rows: scan.rows,
            bytes: 0,
        });
        Vec::new()
    } else {
        let (read, _) = range(&rest, reader, bounds, u64::MAX, progress)?;
        scan.rows = read.rows;
        scan.complete = read.complete;
        read.columns
    }
    .into_iter();
    for (i, wanted) in task.looks.iter().enumerate() {
        match survey.answers.get(i) {
            Some(Answer::Clear(found)) => {
                scan.columns
                    .push((wanted.column.name.clone(), ColumnScan::clone(found)));
            }
            _ => scan.columns.extend(read.next()),
        }
    }
    Ok((scan, Failed::new()))
}

/// Scans the rows of one range, `most` of them at most. Out: what was found, and the rows for which a transform fails.
fn range(
    task: &Task<'_>,
    reader: &mut dyn Reader,
    range: &Range,
    most: u64,
    progress: &Progress,
) -> Result<(TableScan, Failed)> {
    let mut looks = task.begin();
    let mut batch = Batch::default();
    let mut passing = task.through.as_ref().map(Through::begin);
    let mut rows = 0;
    let mut taken = 0;
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
        let seen = match &mut passing {
            Some(passing) => passing.apply(task, &batch, rows + 1),
            None => &batch,
        };
        task.see(&mut looks, seen, taken + 1);
        taken += seen.rows();
        rows += batch.rows();
        progress.hear(Fact::TableMoved {
            stage: "scan",
            table: task.table.name.clone(),
            rows: batch.rows(),
            bytes: batch.bytes() as u64,
        });
        // A huge row's memory is given back before its room.
        batch.shrink(4 * LIMIT.bytes);
        drop(reader.room());
    }
    let scan = TableScan {
        rows: taken,
        complete: !more,
        columns: task
            .looks
            .iter()
            .zip(looks)
            .map(|(w, look)| (w.column.name.clone(), look.scan))
            .collect(),
    };
    Ok((scan, passing.map(|p| p.failed).unwrap_or_default()))
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

/// Scans all `tables` of which any column is wanted, with up to `run.workers` readers of one snapshot,
/// within `run.memory`.
///
/// # Errors
/// The first error of any table; a table that can not be read stops the plan.
pub fn scan_all(
    source: &dyn Engine,
    target: &dyn Engine,
    catalog: &Catalog,
    tables: &[&Table],
    mode: ScanMode,
    run: &RunSettings,
    progress: &Progress,
) -> Result<HashMap<TableName, TableScan>> {
    scan_shaped(source, target, catalog, tables, None, mode, run, progress).map(|(scans, _)| scans)
}

/// The same, and of `shaped`, with the moment that `now()` is, the rows that come out of transforms. Out: what was
/// found, by table, and the rows for which a transform fails.
///
/// # Errors
/// As [`scan_all`].
#[allow(
    clippy::too_many_arguments,
    reason = "each is one of the things that a scan depends on"
)]
pub(crate) fn scan_shaped(
    source: &dyn Engine,
    target: &dyn Engine,
    catalog: &Catalog,
    tables: &[&Table],
    shaped: Option<(&Shaped, i64)>,
    mode: ScanMode,
    run: &RunSettings,
    progress: &Progress,
) -> Result<(HashMap<TableName, TableScan>, Vec<Finding>)> {
    let free = source.capabilities().dynamic_types;
    let named = named_by_keys(catalog);
    let mut tasks: Vec<Task<'_>> = match mode {
        ScanMode::None => Vec::new(),
        ScanMode::Full | ScanMode::Sample => tables
            .iter()
            .map(|t| (t, wanted_of(t, &named, source, target)))
            .filter(|(_, wanted)| !wanted.is_empty())
            .map(|(t, wanted)| Task::new(t, wanted, free))
            .collect(),
    };
    if let Some((shaped, now)) = shaped
        && mode != ScanMode::None
    {
        let named = named_by_keys(&shaped.catalog);
        for (table, shape) in shaped.looked_through() {
            let wanted = wanted_of(table, &named, source, target);
            // Formulas that were wrong are told already.
            if (wanted.is_empty() && !shape.can_fail) || shaped.wrong(&shape.source.name) {
                continue;
            }
            tasks.push(Task::through(
                table,
                shape,
                wanted,
                free,
                source,
                &shaped.settings,
                now,
            )?);
        }
    }
    if tasks.is_empty() {
        return Ok((HashMap::new(), Vec::new()));
    }
    let began = std::time::Instant::now();
    progress.hear(Fact::StageBegan {
        stage: "scan",
        items: tasks.len() as u64,
    });
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let lanes = match source.capabilities().embedded {
        true => run.workers.max(cores()),
        false => run.workers.max(1),
    };
    let (snapshot, lanes) = match source.snapshot(lanes) {
        Ok(s) => (s, lanes),
        Err(e) if e.kind() == ErrorKind::Unsupported && lanes > 1 => (source.snapshot(1)?, 1),
        Err(e) => return Err(e),
    };
    for through in tasks.iter().filter_map(|t| t.through.as_ref()) {
        through.load(snapshot.as_ref())?;
    }
    let chunk = match source.capabilities().embedded {
        true => EMBEDDED_CHUNK_BYTES,
        false => CHUNK_BYTES,
    };
    let work = work(&tasks, snapshot.as_ref(), mode, lanes, chunk)?;
    let share = Share::of(run.memory, lanes);
    let memory = Memory::new(share.large);
    let next = AtomicUsize::new(0);
    let found: Mutex<Vec<Option<(TableScan, Failed)>>> =
        Mutex::new(work.iter().map(|_| None).collect());
    let lane = || -> Result<()> {
        let mut reader: Option<Box<dyn Reader>> = None;
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((i, bounds)) = work.get(at) else {
                return Ok(());
            };
            let task = &tasks[*i];
            let reader = match &mut reader {
                Some(reader) => reader,
                none => {
                    let reader = none.insert(snapshot.reader()?);
                    reader.bound(ReaderGate::looking(&memory, share, &Stop::new()));
                    reader
                }
            };
            let part = match mode {
                ScanMode::Full => surveyed(task, reader.as_mut(), bounds, progress),
                _ => range(task, reader.as_mut(), bounds, SAMPLE_ROWS, progress),
            };
            match part.map_err(|e| e.on(task.table.name.to_string())) {
                Ok(part) => {
                    found.lock().unwrap_or_else(|e| e.into_inner())[at] = Some(part);
                }
                Err(e) => {
                    // The others stop at their next piece of work.
                    next.store(work.len(), Ordering::Relaxed);
                    return Err(e);
                }
            }
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
    // In the order of the ranges, whoever was first: the examples are always the same.
    let parts = found.into_inner().unwrap_or_else(|e| e.into_inner());
    let mut scans: HashMap<TableName, TableScan> = HashMap::new();
    let mut failed: Vec<Failed> = tasks.iter().map(|_| Failed::new()).collect();
    for ((i, _), part) in work.iter().zip(parts) {
        let (part, fails) = part.unwrap_or_default();
        through::join(&mut failed[*i], fails);
        let name = &tasks[*i].table.name;
        let whole = match scans.remove(name) {
            Some(before) => join(before, &part),
            None => part,
        };
        scans.insert(name.clone(), whole);
    }
    let failing = tasks.iter().zip(&failed);
    let failing = failing.flat_map(|(t, failed)| through::findings(t.table, failed));
    Ok((scans, failing.collect()))
}

/// What is to be done: tables and ranges of them, the largest table first, so that no lane begins a large one
/// when the others are done.
fn work(
    tasks: &[Task<'_>],
    snapshot: &dyn Snapshot,
    mode: ScanMode,
    lanes: usize,
    chunk: u64,
) -> Result<Vec<(usize, Range)>> {
    let mut work: Vec<(usize, Range)> = Vec::new();
    let mut order: Vec<usize> = (0..tasks.len()).collect();
    order.sort_by_key(|i| {
        // A table of which nobody knows how large it is may be the largest.
        std::cmp::Reverse(tasks[*i].table.estimated_bytes.unwrap_or(u64::MAX))
    });
    for i in order {
        let task = &tasks[i];
        let large = task.table.estimated_bytes.is_none_or(|b| b > 2 * chunk);
        if mode == ScanMode::Full && large && lanes > 1 && !task.read.key.is_empty() {
            let chunks = snapshot.chunks(&task.read, chunk)?;
            work.extend(chunks.into_iter().map(|c| (i, c.range)));
        } else {
            work.push((i, Range::All));
        }
    }
    Ok(work)
}
