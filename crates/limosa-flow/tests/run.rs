//! Whole runs between two files.

mod support;

use limosa_core::ErrorKind;
use limosa_flow::journal::Journal;
use limosa_flow::outcome::{Ending, Verdict};
use limosa_flow::run::{Parts, Stop};
use limosa_flow::settings::RunSettings;
use std::sync::{Arc, Mutex};
use support::{Call, Faulty, Script, Shape, Shop, settings};

#[test]
fn a_run_moves_everything_and_says_so() {
    let shop = Shop::new(3000);
    let outcome = shop.run(&settings(), Parts::All).unwrap();
    assert_eq!(outcome.ending, Ending::Complete, "{outcome:#?}");
    shop.assert_equal();
    let comparison = outcome.comparison.unwrap();
    assert_eq!(comparison.verdict, Verdict::Pass, "{comparison:#?}");
    let item = outcome
        .tables
        .iter()
        .find(|t| t.table.name == "item")
        .unwrap();
    assert_eq!(item.rows, 3000);
    assert!(item.chunks.0 > 1 && item.chunks.0 == item.chunks.1);
    assert!(outcome.steps.iter().all(|s| s.done));
    // Nothing of ours is left in the target.
    let ours = shop.rows(
        &shop.target_path(),
        "sqlite_schema WHERE name LIKE 'limosa%'",
    );
    assert_eq!(ours, Vec::<String>::new());
    // The same call again answers from the journal.
    let again = shop.run(&settings(), Parts::All).unwrap();
    assert_eq!(again.ending, Ending::Complete);
    assert_eq!(again.tables, outcome.tables);
    let journal = Journal::read(&shop.journal_path()).unwrap();
    assert!(journal.check().unwrap().0 > 5);
}

#[test]
fn a_copy_alone_can_be_compared_later() {
    let shop = Shop::new(300);
    let outcome = shop.run(&settings(), Parts::Copy).unwrap();
    assert_eq!(outcome.ending, Ending::Complete);
    assert!(outcome.comparison.is_none());
    let outcome = shop.run(&settings(), Parts::All).unwrap();
    assert_eq!(outcome.comparison.unwrap().verdict, Verdict::Pass);
    shop.on_target("UPDATE item SET name = 'other' WHERE id = 30");
    let outcome = shop.run(&settings(), Parts::Verify).unwrap();
    assert_eq!(outcome.comparison.unwrap().verdict, Verdict::Fail);
}

#[test]
fn rows_of_others_are_never_touched() {
    let shop = Shop::new(50);
    let plan = shop.plan();
    shop.on_target("CREATE TABLE item(id INTEGER PRIMARY KEY); INSERT INTO item VALUES(1)");
    let error = shop
        .run_with(
            shop.source().as_ref(),
            shop.target().as_ref(),
            &plan,
            &settings(),
            Parts::All,
            &Stop::new(),
        )
        .unwrap_err();
    assert!(error.precondition(), "{error:?}");
    assert_eq!(shop.rows(&shop.target_path(), "item").len(), 1);
}

#[test]
fn a_plan_runs_only_between_its_databases_and_only_one_plan_under_a_name() {
    let shop = Shop::new(20);
    let other = Shop::new(20);
    let plan = shop.plan();
    let error = shop
        .run_with(
            other.source().as_ref(),
            shop.target().as_ref(),
            &plan,
            &settings(),
            Parts::All,
            &Stop::new(),
        )
        .unwrap_err();
    assert!(error.precondition());
    shop.run(&settings(), Parts::Copy).unwrap();
    let mut changed = plan.clone();
    changed.made_by = "another".into();
    let error = Journal::create(&shop.journal_path(), &changed).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[test]
fn a_stopped_run_goes_on() {
    let shop = Shop::new(2000);
    let stop = Stop::new();
    let script: Script = Arc::new(Mutex::new(vec![(
        Call::Commit,
        3,
        Shape::Slow(std::time::Duration::from_millis(300)),
    )]));
    let target = Faulty {
        inner: shop.target(),
        script: Arc::clone(&script),
    };
    let (source, plan) = (shop.source(), shop.plan());
    let outcome = std::thread::scope(|scope| {
        let stop = &stop;
        scope.spawn(move || {
            while !script.lock().unwrap().is_empty() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            stop.request();
        });
        shop.run_with(
            source.as_ref(),
            &target,
            &plan,
            &settings(),
            Parts::All,
            stop,
        )
        .unwrap()
    });
    assert_eq!(outcome.ending, Ending::Interrupted);
    let outcome = shop.run(&settings(), Parts::All).unwrap();
    assert_eq!(outcome.ending, Ending::Complete);
    assert!(outcome.tables.iter().any(|t| t.resumed > 0));
    shop.assert_equal();
}

#[test]
fn a_run_without_its_journal_goes_on_from_the_ledger() {
    let shop = Shop::new(1000);
    let target = Faulty {
        inner: shop.target(),
        script: Arc::new(Mutex::new(vec![(
            Call::Commit,
            6,
            Shape::Reject(ErrorKind::Constraint),
        )])),
    };
    let (source, plan) = (shop.source(), shop.plan());
    let outcome = shop
        .run_with(
            source.as_ref(),
            &target,
            &plan,
            &settings(),
            Parts::All,
            &Stop::new(),
        )
        .unwrap();
    assert_eq!(outcome.ending, Ending::Partial);
    std::fs::remove_dir_all(shop.journal_path().parent().unwrap()).unwrap();
    let steal = RunSettings {
        steal: true,
        ..settings()
    };
    let outcome = shop
        .run_with(
            source.as_ref(),
            shop.target().as_ref(),
            &plan,
            &steal,
            Parts::All,
            &Stop::new(),
        )
        .unwrap();
    assert_eq!(outcome.ending, Ending::Complete, "{outcome:#?}");
    shop.assert_equal();
}

#[test]
fn the_world_may_fail_at_every_call_and_no_row_is_lost_or_doubled() {
    let shapes = [
        Shape::Reject(ErrorKind::Connection),
        Shape::Reject(ErrorKind::Contention),
        Shape::AfterWrite(ErrorKind::Connection),
        Shape::Slow(std::time::Duration::from_millis(20)),
    ];
    for call in [
        Call::Begin,
        Call::Write,
        Call::Commit,
        Call::Claim,
        Call::Read,
    ] {
        for shape in shapes {
            // A commit that happened and whose answer was lost is never reported as anything else.
            let shape = match (call, shape) {
                (Call::Commit, Shape::AfterWrite(_)) => Shape::AfterWrite(ErrorKind::CommitUnknown),
                (_, shape) => shape,
            };
            let shop = Shop::new(1000);
            let script = Arc::new(Mutex::new(vec![(call, 2, shape), (call, 2, shape)]));
            let (source, plan) = (shop.source(), shop.plan());
            let source = Faulty {
                inner: source,
                script: Arc::clone(&script),
            };
            let target = Faulty {
                inner: shop.target(),
                script: Arc::clone(&script),
            };
            let outcome = shop
                .run_with(
                    &source,
                    &target,
                    &plan,
                    &settings(),
                    Parts::All,
                    &Stop::new(),
                )
                .unwrap();
            assert_eq!(
                outcome.ending,
                Ending::Complete,
                "{call:?} {shape:?} {outcome:#?}"
            );
            assert!(script.lock().unwrap().is_empty(), "{call:?} {shape:?}");
            shop.assert_equal();
        }
    }
}

#[test]
fn a_commit_whose_answer_is_lost_before_it_happened_is_made_again() {
    let shop = Shop::new(400);
    let target = Faulty {
        inner: shop.target(),
        script: Arc::new(Mutex::new(vec![(
            Call::Commit,
            1,
            Shape::Reject(ErrorKind::CommitUnknown),
        )])),
    };
    let (source, plan) = (shop.source(), shop.plan());
    let outcome = shop
        .run_with(
            source.as_ref(),
            &target,
            &plan,
            &settings(),
            Parts::All,
            &Stop::new(),
        )
        .unwrap();
    assert_eq!(outcome.ending, Ending::Complete);
    shop.assert_equal();
}

#[test]
fn a_refusal_stops_one_table_and_the_next_run_finishes_it() {
    let shop = Shop::new(400);
    let target = Faulty {
        inner: shop.target(),
        script: Arc::new(Mutex::new(vec![(
            Call::Write,
            1,
            Shape::Reject(ErrorKind::Constraint),
        )])),
    };
    let (source, plan) = (shop.source(), shop.plan());
    let outcome = shop
        .run_with(
            source.as_ref(),
            &target,
            &plan,
            &settings(),
            Parts::All,
            &Stop::new(),
        )
        .unwrap();
    assert_eq!(outcome.ending, Ending::Partial);
    let failed: Vec<_> = outcome
        .tables
        .iter()
        .filter(|t| !t.errors.is_empty())
        .collect();
    assert_eq!(failed.len(), 1, "{outcome:#?}");
    assert!(failed[0].errors[0].contains("a planted fault"));
    assert!(failed[0].errors[0].contains("chunk"));
    let outcome = shop.run(&settings(), Parts::All).unwrap();
    assert_eq!(outcome.ending, Ending::Complete, "{outcome:#?}");
    assert_eq!(outcome.comparison.unwrap().verdict, Verdict::Pass);
    shop.assert_equal();
}

#[test]
fn a_lost_snapshot_is_taken_again() {
    let shop = Shop::new(400);
    let script = Arc::new(Mutex::new(vec![(
        Call::Read,
        8,
        Shape::Reject(ErrorKind::SnapshotLost),
    )]));
    let source = Faulty {
        inner: shop.source(),
        script,
    };
    let plan = shop.plan();
    let outcome = shop
        .run_with(
            &source,
            shop.target().as_ref(),
            &plan,
            &settings(),
            Parts::All,
            &Stop::new(),
        )
        .unwrap();
    assert_eq!(outcome.ending, Ending::Complete);
    shop.assert_equal();
}

#[test]
fn a_rate_is_kept() {
    let shop = Shop::new(400);
    let slow = RunSettings {
        max_rows_per_second: Some(2000),
        ..settings()
    };
    let began = std::time::Instant::now();
    shop.run(&slow, Parts::Copy).unwrap();
    // Five tables of 400 rows.
    assert!(began.elapsed().as_secs_f64() > 0.7, "{:?}", began.elapsed());
    shop.assert_equal();
}

#[test]
fn rows_above_the_budget_are_said_and_pass_in_a_larger_one() {
    let shop = Shop::new(20);
    shop.on_source("UPDATE item SET picture = zeroblob(3000000) WHERE id % 2 = 0");
    let mut small = RunSettings {
        memory: 1 << 20,
        ..settings()
    };
    let outcome = shop.run(&small, Parts::All).unwrap();
    assert_eq!(outcome.ending, Ending::Partial, "{outcome:#?}");
    let said = format!("{outcome:?}");
    assert!(
        said.contains("a row of 3 MiB does not fit into the 1 MiB of --memory"),
        "{said}"
    );
    assert!(said.contains("Run again with --memory"), "{said}");
    // Room for one of them at a time, and two readers of one loader that want it.
    small.memory = 8 << 20;
    let outcome = shop.run(&small, Parts::All).unwrap();
    assert_eq!(outcome.ending, Ending::Complete, "{outcome:#?}");
    assert_eq!(outcome.comparison.unwrap().verdict, Verdict::Pass);
    shop.assert_equal();
}

#[test]
fn whoever_lost_the_lease_writes_nothing_and_the_other_finishes() {
    let shop = Shop::new(3000);
    let (source, plan) = (shop.source(), shop.plan());
    // The first process sleeps within its chunks, as one that was suspended.
    let pause = Shape::Slow(std::time::Duration::from_millis(400));
    let script: Script = Arc::new(Mutex::new(
        (0..12).map(|i| (Call::Claim, 2 + i, pause)).collect(),
    ));
    let slow = Faulty {
        inner: shop.target(),
        script: Arc::clone(&script),
    };
    let steal = RunSettings {
        steal: true,
        ..settings()
    };
    std::thread::scope(|scope| {
        let (shop, source, plan) = (&shop, source.as_ref(), &plan);
        let slow = &slow;
        let first = scope.spawn(move || {
            shop.run_with(source, slow, plan, &settings(), Parts::Copy, &Stop::new())
        });
        while script.lock().unwrap().len() == 12 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let path = shop.path().join("other").join("shop.db");
        let mut journal = Journal::create(&path, plan).unwrap();
        let second = limosa_flow::run::execute(
            source,
            shop.target().as_ref(),
            plan,
            &steal,
            &mut journal,
            Parts::Copy,
            &support::silent(),
            &Stop::new(),
        );
        let second = second.unwrap();
        assert_eq!(second.ending, Ending::Complete, "{second:#?}");
        // The first found out, or had nothing left to do.
        if let Ok(outcome) = first.join().unwrap() {
            assert_ne!(outcome.ending, Ending::Complete, "{outcome:#?}");
        }
    });
    shop.assert_equal();
}
