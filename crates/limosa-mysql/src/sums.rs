//! Sums of rows, made by the server: the expressions that say a column as [`limosa_core::pushdown`] would.
//!
//! Every expression here gives, byte for byte, what that module makes of the cell that [`crate::digest`] reads, or
//! NULL, which makes the row one without a hash; so does a row that is longer than `max_allowed_packet`. For
//! that reason NULL is told by `IS NULL` and never by `COALESCE`, which could take the one for the other.

use crate::bounds;
use crate::words::quote;
use limosa_core::canonical::Form;
use limosa_core::chunk::Range;
use limosa_core::engine::{CanonicalColumn, CanonicalRead};
use limosa_core::error::{Error, ErrorKind, Result};
use limosa_core::pushdown::{Means, Spelling};
use limosa_core::schema::Type;

const DOING: &str = "summing rows up";

/// The spellings of a column, best first.
pub(crate) fn spellings(column: &CanonicalColumn) -> Means {
    let all = [
        Spelling::Text,
        Spelling::Bare,
        Spelling::Digits,
        Spelling::Digest,
    ];
    let found: Vec<Spelling> = all
        .into_iter()
        .filter(|s| said(column, *s).is_some())
        .collect();
    match found.is_empty() {
        false => Ok(found),
        true => Err(match column.form {
            Form::Json => "JSON is compared by its meaning, which no server can write".into(),
            Form::Geometry => "a geometry has no text that two servers share".into(),
            Form::Set => "the server writes the words of a SET in another order".into(),
            form => format!(
                "the server has no expression for {} as {form:?}",
                column.native
            ),
        }),
    }
}

/// A text with trailing zeros after its point: without them.
fn trimmed(text: &str) -> String {
    format!("TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {text}))")
}

/// The column's text without its length or end, for a value; NULL where it can not be said.
fn said(column: &CanonicalColumn, spelling: Spelling) -> Option<String> {
    use Type::{
        Binary, Bit, Blob, Boolean, Date, Decimal, Enum, Float, Integer, Text, Time, Timestamp,
        Uuid, Varbinary, Varchar, Year,
    };
    let c = quote(&column.name);
    Some(match (spelling, column.form, column.ty.base()) {
        // Zero is added for ZEROFILL, and because BIT and YEAR are no numbers otherwise.
        (
            Spelling::Bare,
            Form::Boolean | Form::Integer | Form::Decimal,
            Integer { .. } | Boolean | Year,
        )
        | (Spelling::Bare, Form::Boolean, Bit { .. }) => format!("({c} + 0)"),
        (Spelling::Bare, Form::Integer | Form::Decimal, Decimal { scale, .. }) => match scale {
            Some(1..) => trimmed(&format!("CAST({c} + 0 AS CHAR)")),
            _ => format!("({c} + 0)"),
        },
        (Spelling::Bare, Form::Bits, Bit { length, .. }) => {
            format!(
                "LPAD(BIN({c} + 0), {}, '0')",
                length.unwrap_or(1).clamp(1, 64)
            )
        }
        (Spelling::Bare, Form::Date, Date) => format!("CAST({c} AS CHAR)"),
        (Spelling::Bare, Form::Timestamp | Form::TimestampTz, Date) => {
            format!("CONCAT(CAST({c} AS CHAR), ' 00:00:00')")
        }
        (Spelling::Bare, Form::Timestamp | Form::TimestampTz, Timestamp { precision, .. }) => {
            match precision {
                0 => format!("CAST({c} AS CHAR)"),
                _ => trimmed(&format!("CAST({c} AS CHAR)")),
            }
        }
        (Spelling::Bare, Form::Time, Time { precision, .. }) => match precision {
            0 => format!("CAST({c} AS CHAR)"),
            _ => trimmed(&format!("CAST({c} AS CHAR)")),
        },
        (Spelling::Bare, Form::Uuid, Uuid) => format!("LOWER(CAST({c} AS CHAR))"),
        (Spelling::Bare, Form::Uuid, Binary { length: 16 }) => format!(
            "INSERT(INSERT(INSERT(INSERT(LOWER(HEX({c})), 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-')"
        ),
        // Other letters than those of ASCII have a lower case as well, which is nobody's UUID.
        (Spelling::Bare, Form::Uuid, Type::Char { .. } | Varchar { .. }) => format!(
            "IF(CHAR_LENGTH({c}) = 36 AND OCTET_LENGTH(CONVERT({c} USING utf8mb4)) = 36 AND LOCATE(';', {c}) = 0 \
             AND LEFT({c}, 1) <> '~', LOWER(CONVERT({c} USING utf8mb4)), NULL)"
        ),
        (Spelling::Digits, Form::Double | Form::Single, Float { .. })
        | (Spelling::Digits, Form::Double, Integer { .. }) => {
            // The sum has no declared number of digits, and the larger of two floats' kinds.
            let f = format!("({c} + 0e0)");
            let digits = trimmed(&format!(
                "CAST(CAST(CAST({f} AS CHAR) AS DECIMAL(65,30)) AS CHAR)"
            ));
            format!(
                "IF({f} = 0, IF(CAST({c} AS CHAR) LIKE '-%', NULL, '0'), \
                 IF(ABS({f}) >= 1e-13 AND ABS({f}) < 9007199254740992, {digits}, NULL))"
            )
        }
        (
            Spelling::Text,
            Form::Text,
            Type::Char { .. } | Varchar { .. } | Text { .. } | Enum { .. },
        ) => {
            format!("CONVERT({c} USING utf8mb4)")
        }
        (
            Spelling::Text,
            Form::PaddedText,
            Type::Char { .. } | Varchar { .. } | Text { .. } | Enum { .. },
        ) => format!("TRIM(TRAILING ' ' FROM CONVERT({c} USING utf8mb4))"),
        (Spelling::Digest, Form::Bytes, Binary { .. } | Varbinary { .. } | Blob { .. }) => {
            format!("SHA2({c}, 256)")
        }
        _ => return None,
    })
}

/// The text of some columns; NULL where one can not be said, or it is too long.
fn text(columns: &[CanonicalColumn], spellings: &[Spelling]) -> Result<String> {
    let mut cells = Vec::with_capacity(columns.len());
    for (column, spelling) in columns.iter().zip(spellings) {
        let Some(sql) = said(column, *spelling) else {
            return Err(Error::new(
                ErrorKind::Internal,
                DOING,
                format!("the column {} has no such spelling", column.name),
            ));
        };
        let c = quote(&column.name);
        cells.push(match spelling {
            Spelling::Text => {
                format!("IF({c} IS NULL, '~', CONCAT(OCTET_LENGTH({sql}), ':', {sql}))")
            }
            _ => format!("IF({c} IS NULL, '~;', CONCAT({sql}, ';'))"),
        });
    }
    Ok(match cells.is_empty() {
        true => "''".into(),
        false => format!("CONCAT({})", cells.join(", ")),
    })
}

fn number(hash: &str, from: u32, digits: u32) -> String {
    format!("CAST(CONV(SUBSTRING({hash}, {from}, {digits}), 16, 10) AS UNSIGNED)")
}

/// The part of a row by the hash of its key.
fn part(hash: &str, parts: u32) -> String {
    format!("({} * {parts} DIV 4294967296)", number(hash, 1, 8))
}

/// The hash that tells a row into its part.
fn key(read: &CanonicalRead, said: &[Spelling]) -> Result<String> {
    let keys = match read.key_columns {
        0 => read.columns.len(),
        n => n.min(read.columns.len()),
    };
    Ok(format!("SHA2({}, 256)", text(&read.columns[..keys], said)?))
}

fn range(read: &CanonicalRead, range: &Range) -> Result<Option<String>> {
    let key: Vec<(&str, &Type)> = read.columns[..read.key_columns.min(read.columns.len())]
        .iter()
        .map(|c| (c.name.as_str(), &c.ty))
        .collect();
    match range {
        Range::All => Ok(None),
        Range::Key { lower, upper } => bounds::condition(&key, lower.as_deref(), upper.as_deref()),
        Range::Physical { .. } => Err(Error::new(
            ErrorKind::Unsupported,
            DOING,
            "this engine has no ranges of storage",
        )),
    }
}

/// The question. Its answer has a row for each part that is not empty: the part, rows, hashes, and both sums.
pub(crate) fn question(
    read: &CanonicalRead,
    said: &[Spelling],
    within: &Range,
    parts: u32,
) -> Result<String> {
    let hash = format!("SHA2({}, 256)", text(&read.columns, said)?);
    let by = match (parts, read.key_columns) {
        (0 | 1, _) => "0".into(),
        (_, 0) => part("h", parts),
        _ => part("k", parts),
    };
    let key = match (parts, read.key_columns) {
        (0 | 1, _) | (_, 0) => String::new(),
        _ => format!(", {} AS k", key(read, said)?),
    };
    let condition = range(read, within)?.map_or_else(String::new, |c| format!(" WHERE {c}"));
    // LIMIT keeps the hash from being computed once for each mention.
    Ok(format!(
        "SELECT {by} AS p, COUNT(*), COUNT(h), COALESCE(SUM({}), 0), COALESCE(SUM({}), 0) \
         FROM (SELECT {hash} AS h{key} FROM {}{condition} LIMIT 18446744073709551615) s GROUP BY p",
        number("h", 1, 15),
        number("h", 16, 15),
        quote(&read.table.name),
    ))
}

/// The condition of the rows of some parts of a range.
pub(crate) fn condition(
    read: &CanonicalRead,
    said: &[Spelling],
    within: &Range,
    parts: u32,
    chosen: &[u32],
) -> Result<String> {
    let before = range(read, within)?.map_or_else(String::new, |c| format!("{c} AND "));
    let chosen: Vec<String> = chosen.iter().map(u32::to_string).collect();
    let chosen = match chosen.is_empty() {
        true => "NULL".into(),
        false => chosen.join(", "),
    };
    Ok(format!(
        "{before}{} IN ({chosen})",
        part(&key(read, said)?, parts)
    ))
}
