//! Quarantined deliveries mapped again, after a mapping or a configuration was mended (R3).

use bytes::Bytes;
use domain::facts::Fact;
use domain::facts::control::{ControlFact, DeliveryQuarantined};
use domain::keys::{Position, TenantId};
use domain::members::Instant;

use super::answer::Accepted;
use super::error::{IngestError, MappingFailure};
use super::{Ingest, content_coding, quarantine};

/// A delivery as its `delivery_quarantined` keeps it.
#[derive(Debug, Clone)]
pub struct QuarantinedDelivery {
    /// The fact.
    pub fact: DeliveryQuarantined,
    /// The payload as it came; `None` if it was erased.
    pub original: Option<Bytes>,
    /// When it came.
    pub received_at: Instant,
}

/// Why a quarantined delivery stays in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemapError {
    /// Today's mapping cannot map it either.
    Mapping(MappingFailure),
    /// Its endpoint or provider is no longer configured.
    EndpointGone,
    /// Its payload was erased.
    Erased,
}

impl RemapError {
    /// The reason as a word, and what is wrong.
    pub fn reason(&self) -> (&'static str, &str) {
        match self {
            Self::Mapping(failure) => (failure.reason.as_str(), &failure.detail),
            Self::EndpointGone => ("unknown_endpoint", "its endpoint is no longer configured"),
            Self::Erased => ("erased", "its payload was erased"),
        }
    }
}

impl Ingest {
    /// The delivery that the `delivery_quarantined` at `position` keeps, if it is one of `tenant`.
    ///
    /// # Errors
    /// The log's.
    pub fn quarantined(
        &self,
        tenant: &TenantId,
        position: Position,
    ) -> Result<Option<QuarantinedDelivery>, IngestError> {
        let Some(stored) = self.log.fact(position)?.filter(|stored| stored.tenant == *tenant) else {
            return Ok(None);
        };
        let Fact::Control(ControlFact::Quarantined(fact)) = &stored.fact else { return Ok(None) };
        let original = self.log.original_of(&stored)?;
        Ok(Some(QuarantinedDelivery { fact: fact.clone(), original, received_at: stored.occurred_at }))
    }

    /// Maps a delivery again by today's mapping and directory, with the time it came, and records its facts.
    ///
    /// # Errors
    /// The log's.
    pub async fn remap(
        &self,
        tenant: &TenantId,
        quarantined: &QuarantinedDelivery,
    ) -> Result<Result<Accepted, RemapError>, IngestError> {
        let QuarantinedDelivery { fact, original, received_at } = quarantined;
        let Some(original) = original else { return Ok(Err(RemapError::Erased)) };
        let (directory, registry) = (self.directory(), self.registry());
        let (Some(provider), Some(endpoint)) = (
            registry.provider(fact.provider.as_str()),
            directory.referenced(&self.secret, tenant, (fact.provider.as_str(), fact.endpoint.as_str())),
        ) else {
            return Ok(Err(RemapError::EndpointGone));
        };
        let delivery = quarantine::delivery(fact, endpoint, original.clone(), *received_at);
        let delivery = match content_coding::decoded(&delivery).await {
            Ok(delivery) => delivery,
            Err(error) => return Ok(Err(RemapError::Mapping(error.into()))),
        };
        let (accepted, failure) = self.map_and_record(provider, &delivery, endpoint, &directory).await?;
        Ok(failure.map_or(Ok(accepted), |failure| Err(RemapError::Mapping(failure))))
    }
}
