//! Conditions and choices. Three-valued: unknown is NULL.

use super::super::cell::{Env, Result, fail, float, int, text, truth};
use super::super::check::{Typed, Wrong, lazy, strict1, strict2};
use super::super::decimal::Decimal;
use super::super::kind::Kind;
use super::{Args, Function, of, sides, together};
use limosa_core::batch::Cell;
use limosa_core::schema::Type;
use std::cmp::Ordering;

const MANY: usize = 1000;

pub(super) const TABLE: &[Function] = &[
    compared(
        "=",
        "a = b",
        "Whether both are equal. Texts are equal if they have the same code points.",
    ),
    compared("<>", "a <> b, a != b", "Whether they differ."),
    compared(
        "<",
        "a < b",
        "Whether a comes before b: numbers by value, texts by code points, NaN after every number.",
    ),
    compared("<=", "a <= b", "Whether a comes before b or is equal."),
    compared(">", "a > b", "Whether a comes after b."),
    compared(">=", "a >= b", "Whether a comes after b or is equal."),
    Function {
        name: "and",
        form: "a AND b",
        about: "True if both are; false if one is false, even beside NULL.",
        fails: "",
        differs: "",
        takes: (2, 2),
        build: and,
    },
    Function {
        name: "or",
        form: "a OR b",
        about: "True if one is, even beside NULL; false if both are false.",
        fails: "",
        differs: "",
        takes: (2, 2),
        build: or,
    },
    Function {
        name: "not",
        form: "NOT a",
        about: "The opposite; NULL stays NULL.",
        fails: "",
        differs: "",
        takes: (1, 1),
        build: not,
    },
    Function {
        name: "is null",
        form: "a IS NULL, a IS NOT NULL",
        about: "Whether there is no value.",
        fails: "",
        differs: "",
        takes: (1, 1),
        build: is_null,
    },
    Function {
        name: "is true",
        form: "a IS TRUE, a IS NOT TRUE",
        about: "Whether the condition is true, NULL being not true.",
        fails: "",
        differs: "",
        takes: (1, 1),
        build: is_true,
    },
    Function {
        name: "is false",
        form: "a IS FALSE, a IS NOT FALSE",
        about: "Whether the condition is false, NULL being not false.",
        fails: "",
        differs: "",
        takes: (1, 1),
        build: is_false,
    },
    Function {
        name: "is distinct from",
        form: "a IS DISTINCT FROM b",
        about: "Whether they differ, two NULLs being the same.",
        fails: "",
        differs: "",
        takes: (2, 2),
        build: distinct,
    },
    Function {
        name: "in",
        form: "a IN (b, c, …)",
        about: "Whether a is equal to one of them; NULL if it is to none and one of them is NULL.",
        fails: "",
        differs: "",
        takes: (2, MANY),
        build: within,
    },
    Function {
        name: "between",
        form: "a BETWEEN b AND c",
        about: "Whether a >= b and a <= c.",
        fails: "",
        differs: "",
        takes: (3, 3),
        build: between,
    },
    Function {
        name: "like",
        form: "text LIKE pattern [ESCAPE 'c']",
        about: "Whether the whole text fits: % is any text, _ any character, and a backslash (or the character of ESCAPE) takes the next one as it is. Case counts.",
        fails: "",
        differs: "",
        takes: (2, 3),
        build: like,
    },
    Function {
        name: "ilike",
        form: "text ILIKE pattern [ESCAPE 'c']",
        about: "The same without regard to case.",
        fails: "",
        differs: "",
        takes: (2, 3),
        build: like,
    },
    Function {
        name: "coalesce",
        form: "coalesce(a, b, …)",
        about: "The first that is not NULL.",
        fails: "",
        differs: "",
        takes: (1, MANY),
        build: coalesce,
    },
    Function {
        name: "nullif",
        form: "nullif(a, b)",
        about: "NULL if both are equal, else a.",
        fails: "",
        differs: "",
        takes: (2, 2),
        build: nullif,
    },
    Function {
        name: "iif",
        form: "iif(condition, a, b)",
        about: "a if the condition is true, else b. CASE WHEN … THEN … ELSE … END is there too.",
        fails: "",
        differs: "PostgreSQL has only CASE",
        takes: (3, 3),
        build: iif,
    },
    Function {
        name: "greatest",
        form: "greatest(a, b, …)",
        about: "The greatest; NULLs are passed over.",
        fails: "",
        differs: "",
        takes: (1, MANY),
        build: extreme,
    },
    Function {
        name: "least",
        form: "least(a, b, …)",
        about: "The least; NULLs are passed over.",
        fails: "",
        differs: "",
        takes: (1, MANY),
        build: extreme,
    },
];

const fn compared(name: &'static str, form: &'static str, about: &'static str) -> Function {
    Function {
        name,
        form,
        about,
        fails: "",
        differs: "",
        takes: (2, 2),
        build: compare,
    }
}

fn condition(args: &mut Args<'_>) -> Result<Typed, Wrong> {
    args.of(Kind::Boolean)
}

/// The order of two values of one kind.
#[inline]
pub(in super::super) fn order(kind: Kind, a: Cell<'_>, b: Cell<'_>) -> Result<Ordering> {
    Ok(match (kind, a, b) {
        (Kind::Text, Cell::Text(a), Cell::Text(b)) => a.cmp(b),
        (Kind::Integer, Cell::Int(a), Cell::Int(b)) => a.cmp(&b),
        (Kind::Integer, a, b) => int(a)?.cmp(&int(b)?),
        (Kind::Decimal, a, b) => match (special(a), special(b)) {
            (0, 0) => Decimal::of(a, "comparison")?.cmp(Decimal::of(b, "comparison")?),
            (a, b) => a.cmp(&b),
        },
        (Kind::Float, a, b) => {
            let (a, b) = (float(a)?, float(b)?);
            match (a.is_nan(), b.is_nan()) {
                (false, false) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
                (a, b) => a.cmp(&b),
            }
        }
        (_, Cell::Bool(a), Cell::Bool(b)) => a.cmp(&b),
        (_, Cell::Bytes(a), Cell::Bytes(b)) => a.cmp(b),
        (_, Cell::Date(a), Cell::Date(b)) => a.cmp(&b),
        (_, Cell::Time(a), Cell::Time(b))
        | (_, Cell::Timestamp(a), Cell::Timestamp(b))
        | (_, Cell::TimestampTz(a), Cell::TimestampTz(b)) => a.cmp(&b),
        (_, Cell::Uuid(a), Cell::Uuid(b)) => a.cmp(b),
        _ => return fail("comparison", "the values are of two types"),
    })
}

/// The place of a decimal that is no number: below all, among them, above all.
fn special(cell: Cell<'_>) -> i8 {
    match cell {
        Cell::Decimal("-Infinity") => -1,
        Cell::Decimal("Infinity") => 1,
        Cell::Decimal("NaN") => 2,
        _ => 0,
    }
}

fn compare(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let name = args.name;
    let (a, b) = (args.any(), args.any());
    let (a, b, kind) = sides(a, b, name)?;
    let holds: fn(Ordering) -> bool = match name {
        "=" => Ordering::is_eq,
        "<>" => Ordering::is_ne,
        "<" => Ordering::is_lt,
        "<=" => Ordering::is_le,
        ">" => Ordering::is_gt,
        _ => Ordering::is_ge,
    };
    Ok(strict2(a, b, Type::Boolean, move |_, a, b| {
        Ok(Cell::Bool(holds(order(kind, a, b)?)))
    }))
}

fn known<'a>(value: Option<bool>) -> Cell<'a> {
    value.map_or(Cell::Null, Cell::Bool)
}

fn and(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let parts = vec![condition(&mut args)?, condition(&mut args)?];
    Ok(lazy(parts, Type::Boolean, |runs| {
        move |env: &Env<'_, '_>| {
            let a = truth(runs[0](env)?)?;
            if a == Some(false) {
                return Ok(Cell::Bool(false));
            }
            let b = truth(runs[1](env)?)?;
            Ok(known(match (a, b) {
                (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            }))
        }
    }))
}

fn or(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let parts = vec![condition(&mut args)?, condition(&mut args)?];
    Ok(lazy(parts, Type::Boolean, |runs| {
        move |env: &Env<'_, '_>| {
            let a = truth(runs[0](env)?)?;
            if a == Some(true) {
                return Ok(Cell::Bool(true));
            }
            let b = truth(runs[1](env)?)?;
            Ok(known(match (a, b) {
                (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            }))
        }
    }))
}

fn not(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let x = condition(&mut args)?;
    Ok(strict1(x, Type::Boolean, |_, x| {
        Ok(known(truth(x)?.map(|b| !b)))
    }))
}

fn is_null(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let x = args.any();
    Ok(lazy(vec![x], Type::Boolean, |runs| {
        move |env: &Env<'_, '_>| Ok(Cell::Bool(runs[0](env)? == Cell::Null))
    })
    .never_null())
}

fn is_value(mut args: Args<'_>, want: bool) -> Result<Typed, Wrong> {
    let x = condition(&mut args)?;
    Ok(lazy(vec![x], Type::Boolean, |runs| {
        move |env: &Env<'_, '_>| Ok(Cell::Bool(truth(runs[0](env)?)? == Some(want)))
    })
    .never_null())
}

fn is_true(args: Args<'_>) -> Result<Typed, Wrong> {
    is_value(args, true)
}

fn is_false(args: Args<'_>) -> Result<Typed, Wrong> {
    is_value(args, false)
}

fn distinct(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let (a, b) = (args.any(), args.any());
    let (a, b, kind) = sides(a, b, "IS DISTINCT FROM")?;
    Ok(lazy(vec![a, b], Type::Boolean, |runs| {
        move |env: &Env<'_, '_>| {
            Ok(Cell::Bool(match (runs[0](env)?, runs[1](env)?) {
                (Cell::Null, Cell::Null) => false,
                (Cell::Null, _) | (_, Cell::Null) => true,
                (a, b) => order(kind, a, b)?.is_ne(),
            }))
        }
    })
    .never_null())
}

fn within(args: Args<'_>) -> Result<Typed, Wrong> {
    let (parts, ty) = together(args.rest(), "IN")?;
    let kind = Kind::of(&ty);
    if matches!(kind, Kind::Opaque | Kind::Json | Kind::Interval) {
        return parts[0].wrong(format!(
            "values of type {} are not compared in formulas",
            kind.word()
        ));
    }
    Ok(lazy(parts, Type::Boolean, |runs| {
        move |env: &Env<'_, '_>| {
            let x = runs[0](env)?;
            if x == Cell::Null {
                return Ok(Cell::Null);
            }
            let mut unknown = false;
            for run in &runs[1..] {
                match run(env)? {
                    Cell::Null => unknown = true,
                    y if order(kind, x, y)?.is_eq() => return Ok(Cell::Bool(true)),
                    _ => {}
                }
            }
            Ok(if unknown {
                Cell::Null
            } else {
                Cell::Bool(false)
            })
        }
    }))
}

fn between(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let parts = vec![args.any(), args.any(), args.any()];
    let (parts, ty) = together(parts, "BETWEEN")?;
    let kind = Kind::of(&ty);
    if matches!(kind, Kind::Opaque | Kind::Json | Kind::Interval) {
        return parts[0].wrong(format!(
            "values of type {} are not compared in formulas",
            kind.word()
        ));
    }
    Ok(lazy(parts, Type::Boolean, |runs| {
        move |env: &Env<'_, '_>| {
            let (x, low, high) = (runs[0](env)?, runs[1](env)?, runs[2](env)?);
            let side = |a: Cell<'_>, b: Cell<'_>| match (a, b) {
                (Cell::Null, _) | (_, Cell::Null) => Ok(None),
                (a, b) => order(kind, a, b).map(|o| Some(o.is_le())),
            };
            Ok(known(match (side(low, x)?, side(x, high)?) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            }))
        }
    }))
}

/// One step of a LIKE pattern.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    Any,
    One,
    Char(char),
}

fn steps(pattern: &str, escape: Option<char>, fold: bool) -> Result<Vec<Step>> {
    let mut out = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            c if Some(c) == escape => match chars.next() {
                Some(c) => Step::Char(lowered(c, fold)),
                None => return fail("LIKE", "the pattern ends with the escape character"),
            },
            '%' if out.last() == Some(&Step::Any) => continue,
            '%' => Step::Any,
            '_' => Step::One,
            c => Step::Char(lowered(c, fold)),
        });
    }
    Ok(out)
}

fn lowered(c: char, fold: bool) -> char {
    if fold { super::texts::lower_char(c) } else { c }
}

/// Whether a text fits: greedy, going back only to the last %.
fn fits(text: &str, steps: &[Step], fold: bool) -> bool {
    let (mut at, mut i) = (text.chars(), 0);
    let mut back: Option<(std::str::Chars<'_>, usize)> = None;
    loop {
        match steps.get(i) {
            Some(Step::Any) => {
                back = Some((at.clone(), i + 1));
                i += 1;
                continue;
            }
            None if at.as_str().is_empty() => return true,
            Some(step) => {
                let mut ahead = at.clone();
                let next = ahead.next();
                let ok = match (step, next) {
                    (Step::One, Some(_)) => true,
                    (Step::Char(c), Some(x)) => *c == lowered(x, fold),
                    _ => false,
                };
                if ok {
                    at = ahead;
                    i += 1;
                    continue;
                }
            }
            None => {}
        }
        match &mut back {
            Some((from, again)) => {
                if from.next().is_none() {
                    return false;
                }
                at = from.clone();
                i = *again;
            }
            None => return false,
        }
    }
}

fn like(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let fold = args.name == "ilike";
    let (x, pattern) = (args.of(Kind::Text)?, args.of(Kind::Text)?);
    let escape = match args.left() {
        0 => Some('\\'),
        _ => {
            let (word, at) = args.word("the ESCAPE")?;
            let mut chars = word.chars();
            match (chars.next(), chars.next()) {
                (c, None) => c,
                _ => {
                    return Err(Wrong {
                        at,
                        why: "ESCAPE takes one character".into(),
                    });
                }
            }
        }
    };
    if let Some(written) = pattern.text() {
        let steps = steps(written, escape, fold).map_err(|f| Wrong {
            at: pattern.at,
            why: f.why.into(),
        })?;
        return Ok(strict1(x, Type::Boolean, move |_, x| {
            Ok(Cell::Bool(fits(text(x)?, &steps, fold)))
        }));
    }
    Ok(strict2(x, pattern, Type::Boolean, move |_, x, p| {
        let steps = steps(text(p)?, escape, fold)?;
        Ok(Cell::Bool(fits(text(x)?, &steps, fold)))
    })
    .fails("LIKE: the pattern ends with the escape character"))
}

fn coalesce(args: Args<'_>) -> Result<Typed, Wrong> {
    let (parts, ty) = together(args.rest(), "coalesce")?;
    let nullable = parts.iter().all(|p| p.nullable);
    let mut made = lazy(parts, ty, |runs| {
        move |env: &Env<'_, '_>| {
            for run in &runs {
                match run(env)? {
                    Cell::Null => {}
                    cell => return Ok(cell),
                }
            }
            Ok(Cell::Null)
        }
    });
    made.nullable = nullable;
    Ok(made)
}

fn nullif(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let (a, b) = (args.any(), args.any());
    let ty = a.ty.clone();
    let (a, b, kind) = sides(a, b, "nullif")?;
    Ok(lazy(vec![a, b], ty, |runs| {
        move |env: &Env<'_, '_>| match (runs[0](env)?, runs[1](env)?) {
            (Cell::Null, _) => Ok(Cell::Null),
            (a, Cell::Null) => Ok(a),
            (a, b) if order(kind, a, b)?.is_eq() => Ok(Cell::Null),
            (a, _) => Ok(a),
        }
    })
    .or_null())
}

fn iif(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let when = condition(&mut args)?;
    let (mut parts, ty) = together(args.rest(), "iif")?;
    let nullable = parts.iter().any(|p| p.nullable);
    parts.insert(0, when);
    let mut made = lazy(parts, ty, |runs| {
        move |env: &Env<'_, '_>| match truth(runs[0](env)?)? {
            Some(true) => runs[1](env),
            _ => runs[2](env),
        }
    });
    made.nullable = nullable;
    Ok(made)
}

fn extreme(args: Args<'_>) -> Result<Typed, Wrong> {
    let name = args.name;
    let want = match name {
        "greatest" => Ordering::Greater,
        _ => Ordering::Less,
    };
    let (parts, ty) = together(args.rest(), name)?;
    let kind = Kind::of(&ty);
    if matches!(kind, Kind::Opaque | Kind::Json | Kind::Interval) {
        return parts[0].wrong(format!(
            "values of type {} are not compared in formulas",
            kind.word()
        ));
    }
    let parts: Result<Vec<Typed>, Wrong> = parts.into_iter().map(|p| of(p, kind, name)).collect();
    let parts = parts?;
    let nullable = parts.iter().all(|p| p.nullable);
    let mut made = lazy(parts, ty, |runs| {
        move |env: &Env<'_, '_>| {
            let mut best = Cell::Null;
            for run in &runs {
                let next = run(env)?;
                best = match (best, next) {
                    (best, Cell::Null) => best,
                    (Cell::Null, next) => next,
                    (best, next) if order(kind, next, best)? == want => next,
                    (best, _) => best,
                };
            }
            Ok(best)
        }
    });
    made.nullable = nullable;
    Ok(made)
}
