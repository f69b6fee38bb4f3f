//! What ties a table's columns together: keys, checks, indexes and foreign keys.

use super::say::{Become, Columns, Speaker};
use super::table::Draft;
use super::unify::parent_columns;
use super::{Context, Converted};
use crate::hazards::finding;
use crate::names::{Label, Labels};
use crate::plan::Severity;
use limosa_core::expression::Expr;
use limosa_core::operation::Operation;
use limosa_core::policy::OrphansPolicy;
use limosa_core::schema::{
    Check, ForeignKey, Index, IndexOf, IndexPart, Key, Table, TableName, Type,
};
use std::collections::HashMap;

/// Adds keys, checks, indexes and foreign keys.
pub(super) fn constrain(
    draft: &mut Draft<'_>,
    columns: &HashMap<TableName, Columns>,
    tables: &HashMap<&TableName, &Table>,
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
        if is_its_type(check, columns, draft.source) && !context.same_family() {
            continue;
        }
        let wanted = check
            .name
            .clone()
            .unwrap_or_else(|| format!("{}_check{}", table.name, n + 1));
        match speaker.say(&check.condition) {
            Some(condition) => draft.target.checks.push(Check {
                name: Some(labels.give(&table, &wanted, Label::Constraint, check.name.is_some())),
                condition,
                validated: check.validated,
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
            validated: true,
        });
    }
}

/// Whether a check says no more than the type of its column in the target does, that a column of JSON is JSON; or
/// whether the column became text because not all of it is: some engines take text with this check for JSON.
fn is_its_type(check: &Check, columns: &Columns, source: &Table) -> bool {
    let Some(Expr::Call(name, arguments)) = &check.condition.parsed else {
        return false;
    };
    let [Expr::Column(column)] = &arguments[..] else {
        return false;
    };
    let json = |ty: &Type| matches!(ty.base(), Type::Json { .. });
    let was = source.column(column).is_some_and(|c| json(&c.ty));
    let is = |c: &Become| json(&c.kept) || was && c.kept.text();
    name == "json_valid" && columns.get(column).is_some_and(is)
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
    tables: &HashMap<&TableName, &Table>,
    context: &Context<'_>,
    labels: &mut Labels,
    out: &mut Converted,
) {
    let Some(mine) = columns.get(&draft.source.name) else {
        return;
    };
    for (at, key) in draft.source.foreign_keys.iter().enumerate() {
        let wanted = key.name.clone().unwrap_or_else(|| {
            format!("{}_{}_fkey", draft.target.name.name, key.columns.join("_"))
        });
        let what = format!("the foreign key {wanted}");
        let parent = tables.get(&key.parent);
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
        let looked = context.orphans.get(&(draft.source.name.clone(), at));
        let stays = !key.validated && looked.is_none_or(|(n, _)| *n > 0) && unchecked(key, context);
        if stays {
            out.findings.push(not_valid(draft, &what, looked));
        } else if let Some((count, examples)) = looked
            && *count > 0
        {
            let (made, left_out) = orphans(draft, &what, key, *count, examples, context);
            out.findings.push(made);
            if left_out {
                continue;
            }
        }
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
            validated: !stays,
            ..key.clone()
        });
    }
}

/// Whether the target can keep a foreign key that old rows break as the source does.
fn unchecked(key: &ForeignKey, context: &Context<'_>) -> bool {
    let said = |validated| {
        let key = ForeignKey {
            validated,
            ..key.clone()
        };
        let table = key.parent.clone();
        let op = Operation::AddForeignKey(table, key);
        context.dialect.render(&op).ok()
    };
    context.same_family()
        && !context.settings.into_existing
        && said(false).is_some_and(|s| Some(s) != said(true))
}

fn not_valid(
    draft: &Draft<'_>,
    what: &str,
    looked: Option<&(u64, Vec<String>)>,
) -> crate::plan::Finding {
    let known = looked.map_or(String::new(), |(count, _)| format!("; {count} have none"));
    let mut made = finding(
        "foreign-key-not-valid",
        Severity::Warning,
        &draft.source.name,
        format!(
            "{what} is made NOT VALID, as it is in the source: old rows need not have a parent{known}"
        ),
    );
    made.count = looked.map(|(count, _)| *count);
    made.examples = looked.map_or(Vec::new(), |(_, examples)| examples.clone());
    made
}

/// What is said of rows without their parent, and whether the foreign key is left out for them.
fn orphans(
    draft: &Draft<'_>,
    what: &str,
    key: &ForeignKey,
    count: u64,
    examples: &[String],
    context: &Context<'_>,
) -> (crate::plan::Finding, bool) {
    let policies = context.policies(&draft.source.name);
    let left_out = policies.orphans == OrphansPolicy::SkipConstraint;
    // Where keys are declared before the rows come, in whatever order, they can not be enforced then.
    let loose = context.target.constraints_inline || context.settings.into_existing;
    let (severity, then) = match (left_out, loose) {
        (true, _) => (
            Severity::Warning,
            "it is left out of the target, as orphans = \"skip_constraint\" says",
        ),
        (false, true) => (
            Severity::Warning,
            "the rows move, and the target may refuse later changes of them",
        ),
        (false, false) => (Severity::Stop, "the target would refuse it after the copy"),
    };
    let mut made = finding(
        "orphans",
        severity,
        &draft.source.name,
        format!(
            "{count} rows have no parent in {} by {what} ({}): {then}",
            key.parent,
            key.columns.join(", ")
        ),
    )
    .remedy(
        "delete or mend these rows in the source, or choose in [types]: orphans = \"skip_constraint\"",
    );
    made.count = Some(count);
    made.examples = examples.to_vec();
    (made, left_out)
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
                     source, and two in the target, which compares exactly: no row is refused for \
                     it, and an application that relied on it must see to it itself",
                )
                .at(name),
            );
        }
    }
}
