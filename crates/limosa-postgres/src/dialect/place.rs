//! How PostgreSQL, as a target, holds columns of every neutral type.
//!
//! | type | PostgreSQL |
//! |---|---|
//! | boolean; `tinyint(1)` that the scan (or the policy) shows to be one | `boolean` |
//! | integers of 8 and 16 bits, unsigned 8, year | `smallint` |
//! | 24 and 32 bits, unsigned 16 and 24 | `integer` |
//! | 64 bits, unsigned 32 | `bigint` |
//! | unsigned 64 | `numeric(20,0)`; `bigint` for an identity, which can not be numeric |
//! | decimals, money | `numeric(p,s)` |
//! | char | `varchar(n)`: PostgreSQL's own `char` pads what was not padded |
//! | bytes of every kind | `bytea` |
//! | bit | `boolean` for one bit, `bit(n)`, `varbit` |
//! | time span | `time` if the scan proves 00:00 to 24:00, else `interval` |
//! | json | `jsonb` if the source normalises (or the scan finds nothing odd), else `json` |
//! | enum with a name | that enum type, which the planner makes first; without: `text` and a check |
//! | set | `text[]` |
//! | geometry, the types of other families, mixed values | `bytea`, `text` |

use limosa_core::dialect::{Fidelity, PlaceContext, Placement};
use limosa_core::expression::{Expr, Operator};
use limosa_core::policy::{BadDatePolicy, InvalidTextPolicy, NulPolicy, TinyInt1Policy};
use limosa_core::scan::Hazard;
use limosa_core::schema::Type;

use crate::names;

/// The most characters that `varchar(n)` takes.
const VARCHAR_LIMIT: u32 = 10_485_760;
/// The most digits that `numeric(p,s)` takes.
const NUMERIC_LIMIT: u32 = 1000;

fn exact(ty: Type, native: impl Into<String>) -> Placement {
    Placement {
        ty,
        native: native.into(),
        fidelity: Fidelity::Exact,
        force_nullable: false,
        check: None,
        note: None,
    }
}

fn widened(ty: Type, native: impl Into<String>) -> Placement {
    Placement {
        fidelity: Fidelity::Widened,
        ..exact(ty, native)
    }
}

/// Says why.
trait Noted {
    fn noted(self, note: &str) -> Self;
}

impl Noted for Placement {
    fn noted(mut self, note: &str) -> Self {
        self.note = Some(note.into());
        self
    }
}

fn text() -> (Type, &'static str) {
    (Type::Text { max_bytes: None }, "text")
}

fn compare(op: Operator, n: &str) -> Expr {
    Expr::Binary(
        Box::new(Expr::Column("VALUE".into())),
        op,
        Box::new(Expr::Number(n.into())),
    )
}

/// Says the columns. See the table above.
pub(super) fn place(ty: &Type, c: &PlaceContext<'_>, version: u32) -> Placement {
    if c.same_family {
        return exact(ty.clone(), c.native);
    }
    let mut placement = plain(ty, c);
    hazards(ty, c, version, &mut placement);
    placement
}

fn plain(ty: &Type, c: &PlaceContext<'_>) -> Placement {
    match ty {
        Type::Boolean => exact(Type::Boolean, "boolean"),
        Type::Integer {
            bits: 8,
            unsigned: false,
        } if tiny1(c.native) => tinyint1(c),
        Type::Integer { bits, unsigned } => integer(*bits, *unsigned, c.identity),
        Type::Year => widened(int(16), "smallint"),
        Type::Decimal {
            precision: Some(p),
            scale,
        } => {
            let s = scale.unwrap_or(0);
            if *p >= 1 && *p <= NUMERIC_LIMIT && s >= 0 && s.unsigned_abs() <= *p {
                exact(ty.clone(), format!("numeric({p},{s})"))
            } else {
                // Scales outside the precision need version 15; without bounds every value fits.
                widened(
                    Type::Decimal {
                        precision: None,
                        scale: None,
                    },
                    "numeric",
                )
            }
        }
        Type::Decimal { .. } => exact(ty.clone(), "numeric"),
        Type::Money { digits } => exact(
            Type::Decimal {
                precision: Some(19),
                scale: Some(i32::from(*digits)),
            },
            format!("numeric(19,{digits})"),
        ),
        Type::Float { bits: 32 } => exact(ty.clone(), "real"),
        Type::Float { .. } => exact(Type::Float { bits: 64 }, "double precision"),
        Type::Char { length } | Type::Varchar { length }
            if (1..=VARCHAR_LIMIT).contains(length) =>
        {
            exact(
                Type::Varchar { length: *length },
                format!("character varying({length})"),
            )
        }
        Type::Char { .. } | Type::Varchar { .. } => widened(text().0, text().1),
        Type::Text { max_bytes: None } => exact(text().0, text().1),
        Type::Text { .. } => widened(text().0, text().1),
        Type::Blob { max_bytes: None } => exact(ty.clone(), "bytea"),
        Type::Binary { .. } | Type::Varbinary { .. } | Type::Blob { .. } => {
            widened(Type::Blob { max_bytes: None }, "bytea")
        }
        Type::Bit {
            length: Some(1),
            varying: false,
        } => exact(Type::Boolean, "boolean"),
        Type::Bit {
            length: Some(n),
            varying: false,
        } => exact(ty.clone(), format!("bit({n})")),
        Type::Bit {
            length: Some(n), ..
        } => exact(ty.clone(), format!("bit varying({n})")),
        Type::Bit { length: None, .. } => exact(
            Type::Bit {
                length: None,
                varying: true,
            },
            "bit varying",
        ),
        Type::Date => exact(Type::Date, "date"),
        Type::Time {
            span: true,
            precision,
            ..
        } => span(*precision, c),
        Type::Time {
            precision, zoned, ..
        } => {
            let p = (*precision).min(6);
            exact(
                Type::Time {
                    precision: p,
                    zoned: *zoned,
                    span: false,
                },
                format!(
                    "time({p}) {} time zone",
                    if *zoned { "with" } else { "without" }
                ),
            )
        }
        Type::Timestamp { precision, zoned } => {
            let p = (*precision).min(6);
            exact(
                Type::Timestamp {
                    precision: p,
                    zoned: *zoned,
                },
                format!(
                    "timestamp({p}) {} time zone",
                    if *zoned { "with" } else { "without" }
                ),
            )
        }
        Type::Interval => exact(Type::Interval, "interval"),
        Type::Json { normalised } => json(*normalised, c),
        Type::Uuid => exact(Type::Uuid, "uuid"),
        Type::Enum {
            name: Some(name), ..
        } => exact(ty.clone(), names::table(name)),
        Type::Enum {
            name: None,
            members,
        } => Placement {
            check: Some(Expr::In(
                Box::new(Expr::Column("VALUE".into())),
                members.iter().map(|m| Expr::Text(m.clone())).collect(),
                false,
            )),
            ..exact(text().0, text().1)
        }
        .noted("a list of words without a type name is kept as text with a check"),
        Type::Set { .. } => exact(
            Type::Array {
                element: Box::new(text().0),
            },
            "text[]",
        ),
        Type::Array { .. } => widened(Type::Json { normalised: false }, "json"),
        Type::Inet => exact(Type::Inet, "inet"),
        Type::Cidr => exact(Type::Cidr, "cidr"),
        Type::MacAddress { bytes: 6 } => exact(ty.clone(), "macaddr"),
        Type::MacAddress { .. } => exact(ty.clone(), "macaddr8"),
        Type::Geometry { .. } => widened(Type::Blob { max_bytes: None }, "bytea")
            .noted("geometries are kept as EWKB bytes; PostGIS is not assumed"),
        Type::Domain { base, .. } => plain(base, c),
        Type::Dynamic => {
            widened(text().0, text().1).noted("values of mixed types are kept as text")
        }
        Type::Native { json: true, .. } => exact(Type::Json { normalised: false }, "json"),
        Type::Native { .. } => {
            widened(text().0, text().1).noted("a type of another engine is kept in its text form")
        }
    }
}

fn int(bits: u8) -> Type {
    Type::Integer {
        bits,
        unsigned: false,
    }
}

fn integer(bits: u8, unsigned: bool, identity: bool) -> Placement {
    let (target, native) = match (bits, unsigned) {
        (0..=16, false) | (0..=8, true) => (16, "smallint"),
        (0..=32, false) | (0..=24, true) => (32, "integer"),
        (_, false) | (0..=32, true) => (64, "bigint"),
        (_, true) if identity => {
            return widened(int(64), "bigint").noted(
                "a counter can not be numeric: values above 9223372036854775807 are refused",
            );
        }
        (_, true) => {
            return Placement {
                check: Some(compare(Operator::GreaterOrEqual, "0")),
                ..widened(
                    Type::Decimal {
                        precision: Some(20),
                        scale: Some(0),
                    },
                    "numeric(20,0)",
                )
            };
        }
    };
    let mut p = if target == bits && !unsigned {
        exact(int(target), native)
    } else {
        widened(int(target), native)
    };
    if unsigned && !identity {
        p.check = Some(compare(Operator::GreaterOrEqual, "0"));
    }
    p
}

fn tiny1(native: &str) -> bool {
    let n = native.trim().to_ascii_lowercase();
    n.starts_with("tinyint(1)") && !n.contains("unsigned")
}

fn tinyint1(c: &PlaceContext<'_>) -> Placement {
    let proven = c
        .scan
        .is_some_and(|s| s.not_boolean == 0 && s.count(Hazard::NotABoolean) == 0);
    match c.policies.tinyint1 {
        TinyInt1Policy::Boolean => {
            let mut p = exact(Type::Boolean, "boolean");
            if c.scan.is_some() && !proven {
                p.fidelity = Fidelity::Lossy {
                    policy: "tinyint1 = \"boolean\"".into(),
                    stops: false,
                };
                p.note = Some("there are values other than 0 and 1; their rows are refused".into());
            }
            p
        }
        TinyInt1Policy::Auto if proven && !c.identity => {
            exact(Type::Boolean, "boolean").noted("every value is 0, 1 or NULL")
        }
        _ => widened(int(16), "smallint"),
    }
}

fn span(precision: u8, c: &PlaceContext<'_>) -> Placement {
    let p = precision.min(6);
    let day = c.scan.is_some_and(|s| s.count(Hazard::TimeIsSpan) == 0);
    if day {
        widened(
            Type::Time {
                precision: p,
                zoned: false,
                span: false,
            },
            format!("time({p}) without time zone"),
        )
        .noted("every value is a time of day")
    } else {
        widened(Type::Interval, format!("interval({p})"))
    }
}

fn json(normalised: bool, c: &PlaceContext<'_>) -> Placement {
    let odd = c.scan.map(|s| s.count(Hazard::OddJson));
    if normalised || odd == Some(0) {
        exact(Type::Json { normalised: true }, "jsonb")
    } else {
        // `json` keeps the text: order, blanks, the same name twice.
        exact(Type::Json { normalised: false }, "json")
    }
}

/// Looks at what the scan found; the encoder refuses at run time what was not scanned.
fn hazards(ty: &Type, c: &PlaceContext<'_>, version: u32, p: &mut Placement) {
    let Some(scan) = c.scan else { return };
    let target_is_text = p.ty.text() || matches!(p.ty, Type::Json { .. } | Type::Array { .. });
    if target_is_text && scan.count(Hazard::NulInText) > 0 {
        let (word, stops) = match c.policies.nul {
            NulPolicy::Stop => ("stop", true),
            NulPolicy::Strip => ("strip", false),
            NulPolicy::Replace => ("replace", false),
            NulPolicy::Reject => ("reject", false),
        };
        lossy(p, format!("nul = \"{word}\""), stops);
        p.note = Some("text holds U+0000, which PostgreSQL can not keep".into());
    }
    if p.ty.text() && scan.count(Hazard::InvalidText) > 0 {
        match c.policies.invalid_text {
            InvalidTextPolicy::Stop => lossy(p, "invalid_text = \"stop\"".into(), true),
            InvalidTextPolicy::Replace => lossy(p, "invalid_text = \"replace\"".into(), false),
            InvalidTextPolicy::Latin1 => lossy(p, "invalid_text = \"latin1\"".into(), false),
            InvalidTextPolicy::Windows1252 => {
                lossy(p, "invalid_text = \"windows-1252\"".into(), false);
            }
            InvalidTextPolicy::Reject => lossy(p, "invalid_text = \"reject\"".into(), false),
            InvalidTextPolicy::Bytes => {
                *p = widened(Type::Blob { max_bytes: None }, "bytea")
                    .noted("bytes that are not UTF-8 are kept as bytes");
            }
        }
    }
    if matches!(ty.base(), Type::Date | Type::Timestamp { .. }) && scan.count(Hazard::BadDate) > 0 {
        match c.policies.bad_date {
            BadDatePolicy::Stop => lossy(p, "bad_date = \"stop\"".into(), true),
            BadDatePolicy::Reject => lossy(p, "bad_date = \"reject\"".into(), false),
            BadDatePolicy::Null => {
                lossy(p, "bad_date = \"null\"".into(), false);
                p.force_nullable = true;
            }
            BadDatePolicy::Text => {
                *p = widened(text().0, text().1)
                    .noted("dates that no calendar has are kept as text");
            }
        }
    }
    if matches!(ty.base(), Type::Json { .. })
        && matches!(p.ty, Type::Json { .. })
        && scan.count(Hazard::OddJson) > 0
        && scan.count(Hazard::NulInText) > 0
    {
        p.note = Some("some values may not be JSON to PostgreSQL; their rows are refused".into());
    }
    if matches!(p.ty, Type::Decimal { .. }) && version < 140_000 && scan.count(Hazard::Infinite) > 0
    {
        lossy(p, "not_finite = \"stop\"".into(), true);
        p.note = Some("numeric has no infinities before PostgreSQL 14".into());
    }
    if matches!(ty.base(), Type::Char { .. } | Type::Varchar { .. })
        && matches!(p.ty, Type::Varchar { .. })
        && scan.count(Hazard::TooLong) > 0
    {
        *p = widened(text().0, text().1).noted("some texts are longer than declared");
    }
}

fn lossy(p: &mut Placement, policy: String, stops: bool) {
    p.fidelity = Fidelity::Lossy { policy, stops };
}

/// What must be looked at, by the source's type.
pub(super) fn wants_scan(ty: &Type) -> Vec<Hazard> {
    match ty.base() {
        Type::Char { .. } | Type::Varchar { .. } => {
            vec![Hazard::NulInText, Hazard::InvalidText, Hazard::TooLong]
        }
        Type::Text { .. } | Type::Dynamic => vec![Hazard::NulInText, Hazard::InvalidText],
        Type::Json { .. } => vec![Hazard::NulInText, Hazard::OddJson],
        Type::Date | Type::Timestamp { .. } => vec![Hazard::BadDate],
        Type::Time { span: true, .. } => vec![Hazard::TimeIsSpan],
        Type::Integer {
            bits: 8,
            unsigned: false,
        } => vec![Hazard::NotABoolean],
        _ => Vec::new(),
    }
}
