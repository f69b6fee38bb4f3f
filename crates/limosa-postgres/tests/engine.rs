//! What the conformance suite does not ask, against a real server.

mod common;

use common::{Way, comparable, copy, database, digest, finish, load_spec, make, table_read};
use limosa_core::batch::{Batch, BatchLimit};
use limosa_core::canonical::CanonicalRows;
use limosa_core::chunk::Range;
use limosa_core::engine::Loaded;
use limosa_core::error::ErrorKind;
use limosa_core::schema::{Catalog, IndexOf, Table, Type};
use limosa_testkit::{execute_psql, postgres, query_psql};

const RICH: &str = r#"
create schema shop;
create type shop.mood as enum ('sad', 'ok', 'it''s');
create domain shop.email as varchar(100) not null check (value like '%@%');
create type shop.pair as (x integer, y text);
create extension citext; create extension hstore; create extension btree_gist;
create sequence shop.free start 100 increment 5;
select nextval('shop.free');
create table shop.parent (
  id bigint generated always as identity (start 7 increment 3) primary key,
  code text collate "C" not null unique,
  "Weird ""name""" integer default 5,
  ci citext,
  price numeric(12,3) not null default 0.5 constraint price_positive check (price >= 0),
  twice numeric generated always as (price * 2) stored,
  feel shop.mood not null default 'ok'::shop.mood,
  mail shop.email default 'a@b',
  tags text[] not null default '{}',
  made timestamptz(3) not null default now(),
  span tstzrange,
  h hstore, p shop.pair, j jsonb, doc tsvector, ip inet,
  exclude using gist (span with &&)
);
comment on table shop.parent is 'the parent''s \ table';
comment on column shop.parent.code is 'a code';
create index parent_lower on shop.parent (lower(code) desc nulls last, id) include (price) where price > 1;
create index parent_tags on shop.parent using gin (tags);
create unique index parent_pattern on shop.parent (code text_pattern_ops);
create table shop.child (
  id serial primary key,
  parent_id bigint references shop.parent on delete cascade on update set null deferrable initially deferred,
  parent_code text,
  counter integer default nextval('shop.free'),
  foreign key (parent_code) references shop.parent (code) match full
);
alter table shop.child add constraint late check (counter > 0) not valid;
create table shop.days (day date not null, n integer, primary key (day, n)) partition by range (day);
create table shop.days_a partition of shop.days for values from ('2024-01-01') to ('2025-01-01');
create table shop.days_b partition of shop.days default;
create table shop.heir (extra text) inherits (shop.child);
create view shop.v2 as select id from shop.parent;
create view shop.a_view as select id from shop.v2 where id > 0;
create materialized view shop.m as select count(*) from shop.a_view;
create function shop.f() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger noisy before update on shop.child for each row execute function shop.f();
alter table shop.parent enable row level security;
create policy "some" on shop.parent using (true);
insert into shop.parent (code, ci, price, tags, span, h, p, j, doc, ip) values
  ('a', 'X', 1.5, '{a,"b c",null}', '[2024-01-01,2024-02-01)', 'a=>1,b=>NULL', row(1, 'x "y" \ ,'), '{"a":[1.10,null]}', 'a:1 b:2', '10.0.0.1'),
  ('b', 'y', 0, '{}', 'empty', '', row(null, ''), 'null', '', '::1/64');
insert into shop.child (parent_id, parent_code) values (7, 'a'), (10, 'b'), (null, null);
insert into shop.days select date '2024-06-01' + i, i from generate_series(1, 500) i;
insert into shop.heir (extra) values ('heir');
analyze;
"#;

fn table<'a>(c: &'a Catalog, name: &str) -> &'a Table {
    c.tables
        .iter()
        .find(|t| t.name.name == name)
        .unwrap_or_else(|| panic!("{name}"))
}

#[test]
fn a_rich_schema_is_described() {
    let (_, engine) = database(RICH);
    let c = engine.inspect().expect("a catalog");
    let parent = table(&c, "parent");
    let id = &parent.columns[0];
    let identity = id.identity.as_ref().expect("it counts");
    assert!(identity.always && identity.increment == 3 && identity.next == Some(13));
    assert!(parent.column("ci").expect("ci").folds);
    assert_eq!(
        parent.column("code").expect("code").collation.as_deref(),
        Some("pg_catalog.\"C\"")
    );
    assert_eq!(
        parent.column("price").expect("price").ty,
        Type::Decimal {
            precision: Some(12),
            scale: Some(3)
        }
    );
    assert!(parent.column("twice").expect("twice").generated.is_some());
    assert_eq!(parent.column("feel").expect("feel").native, "shop.mood");
    let index = parent
        .indexes
        .iter()
        .find(|i| i.name == "parent_lower")
        .expect("the index");
    assert!(matches!(&index.parts[0].of, IndexOf::Expression(_)));
    assert!(index.parts[0].descending && index.parts[0].nulls_first == Some(false));
    assert_eq!(index.include, ["price"]);
    assert!(index.predicate.is_some());
    assert!(parent.unrepresented.is_empty(), "{parent:?}");
    for (kind, word) in [
        ("constraint of a table", "EXCLUDE USING gist (span WITH &&)"),
        ("row security of a table", "ENABLE ROW LEVEL SECURITY"),
        ("policy of a table", "USING (true)"),
    ] {
        let found = c.routines.iter().find(|r| r.kind == kind);
        let said = found.and_then(|r| r.text.clone()).unwrap_or_default();
        assert!(said.contains(word), "{kind}: {said}");
    }
    let child = table(&c, "child");
    assert!(child.columns[0].identity.is_some(), "serial counts");
    assert_eq!(
        child.columns[0].identity.as_ref().and_then(|i| i.next),
        Some(5),
        "the heir took one too"
    );
    assert!(
        child.column("counter").expect("counter").default.is_some(),
        "a sequence that is not its own"
    );
    assert_eq!(child.triggers.len(), 1);
    assert!(child.foreign_keys.iter().any(|k| k.match_full));
    assert!(child.checks.iter().any(|k| !k.validated));
    assert_eq!(c.sequences.len(), 1);
    assert_eq!(c.sequences[0].next, 125, "100, three children and an heir");
    let days = table(&c, "days");
    assert_eq!(days.partitioning.as_ref().expect("parts").parts.len(), 2);
    assert_eq!(days.estimated_rows, Some(500));
    assert!(!c.tables.iter().any(|t| t.name.name.starts_with("days_")));
    let views: Vec<_> = c.views.iter().map(|v| v.name.name.as_str()).collect();
    assert_eq!(views, ["v2", "a_view", "m"]);
    assert!(
        c.routines
            .iter()
            .any(|r| r.kind == "extension" && r.name.name == "citext")
    );
    assert!(
        !c.routines
            .iter()
            .any(|r| r.name.name.starts_with("citext_"))
    );
    assert!(table(&c, "heir").unrepresented[0].contains("inherits"));
}

/// Drops what only PostgreSQL's own tools could make again.
fn without_inheritance(mut c: Catalog) -> Catalog {
    for t in &mut c.tables {
        t.unrepresented.clear();
        for c in &mut t.columns {
            // The heir's column shares the counter of its parent.
            if t.name.name == "heir" {
                c.default = None;
            }
        }
        for k in &mut t.foreign_keys {
            k.validated = true;
        }
    }
    c.notes.clear();
    c
}

fn whole(sql: &str) {
    for way in [Way::Wire, Way::Cells, Way::Texts] {
        let (_, source) = database(sql);
        let (target_url, target) = database("");
        let catalog = without_inheritance(source.inspect().expect("a catalog"));
        make(&*target, &catalog);
        for t in &catalog.tables {
            let rows = copy(&*source, &*target, t, way, 64 << 10);
            let mut s = source.session().expect("a session");
            let only = s
                .query(&format!(
                    "select count(*) from {} {}",
                    if t.partitioning.is_some() { "" } else { "only" },
                    source.dialect().qualified(&t.name)
                ))
                .expect("it counts");
            assert_eq!(only[0][0], Some(rows.to_string()), "{}", t.name);
            assert_eq!(
                digest(&*source, t),
                digest(&*target, t),
                "{} by {way:?}",
                t.name
            );
        }
        finish(&*target, &catalog);
        target
            .ledger()
            .expect("a ledger")
            .uninstall()
            .expect("it goes");
        let again = without_inheritance(target.inspect().expect("a catalog"));
        let (mut a, mut b) = (comparable(catalog), comparable(again));
        for c in [&mut a, &mut b] {
            c.tables.sort_by(|x, y| x.name.cmp(&y.name));
        }
        assert_eq!(a.tables.len(), b.tables.len());
        for (x, y) in a.tables.iter().zip(&b.tables) {
            assert_eq!(x, y, "{way:?}");
        }
        assert_eq!(a.sequences, b.sequences);
        assert_eq!(a.enums, b.enums);
        assert_eq!(a.domains, b.domains);
        assert_eq!(a.views, b.views);
        assert_eq!(a.routines, b.routines);
        let _ = target_url;
    }
}

#[test]
fn a_rich_database_is_copied_by_every_way() {
    whole(RICH);
}

/// `LIMOSA_TEST_DUMP` names a file of SQL, as pg_dump writes it.
#[test]
#[allow(clippy::print_stderr, reason = "what is skipped is printed")]
fn a_dump_is_copied_by_every_way() {
    let Some(file) = std::env::var_os("LIMOSA_TEST_DUMP") else {
        eprintln!("skipped: LIMOSA_TEST_DUMP names no dump");
        return;
    };
    whole(&std::fs::read_to_string(file).expect("the dump can be read"));
}

#[test]
fn pages_are_kept_only_where_nothing_changed() {
    let (url, engine) = database(
        "create table t (id integer primary key, v text) with (fillfactor = 50); \
         insert into t select i, repeat('x', 100) from generate_series(1, 5000) i; analyze t",
    );
    let c = engine.inspect().expect("a catalog");
    let t = table(&c, "t");
    let what = table_read(t, true, false);
    let snapshot = engine.snapshot(1).expect("a snapshot");
    let mark = snapshot.mark(&t.name).expect("a mark");
    let chunks = snapshot.chunks(&what, 128 << 10).expect("chunks");
    assert!(chunks.len() > 4);
    assert!(
        chunks
            .iter()
            .all(|c| matches!(c.range, Range::Physical { .. }))
    );
    let mut reader = snapshot.reader().expect("a reader");
    let mut counted = Vec::new();
    for chunk in &chunks {
        reader.open(&what, &chunk.range, None).expect("it opens");
        let mut batch = limosa_core::batch::Batch::default();
        let limit = limosa_core::batch::BatchLimit {
            rows: u64::MAX,
            bytes: usize::MAX,
        };
        batch.reset(2);
        assert!(!reader.fill(&mut batch, limit).expect("it reads"));
        counted.push((chunk.clone(), batch.rows()));
    }
    assert_eq!(counted.iter().map(|c| c.1).sum::<u64>(), 5000);
    drop((reader, snapshot));
    let unchanged = |part: &[(limosa_core::chunk::Chunk, u64)]| {
        let now = engine.snapshot(1).expect("a snapshot");
        now.unchanged_since(&what, &mark, part)
            .expect("it can be asked")
    };
    assert!(unchanged(&counted));
    execute_psql(&url, "vacuum freeze t");
    assert!(unchanged(&counted), "freezing changes no row");
    // A row that moves to the same page: its range is not the same, the others are.
    execute_psql(&url, "update t set v = 'y' where id = 1");
    assert!(!unchanged(&counted[..1]));
    assert!(unchanged(&counted[2..4]));
    execute_psql(
        &url,
        "delete from t where id = (select min(id) from t where ctid >= '(40,0)'::tid)",
    );
    assert!(!unchanged(&counted));
    execute_psql(&url, "vacuum full t");
    assert!(!unchanged(&counted[2..4]), "the heap was written anew");
    assert!(
        !engine
            .snapshot(1)
            .expect("one")
            .unchanged_since(&what, "junk", &[])
            .expect("asked")
    );
}

#[test]
fn an_end_in_the_middle_of_a_row_leaves_the_loader_usable() {
    let (url, engine) = database("create table t (id integer primary key, v text)");
    let c = engine.inspect().expect("a catalog");
    let t = table(&c, "t");
    let mut ledger = engine.ledger().expect("a ledger");
    ledger.install("r", "p").expect("installed");
    let chunk = limosa_core::chunk::Chunk {
        id: 0,
        range: Range::All,
    };
    ledger
        .plan_table("r", &t.name, "m", &[chunk])
        .expect("planned");
    let ticket = ledger.claim("r", &t.name, 0).expect("asked").expect("free");
    let mut loader = engine.loader().expect("a loader");
    let spec = load_spec(t, Some("pgcopy-text"));
    loader.begin(&spec, &ticket).expect("it begins");
    loader.write(b"7\thalf a r").expect("it takes parts");
    loader.rollback().expect("it goes back");
    loader.begin(&spec, &ticket).expect("it begins again");
    // What looks like another message is data, and bad data.
    let error = loader
        .write(b"Q\0\0\0\x15drop table t\0")
        .and_then(|()| loader.commit(Loaded::new(1, 1)).map(drop))
        .expect_err("no row");
    assert_eq!(error.kind(), ErrorKind::Value);
    loader.rollback().expect("it goes back");
    loader.begin(&spec, &ticket).expect("it begins again");
    loader.write(b"1\tx\n").expect("a row");
    loader.commit(Loaded::new(1, 9)).expect("it commits");
    assert_eq!(query_psql(&url, "select id, v from t"), "1\tx");
    // A wrong number of rows is noticed.
    ledger
        .plan_table(
            "r",
            &t.name,
            "m",
            &[limosa_core::chunk::Chunk {
                id: 0,
                range: Range::All,
            }],
        )
        .expect("planned");
    let ticket = ledger.claim("r", &t.name, 0).expect("asked").expect("free");
    loader.begin(&spec, &ticket).expect("it begins");
    loader.write(b"2\tx\n").expect("a row");
    assert_eq!(
        loader
            .commit(Loaded::new(2, 9))
            .expect_err("one row")
            .kind(),
        ErrorKind::Constraint
    );
    assert_eq!(query_psql(&url, "select count(*) from t"), "1");
}

#[test]
fn errors_hold_no_value_and_say_where() {
    let (_, engine) = database("create table t (id integer primary key, v xml)");
    let c = engine.inspect().expect("a catalog");
    let t = table(&c, "t");
    let mut ledger = engine.ledger().expect("a ledger");
    ledger.install("r", "p").expect("installed");
    let chunk = limosa_core::chunk::Chunk {
        id: 0,
        range: Range::All,
    };
    ledger
        .plan_table("r", &t.name, "m", &[chunk])
        .expect("planned");
    let ticket = ledger.claim("r", &t.name, 0).expect("asked").expect("free");
    let mut loader = engine.loader().expect("a loader");
    loader
        .begin(&load_spec(t, Some("pgcopy-text")), &ticket)
        .expect("it begins");
    // The refusal may be seen while writing or at the end.
    let error = loader
        .write(b"SECRET\tSECRET\n")
        .and_then(|()| loader.commit(Loaded::new(1, 1)).map(drop))
        .expect_err("no integer");
    assert_eq!(error.kind(), ErrorKind::Value);
    let shown = format!("{error:?}");
    assert!(
        !shown.contains("SECRET") && shown.contains("column id"),
        "{shown}"
    );
}

#[test]
fn rows_that_a_policy_hides_are_an_error_and_not_missing() {
    let (url, _) = database(
        "create table t (id integer); insert into t values (1); alter table t enable row level security; \
         do $$ begin create role reader login; exception when duplicate_object then null; end $$; \
         grant select on t to reader",
    );
    let engine = limosa_postgres::open(&url.replace("limosa@", "reader@")).expect("it opens");
    let c = engine.inspect().expect("a catalog");
    let t = table(&c, "t");
    let missing = engine
        .missing_privileges(limosa_core::engine::Role::Source, &c)
        .expect("it can be asked");
    assert!(
        missing.iter().any(|m| m.grant.contains("BYPASSRLS")),
        "{missing:?}"
    );
    let snapshot = engine.snapshot(1).expect("a snapshot");
    let mut reader = snapshot.reader().expect("a reader");
    let error = reader
        .open(&table_read(t, false, false), &Range::All, None)
        .and_then(|()| {
            let mut batch = limosa_core::batch::Batch::default();
            batch.reset(1);
            let limit = limosa_core::batch::BatchLimit {
                rows: 10,
                bytes: 1000,
            };
            reader.fill(&mut batch, limit).map(drop)
        })
        .expect_err("some rows are hidden");
    assert_eq!(error.kind(), ErrorKind::Privilege, "{error:?}");
}

#[test]
fn a_snapshot_whose_holder_died_is_lost_and_says_so() {
    let (url, engine) = database("create table t (id integer)");
    let snapshot = engine.snapshot(1).expect("a snapshot");
    execute_psql(
        &url,
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
    );
    let error = match snapshot.reader() {
        Err(e) => e,
        Ok(_) => panic!("it is gone"),
    };
    assert_eq!(error.kind(), ErrorKind::SnapshotLost, "{error:?}");
}

#[test]
fn hostile_names_are_read_and_written() {
    let (url, engine) = database("");
    let mut sql = String::new();
    let names = limosa_testkit::hostile::identifiers(engine.capabilities());
    for (i, name) in names.iter().enumerate() {
        let q = engine.dialect().quote(name);
        sql.push_str(&format!(
            "create table {q} (k{i} bigint primary key, {q} text default {});\n",
            engine.dialect().literal(name)
        ));
        sql.push_str(&format!(
            "insert into {q} (k{i}) select generate_series(1, 50);\n"
        ));
    }
    execute_psql(&url, &sql);
    let catalog = engine.inspect().expect("a catalog");
    assert_eq!(catalog.tables.len(), names.len());
    let (_, target) = database("");
    make(&*target, &catalog);
    for t in &catalog.tables {
        assert_eq!(copy(&*engine, &*target, t, Way::Cells, 1 << 10), 50);
        assert_eq!(digest(&*engine, t), digest(&*target, t));
    }
    finish(&*target, &catalog);
}

#[test]
fn passwords_are_proven_by_every_method_that_is_safe() {
    let good = postgres().url("postgres");
    for role in ["scram", "md5"] {
        limosa_postgres::open(&good.replace("limosa@", &format!("{role}:pw@")))
            .unwrap_or_else(|e| panic!("{role}: {e:?}"));
    }
    let error = match limosa_postgres::open(&good.replace("limosa@", "cleartext:pw@")) {
        Err(e) => e,
        Ok(_) => panic!("a password went in clear over TCP"),
    };
    assert_eq!(error.kind(), ErrorKind::Authentication);
    assert!(!format!("{error:?}").contains("pw@"));
}

#[test]
fn no_lane_keeps_its_locks_on_many_tables() {
    let (url, engine) = database(
        "do $$ begin for i in 1..120 loop execute format('create table t%s (id integer primary key, x integer)', i); \
         execute format('insert into t%s select g, g from generate_series(1, 3) g', i); end loop; end $$",
    );
    let catalog = engine.inspect().expect("a catalog");
    let snapshot = engine.snapshot(2).expect("a snapshot");
    let mut reader = snapshot.reader().expect("a reader");
    let mut canonical = snapshot.canonicalizer().expect("a canonical reader");
    // Rows that come after the snapshot are in no later transaction of it either.
    execute_psql(&url, "insert into t120 values (100, 100)");
    let (mut batch, mut rows) = (Batch::default(), CanonicalRows::default());
    let (mut read, mut seen) = (0, 0);
    let mut most = 0;
    for t in &catalog.tables {
        let mut by_key = table_read(t, false, false);
        // So small that the table is sampled.
        snapshot.chunks(&by_key, 1).expect("chunks");
        by_key.physical = true;
        snapshot.chunks(&by_key, 1).expect("chunks");
        snapshot.mark(&t.name).expect("a mark");
        reader.open(&by_key, &Range::All, None).expect("it opens");
        let limit = BatchLimit {
            rows: 100,
            bytes: 1 << 20,
        };
        batch.reset(by_key.columns.len());
        while reader.fill(&mut batch, limit).expect("rows") {}
        read += batch.rows();
        canonical
            .open(&common::canonical_read(t), &Range::All)
            .expect("it opens");
        rows.reset(1 << 20);
        while canonical.fill(&mut rows, 1 << 18).expect("rows") {}
        seen += rows.rows().count();
        let held = query_psql(
            &url,
            "select coalesce(max(n), 0) from (select count(*) n from pg_locks where locktype = 'relation' \
             and database = (select oid from pg_database where datname = current_database()) \
             and pid <> pg_backend_pid() group by pid) x",
        );
        most = most.max(held.parse().expect("a number"));
    }
    assert_eq!((read, seen), (360, 360));
    // 16 tables with their keys, and the catalog's own.
    assert!((2..=40).contains(&most), "{most}");
}
