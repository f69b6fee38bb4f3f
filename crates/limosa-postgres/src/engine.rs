//! The face of the engine: [`Engine`] and [`Session`].

use crate::check::PostgresExaminer;
use crate::connect::Settings;
use crate::connection::Connection;
use crate::dialect::PostgresDialect;
use crate::encode::PostgresEncoder;
use crate::ledger::PostgresLedger;
use crate::load::PostgresLoader;
use crate::mend;
use crate::names::{ident, table};
use crate::snapshot::{self, PostgresSnapshot};
use crate::spare::{Borrowed, Spare};
use crate::{inspect, privileges, wire};
use limosa_core::check::Examiner;
use limosa_core::dialect::Dialect;
use limosa_core::engine::{
    Capabilities, Encoder, Engine, Identity, Ledger, LoadSpec, Loader, MissingPrivilege, Role,
    Session, Snapshot, TableRead,
};
use limosa_core::mend::Statement;
use limosa_core::operation::ObjectRef;
use limosa_core::position::Position;
use limosa_core::schema::{Catalog, ForeignKey, TableName, Type};
use limosa_core::{Error, ErrorKind, Result};
use std::cmp::Ordering;
use std::sync::Arc;

/// One PostgreSQL database.
pub(crate) struct Postgres {
    settings: Arc<Settings>,
    capabilities: Capabilities,
    dialect: PostgresDialect,
    security: String,
    /// For the next session.
    statements: Arc<Spare>,
}

/// Settings of the server that matter for a migration.
const SETTINGS: &str = "SELECT name, setting FROM pg_settings WHERE name IN \
('wal_level', 'max_connections', 'max_wal_senders', 'max_replication_slots', 'server_encoding', \
'synchronous_commit', 'max_slot_wal_keep_size', 'default_transaction_read_only') ORDER BY name";

impl Postgres {
    pub(crate) fn open(settings: Settings) -> Result<Self> {
        let settings = Arc::new(settings);
        let mut c = Connection::open(&settings)?;
        let version = c.version()?;
        if version < 120_000 {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "connecting",
                format!(
                    "the server is of version {}; 12 is the oldest supported",
                    version / 10_000
                ),
            )
            .on(settings.shown()));
        }
        let shown = c
            .parameter("server_version")
            .unwrap_or("unknown")
            .to_string();
        let known = c
            .query(SETTINGS)?
            .rows
            .into_iter()
            .filter_map(|row| {
                let mut row = row.into_iter();
                Some((row.next()??, row.next()??))
            })
            .collect();
        Ok(Self {
            capabilities: Capabilities {
                family: "postgresql".into(),
                product: "PostgreSQL".into(),
                version: shown,
                namespaces: true,
                default_namespace: Some("public".into()),
                identifier_limit: 63,
                identifier_limit_in_bytes: true,
                table_names_case_sensitive: true,
                column_names_case_sensitive: true,
                index_names_per_namespace: true,
                primary_key_inline: false,
                constraints_inline: false,
                concurrent_writers: true,
                transactional_ddl: true,
                dynamic_types: false,
                embedded: false,
                change_source: "log".into(),
                snapshot_joinable: true,
                column_limit: 1600,
                settings: known,
            },
            dialect: PostgresDialect { version },
            security: c.security(),
            settings,
            statements: Arc::default(),
        })
    }

    fn connect(&self, doing: &'static str) -> Result<Connection> {
        let mut c = Connection::open(&self.settings)?;
        c.doing = doing;
        Ok(c)
    }
}

impl Engine for Postgres {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn dialect(&self) -> &dyn Dialect {
        &self.dialect
    }

    fn address(&self) -> String {
        self.settings.shown()
    }

    fn identity(&self) -> Result<Identity> {
        let mut c = self.connect("identifying the database")?;
        let control = c.query("SELECT system_identifier FROM pg_control_system()");
        let server = match control {
            Ok(answer) => answer.one().unwrap_or_default().to_string(),
            // Some hosted servers do not let it be asked. Address and start tell servers apart while they run.
            Err(e) if matches!(e.kind(), ErrorKind::Privilege | ErrorKind::Missing) => c
                .query(
                    "SELECT coalesce(host(inet_server_addr()), 'local') || ':' || current_setting('port') || '@' || pg_postmaster_start_time()::text",
                )?
                .one()
                .unwrap_or_default()
                .to_string(),
            Err(e) => return Err(e),
        };
        let database = c.query("SELECT oid FROM pg_database WHERE datname = current_database()")?;
        Ok(Identity {
            family: "postgresql".into(),
            server,
            database: database.one().unwrap_or_default().to_string(),
            made: true,
        })
    }

    fn security(&self) -> String {
        self.security.clone()
    }

    fn inspect(&self) -> Result<Catalog> {
        inspect::inspect(&mut self.connect("reading the catalog")?)
    }

    fn missing_privileges(&self, role: Role, catalog: &Catalog) -> Result<Vec<MissingPrivilege>> {
        privileges::missing(&mut self.connect("looking at privileges")?, role, catalog)
    }

    fn session(&self) -> Result<Box<dyn Session>> {
        let mut c = Borrowed::take(&self.statements, || {
            let mut c = Connection::open(&self.settings)?;
            // What a person writes means the names that the role's own path means, and a function may be
            // made before the tables that its body names.
            c.query("RESET search_path; SET check_function_bodies = off")?;
            Ok(c)
        })?;
        c.doing = "running a statement";
        Ok(Box::new(PostgresSession(c)))
    }

    fn examiner(&self) -> Result<Box<dyn Examiner>> {
        Ok(Box::new(PostgresExaminer::open(&self.settings)?))
    }

    fn snapshot(&self, _lanes: usize) -> Result<Box<dyn Snapshot>> {
        Ok(Box::new(PostgresSnapshot::take(
            &self.settings,
            self.dialect.version,
        )?))
    }

    fn wire_out(&self, read: &TableRead) -> Vec<String> {
        let mut formats = Vec::new();
        if read.columns.iter().all(|c| wire::binary(&c.ty, &c.native)) {
            formats.push(wire::BINARY.to_string());
        }
        formats.push(wire::TEXT.to_string());
        formats
    }

    fn wire_in(&self, spec: &LoadSpec, format: &str) -> bool {
        let same_money = spec
            .columns
            .iter()
            .all(|c| match (c.source.base(), c.target.base()) {
                (Type::Money { digits: a }, Type::Money { digits: b }) => a == b,
                (Type::Money { .. }, _) => false,
                _ => true,
            });
        match format {
            wire::BINARY => {
                same_money
                    && spec
                        .columns
                        .iter()
                        .all(|c| wire::binary(&c.target, &c.native))
            }
            // The text of money depends on the locale of its server.
            wire::TEXT => !spec
                .columns
                .iter()
                .any(|c| matches!(c.source.base(), Type::Money { .. })),
            _ => false,
        }
    }

    fn encoder(&self, spec: &LoadSpec) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(PostgresEncoder::new(spec, self.dialect.version)))
    }

    fn loader(&self) -> Result<Box<dyn Loader>> {
        Ok(Box::new(PostgresLoader::open(&self.settings, false)?))
    }

    fn late_loader(&self) -> Result<Box<dyn Loader>> {
        Ok(Box::new(PostgresLoader::open(&self.settings, true)?))
    }

    fn ledger(&self) -> Result<Box<dyn Ledger>> {
        Ok(Box::new(PostgresLedger::open(&self.settings)?))
    }

    fn compare(&self, a: &Position, b: &Position) -> Option<Ordering> {
        snapshot::compare(a, b)
    }
}

/// See [`Session`].
struct PostgresSession(Borrowed);

/// Tables that one statement asks about at most: as long as it runs, it holds a lock on each.
const AT_ONCE: usize = 16;

impl PostgresSession {
    /// Runs statements of one row each; says how many rows each touched.
    fn each(&mut self, statements: &[&Statement]) -> Result<Vec<u64>> {
        let mut counts = Vec::with_capacity(statements.len());
        for statement in statements {
            let sql = statement.text(|at, _| format!("${}", at + 1));
            let values: Vec<String> = statement.values().iter().map(mend::bound).collect();
            let values: Vec<Option<&str>> = values.iter().map(|v| Some(v.as_str())).collect();
            counts.push(self.0.query_with(&sql, &values)?.count());
            if let Some(n) = counts.last().filter(|n| **n > 1) {
                return Err(Error::new(
                    ErrorKind::Constraint,
                    "changing a row",
                    format!("the statement would touch {n} rows"),
                ));
            }
        }
        Ok(counts)
    }

    /// The one row of a question of several parts; `None` if it was not answered.
    fn cells(&mut self, asked: Vec<String>) -> Option<Vec<Option<String>>> {
        let (parts, sql) = (asked.len(), format!("SELECT {}", asked.join(", ")));
        let row = self.0.query(&sql).ok()?.rows.into_iter().next()?;
        (row.len() == parts).then_some(row)
    }
}

impl Session for PostgresSession {
    fn execute(&mut self, sql: &str) -> Result<()> {
        self.0.query(sql).map(drop)
    }

    fn query(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>> {
        Ok(self.0.query(sql)?.rows)
    }

    fn mend(&mut self, statements: &[&Statement]) -> Result<Vec<u64>> {
        self.0.query("BEGIN")?;
        let done = self.each(statements);
        let end = self
            .0
            .query(if done.is_ok() { "COMMIT" } else { "ROLLBACK" });
        let counts = done?;
        match end {
            // A transaction that can not be committed is rolled back, and says so.
            Ok(answer) if answer.tag != "COMMIT" => Err(Error::new(
                ErrorKind::Constraint,
                "changing rows",
                "the server rolled the transaction back",
            )),
            Ok(_) => Ok(counts),
            Err(e) if e.kind() == ErrorKind::Connection => Err(Error::new(
                ErrorKind::CommitUnknown,
                "changing rows",
                e.why().to_owned(),
            )),
            Err(e) => Err(e),
        }
    }

    fn exists(&mut self, object: &ObjectRef) -> Result<bool> {
        let question = snapshot::exists(object);
        if matches!(object, ObjectRef::Routine { .. }) {
            // The types in a function's name are said as the inspector says them.
            self.0.query("SET search_path = pg_catalog")?;
            let answer = self.0.query(&question);
            self.0.query("RESET search_path")?;
            return Ok(answer?.one() == Some("t"));
        }
        Ok(self.0.query(&question)?.one() == Some("t"))
    }

    fn count(&mut self, name: &TableName, enough: Option<u64>) -> Result<u64> {
        let sql = match enough {
            Some(n) => format!(
                "SELECT count(*) FROM (SELECT 1 FROM {} LIMIT {n}) t",
                table(name)
            ),
            None => format!("SELECT count(*) FROM {}", table(name)),
        };
        let answer = self.0.query(&sql).map_err(|e| e.on(name.to_string()))?;
        answer.one().and_then(|n| n.parse().ok()).ok_or_else(|| {
            Error::new(
                ErrorKind::Protocol,
                "counting rows",
                "the count is not a number",
            )
        })
    }

    fn greatest(&mut self, name: &TableName, column: &str) -> Result<Option<i128>> {
        let answer = self
            .0
            .query(&format!(
                "SELECT max({}) FROM {}",
                ident(column),
                table(name)
            ))
            .map_err(|e| e.on(name.to_string()))?;
        Ok(answer.one().and_then(|n| n.parse().ok()))
    }

    fn filled(&mut self, tables: &[&TableName]) -> Result<Vec<bool>> {
        let mut out = Vec::with_capacity(tables.len());
        for tables in tables.chunks(AT_ONCE) {
            let asked = tables
                .iter()
                .map(|t| format!("EXISTS (SELECT FROM {})", table(t)));
            let row = self.cells(asked.collect());
            out.extend(match row {
                Some(row) => row.iter().map(|c| c.as_deref() == Some("t")).collect(),
                // One by one, so that an error names its table.
                None => (tables.iter())
                    .map(|t| Ok(self.count(t, Some(1))? > 0))
                    .collect::<Result<Vec<bool>>>()?,
            });
        }
        Ok(out)
    }

    fn greatest_of(&mut self, columns: &[(&TableName, &str)]) -> Result<Vec<Option<i128>>> {
        let mut out = Vec::with_capacity(columns.len());
        for columns in columns.chunks(AT_ONCE) {
            let asked = columns
                .iter()
                .map(|(t, c)| format!("(SELECT max({}) FROM {})", ident(c), table(t)));
            let row = self.cells(asked.collect());
            out.extend(match row {
                Some(row) => row
                    .iter()
                    .map(|c| c.as_ref().and_then(|n| n.parse().ok()))
                    .collect(),
                None => (columns.iter())
                    .map(|(t, c)| self.greatest(t, c))
                    .collect::<Result<Vec<_>>>()?,
            });
        }
        Ok(out)
    }

    fn orphans(&mut self, child: &TableName, key: &ForeignKey) -> Result<(u64, Vec<String>)> {
        let pairs = || key.columns.iter().zip(&key.parent_columns);
        let shown: Vec<String> = pairs()
            .map(|(c, _)| format!("c.{}::text", ident(c)))
            .collect();
        let whole: Vec<String> = pairs()
            .map(|(c, _)| format!("c.{} IS NOT NULL", ident(c)))
            .collect();
        let same: Vec<String> = pairs()
            .map(|(c, p)| format!("p.{} = c.{}", ident(p), ident(c)))
            .collect();
        let answer = self
            .0
            .query(&format!(
                "SELECT count(*) OVER (), concat_ws(', ', {}) FROM {} c WHERE {} \
                 AND NOT EXISTS (SELECT 1 FROM {} p WHERE {}) LIMIT 5",
                shown.join(", "),
                table(child),
                whole.join(" AND "),
                table(&key.parent),
                same.join(" AND ")
            ))
            .map_err(|e| e.on(child.to_string()))?;
        let cell = |row: &[Option<String>], at: usize| row.get(at).cloned().flatten();
        let rows = &answer.rows;
        let count = rows.first().and_then(|r| cell(r, 0)?.parse().ok());
        let examples = rows.iter().filter_map(|r| cell(r, 1)).collect();
        Ok((count.unwrap_or(0), examples))
    }
}
