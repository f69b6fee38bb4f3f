use crate::sandbox::Sandbox;

#[test]
fn a_migration_goes_through_all_its_verbs() {
    let it = Sandbox::shop();
    it.limosa(&[
        "init",
        "--source",
        "sqlite:old.db",
        "--target",
        "sqlite:new.db",
    ])
    .ends(0)
    .says(&["limosa assess"]);
    let config = it.read("limosa.toml");
    assert!(
        config.contains("city: ") && config.contains("no key"),
        "{config}"
    );
    it.limosa(&[
        "init",
        "--source",
        "sqlite:old.db",
        "--target",
        "sqlite:new.db",
    ])
    .ends(5)
    .says(&["--force"]);
    it.limosa(&["config", "check"]).ends(0);
    let assessment = it.limosa(&["assess", "--output", "json"]).ends(0).json();
    assert_eq!(assessment["format_version"], "1.0");
    assert_eq!(assessment["ready"], true);
    assert!(
        it.limosa(&["assess", "--all"])
            .ends(0)
            .out
            .contains("city.people")
    );
    let plan = it.limosa(&["plan", "--out", "plan.json"]).ends(0);
    assert!(plan.out.contains("CREATE TABLE"), "{}", plan.out);
    it.limosa(&["status"]).ends(1).says(&["no run was begun"]);
    it.limosa(&["run", "--plan", "plan.json"])
        .ends(0)
        .says(&["Report: "]);
    assert_eq!(
        it.ask("new.db", "SELECT name FROM city WHERE id = 2"),
        "札幌"
    );
    assert_eq!(it.ask("new.db", "SELECT count(*) FROM visit"), "3");
    let status = it.limosa(&["status", "--output", "json"]).ends(0).json();
    assert_eq!(status["phase"], "complete");
    it.limosa(&["verify"]).ends(0);
    let report = it.limosa(&["report", "--print", "markdown"]).ends(0);
    assert!(
        report.out.contains("PASS") && report.out.contains("visit"),
        "{}",
        report.out
    );
    it.limosa(&["report"]).ends(0);
    assert!(it.read("limosa-report/migration.html").contains("PASS"));
}

#[test]
fn a_later_change_in_the_target_is_found_and_named() {
    let it = Sandbox::configured("");
    it.limosa(&["run"]).ends(0);
    it.sql(
        "new.db",
        "UPDATE city SET people = 1 WHERE id = 2; DELETE FROM city WHERE id = 3;",
    );
    let ran = it.limosa(&["verify"]).ends(3);
    assert!(
        ran.out.contains("FAIL") && ran.out.contains("people"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("missing"), "{}", ran.out);
    let json = it.limosa(&["verify", "--output", "json"]).ends(3).json();
    assert_eq!(json["exit_code"], 3);
    assert_eq!(json["comparison"]["verdict"], "fail");
    assert!(it.read("limosa-report/migration.md").contains("FAIL"));
}

#[test]
fn copy_leaves_the_comparison_to_verify() {
    let it = Sandbox::configured("");
    let ran = it.limosa(&["copy"]).ends(0);
    assert!(ran.out.contains("NOT COMPARED"), "{}", ran.out);
    it.limosa(&["verify"]).ends(0);
    assert!(it.read("limosa-report/migration.md").contains("PASS"));
}

#[test]
fn a_plan_that_was_changed_is_not_run() {
    let it = Sandbox::configured("");
    it.limosa(&["plan", "--out", "plan.json"]).ends(0);
    let plan = it.read("plan.json");
    it.write(
        "evil.json",
        plan.replace("CREATE TABLE", "CREATE TEMP TABLE"),
    );
    it.limosa(&["run", "--plan", "evil.json"])
        .ends(2)
        .says(&["was changed after it was made", "plan again"]);
    it.write(
        "new.json",
        plan.replacen("\"format_version\": 1", "\"format_version\": 99", 1),
    );
    it.limosa(&["run", "--plan", "new.json"])
        .ends(2)
        .says(&["format 99"]);
    for (name, text) in [
        ("a.json", "{"),
        ("b.json", "[]"),
        ("c.json", "{\"format_version\": 1}"),
    ] {
        it.write(name, text);
        it.limosa(&["run", "--plan", name])
            .ends(2)
            .says(&["is not a plan"]);
    }
    it.limosa(&["run", "--plan", "nowhere.json"])
        .ends(2)
        .says(&["can not be read"]);
    assert!(!it.path("new.db").exists(), "nothing was touched");
    it.limosa(&["run", "--plan", "plan.json"]).ends(0);
}

#[test]
fn the_same_databases_give_the_same_hash() {
    let it = Sandbox::configured("");
    let hash = || it.limosa(&["plan", "--output", "json"]).ends(0).json()["hash"].clone();
    assert_eq!(hash(), hash());
}

#[test]
fn settings_that_change_under_a_begun_run_are_refused_by_name() {
    let it = Sandbox::configured("");
    it.limosa(&["copy"]).ends(0);
    it.limosa(&["run", "--exclude", "visit"])
        .ends(5)
        .says(&["exclude", "Put them back"]);
    it.limosa(&["run", "--workers", "1"]).ends(0);
}

#[test]
fn what_must_be_decided_stops_the_run_before_it_begins() {
    let it = Sandbox::configured("[tables]\ninclude = [\"c*\"]\n[[table]]\nname = \"nowhere\"");
    it.limosa(&["run"])
        .ends(5)
        .says(&["nowhere", "to decide first"]);
    let assessment = it.limosa(&["assess", "--output", "json"]).ends(5).json();
    assert_eq!(assessment["ready"], false);
    assert!(!it.path("new.db").exists(), "nothing was touched");
    assert!(!it.path(".limosa").exists(), "nothing was begun");
}

#[test]
fn rows_of_somebody_else_are_never_overwritten() {
    let it = Sandbox::configured("");
    it.sql(
        "new.db",
        "CREATE TABLE city(id INTEGER); INSERT INTO city VALUES (7);",
    );
    it.limosa(&["run"]).ends(5);
    assert_eq!(it.ask("new.db", "SELECT group_concat(id) FROM city"), "7");
}

#[test]
fn a_plan_from_standard_output_can_be_run_too() {
    let it = Sandbox::shop();
    // Words that look like a password are words of a statement.
    it.sql(
        "old.db",
        "CREATE VIEW odd AS SELECT name FROM city WHERE name = 'password = x'",
    );
    it.write(
        "limosa.toml",
        "[source]\nurl = \"sqlite:old.db\"\n[target]\nurl = \"sqlite:new.db\"\n",
    );
    it.write(
        "plan.json",
        it.limosa(&["plan", "--output", "json"]).ends(0).out,
    );
    it.limosa(&["run", "--plan", "plan.json"]).ends(0);
    assert!(
        it.ask("new.db", "SELECT sql FROM sqlite_schema WHERE name = 'odd'")
            .contains("password = x")
    );
}

#[test]
fn init_writes_over_a_broken_file_if_asked() {
    let it = Sandbox::shop();
    it.write("limosa.toml", "broken = ");
    let args = [
        "init",
        "--source",
        "sqlite:old.db",
        "--target",
        "sqlite:new.db",
        "--force",
    ];
    it.limosa(&args).ends(0);
    it.limosa(&["config", "check"]).ends(0);
}

#[test]
fn status_asks_for_no_password() {
    let it = Sandbox::configured("");
    it.limosa(&["run"]).ends(0);
    it.write("limosa.toml", "[source]\nurl = \"cmd:exit 9\"\n");
    it.limosa(&["status"]).ends(0);
    it.limosa(&["report"]).ends(0);
    it.limosa(&["verify"]).ends(2);
}

/// A target that refuses the rows of one table: the others are done, and the same command tries again.
#[test]
fn a_table_that_fails_leaves_the_others_and_is_tried_again() {
    let it = Sandbox::configured("into_existing = true");
    it.sql(
        "new.db",
        "CREATE TABLE city(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL CHECK (name <> '札幌'), people INTEGER);
         CREATE TABLE visit(city_id INTEGER NOT NULL, day TEXT, note TEXT);",
    );
    let ran = it
        .limosa(&["run"])
        .ends(4)
        .says(&["city", "tries the rest again"]);
    assert!(ran.out.contains("city"), "{}", ran.out);
    assert_eq!(it.ask("new.db", "SELECT count(*) FROM visit"), "3");
    it.limosa(&["status"]).ends(4);
    it.sql(
        "new.db",
        "DROP TABLE city; CREATE TABLE city(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, people INTEGER);",
    );
    it.limosa(&["run"]).ends(0);
    assert_eq!(it.ask("new.db", "SELECT count(*) FROM city"), "3");
}
