//! Single rows of one side made as they are on the other.
//!
//! # Why nothing is overwritten that nobody saw
//!
//! The rows come from a comparison ([`Gathering`] is its witness), with the state that either side had. Every
//! statement names its row by the key and holds only while what it changes is as it was seen; who changed the row
//! meanwhile keeps what they wrote, and the row is reported. A statement that touches two rows is taken back.
//! Statements run in transactions of bounded size; before one begins, what its rows were is durable in a file.
//! Killed anywhere, nothing is half done, and the next call begins with a new comparison.
//!
//! # The order
//!
//! Rows are made in the order of the foreign keys, parents first; then cells are changed; then rows are taken away,
//! children first.

mod execute;
mod order;

pub use execute::{execute, script};

use crate::plan::{Plan, TablePlan};
use crate::verify::{Differing, Kind, Witness, key_text};
use limosa_core::canonical::cells;
use limosa_core::engine::{CanonicalRead, Role};
use limosa_core::schema::Catalog;
use limosa_core::{Error, ErrorKind, Result};
use rusqlite::Connection;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Keys that are named for each reason, at most.
const NAMED: usize = 10;

/// What is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// The side that is changed.
    pub to: Role,
    /// Whether rows that only this side has are taken away.
    pub delete: bool,
}

/// Rows of a table that stay as they are, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Left {
    /// Why, as a sentence.
    pub reason: String,
    /// How many.
    pub rows: u64,
    /// The keys of the first of them.
    pub keys: Vec<String>,
}

/// What became of one table, or would become.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TableMended {
    /// The table, on the side that is changed.
    pub table: String,
    /// Rows made.
    pub inserted: u64,
    /// Rows changed.
    pub updated: u64,
    /// Rows taken away.
    pub deleted: u64,
    /// Rows that stay as they are.
    pub left: Vec<Left>,
}

impl TableMended {
    fn leave(&mut self, reason: &str, rows: u64, key: &[String]) {
        let at = match self.left.iter().position(|l| l.reason == reason) {
            Some(at) => at,
            None => {
                self.left.push(Left {
                    reason: reason.to_owned(),
                    rows: 0,
                    keys: Vec::new(),
                });
                self.left.len() - 1
            }
        };
        let left = &mut self.left[at];
        left.rows += rows;
        if left.keys.len() < NAMED && !key.is_empty() {
            left.keys.push(key.join(", "));
        }
    }
}

/// What is done with a row, in the order in which it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Insert,
    Update,
    Delete,
}

impl Action {
    const ALL: [Action; 3] = [Action::Insert, Action::Update, Action::Delete];

    fn word(self) -> &'static str {
        match self {
            Action::Insert => "insert",
            Action::Update => "update",
            Action::Delete => "delete",
        }
    }
}

/// The rows that a comparison found, in a temporary file without a name.
pub struct Gathering {
    asked: Asked,
    rows: Mutex<Connection>,
    left: Mutex<BTreeMap<String, TableMended>>,
}

fn failed(error: rusqlite::Error) -> Error {
    Error::new(
        ErrorKind::File,
        "keeping differing rows in a temporary file",
        error.to_string(),
    )
    .hint("Free space in the folder of temporary files, or name another in TMPDIR.")
}

/// What is read of the changed side.
fn read(plan: &TablePlan, to: Role) -> &CanonicalRead {
    match to {
        Role::Source => &plan.compare_source,
        Role::Target => &plan.compare_target,
    }
}

impl Gathering {
    /// Makes the file.
    ///
    /// # Errors
    /// `File`.
    pub fn new(asked: Asked) -> Result<Self> {
        let rows = Connection::open("").map_err(failed)?;
        rows.execute_batch(
            "CREATE TABLE row(action INTEGER NOT NULL, place TEXT NOT NULL, seen BLOB, wanted BLOB);
             CREATE INDEX row_place ON row(action, place); BEGIN",
        )
        .map_err(failed)?;
        Ok(Self {
            asked,
            rows: Mutex::new(rows),
            left: Mutex::default(),
        })
    }

    fn leave(&self, plan: &TablePlan, reason: &str, rows: u64, key: &[String]) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let name = read(plan, self.asked.to).table.to_string();
        left.entry(name).or_default().leave(reason, rows, key);
    }
}

impl Witness for Gathering {
    fn differs(&self, plan: &TablePlan, row: &Differing<'_>) -> Result<()> {
        let of = read(plan, self.asked.to);
        let (seen, wanted) = match self.asked.to {
            Role::Target => (row.target, row.source),
            Role::Source => (row.source, row.target),
        };
        let all = cells(row.source.or(row.target).unwrap_or_default());
        let key = key_text(&all[..of.key_columns.min(all.len())], &of.columns);
        let times = row.times.0.max(row.times.1);
        let action = match (row.kind, seen, wanted) {
            (Kind::Count, ..) => {
                let rows = row.times.0.abs_diff(row.times.1);
                self.leave(
                    plan,
                    "the table has no key by which a row could be named",
                    rows,
                    &[],
                );
                return Ok(());
            }
            _ if times > 1 => {
                self.leave(plan, "the key names several rows", times, &key);
                return Ok(());
            }
            _ if row.rejected => {
                self.leave(
                    plan,
                    "the row was rejected: `limosa rejects retry` moves it",
                    1,
                    &key,
                );
                return Ok(());
            }
            (_, None, Some(_)) => Action::Insert,
            (_, Some(_), None) if self.asked.delete => Action::Delete,
            (_, Some(_), None) => {
                self.leave(
                    plan,
                    "the other side has no such row: --delete takes it away",
                    1,
                    &key,
                );
                return Ok(());
            }
            _ => Action::Update,
        };
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.prepare_cached("INSERT INTO row VALUES (?1, ?2, ?3, ?4)")
            .and_then(|mut s| s.execute((action as i64, of.table.to_string(), seen, wanted)))
            .map_err(failed)?;
        Ok(())
    }
}

/// Why rows of a table can not be changed at all, or not be made.
struct Doubts {
    none: Option<String>,
    insert: Option<String>,
    computed: Vec<usize>,
}

fn doubts(plan: &TablePlan, to: Role, catalog: &Catalog) -> Doubts {
    let of = read(plan, to);
    let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
    let found = catalog
        .tables
        .iter()
        .find(|t| same(&t.name.to_string(), &of.table.to_string()));
    let mut out = Doubts {
        none: None,
        insert: None,
        computed: Vec::new(),
    };
    let Some(found) = found else {
        out.none = Some("the table is not there any more".into());
        return out;
    };
    if to == Role::Source && plan.transform.is_some() {
        out.none = Some("the rows were transformed on their way, which has no way back".into());
    }
    for column in &found.columns {
        let at = of.columns.iter().position(|c| same(&c.name, &column.name));
        match (at, &column.generated) {
            (Some(at), Some(_)) => out.computed.push(at),
            (None, None) => {
                out.insert = Some(format!(
                    "column {} is not compared, so that the row can not be made whole",
                    column.name
                ));
            }
            _ => {}
        }
    }
    out
}

/// The tables of the plan with the name of each on the changed side, in the order of the foreign keys.
fn ordered<'p>(plan: &'p Plan, to: Role, catalog: &Catalog) -> Vec<&'p TablePlan> {
    let names: Vec<String> = plan
        .tables
        .iter()
        .map(|t| read(t, to).table.to_string())
        .collect();
    order::parents_first(&names, catalog)
        .into_iter()
        .map(|at| &plan.tables[at])
        .collect()
}
