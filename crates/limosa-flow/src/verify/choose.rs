//! Which rows are compared where not all are: the same on both sides, so that extra rows are found too.
//!
//! A share of the rows is chosen by the hash of the key. Errors of a copy are not spread evenly: they
//! stand at the edges of its ranges, and among the newest rows. So the rows at the edges of every range
//! and those of the greatest keys are compared always, and small tables as a whole.

use limosa_core::canonical::cells;
use limosa_core::chunk::Range;
use limosa_core::value::Value;

/// A table of at most so many rows is compared as a whole.
pub(super) const SMALL: u64 = 100_000;

/// Keys beside the edge of a range, and below the greatest, that are always compared.
const EDGE: i128 = 16;
const NEWEST: i128 = 1000;

/// A share of the rows: an interval of the lower half of the key's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    from: u128,
    to: u128,
}

impl Sample {
    const ALL: u128 = 1 << 64;

    /// The `number`th of as many disjoint shares of `percentage` percent as there are; their union is
    /// everything. Numbers beyond the last begin anew.
    pub(super) fn new(percentage: f64, number: u32) -> Self {
        let share = (percentage / 100.0).clamp(0.0, 1.0);
        let width = (share * Self::ALL as f64) as u128;
        if width >= Self::ALL {
            return Self {
                from: 0,
                to: Self::ALL,
            };
        }
        let from = u128::from(number % shares(percentage)) * width;
        Self {
            from,
            to: (from + width).min(Self::ALL),
        }
    }

    /// Whether it is everything.
    pub(super) fn whole(self) -> bool {
        self.from == 0 && self.to == Self::ALL
    }

    /// By the low bits of the hash; rounds over an overfull range choose by the high ones.
    #[inline]
    pub(super) fn chooses(self, by: u128) -> bool {
        (self.from..self.to).contains(&u128::from(by as u64))
    }
}

/// How many disjoint shares of so many percent there are, the last maybe smaller.
pub(super) fn shares(percentage: f64) -> u32 {
    (100.0 / percentage.clamp(0.000_1, 100.0) - 1e-9)
        .ceil()
        .max(1.0) as u32
}

/// Which rows of a range are compared.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    sample: Sample,
    edges: Vec<(i128, i128)>,
}

impl Choice {
    /// Of a range of a table of about `rows` rows. `greatest` is the source's greatest key of one number.
    pub(super) fn new(
        sample: Sample,
        rows: Option<u64>,
        range: &Range,
        greatest: Option<i128>,
    ) -> Self {
        if sample.whole() || rows.is_some_and(|n| n <= SMALL) {
            return Self {
                sample: Sample::new(100.0, 0),
                edges: Vec::new(),
            };
        }
        let mut edges = Vec::new();
        if let Range::Key { lower, upper } = range {
            for bound in [lower, upper].into_iter().flatten() {
                match bound.first() {
                    Some(Value::Int(n)) => edges.push(i128::from(*n)),
                    Some(Value::UInt(n)) => edges.push(i128::from(*n)),
                    _ => {}
                }
            }
        }
        let mut edges: Vec<(i128, i128)> =
            edges.into_iter().map(|n| (n - EDGE, n + EDGE)).collect();
        edges.extend(greatest.map(|n| (n - NEWEST, i128::MAX)));
        Self { sample, edges }
    }

    /// Whether every row is compared.
    pub(super) fn whole(&self) -> bool {
        self.sample.whole()
    }

    /// Whether a row is compared. `key` is in canonical form.
    #[inline]
    pub(super) fn takes(&self, by: u128, key: &[u8]) -> bool {
        self.sample.chooses(by) || !self.edges.is_empty() && self.near(key)
    }

    fn near(&self, key: &[u8]) -> bool {
        let cells = cells(key);
        let Some(Some(first)) = cells.first() else {
            return false;
        };
        let digits = first.strip_prefix(b"i").unwrap_or(first);
        let number = std::str::from_utf8(digits)
            .ok()
            .and_then(|t| t.parse().ok());
        number.is_some_and(|n: i128| self.edges.iter().any(|(a, b)| (*a..=*b).contains(&n)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limosa_core::canonical::{CanonicalRows, hash};

    fn key(n: i64) -> Vec<u8> {
        let mut rows = CanonicalRows::default();
        rows.cell(n.to_string().as_bytes());
        rows.end_key();
        rows.end_row();
        rows.rows().next().expect("a row").0.to_vec()
    }

    #[test]
    fn a_share_is_as_large_as_asked_and_all_shares_together_are_everything_once() {
        for percentage in [10.0, 30.0, 33.3, 100.0] {
            let n = shares(percentage);
            let all: Vec<Sample> = (0..n).map(|k| Sample::new(percentage, k)).collect();
            let mut counts = vec![0; all.len()];
            for i in 0..50_000u32 {
                let by = hash(&i.to_be_bytes());
                let mut chosen = all.iter().enumerate().filter(|(_, s)| s.chooses(by));
                let first = chosen.next().expect("some share has it").0;
                assert!(chosen.next().is_none());
                counts[first] += 1;
            }
            let wanted = percentage * 500.0;
            assert!(
                (f64::from(counts[0]) - wanted).abs() < 600.0,
                "{percentage}: {counts:?}"
            );
        }
        assert_eq!((shares(10.0), shares(30.0), shares(100.0)), (10, 4, 1));
        assert_eq!(Sample::new(10.0, 12), Sample::new(10.0, 2));
        assert!(!Sample::new(0.0, 0).chooses(0));
    }

    #[test]
    fn edges_and_the_newest_are_always_chosen_and_small_tables_as_a_whole() {
        let range = Range::Key {
            lower: Some(vec![Value::Int(5_000)]),
            upper: Some(vec![Value::Int(90_000)]),
        };
        let none = Sample::new(0.0, 0);
        let choice = Choice::new(none, Some(1_000_000), &range, Some(80_000));
        let taken = |n| choice.takes(u128::MAX, &key(n));
        assert!(taken(5_000) && taken(5_016) && taken(89_999) && taken(79_000) && taken(80_001));
        assert!(!taken(5_017) && !taken(60_000) && !taken(78_999));
        let small = Choice::new(none, Some(100), &range, None);
        assert!(small.takes(u128::MAX, &key(60_000)));
        let unknown = Choice::new(none, None, &range, None);
        assert!(!unknown.takes(u128::MAX, &key(60_000)));
    }
}
