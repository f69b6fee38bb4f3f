//! One process at a time works on a journal, and the next one knows whether the last one is dead.
//!
//! The lease in the target keeps the world out, and runs out 15 seconds after its holder's death. A
//! person who starts a killed run again on the same machine should not have to wait for that: who
//! gets the lock of the file beside the journal knows that the process which had it before is gone,
//! whatever its lease says. If this is ever wrong, the epochs of the ledger keep the data right.

use limosa_core::{Error, ErrorKind, Result};
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

/// The place of the one process that works on a journal. Given back when dropped or dead.
#[derive(Debug)]
pub(crate) struct Desk {
    /// Locked as long as it is open.
    _file: File,
    /// Who sat here before, by number of process.
    before: Option<u32>,
}

impl Desk {
    /// Takes the place beside the journal at `path`; with `steal`, goes on without it if it is taken.
    ///
    /// # Errors
    /// `Held` with the number of the process that has it; `File`.
    pub(crate) fn take(path: &Path, steal: bool) -> Result<Option<Self>> {
        const DOING: &str = "beginning to work";
        let path = path.with_extension("lock");
        let failed = |e: std::io::Error| {
            Error::new(ErrorKind::File, DOING, e.to_string())
                .on(path.display().to_string())
                .hint("The folder of the journal (`state`, --state) must be writable.")
        };
        if let Some(folder) = path.parent() {
            crate::files::folder(folder).map_err(failed)?;
        }
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        let mut text = String::new();
        // Words that are no number are as good as none.
        let _ = file.read_to_string(&mut text);
        let before = text.trim().parse().ok();
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) if steal => return Ok(None),
            Err(TryLockError::WouldBlock) => {
                let who = before.map_or("another process".into(), |n| format!("process {n}"));
                return Err(Error::new(
                    ErrorKind::Held,
                    DOING,
                    format!("{who} of this machine is working on this run"),
                )
                .hint("Wait for its end (`limosa status`), end it, or take the run over with --steal."));
            }
            // A file system without locks: the lease alone keeps the order.
            Err(TryLockError::Error(_)) => return Ok(None),
        }
        file.rewind()
            .and_then(|()| file.set_len(0))
            .and_then(|()| write!(file, "{}", std::process::id()))
            .map_err(failed)?;
        Ok(Some(Self {
            _file: file,
            before,
        }))
    }

    /// Whether the holder that the error names (as `host:process:…`) is the one who sat here before.
    pub(crate) fn was_held_by(&self, held: &Error) -> bool {
        let Some(before) = self.before else {
            return false;
        };
        let mut parts = held.why().split_whitespace().flat_map(|w| w.split(':'));
        parts.any(|part| part.parse() == Ok(before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(why: &str) -> Error {
        Error::new(ErrorKind::Held, "taking the lease", why)
    }

    #[test]
    fn the_place_is_for_one_and_the_next_knows_who_had_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state/x.db");
        let first = Desk::take(&path, false)
            .expect("it is free")
            .expect("locks work");
        let second = Desk::take(&path, false).expect_err("it is taken");
        assert_eq!(second.kind(), ErrorKind::Held);
        assert!(second.why().contains(&std::process::id().to_string()));
        assert!(Desk::take(&path, true).expect("stolen").is_none());
        drop(first);
        let third = Desk::take(&path, false)
            .expect("it is free")
            .expect("locks work");
        let me = std::process::id();
        assert!(third.was_held_by(&held(&format!("host:{me}:abc holds it"))));
        assert!(!third.was_held_by(&held(&format!("host:{}:abc holds it", me + 1))));
        assert!(!third.was_held_by(&held("somebody holds it")));
    }
}
