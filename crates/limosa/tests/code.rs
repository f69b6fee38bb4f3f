//! Rights for code are asked for before anything is made, and the words of code are compared.

use limosa::settings::Settings;
use limosa::{Limosa, Parts, Stop};
use limosa_testkit::{
    PostgresServer, execute_mysql, execute_psql, mariadb, postgres, query_mysql, query_psql,
};
use std::path::Path;

fn open(folder: &Path, source: &str, target: &str, exclude: &[&str]) -> Limosa {
    let mut settings = Settings::between(source, target).expect("the addresses are plain");
    settings.state = folder.join(".limosa");
    settings.report = folder.join("report");
    settings.plan.exclude = exclude.iter().map(|e| (*e).to_owned()).collect();
    Limosa::open(settings).expect("two databases")
}

/// Runs to the end, changes the target, compares again, and gives what is said of the schema.
fn changed(source: &str, target: &str, change: &dyn Fn()) -> Vec<String> {
    let here = tempfile::tempdir().expect("a folder");
    let limosa = open(here.path(), source, target, &[]);
    let (silent, stop) = (limosa::silent(), Stop::new());
    let plan = limosa.plan(&silent).expect("a plan");
    let outcome = limosa.run(&plan, Parts::All, &silent, &stop);
    let comparison = outcome.expect("a run").comparison.expect("compared");
    assert!(comparison.schema.is_empty(), "{:#?}", comparison.schema);
    change();
    let again = limosa.verify(&silent, &stop).expect("a comparison");
    let schema = again.comparison.expect("compared").schema;
    schema
        .iter()
        .map(|d| format!("{}: {}", d.object, d.text))
        .collect()
}

#[test]
fn other_words_of_code_are_differences() {
    let (old, new) = (postgres().database(), postgres().database());
    execute_psql(
        &old,
        "create table t (id int primary key, n int); insert into t values (1, 1);
         create view seen as select id, n from t where n > 0;
         create view same as select id from t;
         create function twice(int) returns int language sql as 'select $1 * 2';
         create function noted() returns trigger language plpgsql as 'begin return new; end';
         create trigger late after insert on t for each row execute function noted();
         create trigger early before insert on t for each row execute function noted();",
    );
    let said = changed(&old, &new, &|| {
        execute_psql(
            &new,
            "create or replace view seen as select id, n from t where n >= 0;
             create or replace function twice(int) returns int language sql as 'select $1 + 2';
             alter table t disable trigger late; drop trigger early on t;",
        );
    });
    assert_eq!(
        said,
        [
            "public.twice(integer): the function has other words than in the source",
            "public.seen: the view has other words than in the source",
            "public.t: the trigger early is not there",
            "public.t: the trigger late has other words than in the source",
        ]
    );

    let (old, new) = (mariadb().database(), mariadb().database());
    let routine =
        |factor: &str| format!("create or replace procedure twice(in n int) select n * {factor};");
    execute_mysql(
        &old,
        &format!(
            "create table t (id int primary key, n int); insert into t values (1, 1);
             create view seen as select id, n from t where n > 0;
             create trigger late after insert on t for each row set @x = 1; {}",
            routine("2")
        ),
    );
    let said = changed(&old, &new, &|| {
        execute_mysql(
            &new,
            &format!(
                "create or replace view seen as select id, n from t where n > 1;
                 create or replace trigger late after insert on t for each row set @x = 2; {}",
                routine("3")
            ),
        );
    });
    let other =
        |name: &str, what: &str| format!("{name}: the {what} has other words than in the source");
    for (name, what) in [
        ("twice", "procedure"),
        ("seen", "view"),
        ("t", "trigger late"),
    ] {
        assert!(said.contains(&other(name, what)), "{said:?}");
    }
    assert_eq!(said.len(), 3, "{said:?}");
}

#[test]
fn rights_that_code_needs_are_asked_for_before_anything_is_made() {
    let (old, new) = (mariadb().database(), mariadb().database());
    execute_mysql(
        &old,
        "create table p (id int primary key); create table t (id int primary key, p int, foreign key (p) references p (id));
         create procedure q() select 1; create function f() returns int deterministic return 1;
         create trigger g before insert on t for each row set new.p = new.p;
         create event e on schedule every 1 day do select 1;",
    );
    let name = new.rsplit('/').next().expect("a name");
    let poor = format!("poor_{name}");
    let rights = "select, insert, update, delete, create, alter, index, drop, create view";
    execute_mysql(
        &new,
        &format!(
            "create user {poor}@'%' identified by 'p'; grant {rights} on `{name}`.* to {poor}@'%'"
        ),
    );
    let mut url = url::Url::parse(&new).expect("a URL");
    url.set_username(&poor).expect("a name");
    url.set_password(Some("p")).expect("a password");
    let here = tempfile::tempdir().expect("a folder");
    let limosa = open(here.path(), &old, url.as_str(), &[]);
    let silent = limosa::silent();
    let plan = limosa.plan(&silent).expect("a plan");
    let error = limosa
        .run(&plan, Parts::All, &silent, &Stop::new())
        .expect_err("rights are missing");
    assert!(error.precondition(), "{error}");
    let remedy = error.error().remedy().expect("the statements").to_owned();
    for right in ["CREATE ROUTINE", "TRIGGER", "EVENT", "REFERENCES"] {
        let grant = format!("GRANT {right} ON `{name}`.* TO '{poor}'@'%'");
        assert!(remedy.contains(&grant), "{right}: {remedy}");
    }
    // The server of the test kit writes a log and trusts nobody.
    assert!(
        remedy.contains("log_bin_trust_function_creators"),
        "{remedy}"
    );
    assert_eq!(query_mysql(&new, "show tables"), "");

    let (source, target) = (PostgresServer::private(&[]), postgres().database());
    let source = source_with_policy(&source);
    let limosa = open(&here.path().join("pg"), &source, &target, &[]);
    let plan = limosa.plan(&silent).expect("a plan");
    let error = limosa
        .run(&plan, Parts::All, &silent, &Stop::new())
        .expect_err("a role is missing");
    assert!(error.precondition(), "{error}");
    let remedy = error.error().remedy().unwrap_or_default();
    assert!(remedy.contains("CREATE ROLE \"Audit of wide\""), "{remedy}");
    assert_eq!(
        query_psql(
            &target,
            "select count(*) from pg_tables where schemaname = 'public'"
        ),
        "0"
    );
}

/// A database in which a policy names a role that no other server has.
fn source_with_policy(server: &PostgresServer) -> String {
    let url = server.database();
    execute_psql(
        &url,
        "create role \"Audit of wide\"; create table t (id int primary key);
         create policy p on t for select to \"Audit of wide\" using (id > 0);",
    );
    url
}

#[test]
fn what_stands_on_an_excluded_table_is_left_out_with_it() {
    let (old, new) = (postgres().database(), postgres().database());
    execute_psql(
        &old,
        "create table t (id int primary key); create table gone (id int primary key, x int);
         alter table gone enable row level security;
         create policy mine on gone using (id > 0);
         create rule quiet as on delete to gone do instead nothing;
         alter table gone add constraint apart exclude using btree (x with =);
         create policy kept on t using (id > 0);",
    );
    let here = tempfile::tempdir().expect("a folder");
    let limosa = open(here.path(), &old, &new, &["gone"]);
    let silent = limosa::silent();
    let plan = limosa.plan(&silent).expect("a plan");
    let about: Vec<&str> = plan.steps.iter().map(|s| s.id.as_str()).collect();
    assert!(!about.iter().any(|id| id.contains("gone")), "{about:?}");
    assert!(about.iter().any(|id| id.contains("t.kept")), "{about:?}");
    let told = plan
        .findings
        .iter()
        .filter(|f| f.code == "routine-of-excluded");
    assert_eq!(told.count(), 4, "{:#?}", plan.findings);
    let outcome = limosa
        .run(&plan, Parts::All, &silent, &Stop::new())
        .expect("a run");
    assert!(outcome.steps.iter().all(|s| s.done), "{:#?}", outcome.steps);
}
