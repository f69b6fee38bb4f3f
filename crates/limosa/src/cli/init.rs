use super::common::{Answer, SettingsArgs, quote};
use crate::failure::{End, Failure, code};
use crate::output::{Format, Output, Style};
use limosa::settings::FILE_NAME;
use limosa::settings::amount::{show_bytes, show_count};
use limosa_core::engine::Engine;
use limosa_core::schema::Catalog;
use std::fmt::Write;
use std::path::Path;

/// Look at both databases and write a commented limosa.toml
///
/// Passwords are not written: keep them in the environment or in a file.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Where to write; - is standard output
    #[arg(long, value_name = "FILE", default_value = FILE_NAME)]
    out: super::Place,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

pub(super) fn run(args: Args, output: &Output) -> Answer {
    let stdout = args.out == Path::new("-");
    if !stdout && !args.force && args.out.exists() {
        return Err(Failure::Precondition {
            what: format!("{} is there already", args.out.display()),
            hint: "Choose another file with --out, or replace it with --force.".into(),
        }
        .into());
    }
    let limosa = args.settings.open_without_file(output)?;
    let (source, target) = (limosa.source()?, limosa.target()?);
    let (from, to) = limosa.inspect()?;
    let text = compose(&args.settings, (source, &from), (target, &to));
    if stdout {
        output.raw(&text)?;
        return Ok(code(&End::Done, None));
    }
    limosa::files::replace(&args.out, text.as_bytes()).map_err(|e| {
        limosa_core::Error::new(
            limosa_core::ErrorKind::File,
            "writing the configuration",
            e.to_string(),
        )
        .on(args.out.display().to_string())
        .hint("Choose another place with --out.")
    })?;
    if output.format() == Format::Text {
        output.line(&format!(
            "Wrote {}: {} tables of {}.",
            output.paint(Style::Bold, &args.out.display().to_string()),
            from.tables.len(),
            source.address()
        ))?;
        let config = match args.out == Path::new(FILE_NAME) {
            true => String::new(),
            false => format!(" --config {}", quote(&args.out.display().to_string())),
        };
        output.note(&format!("Next: limosa assess{config}"));
    } else {
        output.json(
            "init",
            &serde_json::json!({ "file": args.out, "tables": from.tables.len() }),
        )?;
    }
    Ok(code(&End::Done, None))
}

/// Quotes a text for TOML.
fn toml_text(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn compose(
    args: &SettingsArgs,
    (source, from): (&dyn Engine, &Catalog),
    (target, to): (&dyn Engine, &Catalog),
) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out, args, (source, from), (target, to));
    out
}

fn write(
    out: &mut String,
    args: &SettingsArgs,
    (source, from): (&dyn Engine, &Catalog),
    (target, to): (&dyn Engine, &Catalog),
) -> std::fmt::Result {
    writeln!(
        out,
        "# A migration, as `limosa init` wrote it. What begins with # is the default or a suggestion.\n\
         # Every key: `limosa config schema`, docs/guide/configuration.md.\n"
    )?;
    let name = args.name.as_deref().unwrap_or("migration");
    writeln!(out, "name = {}\n", toml_text(name))?;
    for (role, said, engine) in [
        ("source", &args.source, source),
        ("target", &args.target, target),
    ] {
        let can = engine.capabilities();
        writeln!(
            out,
            "[{role}] # {} {}; connection: {}",
            can.product,
            can.version,
            engine.security()
        )?;
        let reference = said
            .as_deref()
            .filter(|s| ["env:", "file:", "cmd:"].iter().any(|p| s.starts_with(p)));
        match (reference, said) {
            (Some(reference), _) => writeln!(out, "url = {}", toml_text(reference))?,
            (None, Some(url)) => {
                let (url, hidden) = without_password(url);
                writeln!(out, "url = {}", toml_text(&url))?;
                if hidden {
                    writeln!(
                        out,
                        "password = \"env:LIMOSA_{}_PASSWORD\" # or file:PATH, cmd:COMMAND",
                        role.to_uppercase()
                    )?;
                }
            }
            (None, None) => writeln!(out, "url = {}", toml_text(&engine.address()))?,
        }
        writeln!(out)?;
    }
    tables(out, from)?;
    if !to.tables.is_empty() {
        writeln!(
            out,
            "# The target has {} tables. Tables of the same names are not overwritten:\n# into_existing = true   # load into them\n",
            to.tables.len()
        )?;
    }
    out.push_str(REST);
    Ok(())
}

/// The tables of the source, the largest first, for the eye; patterns choose among them.
fn tables(out: &mut String, from: &Catalog) -> std::fmt::Result {
    const SHOWN: usize = 50;
    writeln!(
        out,
        "[tables]\n# include = [\"*\"]\n# exclude = []\n#\n# The source has {} tables{}:",
        from.tables.len(),
        if from.tables.len() > SHOWN {
            "; the largest"
        } else {
            ""
        }
    )?;
    let mut largest: Vec<_> = from.tables.iter().collect();
    largest.sort_by_key(|t| std::cmp::Reverse((t.estimated_bytes, t.estimated_rows)));
    for t in largest.iter().take(SHOWN) {
        let mut about = Vec::new();
        if let Some(rows) = t.estimated_rows {
            about.push(format!("about {} rows", show_count(rows)));
        }
        if let Some(bytes) = t.estimated_bytes {
            about.push(show_bytes(bytes));
        }
        about.push(format!("{} columns", t.columns.len()));
        if t.identifying_columns().is_empty() {
            about.push("no key".into());
        }
        let name = limosa::text::visible(&t.name.to_string()).replace(['\n', '\t'], " ");
        writeln!(out, "#   {name}: {}", about.join(", "))?;
    }
    writeln!(out)
}

/// The URL without its password, and whether it had one.
fn without_password(url: &str) -> (String, bool) {
    if let Some((scheme, rest)) = url.split_once("://") {
        let end = rest.rfind('@').unwrap_or(0);
        if let Some(colon) = rest[..end].find(':') {
            return (
                format!("{scheme}://{}{}", &rest[..colon], &rest[end..]),
                true,
            );
        }
    }
    (url.to_owned(), false)
}

const REST: &str = r#"[types] # what is done with values that the target can not hold as they are; every policy begins at "stop"
# nul = "stop"           # U+0000 in text: stop, strip, replace
# bad_date = "stop"      # 0000-00-00: stop, null, text
# not_finite = "stop"    # NaN and the infinities: stop, null, text
# invalid_text = "stop"  # text that is not UTF-8: stop, replace, bytes
# mismatch = "stop"      # values outside their declared type (SQLite): stop, widen
# precision = "stop"     # numbers that do not fit exactly: stop, text, round
# tinyint1 = "auto"      # what tinyint(1) means: auto, boolean, smallint
# orphans = "stop"       # rows without their parent, where the source lets them be: stop, skip_constraint

[rename]
# schemas = { public = "shop" }
# tables  = { tbl_orders = "orders" }
# columns = { "tbl_orders.CustNo" = "customer_id" }

# [[table]]
# name = "tbl_orders"
# exclude_columns = ["obsolete"]
# partition_column = "id"                # cut by this column for parallel work
# cast = { total = "numeric(12,2)" }     # types in the target's own words
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_written_into_the_file() {
        assert_eq!(
            without_password("postgres://u:p@x@h/db"),
            ("postgres://u@h/db".to_owned(), true)
        );
        assert_eq!(
            without_password("postgres://u@h/db"),
            ("postgres://u@h/db".to_owned(), false)
        );
        assert!(!without_password("sqlite:a.db").1);
    }
}
