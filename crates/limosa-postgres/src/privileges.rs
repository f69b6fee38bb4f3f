//! Which rights are missing, with the statements that give them.

use crate::connection::Connection;
use crate::names::{ident, literal, table};
use limosa_core::Result;
use limosa_core::engine::{MissingPrivilege, Role};
use limosa_core::schema::{Catalog, Routine, TableName};
use std::collections::BTreeSet;

/// Compares what `role` needs with what the user has.
pub(crate) fn missing(
    c: &mut Connection,
    role: Role,
    catalog: &Catalog,
) -> Result<Vec<MissingPrivilege>> {
    let me = c.query("SELECT current_user, current_database()")?;
    let cell = |i: usize| {
        me.rows
            .first()
            .and_then(|r| r.get(i))
            .cloned()
            .flatten()
            .unwrap_or_default()
    };
    let (user, database) = (cell(0), cell(1));
    let mut missing = Vec::new();
    let schemas: BTreeSet<&str> = catalog
        .tables
        .iter()
        .map(|t| t.name.schema.as_deref().unwrap_or("public"))
        .collect();
    match role {
        Role::Source => {
            let asked = c.query(
                "SELECT 'schema', n.nspname, '' FROM pg_namespace n WHERE NOT has_schema_privilege(n.oid, 'USAGE') \
                 UNION ALL SELECT 'table', n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                   WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT has_table_privilege(c.oid, 'SELECT') \
                 UNION ALL SELECT 'policy', n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                   WHERE c.relrowsecurity AND row_security_active(c.oid) ORDER BY 1, 2, 3",
            )?;
            for row in &asked.rows {
                let text = |i: usize| row.get(i).and_then(Option::as_deref).unwrap_or_default();
                let name = TableName::within(text(1), text(2));
                match text(0) {
                    "schema" if schemas.contains(text(1)) => missing.push(MissingPrivilege {
                        needed_for: format!("reading the tables of schema {}", text(1)),
                        grant: format!(
                            "GRANT USAGE ON SCHEMA {} TO {};",
                            ident(text(1)),
                            ident(&user)
                        ),
                    }),
                    "table" if catalog.table(&name).is_some() => missing.push(MissingPrivilege {
                        needed_for: format!("reading table {name}"),
                        grant: format!("GRANT SELECT ON {} TO {};", table(&name), ident(&user)),
                    }),
                    "policy" if catalog.table(&name).is_some() => missing.push(MissingPrivilege {
                        needed_for: format!(
                            "reading all rows of table {name}, whose policies hide some"
                        ),
                        grant: format!("ALTER ROLE {} BYPASSRLS;", ident(&user)),
                    }),
                    _ => {}
                }
            }
        }
        Role::Target => {
            let database_right =
                c.query("SELECT has_database_privilege(current_database(), 'CREATE')")?;
            let known = c.query(
                "SELECT nspname, has_schema_privilege(oid, 'CREATE, USAGE') FROM pg_namespace",
            )?;
            let there = |schema: &str| {
                known
                    .rows
                    .iter()
                    .find(|r| r.first().and_then(Option::as_deref) == Some(schema))
                    .map(|r| r.get(1).and_then(Option::as_deref) == Some("t"))
            };
            // The ledger's own schema counts as one that is needed.
            let absent = schemas
                .iter()
                .copied()
                .chain(["limosa"])
                .any(|s| there(s).is_none());
            if absent && database_right.one() != Some("t") {
                missing.push(MissingPrivilege {
                    needed_for: "making schemas, and the ledger's among them".into(),
                    grant: format!(
                        "GRANT CREATE ON DATABASE {} TO {};",
                        ident(&database),
                        ident(&user)
                    ),
                });
            }
            for schema in schemas {
                if there(schema) == Some(false) {
                    missing.push(MissingPrivilege {
                        needed_for: format!("making tables in schema {schema}"),
                        grant: format!(
                            "GRANT USAGE, CREATE ON SCHEMA {} TO {};",
                            ident(schema),
                            ident(&user)
                        ),
                    });
                }
            }
            let wanted: BTreeSet<String> = catalog.routines.iter().flat_map(roles).collect();
            if !wanted.is_empty() {
                let known = c.query("SELECT rolname FROM pg_catalog.pg_roles")?;
                let known: BTreeSet<&str> = (known.rows.iter())
                    .filter_map(|r| r.first()?.as_deref())
                    .collect();
                for role in wanted.iter().filter(|r| !known.contains(r.as_str())) {
                    missing.push(MissingPrivilege {
                        needed_for: format!("making policies that name the role {role}"),
                        grant: format!("CREATE ROLE {};", ident(role)),
                    });
                }
            }
            let read_only = c.query("SELECT pg_is_in_recovery()")?;
            if read_only.one() == Some("t") {
                missing.push(MissingPrivilege {
                    needed_for: "writing: the server is a standby".into(),
                    grant: format!("-- connect to the primary of {}", literal(&database)),
                });
            }
        }
    }
    Ok(missing)
}

/// The roles that a policy names, as the inspector's words for it have them: behind `FOR … TO`, up to the condition.
fn roles(routine: &Routine) -> Vec<String> {
    let text = routine.text.as_deref().unwrap_or_default();
    let named = ["SELECT", "INSERT", "UPDATE", "DELETE", "ALL"]
        .iter()
        .filter_map(|what| {
            let word = format!(" FOR {what} TO ");
            text.find(&word).map(|at| (at, &text[at + word.len()..]))
        })
        .min_by_key(|(at, _)| *at);
    let Some((_, mut rest)) = named.filter(|_| routine.kind == "policy of a table") else {
        return Vec::new();
    };
    let mut out = Vec::new();
    loop {
        let name;
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut said = String::new();
            let mut letters = quoted.char_indices().peekable();
            let mut end = quoted.len();
            while let Some((at, c)) = letters.next() {
                if c != '"' {
                    said.push(c);
                } else if letters.next_if(|(_, next)| *next == '"').is_some() {
                    said.push('"');
                } else {
                    end = at + 1;
                    break;
                }
            }
            (name, rest) = (said, &quoted[end..]);
        } else {
            let end = rest.find([',', ' ']).unwrap_or(rest.len());
            name = rest[..end].to_owned();
            rest = &rest[end..];
        }
        // PUBLIC is everybody; a role of that name would be in quotes and in small letters.
        if name != "PUBLIC" {
            out.push(name);
        }
        match rest.strip_prefix(", ") {
            Some(more) => rest = more,
            None => return out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_roles_of_a_policy_are_read_off_its_words() {
        let of = |text: &str| {
            roles(&Routine {
                name: TableName::within("public", "t.p"),
                kind: "policy of a table".into(),
                text: Some(text.into()),
            })
        };
        assert_eq!(
            of(
                "CREATE POLICY p ON public.t FOR ALL TO a, \"B \"\"c, d\", PUBLIC USING ((x = ' TO y'::text))"
            ),
            ["a", "B \"c, d"]
        );
        assert_eq!(
            of("CREATE POLICY p ON t AS RESTRICTIVE FOR SELECT TO audit"),
            ["audit"]
        );
        assert!(of("CREATE POLICY p ON t FOR ALL TO PUBLIC WITH CHECK (true)").is_empty());
    }
}
