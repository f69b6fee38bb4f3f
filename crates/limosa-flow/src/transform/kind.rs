//! The kinds of values that a formula tells apart, and how their types come together.

use limosa_core::batch::Cell;
use limosa_core::schema::Type;

/// What a value is to a formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// NULL of no type yet.
    Null,
    /// A truth value.
    Boolean,
    /// A whole number.
    Integer,
    /// An exact decimal.
    Decimal,
    /// A binary float.
    Float,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// A date.
    Date,
    /// A time of day.
    Time,
    /// A date and time of no zone.
    Timestamp,
    /// An instant.
    TimestampTz,
    /// Months, days and microseconds.
    Interval,
    /// A UUID.
    Uuid,
    /// JSON.
    Json,
    /// Something that can only be passed on and asked whether it is NULL.
    Opaque,
}

impl Kind {
    /// The kind of the values of a column of type `ty`.
    pub fn of(ty: &Type) -> Self {
        match ty.base() {
            Type::Boolean => Kind::Boolean,
            Type::Integer { .. } | Type::Year => Kind::Integer,
            Type::Decimal { .. } | Type::Money { .. } => Kind::Decimal,
            Type::Float { .. } => Kind::Float,
            Type::Char { .. }
            | Type::Varchar { .. }
            | Type::Text { .. }
            | Type::Enum { .. }
            | Type::Set { .. }
            | Type::Inet
            | Type::Cidr
            | Type::MacAddress { .. } => Kind::Text,
            Type::Binary { .. } | Type::Varbinary { .. } | Type::Blob { .. } => Kind::Bytes,
            Type::Date => Kind::Date,
            Type::Time {
                zoned: false,
                span: false,
                ..
            } => Kind::Time,
            Type::Timestamp { zoned: false, .. } => Kind::Timestamp,
            Type::Timestamp { zoned: true, .. } => Kind::TimestampTz,
            Type::Interval => Kind::Interval,
            Type::Uuid => Kind::Uuid,
            Type::Json { .. } => Kind::Json,
            Type::Time { .. }
            | Type::Bit { .. }
            | Type::Array { .. }
            | Type::Geometry { .. }
            | Type::Dynamic
            | Type::Native { .. }
            | Type::Domain { .. } => Kind::Opaque,
        }
    }

    /// Its word for messages and for the table of functions.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Null => "NULL",
            Kind::Boolean => "boolean",
            Kind::Integer => "integer",
            Kind::Decimal => "decimal",
            Kind::Float => "float",
            Kind::Text => "text",
            Kind::Bytes => "bytes",
            Kind::Date => "date",
            Kind::Time => "time",
            Kind::Timestamp => "timestamp",
            Kind::TimestampTz => "timestamp with time zone",
            Kind::Interval => "interval",
            Kind::Uuid => "uuid",
            Kind::Json => "json",
            Kind::Opaque => "a type that formulas can not look into",
        }
    }

    /// Whether it is a number.
    pub fn number(self) -> bool {
        matches!(self, Kind::Integer | Kind::Decimal | Kind::Float)
    }

    /// Whether a cell is of this kind, as a reader gives it.
    #[inline]
    pub(super) fn holds(self, cell: &Cell<'_>) -> bool {
        matches!(
            (self, cell),
            (_, Cell::Null)
                | (Kind::Boolean, Cell::Bool(_))
                | (Kind::Integer, Cell::Int(_) | Cell::UInt(_))
                | (
                    Kind::Decimal,
                    Cell::Decimal(_) | Cell::Int(_) | Cell::UInt(_)
                )
                | (Kind::Float, Cell::F64(_) | Cell::F32(_) | Cell::Int(_))
                | (Kind::Text, Cell::Text(_))
                | (Kind::Bytes, Cell::Bytes(_))
                | (Kind::Date, Cell::Date(_))
                | (Kind::Time, Cell::Time(_))
                | (Kind::Timestamp, Cell::Timestamp(_))
                | (Kind::TimestampTz, Cell::TimestampTz(_))
                | (Kind::Interval, Cell::Interval(..))
                | (Kind::Uuid, Cell::Uuid(_))
                | (Kind::Json, Cell::Json(_))
                | (Kind::Opaque, _)
        )
    }
}

/// A text of unbounded length.
pub(super) const TEXT: Type = Type::Text { max_bytes: None };
/// A decimal of unbounded precision.
pub(super) const DECIMAL: Type = Type::Decimal {
    precision: None,
    scale: None,
};
/// A 64-bit float.
pub(super) const DOUBLE: Type = Type::Float { bits: 64 };

/// A whole number of `bits` bits with a sign.
pub(super) const fn integer(bits: u8) -> Type {
    Type::Integer {
        bits,
        unsigned: false,
    }
}

/// The characters that a text type holds at most, if it is bounded.
pub(super) fn chars(ty: &Type) -> Option<u32> {
    match ty.base() {
        Type::Char { length } | Type::Varchar { length } => Some(*length),
        Type::Enum { members, .. } => members
            .iter()
            .map(|m| u32::try_from(m.chars().count()).ok())
            .max()
            .flatten(),
        _ => None,
    }
}

/// A text type of at most so many characters.
pub(super) fn text_of(length: Option<u64>) -> Type {
    // Longer ones are no columns of that kind anywhere.
    match length {
        Some(n @ 1..=16_383) => Type::Varchar { length: n as u32 },
        Some(0) => Type::Varchar { length: 1 },
        _ => TEXT,
    }
}

/// Digits before and after the point that a number's type holds, if that is bounded.
pub(super) fn digits(ty: &Type) -> Option<(u32, u32)> {
    match ty.base() {
        Type::Integer { bits, unsigned } => Some((
            match (bits, unsigned) {
                (..=8, _) => 3,
                (..=16, _) => 5,
                (..=24, _) => 8,
                (..=32, _) => 10,
                (_, false) => 19,
                (_, true) => 20,
            },
            0,
        )),
        Type::Year => Some((4, 0)),
        Type::Money { digits } => Some((19 - u32::from(*digits), u32::from(*digits))),
        Type::Decimal {
            precision: Some(p),
            scale,
        } => {
            let s = u32::try_from(scale.unwrap_or(0)).ok()?;
            Some((p.checked_sub(s)?, s))
        }
        _ => None,
    }
}

/// A decimal type of so many digits before and after the point.
pub(super) fn decimal_of(before: Option<(u32, u32)>) -> Type {
    match before {
        Some((b, a)) if (1..=38).contains(&(b + a)) => Type::Decimal {
            precision: Some(b + a),
            scale: i32::try_from(a).ok(),
        },
        _ => DECIMAL,
    }
}

/// The type that holds the values of both, if there is one.
pub(super) fn unify(a: &Type, b: &Type) -> Option<Type> {
    if a.base() == b.base() {
        return Some(a.base().clone());
    }
    let bits = |ty: &Type| match ty.base() {
        Type::Integer { bits, unsigned } => Some((*bits, *unsigned)),
        Type::Year => Some((16, false)),
        _ => None,
    };
    let precision = |ty: &Type| match ty.base() {
        Type::Time { precision, .. } | Type::Timestamp { precision, .. } => *precision,
        _ => 0,
    };
    Some(match (Kind::of(a), Kind::of(b)) {
        (Kind::Integer, Kind::Integer) => {
            let ((x, ux), (y, uy)) = (bits(a)?, bits(b)?);
            match (ux, uy) {
                _ if ux == uy => Type::Integer {
                    bits: x.max(y),
                    unsigned: ux,
                },
                // A sign beside the whole range of 64 bits without one.
                (true, _) if x == 64 => decimal_of(Some((20, 0))),
                (_, true) if y == 64 => decimal_of(Some((20, 0))),
                _ => integer(64),
            }
        }
        (Kind::Integer | Kind::Decimal, Kind::Integer | Kind::Decimal) => {
            decimal_of(match (digits(a), digits(b)) {
                (Some((x, s)), Some((y, t))) => Some((x.max(y), s.max(t))),
                _ => None,
            })
        }
        (x, y) if x.number() && y.number() => DOUBLE,
        (Kind::Text, Kind::Text) => text_of(match (chars(a), chars(b)) {
            (Some(x), Some(y)) => Some(u64::from(x.max(y))),
            _ => None,
        }),
        (Kind::Bytes, Kind::Bytes) => Type::Blob { max_bytes: None },
        (Kind::Json, Kind::Json) => Type::Json { normalised: false },
        (Kind::Time, Kind::Time) => Type::Time {
            precision: precision(a).max(precision(b)),
            zoned: false,
            span: false,
        },
        (Kind::Timestamp | Kind::Date, Kind::Timestamp | Kind::Date) => Type::Timestamp {
            precision: precision(a).max(precision(b)),
            zoned: false,
        },
        (Kind::TimestampTz, Kind::TimestampTz) => Type::Timestamp {
            precision: precision(a).max(precision(b)),
            zoned: true,
        },
        _ => return None,
    })
}
