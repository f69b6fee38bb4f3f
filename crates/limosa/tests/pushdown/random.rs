//! Random rows of every class of column, in the words of both servers.

use limosa_testkit::{execute_mysql, execute_psql, hostile, mariadb, postgres};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Columns of every class that servers can add up, in both families' words, with a row's literals.
pub(crate) const COLUMNS: [(&str, &str, &str); 16] = [
    ("n", "bigint", "bigint"),
    ("d", "numeric(30,10)", "decimal(30,10)"),
    ("whole", "numeric(20,0)", "bigint unsigned"),
    ("f", "double precision", "double"),
    ("r", "real", "float"),
    ("b", "boolean", "tinyint(1)"),
    ("t", "text", "longtext"),
    ("v", "varchar(200)", "varchar(200)"),
    ("p", "char(20)", "char(20)"),
    ("raw", "bytea", "longblob"),
    ("at", "timestamp(6)", "datetime(6)"),
    ("sec", "timestamp(0)", "datetime"),
    ("day", "date", "date"),
    ("tod", "time(6)", "time(6)"),
    ("z", "timestamptz(6)", "datetime(6)"),
    ("u", "uuid", "char(36)"),
];

fn quoted(text: &str) -> (String, String) {
    let pg = format!("'{}'", text.replace('\'', "''"));
    let my = format!("x'{}'", hex(text.as_bytes()));
    (pg, format!("convert({my} using utf8mb4)"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The literals of one random row, for both families.
fn row(id: u32, rng: &mut StdRng, texts: &[String]) -> (String, String) {
    let (mut pg, mut my) = (vec![id.to_string()], vec![id.to_string()]);
    for (name, _, _) in COLUMNS {
        if rng.random_bool(0.1) {
            pg.push("NULL".into());
            my.push("NULL".into());
            continue;
        }
        let plain = |s: String| (s.clone(), s);
        let mut text = |limit: usize| {
            let text: String = match rng.random_range(0..3) {
                0 => texts[rng.random_range(0..texts.len())].clone(),
                1 => (0..rng.random_range(0..8))
                    .map(|_| [';', '~', ':', '0', 'N', ' ', 'é', '\''][rng.random_range(0..8)])
                    .collect(),
                _ => format!("{}~;{}", rng.random::<u16>(), rng.random::<u32>()),
            };
            text.chars()
                .filter(|c| *c != '\0')
                .take(limit)
                .collect::<String>()
        };
        let (a, b) = match name {
            "n" => plain(match rng.random_range(0..4) {
                0 => i64::MIN.to_string(),
                1 => i64::MAX.to_string(),
                2 => rng.random_range(-5..5).to_string(),
                _ => rng.random::<i64>().to_string(),
            }),
            "d" => plain(match rng.random_range(0..4) {
                0 => format!("-0.{:010}", rng.random_range(0..100u64)),
                1 => format!(
                    "{}.{:010}",
                    rng.random::<u64>(),
                    rng.random_range(0..10_000_000_000u64)
                ),
                2 => format!("{}00.5000", rng.random_range(-99..99)),
                _ => "0.0000000000".into(),
            }),
            "whole" => plain(match rng.random_range(0..3) {
                0 => u64::MAX.to_string(),
                1 => "0".into(),
                _ => rng.random::<u64>().to_string(),
            }),
            "f" => plain(match rng.random_range(0..6) {
                0 => format!(
                    "{:e}",
                    f64::from_bits(rng.random_range(0x3d1c_25c2_6849_7682..0x4340_0000_0000_0000))
                ),
                1 => format!(
                    "{:e}",
                    -rng.random::<f64>() * 10f64.powi(rng.random_range(-13..15))
                ),
                2 => format!("{}", rng.random_range(-1_000_000..1_000_000)),
                3 => [
                    "0",
                    "1e300",
                    "1e-300",
                    "9007199254740993",
                    "9007199254740991",
                    "1e-13",
                ][rng.random_range(0..6)]
                .into(),
                4 => format!("{}.5", rng.random::<u32>()),
                _ => format!("{:e}", rng.random::<f64>()),
            }),
            "r" => plain(format!(
                "{:e}",
                rng.random::<f32>() * 10f32.powi(rng.random_range(-9..12))
            )),
            "b" => {
                let b = rng.random_bool(0.5);
                (b.to_string(), u8::from(b).to_string())
            }
            "t" => quoted(&text(3000)),
            "v" => quoted(&text(200)),
            "p" => quoted(&text(20)),
            "raw" => {
                let bytes: Vec<u8> = (0..rng.random_range(0..40)).map(|_| rng.random()).collect();
                (
                    format!("'\\x{}'", hex(&bytes)),
                    format!("x'{}'", hex(&bytes)),
                )
            }
            "at" | "z" | "sec" | "day" | "tod" => {
                let day = format!(
                    "{:04}-{:02}-{:02}",
                    rng.random_range(1000..9999),
                    rng.random_range(1..13),
                    rng.random_range(1..29)
                );
                let clock = format!(
                    "{:02}:{:02}:{:02}",
                    rng.random_range(0..24),
                    rng.random_range(0..60),
                    rng.random_range(0..60)
                );
                let fraction = [0, 500_000, 1, 120, 999_999, 100_000][rng.random_range(0..6)];
                let said = match name {
                    "day" => day,
                    "sec" => format!("{day} {clock}"),
                    "tod" => format!("{clock}.{fraction:06}"),
                    _ => format!("{day} {clock}.{fraction:06}"),
                };
                let zone = if name == "z" { "+00" } else { "" };
                (format!("'{said}{zone}'"), format!("'{said}'"))
            }
            _ => {
                let bytes: [u8; 16] = rng.random();
                let h = hex(&bytes);
                let said = format!(
                    "{}-{}-{}-{}-{}",
                    &h[..8],
                    &h[8..12],
                    &h[12..16],
                    &h[16..20],
                    &h[20..]
                );
                (format!("'{said}'"), format!("'{}'", said.to_uppercase()))
            }
        };
        pg.push(a);
        my.push(b);
    }
    (format!("({})", pg.join(",")), format!("({})", my.join(",")))
}

/// Both databases with the same random rows.
pub(crate) fn filled(seed: u64, rows: u32) -> (String, String) {
    let (pg, my) = (postgres().database(), mariadb().database());
    let columns = |which: usize| -> String {
        let columns = COLUMNS
            .iter()
            .map(|c| format!(", {} {}", c.0, if which == 0 { c.1 } else { c.2 }));
        columns.collect()
    };
    execute_psql(
        &pg,
        &format!(
            "create table all_of_it (id bigint primary key{})",
            columns(0)
        ),
    );
    execute_mysql(
        &my,
        &format!(
            "create table all_of_it (id bigint primary key{}) default charset utf8mb4 collate utf8mb4_nopad_bin",
            columns(1)
        ),
    );
    let mut rng = StdRng::seed_from_u64(seed);
    let texts = hostile::texts();
    let made: Vec<(String, String)> = (0..rows).map(|id| row(id, &mut rng, &texts)).collect();
    for part in made.chunks(500) {
        let of = |which: usize| -> String {
            let all: Vec<&str> = part
                .iter()
                .map(|r| {
                    if which == 0 {
                        r.0.as_str()
                    } else {
                        r.1.as_str()
                    }
                })
                .collect();
            format!("insert into all_of_it values {}", all.join(","))
        };
        execute_psql(&pg, &of(0));
        execute_mysql(&my, &of(1));
    }
    (pg, my)
}
