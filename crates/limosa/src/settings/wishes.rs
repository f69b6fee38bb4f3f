//! What is wished of single tables: `[[table]]` and `[rename]` together.

use super::Problem;
use super::file::{File, Table};
use limosa_core::policy::Policies;
use limosa_flow::settings::{TableWish, Text, TransformWish};
use std::collections::BTreeMap;
use toml::Spanned;

pub(super) fn pairs(map: &BTreeMap<String, String>) -> Vec<(String, String)> {
    map.iter().map(|(a, b)| (a.clone(), b.clone())).collect()
}

/// The thresholds of single tables.
pub(super) fn thresholds(file: &File) -> Result<Vec<(String, f64)>, Problem> {
    let mut all = Vec::new();
    for table in &file.table {
        let Some(threshold) = &table.error_threshold else {
            continue;
        };
        if !(0.0..=1.0).contains(threshold.get_ref()) {
            return Err(Problem::new(format!(
                "error_threshold: {} is not between 0 and 1",
                threshold.get_ref()
            ))
            .hint("It is a share: 0.01 is one row of a hundred.")
            .at(threshold.span()));
        }
        all.push((table.name.get_ref().clone(), *threshold.get_ref()));
    }
    Ok(all)
}

/// The wishes of `[[table]]` and `[rename]` together, one per table.
pub(super) fn wishes(file: &File, general: Policies) -> Result<Vec<TableWish>, Problem> {
    let mut wishes: Vec<TableWish> = Vec::new();
    for t in &file.table {
        let wish = wish(t, general);
        if wish.name.is_empty() {
            return Err(Problem::new("the name of the table is empty").at(t.name.span()));
        }
        if wishes.iter().any(|w| w.name == wish.name) {
            return Err(
                Problem::new(format!("the table {:?} has two [[table]] parts", wish.name))
                    .hint("Put everything about one table into one part.")
                    .at(t.name.span()),
            );
        }
        wishes.push(wish);
    }
    let twice = |what: &str| {
        Problem::new(format!(
            "{what} has two new names: in [rename] and in [[table]]"
        ))
        .hint("Take one of them out.")
    };
    for (table, new) in &file.rename.tables {
        let wish = wish_of(&mut wishes, table);
        if wish.rename.replace(new.clone()).is_some() {
            return Err(twice(&format!("the table {table:?}")));
        }
    }
    for (column, new) in &file.rename.columns {
        let (table, name) = column.rsplit_once('.').ok_or_else(|| {
            Problem::new(format!("rename.columns: {column:?} names no table"))
                .hint(format!("Write \"table.{column}\" = \"{new}\"."))
        })?;
        let wish = wish_of(&mut wishes, table);
        if wish.rename_columns.iter().any(|(c, _)| c == name) {
            return Err(twice(&format!("the column {column:?}")));
        }
        wish.rename_columns.push((name.to_owned(), new.clone()));
    }
    Ok(wishes)
}

/// What rows shall become; `text` is the file, for the places of formulas in it.
pub(super) fn transforms(file: &File, text: Option<&str>) -> Result<Vec<TransformWish>, Problem> {
    let written = |value: &Spanned<String>| Text {
        text: value.get_ref().clone(),
        at: text.and_then(|text| place(text, value.span().start)),
    };
    file.transform
        .iter()
        .map(|t| {
            if t.table.get_ref().is_empty() {
                return Err(Problem::new("the name of the table is empty").at(t.table.span()));
            }
            if t.into
                .as_ref()
                .is_some_and(|i| i.is_empty() || i.contains('.'))
            {
                return Err(
                    Problem::new("into is a name without a schema, and not empty")
                        .at(t.table.span()),
                );
            }
            // In the order in which they are written.
            let mut columns: Vec<_> = t.columns.iter().collect();
            columns.sort_by_key(|(_, formula)| formula.span().start);
            Ok(TransformWish {
                table: t.table.get_ref().clone(),
                into: t.into.clone(),
                filter: t.r#where.as_ref().map(written),
                select: t.select.clone(),
                drop: t.drop.clone(),
                columns: columns
                    .into_iter()
                    .map(|(name, formula)| (name.clone(), written(formula)))
                    .collect(),
            })
        })
        .collect()
}

/// Line and column of the first character inside a TOML string that begins at `byte`.
fn place(text: &str, byte: usize) -> Option<(usize, usize)> {
    let rest = text.get(byte..)?;
    let quotes = if rest.starts_with("\"\"\"") || rest.starts_with("'''") {
        3
    } else {
        1
    };
    let inside = rest.get(quotes..)?;
    // A line break right after three quotes is no part of the text.
    let skip = match quotes {
        3 if inside.starts_with("\r\n") => 2,
        3 if inside.starts_with('\n') => 1,
        _ => 0,
    };
    let before = text.get(..byte + quotes + skip)?;
    let start = before.rfind('\n').map_or(0, |n| n + 1);
    Some((
        before.matches('\n').count() + 1,
        before[start..].chars().count() + 1,
    ))
}

fn wish_of<'a>(wishes: &'a mut Vec<TableWish>, table: &str) -> &'a mut TableWish {
    let at = wishes
        .iter()
        .position(|w| w.name == table)
        .unwrap_or_else(|| {
            wishes.push(TableWish {
                name: table.to_owned(),
                ..TableWish::default()
            });
            wishes.len() - 1
        });
    &mut wishes[at]
}

fn wish(t: &Table, general: Policies) -> TableWish {
    TableWish {
        name: t.name.get_ref().clone(),
        rename: t.rename.clone(),
        exclude_columns: t.exclude_columns.clone(),
        rename_columns: pairs(&t.rename_columns),
        partition_column: t.partition_column.clone(),
        types: t.types.as_ref().map(|types| types.over(general)),
        cast: pairs(&t.cast),
    }
}
