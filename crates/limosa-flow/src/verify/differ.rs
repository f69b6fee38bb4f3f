//! Which rows differ, how many, and in which columns.
//!
//! The one pass over a range leaves a table of differences ([`super::sketch`]). Where it has room for
//! them all, they are known, each with its key if that is short, and nothing is read again but the rows
//! that will be named, by their keys. Where it has not, that range alone is read again with a table
//! of the size that is needed; where that is more than the memory allows, in several parts, by the
//! hash of the key. So memory has one bound whatever the number of differences, and the count is
//! exact; after [`READS`] of one range it stops, and the report says "at least".

use super::side::{Row, Which, both};
use super::sketch::{self, CELL, Element, Overfull, ShortKey, Sketch, cut};
use super::table::{Lane, Shared, Table, Tally};
use crate::outcome::Difference;
use crate::retry::again;
use limosa_core::canonical::{Form, cells, hash};
use limosa_core::engine::{CanonicalColumn, CanonicalRead};
use limosa_core::value::Value;
use limosa_core::{ErrorKind, Result};
use std::collections::{BTreeMap, HashMap};

/// More readings of one range cost more than the exact number of its differences is worth.
const READS: u32 = 64;

/// Rows that are asked for in one statement.
const KEYS: usize = 50;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Missing,
    Extra,
    Differs,
    Count,
}

/// One key at which the sides differ.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The key's hash, cut as [`sketch`] cuts it.
    by: u128,
    kind: Kind,
    key: ShortKey,
    unit: usize,
}

/// What differs in a range or a table.
#[derive(Default)]
pub(super) struct Odd {
    /// How many rows.
    pub(super) rows: u64,
    /// Whether there may be more.
    pub(super) at_least: bool,
    places: Vec<Place>,
}

impl Odd {
    /// Adds another range's. Of the places those of the least hashes stay, at most `name` of them, so
    /// that every run names the same.
    pub(super) fn merge(&mut self, mut other: Odd, name: usize) {
        self.rows += other.rows;
        self.at_least |= other.at_least;
        self.places.append(&mut other.places);
        if self.places.len() > name {
            self.places.sort_by_key(|p| p.by);
            self.places.truncate(name);
        }
    }

    /// Takes the elements of one range, or of a part of it: all of one key together.
    fn add(&mut self, mut elements: Vec<Element>, unit: usize, keyed: bool, name: usize) {
        elements.sort_unstable_by_key(|e| e.row.by);
        for group in elements.chunk_by(|a, b| a.row.by == b.row.by) {
            let (mut source, mut target) = (0u64, 0u64);
            for element in group {
                match element.times > 0 {
                    true => source += element.times.unsigned_abs(),
                    false => target += element.times.unsigned_abs(),
                }
            }
            let key = group.iter().map(|e| e.key).find(|k| k.bytes().is_some());
            let differs = source.min(target);
            let kinds = match keyed {
                false => [
                    (Kind::Count, source + target),
                    (Kind::Count, 0),
                    (Kind::Count, 0),
                ],
                true => [
                    (Kind::Differs, differs),
                    (Kind::Missing, source - differs),
                    (Kind::Extra, target - differs),
                ],
            };
            for (kind, times) in kinds {
                self.rows += times;
                // One over the limit is kept until the next sorting.
                if times > 0 {
                    self.places.push(Place {
                        by: group[0].row.by,
                        kind,
                        key: key.unwrap_or_default(),
                        unit,
                    });
                }
            }
            if self.places.len() > 2 * name + 1024 {
                self.merge(Odd::default(), name);
            }
        }
        self.merge(Odd::default(), name);
    }
}

/// What differs in a range that was just read into the lane's tables.
pub(super) fn odd(
    shared: &Shared<'_, '_>,
    lane: &mut Lane<'_>,
    table: &Table<'_>,
    unit: usize,
    source: &Tally,
    target: &Tally,
) -> Result<Odd> {
    let mut odd = Odd::default();
    if source.sum == target.sum {
        return Ok(odd);
    }
    match lane.sketches.0.take() {
        Ok(elements) => odd.add(elements, unit, table.keyed(), table.names),
        Err(Overfull { about }) => {
            let most = source.sum.count + target.sum.count;
            closer(shared, lane, table, unit, about.min(most), &mut odd)?;
        }
    }
    if odd.rows == 0 {
        // The sums differ, whatever else was seen.
        (odd.rows, odd.at_least) = (1, true);
    }
    Ok(odd)
}

/// Reads a range again whose differences did not fit: `about` of them.
fn closer(
    shared: &Shared<'_, '_>,
    lane: &mut Lane<'_>,
    table: &Table<'_>,
    unit: usize,
    about: u64,
    odd: &mut Odd,
) -> Result<()> {
    // The estimate is off by a few percent; two sides' tables, and then what comes out of them.
    let cells = about + about * 6 / 10 + 64;
    let room = shared.room.total();
    let keyed = table.keyed() && cells * 3 * CELL[1] <= room / 2;
    let cell = CELL[usize::from(keyed)];
    let wanted = (cells * 3 * cell).min(room);
    let Some(_permit) = shared.room.take(wanted, &|| shared.job.stop.requested()) else {
        return shared.job.stop.check();
    };
    let each = (wanted / 3 / cell).max(64);
    let parts = cells.div_ceil(each).max(1);
    let whole = 1u64 << 32;
    let mut left: Vec<(u64, u64)> = (0..parts)
        .rev()
        .map(|i| (whole * i / parts, whole * (i + 1) / parts))
        .collect();
    let size = usize::try_from(each).unwrap_or(usize::MAX);
    let mut sketches = (Sketch::new(size, keyed), Sketch::new(size, keyed));
    let mut reads = 0;
    while let Some(part) = left.pop() {
        if reads == READS {
            odd.at_least = true;
            return Ok(());
        }
        reads += 1;
        match read_part(shared, lane, table, unit, part, &mut sketches)? {
            Ok(elements) => odd.add(elements, unit, table.keyed(), table.names),
            Err(_) if part.1 - part.0 > 1 => {
                let middle = part.0.midpoint(part.1);
                left.extend([(middle, part.1), (part.0, middle)]);
            }
            Err(_) => odd.at_least = true,
        }
    }
    Ok(())
}

type Taken = Result<Vec<Element>, Overfull>;

fn read_part(
    shared: &Shared<'_, '_>,
    lane: &mut Lane<'_>,
    table: &Table<'_>,
    unit: usize,
    part: (u64, u64),
    sketches: &mut (Sketch, Sketch),
) -> Result<Taken> {
    let choice = &table.choices[unit];
    let chosen = |row: &Row<'_>| {
        let place = (row.by >> 96) as u64;
        (part.0..part.1).contains(&place) && choice.takes(row.by, row.key)
    };
    let add = |sketch: &mut Sketch, row: Row<'_>| {
        if chosen(&row) {
            let (by, hash) = (row.by, hash(row.row));
            sketch.add(sketch::Row { by, hash }, row.key);
        }
    };
    let what = format!("comparing {} again", table.plan.name());
    again(&shared.job.around(), &what, |_| {
        let (mine, theirs) = (&mut sketches.0, &mut sketches.1);
        mine.clear();
        theirs.clear();
        scan(
            shared,
            lane,
            table,
            Which::Range(&table.units[unit]),
            &mut |row| add(mine, row),
            &mut |row| add(theirs, row),
        )?;
        mine.less(theirs);
        Ok(mine.take())
    })
}

/// Reads rows of both sides at once.
fn scan(
    shared: &Shared<'_, '_>,
    lane: &mut Lane<'_>,
    table: &Table<'_>,
    which: Which<'_>,
    from_source: &mut impl FnMut(Row<'_>),
    from_target: &mut (impl FnMut(Row<'_>) + Send),
) -> Result<()> {
    let (here, there) = (&mut lane.source, &mut lane.target);
    let (from, to) = (&table.plan.compare_source, &table.plan.compare_target);
    let stop = shared.job.stop;
    both(
        || here.scan(from, which, &mut |_, _| stop.check(), from_source),
        || there.scan(to, which, &mut |_, _| stop.check(), from_target),
    )?;
    Ok(())
}

/// The rows of one key on one side: the key as text, and the hash of each cell of each row.
#[derive(Clone, Default)]
struct Seen {
    key: Vec<String>,
    rows: Vec<Vec<Option<u128>>>,
    times: u64,
}

type Sides = (HashMap<u128, Seen>, HashMap<u128, Seen>);

/// Names what was found, in the order of the keys.
pub(super) fn name(
    shared: &Shared<'_, '_>,
    lane: &mut Lane<'_>,
    table: &Table<'_>,
    odd: &Odd,
) -> Result<Vec<Difference>> {
    let mut seen = Sides::default();
    for place in &odd.places {
        seen.0.entry(place.by).or_default();
        seen.1.entry(place.by).or_default();
    }
    by_key(shared, lane, table, &odd.places, &mut seen)?;
    by_range(shared, lane, table, &odd.places, &mut seen)?;
    let mut out: Vec<Difference> = odd
        .places
        .iter()
        .map(|place| difference(table, place, &seen))
        .collect();
    out.sort_by(|a, b| order(&a.key, &b.key));
    Ok(out)
}

/// Whether nothing more has to be read to name a place.
fn told(place: &Place, seen: &Sides) -> bool {
    let side = |map: &HashMap<u128, Seen>| map.get(&place.by).is_some_and(|s| !s.rows.is_empty());
    match place.kind {
        Kind::Missing | Kind::Extra => {
            place.key.bytes().is_some() || side(&seen.0) || side(&seen.1)
        }
        Kind::Differs => side(&seen.0) && side(&seen.1),
        Kind::Count => {
            seen.0.get(&place.by).is_some_and(|s| s.times > 0)
                || seen.1.get(&place.by).is_some_and(|s| s.times > 0)
        }
    }
}

fn see(map: &mut HashMap<u128, Seen>, columns: &[CanonicalColumn], keys: usize, row: &Row<'_>) {
    let Some(seen) = map.get_mut(&cut(row.by)) else {
        return;
    };
    seen.times += 1;
    if seen.key.is_empty() && keys > 0 {
        seen.key = key_text(row.key, columns);
    }
    // A key has one row but where the target lost its uniqueness; a few say enough.
    if seen.rows.len() < 4 && keys > 0 {
        seen.rows
            .push(cells(row.row).iter().map(|c| c.map(hash)).collect());
    }
}

/// Reads the rows that differ by their keys, as far as the keys are known and can be said in a statement.
fn by_key(
    shared: &Shared<'_, '_>,
    lane: &mut Lane<'_>,
    table: &Table<'_>,
    places: &[Place],
    seen: &mut Sides,
) -> Result<()> {
    let read = &table.plan.compare_source;
    let keys: Vec<Vec<Value>> = places
        .iter()
        .filter(|place| place.kind == Kind::Differs)
        .filter_map(|place| {
            let key = place.key.bytes()?;
            let cells = cells(&key);
            let pairs = cells.iter().zip(&read.columns);
            pairs
                .map(|(cell, column)| value(*cell, column.form))
                .collect()
        })
        .collect();
    let what = format!("naming differences of {}", table.plan.name());
    for keys in keys.chunks(KEYS) {
        let result = again(&shared.job.around(), &what, |_| {
            let empty = || places.iter().map(|p| (p.by, Seen::default())).collect();
            let mut sides: Sides = (empty(), empty());
            fetch(
                shared,
                lane,
                table,
                Which::Keys(keys),
                (&mut sides.0, &mut sides.1),
            )?;
            Ok(sides)
        });
        match result {
            Ok((left, right)) => {
                seen.0.extend(left.into_iter().filter(|(_, s)| s.times > 0));
                seen.1
                    .extend(right.into_iter().filter(|(_, s)| s.times > 0));
            }
            // A side that can not be asked for keys is read by ranges.
            Err(e) if matches!(e.kind(), ErrorKind::Unsupported | ErrorKind::Value) => break,
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Reads the ranges of what is still not told.
fn by_range(
    shared: &Shared<'_, '_>,
    lane: &mut Lane<'_>,
    table: &Table<'_>,
    places: &[Place],
    seen: &mut Sides,
) -> Result<()> {
    let mut open: BTreeMap<usize, Vec<u128>> = BTreeMap::new();
    for place in places.iter().filter(|place| !told(place, seen)) {
        open.entry(place.unit).or_default().push(place.by);
    }
    let what = format!("naming differences of {}", table.plan.name());
    for (unit, keys) in open {
        let which = Which::Range(&table.units[unit]);
        let (left, right) = again(&shared.job.around(), &what, |_| {
            let empty = || keys.iter().map(|by| (*by, Seen::default())).collect();
            let mut sides: Sides = (empty(), empty());
            fetch(shared, lane, table, which, (&mut sides.0, &mut sides.1))?;
            Ok(sides)
        })?;
        seen.0.extend(left);
        seen.1.extend(right);
    }
    Ok(())
}

fn fetch(
    shared: &Shared<'_, '_>,
    lane: &mut Lane<'_>,
    table: &Table<'_>,
    which: Which<'_>,
    into: (&mut HashMap<u128, Seen>, &mut HashMap<u128, Seen>),
) -> Result<()> {
    let (from, to) = (&table.plan.compare_source, &table.plan.compare_target);
    let say = |map: &mut HashMap<u128, Seen>, read: &CanonicalRead, row: Row<'_>| {
        see(map, &read.columns, read.key_columns, &row);
    };
    scan(
        shared,
        lane,
        table,
        which,
        &mut |row| say(into.0, from, row),
        &mut |row| say(into.1, to, row),
    )
}

fn difference(table: &Table<'_>, place: &Place, seen: &Sides) -> Difference {
    let none = Seen::default();
    let s = seen.0.get(&place.by).unwrap_or(&none);
    let t = seen.1.get(&place.by).unwrap_or(&none);
    let read = &table.plan.compare_target;
    let key = match (&s.key, &t.key, place.key.bytes()) {
        (key, _, _) | (_, key, _) if !key.is_empty() => key.clone(),
        (_, _, Some(bytes)) => key_text(&bytes, &read.columns),
        _ => vec![format!("hash {:024x}", place.by)],
    };
    let (key, kind, columns) = match place.kind {
        Kind::Count => (
            vec![
                format!("{:024x}", place.by),
                format!("{} in the source", s.times),
                format!("{} in the target", t.times),
            ],
            "count",
            Vec::new(),
        ),
        Kind::Missing => (key, "missing", Vec::new()),
        Kind::Extra => (key, "extra", Vec::new()),
        Kind::Differs => (key, "differs", columns(s, t, read)),
    };
    Difference {
        key,
        kind: kind.into(),
        columns,
    }
}

fn columns(source: &Seen, target: &Seen, read: &CanonicalRead) -> Vec<String> {
    let mine = source.rows.iter().find(|r| !target.rows.contains(r));
    let theirs = target.rows.iter().find(|r| !source.rows.contains(r));
    let (Some(mine), Some(theirs)) = (mine, theirs) else {
        return Vec::new();
    };
    read.columns
        .iter()
        .enumerate()
        .filter(|(i, _)| mine.get(*i) != theirs.get(*i))
        .map(|(_, c)| c.name.clone())
        .collect()
}

/// Numbers by their value, other keys by their text.
fn order(a: &[String], b: &[String]) -> std::cmp::Ordering {
    let numbers = |k: &[String]| {
        k.iter()
            .map(|p| p.parse::<i128>().ok())
            .collect::<Option<Vec<_>>>()
    };
    match (numbers(a), numbers(b)) {
        (Some(x), Some(y)) => x.cmp(&y),
        _ => a.cmp(b),
    }
}

/// A cell of a key as a value to ask for; `None` where the engines have several spellings of one meaning.
fn value(cell: Option<&[u8]>, form: Form) -> Option<Value> {
    let text = |bytes: &[u8]| Some(std::str::from_utf8(bytes).ok()?.to_owned());
    let integer = |bytes: &[u8]| {
        let text = text(bytes)?;
        let small = text.parse().map(Value::Int);
        small.or_else(|_| text.parse().map(Value::UInt)).ok()
    };
    let bytes = cell?;
    match form {
        Form::Integer => integer(bytes),
        Form::Text | Form::PaddedText | Form::Uuid => text(bytes).map(Value::Text),
        Form::Dynamic => match bytes.split_first()? {
            (b'i', rest) => integer(rest),
            (b't', rest) => text(rest).map(Value::Text),
            _ => None,
        },
        _ => None,
    }
}

fn key_text(key: &[u8], columns: &[CanonicalColumn]) -> Vec<String> {
    cells(key)
        .iter()
        .zip(columns)
        .map(|(cell, column)| text(*cell, column.form))
        .collect()
}

/// A cell of a key for people.
fn text(cell: Option<&[u8]>, form: Form) -> String {
    let Some(bytes) = cell else {
        return "NULL".into();
    };
    if form == Form::Dynamic
        && let Some((class, rest)) = bytes.split_first()
    {
        let form = match class {
            b'r' => Form::Double,
            b'b' => Form::Bytes,
            _ => Form::Text,
        };
        return text(Some(rest), form);
    }
    match (form, <[u8; 8]>::try_from(bytes), <[u8; 4]>::try_from(bytes)) {
        (Form::Double, Ok(b), _) => f64::from_be_bytes(b).to_string(),
        (Form::Single, _, Ok(b)) => f32::from_be_bytes(b).to_string(),
        (Form::Bytes | Form::Geometry | Form::Double | Form::Single, ..) => {
            bytes.iter().map(|b| format!("{b:02x}")).collect()
        }
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that differ, are missing, extra, or of another number.
    fn kinds(elements: &[(u128, u128, i64)], keyed: bool) -> [usize; 4] {
        let elements = elements
            .iter()
            .map(|(by, hash, times)| Element {
                row: sketch::Row {
                    by: *by,
                    hash: *hash,
                },
                times: *times,
                key: ShortKey::default(),
            })
            .collect();
        let mut odd = Odd::default();
        odd.add(elements, 0, keyed, 100);
        let of = |kind| odd.places.iter().filter(|p| p.kind == kind).count();
        [Kind::Differs, Kind::Missing, Kind::Extra, Kind::Count].map(of)
    }

    #[test]
    fn what_is_left_of_a_key_is_missing_extra_or_different() {
        assert_eq!(kinds(&[(1, 1, 1), (1, 2, -1)], true), [1, 0, 0, 0]);
        assert_eq!(kinds(&[(1, 1, 1), (2, 2, -1)], true), [0, 1, 1, 0]);
        assert_eq!(kinds(&[(1, 1, -2), (1, 2, 1)], true), [1, 0, 1, 0]);
        assert_eq!(kinds(&[(1, 1, 3), (2, 2, -1)], false), [0, 0, 0, 2]);
    }

    #[test]
    fn the_places_of_the_least_hashes_are_named_whatever_the_order() {
        let one = |by: u128| Element {
            row: sketch::Row { by, hash: 0 },
            times: 1,
            key: ShortKey::default(),
        };
        let (mut a, mut b) = (Odd::default(), Odd::default());
        a.add((0..50).map(one).collect(), 0, true, 10);
        b.add((50..100).map(one).collect(), 1, true, 10);
        b.merge(a, 10);
        assert_eq!(b.rows, 100);
        let named: Vec<u128> = b.places.iter().map(|p| p.by).collect();
        assert_eq!(named, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn only_keys_of_one_spelling_are_asked_for() {
        assert_eq!(value(Some(b"-7"), Form::Integer), Some(Value::Int(-7)));
        assert_eq!(
            value(Some(b"18446744073709551615"), Form::Integer),
            Some(Value::UInt(u64::MAX))
        );
        assert_eq!(value(Some(b"ix"), Form::Dynamic), None);
        assert_eq!(value(Some(b"1.5"), Form::Decimal), None);
        assert_eq!(value(None, Form::Text), None);
    }
}
