//! The second look at a table whose sums differ: which rows, and which of their columns.
//!
//! The first pass of the look keeps 32 bytes for every row in a differing bucket, range by range. If
//! even those are too many for the budget, the rows of a range are taken in several rounds, by other bits
//! of the key's hash; after [`ROUNDS`] of them counting stops, and the report says "at least". The
//! second pass keeps the hashes of the cells of those few rows that will be named.

use super::side::{Row, both};
use super::table::{Lane, Shared, Table};
use crate::outcome::Difference;
use crate::retry::again;
use limosa_core::Result;
use limosa_core::canonical::{Form, cells, hash};
use limosa_core::engine::CanonicalRead;
use std::collections::HashMap;

/// More rounds over a range cost more than the exact number of its differences is worth.
const ROUNDS: u64 = 8;

/// What was found.
pub(super) struct Differences {
    /// How many rows differ.
    pub(super) rows: u64,
    /// Whether there may be more.
    pub(super) at_least: bool,
    /// The first of them.
    pub(super) named: Vec<Difference>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Missing,
    Extra,
    Differs,
    Count,
}

type Pairs = Vec<(u128, u128)>;

/// Looks at a table again. Names at most `name` rows.
pub(super) fn look(
    shared: &Shared<'_, '_>,
    lane: &mut Lane<'_>,
    table: &Table<'_>,
    name: usize,
) -> Result<Differences> {
    let (map, in_buckets, units) = {
        let found = table.lock();
        let (map, rows) = found.source.differing(&found.target);
        let units: Vec<(usize, u64)> = found
            .units
            .iter()
            .enumerate()
            .filter(|(_, (a, b))| a != b)
            .map(|(i, (a, b))| (i, a.count.max(b.count)))
            .collect();
        (map, rows, units)
    };
    let place = table.lock().source.emptied();
    let within = |by: u128| map[place.index(by)];
    // 32 bytes a row a side, an eighth of the budget for each side.
    let limit = (shared.job.settings.memory / 8 / 32).max(4096);
    let keyed = table.plan.compare_source.key_columns > 0;
    let mut result = Differences {
        rows: 0,
        at_least: false,
        named: Vec::new(),
    };
    let mut wanted: Vec<(usize, Vec<(u128, Kind)>)> = Vec::new();
    let mut left = name;
    for (unit, rows) in units {
        let rounds = rows.min(in_buckets).div_ceil(limit).max(1);
        let mut here = Vec::new();
        for round in 0..rounds.min(ROUNDS) {
            let chosen = |by: u128| {
                within(by)
                    && shared.sample.chooses(by)
                    && (rounds == 1 || (u64::from((by >> 64) as u32) * rounds) >> 32 == round)
            };
            let (mut source, mut target) = pairs(shared, lane, table, unit, &chosen)?;
            source.sort_unstable();
            target.sort_unstable();
            merge(&source, &target, keyed, &mut |by, kind, times| {
                result.rows += times;
                if left > 0 {
                    left -= 1;
                    here.push((by, kind));
                }
            });
        }
        result.at_least |= rounds > ROUNDS;
        if !here.is_empty() {
            wanted.push((unit, here));
        }
    }
    for (unit, keys) in wanted {
        name_rows(shared, lane, table, unit, &keys, &mut result.named)?;
    }
    result.named.sort_by(|a, b| order(&a.key, &b.key));
    Ok(result)
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

fn pairs(
    shared: &Shared<'_, '_>,
    lane: &mut Lane<'_>,
    table: &Table<'_>,
    unit: usize,
    chosen: &(impl Fn(u128) -> bool + Sync),
) -> Result<(Pairs, Pairs)> {
    let range = &table.units[unit];
    let what = format!("comparing {} again", table.plan.name());
    again(&shared.job.around(), &what, |_| {
        let mut sides = (Pairs::new(), Pairs::new());
        let take = |pairs: &mut Pairs, row: Row<'_>| {
            if chosen(row.by) {
                pairs.push((row.by, hash(row.row)));
            }
        };
        let check = &mut |_, _| shared.job.stop.check();
        let check_there = &mut |_, _| shared.job.stop.check();
        let (a, b) = (&mut sides.0, &mut sides.1);
        let (here, there) = (&mut lane.source, &mut lane.target);
        both(
            || {
                here.scan(&table.plan.compare_source, range, check, &mut |r| {
                    take(a, r)
                })
            },
            || {
                there.scan(&table.plan.compare_target, range, check_there, &mut |r| {
                    take(b, r)
                })
            },
        )?;
        Ok(sides)
    })
}

/// Walks two sorted sides, key by key. Equal rows of a key cancel out, each once.
fn merge(
    source: &[(u128, u128)],
    target: &[(u128, u128)],
    keyed: bool,
    found: &mut impl FnMut(u128, Kind, u64),
) {
    let (mut i, mut j) = (0, 0);
    while i < source.len() || j < target.len() {
        let by = match (source.get(i), target.get(j)) {
            (Some(a), Some(b)) => a.0.min(b.0),
            (Some(a), None) => a.0,
            (None, Some(b)) => b.0,
            (None, None) => return,
        };
        let group = |side: &[(u128, u128)], at: usize| {
            at + side[at..].iter().take_while(|p| p.0 == by).count()
        };
        let (ei, ej) = (group(source, i), group(target, j));
        let (mut only_source, mut only_target) = (0u64, 0u64);
        while i < ei || j < ej {
            match (source[i..ei].first(), target[j..ej].first()) {
                (Some(a), Some(b)) if a.1 == b.1 => {
                    i += 1;
                    j += 1;
                }
                (Some(a), Some(b)) if a.1 < b.1 => {
                    only_source += 1;
                    i += 1;
                }
                (Some(_), None) => {
                    only_source += 1;
                    i += 1;
                }
                _ => {
                    only_target += 1;
                    j += 1;
                }
            }
        }
        if !keyed {
            if only_source + only_target > 0 {
                found(by, Kind::Count, only_source + only_target);
            }
            continue;
        }
        let differs = only_source.min(only_target);
        for (kind, times) in [
            (Kind::Differs, differs),
            (Kind::Missing, only_source - differs),
            (Kind::Extra, only_target - differs),
        ] {
            if times > 0 {
                found(by, kind, times);
            }
        }
    }
}

/// The rows of one key on one side: the key as text, and the hash of each cell of each row.
#[derive(Default)]
struct Seen {
    key: Vec<String>,
    rows: Vec<Vec<Option<u128>>>,
    times: u64,
}

fn name_rows(
    shared: &Shared<'_, '_>,
    lane: &mut Lane<'_>,
    table: &Table<'_>,
    unit: usize,
    keys: &[(u128, Kind)],
    named: &mut Vec<Difference>,
) -> Result<()> {
    type Map = HashMap<u128, Seen>;
    let (plan, range) = (table.plan, &table.units[unit]);
    let what = format!("naming differences of {}", plan.name());
    let (source, target) = again(&shared.job.around(), &what, |_| {
        let start = || -> Map { keys.iter().map(|(by, _)| (*by, Seen::default())).collect() };
        let mut sides = (start(), start());
        let see = |map: &mut Map, read: &CanonicalRead, row: Row<'_>| {
            if let Some(seen) = map.get_mut(&row.by) {
                seen.times += 1;
                if seen.key.is_empty() && read.key_columns > 0 {
                    seen.key = cells(row.key)
                        .iter()
                        .zip(&read.columns)
                        .map(|(cell, column)| text(*cell, column.form))
                        .collect();
                }
                // A key has one row but where the target lost its uniqueness; a few say enough.
                if seen.rows.len() < 4 && read.key_columns > 0 {
                    let hashes = cells(row.row).iter().map(|c| c.map(hash)).collect();
                    seen.rows.push(hashes);
                }
            }
        };
        let check = &mut |_, _| shared.job.stop.check();
        let check_there = &mut |_, _| shared.job.stop.check();
        let (a, b) = (&mut sides.0, &mut sides.1);
        let (from, to) = (&plan.compare_source, &plan.compare_target);
        let (here, there) = (&mut lane.source, &mut lane.target);
        both(
            || here.scan(from, range, check, &mut |r| see(a, from, r)),
            || there.scan(to, range, check_there, &mut |r| see(b, to, r)),
        )?;
        Ok(sides)
    })?;
    for (by, kind) in keys {
        let none = Seen::default();
        let (s, t) = (
            source.get(by).unwrap_or(&none),
            target.get(by).unwrap_or(&none),
        );
        let key = if s.key.is_empty() { &t.key } else { &s.key };
        named.push(match kind {
            Kind::Count => Difference {
                key: vec![
                    format!("{by:032x}"),
                    format!("{} in the source", s.times),
                    format!("{} in the target", t.times),
                ],
                kind: "count".into(),
                columns: Vec::new(),
            },
            Kind::Missing | Kind::Extra => Difference {
                key: key.clone(),
                kind: if *kind == Kind::Missing {
                    "missing"
                } else {
                    "extra"
                }
                .into(),
                columns: Vec::new(),
            },
            Kind::Differs => Difference {
                key: key.clone(),
                kind: "differs".into(),
                columns: columns(s, t, &plan.compare_target),
            },
        });
    }
    Ok(())
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
    use super::super::buckets::Sample;
    use super::*;

    fn counts(source: &[(u128, u128)], target: &[(u128, u128)], keyed: bool) -> [u64; 4] {
        let mut out = [0; 4];
        merge(source, target, keyed, &mut |_, kind, n| {
            out[kind as usize] += n
        });
        out
    }

    #[test]
    fn rows_of_a_key_cancel_out_and_the_rest_is_missing_extra_or_different() {
        assert_eq!(
            counts(&[(1, 1), (2, 2)], &[(1, 1), (2, 2)], true),
            [0, 0, 0, 0]
        );
        assert_eq!(
            counts(&[(1, 1), (2, 2)], &[(2, 3), (4, 4)], true),
            [1, 1, 1, 0]
        );
        assert_eq!(counts(&[(1, 1)], &[(1, 1), (1, 1)], true), [0, 1, 0, 0]);
        assert_eq!(counts(&[(1, 5)], &[(1, 4), (1, 5)], true), [0, 1, 0, 0]);
        assert_eq!(
            counts(&[(1, 1), (1, 1), (2, 2)], &[(1, 1)], false),
            [0, 0, 0, 2]
        );
    }

    #[test]
    fn a_share_and_a_round_choose_by_different_bits() {
        // Only that both may be asked of one hash: see `look`.
        let by = 0x0000_0000_8000_0000_0000_0000_0000_0000u128;
        assert!(Sample::percent(1.0).chooses(by));
        assert_eq!((u64::from((by >> 64) as u32) * 4) >> 32, 2);
    }
}
