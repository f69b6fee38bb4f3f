//! A small SQL expression tree: what defaults, checks, generated columns, partial and expression
//! indexes are made of, so that one engine's can be said in another's words.

use serde::{Deserialize, Serialize};

/// An expression as its engine spells it, and its neutral reading where there is one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SqlText {
    /// The family of engines whose words these are ([`crate::engine::Capabilities::family`]).
    pub family: String,
    /// The text, as the catalog gives it.
    pub text: String,
    /// The neutral reading; `None` if the text has parts that we do not understand.
    pub parsed: Option<Expr>,
}

/// A neutral expression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expr {
    /// NULL.
    Null,
    /// TRUE or FALSE.
    Bool(bool),
    /// A number as written.
    Number(String),
    /// A text literal.
    Text(String),
    /// A bytes literal.
    Bytes(Vec<u8>),
    /// A column of the same table.
    Column(String),
    /// A function of the neutral list: `lower`, `upper`, `length` (characters), `octet_length`, `trim`,
    /// `ltrim`, `rtrim`, `coalesce`, `nullif`, `abs`, `round`, `floor`, `ceil`, `substr`, `replace`,
    /// `concat`, `mod`, `uuid` (random), `json_valid`, `left`, `right`, `greatest`, `least`; and `next_value`
    /// of a sequence, whose namespace (if any) and name are texts.
    Call(String, Vec<Expr>),
    /// The present moment, with this many fractional digits.
    CurrentTimestamp(u8),
    /// Today.
    CurrentDate,
    /// The present time of day.
    CurrentTime,
    /// `-x`.
    Negate(Box<Expr>),
    /// `NOT x`.
    Not(Box<Expr>),
    /// Two sides and what joins them.
    Binary(Box<Expr>, Operator, Box<Expr>),
    /// `x IS NULL`, or `IS NOT NULL` if the flag is set.
    IsNull(Box<Expr>, bool),
    /// `x IN (…)`, or `NOT IN` if the flag is set.
    In(Box<Expr>, Vec<Expr>, bool),
    /// `x BETWEEN a AND b`, or `NOT BETWEEN` if the flag is set.
    Between(Box<Expr>, Box<Expr>, Box<Expr>, bool),
    /// `x LIKE pattern`, or `NOT LIKE` if the flag is set.
    Like(Box<Expr>, Box<Expr>, bool),
    /// `CASE WHEN … THEN … ELSE … END`, without an operand.
    Case(Vec<(Expr, Expr)>, Option<Box<Expr>>),
    /// `CAST(x AS t)` with a neutral type.
    Cast(Box<Expr>, Box<crate::schema::Type>),
}

/// What joins two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Times,
    /// `/`, with the meaning of the operands' types.
    Divide,
    /// `%`
    Modulo,
    /// `||` on text.
    Concat,
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `AND`
    And,
    /// `OR`
    Or,
}

impl Expr {
    /// Calls `see` with every column that the expression names, in order of appearance.
    pub fn columns<'a>(&'a self, see: &mut impl FnMut(&'a str)) {
        self.walk(&mut |e| {
            if let Expr::Column(name) = e {
                see(name);
            }
        });
    }

    fn walk<'a>(&'a self, see: &mut impl FnMut(&'a Expr)) {
        see(self);
        match self {
            Expr::Null
            | Expr::Bool(_)
            | Expr::Number(_)
            | Expr::Text(_)
            | Expr::Bytes(_)
            | Expr::Column(_)
            | Expr::CurrentTimestamp(_)
            | Expr::CurrentDate
            | Expr::CurrentTime => {}
            Expr::Call(_, args) => args.iter().for_each(|a| a.walk(see)),
            Expr::Negate(x) | Expr::Not(x) | Expr::IsNull(x, _) | Expr::Cast(x, _) => x.walk(see),
            Expr::Binary(a, _, b) | Expr::Like(a, b, _) => {
                a.walk(see);
                b.walk(see);
            }
            Expr::In(x, list, _) => {
                x.walk(see);
                list.iter().for_each(|a| a.walk(see));
            }
            Expr::Between(x, a, b, _) => {
                x.walk(see);
                a.walk(see);
                b.walk(see);
            }
            Expr::Case(arms, other) => {
                for (when, then) in arms {
                    when.walk(see);
                    then.walk(see);
                }
                if let Some(other) = other {
                    other.walk(see);
                }
            }
        }
    }

    /// Gives the expression with every column renamed by `name`.
    #[must_use]
    pub fn renamed(&self, name: &dyn Fn(&str) -> String) -> Expr {
        let go = |e: &Expr| e.renamed(name);
        let boxed = |e: &Expr| Box::new(e.renamed(name));
        match self {
            Expr::Column(c) => Expr::Column(name(c)),
            Expr::Call(f, args) => Expr::Call(f.clone(), args.iter().map(go).collect()),
            Expr::Negate(x) => Expr::Negate(boxed(x)),
            Expr::Not(x) => Expr::Not(boxed(x)),
            Expr::Binary(a, op, b) => Expr::Binary(boxed(a), *op, boxed(b)),
            Expr::IsNull(x, not) => Expr::IsNull(boxed(x), *not),
            Expr::In(x, list, not) => Expr::In(boxed(x), list.iter().map(go).collect(), *not),
            Expr::Between(x, a, b, not) => Expr::Between(boxed(x), boxed(a), boxed(b), *not),
            Expr::Like(a, b, not) => Expr::Like(boxed(a), boxed(b), *not),
            Expr::Case(arms, other) => Expr::Case(
                arms.iter().map(|(w, t)| (go(w), go(t))).collect(),
                other.as_deref().map(boxed),
            ),
            Expr::Cast(x, ty) => Expr::Cast(boxed(x), ty.clone()),
            other => other.clone(),
        }
    }
}
