//! Limosa's SQLite engine: one file, everything behind [`Engine`].
//!
//! SQLite has no server, no users, no log of changes and one writer at a time. What follows from that
//! is said in [`Capabilities`], so that nothing outside of this crate needs to know which engine it is.
//!
//! | room | holds |
//! |---|---|
//! | `words`, `ddl`, `types`, `dialect` | names, texts, types, statements; pure |
//! | `connect` | addresses, connections, errors |
//! | `inspect` | the catalog |
//! | `rows`, `decode`, `digest`, `read`, `snapshot` | the reading side |
//! | `block`, `encode`, `ledger`, `load` | the writing side |
//! | `session` | single statements |
//! | `check` | questions of data tests |

mod block;
mod check;
mod connect;
mod ddl;
mod decode;
mod dialect;
mod digest;
mod encode;
mod inspect;
mod ledger;
mod load;
mod mend;
mod read;
mod rows;
mod session;
mod snapshot;
mod types;
mod words;

use connect::File;
use dialect::SqliteDialect;
use limosa_core::check::Examiner;
use limosa_core::dialect::Dialect;
use limosa_core::engine::{
    Capabilities, Encoder, Engine, Identity, Ledger, LoadSpec, Loader, MissingPrivilege, Role,
    Session, Snapshot, TableRead,
};
use limosa_core::position::Position;
use limosa_core::schema::Catalog;
use limosa_core::{ErrorKind, Result};
use rusqlite::Connection;
use std::cmp::Ordering;

/// The family of engines to which SQLite belongs.
pub(crate) const FAMILY: &str = "sqlite";

/// Opens the database at an address: `sqlite:///abs/shop.db`, `sqlite://rel/shop.db`, `sqlite:shop.db`,
/// `file:shop.db?mode=ro`, or a plain path.
///
/// Parameters: `mode` = `ro` (never written), `rw` (must be there), `rwc`; `busy_timeout` in
/// milliseconds. Without a mode, a file that is not there is made by the first thing that is written; reading it
/// (a snapshot, a count, its rights as a source) is an error, and its catalog is empty with a note.
///
/// # Errors
/// `Configuration` (definite) for an address that can not be understood; `Missing` (definite) for a file that must be
/// there; `Server` (definite) for a file that is no database.
pub fn open(url: &str) -> Result<Box<dyn Engine>> {
    let file = File::parse(url)?;
    let settings = match file.there() {
        true => settings(&file.read()?).map_err(|e| file.error(e, "opening"))?,
        false => Vec::new(),
    };
    let capabilities = Capabilities {
        family: FAMILY.into(),
        product: "SQLite".into(),
        version: rusqlite::version().into(),
        namespaces: false,
        default_namespace: None,
        // SQLite has none; this is far above everybody else's.
        identifier_limit: 1_000_000,
        identifier_limit_in_bytes: true,
        table_names_case_sensitive: false,
        column_names_case_sensitive: false,
        index_names_per_namespace: true,
        primary_key_inline: true,
        constraints_inline: true,
        concurrent_writers: false,
        transactional_ddl: true,
        dynamic_types: true,
        embedded: true,
        change_source: "triggers".into(),
        snapshot_joinable: false,
        column_limit: 2_000,
        settings,
    };
    Ok(Box::new(SqliteEngine { file, capabilities }))
}

fn settings(c: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    ["journal_mode", "page_size", "encoding"]
        .into_iter()
        .map(|name| {
            let value =
                c.pragma_query_value(None, name, |r| r.get::<_, rusqlite::types::Value>(0))?;
            let value = match value {
                rusqlite::types::Value::Integer(i) => i.to_string(),
                rusqlite::types::Value::Text(t) => t,
                _ => String::new(),
            };
            Ok((name.to_owned(), value))
        })
        .collect()
}

struct SqliteEngine {
    file: File,
    capabilities: Capabilities,
}

impl Engine for SqliteEngine {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn dialect(&self) -> &dyn Dialect {
        &SqliteDialect
    }

    fn address(&self) -> String {
        format!("sqlite://{}", self.file.absolute().display())
    }

    fn identity(&self) -> Result<Identity> {
        let path = self.file.absolute();
        let file = std::fs::metadata(&path).ok();
        let made = file.is_some();
        let server = file
            .and_then(|meta| numbers(&meta))
            .unwrap_or_else(|| path.display().to_string());
        Ok(Identity {
            family: FAMILY.into(),
            server,
            database: "main".into(),
            made,
        })
    }

    fn security(&self) -> String {
        "none (local file)".into()
    }

    fn inspect(&self) -> Result<Catalog> {
        if !self.file.there() {
            return Ok(Catalog {
                notes: vec!["the file is not there yet".into()],
                ..Catalog::default()
            });
        }
        let c = self.file.read()?;
        inspect::inspect(&c).map_err(|e| self.file.error(e, "reading the catalog"))
    }

    fn missing_privileges(&self, role: Role, _: &Catalog) -> Result<Vec<MissingPrivilege>> {
        let path = self.file.path.display();
        match role {
            Role::Source => self.file.read().map(|_| Vec::new()),
            Role::Target if !self.file.there() => {
                let parent = self.file.absolute();
                let parent = parent.parent().unwrap_or(std::path::Path::new("."));
                match std::fs::metadata(parent) {
                    Ok(meta) if !meta.permissions().readonly() => Ok(Vec::new()),
                    Ok(_) => Ok(vec![MissingPrivilege {
                        needed_for: format!("making the file {path}"),
                        grant: format!("chmod u+w {}", parent.display()),
                    }]),
                    Err(_) => Ok(vec![MissingPrivilege {
                        needed_for: format!("making the file {path}"),
                        grant: format!("mkdir -p {}", parent.display()),
                    }]),
                }
            }
            Role::Target => {
                let missing = |grant: String| {
                    Ok(vec![MissingPrivilege {
                        needed_for: format!("writing to {path}"),
                        grant,
                    }])
                };
                let c = match self.file.write() {
                    Ok(c) => c,
                    Err(e) if e.kind() == ErrorKind::Privilege => {
                        return missing(e.remedy().unwrap_or("chmod u+w the file").to_owned());
                    }
                    Err(e) => return Err(e),
                };
                let tried = c.execute_batch("BEGIN IMMEDIATE; ROLLBACK");
                match tried.map_err(|e| self.file.error(e, "trying to write")) {
                    Err(e) if e.kind() == ErrorKind::Privilege => {
                        missing(format!("chmod u+w {path}"))
                    }
                    Err(e) if e.kind() != ErrorKind::Contention => Err(e),
                    _ => Ok(Vec::new()),
                }
            }
        }
    }

    fn session(&self) -> Result<Box<dyn Session>> {
        Ok(Box::new(session::SqliteSession::new(&self.file)))
    }

    fn examiner(&self) -> Result<Box<dyn Examiner>> {
        Ok(Box::new(check::SqliteExaminer::open(&self.file)?))
    }

    fn snapshot(&self, lanes: usize) -> Result<Box<dyn Snapshot>> {
        Ok(Box::new(snapshot::SqliteSnapshot::take(&self.file, lanes)?))
    }

    fn wire_out(&self, read: &TableRead) -> Vec<String> {
        let _ = read;
        vec![block::WIRE.into()]
    }

    fn wire_in(&self, spec: &LoadSpec, format: &str) -> bool {
        let _ = spec;
        format == block::WIRE
    }

    fn encoder(&self, spec: &LoadSpec) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(encode::SqliteEncoder::new(spec)))
    }

    fn loader(&self) -> Result<Box<dyn Loader>> {
        Ok(Box::new(load::SqliteLoader::open(&self.file, false)?))
    }

    fn late_loader(&self) -> Result<Box<dyn Loader>> {
        Ok(Box::new(load::SqliteLoader::open(&self.file, true)?))
    }

    fn ledger(&self) -> Result<Box<dyn Ledger>> {
        Ok(Box::new(ledger::SqliteLedger::open(&self.file)?))
    }

    fn compare(&self, _: &Position, _: &Position) -> Option<Ordering> {
        // There is no log.
        None
    }
}

#[cfg(unix)]
fn numbers(meta: &std::fs::Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    Some(format!("{}:{}", meta.dev(), meta.ino()))
}

#[cfg(not(unix))]
fn numbers(_: &std::fs::Metadata) -> Option<String> {
    None
}
