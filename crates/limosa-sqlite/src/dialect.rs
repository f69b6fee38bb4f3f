//! What SQLite can say: pure functions from neutral acts to statements.

use crate::check;
use crate::mend;
use crate::types::{self, Native};
use crate::words::{SqliteWords, literal, quote};
use limosa_core::check::Question;
use limosa_core::dialect::{Dialect, PlaceContext, Placement};
use limosa_core::expression::{Expr, SqlText};
use limosa_core::mend::{Amendment, Datum, Statement};
use limosa_core::operation::Operation;
use limosa_core::scan::Hazard;
use limosa_core::schema::{
    Action, Column, ForeignKey, Index, IndexOf, IndexPart, Table, TableName, Type,
};
use limosa_core::{Error, ErrorKind, Result};

/// The note of the inspector by which a table keeps its shape on the way to another SQLite file.
pub(crate) const WITHOUT_ROWID: &str = "WITHOUT ROWID";

/// SQLite's own table of counters. It is there from the first table with AUTOINCREMENT on.
pub(crate) const COUNTERS: &str = "sqlite_sequence";

/// Whether a statement sets a counter, as [`Operation::SetCounter`] is said here.
pub(crate) fn sets_counter(sql: &str) -> bool {
    ["DELETE FROM ", "INSERT INTO "].iter().any(|verb| {
        sql.strip_prefix(verb)
            .is_some_and(|s| s.starts_with(COUNTERS))
    })
}

/// SQLite's dialect.
pub(crate) struct SqliteDialect;

fn unsupported(what: &str, why: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("saying {what}"), why)
}

impl Dialect for SqliteDialect {
    fn quote(&self, identifier: &str) -> String {
        quote(identifier)
    }

    fn literal(&self, text: &str) -> String {
        literal(text)
    }

    fn place(&self, ty: &Type, context: &PlaceContext<'_>) -> Placement {
        types::place(ty, context)
    }

    fn wants_scan(&self, ty: &Type) -> Vec<Hazard> {
        types::wants_scan(ty)
    }

    fn wants_sizes(&self, _: &Type, _: bool) -> bool {
        // No type here depends on them.
        false
    }

    fn render(&self, operation: &Operation) -> Result<Vec<String>> {
        Ok(match operation {
            Operation::CreateTable(table) => vec![create_table(table)?],
            Operation::CreateIndex {
                table,
                index,
                columns: _,
            } => vec![create_index(table, index)?],
            Operation::AddUnique(table, key) => {
                if key.nulls_not_distinct {
                    return Err(unsupported(
                        "a unique key",
                        "two NULLs never collide in SQLite",
                    ));
                }
                let name = key
                    .name
                    .clone()
                    .unwrap_or_else(|| format!("{}_{}_key", table.name, key.columns.join("_")));
                vec![format!(
                    "CREATE UNIQUE INDEX {} ON {} ({})",
                    quote(&name),
                    quote(&table.name),
                    names(&key.columns)
                )]
            }
            Operation::SetCounter { table, next, .. } => {
                let last = i64::try_from(next - 1).map_err(|_| {
                    unsupported(
                        "a counter",
                        "a counter of SQLite ends at 9223372036854775807",
                    )
                    .on(table.to_string())
                })?;
                // The table of counters has no key of its own, so an upsert is two statements. A table that
                // was made without AUTOINCREMENT has no counter, and gets none.
                let name = literal(&table.name);
                vec![
                    format!("DELETE FROM {COUNTERS} WHERE name = {name}"),
                    format!(
                        "INSERT INTO {COUNTERS}(name, seq) SELECT name, {last} FROM sqlite_schema \
                         WHERE type = 'table' AND name = {name} AND sql LIKE '%AUTOINCREMENT%'"
                    ),
                ]
            }
            Operation::CreateView(view) if view.materialized => {
                return Err(
                    unsupported("a view", "SQLite does not keep the rows of views")
                        .on(view.name.to_string()),
                );
            }
            Operation::CreateView(view) => {
                vec![format!(
                    "CREATE VIEW {} AS {}",
                    self.qualified(&view.name),
                    view.query
                )]
            }
            Operation::CreateRoutine(routine) => match &routine.text {
                Some(text) if routine.kind == "trigger" => vec![text.clone()],
                _ => {
                    return Err(unsupported("a routine", "SQLite has no routines")
                        .on(routine.name.to_string()));
                }
            },
            Operation::CreateTrigger { trigger, .. } => vec![trigger.text.clone()],
            // SQLite has no comments on objects.
            Operation::Comment { .. } => Vec::new(),
            Operation::Analyze(table) => vec![format!("ANALYZE {}", self.qualified(table))],
            Operation::EmptyTable(table) => vec![format!("DELETE FROM {}", self.qualified(table))],
            Operation::DropTable(table) => vec![format!("DROP TABLE {}", self.qualified(table))],
            Operation::CreateSchema(name) => {
                return Err(unsupported("a namespace", "SQLite has one namespace").on(name.clone()));
            }
            Operation::CreateEnum(t) => {
                return Err(unsupported(
                    "a type",
                    "SQLite has no named types; columns get a check",
                )
                .on(t.name.to_string()));
            }
            Operation::CreateDomain(t) => {
                return Err(unsupported(
                    "a domain",
                    "SQLite has no domains; columns get its base and checks",
                )
                .on(t.name.to_string()));
            }
            Operation::CreateSequence(s) => {
                return Err(
                    unsupported("a sequence", "SQLite has no sequences").on(s.name.to_string())
                );
            }
            Operation::SetSequence { name, .. } => {
                return Err(
                    unsupported("a sequence", "SQLite has no sequences").on(name.to_string())
                );
            }
            Operation::AddPrimaryKey(t, _)
            | Operation::AddForeignKey(t, _)
            | Operation::AddCheck(t, _) => {
                return Err(unsupported(
                    "a constraint",
                    "SQLite takes keys and checks only together with the table",
                )
                .on(t.to_string()));
            }
        })
    }

    fn expression(&self, expression: &Expr) -> Option<String> {
        limosa_sql::write(expression, &SqliteWords)
    }

    fn question(&self, question: &Question) -> Result<String> {
        check::question(question)
    }

    fn mend(&self, amendment: &Amendment<'_>) -> Result<Statement> {
        limosa_sql::mend(&mend::SqliteMending, amendment)
    }

    fn datum(&self, value: &Datum) -> String {
        mend::said(value)
    }

    fn script(&self) -> (&'static str, &'static str) {
        mend::SCRIPT
    }
}

fn names(list: &[String]) -> String {
    list.iter().map(|c| quote(c)).collect::<Vec<_>>().join(", ")
}

fn said(text: &SqlText, what: &str) -> Result<String> {
    if text.family == crate::FAMILY {
        return Ok(text.text.clone());
    }
    text.parsed
        .as_ref()
        .and_then(|e| limosa_sql::write(e, &SqliteWords))
        .ok_or_else(|| {
            unsupported(
                what,
                "the expression has no words of the same meaning in SQLite",
            )
        })
}

fn action(out: &mut String, when: &str, action: Action) {
    let words = match action {
        Action::NoAction => return,
        Action::Restrict => "RESTRICT",
        Action::Cascade => "CASCADE",
        Action::SetNull => "SET NULL",
        Action::SetDefault => "SET DEFAULT",
    };
    out.push_str(&format!(" ON {when} {words}"));
}

fn constraint(name: Option<&String>) -> String {
    name.map_or(String::new(), |n| format!("CONSTRAINT {} ", quote(n)))
}

fn foreign_key(key: &ForeignKey) -> String {
    let mut out = format!(
        "{}FOREIGN KEY ({}) REFERENCES {}",
        constraint(key.name.as_ref()),
        names(&key.columns),
        quote(&key.parent.name)
    );
    if !key.parent_columns.is_empty() {
        out.push_str(&format!(" ({})", names(&key.parent_columns)));
    }
    action(&mut out, "DELETE", key.on_delete);
    action(&mut out, "UPDATE", key.on_update);
    if key.deferrable {
        out.push_str(if key.initially_deferred {
            " DEFERRABLE INITIALLY DEFERRED"
        } else {
            " DEFERRABLE INITIALLY IMMEDIATE"
        });
    }
    out
}

/// The one column that SQLite makes the row's number, if the table has one.
fn counting(table: &Table) -> Option<&Column> {
    let key = table.primary_key.as_ref()?;
    let [name] = &key.columns[..] else {
        return None;
    };
    table
        .column(name)
        .filter(|c| c.identity.is_some() && types::rowid_type(&Native::parse(&c.native).declared))
}

fn create_table(table: &Table) -> Result<String> {
    if table.partitioning.is_some() {
        tracing::debug!(table = %table.name, "SQLite has no partitions; one table holds all rows");
    }
    let counting = counting(table);
    let natives: Vec<Native> = table
        .columns
        .iter()
        .map(|c| Native::parse(&c.native))
        .collect();
    let mut lines = Vec::new();
    for (column, native) in table.columns.iter().zip(&natives) {
        lines.push(
            create_column(table, column, native, counting)
                .map_err(|e| e.on(format!("{}.{}", table.name, column.name)))?,
        );
    }
    if let (Some(key), None) = (&table.primary_key, counting) {
        lines.push(format!(
            "{}PRIMARY KEY ({})",
            constraint(key.name.as_ref()),
            names(&key.columns)
        ));
    }
    for key in &table.uniques {
        lines.push(format!(
            "{}UNIQUE ({})",
            constraint(key.name.as_ref()),
            names(&key.columns)
        ));
    }
    for check in &table.checks {
        if !check.validated {
            return Err(unsupported("a check", "SQLite has no NOT VALID"));
        }
        lines.push(format!(
            "{}CHECK ({})",
            constraint(check.name.as_ref()),
            said(&check.condition, "a check").map_err(|e| e.on(table.name.to_string()))?
        ));
    }
    for key in &table.foreign_keys {
        if key.match_full && key.columns.len() > 1 {
            return Err(unsupported("a foreign key", "SQLite has no MATCH FULL"));
        }
        lines.push(foreign_key(key));
    }
    let mut options = Vec::new();
    if table.unrepresented.iter().any(|n| n == WITHOUT_ROWID) && table.primary_key.is_some() {
        options.push("WITHOUT ROWID");
    }
    if !natives.is_empty() && natives.iter().all(|n| n.strict) {
        options.push("STRICT");
    }
    Ok(format!(
        "CREATE TABLE {} (\n  {}\n){}{}",
        SqliteDialect.qualified(&table.name),
        lines.join(",\n  "),
        if options.is_empty() { "" } else { " " },
        options.join(", ")
    ))
}

fn create_column(
    table: &Table,
    column: &Column,
    native: &Native,
    counting: Option<&Column>,
) -> Result<String> {
    let mut line = quote(&column.name);
    let ty = native.ddl();
    if !ty.is_empty() {
        line.push(' ');
        line.push_str(&ty);
    }
    if counting.is_some_and(|c| c.name == column.name) {
        let name = table.primary_key.as_ref().and_then(|k| k.name.as_ref());
        line.push_str(&format!(" {}PRIMARY KEY AUTOINCREMENT", constraint(name)));
        return Ok(line);
    }
    if !column.nullable {
        line.push_str(" NOT NULL");
    }
    if let Some(default) = &column.default
        && column.generated.is_none()
        && column.identity.is_none()
    {
        line.push_str(&format!(" DEFAULT ({})", said(default, "a default")?));
    }
    if let Some(collation) = &column.collation {
        line.push_str(&format!(" COLLATE {}", quote(collation)));
    }
    if let Some(generated) = &column.generated {
        line.push_str(&format!(
            // GENERATED ALWAYS would be read as words of the type, and our note before it with them.
            " AS ({}) {}",
            said(&generated.expression, "a generated column")?,
            if generated.stored {
                "STORED"
            } else {
                "VIRTUAL"
            }
        ));
    }
    Ok(line)
}

fn index_part(part: &IndexPart) -> Result<String> {
    if part.prefix.is_some() {
        let IndexOf::Column(name) = &part.of else {
            return Err(unsupported("an index", "a prefix of an expression"));
        };
        let n = part.prefix.unwrap_or_default();
        return Ok(format!("substr({}, 1, {n})", quote(name)));
    }
    let mut out = match &part.of {
        IndexOf::Column(name) => quote(name),
        IndexOf::Expression(text) => said(text, "an index")?,
    };
    if let Some(collation) = &part.collation {
        out.push_str(&format!(" COLLATE {}", quote(collation)));
    }
    if part.descending {
        out.push_str(" DESC");
    }
    Ok(out)
}

fn create_index(table: &TableName, index: &Index) -> Result<String> {
    let here = |e: Error| e.on(format!("{}.{}", table, index.name));
    if !matches!(index.method.as_str(), "" | "btree" | "hash") {
        return Err(here(unsupported(
            "an index",
            "SQLite has only ordered indexes",
        )));
    }
    if index.nulls_not_distinct && index.unique {
        return Err(here(unsupported(
            "a unique index",
            "two NULLs never collide in SQLite",
        )));
    }
    let parts = index
        .parts
        .iter()
        .map(index_part)
        .collect::<Result<Vec<_>>>()
        .map_err(here)?;
    let mut out = format!(
        "CREATE {}INDEX {} ON {} ({})",
        if index.unique { "UNIQUE " } else { "" },
        quote(&index.name),
        quote(&table.name),
        parts.join(", ")
    );
    if let Some(predicate) = &index.predicate {
        out.push_str(" WHERE ");
        out.push_str(&said(predicate, "an index").map_err(here)?);
    }
    Ok(out)
}
