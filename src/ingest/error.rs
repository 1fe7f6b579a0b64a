//! Errors of the room: of the log, of a delivery, of its signature and of its mapping.

use domain::codec::CodecError;
use domain::keys::{NameError, Position};

use super::content_coding::ContentCodingError;
use crate::log::LogError;

/// The log could not be read or written. Nothing was acknowledged, and trying again is harmless.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IngestError {
    /// The log's own error.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The operating system gave no random bytes for a salt.
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    /// This release cannot read a stored fact.
    #[error("the fact at position {position} cannot be read: {why}")]
    Unreadable {
        /// Position of the fact.
        position: Position,
        /// What is wrong with it.
        why: String,
    },
    /// The fact is recorded at this position and not folded in time.
    #[error("the read models have not reached position {0} yet; try again")]
    NotFolded(Position),
    /// A fact that the engine itself makes does not fit a record.
    #[error("the engine cannot record its own fact: {0}")]
    Engine(String),
}

impl From<CodecError> for IngestError {
    fn from(error: CodecError) -> Self {
        Self::Engine(error.to_string())
    }
}

impl From<NameError> for IngestError {
    fn from(error: NameError) -> Self {
        Self::Engine(error.to_string())
    }
}

/// A delivery was not accepted. It leaves no fact: requests that are not authentic are only counted (R3).
#[derive(Debug, Clone, thiserror::Error)]
pub enum DeliveryError {
    /// 404.
    #[error("unknown provider or endpoint")]
    UnknownEndpoint,
    /// 405: the provider delivers by another method.
    #[error("this provider's webhooks do not use this HTTP method")]
    Method,
    /// 401.
    #[error(transparent)]
    Unauthentic(#[from] SignatureError),
    /// 413: longer than [`super::DELIVERY_BYTES_MAX`].
    #[error("the delivery is too large")]
    TooLarge,
    /// 503: the provider should deliver it again.
    #[error(transparent)]
    Failed(#[from] IngestError),
}

/// A delivery is not authentic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header that carries the signature is missing.
    #[error("the signature is missing")]
    Missing,
    /// No secret of the endpoint made this signature over this request.
    #[error("the signature does not match")]
    Mismatch,
    /// The signature does not cover the body.
    #[error("the body is not signed")]
    BodyUnsigned,
    /// The signed time is outside the scheme's window: the request may be a replay.
    #[error("the signature's time is too far from now")]
    Stale,
}

/// An authentic delivery could not be mapped to facts; it goes to quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingFailure {
    /// The reason that operators filter and retry by.
    pub reason: Reason,
    /// Which field, and what is wrong with it. May quote the payload, so it is personal.
    pub detail: String,
}

impl MappingFailure {
    /// A reason with what was found.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

impl From<ContentCodingError> for MappingFailure {
    fn from(error: ContentCodingError) -> Self {
        let reason = match error {
            ContentCodingError::TooLarge => Reason::TooLarge,
            ContentCodingError::Unknown(_) | ContentCodingError::TooMany | ContentCodingError::Broken(_) => {
                Reason::MalformedBody
            }
        };
        Self::new(reason, error.to_string())
    }
}

/// Reasons of quarantine: words that operators filter and retry by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The body is not what its media type says.
    MalformedBody,
    /// A member that is needed is absent.
    MissingField,
    /// A member is there and cannot be read.
    MalformedField,
    /// The event is none that this release knows.
    UnknownEventType,
    /// No tenant has the number (A2).
    UnknownTrackingNumber,
    /// No tenant has the workspace.
    UnknownWorkspace,
    /// The endpoint's tenant is not configured.
    UnknownTenant,
    /// More than 24 h ahead of our clock (R6).
    FutureOccurredAt,
    /// A fact would be longer than a record may be.
    TooLarge,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::MalformedBody,
        Self::MissingField,
        Self::MalformedField,
        Self::UnknownEventType,
        Self::UnknownTrackingNumber,
        Self::UnknownWorkspace,
        Self::UnknownTenant,
        Self::FutureOccurredAt,
        Self::TooLarge,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MalformedBody => "malformed_body",
            Self::MissingField => "missing_field",
            Self::MalformedField => "malformed_field",
            Self::UnknownEventType => "unknown_event_type",
            Self::UnknownTrackingNumber => "unknown_tracking_number",
            Self::UnknownWorkspace => "unknown_workspace",
            Self::UnknownTenant => "unknown_tenant",
            Self::FutureOccurredAt => "future_occurred_at",
            Self::TooLarge => "too_large",
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::rules::quarantine::REASONS;

    use super::*;
    use crate::ingest::remap::RemapError;

    #[test]
    fn every_reason_has_a_remedy_and_a_row_in_the_docs() {
        let retried = [RemapError::EndpointGone, RemapError::Erased];
        let mut words: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        words.extend(retried.iter().map(|error| error.reason().0));
        assert_eq!(words, REASONS.iter().map(|(reason, _)| *reason).collect::<Vec<_>>());
        let docs = include_str!("../../docs/operations.md");
        for (reason, remedy) in REASONS {
            let row = format!("| `{reason}` | {remedy} |");
            assert!(docs.contains(&row), "docs/operations.md should have\n{row}");
        }
    }
}
