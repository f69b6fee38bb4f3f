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
mod tls;
mod version;

pub(crate) use packet::ResultColumn;
pub(crate) use query::Answer;
pub(crate) use version::Version;

use crate::connect::{SslMode, Target};
use crate::wire::{Stream, Wire, malformed};
use limosa_core::error::{Error, ErrorKind, Result};
use packet::error_packet;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

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

fn tcp(target: &Target) -> Result<TcpStream> {
    let failed = |why: String| {
        Error::new(ErrorKind::Connection, "connecting", why)
            .on(format!("{}:{}", target.host, target.port))
    };
    let addresses = (target.host.as_str(), target.port)
        .to_socket_addrs()
        .map_err(|e| failed(e.to_string()))?;
    let mut last = failed("the name has no address".into());
    for address in addresses {
        match TcpStream::connect_timeout(&address, target.connect_timeout) {
            Ok(stream) => {
                let socket = socket2::SockRef::from(&stream);
                // A peer that vanished without a word is noticed within two minutes.
                let alive = socket2::TcpKeepalive::new().with_time(Duration::from_secs(30));
                #[cfg(any(target_os = "linux", target_os = "macos"))]
                let alive = alive.with_interval(Duration::from_secs(10)).with_retries(9);
                let _ = socket.set_tcp_keepalive(&alive);
                #[cfg(target_os = "linux")]
                let _ = socket.set_tcp_user_timeout(Some(Duration::from_secs(120)));
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(e) => last = failed(e.to_string()),
        }
    }
    Err(last)
}

impl Connection {
    /// Connects, authenticates and pins the session's settings.
    pub(crate) fn open(target: &Arc<Target>) -> Result<Self> {
        let stream = match &target.socket {
            #[cfg(unix)]
            Some(path) => {
                Stream::Unix(std::os::unix::net::UnixStream::connect(path).map_err(|e| {
                    Error::new(ErrorKind::Connection, "connecting", e.to_string())
                        .on(path.display().to_string())
                })?)
            }
            #[cfg(not(unix))]
            Some(_) => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "connecting",
                    "local sockets need Unix",
                ));
            }
            None => Stream::Tcp(tcp(target)?),
        };
        let mut connection = Self {
            wire: Wire::new(stream),
            target: Arc::clone(target),
            state: State::Idle,
            id: 0,
            version: Version::parse(""),
            security: String::new(),
        };
        connection.set_timeout(Some(target.connect_timeout));
        connection.handshake().map_err(|e| e.on(target.shown()))?;
        connection.set_timeout(None);
        connection.pin()?;
        Ok(connection)
    }

    fn set_timeout(&self, timeout: Option<Duration>) {
        let tcp = match &self.wire.stream {
            Stream::Tcp(s) => s,
            Stream::Tls(s) => &s.sock,
            #[cfg(unix)]
            Stream::Unix(s) => {
                let _ = s.set_read_timeout(timeout);
                return;
            }
            Stream::Closed => return,
        };
        let _ = tcp.set_read_timeout(timeout);
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
            self.security = if local {
                "none (local socket)".into()
            } else {
                "none".into()
            };
        }
        let private = local || flags & SSL != 0;
        flags &= greeting.flags | SSL | CONNECT_WITH_DB;
        let mut reply = head(flags);
        reply.extend_from_slice(target.user.as_bytes());
        reply.push(0);
        let plugin = auth::supported(&greeting.plugin);
        let scramble = auth::first_answer(plugin, &greeting.nonce, target.password());
        crate::wire::put_string(&mut reply, &scramble);
        reply.extend_from_slice(target.database.as_bytes());
        reply.push(0);
        reply.extend_from_slice(plugin.as_bytes());
        reply.push(0);
        self.wire.send(&reply)?;
        auth::finish(&mut self.wire, &target, plugin, greeting.nonce, private)
    }

    fn start_tls(&mut self, flags: u32) -> Result<()> {
        self.wire.send(&head(flags))?;
        if self.wire.has_unread() {
            return Err(malformed("greeting: bytes before TLS began"));
        }
        let client = tls::client(&self.target)?;
        let Stream::Tcp(tcp) = std::mem::replace(&mut self.wire.stream, Stream::Closed) else {
            return Err(malformed("stream: TLS over a local socket"));
        };
        let mut stream = rustls::StreamOwned::new(client, tcp);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).map_err(|e| {
                let hint = "ssl-mode and ssl-ca say what is checked";
                Error::new(ErrorKind::Authentication, "agreeing on TLS", e.to_string()).hint(hint)
            })?;
        }
        self.security = tls::described(&stream.conn, self.target.ssl_mode);
        self.wire.stream = Stream::Tls(Box::new(stream));
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
