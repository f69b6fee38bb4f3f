//! JSON that some engines refuse or change: names said twice in one object, U+0000, or no JSON at all.

/// Whether a text is odd. Depth beyond 200 is odd too.
pub(super) fn odd(text: &[u8]) -> bool {
    let mut walk = Walk { text, at: 0 };
    walk.value(0).is_none() || {
        walk.blanks();
        walk.at != text.len()
    }
}

struct Walk<'a> {
    text: &'a [u8],
    at: usize,
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
        match self.text.get(self.at)? {
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

#[cfg(test)]
mod tests {
    use super::odd;

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
            assert_eq!(odd(text.as_bytes()), want, "{text}");
        }
        assert!(odd("[".repeat(100_000).as_bytes()));
    }
}
