//! The command line: one verb, one file. The comment of each `Args` is its help.

mod assess;
mod check;
mod common;
mod completions;
mod config;
mod copy;
mod demo;
mod diff;
mod init;
mod man;
mod plan;
mod rejects;
mod repair;
mod report;
mod run;
mod status;
mod transform;
mod verify;

use crate::failure::{EXIT_CODES, End, Failure, code, explain};
use crate::output::{Colour, Format, Output};
use crate::telemetry::{self, LogFormat};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use common::Settled;
use std::path::PathBuf;

/// Move a live database between SQLite, PostgreSQL and MySQL/MariaDB, with proof
///
/// A migration is described by limosa.toml (`limosa init` writes one), looked at by `assess`, shown by `plan`, done by
/// `run` and proven by `verify`. A run may be killed at any moment: the same command goes on where it was.
#[derive(Debug, Parser)]
#[command(name = "limosa", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
#[command(
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    look: Look,
    #[command(subcommand)]
    verb: Verb,
}

/// How a command speaks.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
struct Look {
    /// Print data for people, as one JSON document, or as one a line
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "text",
        value_name = "FORMAT"
    )]
    output: Format,
    /// Use colours; NO_COLOR and CLICOLOR_FORCE are heeded
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        value_name = "WHEN"
    )]
    color: Colour,
    /// Say nothing on standard error but warnings and errors
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Say more; may be repeated
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Write logs for people or as JSON
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "text",
        value_name = "FORMAT"
    )]
    log_format: LogFormat,
}

/// The verbs, in the order in which they are used.
#[derive(Debug, Subcommand)]
enum Verb {
    Demo(demo::Args),
    Init(init::Args),
    Assess(assess::Args),
    Transform(transform::Args),
    Plan(plan::Args),
    Run(run::Args),
    Copy(copy::Args),
    Verify(verify::Args),
    Diff(diff::Args),
    Repair(repair::Args),
    Check(check::Args),
    Status(status::Args),
    Rejects(rejects::Args),
    Report(report::Args),
    Config(config::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// The whole command, for manuals and completions.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command of `arguments` and gives its exit code.
pub(crate) fn main(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> u8 {
    let parsed = command()
        .try_get_matches_from(arguments)
        .and_then(|m| Cli::from_arg_matches(&m));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are no error; clap knows. A closed pipe is none either.
            let _ = error.print();
            return if error.use_stderr() { 2 } else { 0 };
        }
    };
    let output = Output::new(cli.look.output, cli.look.color, cli.look.quiet);
    telemetry::begin(&output, cli.look.log_format, cli.look.verbose);
    let end = match cli.verb {
        Verb::Demo(args) => demo::run(args, &output),
        Verb::Init(args) => init::run(args, &output),
        Verb::Assess(args) => assess::run(args, &output),
        Verb::Transform(args) => transform::run(args, &output),
        Verb::Plan(args) => plan::run(args, &output),
        Verb::Run(args) => run::run(args, &output),
        Verb::Copy(args) => copy::run(args, &output),
        Verb::Verify(args) => verify::run(args, &output),
        Verb::Diff(args) => diff::run(args, &output),
        Verb::Repair(args) => repair::run(args, &output),
        Verb::Check(args) => check::run(args, &output),
        Verb::Status(args) => status::run(args, &output),
        Verb::Rejects(args) => rejects::run(args, &output),
        Verb::Report(args) => report::run(args, &output),
        Verb::Config(args) => config::run(args, &output),
        Verb::Completions(args) => completions::run(args, &output),
        Verb::Man(args) => man::run(args, &output),
    };
    match end {
        Ok(code) => code,
        Err(Settled { failure, signal }) => {
            explain(&failure, &output);
            if output.format() != Format::Text {
                say_json(&failure, &output);
            }
            code(&End::Failed(&failure), signal)
        }
    }
}

/// Tells a program that reads standard output why there is no answer.
fn say_json(failure: &Failure, output: &Output) {
    let (what, hint) = match failure {
        Failure::Problem(p) => (p.to_string(), p.hint.clone()),
        Failure::Error(e) => (e.to_string(), e.remedy().map(str::to_owned)),
        Failure::Precondition { what, hint } => (what.clone(), Some(hint.clone())),
        Failure::Internal(what) => (what.clone(), None),
        Failure::Pipe => return,
    };
    // If nobody reads it, the exit code says it.
    let _ = output.json("error", &serde_json::json!({ "error": what, "hint": hint }));
}

/// A file or a folder that a command writes.
type Place = PathBuf;
