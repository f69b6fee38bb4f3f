//! Facts of a run for whoever looks at standard error: bars on a terminal, lines elsewhere.

mod lines;
mod live;
mod tally;

use crate::output::{Format, Output};
use limosa_flow::progress::{Fact, Listener, Progress};
use std::sync::Arc;

/// The listener that suits the place where the words go.
pub(crate) fn listener(output: &Output, expected_rows: u64) -> Progress {
    if output.quiet() {
        Arc::new(Faults(output.clone()))
    } else if output.format() == Format::Jsonl {
        Arc::new(Events(output.clone()))
    } else if output.live() {
        live::Live::begin(output, expected_rows)
    } else {
        lines::Lines::begin(output, expected_rows)
    }
}

/// Says only what went wrong.
struct Faults(Output);

impl Listener for Faults {
    fn hear(&self, fact: Fact) {
        if let Fact::TableEnded {
            table,
            outcome: "failed",
            why,
            ..
        } = fact
        {
            self.0
                .say(&format!("{table}: failed: {}", why.unwrap_or_default()));
        }
    }
}

/// Prints every fact as one line of JSON on standard error: the data on standard output stays apart.
struct Events(Output);

impl Listener for Events {
    fn hear(&self, fact: Fact) {
        if let Ok(text) = serde_json::to_string(&fact) {
            self.0.say(&text);
        }
    }
}

/// What a fact says in one line, if it is worth a line.
fn sentence(fact: &Fact) -> Option<String> {
    use limosa::settings::amount::show_seconds;
    match fact {
        Fact::TableEnded {
            stage,
            table,
            outcome,
            why: Some(why),
        } => Some(format!("{stage} {table}: {outcome}: {why}")),
        Fact::Retry {
            what,
            why,
            attempt,
            pause,
        } => Some(format!(
            "{what}: {why}; attempt {attempt} in {}",
            show_seconds(*pause)
        )),
        Fact::Note { text } => Some(text.clone()),
        _ => None,
    }
}
