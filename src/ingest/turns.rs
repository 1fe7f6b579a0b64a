//! Turns by tenant: so many facts of one tenant are on their way to the log at once, and more wait, first come first
//! served, so that what another tenant brings is never behind a flood (G19).

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::keys::TenantId;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::IngestError;

/// Facts of one tenant on their way: enough to keep the log busy, few enough to wait behind.
const FACTS_MAX: u32 = 128;

/// The tenants' turns. It holds one entry for every tenant that is known.
#[derive(Default)]
pub(super) struct Turns(Mutex<BTreeMap<TenantId, Arc<Semaphore>>>);

impl Turns {
    /// Waits until `facts` of the tenant may be on their way; they are until the answer is dropped. More than may be
    /// at once are as many as may.
    pub(super) async fn take(
        &self,
        tenant: &TenantId,
        facts: usize,
    ) -> Result<OwnedSemaphorePermit, IngestError> {
        let turns = {
            let mut tenants = self.0.lock();
            match tenants.get(tenant) {
                Some(turns) => Arc::clone(turns),
                None => {
                    let turns = Arc::new(Semaphore::new(FACTS_MAX as usize));
                    Arc::clone(tenants.entry(tenant.clone()).or_insert(turns))
                }
            }
        };
        let facts = u32::try_from(facts).unwrap_or(FACTS_MAX).min(FACTS_MAX);
        turns.acquire_many_owned(facts).await.map_err(|error| IngestError::Engine(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn g19_a_tenant_waits_for_its_own_facts_and_for_nobody_elses() {
        let turns = Turns::default();
        let [loud, quiet] = ["loud", "quiet"].map(|id| TenantId::new(id).expect("an id"));
        let first = turns.take(&loud, FACTS_MAX as usize * 9).await.expect("a turn");
        let waits = async |tenant| timeout(Duration::from_millis(20), turns.take(tenant, 1)).await.is_err();
        assert!(waits(&loud).await && !waits(&quiet).await);
        drop(first);
        assert!(!waits(&loud).await);
    }
}
