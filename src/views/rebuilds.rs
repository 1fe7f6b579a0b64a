//! Rebuilds on request (E5): one at a time, told how far it is, compared with the live models, swapped in, taken back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use domain::keys::{Position, TenantId};
use domain::words;
use parking_lot::Mutex;
use tokio::sync::watch;
use uuid::Uuid;

use super::Views;
use super::difference::Differences;
use super::shadow::{Models, Shadow};
use crate::follow::FoldError;
use crate::worker::Worker;

/// So long are models kept that were swapped out, and built ones that nobody swaps in.
const KEPT: Duration = Duration::from_secs(3_600);
/// Rebuilds of which is told, the latest ones.
const TOLD_MAX: usize = 16;

words! {
    /// Where a rebuild is.
    RebuildState {
        /// The log is read from its lanes.
        Folding = "folding",
        /// What came meanwhile is folded.
        CatchingUp = "catching_up",
        /// It is compared with the live models and can be swapped in.
        Ready = "ready",
        /// It is live.
        Swapped = "swapped",
        /// It was given up.
        Discarded = "discarded",
        /// It could not be built.
        Failed = "failed",
    }
}

/// Why nothing is rebuilt or swapped.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RebuildError {
    /// No model has this name.
    #[error("model not found")]
    UnknownModel,
    /// The tenant has no facts.
    #[error("tenant not found")]
    UnknownTenant,
    /// No such rebuild of this model, or one of long ago.
    #[error("rebuild not found")]
    NotFound,
    /// There is one already.
    #[error("rebuild {0} is not finished: swap it in or discard it first")]
    Running(String),
    /// It cannot be swapped in or discarded any more, or not yet.
    #[error("the rebuild is {}", .0.as_str())]
    NotReady(RebuildState),
    /// Nothing was swapped out within the last hour, or it is of another model.
    #[error("no former model is kept")]
    NoFormer,
    /// The log could not be folded.
    #[error(transparent)]
    Fold(#[from] FoldError),
}

/// What is told of a rebuild.
#[derive(Debug, Clone)]
pub struct RebuildStatus {
    /// Its id.
    pub rebuild_id: String,
    /// The model, or `all`.
    pub name: String,
    /// Whose; all tenants' when none.
    pub tenant: Option<String>,
    /// Where it is.
    pub state: RebuildState,
    /// The position up to which both models were compared, or at which it was swapped in.
    pub position: Option<Position>,
    /// Facts of the log that are folded.
    pub facts_done: u64,
    /// Facts of the log at its begin.
    pub facts_total: u64,
    /// Facts folded in a second.
    pub facts_per_second: u64,
    /// Seconds until it is ready, at this rate; none once it is.
    pub eta_seconds: Option<u64>,
    /// Why it failed.
    pub error: Option<String>,
    /// What differs; none before it is compared.
    pub differences: Option<Arc<Differences>>,
}

struct Job {
    id: String,
    name: String,
    tenant: Option<TenantId>,
    began: Instant,
    /// When folding ended.
    folded: Option<Instant>,
    ended: Option<Instant>,
    total: u64,
    done: Arc<AtomicU64>,
    cancelled: Arc<AtomicBool>,
    state: RebuildState,
    position: Option<Position>,
    error: Option<String>,
    differences: Option<Arc<Differences>>,
    /// Until it is swapped in or given up.
    shadow: Option<Shadow>,
}

impl Job {
    fn is_open(&self) -> bool {
        matches!(self.state, RebuildState::Folding | RebuildState::CatchingUp | RebuildState::Ready)
    }

    fn end(&mut self, state: RebuildState) {
        self.state = state;
        self.ended = Some(Instant::now());
        self.shadow = None;
    }

    fn status(&self) -> RebuildStatus {
        let done = self.done.load(Ordering::Relaxed).min(self.total);
        let seconds = self.folded.unwrap_or_else(Instant::now).duration_since(self.began).as_secs_f64();
        let rate = done as f64 / seconds.max(1e-3);
        let left = self.total - done;
        let is_under_way = matches!(self.state, RebuildState::Folding | RebuildState::CatchingUp);
        RebuildStatus {
            rebuild_id: self.id.clone(),
            name: self.name.clone(),
            tenant: self.tenant.as_ref().map(ToString::to_string),
            state: self.state,
            position: self.position,
            facts_done: done,
            facts_total: self.total,
            facts_per_second: rate as u64,
            eta_seconds: (is_under_way && done > 0).then(|| (left as f64 / rate.max(1.0)).ceil() as u64),
            error: self.error.clone(),
            differences: self.differences.clone(),
        }
    }
}

/// Models that were live before the last swap.
struct Former {
    name: String,
    shadow: Shadow,
    since: Instant,
}

/// The rebuilds of a server.
#[derive(Default)]
pub(super) struct Rebuilds {
    /// Latest last.
    jobs: Mutex<VecDeque<Job>>,
    former: Mutex<Option<Former>>,
    worker: Mutex<Option<Worker>>,
}

impl Rebuilds {
    /// Lets go of what nobody has asked for in an hour.
    pub(super) fn expire(&self) {
        // Who swaps just now holds it, and looks himself.
        let gone = self
            .former
            .try_lock()
            .and_then(|mut former| former.take_if(|former| former.since.elapsed() > KEPT));
        drop(gone);
        for job in self.jobs.lock().iter_mut() {
            let is_old = job.ended.is_some_and(|ended| ended.elapsed() > KEPT);
            if job.state == RebuildState::Ready && is_old {
                job.end(RebuildState::Discarded);
            }
        }
    }

    /// Gives up what is built, and lets go of what was live before.
    pub(super) fn forget(&self) {
        for job in self.jobs.lock().iter_mut().filter(|job| job.is_open()) {
            job.cancelled.store(true, Ordering::Relaxed);
            job.end(RebuildState::Discarded);
        }
        let former = self.former.lock().take();
        drop(former);
    }

    fn with<T>(&self, id: &str, change: impl FnOnce(&mut Job) -> T) -> Option<T> {
        self.jobs.lock().iter_mut().find(|job| job.id == id).map(change)
    }

    fn of<T>(&self, name: &str, id: &str, change: impl FnOnce(&mut Job) -> T) -> Result<T, RebuildError> {
        let mut jobs = self.jobs.lock();
        let job = jobs.iter_mut().find(|job| job.id == id && job.name == name);
        job.map(change).ok_or(RebuildError::NotFound)
    }

    /// Ends the thread.
    pub(super) fn close(&self) {
        for job in self.jobs.lock().iter() {
            job.cancelled.store(true, Ordering::Relaxed);
        }
        if let Some(worker) = self.worker.lock().take() {
            worker.close();
        }
    }
}

impl Views {
    /// Begins to build a model, or `all`, beside the live one; answers the id of the rebuild.
    ///
    /// # Errors
    /// [`RebuildError`]: one at a time.
    pub fn start_rebuild(&self, name: &str, tenant: Option<&TenantId>) -> Result<String, RebuildError> {
        let models = Models::named(name).ok_or(RebuildError::UnknownModel)?;
        if let Some(tenant) = tenant
            && self.tenant(tenant).is_none()
        {
            return Err(RebuildError::UnknownTenant);
        }
        if let Some(failure) = self.failure() {
            return Err(failure.into());
        }
        let rebuilds = &self.inner.rebuilds;
        rebuilds.expire();
        let id = Uuid::now_v7().to_string();
        let (done, cancelled) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        {
            let mut jobs = rebuilds.jobs.lock();
            if let Some(open) = jobs.iter().find(|job| job.is_open()) {
                return Err(RebuildError::Running(open.id.clone()));
            }
            jobs.push_back(Job {
                id: id.clone(),
                name: name.to_owned(),
                tenant: tenant.cloned(),
                began: Instant::now(),
                folded: None,
                ended: None,
                total: self.inner.log.head().position,
                done: Arc::clone(&done),
                cancelled: Arc::clone(&cancelled),
                state: RebuildState::Folding,
                position: None,
                error: None,
                differences: None,
                shadow: None,
            });
            if jobs.len() > TOLD_MAX {
                jobs.pop_front();
            }
        }
        let (views, job, of) = (self.clone(), id.clone(), (models, tenant.cloned()));
        let worker = Worker::spawn("rebuild", move |_| build(&views, &job, of, &done, &cancelled));
        let worker = worker.map_err(|error| FoldError::Thread(error.to_string()));
        match worker {
            // The one before has ended: there was no open rebuild.
            Ok(worker) => *rebuilds.worker.lock() = Some(worker),
            Err(error) => {
                rebuilds.with(&id, |job| job.end(RebuildState::Failed));
                return Err(error.into());
            }
        }
        Ok(id)
    }

    /// How far a rebuild is.
    ///
    /// # Errors
    /// [`RebuildError::NotFound`].
    pub fn rebuild_status(&self, name: &str, id: &str) -> Result<RebuildStatus, RebuildError> {
        self.inner.rebuilds.expire();
        self.inner.rebuilds.of(name, id, |job| job.status())
    }

    /// Puts a rebuild that is ready in the place of the live model, and keeps that for an hour; answers the position.
    /// Blocks.
    ///
    /// # Errors
    /// [`RebuildError`].
    pub fn swap_rebuild(&self, name: &str, id: &str) -> Result<Position, RebuildError> {
        let rebuilds = &self.inner.rebuilds;
        rebuilds.expire();
        let _no_erasure = self.inner.erasing.lock();
        // Held until it is done: of two swaps the second finds nothing to swap.
        let mut former = rebuilds.former.lock();
        let shadow = rebuilds.of(name, id, |job| match job.state {
            RebuildState::Ready => job.shadow.take().ok_or(RebuildError::NotReady(job.state)),
            state => Err(RebuildError::NotReady(state)),
        })?;
        let mut shadow = shadow?;
        match self.inner.exchange(&mut shadow) {
            Ok(position) => {
                *former = Some(Former { name: name.to_owned(), shadow, since: Instant::now() });
                rebuilds.with(id, |job| {
                    job.position = Some(position);
                    job.end(RebuildState::Swapped);
                });
                Ok(position)
            }
            Err(error) => {
                rebuilds.with(id, |job| {
                    job.error = Some(error.to_string());
                    job.end(RebuildState::Failed);
                });
                Err(error.into())
            }
        }
    }

    /// Gives up a rebuild that is not swapped in.
    ///
    /// # Errors
    /// [`RebuildError`].
    pub fn discard_rebuild(&self, name: &str, id: &str) -> Result<(), RebuildError> {
        let discarded = self.inner.rebuilds.of(name, id, |job| match job.state {
            RebuildState::Discarded => Ok(None),
            RebuildState::Folding | RebuildState::CatchingUp | RebuildState::Ready => {
                job.cancelled.store(true, Ordering::Relaxed);
                let shadow = job.shadow.take();
                job.end(RebuildState::Discarded);
                Ok(shadow)
            }
            state @ (RebuildState::Swapped | RebuildState::Failed) => Err(RebuildError::NotReady(state)),
        });
        discarded?.map(drop)
    }

    /// Puts the model that was live before the last swap in its place again; answers the position. Blocks.
    ///
    /// # Errors
    /// [`RebuildError::NoFormer`] an hour after the swap; else what the log cannot read.
    pub fn roll_back(&self, name: &str) -> Result<Position, RebuildError> {
        Models::named(name).ok_or(RebuildError::UnknownModel)?;
        let _no_erasure = self.inner.erasing.lock();
        let mut kept = self.inner.rebuilds.former.lock();
        let is_it = |former: &mut Former| former.name == name && former.since.elapsed() <= KEPT;
        let mut former = kept.take_if(is_it).ok_or(RebuildError::NoFormer)?;
        Ok(self.inner.exchange(&mut former.shadow)?)
    }

    /// How often models were swapped: an answer of before has another tag.
    pub fn swaps(&self) -> u64 {
        *self.inner.swaps.borrow()
    }

    /// Tells async readers of each swap.
    pub fn swapped(&self) -> watch::Receiver<u64> {
        self.inner.swaps.subscribe()
    }
}

/// Builds, catches up and compares.
fn build(
    views: &Views,
    id: &str,
    of: (Models, Option<TenantId>),
    done: &AtomicU64,
    cancelled: &Arc<AtomicBool>,
) {
    let inner = &views.inner;
    let built = || -> Result<(Shadow, Differences), FoldError> {
        let snapshot = inner.log.snapshot();
        let progress = |progress: super::Progress| done.store(progress.folded, Ordering::Relaxed);
        let mut shadow = Shadow::fold(&snapshot, of, inner.threads, cancelled, &progress)?;
        done.store(u64::MAX, Ordering::Relaxed);
        inner.rebuilds.with(id, |job| {
            job.folded = Some(Instant::now());
            if job.state == RebuildState::Folding {
                job.state = RebuildState::CatchingUp;
            }
        });
        let live = inner.live_beside(&mut shadow, cancelled)?;
        let differences = Differences::between(&live, &shadow);
        Ok((shadow, differences))
    };
    let built = built();
    inner.rebuilds.with(id, |job| match built {
        // Given up meanwhile: what was built goes.
        _ if !job.is_open() => {}
        Ok((shadow, differences)) => {
            (job.state, job.ended) = (RebuildState::Ready, Some(Instant::now()));
            job.position = Some(shadow.position);
            job.differences = Some(Arc::new(differences));
            job.shadow = Some(shadow);
        }
        Err(error) => {
            job.error = Some(error.to_string());
            job.end(RebuildState::Failed);
        }
    });
}
