//! Statements that make single rows as they should be, with their values apart from their words.
//!
//! The same statement is bound and run, or written into a script with its values as literals. Every one of them
//! is guarded: it touches a row only as long as that is as it was seen.

use crate::engine::CanonicalColumn;
use crate::schema::TableName;

/// A value as it is bound or written. NULL is among the words.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// Text, also of numbers and moments.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A whole number.
    Integer(i64),
    /// A binary64.
    Real(f64),
}

/// A statement: words, a value, words, …
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statement {
    words: Vec<String>,
    values: Vec<Datum>,
    open: bool,
}

impl Statement {
    /// Adds words.
    pub fn words(&mut self, words: &str) {
        match (self.open, self.words.last_mut()) {
            (true, Some(last)) => last.push_str(words),
            _ => {
                self.words.push(words.to_owned());
                self.open = true;
            }
        }
    }

    /// Adds a value.
    pub fn value(&mut self, value: Datum) {
        if !self.open {
            self.words.push(String::new());
        }
        self.values.push(value);
        self.open = false;
    }

    /// Its values, in order.
    pub fn values(&self) -> &[Datum] {
        &self.values
    }

    /// The statement as text, each value said by `say`, which is told its number from 0.
    pub fn text(&self, mut say: impl FnMut(usize, &Datum) -> String) -> String {
        let mut out = String::new();
        for (at, words) in self.words.iter().enumerate() {
            out.push_str(words);
            if let Some(value) = self.values.get(at) {
                out.push_str(&say(at, value));
            }
        }
        out
    }
}

/// The cells of a canonical row.
pub type Cells<'r> = &'r [Option<&'r [u8]>];

/// What is to be done with one row. Cells are canonical, one for each column.
#[derive(Clone, Copy, Debug)]
pub enum Change<'r> {
    /// The row is made, unless its key is there.
    Insert {
        /// As it shall be.
        wanted: Cells<'r>,
    },
    /// The cells that differ are changed, if they are as they were seen.
    Update {
        /// As it was seen.
        seen: Cells<'r>,
        /// As it shall be.
        wanted: Cells<'r>,
    },
    /// The row is taken away, if it is as it was seen.
    Delete {
        /// As it was seen.
        seen: Cells<'r>,
    },
}

/// One change of one table.
#[derive(Clone, Copy, Debug)]
pub struct Amendment<'r> {
    /// The table that is changed.
    pub table: &'r TableName,
    /// Its columns; those of the key come first.
    pub columns: &'r [CanonicalColumn],
    /// How many of them are the key; never 0.
    pub key_columns: usize,
    /// Columns that are computed by the engine and not written, by their places.
    pub computed: &'r [usize],
    /// What is done.
    pub change: Change<'r>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_values_come_in_turn() {
        let mut s = Statement::default();
        s.words("a = ");
        s.value(Datum::Integer(1));
        s.value(Datum::Text("x".into()));
        s.words(" AND");
        s.words(" b");
        let said = s.text(|at, _| format!("${}", at + 1));
        assert_eq!(said, "a = $1$2 AND b");
        assert_eq!(s.values().len(), 2);
    }
}
