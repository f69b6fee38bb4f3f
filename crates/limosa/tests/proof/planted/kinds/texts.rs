//! NULL, nothing, and text.

use super::*;
use Engine::*;

pub(super) fn kinds() -> Vec<Kind> {
    vec![
        // NULL and nothing.
        one("empty text for NULL", 5, "note", t("")),
        one("NULL for empty text", 6, "note", V::Null),
        one("the word NULL for NULL", 5, "note", t("NULL")),
        one("a mark for NULL", 5, "note", t("<null>")),
        one("the escape of NULL", 5, "note", t("\\N")),
        one("zero for NULL", 5, "big", V::I(0)),
        one("false for NULL", 5, "flag", V::B(false)),
        one("empty bytes for NULL", 5, "data", V::X(vec![])),
        one("NULL for empty bytes", 6, "data", V::Null),
        one("the JSON null for NULL", 5, "doc", t("null")),
        one("an empty date becomes the first", 5, "day", t("1970-01-01")),
        one("a value becomes NULL", 30, "price", V::Null),
        // Text.
        one("text is cut off", 31, "note", t("note 3")),
        one(
            "text is cut off within its last letter",
            8,
            "note",
            t("smile "),
        ),
        one("a blank at the end", 31, "note", t("note 31 ")),
        one("a blank at the end is lost", 16, "note", t("trailing")),
        one("a blank in front", 31, "note", t(" note 31")),
        one("a line break at the end", 31, "note", t("note 31\n")),
        one(
            "line ends of one system become another's",
            11,
            "note",
            t("two\nlines"),
        ),
        one("a tab becomes blanks", 17, "note", t("tab here")),
        one("case", 12, "note", t("cAsE")),
        one("an accent is lost", 7, "note", t("Creme brulee, 12 €")),
        one("double encoding", 7, "note", t("CrÃ¨me brÃ»lÃ©e, 12 â‚¬")),
        one("a question mark for a letter", 8, "note", t("smile ?")),
        one(
            "the mark of a broken letter",
            8,
            "note",
            t("smile \u{fffd}"),
        ),
        one(
            "another of two code pages",
            7,
            "note",
            t("Crème brûlée, 12 \u{80}"),
        ),
        one(
            "letter and accent taken apart",
            7,
            "note",
            t("Cre\u{300}me bru\u{302}le\u{301}e, 12 €"),
        ),
        one("a blank without width", 31, "note", t("note\u{200b} 31")),
        one("a byte order mark", 31, "note", t("\u{feff}note 31")),
        one(
            "a letter of another alphabet that looks alike",
            31,
            "note",
            t("nоte 31"),
        ),
        one("a blank that does not break", 31, "note", t("note\u{a0}31")),
        one("quotes doubled", 9, "note", t("it''s \\ \"quoted\" & <b>")),
        one(
            "a backslash is lost",
            9,
            "note",
            t("it's  \"quoted\" & <b>"),
        ),
        one(
            "escaped for a page",
            9,
            "note",
            t("it&#39;s \\ \"quoted\" &amp; &lt;b&gt;"),
        ),
        one(
            "text that is like JSON is said another way",
            13,
            "note",
            t("{\"a\":1}"),
        ),
        one(
            "text that is like a number is said another way",
            15,
            "note",
            t("10.5"),
        ),
        one(
            "text that is like a date is said another way",
            14,
            "note",
            t("2024-01-02 00:00:00"),
        ),
        one("U+0000 in text", 31, "note", V::T("note\0 31".into())).where_(|_, to| to != Postgres),
    ]
}
