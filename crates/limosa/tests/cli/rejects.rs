use super::sandbox::Sandbox;

/// What only the values of rejected rows hold.
const CANARY: &str = "Nobody-may-see-this";

fn place(rest: &str) -> Sandbox {
    let it = Sandbox::new();
    it.sql(
        "old.db",
        &format!(
            "CREATE TABLE city(id INTEGER PRIMARY KEY, people INTEGER, note TEXT);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
               INSERT INTO city SELECT i, i % 20, CASE WHEN i % 20 = 13 THEN '{CANARY}' ELSE 'x' END FROM n;"
        ),
    );
    it.sql(
        "new.db",
        "CREATE TABLE city(id INTEGER PRIMARY KEY, people INTEGER CONSTRAINT unlucky CHECK(people <> 13), note TEXT);",
    );
    it.write(
        "limosa.toml",
        format!(
            "into_existing = true\n{rest}\n[source]\nurl = \"sqlite:old.db\"\n[target]\nurl = \"sqlite:new.db\"\n"
        ),
    );
    it
}

#[test]
fn rejects_are_told_shown_exported_and_moved() {
    let it = place("error_threshold = 0.1\nerror_threshold_min = 10");
    it.limosa(&["run"])
        .ends(4)
        .says(&["5 rows are not in the target", "limosa rejects list"]);
    assert_eq!(it.ask("new.db", "SELECT count(*) FROM city"), "95");
    let listed = it.limosa(&["rejects", "list"]).ends(4);
    for part in ["id = 13", "id = 93", "unlucky", "load", "constraint"] {
        assert!(listed.out.contains(part), "{part}: {}", listed.out);
    }
    let json = it
        .limosa(&["rejects", "list", "--output", "json", "--reason", "nul"])
        .ends(0)
        .json();
    assert_eq!(json["missing"], 0, "{json}");
    it.limosa(&["status"]).ends(0);
    assert!(
        it.read("limosa-report/migration.md")
            .contains("5 rows were rejected")
    );
    let shown = it.limosa(&["rejects", "show", "1"]).ends(0);
    assert!(!shown.out.contains(CANARY) && shown.out.contains("id = 13"));
    let shown = it.limosa(&["rejects", "show", "1", "--values"]).ends(0);
    assert!(shown.out.contains(CANARY), "{}", shown.out);
    it.limosa(&["rejects", "show", "77"]).ends(5);
    let lines = it.limosa(&["rejects", "export", "--values"]).ends(0).out;
    assert_eq!(lines.lines().count(), 5);
    for line in lines.lines() {
        let row: serde_json::Value = serde_json::from_str(line).expect("one JSON a line");
        assert_eq!(row["values"]["people"]["int"], 13, "{row}");
    }
    let csv = it
        .limosa(&["rejects", "export", "--form", "csv"])
        .ends(0)
        .out;
    assert_eq!(csv.lines().count(), 6);
    assert!(!csv.contains(CANARY));
    // Values are nowhere but in the databases and in the one file.
    for (path, bytes) in it.everything() {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let may = ["old.db", "new.db", "migration.rejects.db"];
        let holds = bytes.windows(CANARY.len()).any(|w| w == CANARY.as_bytes());
        assert!(!holds || may.iter().any(|m| name.starts_with(m)), "{name}");
    }
    // Nothing is mended yet.
    it.limosa(&["rejects", "retry"]).ends(4);
    it.sql(
        "new.db",
        "PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = replace(sql, ' CONSTRAINT unlucky CHECK(people <> 13)', '');
         PRAGMA writable_schema = RESET;",
    );
    it.limosa(&["rejects", "retry"]).ends(0);
    assert_eq!(it.ask("new.db", "SELECT count(*) FROM city"), "100");
    it.limosa(&["rejects", "list"]).ends(0);
    it.limosa(&["rejects", "retry"]).ends(0);
    it.limosa(&["verify"]).ends(0);
    it.limosa(&["run"]).ends(0);
    assert_eq!(it.ask("new.db", "SELECT count(*) FROM city"), "100");
}

#[test]
fn the_first_reject_stops_the_table_and_a_raised_threshold_goes_on() {
    let it = place("");
    it.limosa(&["run"]).ends(4).says(&["unlucky"]);
    assert_eq!(it.ask("new.db", "SELECT count(*) FROM city"), "0");
    it.limosa(&["rejects", "list"]).ends(0);
    // The run has chunks that are not done.
    it.limosa(&["rejects", "retry"]).ends(5);
    it.limosa(&["run", "--error-threshold", "0.04"])
        .ends(4)
        .says(&[
            "5 of 100 rows were rejected (5.000 %)",
            "error_threshold is 4 %",
        ]);
    it.limosa(&["run", "--error-threshold", "0.05"])
        .ends(4)
        .says(&["5 rows are not in the target"]);
    assert_eq!(it.ask("new.db", "SELECT count(*) FROM city"), "95");
}

#[test]
fn a_table_may_have_a_threshold_of_its_own() {
    let it = place("[[table]]\nname = \"city\"\nerror_threshold = 0.5");
    it.limosa(&["run"])
        .ends(4)
        .says(&["5 rows are not in the target"]);
    let it = place("[[table]]\nname = \"city\"\nerror_threshold = 5.0");
    it.limosa(&["run"])
        .ends(2)
        .says(&["error_threshold", "not between 0 and 1"]);
}
