//! COPY, out and in.
//!
//! Why no row is lost or doubled: the end of a COPY is told apart from a broken connection by
//! CopyDone and the count in CommandComplete, and every caller compares that count with its own.
//! What is passed on unparsed are the payloads of CopyData messages: the source sends one a row, and the
//! target is sent few large ones, because each costs it about a third of a microsecond.

use super::{Connection, Frame};
use limosa_core::{Error, ErrorKind, Result};
use postgres_protocol::message::frontend;
use std::io::{IoSlice, Write};

/// What comes next from a COPY OUT.
pub(crate) enum CopyEvent {
    /// The payload of a CopyData message; a row, or a row with the header before it.
    Data(Frame),
    /// The end, with the number of rows that the server counted.
    Done(u64),
}

/// What a raw read gave.
pub(crate) struct RawPart {
    /// Frames that ended in it, with the first two bytes of each payload looked at.
    pub(crate) frames: u64,
    /// The end, with the number of rows that the server counted.
    pub(crate) done: Option<u64>,
}

/// The frame that a raw read is in the middle of.
#[derive(Default, Debug, Clone, Copy)]
pub(crate) struct RawFrame {
    left: usize,
}

/// The largest CopyData that we make. The server's buffer takes any; this bounds its memory.
const FRAME: usize = 256 * 1024;

impl Connection {
    /// Begins a COPY … TO STDOUT.
    pub(crate) fn copy_out(&mut self, sql: &str) -> Result<()> {
        self.raw = RawFrame::default();
        self.begin_copy(sql, b'H')
    }

    /// Begins a COPY … FROM STDIN.
    pub(crate) fn copy_in(&mut self, sql: &str) -> Result<()> {
        self.begin_copy(sql, b'G')
    }

    fn begin_copy(&mut self, sql: &str, want: u8) -> Result<()> {
        self.send(|out| frontend::query(sql, out))?;
        let frame = self.message()?;
        match frame.tag {
            tag if tag == want => Ok(()),
            b'E' => {
                let error = self.fault(frame);
                self.ready();
                Err(error)
            }
            tag => Err(self.unexpected(tag)),
        }
    }

    /// Reads to ReadyForQuery after an error.
    fn ready(&mut self) {
        while !self.broken {
            match self.message() {
                Ok(frame) if frame.tag == b'Z' => return,
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    /// The length of the next message of a COPY OUT if it is a huge row's. `Some` is to be asked room for
    /// ([`Connection::ask`]) before it is taken.
    #[inline]
    pub(crate) fn huge_next(&mut self) -> Result<Option<usize>> {
        let (tag, length) = self.header()?;
        Ok((tag == b'd' && length >= self.gate.huge()).then_some(length))
    }

    /// Waits for room for a row of `bytes` bytes; see [`Connection::room`].
    pub(crate) fn ask(&mut self, bytes: usize) -> Result<()> {
        // What came before is the caller's no more.
        self.room = None;
        self.room = Some(self.gate.take(bytes as u64)?);
        Ok(())
    }

    /// The next message of a COPY OUT.
    #[inline]
    pub(crate) fn copy_next(&mut self) -> Result<CopyEvent> {
        let frame = self.message()?;
        if frame.tag == b'd' {
            return Ok(CopyEvent::Data(frame));
        }
        self.copy_end(frame).map(CopyEvent::Done)
    }

    /// After a huge row was taken over from the inbox: gives its memory back.
    pub(crate) fn taken(&mut self) {
        self.shrink();
    }

    /// Takes the payload of the next CopyData message piece by piece, none larger than the inbox.
    pub(crate) fn copy_pieces(&mut self, take: &mut dyn FnMut(&[u8])) -> Result<()> {
        let (_, length) = self.header()?;
        self.at += 5;
        let mut left = length;
        while left > 0 {
            if self.at == self.end {
                self.need(1)?;
            }
            let n = left.min(self.end - self.at);
            take(&self.inbox[self.at..self.at + n]);
            self.at += n;
            left -= n;
        }
        Ok(())
    }

    fn copy_end(&mut self, frame: Frame) -> Result<u64> {
        match frame.tag {
            b'c' => {
                let answer = self.answer()?;
                Ok(answer.count())
            }
            b'E' => {
                let error = self.fault(frame);
                self.ready();
                Err(error)
            }
            tag => Err(self.unexpected(tag)),
        }
    }

    /// Appends about `bytes` bytes of the payloads of CopyData messages to `out`. One larger than that
    /// comes in parts. `row` says of the beginning of a payload whether it is a row's.
    pub(crate) fn copy_raw(
        &mut self,
        out: &mut Vec<u8>,
        bytes: usize,
        row: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<RawPart> {
        let mut part = RawPart {
            frames: 0,
            done: None,
        };
        let full = out.len() + bytes;
        while out.len() < full {
            if self.raw.left == 0 {
                let (tag, length) = self.header()?;
                if tag != b'd' {
                    let frame = self.message()?;
                    part.done = Some(self.copy_end(frame)?);
                    return Ok(part);
                }
                // 21 bytes are the header of the format and the first row's number of fields.
                self.need(5 + length.min(21))?;
                let head = &self.inbox[self.at + 5..self.at + 5 + length.min(21)];
                if row(head) {
                    part.frames += 1;
                }
                self.at += 5;
                self.raw.left = length;
                if length == 0 {
                    continue;
                }
            }
            if self.at == self.end {
                self.need(1)?;
            }
            let n = self.raw.left.min(self.end - self.at).min(bytes.max(1));
            out.extend_from_slice(&self.inbox[self.at..self.at + n]);
            self.at += n;
            self.raw.left -= n;
        }
        Ok(part)
    }

    /// Stops a COPY OUT and whatever else runs, and reads up to the server's readiness.
    pub(crate) fn stop(&mut self) {
        // The rest of a frame that was passed on in parts is passed over.
        while self.raw.left > 0 && !self.broken {
            if self.need(1).is_err() {
                return;
            }
            let n = self.raw.left.min(self.end - self.at);
            self.at += n;
            self.raw.left -= n;
        }
        self.cancel();
        self.ready();
    }

    /// Sends bytes of a COPY IN, framed here.
    pub(crate) fn copy_write(&mut self, bytes: &[u8]) -> Result<()> {
        for part in bytes.chunks(FRAME) {
            let mut header = [b'd', 0, 0, 0, 0];
            header[1..].copy_from_slice(&(part.len() as u32 + 4).to_be_bytes());
            self.write_two(&header, part)?;
        }
        self.look_for_refusal()
    }

    fn write_two(&mut self, mut a: &[u8], mut b: &[u8]) -> Result<()> {
        if self.broken {
            return Err(self.gone());
        }
        while !(a.is_empty() && b.is_empty()) {
            match self
                .stream
                .write_vectored(&[IoSlice::new(a), IoSlice::new(b)])
            {
                Ok(0) => return Err(self.io(std::io::ErrorKind::WriteZero.into())),
                Ok(n) => {
                    let from_a = n.min(a.len());
                    a = &a[from_a..];
                    b = &b[n - from_a..];
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => {
                    // The server may have said why before it closed.
                    let broken = self.io(e);
                    return Err(self.last_words().unwrap_or(broken));
                }
            }
        }
        Ok(())
    }

    fn last_words(&mut self) -> Option<Error> {
        self.broken = false;
        let said = loop {
            match self.message() {
                Ok(frame) if frame.tag == b'E' => break Some(self.fault(frame)),
                Ok(_) => {}
                Err(_) => break None,
            }
        };
        self.broken = true;
        said
    }

    /// Sees early that the server has refused the rows, so that the rest need not be sent.
    fn look_for_refusal(&mut self) -> Result<()> {
        if self.at == self.end && !self.stream.readable() {
            return Ok(());
        }
        self.stream.flush().map_err(|e| self.io(e))?;
        loop {
            // A notice may be all that is there: only whole messages that are here already are read.
            if self.end - self.at < 5 {
                if !self.stream.readable() {
                    return Ok(());
                }
                self.need(5)?;
            }
            match self.header()? {
                (b'N' | b'S' | b'A', length) => {
                    self.need(5 + length)?;
                    self.at += 5 + length;
                }
                (b'E', _) => {
                    let frame = self.message()?;
                    let error = self.fault(frame);
                    self.ready();
                    return Err(error);
                }
                (tag, _) => return Err(self.unexpected(tag)),
            }
        }
    }

    /// Ends a COPY IN; gives the number of rows that the server took.
    pub(crate) fn copy_done(&mut self) -> Result<u64> {
        self.send(|out| {
            frontend::copy_done(out);
            Ok(())
        })?;
        let answer = self.answer()?;
        if !answer.tag.starts_with("COPY ") {
            return Err(Error::new(
                ErrorKind::Protocol,
                self.doing,
                "the server does not say how many rows it took",
            ));
        }
        Ok(answer.count())
    }

    /// Gives a COPY IN up.
    pub(crate) fn copy_fail(&mut self) -> Result<()> {
        self.send(|out| frontend::copy_fail("given up", out))?;
        self.ready();
        Ok(())
    }
}
