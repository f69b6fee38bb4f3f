//! Dates and times in the proleptic Gregorian calendar. Instants are in UTC; no session's zone is ever asked.

mod patterns;
mod spans;

use super::super::cell::{Env, Result, fail, int};
use super::super::check::{Typed, Wrong, lazy, strict1, strict3};
use super::super::decimal::Decimal;
use super::super::kind::{Kind, integer};
use super::{Args, Function, cast, plain};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use limosa_core::batch::Cell;
use limosa_core::notation::{civil_from_days, days_from_civil, days_in_month};
use limosa_core::schema::Type;

pub(super) use spans::{interval_of, minus, negate, plus};

/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000;
const SECOND: i64 = 1_000_000;
const OUT: &str = "the moment is out of range";

pub(super) const TABLE: &[Function] = &[
    Function {
        name: "now",
        form: "now(), CURRENT_TIMESTAMP",
        about: "The moment at which the plan was made: the same for every row, after a restart and in the comparison.",
        fails: "",
        differs: "PostgreSQL's is that of the transaction",
        takes: (0, 0),
        build: now,
    },
    Function {
        name: "current_date",
        form: "CURRENT_DATE",
        about: "The date of now() in UTC.",
        fails: "",
        differs: "as now()",
        takes: (0, 0),
        build: now,
    },
    Function {
        name: "extract",
        form: "EXTRACT(field FROM moment)",
        about: "A part: year, quarter, month, week, day, hour, minute, dow (0 is Sunday), isodow, doy, isoyear as integers; second, epoch as decimals with six digits after the point. Instants are read in UTC.",
        fails: "an infinite moment",
        differs: "PostgreSQL gives a numeric for all, and NULL or infinity for infinite ones",
        takes: (2, 2),
        build: extract,
    },
    Function {
        name: "date_trunc",
        form: "date_trunc('field', moment)",
        about: "The moment with everything below the field taken off: microseconds to year.",
        fails: OUT,
        differs: "",
        takes: (2, 2),
        build: date_trunc,
    },
    Function {
        name: "make_date",
        form: "make_date(year, month, day)",
        about: "The date of three numbers.",
        fails: "numbers that no calendar has",
        differs: "",
        takes: (3, 3),
        build: make_date,
    },
    Function {
        name: "to_date",
        form: "to_date(text, 'pattern')",
        about: "A date read by a pattern; every character must fit. Patterns: YYYY, MM, DD, HH24, HH12, MI, SS, MS, US, AM, Mon, TZH, TZM, DDD; other characters are themselves, and texts stand in double quotes.",
        fails: "a text that does not fit the pattern",
        differs: "PostgreSQL passes over characters that do not fit",
        takes: (2, 2),
        build: patterns::to_moment,
    },
    Function {
        name: "to_timestamp",
        form: "to_timestamp(text, 'pattern'), to_timestamp(seconds)",
        about: "An instant read by a pattern, in UTC unless TZH says otherwise; or the instant so many seconds after 1970 in UTC.",
        fails: "a text that does not fit the pattern, or a number out of range",
        differs: "as to_date",
        takes: (1, 2),
        build: patterns::to_moment,
    },
    Function {
        name: "to_char",
        form: "to_char(moment, 'pattern')",
        about: "A moment written by a pattern, an instant in UTC.",
        fails: "an infinite moment",
        differs: "has these patterns only, and takes no numbers",
        takes: (2, 2),
        build: patterns::to_char,
    },
    Function {
        name: "at time zone",
        form: "moment AT TIME ZONE 'Europe/Oslo'",
        about: "Of a timestamp without zone the instant at which clocks there show it (the later one where they show it twice); of an instant what clocks there show. Zones are those of the IANA database that is built in.",
        fails: OUT,
        differs: "takes names only, no offsets",
        takes: (2, 2),
        build: at_time_zone,
    },
];

fn finite(t: i64, step: &'static str) -> Result<i64> {
    match t {
        i64::MAX | i64::MIN => fail(step, "the moment is infinite"),
        t => Ok(t),
    }
}

/// The microseconds of any moment, a date being its midnight.
fn micros(cell: Cell<'_>, step: &'static str) -> Result<i64> {
    match cell {
        Cell::Date(i32::MAX | i32::MIN) => fail(step, "the moment is infinite"),
        Cell::Date(d) => Ok(i64::from(d) * DAY),
        Cell::Timestamp(t) | Cell::TimestampTz(t) => finite(t, step),
        _ => fail(step, "the value is no moment"),
    }
}

fn now(args: Args<'_>) -> Result<Typed, Wrong> {
    let date = args.name == "current_date";
    let ty = plain(if date { Kind::Date } else { Kind::TimestampTz });
    let mut made = lazy(Vec::new(), ty, move |_| {
        move |env: &Env<'_, '_>| {
            Ok(match date {
                true => Cell::Date(i32::try_from(env.now.div_euclid(DAY)).unwrap_or(0)),
                false => Cell::TimestampTz(env.now),
            })
        }
    });
    made.varies = true;
    Ok(made)
}

/// The ISO week of a day: its year and number.
fn iso_week(day: i64) -> (i64, i64) {
    // The Thursday of the week decides to which year it belongs.
    let thursday = day - (day + 3).rem_euclid(7) + 3;
    let (year, _, _) = civil_from_days(thursday);
    (year, (thursday - days_from_civil(year, 1, 1)) / 7 + 1)
}

fn extract(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let (field, at) = args.word("the field")?;
    let field = field.to_ascii_lowercase();
    let x = args.any();
    if !matches!(
        x.kind,
        Kind::Date | Kind::Time | Kind::Timestamp | Kind::TimestampTz
    ) {
        return x.wrong(format!(
            "extract takes a date, time or timestamp, and this is {}",
            x.kind.word()
        ));
    }
    let clocked = ["hour", "minute", "second"];
    if x.kind == Kind::Time && !clocked.contains(&field.as_str())
        || x.kind == Kind::Date && clocked.contains(&field.as_str())
    {
        return Err(Wrong {
            at,
            why: format!("{} has no {field}", x.kind.word()),
        });
    }
    let clock = |cell: Cell<'_>| match cell {
        Cell::Time(t) => Ok(t),
        cell => micros(cell, "extract").map(|t| t.rem_euclid(DAY)),
    };
    let day = |cell: Cell<'_>| micros(cell, "extract").map(|t| t.div_euclid(DAY));
    if let "second" | "epoch" = field.as_str() {
        let epoch = field == "epoch";
        let ty = Type::Decimal {
            precision: Some(if epoch { 20 } else { 8 }),
            scale: Some(6),
        };
        return Ok(strict1(x, ty, move |env, x| {
            let m = match epoch {
                true => micros(x, "extract")?,
                false => clock(x)? % (60 * SECOND),
            };
            let d = Decimal {
                m: m.into(),
                scale: 6,
            };
            Ok(Cell::Decimal(env.arena.alloc_str(&d.write())))
        }));
    }
    // Years before 1 are counted without a year 0.
    let year = |y: i64| if y <= 0 { y - 1 } else { y };
    let part: Box<dyn Fn(Cell<'_>) -> Result<i64> + Send + Sync> = match field.as_str() {
        "year" => Box::new(move |c| Ok(year(civil_from_days(day(c)?).0))),
        "month" => Box::new(move |c| Ok(civil_from_days(day(c)?).1.into())),
        "day" => Box::new(move |c| Ok(civil_from_days(day(c)?).2.into())),
        "quarter" => Box::new(move |c| Ok(i64::from(civil_from_days(day(c)?).1 - 1) / 3 + 1)),
        "dow" => Box::new(move |c| Ok((day(c)? + 4).rem_euclid(7))),
        "isodow" => Box::new(move |c| Ok((day(c)? + 3).rem_euclid(7) + 1)),
        "doy" => Box::new(move |c| {
            let d = day(c)?;
            Ok(d - days_from_civil(civil_from_days(d).0, 1, 1) + 1)
        }),
        "week" => Box::new(move |c| Ok(iso_week(day(c)?).1)),
        "isoyear" => Box::new(move |c| Ok(year(iso_week(day(c)?).0))),
        "hour" => Box::new(move |c| Ok(clock(c)? / (3600 * SECOND))),
        "minute" => Box::new(move |c| Ok(clock(c)? / (60 * SECOND) % 60)),
        _ => {
            return Err(Wrong {
                at,
                why: format!(
                    "there is no field {field}; there are year, quarter, month, week, day, hour, minute, second, dow, isodow, doy, isoyear and epoch"
                ),
            });
        }
    };
    Ok(strict1(x, integer(32), move |_, x| Ok(Cell::Int(part(x)?))))
}

fn date_trunc(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let (field, at) = args.word("the field")?;
    let x = args.any();
    let x = match x.kind {
        Kind::Date => cast(x, &plain(Kind::Timestamp))?,
        Kind::Timestamp | Kind::TimestampTz => x,
        kind => {
            return x.wrong(format!(
                "date_trunc takes a timestamp, and this is {}",
                kind.word()
            ));
        }
    };
    let unit = match field.to_ascii_lowercase().as_str() {
        "microseconds" => 1,
        "milliseconds" => 1000,
        "second" => SECOND,
        "minute" => 60 * SECOND,
        "hour" => 3600 * SECOND,
        "day" => DAY,
        "week" => -1,
        "month" => -2,
        "quarter" => -3,
        "year" => -4,
        other => {
            return Err(Wrong {
                at,
                why: format!("date_trunc has no field {other}"),
            });
        }
    };
    let zoned = x.kind == Kind::TimestampTz;
    let ty = x.ty.clone();
    Ok(strict1(x, ty, move |_, x| {
        if let Cell::Timestamp(i64::MAX | i64::MIN) | Cell::TimestampTz(i64::MAX | i64::MIN) = x {
            return Ok(x);
        }
        let t = micros(x, "date_trunc")?;
        let day = t.div_euclid(DAY);
        let (y, m, _) = civil_from_days(day);
        let t = match unit {
            -1 => (day - (day + 3).rem_euclid(7)) * DAY,
            -2 => days_from_civil(y, m, 1) * DAY,
            -3 => days_from_civil(y, (m - 1) / 3 * 3 + 1, 1) * DAY,
            -4 => days_from_civil(y, 1, 1) * DAY,
            unit => t.div_euclid(unit) * unit,
        };
        Ok(if zoned {
            Cell::TimestampTz(t)
        } else {
            Cell::Timestamp(t)
        })
    }))
}

fn make_date(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let (y, m, d) = (
        args.of(Kind::Integer)?,
        args.of(Kind::Integer)?,
        args.of(Kind::Integer)?,
    );
    Ok(strict3(y, m, d, Type::Date, |_, y, m, d| {
        let (y, m, d) = (int(y)?, int(m)?, int(d)?);
        match date(y as i64, m as i64, d as i64) {
            Some(days) if (1..=9999).contains(&y) => Ok(Cell::Date(days)),
            _ => fail("make_date", "no calendar has the date"),
        }
    }))
}

fn date(y: i64, m: i64, d: i64) -> Option<i32> {
    let (m, d) = (u32::try_from(m).ok()?, u32::try_from(d).ok()?);
    let good = (1..=12).contains(&m) && d >= 1 && d <= days_in_month(y, m);
    good.then(|| i32::try_from(days_from_civil(y, m, d)).ok())
        .flatten()
}

/// What clocks of a zone show at an instant.
fn shown(zone: &TimeZone, t: i64) -> Option<i64> {
    let at = jiff::Timestamp::from_microsecond(t).ok()?;
    let offset = zone.to_offset(at).seconds();
    t.checked_add(i64::from(offset) * SECOND)
}

/// The instant at which clocks of a zone show this.
fn instant(zone: &TimeZone, t: i64) -> Option<i64> {
    let (y, m, d) = civil_from_days(t.div_euclid(DAY));
    let clock = t.rem_euclid(DAY);
    let part = |n: i64| i8::try_from(n).ok();
    let civil = DateTime::new(
        i16::try_from(y).ok()?,
        i8::try_from(m).ok()?,
        i8::try_from(d).ok()?,
        part(clock / (3600 * SECOND))?,
        part(clock / (60 * SECOND) % 60)?,
        part(clock / SECOND % 60)?,
        i32::try_from(clock % SECOND * 1000).ok()?,
    )
    .ok()?;
    Some(
        zone.to_ambiguous_timestamp(civil)
            .later()
            .ok()?
            .as_microsecond(),
    )
}

fn at_time_zone(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let x = args.any();
    let (name, at) = args.word("the zone")?;
    let zone = TimeZone::get(&name).map_err(|_| Wrong {
        at,
        why: format!("there is no time zone {name}; a name is like Europe/Oslo or UTC"),
    })?;
    let x = match x.kind {
        Kind::Date => cast(x, &plain(Kind::Timestamp))?,
        Kind::Timestamp | Kind::TimestampTz => x,
        kind => {
            return x.wrong(format!(
                "AT TIME ZONE takes a timestamp, and this is {}",
                kind.word()
            ));
        }
    };
    let zoned = x.kind == Kind::TimestampTz;
    let precision = match x.ty.base() {
        Type::Timestamp { precision, .. } => *precision,
        _ => 6,
    };
    let ty = Type::Timestamp {
        precision,
        zoned: !zoned,
    };
    Ok(strict1(x, ty, move |_, x| {
        let made = match x {
            Cell::Timestamp(t @ (i64::MAX | i64::MIN)) => return Ok(Cell::TimestampTz(t)),
            Cell::TimestampTz(t @ (i64::MAX | i64::MIN)) => return Ok(Cell::Timestamp(t)),
            Cell::Timestamp(t) => instant(&zone, t).map(Cell::TimestampTz),
            Cell::TimestampTz(t) => shown(&zone, t).map(Cell::Timestamp),
            _ => None,
        };
        made.map_or_else(|| fail("AT TIME ZONE", OUT), Ok)
    }))
}
