//! Why the engine does not run.

use std::io;

use crate::commands::{CommandError, FileRejection};
use crate::follow::FoldError;
use crate::log::LogError;

/// Why the engine does not run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Another process has the data directory.
    #[error("data directory {0} is in use by another factfold")]
    InUse(String),
    /// What lies in the data directory is not what was acknowledged.
    #[error("{0}")]
    Damaged(String),
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The log did not open.
    #[error(transparent)]
    Log(LogError),
    /// The log could not be folded.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// An erasure that was cut off could not be carried out.
    #[error("an erasure that was cut off could not be carried out: {0}")]
    Erasure(String),
    /// Somebody is being erased: a copy made now could hold a part of what is to be gone.
    #[error("{0}")]
    Erasing(String),
    /// The file's tenants and endpoints were refused, or could not be recorded.
    #[error(transparent)]
    File(#[from] CommandError<FileRejection>),
}

impl From<LogError> for EngineError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Damaged { .. }
            | LogError::LostTail { .. }
            | LogError::LostIndexed { .. }
            | LogError::Segment(_)
            | LogError::Record { .. }
            | LogError::Name { .. }
            | LogError::Fact { .. } => Self::Damaged(error.to_string()),
            other => Self::Log(other),
        }
    }
}
