//! The report as one HTML file.
//!
//! Text becomes HTML in one place only, [`Text`]: whatever is written through it is escaped.

use super::{Report, show_moment, verdict_word, word};
use crate::settings::amount::{show_bytes, show_count, show_seconds};
use limosa_flow::check::Status;
use limosa_flow::outcome::{ColumnCauses, TableVerdict, Verdict};
use limosa_flow::plan::Severity;
use std::fmt::{self, Display, Write};

/// Escapes what it prints: markup, and control characters and bidirectional marks that could
/// make a page say what is not there.
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
                '\n' | '\t' => f.write_char(c)?,
                c if crate::text::hidden(c) => write!(f, "{}", c.escape_unicode())?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

const STYLE: &str = "\
:root{color-scheme:light dark;--fg:#1d2328;--bg:#fff;--dim:#5d6b76;--line:#d9dfe4;--soft:#f4f6f8;--good:#17703a;--warn:#8a5a00;--bad:#a3201d}\
@media(prefers-color-scheme:dark){:root{--fg:#e4e8eb;--bg:#15191c;--dim:#96a3ad;--line:#323a40;--soft:#1d2327;--good:#62c98a;--warn:#e0b04c;--bad:#f08a85}}\
body{font:15px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);max-width:70rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{margin:.4rem 0}\
.verdict{display:inline-block;font-weight:700;padding:.15rem .7rem;border:2px solid;border-radius:.4rem;margin:.6rem 0}\
.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}.dim{color:var(--dim)}\
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid var(--line)}\
th{background:var(--soft);font-weight:600}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\
code{font:13px ui-monospace,monospace;word-break:break-all}";

pub(super) fn render(report: &Report) -> String {
    let mut out = String::with_capacity(16 << 10);
    // Writing to a String cannot fail.
    let _ = page(&mut out, report);
    out
}

fn page(out: &mut String, r: &Report) -> fmt::Result {
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{} – Limosa report</title>\n<style>{STYLE}</style>\n</head>\n<body>",
        Text(&r.name)
    )?;
    let colour = match r.verdict {
        Some(Verdict::Pass) => "good",
        Some(Verdict::Fail) => "bad",
        _ => "warn",
    };
    writeln!(
        out,
        "<h1>Migration {}</h1>\n<p class=\"verdict {colour}\">{}</p>\n<p>{}</p>",
        Text(&r.name),
        verdict_word(r.verdict),
        Text(&r.summary)
    )?;
    facts(out, r)?;
    verdicts(out, r)?;
    checks(out, r)?;
    copies(out, r)?;
    stages(out, r)?;
    schema(out, r)?;
    findings(out, r)?;
    writeln!(out, "</body>\n</html>")
}

fn facts(out: &mut String, r: &Report) -> fmt::Result {
    writeln!(out, "<h2>What was moved</h2>\n<div class=\"wide\"><table>")?;
    let mut row = |name: &str, value: &dyn Display| {
        writeln!(out, "<tr><th>{name}</th><td>{}</td></tr>", Text(value))
    };
    let party =
        |p: &super::Party| format!("{} ({}; connection: {})", p.address, p.product, p.security);
    row("Source", &party(&r.source))?;
    row("Target", &party(&r.target))?;
    row("Strategy", &r.strategy)?;
    row("Plan", &r.plan_hash)?;
    row("Planned by", &format!("Limosa {}", r.planned_by))?;
    row(
        "Written",
        &format!("{} by Limosa {}", show_moment(r.written_ms), r.limosa),
    )?;
    if let Some(outcome) = &r.outcome {
        row(
            "Last run",
            &format!(
                "{} in {}",
                word(outcome.ending),
                show_seconds(outcome.seconds)
            ),
        )?;
    }
    if let Some(c) = &r.comparison {
        row(
            "Compared",
            &format!(
                "{} % of the rows, canonical form {}",
                c.percentage, c.canonical_version
            ),
        )?;
    }
    writeln!(out, "</table></div>")
}

fn verdicts(out: &mut String, r: &Report) -> fmt::Result {
    let Some(comparison) = &r.comparison else {
        return Ok(());
    };
    writeln!(
        out,
        "<h2>Comparison</h2>\n<div class=\"wide\"><table>\n<tr><th>Table</th><th>Verdict</th><th class=\"n\">Rows in source</th><th class=\"n\">Rows in target</th><th class=\"n\">Compared</th><th class=\"n\">Differ</th><th class=\"n\">Time</th></tr>"
    )?;
    for t in &comparison.tables {
        let colour = match t.verdict {
            Verdict::Pass => "good",
            Verdict::Fail => "bad",
            _ => "warn",
        };
        writeln!(
            out,
            "<tr><td>{}</td><td class=\"{colour}\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            Text(&t.table),
            verdict_word(Some(t.verdict)),
            show_count(t.source_rows),
            show_count(t.target_rows),
            show_count(t.compared_rows),
            show_count(t.differing_rows),
            show_seconds(t.seconds)
        )?;
    }
    writeln!(out, "</table></div>")?;
    for t in &comparison.tables {
        details(out, t)?;
    }
    Ok(())
}

fn details(out: &mut String, t: &TableVerdict) -> fmt::Result {
    if let Some(error) = &t.error {
        writeln!(
            out,
            "<p class=\"bad\">{}: {}</p>",
            Text(&t.table),
            Text(error)
        )?;
    }
    for (column, why) in &t.not_compared {
        writeln!(
            out,
            "<p class=\"warn\">{}: column <code>{}</code> was not compared: {}</p>",
            Text(&t.table),
            Text(column),
            Text(why)
        )?;
    }
    if t.differences.is_empty() {
        return Ok(());
    }
    if !t.causes.is_empty() {
        writeln!(out, "<h2>Causes in {}</h2>\n<ul>", Text(&t.table))?;
        for line in t.causes.iter().flat_map(ColumnCauses::lines) {
            writeln!(out, "<li>{}</li>", Text(line))?;
        }
        writeln!(out, "</ul>")?;
    }
    writeln!(
        out,
        "<h2>Differences in {}</h2>\n<p class=\"dim\">{} of {}.</p>\n<div class=\"wide\"><table>\n<tr><th>Key</th><th>Kind</th><th>Columns</th></tr>",
        Text(&t.table),
        show_count(t.differences.len() as u64),
        show_count(t.differing_rows)
    )?;
    for d in &t.differences {
        writeln!(
            out,
            "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
            Text(d.key.join(", ")),
            Text(&d.kind),
            Text(d.columns.join(", "))
        )?;
    }
    writeln!(out, "</table></div>")
}

fn checks(out: &mut String, r: &Report) -> fmt::Result {
    let Some(checks) = &r.checks else {
        return Ok(());
    };
    writeln!(
        out,
        "<h2>Data tests</h2>\n<p>{}</p>\n<div class=\"wide\"><table>\n<tr><th>Test</th><th>Status</th><th>Table</th><th class=\"n\">Failing rows</th><th>Why</th><th class=\"n\">Time</th></tr>",
        Text(super::check_words(checks))
    )?;
    for c in &checks.checks {
        let colour = match c.status {
            Status::Pass => "good",
            Status::Warn => "warn",
            Status::Error | Status::Fail => "bad",
        };
        writeln!(
            out,
            "<tr><td>{}</td><td class=\"{colour}\">{}</td><td>{}</td><td class=\"n\">{}</td><td>{}",
            Text(&c.name),
            c.status.word(),
            Text(c.table.as_deref().unwrap_or("")),
            show_count(c.failures()),
            Text(c.message.as_deref().unwrap_or(""))
        )?;
        for side in c.sides.iter().filter(|s| !s.samples.is_empty()) {
            writeln!(
                out,
                "<br><code class=\"dim\">{}: {}</code>",
                Text(limosa_flow::check::role_word(side.side)),
                Text(super::samples(side).join("; "))
            )?;
        }
        writeln!(
            out,
            "</td><td class=\"n\">{}</td></tr>",
            show_seconds(c.seconds)
        )?;
    }
    writeln!(out, "</table></div>")
}

fn copies(out: &mut String, r: &Report) -> fmt::Result {
    let Some(outcome) = &r.outcome else {
        return Ok(());
    };
    if outcome.tables.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<h2>Copy</h2>\n<div class=\"wide\"><table>\n<tr><th>Table</th><th class=\"n\">Errors</th><th class=\"n\">Rows</th><th class=\"n\">Rejected</th><th class=\"n\">Filtered</th><th class=\"n\">Bytes</th><th class=\"n\">Chunks</th><th class=\"n\">Done before</th><th class=\"n\">Lane time</th></tr>"
    )?;
    for t in &outcome.tables {
        writeln!(
            out,
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{} of {}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            Text(&t.table),
            t.errors.len(),
            show_count(t.rows),
            show_count(t.rejected),
            show_count(t.skipped),
            show_bytes(t.bytes),
            t.chunks.0,
            t.chunks.1,
            t.resumed,
            show_seconds(t.seconds)
        )?;
    }
    writeln!(out, "</table></div>")?;
    for t in &outcome.tables {
        for error in &t.errors {
            writeln!(
                out,
                "<p class=\"bad\">{}: {}</p>",
                Text(&t.table),
                Text(error)
            )?;
        }
    }
    Ok(())
}

fn stages(out: &mut String, r: &Report) -> fmt::Result {
    let Some(outcome) = &r.outcome else {
        return Ok(());
    };
    writeln!(out, "<h2>Time</h2>\n<div class=\"wide\"><table>")?;
    for (stage, seconds) in &outcome.stages {
        writeln!(
            out,
            "<tr><th>{}</th><td class=\"n\">{}</td></tr>",
            Text(stage),
            show_seconds(*seconds)
        )?;
    }
    writeln!(
        out,
        "<tr><th>in all</th><td class=\"n\">{}</td></tr>\n</table></div>",
        show_seconds(outcome.seconds)
    )?;
    for step in outcome.steps.iter().filter(|s| !s.done) {
        writeln!(
            out,
            "<p class=\"bad\">Not done: <code>{}</code>: {}</p>",
            Text(&step.id),
            Text(step.error.as_deref().unwrap_or("it was not begun"))
        )?;
    }
    Ok(())
}

fn schema(out: &mut String, r: &Report) -> fmt::Result {
    let Some(comparison) = r.comparison.as_ref().filter(|c| !c.schema.is_empty()) else {
        return Ok(());
    };
    writeln!(
        out,
        "<h2>Schema differences</h2>\n<div class=\"wide\"><table>\n<tr><th>Object</th><th>Difference</th><th>Planned</th></tr>"
    )?;
    for d in &comparison.schema {
        writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td class=\"{}\">{}</td></tr>",
            Text(&d.object),
            Text(&d.text),
            if d.planned { "dim" } else { "bad" },
            if d.planned { "yes" } else { "no" }
        )?;
    }
    writeln!(out, "</table></div>")
}

fn findings(out: &mut String, r: &Report) -> fmt::Result {
    if r.findings.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<h2>Findings of the plan</h2>\n<div class=\"wide\"><table>\n<tr><th>Severity</th><th>Where</th><th>What</th><th class=\"n\">Count</th><th>Examples</th></tr>"
    )?;
    for f in &r.findings {
        let colour = match f.severity {
            Severity::Note => "dim",
            Severity::Warning | Severity::Lossy => "warn",
            Severity::Stop => "bad",
        };
        let place = [f.object.as_deref(), f.column.as_deref()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(".");
        writeln!(
            out,
            "<tr><td class=\"{colour}\">{}</td><td>{}</td><td>{}<br><code class=\"dim\">{}</code> {}</td><td class=\"n\">{}</td><td><code>{}</code></td></tr>",
            word(f.severity),
            Text(place),
            Text(&f.text),
            Text(&f.code),
            Text(f.remedy.as_deref().unwrap_or("")),
            f.count.map(show_count).unwrap_or_default(),
            Text(f.examples.join(", "))
        )?;
    }
    writeln!(out, "</table></div>")
}
