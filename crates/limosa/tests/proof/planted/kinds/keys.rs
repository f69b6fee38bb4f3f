//! Keys that are text, many rows at once, and what only one engine can do.

use super::*;

pub(super) fn kinds() -> Vec<Kind> {
    vec![
        // Keys that are text.
        act(
            "a text key's case",
            "UPDATE word SET w = 'APPLE' WHERE n = 0",
            "word",
            &[(&["apple"], "missing", &[]), (&["APPLE"], "extra", &[])],
        ),
        act(
            "twins exchange their values",
            "UPDATE word SET n = CASE n WHEN 0 THEN 1 ELSE 0 END WHERE n IN (0, 1)",
            "word",
            &[
                (&["apple"], "differs", &["n"]),
                (&["Apple"], "differs", &["n"]),
            ],
        ),
        act(
            "a twin by a blank at the end is missing",
            "DELETE FROM word WHERE n = 3",
            "word",
            &[(&["apple "], "missing", &[])],
        ),
        act(
            "a twin by an accent is missing",
            "DELETE FROM word WHERE n = 2",
            "word",
            &[(&["äpple"], "missing", &[])],
        ),
        act(
            "a key beyond the basic plane is missing",
            "DELETE FROM word WHERE n = 11",
            "word",
            &[(&["🦜"], "missing", &[])],
        ),
        act(
            "the key that says NULL is missing",
            "DELETE FROM word WHERE n = 6",
            "word",
            &[(&["NULL"], "missing", &[])],
        ),
        act(
            "a letter moves within a key of two parts",
            "UPDATE pair SET a = 1001, b = 'b2' WHERE a = 100",
            "pair",
            &[
                (&["100", "b12"], "missing", &[]),
                (&["1001", "b2"], "extra", &[]),
            ],
        ),
        act(
            "a UUID key's digit",
            "UPDATE guid SET u = 'f0000000-0000-4000-8000-000000000005' WHERE v = 5",
            "guid",
            &[
                (&["00000000-0000-4000-8000-000000000005"], "missing", &[]),
                (&["f0000000-0000-4000-8000-000000000005"], "extra", &[]),
            ],
        ),
        // Many at once.
        act(
            "a column's sign everywhere",
            "UPDATE pair SET c = -c WHERE a = 1",
            "pair",
            &[
                (&["1", "b0"], "differs", &["c"]),
                (&["1", "b1"], "differs", &["c"]),
                (&["1", "b2"], "differs", &["c"]),
                (&["1", "b3"], "differs", &["c"]),
            ],
        ),
        // What only one engine can do.
        act(
            "bytes that are not UTF-8 in text",
            "",
            "item",
            &[(&["31"], "differs", &["note"])],
        )
        .each([
            "UPDATE item SET note = CAST(X'6e6f746520ff' AS TEXT) WHERE id = 31",
            "",
            "",
        ]),
    ]
}
