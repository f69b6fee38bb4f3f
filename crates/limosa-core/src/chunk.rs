//! Ranges of one table: the unit of copying, of resuming and of comparing.

use crate::value::Value;
use serde::{Deserialize, Serialize};

/// Which rows of a table.
///
/// A bound has a value for each of the key's columns, or for the first few of them.
///
/// Key bounds compare as SQL row values in the *source's* order of the key columns, so they are only
/// handed back to the engine that gave them. The half-open ranges of one table cover every row once:
/// the first has no lower bound, the last no upper one, and neighbours share theirs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Range {
    /// The whole table.
    All,
    /// Keys in `[lower, upper)`; `None` is open. No key column may be NULL in any row.
    Key {
        /// The least key, inclusive.
        lower: Option<Vec<Value>>,
        /// The key above the greatest, exclusive.
        upper: Option<Vec<Value>>,
    },
    /// Places of storage in `[from, to)`, in the engine's own unit (heap pages, row ids).
    ///
    /// Valid only within the snapshot that gave it, unless
    /// [`crate::engine::Snapshot::unchanged_since`] says otherwise.
    Physical {
        /// The first place.
        from: u64,
        /// The place after the last; `None` is open.
        to: Option<u64>,
    },
}

/// One numbered range of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chunk {
    /// The number within its table, from 0 in key order.
    pub id: u32,
    /// The rows.
    pub range: Range,
}
