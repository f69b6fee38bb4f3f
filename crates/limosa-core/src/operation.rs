//! Schema acts as plain data: one variant per act, said in each engine's words by its dialect.

use crate::schema::{
    Check, Column, DomainType, EnumType, ForeignKey, Index, Key, Routine, Sequence, Table,
    TableName, Trigger, View,
};
use serde::{Deserialize, Serialize};

/// One act on a schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Makes a namespace.
    CreateSchema(String),
    /// Makes a type of words.
    CreateEnum(EnumType),
    /// Makes a type with conditions.
    CreateDomain(DomainType),
    /// Makes a counter.
    CreateSequence(Sequence),
    /// Makes a table with its columns and exactly the keys and checks that the value holds; the
    /// planner has taken out what is added after the load.
    CreateTable(Box<Table>),
    /// Adds the primary key.
    AddPrimaryKey(TableName, Key),
    /// Adds unique constraints, in one pass over the table where the engine can.
    AddUnique(TableName, Key),
    /// Adds an index. `columns` are the table's, for lengths and types.
    CreateIndex {
        /// The table.
        table: TableName,
        /// The index.
        index: Index,
        /// The table's columns.
        columns: Vec<Column>,
    },
    /// Adds a foreign key, validated against every row unless it says otherwise.
    AddForeignKey(TableName, ForeignKey),
    /// Adds a condition, validated against every row unless it says otherwise.
    AddCheck(TableName, Check),
    /// Makes the counter of a column give `next` next.
    SetCounter {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
        /// The value to come.
        next: i128,
    },
    /// Makes a sequence give `next` next.
    SetSequence {
        /// The sequence.
        name: TableName,
        /// The value to come.
        next: i128,
    },
    /// Makes a view.
    CreateView(View),
    /// Makes a function, procedure, type, event or whatever else the inspector gave a complete
    /// statement for; only for a target of the family that it comes from.
    CreateRoutine(Routine),
    /// Makes a trigger; only for a target of the family that it comes from.
    CreateTrigger {
        /// The table.
        table: TableName,
        /// The trigger.
        trigger: Trigger,
    },
    /// Comments on a table or, with a name, on one of its columns.
    Comment {
        /// The table.
        table: TableName,
        /// The column.
        column: Option<String>,
        /// The text.
        text: String,
    },
    /// Gathers statistics.
    Analyze(TableName),
    /// Takes every row out, and sets counters back where the engine does that by itself.
    EmptyTable(TableName),
    /// Takes a table away.
    DropTable(TableName),
}

/// A thing whose being there shows that an operation was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectRef {
    /// A namespace.
    Schema(String),
    /// A named type.
    Type(TableName),
    /// A sequence.
    Sequence(TableName),
    /// A table.
    Table(TableName),
    /// A view.
    View(TableName),
    /// The primary key of a table.
    PrimaryKey(TableName),
    /// An index or a unique constraint of a table, by name.
    Index(TableName, String),
    /// A foreign key or check of a table, by name.
    Constraint(TableName, String),
    /// A routine, by name and kind ([`Routine::kind`]).
    Routine {
        /// The name, as the inspector gives it.
        name: TableName,
        /// The kind.
        kind: String,
    },
    /// A trigger of a table, by name.
    Trigger(TableName, String),
}

impl Operation {
    /// What shows that this was done, so that a run that was killed in between does not do it twice;
    /// `None` for acts that may be done twice.
    pub fn evidence(&self) -> Option<ObjectRef> {
        Some(match self {
            Operation::CreateSchema(name) => ObjectRef::Schema(name.clone()),
            Operation::CreateEnum(t) => ObjectRef::Type(t.name.clone()),
            Operation::CreateDomain(t) => ObjectRef::Type(t.name.clone()),
            Operation::CreateSequence(s) => ObjectRef::Sequence(s.name.clone()),
            Operation::CreateTable(t) => ObjectRef::Table(t.name.clone()),
            Operation::AddPrimaryKey(t, _) => ObjectRef::PrimaryKey(t.clone()),
            Operation::AddUnique(t, k) => ObjectRef::Index(t.clone(), k.name.clone()?),
            Operation::CreateIndex { table, index, .. } => {
                ObjectRef::Index(table.clone(), index.name.clone())
            }
            Operation::AddForeignKey(t, k) => ObjectRef::Constraint(t.clone(), k.name.clone()?),
            Operation::AddCheck(t, c) => ObjectRef::Constraint(t.clone(), c.name.clone()?),
            Operation::CreateView(v) => ObjectRef::View(v.name.clone()),
            Operation::CreateRoutine(r) => ObjectRef::Routine {
                name: r.name.clone(),
                kind: r.kind.clone(),
            },
            Operation::CreateTrigger { table, trigger } => {
                ObjectRef::Trigger(table.clone(), trigger.name.clone())
            }
            Operation::SetCounter { .. }
            | Operation::SetSequence { .. }
            | Operation::Comment { .. }
            | Operation::Analyze(_)
            | Operation::EmptyTable(_)
            | Operation::DropTable(_) => return None,
        })
    }
}
