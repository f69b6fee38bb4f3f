//! Values that do not keep to what their columns declare.

use super::*;
use limosa_core::canonical::Form;
use rusqlite::types::Value as Stored;

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
    loader.commit(Loaded::new(total, 0)).expect("commits");
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
