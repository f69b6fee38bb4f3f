//! Moments with a span added to them or taken off, and spans as they are written.

use super::super::super::cell::{Result, fail, int};
use super::super::super::check::{Typed, Wrong, strict1, strict2};
use super::super::super::decimal::Decimal;
use super::super::super::kind::{Kind, integer};
use super::super::plain;
use super::{DAY, OUT, SECOND, micros};
use limosa_core::batch::Cell;
use limosa_core::notation::{self, civil_from_days, days_from_civil, days_in_month};
use limosa_core::schema::Type;

/// Adds months (the day held to the month's length), then days, then microseconds.
fn shifted(t: i64, months: i64, days: i64, micros: i64, step: &'static str) -> Result<i64> {
    let out = || fail(step, OUT);
    let (mut day, clock) = (t.div_euclid(DAY), t.rem_euclid(DAY));
    if months != 0 {
        let (y, m, d) = civil_from_days(day);
        let all = y * 12 + i64::from(m) - 1 + months;
        let (y, m) = (all.div_euclid(12), all.rem_euclid(12) as u32 + 1);
        day = days_from_civil(y, m, d.min(days_in_month(y, m)));
    }
    let made = day
        .checked_add(days)
        .and_then(|d| d.checked_mul(DAY))
        .and_then(|t| t.checked_add(clock))
        .and_then(|t| t.checked_add(micros));
    match made {
        Some(t) if t != i64::MAX && t != i64::MIN => Ok(t),
        _ => out(),
    }
}

fn moved(a: Typed, b: Typed, sign: i64, step: &'static str) -> Result<Typed, Wrong> {
    let zoned = a.kind == Kind::TimestampTz;
    let ty = plain(if zoned {
        Kind::TimestampTz
    } else {
        Kind::Timestamp
    });
    Ok(strict2(a, b, ty, move |_, a, b| {
        if let Cell::Timestamp(i64::MAX | i64::MIN) | Cell::TimestampTz(i64::MAX | i64::MIN) = a {
            return Ok(a);
        }
        let t = micros(a, step)?;
        let Cell::Interval(m, d, u) = b else {
            return fail(step, "the value is no interval");
        };
        let Some(u) = u.checked_mul(sign) else {
            return fail(step, OUT);
        };
        let t = shifted(t, i64::from(m) * sign, i64::from(d) * sign, u, step)?;
        Ok(if zoned {
            Cell::TimestampTz(t)
        } else {
            Cell::Timestamp(t)
        })
    }))
}

fn days(a: Typed, b: Typed, sign: i128, step: &'static str) -> Typed {
    strict2(a, b, Type::Date, move |_, a, b| match a {
        Cell::Date(i32::MAX | i32::MIN) => Ok(a),
        Cell::Date(d) => {
            let made = i128::from(d) + sign * int(b)?;
            match i32::try_from(made) {
                Ok(d) if d != i32::MAX && d != i32::MIN => Ok(Cell::Date(d)),
                _ => fail(step, OUT),
            }
        }
        _ => fail(step, "the value is no date"),
    })
}

/// `a + b` where one of them is a moment or an interval.
pub(in super::super) fn plus(a: Typed, b: Typed) -> Result<Typed, Wrong> {
    match (a.kind, b.kind) {
        (Kind::Date, Kind::Integer) => Ok(days(a, b, 1, "+")),
        (Kind::Integer, Kind::Date) => Ok(days(b, a, 1, "+")),
        (Kind::Date | Kind::Timestamp | Kind::TimestampTz, Kind::Interval) => moved(a, b, 1, "+"),
        (Kind::Interval, Kind::Date | Kind::Timestamp | Kind::TimestampTz) => moved(b, a, 1, "+"),
        (Kind::Interval, Kind::Interval) => Ok(strict2(a, b, Type::Interval, |_, a, b| {
            let (Cell::Interval(m, d, u), Cell::Interval(n, e, v)) = (a, b) else {
                return fail("+", "the value is no interval");
            };
            match (m.checked_add(n), d.checked_add(e), u.checked_add(v)) {
                (Some(m), Some(d), Some(u)) => Ok(Cell::Interval(m, d, u)),
                _ => fail("+", OUT),
            }
        })),
        (x, y) => a.wrong(format!("there is no + of {} and {}", x.word(), y.word())),
    }
}

/// `a - b` where one of them is a moment or an interval.
pub(in super::super) fn minus(a: Typed, b: Typed) -> Result<Typed, Wrong> {
    match (a.kind, b.kind) {
        (Kind::Date, Kind::Integer) => Ok(days(a, b, -1, "-")),
        (Kind::Date, Kind::Date) => Ok(strict2(a, b, integer(32), |_, a, b| {
            let n = (micros(a, "-")? - micros(b, "-")?) / DAY;
            match i32::try_from(n) {
                Ok(n) => Ok(Cell::Int(n.into())),
                Err(_) => fail("-", OUT),
            }
        })),
        (Kind::Date | Kind::Timestamp | Kind::TimestampTz, Kind::Interval) => moved(a, b, -1, "-"),
        (Kind::Timestamp | Kind::Date, Kind::Timestamp | Kind::Date)
        | (Kind::TimestampTz, Kind::TimestampTz) => Ok(strict2(a, b, Type::Interval, |_, a, b| {
            let Some(n) = micros(a, "-")?.checked_sub(micros(b, "-")?) else {
                return fail("-", OUT);
            };
            Ok(Cell::Interval(
                0,
                i32::try_from(n / DAY).or_else(|_| fail("-", OUT))?,
                n % DAY,
            ))
        })),
        (Kind::Interval, Kind::Interval) => {
            let b = negate(b)?;
            plus(a, b)
        }
        (x, y) => a.wrong(format!("there is no - of {} and {}", x.word(), y.word())),
    }
}

/// `-a` of an interval.
pub(in super::super) fn negate(x: Typed) -> Result<Typed, Wrong> {
    Ok(strict1(x, Type::Interval, |_, x| match x {
        Cell::Interval(m, d, u) => match (m.checked_neg(), d.checked_neg(), u.checked_neg()) {
            (Some(m), Some(d), Some(u)) => Ok(Cell::Interval(m, d, u)),
            _ => fail("negate", OUT),
        },
        _ => fail("negate", "the value is no interval"),
    }))
}

/// Reads `1 year 2 months 3 days 04:05:06.7`, words in any order, or ISO 8601.
pub(in super::super) fn interval_of(text: &str) -> Option<(i32, i32, i64)> {
    let text = text.trim_ascii();
    if text.starts_with('P') {
        return notation::parse_interval(text.as_bytes());
    }
    let (mut months, mut days, mut micros) = (0i64, 0i64, 0i64);
    let mut words = text.split_ascii_whitespace();
    let mut any = false;
    while let Some(word) = words.next() {
        any = true;
        if word.contains(':') {
            micros = micros.checked_add(notation::parse_time(
                word.strip_prefix('+').unwrap_or(word).as_bytes(),
            )?)?;
            continue;
        }
        let unit = words.next()?.to_ascii_lowercase();
        if let "second" | "seconds" | "sec" | "secs" = unit.as_str() {
            let d = Decimal::read(word, "interval")
                .ok()?
                .round(6, "interval")
                .ok()?;
            micros = micros.checked_add(i64::try_from(d.m).ok()?)?;
            continue;
        }
        let n: i64 = word.parse().ok()?;
        let (to, times) = match unit.as_str() {
            "year" | "years" => (&mut months, 12),
            "month" | "months" | "mon" | "mons" => (&mut months, 1),
            "week" | "weeks" => (&mut days, 7),
            "day" | "days" => (&mut days, 1),
            "hour" | "hours" => (&mut micros, 3600 * SECOND),
            "minute" | "minutes" | "min" | "mins" => (&mut micros, 60 * SECOND),
            "millisecond" | "milliseconds" => (&mut micros, 1000),
            "microsecond" | "microseconds" => (&mut micros, 1),
            _ => return None,
        };
        *to = to.checked_add(n.checked_mul(times)?)?;
    }
    any.then_some(())?;
    Some((
        i32::try_from(months).ok()?,
        i32::try_from(days).ok()?,
        micros,
    ))
}
