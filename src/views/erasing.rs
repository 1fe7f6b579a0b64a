//! Erasures: a tenant's models are folded anew from the log that has forgotten.

use domain::keys::TenantId;

use super::{FoldError, Views, rebuild};
use crate::log::LogError;

/// Why a tenant's models were not folded anew.
#[derive(Debug, thiserror::Error)]
pub enum ForgettingError {
    /// The log did not forget.
    #[error(transparent)]
    Log(#[from] LogError),
    /// It did, and could not be folded.
    #[error(transparent)]
    Fold(#[from] FoldError),
}

impl Views {
    /// Has the log forget by `erase`, then folds the tenant anew and lets go of its past states. Until then the models are
    /// not compared with the log. Readers go on with the old models meanwhile. Blocks.
    ///
    /// # Errors
    /// Those of `erase`, or of the fold.
    pub fn forget(
        &self,
        tenant: &TenantId,
        erase: impl FnOnce() -> Result<(), LogError>,
    ) -> Result<(), ForgettingError> {
        let inner = &self.inner;
        let _not_compared = inner.erasing.lock();
        // What was built beside the models knows what is to be forgotten.
        inner.rebuilds.forget();
        erase()?;
        let slot = inner.tenants.read().get(tenant.as_str()).cloned();
        if let Some(slot) = slot {
            let _folding = inner.folding.lock();
            let up_to = slot.read().position;
            let state = rebuild::refold(&inner.log.snapshot(), tenant.as_str(), up_to, None, inner.threads)?;
            *slot.write() = state;
        }
        inner.rebuilds.forget();
        inner.kept.forget(tenant);
        inner.digests.forget(tenant);
        Ok(())
    }
}
