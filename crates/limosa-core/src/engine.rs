//! What an engine must be able to do.
//!
//! # Shape
//!
//! An [`Engine`] is one database at one address. It opens the others: a [`Session`] for statements, a
//! [`Snapshot`] with a [`Reader`] per lane for the copy and a [`Canonicalizer`] per lane for the
//! verification, an [`Encoder`] and a [`Loader`] per lane for writing, and the [`Ledger`] that makes
//! the writing exactly-once.
//!
//! All of them block, and each but the engine itself lives on one plain thread: a lane. They are
//! `dyn` at batch granularity; row loops live inside the engine, in concrete types.
//!
//! # Who may run at once
//!
//! `Engine` and `Snapshot` are shared by all lanes. Everything that they open has one owner.
//!
//! # Why no row is lost or doubled
//!
//! The ranges of a table cover every row once ([`crate::chunk::Range`]), a reader reads a range within
//! one snapshot, and [`Loader::commit`] makes a chunk's rows and its `done` mark in the ledger durable
//! in one transaction of the target, on condition that the chunk's epoch is still the one that was
//! claimed. So a chunk is in the target once, or its mark is not there and it is claimed again; and a
//! worker that slept through a second claim finds its epoch gone and writes nothing.

use crate::Result;
use crate::batch::{Batch, BatchLimit, Reject};
use crate::canonical::{CanonicalRows, Form};
use crate::check::Examiner;
use crate::chunk::{Chunk, Range};
use crate::dialect::Dialect;
use crate::mend::Statement;
use crate::operation::ObjectRef;
use crate::policy::Policies;
use crate::position::Position;
use crate::pushdown::{self, Means, Spelling, Sums};
use crate::room::{Gate, Room};
use crate::scan::{ColumnScan, Hazard};
use crate::schema::{Catalog, ForeignKey, TableName, Type};
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::sync::Arc;

/// What an engine can and can not do, as data that can be printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Engines that share SQL and wire: `postgresql`, `mysql`, `sqlite`. Compared for equality only.
    pub family: String,
    /// The product's name for people: `PostgreSQL`, `MariaDB`, `MySQL`, `SQLite`.
    pub product: String,
    /// Its version.
    pub version: String,
    /// Whether there are namespaces below the database.
    pub namespaces: bool,
    /// The namespace that is meant when none is said.
    pub default_namespace: Option<String>,
    /// The longest identifier.
    pub identifier_limit: usize,
    /// Whether that limit counts bytes rather than characters.
    pub identifier_limit_in_bytes: bool,
    /// Whether table names that differ only in case are two tables.
    pub table_names_case_sensitive: bool,
    /// Whether column names that differ only in case are two columns.
    pub column_names_case_sensitive: bool,
    /// Whether the name of an index must be unique in its namespace rather than in its table.
    pub index_names_per_namespace: bool,
    /// Whether the primary key must be declared with the table (or is better so).
    pub primary_key_inline: bool,
    /// Whether unique constraints, foreign keys and checks must be declared with the table.
    pub constraints_inline: bool,
    /// Whether several connections may write at once.
    pub concurrent_writers: bool,
    /// Whether a schema statement can be rolled back.
    pub transactional_ddl: bool,
    /// Whether a column may hold values of any type whatever its declaration.
    pub dynamic_types: bool,
    /// Whether it works within this process: there is no server that `workers` would spare.
    #[serde(default)]
    pub embedded: bool,
    /// Where its changes can be read: `log`, `triggers` or `none`.
    pub change_source: String,
    /// Whether a second reader can join a snapshot that is open already.
    pub snapshot_joinable: bool,
    /// Columns that a table may have.
    pub column_limit: usize,
    /// Settings of the server that matter for a migration, by name (`local_infile`, `wal_level`).
    pub settings: Vec<(String, String)>,
}

/// What tells one database from all others, whatever URL leads to it.
///
/// Two engines of one family with equal identities are the same database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The family.
    pub family: String,
    /// The server's (or file's) own lasting name: system identifier, server UUID, device and inode.
    pub server: String,
    /// The database in it.
    pub database: String,
    /// Whether it is there. One that the first write makes is told by its address alone until then, and is
    /// somebody else afterwards.
    #[serde(default = "there")]
    pub made: bool,
}

fn there() -> bool {
    true
}

/// A right that is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingPrivilege {
    /// What it is needed for, as a sentence.
    pub needed_for: String,
    /// The statement that a superuser runs to give it.
    pub grant: String,
}

/// As what a database takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It is read.
    Source,
    /// It is written.
    Target,
}

/// One database at one address.
pub trait Engine: Send + Sync {
    /// What it can do. Known from the moment of opening.
    fn capabilities(&self) -> &Capabilities;

    /// What it can say.
    fn dialect(&self) -> &dyn Dialect;

    /// Its address for people and logs, without secrets: `postgresql://user@host:5432/db`.
    fn address(&self) -> String;

    /// What tells it from all other databases.
    fn identity(&self) -> Result<Identity>;

    /// Whether the connection is encrypted and how, for the plan: `TLSv1.3, verified`, `none (local socket)`.
    fn security(&self) -> String;

    /// Reads the whole catalog, in a number of round trips that does not grow with the number of
    /// tables, and without locking tables. Our own objects (names that begin with `limosa_`, and the
    /// namespace `limosa`) are left out.
    fn inspect(&self) -> Result<Catalog>;

    /// Which rights are missing for `role`; empty if none. `schemas` are the namespaces to be written.
    fn missing_privileges(&self, role: Role, catalog: &Catalog) -> Result<Vec<MissingPrivilege>>;

    /// Opens a session for statements.
    fn session(&self) -> Result<Box<dyn Session>>;

    /// Opens a connection for data tests: read-only, of one moment.
    fn examiner(&self) -> Result<Box<dyn Examiner>>;

    /// Takes a consistent view of all tables that `lanes` readers can share.
    ///
    /// # Errors
    /// `Unsupported` with the reason where the server can not promise one view to that many lanes.
    fn snapshot(&self, lanes: usize) -> Result<Box<dyn Snapshot>>;

    /// The wire formats in which a reader could hand over these columns unparsed, best first.
    fn wire_out(&self, read: &TableRead) -> Vec<String>;

    /// Whether a loader takes `format` for these columns as it comes. The caller has made sure that
    /// source and target are of one family and that the columns' native types are equal.
    fn wire_in(&self, spec: &LoadSpec, format: &str) -> bool;

    /// Makes the encoder for one table; the pairing of columns is resolved here, once.
    fn encoder(&self, spec: &LoadSpec) -> Result<Box<dyn Encoder>>;

    /// Opens one lane's connection for loading.
    fn loader(&self) -> Result<Box<dyn Loader>>;

    /// The same for rows that come when the target's foreign keys are there already: they are checked.
    fn late_loader(&self) -> Result<Box<dyn Loader>>;

    /// Opens the ledger.
    fn ledger(&self) -> Result<Box<dyn Ledger>>;

    /// Says which of two places of this engine's log is earlier; `None` if they are of different histories.
    fn compare(&self, a: &Position, b: &Position) -> Option<Ordering>;
}

/// A connection for statements.
pub trait Session: Send {
    /// Runs one statement and forgets its rows.
    fn execute(&mut self, sql: &str) -> Result<()>;

    /// Runs one query and gives its rows as text; for small answers.
    fn query(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>>;

    /// Runs statements that change one row each in one transaction, with their values bound, and gives how many rows
    /// each touched: 0 or 1.
    ///
    /// # Errors
    /// Any: nothing was changed, but after `CommitUnknown`. `Constraint` also if one would touch several rows.
    fn mend(&mut self, statements: &[&Statement]) -> Result<Vec<u64>>;

    /// Whether the object is there.
    fn exists(&mut self, object: &ObjectRef) -> Result<bool>;

    /// The number of rows of a table, counted. 0 rows are told without a full count: the caller that
    /// only wants to know whether a table is empty sets `enough` to 1 and the count may stop there.
    fn count(&mut self, table: &TableName, enough: Option<u64>) -> Result<u64>;

    /// The greatest value of an integer column, if there is any row.
    fn greatest(&mut self, table: &TableName, column: &str) -> Result<Option<i128>>;

    /// Which of these tables, which are all there, have rows; in order. An engine on a server asks for many at once.
    fn filled(&mut self, tables: &[&TableName]) -> Result<Vec<bool>> {
        tables
            .iter()
            .map(|t| Ok(self.count(t, Some(1))? > 0))
            .collect()
    }

    /// [`Session::greatest`] of many columns, in order. An engine on a server asks for many at once.
    fn greatest_of(&mut self, columns: &[(&TableName, &str)]) -> Result<Vec<Option<i128>>> {
        columns.iter().map(|(t, c)| self.greatest(t, c)).collect()
    }

    /// The number of rows of `child` that name a parent which is not there, and the values of the key in
    /// at most five of them, as text. A row with NULL in any column of the key names none.
    ///
    /// The parent's columns are said in `key`, as many as the child's.
    fn orphans(&mut self, child: &TableName, key: &ForeignKey) -> Result<(u64, Vec<String>)>;
}

/// One column as it is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnRead {
    /// Its name in the source.
    pub name: String,
    /// Its type as the source's catalog has it: which cells come, see [`Type`].
    pub ty: Type,
    /// The source's spelling of the type.
    pub native: String,
    /// Read the engine's own text form ([`crate::batch::Cell::Text`]) whatever the type; for targets of the same family.
    pub as_text: bool,
}

/// What is read of one table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableRead {
    /// The table.
    pub table: TableName,
    /// The columns, in the order in which their cells are put.
    pub columns: Vec<ColumnRead>,
    /// The columns by which it is cut, none nullable; empty if it has no key.
    pub key: Vec<ColumnRead>,
    /// Whether the engine may cut by places of storage instead where that is faster.
    pub physical: bool,
}

/// What is asked of the values of one column.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The column, as [`Reader::fill`] would read it.
    pub column: ColumnRead,
    /// Whether it may hold NULL.
    pub nullable: bool,
    /// Hazards whose absence is to be shown.
    pub hazards: Vec<Hazard>,
    /// Whether sizes are asked as well: characters and bytes of texts, digits of decimals.
    pub sizes: bool,
}

/// What an engine says of one column without handing its values over.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// None of its values carries any of the hazards. The scan has the numbers of values and of NULLs, of a
    /// small whole number how many are neither 0 nor 1, and the sizes if they were asked.
    Clear(Box<ColumnScan>),
    /// Some may, or it can not be told: the values must be looked at.
    Unclear,
}

/// What an engine says of the values of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// Rows, if they had to be counted. Where they had not, no scan has numbers of values either.
    pub rows: Option<u64>,
    /// One answer to each question, in order.
    pub answers: Vec<Answer>,
}

/// A consistent view of all tables.
pub trait Snapshot: Send + Sync {
    /// The place in the log that this view equals, if the engine has a log.
    fn position(&self) -> Option<Position>;

    /// A mark to be kept with the chunks of a table, for [`Snapshot::unchanged_since`].
    fn mark(&self, table: &TableName) -> Result<String>;

    /// Cuts a table into chunks of about `bytes` each, numbered from 0, covering every row once.
    ///
    /// Bounds are sampled from the key, not computed from its extremes, so that chunks are even on skewed keys.
    fn chunks(&self, read: &TableRead, bytes: u64) -> Result<Vec<Chunk>>;

    /// Whether the rows of the finished `chunks` (with the number of rows that each had) are the same
    /// in this view as in the view of `mark`; asked before physical chunks of a killed run are kept.
    /// `false` when in doubt.
    fn unchanged_since(
        &self,
        read: &TableRead,
        mark: &str,
        chunks: &[(Chunk, u64)],
    ) -> Result<bool>;

    /// Opens one lane's reader of this view.
    ///
    /// # Errors
    /// `SnapshotLost` (definite) if the view is gone; `Connection` (transient).
    fn reader(&self) -> Result<Box<dyn Reader>>;

    /// Opens one lane's canonical reader of this view.
    fn canonicalizer(&self) -> Result<Box<dyn Canonicalizer>>;

    /// In which spellings a column can be said where the rows are ([`Canonicalizer::sums`]), best first; or
    /// why in none. Without a server of its own an engine says it in this process.
    ///
    /// # Errors
    /// A sentence for the report.
    fn spellings(&self, table: &TableName, column: &CanonicalColumn) -> Means {
        let _ = table;
        pushdown::in_process(column)
    }
}

/// Reads chunks of a snapshot.
///
/// Lifecycle: `open → (fill* | fill_wire*) until it says the end → open …`. Opening the next chunk before the
/// end of the last is allowed.
pub trait Reader: Send {
    /// Says who is asked for room before a huge row is read ([`crate::room`]). Without it nobody is asked.
    fn bound(&mut self, gate: Arc<dyn Gate>);

    /// Gives the room of the last fill's huge row to whoever keeps the row. What is not asked for goes
    /// back with the next fill.
    fn room(&mut self) -> Option<Room>;

    /// Begins a chunk. With `wire`, the bytes come in that format through [`Reader::fill_wire`];
    /// without, cells through [`Reader::fill`].
    fn open(&mut self, read: &TableRead, range: &Range, wire: Option<&str>) -> Result<()>;

    /// Adds rows to `batch` (already reset to the right number of columns) until it is full or a huge row was added. Returns
    /// whether more may come; `false` may come with the last rows.
    fn fill(&mut self, batch: &mut Batch, limit: BatchLimit) -> Result<bool>;

    /// Answers questions about the values of a range without handing them over, by a statement that the
    /// engine works off where the values are; `None` where it has nothing better than reading. What was open is
    /// closed.
    ///
    /// [`Answer::Clear`] is a promise: a look at every cell that [`Reader::fill`] gives would find none of
    /// the hazards. It is broken neither by old statistics nor by what the engine should have refused to store.
    fn survey(
        &mut self,
        read: &TableRead,
        range: &Range,
        questions: &[Question],
    ) -> Result<Option<Survey>> {
        let _ = (read, range, questions);
        Ok(None)
    }

    /// Appends about `bytes` bytes in the wire format to `out`, and gives the number of whole rows in
    /// them and whether more may come.
    fn fill_wire(&mut self, out: &mut Vec<u8>, bytes: usize) -> Result<(u64, bool)>;
}

/// One column as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnWrite {
    /// Its name in the target.
    pub name: String,
    /// What the cells are: the source's type after the scan has spoken.
    pub source: Type,
    /// What the target column means ([`crate::dialect::Placement::ty`]).
    pub target: Type,
    /// The target's spelling of the type.
    pub native: String,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// What was decided about values that do not fit.
    pub policies: Policies,
}

/// What is written of one table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadSpec {
    /// The table in the target.
    pub table: TableName,
    /// The columns, in the order of the cells.
    pub columns: Vec<ColumnWrite>,
    /// The wire format of the bytes, if they come unparsed from the source.
    pub wire: Option<String>,
}

/// Turns batches into the bytes that a [`Loader`] of the same engine takes. Runs on the reading side.
pub trait Encoder: Send {
    /// Appends the rows of `batch` to `out`. On a reject, `out` is as it was before.
    fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>) -> Result<(), Reject>;

    /// How many rows of the batches that were encoded since the last asking a filter left out.
    fn left_out(&mut self) -> u64 {
        0
    }
}

/// What a sink answers: progress moves only on `Durable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ack {
    /// Taken, and may yet be lost.
    Accepted,
    /// Safe against the death of our process and of the server.
    Durable,
}

/// A chunk that was claimed in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The run.
    pub run: String,
    /// The target table.
    pub table: TableName,
    /// The chunk's number.
    pub chunk: u32,
    /// The epoch of this claim.
    pub epoch: i64,
}

/// What became of the rows of a chunk that is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// Rows that are in the target.
    pub rows: u64,
    /// Their bytes, as they were encoded.
    pub bytes: u64,
    /// Rows that a transform's filter left out.
    pub filtered: u64,
}

impl Loaded {
    /// Rows and bytes, where nothing is filtered.
    pub fn new(rows: u64, bytes: u64) -> Self {
        Self {
            rows,
            bytes,
            filtered: 0,
        }
    }
}

/// Loads chunks. Lifecycle: `begin → write* → commit | rollback → begin …`, or with `write_apart*` in place of
/// `write*` for a chunk in which the target has refused something.
///
/// Dropped in between, it must leave nothing behind.
pub trait Loader: Send {
    /// Begins the transaction of one chunk. Triggers and foreign keys of the target do not fire
    /// where the engine lets us say so.
    fn begin(&mut self, spec: &LoadSpec, ticket: &Ticket) -> Result<()>;

    /// Writes encoded rows. On an error the chunk is lost: call [`Loader::rollback`] and begin again.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;

    /// The same with bytes that are nobody else's: who copies them may give their memory back early.
    /// Used for huge rows.
    fn write_all(&mut self, bytes: Vec<u8>) -> Result<()> {
        self.write(&bytes)
    }

    /// Writes `rows` encoded rows so that they are in the chunk's transaction all together or not at
    /// all (a savepoint), and says at once if the target refuses any of them; what the target would
    /// check only at the commit is checked here. Slow, so only for a chunk that was refused as a whole:
    /// whoever halves the rows finds those that are to blame.
    ///
    /// # Errors
    /// One that [`crate::Error::refuses_rows`]: none of these rows is in, and the chunk goes on. Any other: the
    /// chunk is lost, as after [`Loader::write`].
    fn write_apart(&mut self, rows: u64, bytes: &[u8]) -> Result<()>;

    /// Ends the load, marks the chunk `done` in the ledger with what became of its rows, on condition of the ticket's
    /// epoch, and commits both at once.
    ///
    /// # Errors
    /// `Fenced` if the epoch is gone (nothing was written); `CommitUnknown` (ambiguous) if the answer
    /// was lost: read the ledger back; `Value` or `Constraint` if the server refuses rows.
    fn commit(&mut self, loaded: Loaded) -> Result<Ack>;

    /// Takes everything since `begin` back.
    fn rollback(&mut self) -> Result<()>;
}

/// The state of a chunk in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChunkState {
    /// Nobody has it. Durable. Set by [`Ledger::plan_table`].
    Pending,
    /// Somebody claimed it. Durable. Set by [`Ledger::claim`].
    Claimed,
    /// Its rows are in the target. Durable. Set by [`Loader::commit`] with the rows.
    Done,
}

/// A chunk in the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LedgerChunk {
    /// The target table.
    pub table: TableName,
    /// The chunk, with the source's bounds.
    pub chunk: Chunk,
    /// The source's mark ([`Snapshot::mark`]) when the table was cut.
    pub mark: String,
    /// Its state.
    pub state: ChunkState,
    /// Claims so far.
    pub epoch: i64,
    /// What became of its rows, once done.
    pub loaded: Loaded,
}

/// The record, in the target, of which chunks are there: tables `limosa_run` and `limosa_chunk`
/// (in the namespace `limosa` where there are namespaces).
pub trait Ledger: Send {
    /// Makes the tables if they are missing, and registers `run` with the hash of its plan.
    ///
    /// # Errors
    /// `Conflict` if another run, or the same with another plan, has unfinished work in this target.
    fn install(&mut self, run: &str, plan_hash: &str) -> Result<()>;

    /// Takes the run's lease for `holder` (host and process) and fences whoever had it: its sessions are
    /// ended where the engine allows, and every chunk that it had claimed is pending again with a
    /// higher epoch. A lease that was renewed within the last 15 seconds by the database's clock is respected unless `steal`.
    ///
    /// # Errors
    /// `Held`, on the holder's name as its object.
    fn acquire(&mut self, run: &str, holder: &str, steal: bool) -> Result<()>;

    /// Renews the lease; call every few seconds.
    ///
    /// # Errors
    /// `Fenced` if somebody else has it.
    fn renew(&mut self, run: &str, holder: &str) -> Result<()>;

    /// Gives the lease back.
    fn release(&mut self, run: &str, holder: &str) -> Result<()>;

    /// Writes the chunks of one table down, all pending, replacing any that were there. Their epochs begin
    /// above those that were there, so that no ticket of the replaced chunks fits a new one.
    fn plan_table(
        &mut self,
        run: &str,
        table: &TableName,
        mark: &str,
        chunks: &[Chunk],
    ) -> Result<()>;

    /// Reads all chunks of a run, ordered by table and number.
    fn chunks(&mut self, run: &str) -> Result<Vec<LedgerChunk>>;

    /// Claims a chunk that is not done: its epoch grows by one. `None` if it is done.
    fn claim(&mut self, run: &str, table: &TableName, chunk: u32) -> Result<Option<Ticket>>;

    /// Whether the chunk is done; asked after a lost commit answer.
    fn done(&mut self, ticket: &Ticket) -> Result<bool>;

    /// Takes the tables of the ledger away, and the namespace if it is empty.
    fn uninstall(&mut self) -> Result<()>;
}

/// One column as it is compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CanonicalColumn {
    /// Its name in this database.
    pub name: String,
    /// Its type in this database.
    pub ty: Type,
    /// This engine's spelling of the type.
    pub native: String,
    /// The form in which both sides say it.
    pub form: Form,
}

/// What is compared of one table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CanonicalRead {
    /// The table in this database.
    pub table: TableName,
    /// The columns; those of the key come first.
    pub columns: Vec<CanonicalColumn>,
    /// How many columns, from the left, are the key; 0 if there is none.
    pub key_columns: usize,
}

/// Reads rows in the canonical form. Shares no conversion of values with [`Reader`]: it reads another
/// wire form, or decodes with code of its own, so that a mistake of the copier can not hide itself.
pub trait Canonicalizer: Send {
    /// As [`Reader::bound`].
    fn bound(&mut self, gate: Arc<dyn Gate>);

    /// As [`Reader::room`].
    fn room(&mut self) -> Option<Room>;

    /// Begins a range (from the same engine's [`Snapshot::chunks`], one of whole numbers from any
    /// engine's, or [`Range::All`]).
    fn open(&mut self, read: &CanonicalRead, range: &Range) -> Result<()>;

    /// Begins the rows whose key is one of a few, each a value for every column of the key, as it can be
    /// said in a condition. More rows may come, where the engine takes different values for one.
    ///
    /// # Errors
    /// `Unsupported` or `Value` where a key can not be asked for.
    fn open_keys(&mut self, read: &CanonicalRead, keys: &[Vec<Value>]) -> Result<()>;

    /// Adds rows until `rows` holds about `bytes` bytes. Returns whether more may come.
    fn fill(&mut self, rows: &mut CanonicalRows, bytes: usize) -> Result<bool>;

    /// Sums the rows of a range up ([`crate::pushdown`]) where they are, each column in its spelling of `said`:
    /// one sum for each of `parts` parts by the hash of the key, in order. What was open is closed.
    ///
    /// # Errors
    /// `Unsupported` where the part of a row can not be told; those of reading.
    fn sums(
        &mut self,
        read: &CanonicalRead,
        said: &[Spelling],
        range: &Range,
        parts: u32,
    ) -> Result<Vec<Sums>> {
        pushdown::streamed(self, read, said, range, parts)
    }

    /// Begins the rows of a range that belong to some of `parts` parts. More may come, where the engine
    /// can not choose.
    fn open_parts(
        &mut self,
        read: &CanonicalRead,
        said: &[Spelling],
        range: &Range,
        parts: u32,
        chosen: &[u32],
    ) -> Result<()> {
        let _ = (said, parts, chosen);
        self.open(read, range)
    }

    /// The number of rows of a table, in this view. What was open is closed.
    fn count(&mut self, read: &CanonicalRead) -> Result<u64> {
        let mut rows = CanonicalRows::default();
        let mut count = 0;
        self.open(read, &Range::All)?;
        loop {
            let more = self.fill(&mut rows, 256 << 10)?;
            count += rows.len() as u64;
            rows.reset(1 << 20);
            drop(self.room());
            if !more {
                return Ok(count);
            }
        }
    }
}
