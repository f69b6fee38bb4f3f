//! Time and chance, given from outside so that a test can hold them.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where time and chance come from.
pub trait Clock: Send + Sync {
    /// Time since some fixed moment; never goes back.
    fn now(&self) -> Duration;

    /// The moment by the calendar: microseconds since 1970 in UTC.
    fn moment(&self) -> i64;

    /// Waits.
    fn sleep(&self, pause: Duration);

    /// A number in `[0, 1)`.
    fn chance(&self) -> f64;
}

/// The clock of the machine.
#[derive(Debug)]
pub struct Wall(Instant);

impl Wall {
    /// A clock that begins now.
    pub fn new() -> Self {
        Self(Instant::now())
    }
}

impl Default for Wall {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for Wall {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn moment(&self) -> i64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .ok()
            .and_then(|d| i64::try_from(d.as_micros()).ok())
            .unwrap_or(0)
    }

    fn sleep(&self, pause: Duration) {
        std::thread::sleep(pause);
    }

    fn chance(&self) -> f64 {
        rand::random_range(0.0..1.0)
    }
}

/// A clock for tests: sleeping moves it on at once, and chance is always one half.
#[derive(Debug, Default)]
pub struct Held(Mutex<Duration>);

impl Clock for Held {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn moment(&self) -> i64 {
        i64::try_from(self.now().as_micros()).unwrap_or(0)
    }

    fn sleep(&self, pause: Duration) {
        *self.0.lock().unwrap_or_else(|e| e.into_inner()) += pause;
    }

    fn chance(&self) -> f64 {
        0.5
    }
}
