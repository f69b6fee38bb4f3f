//! The process dies at every durable step of putting rows aside and of moving them later; the next one ends it, and
//! rows and rejects are those of a run that was never killed. Needs the feature `failpoints`.

mod support;

use limosa_flow::journal::Journal;
use limosa_flow::outcome::{Ending, Verdict};
use limosa_flow::rejects::Filter;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use support::odd::{Place, assert_parted, assert_whole, settings, third};
use support::on;

const BAD: [i64; 6] = [1, 2, 99, 250, 251, 500];

const RUN: [&str; 8] = [
    "rejects-before-add",
    "rejects-after-add",
    "rejects-before-settle",
    "rejects-after-forget",
    "copy-after-claim",
    "copy-mid-chunk",
    "copy-before-commit",
    "copy-after-commit",
];

const RETRY: [&str; 2] = ["rejects-before-retry-commit", "rejects-after-retry-commit"];

/// Not a test of its own: the process that dies.
#[test]
fn child() {
    let (Ok(folder), Ok(point), Ok(nth)) = (
        std::env::var("LIMOSA_TEST_ODD"),
        std::env::var("LIMOSA_TEST_POINT"),
        std::env::var("LIMOSA_TEST_NTH"),
    ) else {
        return;
    };
    let nth: u32 = nth.parse().unwrap();
    let hits = AtomicU32::new(0);
    fail::cfg_callback(&point, move || {
        if hits.fetch_add(1, Ordering::SeqCst) == nth {
            std::process::abort();
        }
    })
    .unwrap();
    let place = Place::at(folder.into());
    if RETRY.contains(&point.as_str()) {
        place.retry(&Filter::default()).unwrap();
    } else {
        place.run(&settings(0.5)).unwrap();
    }
}

fn die(place: &Place, point: &str, nth: u32) -> bool {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads", "1"])
        .env("LIMOSA_TEST_ODD", &place.folder)
        .env("LIMOSA_TEST_POINT", point)
        .env("LIMOSA_TEST_NTH", nth.to_string())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    !status.success()
}

#[test]
fn a_run_that_dies_anywhere_keeps_the_same_rejects() {
    let mut died = 0;
    for point in RUN {
        for nth in [0, 2] {
            let place = Place::new(500, &BAD);
            died += u32::from(die(&place, point, nth));
            let outcome = place
                .run(&settings(0.5))
                .unwrap_or_else(|e| panic!("{point} {nth}: {e:?}"));
            assert_eq!(
                outcome.ending,
                Ending::Complete,
                "{point} {nth} {outcome:#?}"
            );
            assert_eq!(outcome.rejected(), 12, "{point} {nth} {outcome:#?}");
            assert_parted(&place, 500, &BAD);
            let verdict = outcome.comparison.unwrap().verdict;
            assert_eq!(verdict, Verdict::PassWithExceptions, "{point} {nth}");
        }
    }
    // Some points are met less often than that.
    assert!(died >= 13, "only {died} died");
}

#[test]
fn a_run_that_dies_anywhere_counts_filtered_rows_once() {
    for point in [
        "copy-after-claim",
        "copy-before-commit",
        "copy-after-commit",
    ] {
        let place = Place::new(500, &BAD);
        let plan = place.plan_with(vec![third("t")]);
        drop(Journal::create(&place.journal(), &plan).unwrap());
        assert!(die(&place, point, 4), "{point}");
        let outcome = place.run(&settings(0.5)).unwrap();
        assert_eq!(outcome.ending, Ending::Complete, "{point} {outcome:#?}");
        let t = outcome.tables.iter().find(|t| t.table.name == "t").unwrap();
        // Of the bad rows 2, 251 and 500 are filtered.
        assert!(
            t.resumed > 0 || point == "copy-after-claim",
            "{point} {t:#?}"
        );
        assert_eq!(
            (t.rows, t.skipped, t.rejected),
            (330, 167, 3),
            "{point} {t:#?}"
        );
    }
}

#[test]
fn a_retry_that_dies_anywhere_moves_each_row_once() {
    for point in RETRY {
        for nth in [0, 1] {
            let place = Place::new(500, &BAD);
            place.run(&settings(0.5)).unwrap();
            on(
                &place.file("target.db"),
                "PRAGMA writable_schema = ON;
                 UPDATE sqlite_schema SET sql = replace(sql, ' CHECK(v <> 13)', '') WHERE type = 'table';
                 PRAGMA writable_schema = RESET;",
            );
            assert!(die(&place, point, nth), "{point} {nth}");
            place
                .retry(&Filter::default())
                .unwrap_or_else(|e| panic!("{point} {nth}: {e:?}"));
            assert_whole(&place, 500);
            assert_eq!(place.verify().verdict, Verdict::Pass, "{point} {nth}");
        }
    }
}
