use crate::sandbox::Sandbox;

const VERBS: &[&[&str]] = &[
    &[],
    &["demo"],
    &["init"],
    &["assess"],
    &["transform"],
    &["plan"],
    &["run"],
    &["copy"],
    &["verify"],
    &["diff"],
    &["repair"],
    &["check"],
    &["check", "import"],
    &["check", "export"],
    &["status"],
    &["rejects"],
    &["rejects", "list"],
    &["rejects", "show"],
    &["rejects", "export"],
    &["rejects", "retry"],
    &["report"],
    &["config"],
    &["config", "show"],
    &["config", "check"],
    &["config", "schema"],
    &["completions"],
    &["man"],
];

/// The whole command line as one file: a changed flag shows up in review.
#[test]
fn the_reference_of_the_command_line_stays_as_it_was_agreed() {
    let it = Sandbox::new();
    let mut text = String::new();
    for verb in VERBS {
        let ran = it.limosa(&[verb, &["--help"][..]].concat()).ends(0);
        text.push_str(&format!("# limosa {}\n\n{}\n", verb.join(" "), ran.out));
    }
    insta::assert_snapshot!(text.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

#[test]
fn every_verb_of_the_help_is_in_the_reference() {
    let it = Sandbox::new();
    let help = it.limosa(&["--help"]).ends(0).out;
    let section = help
        .split("Commands:")
        .nth(1)
        .expect("the verbs are listed");
    let section = section.split("\n\n").next().unwrap_or_default();
    let verbs: Vec<&str> = section
        .lines()
        // A longer description goes on in the next line, further in.
        .filter(|l| l.starts_with("  ") && !l.starts_with("   "))
        .filter_map(|l| l.split_whitespace().next())
        .collect();
    let known: Vec<&str> = VERBS
        .iter()
        .filter(|v| v.len() == 1)
        .map(|v| v[0])
        .collect();
    assert_eq!(verbs, known);
}

#[test]
fn the_schema_of_the_configuration_stays_as_it_was_agreed() {
    let it = Sandbox::new();
    let schema = it.limosa(&["config", "schema"]).ends(0).json();
    insta::assert_json_snapshot!(schema);
}

#[test]
fn manuals_and_completions_are_made() {
    let it = Sandbox::new();
    assert!(it.limosa(&["man"]).ends(0).out.contains(".TH limosa"));
    it.limosa(&["man", "--out", "man"]).ends(0);
    for page in ["limosa.1", "limosa-run.1", "limosa-config-show.1"] {
        assert!(it.path("man").join(page).is_file(), "{page}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(
            it.limosa(&["completions", shell])
                .ends(0)
                .out
                .contains("limosa"),
            "{shell}"
        );
    }
}
