use super::common::{Answer, SettingsArgs};
use crate::failure::{End, Failure, code};
use crate::output::{Format, Output, Style, table};
use crate::progress;
use crate::signals::Watch;
use clap::{Subcommand, ValueEnum};
use limosa::rejects::{Filter, Record, State, Step};
use limosa::report::show_moment;
use limosa::settings::amount::{show_bytes, show_count};
use limosa::text::visible;
use serde_json::{Value as Json, json};

/// Rows that were rejected: list, show, export, and move them when what was wrong is mended
///
/// They lie in a file beside the journal, with their values, readable by its owner only.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Count them and name the first; connects to nothing
    ///
    /// Ends with 4 if any row is missing in the target, else with 0.
    List(List),
    /// Show one of them; connects to nothing
    Show(Show),
    /// Write all of them on standard output, one a line; connects to nothing
    Export(Export),
    /// Move them into the target, with the policies of now; each goes in once
    ///
    /// Ends with 4 if any of them is refused again.
    Retry(Retry),
}

/// Which rows are meant.
#[derive(clap::Args, Clone, Debug)]
struct Which {
    /// Of this table, by its name in the source or the target
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// That failed in this step
    #[arg(long, value_name = "STEP", value_enum)]
    step: Option<StepWord>,
    /// Of this sort: nul, bad_date, not_finite, invalid_text, mismatch, precision, out_of_range, constraint, transform, other
    #[arg(long, value_name = "SORT")]
    reason: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StepWord {
    Transform,
    Encode,
    Load,
}

impl Which {
    fn filter(&self, state: Option<State>) -> Filter {
        Filter {
            id: None,
            table: self.table.clone(),
            step: self.step.map(|s| match s {
                StepWord::Transform => Step::Transform,
                StepWord::Encode => Step::Encode,
                StepWord::Load => Step::Load,
            }),
            cause: self.reason.clone(),
            state,
        }
    }
}

#[derive(clap::Args, Debug)]
struct List {
    #[command(flatten)]
    which: Which,
    /// Those that were moved since, too
    #[arg(long)]
    all: bool,
    /// Rows that are named, at most
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    settings: SettingsArgs,
}

#[derive(clap::Args, Debug)]
struct Show {
    /// Its number, as `list` says it
    number: i64,
    /// Print the values of the row, too
    #[arg(long)]
    values: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

#[derive(clap::Args, Debug)]
struct Export {
    #[command(flatten)]
    which: Which,
    /// JSON lines, or CSV
    #[arg(long, value_name = "FORM", value_enum, default_value = "jsonl")]
    form: Form,
    /// The values of the rows, too
    #[arg(long)]
    values: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    Jsonl,
    Csv,
}

#[derive(clap::Args, Debug)]
struct Retry {
    #[command(flatten)]
    which: Which,
    /// Take over from a retry that may still be alive
    #[arg(long)]
    steal: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

pub(super) fn run(args: Args, output: &Output) -> Answer {
    match args.verb {
        Verb::List(args) => list(&args, output),
        Verb::Show(args) => show(&args, output),
        Verb::Export(args) => export(&args, output),
        Verb::Retry(args) => retry(args, output),
    }
}

fn list(args: &List, output: &Output) -> Answer {
    let store = args.settings.open_journal(output)?.rejects()?;
    let mut rows = Vec::new();
    let mut missing = 0u64;
    let mut meant = 0u64;
    store.each(&args.which.filter(None), false, |record| {
        missing += u64::from(record.state == State::Rejected);
        if args.all || record.state != State::Moved {
            meant += 1;
            if rows.len() < args.limit {
                rows.push(record);
            }
        }
        Ok(true)
    })?;
    let end = match missing {
        0 => code(&End::Done, None),
        _ => code(&End::Unfinished, None),
    };
    if output.format() != Format::Text {
        let rows: Vec<Json> = rows.iter().map(|r| as_json(r, false)).collect();
        let counts = store.counts()?;
        output.json(
            "rejects",
            &json!({ "missing": missing, "counts": counts, "rows": rows }),
        )?;
        return Ok(end);
    }
    if rows.is_empty() {
        output.line("No row is rejected.")?;
        return Ok(end);
    }
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|r| {
            let reason = match &r.column {
                Some(column) => format!("{column}: {}", r.reason),
                None => r.reason.clone(),
            };
            vec![
                r.id.to_string(),
                visible(&r.table),
                visible(&r.key_words()),
                r.step.word().into(),
                r.cause.clone(),
                r.state.word().into(),
                visible(&reason),
            ]
        })
        .collect();
    output.line(&table(
        &["no", "table", "key", "step", "sort", "state", "reason"],
        &lines,
        None,
    ))?;
    let more = meant - rows.len() as u64;
    if more > 0 {
        output.line(&format!("and {} more", show_count(more)))?;
    }
    output.line(&format!(
        "{} {} rows are not in the target",
        output.paint(Style::Warn, "rejected:"),
        show_count(missing)
    ))?;
    Ok(end)
}

fn show(args: &Show, output: &Output) -> Answer {
    let store = args.settings.open_journal(output)?.rejects()?;
    let one = Filter {
        id: Some(args.number),
        ..Filter::default()
    };
    let mut found = None;
    store.each(&one, args.values, |record| {
        found = Some(record);
        Ok(false)
    })?;
    let record = found.ok_or_else(|| Failure::Precondition {
        what: format!("there is no reject number {}", args.number),
        hint: "`limosa rejects list` shows the numbers.".into(),
    })?;
    if output.format() != Format::Text {
        output.json("reject", &as_json(&record, args.values))?;
        return Ok(code(&End::Done, None));
    }
    let say = |name: &str, value: &str| output.line(&format!("{name:<9} {}", visible(value)));
    say(
        "table",
        &format!("{} (source {})", record.table, record.source),
    )?;
    say("key", &record.key_words())?;
    say("step", record.step.word())?;
    say("sort", &record.cause)?;
    if let Some(column) = &record.column {
        say("column", column)?;
    }
    say("reason", &record.reason)?;
    if let Some(code) = &record.code {
        say("code", code)?;
    }
    say("state", record.state.word())?;
    say("chunk", &record.chunk.to_string())?;
    say("when", &show_moment(record.at_ms))?;
    say("attempts", &record.attempts.to_string())?;
    say("bytes", &show_bytes(record.bytes))?;
    say("sha256", &record.hash)?;
    match (&record.values, args.values) {
        (_, false) => output.note("Its values are printed with --values."),
        (None, true) => output.note("Its values are too large and were not kept."),
        (Some(values), true) => {
            for (column, value) in record.columns.iter().zip(values) {
                let value = limosa::rejects::write(value);
                output.line(&format!(
                    "  {}: {}",
                    visible(column),
                    visible(&value.to_string())
                ))?;
            }
        }
    }
    Ok(code(&End::Done, None))
}

fn export(args: &Export, output: &Output) -> Answer {
    let store = args.settings.open_journal(output)?.rejects()?;
    if matches!(args.form, Form::Csv) {
        let mut head = HEAD.join(",");
        if args.values {
            head.push_str(",values");
        }
        output.raw(&(head + "\r\n"))?;
    }
    let mut broken = None;
    store.each(&args.which.filter(None), args.values, |record| {
        let line = match args.form {
            Form::Jsonl => as_json(&record, args.values).to_string() + "\n",
            Form::Csv => csv(&record, args.values),
        };
        match output.raw(&line) {
            Ok(()) => Ok(true),
            Err(failure) => {
                broken = Some(failure);
                Ok(false)
            }
        }
    })?;
    match broken {
        Some(failure) => Err(failure.into()),
        None => Ok(code(&End::Done, None)),
    }
}

fn retry(args: Retry, output: &Output) -> Answer {
    let mut settings = args.settings.load(output)?;
    settings.run.steal = args.steal;
    let limosa = limosa::Limosa::open(settings)?;
    let watch = Watch::begin(output)?;
    let listener = progress::listener(output, 0);
    let filter = args.which.filter(None);
    let done = watch.settle(limosa.retry_rejects(&filter, &listener, &watch.stop))?;
    drop(listener);
    let stay: u64 = done.iter().map(|t| t.refused + t.huge).sum();
    let end = match stay {
        0 => watch.end(&End::Done),
        _ => watch.end(&End::Unfinished),
    };
    if output.format() != Format::Text {
        output.json("retried", &json!({ "exit_code": end, "tables": done }))?;
        return Ok(end);
    }
    if done.is_empty() {
        output.line("There is nothing to move.")?;
        return Ok(end);
    }
    let rows: Vec<Vec<String>> = done
        .iter()
        .map(|t| {
            vec![
                visible(&t.table.to_string()),
                show_count(t.moved),
                show_count(t.refused),
                show_count(t.huge),
            ]
        })
        .collect();
    output.line(&table(
        &["table", "moved", "refused again", "values not kept"],
        &rows,
        None,
    ))?;
    output.note("`limosa verify` compares again.");
    Ok(end)
}

const HEAD: [&str; 13] = [
    "no", "table", "source", "key", "step", "sort", "column", "reason", "code", "state", "chunk",
    "at_ms", "attempts",
];

fn as_json(r: &Record, values: bool) -> Json {
    let write = limosa::rejects::write;
    let key: Vec<Json> = r
        .key
        .iter()
        .map(|(name, value)| json!({ "column": name, "value": write(value) }))
        .collect();
    let mut out = json!({
        "no": r.id, "table": r.table, "source": r.source, "key": key, "step": r.step, "sort": r.cause,
        "column": r.column, "reason": r.reason, "code": r.code, "state": r.state, "chunk": r.chunk,
        "at_ms": r.at_ms, "attempts": r.attempts, "bytes": r.bytes, "sha256": r.hash,
    });
    if values {
        out["values"] = match &r.values {
            Some(values) => r
                .columns
                .iter()
                .zip(values)
                .map(|(name, value)| (name.clone(), write(value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            None => Json::Null,
        };
    }
    out
}

fn csv(r: &Record, values: bool) -> String {
    let json = as_json(r, values);
    let mut cells: Vec<String> = HEAD
        .iter()
        .map(|name| match (*name, &json[*name]) {
            ("key", _) => r.key_words(),
            (_, Json::Null) => String::new(),
            (_, Json::String(s)) => s.clone(),
            (_, other) => other.to_string(),
        })
        .collect();
    if values {
        cells.push(json["values"].to_string());
    }
    let quoted: Vec<String> = cells.iter().map(|c| quote(c)).collect();
    quoted.join(",") + "\r\n"
}

/// A cell as RFC 4180 wants it.
fn quote(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        assert_eq!(quote("plain 'x'"), "plain 'x'");
        assert_eq!(quote("a,b\n\"c\""), "\"a,b\n\"\"c\"\"\"");
    }
}
