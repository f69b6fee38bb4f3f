//! The contracts of an engine, against a real server: the suite of the test kit.

#[path = "../../limosa-testkit/tests/subjects/postgres.rs"]
mod subject;

limosa_testkit::conformance!(postgres, crate::subject::subject);
