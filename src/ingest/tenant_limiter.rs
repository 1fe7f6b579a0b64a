//! Fairness between tenants: a bounded number of one tenant's facts is in flight to the log at once, and the rest wait
//! first come, first served, so that one tenant's flood does not delay another's facts (G19).

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::keys::TenantId;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::IngestError;

/// In-flight facts per tenant: enough to keep the log busy, few enough to wait behind.
const FACTS_MAX: u32 = 128;

/// The tenants' limiter. It holds one entry for every tenant that is known.
#[derive(Default)]
pub(super) struct TenantLimiter(Mutex<BTreeMap<TenantId, Arc<Semaphore>>>);

impl TenantLimiter {
    /// Reserves slots of the tenant's 128 in-flight facts; dropping the permit frees them. A request for more than all
    /// slots reserves all.
    pub(super) async fn acquire(
        &self,
        tenant: &TenantId,
        facts: usize,
    ) -> Result<OwnedSemaphorePermit, IngestError> {
        let slots = {
            let mut tenants = self.0.lock();
            match tenants.get(tenant) {
                Some(slots) => Arc::clone(slots),
                None => {
                    let slots = Arc::new(Semaphore::new(FACTS_MAX as usize));
                    Arc::clone(tenants.entry(tenant.clone()).or_insert(slots))
                }
            }
        };
        let facts = u32::try_from(facts).unwrap_or(FACTS_MAX).min(FACTS_MAX);
        slots.acquire_many_owned(facts).await.map_err(|error| IngestError::Engine(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn g19_a_tenant_waits_for_its_own_facts_and_for_nobody_elses() {
        let limiter = TenantLimiter::default();
        let [loud, quiet] = ["loud", "quiet"].map(|id| TenantId::new(id).expect("an id"));
        let first = limiter.acquire(&loud, FACTS_MAX as usize * 9).await.expect("a permit");
        let waits =
            async |tenant| timeout(Duration::from_millis(20), limiter.acquire(tenant, 1)).await.is_err();
        assert!(waits(&loud).await && !waits(&quiet).await);
        drop(first);
        assert!(!waits(&loud).await);
    }
}
