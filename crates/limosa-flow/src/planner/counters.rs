//! Columns that draw from a sequence of their own count by themselves, whoever owns the sequence.

use limosa_core::expression::{Expr, SqlText};
use limosa_core::schema::{Catalog, Column, Identity, Sequence, Type};
use std::collections::HashMap;

/// Makes an identity of every whole number that may not be NULL and whose default is the next value of a
/// sequence from which nothing else draws. That sequence is no object of its own any more.
///
/// Only for catalogs that are said in the words of another family: within one the default is kept as it is.
pub(super) fn adopt(catalog: &mut Catalog) {
    let mut users: HashMap<String, Vec<(usize, usize)>> = HashMap::new();
    let mut unread = Vec::new();
    let domains = catalog.domains.iter().filter_map(|d| d.default.as_ref());
    unread.extend(domains.filter(|d| may_draw(d)).map(|d| d.text.clone()));
    for (t, table) in catalog.tables.iter().enumerate() {
        for (c, column) in table.columns.iter().enumerate() {
            let Some(default) = &column.default else {
                continue;
            };
            match drawn(default) {
                Some((_, name)) => users.entry(name.to_owned()).or_default().push((t, c)),
                None if may_draw(default) => unread.push(default.text.clone()),
                None => {}
            }
        }
    }
    if users.is_empty() {
        return;
    }
    let Catalog {
        tables, sequences, ..
    } = catalog;
    sequences.retain(|sequence| {
        let Some([(t, c)]) = users.get(&sequence.name.name).map(Vec::as_slice) else {
            return true;
        };
        let column = &mut tables[*t].columns[*c];
        let shared = unread.iter().any(|text| text.contains(&sequence.name.name));
        if shared || !is_of(column, sequence) {
            return true;
        }
        column.default = None;
        column.identity = Some(Identity {
            always: false,
            next: Some(sequence.next),
            increment: sequence.increment,
        });
        false
    });
}

/// The sequence of which a default is the next value: its namespace, if it is said, and its name.
fn drawn(default: &SqlText) -> Option<(Option<&str>, &str)> {
    match default.parsed.as_ref()? {
        Expr::Call(function, parts) if function == "next_value" => match &parts[..] {
            [Expr::Text(name)] => Some((None, name)),
            [Expr::Text(schema), Expr::Text(name)] => Some((Some(schema), name)),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a text that says more than one next value, or is not understood, may draw from a sequence.
fn may_draw(default: &SqlText) -> bool {
    default.text.to_ascii_lowercase().contains("nextval")
}

/// Whether the column is one that could count by itself instead of drawing from `sequence`.
fn is_of(column: &Column, sequence: &Sequence) -> bool {
    let said = column.default.as_ref().and_then(drawn);
    let schema = said.and_then(|(schema, _)| schema);
    !column.nullable
        && matches!(column.ty, Type::Integer { .. })
        && !sequence.cycle
        && schema.is_none_or(|s| sequence.name.schema.as_deref() == Some(s))
}
