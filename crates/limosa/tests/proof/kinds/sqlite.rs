//! The types of SQLite: what is declared, and what the values are.

use super::{
    Kind, bytes, clock, day, decimal, double, hex, indexed, integer, json, kind, of, text, uuid,
};
use crate::meaning::Meaning::*;
use rand::Rng;
use rand::rngs::StdRng;

/// A text literal.
pub(crate) fn quote(text: &str) -> String {
    format!("CAST(X'{}' AS TEXT)", hex(text.as_bytes()))
}

fn q(text: impl AsRef<str>) -> String {
    quote(text.as_ref())
}

fn x(bytes: &[u8]) -> String {
    format!("X'{}'", hex(bytes))
}

fn real(x: f64) -> String {
    format!("{x:e}")
}

fn int(r: &mut StdRng) -> String {
    match integer(r, i64::MIN.into(), i64::MAX.into()) {
        // The word for it would be a float with a minus.
        n if n == i128::from(i64::MIN) => "(-9223372036854775807 - 1)".into(),
        n => n.to_string(),
    }
}

/// Any value at all.
fn wild(r: &mut StdRng) -> String {
    match r.random_range(0..10) {
        0..=2 => int(r),
        3 | 4 => real(double(r)),
        5 => of(r, &["9e999", "-9e999", "-0.0"]).into(),
        6 | 7 => q(text(r, 40)),
        8 => x(&bytes(r, 40)),
        _ => of(
            r,
            &[
                "CAST(X'610062' AS TEXT)",
                "CAST(X'ff80' AS TEXT)",
                "''",
                "' 5 '",
                "'1e3'",
            ],
        )
        .into(),
    }
}

fn stamp(r: &mut StdRng, t: &str, zone: &str) -> String {
    let digits = of(r, &[0, 3, 6]);
    q(format!("{}{t}{}{zone}", day(r), clock(r, digits)))
}

/// Every declared type that means something, tidy and not.
pub(crate) const KINDS: &[Kind] = &[
    indexed("INTEGER", Number, int),
    indexed("INT", Number, int),
    indexed("BIGINT", Number, int),
    indexed("TINYINT(1)", Number, |r| r.random_range(0..2).to_string()),
    indexed("SMALLINT", Number, |r| {
        integer(r, -32768, 32767).to_string()
    }),
    indexed("UNSIGNED BIG INT", Number, int),
    kind("INTEGER", Loose, wild),
    indexed("BOOLEAN", Flag, |r| r.random_range(0..2).to_string()),
    kind("BOOLEAN", Number, |r| integer(r, -5, 200).to_string()),
    kind("BOOLEAN", Flag, |r| {
        of(r, &["0", "1", "'true'", "'false'"]).into()
    }),
    indexed("REAL", Double, |r| real(double(r))),
    indexed("DOUBLE", Double, |r| real(double(r))),
    kind("FLOAT", Double, |r| {
        of(r, &["9e999", "-9e999", "-0.0", "5", "1.5"]).into()
    }),
    kind("REAL", Loose, wild),
    indexed("DECIMAL(15,2)", Number, |r| decimal(r, 13, 2)),
    kind("DECIMAL(5,2)", Number, |r| decimal(r, 12, 4)),
    indexed("NUMERIC", Number, |r| decimal(r, 12, 6)),
    kind("NUMERIC", Number, |r| real(double(r))),
    kind("NUMERIC", Loose, wild),
    kind("MONEY", Number, |r| decimal(r, 12, 2)),
    indexed("VARCHAR(40)", Text, |r| q(text(r, 40))),
    kind("VARCHAR(3)", Text, |r| q(text(r, 10))),
    kind("CHAR(5)", Text, |r| q(text(r, 5))),
    kind("NVARCHAR(100)", Text, |r| q(text(r, 100))),
    indexed("TEXT", Text, |r| q(text(r, 200))),
    kind("TEXT", Text, |r| q(text(r, 100_000))),
    kind("CLOB", Text, |r| q(text(r, 1000))),
    kind("TEXT", Loose, wild),
    indexed("BLOB", Bytes, |r| x(&bytes(r, 200))),
    kind("BLOB", Bytes, |r| x(&bytes(r, 100_000))),
    kind("BLOB", Text, |r| q(text(r, 50))),
    kind("BLOB", Loose, wild),
    kind("VARBINARY(10)", Bytes, |r| x(&bytes(r, 30))),
    indexed("DATE", Moment, |r| q(day(r))),
    kind("DATE", Moment, |r| {
        q(of(
            r,
            &["2024-02-30", "0000-00-00", "2024-01-01", "not a day", ""],
        ))
    }),
    kind("DATE", Moment, |r| stamp(r, " ", "")),
    kind("DATE", Number, |r| integer(r, 0, 2_000_000_000).to_string()),
    indexed("DATETIME", Moment, |r| stamp(r, " ", "")),
    kind("DATETIME", Moment, |r| {
        let t = of(r, &["T", " "]);
        stamp(r, t, "")
    }),
    kind("DATETIME", Moment, |r| stamp(r, "T", "Z")),
    kind("DATETIME", Moment, |r| {
        let z = of(r, &["+00:00", "+02:00", "-05:30", "Z"]);
        stamp(r, " ", z)
    }),
    kind("DATETIME", Moment, |r| {
        q(of(
            r,
            &[
                "2024-01-01",
                "2024-01-01 10:00",
                "2024-01-01 10:00:00.1234567",
            ],
        ))
    }),
    kind("DATETIME", Double, |r| {
        real(2_460_000.5 + r.random_range(0.0..1000.0))
    }),
    indexed("TIMESTAMP", Moment, |r| stamp(r, " ", "")),
    kind("TIMESTAMP(3)", Moment, |r| stamp(r, " ", "")),
    kind("TIMESTAMPTZ", Moment, |r| {
        let z = of(r, &["+00:00", "+02:00", "Z"]);
        stamp(r, " ", z)
    }),
    kind("TIMESTAMP", Number, |r| {
        integer(r, 1_000_000_000, 2_000_000_000).to_string()
    }),
    kind("TIMESTAMP", Loose, wild),
    indexed("TIME", Clock, |r| {
        let d = of(r, &[0, 3, 6]);
        q(clock(r, d))
    }),
    kind("TIME", Clock, |r| {
        q(of(r, &["10:00", "24:00:00", "10:00:00", "23:59:60"]))
    }),
    indexed("UUID", Uuid, |r| q(uuid(r))),
    kind("UUID", Uuid, |r| {
        let u = uuid(r);
        q(if r.random_bool(0.5) {
            u.to_uppercase()
        } else {
            u
        })
    }),
    kind("UUID", Text, |r| {
        q(of(
            r,
            &[
                "00000000-0000-0000-0000-000000000000",
                "no",
                "{00000000-0000-0000-0000-000000000000}",
            ],
        ))
    }),
    kind("UUID", Bytes, |r| x(&[r.random(); 16])),
    kind("JSON", Json, |r| q(json(r))),
    kind("JSON", Json, |r| {
        q(of(
            r,
            &["{\"a\":1,\"a\":2}", " [1 ,  2]", "\"\\u0041\"", "1.0e1"],
        ))
    }),
    kind("JSON", Text, |r| {
        q(of(r, &["{a:1}", "[1,]", "[1]", "nope", "\"\\u0000\""]))
    }),
    kind("", Number, int),
    kind("", Double, |r| real(double(r))),
    kind("", Text, |r| q(text(r, 40))),
    kind("", Bytes, |r| x(&bytes(r, 40))),
    kind("", Loose, wild),
    kind("FANCY", Loose, wild),
    kind("FLOATING POINT", Number, |r| {
        integer(r, -99, 99).to_string()
    }),
];

/// Those of STRICT tables.
pub(crate) const STRICT: &[Kind] = &[
    indexed("INTEGER", Number, int),
    indexed("INT", Number, int),
    indexed("REAL", Double, |r| real(double(r))),
    kind("REAL", Double, |r| {
        of(r, &["9e999", "-9e999", "-0.0", "5", "1.5"]).into()
    }),
    indexed("TEXT", Text, |r| q(text(r, 200))),
    indexed("BLOB", Bytes, |r| x(&bytes(r, 200))),
    kind("ANY", Loose, wild),
    kind("ANY", Text, |r| q(text(r, 20))),
];
