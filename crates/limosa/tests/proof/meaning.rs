//! What a value means, read from the words of three engines. Shares nothing with the program: the tests'
//! second opinion.

use crate::kinds::hex;

/// A value as an engine said it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Raw {
    Null,
    /// Text, or anything that the engine says as text.
    Text(Vec<u8>),
    Bytes(Vec<u8>),
    Int(i64),
    Real(f64),
    /// A geometry: its reference system and its plain WKB.
    Shape(u32, Vec<u8>),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// By the exact decimal value.
    Number,
    /// The same, after a currency's sign and commas.
    Money,
    /// By the bits of the binary32.
    Single,
    /// By the bits of the binary64.
    Double,
    /// By the characters.
    Text,
    /// By the characters without blanks at the end.
    Padded,
    Bytes,
    /// A date, with or without a time, at an offset or without one.
    Moment,
    /// A time of day, or a signed span of hours.
    Clock,
    /// Months, days and microseconds.
    Span,
    Bits,
    Flag,
    Json,
    /// An array of PostgreSQL, against JSON.
    List,
    Uuid,
    /// A set of words.
    Words,
    Shape,
    /// Numbers by value, all else by its characters: what mixed columns of SQLite mean after they became text.
    Loose,
    /// A type that only its engine has: compared there, after a cast back.
    Own,
    /// Left to the comparison of the program alone.
    Verified,
}

/// The meaning as bytes that are equal where the values are.
pub(crate) fn of(raw: &Raw, meaning: Meaning) -> Option<String> {
    use Meaning::*;
    let text = match raw {
        Raw::Null => return None,
        Raw::Text(t) => String::from_utf8_lossy(t).into_owned(),
        Raw::Bytes(b) => hex(b),
        Raw::Int(i) => i.to_string(),
        Raw::Real(x) => format!("{x:e}"),
        Raw::Shape(srid, wkb) => format!("{srid} {}", hex(wkb)),
    };
    let said = match meaning {
        Number => match text.as_str() {
            "t" | "true" => number("1"),
            "f" | "false" => number("0"),
            text => number(text),
        },
        Money => number(&text.replace(['$', ','], "")),
        Single => match raw {
            Raw::Real(x) => Some(float(f64::from(*x as f32))),
            _ => text.parse::<f32>().ok().map(|x| float(f64::from(x))),
        },
        Double => text.parse::<f64>().ok().map(float),
        Padded => Some(text.trim_end_matches(' ').to_owned()),
        Text | Own | Verified => Some(text.clone()),
        Bytes => Some(hex(&match raw {
            Raw::Text(t) => t.clone(),
            Raw::Bytes(b) => b.clone(),
            _ => text.clone().into_bytes(),
        })),
        Moment => moment(&text),
        Clock => clock(&text).map(|n| n.to_string()),
        Span => span(&text),
        Bits => bits(&text),
        Flag => match text.as_str() {
            "1" | "t" | "true" => Some("1".into()),
            "0" | "f" | "false" => Some("0".into()),
            _ => None,
        },
        Json | List => json(&text),
        Uuid => Some(text.to_lowercase()),
        Words => Some(words(&text)),
        Shape => Some(shape(raw)),
        Loose => return Some(loose(raw)),
    };
    Some(said.unwrap_or_else(|| format!("not understood: {text}")))
}

fn loose(raw: &Raw) -> String {
    match raw {
        Raw::Bytes(b) | Raw::Text(b) => match std::str::from_utf8(b) {
            Ok(t) => number(t).unwrap_or_else(|| t.to_owned()),
            Err(_) => hex(b),
        },
        Raw::Real(x) if x.is_infinite() => if *x > 0.0 { "Infinity" } else { "-Infinity" }.into(),
        Raw::Real(x) => number(&format!("{x:e}")).unwrap_or_default(),
        Raw::Int(i) => number(&i.to_string()).unwrap_or_default(),
        other => format!("{other:?}"),
    }
}

fn float(x: f64) -> String {
    if x.is_nan() {
        "NaN".into()
    } else {
        format!("{:016x} {x:e}", x.to_bits())
    }
}

/// A decimal as its digits and where they stand: `-1.50` is `-15e-1`. Zero has no sign.
fn number(text: &str) -> Option<String> {
    let trimmed = text.trim();
    match trimmed.to_ascii_lowercase().as_str() {
        "nan" => return Some("NaN".into()),
        "inf" | "infinity" => return Some("Infinity".into()),
        "-inf" | "-infinity" => return Some("-Infinity".into()),
        _ => {}
    }
    let (sign, rest) = match trimmed.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], rest[at + 1..].parse::<i64>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.len() + fraction.len() == 0
        || !whole
            .bytes()
            .chain(fraction.bytes())
            .all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    let kept = digits.trim_end_matches('0');
    if kept.is_empty() {
        return Some("0".into());
    }
    let place = exponent - fraction.len() as i64 + (digits.len() - kept.len()) as i64;
    Some(format!("{sign}{kept}e{place}"))
}

/// Days since 1970-01-01 in the Gregorian calendar; years before 1 count 0, -1, …
fn days(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let of_era = y.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Microseconds since 1970 in UTC, or the words of a moment that no calendar has.
fn moment(text: &str) -> Option<String> {
    let text = text.trim();
    if text.ends_with("infinity") {
        return Some(text.into());
    }
    let (body, before) = match text.strip_suffix(" BC") {
        Some(body) => (body, true),
        None => (text, false),
    };
    let (sign, body) = match body.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, body),
    };
    let (date, time) = match body.find(['T', ' ']) {
        Some(at) => (&body[..at], &body[at + 1..]),
        None => (body, ""),
    };
    let parts: Vec<i64> = date
        .split('-')
        .map(|p| p.parse().ok())
        .collect::<Option<_>>()?;
    let [mut year, month, day] = parts[..] else {
        return None;
    };
    year = if before { 1 - year } else { sign * year };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        // As the text stands, but for what means nothing.
        return Some(format!(
            "{date} {}",
            clock(if time.is_empty() { "0:0:0" } else { time })?
        ));
    }
    let at = time.find(['+', '-', 'Z']).unwrap_or(time.len());
    let (time, zone) = time.split_at(at);
    let offset = match zone {
        "" | "Z" => 0,
        zone => {
            let n = clock(&format!("{}:0", &zone[1..]))?;
            if zone.starts_with('-') { -n } else { n }
        }
    };
    let time = if time.is_empty() { 0 } else { clock(time)? };
    let all = i128::from(days(year, month, day)) * 86_400_000_000 + i128::from(time - offset);
    Some(all.to_string())
}

/// Microseconds of `[-]H:MM[:SS[.f]]` or of an ISO 8601 duration.
fn clock(text: &str) -> Option<i64> {
    if text.contains('P') {
        let said = span(text)?;
        let parts: Vec<i64> = said
            .split(' ')
            .map(|p| p.parse().ok())
            .collect::<Option<_>>()?;
        return (parts[0] == 0).then(|| parts[1] * 86_400_000_000 + parts[2]);
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let mut parts = rest.split(':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next().unwrap_or("0").parse().ok()?;
    let seconds = micros(parts.next().unwrap_or("0"))?;
    Some(sign * ((hours * 60 + minutes) * 60_000_000 + seconds))
}

fn micros(seconds: &str) -> Option<i64> {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    if fraction.len() > 6 && fraction[6..].bytes().any(|b| b != b'0') {
        return None;
    }
    let fraction: i64 = format!("{fraction:0<6}")[..6].parse().ok()?;
    Some(whole.parse::<i64>().ok()? * 1_000_000 + fraction)
}

/// Months, days and microseconds of an ISO 8601 duration, with signs anywhere.
fn span(text: &str) -> Option<String> {
    let mut rest = text;
    let all = rest.starts_with('-');
    rest = rest.trim_start_matches('-').strip_prefix('P')?;
    let (mut months, mut days, mut micro, mut timed) = (0i64, 0i64, 0i64, false);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('T') {
            (timed, rest) = (true, after);
            continue;
        }
        let at = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let (amount, unit) = (&rest[..at], rest.as_bytes()[at]);
        rest = &rest[at + 1..];
        let negative = amount.starts_with('-');
        let exact = micros(amount.trim_start_matches(['-', '+']))?;
        let exact = if negative { -exact } else { exact };
        let whole = exact / 1_000_000;
        match (unit, timed) {
            (b'Y', _) => months += whole * 12,
            (b'M', false) => months += whole,
            (b'W', _) => days += whole * 7,
            (b'D', _) => days += whole,
            (b'H', _) => micro += whole * 3_600_000_000,
            (b'M', true) => micro += whole * 60_000_000,
            (b'S', _) => micro += exact,
            _ => return None,
        }
    }
    if all {
        (months, days, micro) = (-months, -days, -micro);
    }
    Some(format!("{months} {days} {micro}"))
}

fn bits(text: &str) -> Option<String> {
    match text {
        "t" | "true" => Some("1".into()),
        "f" | "false" => Some("0".into()),
        text => text
            .bytes()
            .all(|b| matches!(b, b'0' | b'1'))
            .then(|| text.into()),
    }
}

/// Words of a comma list or of a JSON array, sorted.
fn words(text: &str) -> String {
    let mut words: Vec<String> = match serde_json::from_str::<Vec<String>>(text) {
        Ok(list) => list,
        Err(_) => text
            .split(',')
            .filter(|w| !w.is_empty())
            .map(str::to_owned)
            .collect(),
    };
    words.sort();
    words.join(",")
}

/// JSON with its members sorted, the last of equal names kept, and its numbers as [`number`] says them.
pub(crate) fn json(text: &str) -> Option<String> {
    // Numbers become texts of their own kind before the parser sees them, which would round them.
    let mut out = String::new();
    let mut chars = text.char_indices().peekable();
    let mut inside = false;
    while let Some((at, c)) = chars.next() {
        if inside {
            out.push(c);
            if c == '\\' {
                out.extend(chars.next().map(|(_, c)| c));
            }
            inside = c != '"';
        } else if c == '-' || c.is_ascii_digit() {
            let mut end = at + c.len_utf8();
            while let Some((next, c)) = chars.peek().copied() {
                if !matches!(c, '0'..='9' | '.' | '+' | '-' | 'e' | 'E') {
                    break;
                }
                end = next + 1;
                chars.next();
            }
            out.push_str(&format!("\"number {}\"", number(&text[at..end])?));
        } else {
            out.push(c);
            inside = c == '"';
        }
    }
    fn sorted(value: serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::Array(list) => list.into_iter().map(sorted).collect(),
            serde_json::Value::Object(members) => {
                let mut all: Vec<_> = members.into_iter().map(|(k, v)| (k, sorted(v))).collect();
                all.sort_by(|a, b| a.0.cmp(&b.0));
                serde_json::Value::Object(all.into_iter().collect())
            }
            other => other,
        }
    }
    serde_json::from_str(&out)
        .ok()
        .map(|v| sorted(v).to_string())
}

/// A geometry of MySQL, or its EWKB.
fn shape(raw: &Raw) -> String {
    match raw {
        Raw::Bytes(b) if b.len() >= 5 && b[0] == 1 => {
            let kind = u32::from_le_bytes([b[1], b[2], b[3], b[4]]);
            let (srid, rest) = if kind & 0x2000_0000 != 0 {
                (u32::from_le_bytes([b[5], b[6], b[7], b[8]]), &b[9..])
            } else {
                (0, &b[5..])
            };
            let kind = (kind & 0x0fff_ffff).to_le_bytes();
            format!("{srid} 01{}{}", hex(&kind), hex(rest))
        }
        Raw::Shape(srid, wkb) => format!("{srid} {}", hex(wkb)),
        other => format!("{other:?}"),
    }
}
