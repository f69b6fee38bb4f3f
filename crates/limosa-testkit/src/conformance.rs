//! The suite that every engine must pass: the contracts of [`limosa_core::engine`] as tests against
//! real databases.
//!
//! An engine is put under test by a [`Subject`] and the macro [`crate::conformance!`], which makes one
//! test of each check. What an engine's capabilities exclude is skipped, and the reason printed. The
//! servers' own clients write the data and read the results, so that an engine is not its own judge.

mod catalog;
mod check;
mod ledger;
mod loading;
mod network;
mod session;
mod snapshot;
mod sums;
mod types;

pub use catalog::*;
pub use check::*;
pub use ledger::*;
pub use loading::*;
pub use network::*;
pub use session::*;
pub use snapshot::*;
pub use sums::*;
pub use types::*;

use limosa_core::batch::{Batch, BatchLimit};
use limosa_core::canonical::{self, CanonicalRows};
use limosa_core::chunk::{Chunk, Range};
use limosa_core::engine::{
    CanonicalColumn, CanonicalRead, Canonicalizer, ColumnRead, ColumnWrite, Engine, Ledger,
    LoadSpec, Reader, TableRead, Ticket,
};
use limosa_core::error::ErrorKind;
use limosa_core::policy::Policies;
use limosa_core::schema::{Catalog, Table, Type};
use limosa_core::value::Value;

/// An engine under test.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// Opens the engine at a URL.
    pub open: fn(&str) -> limosa_core::Result<Box<dyn Engine>>,
    /// Makes a fresh, empty database and gives its URL.
    pub fresh_url: fn() -> String,
    /// Runs SQL without our engine; panics with the server's words.
    pub execute: fn(&str, &str),
    /// Runs a query without our engine: rows a line, cells between tabs, NULL as `NULL`.
    pub query: fn(&str, &str) -> String,
    /// The server's port on 127.0.0.1; `None` if it has none.
    pub port: Option<fn() -> u16>,
    /// Declarations of a text column that may be a key, with the collations that sort differently.
    pub text_keys: fn() -> Vec<String>,
    /// Declarations of other columns that may be a key, and distinct values: a function from a number.
    pub other_keys: &'static [KeyCase],
    /// A statement that gathers statistics of the table `{}`.
    pub analyze: &'static str,
    /// A query that gives `0` if nothing of ours is left in the database.
    pub leftovers: &'static str,
    /// Types and values.
    pub types: fn() -> Vec<TypeCase>,
    /// How the database itself says column `v`, so that two values that differ are said differently.
    pub oracle: &'static str,
    /// URLs that lead nowhere, and the kinds of errors that say so.
    pub wrong_urls: fn() -> Vec<(String, Vec<ErrorKind>)>,
}

/// The declaration of a column that may be a key, and the literal of its n-th value; all differ.
pub type KeyCase = (&'static str, fn(u32) -> String);

/// A declared type and values of it.
#[derive(Clone, Debug)]
pub struct TypeCase {
    /// The type as SQL declares it.
    pub declared: String,
    /// Literals, and the value that a reader must give for each; `None` if the round trip alone is asked.
    pub values: Vec<(String, Option<Value>)>,
    /// A statement that must run before the table is made (a type of words).
    pub before: Option<String>,
    /// Whether the same value may come back in another spelling, because the engine keeps it as text.
    pub respelled: bool,
}

impl TypeCase {
    /// A type with the value that each literal must be.
    pub fn new(declared: &str, values: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        Self {
            declared: declared.into(),
            values: values
                .into_iter()
                .map(|(l, v)| (l.to_owned(), Some(v)))
                .collect(),
            before: None,
            respelled: false,
        }
    }

    /// A type whose values are asked only to come back.
    pub fn round_trip(
        declared: &str,
        literals: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            declared: declared.into(),
            values: literals.into_iter().map(|l| (l.into(), None)).collect(),
            before: None,
            respelled: false,
        }
    }

    /// The same, where only the value and not its spelling must come back.
    #[must_use]
    pub fn respelled(mut self) -> Self {
        self.respelled = true;
        self
    }

    /// The same, after a statement.
    #[must_use]
    pub fn after(mut self, statement: &str) -> Self {
        self.before = Some(statement.into());
        self
    }
}

/// Makes one test of each check for an engine: `conformance!(postgres, crate::postgres_subject);`.
#[macro_export]
macro_rules! conformance {
    ($engine:ident, $subject:path) => {
        $crate::conformance! { @ $engine, $subject,
            identity_is_stable_and_tells_databases_apart
            the_address_holds_no_secret
            wrong_addresses_are_refused_with_a_kind
            an_empty_database_is_inspected_as_empty
            inspecting_twice_says_the_same
            a_rendered_schema_is_inspected_as_the_same
            hostile_names_survive
            its_own_types_have_an_exact_place
            the_owner_lacks_no_right
            literals_are_what_they_say
            a_session_counts_and_finds
            wrong_sql_is_an_error_and_the_session_goes_on
            data_tests_count_alike
            data_tests_aggregate_alike
            an_examiner_writes_nothing
            integer_keys_are_cut_so_that_each_row_is_read_once
            text_keys_are_cut_so_that_each_row_is_read_once
            other_keys_are_cut_so_that_each_row_is_read_once
            composite_keys_are_cut_so_that_each_row_is_read_once
            the_first_column_of_a_key_cuts_for_the_comparison
            rows_are_found_by_their_keys
            tables_without_a_key_are_read_whole
            empty_tables_and_single_rows_are_read
            a_batch_is_never_longer_than_its_limit
            readers_of_one_snapshot_see_one_moment
            positions_grow_with_writes
            every_type_comes_back_as_it_was
            every_type_passes_unparsed_as_it_was
            every_type_has_one_canonical_form
            every_type_is_summed_as_it_is_read
            parts_by_the_key_are_the_same_everywhere
            a_changed_value_changes_one_canonical_row
            the_ledger_lives_and_leaves_nothing
            the_ledger_refuses_another_run_with_unfinished_work
            the_ledger_keeps_bounds_and_marks
            a_lease_is_held_stolen_and_fenced
            a_stale_epoch_writes_nothing
            a_refused_row_leaves_nothing_and_the_loader_goes_on
            a_dropped_loader_leaves_nothing
            parts_go_in_or_not_each_by_itself
            late_rows_need_their_parents
            a_rollback_leaves_nothing
            an_empty_chunk_is_done
            children_load_before_their_parents
            a_cell_that_does_not_fit_is_rejected_and_the_rest_is_kept
            a_lost_commit_answer_never_doubles_or_loses_a_row
            a_cut_connection_never_ends_a_chunk_early
        }
    };
    (@ $engine:ident, $subject:path, $($check:ident)*) => {
        mod $engine {
            $(
                #[test]
                fn $check() {
                    $crate::conformance::$check(&$subject());
                }
            )*
        }
    };
}

/// Says that a check does not apply, and why.
#[allow(clippy::print_stderr, reason = "what is skipped is printed")]
fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

impl Subject {
    fn open(&self, url: &str) -> Box<dyn Engine> {
        (self.open)(url).unwrap_or_else(|e| panic!("opening: {e:?}"))
    }

    /// A fresh database after some SQL, its engine, and its catalog.
    fn with(&self, sql: &str) -> (String, Box<dyn Engine>, Catalog) {
        let url = (self.fresh_url)();
        if !sql.is_empty() {
            (self.execute)(&url, sql);
        }
        let engine = self.open(&url);
        let catalog = engine
            .inspect()
            .unwrap_or_else(|e| panic!("inspecting: {e:?}"));
        (url, engine, catalog)
    }

    fn number(&self, url: &str, sql: &str) -> u64 {
        let text = (self.query)(url, sql);
        text.trim()
            .parse()
            .unwrap_or_else(|e| panic!("{sql}: {text}: {e}"))
    }
}

fn table<'a>(catalog: &'a Catalog, name: &str) -> &'a Table {
    catalog
        .tables
        .iter()
        .find(|t| t.name.name == name)
        .unwrap_or_else(|| panic!("table {name} was not inspected"))
}

/// Whether other families are given JSON for a type of this one, so that the own family asks for text.
fn family_only(ty: &Type) -> bool {
    matches!(ty.base(), Type::Native { json: true, .. })
}

/// How a table is read: all columns that are not computed, cut by its identifying columns.
pub(crate) fn table_read(table: &Table) -> TableRead {
    let column = |name: &str| {
        let c = table.column(name).expect("keys name columns of the table");
        ColumnRead {
            name: c.name.clone(),
            ty: c.ty.clone(),
            native: c.native.clone(),
            as_text: family_only(&c.ty),
        }
    };
    TableRead {
        table: table.name.clone(),
        columns: table
            .columns
            .iter()
            .filter(|c| c.generated.is_none())
            .map(|c| column(&c.name))
            .collect(),
        key: table
            .identifying_columns()
            .iter()
            .map(|c| column(c))
            .collect(),
        physical: false,
    }
}

/// How a table is compared with itself or with a table of the same declaration.
fn canonical_read(table: &Table) -> Result<CanonicalRead, String> {
    let key = table.identifying_columns();
    let mut names = key.clone();
    names.extend(
        table
            .columns
            .iter()
            .filter(|c| c.generated.is_none() && !key.contains(&c.name))
            .map(|c| c.name.clone()),
    );
    Ok(CanonicalRead {
        table: table.name.clone(),
        columns: names
            .iter()
            .map(|n| {
                let c = table.column(n).expect("the name is a column's");
                Ok(CanonicalColumn {
                    name: c.name.clone(),
                    ty: c.ty.clone(),
                    native: c.native.clone(),
                    form: canonical::form(&c.ty, &c.ty)?,
                })
            })
            .collect::<Result<_, String>>()?,
        key_columns: key.len(),
    })
}

/// How a table of the same declaration is written.
fn load_spec(table: &Table) -> LoadSpec {
    LoadSpec {
        table: table.name.clone(),
        columns: table
            .columns
            .iter()
            .filter(|c| c.generated.is_none())
            .map(|c| ColumnWrite {
                name: c.name.clone(),
                source: match c.ty.clone() {
                    Type::Native { family, name, .. } => Type::Native {
                        family,
                        name,
                        json: false,
                    },
                    ty => ty,
                },
                target: c.ty.clone(),
                native: c.native.clone(),
                nullable: c.nullable,
                policies: Policies::default(),
            })
            .collect(),
        wire: None,
    }
}

const LIMIT: BatchLimit = BatchLimit {
    rows: 1000,
    bytes: 1 << 20,
};

/// Reads a range to its end.
fn read(
    reader: &mut dyn Reader,
    what: &TableRead,
    range: &Range,
    limit: BatchLimit,
) -> limosa_core::Result<Vec<Vec<Value>>> {
    reader.open(what, range, None)?;
    let mut batch = Batch::default();
    let mut rows = Vec::new();
    loop {
        batch.reset(what.columns.len());
        let more = reader.fill(&mut batch, limit)?;
        assert!(
            batch.rows() <= limit.rows,
            "a batch of {} rows, where {} are allowed",
            batch.rows(),
            limit.rows
        );
        let cells: Vec<Value> = batch.cells().map(|c| c.to_value()).collect();
        assert_eq!(
            cells.len() as u64,
            batch.rows() * what.columns.len() as u64,
            "a batch holds whole rows"
        );
        rows.extend(cells.chunks(what.columns.len()).map(<[Value]>::to_vec));
        if !more {
            return Ok(rows);
        }
    }
}

/// Reads a range in the canonical form to its end: keys and whole rows.
fn read_canonical(
    canonicalizer: &mut dyn Canonicalizer,
    what: &CanonicalRead,
    range: &Range,
) -> limosa_core::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    canonicalizer.open(what, range)?;
    read_open(canonicalizer)
}

/// Reads what was opened to its end.
fn read_open(
    canonicalizer: &mut dyn Canonicalizer,
) -> limosa_core::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut rows = CanonicalRows::default();
    let mut all = Vec::new();
    loop {
        rows.reset(1 << 20);
        let more = canonicalizer.fill(&mut rows, 64 << 10)?;
        all.extend(rows.rows().map(|(k, r)| (k.to_vec(), r.to_vec())));
        if !more {
            return Ok(all);
        }
    }
}

/// A batch of rows.
fn batch(rows: &[Vec<Value>]) -> Batch {
    let mut batch = Batch::default();
    batch.reset(rows.first().map_or(0, Vec::len));
    for row in rows {
        for value in row {
            batch.put_cell(value.as_cell());
        }
        batch.end_row();
    }
    batch
}

const RUN: &str = "conformance";
const HOLDER: &str = "here:1";

/// Opens the ledger, registers the run, takes its lease, and plans `count` chunks of the table.
fn planned(engine: &dyn Engine, table: &Table, count: u32) -> Box<dyn Ledger> {
    let mut ledger = engine.ledger().expect("the ledger opens");
    ledger
        .install(RUN, "hash")
        .expect("the ledger is installed");
    ledger
        .acquire(RUN, HOLDER, false)
        .expect("the lease is free");
    let chunks: Vec<Chunk> = (0..count)
        .map(|id| Chunk {
            id,
            range: Range::All,
        })
        .collect();
    ledger
        .plan_table(RUN, &table.name, "mark", &chunks)
        .expect("the chunks are written down");
    ledger
}

fn claim(ledger: &mut dyn Ledger, table: &Table, chunk: u32) -> Ticket {
    ledger
        .claim(RUN, &table.name, chunk)
        .expect("a chunk can be claimed")
        .expect("the chunk is not done")
}

fn encoded(engine: &dyn Engine, spec: &LoadSpec, rows: &[Vec<Value>]) -> Vec<u8> {
    let mut encoder = engine.encoder(spec).expect("there is an encoder");
    let mut bytes = Vec::new();
    encoder
        .encode(&batch(rows), &mut bytes)
        .unwrap_or_else(|r| panic!("rejected: {r:?}"));
    bytes
}

/// Rows of a table `(id integer, v text)`.
fn plain_rows(ids: impl IntoIterator<Item = i64>) -> Vec<Vec<Value>> {
    ids.into_iter()
        .map(|i| vec![Value::Int(i), Value::Text(format!("row {i}"))])
        .collect()
}

const PLAIN: &str = "create table t (id bigint not null primary key, v varchar(100) not null);";
