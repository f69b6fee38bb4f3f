//! A place in an engine's log.

use serde::{Deserialize, Serialize};

/// A place in an engine's log: an LSN, a GTID set, a file and offset, a sequence number.
///
/// Outside its engine it is text to be kept and handed back, never parsed and never compared:
/// only [`crate::engine::Engine::compare`] can say which of two is earlier.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position(pub String);

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
