//! Formats in which rows go from one PostgreSQL to another unparsed: the bytes of a whole COPY.
//!
//! The binary form of a value is the same on every supported version for the types named here. Types
//! whose binary form holds oids of their database (arrays and rows of the user's own types, `reg…`)
//! are not among them: for those the text format is passed on, which is what `pg_dump` trusts too.

use limosa_core::schema::Type;

/// The bytes of COPY … (FORMAT binary), header and trailer included.
pub(crate) const BINARY: &str = "pgcopy-binary";
/// The bytes of COPY … (FORMAT text).
pub(crate) const TEXT: &str = "pgcopy-text";

/// What every binary COPY begins with: signature, flags, length of the extension.
pub(crate) const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What every binary COPY ends with.
pub(crate) const TRAILER: [u8; 2] = [0xFF, 0xFF];

/// What follows the header; `None` if it is not there.
pub(crate) fn after_header(bytes: &[u8]) -> Option<&[u8]> {
    bytes.strip_prefix(HEADER)
}

/// Whether the binary form means the same in another database.
pub(crate) fn binary(ty: &Type, native: &str) -> bool {
    match ty {
        Type::Domain { base, .. } => binary(base, ""),
        // Elements carry the oid of their type.
        Type::Array { element } => match element.as_ref() {
            Type::Enum { .. }
            | Type::Domain { .. }
            | Type::Native { .. }
            | Type::Geometry { .. } => false,
            Type::Text { .. } => !native.contains("citext"),
            _ => true,
        },
        Type::Native { name, .. } => {
            let name = name.split('(').next().unwrap_or(name).trim();
            matches!(
                name,
                "tsvector"
                    | "tsquery"
                    | "xml"
                    | "point"
                    | "line"
                    | "lseg"
                    | "box"
                    | "path"
                    | "polygon"
                    | "circle"
                    | "pg_lsn"
                    | "int4range"
                    | "int8range"
                    | "numrange"
                    | "tsrange"
                    | "tstzrange"
                    | "daterange"
                    | "jsonpath"
                    | "\"char\""
            ) || name.ends_with(".hstore")
        }
        Type::Geometry { .. } | Type::Dynamic => false,
        _ => true,
    }
}
