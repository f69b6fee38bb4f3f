//! Dates and times in the proleptic Gregorian calendar. Instants are in UTC; no session's zone is ever asked.

use super::super::cell::{Env, Result, fail, float, int, text};
use super::super::check::{Typed, Wrong, lazy, strict1, strict2, strict3};
use super::super::decimal::Decimal;
use super::super::kind::{Kind, integer, text_of};
use super::{Args, Function, cast, plain};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use limosa_core::batch::Cell;
use limosa_core::notation::{self, civil_from_days, days_from_civil, days_in_month};
use limosa_core::schema::Type;

/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000;
const SECOND: i64 = 1_000_000;
const OUT: &str = "the moment is out of range";
const PATTERN: &str = "Patterns: YYYY, MM, DD, HH24, HH12, MI, SS, MS, US, AM, Mon, TZH, TZM, DDD; other characters are themselves, and texts stand in double quotes.";

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
        build: to_moment,
    },
    Function {
        name: "to_timestamp",
        form: "to_timestamp(text, 'pattern'), to_timestamp(seconds)",
        about: "An instant read by a pattern, in UTC unless TZH says otherwise; or the instant so many seconds after 1970 in UTC.",
        fails: "a text that does not fit the pattern, or a number out of range",
        differs: "as to_date",
        takes: (1, 2),
        build: to_moment,
    },
    Function {
        name: "to_char",
        form: "to_char(moment, 'pattern')",
        about: "A moment written by a pattern, an instant in UTC.",
        fails: "an infinite moment",
        differs: "has these patterns only, and takes no numbers",
        takes: (2, 2),
        build: to_char,
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
pub(super) fn plus(a: Typed, b: Typed) -> Result<Typed, Wrong> {
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
pub(super) fn minus(a: Typed, b: Typed) -> Result<Typed, Wrong> {
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
pub(super) fn negate(x: Typed) -> Result<Typed, Wrong> {
    Ok(strict1(x, Type::Interval, |_, x| match x {
        Cell::Interval(m, d, u) => match (m.checked_neg(), d.checked_neg(), u.checked_neg()) {
            (Some(m), Some(d), Some(u)) => Ok(Cell::Interval(m, d, u)),
            _ => fail("negate", OUT),
        },
        _ => fail("negate", "the value is no interval"),
    }))
}

/// Reads `1 year 2 months 3 days 04:05:06.7`, words in any order, or ISO 8601.
pub(super) fn interval_of(text: &str) -> Option<(i32, i32, i64)> {
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

/// One step of a pattern.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(&'static str),
    Text(String),
}

const FIELDS: &[&str] = &[
    "YYYY", "HH24", "HH12", "DDD", "Mon", "TZH", "TZM", "MM", "DD", "HH", "MI", "SS", "MS", "US",
    "AM", "PM",
];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

fn steps(pattern: &str, at: usize) -> Result<Vec<Step>, Wrong> {
    let mut out: Vec<Step> = Vec::new();
    let mut rest = pattern;
    let push = |out: &mut Vec<Step>, t: &str| match out.last_mut() {
        Some(Step::Text(before)) => before.push_str(t),
        _ => out.push(Step::Text(t.into())),
    };
    while let Some(c) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (word, after) = quoted.split_once('"').unwrap_or((quoted, ""));
            push(&mut out, word);
            rest = after;
        } else if let Some(field) = FIELDS.iter().find(|f| {
            rest.get(..f.len())
                .is_some_and(|r| r.eq_ignore_ascii_case(f))
        }) {
            out.push(Step::Field(field));
            rest = &rest[field.len()..];
        } else if c.is_ascii_alphabetic() && c != 'T' && c != 'Z' {
            return Err(Wrong {
                at,
                why: format!("the pattern has no field {c}. {PATTERN}"),
            });
        } else {
            push(&mut out, &rest[..c.len_utf8()]);
            rest = &rest[c.len_utf8()..];
        }
    }
    Ok(out)
}

/// Reads a text by a pattern, as microseconds in UTC.
fn read(text: &str, steps: &[Step]) -> Option<i64> {
    let mut rest = text.trim_ascii();
    let (mut y, mut m, mut d, mut doy) = (1i64, 1i64, 1i64, None);
    let (mut h, mut mi, mut s, mut us, mut pm, mut half) = (0i64, 0i64, 0i64, 0i64, None, false);
    let (mut offset, mut minus) = (0i64, false);
    fn digits(rest: &mut &str, least: usize, most: usize) -> Option<i64> {
        let n = rest
            .bytes()
            .take(most)
            .take_while(u8::is_ascii_digit)
            .count();
        let (head, tail) = rest.split_at(n);
        *rest = tail;
        (n >= least).then(|| head.parse().ok()).flatten()
    }
    for step in steps {
        match step {
            Step::Text(t) => rest = rest.strip_prefix(t.as_str())?,
            Step::Field(field) => match *field {
                "YYYY" => y = digits(&mut rest, 4, 4)?,
                "MM" => m = digits(&mut rest, 1, 2)?,
                "DD" => d = digits(&mut rest, 1, 2)?,
                "DDD" => doy = Some(digits(&mut rest, 1, 3)?),
                "HH24" => h = digits(&mut rest, 1, 2)?,
                "HH12" | "HH" => {
                    h = digits(&mut rest, 1, 2)?;
                    half = true;
                }
                "MI" => mi = digits(&mut rest, 1, 2)?,
                "SS" => s = digits(&mut rest, 1, 2)?,
                "MS" | "US" => {
                    let most = if *field == "MS" { 3 } else { 6 };
                    let before = rest.len();
                    let n = digits(&mut rest, 1, most)?;
                    us += n * 10i64.pow(6 - (before - rest.len()) as u32);
                }
                "AM" | "PM" => {
                    let word = rest.get(..2)?.to_ascii_lowercase();
                    pm = Some(match word.as_str() {
                        "am" => false,
                        "pm" => true,
                        _ => return None,
                    });
                    rest = &rest[2..];
                }
                "Mon" => {
                    let word = rest.get(..3)?;
                    m = MONTHS.iter().position(|n| n.eq_ignore_ascii_case(word))? as i64 + 1;
                    rest = &rest[3..];
                }
                "TZH" => {
                    minus = rest.starts_with('-');
                    rest = rest.strip_prefix(['-', '+'])?;
                    offset += digits(&mut rest, 1, 2)? * 3600;
                }
                _ => offset += digits(&mut rest, 1, 2)? * 60,
            },
        }
    }
    if half {
        if !(1..=12).contains(&h) {
            return None;
        }
        h = h % 12 + if pm == Some(true) { 12 } else { 0 };
    }
    if !rest.is_empty() || h > 23 || mi > 59 || s > 59 || offset > 16 * 3600 {
        return None;
    }
    let day = match doy {
        Some(n) => {
            let last = if days_in_month(y, 2) == 29 { 366 } else { 365 };
            (1..=last)
                .contains(&n)
                .then(|| days_from_civil(y, 1, 1) + n - 1)?
        }
        None => date(y, m, d)?.into(),
    };
    let local = day * DAY + ((h * 60 + mi) * 60 + s) * SECOND + us;
    Some(local - if minus { -offset } else { offset } * SECOND)
}

fn to_moment(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let as_date = args.name == "to_date";
    let x = args.any();
    if args.left() == 0 {
        if as_date || !x.kind.number() {
            return x.wrong("to_date and to_timestamp take a text and a pattern, or to_timestamp a number of seconds");
        }
        return Ok(strict1(x, plain(Kind::TimestampTz), |_, x| {
            let t = match x {
                Cell::F32(_) | Cell::F64(_) => {
                    let f = (float(x)? * 1e6).round_ties_even();
                    if f.abs() < 9e18 { Some(f as i64) } else { None }
                }
                x => Decimal::of(x, "to_timestamp")?
                    .round(6, "to_timestamp")
                    .ok()
                    .and_then(|d| i64::try_from(d.m).ok()),
            };
            match t {
                // The years that every engine here can hold.
                Some(t) if (-62_167_219_200 * SECOND..253_402_300_800 * SECOND).contains(&t) => {
                    Ok(Cell::TimestampTz(t))
                }
                _ => fail("to_timestamp", OUT),
            }
        }));
    }
    let x = super::of(x, Kind::Text, args.name)?;
    let (word, at) = args.word("the pattern")?;
    let steps = steps(&word, at)?;
    let ty = plain(if as_date {
        Kind::Date
    } else {
        Kind::TimestampTz
    });
    Ok(strict1(x, ty, move |_, x| {
        match (read(text(x)?, &steps), as_date) {
            (Some(t), true) => Ok(Cell::Date(i32::try_from(t.div_euclid(DAY)).unwrap_or(0))),
            (Some(t), false) => Ok(Cell::TimestampTz(t)),
            (None, true) => fail("to_date", "the text does not fit the pattern"),
            (None, false) => fail("to_timestamp", "the text does not fit the pattern"),
        }
    }))
}

fn to_char(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let x = args.any();
    if !matches!(x.kind, Kind::Date | Kind::Timestamp | Kind::TimestampTz) {
        return x.wrong(format!(
            "to_char takes a date or a timestamp, and this is {}",
            x.kind.word()
        ));
    }
    let (word, at) = args.word("the pattern")?;
    let steps = steps(&word, at)?;
    let most: usize = steps
        .iter()
        .map(|s| match s {
            Step::Text(t) => t.chars().count(),
            Step::Field(_) => 6,
        })
        .sum();
    Ok(strict1(x, text_of(Some(most as u64)), move |env, x| {
        let t = micros(x, "to_char")?;
        let (day, clock) = (t.div_euclid(DAY), t.rem_euclid(DAY));
        let (y, m, d) = civil_from_days(day);
        let hour = clock / (3600 * SECOND);
        let us = clock % SECOND;
        let mut out = String::new();
        for step in &steps {
            match step {
                Step::Text(t) => out.push_str(t),
                Step::Field(field) => out.push_str(&match *field {
                    "YYYY" => format!("{y:04}"),
                    "MM" => format!("{m:02}"),
                    "DD" => format!("{d:02}"),
                    "DDD" => format!("{:03}", day - days_from_civil(y, 1, 1) + 1),
                    "HH24" => format!("{hour:02}"),
                    "HH12" | "HH" => format!("{:02}", (hour + 11) % 12 + 1),
                    "MI" => format!("{:02}", clock / (60 * SECOND) % 60),
                    "SS" => format!("{:02}", clock / SECOND % 60),
                    "MS" => format!("{:03}", us / 1000),
                    "US" => format!("{us:06}"),
                    "AM" | "PM" => if hour < 12 { "AM" } else { "PM" }.into(),
                    "Mon" => MONTHS[m as usize - 1].into(),
                    "TZH" => "+00".into(),
                    _ => "00".into(),
                }),
            }
        }
        Ok(env.text(&out))
    }))
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
