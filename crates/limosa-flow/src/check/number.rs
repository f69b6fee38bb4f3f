//! Numbers of two engines, compared: exactly where both are exact, else within a tolerance.

use super::noun::Tolerance;
use std::cmp::Ordering;

/// How far two sums in binary floating point may be apart that were added in another order: the
/// error of a sum grows with the number of terms, and this covers millions of them.
pub(super) const FLOAT: Tolerance = Tolerance::Relative(1e-9);

/// A decimal number: `digits` divided by 10 to the power of `scale`.
#[derive(Clone, Copy, Debug)]
struct Decimal {
    digits: i128,
    scale: u32,
}

/// Reads `-12.50`, `1e6`; `None` if it is no number or has more digits than fit.
fn decimal(text: &str) -> Option<Decimal> {
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fraction = fraction.trim_end_matches('0');
    if !is_number(text) {
        return None;
    }
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = i32::try_from(fraction.len()).ok()? - exponent;
    if scale >= 0 {
        let scale = u32::try_from(scale).ok().filter(|s| *s <= 60)?;
        return Some(Decimal { digits, scale });
    }
    let up = 10i128.checked_pow(scale.unsigned_abs())?;
    let digits = digits.checked_mul(up)?;
    Some(Decimal { digits, scale: 0 })
}

/// Whether a text is a decimal number and nothing else.
pub(super) fn is_number(text: &str) -> bool {
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let unsigned = |t: &str| t.strip_prefix(['-', '+']).unwrap_or(t).to_owned();
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent)),
        None => (text, None),
    };
    let number = unsigned(number);
    let good = match number.split_once('.') {
        Some((whole, fraction)) => {
            (digits(whole) && (fraction.is_empty() || digits(fraction)))
                || (whole.is_empty() && digits(fraction))
        }
        None => digits(&number),
    };
    good && exponent.is_none_or(|e| digits(&unsigned(e)))
}

/// Both with the greater of their scales.
fn aligned(a: Decimal, b: Decimal) -> Option<(i128, i128)> {
    let scale = a.scale.max(b.scale);
    let up = |d: Decimal| d.digits.checked_mul(10i128.checked_pow(scale - d.scale)?);
    Some((up(a)?, up(b)?))
}

/// Says which of two numbers is greater; `None` if one is none.
pub(super) fn order(a: &str, b: &str) -> Option<Ordering> {
    if let Some((a, b)) = decimal(a).zip(decimal(b)).and_then(|(a, b)| aligned(a, b)) {
        return Some(a.cmp(&b));
    }
    a.parse::<f64>().ok()?.partial_cmp(&b.parse::<f64>().ok()?)
}

/// Whether two numbers are equal within a tolerance. Texts that are no numbers are equal if they are the same.
pub(super) fn equal(a: &str, b: &str, tolerance: Option<Tolerance>) -> bool {
    if a == b || order(a, b) == Some(Ordering::Equal) {
        return true;
    }
    let (Some(tolerance), Ok(x), Ok(y)) = (tolerance, a.parse::<f64>(), b.parse::<f64>()) else {
        return false;
    };
    // The difference is taken exactly where it can be: two sums of 18 digits may differ in the last.
    let apart = decimal(a).zip(decimal(b)).and_then(|(a, b)| {
        let (d, e) = aligned(a, b)?;
        let scale = a.scale.max(b.scale);
        Some(d.checked_sub(e)?.unsigned_abs() as f64 / 10f64.powi(i32::try_from(scale).ok()?))
    });
    let apart = apart.unwrap_or((x - y).abs());
    match tolerance {
        Tolerance::Absolute(most) => apart <= most,
        Tolerance::Relative(share) => apart <= share * x.abs().max(y.abs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_by_value_and_not_by_their_text() {
        for (a, b, want) in [
            ("1.10", "1.1", Ordering::Equal),
            ("1e2", "100", Ordering::Equal),
            ("-0.0", "0", Ordering::Equal),
            ("10", "9", Ordering::Greater),
            ("-2", "-1.5", Ordering::Less),
            (
                "100000000000000000.01",
                "100000000000000000.02",
                Ordering::Less,
            ),
            ("1e300", "1e299", Ordering::Greater),
        ] {
            assert_eq!(order(a, b), Some(want), "{a} {b}");
        }
        assert_eq!(order("x", "1"), None);
    }

    #[test]
    fn a_tolerance_is_taken_from_the_exact_difference() {
        let absolute = Some(Tolerance::Absolute(0.01));
        assert!(equal(
            "100000000000000000.01",
            "100000000000000000.02",
            absolute
        ));
        assert!(!equal(
            "100000000000000000.01",
            "100000000000000000.03",
            absolute
        ));
        assert!(equal("0.30000000000000004", "0.3", Some(FLOAT)));
        assert!(!equal("0.31", "0.3", Some(FLOAT)));
        assert!(!equal("1", "2", None));
        assert!(equal("NaN", "NaN", None));
    }

    #[test]
    fn only_decimal_numbers_are_numbers() {
        for yes in ["1", "-1.5", "+.5", "1.", "1e6", "1E-6"] {
            assert!(is_number(yes), "{yes}");
        }
        for no in [
            "", "-", ".", "1;", "0x1", "1e", "NaN", "1 or 1", "--1", "1.-5", "१",
        ] {
            assert!(!is_number(no), "{no}");
        }
    }
}
