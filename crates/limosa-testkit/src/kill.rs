//! Killing a program and running it again until it gets to its end.
//!
//! The promise under test: kill it anywhere, run it again, it goes on. [`at_each`] kills at named
//! places, through the variable `FAILPOINTS`; [`at_random`] kills at any time. Both run the command
//! again until it ends well, and leave the comparing to the caller.

use rand::Rng;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What a killed and resumed program has done.
#[derive(Debug)]
pub struct Outcome {
    /// Runs that were ended by force.
    pub kills: u32,
    /// Runs in all; the last one ended well.
    pub runs: u32,
    /// What the last run printed.
    pub last: Output,
}

/// Bounds, so that a program that never gets on is a failure and not a hanging test.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Runs at most.
    pub runs: u32,
    /// The longest time of one run that is left alone.
    pub run_limit: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            runs: 40,
            run_limit: Duration::from_secs(120),
        }
    }
}

/// For each of `points`, in turn: `prepare` is called, then the command of `command` is run with
/// `FAILPOINTS=<point>=<action>` and, when that has ended it, again without, until it exits 0; then
/// `check` is called with the point. Gives the points at which the first run was not ended: those
/// that the program never reached, which a caller may want to be none.
///
/// An action that aborts the process is `panic` or `return` in the words of the crate `fail`, as the
/// program's failpoints understand them; `1*off->panic` passes once and ends it at the second time.
///
/// # Panics
/// If a run after the first does not exit 0, with its words.
pub fn at_each(
    points: &[&str],
    action: &str,
    bounds: Bounds,
    mut prepare: impl FnMut(&str),
    command: impl Fn() -> Command,
    mut check: impl FnMut(&str),
) -> Vec<String> {
    let mut not_reached = Vec::new();
    for &point in points {
        prepare(point);
        let mut first = command();
        first.env("FAILPOINTS", format!("{point}={action}"));
        let out = run(first, None, bounds.run_limit);
        if out.status.success() {
            not_reached.push(point.to_owned());
        } else {
            let out = run(command(), None, bounds.run_limit);
            assert!(
                out.status.success(),
                "after a kill at {point}, the next run ended with {}\n{}",
                out.status,
                words(&out)
            );
        }
        check(point);
    }
    not_reached
}

/// Runs the command, kills it (`SIGKILL`) after a random part of `within`, and again, at most
/// `kills` times; then runs it without harm until it exits 0. A run that ends well before its kill ends the loop.
///
/// # Panics
/// If a run that was not killed ends other than well, with its words, or the bounds are reached.
pub fn at_random(
    kills: u32,
    within: Duration,
    bounds: Bounds,
    command: impl Fn() -> Command,
) -> Outcome {
    let mut rng = rand::rng();
    let mut done = 0;
    for runs in 1..=bounds.runs {
        let kill = (done < kills).then(|| within.mul_f64(rng.random_range(0.0..1.0)));
        let out = run(command(), kill, bounds.run_limit);
        if out.status.success() {
            return Outcome {
                kills: done,
                runs,
                last: out,
            };
        }
        let killed = std::os::unix::process::ExitStatusExt::signal(&out.status) == Some(9);
        assert!(
            killed && kill.is_some(),
            "run {runs} (after {done} kills) ended with {}\n{}",
            out.status,
            words(&out)
        );
        done += 1;
    }
    panic!("{} runs did not get to the end ({done} kills)", bounds.runs);
}

fn words(out: &Output) -> String {
    let text = |b: &[u8]| {
        let s = String::from_utf8_lossy(b);
        s.chars().take(8000).collect::<String>()
    };
    format!("{}{}", text(&out.stdout), text(&out.stderr))
}

/// Runs a command to its end, or to its kill.
fn run(mut command: Command, kill_after: Option<Duration>, limit: Duration) -> Output {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let begun = Instant::now();
    let end = kill_after.unwrap_or(limit);
    let drain = |pipe: Option<Box<dyn std::io::Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut pipe) = pipe {
                pipe.read_to_end(&mut bytes).ok();
            }
            bytes
        })
    };
    let stdout = drain(child.stdout.take().map(|p| Box::new(p) as _));
    let stderr = drain(child.stderr.take().map(|p| Box::new(p) as _));
    let mut late = false;
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child can be asked") {
            break status;
        }
        if begun.elapsed() >= end {
            late = kill_after.is_none();
            child.kill().expect("a child can be killed");
            break child.wait().expect("a child can be waited for");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let out = Output {
        status,
        stdout: stdout.join().unwrap_or_default(),
        stderr: stderr.join().unwrap_or_default(),
    };
    assert!(
        !late,
        "{command:?} did not end within {limit:?}\n{}",
        words(&out)
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// A program that does ten small durable steps and goes on where it was ended.
    fn steps(file: &Path) -> Command {
        let mut c = Command::new("sh");
        c.arg("-c").arg(
            r#"f=$1; [ -e "$f" ] || : >"$f"
            while [ "$(wc -l <"$f")" -lt 10 ]; do
              case "$FAILPOINTS" in "step$(wc -l <"$f" | tr -d ' ')=panic") exit 101;; esac
              echo x >>"$f"; sleep 0.02
            done; echo done"#,
        );
        c.arg("sh").arg(file);
        c
    }

    #[test]
    fn a_program_that_goes_on_gets_to_its_end_through_random_kills() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("steps");
        let out = at_random(5, Duration::from_millis(60), Bounds::default(), || {
            steps(&file)
        });
        assert!(out.runs > out.kills);
        assert_eq!(out.last.stdout, b"done\n");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "x\n".repeat(10));
    }

    #[test]
    fn the_matrix_ends_the_program_at_each_point_and_names_those_not_reached() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("steps");
        let mut checked = 0;
        let not_reached = at_each(
            &["step0", "step7", "step99"],
            "panic",
            Bounds::default(),
            |_| {
                std::fs::remove_file(&file).ok();
            },
            || steps(&file),
            |_| {
                checked += 1;
                assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 10);
            },
        );
        assert_eq!(not_reached, ["step99"]);
        assert_eq!(checked, 3);
    }

    #[test]
    #[should_panic(expected = "ended with")]
    fn a_program_that_fails_by_itself_is_a_failure() {
        at_random(1, Duration::from_secs(60), Bounds::default(), || {
            let mut c = Command::new("sh");
            c.args(["-c", "exit 3"]);
            c
        });
    }
}
