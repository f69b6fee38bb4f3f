//! How fast a run may go: two buckets of tokens, one of rows and one of bytes, shared by all lanes.

use crate::clock::Clock;
use crate::stop::Stop;
use std::sync::Mutex;
use std::time::Duration;

/// One bucket. It may be overdrawn once, and whoever comes next waits until the debt is paid, so that
/// one row larger than the rate still passes and the average holds.
#[derive(Debug)]
struct Bucket {
    rate: f64,
    tokens: f64,
    filled: Duration,
}

impl Bucket {
    fn new(rate: u64, now: Duration) -> Self {
        let rate = (rate as f64).max(1.0);
        Self {
            rate,
            // A tenth of a second's worth: smooth enough for a server, coarse enough for a block.
            tokens: rate / 10.0,
            filled: now,
        }
    }

    fn take(&mut self, amount: u64, now: Duration) -> Duration {
        let since = now.saturating_sub(self.filled).as_secs_f64();
        self.tokens = (self.tokens + since * self.rate).min(self.rate / 10.0);
        self.filled = now;
        self.tokens -= amount as f64;
        if self.tokens >= 0.0 {
            Duration::ZERO
        } else {
            Duration::from_secs_f64((-self.tokens / self.rate).min(3600.0))
        }
    }
}

/// Limits of rows and bytes a second over all lanes.
#[derive(Debug)]
pub struct Throttle {
    rows: Option<Mutex<Bucket>>,
    bytes: Option<Mutex<Bucket>>,
}

impl Throttle {
    /// Limits; `None` is without a limit.
    pub fn new(rows: Option<u64>, bytes: Option<u64>, clock: &dyn Clock) -> Self {
        let bucket = |rate| Mutex::new(Bucket::new(rate, clock.now()));
        Self {
            rows: rows.map(bucket),
            bytes: bytes.map(bucket),
        }
    }

    /// Takes what a lane is about to move, and waits until that was allowed or `stop` is raised.
    pub fn take(&self, rows: u64, bytes: u64, clock: &dyn Clock, stop: &Stop) {
        let wait = |bucket: &Option<Mutex<Bucket>>, amount| {
            bucket.as_ref().map_or(Duration::ZERO, |b| {
                b.lock()
                    .unwrap_or_else(|e| e.into_inner())
                    .take(amount, clock.now())
            })
        };
        let pause = wait(&self.rows, rows).max(wait(&self.bytes, bytes));
        if !pause.is_zero() {
            stop.pause(clock, pause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Held;

    #[test]
    fn the_average_rate_holds_for_rows_and_for_bytes() {
        for (rows, bytes) in [
            (Some(1000), None),
            (None, Some(100_000)),
            (Some(1000), Some(100_000)),
        ] {
            let clock = Held::default();
            let throttle = Throttle::new(rows, bytes, &clock);
            for _ in 0..100 {
                throttle.take(100, 10_000, &clock, &Stop::new());
            }
            // 10,000 rows at 1,000 a second, less what the bucket held at first.
            let seconds = clock.now().as_secs_f64();
            assert!((9.8..=10.0).contains(&seconds), "{seconds}");
        }
    }

    #[test]
    fn without_limits_nothing_waits() {
        let clock = Held::default();
        Throttle::new(None, None, &clock).take(u64::MAX, u64::MAX, &clock, &Stop::new());
        assert_eq!(clock.now(), Duration::ZERO);
    }
}
