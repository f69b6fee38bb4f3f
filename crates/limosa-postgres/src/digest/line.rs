//! Lines of the text format: one as a whole, or a huge one in pieces.

use super::say::{Say, Way, cell};
use limosa_core::canonical::{CanonicalRows, Form};

pub(super) fn row(
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

/// A row of the text format that comes in pieces, cut anywhere.
pub(super) struct Pieces<'a> {
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
    pub(super) fn new(
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
    pub(super) fn ended(&self) -> bool {
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

    pub(super) fn take(&mut self, mut piece: &[u8]) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
