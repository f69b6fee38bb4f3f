//! Rows that are missing in the target because they were rejected: exceptions that are listed, not differences.
//!
//! A missing row is excused only if its key is that of a reject, said in the same canonical form; where the
//! forms do not meet, it stays a difference. Rows without a key can only be counted: as many may be missing as
//! were rejected, and none may be too many.

use crate::outcome::Difference;
use crate::plan::TablePlan;
use crate::rejects::Store;
use limosa_core::Result;
use limosa_core::canonical::{self, Form};
use limosa_core::notation;
use limosa_core::value::Value;
use std::collections::HashSet;

/// What is known of the rejects of a table.
#[derive(Default)]
pub(super) struct Excuses {
    /// How many rows are missing for that reason.
    pub(super) rows: u64,
    keys: HashSet<Vec<String>>,
}

impl Excuses {
    /// Reads them.
    pub(super) fn of(store: &Store, plan: &TablePlan) -> Result<Self> {
        let missing = store.missing(plan.name())?;
        let columns = &plan.compare_source.columns[..plan.compare_source.key_columns];
        let keys = missing
            .iter()
            .filter_map(|key| {
                columns
                    .iter()
                    .map(|c| {
                        let (_, value) = key.iter().find(|(name, _)| *name == c.name)?;
                        text(value, c.form)
                    })
                    .collect::<Option<Vec<String>>>()
            })
            .filter(|key| !key.is_empty())
            .collect();
        Ok(Self {
            rows: missing.len() as u64,
            keys,
        })
    }

    /// Whether the row of this key was rejected.
    pub(super) fn has(&self, key: &[String]) -> bool {
        self.rows > 0 && self.keys.contains(key)
    }

    /// Renames those differences that are excused to `rejected`. Gives how many rows they are.
    pub(super) fn apply(&self, named: &mut [Difference]) -> u64 {
        if self.rows == 0 {
            return 0;
        }
        let mut excused = 0;
        for d in named.iter_mut() {
            let rows = match d.kind.as_str() {
                "missing" if self.keys.contains(&d.key) => 1,
                "count" => match counted(d) {
                    Some(rows) if excused + rows <= self.rows => rows,
                    _ => continue,
                },
                _ => continue,
            };
            d.kind = "rejected".into();
            excused += rows;
        }
        excused
    }
}

/// How many rows the excused differences stand for beyond one each: those without a key are named together.
pub(super) fn more(plan: &TablePlan, named: &[Difference]) -> u64 {
    if plan.compare_source.key_columns > 0 {
        return 0;
    }
    let excused = named.iter().filter(|d| d.kind == "rejected");
    excused.filter_map(counted).map(|n| n - 1).sum()
}

/// How many more rows the source has.
fn counted(d: &Difference) -> Option<u64> {
    let times = |at: usize| -> Option<u64> { d.key.get(at)?.split(' ').next()?.parse().ok() };
    times(1)?.checked_sub(times(2)?).filter(|n| *n > 0)
}

/// A key's value as a difference names it.
fn text(value: &Value, form: Form) -> Option<String> {
    let mut out = Vec::new();
    match (form, value) {
        (Form::Integer | Form::Dynamic, Value::Int(i)) => return Some(i.to_string()),
        (Form::Integer | Form::Dynamic, Value::UInt(u)) => return Some(u.to_string()),
        (Form::Boolean, Value::Bool(b)) => return Some(u8::from(*b).to_string()),
        (Form::Boolean, Value::Int(i)) => return Some(i.to_string()),
        (Form::Text | Form::Native | Form::Dynamic, Value::Text(s)) => return Some(s.clone()),
        (Form::PaddedText, Value::Text(s)) => return Some(s.trim_end_matches(' ').to_owned()),
        (Form::Bytes | Form::Dynamic, Value::Bytes(b)) => {
            return Some(b.iter().map(|b| format!("{b:02x}")).collect());
        }
        (Form::Double | Form::Dynamic, Value::F64(f)) => return Some(f.to_string()),
        (Form::Single, Value::F32(f)) => return Some(f.to_string()),
        (Form::Decimal, Value::Decimal(s)) => canonical::decimal(&mut out, s.as_bytes()),
        (Form::Decimal, Value::Int(i)) => canonical::decimal(&mut out, i.to_string().as_bytes()),
        (Form::Uuid, Value::Uuid(u)) => notation::write_uuid(&mut out, u),
        (Form::Date, Value::Date(d)) => notation::write_date(&mut out, *d),
        (Form::Timestamp, Value::Timestamp(t)) | (Form::TimestampTz, Value::TimestampTz(t)) => {
            let mut said = Vec::new();
            notation::write_timestamp(&mut said, *t, 6);
            canonical::moment(&mut out, &said, true);
        }
        (
            Form::Uuid | Form::Date | Form::Timestamp | Form::Time | Form::Decimal,
            Value::Text(s),
        ) => return Some(s.clone()),
        _ => return None,
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_said_as_a_difference_says_it() {
        for (value, form, want) in [
            (Value::Int(-7), Form::Integer, "-7"),
            (Value::Decimal("007.100".into()), Form::Decimal, "7.1"),
            (Value::Text("a ".into()), Form::PaddedText, "a"),
            (Value::Bytes(vec![1, 255]), Form::Bytes, "01ff"),
            (Value::Date(0), Form::Date, "1970-01-01"),
            (
                Value::Timestamp(1_500_000),
                Form::Timestamp,
                "1970-01-01 00:00:01.5",
            ),
        ] {
            assert_eq!(text(&value, form).as_deref(), Some(want), "{value:?}");
        }
        assert_eq!(text(&Value::Null, Form::Integer), None);
    }
}
