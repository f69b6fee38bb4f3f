//! Data tests: what of their queries is said in words of this engine, and the connection that runs them.
//!
//! A column may hold values of any type. Where numbers or moments are asked for, a value that is none is
//! outside of every range.

use crate::connect::File;
use crate::words::{literal, quote};
use limosa_core::check::{Aggregate, Class, Examiner, Field, Literal, Over, Question};
use limosa_core::notation::write_timestamp;
use limosa_core::schema::TableName;
use limosa_core::{Error, ErrorKind, Result};
use limosa_sql::{Aggregated, Asking};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use std::borrow::Cow;

/// Says a question as one query.
pub(crate) fn question(question: &Question) -> Result<String> {
    limosa_sql::question(&Ours, question)
}

/// A moment as text that sorts, to the millisecond. A whole number is a number of seconds since 1970.
fn moment(c: &str) -> String {
    const FORM: &str = "'%Y-%m-%d %H:%M:%f'";
    format!(
        "CASE typeof({c}) WHEN 'integer' THEN strftime({FORM}, {c}, 'unixepoch') ELSE strftime({FORM}, {c}) END"
    )
}

struct Ours;

impl Asking for Ours {
    fn quote(&self, identifier: &str) -> String {
        quote(identifier)
    }

    fn table(&self, name: &TableName) -> String {
        quote(&name.name)
    }

    fn shown(&self, column: &str, _: &Field) -> String {
        column.to_owned()
    }

    fn exact(&self, column: &str, field: &Field) -> String {
        match field.class() {
            Class::Text => format!("CAST({column} AS TEXT) COLLATE BINARY"),
            _ => format!("{column} COLLATE BINARY"),
        }
    }

    fn value(&self, _: &Field, value: &Literal) -> String {
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

    fn listed(&self, column: &str, field: &Field, values: &[Literal]) -> String {
        match values.iter().any(|v| matches!(v, Literal::Moment(_))) {
            true => moment(column),
            false => self.exact(column, field),
        }
    }

    fn ranged(&self, c: &str, field: &Field) -> (String, Option<String>) {
        match field.class() {
            Class::Moment => {
                let x = format!("({})", moment(c));
                let none = format!("{x} IS NULL AND {c} IS NOT NULL");
                (x, Some(none))
            }
            _ => {
                let none = format!("typeof({c}) NOT IN ('integer', 'real', 'null')");
                (c.to_owned(), Some(none))
            }
        }
    }

    fn length(&self, column: &str, _: &Field) -> String {
        format!("length({column})")
    }

    fn aggregate(&self, function: Aggregate, c: &str, over: &Over) -> Aggregated {
        let (x, ordered) = match over {
            Over::Field(field) if field.class() == Class::Moment => {
                // As it is written, so that no digit is lost; moments of one column are written alike.
                let text = format!(
                    "CASE typeof({c}) WHEN 'integer' THEN strftime('%Y-%m-%d %H:%M:%S', {c}, 'unixepoch') \
                     ELSE replace({c}, 'T', ' ') END"
                );
                (self.exact(c, field), text)
            }
            Over::Field(field) => (self.exact(c, field), self.exact(c, field)),
            Over::Expression(_) => (c.to_owned(), c.to_owned()),
        };
        let result = match function {
            Aggregate::Sum => format!("sum({x})"),
            Aggregate::Min => format!("min({ordered})"),
            Aggregate::Max => format!("max({ordered})"),
            Aggregate::Distinct => format!("count(DISTINCT {x})"),
        };
        let exact = match function {
            Aggregate::Sum => format!("CASE typeof(sum({x})) WHEN 'real' THEN 'f' ELSE 't' END"),
            _ => "'t'".into(),
        };
        Aggregated {
            result,
            counted: x,
            exact,
        }
    }
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
