//! Results as JUnit XML, which every CI reads.
//!
//! Text becomes XML in one place only, `Text`: whatever is written through it is escaped.

use super::samples;
use super::verdict_word;
use limosa_flow::check::{Status, Verdicts, role_word};
use limosa_flow::outcome::{ColumnCauses, Comparison, TableVerdict, Verdict};
use std::fmt::{self, Display, Write};

/// Escapes what it prints: markup, and the characters that XML can not hold.
struct Text<T>(T);

impl<T: Display> Display for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.to_string().chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' => f.write_str("&#10;")?,
                '\t' => f.write_str("&#9;")?,
                '\u{fffe}' | '\u{ffff}' => write!(f, "{}", c.escape_unicode())?,
                c if crate::text::hidden(c) => write!(f, "{}", c.escape_unicode())?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Data tests as one suite: a failing test is a failure, one that could not be asked an error, and a warning a test
/// that passes with words.
pub fn checks(name: &str, verdicts: &Verdicts) -> String {
    let mut out = String::with_capacity(1 << 10);
    // Writing to a String cannot fail.
    let _ = suite(&mut out, name, verdicts);
    out
}

fn suite(out: &mut String, name: &str, v: &Verdicts) -> fmt::Result {
    let numbers = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"0\" time=\"{:.3}\"",
        v.checks.len(),
        v.failed,
        v.errors,
        v.seconds
    );
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<testsuites name=\"limosa\" {numbers}>")?;
    writeln!(
        out,
        "  <testsuite name=\"{} data tests\" {numbers}>",
        Text(name)
    )?;
    for c in &v.checks {
        write!(
            out,
            "    <testcase classname=\"{}.{}\" name=\"{}\" time=\"{:.3}\"",
            Text(name),
            Text(c.table.as_deref().unwrap_or(&c.kind)),
            Text(&c.name),
            c.seconds
        )?;
        let message = c.message.as_deref().unwrap_or_default();
        let mut rows = String::new();
        for side in &c.sides {
            for row in samples(side) {
                rows.push_str(&format!("{}: {row}\n", role_word(side.side)));
            }
        }
        let tag = match c.status {
            Status::Pass => None,
            Status::Warn => Some("system-out"),
            Status::Error => Some("error"),
            Status::Fail => Some("failure"),
        };
        match tag {
            None => writeln!(out, "/>")?,
            Some("system-out") => writeln!(
                out,
                ">\n      <system-out>warning: {}&#10;{}</system-out>\n    </testcase>",
                Text(message),
                Text(rows)
            )?,
            Some(tag) => writeln!(
                out,
                ">\n      <{tag} type=\"{}\" message=\"{}\">{}</{tag}>\n    </testcase>",
                Text(&c.kind),
                Text(message),
                Text(rows)
            )?,
        }
    }
    writeln!(out, "  </testsuite>\n</testsuites>")
}

/// Writes a comparison as JUnit XML. A table that differs is a failure, one that was not compared as a
/// whole is skipped, with the reason.
pub fn comparison(name: &str, found: &Comparison) -> String {
    let mut cases = String::new();
    let (mut failures, mut skipped) = (0, 0);
    for table in &found.tables {
        match table.verdict {
            Verdict::Fail => failures += 1,
            Verdict::Partial => skipped += 1,
            Verdict::Pass | Verdict::PassWithExceptions => {}
        }
        case(&mut cases, name, table);
    }
    let lines: Vec<String> = found
        .schema
        .iter()
        .filter(|d| !d.planned)
        .map(|d| format!("{}: {}", d.object, d.text))
        .collect();
    let _ = write!(
        cases,
        "    <testcase classname=\"{}\" name=\"schema\" time=\"0\"",
        Text(name)
    );
    if lines.is_empty() {
        cases.push_str("/>\n");
    } else {
        failures += 1;
        let _ = write!(
            cases,
            ">\n      <failure type=\"FAIL\" message=\"{} differences\">{}</failure>\n    </testcase>\n",
            lines.len(),
            Text(lines.join("\n"))
        );
    }
    let seconds: f64 = found.tables.iter().map(|t| t.seconds).sum();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"limosa verify {}\" \
         tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\" time=\"{seconds:.3}\">\n\
         {cases}  </testsuite>\n</testsuites>\n",
        Text(name),
        found.tables.len() + 1,
    )
}

/// Why the rows differ, behind their number.
fn causes(table: &TableVerdict) -> String {
    let lines: Vec<String> = table.causes.iter().flat_map(ColumnCauses::lines).collect();
    match lines.is_empty() {
        true => String::new(),
        false => format!(": {}", lines.join("; ")),
    }
}

fn case(out: &mut String, name: &str, table: &TableVerdict) {
    let _ = write!(
        out,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
        Text(name),
        Text(&table.table),
        table.seconds
    );
    let word = verdict_word(Some(table.verdict));
    match table.verdict {
        Verdict::Pass | Verdict::PassWithExceptions => out.push_str("/>\n"),
        Verdict::Fail => {
            let mut lines: Vec<String> = table.error.iter().cloned().collect();
            lines.extend(table.differences.iter().map(|d| {
                let columns = d.columns.join(", ");
                format!("[{}] {} {columns}", d.key.join(", "), d.kind)
            }));
            let _ = write!(
                out,
                ">\n      <failure type=\"{word}\" message=\"{} rows differ{}\">{}</failure>\n    </testcase>\n",
                table.differing_rows,
                Text(causes(table)),
                Text(lines.join("\n"))
            );
        }
        Verdict::Partial => {
            let columns = table.not_compared.iter();
            let mut why: Vec<String> = columns.map(|(c, why)| format!("{c}: {why}")).collect();
            why.extend(table.error.iter().cloned());
            if table.compared_rows < table.source_rows {
                let (some, all) = (table.compared_rows, table.source_rows);
                why.push(format!("{some} of {all} rows were compared"));
            }
            let _ = write!(
                out,
                ">\n      <skipped message=\"{}\"/>\n    </testcase>\n",
                Text(why.join("; "))
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limosa_core::schema::TableName;
    use limosa_flow::outcome::{Difference, SchemaDifference};

    #[test]
    fn differences_are_failures_and_what_was_left_out_is_skipped() {
        let table = |name: &str, verdict| TableVerdict {
            table: TableName::bare(name),
            verdict,
            source_rows: 10,
            target_rows: 10,
            compared_rows: if verdict == Verdict::Partial { 4 } else { 10 },
            differing_rows: u64::from(verdict == Verdict::Fail),
            differences: match verdict {
                Verdict::Fail => vec![Difference {
                    key: vec!["<a & \"b\">\u{1}".into()],
                    kind: "differs".into(),
                    columns: vec!["c".into()],
                }],
                _ => Vec::new(),
            },
            causes: Vec::new(),
            not_compared: Vec::new(),
            cross_checked_rows: 0,
            disagreements: Vec::new(),
            error: None,
            seconds: 1.5,
        };
        let xml = comparison(
            "it's",
            &Comparison {
                verdict: Verdict::Fail,
                tables: vec![
                    table("same", Verdict::Pass),
                    table("other", Verdict::Fail),
                    table("part", Verdict::Partial),
                ],
                schema: vec![SchemaDifference {
                    object: "t".into(),
                    text: "gone".into(),
                    planned: false,
                }],
                canonical_version: 1,
                percentage: 100.0,
                share: None,
            },
        );
        for part in [
            "tests=\"4\" failures=\"2\" errors=\"0\" skipped=\"1\" time=\"4.500\"",
            "<testcase classname=\"it&#39;s\" name=\"same\" time=\"1.500\"/>",
            "message=\"1 rows differ\">[&lt;a &amp; &quot;b&quot;&gt;\\u{1}] differs c</failure>",
            "<skipped message=\"4 of 10 rows were compared\"/>",
            "message=\"1 differences\">t: gone</failure>",
        ] {
            assert!(xml.contains(part), "{part} in {xml}");
        }
    }
}
