//! Tables and columns by the names that a person wrote.
//!
//! A test of the source alone names things as the source does; any other names them as the target does.
//! On the other side the names of the settings' renames are looked for first, then the same names.

use super::noun::{Check, On};
use super::{Asking, Side, role_word};
use crate::names::fits;
use crate::settings::TableWish;
use limosa_core::check::Field;
use limosa_core::engine::Role;
use limosa_core::schema::{Table, TableName};
use limosa_core::{Error, ErrorKind, Result};

const DOING: &str = "asking a data test";

/// A table of one side.
pub(super) struct Found<'a> {
    pub(super) table: &'a Table,
    role: Role,
    /// What the settings wish of it.
    wish: Option<&'a TableWish>,
    /// Whether names are those of the other side.
    foreign: bool,
}

fn last(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, last)| last)
}

/// Finds a table that a test names.
pub(super) fn table<'a>(
    asking: &'a Asking<'_>,
    side: &'a Side<'_>,
    check: &Check,
    name: &str,
) -> Result<Found<'a>> {
    let native = match check.on {
        On::Source => Role::Source,
        On::Target | On::Both => Role::Target,
    };
    let foreign = side.role != native;
    let wishes = &asking.names.tables;
    // The wish whose table this is, by its name on the native side.
    let wish = match native {
        Role::Source => wishes.iter().find(|w| last(&w.name) == last(name)),
        Role::Target => wishes
            .iter()
            .find(|w| w.rename.as_deref().map(last) == Some(last(name)))
            .or_else(|| {
                wishes
                    .iter()
                    .find(|w| w.rename.is_none() && last(&w.name) == last(name))
            }),
    };
    let mut wanted: Vec<&str> = Vec::new();
    if foreign && let Some(wish) = wish {
        wanted.push(match side.role {
            Role::Source => &wish.name,
            Role::Target => wish.rename.as_deref().unwrap_or(name),
        });
    }
    wanted.push(name);
    for name in &wanted {
        if let Some(table) = by_name(side, name)? {
            return Ok(Found {
                table,
                role: side.role,
                wish,
                foreign,
            });
        }
    }
    let word = role_word(side.role);
    let view = side.catalog.views.iter().any(|v| v.name.name == last(name));
    Err(match view {
        true => Error::new(ErrorKind::Unsupported, DOING, "it is a view, whose columns have no known types")
            .on(name)
            .hint("Write the test as kind = \"sql\"."),
        false => Error::new(ErrorKind::Missing, DOING, format!("the {word} has no such table"))
            .on(name)
            .hint("Write the table's name as the catalog has it, with its schema where there are several of that name."),
    })
}

fn by_name<'a>(side: &'a Side<'_>, name: &str) -> Result<Option<&'a Table>> {
    let tables = &side.catalog.tables;
    if let Some(table) = tables.iter().find(|t| t.name.to_string() == name) {
        return Ok(Some(table));
    }
    let default = &side.engine.capabilities().default_namespace;
    let of_default = TableName {
        schema: default.clone(),
        name: name.to_owned(),
    };
    if let Some(table) = side.catalog.table(&of_default) {
        return Ok(Some(table));
    }
    let pick = |same: &dyn Fn(&TableName) -> bool| -> Result<Option<&'a Table>> {
        let found: Vec<&Table> = tables.iter().filter(|t| same(&t.name)).collect();
        match found.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            many => {
                let names: Vec<String> = many.iter().map(|t| t.name.to_string()).collect();
                Err(Error::new(
                    ErrorKind::Configuration,
                    DOING,
                    "the name is not of one table",
                )
                .on(name)
                .hint(format!("Write one of: {}.", names.join(", "))))
            }
        }
    };
    if let Some(table) = pick(&|t| t.name == name)? {
        return Ok(Some(table));
    }
    // Engines differ in the case that they keep.
    pick(&|t| t.name.eq_ignore_ascii_case(name) || t.to_string().eq_ignore_ascii_case(name))
}

impl Found<'_> {
    /// Its name on this side.
    pub(super) fn name(&self) -> &TableName {
        &self.table.name
    }

    /// The name of a column on this side.
    fn here<'n>(&'n self, name: &'n str) -> &'n str {
        let Some(wish) = self.wish.filter(|_| self.foreign) else {
            return name;
        };
        let pairs = &wish.rename_columns;
        let other = match self.role {
            Role::Source => pairs
                .iter()
                .find(|(_, new)| new == name)
                .map(|(old, _)| old),
            Role::Target => pairs
                .iter()
                .find(|(old, _)| old == name)
                .map(|(_, new)| new),
        };
        match other {
            Some(other) if self.table.column(other).is_some() => other,
            _ => name,
        }
    }

    /// The name on the other side of a column of this side.
    pub(super) fn there<'n>(&'n self, name: &'n str) -> &'n str {
        let pairs = self.wish.map_or(&[][..], |w| &w.rename_columns);
        let other = match self.role {
            Role::Source => pairs
                .iter()
                .find(|(old, _)| old == name)
                .map(|(_, new)| new),
            Role::Target => pairs
                .iter()
                .find(|(_, new)| new == name)
                .map(|(old, _)| old),
        };
        other.map_or(name, String::as_str)
    }

    /// A column as a field of a question.
    pub(super) fn field(&self, name: &str) -> Result<Field> {
        let name = self.here(name);
        let columns = &self.table.columns;
        let found = columns.iter().find(|c| c.name == name).or_else(|| {
            let mut near = columns.iter().filter(|c| c.name.eq_ignore_ascii_case(name));
            near.next().filter(|_| near.next().is_none())
        });
        match found {
            Some(c) => Ok(Field {
                name: c.name.clone(),
                ty: c.ty.clone(),
            }),
            None => {
                let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
                Err(Error::new(
                    ErrorKind::Missing,
                    DOING,
                    format!(
                        "the table in the {} has no column {name:?}",
                        role_word(self.role)
                    ),
                )
                .on(self.table.name.to_string())
                .hint(format!("Its columns are: {}.", names.join(", "))))
            }
        }
    }

    pub(super) fn fields(&self, names: &[String]) -> Result<Vec<Field>> {
        names.iter().map(|n| self.field(n)).collect()
    }

    /// Whether the values of a column of this side are never shown.
    pub(super) fn masked(&self, asking: &Asking<'_>, check: &Check, column: &str) -> bool {
        let mut tables = vec![
            self.table.name.name.clone(),
            self.table.name.to_string(),
            check.table.clone(),
        ];
        if let Some(wish) = self.wish {
            tables.push(last(&wish.name).to_owned());
            tables.extend(wish.rename.clone());
        }
        let columns = [column, self.there(column)];
        asking.masked.iter().any(|pattern| {
            tables.iter().any(|t| {
                columns.iter().any(|c| {
                    fits(
                        &pattern.to_ascii_lowercase(),
                        &format!("{t}.{c}").to_ascii_lowercase(),
                    )
                })
            })
        })
    }
}
