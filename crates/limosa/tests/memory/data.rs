//! Tables with huge cells, made by each engine itself.

use crate::engine::{Database, Engine};
use std::fmt::Write;

const MIB: usize = 1 << 20;

/// The huge cells: the row's number, text or blob, bytes. Between them lie ordinary rows.
pub(crate) const HUGE: [(u32, bool, usize); 8] = [
    (3_000, true, 100 * MIB),
    (6_000, false, 100 * MIB),
    (9_000, true, 20 * MIB),
    (9_001, false, 30 * MIB),
    (9_002, true, 50 * MIB),
    (9_003, false, 50 * MIB),
    (15_000, false, 40 * MIB),
    (15_001, true, 25 * MIB),
];

/// The ordinary rows, without the huge ones.
pub(crate) const ROWS: u32 = 20_000;

/// 64 characters and bytes with what an encoder must escape; no two engines store them alike.
const LINE: &str = "It''s a line, with a tab\t and a \\ in it, then the end of it: 123.\n";

/// The numbers from 1, as `n(i)`.
fn numbers(rows: u32) -> String {
    format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})")
}

/// `INSERT INTO table SELECT list FROM n`, in each engine's order of words.
fn insert(engine: Engine, table: &str, rows: u32, list: &str) -> String {
    let n = numbers(rows);
    match engine {
        Engine::Maria => format!(
            "SET max_recursive_iterations = 10000000; INSERT INTO {table} {n} SELECT {list} FROM n;\n"
        ),
        _ => format!("{n} INSERT INTO {table} SELECT {list} FROM n;\n"),
    }
}

/// A table `plain` of rows of about a kilobyte.
pub(crate) fn plain(db: &Database, engine: Engine, rows: u32) {
    let (blob, bytes) = match engine {
        Engine::Sqlite => ("BLOB", "randomblob(960)"),
        Engine::Postgres => ("bytea", "decode(repeat(md5(i::text), 60), 'hex')"),
        Engine::Maria => ("BLOB", "unhex(repeat(md5(i), 60))"),
    };
    db.execute(&format!(
        "CREATE TABLE plain (id integer PRIMARY KEY, n integer, b {blob});\n{}",
        insert(engine, "plain", rows, &format!("i, i % 97, {bytes}"))
    ));
}

/// A table `wide` with a key and `columns` columns, of which one in four is not NULL.
pub(crate) fn wide(db: &Database, engine: Engine, columns: u32, rows: u32) {
    let mut names = String::from("id integer PRIMARY KEY");
    let mut list = String::from("i");
    for column in 1..columns {
        let _ = write!(names, ", c{column} integer");
        let _ = if column % 4 == 0 {
            write!(list, ", i + {column}")
        } else {
            write!(list, ", NULL")
        };
    }
    db.execute(&format!(
        "CREATE TABLE wide ({names});\n{}",
        insert(engine, "wide", rows, &list)
    ));
}

/// A table `large` with one text of `size` bytes.
pub(crate) fn large(db: &Database, engine: Engine, size: usize) {
    let (ty, text) = match engine {
        Engine::Sqlite => ("TEXT", format!("hex(zeroblob({} / 2))", size)),
        Engine::Postgres => ("text", format!("repeat('x', {size})")),
        Engine::Maria => ("LONGTEXT", format!("repeat('x', {size})")),
    };
    db.execute(&format!(
        "CREATE TABLE large (id integer PRIMARY KEY, t {ty}); INSERT INTO large VALUES (42, {text});"
    ));
}

/// Makes the table `big`: an integer key, a text and a blob.
pub(crate) fn huge(db: &Database, engine: Engine) {
    let bytes: String = (0..=255u8).map(|b| format!("{b:02x}")).collect();
    let line = LINE.replace("''", "'").len();
    let (types, tune) = match engine {
        Engine::Sqlite => ("INTEGER PRIMARY KEY, t TEXT, b BLOB", ""),
        // Compressing takes longer than all the rest.
        Engine::Postgres => (
            "integer PRIMARY KEY, t text, b bytea",
            "ALTER TABLE big ALTER t SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL;",
        ),
        Engine::Maria => ("INTEGER PRIMARY KEY, t LONGTEXT, b LONGBLOB", ""),
    };
    let mut sql = format!("CREATE TABLE big (id {types}); {tune}\n");
    let row = match engine {
        Engine::Sqlite => "100000 + i, 'row ' || i, randomblob(200)",
        Engine::Postgres => {
            "100000 + i, concat('row ', i), decode(repeat(md5(i::text), 12), 'hex')"
        }
        Engine::Maria => "100000 + i, concat('row ', i), unhex(repeat(md5(i), 12))",
    };
    sql.push_str(&insert(engine, "big", ROWS, row));
    for (id, text, size) in HUGE {
        let id = 100_000 + id;
        let (unit, column) = if text { (line, "t") } else { (256, "b") };
        let times = size.div_ceil(unit);
        let text = match engine {
            Engine::Maria => format!("'{}'", LINE.replace('\\', "\\\\")),
            _ => format!("'{LINE}'"),
        };
        let value = match (engine, column) {
            // SQLite repeats by replacing each zero of a blob's hexadecimal digits.
            (Engine::Sqlite, "t") => {
                format!("replace(substr(hex(zeroblob({times} / 2 + 1)), 1, {times}), '0', {text})")
            }
            (Engine::Sqlite, _) => format!(
                "CAST(replace(substr(hex(zeroblob({times} / 2 + 1)), 1, {times}), '0', \
                 CAST(X'{}' AS TEXT)) AS BLOB)",
                // NUL would end a text.
                bytes.replacen("00", "ff", 1)
            ),
            (Engine::Postgres, "b") => format!("decode(repeat('{bytes}', {times}), 'hex')"),
            (Engine::Maria, "b") => format!("repeat(X'{bytes}', {times})"),
            _ => format!("repeat({text}, {times})"),
        };
        let zeros = match engine {
            Engine::Sqlite => format!("zeroblob({size})"),
            Engine::Postgres => format!("decode(repeat('00', {size}), 'hex')"),
            Engine::Maria => format!("repeat(X'00', {size})"),
        };
        let value = if id == 115_000 { zeros } else { value };
        let _ = writeln!(sql, "UPDATE big SET {column} = {value} WHERE id = {id};");
    }
    db.execute(&sql);
}
