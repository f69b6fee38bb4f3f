//! Failing rows kept in files: one of JSON lines for each test and side, readable by the owner only.

use crate::failure::Failure;
use limosa::check::{Keeper, role_word};
use limosa_core::engine::Role;
use limosa_core::{Error, ErrorKind, Result};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where failing rows are kept.
pub(super) struct Files {
    folder: PathBuf,
    open: Mutex<HashMap<PathBuf, BufWriter<File>>>,
}

fn failed(path: &Path, e: &std::io::Error) -> Error {
    Error::new(ErrorKind::File, "keeping failing rows", e.to_string())
        .on(path.display().to_string())
        .hint("Choose another folder with --store-failures.")
}

impl Files {
    pub(super) fn new(folder: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(folder).map_err(|e| failed(folder, &e))?;
        Ok(Self {
            folder: folder.to_owned(),
            open: Mutex::new(HashMap::new()),
        })
    }

    fn files(&self) -> MutexGuard<'_, HashMap<PathBuf, BufWriter<File>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file of a test: its name with what a path can not hold taken out, and a mark of the whole name where that
    /// changed it.
    fn path(&self, check: &str, role: Role) -> PathBuf {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        let mut name: String = check.chars().filter(|c| plain(*c)).take(100).collect();
        if name != check {
            let hash = limosa_core::canonical::hash(check.as_bytes());
            name.push_str(&format!("_{:08x}", hash as u32));
        }
        self.folder
            .join(format!("{name}.{}.jsonl", role_word(role)))
    }
}

impl Keeper for Files {
    fn begin(&self, check: &str, role: Role) -> Result<()> {
        let path = self.path(check, role);
        self.files().remove(&path);
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(failed(&path, &e)),
            _ => Ok(()),
        }
    }

    fn keep(
        &self,
        check: &str,
        role: Role,
        columns: &[String],
        cells: &limosa::check::Row,
    ) -> Result<()> {
        let row: serde_json::Map<String, serde_json::Value> = columns
            .iter()
            .zip(cells)
            .map(|(c, v)| (c.clone(), serde_json::json!(v)))
            .collect();
        let line = serde_json::json!({ "check": check, "side": role_word(role), "row": row });
        let path = self.path(check, role);
        let mut files = self.files();
        let file = match files.entry(path.clone()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let mut options = File::options();
                options.write(true).create_new(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                let file = options.open(&path).map_err(|e| failed(&path, &e))?;
                entry.insert(BufWriter::new(file))
            }
        };
        writeln!(file, "{line}").map_err(|e| failed(&path, &e))
    }

    fn done(&self, check: &str, role: Role) -> Result<()> {
        let path = self.path(check, role);
        match self.files().remove(&path) {
            Some(mut file) => file.flush().map_err(|e| failed(&path, &e)),
            None => Ok(()),
        }
    }
}
