//! The whole engine: what was learned when the address was opened, and the opening of everything else.

use crate::check::MySqlExaminer;
use crate::connect::{self, Target};
use crate::connection::{Connection, Version};
use crate::dialect::MySqlDialect;
use crate::encode;
use crate::inspect;
use crate::ledger::MySqlLedger;
use crate::load::ChunkLoader;
use crate::privileges;
use crate::session::MySqlSession;
use crate::snapshot;
use limosa_core::check::Examiner;
use limosa_core::dialect::Dialect;
use limosa_core::engine::*;
use limosa_core::error::{Error, ErrorKind, Result};
use limosa_core::position::Position;
use limosa_core::schema::Catalog;
use std::cmp::Ordering;
use std::sync::Arc;

/// Settings of the server that matter for a migration.
const SETTINGS: &[&str] = &[
    "local_infile",
    "log_bin",
    "binlog_format",
    "binlog_row_image",
    "gtid_mode",
    "gtid_strict_mode",
    "sql_mode",
    "max_allowed_packet",
    "innodb_lock_wait_timeout",
    "lower_case_table_names",
    "character_set_database",
    "collation_database",
    "read_only",
    "server_id",
    "innodb_buffer_pool_size",
];

/// One MySQL or MariaDB database.
pub(crate) struct MySql {
    target: Arc<Target>,
    capabilities: Capabilities,
    dialect: MySqlDialect,
    security: String,
    version: Version,
    infile: bool,
}

impl MySql {
    pub(crate) fn open(url: &str) -> Result<Self> {
        let target = Arc::new(connect::parse(url)?);
        let mut connection = Connection::open(&target)?;
        let version = connection.version.clone();
        if !version.mariadb(10, 3, 0) && !version.mysql(5, 7, 0) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "connecting",
                format!("version {} is too old", version.text),
            )
            .hint("MySQL 5.7 and MariaDB 10.3 are the oldest that work"));
        }
        let names: Vec<String> = SETTINGS.iter().map(|s| format!("'{s}'")).collect();
        let settings: Vec<(String, String)> = connection
            .rows(
                "reading the server's settings",
                &format!(
                    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ({})",
                    names.join(", ")
                ),
            )?
            .into_iter()
            .filter_map(|row| {
                let mut cells = row.into_iter();
                cells.next().flatten().zip(cells.next().flatten())
            })
            .collect();
        let setting = |name: &str| {
            settings
                .iter()
                .find(|(n, _)| n.eq_ignore_ascii_case(name))
                .map_or("", |(_, v)| v.as_str())
        };
        let on = |name: &str| matches!(setting(name), "ON" | "1");
        let infile = on("local_infile");
        let fold = setting("lower_case_table_names").to_owned();
        let capabilities = Capabilities {
            family: "mysql".into(),
            product: if version.maria { "MariaDB" } else { "MySQL" }.into(),
            version: version.text.clone(),
            namespaces: false,
            default_namespace: None,
            identifier_limit: 64,
            identifier_limit_in_bytes: false,
            table_names_case_sensitive: fold == "0",
            column_names_case_sensitive: false,
            index_names_per_namespace: false,
            primary_key_inline: true,
            constraints_inline: false,
            concurrent_writers: true,
            transactional_ddl: false,
            dynamic_types: false,
            embedded: false,
            change_source: if on("log_bin") { "log" } else { "none" }.into(),
            snapshot_joinable: false,
            column_limit: 1017,
            settings: settings.clone(),
        };
        Ok(Self {
            dialect: MySqlDialect::new(version.clone()),
            security: connection.security.clone(),
            target,
            capabilities,
            version,
            infile,
        })
    }

    fn connect(&self) -> Result<Connection> {
        Connection::open(&self.target)
    }
}

impl Engine for MySql {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn dialect(&self) -> &dyn Dialect {
        &self.dialect
    }

    fn address(&self) -> String {
        self.target.shown()
    }

    fn identity(&self) -> Result<Identity> {
        const DOING: &str = "asking the server who it is";
        let mut connection = self.connect()?;
        let own = if self.version.maria {
            // `server_uid` came with 10.10; what stands beside it tells servers on one host apart.
            let rows = connection.rows(
                DOING,
                "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('server_uid')",
            )?;
            let uid = rows.into_iter().next().and_then(|r| r.into_iter().nth(1)?);
            let place = connection.value(
                DOING,
                "SELECT CONCAT_WS('|', @@hostname, @@port, @@datadir, @@socket)",
            )?;
            let place = place.unwrap_or_default();
            let hash = limosa_core::canonical::hash(place.as_bytes());
            format!(
                "{}{hash:032x}",
                uid.map_or(String::new(), |u| format!("{u}-"))
            )
        } else {
            connection
                .value(DOING, "SELECT @@server_uuid")?
                .unwrap_or_default()
        };
        let database = connection
            .value(DOING, "SELECT DATABASE()")?
            .unwrap_or_else(|| self.target.database.clone());
        Ok(Identity {
            family: "mysql".into(),
            server: own,
            database: if self.capabilities.table_names_case_sensitive {
                database
            } else {
                database.to_lowercase()
            },
            made: true,
        })
    }

    fn security(&self) -> String {
        self.security.clone()
    }

    fn inspect(&self) -> Result<Catalog> {
        inspect::inspect(&mut self.connect()?, &self.target.database)
    }

    fn missing_privileges(&self, role: Role, catalog: &Catalog) -> Result<Vec<MissingPrivilege>> {
        privileges::missing(&mut self.connect()?, &self.target.database, role, catalog)
    }

    fn session(&self) -> Result<Box<dyn Session>> {
        Ok(Box::new(MySqlSession::open(&self.target)?))
    }

    fn examiner(&self) -> Result<Box<dyn Examiner>> {
        Ok(Box::new(MySqlExaminer::open(&self.target)?))
    }

    fn snapshot(&self, lanes: usize) -> Result<Box<dyn Snapshot>> {
        Ok(Box::new(snapshot::take(&self.target, lanes)?))
    }

    fn wire_out(&self, _read: &TableRead) -> Vec<String> {
        Vec::new()
    }

    fn wire_in(&self, _spec: &LoadSpec, _format: &str) -> bool {
        false
    }

    fn encoder(&self, spec: &LoadSpec) -> Result<Box<dyn Encoder>> {
        encode::encoder(spec)
    }

    fn loader(&self) -> Result<Box<dyn Loader>> {
        Ok(Box::new(ChunkLoader::open(
            &self.target,
            self.infile,
            false,
        )?))
    }

    fn late_loader(&self) -> Result<Box<dyn Loader>> {
        Ok(Box::new(ChunkLoader::open(
            &self.target,
            self.infile,
            true,
        )?))
    }

    fn ledger(&self) -> Result<Box<dyn Ledger>> {
        Ok(Box::new(MySqlLedger::open(&self.target)?))
    }

    fn compare(&self, a: &Position, b: &Position) -> Option<Ordering> {
        place(&a.0)?.partial_cmp(&place(&b.0)?)
    }
}

/// A place of the binary log.
#[derive(PartialEq)]
enum Place {
    /// Base name, number of the file, offset.
    File(String, u64, u64),
    /// A GTID set: each source with its intervals, in order.
    Gtid(Vec<(String, Vec<(u64, u64)>)>),
}

fn place(text: &str) -> Option<Place> {
    let mut sets = Vec::new();
    for part in text.split(',').filter(|p| !p.is_empty()) {
        let Some((uuid, intervals)) = part.split_once(':').filter(|(u, _)| u.len() == 36) else {
            let (file, offset) = text.rsplit_once(':')?;
            let (base, number) = file.rsplit_once('.')?;
            return Some(Place::File(
                base.to_owned(),
                number.parse().ok()?,
                offset.parse().ok()?,
            ));
        };
        // A tag (MySQL 8.3) stands where an interval would: it makes a source of its own.
        let mut source = uuid.to_owned();
        let mut all = Vec::new();
        for piece in intervals.split(':') {
            let (from, to) = piece.split_once('-').unwrap_or((piece, piece));
            match (from.parse(), to.parse()) {
                (Ok(from), Ok(to)) => all.push((from, to)),
                _ => {
                    if !all.is_empty() {
                        sets.push((source.clone(), std::mem::take(&mut all)));
                    }
                    source = format!("{uuid}:{piece}");
                }
            }
        }
        sets.push((source, all));
    }
    sets.sort();
    Some(Place::Gtid(sets))
}

fn within(inner: &[(String, Vec<(u64, u64)>)], outer: &[(String, Vec<(u64, u64)>)]) -> bool {
    inner.iter().all(|(source, intervals)| {
        outer.iter().any(|(other, has)| {
            source == other
                && intervals
                    .iter()
                    .all(|(from, to)| has.iter().any(|(f, t)| f <= from && to <= t))
        })
    })
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Place::File(a, n, o), Place::File(b, m, p)) if a == b => Some((n, o).cmp(&(m, p))),
            (Place::Gtid(a), Place::Gtid(b)) => match (within(a, b), within(b, a)) {
                (true, true) => Some(Ordering::Equal),
                (true, false) => Some(Ordering::Less),
                (false, true) => Some(Ordering::Greater),
                (false, false) => None,
            },
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_one_history_are_ordered() {
        let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
        let compare = |a: &str, b: &str| place(a)?.partial_cmp(&place(b)?);
        assert_eq!(
            compare("bin.000009:400", "bin.000010:4"),
            Some(Ordering::Less)
        );
        assert_eq!(compare("a.000001:4", "b.000001:4"), None);
        let (a, b) = (format!("{uuid}:1-5"), format!("{uuid}:1-7"));
        assert_eq!(compare(&a, &b), Some(Ordering::Less));
        assert_eq!(compare(&b, &a), Some(Ordering::Greater));
        assert_eq!(compare(&a, "bin.000001:4"), None);
        assert_eq!(compare("", &a), Some(Ordering::Less));
    }
}
