//! The process dies at every durable step, once early and once later; the next run ends it, and both
//! files are equal. Needs the feature `failpoints`.

mod support;

use limosa_flow::outcome::{Ending, Verdict};
use limosa_flow::run::Parts;
use limosa_flow::settings::RunSettings;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use support::{Shop, settings};

const POINTS: [&str; 19] = [
    "journal-before-phase",
    "journal-after-phase",
    "journal-before-step",
    "journal-after-step",
    "run-between-phases",
    "run-after-install",
    "run-after-acquire",
    "step-after-started",
    "step-after-statement",
    "step-before-done",
    "step-after-done",
    "copy-after-cut",
    "copy-after-claim",
    "copy-mid-chunk",
    "copy-before-commit",
    "copy-after-commit",
    "run-before-clean",
    "run-after-clean",
    "copy-between-forget-and-empty",
];

fn taking_over() -> RunSettings {
    RunSettings {
        steal: true,
        ..settings()
    }
}

/// Not a test of its own: the process that dies.
#[test]
fn child() {
    let (Ok(directory), Ok(point), Ok(nth)) = (
        std::env::var("LIMOSA_TEST_SHOP"),
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
    let shop = Shop::at(directory.into());
    shop.run(&taking_over(), Parts::All).unwrap();
}

fn die(shop: &Shop, point: &str, nth: u32) -> bool {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads", "1"])
        .env("LIMOSA_TEST_SHOP", shop.path())
        .env("LIMOSA_TEST_POINT", point)
        .env("LIMOSA_TEST_NTH", nth.to_string())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    !status.success()
}

#[test]
fn a_run_that_dies_anywhere_goes_on_and_ends_equal() {
    let mut died = 0;
    for point in POINTS {
        for nth in [0, 3] {
            let shop = Shop::new(300);
            let hit = die(&shop, point, nth);
            died += u32::from(hit);
            let outcome = shop
                .run(&taking_over(), Parts::All)
                .unwrap_or_else(|e| panic!("{point} {nth}: {e:?}"));
            assert_eq!(
                outcome.ending,
                Ending::Complete,
                "{point} {nth} {outcome:#?}"
            );
            let comparison = outcome.comparison.unwrap();
            assert_eq!(
                comparison.verdict,
                Verdict::Pass,
                "{point} {nth} {comparison:#?}"
            );
            shop.assert_equal();
        }
    }
    // Some points are met once or never in such a small run.
    assert!(died >= 30, "only {died} died");
}

#[test]
fn a_run_that_dies_again_and_again_ends_equal() {
    let shop = Shop::new(6000);
    for (point, nth) in [
        ("step-after-statement", 1),
        ("copy-mid-chunk", 2),
        ("copy-after-commit", 1),
        ("copy-before-commit", 2),
        ("copy-after-claim", 3),
        ("step-before-done", 1),
        ("journal-after-step", 2),
    ] {
        assert!(die(&shop, point, nth), "{point}");
    }
    let outcome = shop.run(&taking_over(), Parts::All).unwrap();
    assert_eq!(outcome.ending, Ending::Complete);
    shop.assert_equal();
}
