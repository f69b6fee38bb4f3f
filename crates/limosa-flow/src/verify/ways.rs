//! Which way each column is compared: added up by the servers, read, or not at all.
//!
//! A table's rows can be added up only where every compared column has a text that both servers write alike: one
//! column that has none would be one that nobody looks at.

use crate::copy::{Job, snapshot};
use crate::outcome::{ColumnWay, TableWays};
use crate::plan::{Plan, TablePlan};
use crate::progress::Progress;
use crate::rejects::Store;
use crate::settings::RunSettings;
use crate::stop::Stop;
use crate::transform::{Shown, Transforms};
use limosa_core::Result;
use limosa_core::engine::{CanonicalColumn, Engine, Snapshot};
use limosa_core::pushdown::{Spelling, agree};

/// Says how every column of every table is compared. Reads no row.
///
/// # Errors
/// Those of opening both databases.
pub fn explain(
    source: &dyn Engine,
    target: &dyn Engine,
    plan: &Plan,
    settings: &RunSettings,
    progress: &Progress,
    stop: &Stop,
) -> Result<Vec<TableWays>> {
    let (clock, rejects) = (crate::clock::Wall::new(), Store::in_memory());
    let job = Job {
        source,
        target,
        plan,
        settings,
        progress: progress.as_ref(),
        stop,
        clock: &clock,
        rejects: &rejects,
    };
    let (from, _) = snapshot(source, 1, &job)?;
    let (to, _) = snapshot(target, 1, &job)?;
    let transforms = Transforms::new(plan, &settings.mask_salt, from.as_ref())?;
    let from = Shown::new(from.as_ref(), plan, &transforms);
    Ok(plan
        .tables
        .iter()
        .map(|table| {
            let columns = pairs(table)
                .map(
                    |(a, b)| match common(&job, &from, to.as_ref(), table, a, b) {
                        Ok(spelling) => way(&b.name, "pushdown", word(spelling)),
                        Err(why) => way(&b.name, "stream", &why),
                    },
                )
                .chain(
                    table
                        .not_compared
                        .iter()
                        .map(|(column, why)| way(column, "not comparable", why)),
                );
            TableWays {
                table: table.name().clone(),
                pushdown: spellings(&job, &from, to.as_ref(), table).is_some(),
                columns: columns.collect(),
            }
        })
        .collect())
}

fn way(column: &str, way: &str, detail: &str) -> ColumnWay {
    ColumnWay {
        column: column.into(),
        way: way.into(),
        detail: detail.into(),
    }
}

fn word(spelling: Spelling) -> &'static str {
    match spelling {
        Spelling::Text => "text with its length",
        Spelling::Bare => "text",
        Spelling::Hex => "the bytes of the number",
        Spelling::Digits => "decimal digits; numbers beyond them are read",
        Spelling::Digest => "a hash of the bytes",
    }
}

fn pairs(plan: &TablePlan) -> impl Iterator<Item = (&CanonicalColumn, &CanonicalColumn)> {
    plan.compare_source
        .columns
        .iter()
        .zip(&plan.compare_target.columns)
}

fn common(
    job: &Job<'_>,
    source: &dyn Snapshot,
    target: &dyn Snapshot,
    plan: &TablePlan,
    a: &CanonicalColumn,
    b: &CanonicalColumn,
) -> Result<Spelling, String> {
    if job.source.capabilities().embedded && job.target.capabilities().embedded {
        return Err("both databases are read in this process".into());
    }
    agree(
        source.spellings(&plan.compare_source.table, a),
        target.spellings(&plan.compare_target.table, b),
    )
}

/// The spelling of each compared column, if all of them have one.
pub(super) fn spellings(
    job: &Job<'_>,
    source: &dyn Snapshot,
    target: &dyn Snapshot,
    plan: &TablePlan,
) -> Option<Vec<Spelling>> {
    let said: Result<Vec<Spelling>, String> = pairs(plan)
        .map(|(a, b)| common(job, source, target, plan, a, b))
        .collect();
    said.ok().filter(|s| !s.is_empty())
}
