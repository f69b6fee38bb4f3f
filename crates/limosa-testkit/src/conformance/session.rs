//! Opening, and statements.

use super::{PLAIN, Subject, table};
use crate::hostile;
use limosa_core::error::{Disposition, ErrorKind};
use limosa_core::operation::ObjectRef;
use limosa_core::schema::TableName;

/// The same database is the same under two openings; two databases are two.
pub fn identity_is_stable_and_tells_databases_apart(subject: &Subject) {
    let (a, b) = ((subject.fresh_url)(), (subject.fresh_url)());
    let identity = |url: &str| subject.open(url).identity().expect("the identity is known");
    assert_eq!(identity(&a), identity(&a));
    assert_ne!(identity(&a), identity(&b));
    assert_eq!(
        identity(&a).family,
        subject.open(&a).capabilities().family,
        "the family of the identity is that of the capabilities"
    );
    (subject.execute)(&a, PLAIN);
    let before = identity(&a);
    (subject.execute)(&a, "insert into t values (1, 'x')");
    assert_eq!(identity(&a), before, "writing changes no identity");
}

/// What is shown of the address can be logged.
pub fn the_address_holds_no_secret(subject: &Subject) {
    let url = (subject.fresh_url)();
    let engine = subject.open(&url);
    assert!(!engine.address().is_empty());
    assert!(!engine.security().is_empty());
    let password = url
        .split_once("//")
        .and_then(|(_, rest)| rest.split_once('@'))
        .and_then(|(user, _)| user.split_once(':'))
        .map(|(_, password)| password);
    if let Some(password) = password {
        let shown = format!("{} {}", engine.address(), engine.security());
        assert!(!shown.contains(&format!(":{password}@")), "{shown}");
    }
}

/// A wrong port, database or password is an error of the right kind, soon.
pub fn wrong_addresses_are_refused_with_a_kind(subject: &Subject) {
    for (url, kinds) in (subject.wrong_urls)() {
        let begun = std::time::Instant::now();
        // An engine may connect only when it is asked something.
        let result = (subject.open)(&url).and_then(|e| e.identity().map(|_| ()));
        match result {
            Ok(()) => panic!("{url} was opened"),
            Err(e) => {
                assert!(kinds.contains(&e.kind()), "{url}: {e:?}, want {kinds:?}");
                assert!(!e.to_string().contains(":pw@"), "{e}");
                assert!(!e.why().is_empty(), "{e:?}");
            }
        }
        assert!(begun.elapsed().as_secs() < 30, "{url}");
    }
}

/// Quoted text is that text, whatever is in it.
pub fn literals_are_what_they_say(subject: &Subject) {
    let engine = subject.open(&(subject.fresh_url)());
    let mut session = engine.session().expect("a session opens");
    for text in hostile::texts() {
        let sql = format!("select {}", engine.dialect().literal(&text));
        let rows = session
            .query(&sql)
            .unwrap_or_else(|e| panic!("{text:?}: {e:?}"));
        assert_eq!(rows, vec![vec![Some(text)]]);
    }
    assert_eq!(
        session.query("select null").expect("a query runs"),
        vec![vec![None]]
    );
}

/// Counting, the greatest value, and whether objects are there.
pub fn a_session_counts_and_finds(subject: &Subject) {
    let (url, engine, catalog) = subject.with(&format!(
        "{PLAIN} create table none (id bigint not null primary key);
         create table child (id bigint not null primary key, t_id bigint not null, w varchar(20),
           constraint child_w unique (w),
           constraint child_t foreign key (t_id) references t (id),
           constraint child_id check (id > 0));
         create index child_t_id on child (t_id, id);
         create view seen as select id from t;
         insert into t values (-5, 'a'), (7, 'b'), (3, 'c');"
    ));
    let mut session = engine.session().expect("a session opens");
    let name = |n: &str| table(&catalog, n).name.clone();
    let count =
        |s: &mut dyn limosa_core::engine::Session, t: &str, enough| s.count(&name(t), enough);
    assert_eq!(count(&mut *session, "t", None).expect("counts"), 3);
    assert_eq!(count(&mut *session, "none", None).expect("counts"), 0);
    assert_eq!(count(&mut *session, "none", Some(1)).expect("counts"), 0);
    assert!(count(&mut *session, "t", Some(1)).expect("counts") >= 1);
    assert_eq!(
        session.greatest(&name("t"), "id").expect("is found"),
        Some(7)
    );
    assert_eq!(
        session.greatest(&name("none"), "id").expect("is found"),
        None
    );

    let not = TableName {
        schema: name("t").schema,
        name: "not_there".into(),
    };
    let child = name("child");
    let view = TableName {
        schema: name("t").schema,
        name: "seen".into(),
    };
    for (object, there) in [
        (ObjectRef::Table(name("t")), true),
        (ObjectRef::Table(not.clone()), false),
        (ObjectRef::View(view), true),
        (ObjectRef::View(not.clone()), false),
        (ObjectRef::PrimaryKey(child.clone()), true),
        (ObjectRef::PrimaryKey(not.clone()), false),
        (ObjectRef::Index(child.clone(), "child_t_id".into()), true),
        (ObjectRef::Index(child.clone(), "nothing".into()), false),
    ] {
        let found = session
            .exists(&object)
            .unwrap_or_else(|e| panic!("{object:?}: {e:?}"));
        assert_eq!(found, there, "{object:?}");
    }
    if !engine.capabilities().constraints_inline {
        for (object, there) in [
            (ObjectRef::Index(child.clone(), "child_w".into()), true),
            (ObjectRef::Constraint(child.clone(), "child_t".into()), true),
            (
                ObjectRef::Constraint(child.clone(), "child_id".into()),
                true,
            ),
            (ObjectRef::Constraint(child, "nothing".into()), false),
        ] {
            let found = session
                .exists(&object)
                .unwrap_or_else(|e| panic!("{object:?}: {e:?}"));
            assert_eq!(found, there, "{object:?}");
        }
    }
    session
        .execute(&format!(
            "insert into {} values (8, 'd')",
            engine.dialect().qualified(&name("t"))
        ))
        .expect("a statement runs");
    assert_eq!(subject.number(&url, "select count(*) from t"), 4);
}

/// An error says what and which, and does not end the session.
pub fn wrong_sql_is_an_error_and_the_session_goes_on(subject: &Subject) {
    let (_, engine, catalog) = subject.with(&format!("{PLAIN} insert into t values (1, 'x');"));
    let mut session = engine.session().expect("a session opens");
    let expect = |kind: &[ErrorKind], result: limosa_core::Result<()>| {
        let e = result.expect_err("wrong SQL is refused");
        assert!(kind.contains(&e.kind()), "{e:?}, want {kind:?}");
        assert_eq!(e.disposition(), Disposition::Definite, "{e:?}");
        assert!(!e.why().is_empty() && !e.doing().is_empty(), "{e:?}");
    };
    use ErrorKind::{Conflict, Constraint, Missing, Server};
    expect(&[Server], session.execute("selekt 1"));
    // A session may have no default namespace, so that nobody's objects stand in for others.
    let t = engine.dialect().qualified(&table(&catalog, "t").name);
    expect(&[Missing], session.execute("delete from not_there"));
    expect(
        &[Missing],
        session.query("select * from not_there").map(|_| ()),
    );
    expect(
        &[Conflict],
        session.execute(&format!("create table {t} (id bigint)")),
    );
    expect(
        &[Constraint, Conflict],
        session.execute(&format!("insert into {t} values (1, 'again')")),
    );
    assert_eq!(
        session
            .query(&format!("select v from {t}"))
            .expect("the session goes on"),
        vec![vec![Some("x".into())]]
    );
    let mut missing = table(&catalog, "t").name.clone();
    missing.name = "not_there".into();
    let e = session
        .count(&missing, None)
        .expect_err("a table that is not there is not counted");
    assert_eq!(e.kind(), Missing, "{e:?}");
    assert!(
        e.to_string().contains("not_there"),
        "the error names the table: {e:?}"
    );
}
