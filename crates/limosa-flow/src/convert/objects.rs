//! Everything that is not a table: named types, counters, views, routines.

use super::{Context, Converted};
use crate::hazards::finding;
use crate::names;
use crate::plan::Severity;
use limosa_core::schema::{Catalog, EnumType, Sequence, TableName, Type, View};
use std::collections::HashSet;

/// Takes note of the named types on which a placement stands.
pub(super) fn named_types(
    ty: &Type,
    catalog: &Catalog,
    context: &Context<'_>,
    out: &mut Converted,
) {
    match ty {
        Type::Enum {
            name: Some(name),
            members,
        } => {
            let known = out.enums.iter().any(|e| e.name == *name);
            out.enums.extend((!known).then(|| EnumType {
                name: name.clone(),
                members: members.clone(),
            }));
        }
        Type::Array { element } => named_types(element, catalog, context, out),
        Type::Domain { name, .. } => {
            let found = catalog
                .domains
                .iter()
                .find(|d| called(&d.name, context) == *name);
            if let Some(domain) = found
                && !out.domains.iter().any(|d| d.name == *name)
            {
                out.domains.push(limosa_core::schema::DomainType {
                    name: name.clone(),
                    ..domain.clone()
                });
            }
        }
        _ => {}
    }
}

fn called(name: &TableName, context: &Context<'_>) -> TableName {
    let to = context.names.object(name);
    TableName {
        name: names::shorten(&to.name, context.target),
        ..to
    }
}

/// Converts sequences and views, and says what else there is.
pub(super) fn convert(catalog: &Catalog, context: &Context<'_>, out: &mut Converted) {
    let same = context.same_family();
    if same {
        // Arrays and functions may name types that no column has.
        for e in &catalog.enums {
            let name = called(&e.name, context);
            if !out.enums.iter().any(|known| known.name == name) {
                out.enums.push(EnumType {
                    name,
                    members: e.members.clone(),
                });
            }
        }
    }
    if same {
        for domain in &catalog.domains {
            let name = called(&domain.name, context);
            if !out.domains.iter().any(|known| known.name == name) {
                out.domains.push(limosa_core::schema::DomainType {
                    name,
                    ..domain.clone()
                });
            }
        }
    }
    for sequence in &catalog.sequences {
        out.sequences.push(Sequence {
            name: called(&sequence.name, context),
            ..sequence.clone()
        });
    }
    for view in &catalog.views {
        let kind = if view.materialized {
            "materialized view"
        } else {
            "view"
        };
        if context.same_words() {
            out.views.push(View {
                name: called(&view.name, context),
                ..view.clone()
            });
        } else {
            let why = if same {
                "tables that it may name are called otherwise in the target"
            } else {
                "its words are the source's"
            };
            out.findings.push(
                finding(
                    "view-not-moved",
                    Severity::Warning,
                    &view.name,
                    format!(
                        "the {kind} is not moved: {why}. Its query: {}",
                        view.query.trim()
                    ),
                )
                .remedy("write it by hand in the target, after the run"),
            );
        }
    }
    let left_out = LeftOut::of(catalog, context);
    for routine in &catalog.routines {
        if let Some(table) = left_out.table_of(&routine.name, &routine.kind) {
            out.findings.push(finding(
                "routine-of-excluded",
                Severity::Note,
                &routine.name,
                format!("the {} is not moved: {table} is not", routine.kind),
            ));
            continue;
        }
        let why = match (&routine.text, same) {
            (Some(_), true) if context.same_words() => {
                out.routines.push(routine.clone());
                continue;
            }
            (Some(_), true) => "tables that it may name are called otherwise in the target",
            (None, true) => "the source does not give its words",
            (_, false) => "its words are the source's",
        };
        out.findings.push(
            finding(
                "routine-not-moved",
                Severity::Warning,
                &routine.name,
                format!("the {} is not moved: {why}", routine.kind),
            )
            .remedy("write it by hand in the target, before the views and triggers that use it"),
        );
    }
    out.findings.extend(catalog.notes.iter().map(|note| {
        let mut made = finding("inspection", Severity::Note, "", note);
        made.object = None;
        made
    }));
}

/// The tables that are not moved: what stands on them is not either.
struct LeftOut<'c>(HashSet<(Option<&'c str>, &'c str)>);

impl<'c> LeftOut<'c> {
    fn of(catalog: &'c Catalog, context: &Context<'_>) -> Self {
        let tables = catalog.tables.iter().map(|t| &t.name);
        let out = tables.filter(|t| !names::selected(context.settings, t));
        Self(
            out.map(|t| (t.schema.as_deref(), t.name.as_str()))
                .collect(),
        )
    }

    /// The table of something that is a part of a table, if that is left out. Such things are called after their
    /// table, a point and their own name.
    fn table_of<'n>(&self, name: &'n TableName, kind: &str) -> Option<&'n str> {
        if self.0.is_empty() || !(kind.ends_with(" of a table") || kind == "trigger") {
            return None;
        }
        let schema = name.schema.as_deref();
        let points = name.name.match_indices('.').map(|(at, _)| at);
        // Row level security is called as its table is.
        points
            .chain([name.name.len()])
            .map(|at| &name.name[..at])
            .find(|table| self.0.contains(&(schema, *table)))
    }
}
