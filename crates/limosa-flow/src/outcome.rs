//! What came of a run: the facts of the final table, the report and the exit code.

use crate::check::Verdicts;
use limosa_core::schema::TableName;
use serde::{Deserialize, Serialize};

/// What the comparison says of a table or of the whole.
///
/// The order is from good to bad; the verdict of the whole is the worst of its tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every row and every column was compared and is equal.
    Pass,
    /// The same, but for exceptions that are listed and that somebody chose.
    PassWithExceptions,
    /// Something was not compared: a column, a table, a share of the rows.
    Partial,
    /// Something differs.
    Fail,
}

/// What became of one table's copy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableOutcome {
    /// The table, by its target name.
    pub table: TableName,
    /// Rows copied, over all runs of this migration.
    pub rows: u64,
    /// Bytes copied, as they were written.
    pub bytes: u64,
    /// Seconds of lane time in this run.
    pub seconds: f64,
    /// Chunks done, of how many.
    pub chunks: (u64, u64),
    /// Chunks that an earlier run had done.
    pub resumed: u64,
    /// Rows that were left out of it, over all runs of this migration.
    #[serde(default)]
    pub rejected: u64,
    /// Rows that a filter left out, over all runs of this migration.
    #[serde(default)]
    pub skipped: u64,
    /// Why it failed: one line each, with the key range and the server's words.
    pub errors: Vec<String>,
}

/// One differing row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The key as text, column by column; for a table without a key, the row's hash and how often each side has it.
    pub key: Vec<String>,
    /// `missing` (not in the target), `extra` (not in the source), `differs`, or `count` (keyless rows of unequal number);
    /// `rejected`: missing or too few, because the row was rejected.
    pub kind: String,
    /// The columns that differ, by their target names.
    pub columns: Vec<String>,
}

/// How many differences of a column one rule explains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CauseCount {
    /// The rule's lasting name: `time-shift`, `trailing-space`, `other`.
    pub cause: String,
    /// The rule in words, as what follows "all 5,312 values".
    pub text: String,
    /// Differences that it explains.
    pub rows: u64,
}

/// Why the values of a column differ: one rule, if one explains all differences.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnCauses {
    /// The column, by its target name.
    pub column: String,
    /// Values that differ, in all.
    pub differing: u64,
    /// The rules; each difference is counted under one.
    pub causes: Vec<CauseCount>,
}

/// What became of one table's comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableVerdict {
    /// The table, by its target name.
    pub table: TableName,
    /// The verdict.
    pub verdict: Verdict,
    /// Rows in the source.
    pub source_rows: u64,
    /// Rows in the target.
    pub target_rows: u64,
    /// Rows that were compared.
    pub compared_rows: u64,
    /// Rows that differ, in all.
    pub differing_rows: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
    /// Why they differ, column by column, over all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<ColumnCauses>,
    /// Columns that were not compared, and why.
    pub not_compared: Vec<(String, String)>,
    /// Rows that were also compared in the other way: read, and added up by the servers.
    #[serde(default)]
    pub cross_checked_rows: u64,
    /// Where the two ways did not say the same of one side's rows. Such a comparison proves nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disagreements: Vec<String>,
    /// Why the comparison could not be made or finished.
    pub error: Option<String>,
    /// Seconds that it took.
    pub seconds: f64,
}

/// How one column is compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnWay {
    /// The column, by its target name.
    pub column: String,
    /// `pushdown`: the servers can add it up, in the same text; `stream`: it is read; `not comparable`.
    pub way: String,
    /// The text (`bare`, `text`, …), or why not.
    pub detail: String,
}

/// How one table is compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableWays {
    /// The table, by its target name.
    pub table: TableName,
    /// Whether the servers can add up whole rows: every compared column is one of `pushdown`.
    pub pushdown: bool,
    /// Every column, the key first.
    pub columns: Vec<ColumnWay>,
}

/// One thing of the schema that is not the same in both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SchemaDifference {
    /// The object.
    pub object: String,
    /// What differs, as a sentence.
    pub text: String,
    /// Whether the plan said so beforehand.
    pub planned: bool,
}

/// The comparison of two databases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The worst of all.
    pub verdict: Verdict,
    /// Every table.
    pub tables: Vec<TableVerdict>,
    /// The schemas.
    pub schema: Vec<SchemaDifference>,
    /// [`limosa_core::canonical::CANONICAL_VERSION`].
    pub canonical_version: u32,
    /// The share of rows that was compared, in percent.
    pub percentage: f64,
    /// Which of several disjoint shares it was, from 0, and of how many; `None` if all rows were compared.
    #[serde(default)]
    pub share: Option<(u32, u32)>,
}

impl Comparison {
    /// What a comparison of a share says of the rest, if it found nothing: with 95 % confidence fewer
    /// than the first number of the second number of rows differ. `None` if there is no rest, or something
    /// differs.
    pub fn bound(&self) -> Option<(u64, u64)> {
        let sampled = |t: &&TableVerdict| t.compared_rows < t.source_rows && t.error.is_none();
        let rows: u64 = self
            .tables
            .iter()
            .filter(sampled)
            .map(|t| t.source_rows)
            .sum();
        let differing: u64 = self.tables.iter().map(|t| t.differing_rows).sum();
        let share = self.percentage / 100.0;
        if rows == 0 || differing > 0 || self.share.is_none() || share <= 0.0 {
            return None;
        }
        // As many that all would be missed with a chance of 5 %.
        let fewer = (0.05f64.ln() / (-share).ln_1p()).ceil().max(1.0) as u64;
        Some((fewer.min(rows), rows))
    }
}

/// One schema act of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepOutcome {
    /// The step's name in the plan.
    pub id: String,
    /// Whether it was done.
    pub done: bool,
    /// Why not.
    pub error: Option<String>,
    /// Seconds.
    pub seconds: f64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Everything was done; the verdict says whether it is equal.
    Complete,
    /// Some tables or steps failed, the others are done.
    Partial,
    /// Somebody asked to stop; the same command goes on.
    Interrupted,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Its name.
    pub run: String,
    /// The hash of its plan.
    pub plan_hash: String,
    /// How it ended.
    pub ending: Ending,
    /// Seconds of this run from its beginning to its end.
    pub seconds: f64,
    /// Seconds by stage, in order.
    pub stages: Vec<(String, f64)>,
    /// The copies, largest first.
    pub tables: Vec<TableOutcome>,
    /// The schema acts.
    pub steps: Vec<StepOutcome>,
    /// The comparison, if it was made.
    pub comparison: Option<Comparison>,
    /// The data tests, if they were asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks: Option<Verdicts>,
}

impl Outcome {
    /// Rows that were left out, of all tables.
    pub fn rejected(&self) -> u64 {
        self.tables.iter().map(|t| t.rejected).sum()
    }
}
