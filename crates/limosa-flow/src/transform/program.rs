//! A table's transform at work: a batch in, a batch out.

use super::cell::Env;
use super::check::{Compiled, Input, Scope, compile, condition};
use super::lookup::Lookups;
use bumpalo::Bump;
use limosa_core::batch::{Batch, Cell};
use limosa_core::schema::{Table, Type};
use limosa_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// What a table's rows become: the part of a plan that is hashed and compiled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransformPlan {
    /// The name of the table that comes out, before it is renamed for the target.
    pub shape: limosa_core::schema::TableName,
    /// Which rows are taken: those for which this formula is true.
    pub filter: Option<String>,
    /// What is read, in order.
    pub inputs: Vec<Input>,
    /// What comes out, in the order of the written columns.
    pub outputs: Vec<Output>,
    /// How a row is found again by its source key.
    pub key: KeyTrace,
    /// The tables that are looked into, with the columns that it takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lookups: Vec<Table>,
    /// The beginning of the salt's SHA-256, so that another salt is another plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
    /// What `now()` is: the moment at which the plan was made, microseconds since 1970 in UTC. No part of
    /// the plan's hash.
    pub now: i64,
}

/// One column that comes out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// The cell of an input, as it is.
    Read(usize),
    /// What a formula makes.
    Formula {
        /// Its name before it is renamed for the target.
        name: String,
        /// The formula.
        text: String,
        /// The type of its values.
        ty: Type,
    },
}

/// How the key of a target row follows from that of its source row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyTrace {
    /// It is the same.
    Same,
    /// It is computed from the source's key alone: the old key of a change is enough to find the row.
    Computed,
    /// It is computed from other columns too: a change must bring the whole old row.
    NeedsRow,
    /// There is none.
    None,
}

/// What all formulas of a run depend on, beside the rows.
#[derive(Clone, Copy)]
pub struct Surroundings<'s> {
    /// The secret that masks are made with.
    pub salt: Option<&'s [u8]>,
    /// The other tables.
    pub lookups: &'s Lookups,
    /// Whether names of columns differ by their case.
    pub case_sensitive: bool,
}

enum Make {
    Read(usize),
    Run(Compiled),
}

/// A compiled transform. Shared by all lanes.
pub struct Program {
    inputs: usize,
    filter: Option<Compiled>,
    outputs: Vec<(String, Make)>,
    now: i64,
}

/// A row that a transform could not make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The row of the batch, from 0.
    pub row: u64,
    /// The place of the output column; `None` for the filter.
    pub column: Option<usize>,
    /// The column's name, or `where`.
    pub name: String,
    /// Why: the function and a phrase, without values.
    pub reason: String,
}

/// What became of the rows of a batch.
#[derive(Debug, Default)]
pub struct Applied {
    /// Rows that the filter left out.
    pub filtered: u64,
    /// Rows that failed.
    pub refused: Vec<Refusal>,
    /// For each row that came out, its place in the batch that went in.
    pub origins: Vec<u32>,
}

impl Program {
    /// Compiles a transform.
    ///
    /// # Errors
    /// `Configuration` if a formula is wrong: a plan that was made for other columns.
    pub fn new(plan: &TransformPlan, around: Surroundings<'_>) -> Result<Self> {
        let scope = Scope {
            inputs: &plan.inputs,
            case_sensitive: around.case_sensitive,
            lookups: around.lookups,
            salt: around.salt,
        };
        let wrong = |what: &str, wrong: super::Wrong| {
            Error::new(
                ErrorKind::Configuration,
                "compiling a transform",
                format!("{what}, character {}: {}", wrong.at + 1, wrong.why),
            )
            .on(plan.shape.to_string())
        };
        let filter = match &plan.filter {
            Some(text) => Some(condition(text, scope).map_err(|e| wrong("where", e))?),
            None => None,
        };
        let mut outputs = Vec::with_capacity(plan.outputs.len());
        for output in &plan.outputs {
            outputs.push(match output {
                Output::Read(at) => {
                    let name = plan.inputs.get(*at).map_or("?", |i| i.name.as_str());
                    (name.to_owned(), Make::Read(*at))
                }
                Output::Formula { name, text, .. } => (
                    name.clone(),
                    Make::Run(compile(text, scope).map_err(|e| wrong(name, e))?),
                ),
            });
        }
        Ok(Self {
            inputs: plan.inputs.len(),
            filter,
            outputs,
            now: plan.now,
        })
    }

    /// The number of columns that come out.
    pub fn columns(&self) -> usize {
        self.outputs.len()
    }

    /// Applies the transform to every row of `batch`. `out` is emptied first; `arena` is memory that is
    /// used again for the next batch.
    pub fn apply(&self, arena: &mut Bump, batch: &Batch, out: &mut Batch, done: &mut Applied) {
        arena.reset();
        let arena: &Bump = arena;
        out.reset(self.outputs.len());
        done.filtered = 0;
        done.refused.clear();
        done.origins.clear();
        let mut row: Vec<Cell<'_>> = Vec::with_capacity(self.inputs);
        let mut cells = batch.cells();
        for n in 0..batch.rows() {
            row.clear();
            row.extend(cells.by_ref().take(self.inputs));
            let env = Env {
                row: &row,
                arena,
                now: self.now,
            };
            if let Some(filter) = &self.filter {
                match (filter.run)(&env) {
                    Ok(Cell::Bool(true)) => {}
                    Ok(_) => {
                        done.filtered += 1;
                        continue;
                    }
                    Err(fail) => {
                        done.refused.push(Refusal {
                            row: n,
                            column: None,
                            name: "where".into(),
                            reason: format!("{}: {}", fail.step, fail.why),
                        });
                        continue;
                    }
                }
            }
            let mark = out.mark();
            match self.row(&env, out) {
                Ok(()) => {
                    out.end_row();
                    // A batch has far fewer rows.
                    done.origins.push(n as u32);
                }
                Err((at, fail)) => {
                    out.truncate(mark);
                    done.refused.push(Refusal {
                        row: n,
                        column: Some(at),
                        name: self.outputs[at].0.clone(),
                        reason: format!("{}: {}", fail.step, fail.why),
                    });
                }
            }
        }
    }

    #[inline]
    fn row(&self, env: &Env<'_, '_>, out: &mut Batch) -> Result<(), (usize, super::Fail)> {
        for (at, (_, make)) in self.outputs.iter().enumerate() {
            match make {
                Make::Read(from) => out.put_cell(env.row[*from]),
                Make::Run(formula) => out.put_cell((formula.run)(env).map_err(|f| (at, f))?),
            }
        }
        Ok(())
    }
}
