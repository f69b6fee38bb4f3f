//! The facts of a run added up: what a bar or a line says of it. No clock of its own, nothing printed.

use limosa_core::schema::TableName;
use limosa_flow::progress::Fact;
use std::time::{Duration, Instant};

/// What moved in the present stage.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) stage: Option<&'static str>,
    pub(super) began: Instant,
    /// Tables or steps of the stage.
    pub(super) items: u64,
    pub(super) ended: u64,
    pub(super) failed: u64,
    /// Rows that were left out.
    pub(super) rejected: u64,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// The tables that are being worked at.
    pub(super) active: Vec<Table>,
    /// Rows that are thought to be in all tables of the stage, as far as they are known.
    pub(super) expected_rows: u64,
    /// What was moved by a moment, for the rate of the last seconds.
    samples: Vec<(Instant, u64, u64)>,
}

/// One table in work.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) name: TableName,
    pub(super) began: Instant,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) expected: Option<u64>,
}

/// The rate is that of the last seconds: a table's speed says little about the next one's.
const WINDOW: Duration = Duration::from_secs(10);

impl Tally {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            stage: None,
            began: now,
            items: 0,
            ended: 0,
            failed: 0,
            rejected: 0,
            rows: 0,
            bytes: 0,
            active: Vec::new(),
            expected_rows: 0,
            samples: Vec::new(),
        }
    }

    /// Sets how many rows the stages to come are thought to move.
    pub(super) fn expect(&mut self, rows: u64) {
        self.expected_rows = rows;
    }

    pub(super) fn hear(&mut self, fact: &Fact, now: Instant) {
        match fact {
            Fact::StageBegan { stage, items } => {
                let expected = self.expected_rows;
                *self = Self::new(now);
                self.expected_rows = expected;
                self.stage = Some(stage);
                self.items = *items;
            }
            Fact::StageEnded { .. } => {
                self.stage = None;
                self.active.clear();
            }
            Fact::TableBegan { table, rows, .. } => {
                self.active.retain(|t| t.name != *table);
                self.active.push(Table {
                    name: table.clone(),
                    began: now,
                    rows: 0,
                    bytes: 0,
                    expected: *rows,
                });
            }
            Fact::TableMoved {
                table, rows, bytes, ..
            } => {
                self.rows += rows;
                self.bytes += bytes;
                if let Some(t) = self.active.iter_mut().find(|t| t.name == *table) {
                    t.rows += rows;
                    t.bytes += bytes;
                }
                self.sample(now);
            }
            Fact::TableEnded { table, outcome, .. } => {
                self.active.retain(|t| t.name != *table);
                self.ended += 1;
                if matches!(*outcome, "failed" | "different") {
                    self.failed += 1;
                }
            }
            Fact::StepDone { .. } => self.ended += 1,
            Fact::Rejected { rows, .. } => self.rejected += rows,
            Fact::Retry { .. } | Fact::Note { .. } => {}
        }
    }

    fn sample(&mut self, now: Instant) {
        const STEP: Duration = Duration::from_millis(250);
        let due = self
            .samples
            .last()
            .is_none_or(|(at, ..)| now.duration_since(*at) >= STEP);
        if due {
            self.samples.push((now, self.rows, self.bytes));
            // One older than the window stays, so that the window is spanned.
            while self.samples.len() > 2 && now.duration_since(self.samples[1].0) > WINDOW {
                self.samples.remove(0);
            }
        }
    }

    /// Rows a second over the last seconds.
    pub(super) fn rate(&self, now: Instant) -> f64 {
        let (from, rows) = match self.samples.first() {
            Some((at, rows, _)) if now.duration_since(*at) > Duration::from_secs(1) => (*at, *rows),
            _ => (self.began, 0),
        };
        let seconds = now.duration_since(from).as_secs_f64();
        if seconds > 0.0 {
            (self.rows - rows) as f64 / seconds
        } else {
            0.0
        }
    }

    /// Seconds to go, if that can be said: something moved, and how much there is is known.
    pub(super) fn remaining(&self, now: Instant) -> Option<f64> {
        let rate = self.rate(now);
        (rate > 0.0 && self.expected_rows > self.rows)
            .then(|| (self.expected_rows - self.rows) as f64 / rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_added_up_and_the_rest_is_foretold() {
        let begin = Instant::now();
        let at = |s: u64| begin + Duration::from_secs(s);
        let t = TableName::bare("t");
        let moved = |rows| Fact::TableMoved {
            stage: "copy",
            table: t.clone(),
            rows,
            bytes: rows * 10,
        };
        let mut tally = Tally::new(begin);
        tally.expect(1000);
        tally.hear(
            &Fact::StageBegan {
                stage: "copy",
                items: 1,
            },
            begin,
        );
        assert_eq!(tally.remaining(begin), None);
        tally.hear(
            &Fact::TableBegan {
                stage: "copy",
                table: t.clone(),
                rows: Some(1000),
                bytes: None,
            },
            begin,
        );
        for s in 1..=20 {
            tally.hear(&moved(10), at(s));
        }
        assert_eq!((tally.rows, tally.bytes), (200, 2000));
        assert!(
            (tally.rate(at(20)) - 10.0).abs() < 1.0,
            "{}",
            tally.rate(at(20))
        );
        let rest = tally.remaining(at(20)).expect("it can be said");
        assert!((70.0..90.0).contains(&rest), "{rest}");
        tally.hear(
            &Fact::TableEnded {
                stage: "copy",
                table: t,
                outcome: "done",
                why: None,
            },
            at(21),
        );
        assert!(tally.active.is_empty());
        assert_eq!(tally.ended, 1);
    }
}
