use crate::sandbox::Sandbox;

#[test]
fn a_mistake_in_words_ends_with_2_and_says_what_where_and_what_to_do() {
    let it = Sandbox::shop();
    for (config, parts) in [
        (
            "batchsize = 1\n",
            vec![
                "limosa.toml:1:1",
                "unknown key `batchsize`",
                "Did you mean `batch_size`?",
            ],
        ),
        (
            "[source]\nurl = \"oracle://h/d\"\n",
            vec!["limosa.toml:2:7", "oracle", "postgresql"],
        ),
        (
            "strategy = \"blue_green\"\n",
            vec!["not in this release", "big_bang"],
        ),
        ("workers = 0\n", vec!["0 is too small"]),
        ("name = \"a\nb\"\n", vec!["limosa.toml:", "error:"]),
    ] {
        it.write("limosa.toml", config);
        let ran = it.limosa(&["config", "check"]).ends(2).says(&parts);
        assert_eq!(ran.out, "");
        let json = it
            .limosa(&["config", "check", "--output", "json"])
            .ends(2)
            .json();
        assert!(json["error"].is_string());
    }
    std::fs::remove_file(it.path("limosa.toml")).expect("it is there");
    it.limosa(&["run"])
        .ends(2)
        .says(&["no source is named", "--source"]);
    it.limosa(&["run", "--config", "nowhere.toml"])
        .ends(2)
        .says(&["limosa init"]);
    it.limosa(&["fly"]).ends(2);
    it.limosa(&["run", "--fly"]).ends(2);
    it.limosa(&[]).ends(2);
    it.limosa(&["plan", "-s", "sqlite:old.db", "-t", "sqlite:old.db"])
        .ends(2)
        .says(&["same URL"]);
    let twice = it.path("./old.db").display().to_string();
    it.limosa(&[
        "plan",
        "-s",
        "sqlite:old.db",
        "-t",
        &format!("sqlite:{twice}"),
    ])
    .ends(5)
    .says(&["same database"]);
}

#[test]
fn a_file_that_is_no_configuration_is_refused_at_once() {
    let it = Sandbox::new();
    it.write("limosa.toml", vec![b'#'; 10 << 20]);
    it.limosa(&["config", "check"])
        .ends(2)
        .says(&["10.0 MiB", "more than any configuration"]);
    it.write("limosa.toml", b"name = \"\xff\"");
    it.limosa(&["config", "check"])
        .ends(2)
        .says(&["not UTF-8", "line 1"]);
    it.limosa(&["config", "check", "--config", "."])
        .ends(2)
        .says(&["is a folder"]);
}

#[test]
fn a_database_that_can_not_be_reached_ends_with_1() {
    let it = Sandbox::new();
    for verb in ["init", "assess", "plan", "run"] {
        it.limosa(&[verb, "-s", "sqlite:nowhere.db", "-t", "sqlite:new.db"])
            .ends(1)
            .says(&["nowhere.db", "there is no such file", "Check the path"]);
    }
    it.limosa(&[
        "plan",
        "-s",
        "postgresql://u@127.0.0.1:1/d",
        "-t",
        "sqlite:new.db",
    ])
    .ends(1)
    .says(&["127.0.0.1"]);
}

#[test]
fn malformed_urls_are_mistakes_and_never_panics() {
    let it = Sandbox::shop();
    for url in [
        "",
        "postgresql://",
        "postgresql://[::1/db",
        "mysql://h:99999/db",
        "mysql://h:port/db",
        "postgresql://h/db?sslmode=perhaps",
        "sqlite:",
        "sqlite::memory:",
        "http://example.org/db",
        "postgres//h/db",
        "://h/db",
        "mysql://%zz@h/db",
        "postgresql://h/db?unknown=1",
    ] {
        let ran = it.limosa(&["plan", "--source", url, "--target", "sqlite:new.db"]);
        assert_eq!(ran.code, 2, "{url}: {} {}", ran.out, ran.err);
        assert!(ran.err.contains("error:"), "{url}: {}", ran.err);
        assert!(!ran.err.contains("panicked"), "{url}: {}", ran.err);
    }
}

#[test]
fn a_reader_who_leaves_early_is_no_error() {
    let it = Sandbox::new();
    let mut child = it
        .command(&["config", "schema"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let out = child.wait_with_output().expect("it ends");
    assert_eq!(out.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&out.stderr), "");
}

#[test]
fn a_run_that_another_process_has_ends_with_6() {
    let it = Sandbox::new();
    // Slow on purpose, so that the second finds it alive.
    let slow = ["demo", "--rows", "20000"];
    let mut first = it
        .command(&slow)
        .env("LIMOSA_MAX_ROWS_PER_SECOND", "2000")
        .env("LIMOSA_CHUNK_SIZE", "16KiB")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the binary runs");
    let ledger = "SELECT count(*) FROM limosa_chunk WHERE state = 'done'";
    let begun = std::time::Instant::now();
    loop {
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert!(
            begun.elapsed().as_secs() < 60,
            "the first run does not get on"
        );
        let db = rusqlite::Connection::open(it.path("limosa-demo/shop.db"));
        let done: Option<i64> = db
            .ok()
            .and_then(|db| db.query_row(ledger, [], |r| r.get(0)).ok());
        if done.is_some_and(|n| n > 0) {
            break;
        }
    }
    let second = it.limosa(&["run", "--config", "limosa-demo/limosa.toml"]);
    first.kill().expect("it is ours");
    first.wait().expect("it is ours");
    second.ends(6);
    it.limosa(&["run", "--config", "limosa-demo/limosa.toml", "--steal"])
        .ends(0);
}
