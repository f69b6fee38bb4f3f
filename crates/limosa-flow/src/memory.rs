//! How much memory a run may hold, over all lanes.
//!
//! # The bound
//!
//! A lane holds a batch being filled, a block being encoded, [`QUEUE`] blocks on their way to the
//! loader and one being written: `QUEUE + 3` buffers of [`BLOCK`] bytes. [`Share::of`] makes blocks
//! smaller, down to 16 KiB, until all lanes together take at most a quarter of the budget. A batch with
//! one row more than a block may be up to [`Share::huge`], so that all buffers of all lanes together
//! stay below half of the budget. These need no asking.
//!
//! A row larger than that is known only once the reader has it, so the lane asks [`Memory::take`] for
//! room in the other half before it makes the encoded form, and keeps the room until the loader has
//! written it. The next reads of the same table ask before they read, so that such rows come one at
//! a time. A row larger than that whole half gets in when nothing else large is there. What a driver
//! holds of its own for such a row comes on top.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Bytes of an ordinary block: large enough that a system call and a channel cost nothing per row,
/// small enough to stay in the second-level cache.
pub const BLOCK: usize = 256 << 10;

/// Blocks between a reader and its loader: enough to even out one flush of the target.
pub const QUEUE: usize = 4;

/// The sizes of one lane's buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Bytes of a block.
    pub block: usize,
    /// Bytes of a batch above which a lane asks for room.
    pub huge: usize,
    /// Bytes that may be given to those who ask.
    pub large: u64,
}

impl Share {
    /// Cuts a budget for a number of lanes.
    pub fn of(memory: u64, lanes: usize) -> Self {
        let buffers = (lanes.max(1) * (QUEUE + 3)) as u64;
        let block = (memory / 4 / buffers).clamp(16 << 10, BLOCK as u64);
        let huge = (memory / 2 / buffers).max(2 * block);
        Self {
            block: block as usize,
            huge: usize::try_from(huge).unwrap_or(usize::MAX),
            large: (memory / 2).max(1),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    used: u64,
    next: u64,
    serving: u64,
    peak: u64,
}

/// A budget of bytes. First come, first served.
#[derive(Debug)]
pub struct Memory {
    total: u64,
    state: Mutex<State>,
    freed: Condvar,
}

impl Memory {
    /// A budget.
    pub fn new(total: u64) -> Arc<Self> {
        Arc::new(Self {
            total: total.max(1),
            state: Mutex::default(),
            freed: Condvar::new(),
        })
    }

    /// Waits for room for `bytes`, or for the whole budget if `bytes` is more. `None` if `give_up`
    /// said so while waiting; it is asked about ten times a second.
    pub fn take(self: &Arc<Self>, bytes: u64, give_up: &dyn Fn() -> bool) -> Option<Permit> {
        let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        let ticket = state.next;
        state.next += 1;
        let mut refused = false;
        loop {
            if state.serving == ticket {
                if refused || state.used == 0 || state.used + bytes <= self.total {
                    break;
                }
                refused = give_up();
                if refused {
                    break;
                }
            } else {
                refused = refused || give_up();
            }
            state = self
                .freed
                .wait_timeout(state, Duration::from_millis(100))
                .unwrap_or_else(|e| e.into_inner())
                .0;
        }
        state.serving += 1;
        let permit = if refused {
            None
        } else {
            state.used += bytes;
            state.peak = state.peak.max(state.used);
            Some(Permit {
                memory: Arc::clone(self),
                bytes,
            })
        };
        drop(state);
        self.freed.notify_all();
        permit
    }

    /// The whole budget.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The most that was held at once.
    pub fn peak(&self) -> u64 {
        self.state.lock().unwrap_or_else(|e| e.into_inner()).peak
    }
}

/// Room that was given; goes back when dropped.
#[derive(Debug)]
pub struct Permit {
    memory: Arc<Memory>,
    bytes: u64,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.memory.state.lock().unwrap_or_else(|e| e.into_inner());
        state.used -= self.bytes;
        drop(state);
        self.memory.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn lanes_never_hold_more_than_the_budget_unless_one_row_alone_is_larger() {
        let memory = Memory::new(100);
        let held = AtomicU64::new(0);
        std::thread::scope(|s| {
            for lane in 0..4u64 {
                let (memory, held) = (&memory, &held);
                s.spawn(move || {
                    for i in 0..200 {
                        let want = if lane == 0 && i % 50 == 0 {
                            250
                        } else {
                            30 + lane
                        };
                        let permit = memory.take(want, &|| false).expect("nobody gives up");
                        let now = held.fetch_add(want, Ordering::SeqCst) + want;
                        assert!(now <= 100 || now == 250, "{now}");
                        held.fetch_sub(want, Ordering::SeqCst);
                        drop(permit);
                    }
                });
            }
        });
        assert_eq!(memory.peak(), 250);
    }

    #[test]
    fn whoever_gives_up_leaves_the_line() {
        let memory = Memory::new(10);
        let first = memory.take(10, &|| false);
        assert!(memory.take(5, &|| true).is_none());
        drop(first);
        assert!(memory.take(5, &|| false).is_some());
    }

    #[test]
    fn small_budgets_make_small_blocks() {
        assert_eq!(Share::of(256 << 20, 8).block, BLOCK);
        let share = Share::of(16 << 20, 8);
        assert!(share.block < BLOCK && share.block >= 16 << 10);
        assert!(share.large > 0);
    }
}
