//! The end of a result that nobody reads to its end.

use super::{Connection, State};
use limosa_core::error::{Error, ErrorKind, Result};
use limosa_core::room::{Gate, Open, Room};
use std::sync::Arc;

impl Connection {
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
