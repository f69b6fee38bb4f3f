//! The record of chunks, in the target's own file: tables `limosa_run` and `limosa_chunk`.
//!
//! # Why no chunk is done twice
//!
//! Every change here is one transaction that begins with the writer's lock (`BEGIN IMMEDIATE`). Whoever
//! takes the lease raises the epoch of every chunk that was claimed, and a claim raises it again; a loader
//! marks its chunk `done` in the transaction of the rows only if the epoch is still its own. So a process
//! that slept through a take-over finds no row to mark, and rolls its rows back.

use crate::connect::{File, error};
use limosa_core::chunk::{Chunk, Range};
use limosa_core::engine::{ChunkState, Ledger, LedgerChunk, Loaded, Ticket};
use limosa_core::schema::TableName;
use limosa_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

/// A lease that was renewed less than this many seconds ago is respected.
const LEASE_SECONDS: f64 = 15.0;
/// The database's clock.
pub(crate) const NOW: &str = "unixepoch('subsec')";

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS limosa_run (
  run TEXT PRIMARY KEY NOT NULL,
  plan_hash TEXT NOT NULL,
  holder TEXT,
  renewed REAL,
  journal_mode TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS limosa_chunk (
  run TEXT NOT NULL,
  table_schema TEXT NOT NULL,
  table_name TEXT NOT NULL,
  chunk INTEGER NOT NULL,
  range TEXT NOT NULL,
  mark TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'claimed', 'done')),
  epoch INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  filtered INTEGER NOT NULL,
  PRIMARY KEY (run, table_schema, table_name, chunk)
) WITHOUT ROWID, STRICT;";

/// The ledger.
pub(crate) struct SqliteLedger {
    connection: Connection,
}

fn here(doing: &'static str) -> impl Fn(rusqlite::Error) -> Error {
    move |e| error(e, doing)
}

pub(crate) fn namespace(table: &TableName) -> &str {
    table.schema.as_deref().unwrap_or("")
}

impl SqliteLedger {
    pub(crate) fn open(file: &File) -> Result<Self> {
        Ok(Self {
            connection: file.write()?,
        })
    }

    fn write(&mut self, doing: &'static str) -> Result<Transaction<'_>> {
        self.connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(here(doing))
    }

    fn installed(&self) -> Result<bool> {
        self.connection
            .query_row(
                "SELECT count(*) = 2 FROM sqlite_schema WHERE name IN ('limosa_run', 'limosa_chunk')",
                [],
                |r| r.get(0),
            )
            .map_err(here("reading the ledger"))
    }

    /// Shortens the log and goes back to the journal mode that was there. Best effort: other
    /// connections may be open, and a file in WAL mode is a sound file.
    fn settle(&self, mode: Option<&str>) {
        let quick = || -> rusqlite::Result<()> {
            self.connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            if let Some(mode) = mode.filter(|m| !m.eq_ignore_ascii_case("wal")) {
                self.connection
                    .pragma_update_and_check(None, "journal_mode", mode, |_| Ok(()))?;
            }
            Ok(())
        };
        let patient = self
            .connection
            .busy_timeout(std::time::Duration::from_millis(500));
        if let Err(e) = patient.and_then(|()| quick()) {
            tracing::debug!(error = %e, "the file stays in WAL mode");
        }
        let _ = self
            .connection
            .busy_timeout(std::time::Duration::from_secs(60));
    }
}

/// Goes into WAL mode, so that reading and writing do not wait for each other; gives the mode that was
/// there. A file that somebody else is using keeps its mode, which is slower and as safe.
pub(crate) fn write_ahead(c: &Connection) -> rusqlite::Result<String> {
    let before: String = c.pragma_query_value(None, "journal_mode", |r| r.get(0))?;
    if !before.eq_ignore_ascii_case("wal") {
        let changed =
            c.pragma_update_and_check(None, "journal_mode", "WAL", |r| r.get::<_, String>(0));
        if let Err(e) = changed {
            tracing::debug!(error = %e, "the file keeps its journal mode");
        }
    }
    Ok(before)
}

impl Ledger for SqliteLedger {
    fn install(&mut self, run: &str, plan_hash: &str) -> Result<()> {
        const DOING: &str = "installing the ledger";
        let before = write_ahead(&self.connection).map_err(here(DOING))?;
        let transaction = self.write(DOING)?;
        let work = || -> rusqlite::Result<Option<String>> {
            transaction.execute_batch(TABLES)?;
            let known: Option<String> = transaction
                .query_row(
                    "SELECT plan_hash FROM limosa_run WHERE run = ?1",
                    [run],
                    |r| r.get(0),
                )
                .optional()?;
            if known.as_deref().is_some_and(|k| k != plan_hash) {
                return Ok(Some(format!("run {run} was begun with another plan")));
            }
            let other: Option<String> = transaction
                .query_row(
                    &format!(
                        "SELECT run FROM limosa_run AS r WHERE run <> ?1 AND (renewed > {NOW} - {LEASE_SECONDS} OR EXISTS \
                         (SELECT 1 FROM limosa_chunk AS c WHERE c.run = r.run AND c.state <> 'done'))"
                    ),
                    [run],
                    |r| r.get(0),
                )
                .optional()?;
            if let Some(other) = other {
                return Ok(Some(format!(
                    "run {other} has unfinished work in this file"
                )));
            }
            transaction.execute(
                "INSERT INTO limosa_run (run, plan_hash, journal_mode) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                (run, plan_hash, &before),
            )?;
            Ok(None)
        };
        if let Some(why) = work().map_err(here(DOING))? {
            return Err(
                Error::new(ErrorKind::Conflict, DOING, why).hint("Finish or abort that run first.")
            );
        }
        transaction.commit().map_err(here(DOING))
    }

    fn acquire(&mut self, run: &str, holder: &str, steal: bool) -> Result<()> {
        const DOING: &str = "taking the lease";
        let transaction = self.write(DOING)?;
        let lease: Option<(Option<String>, bool)> = transaction
            .query_row(
                &format!(
                    "SELECT holder, ifnull(renewed > {NOW} - {LEASE_SECONDS}, 0) FROM limosa_run WHERE run = ?1"
                ),
                [run],
                |r| Ok((r.get(0)?, r.get(1)?)),
            )
            .optional()
            .map_err(here(DOING))?;
        match lease {
            None => {
                return Err(Error::new(
                    ErrorKind::Missing,
                    DOING,
                    format!("no run {run} in this file"),
                ));
            }
            Some((Some(other), true)) if other != holder && !steal => {
                return Err(Error::new(ErrorKind::Held, DOING, "another process has it")
                    .on(other)
                    .hint("Wait 15 seconds after that process has ended, or take it by force."));
            }
            Some(_) => {}
        }
        let work = || -> rusqlite::Result<()> {
            transaction.execute(
                &format!("UPDATE limosa_run SET holder = ?2, renewed = {NOW} WHERE run = ?1"),
                (run, holder),
            )?;
            transaction.execute(
                "UPDATE limosa_chunk SET state = 'pending', epoch = epoch + 1 WHERE run = ?1 AND state = 'claimed'",
                [run],
            )?;
            Ok(())
        };
        work().map_err(here(DOING))?;
        transaction.commit().map_err(here(DOING))
    }

    fn renew(&mut self, run: &str, holder: &str) -> Result<()> {
        const DOING: &str = "renewing the lease";
        let renewed = self
            .connection
            .execute(
                &format!("UPDATE limosa_run SET renewed = {NOW} WHERE run = ?1 AND holder = ?2"),
                (run, holder),
            )
            .map_err(here(DOING))?;
        if renewed == 0 {
            return Err(Error::new(ErrorKind::Fenced, DOING, "somebody else has it"));
        }
        Ok(())
    }

    fn release(&mut self, run: &str, holder: &str) -> Result<()> {
        const DOING: &str = "giving the lease back";
        self.connection
            .execute(
                "UPDATE limosa_run SET holder = NULL, renewed = NULL WHERE run = ?1 AND holder = ?2",
                (run, holder),
            )
            .map_err(here(DOING))?;
        let mode: Option<Option<String>> = self
            .connection
            .query_row(
                "SELECT journal_mode FROM limosa_run WHERE run = ?1",
                [run],
                |r| r.get(0),
            )
            .optional()
            .map_err(here(DOING))?;
        self.settle(mode.flatten().as_deref());
        Ok(())
    }

    fn plan_table(
        &mut self,
        run: &str,
        table: &TableName,
        mark: &str,
        chunks: &[Chunk],
    ) -> Result<()> {
        const DOING: &str = "writing chunks down";
        let ranges = chunks
            .iter()
            .map(|c| serde_json::to_string(&c.range))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| Error::new(ErrorKind::Internal, DOING, e.to_string()))?;
        let transaction = self.write(DOING)?;
        let work = || -> rusqlite::Result<()> {
            let above: i64 = transaction.query_row(
                "SELECT coalesce(max(epoch) + 1, 0) FROM limosa_chunk \
                 WHERE run = ?1 AND table_schema = ?2 AND table_name = ?3",
                (run, namespace(table), &table.name),
                |row| row.get(0),
            )?;
            transaction.execute(
                "DELETE FROM limosa_chunk WHERE run = ?1 AND table_schema = ?2 AND table_name = ?3",
                (run, namespace(table), &table.name),
            )?;
            let mut insert = transaction.prepare(
                "INSERT INTO limosa_chunk VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'pending', ?7, 0, 0, 0)",
            )?;
            for (chunk, range) in chunks.iter().zip(&ranges) {
                insert.execute((
                    run,
                    namespace(table),
                    &table.name,
                    chunk.id,
                    range,
                    mark,
                    above,
                ))?;
            }
            Ok(())
        };
        work().map_err(here(DOING))?;
        transaction.commit().map_err(here(DOING))
    }

    fn chunks(&mut self, run: &str) -> Result<Vec<LedgerChunk>> {
        const DOING: &str = "reading the ledger";
        if !self.installed()? {
            return Ok(Vec::new());
        }
        let mut statement = self
            .connection
            .prepare(
                "SELECT table_schema, table_name, chunk, range, mark, state, epoch, rows, bytes, filtered \
                 FROM limosa_chunk WHERE run = ?1 ORDER BY table_schema, table_name, chunk",
            )
            .map_err(here(DOING))?;
        let mut rows = statement.query([run]).map_err(here(DOING))?;
        let mut out = Vec::new();
        while let Some(row) = rows.next().map_err(here(DOING))? {
            let read = || -> rusqlite::Result<(String, LedgerChunk)> {
                let schema: String = row.get(0)?;
                Ok((
                    row.get(3)?,
                    LedgerChunk {
                        table: TableName {
                            schema: (!schema.is_empty()).then_some(schema),
                            name: row.get(1)?,
                        },
                        chunk: Chunk {
                            id: row.get(2)?,
                            range: Range::All,
                        },
                        mark: row.get(4)?,
                        state: match row.get_ref(5)?.as_str()? {
                            "done" => ChunkState::Done,
                            "claimed" => ChunkState::Claimed,
                            _ => ChunkState::Pending,
                        },
                        epoch: row.get(6)?,
                        loaded: Loaded {
                            rows: row.get::<_, i64>(7)?.cast_unsigned(),
                            bytes: row.get::<_, i64>(8)?.cast_unsigned(),
                            filtered: row.get::<_, i64>(9)?.cast_unsigned(),
                        },
                    },
                ))
            };
            let (range, mut chunk) = read().map_err(here(DOING))?;
            chunk.chunk.range = serde_json::from_str(&range).map_err(|e| {
                Error::new(
                    ErrorKind::Server,
                    DOING,
                    format!("a range can not be read: {e}"),
                )
                .hint("Somebody changed limosa_chunk; begin a new run.")
            })?;
            out.push(chunk);
        }
        Ok(out)
    }

    fn claim(&mut self, run: &str, table: &TableName, chunk: u32) -> Result<Option<Ticket>> {
        const DOING: &str = "claiming a chunk";
        let epoch: Option<i64> = self
            .connection
            .query_row(
                "UPDATE limosa_chunk SET state = 'claimed', epoch = epoch + 1 WHERE run = ?1 AND table_schema = ?2 \
                 AND table_name = ?3 AND chunk = ?4 AND state <> 'done' RETURNING epoch",
                (run, namespace(table), &table.name, chunk),
                |r| r.get(0),
            )
            .optional()
            .map_err(here(DOING))?;
        let ticket = |epoch| Ticket {
            run: run.into(),
            table: table.clone(),
            chunk,
            epoch,
        };
        match epoch {
            Some(epoch) => Ok(Some(ticket(epoch))),
            None if self.done(&ticket(0))? => Ok(None),
            None => Err(Error::new(
                ErrorKind::Missing,
                DOING,
                format!("chunk {chunk} is not in the ledger"),
            )
            .on(table.to_string())),
        }
    }

    fn done(&mut self, ticket: &Ticket) -> Result<bool> {
        self.connection
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM limosa_chunk WHERE run = ?1 AND table_schema = ?2 AND table_name = ?3 \
                 AND chunk = ?4 AND state = 'done')",
                (&ticket.run, namespace(&ticket.table), &ticket.table.name, ticket.chunk),
                |r| r.get(0),
            )
            .map_err(here("reading the ledger"))
    }

    fn uninstall(&mut self) -> Result<()> {
        const DOING: &str = "taking the ledger away";
        if !self.installed()? {
            return Ok(());
        }
        let mode: Option<Option<String>> = self
            .connection
            .query_row(
                "SELECT journal_mode FROM limosa_run ORDER BY rowid LIMIT 1",
                [],
                |r| r.get(0),
            )
            .optional()
            .map_err(here(DOING))?;
        self.connection
            .execute_batch(
                "BEGIN IMMEDIATE; DROP TABLE limosa_chunk; DROP TABLE limosa_run; COMMIT",
            )
            .map_err(here(DOING))?;
        self.settle(mode.flatten().as_deref());
        Ok(())
    }
}
