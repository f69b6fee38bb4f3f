//! Data tests: questions as queries, and the connection that runs them.
//!
//! Texts are compared as their UTF-8 bytes: every collation of this server takes some texts that
//! differ for equal (`a` and `A`, or `a` and `a ` with a blank).

use crate::connect::Target;
use crate::connection::{Answer, Connection, Version};
use crate::wire::{Parts, malformed};
use crate::words::{hex, literal, quote};
use limosa_core::check::{
    Aggregate, Bound, Class, Examiner, Fault, Field, Literal, Nulls, Over, Question, Rows,
};
use limosa_core::error::{Error, ErrorKind, Result};
use limosa_core::notation::write_timestamp;
use limosa_core::schema::{TableName, Type};
use std::sync::Arc;

const DOING: &str = "asking a data test";

/// Says a question as one query.
pub(crate) fn question(version: &Version, question: &Question) -> Result<String> {
    Ok(match question {
        Question::Count { rows, fault } => count(rows, fault)?,
        Question::Sample {
            rows,
            fault,
            show,
            limit,
        } => sample(version, rows, fault, show, *limit)?,
        Question::Values { rows, show } => {
            let asked: Vec<String> = show.last().map(not_null).into_iter().collect();
            format!("SELECT {} {}", texts(show), from(rows, &asked))
        }
        Question::Aggregate {
            rows,
            function,
            over,
        } => aggregate(rows, *function, over),
        Question::Number(rows) => format!("SELECT COUNT(*) {}", from(rows, &[])),
    })
}

fn table(name: &TableName) -> String {
    quote(&name.name)
}

/// A column of the table that is asked, which is called `c` everywhere.
fn column(field: &Field) -> String {
    format!("c.{}", quote(&field.name))
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

/// A column as characters.
fn text(field: &Field) -> String {
    let c = column(field);
    match (field.class(), field.ty.base()) {
        (Class::Bytes, _) | (_, Type::Geometry { .. }) => format!("LOWER(HEX({c}))"),
        (_, Type::Bit { .. }) => format!("CAST({c} + 0 AS CHAR)"),
        (Class::Text, _) => format!("CONVERT({c} USING utf8mb4)"),
        _ => format!("CAST({c} AS CHAR)"),
    }
}

/// A column as a value of its class, so that equal means the same bytes.
fn exact(field: &Field) -> String {
    match field.class() {
        Class::Number | Class::Bytes | Class::Moment => column(field),
        Class::Text | Class::Other => format!("CAST({} AS BINARY)", text(field)),
    }
}

/// The same to group by: the server groups long values by their beginnings.
fn key(field: &Field) -> String {
    match field.long() {
        true => format!("SHA2({}, 256)", exact(field)),
        false => exact(field),
    }
}

fn keys(fields: &[Field]) -> String {
    fields.iter().map(key).collect::<Vec<_>>().join(", ")
}

fn texts(show: &[Field]) -> String {
    show.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn value(value: &Literal) -> String {
    match value {
        Literal::Number(n) => n.clone(),
        Literal::Text(t) => hex(t.as_bytes()),
        Literal::Moment(micros) => {
            let mut text = Vec::new();
            write_timestamp(&mut text, *micros, 6);
            format!(
                "CAST({} AS DATETIME(6))",
                literal(&String::from_utf8_lossy(&text))
            )
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
            let list: Vec<String> = values.iter().map(value).collect();
            let not = if *wanted { "NOT " } else { "" };
            format!("{} {not}IN ({})", exact(field), list.join(", "))
        }
        Fault::Outside { field, min, max } => {
            let x = exact(field);
            let end = |bound: &Bound, beyond: &str, at: &str| {
                let sign = if bound.strict { at } else { beyond };
                format!("{x} {sign} {}", value(&bound.value))
            };
            let ends = min.iter().map(|b| end(b, "<", "<="));
            let ends = ends.chain(max.iter().map(|b| end(b, ">", ">=")));
            ends.collect::<Vec<_>>().join(" OR ")
        }
        Fault::Length { field, min, max } => {
            let length = match field.class() {
                Class::Bytes => format!("LENGTH({})", column(field)),
                _ => format!("CHAR_LENGTH({})", text(field)),
            };
            let ends = min.map(|n| format!("{length} < {n}")).into_iter();
            let ends = ends.chain(max.map(|n| format!("{length} > {n}")));
            ends.collect::<Vec<_>>().join(" OR ")
        }
        Fault::Orphan {
            fields,
            parent,
            parent_fields,
        } => {
            let same: Vec<String> = fields
                .iter()
                .zip(parent_fields)
                .map(|(c, p)| format!("p.{} = {}", quote(&p.name), column(c)))
                .collect();
            format!(
                "NOT EXISTS (SELECT 1 FROM {} p WHERE {})",
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
            "SELECT (SELECT COUNT(*) {}), COALESCE(SUM(n), 0), COALESCE(SUM(CASE WHEN n > 1 THEN n END), 0), \
             COUNT(CASE WHEN n > 1 THEN 1 END) FROM (SELECT COUNT(*) AS n {} GROUP BY {}) g",
            from(rows, &[]),
            from(rows, &counted(fields, *nulls)),
            keys(fields)
        ));
    }
    let asked: Vec<String> = fault.asked().iter().map(not_null).collect();
    let bad = bad(fault)?;
    if matches!(fault, Fault::Orphan { .. }) {
        // Apart from each other, so that the parents are joined and not looked up one by one.
        let mut lost = asked.clone();
        lost.push(bad);
        let lost = from(rows, &lost);
        return Ok(format!(
            "SELECT a.n, b.n, l.n, l.n FROM (SELECT COUNT(*) AS n {}) a, (SELECT COUNT(*) AS n {}) b, \
             (SELECT COUNT(*) AS n {lost}) l",
            from(rows, &[]),
            from(rows, &asked),
        ));
    }
    let asked = match asked.is_empty() {
        true => "COUNT(*)".into(),
        false => format!("COUNT(CASE WHEN {} THEN 1 END)", asked.join(" AND ")),
    };
    let failing = format!("COUNT(CASE WHEN {bad} THEN 1 END)");
    let different = match fault {
        Fault::Listed { field, .. } => {
            format!("COUNT(DISTINCT CASE WHEN {bad} THEN {} END)", key(field))
        }
        _ => failing.clone(),
    };
    Ok(format!(
        "SELECT COUNT(*), {asked}, {failing}, {different} {}",
        from(rows, &[])
    ))
}

fn sample(
    version: &Version,
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
        false => texts(show),
    };
    if let Fault::Repeated { fields, nulls } = fault {
        if !version.maria && !version.mysql(8, 0, 0) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "saying a data test",
                "this version has no windows, by which repeated rows are named",
            ));
        }
        return Ok(format!(
            "SELECT {shown} FROM (SELECT c.*, COUNT(*) OVER (PARTITION BY {}) AS limosa_n {}) c \
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
    let (x, float) = match over {
        Over::Field(field) => (exact(field), matches!(field.ty.base(), Type::Float { .. })),
        Over::Expression(e) => (format!("(\n{e}\n)"), false),
    };
    let said = |x: &str| match over {
        Over::Field(field) if field.class() == Class::Bytes => format!("LOWER(HEX({x}))"),
        Over::Field(field) if field.class() == Class::Text => {
            format!("CONVERT({x} USING utf8mb4)")
        }
        _ => format!("CAST({x} AS CHAR)"),
    };
    let made = match function {
        Aggregate::Sum => said(&format!("SUM({x})")),
        Aggregate::Min => said(&format!("MIN({x})")),
        Aggregate::Max => said(&format!("MAX({x})")),
        Aggregate::Distinct => match over {
            Over::Field(field) => format!("COUNT(DISTINCT {})", key(field)),
            Over::Expression(_) => format!("COUNT(DISTINCT {x})"),
        },
    };
    let exactly = match (function, float) {
        (Aggregate::Sum, true) => "f",
        _ => "t",
    };
    format!("SELECT {made}, COUNT({x}), '{exactly}' {}", from(rows, &[]))
}

/// See [`Examiner`].
pub(crate) struct MySqlExaminer {
    connection: Connection,
}

impl MySqlExaminer {
    pub(crate) fn open(target: &Arc<Target>) -> Result<Self> {
        let mut connection = Connection::open(target)?;
        // A statement that defines ends the transaction: what begins after it is read-only too.
        connection.run(DOING, "SET SESSION TRANSACTION READ ONLY")?;
        connection.run(
            DOING,
            "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
        )?;
        Ok(Self { connection })
    }
}

impl Examiner for MySqlExaminer {
    fn each(
        &mut self,
        sql: &str,
        see: &mut dyn FnMut(&[Option<&str>]) -> Result<()>,
    ) -> Result<()> {
        let columns = match self.connection.query(DOING, sql)? {
            Answer::Rows(columns) => columns.len(),
            _ => return Ok(()),
        };
        while let Some(packet) = self.connection.row(DOING)? {
            let mut parts = Parts::new(packet);
            let mut row = Vec::with_capacity(columns);
            for _ in 0..columns {
                let cell = parts.cell().ok_or_else(|| malformed("row"))?;
                row.push(cell.map(String::from_utf8_lossy));
            }
            let row: Vec<Option<&str>> = row.iter().map(Option::as_deref).collect();
            see(&row)?;
        }
        Ok(())
    }
}
