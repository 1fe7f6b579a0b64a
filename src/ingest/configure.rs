//! A tenant's configuration stands in the log: recorded where it differs from the one before (R5).

use std::time::Duration;

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::facts::tenant::{TenantClosed, TenantFact};
use domain::keys::engine::EngineKey;
use domain::keys::{Position, TenantId};
use domain::members::Text;
use serde_json::Value;

use super::Ingest;
use super::error::IngestError;
use crate::follow::Fold;
use crate::log::Appended;

/// A configuration decided on an old state is decided again; nobody changes it this often meanwhile.
const TRIES: usize = 8;
/// How long a change waits for the directory to fold it.
const PATIENCE: Duration = Duration::from_secs(5);

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
        self.wait_for_tenants()?;
        let stands = self.tenants.state().tenant(tenant).filter(|stands| stands.latest == latest);
        Ok(stands.is_some_and(|stands| Fact::Tenant(stands.fact) == *fact))
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
                    return self.wait_for_tenants();
                }
                Appended::Duplicate(_) => return self.wait_for_tenants(),
                Appended::Differs(position) => latest = position,
            }
        }
        Err(of_tenant(tenant, "concurrent changes conflicted repeatedly; try again"))
    }

    /// Records that the file no longer has a tenant, decided when `latest` was the last of it. Blocks.
    ///
    /// # Errors
    /// The log's.
    pub fn close_tenant(&self, tenant: &TenantId, latest: Position) -> Result<(), IngestError> {
        let reason = Text::new("gone from the configuration");
        let fact = Fact::Tenant(TenantFact::Closed(TenantClosed { reason }));
        self.append_of_tenant(tenant, latest, fact)?;
        tracing::info!(%tenant, "tenant closed");
        self.wait_for_tenants()
    }

    /// Waits until the directory has folded the log's head as it is now. Blocks.
    ///
    /// # Errors
    /// [`IngestError::NotFolded`] after 5 s.
    pub fn wait_for_tenants(&self) -> Result<(), IngestError> {
        let head = self.log.head().position;
        if self.tenants.wait(head, PATIENCE) { Ok(()) } else { Err(IngestError::NotFolded(head)) }
    }

    /// As [`Ingest::wait_for_tenants`], for async callers.
    ///
    /// # Errors
    /// As of [`Ingest::wait_for_tenants`].
    pub async fn tenants_folded(&self) -> Result<(), IngestError> {
        let head = self.log.head().position;
        let is_folded = self.tenants.checkpoint().reached(head, PATIENCE).await;
        if is_folded { Ok(()) } else { Err(IngestError::NotFolded(head)) }
    }

    /// Appends what follows the fact at `latest` among a tenant's configurations; its key holds that position.
    fn append_of_tenant(
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
