//! What one row costs in each engine: reading it, encoding it for each target, saying it canonically.
//!
//! `encode` is our own work alone. `read` and `canonical` have the engine's work in them, for they
//! read a table of a real server (started by the test kit) or file.

#![allow(
    missing_docs,
    reason = "criterion's macros make functions that can not have any"
)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use limosa_core::batch::{Batch, BatchLimit};
use limosa_core::canonical::{self, CanonicalRows};
use limosa_core::chunk::Range;
use limosa_core::dialect::PlaceContext;
use limosa_core::engine::{
    CanonicalColumn, CanonicalRead, ColumnRead, ColumnWrite, Engine, LoadSpec, TableRead,
};
use limosa_core::policy::Policies;
use limosa_core::schema::Table;
use std::hint::black_box;
use std::path::Path;

const ROWS: u64 = 20_000;

const TABLE: &str = "create table lineitem (l_orderkey bigint not null, l_partkey int not null, \
    l_suppkey int not null, l_linenumber int not null, l_quantity decimal(15,2) not null, \
    l_extendedprice decimal(15,2) not null, l_discount decimal(15,2) not null, \
    l_tax decimal(15,2) not null, l_returnflag char(1) not null, l_linestatus char(1) not null, \
    l_shipdate date not null, l_commitdate date not null, l_receiptdate date not null, \
    l_shipinstruct char(25) not null, l_shipmode char(10) not null, l_comment varchar(44) not null, \
    primary key (l_orderkey, l_linenumber))";

/// An engine with the table in it.
struct Side {
    name: &'static str,
    engine: Box<dyn Engine>,
    table: Table,
}

impl Side {
    fn new(name: &'static str, engine: Box<dyn Engine>) -> Self {
        let mut csv = Vec::new();
        limosa_bench::lineitem(ROWS, &mut csv).expect("memory takes it");
        let csv = String::from_utf8(csv).expect("it is ASCII");
        let mut session = engine.session().expect("a session");
        let place = engine.capabilities().default_namespace.as_ref();
        let place = place.map_or(String::new(), |schema| format!("{schema}."));
        session
            .execute(&TABLE.replace("lineitem (", &format!("{place}lineitem (")))
            .expect("the table is made");
        let rows: Vec<&str> = csv.lines().skip(1).collect();
        for part in rows.chunks(1000) {
            let mut sql = format!("insert into {place}lineitem values ");
            for (i, row) in part.iter().enumerate() {
                sql.push_str(if i == 0 { "(" } else { ",(" });
                for (j, cell) in row.split(',').enumerate() {
                    let quote = if j < 8 { "" } else { "'" };
                    let comma = if j == 0 { "" } else { "," };
                    sql.push_str(&format!("{comma}{quote}{cell}{quote}"));
                }
                sql.push(')');
            }
            session.execute(&sql).expect("the rows are taken");
        }
        let catalog = engine.inspect().expect("a catalog");
        let table = catalog
            .tables
            .into_iter()
            .find(|t| t.name.name == "lineitem")
            .expect("the table is in the catalog");
        Self {
            name,
            engine,
            table,
        }
    }

    fn read(&self) -> TableRead {
        let column = |name: &String| {
            let c = self.table.column(name).expect("a column of the table");
            ColumnRead {
                name: c.name.clone(),
                ty: c.ty.clone(),
                native: c.native.clone(),
                as_text: false,
            }
        };
        TableRead {
            table: self.table.name.clone(),
            columns: self.table.columns.iter().map(|c| column(&c.name)).collect(),
            key: self
                .table
                .identifying_columns()
                .iter()
                .map(column)
                .collect(),
            physical: true,
        }
    }

    /// How this side would be written in another engine.
    fn load(&self, target: &dyn Engine) -> LoadSpec {
        let policies = Policies::default();
        let columns = self.table.columns.iter().map(|c| {
            let placed = target.dialect().place(
                &c.ty,
                &PlaceContext {
                    scan: None,
                    indexed: false,
                    key_columns: 0,
                    key_chars: 0,
                    identity: false,
                    folds: c.folds,
                    same_family: target.capabilities().family == self.engine.capabilities().family,
                    native: &c.native,
                    policies: &policies,
                },
            );
            ColumnWrite {
                name: c.name.clone(),
                source: c.ty.clone(),
                target: placed.ty,
                native: placed.native,
                nullable: c.nullable,
                policies,
            }
        });
        LoadSpec {
            table: self.table.name.clone(),
            columns: columns.collect(),
            wire: None,
        }
    }

    fn canonical(&self) -> CanonicalRead {
        let key = self.table.identifying_columns();
        let rest = self.table.columns.iter().map(|c| &c.name);
        let names: Vec<&String> = key
            .iter()
            .chain(rest.filter(|c| !key.contains(c)))
            .collect();
        CanonicalRead {
            table: self.table.name.clone(),
            columns: names
                .iter()
                .map(|name| {
                    let c = self.table.column(name).expect("a column of the table");
                    CanonicalColumn {
                        name: c.name.clone(),
                        ty: c.ty.clone(),
                        native: c.native.clone(),
                        form: canonical::form(&c.ty, &c.ty)
                            .expect("it can be compared with itself"),
                    }
                })
                .collect(),
            key_columns: key.len(),
        }
    }

    /// All rows, in batches of the size that the copy uses.
    fn batches(&self) -> Vec<Batch> {
        let snapshot = self.engine.snapshot(1).expect("a snapshot");
        let mut reader = snapshot.reader().expect("a reader");
        let read = self.read();
        reader
            .open(&read, &Range::All, None)
            .expect("the table is opened");
        let mut out = Vec::new();
        loop {
            let mut batch = Batch::default();
            batch.reset(read.columns.len());
            let more = reader.fill(&mut batch, LIMIT).expect("rows");
            out.push(batch);
            if !more {
                return out;
            }
        }
    }
}

const LIMIT: BatchLimit = BatchLimit {
    rows: 10_000,
    bytes: 256 << 10,
};

fn sides(folder: &Path) -> Vec<Side> {
    let (postgres, maria) = (limosa_testkit::postgres(), limosa_testkit::mariadb());
    let open = |what: limosa_core::Result<Box<dyn Engine>>| what.expect("it opens");
    vec![
        Side::new(
            "sqlite",
            open(limosa_sqlite::open(&format!(
                "sqlite:{}?mode=rwc",
                folder.join("lineitem.db").display()
            ))),
        ),
        Side::new(
            "postgres",
            open(limosa_postgres::open(&postgres.database())),
        ),
        Side::new("mariadb", open(limosa_mysql::open(&maria.database()))),
    ]
}

fn rows(c: &mut Criterion) {
    let folder = limosa_testkit::folder();
    let sides = sides(&folder);

    let mut group = c.benchmark_group("read");
    group.throughput(Throughput::Elements(ROWS)).sample_size(20);
    for side in &sides {
        let read = side.read();
        let snapshot = side.engine.snapshot(1).expect("a snapshot");
        let mut reader = snapshot.reader().expect("a reader");
        let mut batch = Batch::default();
        group.bench_function(side.name, |b| {
            b.iter(|| {
                reader
                    .open(&read, &Range::All, None)
                    .expect("the table is opened");
                loop {
                    batch.reset(read.columns.len());
                    let more = reader.fill(&mut batch, LIMIT).expect("rows");
                    black_box(batch.bytes());
                    if !more {
                        break;
                    }
                }
            });
        });
    }
    group.finish();

    let mut group = c.benchmark_group("encode");
    group.throughput(Throughput::Elements(ROWS)).sample_size(50);
    for source in &sides {
        let batches = source.batches();
        for target in &sides {
            let spec = source.load(target.engine.as_ref());
            let mut encoder = target.engine.encoder(&spec).expect("an encoder");
            group.bench_function(format!("{} to {}", source.name, target.name), |b| {
                b.iter_batched_ref(
                    || Vec::with_capacity(8 << 20),
                    |out| {
                        for batch in &batches {
                            encoder.encode(batch, out).expect("every value fits");
                        }
                        black_box(out.len())
                    },
                    BatchSize::LargeInput,
                );
            });
        }
    }
    group.finish();

    let mut group = c.benchmark_group("canonical");
    group.throughput(Throughput::Elements(ROWS)).sample_size(20);
    for side in &sides {
        let read = side.canonical();
        let snapshot = side.engine.snapshot(1).expect("a snapshot");
        let mut reader = snapshot.canonicalizer().expect("a canonical reader");
        let mut rows = CanonicalRows::default();
        group.bench_function(side.name, |b| {
            b.iter(|| {
                reader
                    .open(&read, &Range::All)
                    .expect("the table is opened");
                loop {
                    rows.reset(1 << 20);
                    let more = reader.fill(&mut rows, 256 << 10).expect("rows");
                    for (_, row) in rows.rows() {
                        black_box(canonical::hash(row));
                    }
                    if !more {
                        break;
                    }
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, rows);
criterion_main!(benches);
