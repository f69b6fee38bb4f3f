//! From what a column is declared to be to what its values are.
//!
//! Only sources whose columns may hold any value need this; elsewhere the declaration is the truth.

use crate::hazards::finding;
use crate::plan::{Finding, Severity};
use limosa_core::policy::{BadDatePolicy, MismatchPolicy, Policies};
use limosa_core::scan::{ColumnScan, Hazard};
use limosa_core::schema::{Column, TableName, Type};

/// What the values of a column are.
#[derive(Clone, Debug, PartialEq)]
pub struct Refined {
    /// Their type.
    pub ty: Type,
    /// Why it is not the declared one.
    pub why: Option<String>,
    /// What a person must know or decide.
    pub findings: Vec<Finding>,
}

const TEXT: Type = Type::Text { max_bytes: None };
const DECIMAL: Type = Type::Decimal {
    precision: None,
    scale: None,
};
const BIG: Type = Type::Integer {
    bits: 64,
    unsigned: false,
};

/// Decides what the values of a column of a dynamically typed source are.
///
/// Without values the declaration is believed. A value that disagrees with it stops the plan or
/// widens the type, as [`Policies::mismatch`] says.
pub fn refine(
    table: &TableName,
    column: &Column,
    scan: Option<&ColumnScan>,
    policies: &Policies,
) -> Refined {
    let declared = column.ty.base();
    let mut refined = Refined {
        ty: declared.clone(),
        why: None,
        findings: Vec::new(),
    };
    let Some(scan) = scan.filter(|s| s.values() > 0) else {
        if matches!(declared, Type::Dynamic) {
            refined.ty = TEXT;
            refined.why = Some("no type is declared, and there are no values".into());
        }
        return refined;
    };
    let verdict = match declared {
        Type::Integer { bits, unsigned } => integers(*bits, *unsigned, scan),
        Type::Year => integers(16, false, scan),
        Type::Boolean => booleans(scan),
        Type::Float { .. } if scan.texts + scan.blobs == 0 => Verdict::As,
        Type::Float { .. } => Verdict::Mismatch,
        Type::Decimal { precision, scale } => decimals(*precision, *scale, scan),
        Type::Char { length } | Type::Varchar { length } => texts(Some(*length), scan),
        Type::Text { .. } | Type::Enum { .. } | Type::Set { .. } => texts(None, scan),
        Type::Binary { .. } | Type::Varbinary { .. } | Type::Blob { .. } => bytes(scan),
        Type::Date | Type::Timestamp { .. } | Type::Time { .. } => moments(declared, scan),
        Type::Uuid if scan.typed == scan.values() => Verdict::As,
        Type::Uuid if scan.typed + scan.texts == scan.values() => {
            Verdict::Is(TEXT, "not every text is a UUID".into())
        }
        Type::Uuid if scan.blobs == scan.values() => bytes(scan),
        Type::Uuid => Verdict::Mismatch,
        Type::Json { .. } if scan.typed == scan.values() => {
            if scan.count(Hazard::OddJson) == 0 {
                Verdict::As
            } else {
                Verdict::Mixed(TEXT, "not every text is plain JSON".into())
            }
        }
        Type::Json { .. } => Verdict::Mismatch,
        Type::Dynamic => match by_values(scan) {
            (ty, true) => Verdict::Mixed(ty, format!("the values are mixed: {}", classes(scan))),
            (ty, false) => Verdict::Is(ty, format!("no type is declared: {}", classes(scan))),
        },
        // Types of other engines that this one keeps in texts of its own making.
        _ => Verdict::As,
    };
    match verdict {
        Verdict::As => {}
        Verdict::Is(ty, why) => {
            refined.why = Some(why);
            refined.ty = ty;
        }
        Verdict::Mixed(ty, why) => {
            refined.findings.push(
                finding(
                    "values-widened",
                    Severity::Warning,
                    table,
                    format!("{why}; they become {ty}"),
                )
                .at(&column.name)
                .evidence(
                    Some(scan),
                    &[
                        Hazard::OutsideDeclaredType,
                        Hazard::NotABoolean,
                        Hazard::OddJson,
                    ],
                ),
            );
            refined.why = Some(why);
            refined.ty = ty;
        }
        Verdict::Mismatch => {
            let found = format!("declared {}, but found {}", column.native, classes(scan));
            let evidence = [Hazard::OutsideDeclaredType];
            if policies.mismatch == MismatchPolicy::Reject {
                refined.findings.push(
                    finding(
                        "outside-declared-type",
                        Severity::Lossy,
                        table,
                        format!("{found}; rows whose value does not fit are rejected"),
                    )
                    .at(&column.name)
                    .evidence(Some(scan), &evidence),
                );
            } else if policies.mismatch == MismatchPolicy::Stop {
                refined.findings.push(
                    finding("outside-declared-type", Severity::Stop, table, &found)
                        .at(&column.name)
                        .evidence(Some(scan), &evidence)
                        .remedy(
                            "mend the values in the source, or let the column widen: \
                             [types] mismatch = \"widen\"",
                        ),
                );
            } else {
                let (ty, _) = widened(declared, scan);
                refined.findings.push(
                    finding(
                        "outside-declared-type",
                        Severity::Lossy,
                        table,
                        format!("{found}; the column becomes {ty}"),
                    )
                    .at(&column.name)
                    .evidence(Some(scan), &evidence),
                );
                refined.why = Some(found);
                refined.ty = ty;
            }
        }
    }
    refined
}

enum Verdict {
    /// As declared.
    As,
    /// Another type, and nobody need decide.
    Is(Type, String),
    /// Another type, and somebody should know.
    Mixed(Type, String),
    /// The values disagree with the declaration.
    Mismatch,
}

/// The histogram of storage classes, in words.
fn classes(scan: &ColumnScan) -> String {
    let parts = [
        (scan.integers, "integer"),
        (scan.reals, "float"),
        (scan.texts, "text"),
        (scan.blobs, "bytes"),
        (scan.typed, "typed"),
    ];
    let said: Vec<String> = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, name)| format!("{n} {name}"))
        .collect();
    said.join(", ")
}

/// The tightest type for all values, and whether they are of several kinds.
fn by_values(scan: &ColumnScan) -> (Type, bool) {
    let numbers = scan.integers + scan.reals;
    match (numbers > 0, scan.texts > 0, scan.blobs > 0) {
        (_, false, false) if scan.reals == 0 && scan.integers > 0 => (BIG, false),
        (_, false, false) if scan.integers == 0 && scan.reals > 0 => {
            (Type::Float { bits: 64 }, false)
        }
        (_, false, false) => (DECIMAL, true),
        (false, true, false) => (TEXT, false),
        (false, false, true) => (Type::Blob { max_bytes: None }, false),
        (true, true, false) => (TEXT, true),
        _ => (Type::Dynamic, true),
    }
}

fn widened(declared: &Type, scan: &ColumnScan) -> (Type, bool) {
    if declared.binary() && scan.integers + scan.reals == 0 {
        return (Type::Blob { max_bytes: None }, true);
    }
    if scan.blobs == 0 && scan.texts + scan.typed > 0 {
        return (TEXT, true);
    }
    by_values(scan)
}

/// The width that holds all whole numbers of the scan, at least `bits`.
fn width(bits: u8, scan: &ColumnScan) -> u8 {
    let (low, high) = (scan.min_integer.unwrap_or(0), scan.max_integer.unwrap_or(0));
    [8u8, 16, 24, 32, 64]
        .into_iter()
        .filter(|b| *b >= bits)
        .find(|b| {
            let half = 1i128 << (b - 1);
            low >= -half && high < half
        })
        .unwrap_or(64)
}

fn integers(bits: u8, unsigned: bool, scan: &ColumnScan) -> Verdict {
    if scan.integers < scan.values() {
        return Verdict::Mismatch;
    }
    let (low, high) = (scan.min_integer.unwrap_or(0), scan.max_integer.unwrap_or(0));
    if unsigned && low >= 0 && high < 1i128 << bits {
        return Verdict::As;
    }
    let wide = width(bits, scan);
    if wide == bits && !unsigned {
        return Verdict::As;
    }
    Verdict::Is(
        Type::Integer {
            bits: wide,
            unsigned: false,
        },
        format!("the values reach from {low} to {high}"),
    )
}

fn booleans(scan: &ColumnScan) -> Verdict {
    if scan.integers + scan.typed < scan.values() {
        return Verdict::Mismatch;
    }
    if scan.not_boolean == 0 {
        return Verdict::As;
    }
    Verdict::Mixed(
        Type::Integer {
            bits: width(16, scan),
            unsigned: false,
        },
        format!(
            "declared boolean, and {} values are neither 0 nor 1",
            scan.not_boolean
        ),
    )
}

fn decimals(precision: Option<u32>, scale: Option<i32>, scan: &ColumnScan) -> Verdict {
    if scan.blobs + scan.texts > 0 {
        return Verdict::Mismatch;
    }
    let Some(p) = precision else {
        return Verdict::As;
    };
    let s = u32::try_from(scale.unwrap_or(0)).unwrap_or(0);
    if scan.scale <= s && scan.integer_digits + s <= p {
        return Verdict::As;
    }
    Verdict::Is(
        DECIMAL,
        format!(
            "there are values with {} digits before and {} after the point",
            scan.integer_digits, scan.scale
        ),
    )
}

fn texts(length: Option<u32>, scan: &ColumnScan) -> Verdict {
    // Bytes that are not UTF-8 are text gone wrong, and have a policy of their own.
    let odd = scan.blobs.saturating_sub(scan.count(Hazard::InvalidText));
    if scan.integers + scan.reals + odd > 0 {
        return Verdict::Mismatch;
    }
    match length {
        Some(n) if scan.max_chars > u64::from(n) => Verdict::Is(
            TEXT,
            format!("the longest text has {} characters", scan.max_chars),
        ),
        _ => Verdict::As,
    }
}

fn bytes(scan: &ColumnScan) -> Verdict {
    if scan.blobs == scan.values() {
        // A declared length is not kept by engines of this kind.
        return Verdict::Is(
            Type::Blob { max_bytes: None },
            "declared lengths are not enforced".into(),
        );
    }
    if scan.texts == scan.values() {
        return Verdict::Is(TEXT, "all values are text".into());
    }
    Verdict::Mismatch
}

fn moments(declared: &Type, scan: &ColumnScan) -> Verdict {
    let values = scan.values();
    let shapes = &scan.shapes;
    if scan.typed == values {
        return finer(declared, shapes.fraction_digits);
    }
    if scan.integers == values {
        let (low, high) = (scan.min_integer.unwrap_or(0), scan.max_integer.unwrap_or(0));
        let unit = if low >= 0 && (100_000_000..20_000_000_000).contains(&high) {
            "; they look like seconds since 1970"
        } else if low >= 0 && (100_000_000_000..20_000_000_000_000).contains(&high) {
            "; they look like milliseconds since 1970"
        } else {
            ""
        };
        return Verdict::Mixed(
            BIG,
            format!("declared {declared}, and every value is a whole number{unit}"),
        );
    }
    if scan.reals == values {
        return Verdict::Mixed(
            Type::Float { bits: 64 },
            format!("declared {declared}, and every value is a float (a Julian day, perhaps)"),
        );
    }
    if scan.typed + scan.texts < values {
        return Verdict::Mismatch;
    }
    let bad = scan.count(Hazard::BadDate);
    if scan.typed + bad == values {
        return finer(declared, shapes.fraction_digits);
    }
    if let Type::Time { .. } = declared {
        return Verdict::Mismatch;
    }
    if shapes.fraction_digits > 6 {
        return Verdict::Is(TEXT, "there are fractions of more than six digits".into());
    }
    let stamp = |zoned| Type::Timestamp {
        precision: match declared {
            Type::Timestamp { precision, .. } => shapes.fraction_digits.max(*precision),
            _ => shapes.fraction_digits,
        },
        zoned,
    };
    let zoned = matches!(declared, Type::Timestamp { zoned: true, .. });
    if scan.typed == 0 && shapes.timestamp_tz > 0 && shapes.timestamp_tz + bad == values {
        return Verdict::Is(stamp(true), "every value has an offset".into());
    }
    if !zoned && shapes.timestamp > 0 && scan.typed + shapes.timestamp + bad == values {
        return Verdict::Is(stamp(false), "there are values with a time of day".into());
    }
    Verdict::Mismatch
}

/// The declared type with as many digits of a fraction as the values have, which the declaration does not bind.
fn finer(declared: &Type, digits: u8) -> Verdict {
    let mut ty = declared.clone();
    let (Type::Time { precision, .. } | Type::Timestamp { precision, .. }) = &mut ty else {
        return Verdict::As;
    };
    if *precision >= digits {
        return Verdict::As;
    }
    *precision = digits;
    Verdict::Is(ty, format!("there are fractions of {digits} digits"))
}

/// Whether texts in date columns that no calendar has are to be kept, so that the column is text.
pub(super) fn dates_stay_text(scan: Option<&ColumnScan>, policies: &Policies) -> bool {
    policies.bad_date == BadDatePolicy::Text && scan.is_some_and(|s| s.count(Hazard::BadDate) > 0)
}
