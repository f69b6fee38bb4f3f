//! Rows that are left out: what they were, why, and how many are too many.
//!
//! A row is rejected if a transform fails on it, if the target's encoder can not hold a value of it, or if
//! the target refuses it. The row is put aside and the others of its chunk go on.
//!
//! # Why no reject is lost or doubled
//!
//! 1. The rejects of a chunk are written under the epoch of the chunk's claim, and are durable in the
//!    [`Store`] before the chunk is committed in the target. So a chunk that is done has all its rejects
//!    in the store, whatever dies.
//! 2. A new claim of the chunk has a higher epoch and begins by taking out what the one before it left
//!    (`Store::begin`). Whoever comes with a lower epoch than the store has is told `Fenced` and writes
//!    nothing, as the target would tell it too. So the rejects of a chunk are those of one claim.
//! 3. They count only once the chunk is done (`Store::settle`); a death between commit and settling
//!    is made up for when the next run asks the ledger which chunks are done (`Store::reconcile`).
//! 4. When a table is cut anew, its rejects go after the ledger has forgotten its chunks
//!    (`Store::forget`): as long as a chunk is done, its rejects are kept.
//!
//! # Where they live
//!
//! In an SQLite file of their own beside the journal, `.limosa/<name>.rejects.db`, made when the first row
//! is rejected, readable by its owner only. Not in the journal: that promises to hold no values of rows, so it
//! may be shown to others, and it has one writer, while every lane writes here. Losing the file loses
//! no row: the source still has it, and the comparison then tells it as missing.

mod record;
mod retry;
mod store;
mod tally;

pub(crate) use record::key_word;
pub use record::{Record, Refused, Step, write};
pub use retry::{Retried, Retry, retry};
pub use store::{Count, Filter, State, Store};
pub(crate) use tally::{Crossing, Flight, Tally};

use std::path::{Path, PathBuf};

/// The largest row, in bytes, whose values are kept; of a larger one there is the key, the size and the hash.
pub const KEPT_BYTES: usize = 4 << 20;

/// The file of the rejects of a run whose journal is `journal`.
pub fn path(journal: &Path) -> PathBuf {
    if journal == Path::new(":memory:") {
        return journal.into();
    }
    journal.with_extension("rejects.db")
}
