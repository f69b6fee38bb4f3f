use super::common::{Answer, SettingsArgs};
use super::run::{say_files, verdict_lines, write_report};
use crate::failure::{End, Failure};
use crate::output::{Format, Output, table};
use crate::progress;
use crate::signals::Watch;
use limosa::outcome::{Comparison, Ending};
use limosa::report::verdict_word;
use limosa::settings::amount::{show_count, show_seconds};

/// Compare both databases, row by row and column by column
///
/// Ends with 0 if all is equal, 3 if something differs, 4 if something was not compared.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    settings: SettingsArgs,
}

pub(super) fn run(args: Args, output: &Output) -> Answer {
    let limosa = args.settings.open(output)?;
    let watch = Watch::begin(output)?;
    let rows = watch
        .settle(limosa.status())?
        .tables
        .iter()
        .map(|t| t.rows)
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
    let files = write_report(&limosa, output)?;
    if output.format() == Format::Text {
        output.line(&compared(comparison))?;
        output.line(&verdict_lines(comparison, output))?;
    } else {
        output.json(
            "comparison",
            &serde_json::json!({ "exit_code": end, "comparison": comparison, "reports": files }),
        )?;
    }
    say_files(&files, output);
    Ok(end)
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
