//! Rows that are left out: found, kept, counted, and no other row with them.

mod support;

use limosa_core::engine::Engine;
use limosa_flow::journal::Journal;
use limosa_flow::outcome::{Comparison, Ending, Outcome, Verdict};
use limosa_flow::plan::Plan;
use limosa_flow::rejects::{self, Filter, Record, State, Step, Store};
use limosa_flow::run::{self, Parts, RunError, Stop};
use limosa_flow::settings::{PlanSettings, RunSettings};
use std::collections::BTreeSet;
use std::path::PathBuf;
use support::{on, open, silent};

/// A source of `rows` rows whose column `v` is what `bad` says, and a target that refuses 13.
struct Place {
    folder: PathBuf,
    _kept: Option<tempfile::TempDir>,
}

impl Place {
    fn new(rows: i64, bad: &[i64]) -> Self {
        let kept = tempfile::tempdir().unwrap();
        let place = Self {
            folder: kept.path().into(),
            _kept: Some(kept),
        };
        let list: Vec<String> = bad.iter().map(i64::to_string).collect();
        on(
            &place.file("source.db"),
            &format!(
                "CREATE TABLE t(id INTEGER PRIMARY KEY, v INTEGER, w TEXT);
                 CREATE TABLE loose(v INTEGER, w TEXT);
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
                   INSERT INTO t SELECT i, CASE WHEN i IN ({}) THEN 13 ELSE 0 END, 'w' || i FROM n;
                 INSERT INTO loose SELECT v, w FROM t;",
                list.join(", ")
            ),
        );
        on(
            &place.file("target.db"),
            "CREATE TABLE t(id INTEGER PRIMARY KEY, v INTEGER CHECK(v <> 13), w TEXT);
             CREATE TABLE loose(v INTEGER CHECK(v <> 13), w TEXT);",
        );
        place
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn journal(&self) -> PathBuf {
        Journal::path(&self.file("state"), "odd")
    }

    fn store(&self) -> Store {
        Store::open(&rejects::path(&self.journal())).unwrap()
    }

    fn ends(&self) -> (Box<dyn Engine>, Box<dyn Engine>) {
        (open(&self.file("source.db")), open(&self.file("target.db")))
    }

    fn plan(&self) -> Plan {
        let (source, target) = self.ends();
        let settings = PlanSettings {
            name: "odd".into(),
            into_existing: true,
            ..PlanSettings::default()
        };
        limosa_flow::planner::make(
            source.as_ref(),
            target.as_ref(),
            &settings,
            2,
            &silent(),
            "test",
        )
        .unwrap()
    }

    fn verify(&self) -> Comparison {
        self.go(&settings(0.5), Parts::Verify)
            .unwrap()
            .comparison
            .unwrap()
    }

    fn run(&self, settings: &RunSettings) -> Result<Outcome, RunError> {
        self.go(settings, Parts::All)
    }

    fn go(&self, settings: &RunSettings, parts: Parts) -> Result<Outcome, RunError> {
        let plan = match Journal::read(&self.journal()) {
            Ok(journal) => journal.plan()?,
            Err(_) => self.plan(),
        };
        let (source, target) = self.ends();
        let mut journal = Journal::create(&self.journal(), &plan)?;
        run::execute(
            source.as_ref(),
            target.as_ref(),
            &plan,
            settings,
            &mut journal,
            parts,
            &silent(),
            &Stop::new(),
        )
    }

    fn ids(&self, sql: &str) -> BTreeSet<i64> {
        let db = rusqlite::Connection::open(self.file("target.db")).unwrap();
        let mut statement = db.prepare(sql).unwrap();
        statement
            .query_map([], |r| r.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }
}

fn records(store: &Store, filter: &Filter) -> Vec<Record> {
    let mut all = Vec::new();
    store
        .each(filter, true, |r| {
            all.push(r);
            Ok(true)
        })
        .unwrap();
    all
}

fn of(table: &str) -> Filter {
    Filter {
        table: Some(table.into()),
        ..Filter::default()
    }
}

fn settings(threshold: f64) -> RunSettings {
    RunSettings {
        workers: 3,
        batch_size: 40,
        chunk_bytes: 2000,
        error_threshold: threshold,
        steal: true,
        ..RunSettings::default()
    }
}

/// Every good row is there once, every bad one is in the store once.
fn assert_parted(place: &Place, rows: i64, bad: &[i64]) {
    let bad: BTreeSet<i64> = bad.iter().copied().collect();
    let good: BTreeSet<i64> = (1..=rows).filter(|i| !bad.contains(i)).collect();
    assert_eq!(place.ids("SELECT id FROM t"), good);
    let loose = place.ids("SELECT CAST(substr(w, 2) AS INTEGER) FROM loose");
    assert_eq!(loose, good);
    assert_eq!(
        place.ids("SELECT count(*) FROM loose"),
        BTreeSet::from([good.len() as i64])
    );
    for table in ["t", "loose"] {
        let kept: Vec<i64> = records(&place.store(), &of(table))
            .iter()
            .map(|r| {
                assert_eq!((r.state, r.step), (State::Rejected, Step::Load), "{r:?}");
                let w = r.values.as_ref().unwrap().last().unwrap();
                let limosa_core::value::Value::Text(w) = w else {
                    panic!("{w:?}");
                };
                w[1..].parse().unwrap()
            })
            .collect();
        assert_eq!(kept.len(), bad.len(), "{table}: {kept:?}");
        assert_eq!(kept.into_iter().collect::<BTreeSet<_>>(), bad, "{table}");
    }
}

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
