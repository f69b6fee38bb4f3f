//! One stream of facts about a run; command line, web page and metrics are readers of it.

use limosa_core::schema::TableName;
use serde::Serialize;
use std::sync::Arc;

/// One fact. Numbers are totals so far unless the name says otherwise.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Fact {
    /// A part of the run began: `inspect`, `scan`, `create`, `copy`, `keys`, `constraints`, `finish`, `verify`.
    StageBegan {
        /// Its name.
        stage: &'static str,
        /// How many tables or steps it has.
        items: u64,
    },
    /// It ended.
    StageEnded {
        /// Its name.
        stage: &'static str,
        /// How long it took.
        seconds: f64,
    },
    /// A table's work in the present stage began.
    TableBegan {
        /// The stage.
        stage: &'static str,
        /// The table, by its target name.
        table: TableName,
        /// Rows that it is thought to have.
        rows: Option<u64>,
        /// Bytes that it is thought to have.
        bytes: Option<u64>,
    },
    /// Rows of a table went through.
    TableMoved {
        /// The stage.
        stage: &'static str,
        /// The table.
        table: TableName,
        /// Rows since the last such fact.
        rows: u64,
        /// Bytes since the last such fact.
        bytes: u64,
    },
    /// A table's work in the stage ended.
    TableEnded {
        /// The stage.
        stage: &'static str,
        /// The table.
        table: TableName,
        /// `done`, `equal`, `different`, `failed`, `skipped`.
        outcome: &'static str,
        /// Why, if it did not go well.
        why: Option<String>,
    },
    /// Rows of a table were left out of a chunk that is done.
    Rejected {
        /// The table, by its target name.
        table: TableName,
        /// Rows since the last such fact.
        rows: u64,
    },
    /// A step (a schema act) was done.
    StepDone {
        /// What it was, in words.
        step: String,
        /// How long it took.
        seconds: f64,
    },
    /// Something is tried again.
    Retry {
        /// What.
        what: String,
        /// Why.
        why: String,
        /// Which attempt comes now, from 2.
        attempt: u32,
        /// The pause before it, in seconds.
        pause: f64,
    },
    /// Something that a person should know.
    Note {
        /// The sentence.
        text: String,
    },
}

/// Where facts go. Called from many threads; must not block for long.
pub trait Listener: Send + Sync {
    /// Takes one fact.
    fn hear(&self, fact: Fact);
}

/// A shared listener.
pub type Progress = Arc<dyn Listener>;

/// A listener that hears nothing.
#[derive(Debug)]
pub struct Silent;

impl Listener for Silent {
    fn hear(&self, _: Fact) {}
}
