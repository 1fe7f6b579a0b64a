//! Restatements when they are asked for (E4): the tenant's facts folded in order beside the live models, and gone on with
//! from there when asked again. Taking facts in costs nothing for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use domain::keys::{Position, TenantId};
use domain::members;
use parking_lot::Mutex;
use projections::figures::restatements::RestatementTracker;
use projections::tenant::Tenant;

use super::rebuild::{Scope, refold};
use super::time_travel::FOLD_THREADS;
use super::{Moment, TenantView, Views};
use crate::follow::{FoldError, is_accepted};
use crate::log::LogSnapshot;
use crate::log::select::Select;

/// Trackers that are kept to go on with.
const TRACKERS_MAX: usize = 16;
/// Facts that their ledgers may hold together, a fact taking some 500 bytes; the latest asked for is kept however long
/// it is.
const FACTS_MAX: u64 = 400_000;
/// Facts between two looks at the time.
const FACTS_AT_ONCE: u64 = 1_024;

/// Whose tracker, and of a past moment which: the live one goes on for ever.
type Key = (TenantId, Option<(Position, Option<members::Instant>)>);
type SharedTracker = Arc<KeptTracker>;

#[derive(Default)]
struct KeptTracker {
    tracker: Mutex<RestatementTracker>,
    /// How many facts it has folded.
    facts: AtomicU64,
}

/// The trackers that are kept, least lately asked for first.
#[derive(Default)]
pub(super) struct RestatementTrackers(Mutex<Vec<(Key, SharedTracker)>>);

impl RestatementTrackers {
    fn of(&self, key: Key) -> SharedTracker {
        let mut kept = self.0.lock();
        let known = kept.iter().position(|(known, _)| *known == key);
        let entry = known.map_or_else(|| (key, SharedTracker::default()), |at| kept.remove(at));
        let tracker = Arc::clone(&entry.1);
        kept.push(entry);
        drop(kept);
        self.evict();
        tracker
    }

    fn evict(&self) {
        let mut kept = self.0.lock();
        let facts = |kept: &[(Key, SharedTracker)]| -> u64 {
            kept.iter().map(|(_, kept)| kept.facts.load(Ordering::Relaxed)).sum()
        };
        while kept.len() > 1 && (kept.len() > TRACKERS_MAX || facts(&kept) > FACTS_MAX) {
            kept.remove(0);
        }
    }
}

impl Views {
    /// Reads what restated a tenant's closed months up to `moment`. None of a tenant without any facts.
    ///
    /// # Errors
    /// [`FoldError::Late`] when it takes too long; asked again, it goes on where it was. Else what the log cannot read.
    pub async fn restatements<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        moment: Moment,
        read: impl FnOnce(&RestatementTracker) -> T + Send + 'static,
    ) -> Result<Option<T>, FoldError> {
        let Some(live) = self.tenant(tenant) else { return Ok(None) };
        let up_to = self.up_to(&moment).await?;
        let past = (moment != Moment::default()).then_some((up_to, moment.occurred_until));
        let kept = self.inner.restatements.of((tenant.clone(), past));
        let log = self.inner.log.snapshot();
        let tenant = tenant.clone();
        let told = self.in_turn(move |deadline| {
            let mut tracker = kept.tracker.try_lock_until(deadline).ok_or(FoldError::Late)?;
            let occurred_until = moment.occurred_until;
            let scope = Scope { tenant: Some(tenant), up_to, occurred_until, ..Scope::all(&log) };
            advance(&mut tracker, &log, &scope, &kept.facts, deadline)?;
            match past {
                None => share(&mut tracker, &live),
                // Its facts are all folded, and no more will come.
                Some(_) => tracker.share(Tenant::default()),
            }
            Ok(read(&tracker))
        });
        let told = told.await.map(Some);
        self.inner.restatements.evict();
        told
    }
}

fn advance(
    tracker: &mut RestatementTracker,
    log: &LogSnapshot,
    scope: &Scope,
    facts: &AtomicU64,
    deadline: Instant,
) -> Result<(), FoldError> {
    let select = Select { from: tracker.position() + 1, ..Select::all() };
    scope.for_each(log, select, |position, record| {
        let header = &record.header;
        let recorded_at = members::Instant(header.recorded_at);
        if is_accepted(header.kind) {
            let state = refold(log, header.tenant, position, scope.occurred_until, FOLD_THREADS)?;
            tracker.replace(state.tenant, position, recorded_at);
        } else {
            match scope.decode(position, record)? {
                Some(fact) => tracker.apply(&fact.recorded()),
                None => tracker.pass(position, recorded_at),
            }
        }
        let count = facts.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_multiple_of(FACTS_AT_ONCE) && deadline < Instant::now() {
            Err(FoldError::Late)
        } else {
            Ok(())
        }
    })
}

/// Lets the live rows be the tracker's where they are at the same position, so that they lie in memory once.
fn share(tracker: &mut RestatementTracker, live: &TenantView) {
    let state = live.slot().read();
    if state.position == tracker.position() {
        let tenant = state.tenant.clone();
        drop(state);
        tracker.share(tenant);
    }
}
