//! Single rows made as they should be: values as this engine keeps them, conditions that hold them exactly.

use crate::words::{literal, quote};
use limosa_core::canonical::Form;
use limosa_core::engine::CanonicalColumn;
use limosa_core::mend::{Datum, Statement};
use limosa_core::schema::{TableName, Type};
use limosa_core::{Error, ErrorKind, Result};
use limosa_sql::Mending;
use rusqlite::types::Value;

/// What a script needs before its statements, and behind them.
pub(crate) const SCRIPT: (&str, &str) =
    ("PRAGMA foreign_keys = ON;\nBEGIN IMMEDIATE;\n", "COMMIT;\n");

/// This engine's words.
pub(crate) struct SqliteMending;

fn no(why: &str) -> Error {
    Error::new(ErrorKind::Unsupported, "writing a repair", why)
}

fn real(cell: &[u8]) -> Result<f64> {
    let wrong = |_| no("the value has another length than its form");
    let v = f64::from_be_bytes(cell.try_into().map_err(wrong)?);
    match v.is_finite() {
        true => Ok(v),
        false => Err(no("the value is not finite")),
    }
}

fn datum(column: &CanonicalColumn, cell: &[u8]) -> Result<Datum> {
    let text = |cell: &[u8]| {
        std::str::from_utf8(cell)
            .map(str::to_owned)
            .map_err(|_| no("the value is no text"))
    };
    let wrong = |_| no("the value has another length than its form");
    Ok(match column.form {
        Form::Double => Datum::Real(real(cell)?),
        Form::Single => {
            let v = f32::from_be_bytes(cell.try_into().map_err(wrong)?);
            Datum::Real(real(&f64::from(v).to_be_bytes())?)
        }
        Form::Bytes | Form::Geometry => Datum::Bytes(cell.to_vec()),
        Form::Dynamic => match cell.split_first() {
            Some((b'i', rest)) => {
                let n = text(rest)?.parse();
                Datum::Integer(n.map_err(|_| no("the number has more than 64 bits"))?)
            }
            Some((b'r', rest)) => Datum::Real(real(rest)?),
            Some((b't', rest)) => Datum::Text(text(rest)?),
            Some((b'b', rest)) => Datum::Bytes(rest.to_vec()),
            _ => return Err(no("the value has no storage class")),
        },
        _ => {
            let said = text(cell)?;
            let whole = matches!(
                column.ty.base(),
                Type::Integer { .. } | Type::Boolean | Type::Year
            );
            match said.parse() {
                Ok(n) if whole => Datum::Integer(n),
                _ => Datum::Text(said),
            }
        }
    })
}

impl Mending for SqliteMending {
    fn quote(&self, identifier: &str) -> String {
        quote(identifier)
    }

    fn table(&self, name: &TableName) -> String {
        quote(&name.name)
    }

    fn value(&self, column: &CanonicalColumn, cell: &[u8], out: &mut Statement) -> Result<()> {
        out.value(datum(column, cell)?);
        Ok(())
    }

    fn same(&self, column: &CanonicalColumn, cell: &[u8], out: &mut Statement) -> Result<()> {
        let name = quote(&column.name);
        let class = cell.first().filter(|_| column.form == Form::Dynamic);
        let (before, after) = match (column.form, class) {
            (Form::Text | Form::Native, _) | (_, Some(b't')) => {
                (format!("CAST({name} AS BLOB) = CAST("), " AS BLOB)")
            }
            (Form::PaddedText, _) => (
                format!("CAST(rtrim({name}, ' ') AS BLOB) = CAST("),
                " AS BLOB)",
            ),
            (Form::Bytes, _) | (_, Some(b'b')) => (format!("CAST({name} AS BLOB) = "), ""),
            (Form::Decimal, _) => (format!("CAST({name} AS NUMERIC) = CAST("), " AS NUMERIC)"),
            (Form::Integer | Form::Double | Form::Date, _) | (_, Some(_)) => {
                (format!("{name} = "), "")
            }
            (Form::Uuid, _) => (format!("lower({name}) = "), ""),
            (Form::Timestamp, _) => (
                format!(
                    "CASE WHEN instr({name}, '.') THEN rtrim(rtrim(replace({name}, 'T', ' '), '0'), '.') \
                     ELSE replace({name}, 'T', ' ') END = "
                ),
                "",
            ),
            // Told by its meaning only.
            _ => {
                out.words(&format!("{name} IS NOT NULL"));
                return Ok(());
            }
        };
        out.words(&before);
        self.value(column, cell, out)?;
        out.words(after);
        Ok(())
    }

    fn unless_there(&self) -> Option<&'static str> {
        Some(" ON CONFLICT DO NOTHING")
    }
}

/// A value in a script.
pub(crate) fn said(value: &Datum) -> String {
    match value {
        // The shell does not keep a carriage return in front of a line end.
        Datum::Text(text) if text.chars().any(|c| c.is_control() && c != '\n') => {
            let hex: String = text.bytes().map(|b| format!("{b:02x}")).collect();
            format!("CAST(x'{hex}' AS TEXT)")
        }
        Datum::Text(text) => literal(text),
        Datum::Bytes(bytes) => {
            let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
            format!("x'{hex}'")
        }
        Datum::Integer(n) => n.to_string(),
        Datum::Real(v) => format!("{v:?}"),
    }
}

/// A value as it is bound.
pub(crate) fn bound(value: &Datum) -> Value {
    match value {
        Datum::Text(text) => Value::Text(text.clone()),
        Datum::Bytes(bytes) => Value::Blob(bytes.clone()),
        Datum::Integer(n) => Value::Integer(*n),
        Datum::Real(v) => Value::Real(*v),
    }
}
