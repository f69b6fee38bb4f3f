//! SQLite's words for neutral expressions.

use limosa_core::schema::Type;
use limosa_sql::Words;

/// Quotes an identifier.
pub(crate) fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// Quotes a text literal. SQL text ends at U+0000, so texts with one are said as bytes.
pub(crate) fn literal(text: &str) -> String {
    if text.contains('\0') {
        format!("CAST({} AS TEXT)", bytes(text.as_bytes()))
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

fn bytes(value: &[u8]) -> String {
    let mut out = String::with_capacity(value.len() * 2 + 3);
    out.push_str("x'");
    for b in value {
        out.push_str(&format!("{b:02x}"));
    }
    out.push('\'');
    out
}

/// A random UUID (version 4) from the functions that every SQLite has.
const UUID: &str = "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || \
     substr(hex(randomblob(2)), 2) || '-' || substr('89ab', 1 + (abs(random()) % 4), 1) || \
     substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))";

/// SQLite's words.
pub(crate) struct SqliteWords;

impl Words for SqliteWords {
    fn quote(&self, identifier: &str) -> String {
        quote(identifier)
    }

    fn literal(&self, text: &str) -> String {
        literal(text)
    }

    fn boolean(&self, value: bool) -> String {
        if value { "1" } else { "0" }.into()
    }

    fn bytes(&self, value: &[u8]) -> String {
        bytes(value)
    }

    fn call(&self, function: &str, arguments: &[String]) -> Option<String> {
        let one = |name: &str| (arguments.len() == 1).then(|| format!("{name}({})", arguments[0]));
        let all = |name: &str, least: usize| {
            (arguments.len() >= least).then(|| format!("{name}({})", arguments.join(", ")))
        };
        match function {
            "lower" | "upper" | "length" | "trim" | "ltrim" | "rtrim" | "abs" | "json_valid" => {
                one(function)
            }
            "octet_length" => {
                one("length").map(|_| format!("length(CAST({} AS BLOB))", arguments[0]))
            }
            "coalesce" if arguments.len() == 1 => Some(arguments[0].clone()),
            "coalesce" => all("coalesce", 2),
            "nullif" | "round" | "substr" | "replace" => all(function, 1),
            "left" if arguments.len() == 2 => {
                Some(format!("substr({}, 1, {})", arguments[0], arguments[1]))
            }
            "right" if arguments.len() == 2 && arguments[1].parse::<u64>().is_ok_and(|n| n > 0) => {
                Some(format!("substr({}, -{})", arguments[0], arguments[1]))
            }
            "greatest" => all("max", 2),
            "least" => all("min", 2),
            "mod" if arguments.len() == 2 => {
                Some(format!("(({}) % ({}))", arguments[0], arguments[1]))
            }
            "uuid" => Some(UUID.to_owned()),
            // floor and ceil are there only where SQLite was built with them; concat means two things.
            _ => None,
        }
    }

    fn concat(&self, left: &str, right: &str) -> String {
        format!("{left} || {right}")
    }

    fn cast_type(&self, ty: &Type) -> Option<String> {
        match ty {
            Type::Text { .. } => Some("TEXT".into()),
            Type::Float { bits: 64 } => Some("REAL".into()),
            Type::Blob { .. } => Some("BLOB".into()),
            _ => None,
        }
    }

    fn now(&self, digits: u8) -> String {
        match digits {
            0 => "CURRENT_TIMESTAMP".into(),
            _ => "strftime('%Y-%m-%d %H:%M:%f', 'now')".into(),
        }
    }
}
