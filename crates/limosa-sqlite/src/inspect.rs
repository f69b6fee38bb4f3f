//! Reads the catalog of a database file, in one read transaction and a number of queries that does
//! not grow with the number of tables.
//!
//! What PRAGMA functions tell is taken from them; the texts of the CREATE statements ([`crate::ddl`])
//! only add what they do not tell. Tables and names of our own (`limosa_…`), SQLite's (`sqlite_…`),
//! virtual tables and their shadow tables are left out; the virtual ones are named in a note.

use crate::ddl::{self, TableText};
use crate::dialect::WITHOUT_ROWID;
use crate::types::{self, Native};
use crate::words::{literal, quote};
use limosa_core::expression::{Expr, SqlText};
use limosa_core::schema::{
    Action, Catalog, Check, Column, ForeignKey, Generated, Identity, Index, IndexOf, IndexPart,
    Key, Routine, Table, TableName, Trigger, View,
};
use limosa_sql::SQLiteDialect;
use rusqlite::{Connection, Row};
use std::collections::{BTreeMap, HashMap};

type Sqlite<T> = rusqlite::Result<T>;

struct ColumnRow {
    name: String,
    declared: String,
    not_null: bool,
    default: Option<String>,
    /// Its place in the primary key, from 1.
    key: u32,
    /// 0 plain, 1 hidden, 2 generated, 3 generated and stored.
    hidden: u8,
}

struct IndexRow {
    name: String,
    unique: bool,
    /// `c` made by CREATE INDEX, `u` by UNIQUE, `pk` by PRIMARY KEY.
    origin: String,
    parts: Vec<PartRow>,
}

struct PartRow {
    column: Option<String>,
    expression: bool,
    descending: bool,
    collation: String,
}

struct ForeignKeyRow {
    id: i64,
    parent: String,
    from: String,
    to: Option<String>,
    on_update: Action,
    on_delete: Action,
}

#[derive(Default)]
struct Rows {
    /// Type, name, table, text; in the order in which they were made.
    schema: Vec<(String, String, String, String)>,
    columns: HashMap<String, Vec<ColumnRow>>,
    indexes: HashMap<String, Vec<IndexRow>>,
    foreign_keys: HashMap<String, Vec<ForeignKeyRow>>,
    /// Name → (kind, without rowid, strict).
    list: HashMap<String, (String, bool, bool)>,
    sequences: HashMap<String, i64>,
    rows: HashMap<String, u64>,
    bytes: HashMap<String, u64>,
}

/// Above this size, the bytes of tables are not counted: it would read the whole file.
const COUNT_BYTES_BELOW: i64 = 256 << 20;

fn collect<T>(
    c: &Connection,
    sql: &str,
    mut see: impl FnMut(&Row<'_>) -> Sqlite<T>,
) -> Sqlite<Vec<T>> {
    let mut statement = c.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(see(row)?);
    }
    Ok(out)
}

/// Text of the catalog, which may hold bytes that are not UTF-8.
fn text(row: &Row<'_>, at: usize) -> Sqlite<String> {
    maybe(row, at).map(Option::unwrap_or_default)
}

fn maybe(row: &Row<'_>, at: usize) -> Sqlite<Option<String>> {
    use rusqlite::types::ValueRef;
    Ok(match row.get_ref(at)? {
        ValueRef::Null => None,
        ValueRef::Integer(i) => Some(i.to_string()),
        ValueRef::Real(r) => Some(r.to_string()),
        ValueRef::Text(t) | ValueRef::Blob(t) => Some(String::from_utf8_lossy(t).into_owned()),
    })
}

fn action(words: &str) -> Action {
    match words {
        "RESTRICT" => Action::Restrict,
        "CASCADE" => Action::Cascade,
        "SET NULL" => Action::SetNull,
        "SET DEFAULT" => Action::SetDefault,
        _ => Action::NoAction,
    }
}

fn gather(c: &Connection) -> Sqlite<Rows> {
    let mut all = Rows {
        schema: collect(
            c,
            "SELECT type, name, tbl_name, sql FROM main.sqlite_schema ORDER BY rowid",
            |r| Ok((text(r, 0)?, text(r, 1)?, text(r, 2)?, text(r, 3)?)),
        )?,
        ..Rows::default()
    };
    // Virtual tables have no root page; asking one whose module is not loaded is an error.
    const TABLES: &str =
        "(SELECT name FROM main.sqlite_schema WHERE type = 'table' AND rootpage > 0) AS m";
    let sql = format!(
        "SELECT m.name, x.name, x.type, x.\"notnull\", x.dflt_value, x.pk, x.hidden \
         FROM {TABLES} CROSS JOIN pragma_table_xinfo(m.name, 'main') AS x ORDER BY m.name, x.cid"
    );
    for (table, column) in collect(c, &sql, |r| {
        Ok((
            text(r, 0)?,
            ColumnRow {
                name: text(r, 1)?,
                declared: text(r, 2)?,
                not_null: r.get(3)?,
                default: maybe(r, 4)?,
                key: r.get(5)?,
                hidden: r.get(6)?,
            },
        ))
    })? {
        all.columns.entry(table).or_default().push(column);
    }
    let sql = format!(
        "SELECT m.name, l.name, l.\"unique\", l.origin, x.cid, x.name, x.\"desc\", x.coll \
         FROM {TABLES} CROSS JOIN pragma_index_list(m.name, 'main') AS l \
         CROSS JOIN pragma_index_xinfo(l.name, 'main') AS x \
         WHERE x.key = 1 ORDER BY m.name, l.seq DESC, x.seqno"
    );
    for (table, name, unique, origin, part) in collect(c, &sql, |r| {
        Ok((
            text(r, 0)?,
            text(r, 1)?,
            r.get::<_, bool>(2)?,
            text(r, 3)?,
            PartRow {
                expression: r.get::<_, i64>(4)? == -2,
                column: maybe(r, 5)?,
                descending: r.get(6)?,
                collation: text(r, 7)?,
            },
        ))
    })? {
        let list = all.indexes.entry(table).or_default();
        match list.last_mut().filter(|i| i.name == name) {
            Some(index) => index.parts.push(part),
            None => list.push(IndexRow {
                name,
                unique,
                origin,
                parts: vec![part],
            }),
        }
    }
    let sql = format!(
        "SELECT m.name, k.id, k.\"table\", k.\"from\", k.\"to\", k.on_update, k.on_delete \
         FROM {TABLES} CROSS JOIN pragma_foreign_key_list(m.name, 'main') AS k \
         ORDER BY m.name, k.id DESC, k.seq"
    );
    for (table, key) in collect(c, &sql, |r| {
        Ok((
            text(r, 0)?,
            ForeignKeyRow {
                id: r.get(1)?,
                parent: text(r, 2)?,
                from: text(r, 3)?,
                to: maybe(r, 4)?,
                on_update: action(&text(r, 5)?),
                on_delete: action(&text(r, 6)?),
            },
        ))
    })? {
        all.foreign_keys.entry(table).or_default().push(key);
    }
    for (name, kind) in collect(
        c,
        "SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main'",
        |r| Ok((text(r, 0)?, (text(r, 1)?, r.get(2)?, r.get(3)?))),
    )? {
        all.list.insert(name, kind);
    }
    let has = |name: &str| all.schema.iter().any(|s| s.1 == name);
    if has("sqlite_sequence") {
        for (name, last) in collect(c, "SELECT name, seq FROM sqlite_sequence", |r| {
            Ok((text(r, 0)?, r.get::<_, Option<i64>>(1).ok().flatten()))
        })? {
            all.sequences.insert(name, last.unwrap_or(0));
        }
    }
    if has("sqlite_stat1") {
        for (name, stat) in collect(c, "SELECT tbl, stat FROM sqlite_stat1", |r| {
            Ok((text(r, 0)?, text(r, 1)?))
        })? {
            if let Some(n) = stat.split(' ').next().and_then(|n| n.parse::<u64>().ok()) {
                let rows = all.rows.entry(name).or_default();
                *rows = (*rows).max(n);
            }
        }
    }
    let size: i64 = c.query_row(
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
        [],
        |r| r.get(0),
    )?;
    if size <= COUNT_BYTES_BELOW {
        // Statistics only: a build of SQLite without this table is no error.
        let bytes = collect(
            c,
            "SELECT name, sum(pgsize) FROM dbstat WHERE aggregate = TRUE GROUP BY name",
            |r| Ok((text(r, 0)?, r.get::<_, i64>(1)?)),
        );
        for (name, n) in bytes.unwrap_or_default() {
            all.bytes.insert(name, u64::try_from(n).unwrap_or(0));
        }
    }
    Ok(all)
}

fn ours(name: &str) -> bool {
    name.get(..7)
        .is_some_and(|p| p.eq_ignore_ascii_case("limosa_"))
}

fn sql(text: &str) -> SqlText {
    limosa_sql::read(crate::FAMILY, &SQLiteDialect {}, text)
}

/// Reads the catalog.
pub(crate) fn inspect(c: &Connection) -> Sqlite<Catalog> {
    c.execute_batch("BEGIN")?;
    let rows = gather(c);
    let catalog = rows.and_then(|rows| build(c, &rows));
    c.execute_batch("ROLLBACK")?;
    catalog
}

fn build(c: &Connection, all: &Rows) -> Sqlite<Catalog> {
    let encoding: String = c.query_row("SELECT encoding FROM pragma_encoding", [], |r| r.get(0))?;
    let mut catalog = Catalog {
        collation: Some("BINARY".into()),
        ..Catalog::default()
    };
    if encoding != "UTF-8" {
        catalog.notes.push(format!(
            "the file keeps text as {encoding}; it is read as UTF-8"
        ));
    }
    for (kind, name, _, text) in &all.schema {
        if kind != "table" || name.starts_with("sqlite_") || ours(name) {
            continue;
        }
        let (kind, without_rowid, strict) = all
            .list
            .get(name)
            .cloned()
            .unwrap_or_else(|| ("table".into(), false, false));
        match kind.as_str() {
            "virtual" => {
                let module = ddl::module(text).unwrap_or_default();
                catalog.notes.push(format!(
                    "virtual table {name} ({module}) is not copied; make it again in the target"
                ));
            }
            "shadow" => {}
            _ if !all.columns.contains_key(name) => {
                catalog
                    .notes
                    .push(format!("table {name} can not be described"));
            }
            _ => catalog.tables.push(table(
                c,
                all,
                name,
                &ddl::table(text),
                without_rowid,
                strict,
            )?),
        }
    }
    catalog.tables.sort_by(|a, b| a.name.cmp(&b.name));
    for (kind, name, _, text) in &all.schema {
        if kind != "view" || ours(name) {
            continue;
        }
        match ddl::view(text) {
            Some((query, names)) => catalog.views.push(View {
                name: TableName::bare(name),
                query: match names {
                    Some(names) => format!("WITH \"v\"({names}) AS ({query}) SELECT * FROM \"v\""),
                    None => query,
                },
                materialized: false,
            }),
            None => catalog.notes.push(format!("view {name} can not be read")),
        }
        catalog
            .routines
            .extend(triggers(all, name).into_iter().map(|t| Routine {
                name: TableName::bare(t.name),
                kind: "trigger".into(),
                text: Some(t.text),
            }));
    }
    Ok(catalog)
}

fn table(
    c: &Connection,
    all: &Rows,
    name: &str,
    text: &TableText,
    without_rowid: bool,
    strict: bool,
) -> Sqlite<Table> {
    let columns = &all.columns[name];
    let no_indexes = Vec::new();
    let indexes = all.indexes.get(name).unwrap_or(&no_indexes);
    let mut notes = Vec::new();
    if without_rowid {
        notes.push(WITHOUT_ROWID.to_owned());
    }
    if text.on_conflict {
        notes.push("a constraint says ON CONFLICT, which is not kept".into());
    }

    let mut key: Vec<&ColumnRow> = columns.iter().filter(|c| c.key > 0).collect();
    key.sort_by_key(|c| c.key);
    let by_index = indexes.iter().any(|i| i.origin == "pk");
    let rowid_alias = match &key[..] {
        [one] if !without_rowid && !by_index && types::rowid_type(&one.declared) => {
            Some(one.name.as_str())
        }
        _ => None,
    };
    let next = match rowid_alias {
        Some(column) => Some(next_rowid(c, all, name, column, text.autoincrement)?),
        None => None,
    };

    let mut out = Table {
        name: TableName::bare(name),
        columns: Vec::new(),
        primary_key: (!key.is_empty()).then(|| Key {
            name: text.primary_key_name.clone(),
            columns: key.iter().map(|c| c.name.clone()).collect(),
            deferrable: false,
            initially_deferred: false,
            nulls_not_distinct: false,
        }),
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        checks: text
            .checks
            .iter()
            .map(|(name, condition)| Check {
                name: name.clone(),
                condition: sql(condition),
                validated: true,
            })
            .collect(),
        indexes: Vec::new(),
        triggers: triggers(all, name),
        partitioning: None,
        comment: None,
        estimated_rows: all.rows.get(name).copied(),
        estimated_bytes: all.bytes.get(name).copied(),
        unrepresented: Vec::new(),
    };
    for row in columns.iter().filter(|c| c.hidden != 1) {
        let said = text.columns.iter().find(|t| t.name == row.name);
        let alias = rowid_alias == Some(row.name.as_str());
        out.columns.push(column(
            row,
            said,
            strict,
            alias,
            (without_rowid || strict) && row.key > 0,
            next,
        ));
    }
    for index in indexes {
        let plain = index.parts.iter().all(|p| {
            p.column.as_deref().is_some_and(|c| {
                let own = out.column(c).and_then(|c| c.collation.as_deref());
                p.collation.eq_ignore_ascii_case(own.unwrap_or("BINARY"))
            })
        });
        let names: Vec<String> = index
            .parts
            .iter()
            .filter_map(|p| p.column.clone())
            .collect();
        match index.origin.as_str() {
            "u" => {
                if !plain {
                    notes.push(format!(
                        "unique ({}) compares with a collation that is not the column's",
                        names.join(", ")
                    ));
                }
                let name = text
                    .uniques
                    .iter()
                    .find(|(_, columns)| {
                        columns.len() == names.len()
                            && columns
                                .iter()
                                .zip(&names)
                                .all(|(a, b)| a.eq_ignore_ascii_case(b))
                    })
                    .and_then(|(name, _)| name.clone());
                out.uniques.push(Key {
                    name,
                    columns: names,
                    deferrable: false,
                    initially_deferred: false,
                    nulls_not_distinct: false,
                });
            }
            "c" if !ours(&index.name) => out.indexes.push(plain_index(all, index, &out.columns)),
            _ => {}
        }
    }
    foreign_keys(all, name, text, &mut out, &mut notes);
    out.unrepresented = notes;
    Ok(out)
}

/// What the next row would be numbered.
fn next_rowid(
    c: &Connection,
    all: &Rows,
    table: &str,
    column: &str,
    autoincrement: bool,
) -> Sqlite<i128> {
    let sql = format!("SELECT max({}) FROM {}", quote(column), quote(table));
    let greatest: Option<i64> = c.query_row(&sql, [], |r| r.get(0))?;
    let counted = all.sequences.get(table).filter(|_| autoincrement);
    let last = greatest.unwrap_or(0).max(counted.copied().unwrap_or(0));
    Ok(i128::from(last.max(0)) + 1)
}

fn column(
    row: &ColumnRow,
    said: Option<&ddl::ColumnText>,
    strict: bool,
    alias: bool,
    not_null: bool,
    next: Option<i128>,
) -> Column {
    let note = said.and_then(|t| t.hint.as_deref());
    // Before GENERATED ALWAYS, SQLite keeps our note as part of the type.
    let declared = row.declared.split("/*").next().unwrap_or_default().trim();
    let native = Native::compose(declared, strict, note);
    let ty = Native::parse(&native)
        .hint
        .unwrap_or_else(|| types::declared(declared));
    let collation = said
        .and_then(|t| t.collation.clone())
        .filter(|c| !c.eq_ignore_ascii_case("BINARY"));
    Column {
        name: row.name.clone(),
        ty,
        native,
        nullable: !(row.not_null || alias || not_null),
        default: match row.hidden {
            0 if !alias => row.default.as_deref().map(default),
            _ => None,
        },
        identity: alias.then_some(Identity {
            always: false,
            next,
            increment: 1,
        }),
        generated: match row.hidden {
            2 | 3 => said
                .and_then(|t| t.generated.as_deref())
                .map(|text| Generated {
                    expression: sql(text),
                    stored: row.hidden == 3,
                }),
            _ => None,
        },
        on_update_now: false,
        folds: collation.is_some(),
        collation,
        comment: None,
    }
}

/// A default; a bare or double-quoted name in it is a text, since it can not be a column.
fn default(text: &str) -> SqlText {
    let mut read = sql(text);
    if let Some(Expr::Column(word)) = &read.parsed {
        read.text = literal(word);
        read.parsed = Some(Expr::Text(word.clone()));
    } else if let Some(parsed) = &read.parsed {
        let mut columns = false;
        parsed.columns(&mut |_| columns = true);
        if columns {
            read.parsed = None;
        }
    }
    read
}

fn plain_index(all: &Rows, index: &IndexRow, columns: &[Column]) -> Index {
    let text = all
        .schema
        .iter()
        .find(|(kind, name, ..)| kind == "index" && *name == index.name)
        .map(|s| s.3.as_str())
        .unwrap_or_default();
    let (texts, predicate) = ddl::index(text);
    let parts = index
        .parts
        .iter()
        .enumerate()
        .map(|(i, part)| {
            let own = part
                .column
                .as_ref()
                .and_then(|name| columns.iter().find(|c| c.name == *name))
                .and_then(|c| c.collation.as_deref())
                .unwrap_or("BINARY");
            let of = match &part.column {
                Some(name) if !part.expression => IndexOf::Column(name.clone()),
                _ => IndexOf::Expression(sql(texts.get(i).map_or("", String::as_str))),
            };
            // The text of an expression holds its collation already.
            let collation = match &of {
                IndexOf::Column(_) if !part.collation.eq_ignore_ascii_case(own) => {
                    Some(part.collation.clone())
                }
                _ => None,
            };
            IndexPart {
                of,
                descending: part.descending,
                nulls_first: None,
                prefix: None,
                collation,
                operator_class: None,
            }
        })
        .collect();
    Index {
        name: index.name.clone(),
        parts,
        unique: index.unique,
        method: "btree".into(),
        predicate: predicate.as_deref().map(sql),
        include: Vec::new(),
        nulls_not_distinct: false,
    }
}

fn triggers(all: &Rows, table: &str) -> Vec<Trigger> {
    all.schema
        .iter()
        .filter(|(kind, name, of, _)| {
            kind == "trigger" && of.eq_ignore_ascii_case(table) && !ours(name)
        })
        .map(|(_, name, _, text)| Trigger {
            name: name.clone(),
            text: text.clone(),
        })
        .collect()
}

fn foreign_keys(
    all: &Rows,
    name: &str,
    text: &TableText,
    out: &mut Table,
    notes: &mut Vec<String>,
) {
    let no_rows = Vec::new();
    let mut keys: BTreeMap<std::cmp::Reverse<i64>, Vec<&ForeignKeyRow>> = BTreeMap::new();
    for row in all.foreign_keys.get(name).unwrap_or(&no_rows) {
        keys.entry(std::cmp::Reverse(row.id)).or_default().push(row);
    }
    // SQLite numbers them from the last to the first of the text.
    let named = keys.len() == text.foreign_keys.len();
    for (at, rows) in keys.values().enumerate() {
        let said = named.then(|| &text.foreign_keys[at]);
        let first = rows[0];
        // The parent may be written in another case than its own.
        let parent = all
            .columns
            .keys()
            .find(|k| k.eq_ignore_ascii_case(&first.parent))
            .cloned()
            .unwrap_or_else(|| first.parent.clone());
        let mut parent_key: Vec<&ColumnRow> = all
            .columns
            .get(&parent)
            .map(|c| c.iter().filter(|c| c.key > 0).collect())
            .unwrap_or_default();
        parent_key.sort_by_key(|c| c.key);
        let parent_columns: Vec<String> = match rows.iter().map(|r| r.to.clone()).collect() {
            Some(columns) => columns,
            None => parent_key.iter().map(|c| c.name.clone()).collect(),
        };
        if parent_columns.len() != rows.len() {
            notes.push(format!(
                "a foreign key to {parent} does not match the columns of its key"
            ));
            continue;
        }
        let own_case = |table: &str, column: &str| {
            all.columns
                .get(table)
                .and_then(|c| c.iter().find(|c| c.name.eq_ignore_ascii_case(column)))
                .map_or_else(|| column.to_owned(), |c| c.name.clone())
        };
        out.foreign_keys.push(ForeignKey {
            name: said.and_then(|s| s.name.clone()),
            columns: rows.iter().map(|r| own_case(name, &r.from)).collect(),
            parent_columns: parent_columns
                .iter()
                .map(|c| own_case(&parent, c))
                .collect(),
            parent: TableName::bare(parent),
            on_delete: first.on_delete,
            on_update: first.on_update,
            deferrable: said.is_some_and(|s| s.deferrable),
            initially_deferred: said.is_some_and(|s| s.deferred),
            // Enforcement is off unless a connection asks for it, so nobody has looked.
            match_full: false,
            validated: false,
        });
    }
}
