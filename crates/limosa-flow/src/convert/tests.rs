//! The conversion against a dialect of plain data.

use super::*;
use crate::plan::Severity;
use crate::settings::TableWish;
use limosa_core::dialect::{Fidelity, PlaceContext, Placement};
use limosa_core::expression::{Expr, Operator, SqlText};
use limosa_core::operation::Operation;
use limosa_core::policy::MismatchPolicy;
use limosa_core::scan::{ColumnScan, Hazard};
use limosa_core::schema::{
    Action, Check, ForeignKey, Generated, Index, IndexOf, IndexPart, Key, View,
};

/// A dialect that has a few types and a few words.
struct Words;

impl Dialect for Words {
    fn quote(&self, identifier: &str) -> String {
        format!("[{identifier}]")
    }

    fn literal(&self, text: &str) -> String {
        format!("'{text}'")
    }

    fn place(&self, ty: &Type, context: &PlaceContext<'_>) -> Placement {
        let mut placement = Placement {
            ty: ty.clone(),
            native: ty.to_string(),
            fidelity: Fidelity::Exact,
            force_nullable: false,
            check: None,
            note: None,
        };
        match ty {
            Type::Integer {
                bits,
                unsigned: true,
            } => {
                placement.ty = Type::Integer {
                    bits: bits * 2,
                    unsigned: false,
                };
                placement.fidelity = Fidelity::Widened;
                placement.check = Some(Expr::Binary(
                    Box::new(Expr::Column("VALUE".into())),
                    Operator::GreaterOrEqual,
                    Box::new(Expr::Number("0".into())),
                ));
            }
            Type::Text { .. } if context.scan.is_some_and(|s| s.count(Hazard::NulInText) > 0) => {
                placement.fidelity = Fidelity::Lossy {
                    policy: "nul = \"stop\"".into(),
                    stops: true,
                };
            }
            Type::Interval => placement.fidelity = Fidelity::Impossible,
            _ => {}
        }
        placement
    }

    fn wants_sizes(&self, _: &Type, _: bool) -> bool {
        true
    }
    fn wants_scan(&self, _: &Type) -> Vec<Hazard> {
        Vec::new()
    }

    fn render(&self, operation: &Operation) -> limosa_core::Result<Vec<String>> {
        Ok(vec![format!("{operation:?}")])
    }

    fn mend(
        &self,
        _: &limosa_core::mend::Amendment<'_>,
    ) -> limosa_core::Result<limosa_core::mend::Statement> {
        Ok(limosa_core::mend::Statement::default())
    }

    fn datum(&self, _: &limosa_core::mend::Datum) -> String {
        String::new()
    }

    fn script(&self) -> (&'static str, &'static str) {
        ("", "")
    }

    fn question(&self, _: &limosa_core::check::Question) -> limosa_core::Result<String> {
        Ok(String::new())
    }

    fn expression(&self, expression: &Expr) -> Option<String> {
        match expression {
            Expr::Column(c) => Some(self.quote(c)),
            Expr::Number(n) => Some(n.clone()),
            Expr::Text(t) => Some(self.literal(t)),
            Expr::Bool(b) => Some(b.to_string()),
            Expr::Binary(a, op, b) => Some(format!(
                "{} {op:?} {}",
                self.expression(a)?,
                self.expression(b)?
            )),
            Expr::Call(name, args) if name != "uuid" => {
                let args: Option<Vec<String>> = args.iter().map(|a| self.expression(a)).collect();
                Some(format!("{name}({})", args?.join(", ")))
            }
            _ => None,
        }
    }
}

fn capabilities(family: &str) -> Capabilities {
    Capabilities {
        family: family.into(),
        product: String::new(),
        version: String::new(),
        namespaces: false,
        default_namespace: None,
        identifier_limit: 63,
        identifier_limit_in_bytes: true,
        table_names_case_sensitive: true,
        column_names_case_sensitive: false,
        index_names_per_namespace: true,
        primary_key_inline: false,
        constraints_inline: false,
        concurrent_writers: true,
        transactional_ddl: true,
        dynamic_types: false,
        embedded: false,
        change_source: "none".into(),
        snapshot_joinable: true,
        column_limit: 1000,
        settings: Vec::new(),
    }
}

pub(crate) fn empty_table(name: TableName) -> Table {
    Table {
        name,
        columns: Vec::new(),
        primary_key: None,
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        indexes: Vec::new(),
        triggers: Vec::new(),
        partitioning: None,
        comment: None,
        estimated_rows: None,
        estimated_bytes: None,
        unrepresented: Vec::new(),
    }
}

fn column(name: &str, ty: Type) -> Column {
    Column {
        name: name.into(),
        native: ty.to_string(),
        ty,
        nullable: true,
        default: None,
        identity: None,
        generated: None,
        on_update_now: false,
        collation: None,
        folds: false,
        comment: None,
    }
}

fn int(bits: u8, unsigned: bool) -> Type {
    Type::Integer { bits, unsigned }
}

const TEXT: Type = Type::Text { max_bytes: None };

fn said(text: &str, parsed: Option<Expr>) -> SqlText {
    SqlText {
        family: "old".into(),
        text: text.into(),
        parsed,
    }
}

fn greater(column: &str, n: &str) -> Expr {
    Expr::Binary(
        Box::new(Expr::Column(column.into())),
        Operator::Greater,
        Box::new(Expr::Number(n.into())),
    )
}

fn key(columns: &[&str]) -> Key {
    Key {
        name: None,
        columns: columns.iter().map(|c| (*c).into()).collect(),
        deferrable: false,
        initially_deferred: false,
        nulls_not_distinct: false,
    }
}

fn foreign_key(columns: &[&str], parent: &str, above: &[&str]) -> ForeignKey {
    ForeignKey {
        name: None,
        columns: columns.iter().map(|c| (*c).into()).collect(),
        parent: TableName::bare(parent),
        parent_columns: above.iter().map(|c| (*c).into()).collect(),
        on_delete: Action::NoAction,
        on_update: Action::NoAction,
        deferrable: false,
        initially_deferred: false,
        match_full: false,
        validated: true,
    }
}

fn table(name: &str, columns: Vec<Column>) -> Table {
    Table {
        columns,
        ..empty_table(TableName::bare(name))
    }
}

fn converted_with(
    catalog: &Catalog,
    settings: &PlanSettings,
    families: (&str, &str),
    scans: &HashMap<TableName, TableScan>,
) -> Converted {
    let (source, target) = (capabilities(families.0), capabilities(families.1));
    let tables: Vec<&Table> = catalog
        .tables
        .iter()
        .filter(|t| names::selected(settings, &t.name))
        .collect();
    let (names, _) = Names::new(&tables, &source, &target, settings);
    convert(
        catalog,
        &Context {
            source: &source,
            target: &target,
            dialect: &Words,
            settings,
            names: &names,
            scans,
            orphans: &Orphans::new(),
        },
    )
}

fn converted(catalog: &Catalog) -> Converted {
    converted_with(
        catalog,
        &PlanSettings::default(),
        ("old", "new"),
        &HashMap::new(),
    )
}

fn of(tables: Vec<Table>) -> Catalog {
    Catalog {
        tables,
        ..Catalog::default()
    }
}

fn codes(out: &Converted) -> Vec<&str> {
    out.findings.iter().map(|f| f.code.as_str()).collect()
}

mod columns;
mod objects;
