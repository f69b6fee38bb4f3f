//! A connection for statements. It is opened by the first of them, so that asking a file that is not
//! there makes none.

use crate::connect::{File, error};
use crate::dialect::{COUNTERS, sets_counter};
use crate::mend;
use crate::words::{literal, quote};
use limosa_core::engine::Session;
use limosa_core::mend::Statement;
use limosa_core::operation::ObjectRef;
use limosa_core::schema::{ForeignKey, TableName};
use limosa_core::{Error, ErrorKind, Result};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

/// A session.
pub(crate) struct SqliteSession {
    file: File,
    connection: Option<Connection>,
}

impl SqliteSession {
    pub(crate) fn new(file: &File) -> Self {
        Self {
            file: file.clone(),
            connection: None,
        }
    }

    /// The connection; made for a file that is not there only if `create`.
    fn connection(&mut self, create: bool) -> Result<&Connection> {
        if self.connection.is_none() {
            let connection = if create || self.file.there() {
                // A file that may only be read still answers questions.
                match self.file.write() {
                    Err(e) if !create && e.kind() == ErrorKind::Privilege => self.file.read()?,
                    other => other?,
                }
            } else {
                return Err(self.file.missing("opening"));
            };
            self.connection = Some(connection);
        }
        self.connection
            .as_ref()
            .ok_or_else(|| Error::new(ErrorKind::Internal, "opening", "no connection"))
    }
}

impl Session for SqliteSession {
    fn execute(&mut self, sql: &str) -> Result<()> {
        let file = self.file.clone();
        let here = |e| file.error(e, "running a statement");
        let c = self.connection(true)?;
        // A file in which no table counts has no table of counters, and there is nothing to set.
        if sets_counter(sql) && !c.table_exists(None, COUNTERS).map_err(here)? {
            return Ok(());
        }
        let mut statement = c.prepare(sql).map_err(here)?;
        let mut rows = statement.raw_query();
        while rows.next().map_err(here)?.is_some() {}
        Ok(())
    }

    fn query(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>> {
        let file = self.file.clone();
        let here = |e| file.error(e, "running a query");
        let c = self.connection(false)?;
        let mut statement = c.prepare(sql).map_err(here)?;
        let width = statement.column_count();
        let mut rows = statement.raw_query();
        let mut out = Vec::new();
        while let Some(row) = rows.next().map_err(here)? {
            let cells = (0..width)
                .map(|i| {
                    Ok(match row.get_ref(i)? {
                        ValueRef::Null => None,
                        ValueRef::Integer(i) => Some(i.to_string()),
                        ValueRef::Real(r) => Some(ryu::Buffer::new().format(r).to_owned()),
                        ValueRef::Text(t) => Some(String::from_utf8_lossy(t).into_owned()),
                        ValueRef::Blob(b) => Some(b.iter().map(|b| format!("{b:02x}")).collect()),
                    })
                })
                .collect::<rusqlite::Result<Vec<_>>>()
                .map_err(here)?;
            out.push(cells);
        }
        Ok(out)
    }

    fn mend(&mut self, statements: &[&Statement]) -> Result<Vec<u64>> {
        let file = self.file.clone();
        let here = |e| file.error(e, "changing rows");
        let c = self.connection(false)?;
        c.execute_batch("PRAGMA foreign_keys = ON; BEGIN IMMEDIATE")
            .map_err(here)?;
        let each = || -> Result<Vec<u64>> {
            let mut counts = Vec::with_capacity(statements.len());
            for statement in statements {
                let sql = statement.text(|_, _| "?".into());
                let values = statement.values().iter().map(mend::bound);
                let mut prepared = c.prepare_cached(&sql).map_err(here)?;
                let n = prepared.execute(params_from_iter(values)).map_err(here)?;
                counts.push(n as u64);
                if let Some(n) = counts.last().filter(|n| **n > 1) {
                    return Err(Error::new(
                        ErrorKind::Constraint,
                        "changing a row",
                        format!("the statement would touch {n} rows"),
                    ));
                }
            }
            Ok(counts)
        };
        let done = each();
        let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = c.execute_batch(end).map_err(here);
        if done.is_ok() && ended.is_err() {
            // A commit that a foreign key forbids leaves the transaction open.
            let _ = c.execute_batch("ROLLBACK");
        }
        let counts = done?;
        ended.map(|()| counts)
    }

    fn exists(&mut self, object: &ObjectRef) -> Result<bool> {
        if self.connection.is_none() && !self.file.there() {
            return Ok(false);
        }
        let (kind, name, of) = match object {
            ObjectRef::Table(t) => ("table", t.name.as_str(), None),
            ObjectRef::View(t) => ("view", t.name.as_str(), None),
            ObjectRef::Index(t, name) => ("index", name.as_str(), Some(t.name.as_str())),
            // Keys, foreign keys and checks are parts of their table.
            ObjectRef::PrimaryKey(t) | ObjectRef::Constraint(t, _) => {
                ("table", t.name.as_str(), None)
            }
            ObjectRef::Trigger(t, name) => ("trigger", name.as_str(), Some(t.name.as_str())),
            ObjectRef::Routine { name, kind } if kind == "trigger" => {
                ("trigger", name.name.as_str(), None)
            }
            ObjectRef::Routine { .. } => return Ok(false),
            ObjectRef::Schema(_) | ObjectRef::Type(_) | ObjectRef::Sequence(_) => return Ok(false),
        };
        let c = self.connection(false)?;
        c.query_row(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = ?1 AND name = ?2 COLLATE NOCASE \
             AND (?3 IS NULL OR tbl_name = ?3 COLLATE NOCASE))",
            (kind, name, of),
            |r| r.get(0),
        )
        .map_err(|e| error(e, "looking for an object").on(name))
    }

    fn count(&mut self, table: &TableName, enough: Option<u64>) -> Result<u64> {
        let name = quote(&table.name);
        let sql = match enough {
            Some(n) => format!("SELECT count(*) FROM (SELECT 1 FROM {name} LIMIT {n})"),
            None => format!("SELECT count(*) FROM {name}"),
        };
        let c = self.connection(false)?;
        let n: i64 = c
            .query_row(&sql, [], |r| r.get(0))
            .map_err(|e| error(e, "counting rows").on(table.to_string()))?;
        Ok(u64::try_from(n).unwrap_or(0))
    }

    fn greatest(&mut self, table: &TableName, column: &str) -> Result<Option<i128>> {
        let sql = format!(
            "SELECT max({0}) FROM {1} WHERE typeof({0}) = 'integer'",
            quote(column),
            quote(&table.name)
        );
        let c = self.connection(false)?;
        let greatest: Option<Option<i64>> = c
            .query_row(&sql, [], |r| r.get(0))
            .optional()
            .map_err(|e| error(e, "looking for the greatest value").on(table.to_string()))?;
        Ok(greatest.flatten().map(i128::from))
    }

    fn orphans(&mut self, child: &TableName, key: &ForeignKey) -> Result<(u64, Vec<String>)> {
        let all = |each: &dyn Fn(&String, &String) -> String, between: &str| {
            let pairs = key.columns.iter().zip(&key.parent_columns);
            let said: Vec<String> = pairs.map(|(c, p)| each(c, p)).collect();
            said.join(between)
        };
        // The parent's column comes first: its collation decides what is equal.
        let lost = format!(
            "FROM {} AS c WHERE {} AND NOT EXISTS (SELECT 1 FROM {} AS p WHERE {})",
            quote(&child.name),
            all(&|c, _| format!("c.{} IS NOT NULL", quote(c)), " AND "),
            quote(&key.parent.name),
            all(&|c, p| format!("p.{} = c.{}", quote(p), quote(c)), " AND "),
        );
        let shown = all(
            &|c, _| format!("CAST(c.{} AS TEXT)", quote(c)),
            &format!(" || {} || ", literal(", ")),
        );
        let rows = self
            .query(&format!(
                "SELECT (SELECT count(*) {lost}), {shown} {lost} LIMIT 5"
            ))
            .map_err(|e| e.on(child.to_string()))?;
        let cell = |row: &[Option<String>], at: usize| row.get(at).cloned().flatten();
        let count = rows
            .first()
            .and_then(|r| cell(r, 0)?.parse().ok())
            .unwrap_or(0);
        Ok((count, rows.iter().filter_map(|r| cell(r, 1)).collect()))
    }
}
