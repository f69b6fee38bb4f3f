//! What needs more than the row: other tables, and the secret that masks are made with.

use super::super::cell::{Env, Result, fail, text};
use super::super::check::{Typed, Wrong, lazy, strict1};
use super::super::kind::{Kind, chars, text_of};
use super::texts::any_text;
use super::{Args, Function, of};
use limosa_core::batch::Cell;
use limosa_core::schema::Type;
use sha2::{Digest, Sha256};
use std::sync::Arc;

pub(super) const TABLE: &[Function] = &[
    Function {
        name: "lookup",
        form: "lookup('table.column', key), lookup('table.column', key, 'key column')",
        about: "The column's value in the row of another table whose key is this one; NULL if there is none. The table is read into memory from the same snapshot, before the first row. Without a key column the table's primary key of one column is meant.",
        fails: "",
        differs: "not there",
        takes: (2, 3),
        build: lookup,
    },
    Function {
        name: "mask_hash",
        form: "mask_hash(value), mask_hash(value, digits)",
        about: "A keyed hash (HMAC-SHA-256 with mask_salt) of the value as text, 64 hexadecimal digits or fewer: the same for the same, and of no use without the salt.",
        fails: "",
        differs: "not there",
        takes: (1, 2),
        build: mask_hash,
    },
    Function {
        name: "mask_keep",
        form: "mask_keep(text, n), mask_keep(text, n, '*')",
        about: "Every character but the last n becomes a star.",
        fails: "",
        differs: "not there",
        takes: (2, 3),
        build: mask_keep,
    },
    Function {
        name: "fake",
        form: "fake('kind', value)",
        about: "A made-up name, first_name, last_name, email, phone, city or company, chosen by the value and mask_salt: the same for the same. Different values may give the same name or city; an email or phone stays different.",
        fails: "",
        differs: "not there",
        takes: (2, 2),
        build: fake,
    },
];

fn lookup(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let (place, at) = args.word("the column")?;
    let key = args.any();
    let by = match args.left() {
        0 => None,
        _ => Some(args.word("the key column")?.0),
    };
    let Some((table, column)) = place.rsplit_once('.') else {
        return Err(Wrong {
            at,
            why: "lookup names a column as 'table.column'".into(),
        });
    };
    let wrong = |why: String| Wrong { at, why };
    let found = args
        .scope
        .lookups
        .want(table, column, by.as_deref())
        .map_err(wrong)?;
    let key = of(key, Kind::of(&found.key.ty), "lookup")?;
    let ty = found.value.ty.base().clone();
    let mut made = lazy(vec![key], ty, move |runs| {
        move |env: &Env<'_, '_>| {
            let Some(map) = found.map.get() else {
                return fail("lookup", "the table is not loaded");
            };
            Ok(match runs[0](env)? {
                Cell::Null => Cell::Null,
                key => map.get(env.arena, key),
            })
        }
    })
    .or_null();
    made.varies = true;
    Ok(made)
}

/// HMAC-SHA-256.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0u8; 64];
    match key.len() <= 64 {
        true => block[..key.len()].copy_from_slice(key),
        false => block[..32].copy_from_slice(&Sha256::digest(key)),
    }
    let pad = |with: u8| block.map(|b| b ^ with);
    let inner = Sha256::new()
        .chain_update(pad(0x36))
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(pad(0x5c))
        .chain_update(inner)
        .finalize()
        .into()
}

fn salt(args: &Args<'_>) -> Result<Arc<[u8]>, Wrong> {
    args.scope.salt.map(Arc::from).ok_or_else(|| Wrong {
        at: args.at,
        why: format!("{} needs a secret: mask_salt = \"env:NAME\"", args.name),
    })
}

fn mask_hash(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let salt = salt(&args)?;
    let x = any_text(args.any())?;
    let digits = match args.maybe(Kind::Integer)? {
        None => 64,
        Some(n) => match n.int() {
            Some(n @ 8..=64) => n as usize,
            _ => return n.wrong("mask_hash gives 8 to 64 digits, written out as a number"),
        },
    };
    Ok(strict1(x, text_of(Some(digits as u64)), move |env, x| {
        let made = super::hashes::hex(&hmac(&salt, text(x)?.as_bytes()));
        Ok(env.text(&made[..digits]))
    }))
}

fn mask_keep(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let x = any_text(args.any())?;
    let n = args.of(Kind::Integer)?;
    let Some(n) = n.int().and_then(|n| usize::try_from(n).ok()) else {
        return n.wrong("mask_keep keeps 0 or more characters, written out as a number");
    };
    let star = match args.left() {
        0 => '*',
        _ => {
            let (word, at) = args.word("the star")?;
            let mut chars = word.chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) => c,
                _ => {
                    return Err(Wrong {
                        at,
                        why: "mask_keep takes one character in place of the others".into(),
                    });
                }
            }
        }
    };
    let ty = text_of(chars(&x.ty).map(u64::from));
    Ok(strict1(x, ty, move |env, x| {
        let t = text(x)?;
        let all = t.chars().count();
        let hidden = all.saturating_sub(n);
        let made: String = std::iter::repeat_n(star, hidden)
            .chain(t.chars().skip(hidden))
            .collect();
        Ok(env.text(&made))
    }))
}

const FIRST: [&str; 32] = [
    "Ada", "Ahmed", "Aiko", "Alma", "Amara", "Anders", "Bao", "Carla", "Chidi", "Dana", "Elif",
    "Emil", "Fatima", "Gita", "Hugo", "Ines", "Ivan", "Jonas", "Kofi", "Lars", "Leila", "Luca",
    "Mei", "Nadia", "Nils", "Olga", "Omar", "Priya", "Rosa", "Sven", "Tariq", "Yuki",
];
const LAST: [&str; 32] = [
    "Abe", "Adeyemi", "Ali", "Andersen", "Berg", "Blanc", "Castro", "Chen", "Costa", "Dahl",
    "Diaz", "Fischer", "Garcia", "Haddad", "Hansen", "Ito", "Jansen", "Khan", "Kim", "Kowalski",
    "Lund", "Mensah", "Moreau", "Nguyen", "Novak", "Okafor", "Patel", "Rossi", "Silva", "Tanaka",
    "Weber", "Yilmaz",
];
const CITY: [&str; 16] = [
    "Arden",
    "Brookfield",
    "Clearwater",
    "Dunmore",
    "Eastport",
    "Fairview",
    "Glenwood",
    "Harbor",
    "Kingsley",
    "Lakeside",
    "Milton",
    "Northgate",
    "Oakdale",
    "Ridgeway",
    "Summit",
    "Westfield",
];

fn fake(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let salt = salt(&args)?;
    let (kind, at) = args.word("the kind")?;
    let x = any_text(args.any())?;
    let make: fn(&[u8; 32]) -> String = match kind.as_str() {
        "first_name" => |h| FIRST[usize::from(h[0] % 32)].into(),
        "last_name" => |h| LAST[usize::from(h[1] % 32)].into(),
        "name" => |h| {
            format!(
                "{} {}",
                FIRST[usize::from(h[0] % 32)],
                LAST[usize::from(h[1] % 32)]
            )
        },
        "city" => |h| CITY[usize::from(h[2] % 16)].into(),
        "company" => |h| {
            format!(
                "{} {}",
                LAST[usize::from(h[1] % 32)],
                ["Ltd", "GmbH", "AS", "SA"][usize::from(h[3] % 4)]
            )
        },
        // 80 bits: two of a billion values are the same with a chance below one in a million.
        "email" => |h| {
            let word = super::hashes::hex(&h[4..14]);
            format!(
                "{}.{word}@example.com",
                FIRST[usize::from(h[0] % 32)].to_ascii_lowercase()
            )
        },
        "phone" => |h| {
            let n = h[14..22].iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
            format!("+999{:015}", n % 1_000_000_000_000_000)
        },
        _ => {
            return Err(Wrong {
                at,
                why: format!(
                    "there is no fake {kind}; there are name, first_name, last_name, email, phone, city and company"
                ),
            });
        }
    };
    let ty = match kind.as_str() {
        "email" => text_of(Some(48)),
        _ => text_of(Some(24)),
    };
    let word = kind.into_bytes();
    Ok(strict1(x, ty, move |env, x| {
        // A kind has hashes of its own, so that a name says nothing about an email of the same value.
        let mut message = word.clone();
        message.push(0);
        message.extend_from_slice(text(x)?.as_bytes());
        Ok(env.text(&make(&hmac(&salt, &message))))
    }))
}

/// Whether a type can be a key of a look-up.
pub(in super::super) fn can_be_key(ty: &Type) -> bool {
    matches!(
        Kind::of(ty),
        Kind::Integer | Kind::Text | Kind::Uuid | Kind::Bytes | Kind::Date | Kind::Boolean
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keyed_hash_is_that_of_rfc_4231() {
        let made = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(
            super::super::hashes::hex(&made),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
