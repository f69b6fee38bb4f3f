//! One view of all tables, for any number of lanes, and its cutting into chunks.
//!
//! Why no row is lost or doubled: the transaction here exports its snapshot and stays open as long as
//! this value lives; every reader imports it. Chunks are half-open ranges that share their bounds and are
//! open at both ends, whatever was sampled: a bad sample makes uneven chunks, never holes. Ranges of
//! pages are made only of ordinary heap tables, and only of servers (14 and later) that read them without
//! scanning the table for each.

use crate::connect::Settings;
use crate::connection::Connection;
use crate::digest::PostgresCanonicalizer;
use crate::names::{ident, literal, table};
use crate::read::{Exported, PostgresReader};
use crate::select::{self, Partitioned};
use crate::sums;
use limosa_core::chunk::{Chunk, Range};
use limosa_core::engine::{CanonicalColumn, Canonicalizer, Reader, Snapshot, TableRead};
use limosa_core::position::Position;
use limosa_core::pushdown::Means;
use limosa_core::schema::{TableName, Type};
use limosa_core::value::Value;
use limosa_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Rows sampled for each chunk that is to be made: with a hundred, the sizes of neighbours differ by
/// about a tenth.
const SAMPLES_PER_CHUNK: f64 = 100.0;

/// See [`Snapshot`].
pub(crate) struct PostgresSnapshot {
    settings: Arc<Settings>,
    version: u32,
    /// Whether texts are kept as UTF-8.
    utf8: bool,
    exported: Exported,
    position: Option<Position>,
    /// Holds the exporting transaction open.
    holder: Mutex<Connection>,
}

/// What is kept with the chunks of a table.
#[derive(Serialize, Deserialize)]
struct Mark {
    /// `pg_current_snapshot()` when the table was cut.
    snapshot: String,
    /// The file of the heap; a rewrite gives another.
    file: Option<u64>,
    /// The timeline: after a failover transaction numbers may be given again.
    timeline: Option<u32>,
    /// The cluster.
    system: Option<String>,
}

/// Timeline and position of the log as text; NULLs where the role may not ask.
const POSITION: &str = "SELECT CASE WHEN has_function_privilege('pg_control_checkpoint()', 'EXECUTE') THEN (SELECT timeline_id FROM pg_control_checkpoint()) END, \
CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END, \
CASE WHEN has_function_privilege('pg_control_system()', 'EXECUTE') THEN (SELECT system_identifier FROM pg_control_system()) END";

impl PostgresSnapshot {
    pub(crate) fn take(settings: &Arc<Settings>, version: u32) -> Result<Self> {
        let mut c = Connection::open(settings)?;
        c.doing = "taking a snapshot";
        c.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        let id = c
            .query("SELECT pg_export_snapshot()")?
            .one()
            .map(str::to_string)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Protocol,
                    "taking a snapshot",
                    "the server gave no name for it",
                )
            })?;
        let at = c.query(POSITION)?;
        let cell = |i: usize| at.rows.first().and_then(|r| r.get(i)).cloned().flatten();
        let position =
            cell(1).map(|lsn| Position(format!("{}:{lsn}", cell(0).unwrap_or_else(|| "?".into()))));
        let partitioned: Partitioned = c
            .query(select::PARTITIONED)?
            .rows
            .into_iter()
            .filter_map(|row| {
                let mut row = row.into_iter();
                Some(TableName::within(row.next()??, row.next()??))
            })
            .collect();
        Ok(Self {
            settings: Arc::clone(settings),
            version,
            utf8: c.parameter("server_encoding") == Some("UTF8"),
            exported: Exported {
                id,
                partitioned: Arc::new(partitioned),
            },
            position,
            holder: Mutex::new(c),
        })
    }

    /// The exporting connection. A thread that panicked with it may have left it in the middle of an
    /// answer, but then `broken` or the next answer says so.
    fn holder(&self) -> Result<MutexGuard<'_, Connection>> {
        let c = self.holder.lock().unwrap_or_else(PoisonError::into_inner);
        if c.broken() {
            return Err(Error::new(
                ErrorKind::SnapshotLost,
                "using the snapshot",
                "the connection that holds it is gone",
            ));
        }
        Ok(c)
    }

    /// Asks within the exporting transaction; an error must not end it. Taking the question back gives its
    /// locks back too, so that this transaction, the longest of all, holds none.
    fn ask(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>> {
        const BACK: &str = "ROLLBACK TO SAVEPOINT limosa; RELEASE SAVEPOINT limosa";
        let mut c = self.holder()?;
        c.doing = "cutting a table into chunks";
        match c.query(&format!("SAVEPOINT limosa; {sql}; {BACK}")) {
            Ok(answer) => Ok(answer.rows),
            Err(e) => {
                if !c.broken() {
                    c.query(BACK)?;
                }
                Err(e)
            }
        }
    }

    fn physical(&self, name: &TableName) -> Result<Option<(u64, u64, f64)>> {
        // Pages and bytes with what lies out of line, rows.
        let rows = self.ask(&format!(
            "SELECT c.relkind = 'r' AND a.amname = 'heap', pg_relation_size(c.oid) / current_setting('block_size')::bigint, \
             pg_table_size(c.oid), greatest(c.reltuples, 0) \
             FROM pg_class c LEFT JOIN pg_am a ON a.oid = c.relam WHERE c.oid = {}",
            crate::names::regclass(name)
        ))?;
        let row = rows.first().cloned().unwrap_or_default();
        let number = |i: usize| {
            row.get(i)
                .and_then(Option::as_deref)
                .and_then(|t| t.parse::<f64>().ok())
        };
        let heap = row.first().and_then(Option::as_deref) == Some("t");
        Ok(heap
            .then_some(())
            .and_then(|()| Some((number(1)? as u64, number(2)? as u64, number(3)?))))
    }

    /// Bytes and rows of a table with its partitions.
    fn size(&self, name: &TableName) -> Result<(f64, f64)> {
        let rows = self.ask(&format!(
            "SELECT coalesce(sum(pg_table_size(c.oid)), 0)::float8, coalesce(sum(greatest(c.reltuples, 0)), 0)::float8 \
             FROM (SELECT {0}::oid AS oid UNION SELECT relid FROM pg_partition_tree({0})) p \
             JOIN pg_class c ON c.oid = p.oid WHERE c.relkind IN ('r', 'm')",
            crate::names::regclass(name)
        ))?;
        let number = |i: usize| {
            rows.first()
                .and_then(|r| r.get(i))
                .and_then(Option::as_deref)
                .and_then(|t| t.parse().ok())
                .unwrap_or(0.0)
        };
        Ok((number(0), number(1)))
    }

    fn by_key(&self, read: &TableRead, bytes: u64) -> Result<Vec<Chunk>> {
        let (size, rows) = self.size(&read.table)?;
        let parts = (size / bytes.max(1) as f64).ceil();
        if parts <= 1.0 {
            return Ok(vec![key_chunk(0, None, None)]);
        }
        // Chunk numbers are 32 bits and the ledger has a row for each.
        let parts = parts.min(1_000_000.0);
        let wanted = parts * SAMPLES_PER_CHUNK;
        // Statistics may be old: a sample of at least one page in a hundred, of all pages if rows are few.
        let percent = if rows > 4.0 * wanted {
            (wanted / rows * 100.0 * 2.0).clamp(0.01, 100.0)
        } else {
            100.0
        };
        let mut bounds = self.sample(read, parts as u64, percent)?;
        if bounds.len() < (parts as usize) / 2 && percent < 100.0 {
            bounds = self.sample(read, parts as u64, 100.0)?;
        }
        let mut chunks = Vec::with_capacity(bounds.len() + 1);
        let mut lower = None;
        for bound in bounds {
            chunks.push(key_chunk(chunks.len() as u32, lower, Some(bound.clone())));
            lower = Some(bound);
        }
        chunks.push(key_chunk(chunks.len() as u32, lower, None));
        Ok(chunks)
    }

    /// Bounds that cut a sample of the table into `parts` of equal weight, in key order, each once.
    fn sample(&self, read: &TableRead, parts: u64, percent: f64) -> Result<Vec<Vec<Value>>> {
        let names: Vec<String> = read.key.iter().map(|c| ident(&c.name)).collect();
        let aliased: Vec<String> = (0..names.len()).map(|i| format!("k{i}")).collect();
        let keys = aliased.join(", ");
        let selected: Vec<String> = names
            .iter()
            .zip(&aliased)
            .map(|(name, alias)| format!("{name} AS {alias}"))
            .collect();
        // What each row weighs, as stored; out-of-line values are not fetched for that.
        let weight: Vec<String> = read
            .columns
            .iter()
            .map(|c| format!("coalesce(pg_column_size({}), 0)", ident(&c.name)))
            .collect();
        let sampled = if percent < 100.0 {
            format!(" TABLESAMPLE SYSTEM ({percent:.6}) REPEATABLE (1)")
        } else {
            String::new()
        };
        let weight = if weight.is_empty() {
            "0".to_string()
        } else {
            weight.join(" + ")
        };
        // Named anew: ORDER BY would mean the text otherwise.
        let texts: Vec<String> = aliased
            .iter()
            .map(|k| format!("{k}::text AS bound_{k}"))
            .collect();
        // The first row of each part but the first; equal keys stay together, so a bound comes once.
        let sql = format!(
            "WITH s AS (SELECT {}, (24 + {weight})::float8 AS w {}{sampled}), \
             c AS (SELECT {keys}, floor((sum(w) OVER (ORDER BY {keys}) - w) * {parts} / sum(w) OVER ()) AS b FROM s), \
             f AS (SELECT {keys}, b, lag(b) OVER (ORDER BY {keys}) AS p FROM c) \
             SELECT DISTINCT ON ({keys}) {} FROM f WHERE b > p ORDER BY {keys}",
            selected.join(", "),
            select::from(&read.table, &self.exported.partitioned),
            texts.join(", "),
        );
        let rows = self.ask(&sql).map_err(|e| e.on(read.table.to_string()))?;
        let mut bounds: Vec<Vec<Value>> = Vec::with_capacity(rows.len());
        for row in rows {
            let mut bound = Vec::with_capacity(row.len());
            for (cell, column) in row.into_iter().zip(&read.key) {
                let Some(text) = cell else {
                    return Err(Error::new(
                        ErrorKind::Value,
                        "cutting a table into chunks",
                        format!("the key column {} holds NULL", column.name),
                    )
                    .on(read.table.to_string()));
                };
                bound.push(match (column.ty.base(), text.parse::<i64>()) {
                    (Type::Integer { .. }, Ok(i)) => Value::Int(i),
                    _ => Value::Text(text),
                });
            }
            if bounds.last() != Some(&bound) {
                bounds.push(bound);
            }
        }
        Ok(bounds)
    }
}

fn key_chunk(id: u32, lower: Option<Vec<Value>>, upper: Option<Vec<Value>>) -> Chunk {
    Chunk {
        id,
        range: Range::Key { lower, upper },
    }
}

impl Snapshot for PostgresSnapshot {
    fn position(&self) -> Option<Position> {
        self.position.clone()
    }

    fn mark(&self, name: &TableName) -> Result<String> {
        let rows = self.ask(&format!(
            "SELECT {}, pg_relation_filenode({}), p.* FROM ({POSITION}) p",
            if self.version >= 130_000 {
                "pg_current_snapshot()"
            } else {
                "txid_current_snapshot()"
            },
            crate::names::regclass(name)
        ))?;
        let row = rows.first().cloned().unwrap_or_default();
        let cell = |i: usize| row.get(i).cloned().flatten();
        serde_json::to_string(&Mark {
            snapshot: cell(0).unwrap_or_default(),
            file: cell(1).and_then(|f| f.parse().ok()),
            timeline: cell(2).and_then(|t| t.parse().ok()),
            system: cell(4),
        })
        .map_err(|e| Error::new(ErrorKind::Internal, "marking a table", e.to_string()))
    }

    fn chunks(&self, read: &TableRead, bytes: u64) -> Result<Vec<Chunk>> {
        if read.physical
            && self.version >= 140_000
            && let Some((pages, size, _)) = self.physical(&read.table)?
        {
            let per_page = (size as f64 / pages.max(1) as f64).max(1.0);
            let step = ((bytes as f64 / per_page) as u64).clamp(1, u64::from(u32::MAX));
            let count = pages.div_ceil(step).max(1);
            return Ok((0..count)
                .map(|i| Chunk {
                    id: i as u32,
                    range: Range::Physical {
                        from: i * step,
                        to: (i + 1 < count).then_some((i + 1) * step),
                    },
                })
                .collect());
        }
        if read.key.is_empty() {
            return Ok(vec![Chunk {
                id: 0,
                range: Range::All,
            }]);
        }
        self.by_key(read, bytes)
    }

    /// A row that is visible here and whose maker had ended before every transaction that the old
    /// snapshot knew of as running was visible there: it had been committed, and had it been deleted then,
    /// it would be now. In a heap that was not rewritten a row version never moves. So the rows of the
    /// range that pass this test are a part of the rows that were there; and if they are as many, the same.
    ///
    /// Numbers of subtransactions are not in a snapshot's list, so every number from the oldest running
    /// one on counts as not visible. Transaction numbers have 32 bits in a row: the greatest number that
    /// a row's may stand for is compared, which can only err to `false`.
    fn unchanged_since(
        &self,
        read: &TableRead,
        mark: &str,
        chunks: &[(Chunk, u64)],
    ) -> Result<bool> {
        let Ok(old) = serde_json::from_str::<Mark>(mark) else {
            return Ok(false);
        };
        let Ok(now) = serde_json::from_str::<Mark>(&self.mark(&read.table)?) else {
            return Ok(false);
        };
        let same = old.file.is_some()
            && old.file == now.file
            && old.timeline.is_some()
            && old.timeline == now.timeline
            && old.system.is_some()
            && old.system == now.system;
        let oldest = |m: &Mark| {
            m.snapshot
                .split(':')
                .next()
                .and_then(|x| x.parse::<u64>().ok())
        };
        let newest = |m: &Mark| {
            m.snapshot
                .split(':')
                .nth(1)
                .and_then(|x| x.parse::<u64>().ok())
        };
        let (Some(limit), Some(next)) = (oldest(&old), newest(&now)) else {
            return Ok(false);
        };
        if !same || self.physical(&read.table)?.is_none() {
            return Ok(false);
        }
        let low = next & 0xFFFF_FFFF;
        let high = next - low;
        // 1 and 2 are the bootstrap and the frozen transaction: visible to everybody.
        let full = format!(
            "CASE WHEN xmin::text::bigint <= 2 THEN 0 WHEN xmin::text::bigint < {low} THEN {high} + xmin::text::bigint \
             ELSE {high} - 4294967296 + xmin::text::bigint END"
        );
        for (chunk, rows) in chunks {
            let counted = self.ask(&format!(
                "SELECT count(*), count(*) FILTER (WHERE {full} >= {limit}) {}{}",
                select::from(&read.table, &self.exported.partitioned),
                select::condition(&chunk.range, &select::key(&read.key))?
            ))?;
            let cell = |i: usize| {
                counted
                    .first()
                    .and_then(|r| r.get(i))
                    .and_then(Option::as_deref)
                    .and_then(|t| t.parse::<u64>().ok())
            };
            if cell(0) != Some(*rows) || cell(1) != Some(0) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn reader(&self) -> Result<Box<dyn Reader>> {
        drop(self.holder()?);
        Ok(Box::new(PostgresReader::new(
            &self.settings,
            &self.exported,
        )?))
    }

    fn canonicalizer(&self) -> Result<Box<dyn Canonicalizer>> {
        drop(self.holder()?);
        Ok(Box::new(PostgresCanonicalizer::new(
            &self.settings,
            &self.exported,
        )?))
    }

    fn spellings(&self, _: &TableName, column: &CanonicalColumn) -> Means {
        sums::spellings(column, self.utf8)
    }
}

/// Says which of two positions of one timeline is earlier.
pub(crate) fn compare(a: &Position, b: &Position) -> Option<std::cmp::Ordering> {
    let (timeline_a, lsn_a) = parse(a)?;
    let (timeline_b, lsn_b) = parse(b)?;
    (timeline_a == timeline_b).then(|| lsn_a.cmp(&lsn_b))
}

fn parse(p: &Position) -> Option<(&str, u64)> {
    let (timeline, lsn) = p.0.split_once(':')?;
    let (high, low) = lsn.split_once('/')?;
    let part = |t| u32::from_str_radix(t, 16).ok().map(u64::from);
    Some((timeline, part(high)? << 32 | part(low)?))
}

/// Says whether an object is there, for [`limosa_core::engine::Session::exists`]; here because it is asked the catalog.
pub(crate) fn exists(object: &limosa_core::operation::ObjectRef) -> String {
    use limosa_core::operation::ObjectRef as O;
    let relation = |name: &TableName, kinds: &str| {
        format!(
            "EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = {} AND c.relname = {} AND c.relkind IN ({kinds}))",
            literal(name.schema.as_deref().unwrap_or("public")),
            literal(&name.name)
        )
    };
    let constraint = |name: &TableName, condition: String| {
        format!(
            "EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conrelid = to_regclass({}) AND {condition})",
            literal(&table(name))
        )
    };
    let condition = match object {
        O::Schema(name) => format!(
            "EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = {})",
            literal(name)
        ),
        O::Type(name) => format!(
            "EXISTS (SELECT 1 FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = {} AND t.typname = {})",
            literal(name.schema.as_deref().unwrap_or("public")),
            literal(&name.name)
        ),
        O::Sequence(name) => relation(name, "'S'"),
        O::Table(name) => relation(name, "'r', 'p', 'f'"),
        O::View(name) => relation(name, "'v', 'm'"),
        O::PrimaryKey(name) => constraint(name, "k.contype = 'p'".into()),
        // Of the table, valid, by name: a constraint's index has the constraint's name.
        O::Index(name, index) => format!(
            "EXISTS (SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = to_regclass({}) AND c.relname = {} AND i.indisvalid)",
            literal(&table(name)),
            literal(index)
        ),
        O::Trigger(name, trigger) => format!(
            "EXISTS (SELECT 1 FROM pg_trigger g WHERE g.tgrelid = to_regclass({}) AND g.tgname = {})",
            literal(&table(name)),
            literal(trigger)
        ),
        O::Routine { name, kind } => {
            let schema = literal(name.schema.as_deref().unwrap_or_default());
            let called = literal(&name.name);
            let part = |of: &str, relation: &str, name: &str| {
                format!(
                    "EXISTS (SELECT 1 FROM {of} x JOIN pg_class c ON c.oid = x.{relation} JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = {schema} AND c.relname || '.' || x.{name} = {called})"
                )
            };
            match kind.as_str() {
                "extension" => {
                    format!("EXISTS (SELECT 1 FROM pg_extension WHERE extname = {called})")
                }
                "event trigger" => {
                    format!("EXISTS (SELECT 1 FROM pg_event_trigger WHERE evtname = {called})")
                }
                "type" => return exists(&O::Type(name.clone())),
                "trigger" => part("pg_trigger", "tgrelid", "tgname"),
                kind if kind.starts_with("constraint") => {
                    part("pg_constraint", "conrelid", "conname")
                }
                kind if kind.starts_with("rule") => part("pg_rewrite", "ev_class", "rulename"),
                kind if kind.starts_with("policy") => part("pg_policy", "polrelid", "polname"),
                kind if kind.starts_with("row security") => format!(
                    "EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = {schema} AND c.relname = {called} AND (c.relrowsecurity OR c.relforcerowsecurity))"
                ),
                kind if kind.starts_with("index") => relation(name, "'i', 'I'"),
                _ => format!(
                    "EXISTS (SELECT 1 FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = {schema} AND p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' = {called})"
                ),
            }
        }
        O::Constraint(name, c) => constraint(name, format!("k.conname = {}", literal(c))),
    };
    format!("SELECT {condition}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    #[test]
    fn positions_are_compared_within_a_timeline() {
        let p = |t: &str| Position(t.into());
        assert_eq!(compare(&p("1:0/FF"), &p("1:1/0")), Some(Ordering::Less));
        assert_eq!(
            compare(&p("1:A/0"), &p("1:9/FFFFFFFF")),
            Some(Ordering::Greater)
        );
        assert_eq!(compare(&p("1:0/0"), &p("2:0/0")), None);
        assert_eq!(compare(&p("x"), &p("x")), None);
    }
}
