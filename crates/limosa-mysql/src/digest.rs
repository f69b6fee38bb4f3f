//! Rows in the canonical form: the binary protocol, decoded here and nowhere else.
//!
//! # Why a mistake of the copier can not hide here
//!
//! The copier reads text and writes text. This reads prepared statements' binary rows, in which
//! numbers and moments have other forms, and says them with code of its own and of
//! [`limosa_core::canonical`]; nothing of `read`, `encode` or `notation` is used for a value.

use crate::bounds;
use crate::connection::{Connection, ResultColumn};
use crate::read;
use crate::snapshot::Lane;
use crate::sums;
use crate::wire::{Parts, malformed};
use crate::words::quote;
use limosa_core::canonical::{self, CanonicalRows, Form};
use limosa_core::chunk::Range;
use limosa_core::engine::{CanonicalRead, Canonicalizer};
use limosa_core::error::Result;
use limosa_core::pushdown::{self, Spelling, Sums};
use limosa_core::room::{Gate, Room};
use limosa_core::schema::Type;
use limosa_core::value::Value;
use std::sync::Arc;

const DOING: &str = "reading rows to compare";

/// How a column is said.
#[derive(Clone, Copy)]
struct Say {
    form: Form,
    /// Bits, for BIT.
    bits: u32,
    geometry: bool,
}

/// Reads one lane of a snapshot for comparing.
pub(crate) struct LaneCanonicalizer {
    lane: Lane,
    says: Vec<Say>,
    columns: Vec<ResultColumn>,
    key_columns: usize,
    statement: Option<u32>,
    table: String,
}

impl LaneCanonicalizer {
    pub(crate) fn new(lane: Lane) -> Self {
        Self {
            lane,
            says: Vec::new(),
            columns: Vec::new(),
            key_columns: 0,
            statement: None,
            table: String::new(),
        }
    }

    fn close(&mut self) -> Result<()> {
        if let Some(id) = self.statement.take() {
            self.lane.connection()?.close_prepared(id)?;
        }
        Ok(())
    }
}

impl Drop for LaneCanonicalizer {
    fn drop(&mut self) {
        // A lane that is broken has no statement any more.
        let _ = self.close();
    }
}

impl LaneCanonicalizer {
    /// Asks within the view.
    fn asked(
        &mut self,
        read: &CanonicalRead,
        doing: &'static str,
        sql: &str,
    ) -> Result<Vec<Vec<Option<String>>>> {
        self.close()?;
        let rows = self.lane.reading(&read.table)?.rows(doing, sql);
        rows.map_err(|e| self.lane.lost(e).on(read.table.name.clone()))
    }

    fn begin(
        &mut self,
        read: &CanonicalRead,
        statement: impl FnOnce(&[String], &[(&str, &Type)]) -> Result<String>,
    ) -> Result<()> {
        self.close()?;
        self.table = read.table.name.clone();
        self.key_columns = read.key_columns;
        self.says = read
            .columns
            .iter()
            .map(|c| Say {
                form: c.form,
                bits: match c.ty.base() {
                    Type::Bit { length, .. } => length.unwrap_or(1).clamp(1, 64),
                    _ => 0,
                },
                geometry: matches!(c.ty.base(), Type::Geometry { .. }),
            })
            .collect();
        let columns: Vec<String> = read.columns.iter().map(|c| quote(&c.name)).collect();
        let key: Vec<(&str, &Type)> = read.columns[..read.key_columns.min(read.columns.len())]
            .iter()
            .map(|c| (c.name.as_str(), &c.ty))
            .collect();
        let sql = statement(&columns, &key)?;
        let connection = self.lane.reading(&read.table)?;
        let opened = connection.prepare(DOING, &sql).and_then(|id| {
            let columns = connection.execute(DOING, id)?;
            Ok((id, columns))
        });
        let (id, found) = opened.map_err(|e| self.lane.lost(e).on(self.table.clone()))?;
        self.statement = Some(id);
        self.lane.ask();
        if found.len() != self.says.len().max(1) {
            return Err(malformed("answer: another number of columns"));
        }
        self.columns = found;
        Ok(())
    }
}

impl Canonicalizer for LaneCanonicalizer {
    fn bound(&mut self, gate: Arc<dyn Gate>) {
        self.lane.bound(gate);
    }

    fn room(&mut self) -> Option<Room> {
        self.lane.room()
    }

    fn open(&mut self, read: &CanonicalRead, range: &Range) -> Result<()> {
        self.begin(read, |columns, key| {
            read::select(&read.table, columns, key, range)
        })
    }

    fn open_keys(&mut self, read: &CanonicalRead, keys: &[Vec<Value>]) -> Result<()> {
        self.begin(read, |columns, key| {
            let all = read::select(&read.table, columns, key, &Range::All)?;
            Ok(format!("{all} WHERE {}", bounds::keys(key, keys)?))
        })
    }

    fn sums(
        &mut self,
        read: &CanonicalRead,
        said: &[Spelling],
        range: &Range,
        parts: u32,
    ) -> Result<Vec<Sums>> {
        let sql = sums::question(read, said, range, parts)?;
        pushdown::answered(&self.asked(read, "summing rows up", &sql)?, parts)
    }

    fn open_parts(
        &mut self,
        read: &CanonicalRead,
        said: &[Spelling],
        range: &Range,
        parts: u32,
        chosen: &[u32],
    ) -> Result<()> {
        let condition = sums::condition(read, said, range, parts, chosen)?;
        self.begin(read, |columns, key| {
            let all = read::select(&read.table, columns, key, &Range::All)?;
            Ok(format!("{all} WHERE {condition}"))
        })
    }

    fn count(&mut self, read: &CanonicalRead) -> Result<u64> {
        let sql = format!("SELECT COUNT(*) FROM {}", quote(&read.table.name));
        let rows = self.asked(read, "counting rows", &sql)?;
        let count = rows
            .first()
            .and_then(|r| r.first()?.as_deref()?.parse().ok());
        count.ok_or_else(|| malformed("answer: it is no number"))
    }

    fn fill(&mut self, rows: &mut CanonicalRows, bytes: usize) -> Result<bool> {
        let connection = self.lane.connection()?;
        let filled = fill(
            connection,
            &self.says,
            &self.columns,
            self.key_columns,
            rows,
            bytes,
        );
        filled.map_err(|e| self.lane.lost(e).on(self.table.clone()))
    }
}

fn fill(
    connection: &mut Connection,
    says: &[Say],
    columns: &[ResultColumn],
    key_columns: usize,
    rows: &mut CanonicalRows,
    bytes: usize,
) -> Result<bool> {
    drop(connection.room());
    while rows.bytes() < bytes {
        let Some(packet) = connection.row(DOING)? else {
            return Ok(false);
        };
        row(packet, says, columns, key_columns, rows).ok_or_else(|| malformed("binary row"))?;
        if connection.was_huge() {
            connection.release();
            break;
        }
    }
    Ok(true)
}

fn row(
    packet: &[u8],
    says: &[Say],
    columns: &[ResultColumn],
    key_columns: usize,
    rows: &mut CanonicalRows,
) -> Option<()> {
    let mut parts = Parts::new(packet);
    if parts.u8()? != 0 {
        return None;
    }
    let nulls = parts.take((columns.len() + 9) / 8)?;
    for (at, (say, column)) in says.iter().zip(columns).enumerate() {
        if at == key_columns && at > 0 {
            rows.end_key();
        }
        let bit = at + 2;
        if nulls[bit / 8] >> (bit % 8) & 1 == 1 {
            rows.null();
            continue;
        }
        let value = value(&mut parts, *column)?;
        rows.cell_with(|out| said(out, *say, value));
    }
    if key_columns > 0 && key_columns >= says.len() {
        rows.end_key();
    }
    rows.end_row();
    Some(())
}

/// A value on the wire.
enum Wire<'a> {
    Int(i64),
    UInt(u64),
    Single(f32),
    Double(f64),
    Bytes(&'a [u8]),
    /// Year, month, day, and the clock if it is a timestamp.
    Day(u16, u8, u8, Option<Clock>),
    /// Negative, hours, clock.
    Span(bool, u32, Clock),
}

#[derive(Clone, Copy, Default)]
struct Clock {
    hour: u8,
    minute: u8,
    second: u8,
    micros: u32,
}

fn value<'a>(parts: &mut Parts<'a>, column: ResultColumn) -> Option<Wire<'a>> {
    let unsigned = column.unsigned;
    Some(match column.kind {
        1 if unsigned => Wire::Int(i64::from(parts.u8()?)),
        1 => Wire::Int(i64::from(parts.u8()? as i8)),
        2 | 13 if unsigned => Wire::Int(i64::from(parts.u16()?)),
        2 | 13 => Wire::Int(i64::from(parts.u16()? as i16)),
        3 | 9 if unsigned => Wire::Int(i64::from(parts.u32()?)),
        3 | 9 => Wire::Int(i64::from(parts.u32()? as i32)),
        8 if unsigned => Wire::UInt(u64::from_le_bytes(parts.array()?)),
        8 => Wire::Int(i64::from_le_bytes(parts.array()?)),
        4 => Wire::Single(f32::from_le_bytes(parts.array()?)),
        5 => Wire::Double(f64::from_le_bytes(parts.array()?)),
        10 | 7 | 12 => {
            let length = parts.u8()?;
            let mut inside = Parts::new(parts.take(usize::from(length))?);
            let (year, month, day) = if length >= 4 {
                (inside.u16()?, inside.u8()?, inside.u8()?)
            } else {
                (0, 0, 0)
            };
            let mut clock = Clock::default();
            if length >= 7 {
                (clock.hour, clock.minute, clock.second) =
                    (inside.u8()?, inside.u8()?, inside.u8()?);
            }
            if length >= 11 {
                clock.micros = inside.u32()?;
            }
            Wire::Day(year, month, day, (column.kind != 10).then_some(clock))
        }
        11 => {
            let length = parts.u8()?;
            let mut inside = Parts::new(parts.take(usize::from(length))?);
            if length < 8 {
                return Some(Wire::Span(false, 0, Clock::default()));
            }
            let negative = inside.u8()? != 0;
            let days = inside.u32()?;
            let clock = Clock {
                hour: 0,
                minute: 0,
                second: 0,
                micros: 0,
            };
            let hour = inside.u8()?;
            let clock = Clock {
                minute: inside.u8()?,
                second: inside.u8()?,
                micros: if length >= 12 { inside.u32()? } else { 0 },
                ..clock
            };
            let hours = days.checked_mul(24)?.checked_add(u32::from(hour))?;
            Wire::Span(negative, hours, clock)
        }
        6 => return None,
        _ => Wire::Bytes(parts.string()?),
    })
}

fn two(out: &mut Vec<u8>, n: u8) {
    out.extend_from_slice(&[b'0' + n / 10 % 10, b'0' + n % 10]);
}

fn seconds(out: &mut Vec<u8>, clock: Clock) {
    out.push(b':');
    two(out, clock.minute);
    out.push(b':');
    two(out, clock.second);
    if clock.micros > 0 {
        out.push(b'.');
        let digits = format!("{:06}", clock.micros);
        out.extend_from_slice(digits.trim_end_matches('0').as_bytes());
    }
}

fn integer(out: &mut Vec<u8>, n: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

/// Says one value in its form.
fn said(out: &mut Vec<u8>, say: Say, value: Wire<'_>) {
    match value {
        Wire::Int(n) => match say.form {
            Form::Double => canonical::double(out, n as f64),
            Form::Single => canonical::single(out, n as f32),
            Form::Dynamic => {
                out.push(b'i');
                integer(out, n);
            }
            _ => integer(out, n),
        },
        Wire::UInt(n) => match say.form {
            Form::Double => canonical::double(out, n as f64),
            Form::Single => canonical::single(out, n as f32),
            form => {
                if form == Form::Dynamic {
                    out.push(b'i');
                }
                out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
            }
        },
        Wire::Single(f) => match say.form {
            Form::Double => canonical::double(out, f64::from(f)),
            Form::Dynamic => {
                out.push(b'r');
                canonical::double(out, f64::from(f));
            }
            Form::Decimal | Form::Integer => canonical::decimal(out, format!("{f}").as_bytes()),
            Form::Text => out.extend_from_slice(ryu::Buffer::new().format(f).as_bytes()),
            _ => canonical::single(out, f),
        },
        Wire::Double(f) => match say.form {
            Form::Single => canonical::single(out, f as f32),
            Form::Dynamic => {
                out.push(b'r');
                canonical::double(out, f);
            }
            Form::Decimal | Form::Integer => canonical::decimal(out, format!("{f}").as_bytes()),
            Form::Text => out.extend_from_slice(ryu::Buffer::new().format(f).as_bytes()),
            _ => canonical::double(out, f),
        },
        Wire::Day(year, month, day, clock) => {
            out.extend_from_slice(format!("{year:04}-").as_bytes());
            two(out, month);
            out.push(b'-');
            two(out, day);
            let clock = match say.form {
                Form::Timestamp | Form::TimestampTz => Some(clock.unwrap_or_default()),
                _ => clock,
            };
            if let Some(clock) = clock {
                out.push(b' ');
                two(out, clock.hour);
                seconds(out, clock);
            }
        }
        Wire::Span(negative, hours, clock) => {
            if say.form == Form::Interval {
                let total = i64::from(hours) * 3_600_000_000
                    + i64::from(clock.minute) * 60_000_000
                    + i64::from(clock.second) * 1_000_000
                    + i64::from(clock.micros);
                out.extend_from_slice(b"0 0 ");
                return integer(out, if negative { -total } else { total });
            }
            if negative {
                out.push(b'-');
            }
            out.extend_from_slice(format!("{hours:02}").as_bytes());
            seconds(out, clock);
        }
        Wire::Bytes(bytes) => text(out, say, bytes),
    }
}

/// Says what came as text or bytes.
fn text(out: &mut Vec<u8>, say: Say, bytes: &[u8]) {
    if say.bits > 0 {
        return bits(out, say, bytes);
    }
    let number = || std::str::from_utf8(bytes).ok().map(str::trim);
    match say.form {
        Form::Boolean => canonical::boolean(out, bytes),
        Form::Integer | Form::Decimal => canonical::decimal(out, bytes),
        Form::Double => match number().and_then(|t| t.parse().ok()) {
            Some(f) => canonical::double(out, f),
            None => out.extend_from_slice(bytes),
        },
        Form::Single => match number().and_then(|t| t.parse().ok()) {
            Some(f) => canonical::single(out, f),
            None => out.extend_from_slice(bytes),
        },
        Form::PaddedText => {
            let blanks = bytes.iter().rev().take_while(|b| **b == b' ').count();
            out.extend_from_slice(&bytes[..bytes.len() - blanks]);
        }
        Form::Date | Form::Time => canonical::moment(out, bytes, false),
        Form::Timestamp => canonical::moment(out, bytes, true),
        Form::TimestampTz => match offset(bytes) {
            Some((head, 0)) => canonical::moment(out, head, true),
            Some(_) => out.extend_from_slice(bytes),
            None => canonical::moment(out, bytes, true),
        },
        Form::TimeTz => match offset(bytes) {
            Some((head, seconds)) => {
                canonical::moment(out, head, false);
                out.push(b' ');
                integer(out, i64::from(seconds));
            }
            None => out.extend_from_slice(bytes),
        },
        Form::Interval => match interval(bytes) {
            Some((months, days, micros)) => {
                integer(out, months);
                out.push(b' ');
                integer(out, days);
                out.push(b' ');
                integer(out, micros);
            }
            None => out.extend_from_slice(bytes),
        },
        Form::Uuid if bytes.len() == 16 => {
            for (i, b) in bytes.iter().enumerate() {
                if matches!(i, 4 | 6 | 8 | 10) {
                    out.push(b'-');
                }
                out.extend_from_slice(format!("{b:02x}").as_bytes());
            }
        }
        Form::Uuid => out.extend(bytes.iter().map(u8::to_ascii_lowercase)),
        Form::Json => canonical::json(out, bytes),
        Form::Set => canonical::set(out, bytes),
        Form::Geometry if say.geometry => match bytes.split_at_checked(4) {
            Some((&[0, 0, 0, 0], wkb)) => out.extend_from_slice(wkb),
            Some((srid, [order, a, b, c, d, rest @ ..])) => {
                out.extend_from_slice(&[*order, *a, *b, *c, d | 0x20]);
                out.extend_from_slice(srid);
                out.extend_from_slice(rest);
            }
            _ => out.extend_from_slice(bytes),
        },
        Form::Dynamic => {
            out.push(if std::str::from_utf8(bytes).is_ok() {
                b't'
            } else {
                b'b'
            });
            out.extend_from_slice(bytes);
        }
        Form::Text | Form::Bytes | Form::Bits | Form::Geometry | Form::Native => {
            out.extend_from_slice(bytes);
        }
    }
}

/// BIT: whole bytes, the value at the right.
fn bits(out: &mut Vec<u8>, say: Say, bytes: &[u8]) {
    let value = bytes.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
    match say.form {
        Form::Bits | Form::Text => {
            for bit in (0..say.bits).rev() {
                out.push(b'0' + (value >> bit & 1) as u8);
            }
        }
        Form::Bytes => out.extend_from_slice(bytes),
        _ => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
    }
}

/// The text before an offset, and the offset in seconds.
fn offset(text: &[u8]) -> Option<(&[u8], i32)> {
    if let [head @ .., b'Z'] = text {
        return Some((head, 0));
    }
    let colon = text.iter().position(|b| *b == b':')?;
    let sign = colon
        + text[colon..]
            .iter()
            .position(|b| matches!(b, b'+' | b'-'))?;
    let mut total = 0i32;
    let said = std::str::from_utf8(&text[sign + 1..]).ok()?;
    for (part, unit) in said.split(':').zip([3600, 60, 1]) {
        total += part.parse::<i32>().ok().filter(|n| *n < 100)? * unit;
    }
    if text[sign] == b'-' {
        total = -total;
    }
    Some((&text[..sign], total))
}

/// ISO 8601 as months, days, microseconds.
fn interval(text: &[u8]) -> Option<(i64, i64, i64)> {
    let text = std::str::from_utf8(text).ok()?.strip_prefix('P')?;
    let (date, time) = text.split_once('T').unwrap_or((text, ""));
    let parts = |text: &str| -> Option<Vec<(String, char)>> {
        let mut out = Vec::new();
        let mut number = String::new();
        for c in text.chars() {
            if c.is_ascii_alphabetic() {
                out.push((std::mem::take(&mut number), c));
            } else {
                number.push(c);
            }
        }
        number.is_empty().then_some(out)
    };
    let (mut months, mut days, mut micros) = (0i64, 0i64, 0i64);
    for (number, unit) in parts(date)? {
        let n: i64 = number.parse().ok()?;
        match unit {
            'Y' => months = months.checked_add(n.checked_mul(12)?)?,
            'M' => months = months.checked_add(n)?,
            'W' => days = days.checked_add(n.checked_mul(7)?)?,
            'D' => days = days.checked_add(n)?,
            _ => return None,
        }
    }
    for (number, unit) in parts(time)? {
        let (sign, number) = match number.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, number.as_str()),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let whole: i64 = whole.parse().ok()?;
        let scale = match unit {
            'H' => 3_600_000_000i64,
            'M' => 60_000_000,
            'S' => 1_000_000,
            _ => return None,
        };
        let fraction: i64 = match fraction {
            "" => 0,
            f if f.len() <= 6 && unit == 'S' => format!("{f:0<6}").parse().ok()?,
            _ => return None,
        };
        micros = micros.checked_add(sign * whole.checked_mul(scale)?.checked_add(fraction)?)?;
    }
    Some((months, days, micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(form: Form, value: Wire<'_>) -> String {
        let mut out = Vec::new();
        let say = Say {
            form,
            bits: 0,
            geometry: false,
        };
        said(&mut out, say, value);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn moments_and_intervals_are_said_in_one_way() {
        let clock = Clock {
            hour: 1,
            minute: 2,
            second: 3,
            micros: 40_000,
        };
        assert_eq!(
            say(Form::Timestamp, Wire::Day(2024, 1, 2, Some(clock))),
            "2024-01-02 01:02:03.04"
        );
        assert_eq!(
            say(Form::Timestamp, Wire::Day(2024, 1, 2, None)),
            "2024-01-02 00:00:00"
        );
        assert_eq!(say(Form::Date, Wire::Day(0, 0, 0, None)), "0000-00-00");
        assert_eq!(
            say(Form::Time, Wire::Span(true, 838, clock)),
            "-838:02:03.04"
        );
        assert_eq!(
            say(Form::Interval, Wire::Bytes(b"P1Y2M-3DT-0.5S")),
            "14 -3 -500000"
        );
        assert_eq!(
            say(Form::TimeTz, Wire::Bytes(b"01:02:03.500+02:30")),
            "01:02:03.5 9000"
        );
        assert_eq!(
            say(Form::TimestampTz, Wire::Bytes(b"2024-01-02 03:04:05+00:00")),
            "2024-01-02 03:04:05"
        );
        assert_eq!(
            say(Form::Uuid, Wire::Bytes(&[0xab; 16])),
            "abababab-abab-abab-abab-abababababab"
        );
    }

    #[test]
    fn a_cut_binary_row_is_none() {
        let columns = [
            ResultColumn {
                kind: 8,
                unsigned: false,
            },
            ResultColumn {
                kind: 253,
                unsigned: false,
            },
        ];
        let s = Say {
            form: Form::Text,
            bits: 0,
            geometry: false,
        };
        let packet = [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, b'a', b'b'];
        let mut rows = CanonicalRows::default();
        assert!(row(&packet, &[s, s], &columns, 1, &mut rows).is_some());
        for n in 0..packet.len() {
            let mut rows = CanonicalRows::default();
            assert!(
                row(&packet[..n], &[s, s], &columns, 1, &mut rows).is_none(),
                "{n}"
            );
        }
    }
}
