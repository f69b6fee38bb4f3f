//! Events of a change log, grouped by the source transaction that made them.

use crate::position::Position;
use crate::schema::TableName;
use crate::value::Value;

/// A column of a row image.
#[derive(Clone, Debug, PartialEq)]
pub enum ImageCell {
    /// The value after (or, in an old image, before) the change.
    Value(Value),
    /// The log does not carry the value because the change did not touch it.
    Unchanged,
}

/// One row event.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A row appeared.
    Insert {
        /// Its table.
        table: TableName,
        /// The new image, one cell per column of the table as of this position.
        new: Vec<ImageCell>,
    },
    /// A row changed.
    Update {
        /// Its table.
        table: TableName,
        /// The old key, or the whole old image where there is no key; empty if the key did not change.
        old: Vec<ImageCell>,
        /// The new image.
        new: Vec<ImageCell>,
    },
    /// A row went.
    Delete {
        /// Its table.
        table: TableName,
        /// The old key, or the whole old image where there is no key.
        old: Vec<ImageCell>,
    },
    /// All rows of these tables went at once.
    Truncate {
        /// The tables.
        tables: Vec<TableName>,
    },
}

/// One source transaction: applied as a whole, in commit order.
#[derive(Clone, Debug, PartialEq)]
pub struct Transaction {
    /// The engine's name of the transaction, for messages and loop prevention.
    pub id: String,
    /// The place from which reading goes on once this transaction is durable in the target.
    pub end: Position,
    /// The name that its writer left (replication origin, server id, marker), if any.
    pub origin: Option<String>,
    /// The events, in the order in which they happened.
    pub changes: Vec<Change>,
}
