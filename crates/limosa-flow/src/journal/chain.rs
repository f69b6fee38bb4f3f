//! The events, each chained to the one before.

use super::Journal;
use super::file::N;
use limosa_core::{Error, ErrorKind, Result};
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its number, from 1, without gaps.
    pub seq: u64,
    /// When, in milliseconds since 1970, by this machine's clock.
    pub at_ms: u64,
    /// What: `planned`, `phase`, `step`, `table`, `comparison`, `outcome`, or a caller's own word.
    pub kind: String,
    /// The rest.
    pub body: serde_json::Value,
    /// The SHA-256 of the previous event's hash and of this event, in lower-case hexadecimal.
    pub hash: String,
}

/// An event as the file has it: number, moment, kind, body, hash.
type Raw = (u64, u64, String, String, String);

fn link(previous: &str, seq: u64, at_ms: u64, kind: &str, body: &str) -> String {
    let mut hasher = Sha256::new();
    // Lengths before contents: no two different events are the same bytes.
    for part in [
        previous.as_bytes(),
        &seq.to_be_bytes(),
        &at_ms.to_be_bytes(),
        kind.as_bytes(),
        body.as_bytes(),
    ] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher
        .finalize()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

impl Journal {
    /// Adds an event of the caller's own (`gate`, `approval`, `note`). `body` must hold no secrets and no row values.
    pub fn record(&mut self, kind: &str, body: &serde_json::Value) -> Result<()> {
        self.together(|j| j.append(kind, body))
    }

    pub(super) fn append(&mut self, kind: &str, body: &serde_json::Value) -> Result<()> {
        let last: Option<(u64, String)> = self
            .db
            .prepare_cached("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1")
            .and_then(|mut s| {
                s.query_row([], |r| Ok((r.get::<_, N>(0)?.0, r.get(1)?)))
                    .optional()
            })
            .map_err(self.err("reading the journal"))?;
        let (seq, previous) = last.map_or((1, String::new()), |(s, h)| (s + 1, h));
        let at = self.millis();
        let body = body.to_string();
        let hash = link(&previous, seq, at, kind, &body);
        self.db
            .prepare_cached(
                "INSERT INTO event(seq, at_ms, kind, body, hash) VALUES(?1,?2,?3,?4,?5)",
            )
            .and_then(|mut s| s.execute(params![N(seq), N(at), kind, body, hash]))
            .map_err(self.err("writing the journal"))?;
        Ok(())
    }

    /// The events after number `after` (0 for all), oldest first, at most `limit`.
    pub fn events(&self, after: u64, limit: usize) -> Result<Vec<Event>> {
        let raw = self.raw(after, limit)?;
        raw.into_iter()
            .map(|(seq, at_ms, kind, body, hash)| {
                Ok(Event {
                    seq,
                    at_ms,
                    kind,
                    body: self.json(&body, "events")?,
                    hash,
                })
            })
            .collect()
    }

    fn raw(&self, after: u64, limit: usize) -> Result<Vec<Raw>> {
        self.db
            .prepare_cached(
                "SELECT seq, at_ms, kind, body, hash FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            )
            .and_then(|mut s| {
                s.query_map(params![N(after), N(limit as u64)], |r| {
                    let (seq, at) = (r.get::<_, N>(0)?.0, r.get::<_, N>(1)?.0);
                    Ok((seq, at, r.get(2)?, r.get(3)?, r.get(4)?))
                })?
                .collect()
            })
            .map_err(self.err("reading the journal's events"))
    }

    /// Makes sure that the file is whole and that no event was changed, taken out or put in between.
    /// Gives the number of events and the last one's hash; whoever keeps that hash elsewhere can also
    /// tell whether the end was cut off.
    ///
    /// # Errors
    /// `File`, naming the first event that does not fit.
    pub fn check(&self) -> Result<(u64, String)> {
        let whole: String = self
            .db
            .query_row("PRAGMA quick_check(1)", [], |r| r.get(0))
            .map_err(self.err("checking the journal"))?;
        let bad = |why: String| {
            Error::new(ErrorKind::File, "checking the journal", why)
                .on(self.path.display().to_string())
                .hint(
                    "Do not trust its history. The data is not concerned: move the file away and \
                     run the same command again, and the run goes on from the target's ledger.",
                )
        };
        if whole != "ok" {
            return Err(bad(whole));
        }
        let (mut count, mut previous) = (0u64, String::new());
        loop {
            let events = self.raw(count, 1000)?;
            if events.is_empty() {
                break;
            }
            for (seq, at, kind, body, hash) in events {
                if seq != count + 1 {
                    return Err(bad(format!("event {} is missing", count + 1)));
                }
                if hash != link(&previous, seq, at, &kind, &body) {
                    return Err(bad(format!("event {seq} was changed")));
                }
                count = seq;
                previous = hash;
            }
        }
        Ok((count, previous))
    }
}
