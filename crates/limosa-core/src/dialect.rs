//! What an engine can say: names, types, statements. Pure: no I/O, no clock, no state.

use crate::check::Question;
use crate::expression::Expr;
use crate::mend::{Amendment, Datum, Statement};
use crate::operation::Operation;
use crate::policy::Policies;
use crate::scan::{ColumnScan, Hazard};
use crate::schema::{Table, TableName, Type};
use serde::{Deserialize, Serialize};

/// How well a target type holds the values of a source type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fidelity {
    /// The same values and nothing else; copying back gives the same.
    Exact,
    /// Every value fits, and others would too (`int unsigned` → `bigint`); copying back gives the same.
    Widened,
    /// Some values change or are refused, as the policy named here says; `policy` is a key of the
    /// configuration table `[types]` and its chosen value: `nul = "strip"`. If the chosen value is
    /// `stop`, the run is refused before anything moves.
    Lossy {
        /// The policy, as `key = "value"`.
        policy: String,
        /// Whether the chosen value is to stop.
        stops: bool,
    },
    /// There is no way to hold them.
    Impossible,
}

/// What a dialect is asked about one column.
#[derive(Clone, Copy, Debug)]
pub struct PlaceContext<'a> {
    /// What its values are, if they were scanned.
    pub scan: Option<&'a ColumnScan>,
    /// Whether it is part of a key or an index, so that the target must be able to order and bound it.
    pub indexed: bool,
    /// Columns of the widest key (primary, unique or foreign) that it is part of, itself included; 0 if it is in none.
    pub key_columns: usize,
    /// Characters that the other columns of that key are declared or found to need
    /// ([`PlaceContext::key_need`]); a number counts as a few.
    pub key_chars: u64,
    /// Whether it counts by itself.
    pub identity: bool,
    /// Whether two texts that differ may be equal in the source's collation.
    pub folds: bool,
    /// Whether source and target are of one family and the source's own spelling of the type may be kept.
    pub same_family: bool,
    /// The source's own spelling of the type.
    pub native: &'a str,
    /// What was decided about values that do not fit.
    pub policies: &'a Policies,
}

impl PlaceContext<'_> {
    /// Characters for which a text without a declared length counts in a key of `columns` columns, whose
    /// longest value has `found`: room to grow, and less of it the more columns there are.
    pub fn key_need(found: u64, columns: usize) -> u64 {
        found.max(255 / columns.saturating_sub(1).max(1) as u64)
    }
}

/// How a target holds one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    /// What the target column means.
    pub ty: Type,
    /// The type as the target spells it, complete with length, character set and collation.
    pub native: String,
    /// How well it fits.
    pub fidelity: Fidelity,
    /// Whether the column must allow NULL whatever the source says (a policy writes NULL).
    pub force_nullable: bool,
    /// A condition that the target column needs to mean the same (`VALUE >= 0`), with the column
    /// called by [`Expr::Column`] of the name `VALUE`.
    pub check: Option<Expr>,
    /// Why, in one short sentence, where it is not plain.
    pub note: Option<String>,
}

/// Where a table as a whole does not fit an engine, though each of its columns has a place.
#[derive(Clone, Debug, PartialEq)]
pub enum Misfit {
    /// A column must be held another way, so that the others have room.
    Column {
        /// Its name in the target.
        column: String,
        /// How it is held then.
        placement: Box<Placement>,
    },
    /// There is no room for the table, in a sentence for the report.
    Table(String),
}

/// What an engine can say.
pub trait Dialect: Send + Sync {
    /// Quotes one identifier. Any text without U+0000 is an identifier here.
    fn quote(&self, identifier: &str) -> String;

    /// Quotes a name with its namespace.
    fn qualified(&self, name: &TableName) -> String {
        match &name.schema {
            Some(schema) => format!("{}.{}", self.quote(schema), self.quote(&name.name)),
            None => self.quote(&name.name),
        }
    }

    /// Quotes a text literal.
    fn literal(&self, text: &str) -> String;

    /// Says how this engine, as a target, holds columns of the neutral type `ty`.
    ///
    /// `ty` is the source's meaning after the scan has spoken: never [`Type::Dynamic`] unless the
    /// values are truly mixed.
    fn place(&self, ty: &Type, context: &PlaceContext<'_>) -> Placement;

    /// Says where a table of another family, complete with its keys and indexes, does not fit this engine as a
    /// whole: rows have bytes, beside what each column has. `free` says of a column, by its name in `table`, whether it
    /// may be held another way; those of keys and indexes are left as they are in any case.
    fn fit(&self, table: &Table, free: &dyn Fn(&str) -> bool) -> Vec<Misfit> {
        let _ = (table, free);
        Vec::new()
    }

    /// Which hazards of a column of type `ty` (as a source) this engine, as a target, must know from a
    /// scan before [`Dialect::place`] can answer well; empty if the declaration says enough.
    fn wants_scan(&self, ty: &Type) -> Vec<Hazard>;

    /// Whether this engine, as a target, must also know from a scan how large the values of a column are before
    /// [`Dialect::place`] can answer well: characters and bytes of texts, digits of decimals. `indexed` as in
    /// [`PlaceContext`]. Asked only of columns of which it wants a scan.
    fn wants_sizes(&self, ty: &Type, indexed: bool) -> bool;

    /// Says an operation as statements, in order, each to be run by itself.
    ///
    /// # Errors
    /// `Unsupported` (definite) if the engine has no such thing; the reason is a sentence for the report.
    fn render(&self, operation: &Operation) -> crate::Result<Vec<String>>;

    /// Says an expression; `None` if this engine has no words of the same meaning.
    fn expression(&self, expression: &Expr) -> Option<String>;

    /// Says the question of a data test as one query.
    ///
    /// # Errors
    /// `Unsupported` (definite) if the engine has no such thing; the reason is a sentence for the report.
    fn question(&self, question: &Question) -> crate::Result<String>;

    /// Says the change of one row as a guarded statement.
    ///
    /// # Errors
    /// `Unsupported` (definite) if a value can not be said; the reason is a sentence for the report.
    fn mend(&self, amendment: &Amendment<'_>) -> crate::Result<Statement>;

    /// Says a value of such a statement as a literal, for a script.
    fn datum(&self, value: &Datum) -> String;

    /// What a script for the engine's own client needs before its statements and behind them, so that they
    /// mean what they say and are done all or not at all.
    fn script(&self) -> (&'static str, &'static str);
}
