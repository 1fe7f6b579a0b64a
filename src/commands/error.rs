//! Why a command did nothing.

use domain::keys::Position;

use crate::ingest::error::IngestError;

/// Why a command could not read the state that it decides on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The fold did not reach this position in time: 503, and the command may be sent again.
    #[error("the read models have not reached position {0} yet; try again")]
    NotFolded(Position),
    /// The tenant has no facts: 404.
    #[error("no such tenant")]
    UnknownTenant,
}

/// Why a command did nothing. `R` says why the rules rejected it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommandError<R> {
    /// The rules reject it in this state.
    #[error("{0}")]
    Rejected(R),
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// Another command was first at every try: 503, and the command may be sent again.
    #[error("concurrent changes conflicted repeatedly; try again")]
    Contended,
    /// The idempotency key belongs to another request, whose fact stands at this position: 422.
    #[error("the idempotency key was used for another request, recorded at position {0}")]
    Mismatch(Position),
    /// The log could not be read or written: 503.
    #[error(transparent)]
    Ingest(#[from] IngestError),
}
