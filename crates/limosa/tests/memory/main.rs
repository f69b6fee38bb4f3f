//! `--memory` holds: the greatest resident memory of the whole process, over scan, copy and
//! verification, as the kernel counts it.
//!
//! Linux only: elsewhere the tests say that they are skipped.

mod child;
mod data;
#[allow(dead_code, reason = "shared with the cases end to end")]
#[path = "../e2e/engine.rs"]
mod engine;

use child::limosa;
use engine::Engine::{self, Maria, Postgres, Sqlite};
use limosa_testkit::MariaServer;

const MIB: u64 = 1 << 20;

/// What the program takes beside its budget: code and libraries that were touched (some 20 MiB of a
/// debug build), stacks, connections.
const PROGRAM: u64 = 24 * MIB;

/// Says what was measured, so that a slow growth can be seen before it is a failure.
#[allow(clippy::print_stdout, reason = "the numbers are the point")]
fn say(what: &str, peak: u64) {
    println!("{what}: {} MiB at most", peak / MIB);
}

/// One source to every target.
fn huge_cells_from(from: Engine) {
    if !child::measurable() {
        return;
    }
    let here = tempfile::tempdir().expect("a folder can be made");
    let old = from.database(here.path(), "old.db");
    data::huge(&old, from);
    let mut failed = Vec::new();
    for to in Engine::ALL {
        let new = to.database(here.path(), "new.db");
        let options = ["--workers", "2", "--memory", "256MiB"];
        let ended = limosa(here.path(), &old.url, &new.url, "run", &options);
        say(&format!("{from:?} to {to:?}"), ended.peak);
        // The verdict is in the code: 0 says that all was compared and is equal.
        if ended.code != 0 || ended.peak > 256 * MIB + PROGRAM {
            failed.push(format!(
                "{from:?} to {to:?}: exit code {}, {} MiB\n{}",
                ended.code,
                ended.peak / MIB,
                ended.words
            ));
        }
        std::fs::remove_dir_all(here.path().join(".limosa")).ok();
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn huge_cells_from_sqlite() {
    huge_cells_from(Sqlite);
}

#[test]
fn huge_cells_from_postgres() {
    huge_cells_from(Postgres);
}

#[test]
fn huge_cells_from_mariadb() {
    huge_cells_from(Maria);
}

#[test]
fn ordinary_rows_in_64_mib() {
    if !child::measurable() {
        return;
    }
    for (from, to) in [(Sqlite, Postgres), (Postgres, Maria), (Maria, Sqlite)] {
        let here = tempfile::tempdir().expect("a folder can be made");
        let (old, new) = (
            from.database(here.path(), "old.db"),
            to.database(here.path(), "new.db"),
        );
        data::plain(&old, from, 100_000);
        let options = ["--workers", "2", "--memory", "64MiB"];
        let ended = limosa(here.path(), &old.url, &new.url, "run", &options);
        say(&format!("{from:?} to {to:?}"), ended.peak);
        assert_eq!(ended.code, 0, "{}", ended.words);
        assert!(ended.peak <= 64 * MIB + PROGRAM, "{}", ended.peak / MIB);
    }
}

/// As many columns as PostgreSQL has, or InnoDB, where the target can have them; before anything
/// moves it is said where it can not.
fn many_columns_from(from: Engine) {
    let columns = if from == Maria { 1_017 } else { 1_600 };
    let here = tempfile::tempdir().expect("a folder can be made");
    let old = from.database(here.path(), "old.db");
    data::wide(&old, from, columns, 2_000);
    for to in Engine::ALL {
        let new = to.database(here.path(), "new.db");
        let options = ["--workers", "2", "--memory", "256MiB"];
        let ended = limosa(here.path(), &old.url, &new.url, "run", &options);
        say(&format!("{from:?} to {to:?}"), ended.peak);
        let what = format!("{from:?} to {to:?}: {}\n{}", ended.code, ended.words);
        if to == Maria && columns > 1_017 {
            assert_eq!(ended.code, 5, "{what}");
            let says = format!("the table has {columns} columns, and the target allows 1017");
            assert!(ended.words.contains(&says), "{what}");
            let tables = new.ask(
                "SELECT count(*) FROM information_schema.tables WHERE table_schema = database()",
            );
            assert_eq!(tables, "0", "{what}");
        } else {
            assert_eq!(ended.code, 0, "{what}");
            assert!(ended.peak <= 256 * MIB + PROGRAM, "{what}");
        }
        std::fs::remove_dir_all(here.path().join(".limosa")).ok();
    }
}

#[test]
fn many_columns_from_sqlite() {
    many_columns_from(Sqlite);
}

#[test]
fn many_columns_from_postgres() {
    many_columns_from(Postgres);
}

#[test]
fn many_columns_from_mariadb() {
    many_columns_from(Maria);
}

/// A row above the budget is said, with the budget that is enough; with that the run goes on.
fn a_row_above_the_budget_from(from: Engine) {
    let here = tempfile::tempdir().expect("a folder can be made");
    let old = from.database(here.path(), "old.db");
    data::large(&old, from, (40 << 20) - 1000);
    data::plain(&old, from, 1_000);
    // Its own wire format needs no room between two of PostgreSQL.
    let to = if from == Sqlite { Postgres } else { Sqlite };
    let new = to.database(here.path(), "new.db");
    let run = |memory: &str| {
        let options = ["--workers", "2", "--memory", memory];
        limosa(here.path(), &old.url, &new.url, "run", &options)
    };
    let ended = run("64MiB");
    assert!(
        matches!(ended.code, 1 | 4),
        "{}\n{}",
        ended.code,
        ended.words
    );
    assert!(
        ended
            .words
            .contains("a row of 40 MiB does not fit into the 64 MiB of --memory"),
        "{}",
        ended.words
    );
    let enough = ended
        .words
        .split_once("Run again with --memory ")
        .and_then(|(_, rest)| rest.split_once(' '))
        .map(|(memory, _)| memory.to_owned())
        .unwrap_or_else(|| panic!("it says what to do: {}", ended.words));
    let ended = run(&enough);
    assert_eq!(ended.code, 0, "{enough}: {}", ended.words);
}

#[test]
fn a_row_above_the_budget_from_sqlite() {
    a_row_above_the_budget_from(Sqlite);
}

#[test]
fn a_row_above_the_budget_from_postgres() {
    a_row_above_the_budget_from(Postgres);
}

#[test]
fn a_row_above_the_budget_from_mariadb() {
    a_row_above_the_budget_from(Maria);
}

/// However many rows differ: memory for differences has a bound of its own. As many as do not fit into it; with
/// `LIMOSA_CASES=1000000`, a million.
#[test]
fn differing_rows_without_number_are_compared_in_150_mib() {
    if !child::measurable() {
        return;
    }
    let here = tempfile::tempdir().expect("a folder can be made");
    let (old, new) = (
        Sqlite.database(here.path(), "old.db"),
        Postgres.database(here.path(), "new.db"),
    );
    let rows = std::env::var("LIMOSA_CASES").ok();
    let rows: u64 = rows.and_then(|n| n.parse().ok()).unwrap_or(200_000);
    old.execute(&format!(
        "create table t (id integer primary key not null, n integer not null);
         with recursive g(i) as (select 1 union all select i + 1 from g where i < {rows}) insert into t select i, i from g;",
    ));
    new.execute(&format!(
        "create table t (id bigint primary key, n bigint not null);
         insert into t select g, g + 1 from generate_series(1, {rows}) g;",
    ));
    for options in [
        &["--alone", "--workers", "2"][..],
        &["--alone", "--workers", "2", "--pushdown"],
    ] {
        let ended = limosa(here.path(), &old.url, &new.url, "verify", options);
        say(&format!("{options:?}"), ended.peak);
        assert_eq!(ended.code, 3, "{}", ended.words);
        let said = format!("{} differ", limosa::settings::amount::show_count(rows));
        assert!(ended.words.contains(&said), "{}", ended.words);
        assert!(ended.peak <= 150 * MIB, "{} MiB", ended.peak / MIB);
    }
}

/// A load is a stream and is not bounded by the server's `max_allowed_packet`; a statement is.
#[test]
fn a_cell_above_max_allowed_packet() {
    let here = tempfile::tempdir().expect("a folder can be made");
    let old = Postgres.database(here.path(), "");
    data::large(&old, Postgres, 20 << 20);
    for (infile, code) in [("1", 0), ("0", 4)] {
        let infile_option = format!("--local-infile={infile}");
        let server = MariaServer::private(&["--max-allowed-packet=16M", &infile_option]);
        let ended = limosa(here.path(), &old.url, &server.database(), "run", &[]);
        assert_eq!(ended.code, code, "{}", ended.words);
        if code != 0 {
            for word in ["large", "max_allowed_packet"] {
                assert!(ended.words.contains(word), "{word}: {}", ended.words);
            }
        }
        std::fs::remove_dir_all(here.path().join(".limosa")).ok();
    }
}
