//! Many rows of one table as one flat buffer: what crosses every trait of the copy path.
//!
//! A source writes cells into a [`Batch`] with the `put_*` methods in its own tight loop, and a
//! target's encoder walks them with [`Batch::cells`] in its own; no cell is allocated, and the
//! buffer is recycled. A cell is a tag byte and a payload in native byte order, so writing and
//! reading are a few instructions each. The buffer never leaves the process.
//!
//! The cell carries the type of the *value*, which may differ from the type of the column: SQLite
//! keeps text in integer columns, and MySQL dates that no calendar has arrive as [`Cell::Text`].
//! An encoder that can not hold a cell answers with a [`Reject`].

use crate::value::Value;

/// One borrowed cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// SQL NULL.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number in the signed 64-bit range.
    Int(i64),
    /// A whole number above `i64::MAX`; smaller ones are always [`Cell::Int`].
    UInt(u64),
    /// A 32-bit float.
    F32(f32),
    /// A 64-bit float.
    F64(f64),
    /// An exact decimal as ASCII text: `-12.340`, no exponent, no plus, at least one digit before
    /// the point, trailing zeros kept as the source's scale says; or `NaN`, `Infinity`, `-Infinity`.
    Decimal(&'a str),
    /// Text. UTF-8 is promised; a source that can not promise it checks, and gives [`Cell::Bytes`] instead.
    Text(&'a str),
    /// Bytes, as they are.
    Bytes(&'a [u8]),
    /// Days since 1970-01-01 in the proleptic Gregorian calendar; `i32::MAX` and `i32::MIN` are plus
    /// and minus infinity.
    Date(i32),
    /// Microseconds since midnight, 0 to 86,400,000,000 (24:00 is legal); a source whose times are
    /// spans may go below and above.
    Time(i64),
    /// Microseconds since midnight of local time, and the offset east of Greenwich in seconds.
    TimeTz(i64, i32),
    /// Microseconds since 1970-01-01 00:00 of no zone; `i64::MAX` and `i64::MIN` are the infinities.
    Timestamp(i64),
    /// Microseconds since 1970-01-01 00:00 UTC; `i64::MAX` and `i64::MIN` are the infinities.
    TimestampTz(i64),
    /// Months, days and microseconds, none reducible to another.
    Interval(i32, i32, i64),
    /// The sixteen bytes in the order in which the text form shows them.
    Uuid(&'a [u8; 16]),
    /// JSON text, as the source spells it.
    Json(&'a str),
    /// A bit string: its number of bits, and the bits from the left in whole bytes, zero-padded at the end.
    Bits(u32, &'a [u8]),
}

impl Cell<'_> {
    /// Copies the cell into an owned value.
    pub fn to_value(&self) -> Value {
        match *self {
            Cell::Null => Value::Null,
            Cell::Bool(b) => Value::Bool(b),
            Cell::Int(i) => Value::Int(i),
            Cell::UInt(u) => Value::UInt(u),
            Cell::F32(f) => Value::F32(f),
            Cell::F64(f) => Value::F64(f),
            Cell::Decimal(s) => Value::Decimal(s.into()),
            Cell::Text(s) => Value::Text(s.into()),
            Cell::Bytes(b) => Value::Bytes(b.into()),
            Cell::Date(d) => Value::Date(d),
            Cell::Time(t) => Value::Time(t),
            Cell::TimeTz(t, z) => Value::TimeTz(t, z),
            Cell::Timestamp(t) => Value::Timestamp(t),
            Cell::TimestampTz(t) => Value::TimestampTz(t),
            Cell::Interval(m, d, u) => Value::Interval(m, d, u),
            Cell::Uuid(u) => Value::Uuid(*u),
            Cell::Json(s) => Value::Json(s.into()),
            Cell::Bits(n, b) => Value::Bits(n, b.into()),
        }
    }

    /// The variant's name, for messages: never the value itself.
    pub fn kind(&self) -> &'static str {
        match self {
            Cell::Null => "null",
            Cell::Bool(_) => "boolean",
            Cell::Int(_) => "integer",
            Cell::UInt(_) => "integer above 9223372036854775807",
            Cell::F32(_) | Cell::F64(_) => "float",
            Cell::Decimal(_) => "decimal",
            Cell::Text(_) => "text",
            Cell::Bytes(_) => "bytes",
            Cell::Date(_) => "date",
            Cell::Time(_) | Cell::TimeTz(..) => "time",
            Cell::Timestamp(_) => "timestamp",
            Cell::TimestampTz(_) => "timestamp with time zone",
            Cell::Interval(..) => "interval",
            Cell::Uuid(_) => "uuid",
            Cell::Json(_) => "json",
            Cell::Bits(..) => "bits",
        }
    }
}

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT: u8 = 3;
const UINT: u8 = 4;
const F32: u8 = 5;
const F64: u8 = 6;
const DECIMAL: u8 = 7;
const TEXT: u8 = 8;
const BYTES: u8 = 9;
const DATE: u8 = 10;
const TIME: u8 = 11;
const TIME_TZ: u8 = 12;
const TIMESTAMP: u8 = 13;
const TIMESTAMP_TZ: u8 = 14;
const INTERVAL: u8 = 15;
const UUID: u8 = 16;
const JSON: u8 = 17;
const BITS: u8 = 18;

/// When a batch is full.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimit {
    /// Rows at most.
    pub rows: u64,
    /// Bytes of the buffer after which no further row is begun; one row alone may be larger.
    pub bytes: usize,
}

/// Rows of one table, in one flat buffer.
///
/// Invariant: the buffer holds exactly `rows × columns` cells, each written by a `put_*` method.
#[derive(Default, Debug)]
pub struct Batch {
    buffer: Vec<u8>,
    columns: usize,
    rows: u64,
}

macro_rules! put {
    ($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty),*) = $tag:ident) => {
        $(#[$doc])*
        #[inline]
        pub fn $name(&mut self $(, $arg: $ty)*) {
            self.buffer.push($tag);
            $(self.buffer.extend_from_slice(&$arg.to_ne_bytes());)*
        }
    };
}

impl Batch {
    /// Empties the batch and sets its number of columns; keeps the buffer.
    pub fn reset(&mut self, columns: usize) {
        self.buffer.clear();
        self.columns = columns;
        self.rows = 0;
    }

    /// Empties the batch and gives back memory above `keep` bytes (after one very large row).
    pub fn shrink(&mut self, keep: usize) {
        self.buffer.clear();
        self.rows = 0;
        if self.buffer.capacity() > keep {
            self.buffer.shrink_to(keep);
        }
    }

    /// The number of columns of each row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The number of whole rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The bytes of the buffer.
    pub fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Whether the batch has reached `limit`.
    #[inline]
    pub fn full(&self, limit: BatchLimit) -> bool {
        self.rows >= limit.rows || self.buffer.len() >= limit.bytes
    }

    /// Ends a row; exactly `columns` cells must have been put since the last one.
    #[inline]
    pub fn end_row(&mut self) {
        self.rows += 1;
    }

    /// The place before which everything belongs to whole rows; see [`Batch::truncate`].
    #[inline]
    pub fn mark(&self) -> usize {
        self.buffer.len()
    }

    /// Takes back what was put since `mark`, which must have been taken at a row's beginning.
    pub fn truncate(&mut self, mark: usize) {
        self.buffer.truncate(mark);
    }

    /// Walks the cells, row by row, column by column.
    #[inline]
    pub fn cells(&self) -> Cells<'_> {
        Cells { rest: &self.buffer }
    }

    /// Walks the rows.
    pub fn each_row(&self) -> Rows<'_> {
        Rows {
            cells: self.cells(),
            columns: self.columns,
            left: self.rows,
        }
    }

    /// Puts a whole row of a batch with as many columns, and ends it.
    pub fn put_row(&mut self, row: Row<'_>) {
        self.buffer.extend_from_slice(row.0);
        self.rows += 1;
    }

    /// Puts NULL.
    #[inline]
    pub fn put_null(&mut self) {
        self.buffer.push(NULL);
    }

    /// Puts a truth value.
    #[inline]
    pub fn put_bool(&mut self, b: bool) {
        self.buffer.push(if b { TRUE } else { FALSE });
    }

    put!(
        /// Puts a whole number.
        put_int(i: i64) = INT
    );

    /// Puts an unsigned whole number, as [`Cell::Int`] where that can hold it.
    #[inline]
    pub fn put_uint(&mut self, u: u64) {
        match i64::try_from(u) {
            Ok(i) => self.put_int(i),
            Err(_) => {
                self.buffer.push(UINT);
                self.buffer.extend_from_slice(&u.to_ne_bytes());
            }
        }
    }

    put!(
        /// Puts a 32-bit float.
        put_f32(f: f32) = F32
    );
    put!(
        /// Puts a 64-bit float.
        put_f64(f: f64) = F64
    );
    put!(
        /// Puts a date: days since 1970-01-01.
        put_date(days: i32) = DATE
    );
    put!(
        /// Puts a time: microseconds since midnight.
        put_time(micros: i64) = TIME
    );
    put!(
        /// Puts a time with its offset.
        put_time_tz(micros: i64, offset_seconds: i32) = TIME_TZ
    );
    put!(
        /// Puts a timestamp of no zone.
        put_timestamp(micros: i64) = TIMESTAMP
    );
    put!(
        /// Puts a timestamp in UTC.
        put_timestamp_tz(micros: i64) = TIMESTAMP_TZ
    );
    put!(
        /// Puts an interval.
        put_interval(months: i32, days: i32, micros: i64) = INTERVAL
    );

    #[inline]
    fn put_slice(&mut self, tag: u8, bytes: &[u8]) {
        // 32 bits hold any cell: no engine allows one of 4 GiB.
        let length = u32::try_from(bytes.len()).expect("a cell is below 4 GiB in every engine");
        self.buffer.reserve(5 + bytes.len());
        self.buffer.push(tag);
        self.buffer.extend_from_slice(&length.to_ne_bytes());
        self.buffer.extend_from_slice(bytes);
    }

    /// Puts a decimal in the form that [`Cell::Decimal`] describes.
    #[inline]
    pub fn put_decimal(&mut self, text: &str) {
        self.put_slice(DECIMAL, text.as_bytes());
    }

    /// Puts text.
    #[inline]
    pub fn put_text(&mut self, text: &str) {
        self.put_slice(TEXT, text.as_bytes());
    }

    /// Puts bytes.
    #[inline]
    pub fn put_bytes(&mut self, bytes: &[u8]) {
        self.put_slice(BYTES, bytes);
    }

    /// Puts JSON text.
    #[inline]
    pub fn put_json(&mut self, text: &str) {
        self.put_slice(JSON, text.as_bytes());
    }

    /// Puts a UUID.
    #[inline]
    pub fn put_uuid(&mut self, bytes: &[u8; 16]) {
        self.buffer.push(UUID);
        self.buffer.extend_from_slice(bytes);
    }

    /// Puts a bit string; `bytes` holds `bits` bits from the left.
    pub fn put_bits(&mut self, bits: u32, bytes: &[u8]) {
        debug_assert_eq!(bytes.len(), bits.div_ceil(8) as usize);
        self.buffer.push(BITS);
        self.buffer.extend_from_slice(&bits.to_ne_bytes());
        self.buffer.extend_from_slice(bytes);
    }

    /// Puts any borrowed cell.
    pub fn put_cell(&mut self, cell: Cell<'_>) {
        match cell {
            Cell::Null => self.put_null(),
            Cell::Bool(b) => self.put_bool(b),
            Cell::Int(i) => self.put_int(i),
            Cell::UInt(u) => self.put_uint(u),
            Cell::F32(f) => self.put_f32(f),
            Cell::F64(f) => self.put_f64(f),
            Cell::Decimal(s) => self.put_decimal(s),
            Cell::Text(s) => self.put_text(s),
            Cell::Bytes(b) => self.put_bytes(b),
            Cell::Date(d) => self.put_date(d),
            Cell::Time(t) => self.put_time(t),
            Cell::TimeTz(t, z) => self.put_time_tz(t, z),
            Cell::Timestamp(t) => self.put_timestamp(t),
            Cell::TimestampTz(t) => self.put_timestamp_tz(t),
            Cell::Interval(m, d, u) => self.put_interval(m, d, u),
            Cell::Uuid(u) => self.put_uuid(u),
            Cell::Json(s) => self.put_json(s),
            Cell::Bits(n, b) => self.put_bits(n, b),
        }
    }
}

impl Value {
    /// Borrows the value as a cell.
    pub fn as_cell(&self) -> Cell<'_> {
        match self {
            Value::Null => Cell::Null,
            Value::Bool(b) => Cell::Bool(*b),
            Value::Int(i) => Cell::Int(*i),
            Value::UInt(u) => Cell::UInt(*u),
            Value::F32(f) => Cell::F32(*f),
            Value::F64(f) => Cell::F64(*f),
            Value::Decimal(s) => Cell::Decimal(s),
            Value::Text(s) => Cell::Text(s),
            Value::Bytes(b) => Cell::Bytes(b),
            Value::Date(d) => Cell::Date(*d),
            Value::Time(t) => Cell::Time(*t),
            Value::TimeTz(t, z) => Cell::TimeTz(*t, *z),
            Value::Timestamp(t) => Cell::Timestamp(*t),
            Value::TimestampTz(t) => Cell::TimestampTz(*t),
            Value::Interval(m, d, u) => Cell::Interval(*m, *d, *u),
            Value::Uuid(u) => Cell::Uuid(u),
            Value::Json(s) => Cell::Json(s),
            Value::Bits(n, b) => Cell::Bits(*n, b),
        }
    }
}

/// A walk over the cells of a batch, in the order in which they were put.
#[derive(Clone, Debug)]
pub struct Cells<'a> {
    rest: &'a [u8],
}

impl<'a> Cells<'a> {
    #[inline]
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (head, rest) = self
            .rest
            .split_first_chunk::<N>()
            .expect("batches hold whole cells");
        self.rest = rest;
        *head
    }

    #[inline]
    fn slice(&mut self, length: usize) -> &'a [u8] {
        let (head, rest) = self.rest.split_at(length);
        self.rest = rest;
        head
    }

    #[inline]
    fn bytes(&mut self) -> &'a [u8] {
        let length = u32::from_ne_bytes(self.take()) as usize;
        self.slice(length)
    }

    #[inline]
    #[allow(
        unsafe_code,
        reason = "the copy path reads every text cell twice otherwise"
    )]
    fn text(&mut self) -> &'a str {
        let bytes = self.bytes();
        // SAFETY: the buffer is private and only `put_decimal`, `put_text` and `put_json` write these
        // tags, each from a `&str`.
        unsafe { std::str::from_utf8_unchecked(bytes) }
    }
}

impl<'a> Iterator for Cells<'a> {
    type Item = Cell<'a>;

    #[inline]
    fn next(&mut self) -> Option<Cell<'a>> {
        let (&tag, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(match tag {
            NULL => Cell::Null,
            FALSE => Cell::Bool(false),
            TRUE => Cell::Bool(true),
            INT => Cell::Int(i64::from_ne_bytes(self.take())),
            UINT => Cell::UInt(u64::from_ne_bytes(self.take())),
            F32 => Cell::F32(f32::from_ne_bytes(self.take())),
            F64 => Cell::F64(f64::from_ne_bytes(self.take())),
            DECIMAL => Cell::Decimal(self.text()),
            TEXT => Cell::Text(self.text()),
            BYTES => Cell::Bytes(self.bytes()),
            DATE => Cell::Date(i32::from_ne_bytes(self.take())),
            TIME => Cell::Time(i64::from_ne_bytes(self.take())),
            TIME_TZ => Cell::TimeTz(
                i64::from_ne_bytes(self.take()),
                i32::from_ne_bytes(self.take()),
            ),
            TIMESTAMP => Cell::Timestamp(i64::from_ne_bytes(self.take())),
            TIMESTAMP_TZ => Cell::TimestampTz(i64::from_ne_bytes(self.take())),
            INTERVAL => Cell::Interval(
                i32::from_ne_bytes(self.take()),
                i32::from_ne_bytes(self.take()),
                i64::from_ne_bytes(self.take()),
            ),
            UUID => {
                let bytes = self.slice(16);
                Cell::Uuid(bytes.try_into().expect("sixteen bytes were taken"))
            }
            JSON => Cell::Json(self.text()),
            BITS => {
                let bits = u32::from_ne_bytes(self.take());
                Cell::Bits(bits, self.slice(bits.div_ceil(8) as usize))
            }
            _ => unreachable!("only the put methods write tags"),
        })
    }
}

/// One whole row of a batch, as it lies there.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a>(&'a [u8]);

impl<'a> Row<'a> {
    /// Walks its cells.
    pub fn cells(&self) -> Cells<'a> {
        Cells { rest: self.0 }
    }

    /// How many bytes it takes in a batch.
    pub fn bytes(&self) -> usize {
        self.0.len()
    }
}

/// A walk over the rows of a batch.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    cells: Cells<'a>,
    columns: usize,
    left: u64,
}

impl<'a> Iterator for Rows<'a> {
    type Item = Row<'a>;

    fn next(&mut self) -> Option<Row<'a>> {
        self.left = self.left.checked_sub(1)?;
        let all = self.cells.rest;
        for _ in 0..self.columns {
            self.cells.next();
        }
        Some(Row(&all[..all.len() - self.cells.rest.len()]))
    }
}

/// The sort of trouble with a value. Those that a policy is about have the policy's name.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// U+0000 in text.
    Nul,
    /// A date that no calendar has.
    BadDate,
    /// NaN or an infinity.
    NotFinite,
    /// Bytes in text that are not UTF-8.
    InvalidText,
    /// A value of another type than its column.
    Mismatch,
    /// A number with more digits than the target keeps.
    Precision,
    /// A number, a date or a length beyond what the target's column holds.
    OutOfRange,
    /// A constraint of the target: a key that is taken, a NULL that is forbidden, a check.
    Constraint,
    /// A computed column or a filter that fails.
    Transform,
    /// Anything else.
    #[default]
    Other,
}

impl Cause {
    /// Its word, as in the configuration and in filters.
    pub fn word(self) -> &'static str {
        match self {
            Cause::Nul => "nul",
            Cause::BadDate => "bad_date",
            Cause::NotFinite => "not_finite",
            Cause::InvalidText => "invalid_text",
            Cause::Mismatch => "mismatch",
            Cause::Precision => "precision",
            Cause::OutOfRange => "out_of_range",
            Cause::Constraint => "constraint",
            Cause::Transform => "transform",
            Cause::Other => "other",
        }
    }
}

/// Why an encoder can not write a cell. Carries no value: it may be secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The row within the batch, from 0.
    pub row: u64,
    /// The column, from 0.
    pub column: usize,
    /// Why: "text in an integer column", "U+0000 in text", "NaN in a decimal".
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            ((i64::MAX as u64 + 1)..=u64::MAX).prop_map(Value::UInt),
            (-1e30f32..1e30).prop_map(Value::F32),
            (-1e300f64..1e300).prop_map(Value::F64),
            "-?[0-9]{1,40}(\\.[0-9]{1,20})?".prop_map(Value::Decimal),
            any::<String>().prop_map(Value::Text),
            any::<Vec<u8>>().prop_map(Value::Bytes),
            any::<i32>().prop_map(Value::Date),
            any::<i64>().prop_map(Value::Time),
            any::<(i64, i32)>().prop_map(|(a, b)| Value::TimeTz(a, b)),
            any::<i64>().prop_map(Value::Timestamp),
            any::<i64>().prop_map(Value::TimestampTz),
            any::<(i32, i32, i64)>().prop_map(|(a, b, c)| Value::Interval(a, b, c)),
            any::<[u8; 16]>().prop_map(Value::Uuid),
            any::<String>().prop_map(Value::Json),
            proptest::collection::vec(any::<u8>(), 0..9)
                .prop_map(|b| Value::Bits(b.len() as u32 * 8, b)),
        ]
    }

    proptest! {
        #[test]
        fn what_is_put_is_what_is_read(values in proptest::collection::vec(value(), 0..50)) {
            let mut batch = Batch::default();
            batch.reset(1);
            for v in &values {
                batch.put_cell(v.as_cell());
                batch.end_row();
            }
            let back: Vec<Value> = batch.cells().map(|c| c.to_value()).collect();
            prop_assert_eq!(back, values);
        }

        #[test]
        fn rows_can_be_taken_out_one_by_one(values in proptest::collection::vec(value(), 0..40), columns in 1usize..4) {
            let whole = values.len() / columns;
            let mut batch = Batch::default();
            batch.reset(columns);
            for row in values.chunks_exact(columns) {
                for v in row {
                    batch.put_cell(v.as_cell());
                }
                batch.end_row();
            }
            let mut odd = Batch::default();
            odd.reset(columns);
            for (_, row) in batch.each_row().enumerate().filter(|(i, _)| i % 2 == 1) {
                odd.put_row(row);
            }
            prop_assert_eq!(batch.each_row().count(), whole);
            prop_assert_eq!(odd.rows() as usize, whole / 2);
            let back: Vec<Value> = odd.cells().map(|c| c.to_value()).collect();
            let want: Vec<Value> = values.chunks_exact(columns).skip(1).step_by(2).flatten().cloned().collect();
            prop_assert_eq!(back, want);
        }
    }
}
