//! Storage values → cells. The neutral type of a column says which cell a text means; a value that the
//! cell can not hold comes as it is stored, so nothing is lost by looking at it.

use limosa_core::batch::{Batch, Cell};
use limosa_core::engine::ColumnRead;
use limosa_core::notation;
use limosa_core::schema::Type;
use rusqlite::types::ValueRef;

/// What a column's values are read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decode {
    Plain,
    Boolean,
    Decimal,
    Single,
    Unsigned,
    Date,
    Time,
    TimeTz,
    Timestamp,
    TimestampTz,
    Interval,
    Uuid,
    Json,
    Array,
    Bits,
}

impl Decode {
    pub(crate) fn of(column: &ColumnRead) -> Self {
        if column.as_text {
            // SQLite's own form of a value is the value as it is stored.
            return Decode::Plain;
        }
        match column.ty.base() {
            Type::Boolean => Decode::Boolean,
            Type::Integer {
                bits: 64,
                unsigned: true,
            } => Decode::Unsigned,
            Type::Decimal { .. } | Type::Money { .. } => Decode::Decimal,
            Type::Float { bits: 32 } => Decode::Single,
            Type::Date => Decode::Date,
            Type::Time { zoned: true, .. } => Decode::TimeTz,
            Type::Time { .. } => Decode::Time,
            Type::Timestamp { zoned: true, .. } => Decode::TimestampTz,
            Type::Timestamp { .. } => Decode::Timestamp,
            Type::Interval => Decode::Interval,
            Type::Uuid => Decode::Uuid,
            Type::Json { .. } | Type::Native { json: true, .. } => Decode::Json,
            Type::Array { .. } => Decode::Array,
            Type::Bit { .. } => Decode::Bits,
            _ => Decode::Plain,
        }
    }
}

/// Puts one value.
#[inline]
pub(crate) fn put(batch: &mut Batch, value: ValueRef<'_>, decode: Decode) {
    match value {
        ValueRef::Null => batch.put_null(),
        ValueRef::Integer(i) => match decode {
            Decode::Boolean if i == 0 || i == 1 => batch.put_bool(i == 1),
            Decode::Bits if i == 0 || i == 1 => batch.put_bits(1, &[(i as u8) << 7]),
            _ => batch.put_int(i),
        },
        ValueRef::Real(f) => match decode {
            Decode::Single if f64::from(f as f32).to_bits() == f.to_bits() => {
                batch.put_f32(f as f32);
            }
            _ => batch.put_f64(f),
        },
        ValueRef::Blob(b) => batch.put_bytes(b),
        ValueRef::Text(t) => match decode {
            Decode::Plain => text(batch, t),
            decode => typed(batch, t, decode),
        },
    }
}

#[inline]
fn text(batch: &mut Batch, bytes: &[u8]) {
    match simdutf8::basic::from_utf8(bytes) {
        Ok(text) => batch.put_text(text),
        Err(_) => batch.put_bytes(bytes),
    }
}

fn typed(batch: &mut Batch, t: &[u8], decode: Decode) {
    let cell = match decode {
        Decode::Plain | Decode::Single => None,
        Decode::Boolean => match t {
            b"true" | b"t" => Some(Cell::Bool(true)),
            b"false" | b"f" => Some(Cell::Bool(false)),
            _ => None,
        },
        Decode::Decimal => std::str::from_utf8(t)
            .ok()
            .filter(|s| {
                notation::plain_decimal(t) || matches!(*s, "NaN" | "Infinity" | "-Infinity")
            })
            .map(Cell::Decimal),
        Decode::Unsigned => std::str::from_utf8(t)
            .ok()
            .and_then(|s| s.parse().ok())
            .map(|u| i64::try_from(u).map_or(Cell::UInt(u), Cell::Int)),
        Decode::Date => match t {
            b"infinity" => Some(i32::MAX),
            b"-infinity" => Some(i32::MIN),
            t => notation::parse_date(t),
        }
        .map(Cell::Date),
        Decode::Time => notation::parse_time(t).map(Cell::Time),
        Decode::TimeTz => notation::split_offset(t)
            .and_then(|(time, offset)| Some(Cell::TimeTz(notation::parse_time(time)?, offset))),
        Decode::Timestamp => infinite(t)
            .or_else(|| notation::parse_timestamp(t))
            .map(Cell::Timestamp),
        // Moments without an offset are in UTC, as SQLite's own functions have it.
        Decode::TimestampTz => infinite(t)
            .or_else(|| notation::parse_timestamp_tz(t))
            .or_else(|| notation::parse_timestamp(t))
            .map(Cell::TimestampTz),
        Decode::Interval => notation::parse_interval(t).map(|(m, d, u)| Cell::Interval(m, d, u)),
        Decode::Uuid => return uuid(batch, t),
        Decode::Json => simdutf8::basic::from_utf8(t).ok().map(Cell::Json),
        Decode::Array => simdutf8::basic::from_utf8(t)
            .ok()
            .filter(|s| s.starts_with(['[', '"']) && !own_text(s))
            .map(Cell::Json),
        Decode::Bits => return bits(batch, t),
    };
    match cell {
        Some(cell) => batch.put_cell(cell),
        None => text(batch, t),
    }
}

/// Whether a text is an array with its bounds before it, as PostgreSQL says one, and no JSON: `[0:1]={1,2}`.
fn own_text(text: &str) -> bool {
    let inner = text.strip_prefix('[').unwrap_or_default();
    let digits = inner
        .trim_start_matches('-')
        .trim_start_matches(|c: char| c.is_ascii_digit());
    digits.len() < inner.len() && digits.starts_with(':')
}

fn uuid(batch: &mut Batch, t: &[u8]) {
    match notation::parse_uuid(t) {
        Some(bytes) => batch.put_uuid(&bytes),
        None => text(batch, t),
    }
}

fn bits(batch: &mut Batch, t: &[u8]) {
    match notation::parse_bits(t) {
        Some((n, bytes)) => batch.put_bits(n, &bytes),
        None => text(batch, t),
    }
}

fn infinite(t: &[u8]) -> Option<i64> {
    match t {
        b"infinity" => Some(i64::MAX),
        b"-infinity" => Some(i64::MIN),
        _ => None,
    }
}
