//! Cells → storage values. All formatting is done here, on the reading side, so that the one writer
//! only binds.
//!
//! # Why no value changes in silence
//!
//! A STRICT column takes exactly one storage class; what has no exact value of that class is rejected, unless a
//! policy says otherwise. A column of a table that is not STRICT takes every class as it comes.

use crate::block;
use crate::types::{self, Native, Storage};
use limosa_core::batch::{Batch, Cell, Reject};
use limosa_core::engine::{ColumnWrite, Encoder, LoadSpec};
use limosa_core::notation;
use limosa_core::policy::{
    InvalidTextPolicy, NotFinitePolicy, NulPolicy, Policies, PrecisionPolicy,
};
use limosa_core::schema::Type;

struct ColumnPlan {
    storage: Storage,
    /// Whether the column keeps whole floats as integers, which have no negative zero.
    whole: bool,
    /// Digits after the point, of decimals.
    scale: Option<usize>,
    /// Digits of seconds.
    digits: u8,
    nullable: bool,
    /// Whether the cells are words for true and false in a text column.
    truth_as_words: bool,
    policies: Policies,
}

impl ColumnPlan {
    fn new(column: &ColumnWrite) -> Self {
        let target = column.target.base();
        let native = Native::parse(&column.native);
        let storage = native.storage();
        Self {
            storage,
            whole: match storage {
                Storage::Real => true,
                Storage::Any if !native.strict => !matches!(
                    types::declared(&native.declared),
                    Type::Dynamic | Type::Text { .. } | Type::Varchar { .. } | Type::Blob { .. }
                ),
                _ => false,
            },
            scale: match target {
                Type::Decimal { scale: Some(s), .. } => usize::try_from(*s).ok(),
                Type::Money { digits } => Some(usize::from(*digits)),
                _ => None,
            },
            digits: match (target, column.source.base()) {
                (Type::Time { precision, .. } | Type::Timestamp { precision, .. }, _)
                | (_, Type::Time { precision, .. } | Type::Timestamp { precision, .. }) => {
                    (*precision).min(6)
                }
                _ => 6,
            },
            nullable: column.nullable,
            truth_as_words: target.text(),
            policies: column.policies,
        }
    }
}

/// The encoder of one table.
pub(crate) struct SqliteEncoder {
    columns: Vec<ColumnPlan>,
}

impl SqliteEncoder {
    pub(crate) fn new(spec: &LoadSpec) -> Self {
        Self {
            columns: spec.columns.iter().map(ColumnPlan::new).collect(),
        }
    }
}

impl Encoder for SqliteEncoder {
    fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>) -> Result<(), Reject> {
        let start = out.len();
        let mut cells = batch.cells();
        for row in 0..batch.rows() {
            for (at, column) in self.columns.iter().enumerate() {
                let cell = cells.next().expect("a batch holds whole rows");
                if let Err(reason) = encode(cell, column, out) {
                    out.truncate(start);
                    return Err(Reject {
                        row,
                        column: at,
                        reason,
                    });
                }
            }
        }
        Ok(())
    }
}

#[cold]
fn refuse(cell: Cell<'_>, column: &ColumnPlan) -> String {
    let place = match column.storage {
        Storage::Integer => "an integer column",
        Storage::Real => "a float column",
        Storage::Text => "a text column",
        Storage::Blob => "a bytes column",
        Storage::Any => "a column",
    };
    format!("{} in {place}", cell.kind())
}

#[inline]
fn encode(cell: Cell<'_>, column: &ColumnPlan, out: &mut Vec<u8>) -> Result<(), String> {
    match (cell, column.storage) {
        (Cell::Null, _) => {
            if !column.nullable {
                return Err("NULL in a column that forbids it".into());
            }
            block::null(out);
        }
        (Cell::Int(i), Storage::Integer | Storage::Any) => block::integer(out, i),
        (Cell::Text(s), Storage::Text | Storage::Any) => {
            if matches!(column.policies.nul, NulPolicy::Stop | NulPolicy::Reject)
                || !s.contains('\0')
            {
                block::text(out, s.as_bytes());
            } else {
                // The policy is about targets that can not hold it, but who chose one wants it done.
                let with = match column.policies.nul {
                    NulPolicy::Strip => "",
                    _ => "\u{2400}",
                };
                block::text(out, s.replace('\0', with).as_bytes());
            }
        }
        (Cell::F64(f), Storage::Real | Storage::Any) => return real(f, column, out),
        (Cell::F32(f), Storage::Real | Storage::Any) => return real(f64::from(f), column, out),
        (Cell::Bytes(b), Storage::Blob) => block::blob(out, b),
        (_, Storage::Integer) => return integer(cell, column, out),
        (_, Storage::Real) => return number(cell, column, out),
        (Cell::Text(s) | Cell::Json(s), Storage::Blob) => block::blob(out, s.as_bytes()),
        (_, Storage::Blob) => return Err(refuse(cell, column)),
        (Cell::Bytes(b), Storage::Any) => block::blob(out, b),
        (Cell::Bool(b), Storage::Any) if !column.truth_as_words => {
            block::integer(out, i64::from(b));
        }
        (_, Storage::Text | Storage::Any) => return text(cell, column, out),
    }
    Ok(())
}

fn real(f: f64, column: &ColumnPlan, out: &mut Vec<u8>) -> Result<(), String> {
    if f.is_nan() {
        return match column.policies.not_finite {
            NotFinitePolicy::Null if column.nullable => {
                block::null(out);
                Ok(())
            }
            NotFinitePolicy::Text if column.storage == Storage::Any => {
                block::text(out, b"NaN");
                Ok(())
            }
            _ => Err("NaN in a float, which SQLite keeps as NULL".into()),
        };
    }
    if f == 0.0
        && f.is_sign_negative()
        && column.whole
        && column.policies.precision != PrecisionPolicy::Round
    {
        return Err("-0.0, which SQLite keeps as 0.0 in a float column".into());
    }
    block::real(out, f);
    Ok(())
}

fn integer(cell: Cell<'_>, column: &ColumnPlan, out: &mut Vec<u8>) -> Result<(), String> {
    let whole = match cell {
        Cell::Bool(b) => Some(i64::from(b)),
        Cell::Bits(1, bits) => Some(i64::from(bits.first().is_some_and(|b| b & 0x80 != 0))),
        Cell::Decimal(s) => {
            let (whole, fraction) = s.split_once('.').unwrap_or((s, ""));
            (fraction.bytes().all(|b| b == b'0'))
                .then(|| whole.parse().ok())
                .flatten()
        }
        // Above 2^53 a float is no longer the number that somebody wrote.
        Cell::F64(f) if f.fract() == 0.0 && f.abs() <= 9_007_199_254_740_992.0 => Some(f as i64),
        Cell::F32(f) if f.fract() == 0.0 && f.abs() <= 16_777_216.0 => Some(f as i64),
        Cell::Text(s) => s.parse::<i64>().ok().filter(|i| {
            let mut buffer = itoa::Buffer::new();
            buffer.format(*i) == s
        }),
        _ => None,
    };
    match whole {
        Some(i) => {
            block::integer(out, i);
            Ok(())
        }
        None => Err(refuse(cell, column)),
    }
}

fn number(cell: Cell<'_>, column: &ColumnPlan, out: &mut Vec<u8>) -> Result<(), String> {
    let float = match cell {
        Cell::Int(i) if (i as f64) as i128 == i128::from(i) => Some(i as f64),
        Cell::Int(i) if column.policies.precision == PrecisionPolicy::Round => Some(i as f64),
        Cell::UInt(u) if column.policies.precision == PrecisionPolicy::Round => Some(u as f64),
        Cell::Bool(b) => Some(f64::from(u8::from(b))),
        Cell::Decimal("NaN") => return real(f64::NAN, column, out),
        Cell::Decimal("Infinity") => Some(f64::INFINITY),
        Cell::Decimal("-Infinity") => Some(f64::NEG_INFINITY),
        Cell::Decimal(s) => match s.parse::<f64>() {
            Ok(f) if f.is_finite() => {
                let exact = column.policies.precision == PrecisionPolicy::Round || {
                    let plain = f.to_string();
                    same_number(s, &plain)
                };
                exact.then_some(f)
            }
            _ => None,
        },
        _ => None,
    };
    match float {
        Some(f) => real(f, column, out),
        None => Err(refuse(cell, column)),
    }
}

/// Whether two plain decimals are one number.
fn same_number(a: &str, b: &str) -> bool {
    fn parts(s: &str) -> (bool, &str, &str) {
        let (negative, s) = match s.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, s),
        };
        let (whole, fraction) = s.split_once('.').unwrap_or((s, ""));
        (
            negative,
            whole.trim_start_matches('0'),
            fraction.trim_end_matches('0'),
        )
    }
    parts(a) == parts(b)
}

/// Writes a decimal with at least `scale` digits after the point; more only where they are not zeros.
fn decimal(out: &mut Vec<u8>, s: &str, scale: Option<usize>) {
    let Some(scale) = scale.filter(|_| !matches!(s, "NaN" | "Infinity" | "-Infinity")) else {
        return out.extend_from_slice(s.as_bytes());
    };
    let (whole, fraction) = s.split_once('.').unwrap_or((s, ""));
    let needed = fraction.trim_end_matches('0').len();
    let digits = scale.max(needed);
    out.extend_from_slice(whole.as_bytes());
    if digits > 0 {
        out.push(b'.');
        out.extend_from_slice(&fraction.as_bytes()[..fraction.len().min(digits)]);
        out.resize(out.len() + digits.saturating_sub(fraction.len()), b'0');
    }
}

/// The digits of a fraction of a second, never fewer than are needed.
fn enough(micros: i64, digits: u8) -> u8 {
    let mut scale = 10i64.pow(u32::from(6 - digits));
    let mut digits = digits;
    while micros % scale != 0 {
        scale /= 10;
        digits += 1;
    }
    digits
}

fn text(cell: Cell<'_>, column: &ColumnPlan, out: &mut Vec<u8>) -> Result<(), String> {
    let digits = column.digits;
    match cell {
        Cell::Null => block::null(out),
        Cell::Bool(b) if column.truth_as_words => {
            block::text(out, if b { b"true" } else { b"false" });
        }
        Cell::Bool(b) => block::text(out, if b { b"1" } else { b"0" }),
        Cell::Int(i) => block::text_with(out, |out| {
            decimal(out, itoa::Buffer::new().format(i), column.scale);
        }),
        Cell::UInt(u) => block::text_with(out, |out| {
            decimal(out, itoa::Buffer::new().format(u), column.scale);
        }),
        Cell::F32(f) => block::text_with(out, |out| {
            float(
                out,
                f.is_finite(),
                f.to_string(),
                ryu::Buffer::new().format(f),
                column.scale,
            );
        }),
        Cell::F64(f) => block::text_with(out, |out| {
            float(
                out,
                f.is_finite(),
                f.to_string(),
                ryu::Buffer::new().format(f),
                column.scale,
            );
        }),
        Cell::Decimal(s) => block::text_with(out, |out| decimal(out, s, column.scale)),
        Cell::Text(s) | Cell::Json(s) => block::text(out, s.as_bytes()),
        Cell::Bytes(b) => match column.policies.invalid_text {
            InvalidTextPolicy::Replace => block::text(out, String::from_utf8_lossy(b).as_bytes()),
            _ => return Err("bytes that are not UTF-8 in a text column".into()),
        },
        Cell::Date(d) => block::text_with(out, |out| notation::write_date(out, d)),
        Cell::Time(t) => {
            block::text_with(out, |out| notation::write_time(out, t, enough(t, digits)));
        }
        Cell::TimeTz(t, offset) => block::text_with(out, |out| {
            notation::write_time(out, t, enough(t, digits));
            notation::write_offset(out, offset);
        }),
        Cell::Timestamp(t) => {
            block::text_with(out, |out| {
                notation::write_timestamp(out, t, enough(t, digits))
            });
        }
        Cell::TimestampTz(t) => block::text_with(out, |out| {
            notation::write_timestamp(out, t, enough(t, digits));
            if t != i64::MAX && t != i64::MIN {
                out.extend_from_slice(b"+00:00");
            }
        }),
        Cell::Interval(m, d, u) => {
            block::text_with(out, |out| notation::write_interval(out, m, d, u));
        }
        Cell::Uuid(u) => block::text_with(out, |out| notation::write_uuid(out, u)),
        Cell::Bits(n, bits) => block::text_with(out, |out| notation::write_bits(out, n, bits)),
    }
    Ok(())
}

/// Floats as text: plain digits in a decimal column, else the shortest form that reads back.
fn float(out: &mut Vec<u8>, finite: bool, plain: String, short: &str, scale: Option<usize>) {
    match (finite, scale) {
        (true, Some(_)) => decimal(out, &plain, scale),
        (true, None) => out.extend_from_slice(short.as_bytes()),
        (false, _) => out.extend_from_slice(match plain.as_str() {
            "inf" => b"Infinity",
            "-inf" => b"-Infinity",
            _ => b"NaN",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(s: &str, scale: Option<usize>) -> String {
        let mut out = Vec::new();
        decimal(&mut out, s, scale);
        String::from_utf8(out).expect("digits are ASCII")
    }

    #[test]
    fn decimals_get_their_scale_and_lose_no_digit() {
        assert_eq!(said("1", Some(2)), "1.00");
        assert_eq!(said("1.5", Some(2)), "1.50");
        assert_eq!(said("1.5000", Some(2)), "1.50");
        assert_eq!(said("-1.5678", Some(2)), "-1.5678");
        assert_eq!(said("7.0", Some(0)), "7");
        assert_eq!(said("7.10", None), "7.10");
        assert_eq!(said("NaN", Some(2)), "NaN");
    }

    #[test]
    fn seconds_get_their_digits_and_lose_no_fraction() {
        assert_eq!(enough(1_500_000, 0), 1);
        assert_eq!(enough(1_000_000, 0), 0);
        assert_eq!(enough(1_000_001, 3), 6);
        assert_eq!(enough(-1_500_000, 3), 3);
        assert_eq!(enough(i64::MAX, 3), 6);
    }
}
