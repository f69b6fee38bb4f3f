use super::*;
use limosa_core::policy::NulPolicy;

fn load(text: &str) -> Result<Settings, Problem> {
    with(text, &Layer::default(), &[])
}

fn with(text: &str, flags: &Layer, variables: &[(&str, &str)]) -> Result<Settings, Problem> {
    Settings::layered(
        Some((Path::new("limosa.toml"), text)),
        flags,
        &|name| {
            variables
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| (*v).to_owned())
        },
        Reach::Databases,
    )
}

#[test]
fn the_strongest_word_wins() {
    let mut flags = Layer::default();
    flags.flag(key::WORKERS, Some("3"));
    let env = [("LIMOSA_WORKERS", "5"), ("LIMOSA_BATCH_SIZE", "50")];
    let text = "workers = 7\nbatch_size = 70\nretry_attempts = 9";
    let s = with(text, &flags, &env).expect("understood");
    assert_eq!(
        (s.run.workers, s.run.batch_size, s.run.retry_attempts),
        (3, 50, 9)
    );
    let origin = |key| {
        let chosen = s
            .chosen
            .iter()
            .find(|c| c.key == key)
            .expect("every key is there");
        chosen.origin.word()
    };
    assert_eq!(origin("workers"), "flag");
    assert_eq!(origin("batch_size"), "environment");
    assert_eq!(origin("retry_attempts"), "file");
    assert_eq!(origin("memory"), "default");
}

#[test]
fn a_file_with_a_mark_and_foreign_line_ends_is_understood_and_places_stay_right() {
    let s =
        load("\u{feff}workers = 2\r\n[source]\r\nurl = \"sqlite:a.db\"\r\n").expect("understood");
    assert_eq!(s.run.workers, 2);
    let problem = load("\u{feff}worker = 2\r\n").expect_err("unknown");
    assert_eq!(problem.span, Some(3..9));
}

#[test]
fn every_mistake_is_told_with_its_place_and_a_way_out() {
    let long = format!("name = \"{}\"", "x".repeat(65));
    for (text, what, hint) in [
        ("batchsize = 1", "unknown key `batchsize`", "batch_size"),
        ("colour = 1", "unknown key `colour`", "Keys here are"),
        ("[sources]\nurl = \"\"", "unknown key `sources`", "source"),
        ("workers = \"four\"", "invalid type", ""),
        ("workers = 0", "0 is too small", "least value is 1"),
        ("workers = 1000", "1000 is too large", "256"),
        ("memory = \"1MiB\"", "too small", "16.0 MiB"),
        ("memory = \"lots\"", "invalid value", ""),
        ("memory = \"${M:-lots}\"", "not a number of bytes", "256MiB"),
        ("error_threshold = 2", "not between 0 and 1", ""),
        ("validate_percentage = 101.0", "not between 0 and 100", ""),
        ("strategy = \"canary\"", "not in this release", "big_bang"),
        ("strategy = \"bigbang\"", "not a strategy", "big_bang"),
        ("scan = \"fll\"", "not a way", "full"),
        ("name = \"../x\"", "can not be the name", "letters"),
        (long.as_str(), "can not be the name", "64"),
        ("max_downtime = \"soon\"", "not a span of time", "15m"),
        (
            "[source]\nurl = \"oracle://h/db\"",
            "no engine",
            "postgresql",
        ),
        (
            "[source]\nurl = \"env:NOWHERE\"",
            "NOWHERE is not set",
            "Set NOWHERE",
        ),
        (
            "[source]\nurl = \"${NOWHERE}\"",
            "NOWHERE is not set",
            "default",
        ),
        (
            "[source]\nurl = \"postgres://h/d\"\npassword = \"x\"",
            "names no user",
            "user",
        ),
        ("[types]\nnul = \"keep\"", "unknown variant", ""),
        ("[[table]]\nrename = \"x\"", "missing field", ""),
        (
            "[[table]]\nname = \"a\"\n[[table]]\nname = \"a\"",
            "two [[table]]",
            "one part",
        ),
        ("name = \"a\"\nname = \"b\"", "duplicate key", ""),
        ("name = ", "", ""),
    ] {
        let problem = load(text).expect_err(text);
        assert!(problem.what.contains(what), "{text}: {problem}");
        assert!(problem.line().is_some(), "{text}: {problem:?}");
        let said = problem.hint.unwrap_or_default();
        assert!(said.contains(hint), "{text}: {said}");
    }
}

#[test]
fn a_mistake_in_a_flag_or_a_variable_names_it() {
    let mut flags = Layer::default();
    flags.flag(key::WORKERS, Some("x"));
    let problem = with("", &flags, &[]).expect_err("no number");
    assert!(problem.what.starts_with("--workers: "), "{problem}");
    let problem = with("", &Layer::default(), &[("LIMOSA_MEMORY", "x")]).expect_err("no number");
    assert!(problem.what.starts_with("LIMOSA_MEMORY: "), "{problem}");
}

#[test]
fn a_problem_holds_no_password() {
    let text = "wrong = 1\n[source]\nurl = \"postgres://u:hunter2@h/db\"\npassword = \"hunter2\"";
    let problem = load(text).expect_err("unknown key");
    assert!(!format!("{problem:?}").contains("hunter2"));
}

#[test]
fn passwords_are_kept_apart_and_hidden() {
    let text = "[source]\nurl = \"postgres://u@h/db\"\npassword = \"env:PW\"";
    let s = with(text, &Layer::default(), &[("PW", "hunter2!")]).expect("understood");
    let source = s.source.as_ref().expect("a source");
    assert_eq!(source.expose(), "postgres://u:hunter2%21@h/db");
    assert!(!format!("{s:?}").contains("hunter2\""), "{s:?}");
    assert_eq!(s.redactor().clean("x hunter2! y"), "x *** y");
    let shown = s
        .chosen
        .iter()
        .map(|c| format!("{:?}", c.value))
        .collect::<String>();
    assert!(!shown.contains("hunter2"));
}

#[test]
fn wishes_of_both_kinds_become_one_per_table() {
    let text = r#"
[types]
nul = "strip"
[rename]
schemas = { public = "shop" }
tables = { orders = "order" }
columns = { "orders.No" = "id", "public.x.y" = "z" }
[[table]]
name = "orders"
exclude_columns = ["tmp"]
cast = { total = "numeric(12,2)" }
[table.types]
mismatch = "widen"
"#;
    let s = load(text).expect("understood");
    assert_eq!(s.plan.tables.len(), 2);
    let t = &s.plan.tables[0];
    assert_eq!(t.rename.as_deref(), Some("order"));
    assert_eq!(t.rename_columns, [("No".to_owned(), "id".to_owned())]);
    assert_eq!(t.types.expect("policies").nul, NulPolicy::Strip);
    assert_eq!(s.plan.tables[1].name, "public.x");
    assert_eq!(s.plan.rename_schemas.len(), 1);
}

#[test]
fn who_asks_the_journal_alone_needs_no_passwords() {
    let text = "[source]\nurl = \"cmd:exit 3\"\n[target]\nurl = \"env:NOWHERE\"";
    let path = Path::new("limosa.toml");
    let s = Settings::layered(
        Some((path, text)),
        &Layer::default(),
        &|_| None,
        Reach::Journal,
    )
    .expect("understood");
    assert!(s.source.is_none());
}

#[test]
fn a_password_that_is_also_a_name_does_not_hide_the_name() {
    let text = "[source]\nurl = \"postgresql://postgres:postgres@h/postgres\"";
    let s = load(text).expect("understood");
    let words = "postgresql://postgres:postgres@h/postgres";
    assert_eq!(
        s.redactor().clean(words),
        "postgresql://postgres:***@h/postgres"
    );
}

/// The reference file shows every key with a value that is not the default, and is what it says.
#[test]
fn the_reference_file_is_understood_and_names_every_key() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/limosa.toml");
    let text = std::fs::read_to_string(&path).expect("the reference file is there");
    let env = [("SHOP_PASSWORD", "x1234"), ("TARGET_PASSWORD", "y1234")];
    let s = with(&text, &Layer::default(), &env).unwrap_or_else(|p| panic!("{p} {:?}", p.hint));
    for chosen in &s.chosen {
        assert_eq!(
            chosen.origin.word(),
            "file",
            "{} is not in the file",
            chosen.key
        );
    }
    let policies = serde_json::to_value(s.plan.policies).expect("JSON");
    let defaults = serde_json::to_value(limosa_core::policy::Policies::default()).expect("JSON");
    for (key, value) in policies.as_object().expect("an object") {
        assert_ne!(
            Some(value),
            defaults.get(key),
            "types.{key} has its default"
        );
    }
    assert!(
        s.plan
            .tables
            .iter()
            .any(|t| t.partition_column.is_some() && !t.cast.is_empty())
    );
}
