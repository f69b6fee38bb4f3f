//! TLS and what the password exchange is bound to, against a server of its own.

use limosa_core::error::ErrorKind;
use limosa_testkit::{PostgresServer, query_psql};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

fn openssl(folder: &Path, arguments: &[&str]) -> bool {
    Command::new("openssl")
        .current_dir(folder)
        .args(arguments)
        .output()
        .is_ok_and(|o| o.status.success())
}

/// A root, and a certificate of `localhost` that it signed.
fn certificates(folder: &Path) -> bool {
    std::fs::write(folder.join("san"), "subjectAltName=DNS:localhost\n").expect("writable");
    openssl(
        folder,
        &[
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt",
            "-subj", "/CN=root", "-days", "30",
        ],
    ) && openssl(
        folder,
        &[
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "server.key",
            "-out",
            "server.csr",
            "-subj",
            "/CN=localhost",
        ],
    ) && openssl(
        folder,
        &[
            "x509",
            "-req",
            "-in",
            "server.csr",
            "-CA",
            "ca.crt",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-out",
            "server.crt",
            "-days",
            "30",
            "-extfile",
            "san",
            "-sha256",
        ],
    )
}

fn kind(url: &str) -> Result<String, ErrorKind> {
    limosa_postgres::open_with(url, &|_| None)
        .map(|e| e.security())
        .map_err(|e| e.kind())
}

#[test]
#[allow(clippy::print_stderr, reason = "what is skipped is printed")]
fn each_mode_checks_what_it_promises() {
    let folder = tempfile::tempdir().expect("a folder");
    if !certificates(folder.path()) {
        eprintln!("skipped: there is no openssl to make certificates");
        return;
    }
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut server = PostgresServer::private(&[]);
    // The key must be the server's own.
    let owner = std::fs::metadata(server.socket_folder()).expect("its folder");
    let key = folder.path().join("server.key");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("ours");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("ours");
    let _ = chown(&key, Some(owner.uid()), Some(owner.gid()));
    let plain = server.url("postgres");
    for (name, value) in [
        ("ssl_cert_file", path("server.crt")),
        ("ssl_key_file", path("server.key")),
        ("ssl", "on".into()),
    ] {
        query_psql(&plain, &format!("alter system set {name} = '{value}'"));
    }
    let port = server.port();
    server.stop();
    server.start();
    assert_eq!(port, server.port());
    let url = |host: &str, role: &str, rest: &str| {
        format!("postgresql://{role}@{host}:{port}/postgres?{rest}")
    };
    let root = format!("sslrootcert={}", path("ca.crt"));
    let security = |url: &str| kind(url).unwrap_or_else(|e| panic!("{url}: {e:?}"));
    assert_eq!(
        security(&url("localhost", "limosa", &root)),
        "TLSv1.3, verified"
    );
    assert_eq!(
        kind(&url("127.0.0.1", "limosa", &root)),
        Err(ErrorKind::Authentication),
        "the certificate is of another name"
    );
    assert_eq!(
        security(&url(
            "127.0.0.1",
            "limosa",
            &format!("{root}&sslmode=verify-ca")
        )),
        "TLSv1.3, certificate verified, host name not"
    );
    let wrong = format!("sslrootcert={}&sslmode=verify-ca", path("server.crt"));
    assert_eq!(
        kind(&url("localhost", "limosa", &wrong)),
        Err(ErrorKind::Authentication)
    );
    assert_eq!(
        security(&url("localhost", "limosa", "sslmode=require")),
        "TLSv1.3, server not verified"
    );
    assert_eq!(
        security(&url("localhost", "limosa", "")),
        "TLSv1.3, server not verified"
    );
    assert_eq!(
        security(&url("localhost", "limosa", "sslmode=disable")),
        "none"
    );
    // SCRAM-SHA-256-PLUS: bound, and refused where it can not be.
    let required = "channel_binding=require&sslmode=require";
    assert!(kind(&url("localhost", "scram:pw", required)).is_ok());
    assert_eq!(
        kind(&url(
            "localhost",
            "scram:pw",
            "channel_binding=require&sslmode=disable"
        )),
        Err(ErrorKind::Authentication)
    );
    assert!(
        kind(&url(
            "localhost",
            "scram:pw",
            "channel_binding=disable&sslmode=require"
        ))
        .is_ok()
    );
    assert_eq!(
        kind(&url("localhost", "limosa", required)),
        Err(ErrorKind::Authentication),
        "trust binds nothing"
    );
    // A password in clear is sent only where nobody can read along.
    assert!(kind(&url("localhost", "cleartext:pw", "sslmode=require")).is_ok());
    assert_eq!(
        kind(&url("localhost", "cleartext:pw", "sslmode=disable")),
        Err(ErrorKind::Authentication)
    );
    // Rows go through TLS as well, in both directions.
    let tls = url("localhost", "limosa", &root);
    let engine = limosa_postgres::open(&tls).expect("it opens");
    let mut session = engine.session().expect("a session");
    session
        .execute("create table t as select i, repeat('x', 1000) v from generate_series(1, 3000) i")
        .expect("made");
    let rows = session
        .query("select count(*), sum(length(v)) from t")
        .expect("read");
    assert_eq!(rows[0][1].as_deref(), Some("3000000"));
    let all = session.query("select v from t").expect("read");
    assert_eq!(all.len(), 3000);
}
