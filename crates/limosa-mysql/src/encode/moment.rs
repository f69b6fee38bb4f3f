//! Dates and moments within the calendar that this server has.

use super::{
    AFTER_LAST_DAY, Column, FIRST_DAY, MICROS_PER_DAY, Put, YEAR_ZERO, bad_date, not_finite, null,
};
use limosa_core::notation;
use limosa_core::policy::{BadDatePolicy, PrecisionPolicy};

/// Checks that no fraction is lost to the column's number of digits.
pub(super) fn fraction(
    column: &Column,
    micros: i64,
    digits: u8,
) -> std::result::Result<i64, String> {
    let unit = 10i64.pow(6 - u32::from(digits));
    if unit == 1 || matches!(micros, i64::MAX | i64::MIN) || micros % unit == 0 {
        return Ok(micros);
    }
    if column.policies.precision == PrecisionPolicy::Round {
        return Ok((micros + unit / 2).div_euclid(unit) * unit);
    }
    Err("a moment with more fractional digits than the column".into())
}

/// The first day that is written: of the year 0, unless somebody decided otherwise about what no calendar has.
fn first_day(column: &Column) -> i64 {
    match column.policies.bad_date {
        BadDatePolicy::Stop | BadDatePolicy::Text => YEAR_ZERO,
        BadDatePolicy::Null | BadDatePolicy::Reject => FIRST_DAY,
    }
}

pub(super) fn date(column: &Column, days: i32, out: &mut Vec<u8>) -> Put {
    match i64::from(days) {
        _ if matches!(days, i32::MAX | i32::MIN) => not_finite(column, out, "an infinite date"),
        d if (first_day(column)..AFTER_LAST_DAY).contains(&d) => {
            notation::write_date(out, days);
            Ok(())
        }
        _ => bad_date(column, out, "a year below 1 or above 9999"),
    }
}

pub(super) fn moment_limits(
    column: &Column,
    micros: i64,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>),
) -> Put {
    if matches!(micros, i64::MAX | i64::MIN) {
        return not_finite(column, out, "an infinite date");
    }
    if !(first_day(column) * MICROS_PER_DAY..AFTER_LAST_DAY * MICROS_PER_DAY).contains(&micros) {
        return bad_date(column, out, "a year below 1 or above 9999");
    }
    write(out);
    Ok(())
}

/// Text in a date or timestamp column: a date that no calendar has, which this server can hold as it
/// is (`0000-00-00`, `2024-02-30`), or a proper one of a source without types.
pub(super) fn date_text(column: &Column, text: &str, out: &mut Vec<u8>) -> Put {
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
