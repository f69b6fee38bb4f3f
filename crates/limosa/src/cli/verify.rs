use super::common::{Answer, SettingsArgs};
use super::run::{say_files, verdict_lines, write_report};
use crate::failure::{End, Failure};
use crate::output::{Format, Output, table};
use crate::progress;
use crate::signals::Watch;
use limosa::Limosa;
use limosa::outcome::{Comparison, Ending};
use limosa::report::{Report, verdict_word};
use limosa::settings::RowExtent;
use limosa::settings::amount::{show_count, show_seconds};
use limosa_core::{Error, ErrorKind};
use std::path::PathBuf;
use std::time::SystemTime;

/// Compare two databases, row by row and column by column
///
/// After a run: as its plan says. Without one (or with --alone): any two databases, tables and columns by
/// name, values by what both types mean, and the schemas. Writes to neither. Ends with 0 if all is
/// equal, 3 if something differs, 4 if something was not compared.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Compare the databases as they are, even if a run was begun under this name
    #[arg(long)]
    alone: bool,
    /// Compare rows and not the schemas
    #[arg(long, visible_alias = "tables-only", conflicts_with = "schema_only")]
    no_schema: bool,
    /// Compare the schemas and no rows
    #[arg(long, conflicts_with = "counts_only")]
    schema_only: bool,
    /// Compare the schemas and the numbers of rows
    #[arg(long)]
    counts_only: bool,
    /// Compare the K-th of N disjoint shares of the rows, chosen by the hash of the key
    #[arg(long, value_name = "K/N", value_parser = share, conflicts_with = "counts_only")]
    share: Option<(u32, u32)>,
    /// Leave the rows where they are as long as the sums that both servers make of them are equal; for slow links
    #[arg(long, conflicts_with_all = ["counts_only", "schema_only", "share"])]
    pushdown: bool,
    /// Compare so much of the rows in both ways, read and added up by the servers, in percent (default 1)
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    cross_check: Option<f64>,
    /// Say of each column how it would be compared, and compare nothing
    #[arg(long)]
    explain: bool,
    /// Write the result as JUnit XML too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl Args {
    fn open(&self, output: &Output) -> Result<Limosa, Failure> {
        let mut settings = self.settings.load(output)?;
        let extent = &mut settings.run.extent;
        extent.schema = !self.no_schema;
        extent.rows = match (self.schema_only, self.counts_only) {
            (true, _) => RowExtent::None,
            (_, true) => RowExtent::Counts,
            _ => RowExtent::Cells,
        };
        let sums = &mut settings.run.sums;
        sums.pushdown |= self.pushdown;
        if let Some(percent) = self.cross_check {
            sums.cross_check = percent;
        }
        if self.pushdown && settings.run.validate_percentage < 100.0 {
            return Err(Error::new(
                ErrorKind::Configuration,
                "comparing",
                "a share of the rows is chosen where they are read, and with --pushdown they are not",
            )
            .hint("Leave --pushdown out, or compare 100 percent: it costs the link next to nothing.")
            .into());
        }
        if let Some((number, of)) = self.share {
            settings.run.validate_percentage = 100.0 / f64::from(of);
            settings.run.extent.share = Some(number - 1);
        }
        Ok(Limosa::open(settings)?)
    }
}

fn share(text: &str) -> Result<(u32, u32), String> {
    let (number, of) = text.split_once('/').ok_or("write it like 2/10")?;
    match (number.trim().parse(), of.trim().parse()) {
        (Ok(number), Ok(of)) if 1 <= number && number <= of && of <= 10_000 => Ok((number, of)),
        _ => Err("the first number is from 1 to the second, which is at most 10000".into()),
    }
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').parse().ok();
    number
        .filter(|n| (0.0..=100.0).contains(n))
        .ok_or_else(|| "write a number from 0 to 100".into())
}

pub(super) fn run(args: Args, output: &Output) -> Answer {
    let limosa = args.open(output)?;
    let watch = Watch::begin(output)?;
    if args.explain {
        return explain(&args, &limosa, &watch, output);
    }
    if args.alone || !limosa.has_journal() {
        return alone(&args, &limosa, &watch, output);
    }
    let rows = watch
        .settle(limosa.summary(0))?
        .tables
        .iter()
        .map(|(_, all)| all.rows)
        .sum();
    let listener = progress::listener(output, rows);
    let outcome = watch.settle(limosa.verify(&listener, &watch.stop))?;
    drop(listener);
    let Some(comparison) = outcome.comparison.as_ref() else {
        if outcome.ending == Ending::Interrupted {
            output.say(&format!(
                "Stopped. To compare from the beginning: limosa verify{}",
                args.settings.again()
            ));
            return Ok(watch.end(&End::Run(&outcome)));
        }
        return Err(Failure::internal("the comparison gave no answer").into());
    };
    let end = match outcome.ending {
        Ending::Interrupted => watch.end(&End::Run(&outcome)),
        _ => watch.end(&End::Compared(comparison)),
    };
    let mut files = write_report(&limosa, output)?;
    junit(&args, &limosa, comparison, &mut files, output)?;
    say(comparison, end, &files, output)?;
    Ok(end)
}

/// Says how each column would be compared.
fn explain(args: &Args, limosa: &Limosa, watch: &Watch, output: &Output) -> Answer {
    let listener = progress::listener(output, 0);
    let alone = args.alone || !limosa.has_journal();
    let ways = watch.settle(limosa.explain(alone, &listener, &watch.stop))?;
    drop(listener);
    if output.format() == Format::Text {
        let rows: Vec<Vec<String>> = ways
            .iter()
            .flat_map(|t| t.columns.iter().map(move |c| (&t.table, c)))
            .map(|(table, c)| {
                vec![
                    limosa::text::visible(&table.to_string()),
                    limosa::text::visible(&c.column),
                    c.way.clone(),
                    limosa::text::visible(&c.detail),
                ]
            })
            .collect();
        output.line(&table(
            &["table", "column", "way", "how or why"],
            &rows,
            None,
        ))?;
        let whole = ways.iter().filter(|t| t.pushdown).count();
        output.line(&format!(
            "With --pushdown the servers add up {whole} of {} tables; the others are read.",
            ways.len()
        ))?;
    } else {
        output.json("comparison_ways", &serde_json::json!({ "tables": ways }))?;
    }
    Ok(0)
}

/// Compares without a run.
fn alone(args: &Args, limosa: &Limosa, watch: &Watch, output: &Output) -> Answer {
    let listener = progress::listener(output, 0);
    let (plan, comparison) = watch.settle(limosa.compare(&listener, &watch.stop))?;
    drop(listener);
    let end = watch.end(&End::Compared(&comparison));
    let mut files = Vec::new();
    if args.settings.report.is_some() {
        let report = Report::new(&plan, None, Some(comparison.clone()), SystemTime::now());
        files = report.write(&limosa.settings().report, &output.redactor())?;
    }
    junit(args, limosa, &comparison, &mut files, output)?;
    say(&comparison, end, &files, output)?;
    Ok(end)
}

fn junit(
    args: &Args,
    limosa: &Limosa,
    comparison: &Comparison,
    files: &mut Vec<PathBuf>,
    output: &Output,
) -> Result<(), Failure> {
    if let Some(path) = &args.junit {
        let xml = limosa::report::junit::comparison(&limosa.settings().plan.name, comparison);
        let clean = output.redactor().clean(&xml);
        limosa::files::replace(path, clean.as_bytes()).map_err(|e| {
            Error::new(ErrorKind::File, "writing the JUnit file", e.to_string())
                .on(path.display().to_string())
                .hint("Choose another place with --junit.")
        })?;
        files.push(path.clone());
    }
    Ok(())
}

fn say(
    comparison: &Comparison,
    end: u8,
    files: &[PathBuf],
    output: &Output,
) -> Result<(), Failure> {
    if output.format() == Format::Text {
        output.line(&compared(comparison))?;
        output.line(&verdict_lines(comparison, output))?;
    } else {
        output.json(
            "comparison",
            &serde_json::json!({
                "exit_code": end,
                "comparison": comparison,
                "bound": comparison.bound().map(|(fewer, of)| {
                    serde_json::json!({ "confidence_percent": 95, "fewer_than": fewer, "of_rows": of })
                }),
                "reports": files,
            }),
        )?;
    }
    say_files(files, output);
    Ok(())
}

fn compared(comparison: &Comparison) -> String {
    let rows: Vec<Vec<String>> = comparison
        .tables
        .iter()
        .map(|t| {
            vec![
                limosa::text::visible(&t.table.to_string()),
                show_count(t.source_rows),
                show_count(t.target_rows),
                show_count(t.differing_rows),
                show_seconds(t.seconds),
                verdict_word(Some(t.verdict)).to_owned(),
            ]
        })
        .collect();
    table(
        &["table", "source", "target", "differ", "time", "verdict"],
        &rows,
        None,
    )
}
