//! Servers that add up their rows: what they say is what is read, differences are found and named, and a
//! server that says something else about its own rows is not believed.

mod lying;
mod random;

use limosa::outcome::{Comparison, Verdict};
use limosa::settings::{ServerSums, Settings};
use limosa::{Limosa, Stop};
use limosa_core::canonical;
use limosa_core::chunk::Range;
use limosa_core::engine::{CanonicalColumn, CanonicalRead};
use limosa_core::pushdown::{self, Spelling, Sums};
use limosa_core::schema::Column;
use limosa_core::value::Value;
use limosa_testkit::{MariaServer, execute_mysql, execute_psql, mariadb, postgres};
use random::{COLUMNS, filled};

fn limosa(source: &str, target: &str, sums: ServerSums) -> Limosa {
    let mut settings = Settings::between(source, target).expect("the addresses are plain");
    settings.run.workers = 2;
    settings.run.chunk_bytes = 20_000;
    settings.run.extent.schema = false;
    settings.run.sums = sums;
    Limosa::open(settings).expect("two databases")
}

const PUSHED: ServerSums = ServerSums {
    pushdown: true,
    rows: 1000,
    cross_check: 1.0,
};

fn compare(source: &str, target: &str, sums: ServerSums) -> Comparison {
    let limosa = limosa(source, target, sums);
    let (_, comparison) = limosa
        .compare(&limosa::silent(), &Stop::new())
        .expect("both can be compared");
    comparison
}

fn named(comparison: &Comparison) -> Vec<String> {
    let mut out = Vec::new();
    for t in &comparison.tables {
        assert_eq!(t.error, None, "{}", t.table);
        out.extend(t.differences.iter().map(|d| {
            let key = match d.kind.as_str() {
                "count" => d.key[1..].join(", "),
                _ => d.key.join(", "),
            };
            format!("{} {key} {} {}", t.table.name, d.kind, d.columns.join(","))
        }));
    }
    out.sort();
    out
}

fn column<'c>(columns: &'c [Column], name: &str) -> &'c Column {
    columns
        .iter()
        .find(|c| c.name == name)
        .expect("the column is there")
}

/// A property: for random rows both servers say each column as this process says the cell that it reads, and so
/// they say the same as each other.
#[test]
fn two_servers_and_this_process_add_up_the_same() {
    let cases: u32 = std::env::var("LIMOSA_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1500);
    let (pg, my) = filled(7, cases);
    let sides: Vec<_> = [&pg, &my]
        .map(|url| {
            let engine = limosa::engines::open(&limosa::settings::Address::new(url.clone()))
                .expect("it opens");
            let catalog = engine.inspect().expect("a catalog");
            let snapshot = engine.snapshot(1).expect("a snapshot");
            (engine, catalog, snapshot)
        })
        .into();
    let read = |side: usize, columns: &[&str]| -> CanonicalRead {
        let find = |n: &str, side: usize| column(&sides[side].1.tables[0].columns, n);
        CanonicalRead {
            table: sides[side].1.tables[0].name.clone(),
            columns: columns
                .iter()
                .map(|n| {
                    let (here, a, b) = (find(n, side), find(n, 0), find(n, 1));
                    CanonicalColumn {
                        name: here.name.clone(),
                        ty: here.ty.clone(),
                        native: here.native.clone(),
                        form: canonical::form(&a.ty, &b.ty).expect("a common form"),
                    }
                })
                .collect(),
            key_columns: 1,
        }
    };
    let spelling = |read: [&CanonicalRead; 2], at: usize| -> Spelling {
        let of = |side: usize| {
            sides[side]
                .2
                .spellings(&read[side].table, &read[side].columns[at])
        };
        pushdown::agree(of(0), of(1))
            .unwrap_or_else(|e| panic!("{}: {e}", read[0].columns[at].name))
    };
    let mut lanes: Vec<_> = sides
        .iter()
        .map(|s| s.2.canonicalizer().expect("a lane"))
        .collect();
    let range = |from: u32, to: u32| Range::Key {
        lower: Some(vec![Value::Int(from.into())]),
        upper: Some(vec![Value::Int(to.into())]),
    };
    let mut unsayable = 0;
    for (name, _, _) in COLUMNS {
        let reads = [read(0, &["id", name]), read(1, &["id", name])];
        let said = [Spelling::Bare, spelling([&reads[0], &reads[1]], 1)];
        let mut sums: Vec<Vec<Sums>> = Vec::new();
        for side in 0..2 {
            let server = lanes[side]
                .sums(&reads[side], &said, &Range::All, 512)
                .unwrap_or_else(|e| panic!("{name}: {e}"));
            let here = pushdown::streamed(&mut *lanes[side], &reads[side], &said, &Range::All, 512)
                .expect("rows are read");
            sums.push(server);
            sums.push(here);
        }
        for at in 0..512 {
            let of: Vec<Sums> = sums.iter().map(|s| s[at]).collect();
            if of.iter().any(|s| s != &of[0]) {
                // Name the row.
                for id in 0..cases {
                    let mut said_of = Vec::new();
                    for side in 0..2 {
                        said_of.push(
                            lanes[side]
                                .sums(&reads[side], &said, &range(id, id + 1), 1)
                                .expect("a sum"),
                        );
                        said_of.push(
                            pushdown::streamed(
                                &mut *lanes[side],
                                &reads[side],
                                &said,
                                &range(id, id + 1),
                                1,
                            )
                            .expect("a row"),
                        );
                    }
                    assert!(
                        said_of.iter().all(|s| s == &said_of[0]),
                        "{name} of row {id}: PostgreSQL, read, MariaDB, read: {said_of:?}\n{}",
                        limosa_testkit::query_psql(
                            &pg,
                            &format!("select {name} from all_of_it where id = {id}")
                        )
                    );
                }
                panic!("{name}: the parts differ, and no row does");
            }
            unsayable += of[0].rows - of[0].hashed;
        }
    }
    assert!(
        unsayable > 0,
        "no value was beyond the servers' common text"
    );
}

#[test]
fn equal_rows_are_added_up_alike_and_planted_differences_are_named() {
    let (pg, my) = filled(8, 3000);
    let ways = limosa(&pg, &my, PUSHED)
        .explain(true, &limosa::silent(), &Stop::new())
        .expect("it is explained");
    assert!(ways[0].pushdown, "{ways:#?}");
    for (from, to) in [(&pg, &my), (&my, &pg)] {
        let comparison = compare(from, to, PUSHED);
        assert_eq!(named(&comparison), Vec::<String>::new(), "{comparison:#?}");
        assert_eq!(comparison.verdict, Verdict::Pass, "{comparison:#?}");
        assert_eq!(comparison.tables[0].compared_rows, 3000);
    }
    execute_mysql(
        &my,
        "update all_of_it set t = 'a', v = 'b|c' where id = 100; update all_of_it set t = '', v = null where id = 200;
         update all_of_it set f = 0.1 where id = 300; update all_of_it set at = '2024-01-01 00:00:00.000001' where id = 400;
         update all_of_it set raw = x'00' where id = 500; delete from all_of_it where id = 600;
         insert into all_of_it (id) values (5000);",
    );
    execute_psql(
        &pg,
        "update all_of_it set t = 'a|b', v = 'c' where id = 100; update all_of_it set t = null, v = null where id = 200;
         update all_of_it set f = 0.10000000000000002 where id = 300; update all_of_it set at = '2024-01-01' where id = 400;
         update all_of_it set raw = '\\x0000' where id = 500",
    );
    let pushed = compare(&pg, &my, PUSHED);
    let read = compare(&pg, &my, ServerSums::default());
    assert_eq!(
        named(&pushed),
        [
            "all_of_it 100 differs t,v",
            "all_of_it 200 differs t",
            "all_of_it 300 differs f",
            "all_of_it 400 differs at",
            "all_of_it 500 differs raw",
            "all_of_it 5000 extra ",
            "all_of_it 600 missing ",
        ]
    );
    assert_eq!(named(&read), named(&pushed));
    assert_eq!(pushed.verdict, Verdict::Fail);
    let counted = |c: &Comparison| {
        let t = &c.tables[0];
        (
            t.source_rows,
            t.target_rows,
            t.compared_rows,
            t.differing_rows,
        )
    };
    assert_eq!(counted(&read), counted(&pushed));
    assert!(read.tables[0].cross_checked_rows > 0 && pushed.tables[0].cross_checked_rows > 0);
}

/// Keys that every server orders in its own way, no key at all, and a file on the other side.
#[test]
fn text_keys_and_tables_without_a_key_are_added_up_by_the_hash() {
    let (pg, my) = (postgres().database(), mariadb().database());
    let directory = tempfile::tempdir().expect("a folder");
    let file = directory.path().join("side.db");
    let lite = format!("sqlite:{}", file.display());
    execute_psql(
        &pg,
        "create table words (word varchar(40) primary key, n bigint);
         insert into words select 'Wort ' || g, g from generate_series(1, 4000) g;
         insert into words values ('wort 1', -1), ('Äpfel', -2), ('apfel', -3), ('z', -4), ('', 0);
         create table loose (x bigint, y text); insert into loose select g % 50, 'y' || g % 7 from generate_series(1, 3000) g;
         insert into loose values (null, null), (null, null);",
    );
    execute_mysql(
        &my,
        "create table words (word varchar(40) collate utf8mb4_nopad_bin primary key, n bigint);
         insert into words select concat('Wort ', seq), seq from seq_1_to_4000;
         insert into words values ('wort 1', -1), ('Äpfel', -2), ('apfel', -3), ('z', -4), ('', 0);
         create table loose (x bigint, y longtext collate utf8mb4_nopad_bin);
         insert into loose select seq % 50, concat('y', seq % 7) from seq_1_to_3000;
         insert into loose values (null, null), (null, null);",
    );
    let connection = rusqlite::Connection::open(&file).expect("a file");
    connection
        .execute_batch(
            "create table words (word text primary key not null, n integer);
             with recursive g(i) as (select 1 union all select i + 1 from g where i < 4000)
             insert into words select 'Wort ' || i, i from g;
             insert into words values ('wort 1', -1), ('Äpfel', -2), ('apfel', -3), ('z', -4), ('', 0);
             create table loose (x integer, y text);
             with recursive g(i) as (select 1 union all select i + 1 from g where i < 3000)
             insert into loose select i % 50, 'y' || (i % 7) from g;
             insert into loose values (null, null), (null, null);",
        )
        .expect("rows");
    let sides = [&pg, &my, &lite];
    for (a, b) in [(0, 1), (1, 0), (2, 0), (0, 2), (1, 2)] {
        let comparison = compare(sides[a], sides[b], PUSHED);
        assert!(named(&comparison).is_empty(), "{comparison:#?}");
        assert!(comparison.tables.iter().all(|t| t.verdict == Verdict::Pass));
    }
    execute_mysql(
        &my,
        "update words set n = 9 where word = 'Wort 17'; delete from words where word = 'z';
         insert into loose values (1, 'y1')",
    );
    for other in [&pg, &lite] {
        let found = named(&compare(other, &my, PUSHED));
        assert_eq!(found, named(&compare(other, &my, ServerSums::default())));
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            found.contains(&"words Wort 17 differs n".to_owned()),
            "{found:?}"
        );
        assert!(found.contains(&"words z missing ".to_owned()), "{found:?}");
    }
}

/// A row longer than a packet has no hash: MariaDB's CONCAT gives NULL, which SUM would pass by.
#[test]
fn a_row_that_a_server_can_not_hash_is_read() {
    let server = MariaServer::private(&["--max-allowed-packet=1M"]);
    let (pg, my) = (postgres().database(), server.database());
    execute_psql(
        &pg,
        "create table big (id bigint primary key, t text, u text);
         insert into big select g, 'x', 'y' from generate_series(1, 2500) g;
         insert into big values (9999, repeat('x', 700000), repeat('y', 700000))",
    );
    execute_mysql(
        &my,
        "create table big (id bigint primary key, t longtext, u longtext);
         insert into big select seq, 'x', 'y' from seq_1_to_2500;
         insert into big values (9999, repeat('x', 700000), repeat('y', 700000))",
    );
    let equal = compare(&pg, &my, PUSHED);
    assert_eq!(equal.verdict, Verdict::Pass, "{equal:#?}");
    assert!(equal.tables[0].cross_checked_rows > 0, "its part was read");
    execute_mysql(
        &my,
        "update big set u = concat(repeat('y', 699999), 'z') where id = 9999",
    );
    assert_eq!(named(&compare(&pg, &my, PUSHED)), ["big 9999 differs u"]);
}

#[test]
fn each_column_is_told_its_way_and_why() {
    let (pg, my) = (postgres().database(), mariadb().database());
    execute_psql(
        &pg,
        "create table t (id bigint primary key, j jsonb, a integer[], v text); create table plain (id bigint primary key);",
    );
    execute_mysql(
        &my,
        "create table t (id bigint primary key, j json, a json, v longtext); create table plain (id bigint primary key);",
    );
    let ways = limosa(&pg, &my, PUSHED)
        .explain(true, &limosa::silent(), &Stop::new())
        .expect("it is explained");
    let of = |name: &str| {
        ways.iter()
            .find(|t| t.table.name == name)
            .expect("the table")
    };
    assert!(!of("t").pushdown && of("plain").pushdown);
    let said: Vec<(&str, &str)> = of("t")
        .columns
        .iter()
        .map(|c| (c.column.as_str(), c.way.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            ("id", "pushdown"),
            ("j", "stream"),
            ("a", "stream"),
            ("v", "pushdown")
        ]
    );
    assert!(of("t").columns[1].detail.contains("meaning"), "{ways:#?}");
}
