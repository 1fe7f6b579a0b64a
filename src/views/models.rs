//! The digest of each model over all tenants as it is asked for while facts come in (E6): only what changed is gone through.

use std::collections::BTreeMap;
use std::time::Instant;

use domain::keys::Position;
use parking_lot::Mutex;
use projections::canonical::Digest;
use projections::tenant::{MODELS, Tenant};

use super::{FoldError, ModelDigest, Views, named};

/// Digests of tenants with the position that they are of: a tenant without new facts is not gone through again.
#[derive(Default)]
pub(super) struct Digested(Mutex<BTreeMap<Box<str>, Known>>);

type Known = (Position, Vec<Digest>);

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
        let mut known = inner.digested.0.try_lock_until(deadline).ok_or(FoldError::Late)?;
        let (changed, position) = {
            let _still = inner.folding.lock();
            let tenants = inner.tenants.read();
            let changed = tenants.iter().filter_map(|(id, slot)| {
                let state = slot.read();
                let is_known = known.get(id).is_some_and(|(position, _)| *position == state.position);
                (!is_known).then(|| (id.clone(), state.position, state.tenant.clone()))
            });
            (changed.collect::<Vec<(Box<str>, Position, Tenant)>>(), self.position())
        };
        for (id, position, tenant) in changed {
            let digests = tenant.digests(&id);
            known.insert(id, (position, digests));
        }
        let mut sums = vec![Digest::default(); MODELS.len()];
        for (_, digests) in known.values() {
            sums.iter_mut().zip(digests).for_each(|(sum, digest)| sum.merge(*digest));
        }
        Ok(named(sums, position))
    }
}
