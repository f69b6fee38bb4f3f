//! Texts: counted in code points, compared by code points, without any collation.

use super::super::cell::{Env, Result, fail, int, text};
use super::super::check::{Typed, Wrong, lazy, strict1, strict2, strict3};
use super::super::kind::{Kind, TEXT, chars, integer, text_of};
use super::{Args, Function, cast};
use limosa_core::batch::Cell;
use limosa_core::schema::Type;
use regex::{Regex, RegexBuilder};

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
        build: join,
    },
    Function {
        name: "concat",
        form: "concat(a, b, …)",
        about: "All one after the other; NULLs are passed over.",
        fails: "",
        differs: "",
        takes: (1, MANY),
        build: concat,
    },
    Function {
        name: "concat_ws",
        form: "concat_ws(separator, a, b, …)",
        about: "All that are not NULL, with the separator between them; NULL if the separator is.",
        fails: "",
        differs: "",
        takes: (2, MANY),
        build: concat_ws,
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
        build: substr,
    },
    Function {
        name: "left",
        form: "left(text, n)",
        about: "The first n characters; all but the last -n if n is negative.",
        fails: "",
        differs: "",
        takes: (2, 2),
        build: ends,
    },
    Function {
        name: "right",
        form: "right(text, n)",
        about: "The last n characters; all but the first -n if n is negative.",
        fails: "",
        differs: "",
        takes: (2, 2),
        build: ends,
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
        build: split_part,
    },
    Function {
        name: "position",
        form: "position(part IN text)",
        about: "The place of the first part in the text, counted from 1; 0 if there is none.",
        fails: "",
        differs: "",
        takes: (2, 2),
        build: position,
    },
    Function {
        name: "strpos",
        form: "strpos(text, part)",
        about: "The same with the arguments the other way round.",
        fails: "",
        differs: "",
        takes: (2, 2),
        build: position,
    },
    Function {
        name: "starts_with",
        form: "starts_with(text, start)",
        about: "Whether the text begins so.",
        fails: "",
        differs: "",
        takes: (2, 2),
        build: starts_with,
    },
    Function {
        name: "lpad",
        form: "lpad(text, n), lpad(text, n, fill)",
        about: "Filled at the beginning up to n characters, or cut at the end down to them.",
        fails: TOO_LONG,
        differs: "",
        takes: (2, 3),
        build: pad,
    },
    Function {
        name: "rpad",
        form: "rpad(text, n), rpad(text, n, fill)",
        about: "Filled at the end up to n characters, or cut down to them.",
        fails: TOO_LONG,
        differs: "",
        takes: (2, 3),
        build: pad,
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
        build: regexp_like,
    },
    Function {
        name: "regexp_replace",
        form: "regexp_replace(text, 'pattern', 'by'), regexp_replace(text, 'pattern', 'by', 'flags')",
        about: "The first match becomes by, every match with the flag g. In by, \\1 to \\9 are groups and \\& is the match.",
        fails: TOO_LONG,
        differs: "as regexp_like",
        takes: (3, 4),
        build: regexp_replace,
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

/// Text of anything that can be written as text.
pub(super) fn any_text(part: Typed) -> Result<Typed, Wrong> {
    match part.kind {
        Kind::Text | Kind::Null => super::of(part, Kind::Text, "text"),
        _ => cast(part, &TEXT),
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

/// The part of a text from one character to another, both counted from 0.
fn slice(t: &str, from: usize, to: usize) -> &str {
    if t.is_ascii() {
        let to = to.min(t.len());
        return t.get(from..to).unwrap_or("");
    }
    let place = |n: usize| t.char_indices().nth(n).map_or(t.len(), |(i, _)| i);
    let (a, b) = (place(from), place(to));
    t.get(a..b).unwrap_or("")
}

fn clamp(n: i128) -> usize {
    usize::try_from(n.max(0)).unwrap_or(usize::MAX)
}

fn substr(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let (x, from) = (args.of(Kind::Text)?, args.of(Kind::Integer)?);
    let held = chars(&x.ty).map(u64::from);
    Ok(match args.maybe(Kind::Integer)? {
        None => strict2(x, from, text_of(held), |_, x, from| {
            Ok(Cell::Text(slice(
                text(x)?,
                clamp(int(from)? - 1),
                usize::MAX,
            )))
        }),
        Some(n) => {
            let ty = match n.int().and_then(|n| u64::try_from(n).ok()) {
                Some(n) => text_of(Some(held.map_or(n, |h| h.min(n)))),
                None => text_of(held),
            };
            strict3(x, from, n, ty, |_, x, from, n| {
                let (from, n) = (int(from)? - 1, int(n)?);
                if n < 0 {
                    return fail("substr", "a negative length");
                }
                Ok(Cell::Text(slice(text(x)?, clamp(from), clamp(from + n))))
            })
        }
    })
}

fn ends(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let first = args.name == "left";
    let (x, n) = (args.of(Kind::Text)?, args.of(Kind::Integer)?);
    let held = chars(&x.ty).map(u64::from);
    let ty = match n.int().and_then(|n| u64::try_from(n).ok()) {
        Some(n) => text_of(Some(held.map_or(n, |h| h.min(n)))),
        None => text_of(held),
    };
    Ok(strict2(x, n, ty, move |_, x, n| {
        let (t, n) = (text(x)?, int(n)?);
        let all = t.chars().count() as i128;
        Ok(Cell::Text(match (first, n < 0) {
            (true, false) => slice(t, 0, clamp(n)),
            (true, true) => slice(t, 0, clamp(all + n)),
            (false, false) => slice(t, clamp(all - n), usize::MAX),
            (false, true) => slice(t, clamp(-n), usize::MAX),
        }))
    }))
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

fn split_part(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let (x, separator, n) = (
        args.of(Kind::Text)?,
        args.of(Kind::Text)?,
        args.of(Kind::Integer)?,
    );
    let ty = text_of(chars(&x.ty).map(u64::from));
    Ok(strict3(x, separator, n, ty, |_, x, separator, n| {
        let (t, separator, n) = (text(x)?, text(separator)?, int(n)?);
        let at = usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX);
        let part = match (n, separator) {
            (0, _) => return fail("split_part", "a part number of 0"),
            (1 | -1, "") => Some(t),
            (_, "") => None,
            (1.., _) => t.split(separator).nth(at - 1),
            _ => t.rsplit(separator).nth(at - 1),
        };
        Ok(Cell::Text(part.unwrap_or("")))
    }))
}

fn position(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let swapped = args.name == "position";
    let (a, b) = (args.of(Kind::Text)?, args.of(Kind::Text)?);
    Ok(strict2(a, b, integer(32), move |_, a, b| {
        let (t, part) = match swapped {
            true => (text(b)?, text(a)?),
            false => (text(a)?, text(b)?),
        };
        let place = t.find(part).map_or(0, |at| t[..at].chars().count() + 1);
        Ok(Cell::Int(place as i64))
    }))
}

fn starts_with(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let (a, b) = (args.of(Kind::Text)?, args.of(Kind::Text)?);
    Ok(strict2(a, b, Type::Boolean, |_, a, b| {
        Ok(Cell::Bool(text(a)?.starts_with(text(b)?)))
    }))
}

fn pad(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let name = args.name;
    let (x, n) = (args.of(Kind::Text)?, args.of(Kind::Integer)?);
    let ty = text_of(n.int().and_then(|n| u64::try_from(n).ok()));
    let padded = move |t: &str, n: i128, fill: &str| -> Result<String> {
        let n = clamp(n);
        let have = t.chars().count();
        if have >= n || fill.is_empty() {
            return Ok(slice(t, 0, n).to_owned());
        }
        if n > LONGEST {
            return fail(name, "the text is above 64 MiB");
        }
        let filling: String = fill.chars().cycle().take(n - have).collect();
        Ok(match name {
            "lpad" => filling + t,
            _ => t.to_owned() + &filling,
        })
    };
    Ok(match args.maybe(Kind::Text)? {
        None => strict2(x, n, ty, move |env, x, n| {
            Ok(env.text(&padded(text(x)?, int(n)?, " ")?))
        }),
        Some(fill) => strict3(x, n, fill, ty, move |env, x, n, fill| {
            Ok(env.text(&padded(text(x)?, int(n)?, text(fill)?)?))
        }),
    })
}

fn reverse(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let x = args.of(Kind::Text)?;
    let ty = text_of(chars(&x.ty).map(u64::from));
    Ok(strict1(x, ty, |env, x| {
        Ok(env.text(&text(x)?.chars().rev().collect::<String>()))
    }))
}

/// The type of parts one after the other.
fn joined(parts: &[Typed], between: u64) -> Type {
    let lengths: Option<Vec<u64>> = parts.iter().map(|p| chars(&p.ty).map(u64::from)).collect();
    text_of(lengths.map(|l| l.iter().sum::<u64>() + between * (l.len() as u64).saturating_sub(1)))
}

fn join(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let (a, b) = (args.any(), args.any());
    if a.kind == Kind::Bytes && b.kind == Kind::Bytes {
        return Ok(strict2(
            a,
            b,
            Type::Blob { max_bytes: None },
            |env, a, b| match (a, b) {
                (Cell::Bytes(a), Cell::Bytes(b)) => {
                    Ok(Cell::Bytes(env.arena.alloc_slice_copy(&[a, b].concat())))
                }
                _ => fail("||", "the values are no bytes"),
            },
        ));
    }
    let parts = vec![any_text(a)?, any_text(b)?];
    let ty = joined(&parts, 0);
    let mut parts = parts.into_iter();
    let (Some(a), Some(b)) = (parts.next(), parts.next()) else {
        unreachable!("two were put in");
    };
    Ok(strict2(a, b, ty, |env, a, b| {
        let (a, b) = (text(a)?, text(b)?);
        let mut made = bumpalo::collections::String::with_capacity_in(a.len() + b.len(), env.arena);
        made.push_str(a);
        made.push_str(b);
        Ok(Cell::Text(made.into_bump_str()))
    }))
}

fn concat(args: Args<'_>) -> Result<Typed, Wrong> {
    let parts: Result<Vec<Typed>, Wrong> = args.rest().into_iter().map(any_text).collect();
    let parts = parts?;
    let ty = joined(&parts, 0);
    Ok(lazy(parts, ty, |runs| {
        move |env: &Env<'_, '_>| {
            let mut made = bumpalo::collections::String::new_in(env.arena);
            for run in &runs {
                match run(env)? {
                    Cell::Null => {}
                    cell => made.push_str(text(cell)?),
                }
            }
            Ok(Cell::Text(made.into_bump_str()))
        }
    })
    .never_null())
}

fn concat_ws(args: Args<'_>) -> Result<Typed, Wrong> {
    let parts: Result<Vec<Typed>, Wrong> = args.rest().into_iter().map(any_text).collect();
    let parts = parts?;
    let nullable = parts[0].nullable;
    let ty = match chars(&parts[0].ty) {
        Some(n) => joined(&parts[1..], n.into()),
        None => TEXT,
    };
    let mut made = lazy(parts, ty, |runs| {
        move |env: &Env<'_, '_>| {
            let separator = match runs[0](env)? {
                Cell::Null => return Ok(Cell::Null),
                cell => text(cell)?,
            };
            let mut made = bumpalo::collections::String::new_in(env.arena);
            let mut first = true;
            for run in &runs[1..] {
                match run(env)? {
                    Cell::Null => continue,
                    cell => {
                        if !first {
                            made.push_str(separator);
                        }
                        made.push_str(text(cell)?);
                        first = false;
                    }
                }
            }
            Ok(Cell::Text(made.into_bump_str()))
        }
    });
    made.nullable = nullable;
    Ok(made)
}

/// Compiles a pattern and the flags after it, within a bound of memory.
fn pattern(
    args: &mut Args<'_>,
    flags: Option<(String, usize)>,
    pattern: (String, usize),
) -> Result<(Regex, bool), Wrong> {
    let mut builder = RegexBuilder::new(&pattern.0);
    builder.size_limit(1 << 20).dfa_size_limit(1 << 20);
    let mut all = false;
    if let Some((word, at)) = flags {
        for flag in word.chars() {
            match flag {
                'i' => builder.case_insensitive(true),
                's' => builder.dot_matches_new_line(true),
                'm' | 'n' => builder.multi_line(true),
                'x' => builder.ignore_whitespace(true),
                'g' if args.name == "regexp_replace" => {
                    all = true;
                    &mut builder
                }
                other => {
                    return Err(Wrong {
                        at,
                        why: format!("{} has no flag {other}", args.name),
                    });
                }
            };
        }
    }
    let made = builder.build().map_err(|e| Wrong {
        at: pattern.1,
        why: match e {
            regex::Error::CompiledTooBig(_) => "the pattern needs more than 1 MiB".into(),
            e => {
                let said = e.to_string();
                let last = said
                    .lines()
                    .last()
                    .unwrap_or("")
                    .trim_start_matches("error: ");
                format!("the pattern is wrong: {last}")
            }
        },
    })?;
    Ok((made, all))
}

fn regexp_like(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let x = args.of(Kind::Text)?;
    let word = args.word("the pattern")?;
    let flags = match args.left() {
        0 => None,
        _ => Some(args.word("the flags")?),
    };
    let (regex, _) = pattern(&mut args, flags, word)?;
    Ok(strict1(x, Type::Boolean, move |_, x| {
        Ok(Cell::Bool(regex.is_match(text(x)?)))
    }))
}

fn regexp_replace(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let x = args.of(Kind::Text)?;
    let word = args.word("the pattern")?;
    let (by, _) = args.word("the replacement")?;
    let flags = match args.left() {
        0 => None,
        _ => Some(args.word("the flags")?),
    };
    let (regex, all) = pattern(&mut args, flags, word)?;
    let by = replacement(&by);
    Ok(strict1(x, TEXT, move |env, x| {
        let t = text(x)?;
        let times = if all { 0 } else { 1 };
        let made = regex.replacen(t, times, by.as_str());
        if made.len() > LONGEST.max(t.len()) {
            return fail("regexp_replace", "the text is above 64 MiB");
        }
        Ok(env.text(&made))
    }))
}

/// Says `\1` and `\&` in the regex crate's words.
fn replacement(by: &str) -> String {
    let mut out = String::new();
    let mut chars = by.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(d @ '1'..='9')) => {
                out.push_str(&format!("${{{d}}}"));
                chars.next();
            }
            ('\\', Some('&')) => {
                out.push_str("${0}");
                chars.next();
            }
            ('\\', Some('\\')) => {
                out.push('\\');
                chars.next();
            }
            ('$', _) => out.push_str("$$"),
            (c, _) => out.push(c),
        }
    }
    out
}
