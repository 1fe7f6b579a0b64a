//! Facts folded as they become durable.

use std::sync::Arc;

use domain::facts::{Fact, kind_name};
use domain::keys::Position;
use domain::record::KindTag;
use projections::tenant::folds;

use super::rebuild;
use super::slot::Slot;
use super::state::Inner;
use crate::follow::{Batch, Checkpoint, Decoded, Fold, FoldError, alters};
use crate::log::select::GroupSet;

/// Facts folded under one hold of a tenant's lock: readers wait no longer than for so many.
const FACTS_AT_ONCE: usize = 32;

impl Fold for Inner {
    fn groups(&self) -> GroupSet {
        folded_groups()
    }

    fn apply(&self, batch: &Batch<'_>) -> Result<(), FoldError> {
        let by_tenant = by_tenant(batch);
        let _folding = self.folding.lock();
        for part in by_tenant {
            let slot = slot_of(self, part.tenant);
            if part.alters {
                // Accepted conflicts and voids change facts before them, so the tenant is folded anew. That is done beside the
                // live models and put in their place in one step: readers go on with the old ones meanwhile.
                let state =
                    rebuild::refold(&self.log.snapshot(), part.tenant, part.last, None, self.threads)?;
                *slot.write() = state;
                continue;
            }
            fold_tenant(&slot, &part.facts);
            // A tenant's answers are true up to its last fact, whether or not a model folds that kind.
            slot.write().position = part.last;
        }
        count(batch);
        self.checkpoint.advance(batch.last);
        Ok(())
    }

    fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

/// Groups that some model folds.
pub(super) fn folded_groups() -> GroupSet {
    (0..64).filter(|group| folds(*group)).fold(GroupSet::NONE, GroupSet::with)
}

/// A tenant's facts of one batch.
struct Part<'b> {
    tenant: &'b str,
    facts: Vec<&'b Decoded>,
    last: Position,
    /// Whether a conflict was accepted, or a fact voided or restored among them.
    alters: bool,
}

fn by_tenant<'b>(batch: &'b Batch<'_>) -> Vec<Part<'b>> {
    let mut parts: Vec<Part<'b>> = Vec::new();
    for entry in &batch.entries {
        let at = parts.iter().position(|part| part.tenant == &*entry.tenant).unwrap_or_else(|| {
            parts.push(Part { tenant: &entry.tenant, facts: Vec::new(), last: 0, alters: false });
            parts.len() - 1
        });
        let part = &mut parts[at];
        part.facts.extend(&entry.decoded);
        part.last = entry.position;
        part.alters |= alters(entry.kind);
    }
    parts
}

fn count(batch: &Batch<'_>) {
    let mut kinds: Vec<(KindTag, u64)> = Vec::new();
    for entry in &batch.entries {
        match kinds.iter_mut().find(|(kind, _)| *kind == entry.kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((entry.kind, 1)),
        }
    }
    for (kind, count) in kinds {
        let kind = kind_name(kind).unwrap_or("unknown");
        metrics::counter!("factfold_facts_folded_total", "kind" => kind).increment(count);
    }
}

fn slot_of(inner: &Inner, tenant: &str) -> Slot {
    if let Some(slot) = inner.tenants.read().get(tenant) {
        return Arc::clone(slot);
    }
    Arc::clone(inner.tenants.write().entry(tenant.into()).or_default())
}

fn fold_tenant(slot: &Slot, facts: &[&Decoded]) {
    for part in facts.chunks(FACTS_AT_ONCE) {
        let mut state = slot.write();
        for fact in part {
            let recorded = fact.recorded();
            if matches!(fact.fact, Fact::Tenant(_)) {
                // Every row is counted anew under the new rules: only this thread writes, so readers go on
                // meanwhile, and nothing changes between the two halves.
                drop(state);
                let prepared = slot.read().tenant.prepare(&recorded);
                state = slot.write();
                if let Some(prepared) = prepared {
                    state.tenant.reconfigure(prepared);
                }
            }
            state.tenant.fold(&recorded);
            state.position = fact.position;
        }
    }
}
