//! Throw-away MariaDB (or MySQL) servers.

use crate::postgres::answers;
use crate::run::{self, Owner};
use crate::{execute_mysql, query_mysql};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;

/// A MariaDB or MySQL server on the loopback address: user `limosa` with all rights and the password `pw`,
/// row binlog with GTIDs, `local_infile` on, utf8mb4.
#[derive(Debug)]
pub struct MariaServer {
    dir: PathBuf,
    program: Program,
    port: u16,
    arguments: Vec<String>,
    child: Option<Child>,
}

/// The server program that was found.
#[derive(Clone, Debug)]
struct Program {
    path: PathBuf,
    mysql: bool,
    arguments: Vec<String>,
}

/// The MariaDB (or MySQL) server of this test run; the first call of the run starts it.
///
/// # Panics
/// If it is not installed (with the command that installs it) or does not start.
pub fn mariadb() -> &'static MariaServer {
    static SERVER: OnceLock<MariaServer> = OnceLock::new();
    SERVER.get_or_init(|| {
        let owner = Owner::of_the_run();
        let run = owner.folder();
        let _lock = run::lock(&run, "mariadb.lock");
        let ready = run.join("mariadb.ready");
        if let Ok(text) = fs::read_to_string(&ready) {
            let port = text.trim().parse().expect("the ready file holds a port");
            return MariaServer {
                dir: run.join("mariadb"),
                program: Program::find(),
                port,
                arguments: Vec::new(),
                child: None,
            };
        }
        let mut server = MariaServer::make(&owner, run.join("mariadb"), &[]);
        // From here on the server belongs to the run, not to this process.
        server.child = None;
        fs::write(ready, server.port.to_string()).expect("the folder of the run is ours");
        server
    })
}

impl Program {
    fn find() -> Self {
        let names = ["mariadbd", "mysqld"];
        let path = match std::env::var_os("LIMOSA_TEST_MYSQL").map(PathBuf::from) {
            Some(file) if file.is_file() => Some(file),
            Some(folder) => ["", "bin", "sbin", "libexec", "usr/sbin"]
                .iter()
                .flat_map(|f| names.iter().map(move |n| (f, n)))
                .map(|(f, n)| folder.join(f).join(n))
                .find(|p| p.is_file()),
            None => run::find(&names, &[]),
        };
        let path = path.expect("MariaDB is not installed: run ./setup, or set LIMOSA_TEST_MYSQL");
        let arguments: Vec<String> = std::env::var("LIMOSA_TEST_MYSQL_ARGS")
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        let version = run::run(Command::new(&path).args(["--no-defaults", "--version"]));
        let mysql = !String::from_utf8_lossy(&version).contains("MariaDB");
        Self {
            path,
            mysql,
            arguments,
        }
    }

    fn command(&self) -> Command {
        let mut c = run::as_user("mysql", &self.path);
        c.arg("--no-defaults").args(&self.arguments);
        c
    }
}

impl MariaServer {
    /// A server of its own for one test that stops it, kills it or wants other arguments. It ends when dropped.
    ///
    /// # Panics
    /// If it does not start.
    pub fn private(arguments: &[&str]) -> Self {
        let owner = Owner::this_process();
        let dir = owner.folder().join(run::fresh_name());
        Self::make(&owner, dir, arguments)
    }

    fn make(owner: &Owner, dir: PathBuf, arguments: &[&str]) -> Self {
        let program = Program::find();
        run::server_folder(&dir, "mysql");
        run::watch(owner, &dir, "TERM");
        let data = format!("--datadir={}", dir.join("data").display());
        let scratch = format!("--tmpdir={}", dir.display());
        if program.mysql {
            run::run(program.command().arg(&data).arg("--initialize-insecure"));
        } else {
            let install = run::find(&["mariadb-install-db", "mysql_install_db"], &[])
                .expect("mariadb-install-db is missing; ./setup installs it");
            run::run(
                run::as_user("mysql", &install)
                    .args(["--no-defaults", &data, &scratch, "--skip-test-db"])
                    .arg("--auth-root-authentication-method=normal")
                    .arg("--innodb-log-file-size=16M"),
            );
        }
        let mut server = Self {
            dir,
            program,
            port: 0,
            arguments: arguments.iter().map(|a| (*a).to_owned()).collect(),
            child: None,
        };
        let mut words = String::new();
        for _ in 0..5 {
            server.port = run::free_port();
            match server.launch() {
                Ok(()) => {
                    server.as_root(
                        "create user limosa@'%' identified by 'pw'; \
                         grant all on *.* to limosa@'%' with grant option",
                    );
                    return server;
                }
                Err(e) => words = e,
            }
        }
        panic!("{words}");
    }

    fn client(&self) -> Command {
        let path = run::find(&["mariadb", "mysql"], &[]);
        let mut c = Command::new(path.expect("mariadb is missing; ./setup installs it"));
        c.args(["--no-defaults", "-uroot"])
            .arg(format!("--socket={}", self.socket().display()));
        c
    }

    fn as_root(&self, sql: &str) {
        run::run(self.client().args(["-e", sql]));
    }

    fn launch(&mut self) -> Result<(), String> {
        let mut c = self.program.command();
        c.arg(format!("--datadir={}", self.dir.join("data").display()))
            .arg(format!("--socket={}", self.socket().display()))
            .arg(format!("--pid-file={}", self.dir.join("server").display()))
            .arg(format!("--tmpdir={}", self.dir.display()))
            .arg(format!("--port={}", self.port))
            .args(["--bind-address=127.0.0.1", "--skip-name-resolve"])
            .args(["--server-id=1", "--log-bin=binlog", "--binlog-format=ROW"])
            .args(["--binlog-row-image=FULL", "--binlog-row-metadata=FULL"])
            .args(["--log-slave-updates=ON", "--local-infile=1"])
            .args(["--character-set-server=utf8mb4", "--max-connections=200"])
            .args(["--max-allowed-packet=1G", "--sync-binlog=0"])
            .args(["--innodb-flush-log-at-trx-commit=0"])
            .args(["--innodb-buffer-pool-size=64M", "--innodb-doublewrite=0"]);
        if self.program.mysql {
            c.args(["--gtid-mode=ON", "--enforce-gtid-consistency=ON"])
                .args(["--mysqlx=OFF", "--secure-file-priv="]);
        } else {
            c.args(["--gtid-strict-mode=ON", "--innodb-log-file-size=16M"]);
        }
        c.args(&self.arguments);
        let client = || {
            answers(
                self.client()
                    .args(["--connect-timeout=2", "-e", "select 1"]),
            )
        };
        let child = run::start(c, &self.dir, client)?;
        self.child = Some(child);
        Ok(())
    }

    /// Makes a fresh database and gives its URL.
    pub fn database(&self) -> String {
        let name = run::fresh_name();
        execute_mysql(
            &self.url(""),
            &format!("create database {name} character set utf8mb4"),
        );
        self.url(&name)
    }

    /// The URL of a database, with the user that may do everything.
    pub fn url(&self, database: &str) -> String {
        format!("mysql://limosa:pw@127.0.0.1:{}/{database}", self.port)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("sock")
    }

    /// The folder of the server.
    pub fn folder(&self) -> &Path {
        &self.dir
    }

    /// Whether this is MySQL rather than MariaDB.
    pub fn mysql(&self) -> bool {
        self.program.mysql
    }

    /// The version as the server says it.
    pub fn version(&self) -> String {
        query_mysql(&self.url(""), "select version()")
    }

    /// Stops a private server in good order.
    pub fn stop(&mut self) {
        self.end("TERM");
    }

    /// Kills a private server as a power cut would.
    pub fn kill(&mut self) {
        self.end("KILL");
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

impl Drop for MariaServer {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.end("TERM");
        }
        fs::write(self.dir.join("stop"), "").ok();
    }
}
