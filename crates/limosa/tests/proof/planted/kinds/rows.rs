//! Rows that are missing, extra or doubled, and values at the wrong place.

use super::*;

pub(super) fn kinds() -> Vec<Kind> {
    let swapped = |a: i64, b: i64, column: &'static str| {
        set(
            "",
            vec![(a, column, value(b, column)), (b, column, value(a, column))],
        )
    };
    let named = |name: &'static str, kind: Kind| Kind { name, ..kind };
    vec![
        // Rows.
        act(
            "a row is missing",
            "DELETE FROM item WHERE id = 20",
            "item",
            &[(&["20"], "missing", &[])],
        ),
        act(
            "the first row is missing",
            "DELETE FROM item WHERE id = 1",
            "item",
            &[(&["1"], "missing", &[])],
        ),
        act(
            "the last row is missing",
            "DELETE FROM item WHERE id = 40",
            "item",
            &[(&["40"], "missing", &[])],
        ),
        act(
            "the tail is missing",
            "DELETE FROM item WHERE id > 38",
            "item",
            &[(&["39"], "missing", &[]), (&["40"], "missing", &[])],
        ),
        act(
            "a row is extra",
            "INSERT INTO guid VALUES ('00000000-0000-4000-8000-0000000000ff', 1)",
            "guid",
            &[(&["00000000-0000-4000-8000-0000000000ff"], "extra", &[])],
        ),
        act(
            "a row below the first key is extra",
            "INSERT INTO pair VALUES (-5, 'b', 1)",
            "pair",
            &[(&["-5", "b"], "extra", &[])],
        ),
        act(
            "a row behind the last key is extra",
            "INSERT INTO pair VALUES (1000, 'b', 1)",
            "pair",
            &[(&["1000", "b"], "extra", &[])],
        ),
        act(
            "a row moved to another key",
            "UPDATE pair SET a = 500 WHERE a = 9 AND b = 'b0'",
            "pair",
            &[
                (&["9", "b0"], "missing", &[]),
                (&["500", "b0"], "extra", &[]),
            ],
        ),
        act(
            "one row for another, the count being equal",
            "DELETE FROM guid WHERE v = 3; INSERT INTO guid VALUES ('00000000-0000-4000-8000-0000000000fe', 3)",
            "guid",
            &[
                (&["00000000-0000-4000-8000-000000000003"], "missing", &[]),
                (&["00000000-0000-4000-8000-0000000000fe"], "extra", &[]),
            ],
        ),
        act(
            "a table is empty",
            "DELETE FROM word",
            "word",
            &super::super::every_word_missing(),
        ),
        loose("a row is doubled", "INSERT INTO loose VALUES (3, 'y3')", 1),
        loose(
            "a row is doubled twice",
            "INSERT INTO loose VALUES (3, 'y3'); INSERT INTO loose VALUES (3, 'y3')",
            2,
        ),
        loose(
            "all of a row's twins are missing",
            "DELETE FROM loose WHERE x = 3",
            5,
        ),
        loose(
            "twins of one row become twins of another",
            "UPDATE loose SET x = 4, y = 'y4' WHERE x = 3",
            10,
        ),
        loose(
            "a keyless row is new, with NULL",
            "INSERT INTO loose VALUES (NULL, NULL)",
            1,
        ),
        loose(
            "keyless values are exchanged",
            "UPDATE loose SET y = CASE x WHEN 1 THEN 'y2' ELSE 'y1' END WHERE x IN (1, 2)",
            20,
        ),
        loose(
            "a keyless value is NULL for empty",
            "UPDATE loose SET y = '' WHERE x = 5",
            10,
        ),
        // Values at the wrong place.
        named("two rows exchange a value", swapped(22, 23, "name")),
        named("two rows exchange their bytes", swapped(22, 23, "data")),
        named("two rows exchange a number", swapped(24, 25, "big")),
        set(
            "two rows exchange all of their texts",
            vec![
                (26, "name", value(27, "name")),
                (26, "note", value(27, "note")),
                (27, "name", value(26, "name")),
                (27, "note", value(26, "note")),
            ],
        ),
        set(
            "two columns of a row exchange their values",
            vec![
                (28, "name", value(28, "note")),
                (28, "note", value(28, "name")),
            ],
        ),
        set(
            "a separator moves to the next column",
            vec![(4, "name", t("name 4|a")), (4, "note", t("b"))],
        ),
        set(
            "a value slides into the next column",
            vec![(29, "note", V::Null), (29, "name", t("note 29"))],
        ),
    ]
}
