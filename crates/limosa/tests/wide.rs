//! Databases of many tables: what a table costs in round trips.

use limosa::outcome::Verdict;
use limosa::settings::Settings;
use limosa::{Limosa, Parts, Stop};
use limosa_testkit::proxy::Proxy;
use limosa_testkit::{execute_mysql, execute_psql, mariadb, postgres};

/// `tables` tables as two servers understand them: a tenth without key, a fifth with rows, indexes and foreign keys.
fn schema(tables: usize) -> String {
    let mut sql = String::new();
    for n in 0..tables {
        let key = if n % 10 == 9 {
            ""
        } else {
            ", primary key (id)"
        };
        let parent = match n % 10 {
            5 => format!(
                ", constraint fk_{n} foreign key (parent) references t{:05} (id)",
                n - 1
            ),
            _ => String::new(),
        };
        sql += &format!(
            "create table t{n:05} (id integer not null, name varchar(40), parent integer{key}{parent});\n"
        );
        if n % 5 == 1 {
            sql += &format!("create index ix_{n} on t{n:05} (name);\n");
        }
        if n % 5 == 0 {
            sql +=
                &format!("insert into t{n:05} (id, name) values (1, 'a'), (2, 'b'), (3, NULL);\n");
        }
    }
    sql
}

fn through(url: &str) -> Proxy {
    let port = url::Url::parse(url).expect("a URL").port().expect("a port");
    Proxy::to(port).expect("a free port")
}

/// Round trips of opening a database and inspecting it.
fn inspected(url: &str) -> u64 {
    let proxy = through(url);
    let engine =
        limosa::engines::open(&limosa::settings::Address::new(proxy.url(url))).expect("it opens");
    let catalog = engine.inspect().expect("a catalog");
    assert!(!catalog.tables.is_empty());
    proxy.counts().turns
}

/// Whether two counts are the same, but for messages that came through the proxy in two pieces.
fn as_many(few: u64, many: u64) -> bool {
    few.abs_diff(many) <= 4
}

#[test]
fn inspecting_costs_as_many_round_trips_for_two_thousand_tables_as_for_ten() {
    let fresh = [postgres().database(), postgres().database()];
    execute_psql(&fresh[0], &schema(10));
    execute_psql(&fresh[1], &schema(2000));
    let (few, many) = (inspected(&fresh[0]), inspected(&fresh[1]));
    assert!(as_many(few, many), "{few} and {many}");
    let fresh = [mariadb().database(), mariadb().database()];
    execute_mysql(&fresh[0], &schema(10));
    execute_mysql(&fresh[1], &schema(300));
    let (few, many) = (inspected(&fresh[0]), inspected(&fresh[1]));
    assert!(as_many(few, many), "{few} and {many}");
}

/// Round trips of a whole run, with each side.
fn ran(source: &str, target: &str) -> (u64, u64) {
    let here = tempfile::tempdir().expect("a folder");
    let (from, to) = (through(source), through(target));
    let mut settings =
        Settings::between(&from.url(source), &to.url(target)).expect("the addresses are plain");
    settings.state = here.path().join(".limosa");
    settings.report = here.path().join("report");
    let limosa = Limosa::open(settings).expect("two databases");
    let plan = limosa.plan(&limosa::silent()).expect("a plan");
    let outcome = limosa
        .run(&plan, Parts::All, &limosa::silent(), &Stop::new())
        .expect("a run");
    let comparison = outcome.comparison.expect("compared");
    assert_eq!(comparison.verdict, Verdict::Pass, "{comparison:#?}");
    (from.counts().turns, to.counts().turns)
}

#[test]
fn a_small_table_costs_few_round_trips() {
    const MORE: u64 = 100;
    let sizes = [20, 20 + MORE as usize];
    let cost = |run: &dyn Fn(usize) -> (u64, u64)| {
        let [few, many] = sizes.map(run);
        let each = |a: u64, b: u64| (b - a) as f64 / MORE as f64;
        (each(few.0, many.0), each(few.1, many.1))
    };
    let to_postgres = cost(&|tables| {
        let (source, target) = (postgres().database(), postgres().database());
        execute_psql(&source, &schema(tables));
        ran(&source, &target)
    });
    let to_mariadb = cost(&|tables| {
        let (source, target) = (mariadb().database(), mariadb().database());
        execute_mysql(&source, &schema(tables));
        ran(&source, &target)
    });

    assert!(
        to_postgres.0 < 7.0 && to_postgres.1 < 20.0,
        "{to_postgres:?}"
    );
    assert!(to_mariadb.0 < 8.0 && to_mariadb.1 < 22.0, "{to_mariadb:?}");
}
