//! What `limosa.toml` looks like: every key with its meaning, and nothing else.
//!
//! The comments of the fields are the documentation of the file: `limosa config schema` prints them.

use super::amount::parse_bytes;
use super::data_test::CheckPart;
use limosa_core::policy::{
    BadDatePolicy, DoubleEncodedPolicy, InvalidTextPolicy, MismatchPolicy, NotFinitePolicy,
    NulPolicy, OrphansPolicy, OutOfRangePolicy, Policies, PrecisionPolicy, TinyInt1Policy,
};
use limosa_flow::settings::ScanMode;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use std::collections::BTreeMap;
use std::fmt;
use toml::Spanned;

/// The configuration of one migration.
///
/// Every text may hold `${VAR}` and `${VAR:-default}`; `$$` is one dollar sign. Relative paths are
/// read against the folder of this file.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "limosa.toml")]
pub(crate) struct File {
    /// The name of the migration, and of its journal `.limosa/<name>.db`. Default `migration`.
    #[schemars(with = "Option<String>")]
    pub(crate) name: Option<Spanned<String>>,
    /// The strategy. This release has `big_bang`: everything is copied, then compared.
    #[schemars(schema_with = "strategy")]
    pub(crate) strategy: Option<Spanned<String>>,
    /// Tables or chunks that move at once, 1 to 256. Default: the number of processors, at most 8.
    #[schemars(with = "Option<u32>", range(min = 1, max = 256))]
    pub(crate) workers: Option<Spanned<u64>>,
    /// Memory for everything in flight, like `"256MiB"`; at least 16 MiB. Default `"256MiB"`.
    #[schemars(schema_with = "amount")]
    pub(crate) memory: Option<Spanned<Amount>>,
    /// Rows per batch, at most; 1 to 1 000 000. Default 10 000.
    #[schemars(with = "Option<u32>", range(min = 1, max = 1_000_000))]
    pub(crate) batch_size: Option<Spanned<u64>>,
    /// Bytes per chunk, about: the unit of resuming, like `"64MiB"`. Default `"64MiB"`.
    #[schemars(schema_with = "amount")]
    pub(crate) chunk_size: Option<Spanned<Amount>>,
    /// Tries after a transient failure (a lost connection, a deadlock), 0 to 1000. Default 5.
    #[schemars(with = "Option<u32>", range(max = 1000))]
    pub(crate) retry_attempts: Option<Spanned<u64>>,
    /// The share of rejected rows above which the run stops, 0 to 1. Default 0: the first one stops it.
    #[schemars(with = "Option<f64>", range(min = 0.0, max = 1.0))]
    pub(crate) error_threshold: Option<Spanned<f64>>,
    /// Rows that are handled before that share is judged, at least 1. Default 1000. At a table's end it is judged anyway.
    #[schemars(with = "Option<u64>", range(min = 1))]
    pub(crate) error_threshold_min: Option<Spanned<u64>>,
    /// The share of rows that is compared after the copy, in percent. Default 100. A verdict says PASS only at 100.
    #[schemars(with = "Option<f64>", range(min = 0.0, max = 100.0))]
    pub(crate) validate_percentage: Option<Spanned<f64>>,
    /// Rows a second over all workers, at most. Default: no limit.
    #[schemars(with = "Option<u64>", range(min = 1))]
    pub(crate) max_rows_per_second: Option<Spanned<u64>>,
    /// Bytes a second over all workers, at most, like `"50MiB"`. Default: no limit.
    #[schemars(schema_with = "amount")]
    pub(crate) max_bytes_per_second: Option<Spanned<Amount>>,
    /// Differing rows that are named per table, at most. Default 100.
    #[schemars(with = "Option<u32>")]
    pub(crate) max_differences: Option<Spanned<u64>>,
    /// How values are looked at before a plan is made: `full` reads every row of the columns on which
    /// the conversion depends, `sample` 10 000 rows, `none` trusts the declarations. Default `full`.
    #[schemars(schema_with = "scan")]
    pub(crate) scan: Option<Spanned<String>>,
    /// The tables of the target are there already: load into them, make nothing. Default false.
    #[schemars(with = "Option<bool>")]
    pub(crate) into_existing: Option<Spanned<bool>>,
    /// The downtime that you allow, like `"30m"`; `assess` chooses a strategy by it.
    #[schemars(with = "Option<String>")]
    pub(crate) max_downtime: Option<Spanned<String>>,
    /// The folder of the journals. Default `.limosa`.
    #[schemars(with = "Option<String>")]
    pub(crate) state: Option<Spanned<String>>,
    /// The folder of the reports. Default `limosa-report`.
    #[schemars(with = "Option<String>")]
    pub(crate) report: Option<Spanned<String>>,
    /// Where from.
    pub(crate) source: Database,
    /// Where to.
    pub(crate) target: Database,
    /// Which tables.
    pub(crate) tables: Tables,
    /// How the comparison goes about it; see docs/guide/verify.md.
    pub(crate) verify: Verify,
    /// What is done with values that the target can not hold as they are. Every policy begins at `stop`.
    pub(crate) types: Types,
    /// New names, in short.
    pub(crate) rename: Rename,
    /// Wishes for single tables.
    pub(crate) table: Vec<Table>,
    /// Columns whose values are never shown: patterns with `*` and `?` on `table.column`. Default: none.
    pub(crate) masked: Vec<String>,
    /// Data tests: what must be true of the rows. `limosa check` asks them, and `limosa run` after its comparison.
    #[schemars(with = "Vec<CheckPart>")]
    pub(crate) check: Vec<Spanned<CheckPart>>,
    /// What rows become on the way, table by table or by pattern; see docs/guide/transform.md.
    pub(crate) transform: Vec<Transform>,
    /// The secret that masks are made with: `env:NAME`, `file:PATH` or `cmd:COMMAND`.
    #[schemars(with = "Option<String>")]
    pub(crate) mask_salt: Option<Spanned<String>>,
}

/// How the comparison goes about it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Verify {
    /// Rows stay where they are as long as the sums that both servers make of them are equal: for slow links.
    /// Default false: rows are read, which costs the servers less.
    #[schemars(with = "Option<bool>")]
    pub(crate) pushdown: Option<Spanned<bool>>,
    /// Rows of one such sum, about, at least 1000: what a server works on in one statement. Default 100 000.
    #[schemars(with = "Option<u64>", range(min = 1000))]
    pub(crate) rows: Option<Spanned<u64>>,
    /// The share of the rows that is compared in both ways, read and added up by the servers, in percent.
    /// Default 1; 0 is none.
    #[schemars(with = "Option<f64>", range(min = 0.0, max = 100.0))]
    pub(crate) cross_check: Option<Spanned<f64>>,
}

/// One of the two databases.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Database {
    /// Its URL: `postgresql://user@host:5432/database`, `mysql://…`, `mariadb://…`, `sqlite:PATH`; or where
    /// it is kept: `env:NAME`, `file:PATH`, `cmd:COMMAND`.
    #[schemars(with = "Option<String>")]
    pub(crate) url: Option<Spanned<String>>,
    /// The password, if it is not in the URL: `env:NAME`, `file:PATH` or `cmd:COMMAND`.
    #[schemars(with = "Option<String>")]
    pub(crate) password: Option<Spanned<String>>,
}

/// Which tables.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tables {
    /// Tables to take: patterns with `*` and `?` on `name` or `schema.name`. Default: all.
    pub(crate) include: Option<Vec<String>>,
    /// Tables to leave. Default: none.
    pub(crate) exclude: Option<Vec<String>>,
}

/// What is done with values that the target can not hold as they are.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Types {
    /// U+0000 in text: `stop`, `strip` (take it out), `replace` (by U+2400).
    #[schemars(schema_with = "nul")]
    pub(crate) nul: Option<NulPolicy>,
    /// Dates that no calendar has (`0000-00-00`): `stop`, `null`, `text` (keep the column as text).
    #[schemars(schema_with = "stop_null_text")]
    pub(crate) bad_date: Option<BadDatePolicy>,
    /// NaN and the infinities: `stop`, `null`, `text`.
    #[schemars(schema_with = "stop_null_text")]
    pub(crate) not_finite: Option<NotFinitePolicy>,
    /// Text that is not UTF-8: `stop`, `replace` (by U+FFFD), `bytes` (keep the column as bytes), `latin1` or
    /// `windows-1252` (read such values as that), `reject` (put the row aside; so has every other policy).
    #[schemars(schema_with = "invalid_text")]
    pub(crate) invalid_text: Option<InvalidTextPolicy>,
    /// Text that was encoded twice (`cafÃ©` for `café`): `keep`, `repair`.
    #[schemars(schema_with = "double_encoded")]
    pub(crate) double_encoded: Option<DoubleEncodedPolicy>,
    /// Numbers beyond a column that you chose (`cast`, or `into_existing`): `stop`, `clamp` (to the nearest), `reject`.
    #[schemars(schema_with = "out_of_range")]
    pub(crate) out_of_range: Option<OutOfRangePolicy>,
    /// Values that are not of their column's declared type (SQLite): `stop`, `widen` (the tightest type that holds them all).
    #[schemars(schema_with = "mismatch")]
    pub(crate) mismatch: Option<MismatchPolicy>,
    /// Numbers that the target holds only approximately or not at all: `stop`, `text`, `round`.
    #[schemars(schema_with = "precision")]
    pub(crate) precision: Option<PrecisionPolicy>,
    /// What `tinyint(1)` means: `auto` (boolean if all are 0 or 1), `boolean`, `smallint`.
    #[schemars(schema_with = "tinyint1")]
    pub(crate) tinyint1: Option<TinyInt1Policy>,
    /// Rows that name a parent which is not there, where the source does not keep them out (SQLite): `stop`,
    /// `skip_constraint` (leave the foreign key out of the target).
    #[schemars(schema_with = "orphans")]
    pub(crate) orphans: Option<OrphansPolicy>,
}

impl Types {
    /// These policies where they are said, else those of `general`.
    pub(crate) fn over(&self, general: Policies) -> Policies {
        Policies {
            nul: self.nul.unwrap_or(general.nul),
            bad_date: self.bad_date.unwrap_or(general.bad_date),
            not_finite: self.not_finite.unwrap_or(general.not_finite),
            invalid_text: self.invalid_text.unwrap_or(general.invalid_text),
            double_encoded: self.double_encoded.unwrap_or(general.double_encoded),
            out_of_range: self.out_of_range.unwrap_or(general.out_of_range),
            mismatch: self.mismatch.unwrap_or(general.mismatch),
            precision: self.precision.unwrap_or(general.precision),
            tinyint1: self.tinyint1.unwrap_or(general.tinyint1),
            orphans: self.orphans.unwrap_or(general.orphans),
        }
    }
}

/// New names, in short; `[[table]]` says the same table by table.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rename {
    /// Namespaces: `{ public = "shop" }`.
    pub(crate) schemas: BTreeMap<String, String>,
    /// Tables, by their source names: `{ tbl_orders = "orders" }`.
    pub(crate) tables: BTreeMap<String, String>,
    /// Columns, by the source names of table and column: `{ "tbl_orders.CustNo" = "customer_id" }`.
    pub(crate) columns: BTreeMap<String, String>,
}

/// Wishes for one table.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    /// The source table, `name` or `schema.name`.
    #[schemars(with = "String")]
    pub(crate) name: Spanned<String>,
    /// Its name in the target.
    pub(crate) rename: Option<String>,
    /// Columns that are left behind.
    #[serde(default)]
    pub(crate) exclude_columns: Vec<String>,
    /// Columns and their names in the target: `{ CustNo = "customer_id" }`.
    #[serde(default)]
    pub(crate) rename_columns: BTreeMap<String, String>,
    /// The column by which the table is cut for parallel work, if not by its key.
    pub(crate) partition_column: Option<String>,
    /// The share of rejected rows above which this table stops, 0 to 1, in place of the general one.
    #[schemars(with = "Option<f64>", range(min = 0.0, max = 1.0))]
    pub(crate) error_threshold: Option<Spanned<f64>>,
    /// Target types of columns, in the target's own words: `{ total = "numeric(12,2)" }`.
    #[serde(default)]
    pub(crate) cast: BTreeMap<String, String>,
    /// Policies of this table; what is not said here is as in the general `[types]`.
    pub(crate) types: Option<Types>,
}

/// What the rows of a table, or of all tables that fit a pattern, become on the way.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Transform {
    /// The source table, `name` or `schema.name`, or a pattern with `*` and `?`.
    #[schemars(with = "String")]
    pub(crate) table: Spanned<String>,
    /// The name of the table that comes out, where one table becomes several.
    pub(crate) into: Option<String>,
    /// Which rows are taken: a condition like `"status <> 'deleted'"`.
    #[schemars(with = "Option<String>")]
    pub(crate) r#where: Option<Spanned<String>>,
    /// The source's columns that are taken. Default: all.
    #[serde(default)]
    pub(crate) select: Vec<String>,
    /// The source's columns that are left behind.
    #[serde(default)]
    pub(crate) drop: Vec<String>,
    /// Columns and the formulas that make them: `{ email = "lower(email)" }`. A column that is there
    /// already is replaced; a formula that is the name of a column that is left behind renames it.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub(crate) columns: BTreeMap<String, Spanned<String>>,
}

/// A number of bytes, as a number or with a unit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Amount(pub(crate) String);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Amount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of bytes like 268435456 or \"256MiB\"")
            }

            fn visit_i64<E: de::Error>(self, n: i64) -> Result<Amount, E> {
                u64::try_from(n)
                    .map(|n| Amount(n.to_string()))
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(n), &self))
            }

            fn visit_u64<E: de::Error>(self, n: u64) -> Result<Amount, E> {
                Ok(Amount(n.to_string()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Amount, E> {
                // What holds a variable is judged when the variable is known.
                if !text.contains('$') && parse_bytes(text).is_err() {
                    return Err(E::invalid_value(de::Unexpected::Str(text), &self));
                }
                Ok(Amount(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// The strategies that this release has, and those that the design has beside them.
pub(crate) const STRATEGIES: &[&str] = &["big_bang"];
pub(crate) const LATER_STRATEGIES: &[&str] = &["incremental", "blue_green", "canary", "shadow"];
/// The ways to look at values.
pub(crate) const SCANS: &[(&str, ScanMode)] = &[
    ("full", ScanMode::Full),
    ("sample", ScanMode::Sample),
    ("none", ScanMode::None),
];

fn words(list: &[&str]) -> Schema {
    json_schema!({ "type": ["string", "null"], "enum": list })
}
fn strategy(_: &mut SchemaGenerator) -> Schema {
    words(STRATEGIES)
}
fn scan(_: &mut SchemaGenerator) -> Schema {
    words(&["full", "sample", "none"])
}
fn amount(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "integer", "null"],
        "minimum": 0,
        "examples": ["256MiB", "1GB"]
    })
}
fn nul(_: &mut SchemaGenerator) -> Schema {
    words(&["stop", "strip", "replace", "reject"])
}
fn stop_null_text(_: &mut SchemaGenerator) -> Schema {
    words(&["stop", "null", "text", "reject"])
}
fn invalid_text(_: &mut SchemaGenerator) -> Schema {
    words(&[
        "stop",
        "replace",
        "bytes",
        "latin1",
        "windows-1252",
        "reject",
    ])
}
fn double_encoded(_: &mut SchemaGenerator) -> Schema {
    words(&["keep", "repair"])
}
fn out_of_range(_: &mut SchemaGenerator) -> Schema {
    words(&["stop", "clamp", "reject"])
}
fn mismatch(_: &mut SchemaGenerator) -> Schema {
    words(&["stop", "widen", "reject"])
}
fn precision(_: &mut SchemaGenerator) -> Schema {
    words(&["stop", "text", "round", "reject"])
}
fn tinyint1(_: &mut SchemaGenerator) -> Schema {
    words(&["auto", "boolean", "smallint"])
}
fn orphans(_: &mut SchemaGenerator) -> Schema {
    words(&["stop", "skip_constraint"])
}

/// The JSON Schema of the file.
pub(crate) fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(File).to_value();
    // `Option<Vec<_>>` and friends allow null, which TOML does not have; editors do not mind.
    if let Some(map) = schema.as_object_mut() {
        map.insert(
            "$id".into(),
            "https://limosa-db.github.io/schema/limosa.toml.json".into(),
        );
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every word that the schema offers for a policy is one that the program takes, and no policy is missing.
    #[test]
    fn the_schema_offers_the_policies_that_there_are() {
        let schema = schema();
        let offered = schema["$defs"]["Types"]["properties"]
            .as_object()
            .expect("the policies are properties");
        let known = serde_json::to_value(Policies::default()).expect("policies are JSON");
        let known = known.as_object().expect("an object");
        assert_eq!(
            offered.keys().collect::<std::collections::BTreeSet<_>>(),
            known.keys().collect(),
        );
        for (key, about) in offered {
            for word in about["enum"].as_array().expect("words") {
                let text = format!("{key} = {word}");
                let types: Types = toml::from_str(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
                assert_ne!(types, Types::default());
            }
        }
    }
}
