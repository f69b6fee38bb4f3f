//! What a transform costs for a row: five formulas and a filter over rows of a usual table, without any engine.

#![allow(
    missing_docs,
    reason = "criterion's macros make functions that can not have any"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use limosa_core::batch::Batch;
use limosa_core::schema::{TableName, Type};
use limosa_flow::transform::{
    Input, KeyTrace, Lookups, Output, Program, Surroundings, TransformPlan,
};
use std::hint::black_box;

const ROWS: u64 = 10_000;

fn inputs() -> Vec<Input> {
    let stamp = Type::Timestamp {
        precision: 0,
        zoned: false,
    };
    let input = |name: &str, ty: Type, nullable| Input {
        name: name.into(),
        ty,
        nullable,
    };
    vec![
        input(
            "id",
            Type::Integer {
                bits: 64,
                unsigned: false,
            },
            false,
        ),
        input("email", Type::Varchar { length: 100 }, false),
        input("name", Type::Varchar { length: 100 }, false),
        input("status", Type::Varchar { length: 10 }, false),
        input("created_date", stamp.clone(), false),
        input("modified_date", stamp, true),
    ]
}

fn rows() -> Batch {
    let mut batch = Batch::default();
    batch.reset(6);
    for n in 0..ROWS {
        batch.put_int(n as i64);
        batch.put_text(&format!("User.{n}@Example.ORG"));
        batch.put_text(&format!("  User Number {n} "));
        batch.put_text(if n % 50 == 0 { "deleted" } else { "active" });
        batch.put_timestamp(1_700_000_000_000_000 + n as i64);
        match n % 3 {
            0 => batch.put_null(),
            _ => batch.put_timestamp(1_710_000_000_000_000 + n as i64),
        }
        batch.end_row();
    }
    batch
}

fn program(outputs: Vec<Output>, filter: Option<&str>) -> Program {
    let lookups = Lookups::of(Vec::new());
    let plan = TransformPlan {
        shape: TableName::bare("users"),
        filter: filter.map(Into::into),
        inputs: inputs(),
        outputs,
        key: KeyTrace::Same,
        lookups: Vec::new(),
        salt: None,
        now: 0,
    };
    let around = Surroundings {
        salt: None,
        lookups: &lookups,
        case_sensitive: true,
    };
    Program::new(&plan, around).expect("the formulas are good")
}

fn transform(c: &mut Criterion) {
    let formula = |name: &str, text: &str| Output::Formula {
        name: name.into(),
        text: text.into(),
        ty: Type::Boolean,
    };
    let mission = program(
        vec![
            Output::Read(0),
            formula("email", "lower(email)"),
            formula("name", "trim(name)"),
            Output::Read(3),
            Output::Read(4),
            formula("updated_at", "coalesce(modified_date, created_date)"),
        ],
        Some("status <> 'deleted'"),
    );
    let passed = program((0..6).map(Output::Read).collect(), None);
    let batch = rows();
    let mut group = c.benchmark_group("transform");
    group.throughput(Throughput::Elements(ROWS));
    for (name, program) in [("mission", &mission), ("nothing", &passed)] {
        let (mut arena, mut out, mut done) = Default::default();
        group.bench_function(name, |b| {
            b.iter(|| {
                program.apply(&mut arena, black_box(&batch), &mut out, &mut done);
                black_box(out.rows())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, transform);
criterion_main!(benches);
