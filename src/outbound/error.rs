//! Why a call was not made, or has no answer.

/// Why a call was not made, or has no answer. Never names the URL, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// Not a URL that may be called.
    #[error("the URL {0}")]
    Url(&'static str),
    /// A header or body that HTTP cannot carry.
    #[error("the request cannot be sent: {0}")]
    Request(String),
    /// The name has no address.
    #[error("the host's name cannot be resolved")]
    Unresolved,
    /// The address is none of the public internet.
    #[error("the host's address is not public")]
    Address,
    /// No connection was made, so nothing of the request was sent.
    #[error("no connection: {0}")]
    NotConnected(String),
    /// The answer was not complete in time. The request may have had its effect.
    #[error("no answer in time")]
    TimedOut,
    /// The connection broke before the answer was complete. The request may have had its effect.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The answer's body is longer than this many bytes. The request had its effect.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

impl OutboundError {
    /// Whether nothing of the request was sent, so that sending it again repeats nothing.
    pub fn is_unsent(&self) -> bool {
        match self {
            Self::Url(_) | Self::Request(_) | Self::Unresolved | Self::Address | Self::NotConnected(_) => {
                true
            }
            Self::TimedOut | Self::Broken(_) | Self::TooLong(_) => false,
        }
    }
}

impl From<reqwest::Error> for OutboundError {
    fn from(error: reqwest::Error) -> Self {
        let (is_builder, is_connect, is_timeout) =
            (error.is_builder(), error.is_connect(), error.is_timeout());
        let error = error.without_url();
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            text = inner.to_string();
            source = inner.source();
        }
        match (is_builder, is_connect, is_timeout) {
            (true, _, _) => Self::Request(text),
            // Also where connecting took too long.
            (false, true, _) => Self::NotConnected(text),
            (false, false, true) => Self::TimedOut,
            (false, false, false) => Self::Broken(text),
        }
    }
}
