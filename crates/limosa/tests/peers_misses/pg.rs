//! From PostgreSQL: what sling lost.

use super::{Move, ask, sqlite};
use limosa_core::policy::{NotFinitePolicy, PrecisionPolicy};
use limosa_testkit::{execute_psql, mariadb, postgres, query_mysql};

const HARD: &str = "
    create type mood as enum ('sad', 'ok');
    create table hard (id integer primary key, at timestamptz, t time, d date, n numeric, b bit(10), x xml, m mood);
    insert into hard values (1, '2024-03-31 01:30:00.123456+00', '24:00:00', '1996-03-13', 1.10, b'1010101010', '<a/>', 'ok'),
      (2, '2024-01-01 00:00:00+00', '00:00:00', '2024-02-29', -0.000000000000000000000001, null, null, 'sad');";

#[test]
fn hard_values_arrive_or_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let (pg, my) = (postgres().database(), mariadb().database());
    execute_psql(&pg, HARD);
    let (lite, connection) = sqlite(&folder, "new.db");
    Move::new(&pg, &lite, |_| ()).whole();
    let said = ask(
        &connection,
        "select at, t, d, n || '', m from hard order by id",
    );
    assert!(!said.contains('"'), "{said}");
    for part in [
        "2024-03-31 01:30:00.123456",
        "24:00:00",
        "1996-03-13\t",
        "1.10",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    // An unconstrained numeric is placed by the values that are there.
    Move::new(&pg, &my, |p| p.precision = PrecisionPolicy::Text).whole();
    let said = query_mysql(&my, "select at, t, d, m from hard order by id");
    assert!(!said.contains('"') && said.contains("24:00:00"), "{said}");
    assert!(said.contains("2024-03-31 01:30:00.123456"), "{said}");
    assert_eq!(
        query_mysql(&my, "select count(*) from hard where n like '1.1%'"),
        "1"
    );
}

#[test]
fn what_is_no_number_is_named_and_never_becomes_null_in_silence() {
    let (pg, my) = (postgres().database(), mariadb().database());
    execute_psql(
        &pg,
        "create table f (id integer primary key, d double precision);
         insert into f values (1, 'NaN'), (2, 'Infinity'), (3, 1e300), (4, 0.1);",
    );
    let refused = Move::new(&pg, &my, |_| ()).refused();
    assert!(refused.iter().any(|r| r.ends_with("f.d")), "{refused:?}");
    Move::new(&pg, &my, |p| p.not_finite = NotFinitePolicy::Text).whole();
    let said = query_mysql(&my, "select d from f order by id");
    assert!(said.starts_with("NaN\nInfinity\n"), "{said}");
}
