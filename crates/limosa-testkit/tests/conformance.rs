//! The conformance suite, run by every engine against real databases: one test per engine and check.

use limosa_testkit::conformance;

#[path = "subjects/mysql.rs"]
mod mysql_subject;
#[path = "subjects/postgres.rs"]
mod postgres_subject;
#[path = "subjects/sqlite.rs"]
mod sqlite_subject;

conformance!(postgres, crate::postgres_subject::subject);
conformance!(mysql, crate::mysql_subject::subject);
conformance!(sqlite, crate::sqlite_subject::subject);
