//! What means the same is said the same, and nothing else is.

use super::*;

fn said(f: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    f(&mut out);
    String::from_utf8(out).expect("these tests use text")
}

#[test]
fn no_content_passes_for_a_boundary() {
    let row = |cells: &[Option<&str>]| {
        let mut rows = CanonicalRows::default();
        for c in cells {
            match c {
                Some(c) => rows.cell(c.as_bytes()),
                None => rows.null(),
            }
        }
        rows.end_row();
        let (_, row) = rows.rows().next().expect("one row");
        row.to_vec()
    };
    assert_ne!(
        row(&[Some("a|b"), Some("c")]),
        row(&[Some("a"), Some("b|c")])
    );
    assert_ne!(row(&[None]), row(&[Some("")]));
    assert_ne!(row(&[None]), row(&[Some("NULL")]));
    let long = "x".repeat(1000);
    let bytes = row(&[None, Some(&long), Some("")]);
    assert_eq!(cells(&bytes), [None, Some(long.as_bytes()), Some(&b""[..])]);
}

#[test]
fn text_is_compared_by_what_the_other_side_means() {
    let int = Type::Integer {
        bits: 64,
        unsigned: false,
    };
    let text = Type::Text { max_bytes: None };
    let padded = Type::Char { length: 36 };
    for (a, b, want) in [
        (&text, &int, Form::Decimal),
        (&text, &Type::Float { bits: 64 }, Form::Double),
        (&padded, &Type::Uuid, Form::Uuid),
        (&padded, &text, Form::PaddedText),
        (&Type::Boolean, &text, Form::Boolean),
        (&text, &Type::Date, Form::Date),
    ] {
        assert_eq!(form(a, b), Ok(want), "{a} and {b}");
    }
}

#[test]
fn long_cells_written_in_place_read_the_same() {
    for n in [0, 1, 126, 127, 128, 20_000] {
        let text = vec![b'y'; n];
        let (mut a, mut b) = (CanonicalRows::default(), CanonicalRows::default());
        a.cell(&text);
        b.cell_with(|out| out.extend_from_slice(&text));
        assert_eq!(a.bytes, b.bytes, "{n}");
    }
}

#[test]
fn numbers_of_one_value_are_one_text() {
    for (text, want) in [
        ("+007.50", "7.5"),
        ("-0.000", "0"),
        ("-0", "0"),
        ("1e3", "1000"),
        ("1.5E-3", "0.0015"),
        ("00042", "42"),
        ("12345678901234567890.120", "12345678901234567890.12"),
        (".5", "0.5"),
        ("5.", "5"),
        ("NaN", "NaN"),
        ("-inf", "-Infinity"),
        ("abc", "abc"),
        ("1e999999", "1e999999"),
    ] {
        assert_eq!(said(|o| decimal(o, text.as_bytes())), want, "{text}");
    }
}

#[test]
fn json_of_one_meaning_is_one_text() {
    for (a, b) in [
        (
            r#"{"b": 1, "a": [1.10, 1e2]}"#,
            r#"{"a":[1.1,100.0],"b":1.0}"#,
        ),
        (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
        (r#""\u0041\u00e9\ud83d\ude00\/""#, "\"Aé😀/\""),
    ] {
        assert_eq!(
            said(|o| json(o, a.as_bytes())),
            said(|o| json(o, b.as_bytes()))
        );
    }
    assert_eq!(said(|o| json(o, b"{not json")), "{not json");
    assert_ne!(
        said(|o| json(o, br#"["a"]"#)),
        said(|o| json(o, br#"["A"]"#))
    );
    let deep = "[".repeat(100_000);
    assert_eq!(said(|o| json(o, deep.as_bytes())), deep);
}

#[test]
fn moments_lose_only_what_means_nothing() {
    for (text, stamp, want) in [
        ("2024-01-02T03:04:05.500", true, "2024-01-02 03:04:05.5"),
        ("2024-01-02", true, "2024-01-02 00:00:00"),
        ("2024-01-02 03:04", true, "2024-01-02 03:04:00"),
        ("10:20:30.000000", false, "10:20:30"),
        ("infinity", true, "infinity"),
        ("10:20:30", false, "10:20:30"),
    ] {
        assert_eq!(said(|o| moment(o, text.as_bytes(), stamp)), want);
    }
}
