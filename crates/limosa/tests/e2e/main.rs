//! End to end: a case is a folder, run from each of its sources to each of its targets.
//!
//! | file | holds |
//! |---|---|
//! | `case.toml` | what is expected, see [`case::Case`] |
//! | `source.sql` | the source, in words that all engines understand |
//! | `source.<engine>.sql` | the source, in the words of `sqlite`, `postgres` or `mariadb`; goes before `source.sql` |

mod case;
mod counters;
#[allow(dead_code, reason = "shared with the proof, which uses more of it")]
mod engine;
mod real;
mod rejects;

use engine::Engine::{self, Maria, Postgres, Sqlite};
use std::path::Path;

/// Runs every case that has this pair.
fn pair(source: Engine, target: Engine) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .expect("the cases are there")
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.join("case.toml").is_file())
        .collect();
    names.sort();
    assert!(!names.is_empty());
    let mut failed = Vec::new();
    for path in names {
        let case = case::read(&path);
        if case.has(source, target)
            && let Err(why) = case.run(&path, source, target)
        {
            failed.push(format!(
                "{}, {source:?} to {target:?}: {why}",
                path.display()
            ));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

macro_rules! pairs {
    ($($name:ident: $source:expr => $target:expr;)*) => {
        $(#[test] fn $name() { pair($source, $target); })*
    };
}

pairs! {
    sqlite_to_sqlite: Sqlite => Sqlite;
    sqlite_to_postgres: Sqlite => Postgres;
    sqlite_to_mariadb: Sqlite => Maria;
    postgres_to_sqlite: Postgres => Sqlite;
    postgres_to_postgres: Postgres => Postgres;
    postgres_to_mariadb: Postgres => Maria;
    mariadb_to_sqlite: Maria => Sqlite;
    mariadb_to_postgres: Maria => Postgres;
    mariadb_to_mariadb: Maria => Maria;
}
