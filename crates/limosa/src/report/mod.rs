//! What came of a migration, for people who were not there: HTML (one file, no script), Markdown, JSON.

mod html;
pub mod junit;
mod markdown;

use crate::settings::Redactor;
use limosa_core::{Error, ErrorKind, Result};
use limosa_flow::check::{Sided, Verdicts};
use limosa_flow::outcome::{Comparison, Ending, Outcome, Verdict};
use limosa_flow::plan::{Estimate, Finding, Plan};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Raised when the shape of the JSON changes so that older readers misread it.
pub const REPORT_FORMAT: u32 = 1;

/// A report. Holds names, counts, keys of differing rows and times; no other values of rows, no secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`REPORT_FORMAT`].
    pub format_version: u32,
    /// The version of Limosa that wrote it.
    pub limosa: String,
    /// When, in milliseconds since 1970, UTC.
    pub written_ms: u64,
    /// The name of the migration.
    pub name: String,
    /// The hash of the plan.
    pub plan_hash: String,
    /// The strategy.
    pub strategy: String,
    /// The version of Limosa that made the plan.
    pub planned_by: String,
    /// Where from.
    pub source: Party,
    /// Where to.
    pub target: Party,
    /// The verdict; `None` if nothing was compared.
    pub verdict: Option<Verdict>,
    /// What the verdict says, as a sentence.
    pub summary: String,
    /// How the last run ended; `None` if none has ended.
    pub outcome: Option<Outcome>,
    /// The last comparison: of the run, or of a later `verify`.
    pub comparison: Option<Comparison>,
    /// The data tests, if they were asked.
    #[serde(default)]
    pub checks: Option<Verdicts>,
    /// What does not convert exactly, and hazards.
    pub findings: Vec<Finding>,
    /// What was thought that it would take.
    pub estimate: Estimate,
}

/// One of the two databases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Party {
    /// Its address, without secrets.
    pub address: String,
    /// Product and version.
    pub product: String,
    /// How the connection was protected.
    pub security: String,
}

impl Report {
    /// Puts a report together. `now` is when it is written.
    pub fn new(
        plan: &Plan,
        outcome: Option<Outcome>,
        comparison: Option<Comparison>,
        now: SystemTime,
    ) -> Self {
        let party = |side: &limosa_flow::plan::Side| Party {
            address: side.address.clone(),
            product: format!(
                "{} {}",
                side.capabilities.product, side.capabilities.version
            ),
            security: side.security.clone(),
        };
        let comparison = comparison.or_else(|| outcome.as_ref().and_then(|o| o.comparison.clone()));
        Self {
            format_version: REPORT_FORMAT,
            limosa: crate::VERSION.to_owned(),
            written_ms: now
                .duration_since(UNIX_EPOCH)
                .map_or(0, |d| d.as_millis() as u64),
            name: plan.settings.name.clone(),
            plan_hash: plan.hash(),
            strategy: plan.strategy.clone(),
            planned_by: plan.made_by.clone(),
            source: party(&plan.source),
            target: party(&plan.target),
            verdict: comparison.as_ref().map(|c| c.verdict),
            summary: summary(outcome.as_ref(), comparison.as_ref()),
            outcome,
            comparison,
            checks: None,
            findings: plan.findings.clone(),
            estimate: plan.estimate.clone(),
        }
    }

    /// Adds what came of the data tests.
    #[must_use]
    pub fn with_checks(mut self, checks: Option<Verdicts>) -> Self {
        if let Some(checks) = &checks {
            self.summary.push_str(&format!(" {}", check_words(checks)));
        }
        self.checks = checks;
        self
    }

    /// The report as one HTML file: no script, nothing loaded from elsewhere, everything escaped.
    pub fn html(&self) -> String {
        html::render(self)
    }

    /// The report as Markdown.
    pub fn markdown(&self) -> String {
        markdown::render(self)
    }

    /// The report as JSON.
    pub fn json(&self) -> String {
        let mut text =
            serde_json::to_string_pretty(self).expect("a report holds only what JSON can say");
        text.push('\n');
        text
    }

    /// Writes all three into `folder` as `<name>.html`, `<name>.md`, `<name>.json`, and the data tests as
    /// `<name>.junit.xml` if there are any, readable by the
    /// owner only, and gives their paths. A file that is there is replaced as a whole or not at all.
    ///
    /// # Errors
    /// `File`.
    pub fn write(&self, folder: &Path, redactor: &Redactor) -> Result<Vec<PathBuf>> {
        let failed = |path: &Path, e: std::io::Error| {
            Error::new(ErrorKind::File, "writing the report", e.to_string())
                .on(path.display().to_string())
                .hint("Choose another folder with --report or `report = …`.")
        };
        std::fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
        let mut parts = vec![
            ("html", self.html()),
            ("md", self.markdown()),
            ("json", self.json()),
        ];
        if let Some(checks) = &self.checks {
            parts.push(("junit.xml", junit::checks(&self.name, checks)));
        }
        let mut written = Vec::new();
        for (end, text) in parts {
            let path = folder.join(format!("{}.{end}", self.name));
            crate::files::replace(&path, redactor.clean(&text).as_bytes())
                .map_err(|e| failed(&path, e))?;
            written.push(path);
        }
        Ok(written)
    }
}

/// What a verdict is called.
pub fn verdict_word(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Pass) => "PASS",
        Some(Verdict::PassWithExceptions) => "PASS WITH EXCEPTIONS",
        Some(Verdict::Partial) => "PARTIAL",
        Some(Verdict::Fail) => "FAIL",
        None => "NOT COMPARED",
    }
}

/// What came of the data tests, as a sentence.
pub fn check_words(v: &Verdicts) -> String {
    let mut parts = vec![format!("{} hold", v.passed)];
    for (n, word) in [
        (v.failed, "fail"),
        (v.warned, "warn"),
        (v.errors, "could not be asked"),
    ] {
        if n > 0 {
            parts.push(format!("{n} {word}"));
        }
    }
    format!("Of {} data tests {}.", v.checks.len(), parts.join(", "))
}

/// What came of it, as a sentence or two.
fn summary(outcome: Option<&Outcome>, comparison: Option<&Comparison>) -> String {
    use crate::settings::amount::show_count;
    let mut out = match outcome.map(|o| o.ending) {
        None => "No run has ended yet.".to_owned(),
        Some(Ending::Complete) => "Everything that was planned was done.".to_owned(),
        Some(Ending::Partial) => "Some tables or steps failed; the others are done.".to_owned(),
        Some(Ending::Interrupted) => {
            "The run was asked to stop; the same command goes on.".to_owned()
        }
    };
    let rejected = outcome.map_or(0, Outcome::rejected);
    if rejected > 0 {
        out.push_str(&format!(
            " {} rows were rejected and are not in the target; `limosa rejects list` names them.",
            show_count(rejected)
        ));
    }
    let Some(comparison) = comparison else {
        out.push_str(" Nothing was compared.");
        return out;
    };
    let compared: u64 = comparison.tables.iter().map(|t| t.compared_rows).sum();
    let differing: u64 = comparison.tables.iter().map(|t| t.differing_rows).sum();
    let (rows, tables) = (show_count(compared), comparison.tables.len());
    let rest = match comparison.verdict {
        Verdict::Pass => format!(
            " Every row and column of {tables} tables was compared ({rows} rows) and is equal."
        ),
        Verdict::PassWithExceptions => format!(
            " {rows} rows of {tables} tables were compared and are equal, but for the exceptions that are listed and that were chosen."
        ),
        Verdict::Partial => format!(
            " {rows} rows of {tables} tables were compared and are equal; not everything was compared, see below."
        ),
        Verdict::Fail if differing > 0 => {
            format!(" {} of {rows} compared rows differ.", show_count(differing))
        }
        Verdict::Fail => " The comparison found differences or could not be finished.".to_owned(),
    };
    out.push_str(&rest);
    if let Some((fewer, rows)) = comparison.bound() {
        out.push_str(&format!(
            " Of {} rows a share was compared and nothing differs: with 95 % confidence fewer than {} of them do.",
            show_count(rows),
            show_count(fewer)
        ));
    }
    out
}

/// The failing rows that are named, each as `column=value, …`.
pub fn samples(side: &Sided) -> Vec<String> {
    let one = |row: &Vec<Option<String>>| {
        let cells = side.columns.iter().zip(row);
        let cells = cells.map(|(c, v)| format!("{c}={}", v.as_deref().unwrap_or("NULL")));
        cells.collect::<Vec<_>>().join(", ")
    };
    side.samples.iter().map(one).collect()
}

/// A moment as `YYYY-MM-DD HH:MM:SS UTC`.
pub fn show_moment(ms: u64) -> String {
    let mut out = Vec::new();
    let micros = i64::try_from(ms).unwrap_or(0).saturating_mul(1000);
    limosa_core::notation::write_timestamp(&mut out, micros, 0);
    format!("{} UTC", String::from_utf8_lossy(&out))
}

/// The name that the JSON gives a value of an enum without data.
pub fn word<T: Serialize>(value: T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(s)) => s,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests;
