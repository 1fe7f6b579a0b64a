//! Folds that are kept to be asked again: past states and restatement ledgers of all tenants, within one budget in bytes.

use std::mem::size_of;
use std::sync::Arc;

use domain::keys::{Position, TenantId};
use domain::members::Instant;
use lru::LruCache;
use parking_lot::{Mutex, MutexGuard};
use projections::figures::restatements::RestatementTracker;
use tokio::sync::OnceCell;

use super::Views;
use super::slot::Slot;

/// Bytes that all kept folds may hold together.
const BYTES_MAX: usize = 256 * 1024 * 1024;
/// Bytes of an entry, of its tenant's id and of its place in the list.
const ENTRY_BYTES: usize = 192 + size_of::<KeptFold>() + size_of::<Extent>();

/// Whose facts, and which of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Extent {
    pub tenant: TenantId,
    /// The last position; none where it goes on as facts come.
    pub up_to: Option<Position>,
    /// What happened later is left out.
    pub occurred_until: Option<Instant>,
}

/// What is folded of an extent; each part is empty until it is asked for.
#[derive(Default)]
pub(super) struct KeptFold {
    pub state: OnceCell<Slot>,
    pub restatements: Mutex<KeptTracker>,
}

#[derive(Default)]
pub(super) struct KeptTracker {
    pub tracker: RestatementTracker,
    /// Whether its rows were let go, because they were too large: they are folded again when it goes on.
    pub is_bare: bool,
}

/// Bytes that kept folds hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeptBytes {
    /// Of past states.
    pub past_states: usize,
    /// Of restatement ledgers and the rows that they go on from.
    pub restatements: usize,
}

impl KeptBytes {
    fn sum(self) -> usize {
        self.past_states + self.restatements
    }
}

struct Entries {
    folds: LruCache<Extent, (Arc<KeptFold>, KeptBytes)>,
    bytes: KeptBytes,
}

impl Entries {
    fn change(&mut self, before: KeptBytes, after: KeptBytes) {
        self.bytes.past_states = self.bytes.past_states - before.past_states + after.past_states;
        self.bytes.restatements = self.bytes.restatements - before.restatements + after.restatements;
    }

    fn remove(&mut self, removed: Option<(Arc<KeptFold>, KeptBytes)>) -> Option<Arc<KeptFold>> {
        let (fold, bytes) = removed?;
        self.change(bytes, KeptBytes::default());
        Some(fold)
    }
}

/// The folds that are kept. The one least lately asked for goes first; one that alone exceeds the budget is not kept.
/// What is being folded or read counts when it is done: at most half as many as cores are folded at a time.
pub(super) struct KeptFolds {
    entries: Mutex<Entries>,
    bytes_max: usize,
}

impl Default for KeptFolds {
    fn default() -> Self {
        Self::within(BYTES_MAX)
    }
}

impl KeptFolds {
    pub(super) fn within(bytes_max: usize) -> Self {
        let entries = Entries { folds: LruCache::unbounded(), bytes: KeptBytes::default() };
        Self { entries: Mutex::new(entries), bytes_max }
    }

    /// The fold of `extent`, empty where it is not kept: who asks for the same meanwhile waits for it.
    pub(super) fn of(&self, extent: &Extent) -> Arc<KeptFold> {
        let mut entries = self.entries.lock();
        let (fold, _) = entries.folds.get_or_insert_mut(extent.clone(), Default::default);
        let fold = Arc::clone(fold);
        self.evict(entries, None);
        fold
    }

    /// Whether a fold of `extent` is kept, or another one would leave half of the budget free.
    pub(super) fn may_begin(&self, extent: &Extent) -> bool {
        let entries = self.entries.lock();
        entries.folds.contains(extent) || entries.bytes.sum() < self.bytes_max / 2
    }

    /// Notes what a part of the fold holds now, and lets others go for it. Whether it is kept.
    pub(super) fn weigh(
        &self,
        extent: &Extent,
        fold: &Arc<KeptFold>,
        change: impl FnOnce(&mut KeptBytes),
    ) -> bool {
        let mut entries = self.entries.lock();
        let known = entries.folds.get_mut(extent).filter(|(known, _)| Arc::ptr_eq(known, fold));
        let Some((_, bytes)) = known else { return false };
        let before = *bytes;
        change(bytes);
        let after = *bytes;
        entries.change(before, after);
        let is_kept = self.fits(after.sum());
        let too_large = if is_kept { None } else { entries.folds.pop(extent) };
        let too_large = entries.remove(too_large);
        self.evict(entries, too_large);
        is_kept
    }

    /// Whether a fold that holds so many bytes may be kept at all.
    pub(super) fn fits(&self, bytes: usize) -> bool {
        ENTRY_BYTES + bytes <= self.bytes_max
    }

    /// Lets go of those least lately asked for until the others fit. Memory is given back after the lock.
    fn evict(&self, mut entries: MutexGuard<'_, Entries>, too_large: Option<Arc<KeptFold>>) {
        let mut evicted = Vec::from_iter(too_large);
        while entries.bytes.sum() + ENTRY_BYTES * entries.folds.len() > self.bytes_max {
            let Some((_, oldest)) = entries.folds.pop_lru() else { break };
            evicted.extend(entries.remove(Some(oldest)));
        }
        drop(entries);
    }

    /// Lets go of everything of a tenant.
    pub(super) fn forget(&self, tenant: &TenantId) {
        let mut entries = self.entries.lock();
        let of_the_tenant = entries.folds.iter().filter(|(extent, _)| extent.tenant == *tenant);
        let extents: Vec<Extent> = of_the_tenant.map(|(extent, _)| extent.clone()).collect();
        let mut gone = Vec::new();
        for extent in extents {
            let removed = entries.folds.pop(&extent);
            gone.extend(entries.remove(removed));
        }
        drop(entries);
    }

    /// Lets go of all: what they share with models that were swapped may be wrong.
    pub(super) fn clear(&self) {
        let mut entries = self.entries.lock();
        entries.bytes = KeptBytes::default();
        let gone = std::mem::replace(&mut entries.folds, LruCache::unbounded());
        drop(entries);
        drop(gone);
    }

    fn bytes(&self) -> KeptBytes {
        self.entries.lock().bytes
    }
}

impl Views {
    /// What is kept of folds of the past.
    pub fn kept_bytes(&self) -> KeptBytes {
        self.inner.kept.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(up_to: Position) -> Extent {
        Extent { tenant: TenantId::new("acme").unwrap(), up_to: Some(up_to), occurred_until: None }
    }

    fn keep(kept: &KeptFolds, up_to: Position, past_states: usize) -> bool {
        let extent = extent(up_to);
        kept.weigh(&extent, &kept.of(&extent), |bytes| bytes.past_states = past_states)
    }

    fn known(kept: &KeptFolds) -> Vec<Position> {
        let mut known: Vec<_> =
            kept.entries.lock().folds.iter().filter_map(|(extent, _)| extent.up_to).collect();
        known.sort_unstable();
        known
    }

    #[test]
    fn given_more_than_the_budget_when_kept_then_the_least_lately_asked_for_goes() {
        let kept = KeptFolds::within(1_000_000);
        assert!([1, 2, 3].iter().all(|n| keep(&kept, *n, 200_000)));
        kept.of(&extent(1));
        assert!(keep(&kept, 4, 400_000));
        assert_eq!(known(&kept), [1, 3, 4]);
        assert_eq!(kept.bytes(), KeptBytes { past_states: 800_000, restatements: 0 });
        // Both kinds share the budget.
        kept.weigh(&extent(4), &kept.of(&extent(4)), |bytes| bytes.restatements = 500_000);
        assert_eq!((known(&kept), kept.bytes().restatements), (vec![4], 500_000));
    }

    #[test]
    fn given_one_larger_than_the_budget_when_weighed_then_it_goes_and_the_others_stay() {
        let kept = KeptFolds::within(1_000_000);
        assert!(keep(&kept, 1, 200_000));
        assert!(!keep(&kept, 2, 1_000_000));
        assert_eq!((known(&kept), kept.bytes().sum()), (vec![1], 200_000));
        let gone = kept.of(&extent(2));
        assert!(keep(&kept, 2, 100_000), "a smaller one is kept");
        let other = Arc::new(KeptFold::default());
        assert!(!kept.weigh(&extent(2), &other, |bytes| bytes.past_states = 900_000), "it is of another");
        assert!(Arc::ptr_eq(&gone, &kept.of(&extent(2))));
    }

    #[test]
    fn entries_without_rows_are_bounded_too() {
        let kept = KeptFolds::within(100 * ENTRY_BYTES);
        (0..1_000).for_each(|n| drop(kept.of(&extent(n))));
        assert_eq!(known(&kept), (900..1_000).collect::<Vec<_>>());
    }
}
