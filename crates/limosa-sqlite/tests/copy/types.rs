//! Every value of every type comes back as it was.

use super::*;
use limosa_core::canonical::Form;
use proptest::prelude::*;

/// Every neutral type, how its values are made, and the form in which they are compared.
fn types() -> Vec<(Type, Form)> {
    let timestamp = |zoned| Type::Timestamp {
        precision: 6,
        zoned,
    };
    vec![
        (
            Type::Integer {
                bits: 64,
                unsigned: false,
            },
            Form::Integer,
        ),
        (Type::Boolean, Form::Boolean),
        (
            Type::Integer {
                bits: 64,
                unsigned: true,
            },
            Form::Integer,
        ),
        (
            Type::Decimal {
                precision: Some(40),
                scale: Some(4),
            },
            Form::Decimal,
        ),
        (
            Type::Decimal {
                precision: None,
                scale: None,
            },
            Form::Decimal,
        ),
        (Type::Float { bits: 64 }, Form::Double),
        (Type::Float { bits: 32 }, Form::Single),
        (Type::Text { max_bytes: None }, Form::Text),
        (Type::Varchar { length: 500 }, Form::Text),
        (Type::Blob { max_bytes: None }, Form::Bytes),
        (Type::Date, Form::Date),
        (
            Type::Time {
                precision: 6,
                zoned: false,
                span: false,
            },
            Form::Time,
        ),
        (
            Type::Time {
                precision: 3,
                zoned: false,
                span: true,
            },
            Form::Time,
        ),
        (
            Type::Time {
                precision: 6,
                zoned: true,
                span: false,
            },
            Form::TimeTz,
        ),
        (timestamp(false), Form::Timestamp),
        (timestamp(true), Form::TimestampTz),
        (Type::Interval, Form::Interval),
        (Type::Uuid, Form::Uuid),
        (Type::Json { normalised: false }, Form::Json),
        (
            Type::Bit {
                length: None,
                varying: true,
            },
            Form::Bits,
        ),
        (
            Type::Bit {
                length: Some(1),
                varying: false,
            },
            Form::Bits,
        ),
        (
            Type::Array {
                element: Box::new(Type::Date),
            },
            Form::Json,
        ),
        (Type::Dynamic, Form::Dynamic),
    ]
}

fn bits(n: u32, seed: u64) -> Value {
    let mut bytes = vec![0u8; n.div_ceil(8) as usize];
    for i in 0..n as usize {
        if seed >> (i % 64) & 1 == 1 {
            bytes[i / 8] |= 0x80 >> (i % 8);
        }
    }
    Value::Bits(n, bytes)
}

fn row() -> impl Strategy<Value = Vec<Value>> {
    let null = |s: BoxedStrategy<Value>| prop_oneof![1 => Just(Value::Null), 6 => s].boxed();
    let moment = || prop_oneof![8 => -60_000_000_000_000_000i64..250_000_000_000_000_000, 1 => Just(i64::MAX), 1 => Just(i64::MIN)];
    let decimal = |fraction: &'static str| {
        prop_oneof![
            8 => proptest::string::string_regex(&format!("-?(0|[1-9][0-9]{{0,30}}){fraction}")).expect("a pattern").prop_filter("no negative zero", |s| s.bytes().any(|b| (b'1'..=b'9').contains(&b)) || !s.starts_with('-')),
            1 => Just("NaN".to_owned()),
        ]
        .prop_map(Value::Decimal)
        .boxed()
    };
    let first = (
        null(any::<bool>().prop_map(Value::Bool).boxed()),
        null(
            prop_oneof![
                any::<i64>().prop_map(|i| Value::Int(i & i64::MAX)),
                ((i64::MAX as u64 + 1)..=u64::MAX).prop_map(Value::UInt)
            ]
            .boxed(),
        ),
        null(decimal(r"\.[0-9]{4}")),
        null(decimal(r"(\.[0-9]{1,12})?")),
        null(
            any::<f64>()
                .prop_filter("NaN and -0.0 are refused", |f| {
                    !f.is_nan() && (*f != 0.0 || f.is_sign_positive())
                })
                .prop_map(Value::F64)
                .boxed(),
        ),
        null(
            any::<f32>()
                .prop_filter("NaN and -0.0 are refused", |f| {
                    !f.is_nan() && (*f != 0.0 || f.is_sign_positive())
                })
                .prop_map(Value::F32)
                .boxed(),
        ),
        null(any::<String>().prop_map(Value::Text).boxed()),
        null("[a-zA-Z \u{0}'\"é😀]{0,40}".prop_map(Value::Text).boxed()),
        null(any::<Vec<u8>>().prop_map(Value::Bytes).boxed()),
        null(
            prop_oneof![8 => -1_000_000i32..3_000_000, 1 => Just(i32::MAX), 1 => Just(i32::MIN)]
                .prop_map(Value::Date)
                .boxed(),
        ),
        null((0i64..=86_400_000_000).prop_map(Value::Time).boxed()),
    );
    let second = (
        null(
            (-3_020_399_000_000i64..=3_020_399_000_000)
                .prop_map(Value::Time)
                .boxed(),
        ),
        null(
            (0i64..86_400_000_000, -50_000i32..50_000)
                .prop_map(|(t, o)| Value::TimeTz(t, o))
                .boxed(),
        ),
        null(moment().prop_map(Value::Timestamp).boxed()),
        null(moment().prop_map(Value::TimestampTz).boxed()),
        null(
            (
                -100_000i32..100_000,
                -100_000i32..100_000,
                -1_000_000_000_000i64..1_000_000_000_000,
            )
                .prop_map(|(m, d, u)| Value::Interval(m, d, u))
                .boxed(),
        ),
        null(any::<[u8; 16]>().prop_map(Value::Uuid).boxed()),
        null(
            prop_oneof![
                Just("{\"a\": [1, 2.50, null]}"),
                Just("[]"),
                Just("\"x\""),
                Just("1")
            ]
            .prop_map(|s| Value::Json(s.into()))
            .boxed(),
        ),
        null(
            (0u32..100, any::<u64>())
                .prop_map(|(n, s)| bits(n, s))
                .boxed(),
        ),
        null(any::<u64>().prop_map(|s| bits(1, s)).boxed()),
        null(
            prop_oneof![
                Just(Value::Json("[\"2024-01-01\", null]".into())),
                Just(Value::Text("[0:1]={2024-01-01,NULL}".into()))
            ]
            .boxed(),
        ),
        null(
            prop_oneof![
                any::<i64>().prop_map(Value::Int),
                any::<f64>()
                    .prop_filter("NaN", |f| !f.is_nan())
                    .prop_map(Value::F64),
                any::<String>().prop_map(Value::Text),
                any::<Vec<u8>>().prop_map(Value::Bytes),
            ]
            .boxed(),
        ),
    );
    (first, second).prop_map(|(a, b)| {
        vec![
            Value::Null,
            a.0,
            a.1,
            a.2,
            a.3,
            a.4,
            a.5,
            a.6,
            a.7,
            a.8,
            a.9,
            a.10,
            b.0,
            b.1,
            b.2,
            b.3,
            b.4,
            b.5,
            b.6,
            b.7,
            b.8,
            b.9,
            b.10,
        ]
    })
}

/// The canonical form of a value, made from the value alone.
fn expected(value: &Value, form: Form) -> Option<Vec<u8>> {
    use limosa_core::{canonical, notation};
    let mut out = Vec::new();
    match value {
        Value::Null => return None,
        Value::Bool(b) => out.push(b'0' + u8::from(*b)),
        Value::F32(f) => canonical::single(&mut out, *f),
        Value::F64(f) if form == Form::Double => canonical::double(&mut out, *f),
        Value::F64(f) => {
            out.push(b'r');
            canonical::double(&mut out, *f);
        }
        Value::Int(i) if form == Form::Dynamic => out.extend_from_slice(format!("i{i}").as_bytes()),
        Value::Int(i) => out.extend_from_slice(i.to_string().as_bytes()),
        Value::UInt(u) => out.extend_from_slice(u.to_string().as_bytes()),
        Value::Decimal(s) => canonical::decimal(&mut out, s.as_bytes()),
        Value::Text(s) if form == Form::Dynamic => {
            out.push(b't');
            out.extend_from_slice(s.as_bytes());
        }
        Value::Text(s) => out.extend_from_slice(s.as_bytes()),
        Value::Bytes(b) => {
            if form == Form::Dynamic {
                out.push(b'b');
            }
            out.extend_from_slice(b);
        }
        Value::Date(d) => notation::write_date(&mut out, *d),
        Value::Time(t) => {
            let mut text = Vec::new();
            notation::write_time(&mut text, *t, 6);
            canonical::moment(&mut out, &text, false);
        }
        Value::TimeTz(t, o) => {
            let mut text = Vec::new();
            notation::write_time(&mut text, *t, 6);
            canonical::moment(&mut out, &text, false);
            out.extend_from_slice(format!(" {o}").as_bytes());
        }
        Value::Timestamp(t) | Value::TimestampTz(t) => {
            let mut text = Vec::new();
            notation::write_timestamp(&mut text, *t, 6);
            canonical::moment(&mut out, &text, true);
        }
        Value::Interval(m, d, u) => out.extend_from_slice(format!("{m} {d} {u}").as_bytes()),
        Value::Uuid(u) => notation::write_uuid(&mut out, u),
        Value::Json(s) => canonical::json(&mut out, s.as_bytes()),
        Value::Bits(n, b) => notation::write_bits(&mut out, *n, b),
    }
    Some(out)
}

/// The same number may be said with more zeros; everything else must be the same.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::F64(a), Value::F64(b)) => a.to_bits() == b.to_bits(),
        (Value::F32(a), Value::F32(b)) => a.to_bits() == b.to_bits(),
        (a, b) => a == b,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_value_of_every_type_comes_back_as_it_was(rows in proptest::collection::vec(row(), 1..40)) {
        let rows: Vec<Vec<Value>> = rows
            .into_iter()
            .enumerate()
            .map(|(i, mut row)| {
                row[0] = Value::Int(i as i64);
                row
            })
            .collect();
        let place = Place::new();
        let engine = place.engine("t.db");
        let kinds: Vec<(Type, bool)> = types().into_iter().enumerate().map(|(i, (t, _))| (t, i > 0)).collect();
        let forms: Vec<Form> = types().into_iter().map(|(_, f)| f).collect();
        let table = made("t", columns(&kinds, &*engine));
        apply(&*engine, &[Operation::CreateTable(Box::new(table.clone()))]);
        load(&*engine, &spec_of(&table, None), &rows);

        let catalog = engine.inspect().expect("inspects");
        let back = common::table(&catalog, "t");
        for (a, b) in table.columns.iter().zip(&back.columns) {
            prop_assert_eq!((&a.ty, &a.native), (&b.ty, &b.native));
        }
        let snapshot = engine.snapshot(1).expect("a snapshot");
        let read = read_all(&*snapshot, &read_of(&back, false), &[Range::All]);
        prop_assert_eq!(read.len(), rows.len());
        for (got, want) in read.iter().flatten().zip(rows.iter().flatten()) {
            prop_assert!(same(got, want), "{:?} came back as {:?}", want, got);
        }
        let canonical = canonical_rows(&*engine, &back, &forms);
        for (got, want) in canonical.iter().zip(&rows) {
            let want: Vec<_> = want.iter().zip(&forms).map(|(v, f)| expected(v, *f)).collect();
            prop_assert_eq!(got, &want);
        }
    }
}
