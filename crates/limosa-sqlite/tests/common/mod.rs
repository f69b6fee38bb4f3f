//! What the tests share: files in folders of their own, and short ways through the contracts.
#![allow(dead_code, reason = "each test binary uses its own part")]

use limosa_core::batch::{Batch, BatchLimit, Cell};
use limosa_core::canonical::{self, CanonicalRows, Form};
use limosa_core::chunk::{Chunk, Range};
use limosa_core::engine::{
    Ack, CanonicalColumn, CanonicalRead, ColumnRead, ColumnWrite, Engine, LoadSpec, Loaded,
    Snapshot, TableRead, Ticket,
};
use limosa_core::operation::Operation;
use limosa_core::policy::Policies;
use limosa_core::schema::{Catalog, Table, TableName, Type};
use limosa_core::value::Value;
use std::path::PathBuf;

pub(crate) const LIMIT: BatchLimit = BatchLimit {
    rows: 1_000,
    bytes: 1 << 20,
};

pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn engine(&self, name: &str) -> Box<dyn Engine> {
        limosa_sqlite::open(&format!("sqlite://{}", self.path(name).display())).expect("opens")
    }

    /// A file with these statements run in it.
    pub(crate) fn with(&self, name: &str, sql: &str) -> Box<dyn Engine> {
        let c = rusqlite::Connection::open(self.path(name)).expect("opens");
        c.execute_batch(sql).expect("the statements are right");
        drop(c);
        self.engine(name)
    }

    pub(crate) fn raw(&self, name: &str) -> rusqlite::Connection {
        let c = rusqlite::Connection::open(self.path(name)).expect("opens");
        c.busy_timeout(std::time::Duration::from_secs(5))
            .expect("is set");
        c
    }
}

pub(crate) fn table(catalog: &Catalog, name: &str) -> Table {
    catalog
        .table(&TableName::bare(name))
        .unwrap_or_else(|| panic!("no table {name}"))
        .clone()
}

pub(crate) fn read_of(table: &Table, physical: bool) -> TableRead {
    let column = |name: &String| {
        let c = table.column(name).expect("the key's columns are there");
        ColumnRead {
            name: c.name.clone(),
            ty: c.ty.clone(),
            native: c.native.clone(),
            as_text: false,
        }
    };
    TableRead {
        table: table.name.clone(),
        columns: table.columns.iter().map(|c| column(&c.name)).collect(),
        key: table.identifying_columns().iter().map(column).collect(),
        physical,
    }
}

pub(crate) fn spec_of(table: &Table, sources: Option<&[Type]>) -> LoadSpec {
    LoadSpec {
        table: table.name.clone(),
        columns: table
            .columns
            .iter()
            .enumerate()
            .filter(|(_, c)| c.generated.is_none())
            .map(|(i, c)| ColumnWrite {
                name: c.name.clone(),
                source: sources.map_or_else(|| c.ty.clone(), |s| s[i].clone()),
                target: c.ty.clone(),
                native: c.native.clone(),
                nullable: c.nullable,
                policies: Policies::default(),
            })
            .collect(),
        wire: None,
    }
}

pub(crate) fn read_all(
    snapshot: &dyn Snapshot,
    read: &TableRead,
    ranges: &[Range],
) -> Vec<Vec<Value>> {
    let mut reader = snapshot.reader().expect("a reader");
    let mut rows = Vec::new();
    let mut batch = Batch::default();
    for range in ranges {
        reader.open(read, range, None).expect("opens");
        loop {
            batch.reset(read.columns.len());
            let more = reader.fill(&mut batch, LIMIT).expect("fills");
            let cells: Vec<Value> = batch.cells().map(|c| c.to_value()).collect();
            rows.extend(cells.chunks(read.columns.len()).map(<[Value]>::to_vec));
            if !more {
                break;
            }
        }
    }
    rows
}

pub(crate) fn batch_of(rows: &[Vec<Value>]) -> Batch {
    let mut batch = Batch::default();
    batch.reset(rows.first().map_or(1, Vec::len));
    for row in rows {
        for value in row {
            batch.put_cell(value.as_cell());
        }
        batch.end_row();
    }
    batch
}

/// Installs a ledger for one chunk of one table and claims it.
pub(crate) fn claim(engine: &dyn Engine, run: &str, table: &TableName, chunk: u32) -> Ticket {
    let mut ledger = engine.ledger().expect("a ledger");
    ledger.install(run, "hash").expect("installs");
    ledger.acquire(run, "tester", true).expect("acquires");
    let known = ledger.chunks(run).expect("reads");
    if !known.iter().any(|c| c.table == *table) {
        let chunks: Vec<Chunk> = (0..10)
            .map(|id| Chunk {
                id,
                range: Range::All,
            })
            .collect();
        ledger.plan_table(run, table, "", &chunks).expect("plans");
    }
    ledger
        .claim(run, table, chunk)
        .expect("claims")
        .expect("is not done")
}

pub(crate) fn load(engine: &dyn Engine, spec: &LoadSpec, rows: &[Vec<Value>]) {
    let ticket = claim(engine, "test", &spec.table, 0);
    let mut loader = engine.loader().expect("a loader");
    let mut encoder = engine.encoder(spec).expect("an encoder");
    let mut bytes = Vec::new();
    encoder
        .encode(&batch_of(rows), &mut bytes)
        .expect("every value has a place");
    loader.begin(spec, &ticket).expect("begins");
    loader.write(&bytes).expect("writes");
    let ack = loader
        .commit(Loaded::new(rows.len() as u64, bytes.len() as u64))
        .expect("commits");
    assert_eq!(ack, Ack::Durable);
}

pub(crate) fn apply(engine: &dyn Engine, operations: &[Operation]) {
    let mut session = engine.session().expect("a session");
    for operation in operations {
        for sql in engine.dialect().render(operation).expect("has words") {
            session
                .execute(&sql)
                .unwrap_or_else(|e| panic!("{e:?}\n{sql}"));
        }
    }
}

/// The rows in the canonical form, each as its cells.
pub(crate) fn canonical_rows(
    engine: &dyn Engine,
    table: &Table,
    forms: &[Form],
) -> Vec<Vec<Option<Vec<u8>>>> {
    let snapshot = engine.snapshot(1).expect("a snapshot");
    let mut canonicalizer = snapshot.canonicalizer().expect("a canonical reader");
    let read = CanonicalRead {
        table: table.name.clone(),
        columns: table
            .columns
            .iter()
            .zip(forms)
            .map(|(c, form)| CanonicalColumn {
                name: c.name.clone(),
                ty: c.ty.clone(),
                native: c.native.clone(),
                form: *form,
            })
            .collect(),
        key_columns: 1,
    };
    canonicalizer.open(&read, &Range::All).expect("opens");
    let mut rows = CanonicalRows::default();
    let mut out = Vec::new();
    loop {
        rows.reset(1 << 20);
        let more = canonicalizer.fill(&mut rows, 1 << 16).expect("fills");
        for (_, row) in rows.rows() {
            out.push(
                canonical::cells(row)
                    .into_iter()
                    .map(|c| c.map(<[u8]>::to_vec))
                    .collect(),
            );
        }
        if !more {
            return out;
        }
    }
}

pub(crate) fn cell_texts(cells: &[Cell<'_>]) -> Vec<String> {
    cells.iter().map(|c| format!("{c:?}")).collect()
}
