//! The words of `[[check]]`: kinds, the keys that each may have, and the words of keys that take one of a few.

use super::super::{Problem, nearest};
use schemars::{Schema, SchemaGenerator, json_schema};

pub(super) const ENGINES: &[&str] = &["postgresql", "mysql", "mariadb", "sqlite"];
pub(super) const ON: &[&str] = &["target", "source", "both"];
pub(super) const SEVERITIES: &[&str] = &["error", "warn"];
pub(super) const COUNTINGS: &[&str] = &["rows", "values"];
pub(super) const NULLS: &[&str] = &["ignored", "all_ignored", "equal"];
pub(super) const SETS: &[&str] = &["exact", "contains", "ordered"];
pub(super) const FUNCTIONS: &[&str] = &["sum", "min", "max", "avg", "count", "count_distinct"];
/// Failing rows that are named if nobody says how many.
pub(super) const LIMIT: u64 = 5;
/// More failing rows than these help nobody; `--store-failures` keeps them all.
pub(super) const MOST_LIMIT: u64 = 1_000;

/// The kinds, and the keys that each may have beside those that all have.
pub(super) const KINDS: &[(&str, &[&str])] = &[
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
pub(super) const COMMON: &[&str] = &[
    "name", "kind", "table", "on", "equal", "where", "severity", "warn_if", "error_if", "mostly",
    "count", "limit", "show", "tags",
];

pub(super) fn words(list: &[&str]) -> Schema {
    json_schema!({ "type": ["string", "null"], "enum": list })
}
pub(super) fn kinds(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<&str> = KINDS.iter().map(|(k, _)| *k).collect();
    json_schema!({ "type": "string", "enum": names })
}
pub(super) fn on(_: &mut SchemaGenerator) -> Schema {
    words(ON)
}
pub(super) fn severity(_: &mut SchemaGenerator) -> Schema {
    words(SEVERITIES)
}
pub(super) fn counting(_: &mut SchemaGenerator) -> Schema {
    words(COUNTINGS)
}
pub(super) fn nulls(_: &mut SchemaGenerator) -> Schema {
    words(NULLS)
}
pub(super) fn functions(_: &mut SchemaGenerator) -> Schema {
    words(FUNCTIONS)
}
pub(super) fn sets(_: &mut SchemaGenerator) -> Schema {
    words(SETS)
}

pub(super) fn one_of(word: &str, what: &str, list: &[&str]) -> Problem {
    let problem = Problem::new(format!("{word:?} is not {what} of a check"));
    match nearest(word, list.iter().copied()) {
        Some(near) => problem.hint(format!("Did you mean \"{near}\"?")),
        None => problem.hint(format!("Choose one of: {}.", list.join(", "))),
    }
}

pub(super) fn choose<'l>(
    word: &Option<String>,
    what: &str,
    list: &[&'l str],
) -> Result<&'l str, Problem> {
    let Some(word) = word else {
        return Ok(list[0]);
    };
    let found = list.iter().find(|w| *w == word);
    found.copied().ok_or_else(|| one_of(word, what, list))
}
