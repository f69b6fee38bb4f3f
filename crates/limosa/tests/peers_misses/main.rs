//! What other tools got wrong on the same data, one test for each: data arrives exactly, or the run says what does not, by
//! name and by its exit code.
//!
//! | who, from → to | what went wrong | here |
//! |---|---|---|
//! | data-diff, PostgreSQL and MariaDB | padded CHAR called different, thousands of times | `compared::padding_of_char_is_no_difference` |
//! | data-diff, reladiff, pgcopydb compare | exit code 0 though rows differ | `compared::a_difference_is_in_the_exit_code` |
//! | reladiff | exit code 0 though it could not run | `compared::what_could_not_run_is_in_the_exit_code` |
//! | reladiff | `a|b`,`c` and `a`,`b|c` equal; NULL and `<null>` equal | `alone.rs`, `pushdown` |
//! | pgloader, MariaDB → PostgreSQL | one bad value drops the batch; three tables empty, exit code 0 | `maria::one_bad_value_is_named_and_takes_nothing_with_it` |
//! | | exit code 0 without a connection or a database | `compared::what_could_not_run_is_in_the_exit_code` |
//! | | a backtick in a name ends the run | `maria::hostile_names_arrive` |
//! | | tinyint(1) 2 is `true`; datetime gains a zone; checks dropped; computed columns stored | `maria::meanings_stay` |
//! | | sequences begin at 1 again; `uuid()` becomes a text; NULL default of binary becomes bytes | `maria::defaults_and_counters_stay` |
//! | | views dropped in silence | `maria::a_view_that_is_not_moved_is_named` |
//! | pgloader, SQLite → PostgreSQL | names and types `any`; large numbers in `int`; text in BLOB; values longer than declared; exit code 0 | `lite::what_sqlite_allows_arrives` |
//! | | computed columns dropped | `lite::what_sqlite_allows_arrives` |
//! | sling, → PostgreSQL | no keys, NOT NULL, indexes or defaults; unsigned as text; bit(1) as bytes; 0.1 grows; NUL bytes fail the table | `maria::meanings_stay`, `maria::bytes_and_numbers_arrive` |
//! | sling, PostgreSQL → | quotes in times; 24:00:00 shifted; NaN becomes NULL; unconstrained numeric, bit, xml, enum fail | `pg::hard_values_arrive_or_are_named` |
//! | mysql2sqlite | 18446744073709551615 rounded, decimal(65,30) rounded | `maria::large_numbers_stay_exact_in_a_file` |
//! | sqlite3mysql | a column without a type, 2024-02-30: the run ends, later tables never arrive | `lite::a_bad_date_is_named_and_no_type_is_none` |
//! | pgloader | `caching_sha2_password` unsupported, exit code 0 | skipped where no MySQL is installed: `limosa-mysql` tests it there |

mod compared;
mod lite;
mod maria;
mod pg;

use limosa::outcome::{Outcome, Verdict};
use limosa::plan::{Plan, Severity};
use limosa::settings::Settings;
use limosa::{Limosa, Parts, Stop};
use limosa_core::policy::Policies;

/// A migration in a folder of its own.
struct Move {
    limosa: Limosa,
    _folder: tempfile::TempDir,
}

impl Move {
    fn new(source: &str, target: &str, policies: impl FnOnce(&mut Policies)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = Settings::between(source, target).expect("the addresses are plain");
        settings.state = folder.path().join(".limosa");
        settings.report = folder.path().join("report");
        settings.run.workers = 2;
        policies(&mut settings.plan.policies);
        Self {
            limosa: Limosa::open(settings).expect("two databases"),
            _folder: folder,
        }
    }

    fn plan(&self) -> Plan {
        self.limosa.plan(&limosa::silent()).expect("a plan")
    }

    /// What the plan refuses: the objects and columns.
    fn refused(&self) -> Vec<String> {
        let stops = |f: &&limosa::plan::Finding| f.severity == Severity::Stop;
        let findings = self.plan().findings;
        findings
            .iter()
            .filter(stops)
            .map(|f| {
                let object = f.object.clone().unwrap_or_default();
                format!("{object}.{}", f.column.clone().unwrap_or_default())
            })
            .collect()
    }

    /// Runs to the end; everything must be done and equal, but for what the plan says beforehand.
    fn whole(&self) -> (Plan, Outcome) {
        let silent = limosa::silent();
        let plan = self.plan();
        let outcome = self
            .limosa
            .run(&plan, Parts::All, &silent, &Stop::new())
            .unwrap_or_else(|e| panic!("{e}: {:#?}", plan.findings));
        for step in &outcome.steps {
            assert!(step.done, "{}: {:?}", step.id, step.error);
        }
        let comparison = outcome.comparison.clone().expect("compared");
        assert!(
            comparison.verdict <= Verdict::PassWithExceptions,
            "{comparison:#?}"
        );
        (plan, outcome)
    }
}

fn sqlite(folder: &tempfile::TempDir, name: &str) -> (String, rusqlite::Connection) {
    let file = folder.path().join(name);
    let connection = rusqlite::Connection::open(&file).expect("a file");
    (format!("sqlite:{}", file.display()), connection)
}

/// The rows of a query on a file: cells between tabs.
fn ask(connection: &rusqlite::Connection, sql: &str) -> String {
    let mut statement = connection.prepare(sql).expect("a query");
    let columns = statement.column_count();
    let rows = statement
        .query_map([], |row| {
            let cells: Vec<String> = (0..columns)
                .map(|at| match row.get_ref(at) {
                    Ok(rusqlite::types::ValueRef::Null) => "NULL".into(),
                    Ok(rusqlite::types::ValueRef::Integer(i)) => i.to_string(),
                    Ok(rusqlite::types::ValueRef::Real(f)) => f.to_string(),
                    Ok(rusqlite::types::ValueRef::Text(t)) => {
                        String::from_utf8_lossy(t).into_owned()
                    }
                    Ok(rusqlite::types::ValueRef::Blob(b)) => {
                        b.iter().map(|b| format!("{b:02x}")).collect()
                    }
                    Err(e) => e.to_string(),
                })
                .collect();
            Ok(cells.join("\t"))
        })
        .expect("rows");
    rows.collect::<Result<Vec<_>, _>>()
        .expect("rows")
        .join("\n")
}
