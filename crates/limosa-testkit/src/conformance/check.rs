//! Questions of data tests: the same answers from every engine.

use super::{Subject, table};
use limosa_core::check::{Aggregate, Bound, Fault, Field, Literal, Nulls, Over, Question, Rows};
use limosa_core::engine::Engine;
use limosa_core::error::{Error, ErrorKind};
use limosa_core::schema::Catalog;

/// Texts that collations take for equal, NULLs, numbers at the ends of ranges, moments, children without parents.
const ROWS: &str = "
    create table p (a integer not null, b varchar(20) not null, primary key (a, b));
    insert into p values (1, 'x'), (2, 'y');
    create table q (id bigint not null primary key, s varchar(20), n integer, x decimal(10, 2),
      d double precision, m timestamp null, \"like\" varchar(5));
    insert into q (id, s, n, x, d, m) values
      (1, 'a', 1, 1.10, 0.5, '2024-01-01 00:00:00'),
      (2, 'A', 2, 2.20, 0.25, '2024-06-01 12:00:00'),
      (3, 'a', null, -3.30, null, null),
      (4, 'a ', 10, null, 1e3, '2024-12-31 23:59:59'),
      (5, 'é', 11, 99.99, -1, '2025-01-01 00:00:00'),
      (6, null, null, 0, 0, '1999-12-31 00:00:00'),
      (7, null, 2, 0, 0, null),
      (8, 'NULL', 2, 0, 0, null),
      (9, 'it''s', 2, 0, 0, null);";

fn ask(engine: &dyn Engine, question: &Question) -> Vec<Vec<Option<String>>> {
    let sql = engine
        .dialect()
        .question(question)
        .unwrap_or_else(|e| panic!("{question:?}: {e:?}"));
    let mut rows = Vec::new();
    engine
        .examiner()
        .and_then(|mut e| {
            e.each(&sql, &mut |row| {
                rows.push(row.iter().map(|c| c.map(str::to_owned)).collect());
                Ok(())
            })
        })
        .unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    rows
}

fn field(catalog: &Catalog, of: &str, name: &str) -> Field {
    let column = table(catalog, of)
        .column(name)
        .expect("the column is there");
    Field {
        name: column.name.clone(),
        ty: column.ty.clone(),
    }
}

fn setup(subject: &Subject) -> (String, Box<dyn Engine>, Catalog) {
    let engine = subject.open(&(subject.fresh_url)());
    // One family quotes with backticks.
    let mark = engine.dialect().quote("like");
    let (url, engine, catalog) = subject.with(&ROWS.replace("\"like\"", &mark));
    (url, engine, catalog)
}

/// Every fault is counted the same everywhere: rows, rows that are asked, failing rows, different values.
pub fn data_tests_count_alike(subject: &Subject) {
    let (_, engine, catalog) = setup(subject);
    let q = |name: &str| field(&catalog, "q", name);
    let text = |t: &str| Literal::Text(t.into());
    let number = |n: &str| Literal::Number(n.into());
    let moment = |t: &str| {
        Literal::Moment(limosa_core::notation::parse_timestamp(t.as_bytes()).expect("a moment"))
    };
    let end = |value: Literal, strict: bool| Some(Bound { value, strict });
    let repeated = |names: &[&str], nulls| Fault::Repeated {
        fields: names.iter().map(|n| q(n)).collect(),
        nulls,
    };
    let cases: Vec<(Fault, &str, [u64; 4])> = vec![
        (Fault::Null(q("s")), "", [9, 9, 2, 2]),
        (Fault::Null(q("s")), "n = 2 -- a comment", [4, 4, 1, 1]),
        (
            Fault::Listed {
                field: q("s"),
                values: vec![text("a"), text("é"), text("it's")],
                wanted: true,
            },
            "",
            [9, 7, 3, 3],
        ),
        (
            Fault::Listed {
                field: q("s"),
                values: vec![text("a"), text("NULL")],
                wanted: false,
            },
            "",
            [9, 7, 3, 2],
        ),
        (
            Fault::Listed {
                field: q("x"),
                values: vec![number("1.1"), number("0.0"), number("99.990")],
                wanted: true,
            },
            "",
            [9, 8, 2, 2],
        ),
        (
            Fault::Outside {
                field: q("n"),
                min: end(number("1"), true),
                max: end(number("10"), false),
            },
            "",
            [9, 7, 2, 2],
        ),
        (
            Fault::Outside {
                field: q("x"),
                min: end(number("-3.3"), false),
                max: end(number("2.2"), false),
            },
            "",
            [9, 8, 1, 1],
        ),
        (
            Fault::Outside {
                field: q("m"),
                min: end(moment("2024-01-01"), true),
                max: end(moment("2025-01-01"), true),
            },
            "",
            [9, 5, 3, 3],
        ),
        (
            Fault::Length {
                field: q("s"),
                min: Some(2),
                max: Some(3),
            },
            "",
            [9, 7, 6, 6],
        ),
        (repeated(&["s"], Nulls::AnyIgnored), "", [9, 7, 2, 1]),
        (repeated(&["s"], Nulls::Equal), "", [9, 9, 4, 2]),
        (repeated(&["s", "n"], Nulls::AnyIgnored), "", [9, 6, 0, 0]),
        (repeated(&["n", "x"], Nulls::AllIgnored), "", [9, 9, 3, 1]),
        (repeated(&["n"], Nulls::AnyIgnored), "", [9, 7, 4, 1]),
        (
            Fault::Orphan {
                fields: vec![q("n")],
                parent: table(&catalog, "p").name.clone(),
                parent_fields: vec![field(&catalog, "p", "a")],
            },
            "",
            [9, 7, 2, 2],
        ),
        (Fault::Untrue("x >= 0".into()), "", [9, 9, 1, 1]),
    ];
    for (fault, filter, want) in cases {
        let rows = Rows {
            table: table(&catalog, "q").name.clone(),
            filter: (!filter.is_empty()).then(|| filter.to_owned()),
        };
        let question = Question::Count {
            rows: rows.clone(),
            fault: fault.clone(),
        };
        let got: Vec<u64> = ask(&*engine, &question)[0]
            .iter()
            .map(|c| c.as_deref().and_then(|c| c.parse().ok()).expect("a number"))
            .collect();
        assert_eq!(got, want, "{fault:?} {filter}");
        let sample = Question::Sample {
            rows,
            fault: fault.clone(),
            show: vec![q("id"), q("s"), q("m")],
            limit: None,
        };
        let rows = ask(&*engine, &sample);
        assert_eq!(
            rows.len() as u64,
            want[2],
            "{fault:?}: as many as were counted"
        );
    }
    let sample = Question::Sample {
        rows: Rows {
            table: table(&catalog, "q").name.clone(),
            filter: None,
        },
        fault: repeated(&["n"], Nulls::AnyIgnored),
        show: vec![q("id"), q("s")],
        limit: Some((2, 1)),
    };
    let cell = |t: &str| Some(t.to_owned());
    assert_eq!(
        ask(&*engine, &sample),
        [[cell("2"), cell("A")], [cell("7"), None]],
        "the first by the key"
    );
}

/// Sums, least and greatest values, and numbers of different ones are the same everywhere.
pub fn data_tests_aggregate_alike(subject: &Subject) {
    let (_, engine, catalog) = setup(subject);
    let rows = |filter: Option<&str>| Rows {
        table: table(&catalog, "q").name.clone(),
        filter: filter.map(str::to_owned),
    };
    let get = |function, over: Over, filter| {
        let answer = ask(
            &*engine,
            &Question::Aggregate {
                rows: rows(filter),
                function,
                over,
            },
        );
        let cell = |i: usize| answer[0][i].clone();
        let count: u64 = cell(1).and_then(|c| c.parse().ok()).expect("a number");
        (cell(0), count)
    };
    let of = |name: &str| Over::Field(field(&catalog, "q", name));
    let number = |(value, count): (Option<String>, u64)| {
        (value.map(|v| v.parse::<f64>().expect("a number")), count)
    };
    let near = |got: (Option<f64>, u64), value: f64, count: u64| {
        assert!((got.0.expect("a value") - value).abs() < 1e-9, "{got:?}");
        assert_eq!(got.1, count);
    };
    near(number(get(Aggregate::Sum, of("n"), None)), 30.0, 7);
    near(number(get(Aggregate::Sum, of("x"), None)), 99.99, 8);
    near(number(get(Aggregate::Sum, of("d"), None)), 999.75, 8);
    near(number(get(Aggregate::Min, of("x"), None)), -3.3, 8);
    near(
        number(get(Aggregate::Max, of("n"), Some("id < 5"))),
        10.0,
        3,
    );
    near(
        number(get(Aggregate::Sum, Over::Expression("n * 2".into()), None)),
        60.0,
        7,
    );
    assert_eq!(get(Aggregate::Sum, of("n"), Some("id > 99")), (None, 0));
    let text = |t: &str| Some(t.to_owned());
    assert_eq!(get(Aggregate::Distinct, of("s"), None), (text("6"), 7));
    assert_eq!(get(Aggregate::Min, of("s"), None), (text("A"), 7));
    assert_eq!(get(Aggregate::Max, of("s"), None), (text("é"), 7));
    let (newest, _) = get(Aggregate::Max, of("m"), None);
    let newest = newest.expect("a moment");
    assert!(newest.starts_with("2025-01-01 00:00:00"), "{newest}");
    assert_eq!(ask(&*engine, &Question::Number(rows(None))), [[text("9")]]);
    let values = ask(
        &*engine,
        &Question::Values {
            rows: rows(Some("id > 3")),
            show: vec![field(&catalog, "q", "id"), field(&catalog, "q", "s")],
        },
    );
    assert!(values.contains(&vec![text("5"), text("é")]));
    assert_eq!(values.len(), 4, "a NULL is not shown");
}

/// An examiner can not write, tells what is wrong, and shows rows without keeping them.
pub fn an_examiner_writes_nothing(subject: &Subject) {
    let (url, engine, _) = setup(subject);
    for sql in [
        "insert into p values (3, 'z')",
        "delete from p",
        "create table made (id integer)",
        "drop table q",
    ] {
        // One server ends a read-only transaction at a statement that defines; then it must not have done it.
        let _ = engine
            .examiner()
            .and_then(|mut e| e.each(sql, &mut |_| Ok(())));
    }
    assert_eq!(subject.number(&url, "select count(*) from p"), 2);
    assert_eq!(subject.number(&url, "select count(*) from q"), 9);
    let wrong = engine
        .examiner()
        .and_then(|mut e| e.each("select nothing from nowhere", &mut |_| Ok(())))
        .expect_err("there is no such table");
    assert!(!wrong.why().is_empty());
    let stopped = engine
        .examiner()
        .and_then(|mut e| {
            e.each("select a.id from q a, q b, q c, q d", &mut |_| {
                Err(Error::new(ErrorKind::Interrupted, "x", "y"))
            })
        })
        .expect_err("whoever looks says stop");
    assert_eq!(stopped.kind(), ErrorKind::Interrupted);
}
