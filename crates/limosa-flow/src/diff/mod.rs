//! Rows and cells that differ, for people and for programs.
//!
//! [`Collector`] is the witness of a comparison ([`crate::verify::compare_before`]). With a limit it keeps the first
//! rows of each table in the order of their keys, so that every run shows the same; without one it hands each
//! row over as it is found and keeps none.

mod look;

pub use look::{Look, look};

use crate::names::fits;
use crate::plan::TablePlan;
use crate::verify::{Differing, Kind, Witness, key_order, key_text, say_cell};
use limosa_core::Result;
use limosa_core::canonical::{Form, cells};
use limosa_core::engine::CanonicalColumn;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Characters of a value that are kept.
const SHOWN: usize = 16_384;

/// What stands in place of a value that is never shown.
pub const MASK: &str = "***";

/// What is shown, and how.
#[derive(Clone, Debug, Default)]
pub struct Showing {
    /// Rows of each table, at most; `None` shows all, as they are found.
    pub limit: Option<usize>,
    /// Hashes in place of values, but for keys. Equal values of one run have equal hashes.
    pub redact: bool,
    /// Columns whose values are never shown: patterns on `table.column`.
    pub masked: Vec<String>,
}

/// One side of a cell.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Said {
    /// NULL.
    Null,
    /// The value in its canonical form, bytes in hexadecimal; its hash if it is redacted.
    Value(String),
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// The column, by its target name.
    pub column: String,
    /// In the source; left out if the row is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Said>,
    /// In the target; left out if the row is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Said>,
    /// Where two texts part.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub look: Option<Look>,
}

/// One row that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RowDifference {
    /// The table, by its target name.
    pub table: String,
    /// The key, column by column; empty for a table without one.
    pub key: Vec<(String, String)>,
    /// `missing` (not in the target), `extra` (not in the source), `differs`, `count` (a row without a key that both
    /// sides have, but not as often), `rejected` (missing, because it was rejected).
    #[serde(rename = "difference")]
    pub kind: &'static str,
    /// The columns that differ; empty but for `differs`.
    pub columns: Vec<String>,
    /// Those that differ; of a row that only one side has, all of them.
    pub cells: Vec<Cell>,
    /// How often the source and the target have a row without a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<(u64, u64)>,
}

/// Takes a row that differs somewhere.
pub type Sink<'s> = dyn Fn(RowDifference) -> Result<()> + Send + Sync + 's;

/// See the module.
pub struct Collector<'s> {
    showing: Showing,
    salt: [u8; 16],
    sink: &'s Sink<'s>,
    /// The first rows of each table, in the order of their keys.
    kept: Mutex<HashMap<String, Vec<RowDifference>>>,
}

impl<'s> Collector<'s> {
    /// Rows go to `sink`: at once without a limit, else from [`Collector::finish`].
    pub fn new(showing: Showing, sink: &'s Sink<'s>) -> Self {
        Self {
            showing,
            salt: rand::random(),
            sink,
            kept: Mutex::default(),
        }
    }

    /// Hands over what was kept, table by table in the order of their names.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn finish(self) -> Result<()> {
        let kept = self
            .kept
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let mut tables: Vec<_> = kept.into_iter().collect();
        tables.sort_by(|a, b| a.0.cmp(&b.0));
        for row in tables.into_iter().flat_map(|(_, rows)| rows) {
            (self.sink)(row)?;
        }
        Ok(())
    }

    fn masked(&self, plan: &TablePlan, column: &str) -> bool {
        let names = [
            plan.name().name.clone(),
            plan.name().to_string(),
            plan.read.table.name.clone(),
            plan.read.table.to_string(),
        ];
        self.showing.masked.iter().any(|pattern| {
            let pattern = pattern.to_ascii_lowercase();
            let name = |t: &String| format!("{t}.{column}").to_ascii_lowercase();
            names.iter().any(|t| fits(&pattern, &name(t)))
        })
    }

    fn said(&self, cell: Option<&[u8]>, column: &CanonicalColumn) -> Said {
        let Some(bytes) = cell else {
            return Said::Null;
        };
        if self.showing.redact {
            let hash = Sha256::new()
                .chain_update(self.salt)
                .chain_update(bytes)
                .finalize();
            let hex: String = hash[..8].iter().map(|b| format!("{b:02x}")).collect();
            return Said::Value(format!("hash {hex}"));
        }
        let mut text = say_cell(cell, column.form);
        if let Some((at, _)) = text.char_indices().nth(SHOWN) {
            let whole = text.len();
            text.truncate(at);
            text.push_str(&format!("… ({whole} bytes)"));
        }
        Said::Value(text)
    }

    fn row(&self, plan: &TablePlan, row: &Differing<'_>, key: Vec<String>) -> RowDifference {
        let read = &plan.compare_target;
        let source = row.source.map(cells);
        let target = row.target.map(cells);
        let differs = row.kind == Kind::Differs;
        let mut out = RowDifference {
            table: plan.name().to_string(),
            key: Vec::new(),
            kind: match row.kind {
                Kind::Missing if row.rejected => "rejected",
                Kind::Missing => "missing",
                Kind::Extra => "extra",
                Kind::Differs => "differs",
                Kind::Count => "count",
            },
            columns: Vec::new(),
            cells: Vec::new(),
            times: (row.kind == Kind::Count).then_some(row.times),
        };
        for (at, column) in read.columns.iter().enumerate() {
            let masked = self.masked(plan, &column.name);
            if at < read.key_columns {
                let said = match masked {
                    true => MASK.to_owned(),
                    false => key.get(at).cloned().unwrap_or_default(),
                };
                out.key.push((column.name.clone(), said));
            }
            let cell = |side: &Option<Vec<Option<&[u8]>>>| match (masked, side) {
                (_, None) => None,
                (true, Some(_)) => Some(Said::Value(MASK.into())),
                (false, Some(cells)) => Some(self.said(cells.get(at).copied().flatten(), column)),
            };
            let pair = source.as_ref().zip(target.as_ref());
            let (s, t) = pair.map_or((None, None), |(s, t)| {
                (s.get(at).copied().flatten(), t.get(at).copied().flatten())
            });
            if differs && s == t {
                continue;
            }
            if differs {
                out.columns.push(column.name.clone());
            }
            let plain = !masked && !self.showing.redact && textual(column.form);
            out.cells.push(Cell {
                column: column.name.clone(),
                source: cell(&source),
                target: cell(&target),
                look: match (differs && plain, s, t) {
                    (true, Some(s), Some(t)) => {
                        texts(s, t, column.form).and_then(|(s, t)| look(s, t))
                    }
                    _ => None,
                },
            });
        }
        out
    }
}

/// The bytes of two texts; `None` if one of them is none.
fn texts<'b>(s: &'b [u8], t: &'b [u8], form: Form) -> Option<(&'b [u8], &'b [u8])> {
    match form {
        // The storage class stands in front.
        Form::Dynamic => Some((s.strip_prefix(b"t")?, t.strip_prefix(b"t")?)),
        _ => Some((s, t)),
    }
}

fn textual(form: Form) -> bool {
    matches!(
        form,
        Form::Text | Form::PaddedText | Form::Json | Form::Native | Form::Dynamic
    )
}

fn order(a: &RowDifference, key: &[String], kind: &Differing<'_>, b: &[String]) -> Ordering {
    key_order(key, b).then_with(|| a.times.unwrap_or_default().cmp(&kind.times))
}

impl Witness for Collector<'_> {
    fn differs(&self, plan: &TablePlan, row: &Differing<'_>) -> Result<()> {
        let read = &plan.compare_target;
        let all = cells(row.source.or(row.target).unwrap_or_default());
        // A row without a key stands where its values put it.
        let by = match read.key_columns {
            0 => &all[..],
            n => &all[..n.min(all.len())],
        };
        let key = key_text(by, &read.columns);
        let Some(limit) = self.showing.limit else {
            return (self.sink)(self.row(plan, row, key));
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = kept.entry(plan.name().to_string()).or_default();
        let place = |r: &RowDifference| -> Vec<String> {
            match r.key.is_empty() {
                false => r.key.iter().map(|(_, v)| v.clone()).collect(),
                true => r.cells.iter().map(side).collect(),
            }
        };
        let at = rows.partition_point(|r| order(r, &place(r), row, &key) != Ordering::Greater);
        if at < limit {
            rows.insert(at, self.row(plan, row, key));
            rows.truncate(limit);
        }
        Ok(())
    }
}

/// What a cell says, whichever side it is of.
fn side(cell: &Cell) -> String {
    match cell.source.as_ref().or(cell.target.as_ref()) {
        Some(Said::Value(text)) => text.clone(),
        Some(Said::Null) | None => "NULL".into(),
    }
}
