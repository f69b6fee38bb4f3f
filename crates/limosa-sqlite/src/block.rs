//! Rows as storage values, on their way from an encoder to a loader: for each cell a tag and its bytes.
//!
//! This is also the wire format between two SQLite files ([`WIRE`]): storage classes pass as they are, so
//! loosely typed values and text that is not UTF-8 arrive unchanged.

use rusqlite::types::ValueRef;

/// The name of the format.
pub(crate) const WIRE: &str = "sqlite-storage-1";

const NULL: u8 = 0;
const INTEGER: u8 = 1;
const REAL: u8 = 2;
const TEXT: u8 = 3;
const BLOB: u8 = 4;

#[inline]
pub(crate) fn null(out: &mut Vec<u8>) {
    out.push(NULL);
}

#[inline]
pub(crate) fn integer(out: &mut Vec<u8>, i: i64) {
    let [a, b, c, d, e, f, g, h] = i.to_le_bytes();
    out.extend_from_slice(&[INTEGER, a, b, c, d, e, f, g, h]);
}

#[inline]
pub(crate) fn real(out: &mut Vec<u8>, r: f64) {
    out.push(REAL);
    out.extend_from_slice(&r.to_le_bytes());
}

#[inline]
fn slice(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    // SQLite's own limit is 2^31 - 1.
    let length = u32::try_from(bytes.len()).expect("a cell is below 4 GiB in every engine");
    out.reserve(5 + bytes.len());
    out.push(tag);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes);
}

#[inline]
pub(crate) fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    slice(out, TEXT, bytes);
}

#[inline]
pub(crate) fn blob(out: &mut Vec<u8>, bytes: &[u8]) {
    slice(out, BLOB, bytes);
}

/// Puts a text that `write` appends.
#[inline]
pub(crate) fn text_with(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(&[TEXT, 0, 0, 0, 0]);
    let from = out.len();
    write(out);
    let length = u32::try_from(out.len() - from).expect("a cell is below 4 GiB in every engine");
    out[from - 4..from].copy_from_slice(&length.to_le_bytes());
}

/// Puts a value as it is stored.
#[inline]
pub(crate) fn value(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => null(out),
        ValueRef::Integer(i) => integer(out, i),
        ValueRef::Real(r) => real(out, r),
        ValueRef::Text(t) => text(out, t),
        ValueRef::Blob(b) => blob(out, b),
    }
}

/// Takes the next value off the front; `None` if the bytes are no block.
#[inline]
pub(crate) fn take<'a>(bytes: &mut &'a [u8]) -> Option<ValueRef<'a>> {
    let (&tag, rest) = bytes.split_first()?;
    match tag {
        NULL => {
            *bytes = rest;
            Some(ValueRef::Null)
        }
        INTEGER | REAL => {
            let (head, rest) = rest.split_first_chunk::<8>()?;
            *bytes = rest;
            Some(if tag == INTEGER {
                ValueRef::Integer(i64::from_le_bytes(*head))
            } else {
                ValueRef::Real(f64::from_le_bytes(*head))
            })
        }
        TEXT | BLOB => {
            let (head, rest) = rest.split_first_chunk::<4>()?;
            let (body, rest) = rest.split_at_checked(u32::from_le_bytes(*head) as usize)?;
            *bytes = rest;
            Some(if tag == TEXT {
                ValueRef::Text(body)
            } else {
                ValueRef::Blob(body)
            })
        }
        _ => None,
    }
}
