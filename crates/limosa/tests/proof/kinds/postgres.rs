//! The types of PostgreSQL.

use super::{
    Kind, bits, bytes, clock, day, decimal, double, hex, indexed, integer, json, kind, long_number,
    of, single, text, uuid,
};
use crate::meaning::Meaning::*;
use rand::Rng;
use rand::rngs::StdRng;

/// What the kinds need.
pub(crate) const SETUP: &str = "\
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s, \"fine\"', 'Ok', ' ', 'ünter 🦜', 'a\\b');\n\
    CREATE DOMAIN positive AS integer CHECK (VALUE > 0);\n\
    CREATE DOMAIN code AS varchar(8) CHECK (VALUE <> 'no');\n\
    CREATE DOMAIN deep AS code;\n\
    CREATE TYPE pair AS (a int, b text, c numeric);\n";

/// A literal.
pub(crate) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn q(text: impl AsRef<str>) -> String {
    quote(text.as_ref())
}

fn float(text: String) -> String {
    match text.as_str() {
        "inf" => "Infinity".into(),
        "-inf" => "-Infinity".into(),
        _ => text,
    }
}

/// A day of all that PostgreSQL has.
fn far_day(r: &mut StdRng) -> String {
    match r.random_range(0..12) {
        0 => of(r, &["infinity", "-infinity"]).to_owned(),
        1 => of(
            r,
            &[
                "4713-01-01 BC",
                "0044-03-15 BC",
                "5874897-12-31",
                "10000-01-01",
                "0001-12-31 BC",
            ],
        )
        .to_owned(),
        _ => day(r),
    }
}

fn far_moment(r: &mut StdRng, digits: usize, zone: &str) -> String {
    match r.random_range(0..12) {
        0 => of(r, &["infinity", "-infinity"]).to_owned(),
        1 => format!(
            "{}{zone} BC",
            of(r, &["4713-01-01 00:00:00", "0044-03-15 12:00:00.5"])
        ),
        2 => format!(
            "{}{zone}",
            of(r, &["294276-12-31 23:59:59", "10000-01-01 00:00:00"])
        ),
        _ => format!("{} {}{zone}", day(r), clock(r, digits)),
    }
}

fn offset(r: &mut StdRng) -> String {
    of(
        r,
        &[
            "+00",
            "+05:45",
            "-12",
            "+14",
            "-15:59:59",
            "+15:59",
            "-00:30",
            "+01:02:03",
        ],
    )
    .to_owned()
}

fn array(r: &mut StdRng, depth: u32, element: fn(&mut StdRng) -> String) -> String {
    let n = if depth > 0 { 2 } else { r.random_range(0..4) };
    let parts: Vec<String> = (0..n)
        .map(|_| {
            if depth > 0 {
                array(r, depth - 1, element)
            } else if r.random_bool(0.2) {
                "NULL".into()
            } else {
                let e = element(r).replace('\\', "\\\\").replace('"', "\\\"");
                format!("\"{e}\"")
            }
        })
        .collect();
    format!("{{{}}}", parts.join(","))
}

fn arrays(r: &mut StdRng, element: fn(&mut StdRng) -> String) -> String {
    // All inner arrays of one array must be as long, so nesting has only full ones.
    if r.random_bool(0.2) {
        let one = |r: &mut StdRng| {
            let e = element(r).replace('\\', "\\\\").replace('"', "\\\"");
            format!("\"{e}\"")
        };
        return q(format!("{{{{{},{}}},{{{},NULL}}}}", one(r), one(r), one(r)));
    }
    q(array(r, 0, element))
}

fn range(r: &mut StdRng, low: &str, high: &str) -> String {
    match r.random_range(0..6) {
        0 => "empty".into(),
        1 => "(,)".into(),
        2 => format!("[{low},)"),
        3 => format!("(,{high}]"),
        4 => format!("[{low},{high}]"),
        _ => format!("({low},{high})"),
    }
}

fn interval(r: &mut StdRng) -> String {
    match r.random_range(0..4) {
        0 => of(
            r,
            &[
                "0",
                "1 mon -1 day 00:00:00.000001",
                "-1 year -2 mons 3 days -04:05:06.789",
                "178000000 years",
                "-178000000 years",
                "40 days 25:00:00",
                "00:00:00.000001",
                "-00:00:00.5",
                "2562047788:00:54.775807",
                "1 day -00:00:01",
            ],
        )
        .into(),
        _ => format!(
            "{} mons {} days {}{}",
            r.random_range(-30..30),
            r.random_range(-400..400),
            of(r, &["", "-"]),
            clock(r, 6)
        ),
    }
}

fn point(r: &mut StdRng) -> String {
    let x = |r: &mut StdRng| float(format!("{:?}", r.random_range(-1e3..1e3)));
    format!("({},{})", x(r), x(r))
}

fn word(r: &mut StdRng) -> String {
    of(r, &["a", "fat", "cat's", "rat:1", "ünter", "x'y"]).replace('\'', "''")
}

/// Every type.
pub(crate) const KINDS: &[Kind] = &[
    indexed("smallint", Number, |r| {
        q(integer(r, -32768, 32767).to_string())
    }),
    indexed("integer", Number, |r| {
        q(integer(r, i32::MIN.into(), i32::MAX.into()).to_string())
    }),
    indexed("bigint", Number, |r| {
        q(integer(r, i64::MIN.into(), i64::MAX.into()).to_string())
    }),
    indexed("oid", Number, |r| {
        q(integer(r, 0, u32::MAX.into()).to_string())
    }),
    indexed("numeric(15,2)", Number, |r| {
        if r.random_bool(0.03) {
            q("NaN")
        } else {
            q(decimal(r, 15, 2))
        }
    }),
    indexed("numeric(38,10)", Number, |r| q(decimal(r, 38, 10))),
    indexed("numeric(65,30)", Number, |r| q(decimal(r, 65, 30))),
    indexed("numeric(66,2)", Number, |r| q(decimal(r, 66, 2))),
    indexed("numeric(100,50)", Number, |r| q(decimal(r, 100, 50))),
    indexed("numeric(5,0)", Number, |r| q(decimal(r, 5, 0))),
    indexed("numeric(5,-2)", Number, |r| {
        q(format!("{}00", integer(r, -99999, 99999)))
    }),
    indexed("numeric(3,5)", Number, |r| {
        q(format!("0.00{:03}", r.random_range(0..1000)))
    }),
    indexed("numeric", Number, |r| q(decimal(r, 20, 6))),
    kind("numeric", Number, |r| match r.random_range(0..6) {
        0 => q(of(r, &["NaN", "Infinity", "-Infinity"])),
        1 => q(of(
            r,
            &[
                "1.100", "0.000", "-0.0", "10000", "1e-20", "1e100", "1e-400",
            ],
        )),
        2 => q(decimal(r, 300, 100)),
        _ => q(decimal(r, 60, 20)),
    }),
    indexed("real", Single, |r| q(float(single(r).to_string()))),
    kind("real", Single, |r| {
        q(of(r, &["NaN", "Infinity", "-Infinity", "-0", "1.5"]))
    }),
    indexed("double precision", Double, |r| {
        q(float(format!("{:e}", double(r))))
    }),
    kind("double precision", Double, |r| {
        q(of(r, &["NaN", "Infinity", "-Infinity", "-0", "1e-300"]))
    }),
    indexed("money", Money, |r| {
        q(match r.random_range(0..4) {
            0 => "-92233720368547758.08".into(),
            1 => "92233720368547758.07".into(),
            _ => decimal(r, 16, 2),
        })
    }),
    indexed("char(1)", Padded, |r| q(text(r, 1))),
    indexed("char(10)", Padded, |r| q(text(r, 10))),
    kind("char(300)", Padded, |r| q(text(r, 300))),
    indexed("varchar(1)", Text, |r| q(text(r, 1))),
    indexed("varchar(40)", Text, |r| q(text(r, 40))),
    kind("varchar(5000)", Text, |r| q(text(r, 5000))),
    kind("varchar(20000)", Text, |r| q(text(r, 20000))),
    indexed("varchar", Text, |r| q(text(r, 100))),
    kind("text", Text, |r| q(text(r, 100_000))),
    indexed("text", Text, |r| q(text(r, 200))),
    indexed("name", Text, |r| q(text(r, 15))),
    kind("\"char\"", Text, |r| q(of(r, &["a", "Z", " ", "1", "~"]))),
    kind("bytea", Bytes, |r| {
        q(format!("\\x{}", hex(&bytes(r, 100_000))))
    }),
    indexed("bytea", Bytes, |r| q(format!("\\x{}", hex(&bytes(r, 200))))),
    indexed("date", Moment, |r| q(day(r))),
    kind("date", Moment, |r| q(far_day(r))),
    indexed("time", Clock, |r| {
        q(if r.random_bool(0.1) {
            "24:00:00".into()
        } else {
            clock(r, 6)
        })
    }),
    indexed("time(0)", Clock, |r| q(clock(r, 0))),
    indexed("time(3)", Clock, |r| q(clock(r, 3))),
    indexed("timetz", Own, |r| {
        let o = offset(r);
        q(format!("{}{o}", clock(r, 6)))
    }),
    indexed("time(3) with time zone", Own, |r| {
        let o = offset(r);
        q(format!("{}{o}", clock(r, 3)))
    }),
    indexed("timestamp", Moment, |r| {
        q(format!("{} {}", day(r), clock(r, 6)))
    }),
    indexed("timestamp(0)", Moment, |r| {
        q(format!("{} {}", day(r), clock(r, 0)))
    }),
    indexed("timestamp(3)", Moment, |r| {
        q(format!("{} {}", day(r), clock(r, 3)))
    }),
    kind("timestamp", Moment, |r| q(far_moment(r, 6, ""))),
    indexed("timestamptz", Moment, |r| {
        q(format!("{} {}+00", day(r), clock(r, 6)))
    }),
    indexed("timestamp(3) with time zone", Moment, |r| {
        q(format!("{} {}+00", day(r), clock(r, 3)))
    }),
    kind("timestamptz", Moment, |r| q(far_moment(r, 6, "+00"))),
    indexed("interval", Span, |r| q(interval(r))),
    indexed("interval(3)", Span, |r| {
        q(format!("{} days {}", r.random_range(-9..9), clock(r, 3)))
    }),
    indexed("interval year to month", Span, |r| {
        q(format!("{} mons", r.random_range(-99..99)))
    }),
    indexed("boolean", Flag, |r| q(of(r, &["t", "f"]))),
    indexed("uuid", Uuid, |r| q(uuid(r))),
    kind("json", Json, |r| q(json(r))),
    kind("json", Json, |r| {
        q(of(
            r,
            &["{\"a\":1,\"a\":2}", " [1 ,  2]", "\"\\u0041\"", "1.0e1"],
        ))
    }),
    kind("jsonb", Json, |r| q(json(r))),
    indexed("bit(1)", Bits, |r| q(bits(r, 1))),
    indexed("bit(8)", Bits, |r| q(bits(r, 8))),
    indexed("bit(64)", Bits, |r| q(bits(r, 64))),
    indexed("bit(65)", Bits, |r| q(bits(r, 65))),
    indexed("bit(300)", Bits, |r| q(bits(r, 300))),
    indexed("bit varying(8)", Bits, |r| {
        let n = r.random_range(0..9);
        q(bits(r, n))
    }),
    indexed("bit varying", Bits, |r| {
        let n = r.random_range(0..70);
        q(bits(r, n))
    }),
    indexed("mood", Text, |r| {
        q(of(
            r,
            &["sad", "ok", "it's, \"fine\"", "Ok", " ", "ünter 🦜", "a\\b"],
        ))
    }),
    kind("integer[]", List, |r| {
        arrays(r, |r| {
            integer(r, i32::MIN.into(), i32::MAX.into()).to_string()
        })
    }),
    kind("bigint[]", List, |r| {
        arrays(r, |r| {
            integer(r, i64::MIN.into(), i64::MAX.into()).to_string()
        })
    }),
    kind("text[]", List, |r| arrays(r, |r| text(r, 30))),
    kind("varchar(5)[]", List, |r| arrays(r, |r| text(r, 5))),
    kind("numeric[]", List, |r| arrays(r, |r| decimal(r, 30, 10))),
    kind("numeric(10,2)[]", List, |r| {
        arrays(r, |r| decimal(r, 10, 2))
    }),
    kind("double precision[]", List, |r| {
        arrays(r, |r| float(format!("{:e}", double(r))))
    }),
    kind("real[]", List, |r| {
        arrays(r, |r| float(single(r).to_string()))
    }),
    kind("boolean[]", List, |r| {
        arrays(r, |r| of(r, &["t", "f"]).into())
    }),
    kind("uuid[]", List, |r| arrays(r, uuid)),
    kind("date[]", List, |r| arrays(r, day)),
    kind("timestamp[]", List, |r| {
        arrays(r, |r| format!("{} {}", day(r), clock(r, 6)))
    }),
    kind("timestamptz[]", List, |r| {
        arrays(r, |r| format!("{} {}+00", day(r), clock(r, 6)))
    }),
    kind("bytea[]", List, |r| {
        arrays(r, |r| format!("\\x{}", hex(&bytes(r, 20))))
    }),
    kind("jsonb[]", List, |r| arrays(r, json)),
    kind("mood[]", List, |r| {
        arrays(r, |r| of(r, &["sad", "it's, \"fine\"", " "]).into())
    }),
    kind("inet[]", List, |r| {
        arrays(r, |r| of(r, &["1.2.3.4", "::1/64"]).into())
    }),
    kind("integer[]", List, |r| {
        q(of(
            r,
            &["[0:1]={1,2}", "[2:3][0:1]={{1,2},{3,4}}", "{}", "{NULL}"],
        ))
    }),
    kind("jsonb[]", List, |r| {
        q(of(
            r,
            &[
                "{NULL,\"null\"}",
                "{{\"1\",\"[2]\"}}",
                "[0:0]={\"null\"}",
                "{\"\\\"a\\\"\"}",
            ],
        ))
    }),
    kind("char(4)[]", Verified, |r| arrays(r, |r| text(r, 4))),
    kind("interval[]", Verified, |r| arrays(r, interval)),
    kind("time[]", Verified, |r| arrays(r, |r| clock(r, 6))),
    kind("bit(3)[]", List, |r| arrays(r, |r| bits(r, 3))),
    kind("pair[]", Verified, |r| {
        arrays(r, |r| of(r, &["(1,x,1.50)", "(,\"a b\",)"]).into())
    }),
    kind("numeric", Number, |r| {
        q(format!(
            "{}e{}",
            r.random_range(-99..99),
            r.random_range(-300..300)
        ))
    }),
    kind("jsonb", Json, |r| {
        let n = r.random_range(1..60);
        q(format!("{}{}", "[".repeat(n), "]".repeat(n)))
    }),
    kind("jsonb", Json, |r| {
        q(format!("{{\"a\": {}}}", long_number(r)))
    }),
    kind("nummultirange", Own, |r| {
        q(of(r, &["{}", "{[1.5,2.50),[5,9]}", "{(,3],[10,)}"]))
    }),
    kind("jsonpath", Own, |r| {
        q(of(r, &["$.a[*]", "$.\"x y\" ? (@ > 1)"]))
    }),
    kind(
        "integer GENERATED ALWAYS AS (length('abc') * 2) STORED",
        Number,
        |_| "DEFAULT".into(),
    ),
    kind(
        "text GENERATED ALWAYS AS ('ab' || 'ß '::text) STORED",
        Text,
        |_| "DEFAULT".into(),
    ),
    kind("int4range", Own, |r| q(range(r, "-5", "7"))),
    kind("int8range", Own, |r| {
        q(range(r, "-5000000000", "7000000000"))
    }),
    kind("numrange", Own, |r| q(range(r, "-5.50", "7.123"))),
    kind("tsrange", Own, |r| {
        q(range(r, "2024-01-01 00:00:00", "2024-02-01 12:00:00.5"))
    }),
    kind("tstzrange", Own, |r| {
        q(range(
            r,
            "2024-01-01 00:00:00+00",
            "2024-02-01 12:00:00.5+00",
        ))
    }),
    kind("daterange", Own, |r| q(range(r, "2024-01-01", "infinity"))),
    kind("int4multirange", Own, |r| {
        q(of(r, &["{}", "{[1,2),[5,9)}", "{(,3),[10,)}"]))
    }),
    indexed("inet", Text, |r| {
        q(of(
            r,
            &[
                "1.2.3.4",
                "10.0.0.0/8",
                "::1",
                "2001:db8::/32",
                "::ffff:1.2.3.4",
                "0.0.0.0/0",
                "1.2.3.4/32",
            ],
        ))
    }),
    indexed("cidr", Text, |r| {
        q(of(
            r,
            &[
                "10.0.0.0/8",
                "2001:db8::/32",
                "1.2.3.4/32",
                "0.0.0.0/0",
                "::/0",
            ],
        ))
    }),
    indexed("macaddr", Text, |r| {
        q(of(
            r,
            &[
                "08:00:2b:01:02:03",
                "ff:ff:ff:ff:ff:ff",
                "00:00:00:00:00:00",
            ],
        ))
    }),
    indexed("macaddr8", Text, |r| {
        q(of(
            r,
            &["08:00:2b:01:02:03:04:05", "ff:ff:ff:ff:ff:ff:ff:ff"],
        ))
    }),
    kind("xml", Own, |r| {
        q(of(
            r,
            &[
                "<a/>",
                "<a b=\"c\">ü &amp; 🦜</a>",
                "text",
                "<a>1</a><b/>",
                "",
            ],
        ))
    }),
    kind("tsvector", Own, |r| {
        q(format!("'{}':3A,5 '{}'", word(r), word(r)))
    }),
    kind("tsquery", Own, |r| {
        q(format!("'{}' & !'{}':*A", word(r), word(r)))
    }),
    kind("point", Own, |r| q(point(r))),
    kind("box", Own, |r| q(format!("{},{}", point(r), point(r)))),
    kind("lseg", Own, |r| q(format!("[{},{}]", point(r), point(r)))),
    kind("path", Own, |r| q(format!("[{},{}]", point(r), point(r)))),
    kind("polygon", Own, |r| {
        q(format!("({},{})", point(r), point(r)))
    }),
    kind("circle", Own, |r| q(format!("<{},2.5>", point(r)))),
    kind("line", Own, |r| q(of(r, &["{1,2,3}", "{0.1,-2,3e-7}"]))),
    kind("pg_lsn", Own, |r| {
        q(of(r, &["0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"]))
    }),
    indexed("positive", Number, |r| {
        q(integer(r, 1, i32::MAX.into()).to_string())
    }),
    indexed("code", Text, |r| q(text(r, 8))),
    indexed("deep", Text, |r| q(text(r, 8))),
    kind("pair", Verified, |r| {
        q(of(
            r,
            &["(1,x,1.50)", "(,\"a \"\"b\"\", c\",)", "(-5,\"\",0.1)"],
        ))
    }),
    kind("citext", Text, |r| q(text(r, 20))),
    kind("hstore", Verified, |r| {
        q(of(r, &["a=>1", "a=>NULL, \"b c\"=>\"d\"", ""]))
    }),
];
