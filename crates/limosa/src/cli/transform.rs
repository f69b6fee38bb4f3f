use super::common::{Answer, SettingsArgs};
use super::plan::finding_lines;
use crate::failure::{End, code};
use crate::output::{Format, Output, Style, table};
use limosa::plan::Severity;
use limosa::text::visible;
use limosa::transform::TrialTable;

/// Show what the transforms make of the first rows of a table, before and after
///
/// Reads the source alone: no target is needed and nothing is written. Ends with 0, and with 5 if a formula is wrong.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The table of the source, `name` or `schema.name`
    #[arg(long = "try", value_name = "TABLE")]
    table: String,
    /// Rows that are read, at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    limit: u64,
    #[command(flatten)]
    settings: SettingsArgs,
}

pub(super) fn run(args: Args, output: &Output) -> Answer {
    let limosa = args.settings.open(output)?;
    let trial = limosa.try_transform(&args.table, args.limit)?;
    let wrong = trial.findings.iter().any(|f| f.severity == Severity::Stop);
    let end = if wrong { End::Refused } else { End::Done };
    if output.format() != Format::Text {
        output.json("trial", &trial)?;
        return Ok(code(&end, None));
    }
    if trial.tables.is_empty() && !wrong {
        output.line(&format!(
            "No transform is wished for {}: its rows pass as they are.",
            visible(&args.table)
        ))?;
    }
    for made in &trial.tables {
        output.line(&output.paint(Style::Bold, &format!("{} → {}", made.source, made.into)))?;
        rows(made, output)?;
        output.line("")?;
    }
    finding_lines(&trial.findings, output)?;
    Ok(code(&end, None))
}

/// Two lines a row: as it is, and what it becomes.
fn rows(made: &TrialTable, output: &Output) -> Result<(), crate::failure::Failure> {
    let cell = |c: &Option<String>| match c {
        Some(text) => {
            let text = visible(text);
            match text.chars().count() > 40 {
                true => text.chars().take(39).chain(['…']).collect(),
                false => text,
            }
        }
        None => "NULL".to_owned(),
    };
    // Columns of both sides, each once, those of the source first.
    let mut names: Vec<&str> = made.before.iter().map(String::as_str).collect();
    for name in &made.after {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let line = |word: String, columns: &[String], cells: &[Option<String>]| {
        let mut out = vec![word];
        out.extend(names.iter().map(|n| {
            let at = columns.iter().position(|c| c == n);
            at.and_then(|at| cells.get(at)).map_or(String::new(), cell)
        }));
        out
    };
    let mut lines = Vec::new();
    for (n, row) in made.rows.iter().enumerate() {
        lines.push(line(format!("{}", n + 1), &made.before, &row.before));
        lines.push(match (&row.after, &row.reason) {
            (Some(after), _) => line("→".into(), &made.after, after),
            (None, Some(reason)) => vec![format!("✗ {reason}")],
            (None, None) => vec!["filtered".into()],
        });
    }
    let width = names.len() + 1;
    for line in &mut lines {
        line.resize(width, String::new());
    }
    let mut heads = vec!["row"];
    heads.extend(names.iter());
    output.line(&table(&heads, &lines, None))?;
    output.line(&format!(
        "{} rows read: {} taken, {} filtered, {} fail",
        made.rows.len(),
        made.rows.iter().filter(|r| r.after.is_some()).count(),
        made.rows
            .iter()
            .filter(|r| r.after.is_none() && r.reason.is_none())
            .count(),
        made.rows.iter().filter(|r| r.reason.is_some()).count(),
    ))
}
