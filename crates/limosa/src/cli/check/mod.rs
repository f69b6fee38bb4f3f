mod exchange;
mod keep;

use super::common::{Answer, SettingsArgs, Settled};
use crate::failure::{End, Failure};
use crate::output::{Format, Output, Style, table};
use crate::progress;
use crate::signals::Watch;
use limosa::Limosa;
use limosa::check::{Check, On, Status, Verdicts, choose, only, role_word};
use limosa::exchange::{dbt, gx};
use limosa::report::{check_words, junit, samples};
use limosa::settings::amount::{show_count, show_seconds};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Ask the data tests of limosa.toml: what must be true of the rows
///
/// Ends with 0 if all hold, 3 if one of severity error fails, 4 if one could not be asked. Nothing is written in either database.
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    exchange: Option<exchange::Exchange>,
    /// Ask these tests: patterns on the name, or tag:…, table:…, kind:…; may be repeated
    #[arg(long, value_name = "PATTERN")]
    select: Vec<String>,
    /// Leave these tests out, by the same patterns; may be repeated
    #[arg(long, value_name = "PATTERN")]
    skip: Vec<String>,
    /// Ask this side alone, whatever the tests say
    #[arg(long, value_name = "SIDE", value_parser = ["source", "target"])]
    on: Option<String>,
    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the results as dbt's run_results.json
    #[arg(long, value_name = "FILE")]
    dbt_results: Option<PathBuf>,
    /// Write the results as Great Expectations' validation results
    #[arg(long, value_name = "FILE")]
    gx_results: Option<PathBuf>,
    /// Keep the keys of all failing rows, one file of JSON lines a test
    #[arg(long, value_name = "FOLDER")]
    store_failures: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingsArgs,
}

pub(super) fn run(args: Args, output: &Output) -> Answer {
    if let Some(exchange) = args.exchange {
        return exchange::run(exchange, output);
    }
    let limosa = args.settings.open(output)?;
    let chosen = chosen(&args, &limosa, output)?;
    let keeper = match &args.store_failures {
        Some(folder) => Some(keep::Files::new(folder)?),
        None => None,
    };
    let watch = Watch::begin(output)?;
    let listener = progress::listener(output, 0);
    let kept = keeper.as_ref().map(|k| k as &dyn limosa::check::Keeper);
    let verdicts = limosa.check(&chosen, kept, &listener, &watch.stop);
    drop(listener);
    let verdicts = watch.settle(verdicts)?;
    let name = &limosa.settings().plan.name;
    let now = SystemTime::now();
    for (path, text) in [
        (&args.junit, junit::checks(name, &verdicts)),
        (
            &args.dbt_results,
            dbt::results(name, &chosen, &verdicts, now),
        ),
        (&args.gx_results, gx::results(&chosen, &verdicts, now)),
    ] {
        if let Some(path) = path {
            write(path, &text, output)?;
        }
    }
    let end = watch.end(&End::Checked(&verdicts));
    match output.format() {
        Format::Text => output.line(&words(&verdicts, output))?,
        Format::Jsonl => {
            for check in &verdicts.checks {
                output.json("check", check)?;
            }
            output.json(
                "checks",
                &serde_json::json!({ "exit_code": end, "passed": verdicts.passed, "warned": verdicts.warned,
                    "failed": verdicts.failed, "errors": verdicts.errors, "seconds": verdicts.seconds }),
            )?;
        }
        Format::Json => {
            output.json(
                "checks",
                &serde_json::json!({ "exit_code": end, "checks": verdicts }),
            )?;
        }
    }
    Ok(end)
}

/// The tests that are asked.
fn chosen(args: &Args, limosa: &Limosa, output: &Output) -> Result<Vec<Check>, Settled> {
    let all = &limosa.settings().checks;
    if all.is_empty() {
        return Err(Failure::Precondition {
            what: "there are no data tests".into(),
            hint: "Write them into limosa.toml as [[check]], or import them: limosa check import dbt|gx FILE.".into(),
        }
        .into());
    }
    let chosen = choose(all, &args.select, &args.skip);
    if chosen.is_empty() {
        let names: Vec<&str> = all.iter().map(|c| c.name.as_str()).collect();
        return Err(Failure::Precondition {
            what: "no data test fits --select and --skip".into(),
            hint: format!("There are: {}.", names.join(", ")),
        }
        .into());
    }
    let on = match args.on.as_deref() {
        Some("source") => On::Source,
        Some(_) => On::Target,
        None => return Ok(chosen),
    };
    let (kept, left) = only(chosen, on);
    for name in left {
        output.warn(&format!(
            "the check {name} was left out: it compares two sides, and one is asked"
        ));
    }
    Ok(kept)
}

/// Writes a file of results, readable by the owner only.
fn write(path: &Path, text: &str, output: &Output) -> Result<(), Failure> {
    let text = output.redactor().clean(text);
    limosa::files::replace(path, text.as_bytes()).map_err(|e| {
        limosa_core::Error::new(
            limosa_core::ErrorKind::File,
            "writing the results",
            e.to_string(),
        )
        .on(path.display().to_string())
        .into()
    })
}

/// The results for people; also at the end of a run.
pub(super) fn words(verdicts: &Verdicts, output: &Output) -> String {
    let rows: Vec<Vec<String>> = verdicts
        .checks
        .iter()
        .map(|c| {
            let asked = c.sides.iter().filter_map(|s| s.asked.or(s.rows)).max();
            vec![
                limosa::text::visible(&c.name),
                asked.map_or_else(|| "-".into(), show_count),
                show_count(c.failures()),
                show_seconds(c.seconds),
                c.status.word().to_owned(),
            ]
        })
        .collect();
    let mut out = table(&["check", "rows", "failing", "time", "status"], &rows, None);
    out.push('\n');
    for c in verdicts.checks.iter().filter(|c| c.status != Status::Pass) {
        let style = match c.status {
            Status::Warn => Style::Warn,
            _ => Style::Bad,
        };
        out.push_str(&format!(
            "\n{} {}: {}",
            output.paint(style, c.status.word()),
            c.name,
            c.message.as_deref().unwrap_or_default()
        ));
        for side in &c.sides {
            for row in samples(side) {
                out.push_str(&format!("\n     {}: {row}", role_word(side.side)));
            }
        }
    }
    let style = match verdicts.worst() {
        Status::Pass => Style::Good,
        Status::Warn => Style::Warn,
        _ => Style::Bad,
    };
    let word = verdicts.worst().word().to_uppercase();
    out.push_str(&format!(
        "\n{}: {}",
        output.paint(style, &word),
        check_words(verdicts)
    ));
    out
}
