//! One blocking connection, for statements and for rows.
//!
//! Why it can be trusted with rows: messages are taken whole and in order from one buffer; a length
//! that the protocol does not allow ends the connection; after an I/O error or a FATAL message nothing
//! more is sent or read (`broken`), so an answer can not be taken for that of another question.
//! Source: PostgreSQL manual, "Frontend/Backend Protocol", version 3.0.

mod auth;
mod copy;
mod fault;
mod query;
mod stream;

pub(crate) use copy::CopyEvent;
pub(crate) use query::Answer;

use crate::connect::{Place, Settings, SslMode, Wanted};
use bytes::BytesMut;
use fault::Fault;
use limosa_core::room::{Gate, Open, Room};
use limosa_core::{Error, ErrorKind, Result};
use limosa_net::Stream;
use postgres_protocol::message::frontend;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::sync::Arc;
use stream::Opened;

/// Bytes read at once. The server writes 8 KiB at a time; a bigger buffer saves system calls when it is ahead.
const READ: usize = 256 * 1024;
/// The largest control message that we take: catalogs come as many rows, not as large ones.
const CONTROL_LIMIT: usize = 64 << 20;
/// The largest row: PostgreSQL's own limit of an allocation is 1 GiB, rows of several large fields are below 2 GiB.
const ROW_LIMIT: usize = (2 << 30) - 1;

/// The place of a message in the inbox; valid until the next one is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) tag: u8,
    from: usize,
    to: usize,
}

/// A connection.
pub(crate) struct Connection {
    stream: Stream,
    inbox: Vec<u8>,
    at: usize,
    end: usize,
    out: BytesMut,
    settings: Arc<Settings>,
    place: Place,
    encrypted: bool,
    pid: i32,
    secret: i32,
    /// `I` idle, `T` in a transaction, `E` in a failed one; as the last ReadyForQuery said.
    status: u8,
    broken: bool,
    parameters: HashMap<String, String>,
    /// What errors say that we were doing.
    pub(crate) doing: &'static str,
    raw: copy::RawFrame,
    gate: Arc<dyn Gate>,
    room: Option<Room>,
}

impl Connection {
    /// Opens a connection to the first place that accepts one, and pins the session's settings.
    pub(crate) fn open(settings: &Arc<Settings>) -> Result<Self> {
        let mut last: Option<Error> = None;
        // The second time round takes what the first did not want: `prefer-standby`.
        let rounds: &[Wanted] = match settings.wanted {
            Wanted::PreferStandby => &[Wanted::Standby, Wanted::Any],
            _ => std::slice::from_ref(&settings.wanted),
        };
        for wanted in rounds {
            for place in &settings.places {
                match Self::open_at(settings, place) {
                    Ok(mut connection) => match connection.unwanted(*wanted)? {
                        None => return Ok(connection),
                        Some(why) => {
                            let error = Error::new(ErrorKind::Connection, "connecting", why);
                            last = Some(error.on(place.to_string()));
                        }
                    },
                    // Another place will not know the password better.
                    Err(e) if e.kind() == ErrorKind::Authentication => return Err(e),
                    Err(e) => last = Some(e),
                }
            }
        }
        Err(last.unwrap_or_else(|| {
            Error::new(ErrorKind::Configuration, "connecting", "no host is given")
        }))
    }

    /// Why the server is not what `target_session_attrs` asks for; `None` if it is.
    fn unwanted(&mut self, wanted: Wanted) -> Result<Option<&'static str>> {
        if wanted == Wanted::Any {
            return Ok(None);
        }
        let answer = self.query(
            "SELECT pg_catalog.pg_is_in_recovery(), \
             pg_catalog.current_setting('default_transaction_read_only')::bool",
        )?;
        let says = |i: usize| {
            let cell = answer.rows.first().and_then(|row| row.get(i)?.as_deref());
            cell == Some("t")
        };
        let (standby, read_only) = (says(0), says(0) || says(1));
        Ok(match wanted {
            Wanted::ReadWrite if read_only => Some("the server is read-only"),
            Wanted::ReadOnly if !read_only => Some("the server is not read-only"),
            Wanted::Primary if standby => Some("the server is a standby"),
            Wanted::Standby if !standby => Some("the server is no standby"),
            _ => None,
        })
    }

    fn open_at(settings: &Arc<Settings>, place: &Place) -> Result<Self> {
        let local = matches!(place, Place::Unix(..));
        let attempts: &[bool] = match settings.ssl_mode {
            _ if local => &[false],
            SslMode::Disable => &[false],
            SslMode::Allow => &[false, true],
            SslMode::Prefer => &[true, false],
            _ => &[true],
        };
        let mut last = None;
        for encrypted in attempts {
            let stream = match stream::open(settings, place, *encrypted) {
                Ok(Opened::As(stream)) => stream,
                // What would be asked for next, on the socket that is there: one backend less to start.
                Ok(Opened::Clear(stream)) if settings.ssl_mode == SslMode::Prefer => {
                    return Self::start(settings, place, false, stream);
                }
                Ok(Opened::Clear(_)) => {
                    last.get_or_insert_with(|| {
                        Error::new(
                            ErrorKind::Authentication,
                            "agreeing on TLS",
                            "the server does not offer TLS",
                        )
                        .on(place.to_string())
                        .hint(
                            "Turn ssl on at the server; sslmode=disable sends everything in clear.",
                        )
                    });
                    continue;
                }
                Err(e) => {
                    if attempts.len() == 1 {
                        return Err(e);
                    }
                    last = Some(e);
                    continue;
                }
            };
            match Self::start(settings, place, *encrypted, stream) {
                Ok(connection) => return Ok(connection),
                // pg_hba.conf may ask for the other kind of connection, and for nothing else is
                // there a second attempt: a wrong password is not tried in clear.
                Err(e) if attempts.len() > 1 && e.server_code() == Some("28000") => last = Some(e),
                Err(e) => return Err(e),
            }
        }
        Err(last.unwrap_or_else(|| {
            Error::new(ErrorKind::Internal, "connecting", "no attempt was made")
        }))
    }

    fn start(
        settings: &Arc<Settings>,
        place: &Place,
        encrypted: bool,
        stream: Stream,
    ) -> Result<Self> {
        let mut c = Connection {
            stream,
            inbox: vec![0; READ],
            at: 0,
            end: 0,
            out: BytesMut::with_capacity(1024),
            settings: Arc::clone(settings),
            place: place.clone(),
            encrypted,
            pid: 0,
            secret: 0,
            status: b'I',
            broken: false,
            parameters: HashMap::new(),
            doing: "connecting",
            raw: copy::RawFrame::default(),
            gate: Open::shared(),
            room: None,
        };
        let mut words = vec![
            ("user", settings.user.as_str()),
            ("database", settings.database.as_str()),
            ("application_name", settings.application_name.as_str()),
            ("client_encoding", "UTF8"),
        ];
        if let Some(options) = &settings.options {
            words.push(("options", options));
        }
        c.send(|out| frontend::startup_message(words.iter().copied(), out))?;
        c.authenticate()?;
        loop {
            let frame = c.message()?;
            match frame.tag {
                b'K' => {
                    let body = c.body(frame);
                    let (Some(pid), Some(secret)) = (be_i32(body, 0), be_i32(body, 4)) else {
                        return Err(c.malformed("the backend's key is too short"));
                    };
                    (c.pid, c.secret) = (pid, secret);
                }
                b'Z' => break,
                b'E' => return Err(c.fault(frame)),
                // NegotiateProtocolVersion: the server is older than an option; ours are of 3.0.
                b'v' => {}
                tag => return Err(c.unexpected(tag)),
            }
        }
        c.stream.limit(None).map_err(|e| c.io(e))?;
        c.pin()?;
        Ok(c)
    }

    /// Pins what changes the text of values or may end a long statement.
    fn pin(&mut self) -> Result<()> {
        let mut sql = String::from(
            "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'iso_8601'; \
             SET extra_float_digits = 3; SET bytea_output = 'hex'; SET xmloption = 'content'; \
             SET standard_conforming_strings = on; SET search_path = pg_catalog; SET row_security = off; \
             SET lock_timeout = '60s'; SET client_min_messages = 'warning'; SET array_nulls = on; \
             SET quote_all_identifiers = off; SET statement_timeout = 0; \
             SET idle_in_transaction_session_timeout = 0",
        );
        // These came later. A list of what there is costs the server more than all of the above.
        let major = self.parameter("server_version").map_or(0, major);
        for (since, name) in [(14, "idle_session_timeout"), (17, "transaction_timeout")] {
            if major >= since {
                sql.push_str(&format!("; SET {name} = 0"));
            }
        }
        self.query(&sql).map(drop)
    }

    /// The server's version as a number: 150004.
    pub(crate) fn version(&mut self) -> Result<u32> {
        let answer = self.query("SELECT pg_catalog.current_setting('server_version_num')")?;
        answer
            .one()
            .and_then(|v| v.parse().ok())
            .ok_or_else(|| self.malformed("the server does not say its version"))
    }

    /// A setting that the server reported.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// How the connection is protected.
    pub(crate) fn security(&self) -> String {
        self.stream.security(self.settings.trust())
    }

    /// Whether nothing was said by the server that nobody asked for: an idle connection that it ended has its
    /// last words waiting.
    pub(crate) fn silent(&self) -> bool {
        self.at == self.end && self.stream.silent()
    }

    /// Whether nothing more can be done with it.
    pub(crate) fn broken(&self) -> bool {
        self.broken
    }

    /// Says who is asked for room before a huge row of a COPY is taken.
    pub(crate) fn bound(&mut self, gate: Arc<dyn Gate>) {
        self.gate = gate;
    }

    /// Who is asked.
    pub(crate) fn gate(&self) -> Arc<dyn Gate> {
        Arc::clone(&self.gate)
    }

    /// The room of the row that was taken last.
    pub(crate) fn room(&mut self) -> Option<Room> {
        self.room.take()
    }

    /// Whether a transaction is open.
    pub(crate) fn in_transaction(&self) -> bool {
        self.status != b'I'
    }

    /// Says that it must not be used any more.
    pub(crate) fn abandon(&mut self) {
        self.broken = true;
        self.room = None;
    }

    /// Asks the server to stop what this connection is doing. Best effort: the request has no answer.
    pub(crate) fn cancel(&self) {
        if let Ok(Opened::As(mut stream)) =
            stream::open(&self.settings, &self.place, self.encrypted)
        {
            let mut out = BytesMut::new();
            frontend::cancel_request(self.pid, self.secret, &mut out);
            let _ = stream.write_all(&out).and_then(|()| stream.flush());
            // The server closes when it has passed the request on.
            let _ = stream.read(&mut [0; 1]);
        }
    }

    fn send(&mut self, write: impl FnOnce(&mut BytesMut) -> io::Result<()>) -> Result<()> {
        self.out.clear();
        write(&mut self.out)
            .map_err(|e| Error::new(ErrorKind::Internal, self.doing, e.to_string()))?;
        self.flush_out()
    }

    fn flush_out(&mut self) -> Result<()> {
        if self.broken {
            return Err(self.gone());
        }
        let sent = self
            .stream
            .write_all(&self.out)
            .and_then(|()| self.stream.flush());
        self.out.clear();
        sent.map_err(|e| self.io(e))
    }

    fn gone(&self) -> Error {
        Error::new(
            ErrorKind::Connection,
            self.doing,
            "the connection is broken",
        )
        .on(self.place.to_string())
    }

    fn io(&mut self, e: io::Error) -> Error {
        self.broken = true;
        let why = match e.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                "the server does not answer".into()
            }
            io::ErrorKind::UnexpectedEof => "the server closed the connection".into(),
            _ => e.to_string(),
        };
        Error::new(limosa_net::kind(&e), self.doing, why)
            .on(self.place.to_string())
            .because(e)
    }

    fn malformed(&mut self, why: impl Into<String>) -> Error {
        self.broken = true;
        Error::new(ErrorKind::Protocol, self.doing, why).on(self.place.to_string())
    }

    fn unexpected(&mut self, tag: u8) -> Error {
        self.malformed(format!(
            "the server sent a message {:?} that does not belong here",
            char::from(tag)
        ))
    }

    fn fault(&mut self, frame: Frame) -> Error {
        let fault = Fault::read(self.body(frame));
        if fault.fatal() {
            self.broken = true;
        }
        fault.into_error(self.doing)
    }

    /// The body of a message.
    #[inline]
    pub(crate) fn body(&self, frame: Frame) -> &[u8] {
        &self.inbox[frame.from..frame.to]
    }

    /// Makes sure that at least `n` unread bytes are in the inbox.
    fn need(&mut self, n: usize) -> Result<()> {
        if self.broken {
            return Err(self.gone());
        }
        while self.end - self.at < n {
            if self.at == self.end {
                self.at = 0;
                self.end = 0;
                if n <= READ && self.inbox.len() > 16 * READ {
                    // Memory of one very large row is given back.
                    self.inbox.truncate(READ);
                    self.inbox.shrink_to_fit();
                }
            }
            if self.inbox.len() - self.at < n {
                self.inbox.copy_within(self.at..self.end, 0);
                self.end -= self.at;
                self.at = 0;
            }
            if self.inbox.len() < n {
                // Grown with what has arrived, so that a length alone does not take the memory; the
                // addresses for all of it at once, so that nothing is copied and held twice.
                let more = n - self.inbox.len();
                if self.inbox.try_reserve_exact(more).is_err() {
                    self.broken = true;
                    let why = format!("there is no memory for {n} bytes at once");
                    return Err(Error::new(ErrorKind::Resource, self.doing, why));
                }
                let grown = (self.inbox.len() * 2).min(n.max(READ));
                self.inbox.resize(grown, 0);
            }
            let space = &mut self.inbox[self.end..];
            match self.stream.read(space) {
                Ok(0) => return Err(self.io(io::ErrorKind::UnexpectedEof.into())),
                Ok(read) => self.end += read,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(self.io(e)),
            }
        }
        Ok(())
    }

    /// Gives back what a huge message took, once it was read.
    #[cold]
    fn shrink(&mut self) {
        // What follows it, if anything did arrive.
        let rest = self.inbox[self.at..self.end].to_vec();
        self.inbox = vec![0; READ.max(rest.len())];
        self.inbox[..rest.len()].copy_from_slice(&rest);
        (self.at, self.end) = (0, rest.len());
    }

    /// Reads the header of the next message without taking it: tag and length of the body.
    fn header(&mut self) -> Result<(u8, usize)> {
        self.need(5)?;
        let h = &self.inbox[self.at..self.at + 5];
        let tag = h[0];
        let length = u32::from_be_bytes([h[1], h[2], h[3], h[4]]) as usize;
        let limit = if matches!(tag, b'd' | b'D') {
            ROW_LIMIT
        } else {
            CONTROL_LIMIT
        };
        if !(4..=limit).contains(&length) {
            return Err(self.malformed("a message has an impossible length"));
        }
        Ok((tag, length - 4))
    }

    /// Takes the next message that is an answer; notices and reports are dealt with here.
    #[inline]
    pub(crate) fn message(&mut self) -> Result<Frame> {
        loop {
            let (tag, length) = self.header()?;
            self.need(5 + length)?;
            let frame = Frame {
                tag,
                from: self.at + 5,
                to: self.at + 5 + length,
            };
            self.at = frame.to;
            match tag {
                b'N' | b'A' => {}
                b'S' => {
                    let text = String::from_utf8_lossy(self.body(frame)).into_owned();
                    let mut parts = text.split('\0');
                    if let (Some(name), Some(value)) = (parts.next(), parts.next()) {
                        self.parameters.insert(name.into(), value.into());
                    }
                }
                b'Z' => {
                    self.status = self.body(frame).first().copied().unwrap_or(b'E');
                    return Ok(frame);
                }
                _ => return Ok(frame),
            }
        }
    }
}

/// `15.4 (Debian 15.4-1)`, `18beta1` → 15, 18.
fn major(version: &str) -> u32 {
    let digits = version.bytes().take_while(u8::is_ascii_digit).count();
    version[..digits].parse().unwrap_or(0)
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !self.broken {
            // Terminate. In the middle of a COPY the server ends the transaction just as well.
            let _ = self.stream.limit(Some(std::time::Duration::from_secs(1)));
            let _ = self.stream.write_all(&[b'X', 0, 0, 0, 4]);
            let _ = self.stream.flush();
        }
    }
}

/// The big-endian number at `at`.
pub(crate) fn be_i32(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}
