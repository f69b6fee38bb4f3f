//! Rows arrive as they were, once.

mod common;

use common::*;
use limosa_core::ErrorKind;
use limosa_core::canonical::Form;
use limosa_core::chunk::Range;
use limosa_core::dialect::PlaceContext;
use limosa_core::engine::{ChunkState, Engine};
use limosa_core::operation::Operation;
use limosa_core::policy::Policies;
use limosa_core::schema::{Column, Key, Table, TableName, Type};
use limosa_core::value::Value;
use proptest::prelude::*;
use rusqlite::types::Value as Stored;

fn columns(types: &[(Type, bool)], engine: &dyn Engine) -> Vec<Column> {
    let policies = Policies::default();
    types
        .iter()
        .enumerate()
        .map(|(i, (ty, nullable))| {
            let placed = engine.dialect().place(
                ty,
                &PlaceContext {
                    scan: None,
                    indexed: false,
                    key_columns: 0,
                    key_chars: 0,
                    identity: false,
                    folds: false,
                    same_family: false,
                    native: "",
                    policies: &policies,
                },
            );
            Column {
                name: format!("c{i}"),
                ty: placed.ty,
                native: placed.native,
                nullable: *nullable,
                default: None,
                identity: None,
                generated: None,
                on_update_now: false,
                collation: None,
                folds: false,
                comment: None,
            }
        })
        .collect()
}

fn made(name: &str, columns: Vec<Column>) -> Table {
    Table {
        name: TableName::bare(name),
        primary_key: Some(Key {
            name: None,
            columns: vec![columns[0].name.clone()],
            deferrable: false,
            initially_deferred: false,
            nulls_not_distinct: false,
        }),
        columns,
        uniques: vec![],
        foreign_keys: vec![],
        checks: vec![],
        indexes: vec![],
        triggers: vec![],
        partitioning: None,
        comment: None,
        estimated_rows: None,
        estimated_bytes: None,
        unrepresented: vec![],
    }
}

/// Every neutral type, how its values are made, and the form in which they are compared.
fn types() -> Vec<(Type, Form)> {
    let timestamp = |zoned| Type::Timestamp {
        precision: 6,
        zoned,
    };
    vec![
        (
            Type::Integer {
                bits: 64,
                unsigned: false,
            },
            Form::Integer,
        ),
        (Type::Boolean, Form::Boolean),
        (
            Type::Integer {
                bits: 64,
                unsigned: true,
            },
            Form::Integer,
        ),
        (
            Type::Decimal {
                precision: Some(40),
                scale: Some(4),
            },
            Form::Decimal,
        ),
        (
            Type::Decimal {
                precision: None,
                scale: None,
            },
            Form::Decimal,
        ),
        (Type::Float { bits: 64 }, Form::Double),
        (Type::Float { bits: 32 }, Form::Single),
        (Type::Text { max_bytes: None }, Form::Text),
        (Type::Varchar { length: 500 }, Form::Text),
        (Type::Blob { max_bytes: None }, Form::Bytes),
        (Type::Date, Form::Date),
        (
            Type::Time {
                precision: 6,
                zoned: false,
                span: false,
            },
            Form::Time,
        ),
        (
            Type::Time {
                precision: 3,
                zoned: false,
                span: true,
            },
            Form::Time,
        ),
        (
            Type::Time {
                precision: 6,
                zoned: true,
                span: false,
            },
            Form::TimeTz,
        ),
        (timestamp(false), Form::Timestamp),
        (timestamp(true), Form::TimestampTz),
        (Type::Interval, Form::Interval),
        (Type::Uuid, Form::Uuid),
        (Type::Json { normalised: false }, Form::Json),
        (
            Type::Bit {
                length: None,
                varying: true,
            },
            Form::Bits,
        ),
        (
            Type::Bit {
                length: Some(1),
                varying: false,
            },
            Form::Bits,
        ),
        (
            Type::Array {
                element: Box::new(Type::Date),
            },
            Form::Json,
        ),
        (Type::Dynamic, Form::Dynamic),
    ]
}

fn bits(n: u32, seed: u64) -> Value {
    let mut bytes = vec![0u8; n.div_ceil(8) as usize];
    for i in 0..n as usize {
        if seed >> (i % 64) & 1 == 1 {
            bytes[i / 8] |= 0x80 >> (i % 8);
        }
    }
    Value::Bits(n, bytes)
}

fn row() -> impl Strategy<Value = Vec<Value>> {
    let null = |s: BoxedStrategy<Value>| prop_oneof![1 => Just(Value::Null), 6 => s].boxed();
    let moment = || prop_oneof![8 => -60_000_000_000_000_000i64..250_000_000_000_000_000, 1 => Just(i64::MAX), 1 => Just(i64::MIN)];
    let decimal = |fraction: &'static str| {
        prop_oneof![
            8 => proptest::string::string_regex(&format!("-?(0|[1-9][0-9]{{0,30}}){fraction}")).expect("a pattern").prop_filter("no negative zero", |s| s.bytes().any(|b| (b'1'..=b'9').contains(&b)) || !s.starts_with('-')),
            1 => Just("NaN".to_owned()),
        ]
        .prop_map(Value::Decimal)
        .boxed()
    };
    let first = (
        null(any::<bool>().prop_map(Value::Bool).boxed()),
        null(
            prop_oneof![
                any::<i64>().prop_map(|i| Value::Int(i & i64::MAX)),
                ((i64::MAX as u64 + 1)..=u64::MAX).prop_map(Value::UInt)
            ]
            .boxed(),
        ),
        null(decimal(r"\.[0-9]{4}")),
        null(decimal(r"(\.[0-9]{1,12})?")),
        null(
            any::<f64>()
                .prop_filter("NaN and -0.0 are refused", |f| {
                    !f.is_nan() && (*f != 0.0 || f.is_sign_positive())
                })
                .prop_map(Value::F64)
                .boxed(),
        ),
        null(
            any::<f32>()
                .prop_filter("NaN and -0.0 are refused", |f| {
                    !f.is_nan() && (*f != 0.0 || f.is_sign_positive())
                })
                .prop_map(Value::F32)
                .boxed(),
        ),
        null(any::<String>().prop_map(Value::Text).boxed()),
        null("[a-zA-Z \u{0}'\"é😀]{0,40}".prop_map(Value::Text).boxed()),
        null(any::<Vec<u8>>().prop_map(Value::Bytes).boxed()),
        null(
            prop_oneof![8 => -1_000_000i32..3_000_000, 1 => Just(i32::MAX), 1 => Just(i32::MIN)]
                .prop_map(Value::Date)
                .boxed(),
        ),
        null((0i64..=86_400_000_000).prop_map(Value::Time).boxed()),
    );
    let second = (
        null(
            (-3_020_399_000_000i64..=3_020_399_000_000)
                .prop_map(Value::Time)
                .boxed(),
        ),
        null(
            (0i64..86_400_000_000, -50_000i32..50_000)
                .prop_map(|(t, o)| Value::TimeTz(t, o))
                .boxed(),
        ),
        null(moment().prop_map(Value::Timestamp).boxed()),
        null(moment().prop_map(Value::TimestampTz).boxed()),
        null(
            (
                -100_000i32..100_000,
                -100_000i32..100_000,
                -1_000_000_000_000i64..1_000_000_000_000,
            )
                .prop_map(|(m, d, u)| Value::Interval(m, d, u))
                .boxed(),
        ),
        null(any::<[u8; 16]>().prop_map(Value::Uuid).boxed()),
        null(
            prop_oneof![
                Just("{\"a\": [1, 2.50, null]}"),
                Just("[]"),
                Just("\"x\""),
                Just("1")
            ]
            .prop_map(|s| Value::Json(s.into()))
            .boxed(),
        ),
        null(
            (0u32..100, any::<u64>())
                .prop_map(|(n, s)| bits(n, s))
                .boxed(),
        ),
        null(any::<u64>().prop_map(|s| bits(1, s)).boxed()),
        null(
            prop_oneof![
                Just(Value::Json("[\"2024-01-01\", null]".into())),
                Just(Value::Text("[0:1]={2024-01-01,NULL}".into()))
            ]
            .boxed(),
        ),
        null(
            prop_oneof![
                any::<i64>().prop_map(Value::Int),
                any::<f64>()
                    .prop_filter("NaN", |f| !f.is_nan())
                    .prop_map(Value::F64),
                any::<String>().prop_map(Value::Text),
                any::<Vec<u8>>().prop_map(Value::Bytes),
            ]
            .boxed(),
        ),
    );
    (first, second).prop_map(|(a, b)| {
        vec![
            Value::Null,
            a.0,
            a.1,
            a.2,
            a.3,
            a.4,
            a.5,
            a.6,
            a.7,
            a.8,
            a.9,
            a.10,
            b.0,
            b.1,
            b.2,
            b.3,
            b.4,
            b.5,
            b.6,
            b.7,
            b.8,
            b.9,
            b.10,
        ]
    })
}

/// The canonical form of a value, made from the value alone.
fn expected(value: &Value, form: Form) -> Option<Vec<u8>> {
    use limosa_core::{canonical, notation};
    let mut out = Vec::new();
    match value {
        Value::Null => return None,
        Value::Bool(b) => out.push(b'0' + u8::from(*b)),
        Value::F32(f) => canonical::single(&mut out, *f),
        Value::F64(f) if form == Form::Double => canonical::double(&mut out, *f),
        Value::F64(f) => {
            out.push(b'r');
            canonical::double(&mut out, *f);
        }
        Value::Int(i) if form == Form::Dynamic => out.extend_from_slice(format!("i{i}").as_bytes()),
        Value::Int(i) => out.extend_from_slice(i.to_string().as_bytes()),
        Value::UInt(u) => out.extend_from_slice(u.to_string().as_bytes()),
        Value::Decimal(s) => canonical::decimal(&mut out, s.as_bytes()),
        Value::Text(s) if form == Form::Dynamic => {
            out.push(b't');
            out.extend_from_slice(s.as_bytes());
        }
        Value::Text(s) => out.extend_from_slice(s.as_bytes()),
        Value::Bytes(b) => {
            if form == Form::Dynamic {
                out.push(b'b');
            }
            out.extend_from_slice(b);
        }
        Value::Date(d) => notation::write_date(&mut out, *d),
        Value::Time(t) => {
            let mut text = Vec::new();
            notation::write_time(&mut text, *t, 6);
            canonical::moment(&mut out, &text, false);
        }
        Value::TimeTz(t, o) => {
            let mut text = Vec::new();
            notation::write_time(&mut text, *t, 6);
            canonical::moment(&mut out, &text, false);
            out.extend_from_slice(format!(" {o}").as_bytes());
        }
        Value::Timestamp(t) | Value::TimestampTz(t) => {
            let mut text = Vec::new();
            notation::write_timestamp(&mut text, *t, 6);
            canonical::moment(&mut out, &text, true);
        }
        Value::Interval(m, d, u) => out.extend_from_slice(format!("{m} {d} {u}").as_bytes()),
        Value::Uuid(u) => notation::write_uuid(&mut out, u),
        Value::Json(s) => canonical::json(&mut out, s.as_bytes()),
        Value::Bits(n, b) => notation::write_bits(&mut out, *n, b),
    }
    Some(out)
}

/// The same number may be said with more zeros; everything else must be the same.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::F64(a), Value::F64(b)) => a.to_bits() == b.to_bits(),
        (Value::F32(a), Value::F32(b)) => a.to_bits() == b.to_bits(),
        (a, b) => a == b,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_value_of_every_type_comes_back_as_it_was(rows in proptest::collection::vec(row(), 1..40)) {
        let rows: Vec<Vec<Value>> = rows
            .into_iter()
            .enumerate()
            .map(|(i, mut row)| {
                row[0] = Value::Int(i as i64);
                row
            })
            .collect();
        let place = Place::new();
        let engine = place.engine("t.db");
        let kinds: Vec<(Type, bool)> = types().into_iter().enumerate().map(|(i, (t, _))| (t, i > 0)).collect();
        let forms: Vec<Form> = types().into_iter().map(|(_, f)| f).collect();
        let table = made("t", columns(&kinds, &*engine));
        apply(&*engine, &[Operation::CreateTable(Box::new(table.clone()))]);
        load(&*engine, &spec_of(&table, None), &rows);

        let catalog = engine.inspect().expect("inspects");
        let back = common::table(&catalog, "t");
        for (a, b) in table.columns.iter().zip(&back.columns) {
            prop_assert_eq!((&a.ty, &a.native), (&b.ty, &b.native));
        }
        let snapshot = engine.snapshot(1).expect("a snapshot");
        let read = read_all(&*snapshot, &read_of(&back, false), &[Range::All]);
        prop_assert_eq!(read.len(), rows.len());
        for (got, want) in read.iter().flatten().zip(rows.iter().flatten()) {
            prop_assert!(same(got, want), "{:?} came back as {:?}", want, got);
        }
        let canonical = canonical_rows(&*engine, &back, &forms);
        for (got, want) in canonical.iter().zip(&rows) {
            let want: Vec<_> = want.iter().zip(&forms).map(|(v, f)| expected(v, *f)).collect();
            prop_assert_eq!(got, &want);
        }
    }
}

const LOOSE: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, i INTEGER, r REAL, d DECIMAL(10,2), s TEXT, b BLOB, n, day DATE, ok BOOLEAN)";

fn loose(place: &Place) -> Box<dyn Engine> {
    let engine = place.with("a.db", LOOSE);
    let c = place.raw("a.db");
    let odd = [
        Stored::Null,
        Stored::Integer(-5),
        Stored::Real(1.25),
        Stored::Text("abc".into()),
        Stored::Text("1e3".into()),
        Stored::Text("nul \0 inside".into()),
        Stored::Text(String::new()),
        Stored::Blob(vec![0, 255, 128]),
        Stored::Blob(vec![]),
        Stored::Integer(i64::MIN),
        Stored::Real(f64::INFINITY),
        Stored::Real(-0.0),
        Stored::Text("2024-02-30".into()),
        Stored::Text("true".into()),
    ];
    for value in &odd {
        c.execute(
            "INSERT INTO t (i, r, d, s, b, n, day, ok) VALUES (?1, ?1, ?1, ?1, ?1, ?1, ?1, ?1)",
            [value],
        )
        .expect("SQLite takes it");
    }
    c.execute_batch(
        "INSERT INTO t (id, s, n) VALUES (-7, CAST(x'61ff62' AS TEXT), CAST(x'c0' AS TEXT))",
    )
    .expect("SQLite takes it");
    engine
}

/// Every stored value with its class.
fn classes(place: &Place, name: &str) -> Vec<Vec<(String, Vec<u8>)>> {
    let c = place.raw(name);
    let mut statement = c.prepare("SELECT * FROM t ORDER BY id").expect("prepares");
    let n = statement.column_count();
    let mut rows = statement.query([]).expect("runs");
    let mut out = Vec::new();
    while let Some(row) = rows.next().expect("steps") {
        out.push(
            (0..n)
                .map(|i| {
                    use rusqlite::types::ValueRef::*;
                    match row.get_ref(i).expect("is there") {
                        Null => ("null".to_owned(), vec![]),
                        Integer(i) => ("integer".into(), i.to_le_bytes().to_vec()),
                        Real(r) => ("real".into(), r.to_le_bytes().to_vec()),
                        Text(t) => ("text".into(), t.to_vec()),
                        Blob(b) => ("blob".into(), b.to_vec()),
                    }
                })
                .collect(),
        );
    }
    out
}

#[test]
fn loose_values_pass_from_file_to_file_as_they_are_stored() {
    let place = Place::new();
    let source = loose(&place);
    let target = place.engine("b.db");
    let t = table(&source.inspect().expect("inspects"), "t");
    apply(&*target, &[Operation::CreateTable(Box::new(t.clone()))]);
    let read = read_of(&t, false);
    let format = source.wire_out(&read).remove(0);
    let mut spec = spec_of(&t, None);
    spec.wire = Some(format.clone());
    assert!(target.wire_in(&spec, &format));
    let snapshot = source.snapshot(1).expect("a snapshot");
    let mut reader = snapshot.reader().expect("a reader");
    let ticket = claim(&*target, "r", &t.name, 0);
    let mut loader = target.loader().expect("a loader");
    loader.begin(&spec, &ticket).expect("begins");
    reader
        .open(&read, &Range::All, Some(&format))
        .expect("opens");
    let mut total = 0;
    loop {
        let mut bytes = Vec::new();
        let (rows, more) = reader.fill_wire(&mut bytes, 200).expect("fills");
        loader.write(&bytes).expect("writes");
        total += rows;
        if !more {
            break;
        }
    }
    loader.commit(total, 0).expect("commits");
    assert_eq!(total, 15);
    assert_eq!(classes(&place, "a.db"), classes(&place, "b.db"));
    // The canonical forms agree too.
    let forms = [Form::Dynamic; 9];
    assert_eq!(
        canonical_rows(&*source, &t, &forms),
        canonical_rows(&*target, &t, &forms)
    );
}

#[test]
fn loose_values_come_as_the_cells_that_they_are() {
    let place = Place::new();
    let source = loose(&place);
    let t = table(&source.inspect().expect("inspects"), "t");
    let snapshot = source.snapshot(1).expect("a snapshot");
    let rows = read_all(&*snapshot, &read_of(&t, false), &[Range::All]);
    let row = |id: i64| {
        rows.iter()
            .find(|r| r[0] == Value::Int(id))
            .expect("is there")
    };
    assert_eq!(row(4)[1], Value::Text("abc".into()));
    assert_eq!(row(4)[7], Value::Text("abc".into()));
    assert_eq!(row(13)[7], Value::Text("2024-02-30".into()));
    assert_eq!(row(14)[8], Value::Bool(true));
    assert_eq!(row(3)[3], Value::F64(1.25));
    assert_eq!(row(6)[4], Value::Text("nul \0 inside".into()));
    assert_eq!(row(-7)[4], Value::Bytes(b"a\xffb".to_vec()));
    assert_eq!(row(8)[5], Value::Bytes(vec![0, 255, 128]));
}

#[test]
fn what_a_strict_column_can_not_hold_is_rejected_by_name() {
    let place = Place::new();
    let engine = place.engine("t.db");
    let types = [
        (
            Type::Integer {
                bits: 64,
                unsigned: false,
            },
            false,
        ),
        (Type::Float { bits: 64 }, true),
        (Type::Text { max_bytes: None }, true),
        (Type::Blob { max_bytes: None }, true),
    ];
    let t = made("t", columns(&types, &*engine));
    let mut encoder = engine.encoder(&spec_of(&t, None)).expect("an encoder");
    for (column, value, reason) in [
        (0, Value::Null, "NULL in a column that forbids it"),
        (
            0,
            Value::UInt(u64::MAX),
            "integer above 9223372036854775807 in an integer column",
        ),
        (0, Value::Text("x".into()), "text in an integer column"),
        (
            0,
            Value::Decimal("1.5".into()),
            "decimal in an integer column",
        ),
        (0, Value::F64(1e300), "float in an integer column"),
        (
            1,
            Value::F64(f64::NAN),
            "NaN in a float, which SQLite keeps as NULL",
        ),
        (
            1,
            Value::F64(-0.0),
            "-0.0, which SQLite keeps as 0.0 in a float column",
        ),
        (1, Value::Int(i64::MAX), "integer in a float column"),
        (
            1,
            Value::Decimal("0.1234567890123456789".into()),
            "decimal in a float column",
        ),
        (
            2,
            Value::Bytes(vec![255]),
            "bytes that are not UTF-8 in a text column",
        ),
        (3, Value::Int(1), "integer in a bytes column"),
    ] {
        let mut rows = vec![vec![Value::Int(1), Value::Null, Value::Null, Value::Null]; 2];
        rows[1][column] = value.clone();
        let mut out = b"before".to_vec();
        let reject = encoder
            .encode(&batch_of(&rows), &mut out)
            .expect_err(reason);
        assert_eq!(
            (reject.row, reject.column, reject.reason.as_str()),
            (1, column, reason)
        );
        assert_eq!(out, b"before");
    }
    // And what fits goes in.
    let rows = [
        vec![
            Value::Decimal("12.00".into()),
            Value::Decimal("0.5".into()),
            Value::F64(0.1),
            Value::Text("é".into()),
        ],
        vec![
            Value::Bool(true),
            Value::Int(3),
            Value::Int(-3),
            Value::Bytes(vec![0]),
        ],
    ];
    apply(&*engine, &[Operation::CreateTable(Box::new(t.clone()))]);
    load(&*engine, &spec_of(&t, None), &rows);
    let mut session = engine.session().expect("a session");
    let texts = session
        .query("SELECT c0, c1, c2, hex(c3) FROM t ORDER BY c0")
        .expect("asks");
    let texts: Vec<Vec<String>> = texts
        .into_iter()
        .map(|r| r.into_iter().flatten().collect())
        .collect();
    assert_eq!(
        texts,
        [["1", "3.0", "-3", "00"], ["12", "0.5", "0.1", "C3A9"]]
    );
}

fn ranges(
    engine: &dyn Engine,
    name: &str,
    physical: bool,
    bytes: u64,
) -> (Vec<Range>, Vec<Vec<Value>>) {
    let t = table(&engine.inspect().expect("inspects"), name);
    let snapshot = engine.snapshot(1).expect("a snapshot");
    let read = read_of(&t, physical);
    let ranges: Vec<Range> = snapshot
        .chunks(&read, bytes)
        .expect("cuts")
        .into_iter()
        .map(|c| c.range)
        .collect();
    let rows = read_all(&*snapshot, &read, &ranges);
    (ranges, rows)
}

#[test]
fn the_chunks_of_a_table_cover_every_row_once() {
    let place = Place::new();
    let engine = place.with(
        "a.db",
        "CREATE TABLE a (id INTEGER PRIMARY KEY, t TEXT);
         WITH RECURSIVE n(i) AS (SELECT -500 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) INSERT INTO a SELECT i * i * i, 'x' || i FROM n WHERE i % 3 <> 0;
         INSERT INTO a VALUES (-9223372036854775808, 'least'), (9223372036854775807, 'greatest');
         CREATE TABLE k (a TEXT COLLATE NOCASE NOT NULL, b INTEGER NOT NULL, c, PRIMARY KEY (a, b));
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO k SELECT CASE WHEN i % 2 THEN 'Key' ELSE 'kEY' END || (i % 7), i, i FROM n;
         CREATE TABLE w (k TEXT PRIMARY KEY, v) WITHOUT ROWID;
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999) INSERT INTO w SELECT hex(i * 7919 % 1000), i FROM n;
         INSERT INTO w VALUES (CAST(x'ff' AS TEXT), 'not UTF-8');
         CREATE TABLE p (x);
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999) INSERT INTO p SELECT i % 10 FROM n;
         CREATE TABLE hidden (rowid TEXT, _rowid_ TEXT, oid TEXT); INSERT INTO hidden VALUES ('a', 'b', 'c'), ('a', 'b', 'c');
         CREATE TABLE none (id INTEGER PRIMARY KEY); CREATE TABLE nullkey (k TEXT PRIMARY KEY); INSERT INTO nullkey VALUES (NULL), (NULL), ('x');",
    );
    for (name, physical, want, many) in [
        ("a", false, 1336, true),
        ("a", true, 1336, true),
        ("k", false, 2001, true),
        ("k", true, 2001, true),
        ("w", false, 1001, true),
        ("w", true, 1001, true),
        ("p", true, 1000, true),
        ("p", false, 1000, false),
        ("hidden", true, 2, false),
        ("none", false, 0, false),
        ("nullkey", false, 3, false),
        ("nullkey", true, 3, false),
    ] {
        let (ranges, rows) = ranges(&*engine, name, physical, 1000);
        assert_eq!(rows.len(), want, "{name}, {} ranges", ranges.len());
        assert_eq!(ranges.len() > 3, many, "{name}: {}", ranges.len());
        let mut said: Vec<String> = rows.iter().map(|r| format!("{r:?}")).collect();
        said.sort();
        if !matches!(name, "p" | "hidden" | "nullkey") {
            said.dedup();
        }
        assert_eq!(said.len(), want, "{name} has a row twice");
    }
}

#[test]
fn readers_share_one_view_while_a_writer_commits() {
    for mode in ["WAL", "DELETE"] {
        let place = Place::new();
        let engine = place.with(
            "a.db",
            &format!("PRAGMA journal_mode = {mode}; CREATE TABLE t (id INTEGER PRIMARY KEY, x); INSERT INTO t VALUES (1, 'old'), (2, 'old')"),
        );
        let t = table(&engine.inspect().expect("inspects"), "t");
        let read = read_of(&t, false);
        let snapshot = engine.snapshot(2).expect("a snapshot");
        let writer = place.raw("a.db");
        writer
            .busy_timeout(std::time::Duration::from_millis(50))
            .expect("is set");
        let wrote = writer.execute_batch(
            "BEGIN; UPDATE t SET x = 'new'; INSERT INTO t VALUES (3, 'new'); COMMIT",
        );
        assert_eq!(
            wrote.is_ok(),
            mode == "WAL",
            "readers keep writers out only without a log"
        );
        if wrote.is_err() {
            writer.execute_batch("ROLLBACK").expect("gives up");
        }
        let mut a = snapshot.reader().expect("a reader");
        let mut b = snapshot.reader().expect("a reader");
        for reader in [&mut a, &mut b] {
            let mut batch = limosa_core::batch::Batch::default();
            batch.reset(2);
            reader.open(&read, &Range::All, None).expect("opens");
            assert!(!reader.fill(&mut batch, LIMIT).expect("fills"));
            assert_eq!(batch.rows(), 2);
            assert!(
                batch
                    .cells()
                    .all(|c| c.to_value() != Value::Text("new".into()))
            );
        }
        let third = snapshot.reader();
        match mode {
            "WAL" => assert_eq!(third.err().map(|e| e.kind()), Some(ErrorKind::SnapshotLost)),
            _ => assert!(third.is_ok(), "nothing was written, so one more may join"),
        }
        drop(a);
        assert!(snapshot.reader().is_ok(), "a reader's place is given back");
    }
}

#[test]
fn a_snapshot_can_be_taken_under_steady_writing() {
    let place = Place::new();
    let engine = place.with("a.db", "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, x INTEGER); INSERT INTO t VALUES (1, 0), (2, 0)");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let c = place.raw("a.db");
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                c.execute_batch("UPDATE t SET x = x + 1").expect("writes");
            }
        });
        let t = table(&engine.inspect().expect("inspects"), "t");
        let read = read_of(&t, false);
        for _ in 0..20 {
            let snapshot = engine.snapshot(3).expect("a snapshot");
            let views: Vec<_> = (0..3)
                .map(|_| read_all(&*snapshot, &read, &[Range::All]))
                .collect();
            assert!(views.windows(2).all(|v| v[0] == v[1]));
            assert_eq!(
                views[0][0][1], views[0][1][1],
                "one transaction is seen whole"
            );
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

fn simple(place: &Place) -> (Box<dyn Engine>, Table) {
    let engine = place.with(
        "t.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT); CREATE TABLE fired (n);
         CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO fired VALUES (1); END",
    );
    let t = table(&engine.inspect().expect("inspects"), "t");
    (engine, t)
}

fn count(engine: &dyn Engine, name: &str) -> u64 {
    engine
        .session()
        .expect("a session")
        .count(&TableName::bare(name), None)
        .expect("counts")
}

#[test]
fn a_loader_that_dies_in_the_middle_of_a_chunk_leaves_nothing() {
    let place = Place::new();
    let (engine, t) = simple(&place);
    let spec = spec_of(&t, None);
    let ticket = claim(&*engine, "r", &t.name, 0);
    let mut bytes = Vec::new();
    let rows: Vec<_> = (0..100)
        .map(|i| vec![Value::Int(i), Value::Text("x".into())])
        .collect();
    engine
        .encoder(&spec)
        .expect("an encoder")
        .encode(&batch_of(&rows), &mut bytes)
        .expect("encodes");
    {
        let mut loader = engine.loader().expect("a loader");
        loader.begin(&spec, &ticket).expect("begins");
        loader.write(&bytes).expect("writes");
    }
    assert_eq!(count(&*engine, "t"), 0);
    let mut loader = engine.loader().expect("a loader");
    loader.begin(&spec, &ticket).expect("begins");
    loader.write(&bytes).expect("writes");
    loader.rollback().expect("rolls back");
    loader.begin(&spec, &ticket).expect("begins");
    loader.write(&bytes).expect("writes");
    loader.commit(100, 7).expect("commits");
    assert_eq!(count(&*engine, "t"), 100);
    assert_eq!(count(&*engine, "fired"), 0, "triggers do not fire");
    let mut ledger = engine.ledger().expect("a ledger");
    assert!(ledger.done(&ticket).expect("asks"));
    assert_eq!(ledger.claim("r", &t.name, 0).expect("asks"), None);
    let chunk = ledger.chunks("r").expect("reads").remove(0);
    assert_eq!(
        (chunk.state, chunk.rows, chunk.bytes),
        (ChunkState::Done, 100, 7)
    );
}

#[test]
fn a_stale_epoch_writes_nothing() {
    let place = Place::new();
    let (engine, t) = simple(&place);
    let spec = spec_of(&t, None);
    let mut bytes = Vec::new();
    engine
        .encoder(&spec)
        .expect("an encoder")
        .encode(&batch_of(&[vec![Value::Int(1), Value::Null]]), &mut bytes)
        .expect("encodes");
    let stale = claim(&*engine, "r", &t.name, 0);
    let fresh = claim(&*engine, "r", &t.name, 0);
    assert!(fresh.epoch > stale.epoch);
    let mut slow = engine.loader().expect("a loader");
    slow.begin(&spec, &stale).expect("begins");
    slow.write(&bytes).expect("writes");
    assert_eq!(
        slow.commit(1, 1).err().map(|e| e.kind()),
        Some(ErrorKind::Fenced)
    );
    assert_eq!(count(&*engine, "t"), 0);
    let mut quick = engine.loader().expect("a loader");
    quick.begin(&spec, &fresh).expect("begins");
    quick.write(&bytes).expect("writes");
    quick.commit(1, 1).expect("commits");
    // Doing it a second time is refused as well.
    quick.begin(&spec, &fresh).expect("begins");
    assert_eq!(
        quick.commit(0, 0).err().map(|e| e.kind()),
        Some(ErrorKind::Fenced)
    );
    assert_eq!(count(&*engine, "t"), 1);
}

#[test]
fn the_lease_is_respected_and_can_be_taken_by_force() {
    let place = Place::new();
    let (engine, t) = simple(&place);
    let mut a = engine.ledger().expect("a ledger");
    let mut b = engine.ledger().expect("a ledger");
    a.install("r", "h").expect("installs");
    a.install("r", "h").expect("installs again");
    assert_eq!(
        a.install("r", "other").err().map(|e| e.kind()),
        Some(ErrorKind::Conflict)
    );
    a.acquire("r", "a", false).expect("acquires");
    a.plan_table(
        "r",
        &t.name,
        "m",
        &[limosa_core::chunk::Chunk {
            id: 0,
            range: Range::Key {
                lower: None,
                upper: Some(vec![Value::Text("x".into())]),
            },
        }],
    )
    .expect("plans");
    let ticket = a.claim("r", &t.name, 0).expect("claims").expect("is free");
    let held = b.acquire("r", "b", false).expect_err("is held");
    assert_eq!(held.kind(), ErrorKind::Held);
    assert_eq!(
        b.install("s", "h").err().map(|e| e.kind()),
        Some(ErrorKind::Conflict)
    );
    b.acquire("r", "b", true).expect("takes it");
    assert_eq!(
        a.renew("r", "a").err().map(|e| e.kind()),
        Some(ErrorKind::Fenced)
    );
    b.renew("r", "b").expect("renews");
    let chunk = b.chunks("r").expect("reads").remove(0);
    assert_eq!(chunk.state, ChunkState::Pending);
    assert!(chunk.epoch > ticket.epoch);
    assert!(matches!(
        chunk.chunk.range,
        Range::Key { upper: Some(_), .. }
    ));
    drop(a);
    b.release("r", "b").expect("releases");
    let mode: String = place
        .raw("t.db")
        .pragma_query_value(None, "journal_mode", |r| r.get(0))
        .expect("asks");
    assert_eq!(mode, "delete", "the journal mode that was there is back");
    b.uninstall().expect("uninstalls");
    assert_eq!(engine.inspect().expect("inspects").tables.len(), 2);
    assert!(b.chunks("r").expect("an empty ledger").is_empty());
}

#[test]
fn generated_columns_are_read_and_made_by_the_target() {
    let place = Place::new();
    let source = place.with("a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, b INT AS (a * 2) STORED, c TEXT AS ('x' || a)); INSERT INTO t (a) VALUES (4)");
    let t = table(&source.inspect().expect("inspects"), "t");
    let snapshot = source.snapshot(1).expect("a snapshot");
    let rows = read_all(&*snapshot, &read_of(&t, false), &[Range::All]);
    assert_eq!(rows[0][2..], [Value::Int(8), Value::Text("x4".into())]);
    let target = place.engine("b.db");
    apply(&*target, &[Operation::CreateTable(Box::new(t.clone()))]);
    load(&*target, &spec_of(&t, None), &[rows[0][..2].to_vec()]);
    let snapshot = target.snapshot(1).expect("a snapshot");
    assert_eq!(
        read_all(&*snapshot, &read_of(&t, false), &[Range::All]),
        rows
    );
}

#[test]
fn a_mark_tells_an_untouched_file_from_a_written_one() {
    let place = Place::new();
    let engine = place.with("a.db", "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
    let t = table(&engine.inspect().expect("inspects"), "t");
    let read = read_of(&t, true);
    let mark = |engine: &dyn Engine| {
        engine
            .snapshot(1)
            .expect("a snapshot")
            .mark(&t.name)
            .expect("a mark")
    };
    let first = mark(&*engine);
    assert_eq!(
        first, "",
        "a file that was just written may be written again within the same tick"
    );
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    let touch = || {
        std::fs::File::options()
            .write(true)
            .open(place.path("a.db"))
            .expect("opens")
            .set_modified(old)
            .expect("is set")
    };
    touch();
    let second = mark(&*engine);
    assert_ne!(second, "");
    let same = |mark: &str| {
        engine
            .snapshot(1)
            .expect("a snapshot")
            .unchanged_since(&read, mark, &[])
            .expect("asks")
    };
    assert!(same(&second));
    assert!(!same(""));
    place
        .raw("a.db")
        .execute_batch("INSERT INTO t VALUES (2)")
        .expect("writes");
    assert!(!same(&second));
}

#[test]
fn a_writer_in_the_way_is_contention() {
    let place = Place::new();
    let (_, t) = simple(&place);
    let url = format!("file:{}?busy_timeout=10", place.path("t.db").display());
    let engine = limosa_sqlite::open(&url).expect("opens");
    let other = place.raw("t.db");
    other.execute_batch("BEGIN EXCLUSIVE").expect("locks");
    let e = engine.inspect().expect_err("is locked out");
    assert_eq!(e.kind(), ErrorKind::Contention);
    assert!(e.remedy().is_some());
    other.execute_batch("ROLLBACK").expect("unlocks");
    assert!(engine.inspect().is_ok());
    let _ = t;
}
