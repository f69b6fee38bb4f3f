//! What a `[[check]]` means, and what is wrong with it.

use super::super::Problem;
use super::super::amount::parse_seconds;
use super::words::*;
use super::{CheckPart, Scalar, SqlPart};
use limosa_core::check::Nulls;
use limosa_flow::check::{
    Check, ColumnSet, Counting, Function, Kind, On, PerEngine, Severity, Span, Threshold, Tolerance,
};
use std::collections::HashSet;
use toml::Spanned;

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

/// Reads all tests of a file. Names are unlike each other.
pub(in super::super) fn checks(parts: &[Spanned<CheckPart>]) -> Result<Vec<Check>, Problem> {
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
