//! Where two texts part, and what stands there: for eyes that see no difference.

use serde::Serialize;
use unicode_normalization::UnicodeNormalization;

/// Code points that are shown of either side.
const POINTS: usize = 4;

/// The first place at which two texts differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Look {
    /// Bytes before it, the same in both.
    pub first_differing_byte: usize,
    /// Code points of the source from there on, at most four: `U+00EB`; `end` if there are none.
    pub source_code_points: String,
    /// The same of the target.
    pub target_code_points: String,
    /// Whether the texts look the same, or nearly so.
    pub alike: bool,
}

/// Compares two texts. `None` if they are equal, or one is no UTF-8.
pub fn look(source: &[u8], target: &[u8]) -> Option<Look> {
    let (s, t) = (
        std::str::from_utf8(source).ok()?,
        std::str::from_utf8(target).ok()?,
    );
    let same = source
        .iter()
        .zip(target)
        .take_while(|(a, b)| a == b)
        .count();
    if same == source.len() && same == target.len() {
        return None;
    }
    // The code points that the byte is a part of.
    let mut at = same;
    while !s.is_char_boundary(at) || !t.is_char_boundary(at) {
        at -= 1;
    }
    // Two normal forms part behind the letter that an accent changes: it is shown too.
    let from = s[..at].char_indices().next_back().map_or(0, |(i, _)| i);
    let combining = |x: &str| {
        x.chars()
            .next()
            .is_some_and(unicode_normalization::char::is_combining_mark)
    };
    let from = if combining(&s[at..]) || combining(&t[at..]) {
        from
    } else {
        at
    };
    Some(Look {
        first_differing_byte: same,
        source_code_points: points(&s[from..]),
        target_code_points: points(&t[from..]),
        alike: alike(s, t),
    })
}

fn points(text: &str) -> String {
    let said: Vec<String> = text
        .chars()
        .take(POINTS)
        .map(|c| format!("U+{:04X}", u32::from(c)))
        .collect();
    match said.is_empty() {
        true => "end".into(),
        false => said.join(" "),
    }
}

/// Whether two texts look the same but for case, spaces, and what is not seen.
fn alike(s: &str, t: &str) -> bool {
    const LONG: usize = 1 << 20;
    if s.len().max(t.len()) > LONG {
        return false;
    }
    use crate::verify::causes::{latin, space, widthless};
    let plain = |x: &str| -> String {
        x.nfc()
            .filter(|c| !widthless(*c) && !c.is_control())
            .map(|c| if space(c) { ' ' } else { latin(c) })
            .flat_map(char::to_lowercase)
            .collect::<String>()
            .trim()
            .to_owned()
    };
    plain(s) == plain(t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_told_with_its_code_points() {
        let at = |s: &str, t: &str| {
            let l = look(s.as_bytes(), t.as_bytes()).expect("they differ");
            (
                l.first_differing_byte,
                l.source_code_points,
                l.target_code_points,
                l.alike,
            )
        };
        let said = |n, s: &str, t: &str, alike| (n, s.to_owned(), t.to_owned(), alike);
        assert_eq!(
            at("Zoë", "Zoe\u{308}"),
            said(2, "U+00EB", "U+0065 U+0308", true)
        );
        assert_eq!(
            at("Zoe", "Zoe\u{308}"),
            said(3, "U+0065", "U+0065 U+0308", false)
        );
        assert_eq!(at("a", "a "), said(1, "end", "U+0020", true));
        assert_eq!(
            at("a b", "a\u{a0}b"),
            said(1, "U+0020 U+0062", "U+00A0 U+0062", true)
        );
        assert_eq!(
            at("ab", "a\u{200b}b"),
            said(1, "U+0062", "U+200B U+0062", true)
        );
        assert!(at("paypal", "раypal").3);
        // é and è share their first byte: the place is a byte, what is shown are whole code points.
        assert_eq!(at("é", "è"), said(1, "U+00E9", "U+00E8", false));
        assert_eq!(look(b"a", b"a"), None);
        assert_eq!(look(b"\xff", b"a"), None);
    }
}
