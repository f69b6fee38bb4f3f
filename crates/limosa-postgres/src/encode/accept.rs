//! Which cells a target type takes, and as what.

use super::array;
use super::plan::{Column, Put};
use super::sink::Sink;
use crate::value::{EPOCH_DAYS, EPOCH_MICROS};
use limosa_core::batch::Cell;
use limosa_core::notation;
use limosa_core::policy::{
    BadDatePolicy, InvalidTextPolicy, NotFinitePolicy, NulPolicy, PrecisionPolicy,
};

type Accepted = Result<(), &'static str>;

/// The earliest and latest day, from 1970, and moment, from 2000. Source: `datatype/timestamp.h`.
const FIRST_DAY: i32 = -2_440_588;
const LAST_DAY: i32 = 2_145_042_905;
const FIRST_MOMENT: i64 = -211_813_488_000_000_000;
const LAST_MOMENT: i64 = 9_223_371_331_200_000_000 - 1;
const DAY: i64 = 86_400_000_000;

/// Writes `cell` into a column, or says why not. On an error what was written of the row is the
/// caller's to take back.
#[inline]
pub(super) fn put<S: Sink>(column: &Column, cell: Cell<'_>, sink: &mut S) -> Accepted {
    match (&column.put, cell) {
        (_, Cell::Null) => sink.null(),
        // The usual pairs first.
        (Put::Int8, Cell::Int(i)) => sink.int8(i),
        (Put::Int4, Cell::Int(i)) => sink.int4(i32::try_from(i).map_err(|_| TOO_LARGE)?),
        (Put::Int2, Cell::Int(i)) => sink.int2(i16::try_from(i).map_err(|_| TOO_LARGE)?),
        (Put::Text { limit }, Cell::Text(t)) => return text(column, *limit, t, sink),
        (Put::F64, Cell::F64(f)) => sink.f64(f),
        (Put::Bool, Cell::Bool(b)) => sink.bool(b),
        (Put::Bytes, Cell::Bytes(b)) => sink.bytes(b),
        (Put::Uuid, Cell::Uuid(u)) => sink.uuid(u),
        (Put::Timestamp { unit }, Cell::Timestamp(m)) => {
            sink.timestamp(moment(m, *unit, column)?);
        }
        (Put::TimestampTz { unit }, Cell::TimestampTz(m)) => {
            sink.timestamp_tz(moment(m, *unit, column)?);
        }
        (Put::Date, Cell::Date(d)) => sink.date(day(d)?),
        (Put::Numeric { digits }, Cell::Decimal(d)) => return numeric(column, *digits, d, sink),
        _ => return rarer(column, cell, sink),
    }
    Ok(())
}

const TOO_LARGE: &str = "a whole number outside the range of the column";

#[inline(never)]
fn rarer<S: Sink>(column: &Column, cell: Cell<'_>, sink: &mut S) -> Accepted {
    match &column.put {
        Put::Bool => {
            sink.bool(boolean(cell).ok_or("a value other than true and false in a boolean column")?)
        }
        Put::Int2 => sink.int2(i16::try_from(whole(cell)?).map_err(|_| TOO_LARGE)?),
        Put::Int4 => sink.int4(i32::try_from(whole(cell)?).map_err(|_| TOO_LARGE)?),
        Put::Int8 => sink.int8(i64::try_from(whole(cell)?).map_err(|_| TOO_LARGE)?),
        Put::Oid => sink.oid(u32::try_from(whole(cell)?).map_err(|_| TOO_LARGE)?),
        Put::F64 => sink.f64(float(column, cell)?),
        Put::F32 => {
            let wide = match cell {
                Cell::F32(f) => {
                    sink.f32(f);
                    return Ok(());
                }
                other => float(column, other)?,
            };
            let narrow = wide as f32;
            if f64::from(narrow) != wide
                && !wide.is_nan()
                && column.policies.precision != PrecisionPolicy::Round
            {
                return Err("a float with more digits than the column holds");
            }
            sink.f32(narrow);
        }
        Put::Numeric { digits } => return decimal(column, *digits, cell, sink),
        Put::Money { digits } => return money(*digits, cell, sink),
        Put::Text { limit } => return any_text(cell, column, |t| text(column, *limit, t, sink)),
        Put::Enum { members } => {
            return any_text(cell, column, |t| {
                if !members.is_empty() && !members.contains(t) {
                    return Err("a word that is not in the list of the enum");
                }
                sink.text(t);
                Ok(())
            });
        }
        Put::Bytes => match cell {
            Cell::Text(t) | Cell::Json(t) => sink.bytes(t.as_bytes()),
            Cell::Uuid(u) => sink.bytes(u),
            Cell::Bits(_, b) => sink.bytes(b),
            _ => return Err("neither bytes nor text in a bytea column"),
        },
        Put::Date => match date(cell) {
            Some(d) => sink.date(day(d)?),
            None => return bad_date(column, cell, sink),
        },
        Put::Timestamp { unit } => match (instant(cell), far_moment(cell)) {
            (Some(m), _) => sink.timestamp(moment(m, *unit, column)?),
            (None, Some(m)) => sink.timestamp(in_range(m, *unit, column)?),
            _ => return bad_date(column, cell, sink),
        },
        Put::TimestampTz { unit } => match (instant(cell), far_moment(cell)) {
            (Some(m), _) => sink.timestamp_tz(moment(m, *unit, column)?),
            (None, Some(m)) => sink.timestamp_tz(in_range(m, *unit, column)?),
            _ => return bad_date(column, cell, sink),
        },
        Put::Time { unit } => {
            let micros = match cell {
                Cell::Time(m) => Some(m),
                Cell::Text(t) => notation::parse_time(t.as_bytes()),
                Cell::Interval(0, 0, m) => Some(m),
                _ => None,
            };
            let micros = micros.ok_or("a value that is not a time of day")?;
            if !(0..=DAY).contains(&micros) {
                return Err("a time below 00:00 or above 24:00");
            }
            sink.time(fine(micros, *unit, column)?);
        }
        Put::TimeTz { unit } => {
            let (micros, east) = match cell {
                Cell::TimeTz(m, z) => Some((m, z)),
                Cell::Time(m) => Some((m, 0)),
                Cell::Text(t) => notation::split_offset(t.as_bytes())
                    .and_then(|(t, z)| Some((notation::parse_time(t)?, z))),
                _ => None,
            }
            .ok_or("a value that is not a time with an offset")?;
            // The server's limit of an offset is below 16 hours.
            if !(0..=DAY).contains(&micros) || east.unsigned_abs() >= 16 * 3600 {
                return Err("a time or an offset outside its range");
            }
            sink.time_tz(fine(micros, *unit, column)?, east);
        }
        Put::Interval { unit } => {
            let (months, days, micros) = match cell {
                Cell::Interval(m, d, u) => Some((m, d, u)),
                Cell::Time(u) => Some((0, 0, u)),
                Cell::Text(t) => notation::parse_interval(t.as_bytes())
                    .or_else(|| notation::parse_time(t.as_bytes()).map(|u| (0, 0, u))),
                _ => None,
            }
            .ok_or("a value that is not an interval")?;
            let micros = match micros {
                i64::MAX | i64::MIN => micros,
                m => fine(m, *unit, column)?,
            };
            sink.interval(months, days, micros);
        }
        Put::Uuid => match cell {
            Cell::Text(t) => {
                sink.uuid(&notation::parse_uuid(t.as_bytes()).ok_or("text that is not a UUID")?);
            }
            Cell::Bytes(b) => sink.uuid(b.try_into().map_err(|_| "bytes that are not a UUID")?),
            _ => return Err("a value that is not a UUID"),
        },
        Put::Json => {
            return json(column, cell, |t| {
                sink.text(t);
                Ok(())
            });
        }
        Put::Jsonb => return json(column, cell, |t| jsonb(column, t, sink)),
        Put::Bits { length, varying } => return bits(*length, *varying, cell, sink),
        Put::Words => match cell {
            Cell::Text("") => sink.words(&[]),
            Cell::Text(t) => {
                if memchr::memchr(0, t.as_bytes()).is_some() {
                    return Err("U+0000 in text");
                }
                sink.words(&t.split(',').map(Some).collect::<Vec<_>>());
            }
            Cell::Json(t) => {
                let words: Vec<Option<String>> =
                    serde_json::from_str(t).map_err(|_| "JSON that is not a list of words")?;
                sink.words(&words.iter().map(Option::as_deref).collect::<Vec<_>>());
            }
            _ => return Err("a value that is not a set of words"),
        },
        Put::Array { json } => match cell {
            Cell::Json(t) => sink.text(
                &array::from_json(t, *json).ok_or("JSON that is not a list of plain values")?,
            ),
            Cell::Text(t) => sink.text(t),
            _ => return Err("a value that is not a list"),
        },
        Put::Geometry => match cell {
            Cell::Bytes(b) => {
                let mut hex = String::with_capacity(b.len() * 2);
                for byte in b {
                    use std::fmt::Write;
                    let _ = write!(hex, "{byte:02X}");
                }
                sink.text(&hex);
            }
            Cell::Text(t) => sink.text(t),
            _ => return Err("a value that is not a geometry"),
        },
        Put::Record | Put::Hstore => match cell {
            Cell::Json(t) => {
                let own = match column.put {
                    Put::Hstore => array::hstore(t),
                    _ => array::record(t),
                };
                sink.text(&own.ok_or("JSON that is not an object of plain values")?);
            }
            _ => return any_text(cell, column, |t| text(column, None, t, sink)),
        },
        Put::Raw => return any_text(cell, column, |t| text(column, None, t, sink)),
    }
    Ok(())
}

#[inline]
fn text<S: Sink>(column: &Column, limit: Option<u32>, t: &str, sink: &mut S) -> Accepted {
    if let Some(limit) = limit
        && t.len() > limit as usize
        && t.chars().count() > limit as usize
    {
        return Err("text longer than the column");
    }
    if memchr::memchr(0, t.as_bytes()).is_none() {
        sink.text(t);
        return Ok(());
    }
    match column.policies.nul {
        NulPolicy::Stop | NulPolicy::Reject => Err("U+0000 in text"),
        NulPolicy::Strip => {
            sink.text(&t.replace('\0', ""));
            Ok(())
        }
        NulPolicy::Replace => {
            sink.text(&t.replace('\0', "\u{2400}"));
            Ok(())
        }
    }
}

/// Says any cell as text.
fn any_text(cell: Cell<'_>, column: &Column, mut take: impl FnMut(&str) -> Accepted) -> Accepted {
    let mut out = Vec::new();
    match cell {
        Cell::Text(t) | Cell::Json(t) | Cell::Decimal(t) => return take(t),
        Cell::Bytes(b) => {
            return match (std::str::from_utf8(b), column.policies.invalid_text) {
                (Ok(t), _) => take(t),
                (Err(_), InvalidTextPolicy::Replace) => take(&String::from_utf8_lossy(b)),
                (Err(_), _) => Err("bytes that are not UTF-8 in text"),
            };
        }
        Cell::Bool(b) => return take(if b { "true" } else { "false" }),
        Cell::Int(i) => return take(itoa::Buffer::new().format(i)),
        Cell::UInt(u) => return take(itoa::Buffer::new().format(u)),
        Cell::F32(f) if f.is_finite() => return take(ryu::Buffer::new().format(f)),
        Cell::F64(f) if f.is_finite() => return take(ryu::Buffer::new().format(f)),
        Cell::F32(f) => return take(not_finite(f64::from(f))),
        Cell::F64(f) => return take(not_finite(f)),
        Cell::Date(d) => notation::write_date(&mut out, d),
        Cell::Time(m) => notation::write_time(&mut out, m, fraction(m)),
        Cell::TimeTz(m, z) => {
            notation::write_time(&mut out, m, fraction(m));
            notation::write_offset(&mut out, z);
        }
        Cell::Timestamp(m) => notation::write_timestamp(&mut out, m, fraction(m)),
        Cell::TimestampTz(m) => {
            notation::write_timestamp(&mut out, m, fraction(m));
            if !matches!(m, i64::MAX | i64::MIN) {
                out.extend_from_slice(b"+00:00");
            }
        }
        Cell::Interval(m, d, u) => notation::write_interval(&mut out, m, d, u),
        Cell::Uuid(u) => notation::write_uuid(&mut out, u),
        Cell::Bits(n, b) => notation::write_bits(&mut out, n, b),
        Cell::Null => return Err("NULL was dealt with before"),
    }
    take(std::str::from_utf8(&out).map_err(|_| "text that is not UTF-8")?)
}

fn fraction(micros: i64) -> u8 {
    if micros % 1_000_000 == 0 { 0 } else { 6 }
}

fn not_finite(f: f64) -> &'static str {
    match f {
        f if f.is_nan() => "NaN",
        f if f > 0.0 => "Infinity",
        _ => "-Infinity",
    }
}

fn boolean(cell: Cell<'_>) -> Option<bool> {
    match cell {
        Cell::Bool(b) => Some(b),
        Cell::Int(0) => Some(false),
        Cell::Int(1) => Some(true),
        Cell::F64(f) if f == 0.0 || f == 1.0 => Some(f == 1.0),
        Cell::Bits(1, [b]) => Some(b & 0x80 != 0),
        Cell::Decimal("0") => Some(false),
        Cell::Decimal("1") => Some(true),
        Cell::Text(t) => match t.trim().to_ascii_lowercase().as_str() {
            "t" | "true" | "1" | "y" | "yes" | "on" => Some(true),
            "f" | "false" | "0" | "n" | "no" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn whole(cell: Cell<'_>) -> Result<i128, &'static str> {
    const NOT: &str = "a value that is not a whole number in an integer column";
    match cell {
        Cell::Int(i) => Ok(i.into()),
        Cell::UInt(u) => Ok(u.into()),
        Cell::Bool(b) => Ok(b.into()),
        Cell::F32(f) => whole(Cell::F64(f.into())),
        // Beyond 2^63 the range check refuses it whatever the rounding.
        Cell::F64(f) if f.fract() == 0.0 && f.abs() < 1e30 => Ok(f as i128),
        Cell::Decimal(t) => {
            let (whole, fraction) = t.split_once('.').unwrap_or((t, ""));
            if fraction.bytes().any(|b| b != b'0') {
                return Err(NOT);
            }
            whole.parse().map_err(|_| NOT)
        }
        Cell::Text(t) if notation::plain_decimal(t.as_bytes()) => whole(Cell::Decimal(t)),
        Cell::Bits(n @ 1..=64, b) => {
            let value = b.iter().fold(0u128, |v, byte| v << 8 | u128::from(*byte));
            Ok((value >> (b.len() * 8 - n as usize)) as i128)
        }
        _ => Err(NOT),
    }
}

fn float(column: &Column, cell: Cell<'_>) -> Result<f64, &'static str> {
    const INEXACT: &str = "a number that a binary float can not hold exactly";
    let round = column.policies.precision == PrecisionPolicy::Round;
    match cell {
        Cell::F64(f) => Ok(f),
        Cell::F32(f) => Ok(f.into()),
        Cell::Bool(b) => Ok(b.into()),
        Cell::Int(i) if round || (i as f64) as i128 == i128::from(i) => Ok(i as f64),
        Cell::UInt(u) if round || (u as f64) as i128 == i128::from(u) => Ok(u as f64),
        Cell::Int(_) | Cell::UInt(_) => Err(INEXACT),
        Cell::Decimal(t) | Cell::Text(t) => {
            let f: f64 = t.trim().parse().map_err(|_| "text in a float column")?;
            let strict = matches!(cell, Cell::Decimal(_)) && !round && f.is_finite();
            if strict && !same_number(t, f) {
                return Err(INEXACT);
            }
            Ok(f)
        }
        _ => Err("a value that is not a number in a float column"),
    }
}

/// Whether the shortest text of `f` is the decimal `t`.
fn same_number(t: &str, f: f64) -> bool {
    let bare = |t: &str| {
        let t = t
            .trim_start_matches('-')
            .trim_start_matches('0')
            .to_string();
        match t.contains('.') {
            true => t.trim_end_matches('0').trim_end_matches('.').to_string(),
            false => t,
        }
    };
    bare(t) == bare(&format!("{f}"))
}

fn decimal<S: Sink>(
    column: &Column,
    digits: Option<(u32, u32)>,
    cell: Cell<'_>,
    sink: &mut S,
) -> Accepted {
    let from_float = |f: f64| match f.is_finite() {
        true => format!("{f}"),
        false => not_finite(f).into(),
    };
    match cell {
        Cell::Int(i) => numeric(column, digits, itoa::Buffer::new().format(i), sink),
        Cell::UInt(u) => numeric(column, digits, itoa::Buffer::new().format(u), sink),
        Cell::Bool(b) => numeric(column, digits, if b { "1" } else { "0" }, sink),
        Cell::F64(f) => numeric(column, digits, &from_float(f), sink),
        Cell::F32(f) if f.is_finite() => numeric(column, digits, &format!("{f}"), sink),
        Cell::F32(f) => numeric(column, digits, not_finite(f.into()), sink),
        Cell::Text(t) if notation::plain_decimal(t.as_bytes()) => numeric(column, digits, t, sink),
        _ => Err("a value that is not a number in a numeric column"),
    }
}

fn numeric<S: Sink>(
    column: &Column,
    digits: Option<(u32, u32)>,
    text: &str,
    sink: &mut S,
) -> Accepted {
    let bytes = text.as_bytes();
    let special = bytes.last().is_some_and(|b| !b.is_ascii_digit());
    if special {
        let infinite = text != "NaN";
        if infinite && (digits.is_some() || !column.infinities) {
            return match column.policies.not_finite {
                NotFinitePolicy::Null => {
                    sink.null();
                    Ok(())
                }
                _ => Err("an infinity in a numeric column that can not hold it"),
            };
        }
        if !matches!(text, "NaN" | "Infinity" | "-Infinity") {
            return Err("a malformed decimal");
        }
        sink.numeric(text);
        return Ok(());
    }
    if let Some((before, after)) = digits {
        let t = text.trim_start_matches('-');
        let (whole, fraction) = t.split_once('.').unwrap_or((t, ""));
        if fraction.len() > after as usize
            && fraction.bytes().skip(after as usize).any(|b| b != b'0')
            && column.policies.precision != PrecisionPolicy::Round
        {
            return Err("more digits after the point than the column holds");
        }
        if whole.len() > before as usize && whole.trim_start_matches('0').len() > before as usize {
            return Err("more digits before the point than the column holds");
        }
    }
    if sink.numeric(text) {
        Ok(())
    } else {
        Err("more digits than PostgreSQL's numeric holds")
    }
}

fn money<S: Sink>(digits: u8, cell: Cell<'_>, sink: &mut S) -> Accepted {
    const NOT: &str = "a value that is not an amount of money of the column's digits";
    let text = match cell {
        Cell::Decimal(t) => t.to_string(),
        Cell::Int(i) => i.to_string(),
        Cell::Text(t) if notation::plain_decimal(t.as_bytes()) => t.to_string(),
        _ => return Err(NOT),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digits_wanted = usize::from(digits);
    if fraction.bytes().skip(digits_wanted).any(|b| b != b'0') {
        return Err(NOT);
    }
    let fraction = &fraction[..fraction.len().min(digits_wanted)];
    let all = format!("{whole}{fraction:0<digits_wanted$}");
    sink.money(all.parse().map_err(|_| NOT)?, digits);
    Ok(())
}

#[inline]
fn day(d: i32) -> Result<i32, &'static str> {
    match d {
        i32::MAX | i32::MIN | FIRST_DAY..=LAST_DAY => Ok(d),
        _ => Err("a date outside PostgreSQL's range"),
    }
}

/// Moves a moment from 1970 to 2000 and looks at its range.
#[inline]
fn moment(m: i64, unit: i64, column: &Column) -> Result<i64, &'static str> {
    match m {
        i64::MAX | i64::MIN => Ok(m),
        m => in_range(m.checked_sub(EPOCH_MICROS).ok_or(FAR)?, unit, column),
    }
}

const FAR: &str = "a timestamp outside PostgreSQL's range";

#[inline]
fn in_range(m: i64, unit: i64, column: &Column) -> Result<i64, &'static str> {
    match m {
        FIRST_MOMENT..=LAST_MOMENT => fine(m, unit, column),
        _ => Err(FAR),
    }
}

/// Reads a moment that can not be counted from 1970, as the reader writes it, counted from 2000.
fn far_moment(cell: Cell<'_>) -> Option<i64> {
    let Cell::Text(t) = cell else { return None };
    let t = t.strip_suffix("+00").unwrap_or(t);
    let (date, time) = t.split_once(' ')?;
    let days = i64::from(notation::parse_date(date.as_bytes())?.checked_sub(EPOCH_DAYS)?);
    let time = notation::parse_time(time.as_bytes()).filter(|t| (0..DAY).contains(t))?;
    days.checked_mul(DAY)?.checked_add(time)
}

#[inline]
fn fine(micros: i64, unit: i64, column: &Column) -> Result<i64, &'static str> {
    if unit != 1 && micros % unit != 0 && column.policies.precision != PrecisionPolicy::Round {
        return Err("more fractional digits of a second than the column holds");
    }
    Ok(micros)
}

fn date(cell: Cell<'_>) -> Option<i32> {
    match cell {
        Cell::Date(d) => Some(d),
        Cell::Timestamp(i64::MAX) | Cell::TimestampTz(i64::MAX) => Some(i32::MAX),
        Cell::Timestamp(i64::MIN) | Cell::TimestampTz(i64::MIN) => Some(i32::MIN),
        Cell::Timestamp(m) | Cell::TimestampTz(m) if m % DAY == 0 => i32::try_from(m / DAY).ok(),
        Cell::Text(t) => infinite(t)
            .map(|up| if up { i32::MAX } else { i32::MIN })
            .or_else(|| notation::parse_date(t.as_bytes()))
            .or_else(|| {
                let m = notation::parse_timestamp(t.as_bytes())?;
                (m % DAY == 0).then(|| i32::try_from(m / DAY).ok())?
            }),
        _ => None,
    }
}

fn instant(cell: Cell<'_>) -> Option<i64> {
    match cell {
        Cell::Timestamp(m) | Cell::TimestampTz(m) => Some(m),
        Cell::Date(i32::MAX) => Some(i64::MAX),
        Cell::Date(i32::MIN) => Some(i64::MIN),
        Cell::Date(d) => i64::from(d).checked_mul(DAY),
        Cell::Text(t) => infinite(t)
            .map(|up| if up { i64::MAX } else { i64::MIN })
            .or_else(|| notation::parse_timestamp_tz(t.as_bytes()))
            .or_else(|| notation::parse_timestamp(t.as_bytes())),
        _ => None,
    }
}

fn infinite(t: &str) -> Option<bool> {
    match t {
        "infinity" => Some(true),
        "-infinity" => Some(false),
        _ => None,
    }
}

fn bad_date<S: Sink>(column: &Column, cell: Cell<'_>, sink: &mut S) -> Accepted {
    match (cell, column.policies.bad_date) {
        (Cell::Text(_), BadDatePolicy::Null) => {
            sink.null();
            Ok(())
        }
        (Cell::Text(_), _) => Err("a date that no calendar has"),
        _ => Err("a value that is not a date"),
    }
}

fn json(column: &Column, cell: Cell<'_>, mut take: impl FnMut(&str) -> Accepted) -> Accepted {
    match cell {
        Cell::Json(t) | Cell::Text(t) => {
            if memchr::memchr(0, t.as_bytes()).is_some() {
                return match column.policies.nul {
                    NulPolicy::Stop | NulPolicy::Reject => Err("U+0000 in JSON"),
                    NulPolicy::Strip => take(&t.replace('\0', "")),
                    NulPolicy::Replace => take(&t.replace('\0', "\u{2400}")),
                };
            }
            take(t)
        }
        Cell::Bool(_) | Cell::Int(_) | Cell::UInt(_) => any_text(cell, column, take),
        Cell::F64(f) if f.is_finite() => any_text(cell, column, take),
        Cell::F32(f) if f.is_finite() => any_text(cell, column, take),
        Cell::Decimal(t) if notation::plain_decimal(t.as_bytes()) => take(t),
        _ => Err("a value that is not JSON"),
    }
}

/// `jsonb` keeps text, and text can not hold U+0000, so it refuses the escape for it.
fn jsonb<S: Sink>(column: &Column, t: &str, sink: &mut S) -> Accepted {
    let nuls = nul_escapes(t);
    if nuls.is_empty() {
        sink.jsonb(t);
        return Ok(());
    }
    let put = match column.policies.nul {
        NulPolicy::Stop | NulPolicy::Reject => return Err("U+0000 in JSON"),
        NulPolicy::Strip => "",
        NulPolicy::Replace => "\u{2400}",
    };
    let mut out = String::with_capacity(t.len());
    let mut from = 0;
    for at in nuls {
        out.push_str(&t[from..at]);
        out.push_str(put);
        from = at + 6;
    }
    out.push_str(&t[from..]);
    sink.jsonb(&out);
    Ok(())
}

/// Where `\u0000` stands with an unescaped backslash.
fn nul_escapes(t: &str) -> Vec<usize> {
    memchr::memmem::find_iter(t.as_bytes(), b"\\u0000")
        .filter(|at| {
            let before = t.as_bytes()[..*at]
                .iter()
                .rev()
                .take_while(|b| **b == b'\\')
                .count();
            before % 2 == 0
        })
        .collect()
}

fn bits<S: Sink>(length: Option<u32>, varying: bool, cell: Cell<'_>, sink: &mut S) -> Accepted {
    const LENGTH: &str = "a bit string of another length than the column's";
    let fits = |n: u32| match length {
        None => true,
        Some(l) if varying => n <= l,
        Some(l) => n == l,
    };
    match cell {
        Cell::Bits(n, b) if fits(n) => sink.bits(n, b),
        Cell::Bits(..) => return Err(LENGTH),
        Cell::Bool(b) if fits(1) => sink.bits(1, &[u8::from(b) << 7]),
        Cell::Int(i) => {
            let n = length.filter(|n| (1..=64).contains(n)).ok_or(LENGTH)?;
            let value = u64::try_from(i).map_err(|_| LENGTH)?;
            if n < 64 && value >> n != 0 {
                return Err(LENGTH);
            }
            sink.bits(
                n,
                &(value << (64 - n)).to_be_bytes()[..n.div_ceil(8) as usize],
            );
        }
        Cell::Text(t) => {
            let (n, b) =
                notation::parse_bits(t.as_bytes()).ok_or("text that is not a bit string")?;
            if !fits(n) {
                return Err(LENGTH);
            }
            sink.bits(n, &b);
        }
        _ => return Err("a value that is not a bit string"),
    }
    Ok(())
}
