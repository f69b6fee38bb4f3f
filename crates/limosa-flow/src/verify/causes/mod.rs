//! Which rule explains a difference: the question that follows "5,312 rows differ".
//!
//! A cause is named for a difference only if it explains it exactly: the target's value is what the rule
//! makes of the source's, or both become one value under it. The functions are pure and look at canonical
//! cells; whatever no rule explains is [`Cause::Other`].

mod number;
mod tally;
mod text;
mod time;
mod zone;

pub(crate) use tally::Tally;
pub(crate) use text::{latin, space, widthless};

use limosa_core::canonical::Form;

/// Longer cells are looked at as bytes only: finding the rule must not cost more memory than the cell.
const LONG: usize = 1 << 20;

/// A rule that explains a difference. The order is that of preference where several do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Two columns changed places; the other is the one of this number.
    Swapped(u16),
    /// An empty text became NULL.
    NullForEmpty,
    /// NULL became an empty text.
    EmptyForNull,
    /// The target has NULL.
    NullInTarget,
    /// The source has NULL.
    NullInSource,
    /// The same truth value, spelled otherwise.
    BooleanSpelling,
    /// The same but for zeros at the beginning.
    LeadingZeros,
    /// The same number, spelled otherwise.
    NumberSpelling,
    /// The same JSON, with other blanks or another order of members.
    JsonSpelling,
    /// So many days later in the target.
    Days(i64),
    /// So many microseconds later in the target.
    Shift(i64),
    /// Only the day is left.
    TimeLost,
    /// Digits of a fraction of a second are cut off behind so many.
    FractionCut(u8),
    /// Fractions of a second are rounded to so many digits.
    FractionRounded(u8),
    /// -0 became 0, or the other way.
    NegativeZero,
    /// The last bit of a binary float.
    LastBit,
    /// The target is the nearest binary32.
    Binary32,
    /// Both are one binary64.
    Binary64,
    /// Rounded to so many significant digits.
    Significant(u8),
    /// Digits behind the point are cut off behind so many.
    Cut(u8),
    /// Rounded to so many digits behind the point.
    Rounded(u8),
    /// The other sign.
    Sign,
    /// Ten to this power times the source's value.
    Scaled(i16),
    /// A text of blanks at the end.
    TrailingSpace,
    /// Blanks or line ends at either end.
    OuterSpace,
    /// Zero bytes at the end.
    TrailingZeroBytes,
    /// Line ends: `\r\n` and `\n`.
    LineEnds,
    /// Upper and lower case.
    Case,
    /// One text in two Unicode normal forms (NFC, NFD).
    Normalization,
    /// No-break spaces and common ones.
    NoBreakSpace,
    /// Characters without width.
    ZeroWidth,
    /// Letters of different scripts that look alike.
    LookAlike,
    /// UTF-8 that was read as Latin-1 or Windows-1252 and encoded once more.
    DoubleEncoded,
    /// The same the other way: the source was doubly encoded and the target is not.
    DoubleEncodingMended,
    /// Characters became `?` or U+FFFD.
    Replaced,
    /// The target is cut behind so many characters.
    Characters(u32),
    /// The target is cut behind so many bytes.
    Bytes(u32),
    /// The source is the beginning of the target.
    Prolonged,
    /// The target has the source's value of another column.
    From(u16),
    /// None of these.
    Other,
}

impl Cause {
    /// A lasting short name.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Swapped(_) => "swapped-columns",
            Cause::NullForEmpty => "null-for-empty",
            Cause::EmptyForNull => "empty-for-null",
            Cause::NullInTarget => "null-in-target",
            Cause::NullInSource => "null-in-source",
            Cause::BooleanSpelling => "boolean-spelling",
            Cause::LeadingZeros => "leading-zeros",
            Cause::NumberSpelling => "number-spelling",
            Cause::JsonSpelling => "json-spelling",
            Cause::Days(_) => "days",
            Cause::Shift(_) => "time-shift",
            Cause::TimeLost => "time-of-day-lost",
            Cause::FractionCut(_) => "fraction-cut",
            Cause::FractionRounded(_) => "fraction-rounded",
            Cause::NegativeZero => "negative-zero",
            Cause::LastBit => "last-bit",
            Cause::Binary32 => "binary32",
            Cause::Binary64 => "binary64",
            Cause::Significant(_) => "significant-digits",
            Cause::Cut(_) => "digits-cut",
            Cause::Rounded(_) => "rounded",
            Cause::Sign => "sign",
            Cause::Scaled(_) => "power-of-ten",
            Cause::TrailingSpace => "trailing-space",
            Cause::OuterSpace => "outer-space",
            Cause::TrailingZeroBytes => "trailing-zero-bytes",
            Cause::LineEnds => "line-ends",
            Cause::Case => "letter-case",
            Cause::Normalization => "unicode-normal-form",
            Cause::NoBreakSpace => "no-break-space",
            Cause::ZeroWidth => "zero-width",
            Cause::LookAlike => "look-alike",
            Cause::DoubleEncoded => "double-encoded",
            Cause::DoubleEncodingMended => "double-encoding-mended",
            Cause::Replaced => "characters-replaced",
            Cause::Characters(_) => "truncated-characters",
            Cause::Bytes(_) => "truncated-bytes",
            Cause::Prolonged => "prolonged",
            Cause::From(_) => "other-column",
            Cause::Other => "other",
        }
    }

    /// The rule as what follows "all 5,312 values". `columns` are the names of the table's columns.
    pub fn words(self, columns: &[&str]) -> String {
        let column = |n: u16| columns.get(usize::from(n)).copied().unwrap_or("another");
        match self {
            Cause::Swapped(n) => format!("changed places with column {}", column(n)),
            Cause::NullForEmpty => "are empty in the source and NULL in the target".into(),
            Cause::EmptyForNull => "are NULL in the source and empty in the target".into(),
            Cause::NullInTarget => "are NULL in the target".into(),
            Cause::NullInSource => "are NULL in the source".into(),
            Cause::BooleanSpelling => "are one truth value, spelled otherwise".into(),
            Cause::LeadingZeros => "differ only in zeros at the beginning".into(),
            Cause::NumberSpelling => "are one number, spelled otherwise".into(),
            Cause::JsonSpelling => "are one JSON document, spelled otherwise".into(),
            Cause::Days(n) => format!("differ by exactly {n:+} {}", plural(n, "day")),
            Cause::Shift(us) => format!("differ by exactly {}", offset(us)),
            Cause::TimeLost => "lost the time of day".into(),
            Cause::FractionCut(n) => {
                format!("are cut off behind {} of the second", digits(n))
            }
            Cause::FractionRounded(n) => {
                format!("are rounded to {} of the second", digits(n))
            }
            Cause::NegativeZero => "differ in the sign of zero".into(),
            Cause::LastBit => "differ in the last bit of a binary float".into(),
            Cause::Binary32 => "went through a float of 32 bits".into(),
            Cause::Binary64 => "differ only beyond what a float of 64 bits holds".into(),
            Cause::Significant(n) => format!(
                "are rounded to {n} significant {}",
                plural(n.into(), "digit")
            ),
            Cause::Cut(n) => format!("are cut off behind {} after the point", digits(n)),
            Cause::Rounded(n) => format!("are rounded to {} after the point", digits(n)),
            Cause::Sign => "have the other sign".into(),
            Cause::Scaled(n) => format!("are the source's times 10^{n}"),
            Cause::TrailingSpace => "differ only in blanks at the end".into(),
            Cause::OuterSpace => "differ only in white space at the ends".into(),
            Cause::TrailingZeroBytes => "differ only in zero bytes at the end".into(),
            Cause::LineEnds => "differ only in line ends".into(),
            Cause::Case => "differ only in upper and lower case".into(),
            Cause::Normalization => "differ only in the Unicode normal form (NFC, NFD)".into(),
            Cause::NoBreakSpace => "differ only in no-break spaces".into(),
            Cause::ZeroWidth => "differ only in characters without width".into(),
            Cause::LookAlike => "differ only in letters that look alike".into(),
            Cause::DoubleEncoded => "are UTF-8 that was encoded twice".into(),
            Cause::DoubleEncodingMended => {
                "are encoded twice in the source and once in the target".into()
            }
            Cause::Replaced => "have characters replaced by ? or U+FFFD".into(),
            Cause::Characters(n) => {
                format!("are cut off behind {n} {}", plural(n.into(), "character"))
            }
            Cause::Bytes(n) => format!("are cut off behind {n} {}", plural(n.into(), "byte")),
            Cause::Prolonged => "begin like the source's and go on".into(),
            Cause::From(n) => format!("are those of column {} in the source", column(n)),
            Cause::Other => "follow no rule that is known".into(),
        }
    }
}

fn plural(n: i64, word: &str) -> String {
    format!("{word}{}", if n.abs() == 1 { "" } else { "s" })
}

fn digits(n: u8) -> String {
    format!("{n} {}", plural(n.into(), "digit"))
}

/// A shift as `+02:00`, with seconds and their fraction where there are any.
fn offset(us: i64) -> String {
    let sign = if us < 0 { '-' } else { '+' };
    let n = us.unsigned_abs();
    let (seconds, fraction) = (n / 1_000_000, n % 1_000_000);
    let mut out = format!("{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60);
    if seconds % 60 > 0 || fraction > 0 {
        out.push_str(&format!(":{:02}", seconds % 60));
    }
    if fraction > 0 {
        out.push_str(format!(".{fraction:06}").trim_end_matches('0'));
    }
    out
}

/// The rules that explain how the cell `source` became `target`, best first; none if no rule does. Both are
/// canonical cells of `form`, `None` for NULL.
pub fn explain(source: Option<&[u8]>, target: Option<&[u8]>, form: Form) -> Vec<Cause> {
    let mut out = Vec::new();
    // An empty text with its storage class in front.
    let empty = |cell: Option<&[u8]>| form == Form::Dynamic && cell == Some(b"t");
    match (source, target) {
        (None, None) => {}
        (s, None) if empty(s) => out.push(Cause::NullForEmpty),
        (None, t) if empty(t) => out.push(Cause::EmptyForNull),
        (Some([]), None) => out.push(Cause::NullForEmpty),
        (None, Some([])) => out.push(Cause::EmptyForNull),
        (Some(_), None) => out.push(Cause::NullInTarget),
        (None, Some(_)) => out.push(Cause::NullInSource),
        (Some(s), Some(t)) if s != t => values(s, t, form, &mut out),
        _ => {}
    }
    out.sort_unstable();
    out.dedup();
    out
}

fn values(s: &[u8], t: &[u8], form: Form, out: &mut Vec<Cause>) {
    match form {
        Form::Dynamic => return dynamic(s, t, out),
        Form::Bytes | Form::Geometry => return bytes(s, t, out),
        Form::Double => {
            if let (Ok(s), Ok(t)) = (s.try_into(), t.try_into()) {
                number::doubles(f64::from_be_bytes(s), f64::from_be_bytes(t), out);
            }
            return;
        }
        Form::Single => {
            if let (Ok(s), Ok(t)) = (s.try_into(), t.try_into()) {
                number::singles(f32::from_be_bytes(s), f32::from_be_bytes(t), out);
            }
            return;
        }
        _ => {}
    }
    let (Ok(a), Ok(b)) = (std::str::from_utf8(s), std::str::from_utf8(t)) else {
        return bytes(s, t, out);
    };
    if s.len().max(t.len()) > LONG {
        return text::cut(a, b, out);
    }
    match form {
        Form::Integer | Form::Decimal => number::decimals(a, b, out),
        Form::Boolean => {}
        Form::Date | Form::Time | Form::Timestamp | Form::TimestampTz => {
            time::moments(a, b, form, out);
        }
        Form::Text | Form::PaddedText | Form::Native | Form::Set => {
            text::texts(a, b, out);
            time::moments(a, b, Form::Timestamp, out);
        }
        // Its texts are told by the other fields; a canonical document may still hold one that was cut.
        Form::Json | Form::Uuid | Form::Bits | Form::Interval | Form::TimeTz => {}
        Form::Bytes | Form::Geometry | Form::Double | Form::Single | Form::Dynamic => {}
    }
}

/// Values with their storage class in front.
fn dynamic(s: &[u8], t: &[u8], out: &mut Vec<Cause>) {
    let (Some((a, s)), Some((b, t))) = (s.split_first(), t.split_first()) else {
        return;
    };
    match (a, b) {
        (b'i', b'i') => values(s, t, Form::Integer, out),
        (b'r', b'r') => values(s, t, Form::Double, out),
        (b't', b't') => values(s, t, Form::Text, out),
        (b'b', b'b') => values(s, t, Form::Bytes, out),
        (b'b', b't') | (b't', b'b') if s == t => {}
        _ => {
            let spelled = |class: &u8, value: &[u8]| -> Option<String> {
                match class {
                    b'r' => Some(f64::from_be_bytes(value.try_into().ok()?).to_string()),
                    b'b' => None,
                    _ => std::str::from_utf8(value).ok().map(str::to_owned),
                }
            };
            if let (Some(a), Some(b)) = (spelled(a, s), spelled(b, t)) {
                match a == b {
                    true => out.push(Cause::NumberSpelling),
                    false => text::spellings(&a, &b, out),
                }
            }
        }
    }
}

fn bytes(s: &[u8], t: &[u8], out: &mut Vec<Cause>) {
    let end = |b: &[u8]| b.len() - b.iter().rev().take_while(|b| **b == 0).count();
    if s[..end(s)] == t[..end(t)] {
        out.push(Cause::TrailingZeroBytes);
    }
    if s.starts_with(t) {
        out.extend(u32::try_from(t.len()).ok().map(Cause::Bytes));
    } else if t.starts_with(s) {
        out.push(Cause::Prolonged);
    }
}

#[cfg(test)]
mod tests;
