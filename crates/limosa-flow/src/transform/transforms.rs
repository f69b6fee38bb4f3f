//! All transforms of a plan, compiled, with the tables that they look into: what a run holds.

use super::encode::Transforming;
use super::lookup::Lookups;
use super::program::{Output, Program, Surroundings, TransformPlan};
use crate::names;
use crate::plan::{Plan, Side, TablePlan};
use crate::repair::Repair;
use crate::settings::{PlanSettings, Salt};
use limosa_core::engine::{Encoder, Engine, LoadSpec, Snapshot};
use limosa_core::schema::TableName;
use limosa_core::{Error, ErrorKind, Result};
use std::collections::HashMap;
use std::sync::Arc;

/// The compiled transforms of a plan, by the names of their tables in the target.
#[derive(Default)]
pub struct Transforms {
    programs: HashMap<TableName, Arc<Program>>,
}

impl Transforms {
    /// Compiles every transform of a plan, and reads the tables that they look into from `snapshot`.
    ///
    /// # Errors
    /// `Configuration` if the salt is not that of the plan; `Resource` if a look-up needs too much memory;
    /// those of the reader.
    pub fn new(plan: &Plan, salt: &Salt, snapshot: &dyn Snapshot) -> Result<Self> {
        let mut programs = HashMap::new();
        let case_sensitive = plan.source.capabilities.column_names_case_sensitive;
        // One set of look-ups for all, so that a table is read once.
        let mut tables = Vec::new();
        for table in plan.tables.iter().filter_map(|t| t.transform.as_ref()) {
            for lookup in &table.lookups {
                tables.push(lookup.clone());
            }
        }
        let lookups = Lookups::of(tables);
        for table in &plan.tables {
            let Some(transform) = &table.transform else {
                continue;
            };
            let program = Program::compiled(transform, case_sensitive, salt, &lookups)?;
            programs.insert(table.name().clone(), Arc::new(program));
        }
        lookups.load(snapshot)?;
        Ok(Self { programs })
    }

    /// Compiles the transform of one table, without what it looks into: a row that needs that fails.
    ///
    /// # Errors
    /// As [`Transforms::new`].
    pub fn of(table: &TablePlan, source: &Side, salt: &Salt) -> Result<Self> {
        let mut programs = HashMap::new();
        if let Some(transform) = &table.transform {
            let lookups = Lookups::of(transform.lookups.clone());
            let case_sensitive = source.capabilities.column_names_case_sensitive;
            let program = Program::compiled(transform, case_sensitive, salt, &lookups)?;
            programs.insert(table.name().clone(), Arc::new(program));
        }
        Ok(Self { programs })
    }

    /// The transform of a table, if it has one.
    pub fn program(&self, table: &TablePlan) -> Option<&Arc<Program>> {
        self.programs.get(table.name())
    }

    /// The encoder of a table, with its transform before it.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn encoder(
        &self,
        target: &dyn Engine,
        table: &TablePlan,
        spec: &LoadSpec,
    ) -> Result<Box<dyn Encoder>> {
        let inner = target.encoder(spec)?;
        Ok(match self.program(table) {
            Some(program) => Box::new(Transforming::new(
                Arc::clone(program),
                inner,
                Repair::of(spec),
            )),
            None => inner,
        })
    }
}

impl TransformPlan {
    /// Puts the formulas that are wished now in place of those of the plan, column by column; a column
    /// about which nothing is wished keeps its own.
    pub(crate) fn mend(&mut self, source: &TableName, wished: &PlanSettings) {
        let full = source.to_string();
        let wishes: Vec<_> = wished
            .transforms
            .iter()
            .filter(|w| names::fits(&w.table, &source.name) || names::fits(&w.table, &full))
            .filter(|w| w.into.as_ref().is_none_or(|into| *into == self.shape.name))
            .collect();
        for output in &mut self.outputs {
            if let Output::Formula { name, text, .. } = output
                && let Some((_, new)) = wishes
                    .iter()
                    .rev()
                    .flat_map(|w| &w.columns)
                    .find(|(n, _)| n == name)
            {
                text.clone_from(&new.text);
            }
        }
        let filters: Vec<String> = wishes
            .iter()
            .filter_map(|w| Some(format!("({})", w.filter.as_ref()?.text)))
            .collect();
        self.filter = (!filters.is_empty()).then(|| filters.join(" AND "));
    }
}

impl Program {
    /// Compiles a transform of a plan with the salt of a run.
    ///
    /// # Errors
    /// As [`Transforms::new`].
    pub(crate) fn compiled(
        plan: &TransformPlan,
        case_sensitive: bool,
        salt: &Salt,
        lookups: &Lookups,
    ) -> Result<Self> {
        if plan.salt.is_some() && plan.salt != salt.mark() {
            return Err(Error::new(
                ErrorKind::Configuration,
                "compiling a transform",
                "mask_salt is not the one with which the plan was made",
            )
            .on(plan.shape.to_string())
            .hint("Masks would not be the same as in the rows that were moved already. Put the old secret back, or make a new plan."));
        }
        Program::new(
            plan,
            Surroundings {
                salt: salt.bytes(),
                lookups,
                case_sensitive,
            },
        )
    }
}
