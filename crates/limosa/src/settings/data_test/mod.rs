//! Data tests as they are written: `[[check]]`, one struct of the file, and what it means.

mod read;
#[cfg(test)]
mod tests;
mod words;

use limosa_flow::check::Written;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use words::{counting, functions, kinds, nulls, on, sets, severity};

pub(super) use read::checks;

/// One data test: what must be true of the rows of a table.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CheckPart {
    /// Its name, unlike all others. Default: made of kind, table and columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is asked: `not_null`, `unique`, `accepted_values`, `rejected_values`, `relationships`, `row_count`, `range`,
    /// `regex`, `length`, `aggregate`, `freshness`, `columns`, `expression`, `sql`.
    #[schemars(schema_with = "kinds")]
    pub kind: String,
    /// The table, `name` or `schema.name`, as the target calls it; as the source does with `on = "source"`. All kinds but `sql`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The columns, where there are several: `unique`, `relationships`, `columns`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// Whom to ask: `target`, `source`, `both`. Default `target`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "on")]
    pub on: Option<String>,
    /// Whether both sides must give the same answer, with `on = "both"`. Default: true if nothing else is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equal: Option<bool>,
    /// Which rows: a condition in SQL, one text or one for each engine: `{ postgresql = "…", mysql = "…", sqlite = "…" }`.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<SqlPart>,
    /// How bad a failure is: `error` (the command ends with 3) or `warn`. Default `error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "severity")]
    pub severity: Option<String>,
    /// How many failures are worth a warning, like `">10"`. Default `"!=0"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warn_if: Option<String>,
    /// How many failures are a failure. Default `"!=0"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_if: Option<String>,
    /// The share of the asked rows that must be good, 0 to 1. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mostly: Option<f64>,
    /// What `warn_if` and `error_if` count: failing `rows`, or different failing `values` as dbt does. Default `rows`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "counting")]
    pub count: Option<String>,
    /// Failing rows that are named, at most. Default 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Columns whose values are shown of failing rows, beside the key. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub show: Vec<String>,
    /// Words by which tests are chosen: `--select tag:WORD`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// `accepted_values`, `rejected_values`: the values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Scalar>>,
    /// `unique`: rows that NULLs leave out: `ignored` (a row with any), `all_ignored` (a row of nothing else), `equal` (none). Default `ignored`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "nulls")]
    pub nulls: Option<String>,
    /// `relationships`: the other table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// `relationships`: its column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// `relationships`: its columns, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<String>>,
    /// `row_count`, `aggregate`: exactly this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exactly: Option<Scalar>,
    /// `range`, `length`, `row_count`, `aggregate`: at least this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<Scalar>,
    /// `range`, `length`, `row_count`, `aggregate`: at most this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Scalar>,
    /// Whether `min` itself is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict_min: Option<bool>,
    /// Whether `max` itself is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict_max: Option<bool>,
    /// `regex`: the pattern, found anywhere in the text; `^` and `$` hold it to the ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// `regex`: the pattern must not be found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not: Option<bool>,
    /// `aggregate`: `sum`, `min`, `max`, `avg`, `count`, `count_distinct`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "functions")]
    pub function: Option<String>,
    /// `aggregate`: an expression in SQL in place of a column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<SqlPart>,
    /// `aggregate`: how far two numbers may be apart: a number, or a share like `"0.1%"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Scalar>,
    /// `freshness`: the greatest age of the newest row, like `"24h"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<String>,
    /// `columns`: `exact`, `contains`, `ordered`. Default `exact`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "sets")]
    pub set: Option<String>,
    /// `expression`: a condition in SQL that is false for no row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<SqlPart>,
    /// `sql`: a query whose rows are failures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sql: Option<SqlPart>,
}

/// SQL: one text for all engines, or one for each.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum SqlPart {
    /// The same for all.
    All(String),
    /// By `postgresql`, `mysql`, `mariadb`, `sqlite`.
    Each(BTreeMap<String, String>),
}

/// A single value.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Scalar {
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A date or a moment.
    Moment(toml::value::Datetime),
    /// Text.
    Text(String),
}

impl JsonSchema for Scalar {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

impl Scalar {
    fn written(&self) -> Written {
        match self {
            Scalar::Bool(b) => Written::Bool(*b),
            Scalar::Int(n) => Written::Number(n.to_string()),
            Scalar::Float(x) => Written::Number(x.to_string()),
            Scalar::Moment(m) => Written::Text(m.to_string()),
            Scalar::Text(t) => Written::Text(t.clone()),
        }
    }
}
