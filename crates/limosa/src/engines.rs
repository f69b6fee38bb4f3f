//! The one file that names all three engines: the scheme of a URL chooses who opens it.

use crate::settings::{Address, Problem, nearest};
use limosa_core::Result;
use limosa_core::engine::Engine;
use limosa_core::secret::scrub;

/// Opens the database at a URL.
type Open = fn(&str) -> Result<Box<dyn Engine>>;

/// The schemes, each with who opens it.
const SCHEMES: &[(&str, Open)] = &[
    ("postgresql", limosa_postgres::open),
    ("postgres", limosa_postgres::open),
    ("mysql", limosa_mysql::open),
    ("mariadb", limosa_mysql::open),
    ("sqlite", limosa_sqlite::open),
];

/// What the names of SQLite files end with; such a path is a URL without its scheme.
const FILES: &[&str] = &[".db", ".sqlite", ".sqlite3", ".db3"];

/// Reads the scheme of a URL and gives the URL with the scheme in its own spelling.
///
/// # Errors
/// If there is no scheme or nobody opens it: with the list and the nearest one.
pub(crate) fn recognise(url: &str) -> Result<String, Problem> {
    const HINT: &str = "Write postgresql://user@host:5432/database, mysql://user@host:3306/database, mariadb://… or sqlite:PATH.";
    if url.is_empty() {
        return Err(Problem::new("the URL is empty").hint(HINT));
    }
    if let Some(at) = url.find(|c: char| c.is_control()) {
        return Err(Problem::new(format!(
            "the URL holds the control character U+{:04X} at byte {at}",
            url[at..].chars().next().map_or(0, u32::from)
        ))
        .hint("Look for a line break or a copied invisible character."));
    }
    let lower = url.to_ascii_lowercase();
    let Some((scheme, rest)) = lower.split_once(':') else {
        if FILES.iter().any(|end| lower.ends_with(end)) {
            return Ok(format!("sqlite:{url}"));
        }
        return Err(
            Problem::new(format!("{:?} is not a URL: it has no scheme", scrub(url))).hint(HINT),
        );
    };
    if !SCHEMES.iter().any(|(s, _)| *s == scheme) {
        if scheme.contains(['/', '.', '@']) {
            return Err(Problem::new("the URL has no scheme").hint(HINT));
        }
        let problem = Problem::new(format!("no engine for the scheme \"{scheme}:\""));
        return Err(match nearest(scheme, SCHEMES.iter().map(|(s, _)| *s)) {
            Some(near) => problem.hint(format!(
                "Did you mean \"{near}:\"? There are postgresql, mysql, mariadb and sqlite."
            )),
            None => problem.hint(HINT),
        });
    }
    if rest.is_empty() || (scheme != "sqlite" && !rest.starts_with("//")) {
        return Err(
            Problem::new(format!("the URL after \"{scheme}:\" is not complete")).hint(HINT),
        );
    }
    Ok(format!("{scheme}{}", &url[scheme.len()..]))
}

/// Opens the database at an address.
///
/// # Errors
/// As the engine says; `Configuration` if no engine takes the scheme.
pub fn open(address: &Address) -> Result<Box<dyn Engine>> {
    let url = recognise(address.expose())?;
    let scheme = url.split(':').next().unwrap_or_default();
    let (_, open) = SCHEMES
        .iter()
        .find(|(s, _)| *s == scheme)
        .expect("a recognised URL has a scheme of the list");
    open(&url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_recognised_by_its_scheme_or_told_what_is_wrong() {
        for (url, want) in [
            ("PostgreSQL://h/Db", "postgresql://h/Db"),
            ("shop.DB", "sqlite:shop.DB"),
            ("sqlite:shop", "sqlite:shop"),
            ("mariadb://h/db", "mariadb://h/db"),
        ] {
            assert_eq!(recognise(url).ok().as_deref(), Some(want), "{url}");
        }
        for (url, says) in [
            ("", "empty"),
            ("shop", "no scheme"),
            ("host:5432/db", "no engine"),
            ("postgre://h/db", "no engine"),
            ("oracle://h/db", "no engine"),
            ("postgresql:", "not complete"),
            ("mysql:h/db", "not complete"),
            ("mysql://h/\n", "control character"),
        ] {
            let problem = recognise(url).expect_err(url);
            assert!(problem.what.contains(says), "{url}: {problem}");
            assert!(problem.hint.is_some(), "{url}");
        }
        let hint = recognise("postgre://h").expect_err("unknown").hint;
        assert!(
            hint.is_some_and(|h| h.contains("postgres")),
            "the nearest scheme is offered"
        );
    }
}
