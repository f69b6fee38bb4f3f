//! Rows of both sides brought together by their keys, in bounded memory.
//!
//! A hash join of both sides at once: a row waits until its equal comes from the other side, and then both go.
//! What waits is cut into parts by the hash of the key; where it grows above the bound, the largest part goes to
//! a file, and so does whatever comes later of that part. At the end each file is joined for itself, in the
//! same way. Every row goes one of these ways and is met once, so nothing is lost or told twice. The files have
//! no name and are readable by nobody else; they are gone with the process, however it ends.

use super::differ::Kind;
use limosa_core::{Error, ErrorKind, Result};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};

/// Parts that a join is cut into, as a power of two.
const BITS: u32 = 4;

/// Files within files, at most. With so many the rows of one key would fill the memory.
const DEPTH: u32 = 6;

/// What a waiting row costs beside its bytes, about.
const ENTRY: usize = 96;

/// A row, and how often each side has it.
struct Entry {
    hash: u128,
    times: (u64, u64),
    row: Box<[u8]>,
}

#[derive(Default)]
struct Part {
    groups: HashMap<u128, Vec<Entry>>,
    bytes: usize,
    file: Option<BufWriter<File>>,
}

/// Rows that differ, of one key.
pub(super) struct Met<'r> {
    pub(super) kind: Kind,
    /// The hash of the key, or of the row.
    pub(super) by: u128,
    pub(super) source: Option<&'r [u8]>,
    pub(super) target: Option<&'r [u8]>,
    /// How often each side has it; of a keyed row how often it has it more.
    pub(super) times: (u64, u64),
}

/// See the module.
pub(super) struct Join {
    parts: Vec<Part>,
    held: usize,
    bound: usize,
    depth: u32,
    keyed: bool,
}

fn failed(error: io::Error) -> Error {
    Error::new(
        ErrorKind::File,
        "keeping differing rows in a temporary file",
        error.to_string(),
    )
    .hint("Free space in the folder of temporary files, or name another in TMPDIR.")
}

impl Join {
    /// Holds about `bound` bytes.
    pub(super) fn new(bound: usize, keyed: bool) -> Self {
        Self::at(0, bound, keyed)
    }

    fn at(depth: u32, bound: usize, keyed: bool) -> Self {
        Self {
            parts: (0..1 << BITS).map(|_| Part::default()).collect(),
            held: 0,
            bound,
            depth,
            keyed,
        }
    }

    /// Takes a row of the source, or of the target.
    pub(super) fn add(&mut self, of_source: bool, by: u128, hash: u128, row: &[u8]) -> Result<()> {
        let times = if of_source { (1, 0) } else { (0, 1) };
        self.put(by, hash, times, row)
    }

    fn put(&mut self, by: u128, hash: u128, times: (u64, u64), row: &[u8]) -> Result<()> {
        // The keys' hashes are cut to 96 bits, of which each depth takes its own.
        let place = (by >> (96 - BITS * (self.depth + 1))) as usize % (1 << BITS);
        let part = &mut self.parts[place];
        if let Some(file) = &mut part.file {
            return write(file, by, hash, times, row).map_err(failed);
        }
        let group = part.groups.entry(by).or_default();
        if let Some(at) = group.iter().position(|e| e.hash == hash) {
            let entry = &mut group[at];
            entry.times = (entry.times.0 + times.0, entry.times.1 + times.1);
            if self.keyed && entry.times.0 == entry.times.1 {
                let gone = group.swap_remove(at).row.len() + ENTRY;
                if group.is_empty() {
                    part.groups.remove(&by);
                }
                part.bytes -= gone;
                self.held -= gone;
            }
            return Ok(());
        }
        group.push(Entry {
            hash,
            times,
            row: row.into(),
        });
        part.bytes += row.len() + ENTRY;
        self.held += row.len() + ENTRY;
        if self.held > self.bound && self.depth < DEPTH {
            self.put_away()?;
        }
        Ok(())
    }

    /// Writes the largest part to a file.
    fn put_away(&mut self) -> Result<()> {
        let largest = self.parts.iter_mut().max_by_key(|p| p.bytes);
        let Some(part) = largest.filter(|p| p.bytes > 0) else {
            return Ok(());
        };
        let file = tempfile::tempfile().map_err(failed)?;
        let mut file = BufWriter::with_capacity(64 << 10, file);
        for (by, group) in part.groups.drain() {
            for e in group {
                write(&mut file, by, e.hash, e.times, &e.row).map_err(failed)?;
            }
        }
        part.groups.shrink_to_fit();
        self.held -= std::mem::take(&mut part.bytes);
        part.file = Some(file);
        Ok(())
    }

    /// Shows what was not equal, key by key.
    pub(super) fn finish(mut self, see: &mut dyn FnMut(Met<'_>) -> Result<()>) -> Result<()> {
        for part in &mut self.parts {
            for (by, group) in std::mem::take(&mut part.groups) {
                show(by, &group, self.keyed, see)?;
            }
        }
        for part in self.parts {
            let Some(file) = part.file else { continue };
            let mut file = file.into_inner().map_err(|e| failed(e.into_error()))?;
            file.rewind().map_err(failed)?;
            let mut file = BufReader::with_capacity(64 << 10, file);
            let mut join = Self::at(self.depth + 1, self.bound, self.keyed);
            let mut row = Vec::new();
            while let Some((by, hash, times)) = read(&mut file, &mut row).map_err(failed)? {
                join.put(by, hash, times, &row)?;
            }
            drop(file);
            join.finish(see)?;
        }
        Ok(())
    }
}

/// What is left of one key: pairs of rows that differ, then those that one side has more.
fn show(
    by: u128,
    group: &[Entry],
    keyed: bool,
    see: &mut dyn FnMut(Met<'_>) -> Result<()>,
) -> Result<()> {
    if !keyed {
        for e in group.iter().filter(|e| e.times.0 != e.times.1) {
            see(Met {
                kind: Kind::Count,
                by,
                source: (e.times.0 > 0).then_some(&*e.row),
                target: (e.times.1 > 0).then_some(&*e.row),
                times: e.times,
            })?;
        }
        return Ok(());
    }
    let more = |a: u64, b: u64| a.saturating_sub(b);
    let mut source = group
        .iter()
        .map(|e| (more(e.times.0, e.times.1), &*e.row))
        .filter(|(n, _)| *n > 0);
    let mut target = group
        .iter()
        .map(|e| (more(e.times.1, e.times.0), &*e.row))
        .filter(|(n, _)| *n > 0);
    let (mut s, mut t) = (source.next(), target.next());
    while s.is_some() || t.is_some() {
        let n = match (&s, &t) {
            (Some(a), Some(b)) => a.0.min(b.0),
            (one, other) => one.or(*other).map_or(0, |x| x.0),
        };
        see(Met {
            kind: match (&s, &t) {
                (Some(_), Some(_)) => Kind::Differs,
                (Some(_), None) => Kind::Missing,
                _ => Kind::Extra,
            },
            by,
            source: s.map(|x| x.1),
            target: t.map(|x| x.1),
            times: (s.map_or(0, |_| n), t.map_or(0, |_| n)),
        })?;
        let less = |x: (u64, _)| (x.0 > n).then(|| (x.0 - n, x.1));
        s = s.and_then(less).or_else(|| source.next());
        t = t.and_then(less).or_else(|| target.next());
    }
    Ok(())
}

fn write(
    out: &mut impl Write,
    by: u128,
    hash: u128,
    times: (u64, u64),
    row: &[u8],
) -> io::Result<()> {
    out.write_all(&by.to_le_bytes())?;
    out.write_all(&hash.to_le_bytes())?;
    for n in [times.0, times.1, row.len() as u64] {
        out.write_all(&n.to_le_bytes())?;
    }
    out.write_all(row)
}

type Head = (u128, u128, (u64, u64));

fn read(from: &mut impl Read, row: &mut Vec<u8>) -> io::Result<Option<Head>> {
    let mut by = [0; 16];
    match from.read_exact(&mut by) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut hash = [0; 16];
    from.read_exact(&mut hash)?;
    let mut numbers = [0u64; 3];
    for n in &mut numbers {
        let mut bytes = [0; 8];
        from.read_exact(&mut bytes)?;
        *n = u64::from_le_bytes(bytes);
    }
    row.clear();
    let length = numbers[2];
    if from.take(length).read_to_end(row)? as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some((
        u128::from_le_bytes(by),
        u128::from_le_bytes(hash),
        (numbers[0], numbers[1]),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use limosa_core::canonical::hash;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Told = Vec<(&'static str, Option<Vec<u8>>, Option<Vec<u8>>, (u64, u64))>;

    fn told(bound: usize, keyed: bool, rows: &[(bool, u8, u8)]) -> Told {
        let mut join = Join::new(bound, keyed);
        for (of_source, key, value) in rows {
            let row = [*key, *value];
            let by = if keyed { hash(&[*key]) } else { hash(&row) } >> 32;
            join.add(*of_source, by, hash(&row), &row).unwrap();
        }
        let mut out = Told::new();
        join.finish(&mut |met| {
            let kind = match met.kind {
                Kind::Differs => "differs",
                Kind::Missing => "missing",
                Kind::Extra => "extra",
                Kind::Count => "count",
            };
            out.push((
                kind,
                met.source.map(<[u8]>::to_vec),
                met.target.map(<[u8]>::to_vec),
                met.times,
            ));
            Ok(())
        })
        .unwrap();
        out.sort();
        out
    }

    /// Rows that the source has more often, and those that the target has, by what is told.
    fn more(told: &Told) -> BTreeMap<(Vec<u8>, bool), u64> {
        let mut out = BTreeMap::new();
        for (kind, source, target, times) in told {
            let times = match *kind {
                "count" => (
                    times.0.saturating_sub(times.1),
                    times.1.saturating_sub(times.0),
                ),
                _ => *times,
            };
            for (row, of_source, n) in [(source, true, times.0), (target, false, times.1)] {
                if let (Some(row), true) = (row, n > 0) {
                    *out.entry((row.clone(), of_source)).or_default() += n;
                }
            }
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever the order and however little memory: what is told is what one side has more.
        #[test]
        fn what_is_told_is_what_differs(
            rows in proptest::collection::vec((any::<bool>(), 0u8..12, 0u8..3), 0..200),
            bound in 0usize..4000, keyed: bool
        ) {
            let mut want: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
            for (of_source, key, value) in &rows {
                *want.entry(vec![*key, *value]).or_default() += if *of_source { 1 } else { -1 };
            }
            let want: BTreeMap<(Vec<u8>, bool), u64> = want
                .into_iter()
                .filter(|(_, n)| *n != 0)
                .map(|(row, n)| ((row, n > 0), n.unsigned_abs()))
                .collect();
            let found = told(bound, keyed, &rows);
            prop_assert_eq!(more(&found), want);
            if keyed {
                // No key is both missing and extra: such are pairs.
                for (kind, source, ..) in &found {
                    let key = |r: &Option<Vec<u8>>| r.as_ref().map(|r| r[0]);
                    let torn = *kind == "missing"
                        && found.iter().any(|f| f.0 == "extra" && key(&f.2) == key(source));
                    prop_assert!(!torn);
                }
            }
        }
    }

    #[test]
    fn rows_without_a_key_are_told_with_how_often_each_side_has_them() {
        let rows = [
            (true, 1, 1),
            (false, 1, 1),
            (false, 1, 1),
            (true, 2, 2),
            (false, 2, 2),
        ];
        let found = told(1 << 20, false, &rows);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].3, (1, 2));
    }
}
