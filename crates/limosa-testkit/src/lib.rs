//! The test kit: real servers, hostile inputs, faults, and the suite that every engine must pass.
//!
//! Engines are never mocked. [`postgres`] and [`mariadb`] give servers that are started from the
//! installed binaries on free loopback ports with folders of their own, once per test run, and end
//! with it; each test takes a fresh database.
//!
//! | variable | meaning |
//! |---|---|
//! | `LIMOSA_TEST_POSTGRES_BIN` | folder with `initdb` and `postgres` of another version |
//! | `LIMOSA_TEST_MYSQL` | another `mariadbd` or `mysqld`: the program, or a folder that holds it |
//! | `LIMOSA_TEST_MYSQL_ARGS` | more arguments for that program, split at blanks |
//! | `LIMOSA_TEST_DIR` | where the folders of the servers are made; `/tmp` or `$TMPDIR` by default |
//! | `LIMOSA_TEST_OWNER` | the process whose end is the end of the run; the test runner by default |

mod certificates;
mod clients;
pub mod conformance;
pub mod damage;
pub mod hostile;
pub mod kill;
mod mariadb;
mod postgres;
pub mod proxy;
mod run;

pub use certificates::Certificates;
pub use clients::{execute_mysql, execute_psql, query_mysql, query_psql};
pub use mariadb::{MariaServer, mariadb};
pub use postgres::{PostgresServer, postgres};
pub use run::folder;
