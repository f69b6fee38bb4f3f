//! Data tests in the words of other tools, in and out.

use super::super::common::{Answer, SettingsArgs};
use super::write;
use crate::failure::{End, Failure, code};
use crate::output::Output;
use limosa::exchange::{Left, dbt, engine_names, gx};
use limosa::settings::data_test::CheckPart;
use limosa_core::engine::Role;
use limosa_core::{Error, ErrorKind};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// A file of tests longer than this is none.
const FILE_BYTES: u64 = 16 << 20;

/// Data tests from and to other tools.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Exchange {
    /// Print the tests of another tool's file as [[check]] for limosa.toml; ends with 4 if something can not be said here
    Import {
        /// Whose file it is: dbt's schema.yml, or a suite of Great Expectations
        #[arg(value_parser = ["dbt", "gx"])]
        tool: String,
        /// The file
        file: PathBuf,
        /// The table of a suite
        #[arg(long, value_name = "NAME")]
        table: Option<String>,
        /// Whom the tests ask: target, source or both
        #[arg(long, value_name = "SIDE", value_parser = ["target", "source", "both"])]
        on: Option<String>,
    },
    /// Write the tests of limosa.toml for another tool; ends with 4 if something can not be said there
    Export {
        /// For whom: a schema.yml for dbt 1.10.5 and later, or suites for Great Expectations 1
        #[arg(value_parser = ["dbt", "gx"])]
        tool: String,
        /// The file, or the folder for suites, one a table; standard output if it is left out
        #[arg(long, value_name = "PATH")]
        out: Option<PathBuf>,
        /// Whose tests
        #[arg(long, value_name = "SIDE", default_value = "target", value_parser = ["target", "source"])]
        on: String,
        /// dbt: write models instead of the tables of a source
        #[arg(long)]
        models: bool,
        #[command(flatten)]
        settings: Box<SettingsArgs>,
    },
}

pub(super) fn run(exchange: Exchange, output: &Output) -> Answer {
    let left = match exchange {
        Exchange::Import {
            tool,
            file,
            table,
            on,
        } => import(&tool, &file, table.as_deref(), on.as_deref(), output)?,
        Exchange::Export {
            tool,
            out,
            on,
            models,
            settings,
        } => {
            let settings = settings.load(output)?;
            let (side, address) = match on.as_str() {
                "source" => (Role::Source, &settings.source),
                _ => (Role::Target, &settings.target),
            };
            let engine = address
                .as_ref()
                .map_or(&[][..], |a| engine_names(a.expose()));
            let checks = &settings.checks;
            match tool.as_str() {
                "dbt" => {
                    let how = dbt::Export {
                        side,
                        models,
                        source: &settings.plan.name,
                        engine,
                    };
                    let (text, left) = dbt::export(checks, &how)?;
                    match &out {
                        Some(path) => write(path, &text, output)?,
                        None => output.raw(&text)?,
                    }
                    left
                }
                _ => {
                    let (suites, left) = gx::export(checks, side, engine);
                    save_suites(&suites, out.as_deref(), output)?;
                    left
                }
            }
        }
    };
    for left in &left {
        output.warn(&format!("not said: {left}"));
    }
    let end = match left.is_empty() {
        true => End::Done,
        false => End::Unfinished,
    };
    Ok(code(&end, None))
}

fn import(
    tool: &str,
    file: &Path,
    table: Option<&str>,
    on: Option<&str>,
    output: &Output,
) -> Result<Vec<Left>, Failure> {
    let text = read(file)?;
    let (mut parts, left) = match tool {
        "dbt" => dbt::import(&text)?,
        _ => gx::import(&text, table)?,
    };
    for part in &mut parts {
        part.on = on.map(str::to_owned);
    }
    #[derive(Serialize)]
    struct Parts {
        check: Vec<CheckPart>,
    }
    let mut out = String::new();
    for left in &left {
        // A line break in a name would end the comment.
        let line = left.to_string().replace(['\n', '\r'], " ");
        out.push_str(&format!("# not said: {line}\n"));
    }
    if !parts.is_empty() {
        let said = toml::to_string(&Parts { check: parts })
            .map_err(|e| Failure::internal(format!("the tests are no TOML: {e}")))?;
        out.push_str(&said);
    }
    output.raw(&out)?;
    Ok(left)
}

fn read(file: &Path) -> Result<String, Failure> {
    let failed = |why: String| -> Failure {
        Error::new(ErrorKind::File, "reading the tests", why)
            .on(file.display().to_string())
            .into()
    };
    let size = std::fs::metadata(file)
        .map_err(|e| failed(e.to_string()))?
        .len();
    if size > FILE_BYTES {
        return Err(failed("it is longer than any file of tests".into()));
    }
    let bytes = std::fs::read(file).map_err(|e| failed(e.to_string()))?;
    String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8".into()))
}

fn save_suites(
    suites: &[(String, serde_json::Value)],
    out: Option<&Path>,
    output: &Output,
) -> Result<(), Failure> {
    let Some(folder) = out else {
        return match suites {
            [(_, suite)] => output.raw(&format!("{suite:#}\n")),
            many => {
                let all: Vec<_> = many.iter().map(|(_, s)| s).collect();
                output.raw(&format!("{:#}\n", serde_json::json!(all)))
            }
        };
    };
    std::fs::create_dir_all(folder).map_err(|e| {
        Error::new(ErrorKind::File, "writing the suites", e.to_string())
            .on(folder.display().to_string())
    })?;
    for (table, suite) in suites {
        let safe = |c: char| {
            if c.is_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '_'
            }
        };
        let name: String = table.chars().map(safe).collect();
        write(
            &folder.join(format!("{name}.json")),
            &format!("{suite:#}\n"),
            output,
        )?;
    }
    Ok(())
}
