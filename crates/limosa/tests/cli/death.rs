//! Kills and signals: whatever happens, the same command goes on.

use crate::sandbox::Sandbox;
use limosa_testkit::kill::{Bounds, at_random};
use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A demo of many small chunks.
const DEMO: &[&str] = &["demo", "--rows", "30000"];
const SMALL: &[(&str, &str)] = &[("LIMOSA_CHUNK_SIZE", "64KiB")];

fn passed(it: &Sandbox) {
    let report: serde_json::Value =
        serde_json::from_str(&it.read("limosa-demo/limosa-report/shop.json")).expect("JSON");
    assert_eq!(report["verdict"], "pass");
    for (old, new) in [
        ("tblOrderItems", "order_item"),
        ("AuditLog", "audit_log"),
        ("tblOrders", "\"order\""),
    ] {
        let count = |file: &str, table: &str| {
            it.ask(
                &format!("limosa-demo/{file}"),
                &format!("SELECT count(*) FROM {table}"),
            )
        };
        assert_eq!(count("legacy.db", old), count("shop.db", new), "{old}");
    }
    let ours = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'limosa\\_%' ESCAPE '\\'";
    assert_eq!(
        it.ask("limosa-demo/shop.db", ours),
        "0",
        "the target is clean"
    );
}

#[test]
fn a_run_that_is_killed_at_any_time_goes_on_to_its_end() {
    let it = Sandbox::new();
    let outcome = at_random(12, Duration::from_millis(2500), Bounds::default(), || {
        let mut c = it.command(DEMO);
        c.envs(SMALL.iter().copied());
        // Slow enough that the kills meet the copy.
        c.env("LIMOSA_MAX_ROWS_PER_SECOND", "15000");
        // The lease of a killed run is taken at once.
        c
    });
    assert!(outcome.runs > 1);
    passed(&it);
}

fn interrupt(signal: &str, code: i32) {
    let it = Sandbox::new();
    let mut child = it
        .command(DEMO)
        .envs(SMALL.iter().copied())
        .env("LIMOSA_MAX_ROWS_PER_SECOND", "4000")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let begun = Instant::now();
    let journal = it.path("limosa-demo/.limosa/shop.db");
    while !journal.exists() {
        assert!(begun.elapsed().as_secs() < 60, "the run does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(700));
    let killed = std::process::Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status()
        .expect("a signal can be sent");
    assert!(killed.success());
    let mut err = String::new();
    child
        .stderr
        .take()
        .expect("a pipe")
        .read_to_string(&mut err)
        .expect("text");
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(code), "{err}");
    assert!(
        err.contains("Stopping at the next edge of a chunk"),
        "{err}"
    );
    assert!(
        err.contains("To go on: limosa run --config limosa-demo/limosa.toml"),
        "{err}"
    );
    let left = it
        .limosa(&["status", "--config", "limosa-demo/limosa.toml"])
        .ends(4);
    assert!(left.out.contains("copying"), "{}", left.out);
    it.limosa(&["run", "--config", "limosa-demo/limosa.toml"])
        .ends(0);
    passed(&it);
}

#[test]
fn ctrl_c_ends_at_the_edge_of_a_chunk_and_says_how_to_go_on() {
    interrupt("-INT", 130);
}

#[test]
fn sigterm_ends_the_same_way_with_its_own_code() {
    interrupt("-TERM", 143);
}

#[test]
fn the_second_ctrl_c_ends_at_once() {
    let it = Sandbox::new();
    let mut child = it
        .command(DEMO)
        // So slow that the first chunk would take minutes.
        .env("LIMOSA_MAX_ROWS_PER_SECOND", "20")
        .env("LIMOSA_BATCH_SIZE", "10")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    let begun = Instant::now();
    while !it.path("limosa-demo/.limosa/shop.db").exists() {
        assert!(begun.elapsed().as_secs() < 60, "the run does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(500));
    for _ in 0..2 {
        std::process::Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .expect("a signal can be sent");
        std::thread::sleep(Duration::from_millis(300));
    }
    let asked = Instant::now();
    let code = loop {
        if let Some(status) = child.try_wait().expect("a child can be asked") {
            break status.code();
        }
        assert!(asked.elapsed().as_secs() < 10, "it does not end");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(code, Some(130));
}

/// Ends the process at every durable step. Needs the feature `failpoints`.
#[cfg(feature = "failpoints")]
#[test]
fn a_run_that_dies_at_any_step_goes_on_to_its_end() {
    use std::cell::RefCell;
    const POINTS: &[&str] = &[
        "copy-after-claim",
        "copy-after-commit",
        "copy-after-cut",
        "copy-before-commit",
        "copy-mid-chunk",
        "journal-after-phase",
        "journal-after-step",
        "journal-before-phase",
        "journal-before-step",
        "run-after-acquire",
        "run-after-clean",
        "run-after-install",
        "run-before-clean",
        "run-between-phases",
        "step-after-done",
        "step-after-started",
        "step-after-statement",
        "step-before-done",
    ];
    for action in ["panic", "2*off->panic"] {
        let it = RefCell::new(Sandbox::new());
        let missed = limosa_testkit::kill::at_each(
            POINTS,
            action,
            Bounds::default(),
            |_| {
                it.replace(Sandbox::new());
            },
            || {
                let mut c = it.borrow().command(&["demo", "--rows", "2000"]);
                c.env("LIMOSA_CHUNK_SIZE", "16KiB");
                c
            },
            |_| passed(&it.borrow()),
        );
        if action == "panic" {
            assert_eq!(missed, Vec::<String>::new(), "every step is reached");
        }
    }
}
