//! Cells as rows of `LOAD DATA`: tabs between, newlines after, backslash escapes, `\N` for NULL.
//!
//! # Why no value is changed
//!
//! Everything is checked here that the server would change with a warning only: ranges of numbers,
//! digits of decimals, lengths, words of enumerations, moments beyond the calendar. Such a cell is a
//! [`Reject`]; what the policies allow instead is done here and nowhere else. The bytes go over as
//! `CHARACTER SET binary`, so the server converts nothing but what [`crate::load`] names. Floats are
//! written with the digits of the double that equals them, so that reading them back rounds nothing.

mod moment;
mod number;
mod text;

use self::moment::{date, date_text, fraction, moment_limits};
use self::number::{decimal, float, whole_number};
pub(crate) use self::text::escaped;
use self::text::{geometry, plain, text};
use limosa_core::batch::{Batch, Cell, Reject};
use limosa_core::engine::{ColumnWrite, Encoder, LoadSpec};
use limosa_core::error::{Error, ErrorKind, Result};
use limosa_core::notation;
use limosa_core::policy::{BadDatePolicy, NotFinitePolicy, PrecisionPolicy};
use limosa_core::schema::Type;

const MICROS_PER_DAY: i64 = 86_400_000_000;
/// 0001-01-01 and the day after 9999-12-31, since 1970-01-01.
const FIRST_DAY: i64 = -719_162;
/// The first day of the year 0, whose days the server keeps as it keeps `0000-00-00`.
const YEAR_ZERO: i64 = -719_528;
const AFTER_LAST_DAY: i64 = 2_932_897;
/// The greatest span that TIME holds: 838:59:59.
const GREATEST_SPAN: i64 = (838 * 3600 + 59 * 60 + 59) * 1_000_000;

/// What a target column takes. Resolved once per table.
enum Take {
    Integer { min: i128, max: i128 },
    Single,
    Double,
    Decimal { whole: usize, scale: usize },
    Text { chars: u64, bytes: u64 },
    Bytes { most: u64, exact: bool },
    Bits(u32),
    Date,
    Time(u8),
    Timestamp { digits: u8, zoned: bool },
    Json,
    Uuid { binary: bool },
    Words(Vec<String>),
    Set(Vec<String>),
    Geometry,
    Year,
}

struct Column {
    take: Take,
    policies: limosa_core::policy::Policies,
}

/// Encodes one table.
pub(crate) struct RowEncoder {
    columns: Vec<Column>,
    number: Vec<u8>,
}

fn take(column: &ColumnWrite) -> Take {
    let text = |chars, bytes| Take::Text { chars, bytes };
    match column.target.base() {
        Type::Boolean => Take::Integer {
            min: -128,
            max: 127,
        },
        Type::Integer { bits, unsigned } => {
            let bits = u32::from((*bits).clamp(1, 64));
            if *unsigned {
                Take::Integer {
                    min: 0,
                    max: (1 << bits) - 1,
                }
            } else {
                Take::Integer {
                    min: -(1 << (bits - 1)),
                    max: (1 << (bits - 1)) - 1,
                }
            }
        }
        Type::Year => Take::Year,
        Type::Float { bits: 32 } => Take::Single,
        Type::Float { .. } => Take::Double,
        Type::Decimal { precision, scale } => {
            let scale = scale.unwrap_or(0).max(0) as usize;
            let precision = precision.unwrap_or(65) as usize;
            Take::Decimal {
                whole: precision.saturating_sub(scale),
                scale,
            }
        }
        Type::Money { digits } => Take::Decimal {
            whole: 19 - usize::from(*digits).min(18),
            scale: usize::from(*digits),
        },
        Type::Char { length } | Type::Varchar { length } => text(u64::from(*length), u64::MAX),
        Type::Text { max_bytes } => text(u64::MAX, max_bytes.unwrap_or(u64::from(u32::MAX))),
        Type::Binary { length } => Take::Bytes {
            most: u64::from(*length),
            exact: true,
        },
        Type::Varbinary { length } => Take::Bytes {
            most: u64::from(*length),
            exact: false,
        },
        Type::Blob { max_bytes } => Take::Bytes {
            most: max_bytes.unwrap_or(u64::from(u32::MAX)),
            exact: false,
        },
        Type::Bit { length, .. } => Take::Bits(length.unwrap_or(1).clamp(1, 64)),
        Type::Date => Take::Date,
        Type::Time {
            precision,
            zoned: false,
            ..
        } => Take::Time((*precision).min(6)),
        Type::Timestamp { precision, zoned } => Take::Timestamp {
            digits: (*precision).min(6),
            zoned: *zoned && column.native.to_ascii_lowercase().starts_with("timestamp"),
        },
        Type::Json { .. } | Type::Array { .. } => Take::Json,
        Type::Uuid => Take::Uuid {
            binary: column.native.to_ascii_lowercase().starts_with("binary"),
        },
        Type::Enum { members, .. } => Take::Words(members.clone()),
        Type::Set { members } => Take::Set(members.clone()),
        Type::Geometry { .. } => Take::Geometry,
        _ => text(u64::MAX, u64::MAX),
    }
}

/// Makes the encoder of one table.
pub(crate) fn encoder(spec: &LoadSpec) -> Result<Box<dyn Encoder>> {
    if spec.columns.is_empty() {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "preparing to write",
            "a table without a column to write",
        )
        .on(spec.table.to_string()));
    }
    Ok(Box::new(RowEncoder {
        columns: spec
            .columns
            .iter()
            .map(|c| Column {
                take: take(c),
                policies: c.policies,
            })
            .collect(),
        number: Vec::with_capacity(64),
    }))
}

impl Encoder for RowEncoder {
    fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>) -> std::result::Result<(), Reject> {
        let begin = out.len();
        let mut cells = batch.cells();
        for row in 0..batch.rows() {
            for (at, column) in self.columns.iter().enumerate() {
                let Some(cell) = cells.next() else {
                    out.truncate(begin);
                    return Err(Reject {
                        row,
                        column: at,
                        reason: "the row has too few cells".into(),
                    });
                };
                if at > 0 {
                    out.push(b'\t');
                }
                if let Err(reason) = put(column, cell, out, &mut self.number) {
                    out.truncate(begin);
                    return Err(Reject {
                        row,
                        column: at,
                        reason,
                    });
                }
            }
            out.push(b'\n');
        }
        Ok(())
    }
}

type Put = std::result::Result<(), String>;

fn null(out: &mut Vec<u8>) -> Put {
    out.extend_from_slice(b"\\N");
    Ok(())
}

fn int(out: &mut Vec<u8>, i: i64) -> Put {
    out.extend_from_slice(itoa::Buffer::new().format(i).as_bytes());
    Ok(())
}

fn wrong(cell: Cell<'_>, what: &str) -> Put {
    Err(format!("{} in {what}", cell.kind()))
}

fn not_finite(column: &Column, out: &mut Vec<u8>, what: &str) -> Put {
    match column.policies.not_finite {
        NotFinitePolicy::Null => null(out),
        _ => Err(what.to_owned()),
    }
}

fn bad_date(column: &Column, out: &mut Vec<u8>, what: &str) -> Put {
    match column.policies.bad_date {
        BadDatePolicy::Null => null(out),
        _ => Err(what.to_owned()),
    }
}

#[inline]
fn put(column: &Column, cell: Cell<'_>, out: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Put {
    if matches!(cell, Cell::Null) {
        return null(out);
    }
    match &column.take {
        Take::Integer { min, max } => {
            let n = match cell {
                Cell::Int(i) => i128::from(i),
                Cell::UInt(u) => i128::from(u),
                Cell::Bool(b) => i128::from(b),
                Cell::Decimal(text) => match whole_number(text) {
                    Some(n) => n,
                    None => return Err("a number with a fraction in an integer column".into()),
                },
                Cell::F64(f) if f.fract() == 0.0 && f.abs() < 9e18 => f as i128,
                other => return wrong(other, "an integer column"),
            };
            if n < *min || n > *max {
                return Err("a number beyond the column's range".into());
            }
            match i64::try_from(n) {
                Ok(i) => int(out, i),
                Err(_) => {
                    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
                    Ok(())
                }
            }
        }
        Take::Text { chars, bytes } => text(column, cell, *chars, *bytes, out, scratch),
        Take::Decimal { whole, scale } => decimal(column, cell, *whole, *scale, out),
        Take::Single => match cell {
            Cell::F32(f) => float(column, f64::from(f), out),
            Cell::F64(f) if f64::from(f as f32) == f || !f.is_finite() => float(column, f, out),
            Cell::F64(f) if column.policies.precision == PrecisionPolicy::Round => {
                float(column, f64::from(f as f32), out)
            }
            Cell::F64(_) => Err("a float that 32 bits can not hold".into()),
            Cell::Int(i) if i.abs() <= 1 << 24 => int(out, i),
            other => wrong(other, "a float column"),
        },
        Take::Double => match cell {
            Cell::F64(f) => float(column, f, out),
            Cell::F32(f) => float(column, f64::from(f), out),
            Cell::Int(i) if i.unsigned_abs() <= 1 << 53 => int(out, i),
            Cell::Decimal("NaN" | "Infinity" | "-Infinity") => {
                not_finite(column, out, "a number that is not finite")
            }
            Cell::Int(_) | Cell::UInt(_) | Cell::Decimal(_)
                if column.policies.precision != PrecisionPolicy::Round =>
            {
                Err("a number that a float holds only approximately".into())
            }
            Cell::Int(i) => int(out, i),
            Cell::UInt(u) => {
                out.extend_from_slice(itoa::Buffer::new().format(u).as_bytes());
                Ok(())
            }
            Cell::Decimal(text) => {
                out.extend_from_slice(text.as_bytes());
                Ok(())
            }
            other => wrong(other, "a float column"),
        },
        Take::Bytes { most, exact } => {
            let bytes = match cell {
                Cell::Bytes(b) => b,
                Cell::Text(t) | Cell::Json(t) => t.as_bytes(),
                Cell::Uuid(u) => &u[..],
                other => return wrong(other, "a bytes column"),
            };
            // BINARY pads with zeros on the right; shorter values would come back longer.
            if bytes.len() as u64 > *most || *exact && (bytes.len() as u64) < *most {
                return Err("bytes of another length than the column's".into());
            }
            escaped(out, bytes);
            Ok(())
        }
        Take::Date => match cell {
            Cell::Date(d) => date(column, d, out),
            Cell::Timestamp(t) if t.rem_euclid(MICROS_PER_DAY) == 0 => {
                moment_limits(column, t, out, |out| {
                    notation::write_date(out, t.div_euclid(MICROS_PER_DAY) as i32);
                })
            }
            Cell::Text(t) => date_text(column, t, out),
            other => wrong(other, "a date column"),
        },
        Take::Timestamp { digits, zoned } => match cell {
            Cell::Timestamp(t) | Cell::TimestampTz(t) => {
                let t = fraction(column, t, *digits)?;
                // TIMESTAMP begins a second after the epoch; its end differs between versions, and the server says.
                if *zoned && t < 1_000_000 && t != i64::MIN {
                    return bad_date(column, out, "a moment before 1970-01-01 00:00:01");
                }
                moment_limits(column, t, out, |out| {
                    notation::write_timestamp(out, t, *digits)
                })
            }
            Cell::Date(i32::MAX | i32::MIN) => not_finite(column, out, "an infinite date"),
            Cell::Date(d) => {
                let t = i64::from(d).saturating_mul(MICROS_PER_DAY);
                moment_limits(column, t, out, |out| notation::write_timestamp(out, t, 0))
            }
            Cell::Text(t) => date_text(column, t, out),
            other => wrong(other, "a timestamp column"),
        },
        Take::Time(digits) => match cell {
            Cell::Time(t) => {
                let t = fraction(column, t, *digits)?;
                if t.abs() > GREATEST_SPAN {
                    return bad_date(column, out, "a time beyond 838:59:59");
                }
                notation::write_time(out, t, *digits);
                Ok(())
            }
            Cell::Text(t) if notation::parse_time(t.as_bytes()).is_some() => {
                out.extend_from_slice(t.as_bytes());
                Ok(())
            }
            Cell::Text(_) => bad_date(column, out, "text that is no time in a time column"),
            other => wrong(other, "a time column"),
        },
        Take::Bits(length) => {
            let value = match cell {
                Cell::Bits(n, bytes) if n <= *length => {
                    let mut all = [0; 8];
                    let count = bytes.len().min(8);
                    all[..count].copy_from_slice(&bytes[..count]);
                    let shift = 64 - n;
                    u64::from_be_bytes(all).checked_shr(shift).unwrap_or(0)
                }
                Cell::Bool(b) => u64::from(b),
                Cell::Int(i) if i >= 0 => i as u64,
                Cell::UInt(u) => u,
                other => return wrong(other, "a bit column of that length"),
            };
            if *length < 64 && value >> length != 0 {
                return Err("more bits than the column has".into());
            }
            let bytes = value.to_be_bytes();
            escaped(out, &bytes[8 - length.div_ceil(8) as usize..]);
            Ok(())
        }
        Take::Json => match cell {
            Cell::Json(t) | Cell::Text(t) => {
                escaped(out, t.as_bytes());
                Ok(())
            }
            Cell::Int(_) | Cell::UInt(_) | Cell::Bool(_) => {
                plain(cell, out);
                Ok(())
            }
            other => wrong(other, "a JSON column"),
        },
        Take::Uuid { binary } => {
            let uuid = match cell {
                Cell::Uuid(u) => *u,
                Cell::Text(t) => match notation::parse_uuid(t.as_bytes()) {
                    Some(u) => u,
                    None => return Err("text that is no UUID".into()),
                },
                Cell::Bytes(b) => match b.try_into() {
                    Ok(u) => u,
                    Err(_) => return Err("bytes that are no UUID".into()),
                },
                other => return wrong(other, "a UUID column"),
            };
            if *binary {
                escaped(out, &uuid);
            } else {
                notation::write_uuid(out, &uuid);
            }
            Ok(())
        }
        Take::Words(words) => match cell {
            // The server would take a number in text for the number of a word.
            Cell::Text(t) if words.iter().any(|w| w == t) => {
                escaped(out, t.as_bytes());
                Ok(())
            }
            Cell::Text(_) => Err("a word that the enumeration does not have".into()),
            other => wrong(other, "an enumeration"),
        },
        Take::Set(words) => match cell {
            Cell::Text(t) if t.is_empty() || t.split(',').all(|p| words.iter().any(|w| w == p)) => {
                escaped(out, t.as_bytes());
                Ok(())
            }
            Cell::Text(_) => Err("a word that the set does not have".into()),
            other => wrong(other, "a set"),
        },
        Take::Year => match cell {
            // Four digits always: 0 alone would be taken for 2000.
            Cell::Int(y @ (0 | 1901..=2155)) => {
                out.extend_from_slice(format!("{y:04}").as_bytes());
                Ok(())
            }
            Cell::Int(_) => Err("a year that is neither 0 nor from 1901 to 2155".into()),
            other => wrong(other, "a year column"),
        },
        Take::Geometry => match cell {
            Cell::Bytes(bytes) => geometry(bytes, out),
            other => wrong(other, "a geometry column"),
        },
    }
}

#[cfg(test)]
mod tests;
