//! From wishes to shapes: what the tables of the source are once their rows are transformed.
//!
//! A shape is a table like any other of a catalog: conversion, names, keys and steps work on it and know
//! nothing of transforms. A column that is only renamed stays the source's column, with a new name wished
//! for the target, so that keys, indexes, checks and foreign keys follow it. A column that is computed has
//! [`COMPUTED`] in place of a spelling of its type, since no engine has spelled it: the target places it by its
//! meaning.

use super::check::{Compiled, Input, Scope, Wrong, compile, condition, nearest};
use super::lookup::Lookups;
use super::program::{KeyTrace, Output, TransformPlan};
use crate::hazards::finding;
use crate::names;
use crate::plan::{Finding, Severity};
use crate::settings::{PlanSettings, TableWish, Text, TransformWish};
use limosa_core::expression::SqlText;
use limosa_core::scan::TableScan;
use limosa_core::schema::{Catalog, Column, IndexOf, Table, TableName};
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
        let mut tables = Vec::new();
        for table in &catalog.tables {
            let parts = match chosen.iter().any(|t| t.name == table.name) {
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
            ..catalog.clone()
        };
        shaped.tie(&by_source);
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

    /// Lets foreign keys name the shapes of their parents, and leaves out those that can not hold.
    fn tie(&mut self, by_source: &HashMap<TableName, Vec<TableName>>) {
        let parents: HashMap<TableName, Table> = self
            .catalog
            .tables
            .iter()
            .map(|t| (t.name.clone(), t.clone()))
            .collect();
        let changed = |table: &Table, name: &str| table.column(name).is_none_or(computed);
        for table in &mut self.catalog.tables {
            let mut kept = Vec::new();
            let mut places = Vec::new();
            let shape = self.shapes.get(&table.name);
            for (at, key) in std::mem::take(&mut table.foreign_keys)
                .into_iter()
                .enumerate()
            {
                let place = shape.map_or(at, |s| s.foreign_keys.get(at).copied().unwrap_or(at));
                let Some(shapes) = by_source.get(&key.parent) else {
                    kept.push(key);
                    places.push(place);
                    continue;
                };
                let good: Vec<&Table> = shapes
                    .iter()
                    .filter_map(|s| parents.get(s))
                    .filter(|p| {
                        let named = match key.parent_columns.is_empty() {
                            true => p
                                .primary_key
                                .as_ref()
                                .map(|k| k.columns.clone())
                                .unwrap_or_default(),
                            false => key.parent_columns.clone(),
                        };
                        !named.is_empty() && !named.iter().any(|c| changed(p, c))
                    })
                    .collect();
                match good[..] {
                    [parent] => {
                        if self
                            .shapes
                            .get(&parent.name)
                            .is_some_and(|s| s.filter.is_some())
                        {
                            self.findings.push(
                                finding(
                                    "parent-filtered",
                                    Severity::Warning,
                                    &table.name,
                                    format!(
                                        "a foreign key names {}, of which a filter leaves out rows; the target refuses the key if a row names one of them",
                                        parent.name
                                    ),
                                )
                                .remedy("filter the rows that name them too, with the same condition"),
                            );
                        }
                        let mut key = key;
                        key.parent = parent.name.clone();
                        kept.push(key);
                        places.push(place);
                    }
                    _ => self.findings.push(finding(
                        "foreign-key-not-moved",
                        Severity::Warning,
                        &table.name,
                        format!(
                            "a foreign key on {} names {}, whose key a transform changes or parts",
                            key.columns.join(", "),
                            key.parent
                        ),
                    )),
                }
            }
            table.foreign_keys = kept;
            if let Some(shape) = self.shapes.get_mut(&table.name) {
                shape.foreign_keys = places;
            }
        }
    }

    /// The shape of this name, if it is one.
    pub fn of(&self, table: &TableName) -> Option<&Shape> {
        self.shapes.get(table)
    }

    /// The tables that are converted, in the catalog's order.
    pub fn chosen(&self, chosen: &[&Table]) -> Vec<Table> {
        self.catalog
            .tables
            .iter()
            .filter(|t| {
                self.shapes.contains_key(&t.name) || chosen.iter().any(|c| c.name == t.name)
            })
            .cloned()
            .collect()
    }

    /// The tables of the source whose values are looked at: only columns that pass as they are, and keys.
    pub fn looked_at(&self, chosen: &[&Table]) -> Vec<Table> {
        chosen
            .iter()
            .map(|t| {
                let mut table = (*t).clone();
                let shapes: Vec<&Table> = self
                    .catalog
                    .tables
                    .iter()
                    .filter(|s| self.of(&s.name).is_some_and(|s| s.source.name == t.name))
                    .collect();
                if !shapes.is_empty() {
                    let key = t.identifying_columns();
                    table.columns.retain(|c| {
                        key.contains(&c.name)
                            || shapes
                                .iter()
                                .any(|s| s.column(&c.name).is_some_and(|s| !computed(s)))
                    });
                }
                table
            })
            .collect()
    }

    /// What is known of the values of shapes, from what is known of their sources.
    pub fn scans(&self, scans: HashMap<TableName, TableScan>) -> HashMap<TableName, TableScan> {
        let mut out = scans.clone();
        for table in &self.catalog.tables {
            let Some(shape) = self.of(&table.name) else {
                continue;
            };
            out.remove(&table.name);
            if let Some(scan) = scans.get(&shape.source.name) {
                let passes = |name: &str| table.column(name).is_some_and(|c| !computed(c));
                out.insert(
                    table.name.clone(),
                    TableScan {
                        rows: scan.rows,
                        // Nobody has counted the rows that the filter takes.
                        complete: scan.complete && shape.filter.is_none(),
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

/// One shape under way.
struct Making<'a> {
    table: &'a Table,
    part: Part<'a>,
    inputs: Vec<Input>,
    lookups: Lookups,
    salt: Option<&'a [u8]>,
    case_sensitive: bool,
    findings: Vec<Finding>,
}

impl<'a> Making<'a> {
    fn new(
        table: &'a Table,
        part: Part<'a>,
        catalog: &Catalog,
        settings: &'a PlanSettings,
        case_sensitive: bool,
    ) -> Self {
        Self {
            table,
            part,
            inputs: table
                .columns
                .iter()
                .map(|c| Input {
                    name: c.name.clone(),
                    ty: c.ty.clone(),
                    nullable: c.nullable,
                })
                .collect(),
            lookups: Lookups::new(catalog),
            salt: settings.mask_salt.bytes(),
            case_sensitive,
            findings: Vec::new(),
        }
    }

    fn scope(&self) -> Scope<'_> {
        Scope {
            inputs: &self.inputs,
            case_sensitive: self.case_sensitive,
            lookups: &self.lookups,
            salt: self.salt,
        }
    }

    fn column(&self, name: &str) -> Option<&'a Column> {
        let same = |c: &&Column| match self.case_sensitive {
            true => c.name == name,
            false => c.name.eq_ignore_ascii_case(name),
        };
        self.table.columns.iter().find(same)
    }

    fn say(&mut self, code: &str, severity: Severity, column: &str, text: String) -> &mut Finding {
        self.findings
            .push(finding(code, severity, &self.table.name, text).at(column));
        self.findings.last_mut().expect("it was pushed")
    }

    fn wrong(&mut self, what: &str, text: &Text, wrong: &Wrong) {
        let said = format!("{}: {}", text.place(wrong.at), wrong.why);
        let remedy =
            "see docs/guide/transform.md for the language; limosa transform --try TABLE tries it";
        self.say("transform-wrong", Severity::Stop, what, said)
            .remedy = Some(remedy.into());
    }

    /// The columns that are taken: all or those of `select`, without those of `drop`.
    fn base(&mut self) -> Vec<&'a Column> {
        let wishes = self.part.wishes.clone();
        let mut base: Vec<&Column> = self.table.columns.iter().collect();
        for wish in wishes {
            for (names, word) in [(&wish.select, "select"), (&wish.drop, "drop")] {
                for name in names {
                    if wild(&wish.table) || self.column(name).is_some() {
                        continue;
                    }
                    let near = nearest(name, self.table.columns.iter().map(|c| c.name.as_str()));
                    let near = near.map_or(String::new(), |n| format!("; did you mean {n}?"));
                    self.say(
                        "unknown-column",
                        Severity::Stop,
                        name,
                        format!("{word} names a column that the table does not have{near}"),
                    );
                }
            }
            let among = |names: &[String], c: &Column| {
                names
                    .iter()
                    .any(|n| self.column(n).is_some_and(|f| f.name == c.name))
            };
            if !wish.select.is_empty() {
                base.retain(|c| among(&wish.select, c));
            }
            base.retain(|c| !among(&wish.drop, c));
        }
        base
    }

    /// The formulas by the names that they make, the last wish first to be heard, and those that compile.
    fn formulas(&mut self) -> Vec<(String, String, Compiled)> {
        let wishes = self.part.wishes.clone();
        let mut out: Vec<(String, String, Compiled)> = Vec::new();
        for wish in wishes {
            for (name, text) in &wish.columns {
                let made = compile(&text.text, self.scope());
                let known = match limosa_sql::formula(&text.text) {
                    Ok(formula) => {
                        let mut known = true;
                        formula.columns(&mut |c| known &= self.column(c).is_some());
                        known
                    }
                    Err(_) => true,
                };
                if wild(&wish.table) && !known {
                    // A pattern is for the tables that have the columns.
                    continue;
                }
                let name = self.column(name).map_or(name.clone(), |c| c.name.clone());
                match made {
                    Ok(made) => {
                        for how in &made.fails {
                            self.say(
                                "transform-can-fail",
                                Severity::Note,
                                &name,
                                format!("{} can fail for a row: {how}", text.text),
                            )
                            .remedy = Some(
                                "a row for which it fails is rejected, see error_threshold".into(),
                            );
                        }
                        out.retain(|(n, ..)| *n != name);
                        out.push((name, text.text.clone(), made));
                    }
                    Err(wrong) => self.wrong(&name, text, &wrong),
                }
            }
        }
        out
    }

    fn filter(&mut self) -> (Option<String>, Vec<usize>) {
        let wishes = self.part.wishes.clone();
        let mut parts = Vec::new();
        let mut reads = Vec::new();
        for wish in wishes {
            let Some(text) = &wish.filter else { continue };
            match condition(&text.text, self.scope()) {
                Ok(made) => {
                    for how in &made.fails {
                        self.say(
                            "transform-can-fail",
                            Severity::Note,
                            "where",
                            format!("{} can fail for a row: {how}", text.text),
                        );
                    }
                    reads.extend(made.reads);
                    parts.push(format!("({})", text.text));
                }
                Err(wrong) => self.wrong("where", text, &wrong),
            }
        }
        ((!parts.is_empty()).then(|| parts.join(" AND ")), reads)
    }

    fn make(&mut self) -> (Table, Shape, TableWish) {
        let base = self.base();
        let formulas = self.formulas();
        let (filter, filter_reads) = self.filter();
        let mut wish = TableWish {
            name: self.part.name.to_string(),
            ..TableWish::default()
        };
        // A column that is named alone and does not stay itself is renamed.
        let mut renamed: Vec<(&Column, &str)> = Vec::new();
        let mut computed: Vec<&(String, String, Compiled)> = Vec::new();
        for formula in &formulas {
            let (name, _, made) = formula;
            let passed = made.passes.map(|at| &self.table.columns[at]);
            match passed {
                Some(from) if from.name == *name => {}
                Some(from)
                    if !base.iter().any(|c| c.name == from.name)
                        && !renamed.iter().any(|(c, _)| c.name == from.name)
                        && !base.iter().any(|c| c.name == *name) =>
                {
                    renamed.push((from, name));
                }
                _ => computed.push(formula),
            }
        }
        let formula_of = |name: &str| computed.iter().find(|(n, ..)| n == name);
        let mut columns: Vec<Column> = Vec::new();
        for column in &self.table.columns {
            let taken = base.iter().any(|c| c.name == column.name);
            let rename = renamed.iter().find(|(c, _)| c.name == column.name);
            if let Some((_, name)) = rename {
                wish.rename_columns
                    .push((column.name.clone(), (*name).into()));
                columns.push(column.clone());
            } else if taken {
                columns.push(match formula_of(&column.name) {
                    None => column.clone(),
                    Some((_, _, made)) => Column {
                        ty: made.ty.clone(),
                        native: COMPUTED.into(),
                        nullable: made.nullable,
                        default: column
                            .default
                            .clone()
                            .filter(|_| made.ty == *column.ty.base()),
                        identity: None,
                        generated: None,
                        on_update_now: false,
                        ..column.clone()
                    },
                });
            }
        }
        for (name, _, made) in &computed {
            if columns.iter().any(|c| c.name == *name) {
                continue;
            }
            columns.push(Column {
                name: name.clone(),
                ty: made.ty.clone(),
                native: COMPUTED.into(),
                nullable: made.nullable,
                default: None,
                identity: None,
                generated: None,
                on_update_now: false,
                collation: None,
                folds: false,
                comment: None,
            });
        }
        if columns.is_empty() {
            self.say(
                "transform-wrong",
                Severity::Stop,
                "select",
                "no column is left".into(),
            );
        }
        let mut table = Table {
            name: self.part.name.clone(),
            columns,
            triggers: Vec::new(),
            partitioning: None,
            ..self.table.clone()
        };
        self.bind(&mut table);
        let places = self.places(&table);
        let keep: Vec<usize> = places.clone();
        let mut at = 0;
        table.foreign_keys.retain(|_| {
            at += 1;
            keep.contains(&(at - 1))
        });
        let reads: Vec<usize> = computed
            .iter()
            .flat_map(|(_, _, m)| m.reads.iter().copied())
            .chain(filter_reads)
            .collect();
        let key = self.trace(&table, &computed);
        let shape = Shape {
            source: self.table.clone(),
            filter,
            formulas: computed
                .iter()
                .map(|(name, text, made)| (name.clone(), text.clone(), made.ty.clone()))
                .collect(),
            reads: reads
                .iter()
                .map(|at| self.inputs[*at].name.clone())
                .collect(),
            key,
            lookups: self.lookups.tables_wanted(),
            foreign_keys: places,
        };
        (table, shape, wish)
    }

    /// Leaves out what ties columns together that are no longer there or no longer the same.
    fn bind(&mut self, table: &mut Table) {
        let there = |t: &Table, name: &str| t.column(name).is_some();
        let same = |t: &Table, name: &str| t.column(name).is_some_and(|c| !computed(c));
        let untouched = |t: &Table, text: &SqlText, whole: bool| match &text.parsed {
            Some(tree) => {
                let mut all = true;
                tree.columns(&mut |c| all &= same(t, c) || c.eq_ignore_ascii_case("value"));
                all
            }
            None => whole,
        };
        let whole = self.table.columns.iter().all(|c| same(table, &c.name));
        let snapshot = table.clone();
        let mut lost: Vec<(&str, String)> = Vec::new();
        if let Some(key) = &table.primary_key
            && !key.columns.iter().all(|c| there(&snapshot, c))
        {
            lost.push((
                "primary-key-not-moved",
                format!("the primary key on {}", key.columns.join(", ")),
            ));
            table.primary_key = None;
        }
        table.uniques.retain(|k| {
            let good = k.columns.iter().all(|c| there(&snapshot, c));
            if !good {
                lost.push((
                    "unique-not-moved",
                    format!("the unique key on {}", k.columns.join(", ")),
                ));
            }
            good
        });
        table.indexes.retain(|i| {
            let good = i.parts.iter().all(|p| match &p.of {
                IndexOf::Column(c) => there(&snapshot, c),
                IndexOf::Expression(text) => untouched(&snapshot, text, whole),
            }) && i.include.iter().all(|c| there(&snapshot, c))
                && i.predicate
                    .as_ref()
                    .is_none_or(|p| untouched(&snapshot, p, whole));
            if !good {
                lost.push(("index-not-moved", format!("the index {}", i.name)));
            }
            good
        });
        table.checks.retain(|c| {
            let good = untouched(&snapshot, &c.condition, whole);
            if !good {
                lost.push((
                    "check-not-moved",
                    format!("the condition {}", c.condition.text),
                ));
            }
            good
        });
        for trigger in &self.table.triggers {
            lost.push(("trigger-not-moved", format!("the trigger {}", trigger.name)));
        }
        if self.table.partitioning.is_some() {
            lost.push(("partitioning-not-moved", "the cut into partitions".into()));
        }
        for column in &mut table.columns {
            let changed = column
                .generated
                .as_ref()
                .is_some_and(|g| !untouched(&snapshot, &g.expression, whole));
            if changed {
                column.generated = None;
                lost.push((
                    "generated-not-moved",
                    format!("the computation of {} (its values are copied)", column.name),
                ));
            }
        }
        for (code, what) in lost {
            self.findings.push(finding(
                code,
                Severity::Warning,
                &self.table.name,
                format!("{what} is not moved: a transform changes or leaves out what it stands on"),
            ));
        }
    }

    /// The foreign keys whose columns stay as they are.
    fn places(&mut self, table: &Table) -> Vec<usize> {
        let mut out = Vec::new();
        for (at, key) in self.table.foreign_keys.iter().enumerate() {
            let same = |c: &String| table.column(c).is_some_and(|c| !computed(c));
            if key.columns.iter().all(same) {
                out.push(at);
            } else {
                self.findings.push(finding(
                    "foreign-key-not-moved",
                    Severity::Warning,
                    &self.table.name,
                    format!(
                        "the foreign key on {} is not moved: a transform changes or leaves out its columns",
                        key.columns.join(", ")
                    ),
                ));
            }
        }
        out
    }

    /// How a row is found again, and what a person must know of it.
    fn trace(&mut self, table: &Table, computed: &[&(String, String, Compiled)]) -> KeyTrace {
        let own = self.table.identifying_columns();
        let key = table.identifying_columns();
        if key.is_empty() || own.is_empty() {
            return KeyTrace::None;
        }
        let mut trace = KeyTrace::Same;
        for name in &key {
            let Some((_, text, made)) = computed.iter().find(|(n, ..)| n == name) else {
                if !own.contains(name) {
                    trace = KeyTrace::NeedsRow;
                }
                continue;
            };
            let alone = made
                .reads
                .iter()
                .all(|at| own.contains(&self.inputs[*at].name));
            if !alone {
                trace = KeyTrace::NeedsRow;
            } else if trace == KeyTrace::Same {
                trace = KeyTrace::Computed;
            }
            let text = match alone {
                true => format!(
                    "the key becomes {text}, computed from the old key alone: a change of a row finds it by its old key; the target refuses two rows that come to one key"
                ),
                false => format!(
                    "the key becomes {text}, which needs more than the old key: a change of a row finds it only where changes bring the whole old row"
                ),
            };
            self.say("key-changed", Severity::Warning, name, text);
        }
        trace
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
