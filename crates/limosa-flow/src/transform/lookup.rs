//! Other tables that formulas look into: read from the same snapshot, into bounded memory.

use super::cell::Result as CellResult;
use super::functions::can_be_key;
use super::kind::Kind;
use bumpalo::Bump;
use limosa_core::batch::{Batch, BatchLimit, Cell};
use limosa_core::chunk::Range;
use limosa_core::engine::{ColumnRead, Snapshot, TableRead};
use limosa_core::schema::{Catalog, Column, Table, TableName};
use limosa_core::value::Value;
use limosa_core::{Error, ErrorKind, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

/// Memory that all look-ups of a plan may take together.
pub(super) const MEMORY: u64 = 256 << 20;

/// The look-ups that formulas ask for, each once.
#[derive(Default)]
pub struct Lookups {
    tables: Vec<Table>,
    wanted: Mutex<Vec<Arc<Lookup>>>,
}

/// One column of another table by one key.
pub struct Lookup {
    /// The table.
    pub table: TableName,
    /// The key.
    pub key: Column,
    /// The value.
    pub value: Column,
    pub(super) map: OnceLock<Map>,
}

/// The values by key, flat.
pub(super) struct Map {
    places: HashMap<Box<[u8]>, Value>,
}

impl Map {
    pub(super) fn get<'a>(&self, arena: &'a Bump, key: Cell<'_>) -> Cell<'a> {
        let mut bytes = Vec::with_capacity(24);
        write_key(&mut bytes, key);
        match self.places.get(bytes.as_slice()) {
            Some(value) => copied(arena, value),
            None => Cell::Null,
        }
    }
}

/// A key as bytes that are equal for equal keys.
fn write_key(out: &mut Vec<u8>, key: Cell<'_>) {
    match key {
        Cell::Int(i) => out.extend_from_slice(&i128::from(i).to_ne_bytes()),
        Cell::UInt(u) => out.extend_from_slice(&i128::from(u).to_ne_bytes()),
        Cell::Text(t) => out.extend_from_slice(t.as_bytes()),
        Cell::Bytes(b) => out.extend_from_slice(b),
        Cell::Uuid(u) => out.extend_from_slice(u),
        Cell::Date(d) => out.extend_from_slice(&d.to_ne_bytes()),
        Cell::Bool(b) => out.push(b.into()),
        _ => {}
    }
}

fn copied<'a>(arena: &'a Bump, value: &Value) -> Cell<'a> {
    match value {
        Value::Text(t) => Cell::Text(arena.alloc_str(t)),
        Value::Json(t) => Cell::Json(arena.alloc_str(t)),
        Value::Decimal(t) => Cell::Decimal(arena.alloc_str(t)),
        Value::Bytes(b) => Cell::Bytes(arena.alloc_slice_copy(b)),
        Value::Uuid(u) => Cell::Uuid(arena.alloc(*u)),
        Value::Bits(n, b) => Cell::Bits(*n, arena.alloc_slice_copy(b)),
        Value::Null => Cell::Null,
        Value::Bool(b) => Cell::Bool(*b),
        Value::Int(i) => Cell::Int(*i),
        Value::UInt(u) => Cell::UInt(*u),
        Value::F32(f) => Cell::F32(*f),
        Value::F64(f) => Cell::F64(*f),
        Value::Date(d) => Cell::Date(*d),
        Value::Time(t) => Cell::Time(*t),
        Value::TimeTz(t, z) => Cell::TimeTz(*t, *z),
        Value::Timestamp(t) => Cell::Timestamp(*t),
        Value::TimestampTz(t) => Cell::TimestampTz(*t),
        Value::Interval(m, d, u) => Cell::Interval(*m, *d, *u),
    }
}

impl Lookups {
    /// Look-ups into the tables of a catalog.
    pub fn new(catalog: &Catalog) -> Self {
        Self::of(catalog.tables.clone())
    }

    /// Look-ups into these tables.
    pub fn of(tables: Vec<Table>) -> Self {
        Self {
            tables,
            wanted: Mutex::default(),
        }
    }

    /// Asks for a column by a key; without `by` the primary key of one column is meant.
    pub(super) fn want(
        &self,
        table: &str,
        column: &str,
        by: Option<&str>,
    ) -> CellLess<Arc<Lookup>> {
        let found = self
            .tables
            .iter()
            .find(|t| t.name.to_string() == table || t.name.name == table)
            .ok_or_else(|| format!("the source has no table {table}"))?;
        let column_of = |name: &str| {
            found
                .column(name)
                .ok_or_else(|| format!("the table {table} has no column {name}"))
        };
        let value = column_of(column)?;
        let key = match by {
            Some(by) => column_of(by)?,
            None => match found.primary_key.as_ref().map(|k| k.columns.as_slice()) {
                Some([one]) => column_of(one)?,
                _ => {
                    return Err(format!(
                        "the table {table} has no primary key of one column: name the key as lookup('{table}.{column}', key, 'column')"
                    ));
                }
            },
        };
        let unique = found
            .primary_key
            .iter()
            .chain(&found.uniques)
            .any(|k| k.columns == [key.name.clone()])
            || found.indexes.iter().any(|i| {
                i.unique
                    && i.predicate.is_none()
                    && i.parts.len() == 1
                    && matches!(&i.parts[0].of, limosa_core::schema::IndexOf::Column(c) if *c == key.name)
            });
        if !unique {
            return Err(format!(
                "{table}.{} is not unique, so that a key may name two rows",
                key.name
            ));
        }
        if !can_be_key(&key.ty) {
            return Err(format!(
                "{table}.{} is {}, by which nothing is looked up",
                key.name,
                Kind::of(&key.ty).word()
            ));
        }
        let mut wanted = self.wanted.lock().unwrap_or_else(|e| e.into_inner());
        let same = |l: &&Arc<Lookup>| {
            l.table == found.name && l.key.name == key.name && l.value.name == value.name
        };
        if let Some(there) = wanted.iter().find(same) {
            return Ok(Arc::clone(there));
        }
        let made = Arc::new(Lookup {
            table: found.name.clone(),
            key: key.clone(),
            value: value.clone(),
            map: OnceLock::new(),
        });
        wanted.push(Arc::clone(&made));
        Ok(made)
    }

    /// What was asked for.
    pub fn wanted(&self) -> Vec<Arc<Lookup>> {
        self.wanted
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .clone()
    }

    /// The tables that were asked for, with no more than is needed to ask again.
    pub(super) fn tables_wanted(&self) -> Vec<Table> {
        let wanted = self.wanted();
        self.tables
            .iter()
            .filter(|t| wanted.iter().any(|w| w.table == t.name))
            .map(|t| {
                let needed = |c: &Column| {
                    wanted.iter().any(|w| {
                        w.table == t.name && (w.key.name == c.name || w.value.name == c.name)
                    })
                };
                let mut table = Table {
                    foreign_keys: Vec::new(),
                    checks: Vec::new(),
                    triggers: Vec::new(),
                    partitioning: None,
                    comment: None,
                    estimated_rows: None,
                    estimated_bytes: None,
                    unrepresented: Vec::new(),
                    ..t.clone()
                };
                table.columns.retain(needed);
                let there: Vec<String> = table.columns.iter().map(|c| c.name.clone()).collect();
                let holds = |columns: &[String]| columns.iter().all(|c| there.contains(c));
                table.primary_key = table.primary_key.filter(|k| holds(&k.columns));
                table.uniques.retain(|k| holds(&k.columns));
                table.indexes.retain(|i| i.unique && i.parts.len() == 1);
                for column in &mut table.columns {
                    column.default = None;
                    column.identity = None;
                    column.generated = None;
                    column.comment = None;
                }
                table
            })
            .collect()
    }

    /// Reads everything that was asked for and is not there yet.
    ///
    /// # Errors
    /// `Resource` (definite) if the tables need more memory than look-ups may take; those of the reader.
    pub fn load(&self, snapshot: &dyn Snapshot) -> Result<()> {
        let wanted = self.wanted();
        let mut bytes = 0u64;
        for lookup in wanted.iter().filter(|l| l.map.get().is_none()) {
            let map = read(snapshot, lookup, &mut bytes)?;
            // Somebody else may have been faster.
            let _ = lookup.map.set(map);
        }
        Ok(())
    }
}

type CellLess<T> = CellResult<T, String>;

fn read(snapshot: &dyn Snapshot, lookup: &Lookup, bytes: &mut u64) -> Result<Map> {
    let column = |c: &Column| ColumnRead {
        name: c.name.clone(),
        ty: c.ty.clone(),
        native: c.native.clone(),
        as_text: false,
    };
    let read = TableRead {
        table: lookup.table.clone(),
        columns: vec![column(&lookup.key), column(&lookup.value)],
        key: Vec::new(),
        physical: false,
    };
    let mut reader = snapshot.reader()?;
    reader.open(&read, &Range::All, None)?;
    let mut places = HashMap::new();
    let mut batch = Batch::default();
    let limit = BatchLimit {
        rows: 4096,
        bytes: 512 << 10,
    };
    loop {
        batch.reset(2);
        let more = reader.fill(&mut batch, limit)?;
        let mut cells = batch.cells();
        while let (Some(key), Some(value)) = (cells.next(), cells.next()) {
            if key == Cell::Null {
                continue;
            }
            let mut place = Vec::new();
            write_key(&mut place, key);
            let value = value.to_value();
            let size = match &value {
                Value::Text(t) | Value::Json(t) | Value::Decimal(t) => t.len(),
                Value::Bytes(b) | Value::Bits(_, b) => b.len(),
                _ => 0,
            };
            // The map's own cost per entry, about.
            *bytes += (place.len() + size + 112) as u64;
            if *bytes > MEMORY {
                return Err(Error::new(
                    ErrorKind::Resource,
                    "loading a look-up",
                    format!("{} needs more than {} MiB after {} rows", lookup.table, MEMORY >> 20, places.len()),
                )
                .on(format!("{}.{}", lookup.table, lookup.value.name))
                .hint("Look-ups are for small tables. Join the tables in the source (a view or a column), or leave the column to be filled in the target."));
            }
            places.insert(place.into_boxed_slice(), value);
        }
        if !more {
            return Ok(Map { places });
        }
    }
}
