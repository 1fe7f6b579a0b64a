//! What can go wrong with a sealed segment.

use std::io;

use domain::keys::Position;
use domain::record::RecordError;

use crate::log::violation::Violation;

/// The format that this release writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// Why a sealed segment could not be written, opened or read.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The disk refused.
    #[error("{file}: {source}")]
    Io {
        /// Which file.
        file: String,
        /// What the disk said.
        source: io::Error,
    },
    /// The file is not what was written; what is damaged is named.
    #[error("{0}")]
    Damaged(Violation),
    /// A later release wrote it.
    #[error("{file} has format {version}, this release reads up to {known}", known = FORMAT)]
    NewerFormat {
        /// Which file.
        file: String,
        /// Its format version.
        version: u32,
    },
    /// The position is not in this segment.
    #[error("position {0} is not in this segment")]
    NotHere(Position),
    /// What was given to [`super::SealedSegment::write`] makes no segment; a mistake of the caller.
    #[error("cannot be sealed: {0}")]
    Refused(&'static str),
    /// A record given to [`super::SealedSegment::write`] cannot be read.
    #[error("position {position} cannot be sealed: {source}")]
    Record {
        /// Whose.
        position: Position,
        /// What is wrong with it.
        source: RecordError,
    },
}
