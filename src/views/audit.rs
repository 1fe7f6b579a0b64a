//! Whether what is served live is what the log gives (E6): one tenant at a time, folded anew from its lanes.

use std::time::{Duration, Instant};

use domain::keys::{Position, TenantId};
use projections::tenant::MODELS;

use super::Views;
use super::rebuild::{Scope, rebuild};
use crate::follow::FoldError;

/// So long may one fold take: a tenant that takes longer is left to `factfold audit`.
const FOLD_TIME_MAX: Duration = Duration::from_secs(20);
/// Facts of a tenant that are folded beside the live ones: more would be too much memory.
const FACTS_MAX: u64 = 2_000_000;

/// A model that is not what its facts give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestMismatch {
    /// The model.
    pub model: &'static str,
    /// The position at which both were looked at.
    pub position: Position,
}

impl Views {
    /// The tenant's models whose live digest differs from that of a new fold up to the same position. None of a
    /// tenant that has too many facts for it. Blocks, on one thread.
    ///
    /// # Errors
    /// What the log cannot read.
    pub fn audit(&self, tenant: &TenantId) -> Result<Vec<DigestMismatch>, FoldError> {
        let Some(_no_erasure) = self.inner.erasing.try_lock() else { return Ok(Vec::new()) };
        self.inner.rebuilds.expire();
        let Some(live) = self.any(tenant) else { return Ok(Vec::new()) };
        let state = live.slot().read().clone();
        // After the state, so that all its facts are there.
        let snapshot = self.inner.log.snapshot();
        let groups = snapshot.groups()?.into_iter();
        let facts: u64 = groups.filter(|((id, _), _)| &**id == tenant.as_str()).map(|(_, facts)| facts).sum();
        if facts > FACTS_MAX {
            return Ok(Vec::new());
        }
        let scope = Scope {
            tenant: Some(tenant.clone()),
            up_to: state.position,
            deadline: Some(Instant::now() + FOLD_TIME_MAX),
            ..Scope::all(&snapshot)
        };
        let folded = match rebuild(&snapshot, &scope, 1, &|_| {}) {
            Ok(mut states) => states.remove(tenant.as_str()).unwrap_or_default(),
            Err(FoldError::Late) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let [live, again] = [state.tenant, folded.tenant].map(|models| models.digests(tenant.as_str()));
        let pairs = MODELS.iter().zip(live.iter().zip(&again));
        let mismatches = pairs.filter(|(_, (live, again))| live != again);
        Ok(mismatches.map(|((model, _), _)| DigestMismatch { model, position: state.position }).collect())
    }
}
