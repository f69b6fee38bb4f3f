use crate::sandbox::Sandbox;

/// Two databases that differ in four ways.
fn differing() -> Sandbox {
    let it = Sandbox::new();
    let table = "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, secret TEXT);";
    it.sql(
        "old.db",
        &format!(
            "{table} INSERT INTO item VALUES (1, 'Zo\u{eb}', 's1'), (2, 'two', 's2'), (3, 'three', 's3');"
        ),
    );
    it.sql(
        "new.db",
        &format!(
            "{table} INSERT INTO item VALUES (1, 'Zoe\u{308}', 's1'), (2, NULL, 'other'), (4, 'four ', 's4');"
        ),
    );
    it
}

const BOTH: [&str; 5] = [
    "diff",
    "--source",
    "sqlite:old.db",
    "--target",
    "sqlite:new.db",
];

#[test]
fn differences_are_shown_as_diff_writes_them() {
    let it = differing();
    let ran = it
        .limosa(&[&BOTH[..], &["--mask", "item.secret"]].concat())
        .ends(3);
    assert_eq!(
        ran.out,
        "@@ item id=1 @@ differs\n\
         - name = Zo\u{eb}\n\
         + name = Zoe\u{308}\n  first difference at byte 2: U+00EB | U+0065 U+0308\n\
         @@ item id=2 @@ differs\n\
         - name = two\n\
         + name = NULL\n\
         - secret = ***\n\
         + secret = ***\n\
         @@ item id=3 @@ missing\n\
         - id = 3\n\
         - name = three\n\
         - secret = ***\n\
         @@ item id=4 @@ extra\n\
         + id = 4\n\
         + name = 'four '\n\
         + secret = ***\n\
         item: 4 rows differ\n\
         \x20 name: 1 of 2 values are NULL in the target\n\
         \x20 name: 1 of 2 values differ only in the Unicode normal form (NFC, NFD)\n\
         \x20 secret: 1 value; such follow no rule that is known\n"
    );
    let same = [
        "diff",
        "--source",
        "sqlite:old.db",
        "--target",
        "sqlite:copy.db",
    ];
    std::fs::copy(it.path("old.db"), it.path("copy.db")).expect("a copy is made");
    assert_eq!(it.limosa(&same).ends(0).out, "No row differs.\n");
}

#[test]
fn differences_are_one_object_a_line_for_programs() {
    let it = differing();
    let ran = it
        .limosa(&[&BOTH[..], &["--output", "jsonl", "--limit", "0"]].concat())
        .ends(3);
    let lines: Vec<serde_json::Value> = ran
        .out
        .lines()
        .map(|l| serde_json::from_str(l).expect("each line is JSON"))
        .collect();
    assert_eq!(lines.len(), 5);
    let of = |id: &str| {
        let found = lines.iter().find(|l| l["key"]["id"] == id);
        found.unwrap_or_else(|| panic!("no row {id}")).clone()
    };
    assert_eq!(of("1")["difference"], "differs");
    assert_eq!(of("1")["columns"], serde_json::json!(["name"]));
    assert_eq!(of("1")["cells"][0]["first_differing_byte"], 2);
    assert_eq!(of("2")["cells"][0]["source"], "two");
    assert!(of("2")["cells"][0]["target"].is_null());
    assert_eq!(of("3")["difference"], "missing");
    assert!(of("3")["cells"][0].get("target").is_none());
    assert_eq!(of("4")["difference"], "extra");
    assert_eq!(lines[4]["kind"], "summary");
    assert_eq!(lines[4]["comparison"]["tables"][0]["differing_rows"], 4);
    it.limosa(&[&BOTH[..], &["--output", "json", "--limit", "0"]].concat())
        .ends(2)
        .says(&["one JSON document can not hold all rows"]);
    let json = it
        .limosa(&[&BOTH[..], &["--output", "json"]].concat())
        .ends(3)
        .json();
    assert_eq!(json["differences"].as_array().map(Vec::len), Some(4));
}

#[test]
fn a_repair_is_a_script_until_it_is_to_be_executed() {
    let it = differing();
    let both: Vec<&str> = ["repair"]
        .into_iter()
        .chain(BOTH[1..].iter().copied())
        .collect();
    let ran = it.limosa(&both).ends(3).says(&[
        "item: to be inserted 1, updated 2, deleted 0",
        "1 left: the other side has no such row: --delete takes it away [4]",
    ]);
    assert_eq!(ran.out.matches("UPDATE \"item\"").count(), 2);
    assert!(ran.out.ends_with("COMMIT;\n"), "{}", ran.out);
    let again = it
        .limosa(&[&both[..], &["--out", "repair.sql"]].concat())
        .ends(3);
    assert_eq!(again.out, "");
    assert_eq!(it.read("repair.sql"), ran.out);
    // A file that is there is kept.
    it.limosa(&[&both[..], &["--out", "repair.sql"]].concat())
        .ends(1)
        .says(&["a file that is there is kept"]);
    let done = [
        &both[..],
        &["--execute", "--delete", "--before", "before.jsonl"],
    ]
    .concat();
    it.limosa(&done)
        .ends(0)
        .says(&["item: inserted 1, updated 2, deleted 1"]);
    assert_eq!(it.read("before.jsonl").lines().count(), 4);
    assert_eq!(it.limosa(&BOTH).ends(0).out, "No row differs.\n");
}
