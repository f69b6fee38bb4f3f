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
fn json_that_a_server_would_change_is_kept_as_text() {
    let p = Policies::default();
    let mysql = Version::parse("8.4.0");
    for (hazard, on_maria, on_mysql) in [
        (Hazard::WideJson, "json", "longtext"),
        (Hazard::DeepJson, "longtext", "json"),
        (Hazard::OddJson, "json", "longtext"),
    ] {
        let mut scan = ColumnScan {
            typed: 1,
            ..ColumnScan::default()
        };
        scan.found(hazard, || "1".into());
        let mut c = context(&p, "jsonb");
        c.scan = Some(&scan);
        for ty in [
            Type::Json { normalised: true },
            Type::Array {
                element: Box::new(Type::Json { normalised: true }),
            },
        ] {
            let word = |v: &Version| {
                let native = place(v, &ty, &c).native;
                native.split(' ').next().unwrap_or_default().to_owned()
            };
            assert_eq!(word(&maria()), on_maria, "{hazard:?}");
            assert_eq!(word(&mysql), on_mysql, "{hazard:?}");
        }
    }
}

#[test]
fn dates_with_a_zero_stay_and_others_ask() {
    let mut scan = ColumnScan {
        typed: 1,
        texts: 1,
        ..ColumnScan::default()
    };
    for hazard in [Hazard::BadDate, Hazard::ZeroDate] {
        scan.found(hazard, || "1".into());
    }
    let p = Policies::default();
    let mut c = context(&p, "date");
    c.scan = Some(&scan);
    assert_eq!(place(&maria(), &Type::Date, &c).fidelity, Fidelity::Exact);
    let null = Policies {
        bad_date: limosa_core::policy::BadDatePolicy::Null,
        ..p
    };
    let mut asks = context(&null, "date");
    asks.scan = Some(&scan);
    assert!(place(&maria(), &Type::Date, &asks).force_nullable);
    let mut other = scan.clone();
    other.found(Hazard::BadDate, || "2".into());
    c.scan = Some(&other);
    let placed = place(&maria(), &Type::Date, &c).fidelity;
    assert!(matches!(placed, Fidelity::Lossy { stops: true, .. }));
}

#[test]
fn what_stops_is_said_before_what_changes() {
    let mut scan = ColumnScan {
        reals: 2,
        ..ColumnScan::default()
    };
    scan.found(Hazard::NotANumber, || "1".into());
    scan.found(Hazard::NegativeZero, || "2".into());
    let p = Policies {
        not_finite: NotFinitePolicy::Null,
        ..Policies::default()
    };
    let mut c = context(&p, "");
    c.scan = Some(&scan);
    let placed = place(&maria(), &Type::Float { bits: 64 }, &c);
    let Fidelity::Lossy { policy, stops } = placed.fidelity else {
        panic!("{placed:?}");
    };
    assert_eq!((policy.as_str(), stops), ("precision = \"stop\"", true));
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
