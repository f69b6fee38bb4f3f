//! Values: read, encoded, loaded, and read again.

use super::{
    LIMIT, Subject, TypeCase, batch, canonical_read, claim, load_spec, read, read_canonical, table,
    table_read,
};
use crate::hostile::same;
use limosa_core::canonical::{self, Form};
use limosa_core::chunk::{Chunk, Range};
use limosa_core::engine::{
    Ack, CanonicalRead, Canonicalizer, Engine, Ledger, LoadSpec, Loaded, Loader,
};
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
    /// What the source's reader gave for each case, by key.
    rows: Vec<Result<Rows, String>>,
    loader: Option<Box<dyn Loader>>,
    wrong: Vec<String>,
}

type Rows = Vec<Vec<Value>>;

/// What an unwinding panic said.
fn caught<T>(part: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(AssertUnwindSafe(part)).map_err(|words| {
        let words = words
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| words.downcast_ref::<&str>().map(|s| (*s).to_owned()))
            .unwrap_or_default();
        words.chars().take(1500).collect()
    })
}

/// Reads each table whole, by key, through one reader of one snapshot; a reader that failed is replaced.
fn read_each<'a>(
    engine: &dyn Engine,
    tables: impl Iterator<Item = &'a Table>,
) -> Vec<Result<Rows, String>> {
    let snapshot = engine.snapshot(1).expect("a snapshot is taken");
    let mut reader = None;
    tables
        .map(|t| {
            caught(|| {
                let mut open = reader
                    .take()
                    .unwrap_or_else(|| snapshot.reader().expect("a reader opens"));
                let rows = read(&mut *open, &table_read(t), &Range::All, LIMIT)
                    .unwrap_or_else(|e| panic!("reading: {e:?}"));
                reader = Some(open);
                sorted(rows)
            })
        })
        .collect()
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
        let rows = read_each(&*source, cases.iter().map(|(a, _, _)| a));
        Self {
            subject: *subject,
            source_url,
            source,
            target_url,
            target,
            ledger,
            cases,
            rows,
            loader: None,
            wrong: Vec::new(),
        }
    }

    /// Notes a failure of a case.
    fn blame(&mut self, case: usize, words: &str) {
        let (a, _, c) = &self.cases[case];
        let ty = a.column("v").map_or(String::new(), |c| c.ty.to_string());
        self.wrong.push(format!("{} ({ty}): {words}", c.declared));
    }

    /// Runs a part for each case. Gives the cases that went well and what the part gave.
    fn each<T>(
        &mut self,
        mut part: impl FnMut(&mut Pair, usize, &Table, &Table) -> T,
    ) -> Vec<(usize, T)> {
        let mut well = Vec::new();
        for case in 0..self.cases.len() {
            let (a, b, _) = self.cases[case].clone();
            match caught(|| part(self, case, &a, &b)) {
                Ok(answer) => well.push((case, answer)),
                Err(words) => {
                    // What failed may have left it in the middle of a chunk.
                    self.loader = None;
                    self.blame(case, &words);
                }
            }
        }
        well
    }

    /// Tells all failures at once.
    fn end(self) {
        assert!(
            self.wrong.is_empty(),
            "{} failures:\n{}",
            self.wrong.len(),
            self.wrong.join("\n")
        );
    }

    fn rows(&self, case: usize) -> &Rows {
        self.rows[case].as_ref().unwrap_or_else(|e| panic!("{e}"))
    }

    fn load(&mut self, chunk: u32, table: &Table, spec: &LoadSpec, rows: u64, bytes: &[u8]) {
        let ticket = claim(&mut *self.ledger, table, chunk);
        let mut loader = self
            .loader
            .take()
            .unwrap_or_else(|| self.target.loader().expect("a loader opens"));
        loader
            .begin(spec, &ticket)
            .unwrap_or_else(|e| panic!("beginning: {e:?}"));
        loader
            .write(bytes)
            .unwrap_or_else(|e| panic!("writing: {e:?}"));
        let ack = loader
            .commit(Loaded::new(rows, bytes.len() as u64))
            .unwrap_or_else(|e| panic!("committing: {e:?}"));
        assert_eq!(ack, Ack::Durable);
        self.loader = Some(loader);
    }

    /// Loads what was read, by the encoder.
    fn load_encoded(&mut self) -> Vec<usize> {
        let well = self.each(|pair, case, _, b| {
            let rows = pair.rows(case).clone();
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
        });
        well.into_iter().map(|(case, ())| case).collect()
    }

    /// What the database says of the column in each table.
    fn said(&self, url: &str, which: &[usize]) -> Vec<String> {
        let sql = |case: usize| {
            format!(
                "select id, {} from t_{case} order by id;\n",
                self.subject.oracle
            )
        };
        if self.subject.port.is_none() {
            return which
                .iter()
                .map(|c| (self.subject.query)(url, &sql(*c)))
                .collect();
        }
        const MARK: &str = "--- the next table ---";
        let script: String = which
            .iter()
            .map(|c| format!("select '{MARK}';\n{}", sql(*c)))
            .collect();
        (self.subject.query)(url, &script)
            .split(MARK)
            .skip(1)
            .map(|t| t.trim_matches('\n').to_owned())
            .collect()
    }

    /// Both databases say the same of these cases, and our reader does, too.
    fn compare(&mut self, which: &[usize]) {
        let (x, y) = (
            self.said(&self.source_url, which),
            self.said(&self.target_url, which),
        );
        assert_eq!((x.len(), y.len()), (which.len(), which.len()));
        let tables = which.iter().map(|c| &self.cases[*c].1);
        let again = read_each(&*self.target, tables);
        for (i, case) in which.iter().copied().enumerate() {
            let respelled = self.cases[case].2.respelled;
            if x[i] != y[i] && !respelled {
                let line = x[i].lines().zip(y[i].lines()).find(|(a, b)| a != b);
                self.blame(
                    case,
                    &format!(
                        "the source and the target say: {line:?} ({} and {} lines)",
                        x[i].lines().count(),
                        y[i].lines().count()
                    ),
                );
                continue;
            }
            let differ = match &again[i] {
                Err(e) => Some(e.clone()),
                Ok(got) if got.len() != self.rows(case).len() => {
                    Some(format!("{} rows came back", got.len()))
                }
                Ok(got) => self
                    .rows(case)
                    .iter()
                    .zip(got)
                    .find(|(a, b)| !same(&a[1], &b[1]))
                    .map(|(a, b)| {
                        format!(
                            "read from the source {:?}, from the target {:?}",
                            a[1], b[1]
                        )
                    }),
            };
            if let Some(words) = differ {
                self.blame(case, &words);
            }
        }
    }
}

fn sorted(mut rows: Rows) -> Rows {
    rows.sort_by_key(|r| match r[0] {
        Value::Int(i) => i,
        ref other => panic!("an integer key gave {other:?}"),
    });
    rows
}

/// Reader, encoder, loader, reader: what the database says, and what is read, is the same; and it is what was meant.
pub fn every_type_comes_back_as_it_was(subject: &Subject) {
    let mut pair = Pair::make(subject);
    pair.each(|pair, index, _, _| {
        let (rows, case) = (pair.rows(index), &pair.cases[index].2);
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
    });
    let well = pair.load_encoded();
    pair.compare(&well);
    pair.end();
}

/// The same without looking at the values, where both ends speak the same.
pub fn every_type_passes_unparsed_as_it_was(subject: &Subject) {
    let mut pair = Pair::make(subject);
    let mut passed = 0;
    for number in 0..FORMATS as usize {
        let snapshot = pair.source.snapshot(1).expect("a snapshot is taken");
        let mut reader = None;
        let well = pair.each(|pair, case, a, b| {
            // The columns as they are, not as JSON for others.
            let what = table_read(a);
            let mut spec = load_spec(b);
            let format = pair.source.wire_out(&what).into_iter().nth(number)?;
            if !pair.target.wire_in(&spec, &format) {
                return None;
            }
            let mut open = reader
                .take()
                .unwrap_or_else(|| snapshot.reader().expect("a reader opens"));
            let (mut bytes, mut rows) = (Vec::new(), 0);
            open.open(&what, &Range::All, Some(&format))
                .unwrap_or_else(|e| panic!("opening as {format}: {e:?}"));
            loop {
                let (n, more) = open
                    .fill_wire(&mut bytes, 1000)
                    .unwrap_or_else(|e| panic!("reading as {format}: {e:?}"));
                rows += n;
                if !more {
                    break;
                }
            }
            reader = Some(open);
            let want = pair.cases[case].2.values.len() as u64 + 1;
            assert_eq!(rows, want, "rows as {format}");
            spec.wire = Some(format);
            pair.load(number as u32, b, &spec, rows, &bytes);
            Some(())
        });
        drop(reader);
        drop(snapshot);
        let well: Vec<usize> = well
            .into_iter()
            .filter_map(|(case, passed)| passed.map(|()| case))
            .collect();
        if well.is_empty() {
            break;
        }
        passed += well.len();
        pair.compare(&well);
        // The loader holds nothing between chunks.
        let clear: String = well
            .iter()
            .map(|c| format!("delete from t_{c};\n"))
            .collect();
        (pair.subject.execute)(&pair.target_url, &clear);
    }
    if passed == 0 {
        super::skip("no column has a wire format that the target takes");
    }
    pair.end();
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
    let well = pair.load_encoded();
    let source = pair.source.snapshot(1).expect("a snapshot is taken");
    let target = pair.target.snapshot(1).expect("a snapshot is taken");
    let mut lanes = None;
    pair.each(|pair, case, a, b| {
        if !well.contains(&case) {
            return;
        }
        let (Ok(x), Ok(y)) = (canonical_read(a), canonical_read(b)) else {
            return super::skip(&format!(
                "{} can not be compared",
                pair.cases[case].2.declared
            ));
        };
        let form = x.columns[1].form;
        let (mut from, mut to) = lanes.take().unwrap_or_else(|| {
            (
                source.canonicalizer().expect("a canonicalizer opens"),
                target.canonicalizer().expect("a canonicalizer opens"),
            )
        });
        let x = canonical_rows(&mut *from, &x);
        let y = canonical_rows(&mut *to, &y);
        lanes = Some((from, to));
        alike(pair.rows(case), &x, &y, form);
    });
    drop((lanes, source, target));
    pair.end();
}

/// All rows of a table, by key.
fn canonical_rows(lane: &mut dyn Canonicalizer, what: &CanonicalRead) -> Vec<Vec<u8>> {
    let mut rows = read_canonical(lane, what, &Range::All)
        .unwrap_or_else(|e| panic!("reading canonically: {e:?}"));
    rows.sort_by_key(|(key, _)| {
        let cells = canonical::cells(key);
        assert_eq!(cells.len(), 1, "the key has one cell");
        String::from_utf8_lossy(cells[0].expect("a key is not NULL"))
            .parse::<i64>()
            .expect("the key is an integer")
    });
    rows.into_iter().map(|(_, row)| row).collect()
}

fn shown(row: &[u8]) -> String {
    let cells = canonical::cells(row);
    let cells = cells.iter().map(|c| {
        c.map_or("NULL".into(), |c| {
            String::from_utf8_lossy(&c[..c.len().min(200)])
        })
    });
    cells.collect::<Vec<_>>().join(" | ")
}

/// Both sides say the same, it is what the values are, and what differs is said differently.
fn alike(rows: &Rows, x: &[Vec<u8>], y: &[Vec<u8>], form: Form) {
    assert_eq!(
        (x.len(), y.len()),
        (rows.len(), rows.len()),
        "canonical rows"
    );
    for ((p, q), row) in x.iter().zip(y).zip(rows) {
        assert!(
            p == q,
            "canonically {} in the source and {} in the target ({:?})",
            shown(p),
            shown(q),
            row[1]
        );
        let cells = canonical::cells(p);
        assert_eq!(cells.len(), 2, "cells of a row");
        match (&row[1], cells[1]) {
            (Value::Null, None) => {}
            (Value::Null, Some(_)) | (_, None) => {
                panic!("{:?} is canonically {}", row[1], shown(p))
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
    // Forms in which several spellings are one value.
    let folds = matches!(
        form,
        Form::Decimal | Form::Json | Form::PaddedText | Form::Set | Form::Boolean | Form::Uuid
    );
    for i in 0..rows.len() {
        for j in 0..i {
            if canonical::cells(&x[i])[1] == canonical::cells(&x[j])[1] {
                assert!(
                    folds || rows[i][1] == rows[j][1] || same(&rows[i][1], &rows[j][1]),
                    "{:?} and {:?} are canonically the same",
                    rows[i][1],
                    rows[j][1]
                );
            }
        }
    }
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
