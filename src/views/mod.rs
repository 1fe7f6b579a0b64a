//! Read models in memory: what is served, tenant by tenant, each at one position (I5, I6).
//!
//! A lock is held to look up, to sum and to take counters of pages, never to encode, sort, hash or read a disk.

mod answers;
mod audit;
pub mod crm;
pub mod dispositions;
mod error;
pub mod facts;
mod jobs;
mod models;
mod projector;
mod rebuild;
mod replaced;
mod reports;
mod restatements;
mod sessions;
#[cfg(test)]
mod tests;
mod time_travel;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::Duration;

use domain::keys::{Position, TenantId};
use parking_lot::{Mutex, RwLock};
use projections::canonical::Digest;
use projections::tenant::{MODELS, Tenant};
use serde::Serialize;
use tokio::sync::watch;

pub use self::answers::{CallAnswer, TenantView};
pub use self::audit::Strayed;
pub use self::error::FoldError;
pub use self::jobs::Progress;
use self::models::Digested;
use self::rebuild::Scope;
use self::restatements::Ledgers;
pub use self::sessions::SessionAnswer;
use self::time_travel::Frozen;
pub use self::time_travel::Moment;
use crate::log::{Log, LogSnapshot};

pub use projections::entities::calls::list::CallFilter;
pub use projections::entities::leads::list::LeadFilter;

/// One tenant's models and the position they are at: that of the last of its facts that was folded.
#[derive(Debug, Clone, Default)]
struct State {
    position: Position,
    tenant: Tenant,
}

type Slot = Arc<RwLock<State>>;

/// The digest of one model over all tenants (E6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelDigest {
    /// The model.
    pub name: &'static str,
    /// Version of its rules.
    pub version: u32,
    /// True at this position of the log.
    pub position: Position,
    /// 64 hexadecimal digits.
    pub digest: String,
}

struct Inner {
    log: Log,
    /// Threads that fold what is not folded live.
    threads: usize,
    frozen: Frozen,
    ledgers: Ledgers,
    digested: Digested,
    tenants: RwLock<BTreeMap<Box<str>, Slot>>,
    /// Last position of the log that is folded, of whatever tenant.
    position: watch::Sender<Position>,
    /// Held while a batch is folded: who holds it sees all tenants at one position.
    folding: Mutex<()>,
    failure: Mutex<Option<FoldError>>,
    stopping: AtomicBool,
    projector: Mutex<Option<JoinHandle<()>>>,
}

/// The read models; clones are handles of the same ones.
#[derive(Clone)]
pub struct Views {
    inner: Arc<Inner>,
}

impl Views {
    /// Folds the log from its lanes with `threads` threads, then follows it on a thread of its own.
    ///
    /// # Errors
    /// What the log cannot read, or a fact that this release cannot decode: nothing is served then.
    pub fn start(log: &Log, threads: usize, progress: &(dyn Fn(Progress) + Sync)) -> Result<Self, FoldError> {
        let snapshot = log.snapshot();
        let position = snapshot.head().position;
        let tenants = rebuild::rebuild(&snapshot, &Scope::all(&snapshot), threads, progress)?;
        let inner = Inner {
            log: log.clone(),
            threads,
            frozen: Frozen::default(),
            ledgers: Ledgers::default(),
            digested: Digested::default(),
            tenants: RwLock::new(tenants.into_iter().map(|(id, state)| (id, slot(state))).collect()),
            position: watch::Sender::new(position),
            folding: Mutex::new(()),
            failure: Mutex::new(None),
            stopping: AtomicBool::new(false),
            projector: Mutex::new(None),
        };
        let views = Self { inner: Arc::new(inner) };
        let thread = projector::spawn(Arc::clone(&views.inner), log.clone(), position)?;
        *views.inner.projector.lock() = Some(thread);
        Ok(views)
    }

    /// Folds a log once and tells the digests: what `replay` and `audit` compare.
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
        *self.inner.position.borrow()
    }

    /// Tells async readers of each position that is folded; some may be passed over.
    pub fn positions(&self) -> watch::Receiver<Position> {
        self.inner.position.subscribe()
    }

    /// Waits until `position` is folded; whether it was within `timeout`.
    pub async fn wait_for(&self, position: Position, timeout: Duration) -> bool {
        let mut folded = self.inner.position.subscribe();
        let reached = folded.wait_for(|folded| *folded >= position);
        matches!(tokio::time::timeout(timeout, reached).await, Ok(Ok(_)))
    }

    /// Why folding stopped, if it did: then what is served stays where it is.
    pub fn failure(&self) -> Option<FoldError> {
        self.inner.failure.lock().clone()
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
        projector::stop(&self.inner);
    }
}

fn is_internal(tenant: &str) -> bool {
    tenant.starts_with('_')
}

fn slot(state: State) -> Slot {
    Arc::new(RwLock::new(state))
}

fn sum(tenants: &[(Box<str>, Tenant)], position: Position) -> Vec<ModelDigest> {
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
