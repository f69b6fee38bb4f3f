//! One table and its columns.

use super::column::{self, Belief};
use super::objects;
use super::say::{Become, Columns, Speaker, kept};
use super::unify::Place;
use super::{Context, Converted, ConvertedColumn, ConvertedTable};
use crate::hazards::finding;
use crate::names;
use crate::plan::Severity;
use limosa_core::expression::{Expr, SqlText};
use limosa_core::schema::{Catalog, Column, Generated, Table, Type};
use std::collections::HashMap;

/// A table under way.
pub(super) struct Draft<'a> {
    pub(super) source: &'a Table,
    pub(super) target: Table,
    pub(super) columns: Vec<ConvertedColumn>,
    /// Conditions that placements and domains brought, by target column.
    pub(super) checks: Vec<(String, SqlText)>,
    family: &'a str,
}

impl Draft<'_> {
    pub(super) fn columns_by_name(&self) -> Columns {
        self.columns
            .iter()
            .map(|c| {
                let becomes = Become {
                    name: c.target.name.clone(),
                    from: c.values.clone(),
                    to: c.target.ty.clone(),
                    kept: kept(self.family, &c.target.native, &c.target.ty),
                };
                (c.source.name.clone(), becomes)
            })
            .collect()
    }

    /// Takes triggers and partitions along where every name in their texts is right in the target.
    fn keep_texts(&mut self, context: &Context<'_>) {
        let alike = self.columns.len() == self.source.columns.len()
            && self.columns.iter().all(|c| c.source.name == c.target.name);
        if context.same_words() && alike {
            self.target.triggers.clone_from(&self.source.triggers);
            self.target
                .partitioning
                .clone_from(&self.source.partitioning);
        }
    }

    pub(super) fn finish(self) -> ConvertedTable {
        ConvertedTable {
            source: self.source.name.clone(),
            target: self.target,
            columns: self.columns,
        }
    }
}

/// Makes the table with its columns; everything that ties columns together comes later.
pub(super) fn draft<'a>(
    source: &'a Table,
    beliefs: &HashMap<Place, Belief>,
    catalog: &Catalog,
    context: &'a Context<'_>,
    out: &mut Converted,
) -> Draft<'a> {
    let wish = names::wish(context.settings, &source.name);
    let (called, findings) = names::columns(source, wish, context.target);
    out.findings.extend(findings);
    let name = context
        .names
        .table(&source.name)
        .cloned()
        .unwrap_or_else(|| source.name.clone());
    let mut draft = Draft {
        source,
        target: Table {
            name: name.clone(),
            columns: Vec::new(),
            primary_key: None,
            uniques: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
            indexes: Vec::new(),
            triggers: Vec::new(),
            partitioning: None,
            comment: source.comment.clone(),
            estimated_rows: None,
            estimated_bytes: None,
            // An engine may understand its own family's notes.
            unrepresented: if context.same_family() {
                source.unrepresented.clone()
            } else {
                Vec::new()
            },
        },
        columns: Vec::new(),
        checks: Vec::new(),
        family: &context.target.family,
    };
    let speaker_columns = Columns::new();
    let speaker = Speaker {
        dialect: context.dialect,
        family: &context.target.family,
        columns: &speaker_columns,
    };
    for column in &source.columns {
        let place = (source.name.clone(), column.name.clone());
        let (Some(to), Some(belief)) = (called.get(&column.name), beliefs.get(&place)) else {
            continue;
        };
        let placement = column::place(source, column, belief, &name, to, context, out);
        objects::named_types(&placement.ty, catalog, context, out);
        let mut default = column.default.clone();
        let mut nullable = column.nullable;
        if let (Type::Domain { name, .. }, false) =
            (&column.ty, matches!(placement.ty, Type::Domain { .. }))
            && let Some(domain) = catalog.domains.iter().find(|d| d.name == *name)
        {
            nullable &= !domain.not_null;
            default = default.or_else(|| domain.default.clone());
            for check in &domain.checks {
                let parsed = check.condition.parsed.as_ref();
                let said = parsed
                    .map(|p| value_is(p, to))
                    .and_then(|p| speaker.write(p));
                match said {
                    Some(said) => draft.checks.push((to.clone(), said)),
                    None => out.findings.push(
                        finding(
                            "check-not-moved",
                            Severity::Warning,
                            &source.name,
                            format!(
                                "a condition of the domain {name} has no words in the target: {}",
                                check.condition.text
                            ),
                        )
                        .at(&column.name),
                    ),
                }
            }
        }
        if let Some(said) = placement
            .check
            .as_ref()
            .and_then(|c| speaker.write(value_is(c, to)))
        {
            draft.checks.push((to.clone(), said));
        }
        let mut target = Column {
            name: to.clone(),
            ty: placement.ty,
            native: placement.native,
            nullable: nullable || placement.force_nullable,
            default: None,
            identity: column.identity.clone(),
            generated: None,
            on_update_now: false,
            collation: column.collation.clone().filter(|_| context.same_family()),
            folds: column.folds && context.same_family(),
            comment: column.comment.clone(),
        };
        if let Some(text) = &default {
            // A decimal that is kept as text has its default said as text.
            let really = kept(draft.family, &target.native, &target.ty);
            let to = if really.text() { &really } else { &target.ty };
            target.default = speaker.default(text, to);
            if target.default.is_none() {
                out.findings.push(
                    finding(
                        "default-not-moved",
                        Severity::Warning,
                        &source.name,
                        format!("the default has no words in the target: {}", text.text),
                    )
                    .at(&column.name)
                    .remedy("set it by hand in the target, after the run"),
                );
            }
        }
        if let Some(identity) = &mut target.identity {
            // The counter is set at the end of the run; a plan does not change while it counts.
            identity.next = None;
            if !matches!(target.ty.base(), Type::Integer { .. }) {
                out.findings.push(
                    finding(
                        "counter-not-moved",
                        Severity::Warning,
                        &source.name,
                        format!(
                            "the column becomes {}, which can not count by itself",
                            target.native
                        ),
                    )
                    .at(&column.name),
                );
                target.identity = None;
            }
        }
        if column.on_update_now {
            target.on_update_now = context.same_family();
            if !context.same_family() {
                out.findings.push(
                    finding(
                        "on-update-not-moved",
                        Severity::Warning,
                        &source.name,
                        "an update of a row sets this column to the present moment in the source, \
                         and does not in the target",
                    )
                    .at(&column.name)
                    .remedy("write a trigger in the target, or set it in the application"),
                );
            }
        }
        draft.columns.push(ConvertedColumn {
            source: column.clone(),
            values: belief.values.clone(),
            target,
            computed: false,
        });
    }
    compute(&mut draft, context, out);
    draft.keep_texts(context);
    draft
}

/// Says the computed columns; those that can not be said become plain ones.
fn compute(draft: &mut Draft<'_>, context: &Context<'_>, out: &mut Converted) {
    let columns = draft.columns_by_name();
    let speaker = Speaker {
        dialect: context.dialect,
        family: &context.target.family,
        columns: &columns,
    };
    for column in &mut draft.columns {
        let Some(generated) = &column.source.generated else {
            continue;
        };
        // A value that is kept in another form would be computed in that form, and differ.
        let alike = columns
            .get(&column.source.name)
            .is_some_and(|b| context.same_family() || b.compares());
        match speaker.say(&generated.expression).filter(|_| alike) {
            Some(expression) => {
                column.target.generated = Some(Generated {
                    expression,
                    stored: generated.stored,
                });
                column.computed = true;
            }
            None => out.findings.push(
                finding(
                    "generated-not-moved",
                    Severity::Warning,
                    &draft.source.name,
                    format!(
                        "the column is computed in the source and plain in the target; its \
                         expression has no words there: {}",
                        generated.expression.text
                    ),
                )
                .at(&column.source.name),
            ),
        }
    }
    draft.target.columns = draft.columns.iter().map(|c| c.target.clone()).collect();
}

/// A condition on `VALUE`, said of a column.
fn value_is(condition: &Expr, column: &str) -> Expr {
    condition.renamed(&|name| {
        if name.eq_ignore_ascii_case("value") {
            column.into()
        } else {
            name.into()
        }
    })
}
