//! One table: its columns, keys, checks, indexes and foreign keys.

use super::column::{self, Belief};
use super::objects;
use super::say::{Become, Columns, Speaker, kept};
use super::unify::{Place, parent_columns};
use super::{Context, Converted, ConvertedColumn, ConvertedTable};
use crate::hazards::finding;
use crate::names::{self, Label, Labels};
use crate::plan::Severity;
use limosa_core::expression::{Expr, SqlText};
use limosa_core::schema::{
    Catalog, Check, Column, ForeignKey, Generated, Index, IndexOf, IndexPart, Key, Table,
    TableName, Type,
};
use std::collections::HashMap;

/// A table under way.
pub(super) struct Draft<'a> {
    pub(super) source: &'a Table,
    target: Table,
    columns: Vec<ConvertedColumn>,
    /// Conditions that placements and domains brought, by target column.
    checks: Vec<(String, SqlText)>,
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

/// Adds keys, checks, indexes and foreign keys.
pub(super) fn constrain(
    draft: &mut Draft<'_>,
    columns: &HashMap<TableName, Columns>,
    tables: &[&Table],
    context: &Context<'_>,
    labels: &mut Labels,
    out: &mut Converted,
) {
    let Some(mine) = columns.get(&draft.source.name) else {
        return;
    };
    keys(draft, mine, context, labels, out);
    checks(draft, mine, context, labels, out);
    indexes(draft, mine, context, labels, out);
    foreign_keys(draft, columns, tables, context, labels, out);
    folding(draft, context, out);
}

fn mapped(names: &[String], columns: &Columns) -> Option<Vec<String>> {
    names
        .iter()
        .map(|c| columns.get(c).map(|b| b.name.clone()))
        .collect()
}

fn lost(code: &str, draft: &Draft<'_>, what: &str, why: &str) -> crate::plan::Finding {
    finding(
        code,
        Severity::Warning,
        &draft.source.name,
        format!("{what} is not moved: {why}"),
    )
}

const EXCLUDED: &str = "a column of it is left out";

fn keys(
    draft: &mut Draft<'_>,
    columns: &Columns,
    context: &Context<'_>,
    labels: &mut Labels,
    out: &mut Converted,
) {
    let source = draft.source;
    if let Some(key) = &source.primary_key {
        match mapped(&key.columns, columns) {
            Some(names) => {
                primary_nulls(draft, key, context, out);
                let name = key.name.clone().filter(|_| context.same_family());
                // An engine that lets a primary key hold NULL lets its own kind do so too.
                if !context.same_family() {
                    let whole = draft.target.columns.iter_mut();
                    let each = draft.columns.iter_mut().map(|c| &mut c.target);
                    for column in whole.chain(each) {
                        column.nullable &= !names.contains(&column.name);
                    }
                }
                draft.target.primary_key = Some(Key {
                    name: name.map(|n| labels.give(&draft.target.name, &n, Label::Index, true)),
                    columns: names,
                    ..key.clone()
                });
            }
            None => out
                .findings
                .push(lost("key-not-moved", draft, "the primary key", EXCLUDED)),
        }
    }
    for key in &source.uniques {
        let wanted = key
            .name
            .clone()
            .unwrap_or_else(|| format!("{}_{}_key", draft.target.name.name, key.columns.join("_")));
        match mapped(&key.columns, columns) {
            Some(names) => draft.target.uniques.push(Key {
                name: Some(labels.give(
                    &draft.target.name,
                    &wanted,
                    Label::Index,
                    key.name.is_some(),
                )),
                columns: names,
                ..key.clone()
            }),
            None => {
                let what = format!("the unique constraint {wanted}");
                out.findings
                    .push(lost("key-not-moved", draft, &what, EXCLUDED));
            }
        }
    }
}

fn primary_nulls(draft: &Draft<'_>, key: &Key, context: &Context<'_>, out: &mut Converted) {
    let scan = context.scans.get(&draft.source.name);
    for name in &key.columns {
        let nulls = scan.and_then(|s| s.column(name)).map_or(0, |c| c.nulls);
        let forced = draft
            .columns
            .iter()
            .any(|c| c.source.name == *name && c.target.nullable && !c.source.nullable);
        if nulls > 0 && !context.same_family() {
            let mut made = finding(
                "null-in-key",
                Severity::Stop,
                &draft.source.name,
                format!("{nulls} rows have NULL in a column of the primary key"),
            )
            .at(name)
            .remedy("give these rows a key in the source, or take the primary key away there");
            made.count = Some(nulls);
            out.findings.push(made);
        } else if forced {
            out.findings.push(
                finding(
                    "null-in-key",
                    Severity::Stop,
                    &draft.source.name,
                    "a policy writes NULL into a column of the primary key",
                )
                .at(name)
                .remedy("choose another policy for this table in [types]"),
            );
        }
    }
}

fn checks(
    draft: &mut Draft<'_>,
    columns: &Columns,
    context: &Context<'_>,
    labels: &mut Labels,
    out: &mut Converted,
) {
    let speaker = Speaker {
        dialect: context.dialect,
        family: &context.target.family,
        columns,
    };
    let table = draft.target.name.clone();
    for (n, check) in draft.source.checks.iter().enumerate() {
        let wanted = check
            .name
            .clone()
            .unwrap_or_else(|| format!("{}_check{}", table.name, n + 1));
        match speaker.say(&check.condition) {
            Some(condition) => draft.target.checks.push(Check {
                name: Some(labels.give(&table, &wanted, Label::Constraint, check.name.is_some())),
                condition,
            }),
            None => out.findings.push(
                finding(
                    "check-not-moved",
                    Severity::Warning,
                    &draft.source.name,
                    format!(
                        "the check {wanted} has no words in the target: {}",
                        check.condition.text
                    ),
                )
                .remedy("write it by hand in the target, after the run"),
            ),
        }
    }
    for (column, condition) in std::mem::take(&mut draft.checks) {
        let wanted = format!("{}_{column}_check", table.name);
        draft.target.checks.push(Check {
            name: Some(labels.give(&table, &wanted, Label::Constraint, false)),
            condition,
        });
    }
}

fn indexes(
    draft: &mut Draft<'_>,
    columns: &Columns,
    context: &Context<'_>,
    labels: &mut Labels,
    out: &mut Converted,
) {
    let same = context.same_family();
    let speaker = Speaker {
        dialect: context.dialect,
        family: &context.target.family,
        columns,
    };
    for index in &draft.source.indexes {
        let what = format!("the index {}", index.name);
        if !same && !matches!(index.method.as_str(), "" | "btree" | "hash") {
            let why = format!(
                "its method {} means something else in the target",
                index.method
            );
            out.findings
                .push(lost("index-not-moved", draft, &what, &why));
            continue;
        }
        let parts: Option<Vec<IndexPart>> = index
            .parts
            .iter()
            .map(|p| part(p, columns, &speaker, same))
            .collect();
        let predicate = match &index.predicate {
            None => Some(None),
            Some(p) => speaker.say(p).map(Some),
        };
        let include = mapped(&index.include, columns).unwrap_or_default();
        match (parts, predicate) {
            (Some(parts), Some(predicate)) => draft.target.indexes.push(Index {
                name: labels.give(&draft.target.name, &index.name, Label::Index, true),
                parts,
                unique: index.unique,
                method: if same {
                    index.method.clone()
                } else {
                    "btree".into()
                },
                predicate,
                include,
                nulls_not_distinct: index.nulls_not_distinct,
            }),
            (parts, _) => {
                let why = if parts.is_none() {
                    "a part of it is left out, or has no words in the target"
                } else {
                    "its condition has no words in the target"
                };
                out.findings
                    .push(lost("index-not-moved", draft, &what, why));
            }
        }
    }
}

fn part(
    part: &IndexPart,
    columns: &Columns,
    speaker: &Speaker<'_>,
    same: bool,
) -> Option<IndexPart> {
    let mut prefix = part.prefix;
    let of = match &part.of {
        IndexOf::Column(name) => {
            let to = columns.get(name)?;
            match prefix {
                // The beginning of a column is an expression of its own outside its family.
                Some(n) if !same && to.to.text() => {
                    prefix = None;
                    let first = Expr::Call(
                        "left".into(),
                        vec![Expr::Column(to.name.clone()), Expr::Number(n.to_string())],
                    );
                    match speaker.write(first) {
                        Some(text) => IndexOf::Expression(text),
                        None => IndexOf::Column(to.name.clone()),
                    }
                }
                _ => IndexOf::Column(to.name.clone()),
            }
        }
        IndexOf::Expression(text) => IndexOf::Expression(speaker.say(text)?),
    };
    Some(IndexPart {
        of,
        descending: part.descending,
        nulls_first: part.nulls_first.filter(|_| same),
        prefix: prefix.filter(|_| same),
        collation: part.collation.clone().filter(|_| same),
        operator_class: part.operator_class.clone().filter(|_| same),
    })
}

fn foreign_keys(
    draft: &mut Draft<'_>,
    columns: &HashMap<TableName, Columns>,
    tables: &[&Table],
    context: &Context<'_>,
    labels: &mut Labels,
    out: &mut Converted,
) {
    let Some(mine) = columns.get(&draft.source.name) else {
        return;
    };
    for key in &draft.source.foreign_keys {
        let wanted = key.name.clone().unwrap_or_else(|| {
            format!("{}_{}_fkey", draft.target.name.name, key.columns.join("_"))
        });
        let what = format!("the foreign key {wanted}");
        let parent = tables.iter().find(|t| t.name == key.parent);
        let (Some(parent), Some(theirs)) = (parent, columns.get(&key.parent)) else {
            let why = format!("its parent {} does not move", key.parent);
            out.findings
                .push(lost("foreign-key-to-excluded", draft, &what, &why));
            continue;
        };
        let above = mapped(parent_columns(key, parent), theirs);
        let (Some(below), Some(above)) = (mapped(&key.columns, mine), above) else {
            out.findings
                .push(lost("foreign-key-not-moved", draft, &what, EXCLUDED));
            continue;
        };
        let Some(parent) = context.names.table(&key.parent) else {
            continue;
        };
        draft.target.foreign_keys.push(ForeignKey {
            name: Some(labels.give(
                &draft.target.name,
                &wanted,
                Label::Constraint,
                key.name.is_some(),
            )),
            columns: below,
            parent: parent.clone(),
            parent_columns: above,
            validated: true,
            ..key.clone()
        });
    }
}

/// Says where keys of the source take two texts for one that the target tells apart.
fn folding(draft: &Draft<'_>, context: &Context<'_>, out: &mut Converted) {
    if context.same_family() {
        return;
    }
    let source = draft.source;
    let keys = source.primary_key.iter().chain(&source.uniques);
    let mut columns: Vec<&String> = keys.flat_map(|k| &k.columns).collect();
    for index in source.indexes.iter().filter(|i| i.unique) {
        columns.extend(index.parts.iter().filter_map(|p| match &p.of {
            IndexOf::Column(c) => Some(c),
            IndexOf::Expression(_) => None,
        }));
    }
    columns.sort();
    columns.dedup();
    for name in columns {
        if source.column(name).is_some_and(|c| c.folds) {
            out.findings.push(
                finding(
                    "collation-of-key",
                    Severity::Warning,
                    &source.name,
                    "two texts that differ in case, accents or trailing blanks are one key in the \
                     source, and may be two in the target",
                )
                .at(name),
            );
        }
    }
}
