//! Sums of rows, made by the server: the expressions that say a column as [`limosa_core::pushdown`] would.
//!
//! Every expression here gives, byte for byte, what that module makes of the cell that [`crate::digest`] reads, or
//! NULL, which makes the row one without a hash. Where neither is certain the column has no expression.

use crate::names::ident;
use crate::select::{self, Partitioned};
use limosa_core::canonical::Form;
use limosa_core::chunk::Range;
use limosa_core::engine::{CanonicalColumn, CanonicalRead};
use limosa_core::pushdown::{Means, Spelling};
use limosa_core::schema::Type;
use limosa_core::{Error, ErrorKind, Result};

const DOING: &str = "summing rows up";

/// The spellings of a column, best first.
pub(crate) fn spellings(column: &CanonicalColumn, utf8: bool) -> Means {
    if !utf8 {
        return Err("the database keeps its texts in another encoding than UTF-8".into());
    }
    let all = [
        Spelling::Text,
        Spelling::Bare,
        Spelling::Hex,
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
            form => format!(
                "PostgreSQL has no expression for {} as {form:?}",
                column.native
            ),
        }),
    }
}

/// A column's text: an expression, and whether it may be NULL for a value.
struct Said {
    sql: String,
    partial: bool,
}

/// The column's text without its length or end.
fn said(column: &CanonicalColumn, spelling: Spelling) -> Option<Said> {
    use Type::{
        Bit, Blob, Boolean, Cidr, Date, Decimal, Enum, Float, Inet, Integer, Interval, MacAddress,
        Money, Native, Text, Time, Timestamp, Uuid, Varchar,
    };
    let c = ident(&column.name);
    let whole = |sql: String| {
        Some(Said {
            sql,
            partial: false,
        })
    };
    // Years before 1 are counted in another way by the server.
    let since = |sql: String, ty: &str| {
        Some(Said {
            sql: format!(
                "CASE WHEN {c} < '0001-01-01'::{ty} AND {c} > '-infinity' THEN NULL ELSE {sql} END"
            ),
            partial: true,
        })
    };
    match (spelling, column.form, column.ty.base()) {
        (Spelling::Bare, Form::Boolean, Boolean) => whole(format!("{c}::int::text")),
        (Spelling::Bare, Form::Boolean | Form::Integer | Form::Decimal, Integer { .. })
        | (Spelling::Bare, Form::Boolean | Form::Bits, Bit { .. })
        | (Spelling::Bare, Form::Uuid, Uuid) => whole(format!("{c}::text")),
        (Spelling::Bare, Form::Integer | Form::Decimal, Decimal { scale, .. }) => match scale {
            Some(..=0) => whole(format!("{c}::text")),
            _ => whole(format!("trim_scale({c})::text")),
        },
        (Spelling::Bare, Form::Decimal, Money { .. }) => {
            whole(format!("trim_scale({c}::numeric)::text"))
        }
        (Spelling::Bare, Form::Date, Date) => since(format!("{c}::text"), "date"),
        (Spelling::Bare, Form::Timestamp, Date) => since(format!("{c}::timestamp::text"), "date"),
        (Spelling::Bare, Form::Timestamp | Form::TimestampTz, Timestamp { zoned: false, .. }) => {
            since(format!("{c}::text"), "timestamp")
        }
        (Spelling::Bare, Form::TimestampTz, Timestamp { zoned: true, .. }) => {
            since(format!("({c} AT TIME ZONE 'UTC')::text"), "timestamptz")
        }
        (Spelling::Bare, Form::Time, Time { zoned: false, .. }) => whole(format!("{c}::text")),
        (Spelling::Bare, Form::Interval, Interval | Time { zoned: false, .. }) => {
            whole(crate::digest::expression(column))
        }
        (Spelling::Hex, Form::Double, Float { .. } | Integer { .. }) => whole(format!(
            "CASE WHEN {c}::float8 = 'NaN' THEN '7ff8000000000000' ELSE encode(float8send({c}::float8), 'hex') END"
        )),
        (Spelling::Hex, Form::Single, Float { bits: 32 }) => whole(format!(
            "CASE WHEN {c} = 'NaN' THEN '7fc00000' ELSE encode(float4send({c}), 'hex') END"
        )),
        (Spelling::Digits, Form::Double, Float { .. } | Integer { .. })
        | (Spelling::Digits, Form::Single, Float { bits: 32 }) => Some(Said {
            sql: format!(
                "CASE WHEN {c}::float8 = 0 THEN CASE WHEN {c}::text = '-0' THEN NULL ELSE '0' END \
                 WHEN abs({c}::float8) >= 1e-13 AND abs({c}::float8) < 9007199254740992 \
                 THEN trim_scale({c}::float8::text::numeric)::text END"
            ),
            partial: true,
        }),
        (Spelling::Text, Form::Text, Text { .. } | Varchar { .. } | Enum { .. }) => {
            whole(format!("{c}::text"))
        }
        (Spelling::Text, Form::PaddedText, Text { .. } | Varchar { .. } | Type::Char { .. }) => {
            whole(format!("rtrim({c}::text, ' ')"))
        }
        // The text that a cast gives is not always that of the type's own output.
        (Spelling::Text, Form::Text, Inet | Cidr | MacAddress { .. } | Native { .. })
        | (Spelling::Text, Form::Native, Native { .. }) => Some(Said {
            sql: format!("CASE WHEN {c} IS NULL THEN NULL ELSE format('%s', {c}) END"),
            partial: false,
        }),
        (Spelling::Digest, Form::Bytes, Blob { .. }) => {
            whole(format!("encode(sha256({c}), 'hex')"))
        }
        _ => None,
    }
}

/// The text of some columns; NULL where one can not be said.
fn text(columns: &[CanonicalColumn], spellings: &[Spelling]) -> Result<String> {
    let mut cells = Vec::with_capacity(columns.len());
    for (column, spelling) in columns.iter().zip(spellings) {
        let Some(Said { sql, partial }) = said(column, *spelling) else {
            return Err(Error::new(
                ErrorKind::Internal,
                DOING,
                format!("the column {} has no such spelling", column.name),
            ));
        };
        cells.push(match (spelling, partial) {
            (Spelling::Text, _) => format!("coalesce(octet_length({sql}) || ':' || {sql}, '~')"),
            (_, false) => format!("coalesce({sql}, '~') || ';'"),
            (_, true) => format!(
                "CASE WHEN {} IS NULL THEN '~' ELSE {sql} END || ';'",
                ident(&column.name)
            ),
        });
    }
    Ok(match cells.is_empty() {
        true => "''".into(),
        false => cells.join(" || "),
    })
}

fn digest(text: &str) -> String {
    format!("encode(sha256(convert_to({text}, 'UTF8')), 'hex')")
}

fn bits(hash: &str, from: u32, digits: u32) -> String {
    format!(
        "('x' || substr({hash}, {from}, {digits}))::bit({})::bigint",
        4 * digits
    )
}

/// The part of a row by the hash of its key.
fn part(hash: &str, parts: u32) -> String {
    format!("({} * {parts}) >> 32", bits(hash, 1, 8))
}

/// The hash that tells a row into its part.
fn key(read: &CanonicalRead, said: &[Spelling]) -> Result<String> {
    let keys = match read.key_columns {
        0 => read.columns.len(),
        n => n.min(read.columns.len()),
    };
    Ok(digest(&text(&read.columns[..keys], said)?))
}

fn range(read: &CanonicalRead, range: &Range) -> Result<String> {
    let key: Vec<(String, String)> = read.columns[..read.key_columns.min(read.columns.len())]
        .iter()
        .map(|c| (c.name.clone(), c.native.clone()))
        .collect();
    select::condition(range, &key)
}

/// The question. Its answer has a row for each part that is not empty: the part, rows, hashes, and both sums.
pub(crate) fn question(
    read: &CanonicalRead,
    said: &[Spelling],
    within: &Range,
    parts: u32,
    partitioned: &Partitioned,
) -> Result<String> {
    let hash = digest(&text(&read.columns, said)?);
    let by = match (parts, read.key_columns) {
        (0 | 1, _) => "0".into(),
        (_, 0) => part("h", parts),
        _ => part("k", parts),
    };
    let key = match (parts, read.key_columns) {
        (0 | 1, _) | (_, 0) => String::new(),
        _ => format!(", {} AS k", key(read, said)?),
    };
    // OFFSET keeps the hash from being computed once for each mention.
    Ok(format!(
        "SELECT {by} AS p, count(*), count(h), coalesce(sum({}), 0), coalesce(sum({}), 0) \
         FROM (SELECT {hash} AS h{key} {}{} OFFSET 0) s GROUP BY 1",
        bits("h", 1, 15),
        bits("h", 16, 15),
        select::from(&read.table, partitioned),
        range(read, within)?,
    ))
}

/// The condition of the rows of some parts of a range, with its WHERE.
pub(crate) fn condition(
    read: &CanonicalRead,
    said: &[Spelling],
    within: &Range,
    parts: u32,
    chosen: &[u32],
) -> Result<String> {
    let before = match range(read, within)? {
        all if all.is_empty() => " WHERE ".to_owned(),
        some => format!("{some} AND "),
    };
    let chosen: Vec<String> = chosen.iter().map(u32::to_string).collect();
    let chosen = match chosen.is_empty() {
        true => "NULL".into(),
        false => chosen.join(", "),
    };
    Ok(format!(
        "{before}{} IN ({chosen})",
        format_args!("({})", part(&key(read, said)?, parts))
    ))
}
