//! `lineitem ROWS > lineitem.csv`: the table that `benches/run` measures with.

#![expect(clippy::print_stderr, reason = "a tool for a person")]

use std::io::{self, BufWriter};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(rows), None) = (arguments.next().map(|n| n.parse()), arguments.next()) else {
        eprintln!("usage: lineitem ROWS > lineitem.csv");
        return ExitCode::from(2);
    };
    let Ok(rows) = rows else {
        eprintln!("lineitem: ROWS is a whole number");
        return ExitCode::from(2);
    };
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    match limosa_bench::lineitem(rows, &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lineitem: {error}");
            ExitCode::FAILURE
        }
    }
}
