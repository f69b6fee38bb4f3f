//! Parting the rows that go on from those that are left out.
//!
//! Every row of a batch ends in exactly one of two places: encoded, or among the [`Refused`]. What the
//! encoder refuses is told by it, row by row. What the target refuses is found by halving: a part that
//! goes in as a whole is done, a part of one row that does not is refused, any other is cut in two.

use super::words;
use crate::plan::TablePlan;
use crate::rejects::{Refused, Step, Tally};
use crate::repair::Repair;
use limosa_core::Result;
use limosa_core::batch::{Batch, Cause, Cell, Reject, Row};
use limosa_core::engine::{Encoder, Loader};
use limosa_core::schema::Type;
use std::sync::atomic::{AtomicU64, Ordering};

/// After a first reject rows are tried in groups of so many: a group is begun anew at each reject in it.
const GROUP: usize = 64;

/// What decides whether a row may be left out at all.
#[derive(Clone, Copy)]
pub(crate) struct Sieve<'a> {
    pub plan: &'a TablePlan,
    pub tally: &'a Tally,
    /// What is mended before the encoder sees it.
    pub repair: Option<&'a Repair>,
    /// Counts the rows that a filter leaves out.
    pub filtered: &'a AtomicU64,
}

impl Sieve<'_> {
    /// The row that an encoder refuses, if it may be left out; else the error that ends the chunk.
    /// `batch` is what the encoder saw, `raw` the row as it was read.
    fn refuse(&self, batch: &Batch, raw: Row<'_>, reject: &Reject) -> Result<Refused> {
        let plan = self.plan;
        let policies = plan.load.columns.get(reject.column).map(|c| c.policies);
        let seen = batch
            .each_row()
            .nth(usize::try_from(reject.row).unwrap_or(usize::MAX))
            .expect("an encoder names a row of its batch");
        // With a transform the encoder has seen other cells.
        let cause = match plan.transform {
            Some(_) if plan.in_transform(reject.column) => Cause::Transform,
            Some(_) => Cause::Other,
            None => cause(plan, seen, reject.column),
        };
        let chosen = policies.is_some_and(|p| p.reject(cause));
        if !chosen && !self.tally.tolerates(plan.name()) {
            return Err(words::reject(self.plan, batch, reject));
        }
        let step = match cause {
            Cause::Transform => Step::Transform,
            _ => Step::Encode,
        };
        let mut refused = Refused::new(
            plan,
            raw,
            step,
            cause,
            plan.column(reject.column),
            reject.reason.as_str(),
        );
        refused.chosen = chosen;
        Ok(refused)
    }

    /// How many rows the encoder's filter has left out since it was last asked.
    fn filtered(&self, encoder: &mut dyn Encoder) -> u64 {
        let rows = encoder.left_out();
        self.filtered.fetch_add(rows, Ordering::Relaxed);
        rows
    }

    /// Appends the rows of `batch` to `out` but for those that the encoder refuses, which go to `refused`.
    /// Gives the number of rows appended.
    pub(crate) fn encode(
        &self,
        encoder: &mut dyn Encoder,
        batch: &Batch,
        out: &mut Vec<u8>,
        refused: &mut Vec<Refused>,
    ) -> Result<u64> {
        let mut mended = Batch::default();
        let raw = batch;
        let batch = match self.repair {
            Some(repair) => {
                repair.apply(raw, &mut mended);
                &mended
            }
            None => raw,
        };
        let Err(first) = encoder.encode(batch, out) else {
            return Ok(batch.rows() - self.filtered(encoder));
        };
        let raw: Vec<Row<'_>> = raw.each_row().collect();
        let rows: Vec<Row<'_>> = batch.each_row().collect();
        // A run that stops at the first reject names it in its batch.
        let at = usize::try_from(first.row).unwrap_or(usize::MAX);
        self.refuse(batch, raw[at.min(raw.len() - 1)], &first)?;
        let mut group = Batch::default();
        let mut taken = 0;
        let mut at = 0;
        // Those before the first reject are good: a group may hold them all.
        let mut size = usize::try_from(first.row).unwrap_or(0).max(1);
        while at < rows.len() {
            let end = (at + size).min(rows.len());
            fill(&mut group, batch.columns(), &rows[at..end]);
            match encoder.encode(&group, out) {
                Ok(()) => {
                    taken += (end - at) as u64 - self.filtered(encoder);
                    at = end;
                    size = GROUP;
                }
                Err(reject) => {
                    let good = usize::try_from(reject.row).unwrap_or(0);
                    let mut row = self.refuse(&group, raw[at + good], &reject)?;
                    row.row = at + good;
                    refused.push(row);
                    if good > 0 {
                        fill(&mut group, batch.columns(), &rows[at..at + good]);
                        encoder
                            .encode(&group, out)
                            .map_err(|r| words::reject(self.plan, &group, &r))?;
                        taken += good as u64 - self.filtered(encoder);
                    }
                    at += good + 1;
                }
            }
        }
        Ok(taken)
    }

    /// Writes the rows of `batch` apart, but for those that the encoder or the target refuses, which go to
    /// `refused`. Gives the rows and bytes that are in. `enough` is asked after each refusal of the target
    /// and ends the chunk with its error.
    pub(crate) fn load(
        &self,
        encoder: &mut dyn Encoder,
        loader: &mut dyn Loader,
        batch: &Batch,
        refused: &mut Vec<Refused>,
        enough: &mut dyn FnMut(&[Refused]) -> Result<()>,
    ) -> Result<(u64, u64)> {
        let rows: Vec<Row<'_>> = batch.each_row().collect();
        let mut done = (0, 0);
        let mut part = Batch::default();
        let mut bytes = Vec::new();
        // The parts that are still to be tried, the first on top.
        let mut parts = vec![(0, rows.len())];
        while let Some((from, to)) = parts.pop() {
            if from == to {
                continue;
            }
            fill(&mut part, batch.columns(), &rows[from..to]);
            bytes.clear();
            let before = refused.len();
            let filtered = self.filtered.load(Ordering::Relaxed);
            let count = self.encode(encoder, &part, &mut bytes, refused)?;
            for row in &mut refused[before..] {
                row.row += from;
            }
            if count == 0 {
                continue;
            }
            match loader.write_apart(count, &bytes) {
                Ok(()) => {
                    done.0 += count;
                    done.1 += bytes.len() as u64;
                }
                Err(error) if error.refuses_rows() => {
                    if to - from == 1 {
                        let mut row = Refused::by_target(self.plan, rows[from], &error);
                        row.row = from;
                        refused.push(row);
                        enough(refused)?;
                        continue;
                    }
                    // What the encoder refuses and the filter leaves out is met again in the halves.
                    refused.truncate(before);
                    self.filtered.store(filtered, Ordering::Relaxed);
                    let middle = from + (to - from) / 2;
                    parts.push((middle, to));
                    parts.push((from, middle));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }
}

fn fill(batch: &mut Batch, columns: usize, rows: &[Row<'_>]) {
    batch.reset(columns);
    for row in rows {
        batch.put_row(*row);
    }
}

/// What sort of trouble a value is for its column, told from the two alone: the encoders say it in words.
fn cause(plan: &TablePlan, row: Row<'_>, column: usize) -> Cause {
    let (Some(write), Some(cell)) = (plan.load.columns.get(column), row.cells().nth(column)) else {
        return Cause::Other;
    };
    let target = write.target.base();
    let number = matches!(
        target,
        Type::Integer { .. } | Type::Decimal { .. } | Type::Float { .. } | Type::Year
    );
    let moment = matches!(
        target,
        Type::Date | Type::Timestamp { .. } | Type::Time { .. }
    );
    match cell {
        Cell::Null => Cause::Constraint,
        Cell::Text(t) | Cell::Json(t) if t.contains('\0') => Cause::Nul,
        // Six characters like any others, but where they are JSON.
        Cell::Text(t) | Cell::Json(t)
            if t.contains("\\u0000")
                && (matches!(cell, Cell::Json(_)) || matches!(target, Type::Json { .. })) =>
        {
            Cause::Nul
        }
        Cell::Bytes(_) if target.text() || matches!(target, Type::Json { .. }) => {
            Cause::InvalidText
        }
        Cell::F64(f) if !f.is_finite() => Cause::NotFinite,
        Cell::F32(f) if !f.is_finite() => Cause::NotFinite,
        Cell::Decimal("NaN" | "Infinity" | "-Infinity")
        | Cell::Date(i32::MAX | i32::MIN)
        | Cell::Timestamp(i64::MAX | i64::MIN)
        | Cell::TimestampTz(i64::MAX | i64::MIN) => Cause::NotFinite,
        Cell::Text(_) if moment => Cause::BadDate,
        Cell::Date(_) | Cell::Timestamp(_) | Cell::TimestampTz(_) | Cell::Time(_) if moment => {
            Cause::BadDate
        }
        Cell::Int(_) | Cell::UInt(_) if matches!(target, Type::Float { .. }) => Cause::Precision,
        Cell::Int(_) | Cell::UInt(_) if number => Cause::OutOfRange,
        Cell::Decimal(d) => match target {
            Type::Decimal {
                precision: Some(p),
                scale,
            } => {
                let room = i64::from(*p) - i64::from(scale.unwrap_or(0));
                let digits = d.trim_start_matches('-').trim_start_matches('0');
                let whole = digits.split('.').next().unwrap_or_default().len();
                match i64::try_from(whole).is_ok_and(|n| n > room) {
                    true => Cause::OutOfRange,
                    false => Cause::Precision,
                }
            }
            Type::Integer { .. } if !d.contains('.') => Cause::OutOfRange,
            _ if number => Cause::Precision,
            _ => Cause::Mismatch,
        },
        Cell::F64(_) | Cell::F32(_) if matches!(target, Type::Integer { .. }) => Cause::Mismatch,
        Cell::F64(_) | Cell::F32(_) if number => Cause::Precision,
        Cell::Text(_) if matches!(target, Type::Char { .. } | Type::Varchar { .. }) => {
            Cause::OutOfRange
        }
        Cell::Text(_) if target.text() => Cause::Other,
        _ => Cause::Mismatch,
    }
}
