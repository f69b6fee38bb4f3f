//! The neutral schema: types wide enough to keep every engine's meaning, and the objects of a database.
//!
//! Names are kept as the catalog has them, unquoted and in their own case.

use crate::expression::SqlText;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The name of a table (or another object) within one database.
///
/// `schema` is the namespace below the database where the engine has such ([`crate::engine::Capabilities::namespaces`]),
/// else `None`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableName {
    /// The namespace.
    pub schema: Option<String>,
    /// The name in it.
    pub name: String,
}

impl TableName {
    /// A name without a namespace.
    pub fn bare(name: impl Into<String>) -> Self {
        Self {
            schema: None,
            name: name.into(),
        }
    }

    /// A name in a namespace.
    pub fn within(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            schema: Some(schema.into()),
            name: name.into(),
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        f.write_str(&self.name)
    }
}

/// A neutral type: what the values of a column mean.
///
/// The comment of each variant says which [`crate::batch::Cell`] a reader gives for it. A reader may
/// give [`crate::batch::Cell::Text`] instead for a value that the cell can not hold (a date that no
/// calendar has), and [`crate::batch::Cell::Bytes`] for text that is not UTF-8.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// Truth. `Bool`.
    Boolean,
    /// A whole number of 8, 16, 24, 32 or 64 bits. `Int`, or `UInt` above the signed range.
    Integer {
        /// The width.
        bits: u8,
        /// Whether it has no negative values.
        unsigned: bool,
    },
    /// An exact decimal; without precision it is unbounded. `Decimal`.
    Decimal {
        /// Digits in all.
        precision: Option<u32>,
        /// Digits after the point; may be negative in PostgreSQL.
        scale: Option<i32>,
    },
    /// A binary float of 32 or 64 bits. `F32` or `F64`.
    Float {
        /// The width.
        bits: u8,
    },
    /// An amount of money with a fixed number of fractional digits. `Decimal`.
    Money {
        /// Digits after the point.
        digits: u8,
    },
    /// Text padded with blanks to a length in characters; its value is without them. `Text`.
    Char {
        /// Characters.
        length: u32,
    },
    /// Text of at most a length in characters. `Text`.
    Varchar {
        /// Characters.
        length: u32,
    },
    /// Text; `max_bytes` where the engine has a family of sizes. `Text`.
    Text {
        /// Bytes at most, if bounded.
        max_bytes: Option<u64>,
    },
    /// Bytes of a fixed length, padded with zeros. `Bytes`.
    Binary {
        /// Bytes.
        length: u32,
    },
    /// Bytes of at most a length. `Bytes`.
    Varbinary {
        /// Bytes.
        length: u32,
    },
    /// Bytes; `max_bytes` where the engine has a family of sizes. `Bytes`.
    Blob {
        /// Bytes at most, if bounded.
        max_bytes: Option<u64>,
    },
    /// A bit string. `Bits`.
    Bit {
        /// Bits, or bits at most if `varying`; `None` is unbounded.
        length: Option<u32>,
        /// Whether shorter values are kept short.
        varying: bool,
    },
    /// A calendar date. `Date`.
    Date,
    /// A time of day. `Time`, or `TimeTz` if `zoned`.
    Time {
        /// Fractional digits of seconds.
        precision: u8,
        /// Whether it keeps an offset.
        zoned: bool,
        /// Whether it is a signed span rather than a time of day (MySQL).
        span: bool,
    },
    /// A date and time. `Timestamp`, or `TimestampTz` (an instant) if `zoned`.
    Timestamp {
        /// Fractional digits of seconds.
        precision: u8,
        /// Whether it is an instant, kept in UTC.
        zoned: bool,
    },
    /// A year. `Int`.
    Year,
    /// Months, days and microseconds. `Interval`.
    Interval,
    /// JSON. `Json`.
    Json {
        /// Whether the engine keeps a parsed, normalised form rather than the text.
        normalised: bool,
    },
    /// A UUID. `Uuid`.
    Uuid,
    /// One of a list of words. `Text`.
    Enum {
        /// The name of the type where it has one.
        name: Option<TableName>,
        /// The words, in order.
        members: Vec<String>,
    },
    /// Any of a list of words. `Text`, joined by commas in the list's order.
    Set {
        /// The words, in order.
        members: Vec<String>,
    },
    /// A list of values of one type. `Json`; `Text` in the engine's own form where JSON can not say it
    /// (lower bounds other than 1).
    Array {
        /// The type of an element.
        element: Box<Type>,
    },
    /// A host address, with or without a network length. `Text`.
    Inet,
    /// A network address. `Text`.
    Cidr,
    /// A hardware address of 6 or 8 bytes. `Text`.
    MacAddress {
        /// Bytes.
        bytes: u8,
    },
    /// A geometry. `Bytes`: EWKB, little-endian, with the SRID where it is not 0.
    Geometry {
        /// POINT, LINESTRING, … or GEOMETRY, in upper case.
        shape: String,
        /// The reference system, if fixed.
        srid: Option<u32>,
    },
    /// A type with a base type and conditions of its own. As the base type.
    Domain {
        /// Its name.
        name: TableName,
        /// What it stands on.
        base: Box<Type>,
    },
    /// Any value: every cell as it is stored (SQLite columns without a declared type). Any cell.
    Dynamic,
    /// A type that only its own family of engines has (ranges, text search, composite, xml, …).
    /// `Json` if `json`, else `Text` in the engine's own form.
    Native {
        /// The family.
        family: String,
        /// The type's name in it.
        name: String,
        /// Whether the reader gives JSON.
        json: bool,
    },
}

impl Type {
    /// Looks through domains.
    pub fn base(&self) -> &Type {
        match self {
            Type::Domain { base, .. } => base.base(),
            other => other,
        }
    }

    /// Whether values are text of some length.
    pub fn text(&self) -> bool {
        matches!(
            self.base(),
            Type::Char { .. } | Type::Varchar { .. } | Type::Text { .. }
        )
    }

    /// Whether values are bytes of some length.
    pub fn binary(&self) -> bool {
        matches!(
            self.base(),
            Type::Binary { .. } | Type::Varbinary { .. } | Type::Blob { .. }
        )
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Boolean => f.write_str("boolean"),
            Type::Integer { bits, unsigned } => {
                write!(
                    f,
                    "{}integer({bits} bits)",
                    if *unsigned { "unsigned " } else { "" }
                )
            }
            Type::Decimal {
                precision: Some(p),
                scale,
            } => {
                write!(f, "decimal({p},{})", scale.unwrap_or(0))
            }
            Type::Decimal { .. } => f.write_str("decimal"),
            Type::Float { bits } => write!(f, "float({bits} bits)"),
            Type::Money { digits } => write!(f, "money({digits})"),
            Type::Char { length } => write!(f, "char({length})"),
            Type::Varchar { length } => write!(f, "varchar({length})"),
            Type::Text { max_bytes: Some(n) } => write!(f, "text({n} bytes)"),
            Type::Text { .. } => f.write_str("text"),
            Type::Binary { length } => write!(f, "binary({length})"),
            Type::Varbinary { length } => write!(f, "varbinary({length})"),
            Type::Blob { max_bytes: Some(n) } => write!(f, "bytes({n})"),
            Type::Blob { .. } => f.write_str("bytes"),
            Type::Bit { length, varying } => {
                f.write_str(if *varying { "varbit" } else { "bit" })?;
                length.map_or(Ok(()), |n| write!(f, "({n})"))
            }
            Type::Date => f.write_str("date"),
            Type::Time {
                precision,
                zoned,
                span,
            } => write!(
                f,
                "{}({precision}){}",
                if *span { "time span" } else { "time" },
                if *zoned { " with time zone" } else { "" }
            ),
            Type::Timestamp { precision, zoned } => write!(
                f,
                "timestamp({precision}){}",
                if *zoned { " with time zone" } else { "" }
            ),
            Type::Year => f.write_str("year"),
            Type::Interval => f.write_str("interval"),
            Type::Json { normalised } => f.write_str(if *normalised {
                "json (normalised)"
            } else {
                "json"
            }),
            Type::Uuid => f.write_str("uuid"),
            Type::Enum { members, .. } => write!(f, "enum of {}", members.len()),
            Type::Set { members } => write!(f, "set of {}", members.len()),
            Type::Array { element } => write!(f, "array of {element}"),
            Type::Inet => f.write_str("inet"),
            Type::Cidr => f.write_str("cidr"),
            Type::MacAddress { bytes } => write!(f, "hardware address({bytes} bytes)"),
            Type::Geometry { shape, .. } => write!(f, "geometry({shape})"),
            Type::Domain { name, base } => write!(f, "domain {name} on {base}"),
            Type::Dynamic => f.write_str("any"),
            Type::Native { name, .. } => f.write_str(name),
        }
    }
}

/// How a column gets values by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// Whether a value given by a writer is refused.
    pub always: bool,
    /// The next value that would be given, if the engine tells.
    pub next: Option<i128>,
    /// The step.
    pub increment: i64,
}

/// How a column is computed from others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Generated {
    /// From what.
    pub expression: SqlText,
    /// Whether the value is kept with the row.
    pub stored: bool,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its values mean.
    pub ty: Type,
    /// The type as the engine spells it, complete: `character varying(30)`, `int(10) unsigned`.
    pub native: String,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// Its default, if any; never for generated and identity columns.
    pub default: Option<SqlText>,
    /// Whether it counts by itself.
    pub identity: Option<Identity>,
    /// Whether it is computed.
    pub generated: Option<Generated>,
    /// Whether an update of the row sets it to the present moment (MySQL).
    pub on_update_now: bool,
    /// The engine's name of its collation, if it is not the database's.
    pub collation: Option<String>,
    /// Whether two texts that differ (in case, accents, trailing blanks) may be equal in it.
    pub folds: bool,
    /// Its comment.
    pub comment: Option<String>,
}

/// A primary or unique key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its name, where it has one.
    pub name: Option<String>,
    /// Its columns, in order; never empty.
    pub columns: Vec<String>,
    /// Whether it may be checked at the end of the transaction.
    pub deferrable: bool,
    /// Whether that is so unless said otherwise.
    pub initially_deferred: bool,
    /// Whether two NULLs collide.
    pub nulls_not_distinct: bool,
}

/// What happens to the child when the parent goes or changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Refuse, at the end of the statement or transaction.
    #[default]
    NoAction,
    /// Refuse at once.
    Restrict,
    /// Do the same to the child.
    Cascade,
    /// Set the child's columns to NULL.
    SetNull,
    /// Set the child's columns to their defaults.
    SetDefault,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// Its name, where it has one.
    pub name: Option<String>,
    /// The child's columns, in order.
    pub columns: Vec<String>,
    /// The parent.
    pub parent: TableName,
    /// The parent's columns, in the same order.
    pub parent_columns: Vec<String>,
    /// When the parent goes.
    pub on_delete: Action,
    /// When the parent's key changes.
    pub on_update: Action,
    /// Whether it may be checked at the end of the transaction.
    pub deferrable: bool,
    /// Whether that is so unless said otherwise.
    pub initially_deferred: bool,
    /// Whether NULL in one of several columns is refused unless all are NULL.
    #[serde(default)]
    pub match_full: bool,
    /// Whether the engine has made sure of every row (false for NOT VALID, and for engines that do not enforce).
    pub validated: bool,
}

/// A condition on each row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Its name, where it has one.
    pub name: Option<String>,
    /// The condition, without the outer brackets.
    pub condition: SqlText,
    /// Whether the engine has made sure of every row.
    #[serde(default = "yes")]
    pub validated: bool,
}

fn yes() -> bool {
    true
}

/// One part of an index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IndexPart {
    /// What is indexed.
    pub of: IndexOf,
    /// Whether the order is descending.
    pub descending: bool,
    /// NULLS FIRST or LAST where it is not the engine's own order.
    pub nulls_first: Option<bool>,
    /// The first characters (or bytes) only.
    pub prefix: Option<u32>,
    /// The engine's name of the collation, if it is not the column's.
    pub collation: Option<String>,
    /// The engine's operator class, if it is not the default.
    pub operator_class: Option<String>,
}

/// What a part of an index indexes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexOf {
    /// A column.
    Column(String),
    /// An expression.
    Expression(SqlText),
}

/// An index that is not the work of a key constraint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Its parts, in order; never empty.
    pub parts: Vec<IndexPart>,
    /// Whether it refuses equal rows.
    pub unique: bool,
    /// The method as the engine calls it, lower case: `btree`, `hash`, `gin`, `gist`, `fulltext`, `spatial`.
    pub method: String,
    /// The rows that it covers, if not all.
    pub predicate: Option<SqlText>,
    /// Columns that it carries without ordering by them.
    pub include: Vec<String>,
    /// Whether two NULLs collide in a unique index.
    pub nulls_not_distinct: bool,
}

/// Code that the engine runs by itself; kept as text, never translated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// A complete statement that makes it.
    pub text: String,
}

/// How a table is cut into partitions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Partitioning {
    /// The clause as the engine spells it: `RANGE (day)`.
    pub clause: String,
    /// The partitions: the name of each and its bound as the engine spells it. Where parts are cut further, their parts
    /// come after them, and each bound says of what it is a part.
    pub parts: Vec<(TableName, String)>,
}

/// A table.
///
/// The partitions of a partitioned table are not tables of their own in a catalog: reading the parent reads them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: TableName,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// Its primary key.
    pub primary_key: Option<Key>,
    /// Its unique constraints.
    pub uniques: Vec<Key>,
    /// Its foreign keys.
    pub foreign_keys: Vec<ForeignKey>,
    /// Its conditions.
    pub checks: Vec<Check>,
    /// Its other indexes.
    pub indexes: Vec<Index>,
    /// Its triggers, our own excluded.
    pub triggers: Vec<Trigger>,
    /// Its partitions.
    pub partitioning: Option<Partitioning>,
    /// Its comment.
    pub comment: Option<String>,
    /// Rows, as the engine's statistics say; `None` where it has none.
    pub estimated_rows: Option<u64>,
    /// Bytes of rows on disk, indexes excluded, as the engine says.
    pub estimated_bytes: Option<u64>,
    /// Notes of the inspector about parts that this description can not hold
    /// ("exclusion constraint no_overlap", "row level security"), one sentence each.
    pub unrepresented: Vec<String>,
}

impl Table {
    /// A table of which nothing but the name is known.
    pub fn named(name: TableName) -> Self {
        Self {
            name,
            columns: Vec::new(),
            primary_key: None,
            uniques: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
            indexes: Vec::new(),
            triggers: Vec::new(),
            partitioning: None,
            comment: None,
            estimated_rows: None,
            estimated_bytes: None,
            unrepresented: Vec::new(),
        }
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// The columns by which one row is told from all others: the primary key, else the first unique
    /// constraint or plain unique index whose columns are all NOT NULL; empty if there is none.
    ///
    /// A key with a column that folds values is still a key.
    pub fn identifying_columns(&self) -> Vec<String> {
        let solid = |columns: &[String]| {
            columns
                .iter()
                .all(|c| self.column(c).is_some_and(|c| !c.nullable))
        };
        if let Some(key) = &self.primary_key
            && solid(&key.columns)
        {
            return key.columns.clone();
        }
        if let Some(key) = self.uniques.iter().find(|k| solid(&k.columns)) {
            return key.columns.clone();
        }
        self.indexes
            .iter()
            .filter(|i| i.unique && i.predicate.is_none())
            .find_map(|i| {
                let columns = i
                    .parts
                    .iter()
                    .map(|p| match &p.of {
                        IndexOf::Column(c) if p.prefix.is_none() => Some(c.clone()),
                        _ => None,
                    })
                    .collect::<Option<Vec<_>>>()?;
                solid(&columns).then_some(columns)
            })
            .unwrap_or_default()
    }
}

/// A counter that stands by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sequence {
    /// Its name.
    pub name: TableName,
    /// Its first value.
    pub start: i128,
    /// Its step.
    pub increment: i64,
    /// Its least value.
    pub min: i128,
    /// Its greatest value.
    pub max: i128,
    /// Whether it begins again at its end.
    pub cycle: bool,
    /// The next value that it would give.
    pub next: i128,
}

/// A query with a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Its name.
    pub name: TableName,
    /// Its query (without CREATE VIEW … AS).
    pub query: String,
    /// Whether its rows are kept.
    pub materialized: bool,
}

/// A type of words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnumType {
    /// Its name.
    pub name: TableName,
    /// The words, in order.
    pub members: Vec<String>,
}

/// A type with conditions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DomainType {
    /// Its name.
    pub name: TableName,
    /// What it stands on.
    pub base: Type,
    /// The base as the engine spells it.
    pub native: String,
    /// Whether NULL is refused.
    pub not_null: bool,
    /// Its default.
    pub default: Option<SqlText>,
    /// Its conditions; the value is called `VALUE` in them.
    pub checks: Vec<Check>,
}

/// A function, procedure, event or rule: named so that it is never dropped in silence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Routine {
    /// Its name.
    pub name: TableName,
    /// `function`, `procedure`, `aggregate`, `event`, `type`, `extension`, `trigger` (of a view), …
    /// `index of …` and `constraint of …` are parts of something that the rest of a catalog has no place for.
    pub kind: String,
    /// A complete statement that makes it, where the engine gives one.
    pub text: Option<String>,
}

/// Everything that one database holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// The tables, by name.
    pub tables: Vec<Table>,
    /// The views, in an order in which they can be made.
    pub views: Vec<View>,
    /// The sequences that no identity column owns.
    pub sequences: Vec<Sequence>,
    /// The named types of words.
    pub enums: Vec<EnumType>,
    /// The types with conditions.
    pub domains: Vec<DomainType>,
    /// Everything else with a name.
    pub routines: Vec<Routine>,
    /// The database's collation or character set, as the engine calls it.
    pub collation: Option<String>,
    /// Notes of the inspector, one sentence each: what it could not see or describe.
    pub notes: Vec<String>,
}

impl Catalog {
    /// The table of that name.
    pub fn table(&self, name: &TableName) -> Option<&Table> {
        self.tables.iter().find(|t| t.name == *name)
    }
}
