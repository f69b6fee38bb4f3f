//! Text → tree. Anything whose meaning is not certain gives `None`.

use crate::functions;
use limosa_core::expression::{Expr, Operator};
use limosa_core::schema::Type;
use sqlparser::ast::{
    self, BinaryOperator, CastKind, CeilFloorKind, DataType, DateTimeField, ExactNumberInfo,
    TimezoneInfo, UnaryOperator, Value,
};
use sqlparser::dialect::Dialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

/// Longer texts are no expressions that anybody translates.
const MAX_BYTES: usize = 64 * 1024;
/// A tree is as deep as it has joining tokens at most; this many fit a thread's stack many times over.
const MAX_JOINTS: usize = 1_000;
/// Nesting of brackets and calls.
pub(crate) const MAX_DEPTH: usize = 100;

pub(crate) fn expression(family: &str, dialect: &dyn Dialect, text: &str) -> Option<Expr> {
    let once = |text: &str| -> Option<Expr> {
        let tree = tree(dialect, text).ok()?;
        Walk { family, text }.expr(&tree)
    };
    once(text).or_else(|| {
        // MySQL 8 keeps the texts of checks and generated columns with its quotes escaped once more.
        (family == "mysql" && text.contains("\\'"))
            .then(|| once(&text.replace("\\'", "'")))
            .flatten()
    })
}

/// Parses one expression, and nothing after it, within bounds that keep the stack whole.
pub(crate) fn tree(dialect: &dyn Dialect, text: &str) -> Result<ast::Expr, String> {
    if text.len() > MAX_BYTES {
        return Err(format!("an expression has at most {MAX_BYTES} bytes"));
    }
    let tokens = Tokenizer::new(dialect, text)
        .tokenize_with_location()
        .map_err(|e| e.to_string())?;
    if tokens
        .iter()
        .all(|t| matches!(t.token, Token::Whitespace(_) | Token::EOF))
    {
        return Err("it is empty".into());
    }
    if joints(tokens.iter().map(|t| &t.token)) > MAX_JOINTS {
        return Err(format!("an expression joins at most {MAX_JOINTS} parts"));
    }
    let mut parser = Parser::new(dialect)
        .with_recursion_limit(MAX_DEPTH)
        .with_tokens_with_locations(tokens);
    let tree = parser.parse_expr().map_err(|e| e.to_string())?;
    let next = parser.peek_token();
    if next.token == Token::EOF {
        return Ok(tree);
    }
    Err(format!(
        "the expression ends before {}{}",
        next.token, next.span.start
    ))
}

fn literal_token(token: &Token) -> bool {
    matches!(
        token,
        Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::NationalStringLiteral(_)
            | Token::HexStringLiteral(_)
    )
}

fn joints<'a>(tokens: impl Iterator<Item = &'a Token>) -> usize {
    let mut before = &Token::Comma;
    let mut count = 0;
    for token in tokens {
        let joins = match token {
            Token::Whitespace(_) => continue,
            Token::Comma => false,
            Token::DoubleColon => !literal_token(before),
            Token::Word(w) => !matches!(
                w.keyword,
                Keyword::NoKeyword | Keyword::NULL | Keyword::TEXT | Keyword::VARYING
            ),
            other => !literal_token(other),
        };
        count += usize::from(joins);
        before = token;
    }
    count
}

pub(crate) struct Walk<'a> {
    pub(crate) family: &'a str,
    pub(crate) text: &'a str,
}

impl Walk<'_> {
    fn postgres(&self) -> bool {
        self.family == "postgresql"
    }
    fn mysql(&self) -> bool {
        self.family == "mysql"
    }
    fn sqlite(&self) -> bool {
        self.family == "sqlite"
    }

    fn boxed(&self, e: &ast::Expr) -> Option<Box<Expr>> {
        self.expr(e).map(Box::new)
    }

    pub(crate) fn list(&self, list: &[ast::Expr]) -> Option<Vec<Expr>> {
        list.iter().map(|e| self.expr(e)).collect()
    }

    pub(crate) fn expr(&self, e: &ast::Expr) -> Option<Expr> {
        Some(match e {
            ast::Expr::Nested(inner) => self.expr(inner)?,
            ast::Expr::Identifier(name) => self.identifier(name),
            ast::Expr::CompoundIdentifier(parts) if parts.len() == 2 => {
                Expr::Column(parts[1].value.clone())
            }
            ast::Expr::Value(value) => self.value(&value.value)?,
            ast::Expr::Prefixed { prefix, value } if self.mysql() => {
                let inner = self.expr(value)?;
                match (prefix.value.eq_ignore_ascii_case("_binary"), inner) {
                    (true, Expr::Text(t)) => Expr::Bytes(t.into_bytes()),
                    (false, text @ Expr::Text(_)) => text,
                    _ => return None,
                }
            }
            ast::Expr::TypedString(typed) => match &typed.data_type {
                DataType::Date | DataType::Time(..) | DataType::Timestamp(..) => {
                    Expr::Text(typed.value.value.clone().into_string()?)
                }
                _ => return None,
            },
            ast::Expr::IsNull(x) => Expr::IsNull(self.boxed(x)?, false),
            ast::Expr::IsNotNull(x) => Expr::IsNull(self.boxed(x)?, true),
            ast::Expr::IsTrue(x) if self.postgres() => or_else(self.expr(x)?, false),
            ast::Expr::IsNotTrue(x) if self.postgres() => {
                Expr::Not(Box::new(or_else(self.expr(x)?, false)))
            }
            ast::Expr::IsFalse(x) if self.postgres() => {
                Expr::Not(Box::new(or_else(self.expr(x)?, true)))
            }
            ast::Expr::IsNotFalse(x) if self.postgres() => or_else(self.expr(x)?, true),
            ast::Expr::InList {
                expr,
                list,
                negated,
            } if !list.is_empty() => Expr::In(self.boxed(expr)?, self.list(list)?, *negated),
            ast::Expr::Between {
                expr,
                negated,
                low,
                high,
            } => Expr::Between(
                self.boxed(expr)?,
                self.boxed(low)?,
                self.boxed(high)?,
                *negated,
            ),
            ast::Expr::Like {
                negated,
                any: false,
                expr,
                pattern,
                escape_char: None,
            } => self.like(expr, pattern, *negated)?,
            ast::Expr::AnyOp {
                left,
                compare_op: BinaryOperator::Eq,
                right,
                ..
            } => Expr::In(self.boxed(left)?, self.array(right)?, false),
            ast::Expr::AllOp {
                left,
                compare_op: BinaryOperator::NotEq,
                right,
            } => Expr::In(self.boxed(left)?, self.array(right)?, true),
            ast::Expr::UnaryOp { op, expr } => match op {
                UnaryOperator::Plus => self.expr(expr)?,
                UnaryOperator::Minus => match self.expr(expr)? {
                    Expr::Number(n) if !n.starts_with('-') => Expr::Number(format!("-{n}")),
                    other => Expr::Negate(Box::new(other)),
                },
                UnaryOperator::Not => not(self.expr(expr)?),
                UnaryOperator::BangNot if self.mysql() => not(self.expr(expr)?),
                _ => return None,
            },
            ast::Expr::BinaryOp { left, op, right } => self.binary(left, op, right)?,
            ast::Expr::Cast {
                kind: CastKind::Cast | CastKind::DoubleColon,
                expr,
                data_type,
                format: None,
            } => self.cast(expr, data_type)?,
            ast::Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => {
                let operand = operand.as_deref().map(|o| self.expr(o)).transpose_()?;
                let mut arms = Vec::with_capacity(conditions.len());
                for arm in conditions {
                    let mut when = self.expr(&arm.condition)?;
                    if let Some(o) = &operand {
                        when = Expr::Binary(Box::new(o.clone()), Operator::Equal, Box::new(when));
                    }
                    arms.push((when, self.expr(&arm.result)?));
                }
                let other = else_result.as_deref().map(|x| self.boxed(x)).transpose_()?;
                Expr::Case(arms, other)
            }
            ast::Expr::Ceil { expr, field } => call("ceil", vec![self.whole(expr, field)?]),
            ast::Expr::Floor { expr, field } => call("floor", vec![self.whole(expr, field)?]),
            ast::Expr::Trim {
                trim_where,
                trim_what: None,
                expr,
                trim_characters: None,
            } => {
                let name = match trim_where {
                    None | Some(ast::TrimWhereField::Both) => "trim",
                    Some(ast::TrimWhereField::Leading) => "ltrim",
                    Some(ast::TrimWhereField::Trailing) => "rtrim",
                };
                call(name, vec![self.expr(expr)?])
            }
            ast::Expr::Substring {
                expr,
                substring_from: Some(from),
                substring_for,
                ..
            } => {
                let mut arguments = vec![self.expr(expr)?, self.expr(from)?];
                if let Some(n) = substring_for {
                    arguments.push(self.expr(n)?);
                }
                functions::substr(arguments)?
            }
            ast::Expr::AtTimeZone {
                timestamp,
                time_zone,
            } => match (self.expr(timestamp)?, self.expr(time_zone)?) {
                (now @ Expr::CurrentTimestamp(_), Expr::Text(zone))
                    if zone.eq_ignore_ascii_case("utc") =>
                {
                    now
                }
                _ => return None,
            },
            ast::Expr::Function(function) => functions::read(self, function)?,
            _ => return None,
        })
    }

    fn identifier(&self, name: &ast::Ident) -> Expr {
        // Some parser dialects leave these words as identifiers.
        if name.quote_style.is_none() {
            match name.value.to_ascii_lowercase().as_str() {
                "true" => return Expr::Bool(true),
                "false" => return Expr::Bool(false),
                "current_timestamp" => {
                    return Expr::CurrentTimestamp(functions::digits(self.family));
                }
                "current_date" => return Expr::CurrentDate,
                "current_time" => return Expr::CurrentTime,
                _ => {}
            }
        }
        Expr::Column(name.value.clone())
    }

    fn value(&self, value: &Value) -> Option<Expr> {
        Some(match value {
            Value::Null => Expr::Null,
            Value::Boolean(b) => Expr::Bool(*b),
            Value::Number(n, _) => Expr::Number(n.clone()),
            Value::SingleQuotedString(s)
            | Value::NationalStringLiteral(s)
            | Value::EscapedStringLiteral(s)
            | Value::UnicodeStringLiteral(s) => Expr::Text(s.clone()),
            Value::DollarQuotedString(s) => Expr::Text(s.value.clone()),
            Value::DoubleQuotedString(s) if self.mysql() => Expr::Text(s.clone()),
            Value::DoubleQuotedString(s) => Expr::Column(s.clone()),
            // 0x… is a number in SQLite, and PostgreSQL's X'…' is a bit string.
            Value::HexStringLiteral(h) if self.mysql() => Expr::Bytes(hex(h)?),
            Value::HexStringLiteral(h)
                if self.sqlite() && !self.text.contains("0x") && !self.text.contains("0X") =>
            {
                Expr::Bytes(hex(h)?)
            }
            Value::SingleQuotedByteStringLiteral(bits) if self.mysql() && bits.len() <= 64 => {
                Expr::Number(u64::from_str_radix(bits, 2).ok()?.to_string())
            }
            _ => return None,
        })
    }

    fn binary(&self, left: &ast::Expr, op: &BinaryOperator, right: &ast::Expr) -> Option<Expr> {
        let operator = match op {
            BinaryOperator::Plus => Operator::Plus,
            BinaryOperator::Minus => Operator::Minus,
            BinaryOperator::Multiply => Operator::Times,
            BinaryOperator::Divide => Operator::Divide,
            BinaryOperator::Modulo => Operator::Modulo,
            // In MySQL it is OR, unless the session says otherwise.
            BinaryOperator::StringConcat if !self.mysql() => Operator::Concat,
            BinaryOperator::Eq => Operator::Equal,
            BinaryOperator::NotEq => Operator::NotEqual,
            BinaryOperator::Lt => Operator::Less,
            BinaryOperator::LtEq => Operator::LessOrEqual,
            BinaryOperator::Gt => Operator::Greater,
            BinaryOperator::GtEq => Operator::GreaterOrEqual,
            BinaryOperator::And => Operator::And,
            BinaryOperator::Or => Operator::Or,
            BinaryOperator::PGLikeMatch => return self.like(left, right, false),
            BinaryOperator::PGNotLikeMatch => return self.like(left, right, true),
            _ => return None,
        };
        let (a, b) = (self.expr(left)?, self.expr(right)?);
        if operator == Operator::Divide && !fractional(&a) && !fractional(&b) {
            return None;
        }
        Some(Expr::Binary(Box::new(a), operator, Box::new(b)))
    }

    fn like(&self, text: &ast::Expr, pattern: &ast::Expr, negated: bool) -> Option<Expr> {
        let pattern = self.expr(pattern)?;
        match &pattern {
            Expr::Text(p) if p.contains('\\') => return None,
            Expr::Text(p) if !p.chars().any(char::is_alphabetic) => {}
            Expr::Text(_) if self.postgres() => {}
            _ => return None,
        }
        Some(Expr::Like(self.boxed(text)?, Box::new(pattern), negated))
    }

    /// The members of `ARRAY[…]`, with or without a cast of the whole.
    fn array(&self, e: &ast::Expr) -> Option<Vec<Expr>> {
        match e {
            ast::Expr::Nested(inner) => self.array(inner),
            ast::Expr::Array(array) if !array.elem.is_empty() => self.list(&array.elem),
            ast::Expr::Cast {
                expr,
                data_type: DataType::Array(_),
                ..
            } => self.array(expr),
            _ => None,
        }
    }

    fn whole(&self, e: &ast::Expr, field: &CeilFloorKind) -> Option<Expr> {
        match field {
            CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) => self.expr(e),
            _ => None,
        }
    }

    fn cast(&self, inner: &ast::Expr, ty: &DataType) -> Option<Expr> {
        let x = self.expr(inner)?;
        if matches!(x, Expr::Null) && !matches!(ty, DataType::Array(_)) {
            return Some(x);
        }
        // The name of a type that PostgreSQL must quote: "char", "bit".
        let custom = match ty {
            DataType::Custom(name, _) => Some(name.to_string().to_ascii_lowercase()),
            _ => None,
        };
        let neutral = self.neutral(ty);
        if let Expr::Text(t) = &x {
            return match (&neutral, &custom) {
                (Some(Type::Blob { .. }), _) if self.postgres() => {
                    Some(Expr::Bytes(hex(t.strip_prefix("\\x")?)?))
                }
                (Some(Type::Boolean), _) => match t.to_ascii_lowercase().as_str() {
                    "t" | "true" => Some(Expr::Bool(true)),
                    "f" | "false" => Some(Expr::Bool(false)),
                    _ => None,
                },
                (Some(Type::Integer { .. } | Type::Decimal { .. } | Type::Float { .. }), _) => {
                    limosa_core::notation::plain_decimal(t.as_bytes())
                        .then(|| Expr::Number(t.clone()))
                }
                // A text that a length would cut is not the same text.
                (Some(Type::Varchar { length } | Type::Char { length }), _) => {
                    (t.chars().count() <= *length as usize).then_some(x)
                }
                (Some(Type::Text { .. } | Type::Date | Type::Uuid | Type::Json { .. }), _)
                | (Some(Type::Time { .. } | Type::Timestamp { .. }), _) => Some(x),
                // A type of the user's own (an enum, a domain), or one whose text is its value.
                (None, Some(name)) if self.postgres() => (!STRUCTURED
                    .iter()
                    .any(|s| name.trim_matches('"').ends_with(s)))
                .then_some(x),
                _ => None,
            };
        }
        let neutral = neutral?;
        match (&x, &neutral) {
            (Expr::Number(_), Type::Integer { .. } | Type::Decimal { .. } | Type::Float { .. })
                if number_fits(&x, &neutral) =>
            {
                Some(x)
            }
            (Expr::Column(_) | Expr::Call(..), Type::Text { .. }) if self.postgres() => Some(x),
            (Expr::Bool(_), Type::Boolean) => Some(x),
            (Expr::CurrentTimestamp(n), Type::Timestamp { precision, .. }) => {
                Some(Expr::CurrentTimestamp((*precision).min(*n)))
            }
            (Expr::CurrentTimestamp(_), Type::Date) => Some(Expr::CurrentDate),
            // SQLite cuts the fraction off, the others round.
            (_, Type::Integer { .. }) if self.sqlite() => None,
            (_, Type::Blob { .. } | Type::Json { .. } | Type::Uuid) => None,
            _ => Some(Expr::Cast(Box::new(x), Box::new(neutral))),
        }
    }

    fn neutral(&self, ty: &DataType) -> Option<Type> {
        let integer = |bits, unsigned| Some(Type::Integer { bits, unsigned });
        let decimal = |n: &ExactNumberInfo| {
            Some(match n {
                ExactNumberInfo::None => Type::Decimal {
                    // Without figures it is decimal(10,0) in MySQL.
                    precision: self.mysql().then_some(10),
                    scale: self.mysql().then_some(0),
                },
                ExactNumberInfo::Precision(p) => Type::Decimal {
                    precision: u32::try_from(*p).ok(),
                    scale: Some(0),
                },
                ExactNumberInfo::PrecisionAndScale(p, s) => Type::Decimal {
                    precision: u32::try_from(*p).ok(),
                    scale: i32::try_from(*s).ok(),
                },
            })
        };
        let chars = |n: &Option<ast::CharacterLength>, varying: bool| match n {
            Some(ast::CharacterLength::IntegerLength { length, .. }) => {
                let length = u32::try_from(*length).ok()?;
                Some(if varying {
                    Type::Varchar { length }
                } else {
                    Type::Char { length }
                })
            }
            _ if varying || self.mysql() => Some(Type::Text { max_bytes: None }),
            _ => Some(Type::Char { length: 1 }),
        };
        let moment = |n: &Option<u64>, zoned: bool| {
            Some(Type::Timestamp {
                precision: n.and_then(|n| u8::try_from(n).ok()).unwrap_or(6),
                zoned,
            })
        };
        match ty {
            DataType::Text | DataType::Clob(_) => Some(Type::Text { max_bytes: None }),
            DataType::Character(n) | DataType::Char(n) => chars(n, false),
            DataType::CharacterVarying(n) | DataType::Varchar(n) => chars(n, true),
            DataType::Custom(name, _) if self.postgres() => {
                match name.to_string().to_ascii_lowercase().as_str() {
                    "bpchar" | "pg_catalog.bpchar" | "name" | "citext" | "pg_catalog.text" => {
                        Some(Type::Text { max_bytes: None })
                    }
                    _ => None,
                }
            }
            DataType::SmallInt(_) | DataType::Int2(_) => integer(16, false),
            DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => integer(32, false),
            DataType::BigInt(_)
            | DataType::Int8(_)
            | DataType::Signed
            | DataType::SignedInteger => integer(64, false),
            DataType::Unsigned | DataType::UnsignedInteger => integer(64, true),
            DataType::Numeric(_) if self.sqlite() => None,
            DataType::Numeric(n) | DataType::Decimal(n) | DataType::Dec(n) => decimal(n),
            DataType::Real | DataType::Float4 if self.postgres() => Some(Type::Float { bits: 32 }),
            DataType::Real | DataType::Double(_) | DataType::DoublePrecision | DataType::Float8 => {
                Some(Type::Float { bits: 64 })
            }
            DataType::Bool | DataType::Boolean => Some(Type::Boolean),
            // SQLite has no dates: a cast to one is a cast to a number.
            _ if self.sqlite() => None,
            DataType::Date => Some(Type::Date),
            DataType::Timestamp(n, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => {
                moment(n, true)
            }
            DataType::Timestamp(n, _) => moment(n, false),
            DataType::Datetime(n) => moment(&Some(n.unwrap_or(0)), false),
            DataType::Time(n, zone) => Some(Type::Time {
                precision: n.and_then(|n| u8::try_from(n).ok()).unwrap_or(6),
                zoned: matches!(zone, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz),
                span: false,
            }),
            DataType::Uuid => Some(Type::Uuid),
            DataType::JSON => Some(Type::Json { normalised: false }),
            DataType::JSONB => Some(Type::Json { normalised: true }),
            DataType::Bytea => Some(Type::Blob { max_bytes: None }),
            _ => None,
        }
    }
}

/// Types whose text form is not what another engine would keep.
const STRUCTURED: [&str; 14] = [
    "range",
    "multirange",
    "hstore",
    "tsvector",
    "tsquery",
    "bit",
    "varbit",
    "money",
    "box",
    "point",
    "geometry",
    "geography",
    "regclass",
    "vector",
];

trait Transpose<T> {
    #[allow(
        clippy::wrong_self_convention,
        reason = "named after Option::transpose"
    )]
    fn transpose_(self) -> Option<Option<T>>;
}

impl<T> Transpose<T> for Option<Option<T>> {
    fn transpose_(self) -> Option<Option<T>> {
        match self {
            Some(None) => None,
            Some(some) => Some(some),
            None => Some(None),
        }
    }
}

pub(crate) fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    Expr::Call(name.into(), arguments)
}

/// The opposite; where the part has a form of its own for that, in that form.
fn not(x: Expr) -> Expr {
    match x {
        Expr::IsNull(x, negated) => Expr::IsNull(x, !negated),
        Expr::In(x, list, negated) => Expr::In(x, list, !negated),
        Expr::Between(x, a, b, negated) => Expr::Between(x, a, b, !negated),
        Expr::Like(x, pattern, negated) => Expr::Like(x, pattern, !negated),
        x => Expr::Not(Box::new(x)),
    }
}

fn or_else(x: Expr, value: bool) -> Expr {
    call("coalesce", vec![x, Expr::Bool(value)])
}

/// Whether a part makes a division keep its fraction in every engine.
fn fractional(e: &Expr) -> bool {
    match e {
        Expr::Number(n) => n.contains('.'),
        Expr::Cast(_, ty) => matches!(**ty, Type::Float { .. }),
        Expr::Negate(x) => fractional(x),
        Expr::Binary(a, Operator::Times | Operator::Plus | Operator::Minus, b) => {
            fractional(a) || fractional(b)
        }
        _ => false,
    }
}

/// Whether a cast leaves a number as it is written.
fn number_fits(x: &Expr, ty: &Type) -> bool {
    let Expr::Number(n) = x else { return false };
    let fraction = n.split_once('.').map_or(0, |(_, f)| f.len());
    match ty {
        Type::Integer { .. } => fraction == 0,
        Type::Decimal { scale, .. } => scale.is_none_or(|s| fraction as i64 <= i64::from(s)),
        _ => true,
    }
}

pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).map(|d| d as u8))
        .collect();
    let digits = digits?;
    (digits.len() % 2 == 0).then(|| digits.chunks(2).map(|p| p[0] << 4 | p[1]).collect())
}
