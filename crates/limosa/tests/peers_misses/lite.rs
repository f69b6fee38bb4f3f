//! From SQLite: what pgloader and sqlite3mysql lost.

use super::{Move, sqlite};
use limosa_core::policy::MismatchPolicy;
use limosa_testkit::{mariadb, postgres, query_mysql, query_psql};

const LOOSE: &str = "
    create table \"any\" (id integer primary key, \"any\" any, \"select\" text);
    insert into \"any\" values (1, 5, 'a'), (2, 'text', null);
    create table big (id integer primary key, n int); insert into big values (1, 9223372036854775807), (2, -9223372036854775808);
    create table computed (id integer primary key, n integer, twice integer generated always as (n * 2) stored);
    insert into computed (id, n) values (1, 21);
    create table blobs (id integer primary key, b blob); insert into blobs values (1, x'00ff'), (2, 'no base64!');
    create table long (id integer primary key, v varchar(3), d decimal(5,2));
    insert into long values (1, 'longer than three', 123456.789);
    create table last (id integer primary key); insert into last values (1);";

#[test]
fn what_sqlite_allows_arrives() {
    let folder = tempfile::tempdir().expect("a folder");
    let (lite, connection) = sqlite(&folder, "old.db");
    connection.execute_batch(LOOSE).expect("rows");
    let pg = postgres().database();
    // Text among bytes is refused by name, or widened if somebody says so; longer values have room at once.
    let strict = Move::new(&lite, &pg, |_| ()).refused();
    assert!(strict.iter().any(|r| r.ends_with("blobs.b")), "{strict:?}");
    Move::new(&lite, &pg, |p| p.mismatch = MismatchPolicy::Widen).whole();
    let ask = |sql: &str| query_psql(&pg, sql);
    assert_eq!(
        ask("select n from big order by id"),
        "9223372036854775807\n-9223372036854775808"
    );
    assert_eq!(ask("select count(*), count(\"any\") from \"any\""), "2\t2");
    assert_eq!(ask("select twice from computed"), "42");
    assert_eq!(
        ask(
            "select attgenerated from pg_attribute where attrelid = 'computed'::regclass and attname = 'twice'"
        ),
        "s"
    );
    assert_eq!(
        ask("select v, d from long"),
        "longer than three\t123456.789"
    );
    assert_eq!(ask("select count(*) from blobs"), "2");
    assert_eq!(ask("select count(*) from last"), "1");
}

#[test]
fn a_bad_date_is_named_and_no_type_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let (lite, connection) = sqlite(&folder, "old.db");
    connection
        .execute_batch(
            "create table untyped (id integer primary key, x); insert into untyped values (1, 'a'), (2, 5), (3, null);
             create table days (id integer primary key, d date); insert into days values (1, '2024-02-30'), (2, '2024-02-29');
             create table z_last (id integer primary key); insert into z_last values (1);",
        )
        .expect("rows");
    let my = mariadb().database();
    let refused = Move::new(&lite, &my, |_| ()).refused();
    assert!(refused.iter().any(|r| r.ends_with("days.d")), "{refused:?}");
    Move::new(&lite, &my, |p| {
        p.bad_date = limosa_core::policy::BadDatePolicy::Null
    })
    .whole();
    assert_eq!(
        query_mysql(&my, "select count(*), count(x) from untyped"),
        "3\t2"
    );
    assert_eq!(
        query_mysql(&my, "select count(*), count(d) from days"),
        "2\t1"
    );
    assert_eq!(query_mysql(&my, "select count(*) from z_last"), "1");
}
