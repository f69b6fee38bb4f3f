//! The database is the oracle: random values of every type go through a server, the reader, the encoder
//! and a second table, and the server says whether they are equal; the canonical rows must be, too.

mod common;

use common::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const TABLE: &str = "CREATE TABLE t (id int NOT NULL PRIMARY KEY, i8 tinyint, i64 bigint, u64 bigint unsigned, f float, \
    d double, n decimal(65,30), bits bit(37), c char(20), v varchar(40), bi binary(3), bl longblob, da date, ti time(6), \
    dt datetime(6), ts timestamp(6) NULL, y year, e enum('a','b''','ü'), s set('a','b','ü'), j json)";

/// One row as SQL literals.
fn row() -> impl Strategy<Value = Vec<String>> {
    let hex = |b: &[u8]| b.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let text = move |n: usize| {
        proptest::collection::vec(any::<char>(), 0..n).prop_map(move |c| {
            let t: String = c.into_iter().collect();
            format!("CONVERT(x'{}' USING utf8mb4)", hex(t.as_bytes()))
        })
    };
    let double = prop_oneof![
        any::<f64>().prop_filter("finite", |f| f.is_finite()),
        Just(-0.0),
        (-1e15f64..1e15),
    ];
    let first = (
        any::<i8>(),
        any::<i64>(),
        any::<u64>(),
        any::<f32>().prop_filter("finite", |f| f.is_finite()),
        double,
        "-?[0-9]{1,35}\\.[0-9]{0,30}",
        0u64..(1 << 37),
        text(20),
        text(40),
        any::<[u8; 3]>(),
    );
    let second = (
        proptest::collection::vec(any::<u8>(), 0..80),
        (1u32..9999, 1u32..=12, 1u32..=28),
        -3_020_399_999_999i64..3_020_399_999_999,
        (1u32..9999, 1u32..=12, 1u32..=28, 0u32..86_400_000),
        1i64..2_147_483_647,
        prop_oneof![Just(0u32), 1901u32..=2155],
        1usize..=3,
        0u8..8,
        text(10),
        any::<u32>(),
    );
    (first, second).prop_map(move |(a, b)| {
        let (da, ti, dt) = (b.1, b.2, b.3);
        let micros = ti.abs();
        let all = vec![
            a.0.to_string(),
            a.1.to_string(),
            a.2.to_string(),
            format!("{:e}", f64::from(a.3)),
            format!("{:e}", a.4),
            a.5.trim_end_matches('.').to_owned(),
            a.6.to_string(),
            a.7,
            a.8,
            format!("x'{}'", hex(&a.9)),
            format!("x'{}'", hex(&b.0)),
            format!("'{:04}-{:02}-{:02}'", da.0, da.1, da.2),
            format!(
                "'{}{:02}:{:02}:{:02}.{:06}'",
                if ti < 0 { "-" } else { "" },
                micros / 3_600_000_000,
                micros / 60_000_000 % 60,
                micros / 1_000_000 % 60,
                micros % 1_000_000
            ),
            format!(
                "'{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03}'",
                dt.0,
                dt.1,
                dt.2,
                dt.3 / 3_600_000,
                dt.3 / 60_000 % 60,
                dt.3 / 1000 % 60,
                dt.3 % 1000
            ),
            format!("FROM_UNIXTIME({}.{:06})", b.4, b.9 % 1_000_000),
            format!("'{:04}'", b.5),
            b.6.to_string(),
            b.7.to_string(),
            format!("JSON_OBJECT('k', {}, 'n', {})", b.8, a.1),
        ];
        // Every so often a NULL.
        all.into_iter()
            .enumerate()
            .map(|(i, v)| {
                if (b.9 >> i) & 15 == 0 {
                    "NULL".to_owned()
                } else {
                    v
                }
            })
            .collect()
    })
}

#[test]
fn random_values_are_read_and_written_as_the_server_has_them() {
    let (source, source_url) = open(TABLE);
    let (target, target_url) = open("");
    let catalog = source.inspect().expect("inspected");
    let table = &catalog.tables[0];
    apply(&*target, &catalog);
    let same_collation = |url: &str| {
        // Compared byte by byte, in the server's own storage.
        limosa_testkit::query_mysql(
            url,
            "SET time_zone = '+00:00'; SELECT id, i8, i64, u64, f+0e0, d, n, bits+0, hex(c), hex(v), hex(bi), hex(bl), da, ti, dt, ts, y, e+0, s+0, hex(j) FROM t ORDER BY id",
        )
    };
    let config = Config {
        cases: 12,
        max_shrink_iters: 60,
        failure_persistence: None,
        ..Config::default()
    };
    let infile = std::cell::Cell::new(false);
    TestRunner::new(config)
        .run(&proptest::collection::vec(row(), 1..30), |rows| {
            limosa_testkit::execute_mysql(&source_url, "TRUNCATE TABLE t");
            limosa_testkit::execute_mysql(&target_url, "TRUNCATE TABLE t");
            let values: Vec<String> = rows
                .iter()
                .enumerate()
                .map(|(i, r)| format!("({i}, {})", r.join(", ")))
                .collect();
            limosa_testkit::execute_mysql(
                &source_url,
                &format!(
                    "SET sql_mode = ''; SET time_zone = '+00:00'; INSERT INTO t VALUES {}",
                    values.join(", ")
                ),
            );
            infile.set(!infile.get());
            with_infile(infile.get(), || {
                let target = limosa_mysql::open(&target_url).expect("opened");
                copy(&*source, &*target, table, 1 << 12);
            });
            prop_assert_eq!(same_collation(&source_url), same_collation(&target_url));
            prop_assert_eq!(
                canonical_rows(&*source, table),
                canonical_rows(&*target, table)
            );
            Ok(())
        })
        .unwrap_or_else(|e| panic!("{e}"));
}
