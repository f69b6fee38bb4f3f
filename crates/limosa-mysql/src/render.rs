//! Schema acts as statements.

use crate::dialect::MySqlDialect;
use crate::words::{literal, quote};
use limosa_core::dialect::Dialect;
use limosa_core::error::{Error, ErrorKind, Result};
use limosa_core::expression::SqlText;
use limosa_core::operation::Operation;
use limosa_core::schema::*;

fn unsupported(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unsupported, "writing a statement", what)
}

/// Says an operation.
pub(crate) fn render(dialect: &MySqlDialect, operation: &Operation) -> Result<Vec<String>> {
    Ok(match operation {
        Operation::CreateSchema(name) => {
            return Err(unsupported("there are no namespaces below the database").on(name.clone()));
        }
        Operation::CreateEnum(t) => {
            return Err(
                unsupported("an enumeration is part of its column here").on(t.name.to_string())
            );
        }
        Operation::CreateDomain(t) => {
            return Err(unsupported("there are no types with conditions").on(t.name.to_string()));
        }
        Operation::CreateSequence(s) => vec![sequence(dialect, s)?],
        Operation::CreateTable(t) => vec![create(dialect, t)?],
        Operation::AddPrimaryKey(t, key) => vec![format!(
            "ALTER TABLE {} ADD PRIMARY KEY ({})",
            dialect.qualified(t),
            list(&key.columns)
        )],
        Operation::AddUnique(t, key) => {
            let unique = unique(key).map_err(|e| e.on(t.to_string()))?;
            vec![format!("ALTER TABLE {} ADD {unique}", dialect.qualified(t))]
        }
        Operation::CreateIndex {
            table,
            index,
            columns,
        } => {
            let said = create_index(dialect, table, index, columns);
            vec![said.map_err(|e| e.on(index.name.clone()))?]
        }
        Operation::AddForeignKey(t, key) => {
            let key = foreign_key(dialect, key).map_err(|e| e.on(t.to_string()))?;
            vec![format!("ALTER TABLE {} ADD {key}", dialect.qualified(t))]
        }
        Operation::AddCheck(t, check) => {
            let check = said_check(dialect, check).map_err(|e| e.on(t.to_string()))?;
            vec![format!("ALTER TABLE {} ADD {check}", dialect.qualified(t))]
        }
        Operation::SetCounter { table, next, .. } => vec![format!(
            "ALTER TABLE {} AUTO_INCREMENT = {}",
            dialect.qualified(table),
            (*next).max(1)
        )],
        Operation::SetSequence { name, next } => {
            if !dialect.version.maria {
                return Err(unsupported("MySQL has no sequences").on(name.to_string()));
            }
            vec![format!(
                "ALTER SEQUENCE {} RESTART WITH {next}",
                dialect.qualified(name)
            )]
        }
        Operation::CreateView(v) if v.materialized => {
            return Err(unsupported("there are no materialized views").on(v.name.to_string()));
        }
        Operation::CreateView(v) => vec![format!(
            "CREATE OR REPLACE VIEW {} AS {}",
            dialect.qualified(&v.name),
            v.query.trim().trim_end_matches(';')
        )],
        Operation::CreateRoutine(r) => match &r.text {
            Some(text) => code(dialect, text),
            None => {
                return Err(
                    unsupported(format!("the words of this {} may not be seen", r.kind))
                        .on(r.name.to_string()),
                );
            }
        },
        Operation::CreateTrigger { trigger, .. } => code(dialect, &trigger.text),
        // A column's comment is part of its definition, and went with the table.
        Operation::Comment {
            column: Some(_), ..
        } => Vec::new(),
        Operation::Comment {
            table,
            column: None,
            text,
        } => vec![format!(
            "ALTER TABLE {} COMMENT = {}",
            dialect.qualified(table),
            literal(&cut(text, 2048))
        )],
        Operation::Analyze(t) => vec![format!("ANALYZE TABLE {}", dialect.qualified(t))],
        // TRUNCATE refuses tables that a foreign key points to; DELETE works on all, and keeps the counter.
        Operation::EmptyTable(t) => vec![
            "SET SESSION foreign_key_checks = 0".into(),
            format!("TRUNCATE TABLE {}", dialect.qualified(t)),
            "SET SESSION foreign_key_checks = 1".into(),
        ],
        Operation::DropTable(t) => vec![
            "SET SESSION foreign_key_checks = 0".into(),
            format!("DROP TABLE IF EXISTS {}", dialect.qualified(t)),
            "SET SESSION foreign_key_checks = 1".into(),
        ],
    })
}

/// Code is kept with the mode under which it was made, and is made under that mode again.
fn code(dialect: &MySqlDialect, text: &str) -> Vec<String> {
    let (mode, statement) = crate::objects::in_its_mode(text);
    let Some(mode) = mode else {
        return vec![statement.to_owned()];
    };
    // A mode that only the other product knows would be an error there.
    let known: Vec<&str> = mode
        .split(',')
        .filter(|m| {
            dialect.version.maria
                || !matches!(
                    *m,
                    "NO_AUTO_CREATE_USER"
                        | "ORACLE"
                        | "MSSQL"
                        | "POSTGRESQL"
                        | "DB2"
                        | "MAXDB"
                        | "EMPTY_STRING_IS_NULL"
                        | "SIMULTANEOUS_ASSIGNMENT"
                        | "TIME_ROUND_FRACTIONAL"
                )
        })
        .collect();
    vec![
        format!(
            "SET @limosa_mode = @@SESSION.sql_mode, SESSION sql_mode = {}",
            literal(&known.join(","))
        ),
        statement.to_owned(),
        "SET SESSION sql_mode = @limosa_mode".into(),
    ]
}

fn list(columns: &[String]) -> String {
    let all: Vec<String> = columns.iter().map(|c| quote(c)).collect();
    all.join(", ")
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

/// An expression in our words: our own family's text as it is, another's through its neutral reading.
fn said(dialect: &MySqlDialect, text: &SqlText, what: &str) -> Result<String> {
    if text.family == "mysql" {
        return Ok(text.text.clone());
    }
    text.parsed
        .as_ref()
        .and_then(|e| dialect.expression(e))
        .ok_or_else(|| unsupported(format!("{what} has no words of the same meaning here")))
}

fn sequence(dialect: &MySqlDialect, s: &Sequence) -> Result<String> {
    if !dialect.version.maria {
        return Err(unsupported("MySQL has no sequences").on(s.name.to_string()));
    }
    // The very ends of 64 bits are kept back by the server.
    let min = s.min.max(i128::from(i64::MIN) + 1);
    let max = s.max.min(i128::from(i64::MAX) - 1);
    Ok(format!(
        "CREATE SEQUENCE {} START WITH {} MINVALUE {min} MAXVALUE {max} INCREMENT BY {} {}",
        dialect.qualified(&s.name),
        s.start.clamp(min, max),
        s.increment,
        if s.cycle { "CYCLE" } else { "NOCYCLE" }
    ))
}

fn create(dialect: &MySqlDialect, t: &Table) -> Result<String> {
    let mut parts = Vec::with_capacity(t.columns.len() + 4);
    let mut counters = 0;
    for c in &t.columns {
        counters += usize::from(c.identity.is_some());
        parts.push(column(dialect, t, c).map_err(|e| e.on(format!("{}.{}", t.name, c.name)))?);
    }
    if counters > 1 {
        return Err(
            unsupported("a table has at most one column that counts").on(t.name.to_string())
        );
    }
    if let Some(key) = &t.primary_key {
        parts.push(format!("PRIMARY KEY ({})", list(&key.columns)));
    }
    let counting = t.columns.iter().find(|c| c.identity.is_some());
    if let Some(c) = counting {
        let first = |k: &Key| k.columns.first() == Some(&c.name);
        if !t.primary_key.as_ref().is_some_and(first) && !t.uniques.iter().any(first) {
            // The server wants a column that counts to lead a key; a plain one is enough.
            parts.push(format!(
                "KEY {} ({})",
                quote(&format!("{}_counts", cut(&c.name, 57))),
                quote(&c.name)
            ));
        }
    }
    for key in &t.uniques {
        parts.push(unique(key).map_err(|e| e.on(t.name.to_string()))?);
    }
    for key in &t.foreign_keys {
        parts.push(foreign_key(dialect, key).map_err(|e| e.on(t.name.to_string()))?);
    }
    for check in &t.checks {
        parts.push(said_check(dialect, check).map_err(|e| e.on(t.name.to_string()))?);
    }
    let mut sql = format!(
        "CREATE TABLE {} (\n  {}\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={}",
        dialect.qualified(&t.name),
        parts.join(",\n  "),
        crate::mariadb::exact_collation(dialect.version.maria)
    );
    if let Some(text) = &t.comment {
        sql.push_str(&format!(" COMMENT={}", literal(&cut(text, 2048))));
    }
    if let Some(clause) = t.partitioning.as_ref().and_then(partitions) {
        sql.push_str(&clause);
    }
    Ok(sql)
}

/// The clause of our own family's partitions; another's say nothing here.
fn partitions(p: &Partitioning) -> Option<String> {
    let method = p.clause.split(['(', ' ']).next()?;
    let keyed = matches!(method, "HASH" | "KEY" | "LINEAR");
    let ours = p.parts.iter().all(|(_, bound)| {
        bound.starts_with("VALUES LESS THAN")
            || bound.starts_with("VALUES IN")
            || bound == "DEFAULT"
            || bound.is_empty() && keyed
    });
    if !ours || p.parts.is_empty() {
        return None;
    }
    let parts: Vec<String> = p
        .parts
        .iter()
        .map(|(name, bound)| {
            format!("PARTITION {} {bound}", quote(&name.name))
                .trim_end()
                .to_owned()
        })
        .collect();
    Some(format!(" PARTITION BY {} ({})", p.clause, parts.join(", ")))
}

fn column(dialect: &MySqlDialect, t: &Table, c: &Column) -> Result<String> {
    let mut sql = format!("{} {}", quote(&c.name), c.native);
    let key = t
        .primary_key
        .as_ref()
        .is_some_and(|k| k.columns.contains(&c.name));
    if let Some(generated) = &c.generated {
        let expression = said(
            dialect,
            &generated.expression,
            "the expression of a computed column",
        )?;
        sql.push_str(&format!(
            " GENERATED ALWAYS AS ({expression}) {}",
            if generated.stored {
                "STORED"
            } else {
                "VIRTUAL"
            }
        ));
        // MariaDB does not take NOT NULL here; the expression decides.
        if !dialect.version.maria && !c.nullable {
            sql.push_str(" NOT NULL");
        }
    } else {
        sql.push_str(if c.nullable && !key {
            " NULL"
        } else {
            " NOT NULL"
        });
        if let Some(default) = &c.default {
            sql.push_str(" DEFAULT ");
            sql.push_str(&default_text(dialect, c, default)?);
        }
        if c.identity.is_some() {
            if !matches!(c.ty.base(), Type::Integer { .. }) {
                return Err(unsupported("only whole numbers count by themselves"));
            }
            sql.push_str(" AUTO_INCREMENT");
        }
        if c.on_update_now {
            let digits = match c.ty.base() {
                Type::Timestamp { precision, .. } => *precision,
                _ => 0,
            };
            sql.push_str(" ON UPDATE ");
            sql.push_str(&now(digits));
        }
    }
    if let Some(text) = &c.comment {
        sql.push_str(&format!(" COMMENT {}", literal(&cut(text, 1024))));
    }
    Ok(sql)
}

fn now(digits: u8) -> String {
    match digits {
        0 => "current_timestamp()".into(),
        n => format!("current_timestamp({n})"),
    }
}

/// A default: a plain literal as it is, the present moment with the column's digits, the rest in brackets.
fn default_text(dialect: &MySqlDialect, c: &Column, default: &SqlText) -> Result<String> {
    let text = said(dialect, default, "a default")?;
    let lower = text.trim().to_ascii_lowercase();
    let moment = lower.starts_with("current_timestamp")
        || matches!(lower.as_str(), "now()" | "localtime" | "localtimestamp")
        || lower.starts_with("now(");
    if let (true, Type::Timestamp { precision, .. }) = (moment, c.ty.base()) {
        // Both products want the digits of the column.
        return Ok(now(*precision));
    }
    if is_literal(text.trim()) {
        // Text and blob columns of MySQL take a default in brackets only.
        let kept_beside = matches!(
            c.ty.base(),
            Type::Text { .. } | Type::Blob { .. } | Type::Json { .. } | Type::Geometry { .. }
        );
        return Ok(match (dialect.version.maria, kept_beside) {
            (false, true) => format!("({})", text.trim()),
            _ => text.trim().to_owned(),
        });
    }
    let whole = crate::inspect::outer_brackets(text.trim()).unwrap_or(text.trim());
    Ok(format!("({whole})"))
}

fn is_literal(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    if matches!(lower.as_str(), "null" | "true" | "false") || text.parse::<f64>().is_ok() {
        return true;
    }
    let quoted = |from: usize| {
        let inner = text.get(from..).unwrap_or_default();
        inner.len() >= 2 && inner.starts_with('\'') && inner.ends_with('\'') && {
            // One literal, not two with something in between.
            let body = inner[1..inner.len() - 1]
                .replace("\\\\", "")
                .replace("\\'", "")
                .replace("''", "");
            !body.contains('\'')
        }
    };
    quoted(0)
        || matches!(lower.as_bytes().first(), Some(b'b' | b'x')) && quoted(1)
        || lower.starts_with("0x") && lower[2..].bytes().all(|b| b.is_ascii_hexdigit())
}

fn unique(key: &Key) -> Result<String> {
    if key.deferrable {
        return Err(unsupported(
            "a unique constraint can not be checked at the end of the transaction",
        ));
    }
    if key.nulls_not_distinct {
        return Err(unsupported(
            "two NULLs never collide in a unique constraint here",
        ));
    }
    let name = key
        .name
        .as_ref()
        .map_or(String::new(), |n| format!(" {}", quote(n)));
    Ok(format!("UNIQUE KEY{name} ({})", list(&key.columns)))
}

fn foreign_key(dialect: &MySqlDialect, key: &ForeignKey) -> Result<String> {
    if key.deferrable {
        return Err(unsupported(
            "a foreign key can not be checked at the end of the transaction",
        ));
    }
    if key.match_full && key.columns.len() > 1 {
        return Err(unsupported("a foreign key can not be MATCH FULL"));
    }
    let action = |a: Action| {
        Ok(match a {
            Action::NoAction => "NO ACTION",
            Action::Restrict => "RESTRICT",
            Action::Cascade => "CASCADE",
            Action::SetNull => "SET NULL",
            Action::SetDefault => {
                return Err(unsupported("a foreign key can not set the default"));
            }
        })
    };
    let name = key
        .name
        .as_ref()
        .map_or(String::new(), |n| format!("CONSTRAINT {} ", quote(n)));
    Ok(format!(
        "{name}FOREIGN KEY ({}) REFERENCES {} ({}) ON DELETE {} ON UPDATE {}",
        list(&key.columns),
        dialect.qualified(&key.parent),
        list(&key.parent_columns),
        action(key.on_delete)?,
        action(key.on_update)?
    ))
}

fn said_check(dialect: &MySqlDialect, check: &Check) -> Result<String> {
    if !dialect.version.maria && !dialect.version.mysql(8, 0, 16) {
        return Err(unsupported("this version does not keep checks"));
    }
    if !check.validated {
        return Err(unsupported("a check can not be NOT VALID"));
    }
    let name = check
        .name
        .as_ref()
        .map_or(String::new(), |n| format!("CONSTRAINT {} ", quote(n)));
    let text = said(dialect, &check.condition, "a check")?;
    Ok(format!("{name}CHECK ({text})"))
}

fn create_index(
    dialect: &MySqlDialect,
    table: &TableName,
    index: &Index,
    columns: &[Column],
) -> Result<String> {
    if index.predicate.is_some() {
        return Err(unsupported("an index covers all rows here"));
    }
    if index.nulls_not_distinct && index.unique {
        return Err(unsupported(
            "two NULLs never collide in a unique index here",
        ));
    }
    let kind = match index.method.as_str() {
        "fulltext" => "FULLTEXT ",
        "spatial" => "SPATIAL ",
        "btree" | "hash" | "rtree" | "" => {
            if index.unique {
                "UNIQUE "
            } else {
                ""
            }
        }
        other => {
            return Err(unsupported(format!("there is no index method {other}")));
        }
    };
    if index.parts.len() > KEY_COLUMNS {
        return Err(unsupported(format!(
            "an index has at most {KEY_COLUMNS} columns here"
        )));
    }
    let mut parts = Vec::with_capacity(index.parts.len());
    let limits = limits(index, columns);
    for (part, limit) in index.parts.iter().zip(limits) {
        let mut text = match &part.of {
            IndexOf::Column(name) => {
                let prefix = part.prefix.or(limit);
                if index.unique && prefix.is_some() && part.prefix.is_none() {
                    return Err(unsupported(format!(
                        "column {name} is too long for a unique index"
                    )));
                }
                match prefix.filter(|_| kind != "FULLTEXT " && kind != "SPATIAL ") {
                    Some(n) => format!("{}({n})", quote(name)),
                    None => quote(name),
                }
            }
            IndexOf::Expression(text) => {
                if !dialect.version.mysql(8, 0, 13) {
                    return Err(unsupported("an expression can not be indexed here"));
                }
                let text = said(dialect, text, "an indexed expression")?;
                let whole = crate::inspect::outer_brackets(text.trim()).unwrap_or(text.trim());
                format!("({whole})")
            }
        };
        let ordered = dialect.version.mysql(8, 0, 0) || dialect.version.mariadb(10, 8, 0);
        if part.descending && ordered && kind != "FULLTEXT " && kind != "SPATIAL " {
            text.push_str(" DESC");
        }
        parts.push(text);
    }
    Ok(format!(
        "ALTER TABLE {} ADD {kind}INDEX {} ({})",
        dialect.qualified(table),
        quote(&index.name),
        parts.join(", ")
    ))
}

/// Columns of an index.
const KEY_COLUMNS: usize = 16;
/// Bytes of an index key.
const KEY_BYTES: u32 = 3072;

/// The bytes that a column takes of an index key, `u32::MAX` if it must be cut, and the bytes of one unit
/// of its length.
fn in_key(column: Option<&Column>) -> (u32, u32) {
    match column.map(|c| c.ty.base()) {
        Some(Type::Text { .. } | Type::Json { .. }) => (u32::MAX, 4),
        Some(Type::Blob { .. }) => (u32::MAX, 1),
        Some(Type::Varchar { length } | Type::Char { length }) => (length.saturating_mul(4), 4),
        Some(Type::Varbinary { length } | Type::Binary { length }) => (*length, 1),
        // The widest of the rest is a decimal.
        Some(_) => (40, 0),
        None => (0, 0),
    }
}

/// The lengths to which the columns of an index must be cut, so that they fit into a key together: the
/// short ones stay whole, and the long ones share what is left.
fn limits(index: &Index, columns: &[Column]) -> Vec<Option<u32>> {
    if matches!(index.method.as_str(), "fulltext" | "spatial") {
        return vec![None; index.parts.len()];
    }
    let mut wants: Vec<(u32, u32)> = Vec::new();
    for part in &index.parts {
        wants.push(match (&part.of, part.prefix) {
            (IndexOf::Column(name), prefix) => {
                let (bytes, unit) = in_key(columns.iter().find(|c| c.name == *name));
                (prefix.map_or(bytes, |n| n.saturating_mul(unit)), unit)
            }
            (IndexOf::Expression(_), _) => (0, 0),
        });
    }
    let total = wants
        .iter()
        .fold(0u32, |sum, (n, _)| sum.saturating_add(*n));
    if total <= KEY_BYTES {
        return vec![None; wants.len()];
    }
    let mut order: Vec<usize> = (0..wants.len()).collect();
    order.sort_by_key(|at| wants[*at]);
    let mut out = vec![None; wants.len()];
    let mut room = KEY_BYTES;
    for (done, at) in order.iter().enumerate() {
        let (bytes, unit) = wants[*at];
        let share = room / (wants.len() - done) as u32;
        if bytes > share && unit > 0 {
            out[*at] = Some((share / unit).max(1));
            room -= share;
        } else {
            room = room.saturating_sub(bytes);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_of_an_index_share_a_key() {
        let column = |name: &str, ty: Type| Column {
            name: name.into(),
            native: String::new(),
            nullable: true,
            default: None,
            identity: None,
            generated: None,
            on_update_now: false,
            collation: None,
            folds: false,
            comment: None,
            ty,
        };
        let columns = [
            column("a", Type::Text { max_bytes: None }),
            column("b", Type::Text { max_bytes: None }),
            column("c", Type::Varchar { length: 10 }),
            column(
                "d",
                Type::Integer {
                    bits: 64,
                    unsigned: false,
                },
            ),
            column("e", Type::Varchar { length: 700 }),
        ];
        let index = |names: &[&str]| Index {
            name: "i".into(),
            parts: names
                .iter()
                .map(|n| IndexPart {
                    of: IndexOf::Column((*n).into()),
                    descending: false,
                    nulls_first: None,
                    prefix: None,
                    collation: None,
                    operator_class: None,
                })
                .collect(),
            unique: false,
            method: "btree".into(),
            predicate: None,
            include: Vec::new(),
            nulls_not_distinct: false,
        };
        for (names, want) in [
            (vec!["a"], vec![Some(768)]),
            (vec!["a", "b"], vec![Some(384), Some(384)]),
            (vec!["a", "d", "c"], vec![Some(748), None, None]),
            (vec!["c", "d"], vec![None, None]),
            (vec!["e"], vec![None]),
            (vec!["e", "a"], vec![Some(384), Some(384)]),
        ] {
            assert_eq!(limits(&index(&names), &columns), want, "{names:?}");
        }
    }

    #[test]
    fn literals_are_told_from_expressions() {
        for (text, want) in [
            ("'a'", true),
            ("'it''s \\' \\\\'", true),
            ("'a' + 'b'", false),
            ("-1.5", true),
            ("b'01'", true),
            ("0xFF", true),
            ("uuid()", false),
            ("NULL", true),
            ("x'00'", true),
        ] {
            assert_eq!(is_literal(text), want, "{text}");
        }
    }
}
