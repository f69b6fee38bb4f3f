//! Arithmetic: exact on whole numbers and decimals, IEEE 754 on floats. What does not fit is a failure.

use super::super::cell::{Result, fail, float, int, whole};
use super::super::check::{Typed, Wrong, strict1, strict2};
use super::super::decimal::Decimal;
use super::super::kind::{DECIMAL, DOUBLE, Kind, decimal_of, digits, integer};
use super::{Args, Function, moments};
use limosa_core::batch::Cell;
use limosa_core::schema::Type;

const RANGE: &str = "a result out of the type's range";
const ZERO: &str = "division by zero, or a result out of the type's range";

pub(super) const TABLE: &[Function] = &[
    Function {
        name: "+",
        form: "a + b",
        about: "The sum. Whole numbers keep their width, 32 bits at least; decimals are exact up to 38 digits. Also date + days, and a moment + an interval.",
        fails: RANGE,
        differs: "two smallints give an integer; decimals end at 38 digits",
        takes: (2, 2),
        build: plus,
    },
    Function {
        name: "-",
        form: "a - b",
        about: "The difference. Also of two dates (days), of two timestamps (an interval of days and time), date - days, and a moment - an interval.",
        fails: RANGE,
        differs: "as +",
        takes: (2, 2),
        build: minus,
    },
    Function {
        name: "*",
        form: "a * b",
        about: "The product.",
        fails: RANGE,
        differs: "as +",
        takes: (2, 2),
        build: times,
    },
    Function {
        name: "/",
        form: "a / b",
        about: "The quotient: of two whole numbers without its fraction (7 / 2 = 3), of decimals with at least 16 digits that count, rounded half away from zero.",
        fails: ZERO,
        differs: "as +",
        takes: (2, 2),
        build: divide,
    },
    Function {
        name: "%",
        form: "a % b, mod(a, b)",
        about: "The remainder, with the sign of a.",
        fails: ZERO,
        differs: "as +",
        takes: (2, 2),
        build: modulo,
    },
    Function {
        name: "negate",
        form: "-a",
        about: "The opposite.",
        fails: RANGE,
        differs: "",
        takes: (1, 1),
        build: negate,
    },
    Function {
        name: "abs",
        form: "abs(a)",
        about: "The amount without its sign.",
        fails: RANGE,
        differs: "",
        takes: (1, 1),
        build: abs,
    },
    Function {
        name: "sign",
        form: "sign(a)",
        about: "-1, 0 or 1, as an integer.",
        fails: "",
        differs: "PostgreSQL gives the type of a",
        takes: (1, 1),
        build: sign,
    },
    Function {
        name: "round",
        form: "round(a), round(a, digits)",
        about: "The nearest; of decimals half away from zero, of floats half to even. With digits, a decimal with so many after the point.",
        fails: RANGE,
        differs: "",
        takes: (1, 2),
        build: round,
    },
    Function {
        name: "trunc",
        form: "trunc(a), trunc(a, digits)",
        about: "Without the digits after the point, or after so many of them.",
        fails: RANGE,
        differs: "",
        takes: (1, 2),
        build: round,
    },
    Function {
        name: "floor",
        form: "floor(a)",
        about: "The greatest whole number that is not above.",
        fails: "",
        differs: "a whole number stays one",
        takes: (1, 1),
        build: floor,
    },
    Function {
        name: "ceil",
        form: "ceil(a), ceiling(a)",
        about: "The least whole number that is not below.",
        fails: "",
        differs: "a whole number stays one",
        takes: (1, 1),
        build: floor,
    },
];

/// What two numbers are computed in.
enum Way {
    Whole { bits: u8, unsigned: bool },
    Exact,
    Binary,
}

fn width(ty: &Type) -> (u8, bool) {
    match ty.base() {
        Type::Integer { bits, unsigned } => (*bits, *unsigned),
        _ => (32, false),
    }
}

fn way(a: &Typed, b: &Typed, name: &str) -> Result<Way, Wrong> {
    for part in [a, b] {
        if !part.kind.number() && part.kind != Kind::Null {
            return part.wrong(format!(
                "{name} takes numbers, and this is {}",
                part.kind.word()
            ));
        }
    }
    Ok(match (a.kind, b.kind) {
        (Kind::Float, _) | (_, Kind::Float) => Way::Binary,
        (Kind::Decimal, _) | (_, Kind::Decimal) => Way::Exact,
        _ => {
            let ((x, ux), (y, uy)) = (width(&a.ty), width(&b.ty));
            let huge = (ux && x == 64) || (uy && y == 64);
            Way::Whole {
                // Unsigned numbers of 32 bits reach beyond the signed ones.
                bits: if ux || uy { 64 } else { x.max(y).max(32) },
                unsigned: huge,
            }
        }
    })
}

type Whole = fn(i128, i128) -> Result<i128>;
type Exact = fn(Decimal, Decimal) -> Result<Decimal>;
type Binary = fn(f64, f64) -> Result<f64>;

fn binary(
    a: Typed,
    b: Typed,
    name: &'static str,
    exact_type: Type,
    (w, e, f): (Whole, Exact, Binary),
) -> Result<Typed, Wrong> {
    Ok(match way(&a, &b, name)? {
        Way::Whole { bits, unsigned } => {
            strict2(a, b, Type::Integer { bits, unsigned }, move |_, a, b| {
                whole(w(int(a)?, int(b)?)?, bits, unsigned, name)
            })
        }
        Way::Exact => strict2(a, b, exact_type, move |env, a, b| {
            let made = e(Decimal::of(a, name)?, Decimal::of(b, name)?)?;
            Ok(Cell::Decimal(env.arena.alloc_str(&made.write())))
        }),
        Way::Binary => strict2(a, b, DOUBLE, move |_, a, b| {
            let (a, b) = (float(a)?, float(b)?);
            let made = f(a, b)?;
            if made.is_infinite() && a.is_finite() && b.is_finite() {
                return fail(name, "the float is out of range");
            }
            Ok(Cell::F64(made))
        }),
    })
}

/// The type of a sum.
fn sum(a: &Typed, b: &Typed) -> Type {
    decimal_of(
        digits(&a.ty)
            .zip(digits(&b.ty))
            .map(|((x, s), (y, t))| (x.max(y) + 1, s.max(t))),
    )
}

fn moment(part: &Typed) -> bool {
    matches!(
        part.kind,
        Kind::Date | Kind::Time | Kind::Timestamp | Kind::TimestampTz | Kind::Interval
    )
}

fn plus(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let (a, b) = (args.any(), args.any());
    if moment(&a) || moment(&b) {
        return moments::plus(a, b);
    }
    let ty = sum(&a, &b);
    binary(
        a,
        b,
        "+",
        ty,
        (|a, b| Ok(a + b), |a, b| a.add(b, "+"), |a, b| Ok(a + b)),
    )
}

fn minus(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let (a, b) = (args.any(), args.any());
    if moment(&a) || moment(&b) {
        return moments::minus(a, b);
    }
    let ty = sum(&a, &b);
    binary(
        a,
        b,
        "-",
        ty,
        (
            |a, b| Ok(a - b),
            |a, b| a.add(b.negate(), "-"),
            |a, b| Ok(a - b),
        ),
    )
}

fn times(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let (a, b) = (args.any(), args.any());
    let ty = decimal_of(
        digits(&a.ty)
            .zip(digits(&b.ty))
            .map(|((x, s), (y, t))| (x + y, s + t)),
    );
    binary(
        a,
        b,
        "*",
        ty,
        (
            |a, b| {
                a.checked_mul(b)
                    .map_or_else(|| fail("*", "the whole number is out of range"), Ok)
            },
            Decimal::times,
            |a, b| {
                let made = a * b;
                match made == 0.0 && a != 0.0 && b != 0.0 {
                    true => fail("*", "the float is too near to zero"),
                    false => Ok(made),
                }
            },
        ),
    )
}

fn divide(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let (a, b) = (args.any(), args.any());
    binary(
        a,
        b,
        "/",
        DECIMAL,
        (
            |a, b| {
                if b == 0 {
                    fail("/", "division by zero")
                } else {
                    Ok(a / b)
                }
            },
            Decimal::divide,
            |a, b| match b == 0.0 {
                true => fail("/", "division by zero"),
                false if a / b == 0.0 && a != 0.0 && b.is_finite() => {
                    fail("/", "the float is too near to zero")
                }
                false => Ok(a / b),
            },
        ),
    )
}

fn modulo(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let (a, b) = (args.any(), args.any());
    if a.kind == Kind::Float || b.kind == Kind::Float {
        return a.wrong("% takes whole numbers and decimals, and this is float");
    }
    let ty = decimal_of(
        digits(&a.ty)
            .zip(digits(&b.ty))
            .map(|((x, s), (y, t))| (x.max(y), s.max(t))),
    );
    binary(
        a,
        b,
        "%",
        ty,
        (
            |a, b| {
                if b == 0 {
                    fail("%", "division by zero")
                } else {
                    Ok(a % b)
                }
            },
            Decimal::modulo,
            |a, b| Ok(a % b),
        ),
    )
}

/// A function of one number.
fn unary(
    x: Typed,
    name: &'static str,
    exact_type: Type,
    w: fn(i128) -> i128,
    e: fn(Decimal) -> Decimal,
    f: fn(f64) -> f64,
) -> Result<Typed, Wrong> {
    Ok(match x.kind {
        Kind::Integer => {
            let (bits, unsigned) = width(&x.ty);
            let (bits, unsigned) = match (name, unsigned) {
                ("negate", true) => (64, false),
                (_, unsigned) => (bits.max(32), unsigned),
            };
            strict1(x, Type::Integer { bits, unsigned }, move |_, x| {
                whole(w(int(x)?), bits, unsigned, name)
            })
        }
        Kind::Decimal => strict1(x, exact_type, move |env, x| {
            let made = e(Decimal::of(x, name)?);
            Ok(Cell::Decimal(env.arena.alloc_str(&made.write())))
        }),
        Kind::Float => {
            let ty = x.ty.clone();
            strict1(x, ty, move |_, x| {
                Ok(match x {
                    // A float of 32 bits stays one.
                    Cell::F32(x) => Cell::F32(f(x.into()) as f32),
                    x => Cell::F64(f(float(x)?)),
                })
            })
        }
        kind => {
            return x.wrong(format!(
                "{name} takes a number, and this is {}",
                kind.word()
            ));
        }
    })
}

fn negate(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let x = args.any();
    if x.kind == Kind::Interval {
        return moments::negate(x);
    }
    let ty = x.ty.clone();
    unary(x, "negate", ty, |n| -n, Decimal::negate, |f| -f)
}

fn abs(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let x = args.any();
    let ty = x.ty.clone();
    let amount = |d: Decimal| if d.m < 0 { d.negate() } else { d };
    unary(x, "abs", ty, i128::abs, amount, f64::abs)
}

fn sign(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let x = args.any();
    if !x.kind.number() {
        return x.wrong(format!(
            "sign takes a number, and this is {}",
            x.kind.word()
        ));
    }
    Ok(strict1(x, integer(32), |_, x| {
        Ok(Cell::Int(match x {
            Cell::F32(_) | Cell::F64(_) => {
                let f = float(x)?;
                if f == 0.0 || f.is_nan() {
                    0
                } else {
                    f.signum() as i64
                }
            }
            x => Decimal::of(x, "sign")?.m.signum() as i64,
        }))
    }))
}

fn floor(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let x = args.any();
    let ty = decimal_of(digits(&x.ty).map(|(b, _)| (b + 1, 0)));
    match args.name {
        "floor" => unary(x, "floor", ty, |n| n, Decimal::floor, f64::floor),
        _ => unary(x, "ceil", ty, |n| n, Decimal::ceil, f64::ceil),
    }
}

fn round(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let name = args.name;
    let nearest = name == "round";
    let x = args.any();
    let Some(n) = args.maybe(Kind::Integer)? else {
        let ty = decimal_of(digits(&x.ty).map(|(b, _)| (b + 1, 0)));
        // To nothing after the point, a decimal always fits.
        return match nearest {
            true => unary(
                x,
                name,
                ty,
                |n| n,
                |d| d.round(0, "round").unwrap_or(d),
                f64::round_ties_even,
            ),
            false => unary(
                x,
                name,
                ty,
                |n| n,
                |d| d.truncate(0, "trunc").unwrap_or(d),
                f64::trunc,
            ),
        };
    };
    if !matches!(x.kind, Kind::Integer | Kind::Decimal) {
        return x.wrong(format!(
            "{name} to a number of digits takes a decimal, and this is {}; a CAST to numeric says what is meant",
            x.kind.word()
        ));
    }
    let after = n
        .int()
        .and_then(|n| u32::try_from(n.max(0)).ok())
        .filter(|n| *n <= 38);
    let ty = decimal_of(
        digits(&x.ty)
            .zip(after)
            .map(|((b, _), after)| (b + 1, after)),
    );
    Ok(strict2(x, n, ty, move |env, x, n| {
        let d = Decimal::of(x, name)?;
        let n = i64::try_from(int(n)?).unwrap_or(i64::MAX);
        let made = if nearest {
            d.round(n, name)?
        } else {
            d.truncate(n, name)?
        };
        Ok(Cell::Decimal(env.arena.alloc_str(&made.write())))
    }))
}
