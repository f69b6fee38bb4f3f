//! Texts, bytes and JSON: what a key and a row have room for.

use super::{INDEXED_BYTES, INDEXED_CHARS, Placing, VARCHAR_CHARS};
use limosa_core::dialect::{PlaceContext, Placement};
use limosa_core::scan::Hazard;
use limosa_core::schema::Type;

impl Placing<'_> {
    /// Text of at most so many characters, if the source says.
    pub(super) fn text(mut self, declared: Option<u64>, exact: bool) -> Placement {
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

    pub(super) fn bytes(mut self, declared: Option<u64>, exact: bool) -> Placement {
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

    pub(super) fn json(mut self, normalised: bool, note: Option<&str>) -> Placement {
        if let Some(note) = note {
            self.note(note);
        }
        if self.version.maria && self.count(Hazard::DeepJson) == 0 {
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
        // More than 31 levels are no JSON to MariaDB, and MySQL makes a double of every broken number.
        let odd =
            self.version.maria || self.count(Hazard::OddJson) + self.count(Hazard::WideJson) > 0;
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
pub(super) fn text_family(bytes: u64) -> (&'static str, u64) {
    match bytes {
        0..=65_535 => ("text", 65_535),
        65_536..=16_777_215 => ("mediumtext", 16_777_215),
        _ => ("longtext", u64::from(u32::MAX)),
    }
}
