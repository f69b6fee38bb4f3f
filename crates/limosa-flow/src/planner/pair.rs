//! Two databases that are there already: which table of the one is which of the other.
//!
//! Tables are paired by name (with the renames of the settings), columns by name, and values are
//! compared by what both types mean. What the target's schema should be is what a migration would
//! make of the source's; nothing of it is made.

use super::steps::Steps;
use super::{orphans, side, tables};
use crate::clock::{Clock, Wall};
use crate::convert::{self, Context, ConvertedTable};
use crate::estimate;
use crate::names::{self, Names};
use crate::outcome::SchemaDifference;
use crate::plan::{Estimate, PLAN_FORMAT, Plan, Severity};
use crate::progress::Progress;
use crate::settings::{PlanSettings, ScanMode};
use crate::transform::Shaped;
use limosa_core::engine::{Engine, Role};
use limosa_core::schema::{Catalog, Column, Table, TableName};
use limosa_core::{Error, ErrorKind, Result};
use std::collections::{HashMap, HashSet};

/// The strategy of a plan that moves nothing.
pub const COMPARE: &str = "compare";

/// What is compared, and what has no partner.
#[derive(Clone, Debug)]
pub struct Pairing {
    /// The tables that are in both; the steps say what is expected of the target and are never run.
    pub plan: Plan,
    /// Tables and columns that only one side has.
    pub lonely: Vec<SchemaDifference>,
}

/// Pairs two databases. Reads both catalogs and no rows.
///
/// # Errors
/// `Conflict` (definite) if both are one database; `Configuration` if no table is left on either side;
/// else what the engines say.
pub fn pair(
    source: &dyn Engine,
    target: &dyn Engine,
    settings: &PlanSettings,
    progress: &Progress,
    made_by: &str,
) -> Result<Pairing> {
    let now = Wall::new().moment();
    let identities = (source.identity()?, target.identity()?);
    if identities.0 == identities.1 {
        return Err(Error::new(
            ErrorKind::Conflict,
            "comparing",
            "source and target are the same database",
        )
        .hint("give the target another address"));
    }
    let [catalog, there] = super::inspect(source, target, progress)?;
    for (engine, found) in [(source, &catalog), (target, &there)] {
        if found.tables.is_empty() {
            // A database that is not there is a mistake, and not an empty one.
            engine.missing_privileges(Role::Source, found)?;
        }
    }
    let asked = settings;
    let chosen = selected(&catalog, asked);
    if chosen.is_empty() && selected(&there, asked).is_empty() {
        return Err(Error::new(
            ErrorKind::Configuration,
            "comparing",
            "no table is left to be compared",
        )
        .on(source.address())
        .hint("look at include and exclude, and at the databases in both addresses"));
    }
    let (from, to) = (source.capabilities(), target.capabilities());
    // From here on tables are what their rows become: what is compared is the transformed source.
    let shaped = Shaped::new(&catalog, &chosen, asked, from.column_names_case_sensitive);
    if let Some(wrong) = shaped
        .findings
        .iter()
        .find(|f| f.severity == Severity::Stop)
    {
        return Err(
            Error::new(ErrorKind::Configuration, "comparing", wrong.text.clone())
                .on(wrong.object.clone().unwrap_or_default())
                .hint(
                    "mend the transform of this table; limosa plan says all that is wrong with it",
                ),
        );
    }
    let looked = shaped.orphans(orphans::look(source, &chosen, ScanMode::None, progress)?);
    let (settings, catalog) = (&shaped.settings, &shaped.catalog);
    let chosen = shaped.chosen(&chosen);

    let (names, _) = Names::new(&chosen, from, to, settings);
    let mut converted = convert::convert(
        catalog,
        &Context {
            source: from,
            target: to,
            dialect: target.dialect(),
            settings,
            names: &names,
            scans: &HashMap::new(),
            orphans: &looked,
        },
    );
    let mut lonely = Vec::new();
    let mut say = |object: String, text: &str| {
        lonely.push(SchemaDifference {
            object,
            text: text.into(),
            planned: false,
        });
    };
    let mut taken: HashSet<&TableName> = HashSet::new();
    let mut partners: HashMap<TableName, &Table> = HashMap::new();
    let readings = Readings::of(&there);
    for table in &converted.tables {
        match readings.partner(&table.target.name, &taken) {
            Some(found) => {
                taken.insert(&found.name);
                partners.insert(table.target.name.clone(), found);
            }
            None => say(table.source.to_string(), "the table is only in the source"),
        }
    }
    for table in selected(&there, asked) {
        if !taken.contains(&table.name) {
            say(table.name.to_string(), "the table is only in the target");
        }
    }
    converted
        .tables
        .retain(|t| partners.contains_key(&t.target.name));
    let by_name: HashMap<&TableName, &Table> =
        catalog.tables.iter().map(|t| (&t.name, t)).collect();
    let mut found = Vec::new();
    for table in &mut converted.tables {
        let partner = partners[&table.target.name];
        for key in &mut table.target.foreign_keys {
            if let Some(parent) = partners.get(&key.parent) {
                key.parent = parent.name.clone();
            }
        }
        columns(
            table,
            partner,
            by_name.get(&table.source).copied(),
            settings,
            &mut say,
        );
        table.target.name = partner.name.clone();
        found.push(partner);
    }
    let mut steps = Steps::new(target.dialect(), to);
    steps.make(&converted, &names)?;
    steps.finish(catalog, &converted, false)?;
    let mut plans = Vec::new();
    for (table, partner) in converted.tables.iter_mut().zip(found) {
        for column in &mut table.columns {
            if let Some(there) = partner.column(&column.target.name) {
                column.target = there.clone();
            }
        }
        table.target = partner.clone();
        if let Some(of) = by_name.get(&table.source).copied() {
            let mut unsaid = Vec::new();
            plans.push(tables::plan(
                of,
                shaped.of(&of.name),
                table,
                None,
                source,
                target,
                settings,
                now,
                &mut unsaid,
            ));
        }
    }
    plans.sort_by(|a, b| {
        let size = |t: &crate::plan::TablePlan| (t.bytes.unwrap_or(0), t.rows.unwrap_or(0));
        size(b).cmp(&size(a)).then_with(|| a.name().cmp(b.name()))
    });
    let mut plan = Plan {
        format_version: PLAN_FORMAT,
        made_by: made_by.into(),
        strategy: COMPARE.into(),
        settings: asked.clone(),
        source: side(source, identities.0),
        target: side(target, identities.1),
        decisions: converted.decisions,
        tables: plans,
        steps: steps.steps,
        findings: Vec::new(),
        estimate: Estimate::default(),
    };
    plan.estimate = estimate::estimate(&plan, 1);
    Ok(Pairing { plan, lonely })
}

fn selected<'c>(catalog: &'c Catalog, settings: &PlanSettings) -> Vec<&'c Table> {
    let tables = catalog.tables.iter();
    tables
        .filter(|t| names::selected(settings, &t.name))
        .collect()
}

/// The one that `fits` best of several readings of a name, from the strictest: `None` if two fit alike.
fn best<'c, T>(all: &[&'c T], readings: &[&dyn Fn(&T) -> bool]) -> Option<&'c T> {
    for fits in readings {
        let mut fitting = all.iter().filter(|t| fits(t));
        if let Some(first) = fitting.next() {
            return fitting.next().is_none().then_some(*first);
        }
    }
    None
}

/// The target's tables, by each reading of their names, from the strictest.
struct Readings<'c>([HashMap<String, Vec<&'c Table>>; 4]);

impl<'c> Readings<'c> {
    fn of(there: &'c Catalog) -> Self {
        let mut all: [HashMap<String, Vec<&Table>>; 4] = Default::default();
        for table in &there.tables {
            for (map, name) in all.iter_mut().zip(read(&table.name)) {
                map.entry(name).or_default().push(table);
            }
        }
        Self(all)
    }

    /// The table of that name: as it is, else in another case, else in another namespace.
    fn partner(&self, wanted: &TableName, taken: &HashSet<&TableName>) -> Option<&'c Table> {
        for (map, name) in self.0.iter().zip(read(wanted)) {
            let fitting = map.get(&name).into_iter().flatten();
            let mut free = fitting.filter(|t| !taken.contains(&t.name));
            if let Some(first) = free.next() {
                return free.next().is_none().then_some(*first);
            }
        }
        None
    }
}

/// A name as it is, in small letters, without its namespace, and both.
fn read(name: &TableName) -> [String; 4] {
    // The namespace and the name apart, whatever is in them.
    let full = format!("{:?} {}", name.schema, name.name);
    [
        full,
        name.to_string().to_lowercase(),
        name.name.clone(),
        name.name.to_lowercase(),
    ]
}

/// Pairs the columns of a table, and leaves out those without a partner.
fn columns(
    table: &mut ConvertedTable,
    partner: &Table,
    source: Option<&Table>,
    settings: &PlanSettings,
    say: &mut impl FnMut(String, &str),
) {
    let there: Vec<&Column> = partner.columns.iter().collect();
    let mut taken: HashSet<String> = HashSet::new();
    let (target, name) = (&mut table.target, &table.source);
    table.columns.retain_mut(|column| {
        let wanted = column.target.name.clone();
        let lower = wanted.to_lowercase();
        let found = best(
            &there,
            &[&|c| c.name == wanted, &|c| c.name.to_lowercase() == lower],
        );
        let Some(found) = found.filter(|c| taken.insert(c.name.clone())) else {
            target.columns.retain(|c| c.name != wanted);
            say(
                format!("{name}.{}", column.source.name),
                "the column is only in the source",
            );
            return false;
        };
        if let Some(made) = target.columns.iter_mut().find(|c| c.name == wanted) {
            made.name.clone_from(&found.name);
        }
        column.target.name.clone_from(&found.name);
        true
    });
    let left_out = source.and_then(|s| names::wish(settings, &s.name));
    for column in &partner.columns {
        let excluded = left_out.is_some_and(|w| w.exclude_columns.contains(&column.name));
        if !taken.contains(&column.name) && !excluded {
            say(
                format!("{}.{}", partner.name, column.name),
                "the column is only in the target",
            );
        }
    }
}
