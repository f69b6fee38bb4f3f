//! Which rows two sides do not share, in memory that grows with their number and not with the table.
//!
//! An invertible Bloom lookup table (Goodrich and Mitzenmacher, 2011): every row of a side is added to
//! three cells, chosen by its hashes. Taken from each other, two sides' tables hold only what differs,
//! since equal rows cancel out wherever they stood in the order. A cell with one element gives it back,
//! which frees its two other cells, and so on until nothing is left. With two cells for each element
//! that practically always ends well; with too few it is noticed, never wrong: [`Overfull`].
//!
//! The fields are sums, not exclusive ors: a row that one side has twice more does not vanish, and the
//! division of its sums by its count gives it back.

use limosa_core::canonical;

/// The hashes are cut to so many bits, so that 2^31 equal elements still have an exact sum in 128 bits.
const BITS: u32 = 96;

/// The longest key, in canonical bytes, that is carried along.
const KEY: usize = 31;

/// A row: the hash of its key (or of itself, without one), and its own hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) by: u128,
    pub(super) hash: u128,
}

/// What one side has more often than the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element {
    /// The upper [`BITS`] bits of both hashes.
    pub(super) row: Row,
    /// How much more often in the source; below zero, in the target.
    pub(super) times: i64,
    /// The key, if it was carried and can be told.
    pub(super) key: ShortKey,
}

/// A key in canonical form of at most [`KEY`] bytes: its length, and the bytes. A length of 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ShortKey([u64; 4]);

impl ShortKey {
    fn of(key: &[u8]) -> Self {
        if key.len() > KEY {
            return Self::default();
        }
        let mut bytes = [0u8; KEY + 1];
        bytes[0] = key.len() as u8;
        bytes[1..=key.len()].copy_from_slice(key);
        let mut out = [0; 4];
        for (word, part) in out.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_le_bytes(part.try_into().expect("eight bytes"));
        }
        Self(out)
    }

    /// The canonical bytes; `None` if the key was too long.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        let all: Vec<u8> = self.0.iter().flat_map(|w| w.to_le_bytes()).collect();
        let n = usize::from(all[0]);
        (1..=KEY).contains(&n).then(|| all[1..=n].to_vec())
    }
}

/// Too many elements for this table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overfull {
    /// About how many there are.
    pub(super) about: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cell {
    count: i64,
    check: u64,
    by: u128,
    hash: u128,
}

/// One side's table, and after [`Sketch::less`] the difference of two.
#[derive(Debug, Default)]
pub(super) struct Sketch {
    cells: Vec<Cell>,
    keys: Vec<[u64; 4]>,
}

/// Bytes of a cell, without and with room for a key.
pub(super) const CELL: [u64; 2] = [
    std::mem::size_of::<Cell>() as u64,
    (std::mem::size_of::<Cell>() + 32) as u64,
];

/// The part of a hash that is kept.
pub(super) fn cut(hash: u128) -> u128 {
    hash >> (128 - BITS)
}

fn mixed(row: Row) -> (u64, u64) {
    let seed = (row.by as u64)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(row.hash as u64)
        .wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let seed = seed ^ (seed >> 31);
    let check = ((row.by >> 32) as u64)
        .wrapping_mul(0x94D0_49BB_1331_11EB)
        .wrapping_add((row.hash >> 32) as u64)
        .wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (seed, check ^ (check >> 32))
}

impl Sketch {
    /// An empty table of about so many cells.
    pub(super) fn new(cells: usize, keyed: bool) -> Self {
        let cells = cells.div_ceil(3).max(8) * 3;
        Self {
            cells: vec![Cell::default(); cells],
            keys: vec![[0; 4]; if keyed { cells } else { 0 }],
        }
    }

    /// Empties it for another range.
    pub(super) fn clear(&mut self) {
        self.cells.fill(Cell::default());
        self.keys.fill([0; 4]);
    }

    /// The places of an element: one in each third.
    #[inline]
    fn places(&self, seed: u64) -> [usize; 3] {
        let third = (self.cells.len() / 3) as u64;
        let place = |n: u64, factor: u64| {
            let h = (seed ^ n).wrapping_mul(factor);
            let h = h ^ (h >> 29);
            (n * third) as usize + ((u128::from(h) * u128::from(third)) >> 64) as usize
        };
        [
            place(0, 0xFF51_AFD7_ED55_8CCD),
            place(1, 0xC4CE_B9FE_1A85_EC53),
            place(2, 0x9FB2_1C65_1E98_DF25),
        ]
    }

    /// Adds a row. `key` are its canonical bytes, empty without one.
    #[inline]
    pub(super) fn add(&mut self, row: Row, key: &[u8]) {
        let row = Row {
            by: cut(row.by),
            hash: cut(row.hash),
        };
        let key = if self.keys.is_empty() {
            ShortKey::default()
        } else {
            ShortKey::of(key)
        };
        self.put(row, 1, key.0);
    }

    /// Adds an element so many times; `keys` is the sum of its keys.
    #[inline]
    fn put(&mut self, row: Row, times: i64, keys: [u64; 4]) {
        let (seed, check) = mixed(row);
        for place in self.places(seed) {
            let cell = &mut self.cells[place];
            cell.count = cell.count.wrapping_add(times);
            cell.check = cell.check.wrapping_add(check.wrapping_mul(times as u64));
            cell.by = cell.by.wrapping_add(row.by.wrapping_mul(times as u128));
            cell.hash = cell.hash.wrapping_add(row.hash.wrapping_mul(times as u128));
            if let Some(sums) = self.keys.get_mut(place) {
                for (sum, word) in sums.iter_mut().zip(keys) {
                    *sum = sum.wrapping_add(word);
                }
            }
        }
    }

    /// Takes another side's table of the same size from this one.
    pub(super) fn less(&mut self, other: &Sketch) {
        debug_assert_eq!(self.cells.len(), other.cells.len(), "tables of one size");
        for (mine, theirs) in self.cells.iter_mut().zip(&other.cells) {
            mine.count = mine.count.wrapping_sub(theirs.count);
            mine.check = mine.check.wrapping_sub(theirs.check);
            mine.by = mine.by.wrapping_sub(theirs.by);
            mine.hash = mine.hash.wrapping_sub(theirs.hash);
        }
        for (mine, theirs) in self.keys.iter_mut().zip(&other.keys) {
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                *mine = mine.wrapping_sub(*theirs);
            }
        }
    }

    /// Adds another table of the same size, or another difference, to this one.
    pub(super) fn plus(&mut self, other: &Sketch) {
        debug_assert_eq!(self.cells.len(), other.cells.len(), "tables of one size");
        for (mine, theirs) in self.cells.iter_mut().zip(&other.cells) {
            mine.count = mine.count.wrapping_add(theirs.count);
            mine.check = mine.check.wrapping_add(theirs.check);
            mine.by = mine.by.wrapping_add(theirs.by);
            mine.hash = mine.hash.wrapping_add(theirs.hash);
        }
        for (mine, theirs) in self.keys.iter_mut().zip(&other.keys) {
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                *mine = mine.wrapping_add(*theirs);
            }
        }
    }

    /// The one element of a cell, if it has one.
    fn alone(&self, place: usize) -> Option<Element> {
        let cell = &self.cells[place];
        let n = cell.count.unsigned_abs();
        if n == 0 || n > 1 << (127 - BITS) {
            return None;
        }
        let positive = |sum: u128| match cell.count > 0 {
            true => sum,
            false => sum.wrapping_neg(),
        };
        let whole = |sum: u128| {
            let sum = positive(sum);
            let one = sum / u128::from(n);
            (sum % u128::from(n) == 0 && one >> BITS == 0).then_some(one)
        };
        let row = Row {
            by: whole(cell.by)?,
            hash: whole(cell.hash)?,
        };
        let (seed, check) = mixed(row);
        if check.wrapping_mul(cell.count as u64) != cell.check
            || !self.places(seed).contains(&place)
        {
            return None;
        }
        // An even number of equal keys leaves their highest bits in doubt.
        let key = self
            .keys
            .get(place)
            .zip(inverse(cell.count as u64))
            .map(|(sums, inverse)| ShortKey(sums.map(|sum| sum.wrapping_mul(inverse))))
            .filter(|key| {
                key.bytes()
                    .is_some_and(|k| cut(canonical::hash(&k)) == row.by)
            })
            .unwrap_or_default();
        Some(Element {
            row,
            times: cell.count,
            key,
        })
    }

    /// About how many elements there are: a cell's count is a walk of as many steps, up and down, as it
    /// has elements, and the square of a walk is its steps on average.
    fn about(&self) -> u64 {
        let third = self.cells.len() as f64 / 3.0;
        let squares: f64 = self.cells.iter().map(|c| (c.count as f64).powi(2)).sum();
        let net: f64 = self.cells.iter().map(|c| c.count as f64).sum::<f64>() / 3.0;
        ((squares / 3.0 - net * net / third).max(0.0) / (1.0 - 1.0 / third) + net.abs()) as u64 + 1
    }

    /// Gives every element back. The table is empty afterwards, or of no more use.
    ///
    /// # Errors
    /// [`Overfull`].
    pub(super) fn take(&mut self) -> Result<Vec<Element>, Overfull> {
        if self.cells.iter().all(|c| *c == Cell::default()) {
            return Ok(Vec::new());
        }
        let overfull = Overfull {
            about: self.about(),
        };
        let mut out = Vec::new();
        let mut open: Vec<usize> = (0..self.cells.len()).collect();
        while let Some(place) = open.pop() {
            let Some(element) = self.alone(place) else {
                continue;
            };
            if out.len() > self.cells.len() {
                return Err(overfull);
            }
            let keys = self.keys.get(place).copied().unwrap_or_default();
            let back = element.times.wrapping_neg();
            self.put(element.row, back, keys.map(u64::wrapping_neg));
            open.extend(self.places(mixed(element.row).0));
            out.push(element);
        }
        match self.cells.iter().all(|c| *c == Cell::default()) {
            true => Ok(out),
            false => Err(overfull),
        }
    }
}

/// The inverse of an odd number modulo 2^64, by Newton's iteration.
fn inverse(n: u64) -> Option<u64> {
    if n & 1 == 0 {
        return None;
    }
    let mut x = n;
    for _ in 0..6 {
        x = x.wrapping_mul(2u64.wrapping_sub(n.wrapping_mul(x)));
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use limosa_core::canonical::hash;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn row(key: u32, value: u32) -> (Row, Vec<u8>) {
        let bytes = key.to_be_bytes().to_vec();
        let row = Row {
            by: hash(&bytes),
            hash: hash(&[key.to_be_bytes(), value.to_be_bytes()].concat()),
        };
        (row, bytes)
    }

    fn side(rows: &[(u32, u32)], cells: usize) -> Sketch {
        let mut sketch = Sketch::new(cells, true);
        for (key, value) in rows {
            let (row, key) = row(*key, *value);
            sketch.add(row, &key);
        }
        sketch
    }

    /// What differs, counted by hand.
    fn expected(source: &[(u32, u32)], target: &[(u32, u32)]) -> BTreeMap<(u128, u128), i64> {
        let mut out = BTreeMap::new();
        for (rows, n) in [(source, 1), (target, -1)] {
            for (k, v) in rows {
                let row = row(*k, *v).0;
                *out.entry((cut(row.by), cut(row.hash))).or_insert(0) += n;
            }
        }
        out.retain(|_, n| *n != 0);
        out
    }

    proptest! {
        #[test]
        fn what_differs_comes_back_and_nothing_else(
            both in proptest::collection::vec((any::<u32>(), any::<u32>()), 0..300),
            left in proptest::collection::vec((0u32..50, 0u32..3), 0..60),
            right in proptest::collection::vec((0u32..50, 0u32..3), 0..60),
            at in 0usize..60,
            apart in 0usize..60,
        ) {
            let source = [both.clone(), left].concat();
            let target = [both.into_iter().rev().collect(), right].concat();
            let mut sketch = side(&source, 6000);
            sketch.less(&side(&target, 6000));
            // Each side in parts that have nothing to do with the other's, taken from each other as they come.
            let (mine, theirs) = (source.split_at(at.min(source.len())), target.split_at(apart.min(target.len())));
            let mut added = side(mine.0, 6000);
            added.less(&side(theirs.1, 6000));
            let mut rest = side(mine.1, 6000);
            rest.less(&side(theirs.0, 6000));
            added.plus(&rest);
            prop_assert_eq!(&added.cells, &sketch.cells);
            prop_assert_eq!(&added.keys, &sketch.keys);
            let found = sketch.take().expect("room for all");
            let as_map: BTreeMap<_, _> =
                found.iter().map(|e| ((e.row.by, e.row.hash), e.times)).collect();
            prop_assert_eq!(as_map.len(), found.len());
            prop_assert_eq!(as_map, expected(&source, &target));
            for e in found.iter().filter(|e| e.times % 2 != 0) {
                let key = e.key.bytes().expect("short keys come along");
                prop_assert_eq!(cut(hash(&key)), e.row.by);
            }
        }
    }

    #[test]
    fn many_of_one_row_are_one_element() {
        for n in [2i64, 3, 1000, 65_536, 1 << 30] {
            let mut sketch = Sketch::new(24, true);
            let (row, key) = row(7, 7);
            let cut_row = Row {
                by: cut(row.by),
                hash: cut(row.hash),
            };
            for sign in [1, -1] {
                let keys = ShortKey::of(&key)
                    .0
                    .map(|w| w.wrapping_mul((sign * n) as u64));
                sketch.put(cut_row, sign * n, keys);
                let found = sketch.take().expect("one element");
                assert_eq!((found.len(), found[0].times), (1, sign * n));
                assert_eq!(found[0].row, cut_row);
            }
        }
    }

    #[test]
    fn two_cells_an_element_are_enough_and_too_few_are_noticed() {
        // Two elements in the same three cells hide each other; that is rare, and then noticed.
        let whole = |seed: u32| {
            let rows: Vec<(u32, u32)> = (0..700).map(|i| (seed * 1000 + i, i)).collect();
            side(&rows, 1400)
                .take()
                .is_ok_and(|found| found.len() == 700)
        };
        assert!((0..100).filter(|seed| whole(*seed)).count() > 95);
        for n in [2_000u32, 20_000] {
            // Half of them missing, half of them extra.
            let (left, right): (Vec<_>, Vec<_>) =
                (0..n).map(|i| (i, i)).partition(|p| p.0 % 2 == 0);
            let mut sketch = side(&left, 1536);
            sketch.less(&side(&right, 1536));
            let Err(Overfull { about }) = sketch.take() else {
                panic!("{n} do not fit");
            };
            assert!(
                (n * 8 / 10..n * 12 / 10).contains(&(about as u32)),
                "{n}: {about}"
            );
        }
    }

    #[test]
    fn a_long_key_is_left_out_and_the_element_comes_back_all_the_same() {
        let mut sketch = Sketch::new(24, true);
        let long = [b'k'; 40];
        let row = Row {
            by: hash(&long),
            hash: hash(b"row"),
        };
        sketch.add(row, &long);
        let found = sketch.take().expect("one element");
        assert_eq!((found.len(), found[0].key.bytes()), (1, None));
    }
}
