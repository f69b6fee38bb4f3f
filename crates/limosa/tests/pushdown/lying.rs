//! A server that says something else of its own rows is not believed, whatever the other side says.

use limosa::outcome::{Comparison, Verdict};
use limosa::settings::{Address, ServerSums};
use limosa_core::Result;
use limosa_core::canonical::CanonicalRows;
use limosa_core::check::Examiner;
use limosa_core::chunk::{Chunk, Range};
use limosa_core::dialect::Dialect;
use limosa_core::engine::*;
use limosa_core::position::Position;
use limosa_core::pushdown::{Means, Spelling, Sums};
use limosa_core::room::{Gate, Room};
use limosa_core::schema::{Catalog, TableName};
use limosa_core::value::Value;
use limosa_flow::progress::{Progress, Silent};
use limosa_flow::settings::{PlanSettings, RunSettings};
use limosa_flow::verify;
use limosa_testkit::{execute_psql, postgres};
use std::cmp::Ordering;
use std::sync::Arc;

/// A real engine whose sums are off by one wherever there is a row.
struct Lying(Box<dyn Engine>);
struct SnapshotLying(Box<dyn Snapshot>);
struct LaneLying(Box<dyn Canonicalizer>);

impl Engine for Lying {
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
        Ok(Box::new(SnapshotLying(self.0.snapshot(lanes)?)))
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

impl Snapshot for SnapshotLying {
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
        self.0.reader()
    }
    fn canonicalizer(&self) -> Result<Box<dyn Canonicalizer>> {
        Ok(Box::new(LaneLying(self.0.canonicalizer()?)))
    }
    fn spellings(&self, table: &TableName, column: &CanonicalColumn) -> Means {
        self.0.spellings(table, column)
    }
}

impl Canonicalizer for LaneLying {
    fn bound(&mut self, gate: Arc<dyn Gate>) {
        self.0.bound(gate);
    }
    fn room(&mut self) -> Option<Room> {
        self.0.room()
    }
    fn open(&mut self, read: &CanonicalRead, range: &Range) -> Result<()> {
        self.0.open(read, range)
    }
    fn open_keys(&mut self, read: &CanonicalRead, keys: &[Vec<Value>]) -> Result<()> {
        self.0.open_keys(read, keys)
    }
    fn fill(&mut self, rows: &mut CanonicalRows, bytes: usize) -> Result<bool> {
        self.0.fill(rows, bytes)
    }
    fn sums(
        &mut self,
        read: &CanonicalRead,
        said: &[Spelling],
        range: &Range,
        parts: u32,
    ) -> Result<Vec<Sums>> {
        let mut sums = self.0.sums(read, said, range, parts)?;
        for sum in sums.iter_mut().filter(|s| s.rows > 0) {
            sum.low += 1;
        }
        Ok(sums)
    }
}

fn opened(url: &str) -> Box<dyn Engine> {
    limosa::engines::open(&Address::new(url.to_owned())).expect("it opens")
}

fn compare(source: &dyn Engine, target: &dyn Engine, sums: ServerSums) -> Comparison {
    let settings = RunSettings {
        workers: 2,
        chunk_bytes: 20_000,
        sums,
        ..RunSettings::default()
    };
    let silent: Progress = Arc::new(Silent);
    let stop = limosa::Stop::new();
    let asked = PlanSettings::default();
    let (_, comparison) =
        verify::compare_alone(source, target, &asked, &settings, &silent, &stop, "test")
            .expect("both can be compared");
    comparison
}

#[test]
fn a_server_that_says_something_else_of_its_own_rows_is_not_believed() {
    let urls = [postgres().database(), postgres().database()];
    for url in &urls {
        execute_psql(
            url,
            "create table t (id bigint primary key, v text);
             insert into t select g, 'v' || g from generate_series(1, 3000) g",
        );
    }
    let honest = urls.each_ref().map(|url| opened(url));
    let lying = Lying(opened(&urls[1]));
    for sums in [super::PUSHED, ServerSums::default()] {
        let comparison = compare(honest[0].as_ref(), honest[1].as_ref(), sums);
        assert_eq!(comparison.verdict, Verdict::Pass, "{comparison:#?}");
        assert!(comparison.tables[0].cross_checked_rows > 0);
        for (from, to) in [
            (honest[0].as_ref(), &lying as &dyn Engine),
            (&lying, honest[0].as_ref()),
        ] {
            let comparison = compare(from, to, sums);
            let table = &comparison.tables[0];
            assert_eq!(comparison.verdict, Verdict::Fail, "{comparison:#?}");
            assert!(!table.disagreements.is_empty(), "{table:#?}");
            assert!(table.differences.is_empty(), "no row differs: {table:#?}");
            let said = table.error.as_deref().unwrap_or_default();
            assert!(said.contains("disagrees with itself"), "{said}");
        }
    }
    // Two that lie alike agree with each other, and neither with its own rows.
    let both = Lying(opened(&urls[0]));
    let comparison = compare(&both, &lying, super::PUSHED);
    assert_eq!(comparison.verdict, Verdict::Fail, "{comparison:#?}");
    let off = ServerSums {
        cross_check: 0.0,
        ..ServerSums::default()
    };
    let unchecked = compare(honest[0].as_ref(), &lying, off);
    assert_eq!(unchecked.verdict, Verdict::Pass, "nobody asked the server");
}
