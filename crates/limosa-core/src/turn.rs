//! One huge row at a time, over all readers of the process.
//!
//! A reader learns a row's size when its bytes begin to arrive. One above [`HUGE`] waits for its turn
//! before it takes the memory, and the turn goes along with the rows until they were looked at. Why
//! nobody waits for ever: whoever has a turn waits for nothing but the server, never for another lane.

use std::sync::{Condvar, Mutex};

/// Bytes of a message above which a reader waits for its turn.
pub const HUGE: usize = 8 << 20;

static TAKEN: Mutex<bool> = Mutex::new(false);
static FREED: Condvar = Condvar::new();

/// The right to hold a huge row; ends when dropped.
#[derive(Debug)]
pub struct Turn(());

impl Turn {
    /// Waits for the turn.
    pub fn wait() -> Self {
        let mut taken = TAKEN.lock().unwrap_or_else(|e| e.into_inner());
        while *taken {
            taken = FREED.wait(taken).unwrap_or_else(|e| e.into_inner());
        }
        *taken = true;
        Self(())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(|e| e.into_inner()) = false;
        FREED.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn one_has_the_turn() {
        let at_once = AtomicU32::new(0);
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..100 {
                        let turn = Turn::wait();
                        assert_eq!(at_once.fetch_add(1, Ordering::SeqCst), 0);
                        at_once.fetch_sub(1, Ordering::SeqCst);
                        drop(turn);
                    }
                });
            }
        });
    }

    #[test]
    fn emptied_rows_give_back_their_turn_and_their_memory() {
        let mut rows = crate::canonical::CanonicalRows::default();
        let mut batch = crate::batch::Batch::default();
        for _ in 0..2 {
            // A turn that was not given back would be waited for without end.
            rows.keep(Turn::wait());
            rows.reset(0);
            batch.keep(Turn::wait());
            batch.end_turn();
            batch.keep(Turn::wait());
            batch.reset(1);
        }
        assert!(!rows.has_turn() && !batch.has_turn());
    }
}
