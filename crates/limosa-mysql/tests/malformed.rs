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

const TABLES: &str = "create table a (i bigint primary key, n decimal(20,6), t text, b varbinary(20), d date, ts datetime(6), j json, f double, y year, e enum('x','y'), s set('p','q'), bi bit(9));\
insert into a with recursive r (i) as (select 1 union all select i + 1 from r where i < 300) select i, i / 7, repeat('x', i % 300), x'00ff', '2024-02-29', '2024-02-29 12:00:00.5', '{\"a\": 1}', i / 3, 2024, 'y', 'p,q', b'101' from r;\
create table k (x text, y varchar(10)); insert into k values ('a', null), (null, 'b'); create view v as select i from a;";

/// Reads whatever there is, in all the ways there are.
fn walk(url: &str) -> Result<usize> {
    let engine = limosa_mysql::open(url)?;
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
    let read = common::table_read(table);
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
    let (url, engine) = {
        let (engine, url) = common::open(TABLES);
        (url, engine)
    };
    drop(engine);
    let port = limosa_testkit::mariadb().port();
    let at = |own: u16| {
        url.replace(&format!(":{port}/"), &format!(":{own}/"))
            + "?ssl-mode=DISABLED&get-server-public-key=1"
    };
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
