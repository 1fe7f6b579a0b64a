//! Violations: what verifying the journal finds, while the log serves or offline.

use std::fmt;

use domain::keys::Position;

/// Bytes of a file that differ from what was written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path below the data directory.
    pub file: String,
    /// Byte in the file.
    pub offset: u64,
    /// The first fact concerned, where one can be named.
    pub position: Option<Position>,
    /// What differs, for the operator.
    pub what: String,
}

impl Violation {
    /// A violation in `file` at byte `offset`.
    pub fn new(file: &str, offset: u64, position: Option<Position>, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), offset, position, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.file, self.offset)?;
        if let Some(position) = self.position {
            write!(f, ", position {position}")?;
        }
        write!(f, ": {}", self.what)
    }
}
