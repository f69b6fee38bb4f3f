//! Rules about texts.

use super::{Cause, number};
use limosa_core::canonical;
use unicode_normalization::UnicodeNormalization;

/// Latin letters, and those of Greek and Cyrillic that look like them.
const ALIKE: [(char, &str); 24] = [
    ('A', "АΑ"),
    ('B', "ВΒ"),
    ('C', "С"),
    ('E', "ЕΕ"),
    ('H', "НΗ"),
    ('I', "ІΙ"),
    ('J', "Ј"),
    ('K', "КΚ"),
    ('M', "МΜ"),
    ('N', "Ν"),
    ('O', "ОΟ"),
    ('P', "РΡ"),
    ('S', "Ѕ"),
    ('T', "ТΤ"),
    ('X', "ХΧ"),
    ('Y', "ΥҮ"),
    ('Z', "Ζ"),
    ('a', "а"),
    ('c', "с"),
    ('e', "е"),
    ('i', "і"),
    ('o', "оο"),
    ('p', "р"),
    ('x', "х"),
];

/// What Windows-1252 has at 0x80 to 0x9F; the five holes are as in Latin-1.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// All rules for two different texts.
pub(super) fn texts(s: &str, t: &str, out: &mut Vec<Cause>) {
    spellings(s, t, out);
    let mut rule = |holds: bool, cause| {
        if holds {
            out.push(cause);
        }
    };
    let blanks = |x: &str| x.trim_end_matches(' ').len();
    rule(s[..blanks(s)] == t[..blanks(t)], Cause::TrailingSpace);
    rule(s.trim() == t.trim(), Cause::OuterSpace);
    rule(
        s.trim_end_matches('\0') == t.trim_end_matches('\0'),
        Cause::TrailingZeroBytes,
    );
    let without = |x: &str, of: fn(char) -> bool| x.chars().filter(|c| !of(*c)).collect::<String>();
    let ends = |x: &str| x.replace("\r\n", "\n").replace('\r', "\n");
    let unix = |x: &str| x.replace("\r\n", "\n");
    rule(
        ends(s) == ends(t) || unix(s) == t || unix(t) == s,
        Cause::LineEnds,
    );
    rule(s.to_lowercase() == t.to_lowercase(), Cause::Case);
    rule(s.nfc().eq(t.nfc()), Cause::Normalization);
    let plain = |c: char| if space(c) { ' ' } else { c };
    rule(
        s.chars().map(plain).eq(t.chars().map(plain)),
        Cause::NoBreakSpace,
    );
    rule(
        without(s, widthless) == without(t, widthless),
        Cause::ZeroWidth,
    );
    rule(
        s.chars().map(latin).eq(t.chars().map(latin)),
        Cause::LookAlike,
    );
    rule(twice(s, t), Cause::DoubleEncoded);
    rule(twice(t, s), Cause::DoubleEncodingMended);
    rule(replaced(s, t), Cause::Replaced);
    cut(s, t, out);
}

/// Rules for values of one meaning in two spellings.
pub(super) fn spellings(s: &str, t: &str, out: &mut Vec<Cause>) {
    if s.len().min(t.len()) <= 5 {
        let said = |x: &str| {
            let mut one = Vec::new();
            canonical::boolean(&mut one, x.to_ascii_lowercase().as_bytes());
            (one == b"1" || one == b"0").then_some(one)
        };
        // Two numbers are told below.
        let digit = |x: &str| x.bytes().all(|b| b.is_ascii_digit());
        if said(s).is_some() && said(s) == said(t) && !(digit(s) && digit(t)) {
            out.push(Cause::BooleanSpelling);
        }
    }
    let all_digits = |x: &str| !x.is_empty() && x.bytes().all(|b| b.is_ascii_digit());
    if all_digits(s) && all_digits(t) && s.trim_start_matches('0') == t.trim_start_matches('0') {
        out.push(Cause::LeadingZeros);
    } else if number::same(s, t) {
        out.push(Cause::NumberSpelling);
    }
    let document = |x: &str| x.trim_start().starts_with(['{', '[']);
    if document(s) && document(t) {
        let said = |x: &str| {
            let mut one = Vec::new();
            canonical::json(&mut one, x.as_bytes());
            one
        };
        if said(s) == said(t) {
            out.push(Cause::JsonSpelling);
        }
    }
}

/// Whether one is cut off where the other goes on.
pub(super) fn cut(s: &str, t: &str, out: &mut Vec<Cause>) {
    if let Some(rest) = s.strip_prefix(t) {
        let characters = u32::try_from(t.chars().count());
        out.extend(characters.ok().map(Cause::Characters));
        // A limit in bytes cuts before the character that would pass it.
        let next = rest.chars().next().map_or(0, char::len_utf8);
        let limits = t.len()..t.len() + next;
        out.extend(
            limits
                .filter_map(|n| u32::try_from(n).ok())
                .map(Cause::Bytes),
        );
    } else if t.starts_with(s) {
        out.push(Cause::Prolonged);
    }
}

/// Whether `t` is what becomes of `s` if its UTF-8 is read as Latin-1 or Windows-1252, once or twice.
fn twice(s: &str, t: &str) -> bool {
    if s.is_ascii() || t.len() <= s.len() || t.len() > 9 * s.len() {
        return false;
    }
    let windows = |b: u8| match b {
        0x80..=0x9f => WINDOWS[usize::from(b - 0x80)],
        b => char::from(b),
    };
    let again = |x: &str, read: &dyn Fn(u8) -> char| x.bytes().map(read).collect::<String>();
    [&windows as &dyn Fn(u8) -> char, &char::from]
        .into_iter()
        .any(|read| {
            let once = again(s, read);
            once == t || again(&once, read) == t
        })
}

/// Whether `t` is `s` with some of its characters beyond ASCII replaced, each or each of its bytes.
fn replaced(s: &str, t: &str) -> bool {
    if s.is_ascii() {
        return false;
    }
    ['?', '\u{fffd}'].into_iter().any(|mark| {
        let by_character = s.chars().count() == t.chars().count()
            && s.chars()
                .zip(t.chars())
                .all(|(a, b)| a == b || !a.is_ascii() && b == mark);
        let by_byte = || {
            let mut said = String::with_capacity(t.len());
            for c in s.chars() {
                match c.is_ascii() {
                    true => said.push(c),
                    false => said.extend(std::iter::repeat_n(mark, c.len_utf8())),
                }
            }
            said == t
        };
        by_character || by_byte()
    })
}

/// Spaces that are not the common one and look like it.
pub(crate) fn space(c: char) -> bool {
    matches!(
        c,
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// Characters that are not seen.
pub(crate) fn widthless(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// The Latin letter that a letter looks like, or itself.
pub(crate) fn latin(c: char) -> char {
    if c.is_ascii() {
        return c;
    }
    let found = ALIKE.iter().find(|(_, others)| others.contains(c));
    found.map_or(c, |(latin, _)| *latin)
}
