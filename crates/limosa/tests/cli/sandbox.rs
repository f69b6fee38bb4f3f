//! A folder with the binary in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A temporary folder in which commands run.
pub(crate) struct Sandbox(TempDir);

/// What a command gave.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        let signal = output.status.signal().map_or(0, |s| -s);
        Self {
            code: output.status.code().unwrap_or(signal),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// Makes sure of the exit code.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout:\n{}\nstderr:\n{}",
            self.out, self.err
        );
        self
    }

    /// Makes sure that standard error holds all of `parts`.
    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part), "{part:?} is not in:\n{}", self.err);
        }
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}:\n{}", self.out))
    }
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder can be made"))
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).expect("a file can be written");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.path(name)).expect("the file is there"))
            .into_owned()
    }

    /// Runs SQL in a SQLite file of the folder.
    pub(crate) fn sql(&self, file: &str, sql: &str) {
        let db = rusqlite::Connection::open(self.path(file)).expect("the file opens");
        db.execute_batch(sql).expect("the SQL runs");
    }

    /// The first cell of a query.
    pub(crate) fn ask(&self, file: &str, sql: &str) -> String {
        let db = rusqlite::Connection::open(self.path(file)).expect("the file opens");
        db.query_row(sql, [], |r| {
            Ok(match r.get_ref(0)? {
                rusqlite::types::ValueRef::Null => "NULL".into(),
                rusqlite::types::ValueRef::Integer(n) => n.to_string(),
                rusqlite::types::ValueRef::Real(x) => x.to_string(),
                rusqlite::types::ValueRef::Text(t) => String::from_utf8_lossy(t).into_owned(),
                rusqlite::types::ValueRef::Blob(b) => format!("{b:?}"),
            })
        })
        .expect("the query runs")
    }

    /// The command, with nothing of the outer world but the search path.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut c = Command::new(env!("CARGO_BIN_EXE_limosa"));
        c.args(args).current_dir(self.0.path()).stdin(Stdio::null());
        c.env_clear();
        for name in ["PATH", "LLVM_PROFILE_FILE", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                c.env(name, value);
            }
        }
        c.env("HOME", self.0.path());
        c
    }

    pub(crate) fn limosa(&self, args: &[&str]) -> Ran {
        self.with(args, &[])
    }

    pub(crate) fn with(&self, args: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut c = self.command(args);
        c.envs(variables.iter().copied());
        Ran::of(c.output().expect("the binary runs"))
    }

    /// A folder with a source of two tables.
    pub(crate) fn shop() -> Self {
        let it = Self::new();
        it.sql(
            "old.db",
            "CREATE TABLE city(id INTEGER PRIMARY KEY, name TEXT NOT NULL, people INTEGER);
             CREATE TABLE visit(city_id INTEGER NOT NULL REFERENCES city(id), day TEXT, note TEXT);
             INSERT INTO city VALUES (1, 'Bodø', 52000), (2, '札幌', 1970000), (3, 'O''Hara', NULL);
             INSERT INTO visit VALUES (1, '2024-06-01', '🌞'), (1, '2024-06-01', '🌞'), (2, NULL, '');",
        );
        it
    }

    /// The same with a configuration.
    pub(crate) fn configured(rest: &str) -> Self {
        let it = Self::shop();
        it.write(
            "limosa.toml",
            format!(
                "{rest}\n[source]\nurl = \"sqlite:old.db\"\n[target]\nurl = \"sqlite:new.db\"\n"
            ),
        );
        it
    }

    /// All bytes of all files below the folder.
    pub(crate) fn everything(&self) -> Vec<(PathBuf, Vec<u8>)> {
        fn walk(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
            for entry in std::fs::read_dir(folder)
                .expect("the folder is there")
                .flatten()
            {
                let path = entry.path();
                if path.is_dir() {
                    walk(&path, found);
                } else if let Ok(bytes) = std::fs::read(&path) {
                    found.push((path, bytes));
                }
            }
        }
        let mut found = Vec::new();
        walk(self.0.path(), &mut found);
        found
    }
}
