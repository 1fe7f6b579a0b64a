//! Why folding stops: never a client's doing.

use domain::codec::CodecError;
use domain::keys::Position;
use domain::record::RecordError;

use crate::log::LogError;

/// The log could not be folded.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FoldError {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A body that this release does not know, or damage.
    #[error("fact {position}: {error}")]
    Fact {
        /// Its place.
        position: Position,
        /// What is wrong with it.
        error: CodecError,
    },
    /// A record that does not read.
    #[error("record {position}: {error}")]
    Record {
        /// Its place.
        position: Position,
        /// What is wrong with it.
        error: RecordError,
    },
    /// The models that are asked for are not folded yet since the start.
    #[error("the read models are being folded since the start; facts are taken meanwhile")]
    Unfolded,
    /// A fold of the past took longer than a caller waits.
    #[error("folding the past took too long")]
    Late,
    /// No thread could be started.
    #[error("no thread to fold on: {0}")]
    Thread(String),
}
