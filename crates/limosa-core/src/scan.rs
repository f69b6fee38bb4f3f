//! What the values of a table really are: the evidence on which a conversion is decided.

use crate::schema::Type;
use serde::{Deserialize, Serialize};

/// The values of one table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TableScan {
    /// Rows seen.
    pub rows: u64,
    /// Whether every row was seen, or only a sample.
    pub complete: bool,
    /// One entry per scanned column, by name; a column that needs no scan is absent.
    pub columns: Vec<(String, ColumnScan)>,
}

impl TableScan {
    /// The scan of one column, if it was scanned.
    pub fn column(&self, name: &str) -> Option<&ColumnScan> {
        self.columns.iter().find(|(n, _)| n == name).map(|(_, c)| c)
    }
}

/// A hazard that a scan counts, with example keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hazard {
    /// U+0000 in text.
    NulInText,
    /// Bytes in a text column that are not UTF-8.
    InvalidText,
    /// Text that looks as if it was encoded twice.
    DoubleEncoded,
    /// A date or time that no calendar has.
    BadDate,
    /// A date with a zero in it, as MySQL has them: `0000-00-00`, `2024-00-15`, or a day of the year 0, which elsewhere
    /// is the year 1 before our era. Counted beside [`Hazard::BadDate`] or [`Hazard::FarDate`], which it is too.
    ZeroDate,
    /// A year below 1 or above 9999.
    FarDate,
    /// NaN.
    NotANumber,
    /// A float that is zero and negative.
    NegativeZero,
    /// Plus or minus infinity, of a number or a date.
    Infinite,
    /// A value whose storage class is not the declared one.
    OutsideDeclaredType,
    /// Text longer than declared.
    TooLong,
    /// A boolean column with a value other than 0 and 1.
    NotABoolean,
    /// A whole number above 9223372036854775807, the greatest signed one of 64 bits.
    AboveSigned,
    /// JSON with the same name twice in one object, or with U+0000, or not JSON at all.
    OddJson,
    /// JSON with a number that neither a whole number of 64 bits nor a double is (`1e400`, thirty digits).
    WideJson,
    /// JSON with lists and objects more than 31 deep, which MariaDB does not take for JSON.
    DeepJson,
    /// A time below 00:00 or above 24:00.
    TimeIsSpan,
    /// A UUID whose version is 8 or above and whose variant is that of no standard since 1990, which MariaDB refuses.
    OddUuid,
}

/// How many values carry a hazard, and where the first few are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HazardCount {
    /// Which.
    pub hazard: Hazard,
    /// How many values.
    pub count: u64,
    /// The keys (or row numbers, where there is no key) of at most five of them, as text.
    pub examples: Vec<String>,
}

/// The values of one column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnScan {
    /// NULLs.
    pub nulls: u64,
    /// Values by storage class.
    pub integers: u64,
    /// Floats.
    pub reals: u64,
    /// Texts.
    pub texts: u64,
    /// Byte strings.
    pub blobs: u64,
    /// Values of any other kind (dates, decimals, …), which arrive typed.
    pub typed: u64,
    /// The least whole number (of integers and of decimals without fraction).
    pub min_integer: Option<i128>,
    /// The greatest whole number.
    pub max_integer: Option<i128>,
    /// Whole numbers other than 0 and 1.
    pub not_boolean: u64,
    /// Digits before the point, at most, of decimals, floats as text and decimal-like texts.
    pub integer_digits: u32,
    /// Digits after the point, at most.
    pub scale: u32,
    /// Floats that are whole numbers within ±2^53.
    pub whole_reals: u64,
    /// Characters of the longest text.
    pub max_chars: u64,
    /// Bytes of the longest text or byte string.
    pub max_bytes: u64,
    /// Bytes of all texts and byte strings.
    pub total_bytes: u64,
    /// Texts of each shape; a text may have several.
    pub shapes: Shapes,
    /// Hazards found, each once.
    pub hazards: Vec<HazardCount>,
}

impl ColumnScan {
    /// Of a column whose values are all of its declared type `ty`, and of which only their number is known.
    pub fn counted(ty: &Type, values: u64, nulls: u64) -> Self {
        let mut scan = ColumnScan {
            nulls,
            ..ColumnScan::default()
        };
        let class = match ty.base() {
            Type::Integer { .. } | Type::Year => &mut scan.integers,
            Type::Float { .. } => &mut scan.reals,
            Type::Char { .. } | Type::Varchar { .. } | Type::Text { .. } | Type::Enum { .. } => {
                &mut scan.texts
            }
            Type::Binary { .. } | Type::Varbinary { .. } | Type::Blob { .. } => &mut scan.blobs,
            _ => &mut scan.typed,
        };
        *class = values;
        scan
    }

    /// Values that are not NULL.
    pub fn values(&self) -> u64 {
        self.integers + self.reals + self.texts + self.blobs + self.typed
    }

    /// How many values carry `hazard`.
    pub fn count(&self, hazard: Hazard) -> u64 {
        self.hazards
            .iter()
            .find(|h| h.hazard == hazard)
            .map_or(0, |h| h.count)
    }

    /// Counts a hazard, keeping the first five keys.
    pub fn found(&mut self, hazard: Hazard, key: impl FnOnce() -> String) {
        match self.hazards.iter_mut().find(|h| h.hazard == hazard) {
            Some(h) => {
                h.count += 1;
                if h.examples.len() < 5 {
                    h.examples.push(key());
                }
            }
            None => self.hazards.push(HazardCount {
                hazard,
                count: 1,
                examples: vec![key()],
            }),
        }
    }
}

/// How many texts have each shape.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shapes {
    /// `YYYY-MM-DD`.
    pub date: u64,
    /// `YYYY-MM-DD HH:MM[:SS[.f]]`, with a blank or a `T`, without an offset.
    pub timestamp: u64,
    /// The same with an offset or `Z`.
    pub timestamp_tz: u64,
    /// `HH:MM[:SS[.f]]`.
    pub time: u64,
    /// 8-4-4-4-12 hexadecimal digits, lower case.
    pub uuid: u64,
    /// Valid JSON that is an object or an array.
    pub json: u64,
    /// A decimal number without exponent.
    pub decimal: u64,
    /// `true`, `false`, `t`, `f`, `yes`, `no`.
    pub boolean: u64,
    /// Empty text.
    pub empty: u64,
    /// Fractional digits of seconds, at most.
    pub fraction_digits: u8,
}
