//! Cutting tables for the comparison.
//!
//! # Why no row is missed
//!
//! Where both sides agree on an order, that of whole numbers, a table is cut by it: half-open ranges that share
//! their bounds, so that every row of either side is in one of them, and equal rows are in the same one. What
//! differs is then known range by range.
//!
//! Elsewhere (texts, whose order is a collation's; UUIDs, keys of several columns, no key at all) no range need be
//! the same on both sides. Each side is cut as its own engine likes best, by places of storage or by its own
//! order of its own key, and [`limosa_core::engine::Snapshot::chunks`] promises that these ranges cover every
//! row of that side once, in the one view that all of them are read from. Sums and tables of differences are added up
//! over all ranges of a side before the sides are taken from each other. Adding is commutative, so what comes out is
//! the same, bit for bit, as of one range that is all rows: which rows were read together has no part in it.

use super::choose::SMALL;
use super::table::{Shared, known};
use crate::plan::TablePlan;
use crate::retry::again;
use limosa_core::Result;
use limosa_core::canonical::Form;
use limosa_core::chunk::Range;
use limosa_core::engine::{CanonicalColumn, CanonicalRead, ColumnRead, Snapshot, TableRead};
use limosa_core::schema::Type;
use limosa_core::value::Value;

/// How a table is cut.
pub(super) enum Cut {
    /// Into ranges of the same rows.
    Agreed(Vec<Range>),
    /// Each side into ranges of its own.
    Apart(Vec<Range>, Vec<Range>),
}

/// Cuts a table into ranges of about so many bytes; `apart` allows each side its own.
pub(super) fn cut(
    shared: &Shared<'_, '_>,
    plan: &TablePlan,
    bytes: u64,
    apart: bool,
) -> Result<Cut> {
    let whole = || Cut::Agreed(vec![Range::All]);
    // What fits into one range needs no bounds, and nobody has to be asked for them.
    if plan.bytes.is_some_and(|b| b <= bytes / 2) && plan.rows.is_some_and(|n| n <= SMALL) {
        return Ok(whole());
    }
    if let Some(ranges) = agreed(shared, plan, bytes)? {
        return Ok(Cut::Agreed(ranges));
    }
    if !apart || shared.lanes < 2 {
        return Ok(whole());
    }
    let (source, target) = (of_source(plan), of_target(shared, plan));
    let ranges = |side: &dyn Snapshot, read: &TableRead| -> Vec<Range> {
        // A side that can not be cut is read as a whole; what is wrong with it, if anything, shows then.
        match side.chunks(read, bytes) {
            Ok(chunks) if !chunks.is_empty() => chunks.into_iter().map(|c| c.range).collect(),
            _ => vec![Range::All],
        }
    };
    let (source, target) = (
        ranges(shared.source, &source),
        ranges(shared.target, &target),
    );
    Ok(match source.len().max(target.len()) {
        1 => whole(),
        _ => Cut::Apart(source, target),
    })
}

/// How the source is cut by itself.
fn of_source(plan: &TablePlan) -> TableRead {
    let mut read = TableRead {
        physical: true,
        ..plan.read.clone()
    };
    // Bounds are said for the compared key; a transformed table is read by its own.
    let compared = key(&plan.compare_source);
    let same = read.key.len() == compared.len()
        && read.key.iter().zip(compared).all(|(k, c)| k.name == c.name);
    if plan.transform.is_none() && !same {
        read.key.clear();
    }
    read
}

/// How the target is cut by itself: by its key only if that has an index, and no NULL, which would be in no range.
fn of_target(shared: &Shared<'_, '_>, plan: &TablePlan) -> TableRead {
    let compare = &plan.compare_target;
    let column = |c: &CanonicalColumn| ColumnRead {
        name: c.name.clone(),
        ty: c.ty.clone(),
        native: c.native.clone(),
        as_text: false,
    };
    let names: Vec<String> = key(compare).iter().map(|c| c.name.to_lowercase()).collect();
    let sound = shared.found.get(&known(&compare.table)).is_some_and(|t| {
        let lower = |list: &[String]| list.iter().map(|c| c.to_lowercase()).collect::<Vec<_>>();
        let mut keys = t.primary_key.iter().chain(&t.uniques);
        let solid = |name: &String| {
            let found = t.columns.iter().find(|c| c.name.to_lowercase() == *name);
            found.is_some_and(|c| !c.nullable)
        };
        keys.any(|k| lower(&k.columns) == names) && names.iter().all(solid)
    });
    TableRead {
        table: compare.table.clone(),
        columns: compare.columns.iter().map(column).collect(),
        key: match sound {
            true => key(compare).iter().map(column).collect(),
            false => Vec::new(),
        },
        physical: true,
    }
}

fn key(read: &CanonicalRead) -> &[CanonicalColumn] {
    &read.columns[..read.key_columns.min(read.columns.len())]
}

/// Ranges that are the same rows on both sides, if there can be any.
///
/// Only by a whole number, which every engine orders alike (text is not), and only where no row of the
/// target can hide from every range: the column must be NOT NULL there as it is, whatever the plan
/// made of it. An index has to begin with it, or every range would read the whole table.
fn agreed(shared: &Shared<'_, '_>, plan: &TablePlan, bytes: u64) -> Result<Option<Vec<Range>>> {
    let plans = shared.job.plan;
    let one_family = plans.source.capabilities.family == plans.target.capabilities.family;
    let first = first_number(&plan.compare_source, one_family);
    let theirs = first_number(&plan.compare_target, one_family);
    let (Some(first), Some(theirs)) = (first, theirs) else {
        return Ok(None);
    };
    let sound = shared
        .found
        .get(&known(&plan.compare_target.table))
        .is_some_and(|t| {
            let same = |name: &str| name.to_lowercase() == theirs.name.to_lowercase();
            let keys = t.primary_key.iter().chain(&t.uniques);
            let led = keys.map(|k| k.columns.first().cloned()).chain(
                t.indexes.iter().filter(|i| i.predicate.is_none()).map(|i| {
                    match &i.parts.first()?.of {
                        limosa_core::schema::IndexOf::Column(name) => Some(name.clone()),
                        limosa_core::schema::IndexOf::Expression(_) => None,
                    }
                }),
            );
            t.columns.iter().any(|c| same(&c.name) && !c.nullable)
                && led.flatten().any(|name| same(&name))
        });
    // The source's key may be one that only the settings name, or that the target alone has.
    let led = plan.read.key.first().is_some_and(|k| k.name == first.name);
    // A computed key has other bounds than the source's.
    let computed = plan.transform.is_some() && crate::transform::spelled_by_nobody(&first.native);
    if !sound || !led || computed {
        return Ok(None);
    }
    let read = TableRead {
        physical: false,
        key: vec![ColumnRead {
            name: first.name.clone(),
            ty: first.ty.clone(),
            native: first.native.clone(),
            as_text: false,
        }],
        ..plan.read.clone()
    };
    let chunks = again(
        &shared.job.around(),
        &format!("cutting {}", plan.name()),
        |_| shared.source.chunks(&read, bytes),
    )?;
    let ranges: Vec<Range> = chunks.into_iter().map(|c| c.range).collect();
    // A column that holds what it likes may give a bound that the other side does not know.
    let whole = |bound: &Option<Vec<Value>>| {
        bound
            .iter()
            .flatten()
            .all(|v| matches!(v, Value::Int(_) | Value::UInt(_)))
    };
    let alike =
        |r: &Range| matches!(r, Range::Key { lower, upper } if whole(lower) && whole(upper));
    Ok((!ranges.is_empty() && ranges.iter().all(alike)).then_some(ranges))
}

/// The key's first column, if it is compared as a whole number.
pub(super) fn first_number(read: &CanonicalRead, one_family: bool) -> Option<&CanonicalColumn> {
    let first = read.columns.first().filter(|_| read.key_columns > 0)?;
    // Engines of one family also order values alike that are not what was declared.
    let alike = first.form == Form::Integer || one_family && first.form == Form::Dynamic;
    (alike && matches!(first.ty.base(), Type::Integer { .. })).then_some(first)
}
