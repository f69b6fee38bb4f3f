//! Addresses: libpq URIs, `key=value` strings and the environment, read into [`Settings`].
//!
//! The words and their meanings are libpq's; a word that we do not know is an error that names the
//! nearest one, because a mistyped `sslmode` must not be ignored. Source: PostgreSQL manual,
//! "Database Connection Control Functions".

mod files;
mod uri;

use limosa_core::secret::SecretString;
use limosa_core::{Error, ErrorKind, Result};
use limosa_net::{Names, Roots, Tls, Trust, Version, nearest};
use std::path::PathBuf;
use std::time::Duration;

/// The words of an address and their values, each once.
type Words = Vec<(String, String)>;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A host.
    Tcp {
        /// Its name or address; the certificate and the password file are looked at with it.
        host: String,
        /// Where to connect, if that was said apart (`hostaddr`).
        address: Option<String>,
        /// The port.
        port: u16,
    },
    /// A folder with a socket, and the port in the socket's name.
    Unix(PathBuf, u16),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Tcp { host, port, .. } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Place::Tcp { host, port, .. } => write!(f, "{host}:{port}"),
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

/// Which server of several is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    /// A standby if one answers, else any.
    PreferStandby,
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
    pub(crate) ssl_root: Option<Roots>,
    pub(crate) ssl_identity: Option<(PathBuf, PathBuf)>,
    pub(crate) ssl_versions: (Version, Version),
    pub(crate) ssl_names_host: bool,
    /// TLS begins with the first byte; servers from version 17 understand it.
    pub(crate) ssl_direct: bool,
    pub(crate) channel_binding: ChannelBinding,
    /// What the server may ask of us, as `require_auth` says it; empty: anything.
    pub(crate) methods: Vec<String>,
    pub(crate) wanted: Wanted,
    pub(crate) options: Option<String>,
    pub(crate) application_name: String,
    pub(crate) connect_timeout: Duration,
}

/// The words that we know.
const WORDS: [&str; 31] = [
    "host",
    "hostaddr",
    "port",
    "user",
    "password",
    "passfile",
    "service",
    "servicefile",
    "dbname",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslcertmode",
    "sslsni",
    "sslnegotiation",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "channel_binding",
    "require_auth",
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

/// libpq's words that we do not follow, and why that is no matter to be silent about.
const FOREIGN: [(&str, &str); 17] = [
    (
        "sslpassword",
        "keys with a password are not read; write the key in clear into a file of mode 600",
    ),
    ("sslcrl", "lists of revoked certificates are not read"),
    ("sslcrldir", "lists of revoked certificates are not read"),
    ("sslcompression", "TLS does not compress any more"),
    ("sslkeylogfile", "keys of connections are not written down"),
    ("requiressl", "say sslmode=require"),
    ("requirepeer", "the owner of a local socket is not checked"),
    ("krbsrvname", "Kerberos and GSSAPI are not spoken"),
    ("gsslib", "Kerberos and GSSAPI are not spoken"),
    ("gssdelegation", "Kerberos and GSSAPI are not spoken"),
    ("load_balance_hosts", "hosts are tried in their order"),
    ("replication", "connections are for statements"),
    (
        "tcp_user_timeout",
        "a lost server is noticed in two minutes",
    ),
    (
        "min_protocol_version",
        "version 3.0 of the protocol is spoken",
    ),
    (
        "max_protocol_version",
        "version 3.0 of the protocol is spoken",
    ),
    ("oauth_issuer", "OAuth is not spoken"),
    ("oauth_client_id", "OAuth is not spoken"),
];

/// Which environment variable stands in for which word.
const ENVIRONMENT: [(&str, &str); 31] = [
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGPORT", "port"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGPASSFILE", "passfile"),
    ("PGSERVICE", "service"),
    ("PGSERVICEFILE", "servicefile"),
    ("PGDATABASE", "dbname"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGSSLCERTMODE", "sslcertmode"),
    ("PGSSLSNI", "sslsni"),
    ("PGSSLNEGOTIATION", "sslnegotiation"),
    ("PGSSLMINPROTOCOLVERSION", "ssl_min_protocol_version"),
    ("PGSSLMAXPROTOCOLVERSION", "ssl_max_protocol_version"),
    ("PGSSLCRL", "sslcrl"),
    ("PGSSLCRLDIR", "sslcrldir"),
    ("PGREQUIRESSL", "requiressl"),
    ("PGREQUIREPEER", "requirepeer"),
    ("PGREQUIREAUTH", "require_auth"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
    ("PGLOADBALANCEHOSTS", "load_balance_hosts"),
    ("PGOPTIONS", "options"),
    ("PGAPPNAME", "application_name"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGGSSENCMODE", "gssencmode"),
    ("PGKRBSRVNAME", "krbsrvname"),
];

fn wrong(why: impl Into<String>) -> Error {
    Error::new(
        ErrorKind::Configuration,
        "reading the PostgreSQL address",
        why,
    )
}

/// Reads an address. `env` looks a variable up. The address wins over the service that it names, and that
/// over the environment.
pub(crate) fn parse(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Settings> {
    if text.contains('\0') {
        return Err(wrong("it holds U+0000"));
    }
    let mut said = Words::new();
    let trimmed = text.trim();
    if let Some(rest) = ["postgresql://", "postgres://"]
        .iter()
        .find_map(|scheme| trimmed.strip_prefix(scheme))
    {
        uri::uri(rest, &mut said)?;
    } else if trimmed.contains("://") {
        return Err(wrong("the scheme is not postgresql:// or postgres://"));
    } else {
        uri::pairs(trimmed, &mut said)?;
    }
    let mut words = Words::new();
    for (variable, word) in ENVIRONMENT {
        if let Some(value) = env(variable).filter(|v| !v.is_empty()) {
            if !matches!(
                (word, value.as_str()),
                ("load_balance_hosts", "disable") | ("requiressl", "0")
            ) {
                checked(word).map_err(|e| e.on(variable))?;
            }
            set(&mut words, word, value);
        }
    }
    let either = |word: &str| get(&said, word).or(get(&words, word)).map(str::to_owned);
    if let Some(service) = either("service") {
        let file = either("servicefile");
        for (word, value) in files::service(&service, file.as_deref(), env)? {
            set(&mut words, &word, value);
        }
    }
    for (word, value) in said {
        set(&mut words, &word, value);
    }
    settings(&words, env)
}

/// The value of a word; an empty one is none.
fn get<'w>(words: &'w Words, word: &str) -> Option<&'w str> {
    words
        .iter()
        .find(|(w, _)| w == word)
        .map(|(_, v)| v.as_str())
        .filter(|v| !v.is_empty())
}

fn set(words: &mut Words, word: &str, value: String) {
    match words.iter_mut().find(|(w, _)| w == word) {
        Some((_, v)) => *v = value,
        None => words.push((word.into(), value)),
    }
}

fn checked(word: &str) -> Result<()> {
    if WORDS.contains(&word) {
        return Ok(());
    }
    if let Some((_, why)) = FOREIGN.iter().find(|(w, _)| *w == word) {
        return Err(wrong(format!("{word} is not supported: {why}")).hint("Leave it out."));
    }
    let nearest = nearest(word, &WORDS).unwrap_or("host");
    Err(wrong(format!("unknown parameter {word:?}")).hint(format!("Did you mean {nearest:?}?")))
}

fn settings(words: &Words, env: &dyn Fn(&str) -> Option<String>) -> Result<Settings> {
    let get = |word: &str| get(words, word);
    let one_of = |word: &str, legal: &str| wrong(format!("{word} must be one of {legal}"));
    for (word, legal) in [
        (
            "client_encoding",
            &["UTF8", "utf8", "UTF-8", "utf-8", "auto"][..],
        ),
        ("gssencmode", &["disable", "prefer"]),
        ("sslnegotiation", &["postgres", "direct"]),
        ("sslcertmode", &["disable", "allow"]),
        ("sslsni", &["0", "1"]),
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
    let default_file = |name: &str| {
        home.as_deref()
            .map(|h| h.join(".postgresql").join(name))
            .filter(|p| p.exists())
    };
    let said_root = get("sslrootcert");
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
        None if said_root.is_some() => SslMode::VerifyFull,
        None => SslMode::Prefer,
    };
    if said_root == Some("system") && ssl_mode < SslMode::VerifyFull {
        return Err(wrong("sslrootcert=system needs sslmode=verify-full"));
    }
    let ssl_root = match said_root {
        Some("system") => Some(Roots::System),
        Some(file) => Some(Roots::File(file.into())),
        None => default_file("root.crt").map(Roots::File),
    };
    if ssl_root.is_none() && ssl_mode == SslMode::VerifyCa {
        // With the system's authorities anybody's certificate would do.
        return Err(wrong("sslmode=verify-ca needs sslrootcert")
            .hint("Name the authority's certificate, or say sslmode=verify-full."));
    }
    let ssl_direct = get("sslnegotiation") == Some("direct");
    if ssl_direct && ssl_mode < SslMode::Require {
        return Err(wrong("sslnegotiation=direct needs sslmode=require or more"));
    }
    let ssl_identity = match get("sslcertmode") {
        Some("disable") => None,
        _ => {
            let cert = get("sslcert").map(PathBuf::from);
            let key = get("sslkey").map(PathBuf::from);
            match (
                cert.or_else(|| default_file("postgresql.crt")),
                key.or_else(|| default_file("postgresql.key")),
            ) {
                (Some(cert), Some(key)) => Some((cert, key)),
                (Some(_), None) => return Err(wrong("sslcert is given without sslkey")),
                (None, Some(_)) if get("sslkey").is_some() => {
                    return Err(wrong("sslkey is given without sslcert"));
                }
                (None, _) => None,
            }
        }
    };
    let version = |word: &str, none: Version| match get(word) {
        None => Ok(none),
        // Older ones are not spoken; they may be allowed all the same.
        Some("TLSv1" | "TLSv1.1") if none == Version::Tls12 => Ok(none),
        Some("TLSv1.2") => Ok(Version::Tls12),
        Some("TLSv1.3") => Ok(Version::Tls13),
        Some(_) => Err(one_of(word, "TLSv1.2, TLSv1.3")),
    };
    let ssl_versions = (
        version("ssl_min_protocol_version", Version::Tls12)?,
        version("ssl_max_protocol_version", Version::Tls13)?,
    );
    if ssl_versions.0 > ssl_versions.1 {
        return Err(wrong(
            "ssl_min_protocol_version is above ssl_max_protocol_version",
        ));
    }
    let channel_binding = match get("channel_binding") {
        None | Some("prefer") => ChannelBinding::Prefer,
        Some("disable") => ChannelBinding::Disable,
        Some("require") => ChannelBinding::Require,
        Some(_) => return Err(one_of("channel_binding", "disable, prefer, require")),
    };
    let wanted = match get("target_session_attrs") {
        None | Some("any") => Wanted::Any,
        Some("read-write") => Wanted::ReadWrite,
        Some("read-only") => Wanted::ReadOnly,
        Some("primary") => Wanted::Primary,
        Some("standby") => Wanted::Standby,
        Some("prefer-standby") => Wanted::PreferStandby,
        Some(_) => {
            return Err(one_of(
                "target_session_attrs",
                "any, read-write, read-only, primary, standby, prefer-standby",
            ));
        }
    };
    let connect_timeout = match get("connect_timeout").map(str::parse::<u64>) {
        None | Some(Ok(0)) => Duration::from_secs(30),
        // libpq's least.
        Some(Ok(n)) => Duration::from_secs(n.clamp(2, 3600)),
        Some(Err(_)) => return Err(wrong("connect_timeout must be a number of seconds")),
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
        ssl_root,
        ssl_identity,
        ssl_versions,
        ssl_names_host: get("sslsni") != Some("0"),
        ssl_direct,
        channel_binding,
        methods: methods(get("require_auth").unwrap_or_default())?,
        wanted,
        options: get("options").map(str::to_string),
        application_name: get("application_name")
            .or(get("fallback_application_name"))
            .unwrap_or("limosa")
            .to_string(),
        connect_timeout,
    })
}

/// What `require_auth` says, checked.
fn methods(text: &str) -> Result<Vec<String>> {
    const KNOWN: [&str; 4] = ["password", "md5", "scram-sha-256", "none"];
    let methods: Vec<String> = text
        .split(',')
        .map(|m| m.trim().to_owned())
        .filter(|m| !m.is_empty())
        .collect();
    let negated = methods.iter().filter(|m| m.starts_with('!')).count();
    if negated != 0 && negated != methods.len() {
        return Err(wrong("require_auth has methods with ! and without"));
    }
    for method in &methods {
        let bare = method.trim_start_matches('!');
        // What we do not speak may be forbidden.
        let foreign = matches!(bare, "gss" | "sspi" | "oauth") && negated > 0;
        if !KNOWN.contains(&bare) && !foreign {
            return Err(wrong(format!(
                "require_auth must be of {}",
                KNOWN.join(", ")
            )));
        }
    }
    Ok(methods)
}

fn places(host: Option<&str>, address: Option<&str>, port: Option<&str>) -> Result<Vec<Place>> {
    let list = |text: Option<&str>| -> Vec<String> {
        text.map_or(Vec::new(), |t| t.split(',').map(str::to_owned).collect())
    };
    let (hosts, addresses, ports) = (list(host), list(address), list(port));
    let count = hosts.len().max(addresses.len()).max(1);
    for (name, given) in [("hosts", hosts.len()), ("addresses", addresses.len())] {
        if given != 0 && given != count {
            return Err(wrong(format!(
                "there are {given} {name} for {count} places"
            )));
        }
    }
    if ports.len() > 1 && ports.len() != count {
        let given = ports.len();
        return Err(wrong(format!("there are {given} ports for {count} hosts")));
    }
    (0..count)
        .map(|i| {
            let at = |list: &[String]| list.get(i).cloned().unwrap_or_default();
            let port = match ports.len() {
                1 => ports[0].clone(),
                _ => at(&ports),
            };
            let port = match port.as_str() {
                "" => 5432,
                p => p
                    .parse::<u16>()
                    .ok()
                    .filter(|p| *p > 0)
                    .ok_or_else(|| wrong("a port must be a number from 1 to 65535"))?,
            };
            let bare = |h: &str| h.trim_matches(['[', ']']).to_owned();
            let address = Some(bare(&at(&addresses))).filter(|a| !a.is_empty());
            Ok(match (at(&hosts).as_str(), address) {
                ("", Some(address)) => Place::Tcp {
                    host: address,
                    address: None,
                    port,
                },
                ("", None) => match default_folder() {
                    Some(folder) => Place::Unix(folder, port),
                    None => Place::Tcp {
                        host: "localhost".into(),
                        address: None,
                        port,
                    },
                },
                (h, None) if h.starts_with('/') => Place::Unix(h.into(), port),
                (h, None) if h.starts_with('@') => {
                    return Err(wrong("abstract sockets are not supported"));
                }
                (h, address) => Place::Tcp {
                    host: bare(h),
                    address,
                    port,
                },
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
    /// How far the server is checked where there is TLS. As libpq: an authority that is named makes
    /// `require` check the chain.
    pub(crate) fn trust(&self) -> Trust {
        match self.ssl_mode {
            SslMode::VerifyFull => Trust::Name,
            SslMode::VerifyCa => Trust::Chain,
            SslMode::Require if self.ssl_root.is_some() => Trust::Chain,
            _ => Trust::Anybody,
        }
    }

    /// What is asked of TLS.
    pub(crate) fn tls(&self) -> Tls {
        Tls {
            trust: self.trust(),
            roots: self.ssl_root.clone().unwrap_or(Roots::System),
            identity: self.ssl_identity.clone(),
            oldest: self.ssl_versions.0,
            newest: self.ssl_versions.1,
            names_host: self.ssl_names_host,
            inside: Some(b"postgresql"),
            names: Names {
                root: "sslrootcert",
                cert: "sslcert",
                key: "sslkey",
            },
        }
    }

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
}

#[cfg(test)]
mod tests;
