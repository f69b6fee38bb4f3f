//! What types mean: declared types of SQLite → neutral ones, and how SQLite as a target holds each
//! neutral type.
//!
//! # Spelling
//!
//! A native type is `DECLARED [STRICT] [/* limosa: {…} */]`. `STRICT` says that the column belongs to a
//! STRICT table; a table is made STRICT if all its columns say so. The comment is our own note in the
//! text of the table: the neutral type that the column was made for, as JSON. It brings a decimal that
//! SQLite keeps as text back as a decimal.
//!
//! # Notation of values in STRICT tables
//!
//! Decimals: text with exactly the declared scale. Truth: 0 and 1. Moments: `YYYY-MM-DD HH:MM:SS.f` with
//! as many digits as the type has, `+00:00` after it if it is an instant (always UTC). Dates, times, UUIDs
//! (lower case), bit strings (`0101`), intervals (ISO 8601): text. Whole numbers above the signed range: text.

use limosa_core::dialect::{Fidelity, PlaceContext, Placement};
use limosa_core::expression::{Expr, Operator};
use limosa_core::policy::{InvalidTextPolicy, NotFinitePolicy, PrecisionPolicy};
use limosa_core::scan::Hazard;
use limosa_core::schema::Type;

/// How SQLite keeps the values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    Integer,
    Real,
    Text,
    Blob,
    Any,
}

/// A native type, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Native {
    /// The declared type, as SQLite's catalog has it.
    pub(crate) declared: String,
    /// Whether the column belongs to a STRICT table.
    pub(crate) strict: bool,
    /// What our own note says.
    pub(crate) hint: Option<Type>,
    /// The note, as JSON.
    note: Option<String>,
}

impl Native {
    pub(crate) fn parse(native: &str) -> Self {
        let (head, note) = match native.find("/*") {
            Some(at) => (
                native[..at].trim(),
                native[at..]
                    .strip_prefix("/*")
                    .and_then(|c| c.trim_end().strip_suffix("*/"))
                    .and_then(|c| c.trim().strip_prefix(crate::ddl::HINT))
                    .map(|c| c.trim().to_owned()),
            ),
            None => (native.trim(), None),
        };
        let (declared, strict) = match head.strip_suffix(" STRICT") {
            Some(declared) => (declared, true),
            None => (head, false),
        };
        Self {
            declared: declared.to_owned(),
            strict,
            hint: note.as_deref().and_then(|n| serde_json::from_str(n).ok()),
            note,
        }
    }

    /// Composes the native type of an inspected column.
    pub(crate) fn compose(declared: &str, strict: bool, note: Option<&str>) -> String {
        let mut out = declared.to_owned();
        if strict {
            out.push_str(" STRICT");
        }
        if let Some(note) = note {
            out.push_str(&comment(note));
        }
        out.trim_start().to_owned()
    }

    /// The type as a CREATE TABLE says it.
    pub(crate) fn ddl(&self) -> String {
        match &self.note {
            Some(note) => format!("{}{}", self.declared, comment(note)),
            None => self.declared.clone(),
        }
    }

    /// How its values are kept; for columns of tables that are not STRICT, by SQLite's rule of affinity
    /// where nothing is refused: always [`Storage::Any`].
    pub(crate) fn storage(&self) -> Storage {
        if !self.strict {
            return Storage::Any;
        }
        match self.declared.to_ascii_uppercase().as_str() {
            "INT" | "INTEGER" => Storage::Integer,
            "REAL" => Storage::Real,
            "TEXT" => Storage::Text,
            "BLOB" => Storage::Blob,
            _ => Storage::Any,
        }
    }
}

fn comment(note: &str) -> String {
    format!(" /* {} {} */", crate::ddl::HINT, note.replace("*/", "*\\/"))
}

/// The neutral type of a declared one (SQLite manual, "Datatypes In SQLite", section 3, and the words
/// that people use beside those).
pub(crate) fn declared(text: &str) -> Type {
    let upper = text.to_ascii_uppercase();
    let (word, arguments) = match upper.split_once('(') {
        Some((word, rest)) => {
            let (inside, tail) = rest.split_once(')').unwrap_or((rest, ""));
            let numbers: Vec<i64> = inside
                .split(',')
                .filter_map(|n| n.trim().parse().ok())
                .collect();
            (format!("{} {}", word.trim(), tail.trim()), numbers)
        }
        None => (upper.clone(), Vec::new()),
    };
    let word = word.trim();
    let length = arguments.first().and_then(|n| u32::try_from(*n).ok());
    let text = Type::Text { max_bytes: None };
    let digits = length
        .and_then(|n| u8::try_from(n).ok())
        .filter(|n| *n <= 6);
    match word {
        "" | "ANY" => Type::Dynamic,
        "DATE" => Type::Date,
        "DATETIME"
        | "TIMESTAMP"
        | "TIMESTAMP WITHOUT TIME ZONE"
        | "DATETIME2"
        | "SMALLDATETIME" => Type::Timestamp {
            precision: digits.unwrap_or(6),
            zoned: false,
        },
        "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE" | "DATETIMEOFFSET" => Type::Timestamp {
            precision: digits.unwrap_or(6),
            zoned: true,
        },
        "TIME" | "TIME WITHOUT TIME ZONE" => Type::Time {
            precision: digits.unwrap_or(6),
            zoned: false,
            span: false,
        },
        "UUID" | "GUID" | "UNIQUEIDENTIFIER" => Type::Uuid,
        "JSON" | "JSONB" => Type::Json { normalised: false },
        "DECIMAL" | "NUMERIC" | "DEC" | "NUMBER" => Type::Decimal {
            precision: length,
            scale: length.map(|_| {
                arguments
                    .get(1)
                    .and_then(|s| i32::try_from(*s).ok())
                    .unwrap_or(0)
            }),
        },
        "MONEY" | "SMALLMONEY" | "CURRENCY" => Type::Decimal {
            precision: None,
            scale: None,
        },
        "BYTEA" | "BINARY" | "VARBINARY" | "IMAGE" => Type::Blob { max_bytes: None },
        "STRING" => text,
        _ if word.starts_with("BOOL") => Type::Boolean,
        _ if word.contains("INT") && !word.contains("POINT") && !word.contains("INTERVAL") => {
            Type::Integer {
                bits: 64,
                unsigned: false,
            }
        }
        _ if word.contains("CHAR") => match length {
            Some(length) if length > 0 => Type::Varchar { length },
            _ => text,
        },
        _ if word.contains("CLOB") || word.contains("TEXT") => text,
        _ if word.contains("BLOB") => Type::Blob { max_bytes: None },
        _ if word.contains("REAL") || word.contains("FLOA") || word.contains("DOUB") => {
            Type::Float { bits: 64 }
        }
        "YEAR" => Type::Integer {
            bits: 64,
            unsigned: false,
        },
        _ => Type::Dynamic,
    }
}

/// Whether SQLite makes the column an alias of the row's number, given that it alone is the primary key.
pub(crate) fn rowid_type(declared: &str) -> bool {
    declared.eq_ignore_ascii_case("INTEGER")
}

fn value() -> Box<Expr> {
    Box::new(Expr::Column("VALUE".into()))
}

fn words(members: &[String]) -> Option<Expr> {
    let list: Vec<Expr> = members.iter().map(|m| Expr::Text(m.clone())).collect();
    (!list.is_empty()).then(|| Expr::In(value(), list, false))
}

/// Says how SQLite as a target holds a neutral type.
pub(crate) fn place(ty: &Type, context: &PlaceContext<'_>) -> Placement {
    let made = |declared: &str, ty: &Type, fidelity| {
        // Types that the declared word alone brings back need no note.
        let plain = self::declared(declared) == *ty;
        let note = (!plain).then(|| serde_json::to_string(ty).ok()).flatten();
        Placement {
            ty: ty.clone(),
            native: Native::compose(declared, true, note.as_deref()),
            fidelity,
            force_nullable: false,
            check: None,
            note: None,
        }
    };
    if context.same_family && !context.native.trim().is_empty() {
        return Placement {
            ty: ty.clone(),
            native: context.native.to_owned(),
            fidelity: Fidelity::Exact,
            force_nullable: false,
            check: None,
            note: None,
        };
    }
    if context.same_family {
        // A column without a declared type keeps none.
        return Placement {
            ty: Type::Dynamic,
            native: String::new(),
            fidelity: Fidelity::Exact,
            force_nullable: false,
            check: None,
            note: None,
        };
    }
    let exact = |declared: &str| made(declared, ty, Fidelity::Exact);
    let noted = |mut p: Placement, note: &str| {
        p.note = Some(note.into());
        p
    };
    match ty {
        Type::Domain { base, .. } => place(base, context),
        Type::Boolean => {
            let mut p = exact("INTEGER");
            p.check = Some(Expr::In(
                value(),
                vec![Expr::Number("0".into()), Expr::Number("1".into())],
                false,
            ));
            p
        }
        Type::Integer {
            bits: 64,
            unsigned: true,
        } if !context.identity => {
            let fits = context
                .scan
                .is_some_and(|s| s.max_integer.is_none_or(|m| m <= i128::from(i64::MAX)));
            if fits {
                let mut p = made("INTEGER", ty, Fidelity::Exact);
                p.note = Some(
                    "every value is within the signed range; a later one above it is refused"
                        .into(),
                );
                p
            } else {
                noted(
                    exact("TEXT"),
                    "values may be above the signed range, so they are kept as text, which sorts as text",
                )
            }
        }
        Type::Integer { bits: 64, .. } => exact("INTEGER"),
        Type::Integer { unsigned, .. } => {
            let mut p = made("INTEGER", ty, Fidelity::Widened);
            if *unsigned && !context.identity {
                p.check = Some(Expr::Binary(
                    value(),
                    Operator::GreaterOrEqual,
                    Box::new(Expr::Number("0".into())),
                ));
            }
            p
        }
        Type::Year => made("INTEGER", ty, Fidelity::Widened),
        Type::Float { .. } => float(ty, context, made),
        Type::Decimal { .. } | Type::Money { .. } => noted(
            exact("TEXT"),
            "kept as text with every digit; numbers in SQLite have at most 17",
        ),
        Type::Varchar { .. } | Type::Char { .. } | Type::Text { .. } => {
            let broken = context.scan.map_or(0, |s| s.count(Hazard::InvalidText));
            let plain = if matches!(ty, Type::Text { .. }) {
                made("TEXT", &Type::Text { max_bytes: None }, Fidelity::Exact)
            } else {
                exact("TEXT")
            };
            match (broken, context.policies.invalid_text) {
                (0, _) => plain,
                (_, InvalidTextPolicy::Bytes) => made(
                    "BLOB",
                    &Type::Blob { max_bytes: None },
                    Fidelity::Lossy {
                        policy: "invalid_text = \"bytes\"".into(),
                        stops: false,
                    },
                ),
                (_, policy) => Placement {
                    fidelity: Fidelity::Lossy {
                        policy: match policy {
                            InvalidTextPolicy::Stop => "invalid_text = \"stop\"".into(),
                            InvalidTextPolicy::Latin1 => "invalid_text = \"latin1\"".into(),
                            InvalidTextPolicy::Windows1252 => {
                                "invalid_text = \"windows-1252\"".into()
                            }
                            InvalidTextPolicy::Reject => "invalid_text = \"reject\"".into(),
                            _ => "invalid_text = \"replace\"".into(),
                        },
                        stops: policy == InvalidTextPolicy::Stop,
                    },
                    ..plain
                },
            }
        }
        Type::Binary { .. } | Type::Varbinary { .. } => exact("BLOB"),
        Type::Blob { .. } => made("BLOB", &Type::Blob { max_bytes: None }, Fidelity::Exact),
        Type::Bit {
            length: Some(1),
            varying: false,
        } => {
            let mut p = exact("INTEGER");
            p.check = Some(Expr::In(
                value(),
                vec![Expr::Number("0".into()), Expr::Number("1".into())],
                false,
            ));
            p
        }
        Type::Json { .. } => {
            let mut p = exact("TEXT");
            if context.scan.is_none_or(|s| s.count(Hazard::OddJson) == 0) {
                p.check = Some(Expr::Call("json_valid".into(), vec![*value()]));
            }
            p
        }
        Type::Enum { members, .. } => {
            let mut p = exact("TEXT");
            p.check = words(members);
            p
        }
        Type::Geometry { .. } => exact("BLOB"),
        Type::Native { family, .. } => {
            let _ = family;
            noted(exact("TEXT"), "kept as the text of its own engine")
        }
        Type::Bit { .. }
        | Type::Date
        | Type::Time { .. }
        | Type::Timestamp { .. }
        | Type::Interval
        | Type::Uuid
        | Type::Set { .. }
        | Type::Array { .. }
        | Type::Inet
        | Type::Cidr
        | Type::MacAddress { .. } => exact("TEXT"),
        Type::Dynamic => made("ANY", &Type::Dynamic, Fidelity::Exact),
    }
}

/// Floats: all but NaN and -0 are kept.
fn float(
    ty: &Type,
    context: &PlaceContext<'_>,
    made: impl Fn(&str, &Type, Fidelity) -> Placement,
) -> Placement {
    let count = |hazard| context.scan.map_or(0, |s| s.count(hazard));
    let (nans, zeros) = (count(Hazard::NotANumber), count(Hazard::NegativeZero));
    let (not_finite, precision) = (context.policies.not_finite, context.policies.precision);
    let nan = match not_finite {
        _ if nans == 0 => None,
        NotFinitePolicy::Stop => Some("not_finite = \"stop\""),
        NotFinitePolicy::Reject => Some("not_finite = \"reject\""),
        NotFinitePolicy::Null => Some("not_finite = \"null\""),
        NotFinitePolicy::Text => Some("not_finite = \"text\""),
    };
    let zero = match precision {
        _ if zeros == 0 => None,
        PrecisionPolicy::Stop => Some("precision = \"stop\""),
        PrecisionPolicy::Reject => Some("precision = \"reject\""),
        PrecisionPolicy::Round => Some("precision = \"round\""),
        PrecisionPolicy::Text => Some("precision = \"text\""),
    };
    let text = |fidelity, note: &str| Placement {
        note: Some(note.into()),
        ..made("TEXT", &Type::Text { max_bytes: None }, fidelity)
    };
    // Text holds every one of them.
    if nans > 0 && not_finite == NotFinitePolicy::Text {
        let policy = "not_finite = \"text\"".into();
        let stops = false;
        return text(
            Fidelity::Lossy { policy, stops },
            "kept as text, because some values are NaN",
        );
    }
    if zeros > 0 && precision == PrecisionPolicy::Text && nans == 0 {
        return text(
            Fidelity::Widened,
            "kept as text, because some values are -0",
        );
    }
    // What stops is said before what only changes values.
    let stops = |policy: &str| policy.ends_with("\"stop\"");
    let said = match (nan, zero) {
        (Some(nan), Some(zero)) if stops(zero) && !stops(nan) => Some(zero),
        (nan, zero) => nan.or(zero),
    };
    let Some(policy) = said else {
        return made("REAL", ty, Fidelity::Exact);
    };
    let fidelity = Fidelity::Lossy {
        policy: policy.into(),
        stops: stops(policy),
    };
    Placement {
        note: Some(if Some(policy) == nan {
            "SQLite keeps NaN as NULL".into()
        } else {
            "SQLite keeps -0 as 0".into()
        }),
        force_nullable: nans > 0 && not_finite == NotFinitePolicy::Null,
        ..made("REAL", ty, fidelity)
    }
}

/// Which hazards must be known before [`place`] can answer well.
pub(crate) fn wants_scan(ty: &Type) -> Vec<Hazard> {
    match ty.base() {
        Type::Integer {
            bits: 64,
            unsigned: true,
        } => vec![Hazard::AboveSigned],
        Type::Float { .. } => vec![Hazard::NotANumber, Hazard::NegativeZero],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limosa_core::policy::Policies;

    pub(crate) fn context(policies: &Policies) -> PlaceContext<'_> {
        PlaceContext {
            scan: None,
            indexed: false,
            key_columns: 0,
            key_chars: 0,
            identity: false,
            folds: false,
            same_family: false,
            native: "",
            policies,
        }
    }

    #[test]
    fn declared_types_mean_what_people_mean_by_them() {
        let integer = Type::Integer {
            bits: 64,
            unsigned: false,
        };
        for (text, want) in [
            ("", Type::Dynamic),
            ("INTEGER", integer.clone()),
            ("unsigned big int", integer.clone()),
            ("tinyint(1)", integer),
            ("BOOLEAN", Type::Boolean),
            ("varchar(30)", Type::Varchar { length: 30 }),
            ("NATIVE CHARACTER(70)", Type::Varchar { length: 70 }),
            (
                "DECIMAL(10, 2)",
                Type::Decimal {
                    precision: Some(10),
                    scale: Some(2),
                },
            ),
            (
                "NUMERIC",
                Type::Decimal {
                    precision: None,
                    scale: None,
                },
            ),
            ("double precision", Type::Float { bits: 64 }),
            (
                "DATETIME",
                Type::Timestamp {
                    precision: 6,
                    zoned: false,
                },
            ),
            (
                "timestamp(3) with time zone",
                Type::Timestamp {
                    precision: 3,
                    zoned: true,
                },
            ),
            ("FLOATING POINT", Type::Float { bits: 64 }),
            ("GEOMETRY", Type::Dynamic),
            ("POINT", Type::Dynamic),
            ("varchar(", Type::Text { max_bytes: None }),
        ] {
            assert_eq!(declared(text), want, "{text}");
        }
    }

    #[test]
    fn floats_ask_for_every_policy_that_they_need() {
        use limosa_core::scan::ColumnScan;
        let mut scan = ColumnScan::default();
        scan.found(Hazard::NotANumber, || "1".into());
        scan.found(Hazard::NegativeZero, || "2".into());
        for (not_finite, precision, want, stops) in [
            (
                NotFinitePolicy::Stop,
                PrecisionPolicy::Stop,
                "not_finite = \"stop\"",
                true,
            ),
            (
                NotFinitePolicy::Null,
                PrecisionPolicy::Stop,
                "precision = \"stop\"",
                true,
            ),
            (
                NotFinitePolicy::Null,
                PrecisionPolicy::Round,
                "not_finite = \"null\"",
                false,
            ),
            (
                NotFinitePolicy::Text,
                PrecisionPolicy::Stop,
                "not_finite = \"text\"",
                false,
            ),
        ] {
            let policies = Policies {
                not_finite,
                precision,
                ..Policies::default()
            };
            let mut context = context(&policies);
            context.scan = Some(&scan);
            let placed = place(&Type::Float { bits: 64 }, &context);
            let policy = want.to_owned();
            assert_eq!(placed.fidelity, Fidelity::Lossy { policy, stops });
        }
    }

    #[test]
    fn every_note_brings_its_type_back() {
        let policies = Policies::default();
        for ty in [
            Type::Boolean,
            Type::Integer {
                bits: 64,
                unsigned: true,
            },
            Type::Decimal {
                precision: Some(38),
                scale: Some(10),
            },
            Type::Enum {
                name: None,
                members: vec!["a */ b".into(), "c'd".into()],
            },
            Type::Timestamp {
                precision: 3,
                zoned: true,
            },
            Type::Bit {
                length: None,
                varying: true,
            },
            Type::Array {
                element: Box::new(Type::Uuid),
            },
            Type::Interval,
            Type::Varchar { length: 7 },
        ] {
            let placed = place(&ty, &context(&policies));
            let native = Native::parse(&placed.native);
            assert!(native.strict, "{placed:?}");
            assert_eq!(native.hint.as_ref(), Some(&ty), "{}", placed.native);
            assert_eq!(
                crate::ddl::tokens(&native.ddl()).len(),
                2,
                "{}",
                native.ddl()
            );
        }
    }
}
