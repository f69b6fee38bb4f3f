//! Data tests as queries: what all engines say alike. What they do not is [`Asking`].
//!
//! The table that is asked is called `c`, a parent `p`. A condition whose value is NULL, because the row has
//! nothing to be asked about, is not true, and so such a row does not fail.

use limosa_core::check::{Aggregate, Bound, Fault, Field, Literal, Nulls, Over, Question, Rows};
use limosa_core::schema::TableName;
use limosa_core::{Error, ErrorKind, Result};

/// What an engine says in words of its own. `column` is always the column's quoted name behind `c.`.
pub trait Asking {
    /// Quotes an identifier.
    fn quote(&self, identifier: &str) -> String;
    /// Names a table.
    fn table(&self, name: &TableName) -> String;
    /// A column as the text that is shown.
    fn shown(&self, column: &str, field: &Field) -> String;
    /// A column as a value of its class, so that equal means the same bytes.
    fn exact(&self, column: &str, field: &Field) -> String;
    /// The same to group by and to count the different ones of.
    fn key(&self, column: &str, field: &Field) -> String {
        self.exact(column, field)
    }
    /// A value that a person wrote, to be compared with the column.
    fn value(&self, field: &Field, value: &Literal) -> String;
    /// A column to be looked for among such values.
    fn listed(&self, column: &str, field: &Field, _values: &[Literal]) -> String {
        self.exact(column, field)
    }
    /// A column to be compared with the ends of a range, and the condition of values that are in no range.
    fn ranged(&self, column: &str, field: &Field) -> (String, Option<String>) {
        (self.exact(column, field), None)
    }
    /// The length of a text in characters, of bytes in bytes.
    fn length(&self, column: &str, field: &Field) -> String;
    /// An aggregate as text, what its values are counted by, and a text that is `t` if the result is exact
    /// and else `f`. `column` is that of a field; a person's expression comes in parentheses.
    fn aggregate(&self, function: Aggregate, column: &str, over: &Over) -> Aggregated;
    /// Whether rows can be numbered within their group.
    ///
    /// # Errors
    /// `Unsupported` where they can not.
    fn windows(&self) -> Result<()> {
        Ok(())
    }
}

/// See [`Asking::aggregate`].
#[derive(Clone, Debug)]
pub struct Aggregated {
    /// The result as text.
    pub result: String,
    /// What is counted: values that are not NULL.
    pub counted: String,
    /// Whether the result is exact.
    pub exact: String,
}

/// Says a question as one query.
///
/// # Errors
/// `Unsupported` for what this server can not be asked.
pub fn question(words: &dyn Asking, question: &Question) -> Result<String> {
    let say = Say(words);
    Ok(match question {
        Question::Count { rows, fault } => say.count(rows, fault)?,
        Question::Sample {
            rows,
            fault,
            show,
            limit,
        } => say.sample(rows, fault, show, *limit)?,
        Question::Values { rows, show } => {
            let asked: Vec<String> = show.last().map(|f| say.not_null(f)).into_iter().collect();
            format!("SELECT {} {}", say.shown(show), say.from(rows, &asked))
        }
        Question::Aggregate {
            rows,
            function,
            over,
        } => {
            let column = match over {
                Over::Field(field) => say.column(field),
                Over::Expression(e) => apart(e),
            };
            let made = words.aggregate(*function, &column, over);
            format!(
                "SELECT {}, count({}), {} {}",
                made.result,
                made.counted,
                made.exact,
                say.from(rows, &[])
            )
        }
        Question::Number(rows) => format!("SELECT count(*) {}", say.from(rows, &[])),
    })
}

/// A person's words, on lines of their own, so that a comment in them ends there.
fn apart(words: &str) -> String {
    format!("(\n{words}\n)")
}

/// The two ends of a length or a range, as conditions of being beyond them.
fn either(ends: impl Iterator<Item = String>) -> String {
    ends.collect::<Vec<_>>().join(" OR ")
}

struct Say<'w>(&'w dyn Asking);

impl Say<'_> {
    fn column(&self, field: &Field) -> String {
        format!("c.{}", self.0.quote(&field.name))
    }

    fn columns(&self, fields: &[Field], say: impl Fn(&str, &Field) -> String) -> String {
        let said: Vec<String> = fields.iter().map(|f| say(&self.column(f), f)).collect();
        said.join(", ")
    }

    fn shown(&self, show: &[Field]) -> String {
        match show.is_empty() {
            true => "NULL".into(),
            false => self.columns(show, |c, f| self.0.shown(c, f)),
        }
    }

    fn keys(&self, fields: &[Field]) -> String {
        self.columns(fields, |c, f| self.0.key(c, f))
    }

    fn not_null(&self, field: &Field) -> String {
        format!("{} IS NOT NULL", self.column(field))
    }

    /// `FROM … WHERE …`.
    fn from(&self, rows: &Rows, more: &[String]) -> String {
        let own = rows.filter.iter().map(|f| apart(f));
        let conditions: Vec<String> = own.chain(more.iter().cloned()).collect();
        let table = self.0.table(&rows.table);
        match conditions.is_empty() {
            true => format!("FROM {table} c"),
            false => format!("FROM {table} c WHERE {}", conditions.join(" AND ")),
        }
    }

    /// The condition that a failing row meets, for faults of one row.
    fn bad(&self, fault: &Fault) -> Result<String> {
        Ok(match fault {
            Fault::Null(field) => format!("{} IS NULL", self.column(field)),
            Fault::Listed {
                field,
                values,
                wanted,
            } => {
                let x = self.0.listed(&self.column(field), field, values);
                let list: Vec<String> = values.iter().map(|v| self.0.value(field, v)).collect();
                let not = if *wanted { "NOT " } else { "" };
                format!("{x} {not}IN ({})", list.join(", "))
            }
            Fault::Outside { field, min, max } => {
                let (x, none) = self.0.ranged(&self.column(field), field);
                let end = |bound: &Bound, beyond: &str, at: &str| {
                    let sign = if bound.strict { at } else { beyond };
                    format!("{x} {sign} {}", self.0.value(field, &bound.value))
                };
                let ends = min.iter().map(|b| end(b, "<", "<="));
                let ends = ends.chain(max.iter().map(|b| end(b, ">", ">=")));
                either(ends.chain(none))
            }
            Fault::Length { field, min, max } => {
                let length = self.0.length(&self.column(field), field);
                let ends = min.map(|n| format!("{length} < {n}")).into_iter();
                either(ends.chain(max.map(|n| format!("{length} > {n}"))))
            }
            Fault::Orphan {
                fields,
                parent,
                parent_fields,
            } => {
                // The parent's column comes first: SQLite compares by the collation of the left side.
                let same: Vec<String> = fields
                    .iter()
                    .zip(parent_fields)
                    .map(|(c, p)| format!("p.{} = {}", self.0.quote(&p.name), self.column(c)))
                    .collect();
                format!(
                    "NOT EXISTS (SELECT 1 FROM {} p WHERE {})",
                    self.0.table(parent),
                    same.join(" AND ")
                )
            }
            Fault::Untrue(condition) => format!("NOT {}", apart(condition)),
            Fault::Repeated { .. } => {
                return Err(Error::new(
                    ErrorKind::Internal,
                    "saying a data test",
                    "whether a row is repeated can not be seen in it alone",
                ));
            }
        })
    }

    /// The conditions under which a row takes part in the search for repeated ones.
    fn counted(&self, fields: &[Field], nulls: Nulls) -> Vec<String> {
        let given = || fields.iter().map(|f| self.not_null(f)).collect::<Vec<_>>();
        match nulls {
            Nulls::AnyIgnored => given(),
            Nulls::AllIgnored => vec![format!("({})", given().join(" OR "))],
            Nulls::Equal => Vec::new(),
        }
    }

    /// Four numbers: rows, rows that are asked, rows that fail, different values or groups among these.
    fn count(&self, rows: &Rows, fault: &Fault) -> Result<String> {
        let all = self.from(rows, &[]);
        if let Fault::Repeated { fields, nulls } = fault {
            return Ok(format!(
                "SELECT (SELECT count(*) {all}), coalesce(sum(n), 0), coalesce(sum(CASE WHEN n > 1 THEN n END), 0), \
                 count(CASE WHEN n > 1 THEN 1 END) FROM (SELECT count(*) AS n {} GROUP BY {}) g",
                self.from(rows, &self.counted(fields, *nulls)),
                self.keys(fields)
            ));
        }
        let asked: Vec<String> = fault.asked().iter().map(|f| self.not_null(f)).collect();
        let bad = self.bad(fault)?;
        if matches!(fault, Fault::Orphan { .. }) {
            // Apart from each other, so that the parents are joined and not looked up one by one.
            let mut lost = asked.clone();
            lost.push(bad);
            return Ok(format!(
                "SELECT a.n, b.n, l.n, l.n FROM (SELECT count(*) AS n {all}) a, (SELECT count(*) AS n {}) b, \
                 (SELECT count(*) AS n {}) l",
                self.from(rows, &asked),
                self.from(rows, &lost),
            ));
        }
        let asked = match asked.is_empty() {
            true => "count(*)".into(),
            false => format!("count(CASE WHEN {} THEN 1 END)", asked.join(" AND ")),
        };
        let failing = format!("count(CASE WHEN {bad} THEN 1 END)");
        let different = match fault {
            Fault::Listed { field, .. } => {
                let key = self.0.key(&self.column(field), field);
                format!("count(DISTINCT CASE WHEN {bad} THEN {key} END)")
            }
            _ => failing.clone(),
        };
        Ok(format!(
            "SELECT count(*), {asked}, {failing}, {different} {all}"
        ))
    }

    fn sample(
        &self,
        rows: &Rows,
        fault: &Fault,
        show: &[Field],
        limit: Option<(u64, usize)>,
    ) -> Result<String> {
        let order = match limit {
            Some((n, key)) => {
                let by = self.columns(&show[..key.min(show.len())], |c, _| c.to_owned());
                match by.is_empty() {
                    true => format!(" LIMIT {n}"),
                    false => format!(" ORDER BY {by} LIMIT {n}"),
                }
            }
            None => String::new(),
        };
        let shown = self.shown(show);
        if let Fault::Repeated { fields, nulls } = fault {
            self.0.windows()?;
            return Ok(format!(
                "SELECT {shown} FROM (SELECT c.*, count(*) OVER (PARTITION BY {}) AS limosa_n {}) c \
                 WHERE limosa_n > 1{order}",
                self.keys(fields),
                self.from(rows, &self.counted(fields, *nulls))
            ));
        }
        let mut conditions: Vec<String> = fault.asked().iter().map(|f| self.not_null(f)).collect();
        conditions.push(format!("({})", self.bad(fault)?));
        Ok(format!(
            "SELECT {shown} {}{order}",
            self.from(rows, &conditions)
        ))
    }
}
