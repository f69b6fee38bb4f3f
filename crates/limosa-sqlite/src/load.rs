//! Loads chunks: the one writer.
//!
//! # Why no row is lost or doubled
//!
//! A chunk is one transaction that begins with the writer's lock: its rows, and the mark `done` in the
//! ledger on condition that the epoch is still the ticket's. If the epoch is gone, the transaction is rolled
//! back and nothing was written; if the process dies, SQLite throws the unfinished transaction away when the file
//! is opened next. `COMMIT` runs with `synchronous = FULL`: in WAL mode the log is on the disk before it
//! returns, so the answer is `Durable` in the full sense, against the loss of power too.
//!
//! Triggers of the target do not fire and foreign keys are not checked on this connection (they are on a late
//! one); NOT NULL, CHECK and unique constraints are. A part of [`Loader::write_apart`] is a savepoint within
//! the chunk's transaction.

use crate::block;
use crate::connect::{File, error};
use crate::ledger::{NOW, namespace, write_ahead};
use crate::words::quote;
use limosa_core::engine::{Ack, LoadSpec, Loaded, Loader, Ticket};
use limosa_core::{Error, ErrorKind, Result};
use rusqlite::config::DbConfig;
use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, Statement};

struct Work {
    ticket: Ticket,
    insert: String,
    columns: usize,
}

impl Work {
    /// Binds the next row of a block.
    #[inline]
    fn bind(&self, insert: &mut Statement<'_>, rest: &mut &[u8]) -> Result<()> {
        for at in 1..=self.columns {
            let value = block::take(rest).ok_or_else(|| {
                Error::new(
                    ErrorKind::Internal,
                    "loading rows",
                    "the bytes end in the middle of a row",
                )
                .on(self.ticket.table.to_string())
            })?;
            insert
                .raw_bind_parameter(at, ToSqlOutput::Borrowed(value))
                .map_err(|e| error(e, "loading rows").on(self.ticket.table.to_string()))?;
        }
        Ok(())
    }
}

/// KiB of pages in memory: 16 MiB hold the upper pages of a table and its keys. The budget of a run
/// (`--memory`) does not count them.
const CACHE: i64 = 16_384;
/// The same while a huge row is written.
const HUGE_CACHE: i64 = 4096;

/// The loader of one lane.
pub(crate) struct SqliteLoader {
    connection: Connection,
    work: Option<Work>,
}

impl SqliteLoader {
    pub(crate) fn open(file: &File, late: bool) -> Result<Self> {
        let connection = file.write()?;
        let setup = || -> rusqlite::Result<()> {
            write_ahead(&connection)?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "foreign_keys", late)?;
            connection.pragma_update(None, "cache_size", -CACHE)?;
            // The log is copied back every 128 MiB rather than every 4.
            connection.pragma_update(None, "wal_autocheckpoint", 32_768)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
            Ok(())
        };
        setup().map_err(|e| file.error(e, "opening"))?;
        Ok(Self {
            connection,
            work: None,
        })
    }
}

fn idle() -> Error {
    Error::new(
        ErrorKind::Internal,
        "loading a chunk",
        "no chunk has been begun",
    )
}

impl Loader for SqliteLoader {
    fn begin(&mut self, spec: &LoadSpec, ticket: &Ticket) -> Result<()> {
        self.rollback()?;
        let here = |e| error(e, "beginning a chunk").on(spec.table.to_string());
        let names = spec
            .columns
            .iter()
            .map(|c| quote(&c.name))
            .collect::<Vec<_>>()
            .join(", ");
        let marks = vec!["?"; spec.columns.len()].join(", ");
        let insert = format!(
            "INSERT INTO {} ({names}) VALUES ({marks})",
            quote(&spec.table.name)
        );
        self.connection
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(here)?;
        self.work = Some(Work {
            ticket: ticket.clone(),
            insert,
            columns: spec.columns.len(),
        });
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let work = self.work.as_ref().ok_or_else(idle)?;
        let here = |e| error(e, "loading rows").on(work.ticket.table.to_string());
        let mut insert = self.connection.prepare_cached(&work.insert).map_err(here)?;
        let mut rest = bytes;
        while !rest.is_empty() {
            work.bind(&mut insert, &mut rest)?;
            insert.raw_execute().map_err(here)?;
        }
        Ok(())
    }

    fn write_apart(&mut self, _: u64, bytes: &[u8]) -> Result<()> {
        let table = self.work.as_ref().ok_or_else(idle)?.ticket.table.clone();
        let here = |e| error(e, "loading rows").on(table.to_string());
        self.connection
            .execute_batch("SAVEPOINT limosa_part")
            .map_err(here)?;
        let written = self.write(bytes);
        if written.as_ref().is_err_and(Error::refuses_rows) {
            self.connection
                .execute_batch("ROLLBACK TO limosa_part")
                .map_err(here)?;
        }
        if written.as_ref().err().is_none_or(Error::refuses_rows) {
            self.connection
                .execute_batch("RELEASE limosa_part")
                .map_err(here)?;
        }
        written
    }

    /// SQLite copies what is bound, and once more into the row that it stores: the block goes before the
    /// second copy, its pages are not kept in the cache, and nothing stays bound.
    fn write_all(&mut self, bytes: Vec<u8>) -> Result<()> {
        let work = self.work.as_ref().ok_or_else(idle)?;
        let here = |e| error(e, "loading rows").on(work.ticket.table.to_string());
        // Pages that were changed do not go by themselves.
        self.connection.cache_flush().map_err(here)?;
        self.connection
            .pragma_update(None, "cache_size", -HUGE_CACHE)
            .map_err(here)?;
        let mut insert = self.connection.prepare_cached(&work.insert).map_err(here)?;
        let mut at = 0;
        while at < bytes.len() {
            let mut rest = &bytes[at..];
            work.bind(&mut insert, &mut rest)?;
            at = bytes.len() - rest.len();
            if rest.is_empty() {
                break;
            }
            insert.raw_execute().map_err(here)?;
        }
        if !bytes.is_empty() {
            drop(bytes);
            insert.raw_execute().map_err(here)?;
        }
        insert.clear_bindings();
        self.connection
            .pragma_update(None, "cache_size", -CACHE)
            .map_err(here)
    }

    fn commit(&mut self, loaded: Loaded) -> Result<Ack> {
        let work = self.work.take().ok_or_else(idle)?;
        let ticket = &work.ticket;
        let here = |e| error(e, "committing a chunk").on(ticket.table.to_string());
        let marked = || -> rusqlite::Result<usize> {
            let marked = self
                .connection
                .prepare_cached(
                    "UPDATE limosa_chunk SET state = 'done', rows = ?6, bytes = ?7, filtered = ?8 WHERE run = ?1 AND table_schema = ?2 \
                     AND table_name = ?3 AND chunk = ?4 AND epoch = ?5 AND state = 'claimed'",
                )?
                .execute((
                    &ticket.run,
                    namespace(&ticket.table),
                    &ticket.table.name,
                    ticket.chunk,
                    ticket.epoch,
                    loaded.rows.cast_signed(),
                    loaded.bytes.cast_signed(),
                    loaded.filtered.cast_signed(),
                ))?;
            // Whoever still has the epoch is alive: a long chunk keeps the renewing statement waiting.
            self.connection
                .prepare_cached(&format!(
                    "UPDATE limosa_run SET renewed = {NOW} WHERE run = ?1 AND holder IS NOT NULL"
                ))?
                .execute([&ticket.run])?;
            Ok(marked)
        };
        match marked() {
            Ok(1) => {}
            Ok(_) => {
                self.rollback()?;
                return Err(Error::new(
                    ErrorKind::Fenced,
                    "committing a chunk",
                    "the chunk was claimed by somebody else",
                )
                .on(ticket.table.to_string()));
            }
            Err(e) => {
                self.rollback()?;
                return Err(here(e));
            }
        }
        // SQLite answers from this process: a failed COMMIT is a known one, never a lost answer.
        if let Err(e) = self.connection.execute_batch("COMMIT") {
            let e = here(e);
            self.rollback()?;
            return Err(e);
        }
        Ok(Ack::Durable)
    }

    fn rollback(&mut self) -> Result<()> {
        self.work = None;
        if !self.connection.is_autocommit() {
            self.connection
                .execute_batch("ROLLBACK")
                .map_err(|e| error(e, "rolling a chunk back"))?;
        }
        Ok(())
    }
}
