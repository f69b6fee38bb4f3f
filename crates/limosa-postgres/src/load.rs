//! Loading a chunk: its rows and its mark in the ledger, in one transaction.
//!
//! Why no row is lost or doubled: the COPY and the update of the chunk's row in `limosa_chunk` commit
//! together. The update names the epoch of the claim and must hit exactly one row; if somebody claimed
//! the chunk since, it hits none and everything is rolled back. The server's count of the rows that it
//! took must be the caller's. Once COMMIT was sent and no answer came, nobody here knows: the error is
//! ambiguous and the ledger is asked ([`crate::ledger`] waits there for a transaction that still runs).
//!
//! A part of [`Loader::write_apart`] is a COPY of its own within a savepoint: refused, it is rolled back to
//! the savepoint and none of its rows is in. Deferred constraints are made immediate first, so that the
//! commit has nothing left to refuse.

use crate::connect::Settings;
use crate::connection::Connection;
use crate::encode::plan;
use crate::names;
use crate::wire;
use limosa_core::engine::{Ack, LoadSpec, Loaded, Loader, Ticket};
use limosa_core::schema::TableName;
use limosa_core::{Error, ErrorKind, Result};
use std::sync::Arc;

/// What the bytes of [`Loader::write`] are. The CopyData messages are ours to make, so nothing in the
/// bytes can pass for another message; large ones, since the server pays for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Rows of the binary format; header and trailer are ours to make.
    Rows,
    /// The whole of either format, as a source gave it, or lines of the text format.
    Whole,
}

/// See [`Loader`].
pub(crate) struct PostgresLoader {
    settings: Arc<Settings>,
    connection: Connection,
    registered: Option<String>,
    ticket: Option<Ticket>,
    form: Form,
    /// The COPY statement of the table.
    copy: String,
    copying: bool,
    /// Rows that went in apart, once any did.
    apart: Option<u64>,
    /// Whether foreign keys are checked: the rows come after them.
    late: bool,
    /// Triggers of the application that are asleep in this transaction.
    asleep: Vec<String>,
}

impl PostgresLoader {
    pub(crate) fn open(settings: &Arc<Settings>, late: bool) -> Result<Self> {
        Ok(Self {
            settings: Arc::clone(settings),
            connection: connect(settings, late)?,
            registered: None,
            ticket: None,
            form: Form::Rows,
            copy: String::new(),
            copying: false,
            apart: None,
            late,
            asleep: Vec::new(),
        })
    }

    /// Writes down which backend loads for the run, so that who takes the run over can end it.
    fn register(&mut self, run: &str) -> Result<()> {
        if self.registered.as_deref() == Some(run) {
            return Ok(());
        }
        self.connection.query_with(
            "INSERT INTO limosa.limosa_session (run, pid, started) \
             SELECT $1, a.pid, a.backend_start FROM pg_stat_activity a WHERE a.pid = pg_backend_pid() \
             ON CONFLICT (run, pid) DO UPDATE SET started = excluded.started",
            &[Some(run)],
        )?;
        self.registered = Some(run.into());
        Ok(())
    }

    fn abort(&mut self) {
        if self.copying && !self.connection.broken() {
            // An error here breaks the connection, which does the same.
            let _ = self.connection.copy_fail();
        }
        self.copying = false;
        self.apart = None;
        self.asleep.clear();
        self.ticket = None;
        if !self.connection.broken()
            && self.connection.in_transaction()
            && self.connection.query("ROLLBACK").is_err()
        {
            self.connection.abandon();
        }
    }
}

fn connect(settings: &Arc<Settings>, late: bool) -> Result<Connection> {
    let mut c = Connection::open(settings)?;
    c.doing = "preparing to load";
    // Triggers and foreign keys are for the application's writes. Who may not say so loads with them.
    if !late {
        match c.query("SET session_replication_role = replica") {
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::Privilege => {}
            Err(e) => return Err(e),
        }
    }
    // `Durable` is only true if the commit waits for the disk.
    c.query(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
    )?;
    Ok(c)
}

impl Loader for PostgresLoader {
    fn begin(&mut self, spec: &LoadSpec, ticket: &Ticket) -> Result<()> {
        if self.ticket.is_some() {
            self.abort();
        }
        if self.connection.broken() {
            self.connection = connect(&self.settings, self.late)?;
            self.registered = None;
        }
        self.connection.doing = "loading rows";
        let begun = self.register(&ticket.run).and_then(|()| {
            self.connection.query("BEGIN")?;
            self.form = match spec.wire.as_deref() {
                Some(wire::BINARY | wire::TEXT) => Form::Whole,
                Some(other) => {
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        "loading rows",
                        format!("the wire format {other} is not known"),
                    ));
                }
                None if plan::binary(spec) => Form::Rows,
                None => Form::Whole,
            };
            let binary = match spec.wire.as_deref() {
                Some(format) => format == wire::BINARY,
                None => self.form == Form::Rows,
            };
            self.copy = format!(
                "COPY {} ({}) FROM STDIN (FORMAT {})",
                names::table(&spec.table),
                names::list(spec.columns.iter().map(|c| &c.name)),
                if binary { "binary" } else { "text" }
            );
            if self.late {
                self.sleep(spec)?;
            }
            Ok(())
        });
        self.ticket = Some(ticket.clone());
        begun.map_err(|e| {
            self.abort();
            e.on(spec.table.to_string())
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let table = match &self.ticket {
            Some(ticket) if self.apart.is_none() => ticket.table.to_string(),
            _ => return Err(unbegun()),
        };
        self.begin_copy()
            .and_then(|()| {
                self.connection
                    .copy_write(bytes)
                    .inspect_err(|_| self.copying = false)
            })
            .map_err(|e| e.on(table))
    }

    fn write_apart(&mut self, rows: u64, bytes: &[u8]) -> Result<()> {
        let table = match &self.ticket {
            Some(ticket) if !self.copying => ticket.table.to_string(),
            _ => return Err(unbegun()),
        };
        self.part(rows, bytes).map_err(|e| e.on(table))
    }

    fn commit(&mut self, loaded: Loaded) -> Result<Ack> {
        let Some(ticket) = self.ticket.clone() else {
            return Err(unbegun());
        };
        let table = ticket.table.to_string();
        let done = self.finish(&ticket, loaded);
        if done.is_err() {
            self.abort();
        }
        self.ticket = None;
        self.apart = None;
        done.map_err(|e| e.on(table))
    }

    fn rollback(&mut self) -> Result<()> {
        // Whatever state it is in, the next `begin` finds a connection without a transaction or opens one.
        self.abort();
        Ok(())
    }
}

fn left_out(taken: u64, rows: u64) -> Error {
    Error::new(
        ErrorKind::Constraint,
        "committing a chunk",
        format!("the target took {taken} rows of {rows}"),
    )
    .hint("A trigger or a rule of the target leaves rows out.")
}

fn unbegun() -> Error {
    Error::new(ErrorKind::Internal, "loading rows", "nothing was begun")
}

impl PostgresLoader {
    fn begin_copy(&mut self) -> Result<()> {
        if self.copying {
            return Ok(());
        }
        self.connection.copy_in(&self.copy)?;
        self.copying = true;
        if self.form == Form::Rows {
            self.connection
                .copy_write(wire::HEADER)
                .inspect_err(|_| self.copying = false)?;
        }
        Ok(())
    }

    /// Gives the number of rows that the server took.
    fn end_copy(&mut self) -> Result<u64> {
        if self.form == Form::Rows {
            self.connection
                .copy_write(&wire::TRAILER)
                .inspect_err(|_| self.copying = false)?;
        }
        self.copying = false;
        self.connection.copy_done()
    }

    fn part(&mut self, rows: u64, bytes: &[u8]) -> Result<()> {
        if self.apart.is_none() {
            // What is only checked at the commit could not be told from the other parts there.
            self.connection.query("SET CONSTRAINTS ALL IMMEDIATE")?;
            self.apart = Some(0);
        }
        self.connection.query("SAVEPOINT limosa_part")?;
        let loaded = self
            .begin_copy()
            .and_then(|()| {
                self.connection
                    .copy_write(bytes)
                    .inspect_err(|_| self.copying = false)
            })
            .and_then(|()| self.end_copy())
            .and_then(|taken| match taken == rows {
                true => Ok(()),
                false => Err(left_out(taken, rows)),
            });
        if let Err(error) = loaded {
            if error.refuses_rows() {
                self.connection.query("ROLLBACK TO SAVEPOINT limosa_part")?;
                self.connection.query("RELEASE SAVEPOINT limosa_part")?;
            }
            return Err(error);
        }
        self.connection.query("RELEASE SAVEPOINT limosa_part")?;
        self.apart = self.apart.map(|n| n + rows);
        Ok(())
    }

    /// Puts the triggers of the application to sleep within this transaction: rows that are late are no new
    /// writes. Foreign keys stay awake.
    fn sleep(&mut self, spec: &LoadSpec) -> Result<()> {
        let table = names::table(&spec.table);
        let found = self.connection.query_with(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = $1::regclass AND NOT tgisinternal AND tgenabled = 'O'",
            &[Some(&table)],
        )?;
        for row in found.rows {
            let Some(Some(name)) = row.into_iter().next() else {
                continue;
            };
            self.connection.query(&format!(
                "ALTER TABLE {table} DISABLE TRIGGER {}",
                names::ident(&name)
            ))?;
            self.asleep.push(name);
        }
        Ok(())
    }

    fn wake(&mut self, table: &TableName) -> Result<()> {
        for name in std::mem::take(&mut self.asleep) {
            self.connection.query(&format!(
                "ALTER TABLE {} ENABLE TRIGGER {}",
                names::table(table),
                names::ident(&name)
            ))?;
        }
        Ok(())
    }

    fn finish(&mut self, ticket: &Ticket, loaded: Loaded) -> Result<Ack> {
        let taken = match self.apart {
            Some(rows) => rows,
            None if self.copying => self.end_copy()?,
            None => 0,
        };
        if taken != loaded.rows {
            return Err(left_out(taken, loaded.rows));
        }
        self.wake(&ticket.table)?;
        self.connection.doing = "marking a chunk done";
        let marked = self.connection.query_with(
            "UPDATE limosa.limosa_chunk SET state = 'done', rows = $1, bytes = $2, filtered = $3 \
             WHERE run = $4 AND table_schema = $5 AND table_name = $6 AND chunk = $7 AND epoch = $8 AND state = 'claimed'",
            &[
                Some(&loaded.rows.to_string()),
                Some(&loaded.bytes.to_string()),
                Some(&loaded.filtered.to_string()),
                Some(&ticket.run),
                Some(ticket.table.schema.as_deref().unwrap_or("")),
                Some(&ticket.table.name),
                Some(&ticket.chunk.to_string()),
                Some(&ticket.epoch.to_string()),
            ],
        )?;
        if marked.count() != 1 {
            return Err(Error::new(
                ErrorKind::Fenced,
                "committing a chunk",
                "somebody else has claimed it since; nothing was written",
            ));
        }
        self.connection.doing = "committing a chunk";
        match self.connection.query("COMMIT") {
            Ok(answer) if answer.tag == "COMMIT" => Ok(Ack::Durable),
            Ok(_) => Err(Error::new(
                ErrorKind::Server,
                "committing a chunk",
                "the server rolled the transaction back",
            )),
            // The connection is gone and the answer with it, or the server ended in the middle.
            Err(e) if self.connection.broken() => Err(Error::new(
                ErrorKind::CommitUnknown,
                "committing a chunk",
                format!("the answer was lost: {}", e.why()),
            )
            .because(e)),
            Err(e) => Err(e),
        }
    }
}
