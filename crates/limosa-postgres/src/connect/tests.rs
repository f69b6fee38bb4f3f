use super::*;
use limosa_core::secret::ExposeSecret;

fn tcp(host: &str, port: u16) -> Place {
    Place::Tcp {
        host: host.into(),
        address: None,
        port,
    }
}

fn none(_: &str) -> Option<String> {
    None
}

fn read(text: &str) -> Settings {
    parse(text, &none).unwrap_or_else(|e| panic!("{text}: {e:?}"))
}

#[test]
fn uris_are_read_as_libpq_reads_them() {
    let s = read(
        "postgresql://us%40er:p%3Aa%2F@[::1]:5433,db.example:5434/my%20db?sslmode=verify-full&application_name=x",
    );
    assert_eq!(s.user, "us@er");
    assert_eq!(
        s.password.as_ref().map(|p| p.expose_secret().to_string()),
        Some("p:a/".into())
    );
    assert_eq!(s.places, [tcp("::1", 5433), tcp("db.example", 5434)]);
    assert_eq!(s.database, "my db");
    assert_eq!(s.ssl_mode, SslMode::VerifyFull);
    assert_eq!(s.application_name, "x");
    assert_eq!(
        s.shown(),
        "postgresql://us@er@[::1]:5433,db.example:5434/my db"
    );
}

#[test]
fn sockets_and_pairs_are_read() {
    let s = read("postgres://u@/db?host=/run/pg&port=6000");
    assert_eq!(s.places, [Place::Unix("/run/pg".into(), 6000)]);
    let s = read("postgres://u@%2Frun%2Fpg:6000/db");
    assert_eq!(s.places, [Place::Unix("/run/pg".into(), 6000)]);
    let s = read(r"host=h port = 1 user=u dbname='a \'b\\'  password=''");
    assert_eq!(s.database, r"a 'b\");
    assert!(s.password.is_none());
}

#[test]
fn the_environment_stands_in_and_the_address_wins() {
    let env = |name: &str| match name {
        "PGHOST" => Some("envhost".to_string()),
        "PGUSER" => Some("envuser".to_string()),
        "PGPASSWORD" => Some("secret".to_string()),
        "PGSSLMODE" => Some("disable".to_string()),
        _ => None,
    };
    let s = parse("", &env).expect("the environment is enough");
    assert_eq!(s.places, [tcp("envhost", 5432)]);
    assert_eq!(s.database, "envuser");
    assert_eq!(s.ssl_mode, SslMode::Disable);
    let s = parse("postgres://a@b/c", &env).expect("legal");
    assert_eq!(s.places, [tcp("b", 5432)]);
    assert!(!format!("{s:?}").contains("secret"));
}

#[test]
fn mistakes_are_named() {
    for (text, want) in [
        ("postgres://u@h/d?sslmod=require", "sslmode"),
        (
            "postgres://u@h/d?aplication_name=require",
            "application_name",
        ),
    ] {
        let error = parse(text, &none).expect_err(text);
        assert!(error.remedy().unwrap_or("").contains(want), "{error:?}");
    }
    for text in [
        "mysql://u@h/d",
        "postgres://u@h:0/d",
        "postgres://u@h:99999/d",
        "postgres://u@[::1/d",
        "postgres://u@h/d?sslmode=maybe",
        "postgres://u@h/%zz",
        "postgres://u@h/%00",
        "host",
        "host='x",
        "host=a,b port=1,2,3 user=u",
        "user=u sslrootcert=system sslmode=require",
    ] {
        assert!(parse(text, &none).is_err(), "{text}");
    }
    assert!(parse("host=h", &none).is_err(), "no user");
}

#[test]
fn the_password_file_is_used_and_must_be_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pass");
    std::fs::write(&file, "# c\nother:*:*:*:no\nh:5432:d:u:p\\:w:d\n").expect("writable");
    let text = format!("host=h user=u dbname=d passfile='{}'", file.display());
    let s = read(&text);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("ours");
    assert!(s.password_for(&s.places[0]).is_err());
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("ours");
    let password = s.password_for(&s.places[0]).expect("legal").expect("found");
    assert_eq!(password.expose_secret(), "p:w:d");
}
