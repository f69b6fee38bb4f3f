use super::*;
use limosa_core::engine::{Capabilities, Identity};
use limosa_core::schema::TableName;
use limosa_flow::outcome::{Difference, SchemaDifference, StepOutcome, TableOutcome, TableVerdict};
use limosa_flow::plan::{Severity, Side};
use limosa_flow::settings::PlanSettings;
use std::time::Duration;

/// Text that would do harm if anybody believed it.
const EVIL: &str = "<script>alert('x')</script> | `a` \u{1b}[2J \u{202e}evil";

fn side() -> Side {
    Side {
        address: "postgresql://u@h/db".into(),
        identity: Identity {
            family: "f".into(),
            server: "s".into(),
            database: "d".into(),
            made: true,
        },
        capabilities: Capabilities {
            family: "f".into(),
            product: "Product".into(),
            version: "1".into(),
            namespaces: false,
            default_namespace: None,
            identifier_limit: 63,
            identifier_limit_in_bytes: true,
            table_names_case_sensitive: true,
            column_names_case_sensitive: true,
            index_names_per_namespace: true,
            primary_key_inline: false,
            constraints_inline: false,
            concurrent_writers: true,
            transactional_ddl: true,
            dynamic_types: false,
            embedded: false,
            change_source: "log".into(),
            snapshot_joinable: true,
            column_limit: 1600,
            settings: Vec::new(),
        },
        security: "none".into(),
    }
}

fn report() -> Report {
    let finding = Finding {
        code: "nul-in-text".into(),
        severity: Severity::Lossy,
        object: Some(EVIL.into()),
        column: Some("c".into()),
        text: EVIL.into(),
        count: Some(1234),
        examples: vec![EVIL.into()],
        remedy: Some("write nul = \"strip\"".into()),
    };
    let plan = Plan {
        format_version: 1,
        made_by: "0.1.0".into(),
        strategy: "big_bang".into(),
        settings: PlanSettings::default(),
        source: side(),
        target: side(),
        decisions: Vec::new(),
        tables: Vec::new(),
        steps: Vec::new(),
        findings: vec![finding],
        estimate: Estimate::default(),
    };
    let table = TableName::bare(EVIL);
    let comparison = Comparison {
        verdict: Verdict::Fail,
        tables: vec![TableVerdict {
            table: table.clone(),
            verdict: Verdict::Fail,
            source_rows: 2,
            target_rows: 1,
            compared_rows: 2,
            differing_rows: 1,
            differences: vec![Difference {
                key: vec![EVIL.into()],
                kind: "missing".into(),
                columns: vec![EVIL.into()],
            }],
            causes: Vec::new(),
            not_compared: vec![(EVIL.into(), EVIL.into())],
            cross_checked_rows: 0,
            disagreements: vec![EVIL.into()],
            error: Some(EVIL.into()),
            seconds: 0.5,
        }],
        schema: vec![SchemaDifference {
            object: EVIL.into(),
            text: EVIL.into(),
            planned: false,
        }],
        canonical_version: 1,
        percentage: 100.0,
        share: None,
    };
    let outcome = Outcome {
        run: "migration".into(),
        plan_hash: "x".into(),
        ending: Ending::Partial,
        seconds: 61.0,
        stages: vec![("copy".into(), 1.5)],
        tables: vec![TableOutcome {
            table,
            rows: 1,
            bytes: 2048,
            seconds: 0.25,
            chunks: (1, 2),
            resumed: 0,
            rejected: 0,
            skipped: 0,
            errors: vec![EVIL.into()],
        }],
        steps: vec![StepOutcome {
            id: EVIL.into(),
            done: false,
            error: Some(EVIL.into()),
            seconds: 0.0,
        }],
        comparison: Some(comparison),
        checks: None,
    };
    let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    Report::new(&plan, Some(outcome), None, now)
}

#[test]
fn a_report_shows_hostile_text_and_obeys_none_of_it() {
    let report = report();
    let html = report.html();
    assert!(!html.contains("<script"), "markup is escaped");
    assert!(!html.contains("alert('x')"), "quotes are escaped");
    for text in [&html, &report.markdown()] {
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
        assert!(text.contains("FAIL"));
    }
    assert!(
        !html.contains("src=") && !html.contains("http://"),
        "nothing is loaded"
    );
    assert!(!report.markdown().contains("<script"));
}

#[test]
fn every_opened_element_is_closed() {
    let html = report().html();
    for element in [
        "table", "tr", "td", "th", "p", "h1", "h2", "div", "code", "body", "style",
    ] {
        let opened = html.matches(&format!("<{element}>")).count()
            + html.matches(&format!("<{element} ")).count();
        let closed = html.matches(&format!("</{element}>")).count();
        assert_eq!(opened, closed, "{element}");
    }
}

#[test]
fn every_form_of_a_report_says_the_bound_of_a_share_and_never_the_word() {
    let mut comparison = report().comparison.expect("it was compared");
    comparison.verdict = Verdict::Partial;
    comparison.share = Some((0, 10));
    comparison.percentage = 10.0;
    comparison.schema.clear();
    for table in &mut comparison.tables {
        table.verdict = Verdict::Partial;
        (table.source_rows, table.target_rows) = (1_000_000, 1_000_000);
        (table.compared_rows, table.differing_rows) = (100_000, 0);
        (table.error, table.differences) = (None, Vec::new());
        table.disagreements.clear();
    }
    let mut sampled = report();
    sampled.verdict = Some(Verdict::Partial);
    sampled.summary = summary(None, Some(&comparison));
    sampled.comparison = Some(comparison);
    // 29 differing rows are missed by a tenth of the rows with a chance of 4.7 percent.
    for text in [sampled.html(), sampled.markdown(), sampled.json()] {
        assert!(
            text.contains("with 95 % confidence fewer than 29 of them do"),
            "{text}"
        );
        assert!(!text.to_lowercase().contains("verified"), "{text}");
    }
}

#[test]
fn the_json_is_read_back_as_it_was() {
    let report = report();
    let back: Report = serde_json::from_str(&report.json()).expect("it is JSON");
    assert_eq!(back, report);
    assert_eq!(back.verdict, Some(Verdict::Fail));
}

#[test]
fn the_markdown_stays_as_it_was_agreed() {
    // The hash changes with every new part of a plan; that is not what is agreed here.
    let report = report();
    insta::assert_snapshot!(report.markdown().replace(&report.plan_hash, "HASH"));
}
