//! Rows that a target refuses, and rows that a policy puts aside, between real engines.

use crate::case::limosa;
use crate::engine::Engine::{self, Maria, Postgres, Sqlite};
use std::path::Path;

const ROWS: i64 = 300;
/// At both ends, and two side by side.
const BAD: [i64; 4] = [1, 150, 151, 300];

fn configure(folder: &Path, settings: &str, old: &str, new: &str) {
    let text = format!("{settings}\n[source]\nurl = '{old}'\n[target]\nurl = '{new}'\n");
    std::fs::write(folder.join("limosa.toml"), text).expect("a file can be written");
}

#[track_caller]
fn ends(folder: &Path, args: &[&str], code: i32) -> String {
    let (ended, words) = limosa(folder, args);
    assert_eq!(ended, code, "{args:?}\n{words}");
    words
}

/// A check and a unique key that only the target has: exactly the rows to blame are left out, and moved later.
fn refused(from: Engine, to: Engine) {
    let here = tempfile::tempdir().expect("a folder can be made");
    let folder = here.path();
    let old = from.database(folder, "old.db");
    let new = to.database(folder, "new.db");
    let rows: Vec<String> = (1..=ROWS)
        .map(|i| {
            let v = if BAD.contains(&i) { 13 } else { i + 1000 };
            // 20 and 21 are twins.
            let w = if i == 21 { 20 } else { i };
            format!("({i}, {v}, 'w{w}')")
        })
        .collect();
    old.execute(&format!(
        "CREATE TABLE t(id bigint NOT NULL PRIMARY KEY, v bigint, w varchar(50)); INSERT INTO t VALUES {};",
        rows.join(", ")
    ));
    new.execute(
        "CREATE TABLE t(id bigint NOT NULL PRIMARY KEY, v bigint, w varchar(50), \
         CONSTRAINT unlucky CHECK (v <> 13), CONSTRAINT lone UNIQUE (w));",
    );
    let settings =
        "into_existing = true\nerror_threshold = 0.1\nerror_threshold_min = 100\nbatch_size = 70";
    configure(folder, settings, &old.url, &new.url);
    let words = ends(folder, &["run"], 4);
    assert!(words.contains("5 rows are not in the target"), "{words}");
    let ids = new.ask("SELECT id FROM t ORDER BY id");
    let there: Vec<i64> = ids.lines().map(|i| i.parse().expect("a number")).collect();
    let twin = if there.contains(&20) { 21 } else { 20 };
    let want: Vec<i64> = (1..=ROWS)
        .filter(|i| !BAD.contains(i) && *i != twin)
        .collect();
    assert_eq!(there, want, "{from:?} to {to:?}");
    let listed = ends(folder, &["rejects", "list"], 4);
    for id in BAD.iter().chain([&twin]) {
        assert!(listed.contains(&format!("id = {id} ")), "{id}: {listed}");
    }
    let verified = ends(folder, &["verify"], 0);
    assert!(verified.contains("PASS WITH EXCEPTIONS"), "{verified}");
    match to {
        Sqlite => new.execute(
            "PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (v <> 13)', 'CHECK (1)') WHERE name = 't';
             PRAGMA writable_schema = RESET;",
        ),
        _ => new.execute("ALTER TABLE t DROP CONSTRAINT unlucky;"),
    }
    // The twin is still one too many.
    ends(folder, &["rejects", "retry"], 4);
    assert_eq!(new.ask("SELECT count(*) FROM t"), "299");
    ends(folder, &["rejects", "retry"], 4);
    assert_eq!(new.ask("SELECT count(*) FROM t"), "299");
    let verified = ends(folder, &["verify"], 0);
    assert!(verified.contains("PASS WITH EXCEPTIONS"), "{verified}");
}

macro_rules! pairs {
    ($($name:ident: $source:expr => $target:expr;)*) => {
        $(#[test] fn $name() { refused($source, $target); })*
    };
}

pairs! {
    sqlite_refuses_sqlite: Sqlite => Sqlite;
    postgres_refuses_sqlite: Sqlite => Postgres;
    mariadb_refuses_sqlite: Sqlite => Maria;
    sqlite_refuses_postgres: Postgres => Sqlite;
    postgres_refuses_postgres: Postgres => Postgres;
    mariadb_refuses_postgres: Postgres => Maria;
    sqlite_refuses_mariadb: Maria => Sqlite;
    postgres_refuses_mariadb: Maria => Postgres;
    mariadb_refuses_mariadb: Maria => Maria;
}

/// Rows for which a formula fails are named before anything moves and put aside by the run; once the formula is
/// mended, a retry moves just those, and once.
#[test]
fn a_mended_transform_moves_the_rows_that_failed() {
    for (from, to) in [(Sqlite, Postgres), (Postgres, Maria), (Maria, Sqlite)] {
        let here = tempfile::tempdir().expect("a folder can be made");
        let folder = here.path();
        let old = from.database(folder, "old.db");
        let new = to.database(folder, "new.db");
        let rows: Vec<String> = (1..=ROWS)
            .map(|i| {
                let age = if BAD.contains(&i) { "old" } else { "42" };
                format!("({i}, '{age}')")
            })
            .collect();
        old.execute(&format!(
            "CREATE TABLE t(id bigint NOT NULL PRIMARY KEY, age varchar(10)); INSERT INTO t VALUES {};",
            rows.join(", ")
        ));
        let settings = |formula: &str| {
            format!(
                "error_threshold = 0.1\n[[transform]]\ntable = 't'\n[transform.columns]\nage = \"{formula}\""
            )
        };
        configure(
            folder,
            &settings("cast(age as integer)"),
            &old.url,
            &new.url,
        );
        let plan = ends(folder, &["plan"], 0);
        assert!(
            plan.contains("the transform fails for rows that are there"),
            "{plan}"
        );
        ends(folder, &["run"], 4);
        assert_eq!(
            new.ask("SELECT count(*) FROM t"),
            "296",
            "{from:?} to {to:?}"
        );
        let listed = ends(folder, &["rejects", "list"], 4);
        assert!(
            listed.contains("id = 151 ") && listed.contains("transform"),
            "{listed}"
        );
        let status = ends(folder, &["status"], 0);
        assert!(status.contains("4 rows are not in the target"), "{status}");
        // The row is kept as it was read.
        let shown = ends(folder, &["rejects", "export", "--values"], 0);
        assert_eq!(shown.matches("\"old\"").count(), 4, "{shown}");
        configure(
            folder,
            &settings("cast(nullif(age, 'old') as integer)"),
            &old.url,
            &new.url,
        );
        ends(folder, &["rejects", "retry"], 0);
        ends(folder, &["rejects", "retry"], 0);
        assert_eq!(
            new.ask("SELECT count(*), count(age), sum(age) FROM t"),
            "300\t296\t12432"
        );
    }
}

/// What a policy decides: the source, the policies, and the rows that are there afterwards.
fn decided(from: Engine, to: Engine, sql: &str, types: &str, ask: &str, want: &str, left: usize) {
    let here = tempfile::tempdir().expect("a folder can be made");
    let folder = here.path();
    let old = from.database(folder, "old.db");
    let new = to.database(folder, "new.db");
    old.execute(sql);
    // The threshold is 0: what a policy puts aside was foreseen.
    configure(folder, &format!("[types]\n{types}"), &old.url, &new.url);
    ends(folder, &["run"], if left > 0 { 4 } else { 0 });
    assert_eq!(new.ask(ask), want, "{from:?} to {to:?}");
    let lines = ends(folder, &["rejects", "export"], 0);
    assert_eq!(lines.lines().count(), left, "{lines}");
}

#[test]
fn text_is_mended_or_its_row_put_aside() {
    let sql = "CREATE TABLE p(id INTEGER PRIMARY KEY, a TEXT, n INTEGER);
               INSERT INTO p VALUES (1, 'cafÃ©', 1), (2, CAST(x'636166e980' AS TEXT), 2), (3, 'a' || char(0), 3),
                 (4, 'x', 'word');";
    let types = "nul = 'reject'\ninvalid_text = 'windows-1252'\ndouble_encoded = 'repair'\nmismatch = 'reject'";
    let ask = "SELECT id, a FROM p WHERE id < 3 ORDER BY id";
    decided(Sqlite, Postgres, sql, types, ask, "1\tcafé\n2\tcafé€", 2);
    // Its text holds U+0000.
    decided(Sqlite, Maria, sql, types, ask, "1\tcafé\n2\tcafé€", 1);
    let types = "nul = 'strip'\ninvalid_text = 'reject'\nmismatch = 'widen'";
    let ask = "SELECT id, a FROM p ORDER BY id";
    decided(Sqlite, Postgres, sql, types, ask, "1\tcafÃ©\n3\ta\n4\tx", 1);
}

#[test]
fn text_that_was_encoded_twice_is_mended_from_every_source() {
    let sql = "CREATE TABLE p(id bigint NOT NULL PRIMARY KEY, a varchar(100)); \
               INSERT INTO p VALUES (1, 'cafÃ© â‚¬'), (2, 'café'), (3, 'Ã');";
    for from in Engine::ALL {
        for to in Engine::ALL {
            if from != to {
                let ask = "SELECT a FROM p ORDER BY id";
                let types = "double_encoded = 'repair'";
                decided(from, to, sql, types, ask, "café €\ncafé\nÃ", 0);
            }
        }
    }
}

#[test]
fn dates_and_numbers_that_nobody_can_keep_are_put_aside() {
    let zero = "SET sql_mode = ''; CREATE TABLE d(id int NOT NULL PRIMARY KEY, day date); \
                INSERT INTO d VALUES (1, '2024-02-03'), (2, '0000-00-00'), (3, '2024-00-10');";
    let ask = "SELECT id FROM d ORDER BY id";
    decided(Maria, Postgres, zero, "bad_date = 'reject'", ask, "1", 2);
    let nan = "CREATE TABLE d(id int NOT NULL PRIMARY KEY, f double precision); \
               INSERT INTO d VALUES (1, 0.5), (2, 'NaN'), (3, 'Infinity');";
    decided(Postgres, Maria, nan, "not_finite = 'reject'", ask, "1", 2);
    decided(
        Postgres,
        Sqlite,
        nan,
        "not_finite = 'reject'",
        ask,
        "1\n3",
        1,
    );
}

#[test]
fn numbers_beyond_a_chosen_column_become_the_nearest() {
    let sql = "CREATE TABLE p(id bigint NOT NULL PRIMARY KEY, n bigint, d decimal(20, 4)); \
               INSERT INTO p VALUES (1, 70000, 123456.5), (2, -70000, -123456.5), (3, 7, 1.5);";
    let cast = "out_of_range = 'clamp'\n[[table]]\nname = 'p'\ncast = { n = 'smallint', d = 'decimal(6,2)' }";
    let ask = "SELECT n, d FROM p ORDER BY id";
    let want = "32767\t9999.99\n-32768\t-9999.99\n7\t1.50";
    decided(Postgres, Maria, sql, cast, ask, want, 0);
    decided(Maria, Postgres, sql, cast, ask, want, 0);
    let cast = cast.replace("clamp", "reject");
    decided(Maria, Postgres, sql, &cast, ask, "7\t1.50", 2);
}
