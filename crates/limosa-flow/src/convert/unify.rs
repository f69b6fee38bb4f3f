//! One type along foreign keys: a child column and its parent end with the same.

use limosa_core::scan::ColumnScan;
use limosa_core::schema::{Table, TableName, Type};
use std::collections::HashMap;

/// A column by table and name, both of the source.
pub type Place = (TableName, String);

/// Columns that foreign keys tie together: each group has two members or more.
///
/// Foreign keys to tables outside of `tables` tie nothing.
pub fn groups(tables: &[&Table]) -> Vec<Vec<Place>> {
    let mut index: HashMap<Place, usize> = HashMap::new();
    let mut places: Vec<Place> = Vec::new();
    let mut parent: Vec<usize> = Vec::new();
    fn root(parent: &mut [usize], mut at: usize) -> usize {
        while parent[at] != at {
            parent[at] = parent[parent[at]];
            at = parent[at];
        }
        at
    }
    let known: HashMap<&TableName, &Table> = tables.iter().map(|t| (&t.name, *t)).collect();
    for table in tables {
        for key in &table.foreign_keys {
            let Some(up) = known.get(&key.parent) else {
                continue;
            };
            let above = parent_columns(key, up);
            for (child, above) in key.columns.iter().zip(above) {
                let ends = [(&table.name, child), (&key.parent, above)].map(|(t, c)| {
                    let place = (t.clone(), c.clone());
                    *index.entry(place.clone()).or_insert_with(|| {
                        places.push(place);
                        parent.push(parent.len());
                        parent.len() - 1
                    })
                });
                let (a, b) = (root(&mut parent, ends[0]), root(&mut parent, ends[1]));
                parent[a] = b;
            }
        }
    }
    let mut by_root: HashMap<usize, Vec<Place>> = HashMap::new();
    for (at, place) in places.iter().enumerate() {
        let top = root(&mut parent, at);
        by_root.entry(top).or_default().push(place.clone());
    }
    let mut out: Vec<Vec<Place>> = by_root.into_values().collect();
    for group in &mut out {
        group.sort();
    }
    out.sort();
    out
}

/// The columns that a foreign key names in its parent: the primary key's if it names none.
pub(crate) fn parent_columns<'a>(
    key: &'a limosa_core::schema::ForeignKey,
    parent: &'a Table,
) -> &'a [String] {
    if key.parent_columns.is_empty() {
        parent.primary_key.as_ref().map_or(&[], |k| &k.columns)
    } else {
        &key.parent_columns
    }
}

/// The narrowest type that holds the values of both; `None` if they have nothing in common.
pub fn widest(a: &Type, b: &Type) -> Option<Type> {
    use Type::*;
    if a == b {
        return Some(a.clone());
    }
    Some(match (a.base(), b.base()) {
        (
            Integer {
                bits: x,
                unsigned: u,
            },
            Integer {
                bits: y,
                unsigned: v,
            },
        ) => {
            if u == v {
                Integer {
                    bits: *x.max(y),
                    unsigned: *u,
                }
            } else {
                let (unsigned, signed) = if *u { (x, y) } else { (y, x) };
                let need = match unsigned {
                    0..=8 => 16,
                    9..=16 => 24,
                    17..=31 => 32,
                    32..=63 => 64,
                    _ => {
                        return Some(Decimal {
                            precision: Some(20),
                            scale: Some(0),
                        });
                    }
                };
                Integer {
                    bits: *signed.max(&need),
                    unsigned: false,
                }
            }
        }
        (Integer { .. }, d @ Decimal { .. }) | (d @ Decimal { .. }, Integer { .. }) => match d {
            Decimal {
                precision: Some(p),
                scale,
            } => {
                let s = scale.unwrap_or(0);
                Decimal {
                    precision: Some((*p).max(20 + u32::try_from(s).unwrap_or(0))),
                    scale: Some(s),
                }
            }
            _ => Decimal {
                precision: None,
                scale: None,
            },
        },
        (
            Decimal {
                precision: Some(p),
                scale: s,
            },
            Decimal {
                precision: Some(q),
                scale: t,
            },
        ) => {
            let (s, t) = (
                i64::from(s.unwrap_or(0)).max(0),
                i64::from(t.unwrap_or(0)).max(0),
            );
            let whole = (i64::from(*p) - s).max(i64::from(*q) - t);
            let scale = s.max(t);
            Decimal {
                precision: u32::try_from(whole + scale).ok(),
                scale: i32::try_from(scale).ok(),
            }
        }
        (Decimal { .. }, Decimal { .. }) => Decimal {
            precision: None,
            scale: None,
        },
        (
            Char { length: x } | Varchar { length: x },
            Char { length: y } | Varchar { length: y },
        ) => Varchar { length: *x.max(y) },
        (x, y) if x.text() && y.text() => Text { max_bytes: None },
        (
            Binary { length: x } | Varbinary { length: x },
            Binary { length: y } | Varbinary { length: y },
        ) => Varbinary { length: *x.max(y) },
        (x, y) if x.binary() && y.binary() => Blob { max_bytes: None },
        (
            Timestamp {
                precision: p,
                zoned: z,
            },
            Timestamp {
                precision: q,
                zoned: w,
            },
        ) if z == w => Timestamp {
            precision: *p.max(q),
            zoned: *z,
        },
        (x, y) if x == y => x.clone(),
        _ => return None,
    })
}

/// One scan that speaks for the values of both columns.
#[must_use]
pub fn joined(a: &ColumnScan, b: &ColumnScan) -> ColumnScan {
    let mut out = a.clone();
    out.nulls += b.nulls;
    out.integers += b.integers;
    out.reals += b.reals;
    out.texts += b.texts;
    out.blobs += b.blobs;
    out.typed += b.typed;
    out.min_integer = match (a.min_integer, b.min_integer) {
        (Some(x), Some(y)) => Some(x.min(y)),
        (x, y) => x.or(y),
    };
    out.max_integer = a.max_integer.max(b.max_integer);
    out.not_boolean += b.not_boolean;
    out.integer_digits = a.integer_digits.max(b.integer_digits);
    out.scale = a.scale.max(b.scale);
    out.whole_reals += b.whole_reals;
    out.max_chars = a.max_chars.max(b.max_chars);
    out.max_bytes = a.max_bytes.max(b.max_bytes);
    out.total_bytes += b.total_bytes;
    let (s, t) = (&mut out.shapes, &b.shapes);
    s.date += t.date;
    s.timestamp += t.timestamp;
    s.timestamp_tz += t.timestamp_tz;
    s.time += t.time;
    s.uuid += t.uuid;
    s.json += t.json;
    s.decimal += t.decimal;
    s.boolean += t.boolean;
    s.empty += t.empty;
    s.fraction_digits = s.fraction_digits.max(t.fraction_digits);
    for other in &b.hazards {
        match out.hazards.iter_mut().find(|h| h.hazard == other.hazard) {
            Some(mine) => {
                mine.count += other.count;
                let room = 5usize.saturating_sub(mine.examples.len());
                mine.examples
                    .extend(other.examples.iter().take(room).cloned());
            }
            None => out.hazards.push(other.clone()),
        }
    }
    out
}
