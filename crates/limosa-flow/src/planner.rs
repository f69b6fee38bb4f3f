//! Makes a plan from two databases and a wish.
//!
//! Reads both and writes neither. Everything that a run does is decided here; what can not be decided
//! without a person is a finding of severity stop.

mod counters;
mod existing;
mod orphans;
mod pair;
mod steps;
mod tables;
mod weaken;

pub use pair::{COMPARE, Pairing, pair};

use crate::clock::{Clock, Wall};
use crate::convert::{self, Context};
use crate::estimate;
use crate::hazards::{self, finding};
use crate::names::{self, Names};
use crate::plan::{Estimate, Finding, PLAN_FORMAT, Plan, Severity, Side};
use crate::progress::{Fact, Progress};
use crate::scan;
use crate::settings::{PlanSettings, RunSettings};
use crate::transform::Shaped;
use limosa_core::engine::{Engine, Identity, Role};
use limosa_core::schema::{Catalog, Table, TableName};
use limosa_core::{Error, ErrorKind, Result};
use std::collections::HashMap;
use std::time::Instant;
use steps::Steps;

fn side(engine: &dyn Engine, identity: Identity) -> Side {
    Side {
        address: engine.address(),
        identity,
        capabilities: engine.capabilities().clone(),
        security: engine.security(),
    }
}

fn inspect(source: &dyn Engine, target: &dyn Engine, progress: &Progress) -> Result<[Catalog; 2]> {
    let began = Instant::now();
    progress.hear(Fact::StageBegan {
        stage: "inspect",
        items: 2,
    });
    let mut both = std::thread::scope(|scope| {
        let there = scope.spawn(|| target.inspect().map_err(|e| e.on("the target")));
        let catalog = source.inspect().map_err(|e| e.on("the source"));
        let there = there
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok::<_, Error>([catalog?, there?])
    })?;
    if source.capabilities().family != target.capabilities().family {
        for catalog in &mut both {
            counters::adopt(catalog);
        }
    }
    progress.hear(Fact::StageEnded {
        stage: "inspect",
        seconds: began.elapsed().as_secs_f64(),
    });
    Ok(both)
}

/// Makes a plan.
///
/// `run` has the number of lanes that scan values, for which the estimate is made, and their memory; `made_by` is the
/// version of the program. Tables are inspected, their values scanned as `settings.scan` says, and
/// every column, key and step decided.
///
/// # Errors
/// `Conflict` (definite) if both are one database, or the target has tables of these names;
/// `Configuration` if no table is left; `Missing` if the source is not there; else what the engines say.
pub fn make(
    source: &dyn Engine,
    target: &dyn Engine,
    settings: &PlanSettings,
    run: &RunSettings,
    progress: &Progress,
    made_by: &str,
) -> Result<Plan> {
    make_with_catalog(
        source,
        target,
        settings,
        run,
        progress,
        made_by,
        &Wall::new(),
    )
    .map(|(plan, _)| plan)
}

/// The same, and the source's catalog as it stands on it. `clock` says the one moment that `now()` is in all formulas: it
/// is kept in the plan, so that a run that goes on has the same.
pub(crate) fn make_with_catalog(
    source: &dyn Engine,
    target: &dyn Engine,
    settings: &PlanSettings,
    run: &RunSettings,
    progress: &Progress,
    made_by: &str,
    clock: &dyn Clock,
) -> Result<(Plan, Catalog)> {
    let now = clock.moment();
    let identities = (source.identity()?, target.identity()?);
    if identities.0 == identities.1 {
        return Err(Error::new(
            ErrorKind::Conflict,
            "planning",
            "source and target are the same database",
        )
        .hint("give the target another address"));
    }
    let [catalog, there] = inspect(source, target, progress)?;
    let chosen: Vec<&Table> = catalog
        .tables
        .iter()
        .filter(|t| names::selected(settings, &t.name))
        .collect();
    if chosen.is_empty() {
        let why = if catalog.tables.is_empty() {
            // An engine that can make its database shows one that is not there as empty.
            source.missing_privileges(Role::Source, &catalog)?;
            "the source has no tables"
        } else {
            "no table of the source fits the patterns"
        };
        return Err(Error::new(ErrorKind::Configuration, "planning", why)
            .on(source.address())
            .hint("look at include and exclude, and at the database in the source's address"));
    }
    let (from, to) = (source.capabilities(), target.capabilities());
    // From here on tables are what their rows become.
    let asked = settings;
    let mut shaped = Shaped::new(&catalog, &chosen, asked, from.column_names_case_sensitive);
    let looked_at = shaped.looked_at(&chosen);
    let looked_at: Vec<&Table> = looked_at.iter().map(AsRef::as_ref).collect();
    let (scans, failing) = scan::scan_shaped(
        source,
        target,
        &catalog,
        &looked_at,
        Some((&shaped, now)),
        settings.scan,
        run,
        progress,
    )?;
    let scans = shaped.scans(scans);
    shaped.findings.extend(failing);
    let orphans = shaped.orphans(orphans::look(source, &chosen, settings.scan, progress)?);
    let mut findings = std::mem::take(&mut shaped.findings);
    let chosen = shaped.chosen(&chosen);
    // With tens of thousands of tables a catalog is hundreds of megabytes.
    drop(catalog);
    let (settings, catalog) = (&shaped.settings, &shaped.catalog);
    findings.extend(unknown(settings, catalog));
    let (names, named) = Names::new(&chosen, from, to, settings);
    findings.extend(named);
    let mut converted = convert::convert(
        catalog,
        &Context {
            source: from,
            target: to,
            dialect: target.dialect(),
            settings,
            names: &names,
            scans: &scans,
            orphans: &orphans,
        },
    );
    if settings.into_existing {
        findings.extend(existing::adopt(&mut converted, &there, to));
    } else {
        existing::clash(&converted, &there, to)?;
    }
    drop(there);
    let mut steps = Steps::new(target.dialect(), to);
    if !settings.into_existing {
        steps.make(&converted, &names)?;
    }
    steps.finish(catalog, &converted, settings.into_existing)?;
    findings.append(&mut converted.findings);
    findings.append(&mut steps.findings);

    let by_name: HashMap<&TableName, &Table> = chosen.iter().map(|t| (&t.name, *t)).collect();
    let mut plans = Vec::new();
    for table in &converted.tables {
        let Some(of) = by_name.get(&table.source).copied() else {
            continue;
        };
        let keyed = !of.identifying_columns().is_empty();
        findings.extend(
            hazards::of_table(&left(of, table, &orphans, &steps), keyed)
                .into_iter()
                .filter(|f| {
                    f.code != "not-represented"
                        || !steps.kept.contains(&(of.name.clone(), f.text.clone()))
                }),
        );
        let scan = scans.get(&table.source);
        if to.column_limit > 0 && table.target.columns.len() > to.column_limit {
            findings.push(finding(
                "too-many-columns",
                Severity::Stop,
                &table.source,
                format!(
                    "the table has {} columns, and the target allows {}",
                    table.target.columns.len(),
                    to.column_limit
                ),
            ));
        }
        plans.push(tables::plan(
            of,
            shaped.of(&of.name),
            table,
            scan,
            source,
            target,
            settings,
            now,
            &mut findings,
        ));
    }
    // The largest first, so that the last lane does not end alone with a large one.
    plans.sort_by(|a, b| {
        let size = |t: &crate::plan::TablePlan| (t.bytes.unwrap_or(0), t.rows.unwrap_or(0));
        size(b).cmp(&size(a)).then_with(|| a.name().cmp(b.name()))
    });
    for table in &plans {
        findings.extend(table.not_compared.iter().map(|(column, why)| {
            finding(
                "not-compared",
                Severity::Warning,
                &table.read.table,
                format!("the column can not be compared after the copy: {why}"),
            )
            .at(column)
        }));
    }
    findings.sort_by(|a, b| {
        (b.severity, &a.object, &a.column, &a.code)
            .cmp(&(a.severity, &b.object, &b.column, &b.code))
    });
    findings.dedup();
    let mut plan = Plan {
        format_version: PLAN_FORMAT,
        made_by: made_by.into(),
        strategy: "big_bang".into(),
        settings: asked.clone(),
        source: side(source, identities.0),
        target: side(target, identities.1),
        decisions: converted.decisions,
        tables: plans,
        steps: steps.steps,
        findings,
        estimate: Estimate::default(),
    };
    plan.estimate = estimate::estimate(&plan, run.workers);
    Ok((plan, shaped.catalog))
}

/// A source table without what the steps take along, and with the foreign keys that were looked at.
fn left(
    source: &Table,
    table: &convert::ConvertedTable,
    looked: &convert::Orphans,
    steps: &Steps<'_>,
) -> Table {
    let mut left = source.clone();
    let name = &table.target.name;
    left.triggers
        .retain(|t| !steps.triggers.contains(&(name.clone(), t.name.clone())));
    if steps.cut.contains(name) {
        left.partitioning = None;
    }
    for (at, key) in left.foreign_keys.iter_mut().enumerate() {
        key.validated |= looked.contains_key(&(source.name.clone(), at));
    }
    left
}

/// Wishes that name nothing.
fn unknown(settings: &PlanSettings, catalog: &Catalog) -> Vec<Finding> {
    let mut out = Vec::new();
    for wish in &settings.tables {
        let Some(table) = catalog
            .tables
            .iter()
            .find(|t| t.name.to_string() == wish.name || t.name.name == wish.name)
        else {
            out.push(
                finding(
                    "unknown-table",
                    Severity::Stop,
                    &wish.name,
                    "the settings name a table that the source does not have",
                )
                .remedy("write its name as the source has it, in its own case"),
            );
            continue;
        };
        let columns = wish
            .exclude_columns
            .iter()
            .chain(wish.rename_columns.iter().map(|(c, _)| c))
            .chain(wish.cast.iter().map(|(c, _)| c));
        for column in columns {
            if table.column(column).is_none() {
                out.push(
                    finding(
                        "unknown-column",
                        Severity::Stop,
                        &table.name,
                        "the settings name a column that the table does not have",
                    )
                    .at(column)
                    .remedy("write its name as the source has it, in its own case"),
                );
            }
        }
    }
    out
}
