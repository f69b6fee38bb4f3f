use crate::sandbox::Sandbox;

/// Names that would move a terminal's cursor are written out.
#[test]
fn hostile_names_do_not_reach_the_terminal() {
    let it = Sandbox::new();
    it.sql(
        "old.db",
        "CREATE TABLE \"a\u{1b}[2Jb\u{202e}c\"(\"x\u{7}\" INTEGER PRIMARY KEY); INSERT INTO \"a\u{1b}[2Jb\u{202e}c\" VALUES (1);",
    );
    let args = ["-s", "sqlite:old.db", "-t", "sqlite:new.db"];
    for verb in [
        &["assess", "--all"][..],
        &["plan"],
        &["run", "--color", "always"],
        &["status"],
        &["report", "--print", "markdown"],
    ] {
        let ran = it.limosa(&[verb, &args[..]].concat());
        assert_ne!(ran.code, 101, "{}", ran.err);
        for text in [&ran.out, &ran.err] {
            assert!(
                !text.contains("\u{1b}[2J")
                    && !text.contains('\u{202e}')
                    && !text.contains('\u{7}'),
                "{verb:?}: {text:?}"
            );
        }
    }
    assert_eq!(
        it.ask("new.db", "SELECT count(*) FROM \"a\u{1b}[2Jb\u{202e}c\""),
        "1"
    );
}

#[test]
fn colours_follow_the_wish_and_the_conventions() {
    let it = Sandbox::configured("");
    let colour = |args: &[&str], env: &[(&str, &str)]| {
        it.with(&[&["assess"], args].concat(), env)
            .ends(0)
            .out
            .contains('\u{1b}')
    };
    assert!(!colour(&[], &[]), "no terminal, no colours");
    assert!(colour(&["--color", "always"], &[]));
    assert!(colour(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colour(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(colour(&["--color", "always"], &[("NO_COLOR", "1")]));
}

#[test]
fn every_answer_in_json_has_a_version_and_a_kind() {
    let it = Sandbox::configured("");
    for (args, code, kind) in [
        (&["config", "show"][..], 0, "config"),
        (&["config", "check"], 0, "config"),
        (&["assess"], 0, "assessment"),
        (&["plan"], 0, "plan"),
        (&["status"], 1, "error"),
        (&["run"], 0, "outcome"),
        (&["verify"], 0, "comparison"),
        (&["status"], 0, "status"),
        (&["report"], 0, "report"),
    ] {
        for format in ["json", "jsonl"] {
            let ran = it.limosa(&[args, &["--output", format]].concat());
            // The run is complete at the second time, and what is complete is not planned over.
            if ran.code != code {
                continue;
            }
            let json = ran.json();
            // A plan is a document of its own, with its own version.
            let version = if kind == "plan" {
                1.into()
            } else {
                serde_json::json!("1.0")
            };
            assert_eq!(json["format_version"], version, "{args:?}");
            assert_eq!(json["kind"], kind, "{args:?}");
            if format == "jsonl" {
                assert_eq!(ran.out.lines().count(), 1, "{args:?}");
            }
        }
    }
}

#[test]
fn progress_in_jsonl_is_one_fact_a_line_on_standard_error() {
    let it = Sandbox::configured("");
    let ran = it.limosa(&["run", "--output", "jsonl"]).ends(0);
    let facts: Vec<serde_json::Value> = ran
        .err
        .lines()
        .filter_map(|l| serde_json::from_str(l).ok())
        .collect();
    assert!(
        facts.iter().any(|f| f["event"] == "stage_began"),
        "{}",
        ran.err
    );
    assert!(
        facts.iter().any(|f| f["event"] == "table_ended"),
        "{}",
        ran.err
    );
}

#[test]
fn status_and_version_answer_fast() {
    let it = Sandbox::configured("");
    it.limosa(&["run"]).ends(0);
    let best = |args: &[&str]| {
        (0..5)
            .map(|_| {
                let begun = std::time::Instant::now();
                it.limosa(args).ends(0);
                begun.elapsed()
            })
            .min()
            .expect("five times")
    };
    // The bounds of a build without optimization on a busy machine; the real ones are a fifth of them.
    assert!(best(&["--version"]).as_millis() < 50);
    assert!(best(&["status"]).as_millis() < 250);
}
