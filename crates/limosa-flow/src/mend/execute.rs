//! The statements: written as a script, or run.

use super::{Action, Asked, Gathering, NAMED, TableMended, doubts, failed, ordered, read};
use crate::plan::{Plan, TablePlan};
use crate::stop::Stop;
use crate::verify::{key_text, say_cell};
use limosa_core::canonical::cells;
use limosa_core::engine::{CanonicalRead, Engine, Session};
use limosa_core::mend::{Amendment, Change, Statement};
use limosa_core::{Error, ErrorKind, Result};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::PoisonError;

/// Statements in one transaction, at most, and bytes of their rows.
const BATCH: (usize, usize) = (500, 4 << 20);

/// One statement, and what it is about.
struct Act {
    action: Action,
    key: Vec<String>,
    statement: Statement,
    seen: Option<Vec<u8>>,
    wanted: Option<Vec<u8>>,
}

type Tables = BTreeMap<String, TableMended>;

/// Shows the statements in their order; gives the tables with what is left out.
fn each(
    gathering: Gathering,
    engine: &dyn Engine,
    plan: &Plan,
    see: &mut dyn FnMut(&TablePlan, Act, &mut TableMended) -> Result<()>,
    edge: &mut dyn FnMut(&TablePlan, &mut TableMended) -> Result<()>,
) -> Result<Vec<TableMended>> {
    let Asked { to, .. } = gathering.asked;
    let catalog = engine.inspect()?;
    let tables = ordered(plan, to, &catalog);
    let mut out: Tables = gathering
        .left
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let rows = gathering
        .rows
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    for action in Action::ALL {
        let order: Vec<&TablePlan> = match action {
            Action::Delete => tables.iter().rev().copied().collect(),
            _ => tables.clone(),
        };
        for table in order {
            let of = read(table, to);
            let name = of.table.to_string();
            let mut wanted = rows
                .prepare_cached(
                    "SELECT seen, wanted FROM row WHERE action = ?1 AND place = ?2 ORDER BY rowid",
                )
                .map_err(failed)?;
            let mut found = wanted.query((action as i64, &name)).map_err(failed)?;
            let mut asked = None;
            while let Some(row) = found.next().map_err(failed)? {
                let doubts = asked.get_or_insert_with(|| doubts(table, to, &catalog));
                let seen: Option<Vec<u8>> = row.get(0).map_err(failed)?;
                let wanted: Option<Vec<u8>> = row.get(1).map_err(failed)?;
                let mended = out.entry(name.clone()).or_default();
                let (s, w) = (
                    seen.as_deref().map(cells).unwrap_or_default(),
                    wanted.as_deref().map(cells).unwrap_or_default(),
                );
                let known = if seen.is_some() { &s } else { &w };
                let key = key_text(&known[..of.key_columns.min(known.len())], &of.columns);
                let doubt = match action {
                    Action::Insert => doubts.none.as_ref().or(doubts.insert.as_ref()),
                    _ => doubts.none.as_ref(),
                };
                if let Some(reason) = doubt {
                    mended.leave(reason, 1, &key);
                    continue;
                }
                let statement = engine.dialect().mend(&Amendment {
                    table: &of.table,
                    columns: &of.columns,
                    key_columns: of.key_columns,
                    computed: &doubts.computed,
                    change: match action {
                        Action::Insert => Change::Insert { wanted: &w },
                        Action::Update => Change::Update {
                            seen: &s,
                            wanted: &w,
                        },
                        Action::Delete => Change::Delete { seen: &s },
                    },
                });
                match statement {
                    Ok(statement) => {
                        let act = Act {
                            action,
                            key,
                            statement,
                            seen: seen.clone(),
                            wanted: wanted.clone(),
                        };
                        see(table, act, mended)?;
                    }
                    Err(e) if e.kind() == ErrorKind::Unsupported => {
                        let reason = match e.object() {
                            Some(object) => format!("{object}: {}", e.why()),
                            None => e.why().to_owned(),
                        };
                        mended.leave(&reason, 1, &key);
                    }
                    Err(e) => return Err(e),
                }
            }
            if let Some(mended) = out.get_mut(&name) {
                edge(table, mended)?;
            }
        }
    }
    Ok(out
        .into_iter()
        .map(|(table, mended)| TableMended { table, ..mended })
        .collect())
}

fn count(mended: &mut TableMended, action: Action) {
    match action {
        Action::Insert => mended.inserted += 1,
        Action::Update => mended.updated += 1,
        Action::Delete => mended.deleted += 1,
    }
}

/// Writes what would be run as a script for the engine's own client. Touches no database.
///
/// # Errors
/// Those of `out`, as `File`; those of reading the catalog.
pub fn script(
    gathering: Gathering,
    engine: &dyn Engine,
    plan: &Plan,
    out: &mut dyn Write,
) -> Result<Vec<TableMended>> {
    let dialect = engine.dialect();
    let (head, tail) = dialect.script();
    let wrong = |e: std::io::Error| {
        Error::new(ErrorKind::File, "writing the script", e.to_string())
            .hint("Choose another place with --out.")
    };
    let mut begun = false;
    let mended = each(
        gathering,
        engine,
        plan,
        &mut |_, act, mended| {
            if !begun {
                begun = true;
                out.write_all(head.as_bytes()).map_err(wrong)?;
            }
            let text = act.statement.text(|_, value| dialect.datum(value));
            writeln!(out, "{text};").map_err(wrong)?;
            count(mended, act.action);
            Ok(())
        },
        &mut |_, _| Ok(()),
    )?;
    if begun {
        out.write_all(tail.as_bytes()).map_err(wrong)?;
    }
    out.flush().map_err(wrong)?;
    Ok(mended)
}

/// Runs the statements. What the rows were is in `before` and durable before they change, one JSON object a line.
///
/// A statement that touches no row, or that the database refuses, leaves its row as it is and is reported.
///
/// # Errors
/// `Interrupted`; `File`; those of the connection. What was done until then stays done.
pub fn execute(
    gathering: Gathering,
    engine: &dyn Engine,
    plan: &Plan,
    before: File,
    stop: &Stop,
) -> Result<Vec<TableMended>> {
    let to = gathering.asked.to;
    let work = std::cell::RefCell::new(Work {
        session: engine.session()?,
        before: BufWriter::new(before),
        batch: Vec::new(),
        bytes: 0,
    });
    each(
        gathering,
        engine,
        plan,
        &mut |table, act, mended| {
            stop.check()?;
            work.borrow_mut().take(read(table, to), act, mended)
        },
        &mut |table, mended| work.borrow_mut().run(read(table, to), mended),
    )
}

struct Work {
    session: Box<dyn Session>,
    before: BufWriter<File>,
    batch: Vec<Act>,
    bytes: usize,
}

impl Work {
    fn take(&mut self, of: &CanonicalRead, act: Act, mended: &mut TableMended) -> Result<()> {
        let size = |row: &Option<Vec<u8>>| row.as_ref().map_or(0, Vec::len);
        self.bytes += size(&act.seen) + size(&act.wanted);
        self.batch.push(act);
        if self.batch.len() >= BATCH.0 || self.bytes >= BATCH.1 {
            self.run(of, mended)?;
        }
        Ok(())
    }

    /// Runs what is waiting, all of one table.
    fn run(&mut self, of: &CanonicalRead, mended: &mut TableMended) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let acts = std::mem::take(&mut self.batch);
        self.bytes = 0;
        self.remember(of, &acts)?;
        let statements: Vec<&Statement> = acts.iter().map(|a| &a.statement).collect();
        match self.session.mend(&statements) {
            Ok(counts) => {
                for (act, n) in acts.iter().zip(counts) {
                    told(mended, act, n);
                }
            }
            // One of them is to blame: each by itself.
            Err(e) if acts.len() > 1 && e.refuses_rows() => {
                for act in &acts {
                    match self.session.mend(&[&act.statement]) {
                        Ok(counts) => told(mended, act, counts.first().copied().unwrap_or(0)),
                        Err(e) if e.refuses_rows() => refused(mended, act, &e),
                        Err(e) => return Err(e),
                    }
                }
            }
            Err(e) if e.refuses_rows() => refused(mended, &acts[0], &e),
            Err(e) => return Err(e),
        }
        Ok(())
    }

    /// Writes down what the rows were and shall be.
    fn remember(&mut self, of: &CanonicalRead, acts: &[Act]) -> Result<()> {
        let wrong = |e: std::io::Error| {
            Error::new(ErrorKind::File, "keeping what the rows were", e.to_string())
                .hint("Choose another place with --before.")
        };
        let row = |bytes: &Option<Vec<u8>>| match bytes {
            None => Json::Null,
            Some(bytes) => {
                let cells = cells(bytes);
                let pairs = of.columns.iter().zip(cells);
                Json::Object(
                    pairs
                        .map(|(c, cell)| {
                            let said = cell.map(|_| say_cell(cell, c.form));
                            (c.name.clone(), said.map_or(Json::Null, Json::String))
                        })
                        .collect::<Map<_, _>>(),
                )
            }
        };
        for act in acts {
            let line = json!({
                "table": of.table.to_string(),
                "action": act.action.word(),
                "key": act.key,
                "before": row(&act.seen),
                "after": row(&act.wanted),
            });
            writeln!(self.before, "{line}").map_err(wrong)?;
        }
        self.before.flush().map_err(wrong)?;
        self.before.get_ref().sync_data().map_err(wrong)
    }
}

fn told(mended: &mut TableMended, act: &Act, rows: u64) {
    match rows {
        0 => mended.leave(
            "the row was changed meanwhile, or is not as it was seen",
            1,
            &act.key,
        ),
        _ => count(mended, act.action),
    }
}

fn refused(mended: &mut TableMended, act: &Act, error: &Error) {
    let reason = format!("the database refuses: {}", error.why());
    // Servers name the row in their words; beyond a few such reasons they are one.
    match mended.left.len() < NAMED {
        true => mended.leave(&reason, 1, &act.key),
        false => mended.leave("the database refuses", 1, &act.key),
    }
}
