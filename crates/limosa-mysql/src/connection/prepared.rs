//! Prepared statements: their rows come in the binary form.

use super::Connection;
use super::packet::{Done, ResultColumn, error_packet};
use super::query::Answer;
use crate::wire::{Parts, malformed, put_string};
use limosa_core::error::Result;
use limosa_core::mend::Datum;

impl Connection {
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

    /// Runs one statement with bound values that gives no rows.
    pub(crate) fn run_with(&mut self, doing: &str, sql: &str, values: &[Datum]) -> Result<Done> {
        let id = self.prepare(doing, sql)?;
        let mut body = id.to_le_bytes().to_vec();
        body.extend_from_slice(&[0, 1, 0, 0, 0]);
        if !values.is_empty() {
            // None of them is NULL, and their types follow.
            body.resize(body.len() + values.len().div_ceil(8), 0);
            body.push(1);
            for value in values {
                let kind: u8 = match value {
                    Datum::Bytes(_) => 0xfc,
                    _ => 0xfd,
                };
                body.extend_from_slice(&[kind, 0]);
            }
            for value in values {
                match value {
                    Datum::Text(text) => put_string(&mut body, text.as_bytes()),
                    Datum::Bytes(bytes) => put_string(&mut body, bytes),
                    Datum::Integer(n) => put_string(&mut body, n.to_string().as_bytes()),
                    Datum::Real(v) => put_string(&mut body, format!("{v:?}").as_bytes()),
                }
            }
        }
        self.send(0x17, &body)?;
        let done = match self.answer(doing) {
            Ok(Answer::Done(done)) => Ok(done),
            Ok(_) => return self.fail(malformed("answer: rows for a change")),
            Err(e) => Err(e),
        };
        if done.is_ok() {
            self.close_prepared(id)?;
        }
        done
    }

    /// Forgets a prepared statement. The server does not answer.
    pub(crate) fn close_prepared(&mut self, id: u32) -> Result<()> {
        self.send(0x19, &id.to_le_bytes())
    }
}
