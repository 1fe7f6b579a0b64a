//! Read models in memory: what is served, tenant by tenant, each at one position (I5, I6).
//!
//! A lock is held to look up, to sum and to take counters of pages, never to encode, sort, hash or read a disk.

mod answers;
mod audit;
mod call_requests;
pub mod crm;
pub mod crm_known;
mod difference;
pub mod dispositions;
mod erasing;
pub mod explain;
pub mod export_scan;
pub mod exported;
pub mod facts;
mod figure_table;
mod jobs;
mod kept;
mod leads;
mod ledgers;
mod live;
mod models;
pub mod quarantined;
mod rebuild;
mod rebuilds;
mod reports;
mod restatements;
mod sessions;
mod shadow;
mod slot;
mod starting;
mod state;
#[cfg(test)]
mod tests;
mod time_travel;
pub mod voids;
pub mod what_if;

use std::sync::Arc;
use std::time::Duration;

use domain::keys::{Position, TenantId};
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

pub use self::answers::{CallAnswer, TenantView};
pub use self::audit::DigestMismatch;
pub use self::difference::{Differences, ModelDifference};
pub use self::erasing::ForgettingError;
pub use self::figure_table::{FigureDifference, FigureTable};
pub use self::jobs::Progress;
pub use self::kept::KeptBytes;
use self::kept::KeptFolds;
pub use self::leads::{LeadAddress, LeadLookupError};
pub use self::models::ModelDigest;
use self::models::{DigestCache, sum};
use self::rebuild::Scope;
use self::rebuilds::Rebuilds;
pub use self::rebuilds::{RebuildError, RebuildState, RebuildStatus};
pub use self::sessions::SessionAnswer;
use self::starting::Unfolded;
use self::state::Inner;
pub use self::time_travel::Moment;
pub use crate::follow::FoldError;
use crate::follow::{Ahead, Checkpoint, Fold, Follower};
use crate::log::{Log, LogSnapshot};
use crate::worker::StopSignal;

pub use projections::entities::calls::list::CallFilter;
pub use projections::entities::leads::list::LeadFilter;

/// The read models; clones are handles of the same ones.
#[derive(Clone)]
pub struct Views {
    inner: Arc<Inner>,
}

impl Views {
    /// Models of the log as it is now, of which nothing is folded yet: [`Views::fold_behind`] does it, with `threads`
    /// threads.
    ///
    /// # Errors
    /// What the log cannot read.
    pub fn unfolded_of(log: &Log, threads: usize) -> Result<Self, FoldError> {
        Self::keeping(log, threads, KeptFolds::default())
    }

    /// Folds the log from its lanes with `threads` threads; nothing is followed yet.
    ///
    /// # Errors
    /// What the log cannot read, or a fact that this release cannot decode: nothing is served then.
    pub fn open(log: &Log, threads: usize, progress: &(dyn Fn(Progress) + Sync)) -> Result<Self, FoldError> {
        let views = Self::unfolded_of(log, threads)?;
        views.fold(&StopSignal::default(), progress)?;
        Ok(views)
    }

    fn keeping(log: &Log, threads: usize, kept: KeptFolds) -> Result<Self, FoldError> {
        let opened = log.snapshot();
        let inner = Inner {
            log: log.clone(),
            threads,
            turns: time_travel::turns(),
            kept,
            digests: DigestCache::default(),
            rebuilds: Rebuilds::default(),
            swaps: watch::Sender::new(0),
            tenants: RwLock::default(),
            opened: opened.head().position,
            unfolded: Unfolded::of(opened)?,
            starting: Mutex::new(None),
            checkpoint: Checkpoint::default(),
            folding: Mutex::new(()),
            erasing: Mutex::new(()),
            follower: Mutex::new(None),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Follows the log on a thread of its own, which feeds the folds of `ahead` before the read models.
    ///
    /// # Errors
    /// [`FoldError::Thread`].
    pub fn follow(&self, ahead: Option<Arc<Ahead>>) -> Result<(), FoldError> {
        let folds: Vec<Arc<dyn Fold>> = vec![Arc::clone(&self.inner) as _];
        let follower = Follower::start("views", &self.inner.log, self.position(), folds, ahead)?;
        *self.inner.follower.lock() = Some(follower);
        Ok(())
    }

    /// [`Views::open`], then [`Views::follow`] behind no other fold.
    ///
    /// # Errors
    /// As of both.
    pub fn start(log: &Log, threads: usize, progress: &(dyn Fn(Progress) + Sync)) -> Result<Self, FoldError> {
        let views = Self::open(log, threads, progress)?;
        views.follow(None)?;
        Ok(views)
    }

    /// Folds a log once from its lanes: the digests that `replay` and `audit` compare.
    ///
    /// # Errors
    /// As of [`Views::open`].
    pub fn fold_once(
        snapshot: &LogSnapshot,
        threads: usize,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Vec<ModelDigest>, FoldError> {
        let tenants = rebuild::rebuild(snapshot, &Scope::all(snapshot), threads, progress)?;
        let tenants = tenants.into_iter().map(|(id, state)| (id, state.tenant));
        Ok(sum(&tenants.collect::<Vec<_>>(), snapshot.head().position))
    }

    /// The same digests by the other way: every fact in the order of the log, as it is folded live.
    ///
    /// # Errors
    /// As of [`Views::fold_once`].
    pub fn fold_in_order(snapshot: &LogSnapshot) -> Result<Vec<ModelDigest>, FoldError> {
        let tenants = rebuild::in_order(snapshot, &Scope::all(snapshot))?;
        let tenants = tenants.into_iter().map(|(id, state)| (id, state.tenant));
        Ok(sum(&tenants.collect::<Vec<_>>(), snapshot.head().position))
    }

    /// Last position of the log that is folded.
    pub fn position(&self) -> Position {
        self.inner.checkpoint.position()
    }

    /// Tells async readers of each position that is folded; some may be passed over.
    pub fn positions(&self) -> watch::Receiver<Position> {
        self.inner.checkpoint.positions()
    }

    /// Waits until `position` is folded; whether it was within `timeout`.
    pub async fn wait_for(&self, position: Position, timeout: Duration) -> bool {
        self.inner.checkpoint.reached(position, timeout).await
    }

    /// Why folding stopped, if it did: then what is served stays where it is.
    pub fn failure(&self) -> Option<FoldError> {
        self.inner.checkpoint.failure()
    }

    /// A tenant's models; none of a tenant without facts, nor of the engine's own.
    pub fn tenant(&self, tenant: &TenantId) -> Option<TenantView> {
        self.any(tenant).filter(|_| !is_internal(tenant.as_str()))
    }

    /// The models of a tenant of the engine's own, such as `_unassigned`: shown on no tenant's route.
    pub fn internal(&self, tenant: &TenantId) -> Option<TenantView> {
        self.any(tenant).filter(|_| is_internal(tenant.as_str()))
    }

    fn any(&self, tenant: &TenantId) -> Option<TenantView> {
        let slot = self.inner.tenants.read().get(tenant.as_str()).cloned()?;
        Some(TenantView::new(slot))
    }

    /// Every tenant with facts, by id; none of the engine's own.
    pub fn tenants(&self) -> Vec<(Box<str>, TenantView)> {
        let tenants = self.inner.tenants.read();
        let shown = tenants.iter().filter(|(id, _)| !is_internal(id));
        shown.map(|(id, slot)| (id.clone(), TenantView::new(Arc::clone(slot)))).collect()
    }

    /// The digest of each model at one position. Folding waits only while counters are taken.
    pub fn digests(&self) -> Vec<ModelDigest> {
        let (snapshots, position) = {
            let _still = self.inner.folding.lock();
            let tenants = self.inner.tenants.read();
            let taken = tenants.iter().map(|(id, slot)| (id.clone(), slot.read().tenant.clone()));
            (taken.collect::<Vec<_>>(), self.position())
        };
        sum(&snapshots, position)
    }

    /// Stops following; what was folded stays readable.
    pub fn close(&self) {
        if let Some(starting) = self.inner.starting.lock().take() {
            starting.close();
        }
        self.inner.rebuilds.close();
        if let Some(follower) = self.inner.follower.lock().take() {
            follower.close();
        }
    }
}

fn is_internal(tenant: &str) -> bool {
    tenant.starts_with('_')
}
