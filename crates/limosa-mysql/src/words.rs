//! Expressions in the words of MySQL and MariaDB.

use limosa_core::schema::Type;
use limosa_sql::Words;

/// The words of one product.
pub(crate) struct MySqlWords {
    /// Whether it is MariaDB.
    pub(crate) maria: bool,
}

/// Quotes an identifier.
pub(crate) fn quote(identifier: &str) -> String {
    format!("`{}`", identifier.replace('`', "``"))
}

/// Quotes a text literal. Sessions are pinned to a `sql_mode` in which a backslash escapes.
pub(crate) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        match c {
            '\'' => out.push_str("''"),
            '\\' => out.push_str("\\\\"),
            '\0' => out.push_str("\\0"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\u{1a}' => out.push_str("\\Z"),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// A bytes literal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2 + 3);
    out.push_str("x'");
    for b in bytes {
        out.push_str(&format!("{b:02x}"));
    }
    out.push('\'');
    out
}

impl Words for MySqlWords {
    fn quote(&self, identifier: &str) -> String {
        quote(identifier)
    }

    fn literal(&self, text: &str) -> String {
        literal(text)
    }

    fn boolean(&self, value: bool) -> String {
        if value { "TRUE" } else { "FALSE" }.into()
    }

    fn bytes(&self, value: &[u8]) -> String {
        hex(value)
    }

    fn call(&self, function: &str, arguments: &[String]) -> Option<String> {
        let name = match function {
            "lower" | "upper" | "coalesce" | "nullif" | "abs" | "round" | "floor" | "trim"
            | "ltrim" | "rtrim" | "replace" | "concat" | "mod" | "json_valid" | "left"
            | "right" | "greatest" | "least" | "uuid" => function,
            "length" => "char_length",
            "octet_length" => "length",
            "ceil" => "ceiling",
            "substr" => "substring",
            _ => return None,
        };
        Some(format!("{name}({})", arguments.join(", ")))
    }

    fn concat(&self, left: &str, right: &str) -> String {
        format!("concat({left}, {right})")
    }

    fn cast_type(&self, ty: &Type) -> Option<String> {
        Some(match ty.base() {
            Type::Integer { unsigned: true, .. } => "unsigned".into(),
            Type::Integer { .. } => "signed".into(),
            Type::Decimal {
                precision: Some(p @ 1..=65),
                scale,
            } => format!("decimal({p},{})", scale.unwrap_or(0)),
            Type::Char { length } | Type::Varchar { length } => format!("char({length})"),
            Type::Text { .. } => "char".into(),
            Type::Binary { .. } | Type::Varbinary { .. } | Type::Blob { .. } => "binary".into(),
            Type::Date => "date".into(),
            Type::Time {
                precision,
                zoned: false,
                ..
            } => format!("time({})", precision.min(&6)),
            Type::Timestamp {
                precision,
                zoned: false,
            } => format!("datetime({})", precision.min(&6)),
            Type::Float { bits: 64 } => "double".into(),
            Type::Float { .. } if !self.maria => "float".into(),
            Type::Json { .. } if !self.maria => "json".into(),
            _ => return None,
        })
    }

    fn now(&self, digits: u8) -> String {
        match digits {
            0 => "current_timestamp()".into(),
            n => format!("current_timestamp({})", n.min(6)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_leaves_no_way_out() {
        assert_eq!(quote("a`b"), "`a``b`");
        assert_eq!(literal("a'b\\c\n\0"), "'a''b\\\\c\\n\\0'");
        assert_eq!(hex(&[0, 255]), "x'00ff'");
    }
}
