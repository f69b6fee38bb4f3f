//! One blocking connection: how it is opened. What is said over it stands beside: `query`, `prepared`, `infile`.
//!
//! Source: MySQL internals manual, "Client/Server Protocol"; MariaDB manual, "Clientserver Protocol".

mod abandon;
mod auth;
pub(crate) mod fault;
mod infile;
mod packet;
mod prepared;
mod query;
mod version;

pub(crate) use packet::ResultColumn;
pub(crate) use query::Answer;
pub(crate) use version::Version;

use crate::connect::{SslMode, Target};
use crate::wire::{Wire, broken, malformed};
use limosa_core::error::{Error, ErrorKind, Result};
use limosa_net::{Stream, Trust};
use packet::error_packet;
use std::sync::Arc;

pub(crate) const LONG_PASSWORD: u32 = 1;
const FOUND_ROWS: u32 = 1 << 1;
const LONG_FLAG: u32 = 1 << 2;
const CONNECT_WITH_DB: u32 = 1 << 3;
const LOCAL_FILES: u32 = 1 << 7;
const PROTOCOL_41: u32 = 1 << 9;
const SSL: u32 = 1 << 11;
const TRANSACTIONS: u32 = 1 << 13;
const SECURE_CONNECTION: u32 = 1 << 15;
const MULTI_RESULTS: u32 = 1 << 17;
const PLUGIN_AUTH: u32 = 1 << 19;
const PLUGIN_AUTH_LENENC: u32 = 1 << 21;

const MORE_RESULTS: u16 = 1 << 3;
/// utf8mb4_general_ci, which every server knows; `SET NAMES` follows.
const CHARSET: u8 = 45;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Idle,
    Rows,
    Infile,
    Broken,
}

/// One connection.
pub(crate) struct Connection {
    wire: Wire,
    target: Arc<Target>,
    state: State,
    /// The server's number of this connection.
    pub(crate) id: u64,
    pub(crate) version: Version,
    /// How it is protected, in words.
    pub(crate) security: String,
}

impl Connection {
    /// Connects, authenticates and pins the session's settings.
    pub(crate) fn open(target: &Arc<Target>) -> Result<Self> {
        let limit = target.connect_timeout;
        let stream = match &target.socket {
            Some(path) => Stream::local(path, limit)?,
            None => Stream::tcp(&target.host, target.port, limit)?,
        };
        let mut connection = Self {
            wire: Wire::new(stream),
            target: Arc::clone(target),
            state: State::Idle,
            id: 0,
            version: Version::parse(""),
            security: String::new(),
        };
        connection.handshake().map_err(|e| e.on(target.shown()))?;
        // From here on a statement takes as long as it takes.
        connection.wire.stream.limit(None).map_err(|e| broken(&e))?;
        connection.pin()?;
        Ok(connection)
    }

    fn handshake(&mut self) -> Result<()> {
        let packet = self.wire.packet()?;
        if packet.first() == Some(&0xff) {
            return Err(error_packet("connecting", packet));
        }
        let greeting = auth::Greeting::read(packet).ok_or_else(|| malformed("greeting"))?;
        self.id = u64::from(greeting.id);
        self.version = Version::parse(&greeting.version);
        let target = Arc::clone(&self.target);
        let mut flags = LONG_PASSWORD
            | FOUND_ROWS
            | LONG_FLAG
            | CONNECT_WITH_DB
            | LOCAL_FILES
            | PROTOCOL_41
            | TRANSACTIONS
            | SECURE_CONNECTION
            | MULTI_RESULTS
            | PLUGIN_AUTH
            | PLUGIN_AUTH_LENENC;
        if greeting.flags & (PROTOCOL_41 | PLUGIN_AUTH) != PROTOCOL_41 | PLUGIN_AUTH {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "connecting",
                "the server is too old",
            ));
        }
        let local = target.socket.is_some();
        let wants = !local && target.ssl_mode != SslMode::Disabled;
        if wants && greeting.flags & SSL != 0 {
            flags |= SSL;
            self.start_tls(flags)?;
        } else if wants && target.ssl_mode != SslMode::Preferred {
            return Err(Error::new(
                ErrorKind::Authentication,
                "agreeing on TLS",
                "the server does not offer TLS",
            )
            .hint("set ssl-mode=PREFERRED or DISABLED, or configure TLS on the server"));
        } else {
            self.security = self.wire.stream.security(Trust::Anybody);
        }
        let private = self.wire.stream.private();
        flags &= greeting.flags | SSL | CONNECT_WITH_DB;
        let mut reply = head(flags);
        reply.extend_from_slice(target.user.as_bytes());
        reply.push(0);
        let mut proof = auth::Proof::new(&target, &greeting, private);
        crate::wire::put_string(&mut reply, &proof.first()?);
        reply.extend_from_slice(target.database.as_bytes());
        reply.push(0);
        reply.extend_from_slice(proof.plugin().as_bytes());
        reply.push(0);
        self.wire.send(&reply)?;
        proof.finish(&mut self.wire)
    }

    fn start_tls(&mut self, flags: u32) -> Result<()> {
        self.wire.send(&head(flags))?;
        if self.wire.has_unread() {
            return Err(malformed("greeting: bytes before TLS began"));
        }
        let tls = self.target.tls();
        self.wire.stream.encrypt(&tls, &self.target.host)?;
        self.security = self.wire.stream.security(tls.trust);
        Ok(())
    }

    /// Pins everything in a session that could change the meaning of a value or end it too early.
    fn pin(&mut self) -> Result<()> {
        let mut sql = String::from(
            "SET NAMES utf8mb4, time_zone = '+00:00', \
             sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', \
             autocommit = 1, group_concat_max_len = 4294967295, wait_timeout = 2147483, \
             net_read_timeout = 31536000, net_write_timeout = 31536000, sql_notes = 1",
        );
        if self.version.maria {
            sql.push_str(", max_statement_time = 0");
        } else {
            sql.push_str(", max_execution_time = 0");
            if self.version.mysql(8, 0, 3) {
                sql.push_str(", information_schema_stats_expiry = 0");
            }
        }
        self.run("preparing the session", &sql)?;
        self.run(
            "preparing the session",
            "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        )?;
        Ok(())
    }

    /// Whether the connection can not be used any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.state == State::Broken
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.state == State::Idle
    }

    fn fail<T>(&mut self, error: Error) -> Result<T> {
        self.state = State::Broken;
        Err(error)
    }

    fn guard<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(e) = &result
            && matches!(e.kind(), ErrorKind::Connection | ErrorKind::Protocol)
        {
            self.state = State::Broken;
        }
        result
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.state == State::Idle {
            self.wire.sequence = 0;
            let _ = self.wire.send(&[1]);
        }
    }
}

/// The fixed part of the client's answer, alone the request for TLS.
fn head(flags: u32) -> Vec<u8> {
    let mut head = Vec::with_capacity(128);
    head.extend_from_slice(&flags.to_le_bytes());
    head.extend_from_slice(&(1u32 << 30).to_le_bytes());
    head.push(CHARSET);
    head.extend_from_slice(&[0; 23]);
    head
}
