//! The language: one table of functions and operators, each with its words, its meaning and its code.
//!
//! The guide's page is written from this table, so that what is documented is what there is. Where
//! PostgreSQL has the same word, it means the same here; a test holds every function against a real
//! server. Where it deliberately means something else, the table says so.

mod casts;
mod hashes;
mod json;
mod logic;
mod moments;
mod numbers;
mod outside;
mod texts;

use super::check::{Scope, Typed, Wrong, common, literal, nearest};
use super::kind::Kind;
use limosa_core::schema::Type;
use limosa_core::value::Value;

pub(super) use casts::cast;
pub(super) use outside::can_be_key;

/// A function or operator of the language.
pub struct Function {
    /// Its name, as a formula's tree has it.
    pub name: &'static str,
    /// How it is written: `split_part(text, separator, n)`.
    pub form: &'static str,
    /// What it means, in a sentence or two.
    pub about: &'static str,
    /// How it can fail for a row; empty if it can not.
    pub fails: &'static str,
    /// How its meaning differs from PostgreSQL's; empty if it does not.
    pub differs: &'static str,
    /// The fewest and the most arguments.
    pub(super) takes: (usize, usize),
    pub(super) build: fn(Args<'_>) -> Result<Typed, Wrong>,
}

/// A part of the table.
pub struct Group {
    /// Its heading.
    pub title: &'static str,
    /// Its functions.
    pub functions: &'static [Function],
}

/// The whole language, as the guide shows it.
pub const LANGUAGE: &[Group] = &[
    Group {
        title: "Conditions and choices",
        functions: logic::TABLE,
    },
    Group {
        title: "Numbers",
        functions: numbers::TABLE,
    },
    Group {
        title: "Texts",
        functions: texts::TABLE,
    },
    Group {
        title: "Dates and times",
        functions: moments::TABLE,
    },
    Group {
        title: "JSON",
        functions: json::TABLE,
    },
    Group {
        title: "Hashes, bytes and UUIDs",
        functions: hashes::TABLE,
    },
    Group {
        title: "Other tables and masks",
        functions: outside::TABLE,
    },
];

/// Other names of the same functions.
pub const ALIASES: &[(&str, &str)] = &[
    ("char_length", "length"),
    ("character_length", "length"),
    ("btrim", "trim"),
    ("substring", "substr"),
    ("ceiling", "ceil"),
    ("mod", "%"),
    ("date_part", "extract"),
    ("current_timestamp", "now"),
    ("if", "iif"),
    ("ifnull", "coalesce"),
    ("json_extract_path_text", "json_get"),
];

/// Arguments on their way into a function.
pub(super) struct Args<'s> {
    pub(super) name: &'static str,
    parts: std::vec::IntoIter<Typed>,
    pub(super) at: usize,
    pub(super) scope: &'s Scope<'s>,
}

impl Args<'_> {
    /// How many are left.
    pub(super) fn left(&self) -> usize {
        self.parts.len()
    }

    /// The next one, of any kind.
    pub(super) fn any(&mut self) -> Typed {
        self.parts.next().expect("their number was checked")
    }

    /// The next one, of this kind: a text that is written out, NULL, or a smaller number becomes it.
    pub(super) fn of(&mut self, kind: Kind) -> Result<Typed, Wrong> {
        let part = self.any();
        of(part, kind, self.name)
    }

    /// The next one of this kind, if there is one.
    pub(super) fn maybe(&mut self, kind: Kind) -> Result<Option<Typed>, Wrong> {
        match self.parts.len() {
            0 => Ok(None),
            _ => self.of(kind).map(Some),
        }
    }

    /// The next one, a text that is written out.
    pub(super) fn word(&mut self, what: &str) -> Result<(String, usize), Wrong> {
        let part = self.any();
        match part.text() {
            Some(text) => Ok((text.to_owned(), part.at)),
            None => part.wrong(format!("{what} of {} is written out as 'text'", self.name)),
        }
    }

    /// All that are left.
    pub(super) fn rest(self) -> Vec<Typed> {
        self.parts.collect()
    }
}

/// Takes a part as one of this kind.
pub(super) fn of(part: Typed, kind: Kind, name: &str) -> Result<Typed, Wrong> {
    match (part.kind, kind) {
        (a, b) if a == b => Ok(part),
        (Kind::Null, _) => {
            let at = part.at;
            Ok(Typed {
                kind,
                ..literal(Value::Null, plain(kind), at)
            })
        }
        (Kind::Integer, Kind::Decimal | Kind::Float) | (Kind::Decimal, Kind::Float) => Ok(part),
        (Kind::Date, Kind::Timestamp) => cast(part, &plain(kind)),
        (Kind::Text, _) if part.text().is_some() => cast(part, &plain(kind)),
        (is, _) => {
            let hint = match is {
                Kind::Opaque | Kind::Null => "",
                _ => "; a CAST says what is meant",
            };
            part.wrong(format!(
                "{name} takes {}, and this is {}{hint}",
                kind.word(),
                is.word()
            ))
        }
    }
}

/// The widest type of a kind.
pub(super) fn plain(kind: Kind) -> Type {
    use super::kind::{DECIMAL, DOUBLE, TEXT, integer};
    match kind {
        Kind::Boolean => Type::Boolean,
        Kind::Integer => integer(64),
        Kind::Decimal => DECIMAL,
        Kind::Float => DOUBLE,
        Kind::Bytes => Type::Blob { max_bytes: None },
        Kind::Date => Type::Date,
        Kind::Time => Type::Time {
            precision: 6,
            zoned: false,
            span: false,
        },
        Kind::Timestamp | Kind::TimestampTz => Type::Timestamp {
            precision: 6,
            zoned: kind == Kind::TimestampTz,
        },
        Kind::Interval => Type::Interval,
        Kind::Uuid => Type::Uuid,
        Kind::Json => Type::Json { normalised: false },
        Kind::Text | Kind::Null | Kind::Opaque => TEXT,
    }
}

/// Brings parts to one type; texts that are written out become what the others are.
pub(super) fn together(parts: Vec<Typed>, name: &str) -> Result<(Vec<Typed>, Type), Wrong> {
    let mut ty: Option<Type> = None;
    let literal_text = |p: &Typed| p.text().is_some();
    for part in parts
        .iter()
        .filter(|p| p.kind != Kind::Null && !literal_text(p))
        .chain(parts.iter().filter(|p| literal_text(p)))
    {
        ty = Some(match ty {
            None => part.ty.base().clone(),
            Some(before) => match super::kind::unify(&before, &part.ty) {
                Some(both) => both,
                None if literal_text(part) => before,
                None => {
                    return part.wrong(format!(
                        "{name} takes values of one type, and these are {} and {}; a CAST says what is meant",
                        Kind::of(&before).word(),
                        part.kind.word()
                    ));
                }
            },
        });
    }
    let ty = ty.unwrap_or(super::kind::TEXT);
    let kind = Kind::of(&ty);
    let parts: Result<Vec<Typed>, Wrong> = parts
        .into_iter()
        .map(|p| match (p.kind, kind) {
            (a, b) if a == b && !matches!(b, Kind::Decimal | Kind::Float) => Ok(p),
            (Kind::Null, _) => of(p, kind, name),
            // A number is brought into the form of the others.
            (a, b) if a != b => cast(p, &ty),
            _ => Ok(p),
        })
        .collect();
    Ok((parts?, ty))
}

/// Brings two sides of a comparison to one kind.
pub(super) fn sides(a: Typed, b: Typed, name: &str) -> Result<(Typed, Typed, Kind), Wrong> {
    let ty = match (a.text().is_some(), b.text().is_some(), common(&a, &b)) {
        (_, _, Some(ty)) => ty,
        (true, false, None) => b.ty.base().clone(),
        (false, true, None) => a.ty.base().clone(),
        _ => {
            return b.wrong(format!(
                "{name} takes values of one type, and these are {} and {}; a CAST says what is meant",
                a.kind.word(),
                b.kind.word()
            ));
        }
    };
    let kind = Kind::of(&ty);
    if matches!(kind, Kind::Opaque | Kind::Json | Kind::Interval) {
        return a.wrong(format!(
            "values of type {} are not compared in formulas",
            kind.word()
        ));
    }
    Ok((of(a, kind, name)?, of(b, kind, name)?, kind))
}

/// Builds a call.
pub(super) fn build(
    name: &str,
    parts: Vec<Typed>,
    at: usize,
    scope: &Scope<'_>,
) -> Result<Typed, Wrong> {
    let known = ALIASES
        .iter()
        .find(|(alias, _)| *alias == name)
        .map_or(name, |(_, name)| name);
    let all = || LANGUAGE.iter().flat_map(|g| g.functions);
    let Some(function) = all().find(|f| f.name == known) else {
        let names = all().map(|f| f.name).chain(ALIASES.iter().map(|(a, _)| *a));
        let near = nearest(name, names).map_or(String::new(), |n| format!("; did you mean {n}?"));
        return Err(Wrong {
            at,
            why: format!("there is no function {name}{near}"),
        });
    };
    let (least, most) = function.takes;
    if parts.len() < least || parts.len() > most {
        return Err(Wrong {
            at,
            why: format!(
                "too {} arguments: it is {}",
                if parts.len() < least { "few" } else { "many" },
                function.form
            ),
        });
    }
    let made = (function.build)(Args {
        name: function.name,
        parts: parts.into_iter(),
        at,
        scope,
    })?;
    Ok(match function.fails {
        "" => made,
        how => made.fails(&format!("{name}: {how}")),
    })
}
