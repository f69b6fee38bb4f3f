//! Each rule is named where it holds, and nowhere else.

use super::*;
use crate::outcome::ColumnCauses;
use limosa_core::canonical::{self, CanonicalRows};
use limosa_core::engine::CanonicalColumn;
use limosa_core::schema::Type;
use proptest::prelude::*;

fn text(s: &str, t: &str) -> Vec<Cause> {
    explain(Some(s.as_bytes()), Some(t.as_bytes()), Form::Text)
}

fn decimal(s: &str, t: &str) -> Vec<Cause> {
    let said = |x: &str| {
        let mut out = Vec::new();
        canonical::decimal(&mut out, x.as_bytes());
        out
    };
    explain(Some(&said(s)), Some(&said(t)), Form::Decimal)
}

fn double(s: f64, t: f64) -> Vec<Cause> {
    explain(Some(&s.to_be_bytes()), Some(&t.to_be_bytes()), Form::Double)
}

fn moment(s: &str, t: &str) -> Vec<Cause> {
    explain(Some(s.as_bytes()), Some(t.as_bytes()), Form::Timestamp)
}

#[test]
fn every_rule_is_found_in_its_example() {
    use Cause::*;
    let texts: [(&str, &str, Cause); 22] = [
        ("Zoë  ", "Zoë", TrailingSpace),
        ("\ta b\n", "a b", OuterSpace),
        ("a\0\0", "a", TrailingZeroBytes),
        ("a\r\nb", "a\nb", LineEnds),
        ("McDonald", "MCDONALD", Case),
        ("Zoe\u{308}", "Zoë", Normalization),
        ("10\u{a0}000", "10 000", NoBreakSpace),
        ("a\u{200b}b", "ab", ZeroWidth),
        ("раypal", "paypal", LookAlike),
        ("Zoë", "ZoÃ«", DoubleEncoded),
        ("10 €", "10 â‚¬", DoubleEncoded),
        ("ZoÃ«", "Zoë", DoubleEncodingMended),
        ("Zoë", "Zo?", Replaced),
        ("Zoë", "Zo??", Replaced),
        ("Zoë", "Zo\u{fffd}", Replaced),
        ("Zoë Müller", "Zoë M", Characters(5)),
        ("Zoë Müller", "Zoë M", Bytes(7)),
        ("Zoë", "Zoë Müller", Prolonged),
        ("007", "7", LeadingZeros),
        ("1.50", "1.5", NumberSpelling),
        ("true", "1", BooleanSpelling),
        ("{\"b\": 1, \"a\": 2.0}", "{\"a\":2,\"b\":1}", JsonSpelling),
    ];
    for (s, t, cause) in texts {
        assert!(text(s, t).contains(&cause), "{s:?} {t:?}: {:?}", text(s, t));
    }
    for (s, t, cause) in [
        ("1.005", "1.01", Rounded(2)),
        ("1.005", "1", Cut(2)),
        ("9.999", "10", Rounded(2)),
        ("-2.5", "-2", Rounded(0)),
        ("-2.5", "-3", Rounded(0)),
        ("-12", "12", Sign),
        ("12.34", "1234", Scaled(2)),
        ("0.1", "0.1000000000000000055511151231257827", Binary64),
        ("123456789", "123456792", Binary32),
    ] {
        assert!(
            decimal(s, t).contains(&cause),
            "{s} {t}: {:?}",
            decimal(s, t)
        );
    }
    for (s, t, cause) in [
        (0.1 + 0.2, 0.3, LastBit),
        (0.0, -0.0, NegativeZero),
        (0.1, f64::from(0.1f32), Binary32),
        (1.234_567_890_123, 1.23457, Significant(6)),
    ] {
        assert!(double(s, t).contains(&cause), "{s} {t}: {:?}", double(s, t));
    }
    for (s, t, cause) in [
        (
            "2024-03-01 00:30:00",
            "2024-02-29 22:30:00",
            Shift(-7_200_000_000),
        ),
        ("2024-03-01 12:00:00", "2024-02-29 12:00:00", Days(-1)),
        ("2024-03-01 12:00:00", "2024-03-01 00:00:00", TimeLost),
        (
            "2024-03-01 12:00:00.987654",
            "2024-03-01 12:00:00.98",
            FractionCut(2),
        ),
        (
            "2024-03-01 12:00:00.987654",
            "2024-03-01 12:00:01",
            FractionRounded(0),
        ),
    ] {
        assert!(moment(s, t).contains(&cause), "{s} {t}: {:?}", moment(s, t));
    }
    let null = |s: Option<&[u8]>, t: Option<&[u8]>| explain(s, t, Form::Text);
    assert_eq!(null(Some(b""), None), [NullForEmpty]);
    assert_eq!(null(None, Some(b"")), [EmptyForNull]);
    assert_eq!(null(Some(b"x"), None), [NullInTarget]);
    assert_eq!(null(None, Some(b"<null>")), [NullInSource]);
    assert!(null(None, None).is_empty());
    assert_eq!(explain(Some(b"t"), None, Form::Dynamic), [NullForEmpty]);
    assert_eq!(explain(None, Some(b"t"), Form::Dynamic), [EmptyForNull]);
    assert_eq!(
        explain(Some(b"i7"), Some(b"t7"), Form::Dynamic),
        [NumberSpelling]
    );
    assert_eq!(
        explain(Some(b"2024-02-29"), Some(b"2024-03-01"), Form::Date),
        [Days(1)]
    );
}

#[test]
fn what_no_rule_explains_has_none() {
    for (s, t) in [
        ("abc", "abd"),
        ("Zoë", "Zoe"),
        ("a?", "b?"),
        ("1.5", "1.6"),
        ("true", "0"),
    ] {
        assert!(text(s, t).is_empty(), "{s} {t}: {:?}", text(s, t));
    }
    assert!(!text("0", "0 ").contains(&Cause::NumberSpelling));
    assert!(decimal("1.234", "1.24").is_empty());
    assert!(double(1.5, 2.75).is_empty());
    assert!(explain(Some(b"\xff\x00\x01"), Some(b"\xff\x01"), Form::Bytes).is_empty());
    assert!(moment("not a date", "2024-01-01 00:00:00").is_empty());
}

/// Whether a rule holds between two texts, said in another way than the rule itself says it.
fn holds(cause: Cause, s: &str, t: &str) -> bool {
    let strip = |x: &str, of: &[char]| x.split(of).collect::<String>();
    match cause {
        Cause::TrailingSpace => {
            format!("{s}{}", " ".repeat(t.len())).starts_with(t)
                || format!("{t}{}", " ".repeat(s.len())).starts_with(s)
        }
        Cause::Case => {
            s.chars().flat_map(char::to_lowercase).count()
                == t.chars().flat_map(char::to_lowercase).count()
        }
        Cause::Characters(n) => s.chars().take(n as usize).eq(t.chars()),
        Cause::Bytes(n) => {
            t.len() <= n as usize
                && s.is_char_boundary(t.len())
                && s.len() > n as usize
                && s.as_bytes()[..t.len()] == *t.as_bytes()
                && (t.len() == n as usize || !s.is_char_boundary(n as usize))
        }
        Cause::LineEnds => strip(s, &['\r', '\n']) == strip(t, &['\r', '\n']),
        Cause::Prolonged => t.len() > s.len() && t.as_bytes()[..s.len()] == *s.as_bytes(),
        Cause::LeadingZeros | Cause::NumberSpelling => match (s.parse::<f64>(), t.parse::<f64>()) {
            (Ok(a), Ok(b)) => a == b,
            _ => false,
        },
        _ => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("LIMOSA_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(128)
    ))]

    #[test]
    fn a_change_is_named_by_what_was_done(s in "[a-zA-Z0-9äöüßéñЖ€ \\r\\n]{1,40}", n in 0usize..40, pad in 1usize..5) {
        let check = |t: String, cause: Cause| {
            if t == s {
                return Ok(());
            }
            let found = text(&s, &t);
            prop_assert!(found.contains(&cause), "{s:?} → {t:?}: {cause:?} is not in {found:?}");
            for other in found {
                prop_assert!(holds(other, &s, &t), "{s:?} → {t:?}: {other:?}");
            }
            Ok(())
        };
        check(format!("{s}{}", " ".repeat(pad)), Cause::TrailingSpace)?;
        check(s.to_lowercase(), Cause::Case)?;
        check(s.replace("\r\n", "\n"), Cause::LineEnds)?;
        let kept: String = s.chars().take(n).collect();
        let characters = kept.chars().count() as u32;
        check(kept, Cause::Characters(characters))?;
        if !s.is_ascii() {
            check(s.bytes().map(char::from).collect(), Cause::DoubleEncoded)?;
            check(s.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect(), Cause::Replaced)?;
        }
    }

    #[test]
    fn unlike_texts_get_no_rule_that_does_not_hold(s in "\\PC{0,12}", t in "\\PC{0,12}") {
        for cause in text(&s, &t) {
            prop_assert!(holds(cause, &s, &t), "{s:?} {t:?}: {cause:?}");
        }
    }

    #[test]
    fn numbers_are_cut_and_rounded_as_said(m in -1_000_000_000i64..1_000_000_000, scale in 1u32..9, n in 0u32..8) {
        prop_assume!(n < scale);
        let say = |m: i64, scale: u32| {
            let unit = 10i64.pow(scale);
            let sign = if m < 0 { "-" } else { "" };
            format!("{sign}{}.{:0width$}", m.abs() / unit, m.abs() % unit, width = scale as usize)
        };
        let unit = 10i64.pow(scale - n);
        let s = say(m, scale);
        for (t, cause) in [
            (m / unit, Cause::Cut(n as u8)),
            ((m.abs() + unit / 2) / unit * m.signum(), Cause::Rounded(n as u8)),
        ] {
            if t * unit != m {
                let t = if n == 0 { t.to_string() } else { say(t, n) };
                let found = decimal(&s, &t);
                prop_assert!(found.contains(&cause), "{s} → {t}: {found:?}");
            }
        }
    }

    #[test]
    fn moments_move_by_what_is_said(at in -10_000_000_000i64..10_000_000_000, by in -200_000i64..200_000) {
        prop_assume!(by != 0);
        let say = |seconds: i64| {
            jiff::Timestamp::from_second(seconds).map(|t| t.strftime("%Y-%m-%d %H:%M:%S").to_string())
        };
        let (Ok(s), Ok(t)) = (say(at), say(at + by)) else { return Ok(()) };
        let want = match by % 86_400 {
            0 => Cause::Days(by / 86_400),
            _ => Cause::Shift(by * 1_000_000),
        };
        let found = moment(&s, &t);
        prop_assert_eq!(found.first(), Some(&want));
    }
}

fn columns(forms: &[(&str, Form)]) -> Vec<CanonicalColumn> {
    let column = |(name, form): &(&str, Form)| CanonicalColumn {
        name: (*name).into(),
        ty: Type::Text { max_bytes: None },
        native: String::new(),
        form: *form,
    };
    forms.iter().map(column).collect()
}

fn row(cells: &[Option<&str>]) -> Vec<u8> {
    let mut rows = CanonicalRows::default();
    for cell in cells {
        match cell {
            Some(text) => rows.cell(text.as_bytes()),
            None => rows.null(),
        }
    }
    rows.end_row();
    rows.rows().next().expect("one row").1.to_vec()
}

fn said(parts: [Tally; 2], of: &[CanonicalColumn]) -> Vec<String> {
    let [mut whole, other] = parts;
    whole.merge(other);
    whole.say(of).iter().flat_map(ColumnCauses::lines).collect()
}

#[test]
fn differences_of_a_column_come_under_one_rule_if_one_explains_them_all() {
    let of = columns(&[("at", Form::TimestampTz), ("name", Form::Text)]);
    let mut parts = [Tally::default(), Tally::default()];
    for day in 1..=28 {
        let s = format!("2024-02-{day:02} 10:00:00");
        let t = format!("2024-02-{day:02} 12:00:00");
        let name = "x".repeat(5 + day);
        parts[day % 2].add(
            &row(&[Some(&s), Some(&name)]),
            &row(&[Some(&t), Some(&name[..5])]),
            &of,
        );
    }
    assert_eq!(
        said(parts, &of),
        [
            "at: all 28 values differ by exactly +02:00",
            "name: all 28 values are cut off behind 5 characters",
        ]
    );
}

#[test]
fn summer_time_is_told_by_the_zone_that_explains_it() {
    let of = columns(&[("at", Form::Timestamp)]);
    let mut parts = [Tally::default(), Tally::default()];
    for month in 1..=12 {
        let s = format!("2024-{month:02}-15 10:00:00");
        let hours = if (4..=10).contains(&month) { 12 } else { 11 };
        let t = format!("2024-{month:02}-15 {hours}:00:00");
        parts[month % 2].add(&row(&[Some(&s)]), &row(&[Some(&t)]), &of);
    }
    let lines = said(parts.clone(), &of);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].contains("the target has the local time of Europe/Berlin"),
        "{lines:?}"
    );
    // One difference that no zone explains, and none is named.
    parts[0].add(
        &row(&[Some("2024-01-01 00:00:00")]),
        &row(&[Some("2024-01-01 05:07:00")]),
        &of,
    );
    let lines = said(parts, &of);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(
        lines
            .iter()
            .any(|l| l == "at: 1 of 13 values differ by exactly +05:07"),
        "{lines:?}"
    );
}

#[test]
fn columns_that_changed_places_and_rules_that_explain_a_part() {
    let of = columns(&[("first", Form::Text), ("last", Form::Text)]);
    let mut parts = [Tally::default(), Tally::default()];
    for n in 0..2000 {
        let (a, b) = (format!("a{n}"), format!("b{n}"));
        parts[n % 2].add(
            &row(&[Some(&a), Some(&b)]),
            &row(&[Some(&b), Some(&a)]),
            &of,
        );
    }
    assert_eq!(
        said(parts.clone(), &of),
        [
            "first: all 2,000 values changed places with column last",
            "last: all 2,000 values changed places with column first",
        ]
    );
    parts[0].add(
        &row(&[Some("x"), Some("y")]),
        &row(&[Some("q"), Some("y")]),
        &of,
    );
    assert_eq!(
        said(parts, &of)[..2],
        [
            "first: 2,000 of 2,001 values changed places with column last",
            "first: 1 of 2,001 values follow no rule that is known",
        ]
    );
}
