//! What a run will take: time, disk, and the strategy that suits.

use crate::plan::{Estimate, Plan};

/// Bytes a second that one lane copies, measured on two cores with both databases beside it.
const LANE_BYTES: f64 = 40e6;
/// Rows a second that one lane copies.
const LANE_ROWS: f64 = 250e3;
/// Lanes beyond this many wait for the target's disk and log.
const USEFUL_LANES: usize = 8;
/// Time for keys and indexes, over time for rows.
const KEYS_SHARE: f64 = 0.5;
/// Time for the comparison, over time for rows.
const COMPARE_SHARE: f64 = 0.4;
/// Bytes of a row where the source does not say.
const ROW_BYTES: u64 = 120;
/// A pause that hardly anybody minds.
const SMALL_SECONDS: f64 = 60.0;

/// Says what a plan will take with so many lanes.
///
/// The figures are assumptions, said in `basis`; a drill measures.
pub fn estimate(plan: &Plan, workers: usize) -> Estimate {
    let mut rows = 0u64;
    let mut bytes = 0u64;
    let mut largest = 0u64;
    let mut unknown = 0usize;
    for table in &plan.tables {
        let (r, b) = match (table.rows, table.bytes) {
            (Some(r), Some(b)) => (r, b),
            (Some(r), None) => (r, r.saturating_mul(ROW_BYTES)),
            (None, Some(b)) => (b / ROW_BYTES, b),
            (None, None) => {
                unknown += 1;
                (0, 0)
            }
        };
        rows = rows.saturating_add(r);
        bytes = bytes.saturating_add(b);
        largest = largest.max(b);
    }
    let lanes = if plan.target.capabilities.concurrent_writers {
        workers.clamp(1, USEFUL_LANES)
    } else {
        1
    };
    let copy = (bytes as f64 / LANE_BYTES).max(rows as f64 / LANE_ROWS) / lanes as f64;
    let seconds = copy * (1.0 + KEYS_SHARE + COMPARE_SHARE) + 0.02 * plan.steps.len() as f64;
    // Milliseconds are more than the assumptions bear.
    let seconds = (seconds * 1e3).round() / 1e3;
    let indexes = plan
        .steps
        .iter()
        .filter(|s| s.stage == crate::plan::Stage::Keys)
        .count() as u64;
    let tables = (plan.tables.len() as u64).max(1);
    // Rows once, each index about a seventh of its table, the log once more, room to sort the largest.
    let target_disk_bytes = bytes
        .saturating_add(bytes / 7 * (indexes / tables).min(20))
        .saturating_add(bytes)
        .saturating_add(largest);
    let lanes_said = match lanes {
        1 => "one lane".to_string(),
        n => format!("{n} lanes"),
    };
    let basis = format!(
        "{} MB/s or {} rows/s in each of {lanes_said}, half as much time again for keys, 40 % for the \
         comparison{}",
        LANE_BYTES / 1e6,
        LANE_ROWS,
        match unknown {
            0 => String::new(),
            n => format!("; the size of {n} tables is not known"),
        }
    );
    Estimate {
        rows,
        bytes,
        seconds,
        target_disk_bytes,
        basis,
        strategy: strategy(plan, seconds),
    }
}

fn strategy(plan: &Plan, seconds: f64) -> String {
    let allowed = plan.settings.max_downtime_seconds;
    match allowed {
        Some(limit) if seconds <= limit as f64 => {
            format!(
                "big_bang: the copy takes about {seconds:.0} s, within the {limit} s of downtime that are allowed"
            )
        }
        None if seconds <= SMALL_SECONDS => {
            format!("big_bang: the copy takes about {seconds:.0} s")
        }
        _ if plan.source.capabilities.change_source == "none" => {
            "big_bang: the source keeps no record of its changes, so that writes must pause for the whole copy"
                .into()
        }
        _ => {
            let groups = plan.tables.len();
            let limit = allowed.map_or("the copy takes long".to_string(), |l| {
                format!("the copy takes about {seconds:.0} s, longer than the {l} s of downtime that are allowed")
            });
            if groups > 200 {
                format!("incremental: {limit}, and {groups} tables are many; move groups that foreign keys close, one by one")
            } else {
                format!("blue_green: {limit}; copy while the source serves, follow its changes, switch at the end. With canary a share of reads goes first, with shadow none is switched")
            }
        }
    }
}
