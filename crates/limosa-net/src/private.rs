//! Files of secrets.

use limosa_core::{Error, ErrorKind, Result};
use std::path::Path;

/// Refuses a file of secrets that others may read. As libpq: one that belongs to root may be read by its
/// group, which is how distributions hand keys to services.
///
/// # Errors
/// `File` if it can not be looked at, `Configuration` if others may read it.
pub fn private(file: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let found = std::fs::metadata(file).map_err(|e| {
            Error::new(ErrorKind::File, "reading a file of secrets", e.to_string())
                .on(file.display().to_string())
        })?;
        let open = if found.uid() == 0 { 0o037 } else { 0o077 };
        if found.is_file() && found.mode() & open != 0 {
            return Err(Error::new(
                ErrorKind::Configuration,
                "reading a file of secrets",
                "the file may be read by others",
            )
            .on(file.display().to_string())
            .hint(format!("chmod 600 {}", file.display())));
        }
    }
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}
