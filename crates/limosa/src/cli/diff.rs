use super::common::{Answer, SettingsArgs};
use crate::failure::{End, Failure};
use crate::output::{Format, Output, Style};
use crate::progress;
use crate::signals::Watch;
use limosa::diff::{Cell, Collector, RowDifference, Said, Showing};
use limosa::outcome::{ColumnCauses, Comparison};
use limosa::settings::amount::show_count;
use limosa::text::hidden;
use limosa_core::{Error, ErrorKind};
use serde_json::json;
use std::sync::{Mutex, PoisonError};

/// Characters of a value that a line shows.
const WIDE: usize = 200;

/// Show the rows and cells that differ between two databases, and why
///
/// After a run: as its plan says. Without one (or with --alone): any two databases, tables and columns by
/// name. A line with - is what the source has, one with + what the target has. Values are printed, but for
/// those of `masked` columns. Writes to neither. Ends with 0 if all is equal, 3 if something differs, 4 if
/// something was not compared.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Compare the databases as they are, even if a run was begun under this name
    #[arg(long)]
    alone: bool,
    /// Rows of each table, at most: the first by key; 0 shows all, as they are found
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// Print hashes in place of values; those of one call can be compared with each other
    #[arg(long)]
    redact: bool,
    /// Never show the values of these columns: a pattern on `table.column`; may be repeated
    #[arg(long, value_name = "PATTERN")]
    mask: Vec<String>,
    #[command(flatten)]
    settings: SettingsArgs,
}

pub(super) fn run(args: Args, output: &Output) -> Answer {
    let limosa = args.settings.open(output)?;
    let watch = Watch::begin(output)?;
    let masked = limosa.settings().masked.iter().chain(&args.mask);
    let showing = Showing {
        limit: (args.limit > 0).then_some(args.limit),
        redact: args.redact,
        masked: masked.cloned().collect(),
    };
    // With JSON in one document the rows are put together first; there is a limit then.
    let together = output.format() == Format::Json;
    if together && showing.limit.is_none() {
        return Err(Failure::Error(
            Error::new(
                ErrorKind::Configuration,
                "reading the flags",
                "one JSON document can not hold all rows",
            )
            .hint("Take --output jsonl, or a --limit above 0."),
        )
        .into());
    }
    let rows = Mutex::new(Vec::new());
    let gone: Mutex<Option<Failure>> = Mutex::default();
    let sink = |row: RowDifference| {
        let printed = match output.format() {
            Format::Text => print(&row, output),
            Format::Json => {
                let mut rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
                rows.push(row);
                Ok(())
            }
            Format::Jsonl => output.json("difference", &document(&row)),
        };
        printed.map_err(|failure| {
            let mut kept = gone.lock().unwrap_or_else(PoisonError::into_inner);
            kept.get_or_insert(failure);
            Error::new(
                ErrorKind::File,
                "printing differences",
                "standard output can not be written",
            )
        })
    };
    let collector = Collector::new(showing, &sink);
    let listener = progress::listener(output, 0);
    let compared = limosa.differences(args.alone, &collector, &listener, &watch.stop);
    drop(listener);
    let printed = match &compared {
        Ok(_) => collector.finish(),
        Err(_) => Ok(()),
    };
    if let Some(failure) = gone.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(failure.into());
    }
    printed?;
    let (_, comparison) = watch.settle(compared)?;
    let end = watch.end(&End::Compared(&comparison));
    let rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    say(&comparison, &rows, end, output)?;
    Ok(end)
}

/// A difference with its key as an object.
fn document(row: &RowDifference) -> serde_json::Value {
    let key: serde_json::Map<_, _> = row
        .key
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().into()))
        .collect();
    let mut out = json!(row);
    out["key"] = key.into();
    out
}

fn say(
    comparison: &Comparison,
    rows: &[RowDifference],
    end: u8,
    output: &Output,
) -> Result<(), Failure> {
    match output.format() {
        Format::Json => {
            let rows: Vec<_> = rows.iter().map(document).collect();
            return output.json(
                "diff",
                &json!({ "exit_code": end, "differences": rows, "comparison": brief(comparison) }),
            );
        }
        Format::Jsonl => {
            return output.json(
                "summary",
                &json!({ "exit_code": end, "comparison": brief(comparison) }),
            );
        }
        Format::Text => {}
    }
    for t in &comparison.tables {
        if let Some(error) = &t.error {
            output.warn(&format!("{}: {error}", t.table));
        }
        for (column, why) in &t.not_compared {
            output.warn(&format!("{}.{column}: not compared: {why}", t.table));
        }
        if t.differing_rows > 0 {
            let count = show_count(t.differing_rows);
            output
                .line(&output.paint(Style::Bold, &format!("{}: {count} rows differ", t.table)))?;
        }
        for line in t.causes.iter().flat_map(ColumnCauses::lines) {
            output.line(&format!("  {line}"))?;
        }
    }
    for d in &comparison.schema {
        output.line(&format!("{}: {}", d.object, d.text))?;
    }
    if comparison.tables.iter().all(|t| t.differing_rows == 0) && comparison.schema.is_empty() {
        output.line("No row differs.")?;
    }
    Ok(())
}

/// The comparison without the names of rows: those are the differences themselves.
fn brief(comparison: &Comparison) -> Comparison {
    let mut out = comparison.clone();
    for table in &mut out.tables {
        table.differences.clear();
    }
    out
}

/// One row for people: its table and key, and then as `diff` writes.
fn print(row: &RowDifference, output: &Output) -> Result<(), Failure> {
    let mut head = format!("@@ {}", shown(&row.table));
    for (name, value) in &row.key {
        head.push_str(&format!(" {}={}", shown(name), shown(value)));
    }
    let what = match row.times {
        Some((s, t)) => format!("{s} in the source, {t} in the target"),
        None => row.kind.to_owned(),
    };
    let mut out = output.paint(Style::Bold, &format!("{head} @@ {what}"));
    for cell in &row.cells {
        let line = |mark: char, said: &Option<Said>, style: Style| {
            said.as_ref()
                .map(|s| {
                    format!(
                        "\n{}",
                        output.paint(
                            style,
                            &format!("{mark} {} = {}", shown(&cell.column), value(s, cell))
                        )
                    )
                })
                .unwrap_or_default()
        };
        out.push_str(&line('-', &cell.source, Style::Bad));
        // A row without a key that both sides have is said once.
        if row.times.is_none() || cell.source.is_none() {
            out.push_str(&line('+', &cell.target, Style::Good));
        }
        if let Some(look) = cell.look.as_ref().filter(|l| l.alike || long(cell)) {
            let place = format!(
                "  first difference at byte {}: {} | {}",
                look.first_differing_byte, look.source_code_points, look.target_code_points
            );
            out.push_str(&format!("\n{}", output.paint(Style::Dim, &place)));
        }
    }
    output.line(&out)
}

fn long(cell: &Cell) -> bool {
    let over =
        |said: &Option<Said>| matches!(said, Some(Said::Value(v)) if v.chars().count() > WIDE);
    over(&cell.source) || over(&cell.target)
}

/// A value on one line; of a long one what stands around the first difference.
fn value(said: &Said, cell: &Cell) -> String {
    let text = match said {
        Said::Null => return "NULL".into(),
        Said::Value(text) => text,
    };
    if text.chars().count() <= WIDE {
        return shown(text);
    }
    let mut from = cell
        .look
        .as_ref()
        .map_or(0, |l| l.first_differing_byte.saturating_sub(WIDE / 2));
    from = from.min(text.len());
    while !text.is_char_boundary(from) {
        from -= 1;
    }
    let part: String = text[from..].chars().take(WIDE).collect();
    let (before, after) = (
        if from > 0 { "…" } else { "" },
        if from + part.len() < text.len() {
            "…"
        } else {
            ""
        },
    );
    format!("{before}{}{after}", shown(&part))
}

/// Text on one line, with whatever is not seen written out.
fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if hidden(c) || c == '\u{a0}' => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    // Blanks at an end would not be seen.
    match out.starts_with(' ') || out.ends_with(' ') || out.is_empty() {
        true => format!("'{out}'"),
        false => out,
    }
}
