//! Schema acts: each done once, even if the run dies in the middle of one.
//!
//! A step is written down as started before its first statement. A step that was started, or that
//! any earlier run may have started, is in doubt: if the object that it makes is there, its first
//! statement was done, and from the others "it is there already" is a good answer.

use crate::copy::Job;
use crate::journal::{Journal, StepState};
use crate::outcome::StepOutcome;
use crate::plan::{Stage, Step};
use crate::progress::Fact;
use limosa_core::engine::Session;
use limosa_core::operation::{ObjectRef, Operation};
use limosa_core::schema::TableName;
use limosa_core::{Disposition, Error, ErrorKind, Result};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Condvar, Mutex};
use std::time::Instant;

/// The tables that an operation needs with their rows.
fn needs(operation: &Operation) -> Vec<&TableName> {
    match operation {
        Operation::AddPrimaryKey(t, _)
        | Operation::AddUnique(t, _)
        | Operation::AddCheck(t, _)
        | Operation::CreateIndex { table: t, .. }
        | Operation::SetCounter { table: t, .. }
        | Operation::Comment { table: t, .. }
        | Operation::Analyze(t)
        | Operation::EmptyTable(t)
        | Operation::DropTable(t) => vec![t],
        Operation::CreateTrigger { table, .. } => vec![table],
        Operation::AddForeignKey(t, k) => vec![t, &k.parent],
        Operation::CreateSchema(_)
        | Operation::CreateEnum(_)
        | Operation::CreateDomain(_)
        | Operation::CreateSequence(_)
        | Operation::CreateTable(_)
        | Operation::SetSequence { .. }
        | Operation::CreateRoutine(_)
        | Operation::CreateView(_) => vec![],
    }
}

/// Code is made by one statement; others around it only set the scene, and are done anew each time.
fn is_code(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::CreateRoutine(_) | Operation::CreateTrigger { .. }
    )
}

/// What all workers of a stage share.
pub(super) struct Steps<'a, 'p, 'j> {
    pub job: &'a Job<'p>,
    pub journal: &'a Mutex<&'j mut Journal>,
    /// Whether an earlier run may have begun any step.
    pub resumed: bool,
    /// Tables whose rows are not all there.
    pub broken: &'a HashSet<TableName>,
    pub fenced: &'a (dyn Fn() -> bool + Sync),
}

/// Steps that are done one after the other on one session; `then` follows, in any order, at once.
struct Unit<'p> {
    steps: Vec<&'p Step>,
    then: Vec<Unit<'p>>,
}

impl<'p> Steps<'_, 'p, '_> {
    /// Does all steps of a stage that are not done yet. Gives what became of those that it took up,
    /// and of those that were done before, in the order of the plan.
    ///
    /// # Errors
    /// Only of the journal; a step's own error is in its outcome.
    pub(super) fn stage(&self, stage: Stage) -> Result<Vec<StepOutcome>> {
        let known: HashMap<String, _> = self
            .journal
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .steps()?
            .into_iter()
            .map(|s| (s.id.clone(), s))
            .collect();
        let all: Vec<&Step> = self
            .job
            .plan
            .steps
            .iter()
            .filter(|s| s.stage == stage)
            .collect();
        let mut outcomes: HashMap<&str, StepOutcome> = HashMap::new();
        let mut todo = Vec::new();
        for step in &all {
            match known.get(&step.id) {
                Some(record) if record.state == StepState::Done => {
                    outcomes.insert(
                        &step.id,
                        StepOutcome {
                            id: step.id.clone(),
                            done: true,
                            error: None,
                            seconds: record.seconds,
                        },
                    );
                }
                record => todo.push((*step, record.map_or(0, |r| r.next))),
            }
        }
        let from: HashMap<&str, usize> = todo.iter().map(|(s, n)| (s.id.as_str(), *n)).collect();
        let steps: Vec<&Step> = todo.into_iter().map(|(s, _)| s).collect();
        let place: HashMap<&str, usize> =
            (all.iter().enumerate().map(|(at, s)| (s.id.as_str(), at))).collect();
        for (units, workers) in self.rounds(stage, steps) {
            let mut tried = usize::MAX;
            let mut done = self.work(units, workers, &from, true)?;
            // Steps that missed something are tried again after all others, as long as that helps.
            loop {
                let (ended, mut waiting) = done;
                for outcome in ended {
                    if let Some(at) = place.get(outcome.id.as_str()) {
                        outcomes.insert(&all[*at].id, outcome);
                    }
                }
                if waiting.is_empty() {
                    break;
                }
                waiting.sort_by_key(|w| place.get(w.id.as_str()));
                let patient = waiting.len() < tried;
                tried = waiting.len();
                let unit = Unit {
                    steps: waiting,
                    then: Vec::new(),
                };
                done = self.work(vec![unit], 1, &from, patient)?;
            }
        }
        Ok(all
            .iter()
            .filter_map(|s| outcomes.remove(s.id.as_str()))
            .collect())
    }

    /// Which steps may be done at once.
    fn rounds(&self, stage: Stage, steps: Vec<&'p Step>) -> Vec<(Vec<Unit<'p>>, usize)> {
        let capabilities = self.job.target.capabilities();
        let workers = if capabilities.concurrent_writers {
            self.job.settings.workers.max(1)
        } else {
            1
        };
        let single = |steps| Unit {
            steps,
            then: Vec::new(),
        };
        match stage {
            Stage::Create => vec![(vec![single(steps)], 1)],
            Stage::Keys | Stage::Constraints => {
                let mut units: Vec<Unit<'p>> = Vec::new();
                let mut places: HashMap<Option<&TableName>, usize> = HashMap::new();
                // A server that can take schema statements back can also build several indexes of
                // one table at a time; the others lock the table for each.
                let fan = stage == Stage::Keys && workers > 1 && capabilities.transactional_ddl;
                for step in steps {
                    let table = needs(&step.operation).first().copied();
                    let at = *places.entry(table).or_insert_with(|| {
                        units.push(single(Vec::new()));
                        units.len() - 1
                    });
                    let unit = &mut units[at];
                    if fan && matches!(step.operation, Operation::CreateIndex { .. }) {
                        unit.then.push(single(vec![step]));
                    } else {
                        unit.steps.push(step);
                    }
                }
                vec![(units, workers)]
            }
            Stage::Finish => {
                let (analyze, first): (Vec<_>, Vec<_>) = steps
                    .into_iter()
                    .partition(|s| matches!(s.operation, Operation::Analyze(_)));
                vec![
                    (vec![single(first)], 1),
                    (
                        analyze.into_iter().map(|s| single(vec![s])).collect(),
                        workers,
                    ),
                ]
            }
        }
    }

    fn work(
        &self,
        units: Vec<Unit<'p>>,
        workers: usize,
        from: &HashMap<&str, usize>,
        patient: bool,
    ) -> Result<(Vec<StepOutcome>, Vec<&'p Step>)> {
        struct Pool<'p> {
            units: VecDeque<Unit<'p>>,
            busy: usize,
        }
        let workers = workers.min(units.iter().map(|u| 1 + u.then.len()).sum::<usize>());
        let pool = Mutex::new(Pool {
            units: units.into(),
            busy: 0,
        });
        let changed = Condvar::new();
        let outcomes = Mutex::new(Vec::new());
        let waiting = Mutex::new(Vec::new());
        let broken: Mutex<Option<Error>> = Mutex::new(None);
        let worker = || {
            let mut session = None;
            loop {
                let mut state = pool.lock().unwrap_or_else(|e| e.into_inner());
                let unit = loop {
                    if let Some(unit) = state.units.pop_front() {
                        state.busy += 1;
                        break unit;
                    }
                    if state.busy == 0 {
                        return;
                    }
                    state = changed.wait(state).unwrap_or_else(|e| e.into_inner());
                };
                drop(state);
                for step in unit.steps {
                    if self.job.stop.requested()
                        || (self.fenced)()
                        || broken.lock().unwrap_or_else(|e| e.into_inner()).is_some()
                    {
                        break;
                    }
                    let start = from.get(step.id.as_str()).copied().unwrap_or(0);
                    match self.one(&mut session, step, start, patient) {
                        Ok(None) => waiting.lock().unwrap_or_else(|e| e.into_inner()).push(step),
                        Ok(Some(outcome)) => {
                            outcomes
                                .lock()
                                .unwrap_or_else(|e| e.into_inner())
                                .push(outcome);
                        }
                        Err(error) => {
                            broken
                                .lock()
                                .unwrap_or_else(|e| e.into_inner())
                                .get_or_insert(error);
                        }
                    }
                }
                let mut state = pool.lock().unwrap_or_else(|e| e.into_inner());
                state.units.extend(unit.then);
                state.busy -= 1;
                drop(state);
                changed.notify_all();
            }
        };
        if workers <= 1 {
            worker();
        } else {
            std::thread::scope(|scope| {
                for _ in 0..workers {
                    scope.spawn(worker);
                }
            });
        }
        match broken.into_inner().unwrap_or_else(|e| e.into_inner()) {
            Some(error) => Err(error),
            None => Ok((
                outcomes.into_inner().unwrap_or_else(|e| e.into_inner()),
                waiting.into_inner().unwrap_or_else(|e| e.into_inner()),
            )),
        }
    }

    fn record(
        &self,
        id: &str,
        state: StepState,
        next: usize,
        seconds: f64,
        error: Option<&str>,
    ) -> Result<()> {
        self.journal
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .set_step(id, state, next, seconds, error)
    }

    /// Why a step may not be done now: rows that it needs, or would act on, are not all there.
    fn premature<'s>(&'s self, operation: &'s Operation) -> Option<&'s TableName> {
        if let Operation::CreateRoutine(routine) = operation
            && routine.kind.contains("trigger")
        {
            return self.broken.iter().min();
        }
        needs(operation)
            .into_iter()
            .find(|t| self.broken.contains(*t))
    }

    /// Does one step. The error is the journal's; the step's own is in the outcome. `None` if something
    /// that it needs is missing and `patient`: another step may bring it.
    fn one(
        &self,
        session: &mut Option<Box<dyn Session>>,
        step: &Step,
        start: usize,
        patient: bool,
    ) -> Result<Option<StepOutcome>> {
        let began = Instant::now();
        let mut done_until = start;
        let result = match self.premature(&step.operation) {
            Some(table) => Err(Error::new(
                ErrorKind::Missing,
                "skipping the step",
                format!("the rows of {table} are not all there"),
            )),
            None => {
                self.record(&step.id, StepState::Started, start, 0.0, None)?;
                fail::fail_point!("step-after-started");
                let result = self.execute(session, step, &mut done_until);
                if patient
                    && (done_until == start || is_code(&step.operation))
                    && result
                        .as_ref()
                        .is_err_and(|e| e.kind() == ErrorKind::Missing)
                {
                    return Ok(None);
                }
                result
            }
        };
        fail::fail_point!("step-before-done");
        let seconds = began.elapsed().as_secs_f64();
        let error = result.err().map(|e| match e.remedy() {
            Some(remedy) => format!("{e}. {remedy}"),
            None => e.to_string(),
        });
        let state = match error {
            None => StepState::Done,
            Some(_) => StepState::Failed,
        };
        self.record(&step.id, state, done_until, seconds, error.as_deref())?;
        fail::fail_point!("step-after-done");
        self.job.progress.hear(match &error {
            None => Fact::StepDone {
                step: step.id.clone(),
                seconds,
            },
            Some(why) => Fact::Note {
                text: format!("{}: {why}", step.id),
            },
        });
        Ok(Some(StepOutcome {
            id: step.id.clone(),
            done: error.is_none(),
            error,
            seconds,
        }))
    }

    fn execute(
        &self,
        slot: &mut Option<Box<dyn Session>>,
        step: &Step,
        done_until: &mut usize,
    ) -> Result<()> {
        let around = self.job.around();
        let mut attempt = 1;
        loop {
            let error = match self.attempt(slot, step, done_until, attempt) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            // Whether it happened is asked of the target before the next try.
            *slot = None;
            attempt += 1;
            if error.disposition() == Disposition::Definite
                || !around.backoff.allows(attempt)
                || !around.wait(&step.id, &error, attempt)
            {
                return Err(error);
            }
        }
    }

    fn attempt(
        &self,
        slot: &mut Option<Box<dyn Session>>,
        step: &Step,
        done_until: &mut usize,
        attempt: u32,
    ) -> Result<()> {
        if slot.is_none() {
            *slot = Some(self.job.target.session()?);
        }
        let session = slot.as_mut().expect("it was opened above").as_mut();
        let evidence = step.operation.evidence();
        // A namespace has no shape of its own: one that is there will do.
        let harmless = matches!(evidence, Some(ObjectRef::Schema(_)));
        let doubt = self.resumed || attempt > 1 || harmless;
        let code = is_code(&step.operation);
        if code {
            *done_until = 0;
        }
        if doubt
            && *done_until == 0
            && let Some(object) = &evidence
            && session.exists(object)?
        {
            *done_until = if code { step.statements.len() } else { 1 };
        }
        let fresh;
        let statements = match self.counter(session, step)? {
            Some(operation) => {
                fresh = self.job.target.dialect().render(&operation)?;
                &fresh
            }
            None => &step.statements,
        };
        for (number, sql) in statements.iter().enumerate().skip(*done_until) {
            match session.execute(sql) {
                Ok(()) => {}
                Err(error) if doubt && error.kind() == ErrorKind::Conflict => {
                    // Somebody did this statement before: it was us, unless what it makes is not there.
                    if let Some(object) = &evidence
                        && !session.exists(object)?
                    {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
            fail::fail_point!("step-after-statement");
            *done_until = number + 1;
        }
        Ok(())
    }

    /// A counter goes past every value that is there, whatever the plan knew.
    fn counter(&self, session: &mut dyn Session, step: &Step) -> Result<Option<Operation>> {
        let Operation::SetCounter {
            table,
            column,
            next,
        } = &step.operation
        else {
            return Ok(None);
        };
        let above = session
            .greatest(table, column)?
            .map_or(*next, |g| g.saturating_add(1));
        Ok((above > *next).then(|| Operation::SetCounter {
            table: table.clone(),
            column: column.clone(),
            next: above,
        }))
    }
}
