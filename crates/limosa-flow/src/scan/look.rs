//! One column under the scan: what each of its cells adds.

use super::json;
use limosa_core::batch::Cell;
use limosa_core::notation;
use limosa_core::scan::{ColumnScan, Hazard};
use limosa_core::schema::Type;

/// Days of 0001-01-01 and 9999-12-31 since 1970-01-01.
const FIRST_DAY: i64 = -719_162;
const LAST_DAY: i64 = 2_932_896;
/// The day 0000-01-01.
const YEAR_ZERO: i64 = -719_528;
const DAY: i64 = 86_400_000_000;

/// Powers of ten that a float holds exactly.
const POWERS: [f64; 16] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// What a column is declared to hold, as far as the scan cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Declared {
    Number,
    Float,
    Boolean,
    Text,
    Bytes,
    Moment,
    Time,
    Json,
    Any,
}

/// The scan of one column, under way.
#[derive(Debug)]
pub(super) struct Look {
    declared: Declared,
    /// Look at the shape of every text.
    shapes: bool,
    /// Parse JSON.
    json: bool,
    /// Whole numbers other than 0 and 1 are remarkable.
    truth: bool,
    /// Characters that the declaration allows.
    length: u64,
    /// What was found.
    pub(super) scan: ColumnScan,
}

impl Look {
    /// Begins. `free` says that the column may hold any value, whatever the declaration.
    pub(super) fn new(ty: &Type, wanted: &[Hazard], free: bool) -> Self {
        let declared = match ty.base() {
            Type::Boolean => Declared::Boolean,
            Type::Integer { .. } | Type::Year | Type::Decimal { .. } | Type::Money { .. } => {
                Declared::Number
            }
            Type::Float { .. } => Declared::Float,
            Type::Char { .. }
            | Type::Varchar { .. }
            | Type::Text { .. }
            | Type::Enum { .. }
            | Type::Set { .. } => Declared::Text,
            Type::Binary { .. } | Type::Varbinary { .. } | Type::Blob { .. } => Declared::Bytes,
            Type::Date | Type::Timestamp { .. } => Declared::Moment,
            Type::Time { .. } => Declared::Time,
            Type::Json { .. } => Declared::Json,
            _ => Declared::Any,
        };
        let length = match ty.base() {
            Type::Char { length } | Type::Varchar { length } => u64::from(*length),
            _ => u64::MAX,
        };
        Look {
            declared,
            shapes: free && !matches!(declared, Declared::Text | Declared::Bytes),
            json: wanted
                .iter()
                .any(|h| matches!(h, Hazard::OddJson | Hazard::WideJson | Hazard::DeepJson))
                || (free && declared == Declared::Json),
            truth: declared == Declared::Boolean || wanted.contains(&Hazard::NotABoolean),
            length,
            scan: ColumnScan::default(),
        }
    }

    /// Takes one cell. `key` is called only where an example is kept.
    #[inline]
    pub(super) fn see(&mut self, cell: Cell<'_>, key: &dyn Fn() -> String) {
        match cell {
            Cell::Null => self.scan.nulls += 1,
            Cell::Int(i) => self.integer(i128::from(i), key),
            Cell::UInt(u) => self.integer(i128::from(u), key),
            Cell::Bool(_) => self.scan.typed += 1,
            Cell::F64(f) => self.real(f, key),
            Cell::F32(f) => self.real(f64::from(f), key),
            Cell::Text(t) => self.text(t, key),
            Cell::Bytes(b) => self.bytes(b, key),
            Cell::Decimal(d) => self.decimal(d, key),
            Cell::Date(d) => self.day(i64::from(d), matches!(d, i32::MAX | i32::MIN), key),
            Cell::Timestamp(t) | Cell::TimestampTz(t) => {
                self.fraction(t);
                self.day(t.div_euclid(DAY), matches!(t, i64::MAX | i64::MIN), key);
            }
            Cell::Time(t) => {
                self.scan.typed += 1;
                self.fraction(t);
                if !(0..=DAY).contains(&t) {
                    self.scan.found(Hazard::TimeIsSpan, key);
                }
            }
            Cell::Json(text) => {
                self.scan.typed += 1;
                self.size(text.len());
                if text.as_bytes().contains(&0) || (self.json && text.contains("\\u0000")) {
                    self.scan.found(Hazard::NulInText, key);
                }
                if self.json {
                    self.json(text.as_bytes(), key);
                }
            }
            Cell::Uuid(u) => {
                self.scan.typed += 1;
                if u[6] >= 0x80 && u[8] < 0x80 {
                    self.scan.found(Hazard::OddUuid, key);
                }
            }
            Cell::TimeTz(..) | Cell::Interval(..) | Cell::Bits(..) => {
                self.scan.typed += 1;
            }
        }
    }

    #[inline]
    fn whole(&mut self, i: i128) {
        let scan = &mut self.scan;
        scan.min_integer = Some(scan.min_integer.map_or(i, |m| m.min(i)));
        scan.max_integer = Some(scan.max_integer.map_or(i, |m| m.max(i)));
    }

    #[inline]
    fn integer(&mut self, i: i128, key: &dyn Fn() -> String) {
        self.scan.integers += 1;
        self.whole(i);
        if i > i128::from(i64::MAX) {
            self.scan.found(Hazard::AboveSigned, key);
        }
        let digits = i.unsigned_abs().checked_ilog10().map_or(1, |n| n + 1);
        self.scan.integer_digits = self.scan.integer_digits.max(digits);
        if i != 0 && i != 1 {
            self.scan.not_boolean += 1;
            if self.truth {
                self.scan.found(Hazard::NotABoolean, key);
            }
        }
        if matches!(
            self.declared,
            Declared::Text | Declared::Bytes | Declared::Moment | Declared::Time | Declared::Json
        ) {
            self.scan.found(Hazard::OutsideDeclaredType, key);
        }
    }

    fn real(&mut self, f: f64, key: &dyn Fn() -> String) {
        let scan = &mut self.scan;
        scan.reals += 1;
        if f.is_nan() {
            return scan.found(Hazard::NotANumber, key);
        }
        if f.is_infinite() {
            return scan.found(Hazard::Infinite, key);
        }
        if f == 0.0 && f.is_sign_negative() {
            scan.found(Hazard::NegativeZero, key);
        }
        if f.fract() == 0.0 && f.abs() <= 9_007_199_254_740_992.0 {
            scan.whole_reals += 1;
        }
        if self.declared == Declared::Float {
            return;
        }
        // The shortest text that reads back as the same float is what a decimal gets. It is not
        // written where the digits seen so far are enough, which is nearly always.
        let power = POWERS[scan.scale.min(15) as usize];
        let enough = f.abs() < POWERS[scan.integer_digits.min(15) as usize]
            && f.abs() * power < 1e15
            && (f * power).round() / power == f;
        if !enough {
            let text = format!("{f}");
            self.digits(text.as_bytes());
        }
        if !matches!(self.declared, Declared::Number | Declared::Any) {
            self.scan.found(Hazard::OutsideDeclaredType, key);
        }
    }

    /// Counts the digits of a plain decimal; says whether it is whole.
    fn digits(&mut self, text: &[u8]) -> bool {
        let text = text.strip_prefix(b"-").unwrap_or(text);
        let point = text.iter().position(|b| *b == b'.').unwrap_or(text.len());
        let zeros = text[..point].iter().take_while(|b| **b == b'0').count();
        let whole = (point - zeros) as u32;
        let scale = text.len().saturating_sub(point + 1) as u32;
        self.scan.integer_digits = self.scan.integer_digits.max(whole);
        self.scan.scale = self.scan.scale.max(scale);
        scale == 0
    }

    fn decimal(&mut self, text: &str, key: &dyn Fn() -> String) {
        self.scan.typed += 1;
        match text {
            "NaN" => self.scan.found(Hazard::NotANumber, key),
            "Infinity" | "-Infinity" => self.scan.found(Hazard::Infinite, key),
            _ => {
                if self.digits(text.as_bytes())
                    && let Ok(i) = text.parse::<i128>()
                {
                    self.whole(i);
                }
            }
        }
    }

    fn day(&mut self, day: i64, infinite: bool, key: &dyn Fn() -> String) {
        self.scan.typed += 1;
        if infinite {
            self.scan.found(Hazard::Infinite, key);
        } else if !(FIRST_DAY..=LAST_DAY).contains(&day) {
            self.scan.found(Hazard::FarDate, key);
            // The year before the first, which MySQL writes as the year 0.
            if (YEAR_ZERO..FIRST_DAY).contains(&day) {
                self.scan.found(Hazard::ZeroDate, key);
            }
        }
    }

    /// Looks into JSON; says whether it is plain.
    fn json(&mut self, text: &[u8], key: &dyn Fn() -> String) -> bool {
        let seen = json::look(text);
        for (found, hazard) in [
            (seen.odd, Hazard::OddJson),
            (seen.wide, Hazard::WideJson),
            (seen.deep, Hazard::DeepJson),
        ] {
            if found {
                self.scan.found(hazard, key);
            }
        }
        !seen.odd
    }

    /// Counts the digits of a fraction of a second: a declaration that does not bind may say fewer.
    #[inline]
    fn fraction(&mut self, micros: i64) {
        let mut rest = micros.rem_euclid(1_000_000);
        if !self.shapes || rest == 0 {
            return;
        }
        let mut digits = 6;
        while rest % 10 == 0 {
            rest /= 10;
            digits -= 1;
        }
        let shapes = &mut self.scan.shapes;
        shapes.fraction_digits = shapes.fraction_digits.max(digits);
    }

    #[inline]
    fn size(&mut self, bytes: usize) {
        self.scan.total_bytes += bytes as u64;
        self.scan.max_bytes = self.scan.max_bytes.max(bytes as u64);
    }

    fn bytes(&mut self, bytes: &[u8], key: &dyn Fn() -> String) {
        self.scan.blobs += 1;
        self.size(bytes.len());
        match self.declared {
            Declared::Text | Declared::Json if std::str::from_utf8(bytes).is_err() => {
                self.scan.found(Hazard::InvalidText, key);
            }
            Declared::Bytes | Declared::Any => {}
            _ => self.scan.found(Hazard::OutsideDeclaredType, key),
        }
    }

    #[inline]
    fn text(&mut self, text: &str, key: &dyn Fn() -> String) {
        self.scan.texts += 1;
        let bytes = text.as_bytes();
        self.size(bytes.len());
        // Characters are never more than bytes: most texts need no counting.
        if bytes.len() as u64 > self.scan.max_chars {
            self.scan.max_chars = self.scan.max_chars.max(text.chars().count() as u64);
        }
        if bytes.contains(&0) {
            self.scan.found(Hazard::NulInText, key);
        }
        if crate::repair::twice(text) {
            self.scan.found(Hazard::DoubleEncoded, key);
        }
        if bytes.len() as u64 > self.length && text.chars().count() as u64 > self.length {
            self.scan.found(Hazard::TooLong, key);
        }
        match self.declared {
            Declared::Text => {}
            Declared::Any => {
                if self.shapes {
                    self.shape(bytes);
                }
            }
            Declared::Number => {
                self.shape(bytes);
                self.scan.found(Hazard::OutsideDeclaredType, key);
            }
            Declared::Moment if far(text) => {
                self.scan.texts -= 1;
                self.scan.typed += 1;
                self.scan.found(Hazard::FarDate, key);
            }
            Declared::Moment | Declared::Time => {
                if !self.shape(bytes) {
                    let hazard = if bytes.is_empty() || looks_like_a_date(bytes) {
                        Hazard::BadDate
                    } else {
                        Hazard::OutsideDeclaredType
                    };
                    self.scan.found(hazard, key);
                    if self.declared == Declared::Moment && has_a_zero(bytes) {
                        self.scan.found(Hazard::ZeroDate, key);
                    }
                }
            }
            Declared::Json => {
                if self.json(bytes, key)
                    && matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'['))
                {
                    self.scan.shapes.json += 1;
                }
            }
            Declared::Float | Declared::Boolean | Declared::Bytes => {
                self.shape(bytes);
                self.scan.found(Hazard::OutsideDeclaredType, key);
            }
        }
    }

    /// Counts the shapes of a text; says whether it is a date, a time or both.
    fn shape(&mut self, text: &[u8]) -> bool {
        let shapes = &mut self.scan.shapes;
        let fraction = |text: &[u8]| {
            let from = text.iter().position(|b| *b == b'.');
            from.map_or(0, |at| {
                text[at + 1..]
                    .iter()
                    .take_while(|b| b.is_ascii_digit())
                    .count()
                    .min(200) as u8
            })
        };
        match text {
            [] => {
                shapes.empty += 1;
                return false;
            }
            [first, ..] if first.is_ascii_digit() || *first == b'-' => {}
            // No word is longer; a huge text is not doubled.
            _ if text.len() > 36 => return false,
            _ => {
                let lower = text.to_ascii_lowercase();
                if matches!(
                    lower.as_slice(),
                    b"true" | b"false" | b"t" | b"f" | b"yes" | b"no"
                ) {
                    shapes.boolean += 1;
                }
                if uuid(text) {
                    shapes.uuid += 1;
                }
                return false;
            }
        }
        if uuid(text) {
            shapes.uuid += 1;
            return false;
        }
        if text.len() == 10 && notation::parse_date(text).is_some() {
            shapes.date += 1;
            return true;
        }
        if text.len() > 10 && matches!(text[10], b' ' | b'T') && clock(&text[11..]) {
            if notation::parse_timestamp(text).is_some() {
                shapes.timestamp += 1;
                shapes.fraction_digits = shapes.fraction_digits.max(fraction(text));
                return true;
            }
            if notation::parse_timestamp_tz(text).is_some() {
                shapes.timestamp_tz += 1;
                shapes.fraction_digits = shapes.fraction_digits.max(fraction(text));
                return true;
            }
            return false;
        }
        if clock(text) && notation::parse_time(text).is_some_and(|t| (0..=DAY).contains(&t)) {
            shapes.time += 1;
            shapes.fraction_digits = shapes.fraction_digits.max(fraction(text));
            return true;
        }
        if plain_decimal(text) {
            shapes.decimal += 1;
            self.digits(text);
        }
        false
    }
}

/// Whether a text begins as `HH:MM`.
fn clock(text: &[u8]) -> bool {
    matches!(text, [a, b, b':', c, d, ..] if [a, b, c, d].iter().all(|x| x.is_ascii_digit()))
}

fn looks_like_a_date(text: &[u8]) -> bool {
    matches!(text, [a, b, c, d, b'-', _, _, b'-', ..]
        if [a, b, c, d].iter().all(|x| x.is_ascii_digit()))
}

/// Whether a text is a moment of the last years of PostgreSQL's calendar, which can not be counted from 1970: the only
/// ones that its reader gives as text.
fn far(text: &str) -> bool {
    let text = text.strip_suffix("+00").unwrap_or(text);
    text.split_once(' ').is_some_and(|(date, time)| {
        date.len() > 10
            && notation::parse_date(date.as_bytes()).is_some_and(|d| i64::from(d) > LAST_DAY)
            && clock(time.as_bytes())
            && notation::parse_timestamp(text.as_bytes()).is_none()
            && notation::parse_time(time.as_bytes()).is_some_and(|t| (0..DAY).contains(&t))
    })
}

/// Whether a text is a date with a zero for its month or day, with or without a time of day.
fn has_a_zero(text: &[u8]) -> bool {
    let part = |from: usize| match text.get(from..from + 2) {
        Some(&[a @ b'0'..=b'9', b @ b'0'..=b'9']) => Some((a - b'0') * 10 + b - b'0'),
        _ => None,
    };
    let clock = match text.get(10) {
        None => true,
        Some(b' ' | b'T') => {
            clock(&text[11..])
                && notation::parse_time(&text[11..]).is_some_and(|t| (0..DAY).contains(&t))
        }
        Some(_) => false,
    };
    looks_like_a_date(text)
        && clock
        && matches!((part(5), part(8)), (Some(m @ 0..=12), Some(d @ 0..=31)) if m == 0 || d == 0)
}

fn uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => matches!(b, b'0'..=b'9' | b'a'..=b'f'),
        })
}

/// `-12.34`, as [`Cell::Decimal`] has it.
fn plain_decimal(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let point = digits.iter().position(|b| *b == b'.');
    let (whole, fraction) = match point {
        Some(at) => (&digits[..at], Some(&digits[at + 1..])),
        None => (digits, None),
    };
    let all = |d: &[u8]| !d.is_empty() && d.iter().all(u8::is_ascii_digit);
    all(whole) && fraction.is_none_or(all)
}
