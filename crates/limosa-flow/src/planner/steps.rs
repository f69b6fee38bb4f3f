//! The schema acts of a plan, in order, each in the target's words.

use super::weaken::weaker;
use crate::convert::Converted;
use crate::hazards::finding;
use crate::names::Names;
use crate::plan::{Finding, Severity, Stage, Step};
use limosa_core::dialect::Dialect;
use limosa_core::engine::Capabilities;
use limosa_core::operation::Operation;
use limosa_core::schema::{Catalog, Routine, Table, TableName, Type};
use limosa_core::{ErrorKind, Result};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Collects steps, and findings about what the target can not do.
pub(super) struct Steps<'a> {
    dialect: &'a dyn Dialect,
    target: &'a Capabilities,
    pub(super) steps: Vec<Step>,
    pub(super) findings: Vec<Finding>,
    /// Notes of the inspector that the target's words for a table hold after all.
    pub(super) kept: HashSet<(TableName, String)>,
    /// Triggers, by target table, that are made.
    pub(super) triggers: HashSet<(TableName, String)>,
    /// Target tables that are cut into partitions as the source's are.
    pub(super) cut: HashSet<TableName>,
    /// Columns, by target table, that the target does not let count.
    still: HashSet<(TableName, String)>,
}

impl<'a> Steps<'a> {
    pub(super) fn new(dialect: &'a dyn Dialect, target: &'a Capabilities) -> Self {
        Steps {
            dialect,
            target,
            steps: Vec::new(),
            findings: Vec::new(),
            kept: HashSet::new(),
            triggers: HashSet::new(),
            cut: HashSet::new(),
            still: HashSet::new(),
        }
    }

    /// Adds a step if the target has words for it, weaker ones if need be.
    fn add(&mut self, stage: Stage, id: String, object: &TableName, op: Operation) -> Result<bool> {
        let mut unsupported = match self.try_add(stage, &id, &op)? {
            None => return Ok(true),
            Some(why) => why,
        };
        let mut lost = Vec::new();
        let mut now = op;
        for (what, next) in weaker(&now) {
            lost.push(what);
            now = next;
            match self.try_add(stage, &id, &now)? {
                None => {
                    self.findings.push(finding(
                        "weaker-in-target",
                        Severity::Warning,
                        object,
                        format!("{id}: made without {} ({unsupported})", lost.join(", ")),
                    ));
                    return Ok(true);
                }
                Some(why) => unsupported = why,
            }
        }
        let whole = matches!(now, Operation::CreateTable(_));
        self.findings.push(finding(
            "not-supported",
            if whole {
                Severity::Stop
            } else {
                Severity::Warning
            },
            object,
            format!("{id}: not made, since {unsupported}"),
        ));
        Ok(false)
    }

    /// Renders and adds; gives the reason where the target has no such thing.
    fn try_add(&mut self, stage: Stage, id: &str, op: &Operation) -> Result<Option<String>> {
        match self.dialect.render(op) {
            Ok(statements) => {
                if !statements.is_empty() {
                    self.steps.push(Step {
                        id: id.into(),
                        stage,
                        operation: op.clone(),
                        statements,
                    });
                }
                Ok(None)
            }
            Err(e) if e.kind() == ErrorKind::Unsupported => Ok(Some(e.why().into())),
            Err(e) => Err(e),
        }
    }

    /// Everything that makes the schema; `converted` is complete.
    pub(super) fn make(&mut self, converted: &Converted, names: &Names) -> Result<()> {
        let mut namespaces = names.namespaces();
        if self.target.namespaces {
            namespaces.extend(beside_tables(converted));
        }
        for schema in namespaces {
            if Some(&schema) == self.target.default_namespace.as_ref() {
                continue;
            }
            self.add(
                Stage::Create,
                format!("create/namespace {schema}"),
                &TableName::bare(&schema),
                Operation::CreateSchema(schema.clone()),
            )?;
        }
        self.code(converted, &["extension"])?;
        for e in &converted.enums {
            // Where there are no types of words, the words stand with the column.
            let op = Operation::CreateEnum(e.clone());
            self.try_add(Stage::Create, &format!("create/type {}", e.name), &op)?;
        }
        for d in &converted.domains {
            let op = Operation::CreateDomain(d.clone());
            self.add(
                Stage::Create,
                format!("create/type {}", d.name),
                &d.name,
                op,
            )?;
        }
        for s in &converted.sequences {
            let op = Operation::CreateSequence(s.clone());
            self.add(
                Stage::Create,
                format!("create/sequence {}", s.name),
                &s.name,
                op,
            )?;
        }
        self.code(converted, &["type"])?;
        self.code(converted, &[])?;
        for table in &converted.tables {
            let mut first = self.before_load(&table.target);
            self.settle(&table.source, &mut first);
            let (name, parts) = (first.name.clone(), first.partitioning.is_some());
            let made = self.add(
                Stage::Create,
                format!("create/table {}", first.name),
                &table.source,
                Operation::CreateTable(Box::new(first)),
            )?;
            if made && parts {
                self.cut.insert(name);
            }
        }
        for table in &converted.tables {
            self.keys(&table.source, &table.target)?;
        }
        for table in &converted.tables {
            self.constraints(&table.source, &table.target)?;
        }
        Ok(())
    }

    /// Code of these kinds; of all that stands before the tables if none is named. What one needs of another
    /// is not known: the run tries again what missed something.
    fn code(&mut self, converted: &Converted, kinds: &[&str]) -> Result<()> {
        let all = converted.routines.iter();
        for routine in all.filter(|r| match kinds {
            [] => !late(r) && !matches!(r.kind.as_str(), "extension" | "type"),
            kinds => kinds.contains(&r.kind.as_str()),
        }) {
            let (stage, word) = if late(routine) {
                (Stage::Finish, "finish")
            } else {
                (Stage::Create, "create")
            };
            self.add(
                stage,
                format!("{word}/{} {}", routine.kind, routine.name),
                &routine.name,
                Operation::CreateRoutine(routine.clone()),
            )?;
        }
        Ok(())
    }

    /// Whether a unique constraint must be there from the beginning: a counter needs a key in engines
    /// that keep their rows in the primary key.
    fn early(&self, table: &Table, columns: &[String]) -> bool {
        self.target.constraints_inline
            || (self.target.primary_key_inline
                && columns.first().is_some_and(|c| {
                    table.column(c).is_some_and(|c| c.identity.is_some())
                        && table.primary_key.as_ref().and_then(|k| k.columns.first()) != Some(c)
                }))
    }

    /// The table as it is made before the load.
    fn before_load(&self, table: &Table) -> Table {
        let mut first = table.clone();
        first.indexes.clear();
        first.triggers.clear();
        first.comment = None;
        if !self.target.primary_key_inline {
            first.primary_key = None;
        }
        first.uniques.retain(|k| self.early(table, &k.columns));
        if !self.target.constraints_inline {
            first.foreign_keys.clear();
            first.checks.clear();
        }
        first
    }

    /// Finds out what the target's words for a table leave out, by saying it with and without.
    fn settle(&mut self, source: &TableName, table: &mut Table) {
        let dialect = self.dialect;
        let said = |t: &Table| {
            dialect
                .render(&Operation::CreateTable(Box::new(t.clone())))
                .ok()
        };
        if table.unrepresented.is_empty() && table.columns.iter().all(|c| c.identity.is_none()) {
            return;
        }
        let Some(whole) = said(table) else { return };
        for at in 0..table.unrepresented.len() {
            let mut without = table.clone();
            let note = without.unrepresented.remove(at);
            if said(&without).is_some_and(|s| s != whole) {
                self.kept.insert((source.clone(), note));
            }
        }
        for at in 0..table.columns.len() {
            if table.columns[at].identity.is_none() {
                continue;
            }
            let mut without = table.clone();
            without.columns[at].identity = None;
            if said(&without).is_some_and(|s| s == whole) {
                let column = &table.columns[at];
                self.findings.push(
                    finding(
                        "counter-not-moved",
                        Severity::Warning,
                        source,
                        "the target does not let this column count by itself",
                    )
                    .at(&column.name),
                );
                self.still.insert((table.name.clone(), column.name.clone()));
                table.columns[at].identity = None;
            }
        }
    }

    fn keys(&mut self, source: &TableName, table: &Table) -> Result<()> {
        let name = &table.name;
        if let Some(key) = table
            .primary_key
            .as_ref()
            .filter(|_| !self.target.primary_key_inline)
        {
            self.add(
                Stage::Keys,
                format!("keys/{name}/primary key"),
                source,
                Operation::AddPrimaryKey(name.clone(), key.clone()),
            )?;
        }
        for key in &table.uniques {
            if self.early(table, &key.columns) {
                continue;
            }
            let label = key.name.as_deref().unwrap_or_default();
            self.add(
                Stage::Keys,
                format!("keys/{name}/unique {label}"),
                source,
                Operation::AddUnique(name.clone(), key.clone()),
            )?;
        }
        for index in &table.indexes {
            self.add(
                Stage::Keys,
                format!("keys/{name}/index {}", index.name),
                source,
                Operation::CreateIndex {
                    table: name.clone(),
                    index: index.clone(),
                    columns: table.columns.clone(),
                },
            )?;
        }
        Ok(())
    }

    fn constraints(&mut self, source: &TableName, table: &Table) -> Result<()> {
        if self.target.constraints_inline {
            return Ok(());
        }
        let name = &table.name;
        for check in &table.checks {
            let label = check.name.as_deref().unwrap_or_default();
            self.add(
                Stage::Constraints,
                format!("constraints/{name}/check {label}"),
                source,
                Operation::AddCheck(name.clone(), check.clone()),
            )?;
        }
        for key in &table.foreign_keys {
            let label = key.name.as_deref().unwrap_or_default();
            self.add(
                Stage::Constraints,
                format!("constraints/{name}/foreign key {label}"),
                source,
                Operation::AddForeignKey(name.clone(), key.clone()),
            )?;
        }
        Ok(())
    }

    /// Counters, views, comments and statistics. With `only_rows`, the schema was there before, and only
    /// counters and statistics are ours.
    pub(super) fn finish(
        &mut self,
        catalog: &Catalog,
        converted: &Converted,
        only_rows: bool,
    ) -> Result<()> {
        let sources: HashMap<&TableName, &Table> =
            catalog.tables.iter().map(|t| (&t.name, t)).collect();
        for table in &converted.tables {
            let name = &table.target.name;
            for column in table.columns.iter().filter(|c| c.target.identity.is_some()) {
                let next = sources
                    .get(&table.source)
                    .and_then(|t| t.column(&column.source.name))
                    .and_then(|c| c.identity.as_ref()?.next)
                    .unwrap_or(1);
                let to = &column.target.name;
                if self.still.contains(&(name.clone(), to.clone())) {
                    continue;
                }
                let op = Operation::SetCounter {
                    table: name.clone(),
                    column: to.clone(),
                    next: clamp(next, &column.target.ty),
                };
                self.add(
                    Stage::Finish,
                    format!("finish/{name}/counter {to}"),
                    &table.source,
                    op,
                )?;
            }
        }
        if !only_rows {
            let made: HashSet<TableName> = (self.steps.iter())
                .filter_map(|step| match &step.operation {
                    Operation::CreateSequence(s) => Some(s.name.clone()),
                    _ => None,
                })
                .collect();
            for s in &converted.sequences {
                if made.contains(&s.name) {
                    let op = Operation::SetSequence {
                        name: s.name.clone(),
                        next: s.next,
                    };
                    self.add(
                        Stage::Finish,
                        format!("finish/sequence {}", s.name),
                        &s.name,
                        op,
                    )?;
                }
            }
            for view in &converted.views {
                let op = Operation::CreateView(view.clone());
                self.add(
                    Stage::Finish,
                    format!("finish/view {}", view.name),
                    &view.name,
                    op,
                )?;
            }
            self.parts(converted)?;
            self.triggers(converted)?;
            self.comments(converted)?;
        }
        for table in &converted.tables {
            let name = &table.target.name;
            let op = Operation::Analyze(name.clone());
            self.add(
                Stage::Finish,
                format!("finish/{name}/statistics"),
                &table.source,
                op,
            )?;
        }
        Ok(())
    }

    /// What stands on a part of a table, or on a view that keeps its rows.
    fn parts(&mut self, converted: &Converted) -> Result<()> {
        let mut kinds: Vec<&str> = converted
            .routines
            .iter()
            .filter(|r| late(r) && !acts(r))
            .map(|r| r.kind.as_str())
            .collect();
        kinds.sort_by_key(|k| (!k.starts_with("index"), k.to_string()));
        kinds.dedup();
        for kind in kinds {
            self.code(converted, &[kind])?;
        }
        Ok(())
    }

    /// Everything that acts by itself comes after the rows and after their keys.
    fn triggers(&mut self, converted: &Converted) -> Result<()> {
        for table in &converted.tables {
            let name = &table.target.name;
            for trigger in &table.target.triggers {
                let made = self.add(
                    Stage::Finish,
                    format!("finish/{name}/trigger {}", trigger.name),
                    &table.source,
                    Operation::CreateTrigger {
                        table: name.clone(),
                        trigger: trigger.clone(),
                    },
                )?;
                if made {
                    self.triggers.insert((name.clone(), trigger.name.clone()));
                }
            }
        }
        self.code(converted, &["trigger", "event trigger", "event"])?;
        for event in converted.routines.iter().filter(|r| r.kind == "event") {
            self.findings.push(
                finding(
                    "event-moved",
                    Severity::Note,
                    &event.name,
                    "the event is made in the target as it is in the source, and runs there from \
                     the end of the run on, if the target runs events",
                )
                .remedy("disable it there until the application writes to the target"),
            );
        }
        Ok(())
    }

    fn comments(&mut self, converted: &Converted) -> Result<()> {
        let mut lost = 0u64;
        for table in &converted.tables {
            let name = &table.target.name;
            let whole = table.target.comment.iter().map(|text| (None, text));
            let columns = table.target.columns.iter().filter_map(|c| {
                let text = c.comment.as_ref()?;
                Some((Some(c.name.clone()), text))
            });
            for (column, text) in whole.chain(columns).filter(|(_, t)| !t.is_empty()) {
                let id = match &column {
                    Some(c) => format!("finish/{name}/comment {c}"),
                    None => format!("finish/{name}/comment"),
                };
                let op = Operation::Comment {
                    table: name.clone(),
                    column,
                    text: text.clone(),
                };
                if self.try_add(Stage::Finish, &id, &op)?.is_some() {
                    lost += 1;
                }
            }
        }
        if lost > 0 {
            let mut made = finding(
                "comments-not-moved",
                Severity::Note,
                "",
                "the target keeps no comments on tables and columns",
            );
            made.object = None;
            made.count = Some(lost);
            self.findings.push(made);
        }
        Ok(())
    }
}

/// Whether code acts by itself.
fn acts(routine: &Routine) -> bool {
    matches!(routine.kind.as_str(), "trigger" | "event trigger" | "event")
}

/// Whether code is made after the rows: it acts by itself, or stands on something that is made by then.
fn late(routine: &Routine) -> bool {
    acts(routine)
        || [
            "index of ",
            "constraint of ",
            "rule of ",
            "policy of ",
            "row security of ",
        ]
        .iter()
        .any(|what| routine.kind.starts_with(what))
}

/// The namespaces of everything that is no table.
fn beside_tables(converted: &Converted) -> BTreeSet<String> {
    let routines = converted.routines.iter().map(|r| &r.name);
    routines
        .chain(converted.enums.iter().map(|e| &e.name))
        .chain(converted.domains.iter().map(|d| &d.name))
        .chain(converted.sequences.iter().map(|s| &s.name))
        .chain(converted.views.iter().map(|v| &v.name))
        .chain(
            converted
                .tables
                .iter()
                .filter_map(|t| t.target.partitioning.as_ref())
                .flat_map(|p| p.parts.iter().map(|(name, _)| name)),
        )
        .filter_map(|name| name.schema.clone())
        .collect()
}

/// The next value of a counter, within the range of its column.
fn clamp(next: i128, ty: &Type) -> i128 {
    match ty.base() {
        Type::Integer { bits, unsigned } => {
            let most = 1i128 << (i32::from(*bits) - i32::from(!unsigned));
            next.min(most - 1)
        }
        _ => next,
    }
}
