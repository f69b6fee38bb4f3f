//! Words that stand for other words: `${VAR}`, `${VAR:-default}`, `env:NAME`, `file:PATH`, `cmd:COMMAND`.

use super::Problem;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a file of one secret may hold at most.
const SECRET_BYTES: u64 = 64 << 10;

/// Where variables come from: a function, so that tests bring their own.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Puts the values of variables in place of `${VAR}` and `${VAR:-default}`; `$$` is one dollar sign.
///
/// The default is used if the variable is not set or is empty.
pub(crate) fn substitute(text: &str, variables: Variables<'_>) -> Result<String, Problem> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(tail) = rest.strip_prefix('$') {
            out.push('$');
            rest = tail;
        } else if let Some(tail) = rest.strip_prefix('{') {
            let end = tail.find('}').ok_or_else(|| {
                Problem::new("\"${\" has no closing \"}\"")
                    .hint("Write ${NAME}, or $$ for a dollar sign.")
            })?;
            out.push_str(&variable(&tail[..end], variables)?);
            rest = &tail[end + 1..];
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn variable(inside: &str, variables: Variables<'_>) -> Result<String, Problem> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(Problem::new("the name of a variable in ${…} is not a name")
            .hint("Write ${NAME} or ${NAME:-default}, with letters, digits and underscores."));
    }
    match (variables(name).filter(|v| !v.is_empty()), default) {
        (Some(value), _) => Ok(value),
        (None, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(
            Problem::new(format!("the environment variable {name} is not set")).hint(format!(
                "Set {name}, or give a default: ${{{name}:-default}}."
            )),
        ),
    }
}

/// Gives the text that `reference` leads to: `env:NAME`, `file:PATH` (against `folder` if relative),
/// `cmd:COMMAND` (run by `sh` in `folder`); any other text is itself, after [`substitute`].
///
/// One line break at the end of a file's or a command's text is taken off.
pub(crate) fn resolve(
    reference: &str,
    folder: &Path,
    variables: Variables<'_>,
) -> Result<String, Problem> {
    if let Some(name) = reference.strip_prefix("env:") {
        return variable(name.trim(), variables);
    }
    if let Some(path) = reference.strip_prefix("file:") {
        return read(path.trim(), folder, variables);
    }
    if let Some(command) = reference.strip_prefix("cmd:") {
        return ask(command.trim(), folder);
    }
    substitute(reference, variables)
}

fn read(path: &str, folder: &Path, variables: Variables<'_>) -> Result<String, Problem> {
    let path = folder.join(substitute(path, variables)?);
    let shown = path.display().to_string();
    let sqlite = || {
        Problem::new(format!(
            "{shown} does not look like a file with a URL or password"
        ))
        .hint("\"file:\" reads a secret from a file. A SQLite database is written \"sqlite:PATH\".")
    };
    let size = std::fs::metadata(&path).map_err(|e| {
        Problem::new(format!("the file {shown} can not be read: {e}"))
            .hint("\"file:PATH\" is read against the folder of the configuration file.")
    })?;
    if size.is_dir() || size.len() > SECRET_BYTES {
        return Err(sqlite());
    }
    let bytes = std::fs::read(&path)
        .map_err(|e| Problem::new(format!("the file {shown} can not be read: {e}")))?;
    let text = String::from_utf8(bytes).map_err(|_| sqlite())?;
    if text.contains('\0') {
        return Err(sqlite());
    }
    Ok(one_line(text))
}

fn ask(command: &str, folder: &Path) -> Result<String, Problem> {
    let mut shell = Command::new("sh");
    if !folder.as_os_str().is_empty() {
        shell.current_dir(folder);
    }
    // The words of the command go to the person: it may ask for a passphrase.
    let out = shell
        .args(["-c", command])
        .stdin(Stdio::inherit())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| Problem::new(format!("the command {command:?} can not be run: {e}")))?;
    if !out.status.success() {
        return Err(
            Problem::new(format!("the command {command:?} ended with {}", out.status))
                .hint("Its own words are above. Run it by hand to see why."),
        );
    }
    let text = String::from_utf8(out.stdout)
        .map_err(|_| Problem::new(format!("the command {command:?} printed no text")))?;
    let text = one_line(text);
    if text.is_empty() {
        return Err(Problem::new(format!(
            "the command {command:?} printed nothing"
        )));
    }
    Ok(text)
}

fn one_line(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(name: &str) -> Option<String> {
        match name {
            "A" => Some("1".into()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_put_in_once_and_defaults_where_they_are_missing() {
        for (text, want) in [
            ("a${A}b", "a1b"),
            ("${B:-x:y}", "x:y"),
            ("${EMPTY:-x}", "x"),
            ("$$${A}$", "$1$"),
            ("p$ss", "p$ss"),
        ] {
            assert_eq!(substitute(text, &variables).ok().as_deref(), Some(want));
        }
        for bad in ["${B}", "${", "${A", "${A B}", "${}"] {
            assert!(substitute(bad, &variables).is_err(), "{bad}");
        }
    }

    #[test]
    fn references_lead_to_their_text_and_say_why_not() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("secret"), "s3cret\r\n").expect("a file");
        let get = |r: &str| resolve(r, folder.path(), &variables);
        assert_eq!(get("file:secret").ok().as_deref(), Some("s3cret"));
        assert_eq!(get("cmd:printf %s hi").ok().as_deref(), Some("hi"));
        assert_eq!(get("env:A").ok().as_deref(), Some("1"));
        assert!(get("env:NONE").is_err());
        assert!(get("file:none").is_err());
        assert!(get("cmd:exit 3").is_err());
        assert!(get("cmd:true").is_err());
        std::fs::write(folder.path().join("x.db"), b"SQLite format 3\0").expect("a file");
        let error = get("file:x.db").expect_err("a database is no secret");
        assert!(error.hint.is_some_and(|h| h.contains("sqlite:PATH")));
    }
}
