//! Trying again: what, how often, and after which pause.
//!
//! Only [`Disposition::Transient`] is tried again here. [`Disposition::Definite`] is handed up at
//! once. [`Disposition::Ambiguous`] is handed up too: only the caller knows where to read back
//! whether it happened.

use crate::clock::Clock;
use crate::progress::{Fact, Listener};
use crate::stop::Stop;
use limosa_core::{Disposition, Error, Result};
use std::time::Duration;

/// How often, and how long between.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// Tries after the first.
    pub attempts: u32,
    /// The pause before the second try, before chance shortens it.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Backoff {
    /// Doubling pauses from 200 ms (a deadlock's winner is done by then) to 30 s (a server restarts within a few of them).
    pub fn new(attempts: u32) -> Self {
        Self {
            attempts,
            first: Duration::from_millis(200),
            longest: Duration::from_secs(30),
        }
    }

    /// The pause before try `attempt` (2 is the first repetition): doubled each time, then a random
    /// share between one half and the whole, so that lanes that failed together do not return together.
    pub fn pause(&self, attempt: u32, clock: &dyn Clock) -> Duration {
        let doublings = attempt.saturating_sub(2).min(16);
        let whole = self.first.saturating_mul(1 << doublings).min(self.longest);
        whole.mul_f64(0.5 + clock.chance() / 2.0)
    }

    /// Whether try `attempt` (the first is 1) may still be made.
    pub fn allows(&self, attempt: u32) -> bool {
        attempt <= self.attempts.saturating_add(1)
    }
}

/// What [`again`] needs around an act.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// How often.
    pub backoff: Backoff,
    /// Time.
    pub clock: &'a dyn Clock,
    /// The wish to end; a pause ends with it.
    pub stop: &'a Stop,
    /// Who hears of repetitions.
    pub progress: &'a dyn Listener,
}

impl Around<'_> {
    /// Announces a repetition and waits for it. Returns whether the pause went by undisturbed.
    pub fn wait(&self, what: &str, error: &Error, attempt: u32) -> bool {
        let pause = self.backoff.pause(attempt, self.clock);
        self.progress.hear(Fact::Retry {
            what: what.into(),
            why: error.to_string(),
            attempt,
            pause: pause.as_secs_f64(),
        });
        self.stop.pause(self.clock, pause)
    }
}

/// Does `act` until it succeeds, fails for good, or has failed too often. `act` is given the number
/// of the try, from 1.
///
/// # Errors
/// The last error of `act`.
pub fn again<T>(
    around: &Around<'_>,
    what: &str,
    mut act: impl FnMut(u32) -> Result<T>,
) -> Result<T> {
    let mut attempt = 1;
    loop {
        match act(attempt) {
            Err(error)
                if error.disposition() == Disposition::Transient
                    && around.backoff.allows(attempt + 1) =>
            {
                attempt += 1;
                if !around.wait(what, &error, attempt) {
                    return Err(error);
                }
            }
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Held;
    use crate::progress::Silent;
    use limosa_core::ErrorKind;

    fn run(kind: ErrorKind, fail_first: u32, attempts: u32) -> (Result<u32>, u32, Duration) {
        let clock = Held::default();
        let stop = Stop::new();
        let around = Around {
            backoff: Backoff::new(attempts),
            clock: &clock,
            stop: &stop,
            progress: &Silent,
        };
        let mut tries = 0;
        let result = again(&around, "trying", |n| {
            tries += 1;
            if n <= fail_first {
                Err(Error::new(kind, "trying", "no"))
            } else {
                Ok(n)
            }
        });
        (result, tries, clock.now())
    }

    #[test]
    fn the_world_is_tried_again_and_a_refusal_is_not() {
        assert_eq!(run(ErrorKind::Contention, 2, 5).0.unwrap(), 3);
        assert_eq!(run(ErrorKind::Value, 1, 5).1, 1);
        assert_eq!(run(ErrorKind::CommitUnknown, 1, 5).1, 1);
    }

    #[test]
    fn tries_are_counted_and_pauses_grow_to_a_bound() {
        let (result, tries, waited) = run(ErrorKind::Connection, 99, 3);
        assert!(result.is_err());
        assert_eq!(tries, 4);
        // 200 + 400 + 800 ms, three quarters each.
        assert_eq!(waited, Duration::from_millis(1050));
        let backoff = Backoff::new(100);
        for attempt in 2..100 {
            let pause = backoff.pause(attempt, &Held::default());
            assert!(pause <= backoff.longest && pause >= backoff.first / 2);
        }
    }

    #[test]
    fn a_raised_flag_ends_the_pause() {
        let clock = Held::default();
        let stop = Stop::new();
        stop.request();
        let around = Around {
            backoff: Backoff::new(9),
            clock: &clock,
            stop: &stop,
            progress: &Silent,
        };
        let mut tries = 0;
        let result: Result<()> = again(&around, "trying", |_| {
            tries += 1;
            Err(Error::new(ErrorKind::Busy, "trying", "no"))
        });
        assert!(result.is_err());
        assert_eq!(tries, 1);
    }
}
