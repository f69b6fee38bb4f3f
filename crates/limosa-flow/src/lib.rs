//! Everything that moves: plan, convert, copy, verify, and the run that drives them. Names no engine.
//!
//! Modules are listed from the ground up; a module uses only those above it.

pub mod progress;
pub mod settings;
pub mod transform;
pub mod plan;
pub mod outcome;
pub mod clock;
pub mod stop;
pub mod retry;
pub mod throttle;
pub mod memory;
mod holder;
pub mod names;
pub mod check;
mod repair;
pub mod scan;
pub mod convert;
pub mod hazards;
pub mod estimate;
pub mod planner;
pub mod assess;
pub mod journal;
pub mod rejects;
pub mod copy;
pub mod verify;
pub mod diff;
pub mod mend;
pub mod run;
