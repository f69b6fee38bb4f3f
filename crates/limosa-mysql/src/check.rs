//! Data tests: what of their queries is said in words of this engine, and the connection that runs them.
//!
//! Texts are compared as their UTF-8 bytes: every collation of this server takes some texts that
//! differ for equal (`a` and `A`, or `a` and `a ` with a blank).

use crate::connect::Target;
use crate::connection::{Answer, Connection, Version};
use crate::wire::{Parts, malformed};
use crate::words::{hex, literal, quote};
use limosa_core::check::{Aggregate, Class, Examiner, Field, Literal, Over, Question};
use limosa_core::error::{Error, ErrorKind, Result};
use limosa_core::notation::write_timestamp;
use limosa_core::schema::{TableName, Type};
use limosa_sql::{Aggregated, Asking};
use std::sync::Arc;

const DOING: &str = "asking a data test";

/// Says a question as one query.
pub(crate) fn question(version: &Version, question: &Question) -> Result<String> {
    limosa_sql::question(&Ours(version), question)
}

struct Ours<'v>(&'v Version);

impl Asking for Ours<'_> {
    fn quote(&self, identifier: &str) -> String {
        quote(identifier)
    }

    fn table(&self, name: &TableName) -> String {
        quote(&name.name)
    }

    fn shown(&self, c: &str, field: &Field) -> String {
        match (field.class(), field.ty.base()) {
            (Class::Bytes, _) | (_, Type::Geometry { .. }) => format!("LOWER(HEX({c}))"),
            (_, Type::Bit { .. }) => format!("CAST({c} + 0 AS CHAR)"),
            (Class::Text, _) => format!("CONVERT({c} USING utf8mb4)"),
            _ => format!("CAST({c} AS CHAR)"),
        }
    }

    fn exact(&self, column: &str, field: &Field) -> String {
        match field.class() {
            Class::Number | Class::Bytes | Class::Moment => column.to_owned(),
            Class::Text | Class::Other => format!("CAST({} AS BINARY)", self.shown(column, field)),
        }
    }

    /// The server groups long values by their beginnings.
    fn key(&self, column: &str, field: &Field) -> String {
        match field.long() {
            true => format!("SHA2({}, 256)", self.exact(column, field)),
            false => self.exact(column, field),
        }
    }

    fn value(&self, _: &Field, value: &Literal) -> String {
        match value {
            Literal::Number(n) => n.clone(),
            Literal::Text(t) => hex(t.as_bytes()),
            Literal::Moment(micros) => {
                let mut text = Vec::new();
                write_timestamp(&mut text, *micros, 6);
                let text = literal(&String::from_utf8_lossy(&text));
                format!("CAST({text} AS DATETIME(6))")
            }
        }
    }

    fn length(&self, column: &str, field: &Field) -> String {
        match field.class() {
            Class::Bytes => format!("LENGTH({column})"),
            _ => format!("CHAR_LENGTH({})", self.shown(column, field)),
        }
    }

    fn aggregate(&self, function: Aggregate, column: &str, over: &Over) -> Aggregated {
        let (x, key, class, float) = match over {
            Over::Field(field) => (
                self.exact(column, field),
                self.key(column, field),
                field.class(),
                matches!(field.ty.base(), Type::Float { .. }),
            ),
            Over::Expression(_) => (column.to_owned(), column.to_owned(), Class::Number, false),
        };
        let text = |x: String| match class {
            Class::Bytes => format!("LOWER(HEX({x}))"),
            Class::Text => format!("CONVERT({x} USING utf8mb4)"),
            _ => format!("CAST({x} AS CHAR)"),
        };
        let result = match function {
            Aggregate::Sum => text(format!("SUM({x})")),
            Aggregate::Min => text(format!("MIN({x})")),
            Aggregate::Max => text(format!("MAX({x})")),
            Aggregate::Distinct => format!("COUNT(DISTINCT {key})"),
        };
        let exact = match (function, float) {
            (Aggregate::Sum, true) => "'f'",
            _ => "'t'",
        };
        Aggregated {
            result,
            counted: x,
            exact: exact.into(),
        }
    }

    fn windows(&self) -> Result<()> {
        if self.0.maria || self.0.mysql(8, 0, 0) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Unsupported,
            "saying a data test",
            "this version has no windows, by which repeated rows are named",
        ))
    }
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
