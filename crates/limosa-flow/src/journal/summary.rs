//! A journal in a few lines, in a time that hardly grows with the number of tables.

use super::file::N;
use super::{Journal, TableState};
use limosa_core::Result;
use serde::Serialize;

/// What a journal says in short, for people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The run's name.
    pub name: String,
    /// The hash of its plan.
    pub plan_hash: String,
    /// The phase, as in [`super::Status`].
    pub phase: String,
    /// When the journal was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// When it was last written, in milliseconds since 1970.
    pub updated_ms: u64,
    /// Every phase that was entered, with the moment and, once left, its seconds; oldest first.
    pub phases: Vec<(String, u64, Option<f64>)>,
    /// How many tables were begun, with their rows and bytes, by how far they are.
    pub tables: Vec<(TableState, Extent)>,
    /// Tables one by one: all if there are at most as many as were asked for, else the first of those that
    /// are not done.
    pub shown: Vec<(String, TableState, Extent)>,
    /// The steps that failed: the name and why.
    pub failed: Vec<(String, String)>,
    /// Rows that were rejected, as in [`super::Status`].
    pub rejected: u64,
}

/// A number of tables, and what they hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Extent {
    /// Tables.
    pub tables: u64,
    /// Their rows in the target.
    pub rows: u64,
    /// Their bytes, as they were written.
    pub bytes: u64,
}

pub(super) const STATES: &str =
    "SELECT state, count(*), sum(rows), sum(bytes) FROM \"table\" GROUP BY state";
pub(super) const FAILED: &str = "SELECT id, error FROM step WHERE error IS NOT NULL ORDER BY id";

/// The question for single tables: for all of them, or for those that are not done.
pub(super) fn shown(all: bool, most: u64) -> String {
    let which = match all {
        true => "ORDER BY rowid",
        false => "WHERE state IN ('copying', 'failed', 'interrupted')",
    };
    format!("SELECT name, state, rows, bytes FROM \"table\" {which} LIMIT {most}")
}

impl Journal {
    /// The phases that were entered.
    pub(super) fn phases(&self) -> Result<Vec<(String, u64, Option<f64>)>> {
        self.listed(
            "SELECT name, began_ms, seconds FROM phase ORDER BY id",
            |r| Ok((r.get(0)?, r.get::<_, N>(1)?.0, r.get(2)?)),
        )
    }

    /// What the journal says in short, with at most `most` tables one by one. Reads two indexes and a few
    /// small rows.
    pub fn summary(&self, most: u64) -> Result<Summary> {
        let number = |text: Option<String>| text.and_then(|t| t.parse().ok()).unwrap_or(0);
        let states = self.listed(STATES, |r| {
            let extent = Extent {
                tables: r.get::<_, N>(1)?.0,
                rows: r.get::<_, N>(2)?.0,
                bytes: r.get::<_, N>(3)?.0,
            };
            Ok((r.get::<_, String>(0)?, extent))
        })?;
        let tables: Vec<(TableState, Extent)> = states
            .into_iter()
            .map(|(state, extent)| Ok((self.state(state)?, extent)))
            .collect::<Result<_>>()?;
        let all: u64 = tables.iter().map(|(_, extent)| extent.tables).sum();
        let shown = self.listed(&shown(all <= most, most), |r| {
            let extent = Extent {
                tables: 1,
                rows: r.get::<_, N>(2)?.0,
                bytes: r.get::<_, N>(3)?.0,
            };
            Ok((r.get(0)?, r.get::<_, String>(1)?, extent))
        })?;
        Ok(Summary {
            name: self.name()?,
            plan_hash: self.plan_hash()?,
            phase: self.phase()?,
            created_ms: number(self.meta("created_ms")?),
            updated_ms: number(self.meta("updated_ms")?),
            phases: self.phases()?,
            tables,
            shown: shown
                .into_iter()
                .map(|(name, state, extent)| Ok((name, self.state(state)?, extent)))
                .collect::<Result<_>>()?,
            failed: self.listed(FAILED, |r| Ok((r.get(0)?, r.get(1)?)))?,
            rejected: 0,
        })
    }

    pub(super) fn listed<T>(
        &self,
        sql: &str,
        row: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        self.db
            .prepare(sql)
            .and_then(|mut s| s.query_map([], row)?.collect())
            .map_err(self.err("reading the journal"))
    }
}
