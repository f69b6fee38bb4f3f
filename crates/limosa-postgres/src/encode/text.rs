//! The text format of COPY: fields between tabs, `\N` for NULL, backslash escapes.

use super::sink::Sink;
use crate::value::EPOCH_DAYS;
use limosa_core::notation;

pub(super) struct Text<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) scratch: &'a mut Vec<u8>,
}

impl Text<'_> {
    fn plain(&mut self, v: impl std::fmt::Display) {
        use std::io::Write;
        // Writing to a vector can not fail.
        let _ = write!(self.out, "{v}");
    }
}

/// Appends a field with its escapes.
fn escaped(out: &mut Vec<u8>, text: &[u8]) {
    for b in text {
        match b {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b => out.push(*b),
        }
    }
}

/// Years are written as PostgreSQL reads them: year 0 and before as BC.
fn with_era(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    write(out);
    let text = out[at..].to_vec();
    let (negative, rest) = match text.split_first() {
        Some((b'-', rest)) if rest != b"infinity" => (true, rest),
        _ => (false, text.as_slice()),
    };
    let Some(dash) = rest.iter().position(|b| *b == b'-') else {
        return;
    };
    let year: i64 = std::str::from_utf8(&rest[..dash])
        .ok()
        .and_then(|y| y.parse().ok())
        .unwrap_or(1);
    let year = if negative { -year } else { year };
    if year > 0 {
        return;
    }
    out.truncate(at);
    out.extend_from_slice(format!("{:04}", 1 - year).as_bytes());
    out.extend_from_slice(&rest[dash..]);
    out.extend_from_slice(b" BC");
}

/// Writes a moment counted from 2000.
fn moment(out: &mut Vec<u8>, micros: i64, zone: &[u8]) {
    const DAY: i64 = 86_400_000_000;
    match micros {
        i64::MAX => out.extend_from_slice(b"infinity"),
        i64::MIN => out.extend_from_slice(b"-infinity"),
        _ => with_era(out, |o| {
            // Within PostgreSQL's range, days have 32 bits.
            let days = (micros.div_euclid(DAY) as i32).saturating_add(EPOCH_DAYS);
            notation::write_date(o, days);
            o.push(b' ');
            notation::write_time(o, micros.rem_euclid(DAY), 6);
            o.extend_from_slice(zone);
        }),
    }
}

impl Sink for Text<'_> {
    fn begin_row(&mut self, _: usize) {}
    fn begin_cell(&mut self, index: usize) {
        if index > 0 {
            self.out.push(b'\t');
        }
    }
    fn end_row(&mut self) {
        self.out.push(b'\n');
    }
    fn null(&mut self) {
        self.out.extend_from_slice(b"\\N");
    }
    fn bool(&mut self, v: bool) {
        self.out.push(if v { b't' } else { b'f' });
    }
    fn int2(&mut self, v: i16) {
        self.plain(v);
    }
    fn int4(&mut self, v: i32) {
        self.plain(v);
    }
    fn int8(&mut self, v: i64) {
        self.plain(v);
    }
    fn oid(&mut self, v: u32) {
        self.plain(v);
    }
    fn f32(&mut self, v: f32) {
        match v {
            v if v.is_nan() => self.out.extend_from_slice(b"NaN"),
            v if v.is_infinite() => self.plain(if v > 0.0 { "Infinity" } else { "-Infinity" }),
            v => self
                .out
                .extend_from_slice(ryu::Buffer::new().format_finite(v).as_bytes()),
        }
    }
    fn f64(&mut self, v: f64) {
        match v {
            v if v.is_nan() => self.out.extend_from_slice(b"NaN"),
            v if v.is_infinite() => self.plain(if v > 0.0 { "Infinity" } else { "-Infinity" }),
            v => self
                .out
                .extend_from_slice(ryu::Buffer::new().format_finite(v).as_bytes()),
        }
    }
    fn numeric(&mut self, v: &str) -> bool {
        self.out.extend_from_slice(v.as_bytes());
        true
    }
    fn money(&mut self, units: i64, digits: u8) {
        let scale = 10i128.pow(u32::from(digits));
        let n = i128::from(units);
        let sign = if n < 0 { "-" } else { "" };
        let (whole, fraction) = (n.abs() / scale, n.abs() % scale);
        if digits == 0 {
            self.plain(format_args!("{sign}{whole}"));
        } else {
            self.plain(format_args!(
                "{sign}{whole}.{fraction:0w$}",
                w = usize::from(digits)
            ));
        }
    }
    fn text(&mut self, v: &str) {
        escaped(self.out, v.as_bytes());
    }
    fn bytes(&mut self, v: &[u8]) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        self.out.extend_from_slice(b"\\\\x");
        for b in v {
            self.out
                .extend_from_slice(&[HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]);
        }
    }
    fn date(&mut self, days: i32) {
        with_era(self.out, |o| notation::write_date(o, days));
    }
    fn time(&mut self, micros: i64) {
        notation::write_time(self.out, micros, 6);
    }
    fn time_tz(&mut self, micros: i64, east: i32) {
        notation::write_time(self.out, micros, 6);
        notation::write_offset(self.out, east);
    }
    fn timestamp(&mut self, micros: i64) {
        moment(self.out, micros, b"");
    }
    fn timestamp_tz(&mut self, micros: i64) {
        moment(self.out, micros, b"+00");
    }
    fn interval(&mut self, months: i32, days: i32, micros: i64) {
        match (months, days, micros) {
            (i32::MAX, i32::MAX, i64::MAX) => self.out.extend_from_slice(b"infinity"),
            (i32::MIN, i32::MIN, i64::MIN) => self.out.extend_from_slice(b"-infinity"),
            _ => notation::write_interval(self.out, months, days, micros),
        }
    }
    fn uuid(&mut self, v: &[u8; 16]) {
        notation::write_uuid(self.out, v);
    }
    fn jsonb(&mut self, v: &str) {
        self.text(v);
    }
    fn bits(&mut self, bits: u32, v: &[u8]) {
        notation::write_bits(self.out, bits, v);
    }
    fn words(&mut self, words: &[Option<&str>]) {
        self.scratch.clear();
        super::array::words(words, self.scratch);
        escaped(self.out, self.scratch);
    }
}
