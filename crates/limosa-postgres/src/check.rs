//! Data tests: what of their queries is said in words of this engine, and the connection that runs them.

use crate::connect::Settings;
use crate::connection::Connection;
use crate::names::{ident, literal, table};
use limosa_core::Result;
use limosa_core::check::{Aggregate, Class, Examiner, Field, Literal, Over, Question};
use limosa_core::notation::write_timestamp;
use limosa_core::schema::{TableName, Type};
use limosa_sql::{Aggregated, Asking};
use std::sync::Arc;

/// Says a question as one query.
pub(crate) fn question(question: &Question) -> Result<String> {
    limosa_sql::question(&Ours, question)
}

struct Ours;

impl Asking for Ours {
    fn quote(&self, identifier: &str) -> String {
        ident(identifier)
    }

    fn table(&self, name: &TableName) -> String {
        table(name)
    }

    fn shown(&self, column: &str, _: &Field) -> String {
        format!("{column}::text")
    }

    fn exact(&self, column: &str, field: &Field) -> String {
        match (field.class(), field.ty.base()) {
            (Class::Number, Type::Boolean) => format!("{column}::int"),
            (Class::Number, Type::Money { .. }) => format!("{column}::numeric"),
            (Class::Number | Class::Bytes | Class::Moment, _) => column.to_owned(),
            (Class::Text | Class::Other, _) => format!("{column}::text COLLATE \"C\""),
        }
    }

    fn value(&self, field: &Field, value: &Literal) -> String {
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

    /// NaN is greater than all numbers here, and no number elsewhere.
    fn ranged(&self, column: &str, field: &Field) -> (String, Option<String>) {
        let x = self.exact(column, field);
        let nan = matches!(field.ty.base(), Type::Float { .. } | Type::Decimal { .. })
            .then(|| format!("{x} = 'NaN'"));
        (x, nan)
    }

    fn length(&self, column: &str, field: &Field) -> String {
        match field.class() {
            Class::Bytes => format!("octet_length({column})"),
            _ => format!("char_length({column}::text)"),
        }
    }

    fn aggregate(&self, function: Aggregate, column: &str, over: &Over) -> Aggregated {
        let (x, class) = match over {
            Over::Field(field) => (self.exact(column, field), field.class()),
            Over::Expression(_) => (column.to_owned(), Class::Number),
        };
        // The least and the greatest of bytes are asked by their digits: before version 18 bytes have none.
        let ordered = match class {
            Class::Bytes => format!("encode({x}, 'hex') COLLATE \"C\""),
            _ => x.clone(),
        };
        let result = match function {
            Aggregate::Sum => format!("sum({x})::text"),
            Aggregate::Min => format!("min({ordered})::text"),
            Aggregate::Max => format!("max({ordered})::text"),
            Aggregate::Distinct => format!("count(DISTINCT {x})::text"),
        };
        let exact = match function {
            Aggregate::Sum => format!(
                "CASE WHEN pg_catalog.pg_typeof(sum({x}))::text IN ('real', 'double precision') THEN 'f' ELSE 't' END"
            ),
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
