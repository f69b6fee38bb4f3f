use super::common::Answer;
use crate::failure::{End, code};
use crate::output::Output;
use limosa_core::{Error, ErrorKind};
use std::path::Path;

/// Print the manual page, or write those of all verbs into a folder
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Write limosa.1 and one page per verb into this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<super::Place>,
}

pub(super) fn run(args: Args, output: &Output) -> Answer {
    let failed = |path: &Path, e: std::io::Error| {
        Error::new(ErrorKind::File, "writing the manual", e.to_string())
            .on(path.display().to_string())
    };
    let Some(folder) = args.out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(super::command())
            .render(&mut page)
            .map_err(|e| failed(Path::new("limosa.1"), e))?;
        output.raw(&String::from_utf8_lossy(&page))?;
        return Ok(code(&End::Done, None));
    };
    std::fs::create_dir_all(&folder)
        .and_then(|()| clap_mangen::generate_to(super::command(), &folder))
        .map_err(|e| failed(&folder, e))?;
    Ok(code(&End::Done, None))
}
