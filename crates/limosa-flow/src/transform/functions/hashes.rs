//! Hashes, bytes as text, and UUIDs by name.

use super::super::cell::{Result, fail, text};
use super::super::check::{Typed, Wrong, strict1, strict2};
use super::super::kind::{Kind, TEXT};
use super::{Args, Function, of};
use limosa_core::batch::Cell;
use limosa_core::schema::Type;
use sha2::Digest;

pub(super) const TABLE: &[Function] = &[
    Function {
        name: "md5",
        form: "md5(text)",
        about: "The MD5 of the text in UTF-8 (or of bytes), 32 hexadecimal digits. For matching old values, not for secrets.",
        fails: "",
        differs: "",
        takes: (1, 1),
        build: hash,
    },
    Function {
        name: "sha256",
        form: "sha256(text)",
        about: "The SHA-256 of the text in UTF-8 (or of bytes), 64 hexadecimal digits.",
        fails: "",
        differs: "PostgreSQL takes and gives bytes",
        takes: (1, 1),
        build: hash,
    },
    Function {
        name: "uuid_v5",
        form: "uuid_v5(namespace, name)",
        about: "The UUID of a name within a namespace (a UUID, or 'dns', 'url', 'oid', 'x500'): the same for the same.",
        fails: "",
        differs: "uuid_generate_v5 of uuid-ossp",
        takes: (2, 2),
        build: uuid_v5,
    },
    Function {
        name: "encode",
        form: "encode(bytes, 'hex')",
        about: "Bytes as hexadecimal digits or as base64 (without line breaks).",
        fails: "",
        differs: "base64 of PostgreSQL breaks lines at 76 characters",
        takes: (2, 2),
        build: encode,
    },
    Function {
        name: "decode",
        form: "decode(text, 'hex')",
        about: "The bytes of hexadecimal digits or of base64.",
        fails: "a text that is not of that form",
        differs: "",
        takes: (2, 2),
        build: decode,
    },
    Function {
        name: "convert_to",
        form: "convert_to(text)",
        about: "The bytes of a text in UTF-8.",
        fails: "",
        differs: "PostgreSQL takes a name of an encoding too",
        takes: (1, 1),
        build: convert_to,
    },
    Function {
        name: "convert_from",
        form: "convert_from(bytes)",
        about: "The text of bytes in UTF-8.",
        fails: "bytes that are not UTF-8",
        differs: "as convert_to",
        takes: (1, 1),
        build: convert_from,
    },
];

const BLOB: Type = Type::Blob { max_bytes: None };

/// Bytes as hexadecimal digits.
pub(in super::super) fn hex(bytes: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digit = |b: u8| HEX[usize::from(b)] as char;
    bytes
        .iter()
        .flat_map(|b| [digit(b >> 4), digit(b & 15)])
        .collect()
}

fn bytes_of<'a>(cell: Cell<'a>) -> Result<&'a [u8]> {
    match cell {
        Cell::Bytes(b) => Ok(b),
        cell => text(cell).map(str::as_bytes),
    }
}

fn hash(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let name = args.name;
    let x = args.any();
    let x = match x.kind {
        Kind::Bytes => x,
        _ => of(x, Kind::Text, name)?,
    };
    let length = if name == "md5" { 32 } else { 64 };
    Ok(strict1(x, Type::Varchar { length }, move |env, x| {
        let bytes = bytes_of(x)?;
        Ok(env.text(&match name {
            "md5" => {
                use md5::Digest as _;
                hex(&md5::Md5::digest(bytes))
            }
            _ => hex(&sha2::Sha256::digest(bytes)),
        }))
    }))
}

fn uuid_v5(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let space = args.any();
    let known = |word: &str| {
        Some(match word {
            "dns" => "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
            "url" => "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
            "oid" => "6ba7b812-9dad-11d1-80b4-00c04fd430c8",
            "x500" => "6ba7b814-9dad-11d1-80b4-00c04fd430c8",
            _ => return None,
        })
    };
    let space = match space.text().and_then(known) {
        Some(uuid) => {
            let at = space.at;
            super::literal(super::Value::Text(uuid.into()), TEXT, at)
        }
        None => space,
    };
    let space = of(space, Kind::Uuid, "uuid_v5")?;
    let name = of(args.any(), Kind::Text, "uuid_v5")?;
    Ok(strict2(space, name, Type::Uuid, |env, space, name| {
        use sha1::Digest as _;
        let Cell::Uuid(space) = space else {
            return fail("uuid_v5", "the namespace is no UUID");
        };
        let mut hasher = sha1::Sha1::new();
        hasher.update(space);
        hasher.update(text(name)?.as_bytes());
        let digest = hasher.finalize();
        let mut made = [0u8; 16];
        made.copy_from_slice(&digest[..16]);
        made[6] = made[6] & 0x0f | 0x50;
        made[8] = made[8] & 0x3f | 0x80;
        Ok(Cell::Uuid(env.arena.alloc(made)))
    }))
}

#[derive(Clone, Copy, PartialEq)]
enum Code {
    Hex,
    Base64,
}

fn code(args: &mut Args<'_>) -> Result<Code, Wrong> {
    let (word, at) = args.word("the form")?;
    match word.to_ascii_lowercase().as_str() {
        "hex" => Ok(Code::Hex),
        "base64" => Ok(Code::Base64),
        _ => Err(Wrong {
            at,
            why: format!("{} knows 'hex' and 'base64'", args.name),
        }),
    }
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let n = group.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - group.len()));
        for i in 0..4 {
            match i <= group.len() {
                true => out.push(BASE64[(n >> (18 - 6 * i) & 63) as usize] as char),
                false => out.push('='),
            }
        }
    }
    out
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let body = digits
        .strip_suffix(b"==")
        .or_else(|| digits.strip_suffix(b"="))
        .unwrap_or(&digits);
    if !digits.len().is_multiple_of(4) || body.len() % 4 == 1 {
        return None;
    }
    let mut out = Vec::new();
    for group in body.chunks(4) {
        let mut n = 0u32;
        for b in group {
            n = n << 6 | BASE64.iter().position(|c| c == b)? as u32;
        }
        n <<= 6 * (4 - group.len());
        out.extend_from_slice(&n.to_be_bytes()[1..group.len()]);
    }
    Some(out)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).map(|d| d as u8))
        .collect();
    let digits = digits?;
    digits
        .len()
        .is_multiple_of(2)
        .then(|| digits.chunks(2).map(|p| p[0] << 4 | p[1]).collect())
}

fn encode(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let x = args.of(Kind::Bytes)?;
    let code = code(&mut args)?;
    Ok(strict1(x, TEXT, move |env, x| {
        let bytes = bytes_of(x)?;
        Ok(env.text(&match code {
            Code::Hex => hex(bytes),
            Code::Base64 => base64(bytes),
        }))
    }))
}

fn decode(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let x = args.of(Kind::Text)?;
    let code = code(&mut args)?;
    Ok(strict1(x, BLOB, move |env, x| {
        let made = match code {
            Code::Hex => from_hex(text(x)?),
            Code::Base64 => from_base64(text(x)?),
        };
        match made {
            Some(bytes) => Ok(Cell::Bytes(env.arena.alloc_slice_copy(&bytes))),
            None => fail("decode", "the text is not of that form"),
        }
    }))
}

fn convert_to(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let x = args.of(Kind::Text)?;
    Ok(strict1(x, BLOB, |_, x| {
        Ok(Cell::Bytes(text(x)?.as_bytes()))
    }))
}

fn convert_from(mut args: Args<'_>) -> Result<Typed, Wrong> {
    let x = args.of(Kind::Bytes)?;
    Ok(strict1(x, TEXT, |_, x| {
        match std::str::from_utf8(bytes_of(x)?) {
            Ok(t) => Ok(Cell::Text(t)),
            Err(_) => fail("convert_from", "the bytes are not UTF-8"),
        }
    }))
}
