//! Column types of each engine, with a generator of literals for each.

pub(crate) mod maria;
pub(crate) mod postgres;
pub(crate) mod sqlite;

use crate::meaning::Meaning;
use limosa_testkit::hostile;
use rand::Rng;
use rand::rngs::StdRng;

/// One column type.
pub(crate) struct Kind {
    /// As it is declared.
    pub(crate) declared: &'static str,
    /// What its values mean.
    pub(crate) means: Meaning,
    /// Whether an index takes it as it is.
    pub(crate) indexable: bool,
    /// A value, as an SQL literal of its engine; never NULL.
    pub(crate) value: fn(&mut StdRng) -> String,
}

/// A kind that no index is put on.
const fn kind(declared: &'static str, means: Meaning, value: fn(&mut StdRng) -> String) -> Kind {
    Kind {
        declared,
        means,
        indexable: false,
        value,
    }
}

/// A kind that may be indexed.
const fn indexed(declared: &'static str, means: Meaning, value: fn(&mut StdRng) -> String) -> Kind {
    Kind {
        declared,
        means,
        indexable: true,
        value,
    }
}

/// One of a list.
fn of<T: Clone>(rng: &mut StdRng, list: &[T]) -> T {
    list[rng.random_range(0..list.len())].clone()
}

/// Hexadecimal digits, upper case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02X}")).collect()
}

/// A whole number from `low` to `high`: often an end, zero, or near one of them.
fn integer(rng: &mut StdRng, low: i128, high: i128) -> i128 {
    match rng.random_range(0..5) {
        0 => low,
        1 => high,
        2 => (low + rng.random_range(0..3)).min(high),
        3 => rng.random_range(-3..=3).clamp(low, high),
        _ => {
            let shift = rng.random_range(0..64);
            (i128::from(rng.random::<i64>() >> shift)).clamp(low, high)
        }
    }
}

/// A decimal with at most `digits` digits, `scale` of them after the point.
fn decimal(rng: &mut StdRng, digits: u32, scale: u32) -> String {
    let whole = digits - scale;
    let some = |rng: &mut StdRng, most: u32| -> String {
        let n = match rng.random_range(0..4) {
            0 => most,
            1 => 0,
            _ => rng.random_range(0..=most),
        };
        match rng.random_range(0..4) {
            0 => "9".repeat(n as usize),
            1 => "0".repeat(n as usize),
            _ => (0..n)
                .map(|_| char::from(b'0' + rng.random_range(0..10u8)))
                .collect(),
        }
    };
    let sign = of(rng, &["", "-"]);
    let (w, f) = (some(rng, whole), some(rng, scale));
    let w = if w.is_empty() { "0".into() } else { w };
    if f.is_empty() {
        format!("{sign}{w}")
    } else {
        format!("{sign}{w}.{f}")
    }
}

/// A finite float, often at an edge.
fn double(rng: &mut StdRng) -> f64 {
    match rng.random_range(0..4) {
        0 => of(
            rng,
            &[
                0.0,
                -0.0,
                0.1,
                -1.5,
                1.0 / 3.0,
                1e-17,
                2e-17,
                1e15,
                1e16,
                123_456_789_012_345_680.0,
                9_007_199_254_740_993.0,
                1e20,
                1e22,
                1e-7,
                1e-5,
                f64::EPSILON,
                f64::MIN_POSITIVE,
                f64::from_bits(1),
                f64::MAX,
                f64::MIN,
                -2.225_073_858_507_201_4e-308,
            ],
        ),
        1 => rng.random_range(-1e6..1e6),
        2 => f64::from(rng.random_range(-1000..1000)) / 100.0,
        _ => loop {
            let x = f64::from_bits(rng.random());
            if x.is_finite() {
                break x;
            }
        },
    }
}

/// A finite binary32, often at an edge.
fn single(rng: &mut StdRng) -> f32 {
    match rng.random_range(0..3) {
        0 => of(
            rng,
            &[
                0.0,
                -0.0,
                0.1,
                1.5,
                16_777_216.0,
                16_777_218.0,
                1.234_567_2,
                f32::MIN_POSITIVE,
                f32::from_bits(1),
                f32::MAX,
                f32::MIN,
                1e10,
            ],
        ),
        1 => rng.random_range(-1000.0..1000.0),
        _ => loop {
            let x = f32::from_bits(rng.random());
            if x.is_finite() {
                break x;
            }
        },
    }
}

/// Text of at most `most` characters, without U+0000.
fn text(rng: &mut StdRng, most: usize) -> String {
    let known = hostile::texts();
    let chosen = match rng.random_range(0..6) {
        0 | 1 => of(rng, &known),
        2 => (0..rng.random_range(0..4)).map(|_| ' ').collect(),
        // Texts that many collations take for one.
        3 => of(
            rng,
            &[
                "a",
                "A",
                "á",
                "a ",
                "a\u{301}",
                "ａ",
                "æ",
                "ae",
                "ß",
                "ss",
                "i",
                "I",
                "ı",
                "İ",
                "a\u{200b}",
                "\u{feff}a",
            ],
        )
        .to_owned(),
        _ => (0..rng.random_range(0..40))
            .map(|_| match rng.random_range(0..12) {
                0 => rng.random_range('\u{1}'..='\u{ff}'),
                1 => rng.random_range('\u{100}'..='\u{d7ff}'),
                2 => rng.random_range('\u{e000}'..='\u{ffff}'),
                3 => rng.random_range('\u{10000}'..='\u{10ffff}'),
                _ => rng.random_range(' '..='~'),
            })
            .collect(),
    };
    chosen.chars().take(most).collect()
}

fn bytes(rng: &mut StdRng, most: usize) -> Vec<u8> {
    let mut chosen = match rng.random_range(0..3) {
        0 => of(rng, &hostile::blobs()),
        1 => vec![of(rng, &[0u8, 0x20, 0xff]); rng.random_range(0..5)],
        _ => (0..rng.random_range(0..40)).map(|_| rng.random()).collect(),
    };
    chosen.truncate(most);
    chosen
}

/// A day as `YYYY-MM-DD`, of the years that every engine has.
fn day(rng: &mut StdRng) -> String {
    match rng.random_range(0..3) {
        0 => of(
            rng,
            &[
                "1000-01-01",
                "9999-12-31",
                "1970-01-01",
                "1969-12-31",
                "2000-02-29",
                "1900-03-01",
                "1582-10-10",
                "2024-03-31",
                "2024-10-27",
                "0001-01-01",
                "0999-12-31",
            ],
        )
        .to_owned(),
        _ => format!(
            "{:04}-{:02}-{:02}",
            rng.random_range(1000..=9999),
            rng.random_range(1..=12),
            rng.random_range(1..=28)
        ),
    }
}

/// A day of the years in which MySQL's TIMESTAMP counts.
fn near_day(rng: &mut StdRng) -> String {
    format!(
        "{:04}-{:02}-{:02}",
        rng.random_range(1971..=2037),
        rng.random_range(1..=12),
        rng.random_range(1..=28)
    )
}

/// A time of day with at most `digits` digits of a fraction.
fn clock(rng: &mut StdRng, digits: usize) -> String {
    let base = match rng.random_range(0..3) {
        0 => of(rng, &["00:00:00", "23:59:59", "02:30:00", "12:00:00"]).to_owned(),
        _ => format!(
            "{:02}:{:02}:{:02}",
            rng.random_range(0..24),
            rng.random_range(0..60),
            rng.random_range(0..60)
        ),
    };
    if digits == 0 || rng.random_bool(0.3) {
        return base;
    }
    let fraction = match rng.random_range(0..3) {
        0 => "9".repeat(digits),
        1 => format!("{}1", "0".repeat(digits - 1)),
        _ => (0..digits)
            .map(|_| char::from(b'0' + rng.random_range(0..10u8)))
            .collect(),
    };
    format!("{base}.{fraction}")
}

fn uuid(rng: &mut StdRng) -> String {
    let bytes: [u8; 16] = match rng.random_range(0..5) {
        0 => [0; 16],
        1 => [255; 16],
        _ => rng.random(),
    };
    let h = hex(&bytes).to_lowercase();
    format!(
        "{}-{}-{}-{}-{}",
        &h[..8],
        &h[8..12],
        &h[12..16],
        &h[16..20],
        &h[20..]
    )
}

/// JSON without repeated names and without U+0000.
fn json(rng: &mut StdRng) -> String {
    if rng.random_bool(0.5) {
        return of(rng, &hostile::jsons()).to_owned();
    }
    json_at(rng, 0)
}

fn json_at(rng: &mut StdRng, depth: u32) -> String {
    match rng.random_range(0..if depth > 2 { 5 } else { 8 }) {
        0 => of(rng, &["null", "true", "false"]).to_owned(),
        1 => of(
            rng,
            &[
                "0",
                "-1",
                "1.5",
                "1.50",
                "1e3",
                "-0",
                "0.1",
                "1E400",
                "18446744073709551615",
                "123456789.123456789123456789",
            ],
        )
        .to_owned(),
        2..=4 => quoted(&text(rng, 20)),
        5 | 6 => {
            let n = rng.random_range(0..4);
            let inner: Vec<String> = (0..n).map(|_| json_at(rng, depth + 1)).collect();
            format!("[{}]", inner.join(","))
        }
        _ => {
            let n = rng.random_range(0..4);
            let inner: Vec<String> = (0..n)
                .map(|i| {
                    let name = format!("{}{i}", text(rng, 6));
                    format!("{}: {}", quoted(&name), json_at(rng, depth + 1))
                })
                .collect();
            format!("{{{}}}", inner.join(", "))
        }
    }
}

/// A number of JSON with up to sixty digits.
fn long_number(rng: &mut StdRng) -> String {
    let (whole, rest) = (rng.random_range(-9..=9), decimal(rng, 60, 30));
    let rest = rest.trim_start_matches('-');
    let rest = if whole == 0 {
        rest.split_once('.')
            .map_or(String::new(), |(_, f)| format!(".{f}"))
    } else {
        rest.to_owned()
    };
    format!("{whole}{rest}")
}

/// A JSON string.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text can be said")
}

/// `n` bits as 0 and 1.
fn bits(rng: &mut StdRng, n: usize) -> String {
    match rng.random_range(0..4) {
        0 => "0".repeat(n),
        1 => "1".repeat(n),
        2 if n > 0 => format!("{}1", "0".repeat(n - 1)),
        _ => (0..n).map(|_| of(rng, &['0', '1'])).collect(),
    }
}
