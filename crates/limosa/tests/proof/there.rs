//! A → B → A: what the plan calls exact or widened comes back equal, as the servers themselves say it;
//! and a clean copy never alarms.

use crate::case::{Case, Table};
use crate::engine::{Database, Engine};
use crate::meaning::{self, Meaning};
use crate::oracle::{self, Rows};
use limosa::outcome::{Ending, Verdict};
use limosa::plan::{ColumnDecision, Plan};
use limosa::settings::Settings;
use limosa::{Limosa, Parts, Stop};
use limosa_core::policy::{
    BadDatePolicy, InvalidTextPolicy, MismatchPolicy, NotFinitePolicy, NulPolicy, Policies,
    PrecisionPolicy,
};
use limosa_flow::settings::TableWish;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// Tables and columns by their names.
type Places = HashSet<(String, String)>;

/// Moves a whole database, which must go without a fault; gives the plan, and the columns that stop it and
/// are left behind.
fn moved(
    state: &Path,
    from: &Database,
    to: &Database,
    policies: Policies,
    case: &Case,
    back: bool,
) -> Result<(Plan, Places), String> {
    let mut settings = Settings::between(&from.url, &to.url).map_err(|e| e.to_string())?;
    settings.state = state.to_owned();
    settings.report = state.join("report");
    settings.plan.policies = policies;
    settings.run.workers = 2;
    let silent = limosa::silent();
    let mut left: Places = HashSet::new();
    for _ in 0..4 {
        let limosa = Limosa::open(settings.clone()).map_err(|e| e.to_string())?;
        let plan = limosa.plan(&silent).map_err(|e| format!("planning: {e}"))?;
        let stops: Vec<_> = plan.stops().collect();
        if !stops.is_empty() {
            if back {
                return Err(format!("the way back stops: {stops:#?}"));
            }
            // One column may stop for two reasons.
            let before = left.clone();
            for stop in &stops {
                let (Some(object), Some(column)) = (&stop.object, &stop.column) else {
                    return Err(format!("a stop without a column: {stop:#?}"));
                };
                let table = object.rsplit('.').next().unwrap_or(object).to_owned();
                let place = (table, column.clone());
                left.insert(place.clone());
                if before.contains(&place) {
                    return Err(format!("left behind, and it stops still: {stop:#?}"));
                }
            }
            if case.tables.iter().all(|t| {
                t.columns
                    .iter()
                    .all(|c| left.contains(&(t.name.clone(), c.name.clone())))
            }) {
                // There is nothing left to move.
                return Ok((plan, left));
            }
            settings.plan.exclude.clear();
            settings.plan.tables.clear();
            for table in &case.tables {
                let gone: Vec<String> = left
                    .iter()
                    .filter(|(t, _)| *t == table.name)
                    .map(|(_, c)| c.clone())
                    .collect();
                if gone.len() == table.columns.len() {
                    settings.plan.exclude.push(table.name.clone());
                } else if !gone.is_empty() {
                    settings.plan.tables.push(TableWish {
                        name: table.name.clone(),
                        exclude_columns: gone,
                        ..TableWish::default()
                    });
                }
            }
            continue;
        }
        let outcome = limosa
            .run(&plan, Parts::All, &silent, &Stop::new())
            .map_err(|e| format!("running: {e}"))?;
        let mut faults: Vec<String> = Vec::new();
        for step in outcome.steps.iter().filter(|s| !s.done) {
            faults.push(format!("{}: {:?}", step.id, step.error));
        }
        for table in outcome.tables.iter().filter(|t| !t.errors.is_empty()) {
            faults.push(format!("{}: {:?}", table.table, table.errors));
        }
        if outcome.ending != Ending::Complete {
            faults.push(format!("ended {:?}", outcome.ending));
        }
        match &outcome.comparison {
            Some(c) if c.verdict == Verdict::Pass => {}
            // Where the plan says that values change, the comparison may say so too.
            Some(c)
                if c.verdict != Verdict::Fail
                    && plan.decisions.iter().any(|d| d.fidelity == "lossy") => {}
            Some(c) => {
                let tables = c.tables.iter().filter(|t| t.verdict != Verdict::Pass);
                faults.extend(tables.map(|t| format!("the comparison says {t:?}")));
                faults.extend(
                    c.schema
                        .iter()
                        .map(|s| format!("the comparison says {s:?}")),
                );
                faults.push(format!("the comparison says {:?}", c.verdict));
            }
            None => faults.push("there was no comparison".into()),
        }
        if !faults.is_empty() {
            let all: Vec<String> = plan.decisions.iter().map(said).collect();
            return Err(format!("{}\n{}", faults.join("\n"), all.join("\n")));
        }
        return Ok((plan, left));
    }
    Err("the plan stops again and again".into())
}

/// A decision in one line.
fn said(d: &ColumnDecision) -> String {
    format!(
        "{}.{} {} -> {} {} {}",
        d.table,
        d.column,
        d.from,
        d.to,
        d.fidelity,
        d.why.as_deref().unwrap_or_default()
    )
}

/// The columns that a plan calls exact or widened.
fn held(plan: &Plan) -> Places {
    plan.decisions
        .iter()
        .filter(|d| matches!(d.fidelity.as_str(), "exact" | "widened"))
        .map(|d| (d.table.name.clone(), d.column.clone()))
        .collect()
}

/// Runs a case.
pub(crate) fn run(case: &Case) -> Result<(), String> {
    let here = tempfile::tempdir().expect("a folder can be made");
    let a = case.from.database(here.path(), "a.db");
    let b = case.to.database(here.path(), "b.db");
    let back = case.from.database(here.path(), "back.db");
    let result = with(case, here.path(), &a, &b, &back);
    // A few are left to the end of the servers: taking one away costs more than the case.
    if many() {
        for database in [a, b, back] {
            database.remove();
        }
    }
    result
}

fn with(
    case: &Case,
    folder: &Path,
    a: &Database,
    b: &Database,
    back: &Database,
) -> Result<(), String> {
    a.execute(&case.sql());
    let policies = if case.liberal {
        Policies {
            nul: NulPolicy::Replace,
            bad_date: BadDatePolicy::Text,
            not_finite: NotFinitePolicy::Text,
            invalid_text: InvalidTextPolicy::Bytes,
            mismatch: MismatchPolicy::Widen,
            precision: PrecisionPolicy::Text,
            ..Policies::default()
        }
    } else {
        Policies::default()
    };
    let (there, left) = moved(&folder.join("there"), a, b, policies, case, false)
        .map_err(|e| format!("there: {e}"))?;
    let all = case.tables.iter().map(|t| t.columns.len()).sum::<usize>();
    if left.len() == all {
        return Ok(());
    }
    let (again, left_back) = moved(
        &folder.join("back"),
        b,
        back,
        Policies::default(),
        case,
        true,
    )
    .map_err(|e| format!("back: {e}"))?;
    let (held_there, held_back) = (held(&there), held(&again));
    for table in &case.tables {
        let columns: Vec<_> = table
            .columns
            .iter()
            .filter(|c| held_there.contains(&(table.name.clone(), c.name.clone())))
            .filter(|c| !left.contains(&(table.name.clone(), c.name.clone())))
            .filter(|c| !left_back.contains(&(table.name.clone(), c.name.clone())))
            .map(|c| c.name.clone())
            .collect();
        if columns.is_empty() {
            continue;
        }
        for column in &columns {
            if !held_back.contains(&(table.name.clone(), column.clone())) {
                return Err(format!(
                    "{}.{column} is not held on the way back",
                    table.name
                ));
            }
        }
        compare(table, &columns, a, b, back).map_err(|e| {
            let all: Vec<String> = there
                .decisions
                .iter()
                .chain(&again.decisions)
                .map(said)
                .collect();
            format!("{e}\n{}", all.join("\n"))
        })?;
    }
    Ok(())
}

/// Compares one table of all three.
fn compare(
    table: &Table,
    columns: &[String],
    a: &Database,
    b: &Database,
    back: &Database,
) -> Result<(), String> {
    let (was, is): (HashMap<_, _>, HashMap<_, _>) = (
        oracle::columns(a, &table.name).into_iter().collect(),
        oracle::columns(back, &table.name).into_iter().collect(),
    );
    let means: HashMap<&str, Meaning> = table
        .columns
        .iter()
        .map(|c| (c.name.as_str(), c.means))
        .collect();
    // Types that only PostgreSQL has are cast back to themselves by it.
    let casts: HashMap<String, String> = columns
        .iter()
        .filter(|c| {
            a.engine == Engine::Postgres
                && was[*c] != is[*c]
                && matches!(means[c.as_str()], Meaning::Own | Meaning::Span)
        })
        .map(|c| (c.clone(), was[c].clone()))
        .collect();
    let none = HashMap::new();
    let before = oracle::dump(a, &table.name, columns, &none);
    let between = oracle::dump(b, &table.name, columns, &none);
    let after = oracle::dump(back, &table.name, columns, &casts);
    let meant = |rows: &Rows, what: &dyn Fn(&str) -> bool| -> Vec<Vec<Option<String>>> {
        rows.iter()
            .map(|row| {
                row.iter()
                    .zip(columns)
                    .map(|(raw, c)| match means[c.as_str()] {
                        Meaning::Verified => Some(String::new()),
                        _ if !what(c) => Some(String::new()),
                        m => meaning::of(raw, m),
                    })
                    .collect()
            })
            .collect()
    };
    // The same type holds the very same words.
    let words = |rows: &Rows| -> Vec<Vec<Option<String>>> {
        rows.iter()
            .map(|row| {
                row.iter()
                    .zip(columns)
                    // JSON means the same with other blanks.
                    .map(|(raw, c)| {
                        let bound = was[c] == is[c] && means[c.as_str()] != Meaning::Json;
                        bound.then(|| format!("{raw:?}"))
                    })
                    .collect()
            })
            .collect()
    };
    same("back in the words", columns, words(&before), words(&after))?;
    same(
        "back",
        columns,
        meant(&before, &|_| true),
        meant(&after, &|_| true),
    )?;
    // The middle says its own types as its own engine does.
    let neutral =
        |c: &str| !matches!(means[c], Meaning::Own | Meaning::List) || a.engine == b.engine;
    same(
        "there",
        columns,
        meant(&before, &neutral),
        meant(&between, &neutral),
    )
}

fn same(
    what: &str,
    columns: &[String],
    mut left: Vec<Vec<Option<String>>>,
    mut right: Vec<Vec<Option<String>>>,
) -> Result<(), String> {
    left.sort();
    right.sort();
    if left == right {
        return Ok(());
    }
    let mut out = format!("{what}: {} rows against {}", left.len(), right.len());
    for (i, column) in columns.iter().enumerate() {
        let of = |rows: &[Vec<Option<String>>]| {
            let mut all: Vec<_> = rows.iter().map(|r| r[i].clone()).collect();
            all.sort();
            all
        };
        let (l, r) = (of(&left), of(&right));
        let only = |a: &[Option<String>], b: &[Option<String>]| -> Vec<String> {
            a.iter()
                .filter(|v| !b.contains(v))
                .map(|v| format!("{v:?}").chars().take(200).collect())
                .collect()
        };
        if l != r {
            out.push_str(&format!(
                "\n  {column}: {:?}\n      not {:?}",
                only(&l, &r),
                only(&r, &l)
            ));
        }
    }
    Err(out)
}

/// Runs a case, and where it fails, the smallest one that fails too.
fn shrunk(case: Case, why: String) -> (Case, String) {
    let (mut case, mut why) = (case, why);
    let mut left = 60;
    'smaller: loop {
        let size = case.size();
        for next in case.smaller() {
            if left == 0 {
                break 'smaller;
            }
            if next.size() >= size {
                continue;
            }
            left -= 1;
            if let Err(e) = caught(&next) {
                (case, why) = (next, e);
                continue 'smaller;
            }
        }
        break;
    }
    (case, why)
}

/// Runs a case; a panic is a failure, too.
pub(crate) fn caught(case: &Case) -> Result<(), String> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = std::panic::catch_unwind(|| run(case));
    std::panic::set_hook(hook);
    result.unwrap_or_else(|p| {
        let words = p
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| p.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        let words: String = words.unwrap_or_default().chars().take(1000).collect();
        Err(format!("panic: {words}"))
    })
}

/// Whether more cases are asked for than the usual few.
fn many() -> bool {
    std::env::var_os("LIMOSA_PROOF_CASES").is_some()
}

/// Random cases of a pair: as many as `LIMOSA_PROOF_CASES` says, from the seed `LIMOSA_PROOF_SEED`.
pub(crate) fn random(from: Engine, to: Engine) {
    let number = |name: &str, default: u64| {
        std::env::var(name)
            .ok()
            .and_then(|v| v.parse().ok())
            .unwrap_or(default)
    };
    let (cases, first) = (
        number("LIMOSA_PROOF_CASES", 2),
        number("LIMOSA_PROOF_SEED", 1),
    );
    let go_on = std::env::var_os("LIMOSA_PROOF_ALL").is_some();
    let mut failed = Vec::new();
    for seed in first..first + cases {
        let case = Case::random(from, to, seed);
        if let Err(why) = caught(&case) {
            let (case, why) = shrunk(case, why);
            failed.push(format!(
                "seed {seed}, {from:?} to {to:?}, liberal: {}\n{}\n{why}",
                case.liberal,
                case.sql().chars().take(3000).collect::<String>()
            ));
            if !go_on {
                break;
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n=====\n\n"));
}
