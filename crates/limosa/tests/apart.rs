//! Tables whose sides are cut differently for the comparison: texts, UUIDs, several columns, no key.

use limosa::outcome::{Comparison, Verdict};
use limosa::settings::{RowExtent, Settings};
use limosa::{Limosa, Stop};
use limosa_testkit::proxy::Proxy;
use limosa_testkit::{execute_mysql, execute_psql, mariadb, postgres};
use std::fmt::Write;

const ROWS: usize = 3000;

/// Tables of [`ROWS`] rows: words in hostile order, UUIDs, two columns, and no key with every tenth row twice.
fn schema(postgres: bool) -> String {
    let (uuid, text) = match postgres {
        true => ("uuid", "varchar(60)"),
        false => (
            "char(36) character set ascii",
            "varchar(60) character set utf8mb4 collate utf8mb4_bin",
        ),
    };
    let mut sql = format!(
        "create table words (word {text} not null primary key, n integer, filler varchar(200));
         create table uuids (id {uuid} not null primary key, n integer, filler varchar(200));
         create table pairs (a {text} not null, b integer not null, n integer, filler varchar(200), primary key (a, b));
         create table loose (n integer, filler varchar(200));\n"
    );
    let rows = |out: &mut String, table: &str, row: &dyn Fn(usize) -> String| {
        for from in (0..ROWS).step_by(500) {
            let rows: Vec<String> = (from..from + 500).map(row).collect();
            writeln!(out, "insert into {table} values {};", rows.join(",")).expect("text");
        }
    };
    let filler = "x".repeat(150);
    // Case, accents and signs: no two collations order them alike.
    let word = |i: usize| format!("{}{}", ["a", "B", "é", "Z", "_", "ß", "中"][i % 7], i);
    rows(&mut sql, "words", &|i| {
        format!("('{}', {i}, '{filler}')", word(i))
    });
    rows(&mut sql, "uuids", &|i| {
        let mixed = (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        format!(
            "('{:08x}-{:04x}-4000-8000-{i:012x}', {i}, '{filler}')",
            mixed >> 32,
            mixed as u16
        )
    });
    rows(&mut sql, "pairs", &|i| {
        format!("('{}', {i}, {i}, '{filler}')", word(i % 97))
    });
    rows(&mut sql, "loose", &|i| {
        format!("({}, '{filler}')", if i % 10 == 9 { i - 1 } else { i })
    });
    sql
}

fn compare(source: &str, target: &str, chunk: u64, workers: usize) -> Comparison {
    let here = tempfile::tempdir().expect("a folder");
    let mut settings = Settings::between(source, target).expect("the addresses are plain");
    settings.state = here.path().join(".limosa");
    settings.report = here.path().join("report");
    settings.run.chunk_bytes = chunk;
    settings.run.workers = workers;
    settings.run.extent.rows = RowExtent::Cells;
    let limosa = Limosa::open(settings).expect("two databases");
    let (_, comparison) = limosa
        .compare(&limosa::silent(), &Stop::new())
        .expect("a comparison");
    comparison
}

fn through(url: &str) -> Proxy {
    let port = url::Url::parse(url).expect("a URL").port().expect("a port");
    Proxy::to(port).expect("a free port")
}

/// What is said of each table that differs: name, kind and key.
fn said(comparison: &Comparison) -> Vec<(String, String, String)> {
    let mut out: Vec<_> = (comparison.tables.iter())
        .flat_map(|t| {
            let of = |d: &limosa::outcome::Difference| {
                (t.table.name.clone(), d.kind.clone(), d.key.join(","))
            };
            t.differences.iter().map(of).collect::<Vec<_>>()
        })
        .collect();
    out.sort();
    out
}

#[test]
fn tables_that_no_order_is_common_to_are_read_in_parts_and_nothing_is_missed() {
    let (source, target) = (postgres().database(), mariadb().database());
    execute_psql(&source, &schema(true));
    execute_mysql(&target, &schema(false));

    let clean = compare(&source, &target, 64 << 10, 3);
    for table in &clean.tables {
        assert_eq!(table.error, None);
        assert_eq!(table.verdict, Verdict::Pass, "{table:#?}");
        assert_eq!(table.compared_rows, ROWS as u64);
    }

    execute_mysql(
        &target,
        "delete from words where n = 1234;
         update words set filler = 'other' where n = 7;
         insert into uuids values ('00000000-0000-0000-0000-000000000001', -1, '');
         update uuids set n = -2 where n = 2999;
         delete from pairs where n in (0, 2999);
         update pairs set filler = null where n = 1500;
         delete from loose where n = 77;
         insert into loose select * from loose where n = 55;",
    );
    let found = compare(&source, &target, 64 << 10, 3);
    let names = said(&found);
    let kinds = |table: &str| -> Vec<(String, String)> {
        let of = names.iter().filter(|(t, _, _)| t == table);
        of.map(|(_, kind, key)| (kind.clone(), key.clone()))
            .collect()
    };
    let word = |kind: &str, key: &str| (kind.to_owned(), key.to_owned());
    assert_eq!(
        kinds("words"),
        [word("differs", "a7"), word("missing", "é1234")],
        "{names:?}"
    );
    assert_eq!(
        kinds("uuids")
            .iter()
            .map(|(k, _)| k.as_str())
            .collect::<Vec<_>>(),
        ["differs", "extra"]
    );
    let pairs = kinds("pairs");
    assert_eq!(
        pairs.iter().map(|(k, _)| k.as_str()).collect::<Vec<_>>(),
        ["differs", "missing", "missing"]
    );
    assert_eq!(kinds("loose").len(), 2, "{names:?}");
    // The same is said with one lane and one range.
    assert_eq!(said(&compare(&source, &target, 1 << 30, 1)), names);
}

#[test]
fn the_parts_are_asked_for() {
    let (source, target) = (postgres().database(), postgres().database());
    for url in [&source, &target] {
        execute_psql(url, &schema(true));
    }
    let turns = |chunk: u64, workers: usize| {
        let (from, to) = (through(&source), through(&target));
        let comparison = compare(&from.url(&source), &to.url(&target), chunk, workers);
        for table in &comparison.tables {
            assert_eq!(table.verdict, Verdict::Pass, "{table:#?}");
        }
        (from.counts().turns, to.counts().turns)
    };
    let (whole, parts) = (turns(1 << 30, 2), turns(64 << 10, 2));
    // Four tables of some ten parts each, on both sides.
    assert!(
        parts.0 > whole.0 + 20 && parts.1 > whole.1 + 20,
        "{whole:?} {parts:?}"
    );
}
