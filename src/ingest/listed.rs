//! What sources answered when they were asked, on its way to facts; rows of providers' lists of calls among it.

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::keys::{Position, TenantId};
use domain::members::Instant;
use serde_json::Value;

use super::Ingest;
use super::answer::FactAnswer;
use super::differing::Comparison;
use super::error::{IngestError, MappingFailure, Reason};
use super::post::AHEAD_MAX;
use super::providers::emailbison::listed::{ReplyList, listed_reply};
use super::providers::listed::{ListContext, ListedReport, ListedRow};
use super::providers::map_row;

impl Ingest {
    /// Maps a row of the list of calls that the account of `tenant` has at `provider`.
    ///
    /// # Errors
    /// The row cannot be read; the provider has no list.
    pub fn map_listed(
        &self,
        provider: &str,
        tenant: &TenantId,
        row: &Value,
    ) -> Result<ListedRow, MappingFailure> {
        let directory = self.directory();
        let mapped = map_row(provider, row, ListContext { tenant, directory: &directory });
        mapped.unwrap_or_else(|| Err(MappingFailure::new(Reason::UnknownEventType, "no list of calls")))
    }

    /// The facts of what a row says anew, see [`ListedReport::facts`].
    ///
    /// # Errors
    /// Its id makes no key, or it lies in the future.
    pub fn listed_facts(
        &self,
        tenant: &TenantId,
        listed: ListedReport,
        last: (Position, bool),
        observed_at: Instant,
    ) -> Result<Vec<Envelope>, MappingFailure> {
        let facts = listed.facts(&self.secret, tenant, last, observed_at)?;
        match facts.iter().find(|fact| fact.occurred_at.0 > observed_at.0 + AHEAD_MAX) {
            None => Ok(facts),
            Some(ahead) => Err(MappingFailure::new(Reason::FutureOccurredAt, ahead.occurred_at.to_string())),
        }
    }

    /// Maps a row of Email Bison's list of replies, see [`listed_reply`].
    ///
    /// # Errors
    /// The row cannot be read.
    pub fn listed_reply(&self, list: &ReplyList, row: &Value) -> Result<Option<Envelope>, MappingFailure> {
        listed_reply(row, list, &self.secret)
    }

    /// Where the log has a fact under the key of this one. Looks the key up, which may wait for the disk.
    ///
    /// # Errors
    /// The log's.
    pub fn position_of(&self, fact: &Envelope) -> Result<Option<Position>, IngestError> {
        let (provider, external_id) = (fact.provider.as_str(), fact.external_id.as_str());
        let key = self.secret.key_hash(fact.tenant.as_str(), provider, external_id);
        Ok(self.log.find(&key)?.map(|(position, _)| position))
    }

    /// Whether the fact at `position` was read from a list of calls, by its key.
    ///
    /// # Errors
    /// The log's.
    pub fn is_listed_call(&self, position: Position) -> Result<bool, IngestError> {
        let fact = self.log.fact(position)?;
        Ok(fact.is_some_and(|fact| ListedReport::is_key(fact.external_id.as_str())))
    }

    /// Whether the fact at `position` was read from a list of replies: its original is a row, and no event.
    ///
    /// # Errors
    /// The log's.
    pub fn is_listed_reply(&self, position: Position) -> Result<bool, IngestError> {
        let Some(fact) = self.log.fact(position)? else { return Ok(false) };
        let original = self.log.original_of(&fact)?.unwrap_or_default();
        let row = domain::json::parse_as_written(&original);
        Ok(row.is_ok_and(|row| row.is_object() && row.get("event").is_none()))
    }

    /// Records facts that a source answered when it was asked, as if it had delivered them: a known key with the same
    /// content is a duplicate; with other content it completes the first where the provider's rules say so, else it is a
    /// conflict. `original` is what they were read from. Answers each, in order.
    ///
    /// # Errors
    /// [`IngestError::Engine`] when a fact does not fit a record; else the log's.
    pub async fn pull(&self, facts: Vec<Envelope>, original: &Bytes) -> Result<Vec<FactAnswer>, IngestError> {
        let drafter = self.drafter();
        let drafts = facts.iter().map(|fact| Ok(drafter.draft(fact, original)??));
        let drafts = drafts.collect::<Result<Vec<_>, IngestError>>()?;
        let registry = self.registry();
        let adapter = facts.first().and_then(|fact| registry.provider(fact.provider.as_str()));
        let completes = |first: &Fact, second: &Fact| adapter.is_some_and(|of| of.completes(first, second));
        // What a list answers is no delivery: no mapping of deliveries reads it.
        let comparison = Comparison { remap: &|_| Vec::new(), completes: &completes };
        self.record(facts, drafts, original, comparison).await
    }
}
