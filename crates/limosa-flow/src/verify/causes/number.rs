//! Rules about numbers.

use super::Cause;
use limosa_core::canonical;

/// Digits behind the point that are tried, at most.
const TRIED: usize = 40;

/// A decimal in canonical form, taken apart.
struct Decimal<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
}

impl<'a> Decimal<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
        let digits = |x: &str| x.bytes().all(|b| b.is_ascii_digit());
        (!whole.is_empty() && digits(whole) && digits(fraction)).then_some(Self {
            negative,
            whole,
            fraction,
        })
    }

    /// Cut off behind `n` digits after the point, in canonical form.
    fn cut(&self, n: usize) -> String {
        self.say(self.whole, &self.fraction[..n.min(self.fraction.len())])
    }

    fn say(&self, whole: &str, fraction: &str) -> String {
        let mut out = Vec::new();
        let sign = if self.negative { "-" } else { "" };
        canonical::decimal(&mut out, format!("{sign}{whole}.{fraction}0").as_bytes());
        String::from_utf8(out).unwrap_or_default()
    }

    /// One more in the last of `n` digits after the point, counted away from zero.
    fn more(&self, n: usize) -> String {
        let mut digits: Vec<u8> = self.whole.bytes().collect();
        digits.extend(self.fraction.bytes().take(n));
        let mut at = digits.len();
        loop {
            if at == 0 {
                digits.insert(0, b'1');
                break;
            }
            at -= 1;
            if digits[at] < b'9' {
                digits[at] += 1;
                break;
            }
            digits[at] = b'0';
        }
        let text = String::from_utf8(digits).unwrap_or_default();
        let point = text.len() - n;
        self.say(&text[..point], &text[point..])
    }

    /// Rounded to `n` digits after the point; at a tie both ways, to even being a usual one.
    fn rounded(&self, n: usize) -> Vec<String> {
        let rest = &self.fraction[n.min(self.fraction.len())..];
        let tie = rest.starts_with('5') && rest[1..].bytes().all(|b| b == b'0');
        let up = rest.as_bytes().first().is_some_and(|b| *b >= b'5');
        let last = match n {
            0 => self.whole.as_bytes().last(),
            n => self.fraction.as_bytes().get(n - 1),
        };
        let even = last.is_some_and(|b| (b - b'0').is_multiple_of(2));
        match (up, tie && even) {
            (true, true) => vec![self.more(n), self.cut(n)],
            (true, false) => vec![self.more(n)],
            (false, _) => vec![self.cut(n)],
        }
    }

    /// All digits without zeros at either end, and the place of the last one: `1200` is (12, 2).
    fn magnitude(&self) -> (String, i64) {
        let all = format!("{}{}", self.whole, self.fraction);
        let kept = all.trim_end_matches('0');
        let place = (all.len() - kept.len()) as i64 - self.fraction.len() as i64;
        (kept.trim_start_matches('0').to_owned(), place)
    }
}

/// Rules for two different decimals in canonical form.
pub(super) fn decimals(s: &str, t: &str, out: &mut Vec<Cause>) {
    let (Some(a), Some(b)) = (Decimal::read(s), Decimal::read(t)) else {
        return;
    };
    for n in b.fraction.len()..a.fraction.len().min(TRIED) {
        let digits = n as u8;
        if a.cut(n) == t {
            out.push(Cause::Cut(digits));
        }
        if a.rounded(n).iter().any(|r| r == t) {
            out.push(Cause::Rounded(digits));
        }
    }
    if let (Ok(x), Ok(y)) = (s.parse::<f64>(), t.parse::<f64>())
        && x == y
    {
        out.push(Cause::Binary64);
    }
    if let (Ok(x), Ok(y)) = (s.parse::<f32>(), t.parse::<f64>())
        && f64::from(x) == y
    {
        out.push(Cause::Binary32);
    }
    if a.negative != b.negative && a.whole == b.whole && a.fraction == b.fraction {
        out.push(Cause::Sign);
    }
    let ((x, at), (y, to)) = (a.magnitude(), b.magnitude());
    if x == y && a.negative == b.negative && !x.is_empty() && at != to {
        out.extend(i16::try_from(to - at).ok().map(Cause::Scaled));
    }
}

/// Whether two texts are one number.
pub(super) fn same(s: &str, t: &str) -> bool {
    let begins = |x: &str| {
        x.bytes()
            .next()
            .is_some_and(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.'))
    };
    // Blanks around a number are a rule of their own.
    let bare = |x: &str| !x.bytes().any(|b| b.is_ascii_whitespace());
    if !begins(s) || !begins(t) || !bare(s) || !bare(t) || s.len().max(t.len()) > 400 {
        return false;
    }
    let said = |x: &str| {
        let mut one = Vec::new();
        canonical::decimal(&mut one, x.as_bytes());
        let text = String::from_utf8(one).ok()?;
        Decimal::read(&text).is_some().then_some(text)
    };
    said(s).is_some() && said(s) == said(t)
}

/// Rules for two different binary64 values.
pub(super) fn doubles(s: f64, t: f64, out: &mut Vec<Cause>) {
    if s == t {
        return out.push(Cause::NegativeZero);
    }
    if s.is_nan() || t.is_nan() {
        return;
    }
    if s.to_bits().abs_diff(t.to_bits()) == 1 {
        out.push(Cause::LastBit);
    }
    if f64::from(s as f32) == t || f64::from(t as f32) == s {
        out.push(Cause::Binary32);
    }
    significant(s, t, 17, out);
}

/// Rules for two different binary32 values.
pub(super) fn singles(s: f32, t: f32, out: &mut Vec<Cause>) {
    if s == t {
        return out.push(Cause::NegativeZero);
    }
    if s.is_nan() || t.is_nan() {
        return;
    }
    if s.to_bits().abs_diff(t.to_bits()) == 1 {
        out.push(Cause::LastBit);
    }
    for n in 1..9usize {
        let rounded: Result<f32, _> = format!("{s:.*e}", n - 1).parse();
        if rounded.is_ok_and(|r| r == t) {
            out.push(Cause::Significant(n as u8));
        }
    }
}

fn significant(s: f64, t: f64, most: usize, out: &mut Vec<Cause>) {
    if !s.is_finite() || !t.is_finite() {
        return;
    }
    for n in 1..most {
        let rounded: Result<f64, _> = format!("{s:.*e}", n - 1).parse();
        if rounded.is_ok_and(|r| r == t) {
            out.push(Cause::Significant(n as u8));
        }
    }
}
