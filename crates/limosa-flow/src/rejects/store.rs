//! The file in which rejects are kept. Many threads write, one at a time.

use super::record::{read_key, read_values};
use super::{Flight, Record, Refused, Step};
use crate::journal::broken;
use crate::plan::TablePlan;
use limosa_core::engine::Ticket;
use limosa_core::schema::TableName;
use limosa_core::value::Value;
use limosa_core::{Error, ErrorKind, Result};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params, params_from_iter};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// "Limr" in ASCII.
const APPLICATION_ID: i32 = 0x4C69_6D72;

/// Raised when the file's shape changes so that older versions misread it.
const FORMAT: u32 = 1;

const TABLES: &str = "
CREATE TABLE chunk(table_name TEXT NOT NULL, chunk INTEGER NOT NULL, epoch INTEGER NOT NULL,
  settled INTEGER NOT NULL, PRIMARY KEY(table_name, chunk)) STRICT;
CREATE TABLE reject(id INTEGER PRIMARY KEY AUTOINCREMENT, table_name TEXT NOT NULL, chunk INTEGER NOT NULL,
  ordinal INTEGER NOT NULL, source TEXT NOT NULL, step TEXT NOT NULL, cause TEXT NOT NULL, chosen INTEGER NOT NULL,
  column_name TEXT, reason TEXT NOT NULL, code TEXT, key TEXT NOT NULL, columns TEXT NOT NULL, vals TEXT,
  bytes INTEGER NOT NULL, hash TEXT NOT NULL, at_ms INTEGER NOT NULL, attempts INTEGER NOT NULL,
  moved INTEGER NOT NULL DEFAULT 0, batch INTEGER, UNIQUE(table_name, chunk, ordinal)) STRICT;
CREATE INDEX reject_batch ON reject(table_name, batch) WHERE batch IS NOT NULL;
";

const DOING: &str = "keeping rejects";

/// How far a reject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its chunk is not in the target yet: the row comes again with it.
    Pending,
    /// Its chunk is in the target, without it.
    Rejected,
    /// A retry has moved it.
    Moved,
}

impl State {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Rejected => "rejected",
            State::Moved => "moved",
        }
    }
}

/// Which rejects are meant. Empty is all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// One by its number.
    pub id: Option<i64>,
    /// Of this table, by its name in the source or the target.
    pub table: Option<String>,
    /// Of this step.
    pub step: Option<Step>,
    /// Of this sort, as [`limosa_core::batch::Cause::word`].
    pub cause: Option<String>,
    /// In this state.
    pub state: Option<State>,
}

/// How many rejects a table has, by step and sort.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// The table, by its target name.
    pub table: String,
    /// Where they failed.
    pub step: Step,
    /// The sort of trouble.
    pub cause: String,
    /// How far they are.
    pub state: State,
    /// How many.
    pub rows: u64,
}

/// The rejects of one run.
pub struct Store {
    path: PathBuf,
    db: Mutex<Option<Connection>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish()
    }
}

impl Store {
    /// The store at `path`. The file is made when the first reject comes.
    ///
    /// # Errors
    /// `File` if a file is there that can not be read; `Unsupported` if a newer version made it.
    pub fn open(path: &Path) -> Result<Self> {
        let db = match path.exists() {
            true => Some(open(path)?),
            false => None,
        };
        Ok(Self {
            path: path.into(),
            db: Mutex::new(db),
        })
    }

    /// A store in memory, for a caller that keeps nothing.
    pub fn in_memory() -> Self {
        Self {
            path: PathBuf::from(":memory:"),
            db: Mutex::new(None),
        }
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.path
    }

    fn lock(&self) -> MutexGuard<'_, Option<Connection>> {
        self.db.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn err(&self, e: rusqlite::Error) -> Error {
        broken(&self.path, DOING, e)
    }

    /// Does one act in a transaction of its own, which is durable when this returns.
    fn write<T>(&self, act: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let mut slot = self.lock();
        if slot.is_none() {
            *slot = Some(make(&self.path)?);
        }
        let db = slot.as_mut().expect("it was opened above");
        let done = || -> rusqlite::Result<T> {
            let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let value = act(&tx)?;
            tx.commit()?;
            Ok(value)
        };
        done().map_err(|e| self.err(e))
    }

    /// Does one act if there is a file; else nothing was ever rejected.
    fn read<T: Default>(&self, act: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        match self.lock().as_ref() {
            Some(db) => act(db).map_err(|e| self.err(e)),
            None => Ok(T::default()),
        }
    }

    /// Whether anything is known of the chunk.
    pub(crate) fn knows(&self, table: &TableName, chunk: u32) -> Result<bool> {
        self.read(|db| {
            db.prepare_cached("SELECT 1 FROM chunk WHERE table_name = ?1 AND chunk = ?2")?
                .exists(params![table.to_string(), chunk])
        })
    }

    /// Begins the rejects of a claimed chunk: takes out what an earlier claim left.
    ///
    /// # Errors
    /// `Fenced` if a later claim has been here.
    pub(crate) fn begin(&self, ticket: &Ticket) -> Result<()> {
        let table = ticket.table.to_string();
        let ours = self.write(|db| {
            let ours = db.execute(
                "INSERT INTO chunk(table_name, chunk, epoch, settled) VALUES(?1, ?2, ?3, 0) \
                 ON CONFLICT(table_name, chunk) DO UPDATE SET epoch = excluded.epoch, settled = 0 \
                 WHERE excluded.epoch >= chunk.epoch",
                params![table, ticket.chunk, ticket.epoch],
            )? == 1;
            if ours {
                db.execute(
                    "DELETE FROM reject WHERE table_name = ?1 AND chunk = ?2",
                    params![table, ticket.chunk],
                )?;
            }
            Ok(ours)
        })?;
        ours.then_some(()).ok_or_else(|| fenced(ticket))
    }

    /// Keeps rows of a chunk that was begun; `first` is the number of the first of them in its chunk.
    ///
    /// # Errors
    /// `Fenced` if a later claim has been here.
    pub(crate) fn add(
        &self,
        ticket: &Ticket,
        plan: &TablePlan,
        first: u64,
        rows: &[Refused],
    ) -> Result<()> {
        let table = ticket.table.to_string();
        let source = plan.read.table.to_string();
        let columns: Vec<&str> = plan.read.columns.iter().map(|c| c.name.as_str()).collect();
        let columns = serde_json::Value::from(columns).to_string();
        let at = millis();
        let ours = self.write(|db| {
            let epoch: Option<i64> = db
                .prepare_cached("SELECT epoch FROM chunk WHERE table_name = ?1 AND chunk = ?2")?
                .query_row(params![table, ticket.chunk], |r| r.get(0))
                .optional()?;
            if epoch != Some(ticket.epoch) {
                return Ok(false);
            }
            let mut insert = db.prepare_cached(
                "INSERT INTO reject(table_name, chunk, ordinal, source, step, cause, chosen, column_name, reason, \
                 code, key, columns, vals, bytes, hash, at_ms, attempts) \
                 VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,1)",
            )?;
            for (i, row) in rows.iter().enumerate() {
                insert.execute(params![
                    table,
                    ticket.chunk,
                    (first + i as u64).cast_signed(),
                    source,
                    row.step.word(),
                    row.cause.word(),
                    row.chosen,
                    row.column,
                    row.reason,
                    row.code,
                    row.key,
                    columns,
                    row.values,
                    row.bytes.cast_signed(),
                    row.hash,
                    at,
                ])?;
            }
            Ok(true)
        })?;
        ours.then_some(()).ok_or_else(|| fenced(ticket))
    }

    /// The chunk is in the target: its rejects count.
    pub(crate) fn settle(&self, table: &TableName, chunk: u32) -> Result<()> {
        self.write(|db| {
            db.execute(
                "UPDATE chunk SET settled = 1 WHERE table_name = ?1 AND chunk = ?2",
                params![table.to_string(), chunk],
            )
        })?;
        Ok(())
    }

    /// Takes over what the ledger says of a table: chunks that are done are settled, others are not.
    pub(crate) fn reconcile(&self, table: &TableName, done: &[u32]) -> Result<()> {
        if self.lock().is_none() {
            return Ok(());
        }
        let table = table.to_string();
        self.write(|db| {
            db.execute(
                "UPDATE chunk SET settled = 0 WHERE table_name = ?1",
                [&table],
            )?;
            let mut set = db.prepare_cached(
                "UPDATE chunk SET settled = 1 WHERE table_name = ?1 AND chunk = ?2",
            )?;
            for chunk in done {
                set.execute(params![table, chunk])?;
            }
            Ok(())
        })
    }

    /// Forgets a table, whose chunks the ledger has forgotten before.
    pub(crate) fn forget(&self, table: &TableName) -> Result<()> {
        if self.lock().is_none() {
            return Ok(());
        }
        let table = table.to_string();
        self.write(|db| {
            db.execute("DELETE FROM reject WHERE table_name = ?1", [&table])?;
            db.execute("DELETE FROM chunk WHERE table_name = ?1", [&table])?;
            Ok(())
        })
    }

    /// The settled rejects of a table, moved ones too, and how many of them no policy foresaw.
    pub(crate) fn counted(&self, table: &TableName) -> Result<Flight> {
        self.read(|db| {
            db.query_row(
                "SELECT count(*), coalesce(sum(NOT chosen), 0) FROM reject JOIN chunk USING(table_name, chunk) \
                 WHERE table_name = ?1 AND settled",
                [table.to_string()],
                flight,
            )
        })
    }

    /// The rejects of one chunk, as they count.
    pub(crate) fn of_chunk(&self, table: &TableName, chunk: u32) -> Result<Flight> {
        self.read(|db| {
            db.query_row(
                "SELECT count(*), coalesce(sum(NOT chosen), 0) FROM reject WHERE table_name = ?1 AND chunk = ?2",
                params![table.to_string(), chunk],
                flight,
            )
        })
    }

    /// The keys of the rows of a table that are not in the target, as [`Record::key`].
    ///
    /// # Errors
    /// `File`.
    pub fn missing(&self, table: &TableName) -> Result<Vec<Vec<(String, Value)>>> {
        let keys: Vec<String> = self.read(|db| {
            db.prepare_cached(
                "SELECT key FROM reject JOIN chunk USING(table_name, chunk) \
                 WHERE table_name = ?1 AND settled AND NOT moved",
            )?
            .query_map([table.to_string()], |r| r.get(0))?
            .collect()
        })?;
        keys.iter()
            .map(|k| read_key(k).ok_or_else(|| self.damaged()))
            .collect()
    }

    /// Counts, by table, step, sort and state.
    ///
    /// # Errors
    /// `File`.
    pub fn counts(&self) -> Result<Vec<Count>> {
        self.read(|db| {
            db.prepare(
                "SELECT table_name, step, cause, settled, moved, count(*) FROM reject \
                 JOIN chunk USING(table_name, chunk) GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3",
            )?
            .query_map([], |r| {
                Ok(Count {
                    table: r.get(0)?,
                    step: Step::of(&r.get::<_, String>(1)?),
                    cause: r.get(2)?,
                    state: state(r.get(3)?, r.get(4)?),
                    rows: r.get::<_, i64>(5)?.cast_unsigned(),
                })
            })?
            .collect()
        })
    }

    /// Gives each reject that `filter` means to `see`, in the order in which they came, without its
    /// values unless `values`. `see` says whether to go on.
    ///
    /// # Errors
    /// `File`; those of `see`.
    pub fn each(
        &self,
        filter: &Filter,
        values: bool,
        mut see: impl FnMut(Record) -> Result<bool>,
    ) -> Result<()> {
        let slot = self.lock();
        let Some(db) = slot.as_ref() else {
            return Ok(());
        };
        let (wanted, bound) = condition(filter);
        let sql = format!(
            "SELECT id, table_name, source, chunk, step, cause, column_name, reason, code, key, columns, \
             {}, bytes, hash, at_ms, attempts, settled, moved FROM reject JOIN chunk USING(table_name, chunk) \
             WHERE {wanted} ORDER BY id",
            if values { "vals" } else { "NULL" }
        );
        let mut statement = db.prepare(&sql).map_err(|e| self.err(e))?;
        let mut rows = statement
            .query(params_from_iter(bound))
            .map_err(|e| self.err(e))?;
        while let Some(row) = rows.next().map_err(|e| self.err(e))? {
            let record = record(row)
                .map_err(|e| self.err(e))?
                .ok_or_else(|| self.damaged())?;
            if !see(record)? {
                break;
            }
        }
        Ok(())
    }

    /// The numbers of the rows of a table that may be tried again.
    pub(super) fn waiting(&self, table: &TableName, filter: &Filter) -> Result<Vec<i64>> {
        let (wanted, mut bound) = condition(filter);
        bound.push(table.to_string().into());
        let at = bound.len();
        self.read(|db| {
            db.prepare(&format!(
                "SELECT id FROM reject JOIN chunk USING(table_name, chunk) WHERE {wanted} \
                 AND settled AND NOT moved AND table_name = ?{at} ORDER BY id"
            ))?
            .query_map(params_from_iter(bound), |r| r.get(0))?
            .collect()
        })
    }

    /// These rows, with their values, in this order.
    pub(super) fn some(&self, ids: &[i64]) -> Result<Vec<Record>> {
        let mut found = Vec::new();
        for id in ids {
            let one = Filter {
                id: Some(*id),
                ..Filter::default()
            };
            self.each(&one, true, |record| {
                found.push(record);
                Ok(true)
            })?;
        }
        Ok(found)
    }

    /// Whether rows of a table are in a batch of which nobody knows whether it went in.
    pub(super) fn taken(&self, table: &TableName) -> Result<bool> {
        self.read(|db| {
            db.prepare_cached("SELECT 1 FROM reject WHERE table_name = ?1 AND batch IS NOT NULL")?
                .exists([table.to_string()])
        })
    }

    /// Writes down which rows of a table go in together. Durable before their commit.
    pub(super) fn take(&self, table: &TableName, ids: &[i64]) -> Result<()> {
        let table = table.to_string();
        self.write(|db| {
            db.execute(
                "UPDATE reject SET batch = NULL WHERE table_name = ?1 AND batch IS NOT NULL",
                [&table],
            )?;
            let mut take =
                db.prepare_cached("UPDATE reject SET batch = 1 WHERE id = ?1 AND table_name = ?2")?;
            for id in ids {
                take.execute(params![id, table])?;
            }
            Ok(())
        })
    }

    /// The batch did not go in.
    pub(super) fn free(&self, table: &TableName) -> Result<()> {
        self.take(table, &[])
    }

    /// The batch is in the target: its rows are no rejects any more. Gives how many they are.
    pub(super) fn moved(&self, table: &TableName) -> Result<u64> {
        self.write(|db| {
            db.execute(
                "UPDATE reject SET moved = 1, batch = NULL, attempts = attempts + 1 \
                 WHERE table_name = ?1 AND batch IS NOT NULL",
                [table.to_string()],
            )
        })
        .map(|n| n as u64)
    }

    /// A row was tried again, and this is why it stays.
    pub(super) fn tried(&self, id: i64, step: Option<Step>, reason: &str) -> Result<()> {
        self.write(|db| {
            db.execute(
                "UPDATE reject SET attempts = attempts + 1, reason = ?2, step = coalesce(?3, step) WHERE id = ?1",
                params![id, reason, step.map(Step::word)],
            )
        })?;
        Ok(())
    }

    fn damaged(&self) -> Error {
        Error::new(ErrorKind::File, "reading rejects", "the file is damaged")
            .on(self.path.display().to_string())
            .hint("Move it away: the source still has the rows, and `limosa verify` names them.")
    }
}

fn flight(r: &rusqlite::Row<'_>) -> rusqlite::Result<Flight> {
    let rejected = r.get::<_, i64>(0)?.cast_unsigned();
    Ok(Flight {
        handled: rejected,
        rejected,
        unforeseen: r.get::<_, i64>(1)?.cast_unsigned(),
    })
}

fn condition(filter: &Filter) -> (String, Vec<Sql>) {
    let mut parts = vec!["1".to_owned()];
    let mut bound: Vec<Sql> = Vec::new();
    let mut add = |part: &str, value: Sql| {
        bound.push(value);
        parts.push(part.replace('?', &format!("?{}", bound.len())));
    };
    if let Some(id) = filter.id {
        add("id = ?", id.into());
    }
    if let Some(table) = &filter.table {
        add("(table_name = ? OR source = ?)", table.clone().into());
    }
    if let Some(step) = filter.step {
        add("step = ?", step.word().to_owned().into());
    }
    if let Some(cause) = &filter.cause {
        add("cause = ?", cause.clone().into());
    }
    match filter.state {
        None => {}
        Some(State::Pending) => parts.push("NOT settled AND NOT moved".into()),
        Some(State::Rejected) => parts.push("settled AND NOT moved".into()),
        Some(State::Moved) => parts.push("moved".into()),
    }
    (parts.join(" AND "), bound)
}

fn record(r: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Record>> {
    let (key, columns): (String, String) = (r.get(9)?, r.get(10)?);
    let (Some(key), Ok(columns)) = (read_key(&key), serde_json::from_str(&columns)) else {
        return Ok(None);
    };
    let values: Option<String> = r.get(11)?;
    let values = match values.as_deref().map(read_values) {
        Some(None) => return Ok(None),
        Some(some) => some,
        None => None,
    };
    Ok(Some(Record {
        id: r.get(0)?,
        table: r.get(1)?,
        source: r.get(2)?,
        chunk: r.get(3)?,
        step: Step::of(&r.get::<_, String>(4)?),
        cause: r.get(5)?,
        column: r.get(6)?,
        reason: r.get(7)?,
        code: r.get(8)?,
        key,
        columns,
        values,
        bytes: r.get::<_, i64>(12)?.cast_unsigned(),
        hash: r.get(13)?,
        at_ms: r.get::<_, i64>(14)?.cast_unsigned(),
        attempts: r.get(15)?,
        state: state(r.get(16)?, r.get(17)?),
    }))
}

fn state(settled: bool, moved: bool) -> State {
    match (settled, moved) {
        (_, true) => State::Moved,
        (true, false) => State::Rejected,
        (false, false) => State::Pending,
    }
}

fn fenced(ticket: &Ticket) -> Error {
    Error::new(
        ErrorKind::Fenced,
        DOING,
        "somebody else has claimed the chunk since",
    )
    .on(ticket.table.to_string())
}

fn millis() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_millis() as i64)
}

/// Makes the file, readable by the owner only. Whoever dies here leaves a file without tables, which the
/// next one fills.
fn make(path: &Path) -> Result<Connection> {
    let failed = |e: std::io::Error| {
        Error::new(ErrorKind::File, DOING, e.to_string()).on(path.display().to_string())
    };
    if path == Path::new(":memory:") {
        let db = Connection::open_in_memory().map_err(|e| broken(path, DOING, e))?;
        return tables(&db).map(|()| db).map_err(|e| broken(path, DOING, e));
    }
    if !path.exists() {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path).map_err(failed)?;
    }
    open(path)
}

fn tables(db: &Connection) -> rusqlite::Result<()> {
    let there: bool = db.query_row(
        "SELECT EXISTS(SELECT 1 FROM sqlite_schema WHERE name = 'reject')",
        [],
        |r| r.get(0),
    )?;
    if there {
        return Ok(());
    }
    db.execute_batch(&format!(
        "BEGIN IMMEDIATE; {} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT}; COMMIT;",
        TABLES
            .replace("CREATE TABLE ", "CREATE TABLE IF NOT EXISTS ")
            .replace("CREATE INDEX ", "CREATE INDEX IF NOT EXISTS ")
    ))
}

fn open(path: &Path) -> Result<Connection> {
    let failed = |e| broken(path, "opening the rejects", e);
    let db = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(failed)?;
    db.busy_timeout(Duration::from_secs(30)).map_err(failed)?;
    let format: u32 = db
        .pragma_query_value(None, "user_version", |r| r.get(0))
        .map_err(failed)?;
    if format > FORMAT {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "opening the rejects",
            format!("a newer version of Limosa made them (format {format}, this one knows up to {FORMAT})"),
        )
        .on(path.display().to_string())
        .hint("Use the version of Limosa that made the run, or a newer one."));
    }
    // The log keeps the file's mode. What is written must outlive a power cut.
    db.pragma_update(None, "journal_mode", "WAL")
        .and_then(|()| db.pragma_update(None, "synchronous", "FULL"))
        .and_then(|()| tables(&db))
        .map_err(failed)?;
    Ok(db)
}
