//! The contracts of an engine, against a real server: the suite of the test kit.

#[path = "../../limosa-testkit/tests/subjects/postgres.rs"]
#[allow(unreachable_pub, reason = "the file is shared with the test kit")]
mod subject;

limosa_testkit::conformance!(postgres, crate::subject::subject);
