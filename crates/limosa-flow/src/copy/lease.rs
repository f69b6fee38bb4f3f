//! The ledger as all threads of a run share it, and the thread that keeps the lease alive.

use crate::holder::dead;
use crate::progress::{Fact, Listener};
use crate::retry::{Around, again};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use limosa_core::engine::{Engine, Ledger};
use limosa_core::{Disposition, Error, ErrorKind, Result};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// Between two renewals: a third of the 15 seconds after which the lease may be taken.
const BEAT: Duration = Duration::from_secs(5);

/// The ledger of one run, opened when it is first needed and again after its connection broke.
pub struct Lease<'a> {
    target: &'a dyn Engine,
    run: String,
    holder: String,
    ledger: Mutex<Option<Box<dyn Ledger>>>,
    fenced: AtomicBool,
    waiting: AtomicUsize,
    taken: AtomicBool,
}

impl std::fmt::Debug for Lease<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease").field("run", &self.run).finish()
    }
}

/// The ledger, held by one thread. While it is held nobody else of this process writes to it.
pub(crate) struct Hold<'l, 'a> {
    lease: &'l Lease<'a>,
    slot: MutexGuard<'l, Option<Box<dyn Ledger>>>,
}

impl Hold<'_, '_> {
    /// Does one act, on a fresh connection if the last one broke.
    pub(crate) fn with<T>(
        &mut self,
        act: impl FnOnce(&mut dyn Ledger, &str) -> Result<T>,
    ) -> Result<T> {
        if self.slot.is_none() {
            *self.slot = Some(self.lease.target.ledger()?);
        }
        let ledger = self.slot.as_mut().expect("it was opened above");
        let result = act(ledger.as_mut(), &self.lease.run);
        if let Err(error) = &result {
            match error.kind() {
                ErrorKind::Fenced => self.lease.fence(),
                ErrorKind::Connection | ErrorKind::CommitUnknown | ErrorKind::Protocol => {
                    *self.slot = None;
                }
                _ => {}
            }
        }
        result
    }
}

impl Hold<'_, '_> {
    /// Makes sure that the run is still ours, before something that only its owner may do.
    pub(crate) fn still_ours(&mut self) -> Result<()> {
        let holder = &self.lease.holder;
        self.with(|l, run| l.renew(run, holder))
    }
}

impl<'a> Lease<'a> {
    /// A lease that is not yet taken. `holder` names this process among all others.
    pub fn new(target: &'a dyn Engine, run: &str, holder: &str) -> Self {
        Self {
            target,
            run: run.into(),
            holder: holder.into(),
            ledger: Mutex::new(None),
            fenced: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            taken: AtomicBool::new(false),
        }
    }

    /// The run's name.
    pub fn run(&self) -> &str {
        &self.run
    }

    pub(crate) fn hold(&self) -> Hold<'_, 'a> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let slot = self.ledger.lock().unwrap_or_else(|e| e.into_inner());
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        Hold { lease: self, slot }
    }

    /// The same for one who holds it nearly all the time: lets those go first who wait already. The
    /// lock itself is not fair.
    pub(crate) fn hold_last(&self) -> Hold<'_, 'a> {
        for _ in 0..100 {
            if self.waiting.load(Ordering::SeqCst) == 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.hold()
    }

    /// Does one act on the ledger, again if the world failed. Every act of a ledger may be done twice,
    /// so a lost answer is also tried again.
    pub(crate) fn with<T>(
        &self,
        around: &Around<'_>,
        what: &str,
        mut act: impl FnMut(&mut dyn Ledger, &str) -> Result<T>,
    ) -> Result<T> {
        again(around, what, |_| {
            self.hold().with(&mut act).map_err(|e| {
                if e.disposition() == Disposition::Ambiguous {
                    Error::new(ErrorKind::Connection, e.doing(), e.why())
                } else {
                    e
                }
            })
        })
    }

    /// Registers the run and takes the lease.
    ///
    /// # Errors
    /// `Conflict`, `Held`.
    pub fn take(&self, around: &Around<'_>, plan_hash: &str, steal: bool) -> Result<()> {
        self.with(around, "registering the run", |l, run| {
            l.install(run, plan_hash)
        })?;
        fail::fail_point!("run-after-install");
        self.with(around, "taking the lease", |l, run| {
            match l.acquire(run, &self.holder, steal) {
                // Killed a moment ago: nobody has to wait for its lease to run out.
                Err(e) if e.kind() == ErrorKind::Held && e.object().is_some_and(dead) => {
                    l.acquire(run, &self.holder, true)
                }
                other => other,
            }
        })?;
        self.taken.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Renews the lease now, and says whether it is still ours.
    pub(crate) fn renewed(&self) -> bool {
        self.hold()
            .with(|l, run| l.renew(run, &self.holder))
            .is_ok()
    }

    /// Takes the ledger away, and the lease with it: under one hold, so that nobody renews what is gone.
    pub(crate) fn uninstall(&self, around: &Around<'_>) -> Result<()> {
        let removed = again(around, "removing the ledger", |_| {
            let mut hold = self.hold();
            hold.with(|l, _| l.uninstall())?;
            self.taken.store(false, Ordering::SeqCst);
            Ok(())
        });
        self.taken.store(false, Ordering::SeqCst);
        removed
    }

    /// Gives the lease back. An error is not worth telling: the lease runs out by itself.
    pub fn release(&self) {
        if self.taken.swap(false, Ordering::SeqCst) && !self.fenced() {
            let _ = self.hold().with(|l, run| l.release(run, &self.holder));
        }
    }

    pub(crate) fn fence(&self) {
        self.fenced.store(true, Ordering::SeqCst);
    }

    /// Whether somebody else has taken the run over.
    pub fn fenced(&self) -> bool {
        self.fenced.load(Ordering::SeqCst)
    }

    /// What to answer then.
    pub fn fenced_error(&self) -> Error {
        Error::new(
            ErrorKind::Fenced,
            "running",
            "another process has taken this run over",
        )
        .on(self.run.clone())
        .hint("Nothing was written after that. Let the other process go on; only one can.")
    }

    /// Keeps the lease alive until the other end of `ended` is dropped. Runs on a thread of its own for as long as the run.
    ///
    /// A renewal that the world prevents is skipped: losing the lease only means that another process
    /// may take it, and then the epochs of the ledger keep our chunks out.
    pub fn beat(&self, progress: &dyn Listener, ended: &Receiver<()>) {
        while ended.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
            let mut hold = self.hold();
            if !self.taken.load(Ordering::SeqCst) {
                continue;
            }
            let renewed = hold.with(|l, run| l.renew(run, &self.holder));
            drop(hold);
            match renewed {
                Err(error) if error.kind() == ErrorKind::Fenced => {
                    progress.hear(Fact::Note {
                        text: self.fenced_error().to_string(),
                    });
                    return;
                }
                Err(error) => tracing::warn!(%error, "the lease could not be renewed"),
                Ok(()) => {}
            }
        }
    }
}
