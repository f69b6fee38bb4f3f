//! Progress where no cursor moves: a line per change of state, and one every 30 seconds.

use super::sentence;
use super::tally::Tally;
use crate::output::Output;
use limosa::settings::amount::{show_bytes, show_count, show_seconds};
use limosa_flow::progress::{Fact, Listener};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How often a line comes when nothing else changes.
const EVERY: Duration = Duration::from_secs(30);

/// Writes lines.
pub(super) struct Lines {
    output: Output,
    state: Mutex<State>,
}

struct State {
    tally: Tally,
    spoke: Instant,
}

impl Lines {
    pub(super) fn begin(output: &Output, expected_rows: u64) -> Arc<Self> {
        let now = Instant::now();
        let mut tally = Tally::new(now);
        tally.expect(expected_rows);
        let lines = Arc::new(Self {
            output: output.clone(),
            state: Mutex::new(State { tally, spoke: now }),
        });
        let weak = Arc::downgrade(&lines);
        // Without the thread the lines still come with the facts; only silence would stay silent.
        let _ = std::thread::Builder::new()
            .name("progress".into())
            .spawn(move || tick(&weak));
        lines
    }
}

fn tick(lines: &Weak<Lines>) {
    loop {
        std::thread::sleep(Duration::from_millis(500));
        let Some(lines) = lines.upgrade() else { return };
        let mut state = lines.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if state.tally.stage.is_some() && now.duration_since(state.spoke) >= EVERY {
            state.spoke = now;
            lines.output.note(&line(&state.tally, now));
        }
    }
}

/// The stage in one line.
pub(super) fn line(t: &Tally, now: Instant) -> String {
    let mut out = format!(
        "{}: {}/{} done",
        t.stage.unwrap_or("work"),
        t.ended,
        t.items
    );
    if t.rows > 0 {
        out.push_str(&format!(
            ", {} rows, {}, {} rows/s",
            show_count(t.rows),
            show_bytes(t.bytes),
            show_count(t.rate(now) as u64)
        ));
    }
    if let Some(rest) = t
        .remaining(now)
        .filter(|_| matches!(t.stage, Some("copy" | "verify")))
    {
        out.push_str(&format!(", about {} to go", show_seconds(rest)));
    }
    if t.failed > 0 {
        out.push_str(&format!(", {} not well", t.failed));
    }
    if t.rejected > 0 {
        out.push_str(&format!(", {} rows rejected", t.rejected));
    }
    out
}

impl Listener for Lines {
    fn hear(&self, fact: Fact) {
        let now = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = sentence(&fact) {
            self.output.note(&text);
        }
        match &fact {
            Fact::StageBegan { stage, items } => {
                self.output.note(&format!("{stage}: {items} to do"));
                state.spoke = now;
            }
            Fact::StageEnded { stage, seconds } => {
                let rows = match state.tally.rows {
                    0 => String::new(),
                    n => format!(
                        ", {} rows, {}",
                        show_count(n),
                        show_bytes(state.tally.bytes)
                    ),
                };
                self.output.note(&format!(
                    "{stage}: ended after {}{rows}",
                    show_seconds(*seconds)
                ));
            }
            _ => {}
        }
        state.tally.hear(&fact, now);
    }
}
