//! Limosa's PostgreSQL engine (12 to 18): everything behind [`limosa_core::engine::Engine`].
//!
//! One kind of connection serves control and data: blocking, ours, on the primitives of
//! `postgres-protocol`. Modules from the ground up; each uses only those above it.
//!
//! | module | holds |
//! |---|---|
//! | `names` | quoting: where identifiers and literals become SQL |
//! | `connect` | addresses |
//! | `connection` | the wire: start, TLS, passwords, statements, COPY, errors |
//! | `words`, [`dialect`] | what PostgreSQL can say |
//! | `inspect` | the catalog |
//! | `wire`, `select`, `value` | formats, ranges, binary values |
//! | `read`, `digest`, `snapshot` | rows out |
//! | `encode`, `load`, `ledger` | rows in, exactly once |
//! | `check` | questions of data tests |
//! | `engine` | the contract's face |

mod check;
mod connect;
mod connection;
pub mod dialect;
mod digest;
mod encode;
mod engine;
mod inspect;
mod ledger;
mod load;
mod mend;
mod names;
mod privileges;
mod read;
mod select;
mod snapshot;
mod spare;
mod sums;
mod survey;
mod value;
mod wire;
mod words;

use limosa_core::Result;
use limosa_core::engine::Engine;

/// Opens the database at `url`: a libpq URI (`postgresql://user@host:5432/database?sslmode=verify-full`)
/// or a `key=value` string. What it leaves out is taken from the `PG…` variables of the process.
///
/// # Errors
/// `Configuration` for an address that can not be understood, `Authentication`, `Connection`.
pub fn open(url: &str) -> Result<Box<dyn Engine>> {
    open_with(url, &|name| std::env::var(name).ok())
}

/// The same, with `env` in place of the process's environment.
///
/// # Errors
/// As [`open`].
pub fn open_with(url: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Box<dyn Engine>> {
    Ok(Box::new(engine::Postgres::open(connect::parse(url, env)?)?))
}
