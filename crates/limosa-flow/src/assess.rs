//! What a migration would meet, without making it: the plan, the missing rights, and the words of both servers.

use crate::clock::Wall;
use crate::plan::{Plan, Severity};
use crate::planner;
use crate::progress::Progress;
use crate::settings::{PlanSettings, RunSettings};
use limosa_core::Result;
use limosa_core::engine::{Engine, MissingPrivilege, Role};
use limosa_core::operation::Operation;
use limosa_core::schema::{Catalog, Table, TableName};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// How many findings there are of each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Good to know.
    pub notes: usize,
    /// Differences that an application may see.
    pub warnings: usize,
    /// Values that change by a chosen policy.
    pub lossy: usize,
    /// What forbids the run.
    pub stops: usize,
}

/// An assessment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// The plan that would be run.
    pub plan: Plan,
    /// Rights that are missing, on each side.
    pub privileges: Vec<(Role, MissingPrivilege)>,
    /// The findings, counted.
    pub tally: Tally,
    /// Whether a run would begin: nothing stops it and no right is missing.
    pub ready: bool,
}

/// Assesses a migration. Reads both databases and writes neither.
///
/// # Errors
/// As [`planner::make`]; missing rights are no error.
pub fn assess(
    source: &dyn Engine,
    target: &dyn Engine,
    settings: &PlanSettings,
    run: &RunSettings,
    progress: &Progress,
    made_by: &str,
) -> Result<Assessment> {
    let (plan, catalog) = planner::make_with_catalog(
        source,
        target,
        settings,
        run,
        progress,
        made_by,
        &Wall::new(),
    )?;
    let mut privileges = Vec::new();
    for (role, engine, catalog) in [
        (Role::Source, source, &catalog),
        (Role::Target, target, &to_be_made(&plan)),
    ] {
        let missing = engine.missing_privileges(role, catalog)?;
        privileges.extend(missing.into_iter().map(|m| (role, m)));
    }
    let count = |severity| {
        plan.findings
            .iter()
            .filter(|f| f.severity == severity)
            .count()
    };
    let tally = Tally {
        notes: count(Severity::Note),
        warnings: count(Severity::Warning),
        lossy: count(Severity::Lossy),
        stops: count(Severity::Stop),
    };
    let ready = tally.stops == 0 && privileges.is_empty();
    Ok(Assessment {
        plan,
        privileges,
        tally,
        ready,
    })
}

/// What a plan makes in the target and writes to, as far as rights depend on it.
pub(crate) fn to_be_made(plan: &Plan) -> Catalog {
    let mut made = Catalog::default();
    let mut places: HashMap<TableName, usize> = HashMap::new();
    for moved in &plan.tables {
        places.insert(moved.name().clone(), made.tables.len());
        made.tables.push(Table::named(moved.name().clone()));
    }
    for step in &plan.steps {
        match &step.operation {
            Operation::CreateView(view) => made.views.push(view.clone()),
            Operation::CreateRoutine(routine) => made.routines.push(routine.clone()),
            Operation::CreateSequence(sequence) => made.sequences.push(sequence.clone()),
            Operation::CreateTrigger { table, trigger } => {
                if let Some(at) = places.get(table) {
                    made.tables[*at].triggers.push(trigger.clone());
                }
            }
            Operation::AddForeignKey(table, key) => {
                if let Some(at) = places.get(table) {
                    made.tables[*at].foreign_keys.push(key.clone());
                }
            }
            _ => {}
        }
    }
    made
}
