//! File, environment and flags become one [`Settings`]: flag before environment before file before default.
//!
//! Reading never acts, acting never reads: whoever has a [`Settings`] has understood everything that
//! the person wrote, or the person has been told what is wrong, where, and what to do.

pub mod amount;

mod address;
mod checks;
pub mod data_test;
mod file;
mod keys;
mod problem;
mod resolve;
mod wishes;
mod words;

pub use address::{Address, Redactor};
pub use keys::{KEYS, Key, Layer, Origin, key};
pub use problem::Problem;
pub(crate) use problem::nearest;
pub use words::Variables;

pub use limosa_flow::settings::{Extent, RowExtent, ServerSums};

use limosa_flow::check::Check;
use limosa_flow::settings::{PlanSettings, RunSettings};
use std::path::{Path, PathBuf};

/// The name of the file that is read when none is named.
pub const FILE_NAME: &str = "limosa.toml";

/// A file longer than this is not a configuration.
const FILE_BYTES: u64 = 1 << 20;

/// What the settings are read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// For work with the databases: passwords are fetched from where they are kept.
    Databases,
    /// For the journal alone: URLs and passwords are left alone, no command is run for them.
    Journal,
}

/// Everything that a person asked for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The file that was read, if one was.
    pub file: Option<PathBuf>,
    /// Where from.
    pub source: Option<Address>,
    /// Where to.
    pub target: Option<Address>,
    /// What the plan depends on.
    pub plan: PlanSettings,
    /// What the run depends on.
    pub run: RunSettings,
    /// The folder of the journals.
    pub state: PathBuf,
    /// The folder of the reports.
    pub report: PathBuf,
    /// The data tests.
    pub checks: Vec<Check>,
    /// Columns whose values are never shown: patterns on `table.column`.
    pub masked: Vec<String>,
    /// Every key with its value, secrets left out, and who said it.
    pub chosen: Vec<Chosen>,
    secrets: Vec<String>,
}

/// One key of the settings as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// The key.
    pub key: &'static str,
    /// Its value, secrets left out; `None` if there is none and no default.
    pub value: Option<String>,
    /// Who said it.
    pub origin: Origin,
}

impl Settings {
    /// Settings with only a source and a target, and defaults for the rest; for programs.
    pub fn between(source: &str, target: &str) -> Result<Self, Problem> {
        let mut layer = Layer::default();
        layer.set(key::SOURCE, source, Origin::Flag);
        layer.set(key::TARGET, target, Origin::Flag);
        Self::layered(None, &layer, &|_| None, Reach::Databases)
    }

    /// Reads the file at `path`, if one is named, and lays the variables and the flags over it.
    ///
    /// # Errors
    /// A [`Problem`] that names the place, for anything that is not understood.
    pub fn load(
        path: Option<&Path>,
        flags: &Layer,
        variables: Variables<'_>,
        reach: Reach,
    ) -> Result<Self, Problem> {
        let text = path.map(read).transpose()?;
        match (path, &text) {
            (Some(path), Some(text)) => Self::layered(Some((path, text)), flags, variables, reach)
                .map_err(|p| {
                    if p.span.is_some() {
                        p.within(path, text)
                    } else {
                        p
                    }
                }),
            _ => Self::layered(None, flags, variables, reach),
        }
    }

    /// Lays the variables and the flags over the text of a file.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn layered(
        file: Option<(&Path, &str)>,
        flags: &Layer,
        variables: Variables<'_>,
        reach: Reach,
    ) -> Result<Self, Problem> {
        resolve::resolve(file, flags, variables, reach)
    }

    /// The JSON Schema of the file.
    pub fn json_schema() -> serde_json::Value {
        file::schema()
    }

    /// What hides the secrets of these settings in any text.
    pub fn redactor(&self) -> Redactor {
        // A password that is also the name of a user, host or database would hide that name everywhere,
        // and so tell what it is.
        let shown = |s: &String| {
            [&self.source, &self.target]
                .into_iter()
                .flatten()
                .any(|a| a.shown().contains(s.as_str()))
        };
        Redactor::new(self.secrets.iter().filter(|s| !shown(s)).cloned())
    }

    /// The journal's file.
    pub fn journal(&self) -> PathBuf {
        self.state.join(format!("{}.db", self.plan.name))
    }
}

/// Reads a configuration: UTF-8, with or without a byte order mark, with line ends of any kind, of at most 1 MiB.
fn read(path: &Path) -> Result<String, Problem> {
    let shown = path.display();
    let failed = |e: std::io::Error| {
        Problem::new(format!("{shown} can not be read: {e}"))
            .hint("`limosa init --source URL --target URL` writes a configuration.")
    };
    let about = std::fs::metadata(path).map_err(failed)?;
    if about.is_dir() {
        return Err(Problem::new(format!("{shown} is a folder"))
            .hint(format!("Name the file in it: {shown}/{FILE_NAME}")));
    }
    if about.len() > FILE_BYTES {
        return Err(Problem::new(format!(
            "{shown} has {}, more than any configuration ({})",
            amount::show_bytes(about.len()),
            amount::show_bytes(FILE_BYTES)
        ))
        .hint("Is this the file that you meant?"));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let line = 1 + e.as_bytes()[..at].iter().filter(|b| **b == b'\n').count();
        Problem::new(format!(
            "{shown} is not UTF-8: the first wrong byte is in line {line}"
        ))
        .hint("Save the file as UTF-8.")
    })
}

#[cfg(test)]
mod tests;
