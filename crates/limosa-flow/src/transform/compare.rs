//! The source's side of a comparison where rows are transformed: what came out of the transform, said in
//! the canonical form.
//!
//! The rows are read as the copy reads them, and transformed as the copy transforms them: whoever compares
//! a transformed table learns whether the target holds what the transform makes, and takes the reader's and
//! the transform's word for the rest. The target's side is read independently as always.

use super::program::{Applied, Program};
use super::transforms::Transforms;
use crate::plan::{Plan, TablePlan};
use bumpalo::Bump;
use limosa_core::batch::{Batch, BatchLimit, Cell, Row};
use limosa_core::canonical::{self, CanonicalRows, Form};
use limosa_core::chunk::{Chunk, Range};
use limosa_core::engine::{
    CanonicalColumn, CanonicalRead, Canonicalizer, Reader, Snapshot, TableRead,
};
use limosa_core::notation;
use limosa_core::position::Position;
use limosa_core::pushdown::{self, Means, Spelling, Sums};
use limosa_core::room::{Gate, Room};
use limosa_core::schema::TableName;
use limosa_core::value::Value;
use limosa_core::{Error, ErrorKind, Result};
use std::sync::Arc;

/// A snapshot whose canonical readers show transformed tables as they come out.
pub struct Shown<'s> {
    snapshot: &'s dyn Snapshot,
    plan: &'s Plan,
    transforms: &'s Transforms,
}

impl<'s> Shown<'s> {
    /// Shows `snapshot` as the transforms of `plan` make it.
    pub fn new(snapshot: &'s dyn Snapshot, plan: &'s Plan, transforms: &'s Transforms) -> Self {
        Self {
            snapshot,
            plan,
            transforms,
        }
    }
}

impl Snapshot for Shown<'_> {
    fn position(&self) -> Option<Position> {
        self.snapshot.position()
    }

    fn mark(&self, table: &TableName) -> Result<String> {
        self.snapshot.mark(table)
    }

    fn chunks(&self, read: &TableRead, bytes: u64) -> Result<Vec<Chunk>> {
        self.snapshot.chunks(read, bytes)
    }

    fn unchanged_since(
        &self,
        read: &TableRead,
        mark: &str,
        chunks: &[(Chunk, u64)],
    ) -> Result<bool> {
        self.snapshot.unchanged_since(read, mark, chunks)
    }

    fn reader(&self) -> Result<Box<dyn Reader>> {
        self.snapshot.reader()
    }

    fn spellings(&self, table: &TableName, column: &CanonicalColumn) -> Means {
        let transformed = |t: &TablePlan| {
            t.compare_source.table == *table && self.transforms.program(t).is_some()
        };
        match self.plan.tables.iter().any(transformed) {
            true => Err("the table is transformed on the way".into()),
            false => self.snapshot.spellings(table, column),
        }
    }

    fn canonicalizer(&self) -> Result<Box<dyn Canonicalizer>> {
        let tables: Vec<Seen> = self
            .plan
            .tables
            .iter()
            .filter_map(|t| Seen::new(t, self.transforms))
            .collect();
        let plain = self.snapshot.canonicalizer()?;
        if tables.is_empty() {
            return Ok(plain);
        }
        Ok(Box::new(Both {
            plain,
            reader: self.snapshot.reader()?,
            tables,
            open: None,
            batch: Batch::default(),
            out: Batch::default(),
            arena: Bump::new(),
            done: Applied::default(),
        }))
    }
}

/// One transformed table.
struct Seen {
    read: TableRead,
    compare: CanonicalRead,
    program: Arc<Program>,
    /// For each compared column, the output that it is.
    places: Vec<usize>,
    /// For each column of the compared key, the input of its name.
    keys: Vec<Option<usize>>,
}

impl Seen {
    fn new(table: &TablePlan, transforms: &Transforms) -> Option<Self> {
        let program = Arc::clone(transforms.program(table)?);
        // Compared columns are paired with the target's, and those with the outputs.
        let places = table
            .compare_target
            .columns
            .iter()
            .map(|c| table.load.columns.iter().position(|l| l.name == c.name))
            .collect::<Option<Vec<_>>>()?;
        let keys = table.compare_source.columns[..table.compare_source.key_columns]
            .iter()
            .map(|c| table.read.columns.iter().position(|r| r.name == c.name))
            .collect();
        Some(Self {
            keys,
            read: table.read.clone(),
            compare: table.compare_source.clone(),
            program,
            places,
        })
    }
}

/// Reads tables of both kinds.
struct Both {
    plain: Box<dyn Canonicalizer>,
    reader: Box<dyn Reader>,
    tables: Vec<Seen>,
    open: Option<usize>,
    batch: Batch,
    out: Batch,
    arena: Bump,
    done: Applied,
}

impl Canonicalizer for Both {
    fn bound(&mut self, gate: Arc<dyn Gate>) {
        self.plain.bound(Arc::clone(&gate));
        self.reader.bound(gate);
    }

    fn room(&mut self) -> Option<Room> {
        match self.open {
            Some(_) => self.reader.room(),
            None => self.plain.room(),
        }
    }

    fn open(&mut self, read: &CanonicalRead, range: &Range) -> Result<()> {
        self.open = self.tables.iter().position(|t| t.compare == *read);
        match self.open {
            Some(at) => self.reader.open(&self.tables[at].read, range, None),
            None => self.plain.open(read, range),
        }
    }

    fn open_keys(&mut self, read: &CanonicalRead, keys: &[Vec<Value>]) -> Result<()> {
        self.open = None;
        if self.tables.iter().any(|t| t.compare == *read) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "comparing",
                "a transformed table is not asked for keys",
            ));
        }
        self.plain.open_keys(read, keys)
    }

    fn sums(
        &mut self,
        read: &CanonicalRead,
        said: &[Spelling],
        range: &Range,
        parts: u32,
    ) -> Result<Vec<Sums>> {
        match self.tables.iter().any(|t| t.compare == *read) {
            true => pushdown::streamed(self, read, said, range, parts),
            false => self.plain.sums(read, said, range, parts),
        }
    }

    fn open_parts(
        &mut self,
        read: &CanonicalRead,
        said: &[Spelling],
        range: &Range,
        parts: u32,
        chosen: &[u32],
    ) -> Result<()> {
        self.open = self.tables.iter().position(|t| t.compare == *read);
        match self.open {
            Some(_) => self.open(read, range),
            None => self.plain.open_parts(read, said, range, parts, chosen),
        }
    }

    fn count(&mut self, read: &CanonicalRead) -> Result<u64> {
        if !self.tables.iter().any(|t| t.compare == *read) {
            return self.plain.count(read);
        }
        let mut rows = CanonicalRows::default();
        let mut count = 0;
        self.open(read, &Range::All)?;
        loop {
            let more = self.fill(&mut rows, 256 << 10)?;
            count += rows.len() as u64;
            rows.reset(1 << 20);
            drop(self.room());
            if !more {
                return Ok(count);
            }
        }
    }

    fn fill(&mut self, rows: &mut CanonicalRows, bytes: usize) -> Result<bool> {
        let Some(at) = self.open else {
            return self.plain.fill(rows, bytes);
        };
        let table = &self.tables[at];
        let limit = BatchLimit { rows: 8192, bytes };
        self.batch.reset(table.read.columns.len());
        let more = self.reader.fill(&mut self.batch, limit)?;
        table
            .program
            .apply(&mut self.arena, &self.batch, &mut self.out, &mut self.done);
        // A row that fails comes to nothing that could be in the target: it is missing there, and whoever
        // judges knows the rejects by the source's key.
        for row in lost(&self.batch, &self.done) {
            let cells: Vec<Cell<'_>> = row.cells().collect();
            for (n, column) in table.compare.columns.iter().enumerate() {
                if n == table.compare.key_columns && n > 0 {
                    rows.end_key();
                }
                let key = table.keys.get(n).copied().flatten();
                match key.and_then(|at| cells.get(at)) {
                    None | Some(Cell::Null) => rows.null(),
                    Some(cell) => rows.cell_with(|out| write(out, *cell, column.form)),
                }
            }
            if table.compare.key_columns == table.compare.columns.len() {
                rows.end_key();
            }
            rows.end_row();
        }
        let columns = table.program.columns();
        let mut row: Vec<Cell<'_>> = Vec::with_capacity(columns);
        let mut cells = self.out.cells();
        for _ in 0..self.out.rows() {
            row.clear();
            row.extend(cells.by_ref().take(columns));
            for (n, (column, place)) in table.compare.columns.iter().zip(&table.places).enumerate()
            {
                if n == table.compare.key_columns && n > 0 {
                    rows.end_key();
                }
                let Some(cell) = row.get(*place) else {
                    return Err(Error::new(
                        ErrorKind::Internal,
                        "comparing",
                        "a column that is compared does not come out",
                    ));
                };
                match cell {
                    Cell::Null => rows.null(),
                    cell => rows.cell_with(|out| write(out, *cell, column.form)),
                }
            }
            if table.compare.key_columns == table.compare.columns.len() {
                rows.end_key();
            }
            rows.end_row();
        }
        Ok(more)
    }
}

/// The rows of a batch that failed.
fn lost<'b>(batch: &'b Batch, done: &'b Applied) -> impl Iterator<Item = Row<'b>> {
    let failed = |n: u64| done.refused.iter().any(|r| r.row == n);
    let rows = if done.refused.is_empty() {
        0
    } else {
        usize::MAX
    };
    (0..)
        .zip(batch.each_row().take(rows))
        .filter(move |(n, _)| failed(*n))
        .map(|(_, row)| row)
}

/// Says a cell in a canonical form.
fn write(out: &mut Vec<u8>, cell: Cell<'_>, form: Form) {
    let mut said = Vec::new();
    match (form, cell) {
        (Form::Dynamic, cell) => return dynamic(out, cell),
        (Form::Boolean, Cell::Bool(b)) => return out.push(if b { b'1' } else { b'0' }),
        (Form::Double, Cell::F64(f)) => return canonical::double(out, f),
        (Form::Double, Cell::F32(f)) => return canonical::double(out, f.into()),
        (Form::Double, Cell::Int(i)) => return canonical::double(out, i as f64),
        (Form::Double, Cell::UInt(u)) => return canonical::double(out, u as f64),
        (Form::Double, Cell::Decimal(t) | Cell::Text(t)) => match t.parse() {
            Ok(f) => return canonical::double(out, f),
            Err(_) => said.extend_from_slice(t.as_bytes()),
        },
        (Form::Single, Cell::F32(f)) => return canonical::single(out, f),
        (Form::Single, Cell::F64(f)) => return canonical::single(out, f as f32),
        (_, Cell::Bool(b)) => said.extend_from_slice(if b { b"true" } else { b"false" }),
        (_, Cell::Int(i)) => said.extend_from_slice(i.to_string().as_bytes()),
        (_, Cell::UInt(u)) => said.extend_from_slice(u.to_string().as_bytes()),
        (_, Cell::F32(f)) => said.extend_from_slice(f.to_string().as_bytes()),
        (_, Cell::F64(f)) => said.extend_from_slice(f.to_string().as_bytes()),
        (_, Cell::Decimal(t) | Cell::Text(t) | Cell::Json(t)) => {
            said.extend_from_slice(t.as_bytes())
        }
        (_, Cell::Bytes(b)) => said.extend_from_slice(b),
        (_, Cell::Date(d)) => notation::write_date(&mut said, d),
        (_, Cell::Time(t)) => notation::write_time(&mut said, t, 6),
        (Form::TimeTz, Cell::TimeTz(t, zone)) => {
            notation::write_time(&mut said, t, 6);
            canonical::moment(out, &said, false);
            return out.extend_from_slice(format!(" {zone}").as_bytes());
        }
        (_, Cell::TimeTz(t, _)) => notation::write_time(&mut said, t, 6),
        (_, Cell::Timestamp(t) | Cell::TimestampTz(t)) => {
            notation::write_timestamp(&mut said, t, 6)
        }
        (_, Cell::Interval(m, d, u)) => {
            return out.extend_from_slice(format!("{m} {d} {u}").as_bytes());
        }
        (_, Cell::Uuid(u)) => notation::write_uuid(&mut said, u),
        (_, Cell::Bits(n, b)) => notation::write_bits(&mut said, n, b),
        (_, Cell::Null) => {}
    }
    match form {
        Form::Boolean => canonical::boolean(out, &said),
        Form::Integer | Form::Decimal => canonical::decimal(out, &said),
        Form::PaddedText => {
            let blanks = said.iter().rev().take_while(|b| **b == b' ').count();
            out.extend_from_slice(&said[..said.len() - blanks]);
        }
        Form::Date | Form::Time => canonical::moment(out, &said, false),
        Form::Timestamp | Form::TimestampTz => canonical::moment(out, &said, true),
        Form::Interval if matches!(cell, Cell::Time(_)) => {
            let Cell::Time(t) = cell else { return };
            out.extend_from_slice(format!("0 0 {t}").as_bytes());
        }
        Form::Json => canonical::json(out, &said),
        Form::Set => canonical::set(out, &said),
        _ => out.extend_from_slice(&said),
    }
}

/// Says a cell as it is stored, with its storage class.
fn dynamic(out: &mut Vec<u8>, cell: Cell<'_>) {
    match cell {
        Cell::Int(i) => {
            out.push(b'i');
            out.extend_from_slice(i.to_string().as_bytes());
        }
        Cell::F64(f) => {
            out.push(b'r');
            canonical::double(out, f);
        }
        Cell::Bytes(b) => {
            out.push(b'b');
            out.extend_from_slice(b);
        }
        Cell::Text(t) => {
            out.push(b't');
            out.extend_from_slice(t.as_bytes());
        }
        other => write(out, other, Form::Text),
    }
}
