//! One test on one database: from what a person wrote to questions, and from their answers to numbers.

use super::find::{Found, table};
use super::noun::{Check, ColumnSet, Function, Kind, PerEngine, Span, Written};
use super::outcome::{Row, Sided};
use super::{Asking, Side, number};
use limosa_core::check::{
    Aggregate, Bound, Class, Examiner, Fault, Field, Literal, Over, Question, Rows,
};
use limosa_core::notation::{parse_timestamp, parse_timestamp_tz, write_timestamp};
use limosa_core::schema::Type;
use limosa_core::{Error, ErrorKind, Result};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::time::UNIX_EPOCH;

const DOING: &str = "asking a data test";
const MASK: &str = "***";

/// Asks one test of one database.
pub(super) fn ask(asking: &Asking<'_>, side: &Side<'_>, check: &Check) -> Result<Sided> {
    let mut asker = Asker {
        asking,
        side,
        check,
        examiner: None,
        out: Sided::new(side.role),
    };
    if let Some(keeper) = asking.keeper {
        keeper.begin(&check.name, side.role)?;
    }
    asker.kind()?;
    if let Some(keeper) = asking.keeper {
        keeper.done(&check.name, side.role)?;
    }
    Ok(asker.out)
}

struct Asker<'a> {
    asking: &'a Asking<'a>,
    side: &'a Side<'a>,
    check: &'a Check,
    examiner: Option<Box<dyn Examiner>>,
    out: Sided,
}

fn wrong(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, DOING, what)
}

impl<'a> Asker<'a> {
    fn kind(&mut self) -> Result<()> {
        let check = self.check;
        if let Kind::Sql { sql } = &check.kind {
            return self.sql(&self.words(sql, "sql")?);
        }
        let found = table(self.asking, self.side, check, &check.table)?;
        self.out.table = Some(found.name().to_string());
        let filter = match &check.filter {
            Some(filter) => Some(self.words(filter, "where")?),
            None => None,
        };
        let rows = Rows {
            table: found.name().clone(),
            filter,
        };
        let fault = match &check.kind {
            Kind::Columns { columns, set } => return self.columns(&found, columns, *set),
            Kind::RowCount { span } => {
                let n = self.one(&Question::Number(rows))?;
                let n = n.into_iter().next().flatten().unwrap_or_default();
                self.out.rows = n.parse().ok();
                self.out.numeric = true;
                return self.whole(Some(n), span, None);
            }
            Kind::Freshness { column, max_age } => {
                return self.fresh(&found, rows, column, *max_age);
            }
            Kind::Aggregate {
                function,
                column,
                expression,
                span,
                ..
            } => {
                let over = match (column, expression) {
                    (Some(column), _) => Over::Field(found.field(column)?),
                    (None, Some(e)) => Over::Expression(self.words(e, "expression")?),
                    (None, None) => {
                        return Err(wrong("it names neither a column nor an expression"));
                    }
                };
                return self.aggregate(&found, rows, *function, over, span);
            }
            Kind::Regex {
                column,
                pattern,
                wanted,
            } => return self.regex(&found, rows, column, pattern, *wanted),
            Kind::NotNull { column } => Fault::Null(found.field(column)?),
            Kind::Unique { columns, nulls } => Fault::Repeated {
                fields: found.fields(columns)?,
                nulls: *nulls,
            },
            Kind::Values {
                column,
                values,
                wanted,
            } => {
                let field = found.field(column)?;
                Fault::Listed {
                    values: values
                        .iter()
                        .map(|v| literal(&field, v))
                        .collect::<Result<_>>()?,
                    field,
                    wanted: *wanted,
                }
            }
            Kind::Relationships {
                columns,
                to,
                fields,
            } => {
                let parent = table(self.asking, self.side, check, to)?;
                Fault::Orphan {
                    fields: found.fields(columns)?,
                    parent: parent.name().clone(),
                    parent_fields: parent.fields(fields)?,
                }
            }
            Kind::Range {
                column,
                min,
                max,
                strict,
            } => {
                let field = found.field(column)?;
                let dynamic = matches!(field.ty.base(), Type::Dynamic);
                if !matches!(field.class(), Class::Number | Class::Moment) && !dynamic {
                    return Err(wrong(format!(
                        "the column {:?} is of the type {}, which has no range",
                        field.name, field.ty
                    ))
                    .hint("A range is asked of numbers and moments; write others as kind = \"expression\"."));
                }
                let bound = |written: &Option<Written>, strict: bool| {
                    let bound = written.as_ref().map(|w| {
                        Ok::<_, Error>(Bound {
                            value: literal(&field, w)?,
                            strict,
                        })
                    });
                    bound.transpose()
                };
                Fault::Outside {
                    min: bound(min, strict.0)?,
                    max: bound(max, strict.1)?,
                    field,
                }
            }
            Kind::Length { column, min, max } => Fault::Length {
                field: found.field(column)?,
                min: *min,
                max: *max,
            },
            Kind::Expression { condition } => Fault::Untrue(self.words(condition, "condition")?),
            Kind::Sql { .. } => return Err(wrong("a query has no table")),
        };
        self.fault(&found, rows, fault)
    }

    /// The person's SQL for this engine.
    fn words(&self, words: &PerEngine, key: &str) -> Result<String> {
        let engine = self.side.engine.capabilities();
        words.of(engine).map(str::to_owned).ok_or_else(|| {
            wrong(format!("`{key}` has no text for {}", engine.product))
                .hint(format!("Add {key}.{} = \"…\".", engine.family))
        })
    }

    fn each(
        &mut self,
        sql: &str,
        see: &mut dyn FnMut(&[Option<&str>]) -> Result<()>,
    ) -> Result<()> {
        if self.examiner.is_none() {
            self.examiner = Some(self.side.engine.examiner()?);
        }
        let stop = self.asking.stop;
        let examiner = self.examiner.as_mut().expect("it was opened above");
        examiner.each(sql, &mut |row| {
            stop.check()?;
            see(row)
        })
    }

    /// The one row that answers a question.
    fn one(&mut self, question: &Question) -> Result<Row> {
        let sql = self.side.engine.dialect().question(question)?;
        let mut answer: Row = Vec::new();
        self.each(&sql, &mut |row| {
            answer = row.iter().map(|c| c.map(str::to_owned)).collect();
            Ok(())
        })?;
        self.out.sql = Some(sql);
        Ok(answer)
    }

    fn fault(&mut self, found: &Found<'_>, rows: Rows, fault: Fault) -> Result<()> {
        let numbers = self.one(&Question::Count {
            rows: rows.clone(),
            fault: fault.clone(),
        })?;
        let number = |at: usize| -> Result<u64> {
            let text = numbers.get(at).and_then(Option::as_deref);
            text.and_then(|t| t.parse().ok())
                .ok_or_else(|| Error::new(ErrorKind::Protocol, DOING, "a count is not a number"))
        };
        self.out.rows = Some(number(0)?);
        self.out.asked = Some(number(1)?);
        self.out.failures = number(2)?;
        self.out.values = number(3)?;
        if self.out.failures == 0 {
            return Ok(());
        }
        let (show, key, masks) = self.shown(found)?;
        let mut sample = Question::Sample {
            rows,
            fault,
            show,
            limit: Some((self.check.limit, key)),
        };
        let dialect = self.side.engine.dialect();
        if self.check.limit > 0 && !masks.is_empty() {
            match dialect.question(&sample) {
                // The count stands without them.
                Err(e) if e.kind() == ErrorKind::Unsupported => {}
                Err(e) => return Err(e),
                Ok(sql) => {
                    let mut samples = Vec::new();
                    self.each(&sql, &mut |row| {
                        samples.push(cells(row, &masks));
                        Ok(())
                    })?;
                    self.out.samples = samples;
                }
            }
        }
        if let Some(keeper) = self.asking.keeper {
            if let Question::Sample { limit, .. } = &mut sample {
                *limit = None;
            }
            let sql = dialect.question(&sample)?;
            let (name, role) = (self.check.name.as_str(), self.side.role);
            let columns = self.out.columns.clone();
            self.each(&sql, &mut |row| {
                keeper.keep(name, role, &columns, &cells(row, &masks))
            })?;
        }
        Ok(())
    }

    /// The columns that name a failing row: the key, then what is to be shown; how many are the key; which are masked.
    fn shown(&mut self, found: &Found<'_>) -> Result<(Vec<Field>, usize, Vec<bool>)> {
        let key = found.table.identifying_columns();
        let mut show = Vec::new();
        for name in &key {
            let column = found.table.column(name);
            show.extend(column.map(|c| Field {
                name: c.name.clone(),
                ty: c.ty.clone(),
            }));
        }
        let keys = show.len();
        for name in &self.check.show {
            let field = found.field(name)?;
            if !show.contains(&field) {
                show.push(field);
            }
        }
        let masks = show
            .iter()
            .map(|f| found.masked(self.asking, self.check, &f.name))
            .collect();
        self.out.columns = show.iter().map(|f| f.name.clone()).collect();
        Ok((show, keys, masks))
    }

    /// Looks for a pattern in every value, here, so that it means the same on every engine.
    fn regex(
        &mut self,
        found: &Found<'_>,
        rows: Rows,
        column: &str,
        pattern: &str,
        wanted: bool,
    ) -> Result<()> {
        let pattern = regex::Regex::new(pattern)
            .map_err(|e| wrong(format!("the pattern can not be read: {e}")))?;
        let field = found.field(column)?;
        if field.class() == Class::Bytes {
            return Err(wrong(format!(
                "the column {:?} holds bytes, in which no pattern can be looked for",
                field.name
            )));
        }
        let n = self.one(&Question::Number(rows.clone()))?;
        self.out.rows = n.into_iter().next().flatten().and_then(|n| n.parse().ok());
        let (mut show, _, masks) = self.shown(found)?;
        let width = show.len();
        show.push(field);
        let sql = self
            .side
            .engine
            .dialect()
            .question(&Question::Values { rows, show })?;
        let (asking, check, role) = (self.asking, self.check, self.side.role);
        let columns = self.out.columns.clone();
        let (mut asked, mut failing, mut samples) = (0u64, 0u64, Vec::new());
        self.each(&sql, &mut |row| {
            asked += 1;
            let value = row.get(width).copied().flatten().unwrap_or_default();
            if pattern.is_match(value) == wanted {
                return Ok(());
            }
            failing += 1;
            let row = &row[..width.min(row.len())];
            if width > 0 && (samples.len() as u64) < check.limit {
                samples.push(cells(row, &masks));
            }
            match asking.keeper {
                Some(keeper) => keeper.keep(&check.name, role, &columns, &cells(row, &masks)),
                None => Ok(()),
            }
        })?;
        self.out.asked = Some(asked);
        self.out.failures = failing;
        self.out.values = failing;
        self.out.samples = samples;
        self.out.sql = Some(sql);
        Ok(())
    }

    fn sql(&mut self, sql: &str) -> Result<()> {
        let sql = sql.trim().trim_end_matches(';');
        let mut failing = 0u64;
        self.each(sql, &mut |_| {
            failing += 1;
            Ok(())
        })?;
        self.out.failures = failing;
        self.out.values = failing;
        self.out.sql = Some(sql.to_owned());
        Ok(())
    }

    fn columns(&mut self, found: &Found<'_>, wanted: &[String], set: ColumnSet) -> Result<()> {
        let own: Vec<&str> = found
            .table
            .columns
            .iter()
            .map(|c| c.name.as_str())
            .collect();
        // Where both sides are compared, the source's columns are said by their names in the target.
        let mut common: Vec<String> = own
            .iter()
            .map(|c| match self.side.role {
                limosa_core::engine::Role::Source => found.there(c).to_owned(),
                limosa_core::engine::Role::Target => (*c).to_owned(),
            })
            .collect();
        if set != ColumnSet::Ordered {
            common.sort();
        }
        self.out.raw = Some(common.join(", "));
        self.out.value = Some(own.join(", "));
        if wanted.is_empty() {
            return Ok(());
        }
        let have: BTreeSet<&str> = own.iter().copied().collect();
        let mut why = Vec::new();
        let mut named: Vec<String> = Vec::new();
        for name in wanted {
            match found.field(name) {
                Ok(field) => named.push(field.name),
                Err(_) => why.push(format!("there is no column {name}")),
            }
        }
        if set != ColumnSet::Contains {
            let extra = have.iter().filter(|c| !named.iter().any(|n| n == *c));
            why.extend(extra.map(|c| format!("there is another column {c}")));
        }
        if set == ColumnSet::Ordered && why.is_empty() && own != named {
            why.push(format!("the order is {}", own.join(", ")));
        }
        if !why.is_empty() {
            self.out.failures = why.len() as u64;
            self.out.values = self.out.failures;
            self.out.why = Some(why.join(", "));
        }
        Ok(())
    }

    fn aggregate(
        &mut self,
        found: &Found<'_>,
        rows: Rows,
        function: Function,
        over: Over,
        span: &Span,
    ) -> Result<()> {
        let (class, masked, ty) = match &over {
            Over::Field(f) => {
                let masked = found.masked(self.asking, self.check, &f.name);
                (f.class(), masked, Some(f.ty.clone()))
            }
            Over::Expression(_) => (Class::Number, false, None),
        };
        let numbers = matches!(function, Function::Sum | Function::Avg);
        if numbers
            && !matches!(class, Class::Number)
            && !matches!(ty.as_ref().map(Type::base), Some(Type::Dynamic))
        {
            return Err(wrong(format!(
                "the column is of the type {}, which has no {}",
                ty.map(|t| t.to_string()).unwrap_or_default(),
                function.word()
            )));
        }
        let counts = matches!(function, Function::Count | Function::CountDistinct);
        if counts && let (Function::Count, Over::Field(field)) = (function, &over) {
            let answer = self.one(&Question::Count {
                rows,
                fault: Fault::Null(field.clone()),
            })?;
            let n = |i: usize| -> u64 {
                let text = answer.get(i).and_then(Option::as_deref);
                text.and_then(|t| t.parse().ok()).unwrap_or(0)
            };
            self.out.numeric = true;
            return self.whole(Some((n(0).saturating_sub(n(2))).to_string()), span, None);
        }
        let asked = match function {
            Function::Sum | Function::Avg => Aggregate::Sum,
            Function::Min | Function::Count => Aggregate::Min,
            Function::Max => Aggregate::Max,
            Function::CountDistinct => Aggregate::Distinct,
        };
        let answer = self.one(&Question::Aggregate {
            rows,
            function: asked,
            over,
        })?;
        let cell = |i: usize| answer.get(i).cloned().flatten();
        let (mut value, count) = (cell(0), cell(1));
        self.out.inexact = cell(2).as_deref() == Some("f");
        self.out.numeric = counts || class == Class::Number || numbers;
        match function {
            Function::Count => value = count,
            Function::Avg => {
                let mean = |sum: &str, n: &str| {
                    Some(sum.parse::<f64>().ok()? / n.parse::<f64>().ok().filter(|n| *n > 0.0)?)
                };
                value = value
                    .zip(count)
                    .and_then(|(sum, n)| mean(&sum, &n))
                    .map(|m| m.to_string());
                self.out.inexact = true;
            }
            _ => {}
        }
        if class == Class::Moment && !counts {
            value = value.map(|text| match micros(&text) {
                Some(micros) => moment(micros),
                None => text,
            });
        }
        self.whole(value, span, masked.then_some(MASK))
    }

    fn fresh(&mut self, found: &Found<'_>, rows: Rows, column: &str, max_age: u64) -> Result<()> {
        let field = found.field(column)?;
        if field.class() != Class::Moment {
            return Err(wrong(format!(
                "the column {:?} is of the type {}, which holds no moments",
                field.name, field.ty
            )));
        }
        let masked = found.masked(self.asking, self.check, &field.name);
        let answer = self.one(&Question::Aggregate {
            rows,
            function: Aggregate::Max,
            over: Over::Field(field),
        })?;
        let newest = answer.into_iter().next().flatten();
        let Some(text) = newest else {
            self.fail("there is no moment in it");
            return Ok(());
        };
        let Some(newest) = micros(&text) else {
            return Err(Error::new(
                ErrorKind::Value,
                DOING,
                "the newest value is not a moment",
            ));
        };
        let now = self
            .asking
            .now
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
        let age = now.saturating_sub(newest).max(0) / 1_000_000;
        self.out.raw = Some(moment(newest));
        self.out.value = Some(if masked { MASK.into() } else { moment(newest) });
        if age.unsigned_abs() > max_age {
            self.fail(format!(
                "the newest is {age} s old, and {max_age} s are allowed"
            ));
        }
        Ok(())
    }

    fn fail(&mut self, why: impl Into<String>) {
        self.out.failures = 1;
        self.out.values = 1;
        self.out.why = Some(why.into());
    }

    /// Judges one value by its span.
    fn whole(&mut self, value: Option<String>, span: &Span, mask: Option<&str>) -> Result<()> {
        let shown = value
            .as_ref()
            .map(|v| mask.map_or(v.clone(), str::to_owned));
        self.out.raw.clone_from(&value);
        self.out.value.clone_from(&shown);
        if span.is_empty() {
            return Ok(());
        }
        let Some(value) = value else {
            self.fail("there is no value");
            return Ok(());
        };
        let shown = shown.unwrap_or_default();
        let numeric = self.out.numeric;
        let order = |end: &Written| -> Result<Ordering> {
            let end = match end {
                Written::Bool(b) => u8::from(*b).to_string(),
                Written::Number(n) | Written::Text(n) => n.clone(),
            };
            if !numeric {
                // Moments are said as text that sorts.
                let end = micros(&end).map_or(end, moment);
                return Ok(value.as_str().cmp(&end));
            }
            number::order(&value, &end)
                .ok_or_else(|| wrong(format!("{end:?} is not a number that can be compared")))
        };
        if let Some(exactly) = &span.exactly {
            let tolerance = match &self.check.kind {
                Kind::Aggregate { tolerance, .. } => *tolerance,
                _ => None,
            };
            let near = match exactly {
                Written::Number(n) if numeric => number::equal(
                    &value,
                    n,
                    tolerance.or(self.out.inexact.then_some(number::FLOAT)),
                ),
                end => order(end)? == Ordering::Equal,
            };
            if !near {
                self.fail(format!("it is {shown} and not {}", said(exactly)));
            }
        }
        for (end, beyond, strict, word) in [
            (&span.min, Ordering::Less, span.strict.0, "below"),
            (&span.max, Ordering::Greater, span.strict.1, "above"),
        ] {
            let Some(end) = end else { continue };
            let order = order(end)?;
            if order == beyond || (strict && order == Ordering::Equal) {
                let word = if order == Ordering::Equal { "at" } else { word };
                self.fail(format!("it is {shown}, {word} {}", said(end)));
            }
        }
        Ok(())
    }
}

fn said(written: &Written) -> String {
    match written {
        Written::Bool(b) => b.to_string(),
        Written::Number(t) | Written::Text(t) => t.clone(),
    }
}

/// The cells of a failing row. Of a masked one not even a NULL is told.
fn cells(row: &[Option<&str>], masks: &[bool]) -> Row {
    row.iter()
        .zip(masks)
        .map(|(cell, masked)| match masked {
            true => Some(MASK.to_owned()),
            false => cell.map(str::to_owned),
        })
        .collect()
}

fn micros(text: &str) -> Option<i64> {
    parse_timestamp(text.as_bytes()).or_else(|| parse_timestamp_tz(text.as_bytes()))
}

fn moment(micros: i64) -> String {
    let mut out = Vec::new();
    write_timestamp(&mut out, micros, 6);
    let text = String::from_utf8_lossy(&out).into_owned();
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// What a person wrote as a value of the column's class.
fn literal(field: &Field, written: &Written) -> Result<Literal> {
    let text = match written {
        Written::Bool(b) => b.to_string(),
        Written::Number(t) | Written::Text(t) => t.clone(),
    };
    let not = |what: &str| {
        Err(wrong(format!(
            "{text:?} is not {what}, as the column {:?} ({}) has them",
            field.name, field.ty
        )))
    };
    match (field.class(), written) {
        (Class::Number, Written::Bool(b)) => Ok(Literal::Number(u8::from(*b).to_string())),
        (Class::Number, _) => match number::is_number(&text) {
            true => Ok(Literal::Number(text)),
            false => not("a number"),
        },
        (Class::Moment, _) => match micros(&text) {
            Some(micros) => Ok(Literal::Moment(micros)),
            None => not("a moment like 2024-05-17 or 2024-05-17 12:30:00"),
        },
        (Class::Bytes, _) => not("a list of bytes"),
        (Class::Text, _) => Ok(Literal::Text(text)),
        (Class::Other, Written::Number(_)) if matches!(field.ty.base(), Type::Dynamic) => {
            match number::is_number(&text) {
                true => Ok(Literal::Number(text)),
                false => not("a number"),
            }
        }
        (Class::Other, _) => Ok(Literal::Text(text)),
    }
}
