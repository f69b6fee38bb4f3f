//! What is wished of single tables: `[[table]]` and `[rename]` together.

use super::Problem;
use super::file::{File, Table};
use limosa_core::policy::Policies;
use limosa_flow::settings::TableWish;
use std::collections::BTreeMap;

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
