//! What is decided once per table: the form of each target column.

use limosa_core::engine::{ColumnWrite, LoadSpec};
use limosa_core::policy::Policies;
use limosa_core::schema::Type;
use std::collections::HashSet;

/// The form of a target column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Put {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    F32,
    F64,
    /// The most digits before and after the point.
    Numeric {
        digits: Option<(u32, u32)>,
    },
    Money {
        digits: u8,
    },
    /// The most characters.
    Text {
        limit: Option<u32>,
    },
    Enum {
        members: HashSet<String>,
    },
    Bytes,
    Date,
    /// Times keep multiples of `unit` microseconds.
    Time {
        unit: i64,
    },
    TimeTz {
        unit: i64,
    },
    Timestamp {
        unit: i64,
    },
    TimestampTz {
        unit: i64,
    },
    Interval {
        unit: i64,
    },
    Uuid,
    Json,
    Jsonb,
    Bits {
        length: Option<u32>,
        varying: bool,
    },
    /// `text[]` from the words of a set.
    Words,
    /// Any array, by its text form.
    Array {
        json: bool,
    },
    /// EWKB, as hexadecimal digits.
    Geometry,
    /// A row type, from a JSON object.
    Record,
    /// `hstore`, from a JSON object.
    Hstore,
    /// A type whose binary form is not known here: its text form.
    Raw,
}

/// A target column.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) put: Put,
    pub(crate) policies: Policies,
    /// Whether numeric has infinities (14 and later).
    pub(crate) infinities: bool,
}

impl Column {
    pub(crate) fn new(c: &ColumnWrite, version: u32) -> Self {
        Self {
            put: put(c),
            policies: c.policies,
            infinities: version >= 140_000,
        }
    }
}

fn unit(precision: u8) -> i64 {
    10i64.pow(6 - u32::from(precision.min(6)))
}

fn put(c: &ColumnWrite) -> Put {
    match c.target.base() {
        Type::Boolean => Put::Bool,
        Type::Integer {
            bits: 0..=16,
            unsigned: false,
        }
        | Type::Year => Put::Int2,
        Type::Integer {
            bits: 0..=32,
            unsigned: false,
        } => Put::Int4,
        Type::Integer { unsigned: true, .. } if c.native == "oid" => Put::Oid,
        Type::Integer { .. } => Put::Int8,
        Type::Float { bits: 32 } => Put::F32,
        Type::Float { .. } => Put::F64,
        Type::Decimal {
            precision: Some(p),
            scale,
        } => {
            let scale = scale.unwrap_or(0);
            Put::Numeric {
                digits: u32::try_from(scale).ok().map(|s| (p.saturating_sub(s), s)),
            }
        }
        Type::Decimal { .. } => Put::Numeric { digits: None },
        Type::Money { digits } => Put::Money { digits: *digits },
        Type::Char { length } | Type::Varchar { length } => Put::Text {
            limit: Some(*length),
        },
        Type::Text { .. } => Put::Text { limit: None },
        Type::Enum { members, .. } => Put::Enum {
            members: members.iter().cloned().collect(),
        },
        Type::Binary { .. } | Type::Varbinary { .. } | Type::Blob { .. } => Put::Bytes,
        Type::Date => Put::Date,
        Type::Time {
            zoned: true,
            precision,
            ..
        } => Put::TimeTz {
            unit: unit(*precision),
        },
        Type::Time { precision, .. } => Put::Time {
            unit: unit(*precision),
        },
        Type::Timestamp {
            zoned: false,
            precision,
        } => Put::Timestamp {
            unit: unit(*precision),
        },
        Type::Timestamp { precision, .. } => Put::TimestampTz {
            unit: unit(*precision),
        },
        Type::Interval => Put::Interval {
            unit: interval_unit(&c.native),
        },
        Type::Uuid => Put::Uuid,
        Type::Json { normalised: false } => Put::Json,
        Type::Json { normalised: true } => Put::Jsonb,
        Type::Bit { length, varying } => Put::Bits {
            length: *length,
            varying: *varying,
        },
        Type::Array { element }
            if matches!(c.source.base(), Type::Set { .. }) && text_like(element) =>
        {
            Put::Words
        }
        Type::Array { element } => Put::Array {
            json: matches!(element.base(), Type::Json { .. }),
        },
        Type::Geometry { .. } => Put::Geometry,
        Type::Native {
            json: true, name, ..
        } if name.ends_with("hstore") => Put::Hstore,
        Type::Native { json: true, .. } => Put::Record,
        _ => Put::Raw,
    }
}

fn text_like(ty: &Type) -> bool {
    matches!(ty.base(), Type::Text { .. } | Type::Varchar { .. })
}

/// `interval(3)` rounds to milliseconds; `interval year to month` is not ours to check.
fn interval_unit(native: &str) -> i64 {
    native
        .split_once('(')
        .and_then(|(_, rest)| rest.split(')').next())
        .and_then(|p| p.trim().parse().ok())
        .map_or(1, unit)
}

/// Whether the table is written in the binary format: every column's binary form is known here.
pub(crate) fn binary(spec: &LoadSpec) -> bool {
    spec.columns.iter().all(|c| match put(c) {
        Put::Array { .. } | Put::Geometry | Put::Record | Put::Hstore | Put::Raw => false,
        // An array names the type of its elements, and we name text's.
        Put::Words => c.native == "text[]",
        _ => true,
    })
}
