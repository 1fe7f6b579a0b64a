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
use crate::views::TenantView;

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

/// Most deliveries of one bulk retry.
const BULK_MAX: usize = 500;

/// What a bulk retry did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkRetry {
    /// What became of each delivery, in their order.
    pub results: Vec<Result<Resolution, RetryRejection>>,
    /// Position of the last of them.
    pub last_position: Option<Position>,
    /// Whether further open deliveries are left behind it.
    pub more: bool,
}

/// A delivery as a retry meets it.
enum RetryState {
    Resolved(Resolution),
    /// Its facts are recorded; that it is resolved is not.
    Mapped(Accepted),
}

impl<V> Commands<V> {
    /// Retries one delivery after the other. One that stays in quarantine is no error: the others are mapped all the
    /// same.
    ///
    /// # Errors
    /// None of [`RetryRejection`].
    pub async fn retry_deliveries(
        &self,
        deliveries: &[(TenantId, Position)],
        by: Option<Text>,
    ) -> Result<Vec<Result<Resolution, RetryRejection>>, CommandError<RetryRejection>> {
        let mut results = Vec::with_capacity(deliveries.len());
        for (tenant, position) in deliveries {
            results.push(match self.retry_delivery(tenant, *position, by.clone()).await {
                Ok(receipt) => Ok(receipt.answer),
                Err(CommandError::Rejected(rejection)) => Err(rejection),
                Err(error) => return Err(error),
            });
        }
        Ok(results)
    }

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

impl Commands {
    /// As [`Commands::retry_delivery`], of the delivery of this id; also of one without a tenant.
    ///
    /// # Errors
    /// [`RetryRejection`].
    pub async fn retry_quarantined(
        &self,
        tenant: &TenantId,
        quarantine_id: &str,
        by: Option<Text>,
    ) -> Result<Receipt<Resolution>, CommandError<RetryRejection>> {
        let view = self.folded_or_unassigned(tenant).await?;
        let item = view.and_then(|view| view.with(|tenant, _| tenant.quarantine.rows.get(quarantine_id)));
        let item = item.ok_or(CommandError::Rejected(RetryRejection::NotFound))?;
        self.retry_delivery(tenant, item.fact_position, by).await
    }

    /// Retries the open deliveries behind position `after`, oldest first, at most 500; of one reason or of all.
    ///
    /// # Errors
    /// None of [`RetryRejection`].
    pub async fn retry_open(
        &self,
        tenant: &TenantId,
        reason: Option<&str>,
        after: Position,
        by: Option<Text>,
    ) -> Result<BulkRetry, CommandError<RetryRejection>> {
        let view = self.folded_or_unassigned(tenant).await?;
        let open = |view: TenantView| {
            view.with(|tenant, _| tenant.quarantine.rows.open_positions(reason, after, BULK_MAX + 1))
        };
        let mut open = view.map(open).unwrap_or_default();
        let more = open.len() > BULK_MAX;
        open.truncate(BULK_MAX);
        let last_position = open.last().copied();
        let deliveries: Vec<_> = open.into_iter().map(|position| (tenant.clone(), position)).collect();
        let results = self.retry_deliveries(&deliveries, by).await?;
        Ok(BulkRetry { results, last_position, more })
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
