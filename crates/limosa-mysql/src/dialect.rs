//! What this engine can say.

use crate::check;
use crate::connection::Version;
use crate::fit;
use crate::mend;
use crate::place;
use crate::render;
use crate::words::{self, MySqlWords};
use limosa_core::check::Question;
use limosa_core::dialect::{Dialect, Misfit, PlaceContext, Placement};
use limosa_core::error::Result;
use limosa_core::expression::Expr;
use limosa_core::mend::{Amendment, Datum, Statement};
use limosa_core::operation::Operation;
use limosa_core::scan::Hazard;
use limosa_core::schema::{Table, Type};

/// The words of one product in one version.
pub(crate) struct MySqlDialect {
    pub(crate) version: Version,
    pub(crate) words: MySqlWords,
}

impl MySqlDialect {
    pub(crate) fn new(version: Version) -> Self {
        Self {
            words: MySqlWords {
                maria: version.maria,
            },
            version,
        }
    }
}

impl Dialect for MySqlDialect {
    fn quote(&self, identifier: &str) -> String {
        words::quote(identifier)
    }

    fn literal(&self, text: &str) -> String {
        words::literal(text)
    }

    fn place(&self, ty: &Type, context: &PlaceContext<'_>) -> Placement {
        place::place(&self.version, ty, context)
    }

    fn fit(&self, table: &Table, free: &dyn Fn(&str) -> bool) -> Vec<Misfit> {
        fit::fit(&self.version, table, free)
    }

    fn wants_scan(&self, ty: &Type) -> Vec<Hazard> {
        place::wants_scan(&self.version, ty)
    }

    fn wants_sizes(&self, ty: &Type, indexed: bool) -> bool {
        place::wants_sizes(ty, indexed)
    }

    fn render(&self, operation: &Operation) -> Result<Vec<String>> {
        render::render(self, operation)
    }

    fn expression(&self, expression: &Expr) -> Option<String> {
        limosa_sql::write(expression, &self.words)
    }

    fn question(&self, question: &Question) -> Result<String> {
        check::question(&self.version, question)
    }

    fn mend(&self, amendment: &Amendment<'_>) -> Result<Statement> {
        limosa_sql::mend(
            &mend::MySqlMending {
                maria: self.version.maria,
            },
            amendment,
        )
    }

    fn datum(&self, value: &Datum) -> String {
        mend::said(value)
    }

    fn script(&self) -> (&'static str, &'static str) {
        mend::SCRIPT
    }
}
