//! The text of dates, times, intervals, UUIDs and bits, as the copier reads and writes it.
//!
//! The verifier has its own ([`crate::canonical`]), on purpose: a mistake here must not hide there.
//! The calendar is the proleptic Gregorian one, with years counted astronomically (year 0 is 1 BC).
//! Source of the day arithmetic: Howard Hinnant, "chrono-compatible low-level date algorithms".

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// Days since 1970-01-01 of a civil date; `month` 1 to 12, `day` 1 to 31.
#[inline]
pub fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let mp = i64::from((month + 9) % 12);
    let doy = (153 * mp + 2) / 5 + i64::from(day) - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

/// The civil date of a day since 1970-01-01: year, month, day.
#[inline]
pub fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
    let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

/// The days of a month.
pub fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

#[inline]
fn two(out: &mut Vec<u8>, n: u32) {
    out.extend_from_slice(&[b'0' + (n / 10 % 10) as u8, b'0' + (n % 10) as u8]);
}

fn civil(out: &mut Vec<u8>, year: i64, month: u32, day: u32) {
    if (0..=9999).contains(&year) {
        let y = year as u32;
        two(out, y / 100);
        two(out, y % 100);
    } else if year < 0 {
        out.push(b'-');
        out.extend_from_slice(format!("{:04}", -year).as_bytes());
    } else {
        out.extend_from_slice(year.to_string().as_bytes());
    }
    out.push(b'-');
    two(out, month);
    out.push(b'-');
    two(out, day);
}

fn clock(out: &mut Vec<u8>, micros: i64, digits: u8) {
    let seconds = micros / MICROS_PER_SECOND;
    let hours = seconds / 3600;
    if hours > 99 {
        out.extend_from_slice(hours.to_string().as_bytes());
    } else {
        two(out, hours as u32);
    }
    out.push(b':');
    two(out, (seconds / 60 % 60) as u32);
    out.push(b':');
    two(out, (seconds % 60) as u32);
    if digits > 0 {
        out.push(b'.');
        let mut fraction = (micros % MICROS_PER_SECOND) as u32;
        let mut scale = 100_000;
        for _ in 0..digits.min(6) {
            out.push(b'0' + (fraction / scale) as u8);
            fraction %= scale;
            scale = (scale / 10).max(1);
        }
    }
}

/// Writes `YYYY-MM-DD`; `infinity` and `-infinity` for the ends of the range; years outside 0 to 9999
/// with a sign or with more digits.
pub fn write_date(out: &mut Vec<u8>, days: i32) {
    match days {
        i32::MAX => out.extend_from_slice(b"infinity"),
        i32::MIN => out.extend_from_slice(b"-infinity"),
        _ => {
            let (y, m, d) = civil_from_days(i64::from(days));
            civil(out, y, m, d);
        }
    }
}

/// Writes `HH:MM:SS[.f]` with exactly `digits` fractional digits (0 to 6); negative spans with a sign,
/// hours beyond 99 with more digits.
pub fn write_time(out: &mut Vec<u8>, micros: i64, digits: u8) {
    if micros < 0 {
        out.push(b'-');
    }
    clock(out, micros.saturating_abs(), digits);
}

/// Writes `YYYY-MM-DD HH:MM:SS[.f]`, or `infinity` and `-infinity`.
pub fn write_timestamp(out: &mut Vec<u8>, micros: i64, digits: u8) {
    match micros {
        i64::MAX => out.extend_from_slice(b"infinity"),
        i64::MIN => out.extend_from_slice(b"-infinity"),
        _ => {
            let (y, m, d) = civil_from_days(micros.div_euclid(MICROS_PER_DAY));
            civil(out, y, m, d);
            out.push(b' ');
            clock(out, micros.rem_euclid(MICROS_PER_DAY), digits);
        }
    }
}

/// Writes an offset as `+HH:MM` or, with seconds, `+HH:MM:SS`.
pub fn write_offset(out: &mut Vec<u8>, seconds: i32) {
    out.push(if seconds < 0 { b'-' } else { b'+' });
    let s = seconds.unsigned_abs();
    two(out, s / 3600);
    out.push(b':');
    two(out, s / 60 % 60);
    if !s.is_multiple_of(60) {
        out.push(b':');
        two(out, s % 60);
    }
}

/// Writes ISO 8601: `P1Y2M3DT4H5M6.5S`, each part with its own sign, `PT0S` for nothing.
pub fn write_interval(out: &mut Vec<u8>, months: i32, days: i32, micros: i64) {
    out.push(b'P');
    let start = out.len();
    let part = |out: &mut Vec<u8>, n: i64, unit: u8| {
        if n != 0 {
            out.extend_from_slice(n.to_string().as_bytes());
            out.push(unit);
        }
    };
    part(out, i64::from(months / 12), b'Y');
    part(out, i64::from(months % 12), b'M');
    part(out, i64::from(days), b'D');
    if micros != 0 {
        out.push(b'T');
        part(out, micros / (3600 * MICROS_PER_SECOND), b'H');
        part(out, micros / (60 * MICROS_PER_SECOND) % 60, b'M');
        let rest = micros % (60 * MICROS_PER_SECOND);
        if rest != 0 {
            let (seconds, fraction) = (rest / MICROS_PER_SECOND, (rest % MICROS_PER_SECOND).abs());
            if seconds == 0 && rest < 0 {
                out.push(b'-');
            }
            out.extend_from_slice(seconds.to_string().as_bytes());
            if fraction != 0 {
                out.extend_from_slice(format!(".{fraction:06}").trim_end_matches('0').as_bytes());
            }
            out.push(b'S');
        }
    }
    if out.len() == start {
        out.extend_from_slice(b"T0S");
    }
}

/// Writes the 36-character lower-case form.
pub fn write_uuid(out: &mut Vec<u8>, bytes: &[u8; 16]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for (i, b) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.extend_from_slice(&[HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]);
    }
}

/// Writes `0` and `1`, one a bit, from the left.
pub fn write_bits(out: &mut Vec<u8>, bits: u32, bytes: &[u8]) {
    for i in 0..bits as usize {
        out.push(b'0' + (bytes[i / 8] >> (7 - i % 8) & 1));
    }
}

#[inline]
fn digits(text: &[u8]) -> Option<u32> {
    if text.is_empty() || text.len() > 9 {
        return None;
    }
    text.iter().try_fold(0u32, |n, b| {
        b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0'))
    })
}

/// Reads `YYYY-MM-DD` (four or more year digits, or a leading minus); `None` if no calendar has it.
#[inline]
pub fn parse_date(text: &[u8]) -> Option<i32> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        all => (false, all),
    };
    let n = text.len();
    if n < 10 || text[n - 3] != b'-' || text[n - 6] != b'-' {
        return None;
    }
    let year = i64::from(digits(&text[..n - 6])?);
    let (month, day) = (digits(&text[n - 5..n - 3])?, digits(&text[n - 2..])?);
    let year = if negative { -year } else { year };
    if !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
        return None;
    }
    i32::try_from(days_from_civil(year, month, day)).ok()
}

/// Reads `[-]H…H:MM[:SS[.f]]` as microseconds; fractions beyond the sixth digit must be zeros.
/// Any number of hours is taken, so that spans can be read; minutes and seconds must be below 60.
#[inline]
pub fn parse_time(text: &[u8]) -> Option<i64> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        all => (false, all),
    };
    let colon = text.iter().position(|b| *b == b':')?;
    let hours = i64::from(digits(&text[..colon])?);
    let rest = &text[colon + 1..];
    let minutes = digits(rest.get(..2)?)?;
    let mut micros = 0i64;
    let mut seconds = 0;
    match &rest[2..] {
        [] => {}
        [b':', tail @ ..] => {
            seconds = digits(tail.get(..2)?)?;
            match &tail[2..] {
                [] => {}
                [b'.', fraction @ ..] if !fraction.is_empty() => {
                    let mut scale = 100_000;
                    for b in fraction {
                        if !b.is_ascii_digit() || (scale == 0 && *b != b'0') {
                            return None;
                        }
                        micros += i64::from(b - b'0') * scale;
                        scale /= 10;
                    }
                }
                _ => return None,
            }
        }
        _ => return None,
    }
    if minutes > 59 || seconds > 59 {
        return None;
    }
    let total =
        (hours * 3600 + i64::from(minutes) * 60 + i64::from(seconds)) * MICROS_PER_SECOND + micros;
    Some(if negative { -total } else { total })
}

/// Reads `DATE[ T]TIME` of no zone as microseconds; also a date alone, as its midnight. The time must
/// be below 24:00.
#[inline]
pub fn parse_timestamp(text: &[u8]) -> Option<i64> {
    let split = text.iter().position(|b| matches!(b, b' ' | b'T'));
    let (date, time) = match split {
        Some(at) => (&text[..at], parse_time(&text[at + 1..])?),
        None => (text, 0),
    };
    if !(0..MICROS_PER_DAY).contains(&time) {
        return None;
    }
    i64::from(parse_date(date)?)
        .checked_mul(MICROS_PER_DAY)?
        .checked_add(time)
}

/// Reads an offset at the end of `text` (`Z`, `+HH`, `+HHMM`, `+HH:MM`, `+HH:MM:SS`): the text before
/// it and the offset in seconds; `None` if there is none.
pub fn split_offset(text: &[u8]) -> Option<(&[u8], i32)> {
    if let [head @ .., b'Z' | b'z'] = text {
        return Some((head, 0));
    }
    let from = text.iter().rposition(|b| matches!(b, b'+' | b'-'))?;
    // A minus before the first colon belongs to the date.
    if !text[..from].contains(&b':') {
        return None;
    }
    let (head, tail) = (&text[..from], &text[from + 1..]);
    let (h, m, s) = match tail.len() {
        2 => (digits(tail)?, 0, 0),
        4 => (digits(&tail[..2])?, digits(&tail[2..])?, 0),
        5 if tail[2] == b':' => (digits(&tail[..2])?, digits(&tail[3..])?, 0),
        8 if tail[2] == b':' && tail[5] == b':' => (
            digits(&tail[..2])?,
            digits(&tail[3..5])?,
            digits(&tail[6..])?,
        ),
        _ => return None,
    };
    let seconds = i32::try_from(h * 3600 + m * 60 + s).ok()?;
    Some((
        head,
        if text[from] == b'-' {
            -seconds
        } else {
            seconds
        },
    ))
}

/// Reads a timestamp with an offset as microseconds UTC.
pub fn parse_timestamp_tz(text: &[u8]) -> Option<i64> {
    let (head, offset) = split_offset(text)?;
    parse_timestamp(head)?.checked_sub(i64::from(offset) * MICROS_PER_SECOND)
}

/// Reads what [`write_interval`] writes, and ISO 8601 durations with weeks, as months, days, microseconds.
pub fn parse_interval(text: &[u8]) -> Option<(i32, i32, i64)> {
    let mut rest = text.strip_prefix(b"P")?;
    let (mut months, mut days, mut micros) = (0i64, 0i64, 0i64);
    let mut timed = false;
    while !rest.is_empty() {
        if rest[0] == b'T' {
            timed = true;
            rest = &rest[1..];
            continue;
        }
        let end = rest.iter().position(|b| b.is_ascii_alphabetic())?;
        let (number, unit) = (std::str::from_utf8(&rest[..end]).ok()?, rest[end]);
        rest = &rest[end + 1..];
        if unit == b'S' && timed {
            let negative = number.starts_with('-');
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            if fraction.len() > 6 {
                return None;
            }
            let whole: i64 = whole.trim_start_matches('-').parse().ok()?;
            let fraction: i64 = format!("{fraction:0<6}").parse().ok()?;
            let part = whole
                .checked_mul(MICROS_PER_SECOND)?
                .checked_add(fraction)?;
            micros = micros.checked_add(if negative { -part } else { part })?;
            continue;
        }
        let n: i64 = number.parse().ok()?;
        match (unit, timed) {
            (b'Y', false) => months = months.checked_add(n.checked_mul(12)?)?,
            (b'M', false) => months = months.checked_add(n)?,
            (b'W', false) => days = days.checked_add(n.checked_mul(7)?)?,
            (b'D', false) => days = days.checked_add(n)?,
            (b'H', true) => {
                micros = micros.checked_add(n.checked_mul(3600 * MICROS_PER_SECOND)?)?;
            }
            (b'M', true) => micros = micros.checked_add(n.checked_mul(60 * MICROS_PER_SECOND)?)?,
            _ => return None,
        }
    }
    Some((
        i32::try_from(months).ok()?,
        i32::try_from(days).ok()?,
        micros,
    ))
}

/// Reads a UUID in the 36-character form or as 32 hexadecimal digits, of any case.
pub fn parse_uuid(text: &[u8]) -> Option<[u8; 16]> {
    let dashed = match text.len() {
        36 => true,
        32 => false,
        _ => return None,
    };
    let mut out = [0; 16];
    let mut at = 0;
    for (i, byte) in out.iter_mut().enumerate() {
        if dashed && matches!(i, 4 | 6 | 8 | 10) {
            if text[at] != b'-' {
                return None;
            }
            at += 1;
        }
        let hex = |b: u8| (b as char).to_digit(16);
        *byte = (hex(text[at])? << 4 | hex(text[at + 1])?) as u8;
        at += 2;
    }
    Some(out)
}

/// Reads `0` and `1` as a bit string.
pub fn parse_bits(text: &[u8]) -> Option<(u32, Vec<u8>)> {
    let mut bytes = vec![0u8; text.len().div_ceil(8)];
    for (i, b) in text.iter().enumerate() {
        match b {
            b'0' => {}
            b'1' => bytes[i / 8] |= 0x80 >> (i % 8),
            _ => return None,
        }
    }
    Some((u32::try_from(text.len()).ok()?, bytes))
}

/// Whether `text` is a decimal as [`crate::batch::Cell::Decimal`] describes it (the three words excluded).
pub fn plain_decimal(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let mut parts = text.splitn(2, |b| *b == b'.');
    let whole = parts.next().unwrap_or_default();
    let fraction = parts.next();
    !whole.is_empty()
        && whole.iter().all(u8::is_ascii_digit)
        && fraction.is_none_or(|f| !f.is_empty() && f.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("notation is ASCII")
    }

    #[test]
    fn known_dates_have_known_numbers() {
        assert_eq!(days_from_civil(1970, 1, 1), 0);
        assert_eq!(days_from_civil(2000, 3, 1), 11_017);
        assert_eq!(parse_date(b"2024-02-29"), Some(19_782));
        for bad in [
            "2023-02-29",
            "0000-00-00",
            "2024-13-01",
            "24-01-01",
            "2024-1-1",
            "",
            "-",
        ] {
            assert_eq!(parse_date(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn times_and_offsets_are_read_as_written() {
        assert_eq!(parse_time(b"24:00:00"), Some(86_400_000_000));
        assert_eq!(parse_time(b"-838:59:59.000000"), Some(-3_020_399_000_000));
        assert_eq!(parse_time(b"10:60:00"), None);
        assert_eq!(parse_time(b"10:00:00.1234567"), None);
        assert_eq!(
            split_offset(b"2024-01-01 00:00:00-03:30"),
            Some((&b"2024-01-01 00:00:00"[..], -12_600))
        );
        assert_eq!(split_offset(b"2024-01-01"), None);
        assert_eq!(parse_timestamp_tz(b"1970-01-01T01:00:00+01"), Some(0));
        assert_eq!(
            text(|o| write_interval(o, 14, -3, -500_000)),
            "P1Y2M-3DT-0.5S"
        );
        assert_eq!(text(|o| write_interval(o, 0, 0, 0)), "PT0S");
    }

    proptest! {
        #[test]
        fn every_day_is_read_as_written(days in -3_000_000i32..4_000_000) {
            prop_assert_eq!(parse_date(text(|o| write_date(o, days)).as_bytes()), Some(days));
        }

        #[test]
        fn every_moment_is_read_as_written(micros in -200_000_000_000_000_000i64..250_000_000_000_000_000) {
            prop_assert_eq!(parse_timestamp(text(|o| write_timestamp(o, micros, 6)).as_bytes()), Some(micros));
        }

        #[test]
        fn every_interval_is_read_as_written(m in -100_000i32..100_000, d in -100_000i32..100_000, u in -1_000_000_000_000i64..1_000_000_000_000) {
            prop_assert_eq!(parse_interval(text(|o| write_interval(o, m, d, u)).as_bytes()), Some((m, d, u)));
        }

        #[test]
        fn every_uuid_and_bit_string_is_read_as_written(u: [u8; 16], n in 0u32..200) {
            prop_assert_eq!(parse_uuid(text(|o| write_uuid(o, &u)).as_bytes()), Some(u));
            let bytes: Vec<u8> = u.iter().cycle().take(n.div_ceil(8) as usize).copied().collect();
            let written = text(|o| write_bits(o, n, &bytes));
            let (bits, back) = parse_bits(written.as_bytes()).expect("only 0 and 1");
            prop_assert_eq!(bits, n);
            prop_assert_eq!(text(|o| write_bits(o, bits, &back)), written);
        }
    }
}
