//! The command `limosa`. Everything that it can do goes through the library's face.

mod cli;
mod failure;
mod output;
mod progress;
mod signals;
mod telemetry;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(cli::main(std::env::args_os()))
}
