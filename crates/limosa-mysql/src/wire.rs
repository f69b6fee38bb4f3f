//! Packets: framing over a TCP, TLS or local stream, and the reading of their parts.
//!
//! Nothing here trusts the server: lengths are checked before they are believed, memory grows only
//! with bytes that have arrived, and a packet that ends too early is an error, never a panic.

use limosa_core::error::{Error, ErrorKind, Result};
use limosa_core::room::{Gate, Open, Room};
use limosa_net::Stream;
use std::io::{self, Read, Write};
use std::sync::Arc;

/// The greatest payload of one frame; a packet of that size goes on in the next frame.
const FRAME: usize = 0xff_ffff;
/// The greatest packet that any server sends (the ceiling of `max_allowed_packet` and a little).
const GREATEST: usize = (1 << 30) + (1 << 20);

/// What a broken stream is called.
pub(crate) fn broken(error: &io::Error) -> Error {
    let why = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            "the server did not answer in time".to_owned()
        }
        _ => error.to_string(),
    };
    Error::new(limosa_net::kind(error), "talking to the server", why)
}

/// What a server that breaks its protocol is called.
pub(crate) fn malformed(what: &str) -> Error {
    Error::new(
        ErrorKind::Protocol,
        "reading the server's answer",
        format!("malformed {what}"),
    )
}

/// A stream cut into packets.
pub(crate) struct Wire {
    pub(crate) stream: Stream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    pub(crate) sequence: u8,
    last: (usize, usize),
    out: Vec<u8>,
    gate: Arc<dyn Gate>,
    huge: usize,
    room: Option<Room>,
}

impl Wire {
    /// The bytes asked of the stream at once.
    const READ: usize = 128 * 1024;

    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            stream,
            buffer: vec![0; Self::READ],
            start: 0,
            end: 0,
            sequence: 0,
            last: (0, 0),
            out: Vec::new(),
            gate: Open::shared(),
            huge: Open.huge(),
            room: None,
        }
    }

    /// Whether bytes have arrived that nobody asked for; before TLS begins there must be none.
    pub(crate) fn has_unread(&self) -> bool {
        self.start != self.end
    }

    /// Makes sure that `need` bytes from `start` are in the buffer.
    fn want(&mut self, need: usize) -> Result<()> {
        while self.end - self.start < need {
            if self.start > 0 && (self.start == self.end || self.start + need > self.buffer.len()) {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            if self.end == self.buffer.len() {
                // Doubling, so that memory follows what has arrived and not what was announced; the
                // addresses for all of it at once, so that nothing is copied and held twice.
                let more = need - self.buffer.len();
                self.buffer.try_reserve_exact(more).map_err(|_| {
                    let why = format!("there is no memory for {need} bytes at once");
                    Error::new(ErrorKind::Connection, "reading the server's answer", why)
                })?;
                let grown = (2 * self.buffer.len()).min(need.max(Self::READ));
                self.buffer.resize(grown, 0);
            }
            match self.stream.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Err(broken(&io::ErrorKind::UnexpectedEof.into())),
                Ok(n) => self.end += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(broken(&e)),
            }
        }
        Ok(())
    }

    /// Reads the next packet. The slice is good until the next call.
    #[inline]
    pub(crate) fn packet(&mut self) -> Result<&[u8]> {
        if self.end - self.start < 4 {
            self.want(4)?;
        }
        let head = &self.buffer[self.start..self.start + 4];
        let length = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
        if head[3] != self.sequence {
            return Err(malformed("packet: out of order"));
        }
        self.sequence = self.sequence.wrapping_add(1);
        if length >= self.huge {
            return self.huge_packet(length);
        }
        if self.end - self.start < 4 + length {
            self.want(4 + length)?;
        }
        let from = self.start + 4;
        self.start = from + length;
        self.last = (from, self.start);
        Ok(&self.buffer[from..from + length])
    }

    /// The packet that [`Wire::packet`] gave last.
    #[inline]
    pub(crate) fn last(&self) -> &[u8] {
        self.buffer
            .get(self.last.0..self.last.1)
            .unwrap_or_default()
    }

    /// Reads a packet for which room is asked. One of several frames does not say its length, so all
    /// that can be had is asked for. Where there is no room the packet is passed over, so that the connection
    /// can go on.
    #[cold]
    fn huge_packet(&mut self, length: usize) -> Result<&[u8]> {
        self.room = None;
        let asked = if length < FRAME {
            length as u64
        } else {
            self.gate.largest()
        };
        match self.gate.take(asked) {
            Ok(room) => self.room = Some(room),
            Err(e) => {
                self.start += 4;
                self.pass_over(length)?;
                return Err(e);
            }
        }
        let mut whole = length;
        let mut last = length;
        self.want(4 + whole)?;
        // A full frame says that another follows.
        while last == FRAME {
            self.want(4 + whole + 4)?;
            let at = self.start + 4 + whole;
            let head = &self.buffer[at..at + 4];
            let length =
                usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
            if head[3] != self.sequence {
                return Err(malformed("packet: out of order"));
            }
            self.sequence = self.sequence.wrapping_add(1);
            if whole + length > GREATEST {
                return Err(malformed("packet: longer than any server sends"));
            }
            if (whole + length) as u64 > self.gate.largest() {
                self.start = at + 4;
                self.release();
                self.room = None;
                let whole = whole + self.pass_over(length)?;
                // Refused, with the length that it has.
                self.gate.take(whole as u64)?;
                return Err(malformed("packet: longer than its room"));
            }
            self.want(4 + whole + 4 + length)?;
            let at = self.start + 4 + whole;
            self.buffer.copy_within(at + 4..self.end, at);
            self.end -= 4;
            whole += length;
            last = length;
        }
        let from = self.start + 4;
        self.start = from + whole;
        self.last = (from, self.start);
        Ok(&self.buffer[from..from + whole])
    }

    /// Reads the rest of a packet, whose frame in hand has `length` bytes, and drops it; gives its bytes.
    fn pass_over(&mut self, mut length: usize) -> Result<usize> {
        self.last = (0, 0);
        let mut whole = 0;
        loop {
            whole += length;
            let mut left = length;
            while left > 0 {
                if self.start == self.end {
                    self.want(1)?;
                }
                let n = left.min(self.end - self.start);
                self.start += n;
                left -= n;
            }
            if length < FRAME {
                return Ok(whole);
            }
            self.want(4)?;
            let head = &self.buffer[self.start..self.start + 4];
            length = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
            if head[3] != self.sequence {
                return Err(malformed("packet: out of order"));
            }
            self.sequence = self.sequence.wrapping_add(1);
            self.start += 4;
        }
    }

    /// Says who is asked for room before a huge packet is taken.
    pub(crate) fn bound(&mut self, gate: Arc<dyn Gate>) {
        // Every packet of several frames is huge.
        self.huge = gate.huge().min(FRAME);
        self.gate = gate;
        self.room = None;
    }

    /// Whether there is room of a huge packet that nobody has taken over.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.room.is_some()
    }

    /// The room of the packet that was taken last.
    pub(crate) fn room(&mut self) -> Option<Room> {
        self.room.take()
    }

    /// Gives the memory of a huge packet back, once it was read.
    pub(crate) fn release(&mut self) {
        // What follows it, if anything did arrive.
        let rest = self.buffer[self.start..self.end].to_vec();
        self.buffer = vec![0; Self::READ.max(rest.len())];
        self.buffer[..rest.len()].copy_from_slice(&rest);
        (self.start, self.end, self.last) = (0, rest.len(), (0, 0));
    }

    /// Sends one packet, in as many frames as it takes.
    pub(crate) fn send(&mut self, payload: &[u8]) -> Result<()> {
        let mut rest = payload;
        loop {
            let now = rest.len().min(FRAME);
            let head = (now as u32).to_le_bytes();
            self.out.clear();
            self.out
                .extend_from_slice(&[head[0], head[1], head[2], self.sequence]);
            self.sequence = self.sequence.wrapping_add(1);
            // Small payloads go with their header in one write.
            let sent = if now <= Self::READ {
                self.out.extend_from_slice(&rest[..now]);
                self.stream.write_all(&self.out)
            } else {
                self.stream
                    .write_all(&self.out)
                    .and_then(|()| self.stream.write_all(&rest[..now]))
            };
            sent.map_err(|e| broken(&e))?;
            rest = &rest[now..];
            if now < FRAME {
                break;
            }
        }
        self.stream.flush().map_err(|e| broken(&e))
    }
}

/// The parts of a packet, read from the left.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(crate) fn new(packet: &'a [u8]) -> Self {
        Self { rest: packet }
    }

    #[inline]
    pub(crate) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(head)
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*head)
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Option<u8> {
        let (&b, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(b)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// A length-encoded integer; `None` at the end, and for NULL.
    #[inline]
    pub(crate) fn length(&mut self) -> Option<u64> {
        match self.u8()? {
            b @ 0..=0xfa => Some(u64::from(b)),
            0xfc => self.u16().map(u64::from),
            0xfd => self
                .array::<3>()
                .map(|b| u64::from(b[0]) | u64::from(b[1]) << 8 | u64::from(b[2]) << 16),
            0xfe => self.array().map(u64::from_le_bytes),
            _ => None,
        }
    }

    /// A length-encoded string.
    #[inline]
    pub(crate) fn string(&mut self) -> Option<&'a [u8]> {
        let n = usize::try_from(self.length()?).ok()?;
        self.take(n)
    }

    /// One cell of a text row: `Some(None)` is NULL, `None` a packet that ends too early.
    #[inline]
    pub(crate) fn cell(&mut self) -> Option<Option<&'a [u8]>> {
        let (&first, rest) = self.rest.split_first()?;
        if first < 0xfb {
            let (cell, rest) = rest.split_at_checked(usize::from(first))?;
            self.rest = rest;
            return Some(Some(cell));
        }
        if first == 0xfb {
            self.rest = rest;
            return Some(None);
        }
        self.string().map(Some)
    }

    /// Text that ends with a zero byte, or with the packet.
    pub(crate) fn zero_ended(&mut self) -> &'a [u8] {
        match memchr::memchr(0, self.rest) {
            Some(at) => {
                let text = &self.rest[..at];
                self.rest = &self.rest[at + 1..];
                text
            }
            None => std::mem::take(&mut self.rest),
        }
    }
}

/// Appends a length-encoded string.
pub(crate) fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes.len() {
        n @ 0..=0xfa => out.push(n as u8),
        n @ 0xfb..=0xffff => {
            out.push(0xfc);
            out.extend_from_slice(&(n as u16).to_le_bytes());
        }
        n @ 0x1_0000..=0xff_ffff => {
            out.push(0xfd);
            out.extend_from_slice(&(n as u32).to_le_bytes()[..3]);
        }
        n => {
            out.push(0xfe);
            out.extend_from_slice(&(n as u64).to_le_bytes());
        }
    }
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    fn pair() -> (Wire, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let client = TcpStream::connect(address).expect("listening");
        let (server, _) = listener.accept().expect("connected");
        (Wire::new(Stream::Tcp(client)), server)
    }

    #[test]
    fn a_packet_of_several_frames_is_one_packet() {
        let (mut wire, mut server) = pair();
        let body: Vec<u8> = (0..FRAME + 5).map(|i| i as u8).collect();
        let sent = body.clone();
        let writer = std::thread::spawn(move || {
            server.write_all(&[0xff, 0xff, 0xff, 0]).expect("sent");
            server.write_all(&sent[..FRAME]).expect("sent");
            server.write_all(&[5, 0, 0, 1]).expect("sent");
            server.write_all(&sent[FRAME..]).expect("sent");
            server.write_all(&[1, 0, 0, 2, 42]).expect("sent");
        });
        assert!(wire.packet().expect("whole") == body);
        assert_eq!(wire.packet().expect("next"), [42]);
        writer.join().expect("writer");
    }

    #[test]
    fn packets_that_end_too_early_are_errors() {
        let (mut wire, mut server) = pair();
        server.write_all(&[200, 0, 0, 0, 1, 2]).expect("sent");
        drop(server);
        assert_eq!(
            wire.packet().expect_err("short").kind(),
            ErrorKind::Connection
        );
        let mut parts = Parts::new(&[0xfc, 1]);
        assert!(parts.cell().is_none());
        let mut parts = Parts::new(&[0xfe, 255, 255, 255, 255, 255, 255, 255, 255, 1]);
        assert!(parts.string().is_none());
        let mut parts = Parts::new(&[0xfb, 2, b'a', b'b']);
        assert_eq!(parts.cell(), Some(None));
        assert_eq!(parts.cell(), Some(Some(&b"ab"[..])));
        assert_eq!(parts.cell(), None);
    }
}
