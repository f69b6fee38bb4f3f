//! Values mended on their way, as a policy says: text in another encoding than it should be, and numbers beyond
//! their column.
//!
//! Between the reader and the encoder, for every pair of engines alike, and only where a policy asks
//! for it: otherwise no cell is looked at. What can not be mended stays as it is, for the encoder to judge.

use limosa_core::batch::{Batch, Cell};
use limosa_core::engine::{ColumnWrite, LoadSpec};
use limosa_core::policy::{DoubleEncodedPolicy, InvalidTextPolicy, OutOfRangePolicy, Policies};
use limosa_core::schema::Type;
use std::borrow::Cow;

/// What is done to the cells of one column.
struct Mend {
    policies: Policies,
    text: bool,
    whole: Option<(i128, i128)>,
    /// The most digits before the point.
    digits: Option<(u32, u32)>,
}

/// What is done to the cells of one table.
pub(crate) struct Repair {
    columns: Vec<Option<Mend>>,
}

impl Repair {
    /// `None` if no policy asks for anything.
    pub(crate) fn of(spec: &LoadSpec) -> Option<Self> {
        let columns: Vec<Option<Mend>> = spec.columns.iter().map(mend).collect();
        columns
            .iter()
            .any(Option::is_some)
            .then_some(Self { columns })
    }

    /// Writes the rows of `from`, mended, into `to`: as many, in the same order.
    pub(crate) fn apply(&self, from: &Batch, to: &mut Batch) {
        to.reset(self.columns.len());
        let mut cells = from.cells();
        for _ in 0..from.rows() {
            for column in &self.columns {
                let Some(cell) = cells.next() else { return };
                match column {
                    Some(mend) => mend.cell(cell, to),
                    None => to.put_cell(cell),
                }
            }
            to.end_row();
        }
    }
}

fn mend(c: &ColumnWrite) -> Option<Mend> {
    let policies = c.policies;
    let text = c.target.base().text()
        && (policies.invalid_text.decodes()
            || policies.double_encoded == DoubleEncodedPolicy::Repair);
    let ranged = policies.out_of_range == OutOfRangePolicy::Clamp;
    let whole = match c.target.base() {
        Type::Integer {
            bits,
            unsigned: true,
        } => Some((0, (1i128 << (*bits).clamp(1, 64)) - 1)),
        Type::Integer { bits, .. } => {
            let half = 1i128 << ((*bits).clamp(1, 64) - 1);
            Some((-half, half - 1))
        }
        _ => None,
    };
    let digits = match c.target.base() {
        Type::Decimal {
            precision: Some(p),
            scale,
        } => {
            let scale = u32::try_from(scale.unwrap_or(0)).unwrap_or(0);
            Some((p.saturating_sub(scale), scale))
        }
        _ => None,
    };
    let mend = Mend {
        policies,
        text,
        whole: whole.filter(|_| ranged),
        digits: digits.filter(|_| ranged),
    };
    (mend.text || mend.whole.is_some() || mend.digits.is_some()).then_some(mend)
}

impl Mend {
    fn cell(&self, cell: Cell<'_>, to: &mut Batch) {
        match cell {
            Cell::Bytes(b) if self.text => match decoded(b, self.policies.invalid_text) {
                Some(text) => self.text(&text, to),
                None => to.put_bytes(b),
            },
            Cell::Text(t) if self.text => self.text(t, to),
            Cell::Int(i) => self.whole(i128::from(i), cell, to),
            Cell::UInt(u) => self.whole(i128::from(u), cell, to),
            Cell::Decimal(d) => self.decimal(d, cell, to),
            other => to.put_cell(other),
        }
    }

    fn text(&self, text: &str, to: &mut Batch) {
        match self.policies.double_encoded {
            DoubleEncodedPolicy::Repair => to.put_text(&once_encoded(text)),
            _ => to.put_text(text),
        }
    }

    fn whole(&self, n: i128, cell: Cell<'_>, to: &mut Batch) {
        let Some((least, most)) = self.whole else {
            // A whole number in a decimal column.
            return match self.digits {
                Some(_) => self.decimal(&n.to_string(), cell, to),
                None => to.put_cell(cell),
            };
        };
        if (least..=most).contains(&n) {
            return to.put_cell(cell);
        }
        let near = n.clamp(least, most);
        match i64::try_from(near) {
            Ok(i) => to.put_int(i),
            Err(_) => to.put_uint(near as u64),
        }
    }

    fn decimal(&self, said: &str, cell: Cell<'_>, to: &mut Batch) {
        let digits = said.strip_prefix('-').unwrap_or(said);
        let whole = digits.split('.').next().unwrap_or_default();
        let (Some((most, scale)), true) = (
            self.digits,
            digits.starts_with(|c: char| c.is_ascii_digit()),
        ) else {
            return to.put_cell(cell);
        };
        if whole.trim_start_matches('0').len() <= most as usize {
            return to.put_cell(cell);
        }
        let mut near = String::new();
        if said.starts_with('-') {
            near.push('-');
        }
        match most {
            0 => near.push('0'),
            n => near.push_str(&"9".repeat(n as usize)),
        }
        if scale > 0 {
            near.push('.');
            near.push_str(&"9".repeat(scale as usize));
        }
        to.put_decimal(&near);
    }
}

/// Bytes that are not UTF-8 as text of the encoding that the policy names; `None` if they are none.
fn decoded(bytes: &[u8], policy: InvalidTextPolicy) -> Option<Cow<'_, str>> {
    match (std::str::from_utf8(bytes), policy) {
        (Ok(text), _) => Some(Cow::Borrowed(text)),
        (Err(_), InvalidTextPolicy::Latin1) => {
            Some(Cow::Owned(bytes.iter().map(|b| char::from(*b)).collect()))
        }
        (Err(_), InvalidTextPolicy::Windows1252) => bytes
            .iter()
            .map(|b| windows(*b))
            .collect::<Option<String>>()
            .map(Cow::Owned),
        _ => None,
    }
}

/// The characters of Windows-1252 from 0x80 to 0x9F; five of the bytes have none.
const UPPER: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘',
    '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

fn windows(byte: u8) -> Option<char> {
    match byte {
        0x80..=0x9F => Some(UPPER[usize::from(byte - 0x80)]).filter(|c| *c != '\0'),
        other => Some(char::from(other)),
    }
}

/// The byte of a character in Windows-1252, the five bytes without one taken as they are in Latin-1.
fn byte(c: char) -> Option<u8> {
    match u32::from(c) {
        code @ (0..=0x7F | 0xA0..=0xFF) => u8::try_from(code).ok(),
        code @ 0x80..=0x9F if UPPER[code as usize - 0x80] == '\0' => u8::try_from(code).ok(),
        _ => UPPER
            .iter()
            .position(|u| *u == c && c != '\0')
            .map(|at| at as u8 + 0x80),
    }
}

/// Whether text was probably encoded twice. Most texts are told apart by the bytes that the first character of such a
/// sequence has.
pub(crate) fn twice(text: &str) -> bool {
    memchr::memchr2(0xC2, 0xC3, text.as_bytes()).is_some()
        && matches!(once_encoded(text), Cow::Owned(_))
}

/// Text that was UTF-8, was taken for Windows-1252 and encoded once more, as it was. Any other text is left.
///
/// It is such text only if every character of it is one of Windows-1252, and their bytes together are UTF-8 with
/// at least one character beyond ASCII: a chance that grows small with each such character.
pub(crate) fn once_encoded(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let Some(bytes) = text.chars().map(byte).collect::<Option<Vec<u8>>>() else {
        return Cow::Borrowed(text);
    };
    match String::from_utf8(bytes) {
        Ok(once) => Cow::Owned(once),
        Err(_) => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_that_was_encoded_twice_is_decoded_once() {
        for (twice, once) in [
            ("cafÃ©", "café"),
            ("â‚¬ 5", "€ 5"),
            ("naÃ¯ve â€œquotesâ€\u{9d}", "naïve “quotes”"),
            ("ðŸ˜€", "😀"),
        ] {
            assert_eq!(once_encoded(twice), once);
        }
        // Text that is right is left as it is.
        for right in ["café", "€", "日本", "Ã", "façade Ã", "plain", "", "😀"] {
            assert_eq!(once_encoded(right), right);
        }
    }

    #[test]
    fn bytes_are_read_as_the_encoding_that_was_said() {
        let caf = b"caf\xe9 \x80";
        let latin = decoded(caf, InvalidTextPolicy::Latin1);
        assert_eq!(latin.as_deref(), Some("café \u{80}"));
        let windows = decoded(caf, InvalidTextPolicy::Windows1252);
        assert_eq!(windows.as_deref(), Some("café €"));
        // A byte that the encoding does not have is left to the encoder.
        assert_eq!(decoded(b"\xe9\x81", InvalidTextPolicy::Windows1252), None);
        assert_eq!(decoded(caf, InvalidTextPolicy::Stop), None);
        let fine = decoded("é".as_bytes(), InvalidTextPolicy::Latin1);
        assert_eq!(fine.as_deref(), Some("é"));
    }

    proptest! {
        #[test]
        fn whatever_was_encoded_twice_comes_back(text in "[ -~]{0,5}[\u{80}-\u{10ffff}]{1,5}[ -~]{0,5}") {
            let twice: String = text
                .bytes()
                .map(|b| windows(b).unwrap_or(char::from(b)))
                .collect();
            prop_assert_eq!(once_encoded(&twice), text);
        }
    }
}
