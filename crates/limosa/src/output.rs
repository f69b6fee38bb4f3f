//! The one place where words leave the program.
//!
//! Data goes to standard output, everything else to standard error. Whatever passes here has its
//! secrets taken out and its hidden characters written visibly; only our own colours remain.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the module that the lint sends everybody to"
)]

use crate::failure::Failure;
use clap::ValueEnum;
use indicatif::MultiProgress;
use limosa::settings::Redactor;
use limosa::text::visible;
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document.
    Json,
    /// One JSON document a line.
    Jsonl,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless NO_COLOR or TERM=dumb says no or CLICOLOR_FORCE says yes.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How a piece of text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Bold,
    Dim,
    Good,
    Warn,
    Bad,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Style::Bold => "\x1b[1m",
            Style::Dim => "\x1b[2m",
            Style::Good => "\x1b[32m",
            Style::Warn => "\x1b[33m",
            Style::Bad => "\x1b[31m",
        }
    }
}

const RESET: &str = "\x1b[0m";
const STYLES: [Style; 5] = [
    Style::Bold,
    Style::Dim,
    Style::Good,
    Style::Warn,
    Style::Bad,
];

/// The version of the JSON that the commands print.
pub(crate) const FORMAT_VERSION: &str = "1.0";

/// Where words go.
#[derive(Clone)]
pub(crate) struct Output(Arc<Inner>);

struct Inner {
    format: Format,
    colour_out: bool,
    colour_err: bool,
    quiet: bool,
    redactor: OnceLock<Redactor>,
    bars: Mutex<Option<MultiProgress>>,
}

impl Output {
    pub(crate) fn new(format: Format, colour: Colour, quiet: bool) -> Self {
        Self(Arc::new(Inner {
            format,
            colour_out: coloured(colour, io::stdout().is_terminal()),
            colour_err: coloured(colour, io::stderr().is_terminal()),
            quiet,
            redactor: OnceLock::new(),
            bars: Mutex::new(None),
        }))
    }

    pub(crate) fn format(&self) -> Format {
        self.0.format
    }

    pub(crate) fn quiet(&self) -> bool {
        self.0.quiet
    }

    /// Whether bars can be drawn: somebody looks at standard error, and it can move its cursor.
    pub(crate) fn live(&self) -> bool {
        !self.0.quiet
            && io::stderr().is_terminal()
            && std::env::var("TERM").as_deref() != Ok("dumb")
    }

    /// From now on these secrets are taken out, wherever they appear.
    pub(crate) fn hide(&self, redactor: Redactor) {
        // The settings are read once; a second reading has the same secrets.
        let _ = self.0.redactor.set(redactor);
    }

    pub(crate) fn redactor(&self) -> Redactor {
        self.0.redactor.get().cloned().unwrap_or_default()
    }

    /// Lines on standard error are put above these bars while they are drawn.
    pub(crate) fn set_bars(&self, bars: Option<MultiProgress>) {
        *self.0.bars.lock().unwrap_or_else(PoisonError::into_inner) = bars;
    }

    /// Dresses a piece of text for standard output.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        dress(self.0.colour_out, style, text)
    }

    /// Prints a line of data for people.
    pub(crate) fn line(&self, text: &str) -> Result<(), Failure> {
        let text = self.clean(text, self.0.colour_out);
        self.write(&format!("{text}\n"))
    }

    /// Prints text as it is but for secrets: scripts, schemas, manual pages.
    pub(crate) fn raw(&self, text: &str) -> Result<(), Failure> {
        self.write(text)
    }

    /// Prints one JSON document of a `kind`, with the version of its format.
    pub(crate) fn json(&self, kind: &str, value: &impl Serialize) -> Result<(), Failure> {
        let mut map = serde_json::Map::new();
        map.insert("format_version".into(), FORMAT_VERSION.into());
        map.insert("kind".into(), kind.into());
        let broken = |e| Failure::internal(format!("the answer is not JSON: {e}"));
        match serde_json::to_value(value).map_err(broken)? {
            serde_json::Value::Object(object) => {
                for (key, value) in object {
                    // The document's own version is of its part only.
                    let key = if key == "format_version" {
                        "document_version".into()
                    } else {
                        key
                    };
                    map.insert(key, value);
                }
            }
            other => {
                map.insert(kind.into(), other);
            }
        }
        let text = match self.0.format {
            Format::Jsonl => serde_json::to_string(&map),
            _ => serde_json::to_string_pretty(&map),
        }
        .map_err(broken)?;
        self.write(&format!("{}\n", self.redactor().clean(&text)))
    }

    /// Prints one JSON document of ours as it is: it has its version, holds no secrets, and is hashed.
    pub(crate) fn document(&self, value: &impl Serialize) -> Result<(), Failure> {
        let text = match self.0.format {
            Format::Jsonl => serde_json::to_string(value),
            _ => serde_json::to_string_pretty(value),
        };
        let text = text.map_err(|e| Failure::internal(format!("the answer is not JSON: {e}")))?;
        self.write(&format!("{text}\n"))
    }

    fn write(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(|e| match e.kind() {
                io::ErrorKind::BrokenPipe => Failure::Pipe,
                _ => Failure::internal(format!("standard output can not be written: {e}")),
            })
    }

    /// Says something on the way, on standard error; not if asked to be quiet.
    pub(crate) fn note(&self, text: &str) {
        if !self.0.quiet {
            self.say(text);
        }
    }

    /// Says something that must be heard, on standard error.
    pub(crate) fn say(&self, text: &str) {
        let text = self.clean(text, self.0.colour_err);
        let bars = self.0.bars.lock().unwrap_or_else(PoisonError::into_inner);
        let write = || {
            // Nobody is left to be told that standard error is closed.
            let _ = writeln!(io::stderr().lock(), "{text}");
        };
        match &*bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    /// Warns, on standard error.
    pub(crate) fn warn(&self, text: &str) {
        self.say(&format!(
            "{} {text}",
            dress(self.0.colour_err, Style::Warn, "warning:")
        ));
    }

    /// Dresses a piece of text for standard error.
    pub(crate) fn paint_err(&self, style: Style, text: &str) -> String {
        dress(self.0.colour_err, style, text)
    }

    /// Takes secrets out and makes hidden characters visible; our own colours stay if they are on.
    pub(crate) fn clean(&self, text: &str, colours: bool) -> String {
        let text = self.redactor().clean(text);
        if !colours {
            return visible(&text);
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(at) = rest.find('\x1b') {
            out.push_str(&visible(&rest[..at]));
            rest = &rest[at..];
            let ours = STYLES
                .iter()
                .map(|s| s.code())
                .chain([RESET])
                .find(|c| rest.starts_with(c));
            match ours {
                Some(code) => {
                    out.push_str(code);
                    rest = &rest[code.len()..];
                }
                None => {
                    out.push_str("\\u{1b}");
                    rest = &rest[1..];
                }
            }
        }
        out.push_str(&visible(rest));
        out
    }
}

fn dress(colours: bool, style: Style, text: &str) -> String {
    match colours {
        true => format!("{}{text}{RESET}", style.code()),
        false => text.to_owned(),
    }
}

/// Whether to use colours. `--color` decides, else NO_COLOR, else CLICOLOR_FORCE, else the terminal.
fn coloured(wish: Colour, terminal: bool) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    match wish {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto if set("NO_COLOR") => false,
        Colour::Auto
            if set("CLICOLOR_FORCE") && std::env::var("CLICOLOR_FORCE").as_deref() != Ok("0") =>
        {
            true
        }
        Colour::Auto => terminal && std::env::var("TERM").as_deref() != Ok("dumb"),
    }
}

/// A table of text: the first column to the left, the others to the right.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>], last: Option<Vec<String>>) -> String {
    let mut widths: Vec<usize> = header.iter().map(|h| h.chars().count()).collect();
    for row in rows.iter().chain(&last) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(console::measure_text_width(cell));
        }
    }
    let mut out = String::new();
    let mut put = |cells: &[String]| {
        for (i, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            let pad = " ".repeat(width.saturating_sub(console::measure_text_width(cell)));
            if i > 0 {
                out.push_str("  ");
            }
            if i == 0 {
                out.push_str(cell);
                out.push_str(&pad);
            } else {
                out.push_str(&pad);
                out.push_str(cell);
            }
        }
        while out.ends_with(' ') {
            out.pop();
        }
        out.push('\n');
    };
    let rule: Vec<String> = widths.iter().map(|w| "-".repeat(*w)).collect();
    put(&header.iter().map(|h| (*h).to_owned()).collect::<Vec<_>>());
    put(&rule);
    rows.iter().for_each(|row| put(row));
    if let Some(last) = last {
        put(&rule);
        put(&last);
    }
    out.pop();
    out
}
