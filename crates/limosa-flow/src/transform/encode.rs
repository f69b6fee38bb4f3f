//! A transform before a target's encoder: to the copy the two are one encoder.
//!
//! # Why no row is lost or doubled
//!
//! A batch is encoded whole or not at all: if one row fails, in the transform or in the encoder, what was
//! encoded of it is not used, and the failing row is named by its place in the batch that came in. So
//! whoever isolates rows isolates rows of the source. Rows that the filter leaves out are counted once,
//! with the batch that was encoded.

use super::program::{Applied, Program};
use crate::repair::Repair;
use bumpalo::Bump;
use limosa_core::batch::{Batch, Reject};
use limosa_core::engine::Encoder;
use std::sync::Arc;

/// A transform, and the encoder behind it.
pub struct Transforming {
    program: Arc<Program>,
    inner: Box<dyn Encoder>,
    /// What is mended in the rows that come out.
    repair: Option<Repair>,
    mended: Batch,
    arena: Bump,
    out: Batch,
    done: Applied,
    left_out: u64,
}

impl Transforming {
    /// Puts a transform before an encoder of its outputs.
    pub(crate) fn new(
        program: Arc<Program>,
        inner: Box<dyn Encoder>,
        repair: Option<Repair>,
    ) -> Self {
        Self {
            program,
            inner,
            repair,
            mended: Batch::default(),
            arena: Bump::new(),
            out: Batch::default(),
            done: Applied::default(),
            left_out: 0,
        }
    }
}

/// Beyond this a huge row's memory is given back.
const KEEP: usize = 8 << 20;

impl Encoder for Transforming {
    fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>) -> Result<(), Reject> {
        self.program
            .apply(&mut self.arena, batch, &mut self.out, &mut self.done);
        if let Some(first) = self.done.refused.first() {
            return Err(Reject {
                row: first.row,
                // Beyond the written columns: see `TablePlan::column`.
                column: first
                    .column
                    .map_or(usize::MAX, |c| c + self.program.columns()),
                reason: format!("{}: {}", first.name, first.reason),
            });
        }
        if self.out.rows() > 0 {
            let origins = &self.done.origins;
            let rows = match &self.repair {
                Some(repair) => {
                    repair.apply(&self.out, &mut self.mended);
                    &self.mended
                }
                None => &self.out,
            };
            self.inner.encode(rows, out).map_err(|r| Reject {
                row: usize::try_from(r.row)
                    .ok()
                    .and_then(|at| origins.get(at))
                    .map_or(r.row, |row| u64::from(*row)),
                ..r
            })?;
        }
        self.left_out += self.done.filtered;
        if self.out.bytes() > KEEP {
            self.out.shrink(KEEP);
        }
        if self.arena.allocated_bytes() > KEEP {
            self.arena = Bump::new();
        }
        Ok(())
    }

    fn left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }
}
