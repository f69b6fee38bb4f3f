//! Cutting and reading.

use super::{
    LIMIT, PLAIN, Subject, canonical_read, read, read_canonical, read_open, skip, table, table_read,
};
use limosa_core::batch::BatchLimit;
use limosa_core::chunk::{Chunk, Range};
use limosa_core::engine::{Engine, Snapshot, TableRead};
use limosa_core::value::Value;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A statement list that fills a table, 500 rows each; each row is the SQL of its cells.
fn inserts(table: &str, rows: &[String]) -> String {
    rows.chunks(500)
        .map(|c| format!("insert into {table} values ({});\n", c.join("), (")))
        .collect()
}

const FILLER: &str = "'0123456789012345678901234567890123456789012345678901234567890123456789'";

/// Reads every chunk and makes sure that each row (told by the column `n`) comes once; the same in the canonical form.
fn covered(engine: &dyn Engine, snapshot: &dyn Snapshot, what: &TableRead, rows: usize) -> usize {
    let chunks = snapshot
        .chunks(what, 20_000)
        .unwrap_or_else(|e| panic!("cutting {}: {e:?}", what.table));
    well_formed(&chunks);
    let n = what
        .columns
        .iter()
        .position(|c| c.name == "n")
        .expect("the table has a column n");
    let mut reader = snapshot.reader().expect("a reader opens");
    let mut seen: BTreeMap<i64, u32> = BTreeMap::new();
    let mut largest = 0;
    for chunk in &chunks {
        let got = read(&mut *reader, what, &chunk.range, LIMIT)
            .unwrap_or_else(|e| panic!("reading {chunk:?}: {e:?}"));
        largest = largest.max(got.len());
        for row in got {
            match &row[n] {
                Value::Int(i) => *seen.entry(*i).or_default() += 1,
                other => panic!("column n gave {other:?}"),
            }
        }
    }
    let twice: Vec<_> = seen.iter().filter(|(_, c)| **c != 1).take(5).collect();
    assert!(twice.is_empty(), "{}: read twice: {twice:?}", what.table);
    let missing: Vec<_> = (0..rows as i64)
        .filter(|i| !seen.contains_key(i))
        .take(5)
        .collect();
    assert!(
        missing.is_empty() && seen.len() == rows,
        "{}: {} of {rows} rows were read; not read: {missing:?}; chunks: {:?}",
        what.table,
        seen.len(),
        chunks.iter().take(12).collect::<Vec<_>>()
    );
    drop(reader);
    let catalog = engine.inspect().expect("a catalog can be read");
    let compared = canonical_read(catalog.table(&what.table).expect("the table is there"))
        .expect("plain types can be compared");
    let mut canonicalizer = snapshot.canonicalizer().expect("a canonicalizer opens");
    let mut all = Vec::new();
    for chunk in &chunks {
        all.extend(
            read_canonical(&mut *canonicalizer, &compared, &chunk.range)
                .unwrap_or_else(|e| panic!("reading {chunk:?} canonically: {e:?}")),
        );
    }
    assert_eq!(all.len(), rows, "{}: canonical rows", what.table);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), rows, "{}: distinct canonical rows", what.table);
    if chunks.len() > 1 && rows > 1000 {
        assert!(
            largest <= rows * 6 / 10,
            "{}: the largest of {} chunks holds {largest} of {rows} rows",
            what.table,
            chunks.len()
        );
    }
    chunks.len()
}

/// Numbers from 0, and half-open ranges whose neighbours share their bounds.
fn well_formed(chunks: &[Chunk]) {
    assert!(!chunks.is_empty(), "a table has at least one chunk");
    let mut last: Option<&Range> = None;
    for (i, chunk) in chunks.iter().enumerate() {
        assert_eq!(chunk.id as usize, i, "chunks are numbered from 0");
        match (&chunk.range, last) {
            (Range::All, _) => assert_eq!(chunks.len(), 1, "the whole table is one chunk"),
            (Range::Key { lower, .. }, None) => assert!(lower.is_none(), "the first is open below"),
            (Range::Key { lower, .. }, Some(Range::Key { upper, .. })) => {
                assert!(
                    lower.is_some() && lower == upper,
                    "neighbours share a bound"
                );
            }
            (Range::Physical { from, .. }, Some(Range::Physical { to, .. })) => {
                assert_eq!(Some(*from), *to, "neighbours share a bound");
            }
            (Range::Physical { .. }, None) => {}
            (a, b) => panic!("{a:?} after {b:?}"),
        }
        last = Some(&chunk.range);
    }
    match last {
        Some(Range::Key { upper, .. }) => assert!(upper.is_none(), "the last is open above"),
        Some(Range::Physical { to, .. }) => assert!(to.is_none(), "the last is open above"),
        _ => {}
    }
}

/// Makes the table, cuts it both by key and by place, and reads it.
fn check(subject: &Subject, declaration: &str, rows: &[String]) {
    let (_, engine, catalog) = subject.with(&format!(
        "{declaration};\n{}{};",
        inserts("t", rows),
        subject.analyze.replace("{}", "t")
    ));
    let snapshot = engine.snapshot(1).expect("a snapshot is taken");
    let mut what = table_read(table(&catalog, "t"));
    assert!(!what.key.is_empty(), "{declaration}: the key was inspected");
    let by_key = covered(&*engine, &*snapshot, &what, rows.len());
    assert!(
        by_key > 1 || rows.len() < 1000,
        "{declaration}: {} rows are one chunk",
        rows.len()
    );
    what.physical = true;
    covered(&*engine, &*snapshot, &what, rows.len());
}

/// Dense, negative, huge and skewed integers.
pub fn integer_keys_are_cut_so_that_each_row_is_read_once(subject: &Subject) {
    let declaration = "create table t (id bigint not null primary key, n integer not null, filler varchar(100) not null)";
    let dense: Vec<i64> = (-1500..1500).collect();
    let mut skewed: Vec<i64> = (0..2500).map(|i| 1_000_000 + i).collect();
    skewed.extend([
        i64::MIN,
        i64::MIN + 1,
        -9_000_000_000_000_000_000,
        -1,
        0,
        1,
        9_007_199_254_740_993,
        9_007_199_254_740_992,
        i64::MAX - 1,
        i64::MAX,
    ]);
    for ids in [dense, skewed] {
        let rows: Vec<String> = ids
            .iter()
            .enumerate()
            // The least 64-bit number can not be said as a literal everywhere.
            .map(|(n, id)| match *id {
                i64::MIN => format!("-9223372036854775807 - 1, {n}, {FILLER}"),
                id => format!("{id}, {n}, {FILLER}"),
            })
            .collect();
        check(subject, declaration, &rows);
    }
}

const HEADS: [&str; 22] = [
    "a", "A", "b", "B", "z", "Z", "ä", "Ä", "ß", "ss", "é", "É", "_", "-", " ", "~", "ø", "ı", "I",
    "日", "🦜", "''",
];

/// Texts that sort differently by byte, by language and without case.
pub fn text_keys_are_cut_so_that_each_row_is_read_once(subject: &Subject) {
    for declared in (subject.text_keys)() {
        let rows: Vec<String> = (0..2500)
            .map(|n| format!("'{}{n}', {n}, {FILLER}", HEADS[n % HEADS.len()]))
            .collect();
        check(
            subject,
            &format!(
                "create table t (k {declared} not null primary key, n integer not null, filler varchar(100) not null)"
            ),
            &rows,
        );
    }
}

/// UUIDs, decimals, dates and what else may be a key.
pub fn other_keys_are_cut_so_that_each_row_is_read_once(subject: &Subject) {
    for (declared, value) in subject.other_keys {
        let rows: Vec<String> = (0..2500)
            .map(|n| format!("{}, {n}, {FILLER}", value(n)))
            .collect();
        check(
            subject,
            &format!(
                "create table t (k {declared} not null primary key, n integer not null, filler varchar(100) not null)"
            ),
            &rows,
        );
    }
}

/// Keys of several columns: mixed types, a first column that says little, and one that says almost nothing.
pub fn composite_keys_are_cut_so_that_each_row_is_read_once(subject: &Subject) {
    let text = (subject.text_keys)().pop().expect("text may be a key");
    let declaration = format!(
        "create table t (b {text} not null, n integer not null, a bigint not null, filler varchar(100) not null, primary key (a, b))"
    );
    let few: Vec<String> = (0..2500)
        .map(|n| {
            let head = HEADS[n % HEADS.len()];
            format!("'{head}{n}', {n}, {}, {FILLER}", n as i64 % 7 - 3)
        })
        .collect();
    check(subject, &declaration, &few);
    let one: Vec<String> = (0..2500)
        .map(|n| {
            let a = if n < 2400 { 42 } else { n as i64 - 2450 };
            format!("'{}{n}', {n}, {a}, {FILLER}", HEADS[n % HEADS.len()])
        })
        .collect();
    // The first column is 42 in nearly every row, and the chunks are even nevertheless.
    check(subject, &declaration, &one);
    let three: Vec<String> = (0..2500)
        .map(|n| format!("{}, {}, {}, {n}, {FILLER}", n % 3 - 1, n / 3 % 20, n / 60))
        .collect();
    check(
        subject,
        "create table t (x integer not null, y integer not null, z integer not null, n integer not null, filler varchar(100) not null, primary key (z, x, y))",
        &three,
    );
}

/// Equal rows are all read.
pub fn tables_without_a_key_are_read_whole(subject: &Subject) {
    let rows: Vec<String> = (0..2500).map(|n| format!("{}, {FILLER}", n % 5)).collect();
    let (_, engine, catalog) = subject.with(&format!(
        "create table t (n integer, filler varchar(100));\n{}{};",
        inserts("t", &rows),
        subject.analyze.replace("{}", "t")
    ));
    let snapshot = engine.snapshot(1).expect("a snapshot is taken");
    for physical in [false, true] {
        let mut what = table_read(table(&catalog, "t"));
        assert!(what.key.is_empty());
        what.physical = physical;
        let chunks = snapshot
            .chunks(&what, 20_000)
            .expect("a table without a key is cut, too");
        well_formed(&chunks);
        let mut reader = snapshot.reader().expect("a reader opens");
        let count: usize = chunks
            .iter()
            .map(|c| {
                read(&mut *reader, &what, &c.range, LIMIT)
                    .expect("a chunk is read")
                    .len()
            })
            .sum();
        assert_eq!(count, rows.len(), "physical: {physical}");
    }
}

/// The ends of counting.
pub fn empty_tables_and_single_rows_are_read(subject: &Subject) {
    let (_, engine, catalog) = subject.with(
        "create table none (id bigint not null primary key, n integer);
         create table one (id bigint not null primary key, n integer); insert into one values (-1, 0);
         create table bare (n integer);",
    );
    let snapshot = engine.snapshot(1).expect("a snapshot is taken");
    let mut reader = snapshot.reader().expect("a reader opens");
    for (name, rows) in [("none", 0), ("one", 1), ("bare", 0)] {
        for physical in [false, true] {
            let mut what = table_read(table(&catalog, name));
            what.physical = physical;
            let chunks = snapshot.chunks(&what, 1).expect("an empty table is cut");
            well_formed(&chunks);
            let ranges = chunks.into_iter().map(|c| c.range);
            let by_chunks: usize = ranges
                .map(|r| {
                    read(&mut *reader, &what, &r, LIMIT)
                        .expect("a chunk is read")
                        .len()
                })
                .sum();
            assert_eq!(by_chunks, rows, "{name}");
            let whole = read(&mut *reader, &what, &Range::All, LIMIT).expect("a table is read");
            assert_eq!(whole.len(), rows, "{name}");
        }
    }
}

/// Batches are cut by rows and by bytes, and a chunk may be left before its end.
pub fn a_batch_is_never_longer_than_its_limit(subject: &Subject) {
    let rows: Vec<String> = (0..100).map(|n| format!("{n}, {FILLER}")).collect();
    let (_, engine, catalog) = subject.with(&format!("{PLAIN}{}", inserts("t", &rows)));
    let snapshot = engine.snapshot(1).expect("a snapshot is taken");
    let mut reader = snapshot.reader().expect("a reader opens");
    let what = table_read(table(&catalog, "t"));
    for limit in [
        BatchLimit {
            rows: 7,
            bytes: 1 << 20,
        },
        BatchLimit {
            rows: 1,
            bytes: 1 << 20,
        },
        BatchLimit {
            rows: 1000,
            bytes: 1,
        },
        BatchLimit {
            rows: 1000,
            bytes: 500,
        },
    ] {
        // `read` makes sure of the number of rows in each batch.
        let got = read(&mut *reader, &what, &Range::All, limit).expect("a table is read");
        assert_eq!(got.len(), 100, "{limit:?}");
        let mut batch = limosa_core::batch::Batch::default();
        batch.reset(2);
        reader
            .open(&what, &Range::All, None)
            .expect("a chunk is opened");
        assert!(reader.fill(&mut batch, limit).expect("a chunk is read"));
        // One row may pass the limit of bytes, no second one.
        assert!(
            batch.bytes() <= limit.bytes + 200,
            "{} bytes in a batch of {limit:?}",
            batch.bytes()
        );
        // The next round opens again before the end of this chunk.
    }
}

/// What is written after the snapshot was taken is seen by none of its readers, and by all of the next one's.
pub fn readers_of_one_snapshot_see_one_moment(subject: &Subject) {
    let rows: Vec<String> = (0..500).map(|n| format!("{n}, {FILLER}")).collect();
    let (url, engine, catalog) = subject.with(&format!("{PLAIN}{}", inserts("t", &rows)));
    let what = table_read(table(&catalog, "t"));
    let compared = canonical_read(table(&catalog, "t")).expect("plain types can be compared");
    let snapshot = match engine.snapshot(2) {
        Ok(snapshot) => snapshot,
        Err(e) if e.kind() == limosa_core::ErrorKind::Unsupported => {
            skip(&format!("two lanes: {e}"));
            engine.snapshot(1).expect("a snapshot is taken")
        }
        Err(e) => panic!("{e:?}"),
    };
    let sum = |rows: &[Vec<Value>]| -> i64 {
        rows.iter()
            .map(|r| match r[0] {
                Value::Int(i) => i,
                ref other => panic!("{other:?}"),
            })
            .sum()
    };
    let whole: i64 = (0..500).sum();
    // Before the first reader, even.
    (subject.execute)(
        &url,
        "insert into t values (100000, 'new'); delete from t where id = 7;",
    );
    let mut first = snapshot.reader().expect("a reader opens");
    let got = read(&mut *first, &what, &Range::All, LIMIT).expect("a table is read");
    assert_eq!((got.len(), sum(&got)), (500, whole), "the first reader");
    (subject.execute)(&url, "update t set id = id + 1000000 where id < 100;");
    let mut second = snapshot.reader().expect("a second reader opens");
    let got = read(&mut *second, &what, &Range::All, LIMIT).expect("a table is read");
    assert_eq!((got.len(), sum(&got)), (500, whole), "the second reader");
    (subject.execute)(&url, "delete from t where id >= 200 and id < 300;");
    let got = read(&mut *first, &what, &Range::All, LIMIT).expect("a table is read");
    assert_eq!(
        (got.len(), sum(&got)),
        (500, whole),
        "the first reader, again"
    );
    let chunks = snapshot.chunks(&what, 5_000).expect("a table is cut");
    let mut count = 0;
    for chunk in &chunks {
        count += read(&mut *second, &what, &chunk.range, LIMIT)
            .expect("a chunk is read")
            .len();
    }
    assert_eq!(count, 500, "by chunks");
    if engine.capabilities().snapshot_joinable {
        let mut third = snapshot.reader().expect("a snapshot can be joined");
        let got = read(&mut *third, &what, &Range::All, LIMIT).expect("a table is read");
        assert_eq!((got.len(), sum(&got)), (500, whole), "a third reader");
        let mut canonicalizer = snapshot.canonicalizer().expect("a snapshot can be joined");
        let got = read_canonical(&mut *canonicalizer, &compared, &Range::All)
            .expect("a table is read canonically");
        assert_eq!(got.len(), 500, "a canonicalizer");
    } else {
        skip("more lanes than were said: the snapshot can not be joined");
    }
    drop(first);
    drop(second);
    drop(snapshot);
    let snapshot = engine.snapshot(1).expect("a next snapshot is taken");
    let mut reader = snapshot.reader().expect("a reader opens");
    let got = read(&mut *reader, &what, &Range::All, LIMIT).expect("a table is read");
    let now = subject.number(&url, "select count(*) from t");
    assert_eq!((got.len() as u64, now), (400, 400), "the next snapshot");
}

const PAIRED: &str = "create table t (a bigint not null, b varchar(20) not null, \
     n integer not null, filler varchar(100) not null, primary key (a, b))";

fn paired(count: i64) -> Vec<String> {
    (0..count)
        .map(|n| {
            format!(
                "{}, '{}{}', {n}, {FILLER}",
                n / 7,
                HEADS[(n % 7) as usize],
                n % 7
            )
        })
        .collect()
}

/// Ranges of a key's first column, each with all rows of its bounds, in the canonical form.
pub fn the_first_column_of_a_key_cuts_for_the_comparison(subject: &Subject) {
    let rows = paired(3000);
    let (_, engine, catalog) = subject.with(&format!("{PAIRED};\n{}", inserts("t", &rows)));
    let snapshot = engine.snapshot(1).expect("a snapshot is taken");
    let mut what = table_read(table(&catalog, "t"));
    what.key.truncate(1);
    what.physical = false;
    let chunks = snapshot.chunks(&what, 5_000).expect("a table is cut");
    well_formed(&chunks);
    assert!(chunks.len() > 1, "3,000 rows are one chunk");
    let compared = canonical_read(table(&catalog, "t")).expect("plain types can be compared");
    assert_eq!(compared.key_columns, 2);
    let mut canonicalizer = snapshot.canonicalizer().expect("a canonicalizer opens");
    let mut all = Vec::new();
    for chunk in &chunks {
        let Range::Key { lower, .. } = &chunk.range else {
            panic!("{chunk:?}");
        };
        assert!(lower.as_ref().is_none_or(|l| l.len() == 1), "{chunk:?}");
        let part = read_canonical(&mut *canonicalizer, &compared, &chunk.range);
        all.extend(part.unwrap_or_else(|e| panic!("reading {chunk:?}: {e:?}")));
    }
    assert_eq!(all.len(), 3000);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 3000, "distinct rows");
}

/// A few rows by their keys; keys of no row give none.
pub fn rows_are_found_by_their_keys(subject: &Subject) {
    let rows = paired(700);
    let (_, engine, catalog) = subject.with(&format!("{PAIRED};\n{}", inserts("t", &rows)));
    let snapshot = engine.snapshot(1).expect("a snapshot is taken");
    let compared = canonical_read(table(&catalog, "t")).expect("plain types can be compared");
    let mut canonicalizer = snapshot.canonicalizer().expect("a canonicalizer opens");
    let mut find = |keys: &[Vec<Value>]| {
        canonicalizer
            .open_keys(&compared, keys)
            .expect("keys are asked for");
        let rows = read_open(&mut *canonicalizer).expect("rows are read");
        let mut found: Vec<(String, String, String)> = rows
            .iter()
            .map(|(_, row)| {
                let text = |i: usize| {
                    let cells = limosa_core::canonical::cells(row);
                    String::from_utf8_lossy(cells[i].expect("not null")).into_owned()
                };
                (text(0), text(1), text(2))
            })
            .collect();
        found.sort();
        found
    };
    let key = |a: i64, b: &str| vec![Value::Int(a), Value::Text(b.into())];
    let row = |a: &str, b: &str, n: &str| (a.to_owned(), b.to_owned(), n.to_owned());
    assert_eq!(
        find(&[
            key(0, "a0"),
            key(7, "b2"),
            key(99, "A1"),
            key(3, "'; drop table t; --"),
            key(-1, "a0")
        ]),
        [
            row("0", "a0", "0"),
            row("7", "b2", "51"),
            row("99", "A1", "694")
        ]
    );
    assert!(find(&[key(5, "none")]).is_empty());
    let whole = read_canonical(&mut *canonicalizer, &compared, &Range::All).expect("rows are read");
    assert_eq!(whole.len(), 700, "the next range");
}

/// A later snapshot's position is later.
pub fn positions_grow_with_writes(subject: &Subject) {
    let (url, engine, _) = subject.with(PLAIN);
    let position = || engine.snapshot(1).expect("a snapshot is taken").position();
    let Some(first) = position() else {
        return skip("the engine has no log");
    };
    (subject.execute)(&url, "insert into t values (1, 'x');");
    let second = position().expect("a log stays a log");
    assert_eq!(engine.compare(&first, &first), Some(Ordering::Equal));
    assert_eq!(engine.compare(&first, &second), Some(Ordering::Less));
    assert_eq!(engine.compare(&second, &first), Some(Ordering::Greater));
    let nothing = limosa_core::position::Position("no position of any engine".into());
    assert_eq!(engine.compare(&first, &nothing), None);
}
