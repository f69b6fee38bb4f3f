//! What PostgreSQL can say: names, types, statements. Pure.

mod place;
mod render;

use crate::check;
use crate::mend;
use crate::names;
use crate::words::PostgresWords;
use limosa_core::Result;
use limosa_core::check::Question;
use limosa_core::dialect::{Dialect, PlaceContext, Placement};
use limosa_core::expression::Expr;
use limosa_core::mend::{Amendment, Datum, Statement};
use limosa_core::operation::Operation;
use limosa_core::scan::Hazard;
use limosa_core::schema::{TableName, Type};

/// PostgreSQL's dialect, for one version of the server.
#[derive(Clone, Copy, Debug)]
pub struct PostgresDialect {
    /// The server's version: 150004.
    pub version: u32,
}

impl Dialect for PostgresDialect {
    fn quote(&self, identifier: &str) -> String {
        names::ident(identifier)
    }

    fn qualified(&self, name: &TableName) -> String {
        names::table(name)
    }

    fn literal(&self, text: &str) -> String {
        names::literal(text)
    }

    fn place(&self, ty: &Type, context: &PlaceContext<'_>) -> Placement {
        place::place(ty, context, self.version)
    }

    fn wants_scan(&self, ty: &Type) -> Vec<Hazard> {
        place::wants_scan(ty)
    }

    fn wants_sizes(&self, _: &Type, _: bool) -> bool {
        // No type here depends on them.
        false
    }

    fn render(&self, operation: &Operation) -> Result<Vec<String>> {
        render::render(operation, self.version)
    }

    fn expression(&self, expression: &Expr) -> Option<String> {
        limosa_sql::write(expression, &PostgresWords)
    }

    fn question(&self, question: &Question) -> Result<String> {
        check::question(question)
    }

    fn mend(&self, amendment: &Amendment<'_>) -> Result<Statement> {
        limosa_sql::mend(&mend::PostgresMending, amendment)
    }

    fn datum(&self, value: &Datum) -> String {
        mend::said(value)
    }

    fn script(&self) -> (&'static str, &'static str) {
        mend::SCRIPT
    }
}
