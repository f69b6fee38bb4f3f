//! Rows in the canonical form: COPY in the text format, with a decoder of its own.
//!
//! Nothing here is shared with the reader: that one decodes the binary format. A mistake there shows
//! as a difference here. Source of the escapes: PostgreSQL manual, "COPY", text format.

use crate::connect::Settings;
use crate::connection::CopyEvent;
use crate::names::ident;
use crate::read::{Exported, Lane};
use crate::select;
use limosa_core::canonical::{self, CanonicalRows, Form};
use limosa_core::chunk::Range;
use limosa_core::engine::{CanonicalColumn, CanonicalRead, Canonicalizer};
use limosa_core::room::{Gate, Room};
use limosa_core::schema::Type;
use limosa_core::value::Value;
use limosa_core::{Error, ErrorKind, Result};
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

/// How one column's text is said.
#[derive(Clone, Copy, Debug)]
struct Say {
    form: Form,
    /// The text is of a 32-bit float.
    single: bool,
    /// The text is of bytes, `\x…`.
    hex: bool,
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
        (Form::Json, Type::Array { element }) => format!(
            "CASE WHEN {} THEN array_to_json({name})::text ELSE {name}::text END",
            select::json_can_say(&name, element)
        ),
        (Form::Json, Type::Native { json: true, .. }) => format!("to_json({name})"),
        (Form::Set, Type::Array { .. }) => format!("array_to_string({name}, ',')"),
        (Form::Geometry, Type::Geometry { .. }) => format!("{name}::bytea"),
        _ => name,
    };
    (text, say)
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

/// How a huge value is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// As it comes.
    Copied,
    /// Two hexadecimal digits a byte.
    Halved,
    /// Once it is there to its end; it is short.
    Short,
    /// Once it is there to its end, which may be far.
    Long,
}

impl Say {
    fn way(self) -> Way {
        match self.form {
            Form::Bytes | Form::Geometry if self.hex => Way::Halved,
            Form::Text | Form::Bytes | Form::Geometry | Form::Native | Form::Bits => Way::Copied,
            Form::PaddedText | Form::Json | Form::Set | Form::Dynamic => Way::Long,
            _ => Way::Short,
        }
    }
}

/// A row of the text format that comes in pieces, cut anywhere.
struct Pieces<'a> {
    columns: &'a [Say],
    key_columns: usize,
    rows: &'a mut CanonicalRows,
    scratch: &'a mut Vec<u8>,
    /// The field in hand, its cell's place, and how many bytes of it there were.
    column: usize,
    cell: usize,
    length: usize,
    null: bool,
    /// A backslash was the last byte.
    escape: bool,
    /// The first of two digits.
    half: Option<u8>,
    legal: bool,
    ended: bool,
}

impl<'a> Pieces<'a> {
    fn new(
        columns: &'a [Say],
        key_columns: usize,
        rows: &'a mut CanonicalRows,
        scratch: &'a mut Vec<u8>,
    ) -> Self {
        let mut row = Self {
            columns,
            key_columns,
            rows,
            scratch,
            column: 0,
            cell: 0,
            length: 0,
            null: false,
            escape: false,
            half: None,
            legal: true,
            ended: false,
        };
        row.begin();
        row
    }

    /// Whether the row came to a legal end.
    fn ended(&self) -> bool {
        self.legal && self.ended
    }

    fn way(&self) -> Option<Way> {
        self.columns.get(self.column).map(|say| say.way())
    }

    fn begin(&mut self) {
        if self.column == self.key_columns {
            self.rows.end_key();
        }
        (self.length, self.null, self.half) = (0, false, None);
        self.scratch.clear();
        match self.way() {
            Some(Way::Short | Way::Long) => {}
            Some(_) => self.cell = self.rows.begin_cell(),
            // More fields than columns.
            None => self.legal = false,
        }
    }

    fn end(&mut self) {
        match (self.way(), self.null) {
            (Some(Way::Short | Way::Long), false) => {
                cell(self.columns[self.column], self.scratch, self.rows);
            }
            (Some(Way::Short | Way::Long), true) => self.rows.null(),
            // A cell that was begun and got nothing looks like NULL already.
            (Some(_), true) => {}
            (Some(way), false) => {
                self.legal &= self.half.is_none() && (way != Way::Halved || self.length >= 2);
                self.rows.end_cell(self.cell);
            }
            (None, _) => self.legal = false,
        }
        self.column += 1;
    }

    fn take(&mut self, mut piece: &[u8]) {
        while self.legal && !piece.is_empty() {
            if self.ended {
                self.legal = false;
                return;
            }
            if std::mem::take(&mut self.escape) {
                let escaped = [b'\\', piece[0]];
                piece = &piece[1..];
                if escaped[1] == b'N' && self.length == 0 {
                    self.null = true;
                    continue;
                }
                let mut one = Vec::with_capacity(1);
                self.legal &= unescape(&escaped, &mut one).is_some();
                self.put(&one);
                continue;
            }
            let plain = memchr::memchr3(b'\\', b'\t', b'\n', piece).unwrap_or(piece.len());
            let (before, rest) = piece.split_at(plain);
            if !before.is_empty() {
                self.put(before);
            }
            let Some((stop, rest)) = rest.split_first() else {
                return;
            };
            piece = rest;
            match stop {
                b'\\' => self.escape = true,
                b'\t' => {
                    self.end();
                    self.begin();
                }
                _ => {
                    self.end();
                    if self.column == self.key_columns {
                        self.rows.end_key();
                    }
                    self.rows.end_row();
                    self.legal &= self.column == self.columns.len();
                    self.ended = true;
                }
            }
        }
    }

    /// Adds unescaped bytes to the field in hand.
    fn put(&mut self, mut bytes: &[u8]) {
        self.legal &= !self.null;
        match self.way() {
            Some(Way::Copied) => self.rows.part(bytes),
            Some(Way::Halved) => {
                // The digits come behind `\x`.
                while self.length < 2
                    && let Some((mark, rest)) = bytes.split_first()
                {
                    self.legal &= *mark == [b'\\', b'x'][self.length];
                    self.length += 1;
                    bytes = rest;
                }
                self.digits(bytes);
            }
            Some(Way::Short | Way::Long) => self.scratch.extend_from_slice(bytes),
            None => {}
        }
        self.length += bytes.len();
    }

    fn digits(&mut self, mut digits: &[u8]) {
        let value = |b: u8| match b {
            b'0'..=b'9' => b - b'0',
            b => (b | 0x20).wrapping_sub(b'a').wrapping_add(10) & 15,
        };
        if let (Some(high), Some((low, rest))) = (self.half, digits.split_first()) {
            self.half = None;
            self.rows.part(&[high << 4 | value(*low)]);
            digits = rest;
        }
        let mut out = [0; 1024];
        for part in digits.chunks(2 * out.len()) {
            let pairs = part.chunks_exact(2);
            if let [high] = pairs.remainder() {
                self.half = Some(value(*high));
            }
            let count = pairs.len();
            for (byte, pair) in out.iter_mut().zip(pairs) {
                *byte = value(pair[0]) << 4 | value(pair[1]);
            }
            self.rows.part(&out[..count]);
        }
    }
}

fn row(
    line: &[u8],
    columns: &[Say],
    key_columns: usize,
    rows: &mut CanonicalRows,
    scratch: &mut Vec<u8>,
) -> Option<()> {
    let line = line.strip_suffix(b"\n")?;
    let mut fields = line.split(|b| *b == b'\t');
    for (i, say) in columns.iter().enumerate() {
        if i == key_columns {
            rows.end_key();
        }
        let field = fields.next()?;
        if field == b"\\N" {
            rows.null();
            continue;
        }
        match memchr::memchr(b'\\', field) {
            None => cell(*say, field, rows),
            // The backslash before bytes in hex is the only one there: no copy of them.
            Some(0) if say.hex && field.starts_with(b"\\\\x") => cell(*say, &field[1..], rows),
            Some(_) if say.form == Form::Text => {
                let mut legal = None;
                rows.cell_with(|out| legal = unescape(field, out));
                legal?;
            }
            Some(_) => {
                scratch.clear();
                unescape(field, scratch)?;
                cell(*say, scratch, rows);
            }
        }
    }
    if columns.len() == key_columns {
        rows.end_key();
    }
    rows.end_row();
    fields.next().is_none().then_some(())
}

fn unescape(field: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut bytes = field.iter();
    while let Some(b) = bytes.next() {
        if *b != b'\\' {
            out.push(*b);
            continue;
        }
        // The server writes only these.
        out.push(match bytes.next()? {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'\\' => b'\\',
            other => *other,
        });
    }
    Some(())
}

fn cell(say: Say, text: &[u8], rows: &mut CanonicalRows) {
    rows.cell_with(|out| match say.form {
        Form::Boolean => canonical::boolean(out, text),
        Form::Integer | Form::Decimal => canonical::decimal(out, text),
        Form::Double => match (say.single, number::<f32>(text), number::<f64>(text)) {
            (true, Some(f), _) => canonical::double(out, f64::from(f)),
            (false, _, Some(f)) => canonical::double(out, f),
            _ => out.extend_from_slice(text),
        },
        Form::Single => match (say.single, number::<f32>(text), number::<f64>(text)) {
            (true, Some(f), _) => canonical::single(out, f),
            (false, _, Some(f)) if f64::from(f as f32) == f || f.is_nan() => {
                canonical::single(out, f as f32);
            }
            (false, _, Some(f)) => canonical::double(out, f),
            _ => out.extend_from_slice(text),
        },
        Form::PaddedText => {
            let blanks = text.iter().rev().take_while(|b| **b == b' ').count();
            out.extend_from_slice(&text[..text.len() - blanks]);
        }
        Form::Bytes | Form::Geometry if say.hex => match text.strip_prefix(b"\\x") {
            Some(hex) => {
                let digit = |b: u8| (b as char).to_digit(16).unwrap_or(0) as u8;
                out.extend(hex.chunks_exact(2).map(|p| digit(p[0]) << 4 | digit(p[1])));
            }
            None => out.extend_from_slice(text),
        },
        Form::Date => with_sign(out, text, |out, t| canonical::moment(out, t, false)),
        Form::Time => canonical::moment(out, text, false),
        Form::Timestamp => with_sign(out, text, |out, t| canonical::moment(out, t, true)),
        Form::TimestampTz => with_sign(out, text, |out, t| {
            // The session's zone is UTC, so the server always writes this one.
            let t = t.strip_suffix(b"+00").unwrap_or(t);
            canonical::moment(out, t, true);
        }),
        Form::TimeTz => time_tz(out, text),
        Form::Uuid => out.extend(text.iter().map(u8::to_ascii_lowercase)),
        Form::Json => canonical::json(out, text),
        Form::Set => canonical::set(out, text),
        Form::Dynamic => {
            out.push(b't');
            out.extend_from_slice(text);
        }
        Form::Text | Form::Bytes | Form::Geometry | Form::Interval | Form::Bits | Form::Native => {
            out.extend_from_slice(text);
        }
    });
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// PostgreSQL writes years before 1 as `0044-03-15 BC`; the canonical form counts them: 1 BC is year 0,
/// 44 BC is -43.
fn with_sign(out: &mut Vec<u8>, text: &[u8], say: impl FnOnce(&mut Vec<u8>, &[u8])) {
    let Some(before) = text.strip_suffix(b" BC") else {
        return say(out, text);
    };
    let dash = before.iter().position(|b| *b == b'-').unwrap_or(0);
    let Some(year) = number::<i64>(&before[..dash]) else {
        return out.extend_from_slice(text);
    };
    let mut changed = match year - 1 {
        0 => b"0000".to_vec(),
        n => format!("-{n:04}").into_bytes(),
    };
    changed.extend_from_slice(&before[dash..]);
    say(out, &changed);
}

/// `10:20:30.5+02`, `-03:30`, `+01:02:03` → the time, a blank, the seconds east.
fn time_tz(out: &mut Vec<u8>, text: &[u8]) {
    let Some(at) = text.iter().rposition(|b| matches!(b, b'+' | b'-')) else {
        return out.extend_from_slice(text);
    };
    let mut seconds = 0i64;
    for (part, unit) in text[at + 1..].split(|b| *b == b':').zip([3600, 60, 1]) {
        seconds += number::<i64>(part).unwrap_or(0) * unit;
    }
    if text[at] == b'-' {
        seconds = -seconds;
    }
    canonical::moment(out, &text[..at], false);
    out.extend_from_slice(format!(" {seconds}").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(form: Form, text: &str) -> String {
        let mut rows = CanonicalRows::default();
        cell(
            Say {
                form,
                single: false,
                hex: false,
            },
            text.as_bytes(),
            &mut rows,
        );
        rows.end_row();
        let (_, row) = rows.rows().next().expect("one row");
        let cells = canonical::cells(row);
        String::from_utf8_lossy(cells[0].expect("not null")).into_owned()
    }

    #[test]
    fn server_text_becomes_canonical() {
        for (form, text, want) in [
            (Form::Date, "0044-03-15 BC", "-0043-03-15"),
            (Form::Date, "0001-01-01 BC", "0000-01-01"),
            (
                Form::TimestampTz,
                "2024-01-01 00:00:00.5+00",
                "2024-01-01 00:00:00.5",
            ),
            (
                Form::TimestampTz,
                "0044-03-15 00:00:00+00 BC",
                "-0043-03-15 00:00:00",
            ),
            (Form::Timestamp, "infinity", "infinity"),
            (Form::TimeTz, "10:20:30.50-03:30", "10:20:30.5 -12600"),
            (Form::PaddedText, "ab  ", "ab"),
            (Form::Boolean, "t", "1"),
        ] {
            assert_eq!(said(form, text), want);
        }
    }

    #[test]
    fn a_row_in_pieces_is_the_row_as_a_whole() {
        let say = |form, hex| Say {
            form,
            single: false,
            hex,
        };
        let columns = [
            say(Form::Integer, false),
            say(Form::Text, false),
            say(Form::Bytes, true),
            say(Form::Json, false),
            say(Form::Text, false),
        ];
        for line in [
            &b"42\ta\\tb\\\\N\\n\t\\\\x00ff5C0a\t{\"a\":\"\\\\n\"}\t\n"[..],
            b"\\N\t\\N\t\\N\t\\N\t\\N\n",
            b"7\t\t\\\\x\tnull\t\\\\N\n",
        ] {
            for key in [0, 1, 5] {
                let mut scratch = Vec::new();
                let mut whole = CanonicalRows::default();
                row(line, &columns, key, &mut whole, &mut scratch).expect("legal");
                let whole: Vec<(Vec<u8>, Vec<u8>)> = whole
                    .rows()
                    .map(|(key, row)| (key.to_vec(), row.to_vec()))
                    .collect();
                for step in 1..=line.len() {
                    let mut rows = CanonicalRows::default();
                    let mut pieces = Pieces::new(&columns, key, &mut rows, &mut scratch);
                    for piece in line.chunks(step) {
                        pieces.take(piece);
                    }
                    assert!(pieces.ended());
                    let parts: Vec<(Vec<u8>, Vec<u8>)> = rows
                        .rows()
                        .map(|(key, row)| (key.to_vec(), row.to_vec()))
                        .collect();
                    assert_eq!(parts, whole, "{step}");
                }
            }
        }
        for line in [
            &b"1\ta\t\\\\x0\t1\ta\n"[..],
            b"1\ta\t00\t1\ta\n",
            b"1\ta\n",
            b"1\ta\t\\\\x00\t1\ta\tb\n",
            b"1\ta\t\\\\x00\t1\ta",
            b"1\t\\Na\t\\\\x00\t1\ta\n",
            b"1\ta\t\\\\x00\t1\ta\nb",
        ] {
            let (mut rows, mut scratch) = (CanonicalRows::default(), Vec::new());
            let mut pieces = Pieces::new(&columns, 1, &mut rows, &mut scratch);
            pieces.take(line);
            assert!(!pieces.ended(), "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn lines_are_cut_where_the_server_cuts() {
        let mut scratch = Vec::new();
        unescape(br"a\tb\\n\nc\\", &mut scratch).expect("legal");
        assert_eq!(scratch, b"a\tb\\n\nc\\");
        assert!(unescape(b"a\\", &mut scratch).is_none());
        let say = Say {
            form: Form::Text,
            single: false,
            hex: false,
        };
        let mut rows = CanonicalRows::default();
        assert!(row(b"a\tb\tc\n", &[say; 2], 1, &mut rows, &mut scratch).is_none());
        assert!(row(b"a\n", &[say; 2], 1, &mut rows, &mut scratch).is_none());
    }
}
