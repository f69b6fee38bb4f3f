//! The three engines of a case, each asked through its own client.

use limosa_testkit::{execute_mysql, execute_psql, mariadb, postgres, query_mysql, query_psql};
use rusqlite::types::ValueRef;
use std::path::Path;

/// An engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
    Maria,
}

/// A fresh database.
pub(crate) struct Database {
    pub(crate) engine: Engine,
    pub(crate) url: String,
}

impl Engine {
    pub(crate) const ALL: [Engine; 3] = [Engine::Sqlite, Engine::Postgres, Engine::Maria];

    /// Its name in the files of a case.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Engine::Sqlite => "sqlite",
            Engine::Postgres => "postgres",
            Engine::Maria => "mariadb",
        }
    }

    /// A fresh database; a file's name is `name` in `folder`.
    pub(crate) fn database(self, folder: &Path, name: &str) -> Database {
        let url = match self {
            Engine::Sqlite => format!("sqlite:{}", folder.join(name).display()),
            Engine::Postgres => postgres().database(),
            Engine::Maria => mariadb().database(),
        };
        Database { engine: self, url }
    }
}

impl Database {
    pub(crate) fn file(&self) -> &str {
        self.url.trim_start_matches("sqlite:")
    }

    /// Runs SQL.
    pub(crate) fn execute(&self, sql: &str) {
        match self.engine {
            Engine::Sqlite => rusqlite::Connection::open(self.file())
                .and_then(|db| db.execute_batch(sql))
                .expect("the SQL runs"),
            Engine::Postgres => execute_psql(&self.url, sql),
            Engine::Maria => execute_mysql(&self.url, sql),
        }
    }

    /// Takes it away; a file goes with its folder.
    pub(crate) fn remove(self) {
        let name = self.url.rsplit('/').next().unwrap_or_default();
        match self.engine {
            Engine::Sqlite => {}
            Engine::Postgres => execute_psql(
                &postgres().url("postgres"),
                &format!("DROP DATABASE {name} WITH (FORCE)"),
            ),
            Engine::Maria => execute_mysql(&self.url, &format!("DROP DATABASE {name}")),
        }
    }

    /// Asks; names in the SQL stand in double quotes. Rows stand in lines, cells between tabs, NULL as `NULL`.
    pub(crate) fn ask(&self, sql: &str) -> String {
        match self.engine {
            Engine::Sqlite => {
                let db = rusqlite::Connection::open(self.file()).expect("the file opens");
                let mut statement = db.prepare(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
                let columns = statement.column_count();
                let rows = statement
                    .query_map([], |row| {
                        (0..columns)
                            .map(|i| {
                                Ok(match row.get_ref(i)? {
                                    ValueRef::Null => "NULL".to_owned(),
                                    ValueRef::Integer(n) => n.to_string(),
                                    ValueRef::Real(x) => x.to_string(),
                                    ValueRef::Text(t) => String::from_utf8_lossy(t).into_owned(),
                                    ValueRef::Blob(b) => {
                                        b.iter().map(|b| format!("{b:02x}")).collect()
                                    }
                                })
                            })
                            .collect::<Result<Vec<_>, _>>()
                    })
                    .expect("the query runs");
                rows.map(|r| r.expect("a row").join("\t"))
                    .collect::<Vec<_>>()
                    .join("\n")
            }
            Engine::Postgres => query_psql(&self.url, sql),
            Engine::Maria => query_mysql(&self.url, &sql.replace('"', "`")),
        }
    }
}
