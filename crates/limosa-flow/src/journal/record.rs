//! The states of steps and tables.

use super::Journal;
use super::file::N;
use crate::outcome::TableOutcome;
use limosa_core::schema::TableName;
use limosa_core::{Error, ErrorKind, Result};
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// It was begun, and nobody knows how far it came.
    Started,
    /// Its effect is in the target.
    Done,
    /// It failed; a later run tries again.
    Failed,
}

/// How far a table's copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableState {
    /// Its first chunk was taken up.
    Copying,
    /// Every chunk is in the target.
    Done,
    /// Some chunk can not be copied.
    Failed,
    /// The run was stopped before its last chunk.
    Interrupted,
}

/// A step, as the journal knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The step's name in the plan.
    pub id: String,
    /// How far it is.
    pub state: StepState,
    /// The first of its statements that is not known to be done.
    pub next: usize,
    /// Seconds that it took.
    pub seconds: f64,
    /// Why it failed.
    pub error: Option<String>,
}

/// A table, as the journal knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableRecord {
    /// Its name in the target, as text.
    pub name: String,
    /// How far it is.
    pub state: TableState,
    /// Rows in the target.
    pub rows: u64,
    /// Bytes, as they were written.
    pub bytes: u64,
    /// The whole, once its copy ended.
    pub outcome: Option<TableOutcome>,
}

fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(s)) => s,
        _ => unreachable!("the states are plain words"),
    }
}

impl Journal {
    pub(super) fn state<T: serde::de::DeserializeOwned>(&self, text: String) -> Result<T> {
        serde_json::from_value(serde_json::Value::String(text)).map_err(|e| {
            Error::new(ErrorKind::File, "reading the journal", "an unknown state")
                .on(self.path.display().to_string())
                .because(e)
        })
    }

    /// The steps that were begun.
    pub fn steps(&self) -> Result<Vec<StepRecord>> {
        let rows: Vec<(String, String, i64, f64, Option<String>)> = self
            .db
            .prepare_cached("SELECT id, state, next, seconds, error FROM step ORDER BY rowid")
            .and_then(|mut s| {
                s.query_map([], |r| {
                    Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?))
                })?
                .collect()
            })
            .map_err(self.err("reading the journal's steps"))?;
        rows.into_iter()
            .map(|(id, state, next, seconds, error)| {
                Ok(StepRecord {
                    id,
                    state: self.state(state)?,
                    next: usize::try_from(next).unwrap_or(0),
                    seconds,
                    error,
                })
            })
            .collect()
    }

    /// Writes down how far a step is. `next` is the first statement that is not known to be done.
    pub(crate) fn set_step(
        &mut self,
        id: &str,
        state: StepState,
        next: usize,
        seconds: f64,
        error: Option<&str>,
    ) -> Result<()> {
        fail::fail_point!("journal-before-step");
        // Ten thousands of steps, each waiting for the disk twice, would take longer than the steps.
        self.lightly(|j| {
            j.db.prepare_cached(
                "INSERT INTO step(id, state, next, seconds, error) VALUES(?1,?2,?3,?4,?5) \
                 ON CONFLICT(id) DO UPDATE SET state = excluded.state, next = excluded.next, \
                 seconds = excluded.seconds, error = excluded.error",
            )
            .and_then(|mut s| s.execute(params![id, word(&state), next as i64, seconds, error]))
            .map_err(j.err("writing the journal"))?;
            j.append(
                "step",
                &serde_json::json!({ "id": id, "state": state, "next": next, "error": error }),
            )
        })?;
        fail::fail_point!("journal-after-step");
        Ok(())
    }

    /// The tables that were begun.
    pub fn tables(&self) -> Result<Vec<TableRecord>> {
        let rows: Vec<(String, String, u64, u64, Option<String>)> = self
            .db
            .prepare_cached("SELECT name, state, rows, bytes, json FROM \"table\" ORDER BY rowid")
            .and_then(|mut s| {
                s.query_map([], |r| {
                    let (rows, bytes) = (r.get::<_, N>(2)?.0, r.get::<_, N>(3)?.0);
                    Ok((r.get(0)?, r.get(1)?, rows, bytes, r.get(4)?))
                })?
                .collect()
            })
            .map_err(self.err("reading the journal's tables"))?;
        rows.into_iter()
            .map(|(name, state, rows, bytes, json)| {
                Ok(TableRecord {
                    name,
                    state: self.state(state)?,
                    rows,
                    bytes,
                    outcome: json.map(|j| self.json(&j, "tables")).transpose()?,
                })
            })
            .collect()
    }

    /// Writes down that a table's copy was taken up.
    pub(crate) fn table_began(&mut self, table: &TableName) -> Result<()> {
        let name = table.to_string();
        let known: Option<String> = self
            .db
            .query_row(
                "SELECT state FROM \"table\" WHERE name = ?1",
                [&name],
                |r| r.get(0),
            )
            .optional()
            .map_err(self.err("reading the journal's tables"))?;
        if known.as_deref() == Some("done") {
            return Ok(());
        }
        self.put_table(&name, TableState::Copying, 0, 0, None)
    }

    /// Writes down what became of a table's copy.
    pub(crate) fn table_ended(&mut self, outcome: &TableOutcome) -> Result<()> {
        let state = if !outcome.errors.is_empty() {
            TableState::Failed
        } else if outcome.chunks.1 > 0 && outcome.chunks.0 == outcome.chunks.1 {
            TableState::Done
        } else {
            TableState::Interrupted
        };
        self.put_table(
            &outcome.table.to_string(),
            state,
            outcome.rows,
            outcome.bytes,
            Some(outcome),
        )
    }

    /// Writes down that rows of a table were rejected and are in the target now; `left` are not yet. May be done
    /// twice: the numbers are those of the store of rejects.
    pub fn rejects_left(&mut self, table: &str, left: u64) -> Result<()> {
        let correct = |t: &mut TableOutcome| {
            t.rows += t.rejected.saturating_sub(left);
            t.rejected = left;
        };
        let known = self.tables()?.into_iter().find(|t| t.name == table);
        if let Some(mut t) = known.and_then(|t| t.outcome) {
            if t.rejected == left {
                return Ok(());
            }
            correct(&mut t);
            self.table_ended(&t)?;
        }
        if let Some(mut outcome) = self.outcome()? {
            for t in &mut outcome.tables {
                if t.table.to_string() == table {
                    correct(t);
                }
            }
            self.set_outcome(&outcome)?;
        }
        Ok(())
    }

    fn put_table(
        &mut self,
        name: &str,
        state: TableState,
        rows: u64,
        bytes: u64,
        outcome: Option<&TableOutcome>,
    ) -> Result<()> {
        let json = outcome
            .map(serde_json::to_string)
            .transpose()
            .map_err(|e| {
                Error::new(ErrorKind::Internal, "writing the journal", "not JSON").because(e)
            })?;
        self.lightly(|j| {
            j.db.prepare_cached(
                "INSERT INTO \"table\"(name, state, rows, bytes, json) VALUES(?1,?2,?3,?4,?5) \
                 ON CONFLICT(name) DO UPDATE SET state = excluded.state, rows = excluded.rows, \
                 bytes = excluded.bytes, json = excluded.json",
            )
            .and_then(|mut s| s.execute(params![name, word(&state), N(rows), N(bytes), json]))
            .map_err(j.err("writing the journal"))?;
            j.append(
                "table",
                &serde_json::json!({ "table": name, "state": state, "rows": rows, "bytes": bytes }),
            )
        })
    }
}
