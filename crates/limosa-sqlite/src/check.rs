//! Data tests: questions as queries, and the connection that runs them.
//!
//! A column may hold values of any type. Where numbers or moments are asked for, a value that is none is
//! outside of every range.

use crate::connect::File;
use crate::words::{literal, quote};
use limosa_core::check::{
    Aggregate, Bound, Class, Examiner, Fault, Field, Literal, Nulls, Over, Question, Rows,
};
use limosa_core::notation::write_timestamp;
use limosa_core::schema::TableName;
use limosa_core::{Error, ErrorKind, Result};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use std::borrow::Cow;

/// Says a question as one query.
pub(crate) fn question(question: &Question) -> Result<String> {
    Ok(match question {
        Question::Count { rows, fault } => count(rows, fault)?,
        Question::Sample {
            rows,
            fault,
            show,
            limit,
        } => sample(rows, fault, show, *limit)?,
        Question::Values { rows, show } => {
            let asked: Vec<String> = show.last().map(not_null).into_iter().collect();
            format!("SELECT {} {}", columns(show), from(rows, &asked))
        }
        Question::Aggregate {
            rows,
            function,
            over,
        } => aggregate(rows, *function, over),
        Question::Number(rows) => format!("SELECT count(*) {}", from(rows, &[])),
    })
}

fn table(name: &TableName) -> String {
    quote(&name.name)
}

/// A column of the table that is asked, which is called `c` everywhere.
fn column(field: &Field) -> String {
    format!("c.{}", quote(&field.name))
}

fn columns(show: &[Field]) -> String {
    show.iter().map(column).collect::<Vec<_>>().join(", ")
}

fn not_null(field: &Field) -> String {
    format!("{} IS NOT NULL", column(field))
}

/// `FROM … WHERE …`. A person's condition stands on lines of its own, so that a comment in it ends there.
fn from(rows: &Rows, more: &[String]) -> String {
    let own = rows.filter.iter().map(|f| format!("(\n{f}\n)"));
    let conditions: Vec<String> = own.chain(more.iter().cloned()).collect();
    match conditions.is_empty() {
        true => format!("FROM {} c", table(&rows.table)),
        false => format!(
            "FROM {} c WHERE {}",
            table(&rows.table),
            conditions.join(" AND ")
        ),
    }
}

/// A column as a value of its class, so that equal means the same bytes.
fn exact(field: &Field) -> String {
    let c = column(field);
    match field.class() {
        Class::Text => format!("CAST({c} AS TEXT) COLLATE BINARY"),
        _ => format!("{c} COLLATE BINARY"),
    }
}

fn keys(fields: &[Field]) -> String {
    fields.iter().map(exact).collect::<Vec<_>>().join(", ")
}

/// A moment as text that sorts, to the millisecond. A whole number is a number of seconds since 1970.
fn moment(c: &str) -> String {
    const FORM: &str = "'%Y-%m-%d %H:%M:%f'";
    format!(
        "CASE typeof({c}) WHEN 'integer' THEN strftime({FORM}, {c}, 'unixepoch') ELSE strftime({FORM}, {c}) END"
    )
}

fn value(value: &Literal) -> String {
    match value {
        Literal::Number(n) => n.clone(),
        Literal::Text(t) => literal(t),
        Literal::Moment(micros) => {
            let mut text = Vec::new();
            write_timestamp(&mut text, *micros, 3);
            literal(&String::from_utf8_lossy(&text))
        }
    }
}

/// The condition that a failing row meets, for faults of one row.
fn bad(fault: &Fault) -> Result<String> {
    Ok(match fault {
        Fault::Null(field) => format!("{} IS NULL", column(field)),
        Fault::Listed {
            field,
            values,
            wanted,
        } => {
            let moments = values.iter().any(|v| matches!(v, Literal::Moment(_)));
            let x = match moments {
                true => moment(&column(field)),
                false => exact(field),
            };
            let list: Vec<String> = values.iter().map(value).collect();
            let not = if *wanted { "NOT " } else { "" };
            format!("{x} {not}IN ({})", list.join(", "))
        }
        Fault::Outside { field, min, max } => {
            let c = column(field);
            let (x, none) = match field.class() {
                Class::Moment => {
                    let x = moment(&c);
                    let none = format!("({x}) IS NULL AND {c} IS NOT NULL");
                    (format!("({x})"), none)
                }
                _ => {
                    let none = format!("typeof({c}) NOT IN ('integer', 'real', 'null')");
                    (c, none)
                }
            };
            let end = |bound: &Bound, beyond: &str, at: &str| {
                let sign = if bound.strict { at } else { beyond };
                format!("{x} {sign} {}", value(&bound.value))
            };
            let ends = min.iter().map(|b| end(b, "<", "<="));
            let ends = ends.chain(max.iter().map(|b| end(b, ">", ">=")));
            ends.chain([none]).collect::<Vec<_>>().join(" OR ")
        }
        Fault::Length { field, min, max } => {
            let length = format!("length({})", column(field));
            let ends = min.map(|n| format!("{length} < {n}")).into_iter();
            let ends = ends.chain(max.map(|n| format!("{length} > {n}")));
            ends.collect::<Vec<_>>().join(" OR ")
        }
        Fault::Orphan {
            fields,
            parent,
            parent_fields,
        } => {
            // The parent's column comes first: its collation decides what is equal.
            let same: Vec<String> = fields
                .iter()
                .zip(parent_fields)
                .map(|(c, p)| format!("p.{} = {}", quote(&p.name), column(c)))
                .collect();
            format!(
                "NOT EXISTS (SELECT 1 FROM {} AS p WHERE {})",
                table(parent),
                same.join(" AND ")
            )
        }
        Fault::Untrue(condition) => format!("NOT (\n{condition}\n)"),
        Fault::Repeated { .. } => {
            return Err(Error::new(
                ErrorKind::Internal,
                "saying a data test",
                "whether a row is repeated can not be seen in it alone",
            ));
        }
    })
}

/// The conditions under which a row takes part in the search for repeated ones.
fn counted(fields: &[Field], nulls: Nulls) -> Vec<String> {
    match nulls {
        Nulls::AnyIgnored => fields.iter().map(not_null).collect(),
        Nulls::AllIgnored => {
            let any: Vec<String> = fields.iter().map(not_null).collect();
            vec![format!("({})", any.join(" OR "))]
        }
        Nulls::Equal => Vec::new(),
    }
}

fn count(rows: &Rows, fault: &Fault) -> Result<String> {
    if let Fault::Repeated { fields, nulls } = fault {
        return Ok(format!(
            "SELECT (SELECT count(*) {}), coalesce(sum(n), 0), coalesce(sum(CASE WHEN n > 1 THEN n END), 0), \
             count(CASE WHEN n > 1 THEN 1 END) FROM (SELECT count(*) AS n {} GROUP BY {})",
            from(rows, &[]),
            from(rows, &counted(fields, *nulls)),
            keys(fields)
        ));
    }
    let asked: Vec<String> = fault.asked().iter().map(not_null).collect();
    let bad = bad(fault)?;
    if matches!(fault, Fault::Orphan { .. }) {
        let mut lost = asked.clone();
        lost.push(bad);
        let lost = from(rows, &lost);
        return Ok(format!(
            "SELECT a.n, b.n, l.n, l.n FROM (SELECT count(*) AS n {}) a, (SELECT count(*) AS n {}) b, \
             (SELECT count(*) AS n {lost}) l",
            from(rows, &[]),
            from(rows, &asked),
        ));
    }
    let asked = match asked.is_empty() {
        true => "count(*)".into(),
        false => format!("count(CASE WHEN {} THEN 1 END)", asked.join(" AND ")),
    };
    let failing = format!("count(CASE WHEN {bad} THEN 1 END)");
    let different = match fault {
        Fault::Listed { field, .. } => {
            format!("count(DISTINCT CASE WHEN {bad} THEN {} END)", exact(field))
        }
        _ => failing.clone(),
    };
    Ok(format!(
        "SELECT count(*), {asked}, {failing}, {different} {}",
        from(rows, &[])
    ))
}

fn sample(
    rows: &Rows,
    fault: &Fault,
    show: &[Field],
    limit: Option<(u64, usize)>,
) -> Result<String> {
    let order = match limit {
        Some((n, key)) => {
            let by: Vec<String> = show.iter().take(key).map(column).collect();
            let by = match by.is_empty() {
                true => String::new(),
                false => format!(" ORDER BY {}", by.join(", ")),
            };
            format!("{by} LIMIT {n}")
        }
        None => String::new(),
    };
    let shown = match show.is_empty() {
        true => "NULL".into(),
        false => columns(show),
    };
    if let Fault::Repeated { fields, nulls } = fault {
        return Ok(format!(
            "SELECT {shown} FROM (SELECT c.*, count(*) OVER (PARTITION BY {}) AS limosa_n {}) c \
             WHERE limosa_n > 1{order}",
            keys(fields),
            from(rows, &counted(fields, *nulls))
        ));
    }
    let mut conditions: Vec<String> = fault.asked().iter().map(not_null).collect();
    conditions.push(format!("({})", bad(fault)?));
    Ok(format!("SELECT {shown} {}{order}", from(rows, &conditions)))
}

fn aggregate(rows: &Rows, function: Aggregate, over: &Over) -> String {
    let (x, ordered) = match over {
        Over::Field(field) if field.class() == Class::Moment => {
            let c = column(field);
            // As it is written, so that no digit is lost; moments of one column are written alike.
            let text = format!(
                "CASE typeof({c}) WHEN 'integer' THEN strftime('%Y-%m-%d %H:%M:%S', {c}, 'unixepoch') \
                 ELSE replace({c}, 'T', ' ') END"
            );
            (exact(field), text)
        }
        Over::Field(field) => (exact(field), exact(field)),
        Over::Expression(e) => (format!("(\n{e}\n)"), format!("(\n{e}\n)")),
    };
    let (said, exactly) = match function {
        Aggregate::Sum => (
            format!("sum({x})"),
            format!("CASE typeof(sum({x})) WHEN 'real' THEN 'f' ELSE 't' END"),
        ),
        Aggregate::Min => (format!("min({ordered})"), "'t'".into()),
        Aggregate::Max => (format!("max({ordered})"), "'t'".into()),
        Aggregate::Distinct => (format!("count(DISTINCT {x})"), "'t'".into()),
    };
    format!("SELECT {said}, count({x}), {exactly} {}", from(rows, &[]))
}

/// See [`Examiner`].
pub(crate) struct SqliteExaminer {
    file: File,
    connection: Connection,
}

impl SqliteExaminer {
    pub(crate) fn open(file: &File) -> Result<Self> {
        let connection = file.read()?;
        // Any row of the schema fixes the view.
        connection
            .execute_batch("BEGIN")
            .and_then(|()| {
                connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
            })
            .map_err(|e| file.error(e, "asking a data test"))?;
        Ok(Self {
            file: file.clone(),
            connection,
        })
    }
}

impl Examiner for SqliteExaminer {
    fn each(
        &mut self,
        sql: &str,
        see: &mut dyn FnMut(&[Option<&str>]) -> Result<()>,
    ) -> Result<()> {
        let here = |e| self.file.error(e, "asking a data test");
        let mut statement = self.connection.prepare(sql).map_err(here)?;
        if !statement.readonly() {
            return Err(Error::new(
                ErrorKind::Privilege,
                "asking a data test",
                "the statement would write",
            )
            .hint("A data test is one SELECT."));
        }
        let width = statement.column_count();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(here)? {
            let cells = (0..width)
                .map(|i| {
                    Ok(match row.get_ref(i)? {
                        ValueRef::Null => None,
                        ValueRef::Integer(i) => Some(Cow::Owned(i.to_string())),
                        ValueRef::Real(r) => {
                            Some(Cow::Owned(ryu::Buffer::new().format(r).to_owned()))
                        }
                        ValueRef::Text(t) => Some(String::from_utf8_lossy(t)),
                        ValueRef::Blob(b) => {
                            Some(Cow::Owned(b.iter().map(|b| format!("{b:02x}")).collect()))
                        }
                    })
                })
                .collect::<rusqlite::Result<Vec<Option<Cow<'_, str>>>>>()
                .map_err(here)?;
            let cells: Vec<Option<&str>> = cells.iter().map(Option::as_deref).collect();
            see(&cells)?;
        }
        Ok(())
    }
}
