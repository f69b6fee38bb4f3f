//! Two tables, a target that refuses some of their rows, and what must come of it.

#![allow(dead_code, reason = "each test uses its part")]

use super::{on, open, silent};
use limosa_core::engine::Engine;
use limosa_flow::journal::Journal;
use limosa_flow::outcome::{Comparison, Outcome};
use limosa_flow::plan::Plan;
use limosa_flow::rejects::{self, Filter, Record, Retried, Retry, State, Step, Store};
use limosa_flow::run::{self, Parts, RunError, Stop};
use limosa_flow::settings::{PlanSettings, RunSettings, TransformWish};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A source of `rows` rows whose column `v` is what `bad` says, and a target that refuses 13.
pub struct Place {
    pub folder: PathBuf,
    _kept: Option<tempfile::TempDir>,
}

impl Place {
    pub fn new(rows: i64, bad: &[i64]) -> Self {
        let kept = tempfile::tempdir().unwrap();
        let mut place = Self {
            folder: kept.path().into(),
            _kept: None,
        };
        place._kept = Some(kept);
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

    /// One that another process made.
    pub fn at(folder: PathBuf) -> Self {
        Self {
            folder,
            _kept: None,
        }
    }

    /// Moves the rejects, as the journal's plan says.
    pub fn retry(&self, filter: &Filter) -> limosa_core::Result<Vec<Retried>> {
        let plan = Journal::read(&self.journal())?.plan()?;
        let target = open(&self.file("target.db"));
        rejects::retry(&Retry {
            target: target.as_ref(),
            plan: &plan,
            wished: &plan.settings,
            settings: &settings(0.5),
            store: &self.store(),
            filter,
            clean: true,
            progress: &silent(),
            stop: &Stop::new(),
        })
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn journal(&self) -> PathBuf {
        Journal::path(&self.file("state"), "odd")
    }

    pub fn store(&self) -> Store {
        Store::open(&rejects::path(&self.journal())).unwrap()
    }

    pub fn ends(&self) -> (Box<dyn Engine>, Box<dyn Engine>) {
        (open(&self.file("source.db")), open(&self.file("target.db")))
    }

    pub fn plan(&self) -> Plan {
        self.plan_with(Vec::new())
    }

    pub fn plan_with(&self, transforms: Vec<TransformWish>) -> Plan {
        let (source, target) = self.ends();
        let settings = PlanSettings {
            name: "odd".into(),
            into_existing: true,
            transforms,
            ..PlanSettings::default()
        };
        limosa_flow::planner::make(
            source.as_ref(),
            target.as_ref(),
            &settings,
            &limosa_flow::settings::RunSettings::default(),
            &silent(),
            "test",
        )
        .unwrap()
    }

    pub fn verify(&self) -> Comparison {
        self.go(&settings(0.5), Parts::Verify)
            .unwrap()
            .comparison
            .unwrap()
    }

    pub fn run(&self, settings: &RunSettings) -> Result<Outcome, RunError> {
        self.go(settings, Parts::All)
    }

    pub fn go(&self, settings: &RunSettings, parts: Parts) -> Result<Outcome, RunError> {
        let plan = match Journal::read(&self.journal()) {
            Ok(journal) => journal.plan()?,
            Err(_) => self.plan(),
        };
        self.go_by(&plan, settings, parts)
    }

    pub fn go_by(
        &self,
        plan: &Plan,
        settings: &RunSettings,
        parts: Parts,
    ) -> Result<Outcome, RunError> {
        let (source, target) = self.ends();
        let mut journal = Journal::create(&self.journal(), plan)?;
        run::execute(
            source.as_ref(),
            target.as_ref(),
            plan,
            settings,
            &mut journal,
            parts,
            &silent(),
            &Stop::new(),
        )
    }

    pub fn ids(&self, sql: &str) -> BTreeSet<i64> {
        let db = rusqlite::Connection::open(self.file("target.db")).unwrap();
        let mut statement = db.prepare(sql).unwrap();
        statement
            .query_map([], |r| r.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }
}

pub fn records(store: &Store, filter: &Filter) -> Vec<Record> {
    let mut all = Vec::new();
    store
        .each(filter, true, |r| {
            all.push(r);
            Ok(true)
        })
        .unwrap();
    all
}

/// A transform that leaves out every row whose number is 2 modulo 3.
pub fn third(table: &str) -> TransformWish {
    TransformWish {
        table: table.into(),
        into: None,
        filter: Some("id % 3 <> 2".into()),
        select: Vec::new(),
        drop: Vec::new(),
        columns: Vec::new(),
    }
}

pub fn of(table: &str) -> Filter {
    Filter {
        table: Some(table.into()),
        ..Filter::default()
    }
}

pub fn settings(threshold: f64) -> RunSettings {
    RunSettings {
        workers: 3,
        batch_size: 40,
        chunk_bytes: 2000,
        error_threshold: threshold,
        steal: true,
        ..RunSettings::default()
    }
}

/// All rows are in the target once.
pub fn assert_whole(place: &Place, rows: i64) {
    let all: BTreeSet<i64> = (1..=rows).collect();
    assert_eq!(place.ids("SELECT id FROM t"), all);
    assert_eq!(
        place.ids("SELECT CAST(substr(w, 2) AS INTEGER) FROM loose"),
        all
    );
    assert_eq!(
        place.ids("SELECT count(*) FROM loose"),
        BTreeSet::from([rows])
    );
}

/// Every good row is there once, every bad one is in the store once.
pub fn assert_parted(place: &Place, rows: i64, bad: &[i64]) {
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
