//! The report as Markdown, for pull requests and tickets.

use super::{Report, show_moment, verdict_word, word};
use crate::settings::amount::{show_bytes, show_count, show_seconds};
use limosa_flow::outcome::ColumnCauses;
use std::fmt::{self, Display, Write};

/// Escapes what it prints: Markdown's own characters, line ends, and what is not visible.
struct Text<T>(T);

impl<T: Display> Display for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.to_string().chars() {
            match c {
                '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' => {
                    f.write_char('\\')?;
                    f.write_char(c)?;
                }
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '\n' | '\t' => f.write_char(' ')?,
                c if crate::text::hidden(c) => write!(f, "\\{}", c.escape_unicode())?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

pub(super) fn render(report: &Report) -> String {
    let mut out = String::with_capacity(8 << 10);
    // Writing to a String cannot fail.
    let _ = page(&mut out, report);
    out
}

fn page(out: &mut String, r: &Report) -> fmt::Result {
    writeln!(
        out,
        "# Migration {}: {}\n",
        Text(&r.name),
        verdict_word(r.verdict)
    )?;
    writeln!(out, "{}\n", Text(&r.summary))?;
    let party =
        |p: &super::Party| format!("{} ({}; connection: {})", p.address, p.product, p.security);
    writeln!(out, "| | |\n|---|---|")?;
    writeln!(out, "| Source | {} |", Text(party(&r.source)))?;
    writeln!(out, "| Target | {} |", Text(party(&r.target)))?;
    writeln!(out, "| Strategy | {} |", Text(&r.strategy))?;
    writeln!(out, "| Plan | `{}` |", r.plan_hash)?;
    writeln!(out, "| Planned by | Limosa {} |", Text(&r.planned_by))?;
    writeln!(
        out,
        "| Written | {} by Limosa {} |",
        show_moment(r.written_ms),
        r.limosa
    )?;
    comparison(out, r)?;
    checks(out, r)?;
    copy(out, r)?;
    findings(out, r)
}

fn comparison(out: &mut String, r: &Report) -> fmt::Result {
    let Some(c) = &r.comparison else {
        return Ok(());
    };
    writeln!(out, "\n## Comparison\n\n{} % of the rows.\n", c.percentage)?;
    writeln!(
        out,
        "| Table | Verdict | Rows in source | Rows in target | Compared | Differ |\n|---|---|--:|--:|--:|--:|"
    )?;
    for t in &c.tables {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            Text(&t.table),
            verdict_word(Some(t.verdict)),
            show_count(t.source_rows),
            show_count(t.target_rows),
            show_count(t.compared_rows),
            show_count(t.differing_rows)
        )?;
    }
    for t in &c.tables {
        if t.error.is_none() && t.not_compared.is_empty() && t.differences.is_empty() {
            continue;
        }
        writeln!(out, "\n### {}\n", Text(&t.table))?;
        if let Some(error) = &t.error {
            writeln!(out, "- Not finished: {}", Text(error))?;
        }
        for (column, why) in &t.not_compared {
            writeln!(
                out,
                "- Column {} was not compared: {}",
                Text(column),
                Text(why)
            )?;
        }
        for line in t.causes.iter().flat_map(ColumnCauses::lines) {
            writeln!(out, "- Cause, {}", Text(line))?;
        }
        for d in &t.differences {
            writeln!(
                out,
                "- {} {}: {}",
                Text(&d.kind),
                Text(d.key.join(", ")),
                Text(d.columns.join(", "))
            )?;
        }
    }
    if !c.schema.is_empty() {
        writeln!(out, "\n## Schema differences\n")?;
        for d in &c.schema {
            let planned = if d.planned { "planned" } else { "NOT planned" };
            writeln!(out, "- {} ({planned}): {}", Text(&d.object), Text(&d.text))?;
        }
    }
    Ok(())
}

fn checks(out: &mut String, r: &Report) -> fmt::Result {
    let Some(checks) = &r.checks else {
        return Ok(());
    };
    writeln!(
        out,
        "\n## Data tests\n\n{}\n\n| Test | Status | Table | Failing rows | Why |\n|---|---|---|--:|---|",
        Text(super::check_words(checks))
    )?;
    for c in &checks.checks {
        let mut why = c.message.clone().unwrap_or_default();
        for side in c.sides.iter().filter(|s| !s.samples.is_empty()) {
            why.push_str(&format!(
                " ({}: {})",
                limosa_flow::check::role_word(side.side),
                super::samples(side).join("; ")
            ));
        }
        writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            Text(&c.name),
            c.status.word(),
            Text(c.table.as_deref().unwrap_or("")),
            show_count(c.failures()),
            Text(why)
        )?;
    }
    Ok(())
}

fn copy(out: &mut String, r: &Report) -> fmt::Result {
    let Some(o) = &r.outcome else {
        return Ok(());
    };
    writeln!(
        out,
        "\n## Copy\n\nThe last run: {}, {}.\n",
        word(o.ending),
        show_seconds(o.seconds)
    )?;
    writeln!(
        out,
        "| Table | Errors | Rows | Rejected | Filtered | Bytes | Chunks | Lane time |\n|---|--:|--:|--:|--:|--:|--:|--:|"
    )?;
    for t in &o.tables {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} of {} | {} |",
            Text(&t.table),
            t.errors.len(),
            show_count(t.rows),
            show_count(t.rejected),
            show_count(t.skipped),
            show_bytes(t.bytes),
            t.chunks.0,
            t.chunks.1,
            show_seconds(t.seconds)
        )?;
    }
    writeln!(out)?;
    for (stage, seconds) in &o.stages {
        writeln!(out, "- {}: {}", Text(stage), show_seconds(*seconds))?;
    }
    for t in &o.tables {
        for error in &t.errors {
            writeln!(out, "- error in {}: {}", Text(&t.table), Text(error))?;
        }
    }
    for step in o.steps.iter().filter(|s| !s.done) {
        let why = step.error.as_deref().unwrap_or("it was not begun");
        writeln!(out, "- not done: {}: {}", Text(&step.id), Text(why))?;
    }
    Ok(())
}

fn findings(out: &mut String, r: &Report) -> fmt::Result {
    if r.findings.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Findings of the plan\n")?;
    for f in &r.findings {
        let place = [f.object.as_deref(), f.column.as_deref()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(".");
        write!(
            out,
            "- **{}** {} ({}): {}",
            word(f.severity),
            Text(place),
            Text(&f.code),
            Text(&f.text)
        )?;
        if let Some(n) = f.count {
            write!(out, " Count: {}.", show_count(n))?;
        }
        if !f.examples.is_empty() {
            write!(out, " Examples: {}.", Text(f.examples.join(", ")))?;
        }
        if let Some(remedy) = &f.remedy {
            write!(out, " — to do: {}", Text(remedy))?;
        }
        writeln!(out)?;
    }
    Ok(())
}
