//! Names: which tables move, and what everything is called in the target.

use crate::hazards::finding;
use crate::plan::{Finding, Severity};
use crate::settings::{PlanSettings, TableWish};
use limosa_core::engine::Capabilities;
use limosa_core::schema::{Table, TableName};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Whether `text` fits `pattern`, in which `*` is any run of characters and `?` is one.
pub fn fits(pattern: &str, text: &str) -> bool {
    let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut i, mut j) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while j < t.len() {
        match p.get(i) {
            Some('*') => {
                star = Some((i, j));
                i += 1;
            }
            Some(c) if *c == '?' || *c == t[j] => {
                i += 1;
                j += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    i = at + 1;
                    j = from + 1;
                }
                None => return false,
            },
        }
    }
    p[i..].iter().all(|c| *c == '*')
}

/// Whether a table is to be moved: it fits a pattern of `include` (or that is empty), and none of `exclude`.
pub fn selected(settings: &PlanSettings, table: &TableName) -> bool {
    let full = table.to_string();
    let any = |patterns: &[String]| {
        patterns
            .iter()
            .any(|p| fits(p, &table.name) || fits(p, &full))
    };
    (settings.include.is_empty() || any(&settings.include)) && !any(&settings.exclude)
}

/// The wish for a source table, if there is one.
pub fn wish<'a>(settings: &'a PlanSettings, table: &TableName) -> Option<&'a TableWish> {
    let full = table.to_string();
    settings
        .tables
        .iter()
        .find(|w| w.name == full)
        .or_else(|| settings.tables.iter().find(|w| w.name == table.name))
}

/// The first eight hexadecimal digits of the SHA-256 of a name.
fn mark(name: &str) -> String {
    Sha256::digest(name.as_bytes())
        .iter()
        .take(4)
        .map(|b| format!("{b:02x}"))
        .collect()
}

/// Gives `name` if the target can hold it, else its beginning with `_` and eight digits of its hash.
pub fn shorten(name: &str, target: &Capabilities) -> String {
    let size = |s: &str| {
        if target.identifier_limit_in_bytes {
            s.len()
        } else {
            s.chars().count()
        }
    };
    if size(name) <= target.identifier_limit {
        return name.into();
    }
    let room = target.identifier_limit.saturating_sub(9);
    let mut head = String::new();
    let mut used = 0;
    for c in name.chars() {
        used += if target.identifier_limit_in_bytes {
            c.len_utf8()
        } else {
            1
        };
        if used > room {
            break;
        }
        head.push(c);
    }
    format!("{head}_{}", mark(name))
}

/// Where each object of the source goes.
#[derive(Clone, Debug, Default)]
pub struct Names {
    tables: HashMap<TableName, TableName>,
    schemas: BTreeMap<Option<String>, Option<String>>,
    prefixes: BTreeMap<Option<String>, String>,
    renamed: bool,
}

impl Names {
    /// Decides the names of all `tables`, which are those that move.
    ///
    /// Namespaces keep their names where the target has namespaces, the source's default one becoming
    /// the target's default one. Where the target has none, the default one (or the only one) is
    /// dropped and others become a prefix `schema__`. Renames of `settings` come first.
    pub fn new(
        tables: &[&Table],
        source: &Capabilities,
        target: &Capabilities,
        settings: &PlanSettings,
    ) -> (Self, Vec<Finding>) {
        let mut names = Names::default();
        let mut findings = Vec::new();
        let schemas: BTreeSet<&Option<String>> = tables.iter().map(|t| &t.name.schema).collect();
        let only = schemas.len() == 1;
        for schema in schemas {
            let asked = settings
                .rename_schemas
                .iter()
                .find(|(from, _)| Some(from) == schema.as_ref())
                .map(|(_, to)| to.clone());
            let default = schema.is_none() || *schema == source.default_namespace;
            let (to, prefix) = if target.namespaces {
                let to = match asked {
                    Some(to) => Some(to),
                    None if default => target.default_namespace.clone().or(schema.clone()),
                    None => schema.clone(),
                };
                (to.map(|s| shorten(&s, target)), String::new())
            } else {
                let prefix = match (asked, schema) {
                    (Some(to), _) if to.is_empty() => String::new(),
                    (Some(to), _) => format!("{to}__"),
                    (None, Some(s)) if !default && !only => format!("{s}__"),
                    _ => String::new(),
                };
                (None, prefix)
            };
            names.schemas.insert(schema.clone(), to);
            names.prefixes.insert(schema.clone(), prefix);
        }
        let fold = |t: &TableName| {
            if target.table_names_case_sensitive {
                t.clone()
            } else {
                TableName {
                    schema: t.schema.as_ref().map(|s| s.to_lowercase()),
                    name: t.name.to_lowercase(),
                }
            }
        };
        let mut taken: HashMap<TableName, TableName> = HashMap::new();
        for table in tables {
            let from = &table.name;
            let wanted = match wish(settings, from).and_then(|w| w.rename.as_deref()) {
                Some(new) => match new.split_once('.') {
                    Some((schema, name)) if target.namespaces => TableName::within(schema, name),
                    _ => TableName {
                        schema: names.schemas.get(&from.schema).cloned().flatten(),
                        name: new.into(),
                    },
                },
                None => names.object(from),
            };
            let to = TableName {
                schema: wanted.schema.clone(),
                name: shorten(&wanted.name, target),
            };
            if to.name != wanted.name {
                findings.push(
                    finding(
                        "name-too-long",
                        Severity::Warning,
                        from,
                        format!(
                            "the name {} is longer than the target allows ({}); it becomes {}",
                            wanted.name, target.identifier_limit, to.name
                        ),
                    )
                    .remedy(rename_remedy(from)),
                );
            }
            if let Some(other) = taken.insert(fold(&to), from.clone()) {
                findings.push(
                    finding(
                        "name-collision",
                        Severity::Stop,
                        from,
                        format!("{from} and {other} would both be called {to} in the target"),
                    )
                    .remedy(rename_remedy(from)),
                );
            }
            names.renamed |= *from != to;
            names.tables.insert(from.clone(), to);
        }
        (names, findings)
    }

    /// The target name of a table that moves; `None` for all others.
    pub fn table(&self, source: &TableName) -> Option<&TableName> {
        self.tables.get(source)
    }

    /// The target name of another object, made by the rules for namespaces alone.
    pub fn object(&self, source: &TableName) -> TableName {
        let prefix = self.prefixes.get(&source.schema).map_or("", |p| p);
        TableName {
            schema: match self.schemas.get(&source.schema) {
                Some(to) => to.clone(),
                None => source.schema.clone(),
            },
            name: format!("{prefix}{}", source.name),
        }
    }

    /// Whether any table is called otherwise in the target, so that texts that name tables are wrong there.
    pub fn renamed(&self) -> bool {
        self.renamed
    }

    /// The namespaces of the target's tables, each once, in order.
    pub fn namespaces(&self) -> BTreeSet<String> {
        self.tables
            .values()
            .filter_map(|t| t.schema.clone())
            .collect()
    }
}

fn rename_remedy(table: &TableName) -> String {
    format!("choose a name: [[table]] name = \"{table}\" rename = \"…\"")
}

/// Decides the target names of a table's columns, in order, with findings for names that are too long or collide.
pub fn columns(
    table: &Table,
    wish: Option<&TableWish>,
    target: &Capabilities,
) -> (HashMap<String, String>, Vec<Finding>) {
    let mut out = HashMap::new();
    let mut findings = Vec::new();
    let mut taken: HashMap<String, &str> = HashMap::new();
    for column in &table.columns {
        if wish.is_some_and(|w| w.exclude_columns.contains(&column.name)) {
            continue;
        }
        let wanted = wish
            .and_then(|w| {
                w.rename_columns
                    .iter()
                    .find(|(from, _)| *from == column.name)
            })
            .map_or(&column.name, |(_, to)| to);
        let to = shorten(wanted, target);
        if to != *wanted {
            findings.push(
                finding(
                    "name-too-long",
                    Severity::Warning,
                    &table.name,
                    format!("the column becomes {to}: its name is longer than the target allows"),
                )
                .at(&column.name),
            );
        }
        let folded = if target.column_names_case_sensitive {
            to.clone()
        } else {
            to.to_lowercase()
        };
        if let Some(other) = taken.insert(folded, &column.name) {
            findings.push(
                finding(
                    "name-collision",
                    Severity::Stop,
                    &table.name,
                    format!(
                        "the columns {other} and {} would both be called {to} in the target",
                        column.name
                    ),
                )
                .at(&column.name)
                .remedy(format!(
                    "rename one: [[table]] name = \"{}\" rename_columns = {{ {} = \"…\" }}",
                    table.name, column.name
                )),
            );
        }
        out.insert(column.name.clone(), to);
    }
    (out, findings)
}

/// What a name is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// An index, or a constraint that stands on one.
    Index,
    /// A foreign key or a check.
    Constraint,
}

/// Gives names to indexes and constraints so that no two of a namespace are equal.
#[derive(Debug)]
pub struct Labels<'a> {
    target: &'a Capabilities,
    /// Names of the source are kept: they are apart there, and the rules are the same.
    keep: bool,
    /// Names of indexes get their table's name in front.
    prefix: bool,
    taken: HashSet<(Option<String>, String, String)>,
}

impl<'a> Labels<'a> {
    /// Begins. Names are kept within one family where no table is called otherwise.
    pub fn new(source: &Capabilities, target: &'a Capabilities, names: &Names) -> Self {
        Labels {
            target,
            keep: source.family == target.family && !names.renamed(),
            prefix: target.index_names_per_namespace && !source.index_names_per_namespace,
            taken: HashSet::new(),
        }
    }

    /// Takes a name away, so that no index or constraint gets it: tables share the namespace of indexes in some engines.
    pub fn reserve(&mut self, table: &TableName) {
        let place = self.place(table, &table.name, Label::Index);
        self.taken.insert(place);
    }

    fn place(
        &self,
        table: &TableName,
        name: &str,
        label: Label,
    ) -> (Option<String>, String, String) {
        let alone = label == Label::Index && !self.target.index_names_per_namespace;
        (
            table.schema.clone(),
            if alone {
                table.name.clone()
            } else {
                String::new()
            },
            name.to_lowercase(),
        )
    }

    /// Gives the name for an index or constraint of `table`: `wanted` if it is free, else with the
    /// table's name before it, else with a number. `own` says that the source calls it so.
    pub fn give(&mut self, table: &TableName, wanted: &str, label: Label, own: bool) -> String {
        let long = format!("{}_{wanted}", table.name);
        let begins = wanted.to_lowercase().contains(&table.name.to_lowercase());
        let mut candidates = Vec::new();
        if !self.prefix || label == Label::Constraint || begins {
            candidates.push(shorten(wanted, self.target));
        }
        candidates.push(shorten(&long, self.target));
        candidates.extend((2..100).map(|n| shorten(&format!("{long}_{n}"), self.target)));
        let chosen = if self.keep && own {
            wanted.to_string()
        } else {
            candidates
                .iter()
                .find(|c| !self.taken.contains(&self.place(table, c, label)))
                .cloned()
                .unwrap_or_else(|| shorten(&format!("{long}_{}", mark(&long)), self.target))
        };
        let place = self.place(table, &chosen, label);
        self.taken.insert(place);
        chosen
    }
}

#[cfg(test)]
mod tests;
