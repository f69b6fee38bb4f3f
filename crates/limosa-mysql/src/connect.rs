//! Where a server is and how it is reached: the parts of an address.
//!
//! An address is a URI, `mysql://user:password@host:port/database?parameter=value`. What the URI does
//! not say comes from an option file (group `[client]`), then from the environment, then from the
//! defaults of the MySQL clients. A password never prints itself.

use limosa_core::error::{Error, ErrorKind, Result};
use limosa_core::secret::{ExposeSecret, SecretString};
use limosa_net::{Names, Roots, Tls, Trust, Version, nearest};
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// The parameters that an address may have.
const PARAMETERS: &[&str] = &[
    "socket",
    "ssl-mode",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl",
    "skip-ssl",
    "ssl-verify-server-cert",
    "tls-version",
    "connect-timeout",
    "defaults-file",
    "defaults-group-suffix",
    "get-server-public-key",
    "server-public-key-path",
];

/// Options of the products' clients that we do not follow though they say whom to trust, and why.
const FOREIGN: &[(&str, &str)] = &[
    ("ssl-capath", "name one file of certificates with ssl-ca"),
    ("ssl-crl", "lists of revoked certificates are not read"),
    ("ssl-crlpath", "lists of revoked certificates are not read"),
    (
        "ssl-cipher",
        "the ciphers are those of TLS 1.2 and 1.3 that nobody has broken",
    ),
    (
        "tls-ciphersuites",
        "the ciphers are those of TLS 1.2 and 1.3 that nobody has broken",
    ),
    ("ssl-fips-mode", "the cryptography here is not certified"),
    ("ssl-fp", "name the certificate with ssl-ca"),
    ("ssl-fplist", "name the certificate with ssl-ca"),
    (
        "ssl-passphrase",
        "keys with a password are not read; write the key in clear into a file of mode 600",
    ),
    ("pipe", "connections are by TCP or by a local socket"),
    (
        "shared-memory-base-name",
        "connections are by TCP or by a local socket",
    ),
];

/// How far the connection must be protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SslMode {
    /// Never encrypt.
    Disabled,
    /// Encrypt if the server can; no check of who it is.
    Preferred,
    /// Encrypt or fail; no check of who it is.
    Required,
    /// Encrypt, and the certificate must lead to a known authority.
    VerifyCa,
    /// The same, and the certificate must name the host.
    VerifyIdentity,
}

/// A parsed address.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) socket: Option<PathBuf>,
    pub(crate) user: String,
    pub(crate) password: Option<SecretString>,
    pub(crate) database: String,
    pub(crate) ssl_mode: SslMode,
    pub(crate) ssl_ca: Option<PathBuf>,
    pub(crate) ssl_cert: Option<PathBuf>,
    pub(crate) ssl_key: Option<PathBuf>,
    pub(crate) connect_timeout: Duration,
    pub(crate) get_server_public_key: bool,
    pub(crate) server_public_key: Option<PathBuf>,
    pub(crate) tls_versions: (Version, Version),
}

fn wrong(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, "reading the address", why)
}

fn decode(text: &str) -> Result<String> {
    limosa_net::percent_decoded(text).map_err(wrong)
}

fn ssl_mode(text: &str) -> Result<SslMode> {
    Ok(match text.to_ascii_uppercase().replace('-', "_").as_str() {
        "DISABLED" => SslMode::Disabled,
        "PREFERRED" => SslMode::Preferred,
        "REQUIRED" => SslMode::Required,
        "VERIFY_CA" => SslMode::VerifyCa,
        "VERIFY_IDENTITY" => SslMode::VerifyIdentity,
        _ => {
            return Err(wrong("ssl-mode is none of the five known")
                .hint("use DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY"));
        }
    })
}

fn truth(name: &str, text: &str) -> Result<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Ok(true),
        "false" | "0" | "off" | "no" => Ok(false),
        _ => Err(wrong(format!("{name} is neither true nor false"))),
    }
}

/// Refuses an option that we know and do not follow.
fn foreign(name: &str) -> Result<()> {
    match FOREIGN.iter().find(|(n, _)| *n == name) {
        Some((_, why)) => {
            Err(wrong(format!("{name} is not supported: {why}")).hint("leave it out"))
        }
        None => Ok(()),
    }
}

/// `TLSv1.2,TLSv1.3`, as the oldest and the newest.
fn tls_versions(text: &str) -> Result<(Version, Version)> {
    let mut known = Vec::new();
    for one in text.split(',').map(str::trim).filter(|v| !v.is_empty()) {
        match one.to_ascii_lowercase().as_str() {
            // Older ones are not spoken; they may be allowed all the same.
            "tlsv1" | "tlsv1.0" | "tlsv1.1" => {}
            "tlsv1.2" => known.push(Version::Tls12),
            "tlsv1.3" => known.push(Version::Tls13),
            _ => {
                return Err(wrong(format!(
                    "tls-version has the unknown version {one:?}"
                )));
            }
        }
    }
    match (known.iter().min(), known.iter().max()) {
        (Some(oldest), Some(newest)) => Ok((*oldest, *newest)),
        _ => Err(wrong("tls-version leaves neither TLSv1.2 nor TLSv1.3")),
    }
}

/// What an option file and the environment said.
#[derive(Default)]
struct Defaults {
    values: Vec<(String, String)>,
}

impl Defaults {
    fn get(&self, name: &str) -> Option<&str> {
        // The last one counts, as with the MySQL clients.
        self.values
            .iter()
            .rev()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    /// Reads the group `[client]` (and the product's own client groups) of an option file, and the same with
    /// `suffix` behind it.
    fn read_file(&mut self, text: &str, suffix: &str) {
        const GROUPS: [&str; 3] = ["client", "client-server", "client-mariadb"];
        let mut ours = false;
        for line in text.lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';', '!']) {
                continue;
            }
            if let Some(group) = line.strip_prefix('[') {
                let group = group.split(']').next().unwrap_or_default().trim();
                ours = GROUPS.iter().any(|g| {
                    group
                        .strip_prefix(g)
                        .is_some_and(|rest| rest.is_empty() || rest == suffix)
                });
                continue;
            }
            if !ours {
                continue;
            }
            // An option without a value is switched on.
            let (name, value) = line.split_once('=').unwrap_or((line, "1"));
            let name = name.trim().replace('_', "-");
            // A client that does not know a `loose-` option passes it over.
            let name = name.strip_prefix("loose-").unwrap_or(&name).to_owned();
            self.values.push((name, option_value(value)));
        }
    }
}

/// Takes quotes, escapes and a trailing comment off the value of an option.
fn option_value(text: &str) -> String {
    let text = text.trim();
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    let inner = match quote {
        Some(q) => text[1..]
            .rfind(q)
            .map_or(&text[1..], |end| &text[1..1 + end]),
        None => text.split(" #").next().unwrap_or_default().trim_end(),
    };
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('b') => out.push('\u{8}'),
            Some('s') => out.push(' '),
            Some(c @ ('\\' | '"' | '\'')) => out.push(c),
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
            None => out.push('\\'),
        }
    }
    out
}

fn defaults(
    file: Option<&str>,
    suffix: Option<&str>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Defaults> {
    let mut all = Defaults::default();
    let group = environment("MYSQL_GROUP_SUFFIX");
    let suffix = suffix.or(group.as_deref()).unwrap_or_default();
    for (variable, name) in [
        ("MYSQL_HOST", "host"),
        ("MYSQL_TCP_PORT", "port"),
        ("MYSQL_UNIX_PORT", "socket"),
        ("MYSQL_PWD", "password"),
        ("USER", "user"),
    ] {
        if let Some(value) = environment(variable).filter(|v| !v.is_empty()) {
            all.values.push((name.into(), value));
        }
    }
    let path = match file {
        Some(path) => Some((PathBuf::from(path), true)),
        None => environment("HOME").map(|home| (PathBuf::from(home).join(".my.cnf"), false)),
    };
    if let Some((path, must)) = path {
        match std::fs::read_to_string(&path) {
            Ok(text) => all.read_file(&text, suffix),
            Err(_) if !must => {}
            Err(error) => {
                return Err(Error::new(
                    ErrorKind::File,
                    "reading the option file",
                    error.to_string(),
                )
                .on(path.display().to_string()));
            }
        }
    }
    Ok(all)
}

/// What the options say that are older than `ssl-mode`, as MariaDB's clients have them.
fn older_mode<'v>(any: &dyn Fn(&str) -> Option<&'v str>, root: bool) -> Result<SslMode> {
    let says = |name: &str| any(name).map(|v| truth(name, v)).transpose();
    if says("skip-ssl")? == Some(true) || says("ssl")? == Some(false) {
        return Ok(SslMode::Disabled);
    }
    Ok(
        match (says("ssl-verify-server-cert")?, says("ssl")?, root) {
            (Some(true), _, _) => SslMode::VerifyIdentity,
            // Who names an authority wants it to be used.
            (None, _, true) => SslMode::VerifyCa,
            (_, Some(true), _) | (Some(false), _, true) => SslMode::Required,
            _ => SslMode::Preferred,
        },
    )
}

/// Reads an address, with the process's environment and option files.
pub(crate) fn parse(address: &str) -> Result<Target> {
    parse_with(address, &|name| std::env::var(name).ok())
}

fn parse_with(address: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<Target> {
    // The words of the URL parser are not shown: they could quote the password.
    let url = Url::parse(address).map_err(|e| wrong(format!("not a URL: {e}")))?;
    if !matches!(url.scheme(), "mysql" | "mariadb") {
        return Err(wrong(format!(
            "the scheme is {}, not mysql or mariadb",
            url.scheme()
        )));
    }
    if url.fragment().is_some() {
        return Err(wrong("a bare # in the address").hint("write %23 for # in a password"));
    }
    let mut said: Vec<(String, String)> = Vec::new();
    for (name, value) in url.query_pairs() {
        let name = name.replace('_', "-");
        if !PARAMETERS.contains(&name.as_str()) {
            foreign(&name)?;
            let nearest = nearest(&name, PARAMETERS).unwrap_or("ssl-mode");
            return Err(wrong(format!("unknown parameter {name:?}"))
                .hint(format!("the nearest known one is {nearest}")));
        }
        if said.iter().any(|(n, _)| *n == name) {
            return Err(wrong(format!("{name} is given twice")));
        }
        said.push((name, value.into_owned()));
    }
    let given = |name: &str| {
        said.iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    };
    let defaults = defaults(
        given("defaults-file"),
        given("defaults-group-suffix"),
        environment,
    )?;
    for (name, _) in &defaults.values {
        foreign(name)?;
    }
    let any = |name: &str| given(name).or_else(|| defaults.get(name));

    let host = match url.host_str() {
        Some(host) if !host.is_empty() => Some(decode(
            host.strip_prefix('[')
                .and_then(|h| h.strip_suffix(']'))
                .unwrap_or(host),
        )?),
        _ => None,
    };
    let socket = match (given("socket"), &host) {
        (Some(path), _) => Some(path.to_owned()),
        // An option file's socket counts only where the URL names no host.
        (None, None) if defaults.get("host").is_none_or(|h| h == "localhost") => {
            defaults.get("socket").map(str::to_owned)
        }
        _ => None,
    };
    let port = match url.port() {
        Some(port) => port,
        None if host.is_none() => match defaults.get("port") {
            Some(text) => text.parse().map_err(|_| wrong("the port is no number"))?,
            None => 3306,
        },
        None => 3306,
    };
    let user = match url.username() {
        "" => defaults.get("user").unwrap_or("root").to_owned(),
        name => decode(name)?,
    };
    let password = match url.password() {
        Some(password) => Some(SecretString::from(decode(password)?)),
        None => defaults.get("password").map(SecretString::from),
    };
    let path = url.path().strip_prefix('/').unwrap_or(url.path());
    if path.contains('/') {
        return Err(wrong("more than one part after the host")
            .hint("the address ends with one database name: mysql://host/database"));
    }
    let database = match decode(path)? {
        name if name.is_empty() => defaults.get("database").unwrap_or_default().to_owned(),
        name => name,
    };
    if database.is_empty() {
        return Err(wrong("no database is named").hint("mysql://user@host/database"));
    }
    let ssl_ca = any("ssl-ca").map(PathBuf::from);
    let mode = match any("ssl-mode") {
        Some(said) => ssl_mode(said)?,
        None => older_mode(&any, ssl_ca.is_some())?,
    };
    if ssl_ca.is_none() && mode == SslMode::VerifyCa {
        // With the system's authorities anybody's certificate would do.
        return Err(wrong("ssl-mode=VERIFY_CA needs ssl-ca")
            .hint("name the authority's certificate, or say ssl-mode=VERIFY_IDENTITY"));
    }
    let (ssl_cert, ssl_key) = (
        any("ssl-cert").map(PathBuf::from),
        any("ssl-key").map(PathBuf::from),
    );
    if ssl_cert.is_some() != ssl_key.is_some() {
        return Err(wrong("ssl-cert and ssl-key belong together"));
    }
    let seconds: u64 = match any("connect-timeout") {
        Some(text) => text
            .parse()
            .ok()
            .filter(|s| *s > 0)
            .ok_or_else(|| wrong("connect-timeout is not a number of seconds above 0"))?,
        None => 10,
    };
    Ok(Target {
        host: host
            .or_else(|| defaults.get("host").map(str::to_owned))
            .unwrap_or_else(|| "localhost".into()),
        port,
        socket: socket.map(PathBuf::from),
        user,
        password,
        database,
        ssl_mode: mode,
        ssl_ca,
        ssl_cert,
        ssl_key,
        connect_timeout: Duration::from_secs(seconds),
        get_server_public_key: any("get-server-public-key")
            .map(|t| truth("get-server-public-key", t))
            .transpose()?
            .unwrap_or(false),
        server_public_key: any("server-public-key-path").map(PathBuf::from),
        tls_versions: any("tls-version")
            .map(tls_versions)
            .transpose()?
            .unwrap_or((Version::Tls12, Version::Tls13)),
    })
}

impl Target {
    /// The password's bytes; none is the empty password.
    pub(crate) fn password(&self) -> &[u8] {
        self.password
            .as_ref()
            .map_or(&[], |p| p.expose_secret().as_bytes())
    }

    /// What is asked of TLS.
    pub(crate) fn tls(&self) -> Tls {
        Tls {
            trust: match self.ssl_mode {
                SslMode::VerifyIdentity => Trust::Name,
                SslMode::VerifyCa => Trust::Chain,
                _ => Trust::Anybody,
            },
            roots: self.ssl_ca.clone().map_or(Roots::System, Roots::File),
            identity: self.ssl_cert.clone().zip(self.ssl_key.clone()),
            oldest: self.tls_versions.0,
            newest: self.tls_versions.1,
            names_host: true,
            inside: None,
            names: Names {
                root: "ssl-ca",
                cert: "ssl-cert",
                key: "ssl-key",
            },
        }
    }

    /// The address for people, without the password.
    pub(crate) fn shown(&self) -> String {
        match &self.socket {
            Some(path) => format!(
                "mysql://{}@localhost/{}?socket={}",
                self.user,
                self.database,
                path.display()
            ),
            None if self.host.contains(':') => format!(
                "mysql://{}@[{}]:{}/{}",
                self.user, self.host, self.port, self.database
            ),
            None => format!(
                "mysql://{}@{}:{}/{}",
                self.user, self.host, self.port, self.database
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str) -> Result<Target> {
        parse_with(address, &|_| None)
    }

    #[test]
    fn every_part_of_an_address_is_read() {
        let t = read(
            "mysql://us%40er:p%2Fa%3As@[::1]:3307/my%20db?ssl_mode=verify-identity&connect-timeout=3",
        )
        .expect("a full address");
        assert_eq!(
            (
                t.host.as_str(),
                t.port,
                t.user.as_str(),
                t.database.as_str()
            ),
            ("::1", 3307, "us@er", "my db")
        );
        assert_eq!(t.password(), b"p/a:s");
        assert_eq!(t.ssl_mode, SslMode::VerifyIdentity);
        assert_eq!(t.connect_timeout, Duration::from_secs(3));
        assert_eq!(t.shown(), "mysql://us@er@[::1]:3307/my db");
        assert!(!format!("{t:?}").contains("p/a:s"));
        let t = read("mariadb://root@localhost/x?socket=/run/m.sock").expect("a socket");
        assert_eq!(t.socket, Some(PathBuf::from("/run/m.sock")));
    }

    #[test]
    fn a_wrong_address_names_what_is_wrong() {
        for (address, want) in [
            ("mysql://h/x?ssl-mod=REQUIRED", "unknown parameter"),
            ("mysql://h/x?ssl-mode=maybe", "ssl-mode"),
            ("mysql://h/", "no database"),
            ("mysql://h/a/b", "more than one part"),
            ("postgres://h/a", "scheme"),
            ("mysql://u:a%0zb@h/a", "percent"),
            ("mysql://h/a?ssl-cert=x", "belong together"),
            ("mysql://u:a%00b@h/a", "U+0000"),
        ] {
            let error = read(address).expect_err(address);
            assert!(error.to_string().contains(want), "{error}");
            assert_eq!(error.kind(), ErrorKind::Configuration);
        }
        let error = read("mysql://h/x?ssl-mod=1").expect_err("unknown");
        assert_eq!(error.remedy(), Some("the nearest known one is ssl-mode"));
    }

    #[test]
    fn option_files_and_the_environment_fill_the_gaps() {
        let mut d = Defaults::default();
        d.read_file(
            "# x\n[mysqld]\nuser=no\n[client]\nuser = app\npassword=\"a # \\\\b\" \nssl_mode=REQUIRED # why\n", "");
        assert_eq!(d.get("user"), Some("app"));
        assert_eq!(d.get("password"), Some("a # \\b"));
        assert_eq!(d.get("ssl-mode"), Some("REQUIRED"));
        let t = parse_with("mysql:///shop", &|name| match name {
            "MYSQL_HOST" => Some("db.example".into()),
            "MYSQL_PWD" => Some("secret".into()),
            "MYSQL_TCP_PORT" => Some("3310".into()),
            _ => None,
        })
        .expect("the environment says the rest");
        assert_eq!((t.host.as_str(), t.port), ("db.example", 3310));
        assert_eq!(t.password(), b"secret");
    }
}
