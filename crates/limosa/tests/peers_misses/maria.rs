//! From MariaDB: what pgloader, sling and mysql2sqlite lost.

use super::{Move, ask, sqlite};
use limosa_core::policy::BadDatePolicy;
use limosa_testkit::{execute_mysql, execute_psql, mariadb, postgres, query_psql};

/// A column of a table of the target, as its catalog has it.
fn kind(pg: &str, table: &str, column: &str) -> String {
    query_psql(
        pg,
        &format!(
            "select format_type(a.atttypid, a.atttypmod) from pg_attribute a
             where a.attrelid = '{table}'::regclass and a.attname = '{column}'"
        ),
    )
}

#[test]
fn one_bad_value_is_named_and_takes_nothing_with_it() {
    let (my, pg) = (mariadb().database(), postgres().database());
    execute_mysql(
        &my,
        "create table bits (id int primary key, b bit(10), one bit(1)); insert into bits values (1, b'1010101010', b'1'), (2, null, b'0');
         create table shapes (id int primary key, g linestring); insert into shapes values (1, ST_GeomFromText('LINESTRING(0 0,1 1)'));
         create table plain (id int primary key, t text); insert into plain values (1, 'a');",
    );
    Move::new(&my, &pg, |_| ()).whole();
    assert_eq!(
        query_psql(&pg, "select id, b, one from bits order by id"),
        "1\t1010101010\tt\n2\tNULL\tf"
    );
    assert_eq!(
        query_psql(&pg, "select count(*) from shapes where g is not null"),
        "1"
    );
    // A date that no calendar has: refused by name, or as somebody chose; the other tables arrive either way.
    let fresh = postgres().database();
    execute_mysql(
        &my,
        "set sql_mode = ''; create table days (id int primary key, d date);
         insert into days values (1, '0000-00-00'), (2, '2024-02-31'), (3, '2024-02-29');",
    );
    let refused = Move::new(&my, &fresh, |_| ()).refused();
    assert!(refused.iter().any(|r| r.ends_with("days.d")), "{refused:?}");
    Move::new(&my, &fresh, |p| p.bad_date = BadDatePolicy::Null).whole();
    assert_eq!(
        query_psql(&fresh, "select count(*), count(d) from days"),
        "3\t1"
    );
    assert_eq!(query_psql(&fresh, "select count(*) from bits"), "2");
    assert_eq!(query_psql(&fresh, "select t from plain"), "a");
}

#[test]
fn hostile_names_arrive() {
    let (my, pg) = (mariadb().database(), postgres().database());
    execute_mysql(
        &my,
        "create table `a``b` (`c``d` int primary key, `select` text); insert into `a``b` values (1, 'x');",
    );
    Move::new(&my, &pg, |_| ()).whole();
    assert_eq!(
        query_psql(&pg, "select \"c`d\", \"select\" from \"a`b\""),
        "1\tx"
    );
}

#[test]
fn meanings_stay() {
    let (my, pg) = (mariadb().database(), postgres().database());
    execute_mysql(
        &my,
        "create table parent (id int unsigned not null auto_increment primary key);
         insert into parent values (1);
         create table m (id bigint unsigned not null primary key, tiny tinyint(1), at datetime(6), medium mediumint unsigned,
           n int not null check (n > 0), twice int generated always as (n * 2) stored, parent int unsigned,
           word varchar(20) not null default 'x', f float, one bit(1),
           key by_word (word), foreign key (parent) references parent (id));
         insert into m (id, tiny, at, medium, n, parent, f, one) values
           (18446744073709551615, 2, '2024-03-31 02:30:00.123456', 16777215, 1, 1, 0.1, b'1'), (1, 1, null, 0, 5, null, null, b'0');",
    );
    Move::new(&my, &pg, |_| ()).whole();
    assert_eq!(
        query_psql(
            &pg,
            "select id, tiny, at, medium, n, twice, word, f, one from m order by n"
        ),
        "18446744073709551615\t2\t2024-03-31 02:30:00.123456\t16777215\t1\t2\tx\t0.1\tt\n1\t1\tNULL\t0\t5\t10\tx\tNULL\tf"
    );
    assert_eq!(kind(&pg, "m", "at"), "timestamp(6) without time zone");
    for (column, never) in [
        ("id", "text"),
        ("medium", "text"),
        ("tiny", "boolean"),
        ("one", "bytea"),
    ] {
        assert_ne!(kind(&pg, "m", column), never, "{column}");
    }
    let has = |what: &str| query_psql(&pg, what);
    let constraints = has(
        "select contype::text || ' ' || pg_get_constraintdef(oid) from pg_constraint where conrelid = 'm'::regclass order by 1",
    );
    for part in [
        "c CHECK ((n > 0))",
        "f FOREIGN KEY (parent) REFERENCES parent(id)",
        "p PRIMARY KEY (id)",
    ] {
        assert!(constraints.contains(part), "{part}: {constraints}");
    }
    assert_eq!(
        has("select count(*) from pg_indexes where tablename = 'm' and indexdef like '%(word)%'"),
        "1"
    );
    assert_eq!(
        has(
            "select attnotnull from pg_attribute where attrelid = 'm'::regclass and attname = 'word'"
        ),
        "t"
    );
    assert_eq!(
        has(
            "select attgenerated from pg_attribute where attrelid = 'm'::regclass and attname = 'twice'"
        ),
        "s"
    );
    execute_psql(&pg, "insert into m (id, n) values (7, 3)");
    assert_eq!(has("select twice, word from m where id = 7"), "6\tx");
}

#[test]
fn defaults_and_counters_stay() {
    let (my, pg) = (mariadb().database(), postgres().database());
    execute_mysql(
        &my,
        "create table counted (id int not null auto_increment primary key, t text) auto_increment = 500;
         create table defaults (id int primary key, u varchar(36) default uuid(), b binary(4) default null, t varchar(9) default 'NULL');
         insert into defaults (id, u) values (1, 'a');",
    );
    let (plan, _) = Move::new(&my, &pg, |_| ()).whole();
    execute_psql(&pg, "insert into counted (t) values ('first')");
    assert_eq!(query_psql(&pg, "select id from counted"), "500");
    execute_psql(&pg, "insert into defaults (id) values (2), (3)");
    assert_eq!(
        query_psql(&pg, "select b, t from defaults where id = 2"),
        "NULL\tNULL"
    );
    assert_eq!(
        query_psql(
            &pg,
            "select t is null, b is null from defaults where id = 2"
        ),
        "f\tt"
    );
    let made = query_psql(
        &pg,
        "select count(distinct u), count(*) from defaults where id > 1 and u <> 'uuid()'",
    );
    // A default that has no words in the target is named, and is never its own text.
    let named = plan
        .findings
        .iter()
        .any(|f| f.column.as_deref() == Some("u"));
    assert!(
        made == "2\t2" || made == "0\t0" && named,
        "{made} {:#?}",
        plan.findings
    );
}

#[test]
fn a_view_that_is_not_moved_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let my = mariadb().database();
    execute_mysql(
        &my,
        "create table a (id int primary key); create table z (id int primary key); insert into a values (1); insert into z values (1);
         create view odd as select group_concat(id order by id separator '-') as ids from a group by id % 2 with rollup;",
    );
    let (lite, connection) = sqlite(&folder, "new.db");
    let (plan, outcome) = Move::new(&my, &lite, |_| ()).whole();
    assert_eq!(
        ask(
            &connection,
            "select (select count(*) from a), (select count(*) from z)"
        ),
        "1\t1"
    );
    let there = ask(
        &connection,
        "select count(*) from sqlite_master where type = 'view' and name = 'odd'",
    );
    let named = plan
        .findings
        .iter()
        .any(|f| f.object.as_deref().is_some_and(|o| o.contains("odd")) || f.text.contains("odd"));
    assert!(there == "1" || named, "{:#?} {outcome:#?}", plan.findings);
}

#[test]
fn bytes_and_numbers_arrive() {
    let (my, pg) = (mariadb().database(), postgres().database());
    execute_mysql(
        &my,
        "create table b (id int primary key, raw varbinary(10), fixed binary(4), g point, f float, d double);
         insert into b values (1, x'00610062', x'00000001', ST_GeomFromText('POINT(0 0)'), 0.1, 0.1), (2, x'', x'ff', null, -0.5, 1e300);",
    );
    Move::new(&my, &pg, |_| ()).whole();
    assert_eq!(
        query_psql(&pg, "select raw, fixed, f, d from b order by id"),
        "\\x00610062\t\\x00000001\t0.1\t0.1\n\\x\t\\xff000000\t-0.5\t1e+300"
    );
}

#[test]
fn large_numbers_stay_exact_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let my = mariadb().database();
    execute_mysql(
        &my,
        "create table n (id bigint unsigned primary key, d decimal(65,30));
         insert into n values (18446744073709551615, 12345678901234567890123456789012345.123456789012345678901234567890), (1, 0.1);",
    );
    let (lite, connection) = sqlite(&folder, "new.db");
    Move::new(&my, &lite, |_| ()).whole();
    assert_eq!(
        ask(
            &connection,
            "select id || '', d || '' from n order by length(id) desc"
        ),
        "18446744073709551615\t12345678901234567890123456789012345.123456789012345678901234567890\n1\t0.100000000000000000000000000000"
    );
}
