//! What an error of the copy says: table, key range, column, and what to do. Keys are the only values in it.

use super::queue::Work;
use crate::plan::TablePlan;
use crate::rejects::key_word;
use limosa_core::batch::{Batch, Cell, Reject};
use limosa_core::chunk::Range;
use limosa_core::engine::TableRead;
use limosa_core::value::Value;
use limosa_core::{Error, ErrorKind};

fn values(list: &[Value]) -> String {
    let words: Vec<String> = list.iter().map(key_word).collect();
    if words.len() == 1 {
        words.into_iter().next().unwrap_or_default()
    } else {
        format!("({})", words.join(", "))
    }
}

/// A range in words.
pub(super) fn range(range: &Range) -> String {
    match range {
        Range::All => "all rows".into(),
        Range::Key {
            lower: None,
            upper: None,
        } => "all keys".into(),
        Range::Key { lower, upper } => {
            let mut words = Vec::new();
            if let Some(lower) = lower {
                words.push(format!("from {}", values(lower)));
            }
            if let Some(upper) = upper {
                words.push(format!("below {}", values(upper)));
            }
            format!("keys {}", words.join(" "))
        }
        Range::Physical { from, to: Some(to) } => format!("places {from} to {to}"),
        Range::Physical { from, to: None } => format!("places from {from}"),
    }
}

/// The line that a table's outcome keeps of an error.
pub(super) fn line(work: &Work<'_>, error: &Error) -> String {
    let table = work.table.plan.name();
    let mut line = format!(
        "{table}, chunk {} ({}): {error}",
        work.chunk.id,
        range(&work.chunk.range)
    );
    if let Some(remedy) = error.remedy() {
        line.push_str(". ");
        line.push_str(remedy);
    }
    line
}

/// The same of an error that is no single chunk's.
pub(super) fn of_table(work: &Work<'_>, error: &Error) -> String {
    let mut line = format!("{}: {error}", work.table.plan.name());
    if let Some(remedy) = error.remedy() {
        line.push_str(". ");
        line.push_str(remedy);
    }
    line
}

/// The error that a reject becomes.
pub(super) fn reject(plan: &TablePlan, batch: &Batch, reject: &Reject) -> Error {
    let mut why = match plan.column(reject.column) {
        Some(column) => format!("column {column}: {}", reject.reason),
        None => reject.reason.clone(),
    };
    if let Some(key) = key(&plan.read, batch, reject.row) {
        why.push_str(", in the row with ");
        why.push_str(&key);
    }
    Error::new(ErrorKind::Value, "converting a row", why)
        .on(plan.name().to_string())
        .hint(
            "Change the value in the source, choose a policy for it in [types], or leave the column out; \
             then plan and run again.",
        )
}

fn key(read: &TableRead, batch: &Batch, row: u64) -> Option<String> {
    let columns = batch.columns();
    let start = usize::try_from(row).ok()?.checked_mul(columns)?;
    // Borrowed: other cells may be huge.
    let cells: Vec<Cell<'_>> = batch.cells().skip(start).take(columns).collect();
    let words: Vec<String> = read
        .key
        .iter()
        .map(|k| {
            let at = read.columns.iter().position(|c| c.name == k.name)?;
            let word = key_word(&cells.get(at)?.to_value());
            Some(format!("{} = {word}", k.name))
        })
        .collect::<Option<_>>()?;
    (!words.is_empty()).then(|| words.join(", "))
}
