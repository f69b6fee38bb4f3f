//! One error for the contracts: what, where, why, what to do, and whether to try again.
//!
//! A room may have its own enum; where it crosses a contract it becomes [`Error`]. The first
//! question an error answers is *whose fault, and what now*: that is its [`Disposition`], decided
//! in one function, [`ErrorKind::disposition`].

use std::fmt;

/// The result of everything behind a contract.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What may be done after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The world failed: try again, with a jittered pause, at most `retry_attempts` times.
    Transient,
    /// The data, the server or the person says no: stop this object and name the remedy.
    Definite,
    /// It may have happened and the answer was lost: never retry blindly, read back first.
    Ambiguous,
}

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A URL, a setting or a plan can not be understood.
    Configuration,
    /// The server could not be reached, or the connection broke before anything was asked.
    Connection,
    /// The server does not accept these credentials, or TLS could not be agreed.
    Authentication,
    /// The role may not do this.
    Privilege,
    /// The server has no room just now: too many connections, starting up, shutting down.
    Busy,
    /// A deadlock, a lock timeout or a serialization failure: another try may win.
    Contention,
    /// A snapshot can not be joined or read any more: take a new one.
    SnapshotLost,
    /// The named object is not there.
    Missing,
    /// The object is there already, or a key is taken.
    Conflict,
    /// A value can not be held by the target as it is.
    Value,
    /// A constraint of the target refuses the rows.
    Constraint,
    /// This engine, or this version of it, can not do that.
    Unsupported,
    /// Disk, memory or quota of the server is used up.
    Resource,
    /// The server said something that its protocol does not allow.
    Protocol,
    /// The server refused for a reason of its own.
    Server,
    /// A file could not be read or written.
    File,
    /// The commit was sent and its answer was lost.
    CommitUnknown,
    /// Somebody with a newer epoch owns this work: stop, write nothing.
    Fenced,
    /// Another process holds the lock.
    Held,
    /// A person or a signal asked to stop.
    Interrupted,
    /// Our own mistake.
    Internal,
}

impl ErrorKind {
    /// Says what may be done after an error of this kind. The one place where that is decided.
    pub fn disposition(self) -> Disposition {
        use ErrorKind::*;
        match self {
            Connection | Busy | Contention => Disposition::Transient,
            CommitUnknown => Disposition::Ambiguous,
            Configuration | Authentication | Privilege | SnapshotLost | Missing | Conflict
            | Value | Constraint | Unsupported | Resource | Protocol | Server | File | Fenced
            | Held | Interrupted | Internal => Disposition::Definite,
        }
    }
}

/// An error at a contract.
///
/// `Display` prints one line: what was being done, to which object, and why it failed. The hint
/// (what to do) and the cause are printed by the faces. Neither row values nor secrets belong in
/// any part; server words pass through [`crate::secret::scrub`] where they may hold them.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    doing: String,
    object: Option<String>,
    why: String,
    code: Option<String>,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Makes an error. `doing` continues "while …" ("connecting", "creating table"); `why` is the
    /// reason in lower case without a full stop, or the server's own words.
    pub fn new(kind: ErrorKind, doing: impl Into<String>, why: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            doing: doing.into(),
            object: None,
            why: why.into(),
            code: None,
            hint: None,
            source: None,
        }))
    }

    /// Names the object: a table, a file, a server, a column. Keeps the first (innermost) name.
    #[must_use]
    pub fn on(mut self, object: impl Into<String>) -> Self {
        if self.0.object.is_none() {
            self.0.object = Some(object.into());
        }
        self
    }

    /// Adds what the reader can do about it. Keeps the first hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if self.0.hint.is_none() {
            self.0.hint = Some(hint.into());
        }
        self
    }

    /// Adds the server's own code (SQLSTATE, error number).
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.0.code = Some(code.into());
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What may be done now.
    pub fn disposition(&self) -> Disposition {
        self.0.kind.disposition()
    }

    /// Whether the rows are to blame: the target would take others.
    pub fn refuses_rows(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Value | ErrorKind::Constraint)
    }

    /// What was being done.
    pub fn doing(&self) -> &str {
        &self.0.doing
    }

    /// The object, if named.
    pub fn object(&self) -> Option<&str> {
        self.0.object.as_deref()
    }

    /// Why it failed: the server's words, or ours.
    pub fn why(&self) -> &str {
        &self.0.why
    }

    /// The server's code, if it gave one.
    pub fn server_code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// What to do, if known.
    pub fn remedy(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.doing)?;
        if let Some(object) = &self.0.object {
            write!(f, " ({object})")?;
        }
        write!(f, ": {}", self.0.why)?;
        if let Some(code) = &self.0.code {
            write!(f, " [{code}]")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)?;
        if let Some(hint) = &self.0.hint {
            write!(f, " (hint: {hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|s| s as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_where_and_why_and_keeps_the_innermost_object() {
        let error = Error::new(
            ErrorKind::Missing,
            "reading table",
            "relation does not exist",
        )
        .code("42P01")
        .on("shop.orders")
        .on("outer");
        assert_eq!(
            error.to_string(),
            "reading table (shop.orders): relation does not exist [42P01]"
        );
        assert_eq!(error.disposition(), Disposition::Definite);
    }

    #[test]
    fn a_lost_commit_answer_is_never_transient() {
        assert_eq!(
            ErrorKind::CommitUnknown.disposition(),
            Disposition::Ambiguous
        );
    }
}
