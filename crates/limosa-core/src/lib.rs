//! Limosa's ground floor: the nouns and the contracts that every other room stands on.
//!
//! Nothing here does I/O, starts a thread, knows a driver or names an engine. Modules are listed
//! from the ground up; a module uses only those above it in this list.
//!
//! | module | holds |
//! |---|---|
//! | [`error`] | one error for the contracts, with a [`error::Disposition`] |
//! | [`secret`] | passwords and URLs that never print themselves |
//! | [`notation`] | the text of dates, times, intervals, UUIDs and bits as the copier reads and writes it |
//! | [`value`] | one owned cell, in the neutral type system |
//! | [`room`] | who asks before a huge row is read |
//! | [`batch`] | many rows as one flat, recycled buffer of borrowed cells |
//! | [`expression`] | a small SQL expression tree |
//! | [`schema`] | types, columns, keys, tables, catalogs |
//! | [`policy`] | what a person decided about values that do not fit |
//! | [`scan`] | what the values of a table really are |
//! | [`chunk`], [`position`], [`change`] | ranges of a table, places in a log, events of a log |
//! | [`operation`] | one variant per schema act, plain data |
//! | [`canonical`] | the one form in which two databases are compared |
//! | [`check`] | what a data test asks of one database |
//! | [`dialect`], [`engine`] | what an engine must be able to say and to do |

pub mod error;
pub mod secret;
pub mod notation;
pub mod value;
pub mod room;
pub mod batch;
pub mod expression;
pub mod schema;
pub mod policy;
pub mod scan;
pub mod chunk;
pub mod position;
pub mod change;
pub mod operation;
pub mod canonical;
pub mod pushdown;
pub mod check;
pub mod dialect;
pub mod mend;
pub mod engine;

pub use error::{Disposition, Error, ErrorKind, Result};
