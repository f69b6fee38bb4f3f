//! TLS, client certificates and what the password exchange is bound to, against a server of its own.

use limosa_core::error::ErrorKind;
use limosa_testkit::{Certificates, PostgresServer, query_psql};

/// How the connection is protected, or the error.
fn opened(url: &str) -> Result<String, limosa_core::Error> {
    limosa_postgres::open_with(url, &|_| None).map(|e| e.security())
}

fn kind(url: &str) -> Result<String, ErrorKind> {
    opened(url).map_err(|e| e.kind())
}

/// A server with TLS that lets `certified` in only by a certificate of that name, and `twice` only with its
/// certificate and its password.
fn server() -> (Certificates, PostgresServer) {
    let files = Certificates::new("certified", "postgres");
    let mut server = PostgresServer::private(&[]);
    let plain = server.url("postgres");
    query_psql(
        &plain,
        "create role certified login; create role twice login password 'pw'",
    );
    for (name, value) in [
        ("ssl_cert_file", files.text("server.crt")),
        ("ssl_key_file", files.text("server.key")),
        ("ssl_ca_file", files.text("ca.crt")),
        ("ssl", "on".into()),
    ] {
        query_psql(&plain, &format!("alter system set {name} = '{value}'"));
    }
    server.admit(
        "hostssl all certified 127.0.0.1/32 cert\n\
         host all certified 127.0.0.1/32 reject\n\
         hostssl all twice 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\n\
         host all twice 127.0.0.1/32 reject",
    );
    let port = server.port();
    server.stop();
    server.start();
    assert_eq!(port, server.port());
    (files, server)
}

#[test]
fn each_mode_checks_what_it_promises() {
    let (files, server) = server();
    let port = server.port();
    let url = |host: &str, role: &str, rest: &str| {
        format!("postgresql://{role}@{host}:{port}/postgres?{rest}")
    };
    let root = format!("sslrootcert={}", files.text("ca.crt"));
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
    // The name is checked; where to connect is said apart.
    assert_eq!(
        security(&format!(
            "postgresql://limosa@:{port}/postgres?host=localhost&hostaddr=127.0.0.1&{root}"
        )),
        "TLSv1.3, verified"
    );
    assert_eq!(
        security(&url(
            "127.0.0.1",
            "limosa",
            &format!("{root}&sslmode=verify-ca")
        )),
        "TLSv1.3, certificate verified, host name not"
    );
    // An authority that is named makes `require` look at the chain, as with libpq.
    assert_eq!(
        security(&url(
            "127.0.0.1",
            "limosa",
            &format!("{root}&sslmode=require")
        )),
        "TLSv1.3, certificate verified, host name not"
    );
    for mode in ["require", "verify-ca", "verify-full"] {
        let wrong = format!("sslrootcert={}&sslmode={mode}", files.text("other.crt"));
        let error = kind(&url("localhost", "limosa", &wrong));
        assert_eq!(error, Err(ErrorKind::Authentication), "{mode}");
        let none = format!("sslrootcert={}&sslmode={mode}", files.text("none.crt"));
        let error = opened(&url("localhost", "limosa", &none)).expect_err("it is not there");
        assert!(error.to_string().contains("sslrootcert"), "{error}");
    }
    // Nobody signs for this server whom the system knows.
    let error = opened(&url("localhost", "limosa", "sslrootcert=system"));
    let error = error.expect_err("the authority is ours alone");
    assert!(
        matches!(
            error.kind(),
            ErrorKind::Authentication | ErrorKind::Configuration
        ),
        "{error}"
    );
    for mode in ["allow", "prefer", "require"] {
        let want = match mode {
            "allow" => "none",
            _ => "TLSv1.3, server not verified",
        };
        let mode = format!("sslmode={mode}");
        assert_eq!(security(&url("localhost", "limosa", &mode)), want, "{mode}");
    }
    assert_eq!(
        security(&url("localhost", "limosa", "")),
        "TLSv1.3, server not verified"
    );
    assert_eq!(
        security(&url("localhost", "limosa", "sslmode=disable")),
        "none"
    );
    assert_eq!(
        security(&url(
            "localhost",
            "limosa",
            "sslmode=require&ssl_max_protocol_version=TLSv1.2&sslsni=0"
        )),
        "TLSv1.2, server not verified"
    );
    if server.version() >= 17 {
        let direct = format!("{root}&sslnegotiation=direct");
        assert_eq!(
            security(&url("localhost", "limosa", &direct)),
            "TLSv1.3, verified"
        );
    }
    // A local socket is not encrypted, and needs not to be.
    let socket = format!(
        "postgresql://limosa@/postgres?host={}&port={port}&sslmode=require",
        server.socket_folder().display()
    );
    assert_eq!(security(&socket), "none (local socket)");
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
    // Only what `require_auth` admits is answered.
    for (role, methods, admitted) in [
        ("scram:pw", "scram-sha-256", true),
        ("scram:pw", "!password,!md5", true),
        ("scram:pw", "md5", false),
        ("cleartext:pw", "!password", false),
        ("limosa", "scram-sha-256", false),
        ("limosa", "none", true),
    ] {
        let rest = format!("sslmode=require&require_auth={methods}");
        let opened = opened(&url("localhost", role, &rest));
        assert_eq!(opened.is_ok(), admitted, "{role} {methods}");
        if let Err(error) = opened {
            assert!(error.to_string().contains("require_auth"), "{error}");
        }
    }
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

#[test]
fn a_certificate_says_who_we_are() {
    let (files, server) = server();
    let url = |role: &str, cert: &str, key: &str| {
        format!(
            "postgresql://{role}@localhost:{}/postgres?sslmode=verify-full&sslrootcert={}&sslcert={}&sslkey={}",
            server.port(),
            files.text("ca.crt"),
            files.text(cert),
            files.text(key)
        )
    };
    assert_eq!(
        kind(&url("certified", "client.crt", "client.key")),
        Ok("TLSv1.3, verified".into())
    );
    // Its name is that of another role; its password is still asked.
    assert!(kind(&url("twice:pw", "client.crt", "client.key")).is_ok());
    for (role, cert, key) in [
        // Signed by an authority that the server does not know.
        ("certified", "stranger.crt", "stranger.key"),
        ("twice:pw", "stranger.crt", "stranger.key"),
        ("twice:wrong", "client.crt", "client.key"),
    ] {
        let refused = kind(&url(role, cert, key));
        // A server that resets the connection may take its own words with it.
        assert!(
            matches!(
                refused,
                Err(ErrorKind::Authentication | ErrorKind::Connection)
            ),
            "{role} {cert}: {refused:?}"
        );
    }
    let none = format!(
        "postgresql://certified@localhost:{}/postgres?sslmode=require&sslcertmode=disable",
        server.port()
    );
    assert_eq!(kind(&none), Err(ErrorKind::Authentication));
    // A key of another certificate, an encrypted one, one that is not there: each is named.
    for (cert, key, want) in [
        ("client.crt", "server.csr", "server.csr"),
        ("client.crt", "locked.key", "encrypted"),
        ("client.crt", "none.key", "none.key"),
        ("none.crt", "client.key", "sslcert"),
        ("client.crt", "stranger.key", "sslcert"),
    ] {
        let error = opened(&url("certified", cert, key)).expect_err("it can not be used");
        assert!(format!("{error} {error:?}").contains(want), "{error:?}");
        assert!(!error.to_string().contains("panic"));
    }
}

#[test]
fn of_several_hosts_the_one_that_is_wanted_is_taken() {
    let primary = PostgresServer::private(&[]);
    let mut standby = PostgresServer::private(&[]);
    standby.stop();
    standby.demote();
    standby.start();
    let read_only = PostgresServer::private(&[]);
    query_psql(
        &read_only.url("postgres"),
        "alter role limosa set default_transaction_read_only = on",
    );
    let port = |name: &str| match name {
        "primary" => primary.port(),
        "standby" => standby.port(),
        "read-only" => read_only.port(),
        // Nobody listens there.
        _ => 1,
    };
    for (hosts, wanted, taken) in [
        (
            &["nobody", "standby", "primary"][..],
            "any",
            Some("standby"),
        ),
        (
            &["nobody", "standby", "read-only", "primary"],
            "read-write",
            Some("primary"),
        ),
        (
            &["standby", "read-only", "primary"],
            "primary",
            Some("read-only"),
        ),
        (
            &["primary", "read-only", "standby"],
            "read-only",
            Some("read-only"),
        ),
        (
            &["primary", "read-only", "standby"],
            "standby",
            Some("standby"),
        ),
        (&["primary", "standby"], "prefer-standby", Some("standby")),
        (&["nobody", "primary"], "prefer-standby", Some("primary")),
        (&["primary", "read-only"], "standby", None),
        (&["standby", "nobody"], "read-write", None),
    ] {
        let places: Vec<String> = hosts
            .iter()
            .map(|h| format!("127.0.0.1:{}", port(h)))
            .collect();
        let url = format!(
            "postgresql://limosa@{}/postgres?target_session_attrs={wanted}",
            places.join(",")
        );
        let engine = limosa_postgres::open_with(&url, &|_| None);
        match taken {
            Some(taken) => {
                let engine = engine.unwrap_or_else(|e| panic!("{hosts:?} {wanted}: {e:?}"));
                let mut session = engine.session().expect("a session");
                let rows = session.query("select current_setting('port')");
                let at = rows.expect("read")[0][0].clone();
                assert_eq!(at, Some(port(taken).to_string()), "{hosts:?} {wanted}");
            }
            None => {
                let error = engine.err().unwrap_or_else(|| panic!("{hosts:?} {wanted}"));
                assert_eq!(error.kind(), ErrorKind::Connection);
            }
        }
    }
}

#[test]
fn a_service_and_a_password_file_open_a_real_connection() {
    use std::os::unix::fs::PermissionsExt;
    let server = limosa_testkit::postgres();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(
        folder.path().join("services"),
        format!(
            "# what libpq's users have\n[other]\nhost=nowhere\n[shop]\nhost=127.0.0.1\nport={}\nuser=scram\ndbname=postgres\n",
            server.port()
        ),
    )
    .expect("writable");
    std::fs::write(
        folder.path().join("pass"),
        format!("127.0.0.1:{}:*:scram:pw\n", server.port()),
    )
    .expect("writable");
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(folder.path().join("pass"), private).expect("ours");
    let (services, pass) = (path("services"), path("pass"));
    let env = |name: &str| match name {
        "PGSERVICEFILE" => Some(services.clone()),
        "PGPASSFILE" => Some(pass.clone()),
        // The service wins over these.
        "PGHOST" => Some("nowhere".into()),
        "PGUSER" => Some("nobody".into()),
        _ => None,
    };
    for address in ["service=shop", "postgresql:///?service=shop"] {
        limosa_postgres::open_with(address, &env).unwrap_or_else(|e| panic!("{address}: {e:?}"));
    }
    // The address wins over the service.
    let error = limosa_postgres::open_with("service=shop user=md5", &env).err();
    assert_eq!(error.map(|e| e.kind()), Some(ErrorKind::Authentication));
    for address in ["service=absent", "service=shop servicefile=/nowhere/at/all"] {
        let error = limosa_postgres::open_with(address, &env).err();
        let error = error.unwrap_or_else(|| panic!("{address}"));
        assert!(error.to_string().contains("service"), "{error}");
    }
}
