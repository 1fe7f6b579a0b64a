//! Quarantined deliveries that are mapped again: success is a fact, once per delivery (R3).

use bytes::Bytes;
use domain::facts::Fact;
use domain::facts::control::{ControlFact, QuarantineResolved};
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, Position, TenantId};
use domain::members::Text;
use domain::rules::decision::{Decision, NewFact};
use serde::Serialize;
use utoipa::ToSchema;

use super::decide::Attempt;
use super::{CommandError, Commands, Receipt, blocking};
use crate::ingest::Ingest;
use crate::ingest::answer::Accepted;
use crate::ingest::error::IngestError;
use crate::ingest::remap::RemapError;

/// What a quarantined delivery became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Resolved)]
pub struct Resolution {
    /// Where its `quarantine_resolved` stands.
    pub position: Position,
    /// The worst of its facts' outcomes when it was resolved.
    pub outcome: String,
    /// Whose its facts are.
    pub tenant: Option<String>,
    /// Their positions.
    pub facts: Vec<Position>,
}

/// Why a delivery is not resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetryRejection {
    /// The tenant has no quarantined delivery at this position.
    NotFound,
    /// It stays in quarantine.
    StillQuarantined(RemapError),
}

/// A delivery as a retry meets it.
enum RetryState {
    Resolved(Resolution),
    /// Its facts are recorded; that it is resolved is not.
    Mapped(Accepted),
}

impl<V> Commands<V> {
    /// Maps the delivery again that the `delivery_quarantined` at `position` keeps, and records that it is resolved.
    /// One that was resolved before is answered from the log.
    ///
    /// # Errors
    /// [`RetryRejection`].
    pub async fn retry_delivery(
        &self,
        tenant: &TenantId,
        position: Position,
        by: Option<Text>,
    ) -> Result<Receipt<Resolution>, CommandError<RetryRejection>> {
        let (ingest, owner) = (self.ingest.clone(), tenant.clone());
        let quarantined = blocking(move || ingest.quarantined(&owner, position)).await?;
        let quarantined = &quarantined.ok_or(CommandError::Rejected(RetryRejection::NotFound))?;
        let quarantine_id = &quarantined.fact.quarantine_id;
        let key = &EngineKey::QuarantineResolved { delivery: KeyPart::new(quarantine_id.as_str()) };
        let read = |_| async move {
            let (ingest, owner, key) = (self.ingest.clone(), tenant.clone(), key.clone());
            if let Some(resolution) = blocking(move || resolution(&ingest, &owner, &key)).await? {
                return Ok(RetryState::Resolved(resolution));
            }
            let still = |error| CommandError::Rejected(RetryRejection::StillQuarantined(error));
            self.ingest.remap(tenant, quarantined).await?.map(RetryState::Mapped).map_err(still)
        };
        let decide = |state: &RetryState, _: Attempt| match state {
            RetryState::Resolved(resolution) => Ok(Decision::Stands(resolution.clone())),
            RetryState::Mapped(accepted) => {
                let outcome = Text::new(accepted.outcome.as_str());
                let body = QuarantineResolved {
                    quarantine_id: quarantine_id.clone(),
                    quarantined_position: position,
                    outcome: outcome.ok_or_else(|| IngestError::Engine("an outcome is blank".into()))?,
                    tenant: accepted.tenant.as_ref().and_then(|tenant| Text::new(tenant.as_str())),
                    facts: accepted.facts.iter().map(|fact| fact.position).collect(),
                    by: by.clone(),
                };
                let fact = Fact::Control(ControlFact::QuarantineResolved(body));
                Ok(Decision::Append(NewFact { key: key.clone(), occurred_at: None, fact }))
            }
        };
        self.decide_on(tenant, &Bytes::new(), read, decide).await
    }
}

fn resolution(
    ingest: &Ingest,
    tenant: &TenantId,
    key: &EngineKey,
) -> Result<Option<Resolution>, IngestError> {
    let Some(stored) = ingest.by_key(tenant, key)? else { return Ok(None) };
    let position = stored.position;
    let Fact::Control(ControlFact::QuarantineResolved(body)) = stored.fact else {
        let why = "it has the key of a resolution and is none".into();
        return Err(IngestError::Unreadable { position, why });
    };
    Ok(Some(Resolution {
        position,
        outcome: body.outcome.to_string(),
        tenant: body.tenant.map(|tenant| tenant.to_string()),
        facts: body.facts,
    }))
}
