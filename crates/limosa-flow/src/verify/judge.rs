//! From sums and differences to a verdict.

use super::excuse;
use super::table::{Shared, Table};
use crate::outcome::{SchemaDifference, TableVerdict, Verdict};
use crate::plan::{Plan, Severity, TablePlan};
use std::collections::{HashMap, HashSet};

/// Judges a table whose ranges are all read.
pub(super) fn table(shared: &Shared<'_, '_>, table: &Table<'_>) -> TableVerdict {
    let plan = table.plan;
    let settings = shared.job.settings;
    let (source, target, mut odd, error, crossed, ends) = {
        let mut found = table.lock();
        let odd = std::mem::take(&mut found.odd);
        let error = found.error.as_ref().map(ToString::to_string);
        let crossed = std::mem::take(&mut found.crossed);
        let ends = std::mem::take(&mut found.ends);
        (found.source, found.target, odd, error, crossed, ends)
    };
    let mut verdict = TableVerdict {
        table: plan.name().clone(),
        verdict: Verdict::Pass,
        source_rows: source.rows,
        target_rows: target.rows,
        compared_rows: source.sum.count,
        differing_rows: 0,
        differences: Vec::new(),
        causes: Vec::new(),
        not_compared: plan.not_compared.clone(),
        cross_checked_rows: crossed.rows,
        disagreements: crossed.disagreements,
        error: None,
        seconds: 0.0,
    };
    let changed = shared.changes.within(plan);
    let excuses = &table.excuses;
    let mut rejected = 0;
    if source.sum != target.sum {
        verdict.differing_rows = odd.rows.max(1);
        verdict.verdict = Verdict::Fail;
        if odd.at_least {
            verdict.error = Some(format!(
                "at least {} rows differ; counting stopped there",
                odd.rows
            ));
        }
        verdict.causes = odd.causes.say(&plan.compare_target.columns);
        let mut named = odd.names();
        match &odd.unnamed {
            None => {
                rejected = excuses.apply(&mut named);
                let excused = !odd.at_least
                    && odd.rows == named.len() as u64 + excuse::more(plan, &named)
                    && named.iter().all(|d| {
                        d.kind == "rejected"
                            || d.kind == "differs"
                                && !d.columns.is_empty()
                                && d.columns.iter().all(|c| changed.contains(c.as_str()))
                    });
                if excused {
                    verdict.verdict = Verdict::PassWithExceptions;
                }
                verdict.differences = named;
                verdict.differences.truncate(settings.max_differences);
            }
            Some(error) => {
                verdict.differences = named;
                verdict.differences.truncate(settings.max_differences);
                verdict.error = Some(format!(
                    "{} rows differ, and not all of them could be looked at: {error}",
                    verdict.differing_rows
                ));
            }
        }
    }
    // Rows outside the chosen share are counted only.
    let others = (
        source.rows - source.sum.count,
        target.rows - target.sum.count,
    );
    let fewer = others.0.checked_sub(others.1);
    if fewer.is_some_and(|n| n > 0 && n <= excuses.rows.saturating_sub(rejected)) {
        verdict.verdict = verdict.verdict.max(Verdict::PassWithExceptions);
    } else if fewer != Some(0) {
        verdict.verdict = Verdict::Fail;
        verdict.differing_rows += others.0.abs_diff(others.1);
        verdict.error = Some(format!(
            "of the rows that were only counted, the source has {} and the target {}",
            others.0, others.1
        ));
    }
    if source.sum.count < source.rows {
        verdict.verdict = verdict.verdict.max(Verdict::Partial);
    }
    // Rows that were rejected may have been at the ends.
    let ends: Vec<&str> = ends
        .0
        .differ(&ends.1)
        .filter_map(|at| plan.compare_target.columns.get(at))
        .map(|c| c.name.as_str())
        .filter(|name| excuses.rows == 0 && !changed.contains(name))
        .collect();
    if !ends.is_empty() && verdict.verdict != Verdict::Fail {
        verdict.verdict = Verdict::Fail;
        verdict.differing_rows = verdict.differing_rows.max(1);
        verdict.error = Some(format!(
            "the least or the greatest value of {} is not the same on both sides, in rows that were not chosen",
            ends.join(", ")
        ));
    }
    for (column, _) in &plan.not_compared {
        let chosen = changed.contains(column.as_str());
        verdict.verdict = verdict.verdict.max(match chosen {
            true => Verdict::PassWithExceptions,
            false => Verdict::Partial,
        });
    }
    if let Some(error) = error {
        // The ranges that were read have spoken all the same: a difference in them stays one.
        verdict.verdict = verdict.verdict.max(Verdict::Partial);
        verdict.error = Some(match verdict.error {
            Some(also) => format!("{error}; {also}"),
            None => error,
        });
    }
    if !verdict.disagreements.is_empty() {
        // Whatever else was found, it was found by something that can not be trusted.
        verdict.verdict = Verdict::Fail;
        let said = format!(
            "the comparison disagrees with itself: {}",
            verdict.disagreements.join("; ")
        );
        verdict.error = Some(match verdict.error {
            Some(also) => format!("{said}; {also}"),
            None => said,
        });
    }
    verdict.seconds = table.began.elapsed().as_secs_f64();
    verdict
}

/// The columns whose values a policy that somebody chose changes, by the name of their table on either side.
pub(super) struct Changes<'p>(HashMap<&'p str, Vec<&'p str>>);

impl<'p> Changes<'p> {
    pub(super) fn of(plan: &'p Plan) -> Self {
        let mut tables: HashMap<&str, Vec<&str>> = HashMap::new();
        for finding in &plan.findings {
            if finding.severity == Severity::Lossy
                && let (Some(table), Some(column)) = (&finding.object, &finding.column)
            {
                tables.entry(table).or_default().push(column);
            }
        }
        Self(tables)
    }

    /// Those of one table, by their source names and by their target names.
    pub(super) fn within(&self, plan: &'p TablePlan) -> HashSet<&'p str> {
        if self.0.is_empty() {
            return HashSet::new();
        }
        let names = [plan.read.table.to_string(), plan.name().to_string()];
        let found = names
            .iter()
            .filter_map(|n| self.0.get(n.as_str()))
            .flatten();
        found
            .flat_map(|column| {
                let renamed = plan
                    .read
                    .columns
                    .iter()
                    .position(|c| c.name == *column)
                    .and_then(|at| plan.load.columns.get(at))
                    .map(|c| c.name.as_str());
                [Some(*column), renamed]
            })
            .flatten()
            .collect()
    }
}

/// The worst of all.
pub(super) fn whole(tables: &[TableVerdict], schema: &[SchemaDifference]) -> Verdict {
    let rows = tables
        .iter()
        .map(|t| t.verdict)
        .max()
        .unwrap_or(Verdict::Pass);
    let shape = schema
        .iter()
        .map(|d| match d.planned {
            true => Verdict::PassWithExceptions,
            false => Verdict::Fail,
        })
        .max()
        .unwrap_or(Verdict::Pass);
    rows.max(shape)
}
