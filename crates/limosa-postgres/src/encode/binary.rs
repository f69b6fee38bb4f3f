//! The binary format of COPY: a field is its length and its bytes in network order.

use super::sink::Sink;
use crate::value::EPOCH_DAYS;

pub(super) struct Binary<'a> {
    pub(super) out: &'a mut Vec<u8>,
}

impl Binary<'_> {
    #[inline]
    fn fixed<const N: usize>(&mut self, v: [u8; N]) {
        self.out.reserve(4 + N);
        self.out.extend_from_slice(&(N as u32).to_be_bytes());
        self.out.extend_from_slice(&v);
    }
}

impl Sink for Binary<'_> {
    #[inline]
    fn begin_row(&mut self, columns: usize) {
        // A table has at most 1600 columns.
        self.out.extend_from_slice(&(columns as u16).to_be_bytes());
    }
    #[inline]
    fn begin_cell(&mut self, _: usize) {}
    #[inline]
    fn end_row(&mut self) {}
    #[inline]
    fn null(&mut self) {
        self.out.extend_from_slice(&[0xFF; 4]);
    }
    #[inline]
    fn bool(&mut self, v: bool) {
        self.fixed([u8::from(v)]);
    }
    #[inline]
    fn int2(&mut self, v: i16) {
        self.fixed(v.to_be_bytes());
    }
    #[inline]
    fn int4(&mut self, v: i32) {
        self.fixed(v.to_be_bytes());
    }
    #[inline]
    fn int8(&mut self, v: i64) {
        self.fixed(v.to_be_bytes());
    }
    fn oid(&mut self, v: u32) {
        self.fixed(v.to_be_bytes());
    }
    #[inline]
    fn f32(&mut self, v: f32) {
        self.fixed(v.to_be_bytes());
    }
    #[inline]
    fn f64(&mut self, v: f64) {
        self.fixed(v.to_be_bytes());
    }
    #[inline]
    fn numeric(&mut self, v: &str) -> bool {
        let at = self.out.len();
        self.out.extend_from_slice(&[0; 4]);
        if !numeric(v.as_bytes(), self.out) {
            return false;
        }
        let length = (self.out.len() - at - 4) as u32;
        self.out[at..at + 4].copy_from_slice(&length.to_be_bytes());
        true
    }
    fn money(&mut self, units: i64, _: u8) {
        self.int8(units);
    }
    #[inline]
    fn text(&mut self, v: &str) {
        self.bytes(v.as_bytes());
    }
    #[inline]
    fn bytes(&mut self, v: &[u8]) {
        self.out.reserve(4 + v.len());
        self.out.extend_from_slice(&(v.len() as u32).to_be_bytes());
        self.out.extend_from_slice(v);
    }
    #[inline]
    fn date(&mut self, days: i32) {
        self.int4(match days {
            i32::MAX | i32::MIN => days,
            d => d.wrapping_sub(EPOCH_DAYS),
        });
    }
    fn time(&mut self, micros: i64) {
        self.int8(micros);
    }
    fn time_tz(&mut self, micros: i64, east: i32) {
        self.out.extend_from_slice(&12u32.to_be_bytes());
        self.out.extend_from_slice(&micros.to_be_bytes());
        self.out
            .extend_from_slice(&east.wrapping_neg().to_be_bytes());
    }
    #[inline]
    fn timestamp(&mut self, micros: i64) {
        self.int8(micros);
    }
    #[inline]
    fn timestamp_tz(&mut self, micros: i64) {
        self.timestamp(micros);
    }
    fn interval(&mut self, months: i32, days: i32, micros: i64) {
        self.out.extend_from_slice(&16u32.to_be_bytes());
        self.out.extend_from_slice(&micros.to_be_bytes());
        self.out.extend_from_slice(&days.to_be_bytes());
        self.out.extend_from_slice(&months.to_be_bytes());
    }
    #[inline]
    fn uuid(&mut self, v: &[u8; 16]) {
        self.fixed(*v);
    }
    fn jsonb(&mut self, v: &str) {
        self.out
            .extend_from_slice(&(v.len() as u32 + 1).to_be_bytes());
        self.out.push(1);
        self.out.extend_from_slice(v.as_bytes());
    }
    fn bits(&mut self, bits: u32, v: &[u8]) {
        self.out
            .extend_from_slice(&(v.len() as u32 + 4).to_be_bytes());
        self.out.extend_from_slice(&bits.to_be_bytes());
        self.out.extend_from_slice(v);
    }
    fn words(&mut self, words: &[Option<&str>]) {
        /// The oid of `text`, the same in every database.
        const TEXT: u32 = 25;
        let at = self.out.len();
        self.out.extend_from_slice(&[0; 4]);
        let nulls = words.iter().any(Option::is_none);
        self.out
            .extend_from_slice(&u32::from(!words.is_empty()).to_be_bytes());
        self.out.extend_from_slice(&u32::from(nulls).to_be_bytes());
        self.out.extend_from_slice(&TEXT.to_be_bytes());
        if !words.is_empty() {
            self.out
                .extend_from_slice(&(words.len() as u32).to_be_bytes());
            self.out.extend_from_slice(&1u32.to_be_bytes());
            for word in words {
                match word {
                    Some(word) => self.bytes(word.as_bytes()),
                    None => self.null(),
                }
            }
        }
        let length = (self.out.len() - at - 4) as u32;
        self.out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }
}

/// Appends numeric's binary form: groups of four decimal digits around the point, without zero groups
/// at either end, and the scale as written.
fn numeric(text: &[u8], out: &mut Vec<u8>) -> bool {
    let special = |out: &mut Vec<u8>, sign: u16| {
        out.extend_from_slice(&[0, 0, 0, 0]);
        out.extend_from_slice(&sign.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        true
    };
    let (sign, digits) = match text {
        b"NaN" => return special(out, 0xC000),
        b"Infinity" => return special(out, 0xD000),
        b"-Infinity" => return special(out, 0xF000),
        [b'-', rest @ ..] => (0x4000u16, rest),
        rest => (0, rest),
    };
    let point = memchr::memchr(b'.', digits).unwrap_or(digits.len());
    let whole = &digits[..point];
    let fraction = digits.get(point + 1..).unwrap_or_default();
    // PostgreSQL's own limits: 131072 digits before the point, 16383 after.
    if whole.len() > 131_072 || fraction.len() > 16_383 {
        return false;
    }
    let at = out.len();
    out.extend_from_slice(&[0; 8]);
    let value = |part: &[u8]| part.iter().fold(0u16, |n, b| n * 10 + u16::from(b & 15));
    let mut weight = whole.len().div_ceil(4) as i32 - 1;
    let mut count = 0u16;
    // Zero groups before the first digit are not written, those after it only if another follows.
    let mut zeros = 0u16;
    let mut group = |n: u16, out: &mut Vec<u8>| {
        if n == 0 {
            if count == 0 {
                weight -= 1;
            } else {
                zeros += 1;
            }
            return;
        }
        for _ in 0..zeros {
            out.extend_from_slice(&[0, 0]);
        }
        count += zeros + 1;
        zeros = 0;
        out.extend_from_slice(&n.to_be_bytes());
    };
    let first = whole.len() % 4;
    if first > 0 {
        group(value(&whole[..first]), out);
    }
    for part in whole[first..].chunks_exact(4) {
        group(value(part), out);
    }
    for part in fraction.chunks(4) {
        let n = value(part) * 10u16.pow(4 - part.len() as u32);
        group(n, out);
    }
    if count == 0 {
        weight = 0;
    }
    // Zero has no sign in PostgreSQL.
    let sign = if count == 0 { 0 } else { sign };
    out[at..at + 2].copy_from_slice(&count.to_be_bytes());
    out[at + 2..at + 4].copy_from_slice(&(weight as i16).to_be_bytes());
    out[at + 4..at + 6].copy_from_slice(&sign.to_be_bytes());
    out[at + 6..at + 8].copy_from_slice(&(fraction.len() as u16).to_be_bytes());
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decimals_come_back_from_their_binary_form(text in "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,30})?") {
            let mut out = Vec::new();
            prop_assert!(numeric(text.as_bytes(), &mut out));
            let mut back = Vec::new();
            prop_assert_eq!(crate::value::numeric(&out, &mut back), Some(()));
            let zero = text.bytes().all(|b| !b.is_ascii_digit() || b == b'0');
            let want = if zero { text.trim_start_matches('-') } else { &text };
            prop_assert_eq!(String::from_utf8(back).expect("ascii"), want);
        }
    }
}
