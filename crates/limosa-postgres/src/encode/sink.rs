//! Where accepted values go: one method per form, so that acceptance is written once for the binary
//! and the text format.

/// Writes values of PostgreSQL's types. Days count from 1970, moments from 2000 as PostgreSQL's do: its
/// last thirty years can not be counted from 1970 in 64 bits.
pub(super) trait Sink {
    fn begin_row(&mut self, columns: usize);
    fn begin_cell(&mut self, index: usize);
    fn end_row(&mut self);
    fn null(&mut self);
    fn bool(&mut self, v: bool);
    fn int2(&mut self, v: i16);
    fn int4(&mut self, v: i32);
    fn int8(&mut self, v: i64);
    fn oid(&mut self, v: u32);
    fn f32(&mut self, v: f32);
    fn f64(&mut self, v: f64);
    /// A plain decimal, or `NaN`, `Infinity`, `-Infinity`. Returns false if it has too many digits.
    fn numeric(&mut self, v: &str) -> bool;
    /// The amount in its smallest unit.
    fn money(&mut self, units: i64, digits: u8);
    fn text(&mut self, v: &str);
    fn bytes(&mut self, v: &[u8]);
    fn date(&mut self, days: i32);
    fn time(&mut self, micros: i64);
    fn time_tz(&mut self, micros: i64, east: i32);
    fn timestamp(&mut self, micros: i64);
    fn timestamp_tz(&mut self, micros: i64);
    fn interval(&mut self, months: i32, days: i32, micros: i64);
    fn uuid(&mut self, v: &[u8; 16]);
    fn jsonb(&mut self, v: &str);
    fn bits(&mut self, bits: u32, v: &[u8]);
    fn words(&mut self, words: &[Option<&str>]);
}
