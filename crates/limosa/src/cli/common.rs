//! What the verbs share: the flags of the settings, and how a failure leaves.

use crate::failure::{End, Failure, code};
use crate::output::Output;
use crate::signals::Watch;
use clap::Args;
use limosa::settings::{FILE_NAME, Layer, Reach, Settings, key};
use limosa::{Limosa, RunError};
use std::path::PathBuf;

/// A failure, and the signal that may have caused it.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) failure: Failure,
    pub(super) signal: Option<u8>,
}

/// What a verb gives: its exit code.
pub(super) type Answer = Result<u8, Settled>;

impl<T: Into<Failure>> From<T> for Settled {
    fn from(failure: T) -> Self {
        Self {
            failure: failure.into(),
            signal: None,
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Failed(error) => Failure::Error(error),
            RunError::Precondition(error) => Failure::Precondition {
                what: error.to_string(),
                hint: error
                    .remedy()
                    .unwrap_or("Nothing was touched. Look at `limosa assess`.")
                    .to_owned(),
            },
        }
    }
}

impl Watch {
    /// Joins a failure with the signal that came meanwhile.
    pub(super) fn settle<T>(&self, result: Result<T, impl Into<Failure>>) -> Result<T, Settled> {
        result.map_err(|e| Settled {
            failure: e.into(),
            signal: self.code(),
        })
    }

    /// The exit code of an end.
    pub(super) fn end(&self, end: &End<'_>) -> u8 {
        code(end, self.code())
    }
}

/// The configuration file, and flags that go before it.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Settings (before the environment, before limosa.toml)")]
pub(super) struct SettingsArgs {
    /// The configuration; by default limosa.toml of this folder, if it is there
    #[arg(
        short,
        long,
        value_name = "FILE",
        env = "LIMOSA_CONFIG",
        hide_env_values = true
    )]
    pub(super) config: Option<PathBuf>,
    /// The name of the migration and of its journal
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
    /// Where from: a URL, or env:NAME, file:PATH, cmd:COMMAND
    #[arg(short, long, value_name = "URL")]
    pub(super) source: Option<String>,
    /// Where to: a URL, or env:NAME, file:PATH, cmd:COMMAND
    #[arg(short, long, value_name = "URL")]
    pub(super) target: Option<String>,
    /// The strategy; this release has big_bang
    #[arg(long, value_name = "STRATEGY", hide_short_help = true)]
    strategy: Option<String>,
    /// Tables to take, as patterns with * and ?; may be repeated
    #[arg(long, value_name = "PATTERN", hide_short_help = true)]
    include: Vec<String>,
    /// Tables to leave; may be repeated
    #[arg(long, value_name = "PATTERN", hide_short_help = true)]
    exclude: Vec<String>,
    /// How values are looked at before a plan is made: full, sample or none
    #[arg(long, value_name = "HOW", hide_short_help = true)]
    scan: Option<String>,
    /// Load into tables that are there already
    #[arg(long, hide_short_help = true)]
    into_existing: bool,
    /// The downtime that you allow, like 30m
    #[arg(long, value_name = "TIME", hide_short_help = true)]
    max_downtime: Option<String>,
    /// Tables or chunks that move at once
    #[arg(short = 'j', long, value_name = "N", hide_short_help = true)]
    workers: Option<String>,
    /// Memory for everything in flight, like 256MiB
    #[arg(long, value_name = "BYTES", hide_short_help = true)]
    memory: Option<String>,
    /// Rows per batch, at most
    #[arg(long, value_name = "ROWS", hide_short_help = true)]
    batch_size: Option<String>,
    /// Bytes per chunk, about
    #[arg(long, value_name = "BYTES", hide_short_help = true)]
    chunk_size: Option<String>,
    /// Tries after a transient failure
    #[arg(long, value_name = "N", hide_short_help = true)]
    retry_attempts: Option<String>,
    /// The share of rejected rows above which the run stops, 0 to 1
    #[arg(long, value_name = "SHARE", hide_short_help = true)]
    error_threshold: Option<String>,
    /// Rows that are handled before that share is judged
    #[arg(long, value_name = "ROWS", hide_short_help = true)]
    error_threshold_min: Option<String>,
    /// The share of rows that is compared, in percent
    #[arg(long, value_name = "PERCENT", hide_short_help = true)]
    validate_percentage: Option<String>,
    /// Rows a second, at most
    #[arg(long, value_name = "N", hide_short_help = true)]
    max_rows_per_second: Option<String>,
    /// Bytes a second, at most
    #[arg(long, value_name = "BYTES", hide_short_help = true)]
    max_bytes_per_second: Option<String>,
    /// Differing rows that are named per table, at most
    #[arg(long, value_name = "N", hide_short_help = true)]
    max_differences: Option<String>,
    /// The folder of the journals
    #[arg(long, value_name = "FOLDER", hide_short_help = true)]
    state: Option<String>,
    /// The folder of the reports
    #[arg(long, value_name = "FOLDER", hide_short_help = true)]
    pub(super) report: Option<String>,
}

impl SettingsArgs {
    /// Only a file.
    pub(super) fn of_file(config: PathBuf) -> Self {
        Self {
            config: Some(config),
            ..Self::default()
        }
    }

    fn layer(&self) -> Layer {
        let mut l = Layer::default();
        l.flag(key::NAME, self.name.as_ref());
        l.flag(key::SOURCE, self.source.as_ref());
        l.flag(key::TARGET, self.target.as_ref());
        l.flag(key::STRATEGY, self.strategy.as_ref());
        let list = |parts: &[String]| (!parts.is_empty()).then(|| parts.join(","));
        l.flag(key::INCLUDE, list(&self.include));
        l.flag(key::EXCLUDE, list(&self.exclude));
        l.flag(key::SCAN, self.scan.as_ref());
        l.flag(key::INTO_EXISTING, self.into_existing.then_some(true));
        l.flag(key::MAX_DOWNTIME, self.max_downtime.as_ref());
        l.flag(key::WORKERS, self.workers.as_ref());
        l.flag(key::MEMORY, self.memory.as_ref());
        l.flag(key::BATCH_SIZE, self.batch_size.as_ref());
        l.flag(key::CHUNK_SIZE, self.chunk_size.as_ref());
        l.flag(key::RETRY_ATTEMPTS, self.retry_attempts.as_ref());
        l.flag(key::ERROR_THRESHOLD, self.error_threshold.as_ref());
        l.flag(key::ERROR_THRESHOLD_MIN, self.error_threshold_min.as_ref());
        l.flag(key::VALIDATE_PERCENTAGE, self.validate_percentage.as_ref());
        l.flag(key::MAX_ROWS_PER_SECOND, self.max_rows_per_second.as_ref());
        l.flag(
            key::MAX_BYTES_PER_SECOND,
            self.max_bytes_per_second.as_ref(),
        );
        l.flag(key::MAX_DIFFERENCES, self.max_differences.as_ref());
        l.flag(key::STATE, self.state.as_ref());
        l.flag(key::REPORT, self.report.as_ref());
        l
    }

    /// Reads everything, and hides the secrets from now on.
    pub(super) fn load(&self, output: &Output) -> Result<Settings, Failure> {
        self.prepare(self.file(), output)
    }

    fn prepare(&self, file: Option<PathBuf>, output: &Output) -> Result<Settings, Failure> {
        let settings = self.read(file, Reach::Databases)?;
        output.hide(settings.redactor());
        for (flag, said) in [("--source", &self.source), ("--target", &self.target)] {
            if said.as_deref().is_some_and(holds_password) {
                output.warn(&format!(
                    "the password in {flag} is visible to other users of this machine (in `ps`) and in the shell's history; \
                     write env:NAME or file:PATH instead"
                ));
            }
        }
        Ok(settings)
    }

    /// Reads everything and opens the migration.
    pub(super) fn open(&self, output: &Output) -> Result<Limosa, Failure> {
        Ok(Limosa::open(self.load(output)?)?)
    }

    /// The same for who asks the journal alone: no password is fetched.
    pub(super) fn open_journal(&self, output: &Output) -> Result<Limosa, Failure> {
        let settings = self.read(self.file(), Reach::Journal)?;
        output.hide(settings.redactor());
        Ok(Limosa::open(settings)?)
    }

    /// The same for who writes a file: the one that lies there is not read.
    pub(super) fn open_without_file(&self, output: &Output) -> Result<Limosa, Failure> {
        Ok(Limosa::open(self.prepare(self.config.clone(), output)?)?)
    }

    /// The file that is read: the one that is named, or that of this folder.
    fn file(&self) -> Option<PathBuf> {
        let default = PathBuf::from(FILE_NAME);
        self.config
            .clone()
            .or_else(|| default.is_file().then_some(default))
    }

    fn read(&self, file: Option<PathBuf>, reach: Reach) -> Result<Settings, Failure> {
        Ok(Settings::load(
            file.as_deref(),
            &self.layer(),
            &|name| std::env::var(name).ok(),
            reach,
        )?)
    }

    /// The words that name the same settings again, for the command that goes on. Passwords stay out.
    pub(super) fn again(&self) -> String {
        let mut out = String::new();
        let mut put = |flag: &str, value: &str| {
            out.push_str(&format!(" {flag} {}", quote(value)));
        };
        if let Some(config) = &self.config {
            put("--config", &config.display().to_string());
        }
        for (flag, value) in [
            ("--name", &self.name),
            ("--source", &self.source),
            ("--target", &self.target),
            ("--state", &self.state),
            ("--report", &self.report),
            ("--scan", &self.scan),
        ] {
            if let Some(value) = value {
                put(flag, value);
            }
        }
        self.include.iter().for_each(|p| put("--include", p));
        self.exclude.iter().for_each(|p| put("--exclude", p));
        if self.into_existing {
            out.push_str(" --into-existing");
        }
        out
    }
}

/// Quotes a word for a shell, if it needs that.
pub(super) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

fn holds_password(url: &str) -> bool {
    limosa_core::secret::scrub(url) != url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_flag_is_noticed_and_a_reference_is_not() {
        assert!(holds_password("postgres://u:p@h/db"));
        assert!(holds_password("mysql://h/db?password=x"));
        assert!(!holds_password("postgres://u@h/db"));
        assert!(!holds_password("env:URL"));
    }

    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(quote("sqlite:a.db"), "sqlite:a.db");
        assert_eq!(quote("it's"), "'it'\\''s'");
        assert_eq!(quote(""), "''");
    }
}
