//! Results as `run_results.json`.

use super::super::instant;
use limosa_flow::check::{Check, Kind, Status, Verdicts};
use serde_json::{Value, json as build};
use std::time::SystemTime;

/// What dbt calls the version of its file of results.
const RESULTS: &str = "https://schemas.getdbt.com/dbt/run-results/v6.json";

/// Results as dbt's `run_results.json`.
pub fn results(name: &str, checks: &[Check], verdicts: &Verdicts, now: SystemTime) -> String {
    let at = instant(now);
    let results: Vec<Value> = verdicts
        .checks
        .iter()
        .map(|outcome| {
            let check = checks.iter().find(|c| c.name == outcome.name);
            // dbt counts different values where we count rows.
            let counts =
                check.is_some_and(|c| matches!(c.kind, Kind::Unique { .. } | Kind::Values { .. }));
            let failures: u64 = outcome
                .sides
                .iter()
                .map(|s| if counts { s.values } else { s.failures })
                .sum();
            let asked = outcome.status != Status::Error;
            let side = outcome.sides.last();
            build!({
                "status": outcome.status.word(),
                "timing": [],
                "thread_id": "main",
                "execution_time": outcome.seconds,
                "adapter_response": {},
                "message": outcome.message,
                "failures": asked.then_some(failures),
                "unique_id": format!("test.{name}.{}", outcome.name),
                "compiled": side.map(|s| s.sql.is_some()),
                "compiled_code": side.and_then(|s| s.sql.clone()),
                "relation_name": Value::Null,
                "batch_results": Value::Null,
            })
        })
        .collect();
    let file = build!({
        "metadata": {
            "dbt_schema_version": RESULTS,
            "dbt_version": format!("limosa-{}", crate::VERSION),
            "generated_at": at,
            "invocation_id": Value::Null,
            "invocation_started_at": Value::Null,
            "env": {},
        },
        "results": results,
        "elapsed_time": verdicts.seconds,
        "args": { "which": "test" },
    });
    format!("{file:#}\n")
}
