//! What is selected of a table, and where: the words that reader, canonical reader and chunker share.
//!
//! Why the ranges cover every row once: a key range is a comparison of row values in the key's own
//! order, `lower <= key AND key < upper`, with neighbours sharing a bound; none of the key's columns is
//! NULL, so the comparison is never unknown. A range of pages is the same on `ctid`, open at the end,
//! so that pages added before the snapshot and after the size was asked are in the last one.
//! An ordinary table is read with ONLY: its inheritance children are tables of their own in the catalog.

use crate::names::{ident, literal, table};
use limosa_core::chunk::Range;
use limosa_core::engine::ColumnRead;
use limosa_core::schema::{TableName, Type};
use limosa_core::value::Value;
use limosa_core::{Error, ErrorKind, Result};
use std::collections::HashSet;

/// The partitioned tables of a database, which are read without ONLY.
pub(crate) type Partitioned = HashSet<TableName>;

/// Asks for them; one row a table: schema, name.
pub(crate) const PARTITIONED: &str = "SELECT n.nspname, c.relname FROM pg_class c \
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'p'";

/// `FROM ONLY "s"."t"`, or without ONLY for a partitioned table.
pub(crate) fn from(name: &TableName, partitioned: &Partitioned) -> String {
    let full = TableName::within(name.schema.as_deref().unwrap_or("public"), &name.name);
    if partitioned.contains(&full) {
        format!("FROM {}", table(name))
    } else {
        format!("FROM ONLY {}", table(name))
    }
}

/// The condition of a range, with its WHERE; empty for the whole table.
pub(crate) fn condition(range: &Range, key: &[(String, String)]) -> Result<String> {
    let parts: Vec<String> = match range {
        Range::All => return Ok(String::new()),
        Range::Physical { from, to } => {
            let mut parts = Vec::new();
            if *from > 0 {
                parts.push(format!("ctid >= '({from},0)'::tid"));
            }
            if let Some(to) = to {
                parts.push(format!("ctid < '({to},0)'::tid"));
            }
            parts
        }
        Range::Key { lower, upper } => {
            let mut parts = Vec::new();
            if let Some(bound) = lower {
                parts.push(comparison(key, ">=", bound)?);
            }
            if let Some(bound) = upper {
                parts.push(comparison(key, "<", bound)?);
            }
            parts
        }
    };
    Ok(if parts.is_empty() {
        String::new()
    } else {
        format!(" WHERE {}", parts.join(" AND "))
    })
}

/// The condition of the rows of a few keys, with its WHERE.
pub(crate) fn keys(key: &[(String, String)], keys: &[Vec<Value>]) -> Result<String> {
    let mut arms = Vec::with_capacity(keys.len());
    for values in keys {
        if key.is_empty() || key.len() != values.len() {
            return Err(mismatch(values.len(), key.len()));
        }
        // Written out, it is found in an index of any of its columns.
        let mut parts = Vec::with_capacity(key.len());
        for (column, value) in key.iter().zip(values) {
            let (column, value) = (std::slice::from_ref(column), std::slice::from_ref(value));
            parts.push(comparison(column, "=", value)?);
        }
        arms.push(format!("({})", parts.join(" AND ")));
    }
    Ok(format!(" WHERE {}", arms.join(" OR ")))
}

fn mismatch(values: usize, key: usize) -> Error {
    Error::new(
        ErrorKind::Internal,
        "reading a range",
        format!("a bound of {values} values for a key of {key}"),
    )
}

fn comparison(key: &[(String, String)], operator: &str, bound: &[Value]) -> Result<String> {
    if bound.is_empty() || key.len() < bound.len() {
        return Err(mismatch(bound.len(), key.len()));
    }
    let key = &key[..bound.len()];
    let mut values = Vec::with_capacity(bound.len());
    for (value, (_, native)) in bound.iter().zip(key) {
        let text = match value {
            Value::Int(i) => i.to_string(),
            Value::UInt(u) => u.to_string(),
            Value::Bool(b) => b.to_string(),
            Value::Text(t) | Value::Decimal(t) => t.clone(),
            _ => {
                return Err(Error::new(
                    ErrorKind::Internal,
                    "reading a range",
                    "a bound of a kind that this engine does not give",
                ));
            }
        };
        values.push(format!("{}::{native}", literal(&text)));
    }
    let names: Vec<String> = key.iter().map(|(name, _)| ident(name)).collect();
    Ok(if names.len() == 1 {
        format!("{} {operator} {}", names[0], values[0])
    } else {
        format!("({}) {operator} ({})", names.join(", "), values.join(", "))
    })
}

/// Names and spellings of key columns.
pub(crate) fn key(columns: &[ColumnRead]) -> Vec<(String, String)> {
    columns
        .iter()
        .map(|c| (c.name.clone(), c.native.clone()))
        .collect()
}

/// An array as JSON: a list, or lists in a list. What such a list can not say (lower bounds other than 1, JSON null
/// beside SQL's, JSON in more than one dimension) is a JSON string of the array's own text: `"[0:1]={1,2}"`.
pub(crate) fn array(name: &str, element: &Type) -> String {
    let json = matches!(element.base(), Type::Json { .. });
    let dimensions = if json { "" } else { "+" };
    let mut plain = format!(
        "(array_dims({name}) IS NULL OR array_dims({name}) ~ '^(\\[1:[0-9]+\\]){dimensions}$')"
    );
    if json {
        plain.push_str(&format!(
            " AND NOT EXISTS (SELECT 1 FROM unnest({name}) AS e WHERE e::text = 'null')"
        ));
    }
    format!(
        "CASE WHEN {name} IS NULL THEN NULL WHEN {plain} THEN array_to_json({name}) \
         ELSE to_json({name}::text) END"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_said_as_row_values_with_casts() {
        let key = vec![
            ("a\"b".to_string(), "bigint".to_string()),
            ("t".to_string(), "character varying(5)".to_string()),
        ];
        let range = Range::Key {
            lower: Some(vec![Value::Int(-5), Value::Text("x'y".into())]),
            upper: None,
        };
        assert_eq!(
            condition(&range, &key).expect("legal"),
            " WHERE (\"a\"\"b\", \"t\") >= ('-5'::bigint, 'x''y'::character varying(5))"
        );
        assert!(condition(&range, &key[..1]).is_err());
        let first = Range::Key {
            lower: None,
            upper: Some(vec![Value::Int(7)]),
        };
        assert_eq!(
            condition(&first, &key).expect("legal"),
            " WHERE \"a\"\"b\" < '7'::bigint"
        );
        let two = [
            vec![Value::Int(1), Value::Text("x".into())],
            vec![Value::Int(2), Value::Text("y'".into())],
        ];
        assert_eq!(
            keys(&key, &two).expect("legal"),
            " WHERE (\"a\"\"b\" = '1'::bigint AND \"t\" = 'x'::character varying(5)) OR \
             (\"a\"\"b\" = '2'::bigint AND \"t\" = 'y'''::character varying(5))"
        );
        assert!(keys(&key[..1], &two).is_err());
        assert_eq!(
            condition(
                &Range::Physical {
                    from: 0,
                    to: Some(9)
                },
                &[]
            )
            .expect("legal"),
            " WHERE ctid < '(9,0)'::tid"
        );
    }
}
