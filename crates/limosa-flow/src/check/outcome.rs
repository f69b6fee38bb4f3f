//! What came of data tests.

use limosa_core::Error;
use limosa_core::engine::Role;
use serde::{Deserialize, Serialize};

/// The cells of a row as text; a masked one says `***`.
pub type Row = Vec<Option<String>>;

/// What came of a test, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It holds.
    Pass,
    /// It does not, and that is worth a warning.
    Warn,
    /// It could not be asked.
    Error,
    /// It does not hold.
    Fail,
}

impl Status {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Status::Pass => "pass",
            Status::Warn => "warn",
            Status::Error => "error",
            Status::Fail => "fail",
        }
    }
}

/// What one database answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sided {
    /// Which.
    pub side: Role,
    /// The table's name there.
    pub table: Option<String>,
    /// Rows in all, if they were counted.
    pub rows: Option<u64>,
    /// Rows that were asked: those where the column is not NULL.
    pub asked: Option<u64>,
    /// Failing rows; 0 or 1 where the whole is asked.
    pub failures: u64,
    /// Different failing values.
    pub values: u64,
    /// What the whole is, where that is asked: a count, a sum, a moment.
    pub value: Option<String>,
    /// What the failing rows are named by: the key, and the columns that are shown.
    pub columns: Vec<String>,
    /// The first failing rows.
    pub samples: Vec<Row>,
    /// What does not hold, as a sentence.
    pub why: Option<String>,
    /// Why it could not be asked.
    pub error: Option<String>,
    /// The query that was asked, for who wants to ask again.
    pub sql: Option<String>,
    /// The value where it may not be shown.
    #[serde(skip)]
    pub(super) raw: Option<String>,
    /// Whether the value is a number.
    #[serde(skip)]
    pub(super) numeric: bool,
    /// Whether it was computed in binary floating point.
    #[serde(skip)]
    pub(super) inexact: bool,
}

impl Sided {
    pub(super) fn new(side: Role) -> Self {
        Self {
            side,
            table: None,
            rows: None,
            asked: None,
            failures: 0,
            values: 0,
            value: None,
            columns: Vec::new(),
            samples: Vec::new(),
            why: None,
            error: None,
            sql: None,
            raw: None,
            numeric: false,
            inexact: false,
        }
    }

    pub(super) fn failed(side: Role, error: &Error) -> Self {
        let mut text = error.to_string();
        if let Some(hint) = error.remedy() {
            text.push_str(&format!(". {hint}"));
        }
        Self {
            error: Some(text),
            ..Self::new(side)
        }
    }
}

/// What came of one test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckOutcome {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// The table that it names.
    pub table: Option<String>,
    /// The columns that it names.
    pub columns: Vec<String>,
    /// `error` or `warn`.
    pub severity: String,
    /// What came of it.
    pub status: Status,
    /// Why, as a sentence, if it does not hold or was not asked.
    pub message: Option<String>,
    /// What each database answered.
    pub sides: Vec<Sided>,
    /// Seconds that it took.
    pub seconds: f64,
}

impl CheckOutcome {
    /// Failing rows on all sides.
    pub fn failures(&self) -> u64 {
        self.sides.iter().map(|s| s.failures).sum()
    }
}

/// What came of all tests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdicts {
    /// How many hold.
    pub passed: u64,
    /// How many are worth a warning.
    pub warned: u64,
    /// How many do not hold.
    pub failed: u64,
    /// How many could not be asked.
    pub errors: u64,
    /// Each of them.
    pub checks: Vec<CheckOutcome>,
    /// Seconds in all.
    pub seconds: f64,
}

impl Verdicts {
    pub(super) fn new(checks: Vec<CheckOutcome>, seconds: f64) -> Self {
        let count = |s: Status| checks.iter().filter(|c| c.status == s).count() as u64;
        Self {
            passed: count(Status::Pass),
            warned: count(Status::Warn),
            failed: count(Status::Fail),
            errors: count(Status::Error),
            seconds,
            checks,
        }
    }

    /// The worst of all.
    pub fn worst(&self) -> Status {
        let worst = self.checks.iter().map(|c| c.status).max();
        worst.unwrap_or(Status::Pass)
    }
}
