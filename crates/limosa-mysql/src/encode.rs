//! Cells as rows of `LOAD DATA`: tabs between, newlines after, backslash escapes, `\N` for NULL.
//!
//! # Why no value is changed
//!
//! Everything is checked here that the server would change with a warning only: ranges of numbers,
//! digits of decimals, lengths, words of enumerations, moments beyond the calendar. Such a cell is a
//! [`Reject`]; what the policies allow instead is done here and nowhere else. The bytes go over as
//! `CHARACTER SET binary`, so the server converts nothing but what [`crate::load`] names. Floats are
//! written with the digits of the double that equals them, so that reading them back rounds nothing.

use limosa_core::batch::{Batch, Cell, Reject};
use limosa_core::engine::{ColumnWrite, Encoder, LoadSpec};
use limosa_core::error::{Error, ErrorKind, Result};
use limosa_core::notation;
use limosa_core::policy::{
    BadDatePolicy, InvalidTextPolicy, NotFinitePolicy, NulPolicy, PrecisionPolicy,
};
use limosa_core::schema::Type;

const MICROS_PER_DAY: i64 = 86_400_000_000;
/// 0001-01-01 and the day after 9999-12-31, since 1970-01-01.
const FIRST_DAY: i64 = -719_162;
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

/// Appends text or bytes with the escapes of `LOAD DATA`.
#[inline]
pub(crate) fn escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut rest = bytes;
    while let Some(at) = memchr::memchr3(b'\t', b'\n', b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        out.push(b'\\');
        out.push(match rest[at] {
            b'\t' => b't',
            b'\n' => b'n',
            b => b,
        });
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
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

fn whole_number(text: &str) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    fraction
        .bytes()
        .all(|b| b == b'0')
        .then(|| whole.parse().ok())?
}

fn float(column: &Column, f: f64, out: &mut Vec<u8>) -> Put {
    if !f.is_finite() {
        return not_finite(column, out, "NaN or an infinity in a float column");
    }
    if f == 0.0 && f.is_sign_negative() && column.policies.precision == PrecisionPolicy::Reject {
        return Err("-0.0 in a float column, which MariaDB keeps as 0".into());
    }
    out.extend_from_slice(ryu::Buffer::new().format_finite(f).as_bytes());
    Ok(())
}

fn decimal(column: &Column, cell: Cell<'_>, whole: usize, scale: usize, out: &mut Vec<u8>) -> Put {
    let mut buffer = itoa::Buffer::new();
    let mut own = String::new();
    let text = match cell {
        Cell::Decimal(t) => t,
        Cell::Int(i) => buffer.format(i),
        Cell::UInt(u) => buffer.format(u),
        Cell::F64(f) if f.is_finite() => {
            // The shortest text that is this float, without an exponent.
            own.push_str(&format!("{f}"));
            own.as_str()
        }
        Cell::F64(_) => "NaN",
        Cell::Text(t) if notation::plain_decimal(t.as_bytes()) => t,
        other => return wrong(other, "a decimal column"),
    };
    if matches!(text, "NaN" | "Infinity" | "-Infinity") {
        return not_finite(column, out, "NaN or an infinity in a decimal column");
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (left, right) = digits.split_once('.').unwrap_or((digits, ""));
    let right = right.trim_end_matches('0');
    if left.trim_start_matches('0').len() > whole {
        return Err("a number beyond the column's range".into());
    }
    if right.len() <= scale {
        out.extend_from_slice(text.as_bytes());
        if text.len() - digits.len() + left.len() + 1 + scale < text.len() {
            // Zeros beyond the scale would make the server warn.
            out.truncate(
                out.len() - (text.len() - (text.len() - digits.len() + left.len() + 1 + scale)),
            );
            if scale == 0 {
                out.pop();
            }
        }
        return Ok(());
    }
    if column.policies.precision != PrecisionPolicy::Round {
        return Err("a number with more fractional digits than the column".into());
    }
    let rounded = round(left, right, scale);
    if rounded
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_start_matches('0')
        .len()
        > whole
    {
        return Err("a number beyond the column's range".into());
    }
    if text.len() > digits.len() {
        out.push(b'-');
    }
    out.extend_from_slice(rounded.as_bytes());
    Ok(())
}

/// Rounds half away from zero.
fn round(left: &str, right: &str, scale: usize) -> String {
    let mut digits: Vec<u8> = left.bytes().chain(right.bytes().take(scale)).collect();
    if right.as_bytes().get(scale).is_some_and(|d| *d >= b'5') {
        let mut at = digits.len();
        loop {
            if at == 0 {
                digits.insert(0, b'1');
                break;
            }
            at -= 1;
            if digits[at] == b'9' {
                digits[at] = b'0';
            } else {
                digits[at] += 1;
                break;
            }
        }
    }
    let point = digits.len() - scale;
    let mut text: String = digits.iter().map(|b| *b as char).collect();
    if scale > 0 {
        text.insert(point, '.');
    }
    text
}

/// Checks that no fraction is lost to the column's number of digits.
fn fraction(column: &Column, micros: i64, digits: u8) -> std::result::Result<i64, String> {
    let unit = 10i64.pow(6 - u32::from(digits));
    if unit == 1 || matches!(micros, i64::MAX | i64::MIN) || micros % unit == 0 {
        return Ok(micros);
    }
    if column.policies.precision == PrecisionPolicy::Round {
        return Ok((micros + unit / 2).div_euclid(unit) * unit);
    }
    Err("a moment with more fractional digits than the column".into())
}

fn date(column: &Column, days: i32, out: &mut Vec<u8>) -> Put {
    match i64::from(days) {
        _ if matches!(days, i32::MAX | i32::MIN) => not_finite(column, out, "an infinite date"),
        FIRST_DAY..AFTER_LAST_DAY => {
            notation::write_date(out, days);
            Ok(())
        }
        _ => bad_date(column, out, "a year below 1 or above 9999"),
    }
}

fn moment_limits(
    column: &Column,
    micros: i64,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>),
) -> Put {
    if matches!(micros, i64::MAX | i64::MIN) {
        return not_finite(column, out, "an infinite date");
    }
    if !(FIRST_DAY * MICROS_PER_DAY..AFTER_LAST_DAY * MICROS_PER_DAY).contains(&micros) {
        return bad_date(column, out, "a year below 1 or above 9999");
    }
    write(out);
    Ok(())
}

/// Text in a date or timestamp column: a date that no calendar has, which this server can hold as it
/// is (`0000-00-00`, `2024-02-30`), or a proper one of a source without types.
fn date_text(column: &Column, text: &str, out: &mut Vec<u8>) -> Put {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize| {
        bytes
            .get(from..to)
            .filter(|d| d.iter().all(u8::is_ascii_digit))
            .and_then(|d| std::str::from_utf8(d).ok()?.parse::<u32>().ok())
    };
    let day = digits(0, 4)
        .zip(digits(5, 7))
        .zip(digits(8, 10))
        .filter(|_| bytes[4] == b'-' && bytes[7] == b'-');
    let clock = match bytes.get(10) {
        None => true,
        Some(b' ' | b'T') => {
            notation::parse_time(&bytes[11..]).is_some_and(|t| (0..MICROS_PER_DAY).contains(&t))
        }
        Some(_) => false,
    };
    match day {
        Some(((_, month), day)) if month <= 12 && day <= 31 && clock => {
            let proper = notation::parse_date(&bytes[..10]).is_some() && &bytes[..4] != b"0000";
            if !proper && column.policies.bad_date == BadDatePolicy::Null {
                return null(out);
            }
            out.extend_from_slice(bytes);
            Ok(())
        }
        _ => bad_date(column, out, "text that is no date in a date column"),
    }
}

/// EWKB as the server's own form: SRID in four bytes, then WKB.
fn geometry(bytes: &[u8], out: &mut Vec<u8>) -> Put {
    if bytes.len() < 5 || bytes[0] != 1 {
        return Err("a geometry that is not little-endian EWKB".into());
    }
    if bytes[4] & 0xc0 != 0 {
        return Err("a geometry with heights or measures".into());
    }
    if bytes[4] & 0x20 == 0 {
        escaped(out, &[0; 4]);
        escaped(out, bytes);
        return Ok(());
    }
    let Some((srid, rest)) = bytes[5..].split_at_checked(4) else {
        return Err("a geometry that ends too early".into());
    };
    escaped(out, srid);
    escaped(out, &bytes[..4]);
    escaped(out, &[bytes[4] & !0x20]);
    escaped(out, rest);
    Ok(())
}

fn text(
    column: &Column,
    cell: Cell<'_>,
    chars: u64,
    bytes: u64,
    out: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
) -> Put {
    let owned;
    let said = match cell {
        Cell::Text(t) | Cell::Json(t) => t,
        Cell::Bytes(b) => match column.policies.invalid_text {
            InvalidTextPolicy::Replace => {
                owned = String::from_utf8_lossy(b).into_owned();
                &owned
            }
            _ => match std::str::from_utf8(b) {
                Ok(t) => t,
                Err(_) => return Err("bytes that are not UTF-8 in a text column".into()),
            },
        },
        other => {
            scratch.clear();
            plain(other, scratch);
            std::str::from_utf8(scratch).unwrap_or_default()
        }
    };
    if said.len() as u64 > bytes || said.len() as u64 > chars && said.chars().count() as u64 > chars
    {
        return Err("text that is longer than the column".into());
    }
    match column.policies.nul {
        NulPolicy::Stop | NulPolicy::Reject => escaped(out, said.as_bytes()),
        _ if !said.contains('\0') => escaped(out, said.as_bytes()),
        // This engine holds U+0000: the policy is for targets that do not.
        _ => escaped(out, said.as_bytes()),
    }
    Ok(())
}

/// Any cell as text, for columns that keep as text what has no type here.
fn plain(cell: Cell<'_>, out: &mut Vec<u8>) {
    match cell {
        Cell::Null => {}
        Cell::Bool(b) => out.extend_from_slice(if b { b"true" } else { b"false" }),
        Cell::Int(i) => out.extend_from_slice(itoa::Buffer::new().format(i).as_bytes()),
        Cell::UInt(u) => out.extend_from_slice(itoa::Buffer::new().format(u).as_bytes()),
        Cell::F32(f) => real(out, f64::from(f), ryu::Buffer::new().format(f)),
        Cell::F64(f) => real(out, f, ryu::Buffer::new().format(f)),
        Cell::Decimal(t) | Cell::Text(t) | Cell::Json(t) => out.extend_from_slice(t.as_bytes()),
        Cell::Bytes(b) => out.extend_from_slice(b),
        Cell::Date(d) => notation::write_date(out, d),
        Cell::Time(t) => notation::write_time(out, t, digits_of(t)),
        Cell::TimeTz(t, offset) => {
            notation::write_time(out, t, digits_of(t));
            notation::write_offset(out, offset);
        }
        Cell::Timestamp(t) => notation::write_timestamp(out, t, digits_of(t)),
        Cell::TimestampTz(t) => {
            notation::write_timestamp(out, t, digits_of(t));
            if !matches!(t, i64::MAX | i64::MIN) {
                out.extend_from_slice(b"+00:00");
            }
        }
        Cell::Interval(m, d, u) => notation::write_interval(out, m, d, u),
        Cell::Uuid(u) => notation::write_uuid(out, u),
        Cell::Bits(n, b) => notation::write_bits(out, n, b),
    }
}

fn real(out: &mut Vec<u8>, f: f64, finite: &str) {
    out.extend_from_slice(match f {
        f if f.is_nan() => b"NaN",
        f if f == f64::INFINITY => b"Infinity",
        f if f == f64::NEG_INFINITY => b"-Infinity",
        _ => finite.as_bytes(),
    });
}

/// No fraction if there is none, else all six digits.
fn digits_of(micros: i64) -> u8 {
    if micros % 1_000_000 == 0 { 0 } else { 6 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limosa_core::policy::Policies;
    use limosa_core::value::Value;

    fn column(target: Type, policies: Policies) -> ColumnWrite {
        ColumnWrite {
            name: "c".into(),
            source: target.clone(),
            native: String::new(),
            target,
            nullable: true,
            policies,
        }
    }

    fn encoded(
        target: Type,
        policies: Policies,
        value: Value,
    ) -> std::result::Result<String, String> {
        let c = column(target, policies);
        let column = Column {
            take: take(&c),
            policies,
        };
        let mut out = Vec::new();
        put(&column, value.as_cell(), &mut out, &mut Vec::new())?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    #[test]
    fn what_the_server_would_bend_is_refused() {
        let p = Policies::default();
        let tiny = Type::Integer {
            bits: 8,
            unsigned: false,
        };
        let decimal = Type::Decimal {
            precision: Some(5),
            scale: Some(2),
        };
        for (ty, value) in [
            (tiny.clone(), Value::Int(128)),
            (tiny, Value::Text("1".into())),
            (decimal.clone(), Value::Decimal("1.234".into())),
            (decimal.clone(), Value::Decimal("1000".into())),
            (decimal.clone(), Value::Decimal("NaN".into())),
            (Type::Varchar { length: 2 }, Value::Text("äöü".into())),
            (Type::Float { bits: 64 }, Value::F64(f64::NAN)),
            (Type::Date, Value::Date(i32::MAX)),
            (Type::Date, Value::Date(-800_000)),
            (Type::Date, Value::Text("2024-13-01".into())),
            (
                Type::Enum {
                    name: None,
                    members: vec!["a".into()],
                },
                Value::Text("1".into()),
            ),
            (Type::Binary { length: 3 }, Value::Bytes(vec![1, 2])),
            (
                Type::Time {
                    precision: 0,
                    zoned: false,
                    span: true,
                },
                Value::Time(1),
            ),
            (Type::Float { bits: 32 }, Value::F64(0.1)),
            (Type::Text { max_bytes: None }, Value::Bytes(vec![0xff])),
        ] {
            assert!(
                encoded(ty.clone(), p, value.clone()).is_err(),
                "{ty} {value:?}"
            );
        }
        let round = Policies {
            precision: PrecisionPolicy::Round,
            ..p
        };
        assert_eq!(
            encoded(decimal, round, Value::Decimal("-9.995".into())),
            Ok("-10.00".into())
        );
        let null = Policies {
            not_finite: NotFinitePolicy::Null,
            ..p
        };
        assert_eq!(
            encoded(Type::Date, null, Value::Date(i32::MIN)),
            Ok("\\N".into())
        );
    }

    #[test]
    fn values_are_said_as_the_server_reads_them() {
        let p = Policies::default();
        for (ty, value, want) in [
            (
                Type::Text { max_bytes: None },
                Value::Text("a\tb\\\n\0".into()),
                "a\\tb\\\\\\n\0",
            ),
            (
                Type::Float { bits: 32 },
                Value::F32(0.1),
                "0.10000000149011612",
            ),
            (
                Type::Decimal {
                    precision: Some(5),
                    scale: Some(2),
                },
                Value::Decimal("1.5000".into()),
                "1.50",
            ),
            (
                Type::Decimal {
                    precision: Some(5),
                    scale: Some(0),
                },
                Value::Decimal("-15.000".into()),
                "-15",
            ),
            (
                Type::Decimal {
                    precision: Some(5),
                    scale: Some(2),
                },
                Value::Decimal("-1.5".into()),
                "-1.5",
            ),
            (Type::Date, Value::Text("0000-00-00".into()), "0000-00-00"),
            (
                Type::Timestamp {
                    precision: 6,
                    zoned: false,
                },
                Value::Timestamp(1),
                "1970-01-01 00:00:00.000001",
            ),
            (
                Type::Varchar { length: 64 },
                Value::Interval(1, 2, 3_000_000),
                "P1M2DT3S",
            ),
            (
                Type::Varchar { length: 21 },
                Value::TimeTz(3_600_000_000, 7200),
                "01:00:00+02:00",
            ),
            (
                Type::Bit {
                    length: Some(10),
                    varying: false,
                },
                Value::Bits(10, vec![0b1001_0001, 0x40]),
                "\u{2}E",
            ),
        ] {
            assert_eq!(encoded(ty.clone(), p, value), Ok(want.into()), "{ty}");
        }
    }
}
