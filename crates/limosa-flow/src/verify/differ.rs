//! Which rows differ, how many, and in which columns.
//!
//! The one pass over a range leaves a table of differences ([`super::sketch`]). Where it has room for
//! them all, they are known, each with its key if that is short, and nothing is read again but the rows
//! that differ, by their keys ([`super::detail`]). Where it has not, that range alone is read again with a
//! table of the size that is needed; where that is more than the memory allows, in several parts, by the
//! hash of the key. Where a good part of the range differs, its rows are brought together in one more
//! reading instead. So memory has one bound whatever the number of differences, and the count is
//! exact; after [`READS`] of one range it stops, and the report says "at least".

use super::causes;
use super::detail::{self, Wanted};
use super::side::{Row, Which};
use super::sketch::{self, CELL, Element, Overfull, Sketch};
use super::table::{Lane, Shared, Table, Tally};
use crate::outcome::Difference;
use crate::retry::again;
use limosa_core::canonical::hash;
use limosa_core::{Error, Result};

/// More readings of one range cost more than the exact number of its differences is worth.
const READS: u32 = 64;

/// Where a quarter of a range's rows and more differ, all of them are brought together.
const MUCH: u64 = 4;

/// How the sides differ in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It is not in the target.
    Missing,
    /// It is not in the source.
    Extra,
    /// Its cells differ.
    Differs,
    /// A row without a key is on both sides, but not as often.
    Count,
}

/// What differs in a range or a table.
#[derive(Default)]
pub(super) struct Odd {
    /// How many rows.
    pub(super) rows: u64,
    /// Whether there may be more.
    pub(super) at_least: bool,
    /// Why some can not be named.
    pub(super) unnamed: Option<Error>,
    /// Why the cells differ.
    pub(super) causes: causes::Tally,
    /// Those of the least hashes.
    named: Vec<(u128, Difference)>,
}

impl Odd {
    /// Adds another range's. Of the names those of the least hashes stay, at most `most` of them, so
    /// that every run names the same.
    pub(super) fn merge(&mut self, mut other: Odd, most: usize) {
        self.rows += other.rows;
        self.at_least |= other.at_least;
        self.causes.merge(other.causes);
        self.unnamed = self.unnamed.take().or(other.unnamed);
        self.named.append(&mut other.named);
        self.fewer(most);
    }

    fn fewer(&mut self, most: usize) {
        if self.named.len() > most {
            self.named
                .sort_by(|a, b| (a.0, &a.1.kind).cmp(&(b.0, &b.1.kind)));
            self.named.truncate(most);
        }
    }

    /// Adds a name.
    pub(super) fn name(&mut self, by: u128, difference: Difference, most: usize) {
        self.named.push((by, difference));
        if self.named.len() > 2 * most + 1024 {
            self.fewer(most);
        }
    }

    /// The names in the order of the keys.
    pub(super) fn names(&mut self) -> Vec<Difference> {
        let named = std::mem::take(&mut self.named);
        let mut out: Vec<Difference> = named.into_iter().map(|(_, d)| d).collect();
        out.sort_by(|a, b| detail::order(&a.key, &b.key));
        out
    }
}

/// How many rows elements of tables of differences stand for.
fn rows(elements: &mut [Element], keyed: bool) -> u64 {
    elements.sort_unstable_by_key(|e| e.row.by);
    let mut rows = 0;
    for group in elements.chunk_by(|a, b| a.row.by == b.row.by) {
        let (mut source, mut target) = (0u64, 0u64);
        for element in group {
            match element.times > 0 {
                true => source += element.times.unsigned_abs(),
                false => target += element.times.unsigned_abs(),
            }
        }
        rows += if keyed {
            source.max(target)
        } else {
            source + target
        };
    }
    rows
}

/// What differs in a range that was just read into the lane's tables.
pub(super) fn odd(
    shared: &Shared<'_, '_>,
    lane: &mut Lane<'_>,
    table: &Table<'_>,
    unit: usize,
    source: &Tally,
    target: &Tally,
) -> Result<Odd> {
    let mut odd = Odd::default();
    if source.sum == target.sum {
        return Ok(odd);
    }
    match lane.sketches.0.take() {
        Ok(elements) => settle(shared, lane, table, unit, elements, &mut odd),
        Err(Overfull { about }) => {
            let most = source.sum.count + target.sum.count;
            if !table.keyed() || about < most / MUCH {
                closer(shared, lane, table, unit, about.min(most), &mut odd)?;
            } else {
                detail::look(shared, lane, table, unit, Wanted::All, &mut odd)?;
            }
        }
    }
    if odd.rows == 0 {
        // The sums differ, whatever else was seen.
        (odd.rows, odd.at_least) = (1, true);
    }
    Ok(odd)
}

/// Looks at the rows that elements stand for. If they can not be had, they are counted all the same.
fn settle(
    shared: &Shared<'_, '_>,
    lane: &mut Lane<'_>,
    table: &Table<'_>,
    unit: usize,
    mut elements: Vec<Element>,
    odd: &mut Odd,
) {
    let rows = rows(&mut elements, table.keyed());
    let before = odd.rows;
    let looked = detail::look(shared, lane, table, unit, Wanted::These(&elements), odd);
    if let Err(error) = looked {
        odd.unnamed.get_or_insert(error);
    }
    odd.rows = odd.rows.max(before + rows);
}

/// Reads a range again whose differences did not fit: `about` of them.
fn closer(
    shared: &Shared<'_, '_>,
    lane: &mut Lane<'_>,
    table: &Table<'_>,
    unit: usize,
    about: u64,
    odd: &mut Odd,
) -> Result<()> {
    // The estimate is off by a few percent; two sides' tables, and then what comes out of them.
    let cells = about + about * 6 / 10 + 64;
    let room = shared.room.total();
    let keyed = table.keyed() && cells * 3 * CELL[1] <= room / 2;
    let cell = CELL[usize::from(keyed)];
    let wanted = (cells * 3 * cell).min(room);
    let Some(_permit) = shared.room.take(wanted, &|| shared.job.stop.requested()) else {
        return shared.job.stop.check();
    };
    let each = (wanted / 3 / cell).max(64);
    let parts = cells.div_ceil(each).max(1);
    let whole = 1u64 << 32;
    let mut left: Vec<(u64, u64)> = (0..parts)
        .rev()
        .map(|i| (whole * i / parts, whole * (i + 1) / parts))
        .collect();
    let size = usize::try_from(each).unwrap_or(usize::MAX);
    let mut sketches = (Sketch::new(size, keyed), Sketch::new(size, keyed));
    let mut reads = 0;
    while let Some(part) = left.pop() {
        if reads == READS {
            odd.at_least = true;
            return Ok(());
        }
        reads += 1;
        match read_part(shared, lane, table, unit, part, &mut sketches)? {
            Ok(elements) => settle(shared, lane, table, unit, elements, odd),
            Err(_) if part.1 - part.0 > 1 => {
                let middle = part.0.midpoint(part.1);
                left.extend([(middle, part.1), (part.0, middle)]);
            }
            Err(_) => odd.at_least = true,
        }
    }
    Ok(())
}

type Taken = Result<Vec<Element>, Overfull>;

fn read_part(
    shared: &Shared<'_, '_>,
    lane: &mut Lane<'_>,
    table: &Table<'_>,
    unit: usize,
    part: (u64, u64),
    sketches: &mut (Sketch, Sketch),
) -> Result<Taken> {
    let choice = &table.choices[unit];
    let chosen = |row: &Row<'_>| {
        let place = (row.by >> 96) as u64;
        (part.0..part.1).contains(&place) && choice.takes(row.by, row.key)
    };
    let add = |sketch: &mut Sketch, row: Row<'_>| {
        if chosen(&row) {
            let (by, hash) = (row.by, hash(row.row));
            sketch.add(sketch::Row { by, hash }, row.key);
        }
    };
    let what = format!("comparing {} again", table.plan.name());
    again(&shared.job.around(), &what, |_| {
        let (mine, theirs) = (&mut sketches.0, &mut sketches.1);
        mine.clear();
        theirs.clear();
        detail::scan(
            shared,
            lane,
            table,
            Which::Range(&table.units[unit]),
            &mut |row| add(mine, row),
            &mut |row| add(theirs, row),
        )?;
        mine.less(theirs);
        Ok(mine.take())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sketch::ShortKey;

    #[test]
    fn what_is_left_of_a_key_is_counted_once() {
        let count = |elements: &[(u128, u128, i64)], keyed: bool| {
            let mut elements: Vec<Element> = elements
                .iter()
                .map(|(by, hash, times)| Element {
                    row: sketch::Row {
                        by: *by,
                        hash: *hash,
                    },
                    times: *times,
                    key: ShortKey::default(),
                })
                .collect();
            rows(&mut elements, keyed)
        };
        assert_eq!(count(&[(1, 1, 1), (1, 2, -1)], true), 1);
        assert_eq!(count(&[(1, 1, 1), (2, 2, -1)], true), 2);
        assert_eq!(count(&[(1, 1, -2), (1, 2, 1)], true), 2);
        assert_eq!(count(&[(1, 1, 3), (2, 2, -1)], false), 4);
    }

    #[test]
    fn the_rows_of_the_least_hashes_are_named_whatever_the_order() {
        let of = |bys: std::ops::Range<u128>| {
            let mut odd = Odd::default();
            for by in bys {
                let difference = Difference {
                    key: vec![by.to_string()],
                    kind: "missing".into(),
                    columns: Vec::new(),
                };
                odd.rows += 1;
                odd.name(by, difference, 10);
            }
            odd
        };
        let (a, mut b) = (of(0..50), of(50..5000));
        b.merge(a, 10);
        assert_eq!(b.rows, 5000);
        let named: Vec<String> = b.names().into_iter().map(|d| d.key[0].clone()).collect();
        assert_eq!(named, (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
    }
}
