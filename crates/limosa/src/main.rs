//! The command `limosa`. Everything that it can do goes through the library's face.

mod allocator;
mod cli;
mod failure;
mod output;
mod progress;
mod signals;
mod telemetry;

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _points = {
        // A point that is reached ends the process as a kill would: nothing is unwound, nothing is tidied.
        std::panic::set_hook(Box::new(|_| std::process::abort()));
        fail::FailScenario::setup()
    };
    allocator::settle();
    ExitCode::from(cli::main(std::env::args_os()))
}
