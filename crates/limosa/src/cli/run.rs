use super::common::{Answer, SettingsArgs, Settled, quote};
use crate::failure::{End, Failure};
use crate::output::{Format, Output, Style, table};
use crate::progress;
use crate::signals::Watch;
use limosa::outcome::{ColumnCauses, Comparison, Ending, Outcome, Verdict};
use limosa::plan::Plan;
use limosa::report::{Report, verdict_word};
use limosa::settings::amount::{show_bytes, show_count, show_seconds};
use limosa::{Limosa, Parts};
use std::collections::HashMap;
use std::path::PathBuf;

/// Do it: schema, rows, keys, comparison, report; or go on where it was
///
/// May be killed at any moment: the same command goes on. Ctrl-C ends at the edge of a chunk.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Run exactly the plan of this file, written by `limosa plan --out`
    #[arg(long, value_name = "FILE")]
    plan: Option<super::Place>,
    /// Leave the comparison out; `limosa verify` makes it later
    #[arg(long)]
    no_verify: bool,
    /// Take the run over from a process that may still be alive
    #[arg(long)]
    steal: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

pub(super) fn run(args: Args, output: &Output) -> Answer {
    let parts = if args.no_verify {
        Parts::Copy
    } else {
        Parts::All
    };
    let mut again = String::from("limosa run");
    if let Some(plan) = &args.plan {
        again.push_str(&format!(" --plan {}", quote(&plan.display().to_string())));
    }
    if args.no_verify {
        again.push_str(" --no-verify");
    }
    again.push_str(&args.settings.again());
    execute(&args.settings, args.plan, parts, args.steal, again, output)
}

/// The way of `run` and `copy`: find or make the plan, do it, tell what came of it.
pub(super) fn execute(
    settings: &SettingsArgs,
    plan: Option<PathBuf>,
    parts: Parts,
    steal: bool,
    again: String,
    output: &Output,
) -> Answer {
    let watch = Watch::begin(output)?;
    execute_watched(settings, plan, parts, steal, again, &watch, output)
}

/// The same, for who listens to signals already.
pub(super) fn execute_watched(
    settings: &SettingsArgs,
    plan: Option<PathBuf>,
    parts: Parts,
    steal: bool,
    again: String,
    watch: &Watch,
    output: &Output,
) -> Answer {
    let mut settings = settings.load(output)?;
    settings.run.steal = steal;
    let given = plan.map(|p| limosa::plan_file::read(&p)).transpose()?;
    if let Some(given) = &given {
        // The plan's own words stand, so that its journal is found.
        settings.plan = given.settings.clone();
    }
    let limosa = Limosa::open(settings)?;
    let plan = watch.settle(choose(&limosa, given, output))?;
    drive(&limosa, &plan, parts, watch, &again, output)
}

/// The plan that is run: the one that was begun, the one that was given, or a new one.
fn choose(limosa: &Limosa, given: Option<Plan>, output: &Output) -> Result<Plan, Failure> {
    let begun = limosa.begun()?;
    let plan = match (given, begun) {
        (Some(given), _) => given,
        (None, Some(begun)) => {
            let phase = limosa.summary(0)?.phase;
            output.note(&format!(
                "{} (plan {}).",
                match phase.as_str() {
                    "complete" => format!("{} is complete already", begun.settings.name),
                    _ => format!("Going on with {} in the phase {phase}", begun.settings.name),
                },
                &begun.hash()[..12]
            ));
            return Ok(begun);
        }
        (None, None) => {
            let listener = progress::listener(output, 0);
            limosa.plan(&listener)?
        }
    };
    let stops: Vec<_> = plan.stops().cloned().collect();
    if !stops.is_empty() {
        if output.format() == Format::Text {
            for f in &stops {
                let place: Vec<&str> = [&f.object, &f.column]
                    .into_iter()
                    .filter_map(|p| p.as_deref())
                    .collect();
                let mut line = format!(
                    "{} {}: {} [{}]",
                    output.paint_err(Style::Bad, "stop"),
                    place.join("."),
                    f.text,
                    f.code
                );
                if let Some(n) = f.count {
                    line.push_str(&format!(" ×{}", show_count(n)));
                }
                if !f.examples.is_empty() {
                    line.push_str(&format!("; keys: {}", f.examples.join(", ")));
                }
                if let Some(remedy) = &f.remedy {
                    line.push_str(&format!("\n     → {remedy}"));
                }
                output.say(&line);
            }
        }
        return Err(Failure::Precondition {
            what: format!(
                "the run was not begun: {} to decide first",
                match stops.len() {
                    1 => "there is one thing".to_owned(),
                    n => format!("there are {n} things"),
                }
            ),
            hint: "Write the decisions into limosa.toml. `limosa assess` shows everything at once."
                .into(),
        });
    }
    Ok(plan)
}

/// Runs a plan and tells what came of it.
pub(super) fn drive(
    limosa: &Limosa,
    plan: &Plan,
    parts: Parts,
    watch: &Watch,
    again: &str,
    output: &Output,
) -> Answer {
    let known: u64 = plan.tables.iter().filter_map(|t| t.rows).sum();
    let rows = known.max(plan.estimate.rows);
    let listener = progress::listener(output, rows);
    let result = limosa.run(plan, parts, &listener, &watch.stop);
    drop(listener);
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(error) => {
            if !error.precondition() {
                output.say(&format!("To go on: {again}"));
            }
            return Err(Settled {
                failure: error.into(),
                signal: watch.code(),
            });
        }
    };
    let end = watch.end(&End::Run(&outcome));
    let files = match outcome.ending {
        Ending::Interrupted => Vec::new(),
        _ => write_report(limosa, output)?,
    };
    if output.format() == Format::Text {
        if outcome.ending != Ending::Interrupted {
            output.line(&final_table(&outcome))?;
        }
        if let Some(comparison) = &outcome.comparison {
            output.line(&verdict_lines(comparison, output))?;
        }
        if let Some(checks) = &outcome.checks {
            output.line(&format!("\n{}", super::check::words(checks, output)))?;
        }
        for step in outcome.steps.iter().filter(|s| !s.done) {
            let why = step.error.as_deref().unwrap_or("it was not begun");
            output.say(&format!(
                "{} {}: {why}",
                output.paint_err(Style::Bad, "not done:"),
                step.id
            ));
        }
        for t in &outcome.tables {
            for error in &t.errors {
                output.say(&format!(
                    "{} {}: {error}",
                    output.paint_err(Style::Bad, "error:"),
                    t.table
                ));
            }
        }
    } else {
        output.json(
            "outcome",
            &serde_json::json!({ "exit_code": end, "outcome": outcome, "reports": files }),
        )?;
    }
    let skipped: u64 = outcome.tables.iter().map(|t| t.skipped).sum();
    let rejected = outcome.rejected();
    if skipped > 0 {
        output.say(&format!(
            "{} rows inserted, 0 updated, {} filtered, {} rejected",
            show_count(outcome.tables.iter().map(|t| t.rows).sum()),
            show_count(skipped),
            show_count(rejected)
        ));
    }
    if rejected > 0 {
        output.say(&format!(
            "{} {} rows are not in the target. To see them: limosa rejects list",
            output.paint_err(Style::Warn, "rejected:"),
            show_count(rejected)
        ));
    }
    match outcome.ending {
        Ending::Interrupted => output.say(&format!(
            "Stopped. Everything that was done stays. To go on: {again}"
        )),
        Ending::Partial => output.say(&format!(
            "Partly done. When the causes are gone, the same command tries the rest again: {again}"
        )),
        Ending::Complete => {}
    }
    say_files(&files, output);
    Ok(end)
}

/// Writes the report from the journal.
pub(super) fn write_report(limosa: &Limosa, output: &Output) -> Result<Vec<PathBuf>, Failure> {
    let report: Report = limosa.report()?;
    Ok(report.write(&limosa.settings().report, &output.redactor())?)
}

pub(super) fn say_files(files: &[PathBuf], output: &Output) {
    if let Some(first) = files.first() {
        output.note(&format!("Report: {} (and .md, .json)", first.display()));
    }
}

/// The table at the end of a run.
fn final_table(outcome: &Outcome) -> String {
    let verdicts: HashMap<&limosa_core::schema::TableName, _> = (outcome.comparison.iter())
        .flat_map(|c| &c.tables)
        .map(|t| (&t.table, t.verdict))
        .collect();
    let verdict = |name: &limosa_core::schema::TableName| match verdicts.get(name) {
        Some(verdict) => verdict_word(Some(*verdict)).to_owned(),
        None => "-".into(),
    };
    let line = |name: String, errors: usize, rows: u64, bytes: u64, seconds: f64, verdict| {
        let rate = if seconds > 0.0 {
            rows as f64 / seconds
        } else {
            0.0
        };
        vec![
            name,
            errors.to_string(),
            show_count(rows),
            show_bytes(bytes),
            show_seconds(seconds),
            show_count(rate as u64),
            verdict,
        ]
    };
    let rows: Vec<Vec<String>> = outcome
        .tables
        .iter()
        .map(|t| {
            let name = limosa::text::visible(&t.table.to_string());
            line(
                name,
                t.errors.len(),
                t.rows,
                t.bytes,
                t.seconds,
                verdict(&t.table),
            )
        })
        .collect();
    let sum = |f: fn(&limosa::outcome::TableOutcome) -> u64| outcome.tables.iter().map(f).sum();
    let last = line(
        "in all".into(),
        outcome.tables.iter().map(|t| t.errors.len()).sum(),
        sum(|t| t.rows),
        sum(|t| t.bytes),
        outcome.seconds,
        verdict_word(outcome.comparison.as_ref().map(|c| c.verdict)).to_owned(),
    );
    let header = [
        "table", "errors", "rows", "bytes", "time", "rows/s", "compared",
    ];
    table(&header, &rows, Some(last))
}

/// What the comparison says, with the first differences.
pub(super) fn verdict_lines(comparison: &Comparison, output: &Output) -> String {
    const SHOWN: usize = 10;
    let style = match comparison.verdict {
        Verdict::Pass => Style::Good,
        Verdict::Fail => Style::Bad,
        _ => Style::Warn,
    };
    let compared: u64 = comparison.tables.iter().map(|t| t.compared_rows).sum();
    let mut out = format!(
        "\n{}: {} rows of {} tables compared",
        output.paint(style, verdict_word(Some(comparison.verdict))),
        show_count(compared),
        comparison.tables.len()
    );
    let differing: u64 = comparison.tables.iter().map(|t| t.differing_rows).sum();
    if differing > 0 {
        out.push_str(&format!(", {} differ", show_count(differing)));
    }
    if let Some((number, of)) = comparison.share {
        out.push_str(&format!(
            " (share {}/{of} of {} % of the rows; small tables whole)",
            number + 1,
            comparison.percentage
        ));
    }
    if let Some((fewer, rows)) = comparison.bound() {
        out.push_str(&format!(
            "\n  of {} rows a share was compared and nothing differs; with 95 % confidence fewer than {} of them do",
            show_count(rows),
            show_count(fewer)
        ));
    }
    for t in &comparison.tables {
        if let Some(error) = &t.error {
            out.push_str(&format!("\n  {}: {error}", t.table));
        }
        for (column, why) in &t.not_compared {
            out.push_str(&format!("\n  {}.{column}: not compared: {why}", t.table));
        }
        for line in t.causes.iter().flat_map(ColumnCauses::lines) {
            out.push_str(&format!("\n  {}, {line}", t.table));
        }
        for d in t.differences.iter().take(SHOWN) {
            let columns = match d.columns.is_empty() {
                true => String::new(),
                false => format!(": {}", d.columns.join(", ")),
            };
            out.push_str(&format!(
                "\n  {} [{}] {}{columns}",
                t.table,
                d.key.join(", "),
                d.kind
            ));
        }
        if t.differing_rows > SHOWN as u64 {
            out.push_str(&format!(
                "\n  {}: {} rows differ in all",
                t.table,
                show_count(t.differing_rows)
            ));
        }
    }
    for d in comparison.schema.iter().filter(|d| !d.planned) {
        out.push_str(&format!("\n  schema, {}: {}", d.object, d.text));
    }
    out
}
