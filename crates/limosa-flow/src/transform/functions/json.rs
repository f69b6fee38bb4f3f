//! Members of JSON documents.

use super::super::cell::{Env, Result, fail, int, text};
use super::super::check::{Typed, Wrong, lazy, strict1, strict2};
use super::super::kind::{Kind, TEXT};
use super::{Args, Function, of};
use limosa_core::batch::Cell;
use limosa_core::schema::Type;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;

const MANY: usize = 64;
const JSON: Type = Type::Json { normalised: false };

pub(super) const TABLE: &[Function] = &[
    Function {
        name: "->",
        form: "json -> 'member', json -> place",
        about: "A member of an object, or an element of an array counted from 0 (from the end if negative), as JSON; NULL if there is none.",
        fails: "",
        differs: "the last of equal names counts",
        takes: (2, 2),
        build: arrow,
    },
    Function {
        name: "->>",
        form: "json ->> 'member', json ->> place",
        about: "The same as text: a string without its quotes, null as NULL.",
        fails: "",
        differs: "as ->",
        takes: (2, 2),
        build: arrow,
    },
    Function {
        name: "json_get",
        form: "json_get(json, 'member', …)",
        about: "The text at the end of a path of members and places.",
        fails: "",
        differs: "PostgreSQL has json_extract_path_text",
        takes: (2, MANY),
        build: get,
    },
    Function {
        name: "json_typeof",
        form: "json_typeof(json)",
        about: "object, array, string, number, boolean or null.",
        fails: "",
        differs: "",
        takes: (1, 1),
        build: kind_of,
    },
    Function {
        name: "json_valid",
        form: "json_valid(text)",
        about: "Whether the text is JSON.",
        fails: "",
        differs: "PostgreSQL has IS JSON from version 16",
        takes: (1, 1),
        build: valid,
    },
];

/// The part of a document to which a step leads, as it is written.
fn step<'v>(doc: &'v str, key: Cell<'_>) -> Option<&'v str> {
    match (doc.trim_start().as_bytes().first()?, key) {
        (b'{', Cell::Text(name)) => {
            let mut members: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(doc).ok()?;
            members.remove(name).map(RawValue::get)
        }
        (b'[', Cell::Text(place)) => at(doc, place.parse().ok()?),
        (b'[', key) => at(doc, int(key).ok()?),
        _ => None,
    }
}

fn at(doc: &str, place: i128) -> Option<&str> {
    let list: Vec<&RawValue> = serde_json::from_str(doc).ok()?;
    let place = if place < 0 {
        place + list.len() as i128
    } else {
        place
    };
    list.get(usize::try_from(place).ok()?).map(|v| v.get())
}

/// A document, which a text column may hold too.
fn document(part: Typed, name: &str) -> Result<Typed, Wrong> {
    match part.kind {
        Kind::Json => Ok(part),
        Kind::Text => super::cast(part, &JSON),
        _ => of(part, Kind::Json, name),
    }
}

fn as_text<'a>(env: &Env<'_, 'a>, value: &str) -> Result<Cell<'a>> {
    match value.as_bytes().first() {
        Some(b'n') => Ok(Cell::Null),
        Some(b'"') => match serde_json::from_str::<String>(value) {
            Ok(t) => Ok(env.text(&t)),
            Err(_) => fail("json", "the string has half of a surrogate pair"),
        },
        _ => Ok(env.text(value)),
    }
}

fn arrow(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let as_json = args.name == "->";
    let doc = document(args.any(), args.name)?;
    let key = args.any();
    let key = match key.kind {
        Kind::Text | Kind::Integer => key,
        _ => of(key, Kind::Text, args.name)?,
    };
    let by_place = key.kind == Kind::Integer;
    Ok(strict2(
        doc,
        key,
        if as_json { JSON } else { TEXT },
        move |env, doc, key| {
            let doc = text(doc)?;
            // A text names a member only, a number an element only.
            let fits = doc.trim_start().starts_with('[') == by_place;
            match step(doc, key).filter(|_| fits) {
                None => Ok(Cell::Null),
                Some(found) if as_json => Ok(Cell::Json(env.arena.alloc_str(found))),
                Some(found) => as_text(env, found),
            }
        },
    )
    .or_null())
}

fn get(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let doc = document(args.any(), "json_get")?;
    let mut parts = vec![doc];
    for key in args.rest() {
        parts.push(match key.kind {
            Kind::Text | Kind::Integer => key,
            _ => of(key, Kind::Text, "json_get")?,
        });
    }
    Ok(lazy(parts, TEXT, |runs| {
        move |env: &Env<'_, '_>| {
            let doc = match runs[0](env)? {
                Cell::Null => return Ok(Cell::Null),
                doc => text(doc)?,
            };
            let mut here = doc;
            for run in &runs[1..] {
                match step(here, run(env)?) {
                    Some(next) => here = next,
                    None => return Ok(Cell::Null),
                }
            }
            as_text(env, here)
        }
    })
    .or_null())
}

fn kind_of(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let doc = document(args.any(), "json_typeof")?;
    Ok(strict1(doc, Type::Varchar { length: 7 }, |_, doc| {
        Ok(Cell::Text(
            match text(doc)?.trim_start().as_bytes().first() {
                Some(b'{') => "object",
                Some(b'[') => "array",
                Some(b'"') => "string",
                Some(b't' | b'f') => "boolean",
                Some(b'n') => "null",
                _ => "number",
            },
        ))
    }))
}

fn valid(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let x = args.of(Kind::Text)?;
    Ok(strict1(x, Type::Boolean, |_, x| {
        Ok(Cell::Bool(
            serde_json::from_str::<serde::de::IgnoredAny>(text(x)?).is_ok(),
        ))
    }))
}
