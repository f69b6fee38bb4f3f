//! Everything that moves: plan, convert, copy, verify, and the run that drives them. Names no engine.
//!
//! Modules are listed from the ground up; a module uses only those above it.

pub mod outcome;
pub mod plan;
pub mod progress;
pub mod settings;
pub mod clock;
pub mod copy;
pub mod journal;
pub mod memory;
pub mod retry;
pub mod run;
pub mod stop;
pub mod throttle;
pub mod verify;

pub mod assess;
pub mod convert;
pub mod estimate;
pub mod hazards;
pub mod names;
pub mod planner;
pub mod scan;
