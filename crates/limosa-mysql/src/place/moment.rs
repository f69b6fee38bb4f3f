//! Dates and moments, of which some are beyond the calendar here.

use super::Placing;
use limosa_core::dialect::Placement;
use limosa_core::policy::{BadDatePolicy, NotFinitePolicy};
use limosa_core::scan::Hazard;
use limosa_core::schema::Type;

impl Placing<'_> {
    /// Moments that no column here holds. Whether the column becomes text.
    pub(super) fn bad_moments(&mut self) -> bool {
        let infinite = self.count(Hazard::Infinite) > 0;
        // Dates with a zero in them are kept as they are, unless somebody wants them to be NULL.
        let kept = match self.context.policies.bad_date {
            BadDatePolicy::Null => 0,
            _ => self.count(Hazard::ZeroDate),
        };
        let far = self.count(Hazard::FarDate) + self.count(Hazard::BadDate) > kept;
        if kept > 0 && !far {
            self.note("dates with a zero in them are kept as they are");
        }
        let mut text = false;
        if infinite {
            match self.context.policies.not_finite {
                NotFinitePolicy::Stop => self.lossy("not_finite", "stop", true),
                NotFinitePolicy::Reject => self.lossy("not_finite", "reject", false),
                NotFinitePolicy::Null => {
                    self.force_nullable = true;
                    self.lossy("not_finite", "null", false);
                }
                NotFinitePolicy::Text => text = true,
            }
        }
        if far {
            match self.context.policies.bad_date {
                BadDatePolicy::Stop => self.lossy("bad_date", "stop", true),
                BadDatePolicy::Reject => self.lossy("bad_date", "reject", false),
                BadDatePolicy::Null => {
                    self.force_nullable = true;
                    self.lossy("bad_date", "null", false);
                }
                BadDatePolicy::Text => text = true,
            }
        }
        text
    }

    pub(super) fn moment(mut self, ty: Type, native: String, exact: bool) -> Placement {
        if self.bad_moments() {
            self.note("kept as text, because some values are beyond the calendar here");
            let native = self.collated("varchar(64)");
            return self.done(Type::Varchar { length: 64 }, native, false);
        }
        self.done(ty, native, exact)
    }
}
