use super::common::{Answer, SettingsArgs};
use crate::failure::{End, code};
use crate::output::{Format, Output, table};
use clap::Subcommand;
use limosa::settings::Settings;

/// Show, check or describe the configuration
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show every setting as it stands, and who said it; secrets are left out
    Show {
        /// Show defaults too
        #[arg(long)]
        effective: bool,
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// Read the configuration and say whether it is understood; connects to nothing
    Check {
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// Print the JSON Schema of limosa.toml, for editors
    Schema,
}

pub(super) fn run(args: Args, output: &Output) -> Answer {
    match args.what {
        What::Show {
            effective,
            settings,
        } => show(&settings.load(output)?, effective, output)?,
        What::Check { settings } => {
            let settings = settings.load(output)?;
            let file = settings.file.as_ref().map(|f| f.display().to_string());
            if output.format() == Format::Text {
                let what = file.unwrap_or_else(|| "flags and environment (no file)".into());
                output.line(&format!("{what}: understood"))?;
            } else {
                output.json("config", &serde_json::json!({ "file": file, "ok": true }))?;
            }
        }
        What::Schema => {
            let schema = serde_json::to_string_pretty(&Settings::json_schema())
                .map_err(|e| crate::failure::Failure::internal(e.to_string()))?;
            output.raw(&format!("{schema}\n"))?;
        }
    }
    Ok(code(&End::Done, None))
}

fn show(
    settings: &Settings,
    effective: bool,
    output: &Output,
) -> Result<(), crate::failure::Failure> {
    let shown: Vec<_> = settings
        .chosen
        .iter()
        .filter(|c| effective || c.origin != limosa::settings::Origin::Default)
        .collect();
    if output.format() != Format::Text {
        let map: serde_json::Map<_, _> = shown
            .iter()
            .map(|c| {
                let value = serde_json::json!({ "value": c.value, "origin": c.origin.word() });
                (c.key.to_owned(), value)
            })
            .collect();
        let tables = &settings.plan.tables;
        return output.json(
            "config",
            &serde_json::json!({
                "file": settings.file,
                "settings": map,
                "types": settings.plan.policies,
                "tables": tables,
                "rename_schemas": settings.plan.rename_schemas,
            }),
        );
    }
    let rows: Vec<Vec<String>> = shown
        .iter()
        .map(|c| {
            vec![
                c.key.to_owned(),
                c.value.clone().unwrap_or_else(|| "-".into()),
                c.origin.word().to_owned(),
            ]
        })
        .collect();
    output.line(&table(&["key", "value", "said by"], &rows, None))?;
    let policies = serde_json::to_value(settings.plan.policies).unwrap_or_default();
    let defaults =
        serde_json::to_value(limosa_core::policy::Policies::default()).unwrap_or_default();
    for (key, value) in policies.as_object().into_iter().flatten() {
        if effective || defaults.get(key) != Some(value) {
            output.line(&format!("types.{key} = {value}"))?;
        }
    }
    Ok(())
}
