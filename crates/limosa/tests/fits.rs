//! What does not fit the target is told in the plan, with the rows that it is about; what the plan lets pass, loads.

use limosa::outcome::{Ending, Verdict};
use limosa::plan::{Finding, Plan, Severity};
use limosa::settings::Settings;
use limosa::{Limosa, Parts, Stop};
use limosa_core::policy::{Policies, TinyInt1Policy};
use limosa_testkit::{execute_mysql, execute_psql, mariadb, postgres, query_mysql};
use std::path::Path;

fn opened(state: &Path, from: &str, to: &str, policies: Policies) -> Limosa {
    let mut settings = Settings::between(from, to).expect("two databases");
    settings.state = state.join("state");
    settings.report = state.join("report");
    settings.plan.policies = policies;
    Limosa::open(settings).expect("both open")
}

fn sqlite(folder: &Path, name: &str, sql: &str) -> String {
    let file = folder.join(name);
    rusqlite::Connection::open(&file)
        .expect("the file opens")
        .execute_batch(sql)
        .expect("SQLite takes it");
    format!("sqlite://{}", file.display())
}

fn found<'a>(plan: &'a Plan, code: &str) -> Option<&'a Finding> {
    plan.findings.iter().find(|f| f.code == code)
}

/// Plans, and runs if nothing stops.
fn moved(state: &Path, from: &str, to: &str) -> Plan {
    let limosa = opened(state, from, to, Policies::default());
    let silent = limosa::silent();
    let plan = limosa.plan(&silent).expect("a plan");
    assert_eq!(plan.stops().count(), 0, "{:#?}", plan.findings);
    let outcome = limosa
        .run(&plan, Parts::All, &silent, &Stop::new())
        .expect("it runs");
    assert_eq!(outcome.ending, Ending::Complete, "{outcome:#?}");
    let verdict = outcome.comparison.map(|c| c.verdict);
    assert_eq!(verdict, Some(Verdict::Pass));
    plan
}

/// Columns of `declared`, and values of `value` in each.
fn wide(count: usize, declared: &str, value: &str) -> (String, String) {
    let columns: Vec<String> = (0..count).map(|n| format!("c{n} {declared}")).collect();
    (columns.join(", "), vec![value; count].join(", "))
}

#[test]
fn rows_too_wide_for_the_server_become_texts_beside_the_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let long = format!("'{}'", "ä".repeat(900));
    for (at, (count, declared, value)) in [
        // 65,535 bytes of a row.
        (40, "varchar(1000)", long.as_str()),
        // A page of InnoDB: texts of up to 255 bytes count whole in it.
        (120, "varchar(50)", "'fifty'"),
        (300, "text", "'x'"),
    ]
    .into_iter()
    .enumerate()
    {
        let (columns, values) = wide(count, declared, value);
        let (k, index) = ("k varchar(40) NOT NULL", "CREATE INDEX by_c1 ON t (c1)");
        let sql = format!(
            "CREATE TABLE t ({k}, {columns}, PRIMARY KEY (k)); INSERT INTO t VALUES ('a', {values});"
        );
        let sql = if at == 1 {
            format!("{sql} {index};")
        } else {
            sql
        };
        let pg = postgres().database();
        execute_psql(&pg, &sql);
        for (name, from) in [
            ("pg", pg.as_str()),
            ("lite", &sqlite(folder.path(), &format!("{at}.db"), &sql)),
        ] {
            let to = mariadb().database();
            let state = folder.path().join(format!("{at}{name}"));
            std::fs::create_dir_all(&state).expect("a folder");
            let plan = moved(&state, from, &to);
            let note = found(&plan, "row-too-wide");
            assert_eq!(note.is_some(), at < 2, "{declared}");
            assert!(note.is_none_or(|f| f.severity == Severity::Note && !f.text.contains(" k,")));
            let kept = query_mysql(
                &to,
                "SELECT GROUP_CONCAT(DISTINCT data_type ORDER BY data_type) FROM information_schema.columns \
                 WHERE table_schema = DATABASE() AND column_name LIKE 'c%'",
            );
            let want = ["text,varchar", "text,varchar", "longtext"][at];
            assert_eq!(kept.trim(), want, "{declared}");
            if at == 1 {
                let indexed = "SELECT data_type FROM information_schema.columns \
                               WHERE table_schema = DATABASE() AND column_name = 'c1'";
                assert_eq!(query_mysql(&to, indexed).trim(), "varchar");
            }
        }
    }
}

#[test]
fn rows_that_no_change_makes_fit_stop_the_plan() {
    let folder = tempfile::tempdir().expect("a folder");
    for (count, declared, says) in [
        (500, "text", "8125"),
        (1001, "double precision", "8125"),
        (1100, "smallint", "1017"),
    ] {
        let (columns, _) = wide(count, declared, "");
        let pg = postgres().database();
        execute_psql(
            &pg,
            &format!("CREATE TABLE t (id int PRIMARY KEY, {columns})"),
        );
        let to = mariadb().database();
        let limosa = opened(folder.path(), &pg, &to, Policies::default());
        let plan = limosa.plan(&limosa::silent()).expect("a plan");
        let stops: Vec<_> = plan.stops().collect();
        assert!(
            stops.iter().any(|f| f.text.contains(says)),
            "{count} of {declared}: {stops:#?}"
        );
    }
}

#[test]
fn indexes_of_too_many_columns_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let (columns, _) = wide(20, "int", "");
    let names: Vec<String> = (0..20).map(|n| format!("c{n}")).collect();
    let pg = postgres().database();
    execute_psql(
        &pg,
        &format!(
            "CREATE TABLE t (id int PRIMARY KEY, {columns}); CREATE INDEX many ON t ({})",
            names.join(", ")
        ),
    );
    let plan = moved(folder.path(), &pg, &mariadb().database());
    let told = plan.findings.iter().find(|f| f.text.contains("many"));
    assert!(
        told.is_some_and(|f| f.text.contains("16 columns")),
        "{:#?}",
        plan.findings
    );
}

#[test]
fn findings_about_values_name_their_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let my = mariadb().database();
    execute_mysql(
        &my,
        "SET sql_mode = 'STRICT_ALL_TABLES,ALLOW_INVALID_DATES';
         CREATE TABLE t (a int, k varchar(9) character set latin1, flag tinyint(1), big bigint unsigned, day date, PRIMARY KEY (a, k));
         INSERT INTO t VALUES (1, 'x', 1, 1, '2024-01-01'), (2, 'é', 7, 18446744073709551615, '0000-00-00'), \
         (3, 'y', NULL, NULL, NULL), (4, 'z', -1, 5, '2024-00-15');
         CREATE TABLE loose (flag tinyint(1)); INSERT INTO loose VALUES (0), (2);",
    );
    let policies = Policies {
        tinyint1: TinyInt1Policy::Boolean,
        ..Policies::default()
    };
    let limosa = opened(folder.path(), &my, &postgres().database(), policies);
    let plan = limosa.plan(&limosa::silent()).expect("a plan");
    let told: Vec<_> = plan
        .findings
        .iter()
        .filter(|f| f.code == "not-a-boolean")
        .map(|f| (f.count, f.examples.clone()))
        .collect();
    assert_eq!(
        told,
        [
            (Some(1), vec!["row 2".to_owned()]),
            (Some(2), vec!["2, é".to_owned(), "4, z".to_owned()])
        ]
    );
    // The other target has no unsigned numbers.
    let lite = format!("sqlite://{}", folder.path().join("t.db").display());
    let there = opened(folder.path(), &my, &lite, Policies::default());
    let plan = there.plan(&limosa::silent()).expect("a plan");
    let above = found(&plan, "above-signed-range").expect("it is told");
    assert_eq!(
        (above.count, &above.examples[..]),
        (Some(1), &["2, é".to_owned()][..])
    );
    // And from there back, dates with a zero pass, and are told.
    let state = folder.path().join("there");
    std::fs::create_dir_all(&state).expect("a folder");
    moved(&state, &my, &lite);
    let state = folder.path().join("back");
    std::fs::create_dir_all(&state).expect("a folder");
    let plan = moved(&state, &lite, &mariadb().database());
    let zero = found(&plan, "zero-date").expect("it is told");
    assert_eq!((zero.count, zero.severity), (Some(2), Severity::Warning));
    assert_eq!(zero.examples, ["2, é", "4, z"]);
}
