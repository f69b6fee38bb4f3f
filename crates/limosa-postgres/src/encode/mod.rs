//! Cells into the bytes of COPY FROM.
//!
//! Why no value changes in silence: each target type has a list of cells that it holds exactly, and
//! everything else is a [`Reject`] or what a policy says. The server would round a fraction, cut
//! trailing blanks or round a decimal without a word; those are looked at here first.
//!
//! The pairing of columns is resolved once per table into a [`plan::Put`] per column. The whole table goes
//! in binary if the binary form of every column is known here, else in text; [`plan::binary`] decides
//! that for encoder and loader alike.

mod accept;
mod array;
mod binary;
pub(crate) mod plan;
mod sink;
mod text;

use limosa_core::batch::{Batch, Reject};
use limosa_core::engine::{Encoder, LoadSpec};
use plan::Column;
use sink::Sink;

/// See [`Encoder`].
pub(crate) struct PostgresEncoder {
    columns: Vec<Column>,
    binary: bool,
    scratch: Vec<u8>,
}

impl PostgresEncoder {
    pub(crate) fn new(spec: &LoadSpec, version: u32) -> Self {
        Self {
            columns: spec
                .columns
                .iter()
                .map(|c| Column::new(c, version))
                .collect(),
            binary: plan::binary(spec),
            scratch: Vec::new(),
        }
    }
}

fn rows<S: Sink>(
    columns: &[Column],
    batch: &Batch,
    sink: &mut S,
) -> Result<(), (u64, usize, &'static str)> {
    let mut cells = batch.cells();
    for row in 0..batch.rows() {
        sink.begin_row(columns.len());
        for (i, column) in columns.iter().enumerate() {
            let Some(cell) = cells.next() else {
                return Err((
                    row,
                    i,
                    "the batch has fewer cells than the table has columns",
                ));
            };
            sink.begin_cell(i);
            accept::put(column, cell, sink).map_err(|reason| (row, i, reason))?;
        }
        sink.end_row();
    }
    Ok(())
}

impl Encoder for PostgresEncoder {
    fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>) -> Result<(), Reject> {
        let mark = out.len();
        let done = if batch.columns() != self.columns.len() && batch.rows() > 0 {
            Err((
                0,
                0,
                "the batch has another number of columns than the table",
            ))
        } else if self.binary {
            rows(&self.columns, batch, &mut binary::Binary { out })
        } else {
            rows(
                &self.columns,
                batch,
                &mut text::Text {
                    out,
                    scratch: &mut self.scratch,
                },
            )
        };
        done.map_err(|(row, column, reason)| {
            out.truncate(mark);
            Reject {
                row,
                column,
                reason: reason.into(),
            }
        })
    }
}
