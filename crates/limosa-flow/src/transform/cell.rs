//! What a formula works on: the cells of one row, borrowed, and memory for what is made anew.

use bumpalo::Bump;
use limosa_core::batch::Cell;

/// Why a formula gave no value for a row. Holds no value of the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fail {
    /// The function or operator, as it is written.
    pub step: &'static str,
    /// Why, as a phrase: "division by zero".
    pub why: &'static str,
}

pub(super) type Result<T, E = Fail> = std::result::Result<T, E>;

/// Makes a [`Fail`].
pub(super) fn fail<T>(step: &'static str, why: &'static str) -> Result<T> {
    Err(Fail { step, why })
}

/// One row under a formula. `'a` is the life of the batch and of what was made from it.
pub(super) struct Env<'r, 'a> {
    /// The cells that were read, in the order of the read columns.
    pub(super) row: &'r [Cell<'a>],
    /// Memory that lives as long as the batch.
    pub(super) arena: &'a Bump,
    /// The moment of the plan: microseconds since 1970 in UTC.
    pub(super) now: i64,
}

impl<'a> Env<'_, 'a> {
    /// Keeps a text.
    pub(super) fn text(&self, text: &str) -> Cell<'a> {
        Cell::Text(self.arena.alloc_str(text))
    }
}

/// A compiled formula.
pub(super) type Run = Box<dyn for<'r, 'a> Fn(&Env<'r, 'a>) -> Result<Cell<'a>> + Send + Sync>;

/// Takes a text out of a cell that was checked to be one.
#[inline]
pub(super) fn text<'a>(cell: Cell<'a>) -> Result<&'a str> {
    match cell {
        Cell::Text(t) | Cell::Json(t) => Ok(t),
        _ => fail("text", "the value is no text"),
    }
}

/// Takes a whole number.
#[inline]
pub(super) fn int(cell: Cell<'_>) -> Result<i128> {
    match cell {
        Cell::Int(i) => Ok(i.into()),
        Cell::UInt(u) => Ok(u.into()),
        _ => fail("integer", "the value is no whole number"),
    }
}

/// Takes a truth value; `None` is unknown.
#[inline]
pub(super) fn truth(cell: Cell<'_>) -> Result<Option<bool>> {
    match cell {
        Cell::Bool(b) => Ok(Some(b)),
        Cell::Null => Ok(None),
        _ => fail("boolean", "the value is no truth value"),
    }
}

/// Takes a float.
#[inline]
pub(super) fn float(cell: Cell<'_>) -> Result<f64> {
    match cell {
        Cell::F64(f) => Ok(f),
        Cell::F32(f) => Ok(f.into()),
        Cell::Int(i) => Ok(i as f64),
        Cell::UInt(u) => Ok(u as f64),
        Cell::Decimal(t) => t
            .parse()
            .or_else(|_| fail("float", "the value is no number")),
        _ => fail("float", "the value is no number"),
    }
}

/// Puts a whole number into a cell of `bits` bits.
#[inline]
pub(super) fn whole<'a>(n: i128, bits: u8, unsigned: bool, step: &'static str) -> Result<Cell<'a>> {
    let fits = match unsigned {
        true => n >= 0 && n < 1i128 << bits,
        false => n >= -(1i128 << (bits - 1)) && n < 1i128 << (bits - 1),
    };
    match (fits, i64::try_from(n), u64::try_from(n)) {
        (true, Ok(i), _) => Ok(Cell::Int(i)),
        (true, _, Ok(u)) => Ok(Cell::UInt(u)),
        _ => fail(step, "the whole number is out of range"),
    }
}
