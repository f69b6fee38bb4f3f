//! The sentences of INSERT, UPDATE and DELETE for one row, which all engines share. How a value is said and compared
//! is the engine's.

use limosa_core::engine::CanonicalColumn;
use limosa_core::mend::{Amendment, Change, Statement};
use limosa_core::schema::TableName;
use limosa_core::{Error, ErrorKind, Result};

/// What an engine says in words of its own.
pub trait Mending {
    /// Quotes an identifier.
    fn quote(&self, identifier: &str) -> String;
    /// Quotes a table's name.
    fn table(&self, name: &TableName) -> String;
    /// Says the canonical `cell` as a value of this column.
    ///
    /// # Errors
    /// `Unsupported` (definite) if the column can not hold it, or is of a type that is not written here.
    fn value(&self, column: &CanonicalColumn, cell: &[u8], out: &mut Statement) -> Result<()>;
    /// Says that the column has this value: a condition that an index serves.
    ///
    /// # Errors
    /// As [`Mending::value`].
    fn key(&self, column: &CanonicalColumn, cell: &[u8], out: &mut Statement) -> Result<()> {
        out.words(&format!("{} = ", self.quote(&column.name)));
        self.value(column, cell, out)
    }
    /// Says that the column has exactly this value, whatever its collation. A value that is only known by its meaning
    /// and not as it is stored is guarded by not being NULL.
    ///
    /// # Errors
    /// As [`Mending::value`].
    fn same(&self, column: &CanonicalColumn, cell: &[u8], out: &mut Statement) -> Result<()>;
    /// Whether a row is made by `INSERT … VALUES (…)` followed by these words, which pass over a key that is there;
    /// `None` if by `INSERT … SELECT … WHERE NOT EXISTS (…)`.
    fn unless_there(&self) -> Option<&'static str>;
    /// Words between the columns and VALUES.
    fn overriding(&self) -> &'static str {
        ""
    }
}

/// Says one change as a guarded statement that touches one row or none.
///
/// # Errors
/// `Unsupported` (definite), on the table and column, if a value can not be said.
pub fn mend(engine: &dyn Mending, amendment: &Amendment<'_>) -> Result<Statement> {
    let mut out = Statement::default();
    let table = engine.table(amendment.table);
    match amendment.change {
        Change::Insert { wanted } => insert(engine, amendment, wanted, &table, &mut out)?,
        Change::Update { seen, wanted } => {
            out.words(&format!("UPDATE {table} SET "));
            let mut first = true;
            for (at, column) in amendment.columns.iter().enumerate() {
                if seen.get(at) == wanted.get(at) || amendment.computed.contains(&at) {
                    continue;
                }
                let comma = if first { "" } else { ", " };
                out.words(&format!("{comma}{} = ", engine.quote(&column.name)));
                first = false;
                cell(engine, amendment, at, wanted, &mut out)?;
            }
            if first {
                return Err(unsupported(amendment, "only computed columns differ"));
            }
            out.words(" WHERE ");
            key(engine, amendment, seen, &mut out)?;
            for at in 0..amendment.columns.len() {
                if seen.get(at) != wanted.get(at) || at < amendment.key_columns {
                    guard(engine, amendment, at, seen, &mut out)?;
                }
            }
        }
        Change::Delete { seen } => {
            out.words(&format!("DELETE FROM {table} WHERE "));
            key(engine, amendment, seen, &mut out)?;
            for at in 0..amendment.columns.len() {
                guard(engine, amendment, at, seen, &mut out)?;
            }
        }
    }
    Ok(out)
}

type Row<'r> = &'r [Option<&'r [u8]>];

fn insert(
    engine: &dyn Mending,
    amendment: &Amendment<'_>,
    wanted: Row<'_>,
    table: &str,
    out: &mut Statement,
) -> Result<()> {
    let written = || (0..amendment.columns.len()).filter(|at| !amendment.computed.contains(at));
    let names: Vec<String> = written()
        .map(|at| engine.quote(&amendment.columns[at].name))
        .collect();
    out.words(&format!(
        "INSERT INTO {table} ({}){} ",
        names.join(", "),
        engine.overriding()
    ));
    let tail = engine.unless_there();
    out.words(if tail.is_some() {
        "VALUES ("
    } else {
        "SELECT "
    });
    for (n, at) in written().enumerate() {
        out.words(if n > 0 { ", " } else { "" });
        cell(engine, amendment, at, wanted, out)?;
    }
    match tail {
        Some(words) => out.words(&format!("){words}")),
        None => {
            out.words(&format!(
                " FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE "
            ));
            key(engine, amendment, wanted, out)?;
            out.words(")");
        }
    }
    Ok(())
}

/// One value.
fn cell(
    engine: &dyn Mending,
    amendment: &Amendment<'_>,
    at: usize,
    row: Row<'_>,
    out: &mut Statement,
) -> Result<()> {
    let column = &amendment.columns[at];
    match row.get(at).copied().flatten() {
        None => out.words("NULL"),
        Some(cell) => engine
            .value(column, cell, out)
            .map_err(|e| e.on(format!("{}.{}", amendment.table, column.name)))?,
    }
    Ok(())
}

/// The key's columns.
fn key(
    engine: &dyn Mending,
    amendment: &Amendment<'_>,
    row: Row<'_>,
    out: &mut Statement,
) -> Result<()> {
    for (at, column) in amendment.columns[..amendment.key_columns]
        .iter()
        .enumerate()
    {
        out.words(if at > 0 { " AND " } else { "" });
        match row.get(at).copied().flatten() {
            None => out.words(&format!("{} IS NULL", engine.quote(&column.name))),
            Some(cell) => engine
                .key(column, cell, out)
                .map_err(|e| e.on(format!("{}.{}", amendment.table, column.name)))?,
        }
    }
    Ok(())
}

/// One column's state as it was seen.
fn guard(
    engine: &dyn Mending,
    amendment: &Amendment<'_>,
    at: usize,
    seen: Row<'_>,
    out: &mut Statement,
) -> Result<()> {
    let column = &amendment.columns[at];
    out.words(" AND ");
    match seen.get(at).copied().flatten() {
        None => out.words(&format!("{} IS NULL", engine.quote(&column.name))),
        Some(cell) => engine
            .same(column, cell, out)
            .map_err(|e| e.on(format!("{}.{}", amendment.table, column.name)))?,
    }
    Ok(())
}

fn unsupported(amendment: &Amendment<'_>, why: &str) -> Error {
    Error::new(ErrorKind::Unsupported, "writing a repair", why).on(amendment.table.to_string())
}
