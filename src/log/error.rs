//! What can go wrong in the log, and what the caller may do about it.

use std::io;
use std::sync::Arc;

use domain::codec::CodecError;
use domain::keys::{NameError, Position};
use domain::record::RecordError;

use super::keys::KeyError;
use super::sealed_segment::SegmentError;
use crate::clock::ClockAhead;

/// An error of the log. Nothing of the submission it answers was acknowledged; what is in the log stays.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LogError {
    /// The writer's queue is full: try again later.
    #[error("the log's queue is full")]
    Busy,
    /// No space on the disk; the log tries again by itself.
    #[error("the disk is full")]
    Full,
    /// The engine that orders the log of several nodes gives no answer: the facts may or may not be recorded, and a retry
    /// is harmless.
    #[error("the log's engine is unavailable: {0}")]
    Unavailable(Arc<str>),
    /// The wall clock jumped ahead; passes when it is back or accepted.
    #[error(transparent)]
    ClockAhead(#[from] ClockAhead),
    /// A write or sync failed, or the log was closed; only a new start helps. Nothing is retried (I3).
    #[error("the log has stopped: {0}")]
    Stopped(Arc<str>),
    /// More than one submission may hold: see [`super::frame_group::APPEND_FACTS_MAX`], [`super::frame_group::APPEND_BYTES_MAX`].
    #[error("too much for one append: {what}")]
    TooLarge {
        /// What is too long or too many, with the limit.
        what: Arc<str>,
    },
    /// The idempotency index could not say whether keys are known.
    #[error(transparent)]
    Index(#[from] KeyError),
    /// An operation on a file failed.
    #[error("{file}: {error}")]
    Io {
        /// Path below the data directory.
        file: Arc<str>,
        /// What the operating system said.
        error: Arc<io::Error>,
    },
    /// Bytes on disk are not what was written.
    #[error("{file} is damaged at byte {offset}: {why}")]
    Damaged {
        /// Path below the data directory.
        file: Arc<str>,
        /// Where in it.
        offset: u64,
        /// What does not fit.
        why: Arc<str>,
    },
    /// A file was written by a newer release.
    #[error("{file} has format {found}; this release reads up to {known}: use the newer release")]
    NewerFormat {
        /// Path below the data directory.
        file: Arc<str>,
        /// Its format version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// A file was written by an older release, in a format that is no longer read.
    #[error("{file} has format {found}, which this release no longer reads; it reads format {known} only")]
    OlderFormat {
        /// Path below the data directory.
        file: Arc<str>,
        /// Its format version.
        found: u32,
        /// The version read here.
        known: u32,
    },
    /// The high-water mark names facts that the log does not hold.
    #[error(
        "acknowledged facts are missing: the log was durable up to position {mark}, but its files end at {found}"
    )]
    LostTail {
        /// Position of the mark.
        mark: Position,
        /// Last position found.
        found: Position,
    },
    /// The idempotency index names facts that the log does not hold.
    #[error(
        "acknowledged facts are missing: the idempotency index knows position {indexed}, but the log's files end at \
         {found}; if an older state of the log was put here on purpose, delete sled/ in the data directory"
    )]
    LostIndexed {
        /// A position in the index.
        indexed: Position,
        /// Last position found.
        found: Position,
    },
    /// A sealed segment could not be written or read.
    #[error(transparent)]
    Segment(Arc<SegmentError>),
    /// An original is not in the blob room.
    #[error("the original {0} is missing from blobs/")]
    BlobMissing(Arc<str>),
    /// A stored record cannot be read.
    #[error("record at position {position}: {error}")]
    Record {
        /// Its position.
        position: Position,
        /// Why.
        error: RecordError,
    },
    /// A name in a stored record's header breaks its rule.
    #[error("record at position {position}: {error}")]
    Name {
        /// Its position.
        position: Position,
        /// The rule.
        error: NameError,
    },
    /// The body of a stored fact does not decode: damage, or a kind or version of a newer release.
    #[error("fact at position {position}: {error}")]
    Fact {
        /// Its position.
        position: Position,
        /// What does not decode.
        error: CodecError,
    },
}

impl From<SegmentError> for LogError {
    fn from(error: SegmentError) -> Self {
        match error {
            SegmentError::NewerFormat { file, version } => {
                Self::NewerFormat { file: file.into(), found: version, known: super::sealed_segment::FORMAT }
            }
            SegmentError::Io { source, .. } if is_full(&source) => Self::Full,
            other => Self::Segment(Arc::new(other)),
        }
    }
}

impl LogError {
    /// A failed operation on `file`.
    pub(super) fn io(file: &str, error: io::Error) -> Self {
        Self::Io { file: file.into(), error: Arc::new(error) }
    }

    /// Damage in `file` at `offset`.
    pub(super) fn damaged(file: &str, offset: u64, why: impl std::fmt::Display) -> Self {
        Self::Damaged { file: file.into(), offset, why: why.to_string().into() }
    }

    /// What a failed write means while the log runs, and a failed sync of bytes that are written again, whole, before
    /// anything relies on them: a full disk passes, anything else does not.
    pub(super) fn while_writing(file: &str, error: io::Error) -> Self {
        if is_full(&error) { Self::Full } else { Self::stopped(file, &error) }
    }

    /// What never passes: the pages' fate is unknown, so never go on.
    pub(super) fn stopped(file: &str, error: &dyn std::fmt::Display) -> Self {
        Self::Stopped(format!("{file}: {error}").into())
    }
}

/// Whether the error says that there is no space.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
