//! Whether views, routines and triggers say the same on both sides.
//!
//! Only between two databases of one product in one major version: they give the words of their code in one
//! form (a view as the server understood it, a body as it was written), so that equal code has equal words.
//! Another version may say the same view in other words, and then nothing is said about it. What is left
//! out of the comparison is white space outside of quotes, and the semicolon at the end.

use crate::plan::Plan;
use limosa_core::operation::Operation;
use limosa_core::schema::{Catalog, Routine, Trigger, View};
use std::collections::HashMap;

/// One thing whose words are others, or that is not there: its name and what is so.
pub(super) type Said = (limosa_core::schema::TableName, String);

/// Says where the target's code is not that of the plan. Without a plan of ours (`alone`), only what is on
/// both sides is told.
pub(super) fn differences(plan: &Plan, found: &Catalog, alone: bool) -> Vec<Said> {
    let (from, to) = (&plan.source.capabilities, &plan.target.capabilities);
    let major = |version: &str| version.split(['.', ' ', '-']).next().map(str::to_owned);
    let same_words = from.product == to.product && major(&from.version) == major(&to.version);
    let fold = |name: &dyn std::fmt::Display| name.to_string().to_lowercase();
    let views: HashMap<String, &View> = found.views.iter().map(|v| (fold(&v.name), v)).collect();
    let routines: HashMap<(String, &str), &Routine> = (found.routines.iter())
        .map(|r| ((fold(&r.name), r.kind.as_str()), r))
        .collect();
    let triggers: HashMap<(String, String), &Trigger> = (found.tables.iter())
        .flat_map(|t| {
            t.triggers
                .iter()
                .map(|g| ((fold(&t.name), fold(&g.name)), g))
        })
        .collect();
    let mut out = Vec::new();
    for step in &plan.steps {
        let (name, what, want, have) = match &step.operation {
            Operation::CreateView(view) => match views.get(&fold(&view.name)) {
                Some(have) => (
                    &view.name,
                    "view".to_owned(),
                    &view.query,
                    Some(&have.query),
                ),
                // Said where objects are looked for.
                None => continue,
            },
            Operation::CreateRoutine(routine) => {
                let Some(want) = &routine.text else { continue };
                let have = routines.get(&(fold(&routine.name), routine.kind.as_str()));
                // An event that was to happen once is gone when it did.
                if have.is_none() && routine.kind == "event" {
                    continue;
                }
                let have = have.and_then(|r| r.text.as_ref());
                (&routine.name, routine.kind.clone(), want, have)
            }
            Operation::CreateTrigger { table, trigger } => {
                let have = triggers.get(&(fold(table), fold(&trigger.name)));
                let what = format!("trigger {}", trigger.name);
                (table, what, &trigger.text, have.map(|t| &t.text))
            }
            _ => continue,
        };
        match have {
            None if !alone => out.push((name.clone(), format!("the {what} is not there"))),
            Some(have) if same_words && words(want) != words(have) => out.push((
                name.clone(),
                format!("the {what} has other words than in the source"),
            )),
            _ => {}
        }
    }
    out
}

/// A text with one blank for all white space outside of quotes, and no semicolon at its end.
fn words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut quote = None;
    for c in text
        .trim_end_matches(|c: char| c == ';' || c.is_whitespace())
        .chars()
    {
        match quote {
            Some(q) => {
                out.push(c);
                if c == q {
                    quote = None;
                }
            }
            None if c.is_whitespace() => {
                if !out.ends_with(' ') && !out.is_empty() {
                    out.push(' ');
                }
            }
            None => {
                quote = matches!(c, '\'' | '"' | '`').then_some(c);
                out.push(c);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn white_space_outside_of_quotes_is_all_that_is_left_out() {
        assert_eq!(
            words(" SELECT  a,\n\tb FROM t ; "),
            words("SELECT a, b FROM t")
        );
        assert_eq!(words("\nSELECT 1"), "SELECT 1");
        for (a, b) in [
            ("SELECT 'a  b'", "SELECT 'a b'"),
            ("SELECT \"a  b\"", "SELECT \"a b\""),
            ("SELECT a", "SELECT A"),
            ("SELECT (a)", "SELECT a"),
        ] {
            assert_ne!(words(a), words(b));
        }
    }
}
