//! Values: read, encoded, loaded, and read again.

use super::{
    LIMIT, Subject, TypeCase, batch, canonical_read, claim, load_spec, read, read_canonical, table,
    table_read,
};
use crate::hostile::same;
use limosa_core::canonical::{self, Form};
use limosa_core::chunk::{Chunk, Range};
use limosa_core::engine::{Ack, Engine, Ledger, LoadSpec};
use limosa_core::schema::{Catalog, Table};
use limosa_core::value::Value;
use std::panic::AssertUnwindSafe;

/// Statements that make one table of each case, `t_0`, `t_1`, …
fn declarations(cases: &[TypeCase]) -> String {
    cases
        .iter()
        .enumerate()
        .map(|(i, case)| {
            format!(
                "{}create table t_{i} (id bigint not null primary key, v {});\n",
                case.before
                    .as_ref()
                    .map_or(String::new(), |b| format!("{b};\n")),
                case.declared
            )
        })
        .collect()
}

/// Its URL, its engine, its catalog, and the name of the table of each case.
type Made = (String, Box<dyn Engine>, Catalog, Vec<(String, TypeCase)>);

/// A database with one filled table of each case. The last row of each is NULL.
pub(super) fn made(subject: &Subject) -> Made {
    let cases = (subject.types)();
    let mut sql = declarations(&cases);
    for (i, case) in cases.iter().enumerate() {
        for (n, (literal, _)) in case.values.iter().enumerate() {
            sql.push_str(&format!("insert into t_{i} values ({n}, {literal});\n"));
        }
        sql.push_str(&format!("insert into t_{i} values (1000, null);\n"));
    }
    let (url, engine, catalog) = subject.with(&sql);
    let named = cases
        .into_iter()
        .enumerate()
        .map(|(i, c)| (format!("t_{i}"), c))
        .collect();
    (url, engine, catalog, named)
}

/// Loads of one table, at most: one chunk each.
const FORMATS: u32 = 4;

/// Source and target of the same declarations, the target empty and its chunks planned.
struct Pair {
    subject: Subject,
    source_url: String,
    source: Box<dyn Engine>,
    target_url: String,
    target: Box<dyn Engine>,
    ledger: Box<dyn Ledger>,
    cases: Vec<(Table, Table, TypeCase)>,
}

impl Pair {
    fn make(subject: &Subject) -> Self {
        let (source_url, source, catalog, cases) = made(subject);
        let only: Vec<TypeCase> = cases.iter().map(|(_, c)| c.clone()).collect();
        let (target_url, target, target_catalog) = subject.with(&declarations(&only));
        let mut ledger = target.ledger().expect("the ledger opens");
        ledger
            .install(super::RUN, "hash")
            .expect("the ledger is installed");
        ledger
            .acquire(super::RUN, super::HOLDER, false)
            .expect("the lease is free");
        let cases: Vec<_> = cases
            .into_iter()
            .map(|(name, case)| {
                let a = table(&catalog, &name).clone();
                let b = table(&target_catalog, &name).clone();
                (a, b, case)
            })
            .collect();
        for (_, b, _) in &cases {
            let chunks: Vec<Chunk> = (0..FORMATS)
                .map(|id| Chunk {
                    id,
                    range: Range::All,
                })
                .collect();
            ledger
                .plan_table(super::RUN, &b.name, "", &chunks)
                .expect("the chunks are written down");
        }
        Self {
            subject: *subject,
            source_url,
            source,
            target_url,
            target,
            ledger,
            cases,
        }
    }

    fn load(&mut self, chunk: u32, table: &Table, spec: &LoadSpec, rows: u64, bytes: &[u8]) {
        let ticket = claim(&mut *self.ledger, table, chunk);
        let mut loader = self.target.loader().expect("a loader opens");
        loader
            .begin(spec, &ticket)
            .unwrap_or_else(|e| panic!("beginning: {e:?}"));
        loader
            .write(bytes)
            .unwrap_or_else(|e| panic!("writing: {e:?}"));
        let ack = loader
            .commit(rows, bytes.len() as u64)
            .unwrap_or_else(|e| panic!("committing: {e:?}"));
        assert_eq!(ack, Ack::Durable);
    }

    /// Both databases say the same of the column, and our reader does, too.
    fn equal(&self, a: &Table, b: &Table) {
        let sql = format!(
            "select id, {} from {} order by id",
            self.subject.oracle, a.name.name
        );
        let (x, y) = (
            (self.subject.query)(&self.source_url, &sql),
            (self.subject.query)(&self.target_url, &sql),
        );
        assert!(x == y, "the source says:\n{x}\nthe target says:\n{y}");
        let values = |engine: &dyn Engine, t: &Table| {
            let snapshot = engine.snapshot(1).expect("a snapshot is taken");
            let mut reader = snapshot.reader().expect("a reader opens");
            sorted(
                read(&mut *reader, &table_read(t), &Range::All, LIMIT)
                    .unwrap_or_else(|e| panic!("reading: {e:?}")),
            )
        };
        for (x, y) in values(&*self.source, a)
            .iter()
            .zip(values(&*self.target, b))
        {
            assert!(
                same(&x[1], &y[1]),
                "read from the source {:?}, from the target {:?}",
                x[1],
                y[1]
            );
        }
    }
}

fn sorted(mut rows: Vec<Vec<Value>>) -> Vec<Vec<Value>> {
    rows.sort_by_key(|r| match r[0] {
        Value::Int(i) => i,
        ref other => panic!("an integer key gave {other:?}"),
    });
    rows
}

/// Runs a part for each case and tells all failures at once.
fn each(pair: &mut Pair, mut part: impl FnMut(&mut Pair, &Table, &Table, &TypeCase)) {
    let cases = std::mem::take(&mut pair.cases);
    let mut wrong = Vec::new();
    for (a, b, case) in &cases {
        let caught = std::panic::catch_unwind(AssertUnwindSafe(|| part(pair, a, b, case)));
        if let Err(words) = caught {
            let words = words
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| words.downcast_ref::<&str>().map(|s| (*s).to_owned()))
                .unwrap_or_default();
            wrong.push(format!(
                "{} ({}): {}",
                case.declared,
                a.column("v").map_or(String::new(), |c| c.ty.to_string()),
                words.chars().take(1500).collect::<String>()
            ));
        }
    }
    pair.cases = cases;
    assert!(
        wrong.is_empty(),
        "{} types:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Reader, encoder, loader, reader: what the database says, and what is read, is the same; and it is what was meant.
pub fn every_type_comes_back_as_it_was(subject: &Subject) {
    let mut pair = Pair::make(subject);
    each(&mut pair, |pair, a, b, case| {
        let rows = {
            let snapshot = pair.source.snapshot(1).expect("a snapshot is taken");
            let mut reader = snapshot.reader().expect("a reader opens");
            sorted(
                read(&mut *reader, &table_read(a), &Range::All, LIMIT)
                    .unwrap_or_else(|e| panic!("reading: {e:?}")),
            )
        };
        assert_eq!(rows.len(), case.values.len() + 1, "rows");
        for (row, (literal, want)) in rows.iter().zip(&case.values) {
            if let Some(want) = want {
                assert!(
                    same(&row[1], want),
                    "{literal} was read as {:?}, not {want:?}",
                    row[1]
                );
            }
        }
        assert_eq!(rows[rows.len() - 1][1], Value::Null);
        let spec = load_spec(b);
        let mut encoder = pair
            .target
            .encoder(&spec)
            .unwrap_or_else(|e| panic!("making the encoder: {e:?}"));
        let mut bytes = Vec::new();
        encoder
            .encode(&batch(&rows), &mut bytes)
            .unwrap_or_else(|r| panic!("rejected: {r:?}: {:?}", rows.get(r.row as usize)));
        pair.load(0, b, &spec, rows.len() as u64, &bytes);
        pair.equal(a, b);
    });
}

/// The same without looking at the values, where both ends speak the same.
pub fn every_type_passes_unparsed_as_it_was(subject: &Subject) {
    let mut pair = Pair::make(subject);
    let mut passed = 0;
    each(&mut pair, |pair, a, b, case| {
        let what = table_read(a);
        let mut spec = load_spec(b);
        for (number, format) in pair.source.wire_out(&what).into_iter().enumerate() {
            if !pair.target.wire_in(&spec, &format) {
                continue;
            }
            passed += 1;
            let mut bytes = Vec::new();
            let mut rows = 0;
            {
                let snapshot = pair.source.snapshot(1).expect("a snapshot is taken");
                let mut reader = snapshot.reader().expect("a reader opens");
                reader
                    .open(&what, &Range::All, Some(&format))
                    .unwrap_or_else(|e| panic!("opening as {format}: {e:?}"));
                loop {
                    let (n, more) = reader
                        .fill_wire(&mut bytes, 1000)
                        .unwrap_or_else(|e| panic!("reading as {format}: {e:?}"));
                    rows += n;
                    if !more {
                        break;
                    }
                }
            }
            assert_eq!(rows, case.values.len() as u64 + 1, "rows as {format}");
            spec.wire = Some(format.clone());
            (pair.subject.execute)(&pair.target_url, &format!("delete from {};", b.name.name));
            pair.load(number as u32, b, &spec, rows, &bytes);
            pair.equal(a, b);
        }
    });
    if passed == 0 {
        super::skip("no column has a wire format that the target takes");
    }
}

/// The canonical cell that a value must have in a form, where that is plain.
fn expected(value: &Value, form: Form) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    match (value, form) {
        (Value::Bool(b), Form::Boolean) => out.push(b'0' + u8::from(*b)),
        (Value::Int(i), Form::Integer | Form::Decimal) => out.extend(i.to_string().bytes()),
        (Value::UInt(u), Form::Integer | Form::Decimal) => out.extend(u.to_string().bytes()),
        (Value::Decimal(d), Form::Decimal) => canonical::decimal(&mut out, d.as_bytes()),
        (Value::F64(f), Form::Double) => canonical::double(&mut out, *f),
        (Value::F32(f), Form::Single) => canonical::single(&mut out, *f),
        (Value::Text(t), Form::Text) => out.extend(t.bytes()),
        (Value::Text(t), Form::PaddedText) => out.extend(t.trim_end_matches(' ').bytes()),
        (Value::Bytes(b), Form::Bytes) => out.extend(b),
        (Value::Json(j), Form::Json) => canonical::json(&mut out, j.as_bytes()),
        (Value::Uuid(u), Form::Uuid) => limosa_core::notation::write_uuid(&mut out, u),
        (Value::Bits(n, b), Form::Bits) => limosa_core::notation::write_bits(&mut out, *n, b),
        _ => return None,
    }
    Some(out)
}

/// What the canonicalizer says is what the values are, and the same for a copy.
pub fn every_type_has_one_canonical_form(subject: &Subject) {
    let mut pair = Pair::make(subject);
    each(&mut pair, |pair, a, b, case| {
        let canonical = match canonical_read(a) {
            Ok(canonical) => canonical,
            Err(e) => return super::skip(&format!("{}: {e}", case.declared)),
        };
        let form = canonical.columns[1].form;
        let rows = {
            let snapshot = pair.source.snapshot(1).expect("a snapshot is taken");
            let mut reader = snapshot.reader().expect("a reader opens");
            sorted(
                read(&mut *reader, &table_read(a), &Range::All, LIMIT)
                    .unwrap_or_else(|e| panic!("reading: {e:?}")),
            )
        };
        let spec = load_spec(b);
        let bytes = super::encoded(&*pair.target, &spec, &rows);
        pair.load(0, b, &spec, rows.len() as u64, &bytes);
        let said = |engine: &dyn Engine, t: &Table| {
            let snapshot = engine.snapshot(1).expect("a snapshot is taken");
            let mut canonicalizer = snapshot.canonicalizer().expect("a canonicalizer opens");
            let what = canonical_read(t).expect("the other side can");
            let mut rows = read_canonical(&mut *canonicalizer, &what, &Range::All)
                .unwrap_or_else(|e| panic!("reading canonically: {e:?}"));
            rows.sort_by_key(|(key, _)| {
                let cells = canonical::cells(key);
                assert_eq!(cells.len(), 1, "the key has one cell");
                String::from_utf8_lossy(cells[0].expect("a key is not NULL"))
                    .parse::<i64>()
                    .expect("the key is an integer")
            });
            rows
        };
        let (x, y) = (said(&*pair.source, a), said(&*pair.target, b));
        let shown = |r: &[u8]| {
            canonical::cells(r)
                .iter()
                .map(|c| {
                    c.map_or("NULL".into(), |c| {
                        String::from_utf8_lossy(&c[..c.len().min(200)]).into_owned()
                    })
                })
                .collect::<Vec<_>>()
                .join(" | ")
        };
        assert_eq!(x.len(), rows.len(), "canonical rows");
        for ((p, q), row) in x.iter().zip(&y).zip(&rows) {
            assert!(
                p == q,
                "canonically {} in the source and {} in the target ({:?})",
                shown(&p.1),
                shown(&q.1),
                row[1]
            );
            let cells = canonical::cells(&p.1);
            assert_eq!(cells.len(), 2, "cells of a row");
            match (&row[1], cells[1]) {
                (Value::Null, None) => {}
                (Value::Null, Some(_)) | (_, None) => {
                    panic!("{:?} is canonically {}", row[1], shown(&p.1))
                }
                (value, Some(cell)) => {
                    if let Some(want) = expected(value, form) {
                        assert!(
                            cell == want,
                            "{value:?} is canonically {}, not {}",
                            String::from_utf8_lossy(cell),
                            String::from_utf8_lossy(&want)
                        );
                    }
                }
            }
        }
        // Values that differ are said differently, or the reader gives the same for them, too.
        for i in 0..rows.len() {
            for j in 0..i {
                if canonical::cells(&x[i].1)[1] == canonical::cells(&x[j].1)[1] {
                    let alike = same(&rows[i][1], &rows[j][1])
                        || matches!(
                            form,
                            Form::Decimal | Form::Json | Form::PaddedText | Form::Set
                        )
                        || rows[i][1] == rows[j][1];
                    assert!(
                        alike,
                        "{:?} and {:?} are canonically the same",
                        rows[i][1], rows[j][1]
                    );
                }
            }
        }
    });
}

/// One planted change is seen in exactly one row.
pub fn a_changed_value_changes_one_canonical_row(subject: &Subject) {
    let (url, engine, catalog) = subject.with(
        "create table t (id bigint not null primary key, a varchar(20), b varchar(20), f double precision);
         insert into t values (1, 'a|b', 'c', 0.1), (2, null, '', 1e-17), (3, 'x', null, -1), (4, 'ä', ' ', 0);",
    );
    let what = canonical_read(table(&catalog, "t")).expect("plain types can be compared");
    let all = || {
        let snapshot = engine.snapshot(1).expect("a snapshot is taken");
        let mut canonicalizer = snapshot.canonicalizer().expect("a canonicalizer opens");
        let mut rows = read_canonical(&mut *canonicalizer, &what, &Range::All)
            .unwrap_or_else(|e| panic!("{e:?}"));
        rows.sort();
        rows
    };
    let mut before = all();
    assert_eq!(before.len(), 4);
    for change in [
        "update t set a = 'a', b = 'b|c' where id = 1",
        "update t set a = '' where id = 2",
        "update t set f = 2e-17 where id = 2",
        "update t set a = null, b = 'x' where id = 3",
        "update t set f = -1.0000000000000002 where id = 3",
        "update t set b = '' where id = 4",
        "update t set a = 'Ä' where id = 4",
        "update t set b = null where id = 4",
    ] {
        (subject.execute)(&url, change);
        let after = all();
        let differ = before
            .iter()
            .zip(&after)
            .filter(|(x, y)| x.1 != y.1)
            .count();
        assert_eq!(differ, 1, "{change}");
        before = after;
    }
}
