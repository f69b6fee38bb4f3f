//! Statements and their small answers: the simple protocol for fixed words, the extended one where
//! values are bound.

use super::Connection;
use limosa_core::{Error, Result};
use postgres_protocol::IsNull;
use postgres_protocol::message::frontend;

/// Rows as text, and what the server says was done.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) rows: Vec<Vec<Option<String>>>,
    pub(crate) tag: String,
}

impl Answer {
    /// The first cell of the first row.
    pub(crate) fn one(&self) -> Option<&str> {
        self.rows.first()?.first()?.as_deref()
    }

    /// The number at the end of the tag: rows touched.
    pub(crate) fn count(&self) -> u64 {
        self.tag
            .rsplit(' ')
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or(0)
    }
}

impl Connection {
    /// Runs statements by the simple protocol; gives the rows of all and the last tag.
    pub(crate) fn query(&mut self, sql: &str) -> Result<Answer> {
        self.send(|out| frontend::query(sql, out))?;
        self.answer()
    }

    /// Runs one statement with bound text values.
    pub(crate) fn query_with(&mut self, sql: &str, values: &[Option<&str>]) -> Result<Answer> {
        self.send(|out| {
            frontend::parse("", sql, [], out)?;
            let bound = frontend::bind(
                "",
                "",
                [],
                values,
                |value, out| {
                    Ok(match value {
                        Some(v) => {
                            out.extend_from_slice(v.as_bytes());
                            IsNull::No
                        }
                        None => IsNull::Yes,
                    })
                },
                [],
                out,
            );
            match bound {
                Ok(()) => {}
                Err(frontend::BindError::Conversion(e)) => return Err(std::io::Error::other(e)),
                Err(frontend::BindError::Serialization(e)) => return Err(e),
            }
            frontend::execute("", 0, out)?;
            frontend::sync(out);
            Ok(())
        })?;
        self.answer()
    }

    /// Runs one statement and shows its rows as they come; nothing is kept. After an error of `see` the
    /// connection is not used any more.
    pub(crate) fn each(
        &mut self,
        sql: &str,
        see: &mut dyn FnMut(&[Option<&str>]) -> Result<()>,
    ) -> Result<()> {
        self.send(|out| {
            frontend::parse("", sql, [], out)?;
            let none: [&str; 0] = [];
            let bound = frontend::bind("", "", [], none, |_, _| Ok(IsNull::Yes), [], out);
            match bound {
                Ok(()) => {}
                Err(frontend::BindError::Conversion(e)) => return Err(std::io::Error::other(e)),
                Err(frontend::BindError::Serialization(e)) => return Err(e),
            }
            frontend::execute("", 0, out)?;
            frontend::sync(out);
            Ok(())
        })?;
        let mut error: Option<Error> = None;
        loop {
            let frame = match self.message() {
                Ok(frame) => frame,
                Err(e) => return Err(error.unwrap_or(e)),
            };
            match frame.tag {
                b'Z' => break,
                b'D' => {
                    let Some(row) = cells(self.body(frame)) else {
                        return Err(self.malformed("a row is not what its lengths say"));
                    };
                    let row: Vec<Option<&str>> = row.iter().map(Option::as_deref).collect();
                    if let Err(e) = see(&row) {
                        self.cancel();
                        self.abandon();
                        return Err(e);
                    }
                }
                b'E' => {
                    let fault = self.fault(frame);
                    error.get_or_insert(fault);
                    if self.broken {
                        break;
                    }
                }
                b'C' | b'1' | b'2' | b'3' | b'T' | b't' | b'n' | b'I' | b's' => {}
                b'G' => self.send(|out| frontend::copy_fail("not expected", out))?,
                b'H' | b'd' | b'c' => {}
                tag => return Err(self.unexpected(tag)),
            }
        }
        error.map_or(Ok(()), Err)
    }

    /// Reads answers up to ReadyForQuery. An error is given once the server is ready again.
    pub(super) fn answer(&mut self) -> Result<Answer> {
        let mut answer = Answer::default();
        let mut error: Option<Error> = None;
        loop {
            let frame = match self.message() {
                Ok(frame) => frame,
                // What the server said before it closed is the better reason.
                Err(e) => return Err(error.unwrap_or(e)),
            };
            match frame.tag {
                b'Z' => break,
                b'D' => match cells(self.body(frame)) {
                    Some(row) => answer.rows.push(row),
                    None => return Err(self.malformed("a row is not what its lengths say")),
                },
                b'C' => {
                    answer.tag = String::from_utf8_lossy(self.body(frame))
                        .trim_end_matches('\0')
                        .to_string();
                }
                b'E' => {
                    let fault = self.fault(frame);
                    error.get_or_insert(fault);
                    if self.broken {
                        break;
                    }
                }
                // Parse, bind and close complete, row and parameter descriptions, no data, empty query.
                b'1' | b'2' | b'3' | b'T' | b't' | b'n' | b'I' | b's' => {}
                // A COPY that nobody asked for as such: refuse its data, or pass over its rows.
                b'G' => self.send(|out| frontend::copy_fail("not expected", out))?,
                b'H' | b'd' | b'c' => {}
                tag => return Err(self.unexpected(tag)),
            }
        }
        match error {
            Some(e) => Err(e),
            None => Ok(answer),
        }
    }
}

/// Reads a DataRow of text cells.
fn cells(body: &[u8]) -> Option<Vec<Option<String>>> {
    let (count, mut rest) = body.split_first_chunk::<2>()?;
    let count = usize::from(u16::from_be_bytes(*count));
    let mut row = Vec::with_capacity(count);
    for _ in 0..count {
        let (length, tail) = rest.split_first_chunk::<4>()?;
        rest = tail;
        match i32::from_be_bytes(*length) {
            -1 => row.push(None),
            n => {
                let n = usize::try_from(n).ok().filter(|n| *n <= rest.len())?;
                let (cell, tail) = rest.split_at(n);
                row.push(Some(String::from_utf8_lossy(cell).into_owned()));
                rest = tail;
            }
        }
    }
    Some(row)
}

#[cfg(test)]
mod tests {
    use super::cells;

    #[test]
    fn rows_that_lie_about_their_lengths_are_refused() {
        assert_eq!(
            cells(b"\0\x02\xff\xff\xff\xff\0\0\0\x01a"),
            Some(vec![None, Some("a".into())])
        );
        for body in [
            &b""[..],
            b"\0\x01",
            b"\0\x01\0\0\0\x05a",
            b"\0\x01\xff\xff\xff\xfea",
        ] {
            assert_eq!(cells(body), None);
        }
    }
}
