//! The least and the greatest value of each column, where only a share of the rows is compared.
//!
//! What a conversion breaks it breaks first at the ends: values that were cut off, clamped, or too long. All rows are
//! read anyway, so the ends of all of them are compared, whichever rows were chosen. Numbers are ordered as
//! numbers, all else by the bytes of the canonical form, which is one order on every engine.

use limosa_core::canonical::{Form, cells};
use limosa_core::engine::CanonicalRead;
use std::cmp::Ordering;

/// So much of a value is kept; a difference behind that is not one of the ends.
const KEPT: usize = 256;

/// The ends of one side's columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ends {
    columns: Vec<Option<(Vec<u8>, Vec<u8>)>>,
}

impl Ends {
    /// Takes a row in the canonical form of `read`.
    pub(super) fn take(&mut self, read: &CanonicalRead, row: &[u8]) {
        let cells = cells(row);
        self.columns.resize(read.columns.len(), None);
        for ((cell, column), ends) in cells.iter().zip(&read.columns).zip(&mut self.columns) {
            let Some(cell) = cell else { continue };
            widen(ends, &cell[..cell.len().min(KEPT)], column.form);
        }
    }

    /// Adds those of other rows.
    pub(super) fn merge(&mut self, read: &CanonicalRead, other: &Ends) {
        self.columns.resize(read.columns.len(), None);
        for ((ends, new), column) in self
            .columns
            .iter_mut()
            .zip(&other.columns)
            .zip(&read.columns)
        {
            for end in new.iter().flat_map(|(least, most)| [least, most]) {
                widen(ends, end, column.form);
            }
        }
    }

    /// The places of the columns whose ends are not the same.
    pub(super) fn differ<'e>(&'e self, other: &'e Ends) -> impl Iterator<Item = usize> + 'e {
        let pairs = self.columns.iter().zip(&other.columns).enumerate();
        pairs.filter(|(_, (a, b))| a != b).map(|(at, _)| at)
    }
}

fn widen(ends: &mut Option<(Vec<u8>, Vec<u8>)>, cell: &[u8], form: Form) {
    let Some((least, most)) = ends else {
        *ends = Some((cell.to_vec(), cell.to_vec()));
        return;
    };
    for (end, beyond) in [(least, Ordering::Less), (most, Ordering::Greater)] {
        if order(form, cell, end) == beyond {
            end.clear();
            end.extend_from_slice(cell);
        }
    }
}

/// A whole order of the cells of a form.
fn order(form: Form, a: &[u8], b: &[u8]) -> Ordering {
    match form {
        Form::Integer | Form::Decimal => decimal(a, b),
        Form::Double | Form::Single => float(a).cmp(&float(b)),
        // The storage class comes first.
        Form::Dynamic => match (a.split_first(), b.split_first()) {
            (Some((b'i', a)), Some((b'i', b))) => decimal(a, b),
            (Some((b'r', a)), Some((b'r', b))) => float(a).cmp(&float(b)),
            _ => a.cmp(b),
        },
        _ => a.cmp(b),
    }
}

/// Of canonical decimals: by the sign, the digits before the point, and then as text. What is no number is ordered
/// somehow, and always the same.
fn decimal(a: &[u8], b: &[u8]) -> Ordering {
    match (a.strip_prefix(b"-"), b.strip_prefix(b"-")) {
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (Some(a), Some(b)) => unsigned(b, a),
        (None, None) => unsigned(a, b),
    }
}

fn unsigned(a: &[u8], b: &[u8]) -> Ordering {
    let whole = |n: &[u8]| n.iter().position(|b| *b == b'.').unwrap_or(n.len());
    whole(a).cmp(&whole(b)).then_with(|| a.cmp(b))
}

/// The bits of a big-endian float in the order of its value.
fn float(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    match out.first().is_some_and(|b| b & 0x80 != 0) {
        true => out.iter_mut().for_each(|b| *b = !*b),
        false => {
            if let Some(first) = out.first_mut() {
                *first |= 0x80;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use limosa_core::canonical;

    #[test]
    fn numbers_are_ordered_as_numbers() {
        let sorted = [
            "-100", "-20.5", "-20", "0", "0.5", "3", "20", "20.01", "100",
        ];
        for pair in sorted.windows(2) {
            let (a, b) = (pair[0].as_bytes(), pair[1].as_bytes());
            assert_eq!(order(Form::Decimal, a, b), Ordering::Less, "{pair:?}");
        }
        for (a, b) in [("i9", "i10"), ("i-10", "i-9"), ("i5", "t5")] {
            let order = order(Form::Dynamic, a.as_bytes(), b.as_bytes());
            assert_eq!(order, Ordering::Less, "{a} {b}");
        }
        let floats = [
            f64::NEG_INFINITY,
            -1e300,
            -0.5,
            -0.0,
            0.0,
            1e-300,
            2.0,
            1e10,
        ];
        for pair in floats.windows(2) {
            let [a, b] = [pair[0], pair[1]].map(|f| {
                let mut out = Vec::new();
                canonical::double(&mut out, f);
                out
            });
            assert_eq!(order(Form::Double, &a, &b), Ordering::Less, "{pair:?}");
        }
    }
}
