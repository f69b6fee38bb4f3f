//! Questions about values, answered by one aggregate on the server instead of by its rows.
//!
//! # Why a clear column is clear
//!
//! Extremes say it of numbers and moments: NaN sorts above every number and the infinities at the ends, so a
//! column between two plain bounds holds none of them. Text is in the database's encoding, which the server
//! checks as it comes in and in which U+0000 does not exist; only `SQL_ASCII` checks nothing. What is not
//! shown this way is unclear, and its values are looked at.

use crate::names::ident;
use limosa_core::engine::{Answer, Question, Survey};
use limosa_core::scan::{ColumnScan, Hazard};
use limosa_core::schema::Type;

/// The days within which a moment is in every calendar.
const FIRST: &str = "0001-01-01";
const AFTER_LAST: &str = "10000-01-01";

/// Columns of a SELECT.
const TARGETS: usize = 1664;

/// What is asked of one column, as places in the answer's row.
struct Asked {
    /// A count of its values; without, they are as many as the rows.
    values: Option<usize>,
    /// A truth: the column is clear.
    clear: Option<usize>,
    /// Nothing can show it but the values themselves, if there are any.
    opaque: bool,
    /// Characters and bytes of the longest text.
    lengths: Option<[usize; 2]>,
    /// The least and the greatest decimal, and the most digits after a point.
    digits: Option<[usize; 3]>,
}

/// The questions about a table as one SELECT.
pub(crate) struct Plan {
    /// What is selected; the first is the number of rows, where rows are counted.
    parts: Vec<String>,
    counts: bool,
    asked: Vec<Asked>,
}

impl Plan {
    pub(crate) fn of(questions: &[Question]) -> Self {
        let mut plan = Plan {
            parts: Vec::new(),
            counts: false,
            asked: Vec::new(),
        };
        let conditions: Vec<Condition> = questions.iter().map(condition).collect();
        plan.counts = conditions
            .iter()
            .zip(questions)
            .any(|(c, q)| matches!(c, Condition::OfRows(_) | Condition::Opaque) || q.sizes);
        if plan.counts {
            plan.parts.push("count(*)".into());
        }
        for (condition, question) in conditions.into_iter().zip(questions) {
            let asked = plan.ask(condition, question);
            plan.asked.push(asked);
        }
        plan
    }

    fn put(&mut self, part: String) -> usize {
        self.parts.push(part);
        self.parts.len() - 1
    }

    fn ask(&mut self, condition: Condition, question: &Question) -> Asked {
        let name = ident(&question.column.name);
        let opaque = matches!(condition, Condition::Opaque);
        let values = (self.counts && (question.nullable || opaque))
            .then(|| self.put(format!("count({name})")));
        let clear = match condition {
            Condition::OfRows(sql) | Condition::OfDatabase(sql) => Some(self.put(sql)),
            Condition::Never | Condition::Opaque => None,
        };
        let (mut lengths, mut digits) = (None, None);
        match question.column.ty.base() {
            _ if !question.sizes || opaque => {}
            Type::Decimal { .. } => {
                digits = Some(["min", "max"].map(|f| self.put(format!("{f}({name})"))))
                    .map(|[min, max]| [min, max, self.put(format!("max(scale({name}))"))]);
            }
            Type::Binary { .. } | Type::Varbinary { .. } | Type::Blob { .. } => {
                let bytes = self.put(format!("max(octet_length({name}))"));
                lengths = Some([bytes; 2]);
            }
            _ => {
                // As text: the padding of CHAR is not part of what is read.
                lengths = Some(
                    ["char_length", "octet_length"]
                        .map(|f| self.put(format!("max({f}({name}::text))"))),
                );
            }
        }
        Asked {
            values,
            clear,
            opaque,
            lengths,
            digits,
        }
    }

    /// Whether it asks for more than one SELECT can: then the rows are looked at.
    pub(crate) fn too_wide(&self) -> bool {
        self.parts.len() > TARGETS
    }

    /// The SELECT; `from` is the table and the range. Nothing if every question answers itself.
    pub(crate) fn sql(&self, from: &str) -> Option<String> {
        let parts = self.parts.join(", ");
        match (self.parts.is_empty(), self.counts) {
            (true, _) => None,
            (false, true) => Some(format!("SELECT {parts} {from}")),
            (false, false) => Some(format!("SELECT {parts}")),
        }
    }

    /// What the row of the SELECT says; `None` if it is none.
    pub(crate) fn read(&self, questions: &[Question], row: &[Option<String>]) -> Option<Survey> {
        let cell = |at: usize| row.get(at).map(Option::as_deref);
        let number = |at: usize| -> Option<u64> { cell(at)??.parse().ok() };
        let rows = match self.counts {
            true => Some(number(0)?),
            false => None,
        };
        let mut answers = Vec::with_capacity(questions.len());
        for (asked, question) in self.asked.iter().zip(questions) {
            let ty = question.column.ty.base();
            let values = match asked.values {
                Some(at) => number(at)?,
                None => rows.unwrap_or(0),
            };
            let clear = match asked.clear {
                Some(at) => cell(at)? == Some("t"),
                None => !asked.opaque || values == 0,
            };
            if !clear {
                answers.push(Answer::Unclear);
                continue;
            }
            let mut scan = ColumnScan::counted(ty, values, rows.unwrap_or(0) - values);
            if let Some([chars, bytes]) = asked.lengths
                && values > 0
            {
                scan.max_bytes = number(bytes)?;
                // Only texts have characters.
                scan.max_chars = if chars == bytes { 0 } else { number(chars)? };
            }
            if let Some([min, max, scale]) = asked.digits
                && values > 0
            {
                scan.integer_digits = whole(cell(min)??).max(whole(cell(max)??));
                scan.scale = u32::try_from(number(scale)?).ok()?;
            }
            answers.push(Answer::Clear(Box::new(scan)));
        }
        Some(Survey { rows, answers })
    }
}

/// How it is shown that a column is clear.
enum Condition {
    /// It can not be otherwise.
    Never,
    /// By a truth about its rows.
    OfRows(String),
    /// By a truth about the database.
    OfDatabase(String),
    /// By no condition: by having no values.
    Opaque,
}

fn condition(question: &Question) -> Condition {
    let name = ident(&question.column.name);
    let asks = |h: &[Hazard]| question.hazards.iter().any(|x| h.contains(x));
    match question.column.ty.base() {
        ty @ (Type::Float { .. } | Type::Decimal { .. }) => {
            if !asks(&[Hazard::NotANumber, Hazard::Infinite]) {
                return Condition::Never;
            }
            // As text: decimals know no infinity before PostgreSQL 14.
            let bounded = matches!(
                ty,
                Type::Decimal {
                    precision: Some(_),
                    ..
                }
            );
            let sql = if bounded || !asks(&[Hazard::Infinite]) {
                // A decimal with bounds may be NaN, and no infinity fits it.
                format!("max({name})::text <> 'NaN'")
            } else {
                format!(
                    "max({name})::text NOT IN ('NaN', 'Infinity', '-Infinity') \
                     AND min({name})::text <> '-Infinity'"
                )
            };
            // A zero equals the one with a minus; only its text tells.
            let zero = if asks(&[Hazard::NegativeZero]) && matches!(ty, Type::Float { .. }) {
                format!(" AND NOT bool_or({name} = 0 AND {name}::text = '-0')")
            } else {
                String::new()
            };
            Condition::OfRows(format!("coalesce({sql}{zero}, true)"))
        }
        ty @ (Type::Date | Type::Timestamp { .. }) => {
            let zone = match ty {
                Type::Timestamp { zoned: true, .. } => " 00:00:00+00",
                _ => "",
            };
            Condition::OfRows(format!(
                "coalesce(min({name}) >= '{FIRST}{zone}' AND max({name}) < '{AFTER_LAST}{zone}', true)"
            ))
        }
        Type::Char { .. } | Type::Varchar { .. } | Type::Text { .. } | Type::Enum { .. } => {
            if asks(&[Hazard::InvalidText]) {
                let sql = "current_setting('server_encoding') <> 'SQL_ASCII'";
                Condition::OfDatabase(sql.into())
            } else {
                Condition::Never
            }
        }
        _ => Condition::Opaque,
    }
}

/// Digits before the point of a decimal as the server writes it, without leading zeros.
fn whole(text: &str) -> u32 {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let digits = digits.split('.').next().unwrap_or_default();
    digits.trim_start_matches('0').len() as u32
}
