//! PostgreSQL under test.

use limosa_core::error::ErrorKind;
use limosa_core::notation;
use limosa_core::schema::Type;
use limosa_core::value::Value;
use limosa_testkit::conformance::{Subject, TypeCase};
use limosa_testkit::{execute_psql, hostile, postgres, query_psql};

pub(crate) fn subject() -> Subject {
    Subject {
        open: limosa_postgres::open,
        fresh_url: || postgres().database(),
        execute: execute_psql,
        query: query_psql,
        port: Some(|| postgres().port()),
        text_keys,
        other_keys: &[
            ("uuid", |n| {
                let h = u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
                format!("'{h:032x}'")
            }),
            ("numeric(20,4)", |n| {
                format!("{}.{:04}", i64::from(n) - 1200, n)
            }),
            ("numeric", |n| format!("1e{} + {n}", n % 30)),
            ("date", |n| format!("date '1990-01-01' + {n}")),
            ("timestamptz", |n| {
                format!("timestamptz '1990-01-01 00:00:00.5+00' + interval '{n} hours'")
            }),
            ("bytea", |n| format!(r"'\x{:02x}27{n:08x}'", n % 256)),
            ("smallint", |n| format!("{}", i64::from(n) - 1250)),
            ("double precision", |n| format!("{n} / 3.0 - 400")),
            ("text[]", |n| format!("array['a', '{n}']")),
        ],
        analyze: "analyze {}",
        leftovers: "select (select count(*) from pg_namespace where nspname = 'limosa') + (select count(*) from pg_class where relname like 'limosa%')",
        types,
        oracle: "v, v::text",
        wrong_urls,
    }
}

fn text_keys() -> Vec<String> {
    let mut keys = vec!["text".to_owned(), "varchar(60)".to_owned()];
    let icu = query_psql(
        &postgres().url("postgres"),
        "select collname from pg_collation where collname in ('und-x-icu', 'en-x-icu', 'ucs_basic') order by collname",
    );
    keys.extend(icu.lines().map(|c| format!("text collate \"{c}\"")));
    keys
}

fn wrong_urls() -> Vec<(String, Vec<ErrorKind>)> {
    use ErrorKind::*;
    let good = postgres().url("postgres");
    vec![
        (
            "postgres://limosa@127.0.0.1:1/postgres".into(),
            vec![Connection],
        ),
        (postgres().url("not_there"), vec![Missing, Configuration]),
        (good.replace("limosa@", "scram:no@"), vec![Authentication]),
        (good.replace("limosa@", "md5:no@"), vec![Authentication]),
        (
            good.replace("limosa@", "cleartext:no@"),
            vec![Authentication],
        ),
        ("postgres://limosa@:x/postgres".into(), vec![Configuration]),
        (format!("{good}?no_such_parameter=1"), vec![Configuration]),
    ]
}

/// A literal of any type: the value's text between quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn literal(value: &Value) -> Option<String> {
    let mut out = Vec::new();
    match value {
        Value::Bool(b) => return Some(b.to_string()),
        Value::Int(i) => out.extend(i.to_string().bytes()),
        Value::F64(f) => out.extend(f.to_string().bytes()),
        Value::F32(f) => out.extend(f.to_string().bytes()),
        Value::Decimal(t) | Value::Text(t) | Value::Json(t) => out.extend(t.bytes()),
        Value::Bytes(b) => {
            out.extend(b"\\x");
            for byte in b {
                out.extend(format!("{byte:02x}").bytes());
            }
        }
        Value::Date(d) => notation::write_date(&mut out, *d),
        Value::Time(t) => notation::write_time(&mut out, *t, 6),
        Value::TimeTz(t, z) => {
            notation::write_time(&mut out, *t, 6);
            notation::write_offset(&mut out, *z);
        }
        Value::Timestamp(t) => notation::write_timestamp(&mut out, *t, 6),
        Value::TimestampTz(t) => {
            notation::write_timestamp(&mut out, *t, 6);
            if *t != i64::MAX && *t != i64::MIN {
                out.extend(b"+00");
            }
        }
        Value::Interval(m, d, u) => {
            return Some(format!(
                "make_interval(months => {m}, days => {d}) + {u} * interval '1 microsecond'"
            ));
        }
        Value::Uuid(u) => notation::write_uuid(&mut out, u),
        Value::Bits(n, b) => notation::write_bits(&mut out, *n, b),
        Value::Null | Value::UInt(_) => return None,
    }
    let text = String::from_utf8(out).expect("values are said in UTF-8");
    // The year 4713 BC is spelled another way.
    (!text.starts_with("-4")
        || !matches!(
            value,
            Value::Date(_) | Value::Timestamp(_) | Value::TimestampTz(_)
        ))
    .then(|| quoted(&text))
}

/// The hostile values of a neutral type under a declaration.
fn hostile(declared: &str, ty: Type) -> TypeCase {
    let mut case = TypeCase::round_trip(declared, [""; 0]);
    for value in hostile::values(&ty) {
        if let Some(literal) = literal(&value) {
            case.values.push((literal, Some(value)));
        }
    }
    case
}

fn types() -> Vec<TypeCase> {
    let integer = |bits| Type::Integer {
        bits,
        unsigned: false,
    };
    let decimal = |p, s| Type::Decimal {
        precision: p,
        scale: s,
    };
    let time = |precision, zoned| Type::Time {
        precision,
        zoned,
        span: false,
    };
    let timestamp = |precision, zoned| Type::Timestamp { precision, zoned };
    let plain_json = Type::Json { normalised: false };
    let value = |literal, value| (literal, value);
    vec![
        hostile("boolean", Type::Boolean),
        hostile("smallint", integer(16)),
        hostile("integer", integer(32)),
        hostile("bigint", integer(64)),
        hostile("numeric(10,2)", decimal(Some(10), Some(2))),
        hostile("numeric(5,5)", decimal(Some(5), Some(5))),
        hostile("numeric(1000,500)", decimal(Some(1000), Some(500))),
        hostile("numeric", decimal(None, None)),
        TypeCase::round_trip("numeric(5,-2)", ["12300", "-9999900", "0"]),
        TypeCase::new(
            "numeric(4,2)",
            [
                value("'NaN'", Value::Decimal("NaN".into())),
                value("9999e-2", Value::Decimal("99.99".into())),
            ],
        ),
        hostile("real", Type::Float { bits: 32 }),
        hostile("double precision", Type::Float { bits: 64 }),
        hostile("text", Type::Text { max_bytes: None }),
        hostile("varchar", Type::Text { max_bytes: None }),
        hostile("varchar(30)", Type::Varchar { length: 30 }),
        hostile("char(30)", Type::Char { length: 30 }),
        hostile("text collate \"C\"", Type::Text { max_bytes: None }),
        TypeCase::round_trip("\"char\"", ["'a'", "''", "'\\'"]),
        TypeCase::round_trip("name", ["'a name'", "'it''s'"]),
        hostile("bytea", Type::Blob { max_bytes: None }),
        hostile("date", Type::Date),
        TypeCase::round_trip(
            "date",
            ["'4713-01-01 BC'", "'0001-12-31 BC'", "'5874897-12-31'"],
        ),
        hostile("time", time(6, false)),
        TypeCase::round_trip("time(3)", ["'23:59:59.999'", "'12:00'"]),
        hostile("timetz", time(6, true)),
        hostile("timestamp", timestamp(6, false)),
        TypeCase::round_trip(
            "timestamp",
            ["'4713-01-01 00:00 BC'", "'294276-12-31 23:59:59.999999'"],
        ),
        TypeCase::round_trip("timestamp(0)", ["'2024-02-29 23:59:59.5'"]),
        hostile("timestamptz", timestamp(6, true)),
        TypeCase::new(
            "timestamptz",
            [value(
                "'2024-06-01 12:00:00+05:30'",
                Value::TimestampTz(1_717_223_400_000_000),
            )],
        ),
        hostile("interval", Type::Interval),
        TypeCase::round_trip("interval day to second(3)", ["'1 day 02:03:04.567'"]),
        hostile("uuid", Type::Uuid),
        hostile("json", plain_json),
        TypeCase::round_trip("json", ["'{\"a\": 1, \"a\": 2}'", "'\"\\u0000\"'"]),
        TypeCase::round_trip("jsonb", hostile::jsons().into_iter().map(quoted)),
        hostile(
            "bit(11)",
            Type::Bit {
                length: Some(11),
                varying: false,
            },
        ),
        hostile(
            "bit",
            Type::Bit {
                length: Some(1),
                varying: false,
            },
        ),
        hostile(
            "varbit",
            Type::Bit {
                length: None,
                varying: true,
            },
        ),
        hostile(
            "varbit(70)",
            Type::Bit {
                length: Some(70),
                varying: true,
            },
        ),
        TypeCase::round_trip(
            "money",
            [
                "'0'",
                "'-12.34'",
                "'92233720368547758.07'",
                "'-92233720368547758.08'",
            ],
        ),
        TypeCase::new(
            "inet",
            [
                value("'10.0.0.1'", Value::Text("10.0.0.1".into())),
                value("'10.0.0.1/8'", Value::Text("10.0.0.1/8".into())),
                value("'::1'", Value::Text("::1".into())),
                value("'fe80::1/64'", Value::Text("fe80::1/64".into())),
            ],
        ),
        TypeCase::round_trip("cidr", ["'10.0.0.0/8'", "'2001:db8::/32'", "'10.0.0.1/32'"]),
        TypeCase::round_trip("macaddr", ["'08:00:2b:01:02:03'"]),
        TypeCase::round_trip("macaddr8", ["'08:00:2b:01:02:03:04:05'"]),
        TypeCase::round_trip(
            "integer[]",
            [
                "'{}'",
                "'{1,2,-3}'",
                "'{1,null}'",
                "'{{1,2},{3,4}}'",
                "'[0:1]={5,6}'",
            ],
        ),
        TypeCase::round_trip(
            "text[]",
            [
                "'{}'",
                r#"array['a', null, 'NULL', '', 'it''s', '"q"', '\', '{x}', E'tab\tnew\nline', 'ä🦜']"#,
            ],
        ),
        TypeCase::round_trip("numeric[]", ["array[1.10, 'NaN', 1e30]::numeric[]"]),
        TypeCase::round_trip(
            "double precision[]",
            ["array[0.1, '-0', 'NaN', 'Infinity', 1e-300]::float8[]"],
        ),
        TypeCase::round_trip("boolean[]", ["'{t,f,null}'"]),
        TypeCase::round_trip(
            "timestamptz[]",
            ["array['2024-01-01 00:00+00', 'infinity']::timestamptz[]"],
        ),
        TypeCase::round_trip("bytea[]", [r#"array['\x00ff'::bytea, '']"#]),
        TypeCase::round_trip("jsonb[]", [r#"array['{"a": [1]}'::jsonb, 'null']"#]),
        TypeCase::round_trip(
            "uuid[]",
            ["array['01234567-89ab-cdef-fedc-ba9876543210']::uuid[]"],
        ),
        TypeCase::new(
            "mood",
            [
                value("'sad'", Value::Text("sad".into())),
                value("'it''s, \"ok\"'", Value::Text("it's, \"ok\"".into())),
            ],
        )
        .after("create type mood as enum ('sad', 'it''s, \"ok\"', 'ä')"),
        TypeCase::round_trip("mood2[]", ["'{x,\"y z\"}'"])
            .after("create type mood2 as enum ('x', 'y z')"),
        TypeCase::new("positive", [value("7", Value::Int(7))])
            .after("create domain positive as integer check (value > 0)"),
        TypeCase::new("short", [value("'abc'", Value::Text("abc".into()))])
            .after("create domain short as varchar(5)"),
        TypeCase::round_trip("pair", ["row(1, 'a,\"b\"')", "row(null, '')"])
            .after("create type pair as (x integer, y text)"),
        TypeCase::round_trip("point", ["'(1.5,-2)'"]),
        TypeCase::round_trip("box", ["'((0,0),(1,1))'"]),
        TypeCase::round_trip("polygon", ["'((0,0),(1,1),(2,0))'"]),
        TypeCase::round_trip("int4range", ["'[1,5)'", "'empty'", "'(,)'"]),
        TypeCase::round_trip("tstzrange", ["'[2024-01-01 00:00+00,)'"]),
        TypeCase::round_trip("int8multirange", ["'{[1,3),[5,9)}'"]),
        TypeCase::round_trip("tsvector", ["'a:1 fat:2 cat:3A'"]),
        TypeCase::round_trip("tsquery", ["'fat & !cat'"]),
        TypeCase::round_trip("xml", ["'<a b=\"1\">x</a>'"]),
        TypeCase::round_trip("oid", ["4294967295", "0"]),
        TypeCase::round_trip("pg_lsn", ["'16/B374D848'"]),
        TypeCase::round_trip("jsonpath", ["'$.a[*]'"]),
    ]
}
