//! From wishes to shapes: what the tables of the source are once their rows are transformed.
//!
//! A shape is a table like any other of a catalog: conversion, names, keys and steps work on it and know
//! nothing of transforms. A column that is only renamed stays the source's column, with a new name wished
//! for the target, so that keys, indexes, checks and foreign keys follow it. A column that is computed has
//! [`COMPUTED`] in place of a spelling of its type, since no engine has spelled it: the target places it by its
//! meaning.

mod making;
mod ties;

use super::check::Input;
use super::program::{KeyTrace, Output, TransformPlan};
use crate::hazards::finding;
use crate::names;
use crate::plan::{Finding, Severity};
use crate::settings::{PlanSettings, TableWish, TransformWish};
use limosa_core::scan::TableScan;
use limosa_core::schema::{Catalog, Column, Table, TableName};
use making::Making;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// What stands for the spelling of a computed column's type. No engine spells a type so; some leave it empty.
const COMPUTED: &str = "(computed)";

/// Whether a formula makes this column.
pub fn computed(column: &Column) -> bool {
    spelled_by_nobody(&column.native)
}

/// Whether this is what stands for the spelling of a computed column's type.
pub(crate) fn spelled_by_nobody(native: &str) -> bool {
    native == COMPUTED
}

/// One table that comes out of a transform.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The table of the source.
    pub source: Table,
    /// Which rows are taken.
    pub filter: Option<String>,
    /// The formulas, by the name of the column that they make, with the types of their values.
    pub formulas: Vec<(String, String, limosa_core::schema::Type)>,
    /// The columns that formulas read.
    pub reads: HashSet<String>,
    /// How a row is found again by its source key.
    pub key: KeyTrace,
    /// The tables that are looked into.
    pub lookups: Vec<Table>,
    /// Whether the filter or a formula can fail for a row.
    pub can_fail: bool,
    /// The foreign keys of the shape, by their places among the source's.
    foreign_keys: Vec<usize>,
}

/// A catalog in which shapes stand in place of the tables that they come from.
#[derive(Clone, Debug, Default)]
pub struct Shaped {
    /// The catalog.
    pub catalog: Catalog,
    /// What was asked, with the new names that transforms bring.
    pub settings: PlanSettings,
    /// The shapes, by their names.
    pub shapes: HashMap<TableName, Shape>,
    /// What is wrong, and what to know.
    pub findings: Vec<Finding>,
}

/// The parts of one table that a person asked for: its name, and the wishes that make it, in order.
struct Part<'w> {
    name: TableName,
    wishes: Vec<&'w TransformWish>,
}

fn wild(pattern: &str) -> bool {
    pattern.contains(['*', '?'])
}

fn parts<'w>(table: &Table, settings: &'w PlanSettings) -> Vec<Part<'w>> {
    let full = table.name.to_string();
    let fits = |w: &&TransformWish| {
        names::fits(&w.table, &table.name.name) || names::fits(&w.table, &full)
    };
    let all: Vec<&TransformWish> = settings.transforms.iter().filter(fits).collect();
    let general = || {
        all.iter()
            .copied()
            .filter(|w| wild(&w.table) && w.into.is_none())
    };
    let mut out: Vec<Part<'w>> = Vec::new();
    for wish in &all {
        let Some(into) = &wish.into else { continue };
        match out.iter_mut().find(|p| p.name.name == *into) {
            Some(part) => part.wishes.push(wish),
            None => out.push(Part {
                name: TableName {
                    schema: table.name.schema.clone(),
                    name: into.clone(),
                },
                wishes: general().chain([*wish]).collect(),
            }),
        }
    }
    let own: Vec<&TransformWish> = all.iter().copied().filter(|w| w.into.is_none()).collect();
    let itself = out.is_empty() || own.iter().any(|w| !wild(&w.table));
    if !own.is_empty() && itself {
        out.push(Part {
            name: table.name.clone(),
            wishes: own,
        });
    }
    out
}

impl Shaped {
    /// Shapes the tables of `chosen` (by their source names) for which a transform is wished.
    pub fn new(
        catalog: &Catalog,
        chosen: &[&Table],
        settings: &PlanSettings,
        case_sensitive: bool,
    ) -> Self {
        let mut shaped = Shaped {
            settings: settings.clone(),
            ..Self::default()
        };
        let mut by_source: HashMap<TableName, Vec<TableName>> = HashMap::new();
        let mut tables = Vec::with_capacity(catalog.tables.len());
        let taken: HashSet<&TableName> = chosen.iter().map(|t| &t.name).collect();
        for table in &catalog.tables {
            let parts = match taken.contains(&table.name) {
                true => parts(table, settings),
                false => Vec::new(),
            };
            if parts.is_empty() {
                tables.push(table.clone());
                continue;
            }
            for part in parts {
                let mut made = Making::new(table, part, catalog, settings, case_sensitive);
                let (table, shape, wish) = made.make();
                shaped.findings.append(&mut made.findings);
                shaped.wish(wish);
                by_source
                    .entry(shape.source.name.clone())
                    .or_default()
                    .push(table.name.clone());
                if shaped.shapes.insert(table.name.clone(), shape).is_some()
                    || catalog
                        .tables
                        .iter()
                        .any(|t| t.name == table.name && !by_source.contains_key(&t.name))
                {
                    shaped.findings.push(
                        finding(
                            "transform-name-taken",
                            Severity::Stop,
                            &table.name,
                            "two tables would come out under this name; several tables into one is not in this release",
                        )
                        .remedy("give each a name of its own: [[transform]] into = \"name\""),
                    );
                    continue;
                }
                tables.push(table);
            }
        }
        for wish in &settings.transforms {
            let fits = |t: &&Table| {
                names::fits(&wish.table, &t.name.name)
                    || names::fits(&wish.table, &t.name.to_string())
            };
            if !chosen.iter().any(fits) {
                shaped.findings.push(
                    finding(
                        "unknown-table",
                        Severity::Stop,
                        &wish.table,
                        "a transform names a table that is not taken",
                    )
                    .remedy("write its name as the source has it, in its own case"),
                );
            }
        }
        shaped.catalog = Catalog {
            tables,
            views: catalog.views.clone(),
            sequences: catalog.sequences.clone(),
            enums: catalog.enums.clone(),
            domains: catalog.domains.clone(),
            routines: catalog.routines.clone(),
            collation: catalog.collation.clone(),
            notes: catalog.notes.clone(),
        };
        if !by_source.is_empty() {
            shaped.tie(&by_source);
        }
        shaped
    }

    /// Adds new names to what was asked of a table.
    fn wish(&mut self, new: TableWish) {
        if new.rename_columns.is_empty() {
            return;
        }
        match self.settings.tables.iter_mut().find(|w| w.name == new.name) {
            Some(wish) => {
                for (column, name) in new.rename_columns {
                    if !wish.rename_columns.iter().any(|(c, _)| *c == column) {
                        wish.rename_columns.push((column, name));
                    }
                }
            }
            None => self.settings.tables.push(new),
        }
    }

    /// The shape of this name, if it is one.
    pub fn of(&self, table: &TableName) -> Option<&Shape> {
        self.shapes.get(table)
    }

    /// The tables that are converted, in the catalog's order.
    pub fn chosen(&self, chosen: &[&Table]) -> Vec<&Table> {
        let taken: HashSet<&TableName> = chosen.iter().map(|t| &t.name).collect();
        self.catalog
            .tables
            .iter()
            .filter(|t| self.shapes.contains_key(&t.name) || taken.contains(&t.name))
            .collect()
    }

    /// Whether rows of a table of the source are changed or left out, so that its values say too little about
    /// what comes out of it.
    fn through(&self, source: &TableName) -> bool {
        self.shapes
            .values()
            .filter(|s| s.source.name == *source)
            .any(|s| s.filter.is_some() || !s.formulas.is_empty())
    }

    /// Whether a transform of this table can not be made.
    pub fn wrong(&self, source: &TableName) -> bool {
        let object = Some(source.to_string());
        self.findings
            .iter()
            .any(|f| f.severity == Severity::Stop && f.object == object)
    }

    /// The shapes whose rows are looked at as they come out, in the catalog's order.
    pub fn looked_through(&self) -> impl Iterator<Item = (&Table, &Shape)> {
        self.catalog
            .tables
            .iter()
            .filter_map(|t| Some((t, self.of(&t.name)?)))
            .filter(|(_, s)| self.through(&s.source.name))
    }

    /// The tables of the source whose own values are looked at: only columns that come out of them, and keys.
    pub fn looked_at<'t>(&self, chosen: &[&'t Table]) -> Vec<Cow<'t, Table>> {
        let mut shapes: HashMap<&TableName, Vec<&Table>> = HashMap::new();
        if !self.shapes.is_empty() {
            for table in &self.catalog.tables {
                if let Some(shape) = self.of(&table.name) {
                    shapes.entry(&shape.source.name).or_default().push(table);
                }
            }
        }
        let table = |t: &'t Table| {
            let Some(shapes) = shapes.get(&t.name) else {
                return Cow::Borrowed(t);
            };
            let mut table = t.clone();
            let key = t.identifying_columns();
            table.columns.retain(|c| {
                key.contains(&c.name)
                    || shapes
                        .iter()
                        .any(|s| s.column(&c.name).is_some_and(|s| !computed(s)))
            });
            Cow::Owned(table)
        };
        let own = chosen.iter().filter(|t| !self.through(&t.name));
        own.map(|t| table(t)).collect()
    }

    /// What is known of the values of shapes, from what is known of their sources.
    pub fn scans(&self, scans: HashMap<TableName, TableScan>) -> HashMap<TableName, TableScan> {
        if self.shapes.is_empty() {
            return scans;
        }
        let mut out = scans.clone();
        for table in &self.catalog.tables {
            let Some(shape) = self.of(&table.name) else {
                continue;
            };
            if self.through(&shape.source.name) {
                // What came out was looked at.
                continue;
            }
            out.remove(&table.name);
            if let Some(scan) = scans.get(&shape.source.name) {
                let passes = |name: &str| table.column(name).is_some_and(|c| !computed(c));
                out.insert(
                    table.name.clone(),
                    TableScan {
                        rows: scan.rows,
                        complete: scan.complete,
                        columns: scan
                            .columns
                            .iter()
                            .filter(|(name, _)| passes(name))
                            .cloned()
                            .collect(),
                    },
                );
            }
        }
        out
    }

    /// The rows without parents of shapes, from those of their sources.
    pub fn orphans(&self, orphans: crate::convert::Orphans) -> crate::convert::Orphans {
        if self.shapes.is_empty() {
            return orphans;
        }
        let mut out = crate::convert::Orphans::new();
        for table in &self.catalog.tables {
            for at in 0..table.foreign_keys.len() {
                let (from, place) = match self.of(&table.name) {
                    Some(shape) => (
                        shape.source.name.clone(),
                        shape.foreign_keys.get(at).copied().unwrap_or(at),
                    ),
                    None => (table.name.clone(), at),
                };
                if let Some(found) = orphans.get(&(from, place)) {
                    out.insert((table.name.clone(), at), found.clone());
                }
            }
        }
        out
    }
}

impl Shape {
    /// Makes the plan of the shape for these read and written columns. `passes` says for each column that
    /// comes out the place of the input that it is, or none if a formula makes it.
    pub fn plan(
        &self,
        shape: &TableName,
        inputs: Vec<Input>,
        outputs: &[(String, Option<usize>)],
        salt: Option<String>,
        now: i64,
    ) -> TransformPlan {
        TransformPlan {
            shape: shape.clone(),
            filter: self.filter.clone(),
            inputs,
            outputs: outputs
                .iter()
                .map(|(name, passes)| match passes {
                    Some(at) => Output::Read(*at),
                    None => {
                        let (name, text, ty) = self
                            .formulas
                            .iter()
                            .find(|(n, ..)| n == name)
                            .expect("a column that does not pass has a formula");
                        Output::Formula {
                            name: name.clone(),
                            text: text.clone(),
                            ty: ty.clone(),
                        }
                    }
                })
                .collect(),
            key: self.key,
            lookups: self.lookups.clone(),
            salt,
            now,
        }
    }
}
