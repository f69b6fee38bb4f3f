//! Single rows made as they should be: values as this engine reads them, conditions that hold them exactly.

use crate::words::{hex, literal, quote};
use limosa_core::canonical::Form;
use limosa_core::engine::CanonicalColumn;
use limosa_core::mend::{Datum, Statement};
use limosa_core::schema::{TableName, Type};
use limosa_core::{Error, ErrorKind, Result};
use limosa_sql::Mending;

/// What a script needs before its statements, and behind them.
pub(crate) const SCRIPT: (&str, &str) = (
    "SET NAMES utf8mb4;\nSET SESSION time_zone = '+00:00';\n\
     SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES';\n\
     START TRANSACTION;\n",
    "COMMIT;\n",
);

/// The words of one product.
pub(crate) struct MySqlMending {
    /// Whether it is MariaDB.
    pub(crate) maria: bool,
}

fn no(why: &str) -> Error {
    Error::new(ErrorKind::Unsupported, "writing a repair", why)
}

fn text(cell: &[u8]) -> Result<String> {
    std::str::from_utf8(cell)
        .map(str::to_owned)
        .map_err(|_| no("the value is no text"))
}

impl MySqlMending {
    fn datum(&self, column: &CanonicalColumn, cell: &[u8]) -> Result<Datum> {
        let wrong = |_| no("the value has another length than its form");
        let float = |v: f64| match v.is_finite() {
            true => Ok(Datum::Text(format!("{v:?}"))),
            false => Err(no("the value is not finite")),
        };
        match column.form {
            Form::Double => float(f64::from_be_bytes(cell.try_into().map_err(wrong)?)),
            Form::Single => float(f32::from_be_bytes(cell.try_into().map_err(wrong)?).into()),
            Form::Bytes if column.ty.binary() => Ok(Datum::Bytes(cell.to_vec())),
            Form::Bits => {
                let n = u64::from_str_radix(&text(cell)?, 2);
                n.map(|n| Datum::Text(n.to_string()))
                    .map_err(|_| no("more than 64 bits are not written"))
            }
            Form::Date | Form::Timestamp | Form::TimestampTz => {
                let said = text(cell)?;
                match said.starts_with('-') || said.ends_with("infinity") {
                    true => Err(no("such a date is not written")),
                    false => Ok(Datum::Text(said)),
                }
            }
            Form::Interval => span(&text(cell)?).map(Datum::Text),
            Form::Uuid if column.ty.binary() => Err(no("UUIDs in binary columns are not written")),
            Form::Geometry | Form::Dynamic | Form::TimeTz | Form::Bytes => Err(no(&format!(
                "values of type {} are not written",
                column.native
            ))),
            _ => Ok(Datum::Text(text(cell)?)),
        }
    }
}

/// A span of no months and days as `[-]HHH:MM:SS.ffffff`.
fn span(said: &str) -> Result<String> {
    let parts: Vec<i64> = said.split(' ').filter_map(|p| p.parse().ok()).collect();
    let [0, 0, micros] = parts[..] else {
        return Err(no("an interval of days or months is not written"));
    };
    let (sign, n) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
    let seconds = n / 1_000_000;
    Ok(format!(
        "{sign}{:02}:{:02}:{:02}.{:06}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        n % 1_000_000
    ))
}

impl Mending for MySqlMending {
    fn quote(&self, identifier: &str) -> String {
        quote(identifier)
    }

    fn table(&self, name: &TableName) -> String {
        quote(&name.name)
    }

    fn value(&self, column: &CanonicalColumn, cell: &[u8], out: &mut Statement) -> Result<()> {
        let datum = self.datum(column, cell)?;
        if column.form == Form::Bits {
            out.words("CAST(");
            out.value(datum);
            out.words(" AS UNSIGNED)");
        } else {
            out.value(datum);
        }
        Ok(())
    }

    fn key(&self, column: &CanonicalColumn, cell: &[u8], out: &mut Statement) -> Result<()> {
        // A number is compared as one: against a text both would become floats.
        match column.form {
            Form::Integer | Form::Decimal | Form::Boolean if !column.ty.text() => {
                self.same(column, cell, out)
            }
            _ => {
                out.words(&format!("{} = ", quote(&column.name)));
                self.value(column, cell, out)
            }
        }
    }

    fn same(&self, column: &CanonicalColumn, cell: &[u8], out: &mut Statement) -> Result<()> {
        let name = quote(&column.name);
        let textual = column.ty.text();
        let (before, after) = match column.form {
            Form::Text | Form::Native if !column.ty.binary() => (
                format!("CAST(CONVERT({name} USING utf8mb4) AS BINARY) = CAST("),
                " AS BINARY)",
            ),
            Form::PaddedText => (
                format!(
                    "CAST(TRIM(TRAILING ' ' FROM CONVERT({name} USING utf8mb4)) AS BINARY) = CAST("
                ),
                " AS BINARY)",
            ),
            Form::Uuid if textual => (format!("LOWER(CONVERT({name} USING utf8mb4)) = "), ""),
            Form::Json if !self.maria && matches!(column.ty.base(), Type::Json { .. }) => {
                (format!("{name} = CAST("), " AS JSON)")
            }
            // Told by its meaning only.
            _ if textual => (format!("{name} IS NOT NULL"), "0"),
            Form::Integer | Form::Decimal | Form::Boolean => {
                (format!("{name} = CAST("), " AS DECIMAL(65,30))")
            }
            Form::Double => (format!("{name} = ("), " + 0e0)"),
            Form::Single => (format!("({name} + 0e0) = ("), " + 0e0)"),
            Form::Date => (format!("{name} = CAST("), " AS DATE)"),
            Form::Time | Form::Interval => (format!("{name} = CAST("), " AS TIME(6))"),
            Form::Timestamp | Form::TimestampTz => (format!("{name} = CAST("), " AS DATETIME(6))"),
            Form::Bits => (format!("({name} + 0) = "), ""),
            Form::Bytes => (format!("{name} = "), ""),
            _ => (format!("{name} IS NOT NULL"), "0"),
        };
        out.words(&before);
        if after != "0" {
            self.value(column, cell, out)?;
            out.words(after);
        }
        Ok(())
    }

    fn unless_there(&self) -> Option<&'static str> {
        None
    }
}

/// A value in a script.
pub(crate) fn said(value: &Datum) -> String {
    match value {
        Datum::Text(text) => literal(text),
        Datum::Bytes(bytes) => hex(bytes),
        Datum::Integer(n) => n.to_string(),
        Datum::Real(v) => format!("{v:?}"),
    }
}
