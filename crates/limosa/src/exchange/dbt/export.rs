//! A `schema.yml` written.

use super::super::{Left, by_rows, has_thresholds, json, object, sql, warns};
use crate::settings::Problem;
use limosa_core::check::Nulls;
use limosa_core::engine::Role;
use limosa_flow::check::{Check, Kind, On, Written};
use serde_json::{Map, Value, json as build};

/// How tests are exported.
#[derive(Clone, Copy, Debug)]
pub struct Export<'a> {
    /// Whose tests.
    pub side: Role,
    /// Write models rather than the tables of a source: for a project whose models these are.
    pub models: bool,
    /// The name of the source.
    pub source: &'a str,
    /// The names by which SQL for its engine is found ([`super::super::engine_names`]).
    pub engine: &'a [&'a str],
}

/// Writes a `schema.yml`, and gives what it can not say. Tests of `dbt_utils` need that package in the project.
///
/// # Errors
/// Our own, if what was built is no YAML.
pub fn export(checks: &[Check], how: &Export<'_>) -> Result<(String, Vec<Left>), Problem> {
    let mut left = Vec::new();
    let mut tables: Vec<(String, Value)> = Vec::new();
    for check in checks {
        let said = say(check, how, &mut left);
        let (column, test) = match said {
            Ok(said) => said,
            Err(why) => {
                left.push(Left::new(&check.name, why));
                continue;
            }
        };
        let at = match tables.iter().position(|(t, _)| *t == check.table) {
            Some(at) => at,
            None => {
                let name = check.table.rsplit('.').next().unwrap_or_default();
                tables.push((check.table.clone(), build!({ "name": name })));
                tables.len() - 1
            }
        };
        put(&mut tables[at].1, column.as_deref(), test);
    }
    let relations: Vec<Value> = tables.iter().map(|(_, t)| t.clone()).collect();
    let file = if how.models {
        build!({ "version": 2, "models": relations })
    } else {
        // A source is of one schema; the target's own unless the table says another.
        let mut sources: Vec<(String, Vec<Value>)> = Vec::new();
        for (table, value) in tables {
            let schema = match table.rsplit_once('.') {
                Some((schema, _)) => schema.to_owned(),
                None => "{{ target.schema }}".to_owned(),
            };
            match sources.iter_mut().find(|(s, _)| *s == schema) {
                Some((_, list)) => list.push(value),
                None => sources.push((schema, vec![value])),
            }
        }
        let sources: Vec<Value> = sources
            .into_iter()
            .map(|(schema, tables)| {
                build!({ "name": source_name(how.source, &schema), "schema": schema, "tables": tables })
            })
            .collect();
        build!({ "version": 2, "sources": sources })
    };
    let text = serde_saphyr::to_string(&file)
        .map_err(|e| Problem::new(format!("the tests are no YAML: {e}")))?;
    Ok((text, left))
}

/// The name of the source that holds a schema.
fn source_name(source: &str, schema: &str) -> String {
    match schema.contains("{{") {
        true => source.to_owned(),
        false => format!("{source}_{schema}"),
    }
}

/// Puts a test to its table or column.
fn put(table: &mut Value, column: Option<&str>, test: Value) {
    let Some(column) = column else {
        push(table, "data_tests", test);
        return;
    };
    let there = table["columns"]
        .as_array()
        .and_then(|c| c.iter().position(|c| c["name"] == column));
    let at = match there {
        Some(at) => at,
        None => {
            push(table, "columns", build!({ "name": column }));
            table["columns"].as_array().map_or(0, |c| c.len() - 1)
        }
    };
    push(&mut table["columns"][at], "data_tests", test);
}

fn push(map: &mut Value, key: &str, value: Value) {
    match map.get_mut(key).and_then(Value::as_array_mut) {
        Some(list) => list.push(value),
        None => map[key] = Value::Array(vec![value]),
    }
}

/// One test as dbt says it, and the column at which it stands.
fn say(
    check: &Check,
    how: &Export<'_>,
    left: &mut Vec<Left>,
) -> Result<(Option<String>, Value), String> {
    if !check.on.asks(how.side) {
        return Err("it asks the other side".into());
    }
    if check.equal && check.on == On::Both {
        if check.kind.asks_nothing() {
            return Err("it compares two databases; dbt knows one".into());
        }
        left.push(Left::new(
            &check.name,
            "that both sides must be equal is left out",
        ));
    }
    let range = |min: &Option<Written>, max: &Option<Written>, strict: (bool, bool)| {
        if min.is_some() && max.is_some() && strict.0 != strict.1 {
            return Err("accepted_range has both ends in or both out".to_owned());
        }
        let number = |w: &Written| match w {
            Written::Number(_) => Ok(json(w)),
            _ => Err("accepted_range takes numbers, or SQL that we do not write".to_owned()),
        };
        let mut arguments = Map::new();
        for (key, end) in [("min_value", min), ("max_value", max)] {
            if let Some(end) = end {
                arguments.insert(key.into(), number(end)?);
            }
        }
        let strict = (min.is_some() && strict.0) || (max.is_some() && strict.1);
        arguments.insert("inclusive".into(), (!strict).into());
        Ok(arguments)
    };
    let (kind, column, arguments) = match &check.kind {
        Kind::NotNull { column } => match check.mostly {
            None => ("not_null", Some(column), Map::new()),
            Some(share) => (
                "dbt_utils.not_null_proportion",
                Some(column),
                object([("at_least", share.into())]),
            ),
        },
        Kind::Unique { columns, nulls } => match (columns.as_slice(), nulls) {
            ([column], Nulls::AnyIgnored | Nulls::AllIgnored) => {
                ("unique", Some(column), Map::new())
            }
            (_, Nulls::Equal) => (
                "dbt_utils.unique_combination_of_columns",
                None,
                object([("combination_of_columns", build!(columns))]),
            ),
            _ => return Err("unique_combination_of_columns takes NULLs for equal".into()),
        },
        Kind::Values {
            column,
            values,
            wanted,
        } => {
            let numbers = values.iter().all(|v| !matches!(v, Written::Text(_)));
            let list: Vec<Value> = values.iter().map(json).collect();
            let arguments = object([("values", build!(list)), ("quote", (!numbers).into())]);
            let kind = match wanted {
                true => "accepted_values",
                false => "dbt_utils.not_accepted_values",
            };
            (kind, Some(column), arguments)
        }
        Kind::Relationships {
            columns,
            to,
            fields,
        } => match (columns.as_slice(), fields.as_slice()) {
            ([column], [field]) => {
                let name = to.rsplit('.').next().unwrap_or_default();
                let to = match how.models {
                    true => format!("ref('{name}')"),
                    false => {
                        let schema = to.rsplit_once('.').map_or("{{", |(s, _)| s);
                        format!("source('{}', '{name}')", source_name(how.source, schema))
                    }
                };
                let arguments = object([("to", to.into()), ("field", field.clone().into())]);
                ("relationships", Some(column), arguments)
            }
            _ => return Err("relationships takes one column".into()),
        },
        Kind::Range {
            column,
            min,
            max,
            strict,
        } => (
            "dbt_utils.accepted_range",
            Some(column),
            range(min, max, *strict)?,
        ),
        Kind::Expression { condition } => {
            let text = sql(condition, how.engine).ok_or("it has no text for this engine")?;
            let arguments = object([("expression", text.into())]);
            ("dbt_utils.expression_is_true", None, arguments)
        }
        Kind::Sql { .. } => {
            return Err("a query is a singular test: put it into a file of tests/".into());
        }
        Kind::Freshness { .. } => {
            return Err("freshness is a rule of a source and no test of dbt".into());
        }
        other => return Err(format!("dbt has no test for the kind {}", other.word())),
    };
    if check.mostly.is_some() && !matches!(check.kind, Kind::NotNull { .. }) {
        return Err("dbt has no `mostly`".into());
    }
    if has_thresholds(check)
        && by_rows(check)
        && matches!(check.kind, Kind::Unique { .. } | Kind::Values { .. })
    {
        return Err("its thresholds count rows; dbt counts different values".into());
    }
    let mut config = Map::new();
    if warns(check) {
        config.insert("severity".into(), "warn".into());
    }
    if has_thresholds(check) {
        config.insert("warn_if".into(), check.warn_if.to_string().into());
        config.insert("error_if".into(), check.error_if.to_string().into());
    }
    if let Some(filter) = &check.filter {
        let text = sql(filter, how.engine).ok_or("its `where` has no text for this engine")?;
        config.insert("where".into(), text.into());
    }
    if !check.tags.is_empty() {
        config.insert("tags".into(), build!(check.tags));
    }
    let mut body = object([("name", check.name.clone().into())]);
    if !arguments.is_empty() {
        body.insert("arguments".into(), arguments.into());
    }
    if !config.is_empty() {
        body.insert("config".into(), config.into());
    }
    Ok((column.cloned(), build!({ kind: body })))
}
