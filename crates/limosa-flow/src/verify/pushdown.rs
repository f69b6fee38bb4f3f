//! Ranges that the servers add up: rows travel only where the sums differ.
//!
//! # Why no difference is missed
//!
//! Both servers add up the same rows' hashes ([`limosa_core::pushdown`]), each in its snapshot. Equal sums with
//! a hash for every row are equal rows. Any other range is added up again in parts by the hash of the
//! key, which every engine computes alike, so no collation enters; the parts whose sums differ, or have a row
//! without a hash, are read, and compared as if nobody had added anything up. A range that a server fails to
//! add up is read as a whole.
//!
//! What is read is added up here as well, and must give what its server gave for the same rows of the same
//! snapshot; else the comparison disagrees with itself.

use super::cross::{Crossed, disagree};
use super::side::{Row, Which, both};
use super::sketch;
use super::sum::Sum;
use super::table::{Lane, Shared, Table, Tally};
use limosa_core::canonical::hash;
use limosa_core::chunk::Range;
use limosa_core::engine::CanonicalRead;
use limosa_core::error::Disposition;
use limosa_core::pushdown::{Speller, Spelling, Sums, part};
use limosa_core::{Error, ErrorKind, Result};

/// Rows of a part that is read, about.
const LEAF: u64 = 1000;

/// Parts of one statement, at most.
const PARTS: u64 = 4096;

/// Compares a range. What differs is in the lane's tables afterwards, as after [`Table::read`].
pub(super) fn unit(
    shared: &Shared<'_, '_>,
    lane: &mut Lane<'_>,
    table: &Table<'_>,
    unit: usize,
    said: &[Spelling],
) -> Result<(Tally, Tally, Crossed)> {
    lane.sketches.0.clear();
    lane.sketches.1.clear();
    let range = &table.units[unit];
    let as_a_whole = |lane: &mut Lane<'_>| {
        let read = table.read(shared, lane, unit)?;
        Ok((read.0, read.1, Crossed::default()))
    };
    let whole = match sums(lane, table, said, range, 1) {
        Err(e) if readable(&e) => return as_a_whole(lane),
        other => other?,
    };
    if alike(&whole.0[0], &whole.1[0]) {
        let (source, target) = (told(&whole.0[0]), told(&whole.1[0]));
        table.moved(shared, source.rows, 0);
        return Ok((source, target, Crossed::default()));
    }
    let rows = whole.0[0].rows.max(whole.1[0].rows);
    let parts = (rows / LEAF).clamp(1, PARTS) as u32;
    let (here, there) = match parts {
        1 => whole,
        _ => match sums(lane, table, said, range, parts) {
            Err(e) if readable(&e) => return as_a_whole(lane),
            other => other?,
        },
    };
    let chosen: Vec<u32> = (0u32..)
        .zip(here.iter().zip(&there))
        .filter(|(_, (a, b))| !alike(a, b))
        .map(|(at, _)| at)
        .collect();
    let (mut source, mut target) = (Tally::default(), Tally::default());
    for (a, b) in here.iter().zip(&there).filter(|(a, b)| alike(a, b)) {
        source.merge(&told(a));
        target.merge(&told(b));
    }
    let mut sides = (
        Reading::new(&table.plan.compare_source, said, &here, &chosen),
        Reading::new(&table.plan.compare_target, said, &there, &chosen),
    );
    read(shared, lane, table, range, said, &chosen, &mut sides)?;
    let (mine, theirs) = (&mut lane.sketches.0, &mut lane.sketches.1);
    mine.less(theirs);
    source.merge(&sides.0.tally);
    target.merge(&sides.1.tally);
    let mut crossed = Crossed {
        rows: sides.0.tally.rows.max(sides.1.tally.rows),
        disagreements: Vec::new(),
    };
    for (side, name) in [(&sides.0, "source"), (&sides.1, "target")] {
        for at in &chosen {
            let at = *at as usize;
            crossed
                .disagreements
                .extend(disagree(name, &side.asked[at], &side.found[at]));
        }
    }
    Ok((source, target, crossed))
}

/// Whether a range whose sums could not be made may still be read.
fn readable(error: &Error) -> bool {
    error.kind().disposition() == Disposition::Definite
        && !matches!(
            error.kind(),
            ErrorKind::SnapshotLost | ErrorKind::Interrupted | ErrorKind::Internal
        )
}

/// Whether equal sums prove equal rows, and the sums are equal.
fn alike(a: &Sums, b: &Sums) -> bool {
    a.whole() && b.whole() && a == b
}

fn told(sums: &Sums) -> Tally {
    Tally {
        rows: sums.rows,
        sum: Sum::told(sums),
    }
}

fn sums(
    lane: &mut Lane<'_>,
    table: &Table<'_>,
    said: &[Spelling],
    range: &Range,
    parts: u32,
) -> Result<(Vec<Sums>, Vec<Sums>)> {
    let (here, there) = (&mut lane.source, &mut lane.target);
    let (from, to) = (&table.plan.compare_source, &table.plan.compare_target);
    let wanted = |sums: Vec<Sums>| match sums.len() == parts as usize {
        true => Ok(sums),
        false => Err(Error::new(
            ErrorKind::Internal,
            "summing rows up",
            "another number of parts came back",
        )),
    };
    both(
        || {
            here.ask(|c| c.sums(from, said, range, parts))
                .and_then(wanted)
        },
        || {
            there
                .ask(|c| c.sums(to, said, range, parts))
                .and_then(wanted)
        },
    )
}

/// One side's rows of the chosen parts, as they are read.
struct Reading<'s> {
    speller: Speller,
    /// What the server said of each part.
    asked: &'s [Sums],
    /// What was read of it.
    found: Vec<Sums>,
    chosen: Vec<bool>,
    tally: Tally,
}

impl<'s> Reading<'s> {
    fn new(read: &CanonicalRead, said: &[Spelling], asked: &'s [Sums], chosen: &[u32]) -> Self {
        let mut marks = vec![false; asked.len()];
        for at in chosen {
            marks[*at as usize] = true;
        }
        Self {
            speller: Speller::new(read, said),
            asked,
            found: vec![Sums::default(); asked.len()],
            chosen: marks,
            tally: Tally::default(),
        }
    }

    fn take(&mut self, row: Row<'_>, sketch: &mut sketch::Sketch) {
        let hashes = self.speller.hashes(row.row);
        let parts = self.asked.len() as u32;
        let at = match (parts, hashes.key) {
            (1, _) => Some(0),
            (_, key) => key.map(|key| part(key, parts) as usize),
        };
        // A row that is in no part to us was in one to the server: it is compared, and its part's sums
        // will not agree.
        if let Some(at) = at {
            if !self.chosen[at] {
                return;
            }
            self.found[at].add(hashes.row);
        }
        let hash = hash(row.row);
        self.tally.rows += 1;
        self.tally.sum.add(hash);
        sketch.add(sketch::Row { by: row.by, hash }, row.key);
    }
}

#[allow(
    clippy::too_many_arguments,
    reason = "a range of a table, and what is asked of it"
)]
fn read(
    shared: &Shared<'_, '_>,
    lane: &mut Lane<'_>,
    table: &Table<'_>,
    range: &Range,
    said: &[Spelling],
    chosen: &[u32],
    sides: &mut (Reading<'_>, Reading<'_>),
) -> Result<()> {
    let parts = sides.0.asked.len() as u32;
    let which = match parts > 1 && chosen.len() * 2 < parts as usize {
        true => Which::Parts(range, said, parts, chosen),
        // Most of it is wanted: nobody need sort out what is not.
        false => Which::Range(range),
    };
    let (here, there) = (&mut lane.source, &mut lane.target);
    let (mine, theirs) = (&mut lane.sketches.0, &mut lane.sketches.1);
    let (from, to) = (&table.plan.compare_source, &table.plan.compare_target);
    let (left, right) = (&mut sides.0, &mut sides.1);
    both(
        || {
            here.scan(
                from,
                which,
                &mut |rows, bytes| {
                    shared
                        .throttle
                        .take(rows, bytes, shared.job.clock, shared.job.stop);
                    table.moved(shared, rows, bytes);
                    shared.job.stop.check()
                },
                &mut |row| left.take(row, mine),
            )
        },
        || {
            there.scan(to, which, &mut |_, _| shared.job.stop.check(), &mut |row| {
                right.take(row, theirs)
            })
        },
    )?;
    Ok(())
}
