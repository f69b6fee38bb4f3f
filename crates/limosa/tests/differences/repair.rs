//! What `limosa repair` writes and does: the other side's rows, nothing that nobody saw, and all of it said.

use limosa::diff::{Collector, RowDifference, Showing};
use limosa::mend::{Asked, TableMended};
use limosa::outcome::Comparison;
use limosa::settings::Settings;
use limosa::{Limosa, Repaired, Repairing, Stop};
use limosa_core::engine::Role;
use limosa_testkit::{execute_mysql, execute_psql, mariadb, postgres, query_psql};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

fn open(source: &str, target: &str) -> Limosa {
    let mut settings = Settings::between(source, target).expect("the addresses are plain");
    settings.run.workers = 2;
    Limosa::open(settings).expect("two databases")
}

fn asked(to: Role) -> Asked {
    Asked { to, delete: true }
}

fn script(limosa: &Limosa, asked: Asked) -> (String, Repaired) {
    let mut out = Vec::new();
    let how = Repairing::Script(&mut out);
    let repaired = limosa
        .repair(true, asked, how, &limosa::silent(), &Stop::new())
        .expect("a script can be written");
    (String::from_utf8(out).expect("a script is text"), repaired)
}

fn execute(limosa: &Limosa, asked: Asked, folder: &Path) -> Repaired {
    let how = Repairing::Execute {
        before: Some(folder.join(format!(
            "before-{}.jsonl",
            std::fs::read_dir(folder).expect("a folder").count()
        ))),
    };
    limosa
        .repair(true, asked, how, &limosa::silent(), &Stop::new())
        .expect("it can be executed")
}

fn differing(limosa: &Limosa) -> u64 {
    let sink = |_: RowDifference| Ok(());
    let showing = Showing {
        limit: Some(0),
        ..Showing::default()
    };
    let nobody = Collector::new(showing, &sink);
    let (_, found) = limosa
        .differences(true, &nobody, &limosa::silent(), &Stop::new())
        .expect("both can be compared");
    rows(&found)
}

fn rows(found: &Comparison) -> u64 {
    assert!(found.tables.iter().all(|t| t.error.is_none()), "{found:#?}");
    found.tables.iter().map(|t| t.differing_rows).sum()
}

fn table<'r>(repaired: &'r Repaired, name: &str) -> &'r TableMended {
    let found = repaired.tables.iter().find(|t| t.table.ends_with(name));
    found.unwrap_or_else(|| panic!("{name} is not in {:#?}", repaired.tables))
}

fn reasons(mended: &TableMended) -> Vec<(&str, u64)> {
    let left = mended.left.iter();
    left.map(|l| (l.reason.as_str(), l.rows)).collect()
}

const PARTS: &str = "
    create table parent (id integer primary key, name varchar(40) not null unique);
    create table child (id integer primary key, parent integer not null references parent (id), note varchar(100));";

const HARD_PG: &str = "
    create table hard (a integer, b varchar(40) collate \"C\", t text, n numeric(20,6), d double precision, f real,
      raw bytea, at timestamp(6), day date, flag boolean, j jsonb, big bigint, u uuid, primary key (a, b));";

const HARD_MARIA: &str = "
    create table hard (a integer, b varchar(40) collate utf8mb4_nopad_bin, t longtext, n decimal(20,6), d double, f float,
      raw longblob, at datetime(6), day date, flag tinyint(1), j json, big bigint, u char(36), primary key (a, b))
      default charset utf8mb4 collate utf8mb4_general_ci;";

/// Values that an escape could break, row by row.
const TEXTS: [&str; 14] = [
    "plain",
    "it's",
    "back\\slash",
    "\\'",
    "'' ; drop table hard; --",
    "line\nbreak\r\n",
    "tab\t",
    "Zoë",
    "日本語 👩‍👩‍👧",
    " blanks ",
    "",
    "$1 ? :x %s",
    "\u{1a}\u{7f}",
    "\\N \\. \\x41",
];

/// Fills `hard` with a row for each text, by the engine's own literals.
fn hard(quote: impl Fn(&str) -> String, raw: impl Fn(usize) -> String) -> String {
    let mut sql = String::new();
    for (at, text) in TEXTS.iter().enumerate() {
        let text = quote(text);
        sql.push_str(&format!(
            "insert into hard values ({at}, {text}, {text}, {at}.123456, 0.1e0 * {at}, 0.1, {}, \
             '2024-02-29 23:59:59.{at:02}', '2024-02-29', {}, '{{\"k\": [1, 2.5, \"x\"]}}', -9223372036854775807, \
             'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11');\n",
            raw(at),
            at.is_multiple_of(2),
        ));
    }
    sql
}

/// The same rows in both. They are made in the one by Limosa itself, from the other: by a script and by statements.
fn psql_quote(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// Whatever is broken in the target.
const BREAK: &str = "
    update hard set t = 'other' where a in (1, 2); update hard set n = n + 1 where a = 3; update hard set d = d + 0.25 where a = 4;
    update hard set f = 7 where a = 5; update hard set at = null where a = 6; update hard set day = '1999-12-31' where a = 7;
    update hard set j = '{\"k\": []}' where a = 8; update hard set big = 5 where a = 9; update hard set u = null where a = 10;
    update hard set t = null where a = 11; delete from hard where a = 12;
    insert into hard (a, b) values (99, 'extra');";

#[test]
fn a_script_that_the_engines_own_client_runs_and_the_statements_themselves_mend_every_value() {
    let folder = tempfile::tempdir().expect("a folder");
    let (pg, maria) = (postgres().database(), mariadb().database());
    execute_psql(&pg, HARD_PG);
    execute_mysql(&maria, HARD_MARIA);
    let raw = |at: usize| format!("'\\x00ff5c27{at:02x}'");
    execute_psql(&pg, &hard(psql_quote, raw));
    // All rows are missing in MariaDB: a script makes them.
    let there = open(&pg, &maria);
    let (sql, repaired) = script(&there, asked(Role::Target));
    assert_eq!(table(&repaired, "hard").inserted, TEXTS.len() as u64);
    execute_mysql(&maria, &sql);
    assert_eq!(differing(&there), 0);
    // MariaDB is broken and mended by a script, and by statements.
    execute_mysql(&maria, BREAK);
    let (sql, repaired) = script(&there, asked(Role::Target));
    let hard = table(&repaired, "hard");
    assert_eq!(
        (hard.inserted, hard.updated, hard.deleted, hard.left.len()),
        (1, 11, 1, 0)
    );
    execute_mysql(&maria, &sql);
    assert_eq!(differing(&there), 0, "{sql}");
    execute_mysql(&maria, BREAK);
    let repaired = execute(&there, asked(Role::Target), folder.path());
    let hard = table(&repaired, "hard");
    assert_eq!(
        (hard.inserted, hard.updated, hard.deleted),
        (1, 11, 1),
        "{repaired:#?}"
    );
    assert_eq!(repaired.after.as_ref().map(rows), Some(0));
    // What the rows were is kept.
    let before = std::fs::read_to_string(repaired.before.expect("a file")).expect("it can be read");
    assert_eq!(before.lines().count(), 13);
    assert!(before.contains("\"action\":\"delete\"") && before.contains("\"other\""));
    // The other way: PostgreSQL is broken, and is the target, then the source.
    let back = open(&maria, &pg);
    execute_psql(&pg, BREAK);
    let (sql, repaired) = script(&back, asked(Role::Target));
    assert!(table(&repaired, "hard").left.is_empty(), "{repaired:#?}");
    execute_psql(&pg, &sql);
    assert_eq!(differing(&back), 0, "{sql}");
    execute_psql(&pg, BREAK);
    let repaired = execute(&there, asked(Role::Source), folder.path());
    assert_eq!(repaired.after.as_ref().map(rows), Some(0), "{repaired:#?}");
}

#[test]
fn the_same_with_sqlite_and_its_shell() {
    let folder = tempfile::tempdir().expect("a folder");
    let pg = postgres().database();
    execute_psql(&pg, HARD_PG);
    execute_psql(
        &pg,
        &hard(psql_quote, |at| format!("'\\x00ff5c27{at:02x}'")),
    );
    let file = folder.path().join("new.db");
    let db = rusqlite::Connection::open(&file).expect("the file opens");
    db.execute_batch(
        "create table hard (a integer, b text, t text, n decimal_text, d double, f real, raw blob, at timestamp, day date,
           flag boolean, j json, big integer, u uuid, primary key (a, b));",
    )
    .expect("the table is made");
    let url = format!("sqlite:{}", file.display());
    let there = open(&pg, &url);
    let shell = |sql: &str| {
        let mut child = Command::new("sqlite3")
            .arg("-bail")
            .arg(&file)
            .stdin(Stdio::piped())
            .spawn()
            .expect("the shell is installed");
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(sql.as_bytes()).expect("it reads");
        drop(input);
        assert!(child.wait().expect("it ends").success(), "{sql}");
    };
    let (sql, repaired) = script(&there, asked(Role::Target));
    assert_eq!(
        table(&repaired, "hard").inserted,
        TEXTS.len() as u64,
        "{repaired:#?}"
    );
    shell(&sql);
    assert_eq!(differing(&there), 0, "{sql}");
    for by_script in [true, false] {
        db.execute_batch(BREAK).expect("it is broken");
        if by_script {
            let (sql, _) = script(&there, asked(Role::Target));
            shell(&sql);
            assert_eq!(differing(&there), 0, "{sql}");
        } else {
            let repaired = execute(&there, asked(Role::Target), folder.path());
            assert_eq!(repaired.after.as_ref().map(rows), Some(0), "{repaired:#?}");
        }
    }
}

#[test]
fn what_changed_meanwhile_stays_as_it_is_and_parents_come_before_their_children() {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = (postgres().database(), postgres().database());
    for url in [&from, &to] {
        execute_psql(url, PARTS);
        execute_psql(
            url,
            "insert into parent select g, 'p' || g from generate_series(1, 20) g;
            insert into child select g, g, 'c' || g from generate_series(1, 20) g;",
        );
    }
    execute_psql(
        &from,
        "insert into parent values (30, 'new'); insert into child values (30, 30, 'new');",
    );
    execute_psql(
        &to,
        "update child set note = 'x' where id in (1, 2, 3);
         insert into parent values (40, 'old'); insert into child values (40, 40, 'old');",
    );
    let both = open(&from, &to);
    // A script is written, and then somebody writes.
    let (sql, _) = script(&both, asked(Role::Target));
    execute_psql(
        &to,
        "update child set note = 'mine' where id = 2; update child set note = 'kept' where id = 40;
        delete from child where id = 3; insert into parent values (30, 'theirs');",
    );
    // A child whose row was changed stays, and so its parent does: the script is done all or not at all.
    execute_psql(&to, "delete from child where id = 40");
    execute_psql(&to, &sql);
    assert_eq!(
        query_psql(
            &to,
            "select id, note from child where id in (1, 2, 3, 30, 40) order by id"
        ),
        "1\tc1\n2\tmine\n30\tnew"
    );
    assert_eq!(
        query_psql(&to, "select name from parent where id >= 30"),
        "theirs"
    );
    // What the database refuses is told, and all else is done.
    execute_psql(&from, "insert into parent values (50, 'twin');");
    execute_psql(&to, "insert into parent values (51, 'twin');");
    let keep = Asked {
        to: Role::Target,
        delete: false,
    };
    let repaired = execute(&both, keep, folder.path());
    let parent = table(&repaired, "parent");
    assert_eq!(parent.updated, 1);
    let left = reasons(parent);
    assert!(
        left.iter()
            .any(|(why, n)| why.contains("--delete") && *n == 1),
        "{left:?}"
    );
    assert!(
        left.iter()
            .any(|(why, n)| why.contains("changed meanwhile") && *n == 1),
        "{left:?}"
    );
    let child = table(&repaired, "child");
    assert_eq!(
        (child.inserted, child.updated, child.deleted),
        (1, 1, 0),
        "{child:?}"
    );
    assert_eq!(repaired.after.as_ref().map(rows), Some(2));
    // The other way: a name that is free only when a row was taken away is taken by the next call.
    for left in [1, 0] {
        let repaired = execute(&both, asked(Role::Source), folder.path());
        assert_eq!(
            repaired.after.as_ref().map(rows),
            Some(left),
            "{repaired:#?}"
        );
    }
}

#[test]
fn tables_without_a_key_and_rows_that_can_not_be_made_whole_are_left_by_name() {
    let (from, to) = (postgres().database(), postgres().database());
    execute_psql(&from, "create table loose (x integer); insert into loose values (1), (1), (2);
        create table part (id integer primary key, v text); insert into part values (1, 'a'), (2, 'b');");
    execute_psql(&to, "create table loose (x integer); insert into loose values (1), (3);
        create table part (id integer primary key, v text, more text not null default 'm'); insert into part values (1, 'x');");
    let both = open(&from, &to);
    let (sql, repaired) = script(&both, asked(Role::Target));
    assert_eq!(
        reasons(table(&repaired, "loose")),
        [("the table has no key by which a row could be named", 3)]
    );
    let part = table(&repaired, "part");
    assert_eq!((part.inserted, part.updated), (0, 1));
    assert_eq!(
        reasons(part),
        [(
            "column more is not compared, so that the row can not be made whole",
            1
        )]
    );
    assert!(sql.contains("UPDATE") && !sql.contains("INSERT"), "{sql}");
}
