//! Parts of addresses.

/// Takes percent signs out: `%41` is `A`.
///
/// # Errors
/// Why it can not be: a percent sign without two digits, U+0000, or bytes that are not UTF-8. The text
/// itself is not repeated, because it may be a password.
pub fn percent_decoded(text: &str) -> Result<String, &'static str> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'%' {
            out.push(bytes[at]);
            at += 1;
            continue;
        }
        let digit = |i: usize| bytes.get(i).and_then(|b| (*b as char).to_digit(16));
        let (Some(high), Some(low)) = (digit(at + 1), digit(at + 2)) else {
            return Err("a percent sign is not followed by two hexadecimal digits");
        };
        out.push((high << 4 | low) as u8);
        at += 3;
    }
    if out.contains(&0) {
        return Err("a part of it holds U+0000");
    }
    String::from_utf8(out).map_err(|_| "the percent-encoded bytes are not UTF-8")
}

/// The known word that is most like the given one; `None` if none is known.
pub fn nearest<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    known.iter().copied().min_by_key(|w| distance(w, word))
}

/// The number of single-character edits between two words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let up = row[j + 1];
            row[j + 1] = (corner + usize::from(x != *y)).min(up + 1).min(row[j] + 1);
            corner = up;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_are_taken_out_or_named() {
        assert_eq!(percent_decoded("a%3Ab%c3%a9"), Ok("a:bé".into()));
        for wrong in ["%", "%4", "%zz", "%00", "%ff", "%+1"] {
            assert!(percent_decoded(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_nearest_word_is_the_one_meant() {
        assert_eq!(
            nearest("sslmod", &["host", "sslmode", "sslkey"]),
            Some("sslmode")
        );
        assert_eq!(nearest("x", &[]), None);
    }
}
