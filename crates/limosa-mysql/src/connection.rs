//! One blocking connection: handshake, statements, rows, and the sending of a load.
//!
//! Source: MySQL internals manual, "Client/Server Protocol"; MariaDB manual, "Clientserver Protocol".

use crate::auth;
use crate::connect::{SslMode, Target};
use crate::fault;
use crate::tls;
use crate::wire::{Parts, Stream, Wire, broken, malformed};
use limosa_core::error::{Error, ErrorKind, Result};
use limosa_core::room::{Gate, Open, Room};
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

/// The product and its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// Whether it is MariaDB.
    pub(crate) maria: bool,
    /// Major, minor, patch.
    pub(crate) number: (u32, u32, u32),
    /// As the server says it.
    pub(crate) text: String,
}

impl Version {
    pub(crate) fn parse(text: &str) -> Self {
        let maria = text.contains("MariaDB") || text.contains("mariadb");
        // MariaDB 10 hides behind a version that old replicas understand.
        let plain = text
            .strip_prefix("5.5.5-")
            .filter(|_| maria)
            .unwrap_or(text);
        let mut numbers = plain
            .split(|c: char| !c.is_ascii_digit())
            .map(|n| n.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        Self {
            maria,
            number: (next(), next(), next()),
            text: plain.to_owned(),
        }
    }

    /// Whether this is MySQL of at least that version.
    pub(crate) fn mysql(&self, major: u32, minor: u32, patch: u32) -> bool {
        !self.maria && self.number >= (major, minor, patch)
    }

    /// Whether this is MariaDB of at least that version.
    pub(crate) fn mariadb(&self, major: u32, minor: u32, patch: u32) -> bool {
        self.maria && self.number >= (major, minor, patch)
    }
}

/// What the server said at the end of a statement without rows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    pub(crate) affected: u64,
    pub(crate) warnings: u16,
}

/// One column of a result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResultColumn {
    /// The type on the wire.
    pub(crate) kind: u8,
    /// Whether numbers are unsigned.
    pub(crate) unsigned: bool,
}

/// What came back for a statement.
pub(crate) enum Answer {
    Done(Done),
    Rows(Vec<ResultColumn>),
    /// The server waits for the rows of a load.
    Infile,
}

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

    /// Sends a command without waiting for its answer; see [`Connection::answer`].
    pub(crate) fn send(&mut self, command: u8, body: &[u8]) -> Result<()> {
        match self.state {
            State::Idle => {}
            State::Rows => self.abandon()?,
            State::Infile | State::Broken => {
                return self.fail(broken(&std::io::ErrorKind::NotConnected.into()));
            }
        }
        self.wire.sequence = 0;
        let mut packet = Vec::with_capacity(body.len() + 1);
        packet.push(command);
        packet.extend_from_slice(body);
        let sent = self.wire.send(&packet);
        self.guard(sent)
    }

    /// Reads the answer to a command that was sent.
    pub(crate) fn answer(&mut self, doing: &str) -> Result<Answer> {
        let answer = self.read_answer(doing);
        self.guard(answer)
    }

    fn read_answer(&mut self, doing: &str) -> Result<Answer> {
        let packet = self.wire.packet()?;
        match packet.first() {
            None => Err(malformed("answer: empty")),
            Some(0) => {
                let (done, status) = ok_packet(packet).ok_or_else(|| malformed("answer"))?;
                if status & MORE_RESULTS != 0 {
                    self.state = State::Rows;
                    self.skip_results(doing)?;
                }
                Ok(Answer::Done(done))
            }
            Some(0xff) => Err(error_packet(doing, packet)),
            Some(0xfb) => {
                self.state = State::Infile;
                Ok(Answer::Infile)
            }
            Some(_) => {
                let count = Parts::new(packet)
                    .length()
                    .filter(|n| *n <= 65_535)
                    .ok_or_else(|| malformed("answer: number of columns"))?;
                let columns = self.column_definitions(count as usize)?;
                self.state = State::Rows;
                Ok(Answer::Rows(columns))
            }
        }
    }

    /// Reads `count` column definitions and the packet that ends them.
    fn column_definitions(&mut self, count: usize) -> Result<Vec<ResultColumn>> {
        let mut columns = Vec::with_capacity(count.min(4096));
        for _ in 0..count {
            let packet = self.wire.packet()?;
            let column = column_packet(packet).ok_or_else(|| malformed("column"))?;
            columns.push(column);
        }
        let packet = self.wire.packet()?;
        if !ends(packet) {
            return Err(malformed("columns: no end"));
        }
        Ok(columns)
    }

    /// The next row's packet; `None` at the end.
    #[inline]
    pub(crate) fn row(&mut self, doing: &str) -> Result<Option<&[u8]>> {
        if self.state != State::Rows {
            return Ok(None);
        }
        // The borrow of a returned packet would last over the other arms, so the kind is looked at first.
        let kind = match self.wire.packet() {
            Ok(packet) => match packet.first() {
                Some(0xfe) if packet.len() < 9 => 1,
                Some(0xff) => 2,
                Some(_) => 0,
                None => 3,
            },
            // There was no room for it: it was passed over, and the rest can be.
            Err(e) if matches!(e.kind(), ErrorKind::Resource | ErrorKind::Interrupted) => {
                return Err(e);
            }
            Err(e) => return self.fail(e),
        };
        match kind {
            0 => Ok(Some(self.wire.last())),
            1 => {
                let status = Parts::new(self.wire.last().get(3..).unwrap_or_default())
                    .u16()
                    .unwrap_or(0);
                if status & MORE_RESULTS != 0 {
                    let rest = self.skip_results(doing);
                    self.guard(rest)?;
                }
                self.state = State::Idle;
                Ok(None)
            }
            2 => {
                self.state = State::Idle;
                Err(error_packet(doing, self.wire.last()))
            }
            _ => self.fail(malformed("row")),
        }
    }

    /// Reads the results after the first one and drops them.
    fn skip_results(&mut self, doing: &str) -> Result<()> {
        loop {
            let packet = self.wire.packet()?;
            let mut status = match packet.first() {
                Some(0) => ok_packet(packet).ok_or_else(|| malformed("answer"))?.1,
                Some(0xff) => {
                    self.state = State::Idle;
                    return Err(error_packet(doing, packet));
                }
                _ => {
                    let count = Parts::new(packet)
                        .length()
                        .ok_or_else(|| malformed("answer"))?;
                    for _ in 0..count {
                        self.wire.packet()?;
                    }
                    self.wire.packet()?;
                    loop {
                        let row = self.wire.packet()?;
                        if ends(row) {
                            break Parts::new(row.get(3..).unwrap_or_default())
                                .u16()
                                .unwrap_or(0);
                        }
                        if row.first() == Some(&0xff) {
                            self.state = State::Idle;
                            return Err(error_packet(doing, row));
                        }
                    }
                }
            };
            status &= MORE_RESULTS;
            if status == 0 {
                self.state = State::Idle;
                return Ok(());
            }
        }
    }

    /// Says who is asked for room before a huge row is taken.
    pub(crate) fn bound(&mut self, gate: Arc<dyn Gate>) {
        self.wire.bound(gate);
    }

    /// Whether the last row was huge.
    #[inline]
    pub(crate) fn was_huge(&self) -> bool {
        self.wire.has_room()
    }

    /// Gives the memory of a huge row back, once it was read.
    pub(crate) fn release(&mut self) {
        self.wire.release();
    }

    /// The room of the last row.
    pub(crate) fn room(&mut self) -> Option<Room> {
        self.wire.room()
    }

    /// Sends one statement as text and gives the answer.
    pub(crate) fn query(&mut self, doing: &str, sql: &str) -> Result<Answer> {
        tracing::trace!(connection = self.id, sql, "statement");
        self.send(3, sql.as_bytes())?;
        match self.answer(doing)? {
            Answer::Infile => {
                // A load that nobody asked for: the server gets nothing.
                self.finish_infile(doing)?;
                Err(malformed("answer: it asks for a file"))
            }
            other => Ok(other),
        }
    }

    /// Runs one statement and forgets its rows.
    pub(crate) fn run(&mut self, doing: &str, sql: &str) -> Result<Done> {
        match self.query(doing, sql)? {
            Answer::Done(done) => Ok(done),
            _ => {
                while self.row(doing)?.is_some() {}
                Ok(Done::default())
            }
        }
    }

    /// Runs one query and gives all its rows as text.
    pub(crate) fn rows(&mut self, doing: &str, sql: &str) -> Result<Vec<Vec<Option<String>>>> {
        let columns = match self.query(doing, sql)? {
            Answer::Rows(columns) => columns.len(),
            _ => return Ok(Vec::new()),
        };
        let mut all = Vec::new();
        while let Some(packet) = self.row(doing)? {
            let mut parts = Parts::new(packet);
            let mut row = Vec::with_capacity(columns);
            for _ in 0..columns {
                let Some(cell) = parts.cell() else {
                    return self.fail(malformed("row"));
                };
                row.push(cell.map(|c| String::from_utf8_lossy(c).into_owned()));
            }
            all.push(row);
        }
        Ok(all)
    }

    /// Asks for one row of one column.
    pub(crate) fn value(&mut self, doing: &str, sql: &str) -> Result<Option<String>> {
        let rows = self.rows(doing, sql)?;
        Ok(rows.into_iter().next().and_then(|r| r.into_iter().next()?))
    }

    /// Begins a load of our own: the only place that lets the server ask for a file.
    pub(crate) fn begin_infile(&mut self, doing: &str, sql: &str) -> Result<()> {
        self.send(3, sql.as_bytes())?;
        match self.answer(doing)? {
            Answer::Infile => Ok(()),
            _ => self.fail(malformed("answer: it does not ask for the rows of a load")),
        }
    }

    /// Sends a part of a load.
    pub(crate) fn send_infile(&mut self, bytes: &[u8]) -> Result<()> {
        if self.state != State::Infile {
            return self.fail(broken(&std::io::ErrorKind::NotConnected.into()));
        }
        // An empty packet would end the load; pieces stay below the smallest max_allowed_packet in use.
        for piece in bytes.chunks(256 * 1024) {
            let sent = self.wire.send(piece);
            self.guard(sent)?;
        }
        Ok(())
    }

    /// Ends a load and reads what the server made of it.
    pub(crate) fn finish_infile(&mut self, doing: &str) -> Result<Done> {
        if self.state != State::Infile {
            return self.fail(broken(&std::io::ErrorKind::NotConnected.into()));
        }
        let sent = self.wire.send(&[]);
        self.guard(sent)?;
        self.state = State::Idle;
        match self.answer(doing)? {
            Answer::Done(done) => Ok(done),
            _ => self.fail(malformed("answer to a load")),
        }
    }

    /// Prepares a statement without parameters; gives its number.
    pub(crate) fn prepare(&mut self, doing: &str, sql: &str) -> Result<u32> {
        self.send(0x16, sql.as_bytes())?;
        let answer = self.read_prepared(doing);
        self.guard(answer)
    }

    fn read_prepared(&mut self, doing: &str) -> Result<u32> {
        let packet = self.wire.packet()?;
        if packet.first() == Some(&0xff) {
            return Err(error_packet(doing, packet));
        }
        let mut parts = Parts::new(packet.get(1..).unwrap_or_default());
        let (Some(id), Some(columns), Some(parameters)) = (parts.u32(), parts.u16(), parts.u16())
        else {
            return Err(malformed("answer to a preparation"));
        };
        for count in [parameters, columns] {
            if count > 0 {
                self.column_definitions(usize::from(count))?;
            }
        }
        Ok(id)
    }

    /// Runs a prepared statement without parameters; its rows come in the binary form.
    pub(crate) fn execute(&mut self, doing: &str, id: u32) -> Result<Vec<ResultColumn>> {
        let mut body = id.to_le_bytes().to_vec();
        body.extend_from_slice(&[0, 1, 0, 0, 0]);
        self.send(0x17, &body)?;
        match self.answer(doing)? {
            Answer::Rows(columns) => Ok(columns),
            _ => self.fail(malformed("answer: no rows for a query")),
        }
    }

    /// Forgets a prepared statement. The server does not answer.
    pub(crate) fn close_prepared(&mut self, id: u32) -> Result<()> {
        self.send(0x19, &id.to_le_bytes())
    }

    /// Ends the result under way: reads a little of the rest, and asks the server to stop if more is to come.
    pub(crate) fn abandon(&mut self) -> Result<()> {
        // What is thrown away here needs no room of others.
        self.wire.bound(Arc::new(Nothing));
        let ended = self.throw_away();
        self.wire.bound(Open::shared());
        ended
    }

    fn throw_away(&mut self) -> Result<()> {
        let mut bytes = 0;
        while self.state == State::Rows && bytes < (1 << 20) {
            let row = self.row("ending a query").map(|row| row.map(<[u8]>::len));
            match row {
                Ok(Some(length)) => bytes += length + 4,
                Ok(None) => return Ok(()),
                Err(e) if e.kind() == ErrorKind::Resource && self.state == State::Rows => {
                    bytes += Nothing.huge();
                }
                Err(e) => return Err(e),
            }
        }
        if self.state != State::Rows {
            return Ok(());
        }
        let mut other = Self::open(&self.target)?;
        other.run("ending a query", &format!("KILL QUERY {}", self.id))?;
        loop {
            match self.row("ending a query").map(|row| row.is_some()) {
                Ok(true) => {}
                Ok(false) => break,
                Err(e) if e.kind() == ErrorKind::Resource && self.state == State::Rows => {}
                Err(_) if self.state == State::Idle => break,
                Err(e) => return Err(e),
            }
        }
        // If the query ended by itself the kill may meet the next statement: let it be this one.
        match self.run("ending a query", "DO 0") {
            Err(_) if self.state == State::Idle => Ok(()),
            other => other.map(|_| ()),
        }
    }
}

/// A gate that lets no huge row through: it is passed over.
struct Nothing;

impl Gate for Nothing {
    fn huge(&self) -> usize {
        1 << 20
    }

    fn largest(&self) -> u64 {
        0
    }

    fn take(&self, _bytes: u64) -> Result<Room> {
        Err(Error::new(
            ErrorKind::Resource,
            "ending a query",
            "nobody wants the row",
        ))
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

fn ends(packet: &[u8]) -> bool {
    packet.first() == Some(&0xfe) && packet.len() < 9
}

fn ok_packet(packet: &[u8]) -> Option<(Done, u16)> {
    let mut parts = Parts::new(packet.get(1..)?);
    let affected = parts.length()?;
    parts.length()?;
    let status = parts.u16()?;
    let warnings = parts.u16()?;
    Some((Done { affected, warnings }, status))
}

fn column_packet(packet: &[u8]) -> Option<ResultColumn> {
    let mut parts = Parts::new(packet);
    for _ in 0..6 {
        parts.string()?;
    }
    parts.length()?;
    parts.take(6)?;
    let kind = parts.u8()?;
    let flags = parts.u16()?;
    Some(ResultColumn {
        kind,
        unsigned: flags & 0x20 != 0,
    })
}

/// An error packet as an [`Error`].
pub(crate) fn error_packet(doing: &str, packet: &[u8]) -> Error {
    let mut parts = Parts::new(packet.get(1..).unwrap_or_default());
    let Some(code) = parts.u16() else {
        return malformed("error");
    };
    let text = match parts.rest {
        [b'#', rest @ ..] => rest.get(5..).unwrap_or_default(),
        rest => rest,
    };
    fault::server(doing, code, &String::from_utf8_lossy(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_both_products_are_told_apart() {
        let v = Version::parse("5.5.5-10.11.19-MariaDB-0+deb12u1");
        assert!(v.mariadb(10, 11, 0) && !v.mysql(5, 5, 5));
        assert_eq!(v.number, (10, 11, 19));
        let v = Version::parse("9.7.0");
        assert!(v.mysql(8, 4, 0) && !v.mariadb(8, 0, 0));
        assert_eq!(Version::parse("8.0").number, (8, 0, 0));
    }

    #[test]
    fn cut_packets_are_errors_and_never_panics() {
        let ok = [0, 1, 0, 2, 0, 3, 0];
        for n in 0..ok.len() {
            assert!(ok_packet(&ok[..n]).is_none());
        }
        assert_eq!(
            ok_packet(&ok).map(|(d, s)| (d.affected, d.warnings, s)),
            Some((1, 3, 2))
        );
        assert_eq!(error_packet("x", &[0xff]).kind(), ErrorKind::Protocol);
        assert_eq!(
            error_packet("x", &[0xff, 0xbd, 4, b'#', b'4']).kind(),
            ErrorKind::Contention
        );
        assert!(column_packet(&[1, 2, 3]).is_none());
    }
}
