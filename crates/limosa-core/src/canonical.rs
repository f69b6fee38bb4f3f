//! The one form in which two databases are compared.
//!
//! Every value is said as bytes that depend only on its meaning: the same on every engine, injective
//! within a [`Form`], and readable where a person will see them (keys in a report). A row is the
//! length-prefixed sequence of its cells, so that no content can pass for a boundary: `("a|b", "c")`
//! and `("a", "b|c")` differ, and NULL differs from every text.
//!
//! The functions here work from *text* or from plain numbers and share nothing with
//! [`crate::notation`], which the copier uses.

mod json;
mod scalar;

pub use self::json::json;
pub use self::scalar::{boolean, decimal, double, moment, set, single};
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
        // A moment without a zone is compared with an instant as what it is in UTC.
        (Timestamp { zoned: true, .. }, _) | (Timestamp { .. }, Timestamp { zoned: true, .. }) => {
            Form::TimestampTz
        }
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

#[cfg(test)]
mod tests;
