use super::common::{Answer, SettingsArgs, quote};
use crate::output::Output;
use limosa::Parts;

/// Do everything of a run but the comparison
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Run exactly the plan of this file, written by `limosa plan --out`
    #[arg(long, value_name = "FILE")]
    plan: Option<super::Place>,
    /// Take the run over from a process that may still be alive
    #[arg(long)]
    steal: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

pub(super) fn run(args: Args, output: &Output) -> Answer {
    let mut again = String::from("limosa copy");
    if let Some(plan) = &args.plan {
        again.push_str(&format!(" --plan {}", quote(&plan.display().to_string())));
    }
    again.push_str(&args.settings.again());
    super::run::execute(
        &args.settings,
        args.plan,
        Parts::Copy,
        args.steal,
        again,
        output,
    )
}
