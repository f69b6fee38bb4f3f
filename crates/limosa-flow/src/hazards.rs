//! Findings: how they are made, and those that follow from the catalog and the scan alone.

use crate::plan::{Finding, Severity};
use limosa_core::scan::{ColumnScan, Hazard};
use limosa_core::schema::{Action, Table};
use std::fmt::Display;

/// Makes a finding about a table or another object.
pub(crate) fn finding(
    code: &str,
    severity: Severity,
    object: impl Display,
    text: impl Into<String>,
) -> Finding {
    Finding {
        code: code.into(),
        severity,
        object: Some(object.to_string()),
        column: None,
        text: text.into(),
        count: None,
        examples: Vec::new(),
        remedy: None,
    }
}

impl Finding {
    /// Names the column.
    #[must_use]
    pub(crate) fn at(mut self, column: &str) -> Self {
        self.column = Some(column.into());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Adds the count and the example keys of these hazards of a scan.
    #[must_use]
    pub(crate) fn evidence(mut self, scan: Option<&ColumnScan>, hazards: &[Hazard]) -> Self {
        let found = scan
            .iter()
            .flat_map(|s| &s.hazards)
            .filter(|h| hazards.contains(&h.hazard));
        for hazard in found {
            self.count = Some(self.count.unwrap_or(0) + hazard.count);
            let room = 5usize.saturating_sub(self.examples.len());
            self.examples
                .extend(hazard.examples.iter().take(room).cloned());
        }
        self
    }
}

/// The hazards that a policy of the table `[types]` is about.
pub(crate) fn hazards_of(policy: &str) -> &'static [Hazard] {
    match policy.split('=').next().unwrap_or_default().trim() {
        "nul" => &[Hazard::NulInText],
        "bad_date" => &[Hazard::BadDate, Hazard::FarDate],
        "not_finite" => &[Hazard::NotANumber, Hazard::Infinite],
        "invalid_text" => &[Hazard::InvalidText],
        "mismatch" => &[
            Hazard::OutsideDeclaredType,
            Hazard::TooLong,
            Hazard::TimeIsSpan,
        ],
        "precision" => &[
            Hazard::NotANumber,
            Hazard::Infinite,
            Hazard::OddJson,
            Hazard::WideJson,
            Hazard::NegativeZero,
        ],
        "tinyint1" => &[Hazard::NotABoolean],
        _ => &[],
    }
}

/// The choices beside `stop` that a policy has, for a remedy.
pub(crate) fn choices_of(policy: &str) -> &'static str {
    match policy.split('=').next().unwrap_or_default().trim() {
        "nul" => r#"nul = "strip", "replace" or "reject""#,
        "bad_date" => r#"bad_date = "null", "text" or "reject""#,
        "not_finite" => r#"not_finite = "null", "text" or "reject""#,
        "invalid_text" => {
            r#"invalid_text = "replace", "bytes", "latin1", "windows-1252" or "reject""#
        }
        "mismatch" => r#"mismatch = "widen" or "reject""#,
        "precision" => r#"precision = "text", "round" or "reject""#,
        "tinyint1" => r#"tinyint1 = "smallint""#,
        _ => "another choice",
    }
}

/// A lasting short name for what a policy is about.
pub(crate) fn code_of(policy: &str) -> &'static str {
    match policy.split('=').next().unwrap_or_default().trim() {
        "nul" => "nul-in-text",
        "bad_date" => "bad-date",
        "not_finite" => "not-finite",
        "invalid_text" => "invalid-text",
        "mismatch" => "outside-declared-type",
        "precision" => "precision",
        "tinyint1" => "not-a-boolean",
        _ => "lossy",
    }
}

/// What can be said of a source table without looking at the target.
///
/// `keyed` says whether rows can be told apart. Severity is `Note` or `Warning`.
pub fn of_table(table: &Table, keyed: bool) -> Vec<Finding> {
    let mut out = Vec::new();
    if !keyed {
        out.push(
            finding(
                "no-key",
                Severity::Warning,
                &table.name,
                "the table has no key without NULLs: its rows are compared as a multiset, \
                 and a killed copy of it may have to begin again",
            )
            .remedy("add a primary key in the source"),
        );
    }
    for key in &table.foreign_keys {
        let name = match &key.name {
            Some(name) => name.clone(),
            None => format!("on {}", key.columns.join(", ")),
        };
        if matches!(
            key.on_delete,
            Action::Cascade | Action::SetNull | Action::SetDefault
        ) || matches!(
            key.on_update,
            Action::Cascade | Action::SetNull | Action::SetDefault
        ) {
            out.push(finding(
                "cascade",
                Severity::Note,
                &table.name,
                format!(
                    "the foreign key {name} changes rows of this table when {} changes; \
                     some change logs do not show such changes",
                    key.parent
                ),
            ));
        }
        if !key.validated {
            out.push(
                finding(
                    "foreign-key-not-enforced",
                    Severity::Warning,
                    &table.name,
                    format!(
                        "the source has not made sure that every row has its parent for the \
                         foreign key {name} to {}; the target may refuse it",
                        key.parent
                    ),
                )
                .remedy("look for rows without a parent, and mend them in the source"),
            );
        }
    }
    out.extend(
        table
            .unrepresented
            .iter()
            .map(|text| finding("not-represented", Severity::Warning, &table.name, text)),
    );
    out.extend(table.triggers.iter().map(|t| {
        finding(
            "trigger-not-moved",
            Severity::Warning,
            &table.name,
            format!("the trigger {} is not moved", t.name),
        )
        .remedy("write it by hand in the target, after the run")
    }));
    if let Some(p) = &table.partitioning {
        out.push(finding(
            "partitioning-not-moved",
            Severity::Warning,
            &table.name,
            format!(
                "the table is cut by {} into {} partitions; in the target it is one table",
                p.clause,
                p.parts.len()
            ),
        ));
    }
    out
}
