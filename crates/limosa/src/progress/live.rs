//! Progress on a terminal: the tables in work and the whole, redrawn a few times a second.

use super::lines::line;
use super::sentence;
use super::tally::{Table, Tally};
use crate::output::{Output, Style};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use limosa::settings::amount::{show_bytes, show_count, show_seconds};
use limosa::text::visible;
use limosa_flow::progress::{Fact, Listener};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Tables that are shown at once; the others are in the total.
const SHOWN: usize = 8;
/// Redrawn as often as an eye can follow.
const EVERY: Duration = Duration::from_millis(200);

/// Draws bars.
pub(super) struct Live {
    output: Output,
    state: Mutex<State>,
}

struct State {
    tally: Tally,
    bars: MultiProgress,
    total: ProgressBar,
    tables: Vec<ProgressBar>,
}

impl Live {
    pub(super) fn begin(output: &Output, expected_rows: u64) -> Arc<Self> {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        let style = ProgressStyle::with_template("{msg}").expect("the template is ours");
        let total = bars.add(ProgressBar::new_spinner().with_style(style));
        let mut tally = Tally::new(Instant::now());
        tally.expect(expected_rows);
        output.set_bars(Some(bars.clone()));
        let live = Arc::new(Self {
            output: output.clone(),
            state: Mutex::new(State {
                tally,
                bars,
                total,
                tables: Vec::new(),
            }),
        });
        let weak = Arc::downgrade(&live);
        // Without the thread the bars move with the facts only.
        let _ = std::thread::Builder::new()
            .name("progress".into())
            .spawn(move || tick(&weak));
        live
    }

    fn draw(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let state = &mut *state;
        if state.tally.stage.is_none() {
            state.tables.drain(..).for_each(|b| b.finish_and_clear());
            state.total.set_message(String::new());
            return;
        }
        let shown = state.tally.active.len().min(SHOWN);
        while state.tables.len() < shown {
            let style = ProgressStyle::with_template("{msg}").expect("the template is ours");
            let bar = ProgressBar::new_spinner().with_style(style);
            state
                .tables
                .push(state.bars.insert_before(&state.total, bar));
        }
        for bar in state.tables.drain(shown..) {
            bar.finish_and_clear();
        }
        // The largest first.
        state
            .tally
            .active
            .sort_by_key(|t| std::cmp::Reverse(t.expected));
        for (bar, table) in state.tables.iter().zip(&state.tally.active) {
            bar.set_message(table_line(table, now));
        }
        let total = line(&state.tally, now);
        state
            .total
            .set_message(self.output.paint_err(Style::Bold, &total));
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        state.tables.drain(..).for_each(|b| b.finish_and_clear());
        state.total.finish_and_clear();
        self.output.set_bars(None);
    }
}

fn tick(live: &Weak<Live>) {
    loop {
        std::thread::sleep(EVERY);
        let Some(live) = live.upgrade() else { return };
        live.draw();
    }
}

fn table_line(t: &Table, now: Instant) -> String {
    const WIDTH: usize = 16;
    let share = t
        .expected
        .filter(|n| *n > 0)
        .map(|n| (t.rows as f64 / n as f64).min(1.0));
    let bar = match share {
        Some(share) => {
            let full = (share * WIDTH as f64) as usize;
            format!("{}{}", "█".repeat(full), "░".repeat(WIDTH - full))
        }
        None => "░".repeat(WIDTH),
    };
    let name: String = visible(&t.name.to_string()).chars().take(32).collect();
    let seconds = now.duration_since(t.began).as_secs_f64();
    let rate = if seconds > 0.0 {
        t.rows as f64 / seconds
    } else {
        0.0
    };
    let rest = t
        .expected
        .filter(|n| rate > 0.0 && *n > t.rows)
        .map(|n| format!("  {} to go", show_seconds((n - t.rows) as f64 / rate)))
        .unwrap_or_default();
    format!(
        "  {name:<32} {bar} {:>4}  {} rows  {}  {} rows/s{rest}",
        share.map_or("   ?".into(), |s| format!("{:.0}%", s * 100.0)),
        show_count(t.rows),
        show_bytes(t.bytes),
        show_count(rate as u64),
    )
}

impl Listener for Live {
    fn hear(&self, fact: Fact) {
        if let Some(text) = sentence(&fact) {
            self.output.note(&text);
        }
        let ended = match &fact {
            Fact::StageEnded { stage, seconds } => Some((*stage, *seconds)),
            _ => None,
        };
        let (rows, bytes) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let moved = (state.tally.rows, state.tally.bytes);
            state.tally.hear(&fact, Instant::now());
            moved
        };
        if let Some((stage, seconds)) = ended {
            // The bars of the stage go before its last line is written above them.
            self.draw();
            let moved = match rows {
                0 => String::new(),
                n => format!("  {} rows, {}", show_count(n), show_bytes(bytes)),
            };
            self.output.note(&format!(
                "{} {stage} {}{moved}",
                self.output.paint_err(Style::Good, "✓"),
                show_seconds(seconds)
            ));
        }
    }
}
