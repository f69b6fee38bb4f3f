//! The sending of a load: the server asks for a file, and gets rows.

use super::packet::Done;
use super::query::Answer;
use super::{Connection, State};
use crate::wire::{broken, malformed};
use limosa_core::error::Result;

impl Connection {
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
}
