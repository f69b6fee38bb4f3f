//! Rows in the canonical form, straight from the stored values. Shares no conversion with [`crate::decode`]
//! and [`crate::encode`], nor with `limosa_core::notation`: a mistake there must show here.

use crate::read::Place;
use limosa_core::canonical::{self, CanonicalRows, Form};
use limosa_core::engine::CanonicalRead;
use rusqlite::types::ValueRef;
use rusqlite::{Row, Rows};

/// Adds rows until about `bytes` bytes are held.
pub(crate) fn fill(
    rows: &mut Rows<'_>,
    place: &mut Place,
    read: &CanonicalRead,
    out: &mut CanonicalRows,
    bytes: usize,
) -> rusqlite::Result<()> {
    while !place.ended && out.bytes() < bytes {
        match rows.next()? {
            Some(row) => {
                put(row, read, out)?;
                place.rows += 1;
            }
            None => place.ended = true,
        }
    }
    Ok(())
}

/// Adds one row.
#[inline]
pub(crate) fn put(
    row: &Row<'_>,
    read: &CanonicalRead,
    out: &mut CanonicalRows,
) -> rusqlite::Result<()> {
    for (at, column) in read.columns.iter().enumerate() {
        match row.get_ref(at)? {
            ValueRef::Null => out.null(),
            value => out.cell_with(|o| write(o, value, column.form)),
        }
        if at + 1 == read.key_columns {
            out.end_key();
        }
    }
    out.end_row();
    Ok(())
}

fn integer(out: &mut Vec<u8>, i: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(i).as_bytes());
}

/// A float by its shortest text that reads back.
fn shortest(out: &mut Vec<u8>, f: f64) {
    if f.is_finite() {
        out.extend_from_slice(ryu::Buffer::new().format(f).as_bytes());
    } else if f.is_nan() {
        out.extend_from_slice(b"NaN");
    } else {
        out.extend_from_slice(if f > 0.0 { b"Infinity" } else { b"-Infinity" });
    }
}

fn write(out: &mut Vec<u8>, value: ValueRef<'_>, form: Form) {
    match (form, value) {
        (_, ValueRef::Null) => {}
        (Form::Dynamic, value) => dynamic(out, value),
        (Form::Double | Form::Single, value) => float(out, value, form),
        (Form::Bits, ValueRef::Integer(i @ (0 | 1))) => out.push(b'0' + i as u8),
        (_, ValueRef::Integer(i)) => integer(out, i),
        (Form::Integer | Form::Decimal, ValueRef::Real(f)) => {
            let mut text = Vec::new();
            shortest(&mut text, f);
            canonical::decimal(out, &text);
        }
        (_, ValueRef::Real(f)) => shortest(out, f),
        (Form::Uuid, ValueRef::Blob(b)) if b.len() == 16 => uuid(out, b),
        (_, ValueRef::Blob(b)) => out.extend_from_slice(b),
        (form, ValueRef::Text(t)) => text(out, t, form),
    }
}

fn dynamic(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => {}
        ValueRef::Integer(i) => {
            out.push(b'i');
            integer(out, i);
        }
        ValueRef::Real(f) => {
            out.push(b'r');
            canonical::double(out, f);
        }
        ValueRef::Text(t) => {
            out.push(b't');
            out.extend_from_slice(t);
        }
        ValueRef::Blob(b) => {
            out.push(b'b');
            out.extend_from_slice(b);
        }
    }
}

fn float(out: &mut Vec<u8>, value: ValueRef<'_>, form: Form) {
    let f = match value {
        ValueRef::Real(f) => Some(f),
        ValueRef::Integer(i) if (i as f64) as i128 == i128::from(i) => Some(i as f64),
        ValueRef::Text(t) => std::str::from_utf8(t)
            .ok()
            .and_then(|t| t.trim().parse().ok()),
        _ => None,
    };
    match (f, value) {
        (Some(f), _) if form == Form::Double => canonical::double(out, f),
        (Some(f), _) if f.is_nan() || f64::from(f as f32).to_bits() == f.to_bits() => {
            canonical::single(out, f as f32);
        }
        // More than a single float holds: it must differ from every one.
        (Some(f), _) => canonical::double(out, f),
        (None, value) => dynamic(out, value),
    }
}

fn text(out: &mut Vec<u8>, t: &[u8], form: Form) {
    match form {
        Form::Boolean => canonical::boolean(out, t),
        Form::Integer | Form::Decimal => canonical::decimal(out, t),
        Form::PaddedText => {
            let blanks = t.iter().rev().take_while(|b| **b == b' ').count();
            out.extend_from_slice(&t[..t.len() - blanks]);
        }
        Form::Date => {
            canonical::moment(out, t.get(..10).filter(|_| midnight(t)).unwrap_or(t), false)
        }
        Form::Time => {
            canonical::moment(out, t, false);
            // Seconds may be left out of a time that a person wrote.
            if t.iter().filter(|b| **b == b':').count() == 1 && t.iter().all(|b| *b != b'.') {
                out.extend_from_slice(b":00");
            }
        }
        Form::TimeTz => time_tz(out, t),
        Form::Timestamp => canonical::moment(out, t, true),
        Form::TimestampTz => match utc(t) {
            Some(shifted) => canonical::moment(out, &shifted, true),
            None => canonical::moment(out, t, true),
        },
        Form::Interval => match interval(t) {
            Some((m, d, u)) => out.extend_from_slice(format!("{m} {d} {u}").as_bytes()),
            None => out.extend_from_slice(t),
        },
        Form::Uuid => {
            let digits: Vec<u8> = t.iter().copied().filter(|b| *b != b'-').collect();
            if digits.len() == 32 && digits.iter().all(u8::is_ascii_hexdigit) {
                for (i, b) in digits.iter().enumerate() {
                    if matches!(i, 8 | 12 | 16 | 20) {
                        out.push(b'-');
                    }
                    out.push(b.to_ascii_lowercase());
                }
            } else {
                out.extend_from_slice(t);
            }
        }
        Form::Json => canonical::json(out, t),
        Form::Set => canonical::set(out, t),
        _ => out.extend_from_slice(t),
    }
}

/// Whether a text is a date with a time of midnight.
fn midnight(t: &[u8]) -> bool {
    t.len() > 10
        && matches!(t[10], b' ' | b'T')
        && t[11..].iter().all(|b| matches!(b, b'0' | b':' | b'.'))
}

fn uuid(out: &mut Vec<u8>, b: &[u8]) {
    for (i, b) in b.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.extend_from_slice(format!("{b:02x}").as_bytes());
    }
}

/// The place of an offset at the end of a moment or time, and its seconds.
fn offset(t: &[u8]) -> Option<(usize, i64)> {
    if matches!(t.last(), Some(b'Z' | b'z')) {
        return Some((t.len() - 1, 0));
    }
    let colon = t.iter().position(|b| *b == b':')?;
    let at = colon + t[colon..].iter().position(|b| matches!(b, b'+' | b'-'))?;
    let digits: Vec<i64> = t[at + 1..]
        .iter()
        .filter(|b| **b != b':')
        .map(|b| b.is_ascii_digit().then(|| i64::from(b - b'0')))
        .collect::<Option<_>>()?;
    let two = |i: usize| {
        digits
            .get(i)
            .zip(digits.get(i + 1))
            .map_or(0, |(a, b)| a * 10 + b)
    };
    if !matches!(digits.len(), 2 | 4 | 6) {
        return None;
    }
    let seconds = two(0) * 3600 + two(2) * 60 + two(4);
    Some((at, if t[at] == b'-' { -seconds } else { seconds }))
}

/// A moment with an offset, as text in UTC. The calendar is walked by day numbers of the Julian
/// period (Fliegel and Van Flandern, 1968), not by the copier's arithmetic.
fn utc(t: &[u8]) -> Option<Vec<u8>> {
    let (end, seconds) = offset(t)?;
    let moment = &t[..end];
    if seconds == 0 {
        return Some(moment.to_vec());
    }
    let text = std::str::from_utf8(moment).ok()?;
    let (date, time) = text.split_once([' ', 'T'])?;
    let (negative, date) = match date.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, date),
    };
    let mut parts = date.splitn(3, '-').map(str::parse::<i64>);
    let (y, m, d) = (
        parts.next()?.ok()?,
        parts.next()?.ok()?,
        parts.next()?.ok()?,
    );
    let y = if negative { -y } else { y };
    let (clock, fraction) = time.split_once('.').map_or((time, ""), |(a, b)| (a, b));
    let mut parts = clock.splitn(3, ':').map(str::parse::<i64>);
    let (h, min) = (parts.next()?.ok()?, parts.next()?.ok()?);
    let s = parts.next().transpose().ok()?.unwrap_or(0);
    let sound = y.abs() < 400_000
        && (1..=12).contains(&m)
        && (1..=31).contains(&d)
        && [h, min, s].iter().all(|n| (0..=99).contains(n));
    if !sound {
        return None;
    }
    let of_day = h * 3600 + min * 60 + s - seconds;
    // The year is moved into the range in which the formula's divisions are those of positive numbers.
    let cycles = 400_000;
    let (yy, a) = (y + cycles, (14 - m) / 12);
    let (yb, mb) = (yy + 4800 - a, m + 12 * a - 3);
    let day = d + (153 * mb + 2) / 5 + 365 * yb + yb / 4 - yb / 100 + yb / 400 - 32_045
        + of_day.div_euclid(86_400);
    let a = day + 32_044;
    let b = (4 * a + 3) / 146_097;
    let c = a - 146_097 * b / 4;
    let dd = (4 * c + 3) / 1461;
    let e = c - 1461 * dd / 4;
    let mm = (5 * e + 2) / 153;
    let (day, month, year) = (
        e - (153 * mm + 2) / 5 + 1,
        mm + 3 - 12 * (mm / 10),
        100 * b + dd - 4800 + mm / 10 - cycles,
    );
    let of_day = of_day.rem_euclid(86_400);
    let mut out = if year < 0 {
        format!("-{:04}", -year)
    } else {
        format!("{year:04}")
    };
    out.push_str(&format!(
        "-{month:02}-{day:02} {:02}:{:02}:{:02}",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    ));
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    Some(out.into_bytes())
}

fn time_tz(out: &mut Vec<u8>, t: &[u8]) {
    match offset(t) {
        Some((end, seconds)) => {
            canonical::moment(out, &t[..end], false);
            out.extend_from_slice(format!(" {seconds}").as_bytes());
        }
        None => canonical::moment(out, t, false),
    }
}

/// An ISO 8601 duration as months, days, microseconds; or a signed clock as microseconds.
fn interval(t: &[u8]) -> Option<(i64, i64, i64)> {
    let text = std::str::from_utf8(t).ok()?;
    let (mut months, mut days, mut micros) = (0i64, 0i64, 0i64);
    let exact = |number: &str, unit: i64| -> Option<i64> {
        let (negative, number) = match number.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, number),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let mut value = whole.parse::<i64>().ok()?.checked_mul(unit)?;
        let mut scale = unit;
        for digit in fraction.chars() {
            scale /= 10;
            value = value.checked_add(i64::from(digit.to_digit(10)?) * scale)?;
        }
        Some(if negative { -value } else { value })
    };
    let Some(rest) = text.strip_prefix('P') else {
        let (negative, clock) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut parts = clock.split(':');
        let units = [3_600_000_000, 60_000_000, 1_000_000];
        for unit in units {
            micros = micros.checked_add(exact(parts.next().unwrap_or("0"), unit)?)?;
        }
        return parts
            .next()
            .is_none()
            .then_some((0, 0, if negative { -micros } else { micros }));
    };
    let (mut number, mut time) = (String::new(), false);
    for c in rest.chars() {
        match (c, time) {
            ('T', _) => time = true,
            ('0'..='9' | '-' | '.', _) => number.push(c),
            (unit, time) => {
                let n = std::mem::take(&mut number);
                match (unit, time) {
                    ('Y', false) => months = months.checked_add(exact(&n, 12)?)?,
                    ('M', false) => months = months.checked_add(exact(&n, 1)?)?,
                    ('W', false) => days = days.checked_add(exact(&n, 7)?)?,
                    ('D', false) => days = days.checked_add(exact(&n, 1)?)?,
                    ('H', true) => micros = micros.checked_add(exact(&n, 3_600_000_000)?)?,
                    ('M', true) => micros = micros.checked_add(exact(&n, 60_000_000)?)?,
                    ('S', true) => micros = micros.checked_add(exact(&n, 1_000_000)?)?,
                    _ => return None,
                }
            }
        }
    }
    number.is_empty().then_some((months, days, micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(t: &str, form: Form) -> String {
        let mut out = Vec::new();
        write(&mut out, ValueRef::Text(t.as_bytes()), form);
        String::from_utf8(out).expect("text stays text")
    }

    #[test]
    fn moments_of_every_notation_are_said_in_utc() {
        for (t, want) in [
            ("2024-01-01 00:30:00+01:00", "2023-12-31 23:30:00"),
            ("2024-02-29T23:59:59.500000-03:30", "2024-03-01 03:29:59.5"),
            ("2024-06-01 12:00:00.000000+00:00", "2024-06-01 12:00:00"),
            ("2024-06-01 12:00:00Z", "2024-06-01 12:00:00"),
            ("2024-06-01 12:00", "2024-06-01 12:00:00"),
            ("0000-01-01 00:00:00+00:01", "-0001-12-31 23:59:00"),
            ("-0044-03-15 12:00:00+01", "-0044-03-15 11:00:00"),
            ("infinity", "infinity"),
        ] {
            assert_eq!(said(t, Form::TimestampTz), want, "{t}");
        }
        assert_eq!(said("10:00:00.500+02:00", Form::TimeTz), "10:00:00.5 7200");
        assert_eq!(said("P1Y2M-3DT-0.5S", Form::Interval), "14 -3 -500000");
        assert_eq!(said("-838:59:59", Form::Interval), "0 0 -3020399000000");
        assert_eq!(
            said("A0EEBC999C0B4EF8BB6D6BB9BD380A11", Form::Uuid),
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
        );
        assert_eq!(said("+1.500", Form::Decimal), "1.5");
    }

    #[test]
    fn hostile_texts_end() {
        for t in [
            "",
            "-",
            "+",
            ":",
            "P",
            "PT",
            "P1",
            "::+",
            "9999999999999999999-01-01 00:00:00+01",
            "é:+é",
        ] {
            for form in [
                Form::TimestampTz,
                Form::TimeTz,
                Form::Interval,
                Form::Uuid,
                Form::Date,
                Form::Json,
            ] {
                let _ = said(t, form);
            }
        }
    }
}
