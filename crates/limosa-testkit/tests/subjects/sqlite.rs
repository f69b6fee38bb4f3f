//! SQLite under test.

use limosa_core::error::ErrorKind;
use limosa_core::value::Value;
use limosa_testkit::conformance::{Subject, TypeCase};
use limosa_testkit::{folder, hostile};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use std::time::Duration;

pub(crate) fn subject() -> Subject {
    Subject {
        open: limosa_sqlite::open,
        fresh_url,
        execute,
        query,
        port: None,
        text_keys: || {
            [
                "text",
                "text collate nocase",
                "text collate rtrim",
                "varchar(60)",
            ]
            .map(str::to_owned)
            .to_vec()
        },
        other_keys: &[
            ("integer", |n| {
                format!("{}", (i64::from(n) - 1250) * 7_000_000_000_000_000)
            }),
            ("blob", |n| format!("x'{:02x}27{n:08x}00'", n % 256)),
            ("real", |n| format!("{n} / 3.0 - 400")),
            ("numeric", |n| {
                if n % 2 == 0 {
                    format!("{n}")
                } else {
                    format!("-{n}.5")
                }
            }),
            // Any class of storage in one key.
            ("", |n| match n % 4 {
                0 => format!("{n}"),
                1 => format!("'{n}'"),
                2 => format!("x'{n:08x}'"),
                _ => format!("{n}.5"),
            }),
            ("date", |n| format!("date('1990-01-01', '+{n} days')")),
        ],
        analyze: "analyze",
        leftovers: "select count(*) from sqlite_master where name like 'limosa%'",
        types,
        oracle: "typeof(v), quote(v), hex(v)",
        wrong_urls,
    }
}

fn fresh_url() -> String {
    let file = folder().join("test.db");
    let url = format!("sqlite://{}", file.display());
    let connection = Connection::open(&file).expect("the folder is ours");
    // So that a writer does not wait for readers.
    connection
        .execute_batch("pragma journal_mode = wal; create table x (y); drop table x;")
        .expect("a fresh file takes a mode");
    url
}

fn connect(url: &str) -> Connection {
    let path = url
        .strip_prefix("sqlite://")
        .expect("a URL of this subject");
    let connection = Connection::open(path).expect("the file is there");
    connection
        .busy_timeout(Duration::from_secs(20))
        .expect("a timeout can be set");
    connection
}

fn execute(url: &str, sql: &str) {
    let connection = connect(url);
    let sql = format!("begin; {sql}; commit;").replace(";;", ";");
    if let Err(e) = connection.execute_batch(&sql) {
        panic!("{e}\nin: {}", sql.chars().take(2000).collect::<String>());
    }
}

fn query(url: &str, sql: &str) -> String {
    let connection = connect(url);
    let mut statement = connection
        .prepare(sql)
        .unwrap_or_else(|e| panic!("{sql}: {e}"));
    let columns = statement.column_count();
    let mut rows = statement.query([]).expect("a query runs");
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap_or_else(|e| panic!("{sql}: {e}")) {
        let cells: Vec<String> = (0..columns)
            .map(|i| match row.get_ref(i).expect("the column is there") {
                ValueRef::Null => "NULL".into(),
                ValueRef::Integer(i) => i.to_string(),
                ValueRef::Real(f) => format!("{f:?}"),
                ValueRef::Text(t) | ValueRef::Blob(t) => String::from_utf8_lossy(t).into_owned(),
            })
            .collect();
        lines.push(cells.join("\t"));
    }
    lines.join("\n")
}

fn wrong_urls() -> Vec<(String, Vec<ErrorKind>)> {
    use ErrorKind::*;
    let folder = folder();
    let text = folder.join("text.db");
    std::fs::write(
        &text,
        "this is no database, and long enough to be seen as none".repeat(50),
    )
    .expect("the folder is ours");
    vec![
        (
            format!("sqlite://{}/no/such/folder/x.db?mode=rw", folder.display()),
            vec![File, Missing, Configuration],
        ),
        (
            format!("sqlite://{}/missing.db?mode=ro", folder.display()),
            vec![File, Missing, Configuration],
        ),
        (
            format!("sqlite://{}", text.display()),
            vec![File, Configuration, Protocol, Unsupported],
        ),
        ("sqlite://:memory:".into(), vec![Configuration]),
        (
            format!("sqlite://{}/x.db?mode=sideways", folder.display()),
            vec![Configuration],
        ),
    ]
}

fn text_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn blob_literal(blob: &[u8]) -> String {
    let hex: String = blob.iter().map(|b| format!("{b:02x}")).collect();
    format!("x'{hex}'")
}

fn case(declared: &str, values: Vec<(String, Value)>) -> TypeCase {
    TypeCase {
        declared: declared.into(),
        values: values.into_iter().map(|(l, v)| (l, Some(v))).collect(),
        before: None,
        respelled: false,
    }
}

fn types() -> Vec<TypeCase> {
    let integers: Vec<(String, Value)> = [
        ("0", 0),
        ("-1", -1),
        ("9223372036854775807", i64::MAX),
        ("-9223372036854775808", i64::MIN),
    ]
    .map(|(l, v)| (l.to_owned(), Value::Int(v)))
    .to_vec();
    let reals: Vec<(String, Value)> = [
        ("0.1", 0.1),
        ("1e-17", 1e-17),
        ("-1.5", -1.5),
        ("1.7976931348623157e308", f64::MAX),
        ("5e-324", f64::from_bits(1)),
        ("9e999", f64::INFINITY),
        ("-9e999", f64::NEG_INFINITY),
        ("1e20", 1e20),
    ]
    .map(|(l, v)| (l.to_owned(), Value::F64(v)))
    .to_vec();
    let mut texts: Vec<(String, Value)> = hostile::texts()
        .into_iter()
        .map(|t| (text_literal(&t), Value::Text(t)))
        .collect();
    texts.push((
        "cast(x'610062' as text)".into(),
        Value::Text(hostile::NUL_TEXT.into()),
    ));
    let blobs: Vec<(String, Value)> = hostile::blobs()
        .into_iter()
        .map(|b| (blob_literal(&b), Value::Bytes(b)))
        .collect();
    let mut any = integers.clone();
    any.extend(reals.clone());
    any.extend(texts.clone());
    any.extend(blobs.clone());
    // Text that is not UTF-8 comes as bytes; it need not come back as text.
    vec![
        case("integer", integers.clone()),
        case("int", integers.clone()),
        case("bigint", integers.clone()),
        case("real", reals.clone()),
        case("double precision", reals),
        case("text", texts.clone()),
        case("varchar(30)", texts.clone()),
        case("text collate nocase", texts),
        case("blob", blobs),
        case("", any),
        TypeCase::round_trip("integer", ["'text in it'", "x'00ff'", "1.5", "7"]),
        TypeCase::round_trip("text", ["x'00ff'", "'t'"]),
        TypeCase::round_trip("real", ["'text in it'", "x'00'", "3"]),
        TypeCase::round_trip("boolean", ["0", "1", "true", "2", "'yes'"]),
        TypeCase::round_trip(
            "date",
            ["'2024-02-29'", "'2024-02-30'", "2460000.5", "1700000000"],
        )
        .respelled(),
        TypeCase::round_trip(
            "datetime",
            ["'2024-02-29 23:59:59'", "'2024-02-29T23:59:59.123Z'", "0"],
        )
        .respelled(),
        TypeCase::round_trip(
            "timestamp",
            ["'2024-02-29 23:59:59+02:00'", "current_timestamp"],
        )
        .respelled(),
        TypeCase::round_trip("time", ["'23:59'", "'24:00:00'"]).respelled(),
        TypeCase::round_trip(
            "decimal(10,2)",
            ["1.5", "1", "'1.50'", "12345678901234567890.12", "'abc'"],
        ),
        TypeCase::round_trip("numeric", ["0.1", "1e300", "9223372036854775807", "'0x10'"]),
        TypeCase::round_trip("json", hostile::jsons().into_iter().map(text_literal)),
        TypeCase::round_trip(
            "uuid",
            [
                "'01234567-89ab-cdef-fedc-ba9876543210'",
                "x'0123456789abcdeffedcba9876543210'",
            ],
        ),
        TypeCase::round_trip("char(5)", ["'ab'", "'ab   '", "'longer than five'"]),
        TypeCase::round_trip("STRING", ["'007'", "1"]),
    ]
}
