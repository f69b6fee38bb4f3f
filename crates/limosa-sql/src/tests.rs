use super::*;
use limosa_core::expression::Operator::*;

fn dialect(family: &str) -> Box<dyn Dialect> {
    match family {
        "postgresql" => Box::new(PostgreSqlDialect {}),
        "mysql" => Box::new(MySqlDialect {}),
        _ => Box::new(SQLiteDialect {}),
    }
}

fn parsed(family: &str, text: &str) -> Option<Expr> {
    read(family, &*dialect(family), text).parsed
}

/// Words that every family of readers understands, for the test of the round trip.
struct Plain(&'static str);

impl Words for Plain {
    fn quote(&self, identifier: &str) -> String {
        if self.0 == "mysql" {
            format!("`{}`", identifier.replace('`', "``"))
        } else {
            format!("\"{}\"", identifier.replace('"', "\"\""))
        }
    }
    fn literal(&self, text: &str) -> String {
        let text = text.replace('\'', "''");
        if self.0 == "mysql" {
            format!("'{}'", text.replace('\\', "\\\\"))
        } else {
            format!("'{text}'")
        }
    }
    fn boolean(&self, value: bool) -> String {
        if value { "TRUE" } else { "FALSE" }.into()
    }
    fn bytes(&self, value: &[u8]) -> String {
        let hex: String = value.iter().map(|b| format!("{b:02x}")).collect();
        match self.0 {
            "postgresql" => format!("'\\x{hex}'::bytea"),
            _ => format!("X'{hex}'"),
        }
    }
    fn call(&self, function: &str, arguments: &[String]) -> Option<String> {
        Some(match (function, self.0) {
            ("like", "postgresql") => format!("{} LIKE {}", arguments[0], arguments[1]),
            ("like", _) => return None,
            ("uuid", "postgresql") => "gen_random_uuid()".into(),
            ("length", "mysql") => format!("char_length({})", arguments[0]),
            ("octet_length", "mysql") => format!("length({})", arguments[0]),
            ("greatest", "sqlite") => format!("max({})", arguments.join(", ")),
            _ => format!("{function}({})", arguments.join(", ")),
        })
    }
    fn concat(&self, left: &str, right: &str) -> String {
        match self.0 {
            "mysql" => format!("CONCAT({left}, {right})"),
            _ => format!("{left} || {right}"),
        }
    }
    fn cast_type(&self, ty: &Type) -> Option<String> {
        Some(match ty {
            Type::Integer { bits: 64, .. } if self.0 == "mysql" => "SIGNED".into(),
            Type::Integer { bits: 32, .. } => "integer".into(),
            Type::Decimal { .. } => "decimal(10,2)".into(),
            Type::Date => "date".into(),
            Type::Text { .. } if self.0 == "mysql" => "char".into(),
            Type::Text { .. } => "text".into(),
            _ => return None,
        })
    }
    fn now(&self, digits: u8) -> String {
        match (self.0, digits) {
            ("sqlite", 0) | ("mysql", 0) => "CURRENT_TIMESTAMP".into(),
            ("sqlite", _) => "strftime('%Y-%m-%d %H:%M:%f', 'now')".into(),
            (_, n) => format!("CURRENT_TIMESTAMP({n})"),
        }
    }
}

fn column(name: &str) -> Box<Expr> {
    Box::new(Expr::Column(name.into()))
}
fn text(t: &str) -> Expr {
    Expr::Text(t.into())
}
fn number(n: &str) -> Expr {
    Expr::Number(n.into())
}

const READ: &[(&str, &[&str])] = &[
    (
        "postgresql",
        &[
            "now()",
            "CURRENT_TIMESTAMP",
            "CURRENT_TIMESTAMP(3)",
            "timezone('utc'::text, now())",
            "(now() AT TIME ZONE 'utc'::text)",
            "CURRENT_DATE",
            "gen_random_uuid()",
            "public.uuid_generate_v4()",
            "'x'::text",
            "'it''s'::character varying",
            "'a'::bpchar",
            "'pending'::order_status",
            "'2020-01-01'::date",
            "'2020-01-01 00:00:00'::timestamp without time zone",
            "'{}'::jsonb",
            "'-1'::integer",
            "'\\x00ff'::bytea",
            "0.00",
            "(0)::numeric",
            "NULL::character varying",
            "true",
            "((status)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))",
            "(status = ANY (ARRAY['a'::text, 'b'::text]))",
            "(status <> ALL (ARRAY['a'::text, 'b'::text]))",
            "((email)::text ~~ '%@%'::text)",
            "(name !~~ 'x%'::text)",
            "lower((email)::text)",
            "((price >= (0)::numeric) AND (price < 1000.5))",
            "(char_length((code)::text) = 5)",
            "((a IS NOT NULL) OR (b IS NULL))",
            "((a)::text || ' '::text || b)",
            "CASE WHEN (a > 0) THEN 'p'::text ELSE 'n'::text END",
            "(NOT deleted)",
            "(active IS TRUE)",
            "((x >= 1) AND (x <= 5))",
            "COALESCE(a, b, 0)",
            "\"left\"(name, 3)",
            "\"substring\"(name, 1, 3)",
            "(a % 2)",
            "(a / 2.0)",
            "(-(a))",
            "btrim(name)",
            "\"Odd name\" > 0",
            "x NOT BETWEEN 1 AND 2",
        ],
    ),
    (
        "mysql",
        &[
            "current_timestamp()",
            "current_timestamp(6)",
            "CURRENT_TIMESTAMP",
            "now(3)",
            "uuid()",
            "(uuid())",
            "_utf8mb4'abc'",
            "_utf8mb4\\'abc\\'",
            "'a\\'b'",
            "\"double\"",
            "b'101'",
            "0xFF00",
            "x'ff00'",
            "json_valid(`doc`)",
            "`a` > 0 and `b` < 10",
            "(`status` in (_utf8mb4'a',_utf8mb4'b'))",
            "concat(`first`,_utf8mb4' ',`last`)",
            "char_length(`name`) <= 20",
            "octet_length(`name`) <= 20",
            "if(`a` > 0,`b`,NULL)",
            "ifnull(`a`,0)",
            "(`a` between 1 and 5)",
            "`a` is not null",
            "cast(`a` as signed)",
            "lcase(`a`)",
            "(`a` % 2) = 0",
            "-5",
        ],
    ),
    (
        "sqlite",
        &[
            "CURRENT_TIMESTAMP",
            "datetime('now')",
            "(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))",
            "strftime('%Y-%m-%d %H:%M:%S','now')",
            "date('now')",
            "x'00ff'",
            "'it''s'",
            "-1",
            "1.5e3",
            "TRUE",
            "a > 0 AND \"b c\" IN ('x','y')",
            "[odd] = 1",
            "length(name) < 10",
            "a || '-' || b",
            "a IS NOT NULL",
            "a NOTNULL",
            "a NOT IN (1,2)",
            "email LIKE '%@%'",
            "iif(a, 1, 2)",
            "ifnull(a, '')",
            "json_valid(doc)",
            "a == 1",
            "CASE a WHEN 1 THEN 'x' WHEN 2 THEN 'y' END",
            "CAST(a AS TEXT)",
            "substr(a, 1, 3)",
            "((((a))))",
            "round(a * 1.5, 2)",
            "max(coalesce(a,0), 1)",
            "NOT (a AND b OR c)",
        ],
    ),
];

#[test]
fn what_is_read_can_be_written_and_read_again() {
    for (family, texts) in READ {
        for original in *texts {
            let once = parsed(family, original)
                .unwrap_or_else(|| panic!("{family} does not read {original}"));
            let said = write(&once, &Plain(family))
                .unwrap_or_else(|| panic!("{family} does not write {once:?}"));
            let twice = parsed(family, &said);
            assert_eq!(twice.as_ref(), Some(&once), "{family}: {original} → {said}");
        }
    }
}

#[test]
fn well_known_forms_mean_the_same_thing_everywhere() {
    for (family, original, want) in [
        ("postgresql", "now()", Expr::CurrentTimestamp(6)),
        ("mysql", "current_timestamp(6)", Expr::CurrentTimestamp(6)),
        ("mysql", "now()", Expr::CurrentTimestamp(0)),
        ("sqlite", "datetime('now')", Expr::CurrentTimestamp(0)),
        (
            "sqlite",
            "strftime('%Y-%m-%d %H:%M:%f', 'now')",
            Expr::CurrentTimestamp(3),
        ),
        ("postgresql", "'x'::character varying(10)", text("x")),
        ("postgresql", "(0)::numeric(10,2)", number("0")),
        ("postgresql", "'\\x00ff'::bytea", Expr::Bytes(vec![0, 255])),
        ("mysql", "b'101'", number("5")),
        ("mysql", "\"q\"", text("q")),
        ("sqlite", "\"q\"", *column("q")),
        (
            "mysql",
            "length(`a`)",
            Expr::Call("octet_length".into(), vec![*column("a")]),
        ),
        (
            "mysql",
            "concat(`a`,'x')",
            Expr::Binary(column("a"), Concat, Box::new(text("x"))),
        ),
        (
            "postgresql",
            "(a = ANY (ARRAY['x'::text]))",
            Expr::In(column("a"), vec![text("x")], false),
        ),
        (
            "postgresql",
            "(a ~~ 'x%'::text)",
            Expr::Like(column("a"), Box::new(text("x%")), false),
        ),
    ] {
        assert_eq!(parsed(family, original), Some(want), "{family}: {original}");
    }
}

#[test]
fn what_means_something_else_is_not_read() {
    for (family, original) in [
        ("mysql", "`a` || `b`"),
        ("mysql", "`a` / 2"),
        ("sqlite", "a / 2"),
        ("sqlite", "name LIKE 'abc%'"),
        ("sqlite", "a COLLATE NOCASE = 'x'"),
        ("sqlite", "datetime('now', 'localtime')"),
        ("sqlite", "strftime('%s', 'now')"),
        ("sqlite", "0x10"),
        ("sqlite", "a GLOB 'x*'"),
        ("sqlite", "CAST(a AS INTEGER)"),
        ("sqlite", "substr(a, -1)"),
        ("sqlite", "(SELECT 1)"),
        ("postgresql", "nextval(('s'::text)::regclass)"),
        ("postgresql", "nextval('a.b.c'::regclass)"),
        ("postgresql", "nextval('\"open'::regclass)"),
        ("postgresql", "'{}'::text[]"),
        ("postgresql", "(a ~ '^x'::text)"),
        ("postgresql", "'[1,2]'::int4range"),
        ("postgresql", "concat_ws(','::text, a, b)"),
        ("postgresql", "GREATEST(a, b)"),
        ("postgresql", "'abcdef'::character varying(3)"),
        ("sqlite", "a >"),
        ("sqlite", ""),
        ("sqlite", "1 2"),
    ] {
        assert_eq!(parsed(family, original), None, "{family}: {original}");
    }
}

#[test]
fn the_next_value_of_a_sequence_is_known_by_its_name() {
    for (family, original, names) in [
        ("postgresql", "nextval('s'::regclass)", &["s"][..]),
        (
            "postgresql",
            "nextval('public.s_id_seq'::regclass)",
            &["public", "s_id_seq"],
        ),
        (
            "postgresql",
            "nextval('\"Odd.one\".\"it''s \"\"q\"\"\"'::regclass)",
            &["Odd.one", "it's \"q\""],
        ),
        ("mysql", "nextval(`db`.`s x`)", &["s x"]),
        ("mysql", "nextval(`s`)", &["s"]),
    ] {
        let names = names.iter().map(|n| Expr::Text((*n).into())).collect();
        assert_eq!(
            parsed(family, original),
            Some(Expr::Call("next_value".into(), names)),
            "{family}: {original}"
        );
    }
}

#[test]
fn hostile_texts_end_and_do_not_overflow() {
    let deep = format!("{}1{}", "(".repeat(30_000), ")".repeat(30_000));
    let long = vec!["a"; 15_000].join(" or ");
    let nots = "not ".repeat(15_000) + "a";
    let minus = "- ".repeat(30_000) + "1";
    let casts = format!("a{}", "::text".repeat(10_000));
    let isnull = format!("a{}", " is null".repeat(8_000));
    let case = "case when ".repeat(5_000);
    for family in ["postgresql", "mysql", "sqlite"] {
        for t in [&deep, &long, &nots, &minus, &casts, &isnull, &case] {
            assert_eq!(parsed(family, t), None);
        }
        for t in [
            "'", "\"", "`", "$$", "/*", "--", "\0", "E'\\", "x'0", "é'ü", "''''", "[", "b'",
        ] {
            let _ = parsed(family, t);
        }
    }
}

#[test]
fn a_long_list_of_words_is_read() {
    let list: Vec<String> = (0..1_500).map(|i| format!("'word{i}'::text")).collect();
    let t = format!("(a = ANY (ARRAY[{}]))", list.join(", "));
    assert!(matches!(parsed("postgresql", &t), Some(Expr::In(_, l, false)) if l.len() == 1_500));
}

#[test]
fn brackets_stand_where_they_must_and_only_there() {
    let words = Plain("sqlite");
    for (original, want) in [
        ("a + b * c", "\"a\" + \"b\" * \"c\""),
        ("(a + b) * c", "(\"a\" + \"b\") * \"c\""),
        ("a - (b - c)", "\"a\" - (\"b\" - \"c\")"),
        ("a - -1", "\"a\" - -1"),
        ("a OR b AND c", "\"a\" OR \"b\" AND \"c\""),
        ("(a OR b) AND c", "(\"a\" OR \"b\") AND \"c\""),
        ("NOT a = b", "NOT (\"a\" = \"b\")"),
        ("(a = b) = c", "(\"a\" = \"b\") = \"c\""),
        ("(a AND b) IS NULL", "(\"a\" AND \"b\") IS NULL"),
        ("- (-a)", "-(-\"a\")"),
        ("(a || b) = 'x'", "\"a\" || \"b\" = 'x'"),
    ] {
        let e = parsed("sqlite", original).expect(original);
        assert_eq!(write(&e, &words).as_deref(), Some(want));
    }
}
