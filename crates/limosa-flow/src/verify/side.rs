//! Reading one side's rows in the canonical form.
//!
//! A side is whatever [`Snapshot::canonicalizer`] gives: stored rows, or rows after a transform.

use limosa_core::Result;
use limosa_core::canonical::{CanonicalRows, hash};
use limosa_core::chunk::Range;
use limosa_core::engine::{CanonicalRead, Canonicalizer, Snapshot};
use limosa_core::value::Value;

/// Bytes of rows at once: enough that a call costs nothing per row.
const FILL: usize = 256 << 10;

/// One lane's reader of one side. Opened when first needed, and again after an error.
pub(super) struct Side<'a> {
    snapshot: &'a dyn Snapshot,
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
}

impl<'a> Side<'a> {
    pub(super) fn new(snapshot: &'a dyn Snapshot) -> Self {
        Self {
            snapshot,
            canonicalizer: None,
            rows: CanonicalRows::default(),
        }
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
        if self.canonicalizer.is_none() {
            self.canonicalizer = Some(self.snapshot.canonicalizer()?);
        }
        let canonicalizer = self.canonicalizer.as_mut().expect("it was opened above");
        let rows = &mut self.rows;
        let mut go = || {
            match which {
                Which::Range(range) => canonicalizer.open(read, range)?,
                Which::Keys(keys) => canonicalizer.open_keys(read, keys)?,
            }
            loop {
                rows.reset(4 * FILL);
                let more = canonicalizer.fill(rows, FILL)?;
                for (key, row) in rows.rows() {
                    let by = if read.key_columns > 0 {
                        hash(key)
                    } else {
                        hash(row)
                    };
                    see(Row { by, key, row });
                }
                part(rows.len() as u64, rows.bytes() as u64)?;
                if !more {
                    return Ok(());
                }
            }
        };
        let result = go();
        if result.is_err() {
            self.canonicalizer = None;
        }
        rows.reset(4 * FILL);
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
