use super::common::{Answer, SettingsArgs};
use super::plan::finding_lines;
use crate::failure::{End, code};
use crate::output::{Format, Output, Style, table};
use crate::progress;
use limosa::Assessment;
use limosa::settings::amount::{show_bytes, show_count, show_seconds};
use limosa_core::engine::Role;

/// Say what will convert exactly, what will not and why, and what a run needs and takes
///
/// Reads both databases and writes neither. Ends with 0 if a run would begin, and with 5 if something must be decided
/// or granted first.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Show every column, not only those that do not convert exactly
    #[arg(long)]
    all: bool,
    /// Print only the GRANT statements that are missing, as SQL
    #[arg(long)]
    grants: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

pub(super) fn run(args: Args, output: &Output) -> Answer {
    let limosa = args.settings.open(output)?;
    let listener = progress::listener(output, 0);
    let assessment = limosa.assess(&listener)?;
    drop(listener);
    let end = if assessment.ready {
        End::Done
    } else {
        End::Refused
    };
    if args.grants {
        for (role, missing) in &assessment.privileges {
            output.line(&format!("-- {}: {}", side(*role), missing.needed_for))?;
            output.line(&format!("{};", missing.grant.trim_end_matches(';')))?;
        }
    } else if output.format() == Format::Text {
        text(&assessment, args.all, output)?;
    } else {
        output.json("assessment", &assessment)?;
    }
    Ok(code(&end, None))
}

fn side(role: Role) -> &'static str {
    match role {
        Role::Source => "in the source",
        Role::Target => "in the target",
    }
}

fn text(a: &Assessment, all: bool, output: &Output) -> Result<(), crate::failure::Failure> {
    let plan = &a.plan;
    let bold = |t: &str| output.paint(Style::Bold, t);
    for (word, side) in [("from", &plan.source), ("to  ", &plan.target)] {
        output.line(&format!(
            "{word} {} ({} {}; connection: {})",
            bold(&side.address),
            side.capabilities.product,
            side.capabilities.version,
            side.security
        ))?;
    }
    output.line("")?;
    let rows: Vec<Vec<String>> = plan
        .tables
        .iter()
        .map(|t| {
            vec![
                format!("{} → {}", t.read.table, t.load.table),
                t.rows.map_or("?".into(), show_count),
                t.bytes.map_or("?".into(), show_bytes),
            ]
        })
        .collect();
    if rows.is_empty() {
        output.line("No table is taken.")?;
    } else {
        output.line(&table(&["table", "rows", "bytes"], &rows, None))?;
    }
    let shown: Vec<_> = plan
        .decisions
        .iter()
        .filter(|d| all || d.fidelity != "exact")
        .collect();
    let exact = plan
        .decisions
        .iter()
        .filter(|d| d.fidelity == "exact")
        .count();
    output.line(&format!(
        "\n{} of {} columns convert exactly.",
        exact,
        plan.decisions.len()
    ))?;
    for d in shown {
        let why = d.why.as_ref().map(|w| format!(": {w}")).unwrap_or_default();
        output.line(&format!(
            "  {}.{}: {} → {} ({}){why}",
            d.table, d.column, d.from, d.to, d.fidelity
        ))?;
    }
    if !plan.findings.is_empty() {
        output.line(&format!("\n{}", bold("Findings")))?;
        finding_lines(&plan.findings, output)?;
    }
    if !a.privileges.is_empty() {
        output.line(&format!("\n{}", bold("Missing rights")))?;
        for (role, missing) in &a.privileges {
            output.line(&format!("  {}, {}:", side(*role), missing.needed_for))?;
            output.line(&format!("    {}", output.paint(Style::Bad, &missing.grant)))?;
        }
    }
    let e = &plan.estimate;
    output.line(&format!("\n{}", bold("Estimate")))?;
    output.line(&format!(
        "  {} rows, {}; about {}; the target needs {} of disk at its peak",
        show_count(e.rows),
        show_bytes(e.bytes),
        show_seconds(e.seconds),
        show_bytes(e.target_disk_bytes)
    ))?;
    if !e.basis.is_empty() {
        output.line(&format!("  {}", e.basis))?;
    }
    output.line(&format!("  Strategy: {}", e.strategy))?;
    let t = &a.tally;
    let verdict = match a.ready {
        true => output.paint(Style::Good, "A run would begin."),
        false => output.paint(Style::Bad, "A run would be refused."),
    };
    output.line(&format!(
        "\n{verdict} {} to decide, {} missing rights, {} lossy, {} warnings, {} notes.",
        t.stops,
        a.privileges.len(),
        t.lossy,
        t.warnings,
        t.notes
    ))
}
