//! Single values: whether they are in their bounds, and among the words that are known.

use super::file::{LATER_STRATEGIES, STRATEGIES};
use super::{Problem, nearest};

/// A name of a run is the name of a file, of rows in the target and a part of statements' comments.
const NAME_LENGTH: usize = 64;

pub(super) trait Names {
    fn map_names(&self) -> Vec<&'static str>;
}

impl<T> Names for &[(&'static str, T)] {
    fn map_names(&self) -> Vec<&'static str> {
        self.iter().map(|(n, _)| *n).collect()
    }
}

pub(super) fn within(n: u64, least: u64, most: u64, said: &str) -> Result<(), Problem> {
    let show = |n: u64| match n {
        n if n >= 1 << 20 && n.is_power_of_two() => super::amount::show_bytes(n),
        n => n.to_string(),
    };
    if n < least {
        return Err(Problem::new(format!("{said} is too small"))
            .hint(format!("The least value is {}.", show(least))));
    }
    if n > most {
        return Err(Problem::new(format!("{said} is too large"))
            .hint(format!("The greatest value is {}.", show(most))));
    }
    Ok(())
}

/// The place of `word` in `list`.
pub(super) fn choose(word: &str, what: &str, list: &[&str]) -> Result<usize, Problem> {
    list.iter().position(|w| *w == word).ok_or_else(|| {
        let problem = Problem::new(format!("{word:?} is not a {what}"));
        match nearest(word, list.iter().copied()) {
            Some(near) => problem.hint(format!("Did you mean \"{near}\"?")),
            None => problem.hint(format!("Choose one of: {}.", list.join(", "))),
        }
    })
}

pub(super) fn strategy(word: &str) -> Result<(), Problem> {
    if LATER_STRATEGIES.contains(&word) {
        return Err(Problem::new(format!(
            "the strategy {word:?} is designed and not in this release"
        ))
        .hint("This release has strategy = \"big_bang\": everything is copied, then compared."));
    }
    choose(word, "strategy", STRATEGIES).map(|_| ())
}

/// The name of a run: it becomes a file's name and a word in statements.
pub(super) fn name(text: &str) -> Result<String, Problem> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty()
        || text.len() > NAME_LENGTH
        || !text.chars().all(good)
        || !text.starts_with(|c: char| c.is_ascii_alphanumeric())
    {
        return Err(
            Problem::new(format!("{text:?} can not be the name of a migration")).hint(format!(
                "Use at most {NAME_LENGTH} letters, digits, dots, dashes and underscores, a letter or digit first."
            )),
        );
    }
    Ok(text.to_owned())
}
