//! Why a command did nothing.

use domain::keys::Position;

use crate::ingest::error::IngestError;

/// Why a command could not read the state it decides on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// The position was not folded in time: 503, trying again is harmless.
    #[error("position {0} is not folded yet")]
    NotFolded(Position),
    /// Nothing is known of the tenant: 404.
    #[error("no such tenant")]
    UnknownTenant,
}

/// Why a command did nothing; `R` is why the rules refused it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommandError<R> {
    /// The rules refused it in the state it met.
    #[error("{0}")]
    Rejected(R),
    /// The state could not be read.
    #[error(transparent)]
    Unread(#[from] Unread),
    /// Others were first at every try: 503, trying again is harmless.
    #[error("too many others change the same thing at once")]
    Contended,
    /// The idempotency key was used before for something else: 422.
    #[error("the idempotency key was used for another request, recorded at position {0}")]
    Mismatch(Position),
    /// The log could not be asked or written: 503.
    #[error(transparent)]
    Ingest(#[from] IngestError),
}
