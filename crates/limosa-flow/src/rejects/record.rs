//! One rejected row, and how its values are written down.

use super::KEPT_BYTES;
use crate::plan::TablePlan;
use limosa_core::Error;
use limosa_core::batch::{Cause, Row};
use limosa_core::engine::TableRead;
use limosa_core::value::Value;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

/// Where a row failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// In a transform of the table.
    Transform,
    /// When it was put into the target's form: a value that the column can not hold.
    Encode,
    /// In the target, which refused it.
    Load,
}

impl Step {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Step::Transform => "transform",
            Step::Encode => "encode",
            Step::Load => "load",
        }
    }

    pub(super) fn of(word: &str) -> Step {
        match word {
            "transform" => Step::Transform,
            "encode" => Step::Encode,
            _ => Step::Load,
        }
    }
}

/// A row that is left out of its chunk, on its way to the store.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Which row of the rows that were given together, from 0.
    pub row: usize,
    /// Where it failed.
    pub step: Step,
    /// The sort of trouble.
    pub cause: Cause,
    /// Whether a policy that somebody chose says so; such a row is not counted against the threshold.
    pub chosen: bool,
    /// The column, where one is to blame.
    pub column: Option<String>,
    /// Why, without values.
    pub reason: String,
    /// The server's code.
    pub code: Option<String>,
    /// The key as [`Record::key`] has it.
    pub(super) key: String,
    /// The values as [`Record::values`] has them, unless the row is huge.
    pub(super) values: Option<String>,
    /// Bytes of the row as it was read.
    pub(super) bytes: u64,
    /// SHA-256 of the values as they would be written down.
    pub(super) hash: String,
}

impl Refused {
    /// Takes a row of the *source* (as it was read, before any transform) down. `column` is by its source name.
    pub fn new(
        plan: &TablePlan,
        row: Row<'_>,
        step: Step,
        cause: Cause,
        column: Option<&str>,
        reason: impl Into<String>,
    ) -> Self {
        let values: Vec<Value> = row.cells().map(|c| c.to_value()).collect();
        let key = key(&plan.read, &values);
        let text = write_values(&values).to_string();
        Self {
            row: 0,
            step,
            cause,
            chosen: false,
            column: column.map(Into::into),
            reason: reason.into(),
            code: None,
            key: Json::from(
                key.iter()
                    .map(|(name, value)| json!([name, write(value)]))
                    .collect::<Vec<_>>(),
            )
            .to_string(),
            bytes: row.bytes() as u64,
            hash: hex(&Sha256::digest(text.as_bytes())),
            values: (row.bytes() <= KEPT_BYTES).then_some(text),
        }
    }

    /// A row that the target refused.
    pub fn by_target(plan: &TablePlan, row: Row<'_>, error: &Error) -> Self {
        let mut refused = Self::new(plan, row, Step::Load, Cause::Constraint, None, error.why());
        if error.kind() == limosa_core::ErrorKind::Value {
            refused.cause = Cause::Other;
        }
        refused.code = error.server_code().map(Into::into);
        refused
    }
}

/// The key columns with their values; empty for a table without a key.
fn key(read: &TableRead, values: &[Value]) -> Vec<(String, Value)> {
    read.key
        .iter()
        .filter_map(|k| {
            let at = read.columns.iter().position(|c| c.name == k.name)?;
            Some((k.name.clone(), values.get(at)?.clone()))
        })
        .collect()
}

/// A rejected row as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its number in the store.
    pub id: i64,
    /// The table, by its target name.
    pub table: String,
    /// The table in the source.
    pub source: String,
    /// The chunk.
    pub chunk: u32,
    /// Where it failed.
    pub step: Step,
    /// The sort of trouble, as [`Cause::word`].
    pub cause: String,
    /// The column, where one is to blame.
    pub column: Option<String>,
    /// Why, without values.
    pub reason: String,
    /// The server's code.
    pub code: Option<String>,
    /// The key columns with their values; empty for a table without a key.
    pub key: Vec<(String, Value)>,
    /// The columns as they were read.
    pub columns: Vec<String>,
    /// Their values; `None` of a huge row.
    pub values: Option<Vec<Value>>,
    /// Bytes of the row.
    pub bytes: u64,
    /// SHA-256 of the values as they are written down.
    pub hash: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// How often it was tried.
    pub attempts: u32,
    /// How far it is.
    pub state: super::State,
}

impl Record {
    /// The key in words: `id = 7`, or the row's hash.
    pub fn key_words(&self) -> String {
        if self.key.is_empty() {
            return format!("row {}", self.hash.get(..16).unwrap_or(&self.hash));
        }
        let words: Vec<String> = self
            .key
            .iter()
            .map(|(name, value)| format!("{name} = {}", key_word(value)))
            .collect();
        words.join(", ")
    }
}

/// One key value as text, shortened.
pub(crate) fn key_word(value: &Value) -> String {
    let text = match value {
        Value::Null => "NULL".into(),
        Value::Bool(b) => b.to_string(),
        Value::Int(i) => i.to_string(),
        Value::UInt(u) => u.to_string(),
        Value::F32(f) => f.to_string(),
        Value::F64(f) => f.to_string(),
        Value::Decimal(s) => s.clone(),
        Value::Text(s) | Value::Json(s) => format!("{s:?}"),
        Value::Bytes(b) | Value::Bits(_, b) => short(b),
        Value::Uuid(u) => {
            let h = short(u);
            format!(
                "{}-{}-{}-{}-{}",
                &h[2..10],
                &h[10..14],
                &h[14..18],
                &h[18..22],
                &h[22..]
            )
        }
        Value::Date(d) => format!("day {d}"),
        Value::Time(t) => format!("{t} µs"),
        Value::TimeTz(t, z) => format!("{t} µs at {z} s"),
        Value::Timestamp(t) | Value::TimestampTz(t) => format!("{t} µs"),
        Value::Interval(m, d, u) => format!("{m} months {d} days {u} µs"),
    };
    if text.chars().count() > 64 {
        text.chars().take(63).chain(['…']).collect()
    } else {
        text
    }
}

fn short(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().take(33).map(|b| format!("{b:02x}")).collect();
    format!("x:{digits}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// A value as JSON that loses nothing: `null`, or an object of one member with the kind as its name.
pub fn write(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(b) => json!({ "bool": b }),
        Value::Int(i) => json!({ "int": i }),
        Value::UInt(u) => json!({ "uint": u }),
        Value::F32(f) => json!({ "f32": f.to_string() }),
        Value::F64(f) => json!({ "f64": f.to_string() }),
        Value::Decimal(s) => json!({ "decimal": s }),
        Value::Text(s) => json!({ "text": s }),
        Value::Json(s) => json!({ "json": s }),
        Value::Bytes(b) => json!({ "bytes": hex(b) }),
        Value::Date(d) => json!({ "date": d }),
        Value::Time(t) => json!({ "time": t }),
        Value::TimeTz(t, z) => json!({ "time_tz": [t, z] }),
        Value::Timestamp(t) => json!({ "timestamp": t }),
        Value::TimestampTz(t) => json!({ "timestamp_tz": t }),
        Value::Interval(m, d, u) => json!({ "interval": [m, d, u] }),
        Value::Uuid(u) => json!({ "uuid": hex(u) }),
        Value::Bits(n, b) => json!({ "bits": [n, hex(b)] }),
    }
}

fn write_values(values: &[Value]) -> Json {
    Json::from(values.iter().map(write).collect::<Vec<_>>())
}

/// The value of [`write`].
fn read(json: &Json) -> Option<Value> {
    if json.is_null() {
        return Some(Value::Null);
    }
    let (kind, v) = json.as_object()?.iter().next()?;
    let text = || v.as_str().map(str::to_owned);
    let at = |i: usize| v.get(i).and_then(Json::as_i64);
    Some(match kind.as_str() {
        "bool" => Value::Bool(v.as_bool()?),
        "int" => Value::Int(v.as_i64()?),
        "uint" => Value::UInt(v.as_u64()?),
        "f32" => Value::F32(v.as_str()?.parse().ok()?),
        "f64" => Value::F64(v.as_str()?.parse().ok()?),
        "decimal" => Value::Decimal(text()?),
        "text" => Value::Text(text()?),
        "json" => Value::Json(text()?),
        "bytes" => Value::Bytes(unhex(v.as_str()?)?),
        "date" => Value::Date(i32::try_from(v.as_i64()?).ok()?),
        "time" => Value::Time(v.as_i64()?),
        "time_tz" => Value::TimeTz(at(0)?, i32::try_from(at(1)?).ok()?),
        "timestamp" => Value::Timestamp(v.as_i64()?),
        "timestamp_tz" => Value::TimestampTz(v.as_i64()?),
        "interval" => Value::Interval(
            i32::try_from(at(0)?).ok()?,
            i32::try_from(at(1)?).ok()?,
            at(2)?,
        ),
        "uuid" => Value::Uuid(unhex(v.as_str()?)?.try_into().ok()?),
        "bits" => Value::Bits(
            u32::try_from(at(0)?).ok()?,
            unhex(v.get(1).and_then(Json::as_str)?)?,
        ),
        _ => return None,
    })
}

pub(super) fn read_key(text: &str) -> Option<Vec<(String, Value)>> {
    let json: Json = serde_json::from_str(text).ok()?;
    json.as_array()?
        .iter()
        .map(|pair| {
            Some((
                pair.get(0)?.as_str()?.to_owned(),
                read(pair.get(1).unwrap_or(&Json::Null))?,
            ))
        })
        .collect()
}

pub(super) fn read_values(text: &str) -> Option<Vec<Value>> {
    let json: Json = serde_json::from_str(text).ok()?;
    json.as_array()?.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were() {
        let values = vec![
            Value::Null,
            Value::Bool(true),
            Value::Int(i64::MIN),
            Value::UInt(u64::MAX),
            Value::F32(0.1),
            Value::F64(f64::NEG_INFINITY),
            Value::F64(-0.0),
            Value::F64(5e-324),
            Value::Decimal("-12345678901234567890.120".into()),
            Value::Text("a\0b\u{10ffff}'\"".into()),
            Value::Bytes(vec![0, 255, 10]),
            Value::Date(-5),
            Value::Time(-1),
            Value::TimeTz(1, -3600),
            Value::Timestamp(i64::MAX),
            Value::TimestampTz(0),
            Value::Interval(1, -2, 3),
            Value::Uuid([7; 16]),
            Value::Json("{\"a\": 1}".into()),
            Value::Bits(3, vec![0b1010_0000]),
        ];
        let text = write_values(&values).to_string();
        assert_eq!(read_values(&text), Some(values));
        let nan = read_values(&write_values(&[Value::F64(f64::NAN)]).to_string());
        assert!(matches!(nan.as_deref(), Some([Value::F64(f)]) if f.is_nan()));
    }
}
