//! The language of transforms against a real PostgreSQL: every function, over hostile values.
//!
//! Both sides write their result as text. Where the table of the language says that a meaning differs, the
//! test says how, in [`DIFFERS`]; every other function must have a formula here.

mod asked;
mod rows;
mod values;

use asked::{DIFFERS, OTHERWISE, SAME};
use limosa::transform::{ALIASES, LANGUAGE};
use rows::Rows;
use std::collections::BTreeSet;
use values::ROWS;

#[test]
fn formulas_mean_what_postgresql_means() {
    let rows = Rows::new();
    let same = SAME.iter().map(|f| (*f, *f));
    let mut others = Vec::new();
    for (ours, theirs) in same.chain(OTHERWISE.iter().copied()) {
        let mine = match rows.ours(ours) {
            Ok(mine) => mine,
            Err(why) => {
                others.push(format!("{ours}: {why}"));
                continue;
            }
        };
        let wanted = rows.theirs(theirs);
        if wanted.len() != ROWS {
            others.push(format!("{theirs}: {} answers", wanted.len()));
            continue;
        }
        let odd: Vec<String> = (0..ROWS)
            .filter(|id| mine[*id] != wanted[*id])
            .take(4)
            .map(|id| format!("row {id}: {:?}, PostgreSQL {:?}", mine[id], wanted[id]))
            .collect();
        if !odd.is_empty() {
            others.push(format!("{ours}: {}", odd.join("; ")));
        }
    }
    assert!(
        others.is_empty(),
        "{} formulas differ:\n{}",
        others.len(),
        others.join("\n")
    );
}

#[test]
fn every_function_is_held_against_postgresql_or_says_why_not() {
    let mut seen = BTreeSet::new();
    for text in SAME
        .iter()
        .copied()
        .chain(OTHERWISE.iter().map(|(f, _)| *f))
    {
        let formula = limosa_sql::formula(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        formula.walk(&mut |f| {
            if let limosa_sql::Node::Call(name, _) = &f.node {
                let name = ALIASES
                    .iter()
                    .find(|(a, _)| a == name)
                    .map_or(name.as_str(), |(_, n)| n);
                seen.insert(name.to_owned());
            }
        });
    }
    let excused: BTreeSet<&str> = DIFFERS.iter().map(|(name, _)| *name).collect();
    for function in LANGUAGE.iter().flat_map(|g| g.functions) {
        let held = seen.contains(function.name);
        assert!(
            held != excused.contains(function.name),
            "{} must be held against PostgreSQL or be in DIFFERS, and not both",
            function.name
        );
        assert!(
            held || !function.differs.is_empty(),
            "{} differs, and the guide does not say so",
            function.name
        );
    }
}
