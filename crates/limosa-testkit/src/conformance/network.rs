//! Connections that break at every place.

use super::{
    LIMIT, PLAIN, Subject, canonical_read, claim, encoded, load_spec, plain_rows, planned, read,
    read_canonical, skip, table, table_read,
};
use crate::proxy::{Direction, Fault, Proxy};
use limosa_core::chunk::Range;
use limosa_core::engine::Loaded;
use limosa_core::error::{Disposition, ErrorKind};
use std::time::{Duration, Instant};

/// Cuts the connection after each of some numbers of bytes of a commit, in both directions: an error
/// that may be retried means that nothing was written, an answer means that all was, and in between
/// the ledger knows.
pub fn a_lost_commit_answer_never_doubles_or_loses_a_row(subject: &Subject) {
    let Some(port) = subject.port else {
        return skip("there is no connection to cut");
    };
    const ROWS: i64 = 20;
    let (url, direct, catalog) = subject.with(PLAIN);
    let t = table(&catalog, "t");
    let mut ledger = planned(&*direct, t, 32);
    let proxy = Proxy::to(port()).expect("a proxy listens");
    let through = proxy.url(&url);
    let spec = load_spec(t);

    // One healthy commit tells how many bytes it takes.
    let mut cost = [0; 2];
    let mut chunk = 0u32;
    let mut points: Vec<Option<(Direction, u64)>> = vec![None];
    let mut wrong = Vec::new();
    let mut outcomes = Vec::new();
    while let Some(point) = points.pop() {
        proxy.heal();
        (subject.execute)(&url, "delete from t;");
        let ticket = claim(&mut *ledger, t, chunk);
        let engine = subject.open(&through);
        let mut loader = engine.loader().expect("a loader opens");
        let bytes = encoded(&*engine, &spec, &plain_rows(0..ROWS));
        loader.begin(&spec, &ticket).expect("a chunk is begun");
        loader.write(&bytes).expect("rows are written");
        // What was written may still be on its way.
        std::thread::sleep(Duration::from_millis(20));
        let before = proxy.counts();
        if let Some((direction, bytes)) = point {
            let so_far = match direction {
                Direction::ToServer => before.to_server,
                Direction::ToClient => before.to_client,
            };
            proxy.set(&[Fault::CutAllAfter(direction, so_far + bytes)]);
        }
        let begun = Instant::now();
        let result = loader.commit(Loaded::new(ROWS as u64, bytes.len() as u64));
        let took = begun.elapsed();
        // A loader behind a cut must not hang when it is dropped, either.
        drop(loader);
        drop(engine);
        std::thread::sleep(Duration::from_millis(60));
        let done = ledger.done(&ticket).expect("the ledger is read back");
        let rows = subject.number(&url, "select count(*) from t") as i64;
        let after = proxy.counts();
        let kind = result.as_ref().err().map(limosa_core::Error::kind);
        outcomes.push((point, kind, done));
        let holds = rows == if done { ROWS } else { 0 }
            && match &result {
                Ok(_) => done,
                Err(e) => match e.disposition() {
                    Disposition::Transient => !done,
                    Disposition::Ambiguous => true,
                    Disposition::Definite => false,
                },
            };
        if !holds || took > Duration::from_secs(30) {
            wrong.push(format!(
                "cut {point:?}: {result:?} after {took:?}, and the ledger says done = {done}, {rows} rows"
            ));
        }
        if point.is_none() {
            assert!(result.is_ok(), "the healthy commit: {result:?}");
            cost = [
                after.to_server - before.to_server,
                after.to_client - before.to_client,
            ];
            for (direction, bytes) in [
                (Direction::ToServer, cost[0]),
                (Direction::ToClient, cost[1]),
            ] {
                for part in 0..8 {
                    points.push(Some((direction, bytes * part / 7)));
                }
                points.push(Some((direction, bytes.saturating_sub(1))));
            }
        }
        chunk += 1;
    }
    assert!(
        wrong.is_empty(),
        "a commit takes {cost:?} bytes\n{}",
        wrong.join("\n")
    );
    assert!(
        outcomes
            .iter()
            .any(|(_, kind, _)| *kind == Some(ErrorKind::CommitUnknown)),
        "no cut made a commit unknown: {outcomes:?}"
    );
}

/// A reader whose connection ends says so; it never takes the end for the end of the chunk.
pub fn a_cut_connection_never_ends_a_chunk_early(subject: &Subject) {
    let Some(port) = subject.port else {
        return skip("there is no connection to cut");
    };
    const ROWS: usize = 5000;
    let mut sql = String::from(PLAIN);
    for from in (0..ROWS).step_by(500) {
        let rows: Vec<String> = (from..from + 500)
            .map(|i| format!("({i}, 'row {i} of the table, and some more text')"))
            .collect();
        sql.push_str(&format!("insert into t values {};\n", rows.join(",")));
    }
    let (url, _, catalog) = subject.with(&sql);
    let t = table(&catalog, "t");
    let what = table_read(t);
    let compared = canonical_read(t).expect("plain types can be compared");
    let proxy = Proxy::to(port()).expect("a proxy listens");
    let through = proxy.url(&url);
    let formats: Vec<Option<String>> = [None]
        .into_iter()
        .chain(subject.open(&url).wire_out(&what).into_iter().map(Some))
        .collect();

    for way in 0..=formats.len() {
        let mut cost = 0;
        let mut points = vec![None];
        while let Some(point) = points.pop() {
            proxy.heal();
            let engine = subject.open(&through);
            let snapshot = engine.snapshot(1).expect("a snapshot is taken");
            let before = proxy.counts().to_client;
            let rows = |cut: &dyn Fn()| -> limosa_core::Result<usize> {
                match formats.get(way) {
                    Some(None) => {
                        let mut reader = snapshot.reader()?;
                        cut();
                        Ok(read(&mut *reader, &what, &Range::All, LIMIT)?.len())
                    }
                    Some(Some(format)) => {
                        let mut reader = snapshot.reader()?;
                        cut();
                        reader.open(&what, &Range::All, Some(format))?;
                        let (mut out, mut rows) = (Vec::new(), 0);
                        loop {
                            let (n, more) = reader.fill_wire(&mut out, 4000)?;
                            rows += n as usize;
                            if !more {
                                return Ok(rows);
                            }
                        }
                    }
                    None => {
                        let mut reader = snapshot.canonicalizer()?;
                        cut();
                        Ok(read_canonical(&mut *reader, &compared, &Range::All)?.len())
                    }
                }
            };
            let begun = Instant::now();
            let result = rows(&|| {
                if let Some(bytes) = point {
                    let so_far = proxy.counts().to_client;
                    proxy.set(&[Fault::CutAllAfter(Direction::ToClient, so_far + bytes)]);
                }
            });
            assert!(begun.elapsed() < Duration::from_secs(30), "{result:?}");
            match (point, result) {
                (None, result) => {
                    assert_eq!(result.expect("a healthy reader reads"), ROWS);
                    cost = proxy.counts().to_client - before;
                    points.extend([0, 1, cost / 10, cost / 2, cost * 8 / 10].map(Some));
                }
                (Some(bytes), Ok(rows)) => {
                    assert_eq!(
                        rows, ROWS,
                        "cut after {bytes} of {cost} bytes, and the chunk ended as if whole"
                    );
                }
                (Some(bytes), Err(e)) => assert!(
                    matches!(e.kind(), ErrorKind::Connection | ErrorKind::SnapshotLost),
                    "cut after {bytes} of {cost} bytes: {e:?}"
                ),
            }
        }
    }
}
