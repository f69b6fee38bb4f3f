//! Planted corruption is found, whatever its kind; clean data never alarms.

mod support;

use limosa_flow::outcome::{Comparison, TableVerdict, Verdict};
use limosa_flow::run::Parts;
use limosa_flow::settings::RunSettings;
use limosa_flow::verify;
use support::{Shop, settings, silent};

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

#[test]
fn a_share_is_the_same_each_time_and_is_never_called_a_pass() {
    let shop = copied(2000);
    let share = RunSettings {
        validate_percentage: 25.0,
        ..settings()
    };
    let (a, b) = (compare_with(&shop, &share), compare_with(&shop, &share));
    assert_eq!(a.verdict, Verdict::Partial);
    let item = table(&a, "item");
    assert_eq!(item.source_rows, 2000);
    assert!(
        (300..700).contains(&item.compared_rows),
        "{}",
        item.compared_rows
    );
    assert_eq!(item.compared_rows, table(&b, "item").compared_rows);
    // Rows outside of the share are still counted.
    shop.on_target("DELETE FROM item WHERE id > 5900");
    let comparison = compare_with(&shop, &share);
    assert_eq!(comparison.verdict, Verdict::Fail);
    assert_eq!(
        table(&comparison, "item").differing_rows,
        table(&comparison, "item").source_rows - table(&comparison, "item").target_rows
    );
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
