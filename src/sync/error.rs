//! Why a run fails.

use std::fmt;

use serde_json::Value;

use crate::ingest::error::IngestError;
use crate::outbound::OutboundError;
use crate::views::facts::FactError;

/// The begin of an answer's body that is an error. It may be personal or hold credentials, so nothing prints it.
#[derive(Clone, Default)]
pub struct ErrorBody(Box<[u8]>);

/// Longer bodies are no words of an error.
const ERROR_BODY_MAX: usize = 16 << 10;

impl ErrorBody {
    /// Keeps the body, unless it is long.
    pub fn of(body: Vec<u8>) -> Self {
        if body.len() > ERROR_BODY_MAX { Self::default() } else { Self(body.into()) }
    }
}

impl fmt::Debug for ErrorBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// Why a run fails. Its text stands in the run's `sync_finished`: no URL, no credentials.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SyncError {
    /// No whole answer, after every try.
    #[error("{0}")]
    Outbound(#[from] OutboundError),
    /// Another status than one of success, after every try that it allows.
    #[error("answered {status}{}", detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default())]
    Status {
        /// HTTP status.
        status: u16,
        /// The begin of its body, for the client that knows where the provider's words stand in it.
        body: ErrorBody,
        /// What the provider says of it, where its client knows where that stands.
        detail: Option<String>,
    },
    /// The answer is not what the provider documents; says what is missing or wrong, not what was read.
    #[error("unexpected answer: {0}")]
    Unexpected(String),
    /// An answer of success that is an error inside (L8).
    #[error("refused with {code}: {message}")]
    Refused {
        /// The provider's code.
        code: String,
        /// Its words.
        message: String,
    },
    /// One of the above, with what was asked for.
    #[error("{what}: {error}")]
    At {
        /// The list or route, without ids.
        what: String,
        /// What went wrong there.
        error: Box<SyncError>,
    },
    /// Pages came, but not all.
    #[error("incomplete: {0}")]
    Incomplete(String),
    /// The run was stopped by a person, a change of configuration or the end of the server.
    #[error("canceled")]
    Canceled,
    /// What was read could not be recorded.
    #[error("not recorded: {0}")]
    Ingest(#[from] IngestError),
    /// What is recorded already could not be read.
    #[error("the log could not be read: {0}")]
    Known(String),
}

impl From<FactError> for SyncError {
    fn from(error: FactError) -> Self {
        Self::Known(error.to_string())
    }
}

impl SyncError {
    /// What breaks a rule of the provider's answers.
    pub fn unexpected(what: impl Into<String>) -> Self {
        Self::Unexpected(what.into())
    }

    /// The same with what was asked for, where the error does not say so itself.
    #[must_use]
    pub fn at(self, what: &str) -> Self {
        match self {
            Self::Outbound(_) | Self::Status { .. } => {
                Self::At { what: what.to_owned(), error: Box::new(self) }
            }
            other => other,
        }
    }

    /// The same with the provider's own words beside the status.
    #[must_use]
    pub fn with_words(self, words: impl FnOnce(&Value) -> Option<String>) -> Self {
        match self {
            Self::Status { status, body, detail } => {
                let told = serde_json::from_slice(&body.0).ok().and_then(|value| words(&value));
                Self::Status { status, body: ErrorBody::default(), detail: told.or(detail) }
            }
            other => other,
        }
    }
}
