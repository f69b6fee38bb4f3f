//! Two databases are compared as they are, without a plan or a run.

mod support;

use limosa_flow::outcome::{Comparison, Verdict};
use limosa_flow::settings::{Extent, PlanSettings, RowExtent, RunSettings, TableWish};
use limosa_flow::verify;
use support::{Shop, on, settings, silent};

/// A pair of files, each made by its own statements.
fn pair(source: &str, target: &str) -> Shop {
    let shop = Shop::new(0);
    for (path, sql) in [(shop.source_path(), source), (shop.target_path(), target)] {
        if path.exists() {
            std::fs::remove_file(&path).unwrap();
            for log in ["-wal", "-shm"] {
                let mut log_path = path.clone().into_os_string();
                log_path.push(log);
                let _ = std::fs::remove_file(log_path);
            }
        }
        on(&path, sql);
    }
    shop
}

fn asked(shop: &Shop, asked: &PlanSettings, run: &RunSettings) -> limosa_core::Result<Comparison> {
    let stop = limosa_flow::run::Stop::new();
    verify::compare_alone(
        shop.source().as_ref(),
        shop.target().as_ref(),
        asked,
        run,
        &silent(),
        &stop,
        "test",
    )
    .map(|(_, comparison)| comparison)
}

fn compare(shop: &Shop) -> Comparison {
    asked(shop, &PlanSettings::default(), &settings()).unwrap()
}

fn schema(comparison: &Comparison) -> Vec<String> {
    let all = comparison.schema.iter();
    all.map(|d| format!("{}: {}", d.object, d.text)).collect()
}

const BASE: &str = "CREATE TABLE parent(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL DEFAULT 'x');
    CREATE TABLE child(a INTEGER NOT NULL, b TEXT NOT NULL, p INTEGER REFERENCES parent(id), PRIMARY KEY(a, b));
    CREATE TABLE loose(x, y TEXT);
    CREATE INDEX by_parent ON child(p);
    INSERT INTO parent(name) VALUES ('one'), ('two'), ('three');
    INSERT INTO child VALUES (1, 'a', 1), (1, 'b', 2), (2, 'a', NULL);
    INSERT INTO loose VALUES (1, 'same'), (1, 'same'), (NULL, NULL);";

#[test]
fn the_same_is_a_pass_and_leaves_nothing_behind() {
    let shop = pair(BASE, BASE);
    let comparison = compare(&shop);
    assert_eq!(comparison.verdict, Verdict::Pass, "{comparison:#?}");
    assert_eq!(comparison.tables.len(), 3);
    assert!(!shop.journal_path().exists());
    let names: Vec<String> = std::fs::read_dir(shop.path())
        .unwrap()
        .map(|f| f.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|n| !n.ends_with("-wal") && !n.ends_with("-shm"))
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn every_difference_of_rows_and_schema_is_told() {
    for (sql, said) in [
        ("UPDATE child SET p = 3 WHERE b = 'b'", "child [1, b] differs: p"),
        ("DELETE FROM parent WHERE id = 2", "parent [2] missing: "),
        ("INSERT INTO loose VALUES (1, 'same')", "count"),
        ("DROP TABLE loose", "loose: the table is only in the source"),
        ("CREATE TABLE more(x)", "more: the table is only in the target"),
        ("ALTER TABLE loose DROP COLUMN y", "loose.y: the column is only in the source"),
        ("ALTER TABLE loose ADD COLUMN z", "loose.z: the column is only in the target"),
        ("DROP INDEX by_parent", "child: the index by_parent is not there"),
        (
            "DROP TABLE child; CREATE TABLE child(a INTEGER NOT NULL, b TEXT NOT NULL, p INTEGER REFERENCES parent(id));
             CREATE INDEX by_parent ON child(p); INSERT INTO child VALUES (1, 'a', 1), (1, 'b', 2), (2, 'a', NULL)",
            "child: the primary key (a, b) is not there",
        ),
        (
            "DROP TABLE child; CREATE TABLE child(a INTEGER NOT NULL, b TEXT NOT NULL, p INTEGER, PRIMARY KEY(a, b));
             CREATE INDEX by_parent ON child(p); INSERT INTO child VALUES (1, 'a', 1), (1, 'b', 2), (2, 'a', NULL)",
            "child: the foreign key (p) to parent is not there",
        ),
        (
            "DROP TABLE parent; CREATE TABLE parent(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT DEFAULT 'y');
             INSERT INTO parent(name) VALUES ('one'), ('two'), ('three')",
            "parent.name: NULL is allowed, and was not to be",
        ),
        (
            "DROP TABLE parent; CREATE TABLE parent(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL DEFAULT 'y');
             INSERT INTO parent(name) VALUES ('one'), ('two'), ('three')",
            "parent.name: the default is 'y', and not 'x'",
        ),
        (
            "DROP TABLE child; CREATE TABLE child(a INTEGER NOT NULL, b TEXT COLLATE NOCASE NOT NULL,
               p INTEGER REFERENCES parent(id), PRIMARY KEY(a, b));
             CREATE INDEX by_parent ON child(p); INSERT INTO child VALUES (1, 'a', 1), (1, 'b', 2), (2, 'a', NULL)",
            "child.b: texts that differ in case",
        ),
    ] {
        let shop = pair(BASE, &format!("{BASE}{sql};"));
        let comparison = compare(&shop);
        assert_eq!(comparison.verdict, Verdict::Fail, "{sql}");
        let mut told = schema(&comparison);
        for t in &comparison.tables {
            told.extend(t.differences.iter().map(|d| {
                format!("{} [{}] {}: {}", t.table, d.key.join(", "), d.kind, d.columns.join(", "))
            }));
        }
        assert!(told.iter().any(|t| t.contains(said)), "{sql}: {told:#?}");
    }
}

#[test]
fn names_of_another_case_and_renames_are_partners() {
    let shop = pair(
        "CREATE TABLE Old(Id INTEGER PRIMARY KEY, First TEXT); INSERT INTO Old VALUES (1, 'a');
         CREATE TABLE Town(N INTEGER PRIMARY KEY); INSERT INTO Town VALUES (5)",
        "CREATE TABLE new(id INTEGER PRIMARY KEY, called TEXT); INSERT INTO new VALUES (1, 'a');
         CREATE TABLE town(n INTEGER PRIMARY KEY); INSERT INTO town VALUES (5);
         CREATE TABLE audit(x)",
    );
    let wish = PlanSettings {
        exclude: vec!["audit".into()],
        tables: vec![TableWish {
            name: "Old".into(),
            rename: Some("new".into()),
            rename_columns: vec![("First".into(), "called".into())],
            ..TableWish::default()
        }],
        ..PlanSettings::default()
    };
    let comparison = asked(&shop, &wish, &settings()).unwrap();
    assert_eq!(comparison.verdict, Verdict::Pass, "{comparison:#?}");
    assert_eq!(comparison.tables.len(), 2);
    let comparison = compare(&shop);
    assert_eq!(comparison.verdict, Verdict::Fail);
    assert_eq!(
        schema(&comparison),
        [
            "Old: the table is only in the source",
            "audit: the table is only in the target",
            "new: the table is only in the target"
        ]
    );
}

#[test]
fn the_extent_is_what_was_asked() {
    let shop = pair(
        BASE,
        &format!("{BASE} UPDATE loose SET y = 'other' WHERE x = 1; DROP INDEX by_parent;"),
    );
    let with = |rows, schema| RunSettings {
        extent: Extent {
            rows,
            schema,
            ..Extent::default()
        },
        ..settings()
    };
    let run = |rows, schema| asked(&shop, &PlanSettings::default(), &with(rows, schema)).unwrap();
    let counts = run(RowExtent::Counts, false);
    assert_eq!(
        (counts.verdict, counts.tables[0].compared_rows),
        (Verdict::Partial, 0)
    );
    assert_eq!(run(RowExtent::None, true).verdict, Verdict::Fail);
    let rows = run(RowExtent::Cells, false);
    assert_eq!((rows.verdict, rows.schema.len()), (Verdict::Fail, 0));
    shop.on_target("DELETE FROM loose WHERE x = 1");
    assert_eq!(run(RowExtent::Counts, false).verdict, Verdict::Fail);
}

#[test]
fn nothing_to_compare_is_an_error_and_no_pass() {
    let shop = pair(BASE, BASE);
    let wish = PlanSettings {
        include: vec!["nothing*".into()],
        ..PlanSettings::default()
    };
    let error = asked(&shop, &wish, &settings()).unwrap_err();
    assert_eq!(error.kind(), limosa_core::ErrorKind::Configuration);
    std::fs::remove_file(shop.target_path()).unwrap();
    let stop = limosa_flow::run::Stop::new();
    let missing = limosa_sqlite::open(shop.target_path().to_str().unwrap()).unwrap();
    let result = verify::compare_alone(
        shop.source().as_ref(),
        missing.as_ref(),
        &PlanSettings::default(),
        &settings(),
        &silent(),
        &stop,
        "test",
    );
    assert!(
        result.is_err(),
        "a file that is not there is no empty database"
    );
}

#[test]
fn values_of_two_types_are_compared_by_what_they_mean() {
    let shop = pair(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, n TEXT, d TEXT, f TEXT, b INTEGER);
         INSERT INTO t VALUES (1, '007', '2024-01-02', '1.50', 1), (2, '-3', NULL, '2', 0)",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, d DATE, f REAL, b BOOLEAN);
         INSERT INTO t VALUES (1, 7, '2024-01-02', 1.5, 1), (2, -3, NULL, 2.0, 0)",
    );
    let rows = RunSettings {
        extent: Extent {
            schema: false,
            ..Extent::default()
        },
        ..settings()
    };
    let run = || asked(&shop, &PlanSettings::default(), &rows).unwrap();
    assert_eq!(run().verdict, Verdict::Pass, "{:#?}", run());
    shop.on_target("UPDATE t SET n = 8 WHERE id = 1; UPDATE t SET f = 2.5 WHERE id = 2");
    let comparison = run();
    assert_eq!(comparison.tables[0].differing_rows, 2);
    assert_eq!(comparison.tables[0].differences[0].columns, ["n"]);
    assert_eq!(comparison.tables[0].differences[1].columns, ["f"]);
}
