use super::common::{Answer, SettingsArgs, quote};
use crate::failure::{End, Failure};
use crate::output::{Format, Output, Style};
use crate::progress;
use crate::signals::Watch;
use clap::ValueEnum;
use limosa::Repairing;
use limosa::mend::{Asked, TableMended};
use limosa::settings::amount::show_count;
use limosa::text::visible;
use limosa_core::engine::Role;
use limosa_core::{Error, ErrorKind};
use serde_json::json;
use std::path::PathBuf;

/// Make the rows that differ as they are on the other side: guarded, keyed statements
///
/// Compares as `diff` does and writes a script; changes nothing without --execute. Every statement changes
/// one row, by its key, and only while that row is as it was seen. With --execute what the rows were is kept
/// in a file, and both sides are compared again. Ends with 0 if nothing differs (any more), 3 if something
/// does.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Compare the databases as they are, even if a run was begun under this name
    #[arg(long)]
    alone: bool,
    /// The side that is changed
    #[arg(long, value_enum, default_value = "target", value_name = "SIDE")]
    to: Side,
    /// Take rows away that the other side has not
    #[arg(long)]
    delete: bool,
    /// Write the script here, and not on standard output
    #[arg(long, value_name = "FILE", conflicts_with = "execute")]
    out: Option<PathBuf>,
    /// Run the statements
    #[arg(long)]
    execute: bool,
    /// Keep what the rows were in this new file; by default one beside the journal
    #[arg(long, value_name = "FILE", requires = "execute")]
    before: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingsArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Side {
    Target,
    Source,
}

pub(super) fn run(args: Args, output: &Output) -> Answer {
    let limosa = args.settings.open(output)?;
    let watch = Watch::begin(output)?;
    let asked = Asked {
        to: match args.to {
            Side::Target => Role::Target,
            Side::Source => Role::Source,
        },
        delete: args.delete,
    };
    let mut written = Vec::new();
    let listener = progress::listener(output, 0);
    let mut file = None;
    let how = match (args.execute, &args.out) {
        (true, _) => Repairing::Execute {
            before: args.before.clone(),
        },
        (false, Some(path)) => Repairing::Script(file.insert(create(path)?)),
        (false, None) => Repairing::Script(&mut written),
    };
    let repaired = watch.settle(limosa.repair(args.alone, asked, how, &listener, &watch.stop))?;
    drop(listener);
    let comparison = repaired.after.as_ref().unwrap_or(&repaired.found);
    let end = watch.end(&End::Compared(comparison));
    if output.format() == Format::Text {
        output.raw(&String::from_utf8_lossy(&written))?;
    } else {
        output.json(
            "repair",
            &json!({
                "exit_code": end,
                "executed": args.execute,
                "tables": repaired.tables,
                "script": (!args.execute && args.out.is_none()).then(|| String::from_utf8_lossy(&written)),
                "before": repaired.before,
                "comparison": comparison,
            }),
        )?;
    }
    say(&repaired.tables, args.execute, output);
    if let Some(path) = &repaired.before {
        output.say(&format!("What the rows were: {}", path.display()));
    }
    if let Some(path) = &args.out {
        output.say(&format!(
            "The script: {}. Nothing was changed; --execute does it.",
            quote(&path.display().to_string())
        ));
    }
    if repaired.after.is_some() {
        let lines = super::run::verdict_lines(comparison, output);
        output.say(lines.trim_start());
    }
    Ok(end)
}

/// A file that only its owner reads: it holds values.
fn create(path: &std::path::Path) -> Result<std::fs::File, Failure> {
    limosa::files::private(path).map_err(|e| {
        Error::new(ErrorKind::File, "writing the script", e.to_string())
            .on(path.display().to_string())
            .hint("Choose another place with --out; a file that is there is kept.")
            .into()
    })
}

fn say(tables: &[TableMended], executed: bool, output: &Output) {
    let done = if executed { "" } else { "to be " };
    for t in tables {
        output.say(&output.paint(
            Style::Bold,
            &format!(
                "{}: {done}inserted {}, updated {}, deleted {}",
                visible(&t.table),
                show_count(t.inserted),
                show_count(t.updated),
                show_count(t.deleted)
            ),
        ));
        for left in &t.left {
            let keys = match left.keys.is_empty() {
                true => String::new(),
                false => format!(" [{}]", visible(&left.keys.join("; "))),
            };
            output.say(&format!(
                "  {} left: {}{keys}",
                show_count(left.rows),
                visible(&left.reason)
            ));
        }
    }
}
