//! Rows looked at as they come out of a transform: what a formula mends is no finding, and what it spoils is one.
//!
//! The source's columns that formulas and the looked-at columns need are read, the transform of the copy is
//! applied, and what comes out is looked at. Rows for which the transform fails are counted by column, with
//! the keys of the first few.

use super::{Task, Wanted};
use crate::hazards::finding;
use crate::plan::{Finding, Severity};
use crate::settings::PlanSettings;
use crate::transform::{
    Applied, Input, KeyTrace, Lookups, Output, Program, Shape, TransformPlan, computed,
};
use bumpalo::Bump;
use limosa_core::Result;
use limosa_core::batch::Batch;
use limosa_core::engine::{ColumnRead, Engine, Snapshot, TableRead};
use limosa_core::schema::{Column, Table};
use std::collections::BTreeMap;

/// Keys that are named of rows for which a formula fails.
const EXAMPLES: usize = 5;

/// A transform between the reader and those who look.
pub(super) struct Through {
    program: Program,
    lookups: Lookups,
    /// Places of the key's cells in a row as it is read.
    key: Vec<usize>,
}

/// Rows for which a transform fails, by column and reason: how many, and the keys of the first.
pub(super) type Failed = BTreeMap<(String, String), (u64, Vec<String>)>;

/// Adds what a later range of the same table has.
pub(super) fn join(all: &mut Failed, later: Failed) {
    for (what, (count, keys)) in later {
        let (sum, kept) = all.entry(what).or_default();
        *sum += count;
        let room = EXAMPLES.saturating_sub(kept.len());
        kept.extend(keys.into_iter().take(room));
    }
}

/// What a person must know of the rows for which the transform of `table` fails.
pub(super) fn findings(table: &Table, failed: &Failed) -> Vec<Finding> {
    failed
        .iter()
        .map(|((column, why), (count, keys))| {
            let mut made = finding(
                "transform-fails",
                Severity::Warning,
                &table.name,
                format!("the transform fails for rows that are there: {why}"),
            )
            .at(column)
            .remedy(
                "mend the formula or the filter; or let such rows be put aside: error_threshold",
            );
            made.count = Some(*count);
            made.examples.clone_from(keys);
            made
        })
        .collect()
}

/// What one reader needs for it.
pub(super) struct Passing<'t> {
    through: &'t Through,
    arena: Bump,
    out: Batch,
    done: Applied,
    pub(super) failed: Failed,
}

impl<'a> Task<'a> {
    /// Looks at `wanted` columns of what comes out of a table's transform, and tries every formula.
    pub(super) fn through(
        table: &'a Table,
        shape: &Shape,
        wanted: Vec<Wanted<'a>>,
        free: bool,
        source: &dyn Engine,
        settings: &PlanSettings,
        now: i64,
    ) -> Result<Self> {
        let own = &shape.source;
        let column = |c: &Column| ColumnRead {
            name: c.name.clone(),
            ty: c.ty.clone(),
            native: c.native.clone(),
            as_text: false,
        };
        let key: Vec<&Column> = own
            .identifying_columns()
            .iter()
            .filter_map(|name| own.column(name))
            .collect();
        let needed = |c: &Column| {
            shape.reads.contains(&c.name)
                || key.iter().any(|k| k.name == c.name)
                || wanted
                    .iter()
                    .any(|w| w.column.name == c.name && !computed(w.column))
        };
        let mut columns: Vec<ColumnRead> = own
            .columns
            .iter()
            .filter(|c| needed(c))
            .map(column)
            .collect();
        if columns.is_empty() {
            // A row is read by something.
            columns.extend(own.columns.first().map(column));
        }
        let place = |name: &str| columns.iter().position(|c| c.name == name);
        let formula = |name: &str| {
            let (name, text, ty) = shape.formulas.iter().find(|(n, ..)| n == name)?;
            Some(Output::Formula {
                name: name.clone(),
                text: text.clone(),
                ty: ty.clone(),
            })
        };
        let mut outputs: Vec<Output> = wanted
            .iter()
            .filter_map(|w| match computed(w.column) {
                true => formula(&w.column.name),
                false => place(&w.column.name).map(Output::Read),
            })
            .collect();
        let first_key = outputs.len();
        let key_places: Vec<usize> = key.iter().filter_map(|k| place(&k.name)).collect();
        outputs.extend(key_places.iter().map(|at| Output::Read(*at)));
        for (name, ..) in &shape.formulas {
            if !wanted.iter().any(|w| w.column.name == *name) {
                outputs.extend(formula(name));
            }
        }
        let plan = TransformPlan {
            shape: table.name.clone(),
            filter: shape.filter.clone(),
            inputs: columns
                .iter()
                .map(|c| Input {
                    name: c.name.clone(),
                    ty: c.ty.clone(),
                    nullable: own.column(&c.name).is_none_or(|c| c.nullable),
                })
                .collect(),
            outputs,
            key: KeyTrace::None,
            lookups: shape.lookups.clone(),
            salt: None,
            now,
        };
        let lookups = Lookups::of(plan.lookups.clone());
        let case_sensitive = source.capabilities().column_names_case_sensitive;
        let program = Program::compiled(&plan, case_sensitive, &settings.mask_salt, &lookups)?;
        let read = TableRead {
            table: own.name.clone(),
            columns,
            key: key.iter().map(|c| column(c)).collect(),
            physical: true,
        };
        Ok(Task {
            table,
            read,
            questions: Vec::new(),
            looks: wanted,
            key: (first_key..first_key + key_places.len()).collect(),
            free,
            through: Some(Through {
                program,
                lookups,
                key: key_places,
            }),
        })
    }
}

impl Through {
    /// Reads the tables that are looked into.
    pub(super) fn load(&self, snapshot: &dyn Snapshot) -> Result<()> {
        self.lookups.load(snapshot)
    }

    pub(super) fn begin(&self) -> Passing<'_> {
        Passing {
            through: self,
            arena: Bump::new(),
            out: Batch::default(),
            done: Applied::default(),
            failed: Failed::new(),
        }
    }
}

impl Passing<'_> {
    /// The rows that come out of a batch. `first` is the number of its first row, from 1.
    pub(super) fn apply(&mut self, task: &Task<'_>, batch: &Batch, first: u64) -> &Batch {
        let through = self.through;
        through
            .program
            .apply(&mut self.arena, batch, &mut self.out, &mut self.done);
        if !self.done.refused.is_empty() {
            let mut rows = batch.each_row().enumerate();
            for refusal in &self.done.refused {
                // Refusals come in the order of their rows.
                let at = usize::try_from(refusal.row).unwrap_or(usize::MAX);
                let row = rows.by_ref().find(|(n, _)| *n == at);
                let (count, keys) = self
                    .failed
                    .entry((refusal.name.clone(), refusal.reason.clone()))
                    .or_default();
                *count += 1;
                if keys.len() < EXAMPLES
                    && let Some((_, row)) = row
                {
                    keys.push(task.named(&through.key, row.cells(), first + refusal.row));
                }
            }
        }
        &self.out
    }
}
