//! A small shop in two files, and an engine that fails on demand.

#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

pub mod odd;

use limosa_core::Result;
use limosa_core::dialect::Dialect;
use limosa_core::engine::Loaded;
use limosa_core::engine::*;
use limosa_core::position::Position;
use limosa_core::schema::Catalog;
use limosa_core::{Error, ErrorKind};
use limosa_flow::journal::Journal;
use limosa_flow::outcome::Outcome;
use limosa_flow::plan::Plan;
use limosa_flow::progress::{Fact, Listener, Progress, Silent};
use limosa_flow::run::{self, Parts, RunError, Stop};
use limosa_flow::settings::{PlanSettings, RunSettings, ScanMode};
use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub struct Shop {
    path: PathBuf,
    _directory: Option<tempfile::TempDir>,
}

impl Shop {
    pub fn new(rows: i64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let shop = Self {
            path: directory.path().into(),
            _directory: Some(directory),
        };
        fill(&shop.source_path(), rows);
        shop
    }

    /// A shop that another process made.
    pub fn at(path: PathBuf) -> Self {
        Self {
            path,
            _directory: None,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn source_path(&self) -> PathBuf {
        self.path.join("source.db")
    }

    pub fn target_path(&self) -> PathBuf {
        self.path.join("target.db")
    }

    pub fn journal_path(&self) -> PathBuf {
        Journal::path(&self.path.join("state"), "shop")
    }

    pub fn source(&self) -> Box<dyn Engine> {
        open(&self.source_path())
    }

    pub fn target(&self) -> Box<dyn Engine> {
        open(&self.target_path())
    }

    pub fn on_source(&self, sql: &str) {
        on(&self.source_path(), sql);
    }

    pub fn on_target(&self, sql: &str) {
        on(&self.target_path(), sql);
    }

    pub fn plan(&self) -> Plan {
        plan(self.source().as_ref(), self.target().as_ref())
    }

    /// Runs with the journal of the folder.
    pub fn run(&self, settings: &RunSettings, parts: Parts) -> Result<Outcome, RunError> {
        let (source, target) = (self.source(), self.target());
        let plan = match Journal::read(&self.journal_path()) {
            Ok(journal) => journal.plan()?,
            Err(_) => plan(source.as_ref(), target.as_ref()),
        };
        self.run_with(
            source.as_ref(),
            target.as_ref(),
            &plan,
            settings,
            parts,
            &Stop::new(),
        )
    }

    pub fn run_with(
        &self,
        source: &dyn Engine,
        target: &dyn Engine,
        plan: &Plan,
        settings: &RunSettings,
        parts: Parts,
        stop: &Stop,
    ) -> Result<Outcome, RunError> {
        let mut journal = Journal::create(&self.journal_path(), plan)?;
        run::execute(
            source,
            target,
            plan,
            settings,
            &mut journal,
            parts,
            &silent(),
            stop,
        )
    }

    pub fn rows(&self, path: &Path, table: &str) -> Vec<String> {
        let db = rusqlite::Connection::open(path).unwrap();
        let mut statement = db.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let mut rows: Vec<String> = statement
            .query_map([], |r| {
                Ok((0..columns)
                    .map(|i| format!("{:?}", r.get_ref(i).unwrap()))
                    .collect::<Vec<_>>()
                    .join("|"))
            })
            .unwrap()
            .map(Result::unwrap)
            .collect();
        rows.sort();
        rows
    }

    /// Asserts that both files hold the same rows, asked of SQLite alone, and nothing of ours is left.
    pub fn assert_equal(&self) {
        for table in TABLES {
            let (a, b) = (
                self.rows(&self.source_path(), table),
                self.rows(&self.target_path(), table),
            );
            assert_eq!(a.len(), b.len(), "{table}");
            assert!(a == b, "{table} differs");
        }
    }
}

pub const TABLES: [&str; 6] = ["item", "word", "pair", "loose", "bare", "child"];

pub fn silent() -> Progress {
    Arc::new(Silent)
}

pub struct Heard(pub Mutex<Vec<Fact>>);

impl Listener for Heard {
    fn hear(&self, fact: Fact) {
        self.0.lock().unwrap().push(fact);
    }
}

pub fn open(path: &Path) -> Box<dyn Engine> {
    limosa_sqlite::open(path.to_str().unwrap()).unwrap()
}

pub fn on(path: &Path, sql: &str) {
    let db = rusqlite::Connection::open(path).unwrap();
    db.busy_timeout(Duration::from_secs(10)).unwrap();
    db.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    db.execute_batch(sql).unwrap();
}

pub fn plan(source: &dyn Engine, target: &dyn Engine) -> Plan {
    let settings = PlanSettings {
        name: "shop".into(),
        scan: ScanMode::Full,
        ..PlanSettings::default()
    };
    limosa_flow::planner::make(
        source,
        target,
        &settings,
        &RunSettings::default(),
        &silent(),
        "test",
    )
    .unwrap()
}

/// Small chunks, so that every table has several.
pub fn settings() -> RunSettings {
    RunSettings {
        workers: 2,
        batch_size: 100,
        chunk_bytes: 20_000,
        ..RunSettings::default()
    }
}

fn fill(path: &Path, rows: i64) {
    on(
        path,
        &format!(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE item(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, price REAL,
               picture BLOB, note TEXT DEFAULT 'none');
             CREATE TABLE word(word TEXT PRIMARY KEY NOT NULL, times INTEGER NOT NULL) WITHOUT ROWID;
             CREATE TABLE pair(a INTEGER NOT NULL, b TEXT NOT NULL, c TEXT, PRIMARY KEY(a, b));
             CREATE TABLE loose(x INTEGER, y TEXT);
             CREATE TABLE bare(id INTEGER PRIMARY KEY, z TEXT);
             CREATE TABLE child(id INTEGER PRIMARY KEY, item INTEGER NOT NULL REFERENCES item(id), t TEXT);
             CREATE INDEX item_name ON item(name);
             CREATE UNIQUE INDEX child_item ON child(item, id);
             CREATE VIEW dear AS SELECT id, name FROM item WHERE price > 10;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
               INSERT INTO item SELECT i * 3, 'item ' || i || ' äöü ', i / 7.0, CASE WHEN i % 5 THEN
                 zeroblob(i % 40) END, CASE WHEN i % 3 THEN '' END FROM n;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
               INSERT INTO word SELECT 'w' || (i * 7919 % 1000003) || '-' || i, i FROM n;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
               INSERT INTO pair SELECT i / 10, 'b' || (i % 10), 'c' || i FROM n;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
               INSERT INTO loose SELECT i % 50, 'y' || (i % 50) FROM n;
             INSERT INTO child SELECT id + 1, id, 't' FROM item;"
        ),
    );
}

/// What goes wrong at a call of a loader.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// The call is refused and nothing happens.
    Reject(ErrorKind),
    /// It happens, and then the answer is an error.
    AfterWrite(ErrorKind),
    /// It takes long.
    Slow(Duration),
}

/// At which call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Call {
    Begin,
    Write,
    Commit,
    Claim,
    Read,
}

/// Faults to come: the number of calls of that sort until it strikes.
pub type Script = Arc<Mutex<Vec<(Call, u32, Shape)>>>;

fn strike(script: &Script, call: Call) -> Option<Shape> {
    let mut script = script.lock().unwrap();
    let mut hit = None;
    script.retain_mut(|(at, wait, shape)| {
        if *at != call || hit.is_some() {
            return true;
        }
        if *wait > 0 {
            *wait -= 1;
            return true;
        }
        hit = Some(*shape);
        false
    });
    hit
}

fn hurt<T>(script: &Script, call: Call, act: impl FnOnce() -> Result<T>) -> Result<T> {
    let error = |kind| Error::new(kind, "being tested", "a planted fault");
    match strike(script, call) {
        None => act(),
        Some(Shape::Reject(kind)) => Err(error(kind)),
        Some(Shape::AfterWrite(kind)) => {
            act()?;
            Err(error(kind))
        }
        Some(Shape::Slow(pause)) => {
            std::thread::sleep(pause);
            act()
        }
    }
}

/// A real engine whose loaders, ledger and readers fail as a script says.
pub struct Faulty {
    pub inner: Box<dyn Engine>,
    pub script: Script,
}

impl Engine for Faulty {
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }
    fn dialect(&self) -> &dyn Dialect {
        self.inner.dialect()
    }
    fn address(&self) -> String {
        self.inner.address()
    }
    fn identity(&self) -> Result<Identity> {
        self.inner.identity()
    }
    fn security(&self) -> String {
        self.inner.security()
    }
    fn inspect(&self) -> Result<Catalog> {
        self.inner.inspect()
    }
    fn missing_privileges(&self, role: Role, catalog: &Catalog) -> Result<Vec<MissingPrivilege>> {
        self.inner.missing_privileges(role, catalog)
    }
    fn session(&self) -> Result<Box<dyn Session>> {
        self.inner.session()
    }
    fn examiner(&self) -> Result<Box<dyn limosa_core::check::Examiner>> {
        self.inner.examiner()
    }
    fn snapshot(&self, lanes: usize) -> Result<Box<dyn Snapshot>> {
        Ok(Box::new(FaultySnapshot {
            inner: self.inner.snapshot(lanes)?,
            script: Arc::clone(&self.script),
        }))
    }
    fn wire_out(&self, read: &TableRead) -> Vec<String> {
        self.inner.wire_out(read)
    }
    fn wire_in(&self, spec: &LoadSpec, format: &str) -> bool {
        self.inner.wire_in(spec, format)
    }
    fn encoder(&self, spec: &LoadSpec) -> Result<Box<dyn Encoder>> {
        self.inner.encoder(spec)
    }
    fn loader(&self) -> Result<Box<dyn Loader>> {
        Ok(Box::new(FaultyLoader {
            inner: self.inner.loader()?,
            script: Arc::clone(&self.script),
        }))
    }
    fn late_loader(&self) -> Result<Box<dyn Loader>> {
        Ok(Box::new(FaultyLoader {
            inner: self.inner.late_loader()?,
            script: Arc::clone(&self.script),
        }))
    }
    fn ledger(&self) -> Result<Box<dyn Ledger>> {
        Ok(Box::new(FaultyLedger {
            inner: self.inner.ledger()?,
            script: Arc::clone(&self.script),
        }))
    }
    fn compare(&self, a: &Position, b: &Position) -> Option<Ordering> {
        self.inner.compare(a, b)
    }
}

struct FaultyLoader {
    inner: Box<dyn Loader>,
    script: Script,
}

impl Loader for FaultyLoader {
    fn begin(&mut self, spec: &LoadSpec, ticket: &Ticket) -> Result<()> {
        hurt(&self.script, Call::Begin, || self.inner.begin(spec, ticket))
    }
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        hurt(&self.script, Call::Write, || self.inner.write(bytes))
    }
    fn write_apart(&mut self, rows: u64, bytes: &[u8]) -> Result<()> {
        hurt(&self.script, Call::Write, || {
            self.inner.write_apart(rows, bytes)
        })
    }
    fn commit(&mut self, loaded: Loaded) -> Result<Ack> {
        hurt(&self.script, Call::Commit, || self.inner.commit(loaded))
    }
    fn rollback(&mut self) -> Result<()> {
        self.inner.rollback()
    }
}

struct FaultyLedger {
    inner: Box<dyn Ledger>,
    script: Script,
}

impl Ledger for FaultyLedger {
    fn install(&mut self, run: &str, plan_hash: &str) -> Result<()> {
        self.inner.install(run, plan_hash)
    }
    fn acquire(&mut self, run: &str, holder: &str, steal: bool) -> Result<()> {
        self.inner.acquire(run, holder, steal)
    }
    fn renew(&mut self, run: &str, holder: &str) -> Result<()> {
        self.inner.renew(run, holder)
    }
    fn release(&mut self, run: &str, holder: &str) -> Result<()> {
        self.inner.release(run, holder)
    }
    fn plan_table(
        &mut self,
        run: &str,
        table: &limosa_core::schema::TableName,
        mark: &str,
        chunks: &[limosa_core::chunk::Chunk],
    ) -> Result<()> {
        self.inner.plan_table(run, table, mark, chunks)
    }
    fn chunks(&mut self, run: &str) -> Result<Vec<LedgerChunk>> {
        self.inner.chunks(run)
    }
    fn claim(
        &mut self,
        run: &str,
        table: &limosa_core::schema::TableName,
        chunk: u32,
    ) -> Result<Option<Ticket>> {
        hurt(&self.script, Call::Claim, || {
            self.inner.claim(run, table, chunk)
        })
    }
    fn done(&mut self, ticket: &Ticket) -> Result<bool> {
        self.inner.done(ticket)
    }
    fn uninstall(&mut self) -> Result<()> {
        self.inner.uninstall()
    }
}

struct FaultySnapshot {
    inner: Box<dyn Snapshot>,
    script: Script,
}

impl Snapshot for FaultySnapshot {
    fn position(&self) -> Option<Position> {
        self.inner.position()
    }
    fn mark(&self, table: &limosa_core::schema::TableName) -> Result<String> {
        self.inner.mark(table)
    }
    fn chunks(&self, read: &TableRead, bytes: u64) -> Result<Vec<limosa_core::chunk::Chunk>> {
        self.inner.chunks(read, bytes)
    }
    fn unchanged_since(
        &self,
        read: &TableRead,
        mark: &str,
        chunks: &[(limosa_core::chunk::Chunk, u64)],
    ) -> Result<bool> {
        self.inner.unchanged_since(read, mark, chunks)
    }
    fn reader(&self) -> Result<Box<dyn Reader>> {
        Ok(Box::new(FaultyReader {
            inner: self.inner.reader()?,
            script: Arc::clone(&self.script),
        }))
    }
    fn canonicalizer(&self) -> Result<Box<dyn Canonicalizer>> {
        Ok(Box::new(Counting(self.inner.canonicalizer()?)))
    }
}

/// Rows that were read to be compared, through any [`Faulty`] of this process.
pub static COMPARED: AtomicU64 = AtomicU64::new(0);

struct Counting(Box<dyn Canonicalizer>);

impl Canonicalizer for Counting {
    fn bound(&mut self, gate: Arc<dyn limosa_core::room::Gate>) {
        self.0.bound(gate);
    }
    fn room(&mut self) -> Option<limosa_core::room::Room> {
        self.0.room()
    }
    fn open(&mut self, read: &CanonicalRead, range: &limosa_core::chunk::Range) -> Result<()> {
        self.0.open(read, range)
    }
    fn open_keys(
        &mut self,
        read: &CanonicalRead,
        keys: &[Vec<limosa_core::value::Value>],
    ) -> Result<()> {
        self.0.open_keys(read, keys)
    }
    fn fill(
        &mut self,
        rows: &mut limosa_core::canonical::CanonicalRows,
        bytes: usize,
    ) -> Result<bool> {
        let more = self.0.fill(rows, bytes);
        COMPARED.fetch_add(rows.len() as u64, std::sync::atomic::Ordering::SeqCst);
        more
    }
}

struct FaultyReader {
    inner: Box<dyn Reader>,
    script: Script,
}

impl Reader for FaultyReader {
    fn bound(&mut self, gate: Arc<dyn limosa_core::room::Gate>) {
        self.inner.bound(gate);
    }
    fn room(&mut self) -> Option<limosa_core::room::Room> {
        self.inner.room()
    }
    fn open(
        &mut self,
        read: &TableRead,
        range: &limosa_core::chunk::Range,
        wire: Option<&str>,
    ) -> Result<()> {
        self.inner.open(read, range, wire)
    }
    fn fill(
        &mut self,
        batch: &mut limosa_core::batch::Batch,
        limit: limosa_core::batch::BatchLimit,
    ) -> Result<bool> {
        hurt(&self.script, Call::Read, || self.inner.fill(batch, limit))
    }
    fn fill_wire(&mut self, out: &mut Vec<u8>, bytes: usize) -> Result<(u64, bool)> {
        hurt(&self.script, Call::Read, || {
            self.inner.fill_wire(out, bytes)
        })
    }
}
