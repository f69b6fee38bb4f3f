//! Plans between real files: what they say, whom they refuse, and that they are the same twice.

use limosa_core::ErrorKind;
use limosa_core::engine::Engine;
use limosa_flow::plan::{Plan, Severity, Stage};
use limosa_flow::progress::{Progress, Silent};
use limosa_flow::settings::{PlanSettings, RunSettings, ScanMode, TableWish, TransformWish};
use limosa_flow::{assess, planner, scan};
use std::path::Path;
use std::sync::Arc;

const SHOP: &[&str] = &[
    "CREATE TABLE customer(id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(20) NOT NULL, \
     vip BOOLEAN DEFAULT 0 CHECK (vip IN (0, 1)), born DATE, balance DECIMAL(10,2))",
    "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INT REFERENCES customer ON DELETE CASCADE, \
     qty INT, doubled INT AS (qty * 2) STORED, tag TEXT UNIQUE)",
    "CREATE INDEX by_customer ON orders(customer_id) WHERE qty > 0",
    "CREATE TABLE pairs(a TEXT, b INT, PRIMARY KEY (a, b)) WITHOUT ROWID",
    "CREATE VIEW names AS SELECT name FROM customer",
    "INSERT INTO customer VALUES (1, 'Ann', 1, '1990-01-02', 12.5), (2, 'Bob', 0, '2000-02-30', 3.14159)",
    "INSERT INTO orders(customer_id, qty, tag) VALUES (1, 2, 'a'), (2, 'many', 'b' || char(0))",
];

fn open(path: &Path) -> Box<dyn Engine> {
    limosa_sqlite::open(&path.to_string_lossy()).expect("the address is plain")
}

fn filled(folder: &Path, name: &str, statements: &[&str]) -> Box<dyn Engine> {
    let engine = open(&folder.join(name));
    let mut session = engine.session().expect("a file opens");
    for sql in statements {
        session.execute(sql).expect(sql);
    }
    drop(session);
    engine
}

fn plan(
    source: &dyn Engine,
    target: &dyn Engine,
    settings: &PlanSettings,
) -> limosa_core::Result<Plan> {
    let progress: Progress = Arc::new(Silent);
    planner::make(
        source,
        target,
        settings,
        &RunSettings::default(),
        &progress,
        "test",
    )
}

fn steps(plan: &Plan) -> String {
    let mut out = String::new();
    for step in &plan.steps {
        out.push_str(&format!("{:?} {}\n", step.stage, step.id));
        for statement in &step.statements {
            out.push_str(&format!("    {}\n", statement.replace('\n', "\n    ")));
        }
    }
    out
}

#[test]
fn a_plan_says_every_step_in_order_and_twice_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = filled(folder.path(), "a.db", SHOP);
    let target = open(&folder.path().join("b.db"));
    let settings = PlanSettings::default();
    let first = plan(&*source, &*target, &settings).expect("a plan");
    let second = plan(&*source, &*target, &settings).expect("a plan");
    assert_eq!(first.hash(), second.hash());
    assert!(first.steps.is_sorted_by_key(|s| s.stage));
    assert_eq!(first.stops().count(), 0, "{:?}", first.findings);
    insta::assert_snapshot!(steps(&first));
    let orders = first
        .tables
        .iter()
        .find(|t| t.name().name == "orders")
        .expect("orders moves");
    let read: Vec<&str> = orders
        .read
        .columns
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(read, ["id", "customer_id", "qty", "tag"]);
    let compared: Vec<&str> = orders
        .compare_target
        .columns
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(compared, ["id", "customer_id", "qty", "doubled", "tag"]);
    assert_eq!(orders.compare_source.key_columns, 1);
    assert!(orders.load.wire.is_some());
}

#[test]
fn the_statements_of_a_plan_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = filled(folder.path(), "a.db", SHOP);
    let target = open(&folder.path().join("b.db"));
    let settings = PlanSettings {
        exclude: vec!["pairs".into()],
        tables: vec![TableWish {
            name: "customer".into(),
            rename: Some("client".into()),
            exclude_columns: vec!["born".into()],
            ..TableWish::default()
        }],
        ..PlanSettings::default()
    };
    let plan = plan(&*source, &*target, &settings).expect("a plan");
    let mut session = target.session().expect("a session");
    for statement in plan.steps.iter().flat_map(|s| &s.statements) {
        session.execute(statement).expect(statement);
    }
    let made = target.inspect().expect("a catalog");
    let names: Vec<&str> = made.tables.iter().map(|t| t.name.name.as_str()).collect();
    assert_eq!(names, ["client", "orders"]);
    assert!(made.tables[0].column("born").is_none());
    assert_eq!(made.tables[1].foreign_keys[0].parent.name, "client");
    let lost: Vec<&str> = plan.findings.iter().map(|f| f.code.as_str()).collect();
    assert!(lost.contains(&"view-not-moved"), "{lost:?}");
}

#[test]
fn the_same_database_and_taken_names_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = filled(folder.path(), "a.db", SHOP);
    let same = open(&folder.path().join("a.db"));
    let settings = PlanSettings::default();
    let error = plan(&*source, &*same, &settings).expect_err("one database");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.why().contains("same database"));
    let taken = filled(folder.path(), "b.db", &["CREATE TABLE Orders(id INTEGER)"]);
    let error = plan(&*source, &*taken, &settings).expect_err("a name is taken");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.why().contains("orders"), "{error}");
    assert!(
        error
            .remedy()
            .is_some_and(|r| r.contains("--into-existing"))
    );
    let none = PlanSettings {
        include: vec!["nothing*".into()],
        ..PlanSettings::default()
    };
    let error = plan(&*source, &*taken, &none).expect_err("no table");
    assert_eq!(error.kind(), ErrorKind::Configuration);
}

#[test]
fn tables_that_are_there_must_fit() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = filled(folder.path(), "a.db", SHOP);
    let target = filled(
        folder.path(),
        "b.db",
        &[
            "CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT, vip INT, born DATE, balance NUMERIC)",
            "CREATE TABLE orders(id INTEGER PRIMARY KEY, qty INT, doubled INT, tag TEXT, more TEXT NOT NULL)",
        ],
    );
    let settings = PlanSettings {
        into_existing: true,
        ..PlanSettings::default()
    };
    let plan = plan(&*source, &*target, &settings).expect("a plan");
    assert!(plan.steps.iter().all(|s| s.stage == Stage::Finish));
    let mut stops: Vec<&str> = plan.stops().map(|f| f.code.as_str()).collect();
    stops.sort_unstable();
    assert_eq!(
        stops,
        [
            "no-target-column",
            "no-target-table",
            "target-column-without-value"
        ]
    );
}

#[test]
fn an_assessment_counts_its_findings() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = filled(folder.path(), "a.db", SHOP);
    let target = open(&folder.path().join("b.db"));
    let progress: Progress = Arc::new(Silent);
    let settings = PlanSettings {
        tables: vec![TableWish {
            name: "nobody".into(),
            ..TableWish::default()
        }],
        ..PlanSettings::default()
    };
    let found = assess::assess(
        &*source,
        &*target,
        &settings,
        &RunSettings::default(),
        &progress,
        "test",
    )
    .expect("one");
    assert_eq!(found.tally.stops, 1);
    assert!(!found.ready);
    let unknown = found.plan.stops().next().expect("a stop");
    assert_eq!(
        (unknown.code.as_str(), unknown.severity),
        ("unknown-table", Severity::Stop)
    );
    let json = serde_json::to_string(&found).expect("plain data");
    let back: assess::Assessment = serde_json::from_str(&json).expect("the same data");
    assert_eq!(back.plan.hash(), found.plan.hash());
    assert_eq!(back.tally, found.tally);
}

#[test]
fn a_scan_finds_what_is_not_as_declared_and_where() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = filled(folder.path(), "a.db", SHOP);
    let catalog = source.inspect().expect("a catalog");
    let snapshot = source.snapshot(1).expect("a snapshot");
    let progress: Progress = Arc::new(Silent);
    let mut said = Vec::new();
    for table in &catalog.tables {
        let wanted = table.columns.iter().map(|column| scan::Wanted {
            column,
            hazards: Vec::new(),
            sizes: false,
        });
        let wanted = wanted.collect();
        let found =
            scan::scan(&*snapshot, table, wanted, true, ScanMode::Full, &progress).expect("a scan");
        assert!(found.complete);
        for (column, scan) in &found.columns {
            for h in &scan.hazards {
                said.push(format!(
                    "{}.{column} {:?} {} at {}",
                    table.name,
                    h.hazard,
                    h.count,
                    h.examples.join(" ")
                ));
            }
        }
    }
    assert_eq!(
        said,
        [
            "customer.born BadDate 1 at 2",
            "orders.qty OutsideDeclaredType 1 at 2",
            "orders.tag NulInText 1 at 2",
        ]
    );
}

fn transformed(table: &str, filter: Option<&str>, columns: &[(&str, &str)]) -> TransformWish {
    TransformWish {
        table: table.into(),
        filter: filter.map(Into::into),
        columns: columns
            .iter()
            .map(|(name, formula)| ((*name).into(), (*formula).into()))
            .collect(),
        ..TransformWish::default()
    }
}

#[test]
fn rows_for_which_a_formula_fails_are_named_in_the_plan() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = filled(folder.path(), "a.db", SHOP);
    let target = open(&folder.path().join("b.db"));
    let failing = |wish: TransformWish, scan| {
        let settings = PlanSettings {
            transforms: vec![wish],
            scan,
            ..PlanSettings::default()
        };
        let plan = plan(&*source, &*target, &settings).expect("a plan");
        let found = plan.findings.iter().filter(|f| f.code == "transform-fails");
        found
            .map(|f| {
                let column = f.column.clone().unwrap_or_default();
                (column, f.count.unwrap_or(0), f.examples.clone())
            })
            .collect::<Vec<_>>()
    };
    let cast = [("born", "cast(cast(born as text) as date)")];
    let bob = || vec![("born".to_owned(), 1, vec!["2".to_owned()])];
    assert_eq!(
        failing(transformed("customer", None, &cast), ScanMode::Full),
        bob()
    );
    assert_eq!(
        failing(transformed("customer", None, &cast), ScanMode::Sample),
        bob()
    );
    assert_eq!(
        failing(transformed("customer", None, &cast), ScanMode::None),
        []
    );
    // A row that is left out is not computed.
    let ann = transformed("customer", Some("name = 'Ann'"), &cast);
    assert_eq!(failing(ann, ScanMode::Full), []);
    let filter = transformed(
        "customer",
        Some("cast(cast(born as text) as date) > '2000-01-01'"),
        &[],
    );
    assert_eq!(
        failing(filter, ScanMode::Full),
        [("where".to_owned(), 1, vec!["2".to_owned()])]
    );
}

#[test]
fn a_plan_has_one_moment() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = filled(folder.path(), "a.db", SHOP);
    let target = open(&folder.path().join("b.db"));
    let settings = PlanSettings {
        transforms: vec![
            transformed("customer", None, &[("seen", "now()")]),
            transformed("pairs", None, &[("seen", "now()")]),
        ],
        ..PlanSettings::default()
    };
    let plan = plan(&*source, &*target, &settings).expect("a plan");
    let moments: Vec<i64> = plan
        .tables
        .iter()
        .filter_map(|t| Some(t.transform.as_ref()?.now))
        .collect();
    assert_eq!(moments.len(), 2);
    assert!(moments[0] == moments[1] && moments[0] > 0, "{moments:?}");
}

#[test]
fn a_plan_is_the_same_when_a_server_estimates_its_tables_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = filled(folder.path(), "a.db", SHOP);
    let target = open(&folder.path().join("b.db"));
    let first = plan(&*source, &*target, &PlanSettings::default()).expect("a plan");
    let mut second = first.clone();
    second.tables.reverse();
    for table in &mut second.tables {
        table.bytes = Some(7);
    }
    assert_eq!(first.hash(), second.hash());
}
