//! Files that libpq's users have: passwords and services.

use super::{Place, Settings, Words, checked, set, wrong};
use limosa_core::secret::{ExposeSecret, SecretString};
use limosa_core::{Error, ErrorKind, Result};
use limosa_net::private;
use std::path::PathBuf;

impl Settings {
    /// The password for one place: the one given, else the first that fits in the password file.
    pub(crate) fn password_for(&self, place: &Place) -> Result<Option<SecretString>> {
        if let Some(password) = &self.password {
            return Ok(Some(password.clone()));
        }
        let Some(file) = &self.passfile else {
            return Ok(None);
        };
        if !file.exists() {
            if self.passfile_said {
                return Err(wrong("the password file is not there").on(file.display().to_string()));
            }
            return Ok(None);
        }
        private(file)?;
        let text = std::fs::read_to_string(file).map_err(|e| {
            Error::new(ErrorKind::File, "reading the password file", e.to_string())
                .on(file.display().to_string())
        })?;
        let (host, port) = match place {
            Place::Tcp { host, port, .. } => (host.clone(), port),
            Place::Unix(_, port) => ("localhost".to_string(), port),
        };
        let port = port.to_string();
        Ok(text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .find_map(|line| {
                let fields = pgpass_fields(line);
                let [h, p, d, u, password] = fields.as_slice() else {
                    return None;
                };
                let fits = |field: &str, value: &str| field == "*" || field == value;
                let folder = match place {
                    Place::Unix(folder, _) => fits(h, &folder.to_string_lossy()),
                    Place::Tcp { .. } => false,
                };
                ((fits(h, &host) || folder)
                    && fits(p, &port)
                    && fits(d, &self.database)
                    && fits(u, &self.user))
                .then(|| SecretString::from(password.clone()))
            })
            .filter(|p| !p.expose_secret().is_empty()))
    }
}

/// Splits a line of the password file at its first four colons; `\:` and `\\` are escapes.
fn pgpass_fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        let last = fields.len() - 1;
        match c {
            '\\' => fields[last].extend(chars.next()),
            ':' if last < 4 => fields.push(String::new()),
            c => fields[last].push(c),
        }
    }
    fields
}

/// Reads the words of a service: from the file that is said, else from `~/.pg_service.conf`, else from
/// `pg_service.conf` in `PGSYSCONFDIR`.
pub(super) fn service(
    name: &str,
    file: Option<&str>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Words> {
    let own = env("HOME").map(|home| PathBuf::from(home).join(".pg_service.conf"));
    let system = env("PGSYSCONFDIR").map(|folder| PathBuf::from(folder).join("pg_service.conf"));
    let mut tried = Vec::new();
    for (path, must) in [
        (file.map(PathBuf::from).or(own), file.is_some()),
        (system, false),
    ] {
        let Some(path) = path else { continue };
        if path.exists() || must {
            let text = std::fs::read_to_string(&path).map_err(|e| {
                Error::new(ErrorKind::File, "reading the service file", e.to_string())
                    .on(path.display().to_string())
            })?;
            if let Some(words) =
                section(&text, name).map_err(|e| e.on(path.display().to_string()))?
            {
                return Ok(words);
            }
        }
        tried.push(path.display().to_string());
    }
    Err(wrong(format!("there is no service {name:?}"))
        .hint(format!("It was looked for in {}.", tried.join(" and "))))
}

/// The words of one section; `None` if it is not there.
fn section(text: &str, name: &str) -> Result<Option<Words>> {
    let mut found: Option<Words> = None;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(title) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            if found.is_some() {
                break;
            }
            found = (title == name).then(Words::new);
            continue;
        }
        let Some(words) = &mut found else { continue };
        let (word, value) = line
            .split_once('=')
            .ok_or_else(|| wrong("a line of the service file is not key=value"))?;
        let (word, value) = (word.trim(), value.trim());
        if matches!(word, "service" | "servicefile") {
            return Err(wrong("a service names another service"));
        }
        checked(word)?;
        set(words, word, value.into());
    }
    Ok(found)
}
