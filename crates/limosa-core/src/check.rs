//! What a data test asks of one database, as plain data. Each engine's room `check` turns a
//! [`Question`] into one query; an [`Examiner`] runs it.
//!
//! # One meaning on every engine
//!
//! Texts are equal if their bytes are, whatever the collation says. Lengths count characters (code
//! points), or bytes for binary columns. A NULL is neither in a list nor outside of a range, and has
//! no length: it is not asked ([`Fault::asked`]). What no two engines mean alike (regular expressions) is
//! not asked here: the values come through [`Question::Values`] and are judged by us. A parent is
//! found as the engine's own foreign keys find it.

use crate::Result;
use crate::schema::{TableName, Type};

/// A column as a data test sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name in this database.
    pub name: String,
    /// Its type there.
    pub ty: Type,
}

/// How the values of a column are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// As numbers; a truth value is 0 or 1.
    Number,
    /// As characters, byte for byte in UTF-8.
    Text,
    /// As bytes.
    Bytes,
    /// As moments; those without a zone are taken as UTC.
    Moment,
    /// As the engine's own text of the value; has no order.
    Other,
}

impl Field {
    /// How its values are compared.
    pub fn class(&self) -> Class {
        match self.ty.base() {
            Type::Boolean
            | Type::Integer { .. }
            | Type::Decimal { .. }
            | Type::Float { .. }
            | Type::Money { .. }
            | Type::Year => Class::Number,
            Type::Char { .. }
            | Type::Varchar { .. }
            | Type::Text { .. }
            | Type::Enum { .. }
            | Type::Set { .. }
            | Type::Uuid => Class::Text,
            Type::Binary { .. } | Type::Varbinary { .. } | Type::Blob { .. } => Class::Bytes,
            Type::Date | Type::Timestamp { .. } => Class::Moment,
            _ => Class::Other,
        }
    }

    /// Whether its values may be longer than an engine cares to sort or group by.
    pub fn long(&self) -> bool {
        match self.ty.base() {
            Type::Text { .. } | Type::Blob { .. } | Type::Json { .. } => true,
            Type::Char { length } | Type::Varchar { length } => *length > 255,
            Type::Binary { length } | Type::Varbinary { length } => *length > 255,
            _ => false,
        }
    }
}

/// A value that a person wrote, already of its column's [`Class`].
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// A number as decimal text: `-12.50`, `1e6`.
    Number(String),
    /// Text.
    Text(String),
    /// Microseconds since 1970-01-01 00:00 UTC.
    Moment(i64),
}

/// One end of a range.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// The end.
    pub value: Literal,
    /// Whether the end itself is outside.
    pub strict: bool,
}

/// Which rows are asked about.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// The table in this database.
    pub table: TableName,
    /// A condition in this engine's own SQL; all rows if there is none.
    pub filter: Option<String>,
}

/// Which rows a key with NULLs in it leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nulls {
    /// Rows with a NULL in any column, as a UNIQUE constraint does.
    #[default]
    AnyIgnored,
    /// Rows in which all columns are NULL; else NULLs are equal.
    AllIgnored,
    /// None: NULLs are equal.
    Equal,
}

/// What makes a row a failing one.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The column is NULL.
    Null(Field),
    /// The value is not in a list, or is in it.
    Listed {
        /// The column.
        field: Field,
        /// The list; never empty.
        values: Vec<Literal>,
        /// Whether the value must be in it.
        wanted: bool,
    },
    /// The value is outside of a range; what is no number or moment at all is outside too.
    Outside {
        /// The column: of numbers or moments.
        field: Field,
        /// The lower end.
        min: Option<Bound>,
        /// The upper end.
        max: Option<Bound>,
    },
    /// The text is too short or too long.
    Length {
        /// The column.
        field: Field,
        /// The least length.
        min: Option<u64>,
        /// The greatest length.
        max: Option<u64>,
    },
    /// Another row has the same values. All such rows fail.
    Repeated {
        /// The columns; never empty.
        fields: Vec<Field>,
        /// What NULLs mean.
        nulls: Nulls,
    },
    /// No parent has these values. A row with a NULL in any of them names none.
    Orphan {
        /// The child's columns.
        fields: Vec<Field>,
        /// The parent.
        parent: TableName,
        /// The parent's columns, as many.
        parent_fields: Vec<Field>,
    },
    /// A condition in this engine's own SQL is false.
    Untrue(String),
}

impl Fault {
    /// The columns without which there is nothing to ask of a row; empty if every row is asked.
    pub fn asked(&self) -> &[Field] {
        match self {
            Fault::Null(_) | Fault::Untrue(_) | Fault::Repeated { .. } => &[],
            Fault::Listed { field, .. }
            | Fault::Outside { field, .. }
            | Fault::Length { field, .. } => std::slice::from_ref(field),
            Fault::Orphan { fields, .. } => fields,
        }
    }
}

/// What is made of all values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// Their sum.
    Sum,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// How many different ones there are.
    Distinct,
}

/// Of what an aggregate is made.
#[derive(Clone, Debug, PartialEq)]
pub enum Over {
    /// A column.
    Field(Field),
    /// An expression in this engine's own SQL, of numbers.
    Expression(String),
}

/// One question, answered by one query.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// One row of four numbers: rows in all; rows that are asked; failing rows; and different failing
    /// values where that is another number ([`Fault::Listed`], [`Fault::Repeated`]), else failing rows again.
    Count {
        /// Which rows.
        rows: Rows,
        /// What fails.
        fault: Fault,
    },
    /// Failing rows: the cells of `show` as text.
    Sample {
        /// Which rows.
        rows: Rows,
        /// What fails.
        fault: Fault,
        /// The columns that are shown.
        show: Vec<Field>,
        /// The first so many by the first `key` columns of `show`; all, in no order, if there is none.
        limit: Option<(u64, usize)>,
    },
    /// The cells of `show` as text, of every row in which the last of them is not NULL.
    Values {
        /// Which rows.
        rows: Rows,
        /// The columns; never empty.
        show: Vec<Field>,
    },
    /// One row: the aggregate as text (NULL if there is no value), the number of values, and `t` or `f`: whether it
    /// is exact or was computed in binary floating point.
    Aggregate {
        /// Which rows.
        rows: Rows,
        /// What is made.
        function: Aggregate,
        /// Of what.
        over: Over,
    },
    /// One number: how many rows there are.
    Number(Rows),
}

/// A connection for data tests: it sees one moment of the database and can write nothing.
pub trait Examiner: Send {
    /// Runs one query and shows every row to `see`, cell by cell as text (what is not UTF-8 with
    /// U+FFFD in its place). Rows are not kept, so their number does not matter.
    ///
    /// # Errors
    /// What the server says, or `see`; afterwards the examiner answers nothing more.
    fn each(&mut self, sql: &str, see: &mut dyn FnMut(&[Option<&str>]) -> Result<()>)
    -> Result<()>;
}
