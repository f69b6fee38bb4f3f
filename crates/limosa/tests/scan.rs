//! A source's own answers about its values are worth a look at each of them: over values that break what is
//! careless both ways give the same scan and the same plan.

use limosa_core::Result;
use limosa_core::batch::{Batch, BatchLimit};
use limosa_core::check::Examiner;
use limosa_core::chunk::{Chunk, Range};
use limosa_core::dialect::Dialect;
use limosa_core::engine::*;
use limosa_core::position::Position;
use limosa_core::schema::{Catalog, TableName};
use limosa_flow::plan::Plan;
use limosa_flow::progress::{Progress, Silent};
use limosa_flow::settings::{PlanSettings, RunSettings, ScanMode};
use limosa_flow::{planner, scan};
use limosa_testkit::{execute_mysql, execute_psql, mariadb, postgres};
use rand::prelude::*;
use std::cmp::Ordering;
use std::sync::Arc;

/// A real engine that answers no questions: its rows are all there is.
struct ByRows(Box<dyn Engine>);
struct SnapshotByRows(Box<dyn Snapshot>);
struct ReaderByRows(Box<dyn Reader>);

impl Engine for ByRows {
    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }
    fn dialect(&self) -> &dyn Dialect {
        self.0.dialect()
    }
    fn address(&self) -> String {
        self.0.address()
    }
    fn identity(&self) -> Result<Identity> {
        self.0.identity()
    }
    fn security(&self) -> String {
        self.0.security()
    }
    fn inspect(&self) -> Result<Catalog> {
        self.0.inspect()
    }
    fn missing_privileges(&self, role: Role, catalog: &Catalog) -> Result<Vec<MissingPrivilege>> {
        self.0.missing_privileges(role, catalog)
    }
    fn session(&self) -> Result<Box<dyn Session>> {
        self.0.session()
    }
    fn snapshot(&self, lanes: usize) -> Result<Box<dyn Snapshot>> {
        Ok(Box::new(SnapshotByRows(self.0.snapshot(lanes)?)))
    }
    fn wire_out(&self, read: &TableRead) -> Vec<String> {
        self.0.wire_out(read)
    }
    fn wire_in(&self, spec: &LoadSpec, format: &str) -> bool {
        self.0.wire_in(spec, format)
    }
    fn encoder(&self, spec: &LoadSpec) -> Result<Box<dyn Encoder>> {
        self.0.encoder(spec)
    }
    fn loader(&self) -> Result<Box<dyn Loader>> {
        self.0.loader()
    }
    fn late_loader(&self) -> Result<Box<dyn Loader>> {
        self.0.late_loader()
    }
    fn examiner(&self) -> Result<Box<dyn Examiner>> {
        self.0.examiner()
    }
    fn ledger(&self) -> Result<Box<dyn Ledger>> {
        self.0.ledger()
    }
    fn compare(&self, a: &Position, b: &Position) -> Option<Ordering> {
        self.0.compare(a, b)
    }
}

impl Snapshot for SnapshotByRows {
    fn position(&self) -> Option<Position> {
        self.0.position()
    }
    fn mark(&self, table: &TableName) -> Result<String> {
        self.0.mark(table)
    }
    fn chunks(&self, read: &TableRead, bytes: u64) -> Result<Vec<Chunk>> {
        self.0.chunks(read, bytes)
    }
    fn unchanged_since(&self, read: &TableRead, mark: &str, of: &[(Chunk, u64)]) -> Result<bool> {
        self.0.unchanged_since(read, mark, of)
    }
    fn reader(&self) -> Result<Box<dyn Reader>> {
        Ok(Box::new(ReaderByRows(self.0.reader()?)))
    }
    fn canonicalizer(&self) -> Result<Box<dyn Canonicalizer>> {
        self.0.canonicalizer()
    }
}

impl Reader for ReaderByRows {
    fn bound(&mut self, gate: std::sync::Arc<dyn limosa_core::room::Gate>) {
        self.0.bound(gate);
    }
    fn room(&mut self) -> Option<limosa_core::room::Room> {
        self.0.room()
    }
    fn open(&mut self, read: &TableRead, range: &Range, wire: Option<&str>) -> Result<()> {
        self.0.open(read, range, wire)
    }
    fn fill(&mut self, batch: &mut Batch, limit: BatchLimit) -> Result<bool> {
        self.0.fill(batch, limit)
    }
    fn fill_wire(&mut self, out: &mut Vec<u8>, bytes: usize) -> Result<(u64, bool)> {
        self.0.fill_wire(out, bytes)
    }
}

/// Two lanes.
fn two() -> RunSettings {
    RunSettings {
        workers: 2,
        ..RunSettings::default()
    }
}

/// A column: its declaration, what is plain in it, and what is not.
type Kind = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const MARIADB: &[Kind] = &[
    (
        "varchar(20) character set utf8mb4 collate utf8mb4_unicode_ci",
        &["'a'", "''", "'é'", "'한국'", "'🦜'", "'\\\\u0000'"],
        &["x'00'", "x'610062'", "x'eda080'", "x'61edbfbf'", "'x\\0'"],
    ),
    (
        "varchar(20) character set utf8mb3 collate utf8mb3_bin",
        &["'a'", "'힣'", "' '"],
        &["x'00'", "x'edafbf'"],
    ),
    (
        "char(10) character set latin1",
        &["'í'", "'í\u{a0}'", "'x'", "'ÿ'"],
        &["x'6100'", "x'00ed'"],
    ),
    (
        "varchar(10) character set ucs2",
        &["'abc'", "'힣'", "'Ā'"],
        &["x'd800'", "x'd841'", "x'00000061'", "x'dfffdfff'"],
    ),
    (
        "longtext character set utf8mb4",
        &["repeat('í', 70000)", "'z'"],
        &[
            "concat(repeat('y', 100000), x'00')",
            "concat(repeat('한', 9000), x'edb080')",
        ],
    ),
    (
        "date",
        &[
            "'0001-01-01'",
            "'9999-12-31'",
            "'2024-02-29'",
            "'2000-12-31'",
        ],
        &[
            "'0000-00-00'",
            "'2024-00-10'",
            "'2024-02-30'",
            "'2023-02-29'",
            "'2024-05-00'",
            "'0000-01-01'",
            "'2024-04-31'",
        ],
    ),
    (
        "datetime(6)",
        &[
            "'0001-01-01 00:00:00'",
            "'9999-12-31 23:59:59.999999'",
            "'2024-02-29 12:00'",
        ],
        &[
            "'0000-00-00 00:00:00'",
            "'2024-06-31 01:02:03.5'",
            "'2024-00-00 00:00:00'",
            "'2100-02-29 00:00:00'",
        ],
    ),
    (
        "timestamp(3) null",
        &["'1970-01-02 00:00:00'", "'2030-01-01 00:00:00.125'"],
        &["'0000-00-00 00:00:00'"],
    ),
    (
        "time(3)",
        &["'00:00:00'", "'24:00:00'", "'23:59:59.999'"],
        &[
            "'24:00:00.001'",
            "'-00:00:00.001'",
            "'-838:59:59'",
            "'838:59:59'",
        ],
    ),
    ("tinyint(1)", &["0", "1"], &["2", "-1", "127"]),
    ("tinyint", &["0", "1"], &["-128"]),
    (
        "json",
        &["'{\"a\":1}'", "'[]'", "'\"\\\\u0041\"'"],
        &["'{\"a\":1,\"a\":2}'", "'\"\\\\u0000\"'"],
    ),
    ("double", &["0", "-1e308"], &[]),
    ("decimal(65,30)", &["0", "-1.5"], &[]),
    ("bigint unsigned", &["0", "18446744073709551615"], &[]),
    ("enum('a','b')", &["'a'"], &[]),
    ("blob", &["x'00ff'"], &[]),
];

const POSTGRES: &[Kind] = &[
    (
        "double precision",
        &["0", "-1.5", "1e308"],
        &["'NaN'", "'Infinity'", "'-Infinity'"],
    ),
    ("real", &["0", "1.25"], &["'NaN'", "'-Infinity'"]),
    ("numeric(12,2)", &["0", "-12.50"], &["'NaN'"]),
    (
        "numeric",
        &["0", "-0.001", "123456789012345678901234567890", "100.00"],
        &["'NaN'", "'Infinity'", "'-Infinity'"],
    ),
    ("numeric(50,40)", &["0", "-1.5"], &["'NaN'"]),
    ("price", &["1", "0.5"], &["'NaN'"]),
    (
        "date",
        &["'0001-01-01'", "'9999-12-31'", "'2024-02-29'"],
        &[
            "'infinity'",
            "'-infinity'",
            "'0044-03-15 BC'",
            "'10000-01-01'",
            "'5874897-12-31'",
        ],
    ),
    (
        "timestamp(6)",
        &["'0001-01-01'", "'9999-12-31 23:59:59.999999'"],
        &[
            "'infinity'",
            "'-infinity'",
            "'0001-12-31 23:59:59 BC'",
            "'294276-12-31 23:59:59'",
            "'294260-01-01'",
        ],
    ),
    (
        "timestamptz",
        &["'0001-01-01 00:00:00+00'", "'9999-12-31 23:59:59+00'"],
        &[
            "'infinity'",
            "'0001-01-01 00:00:00+01'",
            "'9999-12-31 23:59:59-01'",
            "'294276-12-31 00:00:00+00'",
        ],
    ),
    ("text", &["''", "'é🦜'", "'a\\u0000'"], &[]),
    ("varchar(40)", &["'x'", "repeat('日', 40)"], &[]),
    ("char(8)", &["'x'", "'日 '"], &[]),
    ("word", &["'x'", "'longer word'"], &[]),
    (
        "json",
        &["'{\"a\": 1}'", "'[]'"],
        &["'{\"a\":1,\"a\":2}'", "'\"\\u0000\"'"],
    ),
    (
        "jsonb",
        &["'{\"a\": 1}'", "'\"\\\\u0000\"'"],
        &["(repeat('[', 300) || repeat(']', 300))::jsonb"],
    ),
    ("boolean", &["true"], &[]),
    ("bytea", &["'\\x00ff'"], &[]),
    ("uuid", &["'00000000-0000-0000-0000-000000000000'"], &[]),
];

/// A table of all kinds with random values: most columns plain, some with few bad values, some without any value.
fn table(name: &str, kinds: &[Kind], keyed: bool, chance: &mut StdRng) -> String {
    let rows = [0, 1, 40, 300][chance.random_range(0..4)];
    // The share of bad values, and whether there are none at all.
    let columns: Vec<(f64, bool)> = (0..kinds.len())
        .map(|_| {
            let share = [0.0, 0.0, 0.0, 0.01, 0.5][chance.random_range(0..5)];
            (share, chance.random_bool(0.15))
        })
        .collect();
    let declared: Vec<String> = kinds
        .iter()
        .enumerate()
        .map(|(i, (ty, ..))| format!("c{i} {ty}"))
        .collect();
    let key = if keyed {
        "id int primary key"
    } else {
        "id int"
    };
    let mut sql = format!(
        "create table {name} ({key}, {});\nbegin;\n",
        declared.join(", ")
    );
    for row in 0..rows {
        let mut cells = vec![row.to_string()];
        for ((_, plain, bad), (share, empty)) in kinds.iter().zip(&columns) {
            let from = if !bad.is_empty() && chance.random_bool(*share) {
                bad
            } else {
                plain
            };
            cells.push(match *empty || chance.random_bool(0.1) {
                true => "null".into(),
                false => from[chance.random_range(0..from.len())].to_string(),
            });
        }
        sql.push_str(&format!(
            "insert into {name} values ({});\n",
            cells.join(", ")
        ));
    }
    sql.push_str("commit;\n");
    sql
}

fn plan(source: &dyn Engine, target: &dyn Engine) -> Plan {
    let progress: Progress = Arc::new(Silent);
    let settings = PlanSettings::default();
    let mut plan = planner::make(source, target, &settings, &two(), &progress, "test")
        .expect("a plan is made");
    for table in &mut plan.tables {
        // Rows are not counted where nothing had to be looked at.
        table.rows = None;
        // A guess of the server, which may have learned more meanwhile.
        table.bytes = None;
    }
    plan.estimate = Default::default();
    plan
}

/// Compares the two ways; gives how many columns the engine cleared by itself.
fn compared(asked: Box<dyn Engine>, read: Box<dyn Engine>, target: &dyn Engine) -> usize {
    let read = ByRows(read);
    let catalog = asked.inspect().expect("a catalog");
    let tables: Vec<_> = catalog.tables.iter().collect();
    let progress: Progress = Arc::new(Silent);
    let scanned = |engine: &dyn Engine| {
        let mode = ScanMode::Full;
        scan::scan_all(engine, target, &catalog, &tables, mode, &two(), &progress).expect("a scan")
    };
    let (by_answers, by_rows) = (scanned(asked.as_ref()), scanned(&read));
    assert_eq!(by_answers.len(), by_rows.len());
    let mut cleared = 0;
    for table in &tables {
        let (Some(a), Some(b)) = (by_answers.get(&table.name), by_rows.get(&table.name)) else {
            continue;
        };
        if a.complete {
            assert_eq!(a.rows, b.rows, "{}", table.name);
        }
        assert_eq!(a.columns.len(), b.columns.len(), "{}", table.name);
        for wanted in scan::wanted(table, &catalog, asked.as_ref(), target) {
            let name = &wanted.column.name;
            let at = format!("{}.{name} {}", table.name, wanted.column.native);
            let (x, y) = (a.column(name).expect(&at), b.column(name).expect(&at));
            for hazard in &wanted.hazards {
                let of = |s: &limosa_core::scan::ColumnScan| {
                    s.hazards.iter().find(|h| h.hazard == *hazard).cloned()
                };
                assert_eq!(of(x), of(y), "{at}");
            }
            assert_eq!(x.not_boolean, y.not_boolean, "{at}");
            if a.complete {
                assert_eq!((x.nulls, x.values()), (y.nulls, y.values()), "{at}");
            }
            if wanted.sizes {
                let sizes = |s: &limosa_core::scan::ColumnScan| {
                    (s.max_chars, s.max_bytes, s.integer_digits, s.scale)
                };
                assert_eq!(sizes(x), sizes(y), "{at}");
            }
            // The bytes of texts are added up only by a look at them.
            cleared += usize::from(y.total_bytes > 0 && x.total_bytes == 0);
        }
    }
    let (mine, theirs) = (plan(asked.as_ref(), target), plan(&read, target));
    assert_eq!(mine.findings, theirs.findings);
    assert_eq!(mine.decisions, theirs.decisions);
    assert_eq!(mine.tables, theirs.tables);
    assert_eq!(mine.hash(), theirs.hash());
    cleared
}

fn cases() -> u64 {
    let said = std::env::var("LIMOSA_TEST_CASES").ok();
    said.and_then(|n| n.parse().ok()).unwrap_or(4)
}

fn sqlite(folder: &std::path::Path) -> Box<dyn Engine> {
    let url = format!("sqlite://{}?mode=rwc", folder.join("target.db").display());
    limosa_sqlite::open(&url).expect("opened")
}

#[test]
fn mariadb_answers_as_its_rows_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = postgres().database();
    let target = limosa_postgres::open(&empty).expect("opened");
    let mut cleared = 0;
    for seed in 0..cases() {
        let mut chance = StdRng::seed_from_u64(seed);
        let mut sql = String::from(
            "set names utf8mb4; set sql_mode = 'STRICT_ALL_TABLES,ALLOW_INVALID_DATES';\n",
        );
        // MySQL itself refuses halves of surrogates; the rest is the same for both.
        let kinds: Vec<Kind> = MARIADB
            .iter()
            .map(|(ty, plain, bad)| {
                let taken =
                    |b: &&str| !mariadb().mysql() || !b.contains("eda") && !b.contains("edb");
                let bad: Vec<&str> = bad.iter().copied().filter(taken).collect();
                (*ty, *plain, &*bad.leak())
            })
            .collect();
        for t in 0..4 {
            sql.push_str(&table(&format!("t{t}"), &kinds, t % 2 == 0, &mut chance));
        }
        // A key of texts, whose sizes matter to some.
        sql.push_str("create table k (a varchar(30) character set utf8mb4 primary key, b char(9) character set latin1 unique);\n");
        sql.push_str("insert into k values ('é', 'íí'), ('longest of all', null), ('x', 'y ');\n");
        let url = mariadb().database();
        execute_mysql(&url, &sql);
        let open = || limosa_mysql::open(&url).expect("opened");
        cleared += compared(open(), open(), target.as_ref());
        compared(open(), open(), sqlite(folder.path()).as_ref());
    }
    assert!(cleared > 0, "no column was cleared without a look at it");
}

#[test]
fn postgres_answers_as_its_rows_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = mariadb().database();
    let target = limosa_mysql::open(&empty).expect("opened");
    let mut cleared = 0;
    for seed in 0..cases() {
        let mut chance = StdRng::seed_from_u64(seed);
        let mut sql = String::from(
            "create domain price as numeric(9,3); create domain word as varchar(30);\n",
        );
        for t in 0..4 {
            sql.push_str(&table(&format!("t{t}"), POSTGRES, t % 2 == 0, &mut chance));
        }
        sql.push_str(
            "create table k (a text primary key, b varchar(50) unique, c char(9), d numeric, unique (c, d));\n\
             insert into k values ('é🦜', 'ää', 'x', 1.50), ('longest of all', null, null, -1234.5678), ('x', 'y ', 'y z', 0);\n",
        );
        let url = postgres().database();
        execute_psql(&url, &sql);
        let open = || limosa_postgres::open(&url).expect("opened");
        cleared += compared(open(), open(), target.as_ref());
        compared(open(), open(), sqlite(folder.path()).as_ref());
    }
    assert!(cleared > 0, "no column was cleared without a look at it");
}

/// Ranges are answered one by one, and nothing else than their rows.
#[test]
fn each_range_is_answered_for_itself() {
    let (pg, my) = (postgres().database(), mariadb().database());
    execute_psql(
        &pg,
        "create table t (id int primary key, v double precision not null, d date);
         insert into t select i, case when i = 2500 then 'NaN'::float8 else i end, '2024-01-01' from generate_series(1, 3000) i;
         analyze t",
    );
    execute_mysql(
        &my,
        "create table t (id int primary key, v varchar(9) character set utf8mb4 not null, d date);
         insert into t select n, if(n = 2500, x'00', n), '2024-01-01' from
           (with d as (select 0 i union all select 1 union all select 2 union all select 3 union all select 4
              union all select 5 union all select 6 union all select 7 union all select 8 union all select 9)
            select 1 + a.i + 10 * b.i + 100 * c.i + 1000 * d.i as n from d a, d b, d c, d) s where n <= 3000; analyze table t",
    );
    for (source, target) in [
        (limosa_postgres::open(&pg), limosa_mysql::open(&my)),
        (limosa_mysql::open(&my), limosa_postgres::open(&pg)),
    ] {
        let (source, target) = (source.expect("opened"), target.expect("opened"));
        let catalog = source.inspect().expect("a catalog");
        let table = &catalog.tables[0];
        let column = |name: &str| {
            let c = table.column(name).expect("it is there");
            ColumnRead {
                name: c.name.clone(),
                ty: c.ty.clone(),
                native: c.native.clone(),
                as_text: false,
            }
        };
        let read = TableRead {
            table: table.name.clone(),
            columns: vec![column("v"), column("d")],
            key: vec![column("id")],
            physical: false,
        };
        let questions: Vec<Question> = ["v", "d"]
            .map(|name| Question {
                column: column(name),
                nullable: name == "d",
                hazards: target.dialect().wants_scan(&column(name).ty),
                sizes: false,
            })
            .to_vec();
        let snapshot = source.snapshot(1).expect("a snapshot");
        let chunks = snapshot.chunks(&read, 8 << 10).expect("it is cut");
        assert!(chunks.len() > 4, "{}", chunks.len());
        let mut reader = snapshot.reader().expect("a reader");
        let (mut rows, mut unclear) = (0, 0);
        for chunk in &chunks {
            // In the middle of a range that is read, too.
            reader.open(&read, &chunk.range, None).expect("it opens");
            let survey = reader.survey(&read, &chunk.range, &questions);
            let survey = survey.expect("an answer").expect("the engine can");
            rows += survey.rows.expect("counted");
            unclear += usize::from(survey.answers[0] == Answer::Unclear);
            let Answer::Clear(d) = &survey.answers[1] else {
                panic!("{} is not clear", questions[1].column.native)
            };
            assert_eq!(d.values(), survey.rows.unwrap_or(0));
        }
        assert_eq!((rows, unclear), (3000, 1));
    }
}
