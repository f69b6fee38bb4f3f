//! Planted corruption is found, whatever its kind; clean data never alarms.

mod support;

use limosa_flow::outcome::{Comparison, TableVerdict, Verdict};
use limosa_flow::run::Parts;
use limosa_flow::settings::{Extent, RunSettings};
use limosa_flow::verify;
use std::sync::atomic::Ordering;
use support::{COMPARED, Faulty, Script, Shop, settings, silent};

fn copied(rows: i64) -> Shop {
    let shop = Shop::new(rows);
    shop.run(&settings(), Parts::Copy).unwrap();
    shop
}

fn compare_with(shop: &Shop, settings: &RunSettings) -> Comparison {
    let journal = limosa_flow::journal::Journal::read(&shop.journal_path()).unwrap();
    verify::compare(
        shop.source().as_ref(),
        shop.target().as_ref(),
        &journal.plan().unwrap(),
        settings,
        &silent(),
        &limosa_flow::run::Stop::new(),
    )
    .unwrap()
}

fn compare(shop: &Shop) -> Comparison {
    compare_with(shop, &settings())
}

fn table<'c>(comparison: &'c Comparison, name: &str) -> &'c TableVerdict {
    comparison
        .tables
        .iter()
        .find(|t| t.table.name == name)
        .unwrap()
}

#[test]
fn clean_data_never_alarms() {
    let shop = copied(2000);
    for workers in [1, 2, 4] {
        for chunk_bytes in [1000, 100_000, 1 << 30] {
            let with = RunSettings {
                workers,
                chunk_bytes,
                ..settings()
            };
            let comparison = compare_with(&shop, &with);
            assert_eq!(comparison.verdict, Verdict::Pass, "{comparison:#?}");
            assert!(comparison.schema.is_empty());
        }
    }
}

#[test]
fn every_kind_of_corruption_is_found_and_named() {
    /// What is done to the target; the table, the kind, the key and the columns that must be named.
    type Case = (
        &'static str,
        &'static str,
        &'static str,
        &'static [&'static str],
        &'static [&'static str],
    );
    let cases: [Case; 9] = [
        (
            "DELETE FROM item WHERE id = 33",
            "item",
            "missing",
            &["33"],
            &[],
        ),
        (
            "INSERT INTO item(id, name) VALUES(34, 'x')",
            "item",
            "extra",
            &["34"],
            &[],
        ),
        (
            "UPDATE item SET price = price + 0.001 WHERE id = 33",
            "item",
            "differs",
            &["33"],
            &["price"],
        ),
        (
            "UPDATE item SET note = '' WHERE id = 9",
            "item",
            "differs",
            &["9"],
            &["note"],
        ),
        (
            "UPDATE item SET name = name || ' ' WHERE id = 33",
            "item",
            "differs",
            &["33"],
            &["name"],
        ),
        (
            "UPDATE word SET times = -times WHERE times = 7",
            "word",
            "differs",
            &["w55433-7"],
            &["times"],
        ),
        (
            "UPDATE pair SET c = NULL WHERE a = 3 AND b = 'b4'",
            "pair",
            "differs",
            &["3", "b4"],
            &["c"],
        ),
        (
            "INSERT INTO bare VALUES(1, NULL)",
            "bare",
            "extra",
            &["1"],
            &[],
        ),
        (
            "UPDATE item SET picture = x'00' WHERE id = 15",
            "item",
            "differs",
            &["15"],
            &["picture"],
        ),
    ];
    for (sql, name, kind, key, columns) in cases {
        let shop = copied(400);
        shop.on_target(sql);
        let comparison = compare(&shop);
        assert_eq!(comparison.verdict, Verdict::Fail, "{sql}");
        let verdict = table(&comparison, name);
        assert_eq!(verdict.differing_rows, 1, "{sql} {verdict:#?}");
        let difference = &verdict.differences[0];
        assert_eq!(difference.kind, kind, "{sql}");
        assert_eq!(difference.key, key, "{sql}");
        assert_eq!(difference.columns, columns, "{sql}");
        for other in &comparison.tables {
            assert!(
                other.table.name == name || other.verdict == Verdict::Pass,
                "{sql}"
            );
        }
    }
}

#[test]
fn swapped_values_and_doubled_rows_do_not_cancel_out() {
    let shop = copied(400);
    shop.on_target(
        "UPDATE item SET price = CASE id WHEN 3 THEN 2 / 7.0 ELSE 1 / 7.0 END WHERE id IN (3, 6)",
    );
    let comparison = compare(&shop);
    assert_eq!(table(&comparison, "item").differing_rows, 2);
    for times in [1, 2] {
        let shop = copied(400);
        for _ in 0..times {
            shop.on_target("INSERT INTO loose VALUES(7, 'y7')");
        }
        let comparison = compare(&shop);
        let verdict = table(&comparison, "loose");
        assert_eq!(verdict.verdict, Verdict::Fail);
        assert_eq!(verdict.differing_rows, times);
        assert_eq!(verdict.differences.len(), 1);
        assert_eq!(verdict.differences[0].kind, "count");
        assert_eq!(verdict.differences[0].key[1], "8 in the source");
    }
}

#[test]
fn many_differences_are_counted_and_some_are_named() {
    let shop = copied(3000);
    shop.on_target("UPDATE item SET note = 'changed'; DELETE FROM word WHERE times % 2 = 0");
    let few = RunSettings {
        max_differences: 10,
        memory: 1 << 20,
        ..settings()
    };
    let comparison = compare_with(&shop, &few);
    let item = table(&comparison, "item");
    assert_eq!((item.differing_rows, item.differences.len()), (3000, 10));
    let word = table(&comparison, "word");
    assert_eq!((word.differing_rows, word.differences.len()), (1500, 10));
}

/// Rows that both sides gave in one comparison, and what came of it.
fn counted(shop: &Shop, settings: &RunSettings) -> (u64, Comparison) {
    let side = |inner| Faulty {
        inner,
        script: Script::default(),
    };
    let (source, target) = (side(shop.source()), side(shop.target()));
    let plan = limosa_flow::journal::Journal::read(&shop.journal_path())
        .unwrap()
        .plan()
        .unwrap();
    let before = COMPARED.load(Ordering::SeqCst);
    let stop = limosa_flow::run::Stop::new();
    let comparison = verify::compare(&source, &target, &plan, settings, &silent(), &stop).unwrap();
    (COMPARED.load(Ordering::SeqCst) - before, comparison)
}

/// Everything that reads through [`COMPARED`] is one test, since tests may share a process.
#[test]
fn a_few_differences_cost_no_second_pass_and_too_many_only_their_own_range() {
    let shop = copied(4000);
    let (rows, comparison) = counted(&shop, &settings());
    assert_eq!(comparison.verdict, Verdict::Pass);
    assert_eq!(
        rows,
        comparison
            .tables
            .iter()
            .map(|t| 2 * t.source_rows)
            .sum::<u64>()
    );
    // Of a key of one number, of text, of two columns; the text of one is too long to be carried.
    shop.on_source(
        "INSERT INTO word VALUES('a long word that no cell of a table of differences holds', 1)",
    );
    shop.on_target(
        "INSERT INTO word VALUES('a long word that no cell of a table of differences holds', 1);
         UPDATE item SET price = -1 WHERE id IN (3, 33, 333, 3333);
         DELETE FROM item WHERE id = 6; INSERT INTO item(id, name) VALUES(7, 'x');
         UPDATE word SET times = -times WHERE times IN (7, 70, 700);
         UPDATE pair SET c = 'other' WHERE a = 3 AND b IN ('b4', 'b5')",
    );
    let (again, comparison) = counted(&shop, &settings());
    // Nine rows that differ, of both sides, one that either side alone has, and the two long words.
    assert_eq!(again, rows + 2 + 2 * 9 + 2, "{comparison:#?}");
    assert_eq!(table(&comparison, "item").differing_rows, 6);
    assert_eq!(table(&comparison, "word").differing_rows, 3);
    let pair = table(&comparison, "pair");
    assert_eq!(pair.differing_rows, 2);
    assert_eq!(pair.differences[1].key, ["3", "b5"]);
    assert_eq!(pair.differences[1].columns, ["c"]);
    // A key too long to be carried is looked for in the range that it is in, and the others there with it.
    shop.on_target("UPDATE word SET times = 2 WHERE word LIKE 'a long word%'");
    let (again, comparison) = counted(&shop, &settings());
    assert_eq!(table(&comparison, "word").differing_rows, 4);
    let long = &table(&comparison, "word").differences[0];
    assert!(long.key[0].starts_with("a long word") && long.columns == ["times"]);
    let words = 2 * table(&comparison, "word").source_rows;
    assert_eq!(again, rows + 2 + 2 * 6 + 2 + words);
    // One range of many has more differences than its first table holds: it alone is read again.
    let shop = copied(6000);
    shop.on_target("UPDATE item SET note = 'changed' WHERE id BETWEEN 5000 AND 10000");
    let wide = RunSettings {
        chunk_bytes: 250_000,
        workers: 1,
        ..settings()
    };
    let (rows, comparison) = counted(&shop, &wide);
    let item = table(&comparison, "item");
    assert_eq!((item.differing_rows, item.differences.len()), (1667, 100));
    let all: u64 = comparison.tables.iter().map(|t| 2 * t.source_rows).sum();
    assert!(
        rows < all + 2 * 6000 && rows > all + 2 * 1667,
        "{rows} of {all}"
    );
}

#[test]
fn memory_for_differences_has_a_bound_and_the_count_is_exact_all_the_same() {
    let shop = copied(30_000);
    shop.on_target("UPDATE word SET times = times + 1; DELETE FROM pair; DELETE FROM loose");
    let small = RunSettings {
        memory: 1 << 20,
        max_differences: 5,
        chunk_bytes: 1 << 30,
        ..settings()
    };
    let comparison = compare_with(&shop, &small);
    for (name, kind) in [("word", "differs"), ("pair", "missing"), ("loose", "count")] {
        let found = table(&comparison, name);
        assert_eq!(found.verdict, Verdict::Fail);
        assert_eq!(
            (found.differing_rows, found.error.as_deref()),
            (30_000, None),
            "{name}"
        );
        assert_eq!(found.differences.len(), 5);
        assert!(found.differences.iter().all(|d| d.kind == kind));
    }
}

/// Compares a share of tables that are said to be large.
fn compare_share(shop: &Shop, percentage: f64, share: u32) -> Comparison {
    let journal = limosa_flow::journal::Journal::read(&shop.journal_path()).unwrap();
    let mut plan = journal.plan().unwrap();
    for table in &mut plan.tables {
        table.rows = Some(1_000_000);
    }
    let settings = RunSettings {
        validate_percentage: percentage,
        extent: Extent {
            share: Some(share),
            ..Extent::default()
        },
        chunk_bytes: 1 << 30,
        ..settings()
    };
    let (source, target) = (shop.source(), shop.target());
    let stop = limosa_flow::run::Stop::new();
    verify::compare(
        source.as_ref(),
        target.as_ref(),
        &plan,
        &settings,
        &silent(),
        &stop,
    )
    .unwrap()
}

#[test]
fn a_share_is_the_same_each_time_and_is_never_called_a_pass() {
    let shop = copied(4000);
    let (a, b) = (compare_share(&shop, 25.0, 0), compare_share(&shop, 25.0, 0));
    assert_eq!(a.verdict, Verdict::Partial);
    assert_eq!(a.share, Some((0, 4)));
    // With 25 % of the rows, eleven differing ones are found with 95 % confidence.
    assert_eq!(a.bound().unwrap().0, 11);
    let item = table(&a, "item");
    assert_eq!(item.source_rows, 4000);
    assert!(
        (700..2300).contains(&item.compared_rows),
        "{}",
        item.compared_rows
    );
    assert_eq!(item.compared_rows, table(&b, "item").compared_rows);
    // The newest rows are in every share.
    shop.on_target("UPDATE item SET price = -1 WHERE id = 11999");
    shop.on_target("UPDATE item SET price = -1 WHERE id = 12000");
    for share in 0..4 {
        let comparison = compare_share(&shop, 25.0, share);
        let named = &table(&comparison, "item").differences;
        assert!(named.iter().any(|d| d.key == ["12000"]), "{share}");
        assert_eq!(comparison.bound(), None);
    }
}

#[test]
fn all_shares_together_find_every_difference_and_counts_are_always_whole() {
    let shop = copied(3000);
    shop.on_target(
        "UPDATE word SET times = -times WHERE times % 10 = 0; INSERT INTO bare VALUES(1, NULL)",
    );
    let found: Vec<u64> = (0..4)
        .map(|share| table(&compare_share(&shop, 30.0, share), "word").differing_rows)
        .collect();
    assert_eq!(found.iter().sum::<u64>(), 300, "{found:?}");
    assert!(found.iter().all(|n| *n > 0), "{found:?}");
    // A row outside of the share that is missing or extra shows in the number.
    shop.on_target("DELETE FROM word WHERE times = 1001");
    for share in 0..4 {
        let comparison = compare_share(&shop, 30.0, share);
        assert_eq!(comparison.verdict, Verdict::Fail);
        let word = table(&comparison, "word");
        assert_eq!(word.source_rows, word.target_rows + 1);
        assert!(word.differing_rows > found[share as usize], "{share}");
    }
}

#[test]
fn repeated_runs_of_a_share_go_on_with_the_next_and_small_tables_are_compared_whole() {
    let shop = copied(500);
    let share = RunSettings {
        validate_percentage: 40.0,
        ..settings()
    };
    let run = || shop.run(&share, Parts::Verify).unwrap().comparison.unwrap();
    let shares: Vec<_> = (0..4).map(|_| run().share).collect();
    assert_eq!(shares, [(0, 3), (1, 3), (2, 3), (0, 3)].map(Some));
    assert_eq!(run().verdict, Verdict::Pass);
}

#[test]
fn a_schema_that_is_not_as_planned_fails() {
    let shop = copied(100);
    shop.on_target("DROP INDEX item_name; DROP VIEW dear");
    let comparison = compare(&shop);
    assert_eq!(comparison.verdict, Verdict::Fail);
    let texts: Vec<&str> = comparison.schema.iter().map(|d| d.text.as_str()).collect();
    assert_eq!(
        texts,
        ["the index item_name is not there", "the view is not there"],
        "{:#?}",
        comparison.schema
    );
}

#[test]
fn a_table_that_can_not_be_read_is_partial_and_the_others_are_compared() {
    let shop = copied(100);
    shop.on_target("DROP VIEW dear; ALTER TABLE loose RENAME TO elsewhere");
    let comparison = compare(&shop);
    let loose = table(&comparison, "loose");
    assert_eq!(loose.verdict, Verdict::Partial);
    assert!(loose.error.is_some());
    assert_eq!(table(&comparison, "item").verdict, Verdict::Pass);
    assert_eq!(comparison.verdict, Verdict::Fail);
}

#[test]
fn a_difference_stays_one_where_the_rest_of_the_table_can_not_be_read() {
    let shop = copied(6000);
    shop.on_target("UPDATE item SET note = 'changed' WHERE id = 3");
    let page: i64 = {
        let db = rusqlite::Connection::open(shop.target_path()).unwrap();
        db.query_row(
            "SELECT pageno FROM dbstat WHERE name = 'item' AND pagetype = 'leaf' ORDER BY path DESC LIMIT 1 OFFSET 3",
            [],
            |row| row.get(0),
        )
        .unwrap()
    };
    {
        use std::io::{Seek, SeekFrom, Write};
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .open(shop.target_path())
            .unwrap();
        file.seek(SeekFrom::Start((page as u64 - 1) * 4096))
            .unwrap();
        file.write_all(&[0xff; 4096]).unwrap();
    }
    let ranges = RunSettings {
        chunk_bytes: 50_000,
        workers: 1,
        ..settings()
    };
    let comparison = compare_with(&shop, &ranges);
    let item = table(&comparison, "item");
    assert!(item.error.is_some(), "{item:#?}");
    assert_eq!((item.verdict, item.differing_rows), (Verdict::Fail, 1));
    assert_eq!(item.differences[0].key, ["3"]);
}
