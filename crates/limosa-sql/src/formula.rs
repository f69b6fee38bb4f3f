//! Formulas: expressions in Limosa's own words, which mean the same on every engine.
//!
//! A transform is written in them. The words are those of SQL as PostgreSQL spells it; what they mean is
//! said by whoever evaluates them, and nothing here is an engine's. Operators are calls of functions with
//! the operator's name (`+`, `and`, `like`), so that one table of functions holds all of the language.
//! Every part knows its place, for messages.

use crate::read::{MAX_DEPTH, hex, tree};
use limosa_core::schema::Type;
use sqlparser::ast::{
    self, BinaryOperator, CastKind, CeilFloorKind, DataType, DateTimeField, ExactNumberInfo,
    FunctionArg, FunctionArgExpr, FunctionArguments, Spanned, TimezoneInfo, TrimWhereField,
    UnaryOperator, Value,
};
use sqlparser::dialect::PostgreSqlDialect;

/// A formula, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Formula {
    /// Where it begins: bytes from the beginning of the text.
    pub at: usize,
    /// What it is.
    pub node: Node,
}

/// What a part of a formula is.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// NULL.
    Null,
    /// TRUE or FALSE.
    Bool(bool),
    /// A number as written, without a sign.
    Number(String),
    /// A text literal.
    Text(String),
    /// A bytes literal, `x'00ff'`.
    Bytes(Vec<u8>),
    /// A column; a name without quotes is as it is written.
    Column(String),
    /// A function, in lower case, or an operator.
    Call(String, Vec<Formula>),
    /// `CAST(x AS type)`.
    Cast(Box<Formula>, Type),
    /// `CASE WHEN … THEN … ELSE … END`, without an operand.
    Case(Vec<(Formula, Formula)>, Option<Box<Formula>>),
}

/// Why a text is no formula.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misread {
    /// Where: bytes from the beginning of the text.
    pub at: usize,
    /// Why, as a phrase.
    pub why: String,
}

impl Formula {
    /// Calls `see` with every column that the formula names, in order of appearance.
    pub fn columns<'a>(&'a self, see: &mut impl FnMut(&'a str)) {
        self.walk(&mut |f| {
            if let Node::Column(name) = &f.node {
                see(name);
            }
        });
    }

    /// Calls `see` with the formula and every part of it, outer parts first.
    pub fn walk<'a>(&'a self, see: &mut impl FnMut(&'a Formula)) {
        see(self);
        match &self.node {
            Node::Call(_, parts) => parts.iter().for_each(|p| p.walk(see)),
            Node::Cast(x, _) => x.walk(see),
            Node::Case(arms, other) => {
                for (when, then) in arms {
                    when.walk(see);
                    then.walk(see);
                }
                if let Some(other) = other {
                    other.walk(see);
                }
            }
            _ => {}
        }
    }
}

/// Reads a formula.
///
/// # Errors
/// [`Misread`] for text that is no expression, and for forms that the language does not have
/// (subqueries, aggregates, window functions, collations, arrays).
pub fn formula(text: &str) -> Result<Formula, Misread> {
    let tree = tree(&PostgreSqlDialect {}, text).map_err(|error| {
        let (at, why) = place_of(text, &error);
        Misread { at, why }
    })?;
    Reading { text }.read(&tree, 0, 0)
}

/// Takes the place out of the parser's words (`… at Line: 1, Column: 7`).
fn place_of(text: &str, error: &str) -> (usize, String) {
    let error = error
        .trim_start_matches("sql parser error: ")
        .trim_start_matches("SQL error: ");
    let Some((why, place)) = error.rsplit_once(" at Line: ") else {
        let end = error.ends_with("found: EOF");
        return (if end { text.len() } else { 0 }, error.to_owned());
    };
    let mut numbers = place
        .split(", Column: ")
        .filter_map(|n| n.trim().parse().ok());
    let at = match (numbers.next(), numbers.next()) {
        (Some(line), Some(column)) => offset(text, line, column),
        _ => 0,
    };
    (at, why.to_owned())
}

/// The byte of a line and column, both from 1, the column in characters.
fn offset(text: &str, line: u64, column: u64) -> usize {
    let skip = |n: u64| usize::try_from(n.saturating_sub(1)).unwrap_or(usize::MAX);
    let start: usize = text
        .split_inclusive('\n')
        .take(skip(line))
        .map(str::len)
        .sum();
    text[start..]
        .char_indices()
        .nth(skip(column))
        .map_or(text.len(), |(i, _)| start + i)
}

struct Reading<'a> {
    text: &'a str,
}

impl Reading<'_> {
    /// Reads a part. `above` is the place of the part that holds it, for those that do not know their own.
    fn read(&self, e: &ast::Expr, above: usize, depth: usize) -> Result<Formula, Misread> {
        let start = e.span().start;
        let at = match start.line {
            0 => above,
            line => offset(self.text, line, start.column),
        };
        if depth > 4 * MAX_DEPTH {
            return Err(Misread {
                at,
                why: "the parts are nested too deeply".into(),
            });
        }
        let read = |x: &ast::Expr| self.read(x, at, depth + 1);
        let call = |name: &str, parts: Vec<Formula>| Node::Call(name.into(), parts);
        let made = |node| Ok(Formula { at, node });
        let not = |negated: bool, node: Node| match negated {
            true => call("not", vec![Formula { at, node }]),
            false => node,
        };
        let no = |why: String| Err(Misread { at, why });
        let node = match e {
            ast::Expr::Nested(inner) => return self.read(inner, above, depth + 1),
            ast::Expr::Identifier(name) => match name.value.to_ascii_lowercase().as_str() {
                word @ ("current_timestamp" | "current_date") if name.quote_style.is_none() => {
                    call(word, vec![])
                }
                _ => Node::Column(name.value.clone()),
            },
            ast::Expr::CompoundIdentifier(_) => {
                return no(format!(
                    "{e} names a table: columns are named alone, and those of other tables are reached by lookup('table.column', key)"
                ));
            }
            ast::Expr::Value(value) => self.value(&value.value, at)?,
            ast::Expr::TypedString(typed) => {
                let text = match &typed.value.value {
                    Value::SingleQuotedString(s) => s.clone(),
                    other => return no(format!("{other} is no text")),
                };
                let inner = Formula {
                    at,
                    node: Node::Text(text),
                };
                Node::Cast(Box::new(inner), self.ty(&typed.data_type, at)?)
            }
            ast::Expr::Interval(interval)
                if interval.leading_field.is_none() && interval.last_field.is_none() =>
            {
                Node::Cast(Box::new(read(&interval.value)?), Type::Interval)
            }
            ast::Expr::Interval(_) => {
                return no("an interval is written as interval '1 day 2 hours'".into());
            }
            ast::Expr::IsNull(x) => call("is null", vec![read(x)?]),
            ast::Expr::IsNotNull(x) => not(true, call("is null", vec![read(x)?])),
            ast::Expr::IsTrue(x) => call("is true", vec![read(x)?]),
            ast::Expr::IsNotTrue(x) => not(true, call("is true", vec![read(x)?])),
            ast::Expr::IsFalse(x) => call("is false", vec![read(x)?]),
            ast::Expr::IsNotFalse(x) => not(true, call("is false", vec![read(x)?])),
            ast::Expr::IsDistinctFrom(a, b) => call("is distinct from", vec![read(a)?, read(b)?]),
            ast::Expr::IsNotDistinctFrom(a, b) => {
                not(true, call("is distinct from", vec![read(a)?, read(b)?]))
            }
            ast::Expr::InList {
                expr,
                list,
                negated,
            } if !list.is_empty() => {
                let mut parts = vec![read(expr)?];
                for x in list {
                    parts.push(read(x)?);
                }
                not(*negated, call("in", parts))
            }
            ast::Expr::Between {
                expr,
                negated,
                low,
                high,
            } => not(
                *negated,
                call("between", vec![read(expr)?, read(low)?, read(high)?]),
            ),
            ast::Expr::Like {
                negated,
                any: false,
                expr,
                pattern,
                escape_char,
            }
            | ast::Expr::ILike {
                negated,
                any: false,
                expr,
                pattern,
                escape_char,
            } => {
                let name = match e {
                    ast::Expr::Like { .. } => "like",
                    _ => "ilike",
                };
                let mut parts = vec![read(expr)?, read(pattern)?];
                if let Some(escape) = escape_char {
                    parts.push(read(escape)?);
                }
                not(*negated, call(name, parts))
            }
            ast::Expr::UnaryOp { op, expr } => match op {
                UnaryOperator::Plus => return read(expr),
                UnaryOperator::Minus => call("negate", vec![read(expr)?]),
                UnaryOperator::Not => call("not", vec![read(expr)?]),
                other => return no(format!("there is no operator {other} here")),
            },
            ast::Expr::BinaryOp { left, op, right } => {
                let name = match op {
                    BinaryOperator::Plus => "+",
                    BinaryOperator::Minus => "-",
                    BinaryOperator::Multiply => "*",
                    BinaryOperator::Divide => "/",
                    BinaryOperator::Modulo => "%",
                    BinaryOperator::StringConcat => "||",
                    BinaryOperator::Eq => "=",
                    BinaryOperator::NotEq => "<>",
                    BinaryOperator::Lt => "<",
                    BinaryOperator::LtEq => "<=",
                    BinaryOperator::Gt => ">",
                    BinaryOperator::GtEq => ">=",
                    BinaryOperator::And => "and",
                    BinaryOperator::Or => "or",
                    BinaryOperator::Arrow => "->",
                    BinaryOperator::LongArrow => "->>",
                    other => return no(format!("there is no operator {other} here")),
                };
                call(name, vec![read(left)?, read(right)?])
            }
            ast::Expr::Cast {
                kind: CastKind::Cast | CastKind::DoubleColon,
                expr,
                data_type,
                format: None,
                ..
            } => Node::Cast(Box::new(read(expr)?), self.ty(data_type, at)?),
            ast::Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => {
                let operand = operand.as_deref().map(read).transpose()?;
                let mut arms = Vec::with_capacity(conditions.len());
                for arm in conditions {
                    let mut when = read(&arm.condition)?;
                    if let Some(operand) = &operand {
                        when = Formula {
                            at: when.at,
                            node: call("=", vec![operand.clone(), when]),
                        };
                    }
                    arms.push((when, read(&arm.result)?));
                }
                let other = else_result.as_deref().map(read).transpose()?.map(Box::new);
                Node::Case(arms, other)
            }
            ast::Expr::Extract { field, expr, .. } => {
                let word = Formula {
                    at,
                    node: Node::Text(field.to_string().to_ascii_lowercase()),
                };
                call("extract", vec![word, read(expr)?])
            }
            ast::Expr::Ceil { expr, field } => {
                call("ceil", vec![self.whole(expr, field, at, depth)?])
            }
            ast::Expr::Floor { expr, field } => {
                call("floor", vec![self.whole(expr, field, at, depth)?])
            }
            ast::Expr::Position { expr, r#in } => call("position", vec![read(expr)?, read(r#in)?]),
            ast::Expr::Trim {
                trim_where,
                trim_what,
                expr,
                trim_characters,
            } => {
                let name = match trim_where {
                    None | Some(TrimWhereField::Both) => "trim",
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                };
                let mut parts = vec![read(expr)?];
                if let Some(what) = trim_what {
                    parts.push(read(what)?);
                }
                for x in trim_characters.iter().flatten() {
                    parts.push(read(x)?);
                }
                call(name, parts)
            }
            ast::Expr::Substring {
                expr,
                substring_from,
                substring_for,
                ..
            } => {
                let mut parts = vec![read(expr)?];
                match substring_from {
                    Some(from) => parts.push(read(from)?),
                    None if substring_for.is_some() => parts.push(Formula {
                        at,
                        node: Node::Number("1".into()),
                    }),
                    None => {}
                }
                if let Some(n) = substring_for {
                    parts.push(read(n)?);
                }
                call("substr", parts)
            }
            ast::Expr::AtTimeZone {
                timestamp,
                time_zone,
            } => call("at time zone", vec![read(timestamp)?, read(time_zone)?]),
            ast::Expr::Function(function) => self.function(function, at, depth)?,
            ast::Expr::Subquery(_) | ast::Expr::Exists { .. } | ast::Expr::InSubquery { .. } => {
                return no(
                    "there are no queries in a formula; use lookup('table.column', key)".into(),
                );
            }
            other => return no(format!("a formula can not hold {other}")),
        };
        made(node)
    }

    fn value(&self, value: &Value, at: usize) -> Result<Node, Misread> {
        Ok(match value {
            Value::Null => Node::Null,
            Value::Boolean(b) => Node::Bool(*b),
            Value::Number(n, false) => Node::Number(n.clone()),
            Value::SingleQuotedString(s)
            | Value::EscapedStringLiteral(s)
            | Value::UnicodeStringLiteral(s) => Node::Text(s.clone()),
            Value::DollarQuotedString(s) => Node::Text(s.value.clone()),
            Value::HexStringLiteral(h) => Node::Bytes(hex(h).ok_or_else(|| Misread {
                at,
                why: "a bytes literal has two hexadecimal digits for each byte".into(),
            })?),
            other => {
                return Err(Misread {
                    at,
                    why: format!("a formula can not hold {other}"),
                });
            }
        })
    }

    fn whole(
        &self,
        e: &ast::Expr,
        field: &CeilFloorKind,
        at: usize,
        depth: usize,
    ) -> Result<Formula, Misread> {
        match field {
            CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) => self.read(e, at, depth + 1),
            _ => Err(Misread {
                at,
                why: "ceil and floor take one argument".into(),
            }),
        }
    }

    fn function(&self, f: &ast::Function, at: usize, depth: usize) -> Result<Node, Misread> {
        let no = |why: &str| {
            Err(Misread {
                at,
                why: why.into(),
            })
        };
        if f.over.is_some()
            || f.filter.is_some()
            || f.null_treatment.is_some()
            || !f.within_group.is_empty()
            || !matches!(f.parameters, FunctionArguments::None)
        {
            return no("a formula sees one row: there are no window functions and aggregates");
        }
        let [ast::ObjectNamePart::Identifier(name)] = &f.name.0[..] else {
            return no("a function has a name of one word");
        };
        let mut parts = Vec::new();
        match &f.args {
            FunctionArguments::None => {}
            FunctionArguments::List(list)
                if list.duplicate_treatment.is_none() && list.clauses.is_empty() =>
            {
                for argument in &list.args {
                    match argument {
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => {
                            parts.push(self.read(e, at, depth + 1)?);
                        }
                        _ => return no("arguments are plain expressions"),
                    }
                }
            }
            _ => return no("arguments are plain expressions"),
        }
        let name = name.value.to_ascii_lowercase();
        Ok(Node::Call(name, parts))
    }

    /// The neutral type of a type's words.
    fn ty(&self, ty: &DataType, at: usize) -> Result<Type, Misread> {
        let integer = |bits| Type::Integer {
            bits,
            unsigned: false,
        };
        let chars = |n: &Option<ast::CharacterLength>| match n {
            Some(ast::CharacterLength::IntegerLength { length, .. }) => {
                match u32::try_from(*length) {
                    Ok(length) if length > 0 => Some(Type::Varchar { length }),
                    _ => None,
                }
            }
            _ => Some(Type::Text { max_bytes: None }),
        };
        let digits = |n: &Option<u64>| match n {
            None => Some(6),
            Some(n) => u8::try_from(*n).ok().filter(|n| *n <= 6),
        };
        let meant = match ty {
            DataType::Boolean | DataType::Bool => Some(Type::Boolean),
            DataType::SmallInt(_) | DataType::Int2(_) => Some(integer(16)),
            DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => Some(integer(32)),
            DataType::BigInt(_) | DataType::Int8(_) => Some(integer(64)),
            DataType::Numeric(n) | DataType::Decimal(n) | DataType::Dec(n) => match n {
                ExactNumberInfo::None => Some((None, None)),
                ExactNumberInfo::Precision(p) => u32::try_from(*p).ok().map(|p| (Some(p), Some(0))),
                ExactNumberInfo::PrecisionAndScale(p, s) => u32::try_from(*p)
                    .ok()
                    .zip(u32::try_from(*s).ok())
                    .filter(|(p, s)| s <= p)
                    .map(|(p, s)| (Some(p), i32::try_from(s).ok())),
            }
            .filter(|(p, _)| p.is_none_or(|p| (1..=38).contains(&p)))
            .map(|(precision, scale)| Type::Decimal { precision, scale }),
            DataType::Real | DataType::Float4 => Some(Type::Float { bits: 32 }),
            DataType::Double(_) | DataType::DoublePrecision | DataType::Float8 => {
                Some(Type::Float { bits: 64 })
            }
            DataType::Text => Some(Type::Text { max_bytes: None }),
            DataType::Varchar(n) | DataType::CharacterVarying(n) | DataType::CharVarying(n) => {
                chars(n)
            }
            DataType::Bytea => Some(Type::Blob { max_bytes: None }),
            DataType::Date => Some(Type::Date),
            DataType::Time(n, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
                digits(n).map(|precision| Type::Time {
                    precision,
                    zoned: false,
                    span: false,
                })
            }
            DataType::Timestamp(n, zone) => digits(n).map(|precision| Type::Timestamp {
                precision,
                zoned: matches!(zone, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz),
            }),
            DataType::Interval { .. } => Some(Type::Interval),
            DataType::Uuid => Some(Type::Uuid),
            DataType::JSON | DataType::JSONB => Some(Type::Json { normalised: false }),
            _ => None,
        };
        meant.ok_or_else(|| Misread {
            at,
            why: format!(
                "{ty} is no type here; there are boolean, smallint, integer, bigint, numeric(p,s) up to 38 digits, real, \
                 double precision, text, varchar(n), bytea, date, time(p), timestamp(p), timestamptz(p), \
                 interval, uuid and json"
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(f: &Formula) -> String {
        let list = |parts: &[Formula]| parts.iter().map(said).collect::<Vec<_>>().join(" ");
        match &f.node {
            Node::Null => "null".into(),
            Node::Bool(b) => b.to_string(),
            Node::Number(n) => n.clone(),
            Node::Text(t) => format!("{t:?}"),
            Node::Bytes(b) => format!("{b:?}"),
            Node::Column(c) => c.clone(),
            Node::Call(name, parts) => format!("({name} {})", list(parts)),
            Node::Cast(x, ty) => format!("(cast {} {ty})", said(x)),
            Node::Case(arms, other) => format!(
                "(case {} {})",
                arms.iter()
                    .map(|(w, t)| format!("{}:{}", said(w), said(t)))
                    .collect::<Vec<_>>()
                    .join(" "),
                other.as_deref().map_or("-".into(), said)
            ),
        }
    }

    #[test]
    fn formulas_are_read_into_calls() {
        for (text, want) in [
            ("lower(Email)", "(lower Email)"),
            ("a + -2 * 3.5", "(+ a (* (negate 2) 3.5))"),
            ("NOT a IS NULL", "(not (is null a))"),
            ("x NOT IN (1, 2)", "(not (in x 1 2))"),
            ("x BETWEEN 1 AND 2 OR y", "(or (between x 1 2) y)"),
            ("a LIKE 'x%' ESCAPE '!'", "(like a \"x%\" \"!\")"),
            ("CAST(a AS numeric(10,2))", "(cast a decimal(10,2))"),
            ("a::bigint", "(cast a integer(64 bits))"),
            ("date '2024-01-01'", "(cast \"2024-01-01\" date)"),
            ("d + interval '1 day'", "(+ d (cast \"1 day\" interval))"),
            (
                "CASE a WHEN 1 THEN 'x' ELSE 'y' END",
                "(case (= a 1):\"x\" \"y\")",
            ),
            ("EXTRACT(year FROM d)", "(extract \"year\" d)"),
            ("t AT TIME ZONE 'UTC'", "(at time zone t \"UTC\")"),
            ("doc -> 'a' ->> 0", "(->> (-> doc \"a\") 0)"),
            ("trim(both 'x' from a)", "(trim a \"x\")"),
            ("substring(a from 2 for 3)", "(substr a 2 3)"),
            ("position('a' in b)", "(position \"a\" b)"),
            ("ceil(x)", "(ceil x)"),
            ("\"Odd name\" || x'00ff'", "(|| Odd name [0, 255])"),
            ("now()", "(now )"),
            ("current_date", "(current_date )"),
        ] {
            let read = formula(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
            assert_eq!(said(&read), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_formula_is_refused_at_its_place() {
        for (text, at, why) in [
            ("lower(", 6, "Expected"),
            ("a b", 2, "ends"),
            ("", 0, "empty"),
            ("1 + t.a", 4, "names a table"),
            ("a + (SELECT 1)", 5, "queries"),
            ("sum(a) OVER ()", 0, "one row"),
            ("a::money", 0, "no type here"),
            ("a # b", 0, "operator"),
        ] {
            let error = formula(text).expect_err(text);
            assert!(error.why.contains(why), "{text}: {error:?}");
            assert_eq!(error.at, at, "{text}: {error:?}");
        }
        let deep = format!("{}1{}", "(".repeat(5000), ")".repeat(5000));
        assert!(formula(&deep).is_err());
        let long = "1+".repeat(5000) + "1";
        assert!(formula(&long).is_err());
    }

    #[test]
    fn parts_know_their_places() {
        let read = formula("é || lower(\n  name)").expect("it is one");
        let mut places = Vec::new();
        read.walk(&mut |f| places.push(f.at));
        assert_eq!(places, [0, 0, 6, 15]);
    }
}
