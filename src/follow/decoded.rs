//! A decoded fact with what orders it.

use domain::facts::Fact;
use domain::keys::{ContentDigest, Position};
use domain::members::Instant;
use domain::record::RecordRef;
use projections::Recorded;

use super::FoldError;

/// A decoded fact with the members of its header that folds order by.
#[derive(Debug)]
pub struct Decoded {
    /// Its place in the log.
    pub position: Position,
    /// Where its content stands: elsewhere if an accepted conflict replaced it.
    pub content_at: Position,
    /// When the log recorded it.
    pub recorded_at: Instant,
    /// When it happened.
    pub occurred_at: Instant,
    /// Keyed digest of its content.
    pub content: ContentDigest,
    /// The fact.
    pub fact: Fact,
}

impl Decoded {
    /// Decodes the body of the record at `position`.
    ///
    /// # Errors
    /// [`FoldError::Fact`]: the body is damaged or of a newer release.
    pub fn of(position: Position, record: &RecordRef<'_>) -> Result<Self, FoldError> {
        let header = &record.header;
        let fact = Fact::decode(header.kind, header.version, record.public, record.personal())
            .map_err(|error| FoldError::Fact { position, error })?;
        Ok(Self {
            position,
            content_at: position,
            recorded_at: Instant(header.recorded_at),
            occurred_at: Instant(header.occurred_at),
            content: header.content,
            fact,
        })
    }

    /// As projections take it.
    pub fn recorded(&self) -> Recorded<'_> {
        Recorded {
            position: self.position,
            content_at: self.content_at,
            recorded_at: self.recorded_at,
            occurred_at: self.occurred_at,
            content: self.content,
            fact: &self.fact,
        }
    }
}
