//! The binary as a child whose greatest resident memory is looked at.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What became of a run.
pub(crate) struct Ended {
    /// The exit code.
    pub(crate) code: i32,
    /// Standard output and standard error.
    pub(crate) words: String,
    /// The most that was resident at once, in bytes, with the program's own code and libraries.
    pub(crate) peak: u64,
}

/// `VmHWM`: the kernel's own high-water mark, so that looking seldom misses nothing but the last
/// moment of the process.
fn high_water(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// Whether this system tells the memory of a process.
#[allow(clippy::print_stdout, reason = "a test says what it skips")]
pub(crate) fn measurable() -> bool {
    let there = high_water(std::process::id()).is_some();
    if !there {
        println!("skipped: this system does not tell the memory of a process in /proc");
    }
    there
}

/// Runs the binary in a folder between two databases.
pub(crate) fn limosa(
    folder: &Path,
    source: &str,
    target: &str,
    verb: &str,
    options: &[&str],
) -> Ended {
    let config = format!("[source]\nurl = '{source}'\n[target]\nurl = '{target}'\n");
    std::fs::write(folder.join("limosa.toml"), config).expect("a file can be written");
    let words = folder.join("words");
    let out = std::fs::File::create(&words).expect("a file can be made");
    let err = out.try_clone().expect("a handle can be doubled");
    let mut child = Command::new(env!("CARGO_BIN_EXE_limosa"))
        .arg(verb)
        .args(options)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
        .expect("the binary runs");
    let mut peak = 0;
    let status = loop {
        peak = peak.max(high_water(child.id()).unwrap_or(0));
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    Ended {
        code: status.code().unwrap_or(-1),
        words: std::fs::read_to_string(&words).unwrap_or_default(),
        peak,
    }
}
