//! Quarantined deliveries mapped again, after a mapping or a configuration was mended (R3).

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::facts::control::{ControlFact, DeliveryQuarantined, QuarantineResolved};
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, Position, Provider, TenantId};
use domain::members::{Instant, Text};
use domain::record::Private;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::IngestError;

use super::answer::Outcome;
use super::error::MappingFailure;
use super::payload::text;
use super::{Ingest, quarantine};
use crate::log::{Appended, LogError};

/// What a resolved delivery became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Resolved {
    /// Where its `quarantine_resolved` stands.
    pub position: Position,
    /// The worst of its facts' outcomes when it was resolved.
    pub outcome: String,
    /// Whose its facts are.
    pub tenant: Option<String>,
    /// Their positions.
    pub facts: Vec<Position>,
}

/// What became of a retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retried {
    /// It has a meaning now, or had one before.
    Resolved(Resolved),
    /// It cannot be mapped, still.
    Still(MappingFailure),
    /// Its endpoint or provider is no longer configured.
    EndpointGone,
    /// Its payload was erased.
    Erased,
    /// The tenant has no quarantined delivery there.
    Unknown,
}

impl Retried {
    /// Why it is quarantined still: in a word, and which field and how. None of one that is resolved, or not there.
    pub fn in_vain(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Resolved(_) | Self::Unknown => None,
            Self::Still(failure) => Some((failure.reason.as_str(), failure.detail.clone())),
            Self::EndpointGone => Some(("unknown_endpoint", "its endpoint is no longer configured".into())),
            Self::Erased => Some(("erased", "its payload was erased".into())),
        }
    }
}

impl Ingest {
    /// Maps the delivery again that the `delivery_quarantined` at `position` of `tenant` keeps, by today's mapping
    /// and directory, with the time it came. Success stands in the log; what was resolved before is answered from
    /// there. Asks the index, which may wait for sled.
    ///
    /// # Errors
    /// The log's.
    pub async fn retry(
        &self,
        tenant: &TenantId,
        position: Position,
        by: Option<Text>,
    ) -> Result<Retried, IngestError> {
        let Some(record) = self.log.read(position)? else { return Ok(Retried::Unknown) };
        let view = record.view().map_err(|error| LogError::Record { position, error })?;
        let header = &view.header;
        if header.tenant != tenant.as_str() || header.kind.group != ControlFact::GROUP {
            return Ok(Retried::Unknown);
        }
        let fact = Fact::decode(header.kind, header.version, view.public, view.personal());
        let fact = fact.map_err(|error| IngestError::Unreadable { position, why: error.to_string() })?;
        let Fact::Control(ControlFact::Quarantined(kept)) = fact else { return Ok(Retried::Unknown) };
        let key = resolution_key(&kept);
        let hash = self.secret.key_hash(tenant.as_str(), Provider::ENGINE, &key.to_string());
        if let Some((resolved, _)) = self.log.find(&hash)? {
            return self.resolved_at(resolved).map(Retried::Resolved);
        }
        let Private::Kept { .. } = view.private else { return Ok(Retried::Erased) };
        let original = self.log.original(&view)?;
        let received_at = Instant(header.occurred_at);
        self.retry_kept(tenant, position, (&kept, original, received_at), &key, by).await
    }

    async fn retry_kept(
        &self,
        tenant: &TenantId,
        position: Position,
        (kept, original, received_at): (&DeliveryQuarantined, Bytes, Instant),
        key: &EngineKey,
        by: Option<Text>,
    ) -> Result<Retried, IngestError> {
        let (directory, registry) = (self.directory(), self.registry());
        let (Some(provider), Some(endpoint)) = (
            registry.provider(kept.provider.as_str()),
            directory.referenced(&self.secret, tenant, (kept.provider.as_str(), kept.endpoint.as_str())),
        ) else {
            return Ok(Retried::EndpointGone);
        };
        let delivery = quarantine::delivery(kept, endpoint, original, received_at);
        let (accepted, failure) = self.map_and_record(provider, &delivery, endpoint, &directory).await?;
        if let Some(failure) = failure {
            return Ok(Retried::Still(failure));
        }
        let engine = |what: &str| IngestError::Engine(format!("resolution: {what} is blank"));
        let body = QuarantineResolved {
            quarantine_id: kept.quarantine_id.clone(),
            quarantined_position: position,
            outcome: text(outcome_word(accepted.outcome)).ok_or_else(|| engine("outcome"))?,
            tenant: accepted.tenant.as_ref().and_then(|tenant| text(tenant.as_str())),
            facts: accepted.facts.iter().map(|fact| fact.position).collect(),
            by,
        };
        let fact = Fact::Control(ControlFact::QuarantineResolved(body));
        let envelope = Envelope::by_engine(tenant.clone(), key, self.now(), fact)?;
        match self.append(&[envelope], &Bytes::new())?.await?.first() {
            // Of two retries at once the log keeps one, and both answer with it.
            Some(Appended::Recorded(at) | Appended::Duplicate(at) | Appended::Differs(at)) => {
                self.resolved_at(*at).map(Retried::Resolved)
            }
            None => Err(IngestError::Engine("the log gave no answer".into())),
        }
    }

    fn resolved_at(&self, position: Position) -> Result<Resolved, IngestError> {
        match self.fact_at(position)? {
            Some(Fact::Control(ControlFact::QuarantineResolved(body))) => Ok(Resolved {
                position,
                outcome: body.outcome.to_string(),
                tenant: body.tenant.map(|tenant| tenant.to_string()),
                facts: body.facts,
            }),
            Some(_) | None => {
                let why = "it has a resolution's key and is none".into();
                Err(IngestError::Unreadable { position, why })
            }
        }
    }
}

fn resolution_key(kept: &DeliveryQuarantined) -> EngineKey {
    EngineKey::QuarantineResolved { delivery: KeyPart::new(kept.quarantine_id.as_str()) }
}

fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ignored => "ignored",
        Outcome::Duplicate => "duplicate",
        Outcome::Recorded => "recorded",
        Outcome::Quarantined => "quarantined",
        Outcome::Conflict => "conflict",
    }
}
