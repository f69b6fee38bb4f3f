//! Sums of rows that a server makes where the rows are, so that they need not travel.
//!
//! # Why equal sums are equal rows
//!
//! A row is said as one text, cell by cell from the left, each cell by its column's [`Spelling`]. No content can
//! pass for a boundary: text is preceded by its length in bytes, and everything else has only signs
//! that are no `;`, which ends it. NULL is `~`, with which no other cell begins. So two rows with one text are
//! the same cells in the canonical form. The text's SHA-256, which is the one hash that all servers
//! have, gives two numbers of 60 bits, and these are added up, never combined by exclusive or, under which two
//! equal rows would vanish.
//!
//! # Why a row can not be left out
//!
//! What a server can not say exactly (a date before our era, a float that its decimal text can not hold, a row
//! longer than a packet) has no hash. [`Sums`] counts rows and hashes; where the numbers are not equal nobody may
//! conclude anything, and the rows are read.
//!
//! The functions here work on rows in the canonical form, in this process: for engines that have no server,
//! and as the other way of a comparison that checks itself.

use crate::Result;
use crate::canonical::{self, CanonicalRows, Form, cells};
use crate::chunk::Range;
use crate::engine::{CanonicalColumn, CanonicalRead, Canonicalizer};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How a cell of the canonical form is said within a row's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spelling {
    /// The length in bytes, `:`, the text.
    Text,
    /// The text, which has no `;` and does not begin with `~`, and `;`.
    Bare,
    /// The bytes in lower-case hexadecimal digits, and `;`.
    Hex,
    /// A float as the shortest decimal number that is read back as it, without exponent and trailing zeros,
    /// and `;`. Zero, and what lies between 1e-13 and 2^53; nothing else has this spelling, -0 neither.
    Digits,
    /// The SHA-256 of the bytes in lower-case hexadecimal digits, and `;`: no longer than that, however long the value.
    Digest,
}

/// The spellings that this process has for a form, best first.
pub fn spellings(form: Form) -> Vec<Spelling> {
    match form {
        Form::Double | Form::Single => vec![Spelling::Hex, Spelling::Digits],
        Form::Text | Form::PaddedText | Form::Native | Form::Set | Form::Json => {
            vec![Spelling::Text]
        }
        Form::Bytes | Form::Geometry | Form::Dynamic => vec![Spelling::Digest],
        Form::Boolean
        | Form::Integer
        | Form::Decimal
        | Form::Date
        | Form::Time
        | Form::TimeTz
        | Form::Timestamp
        | Form::TimestampTz
        | Form::Interval
        | Form::Uuid
        | Form::Bits => vec![Spelling::Bare],
    }
}

/// What was summed up of some rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Rows.
    pub rows: u64,
    /// Those that have a hash.
    pub hashed: u64,
    /// The sum of the first 60 bits of the hashes.
    pub high: u128,
    /// The sum of the next 60 bits.
    pub low: u128,
}

impl Sums {
    /// Adds a row.
    pub fn add(&mut self, hash: Option<[u8; 32]>) {
        self.rows += 1;
        if let Some(hash) = hash {
            self.hashed += 1;
            let (head, _) = hash.split_at(16);
            let bits = head.iter().fold(0u128, |n, b| n << 8 | u128::from(*b)) >> 8;
            self.high += bits >> 60;
            self.low += bits & ((1 << 60) - 1);
        }
    }

    /// Adds other rows.
    pub fn merge(&mut self, other: &Sums) {
        self.rows += other.rows;
        self.hashed += other.hashed;
        self.high += other.high;
        self.low += other.low;
    }

    /// Whether every row has a hash.
    pub fn whole(&self) -> bool {
        self.rows == self.hashed
    }
}

/// The hash of a row, and the first 32 bits of that of its key (of the row, without one), by which rows are told
/// into parts. None where the row, or its key, can not be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashes {
    /// Of the row.
    pub row: Option<[u8; 32]>,
    /// Of the key.
    pub key: Option<u32>,
}

/// The part of `parts` to which a key belongs, from 0. Servers compute the same.
pub fn part(key: u32, parts: u32) -> u32 {
    ((u64::from(key) * u64::from(parts.max(1))) >> 32) as u32
}

/// Says rows of one table. Keeps its buffer.
#[derive(Clone, Debug)]
pub struct Speller {
    forms: Vec<Form>,
    said: Vec<Spelling>,
    key_columns: usize,
    text: Vec<u8>,
}

impl Speller {
    /// Of the columns of `read`, each as `said` has it.
    pub fn new(read: &CanonicalRead, said: &[Spelling]) -> Self {
        Self {
            forms: read.columns.iter().map(|c| c.form).collect(),
            said: said.to_vec(),
            key_columns: read.key_columns,
            text: Vec::new(),
        }
    }

    /// Hashes a row in the canonical form.
    pub fn hashes(&mut self, row: &[u8]) -> Hashes {
        let cells = cells(row);
        self.text.clear();
        let mut sayable = cells.len() == self.forms.len();
        let mut key = None;
        for (at, (cell, (form, said))) in cells
            .iter()
            .zip(self.forms.iter().zip(&self.said))
            .enumerate()
        {
            sayable = sayable && spell(&mut self.text, *cell, *form, *said);
            if at + 1 == self.key_columns && sayable {
                key = Some(head(&Sha256::digest(&self.text).into()));
            }
        }
        let row: Option<[u8; 32]> = sayable.then(|| Sha256::digest(&self.text).into());
        if self.key_columns == 0 {
            key = row.as_ref().map(head);
        }
        Hashes { row, key }
    }

    /// The text of a row in the canonical form, if it has one; for tests that ask a server for the same.
    pub fn text(&mut self, row: &[u8]) -> Option<&[u8]> {
        self.hashes(row).row.map(|_| self.text.as_slice())
    }
}

fn head(hash: &[u8; 32]) -> u32 {
    let [a, b, c, d, ..] = *hash;
    u32::from_be_bytes([a, b, c, d])
}

/// Appends a cell. Gives whether it can be said.
fn spell(out: &mut Vec<u8>, cell: Option<&[u8]>, form: Form, said: Spelling) -> bool {
    let Some(cell) = cell else {
        out.push(b'~');
        if said != Spelling::Text {
            out.push(b';');
        }
        return true;
    };
    match said {
        Spelling::Text => {
            out.extend_from_slice(itoa::Buffer::new().format(cell.len()).as_bytes());
            out.push(b':');
            out.extend_from_slice(cell);
            return true;
        }
        Spelling::Bare => {
            if cell.contains(&b';') || cell.first() == Some(&b'~') {
                return false;
            }
            out.extend_from_slice(cell);
        }
        Spelling::Hex => hex(out, cell),
        Spelling::Digest => hex(out, &Sha256::digest(cell)),
        Spelling::Digits => match float(cell, form).filter(|f| sayable(*f)) {
            // Of two shortest numbers the even one, as the servers have it.
            Some(f) => canonical::decimal(out, ryu::Buffer::new().format(f).as_bytes()),
            None => return false,
        },
    }
    out.push(b';');
    true
}

fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend(
        bytes
            .iter()
            .flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]),
    );
}

fn float(cell: &[u8], form: Form) -> Option<f64> {
    match (form, cell.len()) {
        (Form::Single, 4) => Some(f32::from_be_bytes(cell.try_into().ok()?).into()),
        (Form::Double, 8) => Some(f64::from_be_bytes(cell.try_into().ok()?)),
        _ => None,
    }
}

/// Whether all servers write the float as the same decimal number.
fn sayable(f: f64) -> bool {
    match f.abs() {
        0.0 => f.is_sign_positive(),
        a => (1e-13..9_007_199_254_740_992.0).contains(&a),
    }
}

/// The spelling in which both sides can say a column, or why there is none.
///
/// # Errors
/// A sentence for the report.
pub fn agree(
    source: Result<Vec<Spelling>, String>,
    target: Result<Vec<Spelling>, String>,
) -> Result<Spelling, String> {
    let (source, target) = (source?, target?);
    let both = source.into_iter().find(|s| target.contains(s));
    both.ok_or_else(|| "the two servers have no common text for it".into())
}

/// Sums rows up that are read into this process: see [`Canonicalizer::sums`].
///
/// # Errors
/// Those of reading.
pub fn streamed<C: Canonicalizer + ?Sized>(
    reader: &mut C,
    read: &CanonicalRead,
    said: &[Spelling],
    range: &Range,
    parts: u32,
) -> Result<Vec<Sums>> {
    let parts = parts.max(1);
    let mut sums = vec![Sums::default(); parts as usize];
    let mut speller = Speller::new(read, said);
    let mut rows = CanonicalRows::default();
    let mut lost = 0u64;
    reader.open(read, range)?;
    loop {
        let more = reader.fill(&mut rows, 256 << 10)?;
        for (_, row) in rows.rows() {
            let hashes = speller.hashes(row);
            let at = match (parts, hashes.key) {
                (1, _) => Some(0),
                (_, key) => key.map(|key| part(key, parts) as usize),
            };
            match at.and_then(|at| sums.get_mut(at)) {
                Some(sums) => sums.add(hashes.row),
                None => lost += 1,
            }
        }
        rows.reset(1 << 20);
        drop(reader.room());
        if !more {
            break;
        }
    }
    if lost > 0 {
        return Err(no_part(lost));
    }
    Ok(sums)
}

/// Reads a server's answer: for each part that is not empty its number, rows, hashes, and both sums, as text.
///
/// # Errors
/// `Unsupported` if the part of some rows is NULL; `Protocol` if it is no such answer.
pub fn answered(rows: &[Vec<Option<String>>], parts: u32) -> Result<Vec<Sums>> {
    fn number<T: std::str::FromStr>(row: &[Option<String>], at: usize) -> Option<T> {
        row.get(at)?.as_deref()?.parse().ok()
    }
    let wrong = || {
        crate::Error::new(
            crate::ErrorKind::Protocol,
            "summing rows up",
            "the answer is not the five numbers that were asked for",
        )
    };
    let mut out = vec![Sums::default(); parts.max(1) as usize];
    for row in rows {
        let sums = (|| {
            Some(Sums {
                rows: number(row, 1)?,
                hashed: number(row, 2)?,
                high: number(row, 3)?,
                low: number(row, 4)?,
            })
        })()
        .ok_or_else(wrong)?;
        if let Some(None) = row.first() {
            return Err(no_part(sums.rows));
        }
        number::<usize>(row, 0)
            .and_then(|at| out.get_mut(at))
            .ok_or_else(wrong)?
            .merge(&sums);
    }
    Ok(out)
}

/// The error of an engine that can not tell into which part some rows belong.
pub fn no_part(rows: u64) -> crate::Error {
    crate::Error::new(
        crate::ErrorKind::Unsupported,
        "summing rows up",
        format!("the key of {rows} rows can not be said as text"),
    )
}

/// Whether a column can be said by the engine's own means.
pub type Means = Result<Vec<Spelling>, String>;

/// What an engine that has no server says of a column.
pub fn in_process(column: &CanonicalColumn) -> Means {
    Ok(spellings(column.form))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(cell: Option<&[u8]>, form: Form, spelling: Spelling) -> Option<String> {
        let mut out = Vec::new();
        spell(&mut out, cell, form, spelling)
            .then(|| String::from_utf8(out).expect("spellings are text"))
    }

    #[test]
    fn no_content_passes_for_a_boundary_and_null_is_nothing_else() {
        let row = |cells: &[(Option<&str>, Spelling)]| {
            let mut out = Vec::new();
            for (cell, spelling) in cells {
                assert!(spell(
                    &mut out,
                    cell.map(str::as_bytes),
                    Form::Text,
                    *spelling
                ));
            }
            out
        };
        use Spelling::{Bare, Text};
        assert_ne!(
            row(&[(Some("a|b"), Text), (Some("c"), Text)]),
            row(&[(Some("a"), Text), (Some("b|c"), Text)])
        );
        assert_ne!(row(&[(None, Text)]), row(&[(Some("~"), Text)]));
        assert_ne!(row(&[(None, Text)]), row(&[(Some(""), Text)]));
        assert_ne!(row(&[(None, Bare)]), row(&[(Some(""), Bare)]));
        for (cell, spelling) in [("1;2", Bare), ("~", Bare), ("~;", Bare)] {
            let none = said(Some(cell.as_bytes()), Form::Text, spelling);
            assert_eq!(none, None, "{cell}");
        }
    }

    #[test]
    fn floats_have_digits_only_where_every_server_writes_the_same() {
        let digits = |f: f64| said(Some(&f.to_be_bytes()), Form::Double, Spelling::Digits);
        for (f, want) in [
            (0.0, Some("0;")),
            (-0.0, None),
            (0.1, Some("0.1;")),
            (-100.0, Some("-100;")),
            (1e-13, Some("0.0000000000001;")),
            (1_478_699_772_676_206.2, Some("1478699772676206.2;")),
            (9e-14, None),
            (9_007_199_254_740_991.0, Some("9007199254740991;")),
            (9_007_199_254_740_992.0, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
        ] {
            assert_eq!(digits(f).as_deref(), want, "{f}");
        }
        let single = 1.234_567_f32;
        assert_eq!(
            said(Some(&single.to_be_bytes()), Form::Single, Spelling::Digits).as_deref(),
            Some("1.2345670461654663;")
        );
    }

    #[test]
    fn sums_count_doubled_rows_and_do_not_depend_on_order() {
        let hash = |n: u8| Some(<[u8; 32]>::from(Sha256::digest([n])));
        let of = |rows: &[u8]| {
            let mut sums = Sums::default();
            rows.iter().for_each(|n| sums.add(hash(*n)));
            sums
        };
        assert_eq!(of(&[1, 2, 3]), of(&[3, 1, 2]));
        assert_ne!(of(&[1, 1]), of(&[2, 2]));
        assert_ne!(of(&[1, 1, 2]), of(&[1, 2, 2]));
        let mut parts = of(&[1]);
        parts.merge(&of(&[2, 3]));
        assert_eq!(parts, of(&[1, 2, 3]));
        let mut unsayable = Sums::default();
        unsayable.add(None);
        assert!(!unsayable.whole() && parts.whole());
    }

    #[test]
    fn every_key_has_one_part() {
        for parts in [1, 2, 3, 64, 1000, 65_536] {
            assert_eq!(part(0, parts), 0);
            assert_eq!(part(u32::MAX, parts), parts - 1);
        }
    }
}
