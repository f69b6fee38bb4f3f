//! Which rights are missing, with the statements that give them.

use crate::connection::Connection;
use crate::words::{literal, quote};
use limosa_core::engine::{MissingPrivilege, Role};
use limosa_core::error::Result;
use limosa_core::schema::{Catalog, Routine};
use std::collections::{BTreeMap, BTreeSet};

const DOING: &str = "reading the rights";

/// The rights of one account on one database: words in upper case.
#[derive(Debug, Default)]
struct Rights {
    words: BTreeSet<String>,
    all: bool,
    /// Those on one table or view only.
    tables: BTreeMap<String, BTreeSet<String>>,
}

impl Rights {
    fn has(&self, word: &str) -> bool {
        self.all || self.words.contains(word)
    }

    /// Whether the right is there for each of the tables, be it by itself. Without any table it must be there for all.
    fn has_on<'a>(&self, word: &str, mut tables: impl Iterator<Item = &'a str>) -> bool {
        let on = |t: &str| {
            let words = self.tables.get(t);
            words.is_some_and(|w| w.contains(word) || w.contains("ALL PRIVILEGES"))
        };
        self.has(word) || tables.next().is_some_and(on) && tables.all(on)
    }

    /// Reads one line of `SHOW GRANTS`.
    fn read(&mut self, line: &str, database: &str) {
        let Some(rest) = line.strip_prefix("GRANT ") else {
            return;
        };
        let Some((words, rest)) = split_on(rest) else {
            return; // A role, whose own grants are listed beside it.
        };
        let place = rest.split(" TO ").next().unwrap_or_default().trim();
        if let Some(table) = table_of(place, database) {
            let words = words.split(',').map(|w| w.trim().to_ascii_uppercase());
            self.tables.entry(table).or_default().extend(words);
            return;
        }
        if place != "*.*" && !covers(place, database) {
            return;
        }
        // Column lists are rights on some columns only: not enough.
        for word in words.split(',') {
            let word = word.trim().to_ascii_uppercase();
            match word.as_str() {
                "ALL" | "ALL PRIVILEGES" => self.all = true,
                "BINLOG MONITOR" => {
                    self.words.insert("REPLICATION CLIENT".into());
                }
                _ => {
                    self.words.insert(word);
                }
            }
        }
    }
}

/// The table of a place such as `` `shop`.`orders` ``, if it is one of the database.
fn table_of(place: &str, database: &str) -> Option<String> {
    let rest = place.strip_prefix(&quote(database))?.strip_prefix(".`")?;
    Some(rest.strip_suffix('`')?.replace("``", "`"))
}

/// Splits at the first ` ON ` outside of brackets.
fn split_on(text: &str) -> Option<(&str, &str)> {
    let at = text.find(" ON ")?;
    Some((&text[..at], &text[at + 4..]))
}

/// Whether a place such as `` `shop\_%`.* `` covers the database. Patterns count only at the end.
fn covers(place: &str, database: &str) -> bool {
    let Some(pattern) = place.strip_suffix(".*") else {
        return false;
    };
    let pattern = pattern.trim_matches('`').replace("``", "`");
    like(pattern.as_bytes(), database.as_bytes())
}

/// SQL's LIKE, of bytes.
fn like(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'%', rest)) => (0..=text.len()).any(|at| like(rest, &text[at..])),
        Some((b'\\', [c, rest @ ..])) => text.first() == Some(c) && like(rest, &text[1..]),
        Some((b'_', rest)) => !text.is_empty() && like(rest, &text[1..]),
        Some((c, rest)) => text
            .first()
            .is_some_and(|t| t.eq_ignore_ascii_case(c) && like(rest, &text[1..])),
    }
}

/// Reads the rights of the account on the database, those of its roles among them.
fn rights(connection: &mut Connection, database: &str) -> Result<Rights> {
    let mut rights = Rights::default();
    let version = connection.version.clone();
    let mut lines = connection.rows(DOING, "SHOW GRANTS")?;
    if version.mysql(8, 0, 0) {
        let roles = connection.value(DOING, "SELECT CURRENT_ROLE()")?;
        if let Some(roles) = roles.filter(|r| r != "NONE" && !r.is_empty()) {
            let sql = format!("SHOW GRANTS FOR CURRENT_USER() USING {roles}");
            lines.extend(connection.rows(DOING, &sql)?);
        }
    } else if version.maria {
        let role = connection.value(DOING, "SELECT CURRENT_ROLE()")?;
        if let Some(role) = role.filter(|r| r != "NONE" && !r.is_empty()) {
            let sql = format!("SHOW GRANTS FOR {}", quote(&role));
            if let Ok(more) = connection.rows(DOING, &sql) {
                lines.extend(more);
            }
        }
    }
    for line in lines.iter().filter_map(|r| r.first()?.as_deref()) {
        rights.read(line, database);
    }
    Ok(rights)
}

/// What the account can not see of a database, one sentence each: the server leaves such things out in silence.
pub(crate) fn unseen(connection: &mut Connection, database: &str) -> Result<Vec<String>> {
    let rights = rights(connection, database)?;
    let any = |words: &[&str]| words.iter().any(|w| rights.has(w));
    let mut out = Vec::new();
    if !any(&[
        "EXECUTE",
        "ALTER ROUTINE",
        "CREATE ROUTINE",
        "SHOW CREATE ROUTINE",
        "SHOW_ROUTINE",
    ]) {
        out.push(
            "functions and procedures can not be seen, if there are any: EXECUTE is missing".into(),
        );
    }
    if !any(&["EVENT"]) {
        out.push("events can not be seen, if there are any: EVENT is missing".into());
    }
    if !any(&["TRIGGER"]) {
        out.push("triggers can not be seen, if there are any: TRIGGER is missing".into());
    }
    Ok(out)
}

/// Compares what `role` needs with what the account has.
pub(crate) fn missing(
    connection: &mut Connection,
    database: &str,
    role: Role,
    catalog: &Catalog,
) -> Result<Vec<MissingPrivilege>> {
    let rights = rights(connection, database)?;
    let account = connection
        .value(DOING, "SELECT CURRENT_USER()")?
        .unwrap_or_default();
    let account = match account.rsplit_once('@') {
        Some((user, host)) => format!("{}@{}", literal(user), literal(host)),
        None => literal(&account),
    };
    let mut needs: Vec<(&str, &str, bool)> = Vec::new();
    let mut suspended = Vec::new();
    match role {
        Role::Source => {
            // What the account may not touch at all is not in the catalog.
            let tables = catalog.tables.iter().map(|t| t.name.name.as_str());
            let views = catalog.views.iter().map(|v| v.name.name.as_str());
            if !rights.has_on("SELECT", tables) {
                needs.push(("SELECT", "reading the tables", false));
            }
            if !catalog.views.is_empty() && !rights.has_on("SHOW VIEW", views) {
                needs.push(("SHOW VIEW", "reading the definitions of views", false));
            }
            if catalog.tables.iter().any(|t| !t.triggers.is_empty()) {
                needs.push(("TRIGGER", "reading the triggers", false));
            }
        }
        Role::Target => {
            for (word, what) in [
                ("SELECT", "reading the tables back"),
                ("INSERT", "writing rows"),
                ("UPDATE", "keeping the ledger"),
                ("DELETE", "keeping the ledger"),
                ("CREATE", "making tables"),
                ("ALTER", "adding constraints and setting counters"),
                ("INDEX", "making indexes"),
                ("DROP", "emptying tables and taking the ledger away"),
                ("REFERENCES", "adding foreign keys"),
            ] {
                needs.push((word, what, false));
            }
            if !catalog.views.is_empty() {
                needs.push(("CREATE VIEW", "making views", false));
            }
            let routine = |r: &Routine| matches!(r.kind.as_str(), "function" | "procedure");
            if catalog.routines.iter().any(routine) {
                needs.push(("CREATE ROUTINE", "making functions and procedures", false));
            }
            if catalog.routines.iter().any(|r| r.kind == "event") {
                needs.push(("EVENT", "making events", false));
            }
            let triggers = catalog.tables.iter().any(|t| !t.triggers.is_empty());
            if triggers {
                needs.push(("TRIGGER", "making triggers", false));
            }
            let functions = catalog.routines.iter().any(|r| r.kind == "function");
            if (triggers || functions) && untrusted(connection, &rights)? {
                suspended.push(MissingPrivilege {
                    needed_for:
                        "making functions and triggers while the server writes a binary log"
                            .to_owned(),
                    grant: "SET GLOBAL log_bin_trust_function_creators = 1".to_owned(),
                });
            }
        }
    }
    Ok(needs
        .into_iter()
        .filter(|(word, _, _)| !rights.has(word))
        .map(|(word, what, global)| MissingPrivilege {
            needed_for: what.to_owned(),
            grant: if global {
                format!("GRANT {word} ON *.* TO {account}")
            } else {
                format!("GRANT {word} ON {}.* TO {account}", quote(database))
            },
        })
        .chain(suspended)
        .collect())
}

/// Whether the server lets only trusted accounts make functions and triggers, and this is none of them.
fn untrusted(connection: &mut Connection, rights: &Rights) -> Result<bool> {
    if rights.has("SUPER") || connection.version.maria && rights.has("BINLOG ADMIN") {
        return Ok(false);
    }
    let strict = "SELECT @@GLOBAL.log_bin = 1 AND @@GLOBAL.log_bin_trust_function_creators = 0";
    Ok(connection.value(DOING, strict)?.as_deref() == Some("1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_read_as_the_server_shows_them() {
        let mut r = Rights::default();
        r.read(
            "GRANT USAGE ON *.* TO `a`@`%` IDENTIFIED BY PASSWORD 'x'",
            "shop",
        );
        r.read("GRANT SELECT, INSERT ON `sh\\_op`.* TO `a`@`%`", "shop");
        assert!(!r.has("SELECT"));
        r.read("GRANT SELECT, SHOW VIEW ON `sh%`.* TO `a`@`%`", "shop");
        r.read("GRANT `role` TO `a`@`%`", "shop");
        assert!(r.has("SELECT") && r.has("SHOW VIEW") && !r.has("UPDATE"));
        r.read("GRANT ALL PRIVILEGES ON `shop`.* TO `a`@`%`", "shop");
        assert!(r.has("UPDATE"));
        assert!(covers("`a``b`.*", "a`b") && !covers("`a`.`t`", "a"));
    }

    #[test]
    fn rights_on_single_tables_are_enough_where_all_have_them() {
        let mut r = Rights::default();
        r.read(
            "GRANT SELECT, SHOW VIEW ON `sh``op`.`a` TO `x`@`%`",
            "sh`op",
        );
        r.read(
            "GRANT ALL PRIVILEGES ON `sh``op`.`b``.c` TO `x`@`%`",
            "sh`op",
        );
        r.read("GRANT SELECT ON `other`.`c` TO `x`@`%`", "sh`op");
        r.read("GRANT SELECT (id) ON `sh``op`.`d` TO `x`@`%`", "sh`op");
        let on = |tables: &[&str]| r.has_on("SELECT", tables.iter().copied());
        assert!(on(&["a", "b`.c"]));
        assert!(!on(&["a", "c"]) && !on(&["d"]) && !on(&[]) && !r.has("SELECT"));
    }
}
