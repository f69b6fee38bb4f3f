//! Addresses, connections and what SQLite's errors mean.

use limosa_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, OpenFlags, ffi};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the address allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Read what is there; create what is written first.
    Auto,
    /// `mode=ro`.
    ReadOnly,
    /// `mode=rw`: the file must be there.
    ReadWrite,
    /// `mode=rwc`.
    Create,
}

/// The file of a database.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    mode: Mode,
    /// How long a statement waits for a lock of somebody else.
    patience: Duration,
}

/// Statements of readers wait this long for a lock; the address may say otherwise (`busy_timeout`).
const PATIENCE: Duration = Duration::from_secs(10);
/// Writers wait at least this long: another lane may be in the middle of a chunk.
const WRITER_PATIENCE: Duration = Duration::from_secs(60);
const PARAMETERS: [&str; 2] = ["mode", "busy_timeout"];

impl File {
    /// Understands `sqlite:///abs/path`, `sqlite://rel/path`, `sqlite:path`, `file:path` and plain paths.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let wrong = |why: String| Error::new(ErrorKind::Configuration, "reading the address", why);
        if url.contains('\0') {
            return Err(wrong("an address has no U+0000".into()));
        }
        let lower = url.get(..7).unwrap_or(url).to_ascii_lowercase();
        let (rest, is_url) = if lower.starts_with("sqlite:") {
            (&url[7..], true)
        } else if lower.starts_with("file:") {
            (&url[5..], true)
        } else {
            (url, false)
        };
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) if is_url => (path, query),
            _ => (rest, ""),
        };
        let path = if is_url {
            percent(path)
                .ok_or_else(|| wrong("a % is not followed by two hexadecimal digits".into()))?
        } else {
            path.to_owned()
        };
        if path.is_empty() || path == ":memory:" {
            return Err(wrong("a database in memory can not be shared".into())
                .hint("Name a file: sqlite:///data/shop.db."));
        }
        let mut file = File {
            path: path.into(),
            mode: Mode::Auto,
            patience: PATIENCE,
        };
        for pair in query.split('&').filter(|p| !p.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            match key {
                "mode" => {
                    file.mode = match value {
                        "ro" => Mode::ReadOnly,
                        "rw" => Mode::ReadWrite,
                        "rwc" => Mode::Create,
                        _ => return Err(wrong(format!("mode={value} is none of ro, rw, rwc"))),
                    }
                }
                "busy_timeout" => {
                    let millis = value.parse().map_err(|_| {
                        wrong(format!("busy_timeout={value} is no number of milliseconds"))
                    })?;
                    file.patience = Duration::from_millis(millis);
                }
                unknown => {
                    let near = PARAMETERS
                        .iter()
                        .min_by_key(|p| distance(p, unknown))
                        .expect("the list is not empty");
                    return Err(wrong(format!("unknown parameter {unknown}")).hint(format!(
                        "Did you mean {near}? There are mode and busy_timeout."
                    )));
                }
            }
        }
        if matches!(file.mode, Mode::ReadOnly | Mode::ReadWrite) && !file.there() {
            return Err(file.missing("opening"));
        }
        Ok(file)
    }

    /// Whether there is a file.
    pub(crate) fn there(&self) -> bool {
        self.path.exists()
    }

    /// The error for a file that is not there.
    pub(crate) fn missing(&self, doing: &str) -> Error {
        Error::new(ErrorKind::Missing, doing, "there is no such file")
            .on(self.path.display().to_string())
            .hint("Check the path. A new file is made only where it is the target.")
    }

    /// Opens a connection for reading.
    pub(crate) fn read(&self) -> Result<Connection> {
        if !self.there() {
            return Err(self.missing("opening"));
        }
        let flags = match self.mode {
            Mode::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
            // A database in WAL mode wants a writable file of shared memory beside it. SQLite falls
            // back to reading only by itself where the file may not be written.
            _ => OpenFlags::SQLITE_OPEN_READ_WRITE,
        };
        let connection = self.open(flags, self.patience)?;
        let setup = || -> rusqlite::Result<()> {
            connection.pragma_update(None, "query_only", true)?;
            connection.pragma_update(None, "cache_size", -4_096)?;
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
        };
        setup().map_err(|e| self.error(e, "opening"))?;
        Ok(connection)
    }

    /// Opens a connection for writing; makes the file if the address allows.
    pub(crate) fn write(&self) -> Result<Connection> {
        let flags = match self.mode {
            Mode::ReadOnly => {
                return Err(Error::new(
                    ErrorKind::Privilege,
                    "opening",
                    "the address says mode=ro",
                )
                .on(self.path.display().to_string())
                .hint("Take mode=ro out of the address to write."));
            }
            Mode::ReadWrite => OpenFlags::SQLITE_OPEN_READ_WRITE,
            Mode::Auto | Mode::Create => {
                OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
            }
        };
        let connection = self.open(flags, self.patience.max(WRITER_PATIENCE))?;
        connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
            .map_err(|e| self.error(e, "opening"))?;
        Ok(connection)
    }

    fn open(&self, flags: OpenFlags, patience: Duration) -> Result<Connection> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(&self.path, flags).map_err(|e| self.error(e, "opening"))?;
        connection
            .busy_timeout(patience)
            .map_err(|e| self.error(e, "opening"))?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(connection)
    }

    /// Says what an error of SQLite means, on this file.
    pub(crate) fn error(&self, e: rusqlite::Error, doing: &str) -> Error {
        error(e, doing).on(self.path.display().to_string())
    }

    /// The absolute path where it can be told.
    pub(crate) fn absolute(&self) -> PathBuf {
        std::fs::canonicalize(&self.path)
            .or_else(|_| {
                let parent = self
                    .path
                    .parent()
                    .filter(|p| !p.as_os_str().is_empty())
                    .unwrap_or(Path::new("."));
                std::fs::canonicalize(parent)
                    .map(|p| p.join(self.path.file_name().unwrap_or_default()))
            })
            .unwrap_or_else(|_| self.path.clone())
    }
}

/// Says what an error of SQLite means.
pub(crate) fn error(e: rusqlite::Error, doing: &str) -> Error {
    let (code, words) = match &e {
        rusqlite::Error::SqliteFailure(code, words) => (Some(*code), words.clone()),
        rusqlite::Error::SqlInputError { error, msg, .. } => (Some(*error), Some(msg.clone())),
        _ => (None, None),
    };
    let Some(code) = code else {
        return Error::new(ErrorKind::Internal, doing, e.to_string()).because(e);
    };
    let (kind, hint) = match code.extended_code & 0xff {
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => (
            ErrorKind::Contention,
            "Another connection holds the database's lock; end its transaction or raise busy_timeout.",
        ),
        ffi::SQLITE_TOOBIG => (
            ErrorKind::Value,
            "SQLite keeps no row above a thousand million bytes.",
        ),
        ffi::SQLITE_FULL | ffi::SQLITE_NOMEM => (
            ErrorKind::Resource,
            "Make room on the disk, then run again.",
        ),
        ffi::SQLITE_CORRUPT => (
            ErrorKind::Server,
            "Run PRAGMA integrity_check, and .recover with the sqlite3 shell.",
        ),
        ffi::SQLITE_NOTADB => (
            ErrorKind::File,
            "The file is no SQLite database, or it is encrypted.",
        ),
        ffi::SQLITE_CONSTRAINT | ffi::SQLITE_MISMATCH => (ErrorKind::Constraint, ""),
        ffi::SQLITE_READONLY | ffi::SQLITE_PERM | ffi::SQLITE_AUTH => (
            ErrorKind::Privilege,
            "The file and its folder must be writable by this user.",
        ),
        ffi::SQLITE_CANTOPEN => (
            ErrorKind::File,
            "The file and its folder must be reachable and, in WAL mode, writable by this user.",
        ),
        ffi::SQLITE_IOERR => (ErrorKind::File, ""),
        ffi::SQLITE_INTERRUPT | ffi::SQLITE_ABORT => (ErrorKind::Interrupted, ""),
        ffi::SQLITE_SCHEMA => (ErrorKind::Contention, ""),
        ffi::SQLITE_ERROR
            if words.as_deref().is_some_and(|w| {
                w.starts_with("no such table") || w.starts_with("no such column")
            }) =>
        {
            (ErrorKind::Missing, "")
        }
        ffi::SQLITE_ERROR
            if words
                .as_deref()
                .is_some_and(|w| w.ends_with("already exists")) =>
        {
            (ErrorKind::Conflict, "")
        }
        ffi::SQLITE_MISUSE | ffi::SQLITE_RANGE => (ErrorKind::Internal, ""),
        _ => (ErrorKind::Server, ""),
    };
    let why = words.unwrap_or_else(|| code.to_string());
    let mut error = Error::new(kind, doing, limosa_core::secret::scrub(&why))
        .code(code.extended_code.to_string())
        .because(e);
    if !hint.is_empty() {
        error = error.hint(hint);
    }
    error
}

fn percent(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        if b == b'%' {
            let hex = |b: Option<u8>| (b? as char).to_digit(16);
            out.push((hex(bytes.next())? << 4 | hex(bytes.next())?) as u8);
        } else {
            out.push(b);
        }
    }
    String::from_utf8(out).ok().filter(|s| !s.contains('\0'))
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_files() {
        for (url, path) in [
            ("sqlite:///abs/a.db", "/abs/a.db"),
            ("sqlite://rel/a.db", "rel/a.db"),
            ("sqlite:a.db", "a.db"),
            ("file:a%20b.db?mode=rwc&busy_timeout=5", "a b.db"),
            ("file:///abs/a.db", "/abs/a.db"),
            ("/plain/with?mark.db", "/plain/with?mark.db"),
            ("a%20b.db", "a%20b.db"),
            ("é", "é"),
        ] {
            assert_eq!(File::parse(url).expect(url).path, Path::new(path), "{url}");
        }
        for url in [
            "",
            "sqlite:",
            "sqlite::memory:",
            "a\0b",
            "file:%zz",
            "file:a?mode=x",
        ] {
            assert_eq!(
                File::parse(url).expect_err(url).kind(),
                ErrorKind::Configuration
            );
        }
        let e = File::parse("file:a?busy_timeot=1").expect_err("unknown parameter");
        assert!(e.remedy().is_some_and(|h| h.contains("busy_timeout?")));
        let e = File::parse("file:/nowhere/x.db?mode=ro").expect_err("no file");
        assert_eq!(e.kind(), ErrorKind::Missing);
    }
}
