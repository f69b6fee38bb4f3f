//! What a table holds, in its engine's own words.

use crate::engine::{Database, Engine};
use crate::meaning::Raw;
use limosa_testkit::{query_mysql, query_psql};
use rusqlite::types::ValueRef;
use std::collections::HashMap;

/// Rows of raw values.
pub(crate) type Rows = Vec<Vec<Raw>>;

/// The columns of a table and how their engine spells their types.
pub(crate) fn columns(database: &Database, table: &str) -> Vec<(String, String)> {
    let answer = match database.engine {
        Engine::Postgres => query_psql(
            &database.url,
            &format!(
                "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute \
                 WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
            ),
        ),
        Engine::Maria => query_mysql(
            &database.url,
            &format!(
                "SELECT column_name, column_type FROM information_schema.columns \
                 WHERE table_schema = DATABASE() AND table_name = '{table}' ORDER BY ordinal_position"
            ),
        ),
        Engine::Sqlite => database.ask(&format!(
            "SELECT name, replace(type, char(10), ' ') FROM pragma_table_info('{table}') ORDER BY cid"
        )),
    };
    answer
        .lines()
        .map(|line| {
            let (name, ty) = line.split_once('\t').expect("two cells");
            (name.to_owned(), ty.to_owned())
        })
        .collect()
}

/// The values of some columns of a table; in PostgreSQL those in `casts` are cast back to a type first.
pub(crate) fn dump(
    database: &Database,
    table: &str,
    wanted: &[String],
    casts: &HashMap<String, String>,
) -> Rows {
    let types: HashMap<String, String> = columns(database, table).into_iter().collect();
    match database.engine {
        Engine::Sqlite => sqlite(database, table, wanted),
        Engine::Postgres => {
            // `format` says a value as the type's own output does; a cast to text says some in another way.
            let parts: Vec<String> = wanted
                .iter()
                .map(|c| {
                    let words = match (types[c].as_str(), casts.get(c)) {
                        (_, Some(to)) => format!("format('%s', format('%s', \"{c}\")::{to})"),
                        ("bytea", _) => return format!("'b' || encode(\"{c}\", 'hex')"),
                        (ty, _) if ty.ends_with("[]") => list(c, ty),
                        _ => format!("format('%s', \"{c}\")"),
                    };
                    let hex = format!("encode(convert_to({words}, 'UTF8'), 'hex')");
                    format!("CASE WHEN NOT \"{c}\" IS DISTINCT FROM NULL THEN NULL ELSE 't' || {hex} END")
                })
                .collect();
            rows(&query_psql(
                &database.url,
                &format!(
                    "SET timezone = 'UTC'; SET intervalstyle = 'iso_8601'; SET extra_float_digits = 1;\n\
                     SELECT {} FROM \"{table}\"",
                    parts.join(", ")
                ),
            ))
        }
        Engine::Maria => {
            let parts: Vec<String> = wanted.iter().map(|c| maria(c, &types[c])).collect();
            rows(&query_mysql(
                &database.url,
                &format!(
                    "SET time_zone = '+00:00';\nSELECT {} FROM `{table}`",
                    parts.join(", ")
                ),
            ))
        }
    }
}

/// An array as a list of JSON; with other bounds, or where a list would not tell NULL from JSON's null or a list of
/// JSON from an array in an array, as a JSON text of PostgreSQL's own words.
fn list(name: &str, ty: &str) -> String {
    let c = format!("\"{name}\"");
    let mut own = format!("array_dims({c}) ~ '\\[(?!1:)'");
    if ty.starts_with("json") {
        own.push_str(&format!(
            " OR array_ndims({c}) > 1 OR EXISTS (SELECT FROM unnest({c}) AS x(e) WHERE e::text = 'null')"
        ));
    }
    format!("(CASE WHEN {own} THEN to_json({c}::text) ELSE to_json({c}) END)::text")
}

fn maria(name: &str, ty: &str) -> String {
    let c = format!("`{name}`");
    let word = ty.split(['(', ' ']).next().unwrap_or_default();
    match word {
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => {
            format!("CONCAT('b', HEX({c}))")
        }
        "bit" => {
            let n = ty.trim_start_matches("bit(").trim_end_matches(')');
            format!("CONCAT('t', HEX(LPAD(BIN({c} + 0), {n}, '0')))")
        }
        "float" => format!("CONCAT('t', HEX(CAST(CAST({c} AS DOUBLE) AS CHAR(40))))"),
        "double" => format!("CONCAT('t', HEX(CAST({c} AS CHAR(40))))"),
        "point" | "linestring" | "polygon" | "geometry" | "multipoint" | "multilinestring"
        | "multipolygon" | "geometrycollection" => {
            format!("CONCAT('g', ST_SRID({c}), ':', HEX(ST_AsWKB({c})))")
        }
        _ => format!("CONCAT('t', HEX(CONVERT({c} USING utf8mb4)))"),
    }
}

fn rows(answer: &str) -> Rows {
    answer
        .lines()
        .map(|line| line.split('\t').map(raw).collect())
        .collect()
}

fn raw(cell: &str) -> Raw {
    if cell == "NULL" {
        return Raw::Null;
    }
    let bytes = |digits: &str| -> Vec<u8> {
        (0..digits.len() / 2)
            .map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).expect("hexadecimal"))
            .collect()
    };
    match cell.split_at(1) {
        ("t", digits) => Raw::Text(bytes(digits)),
        ("b", digits) => Raw::Bytes(bytes(digits)),
        ("g", rest) => {
            let (srid, digits) = rest.split_once(':').expect("a reference system");
            Raw::Shape(srid.parse().expect("a number"), bytes(digits))
        }
        _ => panic!("{cell}"),
    }
}

fn sqlite(database: &Database, table: &str, wanted: &[String]) -> Rows {
    let db = rusqlite::Connection::open(database.file()).expect("the file opens");
    let list: Vec<String> = wanted.iter().map(|c| format!("\"{c}\"")).collect();
    let mut statement = db
        .prepare(&format!("SELECT {} FROM \"{table}\"", list.join(", ")))
        .expect("the table is there");
    let rows = statement
        .query_map([], |row| {
            (0..wanted.len())
                .map(|i| {
                    Ok(match row.get_ref(i)? {
                        ValueRef::Null => Raw::Null,
                        ValueRef::Integer(n) => Raw::Int(n),
                        ValueRef::Real(x) => Raw::Real(x),
                        ValueRef::Text(t) => Raw::Text(t.to_vec()),
                        ValueRef::Blob(b) => Raw::Bytes(b.to_vec()),
                    })
                })
                .collect::<Result<Vec<_>, _>>()
        })
        .expect("the query runs");
    rows.map(|r| r.expect("a row")).collect()
}
