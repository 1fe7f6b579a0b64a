//! Envelopes into the log: each becomes a draft with a fresh salt, and all of them are appended at once.

use std::time::Duration;

use bytes::Bytes;
use domain::codec::CodecError;
use domain::envelope::Envelope;
use domain::keys::LogSecret;
use domain::record::Draft;

use super::error::IngestError;
use super::{Ingest, salts};
use crate::follow::Fold;
use crate::log::PendingAll;

/// How long a batch that configures tenants waits for the directory to fold it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Makes drafts of envelopes, each with a salt of its own.
pub(super) struct Drafter<'i> {
    secret: &'i LogSecret,
}

impl Drafter<'_> {
    /// The draft of `envelope` with `original`, the payload as it came.
    ///
    /// # Errors
    /// [`IngestError::Random`]; inside, [`CodecError`] when the fact does not fit a record.
    pub fn draft(
        &self,
        envelope: &Envelope,
        original: &Bytes,
    ) -> Result<Result<Draft, CodecError>, IngestError> {
        let salt = salts::draw()?;
        Ok(envelope.draft(self.secret, salt, original))
    }
}

impl Ingest {
    /// Makes drafts of envelopes.
    pub(super) fn drafter(&self) -> Drafter<'_> {
        Drafter { secret: &self.secret }
    }

    /// Appends facts that the engine itself makes, each with `original`. Await the answers or wait for them, one per
    /// fact, in order; what a known key means is for the caller to say.
    ///
    /// # Errors
    /// [`IngestError::Engine`] when a fact does not fit a record; else the log's, at once or while waiting.
    pub fn append(&self, facts: &[Envelope], original: &Bytes) -> Result<PendingAll, IngestError> {
        let drafter = self.drafter();
        let drafts = facts.iter().map(|fact| Ok(drafter.draft(fact, original)??));
        let drafts = drafts.collect::<Result<Vec<_>, IngestError>>()?;
        Ok(self.log.append_all(drafts)?)
    }

    /// Waits until the directory has folded the log's head as it is now.
    ///
    /// # Errors
    /// [`IngestError::NotFolded`] after 5 s.
    pub(super) async fn tenants_folded(&self) -> Result<(), IngestError> {
        let head = self.log.head().position;
        let is_folded = self.tenants.checkpoint().reached(head, PATIENCE).await;
        if is_folded { Ok(()) } else { Err(IngestError::NotFolded(head)) }
    }
}
