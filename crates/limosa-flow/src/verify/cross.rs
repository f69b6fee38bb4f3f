//! A share of the rows in two ways: read, and added up by their own server.
//!
//! The two ways share neither the wire form nor the code that says a value. For the same rows of one snapshot they
//! must give the same sums; where they do not, one of them is wrong about what is in the database, and no verdict
//! that rests on either is worth anything. So each side is held against itself, whatever the other has.
//!
//! A piece of each range is taken: a share of its keys where these are whole numbers, the whole of a small table.

use super::side::{Side, both};
use super::table::{Lane, Shared, Table, greatest};
use limosa_core::Result;
use limosa_core::canonical::hash;
use limosa_core::chunk::Range;
use limosa_core::engine::{CanonicalRead, Snapshot};
use limosa_core::pushdown::{Spelling, Sums, streamed};
use limosa_core::value::Value;

/// A range of at most so many rows is taken as a whole.
const SMALL: u64 = 1000;

/// Rows of the newest keys that are taken, at least.
const FEW: u64 = 500;

/// What went both ways.
#[derive(Debug, Default)]
pub(super) struct Crossed {
    /// Rows.
    pub(super) rows: u64,
    /// Sentences.
    pub(super) disagreements: Vec<String>,
}

impl Crossed {
    /// Adds another range's. A few sentences say enough.
    pub(super) fn merge(&mut self, other: Crossed) {
        self.rows += other.rows;
        self.disagreements.extend(other.disagreements);
        self.disagreements.truncate(8);
    }
}

/// Says where a server's sums and those of the same rows as they were read are not one. Where a server has no
/// hash for a row, only the numbers of rows can be compared.
pub(super) fn disagree(side: &str, server: &Sums, read: &Sums) -> Option<String> {
    if server.rows != read.rows {
        return Some(format!(
            "the {side} counts {} rows where {} are read",
            server.rows, read.rows
        ));
    }
    (server.whole() && read.whole() && server != read).then(|| {
        format!(
            "the {side} makes another sum of {} rows than the rows that are read give",
            server.rows
        )
    })
}

/// Takes a piece of a range both ways. `rows` is what each side has in the range.
pub(super) fn unit(
    shared: &Shared<'_, '_>,
    lane: &mut Lane<'_>,
    table: &Table<'_>,
    unit: usize,
    rows: (u64, u64),
) -> Result<Crossed> {
    let share = shared.job.settings.sums.cross_check / 100.0;
    if share <= 0.0 || rows == (0, 0) {
        return Ok(Crossed::default());
    }
    let (from, to) = (&table.plan.compare_source, &table.plan.compare_target);
    let embedded = |engine: &dyn limosa_core::engine::Engine| engine.capabilities().embedded;
    // What is added up in this process is read for it: that is one way, not two.
    let mine = sayable(shared.source, from).filter(|_| !embedded(shared.job.source));
    let theirs = sayable(shared.target, to).filter(|_| !embedded(shared.job.target));
    if mine.is_none() && theirs.is_none() {
        return Ok(Crossed::default());
    }
    let Some(piece) = piece(shared, table, unit, rows.0.max(rows.1), share) else {
        return Ok(Crossed::default());
    };
    let (here, there) = (&mut lane.source, &mut lane.target);
    let (a, b) = both(
        || held(here, mine, &piece, "source"),
        || held(there, theirs, &piece, "target"),
    )?;
    let mut crossed = a;
    crossed.rows = crossed.rows.max(b.rows);
    crossed.disagreements.extend(b.disagreements);
    Ok(crossed)
}

/// The columns that the engine itself can say, the whole key among them.
fn sayable(
    snapshot: &dyn Snapshot,
    read: &CanonicalRead,
) -> Option<(CanonicalRead, Vec<Spelling>)> {
    let mut columns = Vec::with_capacity(read.columns.len());
    let mut said = Vec::with_capacity(read.columns.len());
    for (at, column) in read.columns.iter().enumerate() {
        match snapshot.spellings(&read.table, column) {
            Ok(spellings) if !spellings.is_empty() => {
                columns.push(column.clone());
                said.push(spellings[0]);
            }
            _ if at < read.key_columns => return None,
            _ => {}
        }
    }
    let read = CanonicalRead {
        table: read.table.clone(),
        columns,
        key_columns: read.key_columns,
    };
    (!said.is_empty()).then_some((read, said))
}

fn held(
    side: &mut Side<'_>,
    asked: Option<(CanonicalRead, Vec<Spelling>)>,
    piece: &Range,
    name: &str,
) -> Result<Crossed> {
    let Some((read, said)) = asked else {
        return Ok(Crossed::default());
    };
    let one = |sums: Vec<Sums>| sums.into_iter().next().unwrap_or_default();
    // A server that can not add these rows up says nothing about them.
    let Ok(server) = side.ask(|c| c.sums(&read, &said, piece, 1)).map(one) else {
        return Ok(Crossed::default());
    };
    let found = side.ask(|c| streamed(c, &read, &said, piece, 1)).map(one)?;
    Ok(Crossed {
        rows: found.rows,
        disagreements: disagree(name, &server, &found).into_iter().collect(),
    })
}

/// The piece of a range of about `rows` rows.
fn piece(
    shared: &Shared<'_, '_>,
    table: &Table<'_>,
    unit: usize,
    rows: u64,
    share: f64,
) -> Option<Range> {
    let range = &table.units[unit];
    if share >= 1.0 || rows <= SMALL && table.units.len() == 1 {
        return Some(range.clone());
    }
    if let Some((lower, upper)) = whole(range) {
        let width = upper.checked_sub(lower)?.max(1);
        let take = ((width as f64 * share) as i128).clamp(1, width);
        let name = format!("{} {unit}", table.plan.name());
        let place = (hash(name.as_bytes()) >> 64) as i128 % (width - take + 1);
        return bounds(lower + place, Some(lower + place + take));
    }
    // A range that is open at its end has no width: its newest rows are taken.
    let last = unit + 1 == table.units.len();
    let greatest = last.then(|| greatest(shared, table.plan)).flatten()?;
    let take = ((rows as f64 * share) as u64).clamp(FEW, 10 * FEW);
    bounds(greatest - i128::from(take) + 1, None)
}

/// Both bounds of a range of whole numbers.
fn whole(range: &Range) -> Option<(i128, i128)> {
    let number = |bound: &Vec<Value>| match bound.as_slice() {
        [Value::Int(n)] => Some(i128::from(*n)),
        [Value::UInt(n)] => Some(i128::from(*n)),
        _ => None,
    };
    match range {
        Range::Key {
            lower: Some(lower),
            upper: Some(upper),
        } => Some((number(lower)?, number(upper)?)),
        _ => None,
    }
}

fn bounds(lower: i128, upper: Option<i128>) -> Option<Range> {
    let value = |n: i128| {
        let value = i64::try_from(n).map(Value::Int);
        value.or_else(|_| u64::try_from(n).map(Value::UInt)).ok()
    };
    Some(Range::Key {
        // Below the least number everything is taken.
        lower: value(lower).map(|v| vec![v]),
        upper: match upper {
            Some(upper) => Some(vec![value(upper)?]),
            None => None,
        },
    })
}
