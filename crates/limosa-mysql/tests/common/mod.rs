//! What the tests of this crate share: opening fresh databases, applying catalogs, copying tables.
#![allow(dead_code, unreachable_pub)]

use limosa_core::batch::{Batch, BatchLimit};
use limosa_core::canonical::{self, CanonicalRows};
use limosa_core::chunk::Range;
use limosa_core::engine::Loaded;
use limosa_core::engine::*;
use limosa_core::operation::Operation;
use limosa_core::policy::Policies;
use limosa_core::schema::*;
use std::sync::{RwLock, RwLockReadGuard};

/// `local_infile` is the server's: tests that turn it off have the server to themselves.
static INFILE: RwLock<()> = RwLock::new(());

fn shared() -> RwLockReadGuard<'static, ()> {
    INFILE.read().unwrap_or_else(|e| e.into_inner())
}

/// A fresh database with `sql` run in it.
pub fn open(sql: &str) -> (Box<dyn Engine>, String) {
    let url = limosa_testkit::mariadb().database();
    if !sql.trim().is_empty() {
        limosa_testkit::execute_mysql(&url, sql);
    }
    let _shared = shared();
    (limosa_mysql::open(&url).expect("opened"), url)
}

/// Runs `f` with `local_infile` as said.
pub fn with_infile(on: bool, f: impl FnOnce()) {
    if on {
        let _shared = shared();
        return f();
    }
    let _alone = INFILE.write().unwrap_or_else(|e| e.into_inner());
    let url = limosa_testkit::mariadb().database();
    limosa_testkit::execute_mysql(&url, "SET GLOBAL local_infile = 0");
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
    limosa_testkit::execute_mysql(&url, "SET GLOBAL local_infile = 1");
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
}

/// Makes everything that a catalog holds, as a planner of the same family would.
pub fn apply(engine: &dyn Engine, catalog: &Catalog) {
    let policies = Policies::default();
    let mut session = engine.session().expect("a session");
    let mut operations = Vec::new();
    for table in &catalog.tables {
        let mut table = table.clone();
        for column in &mut table.columns {
            let placed = engine.dialect().place(
                &column.ty,
                &limosa_core::dialect::PlaceContext {
                    scan: None,
                    indexed: false,
                    key_columns: 0,
                    key_chars: 0,
                    identity: column.identity.is_some(),
                    folds: column.folds,
                    same_family: true,
                    native: &column.native,
                    policies: &policies,
                },
            );
            column.native = placed.native;
            column.ty = placed.ty;
        }
        let (uniques, keys) = (
            std::mem::take(&mut table.uniques),
            std::mem::take(&mut table.foreign_keys),
        );
        let (checks, indexes) = (
            std::mem::take(&mut table.checks),
            std::mem::take(&mut table.indexes),
        );
        let name = table.name.clone();
        let columns = table.columns.clone();
        operations.push((0, Operation::CreateTable(Box::new(table))));
        operations.extend(
            uniques
                .into_iter()
                .map(|k| (1, Operation::AddUnique(name.clone(), k))),
        );
        operations.extend(indexes.into_iter().map(|index| {
            (
                1,
                Operation::CreateIndex {
                    table: name.clone(),
                    index,
                    columns: columns.clone(),
                },
            )
        }));
        operations.extend(
            checks
                .into_iter()
                .map(|c| (2, Operation::AddCheck(name.clone(), c))),
        );
        operations.extend(
            keys.into_iter()
                .map(|k| (3, Operation::AddForeignKey(name.clone(), k))),
        );
    }
    operations.extend(
        catalog
            .sequences
            .iter()
            .map(|s| (0, Operation::CreateSequence(s.clone()))),
    );
    operations.extend(
        catalog
            .views
            .iter()
            .map(|v| (4, Operation::CreateView(v.clone()))),
    );
    operations.sort_by_key(|(order, _)| *order);
    for (_, operation) in operations {
        for sql in engine.dialect().render(&operation).expect("rendered") {
            session
                .execute(&sql)
                .unwrap_or_else(|e| panic!("{e:?}\n{sql}"));
        }
        if let Some(object) = operation.evidence() {
            assert!(session.exists(&object).expect("asked"), "{object:?}");
        }
    }
}

/// How a table is read: every column but the computed ones.
pub fn table_read(table: &Table) -> TableRead {
    let read = |c: &Column| ColumnRead {
        name: c.name.clone(),
        ty: c.ty.clone(),
        native: c.native.clone(),
        as_text: false,
    };
    TableRead {
        table: table.name.clone(),
        columns: table
            .columns
            .iter()
            .filter(|c| c.generated.is_none())
            .map(read)
            .collect(),
        key: table
            .identifying_columns()
            .iter()
            .filter_map(|n| table.column(n))
            .map(read)
            .collect(),
        physical: true,
    }
}

/// How a table is written.
pub fn load_spec(source: &Table, target: &Table) -> LoadSpec {
    LoadSpec {
        table: target.name.clone(),
        columns: source
            .columns
            .iter()
            .filter(|c| c.generated.is_none())
            .map(|c| {
                let t = target.column(&c.name).expect("in both");
                ColumnWrite {
                    name: c.name.clone(),
                    source: c.ty.clone(),
                    target: t.ty.clone(),
                    native: t.native.clone(),
                    nullable: t.nullable,
                    policies: Policies::default(),
                }
            })
            .collect(),
        wire: None,
    }
}

/// Copies one table in chunks of `bytes`; gives its rows.
pub fn copy(source: &dyn Engine, target: &dyn Engine, table: &Table, bytes: u64) -> u64 {
    let there = target.inspect().expect("inspected");
    let spec = load_spec(table, there.table(&table.name).expect("made"));
    let read = table_read(table);
    let snapshot = source.snapshot(1).expect("a snapshot");
    let chunks = snapshot.chunks(&read, bytes).expect("cut");
    let mut ledger = target.ledger().expect("a ledger");
    ledger.install("copy", "plan").expect("installed");
    ledger.acquire("copy", "test", true).expect("acquired");
    ledger
        .plan_table("copy", &table.name, "", &chunks)
        .expect("planned");
    let mut reader = snapshot.reader().expect("a reader");
    let mut encoder = target.encoder(&spec).expect("an encoder");
    let mut loader = target.loader().expect("a loader");
    let (mut batch, mut out) = (Batch::default(), Vec::new());
    let mut total = 0;
    for chunk in chunks {
        let ticket = ledger
            .claim("copy", &table.name, chunk.id)
            .expect("claimed")
            .expect("not done");
        loader.begin(&spec, &ticket).expect("begun");
        reader.open(&read, &chunk.range, None).expect("opened");
        let (mut rows, mut size) = (0, 0);
        loop {
            batch.reset(read.columns.len());
            let more = reader
                .fill(
                    &mut batch,
                    BatchLimit {
                        rows: 1000,
                        bytes: 1 << 20,
                    },
                )
                .expect("filled");
            out.clear();
            encoder
                .encode(&batch, &mut out)
                .unwrap_or_else(|r| panic!("{r:?}"));
            loader.write(&out).expect("written");
            rows += batch.rows();
            size += out.len() as u64;
            if !more {
                break;
            }
        }
        loader.commit(Loaded::new(rows, size)).expect("committed");
        total += rows;
    }
    total
}

/// What is compared of a table.
pub fn canonical_read(table: &Table) -> CanonicalRead {
    let key = table.identifying_columns();
    let mut columns: Vec<&Column> = key.iter().filter_map(|n| table.column(n)).collect();
    columns.extend(
        table
            .columns
            .iter()
            .filter(|c| c.generated.is_none() && !key.contains(&c.name)),
    );
    CanonicalRead {
        table: table.name.clone(),
        key_columns: key.len(),
        columns: columns
            .into_iter()
            .map(|c| CanonicalColumn {
                name: c.name.clone(),
                ty: c.ty.clone(),
                native: c.native.clone(),
                form: canonical::form(&c.ty, &c.ty).expect("comparable with itself"),
            })
            .collect(),
    }
}

/// All rows of a table in the canonical form.
pub fn canonical_rows(engine: &dyn Engine, table: &Table) -> Vec<(Vec<u8>, Vec<u8>)> {
    let there = engine.inspect().expect("inspected");
    let read = canonical_read(there.table(&table.name).expect("there"));
    let snapshot = engine.snapshot(1).expect("a snapshot");
    let mut canonicalizer = snapshot.canonicalizer().expect("a lane");
    canonicalizer.open(&read, &Range::All).expect("opened");
    let mut rows = CanonicalRows::default();
    while canonicalizer.fill(&mut rows, usize::MAX).expect("filled") {}
    let mut all: Vec<_> = rows.rows().map(|(k, r)| (k.to_vec(), r.to_vec())).collect();
    all.sort();
    all
}
