//! The text of the file, to name lines of: what is refused is named by file, line and key.

use std::ops::Range;

use domain::json::did_you_mean;
use toml::Spanned;

use super::ConfigError;
use crate::directory::{Secret, secret};

/// A file's text and where it came from.
pub struct Source<'a> {
    path: &'a str,
    /// Whether secrets are looked up where the file says that they stand.
    resolves: bool,
    /// The text.
    pub text: &'a str,
}

impl<'a> Source<'a> {
    /// The text of the file at `path`.
    pub fn new(path: &'a str, text: &'a str) -> Self {
        Self { path, resolves: true, text }
    }

    /// For a command that needs no secret: one that is not there is no mistake.
    pub fn without_secrets(self) -> Self {
        Self { resolves: false, ..self }
    }

    /// Whether secrets are looked up.
    pub fn resolves(&self) -> bool {
        self.resolves
    }

    /// The secret that is written so; none where none is needed.
    pub fn secret(&self, text: &Spanned<String>, key: &str) -> Result<Option<Secret>, ConfigError> {
        if !self.resolves {
            return Ok(None);
        }
        let resolved = secret::resolve(text.get_ref());
        resolved.map(Some).map_err(|message| self.wrong(text.span(), key, message))
    }

    /// File and line of a byte.
    pub fn place(&self, at: usize) -> String {
        format!("{}:{}", self.path, self.line(at))
    }

    fn line(&self, at: usize) -> usize {
        self.text.get(..at).unwrap_or(self.text).matches('\n').count() + 1
    }

    /// What stands at `span` under `key` breaks a rule.
    pub fn wrong(&self, span: Range<usize>, key: &str, message: impl Into<String>) -> ConfigError {
        let place = format!("{}: {key}", self.place(span.start));
        ConfigError::Value { place, message: message.into() }
    }

    /// The parser says what and where; table and key are those above.
    pub fn unparsable(&self, error: &toml::de::Error) -> ConfigError {
        let Some(span) = error.span() else {
            let message = said(error.message(), "", "");
            return ConfigError::Value { place: self.path.to_owned(), message };
        };
        let (table, key) = self.table_and_key(span.start);
        let name = [table, key].join(".");
        let name = if key.is_empty() { "" } else { name.trim_start_matches('.') };
        let place = match name {
            "" => self.place(span.start),
            name => format!("{}: {name}", self.place(span.start)),
        };
        ConfigError::Value { place, message: said(error.message(), table, key) }
    }

    /// The table in which a byte stands, and the key of its line; a value can go on over several lines. No key in the line
    /// that begins a table.
    fn table_and_key(&self, at: usize) -> (&'a str, &'a str) {
        let lines: Vec<&str> = self.text.lines().take(self.line(at)).collect();
        let is_header = |line: &&&str| line.trim_start().starts_with('[') && line.trim_end().ends_with(']');
        let table = lines.iter().rev().find(is_header).map_or("", |line| line.trim());
        let table = table.trim_matches(['[', ']']).trim();
        if lines.last().as_ref().is_some_and(is_header) {
            return (table, "");
        }
        let key =
            lines.iter().rev().take_while(|line| !is_header(line)).find_map(|line| line.split_once('='));
        (table, key.map_or("", |(key, _)| key.trim()))
    }
}

/// The parser's words in ours. What a value of another type is like is not told: it can be a secret.
pub fn said(message: &str, table: &str, key: &str) -> String {
    let is_of_value = message.starts_with("invalid ");
    let expected = || message.rsplit_once(", expected ").map(|(_, expected)| format!("must be {expected}"));
    match super::reference::value_rule(table, key).filter(|_| is_of_value) {
        Some(rule) => rule,
        None if is_of_value => expected().unwrap_or_else(|| with_nearest(message)),
        None => with_nearest(message),
    }
}

/// What is wrong with a table that stands in a value, where the parser of `message` names no place: the first key that
/// `is_read` not even alone.
pub fn told_of_key(
    value: &toml::Value,
    message: &str,
    table: &str,
    is_read: impl Fn(toml::Value) -> bool,
) -> String {
    let mut keys = value.as_table().into_iter().flatten();
    let alone =
        |(key, value): (&String, &toml::Value)| toml::Table::from_iter([(key.clone(), value.clone())]);
    let at_fault = keys.find(|one| !is_read(toml::Value::Table(alone(*one))));
    match at_fault.filter(|_| message.starts_with("invalid ")) {
        Some((key, _)) => format!("{key} {}", said(message, table, key)),
        None => with_nearest(message),
    }
}

/// What serde says of a key that is none, with the one that was probably meant.
fn with_nearest(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let near = quoted.next().filter(|_| message.starts_with("unknown field")).map(|given| {
        let known: Vec<&str> = quoted.collect();
        did_you_mean(given, &known)
    });
    format!("{message}{}", near.unwrap_or_default())
}
