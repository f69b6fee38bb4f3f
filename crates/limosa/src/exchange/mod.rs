//! Data tests in the words of other tools: dbt and Great Expectations, in and out, with their results.
//!
//! What one side can not say is never dropped in silence: every function gives it back as [`Left`].

pub mod dbt;
pub mod gx;

use crate::settings::data_test::{Scalar, SqlPart};
use limosa_flow::check::{Check, Counting, PerEngine, Severity, Threshold, Written};
use serde_json::{Map, Value};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// Something that the other side can not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// What: the name of a test, or a test and a key of it.
    pub what: String,
    /// Why, as a part of a sentence.
    pub why: String,
}

impl Left {
    fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
        }
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// The text of a person's SQL for the engine that is exported for: by family and product, the latter first.
fn sql<'a>(words: &'a PerEngine, engine: &[&str]) -> Option<&'a str> {
    match words {
        PerEngine::All(text) => Some(text),
        PerEngine::Each(texts) => engine
            .iter()
            .find_map(|e| texts.get(*e))
            .map(String::as_str),
    }
}

/// The names by which SQL for the engine of a URL is found.
pub fn engine_names(url: &str) -> &'static [&'static str] {
    match url.split(':').next().unwrap_or_default() {
        "postgresql" | "postgres" => &["postgresql"],
        "mariadb" => &["mariadb", "mysql"],
        "mysql" => &["mysql"],
        "sqlite" => &["sqlite"],
        _ => &[],
    }
}

fn json(written: &Written) -> Value {
    match written {
        Written::Bool(b) => Value::Bool(*b),
        Written::Text(t) => Value::String(t.clone()),
        Written::Number(n) => match (n.parse::<i64>(), n.parse::<f64>()) {
            (Ok(n), _) => n.into(),
            (_, Ok(x)) => x.into(),
            _ => Value::String(n.clone()),
        },
    }
}

fn scalar(value: &Value) -> Option<Scalar> {
    match value {
        Value::Bool(b) => Some(Scalar::Bool(*b)),
        Value::Number(n) => match n.as_i64() {
            Some(n) => Some(Scalar::Int(n)),
            None => n.as_f64().map(Scalar::Float),
        },
        Value::String(t) => Some(Scalar::Text(t.clone())),
        _ => None,
    }
}

fn scalars(value: &Value) -> Option<Vec<Scalar>> {
    value.as_array()?.iter().map(scalar).collect()
}

fn texts(value: &Value) -> Option<Vec<String>> {
    let text = |v: &Value| v.as_str().map(str::to_owned);
    value.as_array()?.iter().map(text).collect()
}

fn all(text: impl Into<String>) -> Option<SqlPart> {
    Some(SqlPart::All(text.into()))
}

fn has_thresholds(check: &Check) -> bool {
    check.warn_if != Threshold::ANY || check.error_if != Threshold::ANY
}

fn warns(check: &Check) -> bool {
    check.severity == Severity::Warn
}

fn by_rows(check: &Check) -> bool {
    check.counting == Counting::Rows
}

/// A moment as `2024-05-17T12:30:00.000000Z`.
fn instant(now: SystemTime) -> String {
    let micros = now
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_micros();
    let mut out = Vec::new();
    let micros = i64::try_from(micros).unwrap_or(0);
    limosa_core::notation::write_timestamp(&mut out, micros, 6);
    format!("{}Z", String::from_utf8_lossy(&out).replacen(' ', "T", 1))
}

fn object(pairs: impl IntoIterator<Item = (&'static str, Value)>) -> Map<String, Value> {
    pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
}
