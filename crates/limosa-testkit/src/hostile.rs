//! Names and values that break what is careless.

use limosa_core::batch::Cell;
use limosa_core::engine::Capabilities;
use limosa_core::notation::days_from_civil;
use limosa_core::schema::Type;
use limosa_core::value::Value;
use rand::Rng;

const DAY: i64 = 86_400_000_000;

/// Identifiers that break careless quoting, every one legal for the engine. Distinct, also when compared without case.
pub fn identifiers(engine: &Capabilities) -> Vec<String> {
    let limit = engine.identifier_limit;
    // `width` is the bytes of the character `c` that fills a name up to the engine's limit.
    let filled = |head: &str, c: char| {
        let width = if engine.identifier_limit_in_bytes {
            c.len_utf8()
        } else {
            1
        };
        let count = limit.min(200).saturating_sub(head.len()) / width;
        format!("{head}{}", c.to_string().repeat(count))
    };
    let mut names: Vec<String> = [
        "plain",
        "MixedCase",
        "UPPER",
        "with blank",
        " leading blank",
        "tab\there",
        "new\nline",
        "semi;--colon",
        "/* comment */",
        "-- dashes",
        "# hash",
        "quote\"inside",
        "\"quoted\"",
        "two\"\"quotes",
        "apo'strophe",
        "back`tick",
        "``",
        "[brackets]",
        "back\\slash",
        "dot.ted",
        "a.b.c",
        "percent%s%d%%",
        "%(name)s",
        "{braces}{0}",
        "$leading",
        "$1",
        "?",
        ":colon",
        "@at",
        "select",
        "table",
        "user",
        "order",
        "group by",
        "NULL",
        "1starts_with_digit",
        "42",
        "_",
        "ümläut",
        "ÅNGSTRÖM",
        "straße",
        "ﬁgature",
        "日本語",
        "עברית",
        "\u{202e}override",
        "zero\u{200b}width",
        "e\u{301}composed",
        "ı_dotless",
        "no\u{a0}break",
        "comma,separated",
        "(round)",
        "= 1 or 1",
    ]
    .map(str::to_owned)
    .to_vec();
    names.push(filled("longest_", 'x'));
    names.push(filled("widest_", 'ü'));
    // MySQL keeps identifiers in the basic plane, takes no blank at their end, and names a table's files
    // with five bytes for most letters that are not Latin.
    if engine.family == "mysql" {
        names.push(format!("wider_{}", "語".repeat(40)));
    } else {
        names.push(filled("wider_", '語'));
        names.extend(["emoji_🦜", "trailing blank ", "  "].map(str::to_owned));
        names.push(filled("wide_", '🦜'));
    }
    names
}

/// Pairs of names that are one name where case does not count.
pub fn case_collisions() -> [(&'static str, &'static str); 4] {
    [
        ("name", "NAME"),
        ("Id", "id"),
        ("ünder", "ÜNDER"),
        ("order", "Order"),
    ]
}

/// Texts that break what is careless: quoting, escaping, copying formats, reports, terminals. Without U+0000; see [`NUL_TEXT`].
pub fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "  both  ",
        "trailing ",
        "trailing\t",
        "NULL",
        "null",
        "\\N",
        "\\.",
        "\\",
        "\\\\",
        "ends with \\",
        "\\n\\t\\r\\0",
        "\n",
        "\r\n",
        "\t",
        "a\tb\nc\rd",
        "\u{1}\u{8}\u{b}\u{c}\u{1a}\u{1b}\u{7f}",
        "'",
        "''",
        "\"",
        "`",
        "'; drop table t; --",
        "a,b;c|d",
        "{a,b}",
        "(1,2)",
        "$$body$$",
        "%s %d %%",
        "?",
        "$1 :name @var",
        "<script>alert('x')</script>&amp;",
        "=1+1",
        "\u{1b}[31mred\u{1b}[0m",
        "ä",
        "a\u{308}",
        "e\u{301}\u{323}",
        "ﬀ ſ K Å",
        "İıiI",
        "ßẞ",
        "עברית مرحبا",
        "\u{202e}evil",
        "zero\u{200b}width\u{feff}",
        "\u{feff}mark first",
        "日本語テキスト",
        "🦜👩‍👩‍👧‍👦🏳️‍🌈",
        "\u{10ffff}\u{10000}\u{ffff}\u{fffd}",
        "\u{80}\u{7ff}\u{800}",
        "0",
        "-0",
        "0x41",
        "1e3",
        "007",
        "NaN",
        "infinity",
        "true",
        "t",
        "2024-02-30",
        "0000-00-00",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("long ä🦜\\\t".repeat(10_000));
    texts
}

/// Text with U+0000, which PostgreSQL can not hold.
pub const NUL_TEXT: &str = "a\0b";

/// Byte strings that break what is careless.
pub fn blobs() -> Vec<Vec<u8>> {
    vec![
        vec![],
        vec![0],
        vec![0; 3],
        b"\\x41".to_vec(),
        b"\\N".to_vec(),
        b"\t\n\r\\'\"\x1a\0end".to_vec(),
        vec![0xff, 0xfe, 0x80, 0xc0, 0xc1],
        vec![0xed, 0xa0, 0x80],
        vec![0x20, 0x20],
        vec![0x41, 0x00],
        (0..=255).collect(),
        (0..70_000u32).map(|i| (i * 7 % 251) as u8).collect(),
    ]
}

/// JSON texts at the edges of what engines agree on. All are valid JSON without U+0000 and without a name twice.
pub fn jsons() -> Vec<&'static str> {
    vec![
        "null",
        "true",
        "0",
        "-0",
        "-0.0",
        "1.10",
        "1e2",
        "1E-7",
        "123456789012345678901234567890",
        "9007199254740993",
        "0.1",
        "\"\"",
        r#""\u00e4\n\"\\\/""#,
        r#""\ud83e\udd9c""#,
        "[]",
        "{}",
        "[[[[]]]]",
        r#"{"b": 1, "a": {"z": [1, 2.50, "x"], "": null}}"#,
        r#"{"aa": 1, "b": 2}"#,
        " { \"blank\" : [ 1 , 2 ] } ",
        r#"{"ключ": "значение 🦜"}"#,
        r#"{"key with \"quotes\"": "tab\there"}"#,
    ]
}

/// Values of a type that break what is careless, and its plainest ones; every one is legal for the type
/// somewhere. What one engine can not hold another may: an encoder answers those with a reject.
pub fn values(ty: &Type) -> Vec<Value> {
    match ty.base() {
        Type::Boolean => vec![Value::Bool(false), Value::Bool(true)],
        Type::Integer { bits, unsigned } => integers(*bits, *unsigned),
        Type::Year => [1901, 1970, 2000, 2155].map(Value::Int).to_vec(),
        Type::Decimal { precision, scale } => decimals(*precision, *scale),
        Type::Money { digits } => ["0", "-1", "92233720368547758"]
            .iter()
            .map(|w| Value::Decimal(fraction(w, u32::from(*digits))))
            .collect(),
        Type::Float { bits: 32 } => [
            0.0,
            -0.0,
            1.5,
            0.1,
            1.234_567_2,
            f32::MIN_POSITIVE,
            f32::from_bits(1),
            f32::MAX,
            f32::MIN,
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
        ]
        .map(Value::F32)
        .to_vec(),
        Type::Float { .. } => [
            0.0,
            -0.0,
            1.5,
            0.1,
            1.0 / 3.0,
            1e-17,
            2e-17,
            1e20,
            9_007_199_254_740_993.0,
            f64::EPSILON,
            f64::MIN_POSITIVE,
            f64::from_bits(1),
            f64::MAX,
            f64::MIN,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ]
        .map(Value::F64)
        .to_vec(),
        Type::Char { length } => texts()
            .into_iter()
            .filter(|t| t.chars().count() <= *length as usize)
            // The value of a padded text is without the blanks.
            .filter(|t| !t.ends_with(' '))
            .map(Value::Text)
            .collect(),
        Type::Varchar { length } => texts()
            .into_iter()
            .filter(|t| t.chars().count() <= *length as usize)
            .map(Value::Text)
            .collect(),
        Type::Text { max_bytes } => texts()
            .into_iter()
            .filter(|t| max_bytes.is_none_or(|n| t.len() as u64 <= n))
            .map(Value::Text)
            .collect(),
        Type::Binary { length } => blobs()
            .into_iter()
            .filter(|b| b.len() <= *length as usize)
            .map(|mut b| {
                b.resize(*length as usize, 0);
                Value::Bytes(b)
            })
            .collect(),
        Type::Varbinary { length } => blobs()
            .into_iter()
            .filter(|b| b.len() <= *length as usize)
            .map(Value::Bytes)
            .collect(),
        Type::Blob { max_bytes } => blobs()
            .into_iter()
            .filter(|b| max_bytes.is_none_or(|n| b.len() as u64 <= n))
            .map(Value::Bytes)
            .collect(),
        Type::Bit { length, varying } => bits(length.unwrap_or(70), *varying),
        Type::Date => dates(),
        Type::Time { zoned: true, .. } => vec![
            Value::TimeTz(0, 0),
            Value::TimeTz(DAY, -15 * 3600 - 59 * 60),
            Value::TimeTz(DAY - 1, 5 * 3600 + 45 * 60),
        ],
        Type::Time { span, .. } => {
            let mut times = vec![0, 1, DAY - 1, DAY, 43_200_000_000];
            if *span {
                times.extend([-1, -3_020_399_000_000, 3_020_399_000_000]);
            }
            times.into_iter().map(Value::Time).collect()
        }
        Type::Timestamp { zoned, .. } => timestamps()
            .into_iter()
            .map(|t| {
                if *zoned {
                    Value::TimestampTz(t)
                } else {
                    Value::Timestamp(t)
                }
            })
            .collect(),
        Type::Interval => vec![
            Value::Interval(0, 0, 0),
            Value::Interval(1, -1, 1),
            Value::Interval(-14, 3, -1_000_001),
            Value::Interval(0, 0, -1),
            Value::Interval(12 * 178_000, 0, 0),
            Value::Interval(0, 40, 25 * 3_600_000_000),
        ],
        Type::Json { .. } => jsons()
            .into_iter()
            .map(|j| Value::Json(j.to_owned()))
            .collect(),
        Type::Uuid => vec![
            Value::Uuid([0; 16]),
            Value::Uuid([255; 16]),
            Value::Uuid(*b"\x01\x23\x45\x67\x89\xab\xcd\xef\xfe\xdc\xba\x98\x76\x54\x32\x10"),
        ],
        Type::Enum { members, .. } => members.iter().cloned().map(Value::Text).collect(),
        Type::Set { members } => {
            let mut sets = vec![Value::Text(String::new()), Value::Text(members.join(","))];
            sets.extend(members.iter().cloned().map(Value::Text));
            sets
        }
        Type::Dynamic => vec![
            Value::Int(i64::MIN),
            Value::F64(0.5),
            Value::Text("text".into()),
            Value::Bytes(vec![0, 255]),
        ],
        // Their text forms belong to the engines' own tests.
        Type::Array { .. }
        | Type::Inet
        | Type::Cidr
        | Type::MacAddress { .. }
        | Type::Geometry { .. }
        | Type::Native { .. }
        | Type::Domain { .. } => Vec::new(),
    }
}

fn integers(bits: u8, unsigned: bool) -> Vec<Value> {
    if unsigned {
        let max = u64::MAX >> (64 - u32::from(bits));
        let mut values = vec![Value::Int(0), Value::Int(1)];
        values.extend([max / 2, max / 2 + 1, max].map(|u| match i64::try_from(u) {
            Ok(i) => Value::Int(i),
            Err(_) => Value::UInt(u),
        }));
        return values;
    }
    let max = i64::MAX >> (64 - u32::from(bits));
    [0, 1, -1, max, -max, -max - 1].map(Value::Int).to_vec()
}

/// A whole number with `scale` zeros after the point.
fn fraction(whole: &str, scale: u32) -> String {
    if scale == 0 {
        whole.to_owned()
    } else {
        format!("{whole}.{}", "0".repeat(scale as usize))
    }
}

fn decimals(precision: Option<u32>, scale: Option<i32>) -> Vec<Value> {
    let Some(precision) = precision else {
        let mut values: Vec<Value> = [
            "0",
            "1.100",
            "-0.00000000000000000001",
            "12345678901234567890123456789012345678901234567890.000000001",
            "10000",
            "NaN",
            "Infinity",
            "-Infinity",
        ]
        .map(|d| Value::Decimal(d.to_owned()))
        .to_vec();
        values.push(Value::Decimal(format!("1{}", "0".repeat(1000))));
        values.push(Value::Decimal(format!("0.{}7", "0".repeat(500))));
        return values;
    };
    let scale = u32::try_from(scale.unwrap_or(0)).unwrap_or(0);
    let whole = precision.saturating_sub(scale);
    let nines = if scale == 0 {
        "9".repeat(precision as usize)
    } else {
        let before = if whole == 0 {
            "0".to_owned()
        } else {
            "9".repeat(whole as usize)
        };
        format!("{before}.{}", "9".repeat(scale as usize))
    };
    let mut values = vec![fraction("0", scale), format!("-{nines}"), nines];
    if whole > 0 {
        values.push(fraction("-1", scale));
    }
    if scale > 0 {
        values.push(format!("0.{}1", "0".repeat(scale as usize - 1)));
    }
    values.into_iter().map(Value::Decimal).collect()
}

fn bits(length: u32, varying: bool) -> Vec<Value> {
    let filled = |n: u32, byte: u8| {
        let mut bytes = vec![byte; n.div_ceil(8) as usize];
        if !n.is_multiple_of(8)
            && let Some(last) = bytes.last_mut()
        {
            *last &= 0xff << (8 - n % 8);
        }
        Value::Bits(n, bytes)
    };
    let mut values = vec![
        filled(length, 0),
        filled(length, 0xff),
        filled(length, 0b1010_0101),
    ];
    if varying {
        values.extend([filled(0, 0), filled(1, 0xff)]);
    }
    values
}

fn day(year: i64, month: u32, day: u32) -> i64 {
    days_from_civil(year, month, day)
}

fn dates() -> Vec<Value> {
    let mut dates = vec![
        day(1970, 1, 1),
        day(1969, 12, 31),
        day(2000, 2, 29),
        day(1900, 3, 1),
        day(1582, 10, 10),
        day(1, 1, 1),
        day(1000, 1, 1),
        day(9999, 12, 31),
        // Only some engines have these.
        day(-4712, 1, 1),
        day(10_000, 1, 1),
    ]
    .into_iter()
    .map(|d| Value::Date(d as i32))
    .collect::<Vec<_>>();
    dates.extend([Value::Date(i32::MAX), Value::Date(i32::MIN)]);
    dates
}

fn timestamps() -> Vec<i64> {
    vec![
        0,
        -1,
        1,
        day(2000, 2, 29) * DAY + DAY - 1,
        // The hour that does not exist, and the one that exists twice, in most of Europe in 2024.
        day(2024, 3, 31) * DAY + 2 * 3_600_000_000 + 1_800_000_000,
        day(2024, 10, 27) * DAY + 2 * 3_600_000_000 + 1_800_000_000,
        // The ends of MySQL's TIMESTAMP, and one second after the last.
        1_000_000,
        ((1i64 << 31) - 1) * 1_000_000,
        (1i64 << 31) * 1_000_000,
        day(1, 1, 1) * DAY,
        day(9999, 12, 31) * DAY + DAY - 1,
        // Only some engines have these.
        day(-4712, 1, 1) * DAY,
        day(10_000, 1, 1) * DAY,
        i64::MAX,
        i64::MIN,
    ]
}

/// A random value of a type: often a hostile one, else any.
pub fn random(ty: &Type, rng: &mut impl Rng) -> Value {
    let known = values(ty);
    if !known.is_empty() && rng.random_bool(0.3) {
        return known[rng.random_range(0..known.len())].clone();
    }
    let text = |rng: &mut dyn rand::RngCore, most: usize| -> String {
        let n = rng.random_range(0..=most.min(60));
        (0..n)
            .map(|_| match rng.random_range(0..10) {
                0 => rng.random_range('\u{1}'..='\u{ff}'),
                1 => rng.random_range('\u{100}'..='\u{d7ff}'),
                2 => rng.random_range('\u{10000}'..='\u{10ffff}'),
                _ => rng.random_range(' '..='~'),
            })
            .collect()
    };
    match ty.base() {
        Type::Boolean => Value::Bool(rng.random()),
        Type::Integer { bits, unsigned } => {
            let shift = 64 - u32::from(*bits) + rng.random_range(0..u32::from(*bits));
            if *unsigned {
                let u = rng.random::<u64>() >> shift;
                i64::try_from(u).map_or(Value::UInt(u), Value::Int)
            } else {
                Value::Int(rng.random::<i64>() >> shift)
            }
        }
        Type::Year => Value::Int(rng.random_range(1901..=2155)),
        Type::Float { bits: 32 } => Value::F32(loop {
            let f = f32::from_bits(rng.random());
            if f.is_finite() {
                break f;
            }
        }),
        Type::Float { .. } => Value::F64(loop {
            let f = f64::from_bits(rng.random());
            if f.is_finite() {
                break f;
            }
        }),
        Type::Char { length } => {
            Value::Text(text(rng, *length as usize).trim_end_matches(' ').to_owned())
        }
        Type::Varchar { length } => Value::Text(text(rng, *length as usize)),
        Type::Text { max_bytes } => {
            Value::Text(text(rng, max_bytes.map_or(60, |n| n as usize / 4)))
        }
        Type::Binary { length } => Value::Bytes((0..*length).map(|_| rng.random()).collect()),
        Type::Varbinary { length } => {
            let n = rng.random_range(0..=(*length).min(60));
            Value::Bytes((0..n).map(|_| rng.random()).collect())
        }
        Type::Blob { .. } => {
            let n = rng.random_range(0..60);
            Value::Bytes((0..n).map(|_| rng.random()).collect())
        }
        Type::Date => Value::Date(rng.random_range(day(1000, 1, 1)..=day(9999, 12, 31)) as i32),
        Type::Timestamp { zoned, .. } => {
            // The range that every engine has, of instants, too.
            let t = rng.random_range(1_000_000..=((1i64 << 31) - 1) * 1_000_000);
            if *zoned {
                Value::TimestampTz(t)
            } else {
                Value::Timestamp(t)
            }
        }
        Type::Time { zoned: false, .. } => Value::Time(rng.random_range(0..DAY)),
        Type::Uuid => Value::Uuid(rng.random()),
        _ if known.is_empty() => Value::Null,
        _ => known[rng.random_range(0..known.len())].clone(),
    }
}

/// Whether two cells are the same value: as `==`, but NaN is itself, and 0 is not -0.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a.as_cell(), b.as_cell()) {
        (Cell::F64(x), Cell::F64(y)) => x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan(),
        (Cell::F32(x), Cell::F32(y)) => x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan(),
        (x, y) => x == y,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(family: &str, limit: usize, bytes: bool) -> Capabilities {
        Capabilities {
            family: family.into(),
            product: family.into(),
            version: "1".into(),
            namespaces: false,
            default_namespace: None,
            identifier_limit: limit,
            identifier_limit_in_bytes: bytes,
            table_names_case_sensitive: true,
            column_names_case_sensitive: true,
            index_names_per_namespace: true,
            primary_key_inline: true,
            constraints_inline: true,
            concurrent_writers: true,
            transactional_ddl: true,
            dynamic_types: false,
            embedded: false,
            change_source: "none".into(),
            snapshot_joinable: true,
            column_limit: 1000,
            settings: Vec::new(),
        }
    }

    #[test]
    fn names_reach_the_limit_and_never_pass_it_and_are_distinct_without_case() {
        for (family, limit, bytes) in [("postgresql", 63, true), ("mysql", 64, false)] {
            let names = identifiers(&engine(family, limit, bytes));
            let length = |n: &String| if bytes { n.len() } else { n.chars().count() };
            assert_eq!(names.iter().map(length).max(), Some(limit));
            assert!(names.iter().filter(|n| length(n) + 3 > limit).count() >= 2);
            let mut folded: Vec<String> = names.iter().map(|n| n.to_lowercase()).collect();
            folded.sort();
            folded.dedup();
            assert_eq!(folded.len(), names.len());
            assert!(names.iter().all(|n| !n.is_empty() && !n.contains('\0')));
        }
    }

    #[test]
    fn integers_end_where_their_width_ends() {
        let has =
            |bits, unsigned, value| values(&Type::Integer { bits, unsigned }).contains(&value);
        assert!(has(8, false, Value::Int(-128)) && has(8, false, Value::Int(127)));
        assert!(has(24, true, Value::Int(16_777_215)));
        assert!(has(64, false, Value::Int(i64::MIN)));
        assert!(has(64, true, Value::UInt(u64::MAX)));
    }

    #[test]
    fn decimals_have_exactly_the_declared_digits() {
        let got = values(&Type::Decimal {
            precision: Some(5),
            scale: Some(2),
        });
        assert!(got.contains(&Value::Decimal("-999.99".into())), "{got:?}");
        assert!(got.contains(&Value::Decimal("0.01".into())), "{got:?}");
        assert!(got.contains(&Value::Decimal("-1.00".into())), "{got:?}");
    }

    #[test]
    fn random_values_are_of_their_type() {
        let mut rng = rand::rng();
        for _ in 0..2000 {
            let v = random(&Type::Varchar { length: 5 }, &mut rng);
            assert!(matches!(&v, Value::Text(t) if t.chars().count() <= 5));
            let v = random(
                &Type::Integer {
                    bits: 16,
                    unsigned: false,
                },
                &mut rng,
            );
            assert!(matches!(v, Value::Int(-32768..=32767)));
            let v = random(
                &Type::Bit {
                    length: Some(11),
                    varying: false,
                },
                &mut rng,
            );
            assert!(matches!(&v, Value::Bits(11, b) if b.len() == 2 && b[1] & 0b11111 == 0));
        }
    }
}
