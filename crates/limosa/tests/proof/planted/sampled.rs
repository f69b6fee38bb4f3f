//! The same kinds in shares of the rows: each is found in a share that has its row, and all shares together say no more
//! and no less than a whole comparison.

use super::{Copied, Engine, Limosa, Stop, judge, kinds, oracle, together};
use kinds::{Found, Kind};
use limosa::outcome::{Comparison, Difference, Verdict};
use limosa_flow::verify;
use std::collections::HashMap;

/// Shares of one comparison.
const SHARES: u32 = 3;

impl Copied {
    /// Compares every share, as if every table were too large to be compared as a whole.
    fn shares(&self) -> Vec<Comparison> {
        let mut plan = self.plan.clone();
        for table in &mut plan.tables {
            table.rows = Some(1_000_000);
        }
        (0..SHARES)
            .map(|share| {
                let mut settings = self.settings.clone();
                settings.run.validate_percentage = 100.0 / f64::from(SHARES);
                settings.run.extent.share = Some(share);
                settings.run.extent.schema = false;
                let run = settings.run.clone();
                let limosa = Limosa::open(settings).expect("two databases");
                let (source, target) = (limosa.source(), limosa.target());
                verify::compare(
                    source.expect("it opens"),
                    target.expect("it opens"),
                    &plan,
                    &run,
                    &limosa::silent(),
                    &Stop::new(),
                )
                .unwrap_or_else(|e| panic!("comparing a share: {e}"))
            })
            .collect()
    }
}

/// How many rows of a table without a key a difference stands for.
fn rows(d: &Difference) -> u64 {
    let times = |at: usize| -> u64 {
        let words = d
            .key
            .get(at)
            .and_then(|k| k.split(' ').next()?.parse().ok());
        words.unwrap_or(0)
    };
    match d.kind.as_str() {
        "count" => times(1).abs_diff(times(2)),
        _ => 1,
    }
}

/// What all shares say together.
fn all_of(shares: Vec<Comparison>) -> Comparison {
    let mut whole = shares[0].clone();
    for table in &mut whole.tables {
        let mut named: Vec<Difference> = shares
            .iter()
            .flat_map(|s| s.tables.iter().filter(|t| t.table == table.table))
            .flat_map(|t| t.differences.clone())
            .collect();
        named.sort_by(|a, b| (&a.key, &a.kind).cmp(&(&b.key, &b.kind)));
        // Rows that are always compared are in every share.
        named.dedup();
        table.differing_rows = named.iter().map(rows).sum();
        table.verdict = match named.is_empty() {
            true => Verdict::Pass,
            false => Verdict::Fail,
        };
        table.differences = named;
    }
    whole.verdict = whole
        .tables
        .iter()
        .map(|t| t.verdict)
        .max()
        .unwrap_or(Verdict::Pass);
    whole
}

/// All kinds of a pair, in shares.
pub(crate) fn sampled(from: Engine, to: Engine) {
    let copied = Copied::new(from, to);
    let types: HashMap<_, _> = oracle::columns(&copied.target, "item")
        .into_iter()
        .collect();
    for clean in copied.shares() {
        assert_eq!(clean.verdict, Verdict::Partial, "{clean:#?}");
    }
    let all = kinds::kinds();
    let here: Vec<&Kind> = all
        .iter()
        .filter(|k| copied.sql(k, &types).is_some())
        .collect();
    let mut wrong = Vec::new();
    for group in together(&here) {
        let sql: String = group.iter().filter_map(|k| copied.sql(k, &types)).collect();
        copied.do_(&sql);
        let whole = all_of(copied.shares());
        copied.do_(&copied.restore(group[0].found.table()));
        if let Err(why) = judge(&whole, &Found::all(&group)) {
            let names: Vec<&str> = group.iter().map(|k| k.name).collect();
            wrong.push(format!("{}: {why}", names.join(", ")));
        }
    }
    assert!(
        wrong.is_empty(),
        "{from:?} to {to:?}:\n{}",
        wrong.join("\n")
    );
}
