//! Transforms tried on real rows, without a target.

use super::check::Input;
use super::lookup::Lookups;
use super::program::{Applied, Program};
use super::shape::{Shaped, computed};
use crate::clock::{Clock, Wall};
use crate::plan::Finding;
use crate::settings::PlanSettings;
use bumpalo::Bump;
use limosa_core::batch::{Batch, BatchLimit};
use limosa_core::chunk::Range;
use limosa_core::engine::{ColumnRead, Engine, TableRead};
use limosa_core::notation;
use limosa_core::schema::{Table, TableName};
use limosa_core::value::Value;
use limosa_core::{Error, ErrorKind, Result};
use serde::Serialize;

/// What became of the first rows of a table.
#[derive(Debug, Serialize)]
pub struct Trial {
    /// One entry for each table that comes out.
    pub tables: Vec<TrialTable>,
    /// What is wrong, and what to know.
    pub findings: Vec<Finding>,
}

/// One table that came out.
#[derive(Debug, Serialize)]
pub struct TrialTable {
    /// The table of the source.
    pub source: TableName,
    /// The table that comes out, before it is renamed for the target.
    pub into: TableName,
    /// The columns that were read.
    pub before: Vec<String>,
    /// The columns that come out.
    pub after: Vec<String>,
    /// The rows.
    pub rows: Vec<TrialRow>,
}

/// One row; values as text, `None` for NULL.
#[derive(Debug, Serialize)]
pub struct TrialRow {
    /// As it was read.
    pub before: Vec<Option<String>>,
    /// As it comes out; `None` if it does not.
    pub after: Option<Vec<Option<String>>>,
    /// Why it fails; `None` beside no `after` means that the filter leaves it out.
    pub reason: Option<String>,
}

/// Applies the transforms of `table` to its first `limit` rows.
///
/// # Errors
/// `Missing` if the source has no such table; those of the engine.
pub fn attempt(
    source: &dyn Engine,
    settings: &PlanSettings,
    table: &str,
    limit: u64,
) -> Result<Trial> {
    // One moment for all tables, as in a plan.
    let now = Wall::new().moment();
    let catalog = source.inspect()?;
    let found = catalog
        .tables
        .iter()
        .find(|t| t.name.to_string() == table || t.name.name == table)
        .ok_or_else(|| {
            Error::new(
                ErrorKind::Missing,
                "trying a transform",
                "the source has no such table",
            )
            .on(table)
            .hint("Write its name as the source has it, in its own case.")
        })?;
    let case_sensitive = source.capabilities().column_names_case_sensitive;
    let mut shaped = Shaped::new(&catalog, &[found], settings, case_sensitive);
    // Transforms of other tables are not asked about.
    shaped.findings.retain(|f| f.code != "unknown-table");
    let snapshot = source.snapshot(1)?;
    let read = |t: &Table| TableRead {
        table: t.name.clone(),
        columns: t
            .columns
            .iter()
            .map(|c| ColumnRead {
                name: c.name.clone(),
                ty: c.ty.clone(),
                native: c.native.clone(),
                as_text: false,
            })
            .collect(),
        key: Vec::new(),
        physical: false,
    };
    let read = read(found);
    let mut tables = Vec::new();
    for made in &shaped.catalog.tables {
        let Some(shape) = shaped.of(&made.name) else {
            continue;
        };
        let outputs: Vec<(String, Option<usize>)> = made
            .columns
            .iter()
            .map(|c| {
                let at = found.columns.iter().position(|f| f.name == c.name);
                (c.name.clone(), at.filter(|_| !computed(c)))
            })
            .collect();
        let inputs = found
            .columns
            .iter()
            .map(|c| Input {
                name: c.name.clone(),
                ty: c.ty.clone(),
                nullable: c.nullable,
            })
            .collect();
        let plan = shape.plan(&made.name, inputs, &outputs, None, now);
        let lookups = Lookups::of(plan.lookups.clone());
        let program = Program::compiled(&plan, case_sensitive, &settings.mask_salt, &lookups)?;
        lookups.load(snapshot.as_ref())?;
        let wish = crate::names::wish(&shaped.settings, &made.name);
        let named = |c: &str| {
            wish.and_then(|w| w.rename_columns.iter().find(|(from, _)| from == c))
                .map_or_else(|| c.to_owned(), |(_, to)| to.clone())
        };
        let mut rows: Vec<TrialRow> = Vec::new();
        let mut reader = snapshot.reader()?;
        reader.open(&read, &Range::All, None)?;
        let (mut batch, mut out) = (Batch::default(), Batch::default());
        let (mut arena, mut done) = (Bump::new(), Applied::default());
        let mut more = true;
        while more && (rows.len() as u64) < limit {
            batch.reset(read.columns.len());
            let limit = BatchLimit {
                rows: (limit - rows.len() as u64).min(1024),
                bytes: 8 << 20,
            };
            more = reader.fill(&mut batch, limit)?;
            program.apply(&mut arena, &batch, &mut out, &mut done);
            let first = rows.len();
            let mut cells = batch.cells();
            for _ in 0..batch.rows() {
                rows.push(TrialRow {
                    before: cells
                        .by_ref()
                        .take(read.columns.len())
                        .map(|c| shown(&c.to_value()))
                        .collect(),
                    after: None,
                    reason: None,
                });
            }
            let mut cells = out.cells();
            for origin in &done.origins {
                let row = cells
                    .by_ref()
                    .take(program.columns())
                    .map(|c| shown(&c.to_value()))
                    .collect();
                rows[first + *origin as usize].after = Some(row);
            }
            for refusal in &done.refused {
                let at = first + usize::try_from(refusal.row).unwrap_or(0);
                rows[at].reason = Some(format!("{}: {}", refusal.name, refusal.reason));
            }
        }
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        tables.push(TrialTable {
            source: found.name.clone(),
            into: made.name.clone(),
            before: found.columns.iter().map(|c| c.name.clone()).collect(),
            after: made.columns.iter().map(|c| named(&c.name)).collect(),
            rows,
        });
    }
    Ok(Trial {
        tables,
        findings: shaped.findings,
    })
}

/// A value for a person.
fn shown(value: &Value) -> Option<String> {
    let mut out = Vec::new();
    match value {
        Value::Null => return None,
        Value::Bool(b) => return Some(b.to_string()),
        Value::Int(i) => return Some(i.to_string()),
        Value::UInt(u) => return Some(u.to_string()),
        Value::F32(f) => return Some(f.to_string()),
        Value::F64(f) => return Some(f.to_string()),
        Value::Decimal(t) | Value::Text(t) | Value::Json(t) => return Some(t.clone()),
        Value::Bytes(b) => {
            out.extend_from_slice(b"0x");
            out.extend(b.iter().flat_map(|b| format!("{b:02x}").into_bytes()));
        }
        Value::Date(d) => notation::write_date(&mut out, *d),
        Value::Time(t) => notation::write_time(&mut out, *t, 6),
        Value::TimeTz(t, zone) => {
            notation::write_time(&mut out, *t, 6);
            notation::write_offset(&mut out, *zone);
        }
        Value::Timestamp(t) => notation::write_timestamp(&mut out, *t, 6),
        Value::TimestampTz(t) => {
            notation::write_timestamp(&mut out, *t, 6);
            out.extend_from_slice(b"+00");
        }
        Value::Interval(m, d, u) => notation::write_interval(&mut out, *m, *d, *u),
        Value::Uuid(u) => notation::write_uuid(&mut out, u),
        Value::Bits(n, b) => notation::write_bits(&mut out, *n, b),
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}
