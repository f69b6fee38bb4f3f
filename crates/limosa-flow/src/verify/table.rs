//! One table: its ranges, what each side has in them, and what differs.

use super::choose::{Choice, Sample};
use super::cross::{self, Crossed};
use super::cut::{self, Cut, first_number};
use super::differ::{self, Odd};
use super::ends::Ends;
use super::excuse::Excuses;
use super::judge::Changes;
use super::pushdown;
use super::side::{Side, Which, both};
use super::sketch::{Row, Sketch};
use super::sum::Sum;
use super::ways;
use crate::copy::Job;
use crate::memory::{Memory, ReaderGate, Share};
use crate::plan::TablePlan;
use crate::progress::Fact;
use crate::retry::again;
use crate::throttle::Throttle;
use limosa_core::canonical::hash;
use limosa_core::chunk::Range;
use limosa_core::engine::{CanonicalRead, Snapshot};
use limosa_core::pushdown::Spelling;
use limosa_core::schema::{Catalog, TableName};
use limosa_core::{Error, Result};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Cells of a range's first table of differences: room for hundreds of differing rows, and small enough
/// for the second-level cache.
const CELLS: usize = 1536;

/// Rows that are named at most where some may be excused, so that each of them can be told from a real
/// difference.
const EXCUSED: usize = 10_000;

/// What every lane of a comparison shares.
pub(super) struct Shared<'a, 'p> {
    pub(super) job: &'a Job<'p>,
    pub(super) source: &'a dyn Snapshot,
    pub(super) target: &'a dyn Snapshot,
    /// The target's tables as they are, by their names in lower case.
    pub(super) found: HashMap<String, &'a limosa_core::schema::Table>,
    /// What policies change.
    pub(super) changes: Changes<'p>,
    pub(super) sample: Sample,
    pub(super) throttle: &'a Throttle,
    /// Room for larger tables of differences, over all lanes.
    pub(super) room: &'a Arc<Memory>,
    /// Room for huge rows, of all readers of both sides.
    pub(super) memory: Arc<Memory>,
    pub(super) share: Share,
    /// Bytes of differing rows that a lane holds.
    pub(super) bound: usize,
    /// Who is shown every row that differs.
    pub(super) witness: Option<&'a dyn super::Witness>,
    /// How many lanes there are.
    pub(super) lanes: usize,
}

/// The tables of a catalog by name.
pub(super) fn by_name(catalog: &Catalog) -> HashMap<String, &limosa_core::schema::Table> {
    catalog.tables.iter().map(|t| (known(&t.name), t)).collect()
}

/// A name as it is looked for, whatever its case.
pub(super) fn known(name: &TableName) -> String {
    name.to_string().to_lowercase()
}

/// A table in work.
pub(super) struct Table<'p> {
    pub(super) plan: &'p TablePlan,
    /// Ranges of the same rows on both sides.
    pub(super) units: Vec<Range>,
    /// With one such range, that of all rows, the ranges in which each side is read by itself.
    apart: Option<(Vec<Range>, Vec<Range>)>,
    /// Which rows of each range are compared.
    pub(super) choices: Vec<Choice>,
    /// Rows that were rejected.
    pub(super) excuses: Excuses,
    /// How the servers say its columns, where they are to add up its rows.
    pub(super) said: Option<Vec<Spelling>>,
    /// Rows that are to be named at most.
    pub(super) names: usize,
    /// How many parts of work it is.
    pub(super) works: usize,
    remaining: AtomicUsize,
    found: Mutex<Found>,
    pub(super) began: Instant,
    meter: Mutex<(u64, u64, Instant)>,
}

/// What one side has of a range or a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Rows, chosen or not.
    pub(super) rows: u64,
    /// Those that were chosen.
    pub(super) sum: Sum,
}

impl Tally {
    pub(super) fn merge(&mut self, other: &Tally) {
        self.rows += other.rows;
        self.sum.merge(&other.sum);
    }
}

/// What is known of a table so far.
#[derive(Default)]
pub(super) struct Found {
    pub(super) source: Tally,
    pub(super) target: Tally,
    pub(super) odd: Odd,
    pub(super) error: Option<Error>,
    /// Rows that went both ways, and what the two ways did not agree on.
    pub(super) crossed: Crossed,
    /// The ends of both sides' columns, where not all rows are compared.
    pub(super) ends: (Ends, Ends),
    /// Of a table whose sides are read apart: what differs in the ranges that were read.
    sketch: Option<Sketch>,
}

impl<'p> Table<'p> {
    /// Cuts a table for the comparison.
    pub(super) fn new(shared: &Shared<'_, 'p>, plan: &'p TablePlan) -> Self {
        let began = Instant::now();
        let said = match shared.job.settings.sums.pushdown && shared.sample.whole() {
            true => ways::spellings(shared.job, shared.source, shared.target, plan),
            false => None,
        };
        let bytes = match said.is_some() {
            true => chunk_of(shared.job.settings.sums.rows, plan),
            false => shared.job.settings.chunk_bytes,
        };
        // What the servers add up has to be the same rows on both sides.
        let cut = cut::cut(shared, plan, bytes.max(1), said.is_none());
        let known = cut.and_then(|cut| Ok((cut, Excuses::of(shared.job.rejects, plan)?)));
        let (cut, excuses, error) = match known {
            Ok((cut, excuses)) => (cut, excuses, None),
            Err(error) => (
                Cut::Agreed(vec![Range::All]),
                Excuses::default(),
                Some(error),
            ),
        };
        let (units, apart) = match cut {
            Cut::Agreed(units) => (units, None),
            Cut::Apart(source, target) => (vec![Range::All], Some((source, target))),
        };
        let works = apart.as_ref().map_or(units.len(), |(source, target)| {
            source.len().max(target.len())
        });
        let (rows, greatest) = match shared.sample.whole() {
            true => (plan.rows, None),
            false => (
                plan.rows.or_else(|| counted(shared, plan)),
                greatest(shared, plan),
            ),
        };
        let of = |range| Choice::new(shared.sample, rows, range, greatest);
        let choices = units.iter().map(of).collect();
        let changed = shared.changes.within(plan);
        let asked = shared.job.settings.max_differences;
        Self {
            plan,
            names: match changed.is_empty() && excuses.rows == 0 {
                true => asked,
                false => asked.max(EXCUSED) + excuses.rows as usize,
            },
            said,
            choices,
            excuses,
            remaining: AtomicUsize::new(works),
            works,
            apart,
            found: Mutex::new(Found {
                error,
                ..Found::default()
            }),
            units,
            began,
            meter: Mutex::new((0, 0, began)),
        }
    }

    pub(super) fn lock(&self) -> std::sync::MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Whether rows are brought together by a key.
    pub(super) fn keyed(&self) -> bool {
        self.plan.compare_source.key_columns > 0
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

    /// Does one part of the work: reads a range of both sides and keeps what differs. Gives whether it was the last.
    pub(super) fn work(&self, shared: &Shared<'_, '_>, lane: &mut Lane<'_>, part: usize) -> bool {
        if self.lock().error.is_none() && !shared.job.stop.requested() {
            let result = match &self.apart {
                None => self.agreed(shared, lane, part),
                Some((source, target)) => {
                    self.alone(shared, lane, (source.get(part), target.get(part)))
                }
            };
            if let Err(error) = result {
                self.lock().error.get_or_insert(error);
            }
        }
        let last = self.remaining.fetch_sub(1, Ordering::SeqCst) == 1;
        if last {
            if self.apart.is_some()
                && let Err(error) = self.together(shared, lane)
            {
                self.lock().error.get_or_insert(error);
            }
            self.tell(
                shared,
                &mut self.meter.lock().unwrap_or_else(|e| e.into_inner()),
            );
        }
        last
    }

    /// Compares a range of the same rows.
    fn agreed(&self, shared: &Shared<'_, '_>, lane: &mut Lane<'_>, unit: usize) -> Result<()> {
        let what = format!("comparing {}", self.plan.name());
        let (source, target, mut crossed) =
            again(&shared.job.around(), &what, |_| match &self.said {
                Some(said) => pushdown::unit(shared, lane, self, unit, said),
                None => {
                    let read = self.read(shared, lane, unit)?;
                    Ok((read.0, read.1, Crossed::default()))
                }
            })?;
        let odd = differ::odd(shared, lane, self, unit, &source, &target)?;
        // What was read although it was added up has gone both ways already.
        if crossed.rows == 0 {
            crossed = cross::unit(shared, lane, self, unit, (source.rows, target.rows))?;
        }
        let mut found = self.lock();
        found.source.merge(&source);
        found.target.merge(&target);
        found.odd.merge(odd, self.names);
        found.crossed.merge(crossed);
        Ok(())
    }

    /// Reads ranges that have nothing to do with each other, and adds what was seen up.
    fn alone(
        &self,
        shared: &Shared<'_, '_>,
        lane: &mut Lane<'_>,
        ranges: (Option<&Range>, Option<&Range>),
    ) -> Result<()> {
        let what = format!("comparing {}", self.plan.name());
        let (source, target) = again(&shared.job.around(), &what, |_| {
            self.ranges(shared, lane, ranges, 0)
        })?;
        let mut found = self.lock();
        found.source.merge(&source);
        found.target.merge(&target);
        found
            .sketch
            .get_or_insert_with(|| Sketch::new(CELLS, true))
            .plus(&lane.sketches.0);
        Ok(())
    }

    /// Compares the sums of all ranges of both sides.
    fn together(&self, shared: &Shared<'_, '_>, lane: &mut Lane<'_>) -> Result<()> {
        let (source, target) = {
            let mut found = self.lock();
            let Some(sketch) = found.sketch.take().filter(|_| found.error.is_none()) else {
                return Ok(());
            };
            lane.sketches.0 = sketch;
            (found.source, found.target)
        };
        shared.job.stop.check()?;
        let odd = differ::odd(shared, lane, self, 0, &source, &target)?;
        let crossed = cross::unit(shared, lane, self, 0, (source.rows, target.rows))?;
        let mut found = self.lock();
        found.odd.merge(odd, self.names);
        found.crossed.merge(crossed);
        Ok(())
    }

    /// Reads a range of both sides. The lane's table of differences holds what they do not share.
    pub(super) fn read(
        &self,
        shared: &Shared<'_, '_>,
        lane: &mut Lane<'_>,
        unit: usize,
    ) -> Result<(Tally, Tally)> {
        let range = Some(&self.units[unit]);
        self.ranges(shared, lane, (range, range), unit)
    }

    /// The same with a range of each side.
    fn ranges(
        &self,
        shared: &Shared<'_, '_>,
        lane: &mut Lane<'_>,
        ranges: (Option<&Range>, Option<&Range>),
        unit: usize,
    ) -> Result<(Tally, Tally)> {
        let choice = &self.choices[unit];
        let (mut source, mut target) = (Tally::default(), Tally::default());
        lane.sketches.0.clear();
        lane.sketches.1.clear();
        let sampled = !choice.whole();
        let mut ends = (Ends::default(), Ends::default());
        let count = |tally: &mut Tally,
                     sketch: &mut Sketch,
                     ends: &mut Ends,
                     read: &CanonicalRead,
                     row: super::side::Row<'_>| {
            tally.rows += 1;
            if sampled {
                ends.take(read, row.row);
            }
            if choice.takes(row.by, row.key) {
                let hash = hash(row.row);
                tally.sum.add(hash);
                sketch.add(Row { by: row.by, hash }, row.key);
            }
        };
        let (here, there) = (&mut lane.source, &mut lane.target);
        let (mine, theirs) = (&mut lane.sketches.0, &mut lane.sketches.1);
        let (left, right) = (&mut ends.0, &mut ends.1);
        let (from, to) = (&self.plan.compare_source, &self.plan.compare_target);
        let mut from_source = || match ranges.0 {
            None => Ok(()),
            Some(range) => here.scan(
                from,
                Which::Range(range),
                &mut |rows, bytes| {
                    shared
                        .throttle
                        .take(rows, bytes, shared.job.clock, shared.job.stop);
                    self.moved(shared, rows, bytes);
                    shared.job.stop.check()
                },
                &mut |row| count(&mut source, mine, left, from, row),
            ),
        };
        let mut from_target = || match ranges.1 {
            None => Ok(()),
            Some(range) => there.scan(
                to,
                Which::Range(range),
                &mut |_, _| shared.job.stop.check(),
                &mut |row| count(&mut target, theirs, right, to, row),
            ),
        };
        match ranges {
            (_, None) => from_source()?,
            (None, _) => from_target()?,
            _ => both(from_source, from_target).map(drop)?,
        }
        mine.less(theirs);
        if sampled {
            // A range that is read twice has the same ends.
            let mut found = self.lock();
            found.ends.0.merge(from, &ends.0);
            found.ends.1.merge(to, &ends.1);
        }
        Ok((source, target))
    }
}

/// What one lane keeps from unit to unit.
pub(super) struct Lane<'a> {
    pub(super) source: Side<'a>,
    pub(super) target: Side<'a>,
    /// Of the source and, after a range was read, the difference; and of the target.
    pub(super) sketches: (Sketch, Sketch),
}

impl<'a> Lane<'a> {
    pub(super) fn new(shared: &Shared<'a, '_>) -> Self {
        let gate = || ReaderGate::looking(&shared.memory, shared.share, shared.job.stop);
        Self {
            source: Side::new(shared.source, gate()),
            target: Side::new(shared.target, gate()),
            sketches: (Sketch::new(CELLS, true), Sketch::new(CELLS, true)),
        }
    }
}

/// The bytes of about so many rows.
fn chunk_of(rows: u64, plan: &TablePlan) -> u64 {
    let each = match (plan.bytes, plan.rows) {
        (Some(bytes), Some(1..)) => bytes / plan.rows.unwrap_or(1),
        _ => 64,
    };
    rows.max(1).saturating_mul(each.max(16))
}

/// Rows of the source, as far as it matters whether the table is small.
fn counted(shared: &Shared<'_, '_>, plan: &TablePlan) -> Option<u64> {
    let mut session = shared.job.source.session().ok()?;
    let enough = super::choose::SMALL + 1;
    let rows = session.count(&plan.compare_source.table, Some(enough));
    rows.ok()
}

/// The source's greatest key, if that is one number. None where it can not be asked: then only the share
/// is compared.
pub(super) fn greatest(shared: &Shared<'_, '_>, plan: &TablePlan) -> Option<i128> {
    let first = first_number(&plan.compare_source, true)?;
    let mut session = shared.job.source.session().ok()?;
    let found = session.greatest(&plan.compare_source.table, &first.name);
    found.ok().flatten()
}
