//! A source database as a value: tables, columns, rows. It can be made, and made smaller.

use crate::engine::Engine;
use crate::kinds::{Kind, maria, postgres, sqlite};
use crate::meaning::Meaning;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// A column.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) declared: String,
    pub(crate) means: Meaning,
    pub(crate) not_null: bool,
    pub(crate) indexed: bool,
}

/// A table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    /// The columns of the primary key; none for a table without one.
    pub(crate) key: Vec<String>,
    /// Literals.
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) strict: bool,
}

/// A source database, and what is asked of its move.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) from: Engine,
    pub(crate) to: Engine,
    /// Whether values that do not fit are kept another way rather than left behind.
    pub(crate) liberal: bool,
    pub(crate) tables: Vec<Table>,
}

impl Case {
    /// The case of a seed.
    pub(crate) fn random(from: Engine, to: Engine, seed: u64) -> Self {
        let rng = &mut StdRng::seed_from_u64(seed);
        let tables = (1..=3).map(|n| table(from, n, rng)).collect();
        Self {
            from,
            to,
            liberal: rng.random_bool(0.4),
            tables,
        }
    }

    /// One table with one column of the given literals, and an integer key.
    pub(crate) fn column(
        from: Engine,
        to: Engine,
        declared: &str,
        means: Meaning,
        values: &[&str],
    ) -> Self {
        let column = |name: &str, declared: &str, means| Column {
            name: name.into(),
            declared: declared.into(),
            means,
            not_null: name == "id",
            indexed: false,
        };
        let id = if from == Engine::Sqlite {
            "INTEGER"
        } else {
            "int"
        };
        Self {
            from,
            to,
            liberal: false,
            tables: vec![Table {
                name: "t1".into(),
                columns: vec![
                    column("id", id, Meaning::Number),
                    column("c", declared, means),
                ],
                key: vec!["id".into()],
                rows: values
                    .iter()
                    .enumerate()
                    .map(|(n, v)| vec![n.to_string(), (*v).to_owned()])
                    .collect(),
                strict: false,
            }],
        }
    }

    /// The statements that make it.
    pub(crate) fn sql(&self) -> String {
        let mut out = match self.from {
            Engine::Postgres => {
                let mut setup = String::new();
                let all = || self.tables.iter().flat_map(|t| &t.columns);
                for extension in ["hstore", "citext"] {
                    if all().any(|c| c.declared == extension) {
                        setup.push_str(&format!("CREATE EXTENSION {extension};\n"));
                    }
                }
                let own = ["mood", "positive", "code", "deep", "pair"];
                if all().any(|c| own.iter().any(|w| c.declared.starts_with(w))) {
                    setup.push_str(postgres::SETUP);
                }
                format!("SET timezone = 'UTC';\n{setup}")
            }
            Engine::Maria => "SET time_zone = '+00:00';\n\
                SET sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO';\n"
                .into(),
            Engine::Sqlite => String::new(),
        };
        for table in &self.tables {
            out.push_str(&table.sql(self.from));
        }
        out
    }

    /// The same with something less, in order of how much.
    pub(crate) fn smaller(&self) -> Vec<Case> {
        let mut out = Vec::new();
        let mut push = |change: &dyn Fn(&mut Case)| {
            let mut case = self.clone();
            change(&mut case);
            out.push(case);
        };
        for t in 0..self.tables.len() {
            if self.tables.len() > 1 {
                push(&|c| c.tables = vec![c.tables[t].clone()]);
            }
        }
        for (t, table) in self.tables.iter().enumerate() {
            let n = table.rows.len();
            if n > 1 {
                push(&|c| c.tables[t].rows.truncate(n / 2));
                push(&|c| drop(c.tables[t].rows.drain(..n / 2)));
            }
            let plain: Vec<usize> = (0..table.columns.len())
                .filter(|i| !table.key.contains(&table.columns[*i].name))
                .collect();
            if plain.len() > 1 {
                for half in [&plain[..plain.len() / 2], &plain[plain.len() / 2..]] {
                    push(&|c| c.tables[t].drop_columns(half));
                }
            }
            for one in &plain {
                if table.columns.len() > 1 {
                    push(&|c| c.tables[t].drop_columns(&[*one]));
                }
            }
            for r in 0..n {
                push(&|c| drop(c.tables[t].rows.remove(r)));
            }
            if !table.key.is_empty() && table.columns.len() > table.key.len() {
                push(&|c| {
                    let key = std::mem::take(&mut c.tables[t].key);
                    let gone: Vec<usize> = (0..c.tables[t].columns.len())
                        .filter(|i| key.contains(&c.tables[t].columns[*i].name))
                        .collect();
                    c.tables[t].drop_columns(&gone);
                });
            }
        }
        out
    }

    /// How large it is.
    pub(crate) fn size(&self) -> usize {
        self.tables
            .iter()
            .map(|t| 100 + t.columns.len() * (1 + t.rows.len()))
            .sum()
    }
}

impl Table {
    fn drop_columns(&mut self, gone: &[usize]) {
        let keep = |i: &usize| !gone.contains(i);
        for row in &mut self.rows {
            let mut i = 0;
            row.retain(|_| {
                i += 1;
                keep(&(i - 1))
            });
        }
        let mut i = 0;
        self.columns.retain(|_| {
            i += 1;
            keep(&(i - 1))
        });
    }

    fn sql(&self, engine: Engine) -> String {
        let quote = if engine == Engine::Maria { '`' } else { '"' };
        let named = |name: &str| format!("{quote}{name}{quote}");
        let mut parts: Vec<String> = self
            .columns
            .iter()
            .map(|c| {
                let must = if c.not_null { " NOT NULL" } else { "" };
                let declared = if c.not_null {
                    c.declared.replace(" NULL DEFAULT NULL", "")
                } else {
                    c.declared.clone()
                };
                format!("{} {declared}{must}", named(&c.name))
            })
            .collect();
        if !self.key.is_empty() {
            let key: Vec<String> = self.key.iter().map(|c| named(c)).collect();
            parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
        }
        let strict = if self.strict { " STRICT" } else { "" };
        let name = named(&self.name);
        let mut out = format!(
            "CREATE TABLE {name} (\n  {}\n){strict};\n",
            parts.join(",\n  ")
        );
        for c in self.columns.iter().filter(|c| c.indexed) {
            let index = named(&format!("{}_{}", self.name, c.name));
            out.push_str(&format!(
                "CREATE INDEX {index} ON {name} ({});\n",
                named(&c.name)
            ));
        }
        for row in &self.rows {
            out.push_str(&format!(
                "INSERT INTO {name} VALUES ({});\n",
                row.join(", ")
            ));
        }
        out
    }
}

/// What a key may be.
#[derive(Clone, Copy, PartialEq)]
enum KeyOf {
    Integer,
    Text,
    Uuid,
    Bytes,
    IntegerAndText,
    Nothing,
}

fn table(engine: Engine, number: usize, rng: &mut StdRng) -> Table {
    let strict = engine == Engine::Sqlite && rng.random_bool(0.25);
    let kinds: &[Kind] = match engine {
        Engine::Postgres => postgres::KINDS,
        Engine::Maria => maria::KINDS,
        Engine::Sqlite if strict => sqlite::STRICT,
        Engine::Sqlite => sqlite::KINDS,
    };
    let all = [
        KeyOf::Integer,
        KeyOf::Integer,
        KeyOf::Text,
        KeyOf::Uuid,
        KeyOf::Bytes,
        KeyOf::IntegerAndText,
        KeyOf::Nothing,
    ];
    let key = *all.choose(rng).expect("there are some");
    let keys: &[(&str, &str, Meaning)] = match (engine, key) {
        (_, KeyOf::Nothing) => &[],
        (Engine::Sqlite, KeyOf::Integer) => &[("id", "INTEGER", Meaning::Number)],
        (_, KeyOf::Integer) => &[("id", "bigint", Meaning::Number)],
        (Engine::Maria, KeyOf::Text) => &[("k", "varchar(60)", Meaning::Text)],
        (_, KeyOf::Text) => &[("k", "TEXT", Meaning::Text)],
        (Engine::Sqlite, KeyOf::Uuid) if strict => &[("u", "TEXT", Meaning::Uuid)],
        (_, KeyOf::Uuid) => &[("u", "UUID", Meaning::Uuid)],
        (Engine::Postgres, KeyOf::Bytes) => &[("b", "bytea", Meaning::Bytes)],
        (Engine::Maria, KeyOf::Bytes) => &[("b", "varbinary(20)", Meaning::Bytes)],
        (Engine::Sqlite, KeyOf::Bytes) => &[("b", "BLOB", Meaning::Bytes)],
        (Engine::Maria, KeyOf::IntegerAndText) => &[
            ("i", "int", Meaning::Number),
            ("k", "varchar(60)", Meaning::Text),
        ],
        (_, KeyOf::IntegerAndText) => {
            &[("i", "INT", Meaning::Number), ("k", "TEXT", Meaning::Text)]
        }
    };
    let mut columns: Vec<Column> = keys
        .iter()
        .map(|(name, declared, means)| Column {
            name: (*name).into(),
            declared: (*declared).into(),
            means: *means,
            not_null: true,
            indexed: false,
        })
        .collect();
    let chosen: Vec<&Kind> = (0..rng.random_range(2..=9))
        .map(|_| kinds.choose(rng).expect("there are some"))
        .collect();
    for (i, kind) in chosen.iter().enumerate() {
        columns.push(Column {
            name: format!("c{}", i + 1),
            declared: kind.declared.into(),
            means: kind.means,
            // What is computed is not said to be there.
            not_null: rng.random_bool(0.3) && !computed(kind),
            indexed: kind.indexable && rng.random_bool(0.15),
        });
    }
    let count = rng.random_range(0..=14);
    let mut rows: Vec<Vec<String>> = (0..count)
        .map(|n| {
            let mut row: Vec<String> = keys
                .iter()
                .map(|(name, ..)| key_value(engine, name, n, rng))
                .collect();
            for (kind, column) in chosen.iter().zip(&columns[keys.len()..]) {
                row.push(
                    if !column.not_null && !computed(kind) && rng.random_bool(0.15) {
                        "NULL".into()
                    } else {
                        (kind.value)(rng)
                    },
                );
            }
            row
        })
        .collect();
    if key == KeyOf::Nothing && count > 0 && rng.random_bool(0.5) {
        rows.push(rows[0].clone());
    }
    Table {
        name: format!("t{number}"),
        columns,
        key: keys.iter().map(|k| k.0.to_owned()).collect(),
        rows,
        strict,
    }
}

/// Whether the server computes the values of a kind.
fn computed(kind: &Kind) -> bool {
    kind.declared.contains("GENERATED")
}

/// The key of row `n`, different for each `n` in every collation.
fn key_value(engine: Engine, column: &str, n: usize, rng: &mut StdRng) -> String {
    // Texts that most collations take for one, where the source keeps them apart.
    const TWINS: [&str; 15] = [
        "a",
        "A",
        "á",
        "a ",
        " a",
        "a\u{301}",
        "ａ",
        "b",
        "B",
        "",
        "a\t",
        "\u{200b}a",
        "ß",
        "ss",
        "SS",
    ];
    let text = |t: &str| match engine {
        Engine::Postgres => postgres::quote(t),
        Engine::Maria => maria::quote(t),
        Engine::Sqlite => sqlite::quote(t),
    };
    let bytes = |b: &[u8]| match engine {
        Engine::Postgres => format!("'\\x{}'", crate::kinds::hex(b)),
        _ => format!("X'{}'", crate::kinds::hex(b)),
    };
    match column {
        "id" => match n {
            0 => "0".into(),
            1 => "-9223372036854775807".into(),
            2 => "9223372036854775807".into(),
            n => (n as i64 * 7 - 30).to_string(),
        },
        "i" => (n as i64 / 3 - 1).to_string(),
        "u" => text(&format!(
            "{n:08x}-0000-4000-8000-{:012x}",
            rng.random::<u32>()
        )),
        "b" => bytes(
            &[0, 255, n as u8, b' ', 0][..2 + n % 4]
                .iter()
                .copied()
                .chain([n as u8])
                .collect::<Vec<u8>>(),
        ),
        _ if engine == Engine::Maria => {
            let tail = ["", "é", " x", "🦜", "\\", "'"][n % 6];
            text(&format!("k{n}{tail}"))
        }
        _ => text(TWINS[n % TWINS.len()]),
    }
}
