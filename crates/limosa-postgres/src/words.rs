//! PostgreSQL's words for neutral expressions.

use crate::names;
use limosa_core::schema::Type;
use limosa_sql::Words;

/// See [`Words`].
pub(crate) struct PostgresWords;

impl Words for PostgresWords {
    fn quote(&self, identifier: &str) -> String {
        names::ident(identifier)
    }

    fn literal(&self, text: &str) -> String {
        names::literal(text)
    }

    fn boolean(&self, value: bool) -> String {
        if value { "true" } else { "false" }.into()
    }

    fn bytes(&self, value: &[u8]) -> String {
        let mut hex = String::with_capacity(value.len() * 2 + 12);
        for b in value {
            hex.push_str(&format!("{b:02x}"));
        }
        format!("'\\x{hex}'::bytea")
    }

    fn call(&self, function: &str, a: &[String]) -> Option<String> {
        let plain = |name: &str| Some(format!("{name}({})", a.join(", ")));
        match (function, a.len()) {
            ("lower" | "upper" | "octet_length" | "abs" | "floor" | "ceil", 1) => plain(function),
            ("length", 1) => plain("char_length"),
            ("trim", 1 | 2) => plain("btrim"),
            ("ltrim" | "rtrim", 1 | 2) => plain(function),
            ("round", 1 | 2) => plain("round"),
            ("substr", 2 | 3) => plain("substr"),
            ("replace", 3) => plain("replace"),
            ("mod" | "nullif" | "left" | "right", 2) => plain(function),
            // PostgreSQL's concat() reads NULL as nothing; the operator does not, as elsewhere.
            ("concat", n) if n > 0 => Some(format!("({})", a.join(" || "))),
            // Here NULLs are passed over, elsewhere they win.
            ("greatest" | "least", n) if n > 0 => None,
            ("coalesce", n) if n > 0 => plain("coalesce"),
            ("uuid", 0) => Some("gen_random_uuid()".into()),
            _ => None,
        }
    }

    fn concat(&self, left: &str, right: &str) -> String {
        format!("{left} || {right}")
    }

    fn cast_type(&self, ty: &Type) -> Option<String> {
        Some(match ty {
            Type::Boolean => "boolean".into(),
            Type::Integer {
                bits: 0..=16,
                unsigned: false,
            } => "smallint".into(),
            Type::Integer {
                bits: 0..=8,
                unsigned: true,
            } => "smallint".into(),
            Type::Integer {
                bits: 0..=32,
                unsigned: false,
            } => "integer".into(),
            Type::Integer {
                bits: 0..=24,
                unsigned: true,
            } => "integer".into(),
            Type::Integer {
                unsigned: false, ..
            }
            | Type::Integer { bits: 32, .. } => "bigint".into(),
            Type::Integer { .. } => "numeric(20,0)".into(),
            Type::Decimal {
                precision: Some(p),
                scale,
            } => {
                format!("numeric({p},{})", scale.unwrap_or(0))
            }
            Type::Decimal { .. } => "numeric".into(),
            Type::Float { bits: 32 } => "real".into(),
            Type::Float { .. } => "double precision".into(),
            Type::Char { length } | Type::Varchar { length } => format!("varchar({length})"),
            Type::Text { .. } => "text".into(),
            Type::Blob { .. } => "bytea".into(),
            Type::Date => "date".into(),
            Type::Time {
                zoned: false,
                span: false,
                precision,
            } => format!("time({precision})"),
            Type::Timestamp {
                precision,
                zoned: false,
            } => format!("timestamp({precision})"),
            Type::Timestamp {
                precision,
                zoned: true,
            } => format!("timestamptz({precision})"),
            Type::Json { normalised } => if *normalised { "jsonb" } else { "json" }.into(),
            Type::Uuid => "uuid".into(),
            Type::Interval => "interval".into(),
            _ => return None,
        })
    }

    fn now(&self, digits: u8) -> String {
        match digits {
            6.. => "CURRENT_TIMESTAMP".into(),
            n => format!("CURRENT_TIMESTAMP({n})"),
        }
    }
}
