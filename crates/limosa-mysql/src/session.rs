//! A connection for statements.

use crate::connect::Target;
use crate::connection::Connection;
use crate::words::{literal, quote};
use limosa_core::engine::Session;
use limosa_core::error::{Error, ErrorKind, Result};
use limosa_core::mend::Statement;
use limosa_core::operation::ObjectRef;
use limosa_core::schema::{ForeignKey, TableName};
use std::sync::Arc;

const DOING: &str = "running a statement";

/// Tables that one statement asks about at most.
const AT_ONCE: usize = 16;

/// Statements on a connection of their own.
pub(crate) struct MySqlSession {
    connection: Connection,
}

impl MySqlSession {
    pub(crate) fn open(target: &Arc<Target>) -> Result<Self> {
        let mut connection = Connection::open(target)?;
        // Tables are made in any order, and a foreign key is checked when it is added.
        connection.run(DOING, "SET SESSION lock_wait_timeout = 3600")?;
        Ok(Self { connection })
    }

    /// Runs statements of one row each; says how many rows each touched.
    fn each(&mut self, statements: &[&Statement]) -> Result<Vec<u64>> {
        let mut counts = Vec::with_capacity(statements.len());
        for statement in statements {
            let sql = statement.text(|_, _| "?".into());
            let done = self
                .connection
                .run_with("changing a row", &sql, statement.values())?;
            counts.push(done.affected);
            if let Some(n) = counts.last().filter(|n| **n > 1) {
                return Err(Error::new(
                    ErrorKind::Constraint,
                    "changing a row",
                    format!("the statement would touch {n} rows"),
                ));
            }
        }
        Ok(counts)
    }

    fn found(&mut self, sql: &str) -> Result<bool> {
        Ok(!self.connection.rows(DOING, sql)?.is_empty())
    }

    /// The one row of a question of several parts; `None` if it was not answered.
    fn cells(&mut self, asked: Vec<String>) -> Option<Vec<Option<String>>> {
        let (parts, sql) = (asked.len(), format!("SELECT {}", asked.join(", ")));
        let row = self.connection.rows(DOING, &sql).ok()?.into_iter().next()?;
        (row.len() == parts).then_some(row)
    }
}

fn named(name: &TableName) -> Result<String> {
    match &name.schema {
        None => Ok(literal(&name.name)),
        Some(_) => Err(Error::new(
            ErrorKind::Unsupported,
            DOING,
            "this engine has no namespaces below the database",
        )
        .on(name.to_string())),
    }
}

impl Session for MySqlSession {
    fn execute(&mut self, sql: &str) -> Result<()> {
        self.connection.run(DOING, sql).map(|_| ())
    }

    fn query(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>> {
        self.connection.rows(DOING, sql)
    }

    fn mend(&mut self, statements: &[&Statement]) -> Result<Vec<u64>> {
        const DOING: &str = "changing rows";
        self.connection.run(DOING, "START TRANSACTION")?;
        let done = self.each(statements);
        let word = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let end = self.connection.run(DOING, word);
        let counts = done?;
        match end {
            Ok(_) => Ok(counts),
            Err(e) if e.kind() == ErrorKind::Connection => Err(Error::new(
                ErrorKind::CommitUnknown,
                DOING,
                e.why().to_owned(),
            )),
            Err(e) => Err(e),
        }
    }

    fn exists(&mut self, object: &ObjectRef) -> Result<bool> {
        let here = "table_schema = DATABASE()";
        match object {
            ObjectRef::Schema(_) | ObjectRef::Type(_) => Ok(false),
            ObjectRef::Table(t) => self.found(&format!(
                "SELECT 1 FROM information_schema.tables WHERE {here} AND table_name = {} \
                 AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')",
                named(t)?
            )),
            ObjectRef::Sequence(t) => self.found(&format!(
                "SELECT 1 FROM information_schema.tables WHERE {here} AND table_name = {} \
                 AND table_type = 'SEQUENCE'",
                named(t)?
            )),
            ObjectRef::View(t) => self.found(&format!(
                "SELECT 1 FROM information_schema.views WHERE {here} AND table_name = {}",
                named(t)?
            )),
            ObjectRef::PrimaryKey(t) => self.found(&format!(
                "SELECT 1 FROM information_schema.statistics WHERE {here} AND table_name = {} \
                 AND index_name = 'PRIMARY' LIMIT 1",
                named(t)?
            )),
            ObjectRef::Index(t, name) => self.found(&format!(
                "SELECT 1 FROM information_schema.statistics WHERE {here} AND table_name = {} \
                 AND index_name = {} LIMIT 1",
                named(t)?,
                literal(name)
            )),
            ObjectRef::Trigger(t, name) => self.found(&format!(
                "SELECT 1 FROM information_schema.triggers WHERE trigger_schema = DATABASE() \
                 AND event_object_table = {} AND trigger_name = {}",
                named(t)?,
                literal(name)
            )),
            ObjectRef::Routine { name, kind } if kind == "event" => self.found(&format!(
                "SELECT 1 FROM information_schema.events WHERE event_schema = DATABASE() \
                 AND event_name = {}",
                named(name)?
            )),
            ObjectRef::Routine { name, kind } => self.found(&format!(
                "SELECT 1 FROM information_schema.routines WHERE routine_schema = DATABASE() \
                 AND routine_name = {} AND LOWER(routine_type) = {}",
                named(name)?,
                literal(kind)
            )),
            ObjectRef::Constraint(t, name) => self.found(&format!(
                "SELECT 1 FROM information_schema.table_constraints WHERE {here} AND table_name = {} \
                 AND constraint_name = {} AND constraint_type IN ('FOREIGN KEY', 'CHECK')",
                named(t)?,
                literal(name)
            )),
        }
    }

    fn count(&mut self, table: &TableName, enough: Option<u64>) -> Result<u64> {
        let table_name = quote(&table.name);
        let sql = match enough {
            Some(n) => {
                format!("SELECT COUNT(*) FROM (SELECT 1 FROM {table_name} LIMIT {n}) limosa")
            }
            None => format!("SELECT COUNT(*) FROM {table_name}"),
        };
        let counted = self.connection.value("counting rows", &sql);
        let text = counted.map_err(|e| e.on(table.to_string()))?;
        Ok(text.and_then(|t| t.parse().ok()).unwrap_or(0))
    }

    fn greatest(&mut self, table: &TableName, column: &str) -> Result<Option<i128>> {
        let sql = format!("SELECT MAX({}) FROM {}", quote(column), quote(&table.name));
        let text = self
            .connection
            .value("reading the greatest value", &sql)
            .map_err(|e| e.on(table.to_string()))?;
        Ok(text.and_then(|t| t.parse().ok()))
    }

    fn filled(&mut self, tables: &[&TableName]) -> Result<Vec<bool>> {
        let mut out = Vec::with_capacity(tables.len());
        for tables in tables.chunks(AT_ONCE) {
            let asked = tables
                .iter()
                .map(|t| format!("EXISTS (SELECT 1 FROM {})", quote(&t.name)));
            out.extend(match self.cells(asked.collect()) {
                Some(row) => row.iter().map(|c| c.as_deref() == Some("1")).collect(),
                // One by one, so that an error names its table.
                None => (tables.iter())
                    .map(|t| Ok(self.count(t, Some(1))? > 0))
                    .collect::<Result<Vec<bool>>>()?,
            });
        }
        Ok(out)
    }

    fn greatest_of(&mut self, columns: &[(&TableName, &str)]) -> Result<Vec<Option<i128>>> {
        let mut out = Vec::with_capacity(columns.len());
        for columns in columns.chunks(AT_ONCE) {
            let asked = columns
                .iter()
                .map(|(t, c)| format!("(SELECT MAX({}) FROM {})", quote(c), quote(&t.name)));
            out.extend(match self.cells(asked.collect()) {
                Some(row) => (row.iter())
                    .map(|c| c.as_ref().and_then(|n| n.parse().ok()))
                    .collect(),
                None => (columns.iter())
                    .map(|(t, c)| self.greatest(t, c))
                    .collect::<Result<Vec<_>>>()?,
            });
        }
        Ok(out)
    }

    fn orphans(&mut self, child: &TableName, key: &ForeignKey) -> Result<(u64, Vec<String>)> {
        let pairs = || key.columns.iter().zip(&key.parent_columns);
        let shown: Vec<String> = pairs().map(|(c, _)| format!("c.{}", quote(c))).collect();
        let whole: Vec<String> = pairs()
            .map(|(c, _)| format!("c.{} IS NOT NULL", quote(c)))
            .collect();
        let same: Vec<String> = pairs()
            .map(|(c, p)| format!("p.{} = c.{}", quote(p), quote(c)))
            .collect();
        let lost = format!(
            "FROM {} c WHERE {} AND NOT EXISTS (SELECT 1 FROM {} p WHERE {})",
            quote(&child.name),
            whole.join(" AND "),
            quote(&key.parent.name),
            same.join(" AND ")
        );
        let rows = self
            .connection
            .rows(
                "looking for rows without a parent",
                &format!(
                    "SELECT (SELECT COUNT(*) {lost}), CONCAT_WS(', ', {}) {lost} LIMIT 5",
                    shown.join(", ")
                ),
            )
            .map_err(|e| e.on(child.to_string()))?;
        let cell = |row: &[Option<String>], at: usize| row.get(at).cloned().flatten();
        let count = rows.first().and_then(|r| cell(r, 0)?.parse().ok());
        let examples = rows.iter().filter_map(|r| cell(r, 1)).collect();
        Ok((count.unwrap_or(0), examples))
    }
}
