//! What goes along between two databases of one family, and what is said where it can not.

use limosa::outcome::Verdict;
use limosa::plan::{Finding, Plan, Severity};
use limosa::settings::Settings;
use limosa::{Limosa, Parts, Stop};
use limosa_core::operation::Operation;
use limosa_core::policy::OrphansPolicy;
use limosa_core::schema::Catalog;
use limosa_testkit::{execute_mysql, execute_psql, mariadb, postgres, query_mysql, query_psql};
use std::path::Path;

fn settings(folder: &Path, source: &str, target: &str) -> Settings {
    let mut settings = Settings::between(source, target).expect("the addresses are plain");
    settings.state = folder.join(".limosa");
    settings.report = folder.join("report");
    settings
}

fn plan(settings: &Settings) -> Plan {
    let limosa = Limosa::open(settings.clone()).expect("two databases");
    limosa.plan(&limosa::silent()).expect("a plan")
}

/// Runs to the end, where everything must be done and equal, and gives both catalogs.
fn whole(settings: Settings) -> (Plan, [Catalog; 2]) {
    let limosa = Limosa::open(settings).expect("two databases");
    let silent = limosa::silent();
    let plan = limosa.plan(&silent).expect("a plan");
    let outcome = limosa
        .run(&plan, Parts::All, &silent, &Stop::new())
        .unwrap_or_else(|e| panic!("{e}: {:#?}", plan.findings));
    for step in &outcome.steps {
        assert!(step.done, "{}: {:?}", step.id, step.error);
    }
    let comparison = outcome.comparison.clone().expect("compared");
    assert_eq!(comparison.verdict, Verdict::Pass, "{comparison:#?}");
    // What shows that a step was done is there, and was not before: a killed run stands on it.
    let target = limosa.target().expect("it is open");
    let mut session = target.session().expect("a session");
    for step in &plan.steps {
        if let Some(object) = step.operation.evidence() {
            let there = session.exists(&object).expect("an answer");
            assert!(there, "{object:?}");
        }
    }
    let both = limosa.inspect().expect("inspected");
    (plan, [both.0, both.1])
}

/// Nothing that the steps make is taken for there in an empty database.
fn assert_not_there(plan: &Plan, url: &str) {
    let empty = limosa::engines::open(&limosa::settings::Address::new(url)).expect("it opens");
    let mut session = empty.session().expect("a session");
    for step in &plan.steps {
        if let Operation::CreateRoutine(_) | Operation::CreateTrigger { .. } = &step.operation {
            let object = step
                .operation
                .evidence()
                .expect("code is found by its name");
            assert!(!session.exists(&object).expect("an answer"), "{object:?}");
        }
    }
}

fn with_code<'a>(plan: &'a Plan, code: &str) -> Vec<&'a Finding> {
    plan.findings.iter().filter(|f| f.code == code).collect()
}

/// Code, triggers, partitions and views of both are the same.
fn assert_same_code([old, new]: &[Catalog; 2]) {
    assert_eq!(old.routines, new.routines);
    assert_eq!(old.views, new.views);
    for table in &old.tables {
        let there = new.table(&table.name).expect("it is there");
        assert_eq!(table.triggers, there.triggers, "{}", table.name);
        assert_eq!(table.partitioning, there.partitioning, "{}", table.name);
    }
}

/// Each function comes before what it needs in the order of names: `a_` needs `b_`, and tables stand behind both.
const POSTGRES: &str = r#"
CREATE SCHEMA code;
CREATE TYPE code.pair AS (a int, b text);
CREATE DOMAIN code.small AS int CHECK (VALUE < 100);
CREATE FUNCTION code.z_join(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce($1 || ',', '') || $2 $$;
CREATE AGGREGATE public.a_join(text) (SFUNC = code.z_join, STYPE = text);
CREATE TABLE public.item (id int PRIMARY KEY, name text NOT NULL, p code.pair);
CREATE FUNCTION public.a_atomic(n int) RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) + n FROM public.item; END;
CREATE FUNCTION public.a_rows() RETURNS SETOF public.item LANGUAGE sql AS 'SELECT * FROM item';
CREATE FUNCTION public.a_body(x code.small) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM log); END';
CREATE PROCEDURE public.a_proc(IN x int) LANGUAGE sql AS 'SELECT 1';
CREATE TABLE public.log (at int, what text);
CREATE FUNCTION public.noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.log VALUES (1, TG_NAME); RETURN NEW; END $$;
INSERT INTO public.item VALUES (1, 'a', (1, 'x')), (2, 'b', NULL), (3, 'c', (3, 'y'));
CREATE TRIGGER tells AFTER INSERT ON public.item FOR EACH ROW EXECUTE FUNCTION public.noted();
CREATE TRIGGER silent BEFORE UPDATE ON public.item FOR EACH ROW EXECUTE FUNCTION public.noted();
ALTER TABLE public.item DISABLE TRIGGER silent;
CREATE TABLE public.paid (id int NOT NULL, day date NOT NULL, item_id int NOT NULL, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
CREATE TABLE public.paid_old PARTITION OF public.paid FOR VALUES FROM (MINVALUE) TO ('2024-01-01');
CREATE TABLE code.paid_new PARTITION OF public.paid FOR VALUES FROM ('2024-01-01') TO (MAXVALUE);
CREATE INDEX paid_item ON public.paid (item_id);
CREATE INDEX only_old ON public.paid_old (item_id, id);
ALTER TABLE public.paid_old ADD CONSTRAINT old_item FOREIGN KEY (item_id) REFERENCES public.item (id);
CREATE TRIGGER on_part AFTER INSERT ON code.paid_new FOR EACH ROW EXECUTE FUNCTION public.noted();
CREATE TRIGGER on_all AFTER INSERT ON public.paid FOR EACH ROW EXECUTE FUNCTION public.noted();
ALTER TABLE public.paid DISABLE TRIGGER ALL;
INSERT INTO public.paid SELECT n, '2023-12-01'::date + n, 1 + n % 3 FROM generate_series(1, 60) n;
TRUNCATE public.log;
ALTER TABLE public.paid ENABLE TRIGGER ALL;
CREATE VIEW public.joined AS SELECT a_join(name) AS names, a_atomic(1) AS n FROM public.item;
CREATE VIEW public.changing AS SELECT id, name FROM public.item WHERE id > 0;
CREATE TRIGGER instead INSTEAD OF INSERT ON public.changing FOR EACH ROW EXECUTE FUNCTION public.noted();
CREATE MATERIALIZED VIEW public.kept AS SELECT id, name FROM public.item;
CREATE UNIQUE INDEX kept_id ON public.kept (id);
"#;

#[test]
fn postgres_code_goes_along_in_any_order() {
    let here = tempfile::tempdir().expect("a folder");
    let (old, new) = (postgres().database(), postgres().database());
    execute_psql(&old, POSTGRES);
    let (plan, both) = whole(settings(here.path(), &old, &new));
    assert_not_there(&plan, &postgres().database());
    assert_same_code(&both);
    assert_eq!(both[1].domains.len(), 1);
    let kinds: Vec<&str> = both[1].routines.iter().map(|r| r.kind.as_str()).collect();
    for kind in [
        "aggregate",
        "procedure",
        "type",
        "trigger",
        "index of a partition",
        "index of a materialized view",
        "constraint of a partition",
    ] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
    // No trigger fired while the rows came, and all that should do now.
    assert_eq!(query_psql(&new, "SELECT count(*) FROM log"), "0");
    execute_psql(
        &new,
        "INSERT INTO item VALUES (9, 'z', NULL); UPDATE item SET name = 'zz' WHERE id = 9; \
         INSERT INTO changing VALUES (1, 'n'); INSERT INTO paid VALUES (99, '2024-05-05', 1)",
    );
    assert_eq!(
        query_psql(&new, "SELECT string_agg(what, ',' ORDER BY what) FROM log"),
        "instead,on_all,on_part,tells"
    );
    assert_eq!(query_psql(&new, "SELECT names FROM joined"), "a,b,c,zz");
    assert_eq!(query_psql(&new, "SELECT count(*) FROM kept"), "3");
    assert_eq!(query_psql(&new, "SELECT count(*) FROM code.paid_new"), "31");
}

#[test]
fn an_extension_is_made_where_the_server_has_it() {
    let here = tempfile::tempdir().expect("a folder");
    let (old, new) = (postgres().database(), postgres().database());
    let there = query_psql(
        &old,
        "SELECT count(*) FROM pg_available_extensions WHERE name = 'hstore'",
    );
    if there == "0" {
        println!("skipped: the server has no hstore");
        return;
    }
    execute_psql(
        &old,
        "CREATE SCHEMA ext; CREATE EXTENSION hstore WITH SCHEMA ext; \
         CREATE TABLE t (id int PRIMARY KEY, h ext.hstore); INSERT INTO t VALUES (1, 'a=>1')",
    );
    let (_, both) = whole(settings(here.path(), &old, &new));
    assert_same_code(&both);
    assert_eq!(query_psql(&new, "SELECT h::text FROM t"), "\"a\"=>\"1\"");
}

#[test]
fn what_can_never_be_made_is_tried_and_said() {
    let here = tempfile::tempdir().expect("a folder");
    let (old, new) = (postgres().database(), postgres().database());
    execute_psql(
        &old,
        "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE gone (id int PRIMARY KEY); \
         CREATE FUNCTION rows_of() RETURNS SETOF gone LANGUAGE sql AS 'SELECT * FROM gone'; \
         CREATE FUNCTION fine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    );
    let mut settings = settings(here.path(), &old, &new);
    settings.plan.exclude = vec!["gone".into()];
    let limosa = Limosa::open(settings).expect("two databases");
    let silent = limosa::silent();
    let plan = limosa.plan(&silent).expect("a plan");
    let outcome = limosa
        .run(&plan, Parts::All, &silent, &Stop::new())
        .expect("an outcome");
    let failed: Vec<_> = outcome.steps.iter().filter(|s| !s.done).collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0].id, "create/function public.rows_of()");
    assert!(
        failed[0]
            .error
            .as_deref()
            .is_some_and(|e| e.contains("gone"))
    );
}

const MARIA: &str = r#"
CREATE TABLE item (id int NOT NULL PRIMARY KEY, name varchar(20) NOT NULL);
CREATE TABLE log (what varchar(40));
INSERT INTO item VALUES (1, 'a'), (2, 'b');
CREATE TABLE parts (a int NOT NULL, b int, PRIMARY KEY (a)) PARTITION BY RANGE (a) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE);
INSERT INTO parts VALUES (1, 1), (20, 2);
SET SESSION sql_mode = 'ANSI_QUOTES';
CREATE DEFINER=`nobody`@`nowhere` TRIGGER tells AFTER INSERT ON item FOR EACH ROW INSERT INTO "log" VALUES ('tells');
CREATE DEFINER=`nobody`@`nowhere` FUNCTION twice(n int) RETURNS int DETERMINISTIC SQL SECURITY INVOKER RETURN n * 2;
SET SESSION sql_mode = 'PIPES_AS_CONCAT';
CREATE FUNCTION said(a varchar(9)) RETURNS varchar(20) CHARSET utf8mb4 DETERMINISTIC RETURN a || '!';
SET SESSION sql_mode = DEFAULT;
CREATE PROCEDURE counts(OUT n int) COMMENT 'it''s' READS SQL DATA SELECT count(*) INTO n FROM item;
CREATE EVENT often ON SCHEDULE EVERY 1 YEAR DO DELETE FROM log WHERE what = 'never';
CREATE VIEW doubled AS SELECT twice(id) AS d, said(name) AS s FROM item;
"#;

#[test]
fn mariadb_code_goes_along_with_the_mode_that_it_was_made_under() {
    let here = tempfile::tempdir().expect("a folder");
    let (old, new) = (mariadb().database(), mariadb().database());
    execute_mysql(&old, MARIA);
    let settings = settings(here.path(), &old, &new);
    let moved = plan(&settings);
    assert_eq!(with_code(&moved, "event-moved").len(), 1);
    assert!(with_code(&moved, "routine-not-moved").is_empty());
    assert!(with_code(&moved, "trigger-not-moved").is_empty());
    assert!(with_code(&moved, "partitioning-not-moved").is_empty());
    let (plan, both) = whole(settings);
    assert_same_code(&both);
    assert_eq!(both[1].routines.len(), 4);
    assert_not_there(&plan, &mariadb().database());
    assert_eq!(query_mysql(&new, "SELECT count(*) FROM log"), "0");
    execute_mysql(&new, "INSERT INTO item VALUES (3, 'c')");
    assert_eq!(query_mysql(&new, "SELECT what FROM log"), "tells");
    assert_eq!(
        query_mysql(&new, "SELECT s FROM doubled ORDER BY d"),
        "a!\nb!\nc!"
    );
    assert_eq!(
        query_mysql(
            &new,
            "SELECT count(*) FROM information_schema.routines WHERE routine_schema = DATABASE() AND definer LIKE 'nobody%'"
        ),
        "0"
    );
}

fn sqlite(folder: &Path, name: &str, sql: &str) -> String {
    let path = folder.join(name);
    rusqlite::Connection::open(&path)
        .and_then(|db| db.execute_batch(sql))
        .expect("the SQL runs");
    format!("sqlite:{}", path.display())
}

const SQLITE: &str = "
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE log (what TEXT);
INSERT INTO item VALUES (1, 'a'), (2, 'b');
CREATE TRIGGER tells AFTER INSERT ON item BEGIN INSERT INTO log VALUES ('tells; ' || new.name); END;
CREATE VIEW changing AS SELECT id, name FROM item;
CREATE TRIGGER instead INSTEAD OF INSERT ON changing BEGIN INSERT INTO item VALUES (new.id, new.name); END;
";

#[test]
fn sqlite_triggers_go_along_and_do_not_fire_while_rows_come() {
    let here = tempfile::tempdir().expect("a folder");
    let old = sqlite(here.path(), "old.db", SQLITE);
    let new = format!("sqlite:{}", here.path().join("new.db").display());
    let (plan, both) = whole(settings(here.path(), &old, &new));
    assert_same_code(&both);
    assert_not_there(&plan, &sqlite(here.path(), "empty.db", ""));
    let db = rusqlite::Connection::open(here.path().join("new.db")).expect("opens");
    let ask = |sql: &str| -> i64 { db.query_row(sql, [], |r| r.get(0)).expect("a row") };
    assert_eq!(ask("SELECT count(*) FROM log"), 0);
    db.execute_batch("INSERT INTO changing VALUES (3, 'c')")
        .expect("the triggers work");
    assert_eq!(ask("SELECT count(*) FROM log"), 1);
}

#[test]
fn sqlite_values_stay_as_they_are_stored_beside_a_column_that_is_cast() {
    let here = tempfile::tempdir().expect("a folder");
    let old = sqlite(
        here.path(),
        "old.db",
        "CREATE TABLE seen (id INTEGER PRIMARY KEY, code VARCHAR(9), at DATETIME, day DATE, ok BOOLEAN,
           price DECIMAL(8,2), uid UUID, extra JSON, clock TIME);
         INSERT INTO seen VALUES
           (1, '1', '2024-01-02 03:04:05', '2024-01-02', 1, 1.5, 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '{ \"a\" : 1 }', '03:04'),
           (2, '2', '2024-01-02T03:04:05.50Z', '2024-1-2', 'true', '1.50x', 'none', '{', '03:04:05.10'),
           (3, '3', 1704164645, 1704164645, 0, 2, x'00ff', '[1, 2]', 3),
           (4, '4', 2460311.5, 'yesterday', 'f', '', NULL, 7, 0.5),
           (5, '5', x'0102', '', NULL, NULL, '', NULL, '');",
    );
    let new = format!("sqlite:{}", here.path().join("new.db").display());
    let mut settings = settings(here.path(), &old, &new);
    settings.plan.tables = vec![limosa_flow::settings::TableWish {
        name: "seen".into(),
        cast: vec![("code".into(), "text".into())],
        ..Default::default()
    }];
    let (plan, _) = whole(settings);
    assert!(plan.tables[0].load.wire.is_none(), "a cast is no wire");
    let stored = |file: &str| -> Vec<String> {
        let db = rusqlite::Connection::open(here.path().join(file)).expect("opens");
        let columns = ["at", "day", "ok", "price", "uid", "extra", "clock"];
        let all: Vec<String> = columns
            .iter()
            .map(|c| format!("typeof({c}) || ' ' || quote({c})"))
            .collect();
        let sql = format!("SELECT {} FROM seen ORDER BY id", all.join(" || ', ' || "));
        let mut statement = db.prepare(&sql).expect("SQL");
        let rows = statement.query_map([], |r| r.get(0)).expect("rows");
        rows.map(|r| r.expect("a row")).collect()
    };
    assert_eq!(stored("new.db").len(), 5);
    assert_eq!(stored("old.db"), stored("new.db"));
}

#[test]
fn sqlite_tables_without_a_counter_need_no_step_for_one() {
    let rows = "INSERT INTO item VALUES (1, 'a'), (7, 'b');";
    for others in [
        "",
        "CREATE TABLE other (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO other VALUES (3);",
    ] {
        for (counts, kept) in [("", None), (" AUTOINCREMENT", Some(7))] {
            let here = tempfile::tempdir().expect("a folder");
            let make =
                format!("CREATE TABLE item (id INTEGER PRIMARY KEY{counts}, name TEXT); {others}");
            let source = "CREATE TABLE item (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);";
            let old = sqlite(here.path(), "old.db", &format!("{source}{rows}"));
            let new = sqlite(here.path(), "new.db", &make);
            let mut settings = settings(here.path(), &old, &new);
            settings.plan.into_existing = true;
            whole(settings);
            let db = rusqlite::Connection::open(here.path().join("new.db")).expect("opens");
            let last: Option<i64> = db
                .query_row(
                    "SELECT seq FROM sqlite_sequence WHERE name = 'item'",
                    [],
                    |r| r.get(0),
                )
                .ok();
            assert_eq!(last, kept, "{make}");
        }
    }
}

#[test]
fn what_names_other_names_or_words_stays_and_is_said() {
    let here = tempfile::tempdir().expect("a folder");
    let old = sqlite(here.path(), "old.db", SQLITE);
    let file = format!("sqlite:{}", here.path().join("new.db").display());
    let mut renamed = settings(here.path(), &old, &file);
    renamed.plan.tables = vec![limosa_flow::settings::TableWish {
        name: "log".into(),
        rename: Some("diary".into()),
        ..Default::default()
    }];
    let abroad = settings(here.path(), &old, &postgres().database());
    for settings in [renamed, abroad] {
        let plan = plan(&settings);
        assert_eq!(with_code(&plan, "trigger-not-moved").len(), 1);
        assert_eq!(with_code(&plan, "routine-not-moved").len(), 1);
        assert!(!plan.steps.iter().any(|s| s.id.contains("trigger")));
    }
    let (old, new) = (postgres().database(), postgres().database());
    execute_psql(&old, POSTGRES);
    let mut renamed = settings(here.path(), &old, &new);
    renamed.plan.rename_schemas = vec![("public".into(), "shop".into())];
    let plan = plan(&renamed);
    assert_eq!(with_code(&plan, "partitioning-not-moved").len(), 1);
    assert_eq!(with_code(&plan, "trigger-not-moved").len(), 3);
    assert!(with_code(&plan, "routine-not-moved").len() > 10);
}

const ORPHANS: &str = "
PRAGMA foreign_keys = OFF;
CREATE TABLE parent (a INT, b TEXT, PRIMARY KEY (a, b));
CREATE TABLE child (id INTEGER PRIMARY KEY, a INT, b TEXT, up INT REFERENCES child(id),
  CONSTRAINT to_parent FOREIGN KEY (a, b) REFERENCES parent);
INSERT INTO parent VALUES (1, 'x');
INSERT INTO child VALUES (1, 1, 'x', NULL), (2, 1, 'y', 1), (3, NULL, 'z', 1), (4, 5, NULL, 2), (5, 7, 'x', 2);
";

#[test]
fn rows_without_a_parent_stop_the_plan_or_leave_the_key_out() {
    let here = tempfile::tempdir().expect("a folder");
    let old = sqlite(here.path(), "old.db", ORPHANS);
    for new in [postgres().database(), mariadb().database()] {
        let mut settings = settings(here.path(), &old, &new);
        settings.state = here.path().join(new.replace([':', '/'], "_"));
        let stopped = plan(&settings);
        let found = with_code(&stopped, "orphans");
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].severity, Severity::Stop);
        assert_eq!(found[0].count, Some(2));
        assert_eq!(found[0].examples, ["1, y", "7, x"]);
        assert!(
            found[0]
                .remedy
                .as_deref()
                .is_some_and(|r| r.contains("orphans = "))
        );
        // The other key was looked at, and nothing is wrong with it.
        assert!(with_code(&stopped, "foreign-key-not-enforced").is_empty());
        settings.plan.policies.orphans = OrphansPolicy::SkipConstraint;
        let (_, [_, there]) = whole(settings);
        let child = there
            .tables
            .iter()
            .find(|t| t.name.name == "child")
            .expect("there");
        assert_eq!(child.foreign_keys.len(), 1, "{:?}", child.foreign_keys);
        assert_eq!(child.foreign_keys[0].columns, ["up"]);
    }
    // A target that does not enforce its keys while rows come takes them as they are, and it is said.
    let new = format!("sqlite:{}", here.path().join("new.db").display());
    let plan = plan(&settings(here.path(), &old, &new));
    assert_eq!(with_code(&plan, "orphans")[0].severity, Severity::Warning);
    assert_eq!(plan.stops().count(), 0);
}

#[test]
fn a_key_that_nobody_validated_is_looked_at() {
    let here = tempfile::tempdir().expect("a folder");
    let (old, new) = (postgres().database(), postgres().database());
    execute_psql(
        &old,
        "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int PRIMARY KEY, up int); \
         INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1, 1), (2, 2), (3, NULL); \
         ALTER TABLE child ADD CONSTRAINT c FOREIGN KEY (up) REFERENCES parent (id) NOT VALID",
    );
    let looked = plan(&settings(here.path(), &old, &mariadb().database()));
    let found = with_code(&looked, "orphans");
    assert_eq!(found[0].examples, ["2"]);
    assert_eq!(found[0].count, Some(1));
    assert_eq!(looked.stops().count(), 1);

    // Its own family keeps it as it is.
    let (kept, _) = whole(settings(here.path(), &old, &new));
    let found = with_code(&kept, "foreign-key-not-valid");
    assert_eq!((found[0].count, found[0].examples.len()), (Some(1), 1));
    let there = query_psql(
        &new,
        "SELECT convalidated FROM pg_constraint WHERE conname = 'c'",
    );
    assert_eq!(there, "f");
}

#[test]
fn what_only_postgres_has_goes_along() {
    let here = tempfile::tempdir().expect("a folder");
    let (old, new) = (postgres().database(), postgres().database());
    execute_psql(
        &old,
        "CREATE EXTENSION btree_gist; \
         CREATE TABLE room (id int, day int4range, who text, PRIMARY KEY (id, day), EXCLUDE USING gist (id WITH =, day WITH &&) WHERE (who <> 'x')); \
         INSERT INTO room VALUES (1, '[1,3)', 'a'), (1, '[3,5)', 'b'); \
         CREATE TABLE old (id int PRIMARY KEY, n int); INSERT INTO old VALUES (1, -1), (2, 1); \
         ALTER TABLE old ADD CONSTRAINT late CHECK (n > 0) NOT VALID; \
         CREATE TABLE two (a int, b int, c int, PRIMARY KEY (a, b)); INSERT INTO two VALUES (1, 1, 1); \
         CREATE TABLE child (id int PRIMARY KEY, a int, b int, CONSTRAINT whole FOREIGN KEY (a, b) REFERENCES two MATCH FULL); \
         INSERT INTO child VALUES (1, 1, 1), (2, NULL, NULL); \
         CREATE RULE quiet AS ON DELETE TO two DO INSTEAD NOTHING; \
         CREATE VIEW shown AS SELECT a, b FROM two; \
         CREATE RULE into_two AS ON INSERT TO shown DO INSTEAD INSERT INTO two VALUES (NEW.a, NEW.b, 0); \
         ALTER TABLE two DISABLE RULE quiet; \
         ALTER TABLE room ENABLE ROW LEVEL SECURITY; ALTER TABLE room FORCE ROW LEVEL SECURITY; \
         CREATE POLICY mine ON room AS RESTRICTIVE FOR UPDATE TO PUBLIC USING (who = current_user) WITH CHECK (who <> ''); \
         CREATE TABLE cut (a int, b int, t text) PARTITION BY LIST (a); \
         CREATE TABLE cut_z PARTITION OF cut FOR VALUES IN (1) PARTITION BY RANGE (b); \
         CREATE TABLE cut_a PARTITION OF cut_z FOR VALUES FROM (0) TO (10) PARTITION BY HASH (b); \
         CREATE TABLE cut_a0 PARTITION OF cut_a FOR VALUES WITH (MODULUS 2, REMAINDER 0); \
         CREATE TABLE cut_a1 PARTITION OF cut_a FOR VALUES WITH (MODULUS 2, REMAINDER 1); \
         CREATE TABLE cut_b PARTITION OF cut_z DEFAULT; CREATE TABLE cut_rest PARTITION OF cut DEFAULT; \
         INSERT INTO cut SELECT n % 3, n, 't' FROM generate_series(1, 60) n",
    );
    let (plan, both) = whole(settings(here.path(), &old, &new));
    assert_not_there(&plan, &postgres().database());
    assert_same_code(&both);
    assert_eq!(with_code(&plan, "not-represented"), Vec::<&Finding>::new());
    let said = "SELECT string_agg(pg_get_constraintdef(oid), E'\n' ORDER BY conname) FROM pg_constraint \
                WHERE conrelid::regclass::text IN ('room', 'old', 'two', 'child')";
    assert_eq!(query_psql(&new, said), query_psql(&old, said));
    assert!(query_psql(&new, said).contains("MATCH FULL"));
    let leaves = "SELECT string_agg(tableoid::regclass || ' ' || b, ',' ORDER BY b) FROM cut";
    assert_eq!(query_psql(&new, leaves), query_psql(&old, leaves));

    // Elsewhere each of them is named.
    let plan = self::plan(&settings(here.path(), &old, &mariadb().database()));
    let named: Vec<&str> = plan.findings.iter().map(|f| f.text.as_str()).collect();
    for what in [
        "constraint of a table is not moved",
        "rule of a table is not moved",
        "policy of a table is not moved",
        "row security of a table is not moved",
        "MATCH FULL",
        "NOT VALID",
    ] {
        assert!(named.iter().any(|t| t.contains(what)), "{what}: {named:#?}");
    }
}

#[test]
fn columns_of_one_key_share_its_room() {
    let here = tempfile::tempdir().expect("a folder");
    let long = "x".repeat(400);
    let old = sqlite(
        here.path(),
        "old.db",
        &format!(
            "PRAGMA foreign_keys = OFF;
             CREATE TABLE kind (k TEXT PRIMARY KEY);
             CREATE TABLE two (k TEXT REFERENCES kind, l TEXT, n INT, PRIMARY KEY (k, l, n));
             CREATE TABLE three (a TEXT, b VARCHAR(500), c TEXT, UNIQUE (a, b, c));
             CREATE TABLE wide (id INTEGER PRIMARY KEY, a TEXT, b TEXT);
             CREATE INDEX wide_both ON wide (a, b);
             INSERT INTO kind VALUES ('{long}');
             INSERT INTO two VALUES ('{long}', 'l', 1);
             INSERT INTO three VALUES ('a', '{long}', 'c');
             INSERT INTO wide VALUES (1, '{long}{long}', '{long}{long}');"
        ),
    );
    let new = mariadb().database();
    whole(settings(here.path(), &old, &new));
    let length = |table: &str, column: &str| -> u64 {
        query_mysql(
            &new,
            &format!(
                "SELECT character_maximum_length FROM information_schema.columns \
                 WHERE table_schema = DATABASE() AND table_name = '{table}' AND column_name = '{column}'"
            ),
        )
        .parse()
        .expect("a number")
    };
    assert!(length("two", "k") >= 400);
    assert_eq!(length("two", "k"), length("kind", "k"));
    assert!(length("three", "b") >= 400);

    // Values that no key there can hold together are said before anything moves.
    let old = sqlite(
        here.path(),
        "long.db",
        &format!(
            "CREATE TABLE two (a TEXT, b TEXT, PRIMARY KEY (a, b)); INSERT INTO two VALUES ('{long}', '{long}');"
        ),
    );
    let stopped = plan(&settings(here.path(), &old, &mariadb().database()));
    let found = with_code(&stopped, "type-not-supported");
    assert_eq!(found.len(), 2, "{:#?}", stopped.findings);
    assert!(
        found[0].text.contains("a key of 2 columns"),
        "{}",
        found[0].text
    );
}
