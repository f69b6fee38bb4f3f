//! What a server sends is not trusted: a real session is recorded and played again with damage. Every answer that is
//! none gives an error; nothing panics, and no length alone takes the memory.

mod common;

use limosa_core::Result;
use limosa_core::batch::{Batch, BatchLimit};
use limosa_core::canonical::{self, CanonicalRows};
use limosa_core::chunk::Range;
use limosa_core::engine::{CanonicalColumn, CanonicalRead, Role, Snapshot};
use limosa_core::schema::Table;
use limosa_testkit::damage::{Damage, peak_memory, play, record};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const TABLES: &str = "create table a (i bigint primary key, n numeric, t text, b bytea, d date, ts timestamptz, j jsonb, u uuid, f float8, a int[], v interval);\
insert into a select i, i / 7.0, repeat('x', i::int % 300), decode('00ff', 'hex'), '2024-02-29', '2024-02-29 12:00:00.5+00', '{\"a\": 1}', gen_random_uuid(), i / 3.0, array[1, null, 3], '1 day 2 hours' from generate_series(1, 300) i;\
create table k (x text, y varchar(10)); insert into k values ('a', null), (null, 'b'); create view v as select i from a;";

/// Reads whatever there is, in all the ways there are.
fn walk(url: &str) -> Result<usize> {
    let engine = limosa_postgres::open(url)?;
    let catalog = engine.inspect()?;
    let mut bytes = engine.missing_privileges(Role::Source, &catalog)?.len();
    let mut session = engine.session()?;
    bytes += session.query("SELECT 1, NULL, 'x'")?.len();
    let snapshot = engine.snapshot(1)?;
    for table in &catalog.tables {
        bytes += rows(&*snapshot, table)?;
    }
    Ok(bytes)
}

fn rows(snapshot: &dyn Snapshot, table: &Table) -> Result<usize> {
    let read = common::table_read(table, false, false);
    let mut reader = snapshot.reader()?;
    let mut batch = Batch::default();
    let limit = BatchLimit {
        rows: 100,
        bytes: 1 << 20,
    };
    let mut seen = 0;
    for chunk in snapshot.chunks(&read, 1 << 20)? {
        reader.open(&read, &chunk.range, None)?;
        loop {
            batch.reset(read.columns.len());
            let more = reader.fill(&mut batch, limit)?;
            seen += batch.rows() as usize;
            if !more {
                break;
            }
        }
    }
    let columns = read.columns.iter().filter_map(|c| {
        Some(CanonicalColumn {
            name: c.name.clone(),
            ty: c.ty.clone(),
            native: c.native.clone(),
            form: canonical::form(&c.ty, &c.ty).ok()?,
        })
    });
    let read = CanonicalRead {
        table: table.name.clone(),
        key_columns: 0,
        columns: columns.collect(),
    };
    drop(reader);
    let mut canonical = snapshot.canonicalizer()?;
    canonical.open(&read, &Range::All)?;
    let mut rows = CanonicalRows::default();
    loop {
        rows.reset(1 << 20);
        if !canonical.fill(&mut rows, 1 << 18)? {
            return Ok(seen + rows.len());
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn damaged_answers_are_errors() {
    let (url, engine) = common::database(TABLES);
    drop(engine);
    let port = limosa_testkit::postgres().port();
    let at = |own: u16| url.replace(&format!(":{port}/"), &format!(":{own}/")) + "?sslmode=disable";
    let mut whole = 0;
    let recording = record(port, |own| {
        whole = walk(&at(own)).expect("the server itself tells no lies");
    });
    // What was recorded is enough to answer with.
    let played = play(recording.clone(), |own| walk(&at(own)));
    assert_eq!(played.expect("nothing is damaged"), whole);
    let cases = std::env::var("LIMOSA_DAMAGE_CASES").ok();
    let cases = cases.and_then(|n| n.parse().ok()).unwrap_or(120);
    let one = (any::<u32>(), any::<u32>(), any::<u8>(), any::<u32>());
    let damages = prop::collection::vec(one, 1..4);
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 64,
        ..Config::default()
    });
    let outcome = runner.run(&damages, |damages| {
        let mut recording = recording.clone();
        for (part, at, kind, value) in damages {
            Damage {
                part,
                at,
                kind,
                value,
            }
            .apply(&mut recording);
        }
        // A value may be damaged into another value; that is for the comparison to find.
        if let Err(error) = play(recording, |own| walk(&at(own))) {
            prop_assert!(!error.to_string().is_empty());
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    let peak = peak_memory() >> 20;
    assert!(peak < 600, "{peak} MiB for a recording of a few KiB");
}
