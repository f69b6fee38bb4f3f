//! Parts of texts, by their places, counted in code points.

use super::super::super::cell::{Result, fail, int, text};
use super::super::super::check::{Typed, Wrong, strict2, strict3};
use super::super::super::kind::{Kind, chars, integer, text_of};
use super::super::Args;
use super::LONGEST;
use limosa_core::batch::Cell;
use limosa_core::schema::Type;

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

pub(super) fn substr(mut args: Args<'_>) -> Result<Typed, Wrong> {
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

pub(super) fn ends(mut args: Args<'_>) -> Result<Typed, Wrong> {
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

pub(super) fn split_part(mut args: Args<'_>) -> Result<Typed, Wrong> {
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

pub(super) fn position(mut args: Args<'_>) -> Result<Typed, Wrong> {
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

pub(super) fn starts_with(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let (a, b) = (args.of(Kind::Text)?, args.of(Kind::Text)?);
    Ok(strict2(a, b, Type::Boolean, |_, a, b| {
        Ok(Cell::Bool(text(a)?.starts_with(text(b)?)))
    }))
}

pub(super) fn pad(mut args: Args<'_>) -> Result<Typed, Wrong> {
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
