//! JSON that some engines refuse or change: names said twice in one object, U+0000, numbers that no double is,
//! deep nesting, or no JSON at all.

/// Levels that every engine takes.
const SHALLOW: usize = 31;
/// What a decimal of PostgreSQL holds: digits before the point, and after it.
const DECIMAL: (i64, i64) = (131_072, 16_383);

/// What is remarkable of a text, as far as it is JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// It is no plain JSON. Depth beyond 200 and numbers of a hundred thousand digits are odd too.
    pub(super) odd: bool,
    /// A number is neither a whole number of 64 bits nor a double.
    pub(super) wide: bool,
    /// Lists and objects are more than 31 deep.
    pub(super) deep: bool,
}

/// Looks at a text.
pub(super) fn look(text: &[u8]) -> Seen {
    let mut walk = Walk {
        text,
        at: 0,
        wide: false,
        deepest: 0,
    };
    let odd = walk.value(0).is_none() || {
        walk.blanks();
        walk.at != text.len()
    };
    Seen {
        odd,
        wide: walk.wide,
        deep: walk.deepest > SHALLOW,
    }
}

struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    wide: bool,
    deepest: usize,
}

impl<'a> Walk<'a> {
    fn blanks(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn next(&mut self) -> Option<u8> {
        let b = *self.text.get(self.at)?;
        self.at += 1;
        Some(b)
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        if depth > 200 {
            return None;
        }
        self.blanks();
        let first = self.text.get(self.at)?;
        if matches!(first, b'{' | b'[') {
            self.deepest = self.deepest.max(depth + 1);
        }
        match first {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string().map(|_| ()),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.text[self.at..].starts_with(word).then_some(())?;
        self.at += word.len();
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let from = self.at;
        while matches!(self.text.get(self.at), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        (self.at > from).then_some(())
    }

    fn number(&mut self) -> Option<()> {
        let from = self.at;
        if self.text.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        if self.text.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.text.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let number = &self.text[from..self.at];
        // Fifteen digits and a small exponent are always exact, and nearly every number is such a one.
        if number.len() > 15 || number.iter().any(|b| matches!(b, b'e' | b'E')) {
            let said = std::str::from_utf8(number).ok()?;
            self.wide |= !fits(said);
            let (digits, end) = parts(said)?;
            let whole = digits.len() as i64 + end;
            if !digits.is_empty() && (whole > DECIMAL.0 || -end > DECIMAL.1) {
                return None;
            }
        }
        Some(())
    }

    /// The raw bytes between the quotes.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.at += 1;
        let from = self.at;
        loop {
            match self.next()? {
                b'"' => return Some(&self.text[from..self.at - 1]),
                b'\\' => match self.next()? {
                    b'u' => {
                        let hex = self.text.get(self.at..self.at + 4)?;
                        if hex == b"0000" || !hex.iter().all(u8::is_ascii_hexdigit) {
                            return None;
                        }
                        self.at += 4;
                    }
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    _ => return None,
                },
                0..0x20 => return None,
                _ => {}
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        self.blanks();
        if self.text.get(self.at) == Some(&b']') {
            self.at += 1;
            return Some(());
        }
        loop {
            self.value(depth + 1)?;
            self.blanks();
            match self.next()? {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        self.blanks();
        if self.text.get(self.at) == Some(&b'}') {
            self.at += 1;
            return Some(());
        }
        let mut names: Vec<&[u8]> = Vec::new();
        loop {
            self.blanks();
            if self.text.get(self.at) != Some(&b'"') {
                return None;
            }
            names.push(self.string()?);
            self.blanks();
            if self.next()? != b':' {
                return None;
            }
            self.value(depth + 1)?;
            self.blanks();
            match self.next()? {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        // Names are compared as they are spelled; an escape that spells the same letter is rare.
        names.sort_unstable();
        names.windows(2).all(|w| w[0] != w[1]).then_some(())
    }
}

/// The significant digits of a number, and the power of ten of the last one; `None` if the exponent is beyond reason.
fn parts(number: &str) -> Option<(String, i64)> {
    let number = number.trim_start_matches('-');
    let (mantissa, exponent) = match number.find(['e', 'E']) {
        Some(at) => (&number[..at], number[at + 1..].parse::<i64>().ok()?),
        None => (number, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    let kept = digits.trim_end_matches('0');
    let end = exponent.checked_sub(fraction.len() as i64)?;
    Some((
        kept.to_owned(),
        end.checked_add((digits.len() - kept.len()) as i64)?,
    ))
}

/// Whether a number is a whole one of 64 bits, or a double by its shortest text.
fn fits(number: &str) -> bool {
    if number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok() {
        return true;
    }
    let Some((digits, end)) = parts(number) else {
        return false;
    };
    let shortest = number.parse::<f64>().ok().filter(|f| f.is_finite());
    digits.is_empty() || shortest.and_then(|f| parts(&format!("{f:e}"))) == Some((digits, end))
}

#[cfg(test)]
mod tests {
    use super::{Seen, look};

    #[test]
    fn only_plain_json_is_not_odd() {
        for (text, want) in [
            (r#"{"a":1,"b":[true,null,-1.5e3,""]}"#, false),
            (" [ ] ", false),
            ("0", false),
            (r#"{"a":1,"a":2}"#, true),
            (r#"{"a":{"b":1},"c":{"b":2}}"#, false),
            (r#""\u0000""#, true),
            (r#""\u0041""#, false),
            ("{a:1}", true),
            ("01", true),
            ("", true),
            ("[1,]", true),
            ("[1] x", true),
        ] {
            assert_eq!(look(text.as_bytes()).odd, want, "{text}");
        }
        assert!(look("[".repeat(100_000).as_bytes()).odd);
    }

    #[test]
    fn numbers_that_no_double_is_are_wide() {
        for (text, wide, odd) in [
            (
                "[9223372036854775807, 18446744073709551615, -9223372036854775808]",
                false,
                false,
            ),
            // A double, but its shortest text is another number.
            ("18446744073709551616", true, false),
            ("18446744073709551617", true, false),
            ("-9223372036854775809", true, false),
            ("123456789012345678901234567890", true, false),
            (
                r#"{"a": 0.1, "b": 1.50, "c": -0.0, "d": 1e300, "e": 5e-324}"#,
                false,
                false,
            ),
            ("0.12345678901234567890", true, false),
            ("1e400", true, false),
            ("1e-400", true, false),
            ("0e999999", false, false),
            ("1e20000", true, false),
            ("1e-20000", true, true),
            ("1e200000", true, true),
            ("1e99999999999999999999", true, true),
            ("1.00000000000000000000000000", false, false),
            ("\"123456789012345678901234567890\"", false, false),
        ] {
            let deep = false;
            assert_eq!(look(text.as_bytes()), Seen { odd, wide, deep }, "{text}");
        }
    }

    #[test]
    fn depth_counts_lists_and_objects() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(!look(nested(31).as_bytes()).deep);
        assert!(look(nested(32).as_bytes()).deep);
        assert!(look(format!("{{\"a\":{}}}", nested(31)).as_bytes()).deep);
    }
}
