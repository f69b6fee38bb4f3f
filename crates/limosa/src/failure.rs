//! How a command ends: its exit code, decided in one function, and its last words.

use crate::output::{Output, Style};
use limosa::check::{Status, Verdicts};
use limosa::outcome::{Comparison, Ending, Outcome, Verdict};
use limosa::settings::Problem;
use limosa_core::{Error, ErrorKind};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource};

/// The exit codes, as `--help` tells them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0    done, or equal
  1    error
  2    usage or configuration
  3    differences or changes found
  4    partial: something was skipped or not verified
  5    a precondition is not met
  6    another process holds the lock or the lease
  7    waiting for approval
  130  stopped by Ctrl-C (SIGINT)
  143  stopped by SIGTERM";

/// Why a command did not end well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What the person wrote can not be understood.
    Problem(Box<Problem>),
    /// The work failed.
    Error(Error),
    /// Something must be decided or done first.
    Precondition {
        /// What is missing, as one line.
        what: String,
        /// What to do.
        hint: String,
    },
    /// A part of the program's own that should not happen.
    Internal(String),
    /// Whoever read our answer has gone; there is nobody to tell.
    Pipe,
}

impl Failure {
    pub(crate) fn internal(what: impl Into<String>) -> Self {
        Self::Internal(what.into())
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// How a command ended.
#[derive(Debug)]
pub(crate) enum End<'a> {
    /// It did what was asked.
    Done,
    /// A run ended.
    Run(&'a Outcome),
    /// A comparison ended.
    Compared(&'a Comparison),
    /// Data tests were asked.
    Checked(&'a Verdicts),
    /// Something is forbidden until somebody decides.
    Refused,
    /// Work is left that nobody does just now.
    Unfinished,
    /// It failed.
    Failed(&'a Failure),
}

/// The exit code. `signal` is the code of the signal that asked to stop, if one did. The one place where it is decided.
pub(crate) fn code(end: &End<'_>, signal: Option<u8>) -> u8 {
    const INTERRUPTED: u8 = 130;
    match end {
        End::Done => 0,
        End::Unfinished => 4,
        End::Refused => 5,
        End::Run(outcome) => match (outcome.ending, &outcome.comparison) {
            (Ending::Interrupted, _) => signal.unwrap_or(INTERRUPTED),
            (Ending::Partial, _) => 4,
            (Ending::Complete, comparison) => {
                let compared = comparison.as_ref().map(End::Compared);
                let checked = outcome.checks.as_ref().map(End::Checked);
                let of = |e: Option<End<'_>>| e.map_or(0, |e| code(&e, signal));
                let rejected = if outcome.rejected() > 0 { 4 } else { 0 };
                let codes = [of(compared), of(checked), rejected];
                // A difference is told before what is only missing.
                let told = [3, 4].into_iter().find(|c| codes.contains(c));
                told.unwrap_or(0)
            }
        },
        End::Checked(verdicts) => match verdicts.worst() {
            Status::Pass | Status::Warn => 0,
            Status::Fail => 3,
            Status::Error => 4,
        },
        End::Compared(comparison) => match comparison.verdict {
            Verdict::Pass | Verdict::PassWithExceptions => 0,
            Verdict::Partial => 4,
            Verdict::Fail => 3,
        },
        End::Failed(failure) => match failure {
            Failure::Problem(_) => 2,
            Failure::Precondition { .. } => 5,
            Failure::Internal(_) => 1,
            Failure::Pipe => 0,
            Failure::Error(error) => match error.kind() {
                ErrorKind::Configuration => 2,
                ErrorKind::Privilege | ErrorKind::Conflict => 5,
                ErrorKind::Held | ErrorKind::Fenced => 6,
                ErrorKind::Interrupted => signal.unwrap_or(INTERRUPTED),
                _ => 1,
            },
        },
    }
}

/// Says why a command failed: what, where, why, and what to do.
pub(crate) fn explain(failure: &Failure, output: &Output) {
    match failure {
        Failure::Problem(problem) => problem_words(problem, output),
        Failure::Error(error) => {
            let mut text = heading(output, &error.to_string());
            let mut cause = std::error::Error::source(error);
            let mut said = error.to_string();
            while let Some(why) = cause {
                let words = why.to_string();
                if !said.contains(&words) {
                    text.push_str(&format!("\n  because: {words}"));
                }
                said.push_str(&words);
                cause = why.source();
            }
            if let Some(hint) = error.remedy() {
                text.push_str(&hint_line(output, hint));
            }
            output.say(&text);
        }
        Failure::Precondition { what, hint } => {
            output.say(&(heading(output, what) + &hint_line(output, hint)));
        }
        Failure::Internal(what) => output.say(
            &(heading(output, what)
                + &hint_line(output, "This is a mistake of Limosa. Please report it.")),
        ),
        Failure::Pipe => {}
    }
}

fn heading(output: &Output, text: &str) -> String {
    format!("{} {text}", output.paint_err(Style::Bad, "error:"))
}

fn hint_line(output: &Output, hint: &str) -> String {
    format!(
        "\n  {} {hint}",
        output.paint_err(Style::Bold, "what to do:")
    )
}

fn problem_words(problem: &Problem, output: &Output) {
    let Some((file, (text, span))) = problem
        .file
        .as_ref()
        .zip(problem.text.as_ref().zip(problem.span.clone()))
    else {
        let mut words = heading(output, &problem.to_string());
        if let Some(hint) = &problem.hint {
            words.push_str(&hint_line(output, hint));
        }
        return output.say(&words);
    };
    let end = span.end.min(text.len());
    let diagnostic = miette::MietteDiagnostic::new(problem.to_string())
        .with_label(LabeledSpan::underline(span.start.min(end)..end));
    let theme = GraphicalTheme::unicode_nocolor();
    let report = miette::Report::new(diagnostic)
        .with_source_code(NamedSource::new(file.display().to_string(), text.clone()));
    let mut words = String::new();
    let drawn = GraphicalReportHandler::new_themed(theme)
        .with_width(100)
        .with_context_lines(1)
        .render_report(&mut words, report.as_ref());
    // The first line repeats the message; ours says it in our way.
    let body: Vec<&str> = words
        .lines()
        .skip_while(|line| !line.contains('╭'))
        .collect();
    let mut text = heading(output, &problem.to_string());
    if drawn.is_ok() && !body.is_empty() {
        text.push('\n');
        text.push_str(&body.join("\n"));
    }
    if let Some(hint) = &problem.hint {
        text.push_str(&hint_line(output, hint));
    }
    output.say(text.trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(kind: ErrorKind, signal: Option<u8>) -> u8 {
        let failure = Failure::Error(Error::new(kind, "x", "y"));
        code(&End::Failed(&failure), signal)
    }

    #[test]
    fn every_end_has_the_code_that_the_help_says() {
        assert_eq!(code(&End::Done, None), 0);
        assert_eq!(code(&End::Unfinished, None), 4);
        assert_eq!(code(&End::Refused, None), 5);
        assert_eq!(failed(ErrorKind::Server, None), 1);
        assert_eq!(failed(ErrorKind::Configuration, None), 2);
        assert_eq!(failed(ErrorKind::Conflict, None), 5);
        assert_eq!(failed(ErrorKind::Held, None), 6);
        assert_eq!(failed(ErrorKind::Interrupted, None), 130);
        assert_eq!(failed(ErrorKind::Interrupted, Some(143)), 143);
        let problem = Failure::Problem(Box::new(Problem::new("x")));
        assert_eq!(code(&End::Failed(&problem), Some(130)), 2);
    }
}
