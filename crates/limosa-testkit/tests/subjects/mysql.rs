//! MariaDB, or MySQL, under test.

use limosa_core::error::ErrorKind;
use limosa_core::notation;
use limosa_core::schema::Type;
use limosa_core::value::Value;
use limosa_testkit::conformance::{Subject, TypeCase};
use limosa_testkit::{execute_mysql, hostile, mariadb, query_mysql};

pub(crate) fn subject() -> Subject {
    Subject {
        open: limosa_mysql::open,
        fresh_url: || mariadb().database(),
        execute: execute_mysql,
        query: query_mysql,
        port: Some(|| mariadb().port()),
        text_keys: || {
            [
                "char(60)",
                "varchar(60)",
                "varchar(60) collate utf8mb4_bin",
                "varchar(60) collate utf8mb4_unicode_ci",
                "varchar(60) collate utf8mb4_swedish_ci",
            ]
            .map(str::to_owned)
            .to_vec()
        },
        other_keys: &[
            ("binary(16)", |n| {
                let h = u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
                format!("x'{h:032x}'")
            }),
            ("varbinary(20)", |n| {
                format!("x'{:02x}27{n:08x}00'", n % 256)
            }),
            ("bigint unsigned", |n| {
                format!("{}", u64::MAX - u64::from(n) * 7_000_000_000_000_000)
            }),
            ("decimal(20,4)", |n| {
                format!("{}.{:04}", i64::from(n) - 1200, n)
            }),
            ("date", |n| format!("date '1990-01-01' + interval {n} day")),
            ("datetime(6)", |n| {
                format!("timestamp '1990-01-01 00:00:00.5' + interval {n} hour")
            }),
            ("timestamp(6)", |n| {
                format!("timestamp '1990-01-01 00:00:00.25' + interval {n} day")
            }),
            ("smallint", |n| format!("{}", i64::from(n) - 1250)),
            ("double", |n| format!("{n} / 3.0e0 - 400")),
        ],
        analyze: "analyze table {}",
        leftovers: "select count(*) from information_schema.tables where table_schema = database() and table_name like 'limosa%'",
        types,
        oracle: "v, hex(v)",
        wrong_urls,
    }
}

fn wrong_urls() -> Vec<(String, Vec<ErrorKind>)> {
    use ErrorKind::*;
    let good = mariadb().url("mysql");
    vec![
        (
            "mysql://limosa:pw@127.0.0.1:1/mysql".into(),
            vec![Connection],
        ),
        (mariadb().url("not_there"), vec![Missing, Configuration]),
        (good.replace(":pw@", ":no@"), vec![Authentication]),
        (good.replace("limosa:", "nobody:"), vec![Authentication]),
        ("mysql://limosa:pw@:x/mysql".into(), vec![Configuration]),
        (format!("{good}?no_such_parameter=1"), vec![Configuration]),
    ]
}

fn text_literal(text: &str) -> String {
    if text.is_empty() {
        return "''".into();
    }
    let hex: String = text.bytes().map(|b| format!("{b:02x}")).collect();
    format!("_utf8mb4 0x{hex}")
}

fn literal(value: &Value) -> Option<String> {
    let mut out = Vec::new();
    match value {
        Value::Bool(b) => return Some(b.to_string()),
        Value::Int(i) => return Some(i.to_string()),
        Value::UInt(u) => return Some(u.to_string()),
        Value::Decimal(d) => return (!d.contains('n') && !d.contains('N')).then(|| d.clone()),
        Value::F64(f) => return f.is_finite().then(|| format!("{f:e}")),
        Value::F32(f) => return f.is_finite().then(|| format!("{f:e}")),
        Value::Text(t) | Value::Json(t) => return Some(text_literal(t)),
        Value::Bytes(b) => {
            let hex: String = b.iter().map(|b| format!("{b:02x}")).collect();
            return Some(format!("x'{hex}'"));
        }
        Value::Bits(n, b) => {
            let mut out = Vec::new();
            notation::write_bits(&mut out, *n, b);
            return Some(format!("b'{}'", String::from_utf8_lossy(&out)));
        }
        // Years from 1 to 9999 only.
        Value::Date(d) if (-719_162..=2_932_896).contains(d) => notation::write_date(&mut out, *d),
        Value::Time(t) => notation::write_time(&mut out, *t, 6),
        Value::Timestamp(t) if (-62_135_596_800_000_000..=253_402_300_799_999_999).contains(t) => {
            notation::write_timestamp(&mut out, *t, 6);
        }
        Value::TimestampTz(t) if (1..(1i64 << 31)).contains(&(t / 1_000_000)) => {
            notation::write_timestamp(&mut out, *t, 6);
        }
        _ => return None,
    }
    Some(format!("'{}'", String::from_utf8_lossy(&out)))
}

fn hostile(declared: &str, ty: Type) -> TypeCase {
    let mut case = TypeCase::round_trip(declared, [""; 0]);
    for value in hostile::values(&ty) {
        if let Some(literal) = literal(&value) {
            case.values.push((literal, Some(value)));
        }
    }
    case
}

/// MySQL keeps no negative zero for some floats, and its FLOAT holds what the parser makes of the text.
fn only(mut case: TypeCase, keep: impl Fn(&Value) -> bool) -> TypeCase {
    case.values.retain(|(_, v)| v.as_ref().is_none_or(&keep));
    case
}

fn types() -> Vec<TypeCase> {
    let integer = |bits, unsigned| Type::Integer { bits, unsigned };
    let decimal = |p, s| Type::Decimal {
        precision: Some(p),
        scale: Some(s),
    };
    let span = |precision| Type::Time {
        precision,
        zoned: false,
        span: true,
    };
    let timestamp = |precision, zoned| Type::Timestamp { precision, zoned };
    let value = |literal, value| (literal, value);
    let mut cases = vec![
        hostile("tinyint", integer(8, false)),
        hostile("tinyint unsigned", integer(8, true)),
        TypeCase::round_trip("tinyint(1)", ["0", "1"]),
        TypeCase::round_trip("tinyint(1)", ["0", "1", "2", "-128", "127"]),
        hostile("smallint", integer(16, false)),
        hostile("smallint unsigned", integer(16, true)),
        hostile("mediumint", integer(24, false)),
        hostile("mediumint unsigned", integer(24, true)),
        hostile("int", integer(32, false)),
        hostile("int unsigned", integer(32, true)),
        hostile("bigint", integer(64, false)),
        hostile("bigint unsigned", integer(64, true)),
        TypeCase::round_trip("int(8) unsigned zerofill", ["42", "0"]),
        hostile("decimal(10,2)", decimal(10, 2)),
        hostile("decimal(65,30)", decimal(65, 30)),
        hostile("decimal(30,30)", decimal(30, 30)),
        hostile("decimal(65,0)", decimal(65, 0)),
        only(
            hostile("float", Type::Float { bits: 32 }),
            |v| !matches!(v, Value::F32(f) if f.to_bits() == (-0.0f32).to_bits() || f.abs() == f32::MAX || *f == f32::from_bits(1)),
        ),
        TypeCase::round_trip(
            "float",
            ["-0e0", "1.1754943508222875e-38", "16777217", "0.1"],
        ),
        only(
            hostile("double", Type::Float { bits: 64 }),
            |v| !matches!(v, Value::F64(f) if f.to_bits() == (-0.0f64).to_bits() || *f == f64::from_bits(1)),
        ),
        hostile("varchar(30)", Type::Varchar { length: 30 }),
        hostile(
            "varchar(30) collate utf8mb4_bin",
            Type::Varchar { length: 30 },
        ),
        hostile("char(30)", Type::Char { length: 30 }),
        hostile(
            "tinytext",
            Type::Text {
                max_bytes: Some(255),
            },
        ),
        hostile(
            "text",
            Type::Text {
                max_bytes: Some(65_535),
            },
        ),
        hostile(
            "mediumtext",
            Type::Text {
                max_bytes: Some(16_777_215),
            },
        ),
        hostile(
            "longtext",
            Type::Text {
                max_bytes: Some(4_294_967_295),
            },
        ),
        TypeCase::new(
            "varchar(20) character set latin1",
            [value("_utf8mb4 0xc3a4e282ac", Value::Text("ä€".into()))],
        ),
        TypeCase::new(
            "text character set utf16",
            [value("_utf8mb4 0xf09fa69cc3a4", Value::Text("🦜ä".into()))],
        ),
        TypeCase::new(
            "varchar(9)",
            [value(
                "_utf8mb4 0x610062",
                Value::Text(hostile::NUL_TEXT.into()),
            )],
        ),
        hostile("binary(8)", Type::Binary { length: 8 }),
        hostile("varbinary(300)", Type::Varbinary { length: 300 }),
        hostile(
            "blob",
            Type::Blob {
                max_bytes: Some(65_535),
            },
        ),
        hostile(
            "longblob",
            Type::Blob {
                max_bytes: Some(4_294_967_295),
            },
        ),
        hostile(
            "bit(11)",
            Type::Bit {
                length: Some(11),
                varying: false,
            },
        ),
        hostile(
            "bit(64)",
            Type::Bit {
                length: Some(64),
                varying: false,
            },
        ),
        TypeCase::round_trip("bit(1)", ["b'0'", "b'1'"]),
        hostile("date", Type::Date),
        TypeCase::new(
            "date",
            [value("'0000-00-00'", Value::Text("0000-00-00".into()))],
        )
        .after("set sql_mode = ''"),
        TypeCase::round_trip("date", ["'2024-00-00'", "'2024-01-00'"]),
        hostile("time(6)", span(6)),
        TypeCase::round_trip("time", ["'-838:59:59'", "'838:59:59'", "'00:00:00'"]),
        TypeCase::round_trip("time(2)", ["'-00:00:00.01'"]),
        hostile("datetime(6)", timestamp(6, false)),
        TypeCase::round_trip(
            "datetime",
            ["'0000-00-00 00:00:00'", "'2024-00-10 01:02:03'"],
        ),
        TypeCase::round_trip("datetime(3)", ["'2024-02-29 23:59:59.999'"]),
        hostile("timestamp(6) null", timestamp(6, true)).after("set time_zone = '+00:00'"),
        TypeCase::round_trip("timestamp null", ["'0000-00-00 00:00:00'"]),
        hostile("year", Type::Year),
        TypeCase::round_trip("year", ["0", "1901", "2155"]),
        TypeCase::new(
            "enum('small','it''s','a,b','ä')",
            [
                value("'small'", Value::Text("small".into())),
                value("'it''s'", Value::Text("it's".into())),
                value("'a,b'", Value::Text("a,b".into())),
                value("4", Value::Text("ä".into())),
            ],
        ),
        TypeCase::new(
            "set('a','b','it''s')",
            [
                value("''", Value::Text(String::new())),
                value("'b,a'", Value::Text("a,b".into())),
                value("7", Value::Text("a,b,it's".into())),
            ],
        ),
        if mariadb().mysql() {
            TypeCase::round_trip("json", hostile::jsons().into_iter().map(text_literal))
        } else {
            hostile("json", Type::Json { normalised: false })
        },
        TypeCase::round_trip(
            "geometry",
            [
                "st_geomfromtext('POINT(1 2)')",
                "st_geomfromtext('LINESTRING(0 0, 1.5 -2)')",
            ],
        ),
        TypeCase::round_trip("point", ["point(1, -0.5)"]),
        TypeCase::round_trip("polygon", ["st_geomfromtext('POLYGON((0 0,1 0,1 1,0 0))')"]),
    ];
    if !mariadb().mysql() {
        cases.push(hostile("uuid", Type::Uuid));
        let uuid = cases.last_mut().expect("one was pushed");
        uuid.values = hostile::values(&Type::Uuid)
            .into_iter()
            .map(|v| {
                let mut out = Vec::new();
                if let Value::Uuid(u) = &v {
                    notation::write_uuid(&mut out, u);
                }
                (format!("'{}'", String::from_utf8_lossy(&out)), Some(v))
            })
            .collect();
        cases.push(TypeCase::round_trip(
            "inet6",
            ["'::1'", "'fe80::1'", "'::ffff:10.0.0.1'"],
        ));
        cases.push(TypeCase::round_trip("inet4", ["'10.0.0.1'"]));
    }
    cases
}
