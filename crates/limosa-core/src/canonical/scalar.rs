//! Numbers, truths, moments and sets, from their texts.

/// Writes a decimal or integer text (`+007.50`, `-0`, `1e3`, `NaN`) in [`Form::Decimal`](super::Form::Decimal), which is also
/// [`Form::Integer`](super::Form::Integer) for whole numbers. Text that is no number is written as it is, so that it differs.
pub fn decimal(out: &mut Vec<u8>, text: &[u8]) {
    let trimmed = text.trim_ascii();
    match trimmed.to_ascii_lowercase().as_slice() {
        b"nan" => return out.extend_from_slice(b"NaN"),
        b"infinity" | b"inf" | b"+infinity" => return out.extend_from_slice(b"Infinity"),
        b"-infinity" | b"-inf" => return out.extend_from_slice(b"-Infinity"),
        _ => {}
    }
    let (negative, rest) = match trimmed {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (mantissa, exponent) = match rest.iter().position(|b| matches!(b, b'e' | b'E')) {
        Some(at) => {
            let exponent = std::str::from_utf8(&rest[at + 1..])
                .ok()
                .and_then(|e| e.parse::<i32>().ok());
            match exponent {
                Some(e) if e.abs() < 20_000 => (&rest[..at], e),
                _ => return out.extend_from_slice(text),
            }
        }
        None => (rest, 0),
    };
    let point = mantissa
        .iter()
        .position(|b| *b == b'.')
        .unwrap_or(mantissa.len());
    let (whole, fraction) = (
        &mantissa[..point],
        mantissa.get(point + 1..).unwrap_or_default(),
    );
    if whole.len() + fraction.len() == 0 || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
        return out.extend_from_slice(text);
    }
    if exponent == 0 {
        // The usual case, without moving digits.
        let whole = &whole[whole.iter().take_while(|b| **b == b'0').count()..];
        let fraction =
            &fraction[..fraction.len() - fraction.iter().rev().take_while(|b| **b == b'0').count()];
        return digits(out, negative, whole, fraction);
    }
    let all: Vec<u8> = whole.iter().chain(fraction).copied().collect();
    let place = whole.len() as i64 + i64::from(exponent);
    let (mut w, mut f) = (Vec::new(), Vec::new());
    if place <= 0 {
        f.resize(usize::try_from(-place).unwrap_or(0), b'0');
        f.extend_from_slice(&all);
    } else if place as usize >= all.len() {
        w.extend_from_slice(&all);
        w.resize(place as usize, b'0');
    } else {
        w.extend_from_slice(&all[..place as usize]);
        f.extend_from_slice(&all[place as usize..]);
    }
    let w = &w[w.iter().take_while(|b| **b == b'0').count()..];
    let f = &f[..f.len() - f.iter().rev().take_while(|b| **b == b'0').count()];
    digits(out, negative, w, f);
}

fn digits(out: &mut Vec<u8>, negative: bool, whole: &[u8], fraction: &[u8]) {
    if negative && !(whole.is_empty() && fraction.is_empty()) {
        out.push(b'-');
    }
    out.extend_from_slice(if whole.is_empty() { b"0" } else { whole });
    if !fraction.is_empty() {
        out.push(b'.');
        out.extend_from_slice(fraction);
    }
}

/// Writes a float in [`Form::Double`](super::Form::Double).
#[inline]
pub fn double(out: &mut Vec<u8>, value: f64) {
    let bits = if value.is_nan() {
        f64::NAN.to_bits() & !(1 << 63)
    } else {
        value.to_bits()
    };
    out.extend_from_slice(&bits.to_be_bytes());
}

/// Writes a float in [`Form::Single`](super::Form::Single).
#[inline]
pub fn single(out: &mut Vec<u8>, value: f32) {
    let bits = if value.is_nan() {
        f32::NAN.to_bits() & !(1 << 31)
    } else {
        value.to_bits()
    };
    out.extend_from_slice(&bits.to_be_bytes());
}

/// Writes `true`, `t`, `1`, `yes`, … and their opposites in [`Form::Boolean`](super::Form::Boolean); anything else as it is.
pub fn boolean(out: &mut Vec<u8>, text: &[u8]) {
    match text {
        b"t" | b"true" | b"1" | b"T" | b"TRUE" | b"True" | b"yes" | b"y" | b"on" => out.push(b'1'),
        b"f" | b"false" | b"0" | b"F" | b"FALSE" | b"False" | b"no" | b"n" | b"off" => {
            out.push(b'0')
        }
        other => out.extend_from_slice(other),
    }
}

/// Writes a date, time or timestamp text: `T` becomes a blank, trailing zeros of the fraction go,
/// a missing time or missing seconds become zeros if `timestamp`.
pub fn moment(out: &mut Vec<u8>, text: &[u8], timestamp: bool) {
    let at = out.len();
    out.extend_from_slice(text);
    if text.len() > 10 && out[at + 10] == b'T' {
        out[at + 10] = b' ';
    }
    let written = &out[at..];
    if written.contains(&b'.') {
        let keep = written.len() - written.iter().rev().take_while(|b| **b == b'0').count();
        out.truncate(at + keep);
        if out.last() == Some(&b'.') {
            out.pop();
        }
    }
    if timestamp && !text.ends_with(b"infinity") {
        match out[at..].iter().filter(|b| **b == b':').count() {
            0 if !out[at..].contains(&b' ') => out.extend_from_slice(b" 00:00:00"),
            1 => out.extend_from_slice(b":00"),
            _ => {}
        }
    }
}

/// Writes the words of a comma list in byte order.
pub fn set(out: &mut Vec<u8>, text: &[u8]) {
    let mut words: Vec<&[u8]> = text.split(|b| *b == b',').collect();
    words.sort_unstable();
    words.dedup();
    for (i, word) in words.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        out.extend_from_slice(word);
    }
}
