//! Databases that no run of ours made are compared as they are, between real servers.

use limosa::outcome::{Comparison, Verdict};
use limosa::settings::{RowExtent, Settings};
use limosa::{Limosa, Stop};
use limosa_testkit::{execute_mysql, execute_psql, mariadb, postgres};

fn compare(source: &str, target: &str) -> Comparison {
    let mut settings = Settings::between(source, target).expect("the addresses are plain");
    settings.run.workers = 2;
    settings.run.chunk_bytes = 20_000;
    settings.run.extent.rows = RowExtent::Cells;
    let limosa = Limosa::open(settings).expect("two databases");
    let (_, comparison) = limosa
        .compare(&limosa::silent(), &Stop::new())
        .expect("both can be compared");
    comparison
}

/// What other tools called different though it was the same, and the same though it was not: see the
/// names of the columns.
const POSTGRES: &str = "
    create table hard (id bigint primary key, padded char(10), a text, b text, n1 text, n2 text, d double precision,
      f real, dec numeric(20,4), raw bytea, at timestamp(6), day date, flag boolean, big numeric(20), j jsonb, u uuid);
    insert into hard select g, 'ab', 'a|b', 'c', null, null, 0.1, 0.1, 1.5, '\\x0061ff', '2024-01-02 03:04:05.5',
      '2024-02-29', g % 2 = 0, 18446744073709551615, '{\"b\": 1.10, \"a\": [1, 2]}',
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' from generate_series(1, 3000) g;
    create table words (word varchar(40) collate \"C\" primary key, n integer not null);
    insert into words select 'Wort ' || g, g from generate_series(1, 500) g;
    insert into words values ('wort 1', -1), ('Äpfel', -2), ('apfel', -3), ('z', -4);
    create table loose (x integer, y text); insert into loose values (1, 'a'), (1, 'a'), (null, null);";

const MARIADB: &str = "
    create table hard (id bigint primary key, padded char(10), a longtext, b longtext, n1 longtext, n2 longtext, d double,
      f float, `dec` decimal(20,4), raw longblob, at datetime(6), day date, flag tinyint(1), big bigint unsigned, j json,
      u char(36)) default charset utf8mb4 collate utf8mb4_nopad_bin;
    insert into hard select seq, 'ab', 'a|b', 'c', null, null, 0.1, 0.1, 1.5, x'0061ff', '2024-01-02 03:04:05.5',
      '2024-02-29', seq % 2 = 0, 18446744073709551615, '{\"a\": [1, 2.0], \"b\":1.1}',
      'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11' from seq_1_to_3000;
    create table words (word varchar(40) collate utf8mb4_nopad_bin primary key, n integer not null);
    insert into words select concat('Wort ', seq), seq from seq_1_to_500;
    insert into words values ('wort 1', -1), ('Äpfel', -2), ('apfel', -3), ('z', -4);
    create table loose (x integer, y longtext collate utf8mb4_nopad_bin);
    insert into loose values (1, 'a'), (1, 'a'), (null, null);";

fn rows(comparison: &Comparison) -> Vec<String> {
    let mut out = Vec::new();
    for t in &comparison.tables {
        assert_eq!(t.error, None, "{}", t.table);
        assert!(t.not_compared.is_empty(), "{:?}", t.not_compared);
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

#[test]
fn equal_rows_of_two_makers_are_equal_and_a_planted_difference_is_named() {
    let (pg, maria) = (postgres().database(), mariadb().database());
    execute_psql(&pg, POSTGRES);
    execute_mysql(&maria, MARIADB);
    for (from, to) in [(&pg, &maria), (&maria, &pg)] {
        let comparison = compare(from, to);
        assert!(rows(&comparison).is_empty(), "{comparison:#?}");
        assert!(comparison.tables.iter().all(|t| t.verdict == Verdict::Pass));
    }
    execute_mysql(
        &maria,
        "update hard set a = 'a', b = 'b|c' where id = 1;
         update hard set n1 = '<null>', n2 = '<null>' where id = 2;
         update hard set d = 0.10000000000000002 where id = 3;
         update hard set f = 0.10000001 where id = 4;
         update hard set raw = x'0061fe' where id = 5;
         update hard set at = '2024-01-02 03:04:05.500001' where id = 6;
         update hard set j = '{\"a\": [2, 1], \"b\":1.1}' where id = 7;
         update hard set `dec` = 1.5001 where id = 8; update hard set a = '' where id = 9;
         update hard set n1 = '' where id = 10; update hard set flag = 2 where id = 12;
         update hard set big = big - 1 where id = 13; delete from hard where id = 3000;
         insert into hard (id) values (3001);
         update words set n = 9 where word = 'wort 1'; insert into loose values (1, 'a');",
    );
    let comparison = compare(&pg, &maria);
    assert_eq!(comparison.verdict, Verdict::Fail);
    assert_eq!(
        rows(&comparison),
        [
            "hard 1 differs a,b",
            "hard 10 differs n1",
            "hard 12 differs flag",
            "hard 13 differs big",
            "hard 2 differs n1,n2",
            "hard 3 differs d",
            "hard 3000 missing ",
            "hard 3001 extra ",
            "hard 4 differs f",
            "hard 5 differs raw",
            "hard 6 differs at",
            "hard 7 differs j",
            "hard 8 differs dec",
            "hard 9 differs a",
            "loose 2 in the source, 3 in the target count ",
            "words wort 1 differs n",
        ]
    );
}

#[test]
fn what_the_target_lost_of_the_schema_is_told() {
    let both = [postgres().database(), postgres().database()];
    execute_psql(
        &both[0],
        "create table p (id integer generated by default as identity primary key, name varchar(20) not null default 'x');
         create table c (id integer primary key, p integer references p, m numeric(10,2));
         create index c_p on c (p); create sequence tickets start 5;
         insert into p (name) values ('a'), ('b'); select nextval('tickets'), nextval('tickets');",
    );
    execute_psql(
        &both[1],
        "create table p (id integer, name varchar(10) default 'y'); create table c (id integer primary key, p integer, m numeric(8,2));
         create sequence tickets start 5; insert into p values (1, 'a'), (2, 'b');",
    );
    let comparison = compare(&both[0], &both[1]);
    assert!(rows(&comparison).is_empty());
    let mut said: Vec<String> = comparison
        .schema
        .iter()
        .map(|d| format!("{}: {}", d.object, d.text))
        .collect();
    said.sort();
    let told = |words: &str| assert!(said.iter().any(|s| s.contains(words)), "{words}: {said:#?}");
    told("p: the primary key (id) is not there");
    told("p.name: the default is");
    told("p.name: NULL is allowed");
    told("p.name: the type is character varying(10)");
    told("p.id: it does not count by itself");
    told("c.m: the type is numeric(8,2)");
    told("c: the foreign key (p) to");
    told("the index c_p is not there");
    told("tickets: the sequence would give 5 next, and was to give 7");
}
