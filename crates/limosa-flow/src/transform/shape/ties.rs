//! What ties columns and tables together, keys, indexes, checks and foreign keys, once a transform has
//! changed the columns that it stands on: kept where it means the same, left out and said where not.

use super::super::check::Compiled;
use super::super::program::KeyTrace;
use super::making::Making;
use super::{Shaped, computed};
use crate::hazards::finding;
use crate::plan::Severity;
use limosa_core::expression::SqlText;
use limosa_core::schema::{IndexOf, Table, TableName};
use std::collections::HashMap;

impl Shaped {
    /// Lets foreign keys name the shapes of their parents, and leaves out those that can not hold.
    pub(super) fn tie(&mut self, by_source: &HashMap<TableName, Vec<TableName>>) {
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
}

impl Making<'_> {
    /// Leaves out what ties columns together that are no longer there or no longer the same.
    pub(super) fn bind(&mut self, table: &mut Table) {
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
    pub(super) fn places(&mut self, table: &Table) -> Vec<usize> {
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
    pub(super) fn trace(
        &mut self,
        table: &Table,
        computed: &[&(String, String, Compiled)],
    ) -> KeyTrace {
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
