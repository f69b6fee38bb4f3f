//! Everything that moves: plan, convert, copy, verify, and the run that drives them. Names no engine.
//!
//! Modules are listed from the ground up; a module uses only those above it.

pub mod outcome;
pub mod plan;
pub mod progress;
pub mod settings;
