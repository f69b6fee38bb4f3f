//! Limosa's engine for MySQL and MariaDB.
//!
//! One kind of connection for everything: blocking, on a plain thread, with TLS by rustls. Reading is
//! the text protocol parsed straight from the receive buffer; writing is `LOAD DATA LOCAL` (or
//! multi-row INSERT where the server does not allow it); verifying is the binary protocol, which
//! shares no conversion with the reader.
//!
//! | module | holds |
//! |---|---|
//! | `connect` | addresses, option files |
//! | `wire`, `connection` | packets; encryption, passwords, statements, server errors as ours |
//! | `native` | the spelling of types |
//! | `words` | expressions |
//! | `place`, `render`, `dialect` | what this engine can say |
//! | `inspect`, `objects` | the catalog |
//! | `mariadb` | what differs there |
//! | `bounds` | key ranges as conditions |
//! | `snapshot`, `read` | a consistent view and its rows |
//! | `encode`, `load`, `ledger` | writing, once |
//! | `digest` | canonical rows |
//! | `check` | questions of data tests |
//! | `session`, `privileges`, `engine` | statements, rights, and the whole |

mod bounds;
mod check;
mod connect;
mod connection;
mod dialect;
mod digest;
mod encode;
mod engine;
mod fit;
mod inspect;
mod ledger;
mod load;
mod mariadb;
mod mend;
mod native;
mod objects;
mod place;
mod privileges;
mod read;
mod render;
mod session;
mod snapshot;
mod sums;
mod survey;
mod wire;
mod words;

use limosa_core::Result;
use limosa_core::engine::Engine;

/// Opens the database at `url` (`mysql://` or `mariadb://`), and learns what its server can do.
///
/// # Errors
/// `Configuration` for an address that can not be understood; `Connection` (transient);
/// `Authentication`; `Unsupported` for servers before MySQL 5.7 and MariaDB 10.3.
pub fn open(url: &str) -> Result<Box<dyn Engine>> {
    Ok(Box::new(engine::MySql::open(url)?))
}
