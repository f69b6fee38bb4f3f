use super::*;
use crate::outcome::TableOutcome;
use crate::plan::{Estimate, Side};
use crate::settings::PlanSettings;
use limosa_core::engine::Capabilities;
use limosa_core::schema::TableName;

fn plan(name: &str) -> Plan {
    let side = || Side {
        address: "here".into(),
        identity: Identity {
            family: "f".into(),
            server: "s".into(),
            database: "d".into(),
            made: true,
        },
        capabilities: Capabilities {
            family: "f".into(),
            product: "F".into(),
            version: "1".into(),
            namespaces: false,
            default_namespace: None,
            identifier_limit: 64,
            identifier_limit_in_bytes: false,
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
            column_limit: 100,
            settings: vec![],
        },
        security: "none".into(),
    };
    Plan {
        format_version: 1,
        made_by: name.into(),
        strategy: "big_bang".into(),
        settings: PlanSettings::default(),
        source: side(),
        target: side(),
        decisions: vec![],
        tables: vec![],
        steps: vec![],
        findings: vec![],
        estimate: Estimate::default(),
    }
}

fn outcome(table: &str) -> TableOutcome {
    TableOutcome {
        table: TableName::bare(table),
        rows: 7,
        bytes: 70,
        seconds: 0.5,
        chunks: (1, 1),
        resumed: 0,
        rejected: 0,
        skipped: 0,
        errors: vec![],
    }
}

#[test]
fn what_is_written_is_read_by_another_while_the_run_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = Journal::path(&directory.path().join(".limosa"), "a/b: c");
    assert!(path.ends_with("a_b__c.db"));
    let mut journal = Journal::create(&path, &plan("one")).unwrap();
    let reader = Journal::read(&path).unwrap();
    journal.enter("creating", false).unwrap();
    journal
        .set_step("create/t", StepState::Started, 0, 0.0, None)
        .unwrap();
    journal
        .set_step("create/t", StepState::Failed, 1, 0.1, Some("no"))
        .unwrap();
    journal.table_began(&TableName::bare("t")).unwrap();
    journal.table_ended(&outcome("t")).unwrap();
    let status = reader.status().unwrap();
    assert_eq!(status.phase, "creating");
    assert_eq!(status.steps.len(), 1);
    assert_eq!(status.steps[0].error.as_deref(), Some("no"));
    assert_eq!(status.tables[0].state, TableState::Done);
    assert_eq!(status.tables[0].outcome, Some(outcome("t")));
    assert_eq!(reader.plan().unwrap(), plan("one"));
    let (count, hash) = reader.check().unwrap();
    let events = reader.events(0, 100).unwrap();
    assert_eq!(events.len() as u64, count);
    assert_eq!(events.last().unwrap().hash, hash);
    assert_eq!(reader.events(count - 1, 100).unwrap().len(), 1);
}

#[test]
fn the_summary_names_what_is_not_done_and_reads_no_table_of_the_file_as_a_whole() {
    let mut journal = Journal::in_memory(&plan("one")).unwrap();
    for n in 0..30 {
        let name = format!("t{n:02}");
        journal.table_began(&TableName::bare(&name)).unwrap();
        if n != 7 {
            journal.table_ended(&outcome(&name)).unwrap();
        }
    }
    journal
        .set_step("keys/a", StepState::Done, 1, 0.1, None)
        .unwrap();
    journal
        .set_step("keys/b", StepState::Failed, 0, 0.1, Some("no"))
        .unwrap();
    let summary = journal.summary(20).unwrap();
    let names = |s: &Summary| {
        s.shown
            .iter()
            .map(|(n, _, _)| n.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&summary), ["t07"]);
    let all: u64 = summary.tables.iter().map(|(_, e)| e.tables).sum();
    assert_eq!(all, 30);
    let done = outcome("t").rows;
    let rows: u64 = summary.tables.iter().map(|(_, e)| e.rows).sum();
    assert_eq!(rows, 29 * done);
    assert_eq!(summary.failed, [("keys/b".to_owned(), "no".to_owned())]);
    assert_eq!(names(&journal.summary(30).unwrap()).len(), 30);
    // Of tens of thousands, only indexes are walked.
    for sql in [summary::STATES, &summary::shown(false, 20), summary::FAILED] {
        let found = journal.listed(&format!("EXPLAIN QUERY PLAN {sql}"), |r| r.get(3));
        let plan: Vec<String> = found.unwrap();
        assert!(
            plan.iter()
                .all(|step| !step.starts_with("SCAN") || step.contains("INDEX")),
            "{plan:?}"
        );
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = Journal::path(&directory.path().join(".limosa"), "x");
    let mut journal = Journal::create(&path, &plan("one")).unwrap();
    journal.enter("creating", false).unwrap();
    let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let entry = entry.unwrap().path();
        assert_eq!(mode(&entry), 0o600, "{}", entry.display());
    }
}

#[test]
fn a_changed_or_missing_event_is_found() {
    for damage in [
        "UPDATE event SET body = '{}' WHERE seq = 2",
        "UPDATE event SET at_ms = at_ms + 1 WHERE seq = 1",
        "DELETE FROM event WHERE seq = 2",
        "UPDATE event SET kind = 'table' WHERE seq = 3",
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = Journal::path(directory.path(), "x");
        let mut journal = Journal::create(&path, &plan("one")).unwrap();
        for phase in ["creating", "copying", "keys"] {
            journal.enter(phase, false).unwrap();
        }
        journal.check().unwrap();
        Connection::open(&path)
            .unwrap()
            .execute_batch(damage)
            .unwrap();
        assert_eq!(
            journal.check().unwrap_err().kind(),
            ErrorKind::File,
            "{damage}"
        );
    }
}

#[test]
fn another_plan_takes_the_place_of_one_that_was_not_begun_and_of_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = Journal::path(directory.path(), "x");
    drop(Journal::create(&path, &plan("one")).unwrap());
    let mut journal = Journal::create(&path, &plan("two")).unwrap();
    assert_eq!(journal.plan_hash().unwrap(), plan("two").hash());
    journal.enter("creating", false).unwrap();
    let error = Journal::create(&path, &plan("three")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    Journal::create(&path, &plan("two")).unwrap();
}

#[test]
fn a_file_that_is_damaged_newer_or_not_ours_is_refused_in_words() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.db");
    assert_eq!(Journal::open(&path).unwrap_err().kind(), ErrorKind::Missing);
    std::fs::write(&path, vec![7u8; 5000]).unwrap();
    let error = Journal::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::File);
    assert!(error.remedy().is_some());
    std::fs::remove_file(&path).unwrap();
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE t(x)")
        .unwrap();
    assert_eq!(Journal::open(&path).unwrap_err().kind(), ErrorKind::File);
    std::fs::remove_file(&path).unwrap();
    drop(Journal::create(&path, &plan("one")).unwrap());
    Connection::open(&path)
        .unwrap()
        .execute_batch("PRAGMA user_version = 99")
        .unwrap();
    assert_eq!(
        Journal::read(&path).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
}
