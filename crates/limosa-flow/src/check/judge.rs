//! From the answers of the databases to a verdict. Pure.

use super::noun::{Check, Counting, Kind, Severity};
use super::outcome::{CheckOutcome, Sided, Status};
use super::{number, role_word};

/// Judges one test.
pub(super) fn judge(check: &Check, mut sides: Vec<Sided>) -> CheckOutcome {
    let several = sides.len() > 1;
    let mut status = Status::Pass;
    let mut said: Vec<String> = Vec::new();
    for side in &mut sides {
        let (own, why) = alone(check, side);
        status = status.max(own);
        said.extend(why.map(|why| match several {
            true => format!("{}: {why}", role_word(side.side)),
            false => why,
        }));
    }
    if check.equal
        && let [a, b] = sides.as_slice()
        && a.error.is_none()
        && b.error.is_none()
        && let Some(why) = unequal(check, a, b)
    {
        status = status.max(failing(check));
        said.push(why);
    }
    let message = (status != Status::Pass).then(|| said.join("; "));
    let written = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    CheckOutcome {
        name: check.name.clone(),
        kind: check.kind.word().into(),
        table: written(&check.table),
        columns: check
            .kind
            .columns()
            .into_iter()
            .map(str::to_owned)
            .collect(),
        severity: match check.severity {
            Severity::Error => "error",
            Severity::Warn => "warn",
        }
        .into(),
        status,
        message,
        sides,
        seconds: 0.0,
    }
}

fn failing(check: &Check) -> Status {
    match check.severity {
        Severity::Error => Status::Fail,
        Severity::Warn => Status::Warn,
    }
}

/// What one side's answer means by itself.
fn alone(check: &Check, side: &Sided) -> (Status, Option<String>) {
    if let Some(error) = &side.error {
        return (Status::Error, Some(error.clone()));
    }
    let asked = side.asked.or(side.rows).unwrap_or(0);
    if let Some(share) = check.mostly {
        let good = asked.saturating_sub(side.failures) as f64;
        // A share of nothing is held by nothing.
        if asked == 0 || good >= share * asked as f64 {
            return (Status::Pass, None);
        }
    }
    let counted = match check.counting {
        Counting::Rows => side.failures,
        Counting::Values => side.values,
    };
    let status = if check.severity == Severity::Error && check.error_if.meets(counted) {
        Status::Fail
    } else if check.warn_if.meets(counted) {
        Status::Warn
    } else {
        Status::Pass
    };
    let why = side.why.clone().unwrap_or_else(|| {
        let what = match check.counting {
            Counting::Rows => "rows",
            Counting::Values => "values",
        };
        match (&check.kind, check.counting) {
            (Kind::Sql { .. }, _) => format!("the query gives {counted} rows"),
            (_, Counting::Values) => format!("{counted} {what} fail, in {asked} rows"),
            _ => format!("{counted} of {asked} {what} fail"),
        }
    });
    (status, (status != Status::Pass).then_some(why))
}

/// Why the answers of two sides are not the same, if they are not.
fn unequal(check: &Check, a: &Sided, b: &Sided) -> Option<String> {
    let (left, right) = match (&a.raw, &b.raw) {
        (None, None) => {
            return (a.failures != b.failures).then(|| {
                format!(
                    "{} rows fail in the source, {} in the target",
                    a.failures, b.failures
                )
            });
        }
        (left, right) => (left.as_deref(), right.as_deref()),
    };
    let same = match (left, right) {
        (Some(left), Some(right)) => {
            let tolerance = match &check.kind {
                Kind::Aggregate { tolerance, .. } => {
                    tolerance.or_else(|| (a.inexact || b.inexact).then_some(number::FLOAT))
                }
                _ => None,
            };
            match &check.kind {
                Kind::Columns { .. } => left == right,
                _ if a.numeric && b.numeric => number::equal(left, right, tolerance),
                _ => left == right,
            }
        }
        (left, right) => left == right,
    };
    let shown = |side: &Sided| side.value.clone().unwrap_or_else(|| "nothing".into());
    (!same).then(|| format!("the source has {}, the target {}", shown(a), shown(b)))
}
