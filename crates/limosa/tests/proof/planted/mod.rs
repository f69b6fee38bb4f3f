//! Planted corruption: every kind is done to a copied database, found and named exactly, and undone. What means the
//! same is not reported, and neither is the clean copy.
//!
//! One database is copied for each pair; each kind is one comparison of it.

mod kinds;
mod sampled;
mod shop;

pub(crate) use sampled::sampled;

use crate::engine::{Database, Engine};
use crate::oracle;
use kinds::{Act, Found, Kind, SCHEMA};
use limosa::outcome::{Comparison, Verdict};
use limosa::plan::Plan;
use limosa::settings::Settings;
use limosa::{Limosa, Parts, Stop};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// The tables, each after those that it needs.
const TABLES: [&str; 7] = ["item", "word", "pair", "guid", "loose", "parent", "child"];

/// A copied database under test.
struct Copied {
    from: Engine,
    to: Engine,
    target: Database,
    settings: Settings,
    plan: Plan,
    keep: String,
    _folder: tempfile::TempDir,
}

/// The rows of `word`, all of them missing.
fn every_word_missing() -> Vec<(
    &'static [&'static str],
    &'static str,
    &'static [&'static str],
)> {
    const KEYS: [[&str; 1]; shop::WORDS.len()] = {
        let mut keys = [[""]; shop::WORDS.len()];
        let mut i = 0;
        while i < keys.len() {
            keys[i] = [shop::WORDS[i]];
            i += 1;
        }
        keys
    };
    KEYS.iter().map(|k| (&k[..], "missing", &[][..])).collect()
}

fn settings(folder: &Path, source: &Database, target: &Database) -> Settings {
    let mut settings =
        Settings::between(&source.url, &target.url).expect("the addresses are plain");
    settings.state = folder.join(".limosa");
    settings.report = folder.join("report");
    settings.run.workers = 1;
    settings
}

impl Copied {
    fn new(from: Engine, to: Engine) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let source = from.database(folder.path(), "a.db");
        let target = to.database(folder.path(), "b.db");
        source.execute(&shop::sql(from));
        let settings = settings(folder.path(), &source, &target);
        let limosa = Limosa::open(settings.clone()).expect("two databases");
        let silent = limosa::silent();
        let plan = limosa.plan(&silent).expect("a plan");
        let outcome = limosa
            .run(&plan, Parts::All, &silent, &Stop::new())
            .unwrap_or_else(|e| panic!("{e}: {:#?}", plan.findings));
        let verdict = outcome.comparison.as_ref().map(|c| c.verdict);
        assert_eq!(verdict, Some(Verdict::Pass), "{outcome:#?}");
        let mut copied = Self {
            from,
            to,
            target,
            settings,
            plan,
            keep: String::new(),
            _folder: folder,
        };
        copied.keep();
        copied
    }

    /// Keeps all rows beside the target, where the comparison does not look.
    fn keep(&mut self) {
        let (make, place) = match self.to {
            Engine::Sqlite => {
                let file = format!("{}.keep", self.target.file());
                (format!("ATTACH '{file}' AS keep;"), "keep.".to_owned())
            }
            Engine::Postgres => ("CREATE SCHEMA keep;".into(), "keep.".into()),
            Engine::Maria => {
                let name = self.target.url.rsplit('/').next().unwrap_or_default();
                (
                    format!("CREATE DATABASE {name}_keep;"),
                    format!("{name}_keep."),
                )
            }
        };
        let mut sql = make;
        for table in TABLES {
            sql.push_str(&format!(
                "CREATE TABLE {place}{table} AS SELECT * FROM {table};"
            ));
        }
        self.target.execute(&sql);
        self.keep = place;
    }

    fn do_(&self, sql: &str) {
        let before = match self.to {
            Engine::Sqlite => format!("PRAGMA foreign_keys = OFF; ATTACH '{}.keep' AS keep;", self.target.file()),
            Engine::Postgres => "SET timezone = 'UTC';".into(),
            // Dates that no calendar has are planted, too.
            Engine::Maria => "SET sql_mode = 'STRICT_ALL_TABLES,ALLOW_INVALID_DATES'; SET foreign_key_checks = 0;".into(),
        };
        self.target.execute(&format!("{before}\n{sql}\n;"));
    }

    /// The statements that bring the rows of a table back.
    fn restore(&self, table: &str) -> String {
        format!(
            "DELETE FROM {table}; INSERT INTO {table} SELECT * FROM {}{table};",
            self.keep
        )
    }

    fn compare(&self, percentage: f64) -> Comparison {
        let mut settings = self.settings.clone();
        settings.run.validate_percentage = percentage;
        let limosa = Limosa::open(settings).expect("two databases");
        let outcome = limosa
            .run(&self.plan, Parts::Verify, &limosa::silent(), &Stop::new())
            .unwrap_or_else(|e| panic!("comparing: {e}"));
        outcome.comparison.expect("it was compared")
    }

    /// The statements of a kind; none where it can not exist.
    fn sql(&self, kind: &Kind, types: &HashMap<String, String>) -> Option<String> {
        if !(kind.exists)(self.from, self.to) {
            return None;
        }
        let sql = match &kind.act {
            Act::Set(changes) => {
                if changes
                    .iter()
                    .any(|(_, column, _)| !shop::has(self.from, column))
                {
                    return None;
                }
                let one = |(id, column, to): &(i64, &'static str, shop::V)| {
                    let mut literal = to.literal(self.to);
                    // PostgreSQL says a list its own way.
                    if types[*column].ends_with("[]") {
                        literal = literal.replace('[', "{").replace(']', "}");
                        if !literal.contains('{') {
                            literal = format!("'{{{}}}'", literal.trim_matches('\''));
                        }
                    }
                    format!("UPDATE item SET {column} = {literal} WHERE id = {id};")
                };
                changes.iter().map(one).collect()
            }
            Act::Do(sql) => format!("{sql};"),
            Act::Each(statements) => format!("{};", statements[at(self.to)]),
        };
        (sql.len() > 1).then_some(sql)
    }

    /// Plants some kinds at once and says what is wrong with what was found.
    fn plant(&self, kinds: &[&Kind], types: &HashMap<String, String>) -> Result<(), String> {
        let sql: String = kinds.iter().filter_map(|k| self.sql(k, types)).collect();
        let table = kinds[0].found.table();
        self.do_(&sql);
        let result = judge(&self.compare(100.0), &Found::all(kinds));
        self.do_(&self.restore(table));
        result
    }
}

/// The place of an engine in a list of three.
fn at(engine: Engine) -> usize {
    match engine {
        Engine::Sqlite => 0,
        Engine::Postgres => 1,
        Engine::Maria => 2,
    }
}

/// What is wrong with a comparison.
fn judge(comparison: &Comparison, found: &Found) -> Result<(), String> {
    let (table, rows) = match found {
        Found::Nothing => {
            return if comparison.verdict == Verdict::Pass {
                Ok(())
            } else {
                Err(format!("a false alarm: {comparison:?}"))
            };
        }
        Found::Rows(table, rows) => (*table, rows.len() as u64),
        Found::Count(table, rows) => (*table, *rows),
    };
    if comparison.verdict != Verdict::Fail {
        return Err(format!("not found: {:?}", comparison.verdict));
    }
    if !comparison.schema.is_empty() {
        return Err(format!(
            "the schema is said to differ: {:?}",
            comparison.schema
        ));
    }
    for other in &comparison.tables {
        if other.table.name != table && other.verdict != Verdict::Pass {
            return Err(format!("another table is said to differ: {other:?}"));
        }
    }
    let verdict = comparison
        .tables
        .iter()
        .find(|t| t.table.name == table)
        .ok_or("the table was not compared")?;
    if verdict.differing_rows != rows {
        return Err(format!("{rows} rows differ, and not as in {verdict:?}"));
    }
    match found {
        Found::Rows(_, rows) => {
            let mut want: Vec<_> = rows
                .iter()
                .map(|(key, kind, columns)| {
                    let mut columns: Vec<String> =
                        columns.iter().map(|c| (*c).to_owned()).collect();
                    columns.sort();
                    (key.clone(), (*kind).to_owned(), columns)
                })
                .collect();
            let mut have: Vec<_> = verdict
                .differences
                .iter()
                .map(|d| {
                    let mut columns = d.columns.clone();
                    columns.sort();
                    (d.key.clone(), d.kind.clone(), columns)
                })
                .collect();
            want.sort();
            have.sort();
            if want == have {
                Ok(())
            } else {
                Err(format!("named {have:?}, not {want:?}"))
            }
        }
        _ if verdict.differences.iter().all(|d| d.kind == "count") => Ok(()),
        _ => Err(format!("{verdict:?}")),
    }
}

/// Kinds that can be planted at once: those that set values of `item`, no value twice. One at a time if somebody says so.
fn together<'k>(kinds: &[&'k Kind]) -> Vec<Vec<&'k Kind>> {
    let each = std::env::var_os("LIMOSA_PROOF_EACH").is_some();
    type Group<'k> = (HashSet<(i64, &'k str)>, Vec<&'k Kind>);
    let mut out: Vec<Group<'k>> = Vec::new();
    for kind in kinds {
        let places: HashSet<(i64, &str)> = match &kind.act {
            Act::Set(changes) => changes
                .iter()
                .map(|(id, column, _)| (*id, *column))
                .collect(),
            _ => HashSet::new(),
        };
        let room = out.iter_mut().find(|(taken, _)| {
            !each && !taken.is_empty() && !places.is_empty() && taken.is_disjoint(&places)
        });
        match room {
            Some((taken, group)) => {
                taken.extend(places);
                group.push(kind);
            }
            None => out.push((places, vec![kind])),
        }
    }
    out.into_iter().map(|(_, group)| group).collect()
}

/// All kinds of a pair.
pub(crate) fn all(from: Engine, to: Engine) {
    let copied = Copied::new(from, to);
    let only = std::env::var("LIMOSA_PROOF_KIND").ok();
    let wanted = |name: &str| only.as_deref().is_none_or(|o| name.contains(o));
    let types: HashMap<_, _> = oracle::columns(&copied.target, "item")
        .into_iter()
        .collect();
    let all = kinds::kinds();
    let here: Vec<&Kind> = all
        .iter()
        .filter(|k| wanted(k.name) && copied.sql(k, &types).is_some())
        .collect();
    let mut wrong = Vec::new();
    let mut planted = here.len();
    for group in together(&here) {
        if let Err(why) = copied.plant(&group, &types) {
            let names: Vec<&str> = group.iter().map(|k| k.name).collect();
            wrong.push(format!("{}: {why}", names.join(", ")));
        }
    }
    for kind in SCHEMA {
        if kind.act[at(to)].is_empty() || !(kind.exists)(from, to) || !wanted(kind.name) {
            continue;
        }
        copied.do_(kind.act[at(to)]);
        let comparison = copied.compare(100.0);
        let said = comparison.schema.iter().any(|s| s.text.contains(kind.says));
        if comparison.verdict != Verdict::Fail || !said || comparison.schema.len() > 1 {
            wrong.push(format!(
                "{}: {:?} {:?}",
                kind.name, comparison.verdict, comparison.schema
            ));
        }
        planted += 1;
        copied.do_(kind.undo[at(to)]);
    }
    // Undone, it is as it was.
    let clean = copied.compare(100.0);
    if clean.verdict != Verdict::Pass {
        wrong.push(format!("undone, and still {clean:?}"));
    }
    assert!(
        wrong.is_empty(),
        "{from:?} to {to:?}, {planted} planted:\n{}",
        wrong.join("\n")
    );
    assert!(
        only.is_some() || planted >= 100,
        "only {planted} kinds were planted"
    );
}
