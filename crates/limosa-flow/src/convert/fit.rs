//! Tables that do not fit the target as a whole.

use super::table::Draft;
use super::{Context, Converted};
use crate::hazards::finding;
use crate::names;
use crate::plan::Severity;
use limosa_core::dialect::Misfit;

/// Asks the dialect about a complete table; gives columns another place, and says what has none.
pub(super) fn fit(draft: &mut Draft<'_>, context: &Context<'_>, out: &mut Converted) {
    if context.same_family() {
        return;
    }
    let source = draft.source;
    let wish = names::wish(context.settings, &source.name);
    let chosen: Vec<String> = draft
        .columns
        .iter()
        .filter(|c| wish.is_some_and(|w| w.cast.iter().any(|(name, _)| *name == c.source.name)))
        .map(|c| c.target.name.clone())
        .collect();
    let misfits = context
        .dialect
        .fit(&draft.target, &|name| !chosen.iter().any(|c| c == name));
    let mut beside = Vec::new();
    for misfit in misfits {
        match misfit {
            Misfit::Table(why) => out.findings.push(
                finding("row-too-wide", Severity::Stop, &source.name, why).remedy(format!(
                    "leave columns out: [[table]] name = \"{}\" exclude_columns = [..], or choose smaller types: cast",
                    source.name
                )),
            ),
            Misfit::Column { column, placement } => {
                let Some(at) = draft.columns.iter().position(|c| c.target.name == column) else {
                    continue;
                };
                let moved = &mut draft.columns[at];
                moved.target.ty = placement.ty;
                moved.target.native = placement.native;
                beside.push(moved.source.name.clone());
                if let Some(c) = draft.target.columns.iter_mut().find(|c| c.name == column) {
                    c.ty = moved.target.ty.clone();
                    c.native.clone_from(&moved.target.native);
                }
                let decided = out
                    .decisions
                    .iter_mut()
                    .find(|d| d.table == source.name && d.column == moved.source.name);
                if let Some(decision) = decided {
                    decision.to.clone_from(&moved.target.native);
                    if decision.fidelity == "exact" {
                        decision.fidelity = "widened".into();
                    }
                    decision.why = match (decision.why.take(), placement.note) {
                        (Some(a), Some(b)) => Some(format!("{a}; {b}")),
                        (a, b) => a.or(b),
                    };
                }
            }
        }
    }
    if !beside.is_empty() {
        out.findings.push(finding(
            "row-too-wide",
            Severity::Note,
            &source.name,
            format!(
                "a row of the target has no room for all columns as they are declared; kept as text or bytes without \
                 a length of their own: {}",
                beside.join(", ")
            ),
        ));
    }
}
