//! Logs on standard error, secrets taken out.

use crate::output::Output;
use clap::ValueEnum;
use std::io;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::{EnvFilter, fmt};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Begins to log. `verbosity` is the number of `-v`; LIMOSA_LOG (like `limosa_flow=debug`) goes before it.
pub(crate) fn begin(output: &Output, format: LogFormat, verbosity: u8) {
    let level = match (output.quiet(), verbosity) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, 2) => "debug",
        _ => "trace",
    };
    let filter = std::env::var("LIMOSA_LOG")
        .ok()
        .and_then(|f| EnvFilter::try_new(f).ok())
        .unwrap_or_else(|| EnvFilter::new(level));
    let builder = fmt()
        .with_env_filter(filter)
        .with_writer(Lines(output.clone()))
        .with_ansi(false);
    // A second call (in tests) finds a logger there; that one serves.
    let _ = match format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}

/// Sends whole lines through [`Output`], which takes secrets out.
struct Lines(Output);

struct Line<'a>(&'a Output, Vec<u8>);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0, Vec::new())
    }
}

impl io::Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.1);
        let text = text.trim_end();
        if !text.is_empty() {
            self.0.say(text);
        }
    }
}
