//! What a server's error means: SQLSTATE to [`ErrorKind`], and its words without row values.
//!
//! PostgreSQL puts values of rows into DETAIL, into CONTEXT and, for class 22, between quotes in the
//! message itself. None of them is kept.

use limosa_core::secret::scrub;
use limosa_core::{Error, ErrorKind};

/// The fields of an ErrorResponse that we use.
#[derive(Default, Debug)]
pub(crate) struct Fault {
    pub(crate) severity: String,
    pub(crate) code: String,
    message: String,
    detail: String,
    hint: String,
    context: String,
}

impl Fault {
    /// Reads the body of an ErrorResponse; unknown fields are passed over.
    pub(crate) fn read(mut body: &[u8]) -> Self {
        let mut fault = Fault::default();
        let mut localized = String::new();
        while let Some((&field, rest)) = body.split_first() {
            let Some(end) = memchr::memchr(0, rest).filter(|_| field != 0) else {
                break;
            };
            let text = String::from_utf8_lossy(&rest[..end]).into_owned();
            body = &rest[end + 1..];
            match field {
                b'S' => localized = text,
                b'V' => fault.severity = text,
                b'C' => fault.code = text,
                b'M' => fault.message = text,
                b'D' => fault.detail = text,
                b'H' => fault.hint = text,
                b'W' => fault.context = text,
                _ => {}
            }
        }
        if fault.severity.is_empty() {
            fault.severity = localized;
        }
        fault
    }

    /// Whether the server closes the connection after this.
    pub(crate) fn fatal(&self) -> bool {
        matches!(self.severity.as_str(), "FATAL" | "PANIC")
    }

    /// Makes the error for the contracts.
    pub(crate) fn into_error(self, doing: &str) -> Error {
        let kind = kind(&self.code);
        let about_values = self.code.starts_with("22") || self.code.starts_with("23");
        let mut why = if self.code.starts_with("22") {
            without_values(&self.message)
        } else {
            self.message.clone()
        };
        // "COPY t, line 3, column c: "value"": where, without what.
        if let Some(line) = self.context.lines().find(|l| l.starts_with("COPY ")) {
            let place = line.split(": ").next().unwrap_or_default();
            why.push_str(&format!(" ({place})"));
        }
        if !about_values && !self.detail.is_empty() {
            why.push_str(&format!(": {}", self.detail));
        }
        let mut error = Error::new(kind, doing, scrub(&why)).code(self.code.clone());
        if !about_values && !self.hint.is_empty() {
            error = error.hint(scrub(&self.hint));
        }
        if self.code == "25006" {
            error = error.hint(
                "The server accepts no writes: it is a standby, or read-only by its settings.",
            );
        }
        error
    }
}

/// The kind of a SQLSTATE. Source: PostgreSQL manual, appendix "PostgreSQL Error Codes".
pub(crate) fn kind(code: &str) -> ErrorKind {
    match code {
        "40001" | "40P01" | "55P03" | "55006" => return ErrorKind::Contention,
        "53300" | "57P03" => return ErrorKind::Busy,
        "57P01" | "57P02" | "57P05" | "25P03" | "25P04" => return ErrorKind::Connection,
        "57014" => return ErrorKind::Interrupted,
        "42501" => return ErrorKind::Privilege,
        "42P01" | "42703" | "42704" | "42883" | "3F000" | "3D000" => return ErrorKind::Missing,
        "42P07" | "42710" | "42701" | "42P06" | "42723" | "42P04" => return ErrorKind::Conflict,
        "72000" => return ErrorKind::SnapshotLost,
        "0A000" => return ErrorKind::Unsupported,
        _ => {}
    }
    match code.get(..2) {
        Some("08") => ErrorKind::Connection,
        // 54: the row, or its part of an index, is too large.
        Some("22" | "54") => ErrorKind::Value,
        // 27, 38, 39, 44 and P0: a trigger or a view says no.
        Some("23" | "27" | "38" | "39" | "44" | "P0") => ErrorKind::Constraint,
        Some("28") => ErrorKind::Authentication,
        Some("40") => ErrorKind::Contention,
        Some("53") => ErrorKind::Resource,
        Some("58") => ErrorKind::Resource,
        _ => ErrorKind::Server,
    }
}

/// Puts `…` in place of everything between quotes, and cuts byte dumps off.
fn without_values(message: &str) -> String {
    let mut out = String::new();
    for (i, part) in message.split('"').enumerate() {
        if i % 2 == 0 {
            out.push_str(part);
        } else {
            out.push_str("\"…\"");
        }
    }
    if let Some(at) = out.find(": 0x") {
        out.truncate(at);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use limosa_core::Disposition;

    fn fault(fields: &[(u8, &str)]) -> Error {
        let mut body = Vec::new();
        for (f, text) in fields {
            body.push(*f);
            body.extend_from_slice(text.as_bytes());
            body.push(0);
        }
        body.push(0);
        Fault::read(&body).into_error("loading rows")
    }

    #[test]
    fn no_row_value_leaves_an_error() {
        for fields in [
            &[
                (b'C', "22P02"),
                (b'M', "invalid input syntax for type integer: \"SECRET\""),
                (b'D', "SECRET"),
                (b'W', "COPY t, line 1, column a: \"SECRET\""),
            ][..],
            &[
                (b'C', "23505"),
                (
                    b'M',
                    "duplicate key value violates unique constraint \"t_pkey\"",
                ),
                (b'D', "Key (id)=(SECRET) already exists."),
            ],
            &[
                (b'C', "22003"),
                (b'M', "value \"SECRET\" is out of range for type integer"),
            ],
        ] {
            let error = fault(fields);
            assert!(!format!("{error:?}").contains("SECRET"), "{error:?}");
        }
    }

    #[test]
    fn codes_say_what_may_be_done() {
        assert_eq!(kind("40P01").disposition(), Disposition::Transient);
        assert_eq!(kind("57P01").disposition(), Disposition::Transient);
        assert_eq!(kind("53300"), ErrorKind::Busy);
        assert_eq!(kind("53100"), ErrorKind::Resource);
        assert_eq!(kind("23505").disposition(), Disposition::Definite);
        assert_eq!(kind(""), ErrorKind::Server);
        assert_eq!(kind("é"), ErrorKind::Server);
    }

    #[test]
    fn broken_bodies_are_survived() {
        for body in [&b""[..], b"M", b"Mabc", b"\0\0\0", b"M\xff\0C22"] {
            let _ = Fault::read(body).into_error("x").to_string();
        }
    }
}
