//! Great Expectations: suites of version 1 in and out (those of version 0 in), and results as validation results.

use super::{
    Left, all, by_rows, has_thresholds, instant, json, object, scalar, scalars, sql, texts, warns,
};
use crate::settings::Problem;
use crate::settings::data_test::{CheckPart, Scalar};
use limosa_core::check::Nulls;
use limosa_core::engine::Role;
use limosa_flow::check::{
    Check, CheckOutcome, ColumnSet, Function, Kind, On, Span, Status, Tolerance, Verdicts, Written,
};
use serde_json::{Map, Value, json as build};
use std::time::SystemTime;

/// The version in whose words we write.
const VERSION: &str = "1.24.1";
/// Arguments that say how an expectation is run, and nothing about the rows.
const HOW: &[&str] = &[
    "batch_id",
    "result_format",
    "catch_exceptions",
    "include_config",
    "meta",
    "notes",
    "id",
    "rendered_content",
    "windows",
    "description",
];

/// Reads a suite. `table` is the table of its batches, if the suite does not say it. Out: the tests, and what can not be
/// said here.
///
/// # Errors
/// If the text is no JSON of that shape, or no table is known.
pub fn import(text: &str, table: Option<&str>) -> Result<(Vec<CheckPart>, Vec<Left>), Problem> {
    let file: Value = serde_json::from_str(text)
        .map_err(|e| Problem::new(format!("the file can not be read as JSON: {e}")))?;
    // Our own export of several tables is a list.
    let suites = match &file {
        Value::Array(suites) => suites.iter().collect(),
        one => vec![one],
    };
    let (mut parts, mut left) = (Vec::new(), Vec::new());
    for suite in suites {
        let Some(expectations) = suite.get("expectations").and_then(Value::as_array) else {
            return Err(Problem::new(
                "the file is no suite: it has no `expectations`",
            ));
        };
        let own = suite.pointer("/meta/table").and_then(Value::as_str);
        let Some(table) = table.or(own) else {
            return Err(Problem::new("the suite does not say of which table it is")
                .hint("Give it with --table NAME."));
        };
        for expectation in expectations {
            let kind = ["type", "expectation_type"]
                .iter()
                .find_map(|k| expectation.get(*k)?.as_str())
                .unwrap_or_default();
            let empty = Map::new();
            let arguments = expectation.get("kwargs").and_then(Value::as_object);
            let arguments = arguments.unwrap_or(&empty);
            let what = match arguments.get("column").and_then(Value::as_str) {
                Some(column) => format!("{kind} on {table}.{column}"),
                None => format!("{kind} on {table}"),
            };
            match read(kind, arguments, expectation, table) {
                Ok(part) => match part.check() {
                    Ok(_) => parts.push(part),
                    Err(problem) => left.push(Left::new(what, problem.what)),
                },
                Err(why) => left.push(Left::new(what, why)),
            }
        }
    }
    Ok((parts, left))
}

fn read(
    kind: &str,
    arguments: &Map<String, Value>,
    expectation: &Value,
    table: &str,
) -> Result<CheckPart, String> {
    let mut arguments = arguments.clone();
    arguments.retain(|k, v| !HOW.contains(&k.as_str()) && !v.is_null());
    let mut take = |key: &str| arguments.remove(key);
    let mut part = CheckPart {
        table: Some(table.to_owned()),
        column: take("column").and_then(|v| Some(v.as_str()?.to_owned())),
        mostly: take("mostly").and_then(|v| v.as_f64()).filter(|m| *m < 1.0),
        ..CheckPart::default()
    };
    let name = expectation.pointer("/meta/name").and_then(Value::as_str);
    part.name = name.map(str::to_owned);
    if expectation
        .get("severity")
        .and_then(Value::as_str)
        .is_some_and(|s| s != "critical")
    {
        part.severity = Some("warn".into());
    }
    let number = |value: Option<Value>| -> Result<Option<Scalar>, String> {
        match value {
            None => Ok(None),
            Some(v) => scalar(&v).map(Some).ok_or_else(|| {
                "it takes its numbers from elsewhere (a parameter), which is not known here".into()
            }),
        }
    };
    let mut between = |part: &mut CheckPart| -> Result<(), String> {
        part.min = number(take("min_value"))?;
        part.max = number(take("max_value"))?;
        let strict = |v: Option<Value>| v.and_then(|v| v.as_bool()).filter(|b| *b);
        part.strict_min = strict(take("strict_min"));
        part.strict_max = strict(take("strict_max"));
        Ok(())
    };
    match kind {
        "expect_column_values_to_not_be_null" => part.kind = "not_null".into(),
        "expect_column_values_to_be_unique" => part.kind = "unique".into(),
        "expect_compound_columns_to_be_unique" => {
            part.kind = "unique".into();
            part.columns = take("column_list").and_then(|v| texts(&v));
            let ignored = take("ignore_row_if");
            part.nulls = match ignored.as_ref().and_then(Value::as_str) {
                Some("any_value_is_missing") => None,
                Some("never") => Some("equal".into()),
                _ => Some("all_ignored".into()),
            };
        }
        "expect_column_values_to_be_in_set" | "expect_column_distinct_values_to_be_in_set" => {
            part.kind = "accepted_values".into();
            part.values = take("value_set").and_then(|v| scalars(&v));
        }
        "expect_column_values_to_not_be_in_set" => {
            part.kind = "rejected_values".into();
            part.values = take("value_set").and_then(|v| scalars(&v));
        }
        "expect_column_values_to_match_regex" | "expect_column_values_to_not_match_regex" => {
            part.kind = "regex".into();
            part.pattern = take("regex").and_then(|v| Some(v.as_str()?.to_owned()));
            part.not = kind.contains("_not_").then_some(true);
        }
        "expect_column_values_to_be_between" => {
            part.kind = "range".into();
            between(&mut part)?;
        }
        "expect_column_value_lengths_to_be_between" => {
            part.kind = "length".into();
            between(&mut part)?;
            // Whole numbers: an end that is out is one further in.
            let step = |end: &mut Option<Scalar>, strict: &mut Option<bool>, by: i64| {
                if let (Some(Scalar::Int(n)), Some(true)) = (end.as_mut(), strict.take()) {
                    *n += by;
                }
            };
            step(&mut part.min, &mut part.strict_min, 1);
            step(&mut part.max, &mut part.strict_max, -1);
        }
        "expect_column_value_lengths_to_equal" => {
            part.kind = "length".into();
            part.min = number(take("value"))?;
            part.max.clone_from(&part.min);
        }
        "expect_table_row_count_to_equal" => {
            part.kind = "row_count".into();
            part.exactly = number(take("value"))?;
        }
        "expect_table_row_count_to_be_between" => {
            part.kind = "row_count".into();
            between(&mut part)?;
        }
        "expect_table_columns_to_match_set" => {
            part.kind = "columns".into();
            part.columns = take("column_set").and_then(|v| texts(&v));
            let exact = take("exact_match").is_none_or(|v| v.as_bool() != Some(false));
            part.set = (!exact).then(|| "contains".into());
        }
        "expect_table_columns_to_match_ordered_list" => {
            part.kind = "columns".into();
            part.columns = take("column_list").and_then(|v| texts(&v));
            part.set = Some("ordered".into());
        }
        "expect_column_to_exist" => {
            if take("column_index").is_some() {
                return Err("its `column_index` has no equal here".into());
            }
            part.kind = "columns".into();
            part.columns = part.column.take().map(|c| vec![c]);
            part.set = Some("contains".into());
        }
        "unexpected_rows_expectation" => {
            let query = take("unexpected_rows_query");
            let query = query.as_ref().and_then(Value::as_str).unwrap_or_default();
            part.kind = "sql".into();
            part.sql = all(query.replace("{batch}", table));
        }
        _ => match FUNCTIONS.iter().find(|(word, _)| *word == kind) {
            Some((_, function)) => {
                part.kind = "aggregate".into();
                part.function = Some(function.word().into());
                between(&mut part)?;
            }
            None => return Err("there is no such test here".into()),
        },
    }
    if let Some(key) = arguments.keys().next() {
        return Err(format!("its argument `{key}` has no equal here"));
    }
    Ok(part)
}

/// Expectations of one value of a column.
const FUNCTIONS: &[(&str, Function)] = &[
    ("expect_column_sum_to_be_between", Function::Sum),
    ("expect_column_min_to_be_between", Function::Min),
    ("expect_column_max_to_be_between", Function::Max),
    ("expect_column_mean_to_be_between", Function::Avg),
    (
        "expect_column_unique_value_count_to_be_between",
        Function::CountDistinct,
    ),
];

/// Writes a suite for each table, and gives what they can not say.
pub fn export(checks: &[Check], side: Role, engine: &[&str]) -> (Vec<(String, Value)>, Vec<Left>) {
    let mut left = Vec::new();
    let mut suites: Vec<(String, Vec<Value>)> = Vec::new();
    for check in checks {
        if !check.on.asks(side) {
            left.push(Left::new(&check.name, "it asks the other side"));
            continue;
        }
        if check.equal && check.on == On::Both && check.kind.asks_nothing() {
            let why = "it compares two databases; a suite is of one";
            left.push(Left::new(&check.name, why));
            continue;
        }
        match say(check, engine).and_then(|(kind, arguments)| {
            refuse(check)?;
            Ok((kind, arguments))
        }) {
            Ok((kind, arguments)) => {
                if check.equal && check.on == On::Both {
                    let why = "that both sides must be equal is left out";
                    left.push(Left::new(&check.name, why));
                }
                let severity = if warns(check) { "warning" } else { "critical" };
                let expectation = build!({
                    "type": kind,
                    "kwargs": arguments,
                    "meta": { "name": check.name },
                    "severity": severity,
                });
                match suites.iter_mut().find(|(t, _)| *t == check.table) {
                    Some((_, list)) => list.push(expectation),
                    None => suites.push((check.table.clone(), vec![expectation])),
                }
            }
            Err(why) => left.push(Left::new(&check.name, why)),
        }
    }
    let suites = suites
        .into_iter()
        .map(|(table, expectations)| {
            let suite = build!({
                "name": table,
                "expectations": expectations,
                "id": Value::Null,
                "meta": { "great_expectations_version": VERSION, "table": table },
                "notes": Value::Null,
            });
            (table, suite)
        })
        .collect();
    (suites, left)
}

/// What no expectation has.
fn refuse(check: &Check) -> Result<(), String> {
    if check.filter.is_some() && !matches!(check.kind, Kind::Expression { .. }) {
        return Err("an expectation has no condition in SQL".into());
    }
    if check.table.is_empty() {
        return Err("it names no table, and a suite is of one".into());
    }
    if has_thresholds(check) || !by_rows(check) {
        return Err("an expectation has no `warn_if` and `error_if`".into());
    }
    Ok(())
}

fn span(span: &Span, tolerance: Option<Tolerance>) -> Result<Map<String, Value>, String> {
    let mut out = Map::new();
    if let Some(exactly) = &span.exactly {
        let end = json(exactly);
        let (low, high) = match (tolerance, end.as_f64()) {
            (None, _) => (end.clone(), end),
            (Some(Tolerance::Absolute(by)), Some(n)) => (build!(n - by), build!(n + by)),
            (Some(Tolerance::Relative(share)), Some(n)) => {
                (build!(n - n.abs() * share), build!(n + n.abs() * share))
            }
            _ => return Err("its value is no number".into()),
        };
        out.insert("min_value".into(), low);
        out.insert("max_value".into(), high);
        return Ok(out);
    }
    ends(&mut out, &span.min, &span.max, span.strict);
    Ok(out)
}

fn ends(
    out: &mut Map<String, Value>,
    min: &Option<Written>,
    max: &Option<Written>,
    strict: (bool, bool),
) {
    for (key, end, strict_key, strict) in [
        ("min_value", min, "strict_min", strict.0),
        ("max_value", max, "strict_max", strict.1),
    ] {
        if let Some(end) = end {
            out.insert(key.into(), json(end));
            if strict {
                out.insert(strict_key.into(), true.into());
            }
        }
    }
}

/// A test as an expectation: its type and its arguments.
fn say(check: &Check, engine: &[&str]) -> Result<(String, Map<String, Value>), String> {
    let column = |name: &str| object([("column", name.into())]);
    let (kind, mut arguments) = match &check.kind {
        Kind::NotNull { column: c } => ("expect_column_values_to_not_be_null", column(c)),
        Kind::Unique { columns, nulls } => match (columns.as_slice(), nulls) {
            ([c], Nulls::AnyIgnored | Nulls::AllIgnored) => {
                ("expect_column_values_to_be_unique", column(c))
            }
            ([_], Nulls::Equal) => {
                return Err("an expectation leaves NULLs out of one column".into());
            }
            _ => {
                let ignored = match nulls {
                    Nulls::AnyIgnored => "any_value_is_missing",
                    Nulls::AllIgnored => "all_values_are_missing",
                    Nulls::Equal => "never",
                };
                let arguments = object([
                    ("column_list", build!(columns)),
                    ("ignore_row_if", ignored.into()),
                ]);
                ("expect_compound_columns_to_be_unique", arguments)
            }
        },
        Kind::Values {
            column: c,
            values,
            wanted,
        } => {
            let mut arguments = column(c);
            let list: Vec<Value> = values.iter().map(json).collect();
            arguments.insert("value_set".into(), list.into());
            match wanted {
                true => ("expect_column_values_to_be_in_set", arguments),
                false => ("expect_column_values_to_not_be_in_set", arguments),
            }
        }
        Kind::RowCount { span: s } => match &s.exactly {
            Some(n) => (
                "expect_table_row_count_to_equal",
                object([("value", json(n))]),
            ),
            None => ("expect_table_row_count_to_be_between", span(s, None)?),
        },
        Kind::Range {
            column: c,
            min,
            max,
            strict,
        } => {
            let mut arguments = column(c);
            ends(&mut arguments, min, max, *strict);
            ("expect_column_values_to_be_between", arguments)
        }
        Kind::Regex {
            column: c,
            pattern,
            wanted,
        } => {
            let mut arguments = column(c);
            arguments.insert("regex".into(), pattern.clone().into());
            match wanted {
                true => ("expect_column_values_to_match_regex", arguments),
                false => ("expect_column_values_to_not_match_regex", arguments),
            }
        }
        Kind::Length {
            column: c,
            min,
            max,
        } => {
            let mut arguments = column(c);
            for (key, end) in [("min_value", min), ("max_value", max)] {
                if let Some(end) = end {
                    arguments.insert(key.into(), (*end).into());
                }
            }
            ("expect_column_value_lengths_to_be_between", arguments)
        }
        Kind::Aggregate {
            function,
            column: c,
            span: s,
            tolerance,
            ..
        } => {
            let c = c
                .as_ref()
                .ok_or("an expectation takes columns, no expressions")?;
            let kind = FUNCTIONS.iter().find(|(_, f)| f == function);
            let (kind, _) =
                kind.ok_or_else(|| format!("there is no expectation of the {}", function.word()))?;
            let mut arguments = column(c);
            arguments.extend(span(s, *tolerance)?);
            (*kind, arguments)
        }
        Kind::Columns { columns, set } => match set {
            ColumnSet::Ordered => (
                "expect_table_columns_to_match_ordered_list",
                object([("column_list", build!(columns))]),
            ),
            set => (
                "expect_table_columns_to_match_set",
                object([
                    ("column_set", build!(columns)),
                    ("exact_match", (*set == ColumnSet::Exact).into()),
                ]),
            ),
        },
        Kind::Expression { condition } => {
            let text = sql(condition, engine).ok_or("it has no text for this engine")?;
            let filter = match &check.filter {
                Some(f) => {
                    let f = sql(f, engine).ok_or("its `where` has no text for this engine")?;
                    format!("({f}) AND ")
                }
                None => String::new(),
            };
            let query = format!("SELECT * FROM {{batch}} WHERE {filter}NOT ({text})");
            (
                "unexpected_rows_expectation",
                object([("unexpected_rows_query", query.into())]),
            )
        }
        Kind::Sql { sql: words } => {
            let text = sql(words, engine).ok_or("it has no text for this engine")?;
            let query = text.trim().trim_end_matches(';');
            (
                "unexpected_rows_expectation",
                object([("unexpected_rows_query", query.into())]),
            )
        }
        other => {
            return Err(format!(
                "there is no expectation for the kind {}",
                other.word()
            ));
        }
    };
    if let Some(share) = check.mostly {
        if !kind.starts_with("expect_column_value") {
            return Err(format!("{kind} has no `mostly`"));
        }
        arguments.insert("mostly".into(), share.into());
    }
    Ok((kind.to_owned(), arguments))
}

/// Results as a validation result. A test that no expectation says is there by its kind: `limosa_freshness`.
pub fn results(checks: &[Check], verdicts: &Verdicts, now: SystemTime) -> String {
    let results: Vec<Value> = verdicts
        .checks
        .iter()
        .map(|o| result(checks.iter().find(|c| c.name == o.name), o))
        .collect();
    let good = results.iter().filter(|r| r["success"] == true).count();
    let percent = match results.len() {
        0 => Value::Null,
        n => build!(100.0 * good as f64 / n as f64),
    };
    let file = build!({
        "success": good == results.len(),
        "results": results,
        "suite_name": "limosa",
        "suite_parameters": {},
        "statistics": {
            "evaluated_expectations": results.len(),
            "successful_expectations": good,
            "unsuccessful_expectations": results.len() - good,
            "success_percent": percent,
        },
        "meta": {
            "great_expectations_version": VERSION,
            "limosa_version": crate::VERSION,
            "validation_time": instant(now),
        },
        "id": Value::Null,
    });
    format!("{file:#}\n")
}

fn result(check: Option<&Check>, outcome: &CheckOutcome) -> Value {
    let said = check.and_then(|c| say(c, &[]).ok());
    let (kind, arguments) =
        said.unwrap_or_else(|| (format!("limosa_{}", outcome.kind), Map::new()));
    let side = outcome.sides.last();
    let mut result = Map::new();
    if let Some(side) = side {
        if let Some(value) = &side.value {
            let number = serde_json::from_str::<Value>(value)
                .ok()
                .filter(Value::is_number);
            let value = number.unwrap_or_else(|| value.clone().into());
            result.insert("observed_value".into(), value);
        } else if let (Some(rows), Some(asked)) = (side.rows, side.asked) {
            let share = |n: u64, of: u64| match of {
                0 => 0.0,
                of => 100.0 * n as f64 / of as f64,
            };
            let missing = rows.saturating_sub(asked);
            result.extend(object([
                ("element_count", rows.into()),
                ("unexpected_count", side.failures.into()),
                ("unexpected_percent", share(side.failures, asked).into()),
                (
                    "unexpected_percent_total",
                    share(side.failures, rows).into(),
                ),
                ("missing_count", missing.into()),
                ("missing_percent", share(missing, rows).into()),
            ]));
        } else {
            result.insert("observed_value".into(), side.failures.into());
        }
    }
    let raised = outcome.status == Status::Error;
    let exception = build!({
        "raised_exception": raised,
        "exception_message": if raised { build!(outcome.message) } else { Value::Null },
        "exception_traceback": Value::Null,
    });
    let severity = match outcome.severity.as_str() {
        "warn" => "warning",
        _ => "critical",
    };
    build!({
        "success": outcome.status == Status::Pass,
        "expectation_config": {
            "type": kind,
            "kwargs": arguments,
            "meta": { "name": outcome.name, "table": outcome.table },
            "severity": severity,
        },
        "result": result,
        "exception_info": exception,
        "meta": { "status": outcome.status.word(), "message": outcome.message },
    })
}
