//! The ledger: which chunks are in the target, kept in the target.
//!
//! Why no row is lost or doubled: a claim raises the epoch, a commit names the epoch
//! ([`crate::load`]), both update the same row, so the server's row lock puts them in order: of a claim and
//! a commit of the claim before, the second sees what the first did. [`Ledger::done`] and
//! [`Ledger::claim`] take that lock too, so they wait for a commit whose answer was lost and which the
//! server may still be working on.

use crate::connect::Settings;
use crate::connection::Connection;
use limosa_core::chunk::{Chunk, Range};
use limosa_core::engine::{ChunkState, Ledger, LedgerChunk, Loaded, Ticket};
use limosa_core::schema::TableName;
use limosa_core::{Error, ErrorKind, Result};
use std::sync::Arc;

/// How long a lease holds without being renewed.
const LEASE_SECONDS: u32 = 15;

/// Runs that make the tables wait for each other by this number, "limosa" in ASCII.
const LOCK: i64 = 0x6c69_6d6f_7361;

const TABLES: &str = "\
CREATE SCHEMA IF NOT EXISTS limosa;
CREATE TABLE IF NOT EXISTS limosa.limosa_run (
  run text PRIMARY KEY,
  plan_hash text NOT NULL,
  holder text,
  renewed timestamptz,
  created timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE IF NOT EXISTS limosa.limosa_chunk (
  run text NOT NULL REFERENCES limosa.limosa_run ON DELETE CASCADE,
  table_schema text NOT NULL,
  table_name text NOT NULL,
  chunk bigint NOT NULL,
  bounds text NOT NULL,
  mark text NOT NULL,
  state text NOT NULL CHECK (state IN ('pending', 'claimed', 'done')),
  epoch bigint NOT NULL,
  rows bigint NOT NULL DEFAULT 0,
  bytes bigint NOT NULL DEFAULT 0,
  filtered bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (run, table_schema, table_name, chunk)
);
CREATE TABLE IF NOT EXISTS limosa.limosa_session (
  run text NOT NULL,
  pid integer NOT NULL,
  started timestamptz NOT NULL,
  PRIMARY KEY (run, pid)
)";

/// See [`Ledger`].
pub(crate) struct PostgresLedger {
    settings: Arc<Settings>,
    connection: Connection,
}

fn schema(table: &TableName) -> &str {
    table.schema.as_deref().unwrap_or("")
}

impl PostgresLedger {
    pub(crate) fn open(settings: &Arc<Settings>) -> Result<Self> {
        Ok(Self {
            settings: Arc::clone(settings),
            connection: Connection::open(settings)?,
        })
    }

    fn ready(&mut self, doing: &'static str) -> Result<&mut Connection> {
        if self.connection.broken() {
            self.connection = Connection::open(&self.settings)?;
        }
        self.connection.doing = doing;
        Ok(&mut self.connection)
    }

    /// Runs `work` in a transaction.
    fn within<T>(
        &mut self,
        doing: &'static str,
        work: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        let c = self.ready(doing)?;
        c.query("BEGIN")?;
        let done = work(c).and_then(|value| {
            let answer = c.query("COMMIT")?;
            if answer.tag == "COMMIT" {
                Ok(value)
            } else {
                Err(Error::new(
                    ErrorKind::Server,
                    doing,
                    "the server rolled the transaction back",
                ))
            }
        });
        if done.is_err() && !c.broken() && c.in_transaction() && c.query("ROLLBACK").is_err() {
            c.abandon();
        }
        done
    }
}

impl Ledger for PostgresLedger {
    fn install(&mut self, run: &str, plan_hash: &str) -> Result<()> {
        self.within("preparing the ledger", |c| {
            c.query_with("SELECT pg_advisory_xact_lock($1)", &[Some(&LOCK.to_string())])?;
            // Asked first, so that a role that may write the ledger needs no right to make it.
            let there = c.query(
                "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'limosa' \
                 AND c.relname IN ('limosa_run', 'limosa_chunk', 'limosa_session')",
            )?;
            if there.one() != Some("3") {
                c.query(TABLES)?;
            }
            let others = c.query_with(
                "SELECT r.run FROM limosa.limosa_run r WHERE (r.run <> $1 OR r.plan_hash <> $2) \
                 AND EXISTS (SELECT 1 FROM limosa.limosa_chunk k WHERE k.run = r.run AND k.state <> 'done') LIMIT 1",
                &[Some(run), Some(plan_hash)],
            )?;
            if let Some(other) = others.one() {
                let why = if other == run {
                    "this run has unfinished work under another plan".to_string()
                } else {
                    format!("run {other} has unfinished work in this target")
                };
                return Err(Error::new(ErrorKind::Conflict, "preparing the ledger", why)
                    .hint("Finish it, or abort it."));
            }
            c.query_with(
                "INSERT INTO limosa.limosa_run (run, plan_hash) VALUES ($1, $2) \
                 ON CONFLICT (run) DO UPDATE SET plan_hash = excluded.plan_hash",
                &[Some(run), Some(plan_hash)],
            )?;
            Ok(())
        })
    }

    fn acquire(&mut self, run: &str, holder: &str, steal: bool) -> Result<()> {
        self.within("taking the lease", |c| {
            let found = c.query_with(
                "SELECT holder, renewed > clock_timestamp() - make_interval(secs => $2::float8) \
                 FROM limosa.limosa_run WHERE run = $1 FOR UPDATE",
                &[Some(run), Some(&LEASE_SECONDS.to_string())],
            )?;
            let Some(row) = found.rows.first() else {
                return Err(Error::new(
                    ErrorKind::Missing,
                    "taking the lease",
                    "the run is not in the ledger",
                )
                .on(run.to_string()));
            };
            let other = row.first().cloned().flatten().filter(|h| h != holder);
            let fresh = row.get(1).and_then(Option::as_deref) == Some("t");
            if let Some(other) = other
                && fresh
                && !steal
            {
                return Err(Error::new(ErrorKind::Held, "taking the lease", "another process has it")
                    .on(other)
                    .hint("Wait until it has ended, or take the lease over if you know that it is dead."));
            }
            // A backend is told by its number and its beginning: numbers come back. Roles that may not
            // signal it leave it to the epoch.
            c.query_with(
                "SELECT pg_terminate_backend(a.pid) FROM limosa.limosa_session s JOIN pg_stat_activity a \
                 ON a.pid = s.pid AND a.backend_start = s.started \
                 WHERE s.run = $1 AND a.pid <> pg_backend_pid() AND a.usesysid IS NOT NULL \
                 AND (a.usename = current_user OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) \
                   OR (pg_has_role(current_user, 'pg_signal_backend', 'MEMBER') AND NOT (SELECT rolsuper FROM pg_roles o WHERE o.oid = a.usesysid)))",
                &[Some(run)],
            )?;
            c.query_with("DELETE FROM limosa.limosa_session WHERE run = $1", &[Some(run)])?;
            // Waits for a commit that is under way: it is then done and stays done.
            c.query_with(
                "UPDATE limosa.limosa_chunk SET state = 'pending', epoch = epoch + 1 WHERE run = $1 AND state = 'claimed'",
                &[Some(run)],
            )?;
            c.query_with(
                "UPDATE limosa.limosa_run SET holder = $2, renewed = clock_timestamp() WHERE run = $1",
                &[Some(run), Some(holder)],
            )?;
            Ok(())
        })
    }

    fn renew(&mut self, run: &str, holder: &str) -> Result<()> {
        let answer = self.ready("renewing the lease")?.query_with(
            "UPDATE limosa.limosa_run SET renewed = clock_timestamp() WHERE run = $1 AND holder = $2",
            &[Some(run), Some(holder)],
        )?;
        if answer.count() == 1 {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Fenced,
            "renewing the lease",
            "somebody else has it",
        )
        .on(run.to_string()))
    }

    fn release(&mut self, run: &str, holder: &str) -> Result<()> {
        self.ready("giving the lease back")?
            .query_with(
                "UPDATE limosa.limosa_run SET holder = NULL, renewed = NULL WHERE run = $1 AND holder = $2",
                &[Some(run), Some(holder)],
            )
            .map(drop)
    }

    fn plan_table(
        &mut self,
        run: &str,
        table: &TableName,
        mark: &str,
        chunks: &[Chunk],
    ) -> Result<()> {
        let mut parts = Vec::new();
        // Some megabytes of bounds at once at most.
        for part in chunks.chunks(10_000) {
            let rows: Vec<(u32, String)> = part
                .iter()
                .map(|c| Ok((c.id, serde_json::to_string(&c.range).map_err(unsayable)?)))
                .collect::<Result<_>>()?;
            parts.push(serde_json::to_string(&rows).map_err(unsayable)?);
        }
        self.within("writing the chunks down", |c| {
            let above = c.query_with(
                "SELECT coalesce(max(epoch) + 1, 0) FROM limosa.limosa_chunk \
                 WHERE run = $1 AND table_schema = $2 AND table_name = $3",
                &[Some(run), Some(schema(table)), Some(&table.name)],
            )?;
            let above = above.one().map_or("0", |e| e);
            c.query_with(
                "DELETE FROM limosa.limosa_chunk WHERE run = $1 AND table_schema = $2 AND table_name = $3",
                &[Some(run), Some(schema(table)), Some(&table.name)],
            )?;
            for part in &parts {
                c.query_with(
                    "INSERT INTO limosa.limosa_chunk (run, table_schema, table_name, chunk, bounds, mark, state, epoch) \
                     SELECT $1, $2, $3, (e ->> 0)::bigint, e ->> 1, $4, 'pending', $6::bigint FROM json_array_elements($5::json) e",
                    &[Some(run), Some(schema(table)), Some(&table.name), Some(mark), Some(part), Some(above)],
                )?;
            }
            Ok(())
        })
        .map_err(|e| e.on(table.to_string()))
    }

    fn chunks(&mut self, run: &str) -> Result<Vec<LedgerChunk>> {
        let answer = self.ready("reading the ledger")?.query_with(
            "SELECT table_schema, table_name, chunk, bounds, mark, state, epoch, rows, bytes, filtered FROM limosa.limosa_chunk \
             WHERE run = $1 ORDER BY table_schema COLLATE \"C\", table_name COLLATE \"C\", chunk",
            &[Some(run)],
        )?;
        answer
            .rows
            .iter()
            .map(|row| {
                let text = |i: usize| row.get(i).and_then(Option::as_deref).unwrap_or_default();
                let broken = || {
                    Error::new(
                        ErrorKind::Protocol,
                        "reading the ledger",
                        "a row of limosa_chunk can not be understood",
                    )
                };
                let range: Range = serde_json::from_str(text(3)).map_err(|_| broken())?;
                Ok(LedgerChunk {
                    table: TableName {
                        schema: Some(text(0).to_string()).filter(|s| !s.is_empty()),
                        name: text(1).into(),
                    },
                    chunk: Chunk {
                        id: text(2).parse().map_err(|_| broken())?,
                        range,
                    },
                    mark: text(4).into(),
                    state: match text(5) {
                        "pending" => ChunkState::Pending,
                        "claimed" => ChunkState::Claimed,
                        "done" => ChunkState::Done,
                        _ => return Err(broken()),
                    },
                    epoch: text(6).parse().map_err(|_| broken())?,
                    loaded: Loaded {
                        rows: text(7).parse().map_err(|_| broken())?,
                        bytes: text(8).parse().map_err(|_| broken())?,
                        filtered: text(9).parse().map_err(|_| broken())?,
                    },
                })
            })
            .collect()
    }

    fn claim(&mut self, run: &str, table: &TableName, chunk: u32) -> Result<Option<Ticket>> {
        let number = chunk.to_string();
        let values = [
            Some(run),
            Some(schema(table)),
            Some(table.name.as_str()),
            Some(number.as_str()),
        ];
        let c = self.ready("claiming a chunk")?;
        let answer = c.query_with(
            "UPDATE limosa.limosa_chunk SET state = 'claimed', epoch = epoch + 1 \
             WHERE run = $1 AND table_schema = $2 AND table_name = $3 AND chunk = $4 AND state <> 'done' RETURNING epoch",
            &values,
        )?;
        if let Some(epoch) = answer.one() {
            let epoch = epoch.parse().map_err(|_| {
                Error::new(
                    ErrorKind::Protocol,
                    "claiming a chunk",
                    "the epoch is not a number",
                )
            })?;
            return Ok(Some(Ticket {
                run: run.into(),
                table: table.clone(),
                chunk,
                epoch,
            }));
        }
        let there = c.query_with(
            "SELECT 1 FROM limosa.limosa_chunk WHERE run = $1 AND table_schema = $2 AND table_name = $3 AND chunk = $4",
            &values,
        )?;
        if there.rows.is_empty() {
            return Err(Error::new(
                ErrorKind::Missing,
                "claiming a chunk",
                format!("chunk {chunk} is not in the ledger"),
            )
            .on(table.to_string()));
        }
        Ok(None)
    }

    fn done(&mut self, ticket: &Ticket) -> Result<bool> {
        // FOR UPDATE waits for the transaction whose answer was lost.
        let answer = self.within("asking the ledger", |c| {
            c.query_with(
                "SELECT state = 'done' FROM limosa.limosa_chunk \
                 WHERE run = $1 AND table_schema = $2 AND table_name = $3 AND chunk = $4 FOR UPDATE",
                &[
                    Some(&ticket.run),
                    Some(schema(&ticket.table)),
                    Some(&ticket.table.name),
                    Some(&ticket.chunk.to_string()),
                ],
            )
        })?;
        Ok(answer.one() == Some("t"))
    }

    fn uninstall(&mut self) -> Result<()> {
        self.within("taking the ledger away", |c| {
            c.query("DROP TABLE IF EXISTS limosa.limosa_chunk, limosa.limosa_session, limosa.limosa_run")?;
            let left = c.query(
                "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = 'limosa') \
                 AND NOT EXISTS (SELECT 1 FROM pg_depend d JOIN pg_namespace n ON n.oid = d.refobjid \
                 WHERE d.refclassid = 'pg_namespace'::regclass AND n.nspname = 'limosa')",
            )?;
            if left.one() == Some("t") {
                c.query("DROP SCHEMA limosa")?;
            }
            Ok(())
        })
    }
}

fn unsayable(e: serde_json::Error) -> Error {
    Error::new(
        ErrorKind::Internal,
        "writing the chunks down",
        e.to_string(),
    )
}
