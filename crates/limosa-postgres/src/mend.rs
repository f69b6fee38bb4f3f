//! Single rows made as they should be: values as this engine reads them, conditions that hold them exactly.

use crate::names::{ident, literal, table};
use limosa_core::canonical::Form;
use limosa_core::engine::CanonicalColumn;
use limosa_core::mend::{Datum, Statement};
use limosa_core::schema::{TableName, Type};
use limosa_core::{Error, ErrorKind, Result};
use limosa_sql::Mending;

/// What a script needs before its statements, and behind them.
pub(crate) const SCRIPT: (&str, &str) = (
    "SET client_encoding = 'UTF8';\nSET TimeZone = 'UTC';\nSET DateStyle = 'ISO';\nBEGIN;\n",
    "COMMIT;\n",
);

/// This engine's words.
pub(crate) struct PostgresMending;

fn no(why: &str) -> Error {
    Error::new(ErrorKind::Unsupported, "writing a repair", why)
}

/// The canonical cell in the type's own text form.
fn spelled(column: &CanonicalColumn, cell: &[u8]) -> Result<String> {
    let text = || {
        std::str::from_utf8(cell)
            .map(str::to_owned)
            .map_err(|_| no("the value is no text"))
    };
    let float = |v: f64, said: String| match v {
        v if v.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        _ => said,
    };
    let wrong = |_| no("the value has another length than its form");
    Ok(match column.form {
        Form::Double => {
            let v = f64::from_be_bytes(cell.try_into().map_err(wrong)?);
            float(v, format!("{v:?}"))
        }
        Form::Single => {
            let v = f32::from_be_bytes(cell.try_into().map_err(wrong)?);
            float(f64::from(v), format!("{v:?}"))
        }
        Form::Bytes if column.ty.binary() => {
            let hex: String = cell.iter().map(|b| format!("{b:02x}")).collect();
            format!("\\x{hex}")
        }
        Form::Date | Form::Timestamp | Form::TimestampTz => {
            let said = text()?;
            if said.starts_with('-') && !said.ends_with("infinity") {
                return Err(no("a date before the year 1 is not written"));
            }
            let zoned = matches!(column.ty.base(), Type::Timestamp { zoned: true, .. });
            match zoned && !said.ends_with("infinity") {
                true => format!("{said}+00"),
                false => said,
            }
        }
        Form::TimeTz => {
            let said = text()?;
            let (time, offset) = said.split_once(' ').unwrap_or((&said, "0"));
            let n: i64 = offset.parse().map_err(|_| no("the offset is no number"))?;
            let (sign, n) = (if n < 0 { '-' } else { '+' }, n.abs());
            format!(
                "{time}{sign}{:02}:{:02}:{:02}",
                n / 3600,
                n / 60 % 60,
                n % 60
            )
        }
        Form::Interval => {
            let said = text()?;
            let parts: Vec<&str> = said.split(' ').collect();
            match parts[..] {
                [months, days, micros] => {
                    format!("{months} mons {days} days {micros} microseconds")
                }
                _ => return Err(no("the interval is not of three numbers")),
            }
        }
        Form::Json if matches!(column.ty.base(), Type::Array { .. }) => {
            return Err(no("arrays are not written"));
        }
        Form::Geometry | Form::Dynamic | Form::Bytes => {
            return Err(no(&format!(
                "values of type {} are not written",
                column.native
            )));
        }
        _ => text()?,
    })
}

impl Mending for PostgresMending {
    fn quote(&self, identifier: &str) -> String {
        ident(identifier)
    }

    fn table(&self, name: &TableName) -> String {
        table(name)
    }

    fn value(&self, column: &CanonicalColumn, cell: &[u8], out: &mut Statement) -> Result<()> {
        out.value(Datum::Text(spelled(column, cell)?));
        Ok(())
    }

    fn same(&self, column: &CanonicalColumn, cell: &[u8], out: &mut Statement) -> Result<()> {
        let name = ident(&column.name);
        let value = |out: &mut Statement| -> Result<()> { self.value(column, cell, out) };
        let textual = column.ty.text();
        match column.form {
            Form::Text if textual => {
                out.words(&format!("({name})::text COLLATE \"C\" = "));
                value(out)
            }
            Form::PaddedText if textual => {
                out.words(&format!("rtrim(({name})::text, ' ') COLLATE \"C\" = "));
                value(out)
            }
            Form::Native => {
                out.words(&format!("({name})::text COLLATE \"C\" = "));
                value(out)
            }
            Form::Json if matches!(column.ty.base(), Type::Json { .. }) => {
                out.words(&format!("({name})::jsonb = ("));
                value(out)?;
                out.words("::jsonb)");
                Ok(())
            }
            // Told by its meaning only.
            _ if textual => {
                out.words(&format!("{name} IS NOT NULL"));
                Ok(())
            }
            Form::Json | Form::Geometry | Form::Dynamic | Form::Set => {
                out.words(&format!("{name} IS NOT NULL"));
                Ok(())
            }
            _ => self.key(column, cell, out),
        }
    }

    fn unless_there(&self) -> Option<&'static str> {
        Some(" ON CONFLICT DO NOTHING")
    }

    fn overriding(&self) -> &'static str {
        " OVERRIDING SYSTEM VALUE"
    }
}

/// A value in a script.
pub(crate) fn said(value: &Datum) -> String {
    match value {
        Datum::Text(text) => literal(text),
        Datum::Bytes(bytes) => {
            let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
            format!("'\\x{hex}'")
        }
        Datum::Integer(n) => n.to_string(),
        Datum::Real(v) => literal(&v.to_string()),
    }
}

/// A value as it is bound.
pub(crate) fn bound(value: &Datum) -> String {
    match value {
        Datum::Text(text) => text.clone(),
        Datum::Bytes(bytes) => {
            let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
            format!("\\x{hex}")
        }
        Datum::Integer(n) => n.to_string(),
        Datum::Real(v) => v.to_string(),
    }
}
