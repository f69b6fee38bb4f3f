//! Loads chunks: `LOAD DATA LOCAL`, or INSERT of many rows where the server does not allow it.
//!
//! # Why no row is lost, doubled or changed
//!
//! A chunk is one transaction: its rows, then the ledger's row set to `done` on condition of the
//! epoch, then COMMIT. If the condition finds no row, somebody else claimed the chunk: everything is
//! taken back. `LOAD DATA LOCAL` turns errors into warnings and skips rows with a taken key in
//! silence; so after each load the number of rows that went in must be the number that was sent, and
//! there must be no warning, or the transaction is taken back with the server's words. The fallback
//! is strict by itself, and its rows are counted too. An answer that is lost after COMMIT was sent
//! is `CommitUnknown`: the ledger knows. A connection that is dropped in between is rolled back by
//! the server.
//!
//! A part of [`Loader::write_apart`] is a load of its own within a savepoint: refused, it is rolled back to the
//! savepoint.
//!
//! Foreign keys are not checked while loading (they are added, and checked, after the load), unless the rows
//! come late. Triggers fire either way: the server knows no other.
//! `unique_checks` stays on: off, together with the other, MariaDB takes a slower path into empty tables.

use crate::connect::Target;
use crate::connection::fault;
use crate::connection::{Connection, Version};
use crate::ledger::{CHUNK, key_of};
use crate::words::{literal, quote};
use limosa_core::engine::{Ack, LoadSpec, Loaded, Loader, Ticket};
use limosa_core::error::{Error, ErrorKind, Result};
use std::collections::HashMap;
use std::sync::Arc;

const DOING: &str = "loading rows";

/// Warnings that say nothing about values: words that will go away in a later version.
const HARMLESS: &[u16] = &[1287, 1681, 3719, 3778];

/// How one column's bytes are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Intake {
    /// As they are.
    Raw,
    /// They are UTF-8 and the column wants to know: another character set, JSON, UUID, addresses.
    Text,
}

/// What is known of the table that is being loaded.
struct Prepared {
    spec: LoadSpec,
    load: String,
    insert: String,
    intakes: Vec<Intake>,
}

/// Loads on a connection of its own.
pub(crate) struct ChunkLoader {
    connection: Connection,
    target: Arc<Target>,
    infile: bool,
    packet: usize,
    prepared: Option<Prepared>,
    ticket: Option<Ticket>,
    started: bool,
    affected: u64,
    /// Rows that went in apart, once any did.
    apart: Option<u64>,
    /// Whether foreign keys are checked: the rows come after them.
    late: bool,
    /// The unfinished row of the fallback.
    pending: Vec<u8>,
    statement: Vec<u8>,
}

fn open_connection(target: &Arc<Target>, late: bool) -> Result<Connection> {
    let mut connection = Connection::open(target)?;
    if !late {
        connection.run(DOING, "SET SESSION foreign_key_checks = 0")?;
    }
    Ok(connection)
}

impl ChunkLoader {
    pub(crate) fn open(target: &Arc<Target>, infile: bool, late: bool) -> Result<Self> {
        let mut connection = open_connection(target, late)?;
        let packet = connection
            .value(DOING, "SELECT @@max_allowed_packet")?
            .and_then(|t| t.parse::<usize>().ok())
            .unwrap_or(1 << 22);
        Ok(Self {
            connection,
            target: Arc::clone(target),
            infile,
            packet,
            prepared: None,
            ticket: None,
            started: false,
            affected: 0,
            apart: None,
            late,
            pending: Vec::new(),
            statement: Vec::new(),
        })
    }

    fn prepare(&mut self, spec: &LoadSpec) -> Result<()> {
        if self.prepared.as_ref().is_some_and(|p| p.spec == *spec) {
            return Ok(());
        }
        let rows = self.connection.rows(
            DOING,
            &format!(
                "SELECT column_name, data_type, character_set_name, extra FROM information_schema.columns \
                 WHERE table_schema = DATABASE() AND table_name = {}",
                literal(&spec.table.name)
            ),
        )?;
        let mut known: HashMap<String, Intake> = HashMap::new();
        let mut counter = None;
        for row in rows {
            let get = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
            if get(3).to_lowercase().contains("auto_increment") {
                counter = Some(get(0).to_lowercase());
            }
            known.insert(
                get(0).to_lowercase(),
                intake(&get(1), &get(2), &self.connection.version),
            );
        }
        let mut intakes = Vec::with_capacity(spec.columns.len());
        for column in &spec.columns {
            let Some(intake) = known.get(&column.name.to_lowercase()) else {
                return Err(Error::new(
                    ErrorKind::Missing,
                    DOING,
                    format!("the table or its column {} is not there", column.name),
                )
                .on(spec.table.to_string()));
            };
            intakes.push(*intake);
        }
        let table = quote(&spec.table.name);
        let names: Vec<String> = spec.columns.iter().map(|c| quote(&c.name)).collect();
        let mut fields = Vec::new();
        let mut sets = Vec::new();
        for (at, (name, intake)) in names.iter().zip(&intakes).enumerate() {
            match intake {
                Intake::Raw => fields.push(name.clone()),
                Intake::Text => {
                    fields.push(format!("@limosa{at}"));
                    sets.push(format!("{name} = CONVERT(@limosa{at} USING utf8mb4)"));
                }
            }
        }
        let mut load = format!(
            "LOAD DATA LOCAL INFILE 'limosa' INTO TABLE {table} CHARACTER SET binary \
             FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' ({})",
            fields.join(", ")
        );
        if !sets.is_empty() {
            // A SET makes the server forget that the counter's value was given, and a 0 would count on.
            let given = spec
                .columns
                .iter()
                .zip(&names)
                .zip(&intakes)
                .find(|((c, _), intake)| {
                    Some(c.name.to_lowercase()) == counter && **intake == Intake::Raw
                });
            if let Some(((_, name), _)) = given {
                sets.push(format!("{name} = {name}"));
            }
            load.push_str(" SET ");
            load.push_str(&sets.join(", "));
        }
        self.prepared = Some(Prepared {
            spec: spec.clone(),
            load,
            insert: format!("INSERT INTO {table} ({}) VALUES ", names.join(", ")),
            intakes,
        });
        Ok(())
    }

    fn unbegun() -> Error {
        Error::new(ErrorKind::Internal, DOING, "no chunk was begun")
    }

    fn table(&self) -> String {
        self.prepared
            .as_ref()
            .map_or(String::new(), |p| p.spec.table.to_string())
    }

    /// Sends the rows that are ready in the fallback's buffer; `all` sends what is left, too.
    fn insert(&mut self, bytes: &[u8], all: bool) -> Result<()> {
        let prepared = self.prepared.as_ref().ok_or_else(Self::unbegun)?;
        self.pending.extend_from_slice(bytes);
        // Well below max_allowed_packet, and small enough to be parsed in the cache.
        let most = (self.packet / 2).clamp(16 << 10, 1 << 20);
        let mut at = 0;
        while let Some(end) = row_end(&self.pending, at) {
            if self.statement.is_empty() {
                self.statement.extend_from_slice(prepared.insert.as_bytes());
            } else {
                self.statement.push(b',');
            }
            values(
                &mut self.statement,
                &self.pending[at..end],
                &prepared.intakes,
            );
            at = end + 1;
            if self.statement.len() >= most {
                self.affected += flush(&mut self.connection, &mut self.statement)?;
            }
        }
        self.pending.drain(..at);
        if all && !self.statement.is_empty() {
            self.affected += flush(&mut self.connection, &mut self.statement)?;
        }
        Ok(())
    }

    /// The server's warnings as an error, the values taken out.
    fn refused(&mut self, sent: u64, taken: u64, warnings: u16) -> Result<()> {
        let mut words = Vec::new();
        let mut first = 0;
        if warnings > 0 {
            for row in self.connection.rows(DOING, "SHOW WARNINGS LIMIT 50")? {
                let get = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
                let code: u16 = get(1).parse().unwrap_or(0);
                if HARMLESS.contains(&code) {
                    continue;
                }
                if words.is_empty() {
                    first = code;
                }
                words.push(fault::words(code, &get(2)));
            }
        }
        if sent == taken && words.is_empty() {
            return Ok(());
        }
        words.truncate(3);
        let kind = match fault::kind(first) {
            kind @ (ErrorKind::Constraint | ErrorKind::Value | ErrorKind::Resource) => kind,
            _ if sent != taken => ErrorKind::Constraint,
            _ => ErrorKind::Value,
        };
        let why = match (sent == taken, words.is_empty()) {
            (true, _) => words.join("; "),
            (false, true) => format!("{sent} rows were sent and {taken} went in"),
            (false, false) => {
                format!(
                    "{sent} rows were sent and {taken} went in: {}",
                    words.join("; ")
                )
            }
        };
        let mut error = Error::new(kind, DOING, why).on(self.table());
        if first != 0 {
            error = error.code(first.to_string());
        }
        Err(error)
    }

    fn end_load(&mut self, rows: u64) -> Result<()> {
        let mut warnings = 0;
        if self.infile {
            if self.started {
                let done = self.connection.finish_infile(DOING)?;
                self.affected = done.affected;
                warnings = done.warnings;
            }
        } else {
            self.insert(&[], true)?;
            if !self.pending.is_empty() {
                return Err(Error::new(
                    ErrorKind::Internal,
                    DOING,
                    "half a row was sent",
                ));
            }
        }
        self.started = false;
        self.refused(rows, self.affected, warnings)
    }

    fn part(&mut self, rows: u64, bytes: &[u8]) -> Result<()> {
        self.connection.run(DOING, "SAVEPOINT limosa_part")?;
        self.affected = 0;
        let loaded = self.write(bytes).and_then(|()| self.end_load(rows));
        if let Err(error) = loaded {
            if error.refuses_rows() && !self.connection.is_broken() {
                self.started = false;
                self.pending.clear();
                self.statement.clear();
                self.connection
                    .run(DOING, "ROLLBACK TO SAVEPOINT limosa_part")?;
            }
            return Err(error);
        }
        self.connection
            .run(DOING, "RELEASE SAVEPOINT limosa_part")?;
        self.apart = Some(self.apart.unwrap_or(0) + rows);
        Ok(())
    }

    fn mark(&mut self, ticket: &Ticket, loaded: Loaded) -> Result<()> {
        let done = self.connection.run(
            DOING,
            &format!(
                "UPDATE {CHUNK} SET state = 'done', row_count = {}, byte_count = {}, filtered_count = {}, \
                 connection_id = NULL WHERE {} AND epoch = {} AND state = 'claimed'",
                loaded.rows,
                loaded.bytes,
                loaded.filtered,
                key_of(&ticket.run, &ticket.table, ticket.chunk),
                ticket.epoch
            ),
        )?;
        if done.affected == 1 {
            return Ok(());
        }
        Err(fenced())
    }

    fn try_commit(&mut self, loaded: Loaded) -> Result<()> {
        let ticket = self.ticket.clone().ok_or_else(Self::unbegun)?;
        match self.apart {
            Some(taken) if taken == loaded.rows => {}
            Some(_) => return Err(Self::unbegun()),
            None => self.end_load(loaded.rows)?,
        }
        self.mark(&ticket, loaded)
    }
}

fn fenced() -> Error {
    Error::new(
        ErrorKind::Fenced,
        DOING,
        "somebody else has claimed the chunk since",
    )
}

fn flush(connection: &mut Connection, statement: &mut Vec<u8>) -> Result<u64> {
    let sent = connection.send(3, statement);
    statement.clear();
    sent?;
    match connection.answer(DOING)? {
        crate::connection::Answer::Done(done) => Ok(done.affected),
        _ => Err(crate::wire::malformed("answer to an INSERT")),
    }
}

fn intake(data_type: &str, charset: &str, version: &Version) -> Intake {
    match data_type.to_ascii_lowercase().as_str() {
        "json" if !version.maria => Intake::Text,
        "uuid" | "inet4" | "inet6" => Intake::Text,
        _ if charset.is_empty() => Intake::Raw,
        _ => match charset.to_ascii_lowercase().as_str() {
            "utf8mb4" | "utf8mb3" | "utf8" | "binary" => Intake::Raw,
            _ => Intake::Text,
        },
    }
}

/// The place of the newline that ends the row beginning at `from`.
fn row_end(bytes: &[u8], from: usize) -> Option<usize> {
    // A newline within a value is escaped as the letter n, so every newline ends a row.
    memchr::memchr(b'\n', bytes.get(from..)?).map(|n| from + n)
}

/// One encoded row as a bracket of literals: the escapes of `LOAD DATA` are those of SQL.
fn values(out: &mut Vec<u8>, row: &[u8], intakes: &[Intake]) {
    out.push(b'(');
    for (at, (field, intake)) in row.split(|b| *b == b'\t').zip(intakes).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        if field == b"\\N" {
            out.extend_from_slice(b"NULL");
            continue;
        }
        out.extend_from_slice(match intake {
            Intake::Raw => b"_binary'",
            Intake::Text => b"'",
        });
        let mut rest = field;
        while let Some(quote) = memchr::memchr(b'\'', rest) {
            out.extend_from_slice(&rest[..quote]);
            out.extend_from_slice(b"\\'");
            rest = &rest[quote + 1..];
        }
        out.extend_from_slice(rest);
        out.push(b'\'');
    }
    out.push(b')');
}

impl Loader for ChunkLoader {
    fn begin(&mut self, spec: &LoadSpec, ticket: &Ticket) -> Result<()> {
        if spec.wire.is_some() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                DOING,
                "this engine takes no wire format",
            ));
        }
        if self.ticket.is_some() || self.connection.is_broken() {
            self.rollback()?;
        }
        self.prepare(spec)?;
        // Written at once, so that a later owner knows whom to end.
        let claimed = self.connection.run(
            DOING,
            &format!(
                "UPDATE {CHUNK} SET connection_id = CONNECTION_ID() WHERE {} AND epoch = {} \
                 AND state = 'claimed'",
                key_of(&ticket.run, &ticket.table, ticket.chunk),
                ticket.epoch
            ),
        )?;
        if claimed.affected != 1 {
            return Err(fenced());
        }
        self.connection.run(DOING, "START TRANSACTION")?;
        self.ticket = Some(ticket.clone());
        self.started = false;
        self.affected = 0;
        self.apart = None;
        self.pending.clear();
        self.statement.clear();
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.ticket.is_none() {
            return Err(Self::unbegun());
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let written = if self.infile {
            let prepared = self.prepared.as_ref().ok_or_else(Self::unbegun)?;
            let begun = if self.started {
                Ok(())
            } else {
                self.connection.begin_infile(DOING, &prepared.load)
            };
            begun.and_then(|()| {
                self.started = true;
                self.connection.send_infile(bytes)
            })
        } else {
            self.insert(bytes, false)
        };
        written.map_err(|e| e.on(self.table()))
    }

    fn write_apart(&mut self, rows: u64, bytes: &[u8]) -> Result<()> {
        if self.ticket.is_none() || self.started {
            return Err(Self::unbegun());
        }
        self.apart.get_or_insert(0);
        self.part(rows, bytes).map_err(|e| e.on(self.table()))
    }

    fn commit(&mut self, loaded: Loaded) -> Result<Ack> {
        if let Err(error) = self.try_commit(loaded) {
            // What began is taken back; that this can fail changes nothing: unended it is not durable.
            let _ = self.rollback();
            return Err(error.on(self.table()));
        }
        let committed = self.connection.run(DOING, "COMMIT");
        self.ticket = None;
        match committed {
            Ok(_) => Ok(Ack::Durable),
            Err(e) if self.connection.is_broken() || e.kind() == ErrorKind::Busy => {
                Err(Error::new(
                    ErrorKind::CommitUnknown,
                    "committing a chunk",
                    "the answer was lost",
                )
                .on(self.table())
                .because(e))
            }
            Err(e) => {
                let _ = self.rollback();
                Err(e.on(self.table()))
            }
        }
    }

    fn rollback(&mut self) -> Result<()> {
        self.ticket = None;
        self.apart = None;
        self.pending.clear();
        self.statement.clear();
        let half_sent = self.started;
        self.started = false;
        if self.connection.is_broken() || half_sent {
            // In the middle of a load the only way back is to end the session: ending the load would take the
            // rows in first. The server rolls back what a vanished session had.
            let fresh = open_connection(&self.target, self.late)?;
            let id = self.connection.id;
            self.connection = fresh;
            let _ = self.connection.run(DOING, &format!("KILL CONNECTION {id}"));
            return Ok(());
        }
        self.connection.run(DOING, "ROLLBACK").map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_rows_become_literals() {
        let mut out = Vec::new();
        values(
            &mut out,
            b"1\t\\N\ta'b\\t\\\\\tx",
            &[Intake::Raw, Intake::Raw, Intake::Raw, Intake::Text],
        );
        assert_eq!(
            String::from_utf8_lossy(&out),
            "(_binary'1',NULL,_binary'a\\'b\\t\\\\','x')"
        );
        assert_eq!(row_end(b"ab\\nc\nd", 0), Some(5));
    }
}
