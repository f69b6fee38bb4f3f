//! dbt: the tests of a `schema.yml` in and out, and results as `run_results.json`.
//!
//! Read are the four tests that dbt has, those of `dbt_utils` that have an equal here, and the freshness of
//! sources, under `tests:` or `data_tests:`, with or without `arguments:`. Jinja is text here: what only dbt can evaluate is
//! left and said.

mod export;
mod import;
mod results;

pub use export::{Export, export};
pub use import::import;
pub use results::results;
