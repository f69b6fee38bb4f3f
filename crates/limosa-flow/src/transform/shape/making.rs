//! One shape under way: what a person asked of one table becomes its columns, its formulas and its filter.

use super::super::check::{Compiled, Input, Scope, Wrong, compile, condition, nearest};
use super::super::lookup::Lookups;
use super::{COMPUTED, Part, Shape, wild};
use crate::hazards::finding;
use crate::plan::{Finding, Severity};
use crate::settings::{PlanSettings, TableWish, Text};
use limosa_core::schema::{Catalog, Column, Table};

/// One shape under way.
pub(super) struct Making<'a> {
    pub(super) table: &'a Table,
    part: Part<'a>,
    pub(super) inputs: Vec<Input>,
    lookups: Lookups,
    salt: Option<&'a [u8]>,
    case_sensitive: bool,
    pub(super) findings: Vec<Finding>,
}

impl<'a> Making<'a> {
    pub(super) fn new(
        table: &'a Table,
        part: Part<'a>,
        catalog: &Catalog,
        settings: &'a PlanSettings,
        case_sensitive: bool,
    ) -> Self {
        Self {
            table,
            part,
            inputs: table
                .columns
                .iter()
                .map(|c| Input {
                    name: c.name.clone(),
                    ty: c.ty.clone(),
                    nullable: c.nullable,
                })
                .collect(),
            lookups: Lookups::new(catalog),
            salt: settings.mask_salt.bytes(),
            case_sensitive,
            findings: Vec::new(),
        }
    }

    fn scope(&self) -> Scope<'_> {
        Scope {
            inputs: &self.inputs,
            case_sensitive: self.case_sensitive,
            lookups: &self.lookups,
            salt: self.salt,
        }
    }

    fn column(&self, name: &str) -> Option<&'a Column> {
        let same = |c: &&Column| match self.case_sensitive {
            true => c.name == name,
            false => c.name.eq_ignore_ascii_case(name),
        };
        self.table.columns.iter().find(same)
    }

    pub(super) fn say(
        &mut self,
        code: &str,
        severity: Severity,
        column: &str,
        text: String,
    ) -> &mut Finding {
        self.findings
            .push(finding(code, severity, &self.table.name, text).at(column));
        self.findings.last_mut().expect("it was pushed")
    }

    fn wrong(&mut self, what: &str, text: &Text, wrong: &Wrong) {
        let said = format!("{}: {}", text.place(wrong.at), wrong.why);
        let remedy =
            "see docs/guide/transform.md for the language; limosa transform --try TABLE tries it";
        self.say("transform-wrong", Severity::Stop, what, said)
            .remedy = Some(remedy.into());
    }

    /// The columns that are taken: all or those of `select`, without those of `drop`.
    fn base(&mut self) -> Vec<&'a Column> {
        let wishes = self.part.wishes.clone();
        let mut base: Vec<&Column> = self.table.columns.iter().collect();
        for wish in wishes {
            for (names, word) in [(&wish.select, "select"), (&wish.drop, "drop")] {
                for name in names {
                    if wild(&wish.table) || self.column(name).is_some() {
                        continue;
                    }
                    let near = nearest(name, self.table.columns.iter().map(|c| c.name.as_str()));
                    let near = near.map_or(String::new(), |n| format!("; did you mean {n}?"));
                    self.say(
                        "unknown-column",
                        Severity::Stop,
                        name,
                        format!("{word} names a column that the table does not have{near}"),
                    );
                }
            }
            let among = |names: &[String], c: &Column| {
                names
                    .iter()
                    .any(|n| self.column(n).is_some_and(|f| f.name == c.name))
            };
            if !wish.select.is_empty() {
                base.retain(|c| among(&wish.select, c));
            }
            base.retain(|c| !among(&wish.drop, c));
        }
        base
    }

    /// The formulas by the names that they make, the last wish first to be heard, and those that compile.
    fn formulas(&mut self) -> Vec<(String, String, Compiled)> {
        let wishes = self.part.wishes.clone();
        let mut out: Vec<(String, String, Compiled)> = Vec::new();
        for wish in wishes {
            for (name, text) in &wish.columns {
                let made = compile(&text.text, self.scope());
                let known = match limosa_sql::formula(&text.text) {
                    Ok(formula) => {
                        let mut known = true;
                        formula.columns(&mut |c| known &= self.column(c).is_some());
                        known
                    }
                    Err(_) => true,
                };
                if wild(&wish.table) && !known {
                    // A pattern is for the tables that have the columns.
                    continue;
                }
                let name = self.column(name).map_or(name.clone(), |c| c.name.clone());
                match made {
                    Ok(made) => {
                        for how in &made.fails {
                            self.say(
                                "transform-can-fail",
                                Severity::Note,
                                &name,
                                format!("{} can fail for a row: {how}", text.text),
                            )
                            .remedy = Some(
                                "a row for which it fails is rejected, see error_threshold".into(),
                            );
                        }
                        out.retain(|(n, ..)| *n != name);
                        out.push((name, text.text.clone(), made));
                    }
                    Err(wrong) => self.wrong(&name, text, &wrong),
                }
            }
        }
        out
    }

    /// The condition, the inputs that it reads, and whether it can fail.
    fn filter(&mut self) -> (Option<String>, Vec<usize>, bool) {
        let wishes = self.part.wishes.clone();
        let mut parts = Vec::new();
        let mut reads = Vec::new();
        let mut can_fail = false;
        for wish in wishes {
            let Some(text) = &wish.filter else { continue };
            match condition(&text.text, self.scope()) {
                Ok(made) => {
                    for how in &made.fails {
                        self.say(
                            "transform-can-fail",
                            Severity::Note,
                            "where",
                            format!("{} can fail for a row: {how}", text.text),
                        );
                    }
                    can_fail |= !made.fails.is_empty();
                    reads.extend(made.reads);
                    parts.push(format!("({})", text.text));
                }
                Err(wrong) => self.wrong("where", text, &wrong),
            }
        }
        let text = (!parts.is_empty()).then(|| parts.join(" AND "));
        (text, reads, can_fail)
    }

    pub(super) fn make(&mut self) -> (Table, Shape, TableWish) {
        let base = self.base();
        let formulas = self.formulas();
        let (filter, filter_reads, can_fail) = self.filter();
        let mut wish = TableWish {
            name: self.part.name.to_string(),
            ..TableWish::default()
        };
        // A column that is named alone and does not stay itself is renamed.
        let mut renamed: Vec<(&Column, &str)> = Vec::new();
        let mut computed: Vec<&(String, String, Compiled)> = Vec::new();
        for formula in &formulas {
            let (name, _, made) = formula;
            let passed = made.passes.map(|at| &self.table.columns[at]);
            match passed {
                Some(from) if from.name == *name => {}
                Some(from)
                    if !base.iter().any(|c| c.name == from.name)
                        && !renamed.iter().any(|(c, _)| c.name == from.name)
                        && !base.iter().any(|c| c.name == *name) =>
                {
                    renamed.push((from, name));
                }
                _ => computed.push(formula),
            }
        }
        let formula_of = |name: &str| computed.iter().find(|(n, ..)| n == name);
        let mut columns: Vec<Column> = Vec::new();
        for column in &self.table.columns {
            let taken = base.iter().any(|c| c.name == column.name);
            let rename = renamed.iter().find(|(c, _)| c.name == column.name);
            if let Some((_, name)) = rename {
                wish.rename_columns
                    .push((column.name.clone(), (*name).into()));
                columns.push(column.clone());
            } else if taken {
                columns.push(match formula_of(&column.name) {
                    None => column.clone(),
                    Some((_, _, made)) => Column {
                        ty: made.ty.clone(),
                        native: COMPUTED.into(),
                        nullable: made.nullable,
                        default: column
                            .default
                            .clone()
                            .filter(|_| made.ty == *column.ty.base()),
                        identity: None,
                        generated: None,
                        on_update_now: false,
                        ..column.clone()
                    },
                });
            }
        }
        for (name, _, made) in &computed {
            if columns.iter().any(|c| c.name == *name) {
                continue;
            }
            columns.push(Column {
                name: name.clone(),
                ty: made.ty.clone(),
                native: COMPUTED.into(),
                nullable: made.nullable,
                default: None,
                identity: None,
                generated: None,
                on_update_now: false,
                collation: None,
                folds: false,
                comment: None,
            });
        }
        if columns.is_empty() {
            self.say(
                "transform-wrong",
                Severity::Stop,
                "select",
                "no column is left".into(),
            );
        }
        let mut table = Table {
            name: self.part.name.clone(),
            columns,
            triggers: Vec::new(),
            partitioning: None,
            ..self.table.clone()
        };
        if table.name != self.table.name {
            // The names of constraints are those of the source's table, which others may become too.
            let keys = table.primary_key.iter_mut().chain(&mut table.uniques);
            keys.for_each(|k| k.name = None);
            table.foreign_keys.iter_mut().for_each(|k| k.name = None);
            table.checks.iter_mut().for_each(|c| c.name = None);
        }
        self.bind(&mut table);
        let places = self.places(&table);
        let keep: Vec<usize> = places.clone();
        let mut at = 0;
        table.foreign_keys.retain(|_| {
            at += 1;
            keep.contains(&(at - 1))
        });
        let reads: Vec<usize> = computed
            .iter()
            .flat_map(|(_, _, m)| m.reads.iter().copied())
            .chain(filter_reads)
            .collect();
        let key = self.trace(&table, &computed);
        let shape = Shape {
            source: self.table.clone(),
            filter,
            formulas: computed
                .iter()
                .map(|(name, text, made)| (name.clone(), text.clone(), made.ty.clone()))
                .collect(),
            reads: reads
                .iter()
                .map(|at| self.inputs[*at].name.clone())
                .collect(),
            key,
            lookups: self.lookups.tables_wanted(),
            can_fail: can_fail || computed.iter().any(|(_, _, m)| !m.fails.is_empty()),
            foreign_keys: places,
        };
        (table, shape, wish)
    }
}
