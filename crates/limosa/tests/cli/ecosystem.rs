//! dbt and Great Expectations themselves, from PyPI: they read what we write, ask it of the same database, and come to
//! the same verdicts; and we of theirs. `./setup` installs them; where they are not, the tests say so and pass.

use crate::check::SHOP;
use crate::sandbox::Sandbox;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The Python that has the tools.
#[allow(clippy::print_stderr, reason = "what is skipped is printed")]
fn python() -> Option<PathBuf> {
    let kit = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../python-kit");
    let python = match std::env::var_os("LIMOSA_TEST_PYTHON") {
        Some(named) => PathBuf::from(named),
        None => kit.join("bin/python"),
    };
    let there = python.is_file()
        && (kit.join("complete").is_file() || std::env::var_os("LIMOSA_TEST_PYTHON").is_some());
    if !there {
        eprintln!(
            "skipped: dbt and Great Expectations are not installed; ./setup does it where PyPI is reachable"
        );
        return None;
    }
    Some(python)
}

/// Asks a tool.
fn ask(python: &Path, it: &Sandbox, args: &[&str]) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/ecosystem.py");
    let out = Command::new(python)
        .arg(script)
        .args(args)
        .current_dir(it.path(""))
        .env("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
        .env("GX_ANALYTICS_ENABLED", "false")
        .env("HOME", it.path(""))
        .output()
        .expect("Python runs");
    let text = String::from_utf8_lossy(&out.stdout);
    let answer = text.lines().find_map(|l| l.strip_prefix("ANSWER "));
    let answer = answer.unwrap_or_else(|| {
        panic!(
            "{args:?}:\n{text}\n{}",
            String::from_utf8_lossy(&out.stderr)
        );
    });
    serde_json::from_str(answer).expect("the answer is JSON")
}

const HEAD: &str = "name = 'shop'\n[target]\nurl = 'sqlite:shop.db'\n";

/// Our verdicts: status, failing rows, different values.
fn ours(it: &Sandbox, config: &str, more: &[&str]) -> BTreeMap<String, (String, u64, u64)> {
    it.write("limosa.toml", format!("{HEAD}{config}"));
    let ran = it.limosa(&[&["check", "--output", "json"], more].concat());
    let json = ran.json();
    let checks = json["checks"]["checks"].as_array().cloned();
    checks
        .unwrap_or_else(|| panic!("{}\n{}", ran.out, ran.err))
        .iter()
        .map(|c| {
            let side = &c["sides"][0];
            let n = |key: &str| side[key].as_u64().expect("a number");
            let word = |key: &str| c[key].as_str().expect("a text").to_owned();
            (word("name"), (word("status"), n("failures"), n("values")))
        })
        .collect()
}

/// A dbt project on the shop, with a file of tests.
fn project(it: &Sandbox, schema: &str) {
    std::fs::create_dir_all(it.path("dbt/models")).expect("folders can be made");
    it.write(
        "dbt/dbt_project.yml",
        "name: shop_tests\nversion: '1.0'\nconfig-version: 2\nprofile: shop\nmodel-paths: [models]\n",
    );
    let folder = it.path("").display().to_string();
    it.write(
        "dbt/profiles.yml",
        format!(
            "shop:\n  target: dev\n  outputs:\n    dev:\n      type: sqlite\n      threads: 1\n      database: database\n      \
             schema: main\n      schemas_and_paths:\n        main: {folder}shop.db\n      schema_directory: {folder}\n"
        ),
    );
    it.write("dbt/models/schema.yml", schema);
}

const BUILT_IN: &str = "
[[check]]
kind = 'not_null'
table = 'customers'
column = 'email'
[[check]]
kind = 'not_null'
table = 'orders'
column = 'placed'
where = \"status <> 'lost'\"
[[check]]
kind = 'unique'
table = 'customers'
column = 'email'
[[check]]
kind = 'accepted_values'
table = 'orders'
column = 'status'
values = ['new', 'paid']
severity = 'warn'
tags = ['daily']
[[check]]
kind = 'accepted_values'
table = 'orders'
column = 'customer_id'
values = [1, 2]
error_if = '>5'
warn_if = '!=0'
count = 'values'
[[check]]
kind = 'relationships'
table = 'orders'
column = 'customer_id'
to = 'customers'
field = 'id'
";

#[test]
fn dbt_reads_our_tests_and_results_and_agrees() {
    let Some(python) = python() else { return };
    let it = Sandbox::new();
    it.sql("shop.db", SHOP);
    let mine = ours(&it, BUILT_IN, &["--dbt-results", "run_results.json"]);
    assert_eq!(mine.len(), 6);
    let schema = it.limosa(&["check", "export", "dbt"]).ends(0).out;
    project(&it, &schema);
    let theirs = ask(&python, &it, &["dbt", "dbt"]);
    let read = ask(&python, &it, &["read-dbt", "run_results.json"]);
    for (name, (status, rows, values)) in &mine {
        let counted = if name.starts_with("unique") || name.starts_with("accepted") {
            values
        } else {
            rows
        };
        let want = serde_json::json!([status, counted]);
        assert_eq!(theirs[name], want, "{name}: {theirs}\n{schema}");
        assert_eq!(read[name], want, "{name}: {read}");
    }
    assert_eq!(theirs.as_object().map(serde_json::Map::len), Some(6));
}

/// As people write it: both keys, an anchor, Jinja, old and new forms.
const SCHEMA: &str = r#"
version: 2
x-rules: &lenient
  severity: warn
sources:
  - name: shop
    schema: "{{ target.schema }}"
    tables:
      - name: customers
        description: "{{ doc('customers') if false else '' }}"
        columns:
          - name: id
            tests: [unique, not_null]
          - name: email
            data_tests:
              - unique:
                  name: one_address
              - not_null:
                  name: has_address
                  config:
                    <<: *lenient
                    where: "country = 'NO'"
          - name: country
            tests:
              - accepted_values:
                  name: known_country
                  values: ['NO', 'DE']
      - name: orders
        columns:
          - name: customer_id
            data_tests:
              - relationships:
                  name: has_customer
                  arguments:
                    to: source('shop', 'customers')
                    field: id
          - name: status
            data_tests:
              - accepted_values:
                  name: few_lost
                  arguments:
                    values: &known [new, paid]
                  config: {error_if: ">1", warn_if: ">0"}
"#;

#[test]
fn we_read_dbt_s_tests_and_agree() {
    let Some(python) = python() else { return };
    let it = Sandbox::new();
    it.sql("shop.db", SHOP);
    let schema = SCHEMA.replace(
        "description: \"{{ doc('customers') if false else '' }}\"",
        "description: 'all'",
    );
    project(&it, &schema);
    let theirs = ask(&python, &it, &["dbt", "dbt"]);
    it.write("schema.yml", SCHEMA);
    let imported = it
        .limosa(&["check", "import", "dbt", "schema.yml"])
        .ends(0)
        .out;
    let mine = ours(&it, &imported, &[]);
    let named = theirs.as_object().expect("an object");
    assert_eq!(mine.len(), named.len(), "{imported}\n{theirs}");
    for (name, answer) in named {
        // Tests without a name are called by dbt in its own way.
        let Some((status, ..)) = mine.get(name) else {
            assert!(name.starts_with("source_"), "{name}");
            assert_eq!(answer[0], "pass");
            continue;
        };
        assert_eq!(answer[0], *status, "{name}: {theirs}\n{imported}");
    }
    let statuses: Vec<&str> = [
        "one_address",
        "has_address",
        "known_country",
        "has_customer",
        "few_lost",
    ]
    .map(|n| mine[n].0.as_str())
    .to_vec();
    assert_eq!(statuses, ["fail", "warn", "fail", "fail", "warn"]);
}

const EXPECTED: &str = "
[[check]]
kind = 'not_null'
table = 'customers'
column = 'email'
[[check]]
name = 'mostly there'
kind = 'not_null'
table = 'customers'
column = 'email'
mostly = 0.75
[[check]]
kind = 'unique'
table = 'customers'
column = 'email'
severity = 'warn'
[[check]]
kind = 'unique'
table = 'orders'
columns = ['status', 'customer_id']
[[check]]
name = 'never'
kind = 'unique'
table = 'orders'
columns = ['status', 'placed']
nulls = 'equal'
[[check]]
kind = 'accepted_values'
table = 'orders'
column = 'status'
values = ['new', 'paid']
[[check]]
kind = 'rejected_values'
table = 'orders'
column = 'status'
values = ['stolen']
[[check]]
kind = 'regex'
table = 'customers'
column = 'country'
pattern = '^[A-Z]{2}$'
[[check]]
kind = 'regex'
table = 'customers'
column = 'email'
pattern = ' '
not = true
[[check]]
kind = 'range'
table = 'orders'
column = 'total'
min = 0
max = 20
strict_max = true
[[check]]
kind = 'length'
table = 'orders'
column = 'note'
min = 1
max = 3
[[check]]
kind = 'row_count'
table = 'orders'
exactly = 4
[[check]]
kind = 'row_count'
table = 'customers'
min = 5
[[check]]
kind = 'columns'
table = 'customers'
columns = ['born', 'email', 'country', 'id']
[[check]]
name = 'in order'
kind = 'columns'
table = 'customers'
columns = ['born', 'email', 'country', 'id']
set = 'ordered'
[[check]]
name = 'some'
kind = 'columns'
table = 'customers'
columns = ['id', 'email']
set = 'contains'
[[check]]
kind = 'aggregate'
function = 'sum'
table = 'orders'
column = 'total'
exactly = 34.5
[[check]]
kind = 'aggregate'
function = 'min'
table = 'orders'
column = 'total'
min = 0
[[check]]
name = 'greatest'
kind = 'aggregate'
function = 'max'
table = 'orders'
column = 'total'
max = 20
[[check]]
name = 'mean'
kind = 'aggregate'
function = 'avg'
table = 'orders'
column = 'total'
min = 8.6
max = 8.7
[[check]]
name = 'kinds'
kind = 'aggregate'
function = 'count_distinct'
table = 'orders'
column = 'status'
exactly = 3
[[check]]
kind = 'expression'
table = 'orders'
condition = \"total >= 0 or status = 'new'\"
where = 'id > 0'
";

#[test]
fn great_expectations_reads_our_suites_and_results_and_agrees() {
    let Some(python) = python() else { return };
    let it = Sandbox::new();
    it.sql("shop.db", SHOP);
    let mine = ours(&it, EXPECTED, &["--gx-results", "results.json"]);
    assert_eq!(mine.len(), 22);
    it.limosa(&["check", "export", "gx", "--out", "suites"])
        .ends(0);
    let theirs = ask(
        &python,
        &it,
        &[
            "gx",
            "shop.db",
            "suites/customers.json",
            "suites/orders.json",
        ],
    );
    let read = ask(&python, &it, &["read-gx", "results.json"]);
    for (name, (status, rows, _)) in &mine {
        let answer = &theirs[name];
        assert_eq!(answer["raised"], false, "{name}: {theirs}");
        assert_eq!(
            answer["success"],
            status == "pass",
            "{name}: {answer} {status}"
        );
        if let Some(unexpected) = answer["unexpected"].as_u64() {
            assert_eq!(unexpected, *rows, "{name}");
        }
        assert_eq!(read["results"][name], status == "pass", "{name}");
    }
    assert_eq!(theirs.as_object().map(serde_json::Map::len), Some(22));
    assert_eq!(read["success"], false);
    // And back: the suites say the same tests.
    let mut back = String::new();
    for table in ["customers", "orders"] {
        let file = format!("suites/{table}.json");
        back.push_str(&it.limosa(&["check", "import", "gx", &file]).ends(0).out);
    }
    let again = ours(&it, &back, &[]);
    assert_eq!(again.len(), mine.len());
    for (name, (status, rows, _)) in &again {
        let (was, failed, _) = &mine[name];
        assert_eq!(status, was, "{name}");
        if name != "kinds" {
            assert_eq!(rows, failed, "{name}");
        }
    }
}
