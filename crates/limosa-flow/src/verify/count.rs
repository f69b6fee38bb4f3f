//! The least comparison: how many rows each table has.

use crate::copy::Job;
use crate::outcome::{TableVerdict, Verdict};
use crate::plan::TablePlan;
use crate::progress::Fact;
use crate::retry::again;
use limosa_core::engine::{CanonicalRead, Canonicalizer, Snapshot};
use limosa_core::{Error, Result};
use std::time::Instant;

/// Counts the rows of every table on both sides, each side in its snapshot. Equal numbers are no proof of equal rows, so the best
/// verdict is [`Verdict::Partial`].
///
/// # Errors
/// `Interrupted`; those of the two sessions. What concerns one table is in its verdict.
pub(super) fn tables(
    job: &Job<'_>,
    source: &dyn Snapshot,
    target: &dyn Snapshot,
) -> Result<Vec<TableVerdict>> {
    let around = job.around();
    let mut source = again(&around, "opening a reader", |_| source.canonicalizer())?;
    let mut target = again(&around, "opening a reader", |_| target.canonicalizer())?;
    job.plan
        .tables
        .iter()
        .map(|plan| {
            job.stop.check()?;
            job.progress.hear(Fact::TableBegan {
                stage: "verify",
                table: plan.name().clone(),
                rows: plan.rows,
                bytes: plan.bytes,
            });
            let verdict = table(source.as_mut(), target.as_mut(), plan);
            job.progress.hear(Fact::TableEnded {
                stage: "verify",
                table: plan.name().clone(),
                outcome: match verdict.verdict {
                    Verdict::Fail => "different",
                    _ if verdict.error.is_some() => "failed",
                    _ => "equal",
                },
                why: verdict.error.clone(),
            });
            Ok(verdict)
        })
        .collect()
}

fn table(
    source: &mut dyn Canonicalizer,
    target: &mut dyn Canonicalizer,
    plan: &TablePlan,
) -> TableVerdict {
    let began = Instant::now();
    let count = |side: &mut dyn Canonicalizer, read: &CanonicalRead| {
        side.count(read).map_err(|e: Error| e.to_string())
    };
    let here = count(source, &plan.compare_source);
    let there = count(target, &plan.compare_target);
    let (rows, error) = match (here, there) {
        (Ok(here), Ok(there)) => ((here, there), None),
        (here, there) => {
            let why = here.as_ref().err().or(there.as_ref().err()).cloned();
            ((here.unwrap_or(0), there.unwrap_or(0)), why)
        }
    };
    TableVerdict {
        table: plan.name().clone(),
        verdict: match error.is_none() && rows.0 != rows.1 {
            true => Verdict::Fail,
            false => Verdict::Partial,
        },
        source_rows: rows.0,
        target_rows: rows.1,
        compared_rows: 0,
        differing_rows: if error.is_none() {
            rows.0.abs_diff(rows.1)
        } else {
            0
        },
        differences: Vec::new(),
        causes: Vec::new(),
        not_compared: Vec::new(),
        cross_checked_rows: 0,
        disagreements: Vec::new(),
        error,
        seconds: began.elapsed().as_secs_f64(),
    }
}
