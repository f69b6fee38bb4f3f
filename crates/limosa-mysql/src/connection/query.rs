//! Statements and their rows, as text.

use super::packet::{Done, ResultColumn, column_packet, ends, error_packet, ok_packet};
use super::{Connection, MORE_RESULTS, State};
use crate::wire::{Parts, broken, malformed};
use limosa_core::error::{ErrorKind, Result};
use limosa_core::room::{Gate, Room};
use std::sync::Arc;

/// What came back for a statement.
pub(crate) enum Answer {
    Done(Done),
    Rows(Vec<ResultColumn>),
    /// The server waits for the rows of a load.
    Infile,
}

impl Connection {
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
    pub(super) fn column_definitions(&mut self, count: usize) -> Result<Vec<ResultColumn>> {
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
}
