//! The server's types as neutral types.

use crate::connection::Answer;
use limosa_core::schema::{TableName, Type};
use std::collections::HashMap;

/// One row of `pg_type`.
#[derive(Debug, Default, Clone)]
pub(crate) struct PgType {
    pub(crate) schema: String,
    pub(crate) name: String,
    kind: char,
    category: char,
    base: u32,
    base_modifier: i32,
    element: u32,
    members: Vec<String>,
}

/// All types of the server, by oid.
#[derive(Debug, Default)]
pub(crate) struct Types {
    by_oid: HashMap<u32, PgType>,
    money_digits: u8,
}

/// Reads them; the columns are those of `QUERY`.
pub(crate) const QUERY: &str = "\
SELECT t.oid, n.nspname, t.typname, t.typtype, t.typcategory, t.typbasetype, t.typtypmod, \
  CASE WHEN t.typlen = -1 AND t.typcategory = 'A' THEN t.typelem ELSE 0 END, \
  CASE WHEN t.typtype = 'e' THEN (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid) END \
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace";

impl Types {
    pub(crate) fn read(answer: &Answer, money_digits: u8) -> Self {
        let mut by_oid = HashMap::with_capacity(answer.rows.len());
        for row in &answer.rows {
            let text = |i: usize| row.get(i).and_then(Option::as_deref).unwrap_or_default();
            let letter = |i: usize| text(i).chars().next().unwrap_or('?');
            by_oid.insert(
                text(0).parse().unwrap_or(0),
                PgType {
                    schema: text(1).into(),
                    name: text(2).into(),
                    kind: letter(3),
                    category: letter(4),
                    base: text(5).parse().unwrap_or(0),
                    base_modifier: text(6).parse().unwrap_or(-1),
                    element: text(7).parse().unwrap_or(0),
                    members: serde_json::from_str(text(8)).unwrap_or_default(),
                },
            );
        }
        Self {
            by_oid,
            money_digits,
        }
    }

    /// The type's row.
    pub(crate) fn get(&self, oid: u32) -> Option<&PgType> {
        self.by_oid.get(&oid)
    }

    /// Whether a column's text folds case by its type alone (citext).
    pub(crate) fn folds(&self, oid: u32) -> bool {
        self.get(oid).is_some_and(|t| match t.kind {
            'd' => self.folds(t.base),
            _ => t.name == "citext" && t.category == 'S',
        })
    }

    /// The neutral type; `native` is its spelling, for the types that only this engine has.
    pub(crate) fn neutral(&self, oid: u32, modifier: i32, native: &str) -> Type {
        self.at_depth(oid, modifier, native, 0)
    }

    fn at_depth(&self, oid: u32, modifier: i32, native: &str, depth: u8) -> Type {
        let only_here = |json: bool| Type::Native {
            family: "postgresql".into(),
            name: native.into(),
            json,
        };
        let Some(t) = self.get(oid).filter(|_| depth < 32) else {
            return only_here(false);
        };
        let builtin = t.schema == "pg_catalog";
        let name = || TableName::within(&t.schema, &t.name);
        match t.kind {
            'd' => {
                return Type::Domain {
                    name: name(),
                    base: Box::new(self.at_depth(t.base, t.base_modifier, native, depth + 1)),
                };
            }
            'e' => {
                return Type::Enum {
                    name: Some(name()),
                    members: t.members.clone(),
                };
            }
            'c' => return only_here(true),
            'r' | 'm' => return only_here(false),
            _ => {}
        }
        if t.element != 0 {
            let element = native.strip_suffix("[]").unwrap_or(native);
            return Type::Array {
                element: Box::new(self.at_depth(t.element, modifier, element, depth + 1)),
            };
        }
        if !builtin {
            return match t.name.as_str() {
                "citext" => Type::Text { max_bytes: None },
                "hstore" => only_here(true),
                "geometry" | "geography" => geometry(native),
                _ => only_here(false),
            };
        }
        let length = u32::try_from(modifier - 4).ok().filter(|_| modifier >= 4);
        let digits = u8::try_from(modifier).ok().filter(|d| *d <= 6).unwrap_or(6);
        match t.name.as_str() {
            "bool" => Type::Boolean,
            "int2" => Type::Integer {
                bits: 16,
                unsigned: false,
            },
            "int4" => Type::Integer {
                bits: 32,
                unsigned: false,
            },
            "int8" => Type::Integer {
                bits: 64,
                unsigned: false,
            },
            "oid" => Type::Integer {
                bits: 32,
                unsigned: true,
            },
            "float4" => Type::Float { bits: 32 },
            "float8" => Type::Float { bits: 64 },
            "numeric" => match modifier {
                4.. => {
                    let m = modifier - 4;
                    // Eleven bits with a sign since version 15, read the same way for older ones.
                    let scale = ((m & 0x7FF) ^ 1024) - 1024;
                    Type::Decimal {
                        precision: u32::try_from(m >> 16 & 0xFFFF).ok(),
                        scale: Some(scale),
                    }
                }
                _ => Type::Decimal {
                    precision: None,
                    scale: None,
                },
            },
            "money" => Type::Money {
                digits: self.money_digits,
            },
            "bpchar" => length.map_or(Type::Text { max_bytes: None }, |length| Type::Char {
                length,
            }),
            "varchar" => length.map_or(Type::Text { max_bytes: None }, |length| Type::Varchar {
                length,
            }),
            "text" | "name" => Type::Text { max_bytes: None },
            "bytea" => Type::Blob { max_bytes: None },
            "bit" => Type::Bit {
                length: u32::try_from(modifier).ok(),
                varying: false,
            },
            "varbit" => Type::Bit {
                length: u32::try_from(modifier).ok(),
                varying: true,
            },
            "date" => Type::Date,
            "time" => Type::Time {
                precision: digits,
                zoned: false,
                span: false,
            },
            "timetz" => Type::Time {
                precision: digits,
                zoned: true,
                span: false,
            },
            "timestamp" => Type::Timestamp {
                precision: digits,
                zoned: false,
            },
            "timestamptz" => Type::Timestamp {
                precision: digits,
                zoned: true,
            },
            "interval" => Type::Interval,
            "json" => Type::Json { normalised: false },
            "jsonb" => Type::Json { normalised: true },
            "uuid" => Type::Uuid,
            "inet" => Type::Inet,
            "cidr" => Type::Cidr,
            "macaddr" => Type::MacAddress { bytes: 6 },
            "macaddr8" => Type::MacAddress { bytes: 8 },
            _ => only_here(false),
        }
    }
}

/// Reads `public.geometry(PointZ,4326)`.
fn geometry(native: &str) -> Type {
    let inner = native
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .unwrap_or("");
    let (shape, srid) = inner.split_once(',').unwrap_or((inner, ""));
    Type::Geometry {
        shape: if shape.is_empty() {
            "GEOMETRY".into()
        } else {
            shape.to_ascii_uppercase()
        },
        srid: srid.trim().parse().ok(),
    }
}
