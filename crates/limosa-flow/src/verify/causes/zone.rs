//! Whether the differences of a column are the offset of a time zone, with its summer time.

use jiff::tz::{TimeZone, db};
use std::sync::OnceLock;

/// Every zone that is named after a place, with its name, in the order of names.
fn zones() -> &'static [(String, TimeZone)] {
    static ZONES: OnceLock<Vec<(String, TimeZone)>> = OnceLock::new();
    ZONES.get_or_init(|| {
        let place = |name: &str| name.contains('/') && !name.starts_with("Etc/");
        let mut all: Vec<_> = db()
            .available()
            .map(|name| name.as_str().to_owned())
            .filter(|name| place(name))
            .filter_map(|name| Some((name.clone(), TimeZone::get(&name).ok()?)))
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    })
}

/// The zones that still explain every difference.
#[derive(Clone, Debug, Default)]
pub(super) struct Zones {
    /// A first difference was seen.
    begun: bool,
    /// Those whose local time the target has, where the source has UTC.
    local: Vec<u16>,
    /// Those whose local time the source has, where the target has UTC.
    utc: Vec<u16>,
}

impl Zones {
    /// Takes one more difference: microseconds of both sides, or something that no zone explains.
    pub(super) fn add(&mut self, pair: Option<(i64, i64)>) {
        let fits = |zone: &u16, utc: i64, local: i64| {
            let Ok(at) = jiff::Timestamp::from_microsecond(utc) else {
                return false;
            };
            let offset = zones()[usize::from(*zone)].1.to_offset(at);
            i64::from(offset.seconds()).checked_mul(1_000_000) == local.checked_sub(utc)
        };
        if !self.begun {
            self.begun = true;
            if pair.is_some() {
                let all = || (0..zones().len() as u16).collect();
                (self.local, self.utc) = (all(), all());
            }
        }
        match pair {
            Some((s, t)) => {
                self.local.retain(|zone| fits(zone, s, t));
                self.utc.retain(|zone| fits(zone, t, s));
            }
            None => {
                self.local.clear();
                self.utc.clear();
            }
        }
    }

    /// Takes another part's.
    pub(super) fn merge(&mut self, other: Zones) {
        if !other.begun {
            return;
        }
        if !self.begun {
            *self = other;
            return;
        }
        self.local.retain(|zone| other.local.contains(zone));
        self.utc.retain(|zone| other.utc.contains(zone));
    }

    /// What they say, as what follows "all 5,312 values".
    pub(super) fn words(&self) -> Option<String> {
        // Places that people know stand for their zone.
        const KNOWN: [&str; 8] = [
            "Europe/Berlin",
            "Europe/London",
            "Europe/Athens",
            "America/New_York",
            "America/Chicago",
            "America/Denver",
            "America/Los_Angeles",
            "Australia/Sydney",
        ];
        let say = |found: &[u16], what: &str| {
            let name = |zone: &u16| zones()[usize::from(*zone)].0.as_str();
            let first = found.first().map(name)?;
            let known = KNOWN
                .into_iter()
                .find(|k| found.iter().any(|z| name(z) == *k));
            let others = match found.len() {
                1 => String::new(),
                n => format!(" (or one of {} other zones)", n - 1),
            };
            Some(format!("{what} {}{others}", known.unwrap_or(first)))
        };
        say(
            &self.local,
            "differ by the offset of a zone with summer time: the target has the local time of",
        )
        .or_else(|| {
            say(
                &self.utc,
                "differ by the offset of a zone with summer time: the source has the local time of",
            )
        })
    }
}
