use super::common::{Answer, SettingsArgs};
use crate::failure::{End, code};
use crate::output::{Format, Output, Style, table};
use limosa::report::{show_moment, word};
use limosa::settings::amount::{show_bytes, show_count, show_seconds};

/// Tables that are listed one by one at most; of more, those that are not done.
const MOST: u64 = 200;

/// Say where the run is; connects to nothing
///
/// Ends with 0 if the run is complete, and with 4 if there is work left.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    settings: SettingsArgs,
}

pub(super) fn run(args: Args, output: &Output) -> Answer {
    let limosa = args.settings.open_journal(output)?;
    let status = limosa.summary(MOST)?;
    let complete = status.phase == "complete";
    let end = code(&if complete { End::Done } else { End::Unfinished }, None);
    if output.format() != Format::Text {
        output.json("status", &limosa.status()?)?;
        return Ok(end);
    }
    let style = if complete { Style::Good } else { Style::Warn };
    output.line(&format!(
        "{}: {} (plan {})",
        output.paint(Style::Bold, &status.name),
        output.paint(style, &status.phase),
        &status.plan_hash.get(..12).unwrap_or(&status.plan_hash)
    ))?;
    output.line(&format!(
        "begun {}, last written {}",
        show_moment(status.created_ms),
        show_moment(status.updated_ms)
    ))?;
    for (phase, began, seconds) in &status.phases {
        let took = seconds.map_or("now".into(), show_seconds);
        output.line(&format!("  {phase}: {} ({took})", show_moment(*began)))?;
    }
    let all: u64 = status.tables.iter().map(|(_, e)| e.tables).sum();
    let rows: Vec<Vec<String>> = status
        .shown
        .iter()
        .map(|(name, state, of)| {
            vec![
                limosa::text::visible(name),
                word(*state),
                show_count(of.rows),
                show_bytes(of.bytes),
            ]
        })
        .collect();
    if !rows.is_empty() {
        output.line("")?;
        output.line(&table(&["table", "state", "rows", "bytes"], &rows, None))?;
    }
    if status.rejected > 0 {
        output.line(&format!(
            "{} {} rows are not in the target. To see them: limosa rejects list",
            output.paint(Style::Warn, "rejected:"),
            show_count(status.rejected)
        ))?;
    }
    if all > MOST {
        output.line("")?;
        for (state, of) in &status.tables {
            output.line(&format!(
                "{} tables {}: {} rows, {}",
                show_count(of.tables),
                word(*state),
                show_count(of.rows),
                show_bytes(of.bytes)
            ))?;
        }
        output.note("All of them one by one: limosa status --output json");
    }
    for (step, why) in &status.failed {
        output.line(&format!(
            "{} {step}: {why}",
            output.paint(Style::Bad, "failed:")
        ))?;
    }
    if !complete {
        output.note(&format!("To go on: limosa run{}", args.settings.again()));
    }
    Ok(end)
}
