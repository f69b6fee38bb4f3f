//! SQL through the servers' own command line clients, so that tests share nothing with our engines.

use crate::run::find;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Runs a client with `sql` on its standard input and gives what it printed.
fn feed(mut command: Command, sql: &str) -> String {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{program} can not be started ({e}); ./setup installs it"));
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    let sql_bytes = sql.as_bytes().to_vec();
    // A thread of its own: the client may print more than a pipe holds before it has read everything.
    let writer = std::thread::spawn(move || stdin.write_all(&sql_bytes));
    let out = child.wait_with_output().expect("a child can be waited for");
    // The client stops reading at the first error; that is said below.
    let _ = writer.join();
    assert!(
        out.status.success(),
        "{program}: {}\n{}\nin: {}",
        out.status,
        String::from_utf8_lossy(&out.stderr),
        sql.chars().take(2000).collect::<String>()
    );
    String::from_utf8_lossy(&out.stdout).into_owned()
}

fn psql(url: &str) -> Command {
    let bin: Vec<PathBuf> = std::env::var_os("LIMOSA_TEST_POSTGRES_BIN")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    let path = find(&["psql"], &bin).expect("psql is missing; ./setup installs it");
    let mut c = Command::new(path);
    c.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url]);
    c.env("PGCLIENTENCODING", "UTF8");
    c.env("PGOPTIONS", "-c client_min_messages=warning");
    c
}

/// Runs SQL through `psql`.
///
/// # Panics
/// With psql's words, if a statement fails.
pub fn execute_psql(url: &str, sql: &str) {
    let mut c = psql(url);
    c.args(["-f", "-"]);
    feed(c, sql);
}

/// Runs SQL through `psql` and gives its rows: one a line, cells between tabs, NULL as `NULL`, without the last newline.
///
/// # Panics
/// With psql's words, if a statement fails.
pub fn query_psql(url: &str, sql: &str) -> String {
    let mut c = psql(url);
    c.args(["-A", "-t", "-F", "\t", "-P", "null=NULL", "-f", "-"]);
    trimmed(feed(c, sql))
}

/// The parts of a `mysql://` URL.
pub(crate) struct MysqlAddress {
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
}

impl MysqlAddress {
    pub(crate) fn parse(url: &str) -> Self {
        let url = url::Url::parse(url).unwrap_or_else(|e| panic!("{url}: {e}"));
        Self {
            user: percent_decoded(url.username()),
            password: percent_decoded(url.password().unwrap_or_default()),
            host: url.host_str().unwrap_or("127.0.0.1").to_owned(),
            port: url.port().unwrap_or(3306),
            database: percent_decoded(url.path().trim_start_matches('/')),
        }
    }
}

fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        if b == b'%' {
            let digits = [bytes.next().unwrap_or(b'0'), bytes.next().unwrap_or(b'0')];
            let digits = std::str::from_utf8(&digits).unwrap_or("00");
            out.push(u8::from_str_radix(digits, 16).unwrap_or(b'?'));
        } else {
            out.push(b);
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn mysql(url: &str) -> Command {
    let path = find(&["mariadb", "mysql"], &[]).expect("mariadb is missing; ./setup installs it");
    let a = MysqlAddress::parse(url);
    let mut c = Command::new(path);
    c.args(["--no-defaults", "--default-character-set=utf8mb4"])
        .args(["--protocol=tcp", "--binary-mode", "--batch"])
        .arg(format!("--host={}", a.host))
        .arg(format!("--port={}", a.port))
        .arg(format!("--user={}", a.user))
        .arg("--max-allowed-packet=1G");
    // An argument would be visible to other users of the machine; this password is no secret.
    if !a.password.is_empty() {
        c.env("MYSQL_PWD", a.password);
    }
    if !a.database.is_empty() {
        c.arg(format!("--database={}", a.database));
    }
    c
}

/// Runs SQL through `mariadb` (or `mysql`).
///
/// # Panics
/// With the client's words, if a statement fails.
pub fn execute_mysql(url: &str, sql: &str) {
    feed(mysql(url), sql);
}

/// Runs SQL through `mariadb` (or `mysql`) and gives its rows: one a line, cells between tabs, NULL as `NULL`, without the last newline.
///
/// # Panics
/// With the client's words, if a statement fails.
pub fn query_mysql(url: &str, sql: &str) -> String {
    let mut c = mysql(url);
    c.args(["--skip-column-names", "--raw"]);
    trimmed(feed(c, sql))
}

fn trimmed(mut out: String) -> String {
    if out.ends_with('\n') {
        out.pop();
    }
    out
}
