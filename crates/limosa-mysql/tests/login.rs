//! Logging in: the ways of both products, over TLS, a local socket and in clear; client certificates.

use limosa_core::error::{Error, ErrorKind};
use limosa_testkit::{Certificates, MariaServer, execute_mysql};

fn opened(url: &str) -> Result<String, Error> {
    limosa_mysql::open(url).map(|e| e.security())
}

fn kind(url: &str) -> Result<String, ErrorKind> {
    opened(url).map_err(|e| e.kind())
}

/// A server with TLS.
fn server(files: &Certificates) -> MariaServer {
    let option = |name: &str, file: &str| format!("--{name}={}", files.text(file));
    let options = [
        option("ssl-ca", "ca.crt"),
        option("ssl-cert", "server.crt"),
        option("ssl-key", "server.key"),
    ];
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    MariaServer::private(&options)
}

/// Makes users who may do everything in one database.
fn users(server: &MariaServer, users: &[(&str, &str)]) -> String {
    let url = server.database();
    let database = url.rsplit('/').next().expect("a URL has a database");
    for (name, how) in users {
        execute_mysql(
            &url,
            &format!("CREATE USER {name}@'%' {how}; GRANT ALL ON `{database}`.* TO {name}@'%'"),
        );
    }
    database.to_owned()
}

#[test]
fn each_mode_checks_what_it_promises() {
    let files = Certificates::new("client", "mysql");
    let server = server(&files);
    let database = users(
        &server,
        &[
            ("certified", "IDENTIFIED BY 'pw' REQUIRE X509"),
            ("named", "IDENTIFIED BY 'pw' REQUIRE SUBJECT '/CN=client'"),
            ("encrypted", "IDENTIFIED BY 'pw' REQUIRE SSL"),
        ],
    );
    let url = |host: &str, user: &str, rest: &str| {
        format!(
            "mysql://{user}:pw@{host}:{}/{database}?{rest}",
            server.port()
        )
    };
    let root = format!("ssl-ca={}", files.text("ca.crt"));
    for (host, rest, want) in [
        (
            "localhost",
            "ssl-mode=VERIFY_IDENTITY",
            Ok("TLSv1.3, verified"),
        ),
        (
            "127.0.0.1",
            "ssl-mode=VERIFY_IDENTITY",
            Err(ErrorKind::Authentication),
        ),
        (
            "127.0.0.1",
            "ssl-mode=VERIFY_CA",
            Ok("TLSv1.3, certificate verified, host name not"),
        ),
        (
            "127.0.0.1",
            "",
            Ok("TLSv1.3, certificate verified, host name not"),
        ),
        (
            "localhost",
            "ssl-verify-server-cert=1",
            Ok("TLSv1.3, verified"),
        ),
        (
            "localhost",
            "ssl-mode=REQUIRED",
            Ok("TLSv1.3, server not verified"),
        ),
        (
            "localhost",
            "ssl-mode=PREFERRED&tls-version=TLSv1.2",
            Ok("TLSv1.2, server not verified"),
        ),
        ("localhost", "ssl-mode=DISABLED", Ok("none")),
    ] {
        let got = kind(&url(
            host,
            "limosa",
            &format!("{root}&{rest}&get-server-public-key=1"),
        ));
        let want = want.map(str::to_owned);
        assert_eq!(got, want, "{host} {rest}");
    }
    let other = format!("ssl-ca={}", files.text("other.crt"));
    assert_eq!(
        kind(&url("localhost", "limosa", &other)),
        Err(ErrorKind::Authentication)
    );
    // Who must encrypt can not do without.
    assert!(kind(&url("localhost", "encrypted", "ssl-mode=REQUIRED")).is_ok());
    assert_eq!(
        kind(&url(
            "localhost",
            "encrypted",
            "ssl-mode=DISABLED&get-server-public-key=1"
        )),
        Err(ErrorKind::Authentication)
    );
    // Certificates.
    let pair = |cert: &str, key: &str| {
        format!(
            "ssl-mode=REQUIRED&ssl-cert={}&ssl-key={}",
            files.text(cert),
            files.text(key)
        )
    };
    for user in ["certified", "named"] {
        let with = |rest: &str| kind(&url("localhost", user, rest));
        assert_eq!(
            with(&pair("client.crt", "client.key")),
            Ok("TLSv1.3, server not verified".into()),
            "{user}"
        );
        assert_eq!(with("ssl-mode=REQUIRED"), Err(ErrorKind::Authentication));
        let stranger = with(&pair("stranger.crt", "stranger.key"));
        // A server that resets the connection may take its own words with it.
        assert!(
            matches!(
                stranger,
                Err(ErrorKind::Authentication | ErrorKind::Connection)
            ),
            "{user}: {stranger:?}"
        );
    }
    assert_eq!(
        kind(&url(
            "localhost",
            "named",
            &pair("server.crt", "client.key")
        )),
        Err(ErrorKind::File),
        "the key is of another certificate"
    );
    for (key, want) in [("locked.key", "encrypted"), ("none.key", "none.key")] {
        let error = opened(&url("localhost", "named", &pair("client.crt", key)));
        let error = error.expect_err("it can not be used");
        assert!(format!("{error:?}").contains(want), "{error:?}");
    }
}

#[test]
fn every_plugin_of_the_server_lets_us_in_or_says_why_not() {
    let files = Certificates::new("client", "mysql");
    let server = server(&files);
    let in_clear = "ssl-mode=DISABLED";
    let with_key = "ssl-mode=DISABLED&get-server-public-key=1";
    let over_tls = "ssl-mode=REQUIRED";
    let long = "ein sehr langes Passwort mit Umlauten: äöü";
    let quoted = long.replace(' ', "%20");
    let quoted = quoted.as_str();
    // Name, how it is identified, its password in a URL, and where it gets in.
    type Ways<'a> = (&'a str, String, &'a str, Vec<(&'a str, bool)>);
    let ways: Vec<Ways> = if server.mysql() {
        let by = |plugin: &str, p: &str| format!("IDENTIFIED WITH {plugin} BY '{p}'");
        let sha2 = vec![
            // In this order: only with full authentication does the server learn the password.
            (in_clear, false),
            (with_key, true),
            (in_clear, true),
            (over_tls, true),
        ];
        vec![
            (
                "cached",
                by("caching_sha2_password", "pw"),
                "pw",
                sha2.clone(),
            ),
            (
                "cached_long",
                by("caching_sha2_password", long),
                quoted,
                sha2,
            ),
            (
                "full",
                by("caching_sha2_password", "pw"),
                "pw",
                vec![(over_tls, true), (in_clear, true)],
            ),
            (
                "sha256",
                by("sha256_password", "pw"),
                "pw",
                vec![
                    (in_clear, false),
                    (with_key, true),
                    (over_tls, true),
                    (in_clear, false),
                ],
            ),
            (
                "no_password",
                by("caching_sha2_password", ""),
                "",
                vec![(in_clear, true), (over_tls, true)],
            ),
        ]
    } else {
        execute_mysql(&server.url(""), "INSTALL SONAME 'auth_ed25519'");
        let ed = |p: &str| format!("IDENTIFIED VIA ed25519 USING PASSWORD('{p}')");
        let native =
            |p: &str| format!("IDENTIFIED VIA mysql_native_password USING PASSWORD('{p}')");
        let anyhow = vec![(in_clear, true), (over_tls, true)];
        vec![
            ("signed", ed("pw"), "pw", anyhow.clone()),
            ("signed_long", ed(long), quoted, anyhow.clone()),
            ("native", native("pw"), "pw", anyhow.clone()),
            (
                "either",
                format!("{} OR mysql_native_password USING PASSWORD('x')", ed("pw")),
                "pw",
                anyhow.clone(),
            ),
            ("no_password", native(""), "", anyhow),
        ]
    };
    let made: Vec<(&str, &str)> = ways.iter().map(|w| (w.0, w.1.as_str())).collect();
    let database = users(&server, &made);
    let url = |user: &str, password: &str, rest: &str| {
        format!(
            "mysql://{user}:{password}@127.0.0.1:{}/{database}?{rest}",
            server.port()
        )
    };
    for (user, _, password, tries) in &ways {
        for (rest, admitted) in tries {
            let got = opened(&url(user, password, rest));
            assert_eq!(got.is_ok(), *admitted, "{user} {rest}: {got:?}");
            if let Err(error) = got {
                assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
                let hint = error.remedy().unwrap_or_default();
                assert!(hint.contains("get-server-public-key"), "{error:?}");
            }
        }
        for rest in [with_key, over_tls] {
            let wrong = kind(&url(user, "wrong", rest));
            assert_eq!(wrong, Err(ErrorKind::Authentication), "{user} {rest}");
        }
    }
}

/// The server's key from a file: nobody in between can hand over one of his own.
#[test]
fn the_servers_key_may_come_from_a_file() {
    let server = limosa_testkit::mariadb();
    if !server.mysql() {
        return;
    }
    let database = users(
        server,
        &[("by_key", "IDENTIFIED WITH sha256_password BY 'pw'")],
    );
    let key = server.folder().join("data/public_key.pem");
    let url = |key: &str| {
        format!(
            "mysql://by_key:pw@127.0.0.1:{}/{database}?ssl-mode=DISABLED&server-public-key-path={key}",
            server.port()
        )
    };
    assert_eq!(kind(&url(&key.display().to_string())), Ok("none".into()));
    let error = opened(&url("/nowhere/key.pem")).expect_err("it is not there");
    assert!(
        error.to_string().contains("server-public-key-path"),
        "{error}"
    );
    let files = Certificates::new("client", "mysql");
    let other = opened(&url(&files.text("ca.crt"))).expect_err("it is no key");
    assert!(other.to_string().contains("public key"), "{other}");
}

#[test]
fn a_local_socket_and_an_option_file_open_a_real_connection() {
    let server = limosa_testkit::mariadb();
    let database = users(server, &[("by_file", "IDENTIFIED BY 'p#w \"x\"'")]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("my.cnf");
    let text = format!(
        "[mysqld]\nuser = wrong\n[client]\nuser = by_file\npassword = 'p#w \\\"x\\\"'\nport = {}\nhost = 127.0.0.1\n\
         get-server-public-key\n[client_socket]\nhost = localhost\nsocket = {}\n",
        server.port(),
        server.socket().display()
    );
    std::fs::write(&file, text).expect("writable");
    let url = |rest: &str| {
        format!(
            "mysql:///{database}?defaults-file={}&{rest}",
            file.display()
        )
    };
    assert!(kind(&url("")).is_ok(), "{:?}", kind(&url("")));
    assert_eq!(
        kind(&url("defaults-group-suffix=_socket")),
        Ok("none (local socket)".into())
    );
    let socket = format!(
        "mysql://limosa:pw@localhost/{database}?socket={}",
        server.socket().display()
    );
    assert_eq!(kind(&socket), Ok("none (local socket)".into()));
    let nobody = format!("mysql://limosa:pw@localhost/{database}?socket=/nowhere/sock");
    let error = opened(&nobody).expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(format!("{error:?}").contains("/nowhere/sock"), "{error:?}");
}
