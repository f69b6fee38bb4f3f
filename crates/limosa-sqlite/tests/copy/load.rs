//! Chunks, tickets and the lease: once, or not at all.

use super::*;

fn count(engine: &dyn Engine, name: &str) -> u64 {
    engine
        .session()
        .expect("a session")
        .count(&TableName::bare(name), None)
        .expect("counts")
}

#[test]
fn a_loader_that_dies_in_the_middle_of_a_chunk_leaves_nothing() {
    let place = Place::new();
    let (engine, t) = simple(&place);
    let spec = spec_of(&t, None);
    let ticket = claim(&*engine, "r", &t.name, 0);
    let mut bytes = Vec::new();
    let rows: Vec<_> = (0..100)
        .map(|i| vec![Value::Int(i), Value::Text("x".into())])
        .collect();
    engine
        .encoder(&spec)
        .expect("an encoder")
        .encode(&batch_of(&rows), &mut bytes)
        .expect("encodes");
    {
        let mut loader = engine.loader().expect("a loader");
        loader.begin(&spec, &ticket).expect("begins");
        loader.write(&bytes).expect("writes");
    }
    assert_eq!(count(&*engine, "t"), 0);
    let mut loader = engine.loader().expect("a loader");
    loader.begin(&spec, &ticket).expect("begins");
    loader.write(&bytes).expect("writes");
    loader.rollback().expect("rolls back");
    loader.begin(&spec, &ticket).expect("begins");
    loader.write(&bytes).expect("writes");
    loader.commit(Loaded::new(100, 7)).expect("commits");
    assert_eq!(count(&*engine, "t"), 100);
    assert_eq!(count(&*engine, "fired"), 0, "triggers do not fire");
    let mut ledger = engine.ledger().expect("a ledger");
    assert!(ledger.done(&ticket).expect("asks"));
    assert_eq!(ledger.claim("r", &t.name, 0).expect("asks"), None);
    let chunk = ledger.chunks("r").expect("reads").remove(0);
    assert_eq!(
        (chunk.state, chunk.loaded.rows, chunk.loaded.bytes),
        (ChunkState::Done, 100, 7)
    );
}

#[test]
fn a_stale_epoch_writes_nothing() {
    let place = Place::new();
    let (engine, t) = simple(&place);
    let spec = spec_of(&t, None);
    let mut bytes = Vec::new();
    engine
        .encoder(&spec)
        .expect("an encoder")
        .encode(&batch_of(&[vec![Value::Int(1), Value::Null]]), &mut bytes)
        .expect("encodes");
    let stale = claim(&*engine, "r", &t.name, 0);
    let fresh = claim(&*engine, "r", &t.name, 0);
    assert!(fresh.epoch > stale.epoch);
    let mut slow = engine.loader().expect("a loader");
    slow.begin(&spec, &stale).expect("begins");
    slow.write(&bytes).expect("writes");
    assert_eq!(
        slow.commit(Loaded::new(1, 1)).err().map(|e| e.kind()),
        Some(ErrorKind::Fenced)
    );
    assert_eq!(count(&*engine, "t"), 0);
    let mut quick = engine.loader().expect("a loader");
    quick.begin(&spec, &fresh).expect("begins");
    quick.write(&bytes).expect("writes");
    quick.commit(Loaded::new(1, 1)).expect("commits");
    // Doing it a second time is refused as well.
    quick.begin(&spec, &fresh).expect("begins");
    assert_eq!(
        quick.commit(Loaded::new(0, 0)).err().map(|e| e.kind()),
        Some(ErrorKind::Fenced)
    );
    assert_eq!(count(&*engine, "t"), 1);
}

#[test]
fn the_lease_is_respected_and_can_be_taken_by_force() {
    let place = Place::new();
    let (engine, t) = simple(&place);
    let mut a = engine.ledger().expect("a ledger");
    let mut b = engine.ledger().expect("a ledger");
    a.install("r", "h").expect("installs");
    a.install("r", "h").expect("installs again");
    assert_eq!(
        a.install("r", "other").err().map(|e| e.kind()),
        Some(ErrorKind::Conflict)
    );
    a.acquire("r", "a", false).expect("acquires");
    a.plan_table(
        "r",
        &t.name,
        "m",
        &[limosa_core::chunk::Chunk {
            id: 0,
            range: Range::Key {
                lower: None,
                upper: Some(vec![Value::Text("x".into())]),
            },
        }],
    )
    .expect("plans");
    let ticket = a.claim("r", &t.name, 0).expect("claims").expect("is free");
    let held = b.acquire("r", "b", false).expect_err("is held");
    assert_eq!(held.kind(), ErrorKind::Held);
    assert_eq!(
        b.install("s", "h").err().map(|e| e.kind()),
        Some(ErrorKind::Conflict)
    );
    b.acquire("r", "b", true).expect("takes it");
    assert_eq!(
        a.renew("r", "a").err().map(|e| e.kind()),
        Some(ErrorKind::Fenced)
    );
    b.renew("r", "b").expect("renews");
    let chunk = b.chunks("r").expect("reads").remove(0);
    assert_eq!(chunk.state, ChunkState::Pending);
    assert!(chunk.epoch > ticket.epoch);
    assert!(matches!(
        chunk.chunk.range,
        Range::Key { upper: Some(_), .. }
    ));
    drop(a);
    b.release("r", "b").expect("releases");
    let mode: String = place
        .raw("t.db")
        .pragma_query_value(None, "journal_mode", |r| r.get(0))
        .expect("asks");
    assert_eq!(mode, "delete", "the journal mode that was there is back");
    b.uninstall().expect("uninstalls");
    assert_eq!(engine.inspect().expect("inspects").tables.len(), 2);
    assert!(b.chunks("r").expect("an empty ledger").is_empty());
}

#[test]
fn generated_columns_are_read_and_made_by_the_target() {
    let place = Place::new();
    let source = place.with("a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, b INT AS (a * 2) STORED, c TEXT AS ('x' || a)); INSERT INTO t (a) VALUES (4)");
    let t = table(&source.inspect().expect("inspects"), "t");
    let snapshot = source.snapshot(1).expect("a snapshot");
    let rows = read_all(&*snapshot, &read_of(&t, false), &[Range::All]);
    assert_eq!(rows[0][2..], [Value::Int(8), Value::Text("x4".into())]);
    let target = place.engine("b.db");
    apply(&*target, &[Operation::CreateTable(Box::new(t.clone()))]);
    load(&*target, &spec_of(&t, None), &[rows[0][..2].to_vec()]);
    let snapshot = target.snapshot(1).expect("a snapshot");
    assert_eq!(
        read_all(&*snapshot, &read_of(&t, false), &[Range::All]),
        rows
    );
}
