//! Ranges of keys as conditions, in the one form that both products can walk an index with.
//!
//! # Why every row is in one range
//!
//! Neighbouring ranges share a bound, the lower side says `>=` and the upper `<` on the same row
//! value in the same collation, and the first and last are open; so for every key exactly one
//! condition is true. Row constructors (`(a, b) >= (1, 2)`) mean the same but are not used by
//! MariaDB's optimizer for ranges, so they are written out: `a > 1 OR (a = 1 AND b >= 2)`.

use crate::words::{hex, literal, quote};
use limosa_core::error::{Error, ErrorKind, Result};
use limosa_core::schema::Type;
use limosa_core::value::Value;

/// How a key column is said in conditions: words of enumerations order by their number.
pub(crate) fn side(name: &str, ty: &Type) -> String {
    match ty.base() {
        Type::Enum { .. } | Type::Set { .. } => format!("({}+0)", quote(name)),
        _ => quote(name),
    }
}

/// How a key column is read as a bound.
pub(crate) fn sampled(name: &str, ty: &Type) -> String {
    match ty.base() {
        Type::Bit { .. } | Type::Float { bits: 32 } => {
            let zero = if matches!(ty.base(), Type::Bit { .. }) {
                "0"
            } else {
                "0e0"
            };
            format!("{}+{zero}", quote(name))
        }
        _ => side(name, ty),
    }
}

/// A sampled text as a bound; `None` if it can not be one.
pub(crate) fn bound(text: &[u8], ty: &Type) -> Option<Value> {
    let said = || std::str::from_utf8(text).ok();
    Some(match ty.base() {
        Type::Integer { .. }
        | Type::Year
        | Type::Enum { .. }
        | Type::Set { .. }
        | Type::Bit { .. }
        | Type::Boolean => {
            let text = said()?;
            match text.parse::<i64>() {
                Ok(i) => Value::Int(i),
                Err(_) => Value::UInt(text.parse().ok()?),
            }
        }
        Type::Decimal { .. } => Value::Decimal(said()?.to_owned()),
        Type::Float { .. } => Value::F64(said()?.parse().ok()?),
        Type::Binary { .. } | Type::Varbinary { .. } | Type::Blob { .. } => {
            Value::Bytes(text.to_vec())
        }
        Type::Char { .. }
        | Type::Varchar { .. }
        | Type::Text { .. }
        | Type::Date
        | Type::Time { .. }
        | Type::Timestamp { .. }
        | Type::Uuid
        | Type::Inet => Value::Text(said()?.to_owned()),
        _ => return None,
    })
}

fn said(value: &Value) -> Result<String> {
    Ok(match value {
        Value::Bool(b) => u8::from(*b).to_string(),
        Value::Int(i) => i.to_string(),
        Value::UInt(u) => u.to_string(),
        Value::F32(f) => format!("{:e}", f64::from(*f)),
        Value::F64(f) => format!("{f:e}"),
        // The text of a number is not trusted: a ledger is outside input.
        Value::Decimal(text) if limosa_core::notation::plain_decimal(text.as_bytes()) => {
            text.clone()
        }
        Value::Text(text) => literal(text),
        Value::Bytes(bytes) => hex(bytes),
        other => {
            return Err(Error::new(
                ErrorKind::Internal,
                "reading a chunk",
                format!(
                    "a key bound of an unknown kind ({})",
                    other.as_cell().kind()
                ),
            ));
        }
    })
}

fn mismatch() -> Error {
    Error::new(
        ErrorKind::Internal,
        "reading a chunk",
        "a key bound has another number of columns than the key",
    )
}

/// The condition of the rows of a few keys.
pub(crate) fn keys(key: &[(&str, &Type)], keys: &[Vec<Value>]) -> Result<String> {
    let mut arms = Vec::with_capacity(keys.len());
    for values in keys {
        if values.is_empty() || values.len() != key.len() {
            return Err(mismatch());
        }
        let mut parts = Vec::with_capacity(key.len());
        for ((name, _), value) in key.iter().zip(values) {
            parts.push(format!("{} = {}", quote(name), said(value)?));
        }
        arms.push(format!("({})", parts.join(" AND ")));
    }
    Ok(arms.join(" OR "))
}

/// `key >= bound` (or `<`) for a key of several columns.
fn compare(sides: &[String], bound: &[Value], below: bool) -> Result<String> {
    if bound.is_empty() || sides.len() < bound.len() {
        return Err(mismatch());
    }
    let mut arms = Vec::with_capacity(bound.len());
    let mut equal = String::new();
    for (i, (side, value)) in sides.iter().zip(bound).enumerate() {
        let value = said(value)?;
        let last = i + 1 == bound.len();
        let operator = match (below, last) {
            (true, _) => "<",
            (false, true) => ">=",
            (false, false) => ">",
        };
        arms.push(format!("({equal}{side} {operator} {value})"));
        equal.push_str(&format!("{side} = {value} AND "));
    }
    Ok(format!("({})", arms.join(" OR ")))
}

/// The condition of a range, or nothing if it is open on both sides.
pub(crate) fn condition(
    key: &[(&str, &Type)],
    lower: Option<&[Value]>,
    upper: Option<&[Value]>,
) -> Result<Option<String>> {
    let sides: Vec<String> = key.iter().map(|(n, t)| side(n, t)).collect();
    let mut parts = Vec::new();
    if let Some(lower) = lower {
        parts.push(compare(&sides, lower, false)?);
    }
    if let Some(upper) = upper {
        parts.push(compare(&sides, upper, true)?);
    }
    // With one column the equalities are the same on both sides; nothing to shorten.
    Ok((!parts.is_empty()).then(|| parts.join(" AND ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composite_bounds_are_written_out() {
        let int = Type::Integer {
            bits: 32,
            unsigned: false,
        };
        let text = Type::Text { max_bytes: None };
        let key = [("a", &int), ("b", &text)];
        let sql = condition(
            &key,
            Some(&[Value::Int(1), Value::Text("x'".into())]),
            Some(&[Value::Int(2), Value::Text("y".into())]),
        )
        .expect("known kinds")
        .expect("two bounds");
        assert_eq!(
            sql,
            "((`a` > 1) OR (`a` = 1 AND `b` >= 'x''')) AND ((`a` < 2) OR (`a` = 2 AND `b` < 'y'))"
        );
        let first = condition(&key, Some(&[Value::Int(1)]), None).expect("known kinds");
        assert_eq!(first.as_deref(), Some("((`a` >= 1))"));
        assert!(condition(&key[..1], Some(&[Value::Int(1), Value::Int(2)]), None).is_err());
        assert_eq!(
            keys(&key, &[vec![Value::Int(1), Value::Text("x'".into())]]).expect("known kinds"),
            "(`a` = 1 AND `b` = 'x''')"
        );
        assert!(keys(&key, &[vec![Value::Int(1)]]).is_err());
        assert!(said(&Value::Decimal("1) OR (1=1".into())).is_err());
    }
}
