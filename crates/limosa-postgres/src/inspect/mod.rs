//! The whole catalog, in a number of questions that does not grow with the number of tables.
//!
//! All are asked in one repeatable-read transaction, so that the parts belong together. What the
//! neutral schema can not say is said in words: [`Table::unrepresented`], [`Catalog::notes`].

mod queries;
mod tables;
pub(crate) mod types;

use crate::connection::Connection;
use crate::names;
use limosa_core::Result;
use limosa_core::expression::SqlText;
use limosa_core::schema::{
    Catalog, Check, DomainType, EnumType, Routine, Sequence, TableName, View,
};
use limosa_sql::PostgreSqlDialect;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use types::Types;

/// One row of an answer, by place.
pub(crate) struct Row<'a>(&'a [Option<String>]);

impl<'a> Row<'a> {
    fn opt(&self, i: usize) -> Option<&'a str> {
        self.0.get(i)?.as_deref()
    }
    fn text(&self, i: usize) -> &'a str {
        self.opt(i).unwrap_or_default()
    }
    fn own(&self, i: usize) -> Option<String> {
        self.opt(i).map(str::to_string)
    }
    fn flag(&self, i: usize) -> bool {
        self.opt(i) == Some("t")
    }
    fn number<T: std::str::FromStr>(&self, i: usize) -> Option<T> {
        self.opt(i)?.parse().ok()
    }
    fn names(&self, i: usize) -> Vec<String> {
        self.opt(i)
            .and_then(|t| serde_json::from_str(t).ok())
            .unwrap_or_default()
    }
}

fn sql(text: &str) -> SqlText {
    limosa_sql::read("postgresql", &PostgreSqlDialect {}, text)
}

/// The state of one sequence: the value that it would give next.
type NextValues = HashMap<u32, i128>;

/// Reads the catalog of the connection's database.
pub(crate) fn inspect(c: &mut Connection) -> Result<Catalog> {
    c.doing = "reading the catalog";
    c.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
    let catalog = read(c);
    if !c.broken() {
        c.query("ROLLBACK")?;
    }
    catalog
}

fn read(c: &mut Connection) -> Result<Catalog> {
    let settings = c.query(queries::SETTINGS)?;
    let row = Row(settings.rows.first().map(Vec::as_slice).unwrap_or_default());
    let mut catalog = Catalog {
        collation: row.own(0),
        ..Catalog::default()
    };
    let block: u64 = row.number(3).unwrap_or(8192);
    if row.text(2) != "UTF8" {
        catalog.notes.push(format!(
            "the database keeps text as {}; it is read as UTF-8",
            row.text(2)
        ));
    }
    let types = Types::read(&c.query(types::QUERY)?, row.number(1).unwrap_or(2));
    let (sequences, next) = sequences(c, &mut catalog.notes)?;
    let mut owned = BTreeSet::new();
    catalog.tables = tables::read(c, &types, &next, block, &mut owned)?;
    catalog.sequences = sequences
        .into_iter()
        .filter(|(oid, _)| !owned.contains(oid))
        .map(|(_, s)| s)
        .collect();
    catalog.views = views(c, &mut catalog.notes)?;
    named_types(c, &types, &mut catalog)?;
    for row in &c.query(queries::ROUTINES)?.rows {
        let row = Row(row);
        catalog.routines.push(Routine {
            name: TableName {
                schema: row.own(0).filter(|s| !s.is_empty()),
                name: row.text(1).into(),
            },
            kind: row.text(2).into(),
            text: row.own(3),
        });
    }
    for row in &c.query(queries::NOTES)?.rows {
        catalog.notes.extend(Row(row).own(0));
    }
    Ok(catalog)
}

/// Reads every sequence and where it stands. One sequence is a table of one row, so they are asked
/// together, some hundreds in one question.
fn sequences(
    c: &mut Connection,
    notes: &mut Vec<String>,
) -> Result<(Vec<(u32, Sequence)>, NextValues)> {
    let mut found = Vec::new();
    let mut readable = Vec::new();
    for row in &c.query(queries::SEQUENCES)?.rows {
        let row = Row(row);
        let oid: u32 = row.number(0).unwrap_or(0);
        let sequence = Sequence {
            name: TableName::within(row.text(1), row.text(2)),
            start: row.number(3).unwrap_or(1),
            increment: row.number(4).unwrap_or(1),
            min: row.number(5).unwrap_or(1),
            max: row.number(6).unwrap_or(i128::from(i64::MAX)),
            cycle: row.flag(7),
            next: row.number(3).unwrap_or(1),
        };
        if row.flag(8) {
            readable.push((oid, sequence.name.clone(), sequence.increment));
        } else {
            notes.push(format!(
                "sequence {} may not be read: its next value is not known",
                sequence.name
            ));
        }
        found.push((oid, sequence));
    }
    let mut next = NextValues::new();
    for part in readable.chunks(500) {
        let question: Vec<String> = part
            .iter()
            .map(|(oid, name, _)| {
                format!(
                    "SELECT {oid}, last_value, is_called FROM {}",
                    names::table(name)
                )
            })
            .collect();
        for row in &c.query(&question.join(" UNION ALL "))?.rows {
            let row = Row(row);
            let (Some(oid), Some(last)) = (row.number::<u32>(0), row.number::<i128>(1)) else {
                continue;
            };
            let step = part
                .iter()
                .find(|(o, _, _)| *o == oid)
                .map_or(1, |(_, _, step)| i128::from(*step));
            next.insert(oid, if row.flag(2) { last + step } else { last });
        }
    }
    for (oid, sequence) in &mut found {
        if let Some(next) = next.get(oid) {
            sequence.next = *next;
        }
    }
    Ok((found, next))
}

/// Reads the views and puts them into an order in which they can be made.
fn views(c: &mut Connection, notes: &mut Vec<String>) -> Result<Vec<View>> {
    let answer = c.query(queries::VIEWS)?;
    let mut views = BTreeMap::new();
    let mut order = Vec::new();
    for row in &answer.rows {
        let row = Row(row);
        let oid: u64 = row.number(0).unwrap_or(0);
        let needs: Vec<u64> = row
            .opt(5)
            .and_then(|t| serde_json::from_str(t).ok())
            .unwrap_or_default();
        let view = View {
            name: TableName::within(row.text(1), row.text(2)),
            query: row.text(4).trim().trim_end_matches(';').to_string(),
            materialized: row.flag(3),
        };
        if let Some(options) = row.opt(6).filter(|o| !o.is_empty()) {
            notes.push(format!(
                "the options of view {} are not kept: {options}",
                view.name
            ));
        }
        order.push(oid);
        views.insert(oid, (needs, view));
    }
    let mut sorted = Vec::with_capacity(order.len());
    let mut made = BTreeSet::new();
    // As many rounds as the deepest chain; views can not go in circles, and if they did they are kept as read.
    while !order.is_empty() {
        let before = order.len();
        order.retain(|oid| {
            let ready = views[oid]
                .0
                .iter()
                .all(|n| !views.contains_key(n) || made.contains(n));
            if ready {
                made.insert(*oid);
                sorted.push(views[oid].1.clone());
            }
            !ready
        });
        if order.len() == before {
            sorted.extend(order.drain(..).map(|oid| views[&oid].1.clone()));
        }
    }
    Ok(sorted)
}

fn named_types(c: &mut Connection, types: &Types, catalog: &mut Catalog) -> Result<()> {
    for row in &c.query(queries::NAMED_TYPES)?.rows {
        let row = Row(row);
        let name = TableName::within(row.text(1), row.text(2));
        match row.text(3) {
            "e" => {
                if let limosa_core::schema::Type::Enum { members, .. } =
                    types.neutral(row.number(0).unwrap_or(0), -1, "")
                {
                    catalog.enums.push(EnumType { name, members });
                }
            }
            "d" => {
                let checks: Vec<(String, String)> = row
                    .opt(7)
                    .and_then(|t| serde_json::from_str(t).ok())
                    .unwrap_or_default();
                catalog.domains.push(DomainType {
                    name,
                    base: types.neutral(
                        row.number(8).unwrap_or(0),
                        row.number(9).unwrap_or(-1),
                        row.text(4),
                    ),
                    native: row.text(4).into(),
                    not_null: row.flag(5),
                    default: row.opt(6).map(sql),
                    checks: checks
                        .into_iter()
                        .map(|(name, condition)| Check {
                            name: Some(name),
                            condition: sql(&condition),
                            validated: true,
                        })
                        .collect(),
                });
            }
            _ => catalog.routines.push(Routine {
                name,
                kind: "type".into(),
                text: row.own(10),
            }),
        }
    }
    Ok(())
}
