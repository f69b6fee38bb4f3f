//! Sums of row hashes: what two sides compare instead of rows.

use limosa_core::pushdown::Sums;

/// The sum of many row hashes, independent of their order.
///
/// Both halves are added modulo 2^64. They are never combined by exclusive or, under which two equal
/// rows would vanish, and a table would equal another with a row doubled twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) count: u64,
    low: u64,
    high: u64,
}

impl Sum {
    #[inline]
    pub(super) fn add(&mut self, hash: u128) {
        self.count += 1;
        self.low = self.low.wrapping_add(hash as u64);
        self.high = self.high.wrapping_add((hash >> 64) as u64);
    }

    /// The sum of rows that servers added up: two sides have the same if, and only if, theirs were.
    pub(super) fn told(sums: &Sums) -> Self {
        Self {
            count: sums.rows,
            low: sums.low as u64,
            high: sums.high as u64,
        }
    }

    pub(super) fn merge(&mut self, other: &Sum) {
        self.count += other.count;
        self.low = self.low.wrapping_add(other.low);
        self.high = self.high.wrapping_add(other.high);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limosa_core::canonical::hash;
    use proptest::prelude::*;

    fn of(rows: &[u32]) -> Sum {
        let mut sum = Sum::default();
        rows.iter()
            .for_each(|row| sum.add(hash(&row.to_be_bytes())));
        sum
    }

    proptest! {
        #[test]
        fn order_and_cuts_do_not_matter_and_every_difference_does(
            mut rows in proptest::collection::vec(any::<u32>(), 0..200), at: prop::sample::Index, extra: u32
        ) {
            let whole = of(&rows);
            let cut = if rows.is_empty() { 0 } else { at.index(rows.len()) };
            let (left, right) = rows.split_at(cut);
            let mut parts = of(right);
            parts.merge(&of(left));
            prop_assert_eq!(whole, parts);
            // Twice the same row is not nothing.
            rows.push(extra);
            rows.push(extra);
            prop_assert!(whole != of(&rows));
        }
    }
}
