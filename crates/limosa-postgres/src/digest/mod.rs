//! Rows in the canonical form: COPY in the text format, with a decoder of its own.
//!
//! Nothing here is shared with the reader: that one decodes the binary format. A mistake there shows
//! as a difference here. Source of the escapes: PostgreSQL manual, "COPY", text format.

mod line;
mod say;

use crate::connect::Settings;
use crate::connection::CopyEvent;
use crate::names::ident;
use crate::read::{Exported, Lane};
use crate::select;
use crate::sums;
use limosa_core::canonical::{CanonicalRows, Form};
use limosa_core::chunk::Range;
use limosa_core::engine::{CanonicalColumn, CanonicalRead, Canonicalizer};
use limosa_core::pushdown::{self, Spelling, Sums};
use limosa_core::room::{Gate, Room};
use limosa_core::schema::Type;
use limosa_core::value::Value;
use limosa_core::{Error, ErrorKind, Result};
use line::{Pieces, row};
use say::{Say, Way};
use std::sync::Arc;

/// See [`Canonicalizer`].
pub(crate) struct PostgresCanonicalizer {
    lane: Lane,
    open: bool,
    table: String,
    columns: Vec<Say>,
    key_columns: usize,
    rows: u64,
    scratch: Vec<u8>,
}

fn plan(column: &CanonicalColumn) -> (String, Say) {
    let name = ident(&column.name);
    let base = column.ty.base();
    let say = Say {
        form: column.form,
        single: matches!(base, Type::Float { bits: 32 }),
        hex: base.binary() || matches!(base, Type::Geometry { .. }),
    };
    let text = match (column.form, base) {
        (_, Type::Money { .. }) => format!("{name}::numeric"),
        (Form::Interval, Type::Interval) => format!(
            "CASE WHEN NOT isfinite({name}) THEN {name}::text ELSE \
             (extract(year FROM {name}) * 12 + extract(month FROM {name}))::bigint::text || ' ' || \
             extract(day FROM {name})::bigint::text || ' ' || \
             (extract(hour FROM {name})::bigint * 3600000000 + extract(minute FROM {name})::bigint * 60000000 + \
             extract(microseconds FROM {name})::bigint)::text END"
        ),
        (Form::Interval, Type::Time { .. }) => {
            format!("'0 0 ' || (extract(epoch FROM {name}) * 1000000)::bigint::text")
        }
        (Form::Json, Type::Array { element }) => select::array(&name, element),
        (Form::Json, Type::Native { json: true, .. }) => format!("to_json({name})"),
        (Form::Set, Type::Array { .. }) => format!("array_to_string({name}, ',')"),
        (Form::Geometry, Type::Geometry { .. }) => format!("{name}::bytea"),
        _ => name,
    };
    (text, say)
}

/// The expression whose text COPY sends for a column.
pub(crate) fn expression(column: &CanonicalColumn) -> String {
    plan(column).0
}

impl PostgresCanonicalizer {
    pub(crate) fn new(settings: &Arc<Settings>, exported: &Exported) -> Result<Self> {
        Ok(Self {
            lane: Lane::join(settings, exported)?,
            open: false,
            table: String::new(),
            columns: Vec::new(),
            key_columns: 0,
            rows: 0,
            scratch: Vec::new(),
        })
    }
}

impl PostgresCanonicalizer {
    /// Reads a huge row piece by piece.
    fn huge(&mut self, length: usize, rows: &mut CanonicalRows) -> Result<()> {
        self.rows += 1;
        // The canonical row alone is held of what is copied or halved, the text beside it of the rest.
        let asked = if self.columns.iter().any(|say| say.way() == Way::Long) {
            length
        } else {
            length.div_ceil(2)
        };
        let taken = self.lane.connection.ask(asked).and_then(|()| {
            rows.reserve(length);
            let mut row = Pieces::new(&self.columns, self.key_columns, rows, &mut self.scratch);
            self.lane
                .connection
                .copy_pieces(&mut |piece| row.take(piece))?;
            Ok(row.ended())
        });
        self.scratch = Vec::new();
        let error = match taken {
            Ok(true) => return Ok(()),
            Ok(false) => Error::new(
                ErrorKind::Protocol,
                "reading rows to compare",
                "a line is not a row of the text format",
            ),
            Err(e) => e,
        };
        self.open = false;
        self.lane.connection.abandon();
        Err(error.on(self.table.clone()))
    }

    /// Asks within the snapshot.
    fn ask(
        &mut self,
        read: &CanonicalRead,
        doing: &'static str,
        sql: &str,
    ) -> Result<Vec<Vec<Option<String>>>> {
        let busy = std::mem::take(&mut self.open);
        self.lane.ready(&read.table, busy)?;
        self.lane.connection.doing = doing;
        match self.lane.connection.query(sql) {
            Ok(answer) => Ok(answer.rows),
            Err(e) => {
                self.lane.connection.abandon();
                Err(e.on(read.table.to_string()))
            }
        }
    }

    fn begin(
        &mut self,
        read: &CanonicalRead,
        condition: impl FnOnce(&[(String, String)]) -> Result<String>,
    ) -> Result<()> {
        let busy = std::mem::take(&mut self.open);
        self.lane.ready(&read.table, busy)?;
        self.table = read.table.to_string();
        self.columns.clear();
        let mut parts = Vec::with_capacity(read.columns.len());
        for column in &read.columns {
            let (part, say) = plan(column);
            parts.push(part);
            self.columns.push(say);
        }
        self.key_columns = read.key_columns;
        self.rows = 0;
        let key: Vec<(String, String)> = read
            .columns
            .iter()
            .take(read.key_columns)
            .map(|c| (c.name.clone(), c.native.clone()))
            .collect();
        let sql = format!(
            "COPY (SELECT {} {}{}) TO STDOUT (FORMAT text)",
            parts.join(", "),
            select::from(&read.table, self.lane.partitioned()),
            condition(&key)?
        );
        self.lane.connection.doing = "reading rows to compare";
        if let Err(e) = self.lane.connection.copy_out(&sql) {
            self.lane.connection.abandon();
            return Err(e.on(self.table.clone()));
        }
        self.open = true;
        Ok(())
    }
}

impl Canonicalizer for PostgresCanonicalizer {
    fn bound(&mut self, gate: Arc<dyn Gate>) {
        self.lane.connection.bound(gate);
    }

    fn room(&mut self) -> Option<Room> {
        self.lane.connection.room()
    }

    fn open(&mut self, read: &CanonicalRead, range: &Range) -> Result<()> {
        self.begin(read, |key| select::condition(range, key))
    }

    fn open_keys(&mut self, read: &CanonicalRead, keys: &[Vec<Value>]) -> Result<()> {
        self.begin(read, |key| select::keys(key, keys))
    }

    fn sums(
        &mut self,
        read: &CanonicalRead,
        said: &[Spelling],
        range: &Range,
        parts: u32,
    ) -> Result<Vec<Sums>> {
        let sql = sums::question(read, said, range, parts, self.lane.partitioned())?;
        pushdown::answered(&self.ask(read, "summing rows up", &sql)?, parts)
    }

    fn open_parts(
        &mut self,
        read: &CanonicalRead,
        said: &[Spelling],
        range: &Range,
        parts: u32,
        chosen: &[u32],
    ) -> Result<()> {
        let condition = sums::condition(read, said, range, parts, chosen)?;
        self.begin(read, |_| Ok(condition))
    }

    fn count(&mut self, read: &CanonicalRead) -> Result<u64> {
        let from = select::from(&read.table, self.lane.partitioned());
        let rows = self.ask(read, "counting rows", &format!("SELECT count(*) {from}"))?;
        let count = rows
            .first()
            .and_then(|r| r.first()?.as_deref()?.parse().ok());
        count.ok_or_else(|| {
            Error::new(
                ErrorKind::Protocol,
                "counting rows",
                "the answer is no number",
            )
            .on(read.table.to_string())
        })
    }

    fn fill(&mut self, rows: &mut CanonicalRows, bytes: usize) -> Result<bool> {
        if !self.open {
            return Ok(false);
        }
        drop(self.lane.connection.room());
        while rows.bytes() < bytes {
            let next = match self.lane.connection.huge_next() {
                Ok(Some(length)) => {
                    self.huge(length, rows)?;
                    return Ok(true);
                }
                Ok(None) => self.lane.connection.copy_next(),
                Err(e) => Err(e),
            };
            let event = match next {
                Ok(event) => event,
                Err(e) => {
                    self.open = false;
                    self.lane.connection.abandon();
                    return Err(e.on(self.table.clone()));
                }
            };
            let wrong = match event {
                CopyEvent::Data(frame) => {
                    let line = self.lane.connection.body(frame);
                    self.rows += 1;
                    let read = row(
                        line,
                        &self.columns,
                        self.key_columns,
                        rows,
                        &mut self.scratch,
                    );
                    read.map_or(
                        Some("a line is not a row of the text format".to_string()),
                        |()| None,
                    )
                }
                CopyEvent::Done(counted) => {
                    self.open = false;
                    if counted == self.rows {
                        return Ok(false);
                    }
                    Some(format!(
                        "the server sent {} rows and counts {counted}",
                        self.rows
                    ))
                }
            };
            if let Some(why) = wrong {
                self.open = false;
                self.lane.connection.abandon();
                return Err(
                    Error::new(ErrorKind::Protocol, "reading rows to compare", why)
                        .on(self.table.clone()),
                );
            }
        }
        Ok(true)
    }
}
