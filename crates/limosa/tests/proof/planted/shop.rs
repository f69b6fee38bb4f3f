//! The database that is corrupted: the same rows in each engine's own types.

use crate::engine::Engine;
use crate::kinds::{hex, maria, postgres, sqlite};

/// A value that each engine has a literal for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum V {
    Null,
    T(String),
    I(i64),
    /// A decimal, with its digits.
    D(&'static str),
    F(f64),
    B(bool),
    X(Vec<u8>),
    /// Eight bits.
    Bits(&'static str),
    /// A moment in UTC.
    Utc(String),
}

/// A text.
pub(crate) fn t(text: &str) -> V {
    V::T(text.into())
}

impl V {
    pub(crate) fn literal(&self, engine: Engine) -> String {
        use Engine::*;
        match (self, engine) {
            (V::Null, _) => "NULL".into(),
            (V::T(t), Sqlite) => sqlite::quote(t),
            (V::T(t), Postgres) => postgres::quote(t),
            (V::T(t), Maria) => maria::quote(t),
            (V::I(i), _) => i.to_string(),
            (V::D(d), _) => format!("'{d}'"),
            (V::F(f), Sqlite) => format!("{f:e}"),
            // Without the quotes a zero loses its minus.
            (V::F(f), _) => format!("'{f:e}'"),
            (V::B(b), Postgres) => b.to_string(),
            (V::B(b), _) => u8::from(*b).to_string(),
            (V::X(b), Postgres) => format!("'\\x{}'", hex(b)),
            (V::X(b), _) => format!("X'{}'", hex(b)),
            (V::Bits(b), Sqlite) => format!("'{b}'"),
            (V::Bits(b), Postgres) => format!("B'{b}'"),
            (V::Bits(b), Maria) => format!("b'{b}'"),
            (V::Utc(u), Maria) => format!("'{u}'"),
            (V::Utc(u), _) => format!("'{u}+00:00'"),
        }
    }
}

/// The columns of `item` behind its key, and what an engine calls their types; one that it has no type for is left out.
const ITEM: &[(&str, [&str; 3])] = &[
    (
        "name",
        [
            "VARCHAR(60) NOT NULL",
            "varchar(60) NOT NULL",
            "varchar(60) NOT NULL",
        ],
    ),
    ("note", ["TEXT", "text", "text"]),
    ("price", ["DECIMAL(12,2)", "numeric(12,2)", "decimal(12,2)"]),
    ("exact", ["", "numeric(40,20)", "decimal(40,20)"]),
    ("ratio", ["DOUBLE", "double precision", "double"]),
    ("small", ["", "real", "float"]),
    ("big", ["BIGINT", "bigint", "bigint"]),
    ("wide", ["", "numeric(20,0)", "bigint unsigned"]),
    (
        "tally",
        [
            "INT NOT NULL DEFAULT 7",
            "integer NOT NULL DEFAULT 7",
            "int NOT NULL DEFAULT 7",
        ],
    ),
    ("flag", ["BOOLEAN", "boolean", "tinyint(1)"]),
    ("day", ["DATE", "date", "date"]),
    ("seen", ["DATETIME", "timestamp(6)", "datetime(6)"]),
    (
        "moment",
        [
            "TIMESTAMPTZ",
            "timestamptz(6)",
            "timestamp(6) NULL DEFAULT NULL",
        ],
    ),
    ("clock", ["TIME", "time(6)", "time(6)"]),
    ("uid", ["UUID", "uuid", "uuid"]),
    ("doc", ["JSON", "jsonb", "json"]),
    ("mood", ["", "mood", "enum('sad','ok','happy')"]),
    ("flags", ["", "", "set('a','b','c')"]),
    ("bits", ["", "bit(8)", "bit(8)"]),
    ("code", ["CHAR(8)", "char(8)", "char(8)"]),
    ("fixed", ["", "", "binary(4)"]),
    ("years", ["", "", "year"]),
    ("data", ["BLOB", "bytea", "varbinary(100)"]),
    ("span", ["", "interval", ""]),
    ("nums", ["", "integer[]", ""]),
    ("words", ["", "text[]", ""]),
    ("scope", ["", "int4range", ""]),
    ("ip", ["", "inet", ""]),
];

fn index(engine: Engine) -> usize {
    match engine {
        Engine::Sqlite => 0,
        Engine::Postgres => 1,
        Engine::Maria => 2,
    }
}

/// Whether a source of this engine has the column.
pub(crate) fn has(engine: Engine, column: &str) -> bool {
    ITEM.iter()
        .find(|(name, _)| *name == column)
        .is_none_or(|(_, types)| !types[index(engine)].is_empty())
}

/// Rows of `item`.
pub(crate) const ROWS: i64 = 40;

/// The value of a column in row `id`. Each row has its own; a few are what corruption begins from.
pub(crate) fn value(id: i64, column: &str) -> V {
    match (id, column) {
        (4, "note") => t("a|b"),
        (5, "note") => V::Null,
        (6, "note") => t(""),
        (7, "note") => t("Crème brûlée, 12 €"),
        (8, "note") => t("smile 🦜"),
        (9, "note") => t("it's \\ \"quoted\" & <b>"),
        (10, "note") => t("two\nlines"),
        (11, "note") => t("two\r\nlines"),
        (12, "note") => t("CaSe"),
        (13, "note") => t("{\"a\": 1}"),
        (14, "note") => t("2024-01-02"),
        (15, "note") => t("10.50"),
        (16, "note") => t("trailing "),
        (17, "note") => t("tab\there"),
        (_, "name") => t(&format!("name {id}")),
        (_, "note") => t(&format!("note {id}")),
        (4, "price") => V::D("100.00"),
        (5, "price") => V::Null,
        (_, "price") => V::D(["10.25", "19.99", "-3.50", "0.00", "7.10"][id as usize % 5]),
        (_, "exact") => V::D(
            [
                "0.00000000000000000001",
                "12345678901234567890.12345678901234567890",
            ][id as usize % 2],
        ),
        (4, "ratio") => V::F(0.0),
        (5, "ratio") => V::Null,
        (6, "ratio") => V::F(1e-17),
        (7, "ratio") => V::F(0.1 + 0.2),
        (8, "ratio") => V::F(9_007_199_254_740_994.0),
        (_, "ratio") => V::F(id as f64 / 7.0),
        (_, "small") => V::F(f64::from(
            [1.234_567_2_f32, 0.1, 16_777_218.0][id as usize % 3],
        )),
        (4, "big") => V::I(9_007_199_254_740_993),
        (5, "big") => V::Null,
        (6, "big") => V::I(i64::MAX),
        (_, "big") => V::I(id * 1_000_003),
        (_, "wide") => V::D(["18446744073709551615", "9223372036854775808", "0"][id as usize % 3]),
        (_, "tally") => V::I(id % 10),
        (5, "flag") => V::Null,
        (_, "flag") => V::B(id % 2 == 0),
        (5, "day") => V::Null,
        (_, "day") => t(&format!("2024-02-{:02}", id % 28 + 1)),
        (_, "seen") => t(&format!("2024-03-31 02:{:02}:30.123456", id % 60)),
        (_, "moment") => V::Utc(format!("2024-10-27 00:{:02}:30.123456", id % 60)),
        (_, "clock") => t(&format!("10:20:{:02}.123456", id % 60)),
        (_, "uid") => t(&format!("01234567-89ab-4def-8edc-ba98765432{id:02x}")),
        (4, "doc") => t("{\"a\": 1, \"b\": {\"c\": [1, 2], \"d\": null}}"),
        (5, "doc") => V::Null,
        (6, "doc") => t("{\"price\": 1.50}"),
        (7, "doc") => t("{\"n\": 12345678901234567890.123456789}"),
        (_, "doc") => t(&format!("{{\"id\": {id}, \"s\": \"x\"}}")),
        (_, "mood") => t(["sad", "ok", "happy"][id as usize % 3]),
        (_, "flags") => t(["a", "b,c", "", "a,b,c"][id as usize % 4]),
        (_, "bits") => V::Bits(["00000001", "10110000", "11111111"][id as usize % 3]),
        (_, "code") => t(["ab", "", "abcdefgh"][id as usize % 3]),
        (_, "fixed") => V::X(vec![id as u8, 0, 0, 0]),
        (_, "years") => V::I(1990 + id),
        (5, "data") => V::Null,
        (6, "data") => V::X(Vec::new()),
        (_, "data") => V::X(vec![id as u8, 0, 255, b'A', 0]),
        (_, "span") => t("1 mon 2 days 03:04:05.678"),
        (_, "nums") => t("{1,2,3}"),
        (_, "words") => t("{a,NULL,\"NULL\"}"),
        (_, "scope") => t("[1,5)"),
        (_, "ip") => t("10.0.0.1"),
        _ => panic!("{column} has no values"),
    }
}

/// Keys of `word`, most of them twins in some collation.
pub(crate) const WORDS: [&str; 18] = [
    "apple",
    "Apple",
    "äpple",
    "apple ",
    "appl\u{e9}",
    "apple\t",
    "NULL",
    "\\N",
    "a|b",
    "a'b",
    "日本",
    "🦜",
    "ß",
    "ss",
    "straße",
    "zebra",
    "Zebra",
    "_",
];

/// The statements that make it.
pub(crate) fn sql(engine: Engine) -> String {
    let at = index(engine);
    let pick = |list: [&str; 3]| list[at].to_owned();
    let mut out = pick([
        "PRAGMA foreign_keys = OFF;",
        "SET timezone = 'UTC'; CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');",
        "SET time_zone = '+00:00';",
    ]);
    let columns: Vec<String> = ITEM
        .iter()
        .filter(|(_, types)| !types[at].is_empty())
        .map(|(name, types)| format!("{name} {}", types[at]))
        .collect();
    let id = pick([
        "id INTEGER PRIMARY KEY AUTOINCREMENT",
        "id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
        "id bigint AUTO_INCREMENT PRIMARY KEY",
    ]);
    let bin = pick(["", "", " CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"]);
    let key = |n: u32| {
        pick(["TEXT", "text", "varchar"])
            + &if at == 2 {
                format!("({n}){bin}")
            } else {
                String::new()
            }
    };
    out.push_str(&format!(
        "CREATE TABLE item ({id}, {});\n",
        columns.join(", ")
    ));
    out.push_str(&format!(
        "CREATE TABLE word (w {} NOT NULL PRIMARY KEY, n INT);\n",
        key(40)
    ));
    out.push_str(&format!(
        "CREATE TABLE pair (a INT NOT NULL, b {} NOT NULL, c INT, PRIMARY KEY (a, b));\n",
        key(40)
    ));
    out.push_str("CREATE TABLE guid (u UUID NOT NULL PRIMARY KEY, v INT);\n");
    out.push_str(&format!("CREATE TABLE loose (x INT, y {});\n", key(40)));
    out.push_str(&format!(
        "CREATE TABLE parent ({id}, label {} NOT NULL, weight INT DEFAULT 3, CHECK (weight > 0));\n\
         CREATE UNIQUE INDEX parent_label ON parent (label);\n\
         CREATE TABLE child ({id}, up BIGINT NOT NULL, spot BIGINT, \
           CONSTRAINT child_up FOREIGN KEY (up) REFERENCES parent (id) ON DELETE CASCADE);\n\
         CREATE INDEX child_spot ON child (spot);\n\
         CREATE VIEW heavy AS SELECT id FROM parent WHERE weight > 2;\n",
        key(40)
    ));
    for n in 1..=ROWS {
        let values: Vec<String> = ITEM
            .iter()
            .filter(|(_, types)| !types[at].is_empty())
            .map(|(name, _)| value(n, name).literal(engine))
            .collect();
        out.push_str(&format!(
            "INSERT INTO item VALUES ({n}, {});\n",
            values.join(", ")
        ));
        let y = t(&format!("y{}", n % 8)).literal(engine);
        out.push_str(&format!("INSERT INTO loose VALUES ({}, {y});\n", n % 8));
        let b = t(&format!("b{}", n % 4)).literal(engine);
        out.push_str(&format!("INSERT INTO pair VALUES ({}, {b}, {n});\n", n / 4));
        let label = t(&format!("label {n}")).literal(engine);
        out.push_str(&format!(
            "INSERT INTO parent VALUES ({n}, {label}, {});\n",
            n % 5 + 1
        ));
        out.push_str(&format!(
            "INSERT INTO guid VALUES ('00000000-0000-4000-8000-0000000000{n:02x}', {n});\n"
        ));
    }
    for n in 1..=ROWS {
        out.push_str(&format!(
            "INSERT INTO child VALUES ({n}, {}, {});\n",
            n % 7 + 1,
            n % 3
        ));
    }
    let more = t("b12").literal(engine);
    out.push_str(&format!("INSERT INTO pair VALUES (100, {more}, 7);\n"));
    for (n, word) in WORDS.iter().enumerate() {
        out.push_str(&format!(
            "INSERT INTO word VALUES ({}, {n});\n",
            t(word).literal(engine)
        ));
    }
    out
}
