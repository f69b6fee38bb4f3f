//! The rows that differ, as they are on both sides: named, put under causes, and shown to whoever wants them.
//!
//! Only rows that differ are fetched, by their keys where these are few and can be said in a statement, else by
//! reading the range once more. They are brought together by a join whose memory is bounded ([`super::join`]).

use super::differ::{Kind, Odd};
use super::join::{Join, Met};
use super::side::{Row, Which, both};
use super::sketch::{Element, cut};
use super::table::{Lane, Shared, Table};
use crate::outcome::Difference;
use crate::plan::TablePlan;
use crate::retry::again;
use limosa_core::canonical::{Form, cells, hash};
use limosa_core::engine::CanonicalColumn;
use limosa_core::value::Value;
use limosa_core::{ErrorKind, Result};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Rows that are asked for in one statement.
const KEYS: usize = 50;

/// Keys that are asked for before reading the whole range is better.
const ASKED: usize = 1000;

/// A row that differs, with its canonical cells on both sides. The columns are those of the plan's
/// `compare_source` and `compare_target`, the key's first.
#[derive(Clone, Copy, Debug)]
pub struct Differing<'r> {
    /// How it differs.
    pub kind: Kind,
    /// Whether it is missing because it was rejected.
    pub rejected: bool,
    /// The row in the source, if it is there.
    pub source: Option<&'r [u8]>,
    /// The row in the target, if it is there.
    pub target: Option<&'r [u8]>,
    /// How often either side has a row without a key; of others how many such there are.
    pub times: (u64, u64),
}

/// Hears of every row that differs, as it is found: in no order, from several threads, each row once.
pub trait Witness: Sync {
    /// A row of `table` differs.
    ///
    /// # Errors
    /// Any error ends the comparison of that table.
    fn differs(&self, table: &TablePlan, row: &Differing<'_>) -> Result<()>;
}

/// Which rows of a range are looked at.
#[derive(Clone, Copy)]
pub(super) enum Wanted<'e> {
    /// All: the equal ones cancel out.
    All,
    /// Those that these elements stand for.
    These(&'e [Element]),
}

/// Reads rows of both sides at once.
pub(super) fn scan(
    shared: &Shared<'_, '_>,
    lane: &mut Lane<'_>,
    table: &Table<'_>,
    which: Which<'_>,
    from_source: &mut impl FnMut(Row<'_>),
    from_target: &mut (impl FnMut(Row<'_>) + Send),
) -> Result<()> {
    let (here, there) = (&mut lane.source, &mut lane.target);
    let (from, to) = (&table.plan.compare_source, &table.plan.compare_target);
    let stop = shared.job.stop;
    both(
        || here.scan(from, which, &mut |_, _| stop.check(), from_source),
        || there.scan(to, which, &mut |_, _| stop.check(), from_target),
    )?;
    Ok(())
}

/// Fetches what differs in a range, and counts, names, classifies and shows it.
pub(super) fn look(
    shared: &Shared<'_, '_>,
    lane: &mut Lane<'_>,
    table: &Table<'_>,
    unit: usize,
    wanted: Wanted<'_>,
    odd: &mut Odd,
) -> Result<()> {
    let chosen: Option<HashSet<u128>> = match wanted {
        Wanted::All => None,
        Wanted::These(elements) => Some(elements.iter().map(|e| e.row.by).collect()),
    };
    let keys = match wanted {
        Wanted::These(elements) => keys(table, elements),
        Wanted::All => None,
    };
    let met = match keys {
        Some(keys) => {
            let parts: Vec<Which<'_>> = keys.chunks(KEYS).map(Which::Keys).collect();
            match fetch(shared, lane, table, unit, &parts, chosen.as_ref()) {
                // A side that can not be asked for keys is read by ranges.
                Err(e) if matches!(e.kind(), ErrorKind::Unsupported | ErrorKind::Value) => None,
                other => Some(other?),
            }
        }
        None => None,
    };
    let met = match met {
        Some(met) => met,
        None => {
            let whole = [Which::Range(&table.units[unit])];
            fetch(shared, lane, table, unit, &whole, chosen.as_ref())?
        }
    };
    met.finish(&mut |met| tell(shared, table, &met, odd))
}

/// The keys of all elements, if they are few and can be said in a statement.
fn keys(table: &Table<'_>, elements: &[Element]) -> Option<Vec<Vec<Value>>> {
    let read = &table.plan.compare_source;
    if read.key_columns == 0 {
        return None;
    }
    let mut seen = HashSet::new();
    let mut out = Vec::new();
    for element in elements {
        if !seen.insert(element.row.by) {
            continue;
        }
        let key = element.key.bytes()?;
        let cells = cells(&key);
        let pairs = cells.iter().zip(&read.columns);
        let values: Option<Vec<Value>> = pairs
            .map(|(cell, column)| value(*cell, column.form))
            .collect();
        out.push(values?);
        if out.len() > ASKED {
            return None;
        }
    }
    Some(out)
}

/// Reads rows of both sides into a join.
fn fetch(
    shared: &Shared<'_, '_>,
    lane: &mut Lane<'_>,
    table: &Table<'_>,
    unit: usize,
    parts: &[Which<'_>],
    chosen: Option<&HashSet<u128>>,
) -> Result<Join> {
    let choice = &table.choices[unit];
    let what = format!("looking at differences of {}", table.plan.name());
    again(&shared.job.around(), &what, |_| {
        let join = Mutex::new((Join::new(shared.bound, table.keyed()), Ok(())));
        let add = |of_source: bool, row: Row<'_>| {
            let by = cut(row.by);
            let wanted = match chosen {
                Some(chosen) => chosen.contains(&by),
                None => choice.takes(row.by, row.key),
            };
            if wanted {
                let hash = hash(row.row);
                let mut join = join.lock().unwrap_or_else(PoisonError::into_inner);
                if join.1.is_ok() {
                    join.1 = join.0.add(of_source, by, hash, row.row);
                }
            }
        };
        for which in parts {
            scan(
                shared,
                lane,
                table,
                *which,
                &mut |row| add(true, row),
                &mut |row| add(false, row),
            )?;
        }
        let (join, kept) = join.into_inner().unwrap_or_else(PoisonError::into_inner);
        kept.map(|()| join)
    })
}

/// Takes one row that differs to where it belongs.
fn tell(shared: &Shared<'_, '_>, table: &Table<'_>, met: &Met<'_>, odd: &mut Odd) -> Result<()> {
    let read = &table.plan.compare_target;
    let rows = met.times.0.max(met.times.1);
    odd.rows += match met.kind {
        Kind::Count => met.times.0.abs_diff(met.times.1),
        _ => rows,
    };
    let (key, kind) = match met.kind {
        Kind::Count => (
            vec![
                format!("{:024x}", met.by),
                format!("{} in the source", met.times.0),
                format!("{} in the target", met.times.1),
            ],
            "count",
        ),
        kind => {
            let row = met.source.or(met.target).unwrap_or_default();
            let cells = cells(row);
            let key = &cells[..read.key_columns.min(cells.len())];
            let word = match kind {
                Kind::Missing => "missing",
                Kind::Extra => "extra",
                _ => "differs",
            };
            (key_text(key, &read.columns), word)
        }
    };
    let mut columns = Vec::new();
    if let (Kind::Differs, Some(s), Some(t)) = (met.kind, met.source, met.target) {
        odd.causes.add(s, t, &read.columns);
        let (s, t) = (cells(s), cells(t));
        let differ = read.columns.iter().enumerate();
        columns = differ
            .filter(|(i, _)| s.get(*i) != t.get(*i))
            .map(|(_, c)| c.name.clone())
            .collect();
    }
    if let Some(witness) = shared.witness {
        let row = Differing {
            kind: met.kind,
            rejected: met.kind == Kind::Missing && table.excuses.has(&key),
            source: met.source,
            target: met.target,
            times: met.times,
        };
        witness.differs(table.plan, &row)?;
    }
    let difference = Difference {
        key,
        kind: kind.into(),
        columns,
    };
    for _ in 1..if met.kind == Kind::Count {
        1
    } else {
        rows.min(table.names as u64)
    } {
        odd.name(met.by, difference.clone(), table.names);
    }
    odd.name(met.by, difference, table.names);
    Ok(())
}

/// Numbers by their value, other keys by their text.
pub(crate) fn order(a: &[String], b: &[String]) -> std::cmp::Ordering {
    let numbers = |k: &[String]| {
        k.iter()
            .map(|p| p.parse::<i128>().ok())
            .collect::<Option<Vec<_>>>()
    };
    match (numbers(a), numbers(b)) {
        (Some(x), Some(y)) => x.cmp(&y),
        _ => a.cmp(b),
    }
}

/// A cell of a key as a value to ask for; `None` where the engines have several spellings of one meaning.
fn value(cell: Option<&[u8]>, form: Form) -> Option<Value> {
    let text = |bytes: &[u8]| Some(std::str::from_utf8(bytes).ok()?.to_owned());
    let integer = |bytes: &[u8]| {
        let text = text(bytes)?;
        let small = text.parse().map(Value::Int);
        small.or_else(|_| text.parse().map(Value::UInt)).ok()
    };
    let bytes = cell?;
    match form {
        Form::Integer => integer(bytes),
        Form::Text | Form::PaddedText | Form::Uuid => text(bytes).map(Value::Text),
        Form::Dynamic => match bytes.split_first()? {
            (b'i', rest) => integer(rest),
            (b't', rest) => text(rest).map(Value::Text),
            _ => None,
        },
        _ => None,
    }
}

/// The cells of a key for people.
pub(crate) fn key_text(key: &[Option<&[u8]>], columns: &[CanonicalColumn]) -> Vec<String> {
    key.iter()
        .zip(columns)
        .map(|(cell, column)| text(*cell, column.form))
        .collect()
}

/// A cell of a key for people.
pub(crate) fn text(cell: Option<&[u8]>, form: Form) -> String {
    let Some(bytes) = cell else {
        return "NULL".into();
    };
    if form == Form::Dynamic
        && let Some((class, rest)) = bytes.split_first()
    {
        let form = match class {
            b'r' => Form::Double,
            b'b' => Form::Bytes,
            _ => Form::Text,
        };
        return text(Some(rest), form);
    }
    match (form, <[u8; 8]>::try_from(bytes), <[u8; 4]>::try_from(bytes)) {
        (Form::Double, Ok(b), _) => f64::from_be_bytes(b).to_string(),
        (Form::Single, _, Ok(b)) => f32::from_be_bytes(b).to_string(),
        (Form::Bytes | Form::Geometry | Form::Double | Form::Single, ..) => {
            bytes.iter().map(|b| format!("{b:02x}")).collect()
        }
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_of_one_spelling_are_asked_for() {
        assert_eq!(value(Some(b"-7"), Form::Integer), Some(Value::Int(-7)));
        assert_eq!(
            value(Some(b"18446744073709551615"), Form::Integer),
            Some(Value::UInt(u64::MAX))
        );
        assert_eq!(value(Some(b"ix"), Form::Dynamic), None);
        assert_eq!(value(Some(b"1.5"), Form::Decimal), None);
        assert_eq!(value(None, Form::Text), None);
    }
}
