//! Writing, and what happens when it fails.

use super::{PLAIN, Subject, batch, claim, encoded, load_spec, plain_rows, planned, skip, table};
use limosa_core::batch::Batch;
use limosa_core::engine::Loaded;
use limosa_core::error::{Disposition, ErrorKind};
use limosa_core::value::Value;

/// Duplicates, NULL and a broken condition: nothing stays, and the next chunk goes through the same loader.
pub fn a_refused_row_leaves_nothing_and_the_loader_goes_on(subject: &Subject) {
    let (url, engine, catalog) = subject.with(
        "create table t (id bigint not null primary key, v varchar(100) not null,
           constraint v_is_short check (v <> 'row 13'));
         insert into t values (5, 'there');",
    );
    let t = table(&catalog, "t");
    let mut ledger = planned(&*engine, t, 10);
    let mut spec = load_spec(t);
    // The encoder is told that NULL fits, so that the database has the say.
    for column in &mut spec.columns {
        column.nullable = true;
    }
    let mut loader = engine.loader().expect("a loader opens");
    let mut null = plain_rows(20..23);
    null[1][1] = Value::Null;
    let cases = [
        ("a key that is there", plain_rows(3..8)),
        ("a key twice in the chunk", plain_rows([1, 2, 1])),
        ("a NULL where there is none", null),
        ("a broken condition", plain_rows(12..15)),
    ];
    for (i, (what, rows)) in cases.into_iter().enumerate() {
        let ticket = claim(&mut *ledger, t, i as u32);
        let mut encoder = engine.encoder(&spec).expect("there is an encoder");
        let mut bytes = Vec::new();
        if let Err(reject) = encoder.encode(&batch(&rows), &mut bytes) {
            assert!(what.contains("NULL"), "{what}: {reject:?}");
            continue;
        }
        loader.begin(&spec, &ticket).expect("a chunk is begun");
        let result = loader
            .write(&bytes)
            .and_then(|()| loader.commit(Loaded::new(rows.len() as u64, 1)).map(|_| ()));
        match result {
            Ok(()) => panic!("{what}: was taken"),
            Err(e) => {
                assert!(
                    matches!(
                        e.kind(),
                        ErrorKind::Constraint | ErrorKind::Conflict | ErrorKind::Value
                    ),
                    "{what}: {e:?}"
                );
                assert_eq!(e.disposition(), Disposition::Definite, "{what}");
            }
        }
        loader
            .rollback()
            .unwrap_or_else(|e| panic!("{what}: {e:?}"));
        assert!(!ledger.done(&ticket).expect("done is known"), "{what}");
        assert_eq!(
            (subject.query)(&url, "select id, v from t"),
            "5\tthere",
            "{what}"
        );
    }
    let ticket = claim(&mut *ledger, t, 9);
    let bytes = encoded(&*engine, &spec, &plain_rows(100..103));
    loader.begin(&spec, &ticket).expect("the loader goes on");
    loader.write(&bytes).expect("rows are written");
    loader
        .commit(Loaded::new(3, 1))
        .expect("the chunk is committed");
    assert_eq!(subject.number(&url, "select count(*) from t"), 4);
}

/// A part goes in or not as a whole, whatever the target has against it, and the chunk goes on either way.
pub fn parts_go_in_or_not_each_by_itself(subject: &Subject) {
    let (url, engine, catalog) = subject.with(
        "create table t (id bigint not null primary key, v varchar(100) not null,
           constraint v_is_short check (v <> 'row 13'));
         insert into t values (5, 'there');",
    );
    let t = table(&catalog, "t");
    let mut ledger = planned(&*engine, t, 2);
    let spec = load_spec(t);
    let mut loader = engine.loader().expect("a loader opens");
    for (chunk, good) in [(0, 30..33), (1, 40..42)] {
        let ticket = claim(&mut *ledger, t, chunk);
        loader.begin(&spec, &ticket).expect("a chunk is begun");
        let mut part = |rows: Vec<Vec<Value>>, fine: bool| {
            let bytes = encoded(&*engine, &spec, &rows);
            match loader.write_apart(rows.len() as u64, &bytes) {
                Ok(()) => assert!(fine, "{rows:?} were taken"),
                Err(e) => assert!(!fine && e.refuses_rows(), "{rows:?}: {e:?}"),
            }
        };
        part(plain_rows(12..15), false);
        part(plain_rows(good.clone()), true);
        // Taken already by this very chunk.
        part(plain_rows(good.start..good.start + 1), false);
        part(plain_rows(4..6), false);
        part(plain_rows([200 + i64::from(chunk)]), true);
        part(plain_rows([1, 1]), false);
        let rows = (good.end - good.start) as u64 + 1;
        loader
            .commit(Loaded::new(rows, 7))
            .expect("the chunk is committed");
        assert!(ledger.done(&ticket).expect("done is known"));
    }
    let ids = (subject.query)(&url, "select id from t order by id");
    let ids: Vec<&str> = ids.split_whitespace().collect();
    assert_eq!(ids, ["5", "30", "31", "32", "40", "41", "200", "201"]);
    // What is not committed is not there.
    let (url, engine, catalog) = subject.with(PLAIN);
    let t = table(&catalog, "t");
    let mut ledger = planned(&*engine, t, 1);
    let spec = load_spec(t);
    let ticket = claim(&mut *ledger, t, 0);
    let mut loader = engine.loader().expect("a loader opens");
    loader.begin(&spec, &ticket).expect("a chunk is begun");
    let bytes = encoded(&*engine, &spec, &plain_rows(0..5));
    loader.write_apart(5, &bytes).expect("a part goes in");
    loader.rollback().expect("a chunk is taken back");
    assert_eq!(subject.number(&url, "select count(*) from t"), 0);
}

/// A late loader checks the foreign keys, and a part that breaks one is refused.
pub fn late_rows_need_their_parents(subject: &Subject) {
    let (url, engine, catalog) = subject.with(
        "create table p (id bigint not null primary key);
         create table t (id bigint not null primary key, v varchar(100) not null, p_id bigint,
           constraint t_p foreign key (p_id) references p (id));
         insert into p values (1);",
    );
    let t = table(&catalog, "t");
    let mut ledger = planned(&*engine, t, 1);
    let spec = load_spec(t);
    let row = |id, parent| {
        vec![vec![
            Value::Int(id),
            Value::Text("child".into()),
            Value::Int(parent),
        ]]
    };
    let ticket = claim(&mut *ledger, t, 0);
    let mut loader = engine.late_loader().expect("a loader opens");
    loader.begin(&spec, &ticket).expect("a chunk is begun");
    let orphan = encoded(&*engine, &spec, &row(1, 7));
    let refused = loader
        .write_apart(1, &orphan)
        .expect_err("there is no parent 7");
    assert!(refused.refuses_rows(), "{refused:?}");
    let child = encoded(&*engine, &spec, &row(2, 1));
    loader.write_apart(1, &child).expect("parent 1 is there");
    loader
        .commit(Loaded::new(1, 1))
        .expect("the chunk is committed");
    assert_eq!((subject.query)(&url, "select id from t"), "2");
}

/// Dropped in the middle, it holds no lock and leaves no row; the chunk can be claimed and loaded again.
pub fn a_dropped_loader_leaves_nothing(subject: &Subject) {
    let (url, engine, catalog) = subject.with(PLAIN);
    let t = table(&catalog, "t");
    let mut ledger = planned(&*engine, t, 1);
    let spec = load_spec(t);
    let bytes = encoded(&*engine, &spec, &plain_rows(0..1000));
    for writes in 0..3 {
        let ticket = claim(&mut *ledger, t, 0);
        let mut loader = engine.loader().expect("a loader opens");
        loader.begin(&spec, &ticket).expect("a chunk is begun");
        for _ in 0..writes.min(1) {
            loader.write(&bytes).expect("rows are written");
        }
        drop(loader);
        assert!(!ledger.done(&ticket).expect("done is known"));
        assert_eq!(subject.number(&url, "select count(*) from t"), 0);
    }
    let ticket = claim(&mut *ledger, t, 0);
    let mut loader = engine.loader().expect("a loader opens");
    loader.begin(&spec, &ticket).expect("a chunk is begun");
    loader.write(&bytes).expect("rows are written");
    loader
        .commit(Loaded::new(1000, 1))
        .expect("the chunk is committed");
    assert_eq!(subject.number(&url, "select count(*) from t"), 1000);
}

/// Taken back, and begun again on the same connection.
pub fn a_rollback_leaves_nothing(subject: &Subject) {
    let (url, engine, catalog) = subject.with(PLAIN);
    let t = table(&catalog, "t");
    let mut ledger = planned(&*engine, t, 1);
    let spec = load_spec(t);
    let mut loader = engine.loader().expect("a loader opens");
    for round in 0..3 {
        let ticket = claim(&mut *ledger, t, 0);
        loader.begin(&spec, &ticket).expect("a chunk is begun");
        // Several writes of one chunk are one load.
        for part in 0..round {
            let bytes = encoded(&*engine, &spec, &plain_rows(part * 10..part * 10 + 10));
            loader.write(&bytes).expect("rows are written");
        }
        loader.rollback().expect("a chunk is taken back");
        assert_eq!(subject.number(&url, "select count(*) from t"), 0);
        assert!(!ledger.done(&ticket).expect("done is known"));
    }
    let ticket = claim(&mut *ledger, t, 0);
    loader.begin(&spec, &ticket).expect("a chunk is begun");
    for part in 0..5 {
        let bytes = encoded(&*engine, &spec, &plain_rows(part * 10..part * 10 + 10));
        loader.write(&bytes).expect("rows are written");
    }
    loader
        .commit(Loaded::new(50, 1))
        .expect("the chunk is committed");
    assert_eq!(subject.number(&url, "select count(*) from t"), 50);
}

/// A chunk without rows is done when it is committed.
pub fn an_empty_chunk_is_done(subject: &Subject) {
    let (url, engine, catalog) = subject.with(PLAIN);
    let t = table(&catalog, "t");
    let mut ledger = planned(&*engine, t, 2);
    let spec = load_spec(t);
    let mut loader = engine.loader().expect("a loader opens");
    for (chunk, bytes) in [(0, None), (1, Some(Vec::new()))] {
        let ticket = claim(&mut *ledger, t, chunk);
        loader.begin(&spec, &ticket).expect("a chunk is begun");
        if let Some(bytes) = bytes {
            let bytes: Vec<u8> = bytes;
            loader.write(&bytes).expect("nothing is written");
        }
        loader
            .commit(Loaded::new(0, 0))
            .expect("an empty chunk is committed");
        assert!(ledger.done(&ticket).expect("done is known"));
    }
    assert_eq!(subject.number(&url, "select count(*) from t"), 0);
}

/// Foreign keys do not stand in the way of a load.
pub fn children_load_before_their_parents(subject: &Subject) {
    let (url, engine, catalog) = subject.with(
        "create table p (id bigint not null primary key);
         create table t (id bigint not null primary key, v varchar(100) not null, p_id bigint,
           constraint t_p foreign key (p_id) references p (id));",
    );
    let t = table(&catalog, "t");
    let mut ledger = planned(&*engine, t, 1);
    let spec = load_spec(t);
    let rows = vec![vec![
        Value::Int(1),
        Value::Text("child".into()),
        Value::Int(7),
    ]];
    let bytes = encoded(&*engine, &spec, &rows);
    let ticket = claim(&mut *ledger, t, 0);
    let mut loader = engine.loader().expect("a loader opens");
    let result = loader
        .begin(&spec, &ticket)
        .and_then(|()| loader.write(&bytes))
        .and_then(|()| loader.commit(Loaded::new(1, 1)).map(|_| ()));
    if let Err(e) = result {
        panic!("a child was refused: {e:?}");
    }
    assert_eq!(subject.number(&url, "select count(*) from t"), 1);
}

/// A reject names row and column, leaves the bytes as they were, and the encoder goes on.
pub fn a_cell_that_does_not_fit_is_rejected_and_the_rest_is_kept(subject: &Subject) {
    let (_, engine, catalog) =
        subject.with("create table t (v varchar(100) not null, id bigint not null primary key);");
    if engine.capabilities().dynamic_types {
        return skip("every column holds every value");
    }
    let spec = load_spec(table(&catalog, "t"));
    let mut encoder = engine.encoder(&spec).expect("there is an encoder");
    let row = |id: Value| vec![Value::Text("x".into()), id];
    let mut out = Vec::new();
    encoder
        .encode(&batch(&[row(Value::Int(1))]), &mut out)
        .expect("a plain row fits");
    let before = out.clone();
    for wrong in [
        Value::Text("no number".into()),
        Value::Bytes(vec![1]),
        Value::UInt(u64::MAX),
        Value::F64(0.5),
        Value::Date(0),
    ] {
        let rows = [
            row(Value::Int(2)),
            row(Value::Int(3)),
            row(wrong.clone()),
            row(Value::Int(4)),
        ];
        let reject = encoder
            .encode(&batch(&rows), &mut out)
            .expect_err("a value of another kind is rejected");
        assert_eq!((reject.row, reject.column), (2, 1), "{wrong:?}: {reject:?}");
        assert!(!reject.reason.is_empty());
        assert!(
            !reject.reason.contains("no number"),
            "the reason holds the value: {reject:?}"
        );
        assert!(out == before, "{wrong:?}: the bytes are as they were");
    }
    let mut again = before.clone();
    encoder
        .encode(&batch(&[row(Value::Int(5))]), &mut out)
        .expect("the encoder goes on");
    let mut fresh = Vec::new();
    engine
        .encoder(&spec)
        .expect("there is an encoder")
        .encode(&batch(&[row(Value::Int(5))]), &mut fresh)
        .expect("a plain row fits");
    assert!(out.len() > before.len() && out.starts_with(&before));
    again.extend_from_slice(&fresh);
    assert!(out.len() <= again.len());
    let mut none = Batch::default();
    none.reset(2);
    let at = out.len();
    encoder
        .encode(&none, &mut out)
        .expect("an empty batch is encoded");
    assert!(out.len() == at, "an empty batch is nothing");
}
