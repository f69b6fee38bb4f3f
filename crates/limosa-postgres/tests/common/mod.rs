//! What these tests share: a whole database copied by the engine alone, without the flow.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(unreachable_pub, reason = "a module of tests")]

use limosa_core::batch::{Batch, BatchLimit};
use limosa_core::canonical::{self, CanonicalRows};
use limosa_core::chunk::Range;
use limosa_core::engine::{
    CanonicalColumn, CanonicalRead, ColumnRead, ColumnWrite, Engine, LoadSpec, Loaded, TableRead,
};
use limosa_core::operation::Operation;
use limosa_core::policy::Policies;
use limosa_core::schema::{Catalog, Table};
use limosa_testkit::postgres;

/// A fresh database after some SQL.
pub fn database(sql: &str) -> (String, Box<dyn Engine>) {
    let url = postgres().database();
    limosa_testkit::execute_psql(&url, sql);
    let engine = limosa_postgres::open(&url).expect("it opens");
    (url, engine)
}

/// All columns that are not computed.
pub fn table_read(t: &Table, physical: bool, as_text: bool) -> TableRead {
    let column = |name: &String| {
        let c = t.column(name).expect("a column of the table");
        ColumnRead {
            name: c.name.clone(),
            ty: c.ty.clone(),
            native: c.native.clone(),
            as_text,
        }
    };
    TableRead {
        table: t.name.clone(),
        columns: t
            .columns
            .iter()
            .filter(|c| c.generated.is_none())
            .map(|c| column(&c.name))
            .collect(),
        key: t.identifying_columns().iter().map(column).collect(),
        physical,
    }
}

/// The same columns, written.
pub fn load_spec(t: &Table, wire: Option<&str>) -> LoadSpec {
    LoadSpec {
        table: t.name.clone(),
        columns: t
            .columns
            .iter()
            .filter(|c| c.generated.is_none())
            .map(|c| ColumnWrite {
                name: c.name.clone(),
                source: c.ty.clone(),
                target: c.ty.clone(),
                native: c.native.clone(),
                nullable: c.nullable,
                policies: Policies::default(),
            })
            .collect(),
        wire: wire.map(Into::into),
    }
}

/// How the table is compared with its copy.
pub fn canonical_read(t: &Table) -> CanonicalRead {
    let key = t.identifying_columns();
    let mut names = key.clone();
    names.extend(
        t.columns
            .iter()
            .map(|c| c.name.clone())
            .filter(|c| !key.contains(c)),
    );
    CanonicalRead {
        table: t.name.clone(),
        columns: names
            .iter()
            .map(|n| {
                let c = t.column(n).expect("a column of the table");
                CanonicalColumn {
                    name: c.name.clone(),
                    ty: c.ty.clone(),
                    native: c.native.clone(),
                    form: canonical::form(&c.ty, &c.ty).expect("a type equals itself"),
                }
            })
            .collect(),
        key_columns: key.len(),
    }
}

/// The sum of all rows' hashes, and their number.
pub fn digest(engine: &dyn Engine, t: &Table) -> (u128, u64) {
    let snapshot = engine.snapshot(1).expect("a snapshot");
    let mut reader = snapshot.canonicalizer().expect("a canonical reader");
    reader
        .open(&canonical_read(t), &Range::All)
        .unwrap_or_else(|e| panic!("{}: {e:?}", t.name));
    let mut rows = CanonicalRows::default();
    let (mut sum, mut count) = (0u128, 0);
    loop {
        rows.reset(1 << 20);
        let more = reader
            .fill(&mut rows, 1 << 18)
            .unwrap_or_else(|e| panic!("{}: {e:?}", t.name));
        for (_, row) in rows.rows() {
            sum = sum.wrapping_add(canonical::hash(row));
            count += 1;
        }
        if !more {
            return (sum, count);
        }
    }
}

fn run(session: &mut dyn limosa_core::engine::Session, engine: &dyn Engine, operation: &Operation) {
    let statements = engine
        .dialect()
        .render(operation)
        .unwrap_or_else(|e| panic!("{operation:?}: {e:?}"));
    for sql in statements {
        session
            .execute(&sql)
            .unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    }
    if let Some(evidence) = operation.evidence() {
        assert!(
            session.exists(&evidence).expect("it can be asked"),
            "{evidence:?}"
        );
    }
}

/// Makes schemas, types and tables, without keys.
pub fn make(engine: &dyn Engine, catalog: &Catalog) {
    let mut s = engine.session().expect("a session");
    let mut schemas: Vec<String> = catalog
        .tables
        .iter()
        .filter_map(|t| t.name.schema.clone())
        .chain(catalog.enums.iter().filter_map(|t| t.name.schema.clone()))
        .filter(|s| s != "public")
        .collect();
    schemas.sort();
    schemas.dedup();
    for schema in schemas {
        run(&mut *s, engine, &Operation::CreateSchema(schema));
    }
    for r in catalog.routines.iter().filter(|r| r.kind == "extension") {
        s.execute(r.text.as_deref().expect("extensions have one"))
            .expect("the extension is installed");
    }
    for e in &catalog.enums {
        run(&mut *s, engine, &Operation::CreateEnum(e.clone()));
    }
    for d in &catalog.domains {
        run(&mut *s, engine, &Operation::CreateDomain(d.clone()));
    }
    for r in catalog.routines.iter().filter(|r| r.kind != "extension") {
        if let Some(text) = r.text.as_deref().filter(|_| r.kind == "type") {
            s.execute(text).expect("the type is made");
        }
    }
    for q in &catalog.sequences {
        run(&mut *s, engine, &Operation::CreateSequence(q.clone()));
        run(
            &mut *s,
            engine,
            &Operation::SetSequence {
                name: q.name.clone(),
                next: q.next,
            },
        );
    }
    // Functions may be used by tables, and may use them.
    s.execute("SET check_function_bodies = off").expect("legal");
    let mut functions: Vec<_> = catalog
        .routines
        .iter()
        .filter(|r| matches!(r.kind.as_str(), "function" | "procedure" | "aggregate"))
        .collect();
    functions.retain(|r| {
        let text = r.text.as_deref().expect("functions have one");
        s.execute(text).is_err()
    });
    for t in &catalog.tables {
        let mut bare = t.clone();
        bare.primary_key = None;
        bare.uniques.clear();
        bare.checks.clear();
        bare.foreign_keys.clear();
        run(&mut *s, engine, &Operation::CreateTable(Box::new(bare)));
    }
    for r in functions {
        s.execute(r.text.as_deref().expect("functions have one"))
            .unwrap_or_else(|e| panic!("{}: {e:?}", r.name));
    }
}

/// Adds what is added after the load.
pub fn finish(engine: &dyn Engine, catalog: &Catalog) {
    let mut s = engine.session().expect("a session");
    for r in (catalog.routines.iter()).filter(|r| r.kind.ends_with(" of a table")) {
        run(&mut *s, engine, &Operation::CreateRoutine(r.clone()));
    }
    for t in &catalog.tables {
        let n = &t.name;
        if let Some(key) = &t.primary_key {
            run(
                &mut *s,
                engine,
                &Operation::AddPrimaryKey(n.clone(), key.clone()),
            );
        }
        for key in &t.uniques {
            run(
                &mut *s,
                engine,
                &Operation::AddUnique(n.clone(), key.clone()),
            );
        }
        for index in &t.indexes {
            run(
                &mut *s,
                engine,
                &Operation::CreateIndex {
                    table: n.clone(),
                    index: index.clone(),
                    columns: t.columns.clone(),
                },
            );
        }
        for check in &t.checks {
            run(
                &mut *s,
                engine,
                &Operation::AddCheck(n.clone(), check.clone()),
            );
        }
        for c in &t.columns {
            if let Some(next) = c.identity.as_ref().and_then(|i| i.next) {
                run(
                    &mut *s,
                    engine,
                    &Operation::SetCounter {
                        table: n.clone(),
                        column: c.name.clone(),
                        next,
                    },
                );
            }
            if let Some(text) = &c.comment {
                let (column, text) = (Some(c.name.clone()), text.clone());
                run(
                    &mut *s,
                    engine,
                    &Operation::Comment {
                        table: n.clone(),
                        column,
                        text,
                    },
                );
            }
        }
        if let Some(text) = &t.comment {
            let (column, text) = (None, text.clone());
            run(
                &mut *s,
                engine,
                &Operation::Comment {
                    table: n.clone(),
                    column,
                    text,
                },
            );
        }
    }
    for t in &catalog.tables {
        for key in &t.foreign_keys {
            run(
                &mut *s,
                engine,
                &Operation::AddForeignKey(t.name.clone(), key.clone()),
            );
        }
    }
    for view in &catalog.views {
        run(&mut *s, engine, &Operation::CreateView(view.clone()));
    }
    for t in &catalog.tables {
        for trigger in &t.triggers {
            s.execute(&trigger.text).expect("the trigger is made");
        }
        run(&mut *s, engine, &Operation::Analyze(t.name.clone()));
    }
}

/// How rows go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// Through cells.
    Cells,
    /// Through cells of text, as the planner does for types that only PostgreSQL has.
    Texts,
    /// Unparsed, in the best format that both take.
    Wire,
}

/// Copies every row of a table, chunk by chunk, through the ledger.
pub fn copy(source: &dyn Engine, target: &dyn Engine, t: &Table, way: Way, bytes: u64) -> u64 {
    let mut what = table_read(t, way == Way::Wire, false);
    let mut wire = None;
    if way == Way::Wire {
        let formats = source.wire_out(&what);
        let spec = load_spec(t, None);
        wire = formats.into_iter().find(|f| target.wire_in(&spec, f));
        assert!(wire.is_some(), "{}", t.name);
    }
    let mut spec = load_spec(t, wire.as_deref());
    if way == Way::Texts {
        for (read, write) in what.columns.iter_mut().zip(&mut spec.columns) {
            use limosa_core::schema::Type;
            if matches!(read.ty, Type::Native { .. } | Type::Array { .. }) {
                read.as_text = true;
            }
            write.source = read.ty.clone();
        }
    }
    let mut ledger = target.ledger().expect("a ledger");
    ledger.install("run", "plan").expect("it is installed");
    let snapshot = source.snapshot(1).expect("a snapshot");
    let chunks = snapshot
        .chunks(&what, bytes)
        .unwrap_or_else(|e| panic!("{}: {e:?}", t.name));
    ledger
        .plan_table("run", &t.name, "mark", &chunks)
        .expect("chunks are written down");
    let mut reader = snapshot.reader().expect("a reader");
    let mut loader = target.loader().expect("a loader");
    let mut total = 0;
    for chunk in &chunks {
        let ticket = ledger
            .claim("run", &t.name, chunk.id)
            .expect("it can be claimed")
            .expect("it is not done");
        let fail = |e: limosa_core::Error| -> ! { panic!("{} by {way:?}: {e:?}", t.name) };
        reader
            .open(&what, &chunk.range, wire.as_deref())
            .unwrap_or_else(|e| fail(e));
        loader.begin(&spec, &ticket).unwrap_or_else(|e| fail(e));
        let (mut rows, mut sent) = (0, 0);
        let mut batch = Batch::default();
        let mut encoder = target.encoder(&spec).expect("an encoder");
        let mut out = Vec::new();
        loop {
            out.clear();
            let more = if wire.is_some() {
                let (n, more) = reader.fill_wire(&mut out, 4096).unwrap_or_else(|e| fail(e));
                rows += n;
                more
            } else {
                batch.reset(what.columns.len());
                let limit = BatchLimit {
                    rows: 500,
                    bytes: 1 << 18,
                };
                let more = reader.fill(&mut batch, limit).unwrap_or_else(|e| fail(e));
                encoder
                    .encode(&batch, &mut out)
                    .unwrap_or_else(|r| panic!("{}: {r:?}", t.name));
                rows += batch.rows();
                more
            };
            sent += out.len() as u64;
            loader.write(&out).unwrap_or_else(|e| fail(e));
            if !more {
                break;
            }
        }
        loader
            .commit(Loaded::new(rows, sent))
            .unwrap_or_else(|e| fail(e));
        total += rows;
    }
    total
}

/// What is equal in a copy: everything but statistics, and serial columns are identity columns.
pub fn comparable(mut catalog: Catalog) -> Catalog {
    for t in &mut catalog.tables {
        t.estimated_rows = None;
        t.estimated_bytes = None;
        for c in &mut t.columns {
            if let Some(i) = &mut c.identity {
                i.always = false;
            }
        }
    }
    catalog.collation = None;
    catalog
}
