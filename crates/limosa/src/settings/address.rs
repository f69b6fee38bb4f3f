//! The URL of a database, which never prints itself.

use super::Problem;
use limosa_core::secret::{ExposeSecret, SecretString, scrub};
use std::fmt;
use std::path::Path;

/// The URL of one database.
#[derive(Clone)]
pub struct Address {
    url: SecretString,
    shown: String,
}

impl Address {
    /// Takes a URL, complete with its password.
    pub fn new(url: impl Into<String>) -> Self {
        let url = url.into();
        let shown = scrub(&url);
        Self {
            url: SecretString::from(url),
            shown,
        }
    }

    /// The URL with its password, for the engine alone.
    pub fn expose(&self) -> &str {
        self.url.expose_secret()
    }

    /// The URL without its password.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The URL with `password` put in after the user's name.
    ///
    /// # Errors
    /// If the URL has no user, or has a password already.
    pub(crate) fn with_password(self, password: &str) -> Result<Self, Problem> {
        let url = self.expose();
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| Problem::new("a password was given for a URL without a server"))?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let at = rest[..end].rfind('@').ok_or_else(|| {
            Problem::new("a password was given, and the URL names no user")
                .hint("Write the user into the URL: scheme://user@host/database.")
        })?;
        if rest[..at].contains(':') {
            return Err(
                Problem::new("there are two passwords: one in the URL, one beside it")
                    .hint("Take one of them out."),
            );
        }
        Ok(Self::new(format!(
            "{scheme}://{}:{}{}",
            &rest[..at],
            percent_encode(password),
            &rest[at..]
        )))
    }

    /// The same with the path of a file-based database read against `folder`.
    pub(crate) fn within(self, folder: &Path) -> Self {
        if folder.as_os_str().is_empty() || folder == Path::new(".") {
            return self;
        }
        let url = self.expose();
        let Some(path) = url.strip_prefix("sqlite:") else {
            return self;
        };
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.starts_with(['/', ':']) || path.is_empty() {
            return self;
        }
        Self::new(format!("sqlite:{}", folder.join(path).display()))
    }

    /// The passwords in it, as they are written and as they are meant.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let mut found = Vec::new();
        let url = self.expose();
        if let Some((_, rest)) = url.split_once("://") {
            if let Some(at) = rest.rfind('@')
                && let Some(colon) = rest[..at].find(':')
            {
                found.push(rest[colon + 1..at].to_owned());
            }
            if let Some((_, query)) = rest.split_once('?') {
                for pair in query.split('&') {
                    if let Some((key, value)) = pair.split_once('=')
                        && key.to_ascii_lowercase().contains("passw")
                    {
                        found.push(value.to_owned());
                    }
                }
            }
        }
        for i in 0..found.len() {
            let decoded = percent_decode(&found[i]);
            if decoded != found[i] {
                found.push(decoded);
            }
        }
        found.retain(|s| !s.is_empty());
        found
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

fn percent_encode(text: &str) -> String {
    let mut out = String::new();
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}

fn percent_decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&b, tail)) = rest.split_first() {
        let hex = |b: u8| char::from(b).to_digit(16);
        match (b, tail) {
            (b'%', [h, l, after @ ..]) if hex(*h).is_some() && hex(*l).is_some() => {
                out.push((hex(*h).unwrap_or(0) * 16 + hex(*l).unwrap_or(0)) as u8);
                rest = after;
            }
            _ => {
                out.push(b);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Takes secrets out of any text that leaves.
#[derive(Clone, Default)]
pub struct Redactor {
    secrets: Vec<String>,
}

/// Secrets shorter than this are found by their place only ([`scrub`]): hiding every `a` would hide everything.
const SHORTEST: usize = 4;

impl Redactor {
    /// Knows these secrets, each of four bytes or more.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut secrets: Vec<String> = secrets
            .into_iter()
            .filter(|s| s.len() >= SHORTEST)
            .collect();
        // The longest first: one may hold another.
        secrets.sort_by_key(|s| std::cmp::Reverse(s.len()));
        secrets.dedup();
        Self { secrets }
    }

    /// Gives the text without them, and without whatever else looks like a password.
    pub fn clean(&self, text: &str) -> String {
        let mut text = scrub(text);
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "***");
            }
        }
        text
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} secrets)", self.secrets.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_prints_itself_without_its_password() {
        let a = Address::new("postgres://u@h/db")
            .with_password("p@ss/w?rd")
            .expect("a password fits");
        assert_eq!(a.expose(), "postgres://u:p%40ss%2Fw%3Frd@h/db");
        assert_eq!(
            format!("{a:?} {}", a.shown()),
            "postgres://u:***@h/db postgres://u:***@h/db"
        );
        assert_eq!(a.secrets(), ["p%40ss%2Fw%3Frd", "p@ss/w?rd"]);
        let r = Redactor::new(a.secrets());
        assert_eq!(r.clean("refused p@ss/w?rd!"), "refused ***!");
        assert!(Address::new("postgres://h/db").with_password("x").is_err());
        assert!(a.with_password("x").is_err());
    }

    #[test]
    fn the_path_of_a_file_is_read_against_the_folder_of_the_configuration() {
        let within = |url: &str| {
            Address::new(url)
                .within(Path::new("demo"))
                .expose()
                .to_owned()
        };
        assert_eq!(within("sqlite:a.db"), "sqlite:demo/a.db");
        assert_eq!(within("sqlite://a.db?mode=ro"), "sqlite:demo/a.db?mode=ro");
        assert_eq!(within("sqlite:/a.db"), "sqlite:/a.db");
        assert_eq!(within("sqlite:///a.db"), "sqlite:///a.db");
        assert_eq!(within("sqlite::memory:"), "sqlite::memory:");
        assert_eq!(within("postgres://h/a.db"), "postgres://h/a.db");
    }
}
