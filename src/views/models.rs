//! The digest of each model over all tenants (E6). While facts come in, only tenants with new facts are digested again.

use std::collections::BTreeMap;
use std::time::Instant;

use domain::keys::{Position, TenantId};
use parking_lot::Mutex;
use projections::canonical::Digest;
use projections::tenant::{MODELS, Tenant};
use serde::Serialize;

use super::Views;
use crate::follow::FoldError;

/// The digest of one model over all tenants (E6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelDigest {
    /// The model.
    pub name: &'static str,
    /// Version of its rules and of the tz database: 1202502 is version 1 of the rules under 2025b.
    pub version: u32,
    /// True at this position of the log.
    pub position: Position,
    /// 64 hexadecimal digits.
    pub digest: String,
}

/// Each tenant's digests with the position that they are of, and how often models had been swapped then.
#[derive(Default)]
pub(super) struct DigestCache(Mutex<BTreeMap<Box<str>, TenantDigests>>);

type TenantDigests = (Position, u64, Vec<Digest>);

impl DigestCache {
    /// Lets go of a tenant's digests.
    pub(super) fn forget(&self, tenant: &TenantId) {
        self.0.lock().remove(tenant.as_str());
    }
}

impl Views {
    /// What [`Views::digests`] tells. It takes a while where many tenants have new facts since it was last asked for.
    ///
    /// # Errors
    /// [`FoldError::Late`] where others ask for as much at the same time.
    pub async fn models(&self) -> Result<Vec<ModelDigest>, FoldError> {
        let views = self.clone();
        self.in_turn(move |deadline| views.changed_digests(deadline)).await
    }

    fn changed_digests(&self, deadline: Instant) -> Result<Vec<ModelDigest>, FoldError> {
        let inner = &self.inner;
        // One at a time: whoever comes second finds what the first has made.
        let mut cache = inner.digests.0.try_lock_until(deadline).ok_or(FoldError::Late)?;
        let (changed, position, swaps) = {
            let _still = inner.folding.lock();
            let swaps = self.swaps();
            let tenants = inner.tenants.read();
            let changed = tenants.iter().filter_map(|(id, slot)| {
                let state = slot.read();
                let is_known = cache.get(id).is_some_and(|(at, of, _)| (*at, *of) == (state.position, swaps));
                (!is_known).then(|| (id.clone(), state.position, state.tenant.clone()))
            });
            (changed.collect::<Vec<(Box<str>, Position, Tenant)>>(), self.position(), swaps)
        };
        for (id, position, tenant) in changed {
            let digests = tenant.digests(&id);
            cache.insert(id, (position, swaps, digests));
        }
        let mut sums = vec![Digest::default(); MODELS.len()];
        for (_, _, digests) in cache.values() {
            sums.iter_mut().zip(digests).for_each(|(sum, digest)| sum.merge(*digest));
        }
        Ok(named(sums, position))
    }
}

pub(super) fn sum(tenants: &[(Box<str>, Tenant)], position: Position) -> Vec<ModelDigest> {
    let mut sums = vec![Digest::default(); MODELS.len()];
    for (id, tenant) in tenants {
        for (sum, digest) in sums.iter_mut().zip(tenant.digests(id)) {
            sum.merge(digest);
        }
    }
    named(sums, position)
}

fn named(sums: Vec<Digest>, position: Position) -> Vec<ModelDigest> {
    let models = MODELS.iter().zip(sums);
    models
        .map(|((name, version), digest)| ModelDigest {
            name,
            version: *version,
            position,
            digest: digest.to_string(),
        })
        .collect()
}
