//! Reads the text of CREATE statements for what the catalog does not tell: names of constraints,
//! conditions, collations, AUTOINCREMENT, generating expressions, what is deferrable, and our own
//! notes about types.
//!
//! The texts were accepted by SQLite once, so this reader need not judge them; on anything that it
//! does not know it goes one token further and never panics.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Word,
    Quoted,
    Text,
    Number,
    Sign,
    Comment,
}

/// A token of SQL text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    /// Its first byte in the statement.
    pub(crate) at: usize,
}

impl Token<'_> {
    fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    fn sign(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }

    fn end(&self) -> usize {
        self.at + self.text.len()
    }

    /// The name that the token means as an identifier.
    pub(crate) fn name(&self) -> String {
        let inner = || {
            let mut chars = self.text.chars();
            chars.next();
            chars.next_back();
            chars.as_str()
        };
        match self.text.as_bytes().first() {
            Some(b'"') => inner().replace("\"\"", "\""),
            Some(b'`') => inner().replace("``", "`"),
            Some(b'\'') => inner().replace("''", "'"),
            Some(b'[') => inner().to_owned(),
            _ => self.text.to_owned(),
        }
    }
}

/// Cuts SQL text into tokens; blanks are left out, comments are kept.
pub(crate) fn tokens(sql: &str) -> Vec<Token<'_>> {
    let bytes = sql.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$') || b >= 0x80;
    let quoted = |from: usize, quote: u8| {
        let mut to = from + 1;
        while to < bytes.len() {
            if bytes[to] == quote {
                if quote != b']' && bytes.get(to + 1) == Some(&quote) {
                    to += 2;
                    continue;
                }
                return to + 1;
            }
            to += 1;
        }
        bytes.len()
    };
    while at < bytes.len() {
        let b = bytes[at];
        let (kind, end) = match b {
            b if b.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'-' if bytes.get(at + 1) == Some(&b'-') => {
                let end = bytes[at..].iter().position(|b| *b == b'\n');
                (Kind::Comment, end.map_or(bytes.len(), |n| at + n))
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                let end = sql.get(at + 2..).and_then(|rest| rest.find("*/"));
                (Kind::Comment, end.map_or(bytes.len(), |n| at + 2 + n + 2))
            }
            b'"' | b'`' => (Kind::Quoted, quoted(at, b)),
            b'[' => (Kind::Quoted, quoted(at, b']')),
            b'\'' => (Kind::Text, quoted(at, b)),
            b'x' | b'X' if bytes.get(at + 1) == Some(&b'\'') => (Kind::Text, quoted(at + 1, b'\'')),
            b if b.is_ascii_digit() => {
                let n = bytes[at..]
                    .iter()
                    .take_while(|b| word(**b) || **b == b'.')
                    .count();
                (Kind::Number, at + n)
            }
            b if word(b) => {
                let n = bytes[at..].iter().take_while(|b| word(**b)).count();
                (Kind::Word, at + n)
            }
            _ => (Kind::Sign, at + 1),
        };
        let end = end.min(bytes.len());
        match sql.get(at..end) {
            Some(text) => out.push(Token { kind, text, at }),
            None => return out,
        }
        at = end;
    }
    out
}

/// What the text of a table says about one column.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ColumnText {
    pub(crate) name: String,
    /// The text of our own note after the type.
    pub(crate) hint: Option<String>,
    pub(crate) collation: Option<String>,
    pub(crate) generated: Option<String>,
}

/// What the text of a table says about one foreign key, in the order of the text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ForeignKeyText {
    pub(crate) name: Option<String>,
    pub(crate) deferrable: bool,
    pub(crate) deferred: bool,
}

/// What the text of a table says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TableText {
    pub(crate) columns: Vec<ColumnText>,
    pub(crate) primary_key_name: Option<String>,
    pub(crate) autoincrement: bool,
    pub(crate) uniques: Vec<(Option<String>, Vec<String>)>,
    pub(crate) checks: Vec<(Option<String>, String)>,
    pub(crate) foreign_keys: Vec<ForeignKeyText>,
    /// Whether a constraint says ON CONFLICT.
    pub(crate) on_conflict: bool,
}

/// The mark that begins our own comments.
pub(crate) const HINT: &str = "limosa:";

struct Reader<'a> {
    sql: &'a str,
    tokens: Vec<Token<'a>>,
    at: usize,
}

impl<'a> Reader<'a> {
    fn new(sql: &'a str) -> Self {
        Self {
            sql,
            tokens: tokens(sql),
            at: 0,
        }
    }

    fn skip_comments(&mut self) {
        while self
            .tokens
            .get(self.at)
            .is_some_and(|t| t.kind == Kind::Comment)
        {
            self.at += 1;
        }
    }

    fn peek(&mut self) -> Option<Token<'a>> {
        self.skip_comments();
        self.tokens.get(self.at).copied()
    }

    fn next(&mut self) -> Option<Token<'a>> {
        let token = self.peek();
        self.at += 1;
        token
    }

    fn take(&mut self, word: &str) -> bool {
        let taken = self.peek().is_some_and(|t| t.is(word));
        self.at += usize::from(taken);
        taken
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let taken = self.peek().is_some_and(|t| t.sign(sign));
        self.at += usize::from(taken);
        taken
    }

    /// The text in brackets, and goes behind them; `None` if there are none here.
    fn group(&mut self) -> Option<&'a str> {
        let open = self.peek().filter(|t| t.sign("("))?;
        let mut depth = 0usize;
        while let Some(token) = self.next() {
            if token.sign("(") {
                depth += 1;
            } else if token.sign(")") {
                depth -= 1;
                if depth == 0 {
                    return self.sql.get(open.end()..token.at).map(str::trim);
                }
            }
        }
        self.sql.get(open.end()..).map(str::trim)
    }

    fn on_conflict(&mut self, found: &mut bool) {
        let here = self.at;
        if self.take("ON") {
            if self.take("CONFLICT") {
                self.next();
                *found = true;
            } else {
                self.at = here;
            }
        }
    }

    fn foreign_key(&mut self, name: Option<String>) -> ForeignKeyText {
        let mut key = ForeignKeyText {
            name,
            ..Default::default()
        };
        self.next();
        self.group();
        loop {
            if self.take("ON") {
                self.next();
                let _ = self.take("SET") || self.take("NO");
                self.next();
            } else if self.take("MATCH") {
                self.next();
            } else if self.take("DEFERRABLE") {
                key.deferrable = true;
            } else if self.take("INITIALLY") {
                key.deferred = self.next().is_some_and(|t| t.is("DEFERRED"));
            } else {
                let here = self.at;
                if self.take("NOT") && self.take("DEFERRABLE") {
                    key.deferrable = false;
                    continue;
                }
                self.at = here;
                break;
            }
        }
        key.deferred &= key.deferrable;
        key
    }

    fn column(&mut self, table: &mut TableText) {
        let Some(first) = self.next() else { return };
        let mut column = ColumnText {
            name: first.name(),
            ..Default::default()
        };
        const ENDS: [&str; 12] = [
            "CONSTRAINT",
            "PRIMARY",
            "NOT",
            "NULL",
            "UNIQUE",
            "CHECK",
            "DEFAULT",
            "COLLATE",
            "REFERENCES",
            "GENERATED",
            "AS",
            "ON",
        ];
        while let Some(token) = self.peek() {
            let typed = match token.kind {
                Kind::Word => !ENDS.iter().any(|e| token.is(e)),
                Kind::Quoted | Kind::Text => true,
                _ => false,
            };
            if !typed {
                break;
            }
            self.at += 1;
        }
        let here = self.at;
        if self.group().is_none() {
            self.at = here;
        }
        // Our note stands right after the type; peeking may have gone past it.
        let behind = self.tokens[..self.at.min(self.tokens.len())]
            .iter()
            .rev()
            .take_while(|t| t.kind == Kind::Comment);
        let ahead = self.tokens[self.at.min(self.tokens.len())..]
            .iter()
            .take_while(|t| t.kind == Kind::Comment);
        column.hint = behind.chain(ahead).find_map(|t| {
            let inner = t.text.strip_prefix("/*")?.strip_suffix("*/")?.trim();
            Some(inner.strip_prefix(HINT)?.trim().to_owned())
        });
        let mut name = None;
        while let Some(token) = self.peek() {
            if token.sign(",") || token.sign(")") {
                break;
            }
            self.at += 1;
            if token.is("CONSTRAINT") {
                name = self.next().map(|t| t.name());
            } else if token.is("PRIMARY") {
                self.take("KEY");
                let _ = self.take("ASC") || self.take("DESC");
                self.on_conflict(&mut table.on_conflict);
                table.autoincrement |= self.take("AUTOINCREMENT");
                table.primary_key_name = name.take();
            } else if token.is("NOT") || token.is("NULL") {
                self.take("NULL");
                self.on_conflict(&mut table.on_conflict);
                name = None;
            } else if token.is("UNIQUE") {
                self.on_conflict(&mut table.on_conflict);
                table.uniques.push((name.take(), vec![column.name.clone()]));
            } else if token.is("CHECK") {
                if let Some(text) = self.group() {
                    table.checks.push((name.take(), text.to_owned()));
                }
            } else if token.is("DEFAULT") {
                if self.group().is_none() {
                    let _ = self.take_sign("-") || self.take_sign("+");
                    self.next();
                }
                name = None;
            } else if token.is("COLLATE") {
                column.collation = self.next().map(|t| t.name());
                name = None;
            } else if token.is("REFERENCES") {
                let key = self.foreign_key(name.take());
                table.foreign_keys.push(key);
            } else if token.is("AS") {
                column.generated = self.group().map(str::to_owned);
                name = None;
            }
        }
        table.columns.push(column);
    }

    fn constraint(&mut self, table: &mut TableText) {
        let name = if self.take("CONSTRAINT") {
            self.next().map(|t| t.name())
        } else {
            None
        };
        let Some(token) = self.next() else { return };
        if token.is("PRIMARY") {
            self.take("KEY");
            if let Some(list) = self.group() {
                table.autoincrement |= tokens(list).iter().any(|t| t.is("AUTOINCREMENT"));
            }
            table.primary_key_name = name;
            self.on_conflict(&mut table.on_conflict);
        } else if token.is("UNIQUE") {
            if let Some(list) = self.group() {
                table.uniques.push((name, first_names(list)));
            }
            self.on_conflict(&mut table.on_conflict);
        } else if token.is("CHECK") {
            if let Some(text) = self.group() {
                table.checks.push((name, text.to_owned()));
            }
            self.on_conflict(&mut table.on_conflict);
        } else if token.is("FOREIGN") {
            self.take("KEY");
            self.group();
            self.take("REFERENCES");
            let key = self.foreign_key(name);
            table.foreign_keys.push(key);
        } else {
            // A constraint's name without a constraint, which SQLite takes.
            self.at -= 1;
        }
    }
}

/// Cuts text at the commas outside of brackets.
fn items(list: &str) -> Vec<&str> {
    let (mut depth, mut from, mut out) = (0i32, 0, Vec::new());
    for token in tokens(list) {
        match token.text {
            "(" if token.kind == Kind::Sign => depth += 1,
            ")" if token.kind == Kind::Sign => depth -= 1,
            "," if token.kind == Kind::Sign && depth == 0 => {
                out.push(list[from..token.at].trim());
                from = token.end();
            }
            _ => {}
        }
    }
    out.push(list[from..].trim());
    out
}

fn first_names(list: &str) -> Vec<String> {
    items(list)
        .iter()
        .filter_map(|item| {
            tokens(item)
                .iter()
                .find(|t| t.kind != Kind::Comment)
                .map(Token::name)
        })
        .collect()
}

/// Reads a CREATE TABLE statement.
pub(crate) fn table(sql: &str) -> TableText {
    let mut reader = Reader::new(sql);
    let mut table = TableText::default();
    while let Some(token) = reader.next() {
        if token.sign("(") {
            break;
        }
    }
    while let Some(token) = reader.peek() {
        if token.sign(")") {
            break;
        }
        if token.sign(",") {
            reader.at += 1;
        } else if ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"]
            .iter()
            .any(|w| token.is(w))
        {
            let before = reader.at;
            reader.constraint(&mut table);
            reader.at = reader.at.max(before + 1);
        } else {
            reader.column(&mut table);
        }
    }
    table
}

/// What the text of an index says: the texts of its parts without their order, and its condition.
pub(crate) fn index(sql: &str) -> (Vec<String>, Option<String>) {
    let mut reader = Reader::new(sql);
    while let Some(token) = reader.next() {
        if token.is("ON") {
            break;
        }
    }
    reader.next();
    let parts = reader.group().map(items).unwrap_or_default();
    let parts = parts
        .into_iter()
        .map(|part| {
            let last = tokens(part)
                .into_iter()
                .rfind(|t| t.kind != Kind::Comment)
                .filter(|t| t.at > 0 && (t.is("ASC") || t.is("DESC")));
            part[..last.map_or(part.len(), |t| t.at)].trim().to_owned()
        })
        .collect();
    let condition = reader
        .take("WHERE")
        .then(|| {
            reader.skip_comments();
            let from = reader.tokens.get(reader.at)?.at;
            Some(sql[from..].trim().to_owned())
        })
        .flatten();
    (parts, condition)
}

/// The query of a CREATE VIEW statement, without the names that it gives its columns; those come second.
pub(crate) fn view(sql: &str) -> Option<(String, Option<String>)> {
    let mut reader = Reader::new(sql);
    while let Some(token) = reader.next() {
        if token.is("VIEW") {
            break;
        }
    }
    let mut names = None;
    while let Some(token) = reader.peek() {
        if token.sign("(") {
            names = reader.group().map(str::to_owned);
            continue;
        }
        reader.at += 1;
        if token.is("AS") {
            break;
        }
    }
    let from = reader.peek()?.at;
    Some((sql[from..].trim().to_owned(), names))
}

/// The module of a CREATE VIRTUAL TABLE statement.
pub(crate) fn module(sql: &str) -> Option<String> {
    let tokens = tokens(sql);
    let using = tokens.iter().position(|t| t.is("USING"))?;
    tokens.get(using + 1).map(Token::name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_says_what_the_catalog_does_not() {
        let text = table(
            r#"CREATE TABLE "we""ird" ( -- a comment, with (brackets
              id INTEGER PRIMARY KEY AUTOINCREMENT,
              [odd, name] VARCHAR(10) CONSTRAINT nn NOT NULL ON CONFLICT ABORT COLLATE NOCASE DEFAULT ('a,)') CHECK (length([odd, name]) > 0),
              p TEXT /* limosa: {"decimal":{"precision":5,"scale":2}} */ NOT NULL DEFAULT -1,
              g INT GENERATED ALWAYS AS (id * 2) STORED,
              r REFERENCES other(a) ON DELETE SET NULL ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED UNIQUE,
              `x` AS (1),
              CONSTRAINT u UNIQUE (p COLLATE BINARY, "r") ON CONFLICT REPLACE
              CONSTRAINT c CHECK (p <> ')' AND id > 0) /* no comma */
              CONSTRAINT fk FOREIGN KEY (p, r) REFERENCES o(a, b) NOT DEFERRABLE
            ) STRICT"#,
        );
        let names: Vec<_> = text.columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["id", "odd, name", "p", "g", "r", "x"]);
        assert!(text.autoincrement && text.on_conflict);
        assert_eq!(text.columns[1].collation.as_deref(), Some("NOCASE"));
        assert!(
            text.columns[2]
                .hint
                .as_deref()
                .is_some_and(|h| h.starts_with("{\"decimal"))
        );
        assert_eq!(text.columns[3].generated.as_deref(), Some("id * 2"));
        assert_eq!(text.columns[5].generated.as_deref(), Some("1"));
        assert_eq!(
            text.uniques,
            [
                (None, vec!["r".to_owned()]),
                (Some("u".into()), vec!["p".into(), "r".into()])
            ]
        );
        assert_eq!(
            text.checks[1],
            (Some("c".into()), "p <> ')' AND id > 0".into())
        );
        assert_eq!(text.foreign_keys.len(), 2);
        assert!(text.foreign_keys[0].deferred);
        assert_eq!(text.foreign_keys[1].name.as_deref(), Some("fk"));
    }

    #[test]
    fn an_index_and_a_view_are_taken_apart() {
        let (parts, condition) = index(
            "CREATE UNIQUE INDEX i ON t (lower(a) DESC, b COLLATE NOCASE, [c d] ASC) WHERE a > ')'",
        );
        assert_eq!(parts, ["lower(a)", "b COLLATE NOCASE", "[c d]"]);
        assert_eq!(condition.as_deref(), Some("a > ')'"));
        assert_eq!(
            view("CREATE VIEW v(a, b) AS SELECT 1, 2"),
            Some(("SELECT 1, 2".into(), Some("a, b".into())))
        );
        assert_eq!(
            module("CREATE VIRTUAL TABLE f USING fts5(a)").as_deref(),
            Some("fts5")
        );
    }

    #[test]
    fn broken_texts_end() {
        for sql in [
            "",
            "(",
            "CREATE TABLE t",
            "CREATE TABLE t (a",
            "CREATE TABLE t (a CHECK (",
            "'",
            "\"",
            "CREATE TABLE t (CONSTRAINT",
            "/*",
            "CREATE TABLE t (CONSTRAINT x, a)",
            "[",
            "é'",
            "--",
            "CREATE TABLE t (a REFERENCES",
            "CREATE TABLE t (,,,)",
            ")(",
            "x'",
        ] {
            table(sql);
            index(sql);
            view(sql);
            module(sql);
        }
    }
}
