//! Rows that are left out: found, kept, counted, and no other row with them; and moved later, once.

mod support;

use limosa_flow::journal::Journal;
use limosa_flow::outcome::{Ending, Verdict};
use limosa_flow::rejects::{self, Filter, State};
use limosa_flow::run::Parts;
use limosa_flow::settings::RunSettings;
use support::odd::{Place, assert_parted, assert_whole, of, records, settings, third};
use support::on;

#[test]
fn the_first_reject_stops_the_table_unless_somebody_says_otherwise() {
    let place = Place::new(500, &[250]);
    let outcome = place.run(&settings(0.0)).unwrap();
    assert_eq!(outcome.ending, Ending::Partial);
    assert!(
        outcome
            .tables
            .iter()
            .all(|t| !t.errors.is_empty() && t.rejected == 0)
    );
    assert!(!rejects::path(&place.journal()).exists());
    // The same run goes on once rejects are allowed.
    let outcome = place.run(&settings(0.5)).unwrap();
    assert_eq!(outcome.ending, Ending::Complete, "{outcome:#?}");
    assert_parted(&place, 500, &[250]);
}

#[test]
fn exactly_the_bad_rows_are_left_out() {
    let all: Vec<i64> = (1..=90).collect();
    for (rows, bad) in [
        (500, vec![1]),
        (500, vec![500]),
        (500, vec![77, 78]),
        (500, vec![1, 40, 41, 80, 81, 250, 499, 500]),
        (90, all),
    ] {
        let place = Place::new(rows, &bad);
        let outcome = place.run(&settings(1.0)).unwrap();
        assert_eq!(outcome.ending, Ending::Complete, "{bad:?} {outcome:#?}");
        assert_parted(&place, rows, &bad);
        assert_eq!(outcome.rejected(), 2 * bad.len() as u64);
        let key = records(&place.store(), &of("t"))[0].key_words();
        assert!(key.starts_with("id = "), "{key}");
        // Whoever may read them is their owner.
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let file = rejects::path(&place.journal());
            assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
        }
    }
}

#[test]
fn a_run_stops_beyond_the_threshold_and_goes_on_when_it_is_raised() {
    let bad: Vec<i64> = (1..=3000).filter(|i| i % 20 == 0).collect();
    let place = Place::new(3000, &bad);
    let strict = RunSettings {
        error_threshold_min: 100,
        ..settings(0.01)
    };
    let outcome = place.run(&strict).unwrap();
    assert_eq!(outcome.ending, Ending::Partial);
    let line = outcome.tables[0].errors.first().unwrap();
    assert!(line.contains("error_threshold is 1 %"), "{line}");
    let there = place.ids("SELECT id FROM t").len();
    assert!(there < 2850, "{there}");
    let outcome = place.run(&settings(0.06)).unwrap();
    assert_eq!(outcome.ending, Ending::Complete, "{outcome:#?}");
    assert_parted(&place, 3000, &bad);
}

#[test]
fn rejects_are_listed_exceptions_and_never_a_pass() {
    let place = Place::new(500, &[7, 8, 300]);
    let outcome = place.run(&settings(0.5)).unwrap();
    let comparison = outcome.comparison.unwrap();
    assert_eq!(
        comparison.verdict,
        Verdict::PassWithExceptions,
        "{comparison:#?}"
    );
    let t = comparison
        .tables
        .iter()
        .find(|t| t.table.name == "t")
        .unwrap();
    let named: Vec<_> = t
        .differences
        .iter()
        .map(|d| (d.key[0].as_str(), d.kind.as_str()))
        .collect();
    assert_eq!(
        named,
        [("7", "rejected"), ("8", "rejected"), ("300", "rejected")]
    );
    // A row that is missing for another reason is a difference, with a key and without.
    for sql in [
        "DELETE FROM t WHERE id = 9",
        "DELETE FROM loose WHERE w = 'w9'",
    ] {
        on(&place.file("target.db"), sql);
        let verdict = place.verify();
        assert_eq!(verdict.verdict, Verdict::Fail, "{sql} {verdict:#?}");
        on(
            &place.file("target.db"),
            &sql.replace(
                "DELETE FROM t WHERE id = 9",
                "INSERT INTO t VALUES(9, 0, 'w9')",
            )
            .replace(
                "DELETE FROM loose WHERE w = 'w9'",
                "INSERT INTO loose VALUES(0, 'w9')",
            ),
        );
        assert_eq!(place.verify().verdict, Verdict::PassWithExceptions, "{sql}");
    }
}

/// Lets the target take 13.
fn mend(place: &Place) {
    on(
        &place.file("target.db"),
        "PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = replace(sql, ' CHECK(v <> 13)', '') WHERE type = 'table';
         PRAGMA writable_schema = RESET;",
    );
}

#[test]
fn a_retry_moves_just_those_rows_and_each_once() {
    let bad = [1, 7, 8, 300, 500];
    let place = Place::new(500, &bad);
    place.run(&settings(0.5)).unwrap();
    // Nothing is mended: nothing moves, and it is told.
    let again = place.retry(&Filter::default()).unwrap();
    assert!(
        again.iter().all(|t| (t.moved, t.refused) == (0, 5)),
        "{again:?}"
    );
    assert_parted(&place, 500, &bad);
    assert_eq!(records(&place.store(), &of("t"))[0].attempts, 2);
    mend(&place);
    let some = place.retry(&of("t")).unwrap();
    assert_eq!(some.len(), 1);
    assert_eq!(some[0].moved, 5);
    assert_eq!(place.verify().verdict, Verdict::PassWithExceptions);
    let rest = place.retry(&Filter::default()).unwrap();
    assert_eq!((rest.len(), rest[0].moved), (1, 5), "{rest:?}");
    assert_whole(&place, 500);
    assert!(place.retry(&Filter::default()).unwrap().is_empty());
    assert_whole(&place, 500);
    assert_eq!(place.verify().verdict, Verdict::Pass);
    assert!(
        records(&place.store(), &Filter::default())
            .iter()
            .all(|r| r.state == State::Moved)
    );
    // Nothing of ours is left in the target.
    let ours = place.ids("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'limosa%'");
    assert_eq!(ours.into_iter().sum::<i64>(), 0);
}

#[test]
fn rows_that_are_not_all_mended_move_as_far_as_they_can() {
    let place = Place::new(500, &[7, 8, 300]);
    place.run(&settings(0.5)).unwrap();
    mend(&place);
    // Somebody put one of them there by hand.
    on(
        &place.file("target.db"),
        "INSERT INTO t VALUES(8, 13, 'w8')",
    );
    let done = place.retry(&of("t")).unwrap();
    assert_eq!((done[0].moved, done[0].refused), (2, 1), "{done:?}");
    let left = records(
        &place.store(),
        &Filter {
            state: Some(State::Rejected),
            ..of("t")
        },
    );
    assert_eq!(left.len(), 1);
    assert!(left[0].reason.contains("UNIQUE"), "{left:?}");
}

#[test]
fn rows_that_a_filter_leaves_out_are_counted_once_whatever_the_target_refuses() {
    let bad = [1, 40, 41, 80, 250, 251, 499];
    let place = Place::new(500, &bad);
    let plan = place.plan_with(vec![third("t")]);
    let outcome = place.go_by(&plan, &settings(1.0), Parts::All).unwrap();
    assert_eq!(outcome.ending, Ending::Complete, "{outcome:#?}");
    let t = outcome.tables.iter().find(|t| t.table.name == "t").unwrap();
    // Of the bad rows 41, 80 and 251 are filtered.
    assert_eq!((t.rows, t.skipped, t.rejected), (329, 167, 4), "{t:#?}");
    let loose = outcome.tables.iter().find(|t| t.table.name == "loose");
    assert_eq!(loose.unwrap().skipped, 0);
}

#[test]
fn a_run_that_was_interrupted_does_not_keep_rejects_of_chunks_that_come_again() {
    let place = Place::new(500, &[250]);
    place.run(&settings(0.0)).unwrap();
    mend(&place);
    let outcome = place.run(&settings(0.5)).unwrap();
    assert_eq!(outcome.ending, Ending::Complete);
    assert_eq!(outcome.rejected(), 0);
    assert_whole(&place, 500);
    assert!(Journal::read(&place.journal()).is_ok());
}
