//! Databases of real size and real habits, where they are at hand.

use crate::case::limosa;
use crate::engine::Engine::{self, Postgres, Sqlite};
use limosa_testkit::{execute_mysql, execute_psql, mariadb};
use std::path::{Path, PathBuf};

/// The folder of the databases, which are not a part of the repository.
#[allow(clippy::print_stdout, reason = "a test says what it skips")]
fn data(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).expect("the file is there")).into_owned()
}

/// Moves a database to all three engines; each must be compared and equal, or the reason is in `but`.
fn moves(source: &str, settings: &str, rows: (&str, &str)) {
    for to in Engine::ALL {
        let here = tempfile::tempdir().expect("a folder can be made");
        let new = to.database(here.path(), "new.db");
        let config = format!(
            "{settings}\n[source]\nurl = '{source}'\n[target]\nurl = '{}'\n",
            new.url
        );
        std::fs::write(here.path().join("limosa.toml"), config).expect("a file can be written");
        let (code, words) = limosa(here.path(), &["run"]);
        assert_eq!(code, 0, "{source} to {to:?}:\n{words}");
        assert_eq!(new.ask(rows.0), rows.1, "{source} to {to:?}");
    }
}

#[test]
fn chinook_from_sqlite() {
    let Some(file) = data("chinook/chinook.sqlite") else {
        return;
    };
    let here = tempfile::tempdir().expect("a folder can be made");
    let copy = here.path().join("chinook.db");
    std::fs::copy(&file, &copy).expect("a file can be copied");
    moves(
        &format!("sqlite:{}", copy.display()),
        "",
        ("SELECT count(*) FROM \"Track\"", "3503"),
    );
}

#[test]
fn chinook_from_postgres() {
    let Some(file) = data("chinook/chinook-postgres.sql") else {
        return;
    };
    let here = tempfile::tempdir().expect("a folder can be made");
    let old = Postgres.database(here.path(), "");
    // The script makes a database of its own; ours is fresh.
    let sql: String = text(&file)
        .lines()
        .filter(|l| {
            !l.starts_with("DROP DATABASE")
                && !l.starts_with("CREATE DATABASE")
                && !l.starts_with("\\c")
        })
        .map(|l| format!("{l}\n"))
        .collect();
    execute_psql(&old.url, &sql);
    moves(&old.url, "", ("SELECT count(*) FROM \"track\"", "3503"));
}

#[test]
fn chinook_from_mariadb() {
    let Some(file) = data("chinook/chinook-mysql.sql") else {
        return;
    };
    let server = mariadb();
    let old = server.database();
    let sql: String = text(&file)
        .lines()
        .filter(|l| {
            !l.starts_with("DROP DATABASE")
                && !l.starts_with("CREATE DATABASE")
                && !l.starts_with("USE ")
        })
        .map(|l| format!("{l}\n"))
        .collect();
    execute_mysql(&old, &sql);
    moves(&old, "", ("SELECT count(*) FROM \"Track\"", "3503"));
}

#[test]
fn sakila_from_mariadb() {
    let (Some(schema), Some(rows)) = (
        data("sakila/sakila-mysql-schema.sql"),
        data("sakila/sakila-mysql-data.sql"),
    ) else {
        return;
    };
    let old = mariadb().database();
    let name = old
        .rsplit('/')
        .next()
        .expect("a URL has a database")
        .to_owned();
    for file in [schema, rows] {
        // The scripts make and use the database `sakila`.
        let sql: String = text(&file)
            .lines()
            .filter(|l| {
                !l.starts_with("DROP SCHEMA")
                    && !l.starts_with("CREATE SCHEMA")
                    && !l.starts_with("USE ")
            })
            .map(|l| format!("{}\n", l.replace("sakila.", &format!("{name}."))))
            .collect();
        execute_mysql(&old, &sql);
    }
    moves(&old, "", ("SELECT count(*) FROM \"rental\"", "16044"));
}

#[test]
fn pagila_from_postgres() {
    let Some(file) = data("pagila/pagila-postgres.sql") else {
        return;
    };
    let here = tempfile::tempdir().expect("a folder can be made");
    let old = Postgres.database(here.path(), "");
    execute_psql(&old.url, &text(&file));
    moves(&old.url, "", ("SELECT count(*) FROM \"rental\"", "16044"));
}

#[test]
fn northwind_from_sqlite() {
    let Some(file) = data("northwind/northwind-sqlite.sql") else {
        return;
    };
    let here = tempfile::tempdir().expect("a folder can be made");
    let old = Sqlite.database(here.path(), "northwind.db");
    old.execute(&text(&file));
    moves(
        &old.url,
        "[types]\nmismatch = \"widen\"",
        ("SELECT count(*) FROM \"Order Details\"", "2155"),
    );
}
