//! The record, in the target, of which chunks are there: tables `limosa_run` and `limosa_chunk`.
//!
//! # Why it can be trusted
//!
//! Both are InnoDB tables of the target database, so a chunk's `done` commits together with its rows.
//! Every claim raises the chunk's epoch in one statement, and whoever takes the run's lease raises the
//! epoch of all chunks that were claimed: the old owner's commits then find no row to mark. All times
//! are the database's own.

use crate::connect::Target;
use crate::connection::Connection;
use crate::words::hex;
use limosa_core::chunk::{Chunk, Range};
use limosa_core::engine::{ChunkState, Ledger, LedgerChunk, Loaded, Ticket};
use limosa_core::error::{Error, ErrorKind, Result};
use limosa_core::schema::TableName;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The table of chunks.
pub(crate) const CHUNK: &str = "`limosa_chunk`";
const RUN: &str = "`limosa_run`";
/// A lease that was renewed within this many seconds is respected.
const LEASE_SECONDS: u32 = 15;
const DOING: &str = "keeping the ledger";

/// The ledger on a connection of its own.
pub(crate) struct MySqlLedger {
    connection: Connection,
    target: Arc<Target>,
}

/// Text as a literal of bytes, compared byte by byte.
fn bytes(text: &str) -> String {
    if text.is_empty() {
        "''".into()
    } else {
        hex(text.as_bytes())
    }
}

fn table_key(table: &TableName) -> String {
    match &table.schema {
        None => table.name.clone(),
        // A slash can stand in a name, so the parts are told apart by a character that can not.
        Some(schema) => format!("{schema}\0{}", table.name),
    }
}

fn table_of(key: &str) -> TableName {
    match key.split_once('\0') {
        Some((schema, name)) => TableName::within(schema, name),
        None => TableName::bare(key),
    }
}

/// The condition that finds one chunk.
pub(crate) fn key_of(run: &str, table: &TableName, chunk: u32) -> String {
    format!(
        "run_id = {} AND table_name = {} AND chunk = {chunk}",
        bytes(run),
        bytes(&table_key(table))
    )
}

impl MySqlLedger {
    pub(crate) fn open(target: &Arc<Target>) -> Result<Self> {
        Ok(Self {
            connection: Connection::open(target)?,
            target: Arc::clone(target),
        })
    }

    /// The connection, anew if it broke: every statement here stands alone or in a transaction that is then gone.
    fn connection(&mut self) -> Result<&mut Connection> {
        if self.connection.is_broken() {
            self.connection = Connection::open(&self.target)?;
        }
        Ok(&mut self.connection)
    }

    fn run(&mut self, sql: &str) -> Result<u64> {
        Ok(self.connection()?.run(DOING, sql)?.affected)
    }

    fn rows(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>> {
        self.connection()?.rows(DOING, sql)
    }

    /// Ends the sessions that still write chunks of the run, and waits until they are gone.
    fn end_sessions(&mut self, run: &str) -> Result<()> {
        let find = format!(
            "SELECT p.id FROM information_schema.processlist p JOIN {CHUNK} c \
             ON c.connection_id = p.id WHERE c.run_id = {} AND c.state = 'claimed' \
             AND p.db = DATABASE() AND p.id <> CONNECTION_ID() \
             AND p.user = SUBSTRING_INDEX(USER(), '@', 1)",
            bytes(run)
        );
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let found = self.rows(&find)?;
            if found.is_empty() || Instant::now() > deadline {
                // A session that is still there is fenced by its epoch all the same.
                return Ok(());
            }
            for id in found.iter().filter_map(|r| r.first()?.as_ref()) {
                // It may have ended by itself in between.
                let _ = self.run(&format!(
                    "KILL CONNECTION {}",
                    id.parse::<u64>().unwrap_or(0)
                ));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Ledger for MySqlLedger {
    fn install(&mut self, run: &str, plan_hash: &str) -> Result<()> {
        if run.len() > 190 {
            return Err(Error::new(
                ErrorKind::Configuration,
                DOING,
                "the run's name is longer than 190 bytes",
            ));
        }
        self.run(&format!(
            "CREATE TABLE IF NOT EXISTS {RUN} (run_id varbinary(190) NOT NULL PRIMARY KEY, \
             plan_hash varbinary(190) NOT NULL, holder longblob NULL, renewed_at datetime(6) NULL, \
             created_at datetime(6) NOT NULL) ENGINE=InnoDB COMMENT 'Limosa: runs'"
        ))?;
        self.run(&format!(
            "CREATE TABLE IF NOT EXISTS {CHUNK} (run_id varbinary(190) NOT NULL, \
             table_name varbinary(520) NOT NULL, chunk int unsigned NOT NULL, bounds longblob NOT NULL, \
             mark longblob NOT NULL, state enum('pending','claimed','done') CHARACTER SET ascii NOT NULL, \
             epoch bigint NOT NULL, row_count bigint unsigned NOT NULL, byte_count bigint unsigned NOT NULL, \
             filtered_count bigint unsigned NOT NULL, \
             connection_id bigint unsigned NULL, PRIMARY KEY (run_id, table_name, chunk)) \
             ENGINE=InnoDB COMMENT 'Limosa: chunks'"
        ))?;
        let conflict = |why: &str| {
            Err(Error::new(ErrorKind::Conflict, DOING, why)
                .hint("finish or abort the other run first"))
        };
        let others = self.rows(&format!(
            "SELECT CONVERT(r.run_id USING utf8mb4) FROM {RUN} r WHERE r.run_id <> {} AND EXISTS \
             (SELECT 1 FROM {CHUNK} c WHERE c.run_id = r.run_id AND c.state <> 'done') LIMIT 1",
            bytes(run)
        ))?;
        if let Some(other) = others
            .into_iter()
            .next()
            .and_then(|r| r.into_iter().next()?)
        {
            return conflict(&format!("run {other} has unfinished work in this target"));
        }
        self.run(&format!(
            "INSERT IGNORE INTO {RUN} (run_id, plan_hash, created_at) VALUES ({}, {}, UTC_TIMESTAMP(6))",
            bytes(run),
            bytes(plan_hash)
        ))?;
        let same = self.rows(&format!(
            "SELECT plan_hash = {}, EXISTS (SELECT 1 FROM {CHUNK} c WHERE c.run_id = {} \
             AND c.state <> 'done') FROM {RUN} WHERE run_id = {}",
            bytes(plan_hash),
            bytes(run),
            bytes(run)
        ))?;
        match same.first().map(Vec::as_slice) {
            Some([Some(same), _]) if same == "1" => Ok(()),
            Some([_, Some(unfinished)]) if unfinished == "1" => {
                conflict("this run has unfinished work of another plan in this target")
            }
            Some(_) => {
                self.run(&format!(
                    "UPDATE {RUN} SET plan_hash = {} WHERE run_id = {}",
                    bytes(plan_hash),
                    bytes(run)
                ))?;
                Ok(())
            }
            None => conflict("the run vanished while it was registered"),
        }
    }

    fn acquire(&mut self, run: &str, holder: &str, steal: bool) -> Result<()> {
        let free = if steal {
            "1 = 1".to_owned()
        } else {
            format!(
                "(holder IS NULL OR holder = {} OR renewed_at IS NULL \
                 OR renewed_at < UTC_TIMESTAMP(6) - INTERVAL {LEASE_SECONDS} SECOND)",
                bytes(holder)
            )
        };
        let taken = self.run(&format!(
            "UPDATE {RUN} SET holder = {}, renewed_at = UTC_TIMESTAMP(6) WHERE run_id = {} AND {free}",
            bytes(holder),
            bytes(run)
        ))?;
        if taken == 0 {
            let who = self
                .rows(&format!(
                    "SELECT CONVERT(holder USING utf8mb4) FROM {RUN} WHERE run_id = {}",
                    bytes(run)
                ))?
                .into_iter()
                .next()
                .and_then(|r| r.into_iter().next()?);
            return Err(match who {
                Some(who) => Error::new(ErrorKind::Held, DOING, "another process has it").on(who),
                None => Error::new(ErrorKind::Missing, DOING, "the run is not registered"),
            });
        }
        // The sessions first, because a live one may hold the locks of its chunk; then the epochs, so that
        // nothing that is still on its way can be marked; then whoever came in between.
        let fence = format!(
            "UPDATE {CHUNK} SET epoch = epoch + 1 WHERE run_id = {} AND state = 'claimed'",
            bytes(run)
        );
        self.end_sessions(run)?;
        self.run(&fence)?;
        self.end_sessions(run)?;
        self.run(&format!(
            "UPDATE {CHUNK} SET state = 'pending', connection_id = NULL \
             WHERE run_id = {} AND state = 'claimed'",
            bytes(run)
        ))?;
        Ok(())
    }

    fn renew(&mut self, run: &str, holder: &str) -> Result<()> {
        let renewed = self.run(&format!(
            "UPDATE {RUN} SET renewed_at = UTC_TIMESTAMP(6) WHERE run_id = {} AND holder = {}",
            bytes(run),
            bytes(holder)
        ))?;
        if renewed == 1 {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Fenced,
            DOING,
            "somebody else has taken the run",
        ))
    }

    fn release(&mut self, run: &str, holder: &str) -> Result<()> {
        self.run(&format!(
            "UPDATE {RUN} SET holder = NULL, renewed_at = NULL WHERE run_id = {} AND holder = {}",
            bytes(run),
            bytes(holder)
        ))?;
        Ok(())
    }

    fn plan_table(
        &mut self,
        run: &str,
        table: &TableName,
        mark: &str,
        chunks: &[Chunk],
    ) -> Result<()> {
        let (run, name) = (bytes(run), bytes(&table_key(table)));
        // Only the holder of the lease plans, so nothing comes in between.
        let above = self
            .rows(&format!(
                "SELECT COALESCE(MAX(epoch) + 1, 0) FROM {CHUNK} \
                 WHERE run_id = {run} AND table_name = {name}"
            ))?
            .into_iter()
            .next()
            .and_then(|r| r.into_iter().next().flatten())
            .unwrap_or_else(|| "0".into());
        let mut statements = vec![
            "START TRANSACTION".to_owned(),
            format!("DELETE FROM {CHUNK} WHERE run_id = {run} AND table_name = {name}"),
        ];
        for some in chunks.chunks(500) {
            let mut rows = Vec::with_capacity(some.len());
            for chunk in some {
                let bounds = serde_json::to_vec(&chunk.range).map_err(|e| {
                    Error::new(ErrorKind::Internal, DOING, "a chunk has no text form").because(e)
                })?;
                rows.push(format!(
                    "({run}, {name}, {}, {}, {}, 'pending', {above}, 0, 0, 0)",
                    chunk.id,
                    hex(&bounds),
                    bytes(mark)
                ));
            }
            statements.push(format!(
                "INSERT INTO {CHUNK} (run_id, table_name, chunk, bounds, mark, state, epoch, \
                 row_count, byte_count, filtered_count) VALUES {}",
                rows.join(", ")
            ));
        }
        statements.push("COMMIT".into());
        for sql in statements {
            if let Err(error) = self.run(&sql) {
                let _ = self.run("ROLLBACK");
                return Err(error);
            }
        }
        Ok(())
    }

    fn chunks(&mut self, run: &str) -> Result<Vec<LedgerChunk>> {
        let rows = self.rows(&format!(
            "SELECT CONVERT(table_name USING utf8mb4), chunk, CONVERT(bounds USING utf8mb4), \
             CONVERT(mark USING utf8mb4), state, epoch, row_count, byte_count, filtered_count FROM {CHUNK} \
             WHERE run_id = {} ORDER BY table_name, chunk",
            bytes(run)
        ))?;
        let broken = |what: &str| Error::new(ErrorKind::Server, DOING, format!("a broken {what}"));
        let mut out = Vec::with_capacity(rows.len());
        for row in rows {
            let get = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
            let range: Range =
                serde_json::from_str(&get(2)).map_err(|e| broken("range").because(e))?;
            out.push(LedgerChunk {
                table: table_of(&get(0)),
                chunk: Chunk {
                    id: get(1).parse().map_err(|_| broken("number"))?,
                    range,
                },
                mark: get(3),
                state: match get(4).as_str() {
                    "pending" => ChunkState::Pending,
                    "claimed" => ChunkState::Claimed,
                    "done" => ChunkState::Done,
                    _ => return Err(broken("state")),
                },
                epoch: get(5).parse().map_err(|_| broken("epoch"))?,
                loaded: Loaded {
                    rows: get(6).parse().map_err(|_| broken("count"))?,
                    bytes: get(7).parse().map_err(|_| broken("count"))?,
                    filtered: get(8).parse().map_err(|_| broken("count"))?,
                },
            });
        }
        Ok(out)
    }

    fn claim(&mut self, run: &str, table: &TableName, chunk: u32) -> Result<Option<Ticket>> {
        // LAST_INSERT_ID carries the new epoch out of the one statement that made it.
        let key = key_of(run, table, chunk);
        let claimed = self.run(&format!(
            "UPDATE {CHUNK} SET epoch = LAST_INSERT_ID(epoch + 1), state = 'claimed', \
             connection_id = NULL WHERE {key} AND state <> 'done'"
        ))?;
        if claimed == 0 {
            let there = self.rows(&format!("SELECT 1 FROM {CHUNK} WHERE {key}"))?;
            if there.is_empty() {
                return Err(Error::new(
                    ErrorKind::Missing,
                    DOING,
                    "the chunk is not in the ledger",
                )
                .on(table.to_string()));
            }
            return Ok(None);
        }
        let epoch = self
            .rows("SELECT LAST_INSERT_ID()")?
            .into_iter()
            .next()
            .and_then(|r| r.into_iter().next()?)
            .and_then(|t| t.parse().ok())
            .ok_or_else(|| Error::new(ErrorKind::Server, DOING, "a broken epoch"))?;
        Ok(Some(Ticket {
            run: run.into(),
            table: table.clone(),
            chunk,
            epoch,
        }))
    }

    fn done(&mut self, ticket: &Ticket) -> Result<bool> {
        let rows = self.rows(&format!(
            "SELECT state = 'done' FROM {CHUNK} WHERE {}",
            key_of(&ticket.run, &ticket.table, ticket.chunk)
        ))?;
        Ok(rows.first().and_then(|r| r.first()?.as_deref()) == Some("1"))
    }

    fn uninstall(&mut self) -> Result<()> {
        self.run(&format!("DROP TABLE IF EXISTS {CHUNK}, {RUN}"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again() {
        for name in [TableName::bare("a.b"), TableName::within("s", "t")] {
            assert_eq!(table_of(&table_key(&name)), name);
        }
        assert_eq!(
            key_of("r'", &TableName::bare("t"), 3),
            "run_id = x'7227' AND table_name = x'74' AND chunk = 3"
        );
    }
}
