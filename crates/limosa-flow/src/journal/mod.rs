//! The journal of a migration: what was planned, what was begun, what came of it.
//!
//! One SQLite file, `.limosa/<name>.db`, readable by its owner only. The run writes it, and any other
//! process may read it meanwhile. It holds names, counts, times, plans and the keys of differing
//! rows; never other values of rows, and never secrets.
//!
//! # What losing it means
//!
//! History is lost, data never. Which rows are in the target is written in the target, with the rows
//! ([`limosa_core::engine::Ledger`]). A run whose journal is gone makes a new one, and goes on if the
//! target's ledger names the same run and the same plan.
//!
//! # Tamper evidence
//!
//! Every change of state is also an event. Events are chained: each has the SHA-256 of its content and
//! of the event before it, see [`Journal::check`].

mod chain;
mod file;
mod parts;
mod record;
mod summary;

pub use chain::Event;
pub use record::{StepRecord, StepState, TableRecord, TableState};
pub use summary::{Extent, Summary};

use crate::check::Verdicts;
use crate::outcome::{Comparison, Outcome};
use crate::plan::Plan;
use limosa_core::engine::Identity;
use limosa_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Raised when the file's shape changes so that older versions misread it.
pub const JOURNAL_FORMAT: u32 = 1;

/// What a journal says of every step and table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The run's name.
    pub name: String,
    /// The hash of its plan.
    pub plan_hash: String,
    /// The phase: `planned`, `creating`, `copying`, `keys`, `constraints`, `finishing`, `verifying`,
    /// `complete`, `partial`.
    pub phase: String,
    /// When the journal was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// When it was last written, in milliseconds since 1970.
    pub updated_ms: u64,
    /// Every phase that was entered, with the moment and, once left, its seconds; oldest first.
    pub phases: Vec<(String, u64, Option<f64>)>,
    /// The steps that were begun.
    pub steps: Vec<StepRecord>,
    /// The tables that were begun.
    pub tables: Vec<TableRecord>,
    /// Rows that were rejected and are not in the target, as the store of rejects says. The journal itself does not
    /// know them.
    #[serde(default)]
    pub rejected: u64,
}

/// An open journal.
///
/// It has one owner; a reader in another thread or process opens its own with [`Journal::read`].
pub struct Journal {
    db: Connection,
    path: PathBuf,
    now: fn() -> SystemTime,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("path", &self.path).finish()
    }
}

pub(crate) fn broken(path: &Path, doing: &str, error: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode;
    let kind = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorKind::Busy,
        _ => ErrorKind::File,
    };
    let damaged = matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    );
    let result = Error::new(kind, doing, error.to_string()).on(path.display().to_string());
    if damaged {
        result.hint(
            "The journal is damaged. Move the file away and run the same command again: \
             the target knows which rows it has, and the run goes on from there.",
        )
    } else {
        result.because(error)
    }
}

impl Journal {
    /// The file of the run `name` below `directory` (usually `.limosa`). A name is used as it is if it
    /// holds only letters, digits, `.`, `_` and `-`; other characters become `_`.
    pub fn path(directory: &Path, name: &str) -> PathBuf {
        let safe: String = name
            .chars()
            .map(|c| match c {
                c if c.is_alphanumeric() || matches!(c, '_' | '-') => c,
                '.' => '.',
                _ => '_',
            })
            .collect();
        directory.join(format!("{}.db", safe.trim_start_matches('.')))
    }

    /// Makes the journal of `plan`, or opens the one that is there if it is of the same plan. A journal
    /// of another plan is given the new one as long as nothing was begun.
    ///
    /// # Errors
    /// `Conflict` if a run of another plan was begun under this name; `File`.
    pub fn create(path: &Path, plan: &Plan) -> Result<Self> {
        if path.exists() {
            let mut journal = Self::open(path)?;
            if journal.plan_hash()? == plan.hash() {
                return Ok(journal);
            }
            if journal.phase()? == "planned" {
                journal.set_plan(plan)?;
                return Ok(journal);
            }
            return Err(Error::new(
                ErrorKind::Conflict,
                "opening the journal",
                format!("the run {} was begun with another plan", plan.settings.name),
            )
            .on(path.display().to_string())
            .hint(
                "Go on with the plan that was begun, give this run another name, \
                 or move the journal away if the old run is not wanted any more.",
            ));
        }
        let db = file::make(path)?;
        let mut journal = Self::over(db, path)?;
        journal.set_meta("created_ms", &journal.millis().to_string())?;
        journal.set_plan(plan)?;
        Ok(journal)
    }

    /// A journal that lives in memory only: for a caller that keeps nothing.
    pub fn in_memory(plan: &Plan) -> Result<Self> {
        let path = Path::new(":memory:");
        let db = file::memory()?;
        let mut journal = Self::over(db, path)?;
        journal.set_meta("created_ms", &journal.millis().to_string())?;
        journal.set_plan(plan)?;
        Ok(journal)
    }

    /// Opens a journal that is there, to write.
    ///
    /// # Errors
    /// `Missing`; `Unsupported` if a newer version of Limosa made it; `File` if it is damaged.
    pub fn open(path: &Path) -> Result<Self> {
        Self::over(file::open(path, true)?, path)
    }

    /// Opens a journal that is there, only to read; a run may go on meanwhile.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn read(path: &Path) -> Result<Self> {
        Self::over(file::open(path, false)?, path)
    }

    fn over(db: Connection, path: &Path) -> Result<Self> {
        Ok(Self {
            db,
            path: path.into(),
            now: SystemTime::now,
        })
    }

    fn err(&self, doing: &'static str) -> impl Fn(rusqlite::Error) -> Error + '_ {
        move |e| broken(&self.path, doing, e)
    }

    fn json<T: serde::de::DeserializeOwned>(&self, text: &str, what: &str) -> Result<T> {
        serde_json::from_str(text).map_err(|e| {
            Error::new(
                ErrorKind::File,
                format!("reading the journal's {what}"),
                "it can not be understood",
            )
            .on(self.path.display().to_string())
            .hint("Move the file away and run the same command again: the target knows its rows.")
            .because(e)
        })
    }

    fn millis(&self) -> u64 {
        (self.now)()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_millis() as u64)
    }

    fn meta(&self, key: &str) -> Result<Option<String>> {
        self.db
            .query_row("SELECT value FROM meta WHERE key = ?1", [key], |r| r.get(0))
            .optional()
            .map_err(self.err("reading the journal"))
    }

    fn set_meta(&self, key: &str, value: &str) -> Result<()> {
        self.db
            .execute(
                "INSERT INTO meta(key, value) VALUES(?1, ?2) \
                 ON CONFLICT(key) DO UPDATE SET value = excluded.value",
                [key, value],
            )
            .map_err(self.err("writing the journal"))?;
        Ok(())
    }

    fn needed(&self, key: &str) -> Result<String> {
        self.meta(key)?.ok_or_else(|| {
            Error::new(
                ErrorKind::File,
                "reading the journal",
                format!("it has no {key}"),
            )
            .on(self.path.display().to_string())
        })
    }

    /// Does several writes as one that outlives the death of this process, and, with the next one that is
    /// done [`Journal::together`], a power cut. For what is judged anew by what is in the target.
    fn lightly<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let level = |j: &Self, level| {
            j.db.pragma_update(None, "synchronous", level)
                .map_err(j.err("writing the journal"))
        };
        level(self, "NORMAL")?;
        let result = self.together(act);
        level(self, "FULL")?;
        result
    }

    /// Does several writes as one that outlives a power cut.
    fn together<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.db
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(self.err("writing the journal"))?;
        let result = act(self).and_then(|value| {
            let at = self.millis().to_string();
            self.set_meta("updated_ms", &at)?;
            self.db
                .execute_batch("COMMIT")
                .map_err(self.err("writing the journal"))?;
            Ok(value)
        });
        if result.is_err() && !self.db.is_autocommit() {
            // The first error is the one to tell; a failed rollback leaves the file as it was.
            let _ = self.db.execute_batch("ROLLBACK");
        }
        result
    }

    fn set_plan(&mut self, plan: &Plan) -> Result<()> {
        let hash = plan.hash();
        self.together(|j| {
            j.set_meta("name", &plan.settings.name)?;
            j.set_meta("plan_hash", &hash)?;
            j.set_meta("phase", "planned")?;
            j.set_meta("flawed", "0")?;
            j.put_plan(plan)?;
            j.db.execute("DELETE FROM finding", [])
                .map_err(j.err("writing the journal"))?;
            for finding in &plan.findings {
                let json = serde_json::to_string(finding).map_err(|e| {
                    Error::new(ErrorKind::Internal, "writing findings", "not JSON").because(e)
                })?;
                j.db.execute(
                    "INSERT INTO finding(code, severity, object, json) VALUES(?1, ?2, ?3, ?4)",
                    params![
                        finding.code,
                        format!("{:?}", finding.severity).to_lowercase(),
                        finding.object,
                        json
                    ],
                )
                .map_err(j.err("writing the journal"))?;
            }
            j.append("planned", &serde_json::json!({ "plan": hash }))
        })
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.path
    }

    /// The run's name.
    pub fn name(&self) -> Result<String> {
        self.needed("name")
    }

    /// The hash of the plan.
    pub fn plan_hash(&self) -> Result<String> {
        self.needed("plan_hash")
    }

    /// The present phase.
    pub fn phase(&self) -> Result<String> {
        self.needed("phase")
    }

    /// Whether something failed since the run was last begun.
    pub fn flawed(&self) -> Result<bool> {
        Ok(self.meta("flawed")?.as_deref() == Some("1"))
    }

    /// Who the target was when the run was begun.
    pub(crate) fn target_identity(&self) -> Result<Option<Identity>> {
        let text = self.meta("target_identity")?;
        text.map(|t| self.json(&t, "identity")).transpose()
    }

    /// Writes down who the target is.
    pub(crate) fn set_target_identity(&mut self, identity: &Identity) -> Result<()> {
        let json = serde_json::to_string(identity).map_err(|e| {
            Error::new(ErrorKind::Internal, "writing the journal", "not JSON").because(e)
        })?;
        self.together(|j| j.set_meta("target_identity", &json))
    }

    /// Whether the ledger was taken out of the target.
    pub(crate) fn ledger_removed(&self) -> Result<bool> {
        Ok(self.meta("ledger_removed")?.is_some())
    }

    /// Writes down that it was.
    pub(crate) fn set_ledger_removed(&mut self) -> Result<()> {
        self.together(|j| j.set_meta("ledger_removed", "1"))
    }

    /// Writes down that the run is now in `phase`.
    pub(crate) fn enter(&mut self, phase: &str, flawed: bool) -> Result<()> {
        fail::fail_point!("journal-before-phase");
        self.together(|j| {
            let now = file::N(j.millis());
            j.db.execute(
                "UPDATE phase SET seconds = (?1 - began_ms) / 1000.0 WHERE seconds IS NULL",
                [&now],
            )
            .map_err(j.err("writing the journal"))?;
            j.db.execute(
                "INSERT INTO phase(name, began_ms) VALUES(?1, ?2)",
                params![phase, now],
            )
            .map_err(j.err("writing the journal"))?;
            j.set_meta("phase", phase)?;
            j.set_meta("flawed", if flawed { "1" } else { "0" })?;
            j.append(
                "phase",
                &serde_json::json!({ "phase": phase, "flawed": flawed }),
            )
        })?;
        fail::fail_point!("journal-after-phase");
        Ok(())
    }

    /// Writes a comparison down.
    pub fn set_comparison(&mut self, comparison: &Comparison) -> Result<()> {
        self.document(
            "comparison",
            comparison,
            |c| serde_json::json!({ "verdict": c.verdict, "tables": c.tables.len() }),
        )
    }

    /// The last comparison, if there was one.
    pub fn comparison(&self) -> Result<Option<Comparison>> {
        self.read_document("comparison")
    }

    /// Writes down what came of data tests.
    pub fn set_checks(&mut self, checks: &Verdicts) -> Result<()> {
        self.document(
            "checks",
            checks,
            |c| serde_json::json!({ "passed": c.passed, "failed": c.failed, "warned": c.warned, "errors": c.errors }),
        )
    }

    /// What came of the last data tests, if there were any.
    pub fn checks(&self) -> Result<Option<Verdicts>> {
        self.read_document("checks")
    }

    /// Writes an outcome down.
    pub fn set_outcome(&mut self, outcome: &Outcome) -> Result<()> {
        self.document(
            "outcome",
            outcome,
            |o| serde_json::json!({ "ending": o.ending, "seconds": o.seconds }),
        )
    }

    /// The last outcome, if there was one.
    pub fn outcome(&self) -> Result<Option<Outcome>> {
        self.read_document("outcome")
    }

    fn document<T: Serialize>(
        &mut self,
        name: &'static str,
        value: &T,
        event: impl FnOnce(&T) -> serde_json::Value,
    ) -> Result<()> {
        let json = serde_json::to_string(value).map_err(|e| {
            Error::new(ErrorKind::Internal, "writing the journal", "not JSON").because(e)
        })?;
        let event = event(value);
        self.together(|j| {
            j.db.execute(
                "INSERT OR REPLACE INTO document(name, json) VALUES(?1, ?2)",
                [name, &json],
            )
            .map_err(j.err("writing the journal"))?;
            j.append(name, &event)
        })
    }

    fn read_document<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let text: Option<String> = self
            .db
            .query_row("SELECT json FROM document WHERE name = ?1", [name], |r| {
                r.get(0)
            })
            .optional()
            .map_err(self.err("reading the journal"))?;
        text.map(|t| self.json(&t, name)).transpose()
    }

    /// What the journal says of every step and table that was begun; [`Journal::summary`] is the short form.
    pub fn status(&self) -> Result<Status> {
        let number = |text: Option<String>| text.and_then(|t| t.parse().ok()).unwrap_or(0);
        Ok(Status {
            name: self.name()?,
            plan_hash: self.plan_hash()?,
            phase: self.phase()?,
            created_ms: number(self.meta("created_ms")?),
            updated_ms: number(self.meta("updated_ms")?),
            phases: self.phases()?,
            steps: self.steps()?,
            tables: self.tables()?,
            rejected: 0,
        })
    }
}

#[cfg(test)]
mod tests;
