//! The text of the file, to name lines of: what is refused is named by file, line and key.

use std::ops::Range;

use super::ConfigError;

/// A file's text and where it came from.
pub struct Source<'a> {
    path: &'a str,
    /// The text.
    pub text: &'a str,
}

impl<'a> Source<'a> {
    /// The text of the file at `path`.
    pub fn new(path: &'a str, text: &'a str) -> Self {
        Self { path, text }
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
        let message = error.message().to_owned();
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
