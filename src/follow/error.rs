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
    /// The tenant's models are not folded yet since the start.
    #[error("the read models of tenant {0} are being folded since the start; its facts are taken meanwhile")]
    Unfolded(Box<str>),
    /// A fold of the past took longer than a caller waits.
    #[error("folding the past took too long")]
    Late,
    /// No thread could be started.
    #[error("no thread to fold on: {0}")]
    Thread(String),
}
