//! Reads chunks: the text protocol, parsed from the receive buffer straight into cells.
//!
//! # Why no row is lost or doubled
//!
//! A chunk is one SELECT within the snapshot's transaction, over a range that shares no row with any
//! other ([`crate::bounds`]). Every row packet becomes one row of a batch, and the end is only
//! believed from the server's end packet: a connection that breaks before is an error, and a row
//! that can not be parsed is one too. Values are read so that nothing is rounded: FLOAT is asked for
//! as `col*1e0` (a sum would lose the sign of -0), because its own text form has six digits only.

use crate::bounds;
use crate::connection::{Answer, Connection};
use crate::snapshot::Lane;
use crate::survey::Plan;
use crate::wire::{Parts, malformed};
use crate::words::quote;
use limosa_core::batch::{Batch, BatchLimit};
use limosa_core::chunk::Range;
use limosa_core::engine::{Answer as Found, ColumnRead, Question, Reader, Survey, TableRead};
use limosa_core::error::{Error, ErrorKind, Result};
use limosa_core::notation;
use limosa_core::room::{Gate, Room};
use limosa_core::scan::{Hazard, HazardCount};
use limosa_core::schema::{TableName, Type};
use std::sync::Arc;

const DOING: &str = "reading rows";

/// How the text of one column becomes a cell. Resolved once per chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decoder {
    Integer,
    Boolean,
    Single,
    Double,
    Decimal,
    Text,
    Bytes,
    Bits(u32),
    Date,
    Time,
    Timestamp,
    TimestampTz,
    Json,
    Uuid,
    UuidBytes,
    Geometry,
}

impl Decoder {
    pub(crate) fn of(column: &ColumnRead) -> Self {
        let decoder = match column.ty.base() {
            Type::Boolean => Decoder::Boolean,
            Type::Integer { .. } | Type::Year => Decoder::Integer,
            Type::Float { bits: 32 } => Decoder::Single,
            Type::Float { .. } => Decoder::Double,
            Type::Decimal { .. } | Type::Money { .. } => Decoder::Decimal,
            Type::Binary { .. } | Type::Varbinary { .. } | Type::Blob { .. } => Decoder::Bytes,
            Type::Bit { length, .. } => Decoder::Bits(length.unwrap_or(1).clamp(1, 64)),
            Type::Date => Decoder::Date,
            Type::Time { zoned: false, .. } => Decoder::Time,
            Type::Timestamp { zoned: false, .. } => Decoder::Timestamp,
            Type::Timestamp { zoned: true, .. } => Decoder::TimestampTz,
            Type::Json { .. } | Type::Array { .. } => Decoder::Json,
            Type::Uuid if binary(&column.native) => Decoder::UuidBytes,
            Type::Uuid => Decoder::Uuid,
            Type::Geometry { .. } => Decoder::Geometry,
            _ => Decoder::Text,
        };
        match decoder {
            // Bytes have no text form of the engine's own that would be shorter or safer.
            Decoder::Bytes | Decoder::Bits(_) | Decoder::Geometry | Decoder::Single => decoder,
            _ if column.as_text => Decoder::Text,
            other => other,
        }
    }
}

fn binary(native: &str) -> bool {
    native.to_ascii_lowercase().starts_with("binary")
}

/// Reads one lane of a snapshot.
pub(crate) struct LaneReader {
    lane: Lane,
    decoders: Vec<Decoder>,
    table: String,
}

impl LaneReader {
    pub(crate) fn new(lane: Lane) -> Self {
        Self {
            lane,
            decoders: Vec::new(),
            table: String::new(),
        }
    }
}

/// The query of a chunk.
pub(crate) fn select(
    table: &TableName,
    columns: &[String],
    key: &[(&str, &Type)],
    range: &Range,
) -> Result<String> {
    let columns = if columns.is_empty() {
        "1".to_owned()
    } else {
        columns.join(", ")
    };
    let mut sql = format!("SELECT {columns} FROM {}", quote(&table.name));
    match range {
        Range::All => {}
        Range::Key { lower, upper } => {
            if let Some(condition) = bounds::condition(key, lower.as_deref(), upper.as_deref())? {
                sql.push_str(" WHERE ");
                sql.push_str(&condition);
            }
            let order: Vec<String> = key.iter().map(|(n, _)| quote(n)).collect();
            if !order.is_empty() {
                sql.push_str(" ORDER BY ");
                sql.push_str(&order.join(", "));
            }
        }
        Range::Physical { .. } => {
            return Err(Error::new(
                ErrorKind::Unsupported,
                DOING,
                "this engine has no ranges of storage",
            ));
        }
    }
    Ok(sql)
}

impl Reader for LaneReader {
    fn bound(&mut self, gate: Arc<dyn Gate>) {
        self.lane.bound(gate);
    }

    fn room(&mut self) -> Option<Room> {
        self.lane.room()
    }

    fn open(&mut self, read: &TableRead, range: &Range, wire: Option<&str>) -> Result<()> {
        if wire.is_some() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                DOING,
                "this engine hands no wire format over",
            ));
        }
        self.decoders = read.columns.iter().map(Decoder::of).collect();
        self.table = read.table.name.clone();
        let columns: Vec<String> = read
            .columns
            .iter()
            .zip(&self.decoders)
            .map(|(c, d)| match d {
                Decoder::Single => format!("{}*1e0", quote(&c.name)),
                _ => quote(&c.name),
            })
            .collect();
        let key: Vec<(&str, &Type)> = read.key.iter().map(|k| (k.name.as_str(), &k.ty)).collect();
        let sql = select(&read.table, &columns, &key, range)?;
        let connection = self.lane.reading(&read.table)?;
        match connection.query(DOING, &sql) {
            Ok(Answer::Rows(found)) if found.len() == columns.len().max(1) => {
                self.lane.ask();
                Ok(())
            }
            Ok(_) => Err(malformed("answer: another number of columns")),
            Err(e) => Err(self.lane.lost(e).on(self.table.clone())),
        }
    }

    fn fill(&mut self, batch: &mut Batch, limit: BatchLimit) -> Result<bool> {
        let connection = self.lane.connection()?;
        let filled = fill(connection, &self.decoders, batch, limit);
        filled.map_err(|e| self.lane.lost(e).on(self.table.clone()))
    }

    fn survey(
        &mut self,
        read: &TableRead,
        range: &Range,
        questions: &[Question],
    ) -> Result<Option<Survey>> {
        const DOING: &str = "looking at values";
        let plan = Plan::of(questions, !read.key.is_empty());
        let row = match plan.sql(read, range)? {
            None => Vec::new(),
            Some(sql) => {
                let connection = self.lane.reading(&read.table)?;
                match connection.rows(DOING, &sql) {
                    Ok(rows) => rows.into_iter().next().unwrap_or_default(),
                    Err(e) => return Err(self.lane.lost(e).on(read.table.name.clone())),
                }
            }
        };
        let mut survey = plan
            .read(questions, &row)
            .ok_or_else(|| malformed("answer about values"))?;
        for (at, sql) in plan.examples(read, range, questions, &survey)? {
            let connection = self.lane.reading(&read.table)?;
            let rows = match connection.rows(DOING, &sql) {
                Ok(rows) => rows,
                Err(e) => return Err(self.lane.lost(e).on(read.table.name.clone())),
            };
            if let Some(Found::Clear(scan)) = survey.answers.get_mut(at) {
                scan.hazards.push(HazardCount {
                    hazard: Hazard::NotABoolean,
                    count: scan.not_boolean,
                    examples: rows.into_iter().flatten().flatten().collect(),
                });
            }
        }
        Ok(Some(survey))
    }

    fn fill_wire(&mut self, _out: &mut Vec<u8>, _bytes: usize) -> Result<(u64, bool)> {
        Err(Error::new(
            ErrorKind::Unsupported,
            DOING,
            "this engine hands no wire format over",
        ))
    }
}

fn fill(
    connection: &mut Connection,
    decoders: &[Decoder],
    batch: &mut Batch,
    limit: BatchLimit,
) -> Result<bool> {
    drop(connection.room());
    while !batch.full(limit) {
        let Some(packet) = connection.row(DOING)? else {
            return Ok(false);
        };
        let mut parts = Parts::new(packet);
        for decoder in decoders {
            match parts.cell() {
                Some(Some(cell)) => decode(*decoder, cell, batch)?,
                Some(None) => batch.put_null(),
                None => return Err(malformed("row")),
            }
        }
        batch.end_row();
        if connection.was_huge() {
            connection.release();
            break;
        }
    }
    Ok(true)
}

#[inline]
fn decode(decoder: Decoder, cell: &[u8], batch: &mut Batch) -> Result<()> {
    match decoder {
        Decoder::Integer => integer(cell, batch)?,
        Decoder::Text => text(cell, batch),
        Decoder::Decimal => match std::str::from_utf8(cell) {
            Ok(text) if notation::plain_decimal(cell) => batch.put_decimal(text),
            _ => return Err(malformed("decimal")),
        },
        Decoder::Date => match date(cell) {
            Some(days) => batch.put_date(days),
            None => text(cell, batch),
        },
        Decoder::Timestamp => match timestamp(cell) {
            Some(micros) => batch.put_timestamp(micros),
            None => text(cell, batch),
        },
        Decoder::TimestampTz => match timestamp(cell) {
            Some(micros) => batch.put_timestamp_tz(micros),
            None => text(cell, batch),
        },
        Decoder::Time => match notation::parse_time(cell) {
            Some(micros) => batch.put_time(micros),
            None => text(cell, batch),
        },
        Decoder::Bytes => batch.put_bytes(cell),
        Decoder::Double => batch.put_f64(float(cell)?),
        // Asked for as a double, so that the text is the float's exact value.
        Decoder::Single => batch.put_f32(float(cell)? as f32),
        Decoder::Json => match std::str::from_utf8(cell) {
            Ok(text) => batch.put_json(text),
            Err(_) => batch.put_bytes(cell),
        },
        Decoder::Boolean => match cell {
            b"0" => batch.put_bool(false),
            b"1" => batch.put_bool(true),
            other => integer(other, batch)?,
        },
        Decoder::Bits(length) => bits(length, cell, batch)?,
        Decoder::Uuid => match notation::parse_uuid(cell) {
            Some(uuid) => batch.put_uuid(&uuid),
            None => text(cell, batch),
        },
        Decoder::UuidBytes => match cell.try_into() {
            Ok(uuid) => batch.put_uuid(uuid),
            Err(_) => batch.put_bytes(cell),
        },
        Decoder::Geometry => match ewkb(cell) {
            Some(bytes) => batch.put_bytes(&bytes),
            None => return Err(malformed("geometry")),
        },
    }
    Ok(())
}

#[inline]
fn text(cell: &[u8], batch: &mut Batch) {
    match std::str::from_utf8(cell) {
        Ok(text) => batch.put_text(text),
        Err(_) => batch.put_bytes(cell),
    }
}

#[inline]
fn integer(cell: &[u8], batch: &mut Batch) -> Result<()> {
    let (negative, digits) = match cell {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    // 19 digits always fit an unsigned 64-bit number.
    if digits.is_empty() || digits.len() > 19 {
        return long_integer(cell, batch);
    }
    let mut n = 0u64;
    for b in digits {
        let d = b.wrapping_sub(b'0');
        if d > 9 {
            return Err(malformed("integer"));
        }
        n = n * 10 + u64::from(d);
    }
    if !negative {
        batch.put_uint(n);
    } else if n <= 1 << 63 {
        batch.put_int((n as i64).wrapping_neg());
    } else {
        return Err(malformed("integer"));
    }
    Ok(())
}

#[cold]
fn long_integer(cell: &[u8], batch: &mut Batch) -> Result<()> {
    // ZEROFILL may print more zeros than digits.
    let text = std::str::from_utf8(cell).unwrap_or_default();
    match (text.parse::<u64>(), text.parse::<i64>()) {
        (Ok(n), _) => batch.put_uint(n),
        (_, Ok(i)) => batch.put_int(i),
        _ => return Err(malformed("integer")),
    }
    Ok(())
}

fn float(cell: &[u8]) -> Result<f64> {
    std::str::from_utf8(cell)
        .ok()
        .and_then(|t| t.parse().ok())
        .ok_or_else(|| malformed("float"))
}

#[inline]
fn two(a: u8, b: u8) -> Option<u32> {
    let (a, b) = (a.wrapping_sub(b'0'), b.wrapping_sub(b'0'));
    (a <= 9 && b <= 9).then(|| u32::from(a) * 10 + u32::from(b))
}

/// `YYYY-MM-DD` that the calendar has; year 0 is no year here.
#[inline]
fn date(cell: &[u8]) -> Option<i32> {
    let &[a, b, c, d, b'-', e, f, b'-', g, h] = cell else {
        return None;
    };
    let year = two(a, b)? * 100 + two(c, d)?;
    let (month, day) = (two(e, f)?, two(g, h)?);
    let year = i64::from(year);
    if year == 0
        || !(1..=12).contains(&month)
        || day == 0
        || day > 28 && day > notation::days_in_month(year, month)
    {
        return None;
    }
    Some(notation::days_from_civil(year, month, day) as i32)
}

/// `YYYY-MM-DD HH:MM:SS[.f]` that the calendar has.
#[inline]
fn timestamp(cell: &[u8]) -> Option<i64> {
    let (day, clock) = cell.split_at_checked(10)?;
    let days = date(day)?;
    let (clock, fraction) = clock.split_at_checked(9)?;
    let &[b' ', a, b, b':', c, d, b':', e, f] = clock else {
        return None;
    };
    let (hour, minute, second) = (two(a, b)?, two(c, d)?, two(e, f)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut micros = 0i64;
    if let Some(digits) = fraction.strip_prefix(b".") {
        if digits.len() > 6 {
            return None;
        }
        let mut scale = 100_000;
        for b in digits {
            let d = b.wrapping_sub(b'0');
            if d > 9 {
                return None;
            }
            micros += i64::from(d) * scale;
            scale /= 10;
        }
    } else if !fraction.is_empty() {
        return None;
    }
    let seconds = i64::from(days) * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    Some(seconds * 1_000_000 + micros)
}

/// BIT comes as whole bytes with the value at the right; a cell has it at the left.
fn bits(length: u32, cell: &[u8], batch: &mut Batch) -> Result<()> {
    let bytes = length.div_ceil(8) as usize;
    if cell.len() != bytes {
        return Err(malformed("bits"));
    }
    let value = cell.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
    let left = (value << (64 - length)).to_be_bytes();
    batch.put_bits(length, &left[..bytes]);
    Ok(())
}

/// The server's own form of a geometry (SRID in four bytes, then WKB) as EWKB; little-endian both.
fn ewkb(cell: &[u8]) -> Option<Vec<u8>> {
    let (srid, wkb) = cell.split_at_checked(4)?;
    if wkb.len() < 5 || wkb[0] != 1 {
        return None;
    }
    if srid == [0; 4] {
        return Some(wkb.to_vec());
    }
    let mut out = Vec::with_capacity(cell.len() + 1);
    out.extend_from_slice(&wkb[..4]);
    // The flag that says that an SRID follows.
    out.push(wkb[4] | 0x20);
    out.extend_from_slice(srid);
    out.extend_from_slice(&wkb[5..]);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use limosa_core::value::Value;

    fn one(decoder: Decoder, cell: &[u8]) -> Option<Value> {
        let mut batch = Batch::default();
        batch.reset(1);
        decode(decoder, cell, &mut batch).ok()?;
        batch.cells().next().map(|c| c.to_value())
    }

    #[test]
    fn each_text_is_its_cell() {
        for (decoder, cell, want) in [
            (
                Decoder::Integer,
                &b"-9223372036854775808"[..],
                Value::Int(i64::MIN),
            ),
            (
                Decoder::Integer,
                b"18446744073709551615",
                Value::UInt(u64::MAX),
            ),
            (Decoder::Integer, b"00042", Value::Int(42)),
            (Decoder::Date, b"1970-01-02", Value::Date(1)),
            (
                Decoder::Date,
                b"0000-00-00",
                Value::Text("0000-00-00".into()),
            ),
            (
                Decoder::Date,
                b"2024-02-30",
                Value::Text("2024-02-30".into()),
            ),
            (
                Decoder::Date,
                b"0000-01-01",
                Value::Text("0000-01-01".into()),
            ),
            (
                Decoder::Timestamp,
                b"1970-01-01 00:00:01.5",
                Value::Timestamp(1_500_000),
            ),
            (
                Decoder::Timestamp,
                b"1969-12-31 23:59:59.999999",
                Value::Timestamp(-1),
            ),
            (
                Decoder::Time,
                b"-838:59:59",
                Value::Time(-3_020_399_000_000),
            ),
            (Decoder::Text, b"\xff", Value::Bytes(vec![255])),
            (
                Decoder::Bits(10),
                &[2, 5],
                Value::Bits(10, vec![0b1000_0001, 0b0100_0000]),
            ),
            (Decoder::Bits(64), &[255; 8], Value::Bits(64, vec![255; 8])),
            (Decoder::Boolean, b"2", Value::Int(2)),
            (Decoder::Single, b"16777218", Value::F32(16_777_218.0)),
        ] {
            assert_eq!(one(decoder, cell), Some(want), "{decoder:?} {cell:?}");
        }
        for (decoder, cell) in [
            (Decoder::Integer, &b"1x"[..]),
            (Decoder::Integer, b""),
            (Decoder::Integer, b"-9999999999999999999"),
            (Decoder::Decimal, b"1e5"),
            (Decoder::Double, b"x"),
            (Decoder::Bits(3), b""),
            (Decoder::Geometry, b"123"),
        ] {
            assert_eq!(one(decoder, cell), None, "{decoder:?} {cell:?}");
        }
    }
}
