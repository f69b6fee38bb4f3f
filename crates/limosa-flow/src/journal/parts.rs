//! The plan in the journal: in parts, so that a plan of tens of thousands of tables is never one text.
//!
//! The document `plan` holds everything but the lists, and `plan/tables/…`, `plan/steps/…`, `plan/decisions/…` and
//! `plan/findings/…` hold these, some hundred items each, in order. What the hash of a plan stands for is
//! the whole, put together again.

use super::Journal;
use crate::plan::Plan;
use limosa_core::{Error, ErrorKind, Result};
use rusqlite::params;
use serde::{Serialize, de::DeserializeOwned};

/// Items of a list that are one document.
const ITEMS: usize = 200;

fn json<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| {
        Error::new(ErrorKind::Internal, "writing the plan", "it is not JSON").because(e)
    })
}

impl Journal {
    /// Writes the plan, in place of any that was there.
    pub(super) fn put_plan(&mut self, plan: &Plan) -> Result<()> {
        self.db
            .execute(
                "DELETE FROM document WHERE name >= 'plan/' AND name < 'plan0'",
                [],
            )
            .map_err(self.err("writing the journal"))?;
        let rest = Plan {
            format_version: plan.format_version,
            made_by: plan.made_by.clone(),
            strategy: plan.strategy.clone(),
            settings: plan.settings.clone(),
            source: plan.source.clone(),
            target: plan.target.clone(),
            decisions: Vec::new(),
            tables: Vec::new(),
            steps: Vec::new(),
            findings: Vec::new(),
            estimate: plan.estimate.clone(),
        };
        self.put_document("plan", &json(&rest)?)?;
        self.put_list("decisions", &plan.decisions)?;
        self.put_list("tables", &plan.tables)?;
        self.put_list("steps", &plan.steps)?;
        self.put_list("findings", &plan.findings)
    }

    fn put_list<T: Serialize>(&self, list: &str, items: &[T]) -> Result<()> {
        for (number, part) in items.chunks(ITEMS).enumerate() {
            self.put_document(&format!("plan/{list}/{number:08}"), &json(part)?)?;
        }
        Ok(())
    }

    fn put_document(&self, name: &str, json: &str) -> Result<()> {
        self.db
            .prepare_cached("INSERT OR REPLACE INTO document(name, json) VALUES(?1, ?2)")
            .and_then(|mut s| s.execute(params![name, json]))
            .map_err(self.err("writing the journal"))?;
        Ok(())
    }

    /// The plan.
    pub fn plan(&self) -> Result<Plan> {
        let text: String = self
            .db
            .query_row("SELECT json FROM document WHERE name = 'plan'", [], |r| {
                r.get(0)
            })
            .map_err(self.err("reading the plan"))?;
        let mut plan: Plan = self.json(&text, "plan")?;
        self.list("decisions", &mut plan.decisions)?;
        self.list("tables", &mut plan.tables)?;
        self.list("steps", &mut plan.steps)?;
        self.list("findings", &mut plan.findings)?;
        Ok(plan)
    }

    fn list<T: DeserializeOwned>(&self, list: &str, into: &mut Vec<T>) -> Result<()> {
        let failed = self.err("reading the plan");
        let mut statement = self
            .db
            .prepare("SELECT json FROM document WHERE name >= ?1 || '/' AND name < ?1 || '0' ORDER BY name")
            .map_err(&failed)?;
        let mut rows = statement.query([format!("plan/{list}")]).map_err(&failed)?;
        while let Some(row) = rows.next().map_err(&failed)? {
            let text: String = row.get(0).map_err(&failed)?;
            into.append(&mut self.json::<Vec<T>>(&text, "plan")?);
        }
        into.shrink_to_fit();
        Ok(())
    }
}
