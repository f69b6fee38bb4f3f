//! Throw-away PostgreSQL servers.

use crate::run::{self, Owner};
use crate::{execute_psql, query_psql};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// A PostgreSQL server on the loopback address: no password, superuser `limosa`, `wal_level = logical`.
///
/// Three more roles are there for tests of logging in, each with the password `pw` and admitted only with it:
/// `scram` (SCRAM-SHA-256), `md5` and `cleartext`.
#[derive(Debug)]
pub struct PostgresServer {
    dir: PathBuf,
    bin: PathBuf,
    port: u16,
    settings: Vec<(String, String)>,
    child: Option<Child>,
}

/// The PostgreSQL server of this test run; the first call of the run starts it.
///
/// # Panics
/// If PostgreSQL is not installed (with the command that installs it) or does not start.
pub fn postgres() -> &'static PostgresServer {
    static SERVER: OnceLock<PostgresServer> = OnceLock::new();
    SERVER.get_or_init(|| {
        let owner = Owner::of_the_run();
        let run = owner.folder();
        let _lock = run::lock(&run, "postgres.lock");
        let ready = run.join("postgres.ready");
        if let Ok(text) = fs::read_to_string(&ready) {
            let port = text.trim().parse().expect("the ready file holds a port");
            return PostgresServer {
                dir: run.join("postgres"),
                bin: bin(),
                port,
                settings: Vec::new(),
                child: None,
            };
        }
        let mut server = PostgresServer::make(&owner, run.join("postgres"), &[]);
        // From here on the server belongs to the run, not to this process.
        server.child = None;
        fs::write(ready, server.port.to_string()).expect("the folder of the run is ours");
        server
    })
}

/// The folder of the newest installed server.
fn bin() -> PathBuf {
    if let Some(bin) = std::env::var_os("LIMOSA_TEST_POSTGRES_BIN") {
        return PathBuf::from(bin);
    }
    let versions = fs::read_dir("/usr/lib/postgresql");
    let mut versions: Vec<(u32, PathBuf)> = versions
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|e| Some((e.file_name().to_str()?.parse().ok()?, e.path().join("bin"))))
        .filter(|(_, p)| p.join("initdb").is_file() && p.join("postgres").is_file())
        .collect();
    versions.sort();
    if let Some((_, newest)) = versions.pop() {
        return newest;
    }
    run::find(&["postgres"], &[])
        .and_then(|p| Some(p.parent()?.to_path_buf()))
        .filter(|p| p.join("initdb").is_file())
        .expect("PostgreSQL is not installed: run ./setup, or set LIMOSA_TEST_POSTGRES_BIN")
}

impl PostgresServer {
    /// A server of its own for one test that stops it, kills it or wants other settings. It ends when dropped.
    ///
    /// # Panics
    /// If it does not start.
    pub fn private(settings: &[(&str, &str)]) -> Self {
        let owner = Owner::this_process();
        let dir = owner.folder().join(run::fresh_name());
        Self::make(&owner, dir, settings)
    }

    fn make(owner: &Owner, dir: PathBuf, settings: &[(&str, &str)]) -> Self {
        let bin = bin();
        run::server_folder(&dir, "postgres");
        run::watch(owner, &dir, "INT");
        let data = dir.join("data");
        run::run(
            run::as_user("postgres", &bin.join("initdb"))
                .arg("-D")
                .arg(&data)
                .args(["-U", "limosa", "-A", "trust", "-E", "UTF8"])
                .args(["--locale=C", "--no-sync"]),
        );
        let hba = "host all scram 127.0.0.1/32 scram-sha-256\n\
                   host all md5 127.0.0.1/32 md5\n\
                   host all cleartext 127.0.0.1/32 password\n\
                   host all all 127.0.0.1/32 trust\n\
                   host replication all 127.0.0.1/32 trust\n\
                   local all all trust\n\
                   local replication all trust\n";
        fs::write(data.join("pg_hba.conf"), hba).expect("the data folder is ours");
        let mut server = Self {
            dir,
            bin,
            port: 0,
            settings: settings
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            child: None,
        };
        let mut words = String::new();
        for _ in 0..5 {
            server.port = run::free_port();
            match server.launch() {
                Ok(()) => {
                    execute_psql(
                        &server.url("postgres"),
                        "create role scram superuser login password 'pw';\n\
                         create role cleartext superuser login password 'pw';\n\
                         set password_encryption = 'md5';\n\
                         create role md5 superuser login password 'pw';",
                    );
                    return server;
                }
                Err(e) => words = e,
            }
        }
        panic!("{words}");
    }

    fn launch(&mut self) -> Result<(), String> {
        let data = self.dir.join("data");
        let mut command = run::as_user("postgres", &self.bin.join("postgres"));
        command.arg("-D").arg(&data);
        let standard = [
            ("port", self.port.to_string()),
            ("listen_addresses", "127.0.0.1".into()),
            ("unix_socket_directories", self.dir.display().to_string()),
            ("fsync", "off".into()),
            ("synchronous_commit", "off".into()),
            ("full_page_writes", "off".into()),
            ("shared_buffers", "32MB".into()),
            ("max_wal_size", "1GB".into()),
            ("wal_level", "logical".into()),
            ("max_wal_senders", "20".into()),
            ("max_replication_slots", "20".into()),
            ("max_connections", "200".into()),
            ("max_prepared_transactions", "10".into()),
            ("autovacuum_naptime", "1h".into()),
            ("log_min_messages", "warning".into()),
        ];
        for (k, v) in &standard {
            command.arg("-c").arg(format!("{k}={v}"));
        }
        for (k, v) in &self.settings {
            command.arg("-c").arg(format!("{k}={v}"));
        }
        let url = self.url("postgres");
        let psql = run::find(&["psql"], std::slice::from_ref(&self.bin))
            .expect("psql is missing; ./setup installs it");
        self.child = Some(run::start(command, &self.dir, || {
            answers(Command::new(&psql).args(["-X", "-q", "-d", &url, "-c", "select 1"]))
        })?);
        Ok(())
    }

    /// Makes a fresh database and gives its URL.
    pub fn database(&self) -> String {
        let name = run::fresh_name();
        execute_psql(&self.url("postgres"), &format!("create database {name}"));
        self.url(&name)
    }

    /// The URL of a database, with the superuser.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://limosa@127.0.0.1:{}/{database}", self.port)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Lets the rule of `pg_hba.conf` stand before the others, from the next start on.
    pub fn admit(&self, rule: &str) {
        let file = self.dir.join("data/pg_hba.conf");
        let old = fs::read_to_string(&file).expect("the server has rules");
        fs::write(file, format!("{rule}\n{old}")).expect("the data folder is ours");
    }

    /// Makes a private server that is stopped a standby of nobody, from the next start on.
    pub fn demote(&self) {
        fs::write(self.dir.join("data/standby.signal"), "").expect("the data folder is ours");
    }

    /// The folder of the Unix socket.
    pub fn socket_folder(&self) -> &Path {
        &self.dir
    }

    /// The major version.
    pub fn version(&self) -> u32 {
        let number = query_psql(&self.url("postgres"), "show server_version_num");
        number
            .parse::<u32>()
            .expect("PostgreSQL says its version as a number")
            / 10_000
    }

    /// Stops a private server the quick way: sessions are ended, nothing committed is lost.
    pub fn stop(&mut self) {
        self.end("INT");
    }

    /// Kills a private server as a power cut would.
    pub fn kill(&mut self) {
        self.end("QUIT");
    }

    fn end(&mut self, signal: &str) {
        let mut child = self
            .child
            .take()
            .expect("a private server that runs; the run's own is never stopped by a test");
        run::run(Command::new("kill").args(["-s", signal, &child.id().to_string()]));
        child.wait().expect("a child can be waited for");
    }

    /// Starts a private server again, at the same port.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(&mut self) {
        if let Err(words) = self.launch() {
            panic!("{words}");
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.end("INT");
        }
        fs::write(self.dir.join("stop"), "").ok();
    }
}

/// Whether a client gets an answer.
pub(crate) fn answers(client: &mut Command) -> bool {
    client
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}
