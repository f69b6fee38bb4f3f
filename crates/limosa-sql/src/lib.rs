//! What the engines say alike in SQL: expressions, through Limosa's one door to the SQL parser (an engine's
//! text in, [`Expr`] out, and back), and the queries of data tests.
//!
//! The parser is the slowest crate of the tree to build, so nothing else depends on it. Nothing here
//! decides for an engine: an engine brings its parser dialect for reading and its [`Words`] for writing.
//! Reading knows the three families by name, because the same word means different things in them
//! (`length`, `||`, `"x"`).
//!
//! | room | holds |
//! |---|---|
//! | `read` | text → tree; `None` rather than a guess |
//! | `functions` | the names of functions in each family |
//! | `write` | tree → text |
//! | `question` | data tests → queries |
//! | `mend` | the sentences that change one row |
//! | `formula` | text in Limosa's own words → tree, or the place of the mistake |

mod formula;
mod functions;
mod mend;
mod question;
mod read;
mod write;

use limosa_core::expression::{Expr, SqlText};
use limosa_core::schema::Type;

pub use formula::{Formula, Misread, Node, formula};
pub use mend::{Mending, mend};
pub use question::{Aggregated, Asking, question};
pub use sqlparser::dialect::{Dialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};

/// What an engine says in words of its own.
pub trait Words {
    /// Quotes an identifier.
    fn quote(&self, identifier: &str) -> String;
    /// Quotes a text literal.
    fn literal(&self, text: &str) -> String;
    /// Says a truth value.
    fn boolean(&self, value: bool) -> String;
    /// Says a bytes literal.
    fn bytes(&self, value: &[u8]) -> String;
    /// Says a call of a neutral function ([`Expr::Call`]) on arguments that are said already; `None` if
    /// there is none of the same meaning.
    ///
    /// Also asked for `like` with the two sides of a LIKE whose pattern has letters or is no literal:
    /// the answer must tell upper case from lower case. `None` is right where LIKE does not.
    fn call(&self, function: &str, arguments: &[String]) -> Option<String>;
    /// Says the concatenation of two texts; NULL if one of them is.
    fn concat(&self, left: &str, right: &str) -> String;
    /// Says a type in a cast; `None` if it can not be cast to.
    fn cast_type(&self, ty: &Type) -> Option<String>;
    /// Says the present moment with this many fractional digits.
    fn now(&self, digits: u8) -> String;
}

/// Reads an expression as the catalog of an engine of `family` gives it.
///
/// `parsed` is `None` where the text has parts without a neutral meaning; never an error, never a panic.
///
/// Sameness of meaning is taken strictly. Not read, because the engines differ: division without a
/// fractional number in it (MySQL keeps the fraction), LIKE patterns with letters outside PostgreSQL
/// (case folds elsewhere) or with a backslash, `substr` from a place that is no positive number,
/// `greatest` and `least` of parts that may be NULL, collations, casts to integers from SQLite.
pub fn read(family: &str, dialect: &dyn Dialect, text: &str) -> SqlText {
    SqlText {
        family: family.into(),
        text: text.into(),
        parsed: read::expression(family, dialect, text),
    }
}

/// Says an expression in an engine's words; `None` if it has none of the same meaning.
pub fn write(expression: &Expr, words: &dyn Words) -> Option<String> {
    write::expression(expression, words)
}

#[cfg(test)]
mod tests;
