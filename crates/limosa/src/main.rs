//! The command line of Limosa.

fn main() {}
