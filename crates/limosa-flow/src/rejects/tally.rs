//! How many rejects are too many.
//!
//! The rate is rejected rows over rows handled, both of finished chunks and of the chunk that asks. It is
//! judged once `error_threshold_min` rows were handled, since a rate over a handful says little, and once
//! more at the table's end whatever their number. Rows that a policy rejects are handled, but not counted.

use crate::settings::RunSettings;
use limosa_core::schema::TableName;
use limosa_core::{Error, ErrorKind};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

/// Rows of a chunk, or of more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flight {
    /// Rows that were read.
    pub handled: u64,
    /// Rows that were left out.
    pub rejected: u64,
    /// Those of them that no policy foresaw.
    pub unforeseen: u64,
}

impl std::ops::AddAssign for Flight {
    fn add_assign(&mut self, other: Self) {
        self.handled += other.handled;
        self.rejected += other.rejected;
        self.unforeseen += other.unforeseen;
    }
}

/// A threshold that was crossed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Crossing {
    /// Whether it is that of all tables together.
    pub all: bool,
    pub count: Flight,
    pub threshold: f64,
}

impl Crossing {
    /// What to tell.
    pub(crate) fn error(&self) -> Error {
        let Flight {
            handled,
            unforeseen,
            ..
        } = self.count;
        let rate = 100.0 * unforeseen as f64 / handled.max(1) as f64;
        Error::new(
            ErrorKind::Conflict,
            "counting rejects",
            format!(
                "{unforeseen} of {handled} rows{} were rejected ({rate:.3} %), and error_threshold is {} %",
                if self.all { " of all tables" } else { "" },
                100.0 * self.threshold,
            ),
        )
        .hint(
            "`limosa rejects list` shows them. Mend the source, a policy or the target, or raise \
             error_threshold, and run again: finished chunks are kept.",
        )
    }
}

/// Counts, for all lanes of a run.
#[derive(Debug)]
pub(crate) struct Tally {
    general: f64,
    least: u64,
    own: HashMap<TableName, f64>,
    tables: Mutex<HashMap<TableName, Flight>>,
}

impl Tally {
    /// `tables` are the names in source and target.
    pub(crate) fn new<'p>(
        settings: &RunSettings,
        tables: impl Iterator<Item = (&'p TableName, &'p TableName)>,
    ) -> Self {
        let own = tables
            .filter_map(|(source, target)| Some((target.clone(), settings.own_threshold(source)?)))
            .collect();
        Self {
            general: settings.error_threshold,
            least: settings.error_threshold_min.max(1),
            own,
            tables: Mutex::default(),
        }
    }

    /// One that lets everything pass.
    pub(crate) fn lenient() -> Self {
        let all = RunSettings {
            error_threshold: 1.0,
            ..RunSettings::default()
        };
        Self::new(&all, std::iter::empty())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TableName, Flight>> {
        self.tables.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// The threshold of a table.
    fn threshold(&self, table: &TableName) -> f64 {
        self.own.get(table).copied().unwrap_or(self.general)
    }

    /// Whether an unforeseen reject of this table may be put aside at all.
    pub(crate) fn tolerates(&self, table: &TableName) -> bool {
        self.threshold(table) > 0.0
    }

    /// Sets what earlier runs left of a table.
    pub(crate) fn begin(&self, table: &TableName, before: Flight) {
        self.lock().insert(table.clone(), before);
    }

    /// Judges a chunk that is under way.
    pub(crate) fn look(&self, table: &TableName, flight: Flight) -> Option<Crossing> {
        self.judge(&self.lock(), table, flight, false)
    }

    /// Takes a finished chunk in, and judges.
    pub(crate) fn add(&self, table: &TableName, chunk: Flight) -> Option<Crossing> {
        let mut tables = self.lock();
        *tables.entry(table.clone()).or_default() += chunk;
        self.judge(&tables, table, Flight::default(), false)
    }

    /// Judges a table whose chunks are all done.
    pub(crate) fn end(&self, table: &TableName) -> Option<Crossing> {
        self.judge(&self.lock(), table, Flight::default(), true)
    }

    /// The rejects of a table so far.
    pub(crate) fn rejected(&self, table: &TableName) -> u64 {
        self.lock().get(table).map_or(0, |f| f.rejected)
    }

    fn judge(
        &self,
        tables: &HashMap<TableName, Flight>,
        table: &TableName,
        flight: Flight,
        ended: bool,
    ) -> Option<Crossing> {
        let over = |count: Flight, threshold: f64, whole: bool| {
            (whole || count.handled >= self.least)
                && count.unforeseen as f64 > threshold * count.handled as f64
        };
        let mut here = tables.get(table).copied().unwrap_or_default();
        here += flight;
        let threshold = self.threshold(table);
        if over(here, threshold, ended || threshold == 0.0) {
            return Some(Crossing {
                all: false,
                count: here,
                threshold,
            });
        }
        if self.own.contains_key(table) {
            return None;
        }
        let mut all = flight;
        for (name, count) in tables {
            if !self.own.contains_key(name) {
                all += *count;
            }
        }
        over(all, self.general, false).then_some(Crossing {
            all: true,
            count: all,
            threshold: self.general,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(general: f64, least: u64, own: &[(&str, f64)]) -> Tally {
        let settings = RunSettings {
            error_threshold: general,
            error_threshold_min: least,
            table_thresholds: own.iter().map(|(n, t)| ((*n).into(), *t)).collect(),
            ..RunSettings::default()
        };
        let names = ["a", "b", "c"].map(TableName::bare);
        Tally::new(&settings, names.iter().map(|n| (n, n)))
    }

    fn flight(handled: u64, unforeseen: u64) -> Flight {
        Flight {
            handled,
            rejected: unforeseen,
            unforeseen,
        }
    }

    #[test]
    fn nothing_is_tolerated_unless_somebody_says_so() {
        let t = tally(0.0, 1000, &[("b", 0.5)]);
        let (a, b) = (TableName::bare("a"), TableName::bare("b"));
        assert!(!t.tolerates(&a) && t.tolerates(&b));
        assert!(t.look(&a, flight(1, 1)).is_some());
        assert!(t.look(&a, flight(9, 0)).is_none());
        // What a policy rejects is handled, not counted.
        let chosen = Flight {
            handled: 10,
            rejected: 10,
            unforeseen: 0,
        };
        assert!(t.look(&a, chosen).is_none());
    }

    #[test]
    fn a_rate_is_judged_from_a_number_of_rows_on_and_at_the_end() {
        let t = tally(0.01, 1000, &[]);
        let a = TableName::bare("a");
        assert!(t.look(&a, flight(10, 5)).is_none());
        assert!(t.look(&a, flight(1000, 10)).is_none());
        assert!(t.look(&a, flight(1000, 11)).is_some());
        assert!(t.add(&a, flight(10, 5)).is_none());
        let crossing = t.end(&a).expect("half of the table");
        assert!(!crossing.all);
        let words = crossing.error().to_string();
        assert!(
            words.contains("5 of 10 rows were rejected (50.000 %)"),
            "{words}"
        );
        assert!(words.contains("error_threshold is 1 %"), "{words}");
    }

    #[test]
    fn tables_without_a_threshold_of_their_own_are_judged_together() {
        let t = tally(0.1, 100, &[("c", 1.0)]);
        let [a, b, c] = ["a", "b", "c"].map(TableName::bare);
        assert!(t.add(&c, flight(1000, 1000)).is_none());
        assert!(t.end(&c).is_none());
        assert!(t.add(&a, flight(90, 20)).is_none());
        let crossing = t.add(&b, flight(90, 20)).expect("40 of 180");
        assert!(crossing.all);
        assert_eq!(crossing.count.handled, 180);
    }
}
