//! Addresses: libpq URIs, `key=value` strings and the environment, read into [`Settings`].
//!
//! The words and their meanings are libpq's; a word that we do not know is an error that names the
//! nearest one, because a mistyped `sslmode` must not be ignored. Source: PostgreSQL manual,
//! "Database Connection Control Functions".

use limosa_core::secret::{ExposeSecret, SecretString};
use limosa_core::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A host name or address, and a port.
    Tcp(String, u16),
    /// A folder with a socket, and the port in the socket's name.
    Unix(PathBuf, u16),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Place::Tcp(host, port) => write!(f, "{host}:{port}"),
            Place::Unix(folder, port) => write!(f, "{}:{port}", folder.display()),
        }
    }
}

/// How much the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(crate) enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Whether the password exchange is bound to the TLS channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelBinding {
    Disable,
    Prefer,
    Require,
}

/// Everything that is needed to open a connection.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) places: Vec<Place>,
    pub(crate) user: String,
    pub(crate) password: Option<SecretString>,
    pub(crate) passfile: Option<PathBuf>,
    pub(crate) passfile_said: bool,
    pub(crate) database: String,
    pub(crate) ssl_mode: SslMode,
    pub(crate) ssl_root: Option<String>,
    pub(crate) ssl_cert: Option<PathBuf>,
    pub(crate) ssl_key: Option<PathBuf>,
    pub(crate) channel_binding: ChannelBinding,
    pub(crate) read_write: bool,
    pub(crate) options: Option<String>,
    pub(crate) application_name: String,
    pub(crate) connect_timeout: Duration,
}

/// Known words; those after the bar in `parse` are taken and checked there.
const WORDS: [&str; 24] = [
    "host",
    "hostaddr",
    "port",
    "user",
    "password",
    "passfile",
    "dbname",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslnegotiation",
    "channel_binding",
    "target_session_attrs",
    "options",
    "application_name",
    "fallback_application_name",
    "connect_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "client_encoding",
    "gssencmode",
];

/// Which environment variable stands in for which word.
const ENVIRONMENT: [(&str, &str); 15] = [
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGPORT", "port"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGPASSFILE", "passfile"),
    ("PGDATABASE", "dbname"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
    ("PGAPPNAME", "application_name"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
];

fn wrong(why: impl Into<String>) -> Error {
    Error::new(
        ErrorKind::Configuration,
        "reading the PostgreSQL address",
        why,
    )
}

/// Reads an address. `env` looks a variable up; the address wins over it.
pub(crate) fn parse(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Settings> {
    if text.contains('\0') {
        return Err(wrong("it holds U+0000"));
    }
    let mut words: Vec<(String, String)> = Vec::new();
    for (variable, word) in ENVIRONMENT {
        if let Some(value) = env(variable).filter(|v| !v.is_empty()) {
            set(&mut words, word, value);
        }
    }
    if let Some(options) = env("PGOPTIONS").filter(|v| !v.is_empty()) {
        set(&mut words, "options", options);
    }
    let trimmed = text.trim();
    if let Some(rest) = ["postgresql://", "postgres://"]
        .iter()
        .find_map(|scheme| trimmed.strip_prefix(scheme))
    {
        uri(rest, &mut words)?;
    } else if trimmed.contains("://") {
        return Err(wrong("the scheme is not postgresql:// or postgres://"));
    } else {
        pairs(trimmed, &mut words)?;
    }
    settings(&words, env)
}

fn set(words: &mut Vec<(String, String)>, word: &str, value: String) {
    match words.iter_mut().find(|(w, _)| w == word) {
        Some((_, v)) => *v = value,
        None => words.push((word.into(), value)),
    }
}

fn checked(word: &str) -> Result<()> {
    if WORDS.contains(&word) {
        return Ok(());
    }
    let nearest = WORDS
        .iter()
        .min_by_key(|w| distance(w, word))
        .copied()
        .unwrap_or("host");
    Err(wrong(format!("unknown parameter {word:?}")).hint(format!("Did you mean {nearest:?}?")))
}

/// The edit distance of two short words.
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

fn decode(text: &str) -> Result<String> {
    if !text.contains('%') {
        return Ok(text.into());
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'%' {
            out.push(bytes[at]);
            at += 1;
            continue;
        }
        let hex = |i: usize| bytes.get(i).and_then(|b| (*b as char).to_digit(16));
        match (hex(at + 1), hex(at + 2)) {
            (Some(0), Some(0)) => return Err(wrong("%00 is not allowed")),
            (Some(high), Some(low)) => out.push((high << 4 | low) as u8),
            _ => return Err(wrong("a % is not followed by two hexadecimal digits")),
        }
        at += 3;
    }
    String::from_utf8(out).map_err(|_| wrong("the percent-encoded bytes are not UTF-8"))
}

fn uri(rest: &str, words: &mut Vec<(String, String)>) -> Result<()> {
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

fn pairs(text: &str, words: &mut Vec<(String, String)>) -> Result<()> {
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

fn settings(words: &[(String, String)], env: &dyn Fn(&str) -> Option<String>) -> Result<Settings> {
    let get = |word: &str| {
        words
            .iter()
            .find(|(w, _)| w == word)
            .map(|(_, v)| v.as_str())
            .filter(|v| !v.is_empty())
    };
    let one_of = |word: &str, legal: &str| wrong(format!("{word} must be one of {legal}"));
    for (word, legal) in [
        (
            "client_encoding",
            &["UTF8", "utf8", "UTF-8", "utf-8", "auto"][..],
        ),
        ("gssencmode", &["disable", "prefer"]),
        ("sslnegotiation", &["postgres"]),
    ] {
        if let Some(value) = get(word)
            && !legal.contains(&value)
        {
            return Err(one_of(word, &legal.join(", ")));
        }
    }
    let home = env("HOME").map(PathBuf::from);
    let user = get("user")
        .map(str::to_string)
        .or_else(|| env("USER"))
        .or_else(|| env("LOGNAME"))
        .ok_or_else(|| {
            wrong("no user is given").hint("Say one: postgresql://user@host/database")
        })?;
    let ssl_root = get("sslrootcert").map(str::to_string);
    let ssl_mode = match get("sslmode") {
        Some("disable") => SslMode::Disable,
        Some("allow") => SslMode::Allow,
        Some("prefer") => SslMode::Prefer,
        Some("require") => SslMode::Require,
        Some("verify-ca") => SslMode::VerifyCa,
        Some("verify-full") => SslMode::VerifyFull,
        Some(_) => {
            return Err(one_of(
                "sslmode",
                "disable, allow, prefer, require, verify-ca, verify-full",
            ));
        }
        // Who names a root wants it to be used.
        None if ssl_root.is_some() => SslMode::VerifyFull,
        None => SslMode::Prefer,
    };
    if ssl_root.as_deref() == Some("system") && ssl_mode < SslMode::VerifyFull {
        return Err(wrong("sslrootcert=system needs sslmode=verify-full"));
    }
    let channel_binding = match get("channel_binding") {
        None | Some("prefer") => ChannelBinding::Prefer,
        Some("disable") => ChannelBinding::Disable,
        Some("require") => ChannelBinding::Require,
        Some(_) => return Err(one_of("channel_binding", "disable, prefer, require")),
    };
    let read_write = match get("target_session_attrs") {
        None | Some("any") => false,
        Some("read-write" | "primary") => true,
        Some(_) => return Err(one_of("target_session_attrs", "any, read-write, primary")),
    };
    let connect_timeout = match get("connect_timeout").map(str::parse::<u64>) {
        None | Some(Ok(0)) => Duration::from_secs(30),
        // libpq's least.
        Some(Ok(n)) => Duration::from_secs(n.clamp(2, 3600)),
        Some(Err(_)) => return Err(wrong("connect_timeout must be a number of seconds")),
    };
    let default_key = |name: &str| {
        home.as_deref()
            .map(|h| h.join(".postgresql").join(name))
            .filter(|p| p.exists())
    };
    Ok(Settings {
        places: places(get("host"), get("hostaddr"), get("port"))?,
        password: get("password").map(|p| SecretString::from(p.to_string())),
        passfile_said: get("passfile").is_some(),
        passfile: get("passfile")
            .map(PathBuf::from)
            .or_else(|| home.as_deref().map(|h| h.join(".pgpass"))),
        database: get("dbname").unwrap_or(&user).to_string(),
        user,
        ssl_mode,
        ssl_root: ssl_root
            .or_else(|| default_key("root.crt").map(|p| p.to_string_lossy().into_owned())),
        ssl_cert: get("sslcert")
            .map(PathBuf::from)
            .or_else(|| default_key("postgresql.crt")),
        ssl_key: get("sslkey")
            .map(PathBuf::from)
            .or_else(|| default_key("postgresql.key")),
        channel_binding,
        read_write,
        options: get("options").map(str::to_string),
        application_name: get("application_name")
            .or(get("fallback_application_name"))
            .unwrap_or("limosa")
            .to_string(),
        connect_timeout,
    })
}

fn places(host: Option<&str>, address: Option<&str>, port: Option<&str>) -> Result<Vec<Place>> {
    let hosts: Vec<&str> = match address.or(host) {
        Some(hosts) => hosts.split(',').collect(),
        None => vec![""],
    };
    let ports: Vec<&str> = port.unwrap_or("").split(',').collect();
    if ports.len() > 1 && ports.len() != hosts.len() {
        return Err(wrong(format!(
            "there are {} ports for {} hosts",
            ports.len(),
            hosts.len()
        )));
    }
    hosts
        .iter()
        .enumerate()
        .map(|(i, host)| {
            let port = if ports.len() == 1 { ports[0] } else { ports[i] };
            let port = match port {
                "" => 5432,
                p => p
                    .parse::<u16>()
                    .ok()
                    .filter(|p| *p > 0)
                    .ok_or_else(|| wrong("a port must be a number from 1 to 65535"))?,
            };
            Ok(match *host {
                "" => default_folder().map_or_else(
                    || Place::Tcp("localhost".into(), port),
                    |folder| Place::Unix(folder, port),
                ),
                h if h.starts_with('/') => Place::Unix(h.into(), port),
                h if h.starts_with('@') => {
                    return Err(wrong("abstract sockets are not supported"));
                }
                h => Place::Tcp(h.trim_matches(['[', ']']).into(), port),
            })
        })
        .collect()
}

/// Where distributions put the socket.
fn default_folder() -> Option<PathBuf> {
    ["/var/run/postgresql", "/tmp"]
        .iter()
        .map(PathBuf::from)
        .find(|f| cfg!(unix) && f.join(".s.PGSQL.5432").exists())
}

impl Settings {
    /// The address for people and logs: no password, no file names.
    pub(crate) fn shown(&self) -> String {
        let places: Vec<String> = self.places.iter().map(Place::to_string).collect();
        format!(
            "postgresql://{}@{}/{}",
            self.user,
            places.join(","),
            self.database
        )
    }

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
            Place::Tcp(host, port) => (host.clone(), port),
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
                    Place::Tcp(..) => false,
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

/// Refuses a file of secrets that others may read.
pub(crate) fn private(file: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(file)
            .map_err(|e| {
                Error::new(ErrorKind::File, "reading a file of secrets", e.to_string())
                    .on(file.display().to_string())
            })?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(wrong("the file may be read by others")
                .on(file.display().to_string())
                .hint(format!("chmod 600 {}", file.display())));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
