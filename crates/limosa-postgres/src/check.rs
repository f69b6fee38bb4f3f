//! Data tests: questions as queries, and the connection that runs them.
//!
//! The `bool` that a fault's SQL gives is NULL for rows that are not asked, and those do not fail.

use crate::connect::Settings;
use crate::connection::Connection;
use crate::names::{ident, literal, table};
use limosa_core::check::{
    Aggregate, Bound, Class, Examiner, Fault, Field, Literal, Nulls, Over, Question, Rows,
};
use limosa_core::notation::write_timestamp;
use limosa_core::schema::Type;
use limosa_core::{Error, ErrorKind, Result};
use std::sync::Arc;

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
            format!("SELECT {} {}", texts(show), from(rows, &asked))
        }
        Question::Aggregate {
            rows,
            function,
            over,
        } => aggregate(rows, *function, over),
        Question::Number(rows) => format!("SELECT count(*) {}", from(rows, &[])),
    })
}

/// A column of the table that is asked, which is called `c` everywhere.
fn column(field: &Field) -> String {
    format!("c.{}", ident(&field.name))
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
    match (field.class(), field.ty.base()) {
        (Class::Number, Type::Boolean) => format!("{c}::int"),
        (Class::Number, Type::Money { .. }) => format!("{c}::numeric"),
        (Class::Number | Class::Bytes | Class::Moment, _) => c,
        (Class::Text | Class::Other, _) => format!("{c}::text COLLATE \"C\""),
    }
}

fn texts(show: &[Field]) -> String {
    let said: Vec<String> = show
        .iter()
        .map(|f| format!("{}::text", column(f)))
        .collect();
    said.join(", ")
}

fn value(field: &Field, value: &Literal) -> String {
    match value {
        Literal::Number(n) => format!("{}::numeric", literal(n)),
        Literal::Text(t) => literal(t),
        Literal::Moment(micros) => {
            let mut text = Vec::new();
            write_timestamp(&mut text, *micros, 6);
            let text = literal(&String::from_utf8_lossy(&text));
            match field.ty.base() {
                Type::Timestamp { zoned: true, .. } => format!("{text}::timestamptz"),
                _ => format!("{text}::timestamp"),
            }
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
            let list: Vec<String> = values.iter().map(|v| value(field, v)).collect();
            let not = if *wanted { "NOT " } else { "" };
            format!("{} {not}IN ({})", exact(field), list.join(", "))
        }
        Fault::Outside { field, min, max } => {
            let x = exact(field);
            let end = |bound: &Bound, beyond: &str, at: &str| {
                let sign = if bound.strict { at } else { beyond };
                format!("{x} {sign} {}", value(field, &bound.value))
            };
            let mut ends: Vec<String> = Vec::new();
            ends.extend(min.as_ref().map(|b| end(b, "<", "<=")));
            ends.extend(max.as_ref().map(|b| end(b, ">", ">=")));
            if matches!(field.ty.base(), Type::Float { .. } | Type::Decimal { .. }) {
                // It is greater than all numbers here, and no number elsewhere.
                ends.push(format!("{x} = 'NaN'"));
            }
            ends.join(" OR ")
        }
        Fault::Length { field, min, max } => {
            let length = match field.class() {
                Class::Bytes => format!("octet_length({})", column(field)),
                _ => format!("char_length({}::text)", column(field)),
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
                .map(|(c, p)| format!("p.{} = {}", ident(&p.name), column(c)))
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

fn keys(fields: &[Field]) -> String {
    fields.iter().map(exact).collect::<Vec<_>>().join(", ")
}

fn count(rows: &Rows, fault: &Fault) -> Result<String> {
    if let Fault::Repeated { fields, nulls } = fault {
        return Ok(format!(
            "SELECT (SELECT count(*) {}), coalesce(sum(n), 0), coalesce(sum(CASE WHEN n > 1 THEN n END), 0), \
             count(CASE WHEN n > 1 THEN 1 END) FROM (SELECT count(*) AS n {} GROUP BY {}) g",
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
        false => texts(show),
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
    let (x, class) = match over {
        Over::Field(field) => (exact(field), field.class()),
        Over::Expression(e) => (format!("(\n{e}\n)"), Class::Number),
    };
    // The least and the greatest of bytes are asked by their digits: before version 18 bytes have none.
    let ordered = match class {
        Class::Bytes => format!("encode({x}, 'hex') COLLATE \"C\""),
        _ => x.clone(),
    };
    let (said, exactly) = match function {
        Aggregate::Sum => (
            format!("sum({x})::text"),
            format!(
                "CASE WHEN pg_catalog.pg_typeof(sum({x}))::text IN ('real', 'double precision') THEN 'f' ELSE 't' END"
            ),
        ),
        Aggregate::Min => (format!("min({ordered})::text"), "'t'".into()),
        Aggregate::Max => (format!("max({ordered})::text"), "'t'".into()),
        Aggregate::Distinct => (format!("count(DISTINCT {x})::text"), "'t'".into()),
    };
    format!("SELECT {said}, count({x}), {exactly} {}", from(rows, &[]))
}

/// See [`Examiner`].
pub(crate) struct PostgresExaminer(Connection);

impl PostgresExaminer {
    pub(crate) fn open(settings: &Arc<Settings>) -> Result<Self> {
        let mut c = Connection::open(settings)?;
        c.doing = "asking a data test";
        // What a person writes means the names that the role's own path means.
        c.query("RESET search_path")?;
        c.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        Ok(Self(c))
    }
}

impl Examiner for PostgresExaminer {
    fn each(
        &mut self,
        sql: &str,
        see: &mut dyn FnMut(&[Option<&str>]) -> Result<()>,
    ) -> Result<()> {
        self.0.each(sql, see)
    }
}
