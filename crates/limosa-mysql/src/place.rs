//! How MySQL and MariaDB, as targets, hold columns of every neutral type.
//!
//! Rows of a table are at most 65,535 bytes without what text and blob columns keep elsewhere, and a
//! character of utf8mb4 counts four; so `varchar` is for short text, and for text that an index needs.
//! The collation tells every two texts apart and does not pad, so that a unique key of the source
//! stays one here.

mod moment;
mod number;
mod text;

use self::text::text_family;
use crate::connection::Version;
use crate::mariadb::{exact_collation, translated_type};
use crate::native;
use limosa_core::dialect::{Fidelity, PlaceContext, Placement};
use limosa_core::policy::InvalidTextPolicy;
use limosa_core::scan::Hazard;
use limosa_core::schema::Type;

/// Characters of utf8mb4 that an index key of 3,072 bytes holds.
const INDEXED_CHARS: u64 = 768;
/// Bytes that an index key holds.
const INDEXED_BYTES: u64 = 3072;
/// Above this many characters text goes to the text family, whose values are kept beside the row.
const VARCHAR_CHARS: u64 = 1024;

struct Placing<'a> {
    version: &'a Version,
    context: &'a PlaceContext<'a>,
    force_nullable: bool,
    note: Option<String>,
    lossy: Option<(String, bool)>,
}

impl Placing<'_> {
    fn note(&mut self, text: impl Into<String>) {
        self.note.get_or_insert(text.into());
    }

    fn lossy(&mut self, policy: &str, choice: &str, stops: bool) {
        // What stops is said before what only changes values.
        if self.lossy.as_ref().is_none_or(|(_, s)| stops && !s) {
            self.lossy = Some((format!("{policy} = \"{choice}\""), stops));
        }
    }

    fn count(&self, hazard: Hazard) -> u64 {
        self.context.scan.map_or(0, |s| s.count(hazard))
    }

    /// What a key leaves to this column of `whole` units of four bytes (`bytes` = 4) or of one: all
    /// that its other columns do not need, and never less than an equal share.
    fn room(&self, bytes: u64) -> u64 {
        let others = self.context.key_chars * 4;
        let share = INDEXED_BYTES / self.context.key_columns.max(1) as u64;
        INDEXED_BYTES.saturating_sub(others).max(share) / bytes
    }

    /// A key that can not hold the values that were found.
    fn too_long(
        mut self,
        ty: Type,
        native: String,
        longest: u64,
        room: u64,
        unit: &str,
    ) -> Placement {
        self.note = Some(match self.context.key_columns {
            0 | 1 => format!("a value has {longest} {unit}, and a key has room for {room} here"),
            n => format!(
                "a value has {longest} {unit}, and a key of {n} columns has room for {room} of \
                 them here"
            ),
        });
        Placement {
            fidelity: Fidelity::Impossible,
            ..self.done(ty, native, false)
        }
    }

    fn done(self, ty: Type, native: impl Into<String>, exact: bool) -> Placement {
        Placement {
            ty,
            native: native.into(),
            fidelity: match self.lossy {
                Some((policy, stops)) => Fidelity::Lossy { policy, stops },
                None if exact => Fidelity::Exact,
                None => Fidelity::Widened,
            },
            force_nullable: self.force_nullable,
            check: None,
            note: self.note,
        }
    }

    fn collated(&self, word: &str) -> String {
        format!(
            "{word} character set utf8mb4 collate {}",
            exact_collation(self.version.maria)
        )
    }
}

/// Which hazards must be known before a column of type `ty` can be placed.
pub(crate) fn wants_scan(version: &Version, ty: &Type) -> Vec<Hazard> {
    match ty.base() {
        Type::Float { .. } => vec![Hazard::NotANumber, Hazard::Infinite, Hazard::NegativeZero],
        Type::Decimal { .. } => vec![Hazard::NotANumber, Hazard::Infinite],
        Type::Date | Type::Timestamp { .. } => {
            vec![
                Hazard::Infinite,
                Hazard::FarDate,
                Hazard::BadDate,
                Hazard::ZeroDate,
            ]
        }
        Type::Text { .. } => vec![Hazard::InvalidText, Hazard::TooLong],
        Type::Varchar { .. } | Type::Char { .. } => vec![Hazard::InvalidText, Hazard::TooLong],
        Type::Blob { .. } => vec![Hazard::TooLong],
        Type::Json { .. } => vec![Hazard::OddJson, Hazard::WideJson, Hazard::DeepJson],
        // Elements that are JSON may be as deep; MySQL keeps numbers in JSON as doubles.
        Type::Array { element }
            if !version.maria || matches!(element.base(), Type::Json { .. }) =>
        {
            vec![Hazard::WideJson, Hazard::DeepJson]
        }
        Type::Native { json: true, .. } => vec![Hazard::WideJson, Hazard::DeepJson],
        Type::Dynamic => vec![Hazard::OutsideDeclaredType],
        Type::Uuid => vec![Hazard::OddUuid],
        _ => Vec::new(),
    }
}

/// Whether the sizes of values must be known as well: an index has room for so many characters, and a
/// decimal without bounds is as wide as its values.
pub(crate) fn wants_sizes(ty: &Type, indexed: bool) -> bool {
    match ty.base() {
        Type::Decimal {
            precision: Some(p),
            scale,
        } => !(0..=30).contains(&scale.unwrap_or(0)) || *p > 65,
        Type::Decimal { .. } => true,
        _ => indexed,
    }
}

/// Places one column.
pub(crate) fn place(version: &Version, ty: &Type, context: &PlaceContext<'_>) -> Placement {
    let mut p = Placing {
        version,
        context,
        force_nullable: false,
        note: None,
        lossy: None,
    };
    if context.same_family {
        return family(p, ty);
    }
    if p.count(Hazard::InvalidText) > 0 && ty.base().text() {
        match context.policies.invalid_text {
            InvalidTextPolicy::Stop => p.lossy("invalid_text", "stop", true),
            InvalidTextPolicy::Replace => p.lossy("invalid_text", "replace", false),
            InvalidTextPolicy::Latin1 => p.lossy("invalid_text", "latin1", false),
            InvalidTextPolicy::Windows1252 => p.lossy("invalid_text", "windows-1252", false),
            InvalidTextPolicy::Reject => p.lossy("invalid_text", "reject", false),
            InvalidTextPolicy::Bytes => {
                p.note("kept as bytes, because some values are not UTF-8");
                return p.bytes(None, false);
            }
        }
    }
    let maria = version.maria;
    match ty.base() {
        Type::Boolean => p.done(Type::Boolean, "tinyint(1)", true),
        Type::Integer { bits, unsigned } => {
            let word = match bits {
                ..=8 => "tinyint",
                9..=16 => "smallint",
                17..=24 => "mediumint",
                25..=32 => "int",
                _ => "bigint",
            };
            let native = if *unsigned {
                format!("{word} unsigned")
            } else {
                word.to_owned()
            };
            p.done(ty.base().clone(), native, true)
        }
        Type::Decimal { precision, scale } => p.decimal(*precision, *scale),
        Type::Money { digits } => {
            let ty = Type::Decimal {
                precision: Some(19),
                scale: Some(i32::from(*digits)),
            };
            p.done(ty, format!("decimal(19,{digits})"), false)
        }
        Type::Float { bits } => p.float(*bits),
        Type::Char { length } => {
            // Blanks at the end are no part of the value on either side.
            if (1..=255).contains(length) && !(context.indexed && u64::from(*length) > p.room(4)) {
                let native = p.collated(&format!("char({length})"));
                p.done(Type::Char { length: *length }, native, true)
            } else {
                p.text(Some(u64::from(*length)), false)
            }
        }
        Type::Varchar { length } => {
            let declared = u64::from(*length);
            // A source that does not keep to its lengths (SQLite) has said so in the scan.
            let longest = p.context.scan.map_or(0, |s| s.max_chars);
            p.text(Some(declared.max(longest).max(1)), longest <= declared)
        }
        Type::Text { max_bytes } => match max_bytes {
            Some(n) if !context.indexed && *n < u64::from(u32::MAX) => {
                let (word, bytes) = text_family(*n);
                let native = p.collated(word);
                p.done(
                    Type::Text {
                        max_bytes: Some(bytes),
                    },
                    native,
                    bytes == *n,
                )
            }
            _ => p.text(None, true),
        },
        Type::Binary { length } if (1..=255).contains(length) => p.done(
            Type::Binary { length: *length },
            format!("binary({length})"),
            true,
        ),
        Type::Binary { length } | Type::Varbinary { length } => {
            p.bytes(Some(u64::from(*length)), true)
        }
        Type::Blob { max_bytes } => match max_bytes {
            Some(n) if !context.indexed && *n < u64::from(u32::MAX) => {
                let (word, bytes) = text_family(*n);
                let word = word.replace("text", "blob");
                p.done(
                    Type::Blob {
                        max_bytes: Some(bytes),
                    },
                    word,
                    bytes == *n,
                )
            }
            _ => p.bytes(None, true),
        },
        Type::Bit {
            length: Some(n @ 1..=64),
            varying: false,
        } => p.done(ty.base().clone(), format!("bit({n})"), true),
        Type::Bit { length, .. } => {
            p.note("kept as text of 0 and 1");
            p.text(length.map(u64::from), false)
        }
        Type::Date => p.moment(Type::Date, "date".into(), true),
        Type::Time { zoned: true, .. } => {
            p.note("kept as text with its offset");
            let native = p.collated("varchar(24)");
            p.done(Type::Varchar { length: 24 }, native, false)
        }
        Type::Time {
            precision, span, ..
        } => {
            let digits = (*precision).min(6);
            let ty = Type::Time {
                precision: digits,
                zoned: false,
                span: true,
            };
            p.done(ty, with_digits("time", digits), *span)
        }
        Type::Timestamp { precision, zoned } => {
            let digits = (*precision).min(6);
            if *zoned {
                // TIMESTAMP ends in 2038 (MariaDB 11.5: 2106) and begins in 1970.
                p.note("kept in UTC");
            }
            let ty = Type::Timestamp {
                precision: digits,
                zoned: *zoned,
            };
            p.moment(ty, with_digits("datetime", digits), !*zoned)
        }
        Type::Year => p.done(Type::Year, "year", true),
        Type::Interval => {
            p.note("kept as ISO 8601 text: months, days and seconds do not turn into each other");
            let native = p.collated("varchar(64)");
            p.done(Type::Varchar { length: 64 }, native, false)
        }
        Type::Json { normalised } => p.json(*normalised, None),
        Type::Array { .. } => p.json(
            true,
            Some("kept as a JSON array; one with other lower bounds as a JSON string"),
        ),
        Type::Native { json: true, .. } => p.json(true, Some("kept as JSON")),
        Type::Uuid if version.mariadb(10, 7, 0) && p.count(Hazard::OddUuid) == 0 => {
            if context.scan.is_none() {
                p.note("UUIDs of version 8 or above and of no known variant would be refused");
            }
            p.done(Type::Uuid, "uuid", true)
        }
        Type::Uuid => p.done(
            Type::Uuid,
            "char(36) character set ascii collate ascii_bin",
            true,
        ),
        Type::Enum { members, .. } if !members.iter().all(|m| keeps(m)) => {
            p.note("kept as text: a list of words loses blanks at their ends and what is beyond the basic plane here");
            let longest = members.iter().map(|m| m.chars().count()).max();
            p.text(longest.map(|n| n as u64), false)
        }
        Type::Enum { members, .. } => {
            let native = enumeration("enum", members, &p);
            p.done(
                Type::Enum {
                    name: None,
                    members: members.clone(),
                },
                native,
                true,
            )
        }
        Type::Set { members } if members.len() <= 64 && members.iter().all(|m| keeps(m)) => {
            let native = enumeration("set", members, &p);
            p.done(
                Type::Set {
                    members: members.clone(),
                },
                native,
                true,
            )
        }
        Type::Set { .. } => p.text(None, false),
        Type::Inet | Type::Cidr => {
            let native = p.collated("varchar(43)");
            p.done(Type::Varchar { length: 43 }, native, false)
        }
        Type::MacAddress { bytes } => {
            let length = u32::from(*bytes) * 3 - 1;
            let native = p.collated(&format!("varchar({length})"));
            p.done(Type::Varchar { length }, native, false)
        }
        Type::Geometry { shape, srid } => {
            let word = shape.to_ascii_lowercase();
            let word = match word.as_str() {
                "geomcollection" => "geometrycollection",
                other => other,
            };
            let native = match srid {
                Some(n) if !maria => format!("{word} srid {n}"),
                Some(n) => format!("{word} ref_system_id={n}"),
                None => word.to_owned(),
            };
            p.done(ty.base().clone(), native, true)
        }
        Type::Native { name, .. } => {
            p.note(format!("{name} is kept in the source's own text form"));
            p.text(None, false)
        }
        Type::Dynamic => {
            p.note("values of several kinds are kept as text");
            p.text(None, false)
        }
        Type::Domain { .. } => p.done(ty.clone(), "", false),
    }
}

/// Whether the catalog keeps a word of a list as it is: it drops blanks at the end, and its own text is utf8mb3.
fn keeps(word: &str) -> bool {
    !word.ends_with(' ') && word.chars().all(|c| u32::from(c) <= 0xffff)
}

fn with_digits(word: &str, digits: u8) -> String {
    match digits {
        0 => word.to_owned(),
        n => format!("{word}({n})"),
    }
}

fn enumeration(word: &str, members: &[String], p: &Placing<'_>) -> String {
    let words: Vec<String> = members.iter().map(|m| crate::words::literal(m)).collect();
    p.collated(&format!("{word}({})", words.join(",")))
}

/// A column of the other (or the same) product of our family: its own spelling, as far as both know it.
fn family(mut p: Placing<'_>, ty: &Type) -> Placement {
    let maria = p.version.maria;
    let said = p.context.native.trim();
    let n = native::split(said);
    let maria_only = matches!(n.word.as_str(), "uuid" | "inet4" | "inet6");
    let since = match n.word.as_str() {
        "uuid" => p.version.mariadb(10, 7, 0),
        "inet4" => p.version.mariadb(10, 10, 0),
        "inet6" => p.version.mariadb(10, 5, 0),
        _ => true,
    };
    if maria_only && !(maria && since) {
        return match n.word.as_str() {
            "uuid" => p.done(
                Type::Uuid,
                "char(36) character set ascii collate ascii_bin",
                true,
            ),
            _ => {
                let native = p.collated("varchar(43)");
                p.done(Type::Varchar { length: 43 }, native, false)
            }
        };
    }
    if let Type::Json { normalised } = ty.base() {
        return p.json(*normalised, None);
    }
    if maria && n.word == "vector" || !maria && said.contains(" srid ") {
        return p.done(ty.clone(), said, true);
    }
    if let Some((head, srid)) = said.split_once(" srid ").filter(|_| maria) {
        return p.done(ty.clone(), format!("{head} ref_system_id={srid}"), true);
    }
    let (native, same) = translated_type(said, maria);
    if !same {
        p.note(
            "the collation is the nearest one here; it orders and compares some texts differently",
        );
    }
    p.done(ty.clone(), native, same)
}

#[cfg(test)]
mod tests;
