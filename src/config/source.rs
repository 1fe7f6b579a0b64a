//! The text of the file, to name lines of: what is refused is named by file, line and key.

use std::ops::Range;

use domain::json::nearest;
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

    /// The parser says what and where; the key stands in the line.
    pub fn unparsable(&self, error: &toml::de::Error) -> ConfigError {
        let message = with_nearest(error.message());
        let Some(span) = error.span() else {
            return ConfigError::Value { place: self.path.to_owned(), message };
        };
        let line = self.line(span.start);
        let written = self.text.lines().nth(line - 1).unwrap_or_default();
        let place = match written.split_once('=') {
            Some((key, _)) => format!("{}:{line}: {}", self.path, key.trim()),
            None => format!("{}:{line}", self.path),
        };
        ConfigError::Value { place, message }
    }
}

/// What serde says of a key that is none, with the one that was probably meant.
fn with_nearest(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let near = quoted.next().filter(|_| message.starts_with("unknown field")).and_then(|given| {
        let known: Vec<&str> = quoted.collect();
        nearest(given, &known)
    });
    near.map_or_else(|| message.to_owned(), |near| format!("{message}; did you mean {near}?"))
}
