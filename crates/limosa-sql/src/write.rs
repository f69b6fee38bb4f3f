//! Tree → text, with brackets where one of the three engines would bind otherwise.

use crate::Words;
use limosa_core::expression::{Expr, Operator};

// How tightly a text binds; what binds less than its place asks for is bracketed.
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARE: u8 = 4;
/// Concatenation binds above or below arithmetic, as the engine likes: always bracketed within it.
const CONCAT: u8 = 5;
const SUM: u8 = 6;
const PRODUCT: u8 = 7;
const SIGN: u8 = 8;
const ATOM: u8 = 9;
/// Deeper trees are not said; nothing that was read is as deep.
const MAX_DEPTH: usize = 2_000;

pub(crate) fn expression(e: &Expr, words: &dyn Words) -> Option<String> {
    Say { words }.say(e, 0).map(|(text, _)| text)
}

struct Say<'a> {
    words: &'a dyn Words,
}

impl Say<'_> {
    /// Says a part so that it binds at least as tightly as `least`.
    fn part(&self, e: &Expr, least: u8, depth: usize) -> Option<String> {
        let (text, binds) = self.say(e, depth + 1)?;
        Some(if binds >= least {
            text
        } else {
            format!("({text})")
        })
    }

    fn list(&self, list: &[Expr], depth: usize) -> Option<Vec<String>> {
        list.iter().map(|e| self.part(e, 0, depth)).collect()
    }

    fn say(&self, e: &Expr, depth: usize) -> Option<(String, u8)> {
        if depth > MAX_DEPTH {
            return None;
        }
        let words = self.words;
        let not = |negated: bool| if negated { " NOT" } else { "" };
        Some(match e {
            Expr::Null => ("NULL".into(), ATOM),
            Expr::Bool(b) => (words.boolean(*b), ATOM),
            Expr::Number(n) => (n.clone(), if n.starts_with('-') { SIGN } else { ATOM }),
            Expr::Text(t) => (words.literal(t), ATOM),
            Expr::Bytes(b) => (words.bytes(b), ATOM),
            Expr::Column(c) => (words.quote(c), ATOM),
            Expr::Call(name, arguments) => (words.call(name, &self.list(arguments, depth)?)?, ATOM),
            Expr::CurrentTimestamp(digits) => (words.now(*digits), ATOM),
            Expr::CurrentDate => ("CURRENT_DATE".into(), ATOM),
            Expr::CurrentTime => ("CURRENT_TIME".into(), ATOM),
            Expr::Negate(x) => (format!("-{}", self.part(x, ATOM, depth)?), SIGN),
            Expr::Not(x) => (format!("NOT {}", self.part(x, ATOM, depth)?), NOT),
            Expr::Binary(a, Operator::Concat, b) => (
                words.concat(&self.part(a, ATOM, depth)?, &self.part(b, ATOM, depth)?),
                CONCAT,
            ),
            Expr::Binary(a, operator, b) => {
                let (sign, binds, left, right) = match operator {
                    Operator::Or => ("OR", OR, OR, AND),
                    Operator::And => ("AND", AND, AND, NOT),
                    Operator::Equal => ("=", COMPARE, CONCAT, CONCAT),
                    Operator::NotEqual => ("<>", COMPARE, CONCAT, CONCAT),
                    Operator::Less => ("<", COMPARE, CONCAT, CONCAT),
                    Operator::LessOrEqual => ("<=", COMPARE, CONCAT, CONCAT),
                    Operator::Greater => (">", COMPARE, CONCAT, CONCAT),
                    Operator::GreaterOrEqual => (">=", COMPARE, CONCAT, CONCAT),
                    Operator::Plus => ("+", SUM, SUM, PRODUCT),
                    Operator::Minus => ("-", SUM, SUM, PRODUCT),
                    Operator::Times => ("*", PRODUCT, PRODUCT, SIGN),
                    Operator::Divide => ("/", PRODUCT, PRODUCT, SIGN),
                    Operator::Modulo => ("%", PRODUCT, PRODUCT, SIGN),
                    Operator::Concat => unreachable!("said above"),
                };
                let (a, b) = (self.part(a, left, depth)?, self.part(b, right, depth)?);
                (format!("{a} {sign} {b}"), binds)
            }
            Expr::IsNull(x, negated) => {
                let x = self.part(x, CONCAT, depth)?;
                (format!("{x} IS{} NULL", not(*negated)), COMPARE)
            }
            Expr::In(x, list, negated) => {
                if list.is_empty() {
                    return None;
                }
                let x = self.part(x, CONCAT, depth)?;
                let list = self.list(list, depth)?.join(", ");
                (format!("{x}{} IN ({list})", not(*negated)), COMPARE)
            }
            Expr::Between(x, a, b, negated) => {
                let (x, a, b) = (
                    self.part(x, CONCAT, depth)?,
                    self.part(a, CONCAT, depth)?,
                    self.part(b, CONCAT, depth)?,
                );
                (format!("{x}{} BETWEEN {a} AND {b}", not(*negated)), COMPARE)
            }
            Expr::Like(x, pattern, negated) => {
                let (x, p) = (
                    self.part(x, CONCAT, depth)?,
                    self.part(pattern, CONCAT, depth)?,
                );
                let plain = matches!(&**pattern, Expr::Text(t)
                    if !t.contains('\\') && !t.chars().any(char::is_alphabetic));
                if plain {
                    (format!("{x}{} LIKE {p}", not(*negated)), COMPARE)
                } else {
                    let said = words.call("like", &[x, p])?;
                    match negated {
                        false => (said, COMPARE),
                        true => (format!("NOT ({said})"), NOT),
                    }
                }
            }
            Expr::Case(arms, other) => {
                if arms.is_empty() {
                    return None;
                }
                let mut text = String::from("CASE");
                for (when, then) in arms {
                    let (when, then) = (self.part(when, 0, depth)?, self.part(then, 0, depth)?);
                    text.push_str(&format!(" WHEN {when} THEN {then}"));
                }
                if let Some(other) = other {
                    text.push_str(&format!(" ELSE {}", self.part(other, 0, depth)?));
                }
                text.push_str(" END");
                (text, ATOM)
            }
            Expr::Cast(x, ty) => {
                let ty = words.cast_type(ty)?;
                (format!("CAST({} AS {ty})", self.part(x, 0, depth)?), ATOM)
            }
        })
    }
}
