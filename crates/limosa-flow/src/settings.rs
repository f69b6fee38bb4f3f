//! What a person asked for, as the machinery understands it. The file, the flags and their names
//! belong to the faces; defaults are here.

use limosa_core::policy::Policies;
use limosa_core::schema::TableName;
use limosa_core::secret::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How thoroughly values are looked at before a plan is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScanMode {
    /// Every row of the columns on which the conversion depends.
    #[default]
    Full,
    /// The first 10,000 rows; what the rest brings is caught at the copy, row by row.
    Sample,
    /// Nothing: declarations alone decide.
    None,
}

/// What is wished of one table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TableWish {
    /// The source table, `schema.name` or `name`.
    pub name: String,
    /// Its name in the target.
    pub rename: Option<String>,
    /// Columns that are left behind.
    pub exclude_columns: Vec<String>,
    /// Columns and their names in the target.
    pub rename_columns: Vec<(String, String)>,
    /// The column by which the table is cut for parallel work, if not by its key.
    pub partition_column: Option<String>,
    /// Policies of this table, if not the general ones.
    pub types: Option<Policies>,
    /// Target types of columns, in the target's own words, in place of what we would choose.
    pub cast: Vec<(String, String)>,
}

/// A text of the settings, and where it was written.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text {
    /// The text.
    pub text: String,
    /// Line and column of its first character in the file, from 1; no part of a plan.
    #[serde(skip)]
    pub at: Option<(usize, usize)>,
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self {
            text: text.into(),
            at: None,
        }
    }
}

impl Text {
    /// Says a place in the text: `line 12, column 7` of the file where that is known, else `character 7`.
    pub fn place(&self, byte: usize) -> String {
        let before = self.text.get(..byte).unwrap_or(&self.text);
        match self.at {
            None => format!("character {}", before.chars().count() + 1),
            Some((line, column)) => match before.rsplit_once('\n') {
                None => format!("line {line}, column {}", column + before.chars().count()),
                Some((above, here)) => format!(
                    "line {}, column {}",
                    line + above.matches('\n').count() + 1,
                    here.chars().count() + 1
                ),
            },
        }
    }
}

/// What the rows of a table, or of the tables that fit a pattern, shall become.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TransformWish {
    /// The source table, or a pattern with `*` and `?`.
    pub table: String,
    /// The name of the table that comes out, where a table becomes several; else that of the source.
    pub into: Option<String>,
    /// Which rows are taken: those for which this formula is true.
    #[serde(rename = "where")]
    pub filter: Option<Text>,
    /// The source's columns that are taken; empty is all.
    pub select: Vec<String>,
    /// The source's columns that are left behind.
    pub drop: Vec<String>,
    /// Columns and the formulas that make them.
    pub columns: Vec<(String, Text)>,
}

/// The secret that masks are made with. Never written, never printed.
#[derive(Clone, Debug, Default)]
pub struct Salt(pub Option<SecretString>);

impl Salt {
    /// Its bytes.
    pub fn bytes(&self) -> Option<&[u8]> {
        self.0.as_ref().map(|s| s.expose_secret().as_bytes())
    }

    /// What tells two salts apart and says nothing of either: the beginning of a hash.
    pub fn mark(&self) -> Option<String> {
        let digest = Sha256::new()
            .chain_update(b"limosa mask salt\0")
            .chain_update(self.bytes()?)
            .finalize();
        Some(digest[..4].iter().map(|b| format!("{b:02x}")).collect())
    }
}

impl PartialEq for Salt {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

/// What a plan depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanSettings {
    /// The name of the run; also the name of its journal.
    pub name: String,
    /// Tables to take: patterns with `*` and `?` on `name` or `schema.name`; empty is all.
    pub include: Vec<String>,
    /// Tables to leave.
    pub exclude: Vec<String>,
    /// Namespaces and their names in the target.
    pub rename_schemas: Vec<(String, String)>,
    /// Wishes for single tables.
    pub tables: Vec<TableWish>,
    /// What rows shall become.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transforms: Vec<TransformWish>,
    /// The secret that masks are made with.
    #[serde(skip)]
    pub mask_salt: Salt,
    /// General policies.
    pub policies: Policies,
    /// How values are looked at.
    pub scan: ScanMode,
    /// The target's tables are there already: load into them, make nothing.
    pub into_existing: bool,
    /// The downtime that the user allows, for the choice of a strategy.
    pub max_downtime_seconds: Option<u64>,
}

impl Default for PlanSettings {
    fn default() -> Self {
        Self {
            name: "migration".into(),
            include: Vec::new(),
            exclude: Vec::new(),
            rename_schemas: Vec::new(),
            tables: Vec::new(),
            transforms: Vec::new(),
            mask_salt: Salt::default(),
            policies: Policies::default(),
            scan: ScanMode::Full,
            into_existing: false,
            max_downtime_seconds: None,
        }
    }
}

/// What the servers add up themselves in a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerSums {
    /// Whether rows stay where they are as long as the sums that the servers make of them are equal.
    pub pushdown: bool,
    /// Rows of one such sum, about: what a server works on in one statement.
    pub rows: u64,
    /// The share of the rows that is compared in the other way as well, in percent.
    pub cross_check: f64,
}

impl Default for ServerSums {
    fn default() -> Self {
        Self {
            pushdown: false,
            rows: 100_000,
            cross_check: 1.0,
        }
    }
}

/// How far a comparison goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extent {
    /// What is compared of the rows.
    pub rows: RowExtent,
    /// Whether the schema is compared.
    pub schema: bool,
    /// Which of several disjoint shares of `validate_percentage`, from 0; `None` takes the one after
    /// that of the last comparison.
    pub share: Option<u32>,
}

impl Default for Extent {
    fn default() -> Self {
        Self {
            rows: RowExtent::Cells,
            schema: true,
            share: None,
        }
    }
}

/// What is compared of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowExtent {
    /// Every row and cell, as far as `validate_percentage` says.
    #[default]
    Cells,
    /// Their number.
    Counts,
    /// Nothing.
    None,
}

/// What a run depends on, beside its plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSettings {
    /// Lanes: tables or chunks that move at once.
    pub workers: usize,
    /// Bytes of memory for everything in flight.
    pub memory: u64,
    /// Rows per batch, at most.
    pub batch_size: u64,
    /// Bytes per chunk, about.
    pub chunk_bytes: u64,
    /// Tries after a transient failure.
    pub retry_attempts: u32,
    /// Rejected rows over rows handled above which the run stops.
    pub error_threshold: f64,
    /// Rows that are handled before that share is judged; at a table's end it is judged anyway.
    pub error_threshold_min: u64,
    /// Thresholds of single tables, by their source names (`schema.name` or `name`).
    pub table_thresholds: Vec<(String, f64)>,
    /// The share of rows that is compared, in percent.
    pub validate_percentage: f64,
    /// Rows a second over all lanes, at most.
    pub max_rows_per_second: Option<u64>,
    /// Bytes a second over all lanes, at most.
    pub max_bytes_per_second: Option<u64>,
    /// Take the lease of a run that may still be alive.
    pub steal: bool,
    /// Differing keys that are named per table, at most.
    pub max_differences: usize,
    /// How far a comparison goes.
    pub extent: Extent,
    /// What the servers add up themselves in a comparison.
    #[serde(default)]
    pub sums: ServerSums,
    /// The secret that masks are made with.
    #[serde(skip)]
    pub mask_salt: Salt,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(2, |n| n.get().clamp(1, 8)),
            memory: 256 << 20,
            batch_size: 10_000,
            chunk_bytes: 64 << 20,
            retry_attempts: 5,
            error_threshold: 0.0,
            error_threshold_min: 1000,
            table_thresholds: Vec::new(),
            validate_percentage: 100.0,
            max_rows_per_second: None,
            max_bytes_per_second: None,
            steal: false,
            max_differences: 100,
            extent: Extent::default(),
            sums: ServerSums::default(),
            mask_salt: Salt::default(),
        }
    }
}

impl RunSettings {
    /// The threshold that a table was given for itself.
    pub fn own_threshold(&self, source: &TableName) -> Option<f64> {
        let full = source.to_string();
        self.table_thresholds
            .iter()
            .find(|(name, _)| *name == full || *name == source.name)
            .map(|(_, threshold)| *threshold)
    }
}
