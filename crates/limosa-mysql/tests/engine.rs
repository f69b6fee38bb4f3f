//! The engine against a real server: what is written is what is read, and everything else that only a
//! database can say.

mod common;

use common::*;
use limosa_core::batch::{Batch, BatchLimit};
use limosa_core::canonical::{self, CanonicalRows, Form};
use limosa_core::chunk::{Chunk, Range};
use limosa_core::engine::Loaded;
use limosa_core::engine::*;
use limosa_core::error::ErrorKind;
use limosa_core::policy::Policies;
use limosa_core::schema::*;

const RICH: &str = "
CREATE TABLE parent (
  id int unsigned NOT NULL AUTO_INCREMENT,
  code varchar(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci NOT NULL DEFAULT 'x''y',
  PRIMARY KEY (id), UNIQUE KEY code_u (code)
) COMMENT='the parents';
CREATE TABLE everything (
  id bigint NOT NULL, b tinyint(1) DEFAULT 1, u8 tinyint unsigned, i16 smallint, i24 mediumint, u32 int unsigned,
  u64 bigint unsigned, z int(8) unsigned zerofill, f float, d double, n decimal(20,5) DEFAULT 0.50000,
  bits bit(10) DEFAULT b'101', c char(5), v varchar(50) NOT NULL DEFAULT '', l varchar(20) CHARACTER SET latin1,
  t text, mt mediumtext, lt longtext, bi binary(4), vb varbinary(30), bl blob, lb longblob,
  e enum('a','b''c','d,e') DEFAULT 'a', s set('x','y','z'), da date, ti time(3), dt datetime(6) DEFAULT current_timestamp(6) ON UPDATE current_timestamp(6),
  ts timestamp(2) NULL, y year, j json, p point, parent_id int unsigned,
  sum_of bigint GENERATED ALWAYS AS (id + 1) STORED, twice varchar(60) GENERATED ALWAYS AS (concat(v, ' ', v)) VIRTUAL,
  PRIMARY KEY (id), KEY v_i (v(10)), UNIQUE KEY vb_u (vb), KEY two (u8, i16 DESC), FULLTEXT KEY t_ft (t),
  CONSTRAINT parent_fk FOREIGN KEY (parent_id) REFERENCES parent (id) ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT positive CHECK (id > 0)
);
CREATE TABLE parts (a int NOT NULL, b int, PRIMARY KEY (a)) PARTITION BY RANGE (a) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE);
CREATE VIEW b_view AS SELECT id, v FROM everything WHERE v <> 'it''s';
CREATE VIEW a_view AS SELECT v.id FROM b_view v;
CREATE TRIGGER tr BEFORE INSERT ON parts FOR EACH ROW SET NEW.b = 1;
CREATE PROCEDURE proc() SELECT 1;
";

#[test]
fn a_rich_schema_survives_inspection_and_rendering() {
    let (engine, _url) = open(RICH);
    let catalog = engine.inspect().expect("inspected");
    let everything = catalog
        .table(&TableName::bare("everything"))
        .expect("there");
    assert_eq!(everything.foreign_keys.len(), 1);
    assert_eq!(everything.checks.len(), 1);
    assert_eq!(everything.uniques.len(), 1);
    // One is the foreign key's own.
    assert_eq!(everything.indexes.len(), 4, "{:?}", everything.indexes);
    let column = |n: &str| everything.column(n).expect("there");
    assert_eq!(column("b").native, "tinyint(1)");
    assert!(matches!(column("j").ty, Type::Json { .. }));
    assert!(column("dt").on_update_now);
    assert!(
        column("sum_of")
            .generated
            .as_ref()
            .is_some_and(|g| g.stored)
    );
    let parent = catalog.table(&TableName::bare("parent")).expect("there");
    assert_eq!(parent.comment.as_deref(), Some("the parents"));
    assert!(parent.columns[0].identity.is_some());
    assert!(parent.columns[1].folds);
    let views: Vec<_> = catalog.views.iter().map(|v| v.name.name.as_str()).collect();
    assert_eq!(views, ["b_view", "a_view"]);
    assert_eq!(
        catalog
            .table(&TableName::bare("parts"))
            .expect("there")
            .triggers
            .len(),
        1
    );
    assert_eq!(catalog.routines.len(), 1);

    let (copy, copy_url) = open("");
    apply(&*copy, &catalog);
    for table in &catalog.tables {
        for trigger in &table.triggers {
            limosa_testkit::execute_mysql(&copy_url, &trigger.text);
        }
    }
    let again = copy.inspect().expect("inspected again");
    for (a, b) in catalog.tables.iter().zip(&again.tables) {
        let mut a = a.clone();
        let mut b = b.clone();
        for t in [&mut a, &mut b] {
            t.estimated_rows = None;
            t.estimated_bytes = None;
            // A database's own collation is not part of its tables: the spelling has it.
            t.columns.iter_mut().for_each(|c| c.collation = None);
            t.columns
                .iter_mut()
                .filter_map(|c| c.identity.as_mut())
                .for_each(|i| i.next = None);
        }
        assert_eq!(a, b);
    }
    assert_eq!(catalog.views, again.views);
}

const VALUES: &[&str] = &[
    "CREATE TABLE t (id int NOT NULL PRIMARY KEY, u64 bigint unsigned, f float, d double, n decimal(30,10), bits bit(11), \
     c char(5), v varchar(100), l varchar(50) CHARACTER SET latin1, tx longtext, bi binary(4), bl longblob, e enum('a','é','1'), \
     s set('x','y','z'), da date, ti time(6), dt datetime(6), ts timestamp(3) NULL, y year, j json, g geometry, z int(9) unsigned zerofill)",
    "INSERT INTO t VALUES (1, 18446744073709551615, 16777218, 2.2250738585072014e-308, -12345678901234567890.0123456789, b'10000000001', \
     'ab  ', 'tab\\tnl\\nbs\\\\q''\"nul\\0end ', 'é€', '😀 \r\n', x'00ff0900', x'00090a5cff27', 'é', 'x,z', '0000-00-00', '-838:59:59', \
     '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07.123', 2155, '{\"a\": [1, 1.5, \"\\\\u0041\"], \"b\": null}', ST_GeomFromText('POINT(1.5 -2)', 4326), 42)",
    "INSERT INTO t (id) VALUES (2)",
    "INSERT INTO t VALUES (3, 0, 0.1, -0e0, 0, 0, '', '', '', '', x'00000000', '', '1', '', '2024-02-30', '00:00:00.000001', \
     '0000-00-00 00:00:00', '1970-01-01 00:00:01', 0, '\"x\"', ST_GeomFromText('LINESTRING(0 0, 1 1, 2 5)'), 0)",
    "INSERT INTO t VALUES (4, 9223372036854775808, -3.4028234e38, 1.7976931348623157e308, 0.0000000001, b'11111111111', 'é😀', '\\\\N', 'NULL', \
     'NULL', x'01020304', x'5c4e', 'a', 'x,y,z', '1000-01-01', '838:59:59', '0001-01-01 00:00:00', NULL, 1901, '[]', \
     ST_GeomFromText('MULTIPOINT(0 0,1 2)'), 123456789)",
];

#[test]
fn every_value_arrives_as_it_was_and_both_readers_agree() {
    for infile in [true, false] {
        let sql = format!(
            "SET sql_mode='ALLOW_INVALID_DATES'; SET time_zone='+00:00'; {}",
            VALUES.join(";")
        );
        let (source, source_url) = open(&sql);
        let (target, target_url) = open("");
        let catalog = source.inspect().expect("inspected");
        let table = &catalog.tables[0];
        apply(&*target, &catalog);
        with_infile(infile, || {
            let target = limosa_mysql::open(&target_url).expect("opened");
            copy(&*source, &*target, table, 1 << 30);
        });
        let ask = "SET NAMES utf8mb4; SET time_zone='+00:00'; SELECT id, u64, f+0e0, d, n, bits+0, hex(c), hex(v), hex(l), hex(tx), hex(bi), hex(bl), e+0, s+0, da, ti, dt, ts, y, \
                   hex(g), z FROM t ORDER BY id";
        assert_eq!(
            limosa_testkit::query_mysql(&source_url, ask),
            limosa_testkit::query_mysql(&target_url, ask)
        );
        assert_eq!(
            canonical_rows(&*source, table),
            canonical_rows(&*target, table)
        );
    }
}

#[test]
fn chunks_cover_every_row_once_whatever_the_key() {
    for (key, fill) in [
        (
            "id int NOT NULL, PRIMARY KEY (id)",
            "SELECT seq * 3 - 100 FROM s",
        ),
        (
            "a varchar(20) COLLATE utf8mb4_general_ci NOT NULL, b date NOT NULL, c bigint unsigned NOT NULL, PRIMARY KEY (a, b, c)",
            "SELECT CONCAT(CHAR(65 + seq % 5), IF(seq % 2, 'é', 'e')), '2024-01-01' + INTERVAL seq % 7 DAY, seq FROM s",
        ),
        (
            "e enum('z','a','m') NOT NULL, f float NOT NULL, PRIMARY KEY (e, f)",
            "SELECT 1 + seq % 3, seq / 7 FROM s",
        ),
        (
            "b varbinary(10) NOT NULL, t time(3) NOT NULL, PRIMARY KEY (b, t)",
            "SELECT UNHEX(HEX(seq % 11)), SEC_TO_TIME(seq - 200) FROM s",
        ),
        (
            "d decimal(10,3) NOT NULL, x bit(9) NOT NULL, UNIQUE KEY (d, x)",
            "SELECT seq / 8, seq % 512 FROM s",
        ),
        (
            "t timestamp(6) NOT NULL, y year NOT NULL, s set('a','b') NOT NULL, PRIMARY KEY (t, y, s)",
            "SELECT '2020-01-01' + INTERVAL seq SECOND, 2000 + seq % 5, seq % 4 FROM s",
        ),
    ] {
        let (engine, url) = open(&format!("CREATE TABLE t ({key})"));
        limosa_testkit::execute_mysql(
            &url,
            &format!(
                "INSERT INTO t WITH RECURSIVE s AS (SELECT 1 AS seq UNION ALL SELECT seq + 1 FROM s WHERE seq < 700) {fill}"
            ),
        );
        limosa_testkit::execute_mysql(&url, "ANALYZE TABLE t");
        let catalog = engine.inspect().expect("inspected");
        let table = &catalog.tables[0];
        let snapshot = engine.snapshot(1).expect("a snapshot");
        let read = table_read(table);
        assert!(!read.key.is_empty(), "{key}");
        let chunks = snapshot.chunks(&read, 2000).expect("cut");
        assert!(chunks.len() > 3, "{key}: {} chunks", chunks.len());
        let mut all = Vec::new();
        let mut reader = snapshot.reader().expect("a reader");
        for chunk in &chunks {
            let mut batch = Batch::default();
            reader.open(&read, &chunk.range, None).expect("opened");
            loop {
                batch.reset(read.columns.len());
                let more = reader
                    .fill(
                        &mut batch,
                        BatchLimit {
                            rows: 64,
                            bytes: 1 << 20,
                        },
                    )
                    .expect("filled");
                let cells: Vec<_> = batch.cells().map(|c| format!("{c:?}")).collect();
                all.extend(cells.chunks(read.columns.len()).map(|c| c.join(" ")));
                if !more {
                    break;
                }
            }
        }
        assert_eq!(all.len(), 700, "{key}");
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 700, "{key}");
    }
}

#[test]
fn a_chunk_is_written_once_or_not_at_all() {
    let (engine, url) = open("CREATE TABLE t (id int NOT NULL PRIMARY KEY, v varchar(3))");
    let catalog = engine.inspect().expect("inspected");
    let table = &catalog.tables[0];
    let spec = load_spec(table, table);
    let count = || limosa_testkit::query_mysql(&url, "SELECT COUNT(*) FROM t");
    for infile in [true, false] {
        limosa_testkit::execute_mysql(&url, "TRUNCATE TABLE t");
        with_infile(infile, || {
            let engine = limosa_mysql::open(&url).expect("opened");
            let mut ledger = engine.ledger().expect("a ledger");
            ledger.install("run", "hash").expect("installed");
            ledger.acquire("run", "me", false).expect("acquired");
            let chunks: Vec<Chunk> = (0..6)
                .map(|id| Chunk {
                    id,
                    range: Range::All,
                })
                .collect();
            ledger
                .plan_table("run", &table.name, "mark", &chunks)
                .expect("planned");
            assert_eq!(ledger.chunks("run").expect("read").len(), 6);
            let mut loader = engine.loader().expect("a loader");
            let claim = |ledger: &mut Box<dyn Ledger>, n| {
                ledger
                    .claim("run", &table.name, n)
                    .expect("claimed")
                    .expect("not done")
            };

            let ticket = claim(&mut ledger, 0);
            loader.begin(&spec, &ticket).expect("begun");
            loader.write(b"1\ta\n2\t\\N\n").expect("written");
            assert_eq!(
                loader.commit(Loaded::new(2, 9)).expect("committed"),
                Ack::Durable
            );
            assert!(ledger.done(&ticket).expect("asked"));
            assert!(
                ledger
                    .claim("run", &table.name, 0)
                    .expect("asked")
                    .is_none()
            );
            assert_eq!(count(), "2");

            // A row with a taken key, text that is too long, a number that is none: nothing goes in.
            for (n, rows, kind) in [
                (1, &b"3\tc\n2\td\n"[..], ErrorKind::Constraint),
                (1, b"3\tc\n4\tzebra\n", ErrorKind::Value),
                (1, b"3\tc\nx\td\n", ErrorKind::Value),
            ] {
                let ticket = claim(&mut ledger, n);
                loader.begin(&spec, &ticket).expect("begun");
                let ended = loader
                    .write(rows)
                    .and_then(|()| loader.commit(Loaded::new(2, 8)));
                let error = ended.expect_err("refused");
                assert_eq!(error.kind(), kind, "{infile} {error}");
                assert!(!error.to_string().contains("zebra"), "{error}");
                loader.rollback().expect("rolled back");
                assert_eq!(count(), "2");
                assert!(!ledger.done(&ticket).expect("asked"));
            }

            // A second claim while the first one writes: the first finds its epoch gone.
            let old = claim(&mut ledger, 2);
            loader.begin(&spec, &old).expect("begun");
            loader.write(b"5\te\n").expect("written");
            let new = claim(&mut ledger, 2);
            assert_eq!(new.epoch, old.epoch + 1);
            assert_eq!(
                loader.commit(Loaded::new(1, 4)).expect_err("fenced").kind(),
                ErrorKind::Fenced
            );
            assert_eq!(count(), "2");
            assert_eq!(
                loader.begin(&spec, &old).expect_err("fenced").kind(),
                ErrorKind::Fenced
            );

            // A loader that is dropped in between leaves nothing.
            let ticket = claim(&mut ledger, 3);
            let mut other = engine.loader().expect("a loader");
            other.begin(&spec, &ticket).expect("begun");
            other.write(b"6\tf\n").expect("written");
            drop(other);
            loader.begin(&spec, &ticket).expect("begun");
            loader.write(b"6\tf\n").expect("written");
            loader.commit(Loaded::new(1, 4)).expect("committed");
            assert_eq!(count(), "3");

            // A new owner ends the old one's session and takes its claims back.
            let ticket = claim(&mut ledger, 4);
            loader.begin(&spec, &ticket).expect("begun");
            loader.write(b"7\tg\n").expect("written");
            assert_eq!(
                ledger
                    .acquire("run", "you", false)
                    .expect_err("held")
                    .kind(),
                ErrorKind::Held
            );
            let mut thief = engine.ledger().expect("a ledger");
            thief.acquire("run", "you", true).expect("stolen");
            assert!(loader.commit(Loaded::new(1, 4)).is_err());
            assert_eq!(
                ledger.renew("run", "me").expect_err("fenced").kind(),
                ErrorKind::Fenced
            );
            let states = thief.chunks("run").expect("read");
            assert!(states.iter().all(|c| c.state != ChunkState::Claimed));
            assert_eq!(count(), "3");
            loader.rollback().expect("a fresh session");
            thief.install("run", "other").expect_err("another plan");
            thief.install("other", "hash").expect_err("another run");
            thief.uninstall().expect("gone");
        });
    }
}

#[test]
fn lanes_of_a_snapshot_see_one_state_while_others_write() {
    // A server of its own: the lock that a busy one needs would wait for the other tests.
    let server = limosa_testkit::MariaServer::private(&[]);
    let url = server.database();
    limosa_testkit::execute_mysql(&url, "CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY)");
    let engine = limosa_mysql::open(&url).expect("opened");
    let stop = std::sync::atomic::AtomicBool::new(false);
    /// Stops the writer also when the test fails.
    struct Stop<'a>(&'a std::sync::atomic::AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        scope.spawn(|| {
            let mut session = engine.session().expect("a session");
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                session
                    .execute("INSERT INTO t VALUES ()")
                    .expect("inserted");
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        });
        for _ in 0..5 {
            let snapshot = engine.snapshot(3).expect("a snapshot");
            let catalog = engine.inspect().expect("inspected");
            let read = table_read(&catalog.tables[0]);
            let mut counts = Vec::new();
            let mut readers: Vec<_> = (0..3).map(|_| snapshot.reader().expect("a lane")).collect();
            assert_eq!(
                snapshot.reader().err().map(|e| e.kind()),
                Some(ErrorKind::Busy)
            );
            for reader in &mut readers {
                let mut batch = Batch::default();
                batch.reset(1);
                reader.open(&read, &Range::All, None).expect("opened");
                while reader
                    .fill(
                        &mut batch,
                        BatchLimit {
                            rows: u64::MAX,
                            bytes: usize::MAX,
                        },
                    )
                    .expect("filled")
                {}
                counts.push(batch.rows());
            }
            assert!(counts.windows(2).all(|w| w[0] == w[1]), "{counts:?}");
        }
    });
}

#[test]
fn a_lane_that_is_left_in_the_middle_can_be_used_again() {
    let (engine, url) = open("CREATE TABLE t (id int PRIMARY KEY, v longtext)");
    limosa_testkit::execute_mysql(
        &url,
        "INSERT INTO t WITH RECURSIVE s AS (SELECT 1 AS seq UNION ALL SELECT seq + 1 FROM s WHERE seq < 900) SELECT seq, REPEAT('x', 50000) FROM s",
    );
    let catalog = engine.inspect().expect("inspected");
    let read = table_read(&catalog.tables[0]);
    let snapshot = engine.snapshot(1).expect("a snapshot");
    for _ in 0..3 {
        let mut reader = snapshot.reader().expect("the lane is free");
        let mut batch = Batch::default();
        batch.reset(2);
        reader.open(&read, &Range::All, None).expect("opened");
        assert!(
            reader
                .fill(
                    &mut batch,
                    BatchLimit {
                        rows: 5,
                        bytes: usize::MAX
                    }
                )
                .expect("filled")
        );
        assert_eq!(batch.rows(), 5);
    }
    let mut rows = CanonicalRows::default();
    let mut canonical = snapshot.canonicalizer().expect("the lane is free");
    canonical
        .open(&canonical_read(&catalog.tables[0]), &Range::All)
        .expect("opened");
    while canonical.fill(&mut rows, usize::MAX).expect("filled") {}
    assert_eq!(rows.len(), 900);
}

#[test]
fn large_rows_pass_in_both_directions() {
    let (source, url) = open("CREATE TABLE t (id int PRIMARY KEY, b longblob)");
    limosa_testkit::execute_mysql(
        &url,
        "INSERT INTO t VALUES (1, REPEAT('\\n', 9000000)), (2, REPEAT(x'00', 3)), (3, REPEAT('ab', 9500000))",
    );
    let (target, target_url) = open("");
    let catalog = source.inspect().expect("inspected");
    apply(&*target, &catalog);
    copy(&*source, &*target, &catalog.tables[0], 1 << 40);
    let ask = "SELECT id, LENGTH(b), SHA2(b, 256) FROM t ORDER BY id";
    assert_eq!(
        limosa_testkit::query_mysql(&url, ask),
        limosa_testkit::query_mysql(&target_url, ask)
    );
}

#[test]
fn identity_privileges_and_errors() {
    let (engine, url) = open("CREATE TABLE t (id int PRIMARY KEY)");
    let same = limosa_mysql::open(&url).expect("opened");
    assert_eq!(
        engine.identity().expect("asked"),
        same.identity().expect("asked")
    );
    let catalog = engine.inspect().expect("inspected");
    assert!(
        engine
            .missing_privileges(Role::Target, &catalog)
            .expect("asked")
            .is_empty()
    );
    let mut session = engine.session().expect("a session");
    assert_eq!(
        session
            .execute("SELECT * FROM nothing")
            .expect_err("missing")
            .kind(),
        ErrorKind::Missing
    );
    session
        .execute("INSERT INTO t VALUES (1), (5)")
        .expect("inserted");
    assert_eq!(
        session
            .execute("INSERT INTO t VALUES (1)")
            .expect_err("taken")
            .kind(),
        ErrorKind::Constraint
    );
    let name = TableName::bare("t");
    assert_eq!(session.count(&name, Some(1)).expect("counted"), 1);
    assert_eq!(session.count(&name, None).expect("counted"), 2);
    assert_eq!(session.greatest(&name, "id").expect("asked"), Some(5));
    assert!(
        session
            .exists(&limosa_core::operation::ObjectRef::PrimaryKey(name.clone()))
            .expect("asked")
    );
    let user = url.replacen("limosa:pw@", "limosa:wrong@", 1);
    if user != url {
        let error = limosa_mysql::open(&user).err().expect("refused");
        assert_eq!(error.kind(), ErrorKind::Authentication);
        assert!(!format!("{error:?}").contains("wrong"));
    }
    // A reader of a few tables only.
    let database = url
        .rsplit('/')
        .next()
        .expect("a name")
        .split('?')
        .next()
        .expect("a name");
    limosa_testkit::execute_mysql(
        &url,
        &format!(
            "CREATE USER 'poor_{database}'@'%' IDENTIFIED BY 'p'; GRANT SELECT ON `{database}`.* TO 'poor_{database}'@'%'"
        ),
    );
    let poor = limosa_mysql::open(&url.replacen("limosa:pw@", &format!("poor_{database}:p@"), 1))
        .expect("opened");
    assert!(
        poor.missing_privileges(Role::Source, &catalog)
            .expect("asked")
            .is_empty()
    );
    let missing = poor
        .missing_privileges(Role::Target, &catalog)
        .expect("asked");
    assert!(
        missing
            .iter()
            .any(|m| m.grant.starts_with("GRANT INSERT ON")),
        "{missing:?}"
    );
    let _ = (
        Policies::default(),
        canonical::CANONICAL_VERSION,
        Form::Text,
    );
}

#[test]
fn what_an_account_can_not_see_is_said() {
    let (_, url) = open("CREATE TABLE t (id int PRIMARY KEY); CREATE PROCEDURE p() SELECT 1;");
    let name = format!("u{}", std::process::id());
    limosa_testkit::execute_mysql(
        &url,
        &format!(
            "CREATE USER {name}@'%' IDENTIFIED BY 'x'; CREATE USER {name}@localhost IDENTIFIED BY 'x'; \
             SET @d = CONCAT('GRANT SELECT ON `', DATABASE(), '`.* TO {name}@localhost, {name}@''%'''); \
             PREPARE s FROM @d; EXECUTE s;"
        ),
    );
    let mut other = url::Url::parse(&url).expect("a URL");
    other.set_username(&name).expect("a name");
    other.set_password(Some("x")).expect("a password");
    let seen = limosa_mysql::open(other.as_str())
        .and_then(|e| e.inspect())
        .expect("inspected");
    assert!(seen.routines.is_empty());
    for right in ["EXECUTE", "EVENT", "TRIGGER"] {
        assert!(seen.notes.iter().any(|n| n.contains(right)), "{right}");
    }
    let whole = limosa_mysql::open(&url).and_then(|e| e.inspect());
    assert!(whole.expect("inspected").notes.is_empty());
}

#[test]
fn no_lane_keeps_its_locks_on_many_tables() {
    let mut sql = String::new();
    for n in 0..40 {
        sql += &format!(
            "CREATE TABLE t{n:02} (id int PRIMARY KEY, x int);\nINSERT INTO t{n:02} VALUES (1, 1), (2, 2);\n"
        );
    }
    let (engine, url) = open(&sql);
    let catalog = engine.inspect().expect("inspected");
    let snapshot = engine.snapshot(2).expect("a snapshot");
    let mut reader = snapshot.reader().expect("a reader");
    let mut canonical = snapshot.canonicalizer().expect("a canonical reader");
    // Rows that come after the view are in it at no time.
    limosa_testkit::execute_mysql(&url, "INSERT INTO t39 VALUES (3, 3)");
    let (mut batch, mut rows) = (Batch::default(), CanonicalRows::default());
    let limit = BatchLimit {
        rows: 100,
        bytes: 1 << 20,
    };
    let (mut read, mut seen) = (0, 0);
    for table in &catalog.tables {
        let wanted = table_read(table);
        snapshot.chunks(&wanted, 1).expect("chunks");
        reader.open(&wanted, &Range::All, None).expect("it opens");
        batch.reset(wanted.columns.len());
        while reader.fill(&mut batch, limit).expect("rows") {}
        read += batch.rows();
        canonical
            .open(&canonical_read(table), &Range::All)
            .expect("it opens");
        rows.reset(1 << 20);
        while canonical.fill(&mut rows, 1 << 18).expect("rows") {}
        seen += rows.rows().count();
    }
    assert_eq!((read, seen), (80, 80));
    // Whoever wants to change a table that was read long ago need not wait for the end of the view.
    limosa_testkit::execute_mysql(
        &url,
        "SET SESSION lock_wait_timeout = 1; ALTER TABLE t00 ADD COLUMN y int; ALTER TABLE t20 ADD COLUMN y int",
    );
}
