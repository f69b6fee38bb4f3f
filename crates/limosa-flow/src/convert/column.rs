//! What is believed of each column, and how the target holds it.

use super::refine::{dates_stay_text, refine};
use super::say::kept;
use super::unify::{Place, groups, joined, widest};
use super::{Context, Converted, cast};
use crate::hazards::{choices_of, code_of, finding, hazards_of};
use crate::names;
use crate::plan::{ColumnDecision, Severity};
use crate::transform::computed;
use limosa_core::dialect::{Fidelity, PlaceContext, Placement};
use limosa_core::policy::{DoubleEncodedPolicy, OutOfRangePolicy};
use limosa_core::scan::{ColumnScan, Hazard};
use limosa_core::schema::{Catalog, Column, IndexOf, Table, TableName, Type};
use std::collections::{HashMap, HashSet};

/// What is believed of a source column.
#[derive(Clone, Debug)]
pub(super) struct Belief {
    /// What its values are.
    pub(super) values: Type,
    /// The type for which a place is sought: wider than its values where a foreign key asks for it.
    pub(super) sought: Type,
    /// The scan of it, and of the columns that foreign keys tie to it.
    scan: Option<ColumnScan>,
    indexed: bool,
    /// As [`PlaceContext::key_columns`].
    key_columns: usize,
    /// As [`PlaceContext::key_chars`].
    key_chars: u64,
    identity: bool,
    folds: bool,
    why: Option<String>,
}

/// Decides what every column's values are, and unites types along foreign keys.
pub(super) fn believe(
    tables: &[&Table],
    catalog: &Catalog,
    context: &Context<'_>,
    out: &mut Converted,
) -> HashMap<Place, Belief> {
    let mut beliefs = HashMap::new();
    let named = named_by_keys(catalog);
    for table in tables {
        let indexed = indexed(table, &named);
        let policies = context.policies(&table.name);
        for column in &table.columns {
            if excluded(table, &column.name, context) {
                continue;
            }
            let scan = context
                .scans
                .get(&table.name)
                .and_then(|s| s.column(&column.name));
            // A formula's values are of the type that it has.
            let declared = scan.filter(|_| !computed(column));
            let mut values = column.ty.clone();
            let mut why = None;
            if context.loose() && column.generated.is_none() {
                let refined = refine(&table.name, column, declared, &policies);
                values = refined.ty;
                why = refined.why;
                out.findings.extend(refined.findings);
            } else if !context.same_family() {
                values = column.ty.base().clone();
            }
            let moment = matches!(values.base(), Type::Date | Type::Timestamp { .. });
            if context.loose() && moment && dates_stay_text(scan, &policies) {
                values = Type::Text { max_bytes: None };
                why = Some("some dates are in no calendar, and are to be kept as text".into());
            }
            beliefs.insert(
                (table.name.clone(), column.name.clone()),
                Belief {
                    sought: values.clone(),
                    values,
                    scan: scan.cloned(),
                    indexed: indexed.contains(&column.name),
                    key_columns: 0,
                    key_chars: 0,
                    identity: column.identity.is_some(),
                    folds: column.folds,
                    why,
                },
            );
        }
    }
    if !context.same_family() {
        for group in groups(tables) {
            unite(&group, &mut beliefs, out);
        }
        share_keys(tables, &mut beliefs);
    }
    beliefs
}

/// Characters that one of the `columns` of a key is declared or found to need.
fn needs(belief: &Belief, columns: usize) -> u64 {
    let scan = belief.scan.as_ref();
    let (chars, bytes) = scan.map_or((0, 0), |s| (s.max_chars, s.max_bytes));
    match belief.sought.base() {
        Type::Char { length } | Type::Varchar { length } => u64::from(*length).max(chars),
        Type::Binary { length } | Type::Varbinary { length } => u64::from(*length).div_ceil(4),
        Type::Text { .. }
        | Type::Decimal {
            precision: None, ..
        } => PlaceContext::key_need(chars, columns),
        Type::Blob { .. } => bytes.max(255).div_ceil(4),
        Type::Boolean
        | Type::Integer { .. }
        | Type::Float { .. }
        | Type::Year
        | Type::Date
        | Type::Time { .. }
        | Type::Timestamp { .. } => 2,
        Type::Decimal { .. }
        | Type::Money { .. }
        | Type::Uuid
        | Type::Enum { .. }
        | Type::Set { .. } => 10,
        _ => 64,
    }
}

/// Tells every column with what others it shares its keys. Columns that a foreign key ties together are told
/// the same, so that they become one type.
fn share_keys(tables: &[&Table], beliefs: &mut HashMap<Place, Belief>) {
    for table in tables {
        let place = |c: &String| (table.name.clone(), c.clone());
        let mut keys: Vec<Vec<String>> = Vec::new();
        let own = table.primary_key.iter().chain(&table.uniques);
        keys.extend(own.map(|k| k.columns.clone()));
        keys.extend(table.foreign_keys.iter().map(|k| k.columns.clone()));
        keys.extend(table.indexes.iter().filter(|i| i.unique).map(|i| {
            let parts = i.parts.iter().filter_map(|p| match &p.of {
                IndexOf::Column(c) if p.prefix.is_none() => Some(c.clone()),
                _ => None,
            });
            parts.collect()
        }));
        for key in keys {
            let all: u64 = key
                .iter()
                .filter_map(|c| beliefs.get(&place(c)))
                .map(|b| needs(b, key.len()))
                .sum();
            for column in &key {
                if let Some(belief) = beliefs.get_mut(&place(column)) {
                    let others = all - needs(belief, key.len());
                    belief.key_columns = belief.key_columns.max(key.len());
                    belief.key_chars = belief.key_chars.max(others);
                }
            }
        }
    }
    for group in groups(tables) {
        let members = || group.iter();
        let columns = members()
            .filter_map(|p| beliefs.get(p))
            .map(|b| b.key_columns);
        let columns = columns.max().unwrap_or(0);
        let chars = members()
            .filter_map(|p| beliefs.get(p))
            .map(|b| b.key_chars);
        let chars = chars.max().unwrap_or(0);
        for place in members() {
            if let Some(belief) = beliefs.get_mut(place) {
                belief.key_columns = columns;
                belief.key_chars = chars;
            }
        }
    }
}

fn unite(group: &[Place], beliefs: &mut HashMap<Place, Belief>, out: &mut Converted) {
    let members: Vec<Belief> = group
        .iter()
        .filter_map(|p| beliefs.get(p).cloned())
        .collect();
    let Some((first, rest)) = members.split_first() else {
        return;
    };
    let mut ty = Some(first.values.clone());
    let mut scan = first.scan.clone();
    for other in rest {
        ty = ty.and_then(|t| widest(&t, &other.values));
        scan = match (&scan, &other.scan) {
            (Some(a), Some(b)) => Some(joined(a, b)),
            _ => None,
        };
    }
    let Some(ty) = ty else {
        let (table, column) = &group[0];
        let said: Vec<String> = group
            .iter()
            .filter_map(|p| Some(format!("{}.{} ({})", p.0, p.1, beliefs.get(p)?.values)))
            .collect();
        out.findings.push(
            finding(
                "foreign-key-types-differ",
                Severity::Warning,
                table,
                format!(
                    "columns that a foreign key ties together have types without a common one: {}",
                    said.join(", ")
                ),
            )
            .at(column)
            .remedy("choose a type for one of them: [[table]] cast = { column = \"type\" }"),
        );
        return;
    };
    for place in group {
        let Some(belief) = beliefs.get_mut(place) else {
            continue;
        };
        if belief.values != ty {
            let others: Vec<String> = group
                .iter()
                .filter(|p| *p != place)
                .map(|p| format!("{}.{}", p.0, p.1))
                .collect();
            belief.why = Some(format!(
                "one type with {} along foreign keys",
                others.join(", ")
            ));
        }
        belief.sought = ty.clone();
        belief.scan.clone_from(&scan);
        belief.indexed = members.iter().any(|m| m.indexed);
        belief.identity = members.iter().any(|m| m.identity);
        belief.folds = members.iter().any(|m| m.folds);
    }
}

pub(super) fn excluded(table: &Table, column: &str, context: &Context<'_>) -> bool {
    names::wish(context.settings, &table.name)
        .is_some_and(|w| w.exclude_columns.iter().any(|c| c == column))
}

/// The columns that foreign keys name in their parents.
pub(crate) fn named_by_keys(catalog: &Catalog) -> HashMap<&TableName, Vec<&String>> {
    let mut out: HashMap<&TableName, Vec<&String>> = HashMap::new();
    for key in catalog.tables.iter().flat_map(|t| &t.foreign_keys) {
        out.entry(&key.parent)
            .or_default()
            .extend(&key.parent_columns);
    }
    out
}

/// The columns that any key, index or foreign key orders by.
pub(crate) fn indexed(table: &Table, named: &HashMap<&TableName, Vec<&String>>) -> HashSet<String> {
    let mut out = HashSet::new();
    let keys = table.primary_key.iter().chain(&table.uniques);
    out.extend(keys.flat_map(|k| k.columns.iter().cloned()));
    out.extend(
        table
            .foreign_keys
            .iter()
            .flat_map(|k| k.columns.iter().cloned()),
    );
    for part in table.indexes.iter().flat_map(|i| &i.parts) {
        if let IndexOf::Column(c) = &part.of {
            out.insert(c.clone());
        }
    }
    // A parent's columns are in a key of the parent; the catalog may show it as a plain unique index.
    if table.primary_key.is_none() {
        let columns = named.get(&table.name).into_iter().flatten();
        out.extend(columns.map(|c| (*c).clone()));
    }
    out
}

/// Finds the place of a column in the target, and says what a person must know of it.
///
/// `name` is the column's target name, `table` its target table.
pub(super) fn place(
    source: &Table,
    column: &Column,
    belief: &Belief,
    table: &TableName,
    name: &str,
    context: &Context<'_>,
    out: &mut Converted,
) -> Placement {
    let policies = context.policies(&source.name);
    // What a transform computes has its meaning only, and no engine's spelling.
    let computed = crate::transform::computed(column);
    let same_family = context.same_family() && !computed;
    let ty = target_names(&belief.sought, table, name, context);
    let ask = PlaceContext {
        scan: belief.scan.as_ref(),
        indexed: belief.indexed,
        key_columns: belief.key_columns,
        key_chars: belief.key_chars,
        identity: belief.identity,
        folds: belief.folds,
        same_family,
        native: &column.native,
        policies: &policies,
    };
    let mut placement = context.dialect.place(&ty, &ask);
    let mut why = belief.why.clone();
    if same_family
        && let (
            Type::Enum {
                name: Some(was), ..
            }
            | Type::Domain { name: was, .. },
            Type::Enum { name: Some(is), .. } | Type::Domain { name: is, .. },
        ) = (&belief.sought, &ty)
        && was != is
    {
        // The source's own spelling names the type as it is called there.
        placement.native = context.dialect.qualified(is);
    }
    let wish = names::wish(context.settings, &source.name)
        .and_then(|w| w.cast.iter().find(|(c, _)| *c == column.name));
    if let Some((_, native)) = wish {
        placement = Placement {
            ty: cast::meaning(&context.target.family, native),
            native: native.clone(),
            fidelity: Fidelity::Widened,
            force_nullable: false,
            check: None,
            note: None,
        };
        why = Some("chosen in the settings".into());
    }
    let fidelity = match &placement.fidelity {
        Fidelity::Exact => "exact",
        Fidelity::Widened => "widened",
        Fidelity::Lossy { policy, stops } => {
            lossy(source, column, belief, &placement, policy, *stops, out);
            "lossy"
        }
        Fidelity::Impossible => {
            out.findings.push(
                finding(
                    "type-not-supported",
                    Severity::Stop,
                    &source.name,
                    match &placement.note {
                        Some(why) => {
                            format!("the target has no place for {}: {why}", column.native)
                        }
                        None => format!("the target has no place for {}", column.native),
                    },
                )
                .at(&column.name)
                .remedy(format!(
                    "leave the column out: [[table]] name = \"{0}\" exclude_columns = [\"{1}\"], or \
                     choose a type: cast = {{ {1} = \"type\" }}",
                    source.name, column.name
                )),
            );
            "impossible"
        }
    };
    if matches!(belief.sought, Type::Dynamic)
        && !matches!(placement.ty, Type::Dynamic)
        && wish.is_none()
    {
        out.findings.push(
            finding(
                "mixed-values",
                Severity::Stop,
                &source.name,
                format!(
                    "bytes stand beside other values, and {} can not hold them all",
                    placement.native
                ),
            )
            .at(&column.name)
            .evidence(belief.scan.as_ref(), &[Hazard::OutsideDeclaredType])
            .remedy("mend the values in the source, or choose a type: [[table]] cast = { column = \"type\" }"),
        );
    }
    changed_on_the_way(source, column, belief, &placement, context, out);
    if !same_family {
        kept_otherwise(source, column, belief, &placement, context, out);
    }
    if placement.force_nullable && !column.nullable {
        out.findings.push(
            finding(
                "becomes-nullable",
                Severity::Lossy,
                &source.name,
                "the column allows NULL in the target, since a policy writes NULL",
            )
            .at(&column.name),
        );
    }
    let why = match (why, placement.note.clone()) {
        (Some(a), Some(b)) => Some(format!("{a}; {b}")),
        (a, b) => a.or(b),
    };
    out.decisions.push(ColumnDecision {
        table: source.name.clone(),
        column: column.name.clone(),
        from: if computed {
            format!("computed {}", column.ty)
        } else {
            column.native.clone()
        },
        to: placement.native.clone(),
        fidelity: fidelity.into(),
        why,
    });
    placement
}

/// What the step between reader and encoder does to values of the column.
fn changed_on_the_way(
    source: &Table,
    column: &Column,
    belief: &Belief,
    placement: &Placement,
    context: &Context<'_>,
    out: &mut Converted,
) {
    let policies = names::wish(context.settings, &source.name)
        .and_then(|w| w.types)
        .unwrap_or(context.settings.policies);
    let seen = belief
        .scan
        .as_ref()
        .map_or(0, |s| s.count(Hazard::DoubleEncoded));
    let made = |code, severity, text: &str| finding(code, severity, &source.name, text);
    if placement.ty.base().text() {
        let twice = match policies.double_encoded {
            DoubleEncodedPolicy::Repair => Some(made(
                "double-encoded",
                Severity::Lossy,
                "text that was encoded twice is decoded once",
            )),
            DoubleEncodedPolicy::Keep if seen > 0 => Some(
                made(
                    "double-encoded",
                    Severity::Warning,
                    "text looks as if it was encoded twice (cafÃ© for café); it is moved as it is",
                )
                .remedy("to undo it, choose in [types]: double_encoded = \"repair\""),
            ),
            DoubleEncodedPolicy::Keep => None,
        };
        let evidence = [Hazard::DoubleEncoded];
        out.findings
            .extend(twice.map(|f| f.at(&column.name).evidence(belief.scan.as_ref(), &evidence)));
    }
    let number = matches!(
        placement.ty.base(),
        Type::Integer { .. } | Type::Decimal { .. }
    );
    if number
        && policies.out_of_range == OutOfRangePolicy::Clamp
        && placement.ty.base() != column.ty.base()
    {
        out.findings.push(
            made(
                "out-of-range",
                Severity::Lossy,
                "numbers beyond the column become the nearest that it holds",
            )
            .at(&column.name),
        );
    }
}

/// What somebody should know of values that are all kept, but as something else than they were.
fn kept_otherwise(
    source: &Table,
    column: &Column,
    belief: &Belief,
    placement: &Placement,
    context: &Context<'_>,
    out: &mut Converted,
) {
    let scan = belief.scan.as_ref();
    let count = |hazard| scan.map_or(0, |s| s.count(hazard));
    let really = kept(&context.target.family, &placement.native, &placement.ty);
    let warn = |code, text: String, hazard| {
        finding(code, Severity::Warning, &source.name, text)
            .at(&column.name)
            .evidence(scan, &[hazard])
    };
    if count(Hazard::AboveSigned) > 0 && really.text() {
        out.findings.push(warn(
            "above-signed-range",
            format!(
                "there are numbers above 9223372036854775807, where the target's end, so all are kept as {}: \
                 they compare and sort as text",
                placement.native
            ),
            Hazard::AboveSigned,
        ));
    }
    let moment = matches!(really, Type::Date | Type::Timestamp { .. });
    if count(Hazard::ZeroDate) > 0 && moment && placement.fidelity == Fidelity::Exact {
        out.findings.push(warn(
            "zero-date",
            "there are dates with a zero for the day, the month or the year (which is 1 BC); they are kept as they \
             are, and a server with NO_ZERO_DATE or NO_ZERO_IN_DATE refuses such later"
                .into(),
            Hazard::ZeroDate,
        ));
    }
}

fn lossy(
    source: &Table,
    column: &Column,
    belief: &Belief,
    placement: &Placement,
    policy: &str,
    stops: bool,
    out: &mut Converted,
) {
    let reason = placement.note.clone().unwrap_or_else(|| {
        format!(
            "{} can not hold every value of {} as it is",
            placement.native, column.native
        )
    });
    let hazards: &[Hazard] = hazards_of(policy);
    let (severity, text) = if stops {
        (Severity::Stop, reason)
    } else {
        (
            Severity::Lossy,
            format!("{reason}; values change by {policy}"),
        )
    };
    let mut made = finding(code_of(policy), severity, &source.name, text)
        .at(&column.name)
        .evidence(belief.scan.as_ref(), hazards);
    if stops {
        made = made.remedy(format!(
            "mend the values in the source, or choose in [types]: {}",
            choices_of(policy)
        ));
    }
    out.findings.push(made);
}

/// Gives types with names their target names; a nameless type of words is called `table_column`.
fn target_names(ty: &Type, table: &TableName, column: &str, context: &Context<'_>) -> Type {
    let name_of = |name: &TableName| {
        let to = context.names.object(name);
        TableName {
            name: names::shorten(&to.name, context.target),
            ..to
        }
    };
    match ty {
        Type::Enum { name, members } => Type::Enum {
            name: match name {
                _ if !context.target.namespaces => None,
                Some(name) => Some(name_of(name)),
                None => Some(TableName {
                    schema: table.schema.clone(),
                    name: names::shorten(&format!("{}_{column}", table.name), context.target),
                }),
            },
            members: members.clone(),
        },
        Type::Domain { name, base } => Type::Domain {
            name: name_of(name),
            base: base.clone(),
        },
        other => other.clone(),
    }
}
