//! The types of MariaDB.

use super::{
    Kind, bits, bytes, clock, day, decimal, double, hex, indexed, integer, json, kind, long_number,
    near_day, of, single, text, uuid,
};
use crate::meaning::Meaning::*;
use rand::Rng;
use rand::rngs::StdRng;

/// A text literal.
pub(crate) fn quote(text: &str) -> String {
    if text.is_empty() {
        "''".into()
    } else {
        format!("_utf8mb4 X'{}'", hex(text.as_bytes()))
    }
}

fn q(text: impl AsRef<str>) -> String {
    quote(text.as_ref())
}

fn x(bytes: &[u8]) -> String {
    format!("X'{}'", hex(bytes))
}

/// Text of the basic plane.
fn basic(r: &mut StdRng, most: usize) -> String {
    text(r, most)
        .chars()
        .filter(|c| (*c as u32) < 0x10000)
        .collect()
}

/// Text of MySQL's latin1, which is Windows' code page 1252.
fn latin(r: &mut StdRng, most: usize) -> String {
    let n = r.random_range(0..=most.min(30));
    (0..n)
        .map(|_| match r.random_range(0..4) {
            0 => r.random_range('\u{a0}'..='\u{ff}'),
            1 => of(
                r,
                &[
                    '€', '‚', '„', '…', '†', '‰', 'Š', 'Œ', 'Ž', '‘', '’', '“', '”', '•', '–', '—',
                    '™', 'ÿ',
                ],
            ),
            _ => r.random_range(' '..='~'),
        })
        .collect()
}

fn ascii(r: &mut StdRng, most: usize) -> String {
    let n = r.random_range(0..=most.min(30));
    (0..n).map(|_| r.random_range('\u{1}'..='\u{7f}')).collect()
}

fn cyrillic(r: &mut StdRng, most: usize) -> String {
    let n = r.random_range(0..=most.min(30));
    (0..n)
        .map(|_| {
            if r.random_bool(0.5) {
                r.random_range('А'..='я')
            } else {
                r.random_range(' '..='~')
            }
        })
        .collect()
}

fn japanese(r: &mut StdRng, most: usize) -> String {
    let n = r.random_range(0..=most.min(30));
    (0..n)
        .map(|_| of(r, &['日', '本', '語', 'ア', 'ｱ', 'の', 'a', ' ']))
        .collect()
}

fn nul_sometimes(r: &mut StdRng, text: String) -> String {
    if r.random_bool(0.01) {
        format!("{text}\0b")
    } else {
        text
    }
}

fn odd_day(r: &mut StdRng) -> String {
    match r.random_range(0..8) {
        0 => of(r, &["0000-00-00", "2024-00-10", "2024-01-00", "0000-01-01"]).to_owned(),
        _ => day(r),
    }
}

fn span(r: &mut StdRng, digits: usize) -> String {
    let t = clock(r, digits);
    match r.random_range(0..5) {
        0 => of(
            r,
            &[
                "838:59:59",
                "-838:59:59",
                "-00:00:01",
                "00:00:00",
                "24:00:00",
                "100:00:00",
            ],
        )
        .to_owned(),
        1 => format!("-{t}"),
        _ => t,
    }
}

/// Every type. Text is in the database's own utf8mb4 unless it says otherwise.
pub(crate) const KINDS: &[Kind] = &[
    indexed("tinyint(1)", Number, |r| r.random_range(0..2).to_string()),
    indexed("tinyint(1)", Number, |r| integer(r, -128, 127).to_string()),
    indexed("tinyint", Number, |r| integer(r, -128, 127).to_string()),
    indexed("tinyint unsigned", Number, |r| {
        integer(r, 0, 255).to_string()
    }),
    indexed("smallint", Number, |r| {
        integer(r, -32768, 32767).to_string()
    }),
    indexed("smallint unsigned", Number, |r| {
        integer(r, 0, 65535).to_string()
    }),
    indexed("mediumint", Number, |r| {
        integer(r, -8388608, 8388607).to_string()
    }),
    indexed("mediumint unsigned", Number, |r| {
        integer(r, 0, 16777215).to_string()
    }),
    indexed("int", Number, |r| {
        integer(r, i32::MIN.into(), i32::MAX.into()).to_string()
    }),
    indexed("int unsigned", Number, |r| {
        integer(r, 0, u32::MAX.into()).to_string()
    }),
    indexed("int(8) unsigned zerofill", Number, |r| {
        integer(r, 0, u32::MAX.into()).to_string()
    }),
    indexed("bigint", Number, |r| {
        integer(r, i64::MIN.into(), i64::MAX.into()).to_string()
    }),
    indexed("bigint unsigned", Number, |r| {
        integer(r, 0, u64::MAX.into()).to_string()
    }),
    indexed("bigint unsigned", Number, |r| {
        integer(r, 0, 1000).to_string()
    }),
    indexed("decimal(15,2)", Number, |r| decimal(r, 15, 2)),
    indexed("decimal(65,30)", Number, |r| decimal(r, 65, 30)),
    indexed("decimal(65,0)", Number, |r| decimal(r, 65, 0)),
    indexed("decimal(30,30)", Number, |r| decimal(r, 30, 30)),
    indexed("decimal(10,2) unsigned", Number, |r| {
        decimal(r, 10, 2).replace('-', "")
    }),
    indexed("float", Single, |r| format!("'{:e}'", f64::from(single(r)))),
    indexed("double", Double, |r| format!("'{:e}'", double(r))),
    kind("float(7,3)", Single, |r| {
        format!("{:.3}", r.random_range(-9999.0..9999.0))
    }),
    kind("double(12,4)", Double, |r| {
        format!("{:.4}", r.random_range(-99999.0..99999.0))
    }),
    indexed("bit(1)", Bits, |r| format!("b'{}'", bits(r, 1))),
    indexed("bit(8)", Bits, |r| format!("b'{}'", bits(r, 8))),
    indexed("bit(17)", Bits, |r| format!("b'{}'", bits(r, 17))),
    indexed("bit(63)", Bits, |r| format!("b'{}'", bits(r, 63))),
    indexed("bit(64)", Bits, |r| format!("b'{}'", bits(r, 64))),
    indexed("char(1)", Padded, |r| q(text(r, 1))),
    indexed("char(10)", Padded, |r| q(text(r, 10))),
    indexed("char(255)", Padded, |r| q(text(r, 255))),
    indexed("char(10) character set latin1", Padded, |r| q(latin(r, 10))),
    indexed(
        "char(10) character set utf8mb4 collate utf8mb4_bin",
        Padded,
        |r| q(text(r, 10)),
    ),
    indexed("varchar(40)", Text, |r| q(text(r, 40))),
    kind("varchar(40)", Text, |r| {
        let t = text(r, 30);
        q(nul_sometimes(r, t))
    }),
    kind("varchar(1000)", Text, |r| q(text(r, 1000))),
    kind("varchar(4000)", Text, |r| q(text(r, 4000))),
    indexed("varchar(40) character set latin1", Text, |r| {
        q(latin(r, 40))
    }),
    indexed("varchar(40) character set ascii", Text, |r| q(ascii(r, 40))),
    indexed("varchar(40) character set utf8mb3", Text, |r| {
        q(basic(r, 40))
    }),
    indexed("varchar(40) character set ucs2", Text, |r| q(basic(r, 40))),
    indexed("varchar(40) character set utf16", Text, |r| q(text(r, 40))),
    indexed("varchar(40) character set utf32", Text, |r| q(text(r, 40))),
    indexed("varchar(40) character set cp1251", Text, |r| {
        q(cyrillic(r, 40))
    }),
    indexed("varchar(40) character set koi8r", Text, |r| {
        q(cyrillic(r, 40))
    }),
    indexed("varchar(40) character set sjis", Text, |r| {
        q(japanese(r, 40))
    }),
    indexed(
        "varchar(40) character set utf8mb4 collate utf8mb4_bin",
        Text,
        |r| q(text(r, 40)),
    ),
    indexed(
        "varchar(40) character set utf8mb4 collate utf8mb4_nopad_bin",
        Text,
        |r| q(text(r, 40)),
    ),
    indexed(
        "varchar(40) character set utf8mb4 collate utf8mb4_turkish_ci",
        Text,
        |r| q(text(r, 40)),
    ),
    kind("tinytext", Text, |r| q(text(r, 60))),
    kind("text", Text, |r| q(text(r, 16000))),
    kind("text character set latin1", Text, |r| q(latin(r, 200))),
    kind("mediumtext", Text, |r| q(text(r, 100_000))),
    kind("longtext", Text, |r| q(text(r, 100_000))),
    indexed("binary(1)", Bytes, |r| x(&bytes(r, 1))),
    indexed("binary(16)", Bytes, |r| x(&bytes(r, 16))),
    indexed("binary(255)", Bytes, |r| x(&bytes(r, 255))),
    indexed("varbinary(40)", Bytes, |r| x(&bytes(r, 40))),
    kind("varbinary(3000)", Bytes, |r| x(&bytes(r, 3000))),
    kind("tinyblob", Bytes, |r| x(&bytes(r, 255))),
    kind("blob", Bytes, |r| x(&bytes(r, 65535))),
    kind("mediumblob", Bytes, |r| x(&bytes(r, 100_000))),
    kind("longblob", Bytes, |r| x(&bytes(r, 100_000))),
    indexed("date", Moment, |r| q(day(r))),
    kind("date", Moment, |r| q(odd_day(r))),
    indexed("datetime", Moment, |r| {
        q(format!("{} {}", day(r), clock(r, 0)))
    }),
    indexed("datetime(3)", Moment, |r| {
        q(format!("{} {}", day(r), clock(r, 3)))
    }),
    indexed("datetime(6)", Moment, |r| {
        q(format!("{} {}", day(r), clock(r, 6)))
    }),
    kind("datetime(6)", Moment, |r| {
        q(format!("{} {}", odd_day(r), clock(r, 6)))
    }),
    indexed("timestamp NULL DEFAULT NULL", Moment, |r| {
        q(format!("{} {}", near_day(r), clock(r, 0)))
    }),
    indexed("timestamp(3) NULL DEFAULT NULL", Moment, |r| {
        q(format!("{} {}", near_day(r), clock(r, 3)))
    }),
    indexed("timestamp(6) NULL DEFAULT NULL", Moment, |r| {
        match r.random_range(0..4) {
            0 => q(of(
                r,
                &["1970-01-01 00:00:01", "2038-01-19 03:14:07.999999"],
            )),
            _ => q(format!("{} {}", near_day(r), clock(r, 6))),
        }
    }),
    indexed("time", Clock, |r| q(span(r, 0))),
    indexed("time(3)", Clock, |r| q(span(r, 3))),
    indexed("time(6)", Clock, |r| q(span(r, 6))),
    indexed("time(6)", Clock, |r| q(clock(r, 6))),
    indexed("year", Number, |r| {
        of(r, &["1901", "2155", "0", "1970", "2024"]).into()
    }),
    indexed(
        "enum('sad','ok','it''s fine','ünter','a\\\\b','')",
        Text,
        |r| q(of(r, &["sad", "ok", "it's fine", "ünter", "a\\b", ""])),
    ),
    indexed("enum('b','a','c')", Text, |r| {
        of(r, &["'a'", "'b'", "3"]).into()
    }),
    indexed("set('b','a','c d','é')", Words, |r| {
        q(of(r, &["", "a", "b,a", "a,c d", "b,a,c d,é", "é"]))
    }),
    kind("json", Json, |r| q(json(r))),
    kind("json", Json, |r| {
        q(of(
            r,
            &["{\"a\":1,\"a\":2}", " [1 ,  2]", "\"\\u0041\"", "1.0e1"],
        ))
    }),
    // Of the known versions; see the servers' own words for the others.
    indexed("uuid", Uuid, |r| {
        q(format!(
            "{}4{}a{}",
            &uuid(r)[..14],
            &uuid(r)[15..19],
            &uuid(r)[20..]
        ))
    }),
    indexed("inet6", Text, |r| {
        q(of(
            r,
            &[
                "::",
                "::1",
                "2001:db8::ff00:42:8329",
                "::ffff:192.0.2.1",
                "::192.0.2.1",
                "fe80::1",
            ],
        ))
    }),
    indexed("inet4", Text, |r| {
        q(of(r, &["0.0.0.0", "255.255.255.255", "192.0.2.1"]))
    }),
    kind("timestamp NULL DEFAULT NULL", Moment, |r| {
        if r.random_bool(0.3) {
            q("0000-00-00 00:00:00")
        } else {
            q(format!("{} {}", near_day(r), clock(r, 0)))
        }
    }),
    kind("json", Json, |r| {
        let n = r.random_range(1..31);
        q(format!("{}{}", "[".repeat(n), "]".repeat(n)))
    }),
    kind("json", Json, |r| format!("'{{\"a\": {}}}'", long_number(r))),
    indexed("decimal(10,3) unsigned zerofill", Number, |r| {
        decimal(r, 10, 3).replace('-', "")
    }),
    indexed("float unsigned", Single, |r| {
        format!("'{:e}'", f64::from(single(r).abs()))
    }),
    indexed(
        "set('01','02','03','04','05','06','07','08','09','10','11','12','13','14','15','16','17','18','19','20')",
        Words,
        |r| q(of(r, &["", "01", "01,20", "05,06,07,19"])),
    ),
    kind(
        "int GENERATED ALWAYS AS (char_length('abc') * 2) STORED",
        Number,
        |_| "DEFAULT".into(),
    ),
    kind(
        "varchar(20) GENERATED ALWAYS AS (concat('a', 'ß')) VIRTUAL",
        Text,
        |_| "DEFAULT".into(),
    ),
    kind("varbinary(10)", Bytes, |r| x(&bytes(r, 10))),
    kind("multipolygon", Shape, |r| {
        of(
            r,
            &[
                "ST_GeomFromText('MULTIPOLYGON(((0 0, 1 0, 1 1, 0 0)),((5 5, 6 5, 6 6, 5 5)))')",
                "ST_GeomFromText('MULTIPOLYGON(((0 0, 9 0, 9 9, 0 0),(2 1, 3 1, 3 2, 2 1)))', 4326)",
            ],
        )
        .into()
    }),
    kind("point", Shape, |r| {
        format!(
            "ST_GeomFromText('POINT({} {})')",
            r.random_range(-180..180),
            double_text(r)
        )
    }),
    kind("linestring", Shape, |r| {
        format!(
            "ST_GeomFromText('LINESTRING(0 0, {} {})')",
            r.random_range(-180..180),
            double_text(r)
        )
    }),
    kind("geometry", Shape, |r| {
        format!(
            "ST_GeomFromText('{}', {})",
            of(
                r,
                &[
                    "POINT(1 2)",
                    "POLYGON((0 0, 1 0, 1 1, 0 0))",
                    "MULTIPOINT(1 1, 2 2)",
                    "GEOMETRYCOLLECTION(POINT(1 1))"
                ]
            ),
            of(r, &["0", "4326"])
        )
    }),
];

fn double_text(r: &mut StdRng) -> String {
    format!("{:.6}", r.random_range(-90.0..90.0))
}
