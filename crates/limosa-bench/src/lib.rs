//! Data to measure with.
//!
//! `benches/run` compares Limosa with the engines' own clients on one table, and this room makes that
//! table: sixteen columns in the manner of TPC-H's `lineitem`, from nothing but a number of rows. It
//! depends on nothing, so that it is built in a moment.

use std::io::{self, Write};

/// The first line of the CSV.
pub const HEADER: &str = "l_orderkey,l_partkey,l_suppkey,l_linenumber,l_quantity,l_extendedprice,\
    l_discount,l_tax,l_returnflag,l_linestatus,l_shipdate,l_commitdate,l_receiptdate,\
    l_shipinstruct,l_shipmode,l_comment";

const INSTRUCTIONS: [&str; 4] = [
    "DELIVER IN PERSON",
    "COLLECT COD",
    "NONE",
    "TAKE BACK RETURN",
];
const MODES: [&str; 7] = ["REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"];
const WORDS: [&str; 32] = [
    "accounts",
    "across",
    "bold",
    "boldly",
    "carefully",
    "deposits",
    "even",
    "express",
    "final",
    "foxes",
    "furiously",
    "heron",
    "ideas",
    "instructions",
    "ironic",
    "marsh",
    "packages",
    "pending",
    "pinto",
    "quickly",
    "quietly",
    "regular",
    "requests",
    "silent",
    "slyly",
    "special",
    "theodolites",
    "tide",
    "unusual",
    "wader",
    "warily",
    "wings",
];

/// Orders are placed from 1992-01-01 on …
const FIRST_DAY: u32 = 8035;
/// … over 2406 days, so that the last receipt is before 1999.
const DAYS: u32 = 2406;
/// 1995-06-17, the day that TPC-H calls today.
const TODAY: u32 = 9298;

/// SplitMix64: small, fast, and the same everywhere.
///
/// Source: Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (2014).
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    fn within(&mut self, low: u32, high: u32) -> u32 {
        let span = u64::from(high - low) + 1;
        low + (((self.next() >> 32) * span) >> 32) as u32
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.within(0, words.len() as u32 - 1) as usize]
    }
}

/// Says a day (days since 1970-01-01) as `YYYY-MM-DD`.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn date(days: u32) -> String {
    let z = days + 719_468;
    let day_of_era = z % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + z / 146_097 * 400 + u32::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Writes `rows` rows as CSV with a header: UTF-8, `\n` after each, in the order of the key
/// (`l_orderkey`, `l_linenumber`), no field quoted because none needs it.
///
/// The same number of rows gives the same bytes on every machine. Order keys are sparse, eight of
/// every 32, and an order has one to seven lines, as TPC-H says; so equal steps of the key are not
/// equal shares of the rows.
///
/// # Errors
/// Those of `out`.
pub fn lineitem(rows: u64, out: &mut impl Write) -> io::Result<()> {
    let mut random = Random(20_251_122);
    // About four lines an order; TPC-H has 200,000 parts and 10,000 suppliers for 6,000,000 lines.
    let parts = u32::try_from(rows / 30).unwrap_or(u32::MAX).max(200);
    let suppliers = (parts / 20).max(10);
    let dates: Vec<String> = (FIRST_DAY..FIRST_DAY + DAYS + 160).map(date).collect();
    let day = |d: u32| dates[(d - FIRST_DAY) as usize].as_str();
    writeln!(out, "{HEADER}")?;
    let (mut written, mut order) = (0, 0u64);
    let mut comment = String::new();
    while written < rows {
        let key = order / 8 * 32 + order % 8 + 1;
        order += 1;
        let ordered = FIRST_DAY + random.within(0, DAYS - 1);
        for line in 1..=random.within(1, 7) {
            if written == rows {
                break;
            }
            written += 1;
            let part = random.within(1, parts);
            let supplier = random.within(1, suppliers);
            let quantity = random.within(1, 50);
            let cents = quantity * (90_000 + part / 10 % 20_001 + 100 * (part % 1000));
            let discount = random.within(0, 10);
            let tax = random.within(0, 8);
            let shipped = ordered + random.within(1, 121);
            let promised = ordered + random.within(30, 90);
            let received = shipped + random.within(1, 30);
            let returned = match (received <= TODAY, random.within(0, 1)) {
                (false, _) => 'N',
                (true, 0) => 'R',
                (true, _) => 'A',
            };
            let status = if shipped > TODAY { 'O' } else { 'F' };
            let instruction = random.one_of(&INSTRUCTIONS);
            let mode = random.one_of(&MODES);
            let length = random.within(10, 43) as usize;
            comment.clear();
            while comment.len() < length {
                comment.push_str(random.one_of(&WORDS));
                comment.push(' ');
            }
            comment.truncate(length);
            writeln!(
                out,
                "{key},{part},{supplier},{line},{quantity}.00,{}.{:02},0.{discount:02},0.{tax:02},\
                 {returned},{status},{},{},{},{instruction},{mode},{}",
                cents / 100,
                cents % 100,
                day(shipped),
                day(promised),
                day(received),
                comment.trim_end(),
            )?;
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(rows: u64) -> String {
        let mut out = Vec::new();
        lineitem(rows, &mut out).expect("memory takes it");
        String::from_utf8(out).expect("it is ASCII")
    }

    #[test]
    fn days_are_said_as_the_calendar_says_them() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(FIRST_DAY), "1992-01-01");
        assert_eq!(date(TODAY), "1995-06-17");
        assert_eq!(date(11_016), "2000-02-29");
    }

    #[test]
    fn there_are_as_many_rows_as_asked_for_and_every_key_comes_once_and_in_order() {
        let text = text(10_000);
        let mut last = (0, 0);
        let mut rows = 0;
        for row in text.lines().skip(1) {
            let cells: Vec<&str> = row.split(',').collect();
            assert_eq!(cells.len(), 16, "{row}");
            let key: (u64, u32) = (cells[0].parse().unwrap(), cells[3].parse().unwrap());
            assert!(key > last, "{row}");
            last = key;
            rows += 1;
        }
        assert_eq!(rows, 10_000);
    }

    #[test]
    fn the_same_number_of_rows_is_the_same_bytes() {
        assert_eq!(text(500), text(500));
    }
}
