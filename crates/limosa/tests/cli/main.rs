//! The built binary, as a person meets it: commands, files, exit codes, kills.

mod check;
mod codes;
mod death;
mod demo;
mod diff;
mod ecosystem;
mod files;
mod reference;
mod rejects;
mod sandbox;
mod secrets;
mod words;
