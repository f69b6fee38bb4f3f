//! The servers start, serve, and are fresh for every test.

use limosa_testkit::*;

#[test]
fn a_postgres_database_is_fresh_and_answers() {
    let (a, b) = (postgres().database(), postgres().database());
    assert_ne!(a, b);
    execute_psql(
        &a,
        "create table t (x int, y text); insert into t values (1, null)",
    );
    assert_eq!(query_psql(&a, "select * from t"), "1\tNULL");
    assert_eq!(
        query_psql(&b, "select count(*) from pg_class where relname = 't'"),
        "0"
    );
    assert_eq!(query_psql(&a, "show wal_level"), "logical");
    assert!(postgres().version() >= 15);
}

#[test]
fn a_mariadb_database_is_fresh_and_answers() {
    let (a, b) = (mariadb().database(), mariadb().database());
    assert_ne!(a, b);
    execute_mysql(
        &a,
        "create table t (x int, y text); insert into t values (1, null), (2, 'ä\\t🦜')",
    );
    assert_eq!(query_mysql(&a, "select * from t"), "1\tNULL\n2\tä\t🦜");
    assert_eq!(query_mysql(&b, "show tables"), "");
    assert_eq!(
        query_mysql(&a, "select @@log_bin, @@binlog_format, @@local_infile"),
        "1\tROW\t1"
    );
}

#[test]
fn a_failing_statement_panics_with_the_servers_words() {
    let url = postgres().database();
    let panic = std::panic::catch_unwind(|| execute_psql(&url, "select * from nothing_here"));
    let words = *panic.unwrap_err().downcast::<String>().unwrap();
    assert!(words.contains("nothing_here"), "{words}");
}

#[test]
fn a_private_postgres_keeps_its_rows_over_a_kill() {
    let mut server = PostgresServer::private(&[("fsync", "on"), ("full_page_writes", "on")]);
    let url = server.database();
    execute_psql(
        &url,
        "set synchronous_commit = on; create table t as select 7 as x",
    );
    server.kill();
    server.start();
    assert_eq!(query_psql(&url, "select x from t"), "7");
}

#[test]
fn a_private_mariadb_stops_and_starts_at_the_same_port() {
    let mut server = MariaServer::private(&["--binlog-format=MIXED"]);
    let url = server.database();
    execute_mysql(&url, "create table t as select 7 as x");
    server.stop();
    server.start();
    assert_eq!(
        query_mysql(&url, "select x, @@binlog_format from t"),
        "7\tMIXED"
    );
}

#[test]
fn the_login_roles_want_their_password() {
    let url = postgres().url("postgres");
    for role in ["scram", "md5", "cleartext"] {
        let with = url.replace("limosa@", &format!("{role}:pw@"));
        assert_eq!(query_psql(&with, "select current_user"), role);
        let wrong = url.replace("limosa@", &format!("{role}:no@"));
        assert!(std::panic::catch_unwind(|| query_psql(&wrong, "select 1")).is_err());
    }
}
