use crate::sandbox::Sandbox;

#[test]
fn the_demo_ends_with_a_pass_and_leaves_its_report_and_its_configuration() {
    let it = Sandbox::new();
    let ran = it.limosa(&["demo", "--rows", "3000"]).ends(0);
    assert!(ran.out.contains("PASS"), "{}", ran.out);
    for file in [
        "legacy.db",
        "shop.db",
        "limosa.toml",
        "limosa-report/shop.html",
        "limosa-report/shop.md",
        "limosa-report/shop.json",
        ".limosa/shop.db",
    ] {
        assert!(it.path("limosa-demo").join(file).is_file(), "{file}");
    }
    let report: serde_json::Value =
        serde_json::from_str(&it.read("limosa-demo/limosa-report/shop.json")).expect("JSON");
    assert_eq!(report["verdict"], "pass");
    let ids = it.ask("limosa-demo/shop.db", "SELECT max(id) FROM customer");
    assert_eq!(ids, "9007199254740993");
    let notes = "SELECT count(*) FROM customer WHERE Notes LIKE '%🎉%'";
    assert_ne!(it.ask("limosa-demo/shop.db", notes), "0");

    it.limosa(&["demo", "--rows", "3000"])
        .ends(0)
        .says(&["is there already", "complete already"]);
    it.limosa(&["demo", "--rows", "4000"])
        .ends(5)
        .says(&["is there already, with 3 000 rows", "--folder"]);
    for verb in ["assess", "plan"] {
        // The target has the tables now: nothing may be planned over them.
        it.limosa(&[verb, "--config", "limosa-demo/limosa.toml"])
            .ends(5);
    }
    it.limosa(&["verify", "--config", "limosa-demo/limosa.toml"])
        .ends(0);
}

#[test]
fn the_words_are_quiet_on_demand() {
    let it = Sandbox::new();
    let ran = it.limosa(&["demo", "--rows", "100", "--quiet"]).ends(0);
    assert_eq!(ran.err, "");
}
