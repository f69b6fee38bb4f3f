//! A plan in a file: kept, reviewed, and run later exactly as it is.

use crate::settings::Problem;
use limosa_flow::plan::{PLAN_FORMAT, Plan};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A file longer than this is not a plan: one of 50 000 tables has some hundred MiB.
const PLAN_BYTES: u64 = 1 << 30;

/// What stands in the file.
#[derive(Debug, Serialize, Deserialize)]
pub struct PlanFile {
    /// The format of the plan.
    pub format_version: u32,
    /// What it is: `plan`.
    pub kind: String,
    /// The hash of the plan.
    pub hash: String,
    /// The plan.
    pub plan: Plan,
}

impl PlanFile {
    /// Wraps a plan.
    pub fn of(plan: Plan) -> Self {
        Self {
            format_version: PLAN_FORMAT,
            kind: "plan".into(),
            hash: plan.hash(),
            plan,
        }
    }

    /// The text of the file.
    pub fn text(&self) -> String {
        let mut text =
            serde_json::to_string_pretty(self).expect("a plan holds only what JSON can say");
        text.push('\n');
        text
    }
}

/// Reads a plan and makes sure that it is the one that was written.
///
/// # Errors
/// If the file can not be read, is not a plan, is of a newer format, or was changed.
pub fn read(path: &Path) -> Result<Plan, Problem> {
    let shown = path.display();
    let again = "Make a plan with `limosa plan --out FILE`.";
    let about = std::fs::metadata(path)
        .map_err(|e| Problem::new(format!("the plan {shown} can not be read: {e}")).hint(again))?;
    if about.is_dir() || about.len() > PLAN_BYTES {
        return Err(Problem::new(format!("{shown} is not a plan")).hint(again));
    }
    let bytes = std::fs::read(path)
        .map_err(|e| Problem::new(format!("the plan {shown} can not be read: {e}")))?;
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|e| {
        Problem::new(format!(
            "{shown} is not a plan: line {}, column {}: it is not JSON",
            e.line(),
            e.column()
        ))
        .hint(again)
    })?;
    let version = value
        .get("format_version")
        .and_then(serde_json::Value::as_u64);
    match version {
        Some(v) if v == u64::from(PLAN_FORMAT) => {}
        Some(v) => {
            return Err(Problem::new(format!(
                "the plan {shown} has the format {v}; this version of Limosa reads {PLAN_FORMAT}"
            ))
            .hint("Run it with the version that made it, or plan again."));
        }
        None => return Err(Problem::new(format!("{shown} is not a plan")).hint(again)),
    }
    let file: PlanFile = serde_json::from_value(value)
        .map_err(|e| Problem::new(format!("{shown} is not a plan: {e}")).hint(again))?;
    if file.plan.hash() != file.hash {
        return Err(Problem::new(format!(
            "the plan {shown} was changed after it was made: its content does not have the hash {}",
            file.hash
        ))
        .hint("A plan is run exactly as it was made. Change limosa.toml and plan again."));
    }
    Ok(file.plan)
}
