//! Every type has a place, and policies decide.

use super::*;
use limosa_core::policy::{NotFinitePolicy, Policies};
use limosa_core::scan::ColumnScan;

fn context<'a>(policies: &'a Policies, native: &'a str) -> PlaceContext<'a> {
    PlaceContext {
        scan: None,
        indexed: false,
        key_columns: 0,
        key_chars: 0,
        identity: false,
        folds: false,
        same_family: false,
        native,
        policies,
    }
}

fn maria() -> Version {
    Version::parse("10.11.2-MariaDB")
}

#[test]
fn every_type_of_another_engine_has_a_place() {
    let p = Policies::default();
    let mysql = Version::parse("8.4.0");
    for (ty, m, my) in [
        (Type::Boolean, "tinyint(1)", "tinyint(1)"),
        (
            Type::Uuid,
            "uuid",
            "char(36) character set ascii collate ascii_bin",
        ),
        (Type::Json { normalised: true }, "json", "json"),
        (
            Type::Text { max_bytes: None },
            "longtext character set utf8mb4 collate utf8mb4_nopad_bin",
            "longtext character set utf8mb4 collate utf8mb4_0900_bin",
        ),
        (
            Type::Timestamp {
                precision: 6,
                zoned: true,
            },
            "datetime(6)",
            "datetime(6)",
        ),
        (Type::Blob { max_bytes: None }, "longblob", "longblob"),
        (
            Type::Decimal {
                precision: Some(10),
                scale: Some(-2),
            },
            "decimal(12,0)",
            "decimal(12,0)",
        ),
        (
            Type::Varchar { length: 20_000 },
            "mediumtext character set utf8mb4 collate utf8mb4_nopad_bin",
            "mediumtext character set utf8mb4 collate utf8mb4_0900_bin",
        ),
    ] {
        assert_eq!(place(&maria(), &ty, &context(&p, "")).native, m);
        assert_eq!(place(&mysql, &ty, &context(&p, "")).native, my);
    }
}

#[test]
fn an_unbounded_decimal_is_as_wide_as_its_values() {
    let p = Policies::default();
    let scan = ColumnScan {
        typed: 3,
        integer_digits: 20,
        scale: 4,
        ..ColumnScan::default()
    };
    let mut c = context(&p, "numeric");
    c.scan = Some(&scan);
    let ty = Type::Decimal {
        precision: None,
        scale: None,
    };
    assert_eq!(place(&maria(), &ty, &c).native, "decimal(31,6)");
    let wide = ColumnScan {
        typed: 1,
        integer_digits: 70,
        ..ColumnScan::default()
    };
    c.scan = Some(&wide);
    assert!(place(&maria(), &ty, &c).native.starts_with("varchar(255)"));
}

#[test]
fn values_that_are_not_finite_ask_for_a_policy() {
    let mut scan = ColumnScan {
        reals: 1,
        ..ColumnScan::default()
    };
    scan.found(Hazard::NotANumber, || "1".into());
    for (policy, stops) in [
        (NotFinitePolicy::Stop, true),
        (NotFinitePolicy::Null, false),
    ] {
        let p = Policies {
            not_finite: policy,
            ..Policies::default()
        };
        let mut c = context(&p, "");
        c.scan = Some(&scan);
        let placed = place(&maria(), &Type::Float { bits: 64 }, &c);
        assert!(matches!(placed.fidelity, Fidelity::Lossy { stops: s, .. } if s == stops));
        assert_eq!(placed.force_nullable, !stops);
    }
}

#[test]
fn the_familys_own_spelling_is_kept() {
    let p = Policies::default();
    let mut c = context(
        &p,
        "varchar(30) character set latin1 collate latin1_swedish_ci",
    );
    c.same_family = true;
    let placed = place(&maria(), &Type::Varchar { length: 30 }, &c);
    assert_eq!(placed.native, c.native);
    assert_eq!(placed.fidelity, Fidelity::Exact);
    c.native = "int(10) unsigned";
    assert_eq!(
        place(
            &maria(),
            &Type::Integer {
                bits: 32,
                unsigned: true
            },
            &c
        )
        .native,
        "int(10) unsigned"
    );
}
