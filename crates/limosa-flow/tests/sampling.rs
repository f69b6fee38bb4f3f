//! A share of the rows finds what the mathematics says it finds: not less, and nothing else is claimed.

mod support;

use limosa_flow::outcome::{Comparison, TableVerdict, Verdict};
use limosa_flow::run::{Parts, Stop};
use limosa_flow::settings::{Extent, RunSettings};
use limosa_flow::verify;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use support::{Shop, settings, silent};

/// Rows of the table in which rows are planted. Its key is text, so no row of it is always chosen.
const ROWS: u32 = 1500;

/// Compares a share, as if every table were too large to be compared as a whole.
fn compare(shop: &Shop, percentage: f64, share: u32) -> Comparison {
    let journal = limosa_flow::journal::Journal::read(&shop.journal_path()).unwrap();
    let mut plan = journal.plan().unwrap();
    plan.tables.retain(|t| t.name().name == "word");
    for table in &mut plan.tables {
        table.rows = Some(1_000_000);
    }
    let settings = RunSettings {
        validate_percentage: percentage,
        extent: Extent {
            share: Some(share),
            schema: false,
            ..Extent::default()
        },
        workers: 1,
        chunk_bytes: 1 << 30,
        ..settings()
    };
    let (source, target, stop) = (shop.source(), shop.target(), Stop::new());
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

fn word(comparison: &Comparison) -> &TableVerdict {
    comparison
        .tables
        .iter()
        .find(|t| t.table.name == "word")
        .unwrap()
}

/// The chance that a share of `p` has at least one of `planted` rows.
fn predicted(p: f64, planted: u32) -> f64 {
    1.0 - (1.0 - p).powf(f64::from(planted))
}

#[test]
fn planted_rows_are_found_as_often_as_predicted() {
    let trials: u32 = std::env::var("LIMOSA_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(40);
    let shop = Shop::new(ROWS.into());
    shop.run(&settings(), Parts::Copy).unwrap();
    // The ends of a column are always compared: no planted value is one.
    for end in ["-100000 WHERE times = 1", "100000 WHERE times = 2"] {
        let sql = format!("UPDATE word SET times = {end}");
        shop.on_source(&sql);
        shop.on_target(&sql);
    }
    let all: Vec<u32> = (3..=ROWS).collect();
    for (percentage, planted) in [(10.0, 1u32), (10.0, 10), (20.0, 5), (50.0, 3), (10.0, 44)] {
        let mut found = 0u32;
        for seed in 0..trials {
            let mut rng = StdRng::seed_from_u64(u64::from(seed) << 32 | u64::from(planted));
            let chosen: Vec<String> = all
                .choose_multiple(&mut rng, planted as usize)
                .map(u32::to_string)
                .collect();
            let change = format!(
                "UPDATE word SET times = -times WHERE abs(times) IN ({})",
                chosen.join(",")
            );
            shop.on_target(&change);
            let comparison = compare(&shop, percentage, seed);
            let table = word(&comparison);
            assert_eq!(table.source_rows, u64::from(ROWS));
            match table.differing_rows {
                0 => assert_eq!(table.verdict, Verdict::Partial, "{table:?}"),
                n => {
                    assert_eq!(table.verdict, Verdict::Fail);
                    assert!(n <= u64::from(planted), "{table:?}");
                    found += 1;
                }
            }
            shop.on_target(&change);
        }
        let p = predicted(percentage / 100.0, planted);
        let (mean, sigma) = (
            p * f64::from(trials),
            (f64::from(trials) * p * (1.0 - p)).sqrt(),
        );
        // The seeds are fixed: this either holds always or never.
        assert!(
            (f64::from(found) - mean).abs() <= 3.0 * sigma + 1.0,
            "{percentage} % of the rows found {found} of {trials} times {planted} rows, and {mean:.1} ± {sigma:.1} were predicted"
        );
    }
}

#[test]
fn ends_of_columns_and_extra_and_missing_rows_are_found_whatever_is_chosen() {
    let shop = Shop::new(ROWS.into());
    shop.run(&settings(), Parts::Copy).unwrap();
    for (planted, undone) in [
        (
            "UPDATE word SET times = 5000 WHERE times = 700",
            "UPDATE word SET times = 700 WHERE times = 5000",
        ),
        (
            "UPDATE word SET times = -1 WHERE times = 700",
            "UPDATE word SET times = 700 WHERE times = -1",
        ),
        (
            "INSERT INTO word VALUES('w5', 5)",
            "DELETE FROM word WHERE word = 'w5'",
        ),
    ] {
        shop.on_target(planted);
        for share in 0..5 {
            let comparison = compare(&shop, 20.0, share);
            assert_eq!(
                comparison.verdict,
                Verdict::Fail,
                "{planted}: {comparison:#?}"
            );
            assert_eq!(comparison.bound(), None);
        }
        shop.on_target(undone);
    }
    let clean = compare(&shop, 20.0, 0);
    assert_eq!(clean.verdict, Verdict::Partial, "{clean:#?}");
    // Thirteen rows are missed by a fifth of the rows with a chance of 5.5 %, fourteen with 4.4 %.
    assert_eq!(clean.bound().unwrap(), (14, u64::from(ROWS)));
}
