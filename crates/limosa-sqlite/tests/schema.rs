//! What is inspected, said and made again is the same.

mod common;

use common::*;
use limosa_core::ErrorKind;
use limosa_core::engine::Role;
use limosa_core::operation::{ObjectRef, Operation};
use limosa_core::schema::{Catalog, IndexOf, Table, TableName, Type};

const RICH: &str = r#"
CREATE TABLE customer (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  email VARCHAR(80) NOT NULL COLLATE NOCASE CONSTRAINT email_key UNIQUE,
  born DATE, seen DATETIME DEFAULT CURRENT_TIMESTAMP, active BOOLEAN NOT NULL DEFAULT 1,
  credit DECIMAL(10, 2) DEFAULT -12.5, note TEXT DEFAULT 'it''s, (fine)', extra JSON, raw BLOB DEFAULT x'00ff', loose,
  uid UUID DEFAULT (lower(hex(randomblob(16)))), word TEXT DEFAULT "quoted", bare TEXT DEFAULT plain,
  CONSTRAINT positive CHECK (credit > -100 AND note <> ')'), CHECK (active IN (0, 1))
);
CREATE TABLE "or""der, (x" (
  "a b" INTEGER, [c] TEXT NOT NULL, total REAL GENERATED ALWAYS AS ("a b" * 1.5) STORED, twice INT AS ("a b" * 2),
  customer_id INTEGER REFERENCES customer ON DELETE CASCADE ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED,
  PRIMARY KEY ("a b", [c]), UNIQUE (c, customer_id),
  CONSTRAINT self FOREIGN KEY ("a b", c) REFERENCES "or""der, (x" ("a b", c) ON DELETE RESTRICT
);
CREATE TABLE narrow (k TEXT, v INTEGER, PRIMARY KEY (k, v)) WITHOUT ROWID;
CREATE TABLE tight (id INTEGER PRIMARY KEY, t TEXT NOT NULL, r REAL, b BLOB, a ANY) STRICT;
CREATE TABLE plain (x, y);
CREATE TABLE odd (rowid TEXT, _rowid_ TEXT, oid TEXT);
CREATE UNIQUE INDEX by_mail ON customer (lower(email), born DESC) WHERE active = 1;
CREATE INDEX by_note ON customer (note COLLATE NOCASE, credit);
CREATE VIEW adults(name, n) AS SELECT email, id FROM customer WHERE born < '2000-01-01';
CREATE TRIGGER touch AFTER UPDATE ON customer BEGIN UPDATE customer SET seen = CURRENT_TIMESTAMP WHERE id = new.id; END;
CREATE VIRTUAL TABLE words USING fts5(body);
CREATE TABLE limosa_own (x);
INSERT INTO customer (email) VALUES ('a@b'), ('c@d');
DELETE FROM customer WHERE id = 2;
"#;

fn operations(catalog: &Catalog) -> Vec<Operation> {
    let mut out = Vec::new();
    for table in &catalog.tables {
        let mut bare = table.clone();
        bare.indexes.clear();
        bare.triggers.clear();
        out.push(Operation::CreateTable(Box::new(bare)));
    }
    for table in &catalog.tables {
        for index in &table.indexes {
            out.push(Operation::CreateIndex {
                table: table.name.clone(),
                index: index.clone(),
                columns: table.columns.clone(),
            });
        }
        if let Some((column, next)) = table
            .columns
            .iter()
            .find_map(|c| Some((c.name.clone(), c.identity.as_ref()?.next?)))
        {
            out.push(Operation::SetCounter {
                table: table.name.clone(),
                column,
                next,
            });
        }
    }
    out.extend(catalog.views.iter().cloned().map(Operation::CreateView));
    out
}

/// What is not made again by operations, or is measured.
fn comparable(mut catalog: Catalog) -> Catalog {
    for table in &mut catalog.tables {
        table.triggers.clear();
        table.estimated_bytes = None;
        table.estimated_rows = None;
    }
    catalog.notes.clear();
    catalog
}

#[test]
fn an_inspected_schema_is_made_again_as_it_was() {
    let place = Place::new();
    let source = place.with("a.db", RICH);
    let catalog = source.inspect().expect("inspects");
    let target = place.engine("b.db");
    apply(&*target, &operations(&catalog));
    let again = target.inspect().expect("inspects");
    for (a, b) in comparable(catalog.clone())
        .tables
        .iter()
        .zip(&comparable(again.clone()).tables)
    {
        assert_eq!(a, b);
    }
    assert_eq!(comparable(catalog), comparable(again));
}

#[test]
fn a_note_before_a_computed_column_is_no_part_of_its_type() {
    use limosa_core::expression::SqlText;
    use limosa_core::schema::{Column, Generated};
    let place = Place::new();
    let target = place.with(
        "a.db",
        "CREATE TABLE t (id INTEGER NOT NULL, d TEXT) STRICT;",
    );
    let mut catalog = target.inspect().expect("inspects");
    let mut table = catalog.tables.remove(0);
    table.name = TableName::bare("made");
    let note = r#"TEXT STRICT /* limosa: {"decimal":{"precision":9,"scale":2}} */"#;
    let computed = |name: &str, stored| Column {
        name: name.into(),
        native: note.into(),
        ty: Type::Decimal {
            precision: Some(9),
            scale: Some(2),
        },
        generated: Some(Generated {
            expression: SqlText {
                family: "sqlite".into(),
                text: "d || '0'".into(),
                parsed: None,
            },
            stored,
        }),
        nullable: true,
        ..table.columns[1].clone()
    };
    let more = [computed("kept", true), computed("shown", false)];
    table.columns.extend(more);
    apply(&*target, &[Operation::CreateTable(Box::new(table.clone()))]);
    let again = target.inspect().expect("inspects");
    let made = again
        .table(&TableName::bare("made"))
        .expect("it is there")
        .clone();
    for (a, b) in table.columns.iter().zip(&made.columns) {
        assert_eq!((&a.native, &a.ty), (&b.native, &b.ty), "{}", a.name);
        assert_eq!(
            a.generated.as_ref().map(|g| (&g.expression.text, g.stored)),
            b.generated.as_ref().map(|g| (&g.expression.text, g.stored))
        );
    }

    // What an earlier version wrote, where it was taken.
    let old = place.with(
        "b.db",
        &format!(
            "CREATE TABLE t (d TEXT, g {} GENERATED ALWAYS AS (d) STORED);",
            note.replace(" STRICT", "")
        ),
    );
    let catalog = old.inspect().expect("inspects");
    assert_eq!(catalog.tables[0].columns[1].ty, table.columns[2].ty);
}

#[test]
fn a_rich_schema_is_seen_whole() {
    let place = Place::new();
    let catalog = place.with("a.db", RICH).inspect().expect("inspects");
    let names: Vec<_> = catalog
        .tables
        .iter()
        .map(|t| t.name.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["customer", "narrow", "odd", "or\"der, (x", "plain", "tight"]
    );
    assert!(catalog.notes.iter().any(|n| n.contains("words (fts5)")));
    let customer = table(&catalog, "customer");
    let identity = customer.columns[0].identity.as_ref().expect("it counts");
    assert_eq!(identity.next, Some(3));
    assert!(!customer.columns[0].nullable);
    assert!(customer.columns[1].folds);
    assert_eq!(customer.columns[1].ty, Type::Varchar { length: 80 });
    assert_eq!(customer.uniques[0].name.as_deref(), Some("email_key"));
    assert_eq!(customer.checks[0].name.as_deref(), Some("positive"));
    assert_eq!(customer.checks.len(), 2);
    assert_eq!(customer.triggers.len(), 1);
    let default = |t: &Table, c: &str| t.column(c).and_then(|c| c.default.clone()).map(|d| d.text);
    assert_eq!(default(&customer, "word").as_deref(), Some("'quoted'"));
    assert_eq!(default(&customer, "bare").as_deref(), Some("'plain'"));
    let mail = customer
        .indexes
        .iter()
        .find(|i| i.name == "by_mail")
        .expect("is there");
    assert!(mail.unique && mail.parts[1].descending);
    assert!(matches!(&mail.parts[0].of, IndexOf::Expression(e) if e.text == "lower(email)"));
    assert_eq!(
        mail.predicate.as_ref().map(|p| p.text.as_str()),
        Some("active = 1")
    );
    let order = table(&catalog, "or\"der, (x");
    let key = &order.foreign_keys[0];
    assert_eq!(key.parent_columns, ["id"]);
    assert!(key.initially_deferred);
    assert_eq!(order.foreign_keys[1].name.as_deref(), Some("self"));
    assert!(
        order
            .column("total")
            .is_some_and(|c| c.generated.as_ref().is_some_and(|g| g.stored))
    );
    assert_eq!(table(&catalog, "plain").columns[0].ty, Type::Dynamic);
    assert_eq!(table(&catalog, "tight").columns[1].native, "TEXT STRICT");
    assert_eq!(table(&catalog, "narrow").identifying_columns(), ["k", "v"]);
}

#[test]
fn a_file_that_is_not_there_is_an_error_to_read_and_is_made_by_writing() {
    let place = Place::new();
    let engine = place.engine("new.db");
    let empty = Catalog::default();
    assert!(
        engine
            .inspect()
            .expect("an empty catalog")
            .tables
            .is_empty()
    );
    let e = engine
        .missing_privileges(Role::Source, &empty)
        .expect_err("no source");
    assert_eq!(e.kind(), ErrorKind::Missing);
    assert!(
        engine
            .missing_privileges(Role::Target, &empty)
            .expect("asks")
            .is_empty()
    );
    assert_eq!(
        engine.snapshot(1).err().map(|e| e.kind()),
        Some(ErrorKind::Missing)
    );
    let mut session = engine.session().expect("a session");
    assert!(
        !session
            .exists(&ObjectRef::Table(TableName::bare("t")))
            .expect("asks")
    );
    assert!(!place.path("new.db").exists(), "asking makes no file");
    session
        .execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        .expect("makes the file");
    assert!(
        session
            .exists(&ObjectRef::Table(TableName::bare("T")))
            .expect("asks")
    );
    session
        .execute("INSERT INTO t VALUES (1), (7)")
        .expect("writes");
    assert_eq!(
        session.greatest(&TableName::bare("t"), "id").expect("asks"),
        Some(7)
    );
    assert_eq!(
        session.count(&TableName::bare("t"), Some(1)).expect("asks"),
        1
    );
    assert_eq!(session.count(&TableName::bare("t"), None).expect("asks"), 2);
    assert_eq!(
        session
            .query("SELECT id, NULL, 1.5, x'ff' FROM t ORDER BY id LIMIT 1")
            .expect("asks"),
        [[
            Some("1".to_owned()),
            None,
            Some("1.5".into()),
            Some("ff".into())
        ]]
    );
}

#[test]
fn one_file_has_one_identity_whatever_leads_to_it() {
    let place = Place::new();
    let a = place.with("a.db", "CREATE TABLE t (x)");
    std::os::unix::fs::symlink(place.path("a.db"), place.path("link.db")).expect("links");
    let b = limosa_sqlite::open(&place.path("link.db").display().to_string()).expect("opens");
    assert_eq!(
        a.identity().expect("is told"),
        b.identity().expect("is told")
    );
    let c = place.with("c.db", "CREATE TABLE t (x)");
    assert_ne!(
        a.identity().expect("is told"),
        c.identity().expect("is told")
    );
}

#[test]
fn what_is_no_database_is_refused_with_a_remedy() {
    let place = Place::new();
    std::fs::write(place.path("a.db"), vec![b'x'; 4096]).expect("writes");
    let url = format!("sqlite://{}", place.path("a.db").display());
    let e = limosa_sqlite::open(&url).err().expect("is refused");
    assert_eq!(e.kind(), ErrorKind::File);
    assert!(e.remedy().is_some());
}

#[test]
fn hostile_names_stay_names() {
    let place = Place::new();
    let name = "t\"; DROP TABLE x; -- '`[]é\u{202e}";
    let quoted = name.replace('"', "\"\"");
    let engine = place.with(
        "a.db",
        &format!("CREATE TABLE \"{quoted}\" (\"{quoted}\" INTEGER PRIMARY KEY, \"select\" TEXT DEFAULT 'x'); INSERT INTO \"{quoted}\" DEFAULT VALUES"),
    );
    let catalog = engine.inspect().expect("inspects");
    let t = table(&catalog, name);
    assert_eq!(t.columns[0].name, name);
    let snapshot = engine.snapshot(1).expect("a snapshot");
    let read = read_of(&t, false);
    let chunks = snapshot.chunks(&read, 1).expect("cuts");
    let ranges: Vec<_> = chunks.into_iter().map(|c| c.range).collect();
    assert_eq!(read_all(&*snapshot, &read, &ranges).len(), 1);
    let target = place.engine("b.db");
    apply(&*target, &operations(&catalog));
    assert_eq!(
        table(&target.inspect().expect("inspects"), name).columns,
        t.columns
    );
}

#[test]
fn a_virtual_table_of_an_unknown_module_does_not_stop_the_inspection() {
    let place = Place::new();
    let engine = place.with(
        "a.db",
        "CREATE TABLE t (x); PRAGMA writable_schema = ON; \
         INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql) \
         VALUES ('table', 'v', 'v', 0, 'CREATE VIRTUAL TABLE v USING nosuch(a, b)')",
    );
    let catalog = engine.inspect().expect("inspects");
    assert_eq!(catalog.tables.len(), 1);
    assert!(
        catalog.notes.iter().any(|n| n.contains("nosuch")),
        "{:?}",
        catalog.notes
    );
}
