//! The record of what is done.

use super::{
    HOLDER, PLAIN, RUN, Subject, claim, encoded, load_spec, plain_rows, planned, skip, table,
};
use limosa_core::chunk::{Chunk, Range};
use limosa_core::engine::{ChunkState, Loaded, Ticket};
use limosa_core::error::ErrorKind;
use limosa_core::schema::TableName;
use limosa_core::value::Value;

/// Install, plan, claim, load, read back after a crash, take away.
pub fn the_ledger_lives_and_leaves_nothing(subject: &Subject) {
    let (url, engine, catalog) = subject.with(PLAIN);
    assert_eq!((subject.query)(&url, subject.leftovers), "0");
    let t = table(&catalog, "t");
    let mut ledger = planned(&*engine, t, 3);
    ledger
        .install(RUN, "hash")
        .expect("the same run with the same plan is installed twice");

    let chunks = ledger.chunks(RUN).expect("chunks are read");
    assert_eq!(chunks.len(), 3);
    for (i, c) in chunks.iter().enumerate() {
        assert_eq!((c.chunk.id as usize, &c.table), (i, &t.name));
        assert_eq!((c.state, c.epoch), (ChunkState::Pending, 0));
    }
    assert!(
        ledger
            .chunks("another")
            .expect("chunks are read")
            .is_empty()
    );

    let first = claim(&mut *ledger, t, 1);
    assert_eq!(
        first,
        Ticket {
            run: RUN.into(),
            table: t.name.clone(),
            chunk: 1,
            epoch: 1
        }
    );
    assert!(!ledger.done(&first).expect("done is known"));
    let again = claim(&mut *ledger, t, 1);
    assert_eq!(again.epoch, 2, "each claim has an epoch of its own");
    let state = |ledger: &mut dyn limosa_core::engine::Ledger| {
        let chunks = ledger.chunks(RUN).expect("chunks are read");
        (chunks[1].state, chunks[1].epoch, chunks[1].loaded.rows)
    };
    assert_eq!(state(&mut *ledger), (ChunkState::Claimed, 2, 0));

    let spec = load_spec(t);
    let rows = plain_rows(0..5);
    let bytes = encoded(&*engine, &spec, &rows);
    let mut loader = engine.loader().expect("a loader opens");
    loader.begin(&spec, &again).expect("a chunk is begun");
    loader.write(&bytes).expect("rows are written");
    assert_eq!(
        subject.number(&url, "select count(*) from t"),
        0,
        "nothing shows before the commit"
    );
    let loaded = Loaded {
        filtered: 3,
        ..Loaded::new(5, 77)
    };
    loader.commit(loaded).expect("the chunk is committed");
    assert_eq!(subject.number(&url, "select count(*) from t"), 5);
    assert!(ledger.done(&again).expect("done is known"));
    assert_eq!(
        ledger
            .claim(RUN, &t.name, 1)
            .expect("a done chunk can be asked for"),
        None
    );
    drop((loader, ledger, engine));

    // The next process finds what the last one left.
    let engine = subject.open(&url);
    let mut ledger = engine.ledger().expect("the ledger opens again");
    ledger.install(RUN, "hash").expect("the run goes on");
    let chunks = ledger.chunks(RUN).expect("chunks are read");
    assert_eq!(
        chunks.iter().map(|c| c.state).collect::<Vec<_>>(),
        [ChunkState::Pending, ChunkState::Done, ChunkState::Pending]
    );
    assert_eq!(chunks[1].loaded, loaded);
    ledger.uninstall().expect("the ledger is taken away");
    ledger
        .uninstall()
        .expect("what is not there is taken away, too");
    drop((ledger, engine));
    assert_eq!((subject.query)(&url, subject.leftovers), "0");
    assert_eq!(subject.number(&url, "select count(*) from t"), 5);
}

/// One target, one unfinished run.
pub fn the_ledger_refuses_another_run_with_unfinished_work(subject: &Subject) {
    let (_, engine, catalog) = subject.with(PLAIN);
    let t = table(&catalog, "t");
    let mut ledger = planned(&*engine, t, 1);
    for (run, hash) in [("another", "hash"), (RUN, "another hash")] {
        let mut other = engine.ledger().expect("the ledger opens");
        let e = other
            .install(run, hash)
            .expect_err("another run is refused while there is unfinished work");
        assert_eq!(e.kind(), ErrorKind::Conflict, "{e:?}");
    }
    let ticket = claim(&mut *ledger, t, 0);
    let spec = load_spec(t);
    let mut loader = engine.loader().expect("a loader opens");
    loader.begin(&spec, &ticket).expect("a chunk is begun");
    loader
        .commit(Loaded::new(0, 0))
        .expect("an empty chunk is committed");
    drop(loader);
    ledger
        .release(RUN, HOLDER)
        .expect("the lease is given back");
    drop(ledger);
    let mut other = engine.ledger().expect("the ledger opens");
    other
        .install("another", "hash")
        .expect("another run is taken when all is done");
}

/// Bounds and marks of every kind come back as they went.
pub fn the_ledger_keeps_bounds_and_marks(subject: &Subject) {
    let (_, engine, catalog) = subject.with(PLAIN);
    let t = table(&catalog, "t");
    let mut ledger = planned(&*engine, t, 1);
    let bounds = vec![
        vec![Value::Int(i64::MIN)],
        vec![
            Value::Int(-1),
            Value::Text("it's \"quoted\" \\ `so`".into()),
        ],
        vec![Value::UInt(u64::MAX)],
        vec![Value::Text(String::new())],
        vec![Value::Text("ä🦜\u{301}\n\t\r\u{1}\u{202e}".into())],
        vec![Value::Text(crate::hostile::NUL_TEXT.into())],
        vec![Value::Text("long ".repeat(2000))],
        vec![Value::Bytes(vec![0, 255, 10, 39, 92])],
        vec![Value::Uuid([7; 16]), Value::Bool(true)],
        vec![Value::Decimal("-12345678901234567890.000100".into())],
        vec![Value::F64(-0.0), Value::F64(1e-300), Value::F64(0.1)],
        vec![
            Value::Date(-1),
            Value::Timestamp(-1),
            Value::TimestampTz(i64::MAX),
        ],
        vec![Value::Bits(3, vec![0b1010_0000]), Value::Time(1)],
    ];
    let mut chunks = Vec::new();
    for i in 0..=bounds.len() {
        chunks.push(Chunk {
            id: i as u32,
            range: Range::Key {
                lower: (i > 0).then(|| bounds[i - 1].clone()),
                upper: bounds.get(i).cloned(),
            },
        });
    }
    let mark = "mark 'with' \"quotes\" \\ ä🦜";
    ledger
        .plan_table(RUN, &t.name, mark, &chunks)
        .unwrap_or_else(|e| panic!("{e:?}"));
    let other = TableName {
        schema: t.name.schema.clone(),
        name: "weird \"na'me`; ä.🦜".into(),
    };
    let physical: Vec<Chunk> = [
        (0, Some(10)),
        (10, Some(u64::MAX / 2)),
        (u64::MAX / 2, None),
    ]
    .into_iter()
    .enumerate()
    .map(|(i, (from, to))| Chunk {
        id: i as u32,
        range: Range::Physical { from, to },
    })
    .collect();
    ledger
        .plan_table(RUN, &other, "", &physical)
        .unwrap_or_else(|e| panic!("{e:?}"));
    let read = ledger.chunks(RUN).unwrap_or_else(|e| panic!("{e:?}"));
    let of = |name: &TableName| -> Vec<Chunk> {
        read.iter()
            .filter(|c| c.table == *name)
            .map(|c| c.chunk.clone())
            .collect()
    };
    assert_eq!(of(&t.name), chunks);
    assert_eq!(of(&other), physical);
    assert!(
        read.iter()
            .all(|c| c.mark == if c.table == t.name { mark } else { "" })
    );
    let claimed = ledger
        .claim(RUN, &other, 2)
        .unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(claimed.expect("is not done").table, other);
}

/// One holder at a time; a thief fences the old one.
pub fn a_lease_is_held_stolen_and_fenced(subject: &Subject) {
    let (url, engine, catalog) = subject.with(PLAIN);
    let t = table(&catalog, "t");
    let mut ledger = planned(&*engine, t, 2);
    ledger.renew(RUN, HOLDER).expect("the holder renews");
    let old = claim(&mut *ledger, t, 0);

    let thief_engine = subject.open(&url);
    let mut thief = thief_engine.ledger().expect("the ledger opens");
    let e = thief
        .acquire(RUN, "there:2", false)
        .expect_err("a fresh lease is respected");
    assert_eq!(e.kind(), ErrorKind::Held, "{e:?}");
    let said = format!("{e:?} {:?}", e.remedy());
    assert!(said.contains(HOLDER), "the error names the holder: {said}");

    thief
        .acquire(RUN, "there:2", true)
        .unwrap_or_else(|e| panic!("stealing: {e:?}"));
    let chunks = thief.chunks(RUN).expect("chunks are read");
    assert_eq!(chunks[0].state, ChunkState::Pending);
    assert!(
        chunks[0].epoch > old.epoch,
        "the claimed chunk has a higher epoch: {:?}",
        chunks[0]
    );
    thief.renew(RUN, "there:2").expect("the thief renews");
    // The old holder's session may have been ended, so it opens another.
    let mut late = engine.ledger().expect("the ledger opens");
    let e = late
        .renew(RUN, HOLDER)
        .expect_err("the old holder is fenced");
    assert_eq!(e.kind(), ErrorKind::Fenced, "{e:?}");

    let spec = load_spec(t);
    let bytes = encoded(&*engine, &spec, &plain_rows(0..3));
    let mut loader = engine.loader().expect("a loader opens");
    let result = loader
        .begin(&spec, &old)
        .and_then(|()| loader.write(&bytes))
        .and_then(|()| loader.commit(Loaded::new(3, 1)).map(|_| ()));
    let e = result.expect_err("the old holder's chunk is not committed");
    assert_eq!(e.kind(), ErrorKind::Fenced, "{e:?}");
    drop(loader);
    assert_eq!(subject.number(&url, "select count(*) from t"), 0);

    thief
        .release(RUN, "there:2")
        .expect("the lease is given back");
    let mut next = engine.ledger().expect("the ledger opens");
    next.acquire(RUN, "next:3", false)
        .unwrap_or_else(|e| panic!("a lease that was given back is free: {e:?}"));
}

/// A worker that slept through a second claim writes nothing, before or after the second has committed.
pub fn a_stale_epoch_writes_nothing(subject: &Subject) {
    let (url, engine, catalog) = subject.with(PLAIN);
    let t = table(&catalog, "t");
    let mut ledger = planned(&*engine, t, 2);
    let spec = load_spec(t);
    let bytes = encoded(&*engine, &spec, &plain_rows(0..10));

    // The sleeper has written all, and the second claim comes before its commit.
    let stale = claim(&mut *ledger, t, 0);
    let concurrent = engine.capabilities().concurrent_writers;
    let mut loader = engine.loader().expect("a loader opens");
    if concurrent {
        loader.begin(&spec, &stale).expect("a chunk is begun");
        loader.write(&bytes).expect("rows are written");
    } else {
        skip("a claim while another lane writes: there is one writer");
    }
    let fresh = claim(&mut *ledger, t, 0);
    let late = |loader: &mut dyn limosa_core::engine::Loader, begun: bool| {
        let begin = if begun {
            Ok(())
        } else {
            loader
                .begin(&spec, &stale)
                .and_then(|()| loader.write(&bytes))
        };
        let e = begin
            .and_then(|()| loader.commit(Loaded::new(10, 1)).map(|_| ()))
            .expect_err("a stale epoch does not commit");
        assert_eq!(e.kind(), ErrorKind::Fenced, "{e:?}");
        loader
            .rollback()
            .expect("a fenced loader can be rolled back");
    };
    late(&mut *loader, concurrent);
    assert_eq!(subject.number(&url, "select count(*) from t"), 0);

    // The same loader goes on with the fresh ticket.
    loader.begin(&spec, &fresh).expect("a chunk is begun");
    loader.write(&bytes).expect("rows are written");
    loader
        .commit(Loaded::new(10, 1))
        .expect("the fresh epoch commits");
    assert_eq!(subject.number(&url, "select count(*) from t"), 10);

    // And when the chunk is done, the sleeper still writes nothing.
    let more = encoded(&*engine, &spec, &plain_rows(100..103));
    let e = loader
        .begin(&spec, &stale)
        .and_then(|()| loader.write(&more))
        .and_then(|()| loader.commit(Loaded::new(3, 1)).map(|_| ()))
        .expect_err("a stale epoch does not commit");
    assert_eq!(e.kind(), ErrorKind::Fenced, "{e:?}");
    drop(loader);
    assert_eq!(subject.number(&url, "select count(*) from t"), 10);
    let chunks = ledger.chunks(RUN).expect("chunks are read");
    assert_eq!(
        (chunks[0].state, chunks[0].loaded.rows),
        (ChunkState::Done, 10)
    );
}
