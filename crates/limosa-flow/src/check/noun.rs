//! What a data test is.

use limosa_core::check::Nulls;
use limosa_core::engine::{Capabilities, Role};
use std::collections::BTreeMap;

/// One data test.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Its name, unlike all others.
    pub name: String,
    /// The table, `name` or `schema.name`; empty only for [`Kind::Sql`].
    pub table: String,
    /// What is asked.
    pub kind: Kind,
    /// Whose names are meant: the source's with [`On::Source`], else the target's.
    pub on: On,
    /// Whom to ask; `on`, unless somebody chose a side.
    pub asked: On,
    /// Whether both sides must give the same answer.
    pub equal: bool,
    /// Which rows: a condition in the engine's own SQL.
    pub filter: Option<PerEngine>,
    /// How bad it is when it fails.
    pub severity: Severity,
    /// How many failures are worth a warning.
    pub warn_if: Threshold,
    /// How many failures are a failure.
    pub error_if: Threshold,
    /// The share of the asked rows that must be good, 0 to 1; all if nothing is said.
    pub mostly: Option<f64>,
    /// What the thresholds count.
    pub counting: Counting,
    /// Failing rows that are named, at most.
    pub limit: u64,
    /// Columns whose values are shown beside the key.
    pub show: Vec<String>,
    /// Words by which it can be chosen.
    pub tags: Vec<String>,
}

/// What is asked of the rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// No NULL.
    NotNull {
        /// The column.
        column: String,
    },
    /// No two rows with the same values.
    Unique {
        /// The columns.
        columns: Vec<String>,
        /// What NULLs mean.
        nulls: Nulls,
    },
    /// Only these values, or none of them.
    Values {
        /// The column.
        column: String,
        /// The values.
        values: Vec<Written>,
        /// Whether they are the allowed ones.
        wanted: bool,
    },
    /// Every value is there in another table.
    Relationships {
        /// The columns.
        columns: Vec<String>,
        /// The other table.
        to: String,
        /// Its columns, as many.
        fields: Vec<String>,
    },
    /// So many rows; without any number, as many on both sides.
    RowCount {
        /// How many.
        span: Span,
    },
    /// Values between two ends.
    Range {
        /// The column: of numbers or moments.
        column: String,
        /// The lower end.
        min: Option<Written>,
        /// The upper end.
        max: Option<Written>,
        /// Whether the ends themselves are outside.
        strict: (bool, bool),
    },
    /// Text in which a pattern is found, or is not. The words are those of the Rust crate `regex`.
    Regex {
        /// The column.
        column: String,
        /// The pattern.
        pattern: String,
        /// Whether it must be found.
        wanted: bool,
    },
    /// Text of so many characters, or bytes for binary columns.
    Length {
        /// The column.
        column: String,
        /// The least length.
        min: Option<u64>,
        /// The greatest length.
        max: Option<u64>,
    },
    /// One value made of all; without any number, the same on both sides.
    Aggregate {
        /// What is made.
        function: Function,
        /// The column, if it is one.
        column: Option<String>,
        /// Or an expression in the engine's own SQL.
        expression: Option<PerEngine>,
        /// What it must be.
        span: Span,
        /// How far two numbers may be apart; what the kind of number allows if nothing is said.
        tolerance: Option<Tolerance>,
    },
    /// The newest moment is not older than this.
    Freshness {
        /// The column.
        column: String,
        /// Seconds.
        max_age: u64,
    },
    /// The columns of the table; without a list, the same on both sides.
    Columns {
        /// The columns.
        columns: Vec<String>,
        /// What is asked of the list.
        set: ColumnSet,
    },
    /// A condition in the engine's own SQL that is false for no row.
    Expression {
        /// The condition.
        condition: PerEngine,
    },
    /// A query in the engine's own SQL whose rows are failures.
    Sql {
        /// The query.
        sql: PerEngine,
    },
}

impl Kind {
    /// Its name in the configuration.
    pub fn word(&self) -> &'static str {
        match self {
            Kind::NotNull { .. } => "not_null",
            Kind::Unique { .. } => "unique",
            Kind::Values { wanted: true, .. } => "accepted_values",
            Kind::Values { .. } => "rejected_values",
            Kind::Relationships { .. } => "relationships",
            Kind::RowCount { .. } => "row_count",
            Kind::Range { .. } => "range",
            Kind::Regex { .. } => "regex",
            Kind::Length { .. } => "length",
            Kind::Aggregate { .. } => "aggregate",
            Kind::Freshness { .. } => "freshness",
            Kind::Columns { .. } => "columns",
            Kind::Expression { .. } => "expression",
            Kind::Sql { .. } => "sql",
        }
    }

    /// Whether it says nothing of one side alone.
    pub fn asks_nothing(&self) -> bool {
        match self {
            Kind::RowCount { span } | Kind::Aggregate { span, .. } => span.is_empty(),
            Kind::Columns { columns, .. } => columns.is_empty(),
            _ => false,
        }
    }

    /// The columns that it names, in order.
    pub fn columns(&self) -> Vec<&str> {
        match self {
            Kind::NotNull { column }
            | Kind::Values { column, .. }
            | Kind::Range { column, .. }
            | Kind::Regex { column, .. }
            | Kind::Length { column, .. }
            | Kind::Freshness { column, .. } => vec![column],
            Kind::Unique { columns, .. }
            | Kind::Relationships { columns, .. }
            | Kind::Columns { columns, .. } => columns.iter().map(String::as_str).collect(),
            Kind::Aggregate { column, .. } => column.as_deref().into_iter().collect(),
            Kind::RowCount { .. } | Kind::Expression { .. } | Kind::Sql { .. } => Vec::new(),
        }
    }
}

/// Which databases are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// The source.
    Source,
    /// The target.
    Target,
    /// Both.
    Both,
}

impl On {
    /// Whether that side is asked.
    pub fn asks(self, role: Role) -> bool {
        match self {
            On::Both => true,
            On::Source => role == Role::Source,
            On::Target => role == Role::Target,
        }
    }
}

/// SQL of a person: one text for all engines, or one for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PerEngine {
    /// The same for all.
    All(String),
    /// By family (`postgresql`, `mysql`, `sqlite`) or product in lower case (`mariadb`), which goes first.
    Each(BTreeMap<String, String>),
}

impl PerEngine {
    /// The text for an engine, if there is one.
    pub fn of(&self, engine: &Capabilities) -> Option<&str> {
        match self {
            PerEngine::All(text) => Some(text),
            PerEngine::Each(texts) => texts
                .get(&engine.product.to_lowercase())
                .or_else(|| texts.get(&engine.family))
                .map(String::as_str),
        }
    }
}

/// A value as a person wrote it.
#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    /// A truth value.
    Bool(bool),
    /// A number as decimal text.
    Number(String),
    /// Text; may say a number or a moment where the column holds such.
    Text(String),
}

/// How bad a failing test is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Severity {
    /// The command ends with 3.
    #[default]
    Error,
    /// It is said.
    Warn,
}

/// A number of failures compared with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// `<`, `<=`, `=`, `!=`, `>=` or `>`.
    sign: &'static str,
    count: u64,
}

impl Threshold {
    /// Any failure at all.
    pub const ANY: Threshold = Threshold {
        sign: "!=",
        count: 0,
    };

    /// Reads `!=0`, `> 10`, `>=5`; `None` if it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (sign, rest) = [
            ("!=", "!="),
            ("<>", "!="),
            (">=", ">="),
            ("<=", "<="),
            ("==", "="),
            (">", ">"),
            ("<", "<"),
            ("=", "="),
        ]
        .into_iter()
        .find_map(|(word, sign)| Some((sign, text.strip_prefix(word)?)))?;
        let count = rest.trim().parse().ok()?;
        Some(Self { sign, count })
    }

    /// Whether so many failures meet it.
    pub fn meets(self, failures: u64) -> bool {
        match self.sign {
            "<" => failures < self.count,
            "<=" => failures <= self.count,
            "=" => failures == self.count,
            ">=" => failures >= self.count,
            ">" => failures > self.count,
            _ => failures != self.count,
        }
    }
}

impl std::fmt::Display for Threshold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.sign, self.count)
    }
}

/// What the thresholds count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counting {
    /// Failing rows.
    #[default]
    Rows,
    /// Different failing values, as dbt does for `unique` and `accepted_values`.
    Values,
}

/// What a number must be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span {
    /// Exactly this.
    pub exactly: Option<Written>,
    /// At least this.
    pub min: Option<Written>,
    /// At most this.
    pub max: Option<Written>,
    /// Whether the least and the greatest are themselves refused.
    pub strict: (bool, bool),
}

impl Span {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.exactly.is_none() && self.min.is_none() && self.max.is_none()
    }
}

/// How far two numbers may be apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerance {
    /// This much.
    Absolute(f64),
    /// This share of the greater one.
    Relative(f64),
}

/// What an aggregate makes of all values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Their sum.
    Sum,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// Their mean.
    Avg,
    /// How many there are.
    Count,
    /// How many different ones there are.
    CountDistinct,
}

impl Function {
    /// All of them with their names in the configuration.
    pub const ALL: [(&'static str, Function); 6] = [
        ("sum", Function::Sum),
        ("min", Function::Min),
        ("max", Function::Max),
        ("avg", Function::Avg),
        ("count", Function::Count),
        ("count_distinct", Function::CountDistinct),
    ];

    /// Its name.
    pub fn word(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, f)| *f == self)
            .map_or("", |(word, _)| word)
    }
}

/// What is asked of a list of columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColumnSet {
    /// These and no others, in any order.
    #[default]
    Exact,
    /// These, and maybe others.
    Contains,
    /// These and no others, in this order.
    Ordered,
}
