//! Whole sample databases, copied by cells and by wire, and compared.
//!
//! The folder of the samples is named by `LIMOSA_SAMPLES`; without it the test says that it was skipped.

mod common;

use common::*;
use limosa_core::canonical::Form;
use limosa_core::chunk::Range;
use limosa_core::operation::Operation;
use std::path::Path;

#[test]
#[allow(clippy::print_stderr, reason = "a skipped test must say so")]
fn sample_databases_are_copied_whole() {
    let Ok(folder) = std::env::var("LIMOSA_SAMPLES") else {
        eprintln!("skipped: LIMOSA_SAMPLES names no folder");
        return;
    };
    let folder = Path::new(&folder);
    let place = Place::new();
    let chinook = std::fs::read(folder.join("chinook/chinook.sqlite")).expect("is there");
    std::fs::write(place.path("chinook.db"), chinook).expect("writes");
    let northwind =
        std::fs::read_to_string(folder.join("northwind/northwind-sqlite.sql")).expect("is there");
    place
        .raw("northwind.db")
        .execute_batch(&format!("PRAGMA synchronous = OFF; {northwind}"))
        .expect("runs");
    for name in ["chinook", "northwind"] {
        let source = place.engine(&format!("{name}.db"));
        let catalog = source.inspect().expect("inspects");
        assert!(catalog.tables.len() > 10, "{name}");
        let target = place.engine(&format!("{name}-copy.db"));
        let snapshot = source.snapshot(1).expect("a snapshot");
        let mut total = 0;
        for t in &catalog.tables {
            let mut bare = t.clone();
            bare.indexes.clear();
            apply(&*target, &[Operation::CreateTable(Box::new(bare))]);
            let mut read = read_of(t, true);
            for column in &mut read.columns {
                column.as_text = true;
            }
            let ranges: Vec<Range> = snapshot
                .chunks(&read, 10_000)
                .expect("cuts")
                .into_iter()
                .map(|c| c.range)
                .collect();
            let rows = read_all(&*snapshot, &read, &ranges);
            total += rows.len();
            if !rows.is_empty() {
                load(&*target, &spec_of(t, None), &rows);
            }
            let forms = vec![Form::Dynamic; t.columns.len()];
            assert_eq!(
                canonical_rows(&*source, t, &forms),
                canonical_rows(&*target, t, &forms),
                "{name}.{}",
                t.name
            );
        }
        let again = target.inspect().expect("inspects");
        for (a, b) in catalog.tables.iter().zip(&again.tables) {
            assert_eq!(
                (&a.columns.len(), &a.foreign_keys, &a.checks),
                (&b.columns.len(), &b.foreign_keys, &b.checks)
            );
            for (a, b) in a.columns.iter().zip(&b.columns) {
                assert_eq!(
                    (&a.ty, &a.native, &a.default, a.nullable),
                    (&b.ty, &b.native, &b.default, b.nullable)
                );
            }
        }
        eprintln!("{name}: {} tables, {total} rows", catalog.tables.len());
    }
}
