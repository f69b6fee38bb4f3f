//! The keys that a flag, a variable of the environment and the file can all set, in one list.

use std::ops::Range;

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Its name in the file.
    pub name: &'static str,
    /// The variable of the environment.
    pub variable: &'static str,
    /// The flag; empty if there is none.
    pub flag: &'static str,
}

macro_rules! keys {
    ($($constant:ident $name:literal $variable:literal $flag:literal,)*) => {
        /// The keys by name.
        pub mod key {
            use super::Key;
            $(
                #[doc = concat!("`", $name, "`")]
                pub const $constant: Key = Key { name: $name, variable: $variable, flag: $flag };
            )*
        }
        /// All keys, in the order in which they are shown.
        pub const KEYS: &[Key] = &[$(key::$constant),*];
    };
}

keys! {
    NAME "name" "LIMOSA_NAME" "--name",
    STRATEGY "strategy" "LIMOSA_STRATEGY" "--strategy",
    SOURCE "source.url" "LIMOSA_SOURCE" "--source",
    SOURCE_PASSWORD "source.password" "LIMOSA_SOURCE_PASSWORD" "",
    TARGET "target.url" "LIMOSA_TARGET" "--target",
    TARGET_PASSWORD "target.password" "LIMOSA_TARGET_PASSWORD" "",
    INCLUDE "tables.include" "LIMOSA_INCLUDE" "--include",
    EXCLUDE "tables.exclude" "LIMOSA_EXCLUDE" "--exclude",
    SCAN "scan" "LIMOSA_SCAN" "--scan",
    INTO_EXISTING "into_existing" "LIMOSA_INTO_EXISTING" "--into-existing",
    MAX_DOWNTIME "max_downtime" "LIMOSA_MAX_DOWNTIME" "--max-downtime",
    WORKERS "workers" "LIMOSA_WORKERS" "--workers",
    MEMORY "memory" "LIMOSA_MEMORY" "--memory",
    BATCH_SIZE "batch_size" "LIMOSA_BATCH_SIZE" "--batch-size",
    CHUNK_SIZE "chunk_size" "LIMOSA_CHUNK_SIZE" "--chunk-size",
    RETRY_ATTEMPTS "retry_attempts" "LIMOSA_RETRY_ATTEMPTS" "--retry-attempts",
    ERROR_THRESHOLD "error_threshold" "LIMOSA_ERROR_THRESHOLD" "--error-threshold",
    ERROR_THRESHOLD_MIN "error_threshold_min" "LIMOSA_ERROR_THRESHOLD_MIN" "--error-threshold-min",
    VALIDATE_PERCENTAGE "validate_percentage" "LIMOSA_VALIDATE_PERCENTAGE" "--validate-percentage",
    MAX_ROWS_PER_SECOND "max_rows_per_second" "LIMOSA_MAX_ROWS_PER_SECOND" "--max-rows-per-second",
    MAX_BYTES_PER_SECOND "max_bytes_per_second" "LIMOSA_MAX_BYTES_PER_SECOND" "--max-bytes-per-second",
    MAX_DIFFERENCES "max_differences" "LIMOSA_MAX_DIFFERENCES" "--max-differences",
    VERIFY_PUSHDOWN "verify.pushdown" "LIMOSA_VERIFY_PUSHDOWN" "",
    VERIFY_ROWS "verify.rows" "LIMOSA_VERIFY_ROWS" "",
    VERIFY_CROSS_CHECK "verify.cross_check" "LIMOSA_VERIFY_CROSS_CHECK" "",
    STATE "state" "LIMOSA_STATE" "--state",
    REPORT "report" "LIMOSA_REPORT" "--report",
}

/// Who said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag of the command.
    Flag,
    /// A variable of the environment.
    Environment,
    /// The file, at this place.
    File(Range<usize>),
    /// Nobody: the default.
    Default,
}

impl Origin {
    /// One word for people.
    pub fn word(&self) -> &'static str {
        match self {
            Origin::Flag => "flag",
            Origin::Environment => "environment",
            Origin::File(_) => "file",
            Origin::Default => "default",
        }
    }
}

/// What one place says: some of the keys, as text.
#[derive(Clone, Debug, Default)]
pub struct Layer {
    said: Vec<(Key, String, Origin)>,
}

impl Layer {
    /// Sets a key. Lists are set as their parts joined by commas.
    pub fn set(&mut self, key: Key, value: impl Into<String>, origin: Origin) {
        self.said.push((key, value.into(), origin));
    }

    /// Sets a key that a flag may have given.
    pub fn flag(&mut self, key: Key, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.set(key, value.to_string(), Origin::Flag);
        }
    }

    /// Reads the variables of the environment; empty ones are as if unset.
    pub fn from_environment(variables: super::words::Variables<'_>) -> Self {
        let mut layer = Self::default();
        for key in KEYS {
            if let Some(value) = variables(key.variable).filter(|v| !v.is_empty()) {
                layer.set(*key, value, Origin::Environment);
            }
        }
        layer
    }

    pub(crate) fn get(&self, key: Key) -> Option<(&str, &Origin)> {
        self.said
            .iter()
            .rev()
            .find(|(k, ..)| *k == key)
            .map(|(_, v, o)| (v.as_str(), o))
    }
}
