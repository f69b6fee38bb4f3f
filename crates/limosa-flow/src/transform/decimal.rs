//! Exact decimals of up to 38 digits. What needs more is a failure, never a rounded number.

use super::cell::{Fail, Result, fail};
use limosa_core::batch::Cell;
use std::cmp::Ordering;

/// `m × 10^-scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    pub(super) m: i128,
    pub(super) scale: u32,
}

const MOST: u32 = 38;
const LONG: &str = "the number needs more than 38 digits";

fn power(n: u32) -> Option<i128> {
    10i128.checked_pow(n)
}

fn over<T>(step: &'static str) -> Result<T> {
    fail(step, LONG)
}

impl Decimal {
    pub(super) fn whole(m: i128) -> Self {
        Self { m, scale: 0 }
    }

    /// Reads `-12.340`; also a text with a plus, blanks around it, or an exponent.
    pub(super) fn read(text: &str, step: &'static str) -> Result<Self> {
        let text = text.trim_ascii();
        let no = Fail {
            step,
            why: "the text is no number",
        };
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (
                &text[..at],
                text[at + 1..].parse::<i32>().map_err(|_| no.clone())?,
            ),
            None => (text, 0),
        };
        let (negative, digits) = match mantissa.as_bytes() {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (mut m, mut scale, mut point, mut any) = (0i128, 0i64, false, false);
        for b in digits {
            match b {
                b'0'..=b'9' => {
                    any = true;
                    m = m
                        .checked_mul(10)
                        .and_then(|m| m.checked_add(i128::from(b - b'0')))
                        .ok_or(Fail { step, why: LONG })?;
                    scale += i64::from(point);
                }
                b'.' if !point => point = true,
                _ => return Err(no),
            }
        }
        if !any {
            return Err(no);
        }
        scale -= i64::from(exponent);
        if scale < 0 {
            let more = u32::try_from(-scale).ok().and_then(power);
            m = more
                .and_then(|p| m.checked_mul(p))
                .ok_or(Fail { step, why: LONG })?;
            scale = 0;
        }
        let scale = u32::try_from(scale).unwrap_or(u32::MAX);
        if scale > MOST && m != 0 {
            return over(step);
        }
        Ok(Self {
            m: if negative { -m } else { m },
            scale: scale.min(MOST),
        })
    }

    /// Takes a number out of a cell.
    #[inline]
    pub(super) fn of(cell: Cell<'_>, step: &'static str) -> Result<Self> {
        match cell {
            Cell::Int(i) => Ok(Self::whole(i.into())),
            Cell::UInt(u) => Ok(Self::whole(u.into())),
            Cell::Decimal("NaN" | "Infinity" | "-Infinity") => {
                fail(step, "the number is not finite")
            }
            Cell::Decimal(t) => Self::read(t, step),
            _ => fail(step, "the value is no exact number"),
        }
    }

    pub(super) fn write(self) -> String {
        let digits = self.m.unsigned_abs().to_string();
        let scale = self.scale as usize;
        let digits = match digits.len() <= scale {
            true => format!("{}{digits}", "0".repeat(scale + 1 - digits.len())),
            false => digits,
        };
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let sign = if self.m < 0 { "-" } else { "" };
        match scale {
            0 => format!("{sign}{whole}"),
            _ => format!("{sign}{whole}.{fraction}"),
        }
    }

    fn scaled(self, scale: u32, step: &'static str) -> Result<i128> {
        power(scale - self.scale)
            .and_then(|p| self.m.checked_mul(p))
            .ok_or(Fail { step, why: LONG })
    }

    pub(super) fn add(self, other: Self, step: &'static str) -> Result<Self> {
        let scale = self.scale.max(other.scale);
        let m = self
            .scaled(scale, step)?
            .checked_add(other.scaled(scale, step)?)
            .ok_or(Fail { step, why: LONG })?;
        Ok(Self { m, scale })
    }

    pub(super) fn negate(self) -> Self {
        Self {
            m: -self.m,
            scale: self.scale,
        }
    }

    pub(super) fn times(self, other: Self) -> Result<Self> {
        let scale = self.scale + other.scale;
        match self.m.checked_mul(other.m) {
            Some(m) if scale <= MOST => Ok(Self { m, scale }),
            _ => over("*"),
        }
    }

    /// The remainder, with the sign of `self`.
    pub(super) fn modulo(self, other: Self) -> Result<Self> {
        if other.m == 0 {
            return fail("%", "division by zero");
        }
        let scale = self.scale.max(other.scale);
        Ok(Self {
            m: self.scaled(scale, "%")? % other.scaled(scale, "%")?,
            scale,
        })
    }

    /// The weight of the first group of four digits before the point, and that group: what PostgreSQL
    /// chooses the scale of a quotient by.
    fn weight(self) -> (i32, i32) {
        if self.m == 0 {
            return (0, 0);
        }
        let digits = self.m.unsigned_abs().to_string();
        let before = digits.len() as i32 - self.scale as i32;
        let weight = (before - 1).div_euclid(4);
        // Digits of the first group: from its highest place down to the group's end.
        let take = (before - weight * 4) as usize;
        let mut group: i32 = 0;
        for i in 0..take {
            let d = digits.as_bytes().get(i).map_or(0, |b| i32::from(b - b'0'));
            group = group * 10 + d;
        }
        (weight, group)
    }

    /// The quotient with at least 16 digits that count, rounded half away from zero: PostgreSQL's rule.
    pub(super) fn divide(self, other: Self) -> Result<Self> {
        if other.m == 0 {
            return fail("/", "division by zero");
        }
        let ((w1, g1), (w2, g2)) = (self.weight(), other.weight());
        let weight = w1 - w2 - i32::from(g1 <= g2);
        let scale = (16 - weight * 4)
            .max(self.scale as i32)
            .max(other.scale as i32)
            .max(0) as u32;
        let common = self.scale.max(other.scale);
        let (a, b) = (
            self.scaled(common, "/")?.unsigned_abs(),
            other.scaled(common, "/")?.unsigned_abs(),
        );
        let (mut q, mut r) = (a / b, a % b);
        let long = Fail {
            step: "/",
            why: LONG,
        };
        for _ in 0..scale {
            r = r.checked_mul(10).ok_or_else(|| long.clone())?;
            q = q
                .checked_mul(10)
                .and_then(|q| q.checked_add(r / b))
                .ok_or_else(|| long.clone())?;
            r %= b;
        }
        if r >= b - r {
            q += 1;
        }
        let m = i128::try_from(q).map_err(|_| long)?;
        let negative = (self.m < 0) != (other.m < 0);
        Ok(Self {
            m: if negative { -m } else { m },
            scale,
        })
    }

    /// Rounds half away from zero to `digits` after the point; below 0, before it.
    pub(super) fn round(self, digits: i64, step: &'static str) -> Result<Self> {
        self.cut(digits, true, step)
    }

    /// Takes off the digits after the `digits`-th.
    pub(super) fn truncate(self, digits: i64, step: &'static str) -> Result<Self> {
        self.cut(digits, false, step)
    }

    fn cut(self, digits: i64, nearest: bool, step: &'static str) -> Result<Self> {
        let scale = i64::from(self.scale);
        if digits >= scale {
            let scale = u32::try_from(digits).ok().filter(|d| *d <= MOST);
            let Some(scale) = scale else {
                return over(step);
            };
            return Ok(Self {
                m: self.scaled(scale, step)?,
                scale,
            });
        }
        let off = u32::try_from(scale - digits).unwrap_or(u32::MAX);
        let m = match power(off) {
            Some(p) => {
                let (q, r) = (self.m / p, self.m % p);
                let up = nearest && r.unsigned_abs() >= (p / 2).unsigned_abs();
                q + if up { self.m.signum() } else { 0 }
            }
            None => 0,
        };
        if digits >= 0 {
            return Ok(Self {
                m,
                scale: digits as u32,
            });
        }
        let back = u32::try_from(-digits).ok().and_then(power);
        match (m, back.and_then(|p| m.checked_mul(p))) {
            (0, _) => Ok(Self::whole(0)),
            (_, Some(m)) => Ok(Self::whole(m)),
            _ => over(step),
        }
    }

    pub(super) fn floor(self) -> Self {
        let p = power(self.scale).unwrap_or(i128::MAX);
        Self::whole(self.m.div_euclid(p))
    }

    pub(super) fn ceil(self) -> Self {
        self.negate().floor().negate()
    }

    pub(super) fn cmp(self, other: Self) -> Ordering {
        let (p, q) = (
            power(self.scale).unwrap_or(i128::MAX),
            power(other.scale).unwrap_or(i128::MAX),
        );
        let (a, b) = (self.m.div_euclid(p), other.m.div_euclid(q));
        a.cmp(&b).then_with(|| {
            let scale = self.scale.max(other.scale);
            let rest = |d: Self, p: i128| d.m.rem_euclid(p) * power(scale - d.scale).unwrap_or(1);
            rest(self, p).cmp(&rest(other, q))
        })
    }

    /// Whether it has at most `precision` digits, `scale` of them after the point.
    pub(super) fn fits(self, precision: u32) -> bool {
        power(precision).is_none_or(|p| self.m.unsigned_abs() < p.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        Decimal::read(text, "test").unwrap_or_else(|e| panic!("{text}: {e:?}"))
    }

    #[test]
    fn arithmetic_is_exact_and_says_when_it_can_not_be() {
        assert_eq!(d("0.1").add(d("0.2"), "+").unwrap().write(), "0.3");
        assert_eq!(d("1.50").times(d("-2.5")).unwrap().write(), "-3.750");
        assert_eq!(
            d("1").divide(d("3")).unwrap().write(),
            "0.33333333333333333333"
        );
        assert_eq!(
            d("7").divide(d("-2")).unwrap().write(),
            "-3.5000000000000000"
        );
        assert_eq!(d("-7.5").modulo(d("2")).unwrap().write(), "-1.5");
        let nines = "9".repeat(38);
        assert_eq!(d(&nines).write(), nines);
        assert!(d(&nines).add(d("1.5"), "+").is_err());
        assert!(Decimal::read(&"9".repeat(40), "test").is_err());
        assert!(d("1").divide(d("0")).is_err());
        assert_eq!(d("1e3").write(), "1000");
        assert_eq!(d("1.5e-3").write(), "0.0015");
        for no in ["", ".", "1.2.3", "x", "1e", "--1", "1 2"] {
            assert!(Decimal::read(no, "test").is_err(), "{no}");
        }
    }

    #[test]
    fn rounding_goes_away_from_zero_at_the_half() {
        for (x, n, want) in [
            ("2.5", 0, "3"),
            ("-2.5", 0, "-3"),
            ("2.4999", 0, "2"),
            ("1.005", 2, "1.01"),
            ("150", -2, "200"),
            ("49", -2, "0"),
            ("1.5", 3, "1.500"),
            ("99", -40, "0"),
        ] {
            assert_eq!(d(x).round(n, "round").unwrap().write(), want, "{x} {n}");
        }
        assert_eq!(d("-1.2").floor().write(), "-2");
        assert_eq!(d("-1.2").ceil().write(), "-1");
        assert_eq!(d("-1.29").truncate(1, "trunc").unwrap().write(), "-1.2");
    }

    #[test]
    fn numbers_of_any_scale_are_ordered_by_value() {
        assert_eq!(d("1.0").cmp(d("1.000")), Ordering::Equal);
        assert_eq!(d("-1.5").cmp(d("-1.25")), Ordering::Less);
        let big = format!("1{}", "0".repeat(37));
        assert_eq!(
            d(&big).cmp(d("0.00000000000000000000000000000000000001")),
            Ordering::Greater
        );
    }
}
