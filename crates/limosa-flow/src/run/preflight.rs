//! What must be so before a run touches anything.

use crate::copy::Job;
use crate::plan::PLAN_FORMAT;
use crate::retry::again;
use limosa_core::engine::{Identity, Role};
use limosa_core::operation::Operation;
use limosa_core::schema::TableName;
use limosa_core::{Error, ErrorKind, Result};
use std::collections::HashSet;

/// Makes sure that the plan may run at all between these two databases.
///
/// `target` is who the target was when the run was begun. A database that the first write makes is
/// nobody yet while the plan is made.
pub(super) fn plan(job: &Job<'_>, journal_hash: &str, target: Option<&Identity>) -> Result<()> {
    let refuse = |kind, why: String| Error::new(kind, "checking the plan", why);
    let plan = job.plan;
    if plan.format_version > PLAN_FORMAT {
        return Err(refuse(
            ErrorKind::Unsupported,
            "it was made by a newer version of Limosa".into(),
        )
        .hint("Use that version, or plan again with this one."));
    }
    if plan.hash() != journal_hash {
        return Err(refuse(
            ErrorKind::Conflict,
            "it is not the plan that the journal holds".into(),
        )
        .hint("Run the plan that was begun, or begin this one under another name."));
    }
    let stops: Vec<String> = plan
        .stops()
        .map(|f| {
            let place: Vec<&str> = [&f.object, &f.column]
                .into_iter()
                .filter_map(|p| p.as_deref())
                .collect();
            match &f.remedy {
                Some(remedy) => format!("{}: {} ({remedy})", place.join("."), f.text),
                None => format!("{}: {}", place.join("."), f.text),
            }
        })
        .collect();
    if !stops.is_empty() {
        return Err(refuse(
            ErrorKind::Configuration,
            format!("{} to decide first: {}", stops.len(), stops.join("; ")),
        )
        .hint("Decide each of them in the configuration, and plan again."));
    }
    let mut identities = Vec::with_capacity(2);
    for (side, engine, word, seen) in [
        (&plan.source, job.source, "source", None),
        (&plan.target, job.target, "target", target),
    ] {
        let found = again(&job.around(), "asking who the database is", |_| {
            engine.identity()
        })?;
        let same = match seen {
            Some(seen) => found == *seen,
            None => {
                found == side.identity
                    || !side.identity.made
                        && engine.address() == side.address
                        && found.family == side.identity.family
            }
        };
        if !same {
            return Err(refuse(
                ErrorKind::Configuration,
                format!(
                    "the {word} {} is not the database that the plan was made for ({})",
                    engine.address(),
                    side.address
                ),
            )
            .hint("Give the database of the plan, or plan again."));
        }
        identities.push(found);
    }
    if identities[0] == identities[1] {
        return Err(refuse(
            ErrorKind::Configuration,
            "source and target are the same database".into(),
        )
        .hint("Check the two addresses."));
    }
    Ok(())
}

/// Makes sure, at the first start, that no right is missing that a step would miss late.
pub(super) fn rights(job: &Job<'_>) -> Result<()> {
    let made = crate::assess::to_be_made(job.plan);
    let missing = again(&job.around(), "asking for the rights in the target", |_| {
        job.target.missing_privileges(Role::Target, &made)
    })?;
    let Some(first) = missing.first() else {
        return Ok(());
    };
    let grants: Vec<&str> = missing
        .iter()
        .map(|m| m.grant.trim_end_matches(';'))
        .collect();
    Err(Error::new(
        ErrorKind::Privilege,
        "checking the rights in the target",
        format!(
            "{} missing, the first for {}",
            missing.len(),
            first.needed_for
        ),
    )
    .on(job.target.address())
    .hint(format!(
        "Somebody with the right to do so runs: {}",
        grants.join("; ")
    )))
}

/// Makes sure, at the first start, that nothing in the target is overwritten.
pub(super) fn target_is_empty(job: &Job<'_>) -> Result<()> {
    let makes: HashSet<&TableName> = job
        .plan
        .steps
        .iter()
        .filter_map(|s| match &s.operation {
            Operation::CreateTable(t) => Some(&t.name),
            _ => None,
        })
        .collect();
    // Whatever the number of tables: one look at the catalog, and one question for many tables' rows.
    again(&job.around(), "looking at the target", |_| {
        let there = job.target.inspect()?;
        let fold = !job.target.capabilities().table_names_case_sensitive;
        let known = |name: &TableName| match fold {
            true => name.to_string().to_lowercase(),
            false => name.to_string(),
        };
        let found: HashSet<String> = there.tables.iter().map(|t| known(&t.name)).collect();
        let refuse = |table: &TableName, kind, why: &str, hint: &str| {
            Err(Error::new(kind, "checking the target", why)
                .on(table.to_string())
                .hint(hint))
        };
        let mut given = Vec::new();
        for table in &job.plan.tables {
            let name = table.name();
            match (makes.contains(name), found.contains(&known(name))) {
                (true, true) => {
                    return refuse(
                        name,
                        ErrorKind::Conflict,
                        "the table is there already",
                        "Drop it, give this one another name, or load into the tables that are \
                         there with into_existing = true.",
                    );
                }
                (true, false) => {}
                (false, false) => {
                    return refuse(
                        name,
                        ErrorKind::Missing,
                        "the table to load into is not there",
                        "Make it, or let Limosa make it: into_existing = false.",
                    );
                }
                (false, true) => given.push(name),
            }
        }
        if given.is_empty() {
            return Ok(());
        }
        let filled = job.target.session()?.filled(&given)?;
        match given.iter().zip(filled).find(|(_, filled)| *filled) {
            Some((name, _)) => refuse(
                name,
                ErrorKind::Conflict,
                "the table has rows already",
                "Empty it; Limosa adds no rows to rows of others.",
            ),
            None => Ok(()),
        }
    })
}
