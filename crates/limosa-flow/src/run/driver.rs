//! The only loop: journal first, then the effects.

use super::machine::{Effect, Event, Phase, State, next};
use super::steps::Steps;
use super::{Parts, RunError, preflight};
use crate::copy::{self, Job, Lease, Observer};
use crate::holder;
use crate::journal::Journal;
use crate::outcome::{Ending, Outcome, StepOutcome, TableOutcome};
use crate::plan::{Stage, TablePlan};
use crate::progress::Fact;
use limosa_core::operation::Operation;
use limosa_core::schema::TableName;
use limosa_core::{Error, ErrorKind, Result};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

pub(super) fn drive(
    job: &Job<'_>,
    journal: &mut Journal,
    parts: Parts,
) -> Result<Outcome, RunError> {
    let began = Instant::now();
    let word = journal.phase()?;
    let phase = Phase::of(&word).ok_or_else(|| {
        Error::new(
            ErrorKind::Unsupported,
            "reading the journal",
            format!("it is in a phase that this version does not know: {word}"),
        )
    })?;
    let seen = journal.target_identity()?;
    preflight::plan(job, &journal.plan_hash()?, seen.as_ref()).map_err(refusal)?;
    let lease = Lease::new(job.target, &job.plan.settings.name, &holder::name());
    let shared = Mutex::new(journal);
    let mut driver = Driver {
        job,
        journal: &shared,
        lease: &lease,
        resumed: phase != Phase::Planned,
        broken: HashSet::new(),
        unmade: HashMap::new(),
        stages: Vec::new(),
        began,
    };
    if parts == Parts::Verify {
        let ending = match driver.verify()? {
            true => Ending::Complete,
            false => Ending::Interrupted,
        };
        return Ok(driver.finish(ending)?);
    }
    if phase == Phase::Planned {
        // A run whose journal was lost shows in the ledger, and then the rows there are ours.
        let ledger = lease.hold().with(|l, run| l.chunks(run));
        driver.resumed = ledger.is_ok_and(|chunks| !chunks.is_empty());
        if !driver.resumed {
            preflight::rights(job).map_err(refusal)?;
            preflight::target_is_empty(job).map_err(refusal)?;
        }
    }
    let verify = parts == Parts::All;
    let state = State {
        phase,
        flawed: driver.locked().flawed()?,
        verify,
    };
    let compared = driver.locked().comparison()?.is_some();
    // Dropped whichever way the run ends, which ends the heartbeat at once.
    let (running, ended) = crossbeam_channel::bounded(0);
    std::thread::scope(|scope| {
        let _running = running;
        let lease = &lease;
        let progress = job.progress;
        scope.spawn(move || lease.beat(progress, &ended));
        let result = driver.all(state, Event::Begin { verify, compared });
        if result.is_err() {
            lease.release();
        }
        result
    })
}

/// What keeps a run from beginning is a precondition, unless the world just failed.
fn refusal(error: Error) -> RunError {
    match error.kind() {
        ErrorKind::Configuration
        | ErrorKind::Conflict
        | ErrorKind::Missing
        | ErrorKind::Privilege
        | ErrorKind::Unsupported => RunError::Precondition(error),
        _ => RunError::Failed(error),
    }
}

struct Driver<'a, 'p, 'j> {
    job: &'a Job<'p>,
    journal: &'a Mutex<&'j mut Journal>,
    lease: &'a Lease<'p>,
    /// Whether an earlier process may have begun things.
    resumed: bool,
    /// Tables whose rows are not all there.
    broken: HashSet<TableName>,
    /// Tables that could not be made, and why.
    unmade: HashMap<TableName, String>,
    stages: Vec<(String, f64)>,
    began: Instant,
}

impl<'j> Driver<'_, '_, 'j> {
    fn locked(&self) -> MutexGuard<'_, &'j mut Journal> {
        self.journal.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn all(&mut self, mut state: State, mut event: Event) -> Result<Outcome, RunError> {
        loop {
            let (after, effects) = next(state, event);
            self.locked().enter(after.phase.word(), after.flawed)?;
            fail::fail_point!("run-between-phases");
            state = after;
            let mut flawed = false;
            for effect in effects {
                match effect {
                    Effect::Acquire => {
                        let hash = self.locked().plan_hash()?;
                        self.lease
                            .take(&self.job.around(), &hash, self.job.settings.steal)?;
                        // From now on it is this very database.
                        let identity = self.job.target.identity()?;
                        self.locked().set_target_identity(&identity)?;
                        fail::fail_point!("run-after-acquire");
                    }
                    Effect::Steps(stage) => flawed |= self.steps(stage)?,
                    Effect::Copy => flawed |= self.copy()?,
                    Effect::Verify => {
                        self.verify()?;
                    }
                    Effect::Clean => self.clean()?,
                    Effect::Release => self.lease.release(),
                    Effect::End(ending) => return Ok(self.finish(ending)?),
                }
            }
            if self.lease.fenced() {
                return Err(self.lease.fenced_error().into());
            }
            event = if self.job.stop.requested() {
                Event::Stopped
            } else {
                Event::Finished { flawed }
            };
        }
    }

    fn stage<T>(
        &mut self,
        name: &'static str,
        items: usize,
        act: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let progress = self.job.progress;
        progress.hear(Fact::StageBegan {
            stage: name,
            items: items as u64,
        });
        let began = Instant::now();
        let result = act(self);
        let seconds = began.elapsed().as_secs_f64();
        self.stages.push((name.into(), seconds));
        progress.hear(Fact::StageEnded {
            stage: name,
            seconds,
        });
        result
    }

    fn steps(&mut self, stage: Stage) -> Result<bool> {
        let name = match stage {
            Stage::Create => "create",
            Stage::Keys => "keys",
            Stage::Constraints => "constraints",
            Stage::Finish => "finish",
        };
        let items = self
            .job
            .plan
            .steps
            .iter()
            .filter(|s| s.stage == stage)
            .count();
        let outcomes: Vec<StepOutcome> = self.stage(name, items, |d| {
            Steps {
                job: d.job,
                journal: d.journal,
                resumed: d.resumed,
                broken: &d.broken,
                fenced: &|| d.lease.fenced(),
            }
            .stage(stage)
        })?;
        if stage == Stage::Create {
            let failed: HashMap<&str, &StepOutcome> = outcomes
                .iter()
                .filter(|o| !o.done)
                .map(|o| (o.id.as_str(), o))
                .collect();
            for step in &self.job.plan.steps {
                if let Operation::CreateTable(table) = &step.operation
                    && let Some(outcome) = failed.get(step.id.as_str())
                {
                    self.broken.insert(table.name.clone());
                    let why = outcome.error.clone().unwrap_or_default();
                    self.unmade.insert(table.name.clone(), why);
                }
            }
        }
        Ok(outcomes.iter().any(|o| !o.done))
    }

    fn copy(&mut self) -> Result<bool> {
        let skip: HashSet<TableName> = self.unmade.keys().cloned().collect();
        for (table, why) in &self.unmade {
            self.locked().table_ended(&TableOutcome {
                table: table.clone(),
                rows: 0,
                bytes: 0,
                seconds: 0.0,
                chunks: (0, 0),
                resumed: 0,
                rejected: 0,
                skipped: 0,
                errors: vec![format!("{table}: the table could not be made: {why}")],
            })?;
        }
        let outcomes = self.stage("copy", self.job.plan.tables.len(), |d| {
            let witness = Witness {
                job: d.job,
                journal: d.journal,
            };
            copy::copy(d.job, d.lease, &skip, &witness)
        })?;
        for outcome in outcomes {
            let whole = outcome.errors.is_empty()
                && outcome.chunks.1 > 0
                && outcome.chunks.0 == outcome.chunks.1;
            if !whole {
                self.broken.insert(outcome.table.clone());
                if outcome.errors.is_empty() && outcome.chunks.1 > 0 {
                    self.locked().table_ended(&outcome)?;
                }
            }
        }
        Ok(!self.broken.is_empty())
    }

    /// Compares. Gives whether it was done, or stopped before its end.
    fn verify(&mut self) -> Result<bool> {
        let mut settings = self.job.settings.clone();
        if settings.extent.share.is_none() {
            // Of a share, the next: repeated comparisons cover everything.
            let last = self.locked().comparison()?.and_then(|c| c.share);
            settings.extent.share = last.map(|(number, _)| number + 1);
        }
        let job = Job {
            settings: &settings,
            ..*self.job
        };
        let comparison = self.stage("verify", job.plan.tables.len(), |_| {
            crate::verify::compare_with(&job, None)
        });
        match comparison {
            Ok(comparison) => {
                self.locked().set_comparison(&comparison)?;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Leaves the target without any trace of ours. Done once: a later run of another name may have a
    /// ledger of its own there.
    fn clean(&mut self) -> Result<()> {
        if self.locked().ledger_removed()? {
            return Ok(());
        }
        fail::fail_point!("run-before-clean");
        match self.lease.uninstall(&self.job.around()) {
            Ok(()) => {
                fail::fail_point!("run-after-clean");
                self.locked().set_ledger_removed()
            }
            Err(error) => {
                self.job.progress.hear(Fact::Note {
                    text: format!(
                        "the run is complete, but its ledger is still in the target: {error}"
                    ),
                });
                Ok(())
            }
        }
    }

    /// Puts the outcome together from what the journal says, so that a run that goes on after a
    /// death tells the whole.
    fn finish(&mut self, ending: Ending) -> Result<Outcome> {
        let mut journal = self.locked();
        if ending == Ending::Complete
            && self.stages.is_empty()
            && let Some(outcome) = journal.outcome()?
            && outcome.ending == Ending::Complete
        {
            return Ok(outcome);
        }
        let mut tables: HashMap<String, TableOutcome> = journal
            .tables()?
            .into_iter()
            .filter_map(|t| Some((t.name, t.outcome?)))
            .collect();
        let mut steps: HashMap<String, StepOutcome> = journal
            .steps()?
            .into_iter()
            .map(|s| {
                let outcome = StepOutcome {
                    id: s.id.clone(),
                    done: s.state == crate::journal::StepState::Done,
                    error: s.error,
                    seconds: s.seconds,
                };
                (s.id, outcome)
            })
            .collect();
        let outcome = Outcome {
            run: self.job.plan.settings.name.clone(),
            plan_hash: journal.plan_hash()?,
            ending,
            seconds: self.began.elapsed().as_secs_f64(),
            stages: self.stages.clone(),
            tables: self
                .job
                .plan
                .tables
                .iter()
                .filter_map(|t| tables.remove(&t.name().to_string()))
                .collect(),
            steps: self
                .job
                .plan
                .steps
                .iter()
                .filter_map(|s| steps.remove(&s.id))
                .collect(),
            comparison: journal.comparison()?,
            checks: None,
        };
        journal.set_outcome(&outcome)?;
        Ok(outcome)
    }
}

/// Writes down how far tables are.
struct Witness<'a, 'p, 'j> {
    job: &'a Job<'p>,
    journal: &'a Mutex<&'j mut Journal>,
}

impl Observer for Witness<'_, '_, '_> {
    fn began(&self, table: &TablePlan) -> Result<()> {
        self.job.progress.hear(Fact::TableBegan {
            stage: "copy",
            table: table.name().clone(),
            rows: table.rows,
            bytes: table.bytes,
        });
        self.journal
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .table_began(table.name())
    }

    fn ended(&self, outcome: &TableOutcome) -> Result<()> {
        let word = if outcome.errors.is_empty() {
            "done"
        } else {
            "failed"
        };
        self.job.progress.hear(Fact::TableEnded {
            stage: "copy",
            table: outcome.table.clone(),
            outcome: word,
            why: outcome.errors.first().cloned(),
        });
        self.journal
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .table_ended(outcome)
    }
}
