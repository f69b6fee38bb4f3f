//! Texts one after the other.

use super::super::super::cell::{Env, Result, fail, text};
use super::super::super::check::{Typed, Wrong, lazy, strict2};
use super::super::super::kind::{Kind, TEXT, chars, text_of};
use super::super::{Args, cast};
use limosa_core::batch::Cell;
use limosa_core::schema::Type;

/// Text of anything that can be written as text.
pub(in super::super) fn any_text(part: Typed) -> Result<Typed, Wrong> {
    match part.kind {
        Kind::Text | Kind::Null => super::super::of(part, Kind::Text, "text"),
        _ => cast(part, &TEXT),
    }
}

/// The type of parts one after the other.
fn joined(parts: &[Typed], between: u64) -> Type {
    let lengths: Option<Vec<u64>> = parts.iter().map(|p| chars(&p.ty).map(u64::from)).collect();
    text_of(lengths.map(|l| l.iter().sum::<u64>() + between * (l.len() as u64).saturating_sub(1)))
}

pub(super) fn join(mut args: Args<'_>) -> Result<Typed, Wrong> {
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

pub(super) fn concat(args: Args<'_>) -> Result<Typed, Wrong> {
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

pub(super) fn concat_ws(args: Args<'_>) -> Result<Typed, Wrong> {
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
