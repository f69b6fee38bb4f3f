//! `CAST(x AS type)`: between which kinds, with what meaning, and how it can fail. Never cuts in silence.

use super::super::cell::{Env, Result, fail, float, int, text, whole};
use super::super::check::{Typed, Wrong, literal, strict1};
use super::super::decimal::Decimal;
use super::super::kind::{Kind, chars, digits};
use super::moments::{DAY, interval_of};
use limosa_core::batch::Cell;
use limosa_core::notation;
use limosa_core::schema::Type;
use limosa_core::value::Value;

const STEP: &str = "CAST";

/// Casts a part to a type.
pub(in super::super) fn cast(x: Typed, ty: &Type) -> Result<Typed, Wrong> {
    let to = Kind::of(ty);
    let from = x.kind;
    if from == Kind::Null {
        let at = x.at;
        return Ok(Typed {
            kind: to,
            ..literal(Value::Null, ty.clone(), at)
        });
    }
    let same = from == to;
    let shown = format!("CAST of {} to {ty}", from.word());
    let ty = ty.clone();
    let made = match (from, to) {
        (Kind::Text, Kind::Text) => match (chars(&x.ty), chars(&ty)) {
            (_, None) => retyped(x, ty),
            (Some(have), Some(n)) if have <= n => retyped(x, ty),
            (_, Some(n)) => strict1(x, ty, move |_, x| {
                let t = text(x)?;
                match t.len() <= n as usize || t.chars().count() <= n as usize {
                    true => Ok(Cell::Text(t)),
                    false => fail(STEP, "the text is longer than the type"),
                }
            })
            .fails(&format!("{shown}: a longer text (left(text, n) cuts)")),
        },
        (Kind::Integer, Kind::Integer) => {
            let Type::Integer { bits, unsigned } = ty else {
                return Ok(x);
            };
            let fits = match x.ty.base() {
                Type::Integer {
                    bits: b,
                    unsigned: u,
                } => *b <= bits && (*u == unsigned || (*u && *b < bits)),
                _ => bits >= 16,
            };
            let cast = strict1(x, ty, move |_, x| whole(int(x)?, bits, unsigned, STEP));
            match fits {
                true => cast,
                false => cast.fails(&format!("{shown}: a number out of its range")),
            }
        }
        (Kind::Integer | Kind::Decimal, Kind::Decimal) => {
            let roomy = match (digits(&x.ty), digits(&ty)) {
                (Some((a, s)), Some((b, t))) => a <= b && s <= t,
                (_, None) => true,
                _ => false,
            };
            let cast = to_decimal(x, ty, |x| Decimal::of(x, STEP));
            match roomy {
                true => cast,
                false => cast.fails(&format!(
                    "{shown}: a number with more digits before the point"
                )),
            }
        }
        (Kind::Float, Kind::Decimal) => to_decimal(x, ty, |x| match x {
            Cell::F32(f) => exact(f.into(), &f.to_string()),
            x => {
                let f = float(x)?;
                exact(f, &f.to_string())
            }
        })
        .fails(&format!("{shown}: NaN, an infinity, or too many digits")),
        (Kind::Text, Kind::Decimal) => to_decimal(x, ty, |x| Decimal::read(text(x)?, STEP)).fails(
            &format!("{shown}: a text that is no number, or too many digits"),
        ),
        (Kind::Decimal | Kind::Float | Kind::Text | Kind::Boolean, Kind::Integer) => {
            let Type::Integer { bits, unsigned } = ty else {
                return x.wrong(format!("there is no {shown}"));
            };
            let cast = strict1(x, ty, move |_, x| {
                let n = match x {
                    Cell::Bool(b) => b.into(),
                    Cell::Text(t) => read_int(t)?,
                    Cell::F32(_) | Cell::F64(_) => {
                        let f = float(x)?.round_ties_even();
                        // Beyond this no float is a whole number of 64 bits.
                        match f.abs() < 2e19 {
                            true => f as i128,
                            false => return fail(STEP, "the float is out of range"),
                        }
                    }
                    x => Decimal::of(x, STEP)?.round(0, STEP)?.m,
                };
                whole(n, bits, unsigned, STEP)
            });
            match from {
                Kind::Boolean => cast,
                Kind::Text => cast.fails(&format!(
                    "{shown}: a text that is no whole number, or out of its range"
                )),
                _ => cast.fails(&format!("{shown}: a number out of its range")),
            }
        }
        (Kind::Integer | Kind::Decimal | Kind::Float | Kind::Text, Kind::Float) => {
            let single = matches!(ty, Type::Float { bits: 32 });
            let cast = strict1(x, ty, move |_, x| {
                let f = match x {
                    Cell::Text(t) => read_float(t)?,
                    Cell::F32(f) if single => return Ok(Cell::F32(f)),
                    x => float(x)?,
                };
                if !single {
                    return Ok(Cell::F64(f));
                }
                let s = f as f32;
                match s.is_infinite() && f.is_finite() {
                    true => fail(STEP, "the float is out of range"),
                    false => Ok(Cell::F32(s)),
                }
            });
            match (from, single) {
                (Kind::Text, _) => cast.fails(&format!("{shown}: a text that is no number")),
                (_, true) => cast.fails(&format!("{shown}: a number out of its range")),
                _ => cast,
            }
        }
        (Kind::Integer, Kind::Boolean) => strict1(x, ty, |_, x| Ok(Cell::Bool(int(x)? != 0))),
        (Kind::Boolean, Kind::Boolean) => x,
        (Kind::Text, Kind::Boolean) => strict1(x, ty, |_, x| {
            Ok(Cell::Bool(
                match text(x)?.trim_ascii().to_ascii_lowercase().as_str() {
                    "t" | "true" | "y" | "yes" | "on" | "1" => true,
                    "f" | "false" | "n" | "no" | "off" | "0" => false,
                    _ => return fail(STEP, "the text is neither true nor false"),
                },
            ))
        })
        .fails(&format!("{shown}: a text that is neither true nor false")),
        (Kind::Text, Kind::Date) => strict1(x, ty, |_, x| match text(x)?.trim_ascii().as_bytes() {
            b"infinity" => Ok(Cell::Date(i32::MAX)),
            b"-infinity" => Ok(Cell::Date(i32::MIN)),
            t => notation::parse_date(t)
                .map_or_else(|| fail(STEP, "the text is no date"), |d| Ok(Cell::Date(d))),
        })
        .fails(&format!(
            "{shown}: a text that is no date of the form YYYY-MM-DD"
        )),
        (Kind::Text, Kind::Time) => strict1(x, ty, |_, x| {
            notation::parse_time(text(x)?.trim_ascii().as_bytes())
                .filter(|t| (0..=DAY).contains(t))
                .map_or_else(
                    || fail(STEP, "the text is no time of day"),
                    |t| Ok(Cell::Time(t)),
                )
        })
        .fails(&format!(
            "{shown}: a text that is no time of the form HH:MM:SS"
        )),
        (Kind::Text, Kind::Timestamp) => {
            let p = precision(&ty);
            strict1(x, ty, move |_, x| match text(x)?.trim_ascii().as_bytes() {
                b"infinity" => Ok(Cell::Timestamp(i64::MAX)),
                b"-infinity" => Ok(Cell::Timestamp(i64::MIN)),
                t => notation::parse_timestamp(t).map_or_else(
                    || fail(STEP, "the text is no timestamp"),
                    |t| Ok(Cell::Timestamp(rounded(t, p))),
                ),
            })
            .fails(&format!(
                "{shown}: a text that is no timestamp of the form YYYY-MM-DD HH:MM:SS"
            ))
        }
        (Kind::Text, Kind::TimestampTz) => {
            let p = precision(&ty);
            strict1(x, ty, move |_, x| {
                let t = text(x)?.trim_ascii().as_bytes();
                let read = notation::parse_timestamp_tz(t).or_else(|| notation::parse_timestamp(t));
                match (t, read) {
                    (b"infinity", _) => Ok(Cell::TimestampTz(i64::MAX)),
                    (b"-infinity", _) => Ok(Cell::TimestampTz(i64::MIN)),
                    (_, Some(t)) => Ok(Cell::TimestampTz(rounded(t, p))),
                    _ => fail(STEP, "the text is no timestamp"),
                }
            })
            .fails(&format!(
                "{shown}: a text that is no timestamp of the form YYYY-MM-DD HH:MM:SS+00"
            ))
        }
        (Kind::Text, Kind::Interval) => strict1(x, ty, |_, x| match interval_of(text(x)?) {
            Some((m, d, u)) => Ok(Cell::Interval(m, d, u)),
            None => fail(STEP, "the text is no interval"),
        })
        .fails(&format!("{shown}: a text that is no interval")),
        (Kind::Text, Kind::Uuid) => strict1(x, ty, |env, x| {
            match notation::parse_uuid(text(x)?.trim_ascii().as_bytes()) {
                Some(u) => Ok(Cell::Uuid(env.arena.alloc(u))),
                None => fail(STEP, "the text is no UUID"),
            }
        })
        .fails(&format!("{shown}: a text that is no UUID")),
        (Kind::Text, Kind::Json) => strict1(x, ty, |_, x| {
            let t = text(x)?;
            match serde_json::from_str::<serde::de::IgnoredAny>(t) {
                Ok(_) => Ok(Cell::Json(t)),
                Err(_) => fail(STEP, "the text is no JSON"),
            }
        })
        .fails(&format!("{shown}: a text that is no JSON")),
        (Kind::Date, Kind::Timestamp | Kind::TimestampTz) => strict1(x, ty, move |_, x| {
            let Cell::Date(d) = x else {
                return fail(STEP, "the value is no date");
            };
            let t = match d {
                i32::MAX => i64::MAX,
                i32::MIN => i64::MIN,
                d => i64::from(d) * DAY,
            };
            Ok(match to {
                Kind::Timestamp => Cell::Timestamp(t),
                _ => Cell::TimestampTz(t),
            })
        }),
        (Kind::Timestamp | Kind::TimestampTz, Kind::Timestamp | Kind::TimestampTz) => {
            let p = precision(&ty);
            strict1(x, ty, move |_, x| {
                let (Cell::Timestamp(t) | Cell::TimestampTz(t)) = x else {
                    return fail(STEP, "the value is no timestamp");
                };
                let t = rounded(t, p);
                Ok(match to {
                    Kind::Timestamp => Cell::Timestamp(t),
                    _ => Cell::TimestampTz(t),
                })
            })
        }
        (Kind::Timestamp | Kind::TimestampTz, Kind::Date) => strict1(x, ty, |_, x| {
            let (Cell::Timestamp(t) | Cell::TimestampTz(t)) = x else {
                return fail(STEP, "the value is no timestamp");
            };
            Ok(Cell::Date(match t {
                i64::MAX => i32::MAX,
                i64::MIN => i32::MIN,
                t => i32::try_from(t.div_euclid(DAY))
                    .or_else(|_| fail(STEP, "the date is out of range"))?,
            }))
        }),
        (Kind::Timestamp | Kind::TimestampTz, Kind::Time) => strict1(x, ty, |_, x| match x {
            Cell::Timestamp(i64::MAX | i64::MIN) | Cell::TimestampTz(i64::MAX | i64::MIN) => {
                Ok(Cell::Null)
            }
            Cell::Timestamp(t) | Cell::TimestampTz(t) => Ok(Cell::Time(t.rem_euclid(DAY))),
            _ => fail(STEP, "the value is no timestamp"),
        })
        .or_null(),
        (Kind::Time, Kind::Time) => {
            let p = precision(&ty);
            strict1(x, ty, move |_, x| match x {
                Cell::Time(t) => Ok(Cell::Time(rounded(t, p))),
                _ => fail(STEP, "the value is no time"),
            })
        }
        (Kind::Bytes | Kind::Date | Kind::Interval | Kind::Uuid | Kind::Json, _) if same => {
            retyped(x, ty)
        }
        (Kind::Opaque | Kind::Bytes, Kind::Text) => {
            return x.wrong(match from {
                Kind::Bytes => {
                    "bytes become text by encode(bytes, 'hex') or convert_from(bytes)".into()
                }
                _ => format!("there is no {shown}"),
            });
        }
        (_, Kind::Text) => {
            let most = chars(&ty);
            let cast = strict1(x, ty, move |env, x| {
                let made = written(env, x)?;
                match most {
                    Some(n) if made.chars().count() > n as usize => {
                        fail(STEP, "the text is longer than the type")
                    }
                    _ => Ok(Cell::Text(made)),
                }
            });
            match most {
                Some(_) => cast.fails(&format!("{shown}: a longer text")),
                None => cast,
            }
        }
        (Kind::Text, Kind::Bytes) => {
            return x.wrong("text becomes bytes by decode(text, 'hex') or convert_to(text)");
        }
        _ => return x.wrong(format!("there is no {shown}")),
    };
    Ok(made)
}

fn retyped(x: Typed, ty: Type) -> Typed {
    Typed {
        kind: Kind::of(&ty),
        ty,
        ..x
    }
}

fn precision(ty: &Type) -> u8 {
    match ty.base() {
        Type::Time { precision, .. } | Type::Timestamp { precision, .. } => *precision,
        _ => 6,
    }
}

/// Microseconds to so many digits, half away from the past as PostgreSQL does.
fn rounded(t: i64, digits: u8) -> i64 {
    if digits >= 6 || t == i64::MAX || t == i64::MIN {
        return t;
    }
    let unit = 10i64.pow(u32::from(6 - digits));
    let half = unit / 2;
    match t >= 0 {
        true => t.saturating_add(half) / unit * unit,
        false => -((half.saturating_sub(t)) / unit * unit),
    }
}

fn exact(f: f64, written: &str) -> Result<Decimal> {
    match f.is_finite() {
        true => Decimal::read(written, STEP),
        false => fail(STEP, "the number is not finite"),
    }
}

fn to_decimal(x: Typed, ty: Type, read: fn(Cell<'_>) -> Result<Decimal>) -> Typed {
    let (precision, scale) = match ty {
        Type::Decimal { precision, scale } => (precision, scale.unwrap_or(0)),
        _ => (None, 0),
    };
    strict1(x, ty, move |env, x| {
        if let (None, Cell::Decimal(t)) = (precision, x) {
            // As it is: NaN and long ones too.
            return Ok(Cell::Decimal(t));
        }
        let mut d = read(x)?;
        if let Some(p) = precision {
            d = d.round(scale.into(), STEP)?;
            if !d.fits(p) {
                return fail(STEP, "the number has more digits than the type");
            }
        }
        Ok(Cell::Decimal(env.arena.alloc_str(&d.write())))
    })
}

fn read_int(t: &str) -> Result<i128> {
    let t = t.trim_ascii();
    let digits = t.strip_prefix(['-', '+']).unwrap_or(t);
    match digits.bytes().all(|b| b.is_ascii_digit()) {
        true => t
            .parse()
            .or_else(|_| fail(STEP, "the text is no whole number")),
        false => fail(STEP, "the text is no whole number"),
    }
}

fn read_float(t: &str) -> Result<f64> {
    let t = t.trim_ascii();
    match t.to_ascii_lowercase().as_str() {
        "nan" => return Ok(f64::NAN),
        "infinity" | "+infinity" | "inf" | "+inf" => return Ok(f64::INFINITY),
        "-infinity" | "-inf" => return Ok(f64::NEG_INFINITY),
        _ => {}
    }
    match t.parse::<f64>() {
        Ok(f) if f.is_finite() => Ok(f),
        _ => fail(STEP, "the text is no number, or out of range"),
    }
}

/// Writes a value as text.
fn written<'a>(env: &Env<'_, 'a>, x: Cell<'a>) -> Result<&'a str> {
    let mut out: Vec<u8> = Vec::new();
    match x {
        Cell::Text(t) | Cell::Json(t) | Cell::Decimal(t) => return Ok(t),
        Cell::Bool(b) => return Ok(if b { "true" } else { "false" }),
        Cell::Int(i) => return Ok(env.arena.alloc_str(itoa::Buffer::new().format(i))),
        Cell::UInt(u) => return Ok(env.arena.alloc_str(itoa::Buffer::new().format(u))),
        Cell::F32(f) => {
            return Ok(env
                .arena
                .alloc_str(&float_text(f.into(), ryu::Buffer::new().format(f))));
        }
        Cell::F64(f) => {
            return Ok(env
                .arena
                .alloc_str(&float_text(f, ryu::Buffer::new().format(f))));
        }
        Cell::Date(d) => notation::write_date(&mut out, d),
        Cell::Time(t) => notation::write_time(&mut out, t, 6),
        Cell::Timestamp(t) | Cell::TimestampTz(t) => notation::write_timestamp(&mut out, t, 6),
        Cell::Interval(m, d, u) => notation::write_interval(&mut out, m, d, u),
        Cell::Uuid(u) => notation::write_uuid(&mut out, u),
        _ => return fail(STEP, "the value has no text"),
    }
    if matches!(x, Cell::Time(_) | Cell::Timestamp(_) | Cell::TimestampTz(_)) && out.contains(&b'.')
    {
        // A fraction is written as far as it goes.
        while out.last() == Some(&b'0') {
            out.pop();
        }
        if out.last() == Some(&b'.') {
            out.pop();
        }
    }
    if let Cell::TimestampTz(t) = x
        && t != i64::MAX
        && t != i64::MIN
    {
        out.extend_from_slice(b"+00");
    }
    match std::str::from_utf8(&out) {
        Ok(t) => Ok(env.arena.alloc_str(t)),
        Err(_) => fail(STEP, "the value has no text"),
    }
}

/// A float as PostgreSQL writes it, from its shortest digits.
fn float_text(f: f64, shortest: &str) -> String {
    if !f.is_finite() {
        return match (f.is_nan(), f > 0.0) {
            (true, _) => "NaN".into(),
            (_, true) => "Infinity".into(),
            _ => "-Infinity".into(),
        };
    }
    if f == 0.0 {
        return if f.is_sign_negative() {
            "-0".into()
        } else {
            "0".into()
        };
    }
    let (sign, rest) = match shortest.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", shortest),
    };
    let (mantissa, exponent) = rest.split_once('e').unwrap_or((rest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let lead = all.len() - all.trim_start_matches('0').len();
    let digits = all.trim_matches('0');
    // The power of ten of the first digit that counts.
    let power = exponent + whole.len() as i32 - 1 - lead as i32;
    if !(-4..15).contains(&power) {
        let (first, more) = digits.split_at(1);
        let dot = if more.is_empty() { "" } else { "." };
        let s = if power < 0 { '-' } else { '+' };
        return format!("{sign}{first}{dot}{more}e{s}{:02}", power.abs());
    }
    if power < 0 {
        let zeros = "0".repeat((-power - 1) as usize);
        return format!("{sign}0.{zeros}{digits}");
    }
    let point = power as usize + 1;
    match digits.len() <= point {
        true => format!("{sign}{digits}{}", "0".repeat(point - digits.len())),
        false => format!("{sign}{}.{}", &digits[..point], &digits[point..]),
    }
}
