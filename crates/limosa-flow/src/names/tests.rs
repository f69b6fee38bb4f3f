use super::*;

fn capabilities(namespaces: bool, limit: usize) -> Capabilities {
    Capabilities {
        family: if namespaces { "a" } else { "b" }.into(),
        product: String::new(),
        version: String::new(),
        namespaces,
        default_namespace: namespaces.then(|| "public".into()),
        identifier_limit: limit,
        identifier_limit_in_bytes: namespaces,
        table_names_case_sensitive: namespaces,
        column_names_case_sensitive: namespaces,
        index_names_per_namespace: namespaces,
        primary_key_inline: false,
        constraints_inline: false,
        concurrent_writers: true,
        transactional_ddl: true,
        dynamic_types: false,
        embedded: false,
        change_source: "none".into(),
        snapshot_joinable: true,
        column_limit: 1000,
        settings: Vec::new(),
    }
}

fn table(name: &str) -> Table {
    let name = match name.split_once('.') {
        Some((s, n)) => TableName::within(s, n),
        None => TableName::bare(name),
    };
    crate::convert::tests::empty_table(name)
}

fn mapped(
    tables: &[&str],
    from: &Capabilities,
    to: &Capabilities,
    settings: &PlanSettings,
) -> (Vec<String>, Vec<String>) {
    let tables: Vec<Table> = tables.iter().map(|n| table(n)).collect();
    let refs: Vec<&Table> = tables.iter().collect();
    let (names, findings) = Names::new(&refs, from, to, settings);
    let called = tables
        .iter()
        .filter_map(|t| names.table(&t.name))
        .map(ToString::to_string)
        .collect();
    (called, findings.into_iter().map(|f| f.code).collect())
}

#[test]
fn patterns_have_two_signs() {
    for (pattern, text, want) in [
        ("*", "", true),
        ("a*b*c", "aXXbYYc", true),
        ("a*b", "ab", true),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("*_log", "audit_log_log", true),
        ("shop.*", "shop.orders", true),
        ("shop.*", "shops.orders", false),
        ("größe?", "größen", true),
    ] {
        assert_eq!(fits(pattern, text), want, "{pattern} {text}");
    }
}

#[test]
fn an_excluded_table_stays_even_if_it_is_included() {
    let settings = PlanSettings {
        include: vec!["shop.*".into()],
        exclude: vec!["*_log".into()],
        ..PlanSettings::default()
    };
    let chosen = |s, n| selected(&settings, &TableName::within(s, n));
    assert!(chosen("shop", "orders"));
    assert!(!chosen("shop", "audit_log"));
    assert!(!chosen("crm", "orders"));
}

#[test]
fn namespaces_become_what_the_target_has() {
    let (with, without) = (capabilities(true, 63), capabilities(false, 64));
    let plain = PlanSettings::default();
    let renamed = PlanSettings {
        rename_schemas: vec![("shop".into(), "store".into())],
        ..PlanSettings::default()
    };
    for (tables, from, to, settings, want) in [
        (&["t"][..], &without, &with, &plain, &["public.t"][..]),
        (&["public.t"], &with, &without, &plain, &["t"]),
        (&["shop.t"], &with, &without, &plain, &["t"]),
        (
            &["public.t", "shop.t"],
            &with,
            &without,
            &plain,
            &["t", "shop__t"],
        ),
        (&["shop.t"], &with, &with, &renamed, &["store.t"]),
        (
            &["public.t", "shop.t"],
            &with,
            &without,
            &renamed,
            &["t", "store__t"],
        ),
    ] {
        let (called, findings) = mapped(tables, from, to, settings);
        assert_eq!(called, want);
        assert!(findings.is_empty(), "{findings:?}");
    }
}

#[test]
fn names_that_would_be_one_stop_the_plan() {
    let (with, without) = (capabilities(true, 63), capabilities(false, 64));
    let plain = PlanSettings::default();
    let (_, findings) = mapped(&["public.T", "public.t"], &with, &without, &plain);
    assert_eq!(findings, ["name-collision"]);
    let (_, findings) = mapped(&["T", "t"], &without, &with, &plain);
    assert!(findings.is_empty());
}

#[test]
fn long_names_keep_their_beginning_and_stay_apart() {
    let to = capabilities(true, 20);
    let a = shorten("a_very_long_name_of_a_table_one", &to);
    let b = shorten("a_very_long_name_of_a_table_two", &to);
    assert_eq!(a.len(), 20);
    assert!(a.starts_with("a_very_long_") && a != b);
    let umlauts = shorten(&"ü".repeat(20), &to);
    assert!(umlauts.len() <= 20);
    assert_eq!(shorten("short", &to), "short");
}

#[test]
fn index_names_are_given_once_in_a_namespace() {
    let (from, to) = (capabilities(false, 64), capabilities(true, 63));
    let mut labels = Labels::new(&from, &to, &Names::default());
    let (orders, items) = (
        TableName::within("public", "orders"),
        TableName::within("public", "items"),
    );
    labels.reserve(&orders);
    labels.reserve(&items);
    assert_eq!(
        labels.give(&orders, "by_day", Label::Index, true),
        "orders_by_day"
    );
    let mut give = |t, wanted| labels.give(t, wanted, Label::Constraint, true);
    assert_eq!(give(&orders, "by_day"), "by_day");
    assert_eq!(give(&items, "by_day"), "items_by_day");
    assert_eq!(give(&items, "BY_DAY"), "items_BY_DAY_2");
    assert_eq!(give(&orders, "orders"), "orders_orders");
    assert_eq!(
        labels.give(&items, "items_pk", Label::Index, true),
        "items_pk"
    );
    let mut apart = Labels::new(&to, &from, &Names::default());
    for table in [&orders, &items] {
        assert_eq!(apart.give(table, "px", Label::Index, true), "px");
    }
    let mut same = Labels::new(&from, &from, &Names::default());
    for table in [&orders, &items] {
        assert_eq!(same.give(table, "c_1", Label::Constraint, true), "c_1");
    }
}
