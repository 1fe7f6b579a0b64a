//! The facts of one delivery under the provider's name and mapping version.

use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::facts::call::{CallFact, CallRecorded, CallReported};
use domain::keys::{ExternalId, LogSecret, NameError, Provider, TenantId};
use domain::members::Instant;

use crate::ingest::delivery::Delivery;
use crate::ingest::error::{MappingFailure, Reason};
use crate::ingest::key::KeyWriter;
use crate::ingest::provider::{MappingResult, ProviderAdapter};

/// Builds the facts of one delivery.
pub(crate) struct FactBuilder<'a> {
    pub provider: &'a dyn ProviderAdapter,
    pub delivery: &'a Delivery,
    pub tenant: TenantId,
    pub secret: &'a LogSecret,
}

impl FactBuilder<'_> {
    /// Writes the tenant's keys.
    pub fn keys(&self) -> KeyWriter<'_> {
        KeyWriter { secret: self.secret, tenant: &self.tenant }
    }

    /// A key of these parts.
    pub fn key(&self, parts: &[&str]) -> String {
        self.keys().joined(parts)
    }

    /// A fact under the provider's key; without `occurred_at` it carries the time of receipt.
    pub fn envelope(
        &self,
        external_id: &str,
        occurred_at: Option<Instant>,
        fact: Fact,
    ) -> Result<Envelope, MappingFailure> {
        let malformed = |error: NameError| MappingFailure::new(Reason::MalformedField, error.to_string());
        Ok(Envelope {
            tenant: self.tenant.clone(),
            provider: Provider::new(self.provider.name()).map_err(malformed)?,
            external_id: ExternalId::new(external_id).map_err(malformed)?,
            occurred_at: occurred_at.unwrap_or(self.delivery.received_at),
            time_received: occurred_at.is_none(),
            fact,
            mapping: self.provider.mapping_version(),
        })
    }

    /// What was reported about a call under the key of these parts, and its recording under a key beside it.
    pub fn call(
        &self,
        key: &[&str],
        occurred_at: Option<Instant>,
        reported: CallReported,
        recorded: Option<CallRecorded>,
    ) -> Result<MappingResult, MappingFailure> {
        let mut facts =
            vec![self.envelope(&self.key(key), occurred_at, Fact::Call(CallFact::Reported(reported)))?];
        if let Some(recorded) = recorded {
            let key = self.key(&[key, &["recording"]].concat());
            facts.push(self.envelope(&key, occurred_at, Fact::Call(CallFact::Recorded(recorded)))?);
        }
        Ok(MappingResult::Facts { facts, weak: false })
    }
}
