//! Formulas and programs, as a plan and a lane use them.

use bumpalo::Bump;
use limosa_core::batch::Batch;
use limosa_core::schema::{TableName, Type};
use limosa_core::value::Value;
use limosa_flow::transform::{
    Applied, Input, KeyTrace, LANGUAGE, Lookups, Output, Program, Scope, Surroundings,
    TransformPlan, Wrong, compile,
};

fn text() -> Type {
    Type::Text { max_bytes: None }
}

fn inputs() -> Vec<Input> {
    let input = |name: &str, ty: Type| Input {
        name: name.into(),
        ty,
        nullable: true,
    };
    let int = |bits| Type::Integer {
        bits,
        unsigned: false,
    };
    vec![
        input("id", int(64)),
        input("email", Type::Varchar { length: 40 }),
        input("name", text()),
        input("small", int(16)),
        input("n", int(32)),
        input(
            "price",
            Type::Decimal {
                precision: Some(10),
                scale: Some(2),
            },
        ),
        input("weight", Type::Float { bits: 64 }),
        input("ok", Type::Boolean),
        input("born", Type::Date),
        input(
            "at",
            Type::Timestamp {
                precision: 6,
                zoned: false,
            },
        ),
        input(
            "moment",
            Type::Timestamp {
                precision: 6,
                zoned: true,
            },
        ),
        input("doc", Type::Json { normalised: false }),
        input("raw", Type::Blob { max_bytes: None }),
        input("u", Type::Uuid),
        input("any", Type::Dynamic),
    ]
}

fn row() -> Vec<Value> {
    vec![
        Value::Int(7),
        Value::Text("Ada@Example.ORG".into()),
        Value::Text("  Ådne Østby ".into()),
        Value::Int(3),
        Value::Int(-5),
        Value::Decimal("12.50".into()),
        Value::F64(2.5),
        Value::Bool(true),
        Value::Date(19_782),
        Value::Timestamp(1_709_212_745_500_000),
        Value::TimestampTz(1_709_212_745_500_000),
        Value::Json(r#"{"a":[1,{"b":"x"}],"big":12345678901234567890.12,"nul":null}"#.into()),
        Value::Bytes(vec![0, 255]),
        Value::Uuid([1; 16]),
        Value::Text("anything".into()),
    ]
}

fn scope<'s>(inputs: &'s [Input], lookups: &'s Lookups) -> Scope<'s> {
    Scope {
        inputs,
        case_sensitive: true,
        lookups,
        salt: Some(b"a secret for tests"),
    }
}

fn program(outputs: &[&str], filter: Option<&str>) -> Program {
    let inputs = inputs();
    let lookups = Lookups::of(Vec::new());
    let plan = TransformPlan {
        shape: TableName::bare("t"),
        filter: filter.map(Into::into),
        outputs: outputs
            .iter()
            .map(|text| Output::Formula {
                name: (*text).into(),
                text: (*text).into(),
                ty: Type::Boolean,
            })
            .collect(),
        inputs,
        key: KeyTrace::None,
        lookups: Vec::new(),
        salt: None,
        now: 1_709_212_745_500_000,
    };
    let around = Surroundings {
        salt: Some(b"a secret for tests"),
        lookups: &lookups,
        case_sensitive: true,
    };
    Program::new(&plan, around).unwrap_or_else(|e| panic!("{outputs:?}: {e}"))
}

/// The value of a formula for a row, or why it failed.
fn value_of(formula: &str, row: &[Value]) -> Result<Value, String> {
    let program = program(&[formula], None);
    let mut batch = Batch::default();
    batch.reset(row.len());
    row.iter().for_each(|v| batch.put_cell(v.as_cell()));
    batch.end_row();
    let (mut out, mut done) = (Batch::default(), Applied::default());
    program.apply(&mut Bump::new(), &batch, &mut out, &mut done);
    if let Some(refused) = done.refused.first() {
        return Err(refused.reason.clone());
    }
    let mut cells = out.cells();
    Ok(cells.next().expect("one cell came out").to_value())
}

fn wrong(formula: &str) -> Wrong {
    let (inputs, lookups) = (inputs(), Lookups::of(Vec::new()));
    match compile(formula, scope(&inputs, &lookups)) {
        Err(wrong) => wrong,
        Ok(made) => panic!("{formula} is taken: {made:?}"),
    }
}

fn t(text: &str) -> Value {
    Value::Text(text.into())
}

fn d(text: &str) -> Value {
    Value::Decimal(text.into())
}

#[test]
fn formulas_mean_what_the_guide_says() {
    let cases: Vec<(&str, Value)> = vec![
        ("lower(email)", t("ada@example.org")),
        ("trim(name)", t("Ådne Østby")),
        ("upper(trim(name))", t("ÅDNE ØSTBY")),
        ("n + 7 * 2", Value::Int(9)),
        ("7 / 2", Value::Int(3)),
        ("-7 % 3", Value::Int(-1)),
        ("price * 3", d("37.50")),
        ("price / 4", d("3.1250000000000000")),
        ("round(price / 4, 1)", d("3.1")),
        ("weight * 2", Value::F64(5.0)),
        ("round(weight)", Value::F64(2.0)),
        ("n < 0 AND ok", Value::Bool(true)),
        ("NULL AND n > 0", Value::Bool(false)),
        ("NULL OR n > 0", Value::Null),
        ("coalesce(NULL, born)", Value::Date(19_782)),
        ("nullif(small, 3)", Value::Null),
        (
            "CASE WHEN n > 0 THEN 'plus' WHEN n < 0 THEN 'minus' END",
            t("minus"),
        ),
        (
            "CASE small WHEN 3 THEN 'three' ELSE 'other' END",
            t("three"),
        ),
        ("small IN (1, 2, NULL)", Value::Null),
        ("price BETWEEN 12 AND 12.5", Value::Bool(true)),
        ("email LIKE '%@Example.%'", Value::Bool(true)),
        ("email ILIKE 'ADA@%ORG'", Value::Bool(true)),
        ("'a%b' LIKE 'a!%b' ESCAPE '!'", Value::Bool(true)),
        ("name || '.' || small", t("  Ådne Østby .3")),
        ("concat_ws(', ', 'a', NULL, 'b')", t("a, b")),
        ("length(name)", Value::Int(13)),
        ("octet_length('é')", Value::Int(2)),
        ("substr('abcdef', 0, 3)", t("ab")),
        ("left('abcdef', -2) || right('abcdef', 2)", t("abcdef")),
        ("split_part('a-b-c', '-', -1)", t("c")),
        ("position('b' IN 'abc')", Value::Int(2)),
        ("lpad('7', 3, '0')", t("007")),
        (
            "regexp_replace('a1b22', '[0-9]+', '<\\&>', 'g')",
            t("a<1>b<22>"),
        ),
        ("regexp_like(email, '^ada', 'i')", Value::Bool(true)),
        ("born + 1", Value::Date(19_783)),
        ("born - date '2024-02-01'", Value::Int(28)),
        (
            "at + interval '1 month 1 day'",
            Value::Timestamp(1_711_804_745_500_000),
        ),
        ("extract(year FROM at)", Value::Int(2024)),
        ("extract(second FROM at)", d("5.500000")),
        (
            "date_trunc('month', born)",
            Value::Timestamp(19_754 * 86_400_000_000),
        ),
        ("to_date('29.02.2024', 'DD.MM.YYYY')", Value::Date(19_782)),
        (
            "to_char(at, 'YYYY-MM-DD\"T\"HH24:MI:SS')",
            t("2024-02-29T13:19:05"),
        ),
        (
            "moment AT TIME ZONE 'Asia/Tokyo'",
            Value::Timestamp(1_709_245_145_500_000),
        ),
        (
            "at AT TIME ZONE 'Europe/Oslo'",
            Value::TimestampTz(1_709_209_145_500_000),
        ),
        ("to_timestamp(1.5)", Value::TimestampTz(1_500_000)),
        ("now()", Value::TimestampTz(1_709_212_745_500_000)),
        ("md5('a')", t("0cc175b9c0f1b6a831c399e269772661")),
        (
            "uuid_v5('dns', 'www.example.com')",
            Value::Uuid([
                0x2e, 0xd6, 0x65, 0x7d, 0xe9, 0x27, 0x56, 0x8b, 0x95, 0xe1, 0x26, 0x65, 0xa8, 0xae,
                0xa6, 0xa2,
            ]),
        ),
        ("encode(raw, 'hex')", t("00ff")),
        ("decode('AP8=', 'base64')", Value::Bytes(vec![0, 255])),
        ("doc -> 'a' -> 1 ->> 'b'", t("x")),
        ("doc ->> 'big'", t("12345678901234567890.12")),
        ("doc ->> 'nul'", Value::Null),
        ("json_get(doc, 'a', 0)", t("1")),
        ("mask_keep('4111111111111111', 4)", t("************1111")),
        ("mask_keep('12', 4)", t("12")),
        ("CAST('42' AS integer)", Value::Int(42)),
        ("CAST(price AS integer)", Value::Int(13)),
        ("CAST(weight AS integer)", Value::Int(2)),
        ("CAST(price AS numeric(5,1))", d("12.5")),
        ("CAST(ok AS text)", t("true")),
        ("CAST(1e20::double precision AS text)", t("1e+20")),
        ("any IS NULL", Value::Bool(false)),
        ("greatest(1, NULL, 2.5)", d("2.5")),
        ("born = '2024-02-29'", Value::Bool(true)),
    ];
    for (formula, want) in cases {
        assert_eq!(value_of(formula, &row()), Ok(want), "{formula}");
    }
}

#[test]
fn a_row_that_fails_says_where_and_why_and_holds_no_value() {
    for (formula, why) in [
        ("1 / (n + 5)", "/: division by zero"),
        (
            "n + 2147483647 + 100",
            "+: the whole number is out of range",
        ),
        ("CAST(name AS integer)", "CAST: the text is no whole number"),
        (
            "CAST(email AS varchar(3))",
            "CAST: the text is longer than the type",
        ),
        ("CAST(email AS date)", "CAST: the text is no date"),
        (
            "to_date(email, 'YYYY-MM-DD')",
            "to_date: the text does not fit the pattern",
        ),
        (
            "split_part(name, ' ', n + 5)",
            "split_part: a part number of 0",
        ),
    ] {
        assert_eq!(value_of(formula, &row()), Err(why.into()), "{formula}");
    }
    let mut odd = row();
    odd[4] = t("not a number");
    assert_eq!(
        value_of("n + 1", &odd),
        Err("column: the value is not of the column's type".into())
    );
    // As a text it can be mended.
    assert_eq!(
        value_of(
            "cast(nullif(cast(n as text), 'not a number') as integer)",
            &odd
        ),
        Ok(Value::Null)
    );
}

#[test]
fn a_wrong_formula_is_told_before_anything_moves() {
    let mut others = Vec::new();
    for (formula, at, why) in [
        ("lower(emial)", 6, "did you mean email?"),
        ("lowr(email)", 0, "did you mean lower?"),
        ("lower(n)", 6, "takes text, and this is integer"),
        ("n + email", 4, "takes numbers, and this is text"),
        ("n = email", 4, "integer and text"),
        ("any || 'x'", 0, "can not look into"),
        ("1 / 0", 0, "division by zero"),
        ("CAST('x' AS integer)", 5, "no whole number"),
        ("regexp_like(name, '(')", 18, "unclosed group"),
        ("regexp_like(name, name)", 18, "written out"),
        ("at AT TIME ZONE 'Mars'", 16, "no time zone"),
        ("extract(moon FROM at)", 18, "there is no field moon"),
        ("substr(name)", 7, "too few"),
        ("lookup('x.y', n)", 7, "no table x"),
        ("coalesce(n, name)", 12, "integer and text"),
        ("CASE WHEN n THEN 1 END", 10, "takes a condition"),
        ("to_date(name, 'QQ')", 14, "no field Q"),
    ] {
        let wrong = wrong(formula);
        if !wrong.why.contains(why) || wrong.at != at {
            others.push(format!("{formula}: {wrong:?}"));
        }
    }
    assert!(others.is_empty(), "{}", others.join("\n"));
}

#[test]
fn types_and_ways_to_fail_are_known_beforehand() {
    let (inputs, lookups) = (inputs(), Lookups::of(Vec::new()));
    let made =
        |f: &str| compile(f, scope(&inputs, &lookups)).unwrap_or_else(|e| panic!("{f}: {e:?}"));
    for (formula, ty, fails) in [
        ("lower(email)", "varchar(40)", false),
        ("trim(name)", "text", false),
        ("coalesce(email, 'none')", "varchar(40)", false),
        ("small + 1", "integer(32 bits)", true),
        ("id + 1", "integer(64 bits)", true),
        ("price * 2", "decimal(20,2)", true),
        ("price / 2", "decimal", true),
        ("left(name, 3)", "varchar(3)", false),
        ("CAST(small AS bigint)", "integer(64 bits)", false),
        ("CAST(id AS integer)", "integer(32 bits)", true),
        ("CAST(name AS integer)", "integer(32 bits)", true),
        ("'constant'", "text", false),
        ("md5(name)", "varchar(32)", false),
        ("born + 1", "date", true),
        ("email", "varchar(40)", false),
    ] {
        let made = made(formula);
        assert_eq!(made.ty.to_string(), ty, "{formula}");
        assert_eq!(!made.fails.is_empty(), fails, "{formula}: {:?}", made.fails);
    }
    assert!(!made("coalesce(name, 'x')").nullable);
    assert!(made("nullif(name, 'x')").nullable);
    assert_eq!(made("email").passes, Some(1));
    assert_eq!(made("lower(email)").passes, None);
}

#[test]
fn every_row_is_taken_filtered_or_refused() {
    let program = program(&["100 / n"], Some("small > 1"));
    let mut batch = Batch::default();
    batch.reset(inputs().len());
    for (small, n) in [(1, 1), (2, 5), (3, 0), (4, 10)] {
        let mut row = row();
        row[3] = Value::Int(small);
        row[4] = Value::Int(n);
        row.iter().for_each(|v| batch.put_cell(v.as_cell()));
        batch.end_row();
    }
    let (mut out, mut done) = (Batch::default(), Applied::default());
    program.apply(&mut Bump::new(), &batch, &mut out, &mut done);
    let values: Vec<Value> = out.cells().map(|c| c.to_value()).collect();
    assert_eq!(values, [Value::Int(20), Value::Int(10)]);
    assert_eq!((done.filtered, out.rows()), (1, 2));
    assert_eq!(done.origins, [1, 3]);
    let refused: Vec<(u64, Option<usize>)> =
        done.refused.iter().map(|r| (r.row, r.column)).collect();
    assert_eq!(refused, [(2, Some(0))]);
}

#[test]
fn masks_are_the_same_for_the_same_and_depend_on_the_secret() {
    let value = |f: &str| value_of(f, &row()).unwrap_or_else(|e| panic!("{f}: {e}"));
    for f in [
        "mask_hash(email)",
        "fake('email', email)",
        "fake('name', email)",
        "fake('phone', email)",
    ] {
        assert_eq!(value(f), value(f), "{f}");
    }
    assert_ne!(value("mask_hash(email)"), value("mask_hash(name)"));
    assert_ne!(value("fake('email', email)"), value("fake('email', name)"));
    let (inputs, lookups) = (inputs(), Lookups::of(Vec::new()));
    let without = Scope {
        salt: None,
        ..scope(&inputs, &lookups)
    };
    let wrong = compile("mask_hash(email)", without).expect_err("there is no secret");
    assert!(wrong.why.contains("mask_salt"), "{wrong:?}");
}

#[test]
fn the_table_of_the_language_is_whole() {
    for function in LANGUAGE.iter().flat_map(|g| g.functions) {
        assert!(function.about.ends_with('.'), "{}", function.name);
        assert!(!function.fails.ends_with('.'), "{}", function.name);
    }
}

/// The part of the guide that is made from the table of the language.
fn page_of_functions() -> String {
    use std::fmt::Write;
    let cell = |t: &str| t.replace('|', "\\|");
    let mut out = String::new();
    for group in LANGUAGE {
        writeln!(out, "### {}\n", group.title).expect("text can be written");
        writeln!(
            out,
            "| form | meaning | fails on | beside PostgreSQL |\n|---|---|---|---|"
        )
        .expect("text can be written");
        for f in group.functions {
            writeln!(
                out,
                "| `{}` | {} | {} | {} |",
                cell(f.form),
                cell(f.about),
                cell(f.fails),
                match f.differs {
                    "" => "the same",
                    other => other,
                }
            )
            .expect("text can be written");
        }
        out.push('\n');
    }
    out
}

#[test]
fn the_guide_has_the_whole_language() {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/transform.md");
    let page = std::fs::read_to_string(&path).expect("the page is there");
    let (begin, end) = ("<!-- functions -->\n", "<!-- end of functions -->");
    let from = page.find(begin).expect("the mark is there") + begin.len();
    let to = page.find(end).expect("the mark is there");
    let made = format!("{}\n{}{}", &page[..from], page_of_functions(), &page[to..]);
    if std::env::var_os("LIMOSA_REWRITE").is_some() {
        std::fs::write(&path, made).expect("the page can be written");
    } else {
        assert!(
            page == made,
            "the table of functions is old: LIMOSA_REWRITE=1 ./test -p limosa-flow writes it"
        );
    }
}
