//! Differences between two databases on real servers: shown, and put right.

mod diff;
mod repair;
