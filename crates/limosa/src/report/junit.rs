//! Results as JUnit XML, which every CI reads.
//!
//! Text becomes XML in one place only, [`Text`]: whatever is written through it is escaped.

use super::samples;
use limosa_flow::check::{Status, Verdicts, role_word};
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
