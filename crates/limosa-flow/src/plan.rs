//! A plan: a value that can be printed, reviewed, hashed, kept, and run later exactly as it is.

use crate::settings::PlanSettings;
use crate::transform::TransformPlan;
use limosa_core::engine::{CanonicalRead, Capabilities, Identity, LoadSpec, TableRead};
use limosa_core::operation::Operation;
use limosa_core::schema::TableName;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Raised when the shape of a plan changes in a way that older readers misread.
pub const PLAN_FORMAT: u32 = 1;

/// One of the two databases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// Its address, without secrets.
    pub address: String,
    /// What tells it from others: a plan runs only between the databases that it was made for.
    pub identity: Identity,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Whether the connection is encrypted, in words.
    pub security: String,
}

/// When a schema act is done. The order of the variants is the order of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Before the copy: namespaces, types, functions, sequences, tables.
    Create,
    /// After the rows: primary keys, unique constraints, indexes; each table's in parallel with others'.
    Keys,
    /// After all keys: foreign keys, checks.
    Constraints,
    /// At the end: counters, views, triggers, comments, statistics.
    Finish,
}

/// One schema act.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// A name that is unique in the plan and lasting: `keys/public.orders/index orders_by_day`.
    pub id: String,
    /// When.
    pub stage: Stage,
    /// What.
    pub operation: Operation,
    /// The statements, as they will be run.
    pub statements: Vec<String>,
}

/// What happens to one table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TablePlan {
    /// How it is read.
    pub read: TableRead,
    /// How it is written.
    pub load: LoadSpec,
    /// What its rows become on the way, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<TransformPlan>,
    /// How it is compared, in the source; with a transform, what comes out of it.
    pub compare_source: CanonicalRead,
    /// How it is compared, in the target.
    pub compare_target: CanonicalRead,
    /// Columns that are not compared, and why.
    pub not_compared: Vec<(String, String)>,
    /// Rows, estimated or scanned.
    pub rows: Option<u64>,
    /// Bytes, estimated.
    pub bytes: Option<u64>,
}

impl TablePlan {
    /// The name of a column that a reject names by its place. Of a transformed table the places are those of
    /// the written columns, and once more the same beyond them for what failed in the transform.
    pub fn column(&self, place: usize) -> Option<&str> {
        let written = self.load.columns.len();
        match &self.transform {
            Some(_) if place >= 2 * written => None,
            Some(_) => self
                .load
                .columns
                .get(place % written.max(1))
                .map(|c| c.name.as_str()),
            None => self.read.columns.get(place).map(|c| c.name.as_str()),
        }
    }

    /// Whether a reject comes from the table's transform, not from the encoder behind it.
    pub fn in_transform(&self, place: usize) -> bool {
        self.transform.is_some() && place >= self.load.columns.len()
    }

    /// The table's name in the target, by which it is known in a run.
    pub fn name(&self) -> &TableName {
        &self.load.table
    }
}

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Note,
    /// Works, and differs in a way that an application may see.
    Warning,
    /// Values would change, as a policy that the user chose says.
    Lossy,
    /// The run is refused until somebody decides.
    Stop,
}

/// Something that does not convert exactly, or is a hazard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// A lasting short name: `nul-in-text`, `no-key`, `trigger-not-moved`.
    pub code: String,
    /// How serious.
    pub severity: Severity,
    /// The table, by its source name, or another object.
    pub object: Option<String>,
    /// The column.
    pub column: Option<String>,
    /// What is so, as a sentence.
    pub text: String,
    /// How many values or rows.
    pub count: Option<u64>,
    /// The keys of a few of them.
    pub examples: Vec<String>,
    /// What to do about it, with the setting to write if there is one.
    pub remedy: Option<String>,
}

/// What a column becomes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnDecision {
    /// The source table.
    pub table: TableName,
    /// The source column.
    pub column: String,
    /// The source's spelling of the type.
    pub from: String,
    /// The target's spelling.
    pub to: String,
    /// How well it fits: `exact`, `widened`, `lossy`, `impossible`.
    pub fidelity: String,
    /// Why, where it is not plain.
    pub why: Option<String>,
}

/// What it will take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Rows.
    pub rows: u64,
    /// Bytes in the source.
    pub bytes: u64,
    /// Seconds for copy, keys and verification together, on the assumption in `basis`.
    pub seconds: f64,
    /// Bytes of disk that the target needs at its peak.
    pub target_disk_bytes: u64,
    /// What the estimate stands on, as a sentence.
    pub basis: String,
    /// The strategy that suits, and why.
    pub strategy: String,
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`PLAN_FORMAT`].
    pub format_version: u32,
    /// The version of Limosa that made it.
    pub made_by: String,
    /// The strategy: `big_bang`.
    pub strategy: String,
    /// What was asked.
    pub settings: PlanSettings,
    /// Where from.
    pub source: Side,
    /// Where to.
    pub target: Side,
    /// What every column becomes.
    pub decisions: Vec<ColumnDecision>,
    /// The tables that move, largest first.
    pub tables: Vec<TablePlan>,
    /// The schema acts, in order.
    pub steps: Vec<Step>,
    /// What does not convert exactly, and hazards.
    pub findings: Vec<Finding>,
    /// What it will take.
    pub estimate: Estimate,
}

/// What of a plan is hashed, in the order of [`Plan`].
#[derive(Serialize)]
struct Hashed<'a> {
    format_version: u32,
    made_by: &'a str,
    strategy: &'a str,
    settings: &'a PlanSettings,
    source: Side,
    target: Side,
    decisions: &'a [ColumnDecision],
    #[serde(serialize_with = "without_sizes")]
    tables: &'a [TablePlan],
    steps: &'a [Step],
    findings: &'a [Finding],
    estimate: Estimate,
}

fn without_sizes<S: serde::Serializer>(
    tables: &[TablePlan],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    // Their order is that of their sizes, which a server estimates anew now and then.
    let mut tables: Vec<&TablePlan> = tables.iter().collect();
    tables.sort_by_key(|t| t.name());
    serializer.collect_seq(tables.into_iter().map(|t| TablePlan {
        rows: None,
        bytes: None,
        transform: t.transform.clone().map(|transform| TransformPlan {
            now: 0,
            ..transform
        }),
        ..t.clone()
    }))
}

/// Takes bytes into a hash.
struct Digesting(Sha256);

impl std::io::Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Plan {
    /// The SHA-256 of the plan's canonical JSON, estimates, the order by them and server settings left out, in lower-case
    /// hexadecimal.
    ///
    /// Two plans with the same hash do the same to the same databases.
    pub fn hash(&self) -> String {
        let side = |side: &Side| Side {
            capabilities: Capabilities {
                settings: Vec::new(),
                ..side.capabilities.clone()
            },
            security: String::new(),
            ..side.clone()
        };
        let mut digest = Digesting(Sha256::new());
        // Never as one text: with tens of thousands of tables it has hundreds of megabytes.
        serde_json::to_writer(
            &mut digest,
            &Hashed {
                format_version: self.format_version,
                made_by: &self.made_by,
                strategy: &self.strategy,
                settings: &self.settings,
                source: side(&self.source),
                target: side(&self.target),
                decisions: &self.decisions,
                tables: &self.tables,
                steps: &self.steps,
                findings: &self.findings,
                estimate: Estimate::default(),
            },
        )
        .expect("a plan holds only what JSON can say");
        let hash = digest.0.finalize();
        hash.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// The findings that forbid the run.
    pub fn stops(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|f| f.severity == Severity::Stop)
    }
}
