//! Rules about dates and moments.

use super::Cause;
use limosa_core::canonical::Form;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Rules for two different moments, dates or times of day in canonical form; of texts, where both are such.
pub(super) fn moments(s: &str, t: &str, form: Form, out: &mut Vec<Cause>) {
    let (Some(a), Some(b)) = (micros(s, form), micros(t, form)) else {
        return;
    };
    let Some(shift) = b.checked_sub(a).filter(|n| *n != 0) else {
        return;
    };
    match form != Form::Time && shift % DAY == 0 {
        true => out.push(Cause::Days(shift / DAY)),
        false => out.push(Cause::Shift(shift)),
    }
    if form == Form::Timestamp || form == Form::TimestampTz {
        let day = a.rem_euclid(DAY);
        if day != 0 && a - day == b {
            out.push(Cause::TimeLost);
        }
    }
    for n in 0..6u8 {
        let unit = 10i64.pow(6 - u32::from(n));
        let rest = a.rem_euclid(unit);
        if rest != 0 && a - rest == b {
            out.push(Cause::FractionCut(n));
        }
        let up = rest * 2 >= unit;
        if rest != 0 && a - rest + if up { unit } else { 0 } == b {
            out.push(Cause::FractionRounded(n));
        }
    }
}

/// Microseconds of a moment since 1970, of a date at its beginning, of a time since midnight. `None` if it is none,
/// or has more digits than microseconds.
pub(super) fn micros(text: &str, form: Form) -> Option<i64> {
    if form == Form::Time {
        return clock(text);
    }
    let (day, clock_text) = match text.split_once([' ', 'T']) {
        Some((day, rest)) => (day, rest),
        None => (text, "00:00:00"),
    };
    let (before, day) = match day.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, day),
    };
    let mut parts = day.splitn(3, '-');
    let mut next = |digits: std::ops::RangeInclusive<usize>| -> Option<i64> {
        let part = parts.next()?;
        let digital = part.bytes().all(|b| b.is_ascii_digit());
        (digital && digits.contains(&part.len())).then(|| part.parse().ok())?
    };
    let (year, month, day) = (next(4..=6)? * before, next(2..=2)?, next(2..=2)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let at = clock(clock_text).filter(|n| (0..=DAY).contains(n))?;
    days(year, month, day).checked_mul(DAY)?.checked_add(at)
}

/// `[-]HH:MM:SS[.f]`.
fn clock(text: &str) -> Option<i64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = whole.split(':');
    let mut next = || -> Option<i64> {
        let part = parts.next()?;
        let digital = part.bytes().all(|b| b.is_ascii_digit());
        (digital && (2..=4).contains(&part.len())).then(|| part.parse().ok())?
    };
    let (hours, minutes) = (next()?, next()?);
    let seconds = match whole.matches(':').count() {
        1 => 0,
        _ => next()?,
    };
    if parts.next().is_some() || minutes > 59 || seconds > 60 || fraction.len() > 6 {
        return None;
    }
    let mut small = 0;
    for (i, b) in fraction.bytes().enumerate() {
        let digit = b.is_ascii_digit().then(|| i64::from(b - b'0'))?;
        small += digit * 10i64.pow(5 - i as u32);
    }
    Some(sign * ((hours * 3600 + minutes * 60 + seconds) * SECOND + small))
}

/// Days since 1970-01-01 in the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let of_era = y.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}
