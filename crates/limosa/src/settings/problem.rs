//! A mistake in what a person wrote: what, where, why, and what to do.

use limosa_core::{Error, ErrorKind};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A mistake in a setting, with the place in the file if it came from one.
///
/// Nothing in it holds a secret: the text of the file is masked before it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// What is wrong, in lower case without a full stop.
    pub what: String,
    /// The file, or the name of the flag or variable.
    pub file: Option<PathBuf>,
    /// The text of the file, masked, byte for byte as long as it was.
    pub text: Option<String>,
    /// Where in the text.
    pub span: Option<Range<usize>>,
    /// What to do, as a sentence.
    pub hint: Option<String>,
}

impl Problem {
    /// Makes a problem without a place.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            file: None,
            text: None,
            span: None,
            hint: None,
        }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if self.hint.is_none() {
            self.hint = Some(hint.into());
        }
        self
    }

    /// Adds the place in a file, unless it has one.
    #[must_use]
    pub fn at(mut self, span: Range<usize>) -> Self {
        if self.span.is_none() {
            self.span = Some(span);
        }
        self
    }

    /// Adds the file and its text.
    #[must_use]
    pub fn within(mut self, file: &Path, text: &str) -> Self {
        if self.file.is_none() {
            self.file = Some(file.to_owned());
            self.text = Some(mask(text));
        }
        self
    }

    /// The line and column (from 1) of the place, if there is one.
    pub fn line(&self) -> Option<(usize, usize)> {
        let (text, span) = (self.text.as_ref()?, self.span.as_ref()?);
        let before = text.get(..span.start.min(text.len()))?;
        let start = before.rfind('\n').map_or(0, |n| n + 1);
        Some((
            before.matches('\n').count() + 1,
            before[start..].chars().count() + 1,
        ))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}", file.display())?;
            if let Some((line, column)) = self.line() {
                write!(f, ":{line}:{column}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for Problem {}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        let mut error = Error::new(
            ErrorKind::Configuration,
            "reading the settings",
            problem.to_string(),
        );
        if let Some(hint) = problem.hint {
            error = error.hint(hint);
        }
        error
    }
}

/// Puts an asterisk in place of each byte of a password, so that places in the text stay where they are.
///
/// Hidden are the password of every URL and the value of every line that sets a `password`. More than
/// needed may go: what looks like a secret is treated as one.
fn mask(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let key = line.split(['=', '#']).next().unwrap_or_default();
        let lower = key.to_ascii_lowercase();
        if line.contains('=') && lower.contains("passw") {
            let (head, tail) = line.split_at(key.len() + 1);
            out.push_str(head);
            tail.chars().for_each(|c| hide(&mut out, c));
            continue;
        }
        if lower.contains("url") && !line.contains("://") {
            mask_userinfo(line, &mut out);
            continue;
        }
        mask_urls(line, &mut out);
    }
    out
}

/// A URL without its scheme may still hold a password: all between the first colon and the last `@` goes.
fn mask_userinfo(line: &str, out: &mut String) {
    match (line.find(':'), line.rfind('@')) {
        (Some(colon), Some(at)) if colon < at => {
            out.push_str(&line[..=colon]);
            line[colon + 1..at].chars().for_each(|c| hide(out, c));
            out.push_str(&line[at..]);
        }
        _ => out.push_str(line),
    }
}

fn mask_urls(line: &str, out: &mut String) {
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        out.push_str(head);
        let end = tail
            .find(|c: char| c.is_whitespace() || matches!(c, '\'' | '"'))
            .unwrap_or(tail.len());
        let (colon, last) = (tail[..end].find(':'), tail[..end].rfind('@'));
        rest = match (colon, last) {
            (Some(colon), Some(last)) if colon < last => {
                out.push_str(&tail[..=colon]);
                tail[colon + 1..last].chars().for_each(|c| hide(out, c));
                &tail[last..]
            }
            _ => tail,
        };
        // A password given as a parameter.
        if let Some(at) = rest[..rest.len().min(end)].find("password=") {
            let at = at + "password=".len();
            out.push_str(&rest[..at]);
            let tail = &rest[at..];
            let end = tail
                .find(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '&'))
                .unwrap_or(tail.len());
            tail[..end].chars().for_each(|c| hide(out, c));
            rest = &tail[end..];
        }
    }
    out.push_str(rest);
}

fn hide(out: &mut String, c: char) {
    if matches!(c, '\n' | '\r' | '\'' | '"') {
        out.push(c);
    } else {
        (0..c.len_utf8()).for_each(|_| out.push('*'));
    }
}

/// The one of `names` that is nearest to `word`, if it is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase().replace('-', "_");
    names
        .into_iter()
        .map(|name| (distance(&word, name), name))
        .filter(|(d, name)| *d <= 1 + name.len().min(word.len()) / 3)
        .min_by_key(|(d, _)| *d)
        .map(|(_, name)| name)
}

/// The number of letters to put in, take out, change or swap with a neighbour (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (above[j] + 1).min(row[j - 1] + 1).min(above[j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_text_has_no_password_and_the_same_length() {
        for text in [
            "url = \"postgres://u:hunter2@h/db\" # note",
            "password = \"hunter2\"\r\nworkers = 1\n",
            "url = 'mysql://u:hun/ter2@x@h/db?password=hunter2&a=b'",
            "plain = 1\nurl=\"sqlite:a.db\"",
            "url = \"postgres://h/db?password=hunter2\"",
            "url = \"u:hunter2@h/db\"",
        ] {
            let masked = mask(text);
            assert_eq!(masked.len(), text.len(), "{masked}");
            assert!(
                !masked.contains("hunter2") && !masked.contains("ter2"),
                "{masked}"
            );
        }
        assert!(mask("url = \"postgres://u:x@h/db\"").contains("@h/db"));
    }

    #[test]
    fn the_nearest_name_is_offered_only_if_it_is_near() {
        let names = ["batch_size", "workers", "memory"];
        assert_eq!(nearest("batchsize", names), Some("batch_size"));
        assert_eq!(nearest("wokrers", names), Some("workers"));
        assert_eq!(nearest("Batch-Size", names), Some("batch_size"));
        assert_eq!(nearest("colour", names), None);
    }
}
