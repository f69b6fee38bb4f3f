//! Data tests, as a person asks them.

use crate::sandbox::Sandbox;
use serde_json::Value;

/// Customers and orders with one mistake of each sort.
pub(crate) const SHOP: &str = "
    create table customers (id integer primary key, email text, country text not null, born date);
    create table orders (id integer primary key, customer_id integer, status text, total numeric(10, 2),
      placed timestamp, note text);
    insert into customers values (1, 'secret1@x.org', 'NO', '1990-01-01'), (2, 'secret2@x.org', 'DE', '1985-05-05'),
      (3, null, 'NO', null), (4, 'secret2@x.org', 'xx', '2001-01-01');
    insert into orders values (1, 1, 'new', 10.5, '2024-01-01 10:00:00', 'abc'),
      (2, 2, 'paid', 20, '2024-02-01 10:00:00', null), (3, 9, 'lost', -1, '2024-03-01 10:00:00', 'x'),
      (4, null, 'lost', 5, null, '');";

const HEAD: &str = "name = 'shop'\nmasked = ['customers.e*']\n[source]\nurl = 'sqlite:old.db'\n[target]\nurl = 'sqlite:shop.db'\n";

/// A sandbox with that shop and these tests.
fn shop(checks: &str) -> Sandbox {
    let it = Sandbox::new();
    it.sql("shop.db", SHOP);
    it.write("limosa.toml", format!("{HEAD}{checks}"));
    it
}

/// The outcome of each test by its name.
fn by_name(json: &Value) -> Vec<(String, String, u64)> {
    let checks = json["checks"]["checks"].as_array().expect("a list");
    checks
        .iter()
        .map(|c| {
            let failures = c["sides"].as_array().expect("a list").iter();
            let failures = failures.map(|s| s["failures"].as_u64().expect("a number"));
            let word = |key: &str| c[key].as_str().expect("a text").to_owned();
            (word("name"), word("status"), failures.sum())
        })
        .collect()
}

/// One test of every kind that fails, with the number of its failures, and one that holds.
const KINDS: &[(&str, u64, &str)] = &[
    (
        "kind = 'not_null'\ntable = 'customers'\ncolumn = 'email'",
        1,
        "where = 'id < 3'",
    ),
    (
        "kind = 'unique'\ntable = 'customers'\ncolumn = 'email'",
        2,
        "where = 'id <> 4'",
    ),
    (
        "kind = 'unique'\ntable = 'orders'\ncolumns = ['status', 'note']\nnulls = 'equal'\nwhere = 'id in (3, 4) -- both'",
        0,
        "",
    ),
    (
        "kind = 'accepted_values'\ntable = 'orders'\ncolumn = 'status'\nvalues = ['new', 'paid']",
        2,
        "mostly = 0.5",
    ),
    (
        "kind = 'rejected_values'\ntable = 'orders'\ncolumn = 'status'\nvalues = ['lost']",
        2,
        "error_if = '>2'\nwarn_if = '>2'",
    ),
    (
        "kind = 'relationships'\ntable = 'orders'\ncolumn = 'customer_id'\nto = 'customers'\nfield = 'id'",
        1,
        "where = 'customer_id < 9'",
    ),
    (
        "kind = 'row_count'\ntable = 'orders'\nmin = 4\nstrict_min = true",
        1,
        "warn_if = '>1'\nerror_if = '>1'",
    ),
    (
        "kind = 'range'\ntable = 'orders'\ncolumn = 'total'\nmin = 0\nmax = 19.99",
        2,
        "where = 'total between 0 and 15'",
    ),
    (
        "kind = 'range'\ntable = 'customers'\ncolumn = 'born'\nmin = 1986-01-01",
        1,
        "where = \"born > '1986-01-01'\"",
    ),
    (
        "kind = 'regex'\ntable = 'customers'\ncolumn = 'country'\npattern = '^[A-Z]{2}$'",
        1,
        "where = 'id < 4'",
    ),
    (
        "kind = 'regex'\ntable = 'customers'\ncolumn = 'email'\npattern = '2@'\nnot = true",
        2,
        "where = 'id = 1'",
    ),
    (
        "kind = 'length'\ntable = 'orders'\ncolumn = 'note'\nmin = 1\nmax = 2",
        2,
        "where = 'id = 3'",
    ),
    (
        "kind = 'aggregate'\nfunction = 'sum'\ntable = 'orders'\ncolumn = 'total'\nexactly = 34",
        1,
        "tolerance = 0.5",
    ),
    (
        "kind = 'aggregate'\nfunction = 'avg'\ntable = 'orders'\nexpression = 'total * 2'\nmax = 10",
        1,
        "where = 'id = 3'",
    ),
    (
        "kind = 'aggregate'\nfunction = 'max'\ntable = 'orders'\ncolumn = 'placed'\nmax = 2024-02-28",
        1,
        "where = 'id < 3'",
    ),
    (
        "kind = 'aggregate'\nfunction = 'count_distinct'\ntable = 'orders'\ncolumn = 'status'\nmin = 4",
        1,
        "error_if = '>1'\nwarn_if = '>1'",
    ),
    (
        "kind = 'aggregate'\nfunction = 'count'\ntable = 'orders'\ncolumn = 'placed'\nexactly = 4",
        1,
        "tolerance = 1",
    ),
    (
        "kind = 'freshness'\ntable = 'orders'\ncolumn = 'placed'\nmax_age = '1d'",
        1,
        "error_if = '>1'\nwarn_if = '>1'",
    ),
    (
        "kind = 'columns'\ntable = 'customers'\ncolumns = ['id', 'name', 'email', 'country']",
        2,
        "set = 'contains'\nerror_if = '>1'\nwarn_if = '>1'",
    ),
    (
        "kind = 'columns'\ntable = 'customers'\ncolumns = ['email', 'id', 'country', 'born']\nset = 'ordered'",
        1,
        "error_if = '>1'\nwarn_if = '>1'",
    ),
    (
        "kind = 'expression'\ntable = 'orders'\ncondition = 'total >= 0'",
        1,
        "where = 'id <> 3'",
    ),
    (
        "kind = 'sql'\nsql = { sqlite = \"select id from orders where status = 'lost';\", mysql = 'x' }",
        2,
        "error_if = '>2'\nwarn_if = '>2'",
    ),
];

#[test]
fn every_kind_finds_what_is_wrong_and_holds_where_nothing_is() {
    let mut checks = String::new();
    for (i, (kind, failures, holds)) in KINDS.iter().enumerate() {
        if *failures > 0 {
            checks.push_str(&format!("[[check]]\nname = 'bad{i}'\n{kind}\n"));
        } else {
            checks.push_str(&format!("[[check]]\nname = 'good{i}'\n{kind}\n"));
        }
        if !holds.is_empty() {
            checks.push_str(&format!("[[check]]\nname = 'good{i}'\n{kind}\n{holds}\n"));
        }
    }
    let it = shop(&checks);
    let ran = it.limosa(&["check", "--output", "json"]).ends(3);
    for (name, status, failures) in by_name(&ran.json()) {
        let i: usize = name
            .trim_start_matches(char::is_alphabetic)
            .parse()
            .expect("a number");
        let (kind, want, _) = KINDS[i];
        if name.starts_with("bad") {
            assert_eq!(
                (status.as_str(), failures),
                ("fail", want),
                "{kind}\n{}",
                ran.out
            );
        } else {
            assert_eq!(status, "pass", "{kind}\n{}", ran.out);
        }
    }
}

#[test]
fn failing_rows_are_named_by_their_keys_and_masked_values_are_nowhere() {
    let it = shop(
        "[[check]]\nkind = 'unique'\ntable = 'customers'\ncolumn = 'email'\n\
         [[check]]\nkind = 'not_null'\ntable = 'customers'\ncolumn = 'email'\nshow = ['country', 'email']\n\
         [[check]]\nkind = 'aggregate'\nfunction = 'max'\ntable = 'customers'\ncolumn = 'email'\nmax = 'a'\n\
         [[check]]\nkind = 'regex'\ntable = 'customers'\ncolumn = 'email'\npattern = '^x'\nshow = ['email']\nlimit = 1\n",
    );
    let args = [
        "check",
        "--junit",
        "j.xml",
        "--dbt-results",
        "d.json",
        "--gx-results",
        "g.json",
        "--store-failures",
        "kept",
    ];
    let text = it.limosa(&args).ends(3);
    for part in [
        "target: id=2\n",
        "target: id=4\n",
        "target: id=3, country=NO, email=***",
        "it is ***",
    ] {
        assert!(text.out.contains(part), "{part}:\n{}", text.out);
    }
    let json = it.limosa(&["check", "--output", "json"]).ends(3);
    assert_eq!(json.json()["checks"]["failed"], 4);
    let mut said = vec![text.out, text.err, json.out, json.err];
    for (path, bytes) in it.everything() {
        if path.extension().is_some_and(|e| e != "db") {
            said.push(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    assert!(said.len() > 8, "all the files are looked at");
    for text in &said {
        assert!(!text.contains("secret"), "{text}");
    }
    assert_eq!(
        it.read("kept/unique_customers_email.target.jsonl")
            .lines()
            .count(),
        2
    );
    let samples = it.read("kept/regex_customers_email.target.jsonl");
    assert_eq!(samples.lines().count(), 3, "all are kept, one is named");
    assert!(it.read("j.xml").contains("failures=\"4\""));
}

#[test]
fn verdicts_choose_the_exit_code() {
    let null = "[[check]]\nkind = 'not_null'\ntable = 'customers'\ncolumn = 'email'\n";
    let good = "[[check]]\nkind = 'row_count'\ntable = 'orders'\nexactly = 4\ntags = ['daily']\n";
    let gone = "[[check]]\nkind = 'row_count'\ntable = 'order'\nmin = 1\n";
    let it = shop(&format!("{null}severity = 'warn'\n{good}"));
    it.limosa(&["check"]).ends(0);
    let it = shop(&format!("{null}{good}{gone}"));
    it.limosa(&["check"]).ends(3);
    it.limosa(&["check", "--skip", "not_null*"]).ends(4);
    it.limosa(&["check", "--select", "tag:daily"]).ends(0);
    it.limosa(&["check", "--select", "kind:not_null"]).ends(3);
    it.limosa(&["check", "--select", "nothing"])
        .ends(5)
        .says(&["row_count_orders"]);
    let told = it.limosa(&["check", "--select", "row_count_order"]).ends(4);
    assert!(
        told.out.contains("the target has no such table"),
        "{}",
        told.out
    );
    // The side is chosen, and there is no such file.
    it.limosa(&["check", "--on", "source"])
        .ends(1)
        .says(&["old.db"]);
    shop("").limosa(&["check"]).ends(5).says(&["[[check]]"]);
    let wrong = "[[check]]\nkind = 'not_null'\ntable = 'customers'\ncolum = 'email'\n";
    shop(wrong)
        .limosa(&["check"])
        .ends(2)
        .says(&["unknown key `colum`", "column"]);
}

#[test]
fn a_query_can_not_write_and_its_words_are_one_statement() {
    let it = shop(
        "[[check]]\nname = 'a'\nkind = 'sql'\nsql = 'delete from orders returning id'\n\
         [[check]]\nname = 'b'\nkind = 'sql'\nsql = 'select 1; delete from orders'\n\
         [[check]]\nname = 'c'\nkind = 'expression'\ntable = 'orders'\ncondition = '1) or (select 1'\n",
    );
    it.limosa(&["check"]);
    assert_eq!(it.ask("shop.db", "select count(*) from orders"), "4");
}

#[test]
fn both_sides_are_compared_through_new_names() {
    let it = Sandbox::new();
    it.sql("shop.db", SHOP);
    it.sql(
        "old.db",
        &SHOP
            .replace("orders", "tbl_orders")
            .replace("total", "Amount")
            .replace("(4, null, 'lost', 5", "(4, null, 'lost', 5.25"),
    );
    it.write(
        "limosa.toml",
        format!(
            "{HEAD}[rename.tables]\ntbl_orders = 'orders'\n[rename.columns]\n'tbl_orders.Amount' = 'total'\n\
             [[check]]\nname = 'count'\nkind = 'row_count'\ntable = 'orders'\non = 'both'\n\
             [[check]]\nname = 'columns'\nkind = 'columns'\ntable = 'orders'\non = 'both'\n\
             [[check]]\nname = 'sum'\nkind = 'aggregate'\nfunction = 'sum'\ncolumn = 'total'\ntable = 'orders'\non = 'both'\n\
             [[check]]\nname = 'near'\nkind = 'aggregate'\nfunction = 'sum'\ncolumn = 'total'\ntable = 'orders'\non = 'both'\ntolerance = '1%'\n\
             [[check]]\nname = 'nulls'\nkind = 'not_null'\ncolumn = 'placed'\ntable = 'orders'\non = 'both'\nequal = true\nerror_if = '>1'\nwarn_if = '>1'\n\
             [[check]]\nname = 'old'\nkind = 'range'\ncolumn = 'Amount'\ntable = 'tbl_orders'\non = 'source'\nmin = -1\n"
        ),
    );
    let ran = it.limosa(&["check", "--output", "json"]).ends(3);
    let got: Vec<(String, String)> = by_name(&ran.json())
        .into_iter()
        .map(|(name, status, _)| (name, status))
        .collect();
    let want = [
        ("count", "pass"),
        ("columns", "pass"),
        ("sum", "fail"),
        ("near", "pass"),
        ("nulls", "pass"),
        ("old", "pass"),
    ];
    assert_eq!(
        got,
        want.map(|(n, s)| (n.to_owned(), s.to_owned())),
        "{}",
        ran.out
    );
    assert!(
        ran.out.contains("the source has 34.75, the target 34.5"),
        "{}",
        ran.out
    );
    // One side alone: what compares two is left out and said.
    let ran = it
        .limosa(&["check", "--on", "target", "--output", "json"])
        .ends(0)
        .says(&["count", "compares two sides"]);
    assert_eq!(by_name(&ran.json()).len(), 2);
}

#[test]
fn a_run_asks_them_after_its_comparison_and_they_are_in_its_report() {
    let checks = "[[check]]\nkind = 'not_null'\ntable = 'city'\ncolumn = 'people'\n";
    let it = Sandbox::configured("");
    let settings = it.read("limosa.toml");
    it.write("limosa.toml", format!("{settings}{checks}"));
    let ran = it.limosa(&["run"]).ends(3);
    for part in ["PASS: ", "not_null_city_people", "1 of 3 rows fail", "id=3"] {
        assert!(ran.out.contains(part), "{part}:\n{}", ran.out);
    }
    for file in ["migration.html", "migration.md", "migration.json"] {
        let text = it.read(&format!("limosa-report/{file}"));
        assert!(
            text.replace('\\', "").contains("not_null_city_people"),
            "{file}:\n{text}"
        );
        assert!(text.contains("Of 1 data tests 0 hold, 1 fail"), "{file}");
    }
    let junit = it.read("limosa-report/migration.junit.xml");
    assert!(junit.contains("failures=\"1\""), "{junit}");
    // The same command asks again, of the data as it is now.
    it.sql("new.db", "update city set people = 1 where people is null");
    it.limosa(&["run", "--output", "json"]).ends(0);
    it.write(
        "limosa.toml",
        format!("{settings}{checks}severity = 'warn'\n"),
    );
    it.limosa(&["run"]).ends(0);
}

#[test]
fn postgresql_and_mariadb_answer_alike() {
    use limosa_testkit::{execute_mysql, execute_psql, mariadb, postgres};
    let sql = |boolean: &str, json: &str| {
        format!(
            "create table item (id bigint primary key, code varchar(10), price decimal(12, 4), weight double precision,
               made timestamp null, active {boolean}, doc {json});
             insert into item values (1, 'a', 0.1, 0.1, '2024-01-01 00:00:00', true, '{{}}'),
               (2, 'A', 0.2, 0.2, '2024-06-01 12:00:00', false, '[1]'),
               (3, 'ä', 1e7, 0.3, null, null, null), (4, null, -5, 1e9, '2024-12-31 23:59:59', true, null);"
        )
    };
    let (pg, maria) = (postgres(), mariadb());
    let from = pg.database();
    execute_psql(&from, &sql("boolean", "jsonb"));
    let to = maria.database();
    execute_mysql(&to, &sql("boolean", "json"));
    let it = Sandbox::new();
    let mut checks = String::from("masked = []\n");
    for (function, column) in [
        ("sum", "price"),
        ("sum", "weight"),
        ("avg", "price"),
        ("min", "made"),
        ("max", "made"),
        ("max", "code"),
        ("count", "doc"),
        ("count_distinct", "code"),
        ("sum", "active"),
        ("min", "id"),
    ] {
        checks.push_str(&format!(
            "[[check]]\nkind = 'aggregate'\nfunction = '{function}'\ncolumn = '{column}'\ntable = 'item'\non = 'both'\n"
        ));
    }
    checks.push_str(
        "[[check]]\nkind = 'unique'\ncolumn = 'code'\ntable = 'item'\non = 'both'\n\
         [[check]]\nkind = 'regex'\ncolumn = 'code'\npattern = '^\\p{L}$'\ntable = 'item'\non = 'both'\n\
         [[check]]\nkind = 'accepted_values'\ncolumn = 'active'\nvalues = [true, false]\ntable = 'item'\non = 'both'\n\
         [[check]]\nkind = 'range'\ncolumn = 'made'\nmin = 2024-01-01T00:00:00\nmax = '2024-12-31 23:59:59'\ntable = 'item'\non = 'both'\n\
         [[check]]\nkind = 'row_count'\ntable = 'item'\non = 'both'\n",
    );
    it.write(
        "limosa.toml",
        checks.replacen("masked = []\n", "", 1)
            + &format!("[source]\nurl = '{from}'\n[target]\nurl = '{to}'\n"),
    );
    let ran = it.limosa(&["check", "--output", "json"]);
    let bad: Vec<_> = by_name(&ran.json())
        .into_iter()
        .filter(|c| c.1 != "pass")
        .collect();
    assert!(bad.is_empty(), "{bad:?}\n{}", ran.out);
    assert_eq!(ran.json()["checks"]["passed"], 15);
}

#[test]
fn what_other_tools_can_not_say_is_said_and_nothing_is_dropped() {
    let it = Sandbox::new();
    it.write(
        "schema.yml",
        r#"
version: 2
models:
  - name: customers
    columns:
      - name: email
        tests:
          - not_null: {where: "day = '{{ var('day') }}'"}
          - unique: {config: {store_failures: true}}
          - dbt_expectations.expect_column_to_exist
          - dbt_utils.accepted_range: {min_value: 1, inclusive: false, config: {severity: warn}}
          - accepted_values: {values: [a, 1], quote: false, fail_calc: "max(n)"}
          - relationships: {to: "{{ ref('other') }}", field: id}
          - relationships: {to: "ref(var('x'))", field: id}
          - dbt_utils.not_null_proportion: {at_least: 0.9}
    data_tests:
      - dbt_utils.unique_combination_of_columns:
          arguments: {combination_of_columns: [a, b]}
      - name: positive
        test_name: dbt_utils.expression_is_true
        expression: "x > 0"
"#,
    );
    let ran = it.limosa(&["check", "import", "dbt", "schema.yml"]).ends(4);
    let left: Vec<&str> = ran
        .out
        .lines()
        .filter(|l| l.starts_with("# not said: "))
        .collect();
    let want = [
        "not_null on customers.email: its `where` holds Jinja",
        "unique on customers.email: its `store_failures` is not taken over",
        "dbt_expectations.expect_column_to_exist on customers.email: there is no such test",
        "accepted_values on customers.email: its `fail_calc` has no equal",
        "relationships on customers.email: its `to` is no ref()",
    ];
    assert_eq!(left.len(), want.len(), "{left:?}");
    for part in want {
        assert!(left.iter().any(|l| l.contains(part)), "{part}: {left:?}");
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
    assert_eq!(ran.out.matches("[[check]]").count(), 6, "{}", ran.out);
    for part in [
        "mostly = 0.9",
        "strict_min = true",
        "severity = \"warn\"",
        "to = \"other\"",
        "nulls = \"equal\"",
        "name = \"positive\"",
    ] {
        assert!(ran.out.contains(part), "{part}:\n{}", ran.out);
    }

    it.write(
        "suite.json",
        r#"{"expectation_suite_name": "old", "expectations": [
            {"expectation_type": "expect_column_values_to_not_be_null", "kwargs": {"column": "a", "mostly": 0.9, "result_format": "BASIC"}},
            {"expectation_type": "expect_column_kl_divergence_to_be_less_than", "kwargs": {"column": "a"}},
            {"expectation_type": "expect_column_values_to_be_between", "kwargs": {"column": "a", "min_value": {"$PARAMETER": "x"}}},
            {"expectation_type": "expect_column_values_to_be_unique", "kwargs": {"column": "a", "row_condition": "b > 1", "condition_parser": "pandas"}}]}"#,
    );
    it.limosa(&["check", "import", "gx", "suite.json"])
        .ends(2)
        .says(&["--table"]);
    let ran = it
        .limosa(&[
            "check",
            "import",
            "gx",
            "suite.json",
            "--table",
            "t",
            "--on",
            "both",
        ])
        .ends(4);
    assert_eq!(ran.out.matches("[[check]]").count(), 1, "{}", ran.out);
    assert_eq!(ran.out.matches("# not said: ").count(), 3, "{}", ran.out);
    assert!(ran.out.contains("on = \"both\""));
    for (tool, text) in [
        ("dbt", "a: [1"),
        ("dbt", "just text"),
        ("gx", "{}"),
        ("gx", "["),
    ] {
        it.write("bad", text);
        it.limosa(&["check", "import", tool, "bad", "--table", "t"])
            .ends(2);
    }

    let it = shop(
        "[[check]]\nname = 'fresh'\nkind = 'freshness'\ntable = 'orders'\ncolumn = 'placed'\nmax_age = '1d'\n\
         [[check]]\nname = 'filtered'\nkind = 'not_null'\ntable = 'orders'\ncolumn = 'placed'\nwhere = 'id > 1'\n\
         [[check]]\nname = 'two'\nkind = 'row_count'\ntable = 'orders'\non = 'both'\n\
         [[check]]\nname = 'old'\nkind = 'not_null'\ntable = 'orders'\ncolumn = 'id'\non = 'source'\n",
    );
    let ran = it
        .limosa(&["check", "export", "dbt"])
        .ends(4)
        .says(&["fresh: ", "two: ", "old: "]);
    assert!(ran.out.contains("filtered") && !ran.err.contains("filtered"));
    it.limosa(&["check", "export", "gx"]).ends(4).says(&[
        "fresh: ",
        "filtered: ",
        "two: ",
        "old: ",
    ]);
}

/// The page of the guide: its settings are understood and give what it says.
#[test]
fn the_guide_s_examples_are_asked() {
    let page = include_str!("../../../../docs/guide/checks.md");
    let it = Sandbox::new();
    it.sql("shop.db", SHOP);
    it.sql("old.db", SHOP);
    let parts: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .filter_map(|p| p.split("```").next())
        .collect();
    assert!(parts.len() >= 3, "the page has examples");
    let settings = "[source]\nurl = 'sqlite:old.db'\n[target]\nurl = 'sqlite:shop.db'\n";
    it.write("limosa.toml", parts.concat() + settings);
    let ran = it.limosa(&["check", "--output", "json"]).ends(3);
    assert_eq!(ran.json()["checks"]["errors"], 0, "{}", ran.out);
    let schema = page
        .split("```yaml\n")
        .nth(1)
        .and_then(|p| p.split("```").next())
        .expect("the page has a schema.yml");
    it.write("schema.yml", schema);
    let imported = it.limosa(&["check", "import", "dbt", "schema.yml"]).ends(0);
    it.write("limosa.toml", format!("{}{settings}", imported.out));
    let ran = it.limosa(&["check", "--output", "json"]).ends(3);
    assert_eq!(ran.json()["checks"]["errors"], 0, "{}", ran.out);
    for command in page
        .split("```sh\n")
        .skip(1)
        .filter_map(|p| p.split("```").next())
    {
        for line in command.lines().filter_map(|l| l.strip_prefix("limosa ")) {
            let line = line.split(" #").next().unwrap_or_default();
            let line = line.split(" > ").next().unwrap_or_default();
            let args: Vec<&str> = line.split_whitespace().collect();
            let ran = it.limosa(&args);
            assert!(
                [0, 3, 4].contains(&ran.code),
                "{line}: {}\n{}",
                ran.code,
                ran.err
            );
        }
    }
}
