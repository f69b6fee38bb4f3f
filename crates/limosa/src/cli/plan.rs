use super::common::{Answer, SettingsArgs, quote};
use crate::failure::{End, Failure, code};
use crate::output::{Format, Output, Style};
use crate::progress;
use limosa::plan::{Finding, Plan, Severity};
use limosa::plan_file::PlanFile;
use limosa::settings::amount::{show_bytes, show_count};

/// Print every step and statement of a run, and the plan's hash
///
/// `limosa run --plan FILE` runs exactly the plan that was written with --out.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Write the plan to a file, to be reviewed and run later
    #[arg(long, value_name = "FILE")]
    out: Option<super::Place>,
    #[command(flatten)]
    settings: SettingsArgs,
}

pub(super) fn run(args: Args, output: &Output) -> Answer {
    let limosa = args.settings.open(output)?;
    let listener = progress::listener(output, 0);
    let plan = limosa.plan(&listener)?;
    drop(listener);
    let end = match plan.stops().next() {
        Some(_) => End::Refused,
        None => End::Done,
    };
    let file = PlanFile::of(plan);
    if let Some(path) = &args.out {
        // Byte for byte: a plan holds no secrets, and a changed one would not have its hash.
        limosa::files::replace(path, file.text().as_bytes()).map_err(|e| {
            limosa_core::Error::new(
                limosa_core::ErrorKind::File,
                "writing the plan",
                e.to_string(),
            )
            .on(path.display().to_string())
            .hint("Choose another place with --out.")
        })?;
    }
    if output.format() == Format::Text {
        text(&file.plan, output)?;
        if let Some(path) = &args.out {
            output.note(&format!(
                "Wrote {0}. Run it with: limosa run --plan {0}{1}",
                quote(&path.display().to_string()),
                args.settings.again()
            ));
        }
    } else {
        output.document(&file)?;
    }
    Ok(code(&end, None))
}

fn text(plan: &Plan, output: &Output) -> Result<(), Failure> {
    let bold = |t: &str| output.paint(Style::Bold, t);
    output.line(&format!("{} {}", bold("plan"), plan.hash()))?;
    output.line(&format!(
        "from {} ({})",
        plan.source.address, plan.source.security
    ))?;
    output.line(&format!(
        "to   {} ({})",
        plan.target.address, plan.target.security
    ))?;
    let mut stage = None;
    let mut copied = false;
    for step in &plan.steps {
        if stage != Some(step.stage) {
            if stage == Some(limosa::plan::Stage::Create) {
                copied = true;
                copies(plan, output)?;
            }
            stage = Some(step.stage);
            output.line(&format!("\n{}", bold(&limosa::report::word(step.stage))))?;
        }
        output.line(&output.paint(Style::Dim, &format!("  -- {}", step.id)))?;
        for statement in &step.statements {
            for line in statement.lines() {
                output.line(&format!("  {line}"))?;
            }
        }
    }
    if !copied {
        copies(plan, output)?;
    }
    if !plan.findings.is_empty() {
        output.line(&format!("\n{}", bold("findings")))?;
        finding_lines(&plan.findings, output)?;
    }
    if plan.stops().next().is_some() {
        output.note(&output.paint_err(
            Style::Bad,
            "This plan can not be run: decide first what the findings with \"stop\" ask.",
        ));
    }
    Ok(())
}

fn copies(plan: &Plan, output: &Output) -> Result<(), Failure> {
    output.line(&format!("\n{}", output.paint(Style::Bold, "copy")))?;
    for t in &plan.tables {
        let (rows, bytes) = (
            t.rows.map_or("?".into(), show_count),
            t.bytes.map_or("?".into(), show_bytes),
        );
        let key: Vec<_> = t.read.key.iter().map(|k| k.name.as_str()).collect();
        let cut = match key.is_empty() {
            true => "no key".to_owned(),
            false => format!("cut by {}", key.join(", ")),
        };
        output.line(&format!(
            "  {} → {}: {rows} rows, {bytes}, {} columns, {cut}",
            t.read.table,
            t.load.table,
            t.load.columns.len()
        ))?;
    }
    Ok(())
}

/// Prints findings, the worst first.
pub(super) fn finding_lines(findings: &[Finding], output: &Output) -> Result<(), Failure> {
    let mut findings: Vec<_> = findings.iter().collect();
    findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    for f in findings {
        let (word, style) = match f.severity {
            Severity::Note => ("note   ", Style::Dim),
            Severity::Warning => ("warning", Style::Warn),
            Severity::Lossy => ("lossy  ", Style::Warn),
            Severity::Stop => ("stop   ", Style::Bad),
        };
        let place: Vec<&str> = [&f.object, &f.column]
            .into_iter()
            .filter_map(|p| p.as_deref())
            .collect();
        let place = match place.is_empty() {
            true => String::new(),
            false => format!("{}: ", place.join(".")),
        };
        let mut line = format!(
            "  {} {place}{} [{}]",
            output.paint(style, word),
            f.text,
            f.code
        );
        if let Some(n) = f.count {
            line.push_str(&format!(" ×{}", show_count(n)));
        }
        if !f.examples.is_empty() {
            line.push_str(&format!("; keys: {}", f.examples.join(", ")));
        }
        output.line(&line)?;
        if let Some(remedy) = &f.remedy {
            output.line(&format!("          → {remedy}"))?;
        }
    }
    Ok(())
}
