//! From the source's schema to the target's. Pure: catalogs, scans and a dialect in, tables and findings out.
//!
//! Nothing is left out in silence: what the target can not say becomes a [`Finding`].

mod cast;
mod column;
mod constrain;
mod fit;
mod objects;
mod refine;
pub(crate) mod say;
mod table;
mod unify;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use column::{indexed, named_by_keys};
pub use refine::{Refined, refine};
pub(crate) use unify::parent_columns as parents;
pub use unify::{Place, groups, joined, widest};

use crate::names::{self, Labels, Names};
use crate::plan::{ColumnDecision, Finding};
use crate::settings::PlanSettings;
use limosa_core::dialect::Dialect;
use limosa_core::engine::Capabilities;
use limosa_core::policy::Policies;
use limosa_core::scan::TableScan;
use limosa_core::schema::{
    Catalog, Column, DomainType, EnumType, Routine, Sequence, Table, TableName, Type, View,
};
use std::collections::HashMap;

/// Rows without their parent, by child and the foreign key's place in it: how many, and the values of a few.
pub type Orphans = HashMap<(TableName, usize), (u64, Vec<String>)>;

/// What a conversion depends on.
pub struct Context<'a> {
    /// What the source can do.
    pub source: &'a Capabilities,
    /// What the target can do.
    pub target: &'a Capabilities,
    /// What the target can say.
    pub dialect: &'a dyn Dialect,
    /// What was asked.
    pub settings: &'a PlanSettings,
    /// What the tables are called in the target.
    pub names: &'a Names,
    /// The values, by source table.
    pub scans: &'a HashMap<TableName, TableScan>,
    /// The foreign keys that were looked at row by row, since the source has not made sure of them.
    pub orphans: &'a Orphans,
}

impl Context<'_> {
    /// Whether both are of one family, so that texts and types are understood as they are.
    pub(crate) fn same_family(&self) -> bool {
        self.source.family == self.target.family
    }

    /// Whether values are looked at one by one: the declared types bind only in the source.
    pub(crate) fn loose(&self) -> bool {
        self.source.dynamic_types && !self.same_family()
    }

    /// Whether texts of the source that name tables are right in the target as they are.
    pub(crate) fn same_words(&self) -> bool {
        self.same_family() && !self.names.renamed()
    }

    /// The policies of a source table.
    pub(crate) fn policies(&self, table: &TableName) -> Policies {
        names::wish(self.settings, table)
            .and_then(|w| w.types)
            .unwrap_or(self.settings.policies)
    }
}

/// One column that moves.
#[derive(Clone, Debug)]
pub struct ConvertedColumn {
    /// The source column.
    pub source: Column,
    /// What its values are.
    pub values: Type,
    /// The target column.
    pub target: Column,
    /// Whether the target computes it, so that it is not written.
    pub computed: bool,
}

/// One table that moves.
#[derive(Clone, Debug)]
pub struct ConvertedTable {
    /// Its source name.
    pub source: TableName,
    /// The target table, complete; the planner takes apart what is made before and after the load.
    pub target: Table,
    /// Its columns, in the source's order.
    pub columns: Vec<ConvertedColumn>,
}

/// All that moves.
#[derive(Clone, Debug, Default)]
pub struct Converted {
    /// The tables, in the source's order.
    pub tables: Vec<ConvertedTable>,
    /// Types of words to be made.
    pub enums: Vec<EnumType>,
    /// Types with conditions to be made.
    pub domains: Vec<DomainType>,
    /// Counters to be made.
    pub sequences: Vec<Sequence>,
    /// Views to be made.
    pub views: Vec<View>,
    /// Functions, types and other code to be made, each with its text.
    pub routines: Vec<Routine>,
    /// What every column becomes.
    pub decisions: Vec<ColumnDecision>,
    /// What does not convert exactly.
    pub findings: Vec<Finding>,
}

/// Converts all tables that `context.names` knows, and the other objects of the catalog.
pub fn convert(catalog: &Catalog, context: &Context<'_>) -> Converted {
    let mut out = Converted::default();
    let tables: Vec<&Table> = catalog
        .tables
        .iter()
        .filter(|t| context.names.table(&t.name).is_some())
        .collect();
    let believed = column::believe(&tables, catalog, context, &mut out);
    let mut labels = Labels::new(context.source, context.target, context.names);
    for table in &tables {
        if let Some(name) = context.names.table(&table.name) {
            labels.reserve(name);
        }
    }
    let mut drafts: Vec<table::Draft> = tables
        .iter()
        .map(|t| table::draft(t, &believed, catalog, context, &mut out))
        .collect();
    // Foreign keys name columns of other tables, so that all columns must have their names by now.
    let columns: HashMap<TableName, say::Columns> = drafts
        .iter()
        .map(|d| (d.source.name.clone(), d.columns_by_name()))
        .collect();
    let by_name: HashMap<&TableName, &Table> = tables.iter().map(|t| (&t.name, *t)).collect();
    for draft in &mut drafts {
        constrain::constrain(draft, &columns, &by_name, context, &mut labels, &mut out);
        fit::fit(draft, context, &mut out);
    }
    out.tables = drafts.into_iter().map(table::Draft::finish).collect();
    objects::convert(catalog, context, &mut out);
    out
}
