//! The catalog's other objects: views, triggers, partitions, routines, events, sequences.

use crate::connection::Connection;
use crate::inspect::{Context, ask, ours};
use crate::words::quote;
use limosa_core::Disposition;
use limosa_core::error::Result;
use limosa_core::schema::*;
use std::collections::HashMap;

/// Takes the database's own name off the identifiers of `text` that it qualifies. `names` are the
/// objects of the database; they decide where two parts could also be an alias and its column.
pub(crate) fn without_database(text: &str, database: &str, names: &[String]) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\'' | b'"' => {
                let end = end_of_quoted(bytes, at, true);
                out.push_str(&text[at..end]);
                at = end;
            }
            b'`' => {
                // A chain of quoted identifiers with dots between them.
                let mut parts = Vec::new();
                let from = at;
                loop {
                    let end = end_of_quoted(bytes, at, false);
                    parts.push((at, end));
                    at = end;
                    if bytes.get(at) == Some(&b'.') && bytes.get(at + 1) == Some(&b'`') {
                        at += 1;
                    } else {
                        break;
                    }
                }
                let first = &text[parts[0].0..parts[0].1];
                let strips = first == quote(database)
                    && match parts.as_slice() {
                        [_, _, _, ..] => true,
                        [_, second] => {
                            let second = &text[second.0..second.1];
                            names.is_empty() || names.iter().any(|n| quote(n) == second)
                        }
                        _ => false,
                    };
                let from = if strips { parts[1].0 } else { from };
                out.push_str(&text[from..at]);
            }
            _ => {
                let next = bytes[at..]
                    .iter()
                    .position(|b| matches!(b, b'\'' | b'"' | b'`'))
                    .map_or(bytes.len(), |n| at + n);
                out.push_str(&text[at..next]);
                at = next;
            }
        }
    }
    out
}

fn end_of_quoted(bytes: &[u8], from: usize, escapes: bool) -> usize {
    let quote = bytes[from];
    let mut at = from + 1;
    while at < bytes.len() {
        if bytes[at] == b'\\' && escapes {
            at += 2;
        } else if bytes[at] == quote {
            if bytes.get(at + 1) != Some(&quote) {
                return at + 1;
            }
            at += 2;
        } else {
            at += 1;
        }
    }
    bytes.len()
}

/// Where each table stands in the catalog.
fn places(catalog: &Catalog) -> HashMap<String, usize> {
    let names = catalog.tables.iter().map(|t| t.name.name.clone());
    names.zip(0..).collect()
}

pub(crate) fn triggers(
    connection: &mut Connection,
    context: &Context<'_>,
    catalog: &mut Catalog,
) -> Result<()> {
    let rows = ask(
        connection,
        "SELECT trigger_name, event_object_table, action_timing, event_manipulation, \
         action_statement, sql_mode FROM information_schema.triggers WHERE trigger_schema = DATABASE() \
         ORDER BY event_object_table, action_order, trigger_name",
    )?;
    let places = places(catalog);
    for row in rows.iter().filter(|r| !ours(r.text(0))) {
        let Some(at) = places.get(row.text(1)) else {
            continue;
        };
        catalog.tables[*at].triggers.push(Trigger {
            name: row.text(0).to_owned(),
            text: format!(
                "{}CREATE TRIGGER {} {} {} ON {} FOR EACH ROW {}",
                with_mode(row.text(5)),
                quote(row.text(0)),
                row.text(2),
                row.text(3),
                quote(row.text(1)),
                without_database(row.text(4), context.database, &[])
            ),
        });
    }
    Ok(())
}

pub(crate) fn partitions(connection: &mut Connection, catalog: &mut Catalog) -> Result<()> {
    let rows = ask(
        connection,
        "SELECT table_name, partition_name, partition_method, partition_expression, \
         partition_description, subpartition_method FROM information_schema.partitions \
         WHERE table_schema = DATABASE() AND partition_name IS NOT NULL \
         ORDER BY table_name, partition_ordinal_position, subpartition_ordinal_position",
    )?;
    let places = places(catalog);
    for row in &rows {
        let Some(at) = places.get(row.text(0)) else {
            continue;
        };
        let table = &mut catalog.tables[*at];
        if row.maybe(5).is_some() {
            let note = "subpartitions".to_owned();
            if !table.unrepresented.contains(&note) {
                table.unrepresented.push(note);
            }
        }
        let method = row.text(2);
        let bound = match (row.maybe(4), method.starts_with("LIST")) {
            (Some("MAXVALUE"), false) => "VALUES LESS THAN MAXVALUE".to_owned(),
            (Some(text), false) => format!("VALUES LESS THAN ({text})"),
            (Some("DEFAULT"), true) => "DEFAULT".to_owned(),
            (Some(text), true) => format!("VALUES IN ({text})"),
            (None, _) => String::new(),
        };
        let part = (TableName::bare(row.text(1)), bound);
        match &mut table.partitioning {
            Some(partitioning) if partitioning.parts.contains(&part) => {}
            Some(partitioning) => partitioning.parts.push(part),
            None => {
                table.partitioning = Some(Partitioning {
                    clause: format!("{method} ({})", row.text(3)),
                    parts: vec![part],
                });
            }
        }
    }
    Ok(())
}

pub(crate) fn views(
    connection: &mut Connection,
    context: &Context<'_>,
    catalog: &mut Catalog,
) -> Result<()> {
    let rows = ask(
        connection,
        "SELECT table_name, view_definition FROM information_schema.views \
         WHERE table_schema = DATABASE() ORDER BY table_name",
    )?;
    let mut names: Vec<String> = catalog.tables.iter().map(|t| t.name.name.clone()).collect();
    names.extend(rows.iter().map(|r| r.text(0).to_owned()));
    let mut waiting: Vec<View> = Vec::new();
    for row in rows.iter().filter(|r| !ours(r.text(0))) {
        match row.some(1) {
            Some(text) => waiting.push(View {
                name: TableName::bare(row.text(0)),
                query: without_database(&text, context.database, &names),
                materialized: false,
            }),
            None => catalog.notes.push(format!(
                "The definition of view {} can not be seen: SHOW VIEW is missing.",
                row.text(0)
            )),
        }
    }
    // A view comes after those that it names; a circle, which no server allows, ends the sorting.
    while !waiting.is_empty() {
        let ready: Vec<bool> = waiting
            .iter()
            .map(|v| {
                !waiting
                    .iter()
                    .any(|o| o.name != v.name && v.query.contains(&quote(&o.name.name)))
            })
            .collect();
        let stuck = !ready.contains(&true);
        let mut rest = Vec::new();
        for (at, view) in waiting.into_iter().enumerate() {
            if ready[at] || stuck {
                catalog.views.push(view);
            } else {
                rest.push(view);
            }
        }
        waiting = rest;
    }
    Ok(())
}

/// What begins the statement of code that was made under a mode: a comment, which
/// [`in_its_mode`] takes off again.
fn with_mode(mode: &str) -> String {
    format!("{MODE}{mode} */ ")
}

const MODE: &str = "/* sql_mode: ";

/// Takes the mode of some code off its statement.
pub(crate) fn in_its_mode(text: &str) -> (Option<&str>, &str) {
    text.strip_prefix(MODE)
        .and_then(|rest| rest.split_once(" */ "))
        .map_or((None, text), |(mode, statement)| (Some(mode), statement))
}

/// Takes `DEFINER=…` off a statement, so that the target's own user becomes it.
fn without_definer(text: &str) -> String {
    let bytes = text.as_bytes();
    let Some(at) = text.find("DEFINER=").filter(|at| {
        // Only before what is made; a body may hold the same word.
        !text[..*at].contains(['`', '\'', '"', '('])
    }) else {
        return text.to_owned();
    };
    let mut end = at + "DEFINER=".len();
    loop {
        end = match bytes.get(end) {
            Some(b'`') => end_of_quoted(bytes, end, false),
            Some(b'\'' | b'"') => end_of_quoted(bytes, end, true),
            _ => bytes[end..]
                .iter()
                .position(|b| b.is_ascii_whitespace() || *b == b'@')
                .map_or(bytes.len(), |n| end + n),
        };
        match bytes.get(end) {
            Some(b'@') => end += 1,
            _ => break,
        }
    }
    format!("{}{}", &text[..at], text[end..].trim_start())
}

pub(crate) fn routines(
    connection: &mut Connection,
    context: &Context<'_>,
    catalog: &mut Catalog,
) -> Result<()> {
    let rows = ask(
        connection,
        "SELECT routine_name, LOWER(routine_type) FROM information_schema.routines \
         WHERE routine_schema = DATABASE() \
         UNION ALL SELECT event_name, 'event' FROM information_schema.events \
         WHERE event_schema = DATABASE() ORDER BY 2, 1",
    )?;
    let mut names: Vec<String> = catalog.tables.iter().map(|t| t.name.name.clone()).collect();
    names.extend(catalog.views.iter().map(|v| v.name.name.clone()));
    names.extend(rows.iter().map(|r| r.text(0).to_owned()));
    for row in rows.iter().filter(|r| !ours(r.text(0))) {
        let kind = row.text(1);
        // The only place that has the whole statement; one question for each routine.
        let shown = ask(
            connection,
            &format!("SHOW CREATE {} {}", kind.to_uppercase(), quote(row.text(0))),
        );
        let text = match shown {
            Ok(shown) => shown.first().and_then(|s| {
                // Name, mode, and before the text of an event its time zone.
                let said = s.some(if kind == "event" { 3 } else { 2 })?;
                let said = without_database(&without_definer(&said), context.database, &names);
                Some(format!("{}{said}", with_mode(s.text(1))))
            }),
            // Without the right to see it the routine is still named.
            Err(e) if e.disposition() == Disposition::Definite => None,
            Err(e) => return Err(e),
        };
        catalog.routines.push(Routine {
            name: TableName::bare(row.text(0)),
            kind: kind.to_owned(),
            text,
        });
    }
    Ok(())
}

pub(crate) fn sequences(
    connection: &mut Connection,
    catalog: &mut Catalog,
    names: &[String],
) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let each: Vec<String> = names
        .iter()
        .map(|n| {
            format!(
                "SELECT {}, start_value, increment, minimum_value, maximum_value, cycle_option, \
                 next_not_cached_value FROM {}",
                crate::words::literal(n),
                quote(n)
            )
        })
        .collect();
    for row in ask(connection, &each.join(" UNION ALL "))? {
        catalog.sequences.push(Sequence {
            name: TableName::bare(row.text(0)),
            start: row.number(1).unwrap_or(1),
            increment: row.number(2).unwrap_or(1),
            min: row.number(3).unwrap_or(1),
            max: row.number(4).unwrap_or(i128::from(i64::MAX) - 1),
            cycle: row.text(5) == "1",
            next: row.number(6).unwrap_or(1),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definer_is_taken_off_and_nothing_else() {
        for (text, want) in [
            (
                "CREATE DEFINER=`root`@`%` PROCEDURE `p`() x",
                "CREATE PROCEDURE `p`() x",
            ),
            (
                "CREATE DEFINER=`r` AGGREGATE FUNCTION `f`()",
                "CREATE AGGREGATE FUNCTION `f`()",
            ),
            ("CREATE DEFINER=a@localhost EVENT `e`", "CREATE EVENT `e`"),
            (
                "CREATE PROCEDURE `p`() SELECT 'DEFINER=`a`'",
                "CREATE PROCEDURE `p`() SELECT 'DEFINER=`a`'",
            ),
            (
                "CREATE DEFINER=`a @``b`@`h` FUNCTION `f`",
                "CREATE FUNCTION `f`",
            ),
            ("CREATE DEFINER=", "CREATE "),
        ] {
            assert_eq!(without_definer(text), want);
        }
    }

    #[test]
    fn the_mode_of_code_comes_off_again() {
        let text = format!("{}CREATE TRIGGER x", with_mode("ANSI_QUOTES"));
        assert_eq!(
            in_its_mode(&text),
            (Some("ANSI_QUOTES"), "CREATE TRIGGER x")
        );
        assert_eq!(in_its_mode("CREATE x"), (None, "CREATE x"));
    }

    #[test]
    fn only_the_databases_own_name_is_taken_off() {
        let names = ["t".to_owned(), "v".to_owned()];
        for (text, want) in [
            ("select `d`.`t`.`a` from `d`.`t`", "select `t`.`a` from `t`"),
            (
                "select 'x`d`.`t`' from `d`.`t`",
                "select 'x`d`.`t`' from `t`",
            ),
            (
                "select `d`.`a` from `d`.`t` `d`",
                "select `d`.`a` from `t` `d`",
            ),
            ("`e`.`t`", "`e`.`t`"),
            ("'it''s \\' `d`.`t`'", "'it''s \\' `d`.`t`'"),
        ] {
            assert_eq!(without_database(text, "d", &names), want);
        }
    }
}
