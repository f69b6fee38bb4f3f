//! Making and opening the file.

use super::{JOURNAL_FORMAT, broken};
use limosa_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// "Limo" in ASCII, so that `file` and we can tell the file from others.
const APPLICATION_ID: i32 = 0x4C69_6D6F;

const TABLES: &str = "
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE document(name TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT;
CREATE TABLE finding(id INTEGER PRIMARY KEY, code TEXT NOT NULL, severity TEXT NOT NULL,
  object TEXT, json TEXT NOT NULL) STRICT;
CREATE TABLE phase(id INTEGER PRIMARY KEY, name TEXT NOT NULL, began_ms INTEGER NOT NULL,
  seconds REAL) STRICT;
CREATE TABLE step(id TEXT PRIMARY KEY, state TEXT NOT NULL, next INTEGER NOT NULL,
  seconds REAL NOT NULL, error TEXT) STRICT;
CREATE TABLE \"table\"(name TEXT PRIMARY KEY, state TEXT NOT NULL, rows INTEGER NOT NULL,
  bytes INTEGER NOT NULL, json TEXT) STRICT;
CREATE TABLE event(seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, kind TEXT NOT NULL,
  body TEXT NOT NULL, hash TEXT NOT NULL) STRICT;
CREATE INDEX table_by_state ON \"table\"(state, rows, bytes);
CREATE INDEX step_failed ON step(id) WHERE error IS NOT NULL;
";

/// Makes the file with its directory, readable by the owner only.
pub(super) fn make(path: &Path) -> Result<Connection> {
    let failed = |e: std::io::Error| {
        Error::new(ErrorKind::File, "making the journal", e.to_string())
            .on(path.display().to_string())
    };
    if let Some(directory) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        if !directory.exists() {
            builder.create(directory).map_err(failed)?;
        }
    }
    // Made under another name and renamed when it is whole: a journal that is there has its tables.
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}.new", std::process::id()));
    let draft = std::path::PathBuf::from(draft);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&draft).map_err(failed)?;
    let made = Connection::open(&draft)
        .and_then(|db| {
            // The draft is ours alone: it is made durable once, when it is whole.
            db.pragma_update(None, "journal_mode", "MEMORY")?;
            db.pragma_update(None, "synchronous", "OFF")?;
            tables(&db)?;
            db.close().map_err(|(_, e)| e)
        })
        .map_err(|e| broken(path, "making the journal", e))
        .and_then(|()| {
            std::fs::File::open(&draft)
                .and_then(|file| file.sync_all())
                .and_then(|()| std::fs::hard_link(&draft, path))
                .map_err(failed)
        });
    // The draft is ours alone; if it can not be removed it is only litter.
    let _ = std::fs::remove_file(&draft);
    match made {
        Ok(()) => {}
        // Another process was faster; its journal is judged like any that is there.
        Err(_) if path.exists() => {}
        Err(error) => return Err(error),
    }
    open(path, true)
}

/// A journal in memory.
pub(super) fn memory() -> Result<Connection> {
    let path = Path::new(":memory:");
    Connection::open_in_memory()
        .and_then(|db| {
            tables(&db)?;
            Ok(db)
        })
        .map_err(|e| broken(path, "making the journal", e))
}

fn tables(db: &Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "application_id", APPLICATION_ID)?;
    db.execute_batch(&format!(
        "BEGIN; {TABLES} PRAGMA user_version = {JOURNAL_FORMAT}; COMMIT;"
    ))
}

/// Opens the file and judges its format.
pub(super) fn open(path: &Path, write: bool) -> Result<Connection> {
    if !path.exists() {
        return Err(Error::new(
            ErrorKind::Missing,
            "opening the journal",
            "there is no such file",
        )
        .on(path.display().to_string())
        .hint("Is this the directory in which the run was begun, and is the name right?"));
    }
    let access = if write {
        OpenFlags::SQLITE_OPEN_READ_WRITE
    } else {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    };
    let failed = |e| broken(path, "opening the journal", e);
    let db = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(failed)?;
    // Writers hold the file for milliseconds.
    db.busy_timeout(Duration::from_secs(5)).map_err(failed)?;
    let id: i32 = db
        .pragma_query_value(None, "application_id", |r| r.get(0))
        .map_err(failed)?;
    let format: u32 = db
        .pragma_query_value(None, "user_version", |r| r.get(0))
        .map_err(failed)?;
    if id != APPLICATION_ID {
        return Err(Error::new(
            ErrorKind::File,
            "opening the journal",
            "this is an SQLite file, but not a journal of Limosa",
        )
        .on(path.display().to_string()));
    }
    if format > JOURNAL_FORMAT {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "opening the journal",
            format!(
                "it was made by a newer version of Limosa (format {format}, this one knows up to {JOURNAL_FORMAT})"
            ),
        )
        .on(path.display().to_string())
        .hint("Use the version of Limosa that began the run, or a newer one."));
    }
    if write {
        db.pragma_update(None, "journal_mode", "WAL")
            .map_err(failed)?;
        // What the journal says must outlive a power cut; see `Journal::lightly` for what need not.
        db.pragma_update(None, "synchronous", "FULL")
            .map_err(failed)?;
    }
    Ok(db)
}

/// A count or a time in the file, whose integers are signed.
pub(super) struct N(pub u64);

impl rusqlite::ToSql for N {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(i64::try_from(self.0).unwrap_or(i64::MAX).into())
    }
}

impl rusqlite::types::FromSql for N {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        value.as_i64().map(|n| N(u64::try_from(n).unwrap_or(0)))
    }
}
