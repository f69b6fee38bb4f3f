//! Every kind of corruption: what is done to the target, and what the comparison must say.

use super::shop::{V, t, value};
use crate::engine::Engine;

/// What is done.
pub(crate) enum Act {
    /// Columns of rows of `item` get other values.
    Set(Vec<(i64, &'static str, V)>),
    /// A statement that all engines understand.
    Do(&'static str),
    /// A statement for each of SQLite, PostgreSQL and MariaDB; empty where the kind can not exist.
    Each([&'static str; 3]),
}

/// What the comparison must say.
pub(crate) enum Found {
    /// These rows of a table and no others: key, kind and columns.
    Rows(
        &'static str,
        Vec<(Vec<String>, &'static str, Vec<&'static str>)>,
    ),
    /// So many rows of a table without a key.
    Count(&'static str, u64),
    /// Nothing: it means the same.
    Nothing,
}

impl Found {
    /// The table that it is about.
    pub(crate) fn table(&self) -> &'static str {
        match self {
            Found::Rows(table, _) | Found::Count(table, _) => table,
            Found::Nothing => "item",
        }
    }

    /// What must be said of several kinds at once.
    pub(crate) fn all(kinds: &[&Kind]) -> Found {
        let mut rows: Vec<(Vec<String>, &'static str, Vec<&'static str>)> = Vec::new();
        for kind in kinds {
            match &kind.found {
                Found::Count(table, n) => return Found::Count(table, *n),
                Found::Rows(_, more) => {
                    for (key, what, columns) in more {
                        match rows.iter_mut().find(|r| r.0 == *key && r.1 == *what) {
                            Some(row) => row.2.extend(columns),
                            None => rows.push((key.clone(), what, columns.clone())),
                        }
                    }
                }
                Found::Nothing => {}
            }
        }
        if rows.is_empty() {
            return Found::Nothing;
        }
        Found::Rows(kinds[0].found.table(), rows)
    }
}

/// One kind.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) act: Act,
    pub(crate) found: Found,
    /// Whether it can exist between these two.
    pub(crate) exists: fn(Engine, Engine) -> bool,
}

fn always(_: Engine, _: Engine) -> bool {
    true
}

/// Values of `item` change, and each is named.
fn set(name: &'static str, changes: Vec<(i64, &'static str, V)>) -> Kind {
    let mut rows: Vec<(Vec<String>, &'static str, Vec<&'static str>)> = Vec::new();
    for (id, column, _) in &changes {
        let key = vec![id.to_string()];
        match rows.iter_mut().find(|r| r.0 == key) {
            Some(row) => row.2.push(column),
            None => rows.push((key, "differs", vec![column])),
        }
    }
    Kind {
        name,
        act: Act::Set(changes),
        found: Found::Rows("item", rows),
        exists: always,
    }
}

/// One value changes.
fn one(name: &'static str, id: i64, column: &'static str, to: V) -> Kind {
    set(name, vec![(id, column, to)])
}

/// A value is said another way and means the same.
fn same(name: &'static str, id: i64, column: &'static str, to: V) -> Kind {
    // Two files of SQLite hold the same texts.
    Kind {
        found: Found::Nothing,
        exists: |from, to| from != Engine::Sqlite || to != Engine::Sqlite,
        ..one(name, id, column, to)
    }
}

/// A statement, and the rows of a table that it hurts.
fn act(
    name: &'static str,
    sql: &'static str,
    table: &'static str,
    rows: &[(&[&str], &'static str, &[&'static str])],
) -> Kind {
    let rows = rows
        .iter()
        .map(|(key, kind, columns)| {
            (
                key.iter().map(|k| (*k).to_owned()).collect(),
                *kind,
                columns.to_vec(),
            )
        })
        .collect();
    Kind {
        name,
        act: Act::Do(sql),
        found: Found::Rows(table, rows),
        exists: always,
    }
}

fn loose(name: &'static str, sql: &'static str, differing: u64) -> Kind {
    Kind {
        name,
        act: Act::Do(sql),
        found: Found::Count("loose", differing),
        exists: always,
    }
}

impl Kind {
    fn where_(mut self, exists: fn(Engine, Engine) -> bool) -> Self {
        self.exists = exists;
        self
    }

    fn each(mut self, statements: [&'static str; 3]) -> Self {
        self.act = Act::Each(statements);
        self
    }
}

fn next_up(x: f64) -> V {
    V::F(f64::from_bits(x.to_bits() + 1))
}

/// All of them that are about rows.
pub(crate) fn kinds() -> Vec<Kind> {
    use Engine::*;
    let swapped = |a: i64, b: i64, column: &'static str| {
        set(
            "",
            vec![(a, column, value(b, column)), (b, column, value(a, column))],
        )
    };
    let named = |name: &'static str, kind: Kind| Kind { name, ..kind };
    vec![
        // Rows.
        act(
            "a row is missing",
            "DELETE FROM item WHERE id = 20",
            "item",
            &[(&["20"], "missing", &[])],
        ),
        act(
            "the first row is missing",
            "DELETE FROM item WHERE id = 1",
            "item",
            &[(&["1"], "missing", &[])],
        ),
        act(
            "the last row is missing",
            "DELETE FROM item WHERE id = 40",
            "item",
            &[(&["40"], "missing", &[])],
        ),
        act(
            "the tail is missing",
            "DELETE FROM item WHERE id > 38",
            "item",
            &[(&["39"], "missing", &[]), (&["40"], "missing", &[])],
        ),
        act(
            "a row is extra",
            "INSERT INTO guid VALUES ('00000000-0000-4000-8000-0000000000ff', 1)",
            "guid",
            &[(&["00000000-0000-4000-8000-0000000000ff"], "extra", &[])],
        ),
        act(
            "a row below the first key is extra",
            "INSERT INTO pair VALUES (-5, 'b', 1)",
            "pair",
            &[(&["-5", "b"], "extra", &[])],
        ),
        act(
            "a row behind the last key is extra",
            "INSERT INTO pair VALUES (1000, 'b', 1)",
            "pair",
            &[(&["1000", "b"], "extra", &[])],
        ),
        act(
            "a row moved to another key",
            "UPDATE pair SET a = 500 WHERE a = 9 AND b = 'b0'",
            "pair",
            &[
                (&["9", "b0"], "missing", &[]),
                (&["500", "b0"], "extra", &[]),
            ],
        ),
        act(
            "one row for another, the count being equal",
            "DELETE FROM guid WHERE v = 3; INSERT INTO guid VALUES ('00000000-0000-4000-8000-0000000000fe', 3)",
            "guid",
            &[
                (&["00000000-0000-4000-8000-000000000003"], "missing", &[]),
                (&["00000000-0000-4000-8000-0000000000fe"], "extra", &[]),
            ],
        ),
        act(
            "a table is empty",
            "DELETE FROM word",
            "word",
            &super::every_word_missing(),
        ),
        loose("a row is doubled", "INSERT INTO loose VALUES (3, 'y3')", 1),
        loose(
            "a row is doubled twice",
            "INSERT INTO loose VALUES (3, 'y3'); INSERT INTO loose VALUES (3, 'y3')",
            2,
        ),
        loose(
            "all of a row's twins are missing",
            "DELETE FROM loose WHERE x = 3",
            5,
        ),
        loose(
            "twins of one row become twins of another",
            "UPDATE loose SET x = 4, y = 'y4' WHERE x = 3",
            10,
        ),
        loose(
            "a keyless row is new, with NULL",
            "INSERT INTO loose VALUES (NULL, NULL)",
            1,
        ),
        loose(
            "keyless values are exchanged",
            "UPDATE loose SET y = CASE x WHEN 1 THEN 'y2' ELSE 'y1' END WHERE x IN (1, 2)",
            20,
        ),
        loose(
            "a keyless value is NULL for empty",
            "UPDATE loose SET y = '' WHERE x = 5",
            10,
        ),
        // Values at the wrong place.
        named("two rows exchange a value", swapped(22, 23, "name")),
        named("two rows exchange their bytes", swapped(22, 23, "data")),
        named("two rows exchange a number", swapped(24, 25, "big")),
        set(
            "two rows exchange all of their texts",
            vec![
                (26, "name", value(27, "name")),
                (26, "note", value(27, "note")),
                (27, "name", value(26, "name")),
                (27, "note", value(26, "note")),
            ],
        ),
        set(
            "two columns of a row exchange their values",
            vec![
                (28, "name", value(28, "note")),
                (28, "note", value(28, "name")),
            ],
        ),
        set(
            "a separator moves to the next column",
            vec![(4, "name", t("name 4|a")), (4, "note", t("b"))],
        ),
        set(
            "a value slides into the next column",
            vec![(29, "note", V::Null), (29, "name", t("note 29"))],
        ),
        // NULL and nothing.
        one("empty text for NULL", 5, "note", t("")),
        one("NULL for empty text", 6, "note", V::Null),
        one("the word NULL for NULL", 5, "note", t("NULL")),
        one("a mark for NULL", 5, "note", t("<null>")),
        one("the escape of NULL", 5, "note", t("\\N")),
        one("zero for NULL", 5, "big", V::I(0)),
        one("false for NULL", 5, "flag", V::B(false)),
        one("empty bytes for NULL", 5, "data", V::X(vec![])),
        one("NULL for empty bytes", 6, "data", V::Null),
        one("the JSON null for NULL", 5, "doc", t("null")),
        one("an empty date becomes the first", 5, "day", t("1970-01-01")),
        one("a value becomes NULL", 30, "price", V::Null),
        // Text.
        one("text is cut off", 31, "note", t("note 3")),
        one(
            "text is cut off within its last letter",
            8,
            "note",
            t("smile "),
        ),
        one("a blank at the end", 31, "note", t("note 31 ")),
        one("a blank at the end is lost", 16, "note", t("trailing")),
        one("a blank in front", 31, "note", t(" note 31")),
        one("a line break at the end", 31, "note", t("note 31\n")),
        one(
            "line ends of one system become another's",
            11,
            "note",
            t("two\nlines"),
        ),
        one("a tab becomes blanks", 17, "note", t("tab here")),
        one("case", 12, "note", t("cAsE")),
        one("an accent is lost", 7, "note", t("Creme brulee, 12 €")),
        one("double encoding", 7, "note", t("CrÃ¨me brÃ»lÃ©e, 12 â‚¬")),
        one("a question mark for a letter", 8, "note", t("smile ?")),
        one(
            "the mark of a broken letter",
            8,
            "note",
            t("smile \u{fffd}"),
        ),
        one(
            "another of two code pages",
            7,
            "note",
            t("Crème brûlée, 12 \u{80}"),
        ),
        one(
            "letter and accent taken apart",
            7,
            "note",
            t("Cre\u{300}me bru\u{302}le\u{301}e, 12 €"),
        ),
        one("a blank without width", 31, "note", t("note\u{200b} 31")),
        one("a byte order mark", 31, "note", t("\u{feff}note 31")),
        one(
            "a letter of another alphabet that looks alike",
            31,
            "note",
            t("nоte 31"),
        ),
        one("a blank that does not break", 31, "note", t("note\u{a0}31")),
        one("quotes doubled", 9, "note", t("it''s \\ \"quoted\" & <b>")),
        one(
            "a backslash is lost",
            9,
            "note",
            t("it's  \"quoted\" & <b>"),
        ),
        one(
            "escaped for a page",
            9,
            "note",
            t("it&#39;s \\ \"quoted\" &amp; &lt;b&gt;"),
        ),
        one(
            "text that is like JSON is said another way",
            13,
            "note",
            t("{\"a\":1}"),
        ),
        one(
            "text that is like a number is said another way",
            15,
            "note",
            t("10.5"),
        ),
        one(
            "text that is like a date is said another way",
            14,
            "note",
            t("2024-01-02 00:00:00"),
        ),
        one("U+0000 in text", 31, "note", V::T("note\0 31".into())).where_(|_, to| to != Postgres),
        // Numbers.
        one("a decimal's last digit", 31, "price", V::D("19.98")),
        one("a decimal's point moves", 4, "price", V::D("1.00")),
        one("a decimal's sign", 32, "price", V::D("3.50")),
        one("a decimal rounded to whole", 31, "price", V::D("20.00")),
        one(
            "the twentieth digit of a decimal",
            30,
            "exact",
            V::D("0.00000000000000000002"),
        ),
        one(
            "a decimal that went through a float",
            31,
            "exact",
            V::D("12345678901234567168.00000000000000000000"),
        ),
        one("off by one", 31, "big", V::I(31_000_094)),
        one(
            "a whole number that went through a float",
            4,
            "big",
            V::I(9_007_199_254_740_992),
        ),
        one("a whole number clipped", 6, "big", V::I(2_147_483_647)),
        one("a whole number turned over", 6, "big", V::I(i64::MIN + 1)),
        one(
            "an unsigned number clipped to the signed",
            30,
            "wide",
            V::D("9223372036854775807"),
        ),
        one("a float's last bit", 7, "ratio", next_up(0.1 + 0.2)),
        one("a float rounded to 15 digits", 7, "ratio", V::F(0.3)),
        one(
            "a float off by one in 2^53",
            8,
            "ratio",
            V::F(9_007_199_254_740_992.0),
        ),
        one("a tiny float", 6, "ratio", V::F(2e-17)),
        one("a tiny float becomes zero", 6, "ratio", V::F(0.0)),
        // Only PostgreSQL keeps such a zero.
        one("a zero with a minus", 4, "ratio", V::F(-0.0)).where_(|_, to| to == Postgres),
        one(
            "a single float through a text of six digits",
            30,
            "small",
            V::F(f64::from(1.234_57_f32)),
        ),
        one(
            "a single float's last bit",
            31,
            "small",
            V::F(f64::from(f32::from_bits(0.1_f32.to_bits() + 1))),
        ),
        one(
            "a single float's thousandth",
            32,
            "small",
            V::F(16_777_216.0),
        ),
        one("a truth", 31, "flag", V::B(true)),
        one("a default in place of the value", 31, "tally", V::I(7)),
        // Days and times.
        one("a day off by one", 31, "day", t("2024-02-03")),
        one("a day of another century", 31, "day", t("1924-02-04")),
        one("day and month exchanged", 31, "day", t("2024-04-02")),
        one(
            "a moment in another zone",
            31,
            "seen",
            t("2024-03-31 04:31:30.123456"),
        ),
        one(
            "a moment moved out of the hour that is skipped",
            31,
            "seen",
            t("2024-03-31 03:31:30.123456"),
        ),
        one(
            "a moment's microseconds cut to thousandths",
            31,
            "seen",
            t("2024-03-31 02:31:30.123"),
        ),
        one(
            "a moment's last microsecond",
            31,
            "seen",
            t("2024-03-31 02:31:30.123457"),
        ),
        one(
            "a moment cut to its day",
            31,
            "seen",
            t("2024-03-31 00:00:00"),
        ),
        one(
            "the other of an hour that comes twice",
            31,
            "moment",
            V::Utc("2024-10-27 01:31:30.123456".into()),
        ),
        one(
            "an instant in local time",
            31,
            "moment",
            V::Utc("2024-10-27 02:31:30.123456".into()),
        ),
        one("a time without its fraction", 31, "clock", t("10:20:31")),
        one("a time twelve hours off", 31, "clock", t("22:20:31.123456")),
        one("a year", 31, "years", V::I(2020)),
        one("no year", 31, "years", V::I(0)),
        one("a date that no calendar has", 31, "day", t("0000-00-00"))
            .where_(|_, to| to == Sqlite || to == Maria),
        one("a day that never ends", 31, "day", t("infinity")).where_(|_, to| to == Postgres),
        one("months for days", 31, "span", t("P32DT3H4M5.678S")),
        one("a span's sign", 31, "span", t("P-1M-2DT-3H-4M-5.678S")),
        // Other types.
        one(
            "a UUID's bytes in another order",
            31,
            "uid",
            t("67452301-ab89-ef4d-8edc-ba987654321f"),
        ),
        one(
            "a UUID's digit",
            31,
            "uid",
            t("01234567-89ab-4def-8edc-ba987654321e"),
        ),
        one("the next word of a list", 31, "mood", t("happy")),
        one("a set without a word", 31, "flags", t("a,c")),
        one("bits in another order", 31, "bits", V::Bits("00001101")),
        one("one bit", 32, "bits", V::Bits("11111110")),
        one("bytes cut off", 31, "data", V::X(vec![31, 0, 255, b'A'])),
        one("bytes cut off at zero", 31, "data", V::X(vec![31])),
        one(
            "bytes in capital letters",
            31,
            "data",
            V::X(vec![31, 0, 255, b'a', 0]),
        ),
        one(
            "bytes as the text of their digits",
            31,
            "data",
            V::X(b"\\x1f00ff4100".to_vec()),
        ),
        one(
            "padding at the wrong end",
            31,
            "fixed",
            V::X(vec![0, 0, 0, 31]),
        ),
        one("a code cut off", 32, "code", t("abcdefg")),
        one("an address", 31, "ip", t("10.0.0.2")),
        one("a range's end", 31, "scope", t("[1,6)")),
        one("a list's order", 31, "nums", t("[3,2,1]")),
        one("a list in a list", 31, "nums", t("[[1,2,3]]")),
        one("a list without its end", 31, "nums", t("[1,2]")),
        one(
            "the word NULL for NULL in a list",
            31,
            "words",
            t("[\"a\",\"NULL\",\"NULL\"]"),
        ),
        one("no list for an empty one", 31, "nums", V::Null),
        // JSON.
        one(
            "a member's value",
            31,
            "doc",
            t("{\"id\": 32, \"s\": \"x\"}"),
        ),
        one("a member is missing", 31, "doc", t("{\"id\": 31}")),
        one(
            "a member's name",
            31,
            "doc",
            t("{\"id\": 31, \"S\": \"x\"}"),
        ),
        one(
            "a text for a number in JSON",
            31,
            "doc",
            t("{\"id\": \"31\", \"s\": \"x\"}"),
        ),
        one(
            "the order of a JSON list",
            4,
            "doc",
            t("{\"a\": 1, \"b\": {\"c\": [2, 1], \"d\": null}}"),
        ),
        one(
            "no member for one that is null",
            4,
            "doc",
            t("{\"a\": 1, \"b\": {\"c\": [1, 2]}}"),
        ),
        one(
            "a JSON number through a float",
            7,
            "doc",
            t("{\"n\": 12345678901234567000}"),
        ),
        one(
            "JSON in a text of JSON",
            31,
            "doc",
            t("\"{\\\"id\\\": 31, \\\"s\\\": \\\"x\\\"}\""),
        ),
        same(
            "the order of members",
            4,
            "doc",
            t("{\"b\": {\"d\": null, \"c\": [1, 2]}, \"a\": 1}"),
        ),
        same(
            "blanks in JSON",
            4,
            "doc",
            t("{\"a\":1,\"b\":{\"c\":[1,2],\"d\":null}}"),
        ),
        same(
            "a JSON number with other zeros",
            6,
            "doc",
            t("{\"price\": 1.5}"),
        ),
        same(
            "a letter of JSON by its number",
            31,
            "doc",
            t("{\"id\": 31, \"s\": \"\\u0078\"}"),
        ),
        // Keys that are text.
        act(
            "a text key's case",
            "UPDATE word SET w = 'APPLE' WHERE n = 0",
            "word",
            &[(&["apple"], "missing", &[]), (&["APPLE"], "extra", &[])],
        ),
        act(
            "twins exchange their values",
            "UPDATE word SET n = CASE n WHEN 0 THEN 1 ELSE 0 END WHERE n IN (0, 1)",
            "word",
            &[
                (&["apple"], "differs", &["n"]),
                (&["Apple"], "differs", &["n"]),
            ],
        ),
        act(
            "a twin by a blank at the end is missing",
            "DELETE FROM word WHERE n = 3",
            "word",
            &[(&["apple "], "missing", &[])],
        ),
        act(
            "a twin by an accent is missing",
            "DELETE FROM word WHERE n = 2",
            "word",
            &[(&["äpple"], "missing", &[])],
        ),
        act(
            "a key beyond the basic plane is missing",
            "DELETE FROM word WHERE n = 11",
            "word",
            &[(&["🦜"], "missing", &[])],
        ),
        act(
            "the key that says NULL is missing",
            "DELETE FROM word WHERE n = 6",
            "word",
            &[(&["NULL"], "missing", &[])],
        ),
        act(
            "a letter moves within a key of two parts",
            "UPDATE pair SET a = 1001, b = 'b2' WHERE a = 100",
            "pair",
            &[
                (&["100", "b12"], "missing", &[]),
                (&["1001", "b2"], "extra", &[]),
            ],
        ),
        act(
            "a UUID key's digit",
            "UPDATE guid SET u = 'f0000000-0000-4000-8000-000000000005' WHERE v = 5",
            "guid",
            &[
                (&["00000000-0000-4000-8000-000000000005"], "missing", &[]),
                (&["f0000000-0000-4000-8000-000000000005"], "extra", &[]),
            ],
        ),
        // Many at once.
        act(
            "a column's sign everywhere",
            "UPDATE pair SET c = -c WHERE a = 1",
            "pair",
            &[
                (&["1", "b0"], "differs", &["c"]),
                (&["1", "b1"], "differs", &["c"]),
                (&["1", "b2"], "differs", &["c"]),
                (&["1", "b3"], "differs", &["c"]),
            ],
        ),
        // What only one engine can do.
        act(
            "bytes that are not UTF-8 in text",
            "",
            "item",
            &[(&["31"], "differs", &["note"])],
        )
        .each([
            "UPDATE item SET note = CAST(X'6e6f746520ff' AS TEXT) WHERE id = 31",
            "",
            "",
        ]),
    ]
}

/// One kind about the schema: what is done, how it is undone, and words that must be said.
pub(crate) struct SchemaKind {
    pub(crate) name: &'static str,
    /// By SQLite, PostgreSQL and MariaDB; empty where it can not exist.
    pub(crate) act: [&'static str; 3],
    pub(crate) undo: [&'static str; 3],
    pub(crate) says: &'static str,
    /// Whether it can exist between these two.
    pub(crate) exists: fn(Engine, Engine) -> bool,
}

/// All of them that are about the schema.
pub(crate) const SCHEMA: &[SchemaKind] = &[
    SchemaKind {
        name: "an index is gone",
        act: [
            "DROP INDEX child_spot",
            "DROP INDEX child_spot",
            "DROP INDEX child_spot ON child",
        ],
        undo: ["CREATE INDEX child_spot ON child (spot)"; 3],
        says: "index child_spot is not there",
        exists: always,
    },
    SchemaKind {
        name: "a unique index is a plain one",
        act: [
            "DROP INDEX parent_label; CREATE INDEX parent_label ON parent (label)",
            "DROP INDEX parent_label; CREATE INDEX parent_label ON parent (label)",
            "DROP INDEX parent_label ON parent; CREATE INDEX parent_label ON parent (label)",
        ],
        undo: [
            "DROP INDEX parent_label; CREATE UNIQUE INDEX parent_label ON parent (label)",
            "DROP INDEX parent_label; CREATE UNIQUE INDEX parent_label ON parent (label)",
            "DROP INDEX parent_label ON parent; CREATE UNIQUE INDEX parent_label ON parent (label)",
        ],
        says: "label",
        // There it is a constraint, which has no name.
        exists: |from, to| from != Engine::Maria || to == Engine::Maria,
    },
    SchemaKind {
        name: "a foreign key is gone",
        act: [
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'ON DELETE CASCADE', '/*cut*/') WHERE name = 'child'; PRAGMA writable_schema = RESET",
            "DO $$ DECLARE n text; BEGIN SELECT conname INTO n FROM pg_constraint WHERE conrelid = 'child'::regclass AND contype = 'f'; EXECUTE format('ALTER TABLE child DROP CONSTRAINT %I', n); END $$",
            "ALTER TABLE child DROP FOREIGN KEY child_up",
        ],
        undo: [
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, '/*cut*/', 'ON DELETE CASCADE') WHERE name = 'child'; PRAGMA writable_schema = RESET",
            "ALTER TABLE child ADD CONSTRAINT child_up FOREIGN KEY (up) REFERENCES parent (id) ON DELETE CASCADE",
            "ALTER TABLE child ADD CONSTRAINT child_up FOREIGN KEY (up) REFERENCES parent (id) ON DELETE CASCADE",
        ],
        says: "the foreign key (up) to",
        exists: always,
    },
    SchemaKind {
        name: "a foreign key does something else",
        act: [
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'ON DELETE CASCADE', 'ON DELETE SET NULL') WHERE name = 'child'; PRAGMA writable_schema = RESET",
            "DO $$ DECLARE n text; BEGIN SELECT conname INTO n FROM pg_constraint WHERE conrelid = 'child'::regclass AND contype = 'f'; EXECUTE format('ALTER TABLE child DROP CONSTRAINT %I', n); END $$; ALTER TABLE child ADD CONSTRAINT child_up FOREIGN KEY (up) REFERENCES parent (id) ON DELETE SET NULL",
            "ALTER TABLE child DROP FOREIGN KEY child_up; ALTER TABLE child ADD CONSTRAINT child_up FOREIGN KEY (up) REFERENCES parent (id)",
        ],
        undo: [
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'ON DELETE SET NULL', 'ON DELETE CASCADE') WHERE name = 'child'; PRAGMA writable_schema = RESET",
            "DO $$ DECLARE n text; BEGIN SELECT conname INTO n FROM pg_constraint WHERE conrelid = 'child'::regclass AND contype = 'f'; EXECUTE format('ALTER TABLE child DROP CONSTRAINT %I', n); END $$; ALTER TABLE child ADD CONSTRAINT child_up FOREIGN KEY (up) REFERENCES parent (id) ON DELETE CASCADE",
            "ALTER TABLE child DROP FOREIGN KEY child_up; ALTER TABLE child ADD CONSTRAINT child_up FOREIGN KEY (up) REFERENCES parent (id) ON DELETE CASCADE",
        ],
        says: "the foreign key (up) to",
        exists: always,
    },
    SchemaKind {
        name: "a default is gone",
        act: [
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'DEFAULT (7)', '/*cut*/') WHERE name = 'item'; PRAGMA writable_schema = RESET",
            "ALTER TABLE item ALTER tally DROP DEFAULT",
            "ALTER TABLE item ALTER tally DROP DEFAULT",
        ],
        undo: [
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, '/*cut*/', 'DEFAULT (7)') WHERE name = 'item'; PRAGMA writable_schema = RESET",
            "ALTER TABLE item ALTER tally SET DEFAULT 7",
            "ALTER TABLE item ALTER tally SET DEFAULT 7",
        ],
        says: "the default is not there",
        exists: always,
    },
    SchemaKind {
        name: "NULL is allowed",
        act: [
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'NOT NULL', '/*cut*/') WHERE name = 'child'; PRAGMA writable_schema = RESET",
            "ALTER TABLE child ALTER up DROP NOT NULL",
            "ALTER TABLE child MODIFY up bigint",
        ],
        undo: [
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, '/*cut*/', 'NOT NULL') WHERE name = 'child'; PRAGMA writable_schema = RESET",
            "ALTER TABLE child ALTER up SET NOT NULL",
            "ALTER TABLE child MODIFY up bigint NOT NULL",
        ],
        says: "NULL is allowed",
        exists: always,
    },
    SchemaKind {
        name: "NULL is refused",
        act: [
            "",
            "ALTER TABLE child ALTER spot SET NOT NULL",
            "ALTER TABLE child MODIFY spot bigint NOT NULL",
        ],
        undo: [
            "",
            "ALTER TABLE child ALTER spot DROP NOT NULL",
            "ALTER TABLE child MODIFY spot bigint",
        ],
        says: "NULL is refused",
        exists: always,
    },
    SchemaKind {
        name: "a counter is behind",
        act: [
            // Only here can a counter fall behind its rows.
            "",
            "SELECT setval(pg_get_serial_sequence('child', 'id'), 5)",
            "",
        ],
        undo: [
            "",
            "SELECT setval(pg_get_serial_sequence('child', 'id'), 40)",
            "",
        ],
        says: "the counter would give",
        exists: always,
    },
    SchemaKind {
        name: "a column does not count any more",
        act: [
            "",
            "ALTER TABLE child ALTER id DROP IDENTITY",
            "ALTER TABLE child MODIFY id bigint NOT NULL",
        ],
        undo: [
            "",
            "ALTER TABLE child ALTER id ADD GENERATED BY DEFAULT AS IDENTITY; SELECT setval(pg_get_serial_sequence('child', 'id'), 40)",
            "ALTER TABLE child MODIFY id bigint NOT NULL AUTO_INCREMENT",
        ],
        says: "it does not count by itself",
        exists: always,
    },
    SchemaKind {
        name: "a primary key is gone",
        act: [
            "",
            "ALTER TABLE guid DROP CONSTRAINT guid_pkey",
            "ALTER TABLE guid DROP PRIMARY KEY",
        ],
        undo: [
            "",
            "ALTER TABLE guid ADD PRIMARY KEY (u)",
            "ALTER TABLE guid ADD PRIMARY KEY (u)",
        ],
        says: "the primary key (u) is not there",
        exists: always,
    },
    SchemaKind {
        name: "a column is too narrow",
        act: [
            "",
            "ALTER TABLE child ALTER spot TYPE smallint",
            "ALTER TABLE child MODIFY spot tinyint",
        ],
        undo: [
            "",
            "ALTER TABLE child ALTER spot TYPE bigint",
            "ALTER TABLE child MODIFY spot bigint",
        ],
        says: "the type is",
        exists: always,
    },
    SchemaKind {
        name: "a view is gone",
        act: ["DROP VIEW heavy"; 3],
        undo: ["CREATE VIEW heavy AS SELECT id FROM parent WHERE weight > 2"; 3],
        says: "the view is not there",
        // Queries are not translated.
        exists: |from, to| from == to,
    },
];
