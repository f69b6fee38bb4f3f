//! Moments read and written by a pattern, as `to_date` and `to_char` do.

use super::super::super::cell::{Result, fail, float, text};
use super::super::super::check::{Typed, Wrong, strict1};
use super::super::super::decimal::Decimal;
use super::super::super::kind::{Kind, text_of};
use super::super::{Args, plain};
use super::{DAY, OUT, SECOND, date, micros};
use limosa_core::batch::Cell;
use limosa_core::notation::{civil_from_days, days_from_civil, days_in_month};

const PATTERN: &str = "Patterns: YYYY, MM, DD, HH24, HH12, MI, SS, MS, US, AM, Mon, TZH, TZM, DDD; other characters are themselves, and texts stand in double quotes.";

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

pub(super) fn to_moment(mut args: Args<'_>) -> Result<Typed, Wrong> {
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
    let x = super::super::of(x, Kind::Text, args.name)?;
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

pub(super) fn to_char(mut args: Args<'_>) -> Result<Typed, Wrong> {
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
