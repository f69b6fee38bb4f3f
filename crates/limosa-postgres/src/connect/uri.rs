//! The two ways to write an address: a URI, and `key=value` pairs.

use super::{Words, checked, set, wrong};
use limosa_core::Result;

fn decode(text: &str) -> Result<String> {
    limosa_net::percent_decoded(text).map_err(wrong)
}

/// Reads what follows `postgresql://`.
pub(super) fn uri(rest: &str, words: &mut Words) -> Result<()> {
    let (main, query) = rest.split_once('?').unwrap_or((rest, ""));
    // The last '@' ends the user: a password may hold one that was not encoded.
    let (user, tail) = match main.rfind('@') {
        Some(at) => (Some(&main[..at]), &main[at + 1..]),
        None => (None, main),
    };
    if let Some(user) = user {
        let (name, password) = match user.split_once(':') {
            Some((name, password)) => (name, Some(password)),
            None => (user, None),
        };
        if !name.is_empty() {
            set(words, "user", decode(name)?);
        }
        if let Some(password) = password.filter(|p| !p.is_empty()) {
            set(words, "password", decode(password)?);
        }
    }
    let (authority, database) = tail.split_once('/').unwrap_or((tail, ""));
    if !database.is_empty() {
        set(words, "dbname", decode(database)?);
    }
    if !authority.is_empty() {
        let (mut hosts, mut ports) = (Vec::new(), Vec::new());
        for one in authority.split(',') {
            let (host, port) = if let Some(inner) = one.strip_prefix('[') {
                let (host, after) = inner
                    .split_once(']')
                    .ok_or_else(|| wrong("an IPv6 address lacks its closing bracket"))?;
                match after.strip_prefix(':') {
                    Some(port) => (host, port),
                    None if after.is_empty() => (host, ""),
                    None => return Err(wrong("a port must follow the IPv6 address after a colon")),
                }
            } else {
                one.split_once(':').unwrap_or((one, ""))
            };
            hosts.push(decode(host)?);
            ports.push(decode(port)?);
        }
        if hosts.iter().any(|h| !h.is_empty()) {
            set(words, "host", hosts.join(","));
        }
        if ports.iter().any(|p| !p.is_empty()) {
            set(words, "port", ports.join(","));
        }
    }
    for pair in query.split('&').filter(|p| !p.is_empty()) {
        let (word, value) = pair
            .split_once('=')
            .ok_or_else(|| wrong("a parameter after ? has no value"))?;
        let word = decode(word)?;
        // As in JDBC and libpq.
        if word == "ssl" && value == "true" {
            set(words, "sslmode", "require".into());
            continue;
        }
        checked(&word)?;
        set(words, &word, decode(value)?);
    }
    Ok(())
}

/// Reads `host=h dbname=d`; values may be quoted.
pub(super) fn pairs(text: &str, words: &mut Words) -> Result<()> {
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return Ok(());
        }
        let mut word = String::new();
        while let Some(c) = chars.next_if(|c| *c != '=' && !c.is_whitespace()) {
            word.push(c);
        }
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.next() != Some('=') {
            return Err(wrong("it is neither a URL nor a list of key=value pairs"));
        }
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        let mut value = String::new();
        if chars.next_if_eq(&'\'').is_some() {
            loop {
                match chars.next() {
                    Some('\'') => break,
                    Some('\\') => value.extend(chars.next()),
                    Some(c) => value.push(c),
                    None => return Err(wrong("a quoted value is not closed")),
                }
            }
        } else {
            while let Some(c) = chars.next_if(|c| !c.is_whitespace()) {
                match c {
                    '\\' => value.extend(chars.next()),
                    c => value.push(c),
                }
            }
        }
        checked(&word)?;
        set(words, &word, value);
    }
}
