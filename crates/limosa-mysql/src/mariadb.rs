//! What differs between MySQL and MariaDB in the words of the catalog and of types.

/// The collation that tells every two texts apart and does not pad.
pub(crate) fn exact_collation(maria: bool) -> &'static str {
    if maria {
        "utf8mb4_nopad_bin"
    } else {
        "utf8mb4_0900_bin"
    }
}

/// Whether two texts that differ may be equal in a collation.
pub(crate) fn folds(collation: &str) -> bool {
    // `_bin` alone still pads with blanks; only these compare every character.
    !(collation == "binary" || collation.ends_with("nopad_bin") || collation.ends_with("_0900_bin"))
}

/// The nearest collation of the other product, and whether it means the same.
pub(crate) fn translated_collation(name: &str, to_maria: bool) -> (String, bool) {
    let lower = name.to_ascii_lowercase();
    let utf8 = lower.replace("utf8_", "utf8mb3_");
    if to_maria {
        if lower == "utf8mb4_0900_bin" {
            return ("utf8mb4_nopad_bin".into(), true);
        }
        if let Some(rest) = lower
            .strip_prefix("utf8mb4_")
            .filter(|r| r.contains("0900"))
        {
            let sensitive = rest.contains("_as_cs") || rest.contains("_as_ci");
            return if sensitive {
                ("utf8mb4_nopad_bin".into(), false)
            } else {
                ("utf8mb4_unicode_520_nopad_ci".into(), false)
            };
        }
        return (utf8, true);
    }
    if lower.ends_with("nopad_bin") {
        return ("utf8mb4_0900_bin".into(), lower.starts_with("utf8mb4"));
    }
    if lower.contains("uca1400") || lower.contains("nopad") {
        let name = if lower.contains("_as_cs") {
            "utf8mb4_0900_as_cs"
        } else if lower.contains("_as_ci") {
            "utf8mb4_0900_as_ci"
        } else {
            "utf8mb4_0900_ai_ci"
        };
        return (name.into(), false);
    }
    (utf8, true)
}

/// Rewrites the `collate …` of a type's spelling for the other product.
pub(crate) fn translated_type(native: &str, to_maria: bool) -> (String, bool) {
    let lower = native.to_ascii_lowercase();
    let Some(at) = lower.rfind(" collate ") else {
        return (native.to_owned(), true);
    };
    let (head, name) = (&native[..at], &native[at + 9..]);
    let (collation, same) = translated_collation(name.trim(), to_maria);
    let charset = collation.split('_').next().unwrap_or("utf8mb4").to_owned();
    let head = match head.to_ascii_lowercase().rfind(" character set ") {
        Some(at) => &head[..at],
        None => head,
    };
    (
        format!("{head} character set {charset} collate {collation}"),
        same,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collations_find_their_nearest() {
        assert_eq!(
            translated_type(
                "varchar(3) character set utf8mb4 collate utf8mb4_0900_bin",
                true
            ),
            (
                "varchar(3) character set utf8mb4 collate utf8mb4_nopad_bin".into(),
                true
            )
        );
        assert_eq!(
            translated_collation("utf8mb4_uca1400_ai_ci", false),
            ("utf8mb4_0900_ai_ci".into(), false)
        );
        assert_eq!(translated_type("int(11)", false), ("int(11)".into(), true));
        assert!(folds("utf8mb4_bin") && !folds("utf8mb4_nopad_bin") && !folds("binary"));
    }
}
