//! Transforms: what rows become between the source and the target.
//!
//! A transform is text in the settings. When a plan is made its formulas are checked against the source's
//! columns and compiled, so that an unknown name or a wrong type is told before anything moves; the plan
//! keeps the text, and every lane compiles it again. [`Program::apply`] is the whole of it at work: a batch
//! in, a batch out, pure, the same in the copy, in the comparison and in a trial.
//!
//! # Why no row is lost or doubled
//!
//! [`Program::apply`] gives for every row of its batch exactly one of three: a row in the output, a count
//! as filtered, or a reject that names it. Nothing is kept from batch to batch.

mod cell;
mod check;
mod compare;
mod decimal;
mod encode;
mod functions;
mod kind;
mod lookup;
mod program;
mod shape;
mod transforms;
mod trial;

pub use cell::Fail;
pub use check::{Compiled, Input, Scope, Wrong, compile, condition};
pub use compare::Shown;
pub use encode::Transforming;
pub use functions::{ALIASES, Function, Group, LANGUAGE};
pub use kind::Kind;
pub use lookup::{Lookup, Lookups};
pub use program::{Applied, KeyTrace, Output, Program, Refusal, Surroundings, TransformPlan};
pub(crate) use shape::spelled_by_nobody;
pub use shape::{Shape, Shaped, computed};
pub use transforms::Transforms;
pub use trial::{Trial, TrialRow, TrialTable, attempt};
