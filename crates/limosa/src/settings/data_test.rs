//! Data tests as they are written: `[[check]]`, one struct of the file, and what it means.

use super::amount::parse_seconds;
use super::{Problem, nearest};
use limosa_core::check::Nulls;
use limosa_flow::check::{
    Check, ColumnSet, Counting, Function, Kind, On, PerEngine, Severity, Span, Threshold,
    Tolerance, Written,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use toml::Spanned;

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

impl SqlPart {
    fn words(&self) -> Result<PerEngine, Problem> {
        match self {
            SqlPart::All(text) => Ok(PerEngine::All(text.clone())),
            SqlPart::Each(texts) => {
                for key in texts.keys() {
                    if !ENGINES.contains(&key.as_str()) {
                        return Err(one_of(key, "an engine", ENGINES));
                    }
                }
                Ok(PerEngine::Each(texts.clone()))
            }
        }
    }
}

const ENGINES: &[&str] = &["postgresql", "mysql", "mariadb", "sqlite"];
const ON: &[&str] = &["target", "source", "both"];
const SEVERITIES: &[&str] = &["error", "warn"];
const COUNTINGS: &[&str] = &["rows", "values"];
const NULLS: &[&str] = &["ignored", "all_ignored", "equal"];
const SETS: &[&str] = &["exact", "contains", "ordered"];
const FUNCTIONS: &[&str] = &["sum", "min", "max", "avg", "count", "count_distinct"];
/// Failing rows that are named if nobody says how many.
const LIMIT: u64 = 5;
/// More failing rows than these help nobody; `--store-failures` keeps them all.
const MOST_LIMIT: u64 = 1_000;

/// The kinds, and the keys that each may have beside those that all have.
const KINDS: &[(&str, &[&str])] = &[
    ("not_null", &["column"]),
    ("unique", &["column", "columns", "nulls"]),
    ("accepted_values", &["column", "values"]),
    ("rejected_values", &["column", "values"]),
    (
        "relationships",
        &["column", "columns", "to", "field", "fields"],
    ),
    (
        "row_count",
        &["exactly", "min", "max", "strict_min", "strict_max"],
    ),
    (
        "range",
        &["column", "min", "max", "strict_min", "strict_max"],
    ),
    ("regex", &["column", "pattern", "not"]),
    ("length", &["column", "min", "max"]),
    (
        "aggregate",
        &[
            "function",
            "column",
            "expression",
            "exactly",
            "min",
            "max",
            "strict_min",
            "strict_max",
            "tolerance",
        ],
    ),
    ("freshness", &["column", "max_age"]),
    ("columns", &["columns", "set"]),
    ("expression", &["condition"]),
    ("sql", &["sql"]),
];
const COMMON: &[&str] = &[
    "name", "kind", "table", "on", "equal", "where", "severity", "warn_if", "error_if", "mostly",
    "count", "limit", "show", "tags",
];

fn words(list: &[&str]) -> Schema {
    json_schema!({ "type": ["string", "null"], "enum": list })
}
fn kinds(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<&str> = KINDS.iter().map(|(k, _)| *k).collect();
    json_schema!({ "type": "string", "enum": names })
}
fn on(_: &mut SchemaGenerator) -> Schema {
    words(ON)
}
fn severity(_: &mut SchemaGenerator) -> Schema {
    words(SEVERITIES)
}
fn counting(_: &mut SchemaGenerator) -> Schema {
    words(COUNTINGS)
}
fn nulls(_: &mut SchemaGenerator) -> Schema {
    words(NULLS)
}
fn functions(_: &mut SchemaGenerator) -> Schema {
    words(FUNCTIONS)
}
fn sets(_: &mut SchemaGenerator) -> Schema {
    words(SETS)
}

fn one_of(word: &str, what: &str, list: &[&str]) -> Problem {
    let problem = Problem::new(format!("{word:?} is not {what} of a check"));
    match nearest(word, list.iter().copied()) {
        Some(near) => problem.hint(format!("Did you mean \"{near}\"?")),
        None => problem.hint(format!("Choose one of: {}.", list.join(", "))),
    }
}

fn choose<'l>(word: &Option<String>, what: &str, list: &[&'l str]) -> Result<&'l str, Problem> {
    let Some(word) = word else {
        return Ok(list[0]);
    };
    let found = list.iter().find(|w| *w == word);
    found.copied().ok_or_else(|| one_of(word, what, list))
}

/// Reads all tests of a file. Names are unlike each other.
pub(super) fn checks(parts: &[Spanned<CheckPart>]) -> Result<Vec<Check>, Problem> {
    let mut names: HashSet<String> = HashSet::new();
    let mut checks = Vec::with_capacity(parts.len());
    for part in parts {
        let mut read = |part: &CheckPart| -> Result<Check, Problem> {
            let mut check = part.check()?;
            if part.name.is_none() {
                let plain = check.name.clone();
                let mut n = 1;
                while names.contains(&check.name) {
                    n += 1;
                    check.name = format!("{plain}_{n}");
                }
            }
            if !names.insert(check.name.clone()) {
                return Err(
                    Problem::new(format!("two checks are called {:?}", check.name))
                        .hint("Give one of them another name."),
                );
            }
            Ok(check)
        };
        checks.push(read(part.get_ref()).map_err(|p| p.at(part.span()))?);
    }
    Ok(checks)
}

impl CheckPart {
    /// The keys of a kind's own that are said.
    fn said(&self) -> Vec<&'static str> {
        let mut said = Vec::new();
        let mut put = |is: bool, key: &'static str| {
            if is {
                said.push(key);
            }
        };
        put(self.column.is_some(), "column");
        put(self.columns.is_some(), "columns");
        put(self.values.is_some(), "values");
        put(self.nulls.is_some(), "nulls");
        put(self.to.is_some(), "to");
        put(self.field.is_some(), "field");
        put(self.fields.is_some(), "fields");
        put(self.exactly.is_some(), "exactly");
        put(self.min.is_some(), "min");
        put(self.max.is_some(), "max");
        put(self.strict_min.is_some(), "strict_min");
        put(self.strict_max.is_some(), "strict_max");
        put(self.pattern.is_some(), "pattern");
        put(self.not.is_some(), "not");
        put(self.function.is_some(), "function");
        put(self.expression.is_some(), "expression");
        put(self.tolerance.is_some(), "tolerance");
        put(self.max_age.is_some(), "max_age");
        put(self.set.is_some(), "set");
        put(self.condition.is_some(), "condition");
        put(self.sql.is_some(), "sql");
        said
    }

    fn needed<T: Clone>(&self, key: &str, value: &Option<T>) -> Result<T, Problem> {
        value
            .clone()
            .ok_or_else(|| Problem::new(format!("the check of kind {:?} needs `{key}`", self.kind)))
    }

    /// The columns: one or several.
    fn several(&self) -> Result<Vec<String>, Problem> {
        match (&self.column, &self.columns) {
            (Some(_), Some(_)) => Err(Problem::new(
                "a check names `column` or `columns`, not both",
            )),
            (Some(one), None) => Ok(vec![one.clone()]),
            (None, Some(many)) if !many.is_empty() => Ok(many.clone()),
            _ => Err(Problem::new(format!(
                "the check of kind {:?} needs `column` or `columns`",
                self.kind
            ))),
        }
    }

    fn span(&self) -> Span {
        let written = |s: &Option<Scalar>| s.as_ref().map(Scalar::written);
        Span {
            exactly: written(&self.exactly),
            min: written(&self.min),
            max: written(&self.max),
            strict: self.strict(),
        }
    }

    fn strict(&self) -> (bool, bool) {
        (
            self.strict_min.unwrap_or(false),
            self.strict_max.unwrap_or(false),
        )
    }

    fn either_end(&self) -> Result<(), Problem> {
        match self.min.is_none() && self.max.is_none() {
            true => Err(Problem::new(format!(
                "the check of kind {:?} needs `min`, `max` or both",
                self.kind
            ))),
            false => Ok(()),
        }
    }

    fn length(&self, key: &str, value: &Option<Scalar>) -> Result<Option<u64>, Problem> {
        value
            .as_ref()
            .map(|v| {
                match v {
                    Scalar::Int(n) => u64::try_from(*n).ok(),
                    _ => None,
                }
                .ok_or_else(|| {
                    Problem::new(format!("`{key}` of a length is a whole number from 0 on"))
                })
            })
            .transpose()
    }

    /// What the test means.
    ///
    /// # Errors
    /// A [`Problem`] for anything that is not understood.
    pub fn check(&self) -> Result<Check, Problem> {
        let names: Vec<&str> = KINDS.iter().map(|(k, _)| *k).collect();
        let Some((_, allowed)) = KINDS.iter().find(|(k, _)| *k == self.kind) else {
            return Err(match self.kind.is_empty() {
                true => Problem::new("the check needs `kind`")
                    .hint(format!("Choose one of: {}.", names.join(", "))),
                false => one_of(&self.kind, "a kind", &names),
            });
        };
        if let Some(key) = self.said().into_iter().find(|k| !allowed.contains(k)) {
            let mut keys = allowed.to_vec();
            keys.extend(COMMON.iter().filter(|k| !["name", "kind"].contains(k)));
            return Err(
                Problem::new(format!("a check of kind {:?} has no `{key}`", self.kind))
                    .hint(format!("Its keys are: {}.", keys.join(", "))),
            );
        }
        let kind = self.read_kind()?;
        let table = match (&kind, &self.table) {
            (Kind::Sql { .. }, table) => table.clone().unwrap_or_default(),
            (_, table) => self.needed("table", table)?,
        };
        if table.is_empty() && !matches!(kind, Kind::Sql { .. }) {
            return Err(Problem::new("the name of the table is empty"));
        }
        let on = match choose(&self.on, "a side", ON)? {
            "source" => On::Source,
            "both" => On::Both,
            _ => On::Target,
        };
        let empty = kind.asks_nothing();
        if empty && (on != On::Both || self.equal == Some(false)) {
            return Err(
                Problem::new(format!("the check of kind {:?} asks nothing", self.kind))
                    .hint("Say what it must be, or compare both sides with on = \"both\"."),
            );
        }
        if self.equal == Some(true) && on != On::Both {
            return Err(Problem::new("`equal` compares two sides").hint("Add on = \"both\"."));
        }
        if let Some(share) = self.mostly
            && !(0.0..=1.0).contains(&share)
        {
            return Err(Problem::new("`mostly` is a share from 0 to 1"));
        }
        let threshold = |key: &str, text: &Option<String>| match text {
            None => Ok(Threshold::ANY),
            Some(text) => Threshold::parse(text).ok_or_else(|| {
                Problem::new(format!("`{key}` can not be read: {text:?}"))
                    .hint("Write a comparison with a number of failures, like \">10\" or \"!=0\".")
            }),
        };
        let limit = self.limit.unwrap_or(LIMIT);
        if limit > MOST_LIMIT {
            return Err(Problem::new(format!("`limit` is at most {MOST_LIMIT}"))
                .hint("`limosa check --store-failures FOLDER` keeps all failing rows."));
        }
        let mut name = format!("{}_{}", self.kind, table.replace('.', "_"));
        for column in kind.columns().iter().take(4) {
            name.push_str(&format!("_{column}"));
        }
        Ok(Check {
            name: match &self.name {
                Some(name) if name.trim().is_empty() => {
                    return Err(Problem::new("the name of the check is empty"));
                }
                Some(name) => name.clone(),
                None => name.trim_end_matches('_').to_owned(),
            },
            table,
            on,
            asked: on,
            equal: self.equal.unwrap_or(empty),
            filter: self.filter.as_ref().map(SqlPart::words).transpose()?,
            severity: match choose(&self.severity, "a severity", SEVERITIES)? {
                "warn" => Severity::Warn,
                _ => Severity::Error,
            },
            warn_if: threshold("warn_if", &self.warn_if)?,
            error_if: threshold("error_if", &self.error_if)?,
            mostly: self.mostly,
            counting: match choose(&self.count, "a way to count", COUNTINGS)? {
                "values" => Counting::Values,
                _ => Counting::Rows,
            },
            limit,
            show: self.show.clone(),
            tags: self.tags.clone(),
            kind,
        })
    }

    fn read_kind(&self) -> Result<Kind, Problem> {
        let column = || self.needed("column", &self.column);
        let sql = |key: &str, part: &Option<SqlPart>| self.needed(key, part)?.words();
        Ok(match self.kind.as_str() {
            "not_null" => Kind::NotNull { column: column()? },
            "unique" => Kind::Unique {
                columns: self.several()?,
                nulls: match choose(&self.nulls, "a meaning of NULL", NULLS)? {
                    "all_ignored" => Nulls::AllIgnored,
                    "equal" => Nulls::Equal,
                    _ => Nulls::AnyIgnored,
                },
            },
            "accepted_values" | "rejected_values" => {
                let values = self.needed("values", &self.values)?;
                if values.is_empty() {
                    return Err(Problem::new("`values` is empty"));
                }
                Kind::Values {
                    column: column()?,
                    values: values.iter().map(Scalar::written).collect(),
                    wanted: self.kind == "accepted_values",
                }
            }
            "relationships" => {
                let columns = self.several()?;
                let fields = match (&self.field, &self.fields) {
                    (Some(one), None) => vec![one.clone()],
                    (None, Some(many)) => many.clone(),
                    _ => {
                        return Err(Problem::new(
                            "the check of kind \"relationships\" needs `field` or `fields`",
                        ));
                    }
                };
                if fields.len() != columns.len() {
                    return Err(Problem::new(format!(
                        "{} columns can not name {} fields",
                        columns.len(),
                        fields.len()
                    )));
                }
                Kind::Relationships {
                    columns,
                    to: self.needed("to", &self.to)?,
                    fields,
                }
            }
            "row_count" => Kind::RowCount { span: self.span() },
            "range" => {
                self.either_end()?;
                let span = self.span();
                Kind::Range {
                    column: column()?,
                    min: span.min,
                    max: span.max,
                    strict: span.strict,
                }
            }
            "regex" => {
                let pattern = self.needed("pattern", &self.pattern)?;
                regex::Regex::new(&pattern).map_err(|e| {
                    let words = e.to_string();
                    let last = words.lines().last().unwrap_or_default().trim().to_owned();
                    Problem::new(format!("the pattern can not be read: {last}"))
                        .hint("The words are those of docs.rs/regex; in TOML, write patterns in 'single quotes'.")
                })?;
                Kind::Regex {
                    column: column()?,
                    pattern,
                    wanted: !self.not.unwrap_or(false),
                }
            }
            "length" => {
                self.either_end()?;
                Kind::Length {
                    column: column()?,
                    min: self.length("min", &self.min)?,
                    max: self.length("max", &self.max)?,
                }
            }
            "aggregate" => {
                let word = self.needed("function", &self.function)?;
                let word = choose(&Some(word), "a function", FUNCTIONS)?;
                let function = Function::ALL.iter().find(|(w, _)| *w == word);
                match (&self.column, &self.expression) {
                    (Some(_), Some(_)) | (None, None) => {
                        return Err(Problem::new(
                            "the check of kind \"aggregate\" needs `column` or `expression`",
                        ));
                    }
                    _ => {}
                }
                Kind::Aggregate {
                    function: function.map_or(Function::Sum, |(_, f)| *f),
                    column: self.column.clone(),
                    expression: self.expression.as_ref().map(SqlPart::words).transpose()?,
                    span: self.span(),
                    tolerance: self.tolerance.as_ref().map(tolerance).transpose()?,
                }
            }
            "freshness" => Kind::Freshness {
                column: column()?,
                max_age: parse_seconds(&self.needed("max_age", &self.max_age)?)?,
            },
            "columns" => Kind::Columns {
                columns: self.columns.clone().unwrap_or_default(),
                set: match choose(&self.set, "a way to compare columns", SETS)? {
                    "contains" => ColumnSet::Contains,
                    "ordered" => ColumnSet::Ordered,
                    _ => ColumnSet::Exact,
                },
            },
            "expression" => Kind::Expression {
                condition: sql("condition", &self.condition)?,
            },
            _ => Kind::Sql {
                sql: sql("sql", &self.sql)?,
            },
        })
    }
}

fn tolerance(said: &Scalar) -> Result<Tolerance, Problem> {
    let read = match said {
        Scalar::Int(n) => Some(Tolerance::Absolute(*n as f64)),
        Scalar::Float(x) => Some(Tolerance::Absolute(*x)),
        Scalar::Text(t) => t
            .strip_suffix('%')
            .and_then(|t| t.trim().parse::<f64>().ok())
            .map(|share| Tolerance::Relative(share / 100.0)),
        _ => None,
    };
    let good = |t: &Tolerance| {
        let (Tolerance::Absolute(n) | Tolerance::Relative(n)) = t;
        n.is_finite() && *n >= 0.0
    };
    read.filter(good).ok_or_else(|| {
        Problem::new("`tolerance` can not be read")
            .hint("Write a number, or a share like \"0.1%\".")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Check, Problem> {
        let part: CheckPart = toml::from_str(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        part.check()
    }

    #[test]
    fn every_kind_is_read_with_its_smallest_words() {
        for (kind, rest) in [
            ("not_null", "column = 'a'"),
            ("unique", "columns = ['a', 'b']"),
            (
                "accepted_values",
                "column = 'a'\nvalues = [1, 2.5, 'x', true, 2024-01-01]",
            ),
            ("rejected_values", "column = 'a'\nvalues = ['']"),
            ("relationships", "column = 'a'\nto = 'p'\nfield = 'id'"),
            ("row_count", "min = 1"),
            ("range", "column = 'a'\nmin = 2024-01-01T00:00:00Z"),
            ("regex", "column = 'a'\npattern = '^\\d+$'"),
            ("length", "column = 'a'\nmax = 3"),
            (
                "aggregate",
                "function = 'sum'\ncolumn = 'a'\non = 'both'\ntolerance = '0.1%'",
            ),
            ("freshness", "column = 'a'\nmax_age = '24h'"),
            ("columns", "on = 'both'"),
            ("expression", "condition = 'a > 0'"),
            (
                "sql",
                "sql = { postgresql = 'select 1', sqlite = 'select 2' }",
            ),
        ] {
            let check = read(&format!("kind = '{kind}'\ntable = 't'\n{rest}"))
                .unwrap_or_else(|e| panic!("{kind}: {e}"));
            assert_eq!(check.kind.word(), kind);
            assert!(check.name.starts_with(kind), "{}", check.name);
        }
        assert_eq!(KINDS.len(), 14, "a new kind is added to this test");
    }

    #[test]
    fn mistakes_are_told() {
        for (text, what) in [
            ("table = 't'", "needs `kind`"),
            ("kind = 'notnull'\ntable = 't'", "is not a kind"),
            ("kind = 'not_null'\ncolumn = 'a'", "needs `table`"),
            ("kind = 'not_null'\ntable = 't'", "needs `column`"),
            (
                "kind = 'not_null'\ntable = 't'\ncolumn = 'a'\npattern = 'x'",
                "has no `pattern`",
            ),
            ("kind = 'row_count'\ntable = 't'", "asks nothing"),
            ("kind = 'range'\ntable = 't'\ncolumn = 'a'", "needs `min`"),
            (
                "kind = 'regex'\ntable = 't'\ncolumn = 'a'\npattern = '('",
                "can not be read",
            ),
            ("kind = 'sql'\nsql = { oracle = 'x' }", "is not an engine"),
            (
                "kind = 'expression'\ntable = 't'\ncondition = 'x'\nwarn_if = 'many'",
                "warn_if",
            ),
            (
                "kind = 'expression'\ntable = 't'\ncondition = 'x'\nmostly = 2.0",
                "mostly",
            ),
            (
                "kind = 'expression'\ntable = 't'\ncondition = 'x'\nequal = true",
                "two sides",
            ),
            (
                "kind = 'length'\ntable = 't'\ncolumn = 'a'\nmin = -1",
                "whole number",
            ),
            (
                "kind = 'aggregate'\ntable = 't'\nfunction = 'median'\ncolumn = 'a'",
                "function",
            ),
        ] {
            let problem = read(text).expect_err(text);
            assert!(problem.what.contains(what), "{text}: {problem}");
        }
    }
}
