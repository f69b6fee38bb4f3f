mod shop;

use super::common::{Answer, SettingsArgs, quote};
use crate::failure::Failure;
use crate::output::{Format, Output, Style};
use crate::signals::Watch;
use limosa::Parts;
use limosa::settings::amount::show_count;
use limosa_core::{Error, ErrorKind};
use std::path::Path;

/// Try it: make a legacy shop database, move it to another schema, compare, report
///
/// Everything happens in one folder with two SQLite files, and the limosa.toml that was used stays there to be edited.
/// Killed or stopped, the same command goes on.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The folder to make
    #[arg(long, value_name = "FOLDER", default_value = "limosa-demo")]
    folder: super::Place,
    /// Rows in all, about
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(20..=1_000_000_000))]
    rows: u32,
    /// The seed of the data: the same seed and rows give the same database
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// The legacy database.
const LEGACY: &str = "legacy.db";
/// The configuration.
const CONFIG: &str = "limosa.toml";

pub(super) fn run(args: Args, output: &Output) -> Answer {
    let folder = &args.folder;
    let legacy = folder.join(LEGACY);
    let config = folder.join(CONFIG);
    let failed = |path: &Path, e: std::io::Error| {
        Error::new(ErrorKind::File, "making the demo", e.to_string())
            .on(path.display().to_string())
            .hint("Choose another folder with --folder.")
    };
    std::fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
    // The signals are heard from the beginning: making a large database takes a while.
    let watch = Watch::begin(output)?;
    if legacy.exists() {
        let rows = shop::rows_of(&legacy)?;
        if rows != args.rows {
            return Err(Failure::Precondition {
                what: format!(
                    "{} is there already, with {} rows",
                    legacy.display(),
                    show_count(u64::from(rows))
                ),
                hint: "Choose another folder with --folder, or remove this one.".into(),
            }
            .into());
        }
        output.note(&format!("{} is there already.", legacy.display()));
    } else {
        output.note(&format!(
            "Making {} with about {} rows …",
            output.paint_err(Style::Bold, &legacy.display().to_string()),
            show_count(u64::from(args.rows))
        ));
        let mut again = format!(
            "limosa demo --folder {}",
            quote(&folder.display().to_string())
        );
        again.push_str(&format!(" --rows {} --seed {}", args.rows, args.seed));
        watch.settle(
            shop::make(&legacy, args.rows, args.seed, &watch.stop).map_err(|e| {
                if e.kind() == ErrorKind::Interrupted {
                    e.hint(format!("To begin again: {again}"))
                } else {
                    e
                }
            }),
        )?;
    }
    // A file that is there may have been edited; it is the user's.
    if !config.exists() {
        limosa::files::replace(&config, shop::CONFIGURATION.as_bytes())
            .map_err(|e| failed(&config, e))?;
    }
    let settings = SettingsArgs::of_file(config.clone());
    let again = format!(
        "limosa run --config {}",
        quote(&config.display().to_string())
    );
    let end =
        super::run::execute_watched(&settings, None, Parts::All, false, again, &watch, output)?;
    if output.format() == Format::Text && end == 0 {
        output.note(&format!(
            "\nWhat was done is in {config}: edit it, and try\n  \
             limosa assess --config {config} --target {next}   what converts exactly, what not, and why\n  \
             limosa plan   --config {config} --target {next}   every step and statement\n  \
             limosa verify --config {config}   compare again",
            next = quote(&config.with_file_name("next.db").display().to_string()),
            config = quote(&config.display().to_string())
        ));
    }
    Ok(end)
}
