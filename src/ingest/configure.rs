//! A tenant's configuration stands in the log: recorded where it differs from the one before (R5).

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::keys::engine::EngineKey;
use domain::keys::{Position, TenantId};
use serde_json::Value;

use super::Ingest;
use super::error::IngestError;
use crate::log::Appended;

/// A configuration decided on an old state is decided again; nobody changes it this often meanwhile.
const TRIES: usize = 8;

impl Ingest {
    /// Whether the configuration at `latest` says what `body`, a `tenant_configured`, says; 0: there is none yet.
    ///
    /// # Errors
    /// The log's, or [`IngestError::Engine`] when `body` is no such body.
    pub fn is_configured(
        &self,
        tenant: &TenantId,
        body: &Value,
        latest: Position,
    ) -> Result<bool, IngestError> {
        self.says(tenant, latest, &configured(tenant, body)?)
    }

    /// What is said at `latest`, which may be what an accepted conflict put there.
    fn says(&self, tenant: &TenantId, latest: Position, fact: &Fact) -> Result<bool, IngestError> {
        let standings = self.standings()?;
        let stands = standings.get(tenant).filter(|standing| standing.latest == latest);
        Ok(stands.is_some_and(|standing| Fact::Tenant(standing.fact.clone()) == *fact))
    }

    /// Records `body`, a `tenant_configured`, unless it says what the configuration at `latest` says; 0: none
    /// there yet. Its key holds the position of the one before, so A → B → A is three facts. Blocks.
    ///
    /// # Errors
    /// The log's, or [`IngestError::Engine`] when `body` is no such body.
    pub fn configure(&self, tenant: &TenantId, body: &Value, latest: Position) -> Result<(), IngestError> {
        let fact = configured(tenant, body)?;
        let mut latest = latest;
        for _ in 0..TRIES {
            if self.says(tenant, latest, &fact)? {
                return Ok(());
            }
            match self.append_of_tenant(tenant, latest, fact.clone())? {
                Appended::Recorded(position) => {
                    tracing::info!(%tenant, position, "tenant configured");
                    return Ok(());
                }
                Appended::Duplicate(_) => return Ok(()),
                Appended::Differs(position) => latest = position,
            }
        }
        Err(of_tenant(tenant, "it was changed again and again meanwhile"))
    }

    /// Appends what follows the fact at `latest` among a tenant's configurations; its key holds that position.
    pub(super) fn append_of_tenant(
        &self,
        tenant: &TenantId,
        latest: Position,
        fact: Fact,
    ) -> Result<Appended, IngestError> {
        let key = EngineKey::Tenant { latest };
        let envelope = Envelope::by_engine(tenant.clone(), &key, self.now(), fact)?;
        let appended = self.append(&[envelope], &Bytes::new())?.wait()?;
        appended.first().copied().ok_or_else(|| of_tenant(tenant, "the log gave no answer"))
    }
}

fn of_tenant(tenant: &TenantId, why: &str) -> IngestError {
    IngestError::Engine(format!("configuration of {tenant}: {why}"))
}

fn configured(tenant: &TenantId, body: &Value) -> Result<Fact, IngestError> {
    match Fact::from_json("tenant_configured", body.clone(), "") {
        Some(Ok(fact)) => Ok(fact),
        Some(Err(faults)) => {
            Err(of_tenant(tenant, &faults.first().map_or_else(String::new, ToString::to_string)))
        }
        None => Err(of_tenant(tenant, "unknown kind")),
    }
}
