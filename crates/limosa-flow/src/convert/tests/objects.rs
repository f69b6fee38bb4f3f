//! Expressions, keys, indexes, checks and views.

use super::*;

#[test]
fn expressions_are_said_again_and_what_can_not_be_said_is_named() {
    let mut t = table(
        "t",
        vec![
            column("n", int(32, false)),
            Column {
                default: Some(said("uuid()", Some(Expr::Call("uuid".into(), vec![])))),
                ..column("u", TEXT)
            },
            Column {
                default: Some(said("'7'", Some(Expr::Text("7".into())))),
                ..column("d", int(32, false))
            },
            Column {
                generated: Some(Generated {
                    expression: said("n > 1", Some(greater("n", "1"))),
                    stored: true,
                }),
                ..column("g", int(32, false))
            },
            Column {
                generated: Some(Generated {
                    expression: said("strange(n)", None),
                    stored: true,
                }),
                ..column("h", int(32, false))
            },
        ],
    );
    t.checks = vec![
        Check {
            name: Some("positive".into()),
            condition: said("n > 0", Some(greater("n", "0"))),
            validated: true,
        },
        Check {
            name: None,
            condition: said("n ~ 3", None),
            validated: true,
        },
    ];
    let settings = PlanSettings {
        tables: vec![TableWish {
            name: "t".into(),
            rename_columns: vec![("n".into(), "number".into())],
            ..TableWish::default()
        }],
        ..PlanSettings::default()
    };
    let out = converted_with(&of(vec![t]), &settings, ("old", "new"), &HashMap::new());
    let target = &out.tables[0].target;
    let texts: Vec<&str> = target
        .checks
        .iter()
        .map(|c| c.condition.text.as_str())
        .collect();
    assert_eq!(texts, ["[number] Greater 0"]);
    assert_eq!(target.columns[1].default, None);
    assert_eq!(
        target.columns[2].default.as_ref().map(|d| d.text.as_str()),
        Some("7")
    );
    assert!(out.tables[0].columns[3].computed);
    assert!(!out.tables[0].columns[4].computed && target.columns[4].generated.is_none());
    assert_eq!(
        codes(&out),
        [
            "default-not-moved",
            "generated-not-moved",
            "check-not-moved"
        ]
    );
}

#[test]
fn a_check_on_a_number_that_becomes_text_is_not_moved() {
    let mut t = table("t", vec![column("n", int(32, false))]);
    t.checks = vec![Check {
        name: None,
        condition: said("n > 0", Some(greater("n", "0"))),
        validated: true,
    }];
    let settings = PlanSettings {
        tables: vec![TableWish {
            name: "t".into(),
            cast: vec![("n".into(), "text".into())],
            ..TableWish::default()
        }],
        ..PlanSettings::default()
    };
    let out = converted_with(&of(vec![t]), &settings, ("old", "new"), &HashMap::new());
    assert_eq!(out.tables[0].target.columns[0].native, "text");
    assert_eq!(codes(&out), ["check-not-moved"]);
}

#[test]
fn indexes_keys_and_foreign_keys_follow_their_columns() {
    let part = |of, prefix| IndexPart {
        of,
        descending: false,
        nulls_first: None,
        prefix,
        collation: Some("c".into()),
        operator_class: None,
    };
    let index = |name: &str, parts, method: &str| Index {
        name: name.into(),
        parts,
        unique: false,
        method: method.into(),
        predicate: None,
        include: Vec::new(),
        nulls_not_distinct: false,
    };
    let mut a = table(
        "a",
        vec![column("x", TEXT), column("y", TEXT), column("z", TEXT)],
    );
    a.primary_key = Some(key(&["x"]));
    a.uniques = vec![key(&["y", "z"])];
    a.indexes = vec![
        index(
            "by_x",
            vec![part(IndexOf::Column("x".into()), Some(10))],
            "btree",
        ),
        index(
            "words",
            vec![part(IndexOf::Column("x".into()), None)],
            "fulltext",
        ),
        index(
            "by_z",
            vec![part(IndexOf::Column("z".into()), None)],
            "btree",
        ),
    ];
    let mut b = table("b", vec![column("x", TEXT)]);
    b.foreign_keys = vec![
        foreign_key(&["x"], "gone", &["x"]),
        foreign_key(&["x"], "a", &["x"]),
    ];
    let settings = PlanSettings {
        tables: vec![TableWish {
            name: "a".into(),
            exclude_columns: vec!["z".into()],
            ..TableWish::default()
        }],
        ..PlanSettings::default()
    };
    let out = converted_with(&of(vec![a, b]), &settings, ("old", "new"), &HashMap::new());
    let target = &out.tables[0].target;
    assert!(!target.columns[0].nullable, "a primary key has no NULL");
    assert_eq!(target.indexes.len(), 1);
    let IndexOf::Expression(text) = &target.indexes[0].parts[0].of else {
        panic!("a prefix becomes an expression");
    };
    assert_eq!(text.text, "left([x], 10)");
    assert_eq!(target.indexes[0].parts[0].collation, None);
    assert_eq!(out.tables[1].target.foreign_keys.len(), 1);
    assert_eq!(
        codes(&out),
        [
            "key-not-moved",
            "index-not-moved",
            "index-not-moved",
            "foreign-key-to-excluded"
        ]
    );
}

#[test]
fn within_one_family_texts_stay_as_they_are() {
    let mut t = table("t", vec![column("n", int(32, true))]);
    t.checks = vec![Check {
        name: None,
        condition: said("n ~ 3", None),
        validated: true,
    }];
    let mut catalog = of(vec![t]);
    catalog.views.push(View {
        name: TableName::bare("v"),
        query: "SELECT 1".into(),
        materialized: false,
    });
    let same = converted_with(
        &catalog,
        &PlanSettings::default(),
        ("old", "old"),
        &HashMap::new(),
    );
    assert_eq!(same.tables[0].target.checks[0].condition.text, "n ~ 3");
    assert_eq!(same.views.len(), 1);
    let other = converted(&catalog);
    assert!(other.views.is_empty());
    let finding = other.findings.iter().find(|f| f.code == "view-not-moved");
    assert!(finding.is_some_and(|f| f.text.contains("SELECT 1")));
}
