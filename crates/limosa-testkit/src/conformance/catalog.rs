//! Inspecting and rendering.

use super::{PLAIN, Subject, planned, table};
use crate::hostile;
use limosa_core::dialect::{Fidelity, PlaceContext};
use limosa_core::engine::{Engine, Role};
use limosa_core::operation::Operation;
use limosa_core::policy::Policies;
use limosa_core::schema::{Catalog, Table};

const SCHEMA: &str = "
    create table parent (id bigint not null primary key, name varchar(40) not null,
      constraint parent_name unique (name));
    create table child (a integer not null, b varchar(20) not null, parent_id bigint,
      amount decimal(10,2) default 0 not null, note varchar(200) default 'it''s', born date,
      constraint child_pk primary key (a, b),
      constraint child_parent foreign key (parent_id) references parent (id) on delete cascade,
      constraint child_amount check (amount >= 0));
    create index child_amount_a on child (amount, a);
    create unique index child_parent_a on child (parent_id, a);
";

/// Nothing of the server's own shows.
pub fn an_empty_database_is_inspected_as_empty(subject: &Subject) {
    let (_, _, catalog) = subject.with("");
    assert!(catalog.tables.is_empty(), "{:?}", catalog.tables);
    assert!(catalog.views.is_empty(), "{:?}", catalog.views);
    assert!(catalog.sequences.is_empty(), "{:?}", catalog.sequences);
    assert!(catalog.enums.is_empty(), "{:?}", catalog.enums);
    assert!(catalog.domains.is_empty(), "{:?}", catalog.domains);
    let named: Vec<_> = catalog
        .routines
        .iter()
        .filter(|r| r.kind != "extension")
        .collect();
    assert!(named.is_empty(), "{named:?}");
}

/// The statistics may move; nothing else may. The ledger is not part of the catalog.
pub fn inspecting_twice_says_the_same(subject: &Subject) {
    let (_, engine, catalog) = subject.with(SCHEMA);
    assert_eq!(catalog.tables.len(), 2);
    let _ledger = planned(&*engine, table(&catalog, "parent"), 1);
    let again = engine.inspect().expect("a catalog can be read twice");
    assert_eq!(still(&catalog), still(&again));
    assert_eq!(
        catalog.routines, again.routines,
        "the ledger's objects are left out"
    );
}

/// The tables without what statistics say, by name.
fn still(catalog: &Catalog) -> Vec<Table> {
    let mut tables = catalog.tables.clone();
    for t in &mut tables {
        t.estimated_rows = None;
        t.estimated_bytes = None;
        // The order in which a catalog lists them means nothing.
        t.indexes.sort_by(|a, b| a.name.cmp(&b.name));
        t.uniques.sort_by(|a, b| a.columns.cmp(&b.columns));
        t.foreign_keys.sort_by(|a, b| a.columns.cmp(&b.columns));
    }
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    tables
}

/// Says tables again, in the order in which a copy says them, and runs that.
fn build(engine: &dyn Engine, tables: &[Table]) {
    let capabilities = engine.capabilities();
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for t in tables {
        let mut bare = t.clone();
        bare.indexes.clear();
        bare.triggers.clear();
        for index in &t.indexes {
            after.push(Operation::CreateIndex {
                table: t.name.clone(),
                index: index.clone(),
                columns: t.columns.clone(),
            });
        }
        if !capabilities.primary_key_inline
            && let Some(key) = bare.primary_key.take()
        {
            after.push(Operation::AddPrimaryKey(t.name.clone(), key));
        }
        if !capabilities.constraints_inline {
            for key in bare.uniques.drain(..) {
                after.push(Operation::AddUnique(t.name.clone(), key));
            }
            for check in bare.checks.drain(..) {
                after.push(Operation::AddCheck(t.name.clone(), check));
            }
        }
        before.push(Operation::CreateTable(Box::new(bare)));
    }
    if !capabilities.constraints_inline {
        for operation in &mut before {
            if let Operation::CreateTable(t) = operation {
                for key in t.foreign_keys.drain(..) {
                    after.push(Operation::AddForeignKey(t.name.clone(), key));
                }
            }
        }
        after.sort_by_key(|o| matches!(o, Operation::AddForeignKey(..)));
    }
    let mut session = engine.session().expect("a session opens");
    for operation in before.iter().chain(&after) {
        let statements = engine
            .dialect()
            .render(operation)
            .unwrap_or_else(|e| panic!("{operation:?}: {e:?}"));
        for sql in statements {
            session
                .execute(&sql)
                .unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        }
        if let Some(evidence) = operation.evidence()
            && !(capabilities.constraints_inline && matches!(operation, Operation::AddCheck(..)))
        {
            assert!(
                session.exists(&evidence).expect("objects can be asked for"),
                "{evidence:?} is there after {operation:?}"
            );
        }
    }
}

/// Inspect, render, apply, inspect again: no difference.
pub fn a_rendered_schema_is_inspected_as_the_same(subject: &Subject) {
    let (_, _, first) = subject.with(SCHEMA);
    let mut tables = first.tables.clone();
    tables.sort_by_key(|t| t.name.name != "parent");
    let url = (subject.fresh_url)();
    let target = subject.open(&url);
    build(&*target, &tables);
    let second = target.inspect().expect("a catalog can be read");
    for (a, b) in still(&first).iter().zip(&still(&second)) {
        assert_eq!(a.columns, b.columns, "columns of {}", a.name);
        assert_eq!(a, b);
    }
    assert_eq!(first.tables.len(), second.tables.len());
    // And the other way: taking the tables away leaves an empty database.
    let mut session = target.session().expect("a session opens");
    for t in ["child", "parent"] {
        let operation = Operation::DropTable(table(&second, t).name.clone());
        for sql in target
            .dialect()
            .render(&operation)
            .expect("a table can be dropped")
        {
            session
                .execute(&sql)
                .unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        }
    }
    let empty = target.inspect().expect("a catalog can be read");
    assert!(empty.tables.is_empty(), "{:?}", empty.tables);
}

/// Tables, columns and indexes of any name are made and found under exactly that name.
pub fn hostile_names_survive(subject: &Subject) {
    let (_, engine, catalog) =
        subject.with("create table model (id bigint not null primary key, v varchar(30));");
    let names = hostile::identifiers(engine.capabilities());
    let mut model = table(&catalog, "model").clone();
    // So that the tables' keys do not contend for one name.
    if let Some(key) = &mut model.primary_key {
        key.name = None;
    }
    let mut tables = Vec::new();
    for name in &names {
        let mut t = model.clone();
        t.name.name.clone_from(name);
        t.columns[1].name.clone_from(name);
        if name == "id" {
            continue;
        }
        tables.push(t);
    }
    let mut wide = model.clone();
    wide.name.name = "wide model".into();
    for name in &names {
        let mut c = model.columns[1].clone();
        c.name.clone_from(name);
        wide.columns.push(c);
    }
    wide.columns.remove(1);
    tables.push(wide);
    build(&*engine, &tables);
    let seen = engine.inspect().expect("a catalog can be read");
    for t in &tables {
        let found = seen
            .table(&t.name)
            .unwrap_or_else(|| panic!("table {:?} was not found again", t.name.name));
        let columns =
            |t: &Table| -> Vec<String> { t.columns.iter().map(|c| c.name.clone()).collect() };
        assert_eq!(columns(found), columns(t));
    }
    // Reading them quotes, too.
    let snapshot = engine.snapshot(1).expect("a snapshot is taken");
    let mut reader = snapshot.reader().expect("a reader opens");
    for t in &tables {
        let what = super::table_read(t);
        for chunk in snapshot
            .chunks(&what, 1 << 20)
            .unwrap_or_else(|e| panic!("{:?}: {e:?}", t.name.name))
        {
            let rows = super::read(&mut *reader, &what, &chunk.range, super::LIMIT)
                .unwrap_or_else(|e| panic!("{:?}: {e:?}", t.name.name));
            assert!(rows.is_empty());
        }
    }
    drop(reader);
    drop(snapshot);
    let mut session = engine.session().expect("a session opens");
    for t in &tables {
        assert_eq!(
            session
                .count(&t.name, None)
                .unwrap_or_else(|e| panic!("{e:?}")),
            0
        );
        for operation in [
            Operation::EmptyTable(t.name.clone()),
            Operation::Analyze(t.name.clone()),
            Operation::DropTable(t.name.clone()),
        ] {
            for sql in engine
                .dialect()
                .render(&operation)
                .unwrap_or_else(|e| panic!("{operation:?}: {e:?}"))
            {
                session
                    .execute(&sql)
                    .unwrap_or_else(|e| panic!("{sql}: {e:?}"));
            }
        }
    }
    if engine.capabilities().table_names_case_sensitive {
        let pairs: Vec<Table> = hostile::case_collisions()
            .iter()
            .flat_map(|(a, b)| [a, b])
            .map(|name| {
                let mut t = model.clone();
                t.name.name = (*name).into();
                t
            })
            .collect();
        build(&*engine, &pairs);
        let seen = engine.inspect().expect("a catalog can be read");
        assert!(pairs.iter().all(|t| seen.table(&t.name).is_some()));
    } else {
        super::skip("table names do not count case");
    }
}

/// A type of the engine, as a target of the same engine, is held exactly and spelled the same.
pub fn its_own_types_have_an_exact_place(subject: &Subject) {
    let (_, engine, catalog, tables) = super::types::made(subject);
    let policies = Policies::default();
    let mut wrong = Vec::new();
    for (name, case) in tables {
        let column = table(&catalog, &name)
            .column("v")
            .expect("the table has a column v");
        let place = engine.dialect().place(
            &column.ty,
            &PlaceContext {
                scan: None,
                indexed: false,
                key_columns: 0,
                key_chars: 0,
                identity: false,
                folds: column.folds,
                same_family: true,
                native: &column.native,
                policies: &policies,
            },
        );
        if !matches!(place.fidelity, Fidelity::Exact | Fidelity::Widened) {
            wrong.push(format!("{}: {place:?}", case.declared));
        } else if place.ty != column.ty {
            wrong.push(format!(
                "{}: {:?} became {place:?}",
                case.declared, column.ty
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The owner of a database may copy from it and into it.
pub fn the_owner_lacks_no_right(subject: &Subject) {
    let (_, engine, catalog) = subject.with(PLAIN);
    for role in [Role::Source, Role::Target] {
        let missing = engine
            .missing_privileges(role, &catalog)
            .unwrap_or_else(|e| panic!("{role:?}: {e:?}"));
        assert!(missing.is_empty(), "{role:?}: {missing:?}");
    }
}
