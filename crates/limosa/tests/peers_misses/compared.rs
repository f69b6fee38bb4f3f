//! Comparisons that called equal rows different, or different ones nothing worth an exit code.

use limosa_testkit::{execute_mysql, execute_psql, mariadb, postgres};
use std::process::{Command, Stdio};

/// The exit code and the words of a command.
fn limosa(arguments: &[&str]) -> (i32, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let out = Command::new(env!("CARGO_BIN_EXE_limosa"))
        .args(arguments)
        .current_dir(folder.path())
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    let words = [out.stdout, out.stderr].concat();
    (
        out.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&words).into_owned(),
    )
}

fn pair() -> (String, String) {
    let (pg, my) = (postgres().database(), mariadb().database());
    execute_psql(
        &pg,
        "create table line (id bigint primary key, flag char(1) not null, status char(10), comment varchar(44));
         insert into line select g, 'A', 'O', 'c ' || g from generate_series(1, 2000) g;",
    );
    execute_mysql(
        &my,
        "create table line (id bigint primary key, flag char(1) not null, status char(10), comment varchar(44))
           default charset utf8mb4 collate utf8mb4_nopad_bin;
         insert into line select seq, 'A', 'O', concat('c ', seq) from seq_1_to_2000;",
    );
    (pg, my)
}

#[test]
fn padding_of_char_is_no_difference() {
    let (pg, my) = pair();
    for (from, to) in [(&pg, &my), (&my, &pg)] {
        for way in [&["--no-schema"][..], &["--no-schema", "--pushdown"]] {
            let arguments = [&["verify", "--source", from, "--target", to], way].concat();
            let (code, words) = limosa(&arguments);
            assert_eq!(code, 0, "{words}");
        }
    }
}

#[test]
fn a_difference_is_in_the_exit_code() {
    let (pg, my) = pair();
    execute_mysql(&my, "update line set comment = 'x' where id = 77");
    for way in [&[][..], &["--pushdown"], &["--share", "1/1"]] {
        let base = ["verify", "--no-schema", "--source", &pg, "--target", &my];
        let (code, words) = limosa(&[&base[..], way].concat());
        assert_eq!(code, 3, "{way:?} {words}");
        assert!(words.contains("77"), "{words}");
    }
    execute_mysql(&my, "delete from line where id = 78");
    let base = ["verify", "--source", &pg, "--target", &my, "--counts-only"];
    assert_eq!(limosa(&base).0, 3);
}

#[test]
fn what_could_not_run_is_in_the_exit_code() {
    let (pg, my) = pair();
    let nowhere = format!("{pg}_is_not_there");
    let gone = format!("{my}_is_not_there");
    for (from, to) in [
        ("postgress://localhost/a", my.as_str()),
        (nowhere.as_str(), my.as_str()),
        (pg.as_str(), gone.as_str()),
        ("postgresql://nobody@127.0.0.1:1/a", my.as_str()),
        ("sqlite:/nowhere/at/all.db", my.as_str()),
    ] {
        for verb in ["verify", "run"] {
            let (code, words) = limosa(&[verb, "--source", from, "--target", to]);
            assert!(
                matches!(code, 1 | 2 | 5),
                "{verb} {from} {to}: {code} {words}"
            );
        }
    }
}
