//! Secrets that never print themselves, and the scrubbing of text that may hold one.

pub use secrecy::{ExposeSecret, SecretString};

/// Hides passwords in `text`: the userinfo part of any URL (`//user:…@`) and the value of
/// `password=…`, `pwd=…` and `passwd=…` pairs, with or without blanks around the equals sign.
///
/// Meant for words of others (server errors, library errors) before they are shown or stored.
pub fn scrub(text: &str) -> String {
    scrub_pairs(&scrub_urls(text))
}

fn scrub_urls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (head, tail) = rest.split_at(start + 3);
        out.push_str(head);
        let end = tail
            .find(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '>' | '<'))
            .unwrap_or(tail.len());
        // The last '@' before the path: passwords that were not percent-encoded may hold '@' or '/'.
        let authority = &tail[..end];
        match authority.rfind('@') {
            Some(at) => match authority[..at].find(':') {
                Some(colon) => {
                    out.push_str(&authority[..=colon]);
                    out.push_str("***");
                    rest = &tail[at..];
                }
                None => rest = tail,
            },
            None => rest = tail,
        }
    }
    out.push_str(rest);
    out
}

fn scrub_pairs(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    'outer: while at < text.len() {
        for word in ["password", "passwd", "pwd"] {
            if !lower[at..].starts_with(word) {
                continue;
            }
            let mut eq = at + word.len();
            while eq < text.len() && bytes[eq] == b' ' {
                eq += 1;
            }
            if eq >= text.len() || bytes[eq] != b'=' {
                continue;
            }
            let mut from = eq + 1;
            while from < text.len() && bytes[from] == b' ' {
                from += 1;
            }
            let quote = bytes
                .get(from)
                .copied()
                .filter(|b| matches!(b, b'\'' | b'"'));
            let to = match quote {
                Some(q) => {
                    let mut to = from + 1;
                    while to < text.len() && bytes[to] != q {
                        to += if bytes[to] == b'\\' { 2 } else { 1 };
                    }
                    (to + 1).min(text.len())
                }
                None => text[from..]
                    .find(|c: char| c.is_whitespace() || matches!(c, '&' | ';' | ','))
                    .map_or(text.len(), |n| from + n),
            };
            out.push_str(&text[at..=eq]);
            out.push_str("***");
            at = to;
            while !text.is_char_boundary(at) {
                at += 1;
            }
            continue 'outer;
        }
        let c = text[at..]
            .chars()
            .next()
            .expect("at is before the end and on a boundary");
        out.push(c);
        at += c.len_utf8();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::scrub;

    #[test]
    fn passwords_do_not_survive_scrubbing() {
        for (text, want) in [
            (
                "postgres://u:p%40ss@h:5432/db",
                "postgres://u:***@h:5432/db",
            ),
            ("mysql://u:p@ss/w@h/db failed", "mysql://u:***@h/db failed"),
            (
                "host=h password = 'a b' user=u",
                "host=h password =*** user=u",
            ),
            ("PASSWORD=x;pwd=y", "PASSWORD=***;pwd=***"),
            (
                "see https://example.org/a?b=c",
                "see https://example.org/a?b=c",
            ),
            ("ünï://ß:ö@x", "ünï://ß:***@x"),
        ] {
            assert_eq!(scrub(text), want, "{text}");
        }
    }
}
