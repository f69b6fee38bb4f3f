//! One case.

use crate::engine::Engine;
use serde::Deserialize;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a case expects.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// What it shows, as a sentence.
    pub(crate) about: String,
    /// The sources; all that have a file, if none is named.
    #[serde(default)]
    sources: Vec<String>,
    /// The targets; all, if none is named.
    #[serde(default)]
    targets: Vec<String>,
    /// The configuration, without the two databases.
    #[serde(default)]
    settings: String,
    /// The exit code of `limosa run`.
    #[serde(default)]
    exit: i32,
    /// What its words hold.
    #[serde(default)]
    says: Vec<String>,
    /// What the target answers.
    #[serde(default)]
    query: Vec<Query>,
}

/// A question to the target, with names in double quotes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    /// Only these targets are asked, if any is named.
    #[serde(default)]
    targets: Vec<String>,
    sql: String,
    answer: String,
}

/// Reads a case.
pub(crate) fn read(folder: &Path) -> Case {
    let path = folder.join("case.toml");
    let text = std::fs::read_to_string(&path).expect("the case is there");
    let case: Case = toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert!(
        !case.about.is_empty(),
        "{} says what it shows",
        path.display()
    );
    case
}

fn names(list: &[String], engine: Engine) -> bool {
    list.is_empty() || list.iter().any(|n| n == engine.name())
}

/// The SQL of a source.
fn source(folder: &Path, engine: Engine) -> Option<String> {
    [format!("source.{}.sql", engine.name()), "source.sql".into()]
        .iter()
        .find_map(|name| std::fs::read_to_string(folder.join(name)).ok())
}

/// Runs the binary in a folder and gives its exit code and its words.
pub(crate) fn limosa(folder: &Path, args: &[&str]) -> (i32, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_limosa"))
        .args(args)
        .current_dir(folder)
        .env("LIMOSA_TEST_SALT", "grains")
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    let words = format!(
        "{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    (out.status.code().unwrap_or(-1), words)
}

impl Case {
    pub(crate) fn has(&self, from: Engine, to: Engine) -> bool {
        names(&self.sources, from) && names(&self.targets, to)
    }

    /// Runs it between two fresh databases.
    pub(crate) fn run(&self, folder: &Path, from: Engine, to: Engine) -> Result<(), String> {
        let Some(sql) = source(folder, from) else {
            return Ok(());
        };
        let here = tempfile::tempdir().expect("a folder can be made");
        let old = from.database(here.path(), "old.db");
        let new = to.database(here.path(), "new.db");
        old.execute(&sql);
        let config = format!(
            "{}\n[source]\nurl = '{}'\n[target]\nurl = '{}'\n",
            self.settings, old.url, new.url
        );
        std::fs::write(here.path().join("limosa.toml"), config).expect("a file can be written");
        let (code, words) = limosa(here.path(), &["run"]);
        if code != self.exit {
            return Err(format!("run ended with {code}\n{words}"));
        }
        for part in &self.says {
            if !words.contains(part) {
                return Err(format!("{part:?} is not in\n{words}"));
            }
        }
        for query in &self.query {
            if names(&query.targets, to) {
                let answer = new.ask(&query.sql);
                if answer != query.answer.trim_end() {
                    return Err(format!(
                        "{}\ngave\n{answer}\nnot\n{}",
                        query.sql, query.answer
                    ));
                }
            }
        }
        if self.exit == 0 {
            let (code, words) = limosa(here.path(), &["verify"]);
            if code != 0 {
                return Err(format!("verify ended with {code}\n{words}"));
            }
        }
        Ok(())
    }
}
