//! Texts: counted in code points, compared by code points, without any collation.

mod joins;
mod parts;
mod regexes;

use super::super::cell::{Result, fail, text};
use super::super::check::{Typed, Wrong, strict1, strict2, strict3};
use super::super::kind::{Kind, chars, integer, text_of};
use super::{Args, Function};
use limosa_core::batch::Cell;

pub(super) use joins::any_text;

const MANY: usize = 1000;
/// A text that a function makes is no longer than this.
const LONGEST: usize = 64 << 20;
const TOO_LONG: &str = "a text above 64 MiB";

pub(super) const TABLE: &[Function] = &[
    Function {
        name: "||",
        form: "a || b",
        about: "Both texts, one after the other; NULL if one is NULL. A number, date or truth value is written as CAST(x AS text) does.",
        fails: "",
        differs: "",
        takes: (2, 2),
        build: joins::join,
    },
    Function {
        name: "concat",
        form: "concat(a, b, …)",
        about: "All one after the other; NULLs are passed over.",
        fails: "",
        differs: "",
        takes: (1, MANY),
        build: joins::concat,
    },
    Function {
        name: "concat_ws",
        form: "concat_ws(separator, a, b, …)",
        about: "All that are not NULL, with the separator between them; NULL if the separator is.",
        fails: "",
        differs: "",
        takes: (2, MANY),
        build: joins::concat_ws,
    },
    Function {
        name: "lower",
        form: "lower(text)",
        about: "Each letter in lower case, one for one, so that the length stays.",
        fails: "",
        differs: "PostgreSQL's depends on the locale",
        takes: (1, 1),
        build: lower,
    },
    Function {
        name: "upper",
        form: "upper(text)",
        about: "Each letter in upper case, one for one (ß stays).",
        fails: "",
        differs: "PostgreSQL's depends on the locale",
        takes: (1, 1),
        build: upper,
    },
    Function {
        name: "length",
        form: "length(text), char_length(text)",
        about: "Code points of a text, bytes of bytes.",
        fails: "",
        differs: "",
        takes: (1, 1),
        build: length,
    },
    Function {
        name: "octet_length",
        form: "octet_length(text)",
        about: "Bytes, of a text in UTF-8.",
        fails: "",
        differs: "",
        takes: (1, 1),
        build: length,
    },
    Function {
        name: "trim",
        form: "trim(text), trim(text, characters)",
        about: "Without blanks (U+0020 only), or without any of the characters, at both ends.",
        fails: "",
        differs: "",
        takes: (1, 2),
        build: trim,
    },
    Function {
        name: "ltrim",
        form: "ltrim(text), ltrim(text, characters)",
        about: "The same at the beginning.",
        fails: "",
        differs: "",
        takes: (1, 2),
        build: trim,
    },
    Function {
        name: "rtrim",
        form: "rtrim(text), rtrim(text, characters)",
        about: "The same at the end.",
        fails: "",
        differs: "",
        takes: (1, 2),
        build: trim,
    },
    Function {
        name: "substr",
        form: "substr(text, from), substr(text, from, n), substring(text from a for n)",
        about: "n characters from the from-th, counted from 1; places before the first count and are empty.",
        fails: "a negative length",
        differs: "",
        takes: (2, 3),
        build: parts::substr,
    },
    Function {
        name: "left",
        form: "left(text, n)",
        about: "The first n characters; all but the last -n if n is negative.",
        fails: "",
        differs: "",
        takes: (2, 2),
        build: parts::ends,
    },
    Function {
        name: "right",
        form: "right(text, n)",
        about: "The last n characters; all but the first -n if n is negative.",
        fails: "",
        differs: "",
        takes: (2, 2),
        build: parts::ends,
    },
    Function {
        name: "replace",
        form: "replace(text, from, to)",
        about: "Every from becomes to; nothing happens if from is empty.",
        fails: TOO_LONG,
        differs: "",
        takes: (3, 3),
        build: replace,
    },
    Function {
        name: "translate",
        form: "translate(text, from, to)",
        about: "Every character of from becomes the one in its place in to, or goes if there is none.",
        fails: "",
        differs: "",
        takes: (3, 3),
        build: translate,
    },
    Function {
        name: "split_part",
        form: "split_part(text, separator, n)",
        about: "The n-th part between separators, counted from 1, or from the end if n is negative; an empty text if there is none.",
        fails: "a part number of 0",
        differs: "",
        takes: (3, 3),
        build: parts::split_part,
    },
    Function {
        name: "position",
        form: "position(part IN text)",
        about: "The place of the first part in the text, counted from 1; 0 if there is none.",
        fails: "",
        differs: "",
        takes: (2, 2),
        build: parts::position,
    },
    Function {
        name: "strpos",
        form: "strpos(text, part)",
        about: "The same with the arguments the other way round.",
        fails: "",
        differs: "",
        takes: (2, 2),
        build: parts::position,
    },
    Function {
        name: "starts_with",
        form: "starts_with(text, start)",
        about: "Whether the text begins so.",
        fails: "",
        differs: "",
        takes: (2, 2),
        build: parts::starts_with,
    },
    Function {
        name: "lpad",
        form: "lpad(text, n), lpad(text, n, fill)",
        about: "Filled at the beginning up to n characters, or cut at the end down to them.",
        fails: TOO_LONG,
        differs: "",
        takes: (2, 3),
        build: parts::pad,
    },
    Function {
        name: "rpad",
        form: "rpad(text, n), rpad(text, n, fill)",
        about: "Filled at the end up to n characters, or cut down to them.",
        fails: TOO_LONG,
        differs: "",
        takes: (2, 3),
        build: parts::pad,
    },
    Function {
        name: "reverse",
        form: "reverse(text)",
        about: "The code points from last to first.",
        fails: "",
        differs: "",
        takes: (1, 1),
        build: reverse,
    },
    Function {
        name: "regexp_like",
        form: "regexp_like(text, 'pattern'), regexp_like(text, 'pattern', 'flags')",
        about: "Whether the pattern is found. Patterns are those of Rust's regex crate, of linear time; flags are i, s, m and x.",
        fails: "",
        differs: "another regular expression language: the first alternative wins, not the longest",
        takes: (2, 3),
        build: regexes::regexp_like,
    },
    Function {
        name: "regexp_replace",
        form: "regexp_replace(text, 'pattern', 'by'), regexp_replace(text, 'pattern', 'by', 'flags')",
        about: "The first match becomes by, every match with the flag g. In by, \\1 to \\9 are groups and \\& is the match.",
        fails: TOO_LONG,
        differs: "as regexp_like",
        takes: (3, 4),
        build: regexes::regexp_replace,
    },
];

/// The lower case of one character, one for one.
#[inline]
pub(in super::super) fn lower_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        // I with a dot above: its simple mapping.
        _ if c == '\u{130}' => 'i',
        _ => c,
    }
}

fn upper_char(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

fn lower(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let x = args.of(Kind::Text)?;
    let ty = text_of(chars(&x.ty).map(u64::from));
    Ok(strict1(x, ty, |env, x| {
        let t = text(x)?;
        if t.is_ascii() {
            if !t.bytes().any(|b| b.is_ascii_uppercase()) {
                return Ok(Cell::Text(t));
            }
            let made = env.arena.alloc_str(t);
            made.make_ascii_lowercase();
            return Ok(Cell::Text(made));
        }
        let mut made = bumpalo::collections::String::with_capacity_in(t.len(), env.arena);
        made.extend(t.chars().map(lower_char));
        Ok(Cell::Text(made.into_bump_str()))
    }))
}

fn upper(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let x = args.of(Kind::Text)?;
    let ty = text_of(chars(&x.ty).map(u64::from));
    Ok(strict1(x, ty, |env, x| {
        let t = text(x)?;
        if t.is_ascii() {
            let made = env.arena.alloc_str(t);
            made.make_ascii_uppercase();
            return Ok(Cell::Text(made));
        }
        let mut made = bumpalo::collections::String::with_capacity_in(t.len(), env.arena);
        made.extend(t.chars().map(upper_char));
        Ok(Cell::Text(made.into_bump_str()))
    }))
}

fn length(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let octets = args.name == "octet_length";
    let x = args.any();
    let x = match x.kind {
        Kind::Bytes => x,
        _ => super::of(x, Kind::Text, args.name)?,
    };
    Ok(strict1(x, integer(32), move |_, x| {
        let n = match x {
            Cell::Bytes(b) => b.len(),
            x if octets => text(x)?.len(),
            x => text(x)?.chars().count(),
        };
        Ok(Cell::Int(n as i64))
    }))
}

fn trim(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let (left, right) = match args.name {
        "ltrim" => (true, false),
        "rtrim" => (false, true),
        _ => (true, true),
    };
    let x = args.of(Kind::Text)?;
    let ty = text_of(chars(&x.ty).map(u64::from));
    fn cut(mut t: &str, left: bool, right: bool, of: impl Fn(char) -> bool) -> &str {
        if left {
            t = t.trim_start_matches(&of);
        }
        if right {
            t = t.trim_end_matches(&of);
        }
        t
    }
    Ok(match args.maybe(Kind::Text)? {
        None => strict1(x, ty, move |_, x| {
            Ok(Cell::Text(cut(text(x)?, left, right, |c| c == ' ')))
        }),
        Some(set) => strict2(x, set, ty, move |_, x, set| {
            let set = text(set)?;
            Ok(Cell::Text(cut(text(x)?, left, right, |c| set.contains(c))))
        }),
    })
}

fn replace(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let (x, from, to) = (
        args.of(Kind::Text)?,
        args.of(Kind::Text)?,
        args.of(Kind::Text)?,
    );
    let shrinks = match (from.text(), to.text()) {
        (Some(a), Some(b)) => b.chars().count() <= a.chars().count(),
        _ => false,
    };
    let ty = text_of(chars(&x.ty).filter(|_| shrinks).map(u64::from));
    Ok(strict3(x, from, to, ty, |env, x, from, to| {
        let (t, from, to) = (text(x)?, text(from)?, text(to)?);
        if from.is_empty() || !t.contains(from) {
            return Ok(Cell::Text(t));
        }
        if t.matches(from).count().saturating_mul(to.len()) > LONGEST {
            return fail("replace", "the text is above 64 MiB");
        }
        Ok(env.text(&t.replace(from, to)))
    }))
}

fn translate(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let (x, from, to) = (
        args.of(Kind::Text)?,
        args.of(Kind::Text)?,
        args.of(Kind::Text)?,
    );
    let ty = text_of(chars(&x.ty).map(u64::from));
    Ok(strict3(x, from, to, ty, |env, x, from, to| {
        let (from, to) = (text(from)?, text(to)?);
        let made: String = text(x)?
            .chars()
            .filter_map(|c| match from.chars().position(|f| f == c) {
                Some(at) => to.chars().nth(at),
                None => Some(c),
            })
            .collect();
        Ok(env.text(&made))
    }))
}

fn reverse(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let x = args.of(Kind::Text)?;
    let ty = text_of(chars(&x.ty).map(u64::from));
    Ok(strict1(x, ty, |env, x| {
        Ok(env.text(&text(x)?.chars().rev().collect::<String>()))
    }))
}
