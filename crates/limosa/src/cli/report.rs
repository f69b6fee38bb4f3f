use super::common::{Answer, SettingsArgs};
use super::run::{say_files, write_report};
use crate::failure::{End, code};
use crate::output::{Format, Output};
use clap::ValueEnum;

/// Write the report of the last run or comparison as HTML, Markdown and JSON
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Print it in this form instead of writing files
    #[arg(long, value_name = "FORM", value_enum)]
    print: Option<Form>,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// One HTML file.
    Html,
    /// Markdown.
    Markdown,
    /// JSON.
    Json,
}

pub(super) fn run(args: Args, output: &Output) -> Answer {
    let limosa = args.settings.open_journal(output)?;
    if let Some(form) = args.print {
        let report = limosa.report()?;
        let text = match form {
            Form::Html => report.html(),
            Form::Markdown => report.markdown(),
            Form::Json => report.json(),
        };
        output.raw(&output.redactor().clean(&text))?;
        return Ok(code(&End::Done, None));
    }
    let files = write_report(&limosa, output)?;
    if output.format() == Format::Text {
        for file in &files {
            output.line(&file.display().to_string())?;
        }
    } else {
        output.json("report", &serde_json::json!({ "files": files }))?;
        say_files(&files, output);
    }
    Ok(code(&End::Done, None))
}
