//! The one form in which two databases are compared.
//!
//! Every value is said as bytes that depend only on its meaning: the same on every engine, injective
//! within a [`Form`], and readable where a person will see them (keys in a report). A row is the
//! length-prefixed sequence of its cells, so that no content can pass for a boundary: `("a|b", "c")`
//! and `("a", "b|c")` differ, and NULL differs from every text.
//!
//! The functions here work from *text* or from plain numbers and share nothing with
//! [`crate::notation`], which the copier uses.

use crate::schema::Type;
use serde::{Deserialize, Serialize};

/// Raised whenever a canonical form changes: results of different versions are never mixed.
pub const CANONICAL_VERSION: u32 = 1;

/// The form in which both sides say a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// `0` or `1`.
    Boolean,
    /// Decimal digits, a minus if negative, no leading zeros.
    Integer,
    /// Decimal digits without exponent, without leading zeros and without trailing zeros after the
    /// point, no negative zero; `NaN`, `Infinity`, `-Infinity`.
    Decimal,
    /// The eight bytes of the binary64 value, big-endian; one NaN; -0 and 0 differ.
    Double,
    /// The four bytes of the binary32 value, big-endian; one NaN; -0 and 0 differ.
    Single,
    /// The UTF-8 bytes.
    Text,
    /// The UTF-8 bytes without trailing blanks.
    PaddedText,
    /// The bytes.
    Bytes,
    /// `YYYY-MM-DD`; `infinity`, `-infinity`; a leading minus for years before 0.
    Date,
    /// `[-]HH:MM:SS[.f]` without trailing zeros in the fraction.
    Time,
    /// The same, with the offset in seconds after a blank.
    TimeTz,
    /// `YYYY-MM-DD HH:MM:SS[.f]` without trailing zeros in the fraction; `infinity`, `-infinity`.
    Timestamp,
    /// The same, in UTC.
    TimestampTz,
    /// Months, days and microseconds as three integers with blanks between them.
    Interval,
    /// 36 characters, lower case.
    Uuid,
    /// See [`json`].
    Json,
    /// `0` and `1`, one a bit.
    Bits,
    /// The words in byte order, joined by commas.
    Set,
    /// EWKB, little-endian.
    Geometry,
    /// The engine's own text form of a type that only its family has.
    Native,
    /// The storage class and the value: `i`, `r`, `t` or `b` and then as Integer, Double, Text or Bytes.
    Dynamic,
}

/// Rows in the canonical form: one flat buffer, recycled.
///
/// Invariant: `bytes` holds whole rows, each a sequence of cells as written by [`CanonicalRows::cell`] and
/// [`CanonicalRows::null`]; `ends` holds for each row the place after its key columns and after its last cell.
#[derive(Default, Debug)]
pub struct CanonicalRows {
    bytes: Vec<u8>,
    ends: Vec<(usize, usize)>,
    key_end: usize,
    start: usize,
}

impl CanonicalRows {
    /// Empties the buffer and keeps its memory, up to `keep` bytes of it.
    pub fn reset(&mut self, keep: usize) {
        self.bytes.clear();
        self.bytes.shrink_to(keep);
        self.ends.clear();
        self.key_end = 0;
        self.start = 0;
    }

    /// Makes room for `bytes` more bytes.
    pub fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve_exact(bytes);
    }

    /// The bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Adds a NULL cell.
    #[inline]
    pub fn null(&mut self) {
        self.bytes.push(0);
    }

    /// Adds a cell of the canonical bytes `value`.
    #[inline]
    pub fn cell(&mut self, value: &[u8]) {
        length(&mut self.bytes, value.len());
        self.bytes.extend_from_slice(value);
    }

    /// Adds a cell that `write` appends; nothing but appending is allowed.
    #[inline]
    pub fn cell_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let at = self.begin_cell();
        write(&mut self.bytes);
        self.end_cell(at);
    }

    /// Begins a cell that comes in parts; gives its place for [`CanonicalRows::end_cell`].
    #[inline]
    pub fn begin_cell(&mut self) -> usize {
        // Room for a length of one byte, the usual case; longer ones are moved.
        self.bytes.push(0);
        self.bytes.len() - 1
    }

    /// Adds a part of the cell that was begun.
    #[inline]
    pub fn part(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Ends the cell that was begun at `at`.
    #[inline]
    pub fn end_cell(&mut self, at: usize) {
        let n = self.bytes.len() - at - 1;
        if n < 127 {
            self.bytes[at] = n as u8 + 1;
        } else {
            let mut prefix = Vec::with_capacity(10);
            length(&mut prefix, n);
            self.bytes.splice(at..=at, prefix);
        }
    }

    /// Says that the key's cells end here.
    #[inline]
    pub fn end_key(&mut self) {
        self.key_end = self.bytes.len();
    }

    /// Says that the row ends here. Without [`CanonicalRows::end_key`] the row has no key.
    #[inline]
    pub fn end_row(&mut self) {
        let key_end = self.key_end.max(self.start);
        self.ends.push((key_end, self.bytes.len()));
        self.start = self.bytes.len();
    }

    /// Walks the rows: the key's bytes (empty without a key) and the whole row's bytes.
    pub fn rows(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut start = 0;
        self.ends.iter().map(move |&(key, end)| {
            let row = (&self.bytes[start..key], &self.bytes[start..end]);
            start = end;
            row
        })
    }
}

#[inline]
fn length(out: &mut Vec<u8>, n: usize) {
    // LEB128 of n + 1; 0 is NULL.
    let mut n = n as u64 + 1;
    while n >= 128 {
        out.push(n as u8 | 128);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Reads the cells of a canonical row or key back; `None` for NULL.
pub fn cells(mut row: &[u8]) -> Vec<Option<&[u8]>> {
    let mut out = Vec::new();
    while !row.is_empty() {
        let (mut n, mut shift) = (0u64, 0);
        while let Some((&b, rest)) = row.split_first() {
            row = rest;
            n |= u64::from(b & 127) << shift;
            shift += 7;
            if b < 128 {
                break;
            }
        }
        match n {
            0 => out.push(None),
            n => {
                let (head, rest) = row.split_at((n as usize - 1).min(row.len()));
                out.push(Some(head));
                row = rest;
            }
        }
    }
    out
}

/// The 128-bit hash of a row or key (xxh3).
#[inline]
pub fn hash(bytes: &[u8]) -> u128 {
    xxhash_rust::xxh3::xxh3_128(bytes)
}

/// The form in which values of a source and a target type can be compared, or why they can not.
///
/// The pair is what the plan made of it: a date that became text is compared as a date.
///
/// # Errors
/// A sentence for the report.
pub fn form(source: &Type, target: &Type) -> Result<Form, String> {
    use Type::*;
    Ok(match (source.base(), target.base()) {
        (Dynamic, Dynamic) => Form::Dynamic,
        (Json { .. } | Array { .. }, Json { .. } | Array { .. } | Text { .. }) => Form::Json,
        (Native { json: true, .. }, Json { .. } | Text { .. }) => Form::Json,
        (Native { name, .. } | Geometry { shape: name, .. }, Native { name: other, .. })
            if name == other =>
        {
            Form::Native
        }
        (Geometry { .. }, _) | (_, Geometry { .. }) => Form::Geometry,
        (Native { .. }, b) if b.text() => Form::Text,
        (Boolean, Boolean | Integer { .. }) | (Integer { .. }, Boolean) => Form::Boolean,
        (Boolean, b) if b.text() => Form::Boolean,
        (Integer { .. } | Year, Integer { .. } | Year) => Form::Integer,
        (Integer { .. } | Year | Decimal { .. } | Money { .. }, b)
            if matches!(b, Integer { .. } | Decimal { .. } | Money { .. }) || b.text() =>
        {
            Form::Decimal
        }
        (Decimal { .. } | Money { .. }, Float { .. }) => {
            return Err("the target keeps the decimals as binary floats".into());
        }
        (Float { bits: 32 }, Float { .. }) => Form::Single,
        (Float { .. } | Integer { .. }, Float { .. }) | (Float { .. }, Decimal { .. }) => {
            Form::Double
        }
        (Float { bits: 32 }, b) if b.text() => Form::Single,
        (Float { .. }, b) if b.text() => Form::Double,
        (Char { .. }, b) if b.text() => Form::PaddedText,
        (a, Char { .. }) if a.text() => Form::PaddedText,
        (Date, Date | Text { .. } | Varchar { .. } | Char { .. }) => Form::Date,
        (Date, Timestamp { .. }) => Form::Timestamp,
        (Time { zoned: true, .. }, _) => Form::TimeTz,
        (Time { .. }, Interval) => Form::Interval,
        (Time { .. }, _) => Form::Time,
        (Timestamp { zoned: true, .. }, _) => Form::TimestampTz,
        (Timestamp { zoned: false, .. }, _) => Form::Timestamp,
        (Interval, _) => Form::Interval,
        (Uuid, _) => Form::Uuid,
        (
            Bit {
                length: Some(1), ..
            },
            Boolean,
        ) => Form::Boolean,
        (Bit { .. }, _) => Form::Bits,
        (Set { .. }, _) => Form::Set,
        (Enum { .. } | Inet | Cidr | MacAddress { .. }, _) => Form::Text,
        (Text { .. } | Varchar { .. } | Char { .. }, b) => match b {
            Text { .. } | Varchar { .. } | Enum { .. } => Form::Text,
            Boolean => Form::Boolean,
            Date => Form::Date,
            Timestamp { zoned: false, .. } => Form::Timestamp,
            Timestamp { zoned: true, .. } => Form::TimestampTz,
            Time { .. } => Form::Time,
            Uuid => Form::Uuid,
            Json { .. } => Form::Json,
            Integer { .. } | Year | Decimal { .. } | Money { .. } => Form::Decimal,
            Float { .. } => Form::Double,
            Interval => Form::Interval,
            Bit { .. } => Form::Bits,
            Set { .. } => Form::Set,
            Inet | Cidr | MacAddress { .. } | Native { .. } => Form::Text,
            Binary { .. } | Varbinary { .. } | Blob { .. } => Form::Bytes,
            other => return Err(format!("text can not be compared with {other}")),
        },
        (a, b) if a.binary() && (b.binary() || b.text()) => Form::Bytes,
        (a, b) => return Err(format!("{a} can not be compared with {b}")),
    })
}

/// Writes a decimal or integer text (`+007.50`, `-0`, `1e3`, `NaN`) in [`Form::Decimal`], which is also
/// [`Form::Integer`] for whole numbers. Text that is no number is written as it is, so that it differs.
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

/// Writes a float in [`Form::Double`].
#[inline]
pub fn double(out: &mut Vec<u8>, value: f64) {
    let bits = if value.is_nan() {
        f64::NAN.to_bits() & !(1 << 63)
    } else {
        value.to_bits()
    };
    out.extend_from_slice(&bits.to_be_bytes());
}

/// Writes a float in [`Form::Single`].
#[inline]
pub fn single(out: &mut Vec<u8>, value: f32) {
    let bits = if value.is_nan() {
        f32::NAN.to_bits() & !(1 << 31)
    } else {
        value.to_bits()
    };
    out.extend_from_slice(&bits.to_be_bytes());
}

/// Writes `true`, `t`, `1`, `yes`, … and their opposites in [`Form::Boolean`]; anything else as it is.
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

/// Writes JSON so that two texts of the same meaning give the same bytes: no blanks, object members in
/// byte order of their names (the last of equal names counts), strings with the fewest escapes,
/// numbers by their exact decimal value. Text that is not JSON is written as it is.
pub fn json(out: &mut Vec<u8>, text: &[u8]) {
    let at = out.len();
    let mut reader = JsonReader { text, at: 0 };
    let read = reader.value(out, 0).is_some() && {
        reader.blanks();
        reader.at == text.len()
    };
    if !read {
        out.truncate(at);
        out.extend_from_slice(text);
    }
}

struct JsonReader<'a> {
    text: &'a [u8],
    at: usize,
}

impl JsonReader<'_> {
    /// Deeper nesting than any engine allows is left as it is.
    const DEPTH: usize = 512;

    fn blanks(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn next(&mut self) -> Option<u8> {
        let b = self.text.get(self.at).copied();
        self.at += 1;
        b
    }

    fn value(&mut self, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        if depth > Self::DEPTH {
            return None;
        }
        self.blanks();
        match *self.text.get(self.at)? {
            b'{' => self.object(out, depth),
            b'[' => {
                self.at += 1;
                out.push(b'[');
                self.blanks();
                if self.text.get(self.at) == Some(&b']') {
                    self.at += 1;
                    out.push(b']');
                    return Some(());
                }
                loop {
                    self.value(out, depth + 1)?;
                    self.blanks();
                    match self.next()? {
                        b',' => out.push(b','),
                        b']' => break,
                        _ => return None,
                    }
                }
                out.push(b']');
                Some(())
            }
            b'"' => self.string(out),
            b't' | b'f' | b'n' => {
                let word = [&b"true"[..], b"false", b"null"]
                    .into_iter()
                    .find(|w| self.text[self.at..].starts_with(w))?;
                self.at += word.len();
                out.extend_from_slice(word);
                Some(())
            }
            _ => {
                let from = self.at;
                while matches!(
                    self.text.get(self.at),
                    Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')
                ) {
                    self.at += 1;
                }
                let number = &self.text[from..self.at];
                if number.is_empty() || !number.iter().any(u8::is_ascii_digit) {
                    return None;
                }
                decimal(out, number);
                Some(())
            }
        }
    }

    fn object(&mut self, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        self.at += 1;
        let mut members = std::collections::BTreeMap::new();
        self.blanks();
        if self.text.get(self.at) == Some(&b'}') {
            self.at += 1;
        } else {
            loop {
                self.blanks();
                if self.text.get(self.at) != Some(&b'"') {
                    return None;
                }
                let (mut name, mut value) = (Vec::new(), Vec::new());
                self.string(&mut name)?;
                self.blanks();
                if self.next()? != b':' {
                    return None;
                }
                self.value(&mut value, depth + 1)?;
                members.insert(name, value);
                self.blanks();
                match self.next()? {
                    b',' => {}
                    b'}' => break,
                    _ => return None,
                }
            }
        }
        out.push(b'{');
        for (i, (name, value)) in members.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            out.extend_from_slice(name);
            out.push(b':');
            out.extend_from_slice(value);
        }
        out.push(b'}');
        Some(())
    }

    fn string(&mut self, out: &mut Vec<u8>) -> Option<()> {
        self.at += 1;
        out.push(b'"');
        loop {
            match self.next()? {
                b'"' => break,
                b'\\' => {
                    let c = match self.next()? {
                        b'n' => '\n',
                        b't' => '\t',
                        b'r' => '\r',
                        b'b' => '\u{8}',
                        b'f' => '\u{c}',
                        b'u' => self.unicode()?,
                        c @ (b'"' | b'\\' | b'/') => c as char,
                        _ => return None,
                    };
                    escape(out, c);
                }
                b if b < 0x20 => return None,
                b => out.push(b),
            }
        }
        out.push(b'"');
        Some(())
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    }

    fn unicode(&mut self) -> Option<char> {
        let high = self.hex4()?;
        if (0xD800..0xDC00).contains(&high) {
            if self.next()? != b'\\' || self.next()? != b'u' {
                return None;
            }
            let low = self.hex4()?;
            let low = low.checked_sub(0xDC00).filter(|l| *l < 0x400)?;
            return char::from_u32(0x10000 + ((high - 0xD800) << 10) + low);
        }
        char::from_u32(high)
    }
}

fn escape(out: &mut Vec<u8>, c: char) {
    match c {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        c if (c as u32) < 0x20 => out.extend_from_slice(format!("\\u{:04x}", c as u32).as_bytes()),
        c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(f: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        f(&mut out);
        String::from_utf8(out).expect("these tests use text")
    }

    #[test]
    fn no_content_passes_for_a_boundary() {
        let row = |cells: &[Option<&str>]| {
            let mut rows = CanonicalRows::default();
            for c in cells {
                match c {
                    Some(c) => rows.cell(c.as_bytes()),
                    None => rows.null(),
                }
            }
            rows.end_row();
            let (_, row) = rows.rows().next().expect("one row");
            row.to_vec()
        };
        assert_ne!(
            row(&[Some("a|b"), Some("c")]),
            row(&[Some("a"), Some("b|c")])
        );
        assert_ne!(row(&[None]), row(&[Some("")]));
        assert_ne!(row(&[None]), row(&[Some("NULL")]));
        let long = "x".repeat(1000);
        let bytes = row(&[None, Some(&long), Some("")]);
        assert_eq!(cells(&bytes), [None, Some(long.as_bytes()), Some(&b""[..])]);
    }

    #[test]
    fn text_is_compared_by_what_the_other_side_means() {
        let int = Type::Integer {
            bits: 64,
            unsigned: false,
        };
        let text = Type::Text { max_bytes: None };
        let padded = Type::Char { length: 36 };
        for (a, b, want) in [
            (&text, &int, Form::Decimal),
            (&text, &Type::Float { bits: 64 }, Form::Double),
            (&padded, &Type::Uuid, Form::Uuid),
            (&padded, &text, Form::PaddedText),
            (&Type::Boolean, &text, Form::Boolean),
            (&text, &Type::Date, Form::Date),
        ] {
            assert_eq!(form(a, b), Ok(want), "{a} and {b}");
        }
    }

    #[test]
    fn long_cells_written_in_place_read_the_same() {
        for n in [0, 1, 126, 127, 128, 20_000] {
            let text = vec![b'y'; n];
            let (mut a, mut b) = (CanonicalRows::default(), CanonicalRows::default());
            a.cell(&text);
            b.cell_with(|out| out.extend_from_slice(&text));
            assert_eq!(a.bytes, b.bytes, "{n}");
        }
    }

    #[test]
    fn numbers_of_one_value_are_one_text() {
        for (text, want) in [
            ("+007.50", "7.5"),
            ("-0.000", "0"),
            ("-0", "0"),
            ("1e3", "1000"),
            ("1.5E-3", "0.0015"),
            ("00042", "42"),
            ("12345678901234567890.120", "12345678901234567890.12"),
            (".5", "0.5"),
            ("5.", "5"),
            ("NaN", "NaN"),
            ("-inf", "-Infinity"),
            ("abc", "abc"),
            ("1e999999", "1e999999"),
        ] {
            assert_eq!(said(|o| decimal(o, text.as_bytes())), want, "{text}");
        }
    }

    #[test]
    fn json_of_one_meaning_is_one_text() {
        for (a, b) in [
            (
                r#"{"b": 1, "a": [1.10, 1e2]}"#,
                r#"{"a":[1.1,100.0],"b":1.0}"#,
            ),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            (r#""\u0041\u00e9\ud83d\ude00\/""#, "\"Aé😀/\""),
        ] {
            assert_eq!(
                said(|o| json(o, a.as_bytes())),
                said(|o| json(o, b.as_bytes()))
            );
        }
        assert_eq!(said(|o| json(o, b"{not json")), "{not json");
        assert_ne!(
            said(|o| json(o, br#"["a"]"#)),
            said(|o| json(o, br#"["A"]"#))
        );
        let deep = "[".repeat(100_000);
        assert_eq!(said(|o| json(o, deep.as_bytes())), deep);
    }

    #[test]
    fn moments_lose_only_what_means_nothing() {
        for (text, stamp, want) in [
            ("2024-01-02T03:04:05.500", true, "2024-01-02 03:04:05.5"),
            ("2024-01-02", true, "2024-01-02 00:00:00"),
            ("2024-01-02 03:04", true, "2024-01-02 03:04:00"),
            ("10:20:30.000000", false, "10:20:30"),
            ("infinity", true, "infinity"),
            ("10:20:30", false, "10:20:30"),
        ] {
            assert_eq!(said(|o| moment(o, text.as_bytes(), stamp)), want);
        }
    }
}
