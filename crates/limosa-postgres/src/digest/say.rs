//! How the text of one column becomes a canonical cell.

use limosa_core::canonical::{self, CanonicalRows, Form};

/// How one column's text is said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Say {
    pub(super) form: Form,
    /// The text is of a 32-bit float.
    pub(super) single: bool,
    /// The text is of bytes, `\x…`.
    pub(super) hex: bool,
}

/// How a huge value is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// As it comes.
    Copied,
    /// Two hexadecimal digits a byte.
    Halved,
    /// Once it is there to its end; it is short.
    Short,
    /// Once it is there to its end, which may be far.
    Long,
}

impl Say {
    pub(super) fn way(self) -> Way {
        match self.form {
            Form::Bytes | Form::Geometry if self.hex => Way::Halved,
            Form::Text | Form::Bytes | Form::Geometry | Form::Native | Form::Bits => Way::Copied,
            Form::PaddedText | Form::Json | Form::Set | Form::Dynamic => Way::Long,
            _ => Way::Short,
        }
    }
}

pub(super) fn cell(say: Say, text: &[u8], rows: &mut CanonicalRows) {
    rows.cell_with(|out| match say.form {
        Form::Boolean => canonical::boolean(out, text),
        Form::Integer | Form::Decimal => canonical::decimal(out, text),
        Form::Double => match (say.single, number::<f32>(text), number::<f64>(text)) {
            (true, Some(f), _) => canonical::double(out, f64::from(f)),
            (false, _, Some(f)) => canonical::double(out, f),
            _ => out.extend_from_slice(text),
        },
        Form::Single => match (say.single, number::<f32>(text), number::<f64>(text)) {
            (true, Some(f), _) => canonical::single(out, f),
            (false, _, Some(f)) if f64::from(f as f32) == f || f.is_nan() => {
                canonical::single(out, f as f32);
            }
            (false, _, Some(f)) => canonical::double(out, f),
            _ => out.extend_from_slice(text),
        },
        Form::PaddedText => {
            let blanks = text.iter().rev().take_while(|b| **b == b' ').count();
            out.extend_from_slice(&text[..text.len() - blanks]);
        }
        Form::Bytes | Form::Geometry if say.hex => match text.strip_prefix(b"\\x") {
            Some(hex) => {
                let digit = |b: u8| (b as char).to_digit(16).unwrap_or(0) as u8;
                out.extend(hex.chunks_exact(2).map(|p| digit(p[0]) << 4 | digit(p[1])));
            }
            None => out.extend_from_slice(text),
        },
        Form::Date => with_sign(out, text, |out, t| canonical::moment(out, t, false)),
        Form::Time => canonical::moment(out, text, false),
        Form::Timestamp => with_sign(out, text, |out, t| canonical::moment(out, t, true)),
        Form::TimestampTz => with_sign(out, text, |out, t| {
            // The session's zone is UTC, so the server always writes this one; a moment that became text has minutes.
            let t = t
                .strip_suffix(b":00")
                .filter(|t| t.ends_with(b"+00"))
                .unwrap_or(t);
            let t = t.strip_suffix(b"+00").unwrap_or(t);
            canonical::moment(out, t, true);
        }),
        Form::TimeTz => time_tz(out, text),
        Form::Uuid => out.extend(text.iter().map(u8::to_ascii_lowercase)),
        Form::Json => canonical::json(out, text),
        Form::Set => canonical::set(out, text),
        Form::Dynamic => {
            out.push(b't');
            out.extend_from_slice(text);
        }
        Form::Text | Form::Bytes | Form::Geometry | Form::Interval | Form::Bits | Form::Native => {
            out.extend_from_slice(text);
        }
    });
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// PostgreSQL writes years before 1 as `0044-03-15 BC`; the canonical form counts them: 1 BC is year 0,
/// 44 BC is -43.
fn with_sign(out: &mut Vec<u8>, text: &[u8], say: impl FnOnce(&mut Vec<u8>, &[u8])) {
    let Some(before) = text.strip_suffix(b" BC") else {
        return say(out, text);
    };
    let dash = before.iter().position(|b| *b == b'-').unwrap_or(0);
    let Some(year) = number::<i64>(&before[..dash]) else {
        return out.extend_from_slice(text);
    };
    let mut changed = match year - 1 {
        0 => b"0000".to_vec(),
        n => format!("-{n:04}").into_bytes(),
    };
    changed.extend_from_slice(&before[dash..]);
    say(out, &changed);
}

/// `10:20:30.5+02`, `-03:30`, `+01:02:03` → the time, a blank, the seconds east.
fn time_tz(out: &mut Vec<u8>, text: &[u8]) {
    let Some(at) = text.iter().rposition(|b| matches!(b, b'+' | b'-')) else {
        return out.extend_from_slice(text);
    };
    let mut seconds = 0i64;
    for (part, unit) in text[at + 1..].split(|b| *b == b':').zip([3600, 60, 1]) {
        seconds += number::<i64>(part).unwrap_or(0) * unit;
    }
    if text[at] == b'-' {
        seconds = -seconds;
    }
    canonical::moment(out, &text[..at], false);
    out.extend_from_slice(format!(" {seconds}").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(form: Form, text: &str) -> String {
        let mut rows = CanonicalRows::default();
        cell(
            Say {
                form,
                single: false,
                hex: false,
            },
            text.as_bytes(),
            &mut rows,
        );
        rows.end_row();
        let (_, row) = rows.rows().next().expect("one row");
        let cells = canonical::cells(row);
        String::from_utf8_lossy(cells[0].expect("not null")).into_owned()
    }

    #[test]
    fn server_text_becomes_canonical() {
        for (form, text, want) in [
            (Form::Date, "0044-03-15 BC", "-0043-03-15"),
            (Form::Date, "0001-01-01 BC", "0000-01-01"),
            (
                Form::TimestampTz,
                "2024-01-01 00:00:00.5+00",
                "2024-01-01 00:00:00.5",
            ),
            (
                Form::TimestampTz,
                "2024-01-01 00:00:00+00:00",
                "2024-01-01 00:00:00",
            ),
            (
                Form::TimestampTz,
                "0000-00-00 00:00:00",
                "0000-00-00 00:00:00",
            ),
            (
                Form::TimestampTz,
                "0044-03-15 00:00:00+00 BC",
                "-0043-03-15 00:00:00",
            ),
            (Form::Timestamp, "infinity", "infinity"),
            (Form::TimeTz, "10:20:30.50-03:30", "10:20:30.5 -12600"),
            (Form::PaddedText, "ab  ", "ab"),
            (Form::Boolean, "t", "1"),
        ] {
            assert_eq!(said(form, text), want);
        }
    }
}
