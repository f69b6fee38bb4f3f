//! Columns whose default draws from a sequence: the application goes on inserting without naming them.

use crate::case::limosa;
use crate::engine::Engine::{self, Maria, Postgres, Sqlite};

/// One sequence of its own, which no column owns, and one that two tables share.
fn source(engine: Engine) -> String {
    let next = |name: &str| match engine {
        Postgres => format!("nextval('{name}')"),
        _ => format!("nextval({name})"),
    };
    let (own, both) = (next("own_ids"), next("both_ids"));
    format!(
        "CREATE SEQUENCE own_ids START WITH 1; CREATE SEQUENCE both_ids START WITH 1;
         CREATE TABLE own(id integer NOT NULL DEFAULT {own} PRIMARY KEY, v varchar(9));
         CREATE TABLE a(id integer NOT NULL DEFAULT {both} PRIMARY KEY, v varchar(9));
         CREATE TABLE b(id integer NOT NULL DEFAULT {both} PRIMARY KEY, v varchar(9));
         INSERT INTO own(v) VALUES ('x'), ('y'), ('z'); DELETE FROM own WHERE v = 'z';
         INSERT INTO a(v) VALUES ('x');"
    )
}

#[allow(clippy::print_stderr, reason = "what is skipped is printed")]
fn goes_on(from: Engine, to: Engine) {
    if from == Maria && limosa_testkit::mariadb().mysql() {
        eprintln!("skipped: MySQL has no sequences");
        return;
    }
    let here = tempfile::tempdir().expect("a folder can be made");
    let folder = here.path();
    let old = from.database(folder, "old.db");
    let new = to.database(folder, "new.db");
    old.execute(&source(from));
    let ends = ["--source", &old.url, "--target", &new.url];
    let (_, words) = limosa(folder, &[&["assess"][..], &ends].concat());
    assert!(!words.contains("own.id: the default"), "{words}");
    assert!(words.contains("a.id: the default"), "{words}");
    let (code, words) = limosa(folder, &[&["run"][..], &ends].concat());
    assert_eq!(code, 0, "{words}");
    assert!(words.contains("PASS"), "{words}");
    // 3 was given once, so it does not come again; nor does anything before the place where a cache had got.
    new.execute("INSERT INTO own(v) VALUES ('new')");
    let id: i64 = new
        .ask("SELECT id FROM own WHERE v = 'new'")
        .trim()
        .parse()
        .expect("a number");
    assert!(id >= 4, "{id}");
    // Alone, it is the same.
    new.execute("DELETE FROM own WHERE v = 'new'");
    let (code, words) = limosa(folder, &[&["verify", "--alone"][..], &ends].concat());
    assert_eq!(code, 0, "{words}");
    old.remove();
    new.remove();
}

#[test]
fn from_postgres_to_mariadb() {
    goes_on(Postgres, Maria);
}

#[test]
fn from_postgres_to_sqlite() {
    goes_on(Postgres, Sqlite);
}

#[test]
fn from_mariadb_to_postgres() {
    goes_on(Maria, Postgres);
}

#[test]
fn from_mariadb_to_sqlite() {
    goes_on(Maria, Sqlite);
}
