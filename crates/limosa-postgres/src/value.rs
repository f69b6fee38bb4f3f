//! PostgreSQL's binary forms of values, read into cells: lengths are checked, never trusted.
//!
//! Source: `src/backend/utils/adt/*_send` functions; numeric's form from `numeric.c`.

use limosa_core::batch::Batch;
use limosa_core::engine::ColumnRead;
use limosa_core::notation;
use limosa_core::schema::Type;

use crate::names::ident;
use crate::select;

/// Days from 1970-01-01 to 2000-01-01, PostgreSQL's epoch.
pub(crate) const EPOCH_DAYS: i32 = 10_957;
/// The same in microseconds.
pub(crate) const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// How one column's bytes become a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decode {
    Bool,
    Int,
    Float,
    Numeric,
    Text,
    PaddedText,
    Bytes,
    Date,
    Time,
    TimeTz,
    Timestamp,
    TimestampTz,
    Interval,
    Uuid,
    Json,
    Jsonb,
    Bits,
}

/// What to select for a column, and how to decode it.
pub(crate) fn plan(column: &ColumnRead) -> (String, Decode) {
    let name = ident(&column.name);
    if column.as_text {
        return (format!("{name}::text"), Decode::Text);
    }
    let decode = match column.ty.base() {
        Type::Boolean => Decode::Bool,
        // oid comes unsigned; int8 has room for it.
        Type::Integer { unsigned: true, .. } => return (format!("{name}::int8"), Decode::Int),
        Type::Integer { .. } | Type::Year => Decode::Int,
        Type::Decimal { .. } => Decode::Numeric,
        Type::Money { .. } => return (format!("{name}::numeric"), Decode::Numeric),
        Type::Float { .. } => Decode::Float,
        Type::Char { .. } => Decode::PaddedText,
        Type::Varchar { .. } | Type::Text { .. } | Type::Enum { .. } => Decode::Text,
        Type::Binary { .. } | Type::Varbinary { .. } | Type::Blob { .. } => Decode::Bytes,
        Type::Bit { .. } => Decode::Bits,
        Type::Date => Decode::Date,
        Type::Time { zoned: true, .. } => Decode::TimeTz,
        Type::Time { .. } => Decode::Time,
        Type::Timestamp { zoned: true, .. } => Decode::TimestampTz,
        Type::Timestamp { .. } => Decode::Timestamp,
        Type::Interval => Decode::Interval,
        Type::Json { normalised: false } => Decode::Json,
        Type::Json { normalised: true } => Decode::Jsonb,
        Type::Uuid => Decode::Uuid,
        // A cast to text would add the length of a host address; the output function does not.
        Type::Inet => return (format!("textin(inet_out({name}))"), Decode::Text),
        Type::Cidr => return (format!("textin(cidr_out({name}))"), Decode::Text),
        Type::Array { element } => return (select::array(&name, element), Decode::Json),
        Type::Geometry { .. } => return (format!("{name}::bytea"), Decode::Bytes),
        Type::Native { json: true, .. } => return (format!("to_json({name})"), Decode::Json),
        Type::MacAddress { .. } | Type::Set { .. } | Type::Native { .. } | Type::Dynamic => {
            return (format!("{name}::text"), Decode::Text);
        }
        Type::Domain { .. } => unreachable!("base() looks through domains"),
    };
    (name, decode)
}

/// Puts the cell that `bytes` mean; `None` if they mean nothing.
#[inline]
pub(crate) fn put(
    decode: Decode,
    bytes: &[u8],
    batch: &mut Batch,
    scratch: &mut Vec<u8>,
) -> Option<()> {
    match decode {
        Decode::Text => text(bytes, batch),
        Decode::Int => batch.put_int(match bytes.len() {
            4 => i64::from(i32::from_be_bytes(bytes.try_into().ok()?)),
            8 => i64::from_be_bytes(bytes.try_into().ok()?),
            2 => i64::from(i16::from_be_bytes(bytes.try_into().ok()?)),
            _ => return None,
        }),
        Decode::Numeric => {
            scratch.clear();
            numeric(bytes, scratch)?;
            batch.put_decimal(std::str::from_utf8(scratch).ok()?);
        }
        Decode::Bool => batch.put_bool(match bytes {
            [0] => false,
            [1] => true,
            _ => return None,
        }),
        Decode::Float => match bytes.len() {
            4 => batch.put_f32(f32::from_be_bytes(bytes.try_into().ok()?)),
            8 => batch.put_f64(f64::from_be_bytes(bytes.try_into().ok()?)),
            _ => return None,
        },
        Decode::PaddedText => {
            let blanks = bytes.iter().rev().take_while(|b| **b == b' ').count();
            text(&bytes[..bytes.len() - blanks], batch);
        }
        Decode::Bytes => batch.put_bytes(bytes),
        Decode::Date => {
            let days = i32::from_be_bytes(bytes.try_into().ok()?);
            batch.put_date(match days {
                i32::MAX | i32::MIN => days,
                d => d.checked_add(EPOCH_DAYS)?,
            });
        }
        Decode::Time => batch.put_time(i64::from_be_bytes(bytes.try_into().ok()?)),
        Decode::TimeTz => {
            let (micros, west) = bytes.split_first_chunk::<8>()?;
            let west = i32::from_be_bytes(west.try_into().ok()?);
            batch.put_time_tz(i64::from_be_bytes(*micros), west.checked_neg()?);
        }
        Decode::Timestamp => match micros(bytes)? {
            Ok(m) => batch.put_timestamp(m),
            Err(far) => far_moment(far, "", batch)?,
        },
        Decode::TimestampTz => match micros(bytes)? {
            Ok(m) => batch.put_timestamp_tz(m),
            Err(far) => far_moment(far, "+00", batch)?,
        },
        Decode::Interval => {
            let (micros, rest) = bytes.split_first_chunk::<8>()?;
            let (days, months) = rest.split_first_chunk::<4>()?;
            batch.put_interval(
                i32::from_be_bytes(months.try_into().ok()?),
                i32::from_be_bytes(*days),
                i64::from_be_bytes(*micros),
            );
        }
        Decode::Uuid => batch.put_uuid(bytes.try_into().ok()?),
        Decode::Json => match std::str::from_utf8(bytes) {
            Ok(text) => batch.put_json(text),
            Err(_) => batch.put_bytes(bytes),
        },
        Decode::Jsonb => {
            let (&version, rest) = bytes.split_first()?;
            if version != 1 {
                return None;
            }
            batch.put_json(std::str::from_utf8(rest).ok()?);
        }
        Decode::Bits => {
            let (bits, rest) = bytes.split_first_chunk::<4>()?;
            let bits = u32::try_from(i32::from_be_bytes(*bits)).ok()?;
            if rest.len() != bits.div_ceil(8) as usize {
                return None;
            }
            batch.put_bits(bits, rest);
        }
    }
    Some(())
}

#[inline]
fn text(bytes: &[u8], batch: &mut Batch) {
    match std::str::from_utf8(bytes) {
        Ok(text) => batch.put_text(text),
        // Only a database of encoding SQL_ASCII gives such.
        Err(_) => batch.put_bytes(bytes),
    }
}

#[inline]
fn micros(bytes: &[u8]) -> Option<Result<i64, i64>> {
    Some(match i64::from_be_bytes(bytes.try_into().ok()?) {
        end @ (i64::MAX | i64::MIN) => Ok(end),
        micros => micros.checked_add(EPOCH_MICROS).ok_or(micros),
    })
}

/// Puts a moment of the last thirty years of PostgreSQL's calendar, which a cell can not count from
/// 1970, as text.
fn far_moment(micros: i64, zone: &str, batch: &mut Batch) -> Option<()> {
    const DAY: i64 = 86_400_000_000;
    let mut out = Vec::new();
    let days = i32::try_from(micros.div_euclid(DAY)).ok()?;
    notation::write_date(&mut out, days.checked_add(EPOCH_DAYS)?);
    out.push(b' ');
    notation::write_time(&mut out, micros.rem_euclid(DAY), 6);
    out.extend_from_slice(zone.as_bytes());
    batch.put_text(std::str::from_utf8(&out).ok()?);
    Some(())
}

/// Writes a binary numeric as decimal text.
pub(crate) fn numeric(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (head, digits) = bytes.split_first_chunk::<8>()?;
    let short = |i: usize| i16::from_be_bytes([head[i], head[i + 1]]);
    let (count, weight, sign, scale) = (short(0), short(2), short(4) as u16, short(6));
    match sign {
        0x0000 => {}
        0x4000 => out.push(b'-'),
        0xC000 => {
            out.extend_from_slice(b"NaN");
            return Some(());
        }
        0xD000 => {
            out.extend_from_slice(b"Infinity");
            return Some(());
        }
        0xF000 => {
            out.extend_from_slice(b"-Infinity");
            return Some(());
        }
        _ => return None,
    }
    let count = usize::try_from(count).ok()?;
    let scale = usize::try_from(scale).ok()?;
    if digits.len() != count * 2 {
        return None;
    }
    let digit = |i: i32| -> Option<u16> {
        let Ok(i) = usize::try_from(i) else {
            return Some(0);
        };
        if i >= count {
            return Some(0);
        }
        let d = u16::from_be_bytes([digits[2 * i], digits[2 * i + 1]]);
        (d < 10_000).then_some(d)
    };
    let four = |d: u16| {
        [
            b'0' + (d / 1000) as u8,
            b'0' + (d / 100 % 10) as u8,
            b'0' + (d / 10 % 10) as u8,
            b'0' + (d % 10) as u8,
        ]
    };
    let weight = i32::from(weight);
    if weight < 0 {
        out.push(b'0');
    } else {
        for i in 0..=weight {
            let text = four(digit(i)?);
            if i == 0 {
                let zeros = text.iter().take_while(|b| **b == b'0').count().min(3);
                out.extend_from_slice(&text[zeros..]);
            } else {
                out.extend_from_slice(&text);
            }
        }
    }
    if scale > 0 {
        out.push(b'.');
        let mut left = scale;
        let mut i = weight + 1;
        while left > 0 {
            let text = four(digit(i)?);
            let n = left.min(4);
            out.extend_from_slice(&text[..n]);
            left -= n;
            i += 1;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(bytes: &[u8]) -> Option<String> {
        let mut out = Vec::new();
        numeric(bytes, &mut out)?;
        String::from_utf8(out).ok()
    }

    #[test]
    fn numerics_are_read_as_postgres_writes_them() {
        // 12345.678 = digits 1, 2345, 6780; weight 1; scale 3.
        assert_eq!(
            said(&[0, 3, 0, 1, 0, 0, 0, 3, 0, 1, 9, 41, 26, 124]),
            Some("12345.678".into())
        );
        assert_eq!(said(&[0, 0, 0, 0, 0, 0, 0, 2]), Some("0.00".into()));
        // 0.00000001: weight -2, digit 1.
        assert_eq!(
            said(&[0, 1, 255, 254, 64, 0, 0, 8, 0, 1]),
            Some("-0.00000001".into())
        );
        assert_eq!(said(&[0, 0, 0, 0, 192, 0, 0, 0]), Some("NaN".into()));
    }

    #[test]
    fn broken_values_are_refused() {
        let all = [
            Decode::Bool,
            Decode::Int,
            Decode::Float,
            Decode::Numeric,
            Decode::Date,
            Decode::Time,
            Decode::TimeTz,
            Decode::Timestamp,
            Decode::Interval,
            Decode::Uuid,
            Decode::Jsonb,
            Decode::Bits,
        ];
        for decode in all {
            for bytes in [
                &b""[..],
                b"\xff\xff\xff",
                b"\xff\xff\xff\xff\x01",
                &[255; 13],
            ] {
                let (mut batch, mut scratch) = (Batch::default(), Vec::new());
                assert_eq!(
                    put(decode, bytes, &mut batch, &mut scratch),
                    None,
                    "{decode:?} {bytes:?}"
                );
            }
        }
        // A weight that asks for far more digits than are there is bounded by 16 bits.
        assert!(said(&[0, 0, 127, 255, 0, 0, 0, 0]).is_some());
        assert_eq!(said(&[0, 1, 0, 0, 0, 0, 0, 0, 255, 255]), None);
    }
}
