//! What `limosa diff` shows: every row and cell that differs, and the rule behind them.

use limosa::diff::{Collector, RowDifference, Said, Showing};
use limosa::outcome::{ColumnCauses, Comparison};
use limosa::settings::Settings;
use limosa::{Limosa, Stop};
use limosa_testkit::{execute_mysql, execute_psql, mariadb, postgres};
use std::sync::Mutex;

/// The rows that differ, and the comparison.
pub(crate) fn differences(
    source: &str,
    target: &str,
    showing: Showing,
    change: impl FnOnce(&mut Settings),
) -> (Vec<RowDifference>, Comparison) {
    let mut settings = Settings::between(source, target).expect("the addresses are plain");
    settings.run.workers = 2;
    settings.run.chunk_bytes = 50_000;
    change(&mut settings);
    let limosa = Limosa::open(settings).expect("two databases");
    let rows = Mutex::new(Vec::new());
    let sink = |row: RowDifference| {
        rows.lock().expect("no test panics in it").push(row);
        Ok(())
    };
    let collector = Collector::new(showing, &sink);
    let (_, comparison) = limosa
        .differences(true, &collector, &limosa::silent(), &Stop::new())
        .expect("both can be compared");
    collector.finish().expect("rows go into a list");
    let rows = rows.into_inner().expect("no test panics in it");
    (rows, comparison)
}

fn said(side: &Option<Said>) -> &str {
    match side {
        None => "",
        Some(Said::Null) => "NULL",
        Some(Said::Value(text)) => text,
    }
}

/// `table key kind: column source|target, …`.
fn line(row: &RowDifference) -> String {
    let key: Vec<&str> = row.key.iter().map(|(_, v)| v.as_str()).collect();
    let cells: Vec<String> = row
        .cells
        .iter()
        .map(|c| format!("{} {}|{}", c.column, said(&c.source), said(&c.target)))
        .collect();
    let name = row.table.rsplit('.').next().unwrap_or_default();
    format!(
        "{name} {} {}: {}",
        key.join(","),
        row.kind,
        cells.join(", ")
    )
}

fn lines(rows: &[RowDifference]) -> Vec<String> {
    let mut out: Vec<String> = rows.iter().map(line).collect();
    out.sort();
    out
}

fn causes(comparison: &Comparison) -> Vec<String> {
    let tables = comparison.tables.iter();
    let mut out: Vec<String> = tables
        .flat_map(|t| t.causes.iter().flat_map(ColumnCauses::lines))
        .collect();
    out.sort();
    out
}

fn some(limit: usize) -> Showing {
    Showing {
        limit: Some(limit),
        ..Showing::default()
    }
}

#[test]
fn rows_and_cells_are_shown_with_text_keys_composite_keys_and_without_a_key() {
    let (pg, maria) = (postgres().database(), mariadb().database());
    execute_psql(
        &pg,
        "create table words (word varchar(40) collate \"C\" primary key, n integer, t text);
         insert into words select 'w' || g, g, 'x' from generate_series(1, 300) g;
         insert into words values ('Zoë', 1, E'Zo\\u00EB'), ('gone', 2, null);
         create table pairs (a integer, b varchar(10), c text, primary key (a, b));
         insert into pairs values (1, 'x', 'one'), (1, 'y', 'two'), (2, 'x', null);
         create table loose (x integer, y text);
         insert into loose values (1, 'a'), (1, 'a'), (2, 'b'), (null, null);",
    );
    execute_mysql(
        &maria,
        "create table words (word varchar(40) collate utf8mb4_nopad_bin primary key, n integer, t longtext)
           default charset utf8mb4;
         insert into words select concat('w', seq), seq, 'x' from seq_1_to_300;
         insert into words values ('Zoë', 1, concat('Zoe', _utf8mb4 x'CC88')), ('more', 3, 'm');
         create table pairs (a integer, b varchar(10) collate utf8mb4_nopad_bin, c longtext, primary key (a, b))
           default charset utf8mb4;
         insert into pairs values (1, 'x', 'one '), (1, 'y', 'two'), (2, 'x', '');
         create table loose (x integer, y longtext) default charset utf8mb4;
         insert into loose values (1, 'a'), (2, 'b'), (2, 'b'), (2, 'b'), (3, null);",
    );
    let (rows, comparison) = differences(&pg, &maria, some(100), |_| {});
    assert_eq!(
        lines(&rows),
        [
            "loose  count: x 1|1, y a|a",
            "loose  count: x 2|2, y b|b",
            "loose  count: x NULL|, y NULL|",
            "loose  count: x |3, y |NULL",
            "pairs 1,x differs: c one|one ",
            "pairs 2,x differs: c NULL|",
            "words Zoë differs: t Zoë|Zoe\u{308}",
            "words gone missing: word gone|, n 2|, t NULL|",
            "words more extra: word |more, n |3, t |m",
        ]
    );
    let times = |values: &str| {
        let row = rows.iter().find(|r| line(r).contains(values));
        row.and_then(|r| r.times)
    };
    assert_eq!(times("x 1|1"), Some((2, 1)));
    assert_eq!(times("x 2|2"), Some((1, 3)));
    let zoe = rows.iter().find(|r| r.key.iter().any(|k| k.1 == "Zoë"));
    let look = zoe.and_then(|r| r.cells[0].look.clone()).expect("texts");
    assert_eq!((look.first_differing_byte, look.alike), (2, true));
    assert_eq!(look.source_code_points, "U+00EB");
    assert_eq!(look.target_code_points, "U+0065 U+0308");
    assert!(causes(&comparison).contains(
        &"t: 1 value; such differ only in the Unicode normal form (NFC, NFD)".to_owned()
    ));

    // Masked columns stay masked, and hashes stand for values where that is asked.
    let showing = Showing {
        masked: vec!["words.t".into(), "pairs.b".into()],
        ..some(100)
    };
    let (rows, _) = differences(&pg, &maria, showing, |_| {});
    let all = lines(&rows).join("\n");
    assert!(all.contains("words Zoë differs: t ***|***"), "{all}");
    assert!(all.contains("pairs 1,*** differs: c one|one "), "{all}");
    let showing = Showing {
        redact: true,
        ..some(100)
    };
    let (rows, _) = differences(&pg, &maria, showing, |_| {});
    let all = lines(&rows).join("\n");
    assert!(all.contains("words Zoë differs: t hash "), "{all}");
    assert!(!all.contains("one |") && !all.contains("two"), "{all}");
    // With a limit the first by key are shown.
    let (rows, comparison) = differences(&pg, &maria, some(1), |_| {});
    assert_eq!(lines(&rows).len(), 3);
    assert_eq!(line(&rows[1]), "pairs 1,x differs: c one|one ");
    assert_eq!(
        comparison
            .tables
            .iter()
            .map(|t| t.differing_rows)
            .sum::<u64>(),
        10
    );
}

#[test]
fn a_rule_that_explains_every_row_is_named_whatever_the_number() {
    let (pg, maria) = (postgres().database(), mariadb().database());
    execute_psql(
        &pg,
        "create table hard (id bigint primary key, at timestamptz, local timestamp, name text, price numeric(12,4),
           f double precision, note text, first text, last text);
         insert into hard select g, timestamptz '2024-01-01 00:00:00Z' + g * interval '1 hour',
           timestamp '2024-01-01 00:30:00' + g * interval '3 hours', repeat('ä', 10) || g, g + 0.1234, g / 3.0,
           'Grüße ' || g, 'a' || g, 'b' || g from generate_series(1, 4000) g;",
    );
    execute_mysql(
        &maria,
        "set time_zone = '+00:00';
         create table hard (id bigint primary key, at timestamp(6) null, local datetime(6), name longtext,
           price decimal(12,4), f double, note longtext, first longtext, last longtext) default charset utf8mb4;
         insert into hard select seq, timestamp '2024-01-01 02:00:00' + interval seq hour,
           timestamp '2024-01-01 00:30:00' + interval seq * 3 hour
             + interval if(timestamp '2024-01-01 00:30:00' + interval seq * 3 hour between '2024-03-31 01:00:00'
               and '2024-10-27 00:59:59' or timestamp '2024-01-01 00:30:00' + interval seq * 3 hour between
               '2025-03-30 01:00:00' and '2025-10-26 00:59:59', 2, 1) hour,
           left(concat(repeat('ä', 10), seq), 7), round(seq + 0.1234, 2), cast(cast(seq / 3.0e0 as float) as double),
           convert(cast(convert(concat('Grüße ', seq) using utf8mb4) as binary) using latin1), concat('b', seq),
           concat('a', seq) from seq_1_to_4000;",
    );
    // So small a memory that rows go to a file on their way.
    let (rows, comparison) = differences(&pg, &maria, some(3), |s| s.run.memory = 4 << 20);
    assert_eq!(rows.len(), 3);
    let table = &comparison.tables[0];
    assert_eq!((table.differing_rows, &table.error), (4000, &None));
    let found = causes(&comparison).join("\n");
    for said in [
        "at: all 4,000 values differ by exactly +02:00",
        "local: all 4,000 values differ by the offset of a zone with summer time: the target has the local time of Europe/Berlin",
        "name: all 4,000 values are cut off behind 7 characters",
        "price: all 4,000 values are cut off behind 2 digits after the point",
        "note: all 4,000 values are UTF-8 that was encoded twice",
        "first: all 4,000 values changed places with column last",
    ] {
        assert!(found.contains(said), "{said}\n{found}");
    }
    // Without a limit every row is shown once.
    let (rows, _) = differences(&pg, &maria, Showing::default(), |_| {});
    let mut keys: Vec<&str> = rows.iter().map(|r| r.key[0].1.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!((rows.len(), keys.len()), (4000, 4000));
}
