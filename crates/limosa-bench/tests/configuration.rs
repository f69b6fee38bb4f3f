//! `docs/guide/configuration.md` names every key, flag and variable that there is, and no others.

use limosa::settings::{KEYS, Settings};
use std::collections::BTreeSet;
use std::path::Path;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/configuration.md");
    std::fs::read_to_string(path).expect("the page is there")
}

/// The words between backticks in the first `columns` cells of the table rows of a part of the page.
fn words(part: &str, columns: usize) -> BTreeSet<String> {
    part.lines()
        .filter(|line| line.starts_with("| `"))
        .flat_map(|line| line.split('|').skip(1).take(columns))
        .filter_map(|cell| cell.trim().strip_prefix('`')?.strip_suffix('`'))
        .map(str::to_owned)
        .collect()
}

fn part<'a>(page: &'a str, heading: &str) -> &'a str {
    let at = page.find(heading).expect("the heading is there") + heading.len();
    let rest = &page[at..];
    &rest[..rest.find("\n## ").unwrap_or(rest.len())]
}

#[test]
fn every_key_flag_and_variable_is_on_the_page_and_none_that_is_not_there() {
    let known: BTreeSet<String> = KEYS
        .iter()
        .flat_map(|k| [k.name, k.flag, k.variable])
        .filter(|w| !w.is_empty())
        .map(str::to_owned)
        .collect();
    assert_eq!(words(part(&page(), "\n## The keys\n"), 3), known);
}

#[test]
fn every_policy_is_on_the_page_and_none_that_is_not_there() {
    let schema = Settings::json_schema();
    let known: BTreeSet<String> = schema["$defs"]["Types"]["properties"]
        .as_object()
        .expect("the policies are properties")
        .keys()
        .cloned()
        .collect();
    let page = page();
    assert_eq!(
        words(part(&page, "\n## Values that do not fit: `[types]`\n"), 1),
        known
    );
}

#[test]
fn every_key_of_a_single_table_is_in_the_example() {
    let schema = Settings::json_schema();
    let table = schema["$defs"]["Table"]["properties"]
        .as_object()
        .expect("the wishes are properties");
    let page = page();
    let example = part(&page, "\n## Single tables: `[[table]]`\n");
    for key in table.keys() {
        assert!(
            example
                .lines()
                .any(|l| l.trim_start().starts_with(&format!("{key} "))),
            "{key} is not in the example"
        );
    }
}
