//! Amounts with a unit: bytes and spans of time.

use super::Problem;

/// Reads a number of bytes: `268435456`, `256MiB`, `256 MB`, `1.5GiB`.
///
/// `k`, `M`, `G`, `T` are powers of 1000 with `B`, and of 1024 with `iB`; a unit without `B` is of 1024.
pub fn parse_bytes(text: &str) -> Result<u64, Problem> {
    let wrong = || {
        Problem::new(format!("{text:?} is not a number of bytes"))
            .hint("Write a number and a unit, like \"256MiB\" or \"1GB\".")
    };
    let (number, unit) = split(text).ok_or_else(wrong)?;
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1u64,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "k" | "ki" | "kib" => 1 << 10,
        "m" | "mi" | "mib" => 1 << 20,
        "g" | "gi" | "gib" => 1 << 30,
        "t" | "ti" | "tib" => 1 << 40,
        _ => return Err(wrong()),
    };
    let bytes = number * factor as f64;
    if !(0.0..9e18).contains(&bytes) {
        return Err(wrong());
    }
    Ok(bytes.round() as u64)
}

/// Reads a span of time in seconds: `90`, `90s`, `30m`, `2h`, `1d`, `500ms`.
pub fn parse_seconds(text: &str) -> Result<u64, Problem> {
    let wrong = || {
        Problem::new(format!("{text:?} is not a span of time"))
            .hint("Write a number and a unit, like \"30s\", \"15m\" or \"2h\".")
    };
    let (number, unit) = split(text).ok_or_else(wrong)?;
    let factor = match unit.to_ascii_lowercase().as_str() {
        "ms" => 0.001,
        "" | "s" | "sec" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(wrong()),
    };
    let seconds = number * factor;
    if !(0.0..1e12).contains(&seconds) {
        return Err(wrong());
    }
    Ok(seconds.ceil() as u64)
}

fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '_'))
        .unwrap_or(text.len());
    let number: f64 = text[..end].replace('_', "").parse().ok()?;
    Some((number, text[end..].trim()))
}

/// Says a number of bytes for people, in powers of 1024 with three digits or so.
pub fn show_bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut amount = bytes as f64;
    let mut unit = 0;
    while amount >= 1024.0 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} B")
    } else if amount < 10.0 {
        format!("{amount:.2} {}", UNITS[unit])
    } else if amount < 100.0 {
        format!("{amount:.1} {}", UNITS[unit])
    } else {
        format!("{amount:.0} {}", UNITS[unit])
    }
}

/// Says a whole number with a space between thousands.
pub fn show_count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// Says a span of time for people: `0.012s`, `4.2s`, `3m 05s`, `2h 10m`, `3d 4h`.
pub fn show_seconds(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "?".into();
    }
    let whole = seconds.round() as u64;
    match whole {
        0..=9 if seconds < 0.9995 => format!("{seconds:.3}s"),
        0..=59 => format!("{seconds:.1}s"),
        60..=3599 => format!("{}m {:02}s", whole / 60, whole % 60),
        3600..=86_399 => format!("{}h {:02}m", whole / 3600, whole / 60 % 60),
        _ => format!("{}d {}h", whole / 86_400, whole / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_with_their_units() {
        for (text, want) in [
            ("0", 0),
            ("256MiB", 256 << 20),
            ("256 mb", 256_000_000),
            ("1.5g", 3 << 29),
            ("1_000", 1000),
        ] {
            assert_eq!(parse_bytes(text).ok(), Some(want), "{text}");
        }
        for bad in ["", "MiB", "-1", "1XB", "1e400", "99999999TB", "1..2"] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_seconds("30m").ok(), Some(1800));
        assert_eq!(parse_seconds("1ms").ok(), Some(1));
        assert!(parse_seconds("1 fortnight").is_err());
    }

    #[test]
    fn amounts_are_shown_short() {
        assert_eq!(show_bytes(1023), "1023 B");
        assert_eq!(show_bytes(256 << 20), "256 MiB");
        assert_eq!(show_bytes(1500), "1.46 KiB");
        assert_eq!(show_count(1_234_567), "1 234 567");
        assert_eq!(show_count(999), "999");
        assert_eq!(show_seconds(0.0123), "0.012s");
        assert_eq!(show_seconds(59.96), "1m 00s");
        assert_eq!(show_seconds(125.0), "2m 05s");
        assert_eq!(show_seconds(90_000.0), "1d 1h");
    }
}
