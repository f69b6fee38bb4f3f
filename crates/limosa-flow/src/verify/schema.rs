//! Whether the target's schema is what the plan made of the source's.
//!
//! What is expected is read off the plan's steps: the tables as they are made, with the keys, indexes
//! and conditions that later steps add. What is found is the target as inspected. More than expected
//! (an index that a foreign key brought along, a default that the engine filled in) is no
//! difference; less or other is one.

use crate::copy::Job;
use crate::outcome::SchemaDifference;
use crate::plan::{Finding, Plan, Severity, TablePlan};
use crate::planner::COMPARE;
use limosa_core::Result;
use limosa_core::canonical;
use limosa_core::expression::{Expr, SqlText};
use limosa_core::operation::Operation;
use limosa_core::schema::{
    Action, Catalog, Column, ForeignKey, Index, IndexOf, Key, Sequence, Table, TableName, Type,
};
use std::collections::{HashMap, HashSet};

/// Says what of the target, as it was found, is not as planned.
pub(super) fn differences(job: &Job<'_>, found: &Catalog) -> Result<Vec<SchemaDifference>> {
    let mut out = Vec::new();
    let alone = job.plan.strategy == COMPARE;
    // Without a plan of ours, names that differ in case only were paired.
    let folds = alone || !job.target.capabilities().column_names_case_sensitive;
    let tables: HashMap<&TableName, &TablePlan> =
        job.plan.tables.iter().map(|t| (t.name(), t)).collect();
    let mut findings: HashMap<&str, Vec<&Finding>> = HashMap::new();
    for finding in &job.plan.findings {
        if let Some(object) = &finding.object
            && finding.severity >= Severity::Warning
        {
            findings.entry(object).or_default().push(finding);
        }
    }
    let mut walk = Walk {
        plan: job.plan,
        tables,
        findings,
        folds,
        alone,
        out: &mut out,
    };
    walk.all(&expected(job.plan), found, &mut |columns| {
        crate::retry::again(&job.around(), "asking how far counters are", |_| {
            job.target.session()?.greatest_of(columns)
        })
    })?;
    Ok(out)
}

/// The tables as the steps make them, by name.
fn expected(plan: &Plan) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    let mut places: HashMap<TableName, usize> = HashMap::new();
    for step in &plan.steps {
        if let Operation::CreateTable(table) = &step.operation {
            places.insert(table.name.clone(), tables.len());
            tables.push(table.as_ref().clone());
        }
    }
    for step in &plan.steps {
        let mut of = |name: &TableName, add: &dyn Fn(&mut Table)| {
            if let Some(at) = places.get(name) {
                add(&mut tables[*at]);
            }
        };
        match &step.operation {
            Operation::AddPrimaryKey(t, key) => of(t, &|x| x.primary_key = Some(key.clone())),
            Operation::AddUnique(t, key) => of(t, &|x| x.uniques.push(key.clone())),
            Operation::CreateIndex { table, index, .. } => {
                of(table, &|x| x.indexes.push(index.clone()));
            }
            Operation::AddForeignKey(t, key) => of(t, &|x| x.foreign_keys.push(key.clone())),
            Operation::AddCheck(t, check) => of(t, &|x| x.checks.push(check.clone())),
            _ => {}
        }
    }
    tables
}

/// Asks for the greatest values of columns.
type Greatest<'g> = dyn FnMut(&[(&TableName, &str)]) -> Result<Vec<Option<i128>>> + 'g;

struct Walk<'a> {
    plan: &'a Plan,
    /// The plan's tables by their target names.
    tables: HashMap<&'a TableName, &'a TablePlan>,
    /// What the plan warned of, by its object.
    findings: HashMap<&'a str, Vec<&'a Finding>>,
    folds: bool,
    /// Whether nothing was planned, so that a type that holds the source's is as good as the one that
    /// we would have chosen.
    alone: bool,
    out: &'a mut Vec<SchemaDifference>,
}

impl Walk<'_> {
    fn all(
        &mut self,
        expected: &[Table],
        found: &Catalog,
        greatest: &mut Greatest<'_>,
    ) -> Result<()> {
        let by_name: HashMap<String, &Table> = found
            .tables
            .iter()
            .map(|t| (fold(&t.name.to_string()), t))
            .collect();
        for want in expected {
            match by_name.get(&fold(&want.name.to_string())) {
                Some(have) => self.table(want, have),
                None => self.say(&want.name, None, "the table is not there".into()),
            }
        }
        let views: HashSet<String> = (found.views.iter())
            .map(|v| fold(&v.name.to_string()))
            .collect();
        let sequences: HashMap<String, &Sequence> = (found.sequences.iter())
            .map(|s| (fold(&s.name.to_string()), s))
            .collect();
        let mut counters = Vec::new();
        for step in &self.plan.steps {
            match &step.operation {
                // Without a plan of ours, only what holds rows is asked for.
                Operation::CreateView(_) if self.alone => {}
                Operation::CreateView(view) if !views.contains(&fold(&view.name.to_string())) => {
                    self.say(&view.name, None, "the view is not there".into());
                }
                Operation::SetCounter { table, column, .. } => {
                    let next = by_name
                        .get(&fold(&table.to_string()))
                        .and_then(|t| t.columns.iter().find(|c| self.same(&c.name, column)))
                        .and_then(|c| c.identity.as_ref())
                        .and_then(|i| i.next);
                    counters.extend(next.map(|next| ((table, column.as_str()), next)));
                }
                Operation::SetSequence { name, next } => {
                    match sequences.get(&fold(&name.to_string())) {
                        None if self.alone => {
                            self.say(name, None, "the sequence is not there".into())
                        }
                        Some(have)
                            if (have.increment > 0) == (have.next < *next)
                                && have.next != *next =>
                        {
                            self.say(
                                name,
                                None,
                                format!(
                                    "the sequence would give {} next, and was to give {next}",
                                    have.next
                                ),
                            );
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        for (name, text) in super::code::differences(self.plan, found, self.alone) {
            self.say(&name, None, text);
        }
        let columns: Vec<(&TableName, &str)> = counters.iter().map(|(of, _)| *of).collect();
        let found = match columns.is_empty() {
            true => Vec::new(),
            false => greatest(&columns)?,
        };
        for (((table, column), next), greatest) in counters.into_iter().zip(found) {
            if let Some(greatest) = greatest.filter(|g| next <= *g) {
                let text =
                    format!("the counter would give {next} next, and {greatest} is taken already");
                self.say(table, Some(column), text);
            }
        }
        Ok(())
    }

    /// The source's type of a target column.
    fn declared(&self, table: &TableName, column: &str) -> Option<&Type> {
        let moved = self.tables.get(table)?;
        let at = moved.load.columns.iter().position(|w| w.name == column)?;
        moved.read.columns.get(at).map(|c| &c.ty)
    }

    fn same(&self, a: &str, b: &str) -> bool {
        a == b || (self.folds && fold(a) == fold(b))
    }

    fn same_list(&self, a: &[String], b: &[String]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.same(a, b))
    }

    fn say(&mut self, table: &TableName, column: Option<&str>, text: String) {
        let object = match column {
            Some(column) => format!("{table}.{column}"),
            None => table.to_string(),
        };
        let planned = self.planned(table, column);
        self.out.push(SchemaDifference {
            object,
            text,
            planned,
        });
    }

    /// Whether a finding of the plan said that this object would not be the same.
    fn planned(&self, table: &TableName, column: Option<&str>) -> bool {
        let moved = self.tables.get(table);
        let names = [
            Some(table.to_string()),
            moved.map(|t| t.read.table.to_string()),
        ];
        let source_column = column.and_then(|c| {
            let at = moved?.load.columns.iter().position(|w| w.name == c)?;
            Some(moved?.read.columns.get(at)?.name.as_str())
        });
        names
            .iter()
            .flatten()
            .filter_map(|name| self.findings.get(name.as_str()))
            .flatten()
            .any(|f| match (&f.column, column) {
                (Some(f), Some(c)) => f == c || Some(f.as_str()) == source_column,
                (None, _) => f.code != "no-key",
                (Some(_), None) => false,
            })
    }

    fn table(&mut self, want: &Table, have: &Table) {
        let name = &want.name;
        for column in &want.columns {
            match have
                .columns
                .iter()
                .find(|c| self.same(&c.name, &column.name))
            {
                Some(found) => self.column(name, column, found),
                None => self.say(name, Some(&column.name), "the column is not there".into()),
            }
        }
        if let Some(key) = &want.primary_key
            && !have
                .primary_key
                .as_ref()
                .is_some_and(|k| self.same_list(&k.columns, &key.columns))
        {
            let text = format!("the primary key ({}) is not there", key.columns.join(", "));
            self.say(name, None, text);
        }
        for key in &want.uniques {
            if !self.unique(have, key) {
                let text = format!("the unique key ({}) is not there", key.columns.join(", "));
                self.say(name, None, text);
            }
        }
        for key in &want.foreign_keys {
            if !have.foreign_keys.iter().any(|k| self.foreign(k, key)) {
                let text = format!(
                    "the foreign key ({}) to {} is not there",
                    key.columns.join(", "),
                    key.parent
                );
                self.say(name, None, text);
            }
        }
        for index in &want.indexes {
            if !self.indexed(have, index) {
                let kind = if index.unique {
                    "unique index"
                } else {
                    "index"
                };
                self.say(
                    name,
                    None,
                    format!("the {kind} {} is not there", index.name),
                );
            }
        }
        // Conditions are kept in each engine's own words; that their number is there can be told.
        if have.checks.len() < want.checks.len() {
            let text = format!(
                "{} of {} conditions are there",
                have.checks.len(),
                want.checks.len()
            );
            self.say(name, None, text);
        }
    }

    fn unique(&self, have: &Table, key: &Key) -> bool {
        have.uniques
            .iter()
            .chain(&have.primary_key)
            .any(|k| self.same_list(&k.columns, &key.columns))
            || have
                .indexes
                .iter()
                .any(|i| i.unique && columns(i).is_some_and(|c| self.same_list(&c, &key.columns)))
    }

    fn foreign(&self, have: &ForeignKey, want: &ForeignKey) -> bool {
        // No action and restrict both refuse.
        let action = |a: Action| match a {
            Action::Restrict => Action::NoAction,
            other => other,
        };
        self.same_list(&have.columns, &want.columns)
            && self.same_list(&have.parent_columns, &want.parent_columns)
            && fold(&have.parent.to_string()) == fold(&want.parent.to_string())
            && action(have.on_delete) == action(want.on_delete)
            && action(have.on_update) == action(want.on_update)
    }

    fn indexed(&self, have: &Table, want: &Index) -> bool {
        if have
            .indexes
            .iter()
            .any(|i| self.same(&i.name, &want.name) && i.unique == want.unique)
        {
            return true;
        }
        let Some(wanted) = columns(want) else {
            return false;
        };
        let as_index = have.indexes.iter().any(|i| {
            (i.unique || !want.unique) && columns(i).is_some_and(|c| self.same_list(&c, &wanted))
        });
        as_index
            || have
                .uniques
                .iter()
                .chain(&have.primary_key)
                .any(|k| self.same_list(&k.columns, &wanted))
    }

    fn column(&mut self, table: &TableName, want: &Column, have: &Column) {
        let declared = self.declared(table, &want.name).cloned();
        let enough = self.alone
            && (self.plan.source.capabilities.dynamic_types
                || declared
                    .as_ref()
                    .is_some_and(|ty| holds(have.ty.base(), ty.base())));
        let alone = self.alone;
        let mut say = |text: String| self.say(table, Some(&want.name), text);
        if !enough && !same_meaning(want, have) {
            say(match (alone, &declared) {
                (true, Some(ty)) => format!(
                    "the type is {} ({}), and does not hold every {ty}, which would be {} ({})",
                    have.native, have.ty, want.native, want.ty
                ),
                _ => format!(
                    "the type is {} ({}), and {} ({}) was planned",
                    have.native, have.ty, want.native, want.ty
                ),
            });
        }
        let text = matches!(
            have.ty.base(),
            Type::Char { .. } | Type::Varchar { .. } | Type::Text { .. }
        );
        if alone && text && have.folds && !want.folds {
            say(format!(
                "texts that differ in case, accents or trailing blanks are one in its collation{}",
                have.collation
                    .as_ref()
                    .map_or(String::new(), |c| format!(" {c}"))
            ));
        }
        if want.nullable != have.nullable {
            say(match have.nullable {
                true => "NULL is allowed, and was not to be".into(),
                false => "NULL is refused, and was to be allowed".into(),
            });
        }
        match (&want.default, &have.default) {
            (Some(_), None) if have.identity.is_none() => say("the default is not there".into()),
            (Some(want), Some(have)) if other_constant(want, have) => {
                say(format!(
                    "the default is {}, and not {}",
                    have.text, want.text
                ));
            }
            _ => {}
        }
        if want.identity.is_some() && have.identity.is_none() && have.default.is_none() {
            say("it does not count by itself".into());
        }
        if want.generated.is_some() != have.generated.is_some() {
            say(match want.generated {
                Some(_) => "it is not computed".into(),
                None => "it is computed, and was not to be".into(),
            });
        }
    }
}

/// Whether both are constants, and not the same one.
fn other_constant(want: &SqlText, have: &SqlText) -> bool {
    let constant = |text: &SqlText| match text.parsed.as_ref()? {
        Expr::Number(n) => {
            let mut out = Vec::new();
            canonical::decimal(&mut out, n.as_bytes());
            Some(out)
        }
        Expr::Text(t) => {
            let mut out = Vec::new();
            canonical::decimal(&mut out, t.as_bytes());
            Some(out)
        }
        Expr::Bool(b) => Some(vec![b'0' + u8::from(*b)]),
        _ => None,
    };
    match (constant(want), constant(have)) {
        (Some(want), Some(have)) => want != have,
        _ => false,
    }
}

fn fold(name: &str) -> String {
    name.to_lowercase()
}

/// The plain columns of an index, if it has nothing else.
fn columns(index: &Index) -> Option<Vec<String>> {
    if index.predicate.is_some() {
        return None;
    }
    index
        .parts
        .iter()
        .map(|p| match &p.of {
            IndexOf::Column(name) => Some(name.clone()),
            IndexOf::Expression(_) => None,
        })
        .collect()
}

/// Whether a type as found can be the type as planned. Engines have several spellings of one type, and
/// some have one type for several meanings (text for UUID), so only a real narrowing or another
/// meaning is a difference.
fn same_meaning(want: &Column, have: &Column) -> bool {
    let plain = |native: &str| -> String {
        native
            .to_lowercase()
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '"' | '`'))
            .collect()
    };
    if plain(&want.native) == plain(&have.native) {
        return true;
    }
    holds(have.ty.base(), want.ty.base())
}

fn holds(have: &Type, want: &Type) -> bool {
    use Type::*;
    match (have, want) {
        (Dynamic, _) => true,
        (
            Integer { bits, unsigned },
            Integer {
                bits: b,
                unsigned: u,
            },
        ) => (unsigned == u && bits >= b) || (!unsigned && bits > b),
        (Integer { .. }, Boolean | Year) | (Boolean, Integer { bits: 8, .. }) => true,
        (
            Decimal { precision, scale },
            Decimal {
                precision: p,
                scale: s,
            },
        ) => match (precision, p) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(precision), Some(p)) => precision >= p && scale.unwrap_or(0) >= s.unwrap_or(0),
        },
        (Decimal { .. }, Money { .. } | Integer { .. }) => true,
        (Float { bits }, Float { bits: b }) => bits >= b,
        (Char { length }, Char { length: l }) | (Varchar { length }, Varchar { length: l }) => {
            length >= l
        }
        (Text { max_bytes }, Text { max_bytes: m })
        | (Blob { max_bytes }, Blob { max_bytes: m }) => {
            max_bytes.is_none_or(|have| m.is_none_or(|m| have >= m) || have >= u64::from(u32::MAX))
        }
        // What has no type of its own is kept as text or bytes.
        (Text { .. }, want) => !want.binary(),
        (Varchar { .. } | Char { .. }, Uuid | Enum { .. } | Inet | Cidr | MacAddress { .. }) => {
            true
        }
        (Blob { .. }, Binary { .. } | Varbinary { .. } | Uuid | Geometry { .. } | Bit { .. }) => {
            true
        }
        (Binary { length }, Binary { length: l })
        | (Varbinary { length }, Varbinary { length: l }) => length >= l,
        (Binary { length: 16 }, Uuid) => true,
        (
            Timestamp { precision, zoned },
            Timestamp {
                precision: p,
                zoned: z,
            },
        ) => precision >= p && zoned == z,
        (Time { precision, .. }, Time { precision: p, .. }) => precision >= p,
        (Enum { members, .. }, Enum { members: m, .. }) => members == m,
        (Json { .. }, Json { .. } | Array { .. }) => true,
        (Bit { length, .. }, Bit { length: l, .. }) => length == l,
        (Geometry { .. }, Geometry { .. }) => true,
        (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrower_or_other_type_is_a_difference_and_a_wider_one_is_not() {
        let int = |bits| Type::Integer {
            bits,
            unsigned: false,
        };
        assert!(holds(&int(64), &int(32)));
        assert!(!holds(&int(16), &int(32)));
        assert!(holds(&Type::Text { max_bytes: None }, &Type::Uuid));
        assert!(!holds(
            &Type::Varchar { length: 5 },
            &Type::Varchar { length: 6 }
        ));
        assert!(!holds(&Type::Date, &Type::Uuid));
    }
}
