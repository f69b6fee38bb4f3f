//! Room for huge rows: who reads one asks before it takes the memory.
//!
//! A reader learns a row's size when its first bytes arrive. Of one of [`Gate::huge`] bytes or more it
//! asks the gate, before it holds more than a buffer of it, and keeps the [`Room`] with the row. The
//! gate belongs to whoever runs the readers: it owns the budget, knows how many copies of a row are
//! made on its way, and sees that the run is to end.
//!
//! Why nobody waits for ever: who holds room asks for no more, since a fill ends with its huge row,
//! and the room is given back when the row was written or looked at, which waits for servers only.

use crate::Result;
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// Gives room for huge rows. Shared by threads.
pub trait Gate: Send + Sync {
    /// Bytes of a row from which on room must be asked for.
    fn huge(&self) -> usize;

    /// Bytes of the largest row that can ever get room.
    fn largest(&self) -> u64;

    /// Waits until there is room for a row of `bytes` bytes.
    ///
    /// # Errors
    /// `Resource` (definite), at once, if `bytes` is above [`Gate::largest`]; it says what to do. `Interrupted`
    /// if the run ended meanwhile.
    fn take(&self, bytes: u64) -> Result<Room>;
}

/// Room that was given; goes back when dropped.
pub struct Room(#[allow(dead_code, reason = "held to be dropped")] Box<dyn Any + Send>);

impl Room {
    /// Room that lasts as long as `held`.
    pub fn new(held: impl Any + Send) -> Self {
        Self(Box::new(held))
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Room")
    }
}

/// A gate that is always open: of a reader that nobody bounded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Open;

impl Open {
    /// It, as readers keep it.
    pub fn shared() -> Arc<dyn Gate> {
        Arc::new(Self)
    }
}

impl Gate for Open {
    fn huge(&self) -> usize {
        8 << 20
    }

    fn largest(&self) -> u64 {
        u64::MAX
    }

    fn take(&self, _bytes: u64) -> Result<Room> {
        Ok(Room::new(()))
    }
}
