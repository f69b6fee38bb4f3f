//! Tables with their columns, keys, checks, indexes and triggers.

use super::types::Types;
use super::{NextValues, Row, queries, sql};
use crate::connection::Connection;
use limosa_core::Result;
use limosa_core::schema::{
    Action, Check, Column, ForeignKey, Generated, Identity, Index, IndexOf, IndexPart, Key,
    Partitioning, Table, TableName, Trigger,
};
use std::collections::{BTreeSet, HashMap};

/// Reads all tables, by name. `owned` gets the sequences that belong to a column which counts by itself.
pub(super) fn read(
    c: &mut Connection,
    types: &Types,
    next: &NextValues,
    block: u64,
    owned: &mut BTreeSet<u32>,
) -> Result<Vec<Table>> {
    let mut tables = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for row in &c.query(queries::TABLES)?.rows {
        let row = Row(row);
        places.insert(row.text(0).into(), tables.len());
        tables.push(table(&row, block));
    }
    // A table made since the first question belongs to the next inspection: the transaction hides it,
    // so every row here finds its table.
    for row in &c.query(queries::COLUMNS)?.rows {
        let row = Row(row);
        if let Some(at) = places.get(row.text(0)) {
            let column = column(&row, types, next, owned);
            tables[*at].columns.push(column);
        }
    }
    for row in &c.query(queries::CONSTRAINTS)?.rows {
        let row = Row(row);
        if let Some(at) = places.get(row.text(0)) {
            constraint(&row, &mut tables[*at]);
        }
    }
    for row in &c.query(queries::INDEXES)?.rows {
        let row = Row(row);
        if let Some(at) = places.get(row.text(0)) {
            index(&row, &mut tables[*at]);
        }
    }
    for row in &c.query(queries::TRIGGERS)?.rows {
        let row = Row(row);
        if let Some(at) = places.get(row.text(0)) {
            tables[*at].triggers.push(Trigger {
                name: row.text(1).into(),
                text: row.text(2).into(),
            });
        }
    }
    Ok(tables)
}

fn table(row: &Row<'_>, block: u64) -> Table {
    let mut unrepresented = Vec::new();
    if row.text(4) == "u" {
        unrepresented.push("the table is unlogged".to_string());
    }
    if let Some(parents) = row.opt(9) {
        unrepresented.push(format!(
            "the table inherits from {parents}; only its own rows are meant by its name"
        ));
    }
    let partitioning = row.opt(6).map(|clause| {
        let parts: Vec<(String, String, String, String)> = row
            .opt(10)
            .and_then(|t| serde_json::from_str(t).ok())
            .unwrap_or_default();
        Partitioning {
            clause: clause.into(),
            parts: parts
                .into_iter()
                .map(|(schema, name, bound, kind)| {
                    if kind == "f" {
                        unrepresented.push(format!("partition {name} is a foreign table"));
                    }
                    (TableName::within(schema, name), bound)
                })
                .collect(),
        }
    });
    Table {
        name: TableName::within(row.text(1), row.text(2)),
        columns: Vec::new(),
        primary_key: None,
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        indexes: Vec::new(),
        triggers: Vec::new(),
        partitioning,
        comment: row.own(5),
        estimated_rows: row.number(7),
        estimated_bytes: row.number::<u64>(8).map(|pages| pages * block),
        unrepresented,
    }
}

fn column(row: &Row<'_>, types: &Types, next: &NextValues, owned: &mut BTreeSet<u32>) -> Column {
    let oid: u32 = row.number(2).unwrap_or(0);
    let native = row.text(4);
    let generated = match row.text(7) {
        "" => None,
        kind => row.opt(8).map(|text| Generated {
            expression: sql(text),
            stored: kind != "v",
        }),
    };
    let default = row.opt(8).filter(|_| generated.is_none());
    let sequence: Option<u32> = row.number(12);
    let counts = match (row.text(6), default) {
        ("a" | "d", _) => true,
        (_, Some(text)) => {
            row.flag(16) && text.starts_with("nextval('") && text.ends_with("'::regclass)")
        }
        _ => false,
    };
    let identity = sequence.filter(|_| counts).map(|sequence| {
        owned.insert(sequence);
        Identity {
            always: row.text(6) == "a",
            next: next.get(&sequence).copied(),
            increment: row.number(15).unwrap_or(1),
        }
    });
    Column {
        name: row.text(1).into(),
        ty: types.neutral(oid, row.number(3).unwrap_or(-1), native),
        native: native.into(),
        nullable: !row.flag(5),
        default: default.filter(|_| identity.is_none()).map(sql),
        identity,
        generated,
        on_update_now: false,
        collation: row.own(9),
        folds: types.folds(oid) || row.opt(10) == Some("f"),
        comment: row.own(11),
    }
}

fn action(letter: &str) -> Action {
    match letter {
        "r" => Action::Restrict,
        "c" => Action::Cascade,
        "n" => Action::SetNull,
        "d" => Action::SetDefault,
        _ => Action::NoAction,
    }
}

fn constraint(row: &Row<'_>, table: &mut Table) {
    let name = row.own(1);
    let shown = row.text(1);
    let columns = row.names(3);
    let (deferrable, initially_deferred) = (row.flag(10), row.flag(11));
    if row.flag(17) {
        // Over periods: it goes along as text.
        return;
    }
    match row.text(2) {
        kind @ ("p" | "u") => {
            let key = Key {
                name,
                columns,
                deferrable,
                initially_deferred,
                nulls_not_distinct: row.flag(15),
            };
            if row.flag(16) {
                table.unrepresented.push(format!(
                    "constraint {shown} carries further columns: {}",
                    row.text(14)
                ));
            }
            if kind == "p" {
                table.primary_key = Some(key);
            } else {
                table.uniques.push(key);
            }
        }
        "f" => {
            if row.text(14).contains(" SET NULL (") || row.text(14).contains(" SET DEFAULT (") {
                table.unrepresented.push(format!(
                    "foreign key {shown} sets only some columns: {}",
                    row.text(14)
                ));
            }
            table.foreign_keys.push(ForeignKey {
                name,
                columns,
                parent: TableName::within(row.text(4), row.text(5)),
                parent_columns: row.names(6),
                on_delete: action(row.text(7)),
                on_update: action(row.text(8)),
                deferrable,
                initially_deferred,
                match_full: row.text(9) == "f",
                validated: row.flag(12),
            });
        }
        "c" => {
            if row.flag(18) {
                table
                    .unrepresented
                    .push(format!("check {shown} is NO INHERIT"));
            }
            if let Some(text) = row.opt(13) {
                table.checks.push(Check {
                    name,
                    condition: sql(text),
                    validated: row.flag(12),
                });
            }
        }
        // An exclusion constraint goes along as text.
        _ => {}
    }
}

#[derive(serde::Deserialize)]
struct Part {
    column: Option<String>,
    text: String,
    option: i32,
    collation: Option<String>,
    class: Option<String>,
}

fn index(row: &Row<'_>, table: &mut Table) {
    let name = row.text(1);
    if !row.flag(4) {
        table
            .unrepresented
            .push(format!("index {name} is invalid and left out"));
        return;
    }
    let parts: Vec<Part> = row
        .opt(7)
        .and_then(|t| serde_json::from_str(t).ok())
        .unwrap_or_default();
    if parts.is_empty() {
        table
            .unrepresented
            .push(format!("index {name} can not be described"));
        return;
    }
    let ordered = row.flag(9);
    table.indexes.push(Index {
        name: name.into(),
        parts: parts
            .into_iter()
            .map(|p| {
                let (descending, nulls_first) = (p.option & 1 != 0, p.option & 2 != 0);
                IndexPart {
                    of: match p.column {
                        Some(c) => IndexOf::Column(c),
                        None => IndexOf::Expression(sql(&p.text)),
                    },
                    descending,
                    nulls_first: (ordered && nulls_first != descending).then_some(nulls_first),
                    prefix: None,
                    collation: p.collation,
                    operator_class: p.class,
                }
            })
            .collect(),
        unique: row.flag(2),
        method: row.text(3).into(),
        predicate: row.opt(5).map(sql),
        include: row.names(8),
        nulls_not_distinct: row.flag(6),
    });
}
