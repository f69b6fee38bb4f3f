//! One table: its ranges, its sums, and whether they differ.

use super::buckets::{Buckets, Sample, Sum};
use super::side::{Side, both};
use crate::copy::Job;
use crate::plan::TablePlan;
use crate::progress::Fact;
use crate::retry::again;
use crate::throttle::Throttle;
use limosa_core::canonical::{Form, hash};
use limosa_core::chunk::Range;
use limosa_core::engine::{CanonicalRead, Snapshot};
use limosa_core::schema::Type;
use limosa_core::{Error, Result};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What every lane of a comparison shares.
pub(super) struct Shared<'a, 'p> {
    pub(super) job: &'a Job<'p>,
    pub(super) source: &'a dyn Snapshot,
    pub(super) target: &'a dyn Snapshot,
    pub(super) sample: Sample,
    pub(super) throttle: &'a Throttle,
}

/// A table in work.
pub(super) struct Table<'p> {
    pub(super) plan: &'p TablePlan,
    pub(super) units: Vec<Range>,
    pub(super) remaining: AtomicUsize,
    pub(super) found: Mutex<Found>,
    pub(super) began: Instant,
    meter: Mutex<(u64, u64, Instant)>,
}

/// What is known of a table so far.
pub(super) struct Found {
    pub(super) source: Buckets,
    pub(super) target: Buckets,
    /// The sums of each range, source and target.
    pub(super) units: Vec<(Sum, Sum)>,
    pub(super) error: Option<Error>,
}

impl<'p> Table<'p> {
    /// Cuts a table for the comparison. Only a key of one whole number is cut: it is ordered alike by
    /// every engine, text is not.
    pub(super) fn new(shared: &Shared<'_, '_>, plan: &'p TablePlan) -> Self {
        let began = Instant::now();
        let (units, error) = match cut(shared, plan) {
            Ok(units) => (units, None),
            Err(error) => (vec![Range::All], Some(error)),
        };
        Self {
            plan,
            remaining: AtomicUsize::new(units.len()),
            found: Mutex::new(Found {
                source: Buckets::new(plan.rows),
                target: Buckets::new(plan.rows),
                units: vec![Default::default(); units.len()],
                error,
            }),
            units,
            began,
            meter: Mutex::new((0, 0, began)),
        }
    }

    pub(super) fn lock(&self) -> std::sync::MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(|e| e.into_inner())
    }

    pub(super) fn moved(&self, shared: &Shared<'_, '_>, rows: u64, bytes: u64) {
        let mut meter = self.meter.lock().unwrap_or_else(|e| e.into_inner());
        meter.0 += rows;
        meter.1 += bytes;
        if meter.2.elapsed() >= Duration::from_millis(200) {
            meter.2 = Instant::now();
            self.tell(shared, &mut meter);
        }
    }

    fn tell(&self, shared: &Shared<'_, '_>, meter: &mut (u64, u64, Instant)) {
        let (rows, bytes) = (std::mem::take(&mut meter.0), std::mem::take(&mut meter.1));
        if rows > 0 {
            shared.job.progress.hear(Fact::TableMoved {
                stage: "verify",
                table: self.plan.name().clone(),
                rows,
                bytes,
            });
        }
    }

    /// Reads one range of both sides and adds its sums. Gives whether it was the last.
    pub(super) fn unit(&self, shared: &Shared<'_, '_>, lane: &mut Lane<'_>, unit: usize) -> bool {
        if self.lock().error.is_none() && !shared.job.stop.requested() {
            let what = format!("comparing {}", self.plan.name());
            let result = again(&shared.job.around(), &what, |_| {
                self.read(shared, lane, unit)
            });
            match result {
                Ok((source, target)) => {
                    let mut found = self.lock();
                    found.units[unit] = (source.total(), target.total());
                    found.source.merge(&source);
                    found.target.merge(&target);
                    drop(found);
                    (lane.sums.0, lane.sums.1) = (Some(source), Some(target));
                }
                Err(error) => {
                    self.lock().error.get_or_insert(error);
                }
            }
        }
        let last = self.remaining.fetch_sub(1, Ordering::SeqCst) == 1;
        if last {
            self.tell(
                shared,
                &mut self.meter.lock().unwrap_or_else(|e| e.into_inner()),
            );
        }
        last
    }

    fn read(
        &self,
        shared: &Shared<'_, '_>,
        lane: &mut Lane<'_>,
        unit: usize,
    ) -> Result<(Buckets, Buckets)> {
        let range = &self.units[unit];
        let fresh = |kept: &mut Option<Buckets>, like: &Buckets| match kept.take() {
            Some(mut sums) if sums.same_size(like) => {
                sums.clear();
                sums
            }
            _ => like.emptied(),
        };
        let (mut source, mut target) = {
            let found = self.lock();
            (
                fresh(&mut lane.sums.0, &found.source),
                fresh(&mut lane.sums.1, &found.target),
            )
        };
        let sample = shared.sample;
        let count = |sums: &mut Buckets, row: super::side::Row<'_>| {
            sums.rows += 1;
            if sample.chooses(row.by) {
                sums.add(row.by, hash(row.row));
            }
        };
        let (here, there) = (&mut lane.source, &mut lane.target);
        both(
            || {
                here.scan(
                    &self.plan.compare_source,
                    range,
                    &mut |rows, bytes| {
                        shared
                            .throttle
                            .take(rows, bytes, shared.job.clock, shared.job.stop);
                        self.moved(shared, rows, bytes);
                        shared.job.stop.check()
                    },
                    &mut |row| count(&mut source, row),
                )
            },
            || {
                there.scan(
                    &self.plan.compare_target,
                    range,
                    &mut |_, _| shared.job.stop.check(),
                    &mut |row| count(&mut target, row),
                )
            },
        )?;
        Ok((source, target))
    }
}

/// What one lane keeps from unit to unit.
pub(super) struct Lane<'a> {
    pub(super) source: Side<'a>,
    pub(super) target: Side<'a>,
    sums: (Option<Buckets>, Option<Buckets>),
}

impl<'a> Lane<'a> {
    pub(super) fn new(source: &'a dyn Snapshot, target: &'a dyn Snapshot) -> Self {
        Self {
            source: Side::new(source),
            target: Side::new(target),
            sums: (None, None),
        }
    }
}

fn cut(shared: &Shared<'_, '_>, plan: &TablePlan) -> Result<Vec<Range>> {
    let plans = shared.job.plan;
    let one_family = plans.source.capabilities.family == plans.target.capabilities.family;
    let whole = |read: &CanonicalRead| {
        read.key_columns == 1
            && matches!(read.columns[0].ty.base(), Type::Integer { .. })
            // Engines of one family also order values alike that are not what was declared.
            && (read.columns[0].form == Form::Integer
                || one_family && read.columns[0].form == Form::Dynamic)
    };
    let alike = whole(&plan.compare_source)
        && whole(&plan.compare_target)
        && plan.read.key.len() == 1
        && plan.read.key[0].name == plan.compare_source.columns[0].name;
    if !alike {
        return Ok(vec![Range::All]);
    }
    let mut read = plan.read.clone();
    read.physical = false;
    let chunks = again(
        &shared.job.around(),
        &format!("cutting {}", plan.name()),
        |_| {
            shared
                .source
                .chunks(&read, shared.job.settings.chunk_bytes.max(1))
        },
    )?;
    let ranges: Vec<Range> = chunks.into_iter().map(|c| c.range).collect();
    if ranges.is_empty() || !ranges.iter().all(|r| matches!(r, Range::Key { .. })) {
        return Ok(vec![Range::All]);
    }
    Ok(ranges)
}
