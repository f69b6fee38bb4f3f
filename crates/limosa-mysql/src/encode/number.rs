//! Numbers, refused or rounded where the column has too few digits.

use super::{Column, Put, not_finite, wrong};
use limosa_core::batch::Cell;
use limosa_core::notation;
use limosa_core::policy::PrecisionPolicy;

pub(super) fn whole_number(text: &str) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    fraction
        .bytes()
        .all(|b| b == b'0')
        .then(|| whole.parse().ok())?
}

pub(super) fn float(column: &Column, f: f64, out: &mut Vec<u8>) -> Put {
    if !f.is_finite() {
        return not_finite(column, out, "NaN or an infinity in a float column");
    }
    if f == 0.0 && f.is_sign_negative() && column.policies.precision == PrecisionPolicy::Reject {
        return Err("-0.0 in a float column, which MariaDB keeps as 0".into());
    }
    out.extend_from_slice(ryu::Buffer::new().format_finite(f).as_bytes());
    Ok(())
}

pub(super) fn decimal(
    column: &Column,
    cell: Cell<'_>,
    whole: usize,
    scale: usize,
    out: &mut Vec<u8>,
) -> Put {
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
pub(super) fn round(left: &str, right: &str, scale: usize) -> String {
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
