//! The conversion against a dialect of plain data.

use super::*;
use crate::plan::Severity;
use crate::settings::TableWish;
use limosa_core::dialect::{Fidelity, PlaceContext, Placement};
use limosa_core::expression::{Expr, Operator, SqlText};
use limosa_core::operation::Operation;
use limosa_core::policy::MismatchPolicy;
use limosa_core::scan::{ColumnScan, Hazard};
use limosa_core::schema::{
    Action, Check, ForeignKey, Generated, Index, IndexOf, IndexPart, Key, View,
};

/// A dialect that has a few types and a few words.
struct Words;

impl Dialect for Words {
    fn quote(&self, identifier: &str) -> String {
        format!("[{identifier}]")
    }

    fn literal(&self, text: &str) -> String {
        format!("'{text}'")
    }

    fn place(&self, ty: &Type, context: &PlaceContext<'_>) -> Placement {
        let mut placement = Placement {
            ty: ty.clone(),
            native: ty.to_string(),
            fidelity: Fidelity::Exact,
            force_nullable: false,
            check: None,
            note: None,
        };
        match ty {
            Type::Integer {
                bits,
                unsigned: true,
            } => {
                placement.ty = Type::Integer {
                    bits: bits * 2,
                    unsigned: false,
                };
                placement.fidelity = Fidelity::Widened;
                placement.check = Some(Expr::Binary(
                    Box::new(Expr::Column("VALUE".into())),
                    Operator::GreaterOrEqual,
                    Box::new(Expr::Number("0".into())),
                ));
            }
            Type::Text { .. } if context.scan.is_some_and(|s| s.count(Hazard::NulInText) > 0) => {
                placement.fidelity = Fidelity::Lossy {
                    policy: "nul = \"stop\"".into(),
                    stops: true,
                };
            }
            Type::Interval => placement.fidelity = Fidelity::Impossible,
            _ => {}
        }
        placement
    }

    fn wants_sizes(&self, _: &Type, _: bool) -> bool {
        true
    }
    fn wants_scan(&self, _: &Type) -> Vec<Hazard> {
        Vec::new()
    }

    fn render(&self, operation: &Operation) -> limosa_core::Result<Vec<String>> {
        Ok(vec![format!("{operation:?}")])
    }

    fn question(&self, _: &limosa_core::check::Question) -> limosa_core::Result<String> {
        Ok(String::new())
    }

    fn expression(&self, expression: &Expr) -> Option<String> {
        match expression {
            Expr::Column(c) => Some(self.quote(c)),
            Expr::Number(n) => Some(n.clone()),
            Expr::Text(t) => Some(self.literal(t)),
            Expr::Bool(b) => Some(b.to_string()),
            Expr::Binary(a, op, b) => Some(format!(
                "{} {op:?} {}",
                self.expression(a)?,
                self.expression(b)?
            )),
            Expr::Call(name, args) if name != "uuid" => {
                let args: Option<Vec<String>> = args.iter().map(|a| self.expression(a)).collect();
                Some(format!("{name}({})", args?.join(", ")))
            }
            _ => None,
        }
    }
}

fn capabilities(family: &str) -> Capabilities {
    Capabilities {
        family: family.into(),
        product: String::new(),
        version: String::new(),
        namespaces: false,
        default_namespace: None,
        identifier_limit: 63,
        identifier_limit_in_bytes: true,
        table_names_case_sensitive: true,
        column_names_case_sensitive: false,
        index_names_per_namespace: true,
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

pub(crate) fn empty_table(name: TableName) -> Table {
    Table {
        name,
        columns: Vec::new(),
        primary_key: None,
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        indexes: Vec::new(),
        triggers: Vec::new(),
        partitioning: None,
        comment: None,
        estimated_rows: None,
        estimated_bytes: None,
        unrepresented: Vec::new(),
    }
}

fn column(name: &str, ty: Type) -> Column {
    Column {
        name: name.into(),
        native: ty.to_string(),
        ty,
        nullable: true,
        default: None,
        identity: None,
        generated: None,
        on_update_now: false,
        collation: None,
        folds: false,
        comment: None,
    }
}

fn int(bits: u8, unsigned: bool) -> Type {
    Type::Integer { bits, unsigned }
}

const TEXT: Type = Type::Text { max_bytes: None };

fn said(text: &str, parsed: Option<Expr>) -> SqlText {
    SqlText {
        family: "old".into(),
        text: text.into(),
        parsed,
    }
}

fn greater(column: &str, n: &str) -> Expr {
    Expr::Binary(
        Box::new(Expr::Column(column.into())),
        Operator::Greater,
        Box::new(Expr::Number(n.into())),
    )
}

fn key(columns: &[&str]) -> Key {
    Key {
        name: None,
        columns: columns.iter().map(|c| (*c).into()).collect(),
        deferrable: false,
        initially_deferred: false,
        nulls_not_distinct: false,
    }
}

fn foreign_key(columns: &[&str], parent: &str, above: &[&str]) -> ForeignKey {
    ForeignKey {
        name: None,
        columns: columns.iter().map(|c| (*c).into()).collect(),
        parent: TableName::bare(parent),
        parent_columns: above.iter().map(|c| (*c).into()).collect(),
        on_delete: Action::NoAction,
        on_update: Action::NoAction,
        deferrable: false,
        initially_deferred: false,
        match_full: false,
        validated: true,
    }
}

fn table(name: &str, columns: Vec<Column>) -> Table {
    Table {
        columns,
        ..empty_table(TableName::bare(name))
    }
}

fn converted_with(
    catalog: &Catalog,
    settings: &PlanSettings,
    families: (&str, &str),
    scans: &HashMap<TableName, TableScan>,
) -> Converted {
    let (source, target) = (capabilities(families.0), capabilities(families.1));
    let tables: Vec<&Table> = catalog
        .tables
        .iter()
        .filter(|t| names::selected(settings, &t.name))
        .collect();
    let (names, _) = Names::new(&tables, &source, &target, settings);
    convert(
        catalog,
        &Context {
            source: &source,
            target: &target,
            dialect: &Words,
            settings,
            names: &names,
            scans,
            orphans: &Orphans::new(),
        },
    )
}

fn converted(catalog: &Catalog) -> Converted {
    converted_with(
        catalog,
        &PlanSettings::default(),
        ("old", "new"),
        &HashMap::new(),
    )
}

fn of(tables: Vec<Table>) -> Catalog {
    Catalog {
        tables,
        ..Catalog::default()
    }
}

fn codes(out: &Converted) -> Vec<&str> {
    out.findings.iter().map(|f| f.code.as_str()).collect()
}

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
