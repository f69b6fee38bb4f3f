//! A walk through a database whose server lies.

use super::{Damage, peak_memory, play, record};
use crate::conformance::table_read;
use limosa_core::Result;
use limosa_core::batch::{Batch, BatchLimit};
use limosa_core::canonical::{self, CanonicalRows};
use limosa_core::chunk::Range;
use limosa_core::engine::{CanonicalColumn, CanonicalRead, Engine, Role, Snapshot};
use limosa_core::schema::Table;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Reads whatever there is, in all the ways there are.
fn walk(engine: &dyn Engine) -> Result<usize> {
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
    let read = table_read(table);
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

/// Records a walk through a database of the server at `port`, damages it, and walks again: every answer that is none
/// gives an error; nothing panics, and no length alone takes the memory. `open` opens the database by another
/// port, in clear. `LIMOSA_DAMAGE_CASES` says how often.
///
/// # Panics
/// If it does not.
pub fn damaged_answers_are_errors(port: u16, open: &dyn Fn(u16) -> Result<Box<dyn Engine>>) {
    let walked = |own: u16| walk(&*open(own)?);
    let mut whole = 0;
    let recording = record(port, |own| {
        whole = walked(own).expect("the server itself tells no lies");
    });
    // What was recorded is enough to answer with.
    let played = play(recording.clone(), walked);
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
        if let Err(error) = play(recording, walked) {
            prop_assert!(!error.to_string().is_empty());
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    let peak = peak_memory() >> 20;
    // Zero where the system does not say it.
    assert!(peak < 600, "{peak} MiB for a recording of a few KiB");
}
