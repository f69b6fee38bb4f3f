//! Connections that wait to be used again: a server starts a process for each new one, and reads its catalog anew.
//!
//! Only one that is idle, outside of a transaction and whole is kept. It is used again if the server said nothing
//! meanwhile, and only soon: who sits between us and the server may forget a silent connection without a word.

use crate::connection::Connection;
use limosa_core::Result;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a connection is good for.
const FRESH: Duration = Duration::from_secs(20);

/// A place for one connection.
#[derive(Default)]
pub(crate) struct Spare(Mutex<Option<(Connection, Instant)>>);

impl Spare {
    fn swap(&self, new: Option<Connection>) -> Option<(Connection, Instant)> {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut place, new.map(|c| (c, Instant::now())))
    }
}

/// A connection that goes back into its place when it is dropped.
pub(crate) struct Borrowed {
    connection: Option<Connection>,
    place: Arc<Spare>,
}

impl Borrowed {
    /// The connection that waits in `place`, or a new one.
    pub(crate) fn take(
        place: &Arc<Spare>,
        open: impl FnOnce() -> Result<Connection>,
    ) -> Result<Self> {
        let waiting = place
            .swap(None)
            .filter(|(c, since)| since.elapsed() < FRESH && c.silent());
        let connection = match waiting {
            Some((connection, _)) => connection,
            None => open()?,
        };
        Ok(Self {
            connection: Some(connection),
            place: Arc::clone(place),
        })
    }
}

impl Deref for Borrowed {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("it is taken only by drop")
    }
}

impl DerefMut for Borrowed {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("it is taken only by drop")
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && !connection.broken()
            && !connection.in_transaction()
        {
            drop(self.place.swap(Some(connection)));
        }
    }
}
