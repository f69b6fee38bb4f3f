//! Expressions of the source in the target's words.

use limosa_core::dialect::Dialect;
use limosa_core::expression::{Expr, Operator, SqlText};
use limosa_core::schema::Type;
use std::collections::HashMap;

/// What an expression's column becomes.
#[derive(Clone, Debug)]
pub(crate) struct Become {
    /// Its name in the target.
    pub(crate) name: String,
    /// Its type in the source.
    pub(crate) from: Type,
    /// Its type in the target.
    pub(crate) to: Type,
    /// What the target really keeps: a decimal may be kept as text.
    pub(crate) kept: Type,
}

impl Become {
    /// Whether values compare in the target as they do in the source.
    pub(crate) fn compares(&self) -> bool {
        class(&self.from) == class(&self.kept)
    }
}

/// What a target column really keeps, as far as its own word for the type tells.
pub(crate) fn kept(family: &str, native: &str, ty: &Type) -> Type {
    match super::cast::meaning(family, native) {
        Type::Native { .. } => ty.base().clone(),
        known => known,
    }
}

/// The columns of one table, by source name.
pub(crate) type Columns = HashMap<String, Become>;

/// Everything that is needed to say an expression again.
pub(crate) struct Speaker<'a> {
    pub(crate) dialect: &'a dyn Dialect,
    pub(crate) family: &'a str,
    pub(crate) columns: &'a Columns,
}

impl Speaker<'_> {
    /// Says a condition, a generated column or an index expression; `None` if it can not be said.
    ///
    /// Within one family the text is kept as it is, unless a column that it may name is called otherwise.
    pub(crate) fn say(&self, text: &SqlText) -> Option<SqlText> {
        if text.family == self.family && !self.columns.iter().any(|(from, to)| *from != to.name) {
            return Some(text.clone());
        }
        let parsed = text.parsed.as_ref()?;
        let mut known = true;
        parsed.columns(&mut |c| known &= self.columns.contains_key(c));
        if !known || (text.family != self.family && !self.same_order(parsed)) {
            return None;
        }
        let fitted = if text.family == self.family {
            parsed.clone()
        } else {
            self.fit(parsed)
        };
        let renamed = fitted.renamed(&|c| self.columns[c].name.clone());
        self.write(renamed)
    }

    /// Says a default for a column of the target type `to`.
    pub(crate) fn default(&self, text: &SqlText, to: &Type) -> Option<SqlText> {
        if text.family == self.family {
            return Some(text.clone());
        }
        let fitted = literal(text.parsed.as_ref()?, to)?;
        self.write(fitted)
    }

    /// Writes a tree that speaks of target columns.
    pub(crate) fn write(&self, parsed: Expr) -> Option<SqlText> {
        Some(SqlText {
            family: self.family.into(),
            text: self.dialect.expression(&parsed)?,
            parsed: Some(parsed),
        })
    }

    /// Whether all columns that are named still compare as they did: a number that became text does
    /// not, and a truth value can not be counted with.
    fn same_order(&self, parsed: &Expr) -> bool {
        let mut same = true;
        parsed.columns(&mut |c| same &= self.columns.get(c).is_some_and(Become::compares));
        same && self.truthful(&self.fit(parsed), true)
    }

    fn truth(&self, x: &Expr) -> bool {
        matches!(x, Expr::Column(c) if self.columns.get(c)
            .is_some_and(|b| matches!(b.to.base(), Type::Boolean)))
    }

    /// Whether columns that are truth values stand only where truth values may; `asked` says that `x`
    /// itself stands there.
    fn truthful(&self, x: &Expr, asked: bool) -> bool {
        let logical = |x: &Expr| self.truth(x) || matches!(x, Expr::Bool(_) | Expr::Null);
        let plain = |x: &Expr| self.truthful(x, false);
        match x {
            Expr::Column(_) => asked || !self.truth(x),
            Expr::Binary(a, op, b) if compares(*op) && (self.truth(a) || self.truth(b)) => {
                logical(a) && logical(b)
            }
            Expr::Binary(a, Operator::And | Operator::Or, b) => {
                self.truthful(a, true) && self.truthful(b, true)
            }
            Expr::Binary(a, _, b) | Expr::Like(a, b, _) => plain(a) && plain(b),
            Expr::Not(a) | Expr::IsNull(a, _) => self.truthful(a, true),
            Expr::Negate(a) | Expr::Cast(a, _) => plain(a),
            Expr::In(a, list, _) if self.truth(a) => list.iter().all(logical),
            Expr::In(a, list, _) => plain(a) && list.iter().all(plain),
            Expr::Between(a, low, high, _) if self.truth(a) => logical(low) && logical(high),
            Expr::Between(a, low, high, _) => plain(a) && plain(low) && plain(high),
            Expr::Call(_, args) => args.iter().all(plain),
            Expr::Case(arms, other) => {
                arms.iter()
                    .all(|(when, then)| self.truthful(when, true) && plain(then))
                    && other.as_deref().is_none_or(plain)
            }
            _ => true,
        }
    }

    /// Makes numbers that are compared with columns that became truth values truth values too.
    fn fit(&self, x: &Expr) -> Expr {
        let boxed = |x: &Expr| Box::new(self.fit(x));
        match x {
            Expr::Binary(a, op, b) if compares(*op) && (self.truth(a) || self.truth(b)) => {
                Expr::Binary(Box::new(truth(a)), *op, Box::new(truth(b)))
            }
            Expr::In(a, list, not) if self.truth(a) => {
                Expr::In(a.clone(), list.iter().map(truth).collect(), *not)
            }
            Expr::Between(a, low, high, not) if self.truth(a) => {
                Expr::Between(a.clone(), Box::new(truth(low)), Box::new(truth(high)), *not)
            }
            Expr::Binary(a, op, b) => Expr::Binary(boxed(a), *op, boxed(b)),
            Expr::Not(a) => Expr::Not(boxed(a)),
            Expr::Call(f, args) => {
                Expr::Call(f.clone(), args.iter().map(|a| self.fit(a)).collect())
            }
            Expr::Case(arms, other) => Expr::Case(
                arms.iter()
                    .map(|(w, t)| (self.fit(w), self.fit(t)))
                    .collect(),
                other.as_deref().map(boxed),
            ),
            other => other.clone(),
        }
    }
}

fn compares(op: Operator) -> bool {
    matches!(
        op,
        Operator::Equal
            | Operator::NotEqual
            | Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual
    )
}

fn truth(x: &Expr) -> Expr {
    match x {
        Expr::Number(n) | Expr::Text(n) if n == "0" => Expr::Bool(false),
        Expr::Number(n) | Expr::Text(n) if n == "1" => Expr::Bool(true),
        other => other.clone(),
    }
}

/// Kinds of values that compare alike.
fn class(ty: &Type) -> u8 {
    match ty.base() {
        Type::Boolean
        | Type::Bit {
            length: Some(1), ..
        }
        | Type::Integer { .. }
        | Type::Year
        | Type::Decimal { .. }
        | Type::Money { .. }
        | Type::Float { .. } => 1,
        // Dates are kept in text so that they sort.
        Type::Char { .. }
        | Type::Varchar { .. }
        | Type::Text { .. }
        | Type::Enum { .. }
        | Type::Set { .. }
        | Type::Uuid
        | Type::Date
        | Type::Timestamp { .. } => 2,
        Type::Binary { .. } | Type::Varbinary { .. } | Type::Blob { .. } => 3,
        Type::Time { .. } => 4,
        Type::Json { .. } | Type::Array { .. } => 5,
        _ => 6,
    }
}

/// Fits a default to the type that it will be of; `None` if it can not be a value of it.
fn literal(x: &Expr, to: &Type) -> Option<Expr> {
    let (number, words) = match x {
        Expr::Number(n) => (Some(n.clone()), None),
        Expr::Text(t) => (None, Some(t.clone())),
        Expr::Negate(inner) => match &**inner {
            Expr::Number(n) => (Some(format!("-{n}")), None),
            _ => (None, None),
        },
        _ => (None, None),
    };
    match to.base() {
        Type::Boolean => match truth(x) {
            Expr::Number(_) => None,
            Expr::Text(t) => match t.to_ascii_lowercase().as_str() {
                "t" | "true" | "yes" | "y" | "on" => Some(Expr::Bool(true)),
                "f" | "false" | "no" | "n" | "off" => Some(Expr::Bool(false)),
                _ => None,
            },
            other => Some(other),
        },
        Type::Integer { .. }
        | Type::Year
        | Type::Decimal { .. }
        | Type::Money { .. }
        | Type::Float { .. } => match (words, x) {
            (Some(t), _) => {
                let t = t.trim();
                let plain = t.parse::<f64>().is_ok_and(f64::is_finite);
                plain.then(|| Expr::Number(t.into()))
            }
            (None, Expr::Bool(b)) => Some(Expr::Number(u8::from(*b).to_string())),
            _ => Some(x.clone()),
        },
        Type::Char { .. } | Type::Varchar { .. } | Type::Text { .. } => match number {
            Some(n) => Some(Expr::Text(n)),
            None => Some(x.clone()),
        },
        Type::Date => match words {
            Some(t) => {
                limosa_core::notation::parse_date(t.as_bytes()).map(|_| Expr::Text(t.clone()))
            }
            None => number.is_none().then(|| x.clone()),
        },
        Type::Timestamp { .. } => match words {
            Some(t) => limosa_core::notation::parse_timestamp(t.as_bytes())
                .or_else(|| limosa_core::notation::parse_timestamp_tz(t.as_bytes()))
                .map(|_| Expr::Text(t.clone())),
            None => number.is_none().then(|| x.clone()),
        },
        Type::Json { .. } => match words {
            Some(t) => serde_json::from_str::<serde_json::Value>(&t)
                .is_ok()
                .then_some(Expr::Text(t)),
            None => matches!(x, Expr::Null).then_some(Expr::Null),
        },
        Type::Enum { members, .. } => match words {
            Some(t) => members.contains(&t).then_some(Expr::Text(t)),
            None => matches!(x, Expr::Null).then_some(Expr::Null),
        },
        Type::Uuid | Type::Time { .. } => number.is_none().then(|| x.clone()),
        Type::Binary { .. } | Type::Varbinary { .. } | Type::Blob { .. } => match words {
            Some(t) => Some(Expr::Bytes(t.into_bytes())),
            None => Some(x.clone()),
        },
        // The forms of the rest differ too much between engines.
        _ => matches!(x, Expr::Null).then_some(Expr::Null),
    }
}
