//! Certificates for tests of TLS, made by `openssl`.

use crate::run;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with an authority (`ca.crt`), a certificate of `localhost` (`server.crt`, `server.key`) and one of a
/// client (`client.crt`, `client.key`), both signed by it; the client's key is there encrypted too (`locked.key`).
/// Another authority (`other.crt`) has signed nothing but `stranger.crt`, which names the same client.
#[derive(Debug)]
pub struct Certificates {
    folder: tempfile::TempDir,
}

impl Certificates {
    /// Makes them. `client` is the common name of the client; `user` the system's user whose server reads the
    /// server's key, if there is one of that name.
    ///
    /// # Panics
    /// If there is no `openssl`.
    pub fn new(client: &str, user: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder for certificates");
        let it = Self { folder };
        let root = it.folder.path();
        std::fs::set_permissions(root, std::fs::Permissions::from_mode(0o755)).expect("ours");
        std::fs::write(root.join("san"), "subjectAltName=DNS:localhost\n").expect("writable");
        for authority in ["ca", "other"] {
            it.openssl(&format!(
                "req -x509 -newkey rsa:2048 -nodes -keyout {authority}.key -out {authority}.crt -subj /CN={authority} -days 30"
            ));
        }
        for (name, subject, authority) in [
            ("server", "localhost", "ca"),
            ("client", client, "ca"),
            ("stranger", client, "other"),
        ] {
            it.openssl(&format!(
                "req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={subject}"
            ));
            it.openssl(&format!(
                "x509 -req -in {name}.csr -CA {authority}.crt -CAkey {authority}.key -CAcreateserial \
                 -out {name}.crt -days 30 -extfile san -sha256"
            ));
        }
        it.openssl("pkey -in client.key -aes256 -passout pass:secret -out locked.key");
        for key in ["server.key", "client.key", "stranger.key", "locked.key"] {
            let private = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(root.join(key), private).expect("ours");
        }
        run::give(&root.join("server.key"), user);
        it
    }

    fn openssl(&self, arguments: &str) {
        let mut openssl = Command::new("openssl");
        openssl
            .current_dir(self.folder.path())
            .args(arguments.split_whitespace());
        run::run(&mut openssl);
    }

    /// The path of one of the files.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same as text.
    pub fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
