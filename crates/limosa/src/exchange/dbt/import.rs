//! A `schema.yml` read.

use super::super::{Left, all, scalar, scalars, texts};
use crate::settings::Problem;
use crate::settings::data_test::CheckPart;
use serde_json::{Map, Value};

/// Keys of a test that say how it runs, and are no arguments of it.
const CONFIG: &[&str] = &[
    "config",
    "name",
    "description",
    "severity",
    "warn_if",
    "error_if",
    "where",
    "limit",
    "tags",
    "enabled",
    "fail_calc",
    "store_failures",
    "store_failures_as",
    "meta",
    "group",
    "alias",
    "schema",
    "database",
    "column_name",
    "test_name",
    "arguments",
];

/// Reads a `schema.yml`. Out: the tests, and what can not be said here.
///
/// # Errors
/// If the text is no YAML, or not of that shape.
pub fn import(text: &str) -> Result<(Vec<CheckPart>, Vec<Left>), Problem> {
    let file: Value = serde_saphyr::from_str(text).map_err(|e| {
        let words = e.to_string();
        let first = words.lines().next().unwrap_or("not YAML").to_owned();
        Problem::new(format!("the file can not be read as YAML: {first}"))
    })?;
    let Some(file) = file.as_object() else {
        return Err(Problem::new(
            "the file is no schema.yml: it has no `models` or `sources`",
        ));
    };
    let mut reader = Reader::default();
    for key in ["models", "seeds", "snapshots"] {
        for model in list(file.get(key)) {
            let alias = model
                .pointer("/config/alias")
                .or_else(|| model.get("alias"));
            reader.relation(model, alias, None);
        }
    }
    for source in list(file.get("sources")) {
        let schema = text_of(source, "schema").filter(|s| !jinja(s) && *s != "main");
        for table in list(source.get("tables")) {
            let mut table = table.clone();
            // What a source says of itself holds for its tables.
            if let (Some(own), Some(map)) = (source.as_object(), table.as_object_mut()) {
                for key in ["loaded_at_field", "freshness"] {
                    let outer = own.get(key).or_else(|| own.get("config")?.get(key));
                    let inner = map.contains_key(key)
                        || map.get("config").is_some_and(|c| c.get(key).is_some());
                    if let (Some(value), false) = (outer, inner) {
                        map.insert(key.into(), value.clone());
                    }
                }
            }
            let identifier = table.get("identifier").cloned();
            reader.relation(&table, identifier.as_ref(), schema);
        }
    }
    for key in file.keys() {
        if ["unit_tests", "exposures", "metrics", "data_tests", "tests"].contains(&key.as_str()) {
            reader
                .left
                .push(Left::new(key, "this part holds nothing that is asked here"));
        }
    }
    Ok((reader.parts, reader.left))
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn text_of<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str()
}

fn jinja(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

#[derive(Default)]
struct Reader {
    parts: Vec<CheckPart>,
    left: Vec<Left>,
}

impl Reader {
    /// A model or a table of a source.
    fn relation(&mut self, relation: &Value, called: Option<&Value>, schema: Option<&str>) {
        let name = called.and_then(Value::as_str).filter(|n| !jinja(n));
        let Some(name) = name.or_else(|| text_of(relation, "name")) else {
            self.left.push(Left::new(
                "a model without a name",
                "nothing is known of it",
            ));
            return;
        };
        let table = match schema {
            Some(schema) => format!("{schema}.{name}"),
            None => name.to_owned(),
        };
        self.freshness(&table, relation);
        for key in ["tests", "data_tests"] {
            for test in list(relation.get(key)) {
                self.test(&table, None, test);
            }
            for column in list(relation.get("columns")) {
                let Some(name) = text_of(column, "name") else {
                    continue;
                };
                for test in list(column.get(key)) {
                    self.test(&table, Some(name), test);
                }
            }
        }
    }

    fn freshness(&mut self, table: &str, relation: &Value) {
        let get = |key: &str| {
            let own = relation
                .get(key)
                .or_else(|| relation.get("config")?.get(key));
            own.filter(|v| !v.is_null())
        };
        let Some(rules) = get("freshness") else {
            return;
        };
        let what = format!("freshness of {table}");
        let Some(column) = get("loaded_at_field").and_then(Value::as_str) else {
            self.left.push(Left::new(what, "it has no loaded_at_field"));
            return;
        };
        for (key, severity) in [("error_after", "error"), ("warn_after", "warn")] {
            let Some(rule) = rules.get(key).filter(|r| !r.is_null()) else {
                continue;
            };
            let unit = match text_of(rule, "period") {
                Some("minute") => "m",
                Some("hour") => "h",
                Some("day") => "d",
                _ => {
                    self.left
                        .push(Left::new(&what, format!("{key} has no known period")));
                    continue;
                }
            };
            let Some(count) = rule.get("count").and_then(Value::as_u64) else {
                self.left
                    .push(Left::new(&what, format!("{key} has no count")));
                continue;
            };
            self.parts.push(CheckPart {
                kind: "freshness".into(),
                table: Some(table.to_owned()),
                column: Some(column.to_owned()),
                max_age: Some(format!("{count}{unit}")),
                severity: (severity == "warn").then(|| severity.to_owned()),
                ..CheckPart::default()
            });
        }
        if rules.get("filter").is_some_and(|f| !f.is_null()) {
            self.left
                .push(Left::new(what, "its `filter` is not taken over"));
        }
    }

    /// One test, in any of the ways in which it is written.
    fn test(&mut self, table: &str, column: Option<&str>, test: &Value) {
        let empty = Map::new();
        let (kind, body) = match test {
            Value::String(kind) => (kind.as_str(), &empty),
            Value::Object(map) => match (map.get("test_name"), map.iter().next()) {
                (Some(Value::String(kind)), _) => (kind.as_str(), map),
                (_, Some((kind, Value::Object(body)))) if map.len() == 1 => (kind.as_str(), body),
                (_, Some((kind, Value::Null))) if map.len() == 1 => (kind.as_str(), &empty),
                _ => {
                    self.left.push(Left::new(
                        format!("a test of {table}"),
                        "it is written in no known way",
                    ));
                    return;
                }
            },
            _ => {
                self.left.push(Left::new(
                    format!("a test of {table}"),
                    "it is neither a name nor a mapping",
                ));
                return;
            }
        };
        let place = match column {
            Some(column) => format!("{table}.{column}"),
            None => table.to_owned(),
        };
        let what = match body.get("name").and_then(Value::as_str) {
            Some(name) => format!("{name} ({kind} on {place})"),
            None => format!("{kind} on {place}"),
        };
        let column = body.get("column_name").and_then(Value::as_str).or(column);
        // Arguments stand beside the configuration, or below `arguments`.
        let mut arguments = Map::new();
        for (key, value) in body {
            if !CONFIG.contains(&key.as_str()) {
                arguments.insert(key.clone(), value.clone());
            }
        }
        if let Some(Value::Object(own)) = body.get("arguments") {
            arguments.extend(own.clone());
        }
        let mut part = CheckPart {
            name: body.get("name").and_then(Value::as_str).map(str::to_owned),
            table: Some(table.to_owned()),
            column: column.map(str::to_owned),
            ..CheckPart::default()
        };
        if let Err(why) = arguments_of(kind, &mut arguments, column, &mut part) {
            self.left.push(Left::new(what, why));
            return;
        }
        if let Some(key) = arguments.keys().next() {
            self.left.push(Left::new(
                what,
                format!("its argument `{key}` has no equal here"),
            ));
            return;
        }
        let mut config = body.clone();
        config.retain(|k, _| CONFIG.contains(&k.as_str()));
        if let Some(Value::Object(own)) = body.get("config") {
            config.extend(own.clone());
        }
        match configure(&config, &mut part) {
            Err(why) => {
                self.left.push(Left::new(what, why));
                return;
            }
            Ok(keys) => {
                for key in keys {
                    self.left
                        .push(Left::new(&what, format!("its `{key}` is not taken over")));
                }
            }
        }
        if let Err(problem) = part.check() {
            self.left.push(Left::new(what, problem.what));
            return;
        }
        self.parts.push(part);
    }
}

/// Takes the arguments that a test has, and says what it is here.
fn arguments_of(
    kind: &str,
    arguments: &mut Map<String, Value>,
    column: Option<&str>,
    part: &mut CheckPart,
) -> Result<(), String> {
    let mut take = |key: &str| arguments.remove(key).filter(|v| !v.is_null());
    let plain = |value: &Value| match value {
        Value::String(t) if jinja(t) => {
            Err("it holds Jinja, which only dbt can evaluate".to_owned())
        }
        _ => Ok(()),
    };
    let values = |value: Option<Value>| {
        let value = value.ok_or("it has no values")?;
        for v in list(Some(&value)) {
            plain(v)?;
        }
        plain(&value)?;
        scalars(&value).ok_or_else(|| "its values are no list of single values".to_owned())
    };
    match kind {
        "not_null" => part.kind = "not_null".into(),
        "unique" => part.kind = "unique".into(),
        "accepted_values" | "dbt_utils.not_accepted_values" => {
            part.kind = match kind {
                "accepted_values" => "accepted_values",
                _ => "rejected_values",
            }
            .into();
            part.values = Some(values(take("values"))?);
            // Our columns know their types.
            take("quote");
        }
        "relationships" => {
            part.kind = "relationships".into();
            let to = take("to").ok_or("it has no `to`")?;
            let to = to.as_str().unwrap_or_default();
            part.to =
                Some(relation(to).ok_or("its `to` is no ref() or source() that can be read")?);
            let field = take("field");
            part.field = field.and_then(|f| Some(f.as_str()?.to_owned()));
        }
        "dbt_utils.unique_combination_of_columns" => {
            part.kind = "unique".into();
            part.column = None;
            let columns = take("combination_of_columns").and_then(|c| texts(&c));
            part.columns = Some(columns.ok_or("it has no combination_of_columns")?);
            part.nulls = Some("equal".into());
            take("quote_columns");
        }
        "dbt_utils.accepted_range" => {
            part.kind = "range".into();
            let inclusive = take("inclusive").is_none_or(|v| v.as_bool() != Some(false));
            for (key, end, strict) in [
                ("min_value", &mut part.min, &mut part.strict_min),
                ("max_value", &mut part.max, &mut part.strict_max),
            ] {
                if let Some(value) = take(key) {
                    plain(&value)?;
                    // In dbt a text is an expression in SQL.
                    *end = match &value {
                        Value::Number(_) => scalar(&value),
                        _ => return Err(format!("its {key} is an expression in SQL")),
                    };
                    *strict = (!inclusive).then_some(true);
                }
            }
        }
        "dbt_utils.expression_is_true" => {
            part.kind = "expression".into();
            part.column = None;
            let expression = take("expression").ok_or("it has no expression")?;
            plain(&expression)?;
            let text = expression.as_str().unwrap_or_default();
            part.condition = all(match column {
                Some(column) => format!("{column} {text}"),
                None => text.to_owned(),
            });
        }
        "dbt_utils.not_null_proportion" => {
            part.kind = "not_null".into();
            if take("at_most").is_some_and(|v| v.as_f64() != Some(1.0)) {
                return Err("its `at_most` has no equal here".into());
            }
            part.mostly = take("at_least").and_then(|v| v.as_f64());
        }
        "dbt_utils.not_empty_string" => {
            part.kind = "expression".into();
            part.column = None;
            let column = column.ok_or("it names no column")?;
            let trim = take("trim_whitespace").is_none_or(|v| v.as_bool() != Some(false));
            part.condition = all(match trim {
                true => format!("trim({column}) <> ''"),
                false => format!("{column} <> ''"),
            });
        }
        "dbt_utils.at_least_one" | "dbt_utils.not_constant" => {
            part.kind = "aggregate".into();
            let (function, least) = match kind {
                "dbt_utils.at_least_one" => ("count", 1),
                _ => ("count_distinct", 2),
            };
            part.function = Some(function.into());
            part.min = Some(crate::settings::data_test::Scalar::Int(least));
        }
        _ => return Err("there is no such test here".into()),
    }
    Ok(())
}

/// The table of `ref('x')` or `source('x', 'y')`, with or without the braces of Jinja.
fn relation(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text
        .strip_prefix("{{")
        .and_then(|t| t.strip_suffix("}}"))
        .unwrap_or(text)
        .trim();
    let (call, rest) = text.split_once('(')?;
    if !["ref", "source"].contains(&call.trim()) {
        return None;
    }
    let inside = rest.trim_end().strip_suffix(')')?;
    let mut words = inside.split(',').map(str::trim).map(|w| {
        let quoted = |q: char| w.strip_prefix(q).and_then(|w| w.strip_suffix(q));
        quoted('\'').or_else(|| quoted('"'))
    });
    // The last is the table: the first may be a package or a source.
    let last = words.next_back()??;
    words
        .all(|w| w.is_some())
        .then(|| last.to_owned())
        .filter(|w| !w.is_empty() && !w.contains(['\'', '"']))
}

/// Takes the configuration of a test over. Out: the keys that are not.
fn configure(config: &Map<String, Value>, part: &mut CheckPart) -> Result<Vec<String>, String> {
    let mut left = Vec::new();
    for (key, value) in config {
        let text = value.as_str();
        if text.is_some_and(jinja) && key != "description" {
            return Err(format!(
                "its `{key}` holds Jinja, which only dbt can evaluate"
            ));
        }
        match (key.as_str(), text) {
            _ if value.is_null() => {}
            ("severity", Some(word)) => {
                if word.eq_ignore_ascii_case("warn") {
                    part.severity = Some("warn".into());
                }
            }
            ("warn_if", Some(text)) => part.warn_if = Some(text.to_owned()),
            ("error_if", Some(text)) => part.error_if = Some(text.to_owned()),
            ("where", Some(text)) => part.filter = all(text),
            ("tags", Some(tag)) => part.tags = vec![tag.to_owned()],
            ("tags", None) => part.tags = texts(value).unwrap_or_default(),
            ("enabled", _) if value.as_bool() == Some(true) => {}
            ("enabled", _) => return Err("it is not enabled".into()),
            ("fail_calc", Some(text)) if text.replace(' ', "") == "count(*)" => {}
            ("fail_calc", _) => return Err("its `fail_calc` has no equal here".into()),
            ("name" | "config" | "test_name" | "arguments" | "column_name" | "description", _) => {}
            (key, _) => left.push(key.to_owned()),
        }
    }
    // dbt counts different values in these two.
    let counts = matches!(part.kind.as_str(), "unique" | "accepted_values");
    if counts && (part.warn_if.is_some() || part.error_if.is_some()) {
        part.count = Some("values".into());
    }
    Ok(left)
}
