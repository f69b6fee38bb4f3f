//! Operations as statements.
//!
//! Every name is said with its namespace and in quotes. Text of expressions is taken as it is if it is
//! PostgreSQL's own, else said anew from its neutral reading.

use crate::names::{ident, list, literal, regclass, table};
use crate::words::PostgresWords;
use limosa_core::expression::SqlText;
use limosa_core::operation::Operation;
use limosa_core::schema::{
    Action, Check, Column, DomainType, ForeignKey, Index, IndexOf, Key, Sequence, Table, TableName,
};
use limosa_core::{Error, ErrorKind, Result};

/// The family's name in [`SqlText`].
pub(crate) const FAMILY: &str = "postgresql";

fn unsupported(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unsupported, "saying a schema statement", what)
}

pub(super) fn text(sql: &SqlText, what: &str) -> Result<String> {
    if sql.family == FAMILY {
        return Ok(sql.text.clone());
    }
    sql.parsed
        .as_ref()
        .and_then(|e| limosa_sql::write(e, &PostgresWords))
        .ok_or_else(|| unsupported(format!("{what} has parts that PostgreSQL has no words for")))
}

pub(super) fn render(operation: &Operation, version: u32) -> Result<Vec<String>> {
    Ok(match operation {
        Operation::CreateSchema(name) => vec![format!("CREATE SCHEMA {}", ident(name))],
        Operation::CreateEnum(e) => vec![format!(
            "CREATE TYPE {} AS ENUM ({})",
            table(&e.name),
            e.members
                .iter()
                .map(|m| literal(m))
                .collect::<Vec<_>>()
                .join(", ")
        )],
        Operation::CreateDomain(d) => vec![domain(d)?],
        Operation::CreateSequence(s) => vec![sequence(s)],
        Operation::CreateTable(t) => create_table(t, version)?,
        Operation::AddPrimaryKey(t, key) => vec![add(t, &primary_key(key))],
        Operation::AddUnique(t, key) => vec![add(t, &unique(key))],
        Operation::CreateIndex {
            table: t, index, ..
        } => vec![create_index(t, index, version)?],
        Operation::AddForeignKey(t, key) => vec![add(t, &foreign_key(key))],
        Operation::AddCheck(t, c) => vec![add(t, &check(c)?)],
        Operation::SetCounter {
            table: t,
            column,
            next,
        } => vec![format!(
            // Behind its last value a counter is used up; it can not be told a number that is not its own.
            "SELECT pg_catalog.setval(seqrelid, least({next}, seqmax)::bigint, {next} > seqmax) \
             FROM pg_catalog.pg_sequence \
             WHERE seqrelid = pg_catalog.pg_get_serial_sequence({}, {})::regclass",
            literal(&table(t)),
            literal(column)
        )],
        Operation::SetSequence { name, next } => vec![format!(
            "SELECT pg_catalog.setval({}, {next}, false)",
            regclass(name)
        )],
        Operation::CreateView(v) => vec![format!(
            "CREATE {}VIEW {} AS {}",
            if v.materialized { "MATERIALIZED " } else { "" },
            table(&v.name),
            v.query.trim_end().trim_end_matches(';')
        )],
        Operation::CreateRoutine(r) => match &r.text {
            // One that is there already belongs to somebody else and is not replaced.
            Some(text) => vec![text.replacen("CREATE OR REPLACE ", "CREATE ", 1)],
            None => {
                return Err(
                    unsupported(format!("the words of this {} are not known", r.kind))
                        .on(r.name.to_string()),
                );
            }
        },
        Operation::CreateTrigger { trigger, .. } => vec![trigger.text.clone()],
        Operation::Comment {
            table: t,
            column: None,
            text,
        } => {
            vec![format!(
                "COMMENT ON TABLE {} IS {}",
                table(t),
                literal(text)
            )]
        }
        Operation::Comment {
            table: t,
            column: Some(c),
            text,
        } => vec![format!(
            "COMMENT ON COLUMN {}.{} IS {}",
            table(t),
            ident(c),
            literal(text)
        )],
        Operation::Analyze(t) => vec![format!("ANALYZE {}", table(t))],
        Operation::EmptyTable(t) => vec![format!("TRUNCATE TABLE {} RESTART IDENTITY", table(t))],
        Operation::DropTable(t) => vec![format!("DROP TABLE {}", table(t))],
    })
}

fn add(t: &TableName, what: &str) -> String {
    format!("ALTER TABLE {} ADD {what}", table(t))
}

fn named(name: Option<&String>) -> String {
    name.map(|n| format!("CONSTRAINT {} ", ident(n)))
        .unwrap_or_default()
}

fn deferrable(deferrable: bool, initially: bool) -> &'static str {
    match (deferrable, initially) {
        (_, true) => " DEFERRABLE INITIALLY DEFERRED",
        (true, false) => " DEFERRABLE",
        _ => "",
    }
}

fn primary_key(key: &Key) -> String {
    format!(
        "{}PRIMARY KEY ({}){}",
        named(key.name.as_ref()),
        list(&key.columns),
        deferrable(key.deferrable, key.initially_deferred)
    )
}

fn unique(key: &Key) -> String {
    format!(
        "{}UNIQUE{} ({}){}",
        named(key.name.as_ref()),
        if key.nulls_not_distinct {
            " NULLS NOT DISTINCT"
        } else {
            ""
        },
        list(&key.columns),
        deferrable(key.deferrable, key.initially_deferred)
    )
}

fn check(c: &Check) -> Result<String> {
    Ok(format!(
        "{}CHECK ({}){}",
        named(c.name.as_ref()),
        text(&c.condition, "the condition")?,
        not_valid(c.validated)
    ))
}

/// What old rows may break.
fn not_valid(validated: bool) -> &'static str {
    if validated { "" } else { " NOT VALID" }
}

fn action(a: Action) -> &'static str {
    match a {
        Action::NoAction => "NO ACTION",
        Action::Restrict => "RESTRICT",
        Action::Cascade => "CASCADE",
        Action::SetNull => "SET NULL",
        Action::SetDefault => "SET DEFAULT",
    }
}

fn foreign_key(key: &ForeignKey) -> String {
    let mut out = format!(
        "{}FOREIGN KEY ({}) REFERENCES {} ({})",
        named(key.name.as_ref()),
        list(&key.columns),
        table(&key.parent),
        list(&key.parent_columns)
    );
    if key.match_full {
        out.push_str(" MATCH FULL");
    }
    if key.on_update != Action::NoAction {
        out.push_str(&format!(" ON UPDATE {}", action(key.on_update)));
    }
    if key.on_delete != Action::NoAction {
        out.push_str(&format!(" ON DELETE {}", action(key.on_delete)));
    }
    out.push_str(deferrable(key.deferrable, key.initially_deferred));
    out.push_str(not_valid(key.validated));
    out
}

fn domain(d: &DomainType) -> Result<String> {
    let mut out = format!("CREATE DOMAIN {} AS {}", table(&d.name), d.native);
    if let Some(default) = &d.default {
        out.push_str(&format!(" DEFAULT {}", text(default, "the default")?));
    }
    if d.not_null {
        out.push_str(" NOT NULL");
    }
    for c in &d.checks {
        out.push(' ');
        out.push_str(&check(c)?);
    }
    Ok(out)
}

fn sequence(s: &Sequence) -> String {
    format!(
        "CREATE SEQUENCE {} INCREMENT BY {} MINVALUE {} MAXVALUE {} START WITH {}{}",
        table(&s.name),
        s.increment,
        s.min.max(i128::from(i64::MIN)),
        s.max.min(i128::from(i64::MAX)),
        s.start,
        if s.cycle { " CYCLE" } else { "" }
    )
}

fn column(c: &Column, version: u32) -> Result<String> {
    let mut out = format!("{} {}", ident(&c.name), c.native);
    if let Some(collation) = &c.collation {
        // The inspector gives it quoted and qualified.
        out.push_str(&format!(" COLLATE {collation}"));
    }
    if let Some(generated) = &c.generated {
        // Before 18 only stored ones exist; what is computed is the same.
        let kind = if generated.stored || version < 180_000 {
            "STORED"
        } else {
            "VIRTUAL"
        };
        out.push_str(&format!(
            " GENERATED ALWAYS AS ({}) {kind}",
            text(&generated.expression, "the generated column")?
        ));
    } else if let Some(identity) = &c.identity {
        // Never ALWAYS while rows are brought in: UPDATE of such a column is refused in every case.
        out.push_str(" GENERATED BY DEFAULT AS IDENTITY");
        if identity.increment != 1 {
            out.push_str(&format!(" (INCREMENT BY {})", identity.increment));
        }
    } else if let Some(default) = &c.default {
        out.push_str(&format!(" DEFAULT {}", text(default, "the default")?));
    }
    if !c.nullable {
        out.push_str(" NOT NULL");
    }
    Ok(out)
}

fn create_table(t: &Table, version: u32) -> Result<Vec<String>> {
    let mut parts = Vec::new();
    for c in &t.columns {
        parts.push(column(c, version).map_err(|e| e.on(format!("{}.{}", t.name, c.name)))?);
    }
    parts.extend(t.primary_key.as_ref().map(primary_key));
    parts.extend(t.uniques.iter().map(unique));
    for c in &t.checks {
        parts.push(check(c).map_err(|e| e.on(t.name.to_string()))?);
    }
    parts.extend(t.foreign_keys.iter().map(foreign_key));
    let mut out = format!(
        "CREATE TABLE {} (\n    {}\n)",
        table(&t.name),
        parts.join(",\n    ")
    );
    let mut statements = Vec::new();
    match &t.partitioning {
        Some(p) => {
            out.push_str(&format!(" PARTITION BY {}", p.clause));
            statements.push(out);
            for (name, bound) in &p.parts {
                // The bound says by itself of what this is a part and whether it is cut further; see the inspector.
                statements.push(format!("CREATE TABLE {} {bound}", table(name)));
            }
        }
        None => statements.push(out),
    }
    Ok(statements)
}

/// Columns of an index, unless the server was built otherwise.
const INDEX_COLUMNS: usize = 32;

fn create_index(t: &TableName, index: &Index, version: u32) -> Result<String> {
    if index.parts.len() + index.include.len() > INDEX_COLUMNS {
        return Err(unsupported(format!(
            "an index of PostgreSQL has at most {INDEX_COLUMNS} columns"
        )));
    }
    let mut parts = Vec::new();
    for p in &index.parts {
        if let (Some(n), IndexOf::Column(c)) = (p.prefix, &p.of) {
            parts.push(format!("(\"left\"({}, {n}))", ident(c)));
            continue;
        }
        let mut out = match &p.of {
            IndexOf::Column(c) => ident(c),
            IndexOf::Expression(e) => format!("({})", text(e, "the index expression")?),
        };
        if let Some(c) = &p.collation {
            out.push_str(&format!(" COLLATE {c}"));
        }
        if let Some(o) = &p.operator_class {
            out.push_str(&format!(" {o}"));
        }
        if p.descending {
            out.push_str(" DESC");
        }
        match p.nulls_first {
            Some(true) => out.push_str(" NULLS FIRST"),
            Some(false) => out.push_str(" NULLS LAST"),
            None => {}
        }
        parts.push(out);
    }
    match index.method.as_str() {
        "fulltext" | "spatial" => {
            return Err(unsupported(format!(
                "PostgreSQL has no {} index of these columns without a text search or PostGIS set-up",
                index.method
            ))
            .on(index.name.clone()));
        }
        _ => {}
    }
    if index.nulls_not_distinct && version < 150_000 {
        return Err(unsupported("NULLS NOT DISTINCT needs PostgreSQL 15").on(index.name.clone()));
    }
    let mut out = format!(
        "CREATE {}INDEX {} ON {} USING {} ({})",
        if index.unique { "UNIQUE " } else { "" },
        ident(&index.name),
        table(t),
        ident(if index.method.is_empty() {
            "btree"
        } else {
            &index.method
        }),
        parts.join(", ")
    );
    if !index.include.is_empty() {
        out.push_str(&format!(" INCLUDE ({})", list(&index.include)));
    }
    if index.nulls_not_distinct {
        out.push_str(" NULLS NOT DISTINCT");
    }
    if let Some(p) = &index.predicate {
        out.push_str(&format!(" WHERE {}", text(p, "the index predicate")?));
    }
    Ok(out)
}
