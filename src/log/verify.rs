//! Walking the journal offline: every file, every checksum, every leaf, every tree head.

use std::fmt;

use domain::keys::Position;

/// Something in a file that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which file, relative to the data directory.
    pub file: String,
    /// Where in it, in bytes.
    pub offset: u64,
    /// The first fact concerned, where one can be named.
    pub position: Option<Position>,
    /// What is wrong.
    pub what: String,
}

impl Violation {
    /// Names what is wrong.
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
