//! Quoting: the one module where identifiers and literals become SQL text.
//!
//! Everything else composes statements from these functions and fixed words. Values of rows never
//! come here: they travel as binds or as COPY bytes.

use limosa_core::schema::TableName;

/// Quotes an identifier.
pub(crate) fn ident(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    out.push('"');
    for c in name.chars() {
        if c == '"' {
            out.push('"');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// Quotes a name with its namespace; `public` is meant where none is said.
pub(crate) fn table(name: &TableName) -> String {
    format!(
        "{}.{}",
        ident(name.schema.as_deref().unwrap_or("public")),
        ident(&name.name)
    )
}

/// Quotes a text literal so that it reads the same whatever `standard_conforming_strings` says.
pub(crate) fn literal(text: &str) -> String {
    let escapes = text.contains('\\');
    let mut out = String::with_capacity(text.len() + 4);
    out.push_str(if escapes { "E'" } else { "'" });
    for c in text.chars() {
        match c {
            '\'' => out.push_str("''"),
            '\\' => out.push_str("\\\\"),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// Says a table as a `regclass` literal.
pub(crate) fn regclass(name: &TableName) -> String {
    format!("{}::pg_catalog.regclass", literal(&table(name)))
}

/// Joins quoted identifiers with commas.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names
        .into_iter()
        .map(|n| ident(n))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_ends_its_quotes() {
        assert_eq!(ident("a\"; drop table x --"), "\"a\"\"; drop table x --\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'b"), "E'a\\\\''b'");
        assert_eq!(table(&TableName::bare("t")), "\"public\".\"t\"");
    }
}
