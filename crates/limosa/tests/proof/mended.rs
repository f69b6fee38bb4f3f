//! What the random cases found, each kept as a case of its own.

use crate::case::Case;
use crate::engine::Engine::{self, Maria, Postgres, Sqlite};
use crate::meaning::Meaning::{self, *};

/// A column of these values, from and to; and what once went wrong.
type Mended = (
    &'static str,
    Engine,
    &'static [Engine],
    &'static str,
    Meaning,
    &'static [&'static str],
);

#[rustfmt::skip]
const MENDED: &[Mended] = &[
    ("a counter's 0 was counted on", Postgres, &[Maria], "uuid", Uuid, &["'fea75605-7839-4f01-8102-f9d5de50a0c4'"]),
    ("an offset with seconds did not fit", Postgres, &[Maria, Sqlite], "timetz", Own, &["'00:28:18.000001+01:02:03'"]),
    ("words of a list lost blanks and letters beyond the basic plane", Postgres, &[Maria], "mood", Text, &["' '", "'ünter 🦜'", "'a\\b'"]),
    ("a composite was compared as text with JSON", Postgres, &[Sqlite], "pair", Verified, &["'(,\"a \"\"b\"\", c\",)'"]),
    ("an hstore was compared as text with JSON", Postgres, &[Sqlite], "hstore", Verified, &["''", "'a=>1'"]),
    ("a counter could not be told what is behind its last value", Sqlite, &[Postgres, Maria], "INTEGER", Number, &["1"]),
    ("texts in a column of floats were not seen", Sqlite, &[Postgres, Maria], "REAL", Loose, &["CAST(X'' AS TEXT)", "'abc'"]),
    ("an offset was not read where none is declared", Sqlite, &[Postgres, Maria], "DATETIME", Moment, &["'0001-01-01 23:59:59.554906-05:30'", "'1969-12-31T23:59:59Z'"]),
    ("more digits of a fraction than declared", Sqlite, &[Postgres, Maria], "TIMESTAMP(3)", Moment, &["'1970-01-01 19:46:19.999999'"]),
    ("the digits of whole numbers were not counted", Sqlite, &[Postgres, Maria], "MONEY", Number, &["-9999999999"]),
    ("the digits of whole numbers were not counted", Sqlite, &[Postgres, Maria], "DECIMAL(5,2)", Number, &["1234567"]),
    ("a UUID that one server refuses", Postgres, &[Maria], "uuid", Uuid, &["'8468e777-1f27-d79c-1292-ff1582a9e954'"]),
    ("a UUID that one server refuses", Sqlite, &[Maria], "UUID", Uuid, &["'8468e777-1f27-d79c-1292-ff1582a9e954'"]),
    ("JSON's own condition was added a second time", Maria, &[Sqlite], "json", Json, &["'[1]'"]),
    ("text with JSON's condition was taken for JSON", Maria, &[Sqlite], "json", Json, &["'{\"a\":1,\"a\":2}'"]),
    ("backslashes in the words of a list were doubled", Maria, &[Postgres, Sqlite, Maria], "enum('a\\\\b','c\\nd','it''s')", Text, &["'a\\\\b'", "'c\\nd'", "'it''s'"]),
    ("a zero with a minus", Postgres, &[Maria, Sqlite], "double precision", Double, &["'-0'"]),
    ("a zero with a minus", Postgres, &[Maria, Sqlite], "real", Single, &["'-0'"]),
    ("an array whose bounds do not begin at 1", Postgres, &[Maria, Sqlite, Postgres], "integer[]", List, &["'[0:2]={1,2,3}'", "'[2:3][-1:0]={{1,2},{3,4}}'", "'{{1,2},{3,NULL}}'", "'{}'"]),
    ("an array whose bounds do not begin at 1", Postgres, &[Maria, Sqlite], "text[]", List, &["'[0:0]={\"]={\"}'", "'{\"]={\"}'", "'{\"[0:1]={1,2}\"}'"]),
    ("a JSON null beside NULL in an array", Postgres, &[Maria, Sqlite, Postgres], "jsonb[]", List, &["'{NULL,\"null\"}'", "'{NULL}'", "'{\"null\"}'", "'{{\"1\",\"[2]\"}}'", "'{\"[1, 2]\",\"{\\\"a\\\": null}\"}'"]),
    ("JSON too deep for a server", Postgres, &[Maria, Sqlite], "jsonb", Json, &["'[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]'"]),
    ("JSON too deep for a server", Postgres, &[Maria], "jsonb[]", List, &["'{\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\"}'"]),
    ("JSON too deep for a server", Sqlite, &[Maria, Postgres], "JSON", Json, &["'[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]'"]),
    ("numbers in JSON that no double is", Postgres, &[Maria, Sqlite], "jsonb", Json, &["'[1e400, 123456789012345678901234567890, 0.1234567890123456789]'"]),
    ("numbers in JSON that no double is", Maria, &[Postgres, Sqlite], "json", Json, &["'[1e400, 123456789012345678901234567890, 0.1234567890123456789]'"]),
    ("numbers in JSON that no decimal is", Maria, &[Postgres, Sqlite], "json", Json, &["'[1e-20000]'", "'1e200000'"]),
    ("dates with a zero stopped on the way back", Maria, &[Sqlite], "date", Moment, &["'0000-00-00'", "'2024-00-15'", "'2024-01-00'", "'0000-01-01'", "'0000-12-31'"]),
    ("dates with a zero stopped on the way back", Maria, &[Sqlite], "datetime(6)", Moment, &["'0000-00-00 00:00:00'", "'2024-00-15 10:20:30.5'", "'0000-01-01 23:59:59.999999'"]),
    ("dates with a zero stopped on the way back", Maria, &[Sqlite, Postgres], "timestamp NULL DEFAULT NULL", Moment, &["'0000-00-00 00:00:00'", "'2028-09-22 12:00:00'"]),
    ("moments that can not be counted from 1970", Postgres, &[Sqlite, Maria], "timestamp", Moment, &["'294276-12-31 23:59:59'", "'infinity'", "'4713-01-01 00:00:00 BC'"]),
    ("moments that can not be counted from 1970", Postgres, &[Sqlite, Maria], "timestamptz", Moment, &["'294276-12-31 23:59:59+00'"]),
    ("days of the year before the first", Postgres, &[Sqlite, Maria], "date", Moment, &["'0001-12-31 BC'", "'0001-01-01 BC'"]),
    ("days of the year before the first", Maria, &[Sqlite, Postgres], "date", Moment, &["'0000-12-31'", "'0000-01-01'"]),
    ("numbers above the signed ones were never looked for", Maria, &[Sqlite, Postgres], "bigint unsigned", Number, &["18446744073709551615", "0"]),
    ("numbers above the signed ones were never looked for", Maria, &[Sqlite, Postgres], "bigint unsigned", Number, &["9223372036854775807", "0"]),
];

/// All of them, a case for each pair with a table for each.
pub(crate) fn all() {
    let mut cases: Vec<Case> = Vec::new();
    for (_, from, targets, declared, means, values) in MENDED {
        for to in *targets {
            let case = Case::column(*from, *to, declared, *means, values);
            match cases.iter_mut().find(|c| c.from == *from && c.to == *to) {
                Some(all) => {
                    for mut table in case.tables {
                        table.name = format!("t{}", all.tables.len() + 1);
                        all.tables.push(table);
                    }
                }
                None => cases.push(case),
            }
        }
    }
    // A counter's 0, where rows come with a column that the server converts.
    if let Some(case) = cases
        .iter_mut()
        .find(|c| c.from == Postgres && c.to == Maria)
    {
        case.tables[0].columns[0].declared = "int GENERATED BY DEFAULT AS IDENTITY".into();
    }
    // A counter that has given its last value.
    for case in cases.iter_mut().filter(|c| c.from == Sqlite) {
        case.tables[0].rows[0][0] = i64::MAX.to_string();
    }
    let mut failed = Vec::new();
    for mut case in cases {
        for liberal in [false, true] {
            case.liberal = liberal;
            if let Err(why) = crate::there::caught(&case) {
                failed.push(format!(
                    "{:?} to {:?}, liberal: {liberal}\n{why}",
                    case.from, case.to
                ));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}
