//! Decimals and floats: as wide as their values are.

use super::Placing;
use limosa_core::dialect::Placement;
use limosa_core::policy::{NotFinitePolicy, PrecisionPolicy};
use limosa_core::scan::Hazard;
use limosa_core::schema::Type;

impl Placing<'_> {
    pub(super) fn decimal(mut self, precision: Option<u32>, scale: Option<i32>) -> Placement {
        self.not_finite();
        match (precision, scale) {
            (Some(p), scale) => {
                let scale = scale.unwrap_or(0);
                // A negative scale has zeros before the point; a scale above the precision zeros after it.
                let (p, s) = if scale < 0 {
                    (p.saturating_add(scale.unsigned_abs()), 0)
                } else {
                    (p.max(scale as u32), scale as u32)
                };
                if p <= 65 && s <= 30 {
                    let exact = scale >= 0 && precision == Some(p);
                    let ty = Type::Decimal {
                        precision: Some(p),
                        scale: Some(s as i32),
                    };
                    return self.done(ty, format!("decimal({p},{s})"), exact);
                }
                self.wide_decimal()
            }
            (None, _) => self.wide_decimal(),
        }
    }

    /// A decimal without bounds, or beyond ours: as wide as its values are.
    pub(super) fn wide_decimal(mut self) -> Placement {
        let scan = self.context.scan.filter(|s| s.values() > 0);
        let (whole, scale) = match scan {
            Some(s) => (s.integer_digits.max(1), s.scale),
            None => (0, 0),
        };
        if self.context.policies.not_finite == NotFinitePolicy::Text
            && self.count(Hazard::NotANumber) + self.count(Hazard::Infinite) > 0
        {
            self.note("kept as text, because some values are not finite");
            return self.number_text();
        }
        if scan.is_some() && whole + scale <= 65 && scale <= 30 {
            // Some room for values to come.
            let s = (scale + 2).min(30).min(65 - whole).max(scale);
            let p = (whole + s + 5).min(65);
            self.note(format!(
                "as wide as its values: {whole} digits before the point, {scale} after"
            ));
            let ty = Type::Decimal {
                precision: Some(p),
                scale: Some(s as i32),
            };
            return self.done(ty, format!("decimal({p},{s})"), false);
        }
        if scan.is_some()
            && self.context.policies.precision == PrecisionPolicy::Round
            && whole <= 65
        {
            let s = 30.min(65 - whole);
            self.lossy("precision", "round", false);
            let ty = Type::Decimal {
                precision: Some(65),
                scale: Some(s as i32),
            };
            return self.done(ty, format!("decimal(65,{s})"), false);
        }
        self.note("kept as text: a decimal has at most 65 digits here, and 30 after the point");
        self.number_text()
    }

    pub(super) fn number_text(mut self) -> Placement {
        self.lossy = None;
        let digits = self
            .context
            .scan
            .map_or(0, |s| u64::from(s.integer_digits + s.scale) + 3);
        if digits > 255 || self.context.scan.is_none() && !self.context.indexed {
            let native = self.collated("longtext");
            return self.done(
                Type::Text {
                    max_bytes: Some(u64::from(u32::MAX)),
                },
                native,
                false,
            );
        }
        let native = self.collated("varchar(255)");
        self.done(Type::Varchar { length: 255 }, native, false)
    }

    pub(super) fn float(mut self, bits: u8) -> Placement {
        self.not_finite();
        if self.context.policies.not_finite == NotFinitePolicy::Text
            && self.count(Hazard::NotANumber) + self.count(Hazard::Infinite) > 0
        {
            self.lossy = None;
            self.note("kept as text, because some values are not finite");
            let native = self.collated("varchar(64)");
            return self.done(Type::Varchar { length: 64 }, native, false);
        }
        // MySQL keeps the sign.
        if self.version.maria && self.count(Hazard::NegativeZero) > 0 {
            match self.context.policies.precision {
                PrecisionPolicy::Stop => self.lossy("precision", "stop", true),
                PrecisionPolicy::Round => self.lossy("precision", "round", false),
                PrecisionPolicy::Reject => self.lossy("precision", "reject", false),
                PrecisionPolicy::Text => {
                    self.lossy = None;
                    self.note("kept as text, because some values are -0");
                    let native = self.collated("varchar(64)");
                    return self.done(Type::Varchar { length: 64 }, native, false);
                }
            }
            self.note("MariaDB keeps -0 as 0");
        }
        let word = if bits == 32 { "float" } else { "double" };
        self.done(Type::Float { bits }, word, true)
    }

    /// Numbers that are not finite: a policy if the scan saw one, a note if nobody looked.
    pub(super) fn not_finite(&mut self) {
        let seen = self.count(Hazard::NotANumber) + self.count(Hazard::Infinite);
        if self.context.scan.is_none() {
            self.note("NaN and the infinities would be refused");
        } else if seen > 0 {
            match self.context.policies.not_finite {
                NotFinitePolicy::Stop => self.lossy("not_finite", "stop", true),
                NotFinitePolicy::Reject => self.lossy("not_finite", "reject", false),
                NotFinitePolicy::Null => {
                    self.force_nullable = true;
                    self.lossy("not_finite", "null", false);
                }
                NotFinitePolicy::Text => self.lossy("not_finite", "text", false),
            }
        }
    }
}
