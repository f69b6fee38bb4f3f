//! Reading one side's rows in the canonical form.
//!
//! A side is whatever [`Snapshot::canonicalizer`] gives: stored rows, or rows after a transform.

use limosa_core::Result;
use limosa_core::canonical::{CanonicalRows, hash};
use limosa_core::chunk::Range;
use limosa_core::engine::{CanonicalRead, Canonicalizer, Snapshot};
use limosa_core::pushdown::Spelling;
use limosa_core::room::Gate;
use limosa_core::value::Value;
use std::sync::Arc;

/// Bytes of rows at once: enough that a call costs nothing per row.
const FILL: usize = 256 << 10;

/// One lane's reader of one side. Opened when first needed, and again after an error.
pub(super) struct Side<'a> {
    snapshot: &'a dyn Snapshot,
    gate: Arc<dyn Gate>,
    canonicalizer: Option<Box<dyn Canonicalizer>>,
    rows: CanonicalRows,
}

/// One row: the hash by which rows of both sides are brought together, the row's own, the key and the row.
pub(super) struct Row<'r> {
    pub(super) by: u128,
    pub(super) key: &'r [u8],
    pub(super) row: &'r [u8],
}

/// Which rows of a table are read.
#[derive(Clone, Copy)]
pub(super) enum Which<'r> {
    /// A range.
    Range(&'r Range),
    /// The rows of these keys, and maybe others that the engine takes for the same.
    Keys(&'r [Vec<Value>]),
    /// Some parts of a range, and maybe more of it.
    Parts(&'r Range, &'r [Spelling], u32, &'r [u32]),
}

impl<'a> Side<'a> {
    pub(super) fn new(snapshot: &'a dyn Snapshot, gate: Arc<dyn Gate>) -> Self {
        Self {
            snapshot,
            gate,
            canonicalizer: None,
            rows: CanonicalRows::default(),
        }
    }

    fn opened(&mut self) -> Result<&mut dyn Canonicalizer> {
        if self.canonicalizer.is_none() {
            let mut canonicalizer = self.snapshot.canonicalizer()?;
            canonicalizer.bound(Arc::clone(&self.gate));
            self.canonicalizer = Some(canonicalizer);
        }
        Ok(self
            .canonicalizer
            .as_deref_mut()
            .expect("it was opened above"))
    }

    /// Asks the engine something, within the snapshot.
    pub(super) fn ask<T>(
        &mut self,
        ask: impl FnOnce(&mut dyn Canonicalizer) -> Result<T>,
    ) -> Result<T> {
        let result = self.opened().and_then(ask);
        if result.is_err() {
            self.canonicalizer = None;
        }
        result
    }

    /// Shows every row that is asked for, and after each part its rows and bytes to `part`. A row
    /// without a key is brought together by its own hash.
    pub(super) fn scan(
        &mut self,
        read: &CanonicalRead,
        which: Which<'_>,
        part: &mut impl FnMut(u64, u64) -> Result<()>,
        see: &mut impl FnMut(Row<'_>),
    ) -> Result<()> {
        self.opened()?;
        let canonicalizer = self.canonicalizer.as_mut().expect("it was opened above");
        let rows = &mut self.rows;
        let mut go = || {
            match which {
                Which::Range(range) => canonicalizer.open(read, range)?,
                Which::Keys(keys) => canonicalizer.open_keys(read, keys)?,
                Which::Parts(range, said, parts, chosen) => {
                    canonicalizer.open_parts(read, said, range, parts, chosen)?;
                }
            }
            loop {
                let more = canonicalizer.fill(rows, FILL)?;
                for (key, row) in rows.rows() {
                    let by = if read.key_columns > 0 {
                        hash(key)
                    } else {
                        hash(row)
                    };
                    see(Row { by, key, row });
                }
                let (count, bytes) = (rows.len() as u64, rows.bytes() as u64);
                // A huge row's memory is given back before its room.
                rows.reset(4 * FILL);
                drop(canonicalizer.room());
                part(count, bytes)?;
                if !more {
                    return Ok(());
                }
            }
        };
        let result = go();
        rows.reset(4 * FILL);
        if result.is_err() {
            self.canonicalizer = None;
        }
        result
    }
}

/// Does two things at once, the second on a thread of its own.
pub(super) fn both<A, B: Send>(
    here: impl FnOnce() -> Result<A>,
    there: impl FnOnce() -> Result<B> + Send,
) -> Result<(A, B)> {
    std::thread::scope(|scope| {
        let handle = scope.spawn(there);
        let here = here();
        let there = handle
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((here?, there?))
    })
}
