//! The catalog: tables, columns, keys, in a number of queries that does not grow with the tables.
//!
//! Source: MySQL manual, "INFORMATION_SCHEMA Tables"; MariaDB manual, "Information Schema Tables".

use crate::connection::{Connection, Version};
use crate::native;
use crate::objects;
use crate::words::literal;
use limosa_core::error::Result;
use limosa_core::expression::SqlText;
use limosa_core::schema::*;
use std::collections::HashMap;

const DOING: &str = "reading the catalog";

/// A row of the catalog, by place.
pub(crate) struct Row(Vec<Option<String>>);

impl Row {
    /// The text, empty for NULL.
    pub(crate) fn text(&self, at: usize) -> &str {
        self.0
            .get(at)
            .and_then(|c| c.as_deref())
            .unwrap_or_default()
    }

    /// The text, if any.
    pub(crate) fn maybe(&self, at: usize) -> Option<&str> {
        self.0.get(at).and_then(|c| c.as_deref())
    }

    /// The text, if it is not empty.
    pub(crate) fn some(&self, at: usize) -> Option<String> {
        self.maybe(at).filter(|t| !t.is_empty()).map(str::to_owned)
    }

    /// A number.
    pub(crate) fn number<T: std::str::FromStr>(&self, at: usize) -> Option<T> {
        self.maybe(at)?.parse().ok()
    }
}

/// Asks one question of the catalog.
pub(crate) fn ask(connection: &mut Connection, sql: &str) -> Result<Vec<Row>> {
    Ok(connection.rows(DOING, sql)?.into_iter().map(Row).collect())
}

/// Whether a table is our own.
pub(crate) fn ours(name: &str) -> bool {
    name.starts_with("limosa_")
}

/// What the parts of the inspection share.
pub(crate) struct Context<'a> {
    pub(crate) version: &'a Version,
    pub(crate) database: &'a str,
}

impl Context<'_> {
    /// An expression of the catalog, with our own database's name taken off.
    pub(crate) fn expression(&self, text: &str) -> SqlText {
        let text = objects::without_database(text, self.database, &[]);
        limosa_sql::read("mysql", &limosa_sql::MySqlDialect {}, &text)
    }

    /// MySQL's catalog escapes the quotes in expressions; MariaDB's does not.
    fn unescaped(&self, text: &str) -> String {
        if self.version.maria {
            text.to_owned()
        } else {
            text.replace("\\'", "'")
        }
    }
}

/// Reads everything.
pub(crate) fn inspect(connection: &mut Connection, database: &str) -> Result<Catalog> {
    let version = connection.version.clone();
    let context = Context {
        version: &version,
        database,
    };
    let mut catalog = Catalog {
        collation: connection.value(DOING, "SELECT @@collation_database")?,
        ..Catalog::default()
    };
    let rows = ask(
        connection,
        "SELECT table_name, table_type, engine, table_rows, data_length, auto_increment, \
         table_collation, table_comment, create_options FROM information_schema.tables \
         WHERE table_schema = DATABASE() ORDER BY table_name",
    )?;
    let mut sequences = Vec::new();
    let mut next: HashMap<String, i128> = HashMap::new();
    for row in &rows {
        let name = row.text(0).to_owned();
        if ours(&name) {
            continue;
        }
        match row.text(1) {
            "BASE TABLE" | "SYSTEM VERSIONED" => {}
            "SEQUENCE" => {
                sequences.push(name);
                continue;
            }
            _ => continue,
        }
        if let Some(n) = row.number(5) {
            next.insert(name.clone(), n);
        }
        let mut table = empty_table(&name);
        table.comment = row.some(7);
        table.estimated_rows = row.number(3);
        table.estimated_bytes = row.number(4);
        if !row.text(2).eq_ignore_ascii_case("innodb") {
            table.unrepresented.push(format!(
                "storage engine {}: its rows are not part of a consistent snapshot",
                row.maybe(2).unwrap_or("unknown")
            ));
        }
        if row.text(1) == "SYSTEM VERSIONED" {
            table
                .unrepresented
                .push("system versioning: only current rows are read".into());
        }
        for word in ["compress", "encrypt"] {
            if row.text(8).to_ascii_lowercase().contains(word) {
                let note = format!("table options: {}", row.text(8));
                table.unrepresented.push(note);
                break;
            }
        }
        catalog.tables.push(table);
    }
    let checks = checks(connection, &context)?;
    columns(connection, &context, &mut catalog, &checks, &next)?;
    add_checks(&mut catalog, checks);
    indexes(connection, &context, &mut catalog)?;
    foreign_keys(connection, &mut catalog)?;
    objects::triggers(connection, &context, &mut catalog)?;
    objects::partitions(connection, &mut catalog)?;
    objects::views(connection, &context, &mut catalog)?;
    objects::routines(connection, &context, &mut catalog)?;
    objects::sequences(connection, &mut catalog, &sequences)?;
    let unseen = crate::privileges::unseen(connection, database)?;
    catalog.notes.extend(unseen);
    Ok(catalog)
}

fn empty_table(name: &str) -> Table {
    Table {
        name: TableName::bare(name),
        columns: Vec::new(),
        primary_key: None,
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        indexes: Vec::new(),
        triggers: Vec::new(),
        partitioning: None,
        comment: None,
        estimated_rows: None,
        estimated_bytes: None,
        unrepresented: Vec::new(),
    }
}

/// A check as the catalog has it.
struct FoundCheck {
    table: String,
    name: String,
    clause: String,
    /// Of one column (MariaDB); its name is then the column's.
    column: bool,
    enforced: bool,
}

impl FoundCheck {
    /// The column that this makes sure is JSON, if it is MariaDB's own check for the word `json`.
    fn json_column(&self) -> Option<String> {
        let inner = self.clause.trim().strip_prefix("json_valid(")?;
        let inner = inner.strip_suffix(')')?.trim();
        let name = inner.strip_prefix('`')?.strip_suffix('`')?;
        (!name.replace("``", "").contains('`')).then(|| name.replace("``", "`"))
    }
}

fn checks(connection: &mut Connection, context: &Context<'_>) -> Result<Vec<FoundCheck>> {
    let version = context.version;
    let sql = if version.maria {
        "SELECT table_name, constraint_name, check_clause, level, 'YES' \
         FROM information_schema.check_constraints WHERE constraint_schema = DATABASE() \
         ORDER BY table_name, constraint_name"
    } else if version.mysql(8, 0, 16) {
        "SELECT t.table_name, c.constraint_name, c.check_clause, 'Table', t.enforced \
         FROM information_schema.check_constraints c JOIN information_schema.table_constraints t \
         ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name \
         AND t.constraint_type = 'CHECK' \
         WHERE c.constraint_schema = DATABASE() ORDER BY 1, 2"
    } else {
        return Ok(Vec::new());
    };
    Ok(ask(connection, sql)?
        .iter()
        .map(|row| FoundCheck {
            table: row.text(0).to_owned(),
            name: row.text(1).to_owned(),
            clause: context.unescaped(row.text(2)),
            column: row.text(3) == "Column",
            enforced: row.text(4) != "NO",
        })
        .map(|mut check| {
            check.clause = objects::without_database(&check.clause, context.database, &[]);
            check
        })
        .collect())
}

fn add_checks(catalog: &mut Catalog, checks: Vec<FoundCheck>) {
    for check in checks {
        let Some(table) = catalog
            .tables
            .iter_mut()
            .find(|t| t.name.name == check.table)
        else {
            continue;
        };
        if let Some(column) = check.json_column()
            && let Some(column) = table.column(&column)
            && matches!(column.ty, Type::Json { .. })
        {
            continue;
        }
        if !check.enforced {
            table
                .unrepresented
                .push(format!("check {} is not enforced", check.name));
            continue;
        }
        let mut text = check.clause.trim();
        while let Some(inner) = outer_brackets(text) {
            text = inner.trim();
        }
        let name = if check.column {
            // A check of a column has no name of its own.
            format!("{}_{}_check", check.table, check.name)
        } else {
            check.name
        };
        table.checks.push(Check {
            name: Some(name.chars().take(64).collect()),
            condition: limosa_sql::read("mysql", &limosa_sql::MySqlDialect {}, text),
            validated: true,
        });
    }
}

/// The inside, if the first bracket is closed by the last.
pub(crate) fn outer_brackets(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('(')?.strip_suffix(')')?;
    let mut depth = 0i32;
    let mut quote = None;
    let mut bytes = inner.bytes();
    while let Some(b) = bytes.next() {
        match (quote, b) {
            (Some(_), b'\\') => {
                bytes.next();
            }
            (Some(q), b) if b == q => quote = None,
            (None, b'\'' | b'"' | b'`') => quote = Some(b),
            (None, b'(') => depth += 1,
            (None, b')') => {
                depth -= 1;
                if depth < 0 {
                    return None;
                }
            }
            _ => {}
        }
    }
    Some(inner)
}

fn columns(
    connection: &mut Connection,
    context: &Context<'_>,
    catalog: &mut Catalog,
    checks: &[FoundCheck],
    next: &HashMap<String, i128>,
) -> Result<()> {
    let version = context.version;
    let srs = if version.mysql(8, 0, 3) {
        "srs_id"
    } else {
        "NULL"
    };
    let rows = ask(
        connection,
        &format!(
            "SELECT table_name, column_name, column_default, is_nullable, column_type, \
             character_set_name, collation_name, extra, column_comment, generation_expression, {srs} \
             FROM information_schema.columns WHERE table_schema = DATABASE() \
             ORDER BY table_name, ordinal_position"
        ),
    )?;
    let database_collation = catalog.collation.clone();
    let mut tables = catalog.tables.iter_mut().peekable();
    for row in &rows {
        // Both lists are sorted, but by the server's collation: look from the front, then everywhere.
        while tables.peek().is_some_and(|t| t.name.name != row.text(0)) {
            tables.next();
        }
        if tables.peek().is_none() {
            tables = catalog.tables.iter_mut().peekable();
            while tables.peek().is_some_and(|t| t.name.name != row.text(0)) {
                tables.next();
            }
        }
        let Some(table) = tables.peek_mut() else {
            tables = catalog.tables.iter_mut().peekable();
            continue;
        };
        let json = version.maria
            && checks
                .iter()
                .any(|c| c.table == table.name.name && c.json_column().as_deref() == row.maybe(1));
        let next = next.get(&table.name.name).copied();
        let column = column(row, context, json, next, database_collation.as_deref());
        let extra = row.text(7).to_ascii_lowercase();
        if extra.contains("invisible") {
            table
                .unrepresented
                .push(format!("column {} is invisible", column.name));
        }
        table.columns.push(column);
    }
    Ok(())
}

fn column(
    row: &Row,
    context: &Context<'_>,
    json: bool,
    next: Option<i128>,
    database_collation: Option<&str>,
) -> Column {
    let extra = row.text(7).to_ascii_lowercase();
    let plain = row.text(4).split("/*").next().unwrap_or_default().trim();
    let ty = native::read(plain, json, row.number(10));
    let collation = row.some(6);
    let native = match (&collation, row.maybe(5)) {
        _ if json => "json".to_owned(),
        (Some(collation), Some(charset)) if !matches!(ty, Type::Json { .. }) => {
            format!("{plain} character set {charset} collate {collation}")
        }
        _ => match row.number::<u32>(10) {
            Some(srid) => format!("{plain} srid {srid}"),
            None => plain.to_owned(),
        },
    };
    let generated = row.some(9).map(|text| Generated {
        expression: context.expression(&context.unescaped(&text)),
        stored: extra.contains("stored") || extra.contains("persistent"),
    });
    let identity = extra.contains("auto_increment").then_some(Identity {
        always: false,
        next,
        increment: 1,
    });
    let default = match (&generated, &identity, row.maybe(2)) {
        (None, None, Some(text)) => default(text, &extra, &ty, context),
        _ => None,
    };
    Column {
        name: row.text(1).to_owned(),
        native,
        nullable: row.text(3) == "YES",
        default,
        identity,
        generated,
        on_update_now: extra.contains("on update current_timestamp"),
        folds: collation.as_deref().is_some_and(crate::mariadb::folds)
            && !matches!(ty, Type::Json { .. }),
        collation: collation.filter(|c| Some(c.as_str()) != database_collation),
        comment: row.some(8),
        ty,
    }
}

/// A default as SQL text: MariaDB's catalog gives SQL, MySQL's gives the bare value or an expression.
fn default(text: &str, extra: &str, ty: &Type, context: &Context<'_>) -> Option<SqlText> {
    let version = context.version;
    if version.mariadb(10, 2, 7) {
        return (!text.eq_ignore_ascii_case("null")).then(|| context.expression(text));
    }
    let number = matches!(
        ty,
        Type::Integer { .. } | Type::Decimal { .. } | Type::Float { .. } | Type::Year
    );
    let sql = if extra.contains("default_generated") {
        context.unescaped(text)
    } else if text.to_ascii_uppercase().starts_with("CURRENT_TIMESTAMP")
        && matches!(ty, Type::Timestamp { .. })
        || matches!(ty, Type::Bit { .. })
        || number && text.parse::<f64>().is_ok()
        || ty.binary() && text.starts_with("0x")
    {
        text.to_owned()
    } else {
        literal(text)
    };
    Some(context.expression(&sql))
}

fn indexes(
    connection: &mut Connection,
    context: &Context<'_>,
    catalog: &mut Catalog,
) -> Result<()> {
    let version = context.version;
    let expression = if version.mysql(8, 0, 13) {
        "expression"
    } else {
        "NULL"
    };
    let rows = ask(
        connection,
        &format!(
            "SELECT table_name, index_name, non_unique, column_name, collation, sub_part, \
             index_type, {expression} FROM information_schema.statistics \
             WHERE table_schema = DATABASE() ORDER BY table_name, index_name, seq_in_index"
        ),
    )?;
    let mut found: Vec<(String, Index)> = Vec::new();
    for row in &rows {
        let part = IndexPart {
            of: match (row.maybe(3), row.maybe(7)) {
                (Some(name), _) => IndexOf::Column(name.to_owned()),
                (None, Some(text)) => {
                    IndexOf::Expression(context.expression(&context.unescaped(text)))
                }
                (None, None) => continue,
            },
            descending: row.text(4) == "D",
            nulls_first: None,
            // A spatial index has a length of 32 that means nothing.
            prefix: row.number(5).filter(|_| row.text(6) != "SPATIAL"),
            collation: None,
            operator_class: None,
        };
        match found.last_mut() {
            Some((table, index)) if table == row.text(0) && index.name == row.text(1) => {
                index.parts.push(part);
            }
            _ => found.push((
                row.text(0).to_owned(),
                Index {
                    name: row.text(1).to_owned(),
                    parts: vec![part],
                    unique: row.text(2) == "0",
                    method: row.text(6).to_ascii_lowercase(),
                    predicate: None,
                    include: Vec::new(),
                    nulls_not_distinct: false,
                },
            )),
        }
    }
    for (table, index) in found {
        let Some(table) = catalog.tables.iter_mut().find(|t| t.name.name == table) else {
            continue;
        };
        let plain: Option<Vec<String>> = index
            .parts
            .iter()
            .map(|p| match &p.of {
                IndexOf::Column(c) if p.prefix.is_none() && !p.descending => Some(c.clone()),
                _ => None,
            })
            .collect();
        let key = |name: Option<String>, columns| Key {
            name,
            columns,
            deferrable: false,
            initially_deferred: false,
            nulls_not_distinct: false,
        };
        if index.name == "PRIMARY" {
            match plain {
                Some(columns) => table.primary_key = Some(key(None, columns)),
                None => {
                    let columns = index.parts.iter().filter_map(|p| match &p.of {
                        IndexOf::Column(c) => Some(c.clone()),
                        IndexOf::Expression(_) => None,
                    });
                    let columns: Vec<String> = columns.collect();
                    if index.parts.iter().any(|p| p.prefix.is_some()) {
                        table
                            .unrepresented
                            .push("primary key on the beginning of a column".into());
                    } else {
                        table.primary_key = Some(key(None, columns));
                        table.unrepresented.push("descending primary key".into());
                    }
                }
            }
            continue;
        }
        match plain {
            Some(columns) if index.unique && matches!(index.method.as_str(), "btree" | "hash") => {
                table.uniques.push(key(Some(index.name), columns));
            }
            _ => table.indexes.push(index),
        }
    }
    Ok(())
}

fn foreign_keys(connection: &mut Connection, catalog: &mut Catalog) -> Result<()> {
    let rows = ask(
        connection,
        "SELECT k.table_name, k.constraint_name, k.column_name, k.referenced_table_schema, \
         k.referenced_table_name, k.referenced_column_name, r.delete_rule, r.update_rule, DATABASE() \
         FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r \
         ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name \
         AND r.table_name = k.table_name \
         WHERE k.constraint_schema = DATABASE() AND k.table_schema = DATABASE() \
         AND k.referenced_table_name IS NOT NULL \
         ORDER BY k.table_name, k.constraint_name, k.ordinal_position",
    )?;
    let action = |text: &str| match text {
        "RESTRICT" => Action::Restrict,
        "CASCADE" => Action::Cascade,
        "SET NULL" => Action::SetNull,
        "SET DEFAULT" => Action::SetDefault,
        _ => Action::NoAction,
    };
    for row in &rows {
        let Some(table) = catalog
            .tables
            .iter_mut()
            .find(|t| t.name.name == row.text(0))
        else {
            continue;
        };
        if row.text(3) != row.text(8) {
            let note = format!(
                "foreign key {} to {}.{} in another database",
                row.text(1),
                row.text(3),
                row.text(4)
            );
            if !table.unrepresented.contains(&note) {
                table.unrepresented.push(note);
            }
            continue;
        }
        let name = Some(row.text(1).to_owned());
        match table.foreign_keys.iter_mut().find(|k| k.name == name) {
            Some(key) => {
                key.columns.push(row.text(2).to_owned());
                key.parent_columns.push(row.text(5).to_owned());
            }
            None => table.foreign_keys.push(ForeignKey {
                name,
                columns: vec![row.text(2).to_owned()],
                parent: TableName::bare(row.text(4)),
                parent_columns: vec![row.text(5).to_owned()],
                on_delete: action(row.text(6)),
                on_update: action(row.text(7)),
                deferrable: false,
                initially_deferred: false,
                match_full: false,
                validated: true,
            }),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_brackets_that_belong_together_are_taken_off() {
        assert_eq!(outer_brackets("(a > 1)"), Some("a > 1"));
        assert_eq!(outer_brackets("(a) or (b)"), None);
        assert_eq!(outer_brackets("(a = ')(')"), Some("a = ')('"));
        assert_eq!(outer_brackets("a"), None);
    }
}
