//! Which rows, in SQL: the SELECT of a range, and how SQLite finds its way through a table.

use crate::words::quote;
use limosa_core::chunk::Range;
use limosa_core::value::Value;
use limosa_core::{Error, ErrorKind, Result};
use rusqlite::Connection;
use rusqlite::types::{ToSqlOutput, ValueRef};

/// How the rows of a table are numbered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Numbering {
    /// A name by which the row's number can be said; `None` in a WITHOUT ROWID table, and where
    /// columns hide all three of its names.
    pub(crate) rowid: Option<&'static str>,
    /// The column that is an alias of the number, which then outlives VACUUM.
    pub(crate) alias: Option<String>,
}

/// Finds out how the rows of a table are numbered.
pub(crate) fn numbering(c: &Connection, table: &str) -> rusqlite::Result<Numbering> {
    let without: bool = c
        .query_row(
            "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?1",
            [table],
            |r| r.get(0),
        )
        .or_else(|e| match e {
            rusqlite::Error::QueryReturnedNoRows => Ok(false),
            e => Err(e),
        })?;
    if without {
        return Ok(Numbering {
            rowid: None,
            alias: None,
        });
    }
    let mut columns = Vec::new();
    let mut statement = c.prepare("SELECT name, type, pk FROM pragma_table_xinfo(?1, 'main')")?;
    let mut rows = statement.query([table])?;
    while let Some(row) = rows.next()? {
        columns.push((
            row.get::<_, String>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, i64>(2)?,
        ));
    }
    let by_index: bool = c.query_row(
        "SELECT EXISTS (SELECT 1 FROM pragma_index_list(?1, 'main') WHERE origin = 'pk')",
        [table],
        |r| r.get(0),
    )?;
    let alias = match columns.iter().filter(|c| c.2 > 0).collect::<Vec<_>>()[..] {
        [(name, ty, _)] if !by_index && crate::types::rowid_type(ty) => Some(name.clone()),
        _ => None,
    };
    let rowid = ["rowid", "_rowid_", "oid"]
        .into_iter()
        .find(|n| !columns.iter().any(|c| c.0.eq_ignore_ascii_case(n)));
    Ok(Numbering { rowid, alias })
}

/// The number of a row as a place: the order of signed numbers, in unsigned ones.
pub(crate) fn place(rowid: i64) -> u64 {
    (rowid as u64) ^ (1 << 63)
}

fn rowid(place: u64) -> i64 {
    (place ^ (1 << 63)) as i64
}

/// A statement and what is bound to it.
pub(crate) struct Select {
    pub(crate) sql: String,
    /// From where on `sql` says which rows and no more which columns.
    from: usize,
    pub(crate) binds: Vec<Value>,
}

/// Says the SELECT of the rows of a range. `key` are the names of the key's columns.
pub(crate) fn select(
    table: &str,
    columns: &[String],
    key: &[String],
    range: &Range,
    numbering: &Numbering,
) -> Result<Select> {
    let list = match columns {
        [] => "NULL".to_owned(),
        columns => columns
            .iter()
            .map(|c| quote(c))
            .collect::<Vec<_>>()
            .join(", "),
    };
    let mut sql = format!("SELECT {list}");
    let from = sql.len();
    sql.push_str(&format!(" FROM {}", quote(table)));
    let mut binds = Vec::new();
    let mut conditions = Vec::new();
    match range {
        Range::All => {}
        Range::Key { lower, upper } => {
            if key.is_empty() && (lower.is_some() || upper.is_some()) {
                return Err(Error::new(
                    ErrorKind::Internal,
                    "reading a range",
                    "a range of keys in a table without a key",
                )
                .on(table));
            }
            let key: Vec<String> = key.iter().map(|c| quote(c)).collect();
            let names = key.join(", ");
            for (bound, sign) in [(lower, ">="), (upper, "<")] {
                if let Some(bound) = bound {
                    let marks = vec!["?"; bound.len()].join(", ");
                    let first = key[..bound.len().min(key.len())].join(", ");
                    conditions.push(format!("({first}) {sign} ({marks})"));
                    binds.extend(bound.iter().cloned());
                }
            }
            if !key.is_empty() {
                let where_ = join(&conditions);
                sql.push_str(&format!("{where_} ORDER BY {names}"));
                return Ok(Select { sql, from, binds });
            }
        }
        Range::Physical { from, to } => {
            let Some(name) = numbering.rowid else {
                return Err(Error::new(
                    ErrorKind::SnapshotLost,
                    "reading a range",
                    "the rows of this table have no numbers that can be said",
                )
                .on(table));
            };
            // The first and the last range are open.
            if *from > 0 {
                conditions.push(format!("{name} >= ?"));
                binds.push(Value::Int(rowid(*from)));
            }
            if let Some(to) = to {
                conditions.push(format!("{name} < ?"));
                binds.push(Value::Int(rowid(*to)));
            }
        }
    }
    sql.push_str(&join(&conditions));
    Ok(Select { sql, from, binds })
}

/// Says a query for the bytes of each cell of one row of a SELECT, the one behind as many as are bound
/// last. The values are not read for it.
pub(crate) fn sizes(select: &Select, columns: &[String]) -> String {
    let sizes: Vec<String> = columns
        .iter()
        .map(|c| format!("octet_length({})", quote(c)))
        .collect();
    let list = if sizes.is_empty() {
        "0".to_owned()
    } else {
        sizes.join(", ")
    };
    format!(
        "SELECT {list}{} LIMIT 1 OFFSET ?",
        &select.sql[select.from..]
    )
}

/// Says the SELECT of the rows of a few keys.
pub(crate) fn select_keys(
    table: &str,
    columns: &[String],
    key: &[String],
    keys: &[Vec<Value>],
    numbering: &Numbering,
) -> Result<Select> {
    let mut select = select(table, columns, key, &Range::All, numbering)?;
    let arm: Vec<String> = key.iter().map(|c| format!("{} = ?", quote(c))).collect();
    let arms = vec![format!("({})", arm.join(" AND ")); keys.len()];
    select
        .sql
        .push_str(&format!(" WHERE {}", arms.join(" OR ")));
    for values in keys {
        if values.is_empty() || values.len() != key.len() {
            return Err(Error::new(
                ErrorKind::Internal,
                "reading rows by key",
                format!("{} values for a key of {}", values.len(), key.len()),
            )
            .on(table));
        }
        for value in values {
            // Above the signed range it is kept as a float, and not found by its digits.
            if matches!(value, Value::UInt(_)) {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "reading rows by key",
                    "a key above the signed range",
                )
                .on(table));
            }
            select.binds.push(value.clone());
        }
    }
    Ok(select)
}

pub(crate) fn join(conditions: &[String]) -> String {
    match conditions {
        [] => String::new(),
        some => format!(" WHERE {}", some.join(" AND ")),
    }
}

/// Binds a bound of a range as the value that SQLite keeps.
pub(crate) fn bind(value: &Value) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(match value {
        Value::Null => ValueRef::Null,
        Value::Int(i) => ValueRef::Integer(*i),
        Value::F64(f) => ValueRef::Real(*f),
        Value::Text(t) => ValueRef::Text(t.as_bytes()),
        Value::Bytes(b) => ValueRef::Blob(b),
        // Bounds are made by this engine from storage classes; no other kind comes.
        _ => ValueRef::Null,
    })
}

/// A stored value as the bound of a range; `None` for what a bound can not be: NULL, and text that is no UTF-8.
pub(crate) fn bound(value: ValueRef<'_>) -> Option<Value> {
    Some(match value {
        ValueRef::Null => return None,
        ValueRef::Integer(i) => Value::Int(i),
        ValueRef::Real(f) => Value::F64(f),
        ValueRef::Text(t) => Value::Text(std::str::from_utf8(t).ok()?.to_owned()),
        ValueRef::Blob(b) => Value::Bytes(b.to_vec()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_keep_the_order_of_row_numbers() {
        let mut places: Vec<u64> = [i64::MIN, -5, -1, 0, 1, 7, i64::MAX].map(place).to_vec();
        let sorted = places.clone();
        places.sort_unstable();
        assert_eq!(places, sorted);
        assert_eq!(place(i64::MIN), 0);
        assert_eq!(rowid(place(-42)), -42);
    }
}
