//! One owned cell, in the neutral type system.
//!
//! Owned values serve change streams, chunk bounds, transforms and tests, and are the oracle that
//! every encoder is tested against. The copy path moves [`crate::batch::Cell`]s instead.

use serde::{Deserialize, Serialize};

/// One cell. What each variant means exactly is said at [`crate::batch::Cell`], which has the same variants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// SQL NULL.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number in the signed 64-bit range.
    Int(i64),
    /// A whole number above the signed range; smaller ones are always [`Value::Int`].
    UInt(u64),
    /// A 32-bit float.
    F32(f32),
    /// A 64-bit float.
    F64(f64),
    /// An exact decimal as text.
    Decimal(String),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since midnight, or a signed span.
    Time(i64),
    /// Microseconds since midnight, and the zone's offset east of Greenwich in seconds.
    TimeTz(i64, i32),
    /// Microseconds since 1970-01-01 00:00, of no zone.
    Timestamp(i64),
    /// Microseconds since 1970-01-01 00:00 UTC.
    TimestampTz(i64),
    /// Months, days, microseconds.
    Interval(i32, i32, i64),
    /// A UUID.
    Uuid([u8; 16]),
    /// JSON text.
    Json(String),
    /// A bit string: number of bits, and the bits from the left, padded with zero bits at the end.
    Bits(u32, Vec<u8>),
}
