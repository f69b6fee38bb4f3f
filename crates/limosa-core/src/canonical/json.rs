//! JSON by its meaning.

use super::decimal;

/// Writes JSON so that two texts of the same meaning give the same bytes: no blanks, object members in
/// byte order of their names (the last of equal names counts), strings with the fewest escapes,
/// numbers by their exact decimal value. Text that is not JSON is written as it is.
pub fn json(out: &mut Vec<u8>, text: &[u8]) {
    let at = out.len();
    let mut reader = JsonReader { text, at: 0 };
    let read = reader.value(out, 0).is_some() && {
        reader.blanks();
        reader.at == text.len()
    };
    if !read {
        out.truncate(at);
        out.extend_from_slice(text);
    }
}

struct JsonReader<'a> {
    text: &'a [u8],
    at: usize,
}

impl JsonReader<'_> {
    /// Deeper nesting than any engine allows is left as it is.
    const DEPTH: usize = 512;

    fn blanks(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn next(&mut self) -> Option<u8> {
        let b = self.text.get(self.at).copied();
        self.at += 1;
        b
    }

    fn value(&mut self, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        if depth > Self::DEPTH {
            return None;
        }
        self.blanks();
        match *self.text.get(self.at)? {
            b'{' => self.object(out, depth),
            b'[' => {
                self.at += 1;
                out.push(b'[');
                self.blanks();
                if self.text.get(self.at) == Some(&b']') {
                    self.at += 1;
                    out.push(b']');
                    return Some(());
                }
                loop {
                    self.value(out, depth + 1)?;
                    self.blanks();
                    match self.next()? {
                        b',' => out.push(b','),
                        b']' => break,
                        _ => return None,
                    }
                }
                out.push(b']');
                Some(())
            }
            b'"' => self.string(out),
            b't' | b'f' | b'n' => {
                let word = [&b"true"[..], b"false", b"null"]
                    .into_iter()
                    .find(|w| self.text[self.at..].starts_with(w))?;
                self.at += word.len();
                out.extend_from_slice(word);
                Some(())
            }
            _ => {
                let from = self.at;
                while matches!(
                    self.text.get(self.at),
                    Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')
                ) {
                    self.at += 1;
                }
                let number = &self.text[from..self.at];
                if number.is_empty() || !number.iter().any(u8::is_ascii_digit) {
                    return None;
                }
                decimal(out, number);
                Some(())
            }
        }
    }

    fn object(&mut self, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        self.at += 1;
        let mut members = std::collections::BTreeMap::new();
        self.blanks();
        if self.text.get(self.at) == Some(&b'}') {
            self.at += 1;
        } else {
            loop {
                self.blanks();
                if self.text.get(self.at) != Some(&b'"') {
                    return None;
                }
                let (mut name, mut value) = (Vec::new(), Vec::new());
                self.string(&mut name)?;
                self.blanks();
                if self.next()? != b':' {
                    return None;
                }
                self.value(&mut value, depth + 1)?;
                members.insert(name, value);
                self.blanks();
                match self.next()? {
                    b',' => {}
                    b'}' => break,
                    _ => return None,
                }
            }
        }
        out.push(b'{');
        for (i, (name, value)) in members.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            out.extend_from_slice(name);
            out.push(b':');
            out.extend_from_slice(value);
        }
        out.push(b'}');
        Some(())
    }

    fn string(&mut self, out: &mut Vec<u8>) -> Option<()> {
        self.at += 1;
        out.push(b'"');
        loop {
            match self.next()? {
                b'"' => break,
                b'\\' => {
                    let c = match self.next()? {
                        b'n' => '\n',
                        b't' => '\t',
                        b'r' => '\r',
                        b'b' => '\u{8}',
                        b'f' => '\u{c}',
                        b'u' => self.unicode()?,
                        c @ (b'"' | b'\\' | b'/') => c as char,
                        _ => return None,
                    };
                    escape(out, c);
                }
                b if b < 0x20 => return None,
                b => out.push(b),
            }
        }
        out.push(b'"');
        Some(())
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    }

    fn unicode(&mut self) -> Option<char> {
        let high = self.hex4()?;
        if (0xD800..0xDC00).contains(&high) {
            if self.next()? != b'\\' || self.next()? != b'u' {
                return None;
            }
            let low = self.hex4()?;
            let low = low.checked_sub(0xDC00).filter(|l| *l < 0x400)?;
            return char::from_u32(0x10000 + ((high - 0xD800) << 10) + low);
        }
        char::from_u32(high)
    }
}

fn escape(out: &mut Vec<u8>, c: char) {
    match c {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        c if (c as u32) < 0x20 => out.extend_from_slice(format!("\\u{:04x}", c as u32).as_bytes()),
        c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}
