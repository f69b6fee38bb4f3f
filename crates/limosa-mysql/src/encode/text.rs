//! Texts, geometries, and any cell as text.

use super::{Column, Put};
use limosa_core::batch::Cell;
use limosa_core::notation;
use limosa_core::policy::{InvalidTextPolicy, NulPolicy};

/// Appends text or bytes with the escapes of `LOAD DATA`.
#[inline]
pub(crate) fn escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut rest = bytes;
    while let Some(at) = memchr::memchr3(b'\t', b'\n', b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        out.push(b'\\');
        out.push(match rest[at] {
            b'\t' => b't',
            b'\n' => b'n',
            b => b,
        });
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// EWKB as the server's own form: SRID in four bytes, then WKB.
pub(super) fn geometry(bytes: &[u8], out: &mut Vec<u8>) -> Put {
    if bytes.len() < 5 || bytes[0] != 1 {
        return Err("a geometry that is not little-endian EWKB".into());
    }
    if bytes[4] & 0xc0 != 0 {
        return Err("a geometry with heights or measures".into());
    }
    if bytes[4] & 0x20 == 0 {
        escaped(out, &[0; 4]);
        escaped(out, bytes);
        return Ok(());
    }
    let Some((srid, rest)) = bytes[5..].split_at_checked(4) else {
        return Err("a geometry that ends too early".into());
    };
    escaped(out, srid);
    escaped(out, &bytes[..4]);
    escaped(out, &[bytes[4] & !0x20]);
    escaped(out, rest);
    Ok(())
}

pub(super) fn text(
    column: &Column,
    cell: Cell<'_>,
    chars: u64,
    bytes: u64,
    out: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
) -> Put {
    let owned;
    let said = match cell {
        Cell::Text(t) | Cell::Json(t) => t,
        Cell::Bytes(b) => match column.policies.invalid_text {
            InvalidTextPolicy::Replace => {
                owned = String::from_utf8_lossy(b).into_owned();
                &owned
            }
            _ => match std::str::from_utf8(b) {
                Ok(t) => t,
                Err(_) => return Err("bytes that are not UTF-8 in a text column".into()),
            },
        },
        other => {
            scratch.clear();
            plain(other, scratch);
            std::str::from_utf8(scratch).unwrap_or_default()
        }
    };
    if said.len() as u64 > bytes || said.len() as u64 > chars && said.chars().count() as u64 > chars
    {
        return Err("text that is longer than the column".into());
    }
    match column.policies.nul {
        NulPolicy::Stop | NulPolicy::Reject => escaped(out, said.as_bytes()),
        _ if !said.contains('\0') => escaped(out, said.as_bytes()),
        // This engine holds U+0000: the policy is for targets that do not.
        _ => escaped(out, said.as_bytes()),
    }
    Ok(())
}

/// Any cell as text, for columns that keep as text what has no type here.
pub(super) fn plain(cell: Cell<'_>, out: &mut Vec<u8>) {
    match cell {
        Cell::Null => {}
        Cell::Bool(b) => out.extend_from_slice(if b { b"true" } else { b"false" }),
        Cell::Int(i) => out.extend_from_slice(itoa::Buffer::new().format(i).as_bytes()),
        Cell::UInt(u) => out.extend_from_slice(itoa::Buffer::new().format(u).as_bytes()),
        Cell::F32(f) => real(out, f64::from(f), ryu::Buffer::new().format(f)),
        Cell::F64(f) => real(out, f, ryu::Buffer::new().format(f)),
        Cell::Decimal(t) | Cell::Text(t) | Cell::Json(t) => out.extend_from_slice(t.as_bytes()),
        Cell::Bytes(b) => out.extend_from_slice(b),
        Cell::Date(d) => notation::write_date(out, d),
        Cell::Time(t) => notation::write_time(out, t, digits_of(t)),
        Cell::TimeTz(t, offset) => {
            notation::write_time(out, t, digits_of(t));
            notation::write_offset(out, offset);
        }
        Cell::Timestamp(t) => notation::write_timestamp(out, t, digits_of(t)),
        Cell::TimestampTz(t) => {
            notation::write_timestamp(out, t, digits_of(t));
            if !matches!(t, i64::MAX | i64::MIN) {
                out.extend_from_slice(b"+00:00");
            }
        }
        Cell::Interval(m, d, u) => notation::write_interval(out, m, d, u),
        Cell::Uuid(u) => notation::write_uuid(out, u),
        Cell::Bits(n, b) => notation::write_bits(out, n, b),
    }
}

pub(super) fn real(out: &mut Vec<u8>, f: f64, finite: &str) {
    out.extend_from_slice(match f {
        f if f.is_nan() => b"NaN",
        f if f == f64::INFINITY => b"Infinity",
        f if f == f64::NEG_INFINITY => b"-Infinity",
        _ => finite.as_bytes(),
    });
}

/// No fraction if there is none, else all six digits.
pub(super) fn digits_of(micros: i64) -> u8 {
    if micros % 1_000_000 == 0 { 0 } else { 6 }
}
