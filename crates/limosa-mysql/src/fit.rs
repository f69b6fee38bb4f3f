//! Whether a row has room for all columns of a table together.
//!
//! The server allows a row 65,535 bytes in which every text counts with its longest value, and a page of InnoDB less than
//! 8,126 of them; what texts and blobs keep beside the row counts a pointer only. In a page, texts of 256 bytes and
//! more count a pointer too, and shorter ones count whole: thirty-two columns of `varchar(63)` are all that it has
//! room for. So the widest plain columns become members of the text family until the rest fits.

use crate::connection::Version;
use crate::mariadb::exact_collation;
use limosa_core::dialect::{Fidelity, Misfit, Placement};
use limosa_core::schema::{Column, IndexOf, Table, Type};
use std::collections::HashSet;

/// Bytes of a row, without what is kept beside it.
const ROW: u64 = 65_535;
/// Bytes of a row in a page, one less than half of it.
const PAGE: u64 = 8_125;
/// What a page needs of every row: its header, its number, its transaction and its way back.
const HEADER: u64 = 24;
/// The pointer to what is kept beside the row, with its length: in the row, and in the page.
const POINTER: (u64, u64) = (12, 21);
/// Texts of more bytes may be kept beside the row.
const INLINE: u64 = 255;

/// Bytes of a column in the row and in the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Need {
    row: u64,
    page: u64,
}

impl Need {
    /// Of a value that always has as many bytes.
    fn fixed(bytes: u64) -> Self {
        Need {
            row: bytes,
            page: bytes,
        }
    }

    /// Of a text of at most so many bytes; the columns of the primary key are never kept beside the row.
    fn varying(bytes: u64, keyed: bool) -> Self {
        let row = bytes + if bytes > INLINE { 2 } else { 1 };
        Need {
            row,
            page: if bytes > INLINE && !keyed {
                POINTER.1
            } else {
                row
            },
        }
    }
}

/// Bytes of a decimal: four for nine digits, and fewer for the rest of them.
fn decimal(precision: u32, scale: u32) -> u64 {
    let bytes = |digits: u32| u64::from(digits / 9 * 4 + (digits % 9).div_ceil(2));
    bytes(precision.saturating_sub(scale)) + bytes(scale)
}

fn need(column: &Column, keyed: bool) -> Need {
    let native = column.native.to_ascii_lowercase();
    let narrow = ["ascii", "latin1"]
        .iter()
        .any(|set| native.contains(&format!("character set {set}")));
    let chars = |n: u32| u64::from(n) * if narrow { 1 } else { 4 };
    let fraction = |digits: u8| u64::from(digits.min(6).div_ceil(2));
    match column.ty.base() {
        Type::Boolean | Type::Year => Need::fixed(1),
        Type::Integer { bits, .. } => Need::fixed(match bits {
            ..=8 => 1,
            9..=16 => 2,
            17..=24 => 3,
            25..=32 => 4,
            _ => 8,
        }),
        Type::Float { bits: 32 } => Need::fixed(4),
        Type::Float { .. } => Need::fixed(8),
        Type::Decimal { precision, scale } => {
            let scale = scale.unwrap_or(0).max(0) as u32;
            Need::fixed(decimal(precision.unwrap_or(65), scale))
        }
        Type::Char { length } if narrow => Need::fixed(chars(*length)),
        Type::Char { length } | Type::Varchar { length } => Need::varying(chars(*length), keyed),
        Type::Varbinary { length } => Need::varying(u64::from(*length), keyed),
        Type::Binary { length } => Need::fixed(u64::from(*length)),
        Type::Bit { length, .. } => Need::fixed(u64::from(length.unwrap_or(1).div_ceil(8))),
        Type::Date => Need::fixed(3),
        Type::Time { precision, .. } => Need::fixed(3 + fraction(*precision)),
        Type::Timestamp { precision, .. } => Need::fixed(5 + fraction(*precision)),
        Type::Uuid if native.starts_with("char") => Need::fixed(36),
        Type::Uuid => Need::fixed(16),
        Type::Enum { members, .. } => Need::fixed(if members.len() > 255 { 2 } else { 1 }),
        Type::Set { .. } => Need::fixed(8),
        _ => Need {
            row: POINTER.0,
            page: POINTER.1,
        },
    }
}

/// The text family's member for a column, if it can be one.
fn beside(version: &Version, column: &Column) -> Option<(Type, String)> {
    let max_bytes = Some(65_535);
    match column.ty.base() {
        Type::Varchar { length } if u64::from(*length) * 4 <= 65_535 => Some((
            Type::Text { max_bytes },
            format!(
                "text character set utf8mb4 collate {}",
                exact_collation(version.maria)
            ),
        )),
        Type::Varbinary { length } if *length <= 65_535 => {
            Some((Type::Blob { max_bytes }, "blob".into()))
        }
        _ => None,
    }
}

/// The columns that a key or an index orders by.
fn ordered(table: &Table) -> HashSet<&str> {
    let keys = table.primary_key.iter().chain(&table.uniques);
    let mut out: HashSet<&str> = keys.flat_map(|k| &k.columns).map(String::as_str).collect();
    out.extend(
        table
            .foreign_keys
            .iter()
            .flat_map(|k| &k.columns)
            .map(String::as_str),
    );
    for part in table.indexes.iter().flat_map(|i| &i.parts) {
        if let IndexOf::Column(c) = &part.of {
            out.insert(c);
        }
    }
    out
}

/// See [`limosa_core::dialect::Dialect::fit`].
pub(crate) fn fit(version: &Version, table: &Table, free: &dyn Fn(&str) -> bool) -> Vec<Misfit> {
    let key = table.primary_key.as_ref().map_or(&[][..], |k| &k.columns);
    let mut needs: Vec<Need> = table
        .columns
        .iter()
        .map(|c| need(c, key.contains(&c.name)))
        .collect();
    let nulls = table
        .columns
        .iter()
        .filter(|c| c.nullable)
        .count()
        .div_ceil(8) as u64;
    let row = |needs: &[Need]| nulls + needs.iter().map(|n| n.row).sum::<u64>();
    let page = |needs: &[Need]| nulls + HEADER + needs.iter().map(|n| n.page).sum::<u64>();
    let (rows, pages) = (row(&needs), page(&needs));
    let ordered = ordered(table);
    let mut out = Vec::new();
    while row(&needs) > ROW || page(&needs) > PAGE {
        let gain = |n: &Need| {
            if row(&needs) > ROW {
                n.row.saturating_sub(POINTER.0)
            } else {
                n.page.saturating_sub(POINTER.1)
            }
        };
        let widest = table
            .columns
            .iter()
            .enumerate()
            .filter(|(at, c)| gain(&needs[*at]) > 0 && free(&c.name))
            .filter(|(_, c)| !ordered.contains(c.name.as_str()) && c.generated.is_none())
            .filter_map(|(at, c)| Some((at, c, beside(version, c)?)))
            // Of equally wide ones the first.
            .max_by_key(|(at, ..)| (gain(&needs[*at]), std::cmp::Reverse(*at)));
        let Some((at, column, (ty, native))) = widest else {
            let (needed, room, of) = if row(&needs) > ROW {
                (row(&needs), ROW, "a row")
            } else {
                (page(&needs), PAGE, "a row in a page")
            };
            return vec![Misfit::Table(format!(
                "its {} columns need {needed} bytes of {of}, which has room for {room}, even with every text that is in no \
                 key or index kept beside it",
                table.columns.len()
            ))];
        };
        needs[at] = Need {
            row: POINTER.0,
            page: POINTER.1,
        };
        out.push(Misfit::Column {
            column: column.name.clone(),
            placement: Box::new(Placement {
                ty,
                native,
                fidelity: Fidelity::Widened,
                force_nullable: false,
                check: None,
                note: Some(if rows > ROW {
                    format!("kept beside the row, which has room for {ROW} bytes, where all columns need {rows}")
                } else {
                    format!(
                        "kept beside the row, which has room for {PAGE} bytes in a page, where all columns need {pages}"
                    )
                }),
            }),
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use limosa_core::schema::{Key, TableName};

    fn column(n: usize, ty: Type, native: &str) -> Column {
        Column {
            name: format!("c{n}"),
            ty,
            native: native.into(),
            nullable: true,
            default: None,
            identity: None,
            generated: None,
            on_update_now: false,
            collation: None,
            folds: false,
            comment: None,
        }
    }

    fn of(columns: Vec<Column>) -> Table {
        Table {
            name: TableName::bare("t"),
            columns,
            primary_key: None,
            uniques: vec![],
            foreign_keys: vec![],
            checks: vec![],
            indexes: vec![],
            triggers: vec![],
            partitioning: None,
            comment: None,
            estimated_rows: None,
            estimated_bytes: None,
            unrepresented: vec![],
        }
    }

    fn many(count: usize, ty: &Type) -> Vec<Column> {
        (0..count).map(|n| column(n, ty.clone(), "")).collect()
    }

    /// The most columns of a type that one real server (MariaDB 10.11) takes.
    #[test]
    fn as_many_columns_fit_as_the_server_takes() {
        let maria = Version::parse("10.11.2-MariaDB");
        let int = |bits| Type::Integer {
            bits,
            unsigned: false,
        };
        let varchar = |length| Type::Varchar { length };
        for (ty, most) in [
            (Type::Text { max_bytes: None }, 383),
            (varchar(64), 253),
            (varchar(63), 32),
            (varchar(20), 99),
            (varchar(10), 196),
            (Type::Varbinary { length: 256 }, 253),
            (Type::Varbinary { length: 255 }, 31),
            (Type::Varbinary { length: 30 }, 260),
            (Type::Char { length: 10 }, 196),
            (
                Type::Decimal {
                    precision: Some(65),
                    scale: Some(30),
                },
                268,
            ),
            (int(64), 997),
            (
                Type::Timestamp {
                    precision: 6,
                    zoned: false,
                },
                997,
            ),
            (Type::Uuid, 502),
            (
                Type::Bit {
                    length: Some(64),
                    varying: false,
                },
                997,
            ),
        ] {
            assert_eq!(
                fit(&maria, &of(many(most, &ty)), &|_| true),
                [],
                "{most} of {ty}"
            );
            assert_ne!(
                fit(&maria, &of(many(most + 1, &ty)), &|_| true),
                [],
                "{most} of {ty}"
            );
        }
    }

    #[test]
    fn the_widest_columns_without_a_key_are_kept_beside_the_row() {
        let maria = Version::parse("10.11.2-MariaDB");
        let mut columns = many(80, &Type::Varchar { length: 255 });
        columns.push(column(80, Type::Varchar { length: 300 }, ""));
        columns[0].nullable = false;
        let mut table = of(columns);
        table.primary_key = Some(Key {
            name: None,
            columns: vec!["c0".into()],
            deferrable: false,
            initially_deferred: false,
            nulls_not_distinct: false,
        });
        let found = fit(&maria, &table, &|c| c != "c1");
        let named: Vec<&str> = found
            .iter()
            .map(|m| match m {
                Misfit::Column { column, .. } => column.as_str(),
                Misfit::Table(_) => "none",
            })
            .collect();
        assert_eq!(named.first(), Some(&"c80"));
        assert!(named.contains(&"c2") && !named.contains(&"c0") && !named.contains(&"c1"));
        let none = fit(&maria, &table, &|_| false);
        assert!(
            matches!(&none[..], [Misfit::Table(why)] if why.contains("65535")),
            "{none:?}"
        );
    }
}
