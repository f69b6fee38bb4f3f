//! What a person decided about values that the target can not hold as they are.
//!
//! Every policy begins at *stop*: nothing is changed in silence. The names here are the names in
//! the configuration file, table `[types]`.

use crate::batch::Cause;
use serde::{Deserialize, Serialize};

/// U+0000 in text, for targets whose text can not hold it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NulPolicy {
    /// Refuse the row.
    #[default]
    Stop,
    /// Take the character out.
    Strip,
    /// Put U+2400 (SYMBOL FOR NULL) in its place.
    Replace,
    /// Put the row aside.
    Reject,
}

/// Dates that no calendar has (`0000-00-00`, `2024-02-30`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadDatePolicy {
    /// Refuse the row.
    #[default]
    Stop,
    /// Write NULL; the column becomes nullable.
    Null,
    /// Keep the column as text.
    Text,
    /// Put the row aside.
    Reject,
}

/// NaN and the infinities, of numbers and of dates, for targets that have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotFinitePolicy {
    /// Refuse the row.
    #[default]
    Stop,
    /// Write NULL; the column becomes nullable.
    Null,
    /// Keep the column as text.
    Text,
    /// Put the row aside.
    Reject,
}

/// Bytes in a text column that are not UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvalidTextPolicy {
    /// Refuse the row.
    #[default]
    Stop,
    /// Put U+FFFD in place of each broken sequence.
    Replace,
    /// Keep the column as bytes.
    Bytes,
    /// Take the value for ISO 8859-1, in which every byte is a character.
    Latin1,
    /// Take the value for Windows-1252; with one of the five bytes that it does not have, refuse the row.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// Put the row aside.
    Reject,
}

impl InvalidTextPolicy {
    /// Whether the bytes are read as another encoding.
    pub fn decodes(self) -> bool {
        matches!(self, Self::Latin1 | Self::Windows1252)
    }
}

/// Text that was UTF-8, was taken for Windows-1252 and encoded once more (`cafÃ©` for `café`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DoubleEncodedPolicy {
    /// Keep it as it is; the scan tells of it.
    #[default]
    Keep,
    /// Undo the second encoding.
    Repair,
}

/// Numbers beyond the range of a column that somebody chose: by `cast`, or in a target that is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutOfRangePolicy {
    /// Refuse the row.
    #[default]
    Stop,
    /// Write the nearest number that the column holds.
    Clamp,
    /// Put the row aside.
    Reject,
}

/// Values that are not of their column's declared type (SQLite).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MismatchPolicy {
    /// Refuse before anything moves.
    #[default]
    Stop,
    /// Choose the tightest type that holds every value: whole and broken numbers → numeric, anything with text → text.
    Widen,
    /// Keep the declared type, and put the rows aside whose values do not fit it.
    Reject,
}

/// Numbers that the target holds only approximately or not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrecisionPolicy {
    /// Refuse before anything moves.
    #[default]
    Stop,
    /// Keep the column as text.
    Text,
    /// Round to what the target holds.
    Round,
    /// Put the row aside.
    Reject,
}

/// What `tinyint(1)` means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TinyInt1Policy {
    /// Boolean if the scan finds only 0, 1 and NULL, else a small integer.
    #[default]
    Auto,
    /// Always a boolean; another value refuses the row.
    Boolean,
    /// Always a small integer.
    Smallint,
}

/// Rows that name a parent which is not there, where the source has not kept them out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrphansPolicy {
    /// Refuse before anything moves.
    #[default]
    Stop,
    /// Move the rows and leave the foreign key out.
    SkipConstraint,
}

/// All policies of a migration, or of one table or column of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policies {
    /// U+0000 in text.
    pub nul: NulPolicy,
    /// Dates that no calendar has.
    pub bad_date: BadDatePolicy,
    /// NaN and the infinities.
    pub not_finite: NotFinitePolicy,
    /// Bytes in text that are not UTF-8.
    pub invalid_text: InvalidTextPolicy,
    /// Text that was encoded twice.
    pub double_encoded: DoubleEncodedPolicy,
    /// Numbers beyond their column.
    pub out_of_range: OutOfRangePolicy,
    /// Values outside their declared type.
    pub mismatch: MismatchPolicy,
    /// Numbers that the target can not hold exactly.
    pub precision: PrecisionPolicy,
    /// What `tinyint(1)` means.
    pub tinyint1: TinyInt1Policy,
    /// Rows without their parent.
    pub orphans: OrphansPolicy,
}

impl Policies {
    /// Whether somebody chose that a row with such trouble is put aside.
    pub fn reject(&self, cause: Cause) -> bool {
        match cause {
            Cause::Nul => self.nul == NulPolicy::Reject,
            Cause::BadDate => self.bad_date == BadDatePolicy::Reject,
            Cause::NotFinite => self.not_finite == NotFinitePolicy::Reject,
            Cause::InvalidText => self.invalid_text == InvalidTextPolicy::Reject,
            Cause::Mismatch => self.mismatch == MismatchPolicy::Reject,
            Cause::Precision => self.precision == PrecisionPolicy::Reject,
            Cause::OutOfRange => self.out_of_range == OutOfRangePolicy::Reject,
            Cause::Constraint | Cause::Transform | Cause::Other => false,
        }
    }
}
