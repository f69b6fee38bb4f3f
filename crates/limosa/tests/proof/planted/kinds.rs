//! Every kind of corruption: what is done to the target, and what the comparison must say.

mod keys;
mod rows;
mod schema;
mod texts;
mod typed;

pub(crate) use self::schema::SCHEMA;
use super::shop::{V, t, value};
use crate::engine::Engine;

/// What is done.
pub(crate) enum Act {
    /// Columns of rows of `item` get other values.
    Set(Vec<(i64, &'static str, V)>),
    /// A statement that all engines understand.
    Do(&'static str),
    /// A statement for each of SQLite, PostgreSQL and MariaDB; empty where the kind can not exist.
    Each([&'static str; 3]),
}

/// What the comparison must say.
pub(crate) enum Found {
    /// These rows of a table and no others: key, kind and columns.
    Rows(
        &'static str,
        Vec<(Vec<String>, &'static str, Vec<&'static str>)>,
    ),
    /// So many rows of a table without a key.
    Count(&'static str, u64),
    /// Nothing: it means the same.
    Nothing,
}

impl Found {
    /// The table that it is about.
    pub(crate) fn table(&self) -> &'static str {
        match self {
            Found::Rows(table, _) | Found::Count(table, _) => table,
            Found::Nothing => "item",
        }
    }

    /// What must be said of several kinds at once.
    pub(crate) fn all(kinds: &[&Kind]) -> Found {
        let mut rows: Vec<(Vec<String>, &'static str, Vec<&'static str>)> = Vec::new();
        for kind in kinds {
            match &kind.found {
                Found::Count(table, n) => return Found::Count(table, *n),
                Found::Rows(_, more) => {
                    for (key, what, columns) in more {
                        match rows.iter_mut().find(|r| r.0 == *key && r.1 == *what) {
                            Some(row) => row.2.extend(columns),
                            None => rows.push((key.clone(), what, columns.clone())),
                        }
                    }
                }
                Found::Nothing => {}
            }
        }
        if rows.is_empty() {
            return Found::Nothing;
        }
        Found::Rows(kinds[0].found.table(), rows)
    }
}

/// One kind.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) act: Act,
    pub(crate) found: Found,
    /// Whether it can exist between these two.
    pub(crate) exists: fn(Engine, Engine) -> bool,
}

fn always(_: Engine, _: Engine) -> bool {
    true
}

/// Values of `item` change, and each is named.
fn set(name: &'static str, changes: Vec<(i64, &'static str, V)>) -> Kind {
    let mut rows: Vec<(Vec<String>, &'static str, Vec<&'static str>)> = Vec::new();
    for (id, column, _) in &changes {
        let key = vec![id.to_string()];
        match rows.iter_mut().find(|r| r.0 == key) {
            Some(row) => row.2.push(column),
            None => rows.push((key, "differs", vec![column])),
        }
    }
    Kind {
        name,
        act: Act::Set(changes),
        found: Found::Rows("item", rows),
        exists: always,
    }
}

/// One value changes.
fn one(name: &'static str, id: i64, column: &'static str, to: V) -> Kind {
    set(name, vec![(id, column, to)])
}

/// A value is said another way and means the same.
fn same(name: &'static str, id: i64, column: &'static str, to: V) -> Kind {
    // Two files of SQLite hold the same texts.
    Kind {
        found: Found::Nothing,
        exists: |from, to| from != Engine::Sqlite || to != Engine::Sqlite,
        ..one(name, id, column, to)
    }
}

/// A statement, and the rows of a table that it hurts.
fn act(
    name: &'static str,
    sql: &'static str,
    table: &'static str,
    rows: &[(&[&str], &'static str, &[&'static str])],
) -> Kind {
    let rows = rows
        .iter()
        .map(|(key, kind, columns)| {
            (
                key.iter().map(|k| (*k).to_owned()).collect(),
                *kind,
                columns.to_vec(),
            )
        })
        .collect();
    Kind {
        name,
        act: Act::Do(sql),
        found: Found::Rows(table, rows),
        exists: always,
    }
}

fn loose(name: &'static str, sql: &'static str, differing: u64) -> Kind {
    Kind {
        name,
        act: Act::Do(sql),
        found: Found::Count("loose", differing),
        exists: always,
    }
}

impl Kind {
    fn where_(mut self, exists: fn(Engine, Engine) -> bool) -> Self {
        self.exists = exists;
        self
    }

    fn each(mut self, statements: [&'static str; 3]) -> Self {
        self.act = Act::Each(statements);
        self
    }
}

fn next_up(x: f64) -> V {
    V::F(f64::from_bits(x.to_bits() + 1))
}

/// All of them that are about rows.
pub(crate) fn kinds() -> Vec<Kind> {
    [rows::kinds(), texts::kinds(), typed::kinds(), keys::kinds()]
        .into_iter()
        .flatten()
        .collect()
}
