//! Questions about values, answered by one aggregate on the server instead of by its rows.
//!
//! # Why a clear column is clear
//!
//! The server refuses bytes that are no text in a column's character set, but it takes the halves of UTF-16
//! pairs (U+D800 to U+DFFF, in UTF-8 the bytes ED A0 to ED BF) and U+0000. So where no byte of a text is 00 or ED
//! in UTF-8, it is plain. Dates are turned into the number of their day and back: what no calendar has does
//! not come back as it was. Numbers are always finite, and a zero's sign shows in its text. What is not shown
//! this way is unclear, and its values are looked at; so is what the server can not work out, for it is NULL and
//! never equal.
//!
//! # Why it is said this way
//!
//! A call of a function costs the server more than the bytes that it looks at. So the texts of a row are
//! looked at as one, and only in a row that is not plain each column by itself; the answer is one number, a bit
//! for each column.

use crate::bounds;
use crate::words::quote;
use limosa_core::chunk::Range;
use limosa_core::engine::{Answer, Question, Survey, TableRead};
use limosa_core::error::Result;
use limosa_core::scan::{ColumnScan, Hazard};
use limosa_core::schema::Type;

/// Columns of which one number tells.
const BITS: usize = 63;

/// What is asked of one column, as places in the answer's row.
#[derive(Default)]
struct Asked {
    /// A count of its values; without, they are as many as the rows.
    values: Option<usize>,
    /// A number of which one bit says that the column is not clear.
    unclear: Option<(usize, u32)>,
    /// Nothing can show it but the values themselves, if there are any.
    opaque: bool,
    /// Whole numbers other than 0 and 1.
    not_boolean: Option<usize>,
    /// The greatest of numbers that may be above the signed ones.
    greatest: Option<usize>,
    /// Characters and bytes of the longest text.
    lengths: Option<[usize; 2]>,
    /// The least and the greatest decimal; the digits after the point are declared.
    digits: Option<[usize; 2]>,
}

/// The questions about a table as one SELECT.
pub(crate) struct Plan {
    /// What is selected; the first is the number of rows. Empty if every question answers itself.
    parts: Vec<String>,
    asked: Vec<Asked>,
    /// Whether the table has a key to name rows by.
    keyed: bool,
}

impl Plan {
    pub(crate) fn of(questions: &[Question], keyed: bool) -> Self {
        let mut plan = Plan {
            keyed,
            parts: Vec::new(),
            asked: questions.iter().map(|_| Asked::default()).collect(),
        };
        let kinds: Vec<Kind> = questions.iter().map(Kind::of).collect();
        if kinds.iter().all(|k| *k == Kind::Finite) && !questions.iter().any(|q| q.sizes) {
            return plan;
        }
        plan.parts.push("COUNT(*)".into());
        for (at, question) in questions.iter().enumerate() {
            plan.ask(at, kinds[at], question);
        }
        let hidden: Vec<usize> = (0..kinds.len()).filter(|i| kinds[*i].hides()).collect();
        for group in hidden.chunks(BITS) {
            plan.look(group, &kinds, questions);
        }
        plan
    }

    fn put(&mut self, part: String) -> usize {
        self.parts.push(part);
        self.parts.len() - 1
    }

    fn ask(&mut self, at: usize, kind: Kind, question: &Question) {
        let name = quote(&question.column.name);
        let mut asked = Asked {
            opaque: kind == Kind::Opaque,
            ..Asked::default()
        };
        if question.nullable || asked.opaque {
            asked.values = Some(self.put(format!("COUNT({name})")));
        }
        if kind == Kind::Truth {
            asked.not_boolean =
                Some(self.put(format!("COUNT(IF({name} IN (0, 1), NULL, {name}))")));
        }
        if kind == Kind::Unsigned {
            asked.greatest = Some(self.put(format!("MAX({name})")));
        }
        match question.column.ty.base() {
            _ if !question.sizes || asked.opaque => {}
            Type::Decimal { .. } => {
                asked.digits = Some(["MIN", "MAX"].map(|f| self.put(format!("{f}({name})"))));
            }
            Type::Binary { .. } | Type::Varbinary { .. } | Type::Blob { .. } => {
                let bytes = self.put(format!("MAX(LENGTH({name}))"));
                asked.lengths = Some([bytes; 2]);
            }
            Type::Char { .. } | Type::Varchar { .. } | Type::Text { .. } => {
                let text = utf8(question);
                asked.lengths =
                    Some(["CHAR_LENGTH", "LENGTH"].map(|f| self.put(format!("MAX({f}({text}))"))));
            }
            _ => {}
        }
        self.asked[at] = asked;
    }

    /// One number for the columns of a group: which of them hide something in any row.
    fn look(&mut self, group: &[usize], kinds: &[Kind], questions: &[Question]) {
        let texts: Vec<String> = group
            .iter()
            .filter(|i| kinds[**i] == Kind::Text)
            .map(|i| bytes(&questions[*i]))
            .collect();
        let mut plain = Vec::new();
        if !texts.is_empty() {
            // A blank between them, so that the end of one and the beginning of the next are nothing.
            plain.push(without_signs(&format!(
                "CONCAT_WS(' ', {})",
                texts.join(", ")
            )));
        }
        let mut bits = Vec::with_capacity(group.len());
        for (bit, at) in group.iter().enumerate() {
            let (kind, question) = (kinds[*at], &questions[*at]);
            if kind == Kind::Text {
                bits.push(format!("IF({}, 0, {})", plain_text(question), 1u64 << bit));
            } else {
                plain.push(plain_moment(kind, question));
                bits.push(format!(
                    "IF({}, 0, {})",
                    plain_moment(kind, question),
                    1u64 << bit
                ));
            }
        }
        let place = self.put(format!(
            "BIT_OR(IF({}, 0, {}))",
            plain.join(" AND "),
            bits.join(" | ")
        ));
        for (bit, at) in group.iter().enumerate() {
            self.asked[*at].unclear = Some((place, bit as u32));
        }
    }

    /// The SELECT of a range; nothing if every question answers itself.
    pub(crate) fn sql(&self, read: &TableRead, range: &Range) -> Result<Option<String>> {
        if self.parts.is_empty() {
            return Ok(None);
        }
        let key: Vec<(&str, &Type)> = read.key.iter().map(|k| (k.name.as_str(), &k.ty)).collect();
        let mut sql = format!(
            "SELECT {} FROM {}",
            self.parts.join(", "),
            quote(&read.table.name)
        );
        if let Range::Key { lower, upper } = range
            && let Some(condition) = bounds::condition(&key, lower.as_deref(), upper.as_deref())?
        {
            sql.push_str(&format!(" WHERE {condition}"));
        }
        Ok(Some(sql))
    }

    /// What the row of the SELECT says; `None` if it is none.
    pub(crate) fn read(&self, questions: &[Question], row: &[Option<String>]) -> Option<Survey> {
        let cell = |at: usize| row.get(at).map(Option::as_deref);
        let number = |at: usize| -> Option<u64> { cell(at)??.parse().ok() };
        let rows = match self.parts.is_empty() {
            true => None,
            false => Some(number(0)?),
        };
        let mut answers = Vec::with_capacity(questions.len());
        for (asked, question) in self.asked.iter().zip(questions) {
            let ty = question.column.ty.base();
            let values = match asked.values {
                Some(at) => number(at)?,
                None => rows.unwrap_or(0),
            };
            let greatest = match asked.greatest {
                Some(at) if values > 0 => Some(number(at)?),
                _ => None,
            };
            let unclear = match asked.unclear {
                Some((at, bit)) => number(at)? >> bit & 1 == 1,
                None => asked.opaque && values > 0,
            };
            let not_boolean = match asked.not_boolean {
                Some(at) => number(at)?,
                None => 0,
            };
            // Without a key the rows say where such a value is; with one, see [`Plan::examples`].
            let nowhere = not_boolean > 0 && !self.keyed;
            if unclear || nowhere || greatest.is_some_and(|n| i64::try_from(n).is_err()) {
                answers.push(Answer::Unclear);
                continue;
            }
            let mut scan = ColumnScan::counted(ty, values, rows.unwrap_or(0).checked_sub(values)?);
            scan.max_integer = greatest.map(i128::from);
            scan.not_boolean = not_boolean;
            if let Some([chars, bytes]) = asked.lengths
                && values > 0
            {
                scan.max_bytes = number(bytes)?;
                // Only texts have characters.
                scan.max_chars = if chars == bytes { 0 } else { number(chars)? };
            }
            if let Some(ends) = asked.digits
                && values > 0
            {
                for at in ends {
                    let text = cell(at)??.trim_start_matches('-');
                    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
                    let whole = whole.trim_start_matches('0').len() as u32;
                    scan.integer_digits = scan.integer_digits.max(whole);
                    scan.scale = scan.scale.max(fraction.len() as u32);
                }
            }
            answers.push(Answer::Clear(Box::new(scan)));
        }
        Some(Survey { rows, answers })
    }

    /// For each column of which only some values are remarkable and were counted: the SELECT of the keys of the first
    /// few rows that hold such.
    pub(crate) fn examples(
        &self,
        read: &TableRead,
        range: &Range,
        questions: &[Question],
        survey: &Survey,
    ) -> Result<Vec<(usize, String)>> {
        let mut out = Vec::new();
        let key: Vec<(&str, &Type)> = read.key.iter().map(|k| (k.name.as_str(), &k.ty)).collect();
        let names: Vec<String> = key.iter().map(|(name, ty)| readable(name, ty)).collect();
        let within = match range {
            Range::Key { lower, upper } => {
                bounds::condition(&key, lower.as_deref(), upper.as_deref())?
            }
            _ => None,
        };
        for (at, answer) in survey.answers.iter().enumerate() {
            let Answer::Clear(scan) = answer else {
                continue;
            };
            if scan.not_boolean == 0 {
                continue;
            }
            let mut sql = format!(
                "SELECT CONCAT_WS(', ', {}) FROM {} WHERE {} NOT IN (0, 1)",
                names.join(", "),
                quote(&read.table.name),
                quote(&questions[at].column.name)
            );
            if let Some(within) = &within {
                sql.push_str(&format!(" AND {within}"));
            }
            let order: Vec<String> = key.iter().map(|(n, _)| quote(n)).collect();
            sql.push_str(&format!(" ORDER BY {} LIMIT 5", order.join(", ")));
            out.push((at, sql));
        }
        Ok(out)
    }
}

/// A key's column as a person reads it.
fn readable(name: &str, ty: &Type) -> String {
    let name = quote(name);
    match ty.base() {
        Type::Binary { .. } | Type::Varbinary { .. } | Type::Blob { .. } => {
            format!("CONCAT('0x', LOWER(HEX(LEFT({name}, 32))))")
        }
        Type::Char { .. } | Type::Varchar { .. } | Type::Text { .. } => {
            format!("LEFT(CONVERT({name} USING utf8mb4), 80)")
        }
        _ => name,
    }
}

/// What is to be shown of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nothing: its values are always finite.
    Finite,
    /// How many are neither 0 nor 1.
    Truth,
    /// No U+0000, and nothing that is no text.
    Text,
    /// Dates that the calendar has.
    Day,
    /// Times of a day.
    Clock,
    /// No zero with a minus.
    Zero,
    /// How large the greatest is.
    Unsigned,
    /// It can not be shown.
    Opaque,
}

impl Kind {
    fn of(question: &Question) -> Self {
        let asks = |h: Hazard| question.hazards.contains(&h);
        match question.column.ty.base() {
            Type::Float { .. } if asks(Hazard::NegativeZero) => Kind::Zero,
            Type::Float { .. } | Type::Decimal { .. } => Kind::Finite,
            Type::Integer {
                bits: 64,
                unsigned: true,
            } => Kind::Unsigned,
            Type::Integer { bits: 8, .. } if asks(Hazard::NotABoolean) => Kind::Truth,
            Type::Char { .. } | Type::Varchar { .. } | Type::Text { .. } => Kind::Text,
            Type::Date | Type::Timestamp { .. } => Kind::Day,
            Type::Time { zoned: false, .. } => Kind::Clock,
            _ => Kind::Opaque,
        }
    }

    /// Whether a row may hide something.
    fn hides(self) -> bool {
        matches!(self, Kind::Text | Kind::Day | Kind::Clock | Kind::Zero)
    }
}

/// A text as the connection reads it: in UTF-8.
fn utf8(question: &Question) -> String {
    let name = quote(&question.column.name);
    // `varchar(9) character set utf8mb4 collate …`, as the catalog's reading spells it.
    let native = &question.column.native;
    let plain = ["utf8mb4", "utf8mb3", "utf8"]
        .iter()
        .any(|set| native.contains(&format!(" character set {set} ")));
    if plain {
        name
    } else {
        format!("CONVERT({name} USING utf8mb4)")
    }
}

fn bytes(question: &Question) -> String {
    format!("CAST({} AS BINARY)", utf8(question))
}

/// Whether bytes have neither 00 nor ED in them.
fn without_signs(bytes: &str) -> String {
    format!("INSTR(REPLACE({bytes}, x'ED', x'00'), x'00') <=> 0")
}

/// Whether one text is plain. UTF-16 has no way to say half a pair.
fn plain_text(question: &Question) -> String {
    let (name, bytes) = (quote(&question.column.name), bytes(question));
    let there_and_back = format!(
        "CAST(CONVERT(CONVERT({} USING utf16) USING utf8mb4) AS BINARY)",
        utf8(question)
    );
    format!("({name} IS NULL OR INSTR({bytes}, x'00') <=> 0 AND {bytes} <=> {there_and_back})")
}

fn plain_moment(kind: Kind, question: &Question) -> String {
    let name = quote(&question.column.name);
    match kind {
        Kind::Clock => format!("COALESCE({name} BETWEEN '00:00:00' AND '24:00:00', TRUE)"),
        Kind::Zero => format!("NOT ({name} <=> 0 AND CONCAT({name}) LIKE '-%')"),
        _ => format!("FROM_DAYS(TO_DAYS({name})) <=> DATE({name})"),
    }
}
