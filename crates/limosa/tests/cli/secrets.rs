use crate::sandbox::Sandbox;

/// A password that appears nowhere else.
const CANARY: &str = "kanarienvogel";

#[test]
fn a_password_never_leaves() {
    let it = Sandbox::shop();
    it.write("secret", CANARY);
    it.write(
        "limosa.toml",
        "[source]\nurl = \"postgresql://u@127.0.0.1:1/d\"\npassword = \"file:secret\"\n[target]\nurl = \"${T}\"\n",
    );
    let target = format!("mysql://u:{CANARY}@127.0.0.1:1/d?connect-timeout=1");
    let env = [("T", target.as_str()), ("LIMOSA_LOG", "trace")];
    for args in [
        &["plan", "-vvv"][..],
        &["plan", "-vvv", "--log-format", "json", "--output", "json"],
        &["assess", "--output", "jsonl"],
        &["run"],
        &["copy"],
        &["verify"],
        &["status"],
        &["report"],
        &["init", "--force", "--out", "-"],
        &["config", "show", "--effective"],
        &["config", "show", "--effective", "--output", "json"],
        &["config", "check"],
    ] {
        let ran = it.with(args, &env);
        for text in [&ran.out, &ran.err] {
            assert!(!text.contains(CANARY), "{args:?}: {text}");
        }
    }
    // Words that can not be understood are not repeated with their secrets either.
    for text in [
        format!("colour = 1\n[source]\nurl = \"postgresql://u:{CANARY}@h/d\""),
        format!("[source]\nurl = \"postgresq://u:{CANARY}@h/d\""),
        format!("[source]\nurl = \"u:{CANARY}@h/d\""),
        format!("[source]\nurl = \"postgresql://h/d\"\npassword = \"{CANARY}\""),
        format!("[source]\nurl = \"postgresql://u:{CANARY}@h:x/d\"\n[target]\nurl=\"sqlite:a.db\""),
        format!("[source]\nurl = \"mysql://u:{CANARY}@h/d?password={CANARY}\"\npasword = 1"),
        format!("[source]\nurl = \"postgresql://u:{CANARY}@h/d"),
    ] {
        it.write("wrong.toml", &text);
        let ran = it.limosa(&["plan", "--config", "wrong.toml"]);
        assert_ne!(ran.code, 0, "{text}");
        assert!(!ran.err.contains(CANARY), "{text}\n{}", ran.err);
    }
    for (path, bytes) in it.everything() {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name == "secret" || name == "wrong.toml" {
            continue;
        }
        let found = bytes.windows(CANARY.len()).any(|w| w == CANARY.as_bytes());
        assert!(!found, "{}", path.display());
    }
}

/// The same with a server that lets the password in, and one that does not: its own words are shown too.
#[test]
fn a_password_never_leaves_when_a_server_knows_it() {
    use limosa_testkit::{execute_mysql, mariadb};
    let it = Sandbox::shop();
    let url = mariadb().database();
    let database = url.rsplit('/').next().expect("a URL has a database");
    let user = format!("u{}", std::process::id());
    execute_mysql(
        &url,
        &format!(
            "CREATE USER {user}@'%' IDENTIFIED BY '{CANARY}'; GRANT ALL ON `{database}`.* TO {user}@'%';"
        ),
    );
    let host = url.split('@').nth(1).expect("a URL has a host");
    it.write("secret", CANARY);
    it.write("wrong", format!("x{CANARY}"));
    for (secret, code) in [("wrong", 1), ("secret", 0)] {
        it.write(
            "limosa.toml",
            format!("[source]\nurl = \"sqlite:old.db\"\n[target]\nurl = \"mysql://{user}@{host}\"\npassword = \"file:{secret}\"\n"),
        );
        for args in [
            &["plan", "-vvv", "--output", "json"][..],
            &["run", "-vvv", "--log-format", "json"],
            &["verify", "--output", "jsonl"],
            &["report", "--print", "html"],
        ] {
            let ran = it.with(args, &[("LIMOSA_LOG", "trace")]);
            if args[0] == "run" {
                assert_eq!(ran.code, code, "{}{}", ran.out, ran.err);
            }
            assert!(
                !ran.out.contains(CANARY) && !ran.err.contains(CANARY),
                "{args:?}"
            );
        }
    }
    for (path, bytes) in it.everything() {
        if path.ends_with("secret") || path.ends_with("wrong") {
            continue;
        }
        let found = bytes.windows(CANARY.len()).any(|w| w == CANARY.as_bytes());
        assert!(!found, "{}", path.display());
    }
}

#[test]
fn a_password_in_a_flag_is_accepted_with_a_warning() {
    let it = Sandbox::shop();
    let url = format!("postgresql://u:{CANARY}@127.0.0.1:1/d");
    let ran = it
        .limosa(&["plan", "--source", "sqlite:old.db", "--target", &url])
        .ends(1)
        .says(&["warning:", "--target", "visible to other users", "env:NAME"]);
    assert!(!ran.err.contains(CANARY), "{}", ran.err);
}

#[cfg(unix)]
#[test]
fn what_a_run_leaves_is_for_the_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let it = Sandbox::configured("");
    it.limosa(&["run"]).ends(0);
    it.limosa(&["plan", "--out", "plan.json", "--target", "sqlite:other.db"])
        .ends(0);
    for file in [
        ".limosa/migration.db",
        "limosa-report/migration.html",
        "plan.json",
    ] {
        let mode = std::fs::metadata(it.path(file))
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{file}: {mode:o}");
    }
}
