//! Regular expressions, compiled once, within a bound of memory.

use super::super::super::cell::{Result, fail, text};
use super::super::super::check::{Typed, Wrong, strict1};
use super::super::super::kind::{Kind, TEXT};
use super::super::Args;
use super::LONGEST;
use limosa_core::batch::Cell;
use limosa_core::schema::Type;
use regex::{Regex, RegexBuilder};

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

pub(super) fn regexp_like(mut args: Args<'_>) -> Result<Typed, Wrong> {
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

pub(super) fn regexp_replace(mut args: Args<'_>) -> Result<Typed, Wrong> {
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
