//! One test run: its folder, its servers and their end.
//!
//! A test runner may give every test a process of its own, so what is "once per run" is agreed
//! through files. The run is named by its owner, the process whose end is the run's end: the runner
//! where there is one, else the test's own process. The first process that needs a server takes the
//! lock, starts it and writes a `ready` file; the others read that. A detached shell watches
//! the owner and stops the server when the owner is gone, however it went.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The time that a server has for starting, on a loaded machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Waits for the owner's end (or for `stop` in the folder), stops the server and removes the folder.
///
/// The server's process is named by the file `pid`, and is ended only if its command line names the
/// folder: a number that was given to another process meanwhile does no harm.
const WATCH: &str = r#"
owner=$1 dir=$2
gone() {
  kill -0 "$1" 2>/dev/null || return 0
  [ -r "/proc/$1/stat" ] || return 1
  case "$(cat "/proc/$1/stat" 2>/dev/null)" in *') Z '*) return 0;; esac
  return 1
}
until gone "$owner" || [ -e "$dir/stop" ]; do sleep 0.3; done
ours() {
  gone "$1" && return 1
  if [ -r "/proc/$1/cmdline" ]; then words=$(tr '\0' ' ' <"/proc/$1/cmdline"); else words=$(ps -o args= -p "$1"); fi
  case "$words" in *"$dir"*) return 0;; esac
  return 1
}
pid=$(cat "$dir/pid" 2>/dev/null)
if [ -n "$pid" ] && ours "$pid"; then
  kill -s "$3" "$pid"
  n=0; while ours "$pid" && [ $n -lt 50 ]; do sleep 0.1; n=$((n+1)); done
  ours "$pid" && kill -s KILL "$pid"
fi
n=0; while [ -e "$dir" ] && [ $n -lt 20 ]; do rm -rf "$dir" 2>/dev/null; n=$((n+1)); [ -e "$dir" ] && sleep 0.1; done
rm -f "$dir.ready" "$dir.lock"; rmdir "$(dirname "$dir")" 2>/dev/null
exit 0
"#;

/// A process by number and by the time it was started, so that a number given twice is told apart.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    pub(crate) pid: u32,
    started: String,
}

/// The name and the start time of a process.
fn describe(pid: u32) -> Option<(String, String)> {
    if let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) {
        let (head, tail) = stat.rsplit_once(") ")?;
        let name = head.split_once('(')?.1.to_owned();
        return Some((name, tail.split(' ').nth(19)?.to_owned()));
    }
    let ps = |what: &str| {
        let out = Command::new("ps")
            .args(["-o", what, "-p", &pid.to_string()])
            .output();
        out.ok().filter(|o| o.status.success()).map(|o| {
            String::from_utf8_lossy(&o.stdout)
                .chars()
                .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
                .collect::<String>()
        })
    };
    let name = Command::new("ps")
        .args(["-o", "comm=", "-p", &pid.to_string()])
        .output()
        .ok()
        .map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned())?;
    let name = name.rsplit('/').next().unwrap_or(&name).to_owned();
    Some((name, ps("lstart=")?))
}

impl Owner {
    /// The process whose end is the end of this run.
    pub(crate) fn of_the_run() -> Self {
        if let Ok(pid) = std::env::var("LIMOSA_TEST_OWNER") {
            let pid = pid
                .parse()
                .expect("LIMOSA_TEST_OWNER is the number of a process");
            return Self::new(pid).expect("the process LIMOSA_TEST_OWNER is alive");
        }
        let parent = std::os::unix::process::parent_id();
        let runner = std::env::var_os("NEXTEST_RUN_ID").is_some()
            || describe(parent)
                .is_some_and(|(name, _)| name.starts_with("cargo") || name.starts_with("rustdoc"));
        runner
            .then(|| Self::new(parent))
            .flatten()
            .unwrap_or_else(Self::this_process)
    }

    /// This process itself.
    pub(crate) fn this_process() -> Self {
        Self::new(std::process::id()).expect("this process is alive")
    }

    fn new(pid: u32) -> Option<Self> {
        describe(pid).map(|(_, started)| Self { pid, started })
    }

    /// The folder of the run, made if it is missing.
    pub(crate) fn folder(&self) -> PathBuf {
        let base = base();
        let run = base.join(format!("{}-{}", self.pid, self.started));
        // The watcher of a server that has just ended may take the empty folder away; so try again.
        for _ in 0..50 {
            fs::create_dir_all(&run).expect("the folder of the run can be made");
            if run.is_dir() {
                break;
            }
        }
        run
    }
}

/// Whether this process is root; servers refuse to run as root.
pub(crate) fn root() -> bool {
    fs::metadata("/proc/self").map_or_else(
        |_| {
            let id = Command::new("id").arg("-u").output();
            id.is_ok_and(|o| o.stdout.trim_ascii() == b"0")
        },
        |m| m.uid() == 0,
    )
}

/// The folder of all runs of this user. Other users must get through it, because root's servers run as others.
fn base() -> PathBuf {
    let parent = match std::env::var_os("LIMOSA_TEST_DIR") {
        Some(dir) => PathBuf::from(dir),
        None if root() => PathBuf::from("/tmp"),
        None => std::env::temp_dir(),
    };
    let uid = fs::metadata("/proc/self")
        .map(|m| m.uid().to_string())
        .unwrap_or_else(|_| std::env::var("USER").unwrap_or_default());
    let base = parent.join(format!("limosa-test-{uid}"));
    let made = fs::DirBuilder::new().mode(0o755).create(&base);
    if let Err(e) = made
        && e.kind() != io::ErrorKind::AlreadyExists
    {
        panic!("{} can not be made: {e}", base.display());
    }
    base
}

/// Takes the lock `name` of the run until the file is dropped.
pub(crate) fn lock(run: &Path, name: &str) -> File {
    let file = File::create(run.join(name)).expect("the lock file can be made");
    file.lock().expect("the lock can be taken");
    file
}

/// A port of the loopback address that nobody listens at just now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("the loopback address has a port");
    listener.local_addr().expect("a listener has a port").port()
}

/// Makes a folder for a server that runs as `user` when we are root.
pub(crate) fn server_folder(dir: &Path, user: &str) {
    fs::create_dir_all(dir).expect("the server's folder can be made");
    if root() {
        run(Command::new("chown").arg(format!("{user}:")).arg(dir));
    }
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("the folder is ours");
}

/// Gives a file to `user` when we are root.
pub(crate) fn give(file: &Path, user: &str) {
    if root() {
        run(Command::new("chown").arg(format!("{user}:")).arg(file));
    }
}

/// A command that runs as `user` when we are root, in a folder that everybody may enter.
pub(crate) fn as_user(user: &str, program: &Path) -> Command {
    let mut command = if root() {
        let mut c = Command::new("setpriv");
        c.arg(format!("--reuid={user}"))
            .arg(format!("--regid={user}"))
            .arg("--init-groups")
            .arg("--")
            .arg(program);
        c
    } else {
        Command::new(program)
    };
    command
        .current_dir("/")
        .env_remove("NOTIFY_SOCKET")
        .stdin(Stdio::null());
    command
}

/// Runs a command to its end and gives what it printed.
///
/// # Panics
/// If it fails, with its words.
pub(crate) fn run(command: &mut Command) -> Vec<u8> {
    let out = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(
        out.status.success(),
        "{command:?}: {}\n{}{}",
        out.status,
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    out.stdout
}

/// Starts the watcher of a server folder. `signal` is the server's word for a quick stop.
pub(crate) fn watch(owner: &Owner, dir: &Path, signal: &str) {
    // A shell starts the watching one and ends at once: nobody has to wait for the watcher.
    let started = Command::new("sh")
        .args(["-c", r#"sh -c "$@" &"#, "sh", WATCH, "limosa-test-watch"])
        .arg(owner.pid.to_string())
        .arg(dir)
        .arg(signal)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .status();
    assert!(
        started.is_ok_and(|s| s.success()),
        "a shell can not be started"
    );
}

/// Starts a server in a process group of its own, writes its number down, and waits until `ready` says so.
/// Its words go to `log` in `dir`.
///
/// # Errors
/// The end of the log, if it ends or does not get ready in time.
pub(crate) fn start(
    mut command: Command,
    dir: &Path,
    ready: impl Fn() -> bool,
) -> Result<Child, String> {
    let path = dir.join("log");
    let log = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .expect("the log can be made");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a file can be opened twice"))
        .stderr(log)
        .process_group(0)
        .spawn()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    fs::write(dir.join("pid"), child.id().to_string()).expect("the folder is ours");
    let begun = Instant::now();
    loop {
        let ended = child.try_wait().expect("a child can be asked");
        if ended.is_none() && ready() {
            return Ok(child);
        }
        if ended.is_some() || begun.elapsed() > START_LIMIT {
            child.kill().ok();
            child.wait().ok();
            let log = fs::read(&path).unwrap_or_default();
            let log = String::from_utf8_lossy(&log[log.len().saturating_sub(4000)..]).into_owned();
            return Err(format!("{command:?} did not start:\n{log}"));
        }
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// The first of `names` in `folders` or in the search path.
pub(crate) fn find(names: &[&str], folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let system = ["/usr/sbin", "/usr/libexec", "/usr/local/sbin"].map(PathBuf::from);
    folders
        .iter()
        .chain(&path)
        .chain(&system)
        .flat_map(|f| names.iter().map(move |n| f.join(n)))
        .find(|p| p.is_file())
}

/// A name for a fresh database that no other test of this server has.
pub(crate) fn fresh_name() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let n = COUNT.fetch_add(1, Ordering::Relaxed);
    let salt: u32 = rand::random();
    format!("test_{:x}_{n}_{salt:08x}", std::process::id())
}

/// Makes a fresh folder for files of one test. It is removed when the test run ends.
pub fn folder() -> PathBuf {
    let owner = Owner::of_the_run();
    let run = owner.folder();
    let files = run.join("files");
    let lock = lock(&run, "files.lock");
    if !run.join("files.ready").exists() {
        fs::create_dir_all(&files).expect("the folder of the run is ours");
        watch(&owner, &files, "TERM");
        fs::write(run.join("files.ready"), "").expect("the folder of the run is ours");
    }
    drop(lock);
    let folder = files.join(fresh_name());
    fs::create_dir(&folder).expect("the folder of the run is ours");
    folder
}
