//! The wish of a person or a signal that a run should end.

use crate::clock::Clock;
use limosa_core::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A flag that many threads share. Clones are the same flag.
///
/// A run that sees it ends its chunks in hand, gives its lease back and answers
/// [`crate::outcome::Ending::Interrupted`]; the same command goes on later.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// A flag that is not raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises the flag. May be called from a signal handler: it only stores to an atomic.
    pub fn request(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether the flag is raised.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Gives an error if the flag is raised.
    ///
    /// # Errors
    /// `Interrupted` (definite).
    pub fn check(&self) -> Result<()> {
        if self.requested() {
            return Err(Error::new(
                ErrorKind::Interrupted,
                "running",
                "somebody asked to stop",
            ));
        }
        Ok(())
    }

    /// Waits, in slices short enough that a raised flag ends the wait. Returns whether the whole
    /// pause went by.
    pub fn pause(&self, clock: &dyn Clock, pause: Duration) -> bool {
        // A person who pressed Ctrl-C should not notice the slice.
        const SLICE: Duration = Duration::from_millis(50);
        let end = clock.now() + pause;
        loop {
            if self.requested() {
                return false;
            }
            let now = clock.now();
            if now >= end {
                return true;
            }
            clock.sleep(SLICE.min(end - now));
        }
    }
}
