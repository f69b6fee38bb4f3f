//! The neutral meaning of a type that a person wrote in the target's own words.

use limosa_core::schema::Type;

/// Reads the common words of SQL types; a word that is not known is a type of the target's family alone.
pub(super) fn meaning(family: &str, native: &str) -> Type {
    let lower = native.trim().to_ascii_lowercase();
    let (head, rest) = match lower.split_once('(') {
        Some((head, rest)) => (head.trim(), rest),
        None => (lower.as_str(), ""),
    };
    let (inner, tail) = rest.split_once(')').unwrap_or((rest, ""));
    let numbers: Vec<u32> = inner
        .split(',')
        .filter_map(|n| n.trim().parse().ok())
        .collect();
    let first = numbers.first().copied();
    let unsigned = lower.contains("unsigned");
    let word = head.split_whitespace().next().unwrap_or_default();
    let zoned = lower.contains("with time zone") || matches!(word, "timestamptz" | "timetz");
    let digits = first.and_then(|n| u8::try_from(n).ok());
    let integer = |bits| Type::Integer { bits, unsigned };
    match word {
        "bool" | "boolean" => Type::Boolean,
        "tinyint" => integer(8),
        "smallint" | "int2" => integer(16),
        "mediumint" => integer(24),
        "int" | "integer" | "int4" => integer(32),
        "bigint" | "int8" => integer(64),
        "numeric" | "decimal" => Type::Decimal {
            precision: first,
            scale: first.map(|_| {
                numbers
                    .get(1)
                    .and_then(|n| i32::try_from(*n).ok())
                    .unwrap_or(0)
            }),
        },
        "real" | "float4" => Type::Float { bits: 32 },
        "double" | "float8" => Type::Float { bits: 64 },
        "varchar" => match first {
            Some(length) => Type::Varchar { length },
            None => Type::Text { max_bytes: None },
        },
        "character" if head.contains("varying") => match first {
            Some(length) => Type::Varchar { length },
            None => Type::Text { max_bytes: None },
        },
        "char" | "character" => Type::Char {
            length: first.unwrap_or(1),
        },
        "text" | "longtext" => Type::Text { max_bytes: None },
        "tinytext" => Type::Text {
            max_bytes: Some(255),
        },
        "mediumtext" => Type::Text {
            max_bytes: Some((1 << 24) - 1),
        },
        "bytea" | "blob" | "longblob" => Type::Blob { max_bytes: None },
        "binary" => Type::Binary {
            length: first.unwrap_or(1),
        },
        "varbinary" => Type::Varbinary {
            length: first.unwrap_or(1),
        },
        "date" => Type::Date,
        "time" | "timetz" => Type::Time {
            precision: digits.unwrap_or(6),
            zoned,
            span: false,
        },
        "timestamp" | "timestamptz" | "datetime" => Type::Timestamp {
            precision: digits.unwrap_or(6),
            zoned,
        },
        "interval" => Type::Interval,
        "uuid" => Type::Uuid,
        "json" => Type::Json { normalised: false },
        "jsonb" => Type::Json { normalised: true },
        _ if tail.is_empty() || !word.is_empty() => Type::Native {
            family: family.into(),
            name: native.trim().into(),
            json: false,
        },
        _ => Type::Text { max_bytes: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_words_have_a_neutral_meaning() {
        for (native, want) in [
            ("BIGINT", "integer(64 bits)"),
            ("int unsigned", "unsigned integer(32 bits)"),
            ("numeric(10,2)", "decimal(10,2)"),
            ("numeric", "decimal"),
            ("character varying(30)", "varchar(30)"),
            ("timestamp(3) with time zone", "timestamp(3) with time zone"),
            ("timestamptz", "timestamp(6) with time zone"),
            ("double precision", "float(64 bits)"),
            ("citext", "citext"),
        ] {
            assert_eq!(meaning("f", native).to_string(), want, "{native}");
        }
    }
}
