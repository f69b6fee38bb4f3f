//! Readers, their chunks and their view.

use super::*;

fn ranges(
    engine: &dyn Engine,
    name: &str,
    physical: bool,
    bytes: u64,
) -> (Vec<Range>, Vec<Vec<Value>>) {
    let t = table(&engine.inspect().expect("inspects"), name);
    let snapshot = engine.snapshot(1).expect("a snapshot");
    let read = read_of(&t, physical);
    let ranges: Vec<Range> = snapshot
        .chunks(&read, bytes)
        .expect("cuts")
        .into_iter()
        .map(|c| c.range)
        .collect();
    let rows = read_all(&*snapshot, &read, &ranges);
    (ranges, rows)
}

#[test]
fn the_chunks_of_a_table_cover_every_row_once() {
    let place = Place::new();
    let engine = place.with(
        "a.db",
        "CREATE TABLE a (id INTEGER PRIMARY KEY, t TEXT);
         WITH RECURSIVE n(i) AS (SELECT -500 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) INSERT INTO a SELECT i * i * i, 'x' || i FROM n WHERE i % 3 <> 0;
         INSERT INTO a VALUES (-9223372036854775808, 'least'), (9223372036854775807, 'greatest');
         CREATE TABLE k (a TEXT COLLATE NOCASE NOT NULL, b INTEGER NOT NULL, c, PRIMARY KEY (a, b));
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO k SELECT CASE WHEN i % 2 THEN 'Key' ELSE 'kEY' END || (i % 7), i, i FROM n;
         CREATE TABLE w (k TEXT PRIMARY KEY, v) WITHOUT ROWID;
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999) INSERT INTO w SELECT hex(i * 7919 % 1000), i FROM n;
         INSERT INTO w VALUES (CAST(x'ff' AS TEXT), 'not UTF-8');
         CREATE TABLE p (x);
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999) INSERT INTO p SELECT i % 10 FROM n;
         CREATE TABLE hidden (rowid TEXT, _rowid_ TEXT, oid TEXT); INSERT INTO hidden VALUES ('a', 'b', 'c'), ('a', 'b', 'c');
         CREATE TABLE none (id INTEGER PRIMARY KEY); CREATE TABLE nullkey (k TEXT PRIMARY KEY); INSERT INTO nullkey VALUES (NULL), (NULL), ('x');",
    );
    for (name, physical, want, many) in [
        ("a", false, 1336, true),
        ("a", true, 1336, true),
        ("k", false, 2001, true),
        ("k", true, 2001, true),
        ("w", false, 1001, true),
        ("w", true, 1001, true),
        ("p", true, 1000, true),
        ("p", false, 1000, false),
        ("hidden", true, 2, false),
        ("none", false, 0, false),
        ("nullkey", false, 3, false),
        ("nullkey", true, 3, false),
    ] {
        let (ranges, rows) = ranges(&*engine, name, physical, 1000);
        assert_eq!(rows.len(), want, "{name}, {} ranges", ranges.len());
        assert_eq!(ranges.len() > 3, many, "{name}: {}", ranges.len());
        let mut said: Vec<String> = rows.iter().map(|r| format!("{r:?}")).collect();
        said.sort();
        if !matches!(name, "p" | "hidden" | "nullkey") {
            said.dedup();
        }
        assert_eq!(said.len(), want, "{name} has a row twice");
    }
}

#[test]
fn readers_share_one_view_while_a_writer_commits() {
    for mode in ["WAL", "DELETE"] {
        let place = Place::new();
        let engine = place.with(
            "a.db",
            &format!("PRAGMA journal_mode = {mode}; CREATE TABLE t (id INTEGER PRIMARY KEY, x); INSERT INTO t VALUES (1, 'old'), (2, 'old')"),
        );
        let t = table(&engine.inspect().expect("inspects"), "t");
        let read = read_of(&t, false);
        let snapshot = engine.snapshot(2).expect("a snapshot");
        let writer = place.raw("a.db");
        writer
            .busy_timeout(std::time::Duration::from_millis(50))
            .expect("is set");
        let wrote = writer.execute_batch(
            "BEGIN; UPDATE t SET x = 'new'; INSERT INTO t VALUES (3, 'new'); COMMIT",
        );
        assert_eq!(
            wrote.is_ok(),
            mode == "WAL",
            "readers keep writers out only without a log"
        );
        if wrote.is_err() {
            writer.execute_batch("ROLLBACK").expect("gives up");
        }
        let mut a = snapshot.reader().expect("a reader");
        let mut b = snapshot.reader().expect("a reader");
        for reader in [&mut a, &mut b] {
            let mut batch = limosa_core::batch::Batch::default();
            batch.reset(2);
            reader.open(&read, &Range::All, None).expect("opens");
            assert!(!reader.fill(&mut batch, LIMIT).expect("fills"));
            assert_eq!(batch.rows(), 2);
            assert!(
                batch
                    .cells()
                    .all(|c| c.to_value() != Value::Text("new".into()))
            );
        }
        let third = snapshot.reader();
        match mode {
            "WAL" => assert_eq!(third.err().map(|e| e.kind()), Some(ErrorKind::SnapshotLost)),
            _ => assert!(third.is_ok(), "nothing was written, so one more may join"),
        }
        drop(a);
        assert!(snapshot.reader().is_ok(), "a reader's place is given back");
    }
}

#[test]
fn a_snapshot_can_be_taken_under_steady_writing() {
    let place = Place::new();
    let engine = place.with("a.db", "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, x INTEGER); INSERT INTO t VALUES (1, 0), (2, 0)");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let c = place.raw("a.db");
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                c.execute_batch("UPDATE t SET x = x + 1").expect("writes");
            }
        });
        let t = table(&engine.inspect().expect("inspects"), "t");
        let read = read_of(&t, false);
        for _ in 0..20 {
            let snapshot = engine.snapshot(3).expect("a snapshot");
            let views: Vec<_> = (0..3)
                .map(|_| read_all(&*snapshot, &read, &[Range::All]))
                .collect();
            assert!(views.windows(2).all(|v| v[0] == v[1]));
            assert_eq!(
                views[0][0][1], views[0][1][1],
                "one transaction is seen whole"
            );
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn a_mark_tells_an_untouched_file_from_a_written_one() {
    let place = Place::new();
    let engine = place.with("a.db", "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
    let t = table(&engine.inspect().expect("inspects"), "t");
    let read = read_of(&t, true);
    let mark = |engine: &dyn Engine| {
        engine
            .snapshot(1)
            .expect("a snapshot")
            .mark(&t.name)
            .expect("a mark")
    };
    let first = mark(&*engine);
    assert_eq!(
        first, "",
        "a file that was just written may be written again within the same tick"
    );
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    let touch = || {
        std::fs::File::options()
            .write(true)
            .open(place.path("a.db"))
            .expect("opens")
            .set_modified(old)
            .expect("is set")
    };
    touch();
    let second = mark(&*engine);
    assert_ne!(second, "");
    let same = |mark: &str| {
        engine
            .snapshot(1)
            .expect("a snapshot")
            .unchanged_since(&read, mark, &[])
            .expect("asks")
    };
    assert!(same(&second));
    assert!(!same(""));
    place
        .raw("a.db")
        .execute_batch("INSERT INTO t VALUES (2)")
        .expect("writes");
    assert!(!same(&second));
}

#[test]
fn a_writer_in_the_way_is_contention() {
    let place = Place::new();
    let (_, t) = simple(&place);
    let url = format!("file:{}?busy_timeout=10", place.path("t.db").display());
    let engine = limosa_sqlite::open(&url).expect("opens");
    let other = place.raw("t.db");
    other.execute_batch("BEGIN EXCLUSIVE").expect("locks");
    let e = engine.inspect().expect_err("is locked out");
    assert_eq!(e.kind(), ErrorKind::Contention);
    assert!(e.remedy().is_some());
    other.execute_batch("ROLLBACK").expect("unlocks");
    assert!(engine.inspect().is_ok());
    let _ = t;
}
