//! How MySQL and MariaDB, as targets, hold columns of every neutral type.
//!
//! Rows of a table are at most 65,535 bytes without what text and blob columns keep elsewhere, and a
//! character of utf8mb4 counts four; so `varchar` is for short text, and for text that an index needs.
//! The collation tells every two texts apart and does not pad, so that a unique key of the source
//! stays one here.

use crate::connection::Version;
use crate::mariadb::{exact_collation, translated_type};
use crate::native;
use limosa_core::dialect::{Fidelity, PlaceContext, Placement};
use limosa_core::policy::{BadDatePolicy, InvalidTextPolicy, NotFinitePolicy, PrecisionPolicy};
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
        self.lossy
            .get_or_insert((format!("{policy} = \"{choice}\""), stops));
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

    /// Text of at most so many characters, if the source says.
    fn text(mut self, declared: Option<u64>, exact: bool) -> Placement {
        let scanned = self
            .context
            .scan
            .filter(|s| s.values() > 0)
            .map(|s| s.max_chars.max(s.max_bytes.min(1)));
        if self.context.folds {
            self.note(
                "the source's collation treats some different texts as equal; here they differ",
            );
        }
        if self.context.indexed {
            let room = self.room(4);
            let shared = self.context.key_columns > 1;
            let wanted = match (declared, scanned) {
                (Some(n), _) => n.max(1),
                // The other columns count on no more.
                (None, n) if shared => {
                    PlaceContext::key_need(n.unwrap_or(0), self.context.key_columns)
                }
                // Room to grow, as far as an index allows.
                (None, Some(n)) if n <= INDEXED_CHARS / 3 => 255,
                (None, Some(n)) => n.max(INDEXED_CHARS),
                (None, None) => INDEXED_CHARS,
            };
            let fits = scanned.is_none_or(|n| n <= room);
            let length = if fits { wanted.min(room) } else { wanted };
            if self.context.key_columns > 0
                && let Some(longest) = scanned.filter(|n| *n > room)
            {
                let ty = Type::Varchar {
                    length: room as u32,
                };
                let native = self.collated(&format!("varchar({room})"));
                return self.too_long(ty, native, longest, room, "characters");
            }
            if length <= room {
                if declared != Some(length) {
                    self.note(match self.context.key_columns {
                        0 | 1 => format!("an indexed text is at most {INDEXED_CHARS} characters here"),
                        n => format!(
                            "the {n} columns of a key have at most {INDEXED_CHARS} characters together here"
                        ),
                    });
                }
                let same = declared == Some(length);
                let ty = Type::Varchar {
                    length: length as u32,
                };
                let native = self.collated(&format!("varchar({length})"));
                return self.done(ty, native, exact && same);
            }
            self.note(format!(
                "too long to be indexed whole: an index key has {INDEXED_CHARS} characters"
            ));
        }
        match declared {
            Some(n) if n <= VARCHAR_CHARS => {
                let ty = Type::Varchar { length: n as u32 };
                let native = self.collated(&format!("varchar({n})"));
                self.done(ty, native, exact)
            }
            Some(n) => {
                // Four bytes a character at most.
                let (word, bytes) = text_family(n.saturating_mul(4));
                let native = self.collated(word);
                self.done(
                    Type::Text {
                        max_bytes: Some(bytes),
                    },
                    native,
                    false,
                )
            }
            None => {
                let native = self.collated("longtext");
                self.done(
                    Type::Text {
                        max_bytes: Some(u64::from(u32::MAX)),
                    },
                    native,
                    exact,
                )
            }
        }
    }

    fn bytes(mut self, declared: Option<u64>, exact: bool) -> Placement {
        let scanned = self
            .context
            .scan
            .filter(|s| s.values() > 0)
            .map(|s| s.max_bytes);
        if self.context.indexed {
            let room = self.room(1);
            let wanted = declared
                .or(scanned.map(|n| n.max(255)))
                .unwrap_or(INDEXED_BYTES / 4);
            if self.context.key_columns > 0
                && let Some(longest) = scanned.filter(|n| *n > room)
            {
                let ty = Type::Varbinary {
                    length: room as u32,
                };
                return self.too_long(ty, format!("varbinary({room})"), longest, room, "bytes");
            }
            let length = match self.context.key_columns {
                0 => wanted,
                _ => wanted.min(room),
            };
            if length <= INDEXED_BYTES {
                let ty = Type::Varbinary {
                    length: length as u32,
                };
                return self.done(
                    ty,
                    format!("varbinary({length})"),
                    exact && declared == Some(length),
                );
            }
            self.note(format!(
                "too long to be indexed whole: an index key has {INDEXED_BYTES} bytes"
            ));
        }
        match declared {
            Some(n) if n <= VARCHAR_CHARS * 2 => self.done(
                Type::Varbinary { length: n as u32 },
                format!("varbinary({n})"),
                exact,
            ),
            Some(n) => {
                let (word, bytes) = text_family(n);
                let word = word.replace("text", "blob");
                self.done(
                    Type::Blob {
                        max_bytes: Some(bytes),
                    },
                    word,
                    false,
                )
            }
            None => self.done(
                Type::Blob {
                    max_bytes: Some(u64::from(u32::MAX)),
                },
                "longblob",
                exact,
            ),
        }
    }

    fn decimal(mut self, precision: Option<u32>, scale: Option<i32>) -> Placement {
        self.not_finite();
        match (precision, scale) {
            (Some(p), scale) => {
                let scale = scale.unwrap_or(0);
                // A negative scale has zeros before the point; a scale above the precision zeros after it.
                let (p, s) = if scale < 0 {
                    (p.saturating_add(scale.unsigned_abs()), 0)
                } else {
                    (p.max(scale as u32), scale as u32)
                };
                if p <= 65 && s <= 30 {
                    let exact = scale >= 0 && precision == Some(p);
                    let ty = Type::Decimal {
                        precision: Some(p),
                        scale: Some(s as i32),
                    };
                    return self.done(ty, format!("decimal({p},{s})"), exact);
                }
                self.wide_decimal()
            }
            (None, _) => self.wide_decimal(),
        }
    }

    /// A decimal without bounds, or beyond ours: as wide as its values are.
    fn wide_decimal(mut self) -> Placement {
        let scan = self.context.scan.filter(|s| s.values() > 0);
        let (whole, scale) = match scan {
            Some(s) => (s.integer_digits.max(1), s.scale),
            None => (0, 0),
        };
        if self.context.policies.not_finite == NotFinitePolicy::Text
            && self.count(Hazard::NotANumber) + self.count(Hazard::Infinite) > 0
        {
            self.note("kept as text, because some values are not finite");
            return self.number_text();
        }
        if scan.is_some() && whole + scale <= 65 && scale <= 30 {
            // Some room for values to come.
            let s = (scale + 2).min(30).min(65 - whole).max(scale);
            let p = (whole + s + 5).min(65);
            self.note(format!(
                "as wide as its values: {whole} digits before the point, {scale} after"
            ));
            let ty = Type::Decimal {
                precision: Some(p),
                scale: Some(s as i32),
            };
            return self.done(ty, format!("decimal({p},{s})"), false);
        }
        if scan.is_some()
            && self.context.policies.precision == PrecisionPolicy::Round
            && whole <= 65
        {
            let s = 30.min(65 - whole);
            self.lossy("precision", "round", false);
            let ty = Type::Decimal {
                precision: Some(65),
                scale: Some(s as i32),
            };
            return self.done(ty, format!("decimal(65,{s})"), false);
        }
        self.note("kept as text: a decimal has at most 65 digits here, and 30 after the point");
        self.number_text()
    }

    fn number_text(mut self) -> Placement {
        self.lossy = None;
        let digits = self
            .context
            .scan
            .map_or(0, |s| u64::from(s.integer_digits + s.scale) + 3);
        if digits > 255 || self.context.scan.is_none() && !self.context.indexed {
            let native = self.collated("longtext");
            return self.done(
                Type::Text {
                    max_bytes: Some(u64::from(u32::MAX)),
                },
                native,
                false,
            );
        }
        let native = self.collated("varchar(255)");
        self.done(Type::Varchar { length: 255 }, native, false)
    }

    fn float(mut self, bits: u8) -> Placement {
        self.not_finite();
        if self.context.policies.not_finite == NotFinitePolicy::Text
            && self.count(Hazard::NotANumber) + self.count(Hazard::Infinite) > 0
        {
            self.lossy = None;
            self.note("kept as text, because some values are not finite");
            let native = self.collated("varchar(64)");
            return self.done(Type::Varchar { length: 64 }, native, false);
        }
        // MySQL keeps the sign.
        if self.version.maria && self.count(Hazard::NegativeZero) > 0 {
            match self.context.policies.precision {
                PrecisionPolicy::Stop => self.lossy("precision", "stop", true),
                PrecisionPolicy::Round => self.lossy("precision", "round", false),
                PrecisionPolicy::Reject => self.lossy("precision", "reject", false),
                PrecisionPolicy::Text => {
                    self.lossy = None;
                    self.note("kept as text, because some values are -0");
                    let native = self.collated("varchar(64)");
                    return self.done(Type::Varchar { length: 64 }, native, false);
                }
            }
            self.note("MariaDB keeps -0 as 0");
        }
        let word = if bits == 32 { "float" } else { "double" };
        self.done(Type::Float { bits }, word, true)
    }

    /// Numbers that are not finite: a policy if the scan saw one, a note if nobody looked.
    fn not_finite(&mut self) {
        let seen = self.count(Hazard::NotANumber) + self.count(Hazard::Infinite);
        if self.context.scan.is_none() {
            self.note("NaN and the infinities would be refused");
        } else if seen > 0 {
            match self.context.policies.not_finite {
                NotFinitePolicy::Stop => self.lossy("not_finite", "stop", true),
                NotFinitePolicy::Reject => self.lossy("not_finite", "reject", false),
                NotFinitePolicy::Null => {
                    self.force_nullable = true;
                    self.lossy("not_finite", "null", false);
                }
                NotFinitePolicy::Text => self.lossy("not_finite", "text", false),
            }
        }
    }

    /// Moments that no column here holds. Whether the column becomes text.
    fn bad_moments(&mut self) -> bool {
        let infinite = self.count(Hazard::Infinite) > 0;
        let far = self.count(Hazard::FarDate) + self.count(Hazard::BadDate) > 0;
        let mut text = false;
        if infinite {
            match self.context.policies.not_finite {
                NotFinitePolicy::Stop => self.lossy("not_finite", "stop", true),
                NotFinitePolicy::Reject => self.lossy("not_finite", "reject", false),
                NotFinitePolicy::Null => {
                    self.force_nullable = true;
                    self.lossy("not_finite", "null", false);
                }
                NotFinitePolicy::Text => text = true,
            }
        }
        if far {
            match self.context.policies.bad_date {
                BadDatePolicy::Stop => self.lossy("bad_date", "stop", true),
                BadDatePolicy::Reject => self.lossy("bad_date", "reject", false),
                BadDatePolicy::Null => {
                    self.force_nullable = true;
                    self.lossy("bad_date", "null", false);
                }
                BadDatePolicy::Text => text = true,
            }
        }
        text
    }

    fn moment(mut self, ty: Type, native: String, exact: bool) -> Placement {
        if self.bad_moments() {
            self.note("kept as text, because some values are beyond the calendar here");
            let native = self.collated("varchar(64)");
            return self.done(Type::Varchar { length: 64 }, native, false);
        }
        self.done(ty, native, exact)
    }

    fn json(mut self, normalised: bool, note: Option<&str>) -> Placement {
        if let Some(note) = note {
            self.note(note);
        }
        if self.version.maria {
            return self.done(
                Type::Json { normalised: false },
                "json",
                normalised || note.is_none(),
            );
        }
        if !normalised {
            self.note(
                "the text is normalised here: the order of members and repeated names are lost",
            );
        }
        let odd = self.count(Hazard::OddJson) > 0;
        if odd || !normalised && note.is_none() && self.context.scan.is_none() {
            // The text as it is, where normalising it could change it.
            let native = self.collated("longtext");
            self.note = Some("kept as text, so that nothing of it changes".into());
            return self.done(
                Type::Text {
                    max_bytes: Some(u64::from(u32::MAX)),
                },
                native,
                false,
            );
        }
        self.done(Type::Json { normalised: true }, "json", normalised)
    }
}

/// The smallest type of the text family for so many bytes.
fn text_family(bytes: u64) -> (&'static str, u64) {
    match bytes {
        0..=65_535 => ("text", 65_535),
        65_536..=16_777_215 => ("mediumtext", 16_777_215),
        _ => ("longtext", u64::from(u32::MAX)),
    }
}

/// Which hazards must be known before a column of type `ty` can be placed.
pub(crate) fn wants_scan(ty: &Type) -> Vec<Hazard> {
    match ty.base() {
        Type::Float { .. } => vec![Hazard::NotANumber, Hazard::Infinite, Hazard::NegativeZero],
        Type::Decimal { .. } => vec![Hazard::NotANumber, Hazard::Infinite],
        Type::Date | Type::Timestamp { .. } => {
            vec![Hazard::Infinite, Hazard::FarDate, Hazard::BadDate]
        }
        Type::Text { .. } => vec![Hazard::InvalidText, Hazard::TooLong],
        Type::Varchar { .. } | Type::Char { .. } => vec![Hazard::InvalidText, Hazard::TooLong],
        Type::Blob { .. } => vec![Hazard::TooLong],
        Type::Json { .. } => vec![Hazard::OddJson],
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
        Type::Array { .. } => p.json(true, Some("kept as a JSON array")),
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
mod tests {
    use super::*;
    use limosa_core::policy::Policies;
    use limosa_core::scan::ColumnScan;

    fn context<'a>(policies: &'a Policies, native: &'a str) -> PlaceContext<'a> {
        PlaceContext {
            scan: None,
            indexed: false,
            key_columns: 0,
            key_chars: 0,
            identity: false,
            folds: false,
            same_family: false,
            native,
            policies,
        }
    }

    fn maria() -> Version {
        Version::parse("10.11.2-MariaDB")
    }

    #[test]
    fn every_type_of_another_engine_has_a_place() {
        let p = Policies::default();
        let mysql = Version::parse("8.4.0");
        for (ty, m, my) in [
            (Type::Boolean, "tinyint(1)", "tinyint(1)"),
            (
                Type::Uuid,
                "uuid",
                "char(36) character set ascii collate ascii_bin",
            ),
            (Type::Json { normalised: true }, "json", "json"),
            (
                Type::Text { max_bytes: None },
                "longtext character set utf8mb4 collate utf8mb4_nopad_bin",
                "longtext character set utf8mb4 collate utf8mb4_0900_bin",
            ),
            (
                Type::Timestamp {
                    precision: 6,
                    zoned: true,
                },
                "datetime(6)",
                "datetime(6)",
            ),
            (Type::Blob { max_bytes: None }, "longblob", "longblob"),
            (
                Type::Decimal {
                    precision: Some(10),
                    scale: Some(-2),
                },
                "decimal(12,0)",
                "decimal(12,0)",
            ),
            (
                Type::Varchar { length: 20_000 },
                "mediumtext character set utf8mb4 collate utf8mb4_nopad_bin",
                "mediumtext character set utf8mb4 collate utf8mb4_0900_bin",
            ),
        ] {
            assert_eq!(place(&maria(), &ty, &context(&p, "")).native, m);
            assert_eq!(place(&mysql, &ty, &context(&p, "")).native, my);
        }
    }

    #[test]
    fn an_unbounded_decimal_is_as_wide_as_its_values() {
        let p = Policies::default();
        let scan = ColumnScan {
            typed: 3,
            integer_digits: 20,
            scale: 4,
            ..ColumnScan::default()
        };
        let mut c = context(&p, "numeric");
        c.scan = Some(&scan);
        let ty = Type::Decimal {
            precision: None,
            scale: None,
        };
        assert_eq!(place(&maria(), &ty, &c).native, "decimal(31,6)");
        let wide = ColumnScan {
            typed: 1,
            integer_digits: 70,
            ..ColumnScan::default()
        };
        c.scan = Some(&wide);
        assert!(place(&maria(), &ty, &c).native.starts_with("varchar(255)"));
    }

    #[test]
    fn values_that_are_not_finite_ask_for_a_policy() {
        let mut scan = ColumnScan {
            reals: 1,
            ..ColumnScan::default()
        };
        scan.found(Hazard::NotANumber, || "1".into());
        for (policy, stops) in [
            (NotFinitePolicy::Stop, true),
            (NotFinitePolicy::Null, false),
        ] {
            let p = Policies {
                not_finite: policy,
                ..Policies::default()
            };
            let mut c = context(&p, "");
            c.scan = Some(&scan);
            let placed = place(&maria(), &Type::Float { bits: 64 }, &c);
            assert!(matches!(placed.fidelity, Fidelity::Lossy { stops: s, .. } if s == stops));
            assert_eq!(placed.force_nullable, !stops);
        }
    }

    #[test]
    fn the_familys_own_spelling_is_kept() {
        let p = Policies::default();
        let mut c = context(
            &p,
            "varchar(30) character set latin1 collate latin1_swedish_ci",
        );
        c.same_family = true;
        let placed = place(&maria(), &Type::Varchar { length: 30 }, &c);
        assert_eq!(placed.native, c.native);
        assert_eq!(placed.fidelity, Fidelity::Exact);
        c.native = "int(10) unsigned";
        assert_eq!(
            place(
                &maria(),
                &Type::Integer {
                    bits: 32,
                    unsigned: true
                },
                &c
            )
            .native,
            "int(10) unsigned"
        );
    }
}
