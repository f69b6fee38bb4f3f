use super::common::Answer;
use crate::failure::{End, code};
use crate::output::Output;
use clap_complete::Shell;

/// Print completions for a shell
///
/// bash: limosa completions bash > ~/.local/share/bash-completion/completions/limosa
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: Args, output: &Output) -> Answer {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "limosa", &mut script);
    output.raw(&String::from_utf8_lossy(&script))?;
    Ok(code(&End::Done, None))
}
