//! All differences of a table, counted by cause. Takes them one by one and keeps none.

use super::zone::Zones;
use super::{Cause, explain, plural, time};
use crate::outcome::{CauseCount, ColumnCauses};
use limosa_core::canonical::{Form, cells};
use limosa_core::engine::CanonicalColumn;
use std::collections::BTreeMap;

/// Causes that are counted apart; what comes when there are as many is counted as having none.
const KINDS: usize = 256;

/// Causes that are said of one column.
const SAID: usize = 8;

/// One column's.
#[derive(Clone, Debug, Default)]
struct Column {
    differing: u64,
    /// By each cause that explains a difference: one may be explained by several.
    explained: BTreeMap<Cause, u64>,
    /// By the first of them.
    first: BTreeMap<Cause, u64>,
    zones: Zones,
}

/// The differences of a table by column and cause.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Vec<Column>);

fn count(map: &mut BTreeMap<Cause, u64>, cause: Cause, n: u64) {
    let cause = match map.len() >= KINDS && !map.contains_key(&cause) {
        true => Cause::Other,
        false => cause,
    };
    *map.entry(cause).or_default() += n;
}

impl Tally {
    /// Counts one row that differs. Both rows are in canonical form, of the same columns.
    pub(crate) fn add(&mut self, source: &[u8], target: &[u8], columns: &[CanonicalColumn]) {
        let (s, t) = (cells(source), cells(target));
        self.0
            .resize_with(columns.len().max(self.0.len()), Column::default);
        for (at, column) in columns.iter().enumerate() {
            let (Some(a), Some(b)) = (s.get(at), t.get(at)) else {
                continue;
            };
            if a != b {
                let causes = row_causes(&s, &t, at, columns);
                self.0[at].add(*a, *b, column.form, &causes);
            }
        }
    }

    /// Takes another part's.
    pub(crate) fn merge(&mut self, other: Tally) {
        self.0
            .resize_with(other.0.len().max(self.0.len()), Column::default);
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            mine.differing += theirs.differing;
            for (cause, n) in theirs.explained {
                count(&mut mine.explained, cause, n);
            }
            for (cause, n) in theirs.first {
                count(&mut mine.first, cause, n);
            }
            mine.zones.merge(theirs.zones);
        }
    }

    /// What it comes to, by the names of the columns.
    pub(crate) fn say(&self, columns: &[CanonicalColumn]) -> Vec<ColumnCauses> {
        let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
        let pairs = self.0.iter().zip(&names);
        pairs
            .filter(|(column, _)| column.differing > 0)
            .map(|(column, name)| ColumnCauses {
                column: (*name).to_owned(),
                differing: column.differing,
                causes: column.say(&names),
            })
            .collect()
    }
}

/// The causes of one differing cell, with a look at its row.
fn row_causes(
    s: &[Option<&[u8]>],
    t: &[Option<&[u8]>],
    at: usize,
    columns: &[CanonicalColumn],
) -> Vec<Cause> {
    let (a, b) = (s[at], t[at]);
    let form = columns[at].form;
    let mut out = explain(a, b, form);
    let Some(value) = b else {
        return out;
    };
    let others = columns
        .iter()
        .enumerate()
        .filter(|(n, c)| *n != at && c.form == form);
    for (n, _) in others {
        let Ok(number) = u16::try_from(n) else { break };
        if s.get(n) != Some(&Some(value)) {
            continue;
        }
        // A swap is exact in both cells; a value that only stands elsewhere may do so by chance.
        if t.get(n) == Some(&a) {
            out.insert(0, Cause::Swapped(number));
            break;
        } else if out.is_empty() && t.get(n) != s.get(n) && form != Form::Boolean {
            out.push(Cause::From(number));
        }
    }
    out
}

impl Column {
    fn add(&mut self, s: Option<&[u8]>, t: Option<&[u8]>, form: Form, causes: &[Cause]) {
        self.differing += 1;
        for cause in causes {
            count(&mut self.explained, *cause, 1);
        }
        count(
            &mut self.first,
            causes.first().copied().unwrap_or(Cause::Other),
            1,
        );
        if matches!(form, Form::Timestamp | Form::TimestampTz) {
            let text = |cell: Option<&[u8]>| {
                let text = std::str::from_utf8(cell?).ok()?;
                time::micros(text, form)
            };
            self.zones.add(text(s).zip(text(t)));
        }
    }

    fn say(&self, names: &[&str]) -> Vec<CauseCount> {
        let said = |cause: Cause, rows: u64| CauseCount {
            cause: cause.name().into(),
            text: cause.words(names),
            rows,
        };
        // One rule for all of them is the best answer.
        let whole = self
            .explained
            .iter()
            .find(|(cause, n)| **n == self.differing && **cause != Cause::Other);
        if let Some((cause, n)) = whole {
            return vec![said(*cause, *n)];
        }
        if let Some(words) = self.zones.words() {
            return vec![CauseCount {
                cause: "time-zone".into(),
                text: words,
                rows: self.differing,
            }];
        }
        let mut all: Vec<(Cause, u64)> = self.first.iter().map(|(c, n)| (*c, *n)).collect();
        all.sort_by(|a, b| (a.0 == Cause::Other, b.1).cmp(&(b.0 == Cause::Other, a.1)));
        let known = all.iter().filter(|(c, _)| *c != Cause::Other).count();
        let rest: u64 = all.iter().skip(SAID.min(known)).map(|(_, n)| n).sum();
        let mut out: Vec<CauseCount> = all
            .iter()
            .take(SAID.min(known))
            .map(|(c, n)| said(*c, *n))
            .collect();
        if rest > 0 {
            out.push(said(Cause::Other, rest));
        }
        out
    }
}

impl ColumnCauses {
    /// One line a cause: `all 5,312 differ by exactly +02:00`.
    pub fn lines(&self) -> Vec<String> {
        self.causes
            .iter()
            .map(|c| match c.rows == self.differing {
                true if c.rows == 1 => format!("{}: 1 value; such {}", self.column, c.text),
                true => format!(
                    "{}: all {} {} {}",
                    self.column,
                    grouped(c.rows),
                    plural(c.rows as i64, "value"),
                    c.text
                ),
                false => format!(
                    "{}: {} of {} values {}",
                    self.column,
                    grouped(c.rows),
                    grouped(self.differing),
                    c.text
                ),
            })
            .collect()
    }
}

/// A number with commas between its thousands.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}
