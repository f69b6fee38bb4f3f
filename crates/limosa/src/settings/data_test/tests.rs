use super::super::Problem;
use super::CheckPart;
use super::words::KINDS;
use limosa_flow::check::Check;

fn read(text: &str) -> Result<Check, Problem> {
    let part: CheckPart = toml::from_str(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    part.check()
}

#[test]
fn every_kind_is_read_with_its_smallest_words() {
    for (kind, rest) in [
        ("not_null", "column = 'a'"),
        ("unique", "columns = ['a', 'b']"),
        (
            "accepted_values",
            "column = 'a'\nvalues = [1, 2.5, 'x', true, 2024-01-01]",
        ),
        ("rejected_values", "column = 'a'\nvalues = ['']"),
        ("relationships", "column = 'a'\nto = 'p'\nfield = 'id'"),
        ("row_count", "min = 1"),
        ("range", "column = 'a'\nmin = 2024-01-01T00:00:00Z"),
        ("regex", "column = 'a'\npattern = '^\\d+$'"),
        ("length", "column = 'a'\nmax = 3"),
        (
            "aggregate",
            "function = 'sum'\ncolumn = 'a'\non = 'both'\ntolerance = '0.1%'",
        ),
        ("freshness", "column = 'a'\nmax_age = '24h'"),
        ("columns", "on = 'both'"),
        ("expression", "condition = 'a > 0'"),
        (
            "sql",
            "sql = { postgresql = 'select 1', sqlite = 'select 2' }",
        ),
    ] {
        let check = read(&format!("kind = '{kind}'\ntable = 't'\n{rest}"))
            .unwrap_or_else(|e| panic!("{kind}: {e}"));
        assert_eq!(check.kind.word(), kind);
        assert!(check.name.starts_with(kind), "{}", check.name);
    }
    assert_eq!(KINDS.len(), 14, "a new kind is added to this test");
}

#[test]
fn mistakes_are_told() {
    for (text, what) in [
        ("table = 't'", "needs `kind`"),
        ("kind = 'notnull'\ntable = 't'", "is not a kind"),
        ("kind = 'not_null'\ncolumn = 'a'", "needs `table`"),
        ("kind = 'not_null'\ntable = 't'", "needs `column`"),
        (
            "kind = 'not_null'\ntable = 't'\ncolumn = 'a'\npattern = 'x'",
            "has no `pattern`",
        ),
        ("kind = 'row_count'\ntable = 't'", "asks nothing"),
        ("kind = 'range'\ntable = 't'\ncolumn = 'a'", "needs `min`"),
        (
            "kind = 'regex'\ntable = 't'\ncolumn = 'a'\npattern = '('",
            "can not be read",
        ),
        ("kind = 'sql'\nsql = { oracle = 'x' }", "is not an engine"),
        (
            "kind = 'expression'\ntable = 't'\ncondition = 'x'\nwarn_if = 'many'",
            "warn_if",
        ),
        (
            "kind = 'expression'\ntable = 't'\ncondition = 'x'\nmostly = 2.0",
            "mostly",
        ),
        (
            "kind = 'expression'\ntable = 't'\ncondition = 'x'\nequal = true",
            "two sides",
        ),
        (
            "kind = 'length'\ntable = 't'\ncolumn = 'a'\nmin = -1",
            "whole number",
        ),
        (
            "kind = 'aggregate'\ntable = 't'\nfunction = 'median'\ncolumn = 'a'",
            "function",
        ),
    ] {
        let problem = read(text).expect_err(text);
        assert!(problem.what.contains(what), "{text}: {problem}");
    }
}
