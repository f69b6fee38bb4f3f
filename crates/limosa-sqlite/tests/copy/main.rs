//! Rows arrive as they were, once.

#[path = "../common/mod.rs"]
mod common;
mod load;
mod loose;
mod snapshot;
mod types;

use common::*;
use limosa_core::ErrorKind;
use limosa_core::chunk::Range;
use limosa_core::dialect::PlaceContext;
use limosa_core::engine::{ChunkState, Engine, Loaded};
use limosa_core::operation::Operation;
use limosa_core::policy::Policies;
use limosa_core::schema::{Column, Key, Table, TableName, Type};
use limosa_core::value::Value;

fn columns(types: &[(Type, bool)], engine: &dyn Engine) -> Vec<Column> {
    let policies = Policies::default();
    types
        .iter()
        .enumerate()
        .map(|(i, (ty, nullable))| {
            let placed = engine.dialect().place(
                ty,
                &PlaceContext {
                    scan: None,
                    indexed: false,
                    key_columns: 0,
                    key_chars: 0,
                    identity: false,
                    folds: false,
                    same_family: false,
                    native: "",
                    policies: &policies,
                },
            );
            Column {
                name: format!("c{i}"),
                ty: placed.ty,
                native: placed.native,
                nullable: *nullable,
                default: None,
                identity: None,
                generated: None,
                on_update_now: false,
                collation: None,
                folds: false,
                comment: None,
            }
        })
        .collect()
}

fn made(name: &str, columns: Vec<Column>) -> Table {
    Table {
        name: TableName::bare(name),
        primary_key: Some(Key {
            name: None,
            columns: vec![columns[0].name.clone()],
            deferrable: false,
            initially_deferred: false,
            nulls_not_distinct: false,
        }),
        columns,
        uniques: vec![],
        foreign_keys: vec![],
        checks: vec![],
        indexes: vec![],
        triggers: vec![],
        partitioning: None,
        comment: None,
        estimated_rows: None,
        estimated_bytes: None,
        unrepresented: vec![],
    }
}

fn simple(place: &Place) -> (Box<dyn Engine>, Table) {
    let engine = place.with(
        "t.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT); CREATE TABLE fired (n);
         CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO fired VALUES (1); END",
    );
    let t = table(&engine.inspect().expect("inspects"), "t");
    (engine, t)
}
