//! How much memory a run may hold, over all lanes.
//!
//! # The bound
//!
//! The budget (`--memory`) is cut once, by [`Share::of`]:
//!
//! | part | for |
//! |---|---|
//! | an eighth | buffers of ordinary rows: of each lane [`QUEUE`] blocks on their way, one being written, a batch, what a connection has received |
//! | a sixteenth | what drivers, caches and threads hold of their own |
//! | thirteen sixteenths | rows of [`Share::huge`] bytes and more |
//!
//! The first two need no asking: blocks become smaller, down to 16 KiB, until they fit.
//!
//! # A huge row
//!
//! A reader knows a row's size before it holds it: PostgreSQL says the length of a message in front of it,
//! SQLite refuses values above a limit that was set, MySQL sends rows in frames of 16 MiB. Before the memory is
//! taken the reader asks its [`Gate`], which keeps [`COPIES`] times the row's size out of [`Share::large`] until
//! the row was written, or looked at. First come, first served; a row that can never fit is an error
//! at once, with the budget that it needs.
//!
//! Who holds how many copies of a row of *n* bytes, at most, at the same moment:
//!
//! | | PostgreSQL | MySQL, MariaDB | SQLite |
//! |---|---|---|---|
//! | reading cells | 2: message, batch | 2: packet, batch | 2: SQLite's value, batch |
//! | reading its own wire form | blocks only | – | 2: SQLite's value, block |
//! | encoding | 2: batch, block | 2: batch, block | 2: batch, block |
//! | loading | 1: block | 1: block | 2: bound value, SQLite's record |
//! | comparing | 1: canonical row | 2: packet, canonical row | 2: SQLite's value, canonical row |
//!
//! Each gives the older copy back before the next one is made: a connection's buffer shrinks and SQLite's
//! statement is reset when the batch has the row, the batch goes when the block has it, the block when
//! SQLite has bound it. Source and target of a comparison, and all lanes, ask one gate.
//!
//! Two conversions make a huge value longer on its way and are not counted: bytes as hexadecimal digits, in
//! PostgreSQL tables whose other columns force its text form, and escapes before every tab, newline and
//! backslash for MySQL. Neither is the third copy of a huge row in a chunk of which the target refused rows,
//! which are found by trying parts of it, nor that of a huge row which is put aside as a reject, nor the tables of
//! differences where many rows differ: three eighths of the budget, and no more than fixed, in `verify`.
//!
//! # Why nobody waits for ever
//!
//! See [`limosa_core::room`]; and where one loader serves all readers, only the reader whose chunk it
//! loads may have room: that of another would come back only after that chunk (`Turn`).

use crate::stop::Stop;
use limosa_core::room::{Gate, Room};
use limosa_core::{Error, ErrorKind, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Bytes of an ordinary block: large enough that a system call and a channel cost nothing per row,
/// small enough to stay in the second-level cache.
pub const BLOCK: usize = 256 << 10;

/// Blocks between a reader and its loader: enough to even out one flush of the target.
pub const QUEUE: usize = 4;

/// Copies of a huge row at once.
pub const COPIES: u64 = 2;

/// The sizes of one lane's buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Bytes of a block.
    pub block: usize,
    /// Bytes of a row from which on a reader asks for room.
    pub huge: usize,
    /// Bytes that may be given to those who ask.
    pub large: u64,
    /// The whole budget.
    pub memory: u64,
}

impl Share {
    /// Cuts a budget for a number of lanes.
    pub fn of(memory: u64, lanes: usize) -> Self {
        let buffers = (lanes.max(1) * (QUEUE + 4)) as u64;
        let each = memory / 8 / buffers;
        let block = (each / 2).clamp(16 << 10, BLOCK as u64);
        let huge = each.saturating_sub(block).clamp(64 << 10, 4 << 20);
        Self {
            block: block as usize,
            huge: huge as usize,
            // Thirteen sixteenths: twice 100 MiB of the default's 256, and a little.
            large: (memory / 16 * 13).max(1),
            memory,
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

/// The error of a row that the budget can not hold.
fn too_large(row: u64, memory: u64) -> Error {
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    // What [`Share::of`] leaves, the other way round.
    let enough = mib(row.saturating_mul(COPIES).saturating_mul(16) / 13 + 16);
    Error::new(
        ErrorKind::Resource,
        "reading rows",
        format!(
            "a row of {} MiB does not fit into the {} MiB of --memory: {COPIES} copies of it are held at once",
            mib(row),
            mib(memory)
        ),
    )
    .hint(format!(
        "Run again with --memory {enough}MiB or more; rows that are there already are kept."
    ))
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

/// Whose turn it is to have room, of the readers of one loader; told by the lane for each chunk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turn {
    /// The loader has taken the chunk up.
    pub current: Arc<AtomicBool>,
    /// The chunk is lost.
    pub given_up: Arc<AtomicBool>,
}

/// The gate of one reader.
pub(crate) struct ReaderGate {
    memory: Arc<Memory>,
    share: Share,
    /// Ends every wait.
    over: Box<dyn Fn() -> bool + Send + Sync>,
    /// The chunk in hand; `None` where nobody's turn matters.
    turn: Mutex<Option<Turn>>,
    in_turn: bool,
}

impl ReaderGate {
    /// A gate for one who only looks at rows.
    pub(crate) fn looking(memory: &Arc<Memory>, share: Share, stop: &Stop) -> Arc<dyn Gate> {
        let stop = stop.clone();
        Arc::new(Self {
            memory: Arc::clone(memory),
            share,
            over: Box::new(move || stop.requested()),
            turn: Mutex::default(),
            in_turn: false,
        })
    }

    /// A gate for a lane of the copy; `in_turn` if one loader serves all, `dead` once a loader is gone.
    pub(crate) fn copying(
        memory: &Arc<Memory>,
        share: Share,
        in_turn: bool,
        dead: &Arc<AtomicBool>,
    ) -> Arc<Self> {
        let dead = Arc::clone(dead);
        Arc::new(Self {
            memory: Arc::clone(memory),
            share,
            over: Box::new(move || dead.load(Ordering::SeqCst)),
            turn: Mutex::default(),
            in_turn,
        })
    }

    /// Says which chunk the reader reads from now on.
    pub(crate) fn chunk(&self, turn: &Turn) {
        *self.turn.lock().unwrap_or_else(|e| e.into_inner()) = Some(turn.clone());
    }
}

impl Gate for ReaderGate {
    fn huge(&self) -> usize {
        self.share.huge
    }

    fn largest(&self) -> u64 {
        self.share.large / COPIES
    }

    fn take(&self, bytes: u64) -> Result<Room> {
        if bytes > self.largest() {
            return Err(too_large(bytes, self.share.memory));
        }
        let turn = self.turn.lock().unwrap_or_else(|e| e.into_inner()).clone();
        let over = || {
            (self.over)()
                || turn
                    .as_ref()
                    .is_some_and(|t| t.given_up.load(Ordering::Relaxed))
        };
        if self.in_turn
            && let Some(turn) = &turn
        {
            while !turn.current.load(Ordering::Relaxed) && !over() {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        match self.memory.take(bytes * COPIES, &over) {
            Some(permit) => Ok(Room::new(permit)),
            None => Err(Error::new(
                ErrorKind::Interrupted,
                "reading rows",
                "the run ended before there was room for a huge row",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    fn share(large: u64) -> Share {
        Share {
            block: BLOCK,
            huge: 1,
            large,
            memory: large,
        }
    }

    #[test]
    fn readers_never_hold_more_than_the_budget() {
        let memory = Memory::new(100);
        let held = AtomicU64::new(0);
        std::thread::scope(|s| {
            for lane in 0..4u64 {
                let (memory, held) = (&memory, &held);
                s.spawn(move || {
                    for i in 0..200 {
                        let want = if i % 50 == 0 { 100 } else { 30 + lane };
                        let permit = memory.take(want, &|| false).expect("nobody gives up");
                        let now = held.fetch_add(want, Ordering::SeqCst) + want;
                        assert!(now <= 100, "{now}");
                        held.fetch_sub(want, Ordering::SeqCst);
                        drop(permit);
                    }
                });
            }
        });
        assert_eq!(memory.peak(), 100);
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
    fn a_stopped_run_does_not_wait_for_room() {
        let memory = Memory::new(20);
        let stop = Stop::new();
        let gate = ReaderGate::looking(&memory, share(20), &stop);
        let _first = gate.take(10).expect("it fits");
        stop.request();
        assert_eq!(
            gate.take(1).expect_err("no room").kind(),
            ErrorKind::Interrupted
        );
    }

    #[test]
    fn of_one_loader_only_the_chunk_in_hand_gets_room() {
        let memory = Memory::new(20);
        let gate = ReaderGate::copying(&memory, share(20), true, &Arc::default());
        let turn = Turn::default();
        gate.chunk(&turn);
        std::thread::scope(|s| {
            let taken = s.spawn(|| gate.take(10).map(drop));
            assert_eq!(memory.peak(), 0);
            turn.current.store(true, Ordering::Relaxed);
            taken.join().expect("no panic").expect("room");
        });
        let lost = Turn::default();
        lost.given_up.store(true, Ordering::Relaxed);
        gate.chunk(&lost);
        let _held = memory.take(20, &|| false);
        let error = gate.take(10).expect_err("lost");
        assert_eq!(error.kind(), ErrorKind::Interrupted);
    }

    #[test]
    fn a_row_that_can_never_fit_names_the_budget_that_holds_it() {
        for memory in [64u64 << 20, 256 << 20, 3 << 30] {
            let share = Share::of(memory, 4);
            let row = share.large / COPIES + (1 << 20);
            let gate = ReaderGate::looking(&Memory::new(share.large), share, &Stop::new());
            let error = gate.take(row).expect_err("too large");
            assert_eq!(error.kind(), ErrorKind::Resource);
            let remedy = error.remedy().expect("it says what to do");
            let enough: u64 = remedy
                .split_once("--memory ")
                .and_then(|(_, rest)| rest.split_once("MiB"))
                .and_then(|(n, _)| n.parse().ok())
                .expect("a number of MiB");
            assert!(row * COPIES <= Share::of(enough << 20, 4).large, "{remedy}");
        }
    }

    #[test]
    fn small_budgets_make_small_blocks() {
        assert_eq!(Share::of(256 << 20, 8).block, BLOCK);
        let share = Share::of(16 << 20, 8);
        assert!(share.block < BLOCK && share.block >= 16 << 10);
        assert!(share.large > 0);
    }
}
