//! Which characters of a text are not shown as they are.

/// Whether a character can hide or forge what a person sees: control characters, and the marks that
/// change the direction of writing or have no width.
pub fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
            // The joiner within emoji families is text.
            && c != '\u{200d}'
}

/// Gives the text with hidden characters (but line ends and tabs) written as `\u{…}`.
pub fn visible(text: &str) -> String {
    if !text.chars().any(|c| hidden(c) && !matches!(c, '\n' | '\t')) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if hidden(c) && !matches!(c, '\n' | '\t') {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn nothing_reaches_a_terminal_that_it_would_obey() {
        assert_eq!(visible("a\x1b[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(visible("a\u{202e}b\u{200b}"), "a\\u{202e}b\\u{200b}");
        assert_eq!(visible("grün\t👩‍👩‍👧\n"), "grün\t👩‍👩‍👧\n");
        assert_eq!(visible("\u{9b}31m\r"), "\\u{9b}31m\\u{d}");
    }
}
