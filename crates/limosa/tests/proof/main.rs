//! What the project claims, proved against the servers themselves.
//!
//! | module | claim |
//! |---|---|
//! | [`there`] | A → B → A gives equal values wherever the plan says exact or widened, and clean data never alarms |
//! | [`planted`] | every kind of corruption is found, and exactly its rows are named; of a share of the rows, in the share that has them |

mod case;
#[path = "../e2e/engine.rs"]
#[allow(
    dead_code,
    reason = "shared with the end-to-end cases, which use more of it"
)]
mod engine;
mod kinds;
mod meaning;
mod mended;
mod oracle;
mod planted;
mod there;

use engine::Engine::{Maria, Postgres, Sqlite};

macro_rules! pairs {
    ($test:path; $($name:ident: $source:expr => $target:expr;)*) => {
        $(#[test] fn $name() { $test($source, $target); })*
    };
}

pairs! { there::random;
    sqlite_to_sqlite_and_back: Sqlite => Sqlite;
    sqlite_to_postgres_and_back: Sqlite => Postgres;
    sqlite_to_mariadb_and_back: Sqlite => Maria;
    postgres_to_sqlite_and_back: Postgres => Sqlite;
    postgres_to_postgres_and_back: Postgres => Postgres;
    postgres_to_mariadb_and_back: Postgres => Maria;
    mariadb_to_sqlite_and_back: Maria => Sqlite;
    mariadb_to_postgres_and_back: Maria => Postgres;
    mariadb_to_mariadb_and_back: Maria => Maria;
}

pairs! { planted::all;
    planted_sqlite_to_sqlite: Sqlite => Sqlite;
    planted_sqlite_to_postgres: Sqlite => Postgres;
    planted_sqlite_to_mariadb: Sqlite => Maria;
    planted_postgres_to_sqlite: Postgres => Sqlite;
    planted_postgres_to_postgres: Postgres => Postgres;
    planted_postgres_to_mariadb: Postgres => Maria;
    planted_mariadb_to_sqlite: Maria => Sqlite;
    planted_mariadb_to_postgres: Maria => Postgres;
    planted_mariadb_to_mariadb: Maria => Maria;
}

pairs! { planted::sampled;
    sampled_sqlite_to_postgres: Sqlite => Postgres;
    sampled_postgres_to_mariadb: Postgres => Maria;
    sampled_mariadb_to_sqlite: Maria => Sqlite;
}

#[test]
fn what_was_mended_stays_so() {
    mended::all();
}
