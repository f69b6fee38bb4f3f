//! How each table is read, written and compared.

use crate::convert::{ConvertedColumn, ConvertedTable};
use crate::hazards::finding;
use crate::names;
use crate::plan::{Finding, Severity, TablePlan};
use crate::settings::PlanSettings;
use crate::transform::{Input, Shape, computed};
use limosa_core::canonical::{self, Form};
use limosa_core::engine::{
    CanonicalColumn, CanonicalRead, ColumnRead, ColumnWrite, Engine, LoadSpec, TableRead,
};
use limosa_core::scan::TableScan;
use limosa_core::schema::{Column, Table, Type};

/// Makes the plan of one table. `source` is the catalog's table, or the shape that a transform gives it;
/// `scan` is what is known of its values, `now` what `now()` is in formulas.
#[allow(
    clippy::too_many_arguments,
    reason = "each is one of the things that a plan is made of"
)]
pub(super) fn plan(
    source: &Table,
    shape: Option<&Shape>,
    table: &ConvertedTable,
    scan: Option<&TableScan>,
    from: &dyn Engine,
    to: &dyn Engine,
    settings: &PlanSettings,
    now: i64,
    findings: &mut Vec<Finding>,
) -> TablePlan {
    let same = from.capabilities().family == to.capabilities().family;
    let free = !same && from.capabilities().dynamic_types;
    let loose = same && from.capabilities().dynamic_types && to.capabilities().dynamic_types;
    let policies = names::wish(settings, &source.name)
        .and_then(|w| w.types)
        .unwrap_or(settings.policies);
    let moved: Vec<&ConvertedColumn> = table.columns.iter().filter(|c| !c.computed).collect();
    // With a transform, rows are read and cut as the source's own table.
    let own = shape.map_or(source, |s| &s.source);
    let read_column = |c: &ConvertedColumn| ColumnRead {
        name: c.source.name.clone(),
        // A moment is understood with its offset where the values have one, whatever is declared.
        ty: if free && moments(&c.source.ty, &c.values) {
            c.values.clone()
        } else {
            c.source.ty.clone()
        },
        native: c.source.native.clone(),
        as_text: (same && own_text(c)) || (loose && one_type(c)) || (free && other_kind(c)),
    };
    let plain = |c: &Column| ColumnRead {
        name: c.name.clone(),
        ty: c.ty.clone(),
        native: c.native.clone(),
        as_text: false,
    };
    let mut read = TableRead {
        table: own.name.clone(),
        columns: moved
            .iter()
            .filter(|c| !computed(&c.source))
            .map(|c| read_column(c))
            .collect(),
        key: cut(own, settings, findings)
            .iter()
            .filter_map(|name| own.column(name).map(plain))
            .collect(),
        physical: true,
    };
    let transform = shape.map(|shape| {
        let outputs: Vec<(String, Option<usize>)> = moved
            .iter()
            .map(|c| {
                let at = read.columns.iter().position(|r| r.name == c.source.name);
                (c.source.name.clone(), at.filter(|_| !computed(&c.source)))
            })
            .collect();
        // A formula reads the typed value, whatever form the column passes in. The key names rejects.
        for column in &own.columns {
            let wanted = shape.reads.contains(&column.name)
                || read.key.iter().any(|k| k.name == column.name);
            let there = |r: &ColumnRead| r.name == column.name && !r.as_text;
            if wanted && !read.columns.iter().any(there) {
                read.columns.push(plain(column));
            }
        }
        let inputs = read
            .columns
            .iter()
            .map(|r| Input {
                // What passes as the source spells it is no value for a formula.
                name: if r.as_text {
                    String::new()
                } else {
                    r.name.clone()
                },
                ty: r.ty.clone(),
                nullable: own.column(&r.name).is_none_or(|c| c.nullable),
            })
            .collect();
        let masks = shape
            .formulas
            .iter()
            .any(|(_, text, _)| text.contains("mask_") || text.contains("fake"));
        let salt = settings.mask_salt.mark().filter(|_| masks);
        shape.plan(&source.name, inputs, &outputs, salt, now)
    });
    let mut load = LoadSpec {
        table: table.target.name.clone(),
        columns: moved
            .iter()
            .map(|c| ColumnWrite {
                name: c.target.name.clone(),
                source: c.values.clone(),
                target: c.target.ty.clone(),
                native: c.target.native.clone(),
                nullable: c.target.nullable,
                policies,
            })
            .collect(),
        wire: None,
    };
    if same
        && transform.is_none()
        && moved
            .iter()
            .all(|c| c.source.native == c.target.native && c.source.ty.base() == c.target.ty.base())
    {
        load.wire = from
            .wire_out(&read)
            .into_iter()
            .find(|format| to.wire_in(&load, format));
    }
    let (compare_source, compare_target, not_compared) = compare(source, table, same, loose);
    TablePlan {
        read,
        load,
        transform,
        compare_source,
        compare_target,
        not_compared,
        rows: scan
            .filter(|s| s.complete)
            .map(|s| s.rows)
            .or(source.estimated_rows),
        bytes: source.estimated_bytes,
    }
}

/// Whether a value passes best in the engine's own text form, between two engines that both know it.
fn own_text(c: &ConvertedColumn) -> bool {
    !computed(&c.source)
        && c.source.native == c.target.native
        && matches!(
            c.source.ty.base(),
            Type::Array { .. }
                | Type::Native { .. }
                | Type::Geometry { .. }
                | Type::Inet
                | Type::Cidr
                | Type::MacAddress { .. }
        )
}

/// Whether the declared type stays as it is: then, between two engines in which a column holds what it likes, a
/// value passes as it is stored, since one that was understood would be spelled anew.
fn one_type(c: &ConvertedColumn) -> bool {
    c.source.ty.base() == c.target.ty.base()
}

/// Whether both are dates with a time of day.
fn moments(a: &Type, b: &Type) -> bool {
    let moment = |t: &Type| matches!(t.base(), Type::Timestamp { .. });
    moment(a) && moment(b)
}

/// Whether the values are of another kind than the declaration: then they are read as they are stored, since a
/// date that was understood would be spelled anew in a text.
fn other_kind(c: &ConvertedColumn) -> bool {
    std::mem::discriminant(c.source.ty.base()) != std::mem::discriminant(c.values.base())
}

/// The columns by which a table is cut.
fn cut(source: &Table, settings: &PlanSettings, findings: &mut Vec<Finding>) -> Vec<String> {
    let wish = names::wish(settings, &source.name).and_then(|w| w.partition_column.as_ref());
    match wish {
        Some(name) => match source.column(name) {
            Some(column) if !column.nullable => vec![name.clone()],
            found => {
                let why = if found.is_some() {
                    "it allows NULL, and rows with NULL would be in no part"
                } else {
                    "there is no such column"
                };
                findings.push(
                    finding(
                        "partition-column",
                        Severity::Warning,
                        &source.name,
                        format!("the table is cut by its key, not by {name}: {why}"),
                    )
                    .at(name),
                );
                source.identifying_columns()
            }
        },
        None => source.identifying_columns(),
    }
}

fn compare(
    source: &Table,
    table: &ConvertedTable,
    same: bool,
    loose: bool,
) -> (CanonicalRead, CanonicalRead, Vec<(String, String)>) {
    let mut key = source.identifying_columns();
    if key.is_empty()
        && let Some(primary) = &table.target.primary_key
    {
        // The source may allow NULL there; the target does not, and the plan stops if there is one.
        key = table
            .columns
            .iter()
            .filter(|c| primary.columns.contains(&c.target.name) && !c.target.nullable)
            .map(|c| c.source.name.clone())
            .collect();
        if key.len() < primary.columns.len() {
            key.clear();
        }
    }
    let mut not_compared = Vec::new();
    let mut pairs: Vec<(&ConvertedColumn, Form)> = Vec::new();
    for column in &table.columns {
        match form(column, same, loose) {
            Ok(form) => pairs.push((column, form)),
            Err(why) => not_compared.push((column.target.name.clone(), why)),
        }
    }
    let whole = key
        .iter()
        .all(|name| pairs.iter().any(|(c, _)| c.source.name == *name));
    if !whole {
        key.clear();
    }
    let place = |c: &ConvertedColumn| {
        key.iter()
            .position(|name| *name == c.source.name)
            .unwrap_or(usize::MAX)
    };
    pairs.sort_by_key(|(c, _)| place(c));
    let read = |table, columns| CanonicalRead {
        table,
        columns,
        key_columns: key.len(),
    };
    let left = pairs
        .iter()
        .map(|(c, form)| CanonicalColumn {
            name: c.source.name.clone(),
            ty: c.source.ty.clone(),
            native: c.source.native.clone(),
            form: *form,
        })
        .collect();
    let right = pairs
        .iter()
        .map(|(c, form)| CanonicalColumn {
            name: c.target.name.clone(),
            ty: c.target.ty.clone(),
            native: c.target.native.clone(),
            form: *form,
        })
        .collect();
    (
        read(source.name.clone(), left),
        read(table.target.name.clone(), right),
        not_compared,
    )
}

fn form(c: &ConvertedColumn, same: bool, loose: bool) -> Result<Form, String> {
    if computed(&c.source) {
        return canonical::form(&c.values, &c.target.ty);
    }
    // A cast between two engines in which a column holds what it likes is compared by what was planned.
    if loose && one_type(c) {
        return Ok(Form::Dynamic);
    }
    if same && own_text(c) {
        return Ok(match c.source.ty.base() {
            Type::Inet | Type::Cidr | Type::MacAddress { .. } => Form::Text,
            _ => Form::Native,
        });
    }
    match (c.values.base(), c.target.ty.base()) {
        // The other engine keeps what it was given, which is JSON.
        (Type::Native { json: true, .. }, Type::Native { json: true, .. }) if !same => {
            Ok(Form::Json)
        }
        (values, target) => canonical::form(values, target),
    }
}
