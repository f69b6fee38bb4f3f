//! Types: of one column, along a foreign key, by the values.

use super::*;

#[test]
fn a_child_gets_the_type_of_its_parent() {
    let mut parent = table("parent", vec![column("id", int(32, true))]);
    parent.primary_key = Some(key(&["id"]));
    let mut child = table("child", vec![column("parent_id", int(32, false))]);
    child.foreign_keys = vec![foreign_key(&["parent_id"], "parent", &[])];
    let out = converted(&of(vec![parent, child]));
    let types: Vec<&Type> = out.tables.iter().map(|t| &t.target.columns[0].ty).collect();
    assert_eq!(types, [&int(64, false), &int(64, false)]);
    // What the cells are is another matter.
    assert_eq!(out.tables[1].columns[0].values, int(32, false));
    assert!(
        out.decisions[1]
            .why
            .as_deref()
            .is_some_and(|w| w.contains("parent.id"))
    );
    let fk = &out.tables[1].target.foreign_keys[0];
    assert_eq!(fk.parent_columns, ["id"]);
    assert_eq!(fk.name.as_deref(), Some("child_parent_id_fkey"));
}

#[test]
fn the_widest_type_holds_both() {
    for (a, b, want) in [
        (int(32, true), int(32, false), Some(int(64, false))),
        (int(8, true), int(32, false), Some(int(32, false))),
        (
            int(64, true),
            int(64, false),
            Some(Type::Decimal {
                precision: Some(20),
                scale: Some(0),
            }),
        ),
        (
            Type::Varchar { length: 10 },
            Type::Varchar { length: 30 },
            Some(Type::Varchar { length: 30 }),
        ),
        (Type::Char { length: 3 }, TEXT, Some(TEXT)),
        (Type::Uuid, TEXT, None),
        (Type::Date, Type::Date, Some(Type::Date)),
    ] {
        assert_eq!(widest(&a, &b), want, "{a} and {b}");
        assert_eq!(widest(&b, &a), want, "{b} and {a}");
    }
}

#[test]
fn a_hazard_without_a_policy_stops_and_names_the_setting() {
    let t = table("t", vec![column("x", TEXT), column("y", Type::Interval)]);
    let mut scan = ColumnScan {
        texts: 2,
        ..ColumnScan::default()
    };
    scan.found(Hazard::NulInText, || "7".into());
    let scans = HashMap::from([(
        TableName::bare("t"),
        TableScan {
            rows: 2,
            complete: true,
            columns: vec![("x".into(), scan)],
        },
    )]);
    let out = converted_with(
        &of(vec![t]),
        &PlanSettings::default(),
        ("old", "new"),
        &scans,
    );
    assert_eq!(codes(&out), ["nul-in-text", "type-not-supported"]);
    let first = &out.findings[0];
    assert_eq!(first.severity, Severity::Stop);
    assert_eq!(
        (first.count, first.examples.as_slice()),
        (Some(1), &["7".to_string()][..])
    );
    assert!(
        first
            .remedy
            .as_deref()
            .is_some_and(|r| r.contains(r#"nul = "strip""#))
    );
}

#[test]
fn values_decide_where_declarations_do_not_bind() {
    let scan = |f: fn(&mut ColumnScan)| {
        let mut s = ColumnScan::default();
        f(&mut s);
        s
    };
    let stamp = |zoned| Type::Timestamp {
        precision: 6,
        zoned,
    };
    let decimal = Type::Decimal {
        precision: Some(10),
        scale: Some(2),
    };
    let free = Type::Decimal {
        precision: None,
        scale: None,
    };
    let stop = MismatchPolicy::Stop;
    let widen = MismatchPolicy::Widen;
    let cases: Vec<(Type, ColumnScan, MismatchPolicy, Type, Option<Severity>)> = vec![
        (
            int(64, false),
            scan(|s| s.integers = 3),
            stop,
            int(64, false),
            None,
        ),
        (
            int(64, false),
            scan(|s| {
                s.integers = 3;
                s.texts = 1;
            }),
            stop,
            int(64, false),
            Some(Severity::Stop),
        ),
        (
            int(64, false),
            scan(|s| {
                s.integers = 3;
                s.texts = 1;
            }),
            widen,
            TEXT,
            Some(Severity::Lossy),
        ),
        (
            int(64, false),
            scan(|s| {
                s.integers = 3;
                s.reals = 1;
            }),
            widen,
            free.clone(),
            Some(Severity::Lossy),
        ),
        (
            Type::Boolean,
            scan(|s| s.typed = 4),
            stop,
            Type::Boolean,
            None,
        ),
        (
            Type::Boolean,
            scan(|s| {
                s.typed = 4;
                s.integers = 1;
                s.not_boolean = 1;
                s.max_integer = Some(2);
            }),
            stop,
            int(16, false),
            Some(Severity::Warning),
        ),
        (
            decimal.clone(),
            scan(|s| {
                s.reals = 2;
                s.scale = 2;
                s.integer_digits = 8;
            }),
            stop,
            decimal.clone(),
            None,
        ),
        (
            decimal.clone(),
            scan(|s| {
                s.reals = 2;
                s.scale = 3;
            }),
            stop,
            free.clone(),
            None,
        ),
        (
            Type::Varchar { length: 5 },
            scan(|s| {
                s.texts = 1;
                s.max_chars = 6;
            }),
            stop,
            TEXT,
            None,
        ),
        (
            stamp(false),
            scan(|s| s.typed = 2),
            stop,
            stamp(false),
            None,
        ),
        (
            stamp(false),
            scan(|s| {
                s.texts = 2;
                s.shapes.timestamp_tz = 2;
            }),
            stop,
            stamp(true),
            None,
        ),
        (
            stamp(false),
            scan(|s| {
                s.texts = 1;
                s.typed = 1;
                s.shapes.timestamp_tz = 1;
            }),
            stop,
            stamp(false),
            Some(Severity::Stop),
        ),
        (
            stamp(false),
            scan(|s| {
                s.integers = 2;
                s.min_integer = Some(1_600_000_000);
                s.max_integer = Some(1_700_000_000);
            }),
            stop,
            int(64, false),
            Some(Severity::Warning),
        ),
        (
            Type::Date,
            scan(|s| {
                s.typed = 2;
                s.texts = 1;
                s.found(Hazard::BadDate, || "1".into());
            }),
            stop,
            Type::Date,
            None,
        ),
        (
            Type::Uuid,
            scan(|s| {
                s.typed = 1;
                s.texts = 1;
            }),
            stop,
            TEXT,
            None,
        ),
        (
            Type::Dynamic,
            scan(|s| s.reals = 2),
            stop,
            Type::Float { bits: 64 },
            None,
        ),
        (Type::Dynamic, scan(|_| {}), stop, TEXT, None),
        (
            Type::Dynamic,
            scan(|s| {
                s.blobs = 1;
                s.integers = 1;
            }),
            stop,
            Type::Dynamic,
            Some(Severity::Warning),
        ),
        (
            Type::Blob { max_bytes: None },
            scan(|s| s.texts = 2),
            stop,
            TEXT,
            None,
        ),
    ];
    for (declared, scan, mismatch, want, severity) in cases {
        let policies = Policies {
            mismatch,
            ..Policies::default()
        };
        let column = column("c", declared.clone());
        let refined = refine(&TableName::bare("t"), &column, Some(&scan), &policies);
        assert_eq!(refined.ty, want, "{declared} with {scan:?}");
        assert_eq!(
            refined.findings.first().map(|f| f.severity),
            severity,
            "{declared} with {scan:?}"
        );
    }
}
