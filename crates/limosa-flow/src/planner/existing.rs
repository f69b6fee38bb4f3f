//! Targets whose tables are there already: nothing is made, and what is there must fit.

use crate::convert::{Converted, ConvertedTable};
use crate::hazards::finding;
use crate::plan::{Finding, Severity};
use limosa_core::canonical;
use limosa_core::engine::Capabilities;
use limosa_core::schema::{Catalog, Table, TableName};
use limosa_core::{Error, ErrorKind, Result};
use std::collections::{HashMap, HashSet};

fn folded(name: &TableName, caps: &Capabilities) -> TableName {
    if caps.table_names_case_sensitive {
        return name.clone();
    }
    TableName {
        schema: name.schema.as_ref().map(|s| s.to_lowercase()),
        name: name.name.to_lowercase(),
    }
}

/// Refuses a target in which a name is taken.
///
/// # Errors
/// `Conflict` with the first ten names.
pub(super) fn clash(converted: &Converted, there: &Catalog, caps: &Capabilities) -> Result<()> {
    let tables = there.tables.iter().map(|t| &t.name);
    let taken: HashSet<TableName> = tables
        .chain(there.views.iter().map(|v| &v.name))
        .map(|n| folded(n, caps))
        .collect();
    // What belongs to the server may be there already, and is made only if it is not.
    let code: HashSet<(&str, &TableName)> =
        (there.routines.iter().map(|r| (r.kind.as_str(), &r.name))).collect();
    let routines = converted
        .routines
        .iter()
        .filter(|r| r.kind != "extension" && code.contains(&(r.kind.as_str(), &r.name)));
    let clashing: Vec<String> = converted
        .tables
        .iter()
        .map(|t| &t.target.name)
        .filter(|n| taken.contains(&folded(n, caps)))
        .chain(routines.map(|r| &r.name))
        .map(ToString::to_string)
        .collect();
    if clashing.is_empty() {
        return Ok(());
    }
    let more = match clashing.len() {
        0..=10 => String::new(),
        n => format!(" and {} more", n - 10),
    };
    let first = &clashing[..clashing.len().min(10)];
    Err(Error::new(
        ErrorKind::Conflict,
        "planning",
        format!(
            "the target has {} of these names already: {}{more}",
            clashing.len(),
            first.join(", ")
        ),
    )
    .hint("take them away there, or load into empty tables with --into-existing"))
}

/// Takes the target's own tables in place of the converted ones, and says where they do not fit.
pub(super) fn adopt(
    converted: &mut Converted,
    there: &Catalog,
    caps: &Capabilities,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let by_name: HashMap<TableName, &Table> = there
        .tables
        .iter()
        .map(|t| (folded(&t.name, caps), t))
        .collect();
    for table in &mut converted.tables {
        let source = table.source.clone();
        match by_name.get(&folded(&table.target.name, caps)) {
            Some(found) => adopt_table(table, found, caps, &mut findings),
            None => findings.push(
                finding(
                    "no-target-table",
                    Severity::Stop,
                    &source,
                    format!("the target has no table {}", table.target.name),
                )
                .remedy("make it there, or leave out --into-existing and let it be made"),
            ),
        }
    }
    // What the conversion says of things that are not made would only mislead.
    converted.findings.retain(|f| {
        !matches!(
            f.code.as_str(),
            "default-not-moved"
                | "check-not-moved"
                | "index-not-moved"
                | "key-not-moved"
                | "foreign-key-not-moved"
                | "foreign-key-to-excluded"
                | "view-not-moved"
                | "routine-not-moved"
                | "on-update-not-moved"
                | "generated-not-moved"
                | "counter-not-moved"
                | "name-too-long"
                | "becomes-nullable"
        )
    });
    findings
}

fn adopt_table(
    table: &mut ConvertedTable,
    found: &Table,
    caps: &Capabilities,
    findings: &mut Vec<Finding>,
) {
    let same = |a: &str, b: &str| {
        if caps.column_names_case_sensitive {
            a == b
        } else {
            a.eq_ignore_ascii_case(b)
        }
    };
    let source = &table.source;
    for column in &mut table.columns {
        let name = &column.source.name;
        let Some(there) = found
            .columns
            .iter()
            .find(|c| same(&c.name, &column.target.name))
        else {
            findings.push(
                finding(
                    "no-target-column",
                    Severity::Stop,
                    source,
                    format!("{} has no column {}", found.name, column.target.name),
                )
                .at(name)
                .remedy("add it there, or leave it out with exclude_columns"),
            );
            continue;
        };
        let in_key = |t: &Table, c: &str| {
            let keys = t.primary_key.iter().chain(&t.uniques);
            keys.into_iter().any(|k| k.columns.iter().any(|k| k == c))
        };
        if there.folds && !column.source.folds && in_key(found, &there.name) {
            findings.push(
                finding(
                    "target-folds-key",
                    Severity::Warning,
                    source,
                    format!(
                        "{} takes texts that differ in case, accents or trailing blanks as one key in \
                         the target and not in the source; rows that collide there are refused",
                        there.name
                    ),
                )
                .at(name)
                .remedy("give the column an exact collation in the target"),
            );
        }
        if let Err(why) = canonical::form(&column.values, &there.ty)
            && column.source.native != there.native
        {
            findings.push(
                finding(
                    "target-type-differs",
                    Severity::Stop,
                    source,
                    format!(
                        "{} is {} in the source and {} in the target: {why}",
                        column.target.name, column.source.native, there.native
                    ),
                )
                .at(name)
                .remedy("change the type of the column in the target"),
            );
        }
        if column.source.nullable && !there.nullable && there.generated.is_none() {
            findings.push(
                finding(
                    "target-refuses-null",
                    Severity::Warning,
                    source,
                    "the column may be NULL in the source and not in the target; such rows are refused",
                )
                .at(name),
            );
        }
        column.computed = there.generated.is_some();
        column.target = there.clone();
        if let Some(identity) = &mut column.target.identity {
            identity.next = None;
        }
    }
    for there in &found.columns {
        let filled = table
            .columns
            .iter()
            .any(|c| same(&c.target.name, &there.name));
        let free = there.nullable
            || there.default.is_some()
            || there.identity.is_some()
            || there.generated.is_some();
        if !filled && !free {
            findings.push(
                finding(
                    "target-column-without-value",
                    Severity::Stop,
                    source,
                    format!(
                        "{} has the column {}, which must have a value and gets none",
                        found.name, there.name
                    ),
                )
                .remedy("give it a default in the target, or allow NULL"),
            );
        }
    }
    table.target = Table {
        estimated_rows: None,
        estimated_bytes: None,
        ..found.clone()
    };
}
