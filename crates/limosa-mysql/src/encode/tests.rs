//! What is refused, and how values are said.

use super::*;
use limosa_core::policy::Policies;
use limosa_core::value::Value;

fn column(target: Type, policies: Policies) -> ColumnWrite {
    ColumnWrite {
        name: "c".into(),
        source: target.clone(),
        native: String::new(),
        target,
        nullable: true,
        policies,
    }
}

fn encoded(target: Type, policies: Policies, value: Value) -> std::result::Result<String, String> {
    let c = column(target, policies);
    let column = Column {
        take: take(&c),
        policies,
    };
    let mut out = Vec::new();
    put(&column, value.as_cell(), &mut out, &mut Vec::new())?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

#[test]
fn what_the_server_would_bend_is_refused() {
    let p = Policies::default();
    let tiny = Type::Integer {
        bits: 8,
        unsigned: false,
    };
    let decimal = Type::Decimal {
        precision: Some(5),
        scale: Some(2),
    };
    for (ty, value) in [
        (tiny.clone(), Value::Int(128)),
        (tiny, Value::Text("1".into())),
        (decimal.clone(), Value::Decimal("1.234".into())),
        (decimal.clone(), Value::Decimal("1000".into())),
        (decimal.clone(), Value::Decimal("NaN".into())),
        (Type::Varchar { length: 2 }, Value::Text("äöü".into())),
        (Type::Float { bits: 64 }, Value::F64(f64::NAN)),
        (Type::Date, Value::Date(i32::MAX)),
        (Type::Date, Value::Date(-800_000)),
        (Type::Date, Value::Text("2024-13-01".into())),
        (
            Type::Enum {
                name: None,
                members: vec!["a".into()],
            },
            Value::Text("1".into()),
        ),
        (Type::Binary { length: 3 }, Value::Bytes(vec![1, 2])),
        (
            Type::Time {
                precision: 0,
                zoned: false,
                span: true,
            },
            Value::Time(1),
        ),
        (Type::Float { bits: 32 }, Value::F64(0.1)),
        (Type::Text { max_bytes: None }, Value::Bytes(vec![0xff])),
    ] {
        assert!(
            encoded(ty.clone(), p, value.clone()).is_err(),
            "{ty} {value:?}"
        );
    }
    let round = Policies {
        precision: PrecisionPolicy::Round,
        ..p
    };
    assert_eq!(
        encoded(decimal, round, Value::Decimal("-9.995".into())),
        Ok("-10.00".into())
    );
    let null = Policies {
        not_finite: NotFinitePolicy::Null,
        ..p
    };
    assert_eq!(
        encoded(Type::Date, null, Value::Date(i32::MIN)),
        Ok("\\N".into())
    );
}

#[test]
fn values_are_said_as_the_server_reads_them() {
    let p = Policies::default();
    for (ty, value, want) in [
        (
            Type::Text { max_bytes: None },
            Value::Text("a\tb\\\n\0".into()),
            "a\\tb\\\\\\n\0",
        ),
        (
            Type::Float { bits: 32 },
            Value::F32(0.1),
            "0.10000000149011612",
        ),
        (
            Type::Decimal {
                precision: Some(5),
                scale: Some(2),
            },
            Value::Decimal("1.5000".into()),
            "1.50",
        ),
        (
            Type::Decimal {
                precision: Some(5),
                scale: Some(0),
            },
            Value::Decimal("-15.000".into()),
            "-15",
        ),
        (
            Type::Decimal {
                precision: Some(5),
                scale: Some(2),
            },
            Value::Decimal("-1.5".into()),
            "-1.5",
        ),
        (Type::Date, Value::Text("0000-00-00".into()), "0000-00-00"),
        (
            Type::Timestamp {
                precision: 6,
                zoned: false,
            },
            Value::Timestamp(1),
            "1970-01-01 00:00:00.000001",
        ),
        (
            Type::Varchar { length: 64 },
            Value::Interval(1, 2, 3_000_000),
            "P1M2DT3S",
        ),
        (
            Type::Varchar { length: 21 },
            Value::TimeTz(3_600_000_000, 7200),
            "01:00:00+02:00",
        ),
        (
            Type::Bit {
                length: Some(10),
                varying: false,
            },
            Value::Bits(10, vec![0b1001_0001, 0x40]),
            "\u{2}E",
        ),
    ] {
        assert_eq!(encoded(ty.clone(), p, value), Ok(want.into()), "{ty}");
    }
}
