//! The spelling of types: `COLUMN_TYPE` as the catalog gives it, in neutral words.

use limosa_core::schema::Type;

/// A spelling taken apart: `int(10) unsigned` is `int`, `10`, `unsigned`.
pub(crate) struct Native<'a> {
    /// The word before the brackets, lower case.
    pub(crate) word: String,
    /// What stands in the brackets.
    pub(crate) inside: Option<&'a str>,
    /// What follows, lower case.
    pub(crate) after: String,
}

/// Takes a spelling apart.
pub(crate) fn split(native: &str) -> Native<'_> {
    let native = native.trim();
    let end = native
        .find(|c: char| c == '(' || c.is_ascii_whitespace())
        .unwrap_or(native.len());
    let word = native[..end].to_ascii_lowercase();
    let rest = native[end..].trim_start();
    let (inside, after) = match rest.strip_prefix('(') {
        Some(open) => {
            let close = closing(open);
            (
                Some(&open[..close]),
                open.get(close + 1..).unwrap_or_default(),
            )
        }
        None => (None, rest),
    };
    Native {
        word,
        inside,
        after: after.trim().to_ascii_lowercase(),
    }
}

/// The place of the bracket that closes, quotes respected.
fn closing(text: &str) -> usize {
    let mut quoted = false;
    for (i, b) in text.bytes().enumerate() {
        match b {
            b'\'' => quoted = !quoted,
            b')' if !quoted => return i,
            _ => {}
        }
    }
    text.len()
}

/// The words of `'a','b''c'`. The catalog doubles quotes, and says backslashes, ends of lines and U+0000 with a
/// backslash.
pub(crate) fn members(inside: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    let mut chars = inside.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quoted) {
            ('\'', false) => quoted = true,
            ('\'', true) if chars.peek() == Some(&'\'') => {
                chars.next();
                word.push('\'');
            }
            ('\'', true) => {
                quoted = false;
                out.push(std::mem::take(&mut word));
            }
            ('\\', true) => {
                let meant = match chars.peek() {
                    Some('\\') => '\\',
                    Some('n') => '\n',
                    Some('r') => '\r',
                    Some('0') => '\0',
                    _ => {
                        word.push(c);
                        continue;
                    }
                };
                chars.next();
                word.push(meant);
            }
            (c, true) => word.push(c),
            _ => {}
        }
    }
    out
}

fn number<T: std::str::FromStr>(inside: Option<&str>) -> Option<T> {
    inside?.split(',').next()?.trim().parse().ok()
}

/// Reads a spelling; `json` says that a check makes sure of JSON (MariaDB), `srid` the column's reference system.
pub(crate) fn read(native: &str, json: bool, srid: Option<u32>) -> Type {
    let n = split(native);
    let unsigned = n.after.contains("unsigned") || n.after.contains("zerofill");
    let integer = |bits| Type::Integer { bits, unsigned };
    let digits = number::<u8>(n.inside).unwrap_or(0).min(6);
    let geometry = |shape: &str| Type::Geometry {
        shape: shape.into(),
        srid,
    };
    let text = |max| {
        if json {
            Type::Json { normalised: false }
        } else {
            Type::Text {
                max_bytes: Some(max),
            }
        }
    };
    match n.word.as_str() {
        "tinyint" | "bool" | "boolean" => integer(8),
        "smallint" => integer(16),
        "mediumint" => integer(24),
        "int" | "integer" => integer(32),
        "bigint" | "serial" => integer(64),
        "decimal" | "numeric" | "dec" | "fixed" => {
            let mut parts = n.inside.unwrap_or("10").split(',');
            let mut next = || parts.next().and_then(|p| p.trim().parse::<u32>().ok());
            Type::Decimal {
                precision: Some(next().unwrap_or(10)),
                scale: Some(next().unwrap_or(0) as i32),
            }
        }
        "float" => Type::Float { bits: 32 },
        "double" | "real" => Type::Float { bits: 64 },
        "bit" => Type::Bit {
            length: Some(number(n.inside).unwrap_or(1)),
            varying: false,
        },
        "char" => Type::Char {
            length: number(n.inside).unwrap_or(1),
        },
        "varchar" => Type::Varchar {
            length: number(n.inside).unwrap_or(0),
        },
        "binary" => Type::Binary {
            length: number(n.inside).unwrap_or(1),
        },
        "varbinary" => Type::Varbinary {
            length: number(n.inside).unwrap_or(0),
        },
        "tinytext" => text(255),
        "text" => text(65_535),
        "mediumtext" => text(16_777_215),
        "longtext" => text(4_294_967_295),
        "tinyblob" => Type::Blob {
            max_bytes: Some(255),
        },
        "blob" => Type::Blob {
            max_bytes: Some(65_535),
        },
        "mediumblob" => Type::Blob {
            max_bytes: Some(16_777_215),
        },
        "longblob" => Type::Blob {
            max_bytes: Some(4_294_967_295),
        },
        "enum" => Type::Enum {
            name: None,
            members: members(n.inside.unwrap_or_default()),
        },
        "set" => Type::Set {
            members: members(n.inside.unwrap_or_default()),
        },
        "date" => Type::Date,
        "time" => Type::Time {
            precision: digits,
            zoned: false,
            span: true,
        },
        "datetime" => Type::Timestamp {
            precision: digits,
            zoned: false,
        },
        "timestamp" => Type::Timestamp {
            precision: digits,
            zoned: true,
        },
        "year" => Type::Year,
        "json" => Type::Json { normalised: !json },
        "uuid" => Type::Uuid,
        "inet4" | "inet6" => Type::Inet,
        "point" | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon"
        | "geometry" => geometry(&n.word.to_ascii_uppercase()),
        "geometrycollection" | "geomcollection" => geometry("GEOMETRYCOLLECTION"),
        "vector" => Type::Varbinary {
            length: number::<u32>(n.inside).unwrap_or(2048).saturating_mul(4),
        },
        _ => Type::Native {
            family: "mysql".into(),
            name: n.word,
            json: false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_understood() {
        for (native, want) in [
            ("tinyint(1)", "integer(8 bits)"),
            ("int(10) unsigned zerofill", "unsigned integer(32 bits)"),
            ("bigint unsigned", "unsigned integer(64 bits)"),
            ("decimal(10,2) unsigned", "decimal(10,2)"),
            ("float(7,4)", "float(32 bits)"),
            ("datetime(3)", "timestamp(3)"),
            ("timestamp /* mariadb-5.3 */", "timestamp(0) with time zone"),
            ("time(6)", "time span(6)"),
            (
                "varchar(20) character set latin1 collate latin1_bin",
                "varchar(20)",
            ),
            ("bit(9)", "bit(9)"),
            ("geomcollection", "geometry(GEOMETRYCOLLECTION)"),
        ] {
            assert_eq!(read(native, false, None).to_string(), want, "{native}");
        }
        assert_eq!(
            members(r"'a','b''c',')','\x','','\\n','\n'"),
            ["a", "b'c", ")", "\\x", "", "\\n", "\n"]
        );
        let Type::Enum { members, .. } = read("enum('a)','b') character set utf8mb4", false, None)
        else {
            panic!("an enum");
        };
        assert_eq!(members, ["a)", "b"]);
        assert_eq!(split("enum('a)','b') charset x").after, "charset x");
    }
}
